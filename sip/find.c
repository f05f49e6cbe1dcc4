/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "sip/state.h"

/* Which call, dialog and transaction a message belongs to. */

static int
call_cmp(const struct call *a, const struct call *b)
{
	int r;

	if ((r = span_cmp(a->call_id, b->call_id)) != 0)
		return r;
	if ((r = span_cmp(a->caller_tag, b->caller_tag)) != 0)
		return r;
	if ((r = addr_cmp(&a->addr[CALLER], &b->addr[CALLER])) != 0)
		return r;
	return addr_cmp(&a->addr[CALLEE], &b->addr[CALLEE]);
}

static int
call_id_cmp(const struct call *a, const struct call *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE(call_tree, call, node, call_cmp)
RB_GENERATE(call_id_tree, call, by_id, call_id_cmp)

struct call *
call_first(struct sip *sip, struct span call_id)
{
	struct call key, *c;

	if (sip->found != NULL && span_eq(sip->found->call_id, call_id))
		return sip->found;
	memset(&key, 0, sizeof(key));
	key.call_id = call_id;
	c = RB_NFIND(call_tree, &sip->calls, &key);
	return sip->found =
		   c != NULL && span_eq(c->call_id, call_id) ? c : NULL;
}

struct call *
call_next(const struct call *c)
{
	struct call *next =
	    RB_NEXT(call_tree, NULL, (struct call *)(uintptr_t)c);

	return next != NULL && span_eq(next->call_id, c->call_id) ? next : NULL;
}

struct call *
call_by_id(struct sip *sip, uint64_t id)
{
	struct call key;

	key.id = id;
	return RB_FIND(call_id_tree, &sip->ids, &key);
}

struct call *
call_find(struct sip *sip, struct span call_id, struct span caller_tag,
    const struct addr *caller, const struct addr *callee)
{
	struct call key;

	key.call_id = call_id;
	key.caller_tag = caller_tag;
	key.addr[CALLER] = *caller;
	key.addr[CALLEE] = *callee;
	return RB_FIND(call_tree, &sip->calls, &key);
}

enum role
call_inside(const struct call *c)
{
	return c->protected[CALLEE] ? CALLEE : CALLER;
}

struct dialog *
dialog_find(struct call *c, struct span tag)
{
	struct dialog *d;

	TAILQ_FOREACH(d, &c->dialogs, entry)
		if (span_eq(d->tag, tag))
			return d;
	return NULL;
}

struct txn *
txn_find(struct call *c, enum sip_method method, uint32_t cseq,
    struct span branch)
{
	struct txn *t;

	TAILQ_FOREACH(t, &c->txns, entry)
		if (t->method == method && t->cseq == cseq &&
		    span_eq(t->branch, branch))
			return t;
	return NULL;
}

/*
 * Is `a` where the given side of the dialog may speak from?  The address its
 * signalling had at first, the one it gave as Contact (the path may get
 * shorter without Record-Route), or another of our servers.
 */
static bool
side_is(const struct call *c, const struct dialog *d, enum role role,
    const struct addr *a)
{
	return addr_eq(a, &c->addr[role]) || addr_eq(a, &d->contact[role]) ||
	    (c->protected[role] &&
		sip_policy_is_server(&c->sip->config.policy, a));
}

struct in_dialog
dialog_look_up(struct sip *sip, const struct datagram *d,
    const struct sip_message *m)
{
	struct in_dialog in = { NULL, NULL, CALLER, false };
	struct dialog *dlg;
	enum role role;
	struct call *c;
	bool exact;

	for (c = call_first(sip, m->call_id); c != NULL; c = call_next(c)) {
		in.has_call = true;
		if (span_eq(c->caller_tag, m->from_tag) &&
		    (dlg = dialog_find(c, m->to_tag)) != NULL)
			role = CALLER;
		else if (span_eq(c->caller_tag, m->to_tag) &&
		    (dlg = dialog_find(c, m->from_tag)) != NULL)
			role = CALLEE;
		else
			continue;
		/* Equal tags do not tell which side sent the request. */
		if (span_eq(c->caller_tag, dlg->tag) &&
		    !side_is(c, dlg, CALLER, &d->src.addr))
			role = CALLEE;
		if (!side_is(c, dlg, role, &d->src.addr) ||
		    !side_is(c, dlg, !role, &d->dst.addr))
			continue;
		exact = addr_eq(&c->addr[role], &d->src.addr) &&
		    addr_eq(&c->addr[!role], &d->dst.addr);
		if (in.dlg == NULL || exact) {
			in.dlg = dlg;
			in.call = c;
			in.role = role;
		}
		if (exact)
			break;
	}
	return in;
}

void
sip_misfit(struct sip *sip, enum sip_verdict verdict)
{
	sip->verdict = verdict;
	sip->n.forged += verdict == SIP_VERDICT_FORGED;
	sip->n.no_dialog += verdict == SIP_VERDICT_NO_DIALOG;
	sip->n.unmatched += verdict == SIP_VERDICT_UNMATCHED;
}

void
dialog_alive(struct call *c, const struct dialog *dlg, enum role speaker,
    int64_t now)
{
	if (c->protected[speaker] && dlg->state != DIALOG_ENDED)
		c->sip->sink.alive(c->sip->sink.ctx, c->id, now);
}

struct dialog *
dialog_of_request(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m, struct call **cp, enum role *rolep)
{
	struct in_dialog in = dialog_look_up(sip, d, m);

	if (in.dlg == NULL) {
		sip_misfit(sip,
		    in.has_call ? SIP_VERDICT_FORGED : SIP_VERDICT_NO_DIALOG);
		return NULL;
	}
	dialog_alive(in.call, in.dlg, in.role, now);
	*cp = in.call;
	*rolep = in.role;
	return in.dlg;
}
