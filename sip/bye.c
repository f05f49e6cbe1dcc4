/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "sip/state.h"

/*
 * How calls end.
 *
 * A BYE of the other side is a request like any: its tags and its addresses
 * must fit, and it closes when the final response comes back along its
 * transaction, or after 64*T1 without one (RFC 3261 section 15).
 *
 * A BYE of the protected side is believed, and so is its 2xx to anybody's BYE:
 * Call-ID and tags are enough, whatever else the message says, wherever it
 * goes.  A pinhole that closes too soon costs a call, and only the protected
 * side can do that to itself.  A pinhole that stays open costs more.
 *
 * A dialog that crosses the firewall more than once, by a proxy, is a leg each
 * time.  It is still one dialog (section 12), so one BYE ends them all.
 */

static bool
has_word(const struct sip_words *w, struct span s)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (span_eq(w->word[i], s))
			return true;
	return false;
}

/* Only the first SIP_MAX_TAG bytes of a branch are kept. */
static bool
has_branch(const struct sip_glance *g, struct span kept)
{
	size_t i;

	for (i = 0; i < g->branch.n; i++)
		if (span_eq(span_sub(g->branch.word[i], 0, SIP_MAX_TAG), kept))
			return true;
	return false;
}

/* Does the message name this dialog, and which role sent it? */
static bool
names_dialog(const struct call *c, const struct dialog *d,
    const struct sip_glance *g, enum role *role)
{
	if (has_word(&g->from_tag, call_tag_of(c)) &&
	    has_word(&g->to_tag, dialog_tag_of(d))) {
		*role = CALLER;
		return true;
	}
	*role = CALLEE;
	return has_word(&g->from_tag, dialog_tag_of(d)) &&
	    has_word(&g->to_tag, call_tag_of(c));
}

static bool
same_tags(const struct call *a, const struct dialog *da, const struct call *b,
    const struct dialog *db)
{
	return (span_eq(call_tag_of(a), call_tag_of(b)) &&
		   span_eq(dialog_tag_of(da), dialog_tag_of(db))) ||
	    (span_eq(call_tag_of(a), dialog_tag_of(db)) &&
		span_eq(dialog_tag_of(da), call_tag_of(b)));
}

/*
 * The dialog is over, and with the last one that was confirmed all forks that
 * were only waiting for their time (section 13.2.2.4).
 */
static void
hang_up(struct call *c, struct dialog *d)
{
	struct dialog *other;

	dialog_end(c, d);
	TAILQ_FOREACH(other, &c->dialogs, entry)
		if (other->state == DIALOG_CONFIRMED)
			return;
	TAILQ_FOREACH(other, &c->dialogs, entry)
		if (other->state == DIALOG_EARLY && other->drop_at != 0)
			dialog_end(c, other);
}

void
bye_hang_up(struct call *c, struct dialog *d, int64_t now)
{
	struct dialog *other;
	struct call *leg;
	bool ended;

	for (leg = call_first(c->sip, call_id_of(c)); leg != NULL;
	     leg = call_next(leg)) {
		if (leg == c)
			continue;
		ended = false;
		TAILQ_FOREACH(other, &leg->dialogs, entry)
			if (other->state != DIALOG_ENDED &&
			    same_tags(c, d, leg, other)) {
				hang_up(leg, other);
				ended = true;
			}
		if (!ended)
			continue;
		call_settle(leg, now);
		call_update(leg, REASON_NONE, REASON_BYE, now);
	}
	hang_up(c, d);
}

static void
hang_up_now(struct call *c, struct dialog *d, int64_t now)
{
	bye_hang_up(c, d, now);
	call_settle(c, now);
	call_update(c, REASON_NONE, REASON_BYE, now);
}

/* The transaction of a BYE that is believed; at most one for each sending. */
static void
wait_for_answer(struct call *c, struct dialog *d, enum role role, int64_t now,
    const struct datagram *dg, const struct sip_glance *g)
{
	struct span branch = { NULL, 0 };
	struct txn *t;

	if (g->branch.n > 0)
		branch = span_sub(g->branch.word[0], 0, SIP_MAX_TAG);
	if (txn_find(c, SIP_BYE, g->cseq, branch) != NULL) {
		c->sip->n.retransmissions++;
		return;
	}
	if ((t = txn_new(c, SIP_BYE, g->cseq, branch)) == NULL)
		return;
	t->dlg = d;
	t->role = (uint8_t)role;
	t->own = c->protected[role] && !g->relayed;
	t->began = now;
	t->src = dg->src.addr;
	t->dst = dg->dst.addr;
	t->until = now + SIP_T_TRANSACTION;
	call_schedule(c, now);
	call_changed(c, now);
}

/*
 * A BYE of the protected side ends the leg with the same addresses, or else any
 * leg that has the dialog.
 */
static bool
own_request(struct sip *sip, int64_t now, const struct datagram *dg,
    const struct sip_glance *g)
{
	struct call *c, *best = NULL;
	struct dialog *d, *dlg = NULL;
	enum role role, as = CALLER;
	bool exact = false, found = false;
	size_t i;

	for (i = 0; i < g->call_id.n && !exact; i++)
		for (c = call_first(sip, g->call_id.word[i]);
		     c != NULL && !exact; c = call_next(c))
			TAILQ_FOREACH(d, &c->dialogs, entry) {
				if (!names_dialog(c, d, g, &role))
					continue;
				found = true;
				/*
				 * If both tags are equal, only the addresses
				 * tell the roles apart.
				 */
				if (span_eq(call_tag_of(c), dialog_tag_of(d)) &&
				    !addr_eq(&c->addr[role], &dg->src.addr))
					role = !role;
				exact = d->state != DIALOG_ENDED &&
				    addr_eq(&c->addr[role], &dg->src.addr) &&
				    addr_eq(&c->addr[!role], &dg->dst.addr);
				if (d->state == DIALOG_ENDED ||
				    (best != NULL && !exact))
					continue;
				best = c;
				dlg = d;
				as = role;
			}
	if (best != NULL)
		wait_for_answer(best, dlg, as, now, dg, g);
	return found;
}

/* A 2xx of the protected side to a BYE, whoever sent that. */
static bool
own_answer(struct sip *sip, int64_t now, const struct sip_glance *g)
{
	bool found = false;
	enum role role;
	struct dialog *d;
	struct call *c;
	size_t i;

	for (i = 0; i < g->call_id.n; i++)
		for (c = call_first(sip, g->call_id.word[i]); c != NULL;
		     c = call_next(c))
			TAILQ_FOREACH(d, &c->dialogs, entry) {
				if (!names_dialog(c, d, g, &role))
					continue;
				found = true;
				if (d->state != DIALOG_ENDED)
					hang_up_now(c, d, now);
			}
	return found;
}

static void
bye_answered(struct call *c, struct txn *t, uint16_t status, int64_t now)
{
	if (status < 200 || t->done)
		return;
	t->done = true;
	t->until = now + SIP_T_TRANSACTION;
	/*
	 * Challenged or refused: the call goes on.  But whoever sends a BYE
	 * has ended the session for itself (RFC 3261 section 15.1.1), so no
	 * answer keeps the protected side from hanging up, unless it has only
	 * passed on somebody's BYE.
	 */
	if (t->dlg->state != DIALOG_ENDED &&
	    (status < 300 || status == 408 || status == 481 || t->own))
		hang_up_now(c, t->dlg, now);
	else
		call_schedule(c, now);
}

/* A response that came back along the transaction of its BYE. */
static bool
answer_in_transaction(struct sip *sip, int64_t now, const struct datagram *dg,
    const struct sip_glance *g)
{
	struct call *c;
	struct txn *t;
	size_t i;

	for (i = 0; i < g->call_id.n; i++)
		for (c = call_first(sip, g->call_id.word[i]); c != NULL;
		     c = call_next(c))
			TAILQ_FOREACH(t, &c->txns, entry) {
				if (t->method != SIP_BYE ||
				    t->cseq != g->cseq ||
				    !has_branch(g, txn_branch_of(t)) ||
				    !has_word(&g->from_tag,
					t->role == CALLER
					    ? call_tag_of(c)
					    : dialog_tag_of(t->dlg)) ||
				    !addr_eq(&t->dst, &dg->src.addr) ||
				    !addr_eq(&t->src, &dg->dst.addr))
					continue;
				bye_answered(c, t, g->status, now);
				return true;
			}
	return false;
}

static bool
bye_own(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_glance *g)
{
	if (!sip_policy_protects(&sip->config.policy, &d->src.addr))
		return false;
	if (g->request)
		return own_request(sip, now, d, g);
	return g->status >= 200 && g->status < 300 && own_answer(sip, now, g);
}

void
bye_request(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct sip_glance g = sip_glance_of(m);
	struct dialog *dlg;
	enum role role;
	struct call *c;

	if (bye_own(sip, now, d, &g) ||
	    (dlg = dialog_of_request(sip, now, d, m, &c, &role)) == NULL)
		return;
	if (dlg->state != DIALOG_ENDED)
		wait_for_answer(c, dlg, role, now, d, &g);
}

bool
bye_response(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m)
{
	struct sip_glance g = sip_glance_of(m);

	/* The transaction comes first, so that it ends as well. */
	return answer_in_transaction(sip, now, d, &g) ||
	    bye_own(sip, now, d, &g);
}

void
bye_overhear(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_glance *g)
{
	if (g->request || !answer_in_transaction(sip, now, d, g))
		(void)bye_own(sip, now, d, g);
}
