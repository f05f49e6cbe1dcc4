/* SPDX-License-Identifier: ISC */
#ifndef SIP_H
#define SIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip/message.h"
#include "sip/policy.h"
#include "src/base/datagram.h"
#include "src/base/err.h"
#include "src/base/reason.h"
#include "src/base/timers.h"

/*
 * Calls: from SIP messages and the time to what each call wants open.
 *
 * A call is one leg: a Call-ID, the caller's tag and the two signalling
 * addresses, so that a call which crosses the firewall twice is two.  It holds
 * transactions by branch and CSeq (RFC 3261 section 17) and dialogs by tags
 * (section 12), each with the last session both sides agreed on (RFC 3264).
 * Nothing is wanted before a protected side has accepted, or an answer has come
 * back along the very transaction that a protected side began.
 *
 * Knows neither the firewall nor sockets nor the clock.  The caller has already
 * checked that the message was seen in a direction that counts.
 */
struct sip_config {
	struct sip_policy policy;
	bool early_media;
	uint32_t limit_calls;
	uint32_t limit_per_source; /* not yet accepted, outside sources */
	uint32_t timeout_setup, timeout_max; /* seconds */
};

enum dialog_state {
	DIALOG_EARLY,
	DIALOG_CONFIRMED,
	DIALOG_ENDED, /* remembered so that stragglers do not reopen it */
	DIALOG_STATES
};

struct sip_counters {
	uint64_t requests, responses;
	uint64_t not_protected; /* neither end is ours */
	uint64_t unmatched;	/* responses without their request */
	uint64_t no_dialog;	/* in-dialog requests of no call we know */
	uint64_t forged; /* right Call-ID, wrong tag, address or branch */
	uint64_t retransmissions;
	uint64_t sdp_malformed, sdp_ambiguous;
	uint64_t limit_calls, limit_source, limit_dialogs, limit_transactions;
	uint64_t evicted;
	uint64_t bytes;			      /* that calls take now, about */
	uint64_t calls;			      /* now */
	uint64_t accepted;		      /* now */
	uint64_t dialogs[DIALOG_STATES];      /* now */
	uint64_t calls_total, accepted_total; /* without imported ones */
};

/* The pinholes that a call wants from now on; see sip_sink.wants. */
struct sip_wants {
	uint64_t call; /* stable, never 0 */
	struct span call_id;
	const struct pinhole *holes; /* in the order to be announced */
	size_t nholes;
	enum reason open;  /* for those that were not wanted before */
	enum reason close; /* for those that no longer are */
	bool accepted;
	bool between; /* both ends are protected */
	bool held;    /* silence is no sign of death (RFC 3264 section 8.4) */
};

struct sip_sink {
	void *ctx;
	/* The whole set, each time; the receiver finds the difference. */
	void (*wants)(void *ctx, const struct sip_wants *w, int64_t now);
	void (*refuse)(void *ctx, struct span call_id,
	    const struct sip_refusal *r, int64_t now);
	/* The call's state changed: worth a checkpoint; see sip_export(). */
	void (*changed)(void *ctx, uint64_t call, int64_t now);
	/* The call will be forgotten; its wants are empty by now. */
	void (*gone)(void *ctx, uint64_t call);
	/* Whether media has been silent for `timeout`, or never came. */
	bool (*silent)(void *ctx, uint64_t call, int64_t timeout, int64_t now);
	/* The protected side has spoken within a dialog of the call. */
	void (*alive)(void *ctx, uint64_t call, int64_t now);
	/* The SDP of the message at hand; the function may be NULL. */
	void (*described)(void *ctx, const struct sdp *sdp);
};

struct sip;

/* `config` is copied, its lists are borrowed; `timers` are shared. */
struct sip *sip_new(const struct sip_config *config,
    const struct sip_sink *sink, struct timers *timers);
void sip_free(struct sip *sip); /* silently: no wants, no gone */

/* The verdict on a message. */
enum sip_verdict {
	SIP_VERDICT_USED,      /* or it changes nothing */
	SIP_VERDICT_FORGED,    /* counted as forged */
	SIP_VERDICT_NO_DIALOG, /* as no_dialog */
	SIP_VERDICT_UNMATCHED, /* as unmatched */
	SIP_VERDICT_TOO_LONG,  /* its Call-ID or a tag, for us */
	SIP_VERDICT_NO_ROOM,   /* for its call */
};

/*
 * One message between d->src and d->dst.  `m` is only read.  Never fails:
 * what cannot be used is counted.
 */
enum sip_verdict sip_input(struct sip *sip, int64_t now,
    const struct datagram *d, const struct sip_message *m);

/*
 * A message that could not be parsed, and what was still seen in it.  Of BYEs
 * only those of the protected side are believed so, and an answer that comes
 * back along the transaction of a BYE.  What an outsider's SDP names is
 * noted, for a proxy may relay what we refuse so that we no longer do.
 */
void sip_overhear(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_glance *g);

/* Whether a message is at hand: what changes now, changes by it. */
bool sip_hears(const struct sip *sip);

/*
 * No sign of life for too long: end the call, or, if it is not yet accepted,
 * its early media.
 */
void sip_silent(struct sip *sip, uint64_t call, int64_t now);

/*
 * The description of a call, to be shown; false: there is no such call.
 * Borrows.
 */
struct sip_about {
	struct span call_id;
	struct addr from, to; /* of its signalling */
	bool over;	      /* only remembered */
	int64_t began;	      /* when it was heard of, before a restart too */
};
bool sip_about(struct sip *sip, uint64_t call, struct sip_about *out);

/* End all calls with this Call-ID, for `why`; how many there were. */
size_t sip_close(struct sip *sip, struct span call_id, enum reason why,
    int64_t now);

/* End this one; false: there is none. */
bool sip_end(struct sip *sip, uint64_t call, enum reason why, int64_t now);

/*
 * End all calls: the wants of each become empty with `why`; pinholes that only
 * waited to be replaced close as replaced.  Of a call that was over before,
 * nothing is told.
 */
void sip_shutdown(struct sip *sip, enum reason why, int64_t now);

const struct sip_counters *sip_counters(const struct sip *sip);

/*
 * A call as bytes, for the successor of this process, and back; PH_EBAD if
 * there is none, or it is over.  Import trusts nothing: PH_EMALFORMED leaves no
 * trace, PH_ELIMIT when full, PH_EEXIST if the call is already here, PH_EGONE
 * if it is over, PH_EUNSUPPORTED if neither end is protected any more.  The
 * imported call's wants are announced at once (reason answer), for the receiver
 * to compare with what it adopted.
 */
#define SIP_EXPORT_MAX 49152
PH_NODISCARD enum ph_err sip_export(const struct sip *sip, uint64_t call,
    void *buf, size_t size, size_t *len);
/* Read only the names of an exported call; `call_id` points into `buf`. */
PH_NODISCARD enum ph_err sip_export_names(const void *buf, size_t len,
    uint64_t *call, struct span *call_id);
PH_NODISCARD enum ph_err sip_import(struct sip *sip, const void *buf,
    size_t len, int64_t now);
/*
 * The part of an exported call that is the same on every machine and identifies
 * the call: Call-ID, caller's tag and signalling addresses.  `names` points
 * into `buf`.
 */
PH_NODISCARD enum ph_err sip_export_key(const void *buf, size_t len,
    struct span *names);
/*
 * The call of another machine, or its later state in place of the one here,
 * by an id of our own.  `fresh`: what is here stays.  PH_EGONE: it is over
 * here, or there.  On failure, what was here is unchanged.
 */
PH_NODISCARD enum ph_err sip_import_peer(struct sip *sip, const void *buf,
    size_t len, bool fresh, int64_t now, uint64_t *id);

#endif
