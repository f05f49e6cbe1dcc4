/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_UNIXSOCK_H
#define PROCESS_UNIXSOCK_H

#include <sys/types.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * A listening Unix stream socket of root's with this mode and, unless -1,
 * group.  A socket that nobody listens to any more is replaced; one that is in
 * use, or anything else of that name, is left alone.
 */
/* Whether that would work, as far as its name says; changes nothing. */
PH_NODISCARD enum ph_err unixsock_try(const char *path, struct strbuf *why);
PH_NODISCARD enum ph_err unixsock_listen(const char *path, mode_t mode,
    gid_t group, int *fd, struct strbuf *why);

#endif
