/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_HELD_H
#define ENGINE_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/counters.h"
#include "src/capture/capture.h"
#include "src/compat/packetq.h"
#include "src/engine/engine.h"
#include "src/process/worker.h"

/*
 * Packets of signalling that the kernel holds, read by the engine.
 *
 * A turn reads some, hands them on and notes which was the first that opened
 * a pinhole.  Those before it may go at once; it and those behind it go when
 * the pinholes are open, so that packets keep their order.  Neither decision
 * needs an answer: held_release() is sent to the firewall process between and
 * behind the changes.
 */
struct held_user {
	struct worker *worker; /* with the way to the firewall process */
	struct engine *engine;
	struct capture *capture; /* to which packets go */
	struct capture_sink sink;
	void (*settle)(void *ctx); /* after each turn */
	void *ctx;
	uint32_t hold_ms; /* the longest that a packet waits */
};

struct held {
	struct held_user user;
	const struct packetq *queue;
	struct event *ev;
	int64_t turn_at; /* the turn before */
	bool begun;
	uint32_t last;	  /* the number read last */
	uint64_t packets; /* read */
	uint64_t missed;  /* numbers that never came: they passed unread */

	/* The packets of this turn. */
	uint32_t n, first; /* packets, and the first that opened something */
	uint32_t numbers[IPC_HELD];
	int64_t since[IPC_HELD];
};

/*
 * Read packets from `queue`.  Does nothing if there is no queue or no capture.
 * *h must be zeroed before.
 */
void held_serve(struct held *h, const struct packetq *queue,
    const struct held_user *user);
void held_end(struct held *h);

/*
 * Read what waits now and say what may go.  The copy of a packet from the
 * inside is often read before the packet itself, which then shall not wait
 * until the rest is done.  The caller settles.
 */
void held_run(struct held *h);

/*
 * Read up to IPC_HELD packets.  `packet` returns whether this one opened a
 * pinhole.  False: there was none.
 */
bool held_turn(struct held *h,
    bool (*packet)(void *ctx, const struct nfqueue_packet *p), void *ctx);

/*
 * The packets that may go: `all` of this turn, or those before the first that
 * opened a pinhole.  False: there are none, or they were released before.
 */
bool held_release(struct held *h, bool all, struct ipc_release *out);

void held_report(const struct held *h, struct counters *c);

#endif
