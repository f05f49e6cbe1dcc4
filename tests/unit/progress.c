/* SPDX-License-Identifier: ISC */
/* The line that a person at a terminal sees: when, and what it says. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/compat/memfile.h"
#include "src/engine/progress.h"
#include "tests/unit/unit.h"

int __wrap_isatty(int fd);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
bool __wrap_capture_progress(const struct capture *c, uint64_t *done,
    uint64_t *size);
void __wrap_engine_totals(const struct engine *e, uint64_t *messages,
    uint64_t *calls);

static int terminal, output, saved;
static int64_t now;
static bool sized;
static uint64_t done, size;
static unsigned int looks; /* at the clock */
static struct progress p;

int
__wrap_isatty(int fd)
{
	return fd == STDERR_FILENO ? terminal : 0;
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	assert_int_equal(id, CLOCK_MONOTONIC);
	ts->tv_sec = (time_t)(now / USEC_PER_SEC);
	ts->tv_nsec = (long)(now % USEC_PER_SEC * 1000);
	looks++;
	return 0;
}

bool
__wrap_capture_progress(const struct capture *c, uint64_t *d, uint64_t *s)
{
	(void)c;
	*d = done;
	*s = size;
	return sized;
}

void
__wrap_engine_totals(const struct engine *e, uint64_t *messages,
    uint64_t *calls)
{
	(void)e;
	*messages = 12;
	*calls = 3;
}

/* What was written to the standard error output since the last time. */
static const char *
written(void)
{
	static char text[1024];
	ssize_t n;

	fflush(stderr);
	n = pread(output, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	assert_int_equal(ftruncate(output, 0), 0);
	assert_int_equal(lseek(output, 0, SEEK_SET), 0);
	return text;
}

static int
setup(void **state)
{
	(void)state;
	terminal = 1;
	now = 7 * USEC_PER_SEC + 300;
	sized = true;
	done = 1000000;
	size = 4000000;
	looks = 0;
	output = memfile_open();
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	dup2(output, STDERR_FILENO);
	progress_begin(&p);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(output);
	return 0;
}

static void
packets(unsigned int n)
{
	while (n-- > 0)
		progress_packet(&p, NULL, NULL);
}

#define LINE "\r\033[K1.0 of 4.0 MB, 12 messages, 3 calls, "

static void
the_line_comes_after_half_a_second_and_each_fifth(void **state)
{
	(void)state;
	now += USEC_PER_SEC / 2 - 1;
	packets(256);
	assert_string_equal(written(), "");
	now++;
	packets(255);
	assert_string_equal(written(), "");
	packets(1);
	/* A quarter took half a second. */
	assert_string_equal(written(), LINE "2 s left");
	now += USEC_PER_SEC / 5 - 1;
	packets(256);
	assert_string_equal(written(), "");
	now++;
	packets(255);
	assert_string_equal(written(), "");
	packets(1);
	assert_string_equal(written(), LINE "3 s left");
	/* The clock is looked at seldom. */
	assert_int_equal(looks, 5);
	progress_wipe(&p);
	assert_string_equal(written(), "\r\033[K");
	progress_wipe(&p);
	assert_string_equal(written(), "");
}

static void
others_see_nothing(void **state)
{
	static const int none[] = { 0, -1 };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(none); i++) {
		terminal = none[i];
		progress_begin(&p);
		now += USEC_PER_SEC;
		packets(512);
		progress_wipe(&p);
		assert_string_equal(written(), "");
	}
}

static void
what_is_left_is_as_long_as_what_was(void **state)
{
	static const struct {
		bool sized;
		uint64_t done, size;
		const char *want;
	} rows[] = {
		{ true, 2000000, 4000000,
		    "2.0 of 4.0 MB, 12 messages, 3 calls, 11 s left" },
		{ true, 4000000, 4000000,
		    "4.0 of 4.0 MB, 12 messages, 3 calls, 0 s left" },
		{ true, 3999999, 4000000,
		    "4.0 of 4.0 MB, 12 messages, 3 calls, 1 s left" },
		{ true, 5000000, 4000000,
		    "5.0 of 4.0 MB, 12 messages, 3 calls, 0 s left" },
		{ true, 0, 4000000,
		    "0.0 of 4.0 MB, 12 messages, 3 calls, 0 s left" },
		{ true, 1, 1, "0.0 of 0.0 MB, 12 messages, 3 calls, 0 s left" },
		{ true, 0, 0, "12 messages, 3 calls" },
		{ false, 0, 0, "12 messages, 3 calls" },
	};
	const char *line;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		progress_begin(&p);
		sized = rows[i].sized;
		done = rows[i].done;
		size = rows[i].size;
		now += 10 * USEC_PER_SEC;
		packets(256);
		line = written();
		assert_int_equal(strncmp(line, "\r\033[K", 4), 0);
		assert_string_equal(line + 4, rows[i].want);
	}
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_line_comes_after_half_a_second_and_each_fifth),
		CASE(others_see_nothing),
		CASE(what_is_left_is_as_long_as_what_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
