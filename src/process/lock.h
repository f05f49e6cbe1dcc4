/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_LOCK_H
#define PROCESS_LOCK_H

#include <sys/types.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * One monitor for each packet filter; and which children of a dead monitor
 * still run.
 *
 * A file with record locks and nothing in it.  The monitor holds byte 0, each
 * child a byte of its own.  The kernel releases a lock when its holder dies,
 * however it dies, and says who holds one: no pid is ever written down, so
 * none can be stale.
 */

/*
 * Take byte 0.  PH_EEXIST: another monitor lives, *holder is its pid.  PH_EIO
 * with a sentence.  *fd stays open as long as the lock shall last; closing
 * any descriptor of the file would release it.
 */
PH_NODISCARD enum ph_err lock_take(const char *path, int *fd, pid_t *holder,
    struct strbuf *why);

/* The process that holds byte 0 of the file, which may not exist; 0: none. */
pid_t lock_holder(const char *path);

/* In a child, with the inherited descriptor. */
void lock_take_child(int fd);

/*
 * A child of a monitor that is no more; 0: none is left; -1: there is one that
 * we cannot name, as in another container.
 */
pid_t lock_orphan(int fd);

#endif
