/* SPDX-License-Identifier: ISC */
/* SDP in messages: what is held, who has mentioned it, what is overheard. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"

#define SDP(a)	"v=0\r\no=- 1 1 IN IP4 " a "\r\ns=-\r\nc=IN IP4 " a "\r\n"
#define OUTSIDE SDP("198.51.100.7")
#define INSIDE	SDP("192.0.2.10")
#define NOWHERE SDP("0.0.0.0")

/* clang-format off */
static void
what_has_two_readings_is_counted(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "AMBIGUOUS", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000",
		    "refuse 198.51.100.7 -> 192.0.2.10 (ambiguous)\n" },
	};
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps));
	assert_int_equal(sip_counters(w.sip)->sdp_ambiguous, 1);
	assert_int_equal(sip_counters(w.sip)->sdp_malformed, 0);
	world_close(&w);
}

/*
 * A message that holds with 0.0.0.0 names no address, so the old one stays.
 * The outside may name another port with it; the inside may not.
 */
static void
hold_keeps_the_address_and_not_the_port(void **state)
{
	static const struct step outside[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "0.0.0.0 4002", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (reinvite)\n" },
		{ 8, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
	};
	static const struct step inside[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     2, "b5", "z", "a", "0.0.0.0 22222", "" },
		{ 5, "o>i", "200 INVITE", 2, "b5", "z", "a", "198.51.100.7 4000", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};
	/* A stream that is new on hold has no address to keep. */
	static const struct step another[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     2, "b5", "z", "a", INSIDE
		    "m=audio 10000 RTP/AVP 0\r\n"
		    "m=video 10002 RTP/AVP 31\r\nc=IN IP4 0.0.0.0\r\n", "" },
		{ 5, "o>i", "200 INVITE", 2, "b5", "z", "a", OUTSIDE
		    "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\n", "" },
	};

	(void)state;
	PLAY(outside);
	PLAY(inside);
	PLAY(another);
}

/* A port that an outsider had named first is no better after a hold. */
static void
hold_launders_no_mention(void **state)
{
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "192.0.2.10 5432", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 5432",
		    "refuse 192.0.2.10 -> 192.0.2.10 port 5432 (address)\n" },
		{ 3, "o>i", "INVITE",     2, "b2", "a", "z", "198.51.100.7 4000", "" },
		{ 3, "i>o", "200 INVITE", 2, "b2", "a", "z", "0.0.0.0 5432", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

static void
hold_hides_no_stream(void **state)
{
	char many[1024];
	const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  many, "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", many,
		    "refuse 192.0.2.10 -> 0.0.0.0 (limit)\n" },
	};
	struct strbuf b = strbuf_of(many, sizeof(many));
	int i;

	(void)state;
	strbuf_str(&b, NOWHERE);
	for (i = 0; i <= SDP_MAX_MEDIA; i++)
		strbuf_str(&b, "m=audio 4000 RTP/AVP 0\r\n");
	assert_false(b.full);
	PLAY(steps);
}

#define MOVED \
	"open 3 in udp 198.51.100.7 -> 192.0.2.10 port 10002:10003 (reinvite)\n" \
	"open 4 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (reinvite)\n"

static void
with_hold_close_only_hold_closes(void **state)
{
	/* No media goes to a side that puts the call on hold. */
	static const struct step address[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "0.0.0.0 4000", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", "192.0.2.10 10000",
		    CLOSE_IN("replaced") CLOSE_OUT("replaced") },
	};
	static const struct step sendonly[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", OUTSIDE
		    "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", INSIDE
		    "m=audio 10000 RTP/AVP 0\r\na=recvonly\r\n",
		    CLOSE_IN("replaced") CLOSE_OUT("replaced") },
		/* Music from another port is hold, too. */
		{ 6, "o>i", "INVITE",     3, "b6", "a", "z", OUTSIDE
		    "m=audio 4002 RTP/AVP 0\r\na=sendonly\r\n", "" },
		{ 6, "i>o", "200 INVITE", 3, "b6", "a", "z", INSIDE
		    "m=audio 10002 RTP/AVP 0\r\na=recvonly\r\n", "" },
	};
	/* "I only listen" is none; here the other end says nothing of it. */
	static const struct step recvonly[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", OUTSIDE
		    "m=audio 4000 RTP/AVP 0\r\na=recvonly\r\n", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", INSIDE
		    "m=audio 10000 RTP/AVP 0\r\n", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};
	/* Nor is a stream that begins, where there was another before. */
	static const struct step begins[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  OUTSIDE
		    "m=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", INSIDE
		    "m=audio 10000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n", OPEN_IN OPEN_OUT },
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", OUTSIDE
		    "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\na=sendonly\r\n", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", INSIDE
		    "m=audio 10000 RTP/AVP 0\r\nm=video 10002 RTP/AVP 31\r\na=recvonly\r\n", MOVED },
	};
	struct sip_config c = default_config();

	(void)state;
	c.policy.hold_close = true;
	play(&c, address, ROWS(address));
	play(&c, sendonly, ROWS(sendonly));
	play(&c, recvonly, ROWS(recvonly));
	play(&c, begins, ROWS(begins));
}

/*
 * A mention belongs to the leg that it fits best, and lasts as long: here the
 * others are over, go to another outsider, or have another tag.
 */
static void
a_mention_lasts_as_long_as_its_leg(void **state)
{
	static const struct step dead[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 1, "o>i", "486 INVITE", 1, "b1", "a", "x", NULL, "" },
		{ 1, "i>o", "INVITE",     1, "b2", "b", "",  "192.0.2.10 10000", "" },
		{ 1, "i>o", "INVITE",     1, "b3", "c", "",  "192.0.2.10 10000", "" },
		{ 1, "o>i", "486 INVITE", 1, "b3", "c", "x", NULL, "" },
		{ 2, "o>i", "200 INVITE", 1, "b2", "b", "z", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
		{ 3, "o>i", "INFO",       9, "b4", "q", "r", "192.0.2.10 12000", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
		{ 60, "i>o", "INVITE",    2, "b5", "b", "z", "192.0.2.10 12000", "" },
		{ 60, "o>i", "200 INVITE", 2, "b5", "b", "z", "198.51.100.7 4000",
		    CLOSE_IN("replaced") CLOSE_OUT("replaced")
		    "refuse 192.0.2.10 -> 192.0.2.10 port 12000 (address)\n" },
	};
	static const struct step address[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 1, "i>p", "INVITE",     1, "b2", "b", "",  "192.0.2.10 10000", "" },
		{ 1, "i>o", "INVITE",     1, "b3", "c", "",  "192.0.2.10 10000", "" },
		{ 2, "p>i", "200 INVITE", 1, "b2", "b", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.9 -> 192.0.2.10 port 10000:10001 (answer)\n"
		    "open 2 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (answer)\n"
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (answer)\n" },
		{ 3, "p>i", "INFO",       9, "b4", "q", "r", "192.0.2.10 12000", "" },
		{ 4, "o>i", "486 INVITE", 1, "b1", "a", "x", NULL, "" },
		{ 4, "o>i", "486 INVITE", 1, "b3", "c", "x", NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
		{ 60, "i>p", "INVITE",    2, "b5", "b", "z", "192.0.2.10 12000", "" },
		{ 60, "p>i", "200 INVITE", 2, "b5", "b", "z", "198.51.100.7 4000",
		    "close 1 in udp 198.51.100.9 -> 192.0.2.10 port 10000:10001 (replaced)\n"
		    "close 2 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (replaced)\n"
		    "close 3 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (replaced)\n"
		    "refuse 192.0.2.10 -> 192.0.2.10 port 12000 (address)\n" },
	};
	static const struct step from[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 1, "i>o", "INVITE",     1, "b2", "b", "",  "192.0.2.10 10000", "" },
		{ 1, "i>o", "INVITE",     1, "b3", "c", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "200 INVITE", 1, "b2", "b", "z", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
		{ 3, "o>i", "INFO",       9, "b4", "b", "r", "192.0.2.10 12000", "" },
		{ 4, "o>i", "486 INVITE", 1, "b1", "a", "x", NULL, "" },
		{ 4, "o>i", "486 INVITE", 1, "b3", "c", "x", NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
		{ 60, "i>o", "INVITE",    2, "b5", "b", "z", "192.0.2.10 12000", "" },
		{ 60, "o>i", "200 INVITE", 2, "b5", "b", "z", "198.51.100.7 4000",
		    CLOSE_IN("replaced") CLOSE_OUT("replaced")
		    "refuse 192.0.2.10 -> 192.0.2.10 port 12000 (address)\n" },
	};
	struct step to[ROWS(from)];

	(void)state;
	PLAY(dead);
	PLAY(address);
	PLAY(from);
	memcpy(to, from, sizeof(to));
	to[4].from = "r";
	to[4].to = "b";
	PLAY(to);
}
/* clang-format on */

/*
 * A message that cannot be read may still be an INVITE to its receiver.  It
 * makes a call without pinholes, so that its addresses count as an outsider's.
 */
static void
only_an_invite_of_an_outsider_makes_a_call(void **state)
{
	/* clang-format off */
	static const struct {
		const char *what, *path, *call_id, *to;
		bool invite;
		unsigned int calls;
	} rows[] = {
		{ "an INVITE", "o>i", "c1", "", true, 1 },
		{ "in a dialog", "o>i", "c1", "z", true, 0 },
		{ "another request", "o>i", "c1", "", false, 0 },
		{ "another in a dialog", "o>i", "c1", "z", false, 0 },
		{ "without a Call-ID", "o>i", NULL, "", true, 0 },
		{ "of our own", "i>o", "c1", "", true, 0 },
		{ "between two of ours", "i>g", "c1", "", true, 0 },
		{ "between two others", "o>p", "c1", "", true, 0 },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct datagram d = { .proto = IPPROTO_UDP };
	struct sip_glance g = { .request = true, .cseq = 1 };
	struct world w;
	size_t i;

	(void)state;
	g.sdp = span_of(INSIDE "m=audio 12000 RTP/AVP 0\r\n");
	g.from = span_of("a");
	g.call_id.word[0] = span_of("c1");
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		d.src = who(rows[i].path[0]);
		d.dst = who(rows[i].path[2]);
		g.invite = rows[i].invite;
		g.to = span_of(rows[i].to);
		g.call_id.n = rows[i].call_id != NULL;
		world_open(&w, &c);
		sip_overhear(w.sip, USEC_PER_SEC, &d, &g);
		assert_int_equal(sip_counters(w.sip)->calls, rows[i].calls);
		assert_int_equal(w.sip->mentions.n, rows[i].calls);
		world_close(&w);
	}
}

/* Of several Call-IDs any may be the one that its receiver sees. */
static void
each_call_id_of_an_overheard_message_counts(void **state)
{
	struct step ask = { 1, "o>i", "INVITE", 1, "b1", "a", "", NULL, "" };
	struct datagram d = { .proto = IPPROTO_UDP,
		.src = who('o'),
		.dst = who('i') };
	struct sip_config c = default_config();
	char call_id[SIP_GLANCE_MAX][4];
	struct sip_glance g = { 0 };
	const struct call *call;
	struct world w;
	size_t i;

	(void)state;
	world_open(&w, &c);
	g.sdp = span_of(INSIDE "m=audio 12000 RTP/AVP 0\r\n");
	for (i = 0; i < SIP_GLANCE_MAX; i++) {
		snprintf(call_id[i], sizeof(call_id[i]), "c%zu", i);
		say(&w, &ask, call_id[i]);
		g.call_id.word[g.call_id.n++] = span_of(call_id[i]);
	}
	sip_overhear(w.sip, 2 * USEC_PER_SEC, &d, &g);
	for (i = 0; i < SIP_GLANCE_MAX; i++) {
		call = call_first(w.sip, span_of(call_id[i]));
		assert_non_null(call);
		assert_int_equal(call->nmentions, 1);
		assert_int_equal(TAILQ_FIRST(&call->mentions)->where.port,
		    12000);
	}
	/* An SDP that a protected host sends is no mention by an outsider. */
	d.src = who('i');
	d.dst = who('o');
	g.sdp = span_of(INSIDE "m=audio 13000 RTP/AVP 0\r\n");
	sip_overhear(w.sip, 2 * USEC_PER_SEC, &d, &g);
	assert_int_equal(w.sip->mentions.n, SIP_GLANCE_MAX);
	world_close(&w);
}

/* Nor is a message followed whose Call-ID is too long for us. */
static void
a_call_id_that_is_too_long_is_overheard(void **state)
{
	static const struct {
		const char *what, *to;
		unsigned int calls;
	} rows[] = {
		{ "INVITE", "", 1 },
		{ "INVITE", "z", 0 },
		{ "UPDATE", "", 0 },
		{ "200 INVITE", "", 0 },
	};
	struct step s = { 1, "o>i", NULL, 1, "b1", "a", NULL,
		"192.0.2.10 12000", "" };
	struct sip_config c = default_config();
	char call_id[SIP_MAX_TAG + 2] = "";
	struct world w;
	size_t i;

	(void)state;
	memset(call_id, 'c', sizeof(call_id) - 1);
	for (i = 0; i < ROWS(rows); i++) {
		s.what = rows[i].what;
		s.to = rows[i].to;
		world_open(&w, &c);
		say(&w, &s, call_id);
		assert_int_equal(sip_counters(w.sip)->calls, rows[i].calls);
		assert_int_equal(sip_counters(w.sip)->limit_transactions, 1);
		assert_int_equal(w.sip->mentions.n, rows[i].calls);
		/* The name with one byte less fits, and is not counted. */
		say(&w, &s, call_id + 1);
		assert_int_equal(sip_counters(w.sip)->limit_transactions, 1);
		world_close(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_two_readings_is_counted),
		cmocka_unit_test(hold_keeps_the_address_and_not_the_port),
		cmocka_unit_test(hold_launders_no_mention),
		cmocka_unit_test(hold_hides_no_stream),
		cmocka_unit_test(with_hold_close_only_hold_closes),
		cmocka_unit_test(a_mention_lasts_as_long_as_its_leg),
		cmocka_unit_test(only_an_invite_of_an_outsider_makes_a_call),
		cmocka_unit_test(each_call_id_of_an_overheard_message_counts),
		cmocka_unit_test(a_call_id_that_is_too_long_is_overheard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
