/* SPDX-License-Identifier: ISC */
/* Which answers count: by status, by order, and by what their SDP is worth. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "sip/state.h"
#include "tests/unit/dialog_play.h"

#define PHONE "198.51.100.7 4000"
#define PBX   "192.0.2.10 10000"

#define EARLY_IN                                                               \
	"open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
#define EARLY_OUT                                                              \
	"open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n"

/* clang-format off */
static void
each_status_of_an_invite(void **state)
{
	static const struct {
		const char *what, *expect;
		bool accepted, over;
	} rows[] = {
		{ "100 INVITE", "", false, false },
		{ "101 INVITE", EARLY_IN EARLY_OUT, false, false },
		{ "199 INVITE", EARLY_IN EARLY_OUT, false, false },
		{ "200 INVITE", OPEN_IN OPEN_OUT, true, false },
		{ "299 INVITE", OPEN_IN OPEN_OUT, true, false },
		{ "300 INVITE", "", false, true },
		{ "699 INVITE", "", false, true },
	};
	struct step ask = { 1, "o>i", "INVITE", 1, "b1", "a", "", PHONE, "" };
	struct step reply = { 2, "i>o", NULL, 1, "b1", "a", "z", PBX, NULL };
	struct sip_config c = default_config();
	struct sip_about about;
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		world_open(&w, &c);
		play_in(&w, &ask, 1);
		reply.what = rows[i].what;
		reply.expect = rows[i].expect;
		play_in(&w, &reply, 1);
		assert_true(sip_about(w.sip, 1, &about));
		assert_int_equal(about.over, rows[i].over);
		assert_int_equal(sip_counters(w.sip)->accepted, rows[i].accepted);
		assert_int_equal(sip_counters(w.sip)->accepted_total, rows[i].accepted);
		world_close(&w);
	}
}

/* In a dialog: what was offered counts from a 2xx on, or is taken back. */
static void
each_status_in_a_dialog(void **state)
{
	static const struct {
		const char *what;
		bool opens, ends;
	} rows[] = {
		{ "100 INVITE", false, false }, { "199 INVITE", false, false },
		{ "200 INVITE", true, false }, { "299 INVITE", true, false },
		{ "300 INVITE", false, false }, { "407 INVITE", false, false },
		{ "408 INVITE", false, true }, { "409 INVITE", false, false },
		{ "480 INVITE", false, false }, { "481 INVITE", false, true },
		{ "482 INVITE", false, false }, { "699 INVITE", false, false },
		{ "100 UPDATE", false, false }, { "199 UPDATE", false, false },
		{ "200 UPDATE", true, false }, { "299 UPDATE", true, false },
		{ "300 UPDATE", false, false }, { "407 UPDATE", false, false },
		{ "408 UPDATE", false, true }, { "409 UPDATE", false, false },
		{ "480 UPDATE", false, false }, { "481 UPDATE", false, true },
		{ "482 UPDATE", false, false },
	};
	static const struct step set_up[] = { CALL_SET_UP };
	struct step ask = { 5, "o>i", NULL, 2, "b5", "a", "z", "198.51.100.7 6000", "" };
	struct step reply = { 6, "i>o", NULL, 2, "b5", "a", "z", PBX, NULL };
	struct sip_config c = default_config();
	char why[160];
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		world_open(&w, &c);
		play_in(&w, set_up, ROWS(set_up));
		ask.what = rows[i].what + 4;
		play_in(&w, &ask, 1);
		reply.what = rows[i].what;
		snprintf(why, sizeof(why), "%s%s%s",
		    rows[i].opens ? "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (" : "",
		    !rows[i].opens ? "" : ask.what[0] == 'I' ? "reinvite" : "update",
		    rows[i].opens ? ")\n" : "");
		reply.expect = rows[i].ends ? CLOSE_IN("reject") CLOSE_OUT("reject") : why;
		play_in(&w, &reply, 1);
		world_close(&w);
	}
}

/* A 18x may have the answer to a re-INVITE, which its 2xx need not repeat. */
static void
the_2xx_need_not_repeat_an_answer(void **state)
{
	static const struct step one[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", PBX, "" },
		{ 6, "o>i", "183 INVITE", 7, "b5", "z", "a", "198.51.100.7 6000", "" },
		{ 7, "o>i", "183 INVITE", 7, "b5", "z", "a", "198.51.100.7 7000", "" },
		{ 8, "o>i", "200 INVITE", 7, "b5", "z", "a", NULL,
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 7000:7001 (reinvite)\n" },
	};
	static const struct step another[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", PBX, "" },
		{ 6, "o>i", "183 INVITE", 7, "b5", "z", "a", "198.51.100.7 6000", "" },
		{ 8, "o>i", "200 INVITE", 7, "b5", "z", "a", "198.51.100.7 7000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 7000:7001 (reinvite)\n" },
	};
	/* A 2xx without an offer before it is no answer. */
	static const struct step without[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", NULL, "" },
		{ 6, "o>i", "183 INVITE", 7, "b5", "z", "a", "198.51.100.7 6000", "" },
		{ 8, "o>i", "200 INVITE", 7, "b5", "z", "a", NULL, "" },
	};
	static const struct step refused[] = {
		CALL_SET_UP,
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", PBX, "" },
		{ 6, "o>i", "183 INVITE", 7, "b5", "z", "a", "198.51.100.7 6000", "" },
		{ 8, "o>i", "488 INVITE", 7, "b5", "z", "a", NULL, "" },
	};

	(void)state;
	PLAY(one);
	PLAY(another);
	PLAY(without);
	PLAY(refused);
}

/* The offer of a reliable 18x has 32 seconds for its PRACK, from the first. */
static void
a_late_offer_is_made_once(void **state)
{
#define LATE \
	{ 1, "o>i", "INVITE",      1, "b1", "a", "",  NULL, "" }, \
	{ 2, "i>o", "!183 INVITE", 1, "b1", "a", "z", PBX, "" }
	static const struct step in_time[] = {
		LATE,
		{ 20, "i>o", "!183 INVITE", 1, "b1", "a", "z", PBX, "" },
		{ 33, "o>i", "PRACK",       2, "b2", "a", "z", PHONE, EARLY_IN EARLY_OUT },
	};
	static const struct step too_late[] = {
		LATE,
		{ 20, "i>o", "!183 INVITE", 1, "b1", "a", "z", PBX, "" },
		{ 34, "o>i", "PRACK",       2, "b2", "a", "z", PHONE, "" },
	};
	/* Not the side that offered, nor another one. */
	static const struct step wrong_side[] = {
		LATE,
		{ 3, "i>o", "PRACK",       2, "b2", "z", "a", PHONE, "" },
		{ 3, "x>i", "PRACK",       2, "b3", "a", "z", PHONE, "" },
		{ 3, "o>i", "PRACK",       2, "b4", "a", "y", PHONE, "" },
		{ 4, "o>i", "PRACK",       3, "b5", "a", "z", PHONE, EARLY_IN EARLY_OUT },
	};
	/* Without RSeq it is no offer, and the 2xx has it again. */
	static const struct step unreliable[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  NULL, "" },
		{ 2, "i>o", "183 INVITE", 1, "b1", "a", "z", PBX, "" },
		{ 3, "o>i", "PRACK",      2, "b2", "a", "z", PHONE, "" },
		{ 4, "i>o", "200 INVITE", 1, "b1", "a", "z", PBX, "" },
		{ 5, "o>i", "ACK",        2, "b3", "a", "z", PHONE, "" },
		{ 6, "o>i", "ACK",        1, "b4", "a", "z", PHONE,
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (ack)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (ack)\n" },
	};
	static const struct step late_ack[] = {
		{ 1, "o>i", "INVITE",     1, "b1", "a", "",  NULL, "" },
		{ 4, "i>o", "200 INVITE", 1, "b1", "a", "z", PBX, "" },
		{ 36, "o>i", "ACK",       1, "b4", "a", "z", PHONE, "" },
	};
#undef LATE

	(void)state;
	PLAY(in_time);
	PLAY(too_late);
	PLAY(wrong_side);
	PLAY(unreliable);
	PLAY(late_ack);
}

/* A 18x to a re-INVITE may come when its dialog has ended: it is no offer. */
static void
a_dialog_that_ended_takes_no_offer(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",      2, "b5", "a", "z", NULL, "" },
		{ 6, "o>i", "BYE",         3, "b6", "a", "z", NULL, "" },
		{ 6, "i>o", "200 BYE",     3, "b6", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
		{ 7, "i>o", "!183 INVITE", 2, "b5", "a", "z", PBX, "" },
		{ 8, "o>i", "PRACK",       4, "b7", "a", "z", PHONE, "" },
	};
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	world_open(&w, &c);
	for (i = 0; i < ROWS(steps); i++) {
		play_in(&w, &steps[i], 1);
		world_check(&w, steps[i].t * USEC_PER_SEC);
	}
	world_close(&w);
}

/* SDP of no use, wherever it comes: what is counted, and what is told. */
static void
sdp_of_no_use_is_counted_and_told(void **state)
{
	static const struct {
		const char *offer, *answer, *expect;
		unsigned int malformed, ambiguous;
	} rows[] = {
		{ PHONE, "v=1\r\n", "refuse 192.0.2.10 -> 198.51.100.7 (malformed)\n", 1, 0 },
		{ PHONE, "v=0\r\nv=0\r\n", "refuse 192.0.2.10 -> 198.51.100.7 (ambiguous)\n", 0, 1 },
		{ PHONE, "AMBIGUOUS", "refuse 192.0.2.10 -> 198.51.100.7 (ambiguous)\n", 0, 1 },
		/* The offer is told when it is answered. */
		{ "v=1\r\n", PBX, "refuse 198.51.100.7 -> 192.0.2.10 (malformed)\n", 1, 0 },
		{ "v=0\r\nv=0\r\n", PBX, "refuse 198.51.100.7 -> 192.0.2.10 (ambiguous)\n", 0, 1 },
		{ "AMBIGUOUS", PBX, "refuse 198.51.100.7 -> 192.0.2.10 (ambiguous)\n", 0, 1 },
		{ "AMBIGUOUS", "v=1\r\n", "refuse 198.51.100.7 -> 192.0.2.10 (ambiguous)\n", 1, 1 },
		{ "AMBIGUOUS", NULL, "", 0, 1 },
		{ PHONE, NULL, "", 0, 0 },
	};
	struct step ask = { 1, "o>i", "INVITE", 1, "b1", "a", "", NULL, "" };
	struct step reply = { 2, "i>o", "200 INVITE", 1, "b1", "a", "z", NULL, NULL };
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("row %zu\n", i);
		world_open(&w, &c);
		ask.sdp = rows[i].offer;
		play_in(&w, &ask, 1);
		reply.sdp = rows[i].answer;
		reply.expect = rows[i].expect;
		play_in(&w, &reply, 1);
		assert_int_equal(sip_counters(w.sip)->sdp_malformed, rows[i].malformed);
		assert_int_equal(sip_counters(w.sip)->sdp_ambiguous, rows[i].ambiguous);
		assert_true(w.accepted);
		assert_int_equal(w.nholes, 0);
		world_close(&w);
	}
}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_status_of_an_invite),
		cmocka_unit_test(each_status_in_a_dialog),
		cmocka_unit_test(the_2xx_need_not_repeat_an_answer),
		cmocka_unit_test(a_late_offer_is_made_once),
		cmocka_unit_test(a_dialog_that_ended_takes_no_offer),
		cmocka_unit_test(sdp_of_no_use_is_counted_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
