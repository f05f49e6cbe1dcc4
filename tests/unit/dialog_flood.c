/* SPDX-License-Identifier: ISC */
/* Floods: which calls have to go when there are too many. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"

/* One message of a call, with the plainest of everything. */
static void
one(struct world *w, const char *path, const char *what, int i, const char *tag,
    const char *sdp)
{
	char call_id[32];
	struct step s = { 1, path, what, 1, "b1", "a", tag, sdp, "" };

	snprintf(call_id, sizeof(call_id), "%s%d", path[0] == '*' ? "x" : "c",
	    i);
	say(w, &s, call_id);
}

/* An INVITE from an address that nobody has heard of. */
static void
spoofed(struct world *w, int i)
{
	w->stranger.addr =
	    addr_v4(11, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);
	w->stranger.port = 5060;
	one(w, "*>i", "INVITE", i, "", "203.0.113.66 4000");
}

/*
 * A hundredth of 20,000 INVITEs a second at `limit calls 50000`: a call from
 * outside and one from inside each second, 180 after half a second, and 200
 * after five more.
 */
static void
ringing_calls_outlast_a_flood(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	int i, n;

	(void)state;
	c.limit_calls = 500;
	world_open(&w, &c);
	for (n = 0, i = 0; i < 20; i++) {
		one(&w, "o>i", "INVITE", i, "", "198.51.100.7 4000");
		one(&w, "i>p", "INVITE", 100 + i, "", "192.0.2.10 20000");
		while (n < (i + 1) * 200 - 100)
			spoofed(&w, n++);
		one(&w, "i>o", "180 INVITE", i, "z", NULL);
		while (n < (i + 1) * 200)
			spoofed(&w, n++);
		if (i < 5)
			continue;
		strbuf_reset(&w.text);
		one(&w, "i>o", "200 INVITE", i - 5, "z", "192.0.2.10 10000");
		assert_true(w.text.len > 0);
		strbuf_reset(&w.text);
		one(&w, "p>i", "200 INVITE", 95 + i, "z", "198.51.100.9 6000");
		assert_true(w.text.len > 0);
	}
	assert_true(sip_counters(w.sip)->evicted > 3000);
	assert_true(sip_counters(w.sip)->calls <= 500);
	world_close(&w);
}

static void
invites_in_the_name_of_a_trunk_do_not_drop_its_ringing_call(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	int i;

	(void)state;
	world_open(&w, &c);
	one(&w, "o>i", "INVITE", 0, "", "198.51.100.7 4000");
	one(&w, "i>o", "180 INVITE", 0, "z", NULL);
	w.stranger = who('o');
	for (i = 1; i <= 1000; i++)
		one(&w, "*>i", "INVITE", i, "", "203.0.113.66 4000");
	assert_int_equal(sip_counters(w.sip)->calls, c.limit_per_source);
	strbuf_reset(&w.text);
	one(&w, "i>o", "200 INVITE", 0, "z", "192.0.2.10 10000");
	assert_string_equal(w.log, OPEN_IN OPEN_OUT);
	world_close(&w);
}

static void
a_source_whose_calls_all_ring_has_no_more(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	int i;

	(void)state;
	c.limit_per_source = 3;
	world_open(&w, &c);
	for (i = 0; i < 4; i++) {
		one(&w, "o>i", "INVITE", i, "", "198.51.100.7 4000");
		/* 100 is said by machines, and rings nowhere. */
		one(&w, "i>o", "100 INVITE", i, "z", NULL);
		one(&w, "i>o", "180 INVITE", i, "z", NULL);
	}
	assert_int_equal(sip_counters(w.sip)->calls, 3);
	assert_int_equal(sip_counters(w.sip)->evicted, 0);
	assert_int_equal(sip_counters(w.sip)->limit_source, 1);
	strbuf_reset(&w.text);
	one(&w, "i>o", "200 INVITE", 0, "z", "192.0.2.10 10000");
	assert_string_equal(w.log, OPEN_IN OPEN_OUT);
	world_close(&w);
}

static void
a_100_does_not_ring(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	int i;

	(void)state;
	c.limit_per_source = 3;
	world_open(&w, &c);
	for (i = 0; i < 4; i++) {
		one(&w, "o>i", "INVITE", i, "", "198.51.100.7 4000");
		one(&w, "i>o", "100 INVITE", i, "z", NULL);
	}
	assert_int_equal(sip_counters(w.sip)->evicted, 1);
	world_close(&w);
}

static void
calls_of_the_inside_go_last(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	int i;

	(void)state;
	c.limit_calls = 10;
	world_open(&w, &c);
	for (i = 0; i < 5; i++)
		one(&w, "i>p", "INVITE", i, "", "192.0.2.10 20000");
	for (i = 5; i < 10; i++) {
		one(&w, "o>i", "INVITE", i, "", "198.51.100.7 4000");
		one(&w, "i>o", "180 INVITE", i, "z", NULL);
	}
	/* A call that nobody has answered does not replace one that rings. */
	for (i = 0; i < 10; i++)
		spoofed(&w, i);
	assert_int_equal(sip_counters(w.sip)->evicted, 0);
	/* The inside's own does. */
	for (i = 10; i < 15; i++)
		one(&w, "i>p", "INVITE", i, "", "192.0.2.10 20000");
	for (i = 0; i < 5; i++) {
		strbuf_reset(&w.text);
		one(&w, "p>i", "200 INVITE", i, "z", "198.51.100.9 6000");
		assert_true(w.text.len > 0);
	}
	for (i = 5; i < 10; i++) {
		strbuf_reset(&w.text);
		one(&w, "i>o", "200 INVITE", i, "z", "192.0.2.10 10000");
		assert_string_equal(w.log, "");
	}
	world_close(&w);
}

static void
an_ipv6_source_is_a_64(void **state)
{
	struct prefix two[2];
	struct sip_config c = default_config();
	struct endpoint pbx = { { 0 }, 5060 };
	struct sip_message m = { 0 };
	struct datagram d = { 0 };
	char call_id[32];
	struct world w;
	int i;

	(void)state;
	two[0] = c.policy.protect[0];
	assert_int_equal(prefix_parse(span_of("2001:db8:2::/64"), &two[1]),
	    PH_OK);
	c.policy.protect = two;
	c.policy.nprotect = 2;
	c.limit_per_source = 20;
	world_open(&w, &c);
	assert_int_equal(addr_parse(span_of("2001:db8:2::10"), &pbx.addr),
	    PH_OK);
	d.proto = IPPROTO_UDP;
	d.dst = pbx;
	assert_int_equal(addr_parse(span_of("2001:db8:bad::1"), &d.src.addr),
	    PH_OK);
	d.src.port = 5060;
	m.request = true;
	m.method = SIP_INVITE;
	m.cseq = 1;
	m.branch = span_of("b1");
	m.from_tag = span_of("a");
	for (i = 0; i < 1000; i++) {
		d.src.addr.b[14] = (uint8_t)(i >> 8);
		d.src.addr.b[15] = (uint8_t)i;
		snprintf(call_id, sizeof(call_id), "six%d", i);
		m.call_id = span_of(call_id);
		sip_input(w.sip, USEC_PER_SEC, &d, &m);
	}
	assert_int_equal(sip_counters(w.sip)->calls, 20);
	world_close(&w);
}

/* Sixteen m= lines, from somewhere else each time. */
static const char *
fat(int i)
{
	static char body[1024];
	struct strbuf b = strbuf_of(body, sizeof(body));
	int k;

	strbuf_fmt(&b,
	    "v=0\r\no=- 1 1 IN IP4 203.0.113.66\r\ns=-\r\n"
	    "c=IN IP4 203.0.113.66\r\nt=0 0\r\n");
	for (k = 0; k < 16; k++)
		strbuf_fmt(&b, "m=audio %d RTP/AVP 0\r\n", 2000 + i * 32 + k);
	assert_false(b.full);
	return body;
}

static void
what_strangers_make_us_keep_has_a_budget(void **state)
{
	struct sip_config c = default_config();
	const struct sip_counters *n;
	char branch[16];
	struct world w;
	struct step s = { 1, "*>i", "INVITE", 1, branch, "a", "", NULL, "" };
	char call_id[32];
	int i, k;

	(void)state;
	world_open(&w, &c);
	n = sip_counters(w.sip);
	one(&w, "o>i", "INVITE", 0, "", "198.51.100.7 4000");
	one(&w, "i>o", "180 INVITE", 0, "z", NULL);
	/* Sixteen INVITEs in each of 900 calls: 16 times 4 KB once. */
	for (i = 0; i < 900; i++) {
		w.stranger.addr = addr_v4(11, 0, (uint8_t)(i >> 8), (uint8_t)i);
		snprintf(call_id, sizeof(call_id), "fat%d", i);
		for (k = 0; k < 16; k++) {
			snprintf(branch, sizeof(branch), "b%d", k);
			s.cseq = (unsigned int)k + 1;
			s.sdp = fat(k);
			say(&w, &s, call_id);
			assert_true(n->bytes <= 1536u * c.limit_calls);
		}
	}
	assert_true(n->evicted > 500);
	strbuf_reset(&w.text);
	one(&w, "i>o", "200 INVITE", 0, "z", "192.0.2.10 10000");
	assert_string_equal(w.log, OPEN_IN OPEN_OUT);
	world_close(&w);
}

/* INVITEs that cannot be read make calls as well. */
static void
what_is_overheard_has_the_same_budget(void **state)
{
	struct sip_config c = default_config();
	struct datagram d = { .proto = IPPROTO_UDP };
	char call_id[SIP_MAX_TAG + 1], branch[SIP_MAX_TAG + 1];
	struct sip_glance g = { .request = true, .invite = true };
	const struct sip_counters *n;
	struct world w;
	int i, k;

	(void)state;
	world_open(&w, &c);
	n = sip_counters(w.sip);
	d.dst = who('i');
	g.call_id.n = g.branch.n = 1;
	g.sdp = span_of("v=0\r\n");
	for (k = 0; k < 4; k++)
		for (i = 0; i < 1000; i++) {
			snprintf(call_id, sizeof(call_id), "%0*d", SIP_MAX_TAG,
			    i);
			snprintf(branch, sizeof(branch), "%0*d", SIP_MAX_TAG,
			    k);
			g.call_id.word[0] = g.from = span_of(call_id);
			g.branch.word[0] = span_of(branch);
			d.src.addr =
			    addr_v4(11, 0, (uint8_t)(i >> 8), (uint8_t)i);
			sip_overhear(w.sip, USEC_PER_SEC, &d, &g);
			assert_true(n->bytes <= 2048u * c.limit_calls);
		}
	assert_true(n->evicted > 0);
	world_check(&w, USEC_PER_SEC);
	world_close(&w);
}

static void
an_unanswered_call_keeps_four_offers(void **state)
{
	struct sip_config c = default_config();
	const struct sip_counters *n;
	char branch[16];
	struct world w;
	struct step s = { 1, "o>i", "INVITE", 1, branch, "a", "", NULL, "" };
	size_t once = 0;
	int k;

	(void)state;
	world_open(&w, &c);
	n = sip_counters(w.sip);
	for (k = 0; k < 16; k++) {
		snprintf(branch, sizeof(branch), "b%d", k);
		s.sdp = fat(k);
		say(&w, &s, "c1");
		if (k == 0)
			once = n->bytes;
		assert_true(n->bytes <= 5 * once);
	}
	world_close(&w);
}

static void
a_flood_is_not_written_down(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	int i;

	(void)state;
	c.limit_calls = 50000;
	world_open(&w, &c);
	for (i = 0; i < 5000; i++)
		spoofed(&w, i);
	assert_int_equal(w.changes, 1024);
	/* A call that rings is written to the journal. */
	one(&w, "o>i", "INVITE", 0, "", "198.51.100.7 4000");
	assert_int_equal(w.changes, 1024);
	one(&w, "i>o", "180 INVITE", 0, "z", "192.0.2.10 10000");
	assert_true(w.changes > 1024);
	world_close(&w);
}

static void
an_answer_that_is_repeated_costs_nothing(void **state)
{
	struct sip_config c = default_config();
	struct world w;
	char tag[8];
	unsigned int wants;
	int i, k;

	(void)state;
	world_open(&w, &c);
	one(&w, "i>o", "INVITE", 0, "", "192.0.2.10 10000");
	for (k = 0; k < 3; k++) {
		wants = w.wants;
		for (i = 0; i < 16; i++) {
			snprintf(tag, sizeof(tag), "t%d", i);
			one(&w, "o>i", "183 INVITE", 0, tag,
			    "198.51.100.7 4000");
		}
		assert_int_equal(w.wants - wants, k == 0 ? 16 : 0);
	}
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ringing_calls_outlast_a_flood),
		cmocka_unit_test(
		    invites_in_the_name_of_a_trunk_do_not_drop_its_ringing_call),
		cmocka_unit_test(a_source_whose_calls_all_ring_has_no_more),
		cmocka_unit_test(a_100_does_not_ring),
		cmocka_unit_test(calls_of_the_inside_go_last),
		cmocka_unit_test(an_ipv6_source_is_a_64),
		cmocka_unit_test(what_strangers_make_us_keep_has_a_budget),
		cmocka_unit_test(what_is_overheard_has_the_same_budget),
		cmocka_unit_test(an_unanswered_call_keeps_four_offers),
		cmocka_unit_test(a_flood_is_not_written_down),
		cmocka_unit_test(an_answer_that_is_repeated_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
