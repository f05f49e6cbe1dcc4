/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/timers.h"
#include "src/engine/refusals.h"

#define INTERVAL (60 * USEC_PER_SEC)

uint64_t
refusals_missed(struct refusals *r, int64_t now)
{
	uint64_t missed = r->missed;

	if (r->since != 0 && now - r->since < INTERVAL)
		return 0;
	memset(r, 0, sizeof(*r));
	r->since = now;
	return missed;
}

/* The slot of this source and reason, or a free one; NULL: none is free. */
static struct refusals_slot *
slot_of(struct refusals *r, const struct addr *source, enum reason reason)
{
	struct refusals_slot *s;

	for (s = r->slot; s < r->slot + REFUSALS_SLOTS; s++) {
		if (s->n == 0) {
			s->source = *source;
			s->reason = reason;
			return s;
		}
		if (s->reason == reason && addr_eq(&s->source, source))
			return s;
	}
	return NULL;
}

bool
refusals_may(struct refusals *r, const struct addr *source, enum reason reason,
    int64_t now, uint64_t *missed)
{
	struct refusals_slot *s;

	*missed = refusals_missed(r, now);
	if (r->all < REFUSALS_ALL && (s = slot_of(r, source, reason)) != NULL &&
	    s->n < REFUSALS_BURST) {
		s->n++;
		r->all++;
		return true;
	}
	r->missed++;
	return false;
}
