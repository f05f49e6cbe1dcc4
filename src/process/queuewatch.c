/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/timers.h"
#include "src/process/queuewatch.h"

/* Questions without a packet after which we wait for the socket again. */
#define QUIET_MAX 64
/* How long between questions while no packet comes. */
#define ASLEEP	  USEC_PER_SEC

static int64_t
step_of(uint32_t hold_ms)
{
	return (int64_t)hold_ms * 1000 / (QUEUEWATCH_STEPS + 1);
}

int64_t
queuewatch_attention(uint32_t hold_ms)
{
	return QUIET_MAX * step_of(hold_ms);
}

void
queuewatch_init(struct queuewatch *w, const struct packetq *queue,
    uint32_t hold_ms, bool pass)
{
	memset(w, 0, sizeof(*w));
	w->queue = queue;
	w->every = step_of(hold_ms);
	w->pass = pass;
	w->asleep = true;
	ipc_init(&w->socket[0], -1);
	ipc_init(&w->socket[1], -1);
}

struct ipc *
queuewatch_socket(struct queuewatch *w, size_t i)
{
	bool wanted = w->asleep || (w->carrier && packetq_carried);

	w->socket[i].fd = !wanted ? -1
	    : i == 0		  ? w->queue->fd
				  : w->queue->other_fd;
	return &w->socket[i];
}

void
queuewatch_wake(struct queuewatch *w, int64_t now)
{
	if (w->carrier)
		packetq_carry(w->queue);
	if (!w->asleep)
		return;
	w->asleep = false;
	w->at = now + w->every;
	w->known = 0;
	w->quiet = 0;
}

/*
 * Let go, or drop, what waits with a number up to `last`.  What came later
 * waits, too, as a rule: of those there were at most as many as the numbers
 * have grown.
 */
static void
watch_expire(struct queuewatch *w, const struct packetq_state *s, uint32_t last)
{
	uint32_t later = s->last - last;

	packetq_verdict(w->queue, last, w->pass);
	if (s->waiting > later)
		w->expired += s->waiting - later;
}

static void
watch_ask(struct queuewatch *w)
{
	struct packetq_state s;

	if (!packetq_state(w->queue, &s))
		return;
	if (w->begun)
		w->dropped += s.dropped - w->dropped_before;
	w->dropped_before = s.dropped;
	w->begun = true;
	w->quiet = w->known > 0 && s.last == w->last[0] ? w->quiet + 1 : 0;
	if (w->known == QUEUEWATCH_STEPS) {
		w->gone = w->last[w->known - 1];
		w->gone_known = true;
		if (s.waiting > 0)
			watch_expire(w, &s, w->gone);
	}
	memmove(&w->last[1], &w->last[0],
	    sizeof(w->last[0]) * (QUEUEWATCH_STEPS - 1));
	w->last[0] = s.last;
	if (w->known < QUEUEWATCH_STEPS)
		w->known++;
	w->asleep = w->quiet > QUIET_MAX && s.waiting == 0;
}

/* Packets came and were read before we saw that the socket was readable. */
static void
watch_look(struct queuewatch *w, int64_t now)
{
	struct packetq_state s;

	w->at = now + ASLEEP;
	if (packetq_state(w->queue, &s) && s.waiting > 0)
		queuewatch_wake(w, now);
}

int64_t
queuewatch_run(struct queuewatch *w, int64_t now)
{
	if (w->queue->fd == -1)
		return INT64_MAX;
	if (now >= w->at && w->asleep)
		watch_look(w, now);
	else if (now >= w->at) {
		/* A question that came late counts once. */
		w->at = now + w->every;
		watch_ask(w);
	}
	return w->at;
}
