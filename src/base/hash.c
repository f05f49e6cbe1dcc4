/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"

#define FIRST_CAP 16

enum ph_err
hash_init(struct hash *h,
    uint64_t (*of)(const struct hash *h, const struct hash_node *n))
{
	memset(h, 0, sizeof(*h));
	if ((h->v = calloc(FIRST_CAP, sizeof(struct hash_node *))) == NULL)
		return PH_ENOMEM;
	h->of = of;
	h->cap = FIRST_CAP;
	h->nbuckets = h->half = 1;
	arc4random_buf(h->key, sizeof(h->key));
	return PH_OK;
}

void
hash_free(struct hash *h)
{
	free(h->v);
	h->v = NULL;
}

static uint64_t
rotate_left(uint64_t v, unsigned int by)
{
	return v << by | v >> (64 - by);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[3];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[2] = rotate_left(v[2], 32);
}

/* One round for eight bytes, three at the end; in the machine's byte order. */
uint64_t
hash_bytes(const struct hash *h, const void *p, size_t len)
{
	uint64_t v[4] = { h->key[0] ^ 0x736f6d6570736575,
		h->key[1] ^ 0x646f72616e646f6d, h->key[0] ^ 0x6c7967656e657261,
		h->key[1] ^ 0x7465646279746573 };
	const uint8_t *at = p;
	size_t left = len;
	uint64_t m;

	for (;;) {
		m = 0;
		memcpy(&m, at, left < 8 ? left : 8);
		if (left < 8)
			m ^= (uint64_t)len << 56;
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
		if (left < 8)
			break;
		at += 8;
		left -= 8;
	}
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* A bucket that does not exist yet is still part of the one it splits from. */
static size_t
bucket_of(const struct hash *h, uint64_t hash)
{
	size_t i = (size_t)hash & (2 * h->half - 1);

	return i < h->nbuckets ? i : i - h->half;
}

static void
bucket_put(struct hash *h, size_t i, struct hash_node *n)
{
	n->next = h->v[i];
	h->v[i] = n;
}

/* One bucket more, and its items out of the one that had them. */
static void
bucket_split(struct hash *h)
{
	size_t from, to = h->nbuckets;
	struct hash_node *n, *next;

	if (to == 2 * h->half)
		h->half = to;
	from = to - h->half;
	h->v[to] = NULL;
	h->nbuckets++;
	n = h->v[from];
	h->v[from] = NULL;
	for (; n != NULL; n = next) {
		next = n->next;
		bucket_put(h, bucket_of(h, h->of(h, n)), n);
	}
}

static void
hash_grow(struct hash *h)
{
	struct hash_node **v;

	if (h->nbuckets == h->cap) {
		v = reallocarray(h->v, 2 * h->cap, sizeof(struct hash_node *));
		if (v == NULL)
			return;
		h->v = v;
		h->cap *= 2;
	}
	bucket_split(h);
}

struct hash_node *
hash_chain(const struct hash *h, uint64_t hash)
{
	return h->v[bucket_of(h, hash)];
}

void
hash_insert_as(struct hash *h, uint64_t hash, struct hash_node *n)
{
	if (h->n++ >= h->nbuckets)
		hash_grow(h);
	bucket_put(h, bucket_of(h, hash), n);
}

void
hash_insert(struct hash *h, struct hash_node *n)
{
	hash_insert_as(h, h->of(h, n), n);
}

void
hash_remove(struct hash *h, struct hash_node *n)
{
	struct hash_node **at = &h->v[bucket_of(h, h->of(h, n))];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	h->n--;
}

struct hash_node *
hash_first(const struct hash *h, struct hash_iter *it)
{
	*it = (struct hash_iter) { 0, NULL };
	return hash_next(h, it);
}

struct hash_node *
hash_next(const struct hash *h, struct hash_iter *it)
{
	struct hash_node *n = it->next;

	while (n == NULL && it->bucket < h->nbuckets)
		n = h->v[it->bucket++];
	it->next = n != NULL ? n->next : NULL;
	return n;
}
