/* SPDX-License-Identifier: ISC */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

#include "src/conf/conf.h"

/*
 * What only this host can tell of a configuration, for -n: interfaces, user,
 * keys, packet filter, captures, ports.  Everything that a start would open is
 * opened and closed again; nothing is changed.
 *
 * All errors are written to the standard error output, each with its place in
 * the configuration.  What would not keep a start from running is a warning.
 * Without privilege, it says what was not looked at.
 */

/* False: a start would fail.  `inherited`: the sockets are there already. */
bool check_start(const struct conf *conf, bool inherited);

/* The interfaces alone.  False: one that is named does not exist. */
bool check_interfaces(const struct conf *conf);

#endif
