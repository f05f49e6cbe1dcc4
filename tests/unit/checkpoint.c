/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/memfile.h"
#include "src/process/checkpoint.h"
#include "tests/unit/unit.h"

#define LIMIT (64u << 20)
#define NKEYS 2000

/*
 * The records that a load hands over: the last length and first byte of each
 * key.
 */
struct seen {
	unsigned int n;
	bool present[NKEYS];
	size_t len[NKEYS];
	uint8_t first[NKEYS];
};

static void
on_record(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct seen *s = ctx;

	assert_true(key < NKEYS);
	assert_false(s->present[key]);
	s->present[key] = true;
	s->len[key] = len;
	s->first[key] = len > 0 ? *(const uint8_t *)p : 0;
	s->n++;
}

static void
files(int fds[2])
{
	fds[0] = memfile_open();
	fds[1] = memfile_open();
	assert_true(fds[0] != -1 && fds[1] != -1);
}

static void
done(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static struct checkpoint *
reopen(int fds[2], struct seen *s)
{
	struct checkpoint *c;

	memset(s, 0, sizeof(*s));
	assert_int_equal(checkpoint_open(&c, fds, LIMIT, on_record, s), PH_OK);
	return c;
}

static off_t
size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static size_t most; /* that one pread() gives; 0: no limit */
static unsigned int cut_short;

/*
 * In place of libc's: a read may be interrupted, and is short then. The
 * linker puts them there (--wrap), by the names that pread(2) has with large
 * files on 32 bits and with _FORTIFY_SOURCE.
 */
ssize_t __wrap_pread(int fd, void *p, size_t len, off_t off);
ssize_t __wrap_pread64(int fd, void *p, size_t len, off_t off);
ssize_t __wrap___pread_chk(int fd, void *p, size_t len, off_t off, size_t room);

ssize_t
__wrap_pread(int fd, void *p, size_t len, off_t off)
{
	struct iovec v = { p, len };

	if (most > 0 && len > most) {
		v.iov_len = most;
		cut_short++;
	}
	return preadv(fd, &v, 1, off);
}

ssize_t
__wrap_pread64(int fd, void *p, size_t len, off_t off)
{
	return __wrap_pread(fd, p, len, off);
}

ssize_t
__wrap___pread_chk(int fd, void *p, size_t len, off_t off, size_t room)
{
	assert_true(len <= room);
	return __wrap_pread(fd, p, len, off);
}

/* A calloc(3) that fails, once this many have worked; -1: none fails. */
static int allocations = -1;

void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	if (allocations == 0)
		return NULL;
	if (allocations > 0)
		allocations--;
	return __real_calloc(n, size);
}

void *__wrap_slab_new(size_t size);
void *__real_slab_new(size_t size);

/* One allocation, of which calloc() may be a part. */
void *
__wrap_slab_new(size_t size)
{
	int left = allocations;
	void *p;

	if (left == 0)
		return NULL;
	allocations = -1;
	p = __real_slab_new(size);
	allocations = left > 0 ? left - 1 : left;
	return p;
}

static void
the_newest_record_of_a_key_counts(void **state)
{
	static struct seen s;
	struct checkpoint *c;
	int fds[2];

	(void)state;
	files(fds);
	c = reopen(fds, &s);
	assert_int_equal(s.n, 0);
	assert_int_equal(checkpoint_put(c, 1, "a", 1), PH_OK);
	assert_int_equal(checkpoint_put(c, 2, "bb", 2), PH_OK);
	assert_int_equal(checkpoint_put(c, 1, "ccc", 3), PH_OK);
	assert_int_equal(checkpoint_put(c, 3, "d", 1), PH_OK);
	assert_int_equal(checkpoint_put(c, 4, "", 0), PH_OK);
	assert_int_equal(checkpoint_del(c, 3), PH_OK);
	assert_int_equal(checkpoint_del(c, 99), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	checkpoint_close(c);
	c = reopen(fds, &s);
	assert_int_equal(s.n, 3);
	assert_true(s.present[1] && s.len[1] == 3 && s.first[1] == 'c');
	assert_true(s.present[2] && s.len[2] == 2 && s.first[2] == 'b');
	assert_true(s.present[4] && s.len[4] == 0);
	checkpoint_close(c);
	done(fds);
}

static void
records_wait_for_others_but_not_for_long(void **state)
{
	const int64_t now = 1000000;
	static struct seen s;
	struct checkpoint *c;
	off_t empty;
	int64_t next;
	int fds[2];

	(void)state;
	files(fds);
	c = reopen(fds, &s);
	empty = size_of(fds[0]);
	assert_int_equal(checkpoint_run(c, false, now, &next), PH_OK);
	assert_true(next == INT64_MAX);
	assert_int_equal(checkpoint_put(c, 1, "a", 1), PH_OK);
	assert_int_equal(checkpoint_run(c, false, now, &next), PH_OK);
	assert_int_equal(next, now + CHECKPOINT_WITHIN);
	assert_int_equal(checkpoint_put(c, 2, "b", 1), PH_OK);
	assert_int_equal(checkpoint_run(c, false, next - 1, &next), PH_OK);
	assert_int_equal(next, now + CHECKPOINT_WITHIN);
	assert_int_equal(size_of(fds[0]), empty);
	assert_int_equal(checkpoint_run(c, false, next, &next), PH_OK);
	assert_true(next == INT64_MAX && size_of(fds[0]) > empty);
	/*
	 * A record that must not be lost is written at once, and the others
	 * with it.
	 */
	empty = size_of(fds[0]);
	assert_int_equal(checkpoint_put(c, 2, "b", 1), PH_OK);
	assert_int_equal(checkpoint_run(c, true, now, &next), PH_OK);
	assert_true(next == INT64_MAX && size_of(fds[0]) > empty);
	/* A clock that was set back holds nothing up. */
	assert_int_equal(checkpoint_put(c, 3, "c", 1), PH_OK);
	assert_int_equal(checkpoint_run(c, false, now, &next), PH_OK);
	assert_int_equal(checkpoint_run(c, false, now - 1000000, &next), PH_OK);
	checkpoint_close(c);
	c = reopen(fds, &s);
	assert_int_equal(s.n, 3);
	checkpoint_close(c);
	done(fds);
}

static void
what_was_not_synced_is_lost_and_nothing_else(void **state)
{
	static struct seen s;
	struct checkpoint *c;
	int fds[2];

	(void)state;
	files(fds);
	c = reopen(fds, &s);
	assert_int_equal(checkpoint_put(c, 1, "a", 1), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	assert_int_equal(checkpoint_put(c, 2, "b", 1), PH_OK);
	checkpoint_close(c);
	c = reopen(fds, &s);
	assert_int_equal(s.n, 1);
	assert_true(s.present[1]);
	checkpoint_close(c);
	done(fds);
}

/* Cut the file at every length: each whole record before the cut survives. */
static void
a_torn_record_is_as_if_never_written(void **state)
{
	static struct seen s;
	uint8_t bytes[4096];
	struct checkpoint *c;
	unsigned int last = 0;
	off_t size, cut;
	int fds[2];

	(void)state;
	files(fds);
	c = reopen(fds, &s);
	assert_int_equal(checkpoint_put(c, 1, "one", 3), PH_OK);
	assert_int_equal(checkpoint_put(c, 2, "two", 3), PH_OK);
	assert_int_equal(checkpoint_put(c, 3, "three", 5), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	checkpoint_close(c);
	size = size_of(fds[0]);
	assert_int_equal(pread(fds[0], bytes, sizeof(bytes), 0), size);
	for (cut = 0; cut <= size; cut++) {
		assert_int_equal(ftruncate(fds[0], 0), 0);
		assert_int_equal(pwrite(fds[0], bytes, (size_t)cut, 0), cut);
		c = reopen(fds, &s);
		assert_true(s.n >= last && s.n <= last + 1);
		last = s.n;
		/* And it can be written to where it was cut. */
		assert_int_equal(checkpoint_put(c, 9, "nine", 4), PH_OK);
		assert_int_equal(checkpoint_sync(c), PH_OK);
		checkpoint_close(c);
		c = reopen(fds, &s);
		assert_int_equal(s.n, last + 1);
		assert_true(s.present[9]);
		checkpoint_close(c);
	}
	assert_int_equal(last, 3);
	done(fds);
}

static void
a_flipped_bit_anywhere_yields_no_wrong_record(void **state)
{
	static struct seen s;
	uint8_t bytes[4096];
	struct checkpoint *c;
	size_t bit;
	off_t size;
	int fds[2];

	(void)state;
	files(fds);
	c = reopen(fds, &s);
	assert_int_equal(checkpoint_put(c, 1, "A", 1), PH_OK);
	assert_int_equal(checkpoint_put(c, 2, "B", 1), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	checkpoint_close(c);
	size = size_of(fds[0]);
	assert_int_equal(pread(fds[0], bytes, sizeof(bytes), 0), size);
	for (bit = 0; bit < (size_t)size * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ftruncate(fds[0], 0), 0);
		assert_int_equal(pwrite(fds[0], bytes, (size_t)size, 0), size);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		c = reopen(fds, &s);
		assert_true(s.n < 2);
		assert_true(!s.present[1] || s.first[1] == 'A');
		assert_true(!s.present[2] || s.first[2] == 'B');
		checkpoint_close(c);
	}
	done(fds);
}

static void
oversized_records_and_a_full_journal_are_refused(void **state)
{
	static uint8_t big[CHECKPOINT_RECORD_MAX + 1];
	static struct seen s;
	struct checkpoint_stats before, st;
	struct checkpoint *c;
	enum ph_err rc;
	int fds[2], i;

	(void)state;
	files(fds);
	memset(&s, 0, sizeof(s));
	assert_int_equal(checkpoint_open(&c, fds, 1 << 20, on_record, &s),
	    PH_OK);
	assert_int_equal(checkpoint_put(c, 1, big, sizeof(big)), PH_ELIMIT);
	for (i = 0, rc = PH_OK; rc == PH_OK && i < 100; i++)
		rc = checkpoint_put(c, (uint64_t)i, big, sizeof(big) - 1);
	assert_int_equal(rc, PH_ELIMIT);
	assert_int_equal(i, 8);
	/* Records that wait to be written count for the size already. */
	checkpoint_stats(c, &before);
	assert_int_equal(checkpoint_put(c, 0, big, 100), PH_OK);
	checkpoint_stats(c, &st);
	assert_in_range(st.size - before.size, 100, 200);
	before = st;
	assert_int_equal(checkpoint_sync(c), PH_OK);
	checkpoint_stats(c, &st);
	assert_int_equal(st.size, before.size);
	assert_int_equal(size_of(fds[0]) + size_of(fds[1]), st.size);
	checkpoint_close(c);
	c = reopen(fds, &s);
	assert_int_equal(s.n, 7);
	checkpoint_close(c);
	done(fds);
}

/*
 * Many updates of many keys, reopened now and then in the middle of moving
 * from one file to the other: always the same as a plain array, and never
 * much larger than what is alive.
 */
static void
rewriting_loses_nothing_and_keeps_it_small(void **state)
{
	static struct seen s;
	static uint8_t value[NKEYS];
	static uint8_t bytes[1024];
	struct checkpoint_stats st;
	struct checkpoint *c;
	uint64_t switches = 0;
	unsigned int i, k, v, moving = 0;
	int fds[2];

	(void)state;
	files(fds);
	c = reopen(fds, &s);
	srandom(1);
	for (i = 0; i < 60000; i++) {
		k = (unsigned int)random() % NKEYS;
		v = (unsigned int)random() % 4;
		if (v == 0) {
			value[k] = 0;
			assert_int_equal(checkpoint_del(c, k), PH_OK);
		} else {
			value[k] = (uint8_t)(1 + random() % 255);
			memset(bytes, value[k], sizeof(bytes));
			assert_int_equal(checkpoint_put(c, k, bytes,
					     (size_t)random() % 1000 + 1),
			    PH_OK);
		}
		if (i % 997 != 0)
			continue;
		assert_int_equal(checkpoint_sync(c), PH_OK);
		checkpoint_stats(c, &st);
		switches += st.switches;
		assert_true(st.size < 4 * st.live + (1 << 20));
		moving += size_of(fds[0]) > 0 && size_of(fds[1]) > 0;
		checkpoint_close(c);
		c = reopen(fds, &s);
		for (k = 0; k < NKEYS; k++)
			assert_int_equal(s.present[k] ? s.first[k] : 0,
			    value[k]);
	}
	assert_true(switches > 10);
	assert_true(moving > 0);
	checkpoint_close(c);
	done(fds);
}

static void
a_short_read_is_not_the_end(void **state)
{
	static struct seen s;
	static uint8_t bytes[1024];
	struct checkpoint_stats st;
	struct checkpoint *c;
	unsigned int i;
	int fds[2];

	(void)state;
	files(fds);
	c = reopen(fds, &s);
	for (i = 0; i < NKEYS; i++) {
		memset(bytes, (int)(i % 251), sizeof(bytes));
		assert_int_equal(checkpoint_put(c, i, bytes, sizeof(bytes)),
		    PH_OK);
	}
	assert_int_equal(checkpoint_sync(c), PH_OK);
	checkpoint_close(c);
	most = 777;
	c = reopen(fds, &s);
	most = 0;
	assert_true(cut_short > 0);
	assert_int_equal(s.n, NKEYS);
	for (i = 0; i < NKEYS; i++)
		assert_int_equal(s.first[i], i % 251);
	checkpoint_stats(c, &st);
	assert_int_equal(st.damaged, 0);
	checkpoint_close(c);
	done(fds);
}

/* Fails as often as there is something to allocate; then all are there. */
static void
open_without_memory(int fds[2], unsigned int records)
{
	static struct seen s;
	struct checkpoint *c;
	enum ph_err rc;
	int refused;

	for (refused = 0;; refused++) {
		allocations = refused;
		memset(&s, 0, sizeof(s));
		rc = checkpoint_open(&c, fds, LIMIT, on_record, &s);
		allocations = -1;
		if (rc == PH_OK)
			break;
		assert_int_equal(rc, PH_ENOMEM);
		assert_null(c);
		assert_int_equal(s.n, 0);
	}
	assert_true(refused > (int)records);
	assert_int_equal(s.n, records);
	allocations = 0;
	assert_int_equal(checkpoint_put(c, 99, "x", 1), PH_ENOMEM);
	allocations = -1;
	checkpoint_close(c);
}

/* With a part of its records a journal would be worse than with none. */
static void
without_memory_it_is_not_opened(void **state)
{
	static char bytes[8192];
	static struct seen s;
	unsigned int i, both = 0;
	struct checkpoint *c;
	int fds[2];

	(void)state;
	files(fds);
	for (i = 0; i < 1000 && both < 2; i++) {
		c = reopen(fds, &s);
		assert_int_equal(checkpoint_put(c, i % 40, bytes,
				     sizeof(bytes)),
		    PH_OK);
		assert_int_equal(checkpoint_sync(c), PH_OK);
		checkpoint_close(c);
		if (i == 3)
			open_without_memory(fds, 4);
		/* While one file is copied to the other. */
		if (size_of(fds[0]) > 0 && size_of(fds[1]) > 0) {
			open_without_memory(fds, 40);
			both++;
		}
	}
	assert_int_equal(both, 2);
	done(fds);
}

/* A disk that is full now has room later. */
static void
what_cannot_be_written_is_tried_again(void **state)
{
	int fds[2], full = open("/dev/full", O_RDWR), kept;
	struct checkpoint *c;
	struct seen s;

	(void)state;
	if (full == -1)
		skip();
	files(fds);
	c = reopen(fds, &s);
	assert_int_equal(checkpoint_put(c, 1, "a", 1), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	kept = dup(fds[0]);
	assert_true(kept != -1);
	/* Whichever it writes to. */
	assert_true(size_of(fds[0]) > 0 && size_of(fds[1]) == 0);
	assert_true(dup2(full, fds[0]) != -1);
	assert_int_equal(checkpoint_put(c, 2, "b", 1), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_EIO);
	assert_int_equal(checkpoint_sync(c), PH_EIO);
	assert_true(dup2(kept, fds[0]) != -1);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	checkpoint_close(c);
	checkpoint_close(reopen(fds, &s));
	assert_int_equal(s.n, 2);
	assert_true(s.present[1] && s.present[2]);
	close(kept);
	close(full);
	done(fds);
}

/* Any order of everything, against a list of what must be there. */
static void
a_walk_loses_nothing(void **state)
{
	static uint8_t bytes[3000];
	static size_t model[40]; /* lengths; 0: none */
	struct checkpoint *c;
	struct seen s;
	uint32_t seed = 4711, r;
	size_t i, n;
	int fds[2], step;

	(void)state;
	files(fds);
	memset(model, 0, sizeof(model));
	c = reopen(fds, &s);
	for (step = 0; step < 2500; step++) {
		seed = seed * 1103515245 + 12345;
		r = seed >> 8;
		i = 1 + r % (ROWS(model) - 1);
		if (r / 64 % 4 == 0) {
			assert_int_equal(checkpoint_del(c, i), PH_OK);
			model[i] = 0;
		} else if (r / 64 % 200 != 7) {
			model[i] = 1 + r / 1024 % sizeof(bytes);
			memset(bytes, (int)(model[i] & 0xff), model[i]);
			assert_int_equal(checkpoint_put(c, i, bytes, model[i]),
			    PH_OK);
		} else {
			assert_int_equal(checkpoint_sync(c), PH_OK);
			checkpoint_close(c);
			c = reopen(fds, &s);
			for (i = n = 0; i < ROWS(model); i++) {
				n += model[i] > 0;
				assert_int_equal(s.present[i], model[i] > 0);
				assert_int_equal(s.len[i], model[i]);
				assert_int_equal(s.first[i], model[i] & 0xff);
			}
			assert_int_equal(s.n, n);
		}
		assert_true(size_of(fds[0]) + size_of(fds[1]) < 4 << 20);
	}
	checkpoint_close(c);
	done(fds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_record_of_a_key_counts),
		cmocka_unit_test(records_wait_for_others_but_not_for_long),
		cmocka_unit_test(without_memory_it_is_not_opened),
		cmocka_unit_test(what_was_not_synced_is_lost_and_nothing_else),
		cmocka_unit_test(a_torn_record_is_as_if_never_written),
		cmocka_unit_test(a_flipped_bit_anywhere_yields_no_wrong_record),
		cmocka_unit_test(
		    oversized_records_and_a_full_journal_are_refused),
		cmocka_unit_test(rewriting_loses_nothing_and_keeps_it_small),
		cmocka_unit_test(a_short_read_is_not_the_end),
		cmocka_unit_test(what_cannot_be_written_is_tried_again),
		cmocka_unit_test(a_walk_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
