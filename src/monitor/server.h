/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_SERVER_H
#define MONITOR_SERVER_H

#include <stdbool.h>

#include "src/conf/conf.h"
#include "src/share/trial.h"

/*
 * A connection to the server that `share` names, which is made here because
 * the share process may make none.  The result is non-blocking, and may still
 * be connecting.  -1 with errno.
 */
int server_connect(const struct conf_share *c);

/*
 * Whether the server lets us in within a few seconds, asked by a process that
 * has no privilege; else `why` has a clause.
 */
bool server_try(const struct conf *conf, const struct secrets *secrets,
    struct tls *tls, struct strbuf *why);

#endif
