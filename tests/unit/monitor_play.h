/* SPDX-License-Identifier: ISC */
#ifndef TESTS_MONITOR_PLAY_H
#define TESTS_MONITOR_PLAY_H

#include "src/monitor/insides.h"
#include "src/monitor/monitor.h"
#include "tests/unit/unit.h"

/*
 * A monitor whose children are nobody: the test has the other ends.  Its
 * clock stands still at play.now, for which the program is to be linked with
 * --wrap=clock_now,--wrap=kill.
 */
struct monitor_play {
	struct monitor m;
	struct monitor_options opt;
	struct generation cur, other;
	int64_t now;
	struct ipc far[CHILD_NROLES], leaver[LEAVERS];
	pid_t next_pid;	     /* no process has such a number */
	unsigned int killed; /* of those; play_end() wants none */
};

extern struct monitor_play play;

int play_begin(void **state);
int play_end(void **state);

/* This child of the current generation is alive, and another one than before.
 */
struct child *play_child(enum child_role role);
void play_join(struct child *c, struct ipc *far);

/* The next message that was sent to this end; its type, or 0: there is none. */
uint32_t play_recv(struct ipc *far, struct ipc_msg *m, int *fd);
/* Likewise without a descriptor. */
uint32_t play_told(enum child_role role, struct ipc_msg *m);

#endif
