/* SPDX-License-Identifier: ISC */
#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/process/waiter.h"
#include "tests/unit/unit.h"

static struct waiter w;
static struct ipc near, far;
static struct ipc_msg msg;
static volatile sig_atomic_t caught;

static void
on_signal(int sig)
{
	(void)sig;
	caught++;
}

static int
make_pair(void **state)
{
	/* The second one is not the waiter's. */
	static const int signals[] = { SIGUSR2, SIGUSR1 };
	struct sigaction sa;
	sigset_t set;
	int fds[2];

	(void)state;
	if (ipc_pair(fds) != PH_OK)
		return -1;
	ipc_init(&near, fds[0]);
	ipc_init(&far, fds[1]);
	waiter_init(&w, signals, 1, on_signal);
	caught = 0;
	sigprocmask(SIG_BLOCK, NULL, &set);
	sigaction(SIGUSR1, NULL, &sa);
	assert_true(sigismember(&set, SIGUSR2) &&
	    sigismember(&w.blocked, SIGUSR2) &&
	    !sigismember(&w.unblocked, SIGUSR2));
	assert_false(sigismember(&set, SIGUSR1) ||
	    sigismember(&w.blocked, SIGUSR1) || sa.sa_handler == on_signal);
	/* What others have blocked stays so. */
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	waiter_init(&w, signals, 1, on_signal);
	assert_true(sigismember(&w.unblocked, SIGUSR1));
	sigdelset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	waiter_init(&w, signals, 1, on_signal);
	return 0;
}

static int
close_pair(void **state)
{
	(void)state;
	ipc_close(&near);
	ipc_close(&far);
	return 0;
}

/* How long it waited, in microseconds. */
static int64_t
waited(int64_t at_most)
{
	int64_t began = clock_now();

	waiter_clear(&w);
	waiter_add(&w, &near);
	waiter_wait(&w, at_most == INT64_MAX ? INT64_MAX : began + at_most);
	return clock_now() - began;
}

/* Does ppoll(2) let a signal through with a message there?  FreeBSD's does. */
static bool
ppoll_takes_signals(void)
{
	struct pollfd p = { .fd = w.ipc[0]->fd, .events = POLLIN };
	const struct timespec none = { 0, 0 };
	bool yes;

	assert_int_equal(raise(SIGUSR2), 0);
	(void)ppoll(&p, 1, &none, &w.unblocked);
	yes = caught > 0;
	waiter_signals(&w);
	caught = 0;
	return yes;
}

static void
a_pending_signal_comes_although_a_message_is_there(void **state)
{
	int i, least;

	(void)state;
	assert_int_equal(ipc_send(&far, IPC_REPORT, 0, &msg, -1), PH_OK);
	assert_true(waited(0) < 30 * USEC_PER_SEC);
	least = ppoll_takes_signals() ? 1 : 2;
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(caught, 0);
	/* Nor does it need the system calls of each wait to do so. */
	for (i = 0; i < 100 && caught == 0; i++) {
		assert_true(waited(60 * USEC_PER_SEC) < 30 * USEC_PER_SEC);
		assert_true(waiter_readable(&w, 0));
	}
	assert_int_equal(caught, 1);
	assert_in_range(i, least, 50);
}

static void
a_signal_ends_the_wait(void **state)
{
	(void)state;
	assert_int_equal(raise(SIGUSR2), 0);
	assert_true(waited(INT64_MAX) < 30 * USEC_PER_SEC);
	assert_int_equal(caught, 1);
	assert_false(waiter_readable(&w, 0));
}

static void
time_ends_the_wait(void **state)
{
	(void)state;
	assert_true(waited(20000) >= 20000);
	assert_true(w.slept);
	assert_false(waiter_readable(&w, 0));
	/* A deadline in the past ends the wait at once. */
	assert_true(waited(-USEC_PER_SEC) < 30 * USEC_PER_SEC);
	assert_int_equal(waiter_flush(&w, 0), PH_OK);
}

static void
a_peer_that_closes_can_be_read_from(void **state)
{
	int fd;

	(void)state;
	ipc_close(&far);
	assert_true(waited(60 * USEC_PER_SEC) < 30 * USEC_PER_SEC);
	assert_true(waiter_readable(&w, 0));
	assert_int_equal(ipc_recv(&near, &msg, &fd), PH_EGONE);
	/* A socket that we have closed is not waited for. */
	ipc_close(&near);
	assert_true(waited(1000) >= 1000);
	assert_false(waiter_readable(&w, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_pending_signal_comes_although_a_message_is_there,
		    make_pair, close_pair),
		cmocka_unit_test_setup_teardown(a_signal_ends_the_wait,
		    make_pair, close_pair),
		cmocka_unit_test_setup_teardown(time_ends_the_wait, make_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    a_peer_that_closes_can_be_read_from, make_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
