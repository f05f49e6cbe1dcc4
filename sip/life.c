/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "sip/state.h"

void
call_end_early(struct call *c, const struct txn *t)
{
	struct dialog *d;

	TAILQ_FOREACH(d, &c->dialogs, entry)
		if (d->origin == t->serial && d->state == DIALOG_EARLY)
			dialog_end(c, d);
}

/* Transactions whose time has come; see expire_parts(). */
static enum reason
expire_txns(struct call *c, int64_t now)
{
	enum reason why = REASON_REPLACED;
	struct txn *t, *next;

	TAILQ_FOREACH_SAFE(t, &c->txns, entry, next) {
		if (t->until == 0 || t->until > now)
			continue;
		/* A BYE nobody answered is believed: RFC 3261 15.1.1. */
		if (t->method == SIP_BYE && !t->done && t->dlg != NULL) {
			bye_hang_up(c, t->dlg, now);
			why = REASON_BYE;
		} else if (!t->done && t->dlg != NULL)
			why = REASON_REJECT;
		else if (!t->done && t->cancelled) {
			/*
			 * RFC 3261 section 9.1: after a CANCEL no answer is
			 * expected any more.
			 */
			call_end_early(c, t);
			why = REASON_CANCEL;
		}
		txn_free(c, t);
	}
	return why;
}

/* End the parts whose time is over.  Returns why their pinholes close. */
static enum reason
expire_parts(struct call *c, int64_t now)
{
	enum reason why = expire_txns(c, now);
	struct dialog *d;

	TAILQ_FOREACH(d, &c->dialogs, entry) {
		if (d->state == DIALOG_EARLY && !d->early_over &&
		    d->early_until <= now) {
			d->early_over = true;
			why = REASON_SETUP_TIMEOUT;
		}
		past_expire(d, now);
		if (d->drop_at != 0 && d->drop_at <= now)
			dialog_end(c, d);
		if (d->session_until != 0 && d->session_until <= now) {
			if (!c->sip->sink.silent(c->sip->sink.ctx, c->id,
				SIP_T_TRANSACTION, now)) {
				d->session_until = now + SIP_T_TRANSACTION;
				continue;
			}
			dialog_end(c, d);
			why = REASON_SESSION_TIMER;
		}
	}
	return why;
}

void
call_expire(struct timer *t, int64_t now)
{
	struct call *c = timer_owner(t, struct call, timer);
	enum reason why;

	if (c->dead && c->forget_at <= now) {
		call_forget(c);
		return;
	}
	if (!c->dead && !c->accepted && c->setup_until <= now) {
		call_drop(c, REASON_SETUP_TIMEOUT, now);
		return;
	}
	if (!c->dead && c->accepted && c->max_until <= now) {
		call_drop(c, REASON_MAX_DURATION, now);
		return;
	}
	why = expire_parts(c, now);
	call_settle(c, now);
	call_update(c, REASON_NONE, why, now);
}

void
sip_silent(struct sip *sip, uint64_t id, int64_t now)
{
	struct call *c = call_by_id(sip, id);
	struct dialog *d;

	if (c == NULL)
		return;
	if (c->accepted) {
		call_drop(c, REASON_IDLE, now);
		return;
	}
	/* The call may still be answered; its pinholes open again then. */
	TAILQ_FOREACH(d, &c->dialogs, entry)
		if (d->state == DIALOG_EARLY)
			d->early_over = true;
	call_update(c, REASON_NONE, REASON_IDLE, now);
}
