/* SPDX-License-Identifier: ISC */
/* Candidates, groups, and several streams. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/policy_play.h"

/* clang-format off */
/* A candidate of one side, as RFC 8839 writes it. */
struct option {
	const char *addr;
	uint16_t port;
	bool tcp;
};

static void
each_candidate_by_itself(void **state)
{
	static const struct {
		struct option in, out; /* port 0: none */
		unsigned int repeated;
		const char *more; /* than the m= lines open */
	} rows[] = {
		{ { NULL, 0, false }, { NULL, 0, false }, 0, "" },
		{ { "192.0.2.10", 11000, false }, { NULL, 0, false }, 0, "in 198.51.100.7>192.0.2.10:11000\n" },
		{ { "192.0.2.10", 11000, true }, { NULL, 0, false }, 0, "" },
		/* The same that the m= line opens. */
		{ { "192.0.2.10", 10000, false }, { NULL, 0, false }, 0, "" },
		{ { "192.0.2.10", 10001, false }, { NULL, 0, false }, 0, "" },
		/* The server names another host; nobody an address of no use. */
		{ { "192.0.2.20", 11000, false }, { NULL, 0, false }, 0, "in 198.51.100.7>192.0.2.20:11000\n" },
		{ { "192.0.2.64", 11000, false }, { NULL, 0, false }, 0, "" },
		{ { "203.0.113.9", 11000, false }, { NULL, 0, false }, 0, "" },
		{ { "0.0.0.0", 11000, false }, { NULL, 0, false }, 0, "" },
		{ { "203.0.113.200", 11000, false }, { NULL, 0, false }, 0, "in 198.51.100.7>192.0.2.20:11000\n" },
		{ { "2001:db8:2::10", 11000, false }, { NULL, 0, false }, 0, "" },
		/* Ports. */
		{ { "192.0.2.10", 1999, false }, { NULL, 0, false }, 0, "" },
		{ { "192.0.2.10", 2000, false }, { NULL, 0, false }, 0, "in 198.51.100.7>192.0.2.10:2000\n" },
		{ { "192.0.2.10", 20000, false }, { NULL, 0, false }, 0, "in 198.51.100.7>192.0.2.10:20000\n" },
		{ { "192.0.2.10", 20001, false }, { NULL, 0, false }, 0, "" },
		/* An outsider had named it first, or another one of the three. */
		{ { "192.0.2.10", 11000, false }, { NULL, 0, false }, 4, "" },
		{ { "192.0.2.10", 11000, false }, { NULL, 0, false }, 8, "in 198.51.100.7>192.0.2.10:11000\n" },
		/* Those of the outside may come in, and be sent to. */
		{ { NULL, 0, false }, { "203.0.113.9", 5000, false }, 0, "out 192.0.2.10>203.0.113.9:5000\n" },
		{ { NULL, 0, false }, { "203.0.113.9", 5000, true }, 0, "" },
		{ { NULL, 0, false }, { "203.0.113.9", 1023, false }, 0, "" },
		{ { NULL, 0, false }, { "203.0.113.9", 1024, false }, 0, "out 192.0.2.10>203.0.113.9:1024\n" },
		{ { NULL, 0, false }, { "192.168.1.5", 5000, false }, 0, "" },
		{ { NULL, 0, false }, { "192.0.2.20", 5000, false }, 0, "" },
		{ { NULL, 0, false }, { "198.51.100.1", 5000, false }, 0, "" },
		{ { NULL, 0, false }, { "2001:db8:7::7", 5000, false }, 0, "" },
		/* One of each. */
		{ { "192.0.2.10", 11000, false }, { "203.0.113.9", 5000, false }, 0,
		  "in 198.51.100.7>192.0.2.10:11000\nin 203.0.113.9>192.0.2.10:11000\nout 192.0.2.10>203.0.113.9:5000\n" },
	};
	struct sip_policy p = policy();
	struct sdp_media in, out;
	struct sdp_candidate ic, oc;
	char expect[512];
	bool comes;
	size_t i;

	(void)state;
	p.media_lo = 2000;
	p.media_hi = 20000;
	for (i = 0; i < ROWS(rows); i++) {
		in = stream("192.0.2.10", 10000);
		out = stream("198.51.100.7", 4000);
		in.repeated = (uint16_t)rows[i].repeated;
		memset(&ic, 0, sizeof(ic));
		memset(&oc, 0, sizeof(oc));
		if (rows[i].in.port != 0) {
			ic = (struct sdp_candidate) { address(rows[i].in.addr), rows[i].in.port, 1, rows[i].in.tcp };
			in.candidates = &ic;
			in.ncandidates = 1;
		}
		if (rows[i].out.port != 0) {
			oc = (struct sdp_candidate) { address(rows[i].out.addr), rows[i].out.port, 1, rows[i].out.tcp };
			out.candidates = &oc;
			out.ncandidates = 1;
		}
		comes = rows[i].out.port != 0 && !rows[i].out.tcp && strncmp(rows[i].out.addr, "203.", 4) == 0;
		snprintf(expect, sizeof(expect), "%s%s%s%s", INWARD,
		    comes ? "in 203.0.113.9>192.0.2.10:10000-10001\n" : "",
		    "out 192.0.2.10>198.51.100.7:4000-4001\n", rows[i].more);
		plan_for(&p, "192.0.2.10", &in, "198.51.100.7", &out, 1);
		printf("row %zu\n%s", i, lines());
		assert_string_equal(lines(), expect);
	}
}

/* What two streams say of a group: RFC 9143 section 7.3. */
static void
only_both_sides_can_bundle(void **state)
{
	/* Of the first stream, of the second: in a group, first in it, which. */
	struct member { bool in, first; uint8_t group; };
	static const struct {
		struct member in[2], out[2];
		bool bundled;
	} rows[] = {
		{ { { true, true, 0 }, { true, false, 0 } }, { { true, true, 0 }, { true, false, 0 } }, true },
		{ { { true, true, 3 }, { true, false, 3 } }, { { true, true, 1 }, { true, false, 1 } }, true },
		{ { { false, false, 0 }, { false, false, 0 } }, { { false, false, 0 }, { false, false, 0 } }, false },
		{ { { true, true, 0 }, { true, false, 0 } }, { { true, true, 0 }, { false, false, 0 } }, false },
		{ { { true, true, 0 }, { false, false, 0 } }, { { true, true, 0 }, { true, false, 0 } }, false },
		{ { { true, true, 0 }, { true, true, 1 } }, { { true, true, 0 }, { true, false, 0 } }, false },
		{ { { true, true, 0 }, { true, false, 0 } }, { { true, true, 0 }, { true, true, 1 } }, false },
		{ { { true, true, 0 }, { true, false, 1 } }, { { true, true, 0 }, { true, false, 0 } }, false },
		{ { { true, true, 0 }, { true, false, 0 } }, { { true, true, 0 }, { true, false, 1 } }, false },
		{ { { true, true, 0 }, { true, false, 0 } }, { { true, false, 0 }, { true, false, 0 } }, false },
		{ { { true, false, 0 }, { true, false, 0 } }, { { true, true, 0 }, { true, false, 0 } }, false },
	};
	static const char *const one = BOTH_WAYS;
	static const char *const two = BOTH_WAYS
	    "in 198.51.100.7>192.0.2.10:10002-10003 m1\nout 192.0.2.10>198.51.100.7:4002-4003 m1\n";
	struct sip_policy p = policy();
	struct sdp_media in[2], out[2], *m;
	const struct member *x;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		for (k = 0; k < 4; k++) {
			m = k < 2 ? &in[k] : &out[k - 2];
			x = k < 2 ? &rows[i].in[k] : &rows[i].out[k - 2];
			*m = k < 2 ? stream("192.0.2.10", (uint16_t)(10000 + 2 * k)) : stream("198.51.100.7", (uint16_t)(3996 + 2 * k));
			m->in_bundle = x->in;
			m->bundle_first = x->first;
			m->bundle = x->group;
		}
		printf("row %zu\n", i);
		plan_for(&p, "192.0.2.10", in, "198.51.100.7", out, 2);
		assert_string_equal(lines(), rows[i].bundled ? one : two);
		if (!rows[i].bundled)
			continue;
		/* Not on the ports of a stream that is not there. */
		for (k = 0; k < 2; k++) {
			m = k == 0 ? &in[0] : &out[0];
			m->port = 0;
			plan_for(&p, "192.0.2.10", in, "198.51.100.7", out, 2);
			assert_int_equal(plan.nholes, 2);
			assert_int_equal(plan.stream[0], 1);
			m->port = 7000;
			m->fault = SDP_FAULT_SYNTAX;
			plan_for(&p, "192.0.2.10", in, "198.51.100.7", out, 2);
			assert_int_equal(plan.nholes, 2);
			assert_int_equal(plan.nrefusals, 1);
			m->fault = SDP_OK;
		}
	}
}

/* Streams of the shorter side alone; the limit; what is held. */
static void
streams_by_number(void **state)
{
	struct sip_policy p = policy();
	struct sdp_media in[4], out[4];
	struct sip_side inside = { address("192.0.2.10"), in, 4, false };
	struct sip_side outside = { address("198.51.100.7"), out, 4, false };
	size_t i, k;

	(void)state;
	for (i = 0; i < 4; i++) {
		in[i] = stream("192.0.2.10", (uint16_t)(10000 + 2 * i));
		out[i] = stream("198.51.100.7", (uint16_t)(4000 + 2 * i));
	}
	for (i = 0; i <= 4; i++)
		for (k = 0; k <= 4; k++) {
			inside.nmedia = i;
			outside.nmedia = k;
			sip_policy_plan(&p, &inside, &outside, &plan);
			assert_int_equal(plan.nholes, 2 * (i < k ? i : k));
			assert_int_equal(plan.nrefusals, 0);
		}
	for (i = 0; i <= 5; i++) {
		p.max_streams = (uint32_t)i;
		sip_policy_plan(&p, &inside, &outside, &plan);
		assert_int_equal(plan.nholes, 2 * (i < 4 ? i : 4));
		assert_int_equal(plan.nrefusals, i < 4);
		if (i < 4) {
			assert_int_equal(plan.refusals[0].dport, 10000 + 2 * i);
			assert_int_equal(plan.refusals[0].reason, REASON_LIMIT);
		}
	}
	for (i = 0; i < 8; i++) {
		p.hold_close = i & 1;
		in[0].mode = i & 2 ? SDP_INACTIVE : SDP_SENDONLY;
		out[0].mode = i & 4 ? SDP_INACTIVE : SDP_RECVONLY;
		sip_policy_plan(&p, &inside, &outside, &plan);
		assert_int_equal(plan.nholes, i == 3 || i == 5 || i == 7 ? 6 : 8);
	}
}

/* The same refusal once; and of many the first. */
static void
refusals_are_told_once(void **state)
{
	struct sip_policy p = policy();
	struct sdp_media in[SDP_MAX_MEDIA], out[SDP_MAX_MEDIA];
	size_t i;

	(void)state;
	for (i = 0; i < SDP_MAX_MEDIA; i++) {
		in[i] = stream("192.0.2.10", 10000);
		in[i].fault = SDP_FAULT_SYNTAX;
		out[i] = stream("198.51.100.7", 4000);
	}
	plan_for(&p, "192.0.2.10", in, "198.51.100.7", out, SDP_MAX_MEDIA);
	assert_string_equal(lines(), "no 192.0.2.10>192.0.2.10:10000 malformed\n");
	in[1].port = 10001;
	in[2].addr = address("192.0.2.11");
	in[3].fault = SDP_FAULT_AMBIGUOUS;
	plan_for(&p, "192.0.2.10", in, "198.51.100.7", out, SDP_MAX_MEDIA);
	assert_string_equal(lines(),
	    "no 192.0.2.10>192.0.2.10:10000 malformed\nno 192.0.2.10>192.0.2.10:10001 malformed\n"
	    "no 192.0.2.10>192.0.2.11:10000 malformed\nno 192.0.2.10>192.0.2.10:10000 ambiguous\n");
	/* Neither speaker is the address that it names. */
	for (i = 0; i < SDP_MAX_MEDIA; i++) {
		in[i] = stream("127.0.0.1", 9000);
		out[i] = stream("127.0.0.1", 9000);
		in[i].fault = i & 1 ? SDP_OK : SDP_FAULT_ADDRESS;
		out[i].fault = SDP_FAULT_ADDRESS;
	}
	plan_for(&p, "192.0.2.10", in, "198.51.100.7", out, SDP_MAX_MEDIA);
	assert_string_equal(lines(), "no 192.0.2.10>127.0.0.1:9000 address\nno 198.51.100.7>127.0.0.1:9000 address\n");
	/* One of each stream. */
	for (i = 0; i < SDP_MAX_MEDIA; i++) {
		in[i] = stream("192.0.2.64", (uint16_t)(10000 + 2 * i));
		out[i] = stream("198.51.100.7", 4000);
	}
	plan_for(&p, "192.0.2.10", in, "198.51.100.7", out, SDP_MAX_MEDIA);
	assert_int_equal(plan.nrefusals, SDP_MAX_MEDIA);
	assert_int_equal(plan.refusals[SDP_MAX_MEDIA - 1].dport, 10030);
}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_candidate_by_itself),
		cmocka_unit_test(only_both_sides_can_bundle),
		cmocka_unit_test(streams_by_number),
		cmocka_unit_test(refusals_are_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
