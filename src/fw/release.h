/* SPDX-License-Identifier: ISC */
#ifndef FW_RELEASE_H
#define FW_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "src/compat/packetq.h"
#include "src/conf/conf.h"
#include "src/process/fwcounters.h"
#include "src/process/ipc.h"
#include "src/process/queuewatch.h"

/*
 * The verdicts of packets of signalling that the kernel holds.
 *
 * The engine reads them and says up to which number they may go (IPC_RELEASE).
 * They go as soon as the packet filter has all that the engine asked for before
 * it said so: at once, if that is in force, else with the commit.  No packet
 * waits for longer than queuewatch.h says, whatever the engine does.
 */
struct release {
	const struct packetq *queue;
	struct queuewatch watch;
	struct fwcounters *n;
	uint64_t expired, dropped; /* of the watch, already counted */
	bool asked;
	uint32_t last;
	uint64_t count;
	int64_t since[IPC_HELD];
	uint32_t nsince;
};

void release_init(struct release *r, const struct packetq *queue,
    const struct conf_inline *conf, struct fwcounters *n);

void release_ask(struct release *r, const struct ipc_release *m);

/*
 * Give the verdicts that are due; `settled`: the packet filter has all that
 * was asked for.  The earlier of `next` and when to be called again.
 */
int64_t release_run(struct release *r, bool settled, int64_t next);

#endif
