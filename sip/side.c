/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "sip/state.h"

/* The parts of a call: each side's SDP, the sessions before it, and text. */

struct sdp_side *
sdp_side_alloc(uint8_t n)
{
	struct sdp_side *side;

	side = calloc(1, sizeof(*side) + n * sizeof(side->media[0]));
	if (side != NULL) {
		side->refs = 1;
		side->n = n;
	}
	return side;
}

struct sdp_side *
sdp_side_new(const struct sdp *sdp, const struct addr *speaker)
{
	struct sdp_side *side = sdp_side_alloc(sdp->nmedia);

	if (side == NULL)
		return NULL;
	side->speaker = *speaker;
	side->more = sdp->more;
	memcpy(side->media, sdp->media, sdp->nmedia * sizeof(side->media[0]));
	return side;
}

struct sdp_side *
sdp_side_ref(struct sdp_side *side)
{
	if (side != NULL)
		side->refs++;
	return side;
}

void
sdp_side_unref(struct sdp_side *side)
{
	if (side != NULL && --side->refs == 0)
		free(side);
}

bool
span_dup(struct span s, struct span *out)
{
	char *p;

	if (s.len > SIP_MAX_TAG || (p = malloc(s.len + 1)) == NULL)
		return false;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	out->p = p;
	out->len = s.len;
	return true;
}

void
span_free(struct span *s)
{
	free((void *)(uintptr_t)s->p);
	*s = (struct span) { NULL, 0 };
}

size_t
sdp_side_bytes(const struct sdp_side *side)
{
	return side == NULL ? 0
			    : sizeof(*side) + side->n * sizeof(side->media[0]);
}

bool
sdp_side_same(const struct sdp_side *a, const struct sdp_side *b)
{
	return a->n == b->n && addr_eq(&a->speaker, &b->speaker) &&
	    memcmp(a->media, b->media, a->n * sizeof(a->media[0])) == 0;
}

void
past_keep(struct dialog *d, struct sdp_side *const side[2], int64_t until)
{
	struct past *slot = &d->past[0];
	size_t i;
	int k;

	/* The same session again needs no past. */
	if (sdp_side_same(d->side[CALLER], side[CALLER]) &&
	    sdp_side_same(d->side[CALLEE], side[CALLEE]))
		return;
	for (i = 1; i < SIP_MAX_PAST; i++)
		if (d->past[i].until < slot->until)
			slot = &d->past[i];
	for (k = 0; k < 2; k++) {
		sdp_side_unref(slot->side[k]);
		slot->side[k] = sdp_side_ref(d->side[k]);
	}
	slot->until = until;
}

void
past_expire(struct dialog *d, int64_t now)
{
	struct past *p;

	for (p = d->past; p < d->past + SIP_MAX_PAST; p++) {
		if (p->until == 0 || p->until > now)
			continue;
		sdp_side_unref(p->side[CALLER]);
		sdp_side_unref(p->side[CALLEE]);
		memset(p, 0, sizeof(*p));
	}
}
