/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_SHARING_H
#define ENGINE_SHARING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/reason.h"
#include "src/process/channel.h"

/*
 * The engine's end of the way to the share process (src/share/process.h),
 * which knows what other boxes have.
 *
 * Every call is told once when there is a new share process, then each
 * change.  The engine never waits: what the share process does not read is
 * dropped at SHARING_QUEUE_MAX, and when it reads again, everything is told
 * once more.  Without a share process, nothing costs anything.
 */
#define SHARING_QUEUE_MAX (4u << 20)  /* bytes that may wait */
#define SHARING_MAX	  (64u << 10) /* bytes of a record */

struct calls;

struct sharing {
	struct channel channel;
	struct calls *calls;
	/* Messages have been read. */
	void (*settled)(void *ctx);
	void *ctx;
	bool telling; /* all, behind `at` */
	uint64_t at;
	uint64_t gaps;
	uint8_t in[SHARING_MAX]; /* a record that comes in parts */
	size_t have;
	struct ipc_msg out; /* too big for the stack */
};

void sharing_init(struct sharing *s, struct event_base *base,
    void (*settled)(void *ctx), void *ctx);
/* Takes *fd, unless -1. */
void sharing_open(struct sharing *s, struct calls *calls, int *fd);
void sharing_close(struct sharing *s);

/* See engine_sink.share and share_seen. */
bool sharing_call(void *sharing, uint64_t id, const void *p, size_t len,
    enum reason why);
void sharing_seen(void *sharing, uint64_t id, int64_t inside, int64_t outside);

/* Tell the next calls of all; true: there are more. */
bool sharing_run(struct sharing *s);

#endif
