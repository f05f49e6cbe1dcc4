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
#include "src/base/tree.h"
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
	uint64_t hole; /* IPC_COMMIT */
	proxy_answer *answer;
	proxy_target *target;
	void *ctx;
};

struct hole {
	RB_ENTRY(hole) node;
	struct proxy_wish wish; /* with its id and deadline */
	uint64_t asked;		/* the question's seq */
	bool open;		/* the filter has it, and the event is out */
	bool used;
};

RB_HEAD(hole_tree, hole);

struct proxy {
	struct proxy_setup setup;
	struct channel *fw;
	struct event *timer;
	struct ipc_msg msg; /* to send; too big for the stack */
	TAILQ_HEAD(, question) questions;
	struct hole_tree holes;
	uint64_t seq, last_id;
	int64_t asked_at;
	struct {
		uint64_t open; /* now */
		uint64_t opened, closed, refused, unanswered, questions;
	} n;
};

static int
hole_cmp(const struct hole *a, const struct hole *b)
{
	uint64_t x = a->wish.hole.id, y = b->wish.hole.id;

	return x < y ? -1 : x > y;
}

RB_GENERATE_STATIC(hole_tree, hole, node, hole_cmp)

static struct hole *
hole_find(struct proxy *p, uint64_t id)
{
	struct hole key;

	key.wish.hole.id = id;
	return RB_FIND(hole_tree, &p->holes, &key);
}

static void
fw_send(struct proxy *p, enum ipc_type type, uint64_t seq)
{
	channel_send(p->fw, type, seq, &p->msg, -1);
}

static void
fw_send_hole(struct proxy *p, enum fw_op op, const struct pinhole *h,
    uint64_t seq)
{
	struct ipc_commit *c = &p->msg.u.commit;

	c->n = 1;
	c->pad = 0;
	memset(&c->changes[0], 0, sizeof(c->changes[0]));
	c->changes[0].op = op;
	c->changes[0].hole = *h;
	fw_send(p, IPC_COMMIT, seq);
}

static void
fw_send_all(struct proxy *p)
{
	struct hole *h;

	fw_send(p, IPC_BEGIN, ++p->seq);
	RB_FOREACH(h, hole_tree, &p->holes)
		fw_send_hole(p, FW_OPEN, &h->wish.hole,
		    h->open ? ++p->seq : h->asked);
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
	p->n.questions++;
	return q;
}

static void
hole_free(struct proxy *p, struct hole *h)
{
	RB_REMOVE(hole_tree, &p->holes, h);
	p->n.open -= h->open;
	free(h);
}

static void
hole_closed(struct proxy *p, struct hole *h, enum reason why)
{
	if (!h->open)
		return;
	p->n.closed++;
	events_close(&p->setup.events, clock_now(), &h->wish.hole,
	    (struct span) { NULL, 0 }, why);
}

static void
hole_refused(struct proxy *p, const struct hole *h, enum ph_err rc)
{
	struct event_refusal r = { 0 };

	p->n.refused++;
	r.src = h->wish.hole.from.addr;
	r.dst = h->wish.hole.to;
	r.dport = h->wish.hole.to_lo;
	r.reason =
	    rc == PH_EDENIED || rc == PH_EBAD ? REASON_ADDRESS : REASON_LIMIT;
	events_refuse(&p->setup.events, clock_now(), &r,
	    (struct span) { NULL, 0 });
}

static void
hole_answered(struct proxy *p, struct question *q, enum ph_err rc)
{
	struct hole *h = hole_find(p, q->hole);

	if (h == NULL)
		return;
	if (rc != PH_OK) {
		hole_refused(p, h, rc);
		fw_send_hole(p, FW_CLOSE, &h->wish.hole, ++p->seq);
		hole_free(p, h);
	} else {
		h->open = true;
		p->n.open++;
		p->n.opened++;
		events_open(&p->setup.events, clock_now(), &h->wish.hole,
		    &(struct events_owner) { h->wish.hole.id, h->wish.hole.id,
			{ NULL, 0 } },
		    REASON_REQUEST);
	}
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
		p->n.unanswered++;
	if (q->type == IPC_COMMIT)
		hole_answered(p, q, rc);
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
	struct question *q;

	/* Answers mostly come in order: the first one. */
	TAILQ_FOREACH(q, &p->questions, entry)
		if (q->seq == seq &&
		    (q->type == IPC_ORIGINAL) == (target != NULL)) {
			question_end(p, q, rc, target);
			return;
		}
}

static void
on_seen(struct proxy *p, uint64_t id)
{
	struct hole *h = hole_find(p, id);
	int64_t now = clock_now(), lease;

	if (h == NULL || !h->wish.renew)
		return;
	h->used = true;
	lease = h->wish.lease_s * USEC_PER_SEC;
	if (!silence_renews(h->wish.hole.deadline, lease, now))
		return;
	h->wish.hole.deadline = now + lease;
	fw_send_hole(p, FW_OPEN, &h->wish.hole, ++p->seq);
}

static void
on_closed(struct proxy *p, uint64_t id)
{
	struct hole *h = hole_find(p, id);
	struct proxy_wish wish;

	if (h == NULL || !h->open)
		return;
	wish = h->wish;
	hole_closed(p, h, wish.renew && !h->used ? REASON_IDLE : REASON_DONE);
	hole_free(p, h);
	if (wish.gone != NULL)
		wish.gone(wish.ctx);
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
	struct proxy *p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->setup = *setup;
	p->last_id = FIRST_ID + setup->number % PROCESSES * IDS;
	p->asked_at = clock_now();
	TAILQ_INIT(&p->questions);
	RB_INIT(&p->holes);
	p->fw = setup->fw;
	channel_init(p->fw, setup->base, &fw_calls, p);
	if ((p->timer = event_new(setup->base, -1, 0, on_timer, p)) == NULL) {
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
	if (!RB_EMPTY(&p->holes) || !TAILQ_EMPTY(&p->questions))
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

uint64_t
proxy_open(struct proxy *p, const struct proxy_wish *wish)
{
	struct question *q;
	struct hole *h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return 0;
	if ((q = question_new(p, IPC_COMMIT, wish->ctx)) == NULL) {
		free(h);
		return 0;
	}
	h->wish = *wish;
	h->wish.hole.id = q->hole = ++p->last_id;
	h->asked = q->seq;
	h->wish.hole.deadline = clock_now() + wish->lease_s * USEC_PER_SEC;
	q->answer = wish->answer;
	RB_INSERT(hole_tree, &p->holes, h);
	fw_send_hole(p, FW_OPEN, &h->wish.hole, q->seq);
	return q->hole;
}

void
proxy_close(struct proxy *p, uint64_t id, enum reason why)
{
	struct hole *h = hole_find(p, id);

	if (h == NULL)
		return;
	hole_closed(p, h, why);
	fw_send_hole(p, FW_CLOSE, &h->wish.hole, ++p->seq);
	hole_free(p, h);
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
	struct hole *h;

	TAILQ_FOREACH(q, &p->questions, entry)
		if (q->ctx == ctx) {
			q->answer = NULL;
			q->target = NULL;
		}
	RB_FOREACH(h, hole_tree, &p->holes)
		if (h->wish.ctx == ctx)
			h->wish.gone = NULL;
}

void
proxy_shutdown(struct proxy *p, enum reason why)
{
	struct hole *h;

	while ((h = RB_MIN(hole_tree, &p->holes)) != NULL)
		proxy_close(p, h->wish.hole.id, why);
	/* Send what is queued. */
	if (channel_flush(p->fw) != PH_OK)
		log_debug(MODULE, "the firewall process did not listen");
}

void
proxy_free(struct proxy *p)
{
	struct question *q;
	struct hole *h;

	while ((q = TAILQ_FIRST(&p->questions)) != NULL) {
		TAILQ_REMOVE(&p->questions, q, entry);
		free(q);
	}
	while ((h = RB_MIN(hole_tree, &p->holes)) != NULL)
		hole_free(p, h);
	event_free(p->timer);
	free(p);
}

void
proxy_report(const struct proxy *p, struct counters *c)
{
	counters_put_gauge(c, "open", p->n.open);
	counters_put(c, "opened", p->n.opened);
	counters_put(c, "closed", p->n.closed);
	counters_put(c, "refused", p->n.refused);
	counters_put(c, "questions", p->n.questions);
	counters_put(c, "unanswered", p->n.unanswered);
}
