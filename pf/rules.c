/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "pf/rules.h"

size_t
p_rules_max(const struct fw_config *config)
{
	return 3 + config->nuplinks;
}

static struct p_side
side_of(const struct prefix *net, uint16_t lo, uint16_t hi)
{
	struct p_side s = { .net = *net, .lo = lo, .hi = hi };

	return s;
}

static struct p_side
host_of(const struct addr *a, uint16_t lo, uint16_t hi)
{
	struct prefix net = prefix_host(a);

	return side_of(&net, lo, hi);
}

/*
 * "Good for one connection": a forwarded connection has two states under a
 * rule without direction, one on each side of us, and one under a rule that
 * names its direction.
 */
static uint32_t
max_states(const struct pinhole *h, uint8_t way)
{
	if (!h->once)
		return 0;
	return way == P_BOTH ? 2 : 1;
}

static struct p_rule
rule_of(const struct pinhole *h, const struct fw_config *c,
    enum p_action action, enum p_way way)
{
	const struct fw_class *class = h->class > 0 && h->class <= c->nclasses
	    ? &c->classes[h->class - 1]
	    : NULL;
	struct p_rule r = { 0 };

	r.action = (uint8_t)action;
	r.way = (uint8_t)way;
	r.af = h->to.af;
	r.proto = h->proto;
	r.label = h->id;
	r.max_states = max_states(h, r.way);
	r.tag = class != NULL && class->tag != NULL ? class->tag : c->tag;
	r.queue =
	    class != NULL && class->queue != NULL ? class->queue : c->queue;
	r.src = side_of(&h->from, h->from_port, h->from_port);
	r.dst = host_of(&h->to, h->to_lo, h->to_hi);
	return r;
}

/*
 * pass in quick on em0 reply-to (em0 192.0.2.254) ...: packets that came in by
 * one uplink are answered there, wherever the default route points.
 */
static size_t
by_uplink(const struct p_rule *r, const struct fw_config *c, struct p_rule *v)
{
	size_t i, n = 0;

	for (i = 0; i < c->nuplinks; i++) {
		if (c->uplinks[i].gateway.af != r->af)
			continue;
		v[n] = *r;
		v[n].way = P_IN;
		if (v[n].max_states > 0)
			v[n].max_states = 1;
		v[n].on = c->uplinks[i].ifname;
		v[n].gateway = c->uplinks[i].gateway;
		n++;
	}
	return n;
}

static size_t
pass_rules(const struct pinhole *h, enum p_dialect dialect,
    const struct fw_config *c, struct p_rule *v)
{
	struct p_rule r = rule_of(h, c, P_ACT_PASS, P_BOTH), back;
	size_t n = 0;

	if (h->dir == PINHOLE_IN)
		n += by_uplink(&r, c, v);
	v[n++] = r;
	if (h->dir == PINHOLE_IN) {
		back = r;
		back.src = r.dst;
		back.dst = r.src;
		v[n++] = back;
	}
	if (h->nat_to.addr.af != AF_UNSPEC && dialect == P_FREEBSD) {
		/* Filtered on the way out with its new source. */
		v[n] = r;
		v[n].way = P_OUT;
		v[n].max_states = max_states(h, P_OUT);
		v[n].src =
		    host_of(&h->nat_to.addr, h->nat_to.port, h->nat_to.port);
		n++;
	}
	return n;
}

static size_t
rdr_rules(const struct pinhole *h, enum p_dialect dialect,
    const struct fw_config *c, struct p_rule *v)
{
	struct p_rule r = rule_of(h, c, P_ACT_RDR, P_IN);
	size_t n = 0;

	if (h->rdr_from.addr.af == AF_UNSPEC)
		return 0;
	r.target.addr = h->to;
	if (h->rdr_from.port != 0) {
		r.dst = host_of(&h->rdr_from.addr, h->rdr_from.port,
		    h->rdr_from.port);
		if (h->rdr_from.port != h->to_lo)
			r.target.port = h->to_lo;
	} else
		r.dst = host_of(&h->rdr_from.addr, h->to_lo, h->to_hi);
	if (dialect == P_OPENBSD)
		n += by_uplink(&r, c, v);
	v[n++] = r;
	return n;
}

static size_t
nat_rules(const struct pinhole *h, const struct fw_config *c, struct p_rule *v)
{
	if (h->nat_to.addr.af == AF_UNSPEC)
		return 0;
	v[0] = rule_of(h, c, P_ACT_NAT, P_OUT);
	v[0].target = h->nat_to;
	return 1;
}

size_t
p_rules(const struct pinhole *h, enum p_part part, enum p_dialect dialect,
    const struct fw_config *c, struct p_rule *v)
{
	switch (part) {
	case P_RDR:
		return rdr_rules(h, dialect, c, v);
	case P_NAT:
		return nat_rules(h, c, v);
	default:
		return pass_rules(h, dialect, c, v);
	}
}

static int
side_cmp(const struct p_side *a, const struct p_side *b)
{
	int r;

	/* Hosts before nets before any: the more special wins. */
	if (a->net.len != b->net.len)
		return (int)b->net.len - (int)a->net.len;
	if ((r = addr_cmp(&a->net.addr, &b->net.addr)) != 0)
		return r;
	if ((a->lo == 0) != (b->lo == 0))
		return a->lo == 0 ? 1 : -1;
	if (a->lo != b->lo)
		return (int)a->lo - (int)b->lo;
	return (int)a->hi - (int)b->hi;
}

int
p_rule_cmp(const struct p_rule *a, const struct p_rule *b)
{
	int r;

	if ((a->on == NULL) != (b->on == NULL))
		return a->on == NULL ? 1 : -1;
	if (a->on != NULL && (r = strcmp(a->on, b->on)) != 0)
		return r;
	if (a->way != b->way)
		return (int)b->way - (int)a->way;
	if ((r = side_cmp(&a->src, &b->src)) != 0 ||
	    (r = side_cmp(&a->dst, &b->dst)) != 0)
		return r;
	return a->label < b->label ? -1 : a->label > b->label;
}
