/* SPDX-License-Identifier: ISC */
#ifndef BASE_SHARES_H
#define BASE_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/queue.h"
#include "src/base/tree.h"

/*
 * How a bounded room is shared by many sources.  When it is full, the source
 * that uses most of it gives up the item that was touched least recently; of
 * several that use the same, the source that did nothing for longest.  So no
 * source loses anything to one that uses more than itself.
 *
 * A source is an IPv4 address or an IPv6 /64.  An item is embedded in the
 * struct that takes the room, `owner`, and belongs to the caller.  The unit of
 * cost is the caller's, and so is the size of the room.
 */
struct share;

struct share_item {
	TAILQ_ENTRY(share_item) entry;
	struct share *share; /* NULL: not in the room */
	size_t cost;
	void *owner;
};

RB_HEAD(share_addr_tree, share);
RB_HEAD(share_size_tree, share);

struct shares {
	struct share_addr_tree by_addr;
	struct share_size_tree by_size;
	uint64_t clock; /* counts touches */
	size_t used;	/* by all */
	size_t n;	/* items */
};

void shares_init(struct shares *s);

/* False: out of memory. */
bool shares_add(struct shares *s, struct share_item *item,
    const struct addr *source, size_t cost);
void shares_remove(struct shares *s, struct share_item *item); /* or not in */
void shares_resize(struct shares *s, struct share_item *item, size_t cost);
void shares_touch(struct shares *s, struct share_item *item);

size_t shares_taken(const struct shares *s, const struct addr *source);
size_t shares_beside(const struct share_item *item); /* by its source */

/* The owner of the item that has to go first; NULL: there is none. */
void *shares_worst(struct shares *s);

#endif
