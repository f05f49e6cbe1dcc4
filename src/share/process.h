/* SPDX-License-Identifier: ISC */
#ifndef SHARE_PROCESS_H
#define SHARE_PROCESS_H

#include <stdbool.h>

#include "src/base/strbuf.h"
#include "src/compat/sandbox.h"
#include "src/conf/conf.h"

/*
 * The share process: the calls of other boxes, by a server of Redis.
 *
 *  1. As root: read the key and the password.  sandbox_enter(); IPC_READY.
 *  2. IPC_SHARE brings the way to an engine, which tells what it has; a new
 *     engine comes by a new IPC_SHARE.
 *  3. IPC_CONNECT asks the monitor for a connection; this process may make
 *     none.  It has two: commands go by one, by the other the stream is read.
 *  4. IPC_QUIT: tell the others that this box goes, unless a successor
 *     follows, and return.
 *
 * The engine does not wait for it, nor for the server.
 */
struct share_args {
	const struct conf *conf;
	const struct sandbox *sandbox;
	int monitor_fd; /* see src/process/ipc.h */
};

/*
 * Whether this build has what it takes; else `why` has the message, which
 * begins with its place.
 */
bool share_possible(const struct conf_share *c, struct strbuf *why);

/* Returns the exit status of the process.  NULL: this build has none. */
extern int (*const share_process)(const struct share_args *args);

#endif
