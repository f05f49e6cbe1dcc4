/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "src/base/timers.h"
#include "src/engine/rate.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

static void
a_source_has_its_share_and_no_more(void **state)
{
	struct rate *r = rate_new(10);
	struct addr a = addr_v4(198, 51, 100, 7), b = addr_v4(198, 51, 100, 8);
	int i, allowed = 0;

	(void)state;
	for (i = 0; i < 100; i++)
		allowed += rate_allow(r, &a, USEC_PER_SEC);
	assert_int_equal(allowed, 10);
	/* Somebody else has a bucket of their own. */
	assert_true(rate_allow(r, &b, USEC_PER_SEC));
	/* The bucket refills as time passes, up to a second's worth. */
	assert_true(rate_allow(r, &a, USEC_PER_SEC + USEC_PER_SEC / 10));
	assert_false(rate_allow(r, &a, USEC_PER_SEC + USEC_PER_SEC / 10));
	for (allowed = i = 0; i < 100; i++)
		allowed += rate_allow(r, &a, 100 * USEC_PER_SEC);
	assert_int_equal(allowed, 10);
	rate_free(r);
}

static void
a_flood_of_sources_is_bounded(void **state)
{
	struct rate *r = rate_new(1);
	uint32_t i;
	struct addr a;

	(void)state;
	for (i = 0; i < 2 * RATE_SOURCES; i++) {
		a = addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		    (uint8_t)i);
		assert_true(rate_allow(r, &a, USEC_PER_SEC));
	}
	/* The latest is remembered, the first forgotten. */
	assert_false(rate_allow(r, &a, USEC_PER_SEC));
	/* All sources before the last RATE_SOURCES are forgotten. */
	for (i = 0; i < RATE_SOURCES; i += RATE_SOURCES / 16) {
		a = addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		    (uint8_t)i);
		assert_true(rate_allow(r, &a, USEC_PER_SEC));
	}
	rate_free(r);
}

/* The one that was quiet for longest is forgotten. */
static void
a_source_that_speaks_is_remembered(void **state)
{
	struct rate *r = rate_new(1);
	struct addr speaks = addr_v4(192, 0, 2, 1), a;
	uint32_t i;

	(void)state;
	assert_true(rate_allow(r, &speaks, USEC_PER_SEC));
	for (i = 0; i < 3 * RATE_SOURCES; i++) {
		a = addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		    (uint8_t)i);
		assert_true(rate_allow(r, &a, USEC_PER_SEC));
		if (i % 1000 == 0)
			assert_false(rate_allow(r, &speaks, USEC_PER_SEC));
	}
	assert_false(rate_allow(r, &speaks, USEC_PER_SEC));
	/* Until it is quiet for as long as all others. */
	for (i = 0; i < RATE_SOURCES; i++) {
		a = addr_v4(11, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		    (uint8_t)i);
		assert_true(rate_allow(r, &a, USEC_PER_SEC));
	}
	assert_true(rate_allow(r, &speaks, USEC_PER_SEC));
	rate_free(r);
}

static void
none_at_all_is_one(void **state)
{
	struct rate *r = rate_new(0);
	struct addr a = addr_v4(198, 51, 100, 7);

	(void)state;
	assert_true(rate_allow(r, &a, USEC_PER_SEC));
	assert_false(rate_allow(r, &a, USEC_PER_SEC));
	rate_free(r);
}

/* Without memory for its bucket a source is not allowed. */
static void
without_memory_nothing_is_allowed(void **state)
{
	struct addr a = addr_v4(198, 51, 100, 7);
	struct rate *r;

	(void)state;
	starve(1);
	assert_null(rate_new(10));
	(void)starve_end();
	assert_non_null(r = rate_new(10));
	starve(1);
	assert_false(rate_allow(r, &a, USEC_PER_SEC));
	(void)starve_end();
	assert_true(rate_allow(r, &a, USEC_PER_SEC));
	rate_free(r);
	rate_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_has_its_share_and_no_more),
		cmocka_unit_test(a_flood_of_sources_is_bounded),
		cmocka_unit_test(a_source_that_speaks_is_remembered),
		cmocka_unit_test(none_at_all_is_one),
		cmocka_unit_test(without_memory_nothing_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
