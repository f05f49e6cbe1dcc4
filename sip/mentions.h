/* SPDX-License-Identifier: ISC */
#ifndef SIP_MENTIONS_H
#define SIP_MENTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip/sdp.h"
#include "src/base/addr.h"

/*
 * Which party was the first to name an inside address and port.
 *
 * A server repeats SDP of strangers: a proxy relays it as it is, a B2BUA that
 * keeps out of the media's way sends it on under another Call-ID.  So SDP of a
 * protected host that says "my port 5432" does not mean that the host wants
 * that port open: maybe the caller wrote it.  An address and port that an
 * outsider named first is therefore not believed when the inside repeats it;
 * the stream is marked, and policy.h refuses it.
 *
 * Believing too much opens a port, believing too little spoils a call, so
 * "repeats" is narrow:
 *
 *  - Within one Call-ID the outsider is the source of it, and every mention
 *    counts, for as long as we remember the call.  The outsider is excused
 *    if the inside had named it before in that Call-ID, or to that very
 *    outsider in a call that lives: so an inside phone may call another by a
 *    proxy or a B2BUA outside.
 *  - Across Call-IDs it may be chance, or somebody who names all ports of a
 *    server to have its own calls refused.  A mention counts there only while
 *    its call lives, only against the host that it was said to (or another
 *    `server` if that is one), and not if the inside, anywhere, had named the
 *    same before in a call that lives.  Until a call that an outsider began
 *    has been accepted, the host answers for itself: it repeats nothing there
 *    but what was said in calls that it made itself, or had accepted.
 *  - Nobody names many inside ports honestly.  The mentions of a source that
 *    has more than SIP_MENTIONS_SOURCE, and those on an address that has more
 *    than SIP_MENTIONS_TARGET, count across Call-IDs against TCP alone: a
 *    flood of mentions costs no telephone call.  What it wins is told in
 *    doc/threat-model.md.
 *
 * The table is bounded: SIP_MENTIONS_MAX mentions of outsiders in all, of which
 * those beyond a source's share go first, then the oldest; of each call the
 * latest SIP_MENTIONS_CALL.  An outsider may name many ports so that one of his
 * mentions is forgotten.  Therefore, once a mention of a Call-ID is forgotten,
 * only ports that the inside had named before are believed there.
 */
#define SIP_MENTIONS_SOURCE 8
#define SIP_MENTIONS_TARGET 64
#define SIP_MENTIONS_CALL   (2 * SDP_MAX_MEDIA * (2 + SDP_MAX_CANDIDATES))
#define SIP_MENTIONS_MAX    16384

struct call;
struct mentions;
struct sdp_side;

void mentions_init(struct mentions *cs);

/*
 * A protected host has said `side` in this call, with `answer` in a response
 * to an INVITE outside a dialog: mark in it what an outsider had named first,
 * remember the rest.
 */
void mentions_inside(struct call *c, bool answer, struct sdp_side *side);
/* An outsider has said this in this call. */
void mentions_outside(struct call *c, const struct addr *speaker,
    const struct sdp_media *media, size_t n);
/* The same for a side of an imported call, whichever party sent it. */
void mentions_adopt(struct call *c, const struct sdp_side *side);
/* The call is forgotten. */
void mentions_free(struct call *c);

/* Outsiders' mentions that outlast their call, for one of the same Call-ID. */
struct mentions_kept {
	struct kept_mention *v; /* owned */
	size_t n;
};

bool mentions_has_outside(const struct call *c);
void mentions_keep(const struct call *c, struct mentions_kept *kept);
/* Give the kept mentions to `c`, which may be NULL, and empty `kept`. */
void mentions_give(struct call *c, struct mentions_kept *kept);

#endif
