/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/compat/ring.h"

enum state {
	FREE,
	WAITS,
	TAKEN,
};

/* `begin` and `end` count on and on. */
_Static_assert((RING_CELLS & (RING_CELLS - 1)) == 0, "a power of two");

static struct ring_head *
head_at(struct ring *r, uint32_t at)
{
	return &r->heads[at % RING_CELLS];
}

static uint32_t
cells_of(size_t len)
{
	return len == 0 ? 1 : (uint32_t)((len + RING_CELL - 1) / RING_CELL);
}

/* A packet that a dead process had taken has been sent, or is lost. */
void
ring_begin(struct ring *r, uint32_t writer)
{
	size_t i;

	atomic_store(&r->writer, writer);
	for (i = 0; i < RING_CELLS; i++)
		if (atomic_load(&r->heads[i].state) == TAKEN)
			atomic_store(&r->heads[i].state, FREE);
}

/* Cells at the beginning whose packets have gone are room again. */
static void
ring_shrink(struct ring *r)
{
	uint32_t begin = atomic_load(&r->begin), end = atomic_load(&r->end);

	while (begin != end && atomic_load(&head_at(r, begin)->state) == FREE)
		begin++;
	atomic_store(&r->begin, begin);
}

bool
ring_put(struct ring *r, const struct ring_packet *p, uint32_t *at)
{
	uint32_t n = cells_of(p->len), end = atomic_load(&r->end), used;
	struct ring_head *h;

	if (p->len > (size_t)UINT16_MAX)
		return false;
	ring_shrink(r);
	/* Its bytes are in one piece. */
	if (end % RING_CELLS + n > RING_CELLS)
		end += RING_CELLS - end % RING_CELLS;
	used = end - atomic_load(&r->begin);
	if (used + n > RING_CELLS)
		return false;
	h = head_at(r, end);
	atomic_store(&h->id, p->id);
	h->len = (uint32_t)p->len;
	h->place = p->place;
	memcpy(r->bytes[end % RING_CELLS], p->bytes, p->len);
	atomic_store(&h->state, WAITS);
	atomic_store(&r->end, end + n);
	*at = end;
	return true;
}

uint32_t
ring_first(const struct ring *r)
{
	return atomic_load(&r->begin);
}

bool
ring_take(struct ring *r, uint32_t *at, uint32_t last, struct ring_packet *out)
{
	uint32_t end = atomic_load(&r->end), waits;
	struct ring_head *h;

	/* The writer may have gone on since we began. */
	for (; end - *at <= RING_CELLS && *at != end; ++*at) {
		h = head_at(r, *at);
		if (atomic_load(&h->state) != WAITS)
			continue;
		/*
		 * Look at the number before the packet is taken: another
		 * process passes over a packet that is taken.
		 */
		if ((int32_t)(last - atomic_load(&h->id)) < 0)
			return false;
		waits = WAITS;
		if (!atomic_compare_exchange_strong(&h->state, &waits, TAKEN))
			continue;
		out->cell = *at % RING_CELLS;
		out->id = atomic_load(&h->id);
		out->len = h->len;
		if ((int32_t)(last - out->id) < 0) {
			atomic_store(&h->state, WAITS);
			return false;
		}
		if (out->len > (RING_CELLS - out->cell) * (size_t)RING_CELL ||
		    h->place.len > sizeof(h->place.address)) {
			atomic_store(&h->state, FREE);
			continue;
		}
		out->place = h->place;
		out->bytes = r->bytes[out->cell];
		++*at;
		return true;
	}
	return false;
}

void
ring_done(struct ring *r, const struct ring_packet *p)
{
	atomic_store(&r->heads[p->cell].state, FREE);
}

uint32_t
ring_waiting(const struct ring *r)
{
	uint32_t at = atomic_load(&r->begin), end = atomic_load(&r->end), n = 0;

	for (; end - at <= RING_CELLS && at != end; at++)
		n += atomic_load(&r->heads[at % RING_CELLS].state) == WAITS;
	return n;
}
