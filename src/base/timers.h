/* SPDX-License-Identifier: ISC */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/tree.h"

/*
 * Timers without a clock.
 *
 * Time is int64_t microseconds since the epoch and always an argument, so a
 * replay fires the same timers in the same order as the wire did: by
 * deadline, then by the order in which they were set.  The owner embeds the
 * struct timer, zeroed; nothing is allocated.
 */
#define USEC_PER_SEC INT64_C(1000000)

struct timer {
	RB_ENTRY(timer) node;
	int64_t at; /* its place in the tree */
	uint64_t seq;
	/*
	 * When it is to fire: a timer that moves to a later time keeps its
	 * place until that comes first.  Most are moved again before.
	 */
	int64_t due;
	uint64_t due_seq;
	bool set;
	void (*fire)(void *arg, int64_t now);
	void *arg;
};

RB_HEAD(timer_tree, timer);

struct timers {
	struct timer_tree tree;
	uint64_t seq;
};

void timers_init(struct timers *ts);

/* Set or move.  `fire` runs once, from timers_run(), with `set` cleared. */
void timer_set(struct timers *ts, struct timer *t, int64_t at,
    void (*fire)(void *arg, int64_t now), void *arg);
void timer_clear(struct timers *ts, struct timer *t); /* fine if not set */

/* The earliest deadline, or INT64_MAX. */
int64_t timers_next(struct timers *ts);

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
