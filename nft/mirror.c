/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "nft/mirror.h"
#include "nft/table.h"
#include "src/base/hash.h"

/* Room for changes that is kept from one commit to the next. */
#define CHANGES_KEPT 4096

struct holder;
struct node;

/* One entry needs one node. */
struct link {
	struct link *next; /* of the same node */
	struct node *node;
	struct holder *holder;
};

/*
 * One element and, in sets that have one, its way back, which has the same key.
 * A table may have hundreds of thousands of nodes, so that each byte counts.
 */
struct node {
	struct hash_node by_elem; /* first: see node_of() */
	struct link *links;	  /* of entries that need it; not of hosts */
	int64_t kernel_deadline;  /* of the element, as the kernel has it */
	uint32_t refs;		  /* entries, those being removed included */
	uint32_t held;		  /* entries, without them */
	/*
	 * The kernel's counters when last seen, modulo 2^32: of the element,
	 * and of its way back.
	 */
	uint32_t packets[2];
	uint8_t set;
	uint8_t stamp; /* the last count that showed it */
	unsigned int in_kernel : 1;
	unsigned int used : 1;	   /* a single connection's, and gone */
	unsigned int changing : 1; /* is in m->changes */
	/* The key; of a map, the data that it is to have and what it has. */
	uint8_t bytes[];
};

/* The elements that an entry of the ledger needs; fw_entry.own points here. */
struct holder {
	struct fw_entry *e;
	struct node *host;
	uint16_t n;
	uint8_t seen; /* FW_SEEN_* since the last report */
	bool held;    /* its links are in their nodes' lists */
	struct link links[];
};

struct change {
	struct node *node;
	enum mirror_op op; /* 0: none */
};

struct mirror {
	const struct fw_config *config;
	struct hash nodes;
	struct change *changes; /* while a commit may make them */
	size_t nchanges, maxchanges;
	size_t count[SET_COUNT];
	uint8_t stamp;
	bool leftovers;
};

static struct node *
node_of(struct hash_node *n)
{
	return (struct node *)(void *)n;
}

static uint64_t
elem_hash(const struct hash *h, uint8_t set, const uint8_t *key)
{
	uint8_t bytes[1 + ELEM_KEYLEN] = { set };
	size_t len = set_keylen(set);

	memcpy(bytes + 1, key, len);
	return hash_bytes(h, bytes, 1 + len);
}

static uint64_t
node_hash(const struct hash *h, const struct hash_node *n)
{
	const struct node *node = (const struct node *)(const void *)n;

	return elem_hash(h, node->set, node->bytes);
}

static uint8_t *
node_data(struct node *node)
{
	return node->bytes + set_keylen(node->set);
}

static uint8_t *
node_kernel_data(struct node *node)
{
	return node_data(node) + set_datalen(node->set);
}

/* The element of a node, or its way back. */
static struct elem
node_elem(struct node *node, bool back)
{
	struct elem e;

	memset(&e, 0, sizeof(e));
	e.set = (uint8_t)(back ? set_back(node->set) : node->set);
	e.keylen = (uint8_t)set_keylen(node->set);
	e.datalen = (uint8_t)set_datalen(node->set);
	memcpy(e.key, node->bytes, e.keylen);
	memcpy(e.data, node_data(node), e.datalen);
	return e;
}

struct mirror *
mirror_new(const struct fw_config *config)
{
	struct mirror *m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->config = config;
	if (hash_init(&m->nodes, node_hash) != PH_OK) {
		free(m);
		return NULL;
	}
	return m;
}

/* The node of an element or of its way back; NULL: there is none. */
static struct node *
find_node(struct mirror *m, const struct elem *e)
{
	struct hash_node *n;
	struct node *node;
	unsigned int set;

	if (e->set >= SET_COUNT)
		return NULL;
	set = set_front(e->set);
	if (e->keylen != set_keylen(set))
		return NULL;
	n = hash_chain(&m->nodes, elem_hash(&m->nodes, (uint8_t)set, e->key));
	for (; n != NULL; n = n->next) {
		node = node_of(n);
		if (node->set == set &&
		    memcmp(node->bytes, e->key, e->keylen) == 0)
			return node;
	}
	return NULL;
}

static struct node *
node_new(struct mirror *m, const struct elem *e)
{
	size_t len = offsetof(struct node, bytes) + e->keylen + 2u * e->datalen;
	struct node *node;

	if (len < sizeof(*node))
		len = sizeof(*node);
	if ((node = calloc(1, len)) == NULL)
		return NULL;
	node->set = e->set;
	memcpy(node->bytes, e->key, e->keylen);
	memcpy(node_data(node), e->data, e->datalen);
	hash_insert(&m->nodes, &node->by_elem);
	return node;
}

/* The node of an element, referred to once more; NULL: no memory. */
static struct node *
node_take(struct mirror *m, const struct elem *e)
{
	struct node *node = find_node(m, e);

	if (node == NULL && (node = node_new(m, e)) == NULL)
		return NULL;
	node->refs++;
	return node;
}

/* The elements of a set, one more or one less. */
static void
count_elements(struct mirror *m, unsigned int set, size_t change)
{
	m->count[set] += change;
	if (set_has_back(set))
		m->count[set_back(set)] += change;
}

static void
node_release(struct mirror *m, struct node *node)
{
	if (--node->refs > 0)
		return;
	if (node->in_kernel)
		count_elements(m, node->set, (size_t)-1);
	hash_remove(&m->nodes, &node->by_elem);
	free(node);
}

static void
link_remove(struct link *link)
{
	struct link **at = &link->node->links;

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	link->node->held--;
}

static void
holder_let_go(struct holder *holder)
{
	size_t i;

	for (i = 0; i < holder->n; i++)
		link_remove(&holder->links[i]);
	holder->host->held--;
	holder->held = false;
}

static void
holder_free(struct mirror *m, struct holder *holder)
{
	if (holder->held)
		holder_let_go(holder);
	while (holder->n > 0)
		node_release(m, holder->links[--holder->n].node);
	if (holder->host != NULL)
		node_release(m, holder->host);
	holder->e->own = NULL;
	free(holder);
}

void
mirror_forget(struct mirror *m, struct fw_entry *e)
{
	if (e->own != NULL)
		holder_free(m, e->own);
}

void
mirror_free(struct mirror *m)
{
	struct holder *holder;
	struct hash_node *n;
	struct hash_iter it;
	struct link *link;

	if (m == NULL)
		return;
	for (n = hash_first(&m->nodes, &it); n != NULL;
	     n = hash_next(&m->nodes, &it))
		while ((link = node_of(n)->links) != NULL) {
			holder = link->holder;
			holder_let_go(holder);
			holder->e->own = NULL;
			free(holder);
		}
	for (n = hash_first(&m->nodes, &it); n != NULL;
	     n = hash_next(&m->nodes, &it))
		free(n);
	hash_free(&m->nodes);
	free(m->changes);
	free(m);
}

static const struct addr *
protected_end(const struct pinhole *h)
{
	return h->dir == PINHOLE_IN ? &h->to : &h->from.addr;
}

static enum ph_err
holder_new(struct mirror *m, struct fw_entry *e, const struct addr *at,
    const struct elem *v, size_t n)
{
	struct elem host = elem_addr(SET_HOSTS, at);
	struct holder *holder;
	struct link *link;

	holder = calloc(1, sizeof(*holder) + n * sizeof(holder->links[0]));
	if (holder == NULL)
		return PH_ENOMEM;
	holder->e = e;
	e->own = holder;
	holder->host = node_take(m, &host);
	while (holder->host != NULL && holder->n < n) {
		link = &holder->links[holder->n];
		link->holder = holder;
		if ((link->node = node_take(m, &v[holder->n])) == NULL)
			break;
		holder->n++;
	}
	if (holder->n == n)
		return PH_OK;
	holder_free(m, holder);
	return PH_ENOMEM;
}

/*
 * A map leads a key to one place only, but may lead it to another as soon as no
 * entry holds it: one commit may close a port and open it to another host.
 */
static bool
node_is_free_for(struct node *node, const struct elem *e)
{
	return node->held == 0 ||
	    memcmp(node_data(node), e->data, e->datalen) == 0;
}

/* The elements that stand for a node: a way back has no node of its own. */
static size_t
without_backs(struct elem *v, size_t n)
{
	size_t i, m = 0;

	for (i = 0; i < n; i++)
		if (!set_is_back(v[i].set))
			v[m++] = v[i];
	return m;
}

enum ph_err
mirror_add(struct mirror *m, struct fw_entry *e)
{
	const struct pinhole hole = fw_entry_hole(e);
	struct elem v[ELEM_MAX];
	struct holder *holder;
	struct link *link;
	struct node *node;
	enum ph_err rc;
	size_t i, n;

	if ((rc = hole_elements(&hole, m->config, v, &n)) != PH_OK)
		return rc;
	n = without_backs(v, n);
	if (e->own == NULL &&
	    (rc = holder_new(m, e, protected_end(&hole), v, n)) != PH_OK)
		return rc;
	holder = e->own;
	for (i = 0; i < n; i++)
		if (!node_is_free_for(holder->links[i].node, &v[i]))
			return PH_EBAD;
	for (i = 0; i < n; i++) {
		link = &holder->links[i];
		node = link->node;
		memcpy(node_data(node), v[i].data, v[i].datalen);
		link->next = node->links;
		node->links = link;
		node->held++;
	}
	holder->host->held++;
	holder->held = true;
	return PH_OK;
}

void
mirror_remove(struct mirror *m, struct fw_entry *e)
{
	(void)m;
	holder_let_go(e->own);
}

static int64_t
node_deadline(const struct node *node)
{
	const struct link *link;
	int64_t last = 0, at;

	if (!set_expires(node->set))
		return INT64_MAX;
	for (link = node->links; link != NULL; link = link->next) {
		at = link->holder->e->deadline;
		if (at == 0)
			return INT64_MAX;
		if (at > last)
			last = at;
	}
	return last;
}

/* The change that the kernel needs for this node; 0: none. */
static enum mirror_op
node_op(const struct mirror *m, struct node *node)
{
	if (node->held == 0)
		return node->in_kernel ? MIRROR_REMOVE : 0;
	if (!node->in_kernel)
		return m->leftovers ? MIRROR_REPLACE : MIRROR_ADD;
	if (node->used)
		return 0; /* its connection has begun, and is the only one */
	if (node_deadline(node) != node->kernel_deadline ||
	    memcmp(node_kernel_data(node), node_data(node),
		set_datalen(node->set)) != 0)
		return MIRROR_REPLACE;
	return 0;
}

static bool
changes_reserve(struct mirror *m, size_t n)
{
	struct change *v;

	if (n <= m->maxchanges)
		return true;
	if ((v = reallocarray(m->changes, n, sizeof(*v))) == NULL)
		return false;
	m->changes = v;
	m->maxchanges = n;
	return true;
}

static void
changes_add(struct mirror *m, struct node *node)
{
	if (node->changing)
		return;
	node->changing = 1;
	m->changes[m->nchanges++] = (struct change) { node, node_op(m, node) };
}

static int
change_cmp(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	return (int)x->node->set - (int)y->node->set;
}

enum ph_err
mirror_begin(struct mirror *m, const struct fw_edit *edits, size_t n)
{
	const struct holder *holder;
	size_t i, j, most = 0;

	for (i = 0; i < n; i++) {
		holder = edits[i].entry->own;
		most += holder->n + 1u;
	}
	if (!changes_reserve(m, most))
		return PH_ENOMEM;
	for (i = 0; i < n; i++) {
		holder = edits[i].entry->own;
		for (j = 0; j < holder->n; j++)
			changes_add(m, holder->links[j].node);
		changes_add(m, holder->host);
	}
	if (m->nchanges > 1)
		qsort(m->changes, m->nchanges, sizeof(*m->changes), change_cmp);
	return PH_OK;
}

static void
change_tell(const struct change *c, bool back, struct mirror_change *out)
{
	struct node *node = c->node;

	out->op = c->op;
	out->elem = node_elem(node, back);
	out->old_data =
	    node->in_kernel ? node_kernel_data(node) : node_data(node);
	out->deadline = node_deadline(node);
	out->certain =
	    node->in_kernel && !node->used ? node->kernel_deadline : 0;
}

bool
mirror_next_change(struct mirror *m, size_t *iter, unsigned int ops,
    struct mirror_change *out)
{
	const struct change *c;
	bool back;

	for (; *iter < 2 * m->nchanges; ++*iter) {
		back = *iter >= m->nchanges;
		c = &m->changes[*iter - (back ? m->nchanges : 0)];
		if (c->op == 0 || (1u << c->op & ops) == 0 ||
		    (back && !set_has_back(c->node->set)))
			continue;
		change_tell(c, back, out);
		++*iter;
		return true;
	}
	return false;
}

/* The kernel now has this element as we want it. */
static void
node_settled(struct mirror *m, const struct change *c)
{
	struct node *node = c->node;
	bool held = node->held > 0;

	if (!held || c->op == MIRROR_REPLACE)
		node->packets[0] = node->packets[1] = 0;
	if (held != node->in_kernel)
		count_elements(m, node->set, held ? 1 : (size_t)-1);
	node->in_kernel = held;
	if (!held)
		node->used = 0;
	node->kernel_deadline = node_deadline(node);
	memcpy(node_kernel_data(node), node_data(node), set_datalen(node->set));
}

void
mirror_end(struct mirror *m, bool done)
{
	size_t i;

	for (i = 0; i < m->nchanges; i++) {
		m->changes[i].node->changing = 0;
		if (done)
			node_settled(m, &m->changes[i]);
	}
	m->nchanges = 0;
	if (m->maxchanges > CHANGES_KEPT) {
		free(m->changes);
		m->changes = NULL;
		m->maxchanges = 0;
	}
}

bool
mirror_next(struct mirror *m, struct mirror_iter *iter,
    struct mirror_change *out)
{
	struct hash_node *n = NULL;
	struct node *node;

	for (; iter->set < SET_COUNT; iter->set++, iter->started = false) {
		if (m->count[iter->set] == 0)
			continue;
		n = iter->started ? hash_next(&m->nodes, &iter->at)
				  : hash_first(&m->nodes, &iter->at);
		iter->started = true;
		while (n != NULL &&
		    (node_of(n)->set != set_front(iter->set) ||
			!node_of(n)->in_kernel || node_of(n)->used))
			n = hash_next(&m->nodes, &iter->at);
		if (n != NULL)
			break;
	}
	if (n == NULL)
		return false;
	node = node_of(n);
	out->op = MIRROR_ADD;
	out->elem = node_elem(node, set_is_back(iter->set));
	out->old_data = node_kernel_data(node);
	out->deadline = out->certain = node->kernel_deadline;
	return true;
}

size_t
mirror_count(const struct mirror *m, unsigned int set)
{
	return m->count[set];
}

void
mirror_expect_leftovers(struct mirror *m, bool expect)
{
	m->leftovers = expect;
}

bool
mirror_has(struct mirror *m, const struct elem *e)
{
	const struct node *node = find_node(m, e);

	return node != NULL && node->held > 0;
}

static bool
mirror_has_elem(struct mirror *m, struct elem e)
{
	return mirror_has(m, &e);
}

/* The rules of chain udp4 and its like, one by one; see nft/table.c. */
static bool
covers_mirrored(struct mirror *m, const struct flow_view *v, bool mirrored)
{
	const struct addr *from = mirrored ? &v->dst : &v->src;
	const struct addr *to = mirrored ? &v->src : &v->dst;
	uint16_t from_port = mirrored ? v->dport : v->sport;
	uint16_t to_port = mirrored ? v->sport : v->dport;
	uint8_t proto = v->proto;

	if (mirror_has_elem(m, elem_host(SET_IN, proto, from, to, to_port)) ||
	    mirror_has_elem(m,
		elem_port(SET_IN_PORT, proto, from, from_port, to, to_port)) ||
	    mirror_has_elem(m, elem_to(SET_IN_ANY, proto, to, to_port)))
		return true;
	if (mirror_has_elem(m, elem_to(SET_IN_NET, proto, to, to_port)) &&
	    prefixes_contain(m->config->remotes, m->config->nremotes, from))
		return true;
	if (mirrored && !v->reply)
		return false;
	return mirror_has_elem(m,
		   elem_host(SET_OUT, proto, from, to, to_port)) ||
	    mirror_has_elem(m,
		elem_port(SET_OUT_PORT, proto, from, from_port, to, to_port));
}

bool
mirror_covers(struct mirror *m, const struct flow_view *v)
{
	return covers_mirrored(m, v, false) || covers_mirrored(m, v, true);
}

void
mirror_count_begin(struct mirror *m)
{
	m->stamp++;
}

/* The end of its pinholes that sent the packets counted here. */
static unsigned int
set_sender(unsigned int set)
{
	if (set_part(set) == PART_ONCE)
		return FW_SEEN_FROM | FW_SEEN_TO;
	return set_is_back(set) ? FW_SEEN_TO : FW_SEEN_FROM;
}

static void
node_seen(struct node *node, unsigned int ends, uint32_t packets)
{
	struct link *link;

	for (link = node->links; link != NULL; link = link->next) {
		link->holder->seen |= (uint8_t)ends;
		link->holder->e->packets += packets;
	}
}

/*
 * Also for an element that is about to be replaced, or that the kernel has
 * just replaced and reports for the last time.
 */
void
mirror_counted(struct mirror *m, const struct elem *e, uint64_t packets)
{
	uint32_t before, now = (uint32_t)packets;
	struct node *node;
	bool back;

	if ((node = find_node(m, e)) == NULL)
		return;
	back = set_is_back(e->set);
	before = node->packets[back];
	node->packets[back] = now;
	node->stamp = m->stamp;
	if (now != before && now != 0)
		node_seen(node, set_sender(e->set),
		    now > before ? now - before : now);
}

/* The element has gone from the kernel, although its time is not up. */
static bool
was_used(const struct mirror *m, const struct node *node, int64_t now)
{
	return set_part(node->set) == PART_ONCE && !node->used &&
	    node->in_kernel && node->stamp != m->stamp &&
	    node->kernel_deadline > now;
}

void
mirror_count_end(struct mirror *m, bool complete, int64_t now, fw_seen_fn seen,
    void *ctx)
{
	struct holder *holder;
	struct hash_node *n;
	struct hash_iter it;
	struct node *node;
	struct link *link;

	for (n = hash_first(&m->nodes, &it); complete && n != NULL;
	     n = hash_next(&m->nodes, &it)) {
		node = node_of(n);
		if (was_used(m, node, now)) {
			node->used = 1;
			node_seen(node, set_sender(node->set), 0);
		}
	}
	for (n = hash_first(&m->nodes, &it); n != NULL;
	     n = hash_next(&m->nodes, &it))
		for (link = node_of(n)->links; link != NULL;
		     link = link->next) {
			holder = link->holder;
			if (holder->seen != 0)
				seen(ctx, holder->e, holder->seen);
			holder->seen = 0;
		}
}

void
mirror_count_reset(struct mirror *m)
{
	struct hash_node *n;
	struct hash_iter it;

	for (n = hash_first(&m->nodes, &it); n != NULL;
	     n = hash_next(&m->nodes, &it))
		node_of(n)->packets[0] = node_of(n)->packets[1] = 0;
}
