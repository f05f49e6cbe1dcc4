/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tables/replay.h"

#define GENERATIONS 3
#define FIRST_BITS  10
#define DAY	    86400 /* no clock is that far off, but a file may be */

/*
 * A hash table with open addressing.  Tags are HMACs, but a host with a key
 * could choose them, so the hash depends on a secret random number.
 */
struct generation {
	uint64_t *slot; /* 0: free */
	unsigned int bits;
	size_t n;
	int64_t since;	 /* 0: never used */
	uint32_t latest; /* time in its datagrams */
	uint64_t last;	 /* number of its last chunk; 0: none */
};

struct replay {
	size_t max;
	uint64_t multiplier;
	struct generation gen[GENERATIONS]; /* the newest first */
	uint32_t floor;
	uint64_t number; /* of the last chunk */
	uint64_t drop_from, drop_to;
	bool loaded;
	struct replay_chunk chunk;
};

struct replay *
replay_new(size_t max)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	arc4random_buf(&r->multiplier, sizeof(r->multiplier));
	r->multiplier |= 1;
	r->max = max;
	r->drop_from = 1;
	return r;
}

void
replay_free(struct replay *r)
{
	int i;

	if (r == NULL)
		return;
	for (i = 0; i < GENERATIONS; i++)
		free(r->gen[i].slot);
	free(r);
}

/* Where a tag is, or would be; the table is never full. */
static uint64_t *
slot_place(const struct replay *r, const struct generation *g, uint64_t tag)
{
	size_t mask = ((size_t)1 << g->bits) - 1;
	size_t i = (size_t)(tag * r->multiplier >> (64 - g->bits));

	while (g->slot[i] != 0 && g->slot[i] != tag)
		i = (i + 1) & mask;
	return &g->slot[i];
}

static bool
generation_grow(struct replay *r, struct generation *g)
{
	struct generation bigger = *g;
	size_t i, old = g->slot != NULL ? (size_t)1 << g->bits : 0;

	if (old > 0 && g->n < old / 2)
		return true;
	bigger.bits = old > 0 ? g->bits + 1 : FIRST_BITS;
	bigger.slot = calloc((size_t)1 << bigger.bits, sizeof(*bigger.slot));
	if (bigger.slot == NULL)
		return false;
	for (i = 0; i < old; i++)
		if (g->slot[i] != 0)
			*slot_place(r, &bigger, g->slot[i]) = g->slot[i];
	free(g->slot);
	*g = bigger;
	return true;
}

static enum ph_err
generation_add(struct replay *r, struct generation *g, uint64_t tag,
    uint32_t time)
{
	if (g->n >= r->max)
		return PH_ELIMIT;
	if (!generation_grow(r, g))
		return PH_ENOMEM;
	*slot_place(r, g, tag) = tag;
	g->n++;
	if (time > g->latest)
		g->latest = time;
	return PH_OK;
}

static bool
tag_is_known(const struct replay *r, uint64_t tag)
{
	int i;

	for (i = 0; i < GENERATIONS; i++)
		if (r->gen[i].n > 0 && *slot_place(r, &r->gen[i], tag) == tag)
			return true;
	return false;
}

static void
floor_raise(struct replay *r, uint32_t floor)
{
	if (floor > r->floor)
		r->floor = floor;
}

/*
 * A tag that came at t is for a datagram of t + 60 s at the latest, which is
 * good until t + 120 s.  Its generation ends within a minute after t, or the
 * first time that we look after that; and then there are two more.
 */
static void
generations_turn(struct replay *r, int64_t now)
{
	struct generation *g = r->gen, *last = &r->gen[GENERATIONS - 1];

	if (g->since != 0 && now < g->since + REPLAY_SKEW)
		return;
	floor_raise(r, last->latest);
	if (last->last != 0)
		r->drop_to = last->last;
	free(last->slot);
	memmove(g + 1, g, (GENERATIONS - 1) * sizeof(*g));
	memset(g, 0, sizeof(*g));
	g->since = now;
	memset(&r->chunk, 0, sizeof(r->chunk));
}

static void
chunk_append(struct replay *r, uint64_t tag, uint32_t time)
{
	struct replay_chunk *c = &r->chunk;
	struct generation *g = r->gen;

	if (c->number == 0 || c->n == REPLAY_CHUNK) {
		memset(c, 0, sizeof(*c));
		c->number = ++r->number;
		g->last = c->number;
	}
	c->tag[c->n++] = tag;
	if (time > c->latest)
		c->latest = time;
}

enum ph_err
replay_take(struct replay *r, uint64_t tag, uint32_t time, int64_t now)
{
	enum ph_err rc;

	tag = tag != 0 ? tag : 1;
	generations_turn(r, now);
	if (time <= r->floor)
		return PH_EGONE;
	if (tag_is_known(r, tag))
		return PH_EEXIST;
	if ((rc = generation_add(r, r->gen, tag, time)) != PH_OK)
		return rc;
	chunk_append(r, tag, time);
	return PH_OK;
}

const struct replay_chunk *
replay_chunk(const struct replay *r)
{
	return &r->chunk;
}

uint64_t
replay_dropped(struct replay *r)
{
	return r->drop_from <= r->drop_to ? r->drop_from++ : 0;
}

/*
 * All tags that are still valid go to one generation, as if they had come just
 * now.  They are kept for longer than needed, which does no harm.
 */
enum ph_err
replay_load(struct replay *r, const struct replay_chunk *c, int64_t now)
{
	struct generation *g = r->gen;
	enum ph_err rc;
	uint32_t i;

	if (c->number == 0 || c->number > REPLAY_NUMBER_MAX || c->n == 0 ||
	    c->n > REPLAY_CHUNK || c->latest > now / 1000000 + DAY)
		return PH_EMALFORMED;
	if (c->number > r->number)
		r->number = c->number;
	if (!r->loaded || c->number < r->drop_from)
		r->drop_from = c->number;
	r->loaded = true;
	if ((int64_t)c->latest * 1000000 + REPLAY_SKEW < now) {
		floor_raise(r, c->latest);
		return PH_EGONE;
	}
	generations_turn(r, now);
	if (c->number > g->last)
		g->last = c->number;
	for (i = 0; i < c->n; i++)
		if (c->tag[i] != 0 && !tag_is_known(r, c->tag[i]) &&
		    (rc = generation_add(r, g, c->tag[i], c->latest)) != PH_OK)
			return rc;
	return PH_OK;
}

enum ph_err
replay_load_floor(struct replay *r, uint32_t floor, int64_t now)
{
	if (floor > now / 1000000 + DAY)
		return PH_EMALFORMED;
	floor_raise(r, floor);
	return PH_OK;
}

uint32_t
replay_floor(const struct replay *r)
{
	return r->floor;
}

size_t
replay_count(const struct replay *r)
{
	size_t n = 0;
	int i;

	for (i = 0; i < GENERATIONS; i++)
		n += r->gen[i].n;
	return n;
}
