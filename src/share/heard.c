/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/wire.h"
#include "src/share/insides.h"
#include "tables/mac.h"

/* Clocks agree to that: what is older was replayed, or held back. */
#define YOUNG (60 * USEC_PER_SEC)

struct group *
group_new(const struct group_setup *setup, int64_t now)
{
	struct group *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->setup = *setup;
	strncpy(g->name, setup->name, sizeof(g->name) - 1);
	RB_INIT(&g->keys);
	RB_INIT(&g->ids);
	TAILQ_INIT(&g->dirty);
	TAILQ_INIT(&g->owned);
	TAILQ_INIT(&g->ended);
	g->since = now;
	return g;
}

void
group_free(struct group *g)
{
	struct entry *e;

	if (g == NULL)
		return;
	while ((e = RB_ROOT(&g->keys)) != NULL)
		entry_free(g, e);
	mac_wipe(g->setup.group.key, sizeof(g->setup.group.key));
	free(g);
}

void
group_stats(const struct group *g, struct group_stats *out)
{
	*out = g->stats;
	out->calls = g->n - g->nended;
	out->owned = g->nowned;
	out->waiting = g->ndirty;
}

const struct boxes *
group_boxes(const struct group *g)
{
	return &g->boxes;
}

const char *
group_name(const struct group *g)
{
	return g->name;
}

/* Offer calls to the engine; `missing`: only those that it has not got. */
static void
group_offer(struct group *g, bool missing)
{
	struct entry *e;

	RB_FOREACH(e, entry_keys, &g->keys)
		if (e->body != NULL && !e->ended && (e->id == 0 || !missing))
			g->setup.ops.offer(g->setup.ops.ctx, e->key,
			    (struct span) { (const char *)e->body, e->len },
			    e->box == NULL);
}

void
group_retell(struct group *g)
{
	group_offer(g, false);
}

/* From the engine. */

/*
 * Whether every box may believe that the call is over.  Of the other reasons,
 * each box judges by what it has seen itself.
 */
static bool
ends_for_all(enum reason why)
{
	switch (why) {
	case REASON_SETUP_TIMEOUT:
	case REASON_IDLE:
	case REASON_SESSION_TIMER:
	case REASON_MAX_DURATION:
	case REASON_SHUTDOWN:
	case REASON_POLICY:
	case REASON_LIMIT:
		return false;
	default:
		return true;
	}
}

void
group_begin(struct group *g)
{
	struct entry *e;

	RB_FOREACH(e, entry_keys, &g->keys)
		e->told = false;
}

void
group_end(struct group *g, int64_t now)
{
	struct entry *e;

	RB_FOREACH(e, entry_keys, &g->keys)
		if (e->id != 0 && !e->told)
			group_gone(g, e->id, REASON_IDLE, now);
	group_offer(g, true);
}

/* The call is over; the engine has it still. */
static void
engine_end(struct group *g, struct entry *e)
{
	uint64_t id = e->id;

	if (id == 0)
		return;
	if (!ends_for_all(e->why)) {
		entry_role(g, e, GROUP_RELEASED);
		return;
	}
	g->stats.ended++;
	entry_set_id(g, e, 0);
	g->setup.ops.end(g->setup.ops.ctx, id, e->why);
}

void
group_call(struct group *g, uint64_t id, struct span names, struct span body,
    bool changed, int64_t now)
{
	uint8_t key[RECORD_KEY];
	struct entry *e;
	bool fresh;

	if (body.len > RECORD_BODY_MAX ||
	    !record_key(&g->setup.group, names, key))
		return;
	fresh = (e = entry_find(g, key)) == NULL;
	if (fresh && (e = entry_new(g, key)) == NULL) {
		g->stats.refused[RECORD_LIMIT]++;
		return;
	}
	entry_set_id(g, e, id);
	e->told = true;
	if (changed || fresh || (e->body == NULL && !e->ended))
		if (!entry_set_body(e, body))
			return;
	if (changed) {
		e->ours = true;
		entry_take(g, e, now);
	} else if (fresh) {
		/* Another box may have it, or it may be long over. */
		e->unsure = e->ours = true;
	} else if (e->ended)
		engine_end(g, e);
	else
		entry_role(g, e,
		    e->box != NULL && !g->alone ? GROUP_THEIRS : GROUP_OURS);
}

/* The call ended here: tell the other boxes. */
static void
entry_over(struct group *g, struct entry *e, enum reason why, int64_t now)
{
	entry_end(g, e, why, now);
	e->version++;
	e->written = now;
	entry_dirty(g, e, true);
}

void
group_gone(struct group *g, uint64_t id, enum reason why, int64_t now)
{
	struct entry *e = entry_by_id(g, id);

	if (e == NULL)
		return;
	entry_set_id(g, e, 0);
	if (e->ended)
		return;
	if (e->unsure && !ends_for_all(why)) {
		entry_free(g, e);
		return;
	}
	/* The owner goes on with the call; only this box has it no more. */
	if (e->box != NULL && !ends_for_all(why))
		return;
	entry_over(g, e, why, now);
}

void
group_took(struct group *g, const uint8_t *key, uint64_t id, enum ph_err err,
    int64_t now)
{
	struct entry *e = entry_find(g, key);

	if (err != PH_OK && err != PH_EGONE)
		g->stats.refused[err == PH_EUNSUPPORTED ? RECORD_POLICY
			: err == PH_ELIMIT || err == PH_ENOMEM
			? RECORD_LIMIT
			: RECORD_MALFORMED]++;
	if (e == NULL || e->ended)
		return;
	/*
	 * The call ended here while the group could not be told: each box
	 * looks.
	 */
	if (err == PH_EGONE && e->box == NULL)
		entry_over(g, e, REASON_IDLE, now);
	if (err != PH_OK)
		return;
	g->stats.adopted++;
	e->told = true;
	entry_set_id(g, e, id);
	entry_role(g, e,
	    e->box != NULL && !g->alone ? GROUP_THEIRS : GROUP_OURS);
}

/* From other boxes. */

static void
on_hello(struct group *g, struct box *x, const struct record *r, int64_t now)
{
	struct cursor c = cursor_of(r->body.p, r->body.len);
	uint32_t owns = cursor_u32(&c);
	bool leaves = cursor_bool(&c);

	if (c.bad || cursor_left(&c) > 0)
		g->stats.refused[RECORD_MALFORMED]++;
	else if (!boxes_hello(x, r, owns, leaves, now))
		g->stats.refused[RECORD_STALE]++;
}

/* Whether the record is later than what we know. */
static bool
is_later(const struct group *g, const struct entry *e, const struct record *r)
{
	const char *owner = e->box != NULL ? e->box->name : g->name;

	if (r->version != e->version)
		return r->version > e->version;
	if (e->ended || r->written != e->written)
		return !e->ended && r->written > e->written;
	return strcmp(r->box, owner) > 0;
}

/*
 * Not later than what is known.  That is no replay if it is young: a record
 * that is read from its key comes by the stream, too.
 */
static void
count_stale(struct group *g, const struct record *r, int64_t now)
{
	if (now - r->written > YOUNG)
		g->stats.refused[RECORD_STALE]++;
}

/*
 * The call changed here while there was no share process, so that the engine
 * is right, whatever was written before.
 */
static bool
is_untold(const struct group *g, const struct entry *e)
{
	return !g->joined && e->dirty && e->sent == 0 && !e->ended &&
	    e->box == NULL;
}

static void
on_call(struct group *g, struct box *x, const struct record *r, int64_t now)
{
	struct entry *e = entry_find(g, r->key);

	if (e != NULL && is_untold(g, e)) {
		if (r->version >= e->version)
			e->version = r->version + 1;
		return;
	}
	if (e != NULL && !is_later(g, e, r)) {
		if (r->version == e->version)
			e->missing = false;
		else
			count_stale(g, r, now);
		/* The box that wrote it has missed the end. */
		if (e->ended && r->version < e->version)
			entry_dirty(g, e, true);
		return;
	}
	if ((e == NULL && (e = entry_new(g, r->key)) == NULL) ||
	    !entry_set_body(e, r->body)) {
		g->stats.refused[RECORD_LIMIT]++;
		return;
	}
	e->unsure = e->missing = false;
	entry_dirty(g, e, false);
	entry_set_box(g, e, x, now);
	e->version = r->version;
	e->written = r->written;
	g->stats.received++;
	/*
	 * Offer a call of our own only if the engine lacks it: what it has is
	 * later.
	 */
	g->setup.ops.offer(g->setup.ops.ctx, e->key, r->body, x == NULL);
}

static void
on_end(struct group *g, const struct record *r, int64_t now)
{
	struct cursor c = cursor_of(r->body.p, r->body.len);
	enum reason why = cursor_enum(&c, REASON_COUNT - 1);
	struct entry *e = entry_find(g, r->key);

	if (c.bad || cursor_left(&c) > 0) {
		g->stats.refused[RECORD_MALFORMED]++;
		return;
	}
	if (e != NULL && r->version <= e->version) {
		if (r->version < e->version)
			count_stale(g, r, now);
		return;
	}
	/*
	 * Remember the end of a call that we have never heard of, too: an older
	 * record of it may still arrive.
	 */
	if (e == NULL && (e = entry_new(g, r->key)) == NULL) {
		g->stats.refused[RECORD_LIMIT]++;
		return;
	}
	entry_dirty(g, e, false);
	entry_end(g, e, why, now);
	e->version = r->version;
	e->written = r->written;
	g->stats.received++;
	engine_end(g, e);
}

static void
on_seen(struct group *g, const struct record *r, int64_t now)
{
	struct cursor c = cursor_of(r->body.p, r->body.len);
	uint32_t inside_s = cursor_u32(&c), outside_s = cursor_u32(&c);
	struct entry *e = entry_find(g, r->key);

	if (c.bad || cursor_left(&c) > 0) {
		g->stats.refused[RECORD_MALFORMED]++;
		return;
	}
	if (e == NULL || e->ended || e->id == 0)
		return;
	/* Its ages count from when it is read: one that was held back lies. */
	if (r->written <= e->seen || now - r->written > YOUNG) {
		g->stats.refused[RECORD_STALE]++;
		return;
	}
	e->seen = r->written;
	g->stats.received++;
	g->setup.ops.seen(g->setup.ops.ctx, e->id, inside_s, outside_s);
}

/* A record that this process wrote has come back by the stream. */
static void
on_echo(struct group *g, const struct record *r, int64_t now)
{
	if (r->type != RECORD_HELLO)
		return;
	g->stats.echoed = now;
	g->stats.lag = now > r->written ? now - r->written : 0;
}

void
group_record(struct group *g, const void *p, size_t len, int64_t now)
{
	struct box *x = NULL;
	enum record_refusal why;
	struct record r;
	bool namesake;

	why = record_read(&g->setup.group, p, len, &r);
	if (why == RECORD_FINE &&
	    (now - r.written > GROUP_OLD || r.written - now > GROUP_OLD)) {
		why = RECORD_OLD;
		memcpy(g->stats.old_box, r.box, sizeof(r.box));
		g->stats.old_by = now - r.written;
	}
	namesake = strcmp(r.box, g->name) == 0;
	if (why == RECORD_FINE && !namesake &&
	    (x = boxes_get(&g->boxes, r.box, now)) == NULL)
		why = RECORD_LIMIT;
	if (why != RECORD_FINE) {
		g->stats.refused[why]++;
		return;
	}
	if (r.boot == g->setup.boot)
		on_echo(g, &r, now);
	else if (r.type == RECORD_CALL)
		on_call(g, x, &r, now);
	else if (r.type == RECORD_END)
		on_end(g, &r, now);
	else if (r.type == RECORD_SEEN)
		on_seen(g, &r, now);
	else if (!namesake)
		on_hello(g, x, &r, now);
	else if (now - r.written < BOXES_LEASE && now - g->since > BOXES_LEASE)
		g->stats.twins++;
}
