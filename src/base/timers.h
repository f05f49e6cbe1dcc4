/* SPDX-License-Identifier: ISC */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/heap.h"

/*
 * Timers without a clock.
 *
 * Time is int64_t microseconds since the epoch and always an argument, so a
 * replay fires the same timers in the same order as the wire did: by
 * deadline, then by the order in which they were set.  The owner embeds the
 * struct timer, zeroed, and finds itself by timer_owner().  Of two timers a
 * call has, so that it is small: 16 bytes, and 16 in the heap.
 */
#define USEC_PER_SEC INT64_C(1000000)

struct timer {
	uint32_t place; /* first; in the heap */
	uint32_t order; /* of setting it; it wraps */
	void (*fire)(struct timer *t, int64_t now);
};

#define timer_owner(t, type, member)                                           \
	((type *)(void *)((char *)(t)-offsetof(type, member)))

struct timers {
	struct heap heap;
	size_t n; /* that have begun and not ended */
	uint32_t order;
};

void timers_init(struct timers *ts);
void timers_free(struct timers *ts); /* all have ended */

/*
 * From now on it can be set, for there is room: PH_ENOMEM.  `fire` runs from
 * timers_run(), when the timer is not set any more.
 */
PH_NODISCARD enum ph_err timer_begin(struct timers *ts, struct timer *t,
    void (*fire)(struct timer *t, int64_t now));
void timer_end(struct timers *ts, struct timer *t); /* fine if not begun */

void timer_set(struct timers *ts, struct timer *t, int64_t at); /* or move */
void timer_clear(struct timers *ts, struct timer *t); /* fine if not set */
bool timer_is_set(const struct timer *t);

/* The earliest deadline, or INT64_MAX. */
int64_t timers_next(const struct timers *ts);

static inline int64_t
timers_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * Fire everything due at or before `now`, each with its own deadline as the
 * time.  Timers set meanwhile fire too if due.
 */
void timers_run(struct timers *ts, int64_t now);

#endif
