/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/idmap.h"
#include "src/base/tree.h"
#include "src/status/model.h"

#define SOURCES 16

/*
 * What the id of a pinhole names is its tuple, too, unless it shares that with
 * an older one: this is before a pinhole that does.
 */
struct apart {
	RB_ENTRY(apart) node; /* by tuple and id */
	uint64_t tuple, id;
};

RB_HEAD(apart_tree, apart);

struct model {
	struct model_asker asker;
	bool needed;	   /* calls and pinholes are */
	int64_t needed_at; /* last */
	struct parties parties;
	struct model_totals totals;
	struct model_source source[SOURCES];
	struct idmap calls; /* by owner */
	struct idmap holes; /* by id */
	struct apart_tree aparts;
	struct model_ended ended;
	size_t nended;
	struct model_refusal refusals[MODEL_REFUSALS]; /* a ring */
	uint64_t nrefusals;
	TAILQ_HEAD(, model_watch) watches;
};

struct model *
model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	idmap_init(&m->calls);
	idmap_init(&m->holes);
	RB_INIT(&m->aparts);
	TAILQ_INIT(&m->ended);
	TAILQ_INIT(&m->watches);
	return m;
}

void
model_ask_by(struct model *m, const struct model_asker *a)
{
	m->asker = *a;
}

/* Whether `s` has been asked for calls and pinholes, and has begun to tell. */
static bool
source_tells(const struct model *m, const struct model_source *s)
{
	return m->asker.ask == NULL || s->telling;
}

static void
model_tell(struct model *m, const struct model_event *e)
{
	struct model_watch *w, *next;

	for (w = TAILQ_FIRST(&m->watches); w != NULL; w = next) {
		/* A watch may remove itself within event(). */
		next = TAILQ_NEXT(w, entry);
		w->event(w->ctx, e);
	}
}

static struct span
hole_call(const struct model_hole *h)
{
	if (h->call == NULL)
		return (struct span) { NULL, 0 };
	return (struct span) { h->call->call, h->call->len };
}

/* Calls. */

static struct model_call *
call_find(struct model *m, uint64_t owner)
{
	return idmap_find(&m->calls, owner);
}

static struct model_call *
call_new(struct model *m, uint64_t owner, struct span call)
{
	struct model_call *c;

	if (m->totals.calls >= MODEL_CALLS ||
	    (c = calloc(1, sizeof(*c) + call.len)) == NULL)
		return NULL;
	if (idmap_put(&m->calls, owner, c) != PH_OK) {
		free(c);
		return NULL;
	}
	c->owner = owner;
	c->source = MODEL_NO_SOURCE;
	c->len = (uint16_t)call.len;
	memcpy(c->call, call.p, call.len);
	STAILQ_INIT(&c->holes);
	m->totals.calls++;
	m->totals.by_state[c->state]++;
	return c;
}

static void
call_state(struct model *m, struct model_call *c, enum ipc_call_state state)
{
	m->totals.by_state[c->state]--;
	c->state = (uint8_t)state;
	m->totals.by_state[c->state]++;
}

static void
call_remove(struct model *m, struct model_call *c)
{
	idmap_remove(&m->calls, c->owner);
	m->totals.calls--;
	m->totals.by_state[c->state]--;
}

/* Move the call from those that live to the list of ended calls. */
static void
call_end(struct model *m, struct model_call *c)
{
	struct model_hole *h;

	while ((h = STAILQ_FIRST(&c->holes)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->holes, of_call);
		c->packets += h->packets;
		h->call = NULL;
	}
	c->nholes = 0;
	call_remove(m, c);
	c->state = IPC_CALL_ENDED;
	c->source = MODEL_NO_SOURCE;
	TAILQ_INSERT_HEAD(&m->ended, c, ended_entry);
	if (m->nended < MODEL_ENDED) {
		m->nended++;
		return;
	}
	c = TAILQ_LAST(&m->ended, model_ended);
	TAILQ_REMOVE(&m->ended, c, ended_entry);
	free(c);
}

static uint8_t
source_number(const struct model *m, const struct model_source *s)
{
	return (uint8_t)(s - m->source);
}

static void
input_call(struct model *m, struct model_source *s,
    const struct ipc_feed_call *f)
{
	struct model_call *c = call_find(m, f->owner);

	if (f->state >= IPC_CALL_STATES ||
	    (f->state != IPC_CALL_ENDED && !source_tells(m, s)))
		return;
	if (c == NULL)
		c = call_new(m, f->owner, (struct span) { f->call, f->n });
	if (c == NULL)
		return;
	c->from = f->from;
	c->to = f->to;
	if (f->seen > c->seen)
		c->seen = f->seen;
	if (f->packets > c->packets)
		c->packets = f->packets;
	if (f->state == IPC_CALL_ENDED && c->since == 0)
		c->since = f->since;
	if (f->state == IPC_CALL_ENDED) {
		call_end(m, c);
		return;
	}
	call_state(m, c, (enum ipc_call_state)f->state);
	/* A new engine has heard of it later than the one before. */
	if (c->since == 0 || f->since < c->since)
		c->since = f->since;
	c->source = source_number(m, s);
	c->round = s->round;
}

/* Pinholes. */

static struct apart *
apart_of(const struct model_hole *h)
{
	return (struct apart *)(uintptr_t)h - 1;
}

static struct model_hole *
hole_apart(struct apart *a)
{
	return (struct model_hole *)(void *)(a + 1);
}

static int
apart_cmp(const struct apart *a, const struct apart *b)
{
	if (a->tuple != b->tuple)
		return a->tuple < b->tuple ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE_STATIC(apart_tree, apart, node, apart_cmp)

/* The first that is apart and has this tuple; and the next of the same. */
static struct apart *
apart_first(struct model *m, uint64_t tuple)
{
	struct apart key, *a;

	key.tuple = tuple;
	key.id = 0;
	a = RB_NFIND(apart_tree, &m->aparts, &key);
	return a != NULL && a->tuple == tuple ? a : NULL;
}

static struct apart *
apart_next(struct apart *a)
{
	struct apart *next = RB_NEXT(apart_tree, NULL, a);

	return next != NULL && next->tuple == a->tuple ? next : NULL;
}

static uint64_t
hole_tuple(const struct model_hole *h)
{
	return h->apart ? apart_of(h)->tuple : h->id;
}

static void
hole_free(struct model *m, struct model_hole *h)
{
	if (h->call != NULL) {
		STAILQ_REMOVE(&h->call->holes, h, model_hole, of_call);
		h->call->nholes--;
		h->call->packets += h->packets;
	}
	idmap_remove(&m->holes, h->id);
	m->totals.holes--;
	if (h->apart)
		RB_REMOVE(apart_tree, &m->aparts, apart_of(h));
	free(h->apart ? (void *)apart_of(h) : h);
}

/* With its id and tuple; NULL: no memory. */
static struct model_hole *
hole_alloc(struct model *m, const struct ipc_feed_hole *f)
{
	bool apart = f->tuple != f->hole.id;
	uint8_t packed[PINHOLE_PACKED];
	size_t len = pinhole_pack(&f->hole, packed);
	struct model_hole *h;
	struct apart *a;
	void *p;

	p = calloc(1,
	    (apart ? sizeof(*a) : 0) + offsetof(struct model_hole, packed) +
		len);
	if (p == NULL)
		return NULL;
	a = p;
	h = apart ? hole_apart(a) : p;
	if (idmap_put(&m->holes, f->hole.id, h) != PH_OK) {
		free(p);
		return NULL;
	}
	memcpy(h->packed, packed, len);
	h->id = f->hole.id;
	h->apart = apart;
	if (apart) {
		a->tuple = f->tuple;
		a->id = h->id;
		RB_INSERT(apart_tree, &m->aparts, a);
	}
	m->totals.holes++;
	return h;
}

static struct model_hole *
hole_new(struct model *m, const struct ipc_feed_hole *f)
{
	struct model_hole *h;

	if (m->totals.holes >= MODEL_HOLES || (h = hole_alloc(m, f)) == NULL)
		return NULL;
	h->owner = f->owner;
	if (f->n > 0) {
		h->call = call_find(m, f->owner);
		if (h->call == NULL)
			h->call = call_new(m, f->owner,
			    (struct span) { f->call, f->n });
	}
	if (h->call != NULL) {
		STAILQ_INSERT_TAIL(&h->call->holes, h, of_call);
		h->call->nholes++;
	}
	return h;
}

static void
input_hole(struct model *m, struct model_source *s,
    const struct ipc_feed_hole *f)
{
	struct model_hole *h = model_hole_find(m, f->hole.id);
	struct model_event e = { .kind = MODEL_OPENED };

	if (f->reason >= REASON_COUNT || f->form >= FORM_COUNT)
		return;
	if (h != NULL && (f->tuple != hole_tuple(h) || f->owner != h->owner)) {
		hole_free(m, h);
		h = NULL;
	}
	if (h == NULL)
		h = hole_new(m, f);
	if (h == NULL)
		return;
	if (h->since == 0 || f->reason != REASON_NONE) {
		h->since = f->since;
		h->reason = (uint8_t)f->reason;
	}
	h->deadline = f->hole.deadline;
	h->form = (uint8_t)f->form;
	if (f->seen > h->seen)
		h->seen = f->seen;
	if (f->packets != 0)
		h->packets = f->packets;
	h->source = source_number(m, s) & 0x7f;
	h->round = s->round;
	if (h->call != NULL) {
		if (h->seen > h->call->seen)
			h->call->seen = h->seen;
		/* The call itself follows. */
		if (h->call->since == 0)
			h->call->since = f->since;
		h->call->source = h->source;
		h->call->round = s->round;
	}
	if (f->was_open != 0)
		return;
	e.ts = f->since;
	e.reason = (enum reason)h->reason;
	e.hole = h;
	e.call = hole_call(h);
	model_tell(m, &e);
}

static void
input_hole_gone(struct model *m, const struct ipc_feed_gone *g)
{
	struct model_hole *h = model_hole_find(m, g->id);
	struct model_event e = { .kind = MODEL_CLOSED, .ts = g->ts };

	if (g->reason >= REASON_COUNT)
		return;
	if (h == NULL)
		return;
	e.reason = (enum reason)g->reason;
	e.hole = h;
	e.call = hole_call(h);
	model_tell(m, &e);
	hole_free(m, h);
}

/*
 * Those with this tuple: one at most whose id it is, then others, that are
 * apart.
 */
static struct model_hole *
hole_of_tuple(struct model *m, uint64_t tuple)
{
	struct model_hole *h = model_hole_find(m, tuple);
	struct apart *a;

	if (h != NULL && !h->apart)
		return h;
	a = apart_first(m, tuple);
	return a != NULL ? hole_apart(a) : NULL;
}

static struct model_hole *
hole_of_tuple_after(struct model *m, const struct model_hole *h)
{
	struct apart *a =
	    h->apart ? apart_next(apart_of(h)) : apart_first(m, h->id);

	return a != NULL ? hole_apart(a) : NULL;
}

static void
input_seen(struct model *m, int64_t now, const struct ipc_ids *ids)
{
	struct model_hole *h;
	uint32_t i;

	for (i = 0; i < ids->n; i++)
		for (h = hole_of_tuple(m, ids->ids[i]); h != NULL;
		     h = hole_of_tuple_after(m, h)) {
			h->seen = now;
			if (h->call != NULL)
				h->call->seen = now;
		}
}

static void
input_packets(struct model *m, const struct ipc_packets *p)
{
	struct model_hole *h;
	uint32_t i;

	for (i = 0; i < p->n; i++)
		for (h = hole_of_tuple(m, p->v[i].id); h != NULL;
		     h = hole_of_tuple_after(m, h))
			h->packets = p->v[i].packets;
}

static void
input_refusal(struct model *m, const struct ipc_feed_refusal *f)
{
	struct model_refusal *r = &m->refusals[m->nrefusals % MODEL_REFUSALS];
	struct model_event e = { .kind = MODEL_REFUSED, .ts = f->ts };

	if (f->reason >= REASON_COUNT || f->said > EVENT_SAID_TFTP)
		return;
	m->nrefusals++;
	r->ts = f->ts;
	r->refusal = (struct event_refusal) { f->src, f->dst, f->dport,
		(enum reason)f->reason, (enum event_said)f->said };
	r->len = f->n;
	memcpy(r->call, f->call, f->n);
	e.reason = r->refusal.reason;
	e.refusal = r;
	e.call = (struct span) { r->call, r->len };
	model_tell(m, &e);
}

/* Sources. */

struct model_source *
model_source_new(struct model *m, uint32_t role, uint32_t pid)
{
	size_t i;

	for (i = 0; i < SOURCES; i++)
		if (m->source[i].pid == 0) {
			m->source[i] =
			    (struct model_source) { .role = role, .pid = pid };
			return &m->source[i];
		}
	return NULL;
}

/* Drop what `s` has not told in its present round. */
static void
source_sweep(struct model *m, struct model_source *s)
{
	uint8_t number = source_number(m, s);
	struct model_hole *h;
	struct model_call *c;
	uint64_t at;

	for (at = 0; (h = model_hole_after(m, at)) != NULL;) {
		at = h->id;
		if (h->source == number && h->round != s->round)
			hole_free(m, h);
	}
	for (at = 0; (c = model_call_after(m, at)) != NULL;) {
		at = c->owner;
		if (c->source == number && c->round != s->round)
			call_end(m, c);
	}
}

static void
source_free(struct model *m, struct model_source *s)
{
	s->round++;
	source_sweep(m, s);
	memset(s, 0, sizeof(*s));
}

/* Whether an engine has told everything, and all others that are there. */
static bool
model_whole(const struct model *m)
{
	const struct model_source *s;
	bool engine = false;

	for (s = m->source; s < m->source + SOURCES; s++) {
		if (s->pid == 0)
			continue;
		if (s->role == IPC_ENGINE)
			engine = engine || s->complete;
		else if (!s->complete)
			return false;
	}
	return engine;
}

static void
whole_tell(struct model *m)
{
	if (m->asker.ask != NULL && m->needed && model_whole(m))
		m->asker.whole(m->asker.ctx);
}

bool
model_needed(const struct model *m)
{
	return m->asker.ask == NULL || m->needed;
}

bool
model_need(struct model *m, int64_t now)
{
	if (m->asker.ask == NULL)
		return true;
	m->needed_at = now;
	if (!m->needed) {
		m->needed = true;
		m->asker.ask(m->asker.ctx, true);
	}
	return model_whole(m);
}

static void
model_clear(struct model *m)
{
	struct model_hole *h;
	struct model_call *c;

	while ((h = idmap_from(&m->holes, 0)) != NULL)
		hole_free(m, h);
	while ((c = idmap_from(&m->calls, 0)) != NULL) {
		call_remove(m, c);
		free(c);
	}
}

void
model_tick(struct model *m, int64_t now)
{
	struct model_source *s;

	if (m->asker.ask == NULL || !m->needed || !TAILQ_EMPTY(&m->watches) ||
	    now - m->needed_at < MODEL_KEEP)
		return;
	m->needed = false;
	model_clear(m);
	for (s = m->source; s < m->source + SOURCES; s++) {
		s->telling = s->complete = false;
		if (s->gone)
			memset(s, 0, sizeof(*s));
	}
	m->asker.ask(m->asker.ctx, false);
}

void
model_source_gone(struct model *m, struct model_source *s)
{
	if (s->role == IPC_ENGINE && source_tells(m, s))
		s->gone = true;
	else
		source_free(m, s);
	whole_tell(m);
}

/* `s` has told everything: its predecessors hold nothing any more. */
static void
source_complete(struct model *m, struct model_source *s)
{
	struct model_source *old;

	s->complete = true;
	source_sweep(m, s);
	for (old = m->source; old < m->source + SOURCES; old++)
		if (old->gone && old->role == s->role)
			source_free(m, old);
	whole_tell(m);
}

/* What only a source that was asked for everything tells. */
static void
input_everything(struct model *m, struct model_source *s, int64_t now,
    const struct ipc_msg *msg)
{
	switch (msg->hdr.type) {
	case IPC_FEED_END:
		source_complete(m, s);
		break;
	case IPC_FEED_HOLE:
		input_hole(m, s, &msg->u.feed_hole);
		break;
	case IPC_FEED_HOLE_GONE:
		input_hole_gone(m, &msg->u.feed_gone);
		break;
	case IPC_FEED_SEEN:
		input_seen(m, now, &msg->u.ids);
		break;
	default:
		input_packets(m, &msg->u.packets);
		break;
	}
}

bool
model_input(struct model *m, struct model_source *s, int64_t now,
    const struct ipc_msg *msg)
{
	switch (msg->hdr.type) {
	case IPC_FEED_BEGIN:
		s->round++;
		s->telling = model_needed(m);
		break;
	case IPC_FEED_GAP:
		m->parties.v[s->role].gaps++;
		break;
	case IPC_FEED_CALL:
		input_call(m, s, &msg->u.feed_call);
		break;
	case IPC_FEED_REFUSAL:
		input_refusal(m, &msg->u.feed_refusal);
		break;
	case IPC_FEED_COUNTERS:
		parties_counters(&m->parties, s->role, &msg->u.feed_counters);
		(void)parties_counter(&m->parties, s->role,
		    s->role == IPC_ENGINE ? "pinholes" : "open", &s->holes);
		break;
	case IPC_FEED_END:
	case IPC_FEED_HOLE:
	case IPC_FEED_HOLE_GONE:
	case IPC_FEED_SEEN:
	case IPC_PACKETS:
		if (source_tells(m, s))
			input_everything(m, s, now, msg);
		break;
	default:
		return false;
	}
	return true;
}

struct parties *
model_parties(struct model *m)
{
	return &m->parties;
}

const struct ipc_about *
model_about_of(const struct model *m)
{
	return &m->parties.about;
}

const struct model_totals *
model_totals(const struct model *m)
{
	return &m->totals;
}

const struct model_party *
model_party(const struct model *m, uint32_t role)
{
	return &m->parties.v[role];
}

struct model_counts
model_counts(const struct model *m)
{
	struct model_counts n = { 0 };
	const struct model_source *s;
	int i;

	if (m->needed && model_whole(m)) {
		n.holes = m->totals.holes;
		for (i = 0; i < IPC_CALL_STATES; i++)
			n.by_state[i] = m->totals.by_state[i];
		n.calls = m->totals.calls;
		return n;
	}
	n.calls = parties_calls(&m->parties, n.by_state);
	/* Also while there is no engine. */
	(void)model_counter(m, IPC_ENGINE, "pinholes", &n.holes);
	for (s = m->source; s < m->source + SOURCES; s++)
		if (s->pid != 0 && s->role != IPC_ENGINE)
			n.holes += s->holes;
	return n;
}

bool
model_counter(const struct model *m, uint32_t role, const char *name,
    uint64_t *out)
{
	return parties_counter(&m->parties, role, name, out);
}

struct model_call *
model_call_after(struct model *m, uint64_t after)
{
	return after == UINT64_MAX ? NULL : idmap_from(&m->calls, after + 1);
}

struct model_hole *
model_hole_after(struct model *m, uint64_t after)
{
	return after == UINT64_MAX ? NULL : idmap_from(&m->holes, after + 1);
}

struct model_hole *
model_hole_find(struct model *m, uint64_t id)
{
	return idmap_find(&m->holes, id);
}

const struct model_hole *
model_call_holes(const struct model_call *c)
{
	return c->state != IPC_CALL_ENDED ? STAILQ_FIRST(&c->holes) : NULL;
}

struct pinhole
model_hole_pinhole(const struct model_hole *h)
{
	struct pinhole p = pinhole_unpack(h->packed);

	p.id = h->id;
	p.deadline = h->deadline;
	return p;
}

const struct model_source *
model_hole_source(const struct model *m, const struct model_hole *h)
{
	return &m->source[h->source];
}

struct model_call *
model_ended_first(struct model *m)
{
	return TAILQ_FIRST(&m->ended);
}

const struct model_refusal *
model_refusal(const struct model *m, size_t i)
{
	if (i >= MODEL_REFUSALS || i >= m->nrefusals)
		return NULL;
	return &m->refusals[(m->nrefusals - 1 - i) % MODEL_REFUSALS];
}

void
model_watch(struct model *m, struct model_watch *w)
{
	TAILQ_INSERT_TAIL(&m->watches, w, entry);
}

void
model_unwatch(struct model *m, struct model_watch *w)
{
	TAILQ_REMOVE(&m->watches, w, entry);
}

void
model_free(struct model *m)
{
	struct model_call *c;

	if (m == NULL)
		return;
	model_clear(m);
	idmap_free(&m->holes);
	idmap_free(&m->calls);
	while ((c = TAILQ_FIRST(&m->ended)) != NULL) {
		TAILQ_REMOVE(&m->ended, c, ended_entry);
		free(c);
	}
	parties_free(&m->parties);
	free(m);
}
