/* SPDX-License-Identifier: ISC */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/*
 * Hash tables for hundreds of thousands of items.
 *
 * Strangers may choose the bytes that are hashed: each table has a random key,
 * so that nobody can make all items meet in one bucket.  The owner embeds a
 * struct hash_node and compares: a look-up walks the chain of one bucket.  The
 * table grows by a bucket for each item, so that no insertion takes longer than
 * others; none fails, for without memory the chains get longer.  It does not
 * shrink.
 */
struct hash_node {
	struct hash_node *next;
};

struct hash {
	/* The hash of an item, by hash_bytes(). */
	uint64_t (*of)(const struct hash *h, const struct hash_node *n);
	struct hash_node **v;
	size_t n; /* items */
	size_t nbuckets, cap;
	size_t half; /* a power of two: nbuckets is at most twice that */
	uint64_t key[2];
};

PH_NODISCARD enum ph_err hash_init(struct hash *h,
    uint64_t (*of)(const struct hash *h, const struct hash_node *n));
void hash_free(struct hash *h); /* the table, not the items */

/* SipHash-1-3 of these bytes with the table's key. */
uint64_t hash_bytes(const struct hash *h, const void *p, size_t len);

/* The items that may have this hash, linked by `next`; NULL: none. */
struct hash_node *hash_chain(const struct hash *h, uint64_t hash);

void hash_insert(struct hash *h, struct hash_node *n);
/* The same where its hash is known. */
void hash_insert_as(struct hash *h, uint64_t hash, struct hash_node *n);
void hash_remove(struct hash *h, struct hash_node *n);

/*
 * All items, in no order.  The one that was returned last may be removed
 * meanwhile; nothing may be inserted.
 */
struct hash_iter {
	size_t bucket;
	struct hash_node *next;
};
struct hash_node *hash_first(const struct hash *h, struct hash_iter *it);
struct hash_node *hash_next(const struct hash *h, struct hash_iter *it);

#endif
