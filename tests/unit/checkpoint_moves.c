/* SPDX-License-Identifier: ISC */
/* A journal that moves from one file to the other, and back. */
#include "tests/unit/checkpoint_play.h"

/* More than half of it, and more than 1 MB. */
static void
a_file_of_garbage_is_left(void **state)
{
	struct checkpoint_stats st;
	uint64_t each = BIG + HEADER, n;

	(void)state;
	(void)fill_until_switch();
	st = stats();
	assert_int_equal(st.live, 40 * each);
	/* The old file was as large as it may be, and no larger. */
	n = (uint64_t)(size_of(fds[0]) - HEADER) / each;
	assert_true(HEADER + n * each >= 1 << 20);
	assert_true(HEADER + (n - 1) * each < 1 << 20);
	assert_int_equal(st.puts, n);
	assert_int_equal(st.size, size_of(fds[0]) + size_of(fds[1]));
	assert_int_equal(size_of(fds[1]), HEADER + 16 * each);
	/* Two more puts, and all has moved. */
	assert_int_equal(put(50, 51, 1), PH_OK);
	assert_int_equal(stats().moved, 32);
	assert_true(size_of(fds[0]) > 0);
	assert_int_equal(put(51, 52, 1), PH_OK);
	st = stats();
	assert_true(st.moved == 40 && st.switches == 1 && st.records == 42);
	assert_int_equal(size_of(fds[0]), 0);
	assert_int_equal(st.size, size_of(fds[1]));
	/* And back, into the first file. */
	for (n = 0; stats().switches == 1; n++) {
		assert_true(n < 1000);
		assert_int_equal(put(n % 40, 5, BIG), PH_OK);
	}
	assert_int_equal(stats().switches, 2);
	assert_int_equal(stats().moved, 56);
	for (n = 0; n < 2; n++)
		assert_int_equal(put(50, 51, 1), PH_OK);
	assert_true(size_of(fds[0]) > 0);
	assert_int_equal(size_of(fds[1]), 0);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	assert_int_equal(stats().size, size_of(fds[0]));
	reopen();
	assert_int_equal(found, 42);
	assert_int_equal(stats().size, size_of(fds[0]));
	/* With more that lives than not, none is left: 140 x 8 kB live. */
	teardown(state);
	assert_int_equal(setup(state), 0);
	for (n = 0; n < 277; n++)
		assert_int_equal(put(n % 140, 1, BIG), PH_OK);
	assert_int_equal(stats().switches, 0);
	for (; stats().switches == 0 && n < 300; n++)
		assert_int_equal(put(n % 140, 1, BIG), PH_OK);
	/* When half of the bytes are garbage. */
	assert_int_equal(n, 280);
}

/* Garbage is half of a file, or one byte less. */
static void
half_is_enough(void **state)
{
	uint64_t less;
	unsigned int i;

	for (less = 0; less < 4; less++) {
		/* 100 live records, and 100 with the file's header. */
		assert_int_equal(put(0, 1, BIG - HEADER - less), PH_OK);
		for (i = 1; i < 199; i++)
			assert_int_equal(put(1 + i % 99, 1, BIG), PH_OK);
		assert_int_equal(stats().switches, 0);
		assert_int_equal(put(0, 1, BIG), PH_OK);
		assert_int_equal(stats().live, 100 * (BIG + HEADER));
		assert_int_equal(stats().switches, less < 2);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
}

/* Change a byte of the newest copy of a record of this value. */
static void
rot(int fd, uint8_t v)
{
	static uint8_t all[2 << 20];
	ssize_t n = pread(fd, all, sizeof(all), 0), i;

	for (i = n; i-- > 1;)
		if (all[i] == v && all[i - 1] == v)
			break;
	assert_true(i > 0);
	all[i] ^= 1;
	assert_int_equal(__real_pwrite(fd, &all[i], 1, i), 1);
}

/* One that cannot be read is lost; those behind it are not. */
static void
a_record_that_rots_before_it_moves_is_dropped(void **state)
{
	const unsigned int last = 39; /* they move in the order of keys */
	unsigned int i;
	size_t k;

	(void)state;
	(void)fill_until_switch();
	rot(fds[0], (uint8_t)(1 + last));
	for (i = 0; i < 2; i++) {
		assert_int_equal(put(50 + i, 99, 10), PH_OK);
		assert_int_equal(stats().records, i == 0 ? 41 : 41);
	}
	assert_int_equal(stats().moved, 39);
	assert_int_equal(stats().live, 39 * (BIG + HEADER) + 2 * (10 + HEADER));
	assert_int_equal(size_of(fds[0]), 0);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	reopen();
	assert_int_equal(found, 41);
	for (k = 0; k < 40; k++)
		assert_int_equal(value[k], k == last ? 0 : (uint8_t)(k + 1));
	assert_true(value[50] == 99 && value[51] == 99);
	/* And it is written again as if it had never been. */
	assert_int_equal(put(last, 77, 3), PH_OK);
	assert_int_equal(stats().records, 42);
}

static uint64_t
key_of(unsigned int i)
{
	return i < NKEYS - TOP ? i : UINT64_MAX - (NKEYS - 1 - i);
}

/* Each record moves, with any key; and then it is over. */
static void
the_first_key_and_the_last_move(void **state)
{
	static const unsigned int keys[][2] = { { 0, 40 },
		{ NKEYS - TOP, NKEYS }, { NKEYS - TOP - 20, NKEYS },
		{ NKEYS - 1, NKEYS }, { 0, 1 } };
	unsigned int i, n, k;

	for (k = 0; k < ROWS(keys); k++) {
		n = keys[k][1] - keys[k][0];
		for (i = 0; stats().switches == 0; i++)
			assert_int_equal(put(key_of(keys[k][0] + i % n), 9,
					     BIG),
			    PH_OK);
		/* Sixteen with each, and then the end is seen. */
		for (i = 0; size_of(fds[0]) > 0; i++) {
			assert_true(i <= n / 16);
			assert_int_equal(checkpoint_del(c, key_of(100)), PH_OK);
			assert_int_equal(put(key_of(100), 8, 1), PH_OK);
		}
		assert_int_equal(stats().moved, n);
		assert_int_equal(stats().records, n + (i > 0));
		assert_int_equal(checkpoint_sync(c), PH_OK);
		reopen();
		assert_int_equal(found, n + (i > 0));
		for (i = keys[k][0]; i < keys[k][1]; i++)
			assert_true(value[i] == 9 && length[i] == BIG);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
}

/* Many that were written anew are passed over, some with each put. */
static void
a_long_way_is_gone_in_steps(void **state)
{
	unsigned int i, n = NKEYS - TOP;

	(void)state;
	for (i = 0; stats().switches == 0; i++)
		assert_int_equal(put(key_of(i % n), 3, 200), PH_OK);
	assert_int_equal(stats().moved, 16);
	for (i = 0; i < 450; i++)
		assert_int_equal(put(key_of(n - 1 - i), 4, 200), PH_OK);
	assert_int_equal(stats().moved, 16 * 451);
	for (; size_of(fds[0]) > 0; i++) {
		assert_true(i < 700);
		assert_int_equal(put(key_of(0), 5, 200), PH_OK);
	}
	/* 256 are looked at with each. */
	assert_int_equal(stats().moved, n - 450);
	assert_int_equal(stats().records, n);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	reopen();
	assert_int_equal(found, n);
	for (i = 0; i < n; i++)
		assert_int_equal(value[i], i == 0 ? 5 : i < n - 450 ? 3 : 4);
}

/* Any order, through many moves, against what there must be. */
static void
a_walk_through_many_moves(void **state)
{
	static size_t model[NKEYS];
	uint64_t records = 0, live = 0, moves = 0;
	uint32_t seed = 9201, r;
	unsigned int step, i;

	(void)state;
	memset(model, 0, sizeof(model));
	for (step = 0; step < 4000; step++) {
		seed = seed * 1103515245 + 12345;
		r = seed >> 8;
		i = r % 60;
		i = i < 30 ? i : i < 50 ? 100 + i * 137 : NKEYS + i - 60;
		records -= model[i] > 0;
		live -= model[i] > 0 ? model[i] + HEADER : 0;
		model[i] = r / 64 % 8 == 0 ? 0 : 1 + r / 512 % BIG;
		if (model[i] == 0)
			assert_int_equal(checkpoint_del(c, key_of(i)), PH_OK);
		else
			assert_int_equal(put(key_of(i),
					     (uint8_t)(1 + model[i] % 255),
					     model[i]),
			    PH_OK);
		records += model[i] > 0;
		live += model[i] > 0 ? model[i] + HEADER : 0;
		assert_int_equal(stats().records, records);
		assert_int_equal(stats().live, live);
		assert_true(stats().size < (3 << 20));
		if (step % 701 != 700)
			continue;
		moves += stats().switches;
		assert_int_equal(checkpoint_sync(c), PH_OK);
		reopen();
		assert_int_equal(found, records);
		for (i = 0; i < NKEYS; i++) {
			assert_int_equal(length[i], model[i]);
			assert_int_equal(value[i],
			    model[i] > 0 ? 1 + model[i] % 255 : 0);
		}
	}
	assert_true(moves > 5);
}

/* The journal in the middle of a move, with either file damaged. */
static void
a_move_is_taken_up_where_it_stood(void **state)
{
	static const uint8_t zeros[HEADER];
	unsigned int how, last;

	for (how = 0; how < 4; how++) {
		last = fill_until_switch();
		(void)last;
		if (how < 2)
			assert_int_equal(__real_pwrite(fds[how], zeros, HEADER,
					     0),
			    HEADER);
		reopen();
		/* Without the old file, only what was copied. */
		assert_int_equal(found, how == 0 ? 16 : 40);
		assert_int_equal(stats().records, found);
		assert_int_equal(stats().live, found * (BIG + HEADER));
		assert_int_equal(stats().damaged, 0);
		/* It goes on: where all is in one file, the other is empty. */
		assert_int_equal(size_of(fds[0]) == 0, how == 0);
		assert_int_equal(size_of(fds[1]) == 0, how == 1);
		assert_int_equal(stats().size,
		    size_of(fds[0]) + size_of(fds[1]));
		if (how == 3)
			assert_int_equal(checkpoint_del(c, 3), PH_OK);
		else
			assert_int_equal(put(60, 61, 1), PH_OK);
		if (how >= 2)
			assert_int_equal(stats().moved, 16);
		assert_int_equal(checkpoint_sync(c), PH_OK);
		reopen();
		assert_int_equal(found, how == 0 ? 17 : how == 3 ? 39 : 41);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_file_of_garbage_is_left),
		T(half_is_enough),
		T(a_record_that_rots_before_it_moves_is_dropped),
		T(the_first_key_and_the_last_move),
		T(a_long_way_is_gone_in_steps),
		T(a_walk_through_many_moves),
		T(a_move_is_taken_up_where_it_stood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
