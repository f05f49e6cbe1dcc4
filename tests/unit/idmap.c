/* SPDX-License-Identifier: ISC */
#include "src/base/idmap.h"
#include "tests/unit/unit.h"

#define MANY 5000
static struct idmap map;
static uint64_t item[MANY];

static int
setup(void **state)
{
	(void)state;
	idmap_init(&map);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	idmap_free(&map);
	return 0;
}

/* Item `i` has this number; the numbers of neighbours are 10 apart. */
static uint64_t
number(size_t i)
{
	return 10 * (uint64_t)i + 5;
}

static void
put(size_t i)
{
	item[i] = number(i);
	assert_int_equal(idmap_put(&map, number(i), &item[i]), PH_OK);
}

/* A number below MANY that seems to follow none of its neighbours. */
static size_t
scattered(size_t i)
{
	return i * 1597 % MANY;
}

/* Those of every `step`th item, from item `first`, and no others are there. */
static void
assert_there(size_t first, size_t step)
{
	size_t i, next = first;

	for (i = 0; i < MANY; i++) {
		assert_ptr_equal(idmap_find(&map, number(i)),
		    i == next ? &item[i] : NULL);
		assert_ptr_equal(idmap_from(&map, number(i)),
		    next < MANY ? &item[next] : NULL);
		assert_ptr_equal(idmap_from(&map, number(i) - 4),
		    next < MANY ? &item[next] : NULL);
		assert_null(idmap_find(&map, number(i) + 1));
		if (i == next)
			next += step;
	}
	assert_null(idmap_from(&map, number(MANY)));
}

static void
nothing_is_in_an_empty_map(void **state)
{
	(void)state;
	assert_null(idmap_find(&map, 5));
	assert_null(idmap_from(&map, 0));
	idmap_remove(&map, 5);
	put(0);
	idmap_remove(&map, number(1));
	assert_ptr_equal(idmap_from(&map, 0), &item[0]);
	idmap_remove(&map, number(0));
	assert_null(idmap_from(&map, 0));
	assert_int_equal(map.n, 0);
}

static void
a_number_in_use_is_refused(void **state)
{
	(void)state;
	put(0);
	assert_int_equal(idmap_put(&map, number(0), &item[1]), PH_EBAD);
	assert_ptr_equal(idmap_find(&map, number(0)), &item[0]);
}

static void
numbers_in_order_fill_their_pages(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		put(i);
	assert_there(0, 1);
	assert_int_equal(map.n, (MANY + IDMAP_PAGE - 1) / IDMAP_PAGE);
}

/* As ids of calls are, while a number far above them is in use. */
static void
numbers_in_order_below_another_fill_their_pages(void **state)
{
	size_t i;

	(void)state;
	put(MANY - 1);
	for (i = 0; i < MANY - 1; i++)
		put(i);
	assert_there(0, 1);
	assert_true(map.n <= MANY / IDMAP_PAGE + 2);
}

static void
numbers_come_in_any_order(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		put(scattered(i));
	assert_there(0, 1);
	for (i = 0; i < MANY; i++)
		if (scattered(i) % 3 != 1)
			idmap_remove(&map, number(scattered(i)));
	assert_there(1, 3);
}

static void
few_that_are_left_take_few_pages(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		put(i);
	for (i = 0; i < MANY; i++)
		if (i % 50 != 7)
			idmap_remove(&map, number(i));
	assert_there(7, 50);
	assert_true(map.n <= MANY / 50 / (IDMAP_PAGE / 4) + 1);
	for (i = MANY; i-- > 0;)
		idmap_remove(&map, number(i));
	assert_int_equal(map.n, 0);
}

static void
those_that_go_from_the_end_leave_few_pages(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		put(i);
	for (i = MANY; i-- > 0;)
		if (i % 50 != 7)
			idmap_remove(&map, number(i));
	assert_there(7, 50);
	assert_true(map.n <= MANY / 50 / (IDMAP_PAGE / 4) + 1);
}

static void
the_greatest_number_has_its_place(void **state)
{
	(void)state;
	assert_int_equal(idmap_put(&map, UINT64_MAX, &item[1]), PH_OK);
	assert_int_equal(idmap_put(&map, 0, &item[0]), PH_OK);
	assert_ptr_equal(idmap_find(&map, UINT64_MAX), &item[1]);
	assert_ptr_equal(idmap_from(&map, 1), &item[1]);
	assert_ptr_equal(idmap_from(&map, 0), &item[0]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_in_an_empty_map),
		CASE(a_number_in_use_is_refused),
		CASE(numbers_in_order_fill_their_pages),
		CASE(numbers_in_order_below_another_fill_their_pages),
		CASE(numbers_come_in_any_order),
		CASE(few_that_are_left_take_few_pages),
		CASE(those_that_go_from_the_end_leave_few_pages),
		CASE(the_greatest_number_has_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
