/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/process/tally.h"
#include "tests/unit/unit.h"

static int fds[2];
static uint64_t packets;
static unsigned int records;
static struct tally tally;

static void
on_counters(void *ctx, struct counters *c)
{
	assert_ptr_equal(ctx, &packets);
	counters_put(c, "packets", packets);
	counters_put_gauge(c, "calls", 2);
}

static void
on_record(void *ctx, uint64_t key, const void *p, size_t len)
{
	(void)ctx;
	assert_int_equal(key, TALLY_KEY);
	tally_adopt(&tally, p, len);
	records++;
}

/* A process that begins: it reads the journal of those before. */
static struct checkpoint *
begin(void)
{
	struct checkpoint *c;

	memset(&tally, 0, sizeof(tally));
	tally.list = on_counters;
	tally.ctx = &packets;
	packets = records = 0;
	assert_int_equal(checkpoint_open(&c, fds, 1 << 20, on_record, NULL),
	    PH_OK);
	return c;
}

static uint64_t
puts_of(struct checkpoint *c)
{
	struct checkpoint_stats stats;

	checkpoint_stats(c, &stats);
	return stats.puts;
}

static void
the_record_is_written_when_it_is_time_and_has_changed(void **state)
{
	struct checkpoint *c = begin();
	int64_t now = 1000 * USEC_PER_SEC;

	(void)state;
	packets = 5;
	assert_int_equal(tally_run(&tally, c, now), PH_OK);
	assert_int_equal(puts_of(c), 1);
	packets = 6;
	assert_int_equal(tally_run(&tally, c, now + TALLY_EVERY - 1), PH_OK);
	assert_int_equal(puts_of(c), 1);
	assert_int_equal(tally_run(&tally, c, now + TALLY_EVERY), PH_OK);
	assert_int_equal(puts_of(c), 2);
	assert_int_equal(tally_run(&tally, c, now + 2 * TALLY_EVERY), PH_OK);
	assert_int_equal(puts_of(c), 2);
	/* Before they are told, whatever the time. */
	packets = 7;
	assert_int_equal(tally_write(&tally, c, now + 2 * TALLY_EVERY), PH_OK);
	assert_int_equal(puts_of(c), 3);
	checkpoint_close(c);
}

static void
a_successor_tells_the_sum(void **state)
{
	struct checkpoint *c = begin();
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));

	(void)state;
	assert_int_equal(records, 1);
	packets = 3;
	tally_tell(&tally, COUNTERS_LINES, &b);
	assert_string_equal(text, "packets 10\ncalls 2\n");
	assert_int_equal(tally_write(&tally, c, 0), PH_OK);
	checkpoint_close(c);
	c = begin();
	strbuf_reset(&b);
	tally_tell(&tally, COUNTERS_WORDS, &b);
	assert_string_equal(text, "packets=10 calls=2");
	checkpoint_close(c);
}

static void
without_a_journal_nothing_is_written(void **state)
{
	(void)state;
	assert_int_equal(tally_write(&tally, NULL, 0), PH_OK);
	assert_int_equal(tally_run(&tally, NULL, TALLY_EVERY), PH_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_record_is_written_when_it_is_time_and_has_changed),
		cmocka_unit_test(a_successor_tells_the_sum),
		cmocka_unit_test(without_a_journal_nothing_is_written),
	};
	char path[2][32] = { "/tmp/tally-0.XXXXXX", "/tmp/tally-1.XXXXXX" };
	int i;

	for (i = 0; i < 2; i++) {
		if ((fds[i] = mkstemp(path[i])) == -1)
			return 1;
		unlink(path[i]);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
