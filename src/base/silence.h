/* SPDX-License-Identifier: ISC */
#ifndef BASE_SILENCE_H
#define BASE_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How silence is judged: of calls, transfers and the pinholes of a proxy.
 *
 * A packet of a protected host is a sign of life.  A packet from outside is one
 * only for `grace` after that, so that nobody outside keeps a pinhole open for
 * ever.  The packet filter reports packets only so often (silence_poll()), and
 * each report renews the lease of the pinhole there.
 *
 * Times are microseconds since the epoch, lengths are microseconds.
 */
struct silence {
	int64_t since;	 /* counted from here at the earliest */
	int64_t inside;	 /* when protected hosts last sent; 0: never */
	int64_t outside; /* when all others last sent; 0: never */
	int64_t timeout; /* how long it may last */
	int64_t grace;
};
#define SILENCE_EQUAL INT64_MAX /* grace: the outside counts as the inside */

/* When it began: the last sign of life. */
int64_t silence_began(const struct silence *s);

/* Whether it has lasted for the timeout, and when it will have. */
bool silence_over(const struct silence *s, int64_t now);
int64_t silence_due(const struct silence *s);

/* Judge again then: when it may be over, or half of the lease is. */
int64_t silence_next(const struct silence *s, int64_t lease, int64_t now);

/* Whether a quarter of the lease has gone, so that it is worth a renewal. */
bool silence_renews(int64_t deadline, int64_t lease, int64_t now);

/*
 * How often to look for packets of `n` pinholes if silence may last for
 * `timeout`: at least four times in that.  A look costs more for each of them,
 * so that many are looked at less often.
 */
int64_t silence_poll(int64_t timeout, size_t n);

#endif
