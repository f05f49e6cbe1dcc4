/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/shares.h"
#include "src/capture/hep_stream.h"
#include "src/engine/hep_server.h"

#define MODULE	  "hep"
#define TURN	  64 /* datagrams or connections, before others get a turn */
#define LISTENERS 2  /* UDP and TCP */

struct hep_conn {
	struct hep_server *server;
	struct share_item item;
	struct addr sender;
	struct hep_stream *stream;
	struct event *ev;
	int fd;
};

struct hep_server {
	struct hep_server_setup setup;
	struct event *ev[LISTENERS];
	struct shares room; /* an item is a connection, and costs 1 */
	struct log_limit refused_log;
	char bytes[HEP_MAX];
};

/* Rate-limited: strangers can cause these lines. */
static void
hep_server_refused(struct hep_server *s, const struct addr *sender,
    const char *why)
{
	char text[ADDR_STRLEN];
	uint32_t missed;

	if (!log_may(&s->refused_log, clock_now(), &missed))
		return;
	log_info(MODULE, "refused what %s mirrors: %s",
	    addr_format(sender, text), why);
	if (missed > 0)
		log_info(MODULE, "%u more refused, not shown", missed);
}

static void
hep_server_packet(struct hep_server *s, const struct addr *sender,
    struct span packet)
{
	enum hep_refusal why;
	struct datagram d;

	if (hep_policy_packet(s->setup.policy, clock_now(), sender, packet, &d,
		&why))
		s->setup.message(s->setup.ctx, &d);
	else
		hep_server_refused(s, sender, hep_policy_text(why));
}

static void
on_datagrams(evutil_socket_t fd, short what, void *arg)
{
	struct hep_server *s = arg;
	struct sockaddr_storage ss;
	struct addr sender;
	socklen_t len;
	ssize_t n;
	int i;

	(void)what;
	for (i = 0; i < TURN; i++) {
		len = sizeof(ss);
		n = recvfrom(fd, s->bytes, sizeof(s->bytes), 0,
		    (struct sockaddr *)&ss, &len);
		if (n == -1)
			break;
		sender = addr_from_sockaddr((struct sockaddr *)&ss);
		hep_server_packet(s, &sender,
		    (struct span) { s->bytes, (size_t)n });
	}
	s->setup.done(s->setup.ctx);
}

static void
hep_conn_free(struct hep_conn *c)
{
	shares_remove(&c->server->room, &c->item);
	hep_stream_free(c->stream);
	if (c->ev != NULL)
		event_free(c->ev);
	close(c->fd);
	free(c);
}

static void
on_packet(void *ctx, struct span packet)
{
	struct hep_conn *c = ctx;

	hep_server_packet(c->server, &c->sender, packet);
}

/* At most one read a turn: no sender keeps the others waiting. */
static void
on_bytes(evutil_socket_t fd, short what, void *arg)
{
	struct hep_conn *c = arg;
	struct hep_server *s = c->server;
	enum ph_err rc = PH_EGONE;
	ssize_t n;

	(void)what;
	n = read(fd, s->bytes, sizeof(s->bytes));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	shares_touch(&s->room, &c->item);
	if (n > 0)
		rc = hep_stream_add(c->stream,
		    (struct span) { s->bytes, (size_t)n }, on_packet, c);
	if (rc == PH_EMALFORMED) {
		s->setup.policy->refused[HEP_REFUSED_MALFORMED]++;
		hep_server_refused(s, &c->sender,
		    hep_policy_text(HEP_REFUSED_MALFORMED));
	}
	if (rc != PH_OK)
		hep_conn_free(c);
	s->setup.done(s->setup.ctx);
}

/* Takes `fd` in any case. */
static void
hep_server_accept(struct hep_server *s, int fd, const struct addr *sender)
{
	struct hep_conn *c;

	if (!hep_policy_admits(s->setup.policy, sender)) {
		hep_server_refused(s, sender,
		    hep_policy_text(HEP_REFUSED_SENDER));
		close(fd);
		return;
	}
	if (s->room.n >= HEP_CONNECTIONS)
		hep_conn_free(shares_worst(&s->room));
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->server = s;
	c->sender = *sender;
	c->item.owner = c;
	c->fd = fd;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if ((c->stream = hep_stream_new()) == NULL ||
	    !shares_add(&s->room, &c->item, sender, 1) ||
	    (c->ev = event_new(s->setup.base, fd, EV_READ | EV_PERSIST,
		 on_bytes, c)) == NULL ||
	    event_add(c->ev, NULL) == -1)
		hep_conn_free(c);
}

static void
on_connections(evutil_socket_t fd, short what, void *arg)
{
	struct hep_server *s = arg;
	struct sockaddr_storage ss;
	struct addr sender;
	socklen_t len;
	int i, client;

	(void)what;
	for (i = 0; i < TURN; i++) {
		len = sizeof(ss);
		client = accept(fd, (struct sockaddr *)&ss, &len);
		if (client == -1)
			break;
		sender = addr_from_sockaddr((struct sockaddr *)&ss);
		hep_server_accept(s, client, &sender);
	}
}

struct hep_server *
hep_server_new(const struct hep_server_setup *setup)
{
	const struct listeners *l = setup->listeners;
	struct hep_server *s = calloc(1, sizeof(*s));
	size_t i;

	if (s == NULL)
		return NULL;
	s->setup = *setup;
	shares_init(&s->room);
	for (i = 0; i < l->n && i < LISTENERS; i++) {
		s->ev[i] = event_new(setup->base, l->v[i].fd,
		    EV_READ | EV_PERSIST,
		    l->v[i].kind == LISTEN_HEP ? on_datagrams : on_connections,
		    s);
		if (s->ev[i] == NULL || event_add(s->ev[i], NULL) == -1) {
			hep_server_free(s);
			return NULL;
		}
	}
	return s;
}

void
hep_server_free(struct hep_server *s)
{
	struct hep_conn *c;
	size_t i;

	if (s == NULL)
		return;
	while ((c = shares_worst(&s->room)) != NULL)
		hep_conn_free(c);
	for (i = 0; i < LISTENERS; i++)
		if (s->ev[i] != NULL)
			event_free(s->ev[i]);
	free(s);
}
