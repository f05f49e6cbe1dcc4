/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/heap.h"
#include "tests/unit/unit.h"

#define MANY 1000
static struct heap heap;
static uint32_t place[MANY];

static int
setup(void **state)
{
	(void)state;
	memset(place, 0, sizeof(place));
	heap_init(&heap);
	return heap_reserve(&heap, MANY) == PH_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	heap_free(&heap);
	return 0;
}

/* A number below MANY that seems to follow none of its neighbours. */
static int64_t
scattered(size_t i)
{
	return (int64_t)(i * 7919 % MANY);
}

/* The numbers from `first` come, each `step` above the one before. */
static void
assert_all_come(int64_t first, int64_t step, size_t n)
{
	const struct heap_slot *s;

	for (; n > 0; n--, first += step) {
		assert_non_null(s = heap_first(&heap));
		assert_int_equal(s->at, first);
		assert_int_equal(heap_at(&heap, s->place), first);
		heap_clear(&heap, s->place);
	}
	assert_null(heap_first(&heap));
}

static void
the_earliest_comes_first(void **state)
{
	size_t i;

	(void)state;
	assert_null(heap_first(&heap));
	for (i = 0; i < MANY; i++)
		heap_set(&heap, &place[i], scattered(i));
	assert_all_come(0, 1, MANY);
}

static void
any_of_them_may_go(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		heap_set(&heap, &place[i], scattered(i));
	for (i = 0; i < MANY; i++)
		if (scattered(i) % 2 == 1) {
			heap_clear(&heap, &place[i]);
			assert_int_equal(place[i], 0);
		}
	heap_clear(&heap, &place[1]); /* gone already */
	assert_all_come(0, 2, MANY / 2);
	heap_set(&heap, &place[1], 7);
	heap_clear(&heap, &place[1]);
	assert_int_equal(place[1], 0);
}

static void
any_of_them_may_move(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		heap_set(&heap, &place[i], (int64_t)i);
	for (i = 0; i < MANY; i++)
		heap_set(&heap, &place[i], scattered(i) * 3 - 500);
	assert_all_come(-500, 3, MANY);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_earliest_comes_first),
		CASE(any_of_them_may_go),
		CASE(any_of_them_may_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
