/* SPDX-License-Identifier: ISC */
/* A journal whose disk fails, whose bytes rot, or which is full. */
#include <stdio.h>

#include "src/base/crc.h"
#include "tests/unit/checkpoint_play.h"

static void
each_number_is_told(void **state)
{
	struct checkpoint_stats st, want = { .size = HEADER };
	/* clang-format off */
	static const struct {
		uint64_t key;
		int len; /* -1: delete it */
		bool sync;
	} steps[] = {
		{ 1, 10, false }, { 2, 0, true }, { 1, 30, false },
		{ 3, 5, false }, { 2, -1, false }, { 2, -1, true },
		{ 9, -1, false }, { 3, 7, true }, { 1, -1, false },
	};
	/* clang-format on */
	int64_t len[NKEYS];
	size_t i;

	(void)state;
	memset(len, 0xff, sizeof(len));
	for (i = 0; i < ROWS(steps); i++) {
		if (steps[i].len >= 0) {
			assert_int_equal(put(steps[i].key, 7,
					     (size_t)steps[i].len),
			    PH_OK);
			want.puts++;
			want.size += HEADER + (uint64_t)steps[i].len;
			want.live += HEADER + (uint64_t)steps[i].len;
		} else {
			assert_int_equal(checkpoint_del(c, steps[i].key),
			    PH_OK);
			want.dels += len[steps[i].key] >= 0;
			want.size += len[steps[i].key] >= 0 ? HEADER : 0;
		}
		if (len[steps[i].key] >= 0)
			want.live -= HEADER + (uint64_t)len[steps[i].key];
		want.records += (steps[i].len >= 0);
		want.records -= (len[steps[i].key] >= 0);
		len[steps[i].key] = steps[i].len;
		if (steps[i].sync)
			assert_int_equal(checkpoint_sync(c), PH_OK);
		st = stats();
		assert_memory_equal(&st, &want, sizeof(st));
	}
	assert_int_equal(checkpoint_sync(c), PH_OK);
	assert_int_equal(size_of(fds[0]), want.size);
	reopen();
	st = stats();
	assert_true(
	    st.records == 1 && found == 1 && value[3] == 7 && length[3] == 7);
	assert_true(st.live == HEADER + 7 && st.size == want.size &&
	    st.damaged == 0 && st.puts == 0 && st.dels == 0);
}

/* The bytes of a file do not change: another version may read it. */
static void
a_file_is_as_it_always_was(void **state)
{
	/* In the order of the machine, as are all numbers. */
	struct {
		uint32_t magic, complete;
		uint64_t generation;
		uint32_t layout, check;
		struct {
			uint32_t type, len;
			uint64_t key;
			uint32_t pad, check;
		} put;
		char text[8];
	} file, want;
	uint8_t record[28];

	(void)state;
	memset(&want, 0, sizeof(want));
	want.magic = 0x70696e68;
	want.complete = 1;
	want.generation = 1;
	want.layout = 1;
	want.check = crc32_of(0, &want, 20);
	want.put.type = 1;
	want.put.len = 8;
	want.put.key = 77;
	memcpy(want.text, "abcdefgh", 8);
	memcpy(record, &want.put, 20);
	memcpy(record + 20, want.text, 8);
	want.put.check = crc32_of(0, record, sizeof(record));
	assert_int_equal(checkpoint_put(c, 77, "abcdefgh", 8), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	assert_int_equal(sizeof(file), 2 * HEADER + 8);
	assert_int_equal(size_of(fds[0]), sizeof(file));
	assert_int_equal(pread(fds[0], &file, sizeof(file), 0), sizeof(file));
	assert_memory_equal(&file, &want, sizeof(file));
	assert_int_equal(checkpoint_del(c, 77), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	assert_int_equal(pread(fds[0], &file.put, HEADER, sizeof(file)),
	    HEADER);
	want.put.type = 2;
	want.put.len = 0;
	want.put.check = crc32_of(0, &want.put, 20);
	assert_memory_equal(&file.put, &want.put, HEADER);
}

/* Files of rubbish are emptied, and the first of them is begun. */
static void
a_journal_of_rubbish_begins_anew(void **state)
{
	static uint8_t rubbish[100];
	unsigned int how;
	int i;

	for (how = 0; how < 4; how++) {
		for (i = 0; i < 2; i++) {
			memset(rubbish, 0x11 * (i + 1), sizeof(rubbish));
			assert_int_equal(__real_ftruncate(fds[i], 0), 0);
			if (how & (1u << i))
				assert_int_equal(__real_pwrite(fds[i], rubbish,
						     sizeof(rubbish), 0),
				    sizeof(rubbish));
		}
		reopen();
		assert_int_equal(found, 0);
		assert_int_equal(stats().damaged, 0);
		assert_int_equal(size_of(fds[0]), HEADER);
		assert_int_equal(size_of(fds[1]), 0);
		assert_int_equal(put(1, 2, 3), PH_OK);
		assert_int_equal(checkpoint_sync(c), PH_OK);
		assert_int_equal(size_of(fds[0]), 2 * HEADER + 3);
		reopen();
		assert_int_equal(found, 1);
	}
	(void)state;
}

/*
 * Each failure is told, by the call that met it.  Until it is over, each key
 * has its old value or its new one.
 */
static void
fail_after(int n)
{
	uint8_t sure[NKEYS] = { 0 }, maybe[NKEYS] = { 0 };
	unsigned int refused = 0, i;
	enum ph_err rc;

	works = n;
	for (i = 0; i < 240; i++) {
		/* A disk that stays full is repaired after three refusals. */
		if (refused == 3)
			works = -1;
		failures = 0;
		rc = put(i % 40, (uint8_t)(1 + i), BIG);
		assert_int_equal(rc, failures > 0 ? PH_EIO : PH_OK);
		assert_in_range(failures, 0, 1);
		maybe[i % 40] = (uint8_t)(1 + i);
		if (rc == PH_OK)
			sure[i % 40] = (uint8_t)(1 + i);
		else
			refused++;
	}
	works = -1;
	assert_int_equal(checkpoint_sync(c), PH_OK);
	reopen();
	for (i = 0; i < 40; i++)
		assert_true(value[i] == sure[i] || value[i] == maybe[i]);
	assert_int_equal(stats().damaged, 0);
}

static void
no_failure_loses_what_was_written(void **state)
{
	unsigned int in_all;
	int n;

	calls = 0;
	fail_after(-1);
	in_all = calls;
	assert_true(in_all > 20);
	for (n = 0; n < 2 * (int)in_all; n++) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		once = n % 2 == 1;
		fail_after(n / 2);
	}
}

/* Nothing is opened that could not be written to. */
static void
a_disk_that_fails_at_first_is_told(void **state)
{
	int n;

	for (n = 0; n < 4; n++) {
		checkpoint_close(c);
		c = NULL;
		assert_int_equal(__real_ftruncate(fds[0], 0), 0);
		works = n;
		assert_int_equal(load(LIMIT), n < 3 ? PH_EIO : PH_OK);
		assert_int_equal(c == NULL, n < 3);
		works = -1;
	}
	/* A journal that is there: its end is cut, and the other emptied. */
	assert_int_equal(put(1, 2, 3), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	for (n = 0; n < 3; n++) {
		checkpoint_close(c);
		c = NULL;
		works = n;
		assert_int_equal(load(LIMIT), n < 2 ? PH_EIO : PH_OK);
		works = -1;
	}
	assert_int_equal(found, 1);
	/* In the middle of a move, the other is not. */
	(void)fill_until_switch();
	for (n = 0; n < 2; n++) {
		checkpoint_close(c);
		c = NULL;
		works = n;
		assert_int_equal(load(LIMIT), n < 1 ? PH_EIO : PH_OK);
		works = -1;
	}
	(void)state;
}

static void
a_write_may_be_short(void **state)
{
	unsigned int i;

	for (most = 1; most <= 101; most += 10) {
		calls = 0;
		for (i = 0; i < 40; i++)
			assert_int_equal(put(i, (uint8_t)(i + 1), 100 + i),
			    PH_OK);
		assert_int_equal(checkpoint_sync(c), PH_OK);
		assert_true(calls >= 40 * 100 / most);
		reopen();
		assert_int_equal(found, 40);
		for (i = 0; i < 40; i++)
			assert_true(value[i] == i + 1 && length[i] == 100 + i);
		assert_int_equal(stats().damaged, 0);
	}
	(void)state;
}

/* A file that is larger than it may be is read until it is. */
static void
no_more_is_read_than_the_limit(void **state)
{
	const uint64_t each = HEADER + 100;
	unsigned int i;
	uint64_t limit;

	for (limit = HEADER + 2 * each - 1; limit <= HEADER + 2 * each + 1;
	     limit++) {
		for (i = 0; i < 5; i++)
			assert_int_equal(put(i, 1, 100), PH_OK);
		assert_int_equal(checkpoint_sync(c), PH_OK);
		checkpoint_close(c);
		assert_int_equal(load(limit), PH_OK);
		assert_int_equal(found, limit < HEADER + 2 * each ? 2 : 3);
		assert_int_equal(size_of(fds[0]), HEADER + found * each);
		assert_int_equal(stats().size, HEADER + found * each);
		/* And it is full. */
		assert_int_equal(put(9, 1, 0), PH_ELIMIT);
		assert_int_equal(checkpoint_del(c, 0), PH_ELIMIT);
		assert_int_equal(stats().records, found);
		assert_int_equal(stats().dels, 0);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
	/* Up to its last byte. */
	for (limit = 2 * HEADER + 99; limit <= 2 * HEADER + 101; limit++) {
		checkpoint_close(c);
		assert_int_equal(load(limit), PH_OK);
		assert_int_equal(put(1, 1, 100),
		    limit < 2 * HEADER + 100 ? PH_ELIMIT : PH_OK);
		assert_int_equal(stats().puts, limit >= 2 * HEADER + 100);
	}
}

static void
a_wait_has_its_bounds(void **state)
{
	const int64_t now = 1000000, due = now + CHECKPOINT_WITHIN;
	/* clang-format off */
	static const struct {
		int64_t at;
		bool written;
	} rows[] = {
		{ 1000000, false }, { 1000000 - 1, true },
		{ 1000000 + CHECKPOINT_WITHIN - 1, false },
		{ 1000000 + CHECKPOINT_WITHIN, true },
		{ 1000000 + CHECKPOINT_WITHIN + 1, true },
	};
	/* clang-format on */
	int64_t next;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(put(1, 1, 1), PH_OK);
		assert_int_equal(checkpoint_run(c, false, now, &next), PH_OK);
		assert_int_equal(next, due);
		calls = 0;
		assert_int_equal(checkpoint_run(c, false, rows[i].at, &next),
		    PH_OK);
		assert_int_equal(calls, rows[i].written);
		assert_true(next == (rows[i].written ? INT64_MAX : due));
		assert_int_equal(checkpoint_run(c, true, now, &next), PH_OK);
		assert_true(next == INT64_MAX);
		assert_int_equal(calls, 1);
		/* What is written by another way waits no longer either. */
		assert_int_equal(put(1, 1, 1), PH_OK);
		assert_int_equal(checkpoint_run(c, false, now, &next), PH_OK);
		assert_int_equal(checkpoint_sync(c), PH_OK);
		assert_int_equal(put(1, 1, 1), PH_OK);
		assert_int_equal(checkpoint_run(c, false, now + 5, &next),
		    PH_OK);
		assert_int_equal(next, due + 5);
		assert_int_equal(checkpoint_sync(c), PH_OK);
	}
	/* What fails is told, and tried again. */
	assert_int_equal(put(1, 1, 1), PH_OK);
	works = 0;
	assert_int_equal(checkpoint_run(c, true, now, &next), PH_EIO);
	works = -1;
	assert_int_equal(checkpoint_run(c, true, now, &next), PH_OK);
	reopen();
	assert_int_equal(found, 1);
}

static void
limits_grow_with_those_of_the_configuration(void **state)
{
	struct conf *conf;

	(void)state;
	assert_int_equal(conf_parse(&conf,
			     span_of("protect { 192.0.2.0/24 }\nsip { }\n"),
			     "test", NULL, 0, stderr),
	    PH_OK);
	conf->sip.limit_calls = 1000;
	conf->tables.max = 3000;
	assert_int_equal(checkpoint_limit_calls(conf),
	    (16 << 20) + 1000 * 2048);
	assert_int_equal(checkpoint_limit_tables(conf),
	    (16 << 20) + 3000 * 256);
	conf->sip.limit_calls = UINT32_MAX;
	conf->tables.max = UINT32_MAX;
	assert_true(checkpoint_limit_calls(conf) ==
	    (16 << 20) + (uint64_t)UINT32_MAX * 2048);
	assert_true(checkpoint_limit_tables(conf) ==
	    (16 << 20) + (uint64_t)UINT32_MAX * 256);
	conf_free(conf);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_number_is_told),
		T(a_file_is_as_it_always_was),
		T(a_journal_of_rubbish_begins_anew),
		T(no_failure_loses_what_was_written),
		T(a_disk_that_fails_at_first_is_told),
		T(a_write_may_be_short),
		T(no_more_is_read_than_the_limit),
		T(a_wait_has_its_bounds),
		T(limits_grow_with_those_of_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
