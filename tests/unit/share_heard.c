/* SPDX-License-Identifier: ISC */
/* What a box makes of each record, and of each word of its engine. */
#include <stdio.h>
#include <string.h>

#include "src/base/reason.h"
#include "tests/unit/share_one.h"

#define YOUNG (60 * SECOND)

/* Every box may believe these. */
static bool
ends_for_all(enum reason why)
{
	static const enum reason here[] = { REASON_SETUP_TIMEOUT, REASON_IDLE,
		REASON_SESSION_TIMER, REASON_MAX_DURATION, REASON_SHUTDOWN,
		REASON_POLICY, REASON_LIMIT };
	size_t i;

	for (i = 0; i < ROWS(here); i++)
		if (why == here[i])
			return false;
	return true;
}

/*
 * The call is known from the box `owner` in version 5, written 10 s ago.  What
 * comes then is of a box and a version, and so many microseconds old.
 */
/* clang-format off */
static const struct {
	const char	*owner, *box;
	uint64_t	 version;
	int64_t		 ago;
	const char	*says, *counts;
} calls[] = {
	{ "fw3", "fw3", 6, 0,		 "offer a new;", "" },
	{ "fw3", "fw1", 6, 20 * SECOND,	 "offer a new;", "" },
	{ "fw3", "fw3", 4, 0,		 "", "" },
	{ "fw3", "fw3", 4, YOUNG,	 "", "" },
	{ "fw3", "fw3", 4, YOUNG + 1,	 "", "stale 1 " },
	{ "fw3", "fw3", 5, YOUNG + 1,	 "", "" },
	/* Of equal versions, the later one, and then the greater name. */
	{ "fw3", "fw1", 5, 10 * SECOND - 1, "offer a new;", "" },
	{ "fw3", "fw1", 5, 10 * SECOND + 1, "", "" },
	{ "fw3", "fw4", 5, 10 * SECOND + 1, "", "" },
	{ "fw3", "fw4", 5, 10 * SECOND,	 "offer a new;", "" },
	{ "fw3", "fw3", 5, 10 * SECOND,	 "", "" },
	{ "fw3", "fw1", 5, 10 * SECOND,	 "", "" },
	/* A record of a namesake: only if the engine has no such call. */
	{ "fw3", "fw2", 6, 0,		 "offer a new if new;", "owned 1 " },
};
/* clang-format on */

static void
of_two_records_the_later_counts(void **state)
{
	char want[128];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(calls); i++) {
		print_message("%zu\n", i);
		one_anew(LIMIT);
		one_hears(calls[i].owner, RECORD_CALL, 'a', 5, 10 * SECOND,
		    TEXT("old"));
		one_says("offer a old;");
		one_hears(calls[i].box, RECORD_CALL, 'a', calls[i].version,
		    calls[i].ago, TEXT("new"));
		one_says(calls[i].says);
		snprintf(want, sizeof(want), "calls 1 %sreceived %d %s",
		    strstr(calls[i].counts, "owned") ? "owned 1 " : "",
		    calls[i].says[0] != '\0' ? 2 : 1,
		    strstr(calls[i].counts, "owned") ? "" : calls[i].counts);
		one_counts(want);
	}
}

static void
of_equal_versions_of_our_own_too(void **state)
{
	(void)state;
	group_joined(one.g, one.now);
	one_call('a', 1, "ours", true);
	one_says("");
	/* The same moment: the greater name. */
	one_hears_call("fw1", 'a', 1, "theirs");
	one_says("");
	one_hears_call("fw2", 'a', 1, "theirs");
	one_says("");
	one_counts("calls 1 owned 1 waiting 1 ");
	one_runs(SECOND, "tell hello 1;write call a1 @0 ours;");
	one_hears_call("fw3", 'a', 1, "theirs");
	one_says("offer a theirs;");
	one_took('a', 1, PH_OK);
	one_says("role 1 theirs;");
	one_counts("calls 1 writes 1 received 1 adopted 1 ");
}

static void
what_changed_untold_is_later_than_all(void **state)
{
	(void)state;
	one_call('a', 1, "ours", true);
	one_call('b', 2, "ours", true);
	one_hears_call("fw3", 'a', 7, "theirs");
	one_hears_call("fw3", 'b', 1, "theirs");
	one_hears_call("fw3", 'b', 0, "theirs");
	one_says("");
	group_joined(one.g, one.now);
	one_runs(SECOND,
	    "tell hello 2;write call a8 @0 ours;write call b2 @0 ours;");
	/* Now all is told. */
	one_hears_call("fw3", 'a', 9, "theirs");
	one_says("offer a theirs;");
}

static void
a_change_that_waits_is_given_up_for_a_later_one(void **state)
{
	(void)state;
	group_joined(one.g, one.now);
	one_call('a', 1, "ours", true);
	one_counts("calls 1 owned 1 waiting 1 ");
	one_hears_call("fw3", 'a', 2, "theirs");
	one_counts("calls 1 received 1 ");
	one_says("offer a theirs;");
	one_runs(SECOND, "tell hello 0;");
	one_call('b', 2, "ours", true);
	one_hears_end("fw3", 'b', 2, REASON_BYE);
	one_says("end 2 bye;");
	one_runs(SECOND, "");
	one_counts("calls 1 received 2 ended 1 ");
}

/* The call is known in version 5; its id in the engine is 1. */
/* clang-format off */
static const struct {
	uint64_t	 version;
	int64_t		 ago;
	const char	*says, *counts;
} ends[] = {
	{ 6, 0,	        "end 1 bye;", "received 2 adopted 1 ended 1 " },
	{ 6, YOUNG + 1, "end 1 bye;", "received 2 adopted 1 ended 1 " },
	{ 5, 0,		"", "calls 1 received 1 adopted 1 " },
	{ 5, YOUNG + 1, "", "calls 1 received 1 adopted 1 " },
	{ 4, YOUNG,	"", "calls 1 received 1 adopted 1 " },
	{ 4, YOUNG + 1, "", "calls 1 received 1 adopted 1 stale 1 " },
};
/* clang-format on */

static void
a_later_end_counts(void **state)
{
	const char bye = REASON_BYE;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(ends); i++) {
		print_message("%zu\n", i);
		one_anew(LIMIT);
		one_hears_call("fw3", 'a', 5, "x");
		one_took('a', 1, PH_OK);
		one_says("offer a x;role 1 theirs;");
		one_hears("fw1", RECORD_END, 'a', ends[i].version, ends[i].ago,
		    (struct span) { &bye, 1 });
		one_says(ends[i].says);
		one_counts(ends[i].counts);
	}
}

static void
each_reason_ends_or_releases(void **state)
{
	char want[64], counts[64];
	enum reason why;

	(void)state;
	for (why = REASON_NONE; why < REASON_COUNT; why++) {
		one_anew(LIMIT);
		one_hears_call("fw3", 'a', 1, "x");
		one_took('a', 7, PH_OK);
		one_says("offer a x;role 7 theirs;");
		one_hears_end("fw3", 'a', 2, why);
		if (ends_for_all(why))
			snprintf(want, sizeof(want), "end 7 %s;",
			    reason_name(why));
		else
			snprintf(want, sizeof(want), "role 7 released;");
		snprintf(counts, sizeof(counts), "received 2 adopted 1 %s",
		    ends_for_all(why) ? "ended 1 " : "");
		one_says(want);
		one_counts(counts);
		/* The engine tells it again: the same holds. */
		one_call('a', 8, "x", false);
		want[ends_for_all(why) ? 4 : 5] = '8';
		one_says(want);
	}
}

static void
each_reason_of_the_engine_is_told_or_kept(void **state)
{
	char want[256];
	enum reason why;

	(void)state;
	for (why = REASON_NONE; why < REASON_COUNT; why++) {
		one_anew(LIMIT);
		group_joined(one.g, one.now);
		one_call('a', 1, "ours", true);
		one_call('b', 2, "unsure", false);
		one_hears_call("fw3", 'c', 4, "theirs");
		one_took('c', 3, PH_OK);
		one_runs(SECOND,
		    "offer c theirs;role 3 theirs;"
		    "tell hello 1;write call a1 @0 ours;");
		group_gone(one.g, 3, why, one.now);
		group_gone(one.g, 2, why, one.now);
		group_gone(one.g, 1, why, one.now);
		group_gone(one.g, 1, why, one.now);
		group_gone(one.g, 9, why, one.now);
		one_counts(ends_for_all(why)
			? "waiting 3 writes 1 received 1 adopted 1 "
			: "calls 1 waiting 1 writes 1 received 1 adopted 1 ");
		snprintf(want, sizeof(want),
		    ends_for_all(why) ? "erase end c5 @0 %s;erase end b1 @0 %s;"
					"erase end a2 @0 %s;"
				      : "erase end a2 @0 %s;",
		    reason_name(why), reason_name(why), reason_name(why));
		one_runs(SECOND, want);
	}
}

static void
an_end_of_a_call_that_is_unknown_is_kept(void **state)
{
	(void)state;
	one_hears_end("fw3", 'a', 3, REASON_BYE);
	one_says("");
	one_counts("received 1 ");
	one_hears_call("fw3", 'a', 3, "x");
	one_hears_end("fw3", 'a', 2, REASON_BYE);
	one_says("");
	one_counts("received 1 ");
	/* A box that still has it is told. */
	one_hears_call("fw3", 'a', 2, "x");
	one_counts("waiting 1 received 1 ");
	group_joined(one.g, one.now += SECOND);
	one_runs(SECOND, "tell hello 0;erase end a3 @1 bye;");
	one_hears_call("fw3", 'a', 4, "x");
	one_says("offer a x;");
	one_counts("calls 1 erases 1 received 2 ");
}

/* clang-format off */
static const struct {
	enum record_type type;
	const char	*body;
	size_t		 len;
} malformed[] = {
	{ RECORD_END,	"", 0 },
	{ RECORD_END,	"\7\7", 2 },
	{ RECORD_END,	(const char[]) { REASON_COUNT }, 1 },
	{ RECORD_END,	"\377", 1 },
	{ RECORD_SEEN,	"", 0 },
	{ RECORD_SEEN,	"1234567", 7 },
	{ RECORD_SEEN,	"123456789", 9 },
	{ RECORD_HELLO,	"", 0 },
	{ RECORD_HELLO,	"\0\0\0\0", 4 },
	{ RECORD_HELLO,	"\0\0\0\0\2", 5 },
	{ RECORD_HELLO,	"\0\0\0\0\0\0", 6 },
};
/* clang-format on */

static void
malformed_bodies_change_nothing(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(malformed); i++) {
		print_message("%zu\n", i);
		one_anew(LIMIT);
		one_hears_call("fw3", 'a', 1, "x");
		one_took('a', 1, PH_OK);
		one_says("offer a x;role 1 theirs;");
		one_hears("fw3", malformed[i].type, 'a', 2, 0,
		    (struct span) { malformed[i].body, malformed[i].len });
		one_says("");
		one_counts("calls 1 received 1 adopted 1 malformed 1 ");
		assert_int_equal(group_boxes(one.g)->v[0].owns, 0);
	}
}

static void
media_count_once_while_young(void **state)
{
	static const struct span body = { "\0\0\0\3\0\0\1\4", 8 };

	(void)state;
	/* Of a call that is unknown, or that the engine has not got. */
	one_hears("fw3", RECORD_SEEN, 'a', 1, 0, body);
	one_hears_call("fw3", 'a', 1, "x");
	one_hears("fw3", RECORD_SEEN, 'a', 1, 0, body);
	one_says("offer a x;");
	one_took('a', 7, PH_OK);
	one_says("role 7 theirs;");
	one_counts("calls 1 received 1 adopted 1 ");
	one_hears("fw1", RECORD_SEEN, 'a', 1, YOUNG + 1, body);
	one_says("");
	one_counts("calls 1 received 1 adopted 1 stale 1 ");
	one_hears("fw1", RECORD_SEEN, 'a', 1, YOUNG, body);
	one_says("seen 7 3 260;");
	one_hears("fw3", RECORD_SEEN, 'a', 1, YOUNG, body);
	one_says("");
	one_hears("fw3", RECORD_SEEN, 'a', 0, YOUNG - 1, body);
	one_says("seen 7 3 260;");
	one_counts("calls 1 received 3 adopted 1 stale 2 ");
	one_hears_end("fw3", 'a', 2, REASON_IDLE);
	one_hears("fw3", RECORD_SEEN, 'a', 1, 0, body);
	one_says("role 7 released;");
	one_counts("received 4 adopted 1 stale 2 ");
}

static void
signs_of_life_are_in_order(void **state)
{
	const struct boxes *b = group_boxes(one.g);

	(void)state;
	one_hears("fw3", RECORD_HELLO, '\0', 0, 5, TEXT("\0\0\1\2\0"));
	assert_int_equal(b->n, 1);
	assert_string_equal(b->v[0].name, "fw3");
	assert_int_equal(b->v[0].owns, 258);
	assert_int_equal(b->v[0].heard, one.now);
	assert_int_equal(b->v[0].written, one.now - 5);
	assert_false(b->v[0].gone);
	one_counts("");
	one_hears("fw3", RECORD_HELLO, '\0', 0, 5, TEXT("\0\0\0\3\1"));
	one_hears("fw3", RECORD_HELLO, '\0', 0, 6, TEXT("\0\0\0\3\1"));
	assert_int_equal(b->v[0].owns, 258);
	assert_false(b->v[0].gone);
	one_counts("stale 2 ");
	one.now += SECOND;
	one_hears("fw3", RECORD_HELLO, '\0', 0, SECOND + 4, TEXT("\0\0\0\3\1"));
	assert_int_equal(b->v[0].owns, 3);
	assert_int_equal(b->v[0].heard, one.now);
	assert_true(b->v[0].gone);
	one_counts("stale 2 ");
	assert_int_equal(b->n, 1);
}

static void
clocks_agree_to_some_minutes(void **state)
{
	static const struct {
		int64_t ago;
		bool fine;
	} rows[] = { { GROUP_OLD, true }, { GROUP_OLD + 1, false },
		{ -GROUP_OLD, true }, { -GROUP_OLD - 1, false } };
	struct group_stats s;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		one_anew(LIMIT);
		one_hears("fw3", RECORD_CALL, 'a', 1, rows[i].ago, TEXT("x"));
		one_says(rows[i].fine ? "offer a x;" : "");
		one_counts(rows[i].fine ? "calls 1 received 1 " : "old 1 ");
		group_stats(one.g, &s);
		assert_string_equal(s.old_box, rows[i].fine ? "" : "fw3");
		assert_int_equal(s.old_by, rows[i].fine ? 0 : rows[i].ago);
		assert_int_equal(group_boxes(one.g)->n, rows[i].fine);
	}
}

static void
our_own_records_tell_how_long_they_took(void **state)
{
	struct group_stats s;

	(void)state;
	one.boot = 2;
	one_hears("fw2", RECORD_HELLO, '\0', 0, 7, TEXT("\0\0\0\0\0"));
	group_stats(one.g, &s);
	assert_int_equal(s.echoed, one.now);
	assert_int_equal(s.lag, 7);
	one.now += 3;
	one_hears("fw2", RECORD_HELLO, '\0', 0, -1, TEXT("\0\0\0\0\0"));
	group_stats(one.g, &s);
	assert_int_equal(s.echoed, one.now);
	assert_int_equal(s.lag, 0);
	/* Calls are no news, nor media. */
	one.now += 3;
	one_hears("fw2", RECORD_CALL, 'a', 1, 9, TEXT("x"));
	one_hears("fw2", RECORD_SEEN, 'a', 1, 9, TEXT("12345678"));
	one_hears("fw2", RECORD_END, 'a', 2, 9, TEXT("\7"));
	group_stats(one.g, &s);
	assert_int_equal(s.echoed, one.now - 3);
	assert_int_equal(s.lag, 0);
	one_says("");
	one_counts("");
	assert_int_equal(group_boxes(one.g)->n, 0);
}

/* clang-format off */
static const struct {
	enum ph_err	 err;
	const char	*ours, *theirs;
	bool		 over;
} answers[] = {
	{ PH_OK,	  "adopted 1 ", "adopted 1 ", false },
	{ PH_EGONE,	  "", "", true },
	{ PH_EUNSUPPORTED, "policy 1 ", "policy 1 ", false },
	{ PH_ELIMIT,	  "limit 1 ", "limit 1 ", false },
	{ PH_ENOMEM,	  "limit 1 ", "limit 1 ", false },
	{ PH_EMALFORMED,  "malformed 1 ", "malformed 1 ", false },
	{ PH_ETRUNC,	  "malformed 1 ", "malformed 1 ", false },
	{ PH_EBAD,	  "malformed 1 ", "malformed 1 ", false },
};
/* clang-format on */

static void
each_answer_of_the_engine_counts(void **state)
{
	char want[128];
	bool ok, over;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(answers); i++) {
		print_message("%zu\n", i);
		ok = answers[i].err == PH_OK;
		over = answers[i].over;
		one_anew(LIMIT);
		one_hears_call("fw3", 'a', 1, "x");
		one_hears_call("fw2", 'b', 1, "y");
		one_says("offer a x;offer b y if new;");
		one_took('a', 1, answers[i].err);
		one_says(ok ? "role 1 theirs;" : "");
		snprintf(want, sizeof(want), "calls 2 owned 1 received 2 %s",
		    answers[i].theirs);
		one_counts(want);
		one_took('b', 2, answers[i].err);
		one_says(ok ? "role 2 ours;" : "");
		one_took('c', 3, answers[i].err);
		one_says("");
		group_joined(one.g, one.now);
		one_runs(SECOND,
		    over ? "tell hello 0;erase end b2 @0 idle;"
			 : "tell hello 1;renew b;");
		one_took('b', 2, answers[i].err);
		one_says(ok ? "role 2 ours;" : "");
	}
}

static void
what_the_engine_lacks_is_offered_or_over(void **state)
{
	(void)state;
	one_call('a', 1, "ours", true);
	one_call('b', 2, "ours", true);
	one_hears_call("fw3", 'c', 1, "theirs");
	one_hears_call("fw3", 'd', 1, "theirs");
	one_took('c', 3, PH_OK);
	one_hears_end("fw3", 'e', 1, REASON_BYE);
	one_says("offer c theirs;offer d theirs;role 3 theirs;");
	group_begin(one.g);
	one_call('b', 12, "newer", false);
	one_says("role 12 ours;");
	group_end(one.g, one.now);
	/* By key; those that are gone are not offered, but the others' are. */
	one_says("offer c theirs;offer d theirs;");
	one_counts("calls 3 owned 1 waiting 2 received 3 adopted 1 ");
	group_joined(one.g, one.now);
	one_runs(SECOND,
	    "tell hello 1;erase end a2 @0 idle;write call b1 @0 ours;");
	group_retell(one.g);
	one_says("offer b ours if new;offer c theirs;offer d theirs;");
}

static void
an_id_is_of_one_call(void **state)
{
	(void)state;
	one_call('a', 1, "x", true);
	one_call('b', 1, "y", true);
	group_gone(one.g, 1, REASON_BYE, one.now);
	one_counts("calls 1 owned 1 waiting 2 ");
	group_joined(one.g, one.now);
	one_runs(SECOND,
	    "tell hello 1;write call a1 @0 x;erase end b2 @0 bye;");
	one_call('a', 1, "x", false);
	one_call('a', 2, "x", false);
	one_says("role 1 ours;role 2 ours;");
	group_gone(one.g, 1, REASON_BYE, one.now);
	one_counts("calls 1 owned 1 writes 1 erases 1 ");
	group_gone(one.g, 2, REASON_BYE, one.now);
	one_runs(SECOND, "erase end a2 @0 bye;");
}

static void
a_call_has_a_longest_record(void **state)
{
	static char body[RECORD_BODY_MAX + 2];

	(void)state;
	memset(body, 'x', RECORD_BODY_MAX + 1);
	one_call('a', 1, body, true);
	one_counts("");
	body[RECORD_BODY_MAX] = '\0';
	one_call('a', 1, body, true);
	one_counts("calls 1 owned 1 waiting 1 ");
}

static void
without_memory_nothing_is_believed(void **state)
{
	(void)state;
	one_hears_call("fw3", 'a', 1, "x");
	one_call('b', 2, "y", true);
	one_says("offer a x;");
	one.poor = true;
	one_hears_call("fw3", 'a', 2, "x2");
	one_hears_call("fw3", 'c', 2, "z");
	one_hears_end("fw3", 'd', 2, REASON_BYE);
	one_call('b', 2, "y2", true);
	one_call('e', 5, "e", true);
	one.poor = false;
	one_says("");
	one_counts("calls 2 owned 1 waiting 1 received 1 limit 4 ");
	group_retell(one.g);
	one_says("offer b y if new;offer a x;");
	group_joined(one.g, one.now);
	one_runs(SECOND, "tell hello 1;write call b1 @0 y;");
}

static void
a_table_has_room_for_twice_the_limit(void **state)
{
	char name;

	(void)state;
	/* Ends give way in their order, calls never. */
	for (name = 'a'; name < 'a' + LIMIT; name++) {
		one_hears_end("fw3", name, 2, REASON_BYE);
		one_hears_call("fw3", (char)(name + LIMIT), 2, "x");
	}
	one_counts("calls 4 received 8 ");
	one_says("offer e x;offer f x;offer g x;offer h x;");
	one_hears_call("fw3", 'i', 1, "x");
	one_call('j', 1, "x", true);
	one_hears_end("fw3", 'k', 1, REASON_BYE);
	one_says("offer i x;");
	one_counts("calls 6 owned 1 waiting 1 received 10 ");
	/* The first two ends are forgotten, then c; d and k are known. */
	one_hears_end("fw3", 'd', 2, REASON_BYE);
	one_hears_end("fw3", 'k', 1, REASON_BYE);
	one_counts("calls 6 owned 1 waiting 1 received 10 ");
	one_call('l', 2, "x", true);
	one_call('m', 3, "x", true);
	one_call('n', 4, "x", true);
	one_hears_call("fw3", 'o', 1, "x");
	one_hears_end("fw3", 'p', 1, REASON_BYE);
	one_says("");
	one_counts("calls 8 owned 3 waiting 3 received 10 limit 3 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(of_two_records_the_later_counts),
		ONE(of_equal_versions_of_our_own_too),
		ONE(what_changed_untold_is_later_than_all),
		ONE(a_change_that_waits_is_given_up_for_a_later_one),
		ONE(a_later_end_counts),
		ONE(each_reason_ends_or_releases),
		ONE(each_reason_of_the_engine_is_told_or_kept),
		ONE(an_end_of_a_call_that_is_unknown_is_kept),
		ONE(malformed_bodies_change_nothing),
		ONE(media_count_once_while_young),
		ONE(signs_of_life_are_in_order),
		ONE(clocks_agree_to_some_minutes),
		ONE(our_own_records_tell_how_long_they_took),
		ONE(each_answer_of_the_engine_counts),
		ONE(what_the_engine_lacks_is_offered_or_over),
		ONE(an_id_is_of_one_call),
		ONE(a_call_has_a_longest_record),
		ONE(without_memory_nothing_is_believed),
		ONE(a_table_has_room_for_twice_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
