/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/tcp.h>

#include "pf/bsd.h"

void
p_set_addr(const struct addr *a, struct pf_addr *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out, a->b, addr_bytes(a->af));
}

static struct addr
get_addr(const struct pf_addr *a, uint8_t af)
{
	return addr_from_bytes(af, a);
}

void
p_set_mask(uint8_t len, struct pf_addr *out)
{
	uint8_t *b = (uint8_t *)out;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < sizeof(*out) && len > 0; i++) {
		b[i] = (uint8_t)(len >= 8 ? 0xff : 0xff00 >> len);
		len = len > 8 ? (uint8_t)(len - 8) : 0;
	}
}

static uint8_t
get_mask(const struct pf_addr *m, uint8_t af)
{
	const uint8_t *b = (const uint8_t *)m;
	size_t i, n = addr_bytes(af) * 8;

	for (i = 0; i < n; i++)
		if ((b[i / 8] & (0x80 >> i % 8)) == 0)
			break;
	return (uint8_t)i;
}

static void
set_side(const struct p_side *s, struct pf_rule_addr *out)
{
	out->addr.type = PF_ADDR_ADDRMASK;
	if (s->remotes) {
		out->addr.type = PF_ADDR_TABLE;
		strlcpy(out->addr.v.tblname, P_REMOTES,
		    sizeof(out->addr.v.tblname));
	} else if (s->last.af != AF_UNSPEC) {
		out->addr.type = PF_ADDR_RANGE;
		p_set_addr(&s->net.addr, &out->addr.v.a.addr);
		p_set_addr(&s->last, &out->addr.v.a.mask);
	} else if (s->net.addr.af != AF_UNSPEC) {
		p_set_addr(&s->net.addr, &out->addr.v.a.addr);
		p_set_mask(s->net.len, &out->addr.v.a.mask);
	}
	if (s->lo == 0 && s->hi == 0)
		return;
	out->port_op = s->lo == s->hi ? PF_OP_EQ : PF_OP_RRG;
	out->port[0] = htons(s->lo);
	out->port[1] = htons(s->hi);
}

static struct p_side
get_side(const struct pf_rule_addr *a, uint8_t af)
{
	struct p_side s = { 0 };

	s.net.len = get_mask(&a->addr.v.a.mask, af);
	if (s.net.len > 0)
		s.net.addr = get_addr(&a->addr.v.a.addr, af);
	if (a->port_op == PF_OP_EQ || a->port_op == PF_OP_RRG) {
		s.lo = ntohs(a->port[0]);
		s.hi = a->port_op == PF_OP_EQ ? s.lo : ntohs(a->port[1]);
	}
	return s;
}

/* keep state (udp.first 60, udp.single 30, udp.multiple 60, max 2) */
static void
set_state(const struct p_rule *r, const struct fw_config *c,
    struct pf_rule *out)
{
	out->keep_state = PF_STATE_NORMAL;
	out->max_states = r->max_states;
	if (c->if_bound)
		out->rule_flag |= PFRULE_IFBOUND;
	if (r->proto == IPPROTO_TCP) {
		out->flags = TH_SYN;
		out->flagset = TH_SYN | TH_ACK;
		return;
	}
	out->timeout[PFTM_UDP_FIRST_PACKET] = P_UDP_FIRST;
	out->timeout[PFTM_UDP_SINGLE] = P_UDP_SINGLE;
	out->timeout[PFTM_UDP_MULTIPLE] = P_UDP_MULTIPLE;
}

void
p_set_pass(const struct p_rule *r, const struct fw_config *c,
    struct pf_rule *out)
{
	out->action = PF_PASS;
	out->direction = r->way == P_IN ? PF_IN
	    : r->way == P_OUT		? PF_OUT
					: PF_INOUT;
	out->af = r->af;
	out->proto = r->proto;
	out->rtableid = -1;
	set_side(&r->src, &out->src);
	set_side(&r->dst, &out->dst);
	if (r->label != 0)
		snprintf(out->label, sizeof(out->label), "%llu",
		    (unsigned long long)r->label);
	if (r->anchor[0] != '\0')
		return;
	out->quick = 1;
	out->log = c->log ? PF_LOG : 0;
	set_state(r, c, out);
	if (r->tag != NULL)
		strlcpy(out->tagname, r->tag, sizeof(out->tagname));
	if (r->queue != NULL)
		strlcpy(out->qname, r->queue, sizeof(out->qname));
	if (r->on != NULL)
		strlcpy(out->ifname, r->on, sizeof(out->ifname));
}

void
p_set_anchor(const struct p_rule *r, struct pfioc_rule *out)
{
	const char *last = strrchr(r->anchor, '/');

	snprintf(out->anchor_call, sizeof(out->anchor_call), "/%s", r->anchor);
	/* From 14 on no two rules of a ruleset may be the same. */
	strlcpy(out->rule.label, last != NULL ? last + 1 : r->anchor,
	    sizeof(out->rule.label));
}

bool
p_read(const struct pfioc_rule *pr, struct p_rule *out)
{
	const struct pf_rule *rule = &pr->rule;
	char *end;

	memset(out, 0, sizeof(*out));
	if (rule->action != PF_PASS || pr->anchor_call[0] != '\0' ||
	    rule->src.addr.type != PF_ADDR_ADDRMASK ||
	    rule->dst.addr.type != PF_ADDR_ADDRMASK ||
	    (rule->af != AF_INET && rule->af != AF_INET6) ||
	    rule->ifname[0] != '\0')
		return false;
	errno = 0;
	out->label = strtoull(rule->label, &end, 10);
	if (errno != 0 || end == rule->label || *end != '\0')
		return false;
	out->action = P_ACT_PASS;
	out->way = rule->direction == PF_IN ? P_IN
	    : rule->direction == PF_OUT	    ? P_OUT
					    : P_BOTH;
	out->af = rule->af;
	out->proto = rule->proto;
	out->src = get_side(&rule->src, rule->af);
	out->dst = get_side(&rule->dst, rule->af);
	out->max_states = rule->max_states;
	return true;
}

static struct endpoint
get_endpoint(const struct pfsync_state_key *k, int i, uint8_t af)
{
	struct endpoint e;
	struct pf_addr a;
	uint16_t port;

	/* The struct is packed. */
	memcpy(&a, &k->addr[i], sizeof(a));
	memcpy(&port, &k->port[i], sizeof(port));
	e.addr = get_addr(&a, af);
	e.port = ntohs(port);
	return e;
}

bool
p_get_state(const struct pfsync_state *ps, struct p_state *out)
{
	struct pfsync_state_key wire, stack;
	/*
	 * For a packet that leaves, the second address is the one where it
	 * began.
	 */
	int src = ps->direction == PF_OUT, i, j;
	uint32_t packets;

	memset(out, 0, sizeof(*out));
	if ((ps->proto != IPPROTO_UDP && ps->proto != IPPROTO_TCP) ||
	    (ps->af != AF_INET && ps->af != AF_INET6))
		return false;
	memcpy(&wire, &ps->key[PF_SK_WIRE], sizeof(wire));
	memcpy(&stack, &ps->key[PF_SK_STACK], sizeof(stack));
	out->id = ps->id;
	out->creator = ps->creatorid;
	out->proto = ps->proto;
	out->outward = src;
	out->src = get_endpoint(&wire, src, ps->af);
	out->dst = get_endpoint(&wire, !src, ps->af);
	out->in_src = get_endpoint(&stack, src, ps->af);
	out->in_dst = get_endpoint(&stack, !src, ps->af);
	/*
	 * Two 64-bit counters, each as two words in network order: of packets
	 * that went as the one that made the state, and the other way.
	 */
	for (i = 0; i < 2; i++) {
		uint64_t n = 0;

		for (j = 0; j < 2; j++) {
			memcpy(&packets, &ps->packets[i][j], sizeof(packets));
			n = n << 32 | ntohl(packets);
		}
		out->packets[i] = n;
	}
	/*
	 * pf counts an ICMP error in the state of the packet that it answers.
	 * An end that has sent nothing else has only answered so.
	 */
	if (ps->proto == IPPROTO_UDP && ps->src.state == PFUDPS_NO_TRAFFIC)
		out->packets[0] = 0;
	if (ps->proto == IPPROTO_UDP && ps->dst.state == PFUDPS_NO_TRAFFIC)
		out->packets[1] = 0;
	return true;
}

void
p_new_state(const struct p_state *s, bool log, struct pfsync_state *out)
{
	struct pfsync_state_key k;
	int src = s->outward;

	memset(out, 0, sizeof(*out));
	memset(&k, 0, sizeof(k));
	p_set_addr(&s->src.addr, &k.addr[src]);
	p_set_addr(&s->dst.addr, &k.addr[!src]);
	k.port[src] = htons(s->src.port);
	k.port[!src] = htons(s->dst.port);
	memcpy(&out->key[PF_SK_WIRE], &k, sizeof(k));
	memcpy(&out->key[PF_SK_STACK], &k, sizeof(k));
	out->id = s->id;
	out->creatorid = s->creator;
	out->af = s->src.addr.af;
	out->proto = s->proto;
	out->direction = src ? PF_OUT : PF_IN;
	strlcpy(out->ifname, "all", sizeof(out->ifname)); /* floating */
	out->rule = out->anchor = out->nat_rule = htonl((uint32_t)-1);
	out->src.state = out->dst.state = PFUDPS_MULTIPLE;
	out->timeout = PFTM_UDP_MULTIPLE;
	out->expire = htonl(P_UDP_MULTIPLE);
	out->log = log ? PF_LOG : 0;
}

/* To pf the redirected packet left: see DIOCNATLOOK in pf(4). */
void
p_set_natlook(const struct fw_flow *flow, uint8_t way,
    struct pfioc_natlook *out)
{
	memset(out, 0, sizeof(*out));
	p_set_addr(&flow->client.addr, &out->saddr);
	p_set_addr(&flow->local.addr, &out->daddr);
	out->sport = htons(flow->client.port);
	out->dport = htons(flow->local.port);
	out->af = flow->client.addr.af;
	out->proto = flow->proto;
	out->direction = way;
}

struct endpoint
p_get_natlook(const struct pfioc_natlook *nl)
{
	struct endpoint e = { get_addr(&nl->rdaddr, nl->af),
		ntohs(nl->rdport) };

	return e;
}

void
p_table_addr(const struct prefix *p, struct pfr_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->pfra_af = p->addr.af;
	out->pfra_net = p->len;
	memcpy(&out->pfra_u, p->addr.b, addr_bytes(p->addr.af));
}
