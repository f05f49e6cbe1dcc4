/* SPDX-License-Identifier: ISC */
/*
 * When what calls have become goes into the journal.
 */
#include <string.h>

#include "src/engine/keep.h"
#include "tests/unit/blocks.h"
#include "tests/unit/engine_play.h"

static struct keep keep;
static struct tally tally;

static int
begin(void **state)
{
	memset(&keep, 0, sizeof(keep));
	return setup(state);
}

static int64_t
turn(bool haste)
{
	return keep_write(&keep, engine, &tally, haste, now);
}

static void
a_call_is_written_once_for_messages_that_follow(void **state)
{
	(void)state;
	message(false, "INVITE", 1, 1, 4000, NULL);
	assert_int_equal(turn(false), now + CHECKPOINT_WITHIN);
	now += CHECKPOINT_WITHIN / 2;
	message(false, "INVITE", 2, 1, 4002, NULL);
	assert_int_equal(turn(false), now + CHECKPOINT_WITHIN / 2);
	assert_int_equal(written, 0);
	now += CHECKPOINT_WITHIN / 2;
	assert_int_equal(turn(false), INT64_MAX);
	assert_int_equal(nrecord, 2);
	assert_int_equal(written, 2);
}

static void
what_opens_is_written_at_once(void **state)
{
	(void)state;
	message(false, "INVITE", 1, 1, 4000, NULL);
	(void)turn(false);
	assert_int_equal(written, 0);
	message(true, "200 INVITE", 1, 1, 10000, NULL);
	assert_int_equal(turn(false), INT64_MAX);
	assert_int_equal(nrecord, 1);
	assert_int_equal(written, 1);
}

static void
nothing_waits_for_the_end(void **state)
{
	(void)state;
	message(false, "INVITE", 1, 1, 4000, NULL);
	assert_int_equal(turn(true), INT64_MAX);
	assert_int_equal(written, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_is_written_once_for_messages_that_follow),
		TEST(what_opens_is_written_at_once),
		TEST(nothing_waits_for_the_end),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
