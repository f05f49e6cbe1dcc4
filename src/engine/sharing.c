/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "sip/sip.h"
#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/engine/calls.h"
#include "src/engine/sharing.h"

#define TURN 64 /* calls */

static void
sharing_send(struct sharing *s, enum ipc_type type)
{
	channel_send(&s->channel, type, 0, &s->out, -1);
}

/* The record in parts that are messages. */
static void
send_record(struct sharing *s, uint64_t id, bool changed, const uint8_t *p,
    size_t len)
{
	struct ipc_share_call *c = &s->out.u.share_call;
	struct span names;
	size_t at, n;

	if (sip_export_key(p + 4, len - 4, &names) != PH_OK)
		return;
	for (at = 0; at < len; at += n) {
		n = len - at < IPC_SHARE_PART ? len - at : IPC_SHARE_PART;
		memset(c, 0, offsetof(struct ipc_share_call, bytes));
		c->id = id;
		c->total = (uint32_t)len;
		c->offset = (uint32_t)at;
		c->names_at =
		    (uint32_t)((const uint8_t *)(const void *)names.p - p);
		c->names_len = (uint32_t)names.len;
		c->flag = changed;
		c->n = (uint32_t)n;
		memcpy(c->bytes, p + at, n);
		sharing_send(s, IPC_SHARE_CALL);
	}
}

bool
sharing_call(void *sharing, uint64_t id, const void *p, size_t len,
    enum reason why)
{
	struct sharing *s = sharing;

	if (!channel_linked(&s->channel))
		return false;
	if (len > 0) {
		send_record(s, id, true, p, len);
		return true;
	}
	s->out.u.share_gone =
	    (struct ipc_share_gone) { .id = id, .reason = (uint32_t)why };
	sharing_send(s, IPC_SHARE_GONE);
	return true;
}

static uint32_t
age_of(int64_t at, int64_t now)
{
	if (at == 0 || at > now)
		return at == 0 ? UINT32_MAX : 0;
	return (uint32_t)((now - at) / USEC_PER_SEC);
}

void
sharing_seen(void *sharing, uint64_t id, int64_t inside, int64_t outside)
{
	struct sharing *s = sharing;
	int64_t now = clock_now();

	if (!channel_linked(&s->channel))
		return;
	s->out.u.share_seen = (struct ipc_share_seen) { .id = id,
		.inside_s = age_of(inside, now),
		.outside_s = age_of(outside, now) };
	sharing_send(s, IPC_SHARE_SEEN);
}

bool
sharing_run(struct sharing *s)
{
	const uint8_t *p;
	bool changed;
	size_t len;
	int i;

	if (!channel_linked(&s->channel))
		return false;
	if (channel_recovered(&s->channel)) {
		s->gaps++;
		s->telling = true;
		s->at = 0;
		sharing_send(s, IPC_SHARE_BEGIN);
	}
	for (i = 0; s->telling && i < TURN; i++) {
		/* The rest goes when the share process has read this. */
		if (ipc_unsent(&s->channel.ipc))
			return false;
		if ((s->at = calls_after(s->calls, s->at)) == 0) {
			s->telling = false;
			sharing_send(s, IPC_SHARE_END);
		} else if (calls_record(s->calls, s->at, &p, &len, &changed))
			send_record(s, s->at, changed, p, len);
	}
	return s->telling;
}

/* From the share process. */

static void
on_call(struct sharing *s, const struct ipc_share_call *c)
{
	uint64_t id = 0;
	enum ph_err rc;

	if (c->offset == 0)
		s->have = 0;
	if (c->offset != s->have || c->n > sizeof(s->in) - s->have)
		return;
	memcpy(s->in + s->have, c->bytes, c->n);
	s->have += c->n;
	if (s->have < c->total)
		return;
	rc = calls_adopt_peer(s->calls, s->in, s->have, c->flag != 0,
	    clock_now(), &id);
	s->out.u.share_took = (struct ipc_share_took) { .id = id, .err = rc };
	memcpy(s->out.u.share_took.key, c->key, IPC_SHARE_KEY);
	sharing_send(s, IPC_SHARE_TOOK);
}

static int64_t
time_of(uint32_t age, int64_t now)
{
	return age == UINT32_MAX ? 0 : now - age * USEC_PER_SEC;
}

static void
on_message(void *ctx, const struct ipc_msg *m, int *fd)
{
	const struct ipc_share_seen *seen = &m->u.share_seen;
	struct sharing *s = ctx;
	int64_t now = clock_now();

	(void)fd;
	switch (m->hdr.type) {
	case IPC_SHARE_CALL:
		on_call(s, &m->u.share_call);
		break;
	case IPC_SHARE_GONE:
		if (m->u.share_gone.reason < REASON_COUNT)
			calls_end(s->calls, m->u.share_gone.id,
			    (enum reason)m->u.share_gone.reason, now);
		break;
	case IPC_SHARE_SEEN:
		calls_seen(s->calls, seen->id, time_of(seen->inside_s, now),
		    time_of(seen->outside_s, now));
		break;
	case IPC_SHARE_ROLE:
		if (m->u.share_role.role <= CALLS_LOST)
			calls_role(s->calls, m->u.share_role.id,
			    (enum calls_role)m->u.share_role.role, now);
		break;
	default:
		break;
	}
}

/* The share process is gone; its successor will be told of all calls. */
static void
on_lost(void *ctx, enum ph_err why)
{
	struct sharing *s = ctx;
	uint64_t id;

	(void)why;
	/* The last records for the share process may have got no further. */
	calls_untold(s->calls);
	/*
	 * Without a share process we do not know whether another box judges
	 * these calls, so this one judges them all.
	 */
	for (id = calls_after(s->calls, 0); id != 0;
	     id = calls_after(s->calls, id))
		calls_role(s->calls, id, CALLS_OURS, clock_now());
}

static void
on_settled(void *ctx)
{
	struct sharing *s = ctx;

	s->settled(s->ctx);
}

static const struct channel_calls sharing_calls = { on_message, on_settled,
	on_lost };

void
sharing_init(struct sharing *s, struct event_base *base,
    void (*settled)(void *ctx), void *ctx)
{
	s->settled = settled;
	s->ctx = ctx;
	channel_init(&s->channel, base, &sharing_calls, s);
}

void
sharing_open(struct sharing *s, struct calls *calls, int *fd)
{
	if (*fd == -1)
		return;
	s->calls = calls;
	s->have = 0;
	s->at = 0;
	s->telling = channel_open(&s->channel, *fd) == PH_OK;
	*fd = -1;
	s->channel.ipc.max = SHARING_QUEUE_MAX;
	if (s->telling)
		sharing_send(s, IPC_SHARE_BEGIN);
	s->settled(s->ctx);
}

void
sharing_close(struct sharing *s)
{
	channel_close(&s->channel);
}
