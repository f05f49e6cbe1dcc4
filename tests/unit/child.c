/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/process/child.h"
#include "tests/unit/unit.h"

/* A child of the monitor: when it is started, told to go, and killed. */
#define T0 (1000 * USEC_PER_SEC)

static struct child c;
static struct ipc_msg msg;

/* Says what it was told, as its exit status, when its monitor closes. */
static int
obey(void *ctx, int monitor_fd)
{
	struct pollfd pfd = { monitor_fd, POLLIN, 0 };
	struct ipc ipc;
	int fd, told = 0;

	(void)ctx;
	ipc_init(&ipc, monitor_fd);
	while (poll(&pfd, 1, 5000) == 1 && ipc_recv(&ipc, &msg, &fd) == PH_OK)
		told = msg.hdr.type == IPC_LEAVE ? 3 : msg.u.quit.keep ? 2 : 1;
	return told;
}

/* A child that raises the signals which are the monitor's business. */
static int
hear_no_signal(void *ctx, int monitor_fd)
{
	(void)monitor_fd;
	(void)ctx;
	raise(SIGHUP);
	raise(SIGINT);
	raise(SIGTERM);
	raise(SIGUSR1);
	raise(SIGUSR2);
	raise(SIGPIPE);
	return 7;
}

static int
setup(void **state)
{
	(void)state;
	child_init(&c, CHILD_ENGINE);
	return 0;
}

static void
start(int (*run)(void *ctx, int fd))
{
	assert_int_equal(child_start(&c, T0, run, NULL), PH_OK);
	assert_int_equal(c.state, CHILD_STARTING);
	assert_true(c.pid > 0);
}

static int
end(void)
{
	int status;

	ipc_close(&c.ipc);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	return status;
}

static void
what_it_is_told(void **state)
{
	(void)state;
	start(obey);
	child_ready(&c);
	child_quit(&c, true, T0);
	assert_int_equal(c.state, CHILD_QUITTING);
	assert_int_equal(child_patience(&c), T0 + 10 * USEC_PER_SEC);
	/* Once is enough. */
	child_quit(&c, false, T0 + 5);
	assert_int_equal(child_patience(&c), T0 + 10 * USEC_PER_SEC);
	assert_int_equal(WEXITSTATUS(end()), 2);

	setup(state);
	start(obey);
	child_quit(&c, false, T0);
	assert_int_equal(WEXITSTATUS(end()), 1);

	setup(state);
	start(obey);
	child_ready(&c);
	child_leave(&c, T0);
	assert_int_equal(c.state, CHILD_QUITTING);
	assert_int_equal(child_patience(&c), T0 + 10 * USEC_PER_SEC);
	assert_int_equal(WEXITSTATUS(end()), 3);

	/* Before it is ready, it has nothing to end. */
	setup(state);
	start(obey);
	child_leave(&c, T0);
	assert_int_equal(WEXITSTATUS(end()), 2);
	/* A child that does not run is told nothing. */
	setup(state);
	child_quit(&c, true, T0);
	assert_int_equal(c.state, CHILD_NONE);
}

static void
signals_are_the_monitors_business(void **state)
{
	int status;

	(void)state;
	start(hear_no_signal);
	status = end();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static int
hang(void *ctx, int monitor_fd)
{
	(void)ctx;
	(void)monitor_fd;
	sleep(20);
	return 0;
}

static void
assert_killed(void)
{
	char how[64];
	int status;

	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	child_describe(how, sizeof(how), status);
	assert_string_equal(how, "killed by signal 9");
}

static void
one_that_cannot_be_told_is_killed(void **state)
{
	char how[64];

	(void)state;
	start(hang);
	child_ready(&c);
	ipc_close(&c.ipc);
	child_quit(&c, true, T0);
	assert_killed();
	setup(state);
	start(hang);
	child_ready(&c);
	ipc_close(&c.ipc);
	child_leave(&c, T0);
	assert_killed();
	child_describe(how, sizeof(how), 0);
	assert_string_equal(how, "exit status 0");
}

static void
patience_ends(void **state)
{
	(void)state;
	assert_false(child_run_out(&c, INT64_MAX));
	start(hang);
	assert_int_equal(child_patience(&c), T0 + 20 * USEC_PER_SEC);
	assert_false(child_run_out(&c, T0 + 20 * USEC_PER_SEC - 1));
	assert_true(child_run_out(&c, T0 + 20 * USEC_PER_SEC));
	/* Once. */
	assert_false(child_run_out(&c, T0 + 21 * USEC_PER_SEC));
	assert_killed();

	setup(state);
	start(hang);
	child_beat(&c, T0);
	child_ready(&c);
	assert_int_equal(child_patience(&c), INT64_MAX);
	child_beat(&c, T0);
	assert_int_equal(child_patience(&c), T0 + 20 * USEC_PER_SEC);
	/* Late, but it answers: the whole machine had stopped. */
	assert_false(child_run_out(&c, T0 + 20 * USEC_PER_SEC - 1));
	assert_int_equal(child_patience(&c), T0 + 20 * USEC_PER_SEC);
	assert_false(child_run_out(&c, T0 + 99 * USEC_PER_SEC));
	assert_int_equal(child_patience(&c), T0 + 101 * USEC_PER_SEC);
	child_beat(&c, T0 + 100 * USEC_PER_SEC);
	assert_int_equal(child_patience(&c), T0 + 120 * USEC_PER_SEC);
	assert_false(child_run_out(&c, T0 + 120 * USEC_PER_SEC));
	assert_false(child_run_out(&c, T0 + 122 * USEC_PER_SEC - 1));
	assert_true(child_run_out(&c, T0 + 122 * USEC_PER_SEC));
	assert_false(child_run_out(&c, T0 + 123 * USEC_PER_SEC));
	assert_killed();
}

/* At once, then after 0.1 s, 0.2 s, and never later than 5 s. */
static void
who_keeps_dying_waits_longer(void **state)
{
	static const int64_t waits[] = { 0, 100, 200, 400, 800, 1600, 3200,
		5000, 5000 };
	int64_t now = T0;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(waits); i++) {
		c.since = now;
		c.state = i % 2 == 0 ? CHILD_READY : CHILD_STARTING;
		c.linked = c.fed = true;
		now += 10 * USEC_PER_SEC - 1;
		child_died(&c, now);
		assert_int_equal(c.start_at - now, waits[i] * 1000);
		assert_int_equal(c.state, CHILD_NONE);
		assert_int_equal(c.pid, 0);
		assert_false(c.linked || c.fed);
	}
	assert_int_equal(c.ready_deaths, 5);
	/* A child that has lived for ten seconds is started again at once. */
	c.since = now;
	c.state = CHILD_READY;
	now += 10 * USEC_PER_SEC;
	child_died(&c, now);
	assert_int_equal(c.start_at, now);
	assert_int_equal(c.ready_deaths, 1);
}

static void
it_moves_with_its_socket(void **state)
{
	struct child to;

	(void)state;
	child_init(&to, CHILD_ENGINE);
	start(obey);
	c.wanted = true;
	child_move(&to, &c);
	assert_int_equal(c.state, CHILD_NONE);
	assert_int_equal(c.pid, 0);
	assert_int_equal(c.ipc.fd, -1);
	assert_true(c.wanted);
	c = to;
	ipc_move(&c.ipc, &to.ipc);
	child_quit(&c, false, T0);
	assert_int_equal(WEXITSTATUS(end()), 1);
}

#define T(f) cmocka_unit_test_setup(f, setup)

/* In a group of its own, which is what kill(2) would take 0 for. */
static void
no_process_is_not_all_of_them(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(NULL);
	if ((pid = fork()) == 0) {
		if (setpgid(0, 0) == -1)
			_exit(1);
		child_kill_as(0, getuid());
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_it_is_told),
		T(signals_are_the_monitors_business),
		T(one_that_cannot_be_told_is_killed),
		T(no_process_is_not_all_of_them),
		T(patience_ends),
		T(who_keeps_dying_waits_longer),
		T(it_moves_with_its_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
