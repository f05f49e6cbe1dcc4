/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "src/base/shares.h"
#include "tests/unit/unit.h"

static struct shares room;
static struct share_item items[8];

static struct addr
source(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), PH_OK);
	return a;
}

static void
add(int i, const char *from, size_t cost)
{
	struct addr a = source(from);

	items[i].owner = &items[i];
	assert_true(shares_add(&room, &items[i], &a, cost));
}

static size_t
taken(const char *from)
{
	struct addr a = source(from);

	return shares_taken(&room, &a);
}

static void
the_one_who_has_most_gives_first(void **state)
{
	(void)state;
	shares_init(&room);
	assert_null(shares_worst(&room));
	add(0, "192.0.2.1", 1);
	add(1, "192.0.2.2", 1);
	add(2, "192.0.2.2", 1);
	assert_int_equal(room.n, 3);
	assert_int_equal(room.used, 3);
	/* The item that its source has touched least recently. */
	assert_ptr_equal(shares_worst(&room), &items[1]);
	shares_touch(&room, &items[1]);
	assert_ptr_equal(shares_worst(&room), &items[2]);
	assert_int_equal(shares_beside(&items[2]), 2);
	shares_remove(&room, &items[2]);
	/*
	 * Of two sources with as much, the one that did nothing for longest
	 * gives first.
	 */
	assert_ptr_equal(shares_worst(&room), &items[0]);
	shares_touch(&room, &items[0]);
	shares_remove(&room, &items[2]);
	assert_int_equal(shares_beside(&items[1]), 1);
	shares_resize(&room, &items[1], 5);
	assert_int_equal(room.used, 6);
	assert_ptr_equal(shares_worst(&room), &items[1]);
	shares_remove(&room, &items[1]);
	shares_remove(&room, &items[0]);
	assert_int_equal(room.n, 0);
	assert_int_equal(room.used, 0);
	assert_null(shares_worst(&room));
}

static void
a_source_is_an_address_or_a_64(void **state)
{
	(void)state;
	shares_init(&room);
	add(0, "192.0.2.1", 1);
	add(1, "2001:db8::1", 1);
	add(2, "2001:db8::2:3:4:5", 1);
	add(3, "2001:db8:0:1::1", 1);
	assert_int_equal(taken("192.0.2.1"), 1);
	assert_int_equal(taken("192.0.2.2"), 0);
	assert_int_equal(taken("2001:db8::77"), 2);
	assert_int_equal(taken("2001:db8:0:1::77"), 1);
	assert_int_equal(taken("2001:db8:0:2::1"), 0);
	assert_ptr_equal(shares_worst(&room), &items[1]);
	shares_remove(&room, &items[0]);
	shares_remove(&room, &items[1]);
	shares_remove(&room, &items[2]);
	shares_remove(&room, &items[3]);
	assert_int_equal(taken("2001:db8::77"), 0);
}

/* A source that has nothing any more is none, however many came after it. */
static void
a_source_is_forgotten_with_its_last(void **state)
{
	char from[32];
	int round, i;

	(void)state;
	shares_init(&room);
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 4; i++) {
			snprintf(from, sizeof(from), "192.0.2.%d",
			    (round * 37 + i * 11) % 256);
			add(i, from, 2);
			assert_int_equal(taken(from), 2);
		}
		for (i = 0; i < 4; i++) {
			shares_remove(&room, &items[i]);
			snprintf(from, sizeof(from), "192.0.2.%d",
			    (round * 37 + i * 11) % 256);
			assert_int_equal(taken(from), 0);
			assert_int_equal(room.n, 3 - i);
		}
	}
	assert_null(shares_worst(&room));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_who_has_most_gives_first),
		cmocka_unit_test(a_source_is_an_address_or_a_64),
		cmocka_unit_test(a_source_is_forgotten_with_its_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
