/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_EXPLAIN_H
#define ENGINE_EXPLAIN_H

#include "src/engine/tell.h"

/*
 * The answer to `explain`: the story of the call, of the FTP connection or of
 * the TFTP transfer that is named.
 *
 * By `id`, the number of a pinhole, if that is not 0 and there is one; then
 * `name` is the same number.  Else by `name`: a Call-ID or its beginning, the
 * number of a pinhole, or what a session is called,
 * "ftp/198.51.100.7:40000/192.0.2.10:21", or its beginning.  Unless just one
 * fits, the lines are a list of those that do, or else of the latest.
 */
enum tell_found explain_find(const struct tell *t, struct span name,
    uint64_t id, const struct story_call **call,
    const struct session **session);
void explain_tell(const struct tell *t, struct span name, enum tell_found found,
    const struct story_call *call, const struct session *session);

#endif
