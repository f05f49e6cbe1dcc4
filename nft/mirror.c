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

/* One pinhole needs one element. */
struct link {
	LIST_ENTRY(link) of_node;
	struct node *node;
	struct holder *holder;
};

/* One element, and the pinholes that hold it. */
struct node {
	RB_ENTRY(node) entry;
	struct elem elem;
	LIST_HEAD(, link) links;
	int64_t kernel_deadline; /* of the element, as the kernel has it */
	uint8_t kernel_data[ELEM_DATALEN];
	uint64_t packets; /* the kernel's counter when last seen */
	uint32_t stamp;	  /* the last count that showed it */
	bool in_kernel;
	bool dirty;
	bool leftover; /* not ours, but may be there: remove */
	bool active;   /* since the last report */
	bool used;     /* a single connection's element that has gone */
};

/* One open pinhole and its links to the elements that it needs. */
struct holder {
	RB_ENTRY(holder) entry;
	struct pinhole hole;
	unsigned int seen; /* FW_SEEN_* in the count that is ending */
	size_t n;
	struct link links[];
};

enum journal_op {
	JOURNAL_OPENED,
	JOURNAL_REFRESHED,
	JOURNAL_CLOSED,
};

struct journal_entry {
	enum journal_op op;
	struct holder *holder;
	int64_t old_deadline;
};

RB_HEAD(nodes, node);
RB_HEAD(holders, holder);

struct mirror {
	const struct fw_config *config;
	struct nodes nodes;
	struct holders holders;
	size_t count[SET_COUNT];
	struct node **dirty; /* touched since the last commit */
	size_t ndirty, dirty_cap;
	struct journal_entry *journal; /* how to undo it */
	size_t njournal, journal_cap;
	uint32_t stamp;
	bool leftovers;
};

static int
node_cmp(const struct node *a, const struct node *b)
{
	return elem_cmp(&a->elem, &b->elem);
}

static int
holder_cmp(const struct holder *a, const struct holder *b)
{
	return (a->hole.id > b->hole.id) - (a->hole.id < b->hole.id);
}

RB_PROTOTYPE_STATIC(nodes, node, entry, node_cmp)
RB_GENERATE_STATIC(nodes, node, entry, node_cmp)
RB_PROTOTYPE_STATIC(holders, holder, entry, holder_cmp)
RB_GENERATE_STATIC(holders, holder, entry, holder_cmp)

struct mirror *
mirror_new(const struct fw_config *config)
{
	struct mirror *m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->config = config;
	RB_INIT(&m->nodes);
	RB_INIT(&m->holders);
	return m;
}

void
mirror_free(struct mirror *m)
{
	struct node *node, *next_node;
	struct holder *holder, *next_holder;

	if (m == NULL)
		return;
	mirror_rollback(m);
	RB_FOREACH_SAFE(holder, holders, &m->holders, next_holder) {
		RB_REMOVE(holders, &m->holders, holder);
		free(holder);
	}
	RB_FOREACH_SAFE(node, nodes, &m->nodes, next_node) {
		RB_REMOVE(nodes, &m->nodes, node);
		free(node);
	}
	free(m->dirty);
	free(m->journal);
	free(m);
}

static bool
array_grow(void **v, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap > 0 ? *cap : 64;
	void *p;

	if (need <= *cap)
		return true;
	while (n < need)
		n *= 2;
	if ((p = reallocarray(*v, n, size)) == NULL)
		return false;
	*v = p;
	*cap = n;
	return true;
}

/* Room for one more record and `n` more dirty nodes. */
static bool
mirror_reserve(struct mirror *m, size_t n)
{
	void *dirty = m->dirty, *journal = m->journal;
	bool ok;

	ok =
	    array_grow(&dirty, &m->dirty_cap, m->ndirty + n, sizeof(*m->dirty));
	m->dirty = dirty;
	ok = ok &&
	    array_grow(&journal, &m->journal_cap, m->njournal + 1,
		sizeof(*m->journal));
	m->journal = journal;
	return ok;
}

static void
node_touch(struct mirror *m, struct node *node)
{
	if (node->dirty)
		return;
	node->dirty = true;
	m->dirty[m->ndirty++] = node;
}

static void
journal_add(struct mirror *m, enum journal_op op, struct holder *holder)
{
	m->journal[m->njournal++] =
	    (struct journal_entry) { op, holder, holder->hole.deadline };
}

static struct node *
find_node(struct mirror *m, const struct elem *e)
{
	struct node key;

	key.elem = *e;
	return RB_FIND(nodes, &m->nodes, &key);
}

static struct holder *
find_holder(struct mirror *m, uint64_t id)
{
	struct holder key;

	key.hole.id = id;
	return RB_FIND(holders, &m->holders, &key);
}

/* The node of an element; a new one is dirty, so that it cannot be lost. */
static struct node *
get_node(struct mirror *m, const struct elem *e)
{
	struct node *node;

	if ((node = find_node(m, e)) != NULL)
		return node;
	if ((node = calloc(1, sizeof(*node))) == NULL)
		return NULL;
	node->elem = *e;
	LIST_INIT(&node->links);
	RB_INSERT(nodes, &m->nodes, node);
	node_touch(m, node);
	return node;
}

static int64_t
hole_deadline(const struct pinhole *hole)
{
	return hole->deadline == 0 ? INT64_MAX : hole->deadline;
}

static int64_t
node_deadline(const struct node *node)
{
	const struct link *link;
	int64_t last = 0;

	LIST_FOREACH(link, &node->links, of_node)
		if (hole_deadline(&link->holder->hole) > last)
			last = hole_deadline(&link->holder->hole);
	return last;
}

static void
holder_attach(struct mirror *m, struct holder *holder)
{
	size_t i;

	for (i = 0; i < holder->n; i++) {
		LIST_INSERT_HEAD(&holder->links[i].node->links,
		    &holder->links[i], of_node);
		node_touch(m, holder->links[i].node);
	}
}

static void
holder_detach(struct mirror *m, struct holder *holder)
{
	size_t i;

	for (i = 0; i < holder->n; i++) {
		LIST_REMOVE(&holder->links[i], of_node);
		node_touch(m, holder->links[i].node);
	}
}

static enum ph_err
holder_refresh(struct mirror *m, struct holder *holder,
    const struct pinhole *hole)
{
	size_t i;

	if (pinhole_cmp(&holder->hole, hole) != 0)
		return PH_EBAD;
	if (!mirror_reserve(m, holder->n))
		return PH_ENOMEM;
	journal_add(m, JOURNAL_REFRESHED, holder);
	holder->hole.deadline = hole->deadline;
	for (i = 0; i < holder->n; i++)
		node_touch(m, holder->links[i].node);
	return PH_OK;
}

/*
 * The node for `e`.  A map leads a key to one place only, but may lead it to
 * another as soon as no pinhole holds it: one commit may close a port and open
 * it to another host.
 */
static enum ph_err
node_claim(struct mirror *m, const struct elem *e, struct node **out)
{
	struct node *node;

	if ((node = get_node(m, e)) == NULL)
		return PH_ENOMEM;
	if (memcmp(node->elem.data, e->data, sizeof(e->data)) != 0) {
		if (!LIST_EMPTY(&node->links))
			return PH_EBAD;
		node->elem = *e;
	}
	*out = node;
	return PH_OK;
}

enum ph_err
mirror_open(struct mirror *m, const struct pinhole *hole)
{
	struct elem v[ELEM_MAX];
	struct holder *holder;
	enum ph_err rc;
	size_t i, n;

	if ((holder = find_holder(m, hole->id)) != NULL)
		return holder_refresh(m, holder, hole);
	if ((rc = hole_elements(hole, m->config, v, &n)) != PH_OK)
		return rc;
	if (!mirror_reserve(m, n))
		return PH_ENOMEM;
	holder = calloc(1, sizeof(*holder) + n * sizeof(holder->links[0]));
	if (holder == NULL)
		return PH_ENOMEM;
	holder->hole = *hole;
	holder->n = n;
	for (i = 0; i < n; i++) {
		holder->links[i].holder = holder;
		rc = node_claim(m, &v[i], &holder->links[i].node);
		if (rc != PH_OK) {
			free(holder);
			return rc;
		}
	}
	journal_add(m, JOURNAL_OPENED, holder);
	RB_INSERT(holders, &m->holders, holder);
	holder_attach(m, holder);
	return PH_OK;
}

enum ph_err
mirror_close(struct mirror *m, const struct pinhole *hole)
{
	struct elem v[ELEM_MAX];
	struct node *node;
	struct holder *holder;
	size_t i, n;

	if ((holder = find_holder(m, hole->id)) != NULL) {
		if (!mirror_reserve(m, holder->n))
			return PH_ENOMEM;
		journal_add(m, JOURNAL_CLOSED, holder);
		RB_REMOVE(holders, &m->holders, holder);
		holder_detach(m, holder);
		return PH_OK;
	}
	if (hole_elements(hole, m->config, v, &n) != PH_OK)
		return PH_OK; /* then it was never open */
	if (!mirror_reserve(m, n))
		return PH_ENOMEM;
	for (i = 0; i < n; i++) {
		if ((node = get_node(m, &v[i])) == NULL)
			return PH_ENOMEM;
		if (!node->in_kernel && LIST_EMPTY(&node->links)) {
			node->leftover = true;
			node_touch(m, node);
		}
	}
	return PH_OK;
}

static int
dirty_cmp(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return node_cmp(*x, *y);
}

/* The change that the kernel needs for this node; 0: none. */
static enum mirror_op
node_op(const struct mirror *m, const struct node *node)
{
	if (LIST_EMPTY(&node->links))
		return node->in_kernel || node->leftover ? MIRROR_REMOVE : 0;
	if (!node->in_kernel)
		return m->leftovers || node->leftover ? MIRROR_REPLACE
						      : MIRROR_ADD;
	if (node->used)
		return 0; /* its connection has begun, and is the only one */
	if (node_deadline(node) != node->kernel_deadline ||
	    memcmp(node->kernel_data, node->elem.data, ELEM_DATALEN) != 0)
		return MIRROR_REPLACE;
	return 0;
}

static void
node_describe(const struct node *node, struct mirror_change *out)
{
	out->elem = &node->elem;
	out->old_data = node->in_kernel ? node->kernel_data : node->elem.data;
	out->deadline = node_deadline(node);
}

bool
mirror_next_change(struct mirror *m, size_t *iter, struct mirror_change *out)
{
	struct node *node;

	if (*iter == 0 && m->ndirty > 1)
		qsort(m->dirty, m->ndirty, sizeof(*m->dirty), dirty_cmp);
	while (*iter < m->ndirty) {
		node = m->dirty[(*iter)++];
		if ((out->op = node_op(m, node)) != 0) {
			node_describe(node, out);
			return true;
		}
	}
	return false;
}

static void
forget_node(struct mirror *m, struct node *node)
{
	RB_REMOVE(nodes, &m->nodes, node);
	free(node);
}

void
mirror_commit(struct mirror *m)
{
	struct node *node;
	size_t i;

	for (i = 0; i < m->ndirty; i++) {
		node = m->dirty[i];
		if (node_op(m, node) == MIRROR_REPLACE)
			node->packets = 0;
		if (node->in_kernel)
			m->count[node->elem.set]--;
		if (LIST_EMPTY(&node->links)) {
			forget_node(m, node);
			continue;
		}
		m->count[node->elem.set]++;
		node->in_kernel = true;
		node->dirty = node->leftover = false;
		node->kernel_deadline = node_deadline(node);
		memcpy(node->kernel_data, node->elem.data, ELEM_DATALEN);
	}
	for (i = 0; i < m->njournal; i++)
		if (m->journal[i].op == JOURNAL_CLOSED)
			free(m->journal[i].holder);
	m->ndirty = m->njournal = 0;
}

static void
journal_undo(struct mirror *m, const struct journal_entry *r)
{
	switch (r->op) {
	case JOURNAL_OPENED:
		RB_REMOVE(holders, &m->holders, r->holder);
		holder_detach(m, r->holder);
		free(r->holder);
		break;
	case JOURNAL_REFRESHED:
		r->holder->hole.deadline = r->old_deadline;
		break;
	case JOURNAL_CLOSED:
		RB_INSERT(holders, &m->holders, r->holder);
		holder_attach(m, r->holder);
		break;
	}
}

void
mirror_rollback(struct mirror *m)
{
	struct node *node;
	size_t i;

	/* Backwards: the last change is undone first. */
	while (m->njournal > 0)
		journal_undo(m, &m->journal[--m->njournal]);
	for (i = 0; i < m->ndirty; i++) {
		node = m->dirty[i];
		if (!node->in_kernel) {
			forget_node(m, node);
			continue;
		}
		node->dirty = node->leftover = false;
		memcpy(node->elem.data, node->kernel_data, ELEM_DATALEN);
	}
	m->ndirty = 0;
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
	node_describe(node, out);
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
	return find_node(m, e) != NULL;
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
	if (packets != node->packets && packets != 0)
		node->active = true;
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
			LIST_FOREACH(link, &node->links, of_node)
				link->holder->seen |= node_sender(node);
		node->active = false;
	}
	RB_FOREACH(holder, holders, &m->holders) {
		if (holder->seen != 0)
			seen(ctx, holder->hole.id, holder->seen);
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
