/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_FEED_H
#define PROCESS_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/form.h"
#include "src/process/claims.h"
#include "src/process/events.h"
#include "src/process/ipc.h"
#include "src/process/tally.h"

/*
 * What a process tells the status process: calls, pinholes, refusals,
 * counters.
 *
 * Refusals, as they come.  Counters, when it asks, and with them the calls that
 * are over, FEED_ENDED at a time.  All calls and pinholes once, a few at a
 * time, and after that each change, but only from IPC_TELL_ALL to
 * IPC_TELL_ENOUGH: nobody needs them most of the time.  Telling never waits and
 * never grows: when the status process has not read for a while, what follows
 * is dropped, and when it reads again it is told of the gap and asks again.
 * Without a gap, all is told only every FEED_AGAIN; nor may it ask for counters
 * all the time.  Without a status process, nothing costs anything.
 *
 * A feed writes to a struct ipc of its owner, who waits until it can be
 * written to, calls ipc_flush(), and feed_run() after each turn.
 */
#define FEED_QUEUE_MAX (4u << 20) /* bytes that may wait */
#define FEED_ENDED     200	  /* calls */
#define FEED_AGAIN     (5 * USEC_PER_SEC)

struct feed_calls {
	/*
	 * Tell the next part of all that is held, behind *at, which is 0 at
	 * first: at most FEED_TURN items, by feed_call() and feed_hole().
	 * False: that was all.
	 */
	bool (*tell)(void *ctx, uint64_t *at);
	/* Each counter. */
	void (*counters)(void *ctx,
	    void (*each)(void *each_ctx, const char *name, uint64_t v,
		bool gauge),
	    void *each_ctx);
	void *ctx;
};
#define FEED_TURN 32

struct feed {
	struct feed_calls calls;
	struct ipc *ipc;
	/* fw_ops.form, and its first argument; or NULL. */
	enum form (
	    *form)(const struct fw_config *config, const struct pinhole *hole);
	const struct fw_config *fw_config;
	/* Something waits in the ipc, or is held there; or NULL. */
	void (*waits)(void *ctx);
	void *waits_ctx;
	bool wanted;  /* calls and pinholes are */
	bool telling; /* all of them, from `at` on */
	bool gap;     /* something was dropped */
	bool gap_told;
	uint64_t at;
	uint64_t dropped; /* messages */
	int64_t counted_at, began_at;
	struct ipc_feed_call *ended; /* a ring; NULL: none yet */
	size_t ended_first, nended;
	struct events_tap tap;
	struct ipc_msg msg; /* too big for the stack */
};

void feed_init(struct feed *f, const struct feed_calls *calls, struct ipc *ipc);

/* The ipc leads to a status process, which has asked for nothing yet. */
void feed_open(struct feed *f);
/* The end: tell it of the calls that are over. */
void feed_close(struct feed *f);

/* A message came from the status process: true if it was for the feed. */
bool feed_message(struct feed *f, const struct ipc_msg *m);

/*
 * Go on telling, as far as the status process reads.  True: there is more, and
 * it need not wait until the ipc can be written to.
 */
bool feed_run(struct feed *f);

/* Changes; text beyond IPC_CALL bytes is cut. */
void feed_call(struct feed *f, const struct ipc_feed_call *c, struct span call);
/* h->was_open: it is told as one of all, and this is no event. */
void feed_hole(struct feed *f, const struct ipc_feed_hole *h,
    const struct events_owner *owner);
/* A pinhole that was open before the status process asked. */
void feed_claim(struct feed *f, const struct claims_view *v);
/* These pinholes, by their tuples, have had packets. */
void feed_seen(struct feed *f, const struct ipc_ids *ids);

/* These pinholes have had so many packets in all. */
void feed_packets(struct feed *f, const struct ipc_packets *p);

/*
 * Lines of text, each with its newline, for the request `seq`; and its end,
 * with which all goes that is held.
 */
void feed_text(struct feed *f, uint64_t seq, struct span text);
void feed_done(struct feed *f, uint64_t seq, enum ph_err err, uint32_t n);

#endif
