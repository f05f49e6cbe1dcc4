/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/slab.h"
#include "src/fw/entries.h"

_Static_assert(offsetof(struct entry, e.tuple) + 15 <= 112,
    "of a pinhole between IPv4 hosts");

static struct entry *
entry_at(struct hash_node *n)
{
	return (struct entry *)(void *)n;
}

struct entry *
entry_of(struct fw_entry *e)
{
	return (struct entry *)(void *)((char *)e - offsetof(struct entry, e));
}

static uint64_t
entry_hash(const struct hash *h, const struct hash_node *n)
{
	const struct entry *i = (const struct entry *)(const void *)n;

	return hash_bytes(h, i->e.tuple, pinhole_packed(i->e.tuple));
}

enum ph_err
fw_entries_init(struct entries *es)
{
	memset(es, 0, sizeof(*es));
	heap_init(&es->deadlines);
	return hash_init(&es->tuples, entry_hash);
}

static void
entry_free(struct entry *i)
{
	slab_free(i,
	    offsetof(struct entry, e.tuple) + pinhole_packed(i->e.tuple));
}

void
fw_entries_free(struct entries *es)
{
	struct hash_iter it;
	struct entry *i;

	if (es->tuples.v != NULL)
		for (i = fw_entries_first(es, &it); i != NULL;
		     i = fw_entries_next(es, &it))
			entry_free(i);
	hash_free(&es->tuples);
	heap_free(&es->deadlines);
}

size_t
fw_entries_count(const struct entries *es)
{
	return es->tuples.n;
}

struct entry *
fw_entries_first(const struct entries *es, struct hash_iter *it)
{
	return entry_at(hash_first(&es->tuples, it));
}

struct entry *
fw_entries_next(const struct entries *es, struct hash_iter *it)
{
	return entry_at(hash_next(&es->tuples, it));
}

static size_t
claim_slot(enum ipc_role role)
{
	return role == IPC_ENGINE ? 0 : 1;
}

struct fw_claim *
entry_claim(struct entry *i, enum ipc_role role)
{
	return &i->claim[claim_slot(role)];
}

struct entry *
fw_claim_entry(struct fw_claim *claim)
{
	const struct fw_claim *first =
	    claim - claim_slot((enum ipc_role)claim->role);

	return (struct entry *)(void *)((uintptr_t)first -
	    offsetof(struct entry, claim));
}

struct entry *
fw_entries_find(struct entries *es, const struct pinhole *h)
{
	uint8_t tuple[PINHOLE_PACKED];
	size_t len = pinhole_pack(h, tuple);
	const uint8_t *other;
	struct hash_node *n;

	n = hash_chain(&es->tuples, hash_bytes(&es->tuples, tuple, len));
	for (; n != NULL; n = n->next) {
		other = entry_at(n)->e.tuple;
		if (pinhole_packed(other) == len &&
		    memcmp(other, tuple, len) == 0)
			return entry_at(n);
	}
	return NULL;
}

bool
fw_claim_is_of(const struct fw_claim *claim, enum ipc_role role)
{
	return claim->active && claim->role == role;
}

bool
entry_wanted(const struct entry *i)
{
	int r;

	for (r = 0; r < ENTRY_CLAIMS; r++)
		if (i->claim[r].active)
			return true;
	return false;
}

struct entry *
fw_entries_new(struct entries *es, const struct pinhole *h)
{
	uint8_t tuple[PINHOLE_PACKED];
	size_t len = pinhole_pack(h, tuple);
	struct entry *i;

	if (heap_reserve(&es->deadlines, es->tuples.n + 1) != PH_OK ||
	    (i = slab_new(offsetof(struct entry, e.tuple) + len)) == NULL)
		return NULL;
	memcpy(i->e.tuple, tuple, len);
	i->e.class = h->class;
	i->e.id = ++es->next_id;
	hash_insert(&es->tuples, &i->by_tuple);
	return i;
}

void
fw_entries_remove(struct entries *es, struct entry *i)
{
	heap_clear(&es->deadlines, &i->place);
	hash_remove(&es->tuples, &i->by_tuple);
	entry_free(i);
}

int64_t
entry_due(const struct entry *i)
{
	int64_t at = 0;
	int r;

	for (r = 0; r < ENTRY_CLAIMS; r++)
		if (i->claim[r].active && i->claim[r].deadline > at)
			at = i->claim[r].deadline;
	return at;
}

static int64_t
entry_next(const struct entry *i)
{
	int64_t at = entry_due(i);

	if (at > i->e.deadline && i->e.in_filter)
		return i->e.deadline - ENTRY_LAG;
	return at;
}

/*
 * Most deadlines are put off again and again: one that becomes later keeps its
 * place until that comes first.
 */
int64_t
fw_entries_due(struct entries *es, struct entry *i)
{
	int64_t at = entry_next(i);

	if (at == 0)
		heap_clear(&es->deadlines, &i->place);
	else if (i->place == 0 || at < heap_at(&es->deadlines, &i->place))
		heap_set(&es->deadlines, &i->place, at);
	return entry_due(i);
}

struct entry *
fw_entries_first_due(struct entries *es, int64_t *at)
{
	const struct heap_slot *s;
	struct entry *i;

	while ((s = heap_first(&es->deadlines)) != NULL) {
		i = (struct entry *)(void *)((char *)s->place -
		    offsetof(struct entry, place));
		*at = entry_next(i);
		if (*at == s->at)
			return i;
		heap_set(&es->deadlines, &i->place, *at);
	}
	*at = INT64_MAX;
	return NULL;
}
