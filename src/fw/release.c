/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/clock.h"
#include "src/fw/release.h"

void
release_init(struct release *r, const struct packetq *queue,
    const struct conf_inline *conf, struct fwcounters *n)
{
	memset(r, 0, sizeof(*r));
	r->queue = queue;
	r->n = n;
	queuewatch_init(&r->watch, queue, conf->hold_ms, conf->open);
	r->watch.carrier = true;
}

void
release_ask(struct release *r, const struct ipc_release *m)
{
	uint32_t i;

	if (m->n == 0)
		return;
	r->asked = true;
	r->last = m->last;
	r->count += m->n;
	/* The times of more packets than fit are not kept. */
	for (i = 0; i < m->n && r->nsince < IPC_HELD; i++)
		r->since[r->nsince++] = m->since[i];
}

/* How many of those that were asked for had got their verdict before. */
static uint64_t
release_late(const struct release *r)
{
	int32_t ahead = (int32_t)(r->last - r->watch.gone);
	uint64_t waited = ahead > 0 ? (uint64_t)ahead : 0;

	if (!r->watch.gone_known || waited >= r->count)
		return 0;
	return r->count - waited;
}

static void
release_packets(struct release *r)
{
	uint64_t late = release_late(r), i;
	int64_t wall;

	packetq_verdict(r->queue, r->last, true);
	wall = clock_wall(clock_now());
	for (i = late; i < r->nsince; i++)
		histogram_add(&r->n->held,
		    r->since[i] > 0 && wall > r->since[i] ? wall - r->since[i]
							  : 0);
	r->n->held_released += r->count - late;
	r->asked = false;
	r->count = 0;
	r->nsince = 0;
}

int64_t
release_run(struct release *r, bool settled, int64_t next)
{
	int64_t at;

	if (r->asked && settled)
		release_packets(r);
	at = queuewatch_run(&r->watch, clock_now());
	r->n->held_expired += r->watch.expired - r->expired;
	r->n->held_dropped += r->watch.dropped - r->dropped;
	r->expired = r->watch.expired;
	r->dropped = r->watch.dropped;
	return at < next ? at : next;
}
