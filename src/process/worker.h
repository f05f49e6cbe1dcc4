/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include <stdbool.h>

#include "src/compat/sandbox.h"
#include "src/process/channel.h"
#include "src/process/feed.h"
#include "src/process/output.h"

/*
 * What every process is made of that serves under the monitor with an event
 * loop: the loop, the way to the monitor, a way to the firewall process, the
 * lines of events, and the end.  A process file goes
 *
 *	open what needs root;
 *	worker_confine();	no privilege from here on
 *	worker_init();		then make its own events on w->base
 *	status = worker_run();	IPC_READY to the monitor, and the loop
 *	free its own events;
 *	worker_free();
 *
 * While there is a monitor, only its IPC_QUIT ends the process.  When the
 * monitor is gone, the worker says so and carries on; then SIGTERM counts, as
 * IPC_QUIT without `keep`.  When the firewall process is gone as well, or the
 * worker never had a way to it, nothing is left to do: the status is 2.
 *
 * child_start() has set all signals to be ignored before.
 */
struct worker_setup {
	const char *name; /* of the process, in log lines */
	int monitor_fd;
	bool foreground; /* lines of events to stdout; else to syslog */
	/* From the monitor; all but IPC_QUIT.  As in channel_calls. */
	void (*message)(void *ctx, const struct ipc_msg *m, int *fd);
	/* Finish, then worker_stop(w, 0).  `keep`: a successor follows. */
	void (*quit)(void *ctx, bool keep);
	/*
	 * What to tell the status process; its `tell` is NULL: nothing.  It
	 * asks by messages of its own, to which feed_done() is the answer.
	 */
	struct feed_calls feed;
	void (*asked)(void *ctx, const struct ipc_msg *m);
	void *ctx; /* of all */
};

#define WORKER_FEED_WITHIN 20000 /* microseconds */
#define WORKER_BEAT_EVERY  5	 /* seconds; see child_beat() */

struct worker {
	struct worker_setup setup;
	struct event_base *base;
	struct event *term;
	struct event *beat; /* the monitor ends a process that hangs */
	struct output *output;
	struct channel monitor;
	/*
	 * To the firewall process.  channel_init() and channel_open() are the
	 * user's to call; its `lost` must call worker_fw_lost().
	 */
	struct channel fw;
	/*
	 * The status process, if there is one.  What it is to know waits up to
	 * WORKER_FEED_WITHIN for others, unless it has asked: the packet filter
	 * is told first, and a record has room for many messages.
	 */
	struct channel feed_to;
	struct event *late; /* when they go */
	struct feed feed;
	struct event *more; /* the feed has more than one turn takes */
	struct ipc_msg out; /* too big for the stack */
	int status;
};

/* Ends the process with a log line if it cannot be confined. */
void worker_confine(const char *name, enum sandbox_role role,
    const struct sandbox *s);

/* Ends the process with a log line if there is no memory. */
void worker_init(struct worker *w, const struct worker_setup *setup);

/* Until worker_stop(); returns its status. */
int worker_run(struct worker *w);
void worker_stop(struct worker *w, int status);
void worker_free(struct worker *w);

/* A line of an event, whose ctx is the worker.  To stdout when flushed. */
void worker_line(void *worker, const char *text);

/* The way to the firewall process is closed. */
void worker_fw_lost(struct worker *w);

#endif
