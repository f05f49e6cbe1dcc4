/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "sip/state.h"
#include "src/base/slab.h"

/* The parts of a call: each side's SDP, the sessions before it, and text. */

struct sdp_side *
sdp_side_new(const struct sdp_media *media, uint8_t n, bool more,
    const struct addr *speaker)
{
	size_t i,
	    bytes = offsetof(struct sdp_side, media) + n * sizeof(media[0]);
	struct sdp_candidate *candidates;
	struct sdp_side *side;

	for (i = 0; i < n; i++)
		bytes += media[i].ncandidates * sizeof(*candidates);
	if ((side = slab_new(bytes)) == NULL)
		return NULL;
	side->refs = 1;
	side->speaker = *speaker;
	side->n = n;
	side->more = more;
	side->bytes = bytes;
	memcpy(side->media, media, n * sizeof(media[0]));
	candidates = (struct sdp_candidate *)(void *)&side->media[n];
	for (i = 0; i < n; i++) {
		memcpy(candidates, media[i].candidates,
		    media[i].ncandidates * sizeof(*candidates));
		side->media[i].candidates = candidates;
		candidates += media[i].ncandidates;
	}
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
		slab_free(side, side->bytes);
}

uint16_t
span_put(char *p, struct span s)
{
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return (uint16_t)s.len;
}

/*
 * A call with one dialog, one transaction, and one stream and mention of each
 * side takes 0.8 kB here with its names; doc/performance.md tells the rest.
 */
_Static_assert(offsetof(struct call, text) <= 212, "struct call");
_Static_assert(offsetof(struct dialog, text) <= 146, "struct dialog");
_Static_assert(offsetof(struct txn, text) <= 126, "struct txn");
_Static_assert(sizeof(struct mention) <= 88, "struct mention");
_Static_assert(sizeof(struct sdp_side) + sizeof(struct sdp_media) <= 88,
    "one side with one stream");

size_t
call_size(size_t call_id, size_t caller_tag)
{
	return offsetof(struct call, text) + call_id + caller_tag;
}

size_t
dialog_size(size_t tag)
{
	return offsetof(struct dialog, text) + tag;
}

size_t
txn_size(size_t branch)
{
	return offsetof(struct txn, text) + branch;
}

size_t
sdp_side_bytes(const struct sdp_side *side)
{
	return side == NULL ? 0 : side->bytes;
}

/* By their members, for the bytes between these may have any value. */
static bool
candidate_same(const struct sdp_candidate *a, const struct sdp_candidate *b)
{
	return addr_eq(&a->addr, &b->addr) && a->port == b->port &&
	    a->component == b->component && a->tcp == b->tcp;
}

static bool
media_same(const struct sdp_media *a, const struct sdp_media *b)
{
	uint8_t i;

	if (a->port != b->port || a->nports != b->nports ||
	    !addr_eq(&a->rtcp.addr, &b->rtcp.addr) ||
	    a->rtcp.port != b->rtcp.port || a->repeated != b->repeated ||
	    !addr_eq(&a->addr, &b->addr) || a->mode != b->mode ||
	    a->setup != b->setup || a->ncandidates != b->ncandidates ||
	    a->fault != b->fault || a->kind != b->kind ||
	    a->rtcp_mux != b->rtcp_mux ||
	    a->rtcp_mux_only != b->rtcp_mux_only ||
	    a->bundle_only != b->bundle_only || a->ice != b->ice ||
	    a->in_bundle != b->in_bundle ||
	    a->bundle_first != b->bundle_first || a->bundle != b->bundle)
		return false;
	for (i = 0; i < a->ncandidates; i++)
		if (!candidate_same(&a->candidates[i], &b->candidates[i]))
			return false;
	return true;
}

bool
sdp_side_same(const struct sdp_side *a, const struct sdp_side *b)
{
	size_t i;

	if (a->n != b->n || !addr_eq(&a->speaker, &b->speaker))
		return false;
	for (i = 0; i < a->n; i++)
		if (!media_same(&a->media[i], &b->media[i]))
			return false;
	return true;
}

struct past *
past_slots(struct dialog *d)
{
	if (d->past == NULL)
		d->past = calloc(SIP_MAX_PAST, sizeof(*d->past));
	return d->past;
}

void
past_keep(struct dialog *d, struct sdp_side *const side[2], int64_t until)
{
	struct past *slot;
	size_t i;
	int k;

	/* The same session again needs no past. */
	if (sdp_side_same(d->side[CALLER], side[CALLER]) &&
	    sdp_side_same(d->side[CALLEE], side[CALLEE]))
		return;
	if ((slot = past_slots(d)) == NULL)
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
	bool any = false;
	struct past *p;

	if (d->past == NULL)
		return;
	for (p = d->past; p < d->past + SIP_MAX_PAST; p++) {
		if (p->until == 0 || p->until > now) {
			any = any || p->until != 0;
			continue;
		}
		sdp_side_unref(p->side[CALLER]);
		sdp_side_unref(p->side[CALLEE]);
		memset(p, 0, sizeof(*p));
	}
	if (any)
		return;
	free(d->past);
	d->past = NULL;
}
