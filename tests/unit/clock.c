/* SPDX-License-Identifier: ISC */
#include "src/base/clock.h"
#include "tests/unit/unit.h"

#define ROUNDS 1000000

/* Two events must not be a microsecond backwards. */
static void
later_is_not_earlier_on_the_wall(void **state)
{
	int64_t now, wall, before = 0;
	int i;

	(void)state;
	clock_start();
	for (i = 0; i < ROUNDS; i++) {
		now = clock_now();
		wall = clock_wall(now);
		assert_true(wall >= before);
		assert_in_range(wall - now + 1000000, 0, 2000000);
		before = wall;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_is_not_earlier_on_the_wall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
