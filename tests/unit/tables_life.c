/* SPDX-License-Identifier: ISC */
/*
 * The server over time: restarts, entries within others, and a packet filter
 * that refuses, fails or answers late.
 */
#include <stdio.h>

#include "tables/state.h"
#include "tests/unit/tables_play.h"

static void
without_an_end_nothing_counts_from_before(void **state)
{
	struct wire_request r =
	    tables_request(2, WIRE_ADD, "spammer", "203.0.113.7");

	(void)state;
	tables_restart();
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_TAKEN);
	/* Killed, with a state file that is from before that. */
	paper.nkept = 0;
	now += 2 * SEC;
	tables_begin_again();
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_REPLAY);
	TAKE(WIRE_ADD, "spammer", "203.0.113.8");
	/* An end is good for one beginning. */
	now += 10 * SEC;
	tables_restart();
	r = tables_request(2, WIRE_ADD, "spammer", "203.0.113.9");
	r.time--;
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_TAKEN);
	now += 2 * SEC;
	tables_begin_again();
	r.time++;
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_REPLAY);
}

static void
a_restart_forgets_neither_entries_nor_datagrams(void **state)
{
	struct wire_request r2, r3;

	(void)state;
	r2 = tables_request(2, WIRE_ADD, "spammer", "203.0.113.7");
	r3 = tables_request(3, WIRE_ADD, "blocked", "203.0.113.0/28");
	assert_int_equal(tables_send(&r2, &keys[1]), SERVER_TAKEN);
	assert_int_equal(tables_send(&r3, &keys[1]), SERVER_TAKEN);
	TAKE(WIRE_ADD, "spammer", "203.0.113.8");
	TAKE(WIRE_DELETE, "spammer", "203.0.113.8");
	now += 50 * SEC;
	paper.n = 0; /* the machine, too, was started again */
	tables_restart();
	assert_string_equal(tables_contents(0), "203.0.113.7 3550");
	assert_string_equal(tables_contents(1), "203.0.113.0/28 3550");
	assert_int_equal(tables_send(&r2, &keys[1]), SERVER_REPLAY);
	assert_int_equal(tables_send(&r3, &keys[1]), SERVER_REPLAY);
	/* A second restart forgets nothing, either. */
	tables_restart();
	assert_int_equal(tables_send(&r2, &keys[1]), SERVER_REPLAY);
	TAKE(WIRE_ADD, "spammer", "203.0.113.9");
	/*
	 * An entry that ended while the daemon was down is removed at the
	 * start.
	 */
	now = T0 + 3600 * SEC;
	tables_restart();
	assert_string_equal(tables_contents(0), "203.0.113.9 50");
	assert_string_equal(tables_contents(1), "");
	assert_int_equal(tables_counters().entries, 1);
	/* Everything is too old by now, and still nothing comes again. */
	now = T0 + 10 * SEC;
	assert_int_equal(tables_send(&r3, &keys[1]), SERVER_REPLAY);
}

static void
a_restart_heeds_a_new_configuration(void **state)
{
	static const char *const tables[] = { "other", "spammer" };
	struct prefix never = tables_prefix("203.0.113.0/28");

	(void)state;
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	TAKE(WIRE_ADD, "spammer", "203.0.113.77");
	TAKE(WIRE_ADD, "blocked", "203.0.113.8");
	config.table = tables;
	config.never = &never;
	config.nnever = 1;
	paper.n = 0;
	tables_restart();
	assert_string_equal(tables_contents(0), "");
	assert_string_equal(tables_contents(1), "203.0.113.77 3600");
	assert_int_equal(tables_counters().entries, 1);
	TAKE(WIRE_ADD, "spammer", "203.0.113.78");
	config.max = 1;
	tables_restart();
	assert_int_equal(tables_counters().entries, 1);
	assert_int_equal(paper.n, 1);
}

/* A prefix has one record; another that names it is to be deleted. */
static void
an_entry_is_loaded_once(void **state)
{
	size_t i;

	(void)state;
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	for (i = 0; i < paper.nkept && paper.kept[i].key != 1; i++)
		;
	assert_true(i < paper.nkept);
	assert_int_equal(server_load(server, 2, paper.kept[i].p,
			     paper.kept[i].len, now),
	    PH_EEXIST);
	assert_int_equal(tables_counters().entries, 1);
}

static void
what_is_not_needed_is_not_kept(void **state)
{
	char text[32];
	int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "203.0.113.%d", i % 5 + 1);
		TAKE(i % 3 == 0 ? WIRE_DELETE : WIRE_ADD, "spammer", text);
		tables_pass(20 * SEC);
	}
	/* At most 5 entries, 3 generations of a chunk each, and a floor. */
	assert_true(paper.nkept <= 9);
	assert_true(tables_counters().remembered <= 12);
}

static void
the_filter_is_not_told_of_an_entry_within_another(void **state)
{
	(void)state;
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	TAKE(WIRE_ADD, "spammer", "203.0.113.64/26");
	TAKE(WIRE_ADD, "spammer", "203.0.113.65");
	tables_pass(1000 * SEC);
	TAKE(WIRE_ADD, "spammer", "203.0.112.0/23");
	assert_string_equal(tables_contents(0), "203.0.112.0/23 3600");
	TAKE(WIRE_ADD, "blocked", "203.0.112.9");
	TAKE(WIRE_ADD, "spammer", "203.0.113.9");
	TAKE(WIRE_ADD, "spammer", "203.0.113.200");
	TAKE(WIRE_DELETE, "spammer", "203.0.113.200");
	assert_string_equal(tables_contents(0), "203.0.112.0/23 3600");
	TAKE(WIRE_DELETE, "spammer", "203.0.112.0/23");
	assert_string_equal(tables_contents(0),
	    "203.0.113.7 2600, 203.0.113.9 3600, 203.0.113.64/26 2600");
	/* The same when its time is over. */
	TAKE(WIRE_ADD, "spammer", "203.0.113.70");
	tables_pass(2600 * SEC);
	assert_string_equal(tables_contents(0),
	    "203.0.113.9 3600, 203.0.113.70 1000");
	TAKE(WIRE_FLUSH, "spammer", NULL);
	assert_string_equal(tables_contents(0), "");
	assert_int_equal(tables_counters().entries, 1);
	/* After a restart as before it. */
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	TAKE(WIRE_ADD, "spammer", "203.0.113.0/24");
	paper.n = 0;
	tables_restart();
	assert_string_equal(tables_contents(0), "203.0.113.0/24 3600");
}

static void
what_the_filter_refuses_is_not_entered(void **state)
{
	uint8_t buf[WIRE_REPLY_LEN];

	(void)state;
	paper.answer = PH_EGONE;
	assert_int_equal(tables_say(WIRE_ADD, "spammer", "203.0.113.7"),
	    SERVER_FILTER);
	assert_int_equal(server_reply(server, &job, now, buf), sizeof(buf));
	assert_int_equal(buf[2], WIRE_REFUSED);
	assert_int_equal(tables_counters().entries, 0);
	assert_int_equal(paper.nkept, 1); /* that the datagram came */
	assert_int_equal(tables_say(WIRE_FLUSH, "spammer", NULL),
	    SERVER_FILTER);
	paper.answer = PH_EEXIST;
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	assert_int_equal(tables_counters().entries, 1);
	/* Renewing fails: the old one is still there, and will end. */
	paper.answer = PH_EGONE;
	assert_int_equal(tables_say(WIRE_ADD, "spammer", "203.0.113.7"),
	    SERVER_FILTER);
	assert_int_equal(tables_counters().entries, 1);
	paper.answer = PH_EDENIED;
	assert_int_equal(tables_say(WIRE_ADD, "spammer", "203.0.113.8"),
	    SERVER_NEVER);
	assert_int_equal(tables_counters().entries, 1);
}

static void
what_may_have_been_done_is_undone(void **state)
{
	(void)state;
	paper.answer = PH_EIO;
	assert_int_equal(tables_say(WIRE_ADD, "spammer", "203.0.113.7"),
	    SERVER_FILTER);
	assert_int_equal(tables_counters().entries, 1);
	tables_pass(0);
	tables_pass(5 * SEC);
	assert_int_equal(tables_counters().entries, 1);
	paper.answer = PH_OK;
	paper.changes = 0;
	tables_pass(6 * SEC);
	assert_int_equal(paper.changes, 1);
	assert_int_equal(tables_counters().entries, 0);
	/* A deletion that fails is tried again, too. */
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	paper.answer = PH_EAGAIN;
	assert_int_equal(tables_say(WIRE_DELETE, "spammer", "203.0.113.7"),
	    SERVER_FILTER);
	paper.answer = PH_OK;
	assert_string_equal(tables_contents(0), "203.0.113.7 3600");
	tables_pass(10 * SEC);
	assert_string_equal(tables_contents(0), "");
	assert_int_equal(tables_counters().entries, 0);
	assert_int_equal(tables_counters().expired, 1); /* the one undone */
}

static void
answers_that_come_late_do_no_harm(void **state)
{
	(void)state;
	paper.hold_back = true;
	tables_say(WIRE_ADD, "spammer", "203.0.113.7");
	tables_say(WIRE_DELETE, "spammer", "203.0.113.7");
	tables_say(WIRE_ADD, "spammer", "203.0.113.7");
	tables_say(WIRE_FLUSH, "spammer", NULL);
	tables_say(WIRE_ADD, "spammer", "203.0.113.8");
	tables_say(WIRE_ADD, "spammer", "203.0.113.0/24");
	tables_say(WIRE_FLUSH, "spammer", NULL);
	tables_say(WIRE_ADD, "spammer", "203.0.113.9");
	/* Their jobs are gone by now. */
	while (
	    paper.nwaiting > 0 && paper.waiting[paper.nwaiting - 1].job != NULL)
		paper.waiting[--paper.nwaiting].job = NULL;
	paper.nwaiting = paper.changes;
	tables_settle();
	assert_string_equal(tables_contents(0), "203.0.113.9 3600");
	assert_int_equal(tables_counters().entries, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(without_an_end_nothing_counts_from_before),
		CASE(a_restart_forgets_neither_entries_nor_datagrams),
		CASE(a_restart_heeds_a_new_configuration),
		CASE(an_entry_is_loaded_once),
		CASE(what_is_not_needed_is_not_kept),
		CASE(the_filter_is_not_told_of_an_entry_within_another),
		CASE(what_the_filter_refuses_is_not_entered),
		CASE(what_may_have_been_done_is_undone),
		CASE(answers_that_come_late_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
