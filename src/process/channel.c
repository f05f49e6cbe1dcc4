/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <string.h>
#include <unistd.h>

#include "src/process/channel.h"

/* Messages at a time, for a peer may send them as fast as we read. */
#define TURN 256

void
channel_watch(struct channel *c)
{
	short what = EV_READ | EV_PERSIST;

	if (c->ev == NULL)
		return;
	if (ipc_unsent(&c->ipc))
		what |= EV_WRITE;
	if (event_get_events(c->ev) == what)
		return;
	event_del(c->ev);
	event_assign(c->ev, c->base, c->ipc.fd, what, event_get_callback(c->ev),
	    c);
	event_add(c->ev, NULL);
}

static void
on_ready(evutil_socket_t sock, short what, void *arg)
{
	struct channel *c = arg;
	enum ph_err rc = PH_OK;
	int fd, n;

	(void)sock;
	if (what & EV_WRITE)
		rc = ipc_flush(&c->ipc);
	for (n = 0; (n < TURN || ipc_pending(&c->ipc)) && rc == PH_OK; n++) {
		if ((rc = ipc_recv(&c->ipc, &c->in, &fd)) != PH_OK)
			break;
		c->calls->message(c->ctx, &c->in, &fd);
		if (fd != -1)
			close(fd);
		/* The message has ended the process. */
		if (event_base_got_break(c->base))
			return;
	}
	if (rc != PH_OK && rc != PH_EAGAIN) {
		channel_close(c);
		c->calls->lost(c->ctx, rc);
		return;
	}
	channel_watch(c);
	if (c->calls->settled != NULL)
		c->calls->settled(c->ctx);
}

void
channel_init(struct channel *c, struct event_base *base,
    const struct channel_calls *calls, void *ctx)
{
	memset(c, 0, sizeof(*c));
	c->base = base;
	c->calls = calls;
	c->ctx = ctx;
	ipc_init(&c->ipc, -1);
}

enum ph_err
channel_open(struct channel *c, int fd)
{
	channel_close(c);
	ipc_init(&c->ipc, fd);
	c->ev = event_new(c->base, fd, EV_READ | EV_PERSIST, on_ready, c);
	if (c->ev == NULL || event_add(c->ev, NULL) != 0) {
		channel_close(c);
		return PH_ENOMEM;
	}
	return PH_OK;
}

bool
channel_linked(const struct channel *c)
{
	return c->ev != NULL;
}

void
channel_close(struct channel *c)
{
	if (c->ev != NULL)
		event_free(c->ev);
	c->ev = NULL;
	c->dropped = false;
	ipc_close(&c->ipc);
}

void
channel_send(struct channel *c, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m, int fd)
{
	enum ph_err rc = ipc_send(&c->ipc, type, seq, m, fd);

	/* If the peer is gone, reading says so: on_ready(). */
	if (rc == PH_ELIMIT || rc == PH_ENOMEM)
		c->dropped = true;
	channel_watch(c);
}

enum ph_err
channel_flush(struct channel *c)
{
	return c->ev != NULL ? ipc_flush(&c->ipc) : PH_OK;
}

void
channel_hold(struct channel *c, bool yes)
{
	c->ipc.held = yes && channel_linked(c);
	if (yes)
		return;
	/* If the peer is gone, reading says so. */
	(void)!channel_flush(c);
	channel_watch(c);
}

bool
channel_recovered(struct channel *c)
{
	if (!c->dropped || ipc_unsent(&c->ipc))
		return false;
	c->dropped = false;
	return true;
}
