/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/queue.h"
#include "src/base/shares.h"
#include "src/compat/origdst.h"
#include "src/fw/config.h"
#include "src/proxy/proxy.h"
#include "tftp/request.h"

/*
 * The TFTP proxy: it sends a request on from a port of its own, once the
 * packet filter redirects what the server sends to that port to the client.
 * The data never pass through this process.
 */
#define MODULE "tftp"

#define DATAGRAM_MAX 65536
/* Datagrams at a time; then other sockets are served. */
#define DATAGRAMS    64
/* RFC 2347 allows 512 bytes, but some clients send more. */
#define REQUEST_MAX  2048
/* Requests that wait for the packet filter, in bytes. */
#define WAITING_MAX  (4u << 20)

/* RFC 1350, section 5, and the appendix's error codes. */
#define OP_ERROR     5
#define ERROR_OTHER  0
#define ERROR_ACCESS 2

struct transfer {
	LIST_ENTRY(transfer) entry;
	struct share_item item; /* by client */
	struct proxy_tftp *s;
	struct endpoint client, server, ours;
	int fd; /* bound to `ours`, to reserve the port; -1: none */
	uint64_t hole;
	char *request; /* NULL once it was sent */
	size_t len;
};

struct proxy_tftp {
	struct proxy *proxy;
	const struct conf_tftp *conf;
	const struct conf_proxy *line;
	struct listener at;
	struct event *ev;
	LIST_HEAD(, transfer) transfers;
	struct shares shares;
	size_t waiting; /* bytes of requests */
	struct log_limit refused, failed;
	char buf[DATAGRAM_MAX];
};

static void
transfer_free(struct transfer *t)
{
	struct proxy_tftp *s = t->s;

	proxy_forget(s->proxy, t);
	LIST_REMOVE(t, entry);
	shares_remove(&s->shares, &t->item);
	if (t->request != NULL)
		s->waiting -= t->len;
	if (t->fd != -1)
		close(t->fd);
	free(t->request);
	free(t);
}

/* Without an error packet the client would ask again and again. */
static void
error_send(struct proxy_tftp *s, const struct endpoint *client, uint8_t code,
    const char *text)
{
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(client, &ss);
	char packet[128];
	size_t n = strlen(text) + 1;

	packet[0] = packet[2] = 0;
	packet[1] = OP_ERROR;
	packet[3] = (char)code;
	memcpy(packet + 4, text, n);
	if (sendto(s->at.fd, packet, n + 4, 0, (struct sockaddr *)&ss, len) ==
	    -1)
		log_debug(MODULE, "cannot answer: %s", strerror(errno));
}

/* Send an error, and log it at a limited rate. */
static void
client_refuse(struct proxy_tftp *s, const struct endpoint *client, uint8_t code,
    const char *why)
{
	char a[ADDR_STRLEN];
	uint32_t missed;

	error_send(s, client, code, why);
	if (!log_may(&s->refused, proxy_now(s->proxy), &missed))
		return;
	log_warnx(MODULE, "%s: refused: %s", endpoint_format(client, a), why);
	if (missed > 0)
		log_warnx(MODULE, "and %u more were refused", missed);
}

static void
transfer_fail(struct transfer *t, const char *what, const char *why)
{
	struct proxy_tftp *s = t->s;
	char a[ADDR_STRLEN], b[ADDR_STRLEN];
	uint32_t missed;

	error_send(s, &t->client, ERROR_OTHER,
	    "proxy: cannot reach the server");
	if (log_may(&s->failed, proxy_now(s->proxy), &missed)) {
		log_warnx(MODULE, "%s -> %s: %s: %s",
		    endpoint_format(&t->client, a),
		    endpoint_format(&t->server, b), what, why);
		if (missed > 0)
			log_warnx(MODULE, "and %u more failed", missed);
	}
	transfer_free(t);
}

static void
request_log(const struct transfer *t)
{
	char text[2048], a[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct tftp_request r;

	if (tftp_request_parse(&r, (struct span) { t->request, t->len }) !=
	    PH_OK)
		return;
	strbuf_fmt(&b, "%s -> ", endpoint_format(&t->client, a));
	strbuf_fmt(&b, "%s -> ", endpoint_format(&t->ours, a));
	strbuf_fmt(&b, "%s ", endpoint_format(&t->server, a));
	tftp_request_format(&r, &b);
	log_info(MODULE, "%s", text);
}

/* The transfer is over, or it never began. */
static void
on_gone(void *ctx)
{
	transfer_free(ctx);
}

/* The packet filter is ready for what the server will send. */
static void
on_open(void *ctx, enum ph_err err)
{
	struct transfer *t = ctx;

	if (err != PH_OK) {
		transfer_fail(t, "no pinhole", ph_strerror(err));
		return;
	}
	if (send(t->fd, t->request, t->len, 0) == -1) {
		proxy_close(t->s->proxy, t->hole, REASON_DONE);
		transfer_fail(t, "send", strerror(errno));
		return;
	}
	request_log(t);
	t->s->waiting -= t->len;
	free(t->request);
	t->request = NULL;
}

/* A socket with a new port toward the server; PH_EIO with errno. */
static enum ph_err
transfer_socket(struct transfer *t)
{
	const struct addr *source = &t->s->line->source;
	struct endpoint from = { 0 };
	struct sockaddr_storage ss;
	const int least = 1;
	socklen_t len;

	t->fd = socket(t->server.addr.af, SOCK_DGRAM, 0);
	if (t->fd == -1)
		return PH_EIO;
	(void)fcntl(t->fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(t->fd, F_SETFL, O_NONBLOCK);
	/* The data are redirected to the client; nothing is read here. */
	(void)setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
	if (source->af == t->server.addr.af) {
		from.addr = *source;
		len = (socklen_t)endpoint_to_sockaddr(&from, &ss);
		if (bind(t->fd, (struct sockaddr *)&ss, len) == -1)
			return PH_EIO;
	}
	len = (socklen_t)endpoint_to_sockaddr(&t->server, &ss);
	if (connect(t->fd, (struct sockaddr *)&ss, len) == -1)
		return PH_EIO;
	len = sizeof(ss);
	if (getsockname(t->fd, (struct sockaddr *)&ss, &len) == -1)
		return PH_EIO;
	t->ours = endpoint_from_sockaddr((struct sockaddr *)&ss);
	return PH_OK;
}

static void
transfer_forward(struct transfer *t)
{
	struct proxy_wish w = { .lease_s = t->s->line->timeout,
		.renew = true,
		.answer = on_open,
		.gone = on_gone,
		.ctx = t };

	if (t->server.addr.af != t->client.addr.af ||
	    endpoint_cmp(&t->server, &t->s->at.at) == 0) {
		transfer_fail(t, "it was not redirected here", "no server");
		return;
	}
	if (transfer_socket(t) != PH_OK) {
		transfer_fail(t, "socket", strerror(errno));
		return;
	}
	w.hole.class = fwconfig_class(proxy_conf(t->s->proxy), t->s->line);
	w.hole.proto = IPPROTO_UDP;
	w.hole.dir = PINHOLE_IN;
	w.hole.from = prefix_host(&t->server.addr);
	w.hole.to = t->client.addr;
	w.hole.to_lo = w.hole.to_hi = t->client.port;
	w.hole.rdr_from = t->ours;
	if ((t->hole = proxy_open(t->s->proxy, &w)) == 0)
		transfer_fail(t, "no pinhole", "out of memory");
}

static void
on_target(void *ctx, enum ph_err err, const struct endpoint *target)
{
	struct transfer *t = ctx;

	if (err != PH_OK) {
		transfer_fail(t,
		    "where did it want to go? No redirection is known",
		    ph_strerror(err));
		return;
	}
	t->server = *target;
	transfer_forward(t);
}

/*
 * At `max sessions`, the oldest transfer of the client that has most makes
 * room for a client that would still have fewer.
 */
static bool
transfer_make_room(struct proxy_tftp *s, const struct endpoint *client)
{
	struct transfer *t;

	if (s->shares.n < s->line->max_sessions)
		return true;
	if ((t = shares_worst(&s->shares)) == NULL ||
	    shares_beside(&t->item) <=
		shares_taken(&s->shares, &client->addr) + 1)
		return false;
	proxy_close(s->proxy, t->hole, REASON_LIMIT);
	transfer_free(t);
	return true;
}

static struct transfer *
transfer_new(struct proxy_tftp *s, const struct endpoint *client, size_t len)
{
	struct transfer *t;

	if (!transfer_make_room(s, client) || s->waiting + len > WAITING_MAX ||
	    (t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	if ((t->request = malloc(len)) == NULL ||
	    !shares_add(&s->shares, &t->item, &client->addr, 1)) {
		free(t->request);
		free(t);
		return NULL;
	}
	t->item.owner = t;
	memcpy(t->request, s->buf, len);
	t->len = len;
	t->s = s;
	t->client = *client;
	t->fd = -1;
	LIST_INSERT_HEAD(&s->transfers, t, entry);
	s->waiting += len;
	return t;
}

static void
on_request(struct proxy_tftp *s, size_t len, const struct endpoint *client,
    const struct endpoint *to)
{
	const struct prefixes *protect = &proxy_conf(s->proxy)->protect;
	struct tftp_request r;
	struct transfer *t;
	const char *why;
	struct fw_flow flow = { .proto = IPPROTO_UDP,
		.client = *client,
		.local = *to };

	/* Other datagrams get no answer, since their source may be forged. */
	if (len > REQUEST_MAX ||
	    !prefixes_contain(protect->v, protect->n, &client->addr) ||
	    tftp_request_parse(&r, (struct span) { s->buf, len }) != PH_OK)
		return;
	if ((why = conf_tftp_forbids(s->conf, r.op == TFTP_WRQ, r.file)) !=
	    NULL) {
		client_refuse(s, client, ERROR_ACCESS, why);
		return;
	}
	if ((t = transfer_new(s, client, len)) == NULL) {
		client_refuse(s, client, ERROR_OTHER, "too many transfers");
		return;
	}
	/* Another port: delivered unchanged (divert-to, TPROXY). */
	if (to->addr.af != AF_UNSPEC && to->port != 0 &&
	    to->port != s->at.at.port) {
		t->server = *to;
		transfer_forward(t);
		return;
	}
	if (flow.local.addr.af == AF_UNSPEC)
		flow.local.addr = s->at.at.addr;
	flow.local.port = s->at.at.port;
	if (!proxy_original(s->proxy, &flow, on_target, t))
		transfer_fail(t, "no answer", "out of memory");
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct proxy_tftp *s = arg;
	struct endpoint client, to;
	ssize_t n;
	int i;

	(void)what;
	for (i = 0; i < DATAGRAMS; i++) {
		n = origdst_recv(fd, s->buf, sizeof(s->buf), &client, &to);
		if (n == -1)
			return;
		if (client.addr.af != AF_UNSPEC && client.port != 0)
			on_request(s, (size_t)n, &client, &to);
	}
}

struct proxy_tftp *
proxy_tftp_start(struct proxy *p, const struct listener *l)
{
	struct proxy_tftp *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->proxy = p;
	s->conf = &proxy_conf(p)->tftp;
	s->line = &s->conf->proxy[l->index];
	s->at = *l;
	LIST_INIT(&s->transfers);
	shares_init(&s->shares);
	s->ev = event_new(proxy_base(p), l->fd, EV_READ | EV_PERSIST,
	    on_readable, s);
	if (s->ev == NULL || event_add(s->ev, NULL) == -1) {
		proxy_tftp_stop(s);
		return NULL;
	}
	return s;
}

/* The socket stays open: an error may have to be sent from it. */
void
proxy_tftp_leave(struct proxy_tftp *s)
{
	event_free(s->ev);
	s->ev = NULL;
}

size_t
proxy_tftp_left(const struct proxy_tftp *s)
{
	return s->shares.n;
}

void
proxy_tftp_stop(struct proxy_tftp *s)
{
	struct transfer *t;

	if (s == NULL)
		return;
	if (s->ev != NULL)
		event_free(s->ev);
	while ((t = LIST_FIRST(&s->transfers)) != NULL)
		transfer_free(t);
	free(s);
}
