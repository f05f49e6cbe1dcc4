/* SPDX-License-Identifier: ISC */
#ifndef TESTS_CHECKPOINT_PLAY_H
#define TESTS_CHECKPOINT_PLAY_H

/* A journal in memory, on a disk that fails when a test says so. */
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/memfile.h"
#include "src/process/checkpoint.h"
#include "tests/unit/unit.h"

#define LIMIT  (64u << 20)
#define NKEYS  8200
#define TOP    10 /* keys that are the greatest of all */
#define HEADER 24 /* of a file, and of a record */
#define BIG    8192

/*
 * In place of libc's.  Writes and truncations fail once as many as `works` have
 * been done; a write takes `most` bytes at a time.
 */
static int works = -1; /* none fails */
static bool once;      /* the next works again */
static unsigned int failures;
static size_t most;
static unsigned int calls;

ssize_t __real_pwrite(int fd, const void *p, size_t len, off_t off);
ssize_t __wrap_pwrite(int fd, const void *p, size_t len, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t len, off_t off);
int __real_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len);
int __wrap_ftruncate64(int fd, off_t len);

static bool
fails(void)
{
	calls++;
	if (works > 0)
		works--;
	else if (works == 0) {
		errno = ENOSPC;
		failures++;
		works = once ? -1 : 0;
		return true;
	}
	return false;
}

ssize_t
__wrap_pwrite(int fd, const void *p, size_t len, off_t off)
{
	errno = 0;
	if (fails())
		return -1;
	return __real_pwrite(fd, p, most > 0 && len > most ? most : len, off);
}

ssize_t
__wrap_pwrite64(int fd, const void *p, size_t len, off_t off)
{
	return __wrap_pwrite(fd, p, len, off);
}

int
__wrap_ftruncate(int fd, off_t len)
{
	errno = 0;
	return fails() ? -1 : __real_ftruncate(fd, len);
}

int
__wrap_ftruncate64(int fd, off_t len)
{
	return __wrap_ftruncate(fd, len);
}

static int fds[2];
static struct checkpoint *c;
static uint8_t value[NKEYS]; /* that a load has found; 0: none */
static size_t length[NKEYS];
static unsigned int found;
static uint8_t bytes[BIG];

static void
on_record(void *ctx, uint64_t key, const void *p, size_t len)
{
	const uint8_t *b = p;
	size_t i;

	assert_ptr_equal(ctx, &found);
	if (key > UINT64_MAX - TOP)
		key = NKEYS - 1 - (UINT64_MAX - key);
	assert_true(key < NKEYS && value[key] == 0);
	for (i = 1; i < len; i++)
		assert_int_equal(b[i], b[0]);
	value[key] = len > 0 ? b[0] : 0xff;
	length[key] = len;
	found++;
}

static inline enum ph_err
load(uint64_t limit)
{
	memset(value, 0, sizeof(value));
	memset(length, 0, sizeof(length));
	found = 0;
	return checkpoint_open(&c, fds, limit, on_record, &found);
}

static inline int
setup(void **state)
{
	(void)state;
	works = -1;
	once = false;
	most = 0;
	fds[0] = memfile_open();
	fds[1] = memfile_open();
	if (fds[0] == -1 || fds[1] == -1)
		return -1;
	return load(LIMIT) == PH_OK ? 0 : -1;
}

static inline int
teardown(void **state)
{
	(void)state;
	works = -1;
	checkpoint_close(c);
	c = NULL;
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static inline void
reopen(void)
{
	checkpoint_close(c);
	assert_int_equal(load(LIMIT), PH_OK);
}

static inline enum ph_err
put(uint64_t key, uint8_t v, size_t len)
{
	memset(bytes, v, sizeof(bytes));
	return checkpoint_put(c, key, bytes, len);
}

static inline off_t
size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static inline struct checkpoint_stats
stats(void)
{
	struct checkpoint_stats st;

	checkpoint_stats(c, &st);
	return st;
}

/*
 * Forty records, written again and again until the other file is begun, with
 * what has been gathered on the disk.
 */
static inline unsigned int
fill_until_switch(void)
{
	unsigned int i;

	for (i = 0; stats().switches == 0; i++) {
		assert_true(i < 1000);
		assert_int_equal(put(i % 40, (uint8_t)(1 + i % 40), BIG),
		    PH_OK);
	}
	assert_int_equal(checkpoint_sync(c), PH_OK);
	/* Sixteen are copied at a time. */
	assert_int_equal(stats().moved, 16);
	assert_true(size_of(fds[0]) > 0 && size_of(fds[1]) > 0);
	return (i - 1) % 40;
}

#endif
