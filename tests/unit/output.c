/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/process/output.h"
#include "tests/unit/unit.h"

static struct event_base *base;
static struct output *out;
static int ends[2];
static char got[1 << 17];

static int
begin(void **state)
{
	(void)state;
	if (pipe(ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ||
	    (base = event_base_new()) == NULL)
		return -1;
	return (out = output_new(base, ends[1])) != NULL ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	output_free(out);
	event_base_free(base);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static const char *
what_arrived(void)
{
	ssize_t n = read(ends[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static void
say(const char *text)
{
	output_line(out, text);
	output_flush(out);
}

static void
a_line_is_written_at_once(void **state)
{
	(void)state;
	say("one");
	assert_string_equal(what_arrived(), "one\n");
	say("two");
	assert_string_equal(what_arrived(), "two\n");
}

static void
a_slow_reader_gets_all_in_the_end(void **state)
{
	static char line[4000];
	size_t n, seen = 0;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	for (n = 0; n < 50; n++)
		say(line);
	while (seen < n * sizeof(line)) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		seen += strlen(what_arrived());
	}
	assert_int_equal(seen, n * sizeof(line));
	assert_int_equal(output_lost(out), 0);
}

static void
what_finds_no_room_is_counted(void **state)
{
	static char line[1 << 20];
	size_t n;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	for (n = 0; n < OUTPUT_MAX / sizeof(line); n++)
		output_line(out, line);
	assert_int_equal(output_lost(out), 0);
	output_line(out, "one too many");
	assert_int_equal(output_lost(out), 1);
	/* Nobody reads: do not wait for it. */
	close(ends[0]);
	ends[0] = -1;
	sigaction(SIGPIPE, &(struct sigaction) { .sa_handler = SIG_IGN }, NULL);
}

static void
what_waits_is_written_at_the_end(void **state)
{
	(void)state;
	say("one");
	say("two");
	output_free(out);
	assert_string_equal(what_arrived(), "one\ntwo\n");
	out = NULL;
}

/* As much as a pipe takes. */
static void
fill(void)
{
	static const char block[512];

	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], block, sizeof(block)) > 0)
		continue;
	assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
}

/* An empty line is one byte. */
static void
the_last_byte_is_waited_for_too(void **state)
{
	(void)state;
	fill();
	say("");
	event_base_loop(base, EVLOOP_NONBLOCK);
	while (read(ends[0], got, sizeof(got)) > 0)
		continue;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_string_equal(what_arrived(), "\n");
	/* And then nothing is waited for. */
	assert_int_equal(event_base_get_num_events(base,
			     EVENT_BASE_COUNT_ADDED),
	    0);
}

/* Without a reader, lines are not kept, and none is lost for want of room. */
static void
nobody_keeps_lines_for_a_reader_that_is_gone(void **state)
{
	static char line[1 << 20];
	size_t n;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	sigaction(SIGPIPE, &(struct sigaction) { .sa_handler = SIG_IGN }, NULL);
	fill();
	say("one");
	close(ends[0]);
	ends[0] = -1;
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (n = 0; n <= OUTPUT_MAX / sizeof(line); n++)
		say(line);
	assert_int_equal(event_base_get_num_events(base,
			     EVENT_BASE_COUNT_ADDED),
	    0);
	assert_int_equal(output_lost(out), 0);
	output_free(out);
	/* Nor for a descriptor that is none. */
	assert_non_null(out = output_new(base, -1));
	say("three");
	assert_int_equal(event_base_get_num_events(base,
			     EVENT_BASE_COUNT_ADDED),
	    0);
	assert_int_equal(output_lost(out), 0);
}

/* A file takes all of it at once, however much. */
static void
a_file_is_not_waited_for(void **state)
{
	static char line[100000];
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	output_free(out);
	assert_non_null(out = output_new(base, fileno(f)));
	memset(line, 'x', sizeof(line) - 1);
	say(line);
	say("two");
	assert_int_equal(event_base_get_num_events(base,
			     EVENT_BASE_COUNT_ADDED),
	    0);
	assert_int_equal(lseek(fileno(f), 0, SEEK_END), sizeof(line) + 4);
	assert_int_equal(pread(fileno(f), got, 10, sizeof(line) - 2), 6);
	assert_memory_equal(got, "x\ntwo\n", 6);
	output_free(out);
	out = NULL;
	fclose(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_is_written_at_once,
		    begin, end),
		cmocka_unit_test_setup_teardown(
		    a_slow_reader_gets_all_in_the_end, begin, end),
		cmocka_unit_test_setup_teardown(what_finds_no_room_is_counted,
		    begin, end),
		cmocka_unit_test_setup_teardown(
		    what_waits_is_written_at_the_end, begin, end),
		cmocka_unit_test_setup_teardown(the_last_byte_is_waited_for_too,
		    begin, end),
		cmocka_unit_test_setup_teardown(
		    nobody_keeps_lines_for_a_reader_that_is_gone, begin, end),
		cmocka_unit_test_setup_teardown(a_file_is_not_waited_for, begin,
		    end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
