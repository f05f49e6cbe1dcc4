/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_SERVER_H
#define MONITOR_SERVER_H

#include <stdbool.h>

#include "src/conf/conf.h"

/*
 * A connection to the server that `share` names, which is made here because
 * the share process may make none.  The result is non-blocking, and may still
 * be connecting.  -1 with errno.
 */
int server_connect(const struct conf_share *c);

/* Whether the server accepts a connection within a second; else errno. */
bool server_answers(const struct conf_share *c);

#endif
