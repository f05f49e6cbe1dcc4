/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/wire.h"
#include "src/share/insides.h"

/* The group's work at its time: writing, renewing and taking over calls. */

#define RETRY (1 * USEC_PER_SEC)
/* Between one box's turn to take over and the next one's. */
#define TURN  (5 * USEC_PER_SEC)
#define TAKES 500 /* calls of a dead box, at a time */

static bool
write_record(struct group *g, enum record_type type, const struct entry *e,
    struct span body, int64_t now, size_t *len)
{
	struct record r = { .type = type,
		.boot = g->setup.boot,
		.written = now,
		.body = body };

	memcpy(r.box, g->name, sizeof(r.box));
	if (e != NULL) {
		memcpy(r.key, e->key, sizeof(r.key));
		r.version = e->version;
	}
	return record_write(&g->setup.group, &r, g->buf, sizeof(g->buf), len);
}

static void
group_publish(struct group *g, enum record_type type, const struct entry *e,
    const struct writer *body, int64_t now)
{
	struct span text = { (const char *)body->p, body->len };
	size_t len;

	if (!write_record(g, type, e, text, now, &len))
		return;
	g->stats.bytes += len;
	g->setup.ops.publish(g->setup.ops.ctx, g->buf, len);
}

static void
say_hello(struct group *g, bool leaves, int64_t now)
{
	uint8_t text[8];
	struct writer w = writer_of(text, sizeof(text));

	writer_u32(&w, (uint32_t)g->nowned);
	writer_u8(&w, leaves);
	group_publish(g, RECORD_HELLO, NULL, &w, now);
	g->hello_at = now + BOXES_HELLO;
}

void
group_seen(struct group *g, uint64_t id, uint32_t inside_s, uint32_t outside_s,
    int64_t now)
{
	struct entry *e = entry_by_id(g, id);
	uint8_t text[8];
	struct writer w = writer_of(text, sizeof(text));

	/*
	 * How long ago media was seen is worth nothing later, so it is not kept
	 * while there is no server.
	 */
	if (e == NULL || e->ended || !g->joined)
		return;
	writer_u32(&w, inside_s);
	writer_u32(&w, outside_s);
	group_publish(g, RECORD_SEEN, e, &w, now);
}

/* An end that is told again is dated anew, or those who missed it refuse it. */
static void
entry_write(struct group *g, struct entry *e, int64_t now)
{
	struct span body = { (const char *)e->body, e->len };
	const struct group_ops *ops = &g->setup.ops;
	char why = (char)e->why;
	size_t len;

	if (e->ended)
		body = (struct span) { &why, 1 };
	entry_dirty(g, e, false);
	if (!write_record(g, e->ended ? RECORD_END : RECORD_CALL, e, body,
		e->ended ? now : e->written, &len))
		return;
	e->sent = e->version;
	g->stats.bytes += len;
	if (e->ended) {
		g->stats.erases++;
		ops->erase(ops->ctx, e->key, e->version, g->buf, len);
	} else {
		g->stats.writes++;
		ops->write(ops->ctx, e->key, e->version, g->buf, len);
	}
}

void
group_written(struct group *g, const uint8_t *key, uint64_t version, bool ok,
    int64_t now)
{
	struct entry *e = entry_find(g, key);

	if (e == NULL || e->version != version || (e->box != NULL && !e->ended))
		return;
	if (ok) {
		e->acked = version;
		return;
	}
	entry_dirty(g, e, true);
	g->write_at = now + RETRY;
}

void
group_renewed(struct group *g, const uint8_t *key, bool exists)
{
	struct entry *e = entry_find(g, key);

	/* The server was emptied, or its key ran out. */
	if (e != NULL && !exists && !e->ended && e->box == NULL &&
	    e->body != NULL)
		entry_dirty(g, e, true);
}

static void
run_renewals(struct group *g, int64_t now)
{
	const struct group_ops *ops = &g->setup.ops;
	struct entry *e;

	while ((e = TAILQ_FIRST(&g->owned)) != NULL && e->at <= now &&
	    ops->room(ops->ctx) > 0) {
		TAILQ_REMOVE(&g->owned, e, aged);
		e->at = now + GROUP_RENEW;
		TAILQ_INSERT_TAIL(&g->owned, e, aged);
		if (now - e->written > GROUP_REWRITE) {
			e->written = now;
			entry_dirty(g, e, true);
		}
		if (e->dirty)
			continue;
		g->stats.renewals++;
		ops->renew(ops->ctx, e->key);
	}
}

static void
run_writes(struct group *g, int64_t now)
{
	const struct group_ops *ops = &g->setup.ops;
	struct entry *e;

	while (now >= g->write_at && (e = TAILQ_FIRST(&g->dirty)) != NULL &&
	    ops->room(ops->ctx) > 0)
		entry_write(g, e, now);
}

/* The box is dead, and we are the one to take its calls over. */
static bool
is_heir(const struct group *g, const struct box *x, int64_t now)
{
	int64_t turn = (int64_t)boxes_rank(&g->boxes, g->name, now) * TURN;
	int64_t died = x->gone ? x->heard : x->heard + BOXES_LEASE;

	return !box_alive(x, now) && now >= died + turn;
}

static void
run_heritage(struct group *g, int64_t now)
{
	bool any = false;
	struct entry *e, *next;
	size_t i, n = 0;

	for (i = 0; i < g->boxes.n; i++)
		any = any ||
		    (g->boxes.v[i].calls > 0 &&
			is_heir(g, &g->boxes.v[i], now));
	if (!any)
		return;
	for (e = RB_MIN(entry_keys, &g->keys); e != NULL; e = next) {
		next = RB_NEXT(entry_keys, &g->keys, e);
		if (e->box == NULL || !is_heir(g, e->box, now))
			continue;
		if (e->id == 0) {
			entry_free(g, e);
			continue;
		}
		entry_take(g, e, now);
		entry_role(g, e, GROUP_OURS);
		g->stats.takeovers++;
		if (++n == TAKES)
			break;
	}
}

/*
 * GROUP_GRACE after joining: calls that the engine brought from a journal, or
 * that another box owned, and that no box has named since, are over if there
 * are other boxes, for one of them would own them; else this box does.
 */
static void
run_unsure(struct group *g, int64_t now)
{
	bool others = boxes_alive(&g->boxes, now) > 0;
	struct entry *e;

	if (g->settled || !g->joined || now - g->since < GROUP_GRACE)
		return;
	g->settled = true;
	RB_FOREACH(e, entry_keys, &g->keys) {
		if (!e->unsure && !e->missing)
			continue;
		e->missing = false;
		if (others || e->box != NULL)
			entry_role(g, e, GROUP_LOST);
		else
			entry_take(g, e, now);
	}
}

/* Without the server, nobody else can be believed to judge for us. */
static void
run_alone(struct group *g, int64_t now)
{
	struct entry *e;

	if (g->joined || g->alone || now - g->since < BOXES_LEASE)
		return;
	g->alone = true;
	RB_FOREACH(e, entry_keys, &g->keys)
		if (e->box != NULL && !e->ours)
			entry_role(g, e, GROUP_OURS);
}

int64_t
group_run(struct group *g, int64_t now)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&g->ended)) != NULL && e->at <= now)
		entry_free(g, e);
	run_alone(g, now);
	if (!g->joined)
		return now + RETRY;
	if (now >= g->hello_at)
		say_hello(g, false, now);
	run_heritage(g, now);
	run_unsure(g, now);
	run_renewals(g, now);
	run_writes(g, now);
	return now + RETRY < g->hello_at ? now + RETRY : g->hello_at;
}

void
group_joined(struct group *g, int64_t now)
{
	struct entry *e;

	g->joined = true;
	g->settled = false;
	g->since = now;
	g->hello_at = now;
	g->write_at = 0;
	boxes_excuse(&g->boxes, now);
	RB_FOREACH(e, entry_keys, &g->keys)
		if (g->alone && e->box != NULL && e->ours)
			entry_role(g, e, GROUP_THEIRS);
	g->alone = false;
	/* Whether the server still has our keys shows at once. */
	TAILQ_FOREACH(e, &g->owned, aged)
		e->at = now;
}

void
group_lost(struct group *g, int64_t now)
{
	struct entry *e;

	if (!g->joined)
		return;
	g->joined = false;
	g->since = now;
	/*
	 * Records that were sent but not confirmed may not have arrived: write
	 * them again.
	 */
	RB_FOREACH(e, entry_keys, &g->keys) {
		if (e->sent != e->acked && e->sent == e->version &&
		    (e->ended || e->box == NULL))
			entry_dirty(g, e, true);
		e->missing = !e->ended && e->box != NULL;
	}
}

void
group_leave(struct group *g, int64_t now)
{
	if (!g->joined)
		return;
	run_writes(g, now);
	say_hello(g, true, now);
}
