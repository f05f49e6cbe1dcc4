/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "sip/call.h"

/*
 * A call as bytes, big-endian, lengths before contents.  The version changes
 * with the layout; what another version wrote is refused, and its pinholes
 * close.  Shared halves are written once per reference.
 */
#define EXPORT_VERSION 4

struct writer {
	uint8_t *p;
	size_t size, len;
	bool full;
};

static void
put(struct writer *w, uint64_t v, size_t bytes)
{
	if (w->full || w->size - w->len < bytes) {
		w->full = true;
		return;
	}
	while (bytes-- > 0)
		w->p[w->len++] = (uint8_t)(v >> 8 * bytes);
}

static void
put_span(struct writer *w, struct span s)
{
	put(w, s.len, 2);
	if (w->full || w->size - w->len < s.len) {
		w->full = true;
		return;
	}
	if (s.len > 0)
		memcpy(w->p + w->len, s.p, s.len);
	w->len += s.len;
}

/* Families by number of the wire's own: AF_INET6 differs between systems. */
static void
put_addr(struct writer *w, const struct addr *a)
{
	size_t i, n = addr_bytes(a->af);

	put(w, n, 1);
	for (i = 0; i < n; i++)
		put(w, a->b[i], 1);
}

static void
put_media(struct writer *w, const struct sdp_media *m)
{
	size_t i;

	put(w, m->fault, 1);
	put(w, m->kind, 1);
	put_addr(w, &m->addr);
	put(w, m->port, 2);
	put(w, m->nports, 2);
	put_addr(w, &m->rtcp.addr);
	put(w, m->rtcp.port, 2);
	put(w, m->rtcp_mux, 1);
	put(w, m->rtcp_mux_only, 1);
	put(w, m->bundle_only, 1);
	put(w, m->ice, 1);
	put(w, m->in_bundle, 1);
	put(w, m->bundle_first, 1);
	put(w, m->bundle, 1);
	put(w, m->mode, 1);
	put(w, m->setup, 1);
	put(w, m->ncandidates, 1);
	for (i = 0; i < m->ncandidates; i++) {
		put_addr(w, &m->candidates[i].addr);
		put(w, m->candidates[i].port, 2);
		put(w, m->candidates[i].component, 1);
		put(w, m->candidates[i].tcp, 1);
	}
}

static void
put_half(struct writer *w, const struct half *h)
{
	size_t i;

	put(w, h != NULL, 1);
	if (h == NULL)
		return;
	put_addr(w, &h->speaker);
	put(w, h->n, 1);
	put(w, h->more, 1);
	for (i = 0; i < h->n; i++)
		put_media(w, &h->media[i]);
}

static void
put_dialog(struct writer *w, const struct dialog *d)
{
	int i;

	put_span(w, d->tag);
	put(w, d->state, 1);
	put(w, d->origin, 8);
	put(w, d->answered, 8);
	put(w, d->updated, 8);
	for (i = 0; i < 2; i++) {
		put_half(w, d->half[i]);
		put_addr(w, &d->contact[i]);
	}
	for (i = 0; i < SIP_MAX_PAST; i++) {
		put(w, (uint64_t)d->past[i].until, 8);
		if (d->past[i].until == 0)
			continue;
		put_half(w, d->past[i].half[CALLER]);
		put_half(w, d->past[i].half[CALLEE]);
	}
	put_half(w, d->late);
	put(w, d->late_cseq, 4);
	put(w, d->late_rseq, 4);
	put(w, d->late_role, 1);
	put(w, (uint64_t)d->late_until, 8);
	put(w, (uint64_t)d->early_until, 8);
	put(w, d->early_over, 1);
	put(w, (uint64_t)d->drop_at, 8);
	put(w, (uint64_t)d->session_until, 8);
	put(w, d->session_s, 4);
	put(w, d->refused, 8);
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
	put(w, index, 1);
	put(w, t->serial, 8);
	put(w, t->method, 1);
	put(w, t->cseq, 4);
	put_span(w, t->branch);
	put(w, t->role, 1);
	put_addr(w, &t->src);
	put_addr(w, &t->dst);
	put_addr(w, &t->contact);
	put_half(w, t->offer);
	put_half(w, t->answer);
	put(w, t->bad, 1);
	put(w, t->cancelled, 1);
	put(w, t->done, 1);
	put(w, t->refused, 1);
	put(w, (uint64_t)t->began, 8);
	put(w, (uint64_t)t->until, 8);
}

enum ph_err
sip_export(const struct sip *sip, uint64_t id, void *buf, size_t size,
    size_t *len)
{
	struct call *c = call_by_id((struct sip *)(uintptr_t)sip, id);
	struct writer w = { buf, size, 0, false };
	struct dialog *d;
	struct txn *t;

	if (c == NULL)
		return PH_EBAD;
	put(&w, EXPORT_VERSION, 1);
	put(&w, c->id, 8);
	put_span(&w, c->call_id);
	put_span(&w, c->caller_tag);
	put_addr(&w, &c->addr[CALLER]);
	put_addr(&w, &c->addr[CALLEE]);
	put(&w, c->accepted, 1);
	put(&w, c->dead, 1);
	put(&w, (uint64_t)c->setup_until, 8);
	put(&w, (uint64_t)c->max_until, 8);
	put(&w, (uint64_t)c->forget_at, 8);
	put(&w, c->ndialogs, 1);
	TAILQ_FOREACH(d, &c->dialogs, entry)
		put_dialog(&w, d);
	put(&w, c->ntxns, 1);
	TAILQ_FOREACH(t, &c->txns, entry)
		put_txn(&w, c, t);
	if (w.full)
		return PH_ELIMIT;
	*len = w.len;
	return PH_OK;
}

/* Everything below reads with a sticky error; see cursor in span.h. */

static bool
get_bool(struct cursor *r)
{
	uint8_t v = cursor_u8(r);

	if (v > 1)
		r->bad = true;
	return v == 1;
}

static uint8_t
get_enum(struct cursor *r, uint8_t max)
{
	uint8_t v = cursor_u8(r);

	if (v > max) {
		r->bad = true;
		return 0;
	}
	return v;
}

static struct addr
get_addr(struct cursor *r)
{
	struct addr a = { 0 };
	uint8_t n = cursor_u8(r);

	if (n != 0 && n != 4 && n != 16)
		r->bad = true;
	if (r->bad || n == 0)
		return a;
	cursor_copy(r, a.b, n);
	a.af = n == 4 ? AF_INET : AF_INET6;
	return a;
}

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

	m->fault = get_enum(r, SDP_FAULT_SYNTAX);
	m->kind = get_enum(r, SDP_OTHER);
	m->addr = get_addr(r);
	m->port = cursor_u16(r);
	m->nports = cursor_u16(r);
	m->rtcp.addr = get_addr(r);
	m->rtcp.port = cursor_u16(r);
	m->rtcp_mux = get_bool(r);
	m->rtcp_mux_only = get_bool(r);
	m->bundle_only = get_bool(r);
	m->ice = get_bool(r);
	m->in_bundle = get_bool(r);
	m->bundle_first = get_bool(r);
	m->bundle = cursor_u8(r);
	m->mode = get_enum(r, SDP_INACTIVE);
	m->setup = get_enum(r, SDP_HOLDCONN);
	m->ncandidates = get_enum(r, SDP_MAX_CANDIDATES);
	for (i = 0; i < m->ncandidates; i++) {
		m->candidates[i].addr = get_addr(r);
		m->candidates[i].port = cursor_u16(r);
		m->candidates[i].component = cursor_u8(r);
		m->candidates[i].tcp = get_bool(r);
	}
	/* The scanner's own promise, which the policy's sums rely on. */
	if (m->fault == SDP_OK && m->port != 0 &&
	    (m->nports == 0 || m->nports > 128 ||
		m->port + 2u * m->nports - 1 > UINT16_MAX + 1u))
		r->bad = true;
}

static struct half *
get_half(struct cursor *r)
{
	struct addr speaker;
	struct half *h;
	uint8_t i, n;

	if (!get_bool(r) || r->bad)
		return NULL;
	speaker = get_addr(r);
	n = get_enum(r, SDP_MAX_MEDIA);
	if (r->bad || (h = half_alloc(n)) == NULL) {
		r->bad = true;
		return NULL;
	}
	h->speaker = speaker;
	h->more = get_bool(r);
	for (i = 0; i < n; i++)
		get_media(r, &h->media[i]);
	return h;
}

/* The number of a transaction, which no later one must have. */
static uint64_t
get_serial(struct cursor *r, struct sip *sip)
{
	uint64_t serial = cursor_u64(r);

	if (serial > INT64_MAX) {
		r->bad = true;
		return 0;
	}
	if (!r->bad && sip->next_serial <= serial)
		sip->next_serial = serial + 1;
	return serial;
}

/* A deadline that is set, and no further off than it could be. */
static int64_t
within(int64_t at, int64_t now, uint32_t seconds)
{
	int64_t latest = now + seconds * USEC_PER_SEC;

	return at > 0 && at < latest ? at : latest;
}

static void
get_past(struct cursor *r, struct past *p)
{
	if ((p->until = get_time(r)) == 0)
		return;
	p->half[CALLER] = get_half(r);
	p->half[CALLEE] = get_half(r);
	if (p->half[CALLER] == NULL || p->half[CALLEE] == NULL)
		r->bad = true;
}

static void
get_dialog(struct cursor *r, struct call *c, int64_t now)
{
	struct dialog *d = dialog_new(c, get_span(r), 0, false);
	int i;

	if (d == NULL) {
		r->bad = true;
		return;
	}
	d->state = get_enum(r, DIALOG_ENDED);
	d->origin = get_serial(r, c->sip);
	d->answered = get_serial(r, c->sip);
	d->updated = get_serial(r, c->sip);
	for (i = 0; i < 2; i++) {
		d->half[i] = get_half(r);
		d->contact[i] = get_addr(r);
	}
	for (i = 0; i < SIP_MAX_PAST; i++)
		get_past(r, &d->past[i]);
	d->late = get_half(r);
	d->late_cseq = cursor_u32(r);
	d->late_rseq = cursor_u32(r);
	d->late_role = get_enum(r, CALLEE);
	d->late_until = get_time(r);
	d->early_until = within(get_time(r), now,
	    SIP_EARLY_SETUPS * c->sip->config.timeout_setup);
	d->early_over = get_bool(r);
	d->drop_at = get_time(r);
	d->session_until = get_time(r);
	d->session_s = cursor_u32(r);
	d->refused = cursor_u64(r);
}

static void
get_txn(struct cursor *r, struct call *c, int64_t now)
{
	uint8_t index = get_enum(r, SIP_MAX_DIALOGS);
	uint64_t serial = get_serial(r, c->sip);
	enum sip_method method = get_enum(r, SIP_UPDATE);
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
	t->role = get_enum(r, CALLEE);
	t->src = get_addr(r);
	t->dst = get_addr(r);
	t->contact = get_addr(r);
	t->offer = get_half(r);
	t->answer = get_half(r);
	t->bad = get_enum(r, REASON_COUNT - 1);
	t->cancelled = get_bool(r);
	t->done = get_bool(r);
	t->refused = get_bool(r);
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

	/* Only the dead are forgotten by time, and they are not taken. */
	c->setup_until = within(get_time(r), now, c->sip->config.timeout_setup);
	c->max_until = within(get_time(r), now, c->sip->config.timeout_max);
	(void)get_time(r);
	n = get_enum(r, SIP_MAX_DIALOGS);
	for (i = 0; i < n && !r->bad; i++)
		get_dialog(r, c, now);
	n = get_enum(r, SIP_MAX_TXNS);
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

enum ph_err
sip_import(struct sip *sip, const void *buf, size_t len, int64_t now)
{
	const struct sip_policy *p = &sip->config.policy;
	struct cursor r = cursor_of(buf, len);
	struct addr caller, callee;
	struct span call_id, tag;
	bool accepted, dead;
	struct call *c;
	uint64_t id;

	if (sip_export_names(buf, len, &id, &call_id) != PH_OK)
		return PH_EMALFORMED;
	cursor_skip(&r, 1 + 8 + 2 + call_id.len);
	tag = get_span(&r);
	caller = get_addr(&r);
	callee = get_addr(&r);
	accepted = get_bool(&r);
	dead = get_bool(&r);
	if (r.bad || caller.af == AF_UNSPEC || callee.af == AF_UNSPEC)
		return PH_EMALFORMED;
	/* What is over needs no memory of it in a new process. */
	if (dead)
		return PH_OK;
	/* The configuration may have changed meanwhile. */
	if (!sip_policy_protects(p, &caller) &&
	    !sip_policy_protects(p, &callee))
		return PH_EUNSUPPORTED;
	if (call_by_id(sip, id) != NULL ||
	    call_find(sip, call_id, tag, &caller, &callee) != NULL)
		return PH_EEXIST;
	if (sip->n.calls >= sip->config.limit_calls)
		return PH_ELIMIT;
	if ((c = call_new(sip, call_id, tag, &caller, &callee, now)) == NULL)
		return PH_ELIMIT;
	call_set_id(c, id);
	if (accepted)
		call_accept(c, now);
	get_call(&r, c, now);
	if (r.bad) {
		call_free(c);
		return PH_EMALFORMED;
	}
	if (c->ndialogs > 0)
		call_rings(c);
	call_update(c, REASON_ANSWER, REASON_REPLACED, now);
	return PH_OK;
}
