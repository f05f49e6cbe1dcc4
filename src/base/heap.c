/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/heap.h"

#define FIRST_CAP 16

void
heap_init(struct heap *h)
{
	memset(h, 0, sizeof(*h));
}

void
heap_free(struct heap *h)
{
	free(h->v);
	heap_init(h);
}

enum ph_err
heap_reserve(struct heap *h, size_t n)
{
	size_t cap = h->cap > 0 ? h->cap : FIRST_CAP;
	struct heap_slot *v;

	while (cap < n)
		cap *= 2;
	if (cap == h->cap)
		return PH_OK;
	if ((v = reallocarray(h->v, cap, sizeof(*v))) == NULL)
		return PH_ENOMEM;
	h->v = v;
	h->cap = cap;
	return PH_OK;
}

/* Whether `a` comes before `b`. */
static bool
slot_before(const struct heap *h, const struct heap_slot *a,
    const struct heap_slot *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	return h->before != NULL && h->before(a->place, b->place);
}

static void
slot_put(struct heap *h, size_t i, struct heap_slot s)
{
	h->v[i] = s;
	*s.place = (uint32_t)i + 1;
}

/* Slot `i` is free: `s` goes there, or nearer to the top. */
static void
slot_rise(struct heap *h, size_t i, struct heap_slot s)
{
	size_t up;

	for (; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!slot_before(h, &s, &h->v[up]))
			break;
		slot_put(h, i, h->v[up]);
	}
	slot_put(h, i, s);
}

/* Likewise, or farther from the top. */
static void
slot_sink(struct heap *h, size_t i, struct heap_slot s)
{
	size_t down;

	for (; (down = 2 * i + 1) < h->n; i = down) {
		if (down + 1 < h->n &&
		    slot_before(h, &h->v[down + 1], &h->v[down]))
			down++;
		if (!slot_before(h, &h->v[down], &s))
			break;
		slot_put(h, i, h->v[down]);
	}
	slot_put(h, i, s);
}

static void
slot_place(struct heap *h, size_t i, struct heap_slot s)
{
	if (i > 0 && slot_before(h, &s, &h->v[(i - 1) / 2]))
		slot_rise(h, i, s);
	else
		slot_sink(h, i, s);
}

void
heap_set(struct heap *h, uint32_t *place, int64_t at)
{
	size_t i = *place != 0 ? *place - 1 : h->n++;

	slot_place(h, i, (struct heap_slot) { at, place });
}

void
heap_clear(struct heap *h, uint32_t *place)
{
	size_t i;

	if (*place == 0)
		return;
	i = *place - 1;
	*place = 0;
	if (i != --h->n)
		slot_place(h, i, h->v[h->n]);
}

int64_t
heap_at(const struct heap *h, const uint32_t *place)
{
	return h->v[*place - 1].at;
}

const struct heap_slot *
heap_first(const struct heap *h)
{
	return h->n > 0 ? &h->v[0] : NULL;
}
