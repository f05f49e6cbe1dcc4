/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "sip/mentions.h"
#include "sip/state.h"
#include "src/base/slab.h"

static int
source_cmp(const struct source *a, const struct source *b)
{
	return addr_cmp(&a->addr, &b->addr);
}

RB_GENERATE_STATIC(source_tree, source, node, source_cmp)

/* Take the call off the lists that only unaccepted ones are on. */
static void
call_unqueue(struct call *c)
{
	struct sip *sip = c->sip;

	if (c->dead)
		TAILQ_REMOVE(&sip->dead, c, age);
	else if (!c->accepted) {
		TAILQ_REMOVE(&sip->pending[c->worth], c, age);
		sip->nasked -= c->worth == WORTH_ASKED;
	}
	if (c->source != NULL) {
		TAILQ_REMOVE(&c->source->calls[c->worth], c, source_entry);
		if (--c->source->ncalls == 0) {
			RB_REMOVE(source_tree, &sip->sources, c->source);
			free(c->source);
		}
		c->source = NULL;
	}
}

static void
dialog_free(struct call *c, struct dialog *d)
{
	struct txn *t, *next;

	TAILQ_FOREACH_SAFE(t, &c->txns, entry, next)
		if (t->dlg == d)
			txn_free(c, t);
	TAILQ_REMOVE(&c->dialogs, d, entry);
	c->ndialogs--;
	dialog_end(c, d);
	c->sip->n.dialogs[DIALOG_ENDED]--;
	slab_free(d, dialog_size(d->tag_len));
}

static void
call_release(struct call *c)
{
	slab_free(c, call_size(c->call_id_len, c->tag_len));
}

void
call_free(struct call *c)
{
	struct sip *sip = c->sip;

	timer_end(sip->timers, &c->timer);
	mentions_free(c);
	call_unqueue(c);
	if (c->accepted && !c->dead)
		sip->n.accepted--;
	sip->n.calls--;
	sip->n.bytes -= c->bytes;
	calls_leave(sip, c);
	while (!TAILQ_EMPTY(&c->txns))
		txn_free(c, TAILQ_FIRST(&c->txns));
	while (!TAILQ_EMPTY(&c->dialogs))
		dialog_free(c, TAILQ_FIRST(&c->dialogs));
	call_release(c);
}

void
call_drop(struct call *c, enum reason why, int64_t now)
{
	struct sip *sip = c->sip;
	struct dialog *d;
	uint64_t id = c->id;

	TAILQ_FOREACH(d, &c->dialogs, entry)
		dialog_end(c, d);
	call_update(c, REASON_NONE, why, now);
	sip->sink.gone(sip->sink.ctx, id);
	call_free(c);
}

void
call_forget(struct call *c)
{
	struct sip *sip = c->sip;
	uint64_t id = c->id;

	sip->sink.gone(sip->sink.ctx, id);
	call_free(c);
}

static size_t
most_bytes(const struct sip *sip)
{
	size_t n = (size_t)sip->config.limit_calls * SIP_CALL_BYTES;

	return n > SIP_MIN_BYTES ? n : SIP_MIN_BYTES;
}

/*
 * Drop one call: one that is over, or the oldest of those that are worth
 * least, but none that is worth more than `worth`.
 */
static bool
call_evict(struct sip *sip, enum worth worth, int64_t now)
{
	struct call *c = TAILQ_FIRST(&sip->dead);
	int i;

	for (i = WORTH_ASKED; c == NULL && i <= (int)worth; i++)
		c = TAILQ_FIRST(&sip->pending[i]);
	if (c == NULL)
		return false;
	sip->n.evicted++;
	call_drop(c, REASON_LIMIT, now);
	return true;
}

/* Whether there is room for one more call of this worth; makes some. */
static bool
calls_make_room(struct sip *sip, enum worth worth, int64_t now)
{
	if (sip->n.calls < sip->config.limit_calls &&
	    sip->n.bytes < most_bytes(sip))
		return true;
	sip->n.limit_calls++;
	while (sip->n.calls >= sip->config.limit_calls ||
	    sip->n.bytes >= most_bytes(sip))
		if (!call_evict(sip, worth, now))
			return false;
	return true;
}

void
sip_fit(struct sip *sip, int64_t now)
{
	while (
	    sip->n.bytes > most_bytes(sip) && call_evict(sip, WORTH_OWN, now))
		continue;
}

/* Say that a limit is reached, but not for each call. */
static void
limit_refuse(struct sip *sip, int64_t *reported, const struct call *c,
    int64_t now)
{
	struct sip_refusal r = { c->addr[CALLER], c->addr[CALLEE], 0,
		REASON_LIMIT };

	if (now - *reported < 10 * USEC_PER_SEC)
		return;
	*reported = now;
	sip->sink.refuse(sip->sink.ctx, call_id_of(c), &r, now);
}

static struct source *
source_find(struct sip *sip, const struct addr *caller)
{
	struct source key;

	key.addr = addr_source(caller);
	return RB_FIND(source_tree, &sip->sources, &key);
}

/*
 * An outside source may have only so many calls that nobody has accepted.  Its
 * own oldest that the protected side has not answered makes room, so that a
 * flood hurts only the source that floods, and not its calls that ring.  If all
 * of them ring, there is no room.
 */
static bool
source_make_room(struct sip *sip, const struct call *c, int64_t now)
{
	struct source *s = source_find(sip, &c->addr[CALLER]);
	struct call *oldest;

	if (s == NULL || s->ncalls < sip->config.limit_per_source)
		return true;
	oldest = TAILQ_FIRST(&s->calls[WORTH_ASKED]);
	sip->n.limit_source++;
	limit_refuse(sip, &s->reported, oldest != NULL ? oldest : c, now);
	if (oldest == NULL)
		return false;
	sip->n.evicted++;
	call_drop(oldest, REASON_LIMIT, now);
	return true;
}

static struct source *
source_get(struct sip *sip, const struct addr *caller)
{
	struct source *s = source_find(sip, caller);
	int i;

	if (s != NULL || (s = calloc(1, sizeof(*s))) == NULL)
		return s;
	s->addr = addr_source(caller);
	for (i = 0; i < WORTH_OWN; i++)
		TAILQ_INIT(&s->calls[i]);
	RB_INSERT(source_tree, &sip->sources, s);
	return s;
}

static bool
call_insert(struct sip *sip, struct call *c, int64_t now)
{
	bool outside = !c->protected[CALLER];
	struct source *s;

	/*
	 * The source's own calls make room first, so that its flood does not
	 * evict calls of others.
	 */
	if (outside && !source_make_room(sip, c, now))
		return false;
	if (!calls_make_room(sip, c->worth, now)) {
		limit_refuse(sip, &sip->full_reported, c, now);
		return false;
	}
	if (calls_enter(sip, c) != PH_OK)
		return false;
	if (outside) {
		if ((s = source_get(sip, &c->addr[CALLER])) == NULL) {
			calls_leave(sip, c);
			return false;
		}
		TAILQ_INSERT_TAIL(&s->calls[c->worth], c, source_entry);
		s->ncalls++;
		c->source = s;
	}
	TAILQ_INSERT_TAIL(&sip->pending[c->worth], c, age);
	sip->nasked += c->worth == WORTH_ASKED;
	sip->n.calls++;
	return true;
}

struct call *
call_new(struct sip *sip, struct span call_id, struct span caller_tag,
    const struct addr *caller, const struct addr *callee, int64_t now)
{
	unsigned int legs = 0;
	struct call *c;

	for (c = call_first(sip, call_id); c != NULL; c = call_next(c))
		if (++legs == SIP_MAX_LEGS) {
			sip->n.limit_calls++;
			return NULL;
		}
	if (call_id.len > SIP_MAX_TAG || caller_tag.len > SIP_MAX_TAG ||
	    (c = slab_new(call_size(call_id.len, caller_tag.len))) == NULL)
		return NULL;
	c->call_id_len = span_put(c->text, call_id);
	c->tag_len = span_put(c->text + call_id.len, caller_tag);
	TAILQ_INIT(&c->txns);
	TAILQ_INIT(&c->dialogs);
	TAILQ_INIT(&c->mentions);
	c->addr[CALLER] = *caller;
	c->addr[CALLEE] = *callee;
	c->protected[CALLER] = sip_policy_protects(&sip->config.policy, caller);
	c->protected[CALLEE] = sip_policy_protects(&sip->config.policy, callee);
	c->worth = c->protected[CALLER] ? WORTH_OWN : WORTH_ASKED;
	c->sip = sip;
	c->id = sip->next_id++;
	c->began = now;
	c->setup_until = now + sip->config.timeout_setup * USEC_PER_SEC;
	if (timer_begin(sip->timers, &c->timer, sip->expire) != PH_OK) {
		call_release(c);
		return NULL;
	}
	if (!call_insert(sip, c, now)) {
		timer_end(sip->timers, &c->timer);
		call_release(c);
		return NULL;
	}
	return c;
}

enum ph_err
call_set_id(struct call *c, uint64_t id)
{
	struct sip *sip = c->sip;
	enum ph_err rc;

	if (c->id != id) {
		if ((rc = idmap_put(&sip->ids, id, c)) != PH_OK)
			return rc;
		idmap_remove(&sip->ids, c->id);
		c->id = id;
	}
	if (sip->next_id <= id)
		sip->next_id = id + 1;
	return PH_OK;
}

void
call_accept(struct call *c, int64_t now)
{
	if (c->accepted)
		return;
	call_unqueue(c);
	if (c->dead)
		c->dead = false;
	c->accepted = true;
	c->forget_at = 0;
	c->max_until = now + c->sip->config.timeout_max * USEC_PER_SEC;
	c->sip->n.accepted++;
}

void
call_rings(struct call *c)
{
	if (c->accepted || c->dead || c->worth != WORTH_ASKED)
		return;
	TAILQ_REMOVE(&c->sip->pending[c->worth], c, age);
	c->sip->nasked--;
	if (c->source != NULL)
		TAILQ_REMOVE(&c->source->calls[c->worth], c, source_entry);
	c->worth = WORTH_RINGS;
	TAILQ_INSERT_TAIL(&c->sip->pending[c->worth], c, age);
	if (c->source != NULL)
		TAILQ_INSERT_TAIL(&c->source->calls[c->worth], c, source_entry);
}

struct dialog *
dialog_new(struct call *c, struct span tag, uint64_t origin, bool accepted)
{
	struct dialog *d;

	if (c->ndialogs == SIP_MAX_DIALOGS) {
		TAILQ_FOREACH(d, &c->dialogs, entry)
			if (d->state == DIALOG_ENDED)
				break;
		if (d == NULL && accepted)
			TAILQ_FOREACH(d, &c->dialogs, entry)
				if (d->state == DIALOG_EARLY)
					break;
		if (d == NULL) {
			c->sip->n.limit_dialogs++;
			return NULL;
		}
		dialog_free(c, d);
	}
	if (tag.len > SIP_MAX_TAG ||
	    (d = slab_new(dialog_size(tag.len))) == NULL)
		return NULL;
	d->tag_len = span_put(d->text, tag);
	d->origin = origin;
	TAILQ_INSERT_TAIL(&c->dialogs, d, entry);
	c->ndialogs++;
	c->sip->n.dialogs[d->state]++;
	return d;
}

void
dialog_enter(struct call *c, struct dialog *d, enum dialog_state state)
{
	c->sip->n.dialogs[d->state]--;
	d->state = state;
	c->sip->n.dialogs[d->state]++;
}

void
dialog_end(struct call *c, struct dialog *d)
{
	int i;

	dialog_enter(c, d, DIALOG_ENDED);
	d->drop_at = d->session_until = 0;
	past_expire(d, INT64_MAX);
	for (i = 0; i < 2; i++) {
		sdp_side_unref(d->side[i]);
		d->side[i] = NULL;
	}
	late_end(d);
}

/*
 * The transaction that makes room for another: one that is over.  For a BYE
 * there is always room, first at the cost of the other side, for an outsider
 * who fills all slots must not keep the protected side from hanging up.
 */
static struct txn *
txn_victim(struct call *c, enum sip_method method)
{
	struct txn *t;

	TAILQ_FOREACH(t, &c->txns, entry)
		if (t->done)
			return t;
	if (method != SIP_BYE)
		return NULL;
	TAILQ_FOREACH(t, &c->txns, entry)
		if (t->dlg != NULL && !c->protected[t->role])
			return t;
	TAILQ_FOREACH(t, &c->txns, entry)
		if (t->method != SIP_BYE)
			return t;
	return TAILQ_FIRST(&c->txns);
}

struct txn *
txn_new(struct call *c, enum sip_method method, uint32_t cseq,
    struct span branch)
{
	struct txn *t;

	if (c->ntxns == SIP_MAX_TXNS) {
		if ((t = txn_victim(c, method)) == NULL) {
			c->sip->n.limit_transactions++;
			return NULL;
		}
		txn_free(c, t);
	}
	if (branch.len > SIP_MAX_TAG ||
	    (t = slab_new(txn_size(branch.len))) == NULL)
		return NULL;
	t->branch_len = span_put(t->text, branch);
	t->serial = c->sip->next_serial++;
	t->method = method;
	t->cseq = cseq;
	TAILQ_INSERT_TAIL(&c->txns, t, entry);
	c->ntxns++;
	return t;
}

static void
txn_drop_bodies(struct txn *t)
{
	sdp_side_unref(t->offer);
	sdp_side_unref(t->answer);
	t->offer = t->answer = NULL;
}

void
txn_free(struct call *c, struct txn *t)
{
	TAILQ_REMOVE(&c->txns, t, entry);
	c->ntxns--;
	txn_drop_bodies(t);
	slab_free(t, txn_size(t->branch_len));
}

void
call_settle(struct call *c, int64_t now)
{
	struct dialog *d;
	struct txn *t;

	TAILQ_FOREACH(d, &c->dialogs, entry)
		if (d->state != DIALOG_ENDED)
			return;
	TAILQ_FOREACH(t, &c->txns, entry)
		if (t->dlg == NULL && !t->done)
			return;
	if (c->dead)
		return;
	call_unqueue(c);
	if (c->accepted)
		c->sip->n.accepted--;
	/* The call has ended, so nobody needs the SDP of its transactions. */
	TAILQ_FOREACH(t, &c->txns, entry)
		txn_drop_bodies(t);
	c->dead = true;
	TAILQ_INSERT_TAIL(&c->sip->dead, c, age);
	c->forget_at = now + SIP_T_TRANSACTION;
}

bool
sip_about(struct sip *sip, uint64_t id, struct sip_about *out)
{
	const struct call *c = call_by_id(sip, id);

	if (c == NULL)
		return false;
	out->call_id = call_id_of(c);
	out->from = c->addr[CALLER];
	out->to = c->addr[CALLEE];
	out->over = c->dead;
	out->began = c->began;
	return true;
}

size_t
sip_close(struct sip *sip, struct span call_id, enum reason why, int64_t now)
{
	struct call *c, *next;
	size_t n = 0;

	for (c = call_first(sip, call_id); c != NULL; c = next) {
		next = call_next(c);
		n += !c->dead;
		call_drop(c, why, now);
	}
	return n;
}

bool
sip_end(struct sip *sip, uint64_t id, enum reason why, int64_t now)
{
	struct call *c = call_by_id(sip, id);

	if (c == NULL)
		return false;
	call_drop(c, why, now);
	return true;
}
