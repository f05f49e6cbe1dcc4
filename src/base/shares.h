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
 * Who takes how much of a room that many sources share, and who has to give
 * when it is full: the source that takes most, and of what it has the item
 * that was touched least recently.  Of sources that take the same, the one
 * that did nothing for longest.  So nobody loses anything to a source that
 * takes more than he does.
 *
 * A source is an IPv4 address or an IPv6 /64.  An item is part of whatever
 * takes the room, `owner`, and belongs to the caller.  The unit of cost is
 * the caller's, and so is the size of the room.
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

/* The owner of what has to go first; NULL: there is nothing. */
void *shares_worst(struct shares *s);

#endif
