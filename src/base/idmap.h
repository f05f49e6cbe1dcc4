/* SPDX-License-Identifier: ISC */
#ifndef BASE_IDMAP_H
#define BASE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/*
 * Items by number, in order, for hundreds of thousands of them.
 *
 * For numbers that are given one after the other, as ids are: an item costs 16
 * bytes here, and nothing in itself.  Its numbers stand in pages of
 * IDMAP_PAGE, and two neighbours that are a quarter full or less become one.
 * Numbers in any other order cost up to four times as much.
 */
#define IDMAP_PAGE 63

struct idmap_page;

/* The page with the numbers from `first` up to the next range. */
struct idmap_range {
	uint64_t first;
	struct idmap_page *page;
};

struct idmap {
	struct idmap_range *v;
	size_t n, cap;
};

void idmap_init(struct idmap *m);
void idmap_free(struct idmap *m); /* the map, not the items */

/* PH_ENOMEM; PH_EBAD: the number is in use. */
PH_NODISCARD enum ph_err idmap_put(struct idmap *m, uint64_t id, void *item);
void idmap_remove(struct idmap *m, uint64_t id); /* fine if not there */

void *idmap_find(const struct idmap *m, uint64_t id); /* or NULL */
/* The first whose number is not below `id`; NULL: there is none. */
void *idmap_from(const struct idmap *m, uint64_t id);

#endif
