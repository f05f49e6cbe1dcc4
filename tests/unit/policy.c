/* SPDX-License-Identifier: ISC */
/*
 * The pinholes of one negotiated session: two bodies in, pinholes and refusals
 * out.  The numbers are those of doc/sip-behaviour.md.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/policy.h"
#include "src/base/strbuf.h"
#include "tests/unit/unit.h"

#define HEAD(a)                                                                \
	"v=0\r\no=- 1 1 IN IP4 " a "\r\ns=-\r\nc=IN IP4 " a "\r\nt=0 0\r\n"
#define IN  HEAD("192.0.2.10")
#define OUT HEAD("198.51.100.7")

struct row {
	const char *what;
	const char *in, *out; /* bodies */
	const char *expect;
};

static struct prefix protect[2], server[1];
static struct sip_external alias[1];

static struct sip_policy
policy(void)
{
	struct sip_policy p = { 0 };

	assert_int_equal(prefix_parse(span_of("192.0.2.0/24"), &protect[0]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("10.0.0.0/24"), &protect[1]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("192.0.2.10"), &server[0]),
	    PH_OK);
	p.protect = p.media = protect;
	p.nprotect = p.nmedia = 2;
	p.server = server;
	p.nserver = 1;
	p.media_lo = 1024;
	p.media_hi = 65535;
	p.max_streams = 16;
	return p;
}

static void
describe(const struct sip_plan *plan, struct strbuf *b)
{
	char from[ADDR_STRLEN], to[ADDR_STRLEN];
	const struct pinhole *h;
	size_t i;

	for (i = 0; i < plan->nholes; i++) {
		h = &plan->holes[i];
		strbuf_fmt(b, "%s%s %s>%s:%u",
		    h->proto == IPPROTO_TCP ? "tcp " : "",
		    h->dir == PINHOLE_IN ? "in" : "out",
		    prefix_format(&h->from, from), addr_format(&h->to, to),
		    h->to_lo);
		if (h->from_port != 0)
			strbuf_fmt(b, " from %u", h->from_port);
		if (h->to_hi != h->to_lo)
			strbuf_fmt(b, "-%u", h->to_hi);
		if (h->rdr_from.addr.af != AF_UNSPEC)
			strbuf_fmt(b, " rdr %s",
			    endpoint_format(&h->rdr_from, to));
		strbuf_str(b, "\n");
	}
	for (i = 0; i < plan->nrefusals; i++)
		strbuf_fmt(b, "refuse %s:%u %s\n",
		    addr_format(&plan->refusals[i].dst, to),
		    plan->refusals[i].dport,
		    reason_name(plan->refusals[i].reason));
}

static void
check(const struct sip_policy *p, const struct row *rows, size_t n)
{
	static struct sip_plan plan;
	static struct sdp in, out;
	struct sip_side inside = { addr_v4(192, 0, 2, 10), in.media, 0, false };
	struct sip_side outside = { addr_v4(198, 51, 100, 7), out.media, 0,
		false };
	char text[4096];
	struct strbuf b;
	size_t i;

	for (i = 0; i < n; i++) {
		printf("%s\n", rows[i].what);
		assert_int_equal(sdp_parse(&in, span_of(rows[i].in), NULL),
		    PH_OK);
		assert_int_equal(sdp_parse(&out, span_of(rows[i].out), NULL),
		    PH_OK);
		inside.nmedia = in.nmedia;
		outside.nmedia = out.nmedia;
		sip_policy_plan(p, &inside, &outside, &plan);
		b = strbuf_of(text, sizeof(text));
		describe(&plan, &b);
		assert_string_equal(text, rows[i].expect);
	}
}

/* clang-format off */
static void
a_symmetric_peer_has_whole_tuples(void **state)
{
	static const struct row rows[] = {
		{ "each port by itself, and no second pinhole for the way out",
		  IN "m=audio 10000 RTP/AVP 0\r\n", OUT "m=audio 4000 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10000 from 4000\n"
		  "in 198.51.100.7>192.0.2.10:10001 from 4001\n" },
		{ "RTCP where a=rtcp says, on both sides",
		  IN "m=audio 10000 RTP/AVP 0\r\na=rtcp:12001\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\na=rtcp:5003\r\n",
		  "in 198.51.100.7>192.0.2.10:10000 from 4000\n"
		  "in 198.51.100.7>192.0.2.10:12001 from 5003\n" },
		{ "RTCP on the port of RTP",
		  IN "m=audio 10000 RTP/AVP 0\r\na=rtcp-mux\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n",
		  "in 198.51.100.7>192.0.2.10:10000 from 4000\n" },
		{ "as many ports on both sides",
		  IN "m=audio 10000/2 RTP/AVP 0\r\n", OUT "m=audio 4000/2 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10000 from 4000\nin 198.51.100.7>192.0.2.10:10001 from 4001\n"
		  "in 198.51.100.7>192.0.2.10:10002 from 4002\nin 198.51.100.7>192.0.2.10:10003 from 4003\n" },
		{ "more ports on one side belong to nobody in particular",
		  IN "m=audio 10000/2 RTP/AVP 0\r\n", OUT "m=audio 4000 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10000-10003\n"
		  "out 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ "T.38 by udptl",
		  IN "m=image 10000 udptl t38\r\n", OUT "m=image 4000 udptl t38\r\n",
		  "in 198.51.100.7>192.0.2.10:10000 from 4000\n" },
		{ "who connects by TCP does so from any port",
		  IN "m=message 10000 TCP/MSRP *\r\n", OUT "m=message 4000 TCP/MSRP *\r\n",
		  "tcp in 198.51.100.7>192.0.2.10:10000\ntcp out 192.0.2.10>198.51.100.7:4000\n" },
		{ "ICE tries more than the named ports",
		  IN "m=audio 10000 RTP/AVP 0\r\na=rtcp-mux\r\n"
		  "a=candidate:1 1 UDP 1 192.0.2.10 10000 typ host\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n",
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000\n" },
		{ "RTCP at an address that is not symmetric",
		  IN "m=audio 10000 RTP/AVP 0\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\na=rtcp:5003 IN IP4 203.0.113.9\r\n",
		  "in 198.51.100.7>192.0.2.10:10000 from 4000\n"
		  "in 198.51.100.7>192.0.2.10:10001 from 5003\nin 203.0.113.9>192.0.2.10:10001\n"
		  "out 192.0.2.10>203.0.113.9:5003\n" },
		{ "media from elsewhere, which is not symmetric",
		  IN "m=audio 10000 RTP/AVP 0\r\n",
		  HEAD("203.0.113.9") "m=audio 4000 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10000 from 4000\n"
		  "in 198.51.100.7>192.0.2.10:10001 from 4001\n"
		  "in 203.0.113.9>192.0.2.10:10000-10001\nout 192.0.2.10>203.0.113.9:4000-4001\n" },
	};
	struct prefix peers;
	struct sip_policy p = policy();

	(void)state;
	assert_int_equal(prefix_parse(span_of("198.51.100.0/28"), &peers), PH_OK);
	p.symmetric = &peers;
	p.nsymmetric = 1;
	check(&p, rows, ROWS(rows));
}

static void
streams_open_by_kind(void **state)
{
	static const struct row rows[] = {
		{ "26: port 0 is refused, bundle-only needs no port of its own",
		  IN "m=audio 10000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\nm=video 0 RTP/AVP 31\r\na=bundle-only\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\nm=video 4004 RTP/AVP 31\r\n",
		  "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ "13: an answer with more lines than the offer",
		  IN "m=audio 10000 RTP/AVP 0\r\nm=audio 10002 RTP/AVP 0\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ "31: udptl has one port",
		  IN "m=image 10000 udptl t38\r\n", OUT "m=image 4000 udptl t38\r\n",
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000\n" },
		{ "32: MSRP, the outside connects",
		  IN "m=message 10000 TCP/MSRP *\r\na=setup:passive\r\n",
		  OUT "m=message 9 TCP/MSRP *\r\na=setup:active\r\n",
		  "tcp in 198.51.100.7>192.0.2.10:10000\n" },
		{ "32: BFCP, the inside connects",
		  IN "m=application 9000 TCP/BFCP *\r\na=setup:active\r\n",
		  OUT "m=application 4000 TCP/BFCP *\r\na=setup:passive\r\n",
		  "tcp out 192.0.2.10>198.51.100.7:4000\n" },
		{ "32: nobody has decided: either may",
		  IN "m=message 10000 TCP/MSRP *\r\n", OUT "m=message 4000 TCP/MSRP *\r\n",
		  "tcp in 198.51.100.7>192.0.2.10:10000\ntcp out 192.0.2.10>198.51.100.7:4000\n" },
		{ "33: SRTP by DTLS and by SDES is RTP",
		  IN "m=audio 10000 UDP/TLS/RTP/SAVPF 0\r\nm=audio 10002 RTP/SAVP 0\r\na=crypto:1 X inline:secret\r\n",
		  OUT "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\nm=audio 4002 RTP/SAVP 0\r\na=crypto:1 X inline:secret\r\n",
		  "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:4000-4001\n"
		  "in 198.51.100.7>192.0.2.10:10002-10003\nout 192.0.2.10>198.51.100.7:4002-4003\n" },
		{ "a transport that is not ours opens nothing",
		  IN "m=audio 10000 QUIC/X 0\r\n", OUT "m=audio 4000 QUIC/X 0\r\n", "" },
		{ "27: RTCP at another address of the far end",
		  IN "m=audio 10000 RTP/AVP 0\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\na=rtcp:53020 IN IP4 198.51.100.9\r\n",
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.10:10001\nin 198.51.100.9>192.0.2.10:10001\n"
		  "out 192.0.2.10>198.51.100.7:4000\nout 192.0.2.10>198.51.100.9:53020\n" },
		{ "30: the far end names a privileged port",
		  IN "m=audio 10000 RTP/AVP 0\r\n", OUT "m=audio 53 RTP/AVP 0\r\n",
		  "refuse 198.51.100.7:53 port-range\n" },
		{ "22: no c= applies to one stream; the others open",
		  "v=0\r\ns=-\r\nm=audio 10000 RTP/AVP 0\r\nm=audio 10002 RTP/AVP 0\r\nc=IN IP4 192.0.2.10\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10002-10003\nout 192.0.2.10>198.51.100.7:4002-4003\nrefuse none:10000 address\n" },
		{ "22: two c= in one section refuse that stream",
		  IN "m=audio 10000 RTP/AVP 0\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 198.51.100.8\r\nc=IN IP4 198.51.100.9\r\n",
		  "refuse 198.51.100.8:4000 ambiguous\n" },
		{ "20: the inside names what nobody may use",
		  HEAD("127.0.0.1") "m=audio 10000 RTP/AVP 0\r\n", OUT "m=audio 4000 RTP/AVP 0\r\n",
		  "refuse 127.0.0.1:10000 address\n" },
		{ "39: held from the start: nothing to open, nothing wrong",
		  HEAD("0.0.0.0") "m=audio 10000 RTP/AVP 0\r\n", OUT "m=audio 4000 RTP/AVP 0\r\n", "" },
	};
	struct sip_policy p = policy();

	(void)state;
	check(&p, rows, ROWS(rows));
}

static void
ice_opens_what_it_may_choose_and_then_shrinks(void **state)
{
	static const struct row rows[] = {
		{ "34: port 9 is not hold; an inside address from outside is ignored, and so is a name",
		  HEAD("0.0.0.0") "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n"
		  "a=candidate:1 1 UDP 1 192.0.2.10 10000 typ host\r\n",
		  HEAD("0.0.0.0") "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n"
		  "a=candidate:1 1 UDP 1 192.168.1.5 4000 typ host\r\n"
		  "a=candidate:2 1 UDP 1 198.51.100.9 4002 typ relay\r\n"
		  "a=candidate:3 1 UDP 1 192.0.2.77 4004 typ host\r\n"
		  "a=candidate:4 1 UDP 1 abc.local 4006 typ host\r\n",
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.9>192.0.2.10:10000\nout 192.0.2.10>198.51.100.9:4002\n" },
		{ "34: the outside alone has candidates, and the least port",
		  IN "m=audio 10000 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n",
		  OUT "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n"
		  "a=candidate:1 1 UDP 1 198.51.100.9 1024 typ host\r\n"
		  "a=candidate:2 1 UDP 1 198.51.100.9 1023 typ host\r\n",
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.9>192.0.2.10:10000\n"
		  "out 192.0.2.10>198.51.100.7:4000\nout 192.0.2.10>198.51.100.9:1024\n" },
		{ "34: the inside alone has candidates",
		  IN "m=audio 10000 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n"
		  "a=candidate:1 1 UDP 1 192.0.2.10 10004 typ host\r\n"
		  "a=candidate:2 1 UDP 1 192.0.2.10 1023 typ host\r\n",
		  OUT "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n",
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000\nin 198.51.100.7>192.0.2.10:10004\n" },
		{ "34: the nominated pair alone",
		  IN "m=audio 10000 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n",
		  HEAD("198.51.100.9") "m=audio 4002 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n",
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.9>192.0.2.10:10000\nout 192.0.2.10>198.51.100.9:4002\n" },
	};
	struct sip_policy p = policy();

	(void)state;
	check(&p, rows, ROWS(rows));
}

static void
a_public_alias_means_the_host_behind_it(void **state)
{
	static const struct row rows[] = {
		{ "24: the rule has the address that the filter sees",
		  HEAD("203.0.113.10") "m=audio 10000 RTP/AVP 0\r\n", OUT "m=audio 4000 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
	};
	static const struct row redirected[] = {
		{ "24: and redirects by itself, if asked to",
		  HEAD("203.0.113.10") "m=audio 10000 RTP/AVP 0\r\n", OUT "m=audio 4000 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10000-10001 rdr 203.0.113.10:10000\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
	};
	struct sip_policy p = policy();

	(void)state;
	alias[0].outside = addr_v4(203, 0, 113, 10);
	alias[0].inside = addr_v4(192, 0, 2, 10);
	p.external = alias;
	p.nexternal = 1;
	check(&p, rows, ROWS(rows));
	p.redirect = true;
	check(&p, redirected, ROWS(redirected));
}

static void
a_private_peer_may_name_a_private_address(void **state)
{
	static const struct row rows[] = {
		{ "17: a phone of the internal network or a VPN",
		  IN "m=audio 10000 RTP/AVP 0\r\n", HEAD("172.16.0.9") "m=audio 4000 RTP/AVP 0\r\n",
		  "in 172.16.0.9>192.0.2.10:10000-10001\nout 192.0.2.10>172.16.0.9:4000-4001\n" },
		{ "18: but no address that is protected",
		  IN "m=audio 10000 RTP/AVP 0\r\n", HEAD("10.0.0.9") "m=audio 4000 RTP/AVP 0\r\n",
		  "refuse 10.0.0.9:4000 address\n" },
	};
	struct sip_policy p = policy();
	static struct sip_plan plan;
	static struct sdp in, out;
	char text[1024];
	struct strbuf b;
	size_t i;

	(void)state;
	p.remote = REMOTE_SDP;
	for (i = 0; i < ROWS(rows); i++) {
		struct sip_side inside = { addr_v4(192, 0, 2, 10), in.media, 1, false };
		struct sip_side outside = { addr_v4(172, 16, 0, 1), out.media, 1, false };

		printf("%s\n", rows[i].what);
		assert_int_equal(sdp_parse(&in, span_of(rows[i].in), NULL), PH_OK);
		assert_int_equal(sdp_parse(&out, span_of(rows[i].out), NULL), PH_OK);
		sip_policy_plan(&p, &inside, &outside, &plan);
		b = strbuf_of(text, sizeof(text));
		describe(&plan, &b);
		assert_string_equal(text, rows[i].expect);
	}
}

static void
signalling_ports_are_nobodys_media(void **state)
{
	static const uint16_t ports[] = { 5060 };
	static const struct row rows[] = {
		{ "an outsider names the PBX's own peer", IN "m=audio 10000 RTP/AVP 0\r\n",
		  OUT "m=audio 5060 RTP/AVP 0\r\n",
		  "in 198.51.100.7>192.0.2.10:10000-10001\nrefuse 198.51.100.7:5060 port-range\n" },
		{ "the RTCP port counts, too", IN "m=audio 5059 RTP/AVP 0\r\n",
		  OUT "m=audio 4000 RTP/AVP 0\r\n",
		  "out 192.0.2.10>198.51.100.7:4000-4001\nrefuse 192.0.2.10:5059 port-range\n" },
	};
	struct sip_policy p = policy();

	(void)state;
	p.ports = ports;
	p.nports = 1;
	check(&p, rows, ROWS(rows));
}

static void
hold_close_shuts_what_is_held(void **state)
{
	static const struct row rows[] = {
		{ "39: inactive, with hold close",
		  IN "m=audio 10000 RTP/AVP 0\r\n", OUT "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n", "" },
		{ "39: sendonly from the start is one-way media, not hold: stays",
		  IN "m=audio 10000 RTP/AVP 0\r\n", OUT "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n",
		  "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
	};
	struct sip_policy p = policy();

	(void)state;
	p.hold_close = true;
	check(&p, rows, ROWS(rows));
}

static void
streams_are_capped(void **state)
{
	static char in[16384], out[16384];
	struct row row = { "35: seventeen m= lines and more", in, out,
		"in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:4000-4001\n"
		"in 198.51.100.7>192.0.2.10:10002-10003\nout 192.0.2.10>198.51.100.7:4002-4003\n"
		"refuse 192.0.2.10:10004 limit\n" };
	struct strbuf a = strbuf_of(in, sizeof(in)), b = strbuf_of(out, sizeof(out));
	struct sip_policy p = policy();
	int i;

	(void)state;
	strbuf_str(&a, IN);
	strbuf_str(&b, OUT);
	for (i = 0; i < 200; i++) {
		strbuf_fmt(&a, "m=audio %d RTP/AVP 0\r\n", 10000 + 2 * i);
		strbuf_fmt(&b, "m=audio %d RTP/AVP 0\r\n", 4000 + 2 * i);
	}
	p.max_streams = 2;
	check(&p, &row, 1);
}

static void
pinholes_are_capped_and_that_is_said_once(void **state)
{
	static char in[16384], out[16384];
	struct strbuf a = strbuf_of(in, sizeof(in)), b = strbuf_of(out, sizeof(out));
	static struct sip_plan plan;
	static struct sdp is, os;
	struct sip_side inside = { addr_v4(192, 0, 2, 10), is.media, 16, false };
	struct sip_side outside = { addr_v4(198, 51, 100, 7), os.media, 16, false };
	struct sip_policy p = policy();
	int i, k;

	(void)state;
	strbuf_str(&a, IN);
	strbuf_str(&b, OUT);
	for (i = 0; i < 16; i++) {
		strbuf_fmt(&a, "m=audio %d RTP/AVP 0\r\n", 10000 + 100 * i);
		strbuf_fmt(&b, "m=audio %d RTP/AVP 0\r\n", 4000 + 100 * i);
		for (k = 1; k <= 8; k++) {
			strbuf_fmt(&a, "a=candidate:1 1 UDP 1 192.0.2.10 %d typ host\r\n",
			    10002 + 100 * i + k);
			strbuf_fmt(&b, "a=candidate:1 1 UDP 1 198.51.100.%d %d typ host\r\n",
			    10 + k, 4002 + 100 * i + k);
		}
	}
	assert_int_equal(sdp_parse(&is, span_of(in), NULL), PH_OK);
	assert_int_equal(sdp_parse(&os, span_of(out), NULL), PH_OK);
	sip_policy_plan(&p, &inside, &outside, &plan);
	assert_int_equal(plan.nholes, SIP_PLAN_HOLES);
	assert_int_equal(plan.nrefusals, 1);
	assert_int_equal(plan.refusals[0].reason, REASON_LIMIT);
}

/* Both ends of `media`'s range, inward and to another protected host. */
static void
a_range_includes_both_its_ends(void **state)
{
	static const struct {
		unsigned int in, out;
		bool protected;
		const char *expect;
	} rows[] = {
		{ 10000, 10000, true,
		  "in 192.0.2.10>192.0.2.10:10000-10001\nout 192.0.2.10>192.0.2.10:10000-10001\n" },
		{ 10000, 9999, true, "in 192.0.2.10>192.0.2.10:10000-10001\n" },
		{ 10000, 19999, true,
		  "in 192.0.2.10>192.0.2.10:10000-10001\nout 192.0.2.10>192.0.2.10:19999-20000\n" },
		{ 10000, 20000, true, "in 192.0.2.10>192.0.2.10:10000-10001\n" },
		{ 9999, 10000, true, "refuse 192.0.2.10:9999 port-range\n" },
		{ 19999, 10000, true,
		  "in 192.0.2.10>192.0.2.10:19999-20000\nout 192.0.2.10>192.0.2.10:10000-10001\n" },
		{ 20001, 10000, true, "refuse 192.0.2.10:20001 port-range\n" },
		/* An outsider's port may lie outside media_lo and media_hi. */
		{ 10000, 9999, false,
		  "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:9999-10000\n" },
		{ 10000, 20000, false,
		  "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:20000-20001\n" },
	};
	static struct sip_plan plan;
	static struct sdp in, out;
	struct sip_policy p = policy();
	char text[1024], body[2][256];
	struct sip_side side[2];
	struct strbuf b;
	size_t i;

	(void)state;
	p.media_lo = 10000;
	p.media_hi = 20000;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%u and %u\n", rows[i].in, rows[i].out);
		snprintf(body[0], sizeof(body[0]), "%sm=audio %u RTP/AVP 0\r\n", IN,
		    rows[i].in);
		snprintf(body[1], sizeof(body[1]), "%sm=audio %u RTP/AVP 0\r\n",
		    rows[i].protected ? IN : OUT, rows[i].out);
		assert_int_equal(sdp_parse(&in, span_of(body[0]), NULL), PH_OK);
		assert_int_equal(sdp_parse(&out, span_of(body[1]), NULL), PH_OK);
		side[0] = (struct sip_side) { in.media[0].addr, in.media, 1, false };
		side[1] = (struct sip_side) { out.media[0].addr, out.media, 1, false };
		sip_policy_plan(&p, &side[0], &side[1], &plan);
		b = strbuf_of(text, sizeof(text));
		describe(&plan, &b);
		assert_string_equal(text, rows[i].expect);
	}
}

/* Of either side, more streams than we read are as bad. */
static void
streams_that_were_not_read_are_told_of(void **state)
{
	static struct sip_plan plan;
	static struct sdp in, out;
	struct sip_side side[2];
	struct sip_policy p = policy();
	unsigned int i;

	(void)state;
	assert_int_equal(sdp_parse(&in, span_of(IN "m=audio 10000 RTP/AVP 0\r\n"), NULL), PH_OK);
	assert_int_equal(sdp_parse(&out, span_of(OUT "m=audio 4000 RTP/AVP 0\r\n"), NULL), PH_OK);
	for (i = 0; i < 4; i++) {
		side[0] = (struct sip_side) { in.media[0].addr, in.media, 1, i & 1 };
		side[1] = (struct sip_side) { out.media[0].addr, out.media, 1, i & 2 };
		sip_policy_plan(&p, &side[0], &side[1], &plan);
		assert_int_equal(plan.nholes, 2);
		assert_int_equal(plan.nrefusals, i > 0);
	}
}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_open_by_kind),
		cmocka_unit_test(ice_opens_what_it_may_choose_and_then_shrinks),
		cmocka_unit_test(a_public_alias_means_the_host_behind_it),
		cmocka_unit_test(a_private_peer_may_name_a_private_address),
		cmocka_unit_test(a_symmetric_peer_has_whole_tuples),
		cmocka_unit_test(signalling_ports_are_nobodys_media),
		cmocka_unit_test(hold_close_shuts_what_is_held),
		cmocka_unit_test(streams_are_capped),
		cmocka_unit_test(a_range_includes_both_its_ends),
		cmocka_unit_test(streams_that_were_not_read_are_told_of),
		cmocka_unit_test(pinholes_are_capped_and_that_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
