/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_CLAIMS_H
#define PROCESS_CLAIMS_H

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
 * What a process wants of the packet filter: which asker claims which pinhole,
 * and what the firewall process has been asked for.  For the engine and the
 * proxy alike.
 *
 * An asker (a call, a transfer, a session) states its whole set of wishes each
 * time; the difference becomes events, with an id of its own for each claim,
 * and changes for the packet filter, where a tuple that several askers share
 * exists once and closes with the last of them.
 *
 * Every tuple has a lease: the deadline at which the kernel closes it unless
 * it is renewed.  When packets were last seen is kept here, too.  Knows no
 * protocol and does no I/O; time is an argument.
 */
struct claims;

struct claims_sink {
	void *ctx;
	/* All at once, or nothing; see fw_ops.commit. */
	void (*commit)(void *ctx, const struct fw_change *changes, size_t n);
	/* Whether a refusal is worth an event; NULL: each is. */
	bool (
	    *may_refuse)(void *ctx, const struct event_refusal *r, int64_t now);
};

struct claims_counters {
	uint64_t open;			  /* now: claims */
	uint64_t tuples;		  /* now: what the filter holds */
	uint64_t askers;		  /* now */
	uint64_t opened, closed, refused; /* in all */
	uint64_t commits, changes;
	uint64_t refused_for[REASON_COUNT]; /* of `refused`, by reason */
	uint64_t limit; /* wishes not granted for want of room */
};

/* The pinholes that an asker wants from now on. */
struct claims_want {
	uint64_t asker;		 /* never 0 */
	struct span call;	 /* for events; may be empty */
	const struct pinhole *v; /* in the order to be announced */
	size_t n;
	enum reason open, close;
	int64_t lease; /* microseconds */
	/*
	 * Ask the firewall process although it has the tuple, and announce it
	 * as open by claims_announce() when it has answered.
	 */
	bool wait;
	void *user; /* the caller's, see claims_user() */
};

/*
 * Ids in events, and for the firewall process, count from `first_id`, which
 * leaves room below 2^48.
 */
struct claims *claims_new(size_t limit, uint64_t first_id,
    const struct events *ev, const struct claims_sink *sink);
void claims_free(struct claims *cs);

/* Make it so.  An unchanged set costs nothing and says nothing. */
void claims_want(struct claims *cs, const struct claims_want *w, int64_t now);

void claims_announce(struct claims *cs, uint64_t asker, enum reason why,
    int64_t now);

/* The `user` that the asker gave with its wants; NULL if it claims nothing. */
void *claims_user(struct claims *cs, uint64_t asker);
/* All askers: the first after this one; 0: there is none. */
uint64_t claims_asker_after(struct claims *cs, uint64_t after);
/* The same of those for whom one pinhole is open, by the filter's id. */
uint64_t claims_asker_of(struct claims *cs, uint64_t fw_id, uint64_t after);
/* The filter's id of the asker's first pinhole; 0: none. */
uint64_t claims_fw_id(struct claims *cs, uint64_t asker);

void claims_refuse(struct claims *cs, const struct event_refusal *r,
    struct span call, int64_t now);

/* The filter saw packets from these ends (FW_SEEN_*) of one pinhole. */
void claims_seen(struct claims *cs, uint64_t fw_id, unsigned int ends,
    int64_t now);

/* So many packets have gone through it, as the filter counts them. */
void claims_packets(struct claims *cs, uint64_t fw_id, uint64_t packets);

/* The filter closed it at its deadline: the next renewal opens it again. */
void claims_lost(struct claims *cs, uint64_t fw_id);

/* When media was last seen for any pinhole of the asker; 0: never. */
int64_t claims_last_seen(struct claims *cs, uint64_t asker);

/* The same for both ends: s->inside and s->outside. */
void claims_last_sent(struct claims *cs, uint64_t asker, struct silence *s);

/* An open pinhole of an asker, to be shown. */
struct claims_view {
	struct pinhole hole; /* with its id, and its deadline */
	struct events_owner owner;
	int64_t since;
	int64_t seen; /* packets last went through; 0: never */
	uint64_t packets;
	enum reason why;
	bool adopted; /* of a predecessor, who had opened it */
};
void claims_view(struct claims *cs, uint64_t asker,
    void (*view)(void *ctx, const struct claims_view *v), void *ctx);

/* Renew the leases of one asker. */
void claims_renew(struct claims *cs, uint64_t asker, int64_t lease,
    int64_t now);

/* Tell the filter everything again, in batches; it may have lost it. */
void claims_resend(struct claims *cs, int64_t now);

/*
 * The ids of an asker's pinholes as bytes, so that a successor announces
 * their end under the same names; and back.  After claims_adopt(), the next
 * claims_want() of the asker opens without an event what was adopted.
 */
#define CLAIMS_EXPORT_MAX 18432
PH_NODISCARD enum ph_err claims_export(const struct claims *cs, uint64_t asker,
    void *buf, size_t size, size_t *len);
PH_NODISCARD enum ph_err claims_adopt(struct claims *cs, uint64_t asker,
    struct span call, const void *buf, size_t len, int64_t lease, int64_t now);

/*
 * From yes to no, the changes of all askers go in one commit, as far as one
 * takes them: for the packets of one turn.
 */
void claims_gather(struct claims *cs, bool yes);
/* As events.verbose, from now on. */
void claims_verbose(struct claims *cs, int verbose);
const struct claims_counters *claims_counters(const struct claims *cs);
void claims_report(const struct claims *cs, struct counters *c);

#endif
