/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/share/insides.h"

static int
key_cmp(const struct entry *a, const struct entry *b)
{
	return memcmp(a->key, b->key, RECORD_KEY);
}

static int
id_cmp(const struct entry *a, const struct entry *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE(entry_keys, entry, by_key, key_cmp)
RB_GENERATE(entry_ids, entry, by_id, id_cmp)

struct entry *
entry_find(struct group *g, const uint8_t *key)
{
	struct entry want;

	memcpy(want.key, key, RECORD_KEY);
	return RB_FIND(entry_keys, &g->keys, &want);
}

struct entry *
entry_by_id(struct group *g, uint64_t id)
{
	struct entry want;

	want.id = id;
	return RB_FIND(entry_ids, &g->ids, &want);
}

static void
entry_unlist(struct group *g, struct entry *e)
{
	if (!e->listed)
		return;
	e->listed = false;
	if (e->ended) {
		TAILQ_REMOVE(&g->ended, e, aged);
		g->nended--;
	} else {
		TAILQ_REMOVE(&g->owned, e, aged);
		g->nowned--;
	}
}

void
entry_dirty(struct group *g, struct entry *e, bool yes)
{
	if (e->dirty == yes)
		return;
	e->dirty = yes;
	if (yes) {
		TAILQ_INSERT_TAIL(&g->dirty, e, queued);
		g->ndirty++;
	} else {
		TAILQ_REMOVE(&g->dirty, e, queued);
		g->ndirty--;
	}
}

void
entry_set_id(struct group *g, struct entry *e, uint64_t id)
{
	struct entry *other;

	if (e->id == id)
		return;
	if (e->id != 0)
		RB_REMOVE(entry_ids, &g->ids, e);
	e->id = 0;
	if (id == 0)
		return;
	if ((other = entry_by_id(g, id)) != NULL)
		entry_set_id(g, other, 0);
	e->id = id;
	RB_INSERT(entry_ids, &g->ids, e);
}

void
entry_free(struct group *g, struct entry *e)
{
	entry_dirty(g, e, false);
	entry_unlist(g, e);
	entry_set_id(g, e, 0);
	if (e->box != NULL)
		e->box->calls--;
	RB_REMOVE(entry_keys, &g->keys, e);
	g->n--;
	free(e->body);
	free(e);
}

/* In a full table the entry of the call that ended first makes room. */
struct entry *
entry_new(struct group *g, const uint8_t *key)
{
	struct entry *e;

	if (g->n >= 2 * g->setup.limit) {
		if ((e = TAILQ_FIRST(&g->ended)) == NULL)
			return NULL;
		entry_free(g, e);
	}
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	memcpy(e->key, key, RECORD_KEY);
	RB_INSERT(entry_keys, &g->keys, e);
	g->n++;
	return e;
}

void
entry_set_box(struct group *g, struct entry *e, struct box *box, int64_t now)
{
	entry_unlist(g, e);
	e->ended = false;
	if (e->box != NULL)
		e->box->calls--;
	e->box = box;
	if (box != NULL) {
		box->calls++;
		return;
	}
	/* The list is in the order of `at`, for all wait as long. */
	e->at = now + GROUP_RENEW;
	e->listed = true;
	TAILQ_INSERT_TAIL(&g->owned, e, aged);
	g->nowned++;
}

bool
entry_set_body(struct entry *e, struct span body)
{
	uint8_t *p = malloc(body.len + 1);

	if (p == NULL)
		return false;
	memcpy(p, body.p, body.len);
	free(e->body);
	e->body = p;
	e->len = body.len;
	return true;
}

void
entry_end(struct group *g, struct entry *e, enum reason why, int64_t now)
{
	entry_unlist(g, e);
	if (e->box != NULL)
		e->box->calls--;
	e->box = NULL;
	free(e->body);
	e->body = NULL;
	e->len = 0;
	e->why = why;
	e->unsure = e->missing = false;
	e->ended = e->listed = true;
	e->at = now + GROUP_MEMORY;
	TAILQ_INSERT_TAIL(&g->ended, e, aged);
	g->nended++;
}

void
entry_take(struct group *g, struct entry *e, int64_t now)
{
	entry_set_box(g, e, NULL, now);
	e->version++;
	e->written = now;
	e->unsure = e->missing = false;
	entry_dirty(g, e, true);
}

void
entry_role(struct group *g, struct entry *e, enum group_role role)
{
	e->ours = role != GROUP_THEIRS;
	if (e->id != 0)
		g->setup.ops.role(g->setup.ops.ctx, e->id, role);
}
