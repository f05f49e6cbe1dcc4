/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "sip/mentions.h"
#include "sip/state.h"
#include "src/base/wire.h"

/*
 * A call as bytes, big-endian, lengths before contents.  The version changes
 * with the layout; what another version wrote is refused, and its pinholes
 * close.  Shared sides are written once per reference.
 */
#define EXPORT_VERSION 5

/* How far another machine's numbers of transactions may be ahead of ours. */
#define SERIAL_AHEAD (UINT64_C(1) << 32)

static void
put_span(struct writer *w, struct span s)
{
	writer_u16(w, (uint16_t)s.len);
	writer_copy(w, s.p, s.len);
}

static void
put_media(struct writer *w, const struct sdp_media *m)
{
	size_t i;

	writer_u8(w, m->fault);
	writer_u8(w, m->kind);
	writer_addr(w, &m->addr);
	writer_u16(w, m->port);
	writer_u16(w, m->nports);
	writer_addr(w, &m->rtcp.addr);
	writer_u16(w, m->rtcp.port);
	writer_u8(w, m->rtcp_mux);
	writer_u8(w, m->rtcp_mux_only);
	writer_u8(w, m->bundle_only);
	writer_u8(w, m->ice);
	writer_u8(w, m->in_bundle);
	writer_u8(w, m->bundle_first);
	writer_u8(w, m->bundle);
	writer_u8(w, m->mode);
	writer_u8(w, m->setup);
	writer_u16(w, m->repeated);
	writer_u8(w, m->ncandidates);
	for (i = 0; i < m->ncandidates; i++) {
		writer_addr(w, &m->candidates[i].addr);
		writer_u16(w, m->candidates[i].port);
		writer_u8(w, m->candidates[i].component);
		writer_u8(w, m->candidates[i].tcp);
	}
}

static void
put_side(struct writer *w, const struct sdp_side *side)
{
	size_t i;

	writer_u8(w, side != NULL);
	if (side == NULL)
		return;
	writer_addr(w, &side->speaker);
	writer_u8(w, side->n);
	writer_u8(w, side->more);
	for (i = 0; i < side->n; i++)
		put_media(w, &side->media[i]);
}

static void
put_past(struct writer *w, const struct past *p)
{
	writer_u64(w, (uint64_t)p->until);
	if (p->until == 0)
		return;
	put_side(w, p->side[CALLER]);
	put_side(w, p->side[CALLEE]);
}

static void
put_dialog(struct writer *w, const struct dialog *d)
{
	static const struct past none;
	static const struct late no_late;
	const struct late *late = d->late != NULL ? d->late : &no_late;
	int i;

	put_span(w, dialog_tag_of(d));
	writer_u8(w, d->state);
	writer_u64(w, d->origin);
	writer_u64(w, d->answered);
	writer_u64(w, d->updated);
	for (i = 0; i < 2; i++) {
		put_side(w, d->side[i]);
		writer_addr(w, &d->contact[i]);
	}
	for (i = 0; i < SIP_MAX_PAST; i++)
		put_past(w, d->past != NULL ? &d->past[i] : &none);
	put_side(w, late->side);
	writer_u32(w, late->cseq);
	writer_u32(w, late->rseq);
	writer_u8(w, late->role);
	writer_u64(w, (uint64_t)late->until);
	writer_u64(w, (uint64_t)d->early_until);
	writer_u8(w, d->early_over);
	writer_u64(w, (uint64_t)d->drop_at);
	writer_u64(w, (uint64_t)d->session_until);
	writer_u32(w, d->session_s);
	writer_u64(w, d->refused);
}

static void
put_txn(struct writer *w, const struct call *c, const struct txn *t)
{
	const struct dialog *d;
	uint8_t index = 0;

	/* 0: outside a dialog, else its place in the list. */
	if (t->dlg != NULL)
		TAILQ_FOREACH(d, &c->dialogs, entry) {
			index++;
			if (d == t->dlg)
				break;
		}
	writer_u8(w, index);
	writer_u64(w, t->serial);
	writer_u8(w, t->method);
	writer_u32(w, t->cseq);
	put_span(w, txn_branch_of(t));
	writer_u8(w, t->role);
	writer_addr(w, &t->src);
	writer_addr(w, &t->dst);
	writer_addr(w, &t->contact);
	put_side(w, t->offer);
	put_side(w, t->answer);
	writer_u8(w, t->bad);
	writer_u8(w, t->cancelled);
	writer_u8(w, t->done);
	writer_u8(w, t->refused);
	writer_u64(w, (uint64_t)t->began);
	writer_u64(w, (uint64_t)t->until);
}

enum ph_err
sip_export(const struct sip *sip, uint64_t id, void *buf, size_t size,
    size_t *len)
{
	struct call *c = call_by_id(sip, id);
	struct writer w = writer_of(buf, size);
	struct dialog *d;
	struct txn *t;

	/* A call that is over is not exported. */
	if (c == NULL || c->dead)
		return PH_EBAD;
	writer_u8(&w, EXPORT_VERSION);
	writer_u64(&w, c->id);
	put_span(&w, call_id_of(c));
	put_span(&w, call_tag_of(c));
	writer_addr(&w, &c->addr[CALLER]);
	writer_addr(&w, &c->addr[CALLEE]);
	writer_u8(&w, c->accepted);
	writer_u8(&w, c->dead);
	writer_u64(&w, (uint64_t)c->setup_until);
	writer_u64(&w, (uint64_t)c->max_until);
	/* Here was the time to forget a dead call, always 0. */
	writer_u64(&w, (uint64_t)c->began);
	writer_u8(&w, c->ndialogs);
	TAILQ_FOREACH(d, &c->dialogs, entry)
		put_dialog(&w, d);
	writer_u8(&w, c->ntxns);
	TAILQ_FOREACH(t, &c->txns, entry)
		put_txn(&w, c, t);
	if (w.full)
		return PH_ELIMIT;
	*len = w.len;
	return PH_OK;
}

/* Everything below reads with a sticky error; see src/base/wire.h. */

static int64_t
get_time(struct cursor *r)
{
	uint64_t v = cursor_u64(r);

	if (v > INT64_MAX) {
		r->bad = true;
		return 0;
	}
	return (int64_t)v;
}

static struct span
get_span(struct cursor *r)
{
	size_t n = cursor_u16(r);

	if (n > SIP_MAX_TAG)
		r->bad = true;
	return cursor_span(r, r->bad ? 0 : n);
}

static void
get_media(struct cursor *r, struct sdp_media *m)
{
	size_t i;

	m->fault = cursor_enum(r, SDP_FAULT_SYNTAX);
	m->kind = cursor_enum(r, SDP_OTHER);
	m->addr = cursor_addr(r);
	m->port = cursor_u16(r);
	m->nports = cursor_u16(r);
	m->rtcp.addr = cursor_addr(r);
	m->rtcp.port = cursor_u16(r);
	m->rtcp_mux = cursor_bool(r);
	m->rtcp_mux_only = cursor_bool(r);
	m->bundle_only = cursor_bool(r);
	m->ice = cursor_bool(r);
	m->in_bundle = cursor_bool(r);
	m->bundle_first = cursor_bool(r);
	m->bundle = cursor_u8(r);
	m->mode = cursor_enum(r, SDP_INACTIVE);
	m->setup = cursor_enum(r, SDP_HOLDCONN);
	m->repeated = cursor_u16(r);
	m->ncandidates = cursor_enum(r, SDP_MAX_CANDIDATES);
	memset(m->candidates, 0, m->ncandidates * sizeof(m->candidates[0]));
	for (i = 0; i < m->ncandidates; i++) {
		m->candidates[i].addr = cursor_addr(r);
		m->candidates[i].port = cursor_u16(r);
		m->candidates[i].component = cursor_u8(r);
		m->candidates[i].tcp = cursor_bool(r);
	}
	/* The scanner's own promise, which the policy's sums rely on. */
	if (m->fault == SDP_OK && m->port != 0 &&
	    (m->nports == 0 || m->nports > 128 ||
		m->port + 2u * m->nports - 1 > UINT16_MAX + 1u))
		r->bad = true;
}

/* No message is at hand: what was parsed last is needed no more. */
static struct sdp_side *
get_side(struct cursor *r, struct sip *sip)
{
	struct sdp *sdp = &sip->sdp;
	struct addr speaker;
	struct sdp_side *side;
	uint8_t i, n;

	if (!cursor_bool(r) || r->bad)
		return NULL;
	speaker = cursor_addr(r);
	n = cursor_enum(r, SDP_MAX_MEDIA);
	sdp->more = cursor_bool(r);
	memset(sdp->media, 0, n * sizeof(sdp->media[0]));
	for (i = 0; i < n && !r->bad; i++) {
		sdp->media[i].candidates = sdp->candidates[i];
		get_media(r, &sdp->media[i]);
	}
	if (r->bad ||
	    (side = sdp_side_new(sdp->media, n, sdp->more, &speaker)) == NULL) {
		r->bad = true;
		return NULL;
	}
	return side;
}

/* The number of a transaction, which no later one must have. */
static uint64_t
get_serial(struct cursor *r, struct sip *sip)
{
	uint64_t serial = cursor_u64(r);

	if (serial > sip->serial_max) {
		r->bad = true;
		return 0;
	}
	if (!r->bad && sip->next_serial <= serial)
		sip->next_serial = serial + 1;
	return serial;
}

/* The deadline, but at most `seconds` from now; also if none is set. */
static int64_t
deadline_within(int64_t at, int64_t now, uint32_t seconds)
{
	int64_t latest = now + seconds * USEC_PER_SEC;

	return at > 0 && at < latest ? at : latest;
}

static void
get_past(struct cursor *r, struct sip *sip, struct dialog *d, int i)
{
	int64_t until = get_time(r);
	struct past *p;

	if (until == 0)
		return;
	if (past_slots(d) == NULL) {
		r->bad = true;
		return;
	}
	p = &d->past[i];
	p->until = until;
	p->side[CALLER] = get_side(r, sip);
	p->side[CALLEE] = get_side(r, sip);
	if (p->side[CALLER] == NULL || p->side[CALLEE] == NULL)
		r->bad = true;
}

static void
get_dialog(struct cursor *r, struct call *c, int64_t now)
{
	struct dialog *d = dialog_new(c, get_span(r), 0, false);
	struct late late;
	int i;

	if (d == NULL) {
		r->bad = true;
		return;
	}
	dialog_enter(c, d, cursor_enum(r, DIALOG_ENDED));
	d->origin = get_serial(r, c->sip);
	d->answered = get_serial(r, c->sip);
	d->updated = get_serial(r, c->sip);
	for (i = 0; i < 2; i++) {
		d->side[i] = get_side(r, c->sip);
		d->contact[i] = cursor_addr(r);
	}
	for (i = 0; i < SIP_MAX_PAST; i++)
		get_past(r, c->sip, d, i);
	late.side = get_side(r, c->sip);
	late.cseq = cursor_u32(r);
	late.rseq = cursor_u32(r);
	late.role = cursor_enum(r, CALLEE);
	late.until = get_time(r);
	if (late.side != NULL && !late_begin(d, &late))
		r->bad = true;
	d->early_until = deadline_within(get_time(r), now,
	    SIP_EARLY_SETUPS * c->sip->config.timeout_setup);
	d->early_over = cursor_bool(r);
	d->drop_at = get_time(r);
	d->session_until = get_time(r);
	d->session_s = cursor_u32(r);
	d->refused = cursor_u64(r);
}

static void
get_txn(struct cursor *r, struct call *c, int64_t now)
{
	uint8_t index = cursor_enum(r, SIP_MAX_DIALOGS);
	uint64_t serial = get_serial(r, c->sip);
	enum sip_method method = cursor_enum(r, SIP_UPDATE);
	uint32_t cseq = cursor_u32(r);
	struct txn *t = txn_new(c, method, cseq, get_span(r));
	struct dialog *d = NULL;

	if (t == NULL) {
		r->bad = true;
		return;
	}
	t->serial = serial;
	if (index > 0) {
		d = TAILQ_FIRST(&c->dialogs);
		while (d != NULL && --index > 0)
			d = TAILQ_NEXT(d, entry);
		if (d == NULL)
			r->bad = true;
	}
	t->dlg = d;
	t->role = cursor_enum(r, CALLEE);
	t->src = cursor_addr(r);
	t->dst = cursor_addr(r);
	t->contact = cursor_addr(r);
	t->offer = get_side(r, c->sip);
	t->answer = get_side(r, c->sip);
	t->bad = cursor_enum(r, REASON_COUNT - 1);
	t->cancelled = cursor_bool(r);
	t->done = cursor_bool(r);
	t->refused = cursor_bool(r);
	t->began = get_time(r);
	if (t->began > now)
		t->began = now;
	t->until = get_time(r);
	/* Only the caller speaks outside a dialog, and only to invite. */
	if (t->dlg == NULL && (t->role != CALLER || t->method != SIP_INVITE))
		r->bad = true;
}

static void
get_call(struct cursor *r, struct call *c, int64_t now)
{
	uint8_t i, n;

	/*
	 * Only dead calls are forgotten by time, and dead calls are not
	 * imported.
	 */
	c->setup_until =
	    deadline_within(get_time(r), now, c->sip->config.timeout_setup);
	c->max_until =
	    deadline_within(get_time(r), now, c->sip->config.timeout_max);
	c->began = get_time(r);
	if (c->began == 0 || c->began > now)
		c->began = now;
	n = cursor_enum(r, SIP_MAX_DIALOGS);
	for (i = 0; i < n && !r->bad; i++)
		get_dialog(r, c, now);
	n = cursor_enum(r, SIP_MAX_TXNS);
	for (i = 0; i < n && !r->bad; i++)
		get_txn(r, c, now);
	if (cursor_left(r) != 0)
		r->bad = true;
}

enum ph_err
sip_export_names(const void *buf, size_t len, uint64_t *id,
    struct span *call_id)
{
	struct cursor r = cursor_of(buf, len);

	if (cursor_u8(&r) != EXPORT_VERSION)
		return PH_EMALFORMED;
	*id = cursor_u64(&r);
	*call_id = get_span(&r);
	if (r.bad || *id == 0 || *id == UINT64_MAX || call_id->len == 0)
		return PH_EMALFORMED;
	return PH_OK;
}

/*
 * The protected side's mentions come first, for the export does not contain
 * which side was first.
 */
static void
adopt_mentions(struct call *c)
{
	struct dialog *d;
	struct txn *t;
	int i;

	for (i = 0; i < 2; i++) {
		enum role role = i == 0 ? call_inside(c) : !call_inside(c);

		TAILQ_FOREACH(d, &c->dialogs, entry)
			mentions_adopt(c, d->side[role]);
		TAILQ_FOREACH(t, &c->txns, entry)
			mentions_adopt(c,
			    t->role == role ? t->offer : t->answer);
	}
	TAILQ_FOREACH(d, &c->dialogs, entry)
		mentions_adopt(c, d->late != NULL ? d->late->side : NULL);
}

enum ph_err
sip_export_key(const void *buf, size_t len, struct span *names)
{
	struct cursor r = cursor_of(buf, len);
	struct span call_id;
	uint64_t id;
	size_t begin;

	if (sip_export_names(buf, len, &id, &call_id) != PH_OK)
		return PH_EMALFORMED;
	begin = 1 + 8;
	cursor_skip(&r, begin + 2 + call_id.len);
	(void)get_span(&r);
	(void)cursor_addr(&r);
	(void)cursor_addr(&r);
	if (r.bad)
		return PH_EMALFORMED;
	names->p = (const char *)buf + begin;
	names->len = r.pos - begin;
	return PH_OK;
}

/* The names of an exported call, read and believed as far as possible. */
struct names {
	uint64_t id; /* where it was exported */
	struct span call_id, tag;
	struct addr caller, callee;
	bool accepted;
};

static enum ph_err
get_names(struct cursor *r, const struct sip *sip, struct names *n)
{
	const struct sip_policy *p = &sip->config.policy;
	bool dead;

	if (sip_export_names(r->p, r->len, &n->id, &n->call_id) != PH_OK)
		return PH_EMALFORMED;
	cursor_skip(r, 1 + 8 + 2 + n->call_id.len);
	n->tag = get_span(r);
	n->caller = cursor_addr(r);
	n->callee = cursor_addr(r);
	n->accepted = cursor_bool(r);
	dead = cursor_bool(r);
	if (r->bad || n->caller.af == AF_UNSPEC || n->callee.af == AF_UNSPEC)
		return PH_EMALFORMED;
	/* A call that is over is not exported. */
	if (dead)
		return PH_EGONE;
	/* The configuration may have changed meanwhile. */
	if (!sip_policy_protects(p, &n->caller) &&
	    !sip_policy_protects(p, &n->callee))
		return PH_EUNSUPPORTED;
	return PH_OK;
}

/* The call behind its names; `id` 0: a new one. */
static enum ph_err
import_call(struct sip *sip, struct cursor *r, const struct names *n,
    uint64_t id, int64_t now, struct call **out)
{
	struct call *c;

	if (sip->n.calls >= sip->config.limit_calls ||
	    (c = call_new(sip, n->call_id, n->tag, &n->caller, &n->callee,
		 now)) == NULL)
		return PH_ELIMIT;
	if (id != 0 && call_set_id(c, id) != PH_OK) {
		call_free(c);
		return PH_ENOMEM;
	}
	if (n->accepted)
		call_accept(c, now);
	get_call(r, c, now);
	if (r->bad) {
		call_free(c);
		return PH_EMALFORMED;
	}
	adopt_mentions(c);
	if (c->ndialogs > 0)
		call_rings(c);
	*out = c;
	return PH_OK;
}

enum ph_err
sip_import(struct sip *sip, const void *buf, size_t len, int64_t now)
{
	struct cursor r = cursor_of(buf, len);
	struct names n;
	struct call *c;
	enum ph_err rc;

	sip->serial_max = INT64_MAX;
	if ((rc = get_names(&r, sip, &n)) != PH_OK)
		return rc;
	if (call_by_id(sip, n.id) != NULL ||
	    call_find(sip, n.call_id, n.tag, &n.caller, &n.callee) != NULL)
		return PH_EEXIST;
	if ((rc = import_call(sip, &r, &n, n.id, now, &c)) != PH_OK)
		return rc;
	/*
	 * The SDP is the same as before: a pinhole that is no longer wanted is
	 * one that the policy now forbids.
	 */
	call_update(c, REASON_ANSWER, REASON_POLICY, now);
	return PH_OK;
}

enum ph_err
sip_import_peer(struct sip *sip, const void *buf, size_t len, bool fresh,
    int64_t now, uint64_t *id)
{
	static uint8_t before[SIP_EXPORT_MAX]; /* too big for the stack */
	struct cursor r = cursor_of(buf, len), back;
	struct names n, was;
	struct call *c;
	size_t nbefore = 0;
	enum ph_err rc;

	sip->serial_max = sip->next_serial + SERIAL_AHEAD;
	*id = 0;
	if ((rc = get_names(&r, sip, &n)) != PH_OK)
		return rc;
	c = call_find(sip, n.call_id, n.tag, &n.caller, &n.callee);
	if (c != NULL) {
		*id = c->id;
		if (c->dead || fresh)
			return c->dead ? PH_EGONE : PH_OK;
		if ((rc = sip_export(sip, c->id, before, sizeof(before),
			 &nbefore)) != PH_OK)
			return rc;
		call_free(c);
	}
	rc = import_call(sip, &r, &n, *id, now, &c);
	if (rc != PH_OK && nbefore > 0) {
		back = cursor_of(before, nbefore);
		sip->serial_max = INT64_MAX;
		if (get_names(&back, sip, &was) == PH_OK)
			(void)import_call(sip, &back, &was, *id, now, &c);
	}
	if (rc != PH_OK)
		return rc;
	*id = c->id;
	call_update(c, REASON_ANSWER, REASON_REPLACED, now);
	return PH_OK;
}
