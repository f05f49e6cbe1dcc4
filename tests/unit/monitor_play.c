/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "tests/unit/monitor_play.h"

#define FIRST_PID 0x7f000000

struct monitor_play play;

int64_t __wrap_clock_now(void);

int64_t
__wrap_clock_now(void)
{
	return play.now;
}

int __wrap_kill(pid_t pid, int sig);
int __real_kill(pid_t pid, int sig);

int
__wrap_kill(pid_t pid, int sig)
{
	if (pid < FIRST_PID)
		return __real_kill(pid, sig);
	play.killed++;
	return 0;
}

static void
generation_init(struct generation *g)
{
	int i;

	for (i = 0; i < CHILD_NROLES; i++)
		child_init(&g->child[i], (enum child_role)i);
	g->control_fd[0] = g->control_fd[1] = -1;
	g->state_fd = g->lock_fd = -1;
	packetq_init(&g->queue);
}

int
play_begin(void **state)
{
	int i;

	(void)state;
	memset(&play, 0, sizeof(play));
	play.now = 1000 * USEC_PER_SEC;
	play.next_pid = FIRST_PID;
	generation_init(&play.cur);
	generation_init(&play.other);
	for (i = 0; i < CHILD_NROLES; i++)
		ipc_init(&play.far[i], -1);
	for (i = 0; i < LEAVERS; i++)
		ipc_init(&play.leaver[i], -1);
	play.m.opt = &play.opt;
	play.m.phase = PHASE_RUNNING;
	play.m.cur = &play.cur;
	leavers_init(&play.m.leavers);
	daemon_init(&play.m.daemon);
	journals_init(&play.m.journals);
	play.cur.ops = fw_lookup("dry-run");
	return conf_parse(&play.cur.conf,
	    span_of("protect 192.0.2.0/24\ninterface lo\n"), "x", NULL, 0,
	    stderr);
}

int
play_end(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < CHILD_NROLES; i++) {
		ipc_close(&play.cur.child[i].ipc);
		ipc_close(&play.other.child[i].ipc);
		ipc_close(&play.far[i]);
	}
	for (i = 0; i < LEAVERS; i++) {
		ipc_close(&play.m.leavers.v[i].ipc);
		ipc_close(&play.leaver[i]);
	}
	conf_free(play.cur.conf);
	return play.killed == 0 ? 0 : -1;
}

void
play_join(struct child *c, struct ipc *far)
{
	int fds[2];

	ipc_close(&c->ipc);
	ipc_close(far);
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&c->ipc, fds[0]);
	ipc_init(far, fds[1]);
	c->pid = play.next_pid++;
	c->state = CHILD_READY;
	c->since = play.now;
	c->linked = c->fed = false;
}

struct child *
play_child(enum child_role role)
{
	struct child *c = &play.cur.child[role];

	play_join(c, &play.far[role]);
	return c;
}

uint32_t
play_recv(struct ipc *far, struct ipc_msg *m, int *fd)
{
	if (far->fd == -1 || ipc_recv(far, m, fd) != PH_OK)
		return 0;
	return m->hdr.type;
}

uint32_t
play_told(enum child_role role, struct ipc_msg *m)
{
	int fd = -1;
	uint32_t type = play_recv(&play.far[role], m, &fd);

	assert_int_equal(fd, -1);
	return type;
}
