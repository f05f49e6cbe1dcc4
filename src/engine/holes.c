/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/queue.h"
#include "src/base/span.h"
#include "src/base/tree.h"
#include "src/base/wire.h"
#include "src/engine/holes.h"

#define BATCH 64 /* changes gathered before they are handed on */

/* A pinhole in the packet filter: one, however many owners want it. */
struct tuple {
	RB_ENTRY(tuple) node; /* by pinhole_cmp */
	RB_ENTRY(tuple) by_id;
	struct pinhole hole; /* id: the filter's name for it */
	unsigned int refs;
	int64_t seen[2]; /* when `from` and `to` have last sent */
};

/* One owner's wish for a tuple. */
struct hole {
	TAILQ_ENTRY(hole) entry;
	uint64_t id; /* as in events */
	struct tuple *tuple;
	bool wanted;
};

struct owner {
	RB_ENTRY(owner) node;
	uint64_t id;
	char *call;
	size_t calllen;
	TAILQ_HEAD(, hole) holes;
};

RB_HEAD(tuple_tree, tuple);
RB_HEAD(tuple_id_tree, tuple);
RB_HEAD(owner_tree, owner);

struct holes {
	struct tuple_tree tuples;
	struct tuple_id_tree ids;
	struct owner_tree owners;
	struct holes_counters n;
	struct events ev;
	struct holes_sink sink;
	size_t limit;
	uint64_t next_id;
	struct fw_change batch[BATCH];
	size_t nbatch;
	bool gathering;
};

static int
tuple_cmp(const struct tuple *a, const struct tuple *b)
{
	return pinhole_cmp(&a->hole, &b->hole);
}

static int
tuple_id_cmp(const struct tuple *a, const struct tuple *b)
{
	return a->hole.id < b->hole.id ? -1 : a->hole.id > b->hole.id;
}

static int
owner_cmp(const struct owner *a, const struct owner *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE_STATIC(tuple_tree, tuple, node, tuple_cmp)
RB_GENERATE_STATIC(tuple_id_tree, tuple, by_id, tuple_id_cmp)
RB_GENERATE_STATIC(owner_tree, owner, node, owner_cmp)

struct holes *
holes_new(size_t limit, const struct events *ev, const struct holes_sink *sink)
{
	struct holes *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	RB_INIT(&h->tuples);
	RB_INIT(&h->ids);
	RB_INIT(&h->owners);
	h->ev = *ev;
	h->sink = *sink;
	h->limit = limit;
	h->next_id = 1;
	return h;
}

static void
owner_free(struct holes *h, struct owner *o)
{
	RB_REMOVE(owner_tree, &h->owners, o);
	h->n.owners--;
	free(o->call);
	free(o);
}

void
holes_free(struct holes *h)
{
	struct tuple *t;
	struct owner *o;
	struct hole *hole;

	if (h == NULL)
		return;
	while ((o = RB_ROOT(&h->owners)) != NULL) {
		while ((hole = TAILQ_FIRST(&o->holes)) != NULL) {
			TAILQ_REMOVE(&o->holes, hole, entry);
			free(hole);
		}
		owner_free(h, o);
	}
	while ((t = RB_ROOT(&h->tuples)) != NULL) {
		RB_REMOVE(tuple_tree, &h->tuples, t);
		free(t);
	}
	free(h);
}

const struct holes_counters *
holes_counters(const struct holes *h)
{
	return &h->n;
}

static void
batch_flush(struct holes *h)
{
	if (h->nbatch == 0)
		return;
	h->sink.commit(h->sink.ctx, h->batch, h->nbatch);
	h->n.commits++;
	h->n.changes += h->nbatch;
	h->nbatch = 0;
}

/* One owner is done; while gathering, what others want goes along. */
static void
owner_done(struct holes *h)
{
	if (!h->gathering)
		batch_flush(h);
}

void
holes_gather(struct holes *h, bool yes)
{
	h->gathering = yes;
	owner_done(h);
}

static void
batch_add(struct holes *h, enum fw_op op, const struct pinhole *p)
{
	if (h->nbatch == BATCH)
		batch_flush(h);
	memset(&h->batch[h->nbatch], 0, sizeof(h->batch[0]));
	h->batch[h->nbatch].op = op;
	h->batch[h->nbatch++].hole = *p;
}

static struct owner *
owner_find(struct holes *h, uint64_t id)
{
	struct owner key;

	key.id = id;
	return RB_FIND(owner_tree, &h->owners, &key);
}

static struct owner *
owner_get(struct holes *h, uint64_t id, struct span call)
{
	struct owner *o = owner_find(h, id);

	if (o != NULL)
		return o;
	if ((o = calloc(1, sizeof(*o))) == NULL ||
	    (o->call = malloc(call.len + 1)) == NULL) {
		free(o);
		return NULL;
	}
	if (call.len > 0)
		memcpy(o->call, call.p, call.len);
	o->call[call.len] = '\0';
	o->calllen = call.len;
	o->id = id;
	TAILQ_INIT(&o->holes);
	RB_INSERT(owner_tree, &h->owners, o);
	h->n.owners++;
	return o;
}

static struct tuple *
tuple_find(struct holes *h, const struct pinhole *p)
{
	struct tuple key;

	key.hole = *p;
	return RB_FIND(tuple_tree, &h->tuples, &key);
}

static struct tuple *
tuple_get(struct holes *h, const struct pinhole *p, uint64_t id)
{
	struct tuple *t = tuple_find(h, p);

	if (t != NULL) {
		t->refs++;
		return t;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->hole = *p;
	t->hole.id = id;
	t->hole.deadline = 0;
	t->refs = 1;
	if (RB_INSERT(tuple_id_tree, &h->ids, t) != NULL) {
		free(t);
		return NULL;
	}
	RB_INSERT(tuple_tree, &h->tuples, t);
	h->n.tuples++;
	return t;
}

static void
tuple_put(struct holes *h, struct tuple *t)
{
	if (--t->refs > 0)
		return;
	batch_add(h, FW_CLOSE, &t->hole);
	RB_REMOVE(tuple_tree, &h->tuples, t);
	RB_REMOVE(tuple_id_tree, &h->ids, t);
	h->n.tuples--;
	free(t);
}

static struct pinhole
hole_is_named(const struct hole *hole)
{
	struct pinhole p = hole->tuple->hole;

	p.id = hole->id;
	return p;
}

/*
 * Wishes come in the order of before, mostly: `hint` is where to look first.
 */
static struct hole *
hole_find(struct owner *o, const struct pinhole *p, struct hole *hint)
{
	struct hole *hole;

	if (hint != NULL && pinhole_cmp(&hint->tuple->hole, p) == 0)
		return hint;
	TAILQ_FOREACH(hole, &o->holes, entry)
		if (pinhole_cmp(&hole->tuple->hole, p) == 0)
			return hole;
	return NULL;
}

static void
hole_close(struct holes *h, struct owner *o, struct hole *hole, enum reason why,
    int64_t now)
{
	struct pinhole p = hole_is_named(hole);

	events_close(&h->ev, now, &p, (struct span) { o->call, o->calllen },
	    why);
	h->n.closed++;
	h->n.open--;
	TAILQ_REMOVE(&o->holes, hole, entry);
	tuple_put(h, hole->tuple);
	free(hole);
}

static struct hole *
hole_add(struct holes *h, struct owner *o, const struct pinhole *p, uint64_t id,
    uint64_t fw_id)
{
	struct hole *hole;

	if (h->n.open >= h->limit) {
		h->n.limit++;
		return NULL;
	}
	if ((hole = calloc(1, sizeof(*hole))) == NULL)
		return NULL;
	if ((hole->tuple = tuple_get(h, p, fw_id)) == NULL) {
		free(hole);
		return NULL;
	}
	hole->id = id;
	hole->wanted = true;
	TAILQ_INSERT_TAIL(&o->holes, hole, entry);
	h->n.open++;
	return hole;
}

/* Extend the lease; true if it has changed. */
static bool
tuple_extend(struct tuple *t, int64_t until)
{
	if (until <= t->hole.deadline)
		return false;
	t->hole.deadline = until;
	return true;
}

static void
hole_open(struct holes *h, struct owner *o, const struct pinhole *p,
    const struct holes_want *w, int64_t now)
{
	uint64_t id = h->next_id++;
	struct hole *hole = hole_add(h, o, p, id, id);
	struct pinhole name;

	if (hole == NULL)
		return;
	if (tuple_extend(hole->tuple, now + w->lease))
		batch_add(h, FW_OPEN, &hole->tuple->hole);
	h->n.opened++;
	name = hole_is_named(hole);
	events_open(&h->ev, now, &name,
	    &(struct events_owner) { o->id, hole->tuple->hole.id,
		{ o->call, o->calllen } },
	    w->open);
}

/* Is this port of the inside still wanted open to that remote? */
static bool
port_stays(const struct owner *o, const struct pinhole *in, uint16_t port,
    const struct addr *remote)
{
	const struct pinhole *p;
	struct hole *hole;

	TAILQ_FOREACH(hole, &o->holes, entry) {
		p = &hole->tuple->hole;
		if (hole->wanted && p->dir == PINHOLE_IN &&
		    p->proto == in->proto && addr_eq(&p->to, &in->to) &&
		    port >= p->to_lo && port <= p->to_hi &&
		    (p->from.addr.af == AF_UNSPEC ||
			prefix_contains(&p->from, remote)))
			return true;
	}
	return false;
}

/*
 * The inside has moved from the ports of `in`.  A connection that it began
 * there would go on, for its packets are answers to a PINHOLE_OUT that stays.
 */
static void
cut_moved(struct holes *h, const struct owner *o, const struct pinhole *in)
{
	const struct pinhole *out;
	struct pinhole cut;
	struct hole *hole;
	unsigned int port;

	TAILQ_FOREACH(hole, &o->holes, entry) {
		out = &hole->tuple->hole;
		if (!hole->wanted || out->dir != PINHOLE_OUT ||
		    out->proto != in->proto ||
		    !addr_eq(&out->from.addr, &in->to) ||
		    (in->from.addr.af != AF_UNSPEC &&
			!prefix_contains(&in->from, &out->to)))
			continue;
		cut = *out;
		cut.id = 0;
		cut.deadline = 0;
		for (port = in->to_lo; port <= in->to_hi; port++) {
			cut.from_port = (uint16_t)port;
			if (!port_stays(o, in, cut.from_port, &out->to))
				batch_add(h, FW_CUT, &cut);
		}
	}
}

void
holes_want(struct holes *h, const struct holes_want *w, int64_t now)
{
	struct owner *o = owner_find(h, w->owner);
	struct hole *hole, *next, *hint;
	struct pinhole moved;
	size_t i;

	if (o == NULL &&
	    (w->n == 0 || (o = owner_get(h, w->owner, w->call)) == NULL))
		return;
	TAILQ_FOREACH(hole, &o->holes, entry)
		hole->wanted = false;
	hint = TAILQ_FIRST(&o->holes);
	for (i = 0; i < w->n; i++) {
		if ((hole = hole_find(o, &w->v[i], hint)) != NULL) {
			hole->wanted = true;
			hint = TAILQ_NEXT(hole, entry);
		} else
			hole_open(h, o, &w->v[i], w, now);
	}
	TAILQ_FOREACH_SAFE(hole, &o->holes, entry, next) {
		if (hole->wanted)
			continue;
		moved = hole->tuple->hole;
		if (hole->tuple->refs > 1)
			moved.dir = 0;
		hole_close(h, o, hole, w->close, now);
		if (moved.dir == PINHOLE_IN)
			cut_moved(h, o, &moved);
	}
	owner_done(h);
	if (TAILQ_EMPTY(&o->holes))
		owner_free(h, o);
}

void
holes_refuse(struct holes *h, const struct event_refusal *r, struct span call,
    int64_t now)
{
	h->n.refused++;
	if ((unsigned int)r->reason < REASON_COUNT)
		h->n.refused_for[r->reason]++;
	if (h->sink.may_refuse != NULL &&
	    !h->sink.may_refuse(h->sink.ctx, r, now))
		return;
	events_refuse(&h->ev, now, r, call);
}

void
holes_seen(struct holes *h, uint64_t fw_id, unsigned int ends, int64_t now)
{
	struct tuple key, *t;

	key.hole.id = fw_id;
	if ((t = RB_FIND(tuple_id_tree, &h->ids, &key)) == NULL)
		return;
	if (ends & FW_SEEN_FROM)
		t->seen[0] = now;
	if (ends & FW_SEEN_TO)
		t->seen[1] = now;
}

void
holes_lost(struct holes *h, uint64_t fw_id)
{
	struct tuple key, *t;

	key.hole.id = fw_id;
	if ((t = RB_FIND(tuple_id_tree, &h->ids, &key)) != NULL)
		t->hole.deadline = 0;
}

void
holes_last_sent(struct holes *h, uint64_t owner, struct silence *s)
{
	struct owner *o = owner_find(h, owner);
	struct hole *hole;
	int in;

	s->inside = s->outside = 0;
	if (o == NULL)
		return;
	TAILQ_FOREACH(hole, &o->holes, entry) {
		in = hole->tuple->hole.dir == PINHOLE_IN ? 1 : 0;
		if (hole->tuple->seen[in] > s->inside)
			s->inside = hole->tuple->seen[in];
		if (hole->tuple->seen[!in] > s->outside)
			s->outside = hole->tuple->seen[!in];
	}
}

int64_t
holes_last_seen(struct holes *h, uint64_t owner)
{
	struct silence s;

	holes_last_sent(h, owner, &s);
	return s.inside > s.outside ? s.inside : s.outside;
}

void
holes_renew(struct holes *h, uint64_t owner, int64_t lease, int64_t now)
{
	struct owner *o = owner_find(h, owner);
	struct hole *hole;

	if (o == NULL)
		return;
	TAILQ_FOREACH(hole, &o->holes, entry)
		if (tuple_extend(hole->tuple, now + lease))
			batch_add(h, FW_OPEN, &hole->tuple->hole);
	owner_done(h);
}

void
holes_resend(struct holes *h, int64_t now)
{
	struct tuple *t;

	(void)now;
	RB_FOREACH(t, tuple_id_tree, &h->ids)
		batch_add(h, FW_OPEN, &t->hole);
	owner_done(h);
}

/* All records of pinholes have one size, so addresses are padded. */
#define EXPORT_HOLE (8 + 8 + 3 + 3 * 2 + (17 + 1) + 17 + 2 * (17 + 2))

static void
put_padded(struct writer *w, const struct addr *a)
{
	static const uint8_t zeros[16];

	writer_addr(w, a);
	writer_copy(w, zeros, sizeof(zeros) - addr_bytes(a->af));
}

static struct addr
get_padded(struct cursor *r)
{
	struct addr a = cursor_addr(r);

	cursor_skip(r, sizeof(a.b) - addr_bytes(a.af));
	return a;
}

enum ph_err
holes_export(const struct holes *h, uint64_t owner, void *buf, size_t size,
    size_t *len)
{
	struct owner *o = owner_find((struct holes *)(uintptr_t)h, owner);
	const struct pinhole *t;
	struct hole *hole;
	struct writer w = writer_of(buf, size);

	*len = 0;
	if (o == NULL)
		return PH_OK;
	TAILQ_FOREACH(hole, &o->holes, entry) {
		t = &hole->tuple->hole;
		writer_u64(&w, hole->id);
		writer_u64(&w, t->id);
		writer_u8(&w, t->proto);
		writer_u8(&w, t->dir);
		writer_u8(&w, t->once);
		writer_u16(&w, t->from_port);
		writer_u16(&w, t->to_lo);
		writer_u16(&w, t->to_hi);
		put_padded(&w, &t->from.addr);
		writer_u8(&w, t->from.len);
		put_padded(&w, &t->to);
		put_padded(&w, &t->rdr_from.addr);
		writer_u16(&w, t->rdr_from.port);
		put_padded(&w, &t->nat_to.addr);
		writer_u16(&w, t->nat_to.port);
	}
	if (w.full)
		return PH_ELIMIT;
	*len = w.len;
	return PH_OK;
}

enum ph_err
holes_adopt(struct holes *h, uint64_t owner, struct span call, const void *buf,
    size_t len, int64_t lease, int64_t now)
{
	struct cursor r = cursor_of(buf, len);
	struct owner *o;
	struct hole *hole;
	struct pinhole p;
	uint64_t id, fw_id;

	if (len % EXPORT_HOLE != 0 || owner_find(h, owner) != NULL)
		return PH_EMALFORMED;
	if (len == 0)
		return PH_OK;
	if ((o = owner_get(h, owner, call)) == NULL)
		return PH_ENOMEM;
	while (cursor_left(&r) > 0) {
		memset(&p, 0, sizeof(p));
		id = cursor_u64(&r);
		fw_id = cursor_u64(&r);
		p.proto = cursor_u8(&r);
		p.dir = cursor_u8(&r);
		p.once = cursor_u8(&r);
		p.from_port = cursor_u16(&r);
		p.to_lo = cursor_u16(&r);
		p.to_hi = cursor_u16(&r);
		p.from.addr = get_padded(&r);
		p.from.len = cursor_u8(&r);
		p.to = get_padded(&r);
		p.rdr_from.addr = get_padded(&r);
		p.rdr_from.port = cursor_u16(&r);
		p.nat_to.addr = get_padded(&r);
		p.nat_to.port = cursor_u16(&r);
		if (r.bad || id == 0 || fw_id == 0 || id >= UINT32_MAX ||
		    fw_id >= UINT32_MAX || p.to_hi < p.to_lo ||
		    p.from.len > addr_bytes(p.from.addr.af) * 8)
			break;
		if (hole_find(o, &p, NULL) != NULL ||
		    (hole = hole_add(h, o, &p, id, fw_id)) == NULL)
			continue;
		if (h->next_id <= id)
			h->next_id = id + 1;
		if (h->next_id <= fw_id)
			h->next_id = fw_id + 1;
		if (tuple_extend(hole->tuple, now + lease))
			batch_add(h, FW_OPEN, &hole->tuple->hole);
	}
	owner_done(h);
	if (TAILQ_EMPTY(&o->holes))
		owner_free(h, o);
	return PH_OK;
}
