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
#include "src/base/timers.h"
#include "src/fw/config.h"
#include "src/proxy/ftp_conn.h"
#include "src/proxy/ports.h"

/*
 * Four endpoints belong to a control connection: the client; `orig`, which
 * the client believes to be the server; `ours`, from which we connect; and
 * the server.  The server is `orig` itself or, in reverse mode, the one that
 * is configured:
 *
 *	client -> orig:21  |  ours -> server:21
 */
#define MODULE "ftp"

#define CONNECT_WITHIN 30 /* seconds */
#define LINGER_FOR     10 /* seconds to send the rest after a close */
#define LOGIN_WITHIN   120
/* A client without a login that spoke since then need not make room. */
#define GUEST_SAFE     (10 * USEC_PER_SEC)

/*
 * For a side that does not read, at most OUTPUT_MAX bytes and one line are
 * held; then the other side is read no more.
 */
#define INPUT_MAX  4096
#define OUTPUT_MAX 16384

struct ftp_conn {
	LIST_ENTRY(ftp_conn) entry;
	struct share_item item; /* by client, in f->guests or f->users */
	struct proxy_ftp *f;
	uint64_t number; /* in the log */
	struct endpoint client, orig, ours, server;
	struct bufferevent *side[2];
	bool eof[2];  /* this side has closed its direction */
	bool shut[2]; /* we have closed ours toward it */
	bool started; /* both sides are connected */
	bool user;    /* has logged in */
	int64_t login_by, active_at;
	struct event *timer;
	struct ftp_session session;
	/* The data connection: one at a time. */
	uint64_t hole;
	uint16_t port; /* ours, in place of want.port; 0: none */
	struct ftp_want want;
};

/* The number of the last session of any service, for the log. */
static uint64_t last_number;

void
ftp_log_limited(struct proxy_ftp *f, struct log_limit *limit, const char *text)
{
	uint32_t missed;

	if (!log_may(limit, proxy_now(f->proxy), &missed))
		return;
	log_warnx(MODULE, "%s", text);
	if (missed > 0)
		log_warnx(MODULE, "and %u more like this", missed);
}

size_t
ftp_conn_count(const struct proxy_ftp *f)
{
	return f->guests.n + f->users.n;
}

static void
data_forget(struct ftp_conn *c)
{
	if (c->port != 0)
		ports_give(c->port);
	c->port = 0;
	c->hole = 0;
}

/* Closes the pinhole.  A data connection that has begun goes on. */
static void
data_close(struct ftp_conn *c)
{
	if (c->hole != 0)
		proxy_close(c->f->proxy, c->hole, REASON_DONE);
	data_forget(c);
}

void
ftp_conn_free(struct ftp_conn *c)
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
conn_end(struct ftp_conn *c, const char *why)
{
	if (c->started)
		log_info(MODULE, "#%" PRIu64 " ending session: %s", c->number,
		    why);
	data_close(c);
	ftp_conn_free(c);
}

/* The session cannot begin. */
static void
conn_fail(struct ftp_conn *c, const char *what, const char *why)
{
	static const char sorry[] = "421 The server cannot be reached\r\n";
	char text[512], a[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));

	strbuf_fmt(&b, "#%" PRIu64 " client %s: ", c->number,
	    endpoint_format(&c->client, a));
	strbuf_fmt(&b, "%s: %s", what, why);
	ftp_log_limited(c->f, &c->f->failed, text);
	/*
	 * We have not written to this client before, so the socket's buffer has
	 * room.
	 */
	(void)send(bufferevent_getfd(c->side[FTP_CLIENT]), sorry,
	    sizeof(sorry) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	conn_end(c, why);
}

static void
conn_timer_set(struct ftp_conn *c, uint32_t seconds)
{
	const struct timeval tv = { (time_t)seconds, 0 };

	event_add(c->timer, &tv);
}

/* A client that has not logged in has until login_by, although it speaks. */
static void
conn_idle_timer_set(struct ftp_conn *c)
{
	int64_t left = (c->login_by - proxy_now(c->f->proxy)) / USEC_PER_SEC;
	uint32_t idle = c->f->line->timeout;

	if (!c->user && left < (int64_t)idle)
		idle = left > 0 ? (uint32_t)left : 1;
	conn_timer_set(c, idle);
}

static size_t
conn_unread(const struct ftp_conn *c, enum ftp_side side)
{
	return evbuffer_get_length(bufferevent_get_input(c->side[side]));
}

static size_t
conn_unsent(const struct ftp_conn *c, enum ftp_side side)
{
	return evbuffer_get_length(bufferevent_get_output(c->side[side]));
}

/* Hand the session what was received; false if it took nothing. */
static bool
conn_feed(struct ftp_conn *c, enum ftp_side from)
{
	struct evbuffer *in = bufferevent_get_input(c->side[from]);
	struct evbuffer_iovec v;
	size_t used;

	if (conn_unsent(c, from == FTP_CLIENT ? FTP_SERVER : FTP_CLIENT) >
		OUTPUT_MAX ||
	    evbuffer_peek(in, -1, NULL, &v, 1) < 1 || v.iov_len == 0)
		return false;
	/* One buffer at a time: its output is not much longer. */
	used = ftp_session_input(&c->session, from,
	    (struct span) { v.iov_base, v.iov_len });
	evbuffer_drain(in, used);
	return used > 0;
}

/* One side has closed: when all that it sent is passed on, close the other. */
static void
conn_pass_eof(struct ftp_conn *c, enum ftp_side from)
{
	enum ftp_side to = from == FTP_CLIENT ? FTP_SERVER : FTP_CLIENT;

	if (!c->eof[from] || c->shut[to] || conn_unread(c, from) > 0 ||
	    conn_unsent(c, to) > 0)
		return;
	c->shut[to] = true;
	(void)shutdown(bufferevent_getfd(c->side[to]), SHUT_WR);
}

/* End the session, but leave the client time to read our last reply. */
static void
conn_leave_server(struct ftp_conn *c)
{
	log_info(MODULE, "#%" PRIu64 " %s", c->number,
	    ftp_end_name(c->session.end));
	c->eof[FTP_SERVER] = c->shut[FTP_SERVER] = true;
	bufferevent_disable(c->side[FTP_SERVER], EV_READ | EV_WRITE);
	(void)shutdown(bufferevent_getfd(c->side[FTP_SERVER]), SHUT_RDWR);
	data_close(c);
	conn_timer_set(c, LINGER_FOR);
}

static void
conn_throttle(struct ftp_conn *c, enum ftp_side from, enum ftp_side to)
{
	if (conn_unsent(c, to) > OUTPUT_MAX)
		bufferevent_disable(c->side[from], EV_READ);
	else if (!c->eof[from])
		bufferevent_enable(c->side[from], EV_READ);
}

static struct shares *
conn_shares(const struct ftp_conn *c)
{
	return c->user ? &c->f->users : &c->f->guests;
}

/* The client has logged in. */
static void
conn_become_user(struct ftp_conn *c)
{
	shares_remove(&c->f->guests, &c->item);
	if (!shares_add(&c->f->users, &c->item, &c->client.addr, 1)) {
		/* No memory: it stays among those that make room first. */
		if (!shares_add(&c->f->guests, &c->item, &c->client.addr, 1))
			log_debug(MODULE, "#%" PRIu64 " out of memory",
			    c->number);
		return;
	}
	c->user = true;
	if (!c->eof[FTP_CLIENT] && !c->eof[FTP_SERVER])
		conn_idle_timer_set(c);
}

static void
conn_pump(struct ftp_conn *c)
{
	while (conn_feed(c, FTP_SERVER) || conn_feed(c, FTP_CLIENT))
		continue;
	if (!c->user && c->session.logged_in)
		conn_become_user(c);
	if (c->session.end != FTP_GOES_ON && !c->shut[FTP_SERVER])
		conn_leave_server(c);
	conn_pass_eof(c, FTP_CLIENT);
	conn_pass_eof(c, FTP_SERVER);
	if (c->eof[FTP_CLIENT] && c->eof[FTP_SERVER] && c->shut[FTP_CLIENT] &&
	    c->shut[FTP_SERVER]) {
		conn_end(c, "closed");
		return;
	}
	conn_throttle(c, FTP_CLIENT, FTP_SERVER);
	conn_throttle(c, FTP_SERVER, FTP_CLIENT);
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct ftp_conn *c = arg;

	(void)bev;
	c->active_at = proxy_now(c->f->proxy);
	shares_touch(conn_shares(c), &c->item);
	if (!c->eof[FTP_CLIENT] && !c->eof[FTP_SERVER])
		conn_idle_timer_set(c);
	conn_pump(c);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	conn_pump(arg);
}

static void on_connected(struct ftp_conn *c);

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct ftp_conn *c = arg;
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
	/* A data connection that has not begun never will. */
	data_close(c);
	conn_timer_set(c, LINGER_FOR);
	conn_pump(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ftp_conn *c = arg;

	(void)fd;
	(void)what;
	if (!c->started)
		conn_fail(c, "cannot connect", strerror(ETIMEDOUT));
	else if (c->eof[FTP_CLIENT] || c->eof[FTP_SERVER])
		conn_end(c, "closed");
	else
		conn_end(c, c->user ? "idle" : "no login");
}

/* Callbacks of the session. */

static void
on_send(void *ctx, enum ftp_side to, struct span bytes)
{
	struct ftp_conn *c = ctx;

	if (bufferevent_write(c->side[to], bytes.p, bytes.len) == -1)
		log_debug(MODULE, "#%" PRIu64 " out of memory", c->number);
}

static void
data_log(const struct ftp_conn *c)
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
	struct ftp_conn *c = ctx;
	struct endpoint at = { c->want.active ? c->ours.addr : c->orig.addr,
		c->port };
	char text[128];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (err == PH_OK) {
		data_log(c);
		ftp_session_answer(&c->session, &at);
	} else {
		strbuf_fmt(&b, "#%" PRIu64 " no data connection: %s", c->number,
		    ph_strerror(err));
		ftp_log_limited(c->f, &c->f->failed, text);
		data_forget(c);
		ftp_session_answer(&c->session, NULL);
	}
	conn_pump(c);
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
	struct ftp_conn *c = ctx;
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

/*
 * What a log may show of a line: names and passwords are not for it, so only
 * the first word, but for lines that name a port.
 */
static struct span
line_shown(struct span line)
{
	static const char *const names_port[] = { "PORT", "EPRT", "227",
		"229" };
	struct span arg, verb = span_cut(line, ' ', &arg);
	size_t i;

	for (i = 0; i < sizeof(names_port) / sizeof(names_port[0]); i++)
		if (span_caseeq_str(verb, names_port[i]))
			return span_sub(line, 0, 80);
	return span_sub(verb, 0, 10);
}

static void
on_note(void *ctx, enum ftp_note note, struct span line)
{
	static const char *const what[] = { "refused", "nobody asked for",
		"address ignored" };
	struct ftp_conn *c = ctx;
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
	strbuf_vis(&b, line_shown(line));
	strbuf_str(&b, "\"");
	/* Many servers behind NAT name their private address. */
	if (note == FTP_NOTE_ADDRESS)
		log_debug(MODULE, "%s", text);
	else
		ftp_log_limited(c->f, &c->f->odd, text);
}

static const struct ftp_session_ops session_ops = { on_send, on_want, on_drop,
	on_note };

static void
on_connected(struct ftp_conn *c)
{
	struct ftp_session_config config = { c->f->line->anonymous_only,
		c->client.addr, c->server.addr };
	char a[ADDR_STRLEN], b[ADDR_STRLEN], d[ADDR_STRLEN];

	c->started = true;
	log_info(MODULE,
	    "#%" PRIu64
	    " FTP session %zu/%u started: client %s to server %s via "
	    "proxy %s",
	    c->number, ftp_conn_count(c->f), c->f->line->max_sessions,
	    endpoint_format(&c->client, a), endpoint_format(&c->server, b),
	    endpoint_format(&c->ours, d));
	ftp_session_init(&c->session, &config, &session_ops, c);
	bufferevent_setcb(c->side[FTP_CLIENT], on_readable, on_written,
	    on_event, c);
	bufferevent_setcb(c->side[FTP_SERVER], on_readable, on_written,
	    on_event, c);
	c->login_by = proxy_now(c->f->proxy) + LOGIN_WITHIN * USEC_PER_SEC;
	conn_idle_timer_set(c);
	conn_pump(c);
}

static void
socket_tune(int fd)
{
	const int on = 1;

	/* Notice a dead peer; receive the urgent byte of ABOR in its place. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

static bool
socket_name(int fd, struct endpoint *out)
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
conn_wrap(struct ftp_conn *c, int fd)
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

/* Whether one of our FTP proxies listens there. */
static bool
ftp_listens_at(const struct proxy_ftp *f, const struct endpoint *e)
{
	const struct conf_ftp *conf = &proxy_conf(f->proxy)->ftp;
	size_t i;

	for (i = 0; i < conf->nproxy; i++)
		if (endpoint_cmp(&conf->proxy[i].listen, e) == 0)
			return true;
	return false;
}

static void
conn_reach_server(struct ftp_conn *c)
{
	const struct addr *source = &c->f->line->source;
	struct endpoint from = { *source, 0 };
	struct sockaddr_storage ss;
	char a[ADDR_STRLEN];
	socklen_t len;
	int fd;

	if (ftp_listens_at(c->f, &c->server)) {
		conn_fail(c, "that would be one of us",
		    endpoint_format(&c->server, a));
		return;
	}
	if ((fd = socket(c->server.addr.af, SOCK_STREAM, 0)) == -1) {
		conn_fail(c, "socket", strerror(errno));
		return;
	}
	socket_tune(fd);
	if ((c->side[FTP_SERVER] = conn_wrap(c, fd)) == NULL) {
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
	conn_timer_set(c, CONNECT_WITHIN);
	len = (socklen_t)endpoint_to_sockaddr(&c->server, &ss);
	if (bufferevent_socket_connect(c->side[FTP_SERVER],
		(struct sockaddr *)&ss, (int)len) == -1) {
		conn_fail(c, "cannot connect", strerror(errno));
		return;
	}
	/* For ftp_conn_is_from(), if the connection comes back to us. */
	if (!socket_name(fd, &c->ours))
		conn_fail(c, "getsockname", strerror(errno));
}

static void
conn_connect(struct ftp_conn *c, const struct endpoint *orig)
{
	c->orig = *orig;
	c->server = c->f->line->reverse.addr.af != AF_UNSPEC
	    ? c->f->line->reverse
	    : *orig;
	conn_reach_server(c);
}

/*
 * The packet filter's answer.  `local` is where the connection arrived.  In
 * reverse mode the client may have connected to us without a redirection.
 */
static void
on_target(void *ctx, enum ph_err err, const struct endpoint *target)
{
	struct ftp_conn *c = ctx;
	struct endpoint local = c->orig;

	if (c->f->line->reverse.addr.af != AF_UNSPEC) {
		if (err == PH_OK)
			conn_connect(c, target);
		else if (addr_scope(&local.addr) == ADDR_UNUSABLE)
			conn_fail(c, "which address did it want to reach?",
			    ph_strerror(err));
		else
			conn_connect(c, &local);
		return;
	}
	if (err != PH_OK || endpoint_cmp(target, &local) == 0)
		conn_fail(c, "it was not redirected here",
		    err != PH_OK ? ph_strerror(err) : "it is for us");
	else
		conn_connect(c, target);
}

/* A port other than ours: the kernel delivered it unchanged (TPROXY). */
static void
conn_find_server(struct ftp_conn *c)
{
	struct fw_flow flow = { .proto = IPPROTO_TCP,
		.client = c->client,
		.local = c->orig };

	if (c->orig.port != c->f->line->listen.port)
		conn_connect(c, &c->orig);
	else if (!proxy_original(c->f->proxy, &flow, on_target, c))
		conn_fail(c, "no answer", "out of memory");
}

/*
 * A session of a client that has more of them than the newcomer would goes,
 * or one without a login that was silent for GUEST_SAFE.
 */
bool
ftp_conn_make_room(struct proxy_ftp *f, const struct endpoint *client)
{
	size_t mine = 1 + shares_taken(&f->guests, &client->addr) +
	    shares_taken(&f->users, &client->addr);
	struct ftp_conn *guest = shares_worst(&f->guests);
	struct ftp_conn *user = shares_worst(&f->users);

	if (ftp_conn_count(f) < f->line->max_sessions)
		return true;
	if (guest != NULL &&
	    (shares_beside(&guest->item) > mine ||
		(shares_beside(&guest->item) >= mine &&
		    proxy_now(f->proxy) - guest->active_at > GUEST_SAFE)))
		conn_end(guest, "made room for another client");
	else if (user != NULL && shares_beside(&user->item) > mine)
		conn_end(user, "made room for another client");
	else
		return false;
	return true;
}

bool
ftp_conn_is_from(const struct proxy_ftp *f, const struct endpoint *e)
{
	const struct ftp_conn *c;

	LIST_FOREACH(c, &f->conns, entry)
		if (endpoint_cmp(&c->ours, e) == 0)
			return true;
	return false;
}

void
ftp_conn_new(struct proxy_ftp *f, int fd, const struct endpoint *client)
{
	struct endpoint local;
	struct ftp_conn *c;
	char a[ADDR_STRLEN];

	if (!socket_name(fd, &local) || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	socket_tune(fd);
	c->f = f;
	c->number = ++last_number;
	c->client = *client;
	c->orig = local;
	c->item.owner = c;
	c->active_at = proxy_now(f->proxy);
	if (!shares_add(&f->guests, &c->item, &client->addr, 1)) {
		close(fd);
		free(c);
		return;
	}
	LIST_INSERT_HEAD(&f->conns, c, entry);
	c->timer = event_new(proxy_base(f->proxy), -1, 0, on_timer, c);
	c->side[FTP_CLIENT] = conn_wrap(c, fd);
	if (c->timer == NULL || c->side[FTP_CLIENT] == NULL) {
		ftp_conn_free(c);
		return;
	}
	log_debug(MODULE, "#%" PRIu64 " accepted connection from %s", c->number,
	    endpoint_format(client, a));
	conn_find_server(c);
}
