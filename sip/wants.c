/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "sip/state.h"

static bool
dialog_is_open(const struct call *c, const struct dialog *d)
{
	return d->state == DIALOG_CONFIRMED ||
	    (d->state == DIALOG_EARLY && c->sip->config.early_media &&
		!d->early_over);
}

static void
plan_sides(struct call *c, struct sdp_side *const side[2])
{
	enum role in = call_inside(c);
	struct sdp_side *i = side[in], *o = side[!in];
	struct sip_side inside = { i->speaker, i->media, i->n, i->more };
	struct sip_side outside = { o->speaker, o->media, o->n, o->more };

	sip_policy_plan(&c->sip->config.policy, &inside, &outside,
	    &c->sip->plan);
}

/*
 * Add what is planned to the set, without doubles; with `streams` only what
 * belongs to those m= lines.
 */
static size_t
wants_gather(struct sip *sip, size_t n, uint32_t streams)
{
	const struct sip_plan *plan = &sip->plan;
	const struct pinhole *p;
	size_t i, k;

	for (i = 0; i < plan->nholes; i++) {
		if ((streams & (UINT32_C(1) << plan->stream[i])) == 0)
			continue;
		p = &plan->holes[i];
		/*
		 * There may be hundreds, and nearly all differ in this port:
		 * compare it first.
		 */
		for (k = 0; k < n; k++)
			if (sip->holes[k].to_lo == p->to_lo &&
			    pinhole_cmp(&sip->holes[k], p) == 0)
				break;
		if (k == n && n < sizeof(sip->holes) / sizeof(sip->holes[0]))
			sip->holes[n++] = plan->holes[i];
	}
	return n;
}

static uint32_t
planned_streams(const struct sip_plan *plan)
{
	uint32_t streams = 0;
	size_t i;

	for (i = 0; i < plan->nholes; i++)
		streams |= UINT32_C(1) << plan->stream[i];
	return streams;
}

static size_t
dialog_wants(struct call *c, struct dialog *d, size_t n)
{
	enum role in = call_inside(c);
	struct sdp_side *side[2];
	uint32_t streams;
	struct txn *t;
	size_t i;

	if (d->side[CALLER] == NULL || d->side[CALLEE] == NULL)
		return n;
	plan_sides(c, d->side);
	n = wants_gather(c->sip, n, UINT32_MAX);
	streams = planned_streams(&c->sip->plan);
	/*
	 * The side that offers must be ready to receive at once, on the old and
	 * on the new ports (RFC 3264 section 8.3.1): the inside's own offer,
	 * while it is unanswered, opens for the remote we already know.
	 */
	if (d->state == DIALOG_CONFIRMED)
		TAILQ_FOREACH(t, &c->txns, entry) {
			if (t->dlg != d || t->done || t->offer == NULL ||
			    t->role != in)
				continue;
			side[in] = t->offer;
			side[!in] = d->side[!in];
			plan_sides(c, side);
			n = wants_gather(c->sip, n, UINT32_MAX);
		}
	/*
	 * Media of a stream that moved may be late; a stream that ended opens
	 * nothing.
	 */
	for (i = 0; d->past != NULL && i < SIP_MAX_PAST; i++) {
		if (d->past[i].until == 0)
			continue;
		plan_sides(c, d->past[i].side);
		n = wants_gather(c->sip, n, streams);
	}
	return n;
}

/* Silence is expected: no stream that both sides may send on. */
static bool
dialog_is_held(const struct dialog *d)
{
	const struct sdp_side *a = d->side[CALLER], *b = d->side[CALLEE];
	bool any = false;
	size_t i;

	if (a == NULL || b == NULL)
		return false;
	for (i = 0; i < a->n && i < b->n; i++) {
		if (a->media[i].port == 0 || b->media[i].port == 0)
			continue;
		if (a->media[i].mode == SDP_SENDRECV &&
		    b->media[i].mode == SDP_SENDRECV)
			return false;
		any = true;
	}
	return any;
}

void
call_changed(struct call *c, int64_t now)
{
	struct sip *sip = c->sip;

	if (c->accepted || c->dead || c->worth != WORTH_ASKED ||
	    sip->nasked <= SIP_ASKED_KEPT)
		sip->sink.changed(sip->sink.ctx, c->id, now);
}

/* Count the memory that the call needs now; see SIP_CALL_BYTES. */
static void
call_weigh(struct call *c)
{
	const struct dialog *d;
	const struct txn *t;
	size_t i, n = call_size(c->call_id_len, c->tag_len);

	TAILQ_FOREACH(t, &c->txns, entry)
		n += txn_size(t->branch_len) + sdp_side_bytes(t->offer) +
		    sdp_side_bytes(t->answer);
	TAILQ_FOREACH(d, &c->dialogs, entry) {
		n += dialog_size(d->tag_len) + sdp_side_bytes(d->side[CALLER]) +
		    sdp_side_bytes(d->side[CALLEE]);
		if (d->late != NULL)
			n += sizeof(*d->late) + sdp_side_bytes(d->late->side);
		n += d->past != NULL ? SIP_MAX_PAST * sizeof(*d->past) : 0;
		for (i = 0; d->past != NULL && i < SIP_MAX_PAST; i++)
			n += sdp_side_bytes(d->past[i].side[CALLER]) +
			    sdp_side_bytes(d->past[i].side[CALLEE]);
	}
	/* By itself, n - c->bytes would be 32 bits wide on some machines. */
	c->sip->n.bytes = c->sip->n.bytes - c->bytes + n;
	c->bytes = n;
}

static int64_t
deadline_sooner(int64_t a, int64_t b)
{
	return b != 0 && b < a ? b : a;
}

void
call_schedule(struct call *c, int64_t now)
{
	int64_t at = INT64_MAX;
	struct dialog *d;
	struct txn *t;
	size_t i;

	call_weigh(c);
	TAILQ_FOREACH(t, &c->txns, entry)
		at = deadline_sooner(at, t->until);
	TAILQ_FOREACH(d, &c->dialogs, entry) {
		at = deadline_sooner(at, d->drop_at);
		if (d->state == DIALOG_EARLY && !d->early_over)
			at = deadline_sooner(at, d->early_until);
		for (i = 0; d->past != NULL && i < SIP_MAX_PAST; i++)
			at = deadline_sooner(at, d->past[i].until);
		at = deadline_sooner(at, d->session_until);
	}
	at = deadline_sooner(at, c->forget_at);
	if (!c->dead)
		at = deadline_sooner(at,
		    c->accepted ? c->max_until : c->setup_until);
	if (at == INT64_MAX)
		timer_clear(c->sip->timers, &c->timer);
	else
		timer_set(c->sip->timers, &c->timer, at > now ? at : now);
}

void
call_update(struct call *c, enum reason open, enum reason close, int64_t now)
{
	struct sip *sip = c->sip;
	struct sip_wants w = { 0 };
	struct dialog *d;

	TAILQ_FOREACH(d, &c->dialogs, entry) {
		if (!dialog_is_open(c, d))
			continue;
		w.nholes = dialog_wants(c, d, w.nholes);
		w.held = w.held || dialog_is_held(d);
	}
	w.call = c->id;
	w.call_id = call_id_of(c);
	w.holes = sip->holes;
	w.open = open;
	w.close = close;
	w.accepted = c->accepted;
	w.between = c->protected[CALLER] && c->protected[CALLEE];
	sip->sink.wants(sip->sink.ctx, &w, now);
	call_schedule(c, now);
	call_changed(c, now);
}

/* FNV-1a; only to notice that the same is being refused again. */
static uint64_t
refusal_digest(uint64_t h, const void *p, size_t len)
{
	const unsigned char *b = p;

	for (; len > 0; len--)
		h = (h ^ *b++) * UINT64_C(0x100000001b3);
	return h;
}

void
call_report(struct call *c, struct dialog *d, int64_t now)
{
	struct sip *sip = c->sip;
	const struct sip_refusal *r;
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	if (!dialog_is_open(c, d) || d->side[CALLER] == NULL ||
	    d->side[CALLEE] == NULL)
		return;
	plan_sides(c, d->side);
	for (i = 0; i < sip->plan.nrefusals; i++) {
		r = &sip->plan.refusals[i];
		h = refusal_digest(h, &r->src, sizeof(r->src));
		h = refusal_digest(h, &r->dst, sizeof(r->dst));
		h = refusal_digest(h, &r->dport, sizeof(r->dport));
		h = refusal_digest(h, &r->reason, sizeof(r->reason));
	}
	if (h == d->refused)
		return;
	d->refused = h;
	for (i = 0; i < sip->plan.nrefusals; i++)
		sip->sink.refuse(sip->sink.ctx, call_id_of(c),
		    &sip->plan.refusals[i], now);
}
