/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "sip/state.h"

/* Which call, dialog and transaction a message belongs to. */

static struct call *
call_of(struct hash_node *n)
{
	return (struct call *)(void *)n;
}

static uint64_t
call_hash(const struct hash *h, const struct hash_node *n)
{
	const struct call *c = (const struct call *)(const void *)n;

	return hash_bytes(h, call_id_of(c).p, c->call_id_len);
}

enum ph_err
calls_init(struct sip *sip)
{
	idmap_init(&sip->ids);
	return hash_init(&sip->calls, call_hash);
}

enum ph_err
calls_enter(struct sip *sip, struct call *c)
{
	enum ph_err rc = idmap_put(&sip->ids, c->id, c);

	if (rc != PH_OK)
		return rc;
	sip->found = NULL;
	hash_insert(&sip->calls, &c->by_call_id);
	return PH_OK;
}

void
calls_leave(struct sip *sip, struct call *c)
{
	sip->found = NULL;
	hash_remove(&sip->calls, &c->by_call_id);
	idmap_remove(&sip->ids, c->id);
}

/* Legs of one Call-ID. */
static int
leg_cmp(const struct call *a, const struct call *b)
{
	int r;

	if ((r = span_cmp(call_tag_of(a), call_tag_of(b))) != 0)
		return r;
	if ((r = addr_cmp(&a->addr[CALLER], &b->addr[CALLER])) != 0)
		return r;
	return addr_cmp(&a->addr[CALLEE], &b->addr[CALLEE]);
}

/* The first leg of this Call-ID that is behind `after`, which may be NULL. */
static struct call *
leg_first(struct hash_node *n, struct span call_id, const struct call *after)
{
	struct call *c, *first = NULL;

	for (; n != NULL; n = n->next) {
		c = call_of(n);
		if (span_eq(call_id_of(c), call_id) &&
		    (after == NULL || leg_cmp(c, after) > 0) &&
		    (first == NULL || leg_cmp(c, first) < 0))
			first = c;
	}
	return first;
}

/* All that may have this Call-ID. */
static struct hash_node *
legs_of(const struct sip *sip, struct span call_id)
{
	const struct hash *h = &sip->calls;

	return hash_chain(h, hash_bytes(h, call_id.p, call_id.len));
}

struct call *
call_first(struct sip *sip, struct span call_id)
{
	struct hash_node *legs;

	if (sip->found != NULL && span_eq(call_id_of(sip->found), call_id))
		return sip->found;
	legs = legs_of(sip, call_id);
	sip->found = leg_first(legs, call_id, NULL);
	sip->found_alone =
	    sip->found != NULL && leg_first(legs, call_id, sip->found) == NULL;
	return sip->found;
}

struct call *
call_next(const struct call *c)
{
	if (c == c->sip->found && c->sip->found_alone)
		return NULL;
	return leg_first(legs_of(c->sip, call_id_of(c)), call_id_of(c), c);
}

struct call *
call_by_id(const struct sip *sip, uint64_t id)
{
	return idmap_find(&sip->ids, id);
}

struct call *
call_after(const struct sip *sip, uint64_t id)
{
	return idmap_from(&sip->ids, id + 1);
}

struct call *
call_find(struct sip *sip, struct span call_id, struct span caller_tag,
    const struct addr *caller, const struct addr *callee)
{
	struct hash_node *n;
	struct call *c;

	for (n = legs_of(sip, call_id); n != NULL; n = n->next) {
		c = call_of(n);
		if (span_eq(call_id_of(c), call_id) &&
		    span_eq(call_tag_of(c), caller_tag) &&
		    addr_eq(&c->addr[CALLER], caller) &&
		    addr_eq(&c->addr[CALLEE], callee))
			return c;
	}
	return NULL;
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
		if (span_eq(dialog_tag_of(d), tag))
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
		    span_eq(txn_branch_of(t), branch))
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
		if (span_eq(call_tag_of(c), m->from_tag) &&
		    (dlg = dialog_find(c, m->to_tag)) != NULL)
			role = CALLER;
		else if (span_eq(call_tag_of(c), m->to_tag) &&
		    (dlg = dialog_find(c, m->from_tag)) != NULL)
			role = CALLEE;
		else
			continue;
		/* Equal tags do not tell which side sent the request. */
		if (span_eq(call_tag_of(c), dialog_tag_of(dlg)) &&
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
