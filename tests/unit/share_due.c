/* SPDX-License-Identifier: ISC */
/* What a box does when its time has come, to the microsecond. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/share_one.h"

/* It is joined, has said hello, and nobody else is there. */
static void
join(void)
{
	group_joined(one.g, one.now);
	(void)group_run(one.g, one.now);
	one.said[0] = '\0';
}

/*
 * The time goes on; signs of life are left out of what it says, and others do
 * not become silent meanwhile.
 */
static void
pass(int64_t time)
{
	int64_t end = one.now + time;
	char *p, *q;

	while (one.now < end) {
		one.now += end - one.now < SECOND ? end - one.now : SECOND;
		(void)group_run(one.g, one.now);
	}
	while ((p = strstr(one.said, "tell hello")) != NULL) {
		q = strchr(p, ';') + 1;
		memmove(p, q, strlen(q) + 1);
	}
}

static void
a_hello_goes_every_two_seconds(void **state)
{
	(void)state;
	one_runs(SECOND, "");
	group_joined(one.g, one.now);
	one_runs(SECOND, "tell hello 0;");
	one.now += BOXES_HELLO - 1;
	one_runs(1, "");
	one.now += 1;
	one_runs(SECOND, "tell hello 0;");
	one.now += BOXES_HELLO - SECOND;
	one_runs(SECOND, "");
	one.now += 1;
	one_runs(SECOND - 1, "");
	/* A new connection at once has one, and one that is lost none. */
	group_lost(one.g, one.now);
	one_runs(SECOND, "");
	group_joined(one.g, one.now);
	one_runs(SECOND, "tell hello 0;");
	group_leave(one.g, one.now);
	one_says("tell hello 0 leaves;");
	group_lost(one.g, one.now);
	group_leave(one.g, one.now);
	one_says("");
}

static void
a_box_that_leaves_writes_what_waits(void **state)
{
	(void)state;
	join();
	one_call('a', 1, "x", true);
	group_leave(one.g, one.now);
	one_says("write call a1 @0 x;tell hello 1 leaves;");
}

static void
keys_are_renewed_in_turn(void **state)
{
	(void)state;
	join();
	one_call('a', 1, "x", true);
	pass(5 * SECOND);
	one_says("write call a1 @0 x;");
	one_call('b', 2, "y", true);
	pass(GROUP_RENEW - 5 * SECOND - 1);
	one_says("write call b1 @5 y;");
	pass(1);
	one_says("renew a;");
	pass(5 * SECOND - 1);
	one_says("");
	pass(1);
	one_says("renew b;");
	pass(GROUP_RENEW - 5 * SECOND);
	one_says("renew a;");
	one_counts("calls 2 owned 2 writes 2 renewals 3 ");
	/* There is room for one, and then for the other. */
	one.room = 0;
	pass(5 * SECOND);
	one_says("");
	one.room = 1;
	pass(GROUP_RENEW);
	one_says("renew b;");
	one.room = 1;
	pass(1);
	one_says("renew a;");
	/* All are asked for at once when it joins anew. */
	one.room = 9;
	group_lost(one.g, one.now);
	group_joined(one.g, one.now);
	pass(1);
	one_says("renew b;renew a;");
	pass(GROUP_RENEW - 1);
	one_says("");
	pass(1);
	one_says("renew b;renew a;");
}

static void
records_are_dated_anew(void **state)
{
	(void)state;
	join();
	one_call('a', 1, "x", true);
	one_hears_call("fw3", 'b', 1, "y");
	pass(GROUP_REWRITE);
	assert_string_equal(one.said + strlen(one.said) - 8, "renew a;");
	assert_null(strstr(one.said, "@1 "));
	one.said[0] = '\0';
	pass(GROUP_RENEW);
	one_says("write call a1 @320 x;");
	pass(GROUP_RENEW);
	one_says("renew a;");
}

static void
what_is_refused_is_written_later(void **state)
{
	(void)state;
	join();
	one_call('a', 1, "x", true);
	one_runs(SECOND, "write call a1 @0 x;");
	one_written('a', 1, false);
	one_counts("calls 1 owned 1 waiting 1 writes 1 ");
	one_call('b', 2, "y", true);
	one.now += SECOND - 1;
	one_runs(SECOND, "");
	one.now += 1;
	one_runs(SECOND, "write call a1 @0 x;write call b1 @0 y;");
	/* Of another version, or box, or call, it means nothing. */
	one_written('a', 2, false);
	one_written('b', 0, false);
	one_written('c', 1, false);
	one_hears_call("fw3", 'b', 2, "z");
	one_written('b', 2, false);
	one_runs(SECOND, "offer b z;");
	one_counts("calls 2 owned 1 writes 3 received 1 ");
	/* An end is, too. */
	group_gone(one.g, 1, REASON_BYE, one.now);
	one_runs(SECOND, "erase end a2 @1 bye;");
	one_written('a', 2, false);
	one.now += SECOND;
	one_runs(SECOND, "tell hello 0;erase end a2 @2 bye;");
	/* A new connection begins at once. */
	one_written('a', 2, false);
	group_lost(one.g, one.now);
	group_joined(one.g, one.now);
	one_runs(SECOND, "tell hello 0;erase end a2 @2 bye;");
}

static void
as_much_is_written_as_there_is_room(void **state)
{
	(void)state;
	join();
	one.room = 0;
	one_call('a', 1, "x", true);
	one_call('b', 2, "y", true);
	one_call('c', 3, "z", true);
	one_runs(SECOND, "");
	one.room = 2;
	one_runs(SECOND, "write call a1 @0 x;write call b1 @0 y;");
	one.room = 2;
	one_runs(SECOND, "write call c1 @0 z;");
	assert_int_equal(one.room, 1);
}

static void
what_is_not_confirmed_is_written_again(void **state)
{
	(void)state;
	join();
	one.silent = true;
	one_call('a', 1, "x", true);
	one_call('b', 2, "y", true);
	one_call('c', 3, "z", true);
	one_call('d', 4, "v", true);
	pass(1);
	one_says("write call a1 @0 x;write call b1 @0 y;"
		 "write call c1 @0 z;write call d1 @0 v;");
	one_written('a', 1, true);
	one_written('c', 1, true);
	one_hears_call("fw3", 'd', 2, "w");
	group_gone(one.g, 3, REASON_BYE, one.now);
	pass(1);
	one_says("offer d w;erase end c2 @0 bye;");
	group_lost(one.g, one.now);
	group_lost(one.g, one.now);
	one_runs(SECOND, "");
	one_counts("calls 3 owned 2 waiting 2 writes 4 erases 1 received 1 ");
	group_joined(one.g, one.now);
	one_runs(SECOND,
	    "tell hello 2;renew a;write call b1 @0 y;"
	    "erase end c2 @0 bye;");
}

static void
a_key_that_ran_out_is_written_again(void **state)
{
	(void)state;
	join();
	one_call('a', 1, "x", true);
	one_call('b', 2, "y", true);
	one_hears_call("fw3", 'c', 1, "z");
	pass(1);
	group_gone(one.g, 2, REASON_BYE, one.now);
	pass(1);
	one.said[0] = '\0';
	one_renewed('a', true);
	one_renewed('b', false);
	one_renewed('c', false);
	one_renewed('d', false);
	pass(1);
	one_says("");
	one_renewed('a', false);
	one_counts("calls 2 owned 1 waiting 1 writes 2 erases 1 received 1 ");
	pass(1);
	one_says("write call a1 @0 x;");
}

static void
the_end_of_a_call_is_remembered(void **state)
{
	(void)state;
	one_hears_end("fw3", 'a', 5, REASON_BYE);
	one.now += 1;
	one_hears_end("fw3", 'b', 5, REASON_BYE);
	one.now += GROUP_MEMORY - 2;
	one_runs(SECOND, "");
	one_hears_call("fw3", 'a', 5, "x");
	one_says("");
	one.now += 1;
	one_runs(SECOND, "");
	one_hears_call("fw3", 'b', 5, "x");
	one_says("");
	one_hears_call("fw3", 'a', 5, "x");
	one_says("offer a x;");
}

static void
without_a_server_it_judges_by_itself(void **state)
{
	(void)state;
	join();
	one_call('a', 1, "x", true);
	one_hears_call("fw3", 'b', 1, "y");
	one_took('b', 2, PH_OK);
	one_hears_call("fw3", 'c', 1, "z");
	one_took('c', 3, PH_OK);
	one_hears_end("fw3", 'c', 2, REASON_IDLE);
	one_says("offer b y;role 2 theirs;offer c z;role 3 theirs;"
		 "role 3 released;");
	pass(1);
	one.said[0] = '\0';
	one.now += 7 * SECOND;
	group_lost(one.g, one.now);
	one.now += BOXES_LEASE - 1;
	one_runs(SECOND, "");
	one.now += 1;
	one_runs(SECOND, "role 2 ours;");
	one_runs(SECOND, "");
	/* What the engine takes and tells now is judged likewise. */
	one_took('b', 2, PH_OK);
	one_call('b', 2, "y", false);
	one_says("role 2 ours;role 2 ours;");
	group_joined(one.g, one.now);
	one_says("role 2 theirs;");
	one_took('b', 2, PH_OK);
	one_call('b', 2, "y", false);
	one_says("role 2 theirs;role 2 theirs;");
	/* The calls of others are nobody's heritage meanwhile. */
	one_runs(SECOND, "tell hello 1;renew a;");
	one.now += BOXES_LEASE - 1;
	one_runs(SECOND, "tell hello 1;");
	/* An engine that has not taken it up judges as before. */
	one_anew(LIMIT);
	join();
	one_call('a', 1, "x", true);
	one_hears_call("fw3", 'a', 2, "y");
	one_says("offer a y;");
	group_lost(one.g, one.now);
	one.now += BOXES_LEASE;
	one_runs(SECOND, "");
	/* It joins for the first time after a while. */
	one_anew(LIMIT);
	one_hears_call("fw3", 'b', 1, "y");
	one_took('b', 2, PH_OK);
	one_says("offer b y;role 2 theirs;");
	one.now += BOXES_LEASE - 1;
	one_runs(SECOND, "");
	one.now += 1;
	one_runs(SECOND, "role 2 ours;");
}

/* Of the box "fw3", which has been heard last as its row says. */
/* clang-format off */
static const struct {
	const char	*others[3];
	bool		 leaves;
	int64_t		 after;	/* its call is ours */
} heirs[] = {
	{ { NULL }, false, 10 * SECOND },
	{ { NULL }, true, 0 },
	{ { "fw4" }, false, 10 * SECOND },
	{ { "fw1" }, false, 15 * SECOND },
	{ { "fw1" }, true, 5 * SECOND },
	{ { "fw1", "fw0" }, false, 20 * SECOND },
	{ { "fw1", "fw4", "fw0" }, true, 10 * SECOND },
};
/* clang-format on */

static void
the_first_living_box_inherits(void **state)
{
	int64_t begun;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(heirs); i++) {
		print_message("%zu\n", i);
		one_anew(LIMIT);
		join();
		one_hears_call("fw3", 'a', 4, "x");
		one_took('a', 1, PH_OK);
		one_hears_call("fw3", 'b', 4, "y");
		one_hears_hello("fw3", 2, heirs[i].leaves);
		one_says("offer a x;role 1 theirs;offer b y;");
		begun = one.now;
		while (one.now - begun < heirs[i].after) {
			for (k = 0; k < 3 && heirs[i].others[k] != NULL; k++) {
				one_hears_hello(heirs[i].others[k], 0, false);
				one.now++;
			}
			one.now += SECOND - (int64_t)k;
			if (one.now - begun == heirs[i].after)
				break;
			pass(0);
			(void)group_run(one.g, one.now);
			assert_null(strstr(one.said, "role"));
		}
		one.now--;
		(void)group_run(one.g, one.now);
		if (heirs[i].after > 0)
			assert_null(strstr(one.said, "role"));
		one.said[0] = '\0';
		one.now++;
		(void)group_run(one.g, one.now);
		assert_non_null(strstr(one.said, "role 1 ours;"));
		assert_non_null(strstr(one.said, "write call a5"));
		assert_null(strstr(one.said, "b5"));
		one.said[0] = '\0';
		one_counts("calls 1 owned 1 writes 1 received 2 adopted 1 "
			   "takeovers 1 ");
		assert_int_equal(group_boxes(one.g)->v[0].calls, 0);
	}
}

static void
many_calls_are_inherited_in_turns(void **state)
{
	struct group_stats s;
	char key[] = "a";
	int i;

	(void)state;
	one_anew(1200);
	join();
	for (i = 0; i < 1100; i++) {
		struct record r = { .type = RECORD_CALL,
			.key = { (uint8_t)(i >> 8), (uint8_t)i },
			.box = "fw3",
			.boot = 9,
			.version = 1,
			.written = one.now,
			.body = span_of(key) };
		uint8_t buf[512];
		size_t len;

		assert_true(
		    record_write(&one.setup.group, &r, buf, sizeof(buf), &len));
		group_record(one.g, buf, len, one.now);
		group_took(one.g, r.key, (uint64_t)i + 1, PH_OK, one.now);
		one.said[0] = '\0';
	}
	one.room = 0;
	one.now += BOXES_LEASE;
	for (i = 1; i <= 3; i++) {
		(void)group_run(one.g, one.now);
		group_stats(one.g, &s);
		assert_int_equal(s.takeovers, i < 3 ? 500 * i : 1100);
		assert_int_equal(s.owned, s.takeovers);
		assert_int_equal(s.waiting, s.takeovers);
		assert_int_equal(s.calls, 1100);
		one.said[0] = '\0';
	}
	one_is_sound();
}

static void
what_nobody_named_is_lost_or_ours(void **state)
{
	int others;

	(void)state;
	for (others = 0; others < 2; others++) {
		one.now = one.begun;
		one_anew(LIMIT);
		/* From a journal; two are heard of. */
		one_call('a', 1, "a", false);
		one_call('b', 2, "b", false);
		one_call('c', 3, "c", false);
		one_hears_call("fw1", 'b', 5, "b2");
		one_hears_end("fw1", 'c', 5, REASON_BYE);
		one_took('b', 2, PH_OK);
		one_says("offer b b2;end 3 bye;role 2 theirs;");
		one_hears_hello("fw1", 1, true);
		/* Its heir. */
		(void)group_run(one.g, one.now);
		one_says("");
		group_joined(one.g, one.now);
		(void)group_run(one.g, one.now);
		one_says("tell hello 0;role 2 ours;write call b6 @0 b2;");
		pass(GROUP_GRACE - 1);
		one_says("renew b;");
		if (others)
			one_hears_hello("fw1", 1, false);
		pass(1);
		one_says(others ? "role 1 lost;" : "write call a1 @30 a;");
		pass(GROUP_GRACE);
		assert_null(strstr(one.said, "role"));
		one.said[0] = '\0';
	}
}

static void
what_is_not_read_again_is_lost(void **state)
{
	(void)state;
	join();
	one_call('a', 1, "ours", true);
	one_hears_call("fw3", 'b', 1, "b");
	one_took('b', 2, PH_OK);
	one_hears_call("fw3", 'c', 1, "c");
	one_took('c', 3, PH_OK);
	one_hears_call("fw3", 'd', 1, "d");
	one_took('d', 4, PH_OK);
	pass(1);
	one.said[0] = '\0';
	group_lost(one.g, one.now);
	one.now += 5 * SECOND;
	/* One is the same, one later, one is not there. */
	one_hears("fw3", RECORD_CALL, 'b', 1, 5 * SECOND + 1, TEXT("b"));
	one_hears_call("fw3", 'c', 2, "c2");
	one_took('c', 3, PH_OK);
	group_joined(one.g, one.now);
	one_says("offer c c2;role 3 theirs;");
	while (one.now < one.begun + 5 * SECOND + GROUP_GRACE) {
		one_hears_hello("fw3", 3, false);
		one.now += SECOND - 1;
		(void)group_run(one.g, one.now);
		assert_null(strstr(one.said, "role"));
		one.said[0] = '\0';
		one.now++;
	}
	pass(SECOND);
	one_says("role 4 lost;");
	pass(SECOND);
	one_says("");
}

static void
a_namesake_is_one_that_lives(void **state)
{
	static const struct span hello = { "\0\0\0\0\0", 5 };

	(void)state;
	one.now = one.begun + BOXES_LEASE;
	one_hears("fw2", RECORD_HELLO, '\0', 0, 0, hello);
	one_counts("");
	one.now++;
	one_hears("fw2", RECORD_HELLO, '\0', 0, BOXES_LEASE, hello);
	one_counts("");
	one_hears("fw2", RECORD_HELLO, '\0', 0, BOXES_LEASE - 1, hello);
	one_counts("twins 1 ");
	group_joined(one.g, one.now);
	one_hears("fw2", RECORD_HELLO, '\0', 0, 0, hello);
	one_counts("twins 1 ");
	one.now += BOXES_LEASE + 1;
	one_hears("fw2", RECORD_HELLO, '\0', 0, 0, hello);
	one_counts("twins 2 ");
	assert_int_equal(group_boxes(one.g)->n, 0);
}

static void
a_dead_box_without_calls_makes_room(void **state)
{
	const struct boxes *b = group_boxes(one.g);
	char name[8];
	size_t i;

	(void)state;
	one_hears_call("b0", 'a', 1, "x");
	for (i = 1; i < BOXES_MAX; i++) {
		one.now++;
		snprintf(name, sizeof(name), "b%zu", i);
		one_hears_hello(name, 1, i == 5);
	}
	assert_int_equal(boxes_alive(b, one.now), BOXES_MAX - 1);
	one_hears_hello("c1", 7, false);
	assert_string_equal(b->v[5].name, "c1");
	assert_int_equal(b->v[5].owns, 7);
	assert_int_equal(b->v[5].heard, one.now);
	assert_false(b->v[5].gone);
	one_counts("calls 1 received 1 ");
	one_hears_hello("c2", 7, false);
	one_counts("calls 1 received 1 limit 1 ");
	/* The second is silent for long enough, the first has a call. */
	one.now = b->v[1].heard + BOXES_LEASE - 1;
	one_hears_hello("c2", 7, false);
	one_counts("calls 1 received 1 limit 2 ");
	one.now++;
	one_hears_hello("c2", 7, false);
	assert_string_equal(b->v[1].name, "c2");
	one_hears_hello("c3", 7, false);
	one_counts("calls 1 received 1 limit 3 ");
	assert_int_equal(b->n, BOXES_MAX);
	/* All are excused but those that have left. */
	one_hears_hello("b9", 0, true);
	one.now += 20 * SECOND;
	assert_int_equal(boxes_alive(b, one.now), 0);
	group_joined(one.g, one.now);
	assert_int_equal(boxes_alive(b, one.now), BOXES_MAX - 1);
	assert_int_equal(boxes_rank(b, "b10", one.now), 1);
	one.said[0] = '\0';
}

static void
media_of_other_boxes_calls_are_told(void **state)
{
	(void)state;
	one_hears_call("fw3", 'a', 4, "x");
	one_took('a', 1, PH_OK);
	one_says("offer a x;role 1 theirs;");
	group_seen(one.g, 1, 3, 4, one.now);
	one_says("");
	join();
	group_seen(one.g, 1, 3, UINT32_MAX, one.now);
	one_says("tell media a4 @0 3 4294967295;");
	group_seen(one.g, 2, 3, 4, one.now);
	one_hears_end("fw3", 'a', 5, REASON_IDLE);
	one_says("role 1 released;");
	group_seen(one.g, 1, 3, 4, one.now);
	one_says("");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_hello_goes_every_two_seconds),
		ONE(a_box_that_leaves_writes_what_waits),
		ONE(keys_are_renewed_in_turn),
		ONE(records_are_dated_anew),
		ONE(what_is_refused_is_written_later),
		ONE(as_much_is_written_as_there_is_room),
		ONE(what_is_not_confirmed_is_written_again),
		ONE(a_key_that_ran_out_is_written_again),
		ONE(the_end_of_a_call_is_remembered),
		ONE(without_a_server_it_judges_by_itself),
		ONE(the_first_living_box_inherits),
		ONE(many_calls_are_inherited_in_turns),
		ONE(what_nobody_named_is_lost_or_ours),
		ONE(what_is_not_read_again_is_lost),
		ONE(a_namesake_is_one_that_lives),
		ONE(a_dead_box_without_calls_makes_room),
		ONE(media_of_other_boxes_calls_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
