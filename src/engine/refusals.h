/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_REFUSALS_H
#define ENGINE_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/reason.h"

/*
 * How many `refuse` events a source may cause: REFUSALS_BURST a minute for
 * each reason, and REFUSALS_ALL a minute from all together.  Further ones are
 * counted, and logged in one line when the minute is over.  Strangers can
 * cause any number of refusals, and must not fill the disk.
 */
#define REFUSALS_BURST 20
#define REFUSALS_ALL   1000
#define REFUSALS_SLOTS 256

struct refusals_slot {
	struct addr source;
	enum reason reason;
	uint32_t n; /* 0: free */
};

struct refusals {
	int64_t since; /* when this minute began */
	uint32_t all;
	uint64_t missed;
	struct refusals_slot slot[REFUSALS_SLOTS];
};

/*
 * Whether one more refusal may have an event.  If a minute has just ended,
 * *missed is how many in it had none; else 0.
 */
bool refusals_may(struct refusals *r, const struct addr *source,
    enum reason reason, int64_t now, uint64_t *missed);

/* Without a refusal: only whether a minute has ended. */
uint64_t refusals_missed(struct refusals *r, int64_t now);

#endif
