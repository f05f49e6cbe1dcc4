/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_UNIXSOCK_H
#define PROCESS_UNIXSOCK_H

#include "src/base/err.h"
#include "src/base/strbuf.h"

/*
 * A listening Unix stream socket for root.  A socket that nobody listens to
 * any more is replaced; one that is in use, or anything else of that name, is
 * left alone.
 */
PH_NODISCARD enum ph_err unixsock_listen(const char *path, int *fd,
    struct strbuf *why);

#endif
