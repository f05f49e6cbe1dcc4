/* SPDX-License-Identifier: ISC */
/* How long a process waits, for what, and when signals get their turn. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/process/tally.h"
#include "src/process/waiter.h"
#include "tests/unit/unit.h"

/* In place of the system's: a clock of paper, and what ppoll(2) was asked. */
static int64_t now, passes;
static int ready;
static short revents;
static struct {
	struct pollfd pfd[8];
	nfds_t n;
	struct timespec ts;
	const sigset_t *mask;
} asked;
static unsigned int masks;

int64_t __wrap_clock_now(void);
int __wrap_ppoll(struct pollfd *pfd, nfds_t n, const struct timespec *ts,
    const sigset_t *mask);
int __wrap___ppoll_chk(struct pollfd *pfd, nfds_t n, const struct timespec *ts,
    const sigset_t *mask, size_t room);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __real_sigprocmask(int how, const sigset_t *set, sigset_t *old);

int64_t
__wrap_clock_now(void)
{
	return now;
}

int
__wrap_ppoll(struct pollfd *pfd, nfds_t n, const struct timespec *ts,
    const sigset_t *mask)
{
	nfds_t i;

	assert_true(n <= 8);
	memcpy(asked.pfd, pfd, n * sizeof(*pfd));
	asked.n = n;
	asked.ts = *ts;
	asked.mask = mask;
	now += passes;
	for (i = 0; ready > 0 && i < n; i++)
		pfd[i].revents = revents;
	errno = EINTR;
	return ready;
}

int
__wrap___ppoll_chk(struct pollfd *pfd, nfds_t n, const struct timespec *ts,
    const sigset_t *mask, size_t room)
{
	(void)room;
	return __wrap_ppoll(pfd, n, ts, mask);
}

int
__wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	masks++;
	return __real_sigprocmask(how, set, old);
}

static struct waiter w;
static struct ipc ours, theirs;
static struct ipc_msg msg;

static int
setup(void **state)
{
	(void)state;
	waiter_init(&w, NULL, 0, NULL);
	assert_true(w.n == 0 && w.busy == 0 && !w.slept);
	now = 1000 * USEC_PER_SEC;
	passes = 0;
	ready = 0;
	revents = 0;
	masks = 0;
	ipc_init(&ours, -1);
	ipc_init(&theirs, -1);
	return 0;
}

static void
it_waits_as_long_as_is_left(void **state)
{
#define T0   (1000 * USEC_PER_SEC)
#define LONG (3600 * USEC_PER_SEC)
	/* clang-format off */
	static const struct {
		int64_t until, sec, usec, passes;
		bool slept;
	} rows[] = {
		{ T0, 0, 0, 0, false }, { T0 - 1, 0, 0, 49, false },
		{ 0, 0, 0, 50, true }, { T0 + 1, 0, 1, 51, true },
		{ T0 + 999999, 0, 999999, 1, false },
		{ T0 + 1000000, 1, 0, 1000000, true },
		{ T0 + 2500003, 2, 500003, 2500003, true },
		{ T0 + LONG - 1, 3599, 999999, 5, false },
		{ T0 + LONG, 3600, 0, 5, false },
		{ T0 + LONG + 1, 3600, 0, 5, false },
		{ INT64_MAX - 1, 3600, 0, 5, false },
		{ INT64_MAX, 3600, 0, 5, false },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		setup(state);
		passes = rows[i].passes;
		w.slept = !rows[i].slept;
		waiter_clear(&w);
		waiter_wait(&w, rows[i].until);
		assert_int_equal(asked.ts.tv_sec, rows[i].sec);
		assert_int_equal(asked.ts.tv_nsec, rows[i].usec * 1000);
		assert_int_equal(asked.n, 0);
		assert_ptr_equal(asked.mask, &w.unblocked);
		assert_int_equal(w.slept, rows[i].slept);
	}
}

static void
it_waits_to_write_if_something_waits(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&ours, fds[0]);
	ipc_init(&theirs, fds[1]);
	ours.held = true;
	assert_int_equal(ipc_send(&ours, IPC_REPORT, 0, &msg, -1), PH_OK);
	ours.full = true;
	waiter_clear(&w);
	waiter_add(&w, &ours);
	waiter_add(&w, &theirs);
	w.pfd[0].revents = POLLIN;
	waiter_clear(&w);
	assert_int_equal(w.n, 0);
	waiter_add(&w, &ours);
	waiter_add(&w, &theirs);
	ready = -1; /* it failed: nothing is ready */
	waiter_wait(&w, 0);
	assert_int_equal(asked.n, 2);
	assert_true(asked.pfd[0].fd == fds[0] && asked.pfd[1].fd == fds[1]);
	assert_int_equal(asked.pfd[0].events, POLLIN | POLLOUT);
	assert_int_equal(asked.pfd[1].events, POLLIN);
	assert_false(waiter_readable(&w, 0) || waiter_readable(&w, 1));
	assert_int_equal(w.busy, 0);
	assert_int_equal(waiter_flush(&w, 0), PH_OK);
	assert_true(ipc_unsent(&ours));
	/* It can be written to, and that is all. */
	ready = 1;
	revents = POLLOUT;
	waiter_wait(&w, 0);
	assert_false(waiter_readable(&w, 0));
	assert_int_equal(waiter_flush(&w, 0), PH_OK);
	assert_true(STAILQ_EMPTY(&ours.out));
	/* Of all else that it says, reading tells why. */
	revents = POLLHUP | POLLOUT;
	waiter_wait(&w, 0);
	assert_true(waiter_readable(&w, 0) && waiter_readable(&w, 1));
	revents = POLLERR;
	waiter_wait(&w, 0);
	assert_true(waiter_readable(&w, 0));
	/* A peer that is gone is told by the flush. */
	ours.held = true;
	assert_int_equal(ipc_send(&ours, IPC_REPORT, 0, &msg, -1), PH_OK);
	ipc_close(&theirs);
	assert_int_equal(waiter_flush(&w, 0), PH_OK);
	revents = POLLOUT;
	waiter_wait(&w, 0);
	assert_int_equal(waiter_flush(&w, 0), PH_EGONE);
	ipc_close(&ours);
}

/* Once in 32 times that something is there. */
static void
signals_get_a_turn(void **state)
{
	int i;

	(void)state;
	ready = 1;
	for (i = 1; i <= 100; i++) {
		waiter_wait(&w, 0);
		assert_int_equal(w.busy, i);
		assert_int_equal(masks, i / 32 * 2);
	}
	ready = 0;
	for (i = 0; i < 100; i++)
		waiter_wait(&w, 0);
	assert_int_equal(w.busy, 100);
	assert_int_equal(masks, 6);
}

static uint64_t packets;

static void
on_counters(void *ctx, struct counters *c)
{
	(void)ctx;
	counters_put(c, "packets", packets);
	counters_put_gauge(c, "calls", 7);
}

static char each[128];

static void
on_each(void *ctx, const char *name, uint64_t v, bool gauge)
{
	struct strbuf *b = ctx;

	strbuf_fmt(b, "%s %u %d;", name, (unsigned int)v, gauge);
}

static void
on_record(void *ctx, uint64_t key, const void *p, size_t len)
{
	(void)ctx;
	(void)key;
	(void)p;
	(void)len;
	fail();
}

/* What could not be written is written the next time. */
static void
a_tally_that_fails_is_tried_again(void **state)
{
	struct tally t = { .list = on_counters };
	struct strbuf b = strbuf_of(each, sizeof(each));
	struct checkpoint_stats st;
	struct checkpoint *c;
	FILE *f[2] = { tmpfile(), tmpfile() };
	int fds[2], i;

	(void)state;
	assert_true(f[0] != NULL && f[1] != NULL);
	fds[0] = fileno(f[0]);
	fds[1] = fileno(f[1]);
	assert_int_equal(checkpoint_open(&c, fds, 30, on_record, NULL), PH_OK);
	packets = 5;
	for (i = 0; i < 2; i++) {
		assert_int_equal(tally_write(&t, c, 1000 + i), PH_ELIMIT);
		assert_true(t.written_len == 0 && t.written_at == 1000 + i);
	}
	checkpoint_close(c);
	assert_int_equal(checkpoint_open(&c, fds, 1 << 20, on_record, NULL),
	    PH_OK);
	for (i = 0; i < 3; i++) {
		packets = i < 2 ? 5 : 6;
		assert_int_equal(tally_write(&t, c, 2000 + i), PH_OK);
		assert_true(t.written_len == strlen("packets 5\n") &&
		    t.written_at == 2000 + i);
		checkpoint_stats(c, &st);
		assert_int_equal(st.puts, i < 2 ? 1 : 2);
		assert_int_equal(lseek(fds[0], 0, SEEK_END), st.size);
	}
	/* Not before its time, by the time of the last attempt. */
	packets = 7;
	assert_int_equal(tally_run(&t, c, 2002 + TALLY_EVERY - 1), PH_OK);
	assert_int_equal(t.written_at, 2002);
	assert_int_equal(tally_run(&t, NULL, 2002 + TALLY_EVERY), PH_OK);
	assert_int_equal(t.written_at, 2002 + TALLY_EVERY);
	checkpoint_stats(c, &st);
	assert_int_equal(st.puts, 2);
	tally_adopt(&t, "packets 100\n", 12);
	tally_each(&t, on_each, &b);
	assert_string_equal(each, "packets 107 0;calls 7 1;");
	checkpoint_close(c);
	fclose(f[0]);
	fclose(f[1]);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_waits_as_long_as_is_left),
		T(it_waits_to_write_if_something_waits),
		T(signals_get_a_turn),
		T(a_tally_that_fails_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
