/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/process/feed.h"

/* How many bytes are told at a time: the rest waits until most were read. */
#define QUEUE_LOW      (64u << 10)
/* A status process asks for counters once a second. */
#define COUNTERS_EVERY (USEC_PER_SEC / 10)

/* f->msg, unless the queue is full. */
static void
feed_send(struct feed *f, enum ipc_type type, uint64_t seq)
{
	enum ph_err rc;

	if (f->ipc->fd == -1)
		return;
	if (f->gap) {
		f->dropped++;
		return;
	}
	rc = ipc_send(f->ipc, type, seq, &f->msg, -1);
	if (f->waits != NULL && f->ipc->queued > 0)
		f->waits(f->waits_ctx);
	if (rc == PH_OK)
		return;
	/* If the status process is gone, reading says so. */
	f->dropped++;
	f->gap = true;
	f->gap_told = false;
	f->telling = false;
}

static void
tap_opened(void *ctx, int64_t ts, const struct pinhole *hole,
    const struct events_owner *owner, enum reason why)
{
	struct ipc_feed_hole h = { .hole = *hole,
		.since = ts,
		.reason = (uint32_t)why };

	feed_hole(ctx, &h, owner);
}

static void
tap_closed(void *ctx, int64_t ts, const struct pinhole *h, enum reason why)
{
	struct feed *f = ctx;

	if (!f->wanted)
		return;
	f->msg.u.feed_gone = (struct ipc_feed_gone) { .id = h->id,
		.ts = ts,
		.reason = (uint32_t)why };
	feed_send(f, IPC_FEED_HOLE_GONE, 0);
}

static uint32_t
copy_call(char out[IPC_CALL], struct span call)
{
	call = span_sub(call, 0, IPC_CALL);
	if (call.len > 0)
		memcpy(out, call.p, call.len);
	return (uint32_t)call.len;
}

static void
tap_refused(void *ctx, int64_t ts, const struct event_refusal *r,
    struct span call)
{
	struct feed *f = ctx;
	struct ipc_feed_refusal *m = &f->msg.u.feed_refusal;

	*m = (struct ipc_feed_refusal) { .ts = ts,
		.src = r->src,
		.dst = r->dst,
		.dport = r->dport,
		.said = (uint16_t)r->said,
		.reason = (uint32_t)r->reason };
	m->n = copy_call(m->call, call);
	feed_send(f, IPC_FEED_REFUSAL, 0);
}

void
feed_init(struct feed *f, const struct feed_calls *calls, struct ipc *ipc)
{
	memset(f, 0, sizeof(*f));
	f->calls = *calls;
	f->ipc = ipc;
	f->tap = (struct events_tap) { f, tap_opened, tap_closed, tap_refused };
}

/* Calls that are over, while nobody wants to hear of calls. */

static void
ended_add(struct feed *f, const struct ipc_feed_call *c, struct span call)
{
	struct ipc_feed_call *e;

	if (f->ended == NULL &&
	    (f->ended = calloc(FEED_ENDED, sizeof(*e))) == NULL)
		return;
	e = &f->ended[(f->ended_first + f->nended) % FEED_ENDED];
	if (f->nended < FEED_ENDED)
		f->nended++;
	else
		f->ended_first = (f->ended_first + 1) % FEED_ENDED;
	memcpy(e, c, offsetof(struct ipc_feed_call, call));
	e->n = copy_call(e->call, call);
}

static void
ended_tell(struct feed *f)
{
	const struct ipc_feed_call *e;

	for (; f->nended > 0; f->nended--) {
		e = &f->ended[f->ended_first];
		f->ended_first = (f->ended_first + 1) % FEED_ENDED;
		memcpy(&f->msg.u.feed_call, e,
		    offsetof(struct ipc_feed_call, call) + e->n);
		feed_send(f, IPC_FEED_CALL, 0);
	}
}

static void
feed_begin(struct feed *f, int64_t now)
{
	f->gap = f->gap_told = false;
	f->at = 0;
	f->wanted = f->telling = true;
	f->began_at = now;
	ended_tell(f);
	feed_send(f, IPC_FEED_BEGIN, 0);
}

static void
feed_cease(struct feed *f)
{
	f->wanted = f->telling = false;
	if (f->gap_told)
		f->gap = f->gap_told = false;
}

void
feed_open(struct feed *f)
{
	f->ipc->max = FEED_QUEUE_MAX;
	f->gap = f->gap_told = false;
	f->wanted = f->telling = false;
	f->began_at = 0;
}

void
feed_close(struct feed *f)
{
	ended_tell(f);
	free(f->ended);
	f->ended = NULL;
}

static void
counters_flush(struct feed *f)
{
	if (f->msg.u.feed_counters.n > 0)
		feed_send(f, IPC_FEED_COUNTERS, 0);
	f->msg.u.feed_counters.n = 0;
}

static void
on_counter(void *ctx, const char *name, uint64_t v, bool gauge)
{
	struct feed *f = ctx;
	struct ipc_feed_counters *m = &f->msg.u.feed_counters;
	struct ipc_counter *c = &m->v[m->n++];

	memset(c, 0, sizeof(*c));
	strlcpy(c->name, name, sizeof(c->name));
	c->value = v;
	c->gauge = gauge;
	if (m->n == IPC_NCOUNTERS)
		counters_flush(f);
}

/* More would only cost us time, and be of use to nobody. */
static bool
counters_due(struct feed *f, int64_t now)
{
	if (f->calls.counters == NULL ||
	    (f->counted_at != 0 && now - f->counted_at < COUNTERS_EVERY))
		return false;
	f->counted_at = now;
	return true;
}

/* Likewise. */
static bool
feed_may_begin(const struct feed *f, int64_t now)
{
	return f->gap_told ||
	    (!f->wanted &&
		(f->began_at == 0 || now - f->began_at >= FEED_AGAIN));
}

bool
feed_message(struct feed *f, const struct ipc_msg *m)
{
	int64_t now;

	if (m->hdr.type != IPC_TELL)
		return false;
	now = clock_now();
	if (m->u.tell.what == IPC_TELL_ENOUGH)
		feed_cease(f);
	else if (m->u.tell.what == IPC_TELL_ALL) {
		if (feed_may_begin(f, now))
			feed_begin(f, now);
	} else if (counters_due(f, now)) {
		ended_tell(f);
		f->msg.u.feed_counters.n = f->msg.u.feed_counters.pad = 0;
		f->calls.counters(f->calls.ctx, on_counter, f);
		counters_flush(f);
	}
	return true;
}

bool
feed_run(struct feed *f)
{
	if (f->ipc->fd == -1 || f->ipc->queued > QUEUE_LOW)
		return false;
	if (f->gap && !f->gap_told && !ipc_unsent(f->ipc)) {
		f->gap = false;
		feed_send(f, IPC_FEED_GAP, 0);
		f->gap = f->gap_told = true;
	}
	if (!f->telling)
		return false;
	if (f->calls.tell != NULL && f->calls.tell(f->calls.ctx, &f->at))
		return f->ipc->queued <= QUEUE_LOW;
	f->telling = false;
	feed_send(f, IPC_FEED_END, 0);
	/* Somebody waits for it; see feed_done(). */
	(void)!ipc_flush(f->ipc);
	return false;
}

void
feed_call(struct feed *f, const struct ipc_feed_call *c, struct span call)
{
	struct ipc_feed_call *m = &f->msg.u.feed_call;

	if (f->ipc->fd == -1)
		return;
	if (!f->wanted) {
		if (c->state == IPC_CALL_ENDED)
			ended_add(f, c, call);
		return;
	}
	memcpy(m, c, offsetof(struct ipc_feed_call, call));
	m->n = copy_call(m->call, call);
	feed_send(f, IPC_FEED_CALL, 0);
}

void
feed_hole(struct feed *f, const struct ipc_feed_hole *h,
    const struct events_owner *owner)
{
	struct ipc_feed_hole *m = &f->msg.u.feed_hole;

	if (!f->wanted || f->ipc->fd == -1)
		return;
	memcpy(m, h, offsetof(struct ipc_feed_hole, call));
	m->form = FORM_RULE;
	if (f->form != NULL)
		m->form = (uint32_t)f->form(f->fw_config, &m->hole);
	m->owner = owner->id;
	m->tuple = owner->tuple;
	m->n = copy_call(m->call, owner->call);
	feed_send(f, IPC_FEED_HOLE, 0);
}

void
feed_claim(struct feed *f, const struct claims_view *v)
{
	const struct ipc_feed_hole h = { .hole = v->hole,
		.since = v->since,
		.reason = (uint32_t)v->why,
		.was_open = 1,
		.seen = v->seen,
		.packets = v->packets };

	feed_hole(f, &h, &v->owner);
}

void
feed_seen(struct feed *f, const struct ipc_ids *ids)
{
	if (!f->wanted || f->ipc->fd == -1 || ids->n > IPC_IDS)
		return;
	memcpy(&f->msg.u.ids, ids,
	    offsetof(struct ipc_ids, ids) + ids->n * sizeof(ids->ids[0]));
	feed_send(f, IPC_FEED_SEEN, 0);
}

void
feed_packets(struct feed *f, const struct ipc_packets *p)
{
	if (!f->wanted || f->ipc->fd == -1 || p->n > IPC_COUNTS)
		return;
	memcpy(&f->msg.u.packets, p,
	    offsetof(struct ipc_packets, v) + p->n * sizeof(p->v[0]));
	feed_send(f, IPC_PACKETS, 0);
}

void
feed_text(struct feed *f, uint64_t seq, struct span text)
{
	struct ipc_feed_text *m = &f->msg.u.feed_text;
	struct span part;

	for (; text.len > 0; text = span_sub(text, part.len, text.len)) {
		part = span_sub(text, 0, IPC_TEXT);
		m->pad = 0;
		m->n = (uint32_t)part.len;
		memcpy(m->text, part.p, part.len);
		feed_send(f, IPC_FEED_TEXT, seq);
	}
}

void
feed_done(struct feed *f, uint64_t seq, enum ph_err err, uint32_t n)
{
	f->msg.u.done = (struct ipc_done) { .err = err, .n = n };
	feed_send(f, IPC_DONE, seq);
	/* Somebody waits for it.  If the status process is gone, reading says
	 * so. */
	(void)!ipc_flush(f->ipc);
}
