/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/export_play.h"

uint8_t bytes[SIP_EXPORT_MAX];
size_t nbytes;

/* A value that no other field has. */
static uint8_t
next_value(void)
{
	static uint8_t n;

	return n = n % 100 + 1;
}

static struct addr
next_addr(void)
{
	struct addr a = { 0 };
	int i;

	if (next_value() % 2 == 0)
		return addr_v4(203, 0, 113, next_value());
	a.af = AF_INET6;
	for (i = 0; i < 16; i++)
		a.b[i] = next_value();
	return a;
}

/* A stream with all its flags set if `on`, and `n` candidates. */
static struct sdp_media
media_of(bool on, struct sdp_candidate *candidates, uint8_t n)
{
	struct sdp_media m = { 0 };
	uint8_t i;

	m.fault = on ? SDP_OK : SDP_FAULT_SYNTAX;
	m.kind = on ? SDP_OTHER : SDP_TCP;
	m.addr = next_addr();
	m.port = 2000 + next_value();
	m.nports = next_value();
	m.rtcp.addr = next_addr();
	m.rtcp.port = 3000 + next_value();
	m.rtcp_mux = m.bundle_only = m.in_bundle = on;
	m.rtcp_mux_only = m.ice = m.bundle_first = !on;
	m.bundle = 100 + next_value();
	m.mode = on ? SDP_INACTIVE : SDP_SENDONLY;
	m.setup = on ? SDP_HOLDCONN : SDP_PASSIVE;
	m.repeated = 0x8100 + next_value();
	m.ncandidates = n;
	m.candidates = candidates;
	for (i = 0; i < n; i++) {
		candidates[i] = (struct sdp_candidate) { .addr = next_addr(),
			.port = 4000 + next_value(),
			.component = next_value(),
			.tcp = (i & 1) == on };
	}
	return m;
}

struct sdp_side *
side_of(struct addr speaker, uint8_t n)
{
	static struct sdp_candidate c[SDP_MAX_MEDIA][SDP_MAX_CANDIDATES];
	struct sdp_media media[SDP_MAX_MEDIA];
	struct sdp_side *side;
	uint8_t i;

	memset(c, 0, sizeof(c));
	for (i = 0; i < n; i++)
		media[i] =
		    media_of(i & 1, c[i], i == 0 ? SDP_MAX_CANDIDATES : i % 3);
	side = sdp_side_new(media, n, n & 1, &speaker);
	assert_non_null(side);
	return side;
}

/* An early call of an outsider, without dialogs and transactions. */
struct call *
call_of(struct world *w)
{
	struct addr caller = OUTSIDE, callee = INSIDE;
	struct call *c = call_new(w->sip, span_of("one@example"),
	    span_of("tag1"), &caller, &callee, NOW);

	assert_non_null(c);
	return c;
}

static void
fill_dialog(struct call *c, const char *tag, enum dialog_state state, bool on)
{
	struct dialog *d = dialog_new(c, span_of(tag), next_value(), false);
	struct late late;
	int i;

	assert_non_null(d);
	dialog_enter(c, d, state);
	d->answered = next_value();
	d->updated = next_value();
	d->side[CALLER] = on ? side_of(OUTSIDE, 3) : NULL;
	d->side[CALLEE] = on ? side_of(INSIDE, SDP_MAX_MEDIA) : NULL;
	for (i = 0; on && i < SIP_MAX_PAST; i += 3) {
		assert_non_null(past_slots(d));
		d->past[i].until = NOW + next_value();
		d->past[i].side[CALLER] = side_of(OUTSIDE, 1);
		d->past[i].side[CALLEE] = side_of(INSIDE, 2);
	}
	late.side = on ? side_of(INSIDE, 0) : side_of(next_addr(), 1);
	late.cseq = 0x80000000 + next_value();
	late.rseq = 0x90000000 + next_value();
	late.role = on ? CALLEE : CALLER;
	late.until = NOW + next_value();
	assert_true(late_begin(d, &late));
	d->contact[CALLER] = next_addr();
	d->contact[CALLEE] = next_addr();
	d->early_until = NOW + next_value();
	d->early_over = on;
	d->drop_at = NOW + next_value();
	d->session_until = NOW + next_value();
	d->session_s = 0xa0000000 + next_value();
	d->refused = UINT64_C(0xb000000000000000) + next_value();
}

static void
fill_txn(struct call *c, struct dialog *d, enum sip_method method,
    const char *branch, bool on)
{
	struct txn *t =
	    txn_new(c, method, 0xc0000000 + next_value(), span_of(branch));

	assert_non_null(t);
	t->serial = 1000 + next_value();
	t->role = d == NULL || on ? CALLER : CALLEE;
	t->src = next_addr();
	t->dst = next_addr();
	t->dlg = d;
	t->contact = next_addr();
	t->offer = on ? side_of(OUTSIDE, 1) : NULL;
	t->answer = on ? NULL : side_of(INSIDE, 2);
	t->bad = on ? REASON_COUNT - 1 : REASON_NONE;
	t->cancelled = t->refused = on;
	t->done = !on;
	t->began = NOW - next_value();
	t->until = NOW + next_value();
}

/* As full as a call can be. */
struct call *
full_call(struct world *w)
{
	static const char *const of[] = { "to2", "to7", "to15" };
	struct call *c = call_of(w);
	char tag[8];
	int i;

	c->setup_until = NOW + next_value();
	c->max_until = NOW + next_value();
	c->began = NOW - next_value();
	for (i = 0; i < SIP_MAX_DIALOGS; i++) {
		snprintf(tag, sizeof(tag), "to%d", i);
		fill_dialog(c, tag, (enum dialog_state)(i % DIALOG_STATES),
		    i == 1);
	}
	for (i = 0; i < SIP_MAX_TXNS; i++) {
		snprintf(tag, sizeof(tag), "br%d", i);
		fill_txn(c, i == 0 ? NULL : dialog_find(c, span_of(of[i % 3])),
		    i == 0 ? SIP_INVITE : SIP_UPDATE, tag, i % 3 == 0);
	}
	return c;
}

void
save(const struct world *w, uint64_t id)
{
	assert_int_equal(sip_export(w->sip, id, bytes, sizeof(bytes), &nbytes),
	    PH_OK);
}

static bool
side_eq(const struct sdp_side *a, const struct sdp_side *b)
{
	return a == NULL || b == NULL
	    ? a == b
	    : sdp_side_same(a, b) && a->more == b->more;
}

static void
same_dialogs(const struct dialog *a, const struct dialog *b)
{
	int i;

	assert_true(span_eq(dialog_tag_of(a), dialog_tag_of(b)));
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->origin, b->origin);
	assert_int_equal(a->answered, b->answered);
	assert_int_equal(a->updated, b->updated);
	for (i = 0; i < 2; i++) {
		assert_true(side_eq(a->side[i], b->side[i]));
		assert_true(addr_eq(&a->contact[i], &b->contact[i]));
	}
	assert_int_equal(a->past == NULL, b->past == NULL);
	for (i = 0; a->past != NULL && i < SIP_MAX_PAST; i++) {
		assert_int_equal(a->past[i].until, b->past[i].until);
		assert_true(side_eq(a->past[i].side[0], b->past[i].side[0]));
		assert_true(side_eq(a->past[i].side[1], b->past[i].side[1]));
	}
	assert_int_equal(a->late == NULL, b->late == NULL);
	if (a->late != NULL) {
		assert_true(side_eq(a->late->side, b->late->side));
		assert_int_equal(a->late->cseq, b->late->cseq);
		assert_int_equal(a->late->rseq, b->late->rseq);
		assert_int_equal(a->late->role, b->late->role);
		assert_int_equal(a->late->until, b->late->until);
	}
	assert_int_equal(a->early_until, b->early_until);
	assert_int_equal(a->early_over, b->early_over);
	assert_int_equal(a->drop_at, b->drop_at);
	assert_int_equal(a->session_until, b->session_until);
	assert_int_equal(a->session_s, b->session_s);
	assert_true(a->refused == b->refused);
}

static void
same_txns(const struct txn *a, const struct txn *b)
{
	assert_int_equal(a->serial, b->serial);
	assert_int_equal(a->method, b->method);
	assert_int_equal(a->cseq, b->cseq);
	assert_true(span_eq(txn_branch_of(a), txn_branch_of(b)));
	assert_int_equal(a->role, b->role);
	assert_true(addr_eq(&a->src, &b->src));
	assert_true(addr_eq(&a->dst, &b->dst));
	assert_int_equal(a->dlg == NULL, b->dlg == NULL);
	assert_true(a->dlg == NULL ||
	    span_eq(dialog_tag_of(a->dlg), dialog_tag_of(b->dlg)));
	assert_true(addr_eq(&a->contact, &b->contact));
	assert_true(side_eq(a->offer, b->offer));
	assert_true(side_eq(a->answer, b->answer));
	assert_int_equal(a->bad, b->bad);
	assert_int_equal(a->cancelled, b->cancelled);
	assert_int_equal(a->done, b->done);
	assert_int_equal(a->refused, b->refused);
	assert_int_equal(a->began, b->began);
	assert_int_equal(a->until, b->until);
}

void
same_calls(const struct call *a, const struct call *b)
{
	const struct dialog *da = TAILQ_FIRST(&a->dialogs);
	const struct dialog *db = TAILQ_FIRST(&b->dialogs);
	const struct txn *ta = TAILQ_FIRST(&a->txns);
	const struct txn *tb = TAILQ_FIRST(&b->txns);

	assert_true(span_eq(call_id_of(a), call_id_of(b)));
	assert_true(span_eq(call_tag_of(a), call_tag_of(b)));
	assert_true(addr_eq(&a->addr[0], &b->addr[0]));
	assert_true(addr_eq(&a->addr[1], &b->addr[1]));
	assert_memory_equal(a->protected, b->protected, sizeof(a->protected));
	assert_int_equal(a->accepted, b->accepted);
	assert_int_equal(a->setup_until, b->setup_until);
	assert_int_equal(a->max_until, b->max_until);
	assert_int_equal(a->began, b->began);
	assert_int_equal(a->ndialogs, b->ndialogs);
	for (; da != NULL && db != NULL;
	     da = TAILQ_NEXT(da, entry), db = TAILQ_NEXT(db, entry))
		same_dialogs(da, db);
	assert_true(da == NULL && db == NULL);
	assert_int_equal(a->ntxns, b->ntxns);
	for (; ta != NULL && tb != NULL;
	     ta = TAILQ_NEXT(ta, entry), tb = TAILQ_NEXT(tb, entry))
		same_txns(ta, tb);
	assert_true(ta == NULL && tb == NULL);
}

/* A call with a dialog and two transactions, one of them outside it. */
struct call *
small_call(struct world *w)
{
	struct call *c = call_of(w);
	struct dialog *d = dialog_new(c, span_of("to"), 1, false);

	assert_non_null(d);
	d->side[CALLER] = side_of(OUTSIDE, 1);
	d->side[CALLEE] = side_of(INSIDE, 1);
	assert_non_null(past_slots(d));
	d->past[SIP_MAX_PAST - 1].until = NOW + 1;
	d->past[SIP_MAX_PAST - 1].side[CALLER] = side_of(OUTSIDE, 1);
	d->past[SIP_MAX_PAST - 1].side[CALLEE] = side_of(INSIDE, 1);
	fill_txn(c, NULL, SIP_INVITE, "b1", true);
	fill_txn(c, d, SIP_UPDATE, "b2", false);
	c->max_until = NOW + 1;
	return c;
}
