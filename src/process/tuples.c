/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/slab.h"
#include "src/process/tuples.h"

static struct tuple *
tuple_of(struct hash_node *n)
{
	return (struct tuple *)(void *)n;
}

static void
tuple_free(struct tuple *t)
{
	slab_free(t,
	    offsetof(struct tuple, packed) + pinhole_packed(t->packed));
}

static uint64_t
tuple_hash(const struct hash *h, const struct hash_node *n)
{
	const struct tuple *t = (const struct tuple *)(const void *)n;

	return hash_bytes(h, t->packed, pinhole_packed(t->packed));
}

struct tuple_key
tuple_key_of(const struct pinhole *p)
{
	struct tuple_key k;

	k.len = pinhole_pack(p, k.v);
	k.class = p->class;
	return k;
}

bool
tuple_is(const struct tuple *t, const struct tuple_key *k)
{
	return pinhole_packed(t->packed) == k->len &&
	    memcmp(t->packed, k->v, k->len) == 0;
}

struct pinhole
tuple_hole(const struct tuple *t)
{
	struct pinhole p = pinhole_unpack(t->packed);

	p.id = t->id;
	p.deadline = t->deadline;
	p.class = t->class;
	return p;
}

bool
tuple_leads_in(const struct tuple *t)
{
	return pinhole_packed_dir(t->packed) == PINHOLE_IN;
}

enum ph_err
tuples_init(struct tuples *ts)
{
	idmap_init(&ts->ids);
	return hash_init(&ts->by_tuple, tuple_hash);
}

void
tuples_free(struct tuples *ts)
{
	struct hash_node *n;
	struct hash_iter it;

	for (n = hash_first(&ts->by_tuple, &it); n != NULL;
	     n = hash_next(&ts->by_tuple, &it))
		tuple_free(tuple_of(n));
	hash_free(&ts->by_tuple);
	idmap_free(&ts->ids);
}

size_t
tuples_count(const struct tuples *ts)
{
	return ts->by_tuple.n;
}

static struct tuple *
tuples_find(const struct tuples *ts, uint64_t hash, const struct tuple_key *k)
{
	struct hash_node *n = hash_chain(&ts->by_tuple, hash);

	while (n != NULL && !tuple_is(tuple_of(n), k))
		n = n->next;
	return n != NULL ? tuple_of(n) : NULL;
}

struct tuple *
tuples_get(struct tuples *ts, const struct tuple_key *k, uint64_t id)
{
	uint64_t hash = hash_bytes(&ts->by_tuple, k->v, k->len);
	struct tuple *t = tuples_find(ts, hash, k);

	if (t != NULL)
		return t;
	if ((t = slab_new(offsetof(struct tuple, packed) + k->len)) == NULL)
		return NULL;
	memcpy(t->packed, k->v, k->len);
	if (idmap_put(&ts->ids, id, t) != PH_OK) {
		tuple_free(t);
		return NULL;
	}
	t->id = id;
	t->class = k->class;
	LIST_INIT(&t->claims);
	hash_insert_as(&ts->by_tuple, hash, &t->by_tuple);
	return t;
}

struct tuple *
tuples_by_id(const struct tuples *ts, uint64_t id)
{
	return idmap_find(&ts->ids, id);
}

struct tuple *
tuples_after(const struct tuples *ts, uint64_t id)
{
	return idmap_from(&ts->ids, id + 1);
}

void
tuples_remove(struct tuples *ts, struct tuple *t)
{
	hash_remove(&ts->by_tuple, &t->by_tuple);
	idmap_remove(&ts->ids, t->id);
	tuple_free(t);
}
