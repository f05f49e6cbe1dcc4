/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "sip/mentions.h"
#include "sip/state.h"

/* A body that cannot be used, in an answer or in the offer it answers. */
static void
refuse_body(struct call *c, enum reason why, const struct addr *src,
    const struct addr *dst, int64_t now)
{
	struct sip_refusal r = { *src, *dst, 0, why };

	c->sip->sink.refuse(c->sip->sink.ctx, call_id_of(c), &r, now);
}

/*
 * An answer without a=setup: the offerer connects, unless it says that it
 * waits (RFC 4145 section 4.1).
 */
static void
answer_setup(const struct sdp_side *offer, struct sdp_side *answer)
{
	size_t i;

	for (i = 0; i < answer->n && i < offer->n; i++)
		if (answer->media[i].kind == SDP_TCP &&
		    answer->media[i].setup == SDP_SETUP_NONE)
			answer->media[i].setup =
			    offer->media[i].setup == SDP_PASSIVE ? SDP_ACTIVE
								 : SDP_PASSIVE;
}

/*
 * Offer and answer meet: the dialog's session is what the two say.  Consumes
 * both references.
 */
static void
dialog_agree(struct call *c, struct dialog *d, enum role offerer,
    struct sdp_side *offer, struct sdp_side *answer, enum reason why,
    int64_t now)
{
	struct sdp_side *side[2];
	int i;

	answer_setup(offer, answer);
	side[offerer] = offer;
	side[!offerer] = answer;
	for (i = 0; i < 2; i++)
		side[i] = body_keep_held(c->sip, side[i], d->side[i]);
	/* The same session again while the call rings changes nothing. */
	if (why == REASON_EARLY && d->side[CALLER] != NULL &&
	    sdp_side_same(d->side[CALLER], side[CALLER]) &&
	    sdp_side_same(d->side[CALLEE], side[CALLEE])) {
		c->sip->n.retransmissions++;
		sdp_side_unref(side[CALLER]);
		sdp_side_unref(side[CALLEE]);
		call_schedule(c, now);
		return;
	}
	if (why != REASON_REINVITE && why != REASON_UPDATE)
		past_expire(d, INT64_MAX);
	else if (d->state == DIALOG_CONFIRMED && d->side[CALLER] != NULL)
		past_keep(d, side, now + SIP_T_GRACE);
	for (i = 0; i < 2; i++) {
		sdp_side_unref(d->side[i]);
		d->side[i] = side[i];
	}
	call_update(c, why, REASON_REPLACED, now);
	call_report(c, d, now);
}

/* OPTIONS, INFO and the like only show that the dialog is in use. */
static void
other_request(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct in_dialog in;

	if (m->to_tag.len == 0)
		return;
	in = dialog_look_up(sip, d, m);
	if (in.dlg != NULL)
		dialog_alive(in.call, in.dlg, in.role, now);
}

static struct txn *
txn_begin(struct call *c, struct dialog *dlg, enum role role, int64_t now,
    const struct datagram *d, const struct sip_message *m)
{
	struct txn *t = txn_new(c, m->method, m->cseq, m->branch);
	struct body b;

	if (t == NULL)
		return NULL;
	t->dlg = dlg;
	t->role = role;
	t->began = now;
	t->src = d->src.addr;
	t->dst = d->dst.addr;
	t->contact = m->contact;
	body_read(c, false, d, m, &b);
	t->offer = b.side;
	t->bad = b.bad;
	return t;
}

/*
 * INVITEs that nobody has answered yet: the same offer is kept once, and of
 * many the last few.
 */
static void
thin_out(struct call *c, struct txn *last)
{
	struct txn *t, *oldest = NULL;
	unsigned int n = 0;

	TAILQ_FOREACH(t, &c->txns, entry) {
		if (t == last || t->dlg != NULL || t->done)
			continue;
		if (oldest == NULL)
			oldest = t;
		n++;
		if (t->offer != NULL && last->offer != NULL &&
		    t->offer != last->offer &&
		    sdp_side_same(t->offer, last->offer)) {
			sdp_side_unref(last->offer);
			last->offer = sdp_side_ref(t->offer);
		}
	}
	if (c->worth == WORTH_ASKED && n >= SIP_MAX_ASKED) {
		c->sip->n.limit_transactions++;
		txn_free(c, oldest);
	}
}

void
dialog_invite(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct mentions_kept kept = { NULL, 0 };
	struct call *c;
	struct txn *t;

	c = call_find(sip, m->call_id, m->from_tag, &d->src.addr, &d->dst.addr);
	if (c != NULL && txn_find(c, SIP_INVITE, m->cseq, m->branch) != NULL) {
		sip->n.retransmissions++;
		return;
	}
	if (c != NULL && c->dead) {
		/*
		 * The caller tries again after a challenge, or calls again
		 * after the end.
		 */
		mentions_keep(c, &kept);
		call_forget(c);
		c = NULL;
	}
	if (c == NULL) {
		c = call_new(sip, m->call_id, m->from_tag, &d->src.addr,
		    &d->dst.addr, now);
		mentions_give(c, &kept);
		if (c == NULL) {
			sip_misfit(sip, SIP_VERDICT_NO_ROOM);
			return;
		}
		sip->n.calls_total++;
	}
	if ((t = txn_begin(c, NULL, CALLER, now, d, m)) == NULL) {
		call_settle(c, now);
		call_schedule(c, now);
		return;
	}
	thin_out(c, t);
	call_schedule(c, now);
	call_changed(c, now);
}

/* INVITE and UPDATE within a dialog, and PRACK with an offer. */
static void
in_dialog_offer(struct call *c, struct dialog *dlg, enum role role, int64_t now,
    const struct datagram *d, const struct sip_message *m)
{
	struct txn *t;

	if (txn_find(c, m->method, m->cseq, m->branch) != NULL) {
		c->sip->n.retransmissions++;
		return;
	}
	if (dlg->state == DIALOG_ENDED ||
	    (t = txn_begin(c, dlg, role, now, d, m)) == NULL)
		return;
	t->until = now +
	    (m->method == SIP_INVITE
		    ? c->sip->config.timeout_setup * USEC_PER_SEC
		    : SIP_T_TRANSACTION);
	if (m->contact.af != AF_UNSPEC)
		dlg->contact[role] = m->contact;
	/* An answer with hold is a valid answer, but opens no port. */
	if (t->offer != NULL)
		t->offer = body_keep_held(c->sip, t->offer, dlg->side[role]);
	call_update(c,
	    m->method == SIP_INVITE ? REASON_REINVITE : REASON_UPDATE,
	    REASON_REPLACED, now);
}

/* The answer to an offer that a response made (late offer). */
static void
late_answer(struct call *c, struct dialog *dlg, enum role role, int64_t now,
    const struct datagram *d, const struct sip_message *m, enum reason why)
{
	struct sdp_side *offer;
	struct body b;

	body_read(c, false, d, m, &b);
	if (b.bad != REASON_NONE)
		refuse_body(c, b.bad, &d->src.addr, &d->dst.addr, now);
	if (b.side == NULL)
		return;
	offer = late_take(dlg);
	if (dlg->side[CALLER] != NULL)
		why = REASON_REINVITE;
	dialog_agree(c, dlg, !role, offer, b.side, why, now);
}

static void
ack_received(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct dialog *dlg;
	struct call *c;
	enum role role;
	struct txn *t;

	/*
	 * For a rejected INVITE: same branch, and that is the end of it, but
	 * that a proxy may yet repeat elsewhere what an outsider has named.
	 */
	c = call_find(sip, m->call_id, m->from_tag, &d->src.addr, &d->dst.addr);
	if (c != NULL && c->dead && !c->accepted && !mentions_has_outside(c) &&
	    (t = txn_find(c, SIP_INVITE, m->cseq, m->branch)) != NULL) {
		call_forget(c);
		return;
	}
	if ((dlg = dialog_of_request(sip, now, d, m, &c, &role)) == NULL)
		return;
	if (late_waits(dlg, role, m->cseq, now) &&
	    dlg->state == DIALOG_CONFIRMED)
		late_answer(c, dlg, role, now, d, m, REASON_ACK);
}

static void
prack_received(struct call *c, struct dialog *dlg, enum role role, int64_t now,
    const struct datagram *d, const struct sip_message *m)
{
	if (late_waits(dlg, role, m->rack_cseq, now) &&
	    m->rack_method == SIP_INVITE && dlg->late->rseq == m->rack_rseq)
		late_answer(c, dlg, role, now, d, m, REASON_EARLY);
	else if (m->body != SIP_BODY_NONE)
		in_dialog_offer(c, dlg, role, now, d, m);
}

static void
cancel_received(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct call *c;
	struct txn *t;

	/* Same branch and addresses as the INVITE: RFC 3261 section 9.1. */
	for (c = call_first(sip, m->call_id); c != NULL; c = call_next(c)) {
		t = txn_find(c, SIP_INVITE, m->cseq, m->branch);
		if (t == NULL || t->done || !addr_eq(&t->src, &d->src.addr) ||
		    !addr_eq(&t->dst, &d->dst.addr))
			continue;
		if (t->cancelled)
			return;
		t->cancelled = true;
		/*
		 * A 487 should come.  If it does not, the INVITE is over all
		 * the same after 64*T1, whatever provisional responses say.
		 */
		t->until = now + SIP_T_TRANSACTION;
		call_schedule(c, now);
		call_changed(c, now);
		return;
	}
}

void
dialog_request(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct dialog *dlg;
	enum role role;
	struct call *c;

	sip->n.requests++;
	if (m->method == SIP_OTHER) {
		other_request(sip, now, d, m);
		return;
	}
	if (m->method == SIP_CANCEL) {
		cancel_received(sip, now, d, m);
		return;
	}
	if (m->method == SIP_ACK) {
		ack_received(sip, now, d, m);
		return;
	}
	if (m->to_tag.len == 0) {
		if (m->method == SIP_INVITE)
			dialog_invite(sip, now, d, m);
		return;
	}
	if (m->method == SIP_BYE) {
		bye_request(sip, now, d, m);
		return;
	}
	if ((dlg = dialog_of_request(sip, now, d, m, &c, &role)) == NULL)
		return;
	switch (m->method) {
	case SIP_INVITE:
	case SIP_UPDATE:
		in_dialog_offer(c, dlg, role, now, d, m);
		break;
	case SIP_PRACK:
		prack_received(c, dlg, role, now, d, m);
		break;
	case SIP_OTHER:
	case SIP_ACK:
	case SIP_BYE:
	case SIP_CANCEL:
		break;
	}
}

/*
 * The transaction a response belongs to: branch, CSeq and tag, and it must go
 * back along the way the request came (section 17.1.3).
 */
static struct txn *
txn_of_response(struct sip *sip, const struct datagram *d,
    const struct sip_message *m, struct call **cp)
{
	bool has_call = false;
	struct call *c;
	struct txn *t;

	for (c = call_first(sip, m->call_id); c != NULL; c = call_next(c)) {
		has_call = true;
		if ((t = txn_find(c, m->method, m->cseq, m->branch)) == NULL)
			continue;
		if (!addr_eq(&t->dst, &d->src.addr) ||
		    !addr_eq(&t->src, &d->dst.addr))
			continue;
		if (!span_eq(m->from_tag,
			t->role == CALLER ? call_tag_of(c)
					  : dialog_tag_of(t->dlg)))
			continue;
		*cp = c;
		return t;
	}
	/* PRACK is followed only when it carries SDP. */
	if (has_call && m->status >= 180 && m->method != SIP_PRACK)
		sip_misfit(sip, SIP_VERDICT_FORGED);
	else
		sip_misfit(sip, SIP_VERDICT_UNMATCHED);
	return NULL;
}

static void
refresh_session(struct dialog *d, const struct sip_message *m, int64_t now)
{
	/* RFC 4028 section 10: gone without a refresh, and a little slack. */
	d->session_s = m->session_expires;
	d->session_until = d->session_s == 0
	    ? 0
	    : now + d->session_s * USEC_PER_SEC + SIP_T_TRANSACTION;
}

/* SDP in a response to INVITE, PRACK or UPDATE: an answer or a late offer. */
static void
response_body(struct call *c, struct dialog *dlg, struct txn *t, int64_t now,
    const struct datagram *d, const struct sip_message *m, enum reason why)
{
	struct body b;

	body_read(c, t->dlg == NULL, d, m, &b);
	if (t->bad != REASON_NONE && (b.side != NULL || b.bad != REASON_NONE))
		refuse_body(c, t->bad, &t->src, &t->dst, now);
	else if (b.bad != REASON_NONE)
		refuse_body(c, b.bad, &d->src.addr, &d->dst.addr, now);
	if (b.side == NULL || t->bad != REASON_NONE) {
		sdp_side_unref(b.side);
		call_update(c, why, REASON_REPLACED, now);
		return;
	}
	if (t->offer != NULL) {
		if (t->method != SIP_INVITE)
			dlg->updated = t->serial;
		dialog_agree(c, dlg, t->role, sdp_side_ref(t->offer), b.side,
		    why, now);
		return;
	}
	/* RFC 3264 section 5 with RFC 3261 section 13.2.1: offer in 2xx. */
	(void)late_begin(dlg,
	    &(struct late) { b.side, t->cseq, m->rseq, now + SIP_T_TRANSACTION,
		t->role });
	call_update(c, why, REASON_REPLACED, now);
}

static struct dialog *
dialog_begin(struct call *c, const struct txn *t, int64_t now,
    const struct sip_message *m)
{
	struct dialog *dlg =
	    dialog_new(c, m->to_tag, t->serial, m->status >= 200);

	if (dlg == NULL)
		return NULL;
	dlg->contact[CALLER] = t->contact;
	dlg->early_until = t->began +
	    SIP_EARLY_SETUPS * c->sip->config.timeout_setup * USEC_PER_SEC;
	dlg->early_over = dlg->early_until <= now;
	return dlg;
}

static void
invite_provisional(struct call *c, struct txn *t, int64_t now,
    const struct datagram *d, const struct sip_message *m)
{
	struct dialog *dlg = t->dlg;

	/* A 100 makes no dialog: RFC 3261 section 12.1. */
	if (m->to_tag.len == 0 || m->status == 100 || t->done)
		return;
	if (dlg == NULL) {
		if (!c->accepted)
			c->setup_until =
			    now + c->sip->config.timeout_setup * USEC_PER_SEC;
		dlg = dialog_find(c, m->to_tag);
		if (dlg == NULL)
			dlg = dialog_begin(c, t, now, m);
		if (dlg != NULL && dlg->state == DIALOG_EARLY) {
			call_rings(c);
			if (m->contact.af != AF_UNSPEC)
				dlg->contact[CALLEE] = m->contact;
		}
		call_schedule(c, now);
		if (dlg == NULL || dlg->state != DIALOG_EARLY)
			return;
	}
	if (m->body == SIP_BODY_NONE || dlg->state == DIALOG_ENDED)
		return;
	/* An offer in a provisional response counts if it is reliable. */
	if (t->offer == NULL && t->bad == REASON_NONE && !m->reliable)
		return;
	if (late_is(dlg, t->cseq, m->rseq) && t->offer == NULL)
		return;
	if (t->dlg != NULL && t->offer != NULL) {
		/* The answer counts only when the re-INVITE has its 2xx. */
		struct body b;

		body_read(c, false, d, m, &b);
		sdp_side_unref(t->answer);
		t->answer = b.side;
		call_schedule(c, now);
		call_changed(c, now);
		return;
	}
	response_body(c, dlg, t, now, d, m, REASON_EARLY);
}

/* Other forks may still answer for 64*T1: RFC 3261 section 13.2.2.4. */
static void
forks_expire(struct call *c, const struct dialog *accepted,
    const struct txn *invite, int64_t now)
{
	struct dialog *d;

	TAILQ_FOREACH(d, &c->dialogs, entry)
		if (d != accepted && d->origin == invite->serial &&
		    d->state == DIALOG_EARLY)
			d->drop_at = now + SIP_T_TRANSACTION;
}

static void
invite_accepted(struct call *c, struct txn *t, int64_t now,
    const struct datagram *d, const struct sip_message *m)
{
	struct dialog *dlg = t->dlg;
	enum reason why = t->dlg != NULL ? REASON_REINVITE : REASON_ANSWER;

	/* After a final refusal nothing is accepted any more. */
	if (m->to_tag.len == 0 || t->refused) {
		sip_misfit(c->sip, SIP_VERDICT_UNMATCHED);
		return;
	}
	if (dlg == NULL)
		dlg = dialog_find(c, m->to_tag);
	if (dlg == NULL && c->dead && c->accepted) {
		/*
		 * After a BYE, the caller does not wait for the answer of
		 * another fork.
		 */
		sip_misfit(c->sip, SIP_VERDICT_UNMATCHED);
		return;
	}
	if (dlg == NULL && (dlg = dialog_begin(c, t, now, m)) == NULL)
		return;
	if (dlg->state == DIALOG_ENDED || dlg->answered == t->serial) {
		c->sip->n.retransmissions++;
		return;
	}
	if (t->dlg == NULL && dlg->state == DIALOG_CONFIRMED) {
		/*
		 * Sent again, or another INVITE of the same caller that
		 * reached the same callee: what was accepted first stays.
		 */
		t->done = true;
		t->until = now + SIP_T_TRANSACTION;
		c->sip->n.retransmissions++;
		call_schedule(c, now);
		return;
	}
	/* A CANCEL that crossed the 2xx has lost: RFC 5407 section 3.1.2. */
	dialog_enter(c, dlg, DIALOG_CONFIRMED);
	dlg->answered = t->serial;
	dlg->drop_at = 0;
	if (m->contact.af != AF_UNSPEC)
		dlg->contact[!t->role] = m->contact;
	refresh_session(dlg, m, now);
	t->done = true;
	t->until = now + SIP_T_TRANSACTION;
	c->sip->n.accepted_total += !c->accepted;
	call_accept(c, now);
	if (t->dlg == NULL)
		forks_expire(c, dlg, t, now);
	/* Sent again, with what UPDATE or PRACK have changed since. */
	if (m->body != SIP_BODY_NONE && dlg->updated < t->serial)
		response_body(c, dlg, t, now, d, m, why);
	else if (t->dlg != NULL && dlg->updated < t->serial &&
	    t->offer != NULL && t->answer != NULL)
		dialog_agree(c, dlg, t->role, sdp_side_ref(t->offer),
		    sdp_side_ref(t->answer), why, now);
	else {
		call_update(c, why, REASON_REPLACED, now);
		call_report(c, dlg, now);
	}
}

static void
invite_rejected(struct call *c, struct txn *t, int64_t now,
    const struct sip_message *m)
{
	enum reason why = t->cancelled ? REASON_CANCEL : REASON_REJECT;

	if (t->done)
		return;
	t->done = t->refused = true;
	t->until = now + SIP_T_TRANSACTION;
	/* The offer of a refused request gets no answer. */
	sdp_side_unref(t->offer);
	t->offer = NULL;
	if (t->dlg != NULL) {
		/* RFC 3261 section 14.1: only these two end the dialog. */
		if (m->status == 408 || m->status == 481)
			dialog_end(c, t->dlg);
		else
			why = REASON_REJECT;
	} else
		call_end_early(c, t);
	call_settle(c, now);
	call_update(c, REASON_NONE, why, now);
}

static void
other_response(struct call *c, struct txn *t, int64_t now,
    const struct datagram *d, const struct sip_message *m)
{
	struct dialog *dlg = t->dlg;

	if (m->status < 200 || t->done)
		return;
	t->done = true;
	t->until = now + SIP_T_TRANSACTION;
	if (dlg->state == DIALOG_ENDED) {
		call_schedule(c, now);
		return;
	}
	if (m->status < 300) {
		if (t->method == SIP_UPDATE)
			refresh_session(dlg, m, now);
		if (t->offer != NULL && m->body != SIP_BODY_NONE)
			response_body(c, dlg, t, now, d, m, REASON_UPDATE);
		else
			call_update(c, REASON_UPDATE, REASON_REPLACED, now);
		return;
	}
	/* RFC 3311 section 5.3. */
	if (t->method == SIP_UPDATE && (m->status == 408 || m->status == 481))
		dialog_end(c, dlg);
	call_settle(c, now);
	call_update(c, REASON_NONE, REASON_REJECT, now);
}

void
dialog_response(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct call *c;
	struct txn *t;

	sip->n.responses++;
	if (m->method != SIP_INVITE && m->method != SIP_BYE &&
	    m->method != SIP_UPDATE && m->method != SIP_PRACK)
		return;
	if (m->method == SIP_BYE && bye_response(sip, now, d, m))
		return;
	if ((t = txn_of_response(sip, d, m, &c)) == NULL)
		return;
	if (t->dlg != NULL && m->status >= 200 && m->status < 300)
		dialog_alive(c, t->dlg, !t->role, now);
	if (t->method != SIP_INVITE)
		other_response(c, t, now, d, m);
	else if (m->status < 200)
		invite_provisional(c, t, now, d, m);
	else if (m->status < 300)
		invite_accepted(c, t, now, d, m);
	else
		invite_rejected(c, t, now, m);
}
