/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "tests/unit/policy_play.h"

struct sip_plan plan;
struct prefix listed[2], symmetric[1];
static struct prefix protect[2], server[1], media[2];
static struct addr own[3];
static struct sip_external alias[1];

struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), PH_OK);
	return a;
}

struct prefix
network(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(span_of(text), &p), PH_OK);
	return p;
}

struct sip_policy
policy(void)
{
	struct sip_policy p = { 0 };

	protect[0] = network("192.0.2.0/24");
	protect[1] = network("2001:db8:2::/64");
	server[0] = network("192.0.2.10");
	media[0] = network("192.0.2.0/26");
	media[1] = network("2001:db8:2::/80");
	listed[0] = network("203.0.113.0/28");
	listed[1] = network("2001:db8:9::/64");
	symmetric[0] = network("198.51.100.0/24");
	own[0] = address("198.51.100.1");
	own[1] = address("192.0.2.1");
	own[2] = address("2001:db8:8::1");
	alias[0].outside = address("203.0.113.200");
	alias[0].inside = address("192.0.2.20");
	p.protect = protect;
	p.nprotect = 2;
	p.server = server;
	p.nserver = 1;
	p.media = media;
	p.nmedia = 2;
	p.remotes = listed;
	p.nremotes = 2;
	p.own = own;
	p.nown = 3;
	p.external = alias;
	p.nexternal = 1;
	p.media_lo = 1024;
	p.media_hi = 65535;
	p.max_streams = 16;
	return p;
}

struct sdp_media
stream(const char *addr, uint16_t port)
{
	struct sdp_media m = { 0 };

	m.addr = address(addr);
	m.port = port;
	m.nports = 1;
	return m;
}

const char *
lines(void)
{
	static char text[8192];
	struct strbuf b = strbuf_of(text, sizeof(text));
	char from[ADDR_STRLEN], to[ADDR_STRLEN];
	const struct sip_refusal *r;
	const struct pinhole *h;

	for (h = plan.holes; h < plan.holes + plan.nholes; h++) {
		strbuf_fmt(&b, "%s%s %s",
		    h->proto == IPPROTO_TCP	  ? "tcp "
			: h->proto == IPPROTO_UDP ? ""
						  : "? ",
		    h->dir == PINHOLE_IN ? "in" : "out",
		    prefix_format(&h->from, from));
		if (h->from_port != 0)
			strbuf_fmt(&b, ":%u", h->from_port);
		strbuf_fmt(&b, ">%s:%u", addr_format(&h->to, to), h->to_lo);
		if (h->to_hi != h->to_lo)
			strbuf_fmt(&b, "-%u", h->to_hi);
		if (h->rdr_from.addr.af != AF_UNSPEC)
			strbuf_fmt(&b, " rdr %s",
			    endpoint_format(&h->rdr_from, to));
		if (plan.stream[h - plan.holes] != 0)
			strbuf_fmt(&b, " m%u", plan.stream[h - plan.holes]);
		strbuf_str(&b, "\n");
	}
	for (r = plan.refusals; r < plan.refusals + plan.nrefusals; r++)
		strbuf_fmt(&b, "no %s>%s:%u %s\n", addr_format(&r->src, from),
		    addr_format(&r->dst, to), r->dport, reason_name(r->reason));
	return text;
}

void
plan_for(const struct sip_policy *p, const char *in_speaker,
    const struct sdp_media *in, const char *out_speaker,
    const struct sdp_media *out, size_t n)
{
	struct sip_side inside = { address(in_speaker), in, n, false };
	struct sip_side outside = { address(out_speaker), out, n, false };

	/* The plan is filled anew, whatever was in it. */
	memset(&plan, 0xff, sizeof(plan));
	sip_policy_plan(p, &inside, &outside, &plan);
}
