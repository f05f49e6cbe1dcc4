/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "pf/traffic.h"

/* The packets that one state counted for one pinhole. */
struct part {
	struct p_hole *hole;
	struct endpoint src, dst; /* inside of any translation */
	bool outward;
	uint64_t packets[2]; /* see P_SENT_* */
};

struct look {
	const struct p_traffic *t;
	const struct p_state *state; /* being matched */
	const struct endpoint *dst;  /* of it, on the side that matches */
	struct part *v;
	size_t n, size;
	size_t first; /* part of this state */
	bool nomem;
};

/* Did `from` begin this, or, where the pinhole lets it, `to`? */
static bool
begun_by_from(const struct pinhole *hole, const struct endpoint *dst)
{
	return hole->dir == PINHOLE_OUT ||
	    (addr_eq(&hole->to, &dst->addr) && dst->port >= hole->to_lo &&
		dst->port <= hole->to_hi);
}

/* Translation may leave both views of a state to one pinhole. */
static bool
is_counted(const struct look *l, const struct p_hole *h)
{
	size_t i;

	for (i = l->first; i < l->n; i++)
		if (l->v[i].hole == h)
			return true;
	return false;
}

static bool
part_add(void *ctx, const struct pinhole *hole)
{
	struct look *l = ctx;
	struct p_hole *h = p_holes_find(l->t->holes, hole->id);
	struct part *v;
	int from;

	if (h == NULL || is_counted(l, h))
		return true;
	if (l->n == l->size) {
		v = reallocarray(l->v, l->size * 2 + 64, sizeof(*v));
		if (v == NULL) {
			l->nomem = true;
			return false;
		}
		l->v = v;
		l->size = l->size * 2 + 64;
	}
	from = begun_by_from(&h->hole, l->dst) ? 0 : 1;
	v = &l->v[l->n++];
	v->hole = h;
	v->src = l->state->in_src;
	v->dst = l->state->in_dst;
	v->outward = l->state->outward;
	v->packets[P_SENT_FROM] = l->state->packets[from];
	v->packets[P_SENT_TO] = l->state->packets[!from];
	return true;
}

static void
look_at(void *ctx, const struct p_state *s)
{
	struct look *l = ctx;
	const struct p_traffic *t = l->t;

	l->state = s;
	l->first = l->n;
	l->dst = &s->dst;
	p_tree_match(t->tree, s->proto, &s->src, &s->dst, part_add, l);
	p_tree_match(t->state_tree, s->proto, &s->src, &s->dst, part_add, l);
	if (endpoint_cmp(&s->src, &s->in_src) == 0 &&
	    endpoint_cmp(&s->dst, &s->in_dst) == 0)
		return;
	l->dst = &s->in_dst;
	p_tree_match(t->tree, s->proto, &s->in_src, &s->in_dst, part_add, l);
	p_tree_match(t->state_tree, s->proto, &s->in_src, &s->in_dst, part_add,
	    l);
}

static int
flow_cmp(const struct part *a, const struct part *b)
{
	int r;

	if (a->hole->hole.id != b->hole->hole.id)
		return a->hole->hole.id < b->hole->hole.id ? -1 : 1;
	if ((r = endpoint_cmp(&a->src, &b->src)) != 0)
		return r;
	return endpoint_cmp(&a->dst, &b->dst);
}

static int
by_flow(const void *a, const void *b)
{
	return flow_cmp(a, b);
}

/*
 * A forwarded flow has two states, one as it comes in and one as it leaves,
 * and its packets are in both.  What is in one alone is an ICMP error of the
 * firewall, for a host that has gone.
 */
static void
flow_count(const struct part *v, size_t n)
{
	uint64_t sum[2][2] = { { 0 } };
	bool has[2] = { false, false };
	size_t i;
	int end;

	for (i = 0; i < n; i++) {
		has[v[i].outward] = true;
		for (end = 0; end < 2; end++)
			sum[v[i].outward][end] += v[i].packets[end];
	}
	for (end = 0; end < 2; end++) {
		if (has[0] && has[1] && sum[0][end] > sum[1][end])
			sum[0][end] = sum[1][end];
		v->hole->counting[end] += sum[has[0] ? 0 : 1][end];
	}
}

static void
look_count(struct look *l)
{
	size_t i, next;

	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_flow);
	for (i = 0; i < l->n; i = next) {
		for (next = i + 1; next < l->n; next++)
			if (flow_cmp(&l->v[i], &l->v[next]) != 0)
				break;
		flow_count(&l->v[i], next - i);
	}
}

/* How many packets one end has sent since the last look. */
static uint64_t
hole_sent(const struct p_hole *h, int end)
{
	return h->counting[end] > h->packets[end]
	    ? h->counting[end] - h->packets[end]
	    : 0;
}

/* Which ends of it have sent since the last look. */
static unsigned int
ends_seen(struct p_hole *h)
{
	unsigned int ends = 0;

	if (hole_sent(h, P_SENT_FROM) > 0)
		ends |= FW_SEEN_FROM;
	if (hole_sent(h, P_SENT_TO) > 0)
		ends |= FW_SEEN_TO;
	if (h->entry != NULL)
		h->entry->packets +=
		    hole_sent(h, P_SENT_FROM) + hole_sent(h, P_SENT_TO);
	memcpy(h->packets, h->counting, sizeof(h->packets));
	return ends;
}

enum ph_err
p_traffic_read(const struct p_traffic *t, fw_seen_fn seen, void *ctx)
{
	struct look l = { .t = t };
	struct p_hole *h;
	unsigned int ends;
	enum ph_err rc;

	for (h = p_holes_first(t->holes); h != NULL; h = p_holes_next(h))
		memset(h->counting, 0, sizeof(h->counting));
	rc = t->sys->states(t->dev, look_at, &l);
	if (rc == PH_OK && l.nomem)
		rc = PH_ENOMEM;
	if (rc == PH_OK)
		look_count(&l);
	free(l.v);
	if (rc == PH_EUNSUPPORTED) {
		/*
		 * Without activity reports nobody can judge silence: say that
		 * both ends have sent, see p_check().
		 */
		for (h = p_holes_first(t->holes); h != NULL;
		     h = p_holes_next(h))
			seen(ctx, h->entry, FW_SEEN_FROM | FW_SEEN_TO);
		return PH_OK;
	}
	if (rc != PH_OK)
		return rc;
	for (h = p_holes_first(t->holes); h != NULL; h = p_holes_next(h))
		if ((ends = ends_seen(h)) != 0)
			seen(ctx, h->entry, ends);
	return PH_OK;
}
