/* SPDX-License-Identifier: ISC */
/* Clocks of paper: one runs, the other is set, and reading them takes time. */
#include <time.h>

#include "src/base/clock.h"
#include "tests/unit/unit.h"

/*
 * A 32-bit libc may have another name for it.
 */
int __wrap_clock_gettime(clockid_t which, struct timespec *ts);
int __wrap___clock_gettime64(clockid_t which, struct timespec *ts);

static int64_t running, wall; /* microseconds */
static int64_t takes[64];     /* how long each reading lasts; 0 behind them */
static size_t nread;

int
__wrap_clock_gettime(clockid_t which, struct timespec *ts)
{
	int64_t at, took = nread < ROWS(takes) ? takes[nread] : 0;

	assert_true(which == CLOCK_MONOTONIC || which == CLOCK_REALTIME);
	nread++;
	running += took;
	wall += took;
	at = which == CLOCK_MONOTONIC ? running : wall;
	ts->tv_sec = (time_t)(at / 1000000);
	ts->tv_nsec = (long)(at % 1000000) * 1000 + 999;
	return 0;
}

int
__wrap___clock_gettime64(clockid_t which, struct timespec *ts)
{
	return __wrap_clock_gettime(which, ts);
}

static void
reading_takes(size_t from, size_t n, int64_t us)
{
	nread = 0;
	for (size_t i = 0; i < ROWS(takes); i++)
		takes[i] = i >= from && i < from + n ? us : 0;
}

#define WALL INT64_C(1700000000000000)

static int
setup(void **state)
{
	(void)state;
	running = 5000000;
	wall = WALL;
	reading_takes(0, 0, 0);
	clock_start();
	return 0;
}

static void
it_runs_from_the_wall_clock_on(void **state)
{
	(void)state;
	assert_int_equal(clock_now(), WALL);
	running += 7;
	wall += 7;
	assert_int_equal(clock_now(), WALL + 7);
	assert_int_equal(clock_wall(WALL), WALL);
	assert_int_equal(clock_wall(WALL - 5), WALL - 5);
}

static void
a_clock_that_is_set_shows_on_the_wall_only(void **state)
{
	/* clang-format off */
	static const struct { int64_t by, shown; } t[] = {
	{ 0, 0 },
	{ 1000, 0 },		/* that may be jitter */
	{ 1001, 1001 },
	{ 3600000000, 3600000000 },
	{ 3599999000, 3600000000 },
	{ 3599998999, 3599998999 },
	{ -1, -1 },
	{ 999, -1 },
	{ -1001, -1 },
	{ -1002, -1002 },
	{ -86400000000, -86400000000 },
	{ 0, 0 },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(t); i++) {
		wall = WALL + t[i].by;
		assert_int_equal(clock_now(), WALL);
		assert_int_equal(clock_wall(WALL), WALL + t[i].shown);
		assert_int_equal(clock_wall(WALL + 9), WALL + t[i].shown + 9);
	}
}

/* Clocks that were read slowly are read again, ten times at most. */
static void
a_reading_that_took_long_is_repeated(void **state)
{
	/* clang-format off */
	static const struct {
		size_t from, n;
		int64_t us;
		size_t reads;
	} t[] = {
	{ 0, 0, 0, 3 },
	{ 1, 2, 499, 3 },
	{ 2, 1, 999, 3 },
	{ 2, 1, 1000, 6 },
	{ 1, 2, 500, 6 },
	{ 1, 23, 1000, 27 },
	{ 1, 26, 1000, 30 },
	{ 1, 29, 1000, 30 },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		reading_takes(t[i].from, t[i].n, t[i].us);
		(void)clock_wall(WALL);
		if (nread != t[i].reads)
			fail_msg("%zu: %zu", i, nread);
	}
	/* Without any, the last offset holds, though the clock was set. */
	setup(state);
	wall += 5000000;
	reading_takes(0, 30, 1000);
	assert_int_equal(clock_wall(WALL), WALL);
	reading_takes(0, 0, 0);
	assert_int_equal(clock_wall(WALL), WALL + 5000000);
	/* And at the start, what two readings tell. */
	running = 5000000;
	wall = WALL;
	reading_takes(1, 32, 1000);
	clock_start();
	reading_takes(0, 0, 0);
	assert_int_equal(clock_now(), wall - 1000);
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_runs_from_the_wall_clock_on),
		CASE(a_clock_that_is_set_shows_on_the_wall_only),
		CASE(a_reading_that_took_long_is_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
