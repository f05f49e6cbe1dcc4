/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_PROCESS_H
#define ENGINE_PROCESS_H

#include <stdbool.h>

#include "src/compat/packetq.h"
#include "src/compat/sandbox.h"
#include "src/conf/conf.h"
#include "src/process/events.h"
#include "src/process/listen.h"

/*
 * The engine process: a live engine between captures and the firewall
 * process.  The monitor forks it and it runs until told to stop.
 *
 *  1. As root: open the captures; sandbox_enter(); IPC_READY to the monitor.
 *     Nothing is read from the captures yet: another engine may be at work.
 *  2. IPC_FW brings the way to the firewall process.  On the first, open the
 *     journal, adopt what is in it and begin to read.  On each: IPC_BEGIN,
 *     all pinholes, IPC_SETTLE.
 *  3. The firewall process is gone (EOF): carry on; a later IPC_FW brings its
 *     successor, which is told everything.
 *  4. IPC_QUIT: with `keep`, checkpoint and return 0, for the successor is
 *     waiting; without, close everything, with events, and return 0.
 *  5. The monitor is gone (EOF): say so and carry on.  Only then SIGTERM
 *     counts, as IPC_QUIT without `keep`; and when the firewall process goes
 *     as well, nothing is left to do: return 2.
 *
 * SIGINT, SIGHUP, SIGUSR1, SIGUSR2 and SIGPIPE are ignored before it is called.
 */
struct engine_args {
	const struct conf *conf;
	enum events_format format;
	int verbose;
	bool foreground; /* events to stdout; else to syslog */
	const struct sandbox *sandbox;
	int monitor_fd;	    /* see src/process/ipc.h */
	int journal_fds[2]; /* see src/process/checkpoint.h */
	uint64_t journal_limit;
	const struct listeners *listeners; /* for what others mirror */
	const struct packetq *queue;	   /* of signalling that waits */
};

/* Returns the exit status of the process. */
int engine_main(const struct engine_args *args);

#endif
