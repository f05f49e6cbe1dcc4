/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_HOLES_H
#define ENGINE_HOLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/pinhole.h"
#include "src/base/reason.h"
#include "src/base/silence.h"
#include "src/base/span.h"
#include "src/fw/fw.h"
#include "src/process/events.h"

/*
 * The pinhole table: what each owner wants, and what the packet filter holds.
 *
 * An owner (a call, a transfer) states its whole set of wishes each time; the
 * difference becomes events, with an id of its own for each owner and tuple,
 * and changes for the packet filter, where a tuple that several owners share
 * exists once and closes with the last of them.
 *
 * Every tuple has a lease: the deadline at which the kernel closes it unless
 * it is renewed.  Silence is judged here, too, from what the filter reports.
 * Knows no protocol and does no I/O; time is an argument.
 */
struct holes;

struct holes_sink {
	void *ctx;
	/* All at once, or nothing; see fw_ops.commit. */
	void (*commit)(void *ctx, const struct fw_change *changes, size_t n);
	/* Whether a refusal is worth an event; NULL: each is. */
	bool (
	    *may_refuse)(void *ctx, const struct event_refusal *r, int64_t now);
};

struct holes_counters {
	uint64_t open;			  /* now: owner and tuple */
	uint64_t tuples;		  /* now: what the filter holds */
	uint64_t owners;		  /* now */
	uint64_t opened, closed, refused; /* in all */
	uint64_t commits, changes;
	uint64_t refused_for[REASON_COUNT]; /* of `refused`, by reason */
	uint64_t limit; /* wishes not granted for want of room */
};

/* What an owner wants from now on. */
struct holes_want {
	uint64_t owner;		 /* never 0 */
	struct span call;	 /* for events; may be empty */
	const struct pinhole *v; /* in the order to be announced */
	size_t n;
	enum reason open, close;
	int64_t lease; /* microseconds */
};

struct holes *holes_new(size_t limit, const struct events *ev,
    const struct holes_sink *sink);
void holes_free(struct holes *h);

/* Make it so.  An unchanged set costs nothing and says nothing. */
void holes_want(struct holes *h, const struct holes_want *w, int64_t now);

void holes_refuse(struct holes *h, const struct event_refusal *r,
    struct span call, int64_t now);

/* The filter saw packets from these ends (FW_SEEN_*) of one pinhole. */
void holes_seen(struct holes *h, uint64_t fw_id, unsigned int ends,
    int64_t now);

/* The filter closed it at its deadline: the next renewal opens it again. */
void holes_lost(struct holes *h, uint64_t fw_id);

/* When media was last seen for any pinhole of the owner; 0: never. */
int64_t holes_last_seen(struct holes *h, uint64_t owner);

/* The same for both ends: s->inside and s->outside. */
void holes_last_sent(struct holes *h, uint64_t owner, struct silence *s);

/* Renew the leases of one owner. */
void holes_renew(struct holes *h, uint64_t owner, int64_t lease, int64_t now);

/* Tell the filter everything again, in batches; it may have lost it. */
void holes_resend(struct holes *h, int64_t now);

/*
 * The ids of an owner's pinholes as bytes, so that a successor announces
 * their end under the same names; and back.  After holes_adopt(), the next
 * holes_want() of the owner opens without an event what was adopted.
 */
#define HOLES_EXPORT_MAX 16384
PH_NODISCARD enum ph_err holes_export(const struct holes *h, uint64_t owner,
    void *buf, size_t size, size_t *len);
PH_NODISCARD enum ph_err holes_adopt(struct holes *h, uint64_t owner,
    struct span call, const void *buf, size_t len, int64_t lease, int64_t now);

/*
 * From yes to no, the changes of all owners go in one commit, as far as one
 * takes them: for the packets of one turn.
 */
void holes_gather(struct holes *h, bool yes);
const struct holes_counters *holes_counters(const struct holes *h);

#endif
