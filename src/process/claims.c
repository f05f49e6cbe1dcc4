/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/idmap.h"
#include "src/base/queue.h"
#include "src/base/slab.h"
#include "src/base/span.h"
#include "src/base/wire.h"
#include "src/process/claims.h"
#include "src/process/tuples.h"

#define BATCH 64 /* changes gathered before they are handed on */

/* A host may have hundreds of thousands of claims, so each byte counts. */
struct claim {
	STAILQ_ENTRY(claim) entry; /* of its asker */
	LIST_ENTRY(claim) of_tuple;
	struct asker *asker;
	struct tuple *tuple;
	int64_t since;
	uint64_t id : 48; /* as in events */
	uint64_t why : 8; /* enum reason */
	uint64_t wanted : 1;
	uint64_t announced : 1; /* as open */
	uint64_t adopted : 1;
};

struct asker {
	uint64_t id;
	STAILQ_HEAD(, claim) claims;
	void *user;
	uint32_t calllen;
	char call[];
};

struct claims {
	struct tuples tuples;
	struct idmap askers; /* by their ids */
	struct claims_counters n;
	struct events ev;
	struct claims_sink sink;
	size_t limit;
	uint64_t next_id;
	struct fw_change batch[BATCH];
	size_t nbatch;
	bool gathering;
};

struct claims *
claims_new(size_t limit, uint64_t first_id, const struct events *ev,
    const struct claims_sink *sink)
{
	struct claims *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return NULL;
	if (tuples_init(&cs->tuples) != PH_OK) {
		free(cs);
		return NULL;
	}
	idmap_init(&cs->askers);
	cs->ev = *ev;
	cs->sink = *sink;
	cs->limit = limit;
	cs->next_id = first_id;
	return cs;
}

static size_t
asker_size(size_t calllen)
{
	return offsetof(struct asker, call) + calllen;
}

static void
asker_free(struct claims *cs, struct asker *a)
{
	idmap_remove(&cs->askers, a->id);
	cs->n.askers--;
	slab_free(a, asker_size(a->calllen));
}

void
claims_free(struct claims *cs)
{
	struct asker *a;
	struct claim *claim;

	if (cs == NULL)
		return;
	while ((a = idmap_from(&cs->askers, 0)) != NULL) {
		while ((claim = STAILQ_FIRST(&a->claims)) != NULL) {
			STAILQ_REMOVE_HEAD(&a->claims, entry);
			slab_free(claim, sizeof(*claim));
		}
		asker_free(cs, a);
	}
	tuples_free(&cs->tuples);
	idmap_free(&cs->askers);
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

static void
batch_renew(struct claims *cs, const struct tuple *t)
{
	const struct pinhole p = tuple_hole(t);

	batch_add(cs, FW_OPEN, &p);
}

static struct asker *
asker_find(const struct claims *cs, uint64_t id)
{
	return idmap_find(&cs->askers, id);
}

static struct asker *
asker_get(struct claims *cs, uint64_t id, struct span call)
{
	struct asker *a = asker_find(cs, id);

	if (a != NULL)
		return a;
	if ((a = slab_new(asker_size(call.len))) == NULL)
		return NULL;
	if (call.len > 0)
		memcpy(a->call, call.p, call.len);
	a->calllen = (uint32_t)call.len;
	a->id = id;
	STAILQ_INIT(&a->claims);
	if (idmap_put(&cs->askers, id, a) != PH_OK) {
		slab_free(a, asker_size(call.len));
		return NULL;
	}
	cs->n.askers++;
	return a;
}

/* Close it, which is `p`, if nobody claims it any more. */
static void
tuple_release(struct claims *cs, struct tuple *t, const struct pinhole *p)
{
	if (!LIST_EMPTY(&t->claims))
		return;
	batch_add(cs, FW_CLOSE, p);
	tuples_remove(&cs->tuples, t);
	cs->n.tuples = tuples_count(&cs->tuples);
}

static bool
tuple_is_shared(const struct tuple *t)
{
	return LIST_NEXT(LIST_FIRST(&t->claims), of_tuple) != NULL;
}

/*
 * Wishes come in the order of before, mostly: `hint` is where to look first.
 */
static struct claim *
claim_find(struct asker *a, const struct tuple_key *k, struct claim *hint)
{
	struct claim *claim;

	if (hint != NULL && tuple_is(hint->tuple, k))
		return hint;
	STAILQ_FOREACH(claim, &a->claims, entry)
		if (tuple_is(claim->tuple, k))
			return claim;
	return NULL;
}

static void
claim_announce(struct claims *cs, struct claim *claim, struct pinhole p,
    enum reason why, int64_t now)
{
	const struct asker *a = claim->asker;

	p.id = claim->id;
	claim->announced = true;
	claim->since = now;
	claim->why = (uint8_t)why;
	cs->n.opened++;
	events_open(&cs->ev, now, &p,
	    &(struct events_owner) { a->id, claim->tuple->id,
		{ a->call, a->calllen } },
	    why);
}

static void
claim_close(struct claims *cs, struct claim *claim, const struct pinhole *p,
    enum reason why, int64_t now)
{
	struct pinhole named = *p;
	struct asker *a = claim->asker;

	named.id = claim->id;
	if (claim->announced) {
		events_close(&cs->ev, now, &named,
		    &(struct events_owner) { a->id, claim->tuple->id,
			{ a->call, a->calllen } },
		    why);
		cs->n.closed++;
	}
	cs->n.open--;
	STAILQ_REMOVE(&a->claims, claim, claim, entry);
	LIST_REMOVE(claim, of_tuple);
	tuple_release(cs, claim->tuple, p);
	slab_free(claim, sizeof(*claim));
}

static struct claim *
claim_add(struct claims *cs, struct asker *a, const struct tuple_key *k,
    uint64_t id, uint64_t fw_id)
{
	struct claim *claim;

	if (cs->n.open >= cs->limit) {
		cs->n.limit++;
		return NULL;
	}
	if ((claim = slab_new(sizeof(*claim))) == NULL)
		return NULL;
	if ((claim->tuple = tuples_get(&cs->tuples, k, fw_id)) == NULL) {
		slab_free(claim, sizeof(*claim));
		return NULL;
	}
	cs->n.tuples = tuples_count(&cs->tuples);
	claim->id = id;
	claim->asker = a;
	claim->wanted = claim->announced = true;
	STAILQ_INSERT_TAIL(&a->claims, claim, entry);
	LIST_INSERT_HEAD(&claim->tuple->claims, claim, of_tuple);
	cs->n.open++;
	return claim;
}

/* Extend the lease; true if it has changed. */
static bool
tuple_extend(struct tuple *t, int64_t until)
{
	if (until <= t->deadline)
		return false;
	t->deadline = until;
	return true;
}

static void
claim_open(struct claims *cs, struct asker *a, const struct tuple_key *k,
    const struct claims_want *w, int64_t now)
{
	uint64_t id = cs->next_id++;
	struct claim *claim = claim_add(cs, a, k, id, id);
	struct pinhole hole;
	bool ask;

	if (claim == NULL)
		return;
	claim->announced = false;
	ask = tuple_extend(claim->tuple, now + w->lease) || w->wait;
	hole = tuple_hole(claim->tuple);
	if (ask)
		batch_add(cs, FW_OPEN, &hole);
	if (!w->wait)
		claim_announce(cs, claim, hole, w->open, now);
}

/* Is this port of the inside still wanted open to that remote? */
static bool
port_stays(const struct asker *a, const struct pinhole *in, uint16_t port,
    const struct addr *remote)
{
	struct pinhole p;
	struct claim *claim;

	STAILQ_FOREACH(claim, &a->claims, entry) {
		p = tuple_hole(claim->tuple);
		if (claim->wanted && p.dir == PINHOLE_IN &&
		    p.proto == in->proto && addr_eq(&p.to, &in->to) &&
		    port >= p.to_lo && port <= p.to_hi &&
		    prefix_contains(&p.from, remote))
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
	struct pinhole cut;
	struct claim *claim;
	unsigned int port;

	STAILQ_FOREACH(claim, &a->claims, entry) {
		cut = tuple_hole(claim->tuple);
		if (!claim->wanted || cut.dir != PINHOLE_OUT ||
		    cut.proto != in->proto ||
		    !addr_eq(&cut.from.addr, &in->to) ||
		    !prefix_contains(&in->from, &cut.to))
			continue;
		cut.id = 0;
		cut.deadline = 0;
		for (port = in->to_lo; port <= in->to_hi; port++) {
			cut.from_port = (uint16_t)port;
			if (!port_stays(a, in, cut.from_port, &cut.to))
				batch_add(cs, FW_CUT, &cut);
		}
	}
}

void
claims_want(struct claims *cs, const struct claims_want *w, int64_t now)
{
	struct asker *a = asker_find(cs, w->asker);
	struct claim *claim, *next, *hint;
	struct tuple_key k;
	struct pinhole gone;
	bool shared;
	size_t i;

	if (a == NULL &&
	    (w->n == 0 || (a = asker_get(cs, w->asker, w->call)) == NULL))
		return;
	if (w->n > 0)
		a->user = w->user;
	STAILQ_FOREACH(claim, &a->claims, entry)
		claim->wanted = false;
	hint = STAILQ_FIRST(&a->claims);
	for (i = 0; i < w->n; i++) {
		k = tuple_key_of(&w->v[i]);
		if ((claim = claim_find(a, &k, hint)) != NULL) {
			claim->wanted = true;
			hint = STAILQ_NEXT(claim, entry);
		} else
			claim_open(cs, a, &k, w, now);
	}
	STAILQ_FOREACH_SAFE(claim, &a->claims, entry, next) {
		if (claim->wanted)
			continue;
		gone = tuple_hole(claim->tuple);
		shared = tuple_is_shared(claim->tuple);
		claim_close(cs, claim, &gone, w->close, now);
		if (gone.dir == PINHOLE_IN && !shared)
			cut_moved(cs, a, &gone);
	}
	asker_done(cs);
	if (STAILQ_EMPTY(&a->claims))
		asker_free(cs, a);
}

void
claims_announce(struct claims *cs, uint64_t asker, enum reason why, int64_t now)
{
	struct asker *a = asker_find(cs, asker);
	struct claim *claim;

	if (a == NULL)
		return;
	STAILQ_FOREACH(claim, &a->claims, entry)
		if (!claim->announced)
			claim_announce(cs, claim, tuple_hole(claim->tuple), why,
			    now);
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
	const struct asker *a = idmap_from(&cs->askers, after + 1);

	return a != NULL ? a->id : 0;
}

uint64_t
claims_fw_id(struct claims *cs, uint64_t asker)
{
	struct asker *a = asker_find(cs, asker);

	return a != NULL ? STAILQ_FIRST(&a->claims)->tuple->id : 0;
}

uint64_t
claims_asker_of(struct claims *cs, uint64_t fw_id, uint64_t after)
{
	struct tuple *t = tuples_by_id(&cs->tuples, fw_id);
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
	struct tuple *t = tuples_by_id(&cs->tuples, fw_id);

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
	struct tuple *t = tuples_by_id(&cs->tuples, fw_id);

	if (t != NULL)
		t->packets = packets;
}

void
claims_lost(struct claims *cs, uint64_t fw_id)
{
	struct tuple *t = tuples_by_id(&cs->tuples, fw_id);

	if (t != NULL)
		t->deadline = 0;
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
	STAILQ_FOREACH(claim, &a->claims, entry) {
		in = tuple_leads_in(claim->tuple) ? 1 : 0;
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
	STAILQ_FOREACH(claim, &a->claims, entry) {
		t = claim->tuple;
		if (!claim->announced)
			continue;
		v.hole = tuple_hole(t);
		v.hole.id = claim->id;
		v.owner = (struct events_owner) { a->id, t->id,
			{ a->call, a->calllen } };
		v.since = claim->since;
		v.seen = t->seen[0] > t->seen[1] ? t->seen[0] : t->seen[1];
		v.packets = t->packets;
		v.why = (enum reason)claim->why;
		v.adopted = claim->adopted;
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
	STAILQ_FOREACH(claim, &a->claims, entry)
		if (tuple_extend(claim->tuple, now + lease))
			batch_renew(cs, claim->tuple);
	asker_done(cs);
}

void
claims_resend(struct claims *cs, int64_t now)
{
	struct tuple *t;

	(void)now;
	/* A pinhole that the filter closed at its deadline waits for its
	 * renewal. */
	for (t = tuples_after(&cs->tuples, 0); t != NULL;
	     t = tuples_after(&cs->tuples, t->id))
		if (t->deadline != 0)
			batch_renew(cs, t);
	asker_done(cs);
}

/* All records of pinholes have one size, so addresses are padded. */
#define EXPORT_CLAIM (8 + 8 + 8 + 1 + 3 + 3 * 2 + (17 + 1) + 17 + 2 * (17 + 2))

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
	struct asker *a = asker_find(cs, asker);
	const struct claim *claim;
	struct pinhole t;
	struct writer w = writer_of(buf, size);

	*len = 0;
	if (a == NULL)
		return PH_OK;
	STAILQ_FOREACH(claim, &a->claims, entry) {
		t = tuple_hole(claim->tuple);
		writer_u64(&w, claim->id);
		writer_u64(&w, t.id);
		writer_u64(&w, (uint64_t)claim->since);
		writer_u8(&w, claim->why);
		writer_u8(&w, t.proto);
		writer_u8(&w, t.dir);
		writer_u8(&w, t.once);
		writer_u16(&w, t.from_port);
		writer_u16(&w, t.to_lo);
		writer_u16(&w, t.to_hi);
		put_padded(&w, &t.from.addr);
		writer_u8(&w, t.from.len);
		put_padded(&w, &t.to);
		put_padded(&w, &t.rdr_from.addr);
		writer_u16(&w, t.rdr_from.port);
		put_padded(&w, &t.nat_to.addr);
		writer_u16(&w, t.nat_to.port);
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
	struct tuple_key k;
	struct pinhole p;
	uint64_t id, fw_id;
	int64_t since;
	uint8_t why;

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
		since = (int64_t)(cursor_u64(&r) & INT64_MAX);
		why = cursor_enum(&r, REASON_COUNT - 1);
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
		k = tuple_key_of(&p);
		if (claim_find(a, &k, NULL) != NULL ||
		    (claim = claim_add(cs, a, &k, id, fw_id)) == NULL)
			continue;
		/* The clock may have been set back. */
		claim->since = since > 0 && since < now ? since : now;
		claim->why = why;
		claim->adopted = true;
		if (cs->next_id <= id)
			cs->next_id = id + 1;
		if (cs->next_id <= fw_id)
			cs->next_id = fw_id + 1;
		if (tuple_extend(claim->tuple, now + lease))
			batch_renew(cs, claim->tuple);
	}
	asker_done(cs);
	if (STAILQ_EMPTY(&a->claims))
		asker_free(cs, a);
	return PH_OK;
}

void
claims_verbose(struct claims *cs, int verbose)
{
	cs->ev.verbose = verbose;
}
