/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_PRIORITY_H
#define PROCESS_PRIORITY_H

#include "src/conf/conf.h"

/*
 * `priority` of the configuration, for the calling process, which is a step on
 * the way from a packet to its pinhole.  While it is still root.  If the system
 * refuses, this is logged, and the process goes on as it is.
 */
void priority_take(const struct conf *conf, const char *module);

/*
 * `cpu-latency` of the configuration: for the whole machine, and as long as the
 * descriptor that is returned stays open.  While the process is still root.
 * -1: none is configured, or the system refuses, which is logged.
 */
int priority_cpu_latency(const struct conf *conf, const char *module);

#endif
