/* SPDX-License-Identifier: ISC */
#ifndef TABLES_REPLAY_H
#define TABLES_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/*
 * No datagram counts twice.
 *
 * A datagram is good for a minute before and after the time in it.  For that
 * long, the first 64 bits of its HMAC are remembered: versions 1 and 2 have
 * nothing else that differs, and in version 3 it covers the nonce.  Only
 * datagrams with a right signature come here, so strangers cannot fill the
 * memory.
 *
 * Three generations of at least a minute each are kept.  When one is dropped,
 * the latest time in any of its datagrams becomes the floor: a datagram that is
 * not newer is refused, because its tag may have been forgotten.  So even after
 * the clock is set back, no datagram counts twice.
 *
 * The tags can be exported as chunks and imported again; the owner stores each
 * chunk under its number.
 */
#define REPLAY_SKEW	  INT64_C(60000000) /* microseconds */
#define REPLAY_CHUNK	  64		    /* tags */
#define REPLAY_MAX	  3000000	    /* per generation */
#define REPLAY_NUMBER_MAX (UINT64_MAX >> 2)

struct replay_chunk {
	uint64_t number; /* from 1 */
	uint32_t latest; /* time in any of its datagrams, seconds */
	uint32_t n;
	uint64_t tag[REPLAY_CHUNK];
};

struct replay;

/* `max` tags per generation, REPLAY_MAX by default. */
struct replay *replay_new(size_t max);
void replay_free(struct replay *r);

/*
 * Whether a datagram with this tag and time is new, and if so, remember it.
 * PH_EEXIST: it is not.  PH_EGONE: at or below the floor.  PH_ELIMIT: too many
 * in a short time; PH_ENOMEM.
 */
PH_NODISCARD enum ph_err replay_take(struct replay *r, uint64_t tag,
    uint32_t time, int64_t now);

/* The chunk that the last replay_take() wrote to. */
const struct replay_chunk *replay_chunk(const struct replay *r);
/* A number whose chunk is not needed any more, or 0; ask until 0. */
uint64_t replay_dropped(struct replay *r);

/*
 * Before anything is taken.  PH_EGONE: too old to be needed, but it counts for
 * the floor.  PH_EMALFORMED: makes no sense.
 */
PH_NODISCARD enum ph_err replay_load(struct replay *r,
    const struct replay_chunk *c, int64_t now);
PH_NODISCARD enum ph_err replay_load_floor(struct replay *r, uint32_t floor,
    int64_t now);
uint32_t replay_floor(const struct replay *r); /* seconds; 0: none */

size_t replay_count(const struct replay *r);

#endif
