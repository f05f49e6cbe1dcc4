/* SPDX-License-Identifier: ISC */
#include "src/base/silence.h"
#include "src/base/timers.h"
#include "tests/unit/unit.h"

static void
it_begins_with_the_last_sign_of_life(void **state)
{
	static const struct {
		int64_t since, inside, outside, grace, began;
	} rows[] = {
		{ 10, 0, 0, 30, 10 },
		{ 10, 5, 0, 30, 10 },
		{ 10, 25, 0, 30, 25 },
		{ 10, 0, 25, 30, 25 },
		/* The outside alone counts for the grace. */
		{ 10, 0, 40, 30, 40 },
		{ 10, 0, 41, 30, 40 },
		{ 10, 0, 500, 30, 40 },
		{ 10, 60, 500, 30, 90 },
		{ 10, 60, 70, 30, 70 },
		{ 10, 600, 500, 30, 600 },
		{ 700, 600, 500, 30, 700 },
		{ 10, 0, 500, SILENCE_EQUAL, 500 },
		{ 10, 60, 50, SILENCE_EQUAL, 60 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		struct silence s = { rows[i].since, rows[i].inside,
			rows[i].outside, 100, rows[i].grace };

		assert_int_equal(silence_began(&s), rows[i].began);
		assert_int_equal(silence_due(&s), rows[i].began + 100);
	}
}

static void
it_is_over_at_the_timeout_and_not_before(void **state)
{
	const struct silence s = { .since = 1000, .timeout = 300 };

	(void)state;
	assert_false(silence_over(&s, 1299));
	assert_true(silence_over(&s, 1300));
	assert_true(silence_over(&s, 5000));
}

static void
a_lease_is_renewed_at_half_unless_silence_ends_before(void **state)
{
	const struct silence s = { .since = 1000, .timeout = 300 };

	(void)state;
	assert_int_equal(silence_next(&s, 300, 1000), 1150);
	assert_int_equal(silence_next(&s, 300, 1150), 1300);
	assert_int_equal(silence_next(&s, 300, 1200), 1300);
	assert_int_equal(silence_next(&s, 1000, 1000), 1300);
}

static void
packets_renew_a_lease_once_a_quarter_has_gone(void **state)
{
	(void)state;
	assert_false(silence_renews(1400, 400, 1000));
	assert_false(silence_renews(1400, 400, 1099));
	assert_true(silence_renews(1400, 400, 1100));
	assert_true(silence_renews(1400, 400, 1500));
}

static void
packets_are_looked_for_often_enough(void **state)
{
	(void)state;
	assert_int_equal(silence_poll(1 * USEC_PER_SEC, 19999),
	    1 * USEC_PER_SEC);
	assert_int_equal(silence_poll(4 * USEC_PER_SEC, 19999),
	    1 * USEC_PER_SEC);
	assert_int_equal(silence_poll(20 * USEC_PER_SEC, 19999),
	    5 * USEC_PER_SEC);
	assert_int_equal(silence_poll(40 * USEC_PER_SEC, 19999),
	    10 * USEC_PER_SEC);
	assert_int_equal(silence_poll(300 * USEC_PER_SEC, 19999),
	    10 * USEC_PER_SEC);
	/* Many of them less often, but four times before silence is over. */
	assert_int_equal(silence_poll(300 * USEC_PER_SEC, 20000),
	    20 * USEC_PER_SEC);
	assert_int_equal(silence_poll(300 * USEC_PER_SEC, 100000),
	    60 * USEC_PER_SEC);
	assert_int_equal(silence_poll(300 * USEC_PER_SEC, 1000000),
	    75 * USEC_PER_SEC);
	assert_int_equal(silence_poll(4 * USEC_PER_SEC, 1000000),
	    1 * USEC_PER_SEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_with_the_last_sign_of_life),
		cmocka_unit_test(it_is_over_at_the_timeout_and_not_before),
		cmocka_unit_test(
		    a_lease_is_renewed_at_half_unless_silence_ends_before),
		cmocka_unit_test(packets_renew_a_lease_once_a_quarter_has_gone),
		cmocka_unit_test(packets_are_looked_for_often_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
