/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "sip/call.h"

/* What calls are made of: each side's SDP, what it was before, and text. */

struct half *
half_alloc(uint8_t n)
{
	struct half *h;

	h = calloc(1, sizeof(*h) + n * sizeof(h->media[0]));
	if (h != NULL) {
		h->refs = 1;
		h->n = n;
	}
	return h;
}

struct half *
half_new(const struct sdp *sdp, const struct addr *speaker)
{
	struct half *h = half_alloc(sdp->nmedia);

	if (h == NULL)
		return NULL;
	h->speaker = *speaker;
	h->more = sdp->more;
	memcpy(h->media, sdp->media, sdp->nmedia * sizeof(h->media[0]));
	return h;
}

struct half *
half_ref(struct half *h)
{
	if (h != NULL)
		h->refs++;
	return h;
}

void
half_unref(struct half *h)
{
	if (h != NULL && --h->refs == 0)
		free(h);
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
half_bytes(const struct half *h)
{
	return h == NULL ? 0 : sizeof(*h) + h->n * sizeof(h->media[0]);
}

bool
half_same(const struct half *a, const struct half *b)
{
	return a->n == b->n && addr_eq(&a->speaker, &b->speaker) &&
	    memcmp(a->media, b->media, a->n * sizeof(a->media[0])) == 0;
}

void
past_keep(struct dialog *d, struct half *const half[2], int64_t until)
{
	struct past *slot = &d->past[0];
	size_t i;
	int k;

	/* What is said again has not moved. */
	if (half_same(d->half[CALLER], half[CALLER]) &&
	    half_same(d->half[CALLEE], half[CALLEE]))
		return;
	for (i = 1; i < SIP_MAX_PAST; i++)
		if (d->past[i].until < slot->until)
			slot = &d->past[i];
	for (k = 0; k < 2; k++) {
		half_unref(slot->half[k]);
		slot->half[k] = half_ref(d->half[k]);
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
		half_unref(p->half[CALLER]);
		half_unref(p->half[CALLEE]);
		memset(p, 0, sizeof(*p));
	}
}
