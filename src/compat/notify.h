/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_NOTIFY_H
#define COMPAT_NOTIFY_H

#include <stdint.h>

/*
 * Tell the service manager how we are: sd_notify(3)'s protocol, a datagram of
 * VAR=value lines to the Unix socket in $NOTIFY_SOCKET.  Without one, nothing
 * happens; nobody's start-up depends on it.
 */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

/*
 * Say that we are alive, if it is time for it, as $WATCHDOG_USEC demands.
 * Returns when to call again; INT64_MAX if there is no watchdog.
 */
int64_t notify_alive(int64_t now);

#endif
