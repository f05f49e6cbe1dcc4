/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "src/base/timers.h"
#include "src/engine/refusals.h"
#include "tests/unit/unit.h"

static int64_t now;

static unsigned int
told(struct refusals *r, uint8_t host, enum reason why, unsigned int times)
{
	struct addr a = { .af = AF_INET, .b = { 198, 51, 100, host } };
	unsigned int n = 0;
	uint64_t missed;

	while (times-- > 0)
		n += refusals_may(r, &a, why, now, &missed);
	return n;
}

static void
a_source_is_told_of_so_often_for_each_reason(void **state)
{
	static struct refusals r;

	(void)state;
	now = 1000 * USEC_PER_SEC;
	assert_int_equal(told(&r, 1, REASON_ADDRESS, 20000), REFUSALS_BURST);
	assert_int_equal(told(&r, 1, REASON_LIMIT, 3), 3);
	assert_int_equal(told(&r, 2, REASON_ADDRESS, 3), 3);
	assert_int_equal(refusals_missed(&r, now + 59 * USEC_PER_SEC), 0);
	now += 60 * USEC_PER_SEC;
	assert_int_equal(refusals_missed(&r, now), 20000 - REFUSALS_BURST);
	assert_int_equal(refusals_missed(&r, now), 0);
	assert_int_equal(told(&r, 1, REASON_ADDRESS, 100), REFUSALS_BURST);
}

static void
many_sources_have_a_bound_together(void **state)
{
	static struct refusals r;
	unsigned int i, n = 0;

	(void)state;
	now = 5000 * USEC_PER_SEC;
	for (i = 0; i < 256; i++)
		n += told(&r, (uint8_t)i, REASON_ADDRESS, REFUSALS_BURST);
	assert_int_equal(n, REFUSALS_ALL);
	assert_int_equal(told(&r, 1, REASON_MALFORMED, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_is_told_of_so_often_for_each_reason),
		cmocka_unit_test(many_sources_have_a_bound_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
