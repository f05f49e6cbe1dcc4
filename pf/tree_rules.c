/* SPDX-License-Identifier: ISC */
/*
 * The rules of the nodes of the tree, and the packets that those let through.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/node.h"
#include "pf/tree.h"

static const enum p_part kind_parts[P_NKINDS] = { P_RDR, P_NAT, P_PASS,
	P_PASS };

/* The ruleset that a class is in. */
static enum p_part
class_part(const struct p_class *c)
{
	return c->tree->dialect == P_OPENBSD ? P_PASS : kind_parts[c->kind];
}

enum p_part
p_node_part(const struct p_node *n)
{
	return n->class == NULL ? P_PASS : class_part(n->class);
}

static struct p_rule *
rule_add(struct p_tree *t, size_t *n, size_t room)
{
	struct p_rule *v;
	size_t size;

	if (*n + room > t->size) {
		size = t->size == 0 ? 64 : t->size * 2;
		while (size < *n + room)
			size *= 2;
		if ((v = reallocarray(t->rules, size, sizeof(*v))) == NULL)
			return NULL;
		t->rules = v;
		t->size = size;
	}
	return &t->rules[*n];
}

static struct p_rule *
call_add(struct p_tree *t, size_t *n, const struct p_class *c,
    const struct p_node *callee)
{
	struct p_rule *r = rule_add(t, n, 1);

	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->action = class_part(c) == P_RDR ? P_ACT_RDR_ANCHOR
	    : class_part(c) == P_NAT	   ? P_ACT_NAT_ANCHOR
					   : P_ACT_ANCHOR;
	snprintf(r->anchor, sizeof(r->anchor), "%s", callee->path);
	(*n)++;
	return r;
}

/* The far side of a class. */
static struct p_side
far_side(const struct p_tree *t, const struct p_class *c)
{
	struct p_side s = { .net = c->far_hull };

	s.remotes = t->gate != NULL && c->nany == 0 &&
	    (c->kind == P_KIND_IN || c->kind == P_KIND_OUT);
	return s;
}

/*
 *	anchor "/pinholed/in4u" inet proto udp from FAR to HULL
 *	anchor "/pinholed/in4u" inet proto udp from HULL to FAR
 *	anchor "/pinholed/out4u" inet proto udp from HULL to FAR
 */
static enum ph_err
top_rules(struct p_tree *t, enum p_part part, size_t *n)
{
	const struct p_class *c;
	struct p_rule *r;
	size_t i;

	for (i = 0; i < P_NCLASSES; i++) {
		c = &t->classes[i];
		if (class_part(c) != part ||
		    (c->root.nkids == 0 && c->root.nitems == 0))
			continue;
		if (c->kind != P_KIND_OUT) {
			if ((r = call_add(t, n, c, &c->root)) == NULL)
				return PH_ENOMEM;
			r->af = c->af;
			r->proto = c->proto;
			r->src = far_side(t, c);
			r->dst.net = c->hull;
		}
		/* Where both are the same, this would be the rule above. */
		if (c->kind == P_KIND_OUT ||
		    (c->kind == P_KIND_IN &&
			(far_side(t, c).remotes ||
			    prefix_cmp(&c->hull, &c->far_hull) != 0))) {
			if ((r = call_add(t, n, c, &c->root)) == NULL)
				return PH_ENOMEM;
			r->af = c->af;
			r->proto = c->proto;
			r->src.net = c->hull;
			r->dst = far_side(t, c);
		}
	}
	return PH_OK;
}

/*
 * The interval of kid i: from its key up to its neighbour's.  It is open at
 * both ends of the node, for the rule that calls the node has tested these
 * already.
 */
static struct p_side
kid_side(const struct p_node *n, size_t i)
{
	const struct p_node *kid = n->kids[i];
	const struct p_key *lo = i == 0 ? NULL : &kid->lo;
	const struct p_key *hi = i + 1 == n->nkids ? NULL : &n->kids[i + 1]->lo;
	struct p_side s = { .lo = 1, .hi = UINT16_MAX };

	if (lo != NULL && lo->port > 0)
		s.lo = lo->port;
	if (hi != NULL) {
		s.hi = hi->port;
		if (hi->addr.af == AF_UNSPEC && s.hi > s.lo)
			s.hi--;
		s.hi = s.hi > UINT16_MAX - kid->span
		    ? UINT16_MAX
		    : (uint16_t)(s.hi + kid->span);
	}
	/* One port with many addresses. */
	if (lo != NULL && hi != NULL && lo->port == hi->port &&
	    lo->addr.af != AF_UNSPEC && hi->addr.af != AF_UNSPEC) {
		s.net = prefix_host(&lo->addr);
		s.last = hi->addr;
	}
	return s;
}

static enum ph_err
inner_rules(struct p_tree *t, const struct p_node *node, size_t *n)
{
	const struct p_class *c = node->class;
	struct p_rule *r;
	size_t i;

	for (i = 0; i < node->nkids; i++) {
		if ((r = call_add(t, n, c, node->kids[i])) == NULL)
			return PH_ENOMEM;
		r->dst = kid_side(node, i);
		r->af = c->af;
		r->proto = c->proto;
	}
	/* One skip step takes a stranger past all of these. */
	for (i = 0; c->kind == P_KIND_IN && i < node->nkids; i++) {
		if ((r = call_add(t, n, c, node->kids[i])) == NULL)
			return PH_ENOMEM;
		r->src = kid_side(node, i);
		r->af = c->af;
		r->proto = c->proto;
		if (r->src.net.addr.af == AF_UNSPEC)
			r->src.net = c->hull;
	}
	return PH_OK;
}

static int
rule_order(const void *a, const void *b)
{
	return p_rule_cmp(a, b);
}

static enum ph_err
leaf_rules(struct p_tree *t, const struct p_node *node, size_t *n)
{
	const struct p_class *c = node->class;
	struct p_rule *r;
	size_t i;

	for (i = 0; i < node->nitems; i++) {
		if ((r = rule_add(t, n, p_rules_max(t->config))) == NULL)
			return PH_ENOMEM;
		*n += p_rules(node->items[i].hole, kind_parts[c->kind],
		    t->dialect, t->config, r);
	}
	if (*n > 1)
		qsort(t->rules, *n, sizeof(*t->rules), rule_order);
	return PH_OK;
}

enum ph_err
p_node_rules(struct p_tree *t, const struct p_node *node, enum p_part part,
    const struct p_rule **v, size_t *len)
{
	enum ph_err rc = PH_OK;

	*len = 0;
	*v = NULL;
	if (node->class == NULL)
		rc = top_rules(t, part, len);
	else if (class_part(node->class) != part)
		return PH_OK;
	else if (node->nkids > 0)
		rc = inner_rules(t, node, len);
	else
		rc = leaf_rules(t, node, len);
	*v = t->rules;
	return rc;
}

struct match {
	bool (*seen)(void *ctx, const struct pinhole *hole);
	void *ctx;
	/* The side that must be `to`, and the other. */
	const struct endpoint *to, *from;
	bool done;
};

static bool
hole_matches(const struct pinhole *h, const struct match *m)
{
	if (!addr_eq(&h->to, &m->to->addr) || m->to->port < h->to_lo ||
	    m->to->port > h->to_hi)
		return false;
	if (h->nat_to.addr.af != AF_UNSPEC &&
	    addr_eq(&h->nat_to.addr, &m->from->addr))
		return true;
	return prefix_contains(&h->from, &m->from->addr) &&
	    (h->from_port == 0 || h->from_port == m->from->port);
}

static void
match_below(const struct p_node *n, struct match *m)
{
	int port = m->to->port, first = port - n->span;
	size_t i, lo = 0, hi, mid;

	for (i = 0; i < n->nkids && !m->done; i++) {
		if (i + 1 < n->nkids && n->kids[i + 1]->lo.port < first)
			continue;
		if (i > 0 && n->kids[i]->lo.port > port)
			break;
		match_below(n->kids[i], m);
	}
	for (hi = n->nitems; lo < hi;) {
		mid = lo + (hi - lo) / 2;
		if (n->items[mid].key.port < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (i = lo; i < n->nitems && !m->done; i++) {
		if (n->items[i].key.port > port)
			break;
		if (hole_matches(n->items[i].hole, m))
			m->done = !m->seen(m->ctx, n->items[i].hole);
	}
}

void
p_tree_match(const struct p_tree *t, uint8_t proto, const struct endpoint *src,
    const struct endpoint *dst,
    bool (*seen)(void *ctx, const struct pinhole *hole), void *ctx)
{
	struct match m = { seen, ctx, dst, src, false };
	const struct p_class *c;
	size_t i;

	for (i = 0; i < P_NCLASSES; i++) {
		c = &t->classes[i];
		if (c->af != dst->addr.af || c->proto != proto)
			continue;
		m.to = dst;
		m.from = src;
		if (c->kind == P_KIND_IN || c->kind == P_KIND_OUT)
			match_below(&c->root, &m);
		m.to = src;
		m.from = dst;
		if (c->kind == P_KIND_IN)
			match_below(&c->root, &m);
	}
}
