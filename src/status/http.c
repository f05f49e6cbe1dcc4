/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/util.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/addr.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/queue.h"
#include "src/base/strbuf.h"
#include "src/base/timers.h"
#include "src/status/http.h"
#include "src/status/metrics.h"
#include "src/status/page.h"
#include "src/status/page_html.h"

#define MODULE "status"

/* How often late requests are looked for. */
#define LOOK_EVERY USEC_PER_SEC
/* A request with a body gets its 405, unless it is this large. */
#define BODY_MAX   4096
/* The whole of /metrics, or of the last hour. */
#define REPLY_MAX  (256 * 1024)

/*
 * A connection, from accept(2) until evhttp is done with it.  evhttp does not
 * tell when that is; so we have a reference to its bufferevent, too, and the
 * bufferevent has no callbacks any more once evhttp has freed it.  The socket
 * is closed with the last reference.
 */
struct conn {
	TAILQ_ENTRY(conn) entry; /* oldest first */
	struct bufferevent *bev;
	/*
	 * Of a reader of /events, or NULL.  Once the connection has failed, the
	 * request has none, and is ours.
	 */
	struct evhttp_request *stream;
	int64_t since;
	bool ended; /* shut down by us; evhttp will see it */
};

struct http {
	struct event_base *base;
	struct evhttp *evhttp;
	struct event *timer;
	struct model *model;
	struct page *page;
	struct evhttp_bound_socket *bound; /* NULL: not listening */
	TAILQ_HEAD(, conn) conns;
	unsigned int n, nstreams;
	char text[REPLY_MAX];
};

/* Names of paths are compared whole; a query is ignored. */
static bool
path_is(struct evhttp_request *r, const char *path)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r);
	const char *p = uri != NULL ? evhttp_uri_get_path(uri) : NULL;

	return p != NULL && strcmp(p, path) == 0;
}

bool
http_host_is_ours(struct span host)
{
	struct span rest, name = host;
	struct addr a;
	uint64_t port;

	if (host.len > 0 && host.p[0] == '[') {
		name = span_cut(span_sub(host, 1, host.len), ']', &rest);
		if (name.len + 1 >= host.len ||
		    (rest.len > 0 && rest.p[0] != ':'))
			return false;
		rest = span_sub(rest, 1, rest.len);
		if (addr_parse(name, &a) != PH_OK || a.af != AF_INET6)
			return false;
	} else {
		name = span_cut(host, ':', &rest);
		/* Without a colon, no address of IPv6. */
		if (!span_caseeq_str(name, "localhost") &&
		    addr_parse(name, &a) != PH_OK)
			return false;
	}
	return rest.len == 0 || span_number(rest, UINT16_MAX, &port);
}

/* Connections. */

/* After shutdown(2) evhttp reads an end of file, and frees the connection. */
static void
conn_end(struct conn *c)
{
	evutil_socket_t fd = bufferevent_getfd(c->bev);

	c->ended = true;
	if (fd != -1)
		(void)shutdown(fd, SHUT_RDWR);
}

static void
conn_free(struct http *h, struct conn *c)
{
	TAILQ_REMOVE(&h->conns, c, entry);
	h->n--;
	if (c->stream != NULL) {
		h->nstreams--;
		/*
		 * The request has no connection any more, so this only frees
		 * it.
		 */
		evhttp_send_reply_end(c->stream);
	}
	(void)bufferevent_decref(c->bev);
	free(c);
}

static bool
conn_is_over(const struct conn *c)
{
	bufferevent_event_cb on_event;

	bufferevent_getcb(c->bev, NULL, NULL, &on_event, NULL);
	return on_event == NULL;
}

/* Free what evhttp has freed, and end what takes too long. */
static void
conns_sweep(struct http *h, int64_t now)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&h->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (conn_is_over(c))
			conn_free(h, c);
		else if (!c->ended &&
		    now - c->since >
			(c->stream != NULL ? HTTP_STREAM : HTTP_REQUEST))
			conn_end(c);
	}
}

/* The oldest stream ends, or the oldest connection that is none. */
static void
conn_make_room(struct http *h, bool stream)
{
	struct conn *c;

	TAILQ_FOREACH(c, &h->conns, entry)
		if (!c->ended && (c->stream != NULL) == stream) {
			conn_end(c);
			return;
		}
}

static struct bufferevent *
on_accept(struct event_base *base, void *ctx)
{
	struct http *h = ctx;
	struct conn *c = calloc(1, sizeof(*c));
	int64_t now = clock_now();

	if (c == NULL)
		return NULL;
	c->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL) {
		free(c);
		return NULL;
	}
	conns_sweep(h, now);
	if (h->n >= HTTP_CONNECTIONS)
		conn_make_room(h, false);
	bufferevent_incref(c->bev);
	/*
	 * This bounds the input also while evhttp does not read it, as from a
	 * reader of /events.
	 */
	bufferevent_setwatermark(c->bev, EV_READ, 0, 2 * HTTP_HEADERS);
	c->since = now;
	TAILQ_INSERT_TAIL(&h->conns, c, entry);
	h->n++;
	return c->bev;
}

static struct conn *
conn_of(struct http *h, struct evhttp_request *r)
{
	struct evhttp_connection *ec = evhttp_request_get_connection(r);
	struct conn *c;

	TAILQ_FOREACH(c, &h->conns, entry)
		if (ec != NULL &&
		    c->bev == evhttp_connection_get_bufferevent(ec))
			return c;
	return NULL;
}

/* Streams. */

/* A reader that does not take them is not waited for. */
static void
stream_send(struct conn *c, const char *text, size_t len)
{
	struct evbuffer *b, *waiting = bufferevent_get_output(c->bev);

	if (c->ended || conn_is_over(c))
		return;
	b = evbuffer_new();
	if (b == NULL || evbuffer_add(b, text, len) == -1 ||
	    evbuffer_get_length(waiting) + len > HTTP_QUEUE)
		conn_end(c);
	else
		evhttp_send_reply_chunk(c->stream, b);
	if (b != NULL)
		evbuffer_free(b);
}

static void
streams_run(struct http *h, int64_t now)
{
	struct strbuf b = strbuf_of(h->text, sizeof(h->text));
	struct conn *c, *next;

	(void)model_need(h->model, now);
	page_now(h->page, now, &b);
	for (c = TAILQ_FIRST(&h->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->stream != NULL)
			stream_send(c, b.p, b.len);
	}
}

void
http_whole(struct http *h)
{
	if (h->nstreams > 0)
		streams_run(h, clock_now());
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct http *h = ctx;
	int64_t now = clock_now();

	(void)fd;
	(void)what;
	conns_sweep(h, now);
	page_run(h->page, now);
	if (h->nstreams > 0)
		streams_run(h, now);
}

/* Replies. */

static void
http_header(struct evhttp_request *r, const char *name, const char *value)
{
	(void)evhttp_add_header(evhttp_request_get_output_headers(r), name,
	    value);
}

static void
headers_common(struct evhttp_request *r, const char *type)
{
	http_header(r, "Content-Type", type);
	http_header(r, "Cache-Control", "no-store");
	http_header(r, "X-Content-Type-Options", "nosniff");
	http_header(r, "Referrer-Policy", "no-referrer");
	http_header(r, "Cross-Origin-Resource-Policy", "same-origin");
}

static void
http_reply(struct evhttp_request *r, int code, const char *why,
    const char *type, const void *body, size_t len)
{
	struct evbuffer *b = evbuffer_new();

	headers_common(r, type);
	http_header(r, "Connection", "close");
	if (b == NULL || evbuffer_add(b, body, len) == -1)
		evhttp_send_reply(r, 500, "Internal Server Error", NULL);
	else
		evhttp_send_reply(r, code, why, b);
	if (b != NULL)
		evbuffer_free(b);
}

static void
reply_error(struct evhttp_request *r, int code, const char *why)
{
	char text[128];
	struct strbuf b = strbuf_of(text, sizeof(text));

	strbuf_fmt(&b, "%d %s\n", code, why);
	http_header(r, "Content-Security-Policy", "default-src 'none'");
	http_reply(r, code, why, "text/plain; charset=utf-8", b.p, b.len);
}

static void
reply_metrics(struct http *h, struct evhttp_request *r)
{
	struct strbuf b = strbuf_of(h->text, sizeof(h->text));

	metrics_write(h->model, &b);
	http_header(r, "Content-Security-Policy", "default-src 'none'");
	http_reply(r, 200, "OK", "text/plain; version=0.0.4; charset=utf-8",
	    b.p, b.len);
}

static void
reply_page(struct evhttp_request *r)
{
	char text[512];
	struct strbuf b = strbuf_of(text, sizeof(text));

	strbuf_fmt(&b,
	    "default-src 'none'; script-src 'sha256-%s'; "
	    "style-src 'sha256-%s'; connect-src 'self'; img-src data:; "
	    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	    page_html_script_sha256, page_html_style_sha256);
	http_header(r, "Content-Security-Policy", text);
	http_reply(r, 200, "OK", "text/html; charset=utf-8", page_html,
	    strlen((const char *)page_html));
}

/*
 * Server-sent events (the WHATWG's HTML standard, section 9.2): first the last
 * hour, then each second what is new.
 */
static void
reply_events(struct http *h, struct evhttp_request *r)
{
	struct strbuf b = strbuf_of(h->text, sizeof(h->text));
	struct evhttp_connection *ec = evhttp_request_get_connection(r);
	struct conn *c = conn_of(h, r);

	if (c == NULL) {
		reply_error(r, 500, "Internal Server Error");
		return;
	}
	if (h->nstreams >= HTTP_STREAMS)
		conn_make_room(h, true);
	c->stream = r;
	c->since = clock_now();
	h->nstreams++;
	headers_common(r, "text/event-stream");
	http_header(r, "Content-Security-Policy", "default-src 'none'");
	evhttp_send_reply_start(r, 200, "OK");
	/*
	 * The reader of a stream sends nothing more, so the time for requests
	 * does not apply.
	 */
	evhttp_connection_set_timeout(ec, (int)(HTTP_STREAM / USEC_PER_SEC));
	page_history(h->page, &b);
	stream_send(c, b.p, b.len);
	strbuf_reset(&b);
	/* Else when they are there: http_whole(). */
	if (!model_need(h->model, clock_now()))
		return;
	page_now(h->page, clock_now(), &b);
	stream_send(c, b.p, b.len);
}

/*
 * A page of somebody else has its browser ask us (W3C Fetch Metadata).  It
 * could not read the answer, but its streams would end those of others.
 * Following a link to us is no such thing.
 */
static bool
is_for_another_page(struct evhttp_request *r)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(r);
	const char *site = evhttp_find_header(in, "Sec-Fetch-Site");
	const char *mode = evhttp_find_header(in, "Sec-Fetch-Mode");

	return site != NULL && strcmp(site, "same-origin") != 0 &&
	    strcmp(site, "none") != 0 &&
	    (mode == NULL || strcmp(mode, "navigate") != 0);
}

static void
on_request(struct evhttp_request *r, void *ctx)
{
	struct http *h = ctx;
	const char *host =
	    evhttp_find_header(evhttp_request_get_input_headers(r), "Host");

	if (host == NULL || !http_host_is_ours(span_of(host)))
		reply_error(r, 421, "Misdirected Request");
	else if (evhttp_request_get_command(r) != EVHTTP_REQ_GET) {
		http_header(r, "Allow", "GET");
		reply_error(r, 405, "Method Not Allowed");
	} else if (is_for_another_page(r))
		reply_error(r, 403, "Forbidden");
	else if (path_is(r, "/metrics"))
		reply_metrics(h, r);
	else if (path_is(r, "/"))
		reply_page(r);
	else if (path_is(r, "/events"))
		reply_events(h, r);
	else
		reply_error(r, 404, "Not Found");
}

struct http *
http_new(struct event_base *base, struct model *m)
{
	static const struct timeval every = { LOOK_EVERY / USEC_PER_SEC, 0 };
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->base = base;
	h->model = m;
	TAILQ_INIT(&h->conns);
	h->evhttp = evhttp_new(base);
	h->page = page_new(m);
	h->timer = event_new(base, -1, EV_PERSIST, on_timer, h);
	if (h->evhttp == NULL || h->page == NULL || h->timer == NULL) {
		http_free(h);
		return NULL;
	}
	/* Methods that are not allowed get a 405 from us, not evhttp's 501. */
	evhttp_set_allowed_methods(h->evhttp, UINT16_MAX);
	evhttp_set_max_headers_size(h->evhttp, HTTP_HEADERS);
	evhttp_set_max_body_size(h->evhttp, BODY_MAX);
	evhttp_set_timeout(h->evhttp, (int)(HTTP_REQUEST / USEC_PER_SEC));
	evhttp_set_bevcb(h->evhttp, on_accept, h);
	evhttp_set_gencb(h->evhttp, on_request, h);
	event_add(h->timer, &every);
	return h;
}

void
http_free(struct http *h)
{
	struct conn *c;

	if (h == NULL)
		return;
	if (h->evhttp != NULL)
		evhttp_free(h->evhttp);
	while ((c = TAILQ_FIRST(&h->conns)) != NULL) {
		c->stream = NULL; /* evhttp has freed it */
		conn_free(h, c);
	}
	if (h->timer != NULL)
		event_free(h->timer);
	page_free(h->page);
	free(h);
}

void
http_listen(struct http *h, int fd)
{
	if (h->bound != NULL)
		evhttp_del_accept_socket(h->evhttp, h->bound);
	h->bound = NULL;
	if (fd == -1)
		return;
	(void)evutil_make_socket_nonblocking(fd);
	h->bound = evhttp_accept_socket_with_handle(h->evhttp, fd);
	if (h->bound == NULL) {
		log_warnx(MODULE, "cannot serve HTTP: out of memory");
		close(fd);
	}
}
