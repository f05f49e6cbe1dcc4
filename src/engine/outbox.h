/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_OUTBOX_H
#define ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/fw/fw.h"
#include "src/process/ipc.h"

/*
 * Changes on their way to the firewall process, in the order in which they were
 * wanted.  A pinhole that opens must not wait, and takes along what waits.
 * Closes alone wait OUTBOX_WITHIN for others, so that many calls that end cost
 * one commit.  Knows no sockets: `send` gets at most IPC_BATCH changes.
 */
#define OUTBOX_WITHIN INT64_C(4000) /* microseconds */

struct outbox {
	void (*send)(void *ctx, const struct fw_change *changes, size_t n);
	void *ctx;
	struct fw_change v[IPC_BATCH];
	size_t n;
	int64_t due; /* of what waits */
};

void outbox_add(struct outbox *o, const struct fw_change *changes, size_t n,
    int64_t now);
/* Send what has waited long enough; when to be called next, or INT64_MAX. */
int64_t outbox_run(struct outbox *o, int64_t now);
void outbox_flush(struct outbox *o);
/* The firewall process is another one, and will be told everything. */
void outbox_forget(struct outbox *o);

#endif
