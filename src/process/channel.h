/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_CHANNEL_H
#define PROCESS_CHANNEL_H

#include <stdbool.h>

#include "src/process/ipc.h"

/*
 * One end of a message socket (ipc.h) in an event loop of libevent.
 *
 * Sending never blocks: what the kernel does not take waits in the ipc, and
 * the channel writes it once there is room.  A message that finds the queue
 * full is dropped, and channel_recovered() tells the sender.
 */
struct event;
struct event_base;
struct channel;

struct channel_calls {
	/*
	 * A message, in `m` until the next one is read.  *fd is a descriptor
	 * that came with it, or -1; the callee sets it to -1 to keep it.
	 */
	void (*message)(void *ctx, const struct ipc_msg *m, int *fd);
	/* All messages that there were have been handed over; or NULL. */
	void (*settled)(void *ctx);
	/* The peer is gone, and the channel closed.  Never within a send. */
	void (*lost)(void *ctx, enum ph_err why);
};

struct channel {
	struct ipc ipc;
	struct event_base *base;
	struct event *ev; /* NULL: no peer */
	const struct channel_calls *calls;
	void *ctx;
	bool dropped;	   /* a message, for the queue was full */
	struct ipc_msg in; /* too big for the stack */
};

/* Without a peer as yet.  `calls` must outlive the channel. */
void channel_init(struct channel *c, struct event_base *base,
    const struct channel_calls *calls, void *ctx);

/* Takes `fd`, in place of the peer of before. */
PH_NODISCARD enum ph_err channel_open(struct channel *c, int fd);
bool channel_linked(const struct channel *c);
void channel_close(struct channel *c);

/* As ipc_send(); without a peer, nothing.  `fd` is closed in any case. */
void channel_send(struct channel *c, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m, int fd);

/* Something was sent by c->ipc itself: wait until the rest can be, too. */
void channel_watch(struct channel *c);

/*
 * While held, messages wait, and then go as few records: the peer wakes up
 * once.  More than a few go all the same.
 */
void channel_hold(struct channel *c, bool yes);

/* Write now what waits, as far as the kernel takes it. */
PH_NODISCARD enum ph_err channel_flush(struct channel *c);

/*
 * True once after messages were dropped, when the peer reads again: send it
 * the whole state.
 */
bool channel_recovered(struct channel *c);

#endif
