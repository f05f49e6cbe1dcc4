/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <string.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/engine/held.h"
#include "src/process/queuewatch.h"

/* A packet and what the kernel tells of it. */
#define MESSAGE_MAX (65536 + 4096)

/* A gap as large as this is no gap: another socket has the queue. */
#define GAP_MAX (1u << 24)

static void
held_note(struct held *h, const struct nfqueue_packet *p)
{
	uint32_t gap = p->id - h->last - 1;

	/* With `fail closed` they were dropped, which the kernel counts. */
	if (h->begun && gap < GAP_MAX && h->queue->open)
		h->missed += gap;
	h->begun = true;
	h->last = p->id;
	h->packets++;
	h->numbers[h->n] = p->id;
	h->since[h->n] = p->stamp != 0 ? p->stamp : clock_wall(clock_now());
}

bool
held_turn(struct held *h,
    bool (*packet)(void *ctx, const struct nfqueue_packet *p), void *ctx)
{
	static char buf[MESSAGE_MAX]; /* too big for the stack */
	struct nfqueue_packet p;
	struct span rest;

	h->n = 0;
	h->first = IPC_HELD;
	while (h->n < IPC_HELD &&
	    (rest.len = packetq_read(h->queue, buf, sizeof(buf))) > 0) {
		rest.p = buf;
		/* The kernel sends one packet at a time. */
		if (nfqueue_next(&p, &rest) != PH_OK)
			continue;
		held_note(h, &p);
		if (packet(ctx, &p) && h->first > h->n)
			h->first = h->n;
		h->n++;
	}
	if (h->first > h->n)
		h->first = h->n;
	return h->n > 0;
}

bool
held_release(struct held *h, bool all, struct ipc_release *out)
{
	uint32_t n = all ? h->n : h->first;

	if (n == 0)
		return false;
	out->n = n;
	out->last = h->numbers[n - 1];
	memcpy(out->since, h->since, n * sizeof(out->since[0]));
	h->n -= n;
	h->first = 0;
	memmove(h->numbers, h->numbers + n, h->n * sizeof(h->numbers[0]));
	memmove(h->since, h->since + n, h->n * sizeof(h->since[0]));
	return true;
}

static bool
on_packet(void *ctx, const struct nfqueue_packet *p)
{
	const struct held_user *u = ctx;
	uint64_t before = engine_opened(u->engine);

	capture_held(u->capture, p, clock_now(), &u->sink);
	return engine_opened(u->engine) != before;
}

static void
send_release(struct held *h, bool all)
{
	struct worker *w = h->user.worker;

	if (held_release(h, all, &w->out.u.release))
		channel_send(&w->fw, IPC_RELEASE, 0, &w->out, -1);
}

/*
 * The firewall process and the monitor, which enforce the deadline, look only
 * once a second while no packet comes.  Wake them before we read a packet, for
 * then we could hang and leave it waiting.
 */
static void
tell_watches(struct held *h)
{
	struct worker *w = h->user.worker;
	int64_t now = clock_now();

	if (h->turn_at == 0 ||
	    now - h->turn_at > queuewatch_attention(h->user.hold_ms) / 2) {
		channel_send(&w->fw, IPC_WAITS, 0, &w->out, -1);
		channel_send(&w->monitor, IPC_WAITS, 0, &w->out, -1);
	}
	h->turn_at = now;
}

void
held_run(struct held *h)
{
	struct held_user *u = &h->user;

	if (h->ev == NULL)
		return;
	tell_watches(h);
	/*
	 * As with a capture, one commit for all.  Changes and releases go
	 * together, and wake the firewall process once.
	 */
	channel_hold(&u->worker->fw, true);
	engine_gather(u->engine, true);
	if (held_turn(h, on_packet, u))
		send_release(h, false);
	engine_gather(u->engine, false);
	send_release(h, true);
	channel_hold(&u->worker->fw, false);
}

static void
on_queue(evutil_socket_t fd, short what, void *arg)
{
	struct held *h = arg;

	(void)fd;
	(void)what;
	held_run(h);
	h->user.settle(h->user.ctx);
}

void
held_serve(struct held *h, const struct packetq *queue,
    const struct held_user *user)
{
	if (queue->fd == -1 || user->capture == NULL)
		return;
	h->queue = queue;
	h->user = *user;
	h->ev = event_new(user->worker->base, queue->fd, EV_READ | EV_PERSIST,
	    on_queue, h);
	if (h->ev == NULL || event_add(h->ev, NULL) == -1)
		log_fatalx("engine", "out of memory");
}

void
held_end(struct held *h)
{
	if (h->ev != NULL)
		event_free(h->ev);
}

void
held_report(const struct held *h, struct counters *c)
{
	counters_put(c, "inline_packets", h->packets);
	counters_put(c, "inline_bypassed", h->missed);
}
