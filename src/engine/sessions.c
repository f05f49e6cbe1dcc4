/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/engine/sessions.h"

RB_HEAD(session_tree, session);
TAILQ_HEAD(session_list, session);

enum { QUIET, TOLD, LISTS };

struct sessions {
	struct session_tree tree;
	/* Longest unchanged first. */
	struct session_list list[SESSION_KINDS][LISTS];
	size_t n[SESSION_KINDS][LISTS];
};

static int
session_cmp(const struct session *a, const struct session *b)
{
	return a->asker < b->asker ? -1 : a->asker > b->asker;
}

RB_GENERATE_STATIC(session_tree, session, node, session_cmp)

struct sessions *
sessions_new(void)
{
	struct sessions *s = calloc(1, sizeof(*s));
	int kind, list;

	if (s == NULL)
		return NULL;
	RB_INIT(&s->tree);
	for (kind = 0; kind < SESSION_KINDS; kind++)
		for (list = 0; list < LISTS; list++)
			TAILQ_INIT(&s->list[kind][list]);
	return s;
}

static int
session_list(const struct session *c)
{
	return c->n > 0 ? TOLD : QUIET;
}

static void
session_take(struct sessions *s, struct session *c)
{
	int list = session_list(c);

	TAILQ_REMOVE(&s->list[c->kind][list], c, entry);
	s->n[c->kind][list]--;
}

static void
session_forget(struct sessions *s, struct session *c)
{
	session_take(s, c);
	RB_REMOVE(session_tree, &s->tree, c);
	free(c);
}

void
sessions_free(struct sessions *s)
{
	if (s == NULL)
		return;
	while (!RB_EMPTY(&s->tree))
		session_forget(s, RB_ROOT(&s->tree));
	free(s);
}

/* Put it at the end of its list, and keep that in bounds. */
static void
session_put(struct sessions *s, struct session *c)
{
	static const size_t max[LISTS] = { SESSIONS_QUIET, SESSIONS_TOLD };
	int list = session_list(c);

	TAILQ_INSERT_TAIL(&s->list[c->kind][list], c, entry);
	if (++s->n[c->kind][list] > max[list])
		session_forget(s, TAILQ_FIRST(&s->list[c->kind][list]));
}

static struct session *
session_find(struct sessions *s, uint64_t asker)
{
	struct session key;

	key.asker = asker;
	return RB_FIND(session_tree, &s->tree, &key);
}

void
sessions_begin(struct sessions *s, const struct session_who *who, int64_t now)
{
	struct session *c;

	if (session_find(s, who->asker) != NULL ||
	    (c = calloc(1, sizeof(*c))) == NULL)
		return;
	c->kind = who->kind;
	c->asker = who->asker;
	c->client = who->client;
	c->server = who->server;
	c->write = who->write;
	c->adopted = who->adopted;
	c->began = now;
	c->filelen = (uint8_t)span_sub(who->file, 0, SESSION_FILE).len;
	if (c->filelen > 0)
		memcpy(c->file, who->file.p, c->filelen);
	RB_INSERT(session_tree, &s->tree, c);
	session_put(s, c);
}

/* The slot of the record with this number. */
static size_t
record_slot(uint32_t n)
{
	const uint32_t ring = SESSION_RECORDS - SESSION_HEAD;

	return n < SESSION_HEAD ? n : SESSION_HEAD + (n - SESSION_HEAD) % ring;
}

static bool
record_same(const struct session_record *a, const struct session_record *b)
{
	return a->event == b->event && a->reason == b->reason &&
	    a->id == b->id && endpoint_cmp(&a->where, &b->where) == 0;
}

static void
session_write(struct sessions *s, struct session *c,
    const struct session_record *r)
{
	struct session_record *last;

	session_take(s, c);
	last = c->n > 0 ? &c->record[record_slot(c->n - 1)] : NULL;
	if (last != NULL && record_same(last, r))
		last->times += last->times < UINT16_MAX;
	else if (c->n < UINT32_MAX)
		c->record[record_slot(c->n++)] = *r;
	session_put(s, c);
}

void
sessions_event(struct sessions *s, uint64_t asker, enum session_event e,
    const struct endpoint *where, int64_t now)
{
	struct session *c = session_find(s, asker);
	struct session_record r = { .at = now,
		.event = (uint16_t)e,
		.times = 1 };

	if (c == NULL)
		return;
	if (where != NULL)
		r.where = *where;
	if (e == SESSION_OVER)
		c->over = true;
	session_write(s, c, &r);
}

void
sessions_refused(struct sessions *s, uint64_t asker,
    const struct event_refusal *refusal, int64_t now)
{
	struct session *c = session_find(s, asker);
	struct session_record r = { .at = now,
		.event = SESSION_REFUSE,
		.times = 1,
		.reason = (uint16_t)refusal->reason,
		.where = { refusal->dst, refusal->dport },
		.from = refusal->src };

	if (c == NULL)
		return;
	c->refused++;
	session_write(s, c, &r);
}

void
sessions_hole(struct sessions *s, uint64_t asker, bool open,
    const struct pinhole *hole, enum reason why, int64_t now)
{
	struct session *c = session_find(s, asker);
	struct session_record r = { .at = now,
		.event = open ? SESSION_OPEN : SESSION_CLOSE,
		.times = 1,
		.reason = (uint16_t)why,
		.where = { hole->to, hole->to_lo },
		.from = hole->from.addr,
		.from_len = hole->from.len,
		.proto = hole->proto,
		.id = hole->id };

	if (c == NULL)
		return;
	c->opened += open;
	if (open)
		c->open++;
	else if (c->open > 0)
		c->open--;
	session_write(s, c, &r);
}

const struct session *
sessions_first(const struct sessions *s)
{
	return RB_MIN(session_tree, (struct session_tree *)(uintptr_t)&s->tree);
}

const struct session *
sessions_next(const struct session *c)
{
	return RB_NEXT(session_tree, NULL, (struct session *)(uintptr_t)c);
}

uint32_t
session_left_out(const struct session *c)
{
	return c->n > SESSION_RECORDS ? c->n - SESSION_RECORDS : 0;
}

const struct session_record *
session_record(const struct session *c, size_t i)
{
	uint32_t n = (uint32_t)i;

	if (i >= SESSION_RECORDS || i >= c->n)
		return NULL;
	if (n >= SESSION_HEAD)
		n += session_left_out(c);
	return &c->record[record_slot(n)];
}
