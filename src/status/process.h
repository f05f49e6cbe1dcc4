/* SPDX-License-Identifier: ISC */
#ifndef STATUS_PROCESS_H
#define STATUS_PROCESS_H

#include "src/compat/sandbox.h"

/*
 * The status process: what the daemon does, for people and programs that ask.
 * It owns the control sockets and the HTTP listener, and reads what strangers
 * send there, so it holds nothing, and can ask for nothing but what its clients
 * may have.
 *
 *  1. sandbox_enter(); IPC_READY to the monitor.
 *  2. IPC_LISTEN brings sockets to accept from, or takes them away;
 *     IPC_ABOUT and IPC_HEALTH tell about the daemon.
 *  3. IPC_SOURCE brings a way to another process, which tells what it holds
 *     (src/process/feed.h); model.h is the picture.
 *  4. Clients stay connected over a reload, for which the monitor sends all
 *     of the above anew.
 *  5. IPC_QUIT, or the monitor is gone: return.
 */
struct status_args {
	const struct sandbox *sandbox;
	int monitor_fd; /* see src/process/ipc.h */
};

/* Returns the exit status of the process.  NULL: this build has none. */
extern int (*const status_process)(const struct status_args *args);

#endif
