/* SPDX-License-Identifier: ISC */
/* How calls end, and what does not end them. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"

/* clang-format off */
#define CLOSED CLOSE_IN("bye") CLOSE_OUT("bye")
#define BYE_OUT { 100, "i>o", "BYE", 9, "b5", "z", "a", NULL, "" }

/* By `bye`; `reply` is its answer, of which any may end the call if `any`. */
static void
answers_are(const struct step *bye, struct step reply, bool any)
{
	static const struct { const char *what; bool closes; } rows[] = {
		{ "100 BYE", false }, { "180 BYE", false }, { "200 BYE", true },
		{ "202 BYE", true }, { "302 BYE", false }, { "401 BYE", false },
		{ "404 BYE", false }, { "408 BYE", true }, { "481 BYE", true },
		{ "500 BYE", false }, { "603 BYE", false },
	};
	static const struct step before[] = { CALL_SET_UP };
	struct step silence = { 131, "", "", 0, "", "", "", NULL, "" };
	struct sip_config c = default_config();
	bool final, closes;
	struct world w;
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		final = rows[i].what[0] != '1';
		closes = rows[i].closes || (any && final);
		world_open(&w, &c);
		play_in(&w, before, ROWS(before));
		play_in(&w, bye, 1);
		reply.what = rows[i].what;
		reply.expect = closes ? CLOSED : "";
		play_in(&w, &reply, 1);
		/* The call goes on, unless there was no final answer at all. */
		silence.t = 131;
		silence.expect = "";
		play_in(&w, &silence, 1);
		silence.t = 132;
		silence.expect = final ? "" : CLOSED;
		play_in(&w, &silence, 1);
		world_close(&w);
	}
}

static void
what_answers_a_bye_decides(void **state)
{
	static const struct step own = BYE_OUT;
	static const struct step theirs =
	    { 100, "o>i", "BYE", 2, "b5", "a", "z", NULL, "" };
	struct step reply = { 101, "o>i", NULL, 9, "b5", "z", "a", NULL, "" };

	(void)state;
	/*
	 * Any final answer to a BYE of the protected side ends the call, a
	 * refusal, too.
	 */
	answers_are(&own, reply, true);
	reply = theirs;
	reply.t = 101;
	reply.path = "i>o";
	answers_are(&theirs, reply, false);
}

static void
an_answer_belongs_to_its_bye(void **state)
{
	static const struct step rows[] = {
		{ 101, "o>i", "200 BYE",  8, "b5", "z", "a", NULL, "" },
		{ 101, "o>i", "200 BYE",  9, "b6", "z", "a", NULL, "" },
		{ 101, "o>i", "200 BYE",  9, "b5", "y", "a", NULL, "" },
		{ 101, "o>i", "200 BYE",  9, "b5", "a", "z", NULL, "" },
		{ 101, "x>i", "200 BYE",  9, "b5", "z", "a", NULL, "" },
		{ 101, "o>g", "200 BYE",  9, "b5", "z", "a", NULL, "" },
		{ 101, "o>i", "200 INVITE", 9, "b5", "z", "a", NULL, "" },
	};
	static const struct step before[] = { CALL_SET_UP, BYE_OUT };
	static const struct step after[] = {
		{ 102, "o>i", "200 BYE",  9, "b5", "z", "a", NULL, CLOSED },
	};
	/*
	 * The first final answer counts; a later one of the same transaction
	 * does not.
	 */
	static const struct step later[] = {
		CALL_SET_UP,
		{ 100, "o>i", "BYE",      2, "b5", "a", "z", NULL, "" },
		{ 101, "i>o", "401 BYE",  2, "b5", "a", "z", NULL, "" },
		{ 102, "i>o", "200 BYE",  2, "b5", "a", "z", NULL, "" },
		{ 190, "", "", 0, "", "", "", NULL, "" },
	};
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		world_open(&w, &c);
		play_in(&w, before, ROWS(before));
		play_in(&w, &rows[i], 1);
		play_in(&w, after, ROWS(after));
		world_close(&w);
	}
	PLAY(later);
}

static void
a_bye_after_everything_else_is_forgotten_has_its_time(void **state)
{
	static const struct step own[] = {
		CALL_SET_UP, BYE_OUT,
		{ 131, "", "", 0, "", "", "", NULL, "" },
		{ 132, "", "", 0, "", "", "", NULL, CLOSED },
	};
	static const struct step theirs[] = {
		CALL_SET_UP,
		{ 100, "o>i", "BYE",      2, "b5", "a", "z", NULL, "" },
		/* Sent again, it is no other. */
		{ 110, "o>i", "BYE",      2, "b5", "a", "z", NULL, "" },
		{ 131, "", "", 0, "", "", "", NULL, "" },
		{ 132, "", "", 0, "", "", "", NULL, CLOSED },
	};
	/* Not final, and to nobody's BYE. */
	static const struct step trying[] = {
		CALL_SET_UP,
		{ 100, "x>i", "BYE",      2, "b5", "a", "z", NULL, "" },
		{ 100, "i>x", "100 BYE",  2, "b5", "a", "z", NULL, "" },
		{ 100, "i>x", "302 BYE",  2, "b5", "a", "z", NULL, "" },
		{ 190, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(own);
	PLAY(theirs);
	PLAY(trying);
}

static void
a_bye_is_counted_once(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP, BYE_OUT,
	};
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps));
	assert_int_equal(sip_counters(w.sip)->retransmissions, 0);
	play_in(&w, &steps[ROWS(steps) - 1], 1);
	assert_int_equal(sip_counters(w.sip)->retransmissions, 1);
	assert_int_equal(sip_counters(w.sip)->forged, 0);
	world_close(&w);
}

/* Two forks that were both accepted, and one that still rings. */
#define FORKS \
	{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" }, \
	{ 1, "o>i", "183 INVITE", 1, "b1", "a", "e", "198.51.100.7 3000", \
	    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n" \
	    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 3000:3001 (early)\n" }, \
	{ 2, "o>i", "200 INVITE", 1, "b1", "a", "y", "198.51.100.7 4000", \
	    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (answer)\n" }, \
	{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 5000", \
	    "open 4 out udp 192.0.2.10 -> 198.51.100.7 port 5000:5001 (answer)\n" }

static void
one_fork_ends_and_the_others_go_on(void **state)
{
	static const struct step one_by_one[] = {
		FORKS,
		{ 5, "o>i", "BYE",        2, "b5", "z", "a", NULL, "" },
		{ 5, "i>o", "200 BYE",    2, "b5", "z", "a", NULL,
		    "close 4 out udp 192.0.2.10 -> 198.51.100.7 port 5000:5001 (bye)\n" },
		/* With the last, the one that waited. */
		{ 6, "i>o", "BYE",        2, "b6", "a", "y", NULL, "" },
		{ 6, "o>i", "200 BYE",    2, "b6", "a", "y", NULL,
		    "close 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (bye)\n"
		    "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 3000:3001 (bye)\n"
		    "close 3 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (bye)\n" },
	};
	/* The fork that lost has its time, and no longer. */
	static const struct step timed[] = {
		FORKS,
		{ 34, "", "", 0, "", "", "", NULL, "" },
		{ 35, "", "", 0, "", "", "", NULL,
		    "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 3000:3001 (replaced)\n" },
		{ 90, "", "", 0, "", "", "", NULL, "" },
	};
	/* A refusal after an acceptance is that of another fork. */
	static const struct step refused[] = {
		FORKS,
		{ 4, "o>i", "486 INVITE", 1, "b1", "a", "e", NULL, "" },
		{ 90, "", "", 0, "", "", "", NULL,
		    "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 3000:3001 (replaced)\n" },
	};

	(void)state;
	PLAY(one_by_one);
	PLAY(timed);
	PLAY(refused);
}

/* Another INVITE of the same caller rings when the first call ends. */
static void
what_another_invite_made_ring_goes_on_ringing(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 3, "o>i", "INVITE",     2, "b3", "a", "",  "198.51.100.7 6000", "" },
		{ 3, "i>o", "183 INVITE", 2, "b3", "a", "y", "192.0.2.10 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (early)\n"
		    "open 4 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (early)\n" },
		{ 4, "i>o", "BYE",        9, "b4", "z", "a", NULL, "" },
		{ 4, "o>i", "200 BYE",    9, "b4", "z", "a", NULL, CLOSED },
		{ 5, "i>o", "200 INVITE", 2, "b3", "a", "y", "192.0.2.10 12000", "" },
		{ 6, "i>o", "BYE",        9, "b6", "y", "a", NULL, "" },
		{ 6, "o>i", "200 BYE",    9, "b6", "y", "a", NULL,
		    "close 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (bye)\n"
		    "close 4 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (bye)\n" },
	};

	(void)state;
	PLAY(steps);
}

#define SECOND_LEG(from, to) \
	{ 3, "i>p", "INVITE",     1, "c1", from, "", "192.0.2.10 11000", "" }, \
	{ 4, "p>i", "200 INVITE", 1, "c1", from, to, "198.51.100.9 8000", \
	    "open 3 in udp 198.51.100.9 -> 192.0.2.10 port 11000:11001 (answer)\n" \
	    "open 4 out udp 192.0.2.10 -> 198.51.100.9 port 8000:8001 (answer)\n" }

/* Of several legs, those of the same dialog end, whichever way they run. */
static void
only_legs_of_the_same_dialog_end(void **state)
{
	static const struct { const char *from, *to; bool ends; } rows[] = {
		{ "a", "z", true }, { "z", "a", true },
		{ "a", "y", false }, { "z", "y", false },
		{ "y", "a", false }, { "y", "z", false }, { "x", "y", false },
	};
	struct step steps[] = {
		CALL_SET_UP,
		SECOND_LEG("", ""),
		{ 5, "o>i", "BYE",        2, "b5", "a", "z", NULL, "" },
		{ 5, "i>o", "200 BYE",    2, "b5", "a", "z", NULL, "" },
	};
	struct sip_config c = default_config();
	unsigned int wants;
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		steps[5].from = steps[6].from = rows[i].from;
		steps[6].to = rows[i].to;
		steps[8].expect = rows[i].ends ?
		    "close 3 in udp 198.51.100.9 -> 192.0.2.10 port 11000:11001 (bye)\n"
		    "close 4 out udp 192.0.2.10 -> 198.51.100.9 port 8000:8001 (bye)\n"
		    CLOSED : CLOSED;
		world_open(&w, &c);
		play_in(&w, steps, 8);
		wants = w.wants;
		play_in(&w, &steps[8], 1);
		/* Only legs of the same dialog are looked at. */
		assert_int_equal(w.wants - wants, rows[i].ends ? 2 : 1);
		world_close(&w);
	}
}

/* A call that has ended is forgotten, and says so. */
static void
what_is_over_is_forgotten(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP, BYE_OUT,
		{ 101, "o>i", "200 BYE",  9, "b5", "z", "a", NULL, CLOSED },
	};
	static const struct step refused[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 101, "i>o", "486 INVITE", 1, "b1", "a", "z", NULL, "" },
	};
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps));
	assert_int_equal(w.sip->calls.n, 1);
	timers_run(&w.timers, 132 * USEC_PER_SEC);
	assert_int_equal(w.gone, 0);
	timers_run(&w.timers, 133 * USEC_PER_SEC);
	assert_int_equal(w.sip->calls.n, 0);
	assert_null(call_after(w.sip, 0));
	assert_true(TAILQ_EMPTY(&w.sip->dead));
	assert_int_equal(w.gone, 1);
	play_in(&w, refused, ROWS(refused));
	timers_run(&w.timers, 133 * USEC_PER_SEC);
	assert_int_equal(w.sip->calls.n, 0);
	assert_int_equal(w.gone, 2);
	assert_int_equal(sip_counters(w.sip)->bytes, 0);
	world_close(&w);
}

/* Each end has its time; a microsecond before, all is as it was. */
static void
times_are_kept_to_the_microsecond(void **state)
{
	static const struct step talking[] = { CALL_SET_UP };
	static const struct step ringing[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 1, "i>o", "180 INVITE", 1, "b1", "a", "z", "192.0.2.10 10000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
	};
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	c.timeout_max = 600;
	world_open(&w, &c);
	play_in(&w, talking, ROWS(talking));
	strbuf_reset(&w.text);
	timers_run(&w.timers, 602 * USEC_PER_SEC - 1);
	assert_string_equal(w.log, "");
	timers_run(&w.timers, 602 * USEC_PER_SEC);
	assert_string_equal(w.log,
	    CLOSE_IN("max-duration") CLOSE_OUT("max-duration"));
	world_close(&w);

	world_open(&w, &c);
	play_in(&w, ringing, ROWS(ringing));
	strbuf_reset(&w.text);
	timers_run(&w.timers, 181 * USEC_PER_SEC - 1);
	assert_string_equal(w.log, "");
	timers_run(&w.timers, 181 * USEC_PER_SEC);
	assert_string_equal(w.log,
	    CLOSE_IN("setup-timeout") CLOSE_OUT("setup-timeout"));
	world_close(&w);
}

/* Pinholes for an offer of the inside close when nobody answers it. */
static void
an_offer_that_nobody_answers_is_taken_back(void **state)
{
	static const struct step update[] = {
		CALL_SET_UP,
		{ 100, "i>o", "UPDATE",   7, "b5", "z", "a", "192.0.2.10 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (update)\n" },
		{ 131, "", "", 0, "", "", "", NULL, "" },
		{ 132, "", "", 0, "", "", "", NULL,
		    "close 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reject)\n" },
	};
	static const struct step invite[] = {
		CALL_SET_UP,
		{ 100, "i>o", "INVITE",   7, "b5", "z", "a", "192.0.2.10 12000",
		    "open 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reinvite)\n" },
		{ 279, "", "", 0, "", "", "", NULL, "" },
		{ 280, "", "", 0, "", "", "", NULL,
		    "close 3 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reject)\n" },
	};
	/* An offer of the outside opens nothing before its answer. */
	static const struct step theirs[] = {
		CALL_SET_UP,
		{ 100, "o>i", "INVITE",   2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 300, "", "", 0, "", "", "", NULL, "" },
	};
	/* Another dialog's offer is none of this one's. */
	static const struct step forks[] = {
		FORKS,
		{ 40, "", "", 0, "", "", "", NULL,
		    "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 3000:3001 (replaced)\n" },
		{ 50, "i>o", "UPDATE",    7, "b5", "a", "y", "192.0.2.10 12000",
		    "open 5 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (update)\n" },
		{ 50, "o>i", "488 UPDATE", 7, "b5", "a", "y", NULL,
		    "close 5 in udp 198.51.100.7 -> 192.0.2.10 port 12000:12001 (reject)\n" },
	};

	(void)state;
	PLAY(update);
	PLAY(invite);
	PLAY(theirs);
	PLAY(forks);
}

/* Media within the last 32 seconds: somebody does not refresh, but talks. */
static void
media_outlasts_a_session_timer(void **state)
{
	static const struct step before[] = { CALL_SET_UP };
	static const struct { int64_t media; bool closes; } rows[] = {
		{ 0, true }, { 100 * USEC_PER_SEC, true },
		{ 100 * USEC_PER_SEC + 1, false }, { 132 * USEC_PER_SEC, false },
	};
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		world_open(&w, &c);
		play_in(&w, before, ROWS(before));
		world_refresh(&w, 10 * USEC_PER_SEC, 90);
		w.media = rows[i].media;
		timers_run(&w.timers, 132 * USEC_PER_SEC - 1);
		assert_string_equal(w.log, "");
		timers_run(&w.timers, 132 * USEC_PER_SEC);
		assert_string_equal(w.log, !rows[i].closes ? "" :
		    CLOSE_IN("session-timer") CLOSE_OUT("session-timer"));
		/* A call with media is not forgotten: the timer looks again. */
		timers_run(&w.timers, 164 * USEC_PER_SEC);
		assert_string_equal(w.log,
		    CLOSE_IN("session-timer") CLOSE_OUT("session-timer"));
		world_close(&w);
	}
}

/* Early in a capture, 0 is a time like any: no media yet is no media. */
static void
no_media_is_not_media_at_time_zero(void **state)
{
	static const struct step before[] = { CALL_SET_UP };
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	world_refresh(&w, -10 * USEC_PER_SEC, 1);
	timers_run(&w.timers, 23 * USEC_PER_SEC);
	assert_string_equal(w.log,
	    CLOSE_IN("session-timer") CLOSE_OUT("session-timer"));
	world_close(&w);
}
/* clang-format on */

#define SDP_LINES(a) "v=0\r\no=- 1 1 IN IP4 " a "\r\ns=-\r\nc=IN IP4 " a "\r\n"

/* Silence is expected where no stream has two ends that send. */
static void
a_call_is_held_if_no_stream_goes_both_ways(void **state)
{
	/* clang-format off */
	static const struct {
		const char *caller, *callee;
		bool held;
	} rows[] = {
		{ "m=audio 4000 RTP/AVP 0\r\n", "m=audio 10000 RTP/AVP 0\r\n", false },
		{ "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n",
		    "m=audio 10000 RTP/AVP 0\r\na=recvonly\r\n", true },
		{ "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n",
		    "m=audio 10000 RTP/AVP 0\r\n", true },
		{ "m=audio 4000 RTP/AVP 0\r\n",
		    "m=audio 10000 RTP/AVP 0\r\na=recvonly\r\n", true },
		/* A stream that was refused says nothing. */
		{ "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\nm=video 4002 RTP/AVP 31\r\n",
		    "m=audio 10000 RTP/AVP 0\r\na=recvonly\r\nm=video 0 RTP/AVP 31\r\n", true },
		{ "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\nm=video 4002 RTP/AVP 31\r\n",
		    "m=audio 10000 RTP/AVP 0\r\na=recvonly\r\nm=video 10002 RTP/AVP 31\r\n", false },
		{ "m=audio 4000 RTP/AVP 0\r\n", "m=audio 0 RTP/AVP 0\r\n", false },
	};
	struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", NULL, "" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	char caller[512], callee[512];
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("row %zu\n", i);
		snprintf(caller, sizeof(caller), "%s%s",
		    SDP_LINES("198.51.100.7"), rows[i].caller);
		snprintf(callee, sizeof(callee), "%s%s",
		    SDP_LINES("192.0.2.10"), rows[i].callee);
		steps[0].sdp = caller;
		steps[1].sdp = callee;
		world_open(&w, &c);
		say(&w, &steps[0], "c1");
		say(&w, &steps[1], "c1");
		assert_int_equal(w.held, rows[i].held);
		assert_true(w.accepted);
		assert_false(w.between);
		world_close(&w);
	}
}

/*
 * One fork on hold is reason enough to expect silence, in any order of the
 * answers.
 */
static void
what_a_call_says_of_itself(void **state)
{
	/* clang-format off */
	static const struct step hold_first[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "200 INVITE", 1, "b1", "a", "y", SDP_LINES("198.51.100.7")
		    "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n", "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", SDP_LINES("198.51.100.7")
		    "m=audio 5000 RTP/AVP 0\r\n", "" },
	};
	static const struct step inside[] = {
		{ 1, "i>g", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "g>i", "200 INVITE", 1, "b1", "a", "y", "192.0.2.20 12000", "" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	world_open(&w, &c);
	for (i = 0; i < ROWS(hold_first); i++)
		say(&w, &hold_first[i], "c1");
	assert_true(w.held);
	world_close(&w);
	world_open(&w, &c);
	for (i = 0; i < ROWS(inside); i++)
		say(&w, &inside[i], "c1");
	assert_true(w.between);
	world_close(&w);
}

/* The same stream twice, in two forks and in one body, is one pinhole. */
static void
what_is_wanted_twice_is_wanted_once(void **state)
{
	/* clang-format off */
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "200 INVITE", 1, "b1", "a", "y", "198.51.100.7 4000", "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	world_open(&w, &c);
	for (i = 0; i < ROWS(steps); i++)
		say(&w, &steps[i], "c1");
	assert_int_equal(w.nholes, 2);
	world_close(&w);
}

/* A refusal is told once; another one is another. */
static void
a_refusal_is_told_when_it_is_new(void **state)
{
	/* clang-format off */
	static const struct step steps[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  "198.51.100.7 4000", "" },
		{ 2, "i>o", "200 INVITE", 1, "b1", "a", "z", "192.0.2.10 22",
		    "refuse 192.0.2.10 -> 192.0.2.10 port 22 (port-range)\n" },
		{ 3, "i>o", "INVITE",     7, "b2", "z", "a", "192.0.2.10 22", "" },
		{ 3, "o>i", "200 INVITE", 7, "b2", "z", "a", "198.51.100.7 4000", "" },
		{ 4, "i>o", "INVITE",     8, "b3", "z", "a", "192.0.2.10 23", "" },
		{ 4, "o>i", "200 INVITE", 8, "b3", "z", "a", "198.51.100.7 4000",
		    "refuse 192.0.2.10 -> 192.0.2.10 port 23 (port-range)\n" },
		/* Another host, the same port. */
		{ 5, "i>o", "INVITE",     9, "b4", "z", "a", "192.0.2.20 23", "" },
		{ 5, "o>i", "200 INVITE", 9, "b4", "z", "a", "198.51.100.7 4000",
		    "refuse 192.0.2.10 -> 192.0.2.20 port 23 (port-range)\n" },
		/* First one side names it, then the other. */
		{ 6, "i>o", "INVITE",    10, "b5", "z", "a", "198.51.100.7 99999", "" },
		{ 6, "o>i", "200 INVITE",10, "b5", "z", "a", "198.51.100.7 4000",
		    "refuse 192.0.2.10 -> 198.51.100.7 (port-range)\n" },
		{ 7, "o>i", "INVITE",     2, "b6", "a", "z", "198.51.100.7 99999", "" },
		{ 7, "i>o", "200 INVITE", 2, "b6", "a", "z", "192.0.2.10 10000",
		    "refuse 198.51.100.7 -> 198.51.100.7 (port-range)\n" },
	};
	/* clang-format on */

	(void)state;
	PLAY(steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_answers_a_bye_decides),
		cmocka_unit_test(an_answer_belongs_to_its_bye),
		cmocka_unit_test(
		    a_bye_after_everything_else_is_forgotten_has_its_time),
		cmocka_unit_test(a_bye_is_counted_once),
		cmocka_unit_test(one_fork_ends_and_the_others_go_on),
		cmocka_unit_test(what_another_invite_made_ring_goes_on_ringing),
		cmocka_unit_test(only_legs_of_the_same_dialog_end),
		cmocka_unit_test(what_is_over_is_forgotten),
		cmocka_unit_test(times_are_kept_to_the_microsecond),
		cmocka_unit_test(an_offer_that_nobody_answers_is_taken_back),
		cmocka_unit_test(media_outlasts_a_session_timer),
		cmocka_unit_test(no_media_is_not_media_at_time_zero),
		cmocka_unit_test(a_call_is_held_if_no_stream_goes_both_ways),
		cmocka_unit_test(what_a_call_says_of_itself),
		cmocka_unit_test(what_is_wanted_twice_is_wanted_once),
		cmocka_unit_test(a_refusal_is_told_when_it_is_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
