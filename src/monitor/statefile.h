/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_STATEFILE_H
#define MONITOR_STATEFILE_H

#include <stdint.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * The journal's two files, kept in one that has a name, so that calls survive
 * the end of all of us.
 *
 * The monitor copies bytes and does not look at them: what the engine wrote
 * is the engine's to check.  Only a header says whose they are: which packet
 * filter in which network stack, and from when.
 */

/*
 * Fill the empty journal `fds` from `path`.  PH_OK; PH_EGONE: there is none;
 * otherwise a sentence: not root's, another `owner`'s, older than `max_age_s`,
 * from the future, damaged.
 */
PH_NODISCARD enum ph_err state_load(const char *path, const int fds[2],
    const char *owner, int64_t max_age_s, struct strbuf *why);

/*
 * Write it, all or nothing: a temporary file beside it, then rename(2).  The
 * engine may be writing to the journal; PH_EAGAIN: it was just moving house.
 */
PH_NODISCARD enum ph_err state_save(const char *path, const int fds[2],
    const char *owner, struct strbuf *why);

#endif
