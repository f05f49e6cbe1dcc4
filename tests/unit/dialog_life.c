/* SPDX-License-Identifier: ISC */
/* How calls live on, are limited, and are handed over. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dialog_play.h"

static void
a_call_without_media_ends_with_its_session_timer(void **state)
{
	static const struct step steps[] = { CALL_SET_UP };
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps));
	world_refresh(&w, 10 * USEC_PER_SEC, 90);
	w.media = 120 * USEC_PER_SEC;
	timers_run(&w.timers, 132 * USEC_PER_SEC);
	assert_string_equal(w.log, "");
	timers_run(&w.timers, 200 * USEC_PER_SEC);
	assert_string_equal(w.log,
	    CLOSE_IN("session-timer") CLOSE_OUT("session-timer"));
	/* The call is forgotten, for it waits for nothing else. */
	assert_int_equal(w.gone, 1);
	world_close(&w);
}

static void
a_flood_evicts_only_its_own(void **state)
{
	struct sip_config c = default_config();
	struct step s = { 1, "x>i", "INVITE", 1, "b1", "a", "",
		"203.0.113.66 4000", "" };
	static const struct step legit[] = { CALL_SET_UP };
	char call_id[32];
	struct world w;
	int i;

	(void)state;
	c.limit_per_source = 20;
	world_open(&w, &c);
	say(&w, &legit[0], "c1");
	for (i = 0; i < 6000; i++) {
		snprintf(call_id, sizeof(call_id), "flood%d", i);
		say(&w, &s, call_id);
	}
	assert_int_equal(sip_counters(w.sip)->calls, 21);
	strbuf_reset(&w.text);
	say(&w, &legit[3], "c1");
	assert_string_equal(w.log, OPEN_IN OPEN_OUT);
	world_close(&w);
}

static void
a_call_survives_being_written_down(void **state)
{
	static const struct step before[] = { CALL_SET_UP };
	/* clang-format off */
	static const struct step after[] = {
		{ 9, "o>i", "BYE",        2, "b3", "a", "q", NULL, "" },
		{ 9, "o>i", "BYE",        2, "b3", "a", "z", NULL, "" },
		{ 9, "i>o", "200 BYE",    2, "b3", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w, v;
	static char buf[SIP_EXPORT_MAX], cut[SIP_EXPORT_MAX];
	size_t len, i;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	assert_int_equal(sip_export(w.sip, 1, buf, sizeof(buf), &len), PH_OK);
	world_close(&w);

	world_open(&v, &c);
	/* No part of it, and nothing with a byte too many, is taken. */
	for (i = 0; i < len; i++)
		assert_int_not_equal(sip_import(v.sip, buf, i, 0), PH_OK);
	memcpy(cut, buf, len);
	assert_int_not_equal(sip_import(v.sip, cut, len + 1, 0), PH_OK);
	assert_int_equal(sip_counters(v.sip)->calls, 0);
	assert_int_equal(sip_import(v.sip, buf, len, 5 * USEC_PER_SEC), PH_OK);
	assert_int_equal(sip_import(v.sip, buf, len, 5 * USEC_PER_SEC),
	    PH_EEXIST);
	/* The exporter has counted the call in its totals already. */
	assert_int_equal(sip_counters(v.sip)->calls, 1);
	assert_int_equal(sip_counters(v.sip)->calls_total, 0);
	assert_int_equal(sip_counters(v.sip)->accepted_total, 0);
	play_in(&v, after, ROWS(after));
	world_close(&v);
}

static void
a_call_that_was_taken_over_can_still_change(void **state)
{
	/* clang-format off */
	static const struct step before[] = {
		CALL_SET_UP,
		{ 5, "o>i", "UPDATE",      2, "b5", "a", "z", "198.51.100.7 6000", "" },
		{ 5, "i>o", "200 UPDATE",  2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (update)\n" },
		/* By now its transactions are forgotten. */
		{ 60, "", "", 0, "", "", "", NULL, CLOSE_OUT("replaced") },
	};
	static const struct step after[] = {
		{ 70, "o>i", "INVITE",     3, "b7", "a", "z", "198.51.100.7 7000", "" },
		{ 70, "i>o", "200 INVITE", 3, "b7", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 7000:7001 (reinvite)\n" },
		{ 80, "", "", 0, "", "", "", NULL,
		    "close 2 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (replaced)\n" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	static char buf[SIP_EXPORT_MAX];
	struct world w, v;
	size_t len;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	assert_int_equal(sip_export(w.sip, 1, buf, sizeof(buf), &len), PH_OK);
	world_close(&w);

	world_open(&v, &c);
	assert_int_equal(sip_import(v.sip, buf, len, 61 * USEC_PER_SEC), PH_OK);
	play_in(&v, after, ROWS(after));
	world_close(&v);
}

static void
a_refresh_without_change_costs_nothing(void **state)
{
	/* clang-format off */
	static const struct step before[] = { CALL_SET_UP };
	static const struct step refresh[] = {
		{ 5, "i>o", "INVITE",     7, "b5", "z", "a", "192.0.2.10 10000", "" },
		{ 5, "o>i", "200 INVITE", 7, "b5", "z", "a", "198.51.100.7 4000", "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	unsigned int commits;
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	commits = w.commits;
	play_in(&w, refresh, ROWS(refresh));
	assert_int_equal(w.commits, commits);
	world_close(&w);
}

/* clang-format off */
#define EARLY_OPEN \
	"open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n" \
	"open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n"
#define EARLY_REOPEN \
	"open 3 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (answer)\n" \
	"open 4 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (answer)\n"
#define EARLY_CALL \
	{ 1, "i>o", "INVITE",       1, "b1", "a", "",  "192.0.2.10 10000", "" }, \
	{ 2, "o>i", "183 INVITE",   1, "b1", "a", "z", "198.51.100.7 4000", EARLY_OPEN }
/* clang-format on */

static void
early_media_is_extended_once(void **state)
{
	/* clang-format off */
	static const struct step steps[] = {
		EARLY_CALL,
		{ 170, "o>i", "180 INVITE", 1, "b1", "a", "z", NULL, "" },
		{ 340, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 361, "", "", 0, "", "", "", NULL,
		    CLOSE_IN("setup-timeout") CLOSE_OUT("setup-timeout") },
		{ 362, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 5000", "" },
		/* Nor does another fork begin anew. */
		{ 363, "o>i", "183 INVITE", 1, "b1", "a", "y", "198.51.100.7 4000", "" },
		/* A callee who answers after so long is heard all the same. */
		{ 500, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", EARLY_REOPEN },
	};
	/* clang-format on */

	(void)state;
	PLAY(steps);
}

static void
a_cancel_that_nobody_answers_ends_the_call(void **state)
{
	/* clang-format off */
	static const struct step steps[] = {
		EARLY_CALL,
		{ 10, "i>o", "CANCEL",     1, "b1", "a", "",  NULL, "" },
		{ 20, "o>i", "180 INVITE", 1, "b1", "a", "z", NULL, "" },
		/* Repeating it gives no more time. */
		{ 30, "i>o", "CANCEL",     1, "b1", "a", "",  NULL, "" },
		{ 41, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 42, "", "", 0, "", "", "", NULL, CLOSE_IN("cancel") CLOSE_OUT("cancel") },
		{ 43, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 44, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
	};
	/* clang-format on */

	(void)state;
	PLAY(steps);
}

/* The CANCEL crossed with the answer: the other forks end as for any answer. */
static void
a_cancel_that_came_too_late_ends_nothing(void **state)
{
	/* clang-format off */
	static const struct step steps[] = {
		EARLY_CALL,
		{ 3, "o>i", "183 INVITE",  1, "b1", "a", "y", "198.51.100.7 5000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 5000:5001 (early)\n" },
		{ 10, "i>o", "CANCEL",     1, "b1", "a", "",  NULL, "" },
		{ 11, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 11, "i>o", "ACK",        1, "b2", "a", "z", NULL, "" },
		{ 80, "", "", 0, "", "", "", NULL,
		    "close 3 out udp 192.0.2.10 -> 198.51.100.7 port 5000:5001 (replaced)\n" },
	};
	/* clang-format on */

	(void)state;
	PLAY(steps);
}

static void
a_cancel_ends_only_its_branch(void **state)
{
	/* clang-format off */
	static const struct step steps[] = {
		EARLY_CALL,
		{ 3, "i>o", "INVITE",      1, "b7", "a", "",  "192.0.2.10 10000", "" },
		{ 10, "i>o", "CANCEL",     1, "b7", "a", "",  NULL, "" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
		{ 61, "o>i", "200 INVITE", 1, "b7", "a", "y", "198.51.100.7 6000", "" },
		{ 62, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", "" },
		{ 80, "i>o", "BYE",        2, "b8", "a", "z", NULL, "" },
		{ 80, "o>i", "200 BYE",    2, "b8", "a", "z", NULL, CLOSE_IN("bye") CLOSE_OUT("bye") },
	};
	/* clang-format on */

	(void)state;
	PLAY(steps);
}

static void
silent_early_media_closes_until_the_answer(void **state)
{
	/* clang-format off */
	static const struct step before[] = { EARLY_CALL };
	static const struct step after[] = {
		{ 22, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 5000", "" },
		{ 25, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", EARLY_REOPEN },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	strbuf_reset(&w.text);
	sip_silent(w.sip, 1, 20 * USEC_PER_SEC);
	assert_string_equal(w.log, CLOSE_IN("idle") CLOSE_OUT("idle"));
	play_in(&w, after, ROWS(after));
	strbuf_reset(&w.text);
	sip_silent(w.sip, 1, 400 * USEC_PER_SEC);
	assert_int_equal(sip_counters(w.sip)->calls, 0);
	world_close(&w);
}

/* Messages in the dialog, and whether they are a sign of life of the inside. */
static void
only_the_inside_keeps_a_dialog_alive(void **state)
{
	/* clang-format off */
	static const struct step before[] = { CALL_SET_UP };
	static const struct {
		struct step s;
		bool alive;
	} rows[] = {
		{ { 5, "i>o", "OPTIONS",    9, "c1", "z", "a", NULL, "" }, true },
		{ { 5, "o>i", "OPTIONS",    9, "c2", "a", "z", NULL, "" }, false },
		{ { 5, "i>o", "200 OPTIONS", 9, "c2", "a", "z", NULL, "" }, false },
		{ { 5, "i>x", "OPTIONS",    9, "c3", "z", "a", NULL, "" }, false },
		{ { 5, "i>o", "OPTIONS",    9, "c4", "y", "a", NULL, "" }, false },
		{ { 5, "i>o", "OPTIONS",    9, "c5", "z", "",  NULL, "" }, false },
		{ { 5, "o>i", "ACK",        1, "c6", "a", "z", NULL, "" }, false },
		{ { 5, "o>i", "UPDATE",     2, "c7", "a", "z", NULL, "" }, false },
		{ { 5, "i>o", "491 UPDATE", 2, "c7", "a", "z", NULL, "" }, false },
		{ { 5, "o>i", "UPDATE",     3, "c8", "a", "z", NULL, "" }, false },
		{ { 5, "i>o", "200 UPDATE", 3, "c8", "a", "z", NULL, "" }, true },
		{ { 5, "i>o", "INVITE",     9, "c9", "z", "a", NULL, "" }, true },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w;
	size_t i;

	(void)state;
	world_open(&w, &c);
	play_in(&w, before, ROWS(before));
	for (i = 0; i < ROWS(rows); i++) {
		w.alive = 0;
		play_in(&w, &rows[i].s, 1);
		assert_int_equal(w.alive != 0, rows[i].alive);
	}
	world_close(&w);
}

/* The answers name another address, and requests come from there. */
static void
a_contact_speaks_for_its_side(void **state)
{
	/* clang-format off */
	static const struct step ask[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
	};
	static const struct step ring[] = {
		{ 2, "o>i", "183 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000",
		    "open 1 in udp 198.51.100.7 -> 192.0.2.10 port 10000:10001 (early)\n"
		    "open 2 out udp 192.0.2.10 -> 198.51.100.7 port 4000:4001 (early)\n" },
	};
	static const struct step moves[] = {
		{ 3, "x>i", "UPDATE",     2, "b2", "z", "a", "198.51.100.7 4002", "" },
		{ 3, "i>x", "200 UPDATE", 2, "b2", "z", "a", "192.0.2.10 10000",
		    "open 3 in udp 203.0.113.66 -> 192.0.2.10 port 10000:10001 (update)\n"
		    "open 4 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (update)\n"
		    CLOSE_OUT("replaced") },
	};
	static const struct step reply[] = {
		{ 2, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
	};
	static const struct step later[] = {
		{ 3, "x>i", "UPDATE",     2, "b2", "z", "a", "198.51.100.7 4002", "" },
		{ 3, "i>x", "200 UPDATE", 2, "b2", "z", "a", "192.0.2.10 10000",
		    "open 3 in udp 203.0.113.66 -> 192.0.2.10 port 10000:10001 (update)\n"
		    "open 4 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (update)\n" },
	};
	/* clang-format on */
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, ask, ROWS(ask));
	w.contact = who('x').addr;
	play_in(&w, ring, ROWS(ring));
	memset(&w.contact, 0, sizeof(w.contact));
	play_in(&w, moves, ROWS(moves));
	world_close(&w);

	world_open(&w, &c);
	play_in(&w, ask, ROWS(ask));
	w.contact = who('x').addr;
	play_in(&w, reply, ROWS(reply));
	memset(&w.contact, 0, sizeof(w.contact));
	play_in(&w, later, ROWS(later));
	world_close(&w);
}

/* clang-format off */
static void
a_fork_that_answers_late_stays(void **state)
{
	static const struct step steps[] = {
		{ 1, "i>o", "INVITE",     1, "b1", "a", "",  "192.0.2.10 10000", "" },
		{ 2, "o>i", "180 INVITE", 1, "b1", "a", "y", NULL, "" },
		{ 2, "o>i", "180 INVITE", 1, "b1", "a", "z", NULL, "" },
		{ 3, "o>i", "200 INVITE", 1, "b1", "a", "z", "198.51.100.7 4000", OPEN_IN OPEN_OUT },
		{ 9, "o>i", "200 INVITE", 1, "b1", "a", "y", "198.51.100.7 6000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 6000:6001 (answer)\n" },
		{ 60, "", "", 0, "", "", "", NULL, "" },
	};

	(void)state;
	PLAY(steps);
}

/* A pinhole that only waited to be replaced closes with that reason. */
static void
a_shutdown_closes_what_was_replaced_as_replaced(void **state)
{
	static const struct step steps[] = {
		CALL_SET_UP,
		{ 5, "o>i", "INVITE",     2, "b5", "a", "z", "198.51.100.7 4002", "" },
		{ 5, "i>o", "200 INVITE", 2, "b5", "a", "z", "192.0.2.10 10000",
		    "open 3 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (reinvite)\n" },
	};
	struct sip_config c = default_config();
	struct world w;

	(void)state;
	world_open(&w, &c);
	play_in(&w, steps, ROWS(steps));
	strbuf_reset(&w.text);
	sip_shutdown(w.sip, REASON_SHUTDOWN, 6 * USEC_PER_SEC);
	assert_string_equal(w.log, CLOSE_OUT("replaced") CLOSE_IN("shutdown")
	    "close 3 out udp 192.0.2.10 -> 198.51.100.7 port 4002:4003 (shutdown)\n");
	world_close(&w);
}
/* clang-format on */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_contact_speaks_for_its_side),
		cmocka_unit_test(a_fork_that_answers_late_stays),
		cmocka_unit_test(
		    a_shutdown_closes_what_was_replaced_as_replaced),
		cmocka_unit_test(
		    a_call_without_media_ends_with_its_session_timer),
		cmocka_unit_test(a_flood_evicts_only_its_own),
		cmocka_unit_test(a_call_survives_being_written_down),
		cmocka_unit_test(a_call_that_was_taken_over_can_still_change),
		cmocka_unit_test(a_refresh_without_change_costs_nothing),
		cmocka_unit_test(early_media_is_extended_once),
		cmocka_unit_test(a_cancel_that_nobody_answers_ends_the_call),
		cmocka_unit_test(a_cancel_that_came_too_late_ends_nothing),
		cmocka_unit_test(a_cancel_ends_only_its_branch),
		cmocka_unit_test(silent_early_media_closes_until_the_answer),
		cmocka_unit_test(only_the_inside_keeps_a_dialog_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
