/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "src/base/queue.h"
#include "src/base/timers.h"
#include "src/base/tree.h"
#include "src/engine/rate.h"

struct bucket {
	RB_ENTRY(bucket) node;
	TAILQ_ENTRY(bucket) age;
	struct addr source;
	int64_t at;    /* when `level` was right */
	int64_t level; /* microseconds' worth of allowance */
};

RB_HEAD(bucket_tree, bucket);

struct rate {
	struct bucket_tree tree;
	TAILQ_HEAD(, bucket) ages; /* quiet for longest first */
	size_t n;
	int64_t cost; /* of one, in microseconds of refilling */
};

static int
bucket_cmp(const struct bucket *a, const struct bucket *b)
{
	return addr_cmp(&a->source, &b->source);
}

RB_GENERATE_STATIC(bucket_tree, bucket, node, bucket_cmp)

struct rate *
rate_new(uint32_t per_second)
{
	struct rate *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	RB_INIT(&r->tree);
	TAILQ_INIT(&r->ages);
	r->cost = USEC_PER_SEC / (per_second > 0 ? per_second : 1);
	return r;
}

static void
bucket_forget(struct rate *r, struct bucket *b)
{
	RB_REMOVE(bucket_tree, &r->tree, b);
	TAILQ_REMOVE(&r->ages, b, age);
	r->n--;
	free(b);
}

void
rate_free(struct rate *r)
{
	if (r == NULL)
		return;
	while (!TAILQ_EMPTY(&r->ages))
		bucket_forget(r, TAILQ_FIRST(&r->ages));
	free(r);
}

static struct bucket *
bucket_get(struct rate *r, const struct addr *source, int64_t now)
{
	struct bucket key, *b;

	key.source = addr_source(source);
	if ((b = RB_FIND(bucket_tree, &r->tree, &key)) != NULL) {
		TAILQ_REMOVE(&r->ages, b, age);
		TAILQ_INSERT_TAIL(&r->ages, b, age);
		return b;
	}
	if (r->n == RATE_SOURCES)
		bucket_forget(r, TAILQ_FIRST(&r->ages));
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->source = key.source;
	b->at = now;
	b->level = USEC_PER_SEC;
	RB_INSERT(bucket_tree, &r->tree, b);
	TAILQ_INSERT_TAIL(&r->ages, b, age);
	r->n++;
	return b;
}

bool
rate_allow(struct rate *r, const struct addr *source, int64_t now)
{
	struct bucket *b = bucket_get(r, source, now);

	if (b == NULL)
		return false;
	b->level += now - b->at;
	if (b->level > USEC_PER_SEC)
		b->level = USEC_PER_SEC;
	b->at = now;
	if (b->level < r->cost)
		return false;
	b->level -= r->cost;
	return true;
}
