/* SPDX-License-Identifier: ISC */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/*
 * Deadlines of hundreds of thousands of items, the earliest first.
 *
 * An item has no more here than its place, four bytes of its own: zeroed at
 * first, and 0 while it has no deadline.
 */
struct heap_slot {
	int64_t at;
	uint32_t *place; /* in the item */
};

struct heap {
	struct heap_slot *v;
	size_t n, cap;
	/* Of two with the same deadline; NULL: any comes first. */
	bool (*before)(const uint32_t *a, const uint32_t *b);
};

void heap_init(struct heap *h);
void heap_free(struct heap *h);

/* Room for so many items in all.  PH_ENOMEM. */
PH_NODISCARD enum ph_err heap_reserve(struct heap *h, size_t n);

/* Set or move; for a new item, there must be room. */
void heap_set(struct heap *h, uint32_t *place, int64_t at);
void heap_clear(struct heap *h, uint32_t *place); /* fine if not set */

/* The deadline that heap_set() was given last; the item must have one. */
int64_t heap_at(const struct heap *h, const uint32_t *place);

/* The earliest, until the next change; NULL: there is none. */
const struct heap_slot *heap_first(const struct heap *h);

#endif
