/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/queue.h"
#include "src/base/silence.h"
#include "src/base/timers.h"
#include "src/process/claims.h"
#include "src/proxy/link.h"

#define MODULE "proxy"

/* A question without an answer for so long fails with PH_EAGAIN. */
#define ANSWER_WITHIN (10 * USEC_PER_SEC)
/* The engine's ids are below: events of both go to the same log. */
#define FIRST_ID      (UINT64_C(1) << 40)
/* Ids for each proxy process: the one before may still have sessions. */
#define IDS	      (UINT64_C(1) << 28)
#define PROCESSES     (FIRST_ID / IDS)

struct question {
	TAILQ_ENTRY(question) entry;
	enum ipc_type type; /* of the question */
	uint64_t seq;
	int64_t until;
	uint64_t hole, fw_id; /* IPC_COMMIT: ours, and as claims call it */
	proxy_answer *answer;
	proxy_target *target;
	void *ctx;
};

/* A pinhole that a service asked for; the claims have it as their user. */
struct request {
	struct proxy_wish wish; /* with its deadline */
	bool used;
};

struct proxy {
	struct proxy_setup setup;
	struct channel *fw;
	struct event *timer;
	struct ipc_msg msg; /* to send; too big for the stack */
	TAILQ_HEAD(, question) questions;
	struct claims *claims;
	uint64_t seq, last_id;
	int64_t asked_at;
	uint64_t refused, unanswered, asked;
};

static void
fw_send(struct proxy *p, enum ipc_type type, uint64_t seq)
{
	channel_send(p->fw, type, seq, &p->msg, -1);
}

/* Each change is a message, and its answer that of who waits for the pinhole.
 */
static void
on_commit(void *ctx, const struct fw_change *changes, size_t n)
{
	struct proxy *p = ctx;
	struct ipc_commit *c = &p->msg.u.commit;
	struct question *q;

	for (; n > 0; n--, changes++) {
		p->seq++;
		TAILQ_FOREACH(q, &p->questions, entry)
			if (q->type == IPC_COMMIT &&
			    q->fw_id == changes->hole.id)
				q->seq = p->seq;
		c->n = 1;
		c->quiet = 0;
		c->stamp = 0;
		c->changes[0] = *changes;
		fw_send(p, IPC_COMMIT, p->seq);
	}
}

static void
fw_send_all(struct proxy *p)
{
	fw_send(p, IPC_BEGIN, ++p->seq);
	claims_resend(p->claims, clock_now());
	fw_send(p, IPC_SETTLE, ++p->seq);
}

/* A new question; the caller sends it with q->seq. */
static struct question *
question_new(struct proxy *p, enum ipc_type type, void *ctx)
{
	struct question *q;

	if ((q = calloc(1, sizeof(*q))) == NULL)
		return NULL;
	q->type = type;
	q->seq = ++p->seq;
	p->asked_at = clock_now();
	q->until = p->asked_at + ANSWER_WITHIN;
	q->ctx = ctx;
	TAILQ_INSERT_TAIL(&p->questions, q, entry);
	p->asked++;
	return q;
}

static void
request_end(struct proxy *p, uint64_t id, enum reason why)
{
	struct claims_want none = { .asker = id, .close = why };
	struct request *r = claims_user(p->claims, id);

	claims_want(p->claims, &none, clock_now());
	free(r);
}

static void
say_refused(struct proxy *p, const struct pinhole *h, enum ph_err rc)
{
	struct event_refusal r = { 0 };

	p->refused++;
	r.src = h->from.addr;
	r.dst = h->to;
	r.dport = h->to_lo;
	r.reason =
	    rc == PH_EDENIED || rc == PH_EBAD ? REASON_ADDRESS : REASON_LIMIT;
	events_refuse(&p->setup.events, clock_now(), &r,
	    (struct span) { NULL, 0 });
}

static void
request_answered(struct proxy *p, struct question *q, enum ph_err rc)
{
	struct request *r = claims_user(p->claims, q->hole);

	if (r == NULL)
		return;
	if (rc != PH_OK) {
		say_refused(p, &r->wish.hole, rc);
		request_end(p, q->hole, REASON_NONE);
	} else
		claims_announce(p->claims, q->hole, REASON_REQUEST,
		    clock_now());
	if (q->answer != NULL)
		q->answer(q->ctx, rc);
}

/* End a question with this answer. */
static void
question_end(struct proxy *p, struct question *q, enum ph_err rc,
    const struct endpoint *target)
{
	static const struct endpoint nowhere;

	TAILQ_REMOVE(&p->questions, q, entry);
	if (rc == PH_EAGAIN)
		p->unanswered++;
	if (q->type == IPC_COMMIT)
		request_answered(p, q, rc);
	else if (q->target != NULL)
		q->target(q->ctx, rc, target != NULL ? target : &nowhere);
	else if (q->answer != NULL)
		q->answer(q->ctx, rc);
	free(q);
}

static void
on_result(struct proxy *p, uint64_t seq, enum ph_err rc,
    const struct endpoint *target)
{
	struct question *q, *next;

	TAILQ_FOREACH_SAFE(q, &p->questions, entry, next)
		if (q->seq == seq &&
		    (q->type == IPC_ORIGINAL) == (target != NULL))
			question_end(p, q, rc, target);
}

static void
on_seen(struct proxy *p, uint64_t fw_id)
{
	int64_t now = clock_now(), lease;
	struct request *r;
	uint64_t id = 0;

	claims_seen(p->claims, fw_id, FW_SEEN_FROM, now);
	while ((id = claims_asker_of(p->claims, fw_id, id)) != 0) {
		r = claims_user(p->claims, id);
		lease = r->wish.lease_s * USEC_PER_SEC;
		if (!r->wish.renew)
			continue;
		r->used = true;
		if (!silence_renews(r->wish.hole.deadline, lease, now))
			continue;
		r->wish.hole.deadline = now + lease;
		claims_renew(p->claims, id, lease, now);
	}
}

static void
on_closed(struct proxy *p, uint64_t fw_id)
{
	struct proxy_wish wish;
	struct request *r;
	uint64_t id;

	while ((id = claims_asker_of(p->claims, fw_id, 0)) != 0) {
		r = claims_user(p->claims, id);
		wish = r->wish;
		request_end(p, id,
		    wish.renew && !r->used ? REASON_IDLE : REASON_DONE);
		if (wish.gone != NULL)
			wish.gone(wish.ctx);
	}
}

static void
on_packets(struct proxy *p, const struct ipc_packets *v)
{
	uint32_t i;

	for (i = 0; i < v->n; i++)
		claims_packets(p->claims, v->v[i].id, v->v[i].packets);
	feed_packets(p->setup.feed, v);
}

static void
on_ids(struct proxy *p, const struct ipc_ids *ids,
    void (*each)(struct proxy *p, uint64_t id))
{
	uint32_t i;

	for (i = 0; i < ids->n; i++)
		each(p, ids->ids[i]);
}

static void
on_fw(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct proxy *p = ctx;

	(void)fd;
	switch (m->hdr.type) {
	case IPC_RESULT:
		on_result(p, m->hdr.seq, (enum ph_err)m->u.result.err, NULL);
		break;
	case IPC_TARGET:
		on_result(p, m->hdr.seq, (enum ph_err)m->u.target.err,
		    &m->u.target.target);
		break;
	case IPC_SEEN_FROM:
	case IPC_SEEN_TO:
		on_ids(p, &m->u.ids, on_seen);
		feed_seen(p->setup.feed, &m->u.ids);
		break;
	case IPC_PACKETS:
		on_packets(p, &m->u.packets);
		break;
	case IPC_CLOSED:
		on_ids(p, &m->u.ids, on_closed);
		break;
	case IPC_EMPTIED:
		p->setup.emptied(p->setup.ctx);
		break;
	default:
		break;
	}
}

static void
on_fw_settled(void *ctx)
{
	struct proxy *p = ctx;

	if (channel_recovered(p->fw))
		fw_send_all(p);
}

static void
on_fw_lost(void *ctx, enum ph_err why)
{
	struct proxy *p = ctx;
	struct question *q, *next;

	(void)why;
	log_debug(MODULE, "the firewall process is gone");
	/* Pinholes are sent to the successor, but other questions fail now. */
	TAILQ_FOREACH_SAFE(q, &p->questions, entry, next)
		if (q->type != IPC_COMMIT)
			question_end(p, q, PH_EAGAIN, NULL);
	p->setup.lost(p->setup.ctx);
}

static const struct channel_calls fw_calls = { on_fw, on_fw_settled,
	on_fw_lost };

/* Questions without an answer in time fail. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval second = { 1, 0 };
	struct proxy *p = arg;
	int64_t now = clock_now();
	struct question *q;

	(void)fd;
	(void)what;
	while ((q = TAILQ_FIRST(&p->questions)) != NULL && q->until <= now)
		question_end(p, q, PH_EAGAIN, NULL);
	event_add(p->timer, &second);
}

struct proxy *
proxy_new(const struct proxy_setup *setup)
{
	const struct timeval second = { 1, 0 };
	struct claims_sink sink = { .commit = on_commit };
	struct proxy *p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	sink.ctx = p;
	p->setup = *setup;
	p->last_id = FIRST_ID + setup->number % PROCESSES * IDS;
	p->asked_at = clock_now();
	TAILQ_INIT(&p->questions);
	p->fw = setup->fw;
	channel_init(p->fw, setup->base, &fw_calls, p);
	p->claims = claims_new(SIZE_MAX, p->last_id + 1, &setup->events, &sink);
	if (p->claims == NULL ||
	    (p->timer = event_new(setup->base, -1, 0, on_timer, p)) == NULL) {
		claims_free(p->claims);
		free(p);
		return NULL;
	}
	event_add(p->timer, &second);
	return p;
}

enum ph_err
proxy_link(struct proxy *p, int fd)
{
	if (channel_open(p->fw, fd) != PH_OK)
		return PH_ENOMEM;
	fw_send_all(p);
	return PH_OK;
}

int64_t
proxy_idle(const struct proxy *p)
{
	if (claims_counters(p->claims)->askers > 0 ||
	    !TAILQ_EMPTY(&p->questions))
		return 0;
	return clock_now() - p->asked_at;
}

struct event_base *
proxy_base(const struct proxy *p)
{
	return p->setup.base;
}

const struct conf *
proxy_conf(const struct proxy *p)
{
	return p->setup.conf;
}

int64_t
proxy_now(const struct proxy *p)
{
	(void)p;
	return clock_now();
}

/* Claim the pinhole of a new request, and ask for it. */
static struct question *
request_begin(struct proxy *p, struct request *r)
{
	struct claims_want want = { .asker = ++p->last_id,
		.v = &r->wish.hole,
		.n = 1,
		.lease = r->wish.lease_s * USEC_PER_SEC,
		.wait = true,
		.user = r };
	int64_t now = clock_now();
	struct question *q;

	r->wish.hole.deadline = now + want.lease;
	claims_want(p->claims, &want, now);
	if (claims_user(p->claims, want.asker) == NULL) {
		free(r);
		return NULL;
	}
	if ((q = question_new(p, IPC_COMMIT, r->wish.ctx)) == NULL) {
		request_end(p, want.asker, REASON_NONE);
		return NULL;
	}
	q->answer = r->wish.answer;
	q->hole = want.asker;
	q->fw_id = claims_fw_id(p->claims, want.asker);
	return q;
}

uint64_t
proxy_open(struct proxy *p, const struct proxy_wish *wish)
{
	struct request *r = calloc(1, sizeof(*r));
	struct question *q;

	if (r == NULL)
		return 0;
	r->wish = *wish;
	/*
	 * Send the change only when the question exists that its answer is for.
	 */
	claims_gather(p->claims, true);
	q = request_begin(p, r);
	claims_gather(p->claims, false);
	return q != NULL ? q->hole : 0;
}

void
proxy_close(struct proxy *p, uint64_t id, enum reason why)
{
	request_end(p, id, why);
}

bool
proxy_original(struct proxy *p, const struct fw_flow *flow,
    proxy_target *target, void *ctx)
{
	struct question *q;

	if ((q = question_new(p, IPC_ORIGINAL, ctx)) == NULL)
		return false;
	q->target = target;
	p->msg.u.original.flow = *flow;
	fw_send(p, IPC_ORIGINAL, q->seq);
	return true;
}

bool
proxy_table(struct proxy *p, const struct proxy_table *t, proxy_answer *reply,
    void *ctx)
{
	struct ipc_table *m = &p->msg.u.table;
	struct question *q;

	if (t->n > IPC_PREFIXES ||
	    (q = question_new(p, IPC_TABLE, ctx)) == NULL)
		return false;
	q->answer = reply;
	m->index = t->index;
	m->op = t->op;
	m->ttl_s = t->ttl_s;
	m->n = (uint32_t)t->n;
	if (t->n > 0)
		memcpy(m->prefixes, t->v, t->n * sizeof(t->v[0]));
	fw_send(p, IPC_TABLE, q->seq);
	return true;
}

void
proxy_forget(struct proxy *p, void *ctx)
{
	struct question *q;
	struct request *r;
	uint64_t id = 0;

	TAILQ_FOREACH(q, &p->questions, entry)
		if (q->ctx == ctx) {
			q->answer = NULL;
			q->target = NULL;
		}
	while ((id = claims_asker_after(p->claims, id)) != 0) {
		r = claims_user(p->claims, id);
		if (r->wish.ctx == ctx)
			r->wish.gone = NULL;
	}
}

void
proxy_shutdown(struct proxy *p, enum reason why)
{
	uint64_t id;

	while ((id = claims_asker_after(p->claims, 0)) != 0)
		request_end(p, id, why);
	/* Send what is queued. */
	if (channel_flush(p->fw) != PH_OK)
		log_debug(MODULE,
		    "the last messages did not reach the firewall process");
}

void
proxy_free(struct proxy *p)
{
	struct question *q;
	uint64_t id = 0;

	while ((q = TAILQ_FIRST(&p->questions)) != NULL) {
		TAILQ_REMOVE(&p->questions, q, entry);
		free(q);
	}
	while ((id = claims_asker_after(p->claims, id)) != 0)
		free(claims_user(p->claims, id));
	claims_free(p->claims);
	event_free(p->timer);
	free(p);
}

void
proxy_report(const struct proxy *p, struct counters *c)
{
	const struct claims_counters *n = claims_counters(p->claims);

	counters_put_gauge(c, "open", n->opened - n->closed);
	counters_put(c, "opened", n->opened);
	counters_put(c, "closed", n->closed);
	counters_put(c, "refused", p->refused);
	counters_put(c, "questions", p->asked);
	counters_put(c, "unanswered", p->unanswered);
}

bool
proxy_view(struct proxy *p, uint64_t *at,
    void (*view)(void *ctx, const struct claims_view *v), void *ctx)
{
	uint64_t id = claims_asker_after(p->claims, *at);

	if (id == 0)
		return false;
	*at = id;
	claims_view(p->claims, id, view, ctx);
	return true;
}

bool
proxy_end(struct proxy *p, uint64_t id, enum reason why)
{
	struct request *r = claims_user(p->claims, id);
	struct proxy_wish wish;

	if (r == NULL)
		return false;
	wish = r->wish;
	request_end(p, id, why);
	if (wish.gone != NULL)
		wish.gone(wish.ctx);
	return true;
}

void
proxy_verbose(struct proxy *p, int verbose)
{
	p->setup.events.verbose = verbose;
	claims_verbose(p->claims, verbose);
}
