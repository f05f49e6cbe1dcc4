/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/status/model.h"

#define SOURCES 16

struct model {
	struct ipc_about about;
	struct model_totals totals;
	struct model_party party[IPC_NPARTIES];
	struct model_source source[SOURCES];
	struct model_calls calls;
	struct model_holes holes;
	struct model_tuples tuples;
	struct model_ended ended;
	size_t nended;
	struct model_refusal refusals[MODEL_REFUSALS]; /* a ring */
	uint64_t nrefusals;
	TAILQ_HEAD(, model_watch) watches;
};

static int
call_cmp(const struct model_call *a, const struct model_call *b)
{
	return a->owner < b->owner ? -1 : a->owner > b->owner;
}

static int
hole_cmp(const struct model_hole *a, const struct model_hole *b)
{
	return a->hole.id < b->hole.id ? -1 : a->hole.id > b->hole.id;
}

static int
tuple_cmp(const struct model_hole *a, const struct model_hole *b)
{
	if (a->tuple != b->tuple)
		return a->tuple < b->tuple ? -1 : 1;
	return hole_cmp(a, b);
}

RB_GENERATE_STATIC(model_calls, model_call, by_owner, call_cmp)
RB_GENERATE_STATIC(model_holes, model_hole, by_id, hole_cmp)
RB_GENERATE_STATIC(model_tuples, model_hole, by_tuple, tuple_cmp)

struct model *
model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	RB_INIT(&m->calls);
	RB_INIT(&m->holes);
	RB_INIT(&m->tuples);
	TAILQ_INIT(&m->ended);
	TAILQ_INIT(&m->watches);
	return m;
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
	struct model_call key;

	key.owner = owner;
	return RB_FIND(model_calls, &m->calls, &key);
}

static struct model_call *
call_new(struct model *m, uint64_t owner, struct span call)
{
	struct model_call *c;

	if (m->totals.calls >= MODEL_CALLS ||
	    (c = calloc(1, sizeof(*c) + call.len)) == NULL)
		return NULL;
	c->owner = owner;
	c->len = call.len;
	memcpy(c->call, call.p, call.len);
	TAILQ_INIT(&c->holes);
	RB_INSERT(model_calls, &m->calls, c);
	m->totals.calls++;
	m->totals.by_state[c->state]++;
	return c;
}

static void
call_state(struct model *m, struct model_call *c, enum ipc_call_state state)
{
	m->totals.by_state[c->state]--;
	c->state = state;
	m->totals.by_state[c->state]++;
}

/* Move the call from the tree to the list of ended calls. */
static void
call_end(struct model *m, struct model_call *c, int64_t ts, enum reason why)
{
	struct model_hole *h;

	while ((h = TAILQ_FIRST(&c->holes)) != NULL) {
		TAILQ_REMOVE(&c->holes, h, of_call);
		c->packets += h->packets;
		h->call = NULL;
	}
	c->nholes = 0;
	RB_REMOVE(model_calls, &m->calls, c);
	m->totals.calls--;
	m->totals.by_state[c->state]--;
	c->state = IPC_CALL_ENDED;
	c->ended = ts;
	c->reason = why;
	c->source = NULL;
	TAILQ_INSERT_HEAD(&m->ended, c, ended_entry);
	if (m->nended < MODEL_ENDED) {
		m->nended++;
		return;
	}
	c = TAILQ_LAST(&m->ended, model_ended);
	TAILQ_REMOVE(&m->ended, c, ended_entry);
	free(c);
}

static void
input_call(struct model *m, struct model_source *s, int64_t now,
    const struct ipc_feed_call *f)
{
	struct model_call *c = call_find(m, f->owner);

	if (f->state >= IPC_CALL_STATES)
		return;
	if (c == NULL && f->state != IPC_CALL_ENDED)
		c = call_new(m, f->owner, (struct span) { f->call, f->n });
	if (c == NULL)
		return;
	if (f->state == IPC_CALL_ENDED) {
		call_end(m, c, now, c->reason);
		return;
	}
	call_state(m, c, (enum ipc_call_state)f->state);
	c->from = f->from;
	c->to = f->to;
	/* A new engine has heard of it later than the one before. */
	if (c->since == 0 || f->since < c->since)
		c->since = f->since;
	c->source = s;
	c->round = s->round;
}

/* Pinholes. */

static void
hole_free(struct model *m, struct model_hole *h)
{
	if (h->call != NULL) {
		TAILQ_REMOVE(&h->call->holes, h, of_call);
		h->call->nholes--;
		h->call->packets += h->packets;
	}
	RB_REMOVE(model_holes, &m->holes, h);
	RB_REMOVE(model_tuples, &m->tuples, h);
	m->totals.holes--;
	free(h);
}

static struct model_hole *
hole_new(struct model *m, const struct ipc_feed_hole *f)
{
	struct model_hole *h;

	if (m->totals.holes >= MODEL_HOLES ||
	    (h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->hole = f->hole;
	h->tuple = f->tuple;
	h->owner = f->owner;
	if (f->n > 0) {
		h->call = call_find(m, f->owner);
		if (h->call == NULL)
			h->call = call_new(m, f->owner,
			    (struct span) { f->call, f->n });
	}
	if (h->call != NULL) {
		TAILQ_INSERT_TAIL(&h->call->holes, h, of_call);
		h->call->nholes++;
	}
	RB_INSERT(model_holes, &m->holes, h);
	RB_INSERT(model_tuples, &m->tuples, h);
	m->totals.holes++;
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
	if (h != NULL && (f->tuple != h->tuple || f->owner != h->owner)) {
		hole_free(m, h);
		h = NULL;
	}
	if (h == NULL)
		h = hole_new(m, f);
	if (h == NULL)
		return;
	if (h->since == 0 || f->reason != REASON_NONE) {
		h->since = f->since;
		h->reason = (enum reason)f->reason;
	}
	h->hole.deadline = f->hole.deadline;
	h->form = (enum form)f->form;
	if (f->seen > h->seen)
		h->seen = f->seen;
	if (f->packets != 0)
		h->packets = f->packets;
	h->source = s;
	h->round = s->round;
	if (h->call != NULL) {
		/* The call itself follows. */
		if (h->call->since == 0)
			h->call->since = f->since;
		h->call->source = s;
		h->call->round = s->round;
	}
	if (f->was_open != 0)
		return;
	m->totals.opened[h->reason]++;
	e.ts = f->since;
	e.reason = h->reason;
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
	m->totals.closed[g->reason]++;
	if (h == NULL)
		return;
	e.reason = (enum reason)g->reason;
	e.hole = h;
	e.call = hole_call(h);
	if (h->call != NULL)
		h->call->reason = e.reason;
	model_tell(m, &e);
	hole_free(m, h);
}

static void
input_seen(struct model *m, int64_t now, const struct ipc_ids *ids)
{
	struct model_hole key, *h;
	uint32_t i;

	for (i = 0; i < ids->n; i++) {
		key.tuple = ids->ids[i];
		key.hole.id = 0;
		for (h = RB_NFIND(model_tuples, &m->tuples, &key);
		     h != NULL && h->tuple == ids->ids[i];
		     h = RB_NEXT(model_tuples, &m->tuples, h)) {
			h->seen = now;
			if (h->call != NULL)
				h->call->seen = now;
		}
	}
}

static void
input_packets(struct model *m, const struct ipc_packets *p)
{
	struct model_hole key, *h;
	uint32_t i;

	for (i = 0; i < p->n; i++) {
		key.tuple = p->v[i].id;
		key.hole.id = 0;
		for (h = RB_NFIND(model_tuples, &m->tuples, &key);
		     h != NULL && h->tuple == p->v[i].id;
		     h = RB_NEXT(model_tuples, &m->tuples, h))
			h->packets = p->v[i].packets;
	}
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
	m->totals.refused[f->reason]++;
	e.reason = r->refusal.reason;
	e.refusal = r;
	e.call = (struct span) { r->call, r->len };
	model_tell(m, &e);
}

/* Counters. */

static struct model_counter *
counter_get(struct model_party *p, const char *name)
{
	struct model_counter *v;
	size_t i;

	for (i = 0; i < p->ncounters; i++)
		if (strcmp(p->counters[i].name, name) == 0)
			return &p->counters[i];
	if (i == MODEL_COUNTERS ||
	    (v = reallocarray(p->counters, i + 1, sizeof(*v))) == NULL)
		return NULL;
	p->counters = v;
	p->ncounters++;
	memset(&v[i], 0, sizeof(v[i]));
	strlcpy(v[i].name, name, sizeof(v[i].name));
	return &v[i];
}

static void
input_counters(struct model_party *p, const struct ipc_feed_counters *f)
{
	struct model_counter *c;
	uint32_t i;

	for (i = 0; i < f->n; i++) {
		if (memchr(f->v[i].name, '\0', sizeof(f->v[i].name)) == NULL)
			continue;
		if ((c = counter_get(p, f->v[i].name)) == NULL)
			return;
		c->value = f->v[i].value;
		c->gauge = f->v[i].gauge != 0;
	}
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
	struct model_hole *h, *hnext;
	struct model_call *c, *cnext;

	for (h = RB_MIN(model_holes, &m->holes); h != NULL; h = hnext) {
		hnext = RB_NEXT(model_holes, &m->holes, h);
		if (h->source == s && h->round != s->round)
			hole_free(m, h);
	}
	for (c = RB_MIN(model_calls, &m->calls); c != NULL; c = cnext) {
		cnext = RB_NEXT(model_calls, &m->calls, c);
		if (c->source == s && c->round != s->round)
			call_end(m, c, c->seen, REASON_NONE);
	}
}

static void
source_free(struct model *m, struct model_source *s)
{
	s->round++;
	source_sweep(m, s);
	memset(s, 0, sizeof(*s));
}

void
model_source_gone(struct model *m, struct model_source *s)
{
	if (s->role == IPC_ENGINE)
		s->gone = true;
	else
		source_free(m, s);
}

/* `s` has told everything: its predecessors hold nothing any more. */
static void
source_complete(struct model *m, struct model_source *s)
{
	size_t i;

	s->complete = true;
	source_sweep(m, s);
	for (i = 0; i < SOURCES; i++)
		if (m->source[i].gone && m->source[i].role == s->role)
			source_free(m, &m->source[i]);
}

static void
input_call_gone(struct model *m, const struct ipc_feed_gone *g)
{
	struct model_call *c = call_find(m, g->id);

	if (c != NULL && g->reason < REASON_COUNT)
		call_end(m, c, g->ts, c->reason);
}

bool
model_input(struct model *m, struct model_source *s, int64_t now,
    const struct ipc_msg *msg)
{
	struct model_party *p = &m->party[s->role];

	p->last_message = now;
	switch (msg->hdr.type) {
	case IPC_FEED_BEGIN:
		s->round++;
		break;
	case IPC_FEED_END:
		source_complete(m, s);
		break;
	case IPC_FEED_GAP:
		p->gaps++;
		break;
	case IPC_FEED_CALL:
		input_call(m, s, now, &msg->u.feed_call);
		break;
	case IPC_FEED_CALL_GONE:
		input_call_gone(m, &msg->u.feed_gone);
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
	case IPC_PACKETS:
		input_packets(m, &msg->u.packets);
		break;
	case IPC_FEED_REFUSAL:
		input_refusal(m, &msg->u.feed_refusal);
		break;
	case IPC_FEED_COUNTERS:
		input_counters(p, &msg->u.feed_counters);
		break;
	default:
		return false;
	}
	return true;
}

void
model_health(struct model *m, const struct ipc_health *h)
{
	if (h->role < IPC_NPARTIES)
		m->party[h->role].health = *h;
}

void
model_about(struct model *m, const struct ipc_about *a)
{
	uint32_t i;

	m->about = *a;
	m->about.backend[sizeof(m->about.backend) - 1] = '\0';
	m->about.name[sizeof(m->about.name) - 1] = '\0';
	if (m->about.n > IPC_TABLES)
		m->about.n = IPC_TABLES;
	for (i = 0; i < m->about.n; i++)
		m->about.tables[i][IPC_NAME - 1] = '\0';
}

const struct ipc_about *
model_about_of(const struct model *m)
{
	return &m->about;
}

const struct model_totals *
model_totals(const struct model *m)
{
	return &m->totals;
}

const struct model_party *
model_party(const struct model *m, uint32_t role)
{
	return &m->party[role];
}

bool
model_counter(const struct model *m, uint32_t role, const char *name,
    uint64_t *out)
{
	const struct model_party *p = &m->party[role];
	size_t i;

	for (i = 0; i < p->ncounters; i++)
		if (strcmp(p->counters[i].name, name) == 0) {
			*out = p->counters[i].value;
			return true;
		}
	return false;
}

struct model_call *
model_call_after(struct model *m, uint64_t after)
{
	struct model_call key;

	key.owner = after + 1;
	return after == UINT64_MAX ? NULL
				   : RB_NFIND(model_calls, &m->calls, &key);
}

struct model_hole *
model_hole_after(struct model *m, uint64_t after)
{
	struct model_hole key;

	key.hole.id = after + 1;
	return after == UINT64_MAX ? NULL
				   : RB_NFIND(model_holes, &m->holes, &key);
}

struct model_hole *
model_hole_find(struct model *m, uint64_t id)
{
	struct model_hole key;

	key.hole.id = id;
	return RB_FIND(model_holes, &m->holes, &key);
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
	struct model_hole *h;
	struct model_call *c;
	size_t i;

	if (m == NULL)
		return;
	while ((h = RB_ROOT(&m->holes)) != NULL)
		hole_free(m, h);
	while ((c = RB_ROOT(&m->calls)) != NULL) {
		RB_REMOVE(model_calls, &m->calls, c);
		free(c);
	}
	while ((c = TAILQ_FIRST(&m->ended)) != NULL) {
		TAILQ_REMOVE(&m->ended, c, ended_entry);
		free(c);
	}
	for (i = 0; i < IPC_NPARTIES; i++)
		free(m->party[i].counters);
	free(m);
}
