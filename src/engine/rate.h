/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_RATE_H
#define ENGINE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"

/*
 * How often a source may do something: a bucket of one second's worth for
 * each address or IPv6 /64, refilled as time passes.  Asked before anything is
 * parsed, so that a flood costs a look-up.  The table is bounded; who has been
 * quiet for longest is forgotten first, and a forgotten source has a full
 * bucket.
 */
#define RATE_SOURCES 65536

struct rate;

struct rate *rate_new(uint32_t per_second);
void rate_free(struct rate *r);

/* One more from this source; false if that is too many. */
bool rate_allow(struct rate *r, const struct addr *source, int64_t now);

#endif
