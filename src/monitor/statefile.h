/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_STATEFILE_H
#define MONITOR_STATEFILE_H

#include <sys/types.h>

#include <stdint.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * A copy of the journal's two files in one file, so that calls survive a
 * reboot.
 *
 * The monitor copies bytes and does not look at them; the next engine checks
 * what this one wrote.  A header says which packet filter in which network
 * stack they belong to, and when they were saved.
 */

/*
 * A state file belongs to one monitor: a second one would overwrite it.  The
 * lock is a file beside it, for the state file itself is replaced
 * each time; see lock_take().
 */
PH_NODISCARD enum ph_err state_lock(const char *path, int *fd, pid_t *holder,
    struct strbuf *why);
/* The pid of the process that has the lock; 0: none. */
pid_t state_holder(const char *path);
/* Whether files could be made in its directory; changes nothing. */
PH_NODISCARD enum ph_err state_try(const char *path, struct strbuf *why);

/*
 * Fill the empty journal `fds` from `path`.  PH_OK; PH_EGONE: there is none;
 * otherwise a sentence: not root's, another `owner`'s, older than `max_age_s`,
 * from the future, larger than `limit`, damaged.
 */
PH_NODISCARD enum ph_err state_load(const char *path, const int fds[2],
    uint64_t limit, const char *owner, int64_t max_age_s, struct strbuf *why);

/*
 * Write it, all or nothing: a temporary file beside it, then rename(2).  The
 * engine may be writing to the journal; PH_EAGAIN: it was just beginning a file
 * anew. PH_ELIMIT: one of the two is larger than `limit`.
 */
PH_NODISCARD enum ph_err state_save(const char *path, const int fds[2],
    uint64_t limit, const char *owner, struct strbuf *why);

#endif
