/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_INSIDES_H
#define MONITOR_INSIDES_H

#include "src/base/log.h"
#include "src/monitor/daemon.h"
#include "src/monitor/generation.h"
#include "src/monitor/journals.h"
#include "src/monitor/leavers.h"
#include "src/process/queuewatch.h"
#include "src/process/waiter.h"

/*
 * The insides of the monitor, for monitor.c (what happens when), start.c (how
 * a child begins), status.c (what the status process is told, and asks for)
 * and share.c (the same of the share process).
 */
enum phase {
	PHASE_STARTING, /* nothing has worked yet: any failure ends us */
	PHASE_RUNNING,
	PHASE_STOPPING,
};

/* The state of the status process: what it has been told. */
struct status_link {
	pid_t pid; /* of that process; 0: none */
	int given[IPC_LISTEN_KINDS];
	const struct generation *about;
	struct ipc_health health[IPC_NPARTIES];
	uint32_t deaths[IPC_NPARTIES]; /* not expected, so far */
	int64_t started;
	int64_t logged_at; /* since when `log` was obeyed so often: */
	uint32_t logged;
	pid_t check;  /* looks at the configuration; 0: none does */
	int check_fd; /* what it says */
	uint64_t check_seq;
	bool reload; /* it waits for the end of a reload */
	uint64_t reload_seq;
};

/* The two processes that are connected. */
struct share_link {
	pid_t engine, share;
	int64_t since; /* since when it asked so often for a connection: */
	uint32_t asked;
	int told; /* errno of the last connection, as the log has it */
};

struct monitor_options;

struct monitor {
	const struct monitor_options *opt;
	enum phase phase;
	/*
	 * `cur` serves.  While `next` starts, nothing has changed; once it
	 * stands, it becomes `cur`, and as long as there is an `old` one that
	 * has not gone, `cur` waits.
	 */
	struct generation *cur, *next, *old;
	struct leavers leavers;
	uint32_t proxies; /* started so far */
	struct journals journals;
	bool reload_again; /* as soon as it can be */
	int verbose;	   /* of processes that start now */
	bool swept; /* stopping: a firewall process removes our pinholes */
	bool leave; /* stopping: pinholes stay for a successor */
	struct daemon daemon;
	struct waiter waiter;
	struct queuewatch watch; /* of cur's queue: see watch_queue() */
	int status;
	struct log_limit deaths;
	struct status_link link; /* to the status process */
	struct share_link share; /* to the share process */
	struct ipc_msg msg;	 /* too big for the stack */
};

/* All children: of the generations that there are, then those that leave. */
struct walk {
	int i;
	struct generation *g; /* of the child; NULL: it is leaving */
};

struct child *monitor_walk(struct monitor *m, struct walk *w);

/* share.c */

/* Connect the engine with the share process, when both are new. */
void share_run(struct monitor *m);
/* A message of the share process: it wants a connection to the server. */
void share_message(struct monitor *m, struct child *c);

/* start.c */
void monitor_start_child(struct monitor *m, struct generation *g,
    enum child_role role);

/* status.c */

/* The daemon runs: from now on there may be a status process. */
void status_begin(struct monitor *m);
/* The next generation serves: the status process goes over to it. */
void status_change(struct monitor *m, struct generation *from,
    struct generation *to);
/* After each event: tell the status process what has changed. */
void status_run(struct monitor *m);
/* A child that is none of the generations' has ended: true if it was ours. */
bool status_reaped(struct monitor *m, pid_t pid, int status);
/* A message of its. */
void status_message(struct monitor *m);
/* A process has ended that was not meant to. */
void status_death(struct monitor *m, const struct child *c);
/* The reload that it may have asked for is over; NULL: it worked. */
void status_reloaded(struct monitor *m, const char *errors);

#endif
