/* SPDX-License-Identifier: ISC */
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "nft/mirror.h"
#include "nft/table.h"
#include "src/base/tree.h"

struct holder;

/* One entry needs one element. */
struct link {
	LIST_ENTRY(link) of_node;
	struct node *node;
	struct holder *holder;
};

/* One element, and the entries that hold it. */
struct node {
	RB_ENTRY(node) by_elem;
	RB_ENTRY(node) by_change; /* while a commit may change it */
	struct elem elem;
	LIST_HEAD(, link) links;
	size_t refs; /* links, those of entries being removed included */
	int64_t kernel_deadline; /* of the element, as the kernel has it */
	uint8_t kernel_data[ELEM_DATALEN];
	uint64_t packets; /* the kernel's counter when last seen */
	uint64_t fresh;	  /* of these, since the last report */
	uint32_t stamp;	  /* the last count that showed it */
	bool in_kernel;
	bool active; /* since the last report */
	bool used;   /* a single connection's element that has gone */
};

/* The elements that an entry of the ledger needs; fw_entry.own points here. */
struct holder {
	TAILQ_ENTRY(holder) entry;
	struct fw_entry *e;
	unsigned int seen; /* FW_SEEN_* in the count that is ending */
	size_t n;
	struct link links[];
};

RB_HEAD(nodes, node);
RB_HEAD(changed, node);

struct mirror {
	const struct fw_config *config;
	struct nodes nodes;
	struct changed changed;
	TAILQ_HEAD(, holder) holders;
	size_t count[SET_COUNT];
	uint32_t stamp;
	bool leftovers;
};

static int
node_cmp(const struct node *a, const struct node *b)
{
	return elem_cmp(&a->elem, &b->elem);
}

RB_GENERATE_STATIC(nodes, node, by_elem, node_cmp)
RB_GENERATE_STATIC(changed, node, by_change, node_cmp)

struct mirror *
mirror_new(const struct fw_config *config)
{
	struct mirror *m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->config = config;
	RB_INIT(&m->nodes);
	RB_INIT(&m->changed);
	TAILQ_INIT(&m->holders);
	return m;
}

static struct node *
find_node(struct mirror *m, const struct elem *e)
{
	struct node key;

	key.elem = *e;
	return RB_FIND(nodes, &m->nodes, &key);
}

/* The node of an element, held once more; NULL: no memory. */
static struct node *
node_hold(struct mirror *m, const struct elem *e)
{
	struct node *node = find_node(m, e);

	if (node == NULL) {
		if ((node = calloc(1, sizeof(*node))) == NULL)
			return NULL;
		node->elem = *e;
		LIST_INIT(&node->links);
		RB_INSERT(nodes, &m->nodes, node);
	}
	node->refs++;
	return node;
}

static void
node_release(struct mirror *m, struct node *node)
{
	if (--node->refs > 0)
		return;
	m->count[node->elem.set] -= node->in_kernel;
	RB_REMOVE(nodes, &m->nodes, node);
	free(node);
}

static void
holder_free(struct mirror *m, struct holder *holder)
{
	while (holder->n > 0)
		node_release(m, holder->links[--holder->n].node);
	TAILQ_REMOVE(&m->holders, holder, entry);
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

	if (m == NULL)
		return;
	while ((holder = TAILQ_FIRST(&m->holders)) != NULL)
		holder_free(m, holder);
	free(m);
}

static enum ph_err
holder_new(struct mirror *m, struct fw_entry *e, const struct elem *v, size_t n)
{
	struct holder *holder;
	struct link *link;

	holder = calloc(1, sizeof(*holder) + n * sizeof(holder->links[0]));
	if (holder == NULL)
		return PH_ENOMEM;
	holder->e = e;
	e->own = holder;
	TAILQ_INSERT_TAIL(&m->holders, holder, entry);
	while (holder->n < n) {
		link = &holder->links[holder->n];
		link->holder = holder;
		if ((link->node = node_hold(m, &v[holder->n])) == NULL) {
			holder_free(m, holder);
			return PH_ENOMEM;
		}
		holder->n++;
	}
	return PH_OK;
}

/*
 * A map leads a key to one place only, but may lead it to another as soon as no
 * entry holds it: one commit may close a port and open it to another host.
 */
static bool
node_is_free_for(const struct node *node, const struct elem *e)
{
	return LIST_EMPTY(&node->links) ||
	    memcmp(node->elem.data, e->data, sizeof(e->data)) == 0;
}

static const struct addr *
protected_end(const struct pinhole *h)
{
	return h->dir == PINHOLE_IN ? &h->to : &h->from.addr;
}

enum ph_err
mirror_add(struct mirror *m, struct fw_entry *e)
{
	struct elem v[ELEM_MAX + 1];
	struct holder *holder;
	struct link *link;
	enum ph_err rc;
	size_t i, n;

	if ((rc = hole_elements(&e->hole, m->config, v, &n)) != PH_OK)
		return rc;
	v[n++] = elem_addr(SET_HOSTS, protected_end(&e->hole));
	if (e->own == NULL && (rc = holder_new(m, e, v, n)) != PH_OK)
		return rc;
	holder = e->own;
	for (i = 0; i < n; i++)
		if (!node_is_free_for(holder->links[i].node, &v[i]))
			return PH_EBAD;
	for (i = 0; i < n; i++) {
		link = &holder->links[i];
		link->node->elem = v[i];
		LIST_INSERT_HEAD(&link->node->links, link, of_node);
	}
	return PH_OK;
}

void
mirror_remove(struct mirror *m, struct fw_entry *e)
{
	struct holder *holder = e->own;
	size_t i;

	(void)m;
	for (i = 0; i < holder->n; i++)
		LIST_REMOVE(&holder->links[i], of_node);
}

static int64_t
node_deadline(const struct node *node)
{
	const struct link *link;
	int64_t last = 0, at;

	if (!set_expires(node->elem.set))
		return INT64_MAX;
	LIST_FOREACH(link, &node->links, of_node) {
		at = link->holder->e->hole.deadline;
		if (at == 0)
			return INT64_MAX;
		if (at > last)
			last = at;
	}
	return last;
}

/* The change that the kernel needs for this node; 0: none. */
static enum mirror_op
node_op(const struct mirror *m, const struct node *node)
{
	if (LIST_EMPTY(&node->links))
		return node->in_kernel ? MIRROR_REMOVE : 0;
	if (!node->in_kernel)
		return m->leftovers ? MIRROR_REPLACE : MIRROR_ADD;
	if (node->used)
		return 0; /* its connection has begun, and is the only one */
	if (node_deadline(node) != node->kernel_deadline ||
	    memcmp(node->kernel_data, node->elem.data, ELEM_DATALEN) != 0)
		return MIRROR_REPLACE;
	return 0;
}

void
mirror_begin(struct mirror *m, const struct fw_edit *edits, size_t n)
{
	struct holder *holder;
	size_t i, j;

	for (i = 0; i < n; i++) {
		holder = edits[i].entry->own;
		for (j = 0; j < holder->n; j++)
			RB_INSERT(changed, &m->changed, holder->links[j].node);
	}
}

bool
mirror_next_change(struct mirror *m, void **iter, struct mirror_change *out)
{
	struct node *node = *iter;

	do {
		node = node == NULL ? RB_MIN(changed, &m->changed)
				    : RB_NEXT(changed, &m->changed, node);
	} while (node != NULL && (out->op = node_op(m, node)) == 0);
	if ((*iter = node) == NULL)
		return false;
	out->elem = &node->elem;
	out->old_data = node->in_kernel ? node->kernel_data : node->elem.data;
	out->deadline = node_deadline(node);
	out->certain =
	    node->in_kernel && !node->used ? node->kernel_deadline : 0;
	return true;
}

/* The kernel now has this element as we want it. */
static void
node_settled(struct mirror *m, struct node *node)
{
	bool held = !LIST_EMPTY(&node->links);

	if (!held || node_op(m, node) == MIRROR_REPLACE)
		node->packets = 0;
	if (held != node->in_kernel)
		m->count[node->elem.set] += held ? 1 : (size_t)-1;
	node->in_kernel = held;
	if (!held) {
		node->active = node->used = false;
		node->fresh = 0;
	}
	node->kernel_deadline = node_deadline(node);
	memcpy(node->kernel_data, node->elem.data, ELEM_DATALEN);
}

void
mirror_end(struct mirror *m, bool done)
{
	struct node *node;

	while ((node = RB_ROOT(&m->changed)) != NULL) {
		RB_REMOVE(changed, &m->changed, node);
		if (done)
			node_settled(m, node);
	}
}

bool
mirror_next(struct mirror *m, void **iter, struct mirror_change *out)
{
	struct node *node = *iter;

	do {
		node = node == NULL ? RB_MIN(nodes, &m->nodes)
				    : RB_NEXT(nodes, &m->nodes, node);
	} while (node != NULL && (!node->in_kernel || node->used));
	if ((*iter = node) == NULL)
		return false;
	out->op = MIRROR_ADD;
	out->elem = &node->elem;
	out->old_data = node->kernel_data;
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

	return node != NULL && !LIST_EMPTY(&node->links);
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

/*
 * Also for an element that is about to be replaced, or that the kernel has
 * just replaced and reports for the last time.
 */
void
mirror_counted(struct mirror *m, const struct elem *e, uint64_t packets)
{
	struct node *node;

	if ((node = find_node(m, e)) == NULL)
		return;
	node->stamp = m->stamp;
	if (packets != node->packets && packets != 0) {
		node->active = true;
		node->fresh +=
		    packets > node->packets ? packets - node->packets : packets;
	}
	node->packets = packets;
}

/* The end of its pinholes that sent the packets counted here. */
static unsigned int
node_sender(const struct node *node)
{
	if (set_part(node->elem.set) == PART_ONCE)
		return FW_SEEN_FROM | FW_SEEN_TO;
	return set_is_back(node->elem.set) ? FW_SEEN_TO : FW_SEEN_FROM;
}

void
mirror_count_end(struct mirror *m, bool complete, int64_t now, fw_seen_fn seen,
    void *ctx)
{
	struct node *node;
	struct holder *holder;
	struct link *link;
	bool once;

	RB_FOREACH(node, nodes, &m->nodes) {
		once = set_part(node->elem.set) == PART_ONCE;
		if (once && complete && !node->used && node->in_kernel &&
		    node->stamp != m->stamp && node->kernel_deadline > now)
			node->used = node->active = true;
		if (node->active)
			LIST_FOREACH(link, &node->links, of_node) {
				link->holder->seen |= node_sender(node);
				link->holder->e->packets += node->fresh;
			}
		node->active = false;
		node->fresh = 0;
	}
	TAILQ_FOREACH(holder, &m->holders, entry) {
		if (holder->seen != 0)
			seen(ctx, holder->e, holder->seen);
		holder->seen = 0;
	}
}

void
mirror_count_reset(struct mirror *m)
{
	struct node *node;

	RB_FOREACH(node, nodes, &m->nodes)
		node->packets = 0;
}
