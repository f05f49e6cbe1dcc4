/* SPDX-License-Identifier: ISC */
/*
 * Whence media may come and whither it may go, for each kind of address and
 * each setting: small sessions, made and not parsed.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "tests/unit/policy_play.h"

/*
 * The plan in short: a letter for each source of what comes in (s: the
 * speaker, n: the named address, l: the list, *: any), > for the way out, and
 * ! for a refusal of the address.
 */
static const char *
in_short(const char *speaker, const char *named)
{
	static char text[64];
	struct strbuf b = strbuf_of(text, sizeof(text));
	const struct prefix s = network(speaker), n = network(named);
	const struct pinhole *h;
	const struct prefix *from;
	size_t i;

	for (h = plan.holes; h < plan.holes + plan.nholes; h++) {
		from = &h->from;
		assert_int_equal(h->proto, IPPROTO_UDP);
		assert_int_equal(h->from_port, 0);
		if (h->dir == PINHOLE_OUT) {
			assert_int_equal(h->to_lo, 4000);
			assert_int_equal(h->to_hi, 4001);
			assert_true(addr_eq(&h->to, &n.addr));
			strbuf_str(&b, ">");
			continue;
		}
		assert_int_equal(h->to_lo, 10000);
		assert_int_equal(h->to_hi, 10001);
		strbuf_str(&b,
		    prefix_cmp(from, &n) == 0		    ? "n"
			: prefix_cmp(from, &s) == 0	    ? "s"
			: prefix_cmp(from, &listed[0]) == 0 ? "l"
			: prefix_cmp(from, &listed[1]) == 0 ? "L"
			: from->addr.af == AF_UNSPEC	    ? "*"
							    : "?");
	}
	for (i = 0; i < plan.nrefusals; i++) {
		assert_int_equal(plan.refusals[i].reason, REASON_ADDRESS);
		assert_int_equal(plan.refusals[i].dport, 4000);
		assert_true(addr_eq(&plan.refusals[i].dst, &n.addr));
		assert_true(addr_eq(&plan.refusals[i].src, &s.addr));
		strbuf_str(&b, "!");
	}
	return text;
}

static const enum remote modes[] = { REMOTE_BOTH, REMOTE_SDP, REMOTE_SIGNALLING,
	REMOTE_ANY, REMOTE_LIST };

/* clang-format off */
static void
each_address_for_each_remote(void **state)
{
	static const struct {
		const char *speaker, *named;
		const char *expect[ROWS(modes)];
	} rows[] = {
		/* An outsider: itself, another host, one in the list. */
		{ "198.51.100.7", "198.51.100.7", { "n>", "n>", "n>", "*>", "l" } },
		{ "198.51.100.7", "203.0.113.99", { "sn>", "n>", "s", "*>", "l" } },
		{ "198.51.100.7", "203.0.113.15", { "sn>", "n>", "s", "*>", "l>" } },
		/* A phone behind NAT. */
		{ "198.51.100.7", "192.168.1.5", { "s", "!", "s", "*", "l" } },
		/* Addresses of no use. */
		{ "198.51.100.7", "0.0.0.0", { "s", "", "s", "*", "l" } },
		{ "198.51.100.7", "127.0.0.1", { "s!", "!", "s!", "*", "l!" } },
		{ "198.51.100.7", "224.0.0.1", { "s!", "!", "s!", "*", "l!" } },
		/* What is ours: a protected host, its alias, the firewall. */
		{ "198.51.100.7", "192.0.2.20", { "s!", "!", "s!", "*", "l!" } },
		{ "198.51.100.7", "192.0.2.200", { "s!", "!", "s!", "*", "l!" } },
		{ "198.51.100.7", "203.0.113.200", { "s!", "!", "s!", "*", "l!" } },
		{ "198.51.100.7", "198.51.100.1", { "s!", "!", "s!", "*", "l!" } },
		/* A neighbour in a private network, or behind a VPN. */
		{ "172.16.0.1", "172.16.0.1", { "n>", "n>", "n>", "*>", "l" } },
		{ "172.16.0.1", "192.168.1.5", { "sn>", "n>", "s", "*>", "l" } },
		{ "172.16.0.1", "203.0.113.99", { "sn>", "n>", "s", "*>", "l" } },
		{ "172.16.0.1", "0.0.0.0", { "s", "", "s", "*", "l" } },
		/* The firewall itself is no remote. */
		{ "198.51.100.1", "203.0.113.99", { "n>", "n>", "", "*>", "l" } },
		{ "198.51.100.1", "198.51.100.1", { "!", "!", "!", "*", "l!" } },
		/* Nor is an address that cannot be. */
		{ "127.0.0.1", "203.0.113.99", { "n>", "n>", "", "*>", "l" } },
		/* Another protected host speaks for itself, */
		{ "192.0.2.30", "192.0.2.30", { "n>", "n>", "n>", "*>", "l" } },
		{ "192.0.2.30", "192.0.2.31", { "s!", "!", "s!", "*", "l!" } },
		{ "192.0.2.30", "203.0.113.99", { "sn>", "n>", "s", "*>", "l" } },
		/* if it may have media at all; */
		{ "192.0.2.200", "192.0.2.200", { "n!", "!", "n!", "*", "l!" } },
		/* the server speaks for others, too. */
		{ "192.0.2.10", "192.0.2.31", { "sn>", "n>", "s", "*>", "l" } },
		{ "192.0.2.10", "192.0.2.200", { "s!", "!", "s!", "*", "l!" } },
		/* An own address may be protected. */
		{ "192.0.2.1", "192.0.2.1", { "n>", "n>", "n>", "*>", "l" } },
	};
	/* The inside has IPv6. */
	static const struct {
		const char *speaker, *named;
		const char *expect[ROWS(modes)];
	} six[] = {
		{ "2001:db8:7::7", "2001:db8:7::7", { "n>", "n>", "n>", "*>", "L" } },
		{ "2001:db8:7::7", "2001:db8:9::9", { "sn>", "n>", "s", "*>", "L>" } },
		{ "2001:db8:7::7", "fd00::1", { "s", "!", "s", "*", "L" } },
		{ "2001:db8:7::7", "::", { "s", "", "s", "*", "L" } },
		{ "2001:db8:7::7", "fe80::1", { "s!", "!", "s!", "*", "L!" } },
		{ "2001:db8:7::7", "2001:db8:2::99", { "s!", "!", "s!", "*", "L!" } },
		{ "2001:db8:7::7", "2001:db8:8::1", { "s!", "!", "s!", "*", "L!" } },
		{ "2001:db8:2::30", "2001:db8:2::30", { "n>", "n>", "n>", "*>", "L" } },
		/* The other family has nothing to send to. */
		{ "2001:db8:7::7", "198.51.100.7", { "s", "", "s", "*", "L" } },
		{ "198.51.100.7", "198.51.100.7", { "", "", "", "*", "L" } },
		{ "198.51.100.7", "2001:db8:7::7", { "n>", "n>", "", "*>", "L" } },
	};
	struct sip_policy p = policy();
	struct sdp_media in = stream("192.0.2.10", 10000), out;
	struct sdp_media in6 = stream("2001:db8:2::10", 10000);
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		for (k = 0; k < ROWS(modes); k++) {
			p.remote = modes[k];
			out = stream(rows[i].named, 4000);
			plan_for(&p, "192.0.2.10", &in, rows[i].speaker, &out, 1);
			printf("%s names %s, %zu: \"%s\"\n", rows[i].speaker, rows[i].named, k,
			    in_short(rows[i].speaker, rows[i].named));
			assert_string_equal(in_short(rows[i].speaker, rows[i].named),
			    rows[i].expect[k]);
		}
	for (i = 0; i < ROWS(six); i++)
		for (k = 0; k < ROWS(modes); k++) {
			p.remote = modes[k];
			out = stream(six[i].named, 4000);
			plan_for(&p, "2001:db8:2::10", &in6, six[i].speaker, &out, 1);
			printf("%s names %s, %zu: \"%s\"\n", six[i].speaker, six[i].named, k,
			    in_short(six[i].speaker, six[i].named));
			assert_string_equal(in_short(six[i].speaker, six[i].named),
			    six[i].expect[k]);
		}
}

/* A name is never resolved: it means the sender, but not against a list. */
static void
a_name_is_its_sender(void **state)
{
	static const struct {
		const char *speaker;
		const char *expect[ROWS(modes)];
	} rows[] = {
		{ "198.51.100.7", { "s", "s", "s", "*", "l" } },
		{ "172.16.0.1", { "s", "s", "s", "*", "l" } },
		{ "192.0.2.30", { "s", "s", "s", "*", "l" } },
		/* The firewall itself, loopback, the other family. */
		{ "198.51.100.1", { "", "", "", "*", "l" } },
		{ "127.0.0.1", { "", "", "", "*", "l" } },
		{ "2001:db8:7::7", { "", "", "", "*", "l" } },
	};
	struct sip_policy p = policy();
	struct sdp_media in = stream("192.0.2.10", 10000), out;
	size_t i, k;

	(void)state;
	out = stream("0.0.0.0", 4000);
	memset(&out.addr, 0, sizeof(out.addr));
	out.fault = SDP_FAULT_NAME;
	for (i = 0; i < ROWS(rows); i++)
		for (k = 0; k < ROWS(modes); k++) {
			p.remote = modes[k];
			plan_for(&p, "192.0.2.10", &in, rows[i].speaker, &out, 1);
			printf("%s, %zu\n", rows[i].speaker, k);
			assert_string_equal(in_short(rows[i].speaker, "203.0.113.250"),
			    rows[i].expect[k]);
		}
}

/* A session of one stream; the addresses are those of the speakers. */
struct session {
	struct sdp_media in, out;
	const char *in_rtcp, *out_rtcp; /* NULL: no address of its own */
	const char *expect;
};

static void
check(const struct sip_policy *p, const struct session *rows, size_t n)
{
	struct sdp_media in, out;
	size_t i;

	for (i = 0; i < n; i++) {
		in = rows[i].in;
		out = rows[i].out;
		in.addr = address("192.0.2.10");
		out.addr = address("198.51.100.7");
		if (rows[i].in_rtcp != NULL)
			in.rtcp.addr = address(rows[i].in_rtcp);
		if (rows[i].out_rtcp != NULL)
			out.rtcp.addr = address(rows[i].out_rtcp);
		plan_for(p, "192.0.2.10", &in, "198.51.100.7", &out, 1);
		printf("row %zu\n%s", i, lines());
		assert_string_equal(lines(), rows[i].expect);
	}
}

#define A(n) .port = (n), .nports = 1

static void
each_port_and_fault_of_both_sides(void **state)
{
	static const struct session rows[] = {
		{ { A(10000) }, { A(4000) }, NULL, NULL, BOTH_WAYS },
		/* A stream that was refused, by either side. */
		{ { A(0) }, { A(4000) }, NULL, NULL, "" },
		{ { A(10000) }, { A(0) }, NULL, NULL, "" },
		{ { A(0) }, { A(0) }, NULL, NULL, "" },
		{ { A(0), .fault = SDP_FAULT_PORT }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:0 port-range\n" },
		{ { A(10000) }, { A(0), .fault = SDP_FAULT_PORT }, NULL, NULL, "no 198.51.100.7>198.51.100.7:0 port-range\n" },
		{ { A(10000), .kind = SDP_OTHER }, { A(4000) }, NULL, NULL, "" },
		{ { A(10000) }, { A(4000), .kind = SDP_OTHER }, NULL, NULL, "" },
		/* Privileged ports. */
		{ { A(1) }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:1 port-range\n" },
		{ { A(1022) }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:1022 port-range\n" },
		{ { A(1023) }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:1023 port-range\n" },
		{ { A(1024) }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:1024-1025\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { A(10000) }, { A(1) }, NULL, NULL, "no 198.51.100.7>198.51.100.7:1 port-range\n" },
		{ { A(10000) }, { A(1023) }, NULL, NULL, "no 198.51.100.7>198.51.100.7:1023 port-range\n" },
		{ { A(10000) }, { A(1024) }, NULL, NULL, INWARD "out 192.0.2.10>198.51.100.7:1024-1025\n" },
		{ { A(65535) }, { A(65535) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:65535\nout 192.0.2.10>198.51.100.7:65535\n" },
		{ { A(65534) }, { A(65534) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:65534-65535\nout 192.0.2.10>198.51.100.7:65534-65535\n" },
		/* With ICE the port of the m= line may be 9. */
		{ { A(10000) }, { A(9), .ice = true }, NULL, NULL, INWARD },
		{ { A(10000) }, { A(1023), .ice = true }, NULL, NULL, INWARD },
		{ { A(9), .ice = true }, { A(4000) }, NULL, NULL, "" },
		{ { A(8), .ice = true }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:8 port-range\n" },
		{ { A(9) }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:9 port-range\n" },
		/* Faults of each kind; a name of the outside is its sender. */
		{ { A(10000), .fault = SDP_FAULT_ADDRESS }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10000 address\n" },
		{ { A(10000), .fault = SDP_FAULT_NAME }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10000 address\n" },
		{ { A(10000), .fault = SDP_FAULT_PORT }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10000 port-range\n" },
		{ { A(10000), .fault = SDP_FAULT_AMBIGUOUS }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10000 ambiguous\n" },
		{ { A(10000), .fault = SDP_FAULT_SYNTAX }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10000 malformed\n" },
		{ { A(10000) }, { A(4000), .fault = SDP_FAULT_ADDRESS }, NULL, NULL, "no 198.51.100.7>198.51.100.7:4000 address\n" },
		{ { A(10000) }, { A(4000), .fault = SDP_FAULT_NAME }, NULL, NULL, INWARD },
		{ { A(10000) }, { A(4000), .fault = SDP_FAULT_PORT }, NULL, NULL, "no 198.51.100.7>198.51.100.7:4000 port-range\n" },
		{ { A(10000) }, { A(4000), .fault = SDP_FAULT_AMBIGUOUS }, NULL, NULL, "no 198.51.100.7>198.51.100.7:4000 ambiguous\n" },
		{ { A(10000) }, { A(4000), .fault = SDP_FAULT_SYNTAX }, NULL, NULL, "no 198.51.100.7>198.51.100.7:4000 malformed\n" },
		/* What an outsider had named first: the stream, its RTCP, neither of the two. */
		{ { A(10000), .repeated = 1 }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10000 address\n" },
		{ { A(10000), .repeated = 2 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000-4001\nno 192.0.2.10>192.0.2.10:10001 address\n" },
		{ { A(10000), .repeated = 4 }, { A(4000) }, NULL, NULL, BOTH_WAYS },
		{ { A(10000) }, { A(4000), .repeated = 3 }, NULL, NULL, BOTH_WAYS },
	};
	struct sip_policy p = policy();

	(void)state;
	check(&p, rows, ROWS(rows));
}

static void
ports_within_media(void **state)
{
	static const struct session rows[] = {
		{ { A(9999) }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:9999 port-range\n" },
		{ { A(10000) }, { A(4000) }, NULL, NULL, BOTH_WAYS },
		{ { A(10008) }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10008-10009\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		/* The last port is RTP's; its RTCP is refused. */
		{ { A(10009) }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10009\nout 192.0.2.10>198.51.100.7:4000-4001\nno 192.0.2.10>192.0.2.10:10010 port-range\n" },
		{ { A(10009), .rtcp_mux = true }, { A(4000), .rtcp_mux = true }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10009\nout 192.0.2.10>198.51.100.7:4000\n" },
		{ { A(10010) }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10010 port-range\n" },
		/* Of a range, that end is told which is wrong. */
		{ { .port = 10006, .nports = 2 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10006-10009\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { .port = 10007, .nports = 2 }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10010 port-range\n" },
		{ { .port = 9999, .nports = 8 }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:9999 port-range\n" },
		{ { .port = 10010, .nports = 2 }, { A(4000) }, NULL, NULL, "no 192.0.2.10>192.0.2.10:10010 port-range\n" },
		/* RTCP elsewhere has the same bounds. */
		{ { A(10000), .rtcp.port = 9999 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000-4001\nno 192.0.2.10>192.0.2.10:9999 port-range\n" },
		{ { A(10002), .rtcp.port = 10000 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10002\nin 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { A(10000), .rtcp.port = 10009 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.10:10009\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { A(10000), .rtcp.port = 10010 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000-4001\nno 192.0.2.10>192.0.2.10:10010 port-range\n" },
	};
	struct sip_policy p = policy();

	(void)state;
	p.media_lo = 10000;
	p.media_hi = 10009;
	check(&p, rows, ROWS(rows));
}

static void
rtcp_of_both_sides(void **state)
{
	static const struct session rows[] = {
		/* Both must say that it shares the port of RTP. */
		{ { A(10000), .rtcp_mux = true }, { A(4000) }, NULL, NULL, BOTH_WAYS },
		{ { A(10000) }, { A(4000), .rtcp_mux = true }, NULL, NULL, BOTH_WAYS },
		{ { A(10000), .rtcp_mux = true }, { A(4000), .rtcp_mux = true }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000\n" },
		/* The next port, said or not, is one range with it. */
		{ { A(10000), .rtcp.port = 10001 }, { A(4000), .rtcp.port = 4001 }, NULL, NULL, BOTH_WAYS },
		{ { A(10000), .rtcp.port = 10001 }, { A(4000) }, "192.0.2.10", NULL, BOTH_WAYS },
		{ { A(10000), .rtcp.port = 10002 }, { A(4000), .rtcp.port = 4002 }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.10:10002\n"
		  "out 192.0.2.10>198.51.100.7:4000\nout 192.0.2.10>198.51.100.7:4002\n" },
		{ { A(10000), .rtcp.port = 9999 }, { A(4000), .rtcp.port = 3999 }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.10:9999\n"
		  "out 192.0.2.10>198.51.100.7:4000\nout 192.0.2.10>198.51.100.7:3999\n" },
		/* At another address of the inside, which the server may name. */
		{ { A(10000), .rtcp.port = 10001 }, { A(4000) }, "192.0.2.11", NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.11:10001\n"
		  "out 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { A(10000) }, { A(4000) }, "192.0.2.11", NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.11:10001\n"
		  "out 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { A(10000) }, { A(4000) }, "192.0.2.200", NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000-4001\nno 192.0.2.10>192.0.2.200:10001 not-protected\n" },
		/* At another address of the outside, which may be one of no use. */
		{ { A(10000) }, { A(4000), .rtcp.port = 4001 }, NULL, "203.0.113.9",
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.10:10001\nin 203.0.113.9>192.0.2.10:10001\n"
		  "out 192.0.2.10>198.51.100.7:4000\nout 192.0.2.10>203.0.113.9:4001\n" },
		{ { A(10000) }, { A(4000) }, NULL, "198.51.100.7",
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.10:10001\n"
		  "out 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { A(10000) }, { A(4000) }, NULL, "192.0.2.20",
		  "in 198.51.100.7>192.0.2.10:10000\nin 198.51.100.7>192.0.2.10:10001\n"
		  "out 192.0.2.10>198.51.100.7:4000\nno 198.51.100.7>192.0.2.20:4000 address\n" },
		/* Its port is of no use, and RTP goes on. */
		{ { A(10000) }, { A(4000), .rtcp.port = 1023 }, NULL, NULL, INWARD "out 192.0.2.10>198.51.100.7:4000\n" },
		{ { A(10000) }, { A(4000), .rtcp.port = 1024 }, NULL, NULL,
		  INWARD "out 192.0.2.10>198.51.100.7:4000\nout 192.0.2.10>198.51.100.7:1024\n" },
		{ { A(10000), .rtcp.port = 1023 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000-4001\nno 192.0.2.10>192.0.2.10:1023 port-range\n" },
		/* Pairs of ports have their RTCP among them; so has what is no RTP. */
		{ { .port = 10000, .nports = 2 }, { .port = 4000, .nports = 3 }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000-10003\nout 192.0.2.10>198.51.100.7:4000-4005\n" },
		{ { .port = 10000, .nports = 2, .rtcp.port = 12000 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000-10003\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { .port = 10000, .nports = 2, .kind = SDP_UDP }, { .port = 4000, .nports = 3, .kind = SDP_UDP }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:4000-4002\n" },
		{ { A(10000), .kind = SDP_UDP, .rtcp.port = 12000 }, { A(4000), .kind = SDP_UDP, .rtcp.port = 5000 }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000\nout 192.0.2.10>198.51.100.7:4000\n" },
	};
	struct sip_policy p = policy();

	(void)state;
	check(&p, rows, ROWS(rows));
}

/* The same with a peer that sends from the ports it names. */
static void
ports_of_a_symmetric_peer(void **state)
{
	static const struct session rows[] = {
		{ { A(10000) }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7:4000>192.0.2.10:10000\nin 198.51.100.7:4001>192.0.2.10:10001\n" },
		{ { A(10000) }, { A(4000), .rtcp.port = 5000 }, NULL, NULL,
		  "in 198.51.100.7:4000>192.0.2.10:10000\nin 198.51.100.7:5000>192.0.2.10:10001\n" },
		{ { A(10000), .rtcp.port = 12000 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7:4000>192.0.2.10:10000\nin 198.51.100.7:4001>192.0.2.10:12000\n" },
		{ { A(10000), .rtcp_mux = true }, { A(4000), .rtcp_mux = true }, NULL, NULL, "in 198.51.100.7:4000>192.0.2.10:10000\n" },
		{ { .port = 10000, .nports = 2 }, { .port = 4000, .nports = 2 }, NULL, NULL,
		  "in 198.51.100.7:4000>192.0.2.10:10000\nin 198.51.100.7:4001>192.0.2.10:10001\n"
		  "in 198.51.100.7:4002>192.0.2.10:10002\nin 198.51.100.7:4003>192.0.2.10:10003\n" },
		{ { .port = 10000, .nports = 2 }, { A(4000) }, NULL, NULL,
		  "in 198.51.100.7>192.0.2.10:10000-10003\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ { A(10000) }, { A(1023), .ice = true }, NULL, NULL, INWARD },
		{ { A(10000) }, { A(1024), .ice = true }, NULL, NULL,
		  "in 198.51.100.7:1024>192.0.2.10:10000\nin 198.51.100.7:1025>192.0.2.10:10001\n" },
		{ { A(10000), .kind = SDP_UDP }, { A(4000), .kind = SDP_UDP }, NULL, NULL, "in 198.51.100.7:4000>192.0.2.10:10000\n" },
		{ { A(10000), .kind = SDP_TCP }, { A(4000), .kind = SDP_TCP }, NULL, NULL,
		  "tcp in 198.51.100.7>192.0.2.10:10000\ntcp out 192.0.2.10>198.51.100.7:4000\n" },
		/* From where the inside sends RTCP is not known, if elsewhere. */
		{ { A(10000) }, { A(4000) }, "192.0.2.11", NULL,
		  "in 198.51.100.7:4000>192.0.2.10:10000\nin 198.51.100.7:4001>192.0.2.11:10001\n"
		  "out 192.0.2.10>198.51.100.7:4000-4001\n" },
	};
	struct sip_policy p = policy();

	(void)state;
	p.symmetric = symmetric;
	p.nsymmetric = 1;
	check(&p, rows, ROWS(rows));
}

/* Which side connects: each value of a=setup against each. */
static void
tcp_goes_where_somebody_connects(void **state)
{
	/* Columns: none, active, passive, actpass, holdconn of the outside. */
	static const char *const expect[5][5] = {
		{ "<>", "<", ">", "<>", "" },
		{ ">", ">", ">", ">", "" },
		{ "<", "<", ">", "<", "" },
		{ "<>", "<", ">", "<>", "" },
		{ "", "", "", "", "" },
	};
	struct sip_policy p = policy();
	struct sdp_media in = stream("192.0.2.10", 10000), out = stream("198.51.100.7", 4000);
	char text[8];
	size_t i, k, n;

	(void)state;
	in.kind = out.kind = SDP_TCP;
	for (i = 0; i < 5; i++)
		for (k = 0; k < 5; k++) {
			in.setup = (enum sdp_setup)i;
			out.setup = (enum sdp_setup)k;
			plan_for(&p, "192.0.2.10", &in, "198.51.100.7", &out, 1);
			assert_int_equal(plan.nrefusals, 0);
			for (n = 0; n < plan.nholes; n++) {
				assert_int_equal(plan.holes[n].proto, IPPROTO_TCP);
				text[n] = plan.holes[n].dir == PINHOLE_IN ? '<' : '>';
			}
			text[n] = '\0';
			printf("inside %zu, outside %zu\n", i, k);
			assert_string_equal(text, expect[i][k]);
		}
}

/* The side that connects may name port 9; only the other's is opened. */
static void
the_side_that_connects_has_no_port(void **state)
{
	static const struct session rows[] = {
		{ { A(10000), .kind = SDP_TCP, .setup = SDP_PASSIVE }, { A(9), .kind = SDP_TCP, .setup = SDP_ACTIVE }, NULL, NULL,
		  "tcp in 198.51.100.7>192.0.2.10:10000\n" },
		{ { A(9), .kind = SDP_TCP, .setup = SDP_ACTIVE }, { A(4000), .kind = SDP_TCP, .setup = SDP_PASSIVE }, NULL, NULL,
		  "tcp out 192.0.2.10>198.51.100.7:4000\n" },
		{ { A(10000), .kind = SDP_TCP }, { A(9), .kind = SDP_TCP, .setup = SDP_PASSIVE }, NULL, NULL,
		  "no 198.51.100.7>198.51.100.7:9 port-range\n" },
		{ { A(10000), .kind = SDP_UDP }, { A(9), .kind = SDP_UDP, .setup = SDP_ACTIVE }, NULL, NULL,
		  "no 198.51.100.7>198.51.100.7:9 port-range\n" },
		{ { A(9), .kind = SDP_TCP, .setup = SDP_PASSIVE }, { A(4000), .kind = SDP_TCP }, NULL, NULL,
		  "no 192.0.2.10>192.0.2.10:9 port-range\n" },
	};
	struct sip_policy p = policy();

	(void)state;
	check(&p, rows, ROWS(rows));
}

/* The addresses of the inside that each speaker may name. */
static void
each_host_speaks_for_itself(void **state)
{
	static const struct {
		const char *speaker, *named, *expect;
	} rows[] = {
		{ "192.0.2.10", "192.0.2.10", "in 198.51.100.7>192.0.2.10:10000-10001\nout 192.0.2.10>198.51.100.7:4000-4001\n" },
		{ "192.0.2.20", "192.0.2.20", "in 198.51.100.7>192.0.2.20:10000-10001\nout 192.0.2.20>198.51.100.7:4000-4001\n" },
		/* The server names others, as far as they may have media. */
		{ "192.0.2.10", "192.0.2.63", "in 198.51.100.7>192.0.2.63:10000-10001\nout 192.0.2.63>198.51.100.7:4000-4001\n" },
		{ "192.0.2.10", "192.0.2.64", "no 192.0.2.10>192.0.2.64:10000 not-protected\n" },
		{ "192.0.2.64", "192.0.2.64", "no 192.0.2.64>192.0.2.64:10000 not-protected\n" },
		{ "192.0.2.20", "192.0.2.10", "no 192.0.2.20>192.0.2.10:10000 not-server\n" },
		{ "192.0.2.20", "192.0.2.64", "no 192.0.2.20>192.0.2.64:10000 not-server\n" },
		/* Direct media of two outsiders: only the server may say so. */
		{ "192.0.2.10", "203.0.113.9", "" },
		{ "192.0.2.20", "203.0.113.9", "no 192.0.2.20>203.0.113.9:10000 not-protected\n" },
		{ "192.0.2.20", "10.0.0.1", "no 192.0.2.20>10.0.0.1:10000 not-protected\n" },
		{ "192.0.2.10", "0.0.0.0", "" },
		{ "192.0.2.20", "0.0.0.0", "" },
		{ "192.0.2.10", "127.0.0.1", "no 192.0.2.10>127.0.0.1:10000 address\n" },
		{ "192.0.2.20", "239.1.1.1", "no 192.0.2.20>239.1.1.1:10000 address\n" },
		/* The alias is the host behind it, in pinholes but not in refusals. */
		{ "192.0.2.20", "203.0.113.200", "in 198.51.100.7>192.0.2.20:10000-10001 rdr 203.0.113.200:10000\n"
		  "out 192.0.2.20>198.51.100.7:4000-4001\n" },
		{ "192.0.2.30", "203.0.113.200", "no 192.0.2.30>203.0.113.200:10000 not-server\n" },
	};
	struct sip_policy p = policy();
	struct sdp_media in, out = stream("198.51.100.7", 4000);
	size_t i;

	(void)state;
	p.redirect = true;
	for (i = 0; i < ROWS(rows); i++) {
		in = stream(rows[i].named, 10000);
		plan_for(&p, rows[i].speaker, &in, "198.51.100.7", &out, 1);
		printf("row %zu\n%s", i, lines());
		assert_string_equal(lines(), rows[i].expect);
	}
}

/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_for_each_remote),
		cmocka_unit_test(a_name_is_its_sender),
		cmocka_unit_test(each_port_and_fault_of_both_sides),
		cmocka_unit_test(ports_within_media),
		cmocka_unit_test(rtcp_of_both_sides),
		cmocka_unit_test(ports_of_a_symmetric_peer),
		cmocka_unit_test(tcp_goes_where_somebody_connects),
		cmocka_unit_test(the_side_that_connects_has_no_port),
		cmocka_unit_test(each_host_speaks_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
