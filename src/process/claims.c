/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/queue.h"
#include "src/base/span.h"
#include "src/base/tree.h"
#include "src/base/wire.h"
#include "src/process/claims.h"

#define BATCH 64 /* changes gathered before they are handed on */

/* A pinhole in the packet filter: one, however many askers want it. */
struct tuple {
	RB_ENTRY(tuple) node; /* by pinhole_cmp */
	RB_ENTRY(tuple) by_id;
	struct pinhole hole; /* id: the filter's name for it */
	LIST_HEAD(, claim) claims;
	int64_t seen[2];  /* when `from` and `to` have last sent */
	uint64_t packets; /* that the filter has counted */
};

struct claim {
	TAILQ_ENTRY(claim) entry; /* of its asker */
	LIST_ENTRY(claim) of_tuple;
	uint64_t id; /* as in events */
	struct asker *asker;
	struct tuple *tuple;
	int64_t since;
	uint8_t why; /* enum reason */
	bool wanted;
	bool announced; /* as open */
};

struct asker {
	RB_ENTRY(asker) node;
	uint64_t id;
	TAILQ_HEAD(, claim) claims;
	void *user;
	size_t calllen;
	char call[];
};

RB_HEAD(tuple_tree, tuple);
RB_HEAD(tuple_id_tree, tuple);
RB_HEAD(asker_tree, asker);

struct claims {
	struct tuple_tree tuples;
	struct tuple_id_tree ids;
	struct asker_tree askers;
	struct claims_counters n;
	struct events ev;
	struct claims_sink sink;
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
asker_cmp(const struct asker *a, const struct asker *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE_STATIC(tuple_tree, tuple, node, tuple_cmp)
RB_GENERATE_STATIC(tuple_id_tree, tuple, by_id, tuple_id_cmp)
RB_GENERATE_STATIC(asker_tree, asker, node, asker_cmp)

struct claims *
claims_new(size_t limit, uint64_t first_id, const struct events *ev,
    const struct claims_sink *sink)
{
	struct claims *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return NULL;
	RB_INIT(&cs->tuples);
	RB_INIT(&cs->ids);
	RB_INIT(&cs->askers);
	cs->ev = *ev;
	cs->sink = *sink;
	cs->limit = limit;
	cs->next_id = first_id;
	return cs;
}

static void
asker_free(struct claims *cs, struct asker *a)
{
	RB_REMOVE(asker_tree, &cs->askers, a);
	cs->n.askers--;
	free(a);
}

void
claims_free(struct claims *cs)
{
	struct tuple *t;
	struct asker *a;
	struct claim *claim;

	if (cs == NULL)
		return;
	while ((a = RB_ROOT(&cs->askers)) != NULL) {
		while ((claim = TAILQ_FIRST(&a->claims)) != NULL) {
			TAILQ_REMOVE(&a->claims, claim, entry);
			free(claim);
		}
		asker_free(cs, a);
	}
	while ((t = RB_ROOT(&cs->tuples)) != NULL) {
		RB_REMOVE(tuple_tree, &cs->tuples, t);
		free(t);
	}
	free(cs);
}

const struct claims_counters *
claims_counters(const struct claims *cs)
{
	return &cs->n;
}

void
claims_report(const struct claims *cs, struct counters *c)
{
	const struct claims_counters *n = &cs->n;
	char name[COUNTERS_NAME], *p;
	struct strbuf b;
	int i;

	counters_put_gauge(c, "pinholes", n->open);
	counters_put_gauge(c, "pinholes_in_filter", n->tuples);
	counters_put(c, "pinholes_opened", n->opened);
	counters_put(c, "pinholes_closed", n->closed);
	counters_put(c, "pinholes_refused", n->refused);
	counters_put(c, "pinholes_limit", n->limit);
	counters_put(c, "fw_commits", n->commits);
	counters_put(c, "fw_changes", n->changes);
	for (i = REASON_LIMIT; i < REASON_COUNT; i++) {
		b = strbuf_of(name, sizeof(name));
		strbuf_fmt(&b, "refused_%s", reason_name((enum reason)i));
		for (p = name; *p != '\0'; p++)
			if (*p == '-')
				*p = '_';
		counters_put(c, name, n->refused_for[i]);
	}
}

static void
batch_flush(struct claims *cs)
{
	if (cs->nbatch == 0)
		return;
	cs->sink.commit(cs->sink.ctx, cs->batch, cs->nbatch);
	cs->n.commits++;
	cs->n.changes += cs->nbatch;
	cs->nbatch = 0;
}

/*
 * One asker has had its wants.  Send them, unless claims_gather() collects
 * those of several.
 */
static void
asker_done(struct claims *cs)
{
	if (!cs->gathering)
		batch_flush(cs);
}

void
claims_gather(struct claims *cs, bool yes)
{
	cs->gathering = yes;
	asker_done(cs);
}

static void
batch_add(struct claims *cs, enum fw_op op, const struct pinhole *p)
{
	if (cs->nbatch == BATCH)
		batch_flush(cs);
	memset(&cs->batch[cs->nbatch], 0, sizeof(cs->batch[0]));
	cs->batch[cs->nbatch].op = op;
	cs->batch[cs->nbatch++].hole = *p;
}

static struct asker *
asker_find(struct claims *cs, uint64_t id)
{
	struct asker key;

	key.id = id;
	return RB_FIND(asker_tree, &cs->askers, &key);
}

static struct asker *
asker_get(struct claims *cs, uint64_t id, struct span call)
{
	struct asker *a = asker_find(cs, id);

	if (a != NULL)
		return a;
	if ((a = calloc(1, sizeof(*a) + call.len)) == NULL)
		return NULL;
	if (call.len > 0)
		memcpy(a->call, call.p, call.len);
	a->calllen = call.len;
	a->id = id;
	TAILQ_INIT(&a->claims);
	RB_INSERT(asker_tree, &cs->askers, a);
	cs->n.askers++;
	return a;
}

static struct tuple *
tuple_find(struct claims *cs, const struct pinhole *p)
{
	struct tuple key;

	key.hole = *p;
	return RB_FIND(tuple_tree, &cs->tuples, &key);
}

static struct tuple *
tuple_by_id(struct claims *cs, uint64_t id)
{
	struct tuple key;

	key.hole.id = id;
	return RB_FIND(tuple_id_tree, &cs->ids, &key);
}

/* The tuple of `p`; a new one gets this id.  NULL: no memory. */
static struct tuple *
tuple_get(struct claims *cs, const struct pinhole *p, uint64_t id)
{
	struct tuple *t = tuple_find(cs, p);

	if (t != NULL)
		return t;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->hole = *p;
	t->hole.id = id;
	t->hole.deadline = 0;
	LIST_INIT(&t->claims);
	if (RB_INSERT(tuple_id_tree, &cs->ids, t) != NULL) {
		free(t);
		return NULL;
	}
	RB_INSERT(tuple_tree, &cs->tuples, t);
	cs->n.tuples++;
	return t;
}

/* Close it if nobody claims it any more. */
static void
tuple_release(struct claims *cs, struct tuple *t)
{
	if (!LIST_EMPTY(&t->claims))
		return;
	batch_add(cs, FW_CLOSE, &t->hole);
	RB_REMOVE(tuple_tree, &cs->tuples, t);
	RB_REMOVE(tuple_id_tree, &cs->ids, t);
	cs->n.tuples--;
	free(t);
}

static bool
tuple_is_shared(const struct tuple *t)
{
	return LIST_NEXT(LIST_FIRST(&t->claims), of_tuple) != NULL;
}

static struct pinhole
claim_is_named(const struct claim *claim)
{
	struct pinhole p = claim->tuple->hole;

	p.id = claim->id;
	return p;
}

/*
 * Wishes come in the order of before, mostly: `hint` is where to look first.
 */
static struct claim *
claim_find(struct asker *a, const struct pinhole *p, struct claim *hint)
{
	struct claim *claim;

	if (hint != NULL && pinhole_cmp(&hint->tuple->hole, p) == 0)
		return hint;
	TAILQ_FOREACH(claim, &a->claims, entry)
		if (pinhole_cmp(&claim->tuple->hole, p) == 0)
			return claim;
	return NULL;
}

static void
claim_announce(struct claims *cs, struct claim *claim, enum reason why,
    int64_t now)
{
	struct pinhole p = claim_is_named(claim);
	const struct asker *a = claim->asker;

	claim->announced = true;
	claim->since = now;
	claim->why = (uint8_t)why;
	cs->n.opened++;
	events_open(&cs->ev, now, &p,
	    &(struct events_owner) { a->id, claim->tuple->hole.id,
		{ a->call, a->calllen } },
	    why);
}

static void
claim_close(struct claims *cs, struct claim *claim, enum reason why,
    int64_t now)
{
	struct pinhole p = claim_is_named(claim);
	struct asker *a = claim->asker;

	if (claim->announced) {
		events_close(&cs->ev, now, &p,
		    &(struct events_owner) { a->id, claim->tuple->hole.id,
			{ a->call, a->calllen } },
		    why);
		cs->n.closed++;
	}
	cs->n.open--;
	TAILQ_REMOVE(&a->claims, claim, entry);
	LIST_REMOVE(claim, of_tuple);
	tuple_release(cs, claim->tuple);
	free(claim);
}

static struct claim *
claim_add(struct claims *cs, struct asker *a, const struct pinhole *p,
    uint64_t id, uint64_t fw_id)
{
	struct claim *claim;

	if (cs->n.open >= cs->limit) {
		cs->n.limit++;
		return NULL;
	}
	if ((claim = calloc(1, sizeof(*claim))) == NULL)
		return NULL;
	if ((claim->tuple = tuple_get(cs, p, fw_id)) == NULL) {
		free(claim);
		return NULL;
	}
	claim->id = id;
	claim->asker = a;
	claim->wanted = claim->announced = true;
	TAILQ_INSERT_TAIL(&a->claims, claim, entry);
	LIST_INSERT_HEAD(&claim->tuple->claims, claim, of_tuple);
	cs->n.open++;
	return claim;
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
claim_open(struct claims *cs, struct asker *a, const struct pinhole *p,
    const struct claims_want *w, int64_t now)
{
	uint64_t id = cs->next_id++;
	struct claim *claim = claim_add(cs, a, p, id, id);

	if (claim == NULL)
		return;
	claim->announced = false;
	if (tuple_extend(claim->tuple, now + w->lease) || w->wait)
		batch_add(cs, FW_OPEN, &claim->tuple->hole);
	if (!w->wait)
		claim_announce(cs, claim, w->open, now);
}

/* Is this port of the inside still wanted open to that remote? */
static bool
port_stays(const struct asker *a, const struct pinhole *in, uint16_t port,
    const struct addr *remote)
{
	const struct pinhole *p;
	struct claim *claim;

	TAILQ_FOREACH(claim, &a->claims, entry) {
		p = &claim->tuple->hole;
		if (claim->wanted && p->dir == PINHOLE_IN &&
		    p->proto == in->proto && addr_eq(&p->to, &in->to) &&
		    port >= p->to_lo && port <= p->to_hi &&
		    prefix_contains(&p->from, remote))
			return true;
	}
	return false;
}

/*
 * The inside has moved from the ports of `in`.  A connection that it began
 * there would go on, for its packets are answers to a PINHOLE_OUT that stays.
 */
static void
cut_moved(struct claims *cs, const struct asker *a, const struct pinhole *in)
{
	const struct pinhole *out;
	struct pinhole cut;
	struct claim *claim;
	unsigned int port;

	TAILQ_FOREACH(claim, &a->claims, entry) {
		out = &claim->tuple->hole;
		if (!claim->wanted || out->dir != PINHOLE_OUT ||
		    out->proto != in->proto ||
		    !addr_eq(&out->from.addr, &in->to) ||
		    !prefix_contains(&in->from, &out->to))
			continue;
		cut = *out;
		cut.id = 0;
		cut.deadline = 0;
		for (port = in->to_lo; port <= in->to_hi; port++) {
			cut.from_port = (uint16_t)port;
			if (!port_stays(a, in, cut.from_port, &out->to))
				batch_add(cs, FW_CUT, &cut);
		}
	}
}

void
claims_want(struct claims *cs, const struct claims_want *w, int64_t now)
{
	struct asker *a = asker_find(cs, w->asker);
	struct claim *claim, *next, *hint;
	struct pinhole moved;
	size_t i;

	if (a == NULL &&
	    (w->n == 0 || (a = asker_get(cs, w->asker, w->call)) == NULL))
		return;
	if (w->n > 0)
		a->user = w->user;
	TAILQ_FOREACH(claim, &a->claims, entry)
		claim->wanted = false;
	hint = TAILQ_FIRST(&a->claims);
	for (i = 0; i < w->n; i++) {
		if ((claim = claim_find(a, &w->v[i], hint)) != NULL) {
			claim->wanted = true;
			hint = TAILQ_NEXT(claim, entry);
		} else
			claim_open(cs, a, &w->v[i], w, now);
	}
	TAILQ_FOREACH_SAFE(claim, &a->claims, entry, next) {
		if (claim->wanted)
			continue;
		moved = claim->tuple->hole;
		if (tuple_is_shared(claim->tuple))
			moved.dir = 0;
		claim_close(cs, claim, w->close, now);
		if (moved.dir == PINHOLE_IN)
			cut_moved(cs, a, &moved);
	}
	asker_done(cs);
	if (TAILQ_EMPTY(&a->claims))
		asker_free(cs, a);
}

void
claims_announce(struct claims *cs, uint64_t asker, enum reason why, int64_t now)
{
	struct asker *a = asker_find(cs, asker);
	struct claim *claim;

	if (a == NULL)
		return;
	TAILQ_FOREACH(claim, &a->claims, entry)
		if (!claim->announced)
			claim_announce(cs, claim, why, now);
}

void *
claims_user(struct claims *cs, uint64_t asker)
{
	struct asker *a = asker_find(cs, asker);

	return a != NULL ? a->user : NULL;
}

uint64_t
claims_asker_after(struct claims *cs, uint64_t after)
{
	struct asker key, *a;

	key.id = after + 1;
	a = RB_NFIND(asker_tree, &cs->askers, &key);
	return a != NULL ? a->id : 0;
}

uint64_t
claims_fw_id(struct claims *cs, uint64_t asker)
{
	struct asker *a = asker_find(cs, asker);

	return a != NULL ? TAILQ_FIRST(&a->claims)->tuple->hole.id : 0;
}

uint64_t
claims_asker_of(struct claims *cs, uint64_t fw_id, uint64_t after)
{
	struct tuple *t = tuple_by_id(cs, fw_id);
	struct claim *claim;
	uint64_t next = 0, id;

	if (t == NULL)
		return 0;
	LIST_FOREACH(claim, &t->claims, of_tuple) {
		id = claim->asker->id;
		if (claim->announced && id > after && (next == 0 || id < next))
			next = id;
	}
	return next;
}

void
claims_refuse(struct claims *cs, const struct event_refusal *r,
    struct span call, int64_t now)
{
	cs->n.refused++;
	if ((unsigned int)r->reason < REASON_COUNT)
		cs->n.refused_for[r->reason]++;
	if (cs->sink.may_refuse != NULL &&
	    !cs->sink.may_refuse(cs->sink.ctx, r, now))
		return;
	events_refuse(&cs->ev, now, r, call);
}

void
claims_seen(struct claims *cs, uint64_t fw_id, unsigned int ends, int64_t now)
{
	struct tuple *t = tuple_by_id(cs, fw_id);

	if (t == NULL)
		return;
	if (ends & FW_SEEN_FROM)
		t->seen[0] = now;
	if (ends & FW_SEEN_TO)
		t->seen[1] = now;
}

void
claims_packets(struct claims *cs, uint64_t fw_id, uint64_t packets)
{
	struct tuple *t = tuple_by_id(cs, fw_id);

	if (t != NULL)
		t->packets = packets;
}

void
claims_lost(struct claims *cs, uint64_t fw_id)
{
	struct tuple *t = tuple_by_id(cs, fw_id);

	if (t != NULL)
		t->hole.deadline = 0;
}

void
claims_last_sent(struct claims *cs, uint64_t asker, struct silence *s)
{
	struct asker *a = asker_find(cs, asker);
	struct claim *claim;
	int in;

	s->inside = s->outside = 0;
	if (a == NULL)
		return;
	TAILQ_FOREACH(claim, &a->claims, entry) {
		in = claim->tuple->hole.dir == PINHOLE_IN ? 1 : 0;
		if (claim->tuple->seen[in] > s->inside)
			s->inside = claim->tuple->seen[in];
		if (claim->tuple->seen[!in] > s->outside)
			s->outside = claim->tuple->seen[!in];
	}
}

int64_t
claims_last_seen(struct claims *cs, uint64_t asker)
{
	struct silence s;

	claims_last_sent(cs, asker, &s);
	return s.inside > s.outside ? s.inside : s.outside;
}

void
claims_view(struct claims *cs, uint64_t asker,
    void (*view)(void *ctx, const struct claims_view *v), void *ctx)
{
	const struct asker *a = asker_find(cs, asker);
	const struct claim *claim;
	const struct tuple *t;
	struct claims_view v;

	if (a == NULL)
		return;
	TAILQ_FOREACH(claim, &a->claims, entry) {
		t = claim->tuple;
		if (!claim->announced)
			continue;
		v.hole = claim_is_named(claim);
		v.owner = (struct events_owner) { a->id, t->hole.id,
			{ a->call, a->calllen } };
		v.since = claim->since;
		v.seen = t->seen[0] > t->seen[1] ? t->seen[0] : t->seen[1];
		v.packets = t->packets;
		v.why = (enum reason)claim->why;
		view(ctx, &v);
	}
}

void
claims_renew(struct claims *cs, uint64_t asker, int64_t lease, int64_t now)
{
	struct asker *a = asker_find(cs, asker);
	struct claim *claim;

	if (a == NULL)
		return;
	TAILQ_FOREACH(claim, &a->claims, entry)
		if (tuple_extend(claim->tuple, now + lease))
			batch_add(cs, FW_OPEN, &claim->tuple->hole);
	asker_done(cs);
}

void
claims_resend(struct claims *cs, int64_t now)
{
	struct tuple *t;

	(void)now;
	/* What the filter closed at its deadline waits for its renewal. */
	RB_FOREACH(t, tuple_id_tree, &cs->ids)
		if (t->hole.deadline != 0)
			batch_add(cs, FW_OPEN, &t->hole);
	asker_done(cs);
}

/* All records of pinholes have one size, so addresses are padded. */
#define EXPORT_CLAIM (8 + 8 + 3 + 3 * 2 + (17 + 1) + 17 + 2 * (17 + 2))

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
claims_export(const struct claims *cs, uint64_t asker, void *buf, size_t size,
    size_t *len)
{
	struct asker *a = asker_find((struct claims *)(uintptr_t)cs, asker);
	const struct pinhole *t;
	struct claim *claim;
	struct writer w = writer_of(buf, size);

	*len = 0;
	if (a == NULL)
		return PH_OK;
	TAILQ_FOREACH(claim, &a->claims, entry) {
		t = &claim->tuple->hole;
		writer_u64(&w, claim->id);
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
claims_adopt(struct claims *cs, uint64_t asker, struct span call,
    const void *buf, size_t len, int64_t lease, int64_t now)
{
	struct cursor r = cursor_of(buf, len);
	struct asker *a;
	struct claim *claim;
	struct pinhole p;
	uint64_t id, fw_id;

	if (len % EXPORT_CLAIM != 0 || asker_find(cs, asker) != NULL)
		return PH_EMALFORMED;
	if (len == 0)
		return PH_OK;
	if ((a = asker_get(cs, asker, call)) == NULL)
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
		if (claim_find(a, &p, NULL) != NULL ||
		    (claim = claim_add(cs, a, &p, id, fw_id)) == NULL)
			continue;
		claim->since = now;
		if (cs->next_id <= id)
			cs->next_id = id + 1;
		if (cs->next_id <= fw_id)
			cs->next_id = fw_id + 1;
		if (tuple_extend(claim->tuple, now + lease))
			batch_add(cs, FW_OPEN, &claim->tuple->hole);
	}
	asker_done(cs);
	if (TAILQ_EMPTY(&a->claims))
		asker_free(cs, a);
	return PH_OK;
}

void
claims_verbose(struct claims *cs, int verbose)
{
	cs->ev.verbose = verbose;
}
