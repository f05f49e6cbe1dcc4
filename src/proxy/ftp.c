/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ftp/session.h"
#include "src/base/log.h"
#include "src/base/queue.h"
#include "src/base/shares.h"
#include "src/base/timers.h"
#include "src/fw/config.h"
#include "src/proxy/ports.h"
#include "src/proxy/proxy.h"

/*
 * The FTP proxy: control connections end here and begin again toward the
 * server, so that the ports they name can be others; the data go through the
 * packet filter, past us.
 *
 * There are four addresses: the client's, `orig`, which the client believes
 * to be the server's, `ours` toward the server, and the server's.  Forward,
 * the server is where the client wanted to go, in reverse a given one:
 *
 *	client -> orig:21  |  ours -> server:21
 */
#define MODULE "ftp"

#define CONNECT_WITHIN 30 /* seconds */
#define LINGER_FOR     10 /* for what is still on its way */
#define LOGIN_WITHIN   120
#define GUEST_SAFE     (10 * USEC_PER_SEC) /* from making room */
#define ACCEPT_PAUSE   1
#define ACCEPTS	       64 /* before others get a turn */

/*
 * A side that does not read stops the other one: so many bytes are held for
 * it, and a line more.
 */
#define INPUT_MAX  4096
#define OUTPUT_MAX 16384

struct conn {
	LIST_ENTRY(conn) entry;
	struct share_item item; /* by client, in f->guests or f->users */
	struct proxy_ftp *f;
	uint64_t number; /* in the log */
	struct endpoint client, orig, ours, server;
	struct bufferevent *side[2];
	bool eof[2];  /* has said all */
	bool shut[2]; /* has been told all */
	bool started; /* both sides are connected */
	bool user;    /* has logged in */
	int64_t login_by, heard;
	struct event *timer;
	struct ftp_session session;
	/* The data connection: one at a time. */
	uint64_t hole;
	uint16_t port; /* that stands for want.port; 0: none */
	struct ftp_want want;
};

struct proxy_ftp {
	struct proxy *proxy;
	const struct conf_proxy *line;
	struct listener at;
	struct event *accept_ev, *resume_ev;
	LIST_HEAD(, conn) conns;
	/* Who has not logged in makes room first. */
	struct shares guests, users;
	struct log_limit full, failed, odd;
};

/* All services of the process share the log. */
static uint64_t last_number;

static void
log_some(struct proxy_ftp *f, struct log_limit *limit, const char *text)
{
	uint32_t missed;

	if (!log_may(limit, proxy_now(f->proxy), &missed))
		return;
	log_warnx(MODULE, "%s", text);
	if (missed > 0)
		log_warnx(MODULE, "and %u more like this", missed);
}

static void
data_forget(struct conn *c)
{
	if (c->port != 0)
		ports_give(c->port);
	c->port = 0;
	c->hole = 0;
}

/* A connection that is running already is not cut off: it was good for one. */
static void
data_close(struct conn *c)
{
	if (c->hole != 0)
		proxy_close(c->f->proxy, c->hole, REASON_DONE);
	data_forget(c);
}

static void
conn_free(struct conn *c)
{
	struct proxy_ftp *f = c->f;
	int i;

	proxy_forget(f->proxy, c);
	data_forget(c);
	for (i = 0; i < 2; i++)
		if (c->side[i] != NULL)
			bufferevent_free(c->side[i]);
	if (c->timer != NULL)
		event_free(c->timer);
	LIST_REMOVE(c, entry);
	shares_remove(c->user ? &f->users : &f->guests, &c->item);
	free(c);
}

static void
conn_end(struct conn *c, const char *why)
{
	if (c->started)
		log_info(MODULE, "#%" PRIu64 " ending session: %s", c->number,
		    why);
	data_close(c);
	conn_free(c);
}

/* It did not come to a session. */
static void
conn_fail(struct conn *c, const char *what, const char *why)
{
	static const char sorry[] = "421 The server cannot be reached\r\n";
	char text[512], a[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));

	strbuf_fmt(&b, "#%" PRIu64 " client %s: ", c->number,
	    endpoint_format(&c->client, a));
	strbuf_fmt(&b, "%s: %s", what, why);
	log_some(c->f, &c->f->failed, text);
	/* Nothing was written before, so that there is room for this. */
	(void)send(bufferevent_getfd(c->side[FTP_CLIENT]), sorry,
	    sizeof(sorry) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	conn_end(c, why);
}

static size_t
sessions(const struct proxy_ftp *f)
{
	return f->guests.n + f->users.n;
}

static void
set_timer(struct conn *c, uint32_t seconds)
{
	const struct timeval tv = { (time_t)seconds, 0 };

	event_add(c->timer, &tv);
}

/* Whoever has not logged in has until then, whatever he says. */
static void
set_idle_timer(struct conn *c)
{
	int64_t left = (c->login_by - proxy_now(c->f->proxy)) / USEC_PER_SEC;
	uint32_t idle = c->f->line->timeout;

	if (!c->user && left < (int64_t)idle)
		idle = left > 0 ? (uint32_t)left : 1;
	set_timer(c, idle);
}

static size_t
unread(const struct conn *c, enum ftp_side side)
{
	return evbuffer_get_length(bufferevent_get_input(c->side[side]));
}

static size_t
unsent(const struct conn *c, enum ftp_side side)
{
	return evbuffer_get_length(bufferevent_get_output(c->side[side]));
}

/* Hand what there is to the session; false if there is no more to do. */
static bool
feed(struct conn *c, enum ftp_side from)
{
	struct evbuffer *in = bufferevent_get_input(c->side[from]);
	struct evbuffer_iovec v;
	size_t used;

	if (unsent(c, from == FTP_CLIENT ? FTP_SERVER : FTP_CLIENT) >
		OUTPUT_MAX ||
	    evbuffer_peek(in, -1, NULL, &v, 1) < 1 || v.iov_len == 0)
		return false;
	/* A part at a time: what comes of it is not much longer. */
	used = ftp_session_input(&c->session, from,
	    (struct span) { v.iov_base, v.iov_len });
	evbuffer_drain(in, used);
	return used > 0;
}

/* What one side has said before it closed is told to the other, then that. */
static void
pass_end(struct conn *c, enum ftp_side from)
{
	enum ftp_side to = from == FTP_CLIENT ? FTP_SERVER : FTP_CLIENT;

	if (!c->eof[from] || c->shut[to] || unread(c, from) > 0 ||
	    unsent(c, to) > 0)
		return;
	c->shut[to] = true;
	(void)shutdown(bufferevent_getfd(c->side[to]), SHUT_WR);
}

/* The session cannot go on, but the client shall have time to read why. */
static void
leave_server(struct conn *c)
{
	log_info(MODULE, "#%" PRIu64 " %s", c->number,
	    ftp_end_name(c->session.end));
	c->eof[FTP_SERVER] = c->shut[FTP_SERVER] = true;
	bufferevent_disable(c->side[FTP_SERVER], EV_READ | EV_WRITE);
	(void)shutdown(bufferevent_getfd(c->side[FTP_SERVER]), SHUT_RDWR);
	data_close(c);
	set_timer(c, LINGER_FOR);
}

static void
slow_down(struct conn *c, enum ftp_side from, enum ftp_side to)
{
	if (unsent(c, to) > OUTPUT_MAX)
		bufferevent_disable(c->side[from], EV_READ);
	else if (!c->eof[from])
		bufferevent_enable(c->side[from], EV_READ);
}

static struct shares *
room_of(const struct conn *c)
{
	return c->user ? &c->f->users : &c->f->guests;
}

/* The server has let the client in. */
static void
become_user(struct conn *c)
{
	shares_remove(&c->f->guests, &c->item);
	if (!shares_add(&c->f->users, &c->item, &c->client.addr, 1)) {
		/* No memory: still a guest, whom the next one may replace. */
		if (!shares_add(&c->f->guests, &c->item, &c->client.addr, 1))
			log_debug(MODULE, "#%" PRIu64 " out of memory",
			    c->number);
		return;
	}
	c->user = true;
	if (!c->eof[FTP_CLIENT] && !c->eof[FTP_SERVER])
		set_idle_timer(c);
}

static void
pump(struct conn *c)
{
	while (feed(c, FTP_SERVER) || feed(c, FTP_CLIENT))
		continue;
	if (!c->user && c->session.logged_in)
		become_user(c);
	if (c->session.end != FTP_GOES_ON && !c->shut[FTP_SERVER])
		leave_server(c);
	pass_end(c, FTP_CLIENT);
	pass_end(c, FTP_SERVER);
	if (c->eof[FTP_CLIENT] && c->eof[FTP_SERVER] && c->shut[FTP_CLIENT] &&
	    c->shut[FTP_SERVER]) {
		conn_end(c, "closed");
		return;
	}
	slow_down(c, FTP_CLIENT, FTP_SERVER);
	slow_down(c, FTP_SERVER, FTP_CLIENT);
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	c->heard = proxy_now(c->f->proxy);
	shares_touch(room_of(c), &c->item);
	if (!c->eof[FTP_CLIENT] && !c->eof[FTP_SERVER])
		set_idle_timer(c);
	pump(c);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	pump(arg);
}

static void on_connected(struct conn *c);

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;
	enum ftp_side side =
	    bev == c->side[FTP_CLIENT] ? FTP_CLIENT : FTP_SERVER;

	if (what & BEV_EVENT_CONNECTED) {
		on_connected(c);
		return;
	}
	if (!c->started) {
		conn_fail(c, "cannot connect", strerror(errno));
		return;
	}
	if (what & BEV_EVENT_ERROR) {
		conn_end(c,
		    side == FTP_CLIENT ? "client went away"
				       : "server went away");
		return;
	}
	log_debug(MODULE, "#%" PRIu64 " %s closed", c->number,
	    side == FTP_CLIENT ? "client" : "server");
	c->eof[side] = true;
	/* Nobody will use it who does not do so already. */
	data_close(c);
	set_timer(c, LINGER_FOR);
	pump(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (!c->started)
		conn_fail(c, "cannot connect", strerror(ETIMEDOUT));
	else if (c->eof[FTP_CLIENT] || c->eof[FTP_SERVER])
		conn_end(c, "closed");
	else
		conn_end(c, c->user ? "idle" : "no login");
}

/* The session's wishes. */

static void
on_send(void *ctx, enum ftp_side to, struct span bytes)
{
	struct conn *c = ctx;

	if (bufferevent_write(c->side[to], bytes.p, bytes.len) == -1)
		log_debug(MODULE, "#%" PRIu64 " out of memory", c->number);
}

static void
log_data(const struct conn *c)
{
	if (c->want.active)
		log_info(MODULE,
		    "#%" PRIu64 " active: server to client port %u via port %u",
		    c->number, c->want.port, c->port);
	else
		log_info(MODULE,
		    "#%" PRIu64
		    " passive: client to server port %u via port %u",
		    c->number, c->want.port, c->port);
}

static void
on_hole(void *ctx, enum ph_err err)
{
	struct conn *c = ctx;
	struct endpoint at = { c->want.active ? c->ours.addr : c->orig.addr,
		c->port };
	char text[128];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (err == PH_OK) {
		log_data(c);
		ftp_session_answer(&c->session, &at);
	} else {
		strbuf_fmt(&b, "#%" PRIu64 " no data connection: %s", c->number,
		    ph_strerror(err));
		log_some(c->f, &c->f->failed, text);
		data_forget(c);
		ftp_session_answer(&c->session, NULL);
	}
	pump(c);
}

static void
on_gone(void *ctx)
{
	data_forget(ctx);
}

/*
 * pass in quick proto tcp from client to server port 40000	# passive
 *	rdr: client -> orig port 50001, nat-to ours
 * pass in quick proto tcp from server to client port 40000	# active
 *	rdr: server -> ours port 50001, nat-to orig [port 20]
 */
static void
on_want(void *ctx, const struct ftp_want *want)
{
	struct conn *c = ctx;
	const struct prefixes *protect = &proxy_conf(c->f->proxy)->protect;
	struct proxy_wish w = { .lease_s = CONF_FTP_PROXY_DATA_S,
		.answer = on_hole,
		.gone = on_gone,
		.ctx = c };
	struct pinhole *h = &w.hole;

	data_close(c);
	c->want = *want;
	if ((c->port = ports_take()) != 0) {
		h->class = fwconfig_class(proxy_conf(c->f->proxy), c->f->line);
		h->proto = IPPROTO_TCP;
		h->once = 1;
		h->from = prefix_host(
		    want->active ? &c->server.addr : &c->client.addr);
		h->to = want->active ? c->client.addr : c->server.addr;
		h->to_lo = h->to_hi = want->port;
		h->rdr_from.addr = want->active ? c->ours.addr : c->orig.addr;
		h->rdr_from.port = c->port;
		h->nat_to.addr = want->active ? c->orig.addr : c->ours.addr;
		if (want->active && c->f->line->source_port_20)
			h->nat_to.port = 20;
		h->dir = prefixes_contain(protect->v, protect->n, &h->to)
		    ? PINHOLE_IN
		    : PINHOLE_OUT;
		if ((c->hole = proxy_open(c->f->proxy, &w)) != 0)
			return;
	}
	log_warnx(MODULE, "#%" PRIu64 " no data connection: out of %s",
	    c->number, c->port == 0 ? "ports" : "memory");
	data_forget(c);
	ftp_session_answer(&c->session, NULL);
}

static void
on_drop(void *ctx)
{
	data_close(ctx);
}

static void
on_note(void *ctx, enum ftp_note note, struct span line)
{
	static const char *const what[] = { "refused", "nobody asked for",
		"address ignored" };
	struct conn *c = ctx;
	char text[512];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (note == FTP_NOTE_OPAQUE || note == FTP_NOTE_CLEAR) {
		log_info(MODULE, "#%" PRIu64 " %s", c->number,
		    note == FTP_NOTE_OPAQUE
			? "TLS: its data connections cannot be seen any more"
			: "in the clear again");
		return;
	}
	strbuf_fmt(&b, "#%" PRIu64 " %s: \"", c->number, what[note]);
	strbuf_vis(&b, span_sub(line, 0, 80));
	strbuf_str(&b, "\"");
	/* Servers that name the address they have inside are many. */
	if (note == FTP_NOTE_ADDRESS)
		log_debug(MODULE, "%s", text);
	else
		log_some(c->f, &c->f->odd, text);
}

static const struct ftp_session_ops session_ops = { on_send, on_want, on_drop,
	on_note };

static void
on_connected(struct conn *c)
{
	struct ftp_session_config config = { c->f->line->anonymous_only,
		c->client.addr, c->server.addr };
	char a[ADDR_STRLEN], b[ADDR_STRLEN], d[ADDR_STRLEN];

	c->started = true;
	log_info(MODULE,
	    "#%" PRIu64
	    " FTP session %zu/%u started: client %s to server %s via "
	    "proxy %s",
	    c->number, sessions(c->f), c->f->line->max_sessions,
	    endpoint_format(&c->client, a), endpoint_format(&c->server, b),
	    endpoint_format(&c->ours, d));
	ftp_session_init(&c->session, &config, &session_ops, c);
	bufferevent_setcb(c->side[FTP_CLIENT], on_readable, on_written,
	    on_event, c);
	bufferevent_setcb(c->side[FTP_SERVER], on_readable, on_written,
	    on_event, c);
	c->login_by = proxy_now(c->f->proxy) + LOGIN_WITHIN * USEC_PER_SEC;
	set_idle_timer(c);
	pump(c);
}

static void
tune(int fd)
{
	const int on = 1;

	/* A dead peer is noticed, ABOR's urgent byte is one like others. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

static bool
own_name(int fd, struct endpoint *out)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return false;
	*out = endpoint_from_sockaddr((struct sockaddr *)&ss);
	return true;
}

static struct bufferevent *
wrap(struct conn *c, int fd)
{
	struct bufferevent *bev =
	    bufferevent_socket_new(proxy_base(c->f->proxy), fd,
		BEV_OPT_CLOSE_ON_FREE);

	if (bev == NULL) {
		close(fd);
		return NULL;
	}
	bufferevent_setwatermark(bev, EV_READ, 0, INPUT_MAX);
	bufferevent_setwatermark(bev, EV_WRITE, OUTPUT_MAX / 4, 0);
	return bev;
}

/* Whether this is one of our own ways to a server: a loop. */
static bool
is_ours(const struct proxy_ftp *f, const struct endpoint *e)
{
	const struct conn *c;

	LIST_FOREACH(c, &f->conns, entry)
		if (endpoint_cmp(&c->ours, e) == 0)
			return true;
	return false;
}

/* Whether somebody listens there who is one of us. */
static bool
is_listener(const struct proxy_ftp *f, const struct endpoint *e)
{
	const struct conf_ftp *conf = &proxy_conf(f->proxy)->ftp;
	size_t i;

	for (i = 0; i < conf->nproxy; i++)
		if (endpoint_cmp(&conf->proxy[i].listen, e) == 0)
			return true;
	return false;
}

static void
reach_server(struct conn *c)
{
	const struct addr *source = &c->f->line->source;
	struct endpoint from = { *source, 0 };
	struct sockaddr_storage ss;
	char a[ADDR_STRLEN];
	socklen_t len;
	int fd;

	if (is_listener(c->f, &c->server)) {
		conn_fail(c, "that would be one of us",
		    endpoint_format(&c->server, a));
		return;
	}
	if ((fd = socket(c->server.addr.af, SOCK_STREAM, 0)) == -1) {
		conn_fail(c, "socket", strerror(errno));
		return;
	}
	tune(fd);
	if ((c->side[FTP_SERVER] = wrap(c, fd)) == NULL) {
		conn_fail(c, "socket", strerror(ENOMEM));
		return;
	}
	len = (socklen_t)endpoint_to_sockaddr(&from, &ss);
	if (source->af != AF_UNSPEC &&
	    bind(fd, (struct sockaddr *)&ss, len) == -1) {
		conn_fail(c, "bind", strerror(errno));
		return;
	}
	bufferevent_setcb(c->side[FTP_SERVER], NULL, NULL, on_event, c);
	set_timer(c, CONNECT_WITHIN);
	len = (socklen_t)endpoint_to_sockaddr(&c->server, &ss);
	if (bufferevent_socket_connect(c->side[FTP_SERVER],
		(struct sockaddr *)&ss, (int)len) == -1) {
		conn_fail(c, "cannot connect", strerror(errno));
		return;
	}
	/* Known from here on; were we sent to ourselves, it is soon asked. */
	if (!own_name(fd, &c->ours))
		conn_fail(c, "getsockname", strerror(errno));
}

static void
go(struct conn *c, const struct endpoint *orig)
{
	c->orig = *orig;
	c->server = c->f->line->reverse.addr.af != AF_UNSPEC
	    ? c->f->line->reverse
	    : *orig;
	reach_server(c);
}

/*
 * In reverse the client may have come straight here, and forward it may have
 * been delivered as it was (divert-to, TPROXY): `local` is what it asked for.
 */
static void
on_target(void *ctx, enum ph_err err, const struct endpoint *target)
{
	struct conn *c = ctx;
	struct endpoint local = c->orig;

	if (c->f->line->reverse.addr.af != AF_UNSPEC) {
		if (err == PH_OK)
			go(c, target);
		else if (addr_scope(&local.addr) == ADDR_UNUSABLE)
			conn_fail(c, "which address did it want to reach?",
			    ph_strerror(err));
		else
			go(c, &local);
		return;
	}
	if (err != PH_OK || endpoint_cmp(target, &local) == 0)
		conn_fail(c, "it was not redirected here",
		    err != PH_OK ? ph_strerror(err) : "it is for us");
	else
		go(c, target);
}

static void
find_server(struct conn *c)
{
	struct fw_flow flow = { .proto = IPPROTO_TCP,
		.client = c->client,
		.local = c->orig };

	if (c->orig.port != c->f->line->listen.port)
		go(c, &c->orig);
	else if (!proxy_original(c->f->proxy, &flow, on_target, c))
		conn_fail(c, "no answer", "out of memory");
}

/* A client that there is no place for is told so. */
static void
turn_away(struct proxy_ftp *f, int fd, const struct endpoint *client,
    const char *why)
{
	char text[256], a[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));

	strbuf_fmt(&b, "421 Sorry, %s\r\n", why);
	(void)send(fd, b.p, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
	strbuf_reset(&b);
	strbuf_fmt(&b, "%s, refusing connection from %s", why,
	    endpoint_format(client, a));
	log_some(f, &f->full, text);
}

/*
 * At `max sessions`: a guest who has said nothing for a while goes, or one of
 * who has more sessions than the newcomer would; otherwise nobody.
 */
static bool
make_room(struct proxy_ftp *f, const struct endpoint *client)
{
	size_t mine = 1 + shares_taken(&f->guests, &client->addr) +
	    shares_taken(&f->users, &client->addr);
	struct conn *guest = shares_worst(&f->guests);
	struct conn *user = shares_worst(&f->users);

	if (sessions(f) < f->line->max_sessions)
		return true;
	if (guest != NULL &&
	    (shares_beside(&guest->item) > mine ||
		(shares_beside(&guest->item) >= mine &&
		    proxy_now(f->proxy) - guest->heard > GUEST_SAFE)))
		conn_end(guest, "made room for another client");
	else if (user != NULL && shares_beside(&user->item) > mine)
		conn_end(user, "made room for another client");
	else
		return false;
	return true;
}

static void
conn_new(struct proxy_ftp *f, int fd, const struct endpoint *client)
{
	struct endpoint local;
	struct conn *c;
	char a[ADDR_STRLEN];

	if (!own_name(fd, &local) || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	tune(fd);
	c->f = f;
	c->number = ++last_number;
	c->client = *client;
	c->orig = local;
	c->item.owner = c;
	c->heard = proxy_now(f->proxy);
	if (!shares_add(&f->guests, &c->item, &client->addr, 1)) {
		close(fd);
		free(c);
		return;
	}
	LIST_INSERT_HEAD(&f->conns, c, entry);
	c->timer = event_new(proxy_base(f->proxy), -1, 0, on_timer, c);
	c->side[FTP_CLIENT] = wrap(c, fd);
	if (c->timer == NULL || c->side[FTP_CLIENT] == NULL) {
		conn_free(c);
		return;
	}
	log_debug(MODULE, "#%" PRIu64 " accepted connection from %s", c->number,
	    endpoint_format(client, a));
	find_server(c);
}

static void
admit(struct proxy_ftp *f, int fd, const struct endpoint *client)
{
	const struct prefixes *protect = &proxy_conf(f->proxy)->protect;

	if (is_ours(f, client))
		turn_away(f, fd, client, "the proxy was redirected to itself");
	else if (f->line->reverse.addr.af == AF_UNSPEC &&
	    !prefixes_contain(protect->v, protect->n, &client->addr))
		turn_away(f, fd, client, "not a protected client");
	else if (!make_room(f, client))
		turn_away(f, fd, client, "session limit reached");
	else
		conn_new(f, fd, client);
}

/* No descriptor, no memory: asking again at once would not help. */
static void
pause_accept(struct proxy_ftp *f)
{
	const struct timeval tv = { ACCEPT_PAUSE, 0 };

	log_some(f, &f->full, "cannot accept connections for the moment");
	event_del(f->accept_ev);
	event_add(f->resume_ev, &tv);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct proxy_ftp *f = arg;

	(void)fd;
	(void)what;
	event_add(f->accept_ev, NULL);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct proxy_ftp *f = arg;
	struct sockaddr_storage ss;
	struct endpoint client;
	socklen_t len;
	int fd, i;

	(void)what;
	for (i = 0; i < ACCEPTS; i++) {
		len = sizeof(ss);
		memset(&ss, 0, sizeof(ss));
		fd = accept(listener, (struct sockaddr *)&ss, &len);
		if (fd == -1 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			errno == ENOMEM)) {
			pause_accept(f);
			return;
		}
		if (fd == -1 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd == -1)
			return;
		client = endpoint_from_sockaddr((struct sockaddr *)&ss);
		admit(f, fd, &client);
	}
}

/* The packet filter would be asked in vain. */
static void
warn_of_unprotected(const struct proxy_ftp *f)
{
	const struct prefixes *protect = &proxy_conf(f->proxy)->protect;
	const struct addr *server = &f->line->reverse.addr;
	char a[ADDR_STRLEN];

	if (server->af != AF_UNSPEC &&
	    !prefixes_contain(protect->v, protect->n, server))
		log_warnx(MODULE,
		    "reverse to %s: not a protected host; there will be no"
		    " data connections",
		    addr_format(server, a));
}

struct proxy_ftp *
proxy_ftp_start(struct proxy *p, const struct listener *l)
{
	struct proxy_ftp *f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->proxy = p;
	f->line = &proxy_conf(p)->ftp.proxy[l->index];
	f->at = *l;
	LIST_INIT(&f->conns);
	shares_init(&f->guests);
	shares_init(&f->users);
	f->accept_ev =
	    event_new(proxy_base(p), l->fd, EV_READ | EV_PERSIST, on_accept, f);
	f->resume_ev = event_new(proxy_base(p), -1, 0, on_resume, f);
	if (f->accept_ev == NULL || f->resume_ev == NULL ||
	    event_add(f->accept_ev, NULL) == -1) {
		proxy_ftp_stop(f);
		return NULL;
	}
	warn_of_unprotected(f);
	return f;
}

void
proxy_ftp_leave(struct proxy_ftp *f)
{
	event_free(f->accept_ev);
	event_free(f->resume_ev);
	f->accept_ev = f->resume_ev = NULL;
	/* The successor has it, too, or nobody is to listen any more. */
	close(f->at.fd);
}

size_t
proxy_ftp_left(const struct proxy_ftp *f)
{
	return sessions(f);
}

void
proxy_ftp_stop(struct proxy_ftp *f)
{
	struct conn *c;

	if (f == NULL)
		return;
	if (f->accept_ev != NULL)
		event_free(f->accept_ev);
	if (f->resume_ev != NULL)
		event_free(f->resume_ev);
	/* Whoever stops us closes the pinholes, and says why. */
	while ((c = LIST_FIRST(&f->conns)) != NULL)
		conn_free(c);
	free(f);
}
