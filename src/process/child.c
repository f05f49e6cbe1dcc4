/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/process/child.h"

#define START_WITHIN (20 * USEC_PER_SEC)
#define BEAT_WITHIN  (20 * USEC_PER_SEC)
/* After that, for those that could not: the whole machine had stopped. */
#define BEAT_LATE    (2 * USEC_PER_SEC)
#define QUICK	     (10 * USEC_PER_SEC)
#define WAIT_FIRST   (USEC_PER_SEC / 10)
#define WAIT_LAST    (5 * USEC_PER_SEC)

/* How long it may take to quit: it may have 100,000 pinholes to close. */
static const struct {
	const char *name;
	int64_t quit_within;
} roles[CHILD_NROLES] = {
	[CHILD_FIREWALL] = { "firewall", 30 * USEC_PER_SEC },
	[CHILD_ENGINE] = { "engine", 10 * USEC_PER_SEC },
	[CHILD_PROXY] = { "proxy", 10 * USEC_PER_SEC },
	[CHILD_STATUS] = { "status", 2 * USEC_PER_SEC },
	[CHILD_SHARE] = { "share", 2 * USEC_PER_SEC },
};

const char *
child_name(enum child_role role)
{
	return roles[role].name;
}

void
child_init(struct child *c, enum child_role role)
{
	memset(c, 0, sizeof(*c));
	c->role = role;
	ipc_init(&c->ipc, -1);
}

static void
signal_set(int sig, void (*handler)(int))
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	sigaction(sig, &sa, NULL);
}

/* ^C at a terminal and TERM of a service manager reach all processes. */
static void
child_signals(void)
{
	sigset_t none;

	signal_set(SIGINT, SIG_IGN);
	signal_set(SIGHUP, SIG_IGN);
	signal_set(SIGUSR1, SIG_IGN);
	signal_set(SIGUSR2, SIG_IGN);
	signal_set(SIGPIPE, SIG_IGN);
	signal_set(SIGTERM, SIG_IGN);
	signal_set(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

enum ph_err
child_start(struct child *c, int64_t now, int (*run)(void *ctx, int monitor_fd),
    void *ctx)
{
	int fds[2], status;

	if (ipc_pair(fds) != PH_OK)
		return PH_EIO;
	/*
	 * The child would write the bytes that stdio has buffered a second
	 * time.
	 */
	fflush(NULL);
	switch (c->pid = fork()) {
	case -1:
		c->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return PH_EIO;
	case 0:
		close(fds[0]);
		child_signals();
		setproctitle("%s", child_name(c->role));
		status = run(ctx, fds[1]);
		fflush(NULL);
		_exit(status);
	default:
		close(fds[1]);
		ipc_init(&c->ipc, fds[0]);
		c->state = CHILD_STARTING;
		c->since = now;
		c->patience = now + START_WITHIN;
		return PH_OK;
	}
}

void
child_describe(char *buf, size_t size, int status)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
}

void
child_move(struct child *to, struct child *from)
{
	*to = *from;
	ipc_move(&to->ipc, &from->ipc);
	child_init(from, to->role);
	from->wanted = to->wanted;
}

void
child_leave(struct child *c, int64_t now)
{
	struct ipc_msg m;

	if (c->state != CHILD_READY) {
		child_quit(c, true, now);
		return;
	}
	c->state = CHILD_QUITTING;
	c->patience = now + roles[c->role].quit_within;
	if (ipc_send(&c->ipc, IPC_LEAVE, 0, &m, -1) != PH_OK)
		child_kill(c);
}

void
child_quit(struct child *c, bool keep, int64_t now)
{
	struct ipc_msg m = { .u.quit.keep = keep };

	if (c->state == CHILD_NONE || c->state == CHILD_QUITTING)
		return;
	c->state = CHILD_QUITTING;
	c->patience = now + roles[c->role].quit_within;
	if (ipc_send(&c->ipc, IPC_QUIT, 0, &m, -1) != PH_OK)
		child_kill(c);
}

void
child_kill(struct child *c)
{
	child_kill_as(c->pid, c->uid);
}

void
child_kill_as(pid_t pid, uid_t uid)
{
	uid_t self = geteuid();

	/* kill(2) takes 0 and below for groups of processes, -1 for all. */
	if (pid <= 0)
		return;
	if (kill(pid, SIGKILL) == 0 || errno != EPERM || seteuid(uid) == -1)
		return;
	(void)kill(pid, SIGKILL);
	if (seteuid(self) == -1)
		log_fatal("monitor", "seteuid");
}

void
child_died(struct child *c, int64_t now)
{
	int64_t wait = 0;
	unsigned int i;

	if (now - c->since >= QUICK)
		c->quick_deaths = c->ready_deaths = 0;
	if (c->state == CHILD_READY)
		c->ready_deaths++;
	ipc_close(&c->ipc);
	c->pid = 0;
	c->state = CHILD_NONE;
	c->linked = c->fed = false;
	for (i = 0; i < c->quick_deaths && wait < WAIT_LAST; i++)
		wait = wait == 0 ? WAIT_FIRST : wait * 2;
	c->quick_deaths++;
	c->start_at = now + (wait < WAIT_LAST ? wait : WAIT_LAST);
}

void
child_ready(struct child *c)
{
	c->state = CHILD_READY;
	c->patience = 0;
	c->late = false;
}

void
child_beat(struct child *c, int64_t now)
{
	if (c->state != CHILD_READY)
		return;
	c->patience = now + BEAT_WITHIN;
	c->late = false;
}

int64_t
child_patience(const struct child *c)
{
	if (c->state == CHILD_READY && c->patience == 0)
		return INT64_MAX;
	return c->patience;
}

bool
child_run_out(struct child *c, int64_t now)
{
	if (c->state == CHILD_NONE || now < child_patience(c))
		return false;
	if (c->state == CHILD_READY && !c->late) {
		c->late = true;
		c->patience = now + BEAT_LATE;
		return false;
	}
	c->patience = INT64_MAX;
	child_kill(c);
	return true;
}
