/* SPDX-License-Identifier: ISC */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#include "src/base/counters.h"
#include "src/base/strbuf.h"

/*
 * How long something took, each time: counts between fixed bounds, so that a
 * few numbers tell what most of them took.
 *
 * Microseconds.  The bounds are those of a pinhole: 50 us is a commit that
 * went well, 20 ms is the first packet of speech, after a second a person has
 * noticed.
 */
#define HISTOGRAM_BOUNDS 19

extern const uint32_t histogram_bounds[HISTOGRAM_BOUNDS];

struct histogram {
	/* n[i]: up to histogram_bounds[i], and above the one before. */
	uint64_t n[HISTOGRAM_BOUNDS + 1];
	uint64_t sum;
};

/* A clock may have been set back: less than nothing counts as nothing. */
void histogram_add(struct histogram *h, int64_t us);
uint64_t histogram_count(const struct histogram *h);

/*
 * The bound below which `permille` of 1000 were; 0: there are none; UINT32_MAX:
 * above the last bound.
 */
uint32_t histogram_quantile(const struct histogram *h, unsigned int permille);

/*
 * As counters: NAME_le_BOUND for each bound, how many took no longer, then
 * NAME_count and NAME_sum.
 */
void histogram_put(const struct histogram *h, struct counters *c,
    const char *name);

/*
 * In the text format of Prometheus, in seconds.  `help` and the name are one
 * line each.
 */
void histogram_prometheus(const struct histogram *h, const char *name,
    const char *help, struct strbuf *out);

#endif
