/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_LEAVERS_H
#define MONITOR_LEAVERS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "src/process/child.h"
#include "src/process/ipc.h"

/*
 * Proxy processes of former generations, which accept nothing any more and
 * serve their sessions to the end, beside the one that accepts.  Nobody
 * replaces them.  There are LEAVERS places.  When the last one is taken, the
 * oldest is told to quit, so that the next reload finds a place.
 */
#define LEAVERS (IPC_NROLES - IPC_LEAVER)

struct leavers {
	struct child v[LEAVERS]; /* v[i] has the role IPC_LEAVER + i */
};

void leavers_init(struct leavers *l);

/* `c` was told to leave, and has sessions: it moves to a place here. */
void leavers_take(struct leavers *l, struct child *c, int64_t now);

/* One of these processes has ended. */
void leavers_died(struct child *c, int status, int64_t now);
void leavers_unlink(struct leavers *l); /* the firewall process is gone */

bool leavers_quit(struct leavers *l, int64_t now); /* true: all are gone */

#endif
