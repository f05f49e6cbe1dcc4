/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_CHILD_H
#define PROCESS_CHILD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/process/ipc.h"

/*
 * One child of the monitor: alive or not, and when to be started again.
 *
 * After its first death it is started again at once; if it keeps dying soon
 * after it was started, the wait becomes longer each time.
 */
enum child_role {
	CHILD_FIREWALL,
	CHILD_ENGINE,
	CHILD_PROXY,
	CHILD_STATUS,
	CHILD_SHARE,
	CHILD_NROLES
};

enum child_state {
	CHILD_NONE,	/* not running; start it at start_at */
	CHILD_STARTING, /* has not said IPC_READY */
	CHILD_READY,
	CHILD_QUITTING, /* has been told IPC_QUIT */
};

struct child {
	enum child_role role;
	enum child_state state;
	bool wanted; /* by the configuration */
	bool linked; /* knows the firewall process, and is known to it */
	bool fed;    /* has a way to the status process */
	uid_t uid;   /* whom it becomes */
	pid_t pid;
	struct ipc ipc;
	int64_t since;	  /* when it was started */
	int64_t start_at; /* CHILD_NONE: not before */
	/*
	 * When child_run_out() kills the child, in STARTING and QUITTING; also
	 * in READY once child_beat() has been called, and until then 0: never.
	 */
	int64_t patience;
	bool late; /* READY, and its last beat is too long ago */
	unsigned int quick_deaths;
	unsigned int ready_deaths; /* those of them after IPC_READY */
};

const char *child_name(enum child_role role);

void child_init(struct child *c, enum child_role role);

/*
 * Fork.  In the parent: PH_OK, or PH_EIO with errno.  In the child, `run` is
 * called with the child's end of the pair, and its result is the exit status;
 * signals that are the monitor's business are ignored there.
 */
PH_NODISCARD enum ph_err child_start(struct child *c, int64_t now,
    int (*run)(void *ctx, int monitor_fd), void *ctx);

/* The same child by another place; `from` has none then. */
void child_move(struct child *to, struct child *from);

/*
 * Tell it to begin nothing new, and to go when it has nothing to end; it says
 * IPC_READY once more if it has.
 */
void child_leave(struct child *c, int64_t now);

/* Tell it to go; if it does not, child_run_out() kills it. */
void child_quit(struct child *c, bool keep, int64_t now);
void child_kill(struct child *c);

/*
 * Kill a process that may have become the user `uid`.  Root without CAP_KILL
 * may not, and that user may.
 */
void child_kill_as(pid_t pid, uid_t uid);

/* How it ended, for people: what waitpid(2) says. */
void child_describe(char *buf, size_t size, int status);

/* The child has said IPC_READY. */
void child_ready(struct child *c);

/*
 * The child has shown that it does not hang, and must do so again within 22 s.
 * The last two begin when child_run_out() sees that 20 are over: a virtual
 * machine that had stopped makes all children late at once, and they are not to
 * blame.
 */
void child_beat(struct child *c, int64_t now);

/* The child is dead: sets when to start another. */
void child_died(struct child *c, int64_t now);

/* When child_run_out() kills it; INT64_MAX: never.  Not in CHILD_NONE. */
int64_t child_patience(const struct child *c);

/* Whether it had its time, and has been killed; at most once. */
bool child_run_out(struct child *c, int64_t now);

#endif
