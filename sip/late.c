/* SPDX-License-Identifier: ISC */
/* Offers in responses: RFC 3264 section 5, RFC 3261 section 13.2.1. */
#include "sip/state.h"

#include "src/base/slab.h"

bool
late_begin(struct dialog *d, const struct late *late)
{
	late_end(d);
	if ((d->late = slab_new(sizeof(*late))) == NULL) {
		sdp_side_unref(late->side);
		return false;
	}
	*d->late = *late;
	return true;
}

bool
late_is(const struct dialog *d, uint32_t cseq, uint32_t rseq)
{
	return d->late != NULL && d->late->cseq == cseq &&
	    d->late->rseq == rseq;
}

bool
late_waits(const struct dialog *d, enum role role, uint32_t cseq, int64_t now)
{
	return d->late != NULL && d->late->cseq == cseq &&
	    d->late->role == role && now < d->late->until;
}

struct sdp_side *
late_take(struct dialog *d)
{
	struct sdp_side *side = d->late->side;

	slab_free(d->late, sizeof(*d->late));
	d->late = NULL;
	return side;
}

void
late_end(struct dialog *d)
{
	if (d->late != NULL)
		sdp_side_unref(late_take(d));
}
