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
/* The next call behind `after`; 0: there is none. */
uint64_t calls_after(struct calls *c, uint64_t after);

/* Write a checkpoint of each call that has changed. */
void calls_flush(struct calls *c);

/*
 * Adopt the call of a checkpoint record: first its pinholes, by their old ids,
 * then the call; what the call does not want any more, or may not have, closes
 * at once.  The packet filter is asked for the rest only, for it refuses what
 * the configuration forbids.  False: the record is of no more use.
 */
bool calls_adopt(struct calls *c, const uint8_t *p, size_t len, int64_t now);

/* See engine_media(). */
bool calls_media(struct calls *c, struct span call_id, struct silence *s);

/* Close all pinholes; the checkpoints stay, and none is written after this. */
void calls_shutdown(struct calls *c, int64_t now);

#endif
