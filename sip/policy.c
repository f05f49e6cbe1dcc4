/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "sip/policy.h"

/*
 * The place where one side listens: an address, its ports, its redirect; and
 * the ports of the other side that belong to these.  `peer` belongs to `lo`,
 * the port after it to the next, and `peer_rtcp` to `hi` where that is the port
 * of RTCP.  0: unknown.
 */
struct target {
	struct addr addr;
	struct addr alias; /* public alias that SDP used, or AF_UNSPEC */
	uint16_t lo, hi;
	uint16_t peer, peer_rtcp;
};

#define MAX_REMOTES (2 + SDP_MAX_CANDIDATES)

/* Everything about one m= line while it is being worked on. */
struct work {
	const struct sip_policy *p;
	const struct sip_side *in, *out;
	const struct sdp_media *in_media, *out_media;
	uint8_t stream;
	struct sip_plan *plan;
	bool full; /* and no use in looking further */
};

bool
sip_policy_protects(const struct sip_policy *p, const struct addr *a)
{
	return prefixes_contain(p->protect, p->nprotect, a);
}

bool
sip_policy_is_server(const struct sip_policy *p, const struct addr *a)
{
	return prefixes_contain(p->server, p->nserver, a);
}

static void
plan_refuse(struct work *w, const struct addr *src, const struct addr *dst,
    uint16_t dport, enum reason reason)
{
	struct sip_plan *plan = w->plan;
	struct sip_refusal *r;
	size_t i;

	for (i = 0; i < plan->nrefusals; i++) {
		r = &plan->refusals[i];
		if (addr_eq(&r->src, src) && addr_eq(&r->dst, dst) &&
		    r->dport == dport && r->reason == reason)
			return;
	}
	if (plan->nrefusals == SIP_PLAN_REFUSALS)
		return;
	r = &plan->refusals[plan->nrefusals++];
	r->src = *src;
	r->dst = *dst;
	r->dport = dport;
	r->reason = reason;
}

static bool
takes_signalling(const struct sip_policy *p, const struct pinhole *hole)
{
	size_t i;

	for (i = 0; i < p->nports; i++)
		if (p->ports[i] >= hole->to_lo && p->ports[i] <= hole->to_hi)
			return true;
	return false;
}

/*
 * A 5-tuple passes in both directions, whichever end sends first.  Is `b` the
 * one of `a`, seen from the inside?
 */
static bool
hole_mirrors(const struct pinhole *a, const struct pinhole *b)
{
	return a->dir == PINHOLE_IN && b->dir == PINHOLE_OUT &&
	    a->from_port != 0 && b->from_port != 0 && a->proto == b->proto &&
	    a->from_port == b->to_lo && b->from_port == a->to_lo &&
	    a->to_lo == a->to_hi && b->to_lo == b->to_hi &&
	    addr_eq(&a->from.addr, &b->to) && addr_eq(&b->from.addr, &a->to);
}

/* Does `a` let through all that `b` would? */
static bool
hole_covers(const struct pinhole *a, const struct pinhole *b)
{
	struct pinhole c;

	if (hole_mirrors(a, b))
		return true;
	/*
	 * Most pairs differ in these fields; compare them first, for there may
	 * be many pairs.
	 */
	if (a->dir != b->dir || a->to_lo > b->to_lo || a->to_hi < b->to_hi)
		return false;
	c = *b;
	if (a->rdr_from.addr.af == AF_UNSPEC) {
		c.to_lo = a->to_lo;
		c.to_hi = a->to_hi;
	}
	return pinhole_cmp(a, &c) == 0;
}

static void
plan_add(struct work *w, const struct pinhole *hole)
{
	struct sip_plan *plan = w->plan;
	size_t i;

	if (takes_signalling(w->p, hole)) {
		plan_refuse(w,
		    hole->dir == PINHOLE_IN ? &w->in->speaker
					    : &w->out->speaker,
		    &hole->to, hole->to_lo, REASON_PORT_RANGE);
		return;
	}

	for (i = 0; i < plan->nholes; i++)
		if (hole_covers(&plan->holes[i], hole))
			return;
	if (plan->nholes == SIP_PLAN_HOLES) {
		if (!w->full)
			plan_refuse(w, &w->in->speaker, &hole->to, hole->to_lo,
			    REASON_LIMIT);
		w->full = true;
		return;
	}
	plan->holes[plan->nholes] = *hole;
	plan->stream[plan->nholes++] = w->stream;
}

/* A public alias on the firewall means the host behind it. */
static struct addr
target_unalias(const struct sip_policy *p, const struct addr *a,
    struct addr *alias)
{
	size_t i;

	memset(alias, 0, sizeof(*alias));
	for (i = 0; i < p->nexternal; i++)
		if (addr_eq(&p->external[i].outside, a)) {
			*alias = *a;
			return p->external[i].inside;
		}
	return *a;
}

struct addr
sip_policy_inside(const struct sip_policy *p, const struct addr *a)
{
	struct addr alias;

	return target_unalias(p, a, &alias);
}

/*
 * May `speaker` have media opened to `a`?  REASON_NONE with *ok false means:
 * nothing to open, and nothing wrong with that (direct media between two
 * outside hosts, hold).
 */
static enum reason
inside_address(const struct sip_policy *p, const struct addr *speaker,
    const struct addr *a, bool *ok)
{
	bool self = addr_eq(speaker, a);
	bool server = sip_policy_is_server(p, speaker);

	*ok = false;
	switch (addr_scope(a)) {
	case ADDR_UNSPECIFIED:
		return REASON_NONE;
	case ADDR_NONE:
	case ADDR_UNUSABLE:
		return REASON_ADDRESS;
	case ADDR_PRIVATE:
	case ADDR_GLOBAL:
		break;
	}
	if (!sip_policy_protects(p, a))
		return server ? REASON_NONE : REASON_NOT_PROTECTED;
	if (!self && !server)
		return REASON_NOT_SERVER;
	if (!prefixes_contain(p->media, p->nmedia, a))
		return REASON_NOT_PROTECTED;
	*ok = true;
	return REASON_NONE;
}

/*
 * May media come from, and go to, address `a` that the other side named?
 * `quiet` is set for addresses that are merely of no use, such as the
 * private address of a phone behind NAT.
 */
static bool
remote_address(const struct work *w, const struct addr *a, bool *quiet)
{
	const struct sip_policy *p = w->p;
	const struct addr *speaker = &w->out->speaker;
	struct addr alias;
	bool ok;

	*quiet = false;
	if (addrs_contain(p->own, p->nown, a) && !sip_policy_protects(p, a))
		return false;
	/* Nor may an outsider name the public alias of a protected host. */
	(void)target_unalias(p, a, &alias);
	if (alias.af != AF_UNSPEC && !sip_policy_protects(p, a))
		return false;
	if (sip_policy_protects(p, a))
		/* Between two protected networks both speak for themselves. */
		return sip_policy_protects(p, speaker) &&
		    inside_address(p, speaker, a, &ok) == REASON_NONE && ok;
	switch (addr_scope(a)) {
	case ADDR_NONE:
	case ADDR_UNSPECIFIED:
		*quiet = true;
		return false;
	case ADDR_UNUSABLE:
		return false;
	case ADDR_PRIVATE:
		*quiet = true;
		return addr_scope(speaker) == ADDR_PRIVATE;
	case ADDR_GLOBAL:
		return true;
	}
	return false;
}

static bool
speaker_usable(const struct work *w)
{
	enum addr_scope scope = addr_scope(&w->out->speaker);

	return (scope == ADDR_PRIVATE || scope == ADDR_GLOBAL) &&
	    (!addrs_contain(w->p->own, w->p->nown, &w->out->speaker) ||
		sip_policy_protects(w->p, &w->out->speaker));
}

static void
add_remote(struct prefix *v, size_t *n, const struct addr *a, uint8_t af)
{
	struct prefix host = prefix_host(a);
	size_t i;

	if (a->af != af || *n == MAX_REMOTES)
		return;
	for (i = 0; i < *n; i++)
		if (prefix_cmp(&v[i], &host) == 0)
			return;
	v[(*n)++] = host;
}

/*
 * The addresses from which media may come to an inside address of family `af`,
 * when the other side named `named` (and, with ICE, the candidates).  With a
 * list or `any` the policy alone decides.
 */
static size_t
plan_remotes(struct work *w, const struct addr *named, uint8_t af,
    struct prefix v[MAX_REMOTES])
{
	const struct sip_policy *p = w->p;
	size_t i, n = 0;
	bool quiet, usable = remote_address(w, named, &quiet);

	if (p->remote == REMOTE_ANY) {
		memset(&v[0], 0, sizeof(v[0]));
		return 1;
	}
	if ((p->remote == REMOTE_BOTH || p->remote == REMOTE_SIGNALLING ||
		/*
		 * A name is never resolved: the address of its sender is used
		 * instead.
		 */
		w->out_media->fault == SDP_FAULT_NAME) &&
	    speaker_usable(w))
		add_remote(v, &n, &w->out->speaker, af);
	if (p->remote == REMOTE_BOTH || p->remote == REMOTE_SDP) {
		if (usable)
			add_remote(v, &n, named, af);
		else if (!quiet ||
		    (p->remote == REMOTE_SDP &&
			addr_scope(named) == ADDR_PRIVATE))
			plan_refuse(w, &w->out->speaker, named,
			    w->out_media->port, REASON_ADDRESS);
		for (i = 0; i < w->out_media->ncandidates; i++)
			if (!w->out_media->candidates[i].tcp &&
			    remote_address(w, &w->out_media->candidates[i].addr,
				&quiet))
				add_remote(v, &n,
				    &w->out_media->candidates[i].addr, af);
	} else if (!usable && !quiet)
		plan_refuse(w, &w->out->speaker, named, w->out_media->port,
		    REASON_ADDRESS);
	return n;
}

/* May the inside send to an address that the other side named? */
static bool
outward_allowed(const struct work *w, const struct addr *named)
{
	const struct sip_policy *p = w->p;
	bool quiet;

	if (!remote_address(w, named, &quiet))
		return false;
	switch (p->remote) {
	case REMOTE_SIGNALLING:
		return addr_eq(named, &w->out->speaker);
	case REMOTE_LIST:
		return prefixes_contain(p->remotes, p->nremotes, named);
	case REMOTE_BOTH:
	case REMOTE_SDP:
	case REMOTE_ANY:
		break;
	}
	return true;
}

static uint8_t
media_proto(const struct sdp_media *m)
{
	return m->kind == SDP_TCP ? IPPROTO_TCP : IPPROTO_UDP;
}

/*
 * Does `peer` send each packet from a port that we know?  Then the pinhole can
 * be a 5-tuple.  A TCP connection comes from any port.
 */
static bool
is_symmetric(const struct work *w, const struct addr *peer,
    const struct target *t)
{
	return t->peer != 0 && media_proto(w->in_media) == IPPROTO_UDP &&
	    prefixes_contain(w->p->symmetric, w->p->nsymmetric, peer);
}

/* The other side's port that belongs to `port` of t. */
static uint16_t
peer_port(const struct target *t, uint16_t port)
{
	if (port == t->hi && t->peer_rtcp != 0)
		return t->peer_rtcp;
	return (uint16_t)(t->peer + (port - t->lo));
}

static void
open_ports_in(struct work *w, struct pinhole *hole, const struct target *t,
    uint16_t lo, uint16_t hi)
{
	hole->to_lo = lo;
	hole->to_hi = hi;
	if (w->p->redirect && t->alias.af != AF_UNSPEC) {
		hole->rdr_from.addr = t->alias;
		hole->rdr_from.port = lo;
	}
	plan_add(w, hole);
}

static void
open_in(struct work *w, const struct prefix *v, size_t n,
    const struct target *t)
{
	struct pinhole hole;
	unsigned int port;
	size_t i;

	for (i = 0; i < n; i++) {
		/* A list may have prefixes of both families. */
		if (v[i].addr.af != AF_UNSPEC && v[i].addr.af != t->addr.af)
			continue;
		memset(&hole, 0, sizeof(hole));
		hole.proto = media_proto(w->in_media);
		hole.dir = PINHOLE_IN;
		hole.from = v[i];
		hole.to = t->addr;
		if (w->p->remote == REMOTE_ANY || w->p->remote == REMOTE_LIST ||
		    !is_symmetric(w, &v[i].addr, t)) {
			open_ports_in(w, &hole, t, t->lo, t->hi);
			continue;
		}
		for (port = t->lo; port <= t->hi; port++) {
			hole.from_port = peer_port(t, (uint16_t)port);
			open_ports_in(w, &hole, t, (uint16_t)port,
			    (uint16_t)port);
		}
	}
}

static void
open_in_all(struct work *w, const struct addr *named, const struct target *t)
{
	struct prefix v[MAX_REMOTES];
	size_t n;

	if (w->p->remote == REMOTE_LIST) {
		open_in(w, w->p->remotes, w->p->nremotes, t);
		/* Refuse an address that cannot be used at all. */
		(void)plan_remotes(w, named, t->addr.af, v);
		return;
	}
	n = plan_remotes(w, named, t->addr.af, v);
	open_in(w, v, n, t);
}

/* From `from` to the ports of t, where `peer` are the inside's own. */
static void
open_out(struct work *w, const struct addr *from, const struct target *t)
{
	struct pinhole hole;
	unsigned int port;

	if (from->af != t->addr.af || !outward_allowed(w, &t->addr))
		return;
	/* Another protected host: what opens there is bound by `media`. */
	if (sip_policy_protects(w->p, &t->addr) &&
	    (t->lo < w->p->media_lo || t->hi > w->p->media_hi))
		return;
	memset(&hole, 0, sizeof(hole));
	hole.proto = media_proto(w->in_media);
	hole.dir = PINHOLE_OUT;
	hole.from = prefix_host(from);
	hole.to = t->addr;
	if (!is_symmetric(w, &t->addr, t)) {
		hole.to_lo = t->lo;
		hole.to_hi = t->hi;
		plan_add(w, &hole);
		return;
	}
	for (port = t->lo; port <= t->hi; port++) {
		hole.from_port = peer_port(t, (uint16_t)port);
		hole.to_lo = hole.to_hi = (uint16_t)port;
		plan_add(w, &hole);
	}
}

/* Ports of an m= line, lone RTCP aside: RFC 8866 section 5.14. */
static void
media_ports(const struct sdp_media *m, struct target *t)
{
	/* With a count, RTP and RTCP come in pairs. */
	unsigned int n =
	    m->kind == SDP_RTP && m->nports > 1 ? 2u * m->nports : m->nports;

	t->lo = m->port;
	t->hi = (uint16_t)(m->port + n - 1);
}

/*
 * Where RTCP goes (RFC 3605, RFC 3550 section 11), or false if it has no
 * port of its own.
 */
static bool
rtcp_target(const struct sdp_media *m, bool mux, struct addr *addr,
    uint16_t *port)
{
	if (m->kind != SDP_RTP || mux || m->nports > 1)
		return false;
	*addr = m->rtcp.addr.af != AF_UNSPEC ? m->rtcp.addr : m->addr;
	if (m->rtcp.port != 0)
		*port = m->rtcp.port;
	else if (m->port < UINT16_MAX)
		*port = (uint16_t)(m->port + 1);
	else
		return false;
	return true;
}

/* Take one address of the inside, or refuse it with a reason. */
static bool
inside_host(struct work *w, const struct addr *named, uint16_t port,
    struct target *t)
{
	enum reason why;
	bool ok;

	t->addr = target_unalias(w->p, named, &t->alias);
	why = inside_address(w->p, &w->in->speaker, &t->addr, &ok);
	if (why != REASON_NONE)
		plan_refuse(w, &w->in->speaker, named, port, why);
	return ok;
}

/* The same with a range of ports to be opened there. */
static bool
inside_target(struct work *w, const struct addr *named, uint16_t lo,
    uint16_t hi, struct target *t)
{
	const struct sip_policy *p = w->p;

	t->lo = lo;
	t->hi = hi;
	if (!inside_host(w, named, lo, t))
		return false;
	if (lo < 1024 || lo < p->media_lo || hi > p->media_hi) {
		plan_refuse(w, &w->in->speaker, named,
		    lo < 1024 || lo < p->media_lo || lo > p->media_hi ? lo : hi,
		    REASON_PORT_RANGE);
		return false;
	}
	return true;
}

/* a=setup: who connects (RFC 4145 section 4). */
static void
tcp_directions(const struct work *w, bool *in, bool *out)
{
	enum sdp_setup i = w->in_media->setup, o = w->out_media->setup;

	*in = *out = true;
	if (i == SDP_HOLDCONN || o == SDP_HOLDCONN)
		*in = *out = false;
	else if (i == SDP_ACTIVE || o == SDP_PASSIVE)
		*in = false;
	else if (i == SDP_PASSIVE || o == SDP_ACTIVE)
		*out = false;
}

/* Additional addresses that ICE may choose (RFC 8839 section 5.1). */
static void
plan_candidates(struct work *w, const struct addr *from)
{
	const struct sdp_candidate *c;
	struct target t;
	size_t i;
	bool ok;

	for (i = 0; i < w->in_media->ncandidates && !w->full; i++) {
		c = &w->in_media->candidates[i];
		t = (struct target) { .lo = c->port, .hi = c->port };
		t.addr = target_unalias(w->p, &c->addr, &t.alias);
		if (c->tcp || (w->in_media->repeated & 4u << i) != 0 ||
		    c->port < 1024 || c->port < w->p->media_lo ||
		    c->port > w->p->media_hi ||
		    inside_address(w->p, &w->in->speaker, &t.addr, &ok) !=
			REASON_NONE ||
		    !ok)
			continue;
		open_in_all(w, &w->out_media->addr, &t);
	}
	for (i = 0; i < w->out_media->ncandidates && !w->full; i++) {
		c = &w->out_media->candidates[i];
		t = (struct target) { .addr = c->addr,
			.lo = c->port,
			.hi = c->port };
		if (!c->tcp && c->port >= 1024)
			open_out(w, from, &t);
	}
}

/*
 * Which port of the one side belongs to which of the other, as far as that
 * can be told: not with ICE, which tries them all.
 */
static void
pair_ports(const struct work *w, struct target *in, struct target *out)
{
	if (w->in_media->ncandidates > 0 || w->out_media->ncandidates > 0 ||
	    out->lo < 1024 || in->hi - in->lo != out->hi - out->lo)
		return;
	in->peer = out->lo;
	out->peer = in->lo;
}

/*
 * Where the inside may send to; `rtcp` is the port that it sends RTCP from, or
 * 0.
 */
static void
plan_out(struct work *w, const struct addr *from, struct target *remote,
    const struct target *remote_rtcp, uint16_t rtcp)
{
	bool separate = remote_rtcp->lo >= 1024;

	remote->addr = w->out_media->addr;
	if (separate && remote_rtcp->lo == remote->hi + 1 &&
	    addr_eq(&remote_rtcp->addr, &w->out_media->addr)) {
		remote->hi = remote_rtcp->lo;
		remote->peer_rtcp = rtcp;
		if (rtcp == 0)
			remote->peer = 0;
		separate = false;
	}
	open_out(w, from, remote);
	if (separate)
		open_out(w, from, remote_rtcp);
}

/*
 * The address and ports of the m= and c= lines themselves.  Returns the
 * inside address that media comes from, or the speaker's if there is none.
 */
static struct addr
plan_default(struct work *w)
{
	struct target rtp = { 0 }, rtcp = { 0 }, remote = { 0 }, rrtcp = { 0 };
	struct addr iaddr = { 0 };
	bool mux = w->in_media->rtcp_mux && w->out_media->rtcp_mux;
	bool in = true, out = true, separate;
	uint16_t iport = 0;

	if (w->in_media->kind == SDP_TCP)
		tcp_directions(w, &in, &out);
	media_ports(w->in_media, &rtp);
	media_ports(w->out_media, &remote);
	pair_ports(w, &rtp, &remote);
	if (!(in ? inside_target(w, &w->in_media->addr, rtp.lo, rtp.hi, &rtp)
		 : inside_host(w, &w->in_media->addr, rtp.lo, &rtp)))
		return w->in->speaker;

	separate = rtcp_target(w->in_media, mux, &iaddr, &iport);
	if (separate && (w->in_media->repeated & 2) != 0) {
		plan_refuse(w, &w->in->speaker, &iaddr, iport, REASON_ADDRESS);
		separate = false;
	}
	if (rtcp_target(w->out_media, mux, &rrtcp.addr, &rrtcp.lo))
		rrtcp.hi = rrtcp.lo;
	/*
	 * The inside sends RTCP from the address of RTP, so the port of RTCP is
	 * known only if its address is the same.
	 */
	if (rtp.peer != 0 && addr_eq(&iaddr, &w->in_media->addr))
		rrtcp.peer = iport;
	if (separate && iport == rtp.hi + 1 && iport <= w->p->media_hi &&
	    addr_eq(&iaddr, &w->in_media->addr) &&
	    w->out_media->rtcp.addr.af == AF_UNSPEC) {
		rtp.hi = iport;
		rtp.peer_rtcp = rrtcp.lo;
		separate = false;
	}
	if (in) {
		open_in_all(w, &w->out_media->addr, &rtp);
		if (rtp.peer != 0)
			rtcp.peer = rrtcp.lo;
		if (separate && inside_target(w, &iaddr, iport, iport, &rtcp))
			open_in_all(w,
			    w->out_media->rtcp.addr.af != AF_UNSPEC
				? &w->out_media->rtcp.addr
				: &w->out_media->addr,
			    &rtcp);
	}
	if (out && w->out_media->fault != SDP_FAULT_NAME &&
	    w->out_media->port >= 1024)
		plan_out(w, &rtp.addr, &remote, &rrtcp, rrtcp.peer);
	return rtp.addr;
}

static void
plan_stream(struct work *w)
{
	/* c=0.0.0.0 and port 9 mean "see the candidates" (RFC 8840). */
	bool trickle = w->in_media->ice && w->in_media->port == 9;
	struct addr from = trickle ? w->in->speaker : plan_default(w);

	if (w->in_media->ncandidates > 0 || w->out_media->ncandidates > 0)
		plan_candidates(w, &from);
}

/* Whether one side's m= line can be used at all; refuses what cannot. */
static bool
media_usable(struct work *w, const struct sip_side *side,
    const struct sdp_media *m, bool inside)
{
	/* The side that connects names no port: 9 (RFC 4145 section 4.1). */
	bool connects = m->kind == SDP_TCP && m->setup == SDP_ACTIVE;

	switch (m->fault) {
	case SDP_OK:
		break;
	case SDP_FAULT_NAME:
		if (!inside)
			break;
		/* FALLTHROUGH */
	case SDP_FAULT_ADDRESS:
		plan_refuse(w, &side->speaker, &m->addr, m->port,
		    REASON_ADDRESS);
		return false;
	case SDP_FAULT_PORT:
		plan_refuse(w, &side->speaker, &m->addr, m->port,
		    REASON_PORT_RANGE);
		return false;
	case SDP_FAULT_AMBIGUOUS:
		plan_refuse(w, &side->speaker, &m->addr, m->port,
		    REASON_AMBIGUOUS);
		return false;
	case SDP_FAULT_SYNTAX:
		plan_refuse(w, &side->speaker, &m->addr, m->port,
		    REASON_MALFORMED);
		return false;
	}
	if (m->port == 0 || m->kind == SDP_OTHER)
		return false;
	if (inside && (m->repeated & 1) != 0) {
		plan_refuse(w, &side->speaker, &m->addr, m->port,
		    REASON_ADDRESS);
		return false;
	}
	if (!inside && m->port < 1024 && !connects && !m->ice) {
		plan_refuse(w, &side->speaker, &m->addr, m->port,
		    REASON_PORT_RANGE);
		return false;
	}
	return true;
}

/*
 * Does the stream run on the ports of another?  It does when both sides agree
 * on the group and on the stream whose ports are used: RFC 9143 section 7.3.
 */
static bool
is_bundled(const struct work *w, size_t n)
{
	const struct sdp_media *i, *o;
	size_t k;

	if (!w->in_media->in_bundle || !w->out_media->in_bundle ||
	    w->in_media->bundle_first || w->out_media->bundle_first)
		return false;
	for (k = 0; k < n; k++) {
		i = &w->in->media[k];
		o = &w->out->media[k];
		if (i->bundle_first && i->bundle == w->in_media->bundle &&
		    o->bundle_first && o->bundle == w->out_media->bundle)
			return i->fault == SDP_OK && i->port != 0 &&
			    o->fault == SDP_OK && o->port != 0;
	}
	return false;
}

void
sip_policy_plan(const struct sip_policy *p, const struct sip_side *inside,
    const struct sip_side *outside, struct sip_plan *plan)
{
	struct work w = { p, inside, outside, NULL, NULL, 0, plan, false };
	size_t i, n;

	plan->nholes = plan->nrefusals = 0;
	/* The shorter of the two, index by index: RFC 3264 section 6. */
	n = inside->nmedia < outside->nmedia ? inside->nmedia : outside->nmedia;
	for (i = 0; i < n && !w.full; i++) {
		w.in_media = &inside->media[i];
		w.out_media = &outside->media[i];
		w.stream = (uint8_t)i;
		if ((w.in_media->fault == SDP_OK && w.in_media->port == 0) ||
		    (w.out_media->fault == SDP_OK && w.out_media->port == 0) ||
		    is_bundled(&w, n))
			continue;
		if (i >= p->max_streams) {
			plan_refuse(&w, &inside->speaker, &w.in_media->addr,
			    w.in_media->port, REASON_LIMIT);
			break;
		}
		if (p->hold_close &&
		    (w.in_media->mode == SDP_INACTIVE ||
			w.out_media->mode == SDP_INACTIVE))
			continue;
		if (!media_usable(&w, inside, w.in_media, true) ||
		    !media_usable(&w, outside, w.out_media, false))
			continue;
		plan_stream(&w);
	}
	if (n > 0 && i == n && (inside->more || outside->more))
		plan_refuse(&w, &inside->speaker, &inside->media[n - 1].addr, 0,
		    REASON_LIMIT);
}
