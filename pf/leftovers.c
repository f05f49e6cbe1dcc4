/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "pf/leftovers.h"

/* The rules that another run left, to be read as pinholes. */
struct left_rules {
	struct p_rule *v;
	size_t n, size;
	bool nomem;
};

static void
leftovers_add(void *ctx, const struct p_rule *r)
{
	struct left_rules *h = ctx;
	struct p_rule *v;

	if (r->action != P_ACT_PASS || r->on != NULL || r->label == 0)
		return;
	if (h->n == h->size) {
		v = reallocarray(h->v, h->size * 2 + 64, sizeof(*v));
		if (v == NULL) {
			h->nomem = true;
			return;
		}
		h->v = v;
		h->size = h->size * 2 + 64;
	}
	h->v[h->n++] = *r;
}

static int
by_label(const void *a, const void *b)
{
	const struct p_rule *x = a, *y = b;

	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	return p_rule_cmp(x, y);
}

static bool
pinhole_of(const struct p_rule *r, struct pinhole *h)
{
	memset(h, 0, sizeof(*h));
	/* A pinhole has one source port or any; its way back may have more. */
	if (r->dst.lo == 0 || r->dst.net.addr.af == AF_UNSPEC ||
	    r->dst.net.len != addr_bytes(r->dst.net.addr.af) * 8 ||
	    r->src.lo != r->src.hi)
		return false;
	h->proto = r->proto;
	h->dir = PINHOLE_OUT;
	h->once = r->max_states > 0;
	h->from = r->src.net;
	h->from_port = r->src.lo;
	h->to = r->dst.net.addr;
	h->to_lo = r->dst.lo;
	h->to_hi = r->dst.hi;
	return true;
}

/* Is r the rule that lets `to` of the pinhole send first? */
static bool
is_way_back(const struct p_rule *r, const struct pinhole *h)
{
	return addr_eq(&r->src.net.addr, &h->to) && r->src.lo == h->to_lo &&
	    r->src.hi == h->to_hi && prefix_cmp(&r->dst.net, &h->from) == 0;
}

enum ph_err
p_leftovers_read(const struct p_sys *sys, struct p_dev *dev, const char *anchor,
    void (*found)(void *ctx, struct pinhole *hole), void *ctx)
{
	struct left_rules old = { 0 };
	struct pinhole h;
	enum ph_err rc;
	size_t i, j, next;

	rc = sys->rules(dev, anchor, leftovers_add, &old);
	if (rc == PH_OK && old.nomem)
		rc = PH_ENOMEM;
	if (rc == PH_OK && old.n > 0)
		qsort(old.v, old.n, sizeof(*old.v), by_label);
	for (i = 0; rc == PH_OK && i < old.n; i = next) {
		for (next = i;
		     next < old.n && old.v[next].label == old.v[i].label;)
			next++;
		while (i < next && !pinhole_of(&old.v[i], &h))
			i++;
		if (i == next)
			continue;
		for (j = next; j-- > 0 && old.v[j].label == old.v[i].label;)
			if (is_way_back(&old.v[j], &h))
				h.dir = PINHOLE_IN;
		found(ctx, &h);
	}
	free(old.v);
	return rc;
}
