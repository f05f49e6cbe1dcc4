/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_CALLS_H
#define ENGINE_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip/sip.h"
#include "src/conf/conf.h"
#include "src/engine/place.h"
#include "src/engine/story.h"
#include "src/process/claims.h"

/*
 * The calls of SIP, between sip/, which says what each call wants open, and
 * the table of pinholes.  A call's pinholes are asked for with a lease, which
 * is renewed while the call shows signs of life.  A call is a checkpoint
 * record: its pinholes, and what sip/ knows of it.
 *
 * Knows no packets; messages go to calls_sip() directly.
 */
struct calls;

struct calls_setup {
	const struct conf *conf;	  /* borrowed */
	const struct engine_place *place; /* its lists are borrowed */
	const struct engine_sink *sink;	  /* only its checkpoint is called */
	struct timers *timers;
	struct claims *claims;
	struct story *story;
};

struct calls *calls_new(const struct calls_setup *setup); /* NULL: memory */
void calls_free(struct calls *c);			  /* silently */

struct sip *calls_sip(const struct calls *c);

/* The call as it is now; false: there is none. */
bool calls_view(const struct calls *c, uint64_t id, struct call_view *out);
/* How many there are now in each state. */
void calls_report(struct calls *c, struct counters *out);
/* The next call behind `after`; 0: there is none. */
uint64_t calls_after(struct calls *c, uint64_t after);

/* Write a checkpoint of each call that has changed. */
void calls_flush(struct calls *c);
bool calls_unflushed(const struct calls *c); /* there is one */

/*
 * Adopt the call of a checkpoint record: first its pinholes, by their old ids,
 * then the call; what the call does not want any more, or may not have, closes
 * at once.  The packet filter is asked for the rest only, for it refuses what
 * the configuration forbids.  False: the record is of no more use.
 */
bool calls_adopt(struct calls *c, const uint8_t *p, size_t len, int64_t now);

/*
 * Calls that other boxes share (src/share/group.h).  A call that another box
 * owns is judged silent there: here, its leases are renewed as long as it is
 * theirs, and media that this box sees is told.
 */
#define CALLS_LOST_S 15
enum calls_role {
	CALLS_THEIRS,
	CALLS_OURS,
	CALLS_RELEASED, /* ends, unless media has been seen here */
	CALLS_LOST,	/* the same; media must be CALLS_LOST_S young */
};
/* As sip_import_peer(). */
PH_NODISCARD enum ph_err calls_adopt_peer(struct calls *c, const uint8_t *p,
    size_t len, bool fresh, int64_t now, uint64_t *id);
void calls_role(struct calls *c, uint64_t id, enum calls_role role,
    int64_t now);
/* The share process is gone: tell its successor those that are ours as new. */
void calls_untold(struct calls *c);
void calls_seen(struct calls *c, uint64_t id, int64_t inside, int64_t outside);
void calls_end(struct calls *c, uint64_t id, enum reason why, int64_t now);
/*
 * The record of a call as engine_sink.share gets it, and whether a message has
 * changed it since that was told; false: there is none.
 */
bool calls_record(struct calls *c, uint64_t id, const uint8_t **p, size_t *len,
    bool *changed);

/* See engine_media(). */
bool calls_media(struct calls *c, struct span call_id, struct silence *s);

/* Close all pinholes; the checkpoints stay, and none is written after this. */
void calls_shutdown(struct calls *c, int64_t now);

#endif
