/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_FWCOUNTERS_H
#define PROCESS_FWCOUNTERS_H

#include <stdint.h>

#include "src/base/counters.h"
#include "src/base/err.h"
#include "src/base/histogram.h"

/*
 * What the firewall process counts.  It has no file to keep its counters in, so
 * it sends them to the engine (IPC_COUNTERS), which adds those of all firewall
 * processes that it has had, and writes them to its journal with its own.
 */

/* Errors of the packet filter, by class: index -rc. */
#define FWCOUNTERS_ERRORS (-PH_EDENIED + 1)

struct fwcounters {
	uint64_t open;	  /* now, in the filter */
	uint64_t wanted;  /* now */
	uint64_t batches; /* from clients */
	uint64_t changes, commits, retries, lost;
	uint64_t denied, bad, limit;
	uint64_t expired; /* closed at their deadline */
	/* Packets of signalling that waited: let go in time, too late, lost. */
	uint64_t held_released, held_expired, held_dropped;
	uint64_t errors[FWCOUNTERS_ERRORS];
	struct histogram commit; /* how long the packet filter took */
	/* From the kernel's time stamp of a packet to its pinholes being open.
	 */
	struct histogram setup;
	struct histogram held; /* how long packets waited */
};

/* Adds; but `open` and `wanted` are of now, so those of `from` are taken. */
void fwcounters_merge(struct fwcounters *to, const struct fwcounters *from);

/* The counters since `before`; `open` and `wanted` are those of now. */
struct fwcounters fwcounters_since(const struct fwcounters *now,
    const struct fwcounters *before);

void fwcounters_put(const struct fwcounters *n, struct counters *c);

#endif
