/* SPDX-License-Identifier: ISC */
/* A child from its start to its end, where the system may refuse. */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/process/child.h"
#include "tests/unit/unit.h"

#define T0 (1000 * USEC_PER_SEC)

static struct child c;
static struct ipc_msg msg;

/* In place of the system's. */
static bool no_fork, no_pair, faked;
static char done[256]; /* what was asked of the system */
static int kill_errno[2], seteuid_errno[2];
static unsigned int kills, seteuids;
static char title[64];
static jmp_buf ended; /* the process */

pid_t __real_fork(void);
pid_t __wrap_fork(void);
enum ph_err __real_ipc_pair(int fds[2]);
enum ph_err __wrap_ipc_pair(int fds[2]);
int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);
uid_t __wrap_geteuid(void);
int __wrap_seteuid(uid_t uid);
void __wrap_setproctitle(const char *fmt, ...) LOG_PRINTF(1, 2);
void __wrap_log_fatal(const char *module, const char *fmt, ...)
    __attribute__((noreturn));
static void note(const char *fmt, ...) LOG_PRINTF(1, 2);

pid_t
__wrap_fork(void)
{
	return no_fork ? -1 : __real_fork();
}

enum ph_err
__wrap_ipc_pair(int fds[2])
{
	return no_pair ? PH_EIO : __real_ipc_pair(fds);
}

static void
note(const char *fmt, ...)
{
	size_t len = strlen(done);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(done + len, sizeof(done) - len, fmt, ap);
	va_end(ap);
}

int
__wrap_kill(pid_t pid, int sig)
{
	if (!faked)
		return __real_kill(pid, sig);
	note("kill %d %d;", (int)pid, sig);
	errno = kill_errno[kills++ % 2];
	return errno != 0 ? -1 : 0;
}

uid_t
__wrap_geteuid(void)
{
	return 77;
}

int
__wrap_seteuid(uid_t uid)
{
	note("user %d;", (int)uid);
	errno = seteuid_errno[seteuids++ % 2];
	return errno != 0 ? -1 : 0;
}

void
__wrap_setproctitle(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(title, sizeof(title), fmt, ap);
	va_end(ap);
}

void
__wrap_log_fatal(const char *module, const char *fmt, ...)
{
	note("fatal %s %s;", module, fmt);
	longjmp(ended, 1);
}

static int
setup(void **state)
{
	(void)state;
	no_fork = no_pair = faked = false;
	memset(kill_errno, 0, sizeof(kill_errno));
	memset(seteuid_errno, 0, sizeof(seteuid_errno));
	kills = seteuids = 0;
	done[0] = '\0';
	child_init(&c, CHILD_ENGINE);
	return 0;
}

/* clang-format off */
static const struct {
	enum child_role role;
	const char *name;
	int64_t seconds;	/* to quit in */
} roles[] = {
	{ CHILD_FIREWALL, "firewall", 30 },
	{ CHILD_ENGINE, "engine", 10 },
	{ CHILD_PROXY, "proxy", 10 },
	{ CHILD_STATUS, "status", 2 },
	{ CHILD_SHARE, "share", 2 },
};
/* clang-format on */

static int
nothing(void *ctx, int monitor_fd)
{
	(void)ctx;
	(void)monitor_fd;
	return 0;
}

static int
wait_for(void)
{
	int status;

	ipc_close(&c.ipc);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Whether it has the name and the place of its role. */
static int
look_around(void *ctx, int monitor_fd)
{
	static const int ignored[] = { SIGINT, SIGHUP, SIGUSR1, SIGUSR2,
		SIGPIPE, SIGTERM };
	struct sigaction sa;
	sigset_t mask;
	size_t i;
	int sig;

	if (ctx != &c)
		return 1;
	if (strcmp(title, child_name(c.role)) != 0)
		return 2;
	for (i = 0; i < ROWS(ignored); i++)
		if (sigaction(ignored[i], NULL, &sa) != 0 ||
		    sa.sa_handler != SIG_IGN)
			return 3;
	if (sigaction(SIGCHLD, NULL, &sa) != 0 || sa.sa_handler != SIG_DFL)
		return 4;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (sig = 1; sig < 32; sig++)
		if (sigismember(&mask, sig) == 1)
			return 5;
	/* Its end, and not the monitor's. */
	if ((fcntl(monitor_fd, F_GETFD) & FD_CLOEXEC) == 0)
		return 6;
	if (fcntl(monitor_fd - 1, F_GETFD) != -1)
		return 7;
	return 42;
}

static void
on_signal(int sig)
{
	(void)sig;
}

static void
each_role_starts_and_quits(void **state)
{
	static const int handled[] = { SIGINT, SIGHUP, SIGUSR1, SIGUSR2,
		SIGPIPE, SIGTERM, SIGCHLD };
	struct sigaction sa = { .sa_handler = on_signal };
	struct pollfd pfd;
	sigset_t set, before;
	int first;
	size_t i;

	assert_int_equal(ROWS(roles), CHILD_NROLES);
	for (i = 0; i < ROWS(handled); i++)
		sigaction(handled[i], &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	for (i = 0; i < ROWS(roles); i++) {
		setup(state);
		child_init(&c, roles[i].role);
		assert_true(c.role == roles[i].role && c.state == CHILD_NONE &&
		    c.pid == 0 && c.ipc.fd == -1 && c.start_at == 0 &&
		    !c.wanted && !c.linked);
		assert_string_equal(child_name(c.role), roles[i].name);
		/* The child looks for the lower of the pair below its own. */
		first = open("/dev/null", O_RDONLY);
		close(first);
		assert_int_equal(child_start(&c, T0, look_around, &c), PH_OK);
		assert_true(c.state == CHILD_STARTING && c.pid > 0 &&
		    c.since == T0 && c.ipc.fd == first && !c.ipc.gone &&
		    child_patience(&c) == T0 + 20 * USEC_PER_SEC);
		/* When the child has ended, nobody has the other end. */
		pfd = (struct pollfd) { c.ipc.fd, POLLIN, 0 };
		assert_int_equal(poll(&pfd, 1, 20000), 1);
		assert_int_equal(wait_for(), 42);
		/* Quitting, each has its own time. */
		c.state = CHILD_READY;
		c.pid = 0;
		child_quit(&c, true, T0);
		assert_int_equal(child_patience(&c),
		    T0 + roles[i].seconds * USEC_PER_SEC);
		c.state = CHILD_READY;
		child_leave(&c, T0 + 1);
		assert_int_equal(child_patience(&c),
		    T0 + 1 + roles[i].seconds * USEC_PER_SEC);
		assert_int_equal(c.state, CHILD_QUITTING);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	for (i = 0; i < ROWS(handled); i++)
		sigaction(handled[i],
		    &(struct sigaction) { .sa_handler = SIG_DFL }, NULL);
}

static void
a_start_that_fails_leaves_nothing(void **state)
{
	int first, again;

	(void)state;
	first = open("/dev/null", O_RDONLY);
	close(first);
	for (no_pair = true;; no_pair = false, no_fork = true) {
		assert_int_equal(child_start(&c, T0, nothing, NULL), PH_EIO);
		assert_true(
		    c.pid == 0 && c.state == CHILD_NONE && c.ipc.fd == -1);
		assert_int_equal(again = open("/dev/null", O_RDONLY), first);
		close(again);
		if (no_fork)
			break;
	}
}

static FILE *file;

static int
say(void *ctx, int monitor_fd)
{
	(void)ctx;
	(void)monitor_fd;
	fputs("child", file);
	return 0;
}

/* Nor is what the child says lost with it. */
static void
what_stdio_has_is_written_once(void **state)
{
	char text[64] = "";

	(void)state;
	assert_non_null(file = tmpfile());
	fputs("parent ", file);
	assert_int_equal(child_start(&c, T0, say, NULL), PH_OK);
	assert_int_equal(wait_for(), 0);
	fclose(file);
	assert_non_null(file = tmpfile());
	fputs("parent ", file);
	assert_int_equal(child_start(&c, T0, say, NULL), PH_OK);
	assert_int_equal(wait_for(), 0);
	assert_int_equal(fflush(file), 0);
	assert_int_equal(pread(fileno(file), text, sizeof(text) - 1, 0), 12);
	assert_string_equal(text, "parent child");
	fclose(file);
}

static void
it_is_killed_as_root_or_as_its_user(void **state)
{
	/* clang-format off */
	static const struct {
		pid_t pid;
		int kill[2], seteuid[2];
		const char *done;
	} rows[] = {
		{ 0, { 0, 0 }, { 0, 0 }, "" },
		{ -1, { 0, 0 }, { 0, 0 }, "" },
		{ 1, { 0, 0 }, { 0, 0 }, "kill 1 9;" },
		{ 5, { ESRCH, 0 }, { 0, 0 }, "kill 5 9;" },
		{ 5, { EPERM, 0 }, { 0, 0 }, "kill 5 9;user 33;kill 5 9;user 77;" },
		{ 5, { EPERM, EPERM }, { 0, 0 }, "kill 5 9;user 33;kill 5 9;user 77;" },
		{ 5, { EPERM, 0 }, { EPERM, 0 }, "kill 5 9;user 33;" },
		{ 5, { EPERM, 0 }, { 0, EPERM }, "kill 5 9;user 33;kill 5 9;user 77;fatal monitor seteuid;" },
	};
	/* clang-format on */
	volatile size_t i;
	volatile int how;

	for (i = 0; i < ROWS(rows); i++)
		for (how = 0; how < 2; how++) {
			setup(state);
			faked = true;
			memcpy(kill_errno, rows[i].kill, sizeof(kill_errno));
			memcpy(seteuid_errno, rows[i].seteuid,
			    sizeof(seteuid_errno));
			c.pid = rows[i].pid;
			c.uid = 33;
			if (setjmp(ended) == 0) {
				if (how == 0)
					child_kill(&c);
				else
					child_kill_as(rows[i].pid, 33);
			}
			assert_string_equal(done, rows[i].done);
		}
}

static void
all_of_it_moves(void **state)
{
	struct child to, before;
	int fds[2];

	(void)state;
	assert_int_equal(ipc_pair(fds), PH_OK);
	child_init(&c, CHILD_PROXY);
	ipc_init(&c.ipc, fds[0]);
	c.state = CHILD_READY;
	c.wanted = c.linked = c.fed = c.late = true;
	c.uid = 1;
	c.pid = 2;
	c.since = 3;
	c.start_at = 4;
	c.patience = 5;
	c.quick_deaths = 6;
	c.ready_deaths = 7;
	before = c;
	child_init(&to, CHILD_ENGINE);
	child_move(&to, &c);
	assert_true(to.role == CHILD_PROXY && to.state == CHILD_READY &&
	    to.wanted && to.linked && to.fed && to.late && to.uid == 1 &&
	    to.pid == 2 && to.since == 3 && to.start_at == 4 &&
	    to.patience == 5 && to.quick_deaths == 6 && to.ready_deaths == 7 &&
	    to.ipc.fd == before.ipc.fd);
	assert_true(c.role == CHILD_PROXY && c.state == CHILD_NONE &&
	    c.wanted && !c.linked && !c.fed && !c.late && c.pid == 0 &&
	    c.since == 0 && c.start_at == 0 && c.patience == 0 &&
	    c.quick_deaths == 0 && c.ready_deaths == 0 && c.ipc.fd == -1);
	c.wanted = false;
	ipc_close(&to.ipc);
	close(fds[1]);
	assert_int_equal(ipc_pair(fds), PH_OK);
	child_init(&to, CHILD_ENGINE);
	child_move(&to, &c);
	assert_false(to.wanted || c.wanted);
	close(fds[0]);
	close(fds[1]);
}

/* What a child is told, in the order in which it is told it. */
static void
it_is_told_once(void **state)
{
	struct ipc far;
	int fds[2], fd, keep;

	for (keep = 0; keep < 2; keep++) {
		setup(state);
		faked = true;
		assert_int_equal(ipc_pair(fds), PH_OK);
		ipc_init(&c.ipc, fds[0]);
		ipc_init(&far, fds[1]);
		c.pid = 5;
		c.state = CHILD_READY;
		child_quit(&c, keep, T0);
		child_quit(&c, !keep, T0 + 9);
		assert_int_equal(ipc_recv(&far, &msg, &fd), PH_OK);
		assert_true(msg.hdr.type == IPC_QUIT && msg.hdr.seq == 0 &&
		    msg.u.quit.keep == (uint32_t)keep);
		assert_int_equal(ipc_recv(&far, &msg, &fd), PH_EAGAIN);
		assert_int_equal(child_patience(&c), T0 + 10 * USEC_PER_SEC);
		c.state = CHILD_READY;
		child_leave(&c, T0);
		assert_int_equal(ipc_recv(&far, &msg, &fd), PH_OK);
		assert_true(msg.hdr.type == IPC_LEAVE && msg.hdr.seq == 0);
		/* Leaving, it needs not be told again. */
		child_leave(&c, T0 + 5);
		assert_int_equal(ipc_recv(&far, &msg, &fd), PH_EAGAIN);
		assert_int_equal(child_patience(&c), T0 + 10 * USEC_PER_SEC);
		assert_string_equal(done, "");
		/* One that starts quits, to be started by a successor. */
		c.state = CHILD_STARTING;
		child_leave(&c, T0 + 7);
		assert_int_equal(ipc_recv(&far, &msg, &fd), PH_OK);
		assert_true(msg.hdr.type == IPC_QUIT && msg.u.quit.keep == 1);
		assert_int_equal(child_patience(&c),
		    T0 + 7 + 10 * USEC_PER_SEC);
		ipc_close(&far);
		c.state = CHILD_READY;
		child_quit(&c, keep, T0);
		assert_string_equal(done, "kill 5 9;");
		c.state = CHILD_READY;
		child_leave(&c, T0);
		assert_string_equal(done, "kill 5 9;kill 5 9;");
		ipc_close(&c.ipc);
	}
}

/* A beat counts from a child that is ready, and from no other. */
static void
only_one_that_is_ready_beats(void **state)
{
	/* clang-format off */
	static const struct {
		enum child_state state;
		int64_t before, after;
	} rows[] = {
		{ CHILD_NONE, 5, 5 },
		{ CHILD_STARTING, 5, 5 },
		{ CHILD_QUITTING, 5, 5 },
		{ CHILD_READY, 5, T0 + 20 * USEC_PER_SEC },
		{ CHILD_READY, 0, T0 + 20 * USEC_PER_SEC },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		setup(state);
		faked = true;
		c.pid = 5;
		c.state = rows[i].state;
		c.patience = rows[i].before;
		c.late = true;
		child_beat(&c, T0);
		assert_int_equal(c.patience, rows[i].after);
		assert_int_equal(c.late, rows[i].state != CHILD_READY);
		child_ready(&c);
		assert_true(c.state == CHILD_READY && c.patience == 0 &&
		    !c.late && child_patience(&c) == INT64_MAX);
		assert_false(child_run_out(&c, INT64_MAX - 1));
		assert_string_equal(done, "");
	}
	/* One that quits has one patience. */
	setup(state);
	faked = true;
	c.pid = 5;
	c.state = CHILD_QUITTING;
	c.patience = T0;
	assert_false(child_run_out(&c, T0 - 1));
	assert_true(child_run_out(&c, T0));
	assert_string_equal(done, "kill 5 9;");
	assert_true(child_patience(&c) == INT64_MAX);
	assert_false(child_run_out(&c, T0 + 1));
}

static void
its_end_is_told_in_words(void **state)
{
	/* clang-format off */
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{ 0, "exit status 0" },
		{ 1 << 8, "exit status 1" },
		{ 255 << 8, "exit status 255" },
		{ 15, "killed by signal 15" },
		{ 9 | 0x80, "killed by signal 9" }, /* with a core */
	};
	/* clang-format on */
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		child_describe(text, sizeof(text), rows[i].status);
		assert_string_equal(text, rows[i].text);
	}
}

#define T(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_role_starts_and_quits),
		T(a_start_that_fails_leaves_nothing),
		T(what_stdio_has_is_written_once),
		T(it_is_killed_as_root_or_as_its_user),
		T(all_of_it_moves),
		T(it_is_told_once),
		T(only_one_that_is_ready_beats),
		T(its_end_is_told_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
