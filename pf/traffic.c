/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "pf/traffic.h"

struct count {
	struct p_holes *holes;
	const struct endpoint *dst;
	const uint64_t *packets; /* from the state's src, and from its dst */
};

/* Did `from` begin this, or, where the pinhole lets it, `to`? */
static bool
begun_by_from(const struct pinhole *hole, const struct endpoint *dst)
{
	return hole->dir == PINHOLE_OUT ||
	    (addr_eq(&hole->to, &dst->addr) && dst->port >= hole->to_lo &&
		dst->port <= hole->to_hi);
}

static bool
count_one(void *ctx, const struct pinhole *hole)
{
	const struct count *c = ctx;
	struct p_hole *h = p_holes_find(c->holes, hole->id);
	int from;

	if (h == NULL)
		return true;
	from = begun_by_from(&h->hole, c->dst) ? 0 : 1;
	h->counting[P_SENT_FROM] += c->packets[from];
	h->counting[P_SENT_TO] += c->packets[!from];
	return true;
}

static void
count_state(void *ctx, const struct p_state *s)
{
	const struct p_traffic *t = ctx;
	struct count c = { t->holes, &s->dst, s->packets };

	p_tree_match(t->tree, s->proto, &s->src, &s->dst, count_one, &c);
	p_tree_match(t->state_tree, s->proto, &s->src, &s->dst, count_one, &c);
	if (endpoint_cmp(&s->src, &s->in_src) == 0 &&
	    endpoint_cmp(&s->dst, &s->in_dst) == 0)
		return;
	c.dst = &s->in_dst;
	p_tree_match(t->tree, s->proto, &s->in_src, &s->in_dst, count_one, &c);
}

/* Which ends of it have sent since the last look. */
static unsigned int
ends_seen(struct p_hole *h)
{
	unsigned int ends = 0;

	if (h->counting[P_SENT_FROM] > h->packets[P_SENT_FROM])
		ends |= FW_SEEN_FROM;
	if (h->counting[P_SENT_TO] > h->packets[P_SENT_TO])
		ends |= FW_SEEN_TO;
	memcpy(h->packets, h->counting, sizeof(h->packets));
	return ends;
}

enum ph_err
p_traffic_read(const struct p_traffic *t, fw_seen_fn seen, void *ctx)
{
	struct p_traffic all = *t;
	struct p_hole *h;
	unsigned int ends;
	enum ph_err rc;

	for (h = p_holes_first(t->holes); h != NULL; h = p_holes_next(h))
		memset(h->counting, 0, sizeof(h->counting));
	rc = t->sys->states(t->dev, count_state, &all);
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
