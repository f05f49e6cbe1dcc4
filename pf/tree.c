/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/node.h"
#include "pf/tree.h"

/* clang-format off */
static const char *const class_names[P_NCLASSES] = {
	"rdr4u", "nat4u", "in4u", "out4u",
	"rdr4t", "nat4t", "in4t", "out4t",
	"rdr6u", "nat6u", "in6u", "out6u",
	"rdr6t", "nat6t", "in6t", "out6t",
};
/* clang-format on */

enum ph_err
p_tree_new(struct p_tree **out, enum p_dialect dialect,
    const struct fw_config *config)
{
	struct p_tree *t;
	struct p_class *c;
	size_t i;

	*out = NULL;
	/* Room for "/000" and "/out6u". */
	if (strlen(config->name) == 0 || strlen(config->name) >= P_NAMELEN - 8)
		return PH_EBAD;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return PH_ENOMEM;
	t->dialect = dialect;
	t->config = config;
	TAILQ_INIT(&t->dirty);
	t->batch = P_ALL_BATCHES;
	snprintf(t->top.path, sizeof(t->top.path), "%s", config->name);
	t->top.number = -1;
	t->nanchors = 1;
	for (i = 0; i < P_NCLASSES; i++) {
		c = &t->classes[i];
		c->tree = t;
		c->kind = (enum p_kind)(i % P_NKINDS);
		c->proto = i / P_NKINDS % 2 == 0 ? IPPROTO_UDP : IPPROTO_TCP;
		c->af = i / P_NKINDS / 2 == 0 ? AF_INET : AF_INET6;
		c->root.class = c;
		c->root.number = -1;
		c->root.span = 1;
		snprintf(c->root.path, sizeof(c->root.path), "%.55s/%s",
		    config->name, class_names[i]);
	}
	*out = t;
	return PH_OK;
}

void
p_tree_set_gate(struct p_tree *t, struct p_gate *gate)
{
	t->gate = gate;
}

void
p_tree_free(struct p_tree *t)
{
	struct p_node *n, *next;
	size_t i;

	if (t == NULL)
		return;
	TAILQ_FOREACH_SAFE(n, &t->dirty, entry, next)
		if (n->dead)
			free(n);
	for (i = 0; i < P_NCLASSES; i++)
		p_node_free_below(&t->classes[i].root);
	free(t->rules);
	free(t);
}

/* The first dirty node of the selected batch, from n on. */
static const struct p_node *
dirty_selected(const struct p_tree *t, const struct p_node *n)
{
	while (n != NULL && t->batch != P_ALL_BATCHES && n->batch != t->batch)
		n = TAILQ_NEXT(n, entry);
	return n;
}

const struct p_node *
p_tree_dirty(const struct p_tree *t)
{
	return dirty_selected(t, TAILQ_FIRST(&t->dirty));
}

const struct p_node *
p_node_next(const struct p_tree *t, const struct p_node *n)
{
	return dirty_selected(t, TAILQ_NEXT(n, entry));
}

void
p_tree_clean(struct p_tree *t)
{
	struct p_node *n;

	t->batch = P_ALL_BATCHES;
	while ((n = TAILQ_FIRST(&t->dirty)) != NULL) {
		TAILQ_REMOVE(&t->dirty, n, entry);
		n->dirty = n->gave_items = n->took_items = false;
		n->in_pf = true;
		if (n->dead) {
			t->numbers[n->number] = false;
			free(n);
		}
	}
}

/*
 * The order in which nodes are written: those that no other calls yet; leaves
 * that only took rules; callers; callers that gave children away; leaves that
 * gave rules away.
 */
enum phase {
	PHASE_NEW,
	PHASE_GROWN,
	PHASE_CALLER,
	PHASE_SHRUNK_CALLER,
	PHASE_SHRUNK,
};

static enum phase
phase_of(const struct p_node *n)
{
	if (n->parent != NULL && !n->in_pf)
		return PHASE_NEW;
	if (n->dead)
		return PHASE_SHRUNK;
	if (n->gave_items)
		return n->nkids > 0 ? PHASE_SHRUNK_CALLER : PHASE_SHRUNK;
	return n->parent == NULL || n->nkids > 0 ? PHASE_CALLER : PHASE_GROWN;
}

static unsigned int
depth_of(const struct p_node *n)
{
	unsigned int d = 0;

	if (n->class == NULL)
		return 0;
	for (; n != NULL; n = n->parent)
		d++;
	return d;
}

/*
 * Of callers the deepest is written first, so that the nodes it calls are
 * ready.  Of callers that gave children away the highest is first, so that no
 * packet still comes to the others.
 */
static unsigned int
rank_of(const struct p_node *n)
{
	enum { DEPTHS = 64 };
	enum phase phase = phase_of(n);
	unsigned int d = depth_of(n);

	d = d < DEPTHS ? d : DEPTHS - 1;
	return phase * DEPTHS +
	    (phase == PHASE_SHRUNK_CALLER ? d : DEPTHS - 1 - d);
}

static size_t
size_of(const struct p_node *n)
{
	if (n->class == NULL)
		return 2 * P_NCLASSES;
	if (n->nkids > 0)
		return n->nkids * (n->class->kind == P_KIND_IN ? 2 : 1);
	return n->nrules;
}

size_t
p_tree_batches(struct p_tree *t)
{
	struct p_dirty sorted = TAILQ_HEAD_INITIALIZER(sorted);
	size_t batch = 0, rules = 0, all = 0;
	struct p_node *n, *at;
	bool tangled = false;

	t->batch = P_ALL_BATCHES;
	TAILQ_FOREACH(n, &t->dirty, entry) {
		all += size_of(n);
		tangled |= n->in_pf && n->gave_items && n->took_items;
	}
	/* No order is right for a node that both gave items away and took some.
	 */
	if (all <= P_BUDGET || tangled) {
		TAILQ_FOREACH(n, &t->dirty, entry)
			n->batch = 0;
		return TAILQ_EMPTY(&t->dirty) ? 0 : 1;
	}
	while ((n = TAILQ_FIRST(&t->dirty)) != NULL) {
		TAILQ_REMOVE(&t->dirty, n, entry);
		at = TAILQ_LAST(&sorted, p_dirty);
		while (at != NULL && rank_of(at) > rank_of(n))
			at = TAILQ_PREV(at, p_dirty, entry);
		if (at != NULL)
			TAILQ_INSERT_AFTER(&sorted, at, n, entry);
		else
			TAILQ_INSERT_HEAD(&sorted, n, entry);
	}
	while ((n = TAILQ_FIRST(&sorted)) != NULL) {
		TAILQ_REMOVE(&sorted, n, entry);
		TAILQ_INSERT_TAIL(&t->dirty, n, entry);
		if (rules > 0 && rules + size_of(n) > P_BUDGET) {
			batch++;
			rules = 0;
		}
		rules += size_of(n);
		n->batch = batch;
	}
	return batch + 1;
}

void
p_tree_select(struct p_tree *t, size_t batch)
{
	t->batch = batch;
}

static void
taint_below(struct p_tree *t, struct p_node *n)
{
	size_t i;

	p_node_mark(t, n);
	for (i = 0; i < n->nkids; i++)
		taint_below(t, n->kids[i]);
}

static bool
class_in_use(const struct p_class *c)
{
	return c->root.nkids > 0 || c->root.nitems > 0;
}

void
p_tree_taint(struct p_tree *t)
{
	size_t i;

	t->batch = P_ALL_BATCHES;
	p_node_mark(t, &t->top);
	for (i = 0; i < P_NCLASSES; i++)
		if (class_in_use(&t->classes[i]))
			taint_below(t, &t->classes[i].root);
}

const struct p_node *
p_tree_top(const struct p_tree *t)
{
	return &t->top;
}

const char *
p_node_path(const struct p_node *n)
{
	return n->path;
}

bool
p_node_is_top(const struct p_node *n)
{
	return n->class == NULL;
}

bool
p_node_is_inner(const struct p_node *n)
{
	return n->class == NULL || n->nkids > 0;
}

size_t
p_tree_anchors(const struct p_tree *t)
{
	return t->nanchors;
}

static struct p_class *
class_of(struct p_tree *t, const struct pinhole *h, enum p_part part)
{
	size_t kind = part == P_RDR ? P_KIND_RDR
	    : part == P_NAT	    ? P_KIND_NAT
	    : h->dir == PINHOLE_IN  ? P_KIND_IN
				    : P_KIND_OUT;

	return &t->classes[((h->to.af == AF_INET6 ? 2u : 0u) +
			       (h->proto == IPPROTO_TCP ? 1u : 0u)) *
		P_NKINDS +
	    kind];
}

/* The endpoint by which a part is found. */
static struct p_key
key_of(const struct pinhole *h, enum p_part part, uint16_t *hi)
{
	struct p_key k = { h->to_lo, h->to };

	*hi = h->to_hi;
	if (part == P_RDR) {
		k.addr = h->rdr_from.addr;
		if (h->rdr_from.port != 0)
			k.port = *hi = h->rdr_from.port;
	}
	return k;
}

/* Make the hull contain p; true if it grew. */
static bool
hull_widen(struct prefix *hull, const struct prefix *p, uint8_t af)
{
	struct prefix q = *p;

	if (q.addr.af != af) { /* any */
		memset(&q, 0, sizeof(q));
		q.addr.af = af;
	}
	if (hull->addr.af == AF_UNSPEC) {
		*hull = q;
		return true;
	}
	if (hull->len <= q.len && prefix_contains(hull, &q.addr))
		return false;
	if (hull->len > q.len)
		hull->len = q.len;
	while (!prefix_contains(hull, &q.addr))
		hull->len--;
	/* Host bits are zero, so that prefixes compare. */
	if (hull->len % 8 != 0)
		hull->addr.b[hull->len / 8] &=
		    (uint8_t)(0xff00 >> hull->len % 8);
	memset(&hull->addr.b[(hull->len + 7) / 8], 0,
	    sizeof(hull->addr.b) - (hull->len + 7u) / 8);
	return true;
}

static void
mark_inner(struct p_tree *t, struct p_node *n)
{
	size_t i;

	if (n->nkids == 0)
		return;
	p_node_mark(t, n);
	for (i = 0; i < n->nkids; i++)
		mark_inner(t, n->kids[i]);
}

/*
 * What the top may ask of a packet before it goes into a class, so that most
 * strangers need not go: the inside addresses of PINHOLE_IN (`to`) and
 * PINHOLE_OUT (`from`), the remotes, the outside addresses of rdr.
 */
static void
class_widen(struct p_tree *t, struct p_class *c, const struct pinhole *h)
{
	struct prefix to = prefix_host(&h->to), rdr, nat;
	bool grew = false, far_grew = false, in = c->kind == P_KIND_IN;

	switch (c->kind) {
	case P_KIND_IN:
	case P_KIND_OUT:
		grew = hull_widen(&c->hull, in ? &to : &h->from, c->af);
		far_grew = hull_widen(&c->far_hull, in ? &h->from : &to, c->af);
		if (h->nat_to.addr.af != AF_UNSPEC) {
			nat = prefix_host(&h->nat_to.addr);
			far_grew |= hull_widen(in ? &c->far_hull : &c->hull,
			    &nat, c->af);
		}
		break;
	case P_KIND_RDR:
		rdr = prefix_host(&h->rdr_from.addr);
		grew = hull_widen(&c->hull, &rdr, c->af);
		break;
	default:
		break;
	}
	if (grew || far_grew)
		p_node_mark(t, &t->top);
	if (grew && in)
		mark_inner(t, &c->root);
}

static struct p_node *
leaf_for(struct p_class *c, const struct p_key *k)
{
	struct p_node *n = &c->root;
	size_t i;

	while (n->nkids > 0) {
		for (i = 1; i < n->nkids; i++)
			if (p_key_cmp(k, &n->kids[i]->lo) < 0)
				break;
		n = n->kids[i - 1];
	}
	return n;
}

/* The place of (key, id) in a leaf; whether it is taken. */
static bool
item_find(const struct p_node *n, const struct p_key *k, uint64_t id,
    size_t *at)
{
	size_t lo = 0, hi = n->nitems, mid;
	int r;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		r = p_key_cmp(k, &n->items[mid].key);
		if (r == 0 && id != n->items[mid].hole->id)
			r = id < n->items[mid].hole->id ? -1 : 1;
		if (r == 0) {
			*at = mid;
			return true;
		}
		if (r < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	*at = lo;
	return false;
}

/* The outside addresses of a pinhole of this class; returns how many. */
static size_t
remotes_of(const struct p_class *c, const struct pinhole *h, struct prefix v[2])
{
	if (c->kind == P_KIND_OUT) {
		v[0] = prefix_host(&h->to);
		return 1;
	}
	if (c->kind != P_KIND_IN)
		return 0;
	v[0] = h->from;
	if (h->nat_to.addr.af == AF_UNSPEC)
		return 1;
	v[1] = prefix_host(&h->nat_to.addr);
	return 2;
}

static void
remotes_drop(struct p_tree *t, struct p_class *c, const struct pinhole *h)
{
	struct prefix v[2];
	size_t i, n = t->gate != NULL ? remotes_of(c, h, v) : 0;

	for (i = 0; i < n; i++) {
		if (!p_gate_is_any(&v[i]))
			p_gate_drop(t->gate, &v[i]);
		else if (--c->nany == 0)
			p_node_mark(t, &t->top);
	}
}

static enum ph_err
remotes_take(struct p_tree *t, struct p_class *c, const struct pinhole *h)
{
	struct prefix v[2];
	size_t i, n = t->gate != NULL ? remotes_of(c, h, v) : 0;
	enum ph_err rc;

	for (i = 0; i < n; i++) {
		if (p_gate_is_any(&v[i])) {
			if (c->nany++ == 0)
				p_node_mark(t, &t->top);
		} else if ((rc = p_gate_take(t->gate, &v[i])) != PH_OK) {
			/* The first may have been taken, never the second. */
			if (i > 0 && !p_gate_is_any(&v[0]))
				p_gate_drop(t->gate, &v[0]);
			else if (i > 0)
				c->nany--;
			return rc;
		}
	}
	return PH_OK;
}

static enum ph_err
part_insert(struct p_tree *t, const struct pinhole *h, enum p_part part,
    size_t nrules)
{
	struct p_class *c = class_of(t, h, part);
	struct p_item item = { .hole = h, .nrules = nrules }, *v;
	struct p_node *n, *up;
	uint16_t span;
	size_t at, size;
	enum ph_err rc;

	item.key = key_of(h, part, &item.hi);
	n = leaf_for(c, &item.key);
	if (item_find(n, &item.key, h->id, &at))
		return PH_EEXIST;
	if (n->nitems == n->size) {
		size = n->size == 0 ? 8 : n->size * 2;
		if ((v = reallocarray(n->items, size, sizeof(*v))) == NULL)
			return PH_ENOMEM;
		n->items = v;
		n->size = size;
	}
	if ((rc = remotes_take(t, c, h)) != PH_OK)
		return rc;
	if (!class_in_use(c)) {
		t->nanchors++;
		p_node_mark(t, &t->top);
	}
	memmove(&n->items[at + 1], &n->items[at],
	    (n->nitems - at) * sizeof(*n->items));
	n->items[at] = item;
	n->nitems++;
	n->nrules += nrules;
	p_node_mark(t, n);
	class_widen(t, c, h);
	span = (uint16_t)(item.hi - item.key.port);
	for (up = n; up != NULL && up->span < span; up = up->parent) {
		up->span = span;
		if (up->parent != NULL)
			p_node_mark(t, up->parent);
	}
	p_node_grow(t, n, at);
	return PH_OK;
}

static void
part_remove(struct p_tree *t, const struct pinhole *h, enum p_part part)
{
	struct p_class *c = class_of(t, h, part);
	struct p_node *n;
	struct p_key k;
	uint16_t hi;
	size_t at;

	k = key_of(h, part, &hi);
	n = leaf_for(c, &k);
	if (!item_find(n, &k, h->id, &at))
		return;
	n->nrules -= n->items[at].nrules;
	n->nitems--;
	memmove(&n->items[at], &n->items[at + 1],
	    (n->nitems - at) * sizeof(*n->items));
	p_node_mark(t, n);
	remotes_drop(t, c, h);
	p_node_shrink(t, n);
	if (!class_in_use(c)) {
		t->nanchors--;
		memset(&c->hull, 0, sizeof(c->hull));
		memset(&c->far_hull, 0, sizeof(c->far_hull));
		c->root.span = 1;
		p_node_mark(t, &t->top);
	}
}

/* How many rules a part will be; 0 if the pinhole has no such part. */
static size_t
part_size(const struct p_tree *t, const struct pinhole *h, enum p_part part)
{
	size_t i, n;

	if (part == P_RDR && h->rdr_from.addr.af == AF_UNSPEC)
		return 0;
	if (part == P_NAT)
		return h->nat_to.addr.af != AF_UNSPEC;
	n = 1;
	if (part == P_PASS && h->dir == PINHOLE_IN)
		n++;
	if (part == P_PASS && t->dialect == P_FREEBSD &&
	    h->nat_to.addr.af != AF_UNSPEC)
		n++;
	if ((part == P_PASS && h->dir == PINHOLE_IN) ||
	    (part == P_RDR && t->dialect == P_OPENBSD))
		for (i = 0; i < t->config->nuplinks; i++)
			n += t->config->uplinks[i].gateway.af == h->to.af;
	return n;
}

enum ph_err
p_tree_insert(struct p_tree *t, const struct pinhole *h)
{
	enum ph_err rc;
	size_t n;
	int part;

	t->batch = P_ALL_BATCHES;
	for (part = 0; part < P_NPARTS; part++) {
		if ((n = part_size(t, h, (enum p_part)part)) == 0)
			continue;
		rc = part_insert(t, h, (enum p_part)part, n);
		if (rc != PH_OK) {
			while (part-- > 0)
				if (part_size(t, h, (enum p_part)part) > 0)
					part_remove(t, h, (enum p_part)part);
			return rc;
		}
	}
	return PH_OK;
}

void
p_tree_remove(struct p_tree *t, const struct pinhole *h)
{
	int part;

	t->batch = P_ALL_BATCHES;
	for (part = 0; part < P_NPARTS; part++)
		if (part_size(t, h, (enum p_part)part) > 0)
			part_remove(t, h, (enum p_part)part);
}
