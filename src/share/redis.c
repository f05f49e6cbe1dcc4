/* SPDX-License-Identifier: ISC */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <hiredis/hiredis.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/queue.h"
#include "src/base/strbuf.h"
#include "src/share/redis.h"
#include "src/share/tls.h"

#define CHUNK	       16384
#define OUT_MAX	       (8u << 20) /* bytes that wait to be sent */
/* A line of a reply; hiredis looks for its end from its begin each time. */
#define LINE_MAX_BYTES 65536

#define REDIS_WHY 512
/* With that begins what a server says in TLS to one who does not. */
#define TLS_ALERT 0x15

/* Arrays within arrays: the stream's reply has so many. */
#define DEPTH_MAX 5

#if HIREDIS_MAJOR > 0
typedef size_t elements;
#else
typedef int elements;
#endif

struct command {
	STAILQ_ENTRY(command) entry;
	redis_reply *reply;
	struct redis_tag tag;
	int64_t sent;
};

struct redis {
	struct bufferevent *be;
	const struct tls *tls; /* NULL: none */
	bool ready;	       /* TLS is */
	redisReader *reader;
	redisReplyObjectFunctions make; /* those of hiredis, but for arrays */
	void *(*array)(const redisReadTask *, elements);
	struct event *failed; /* tells `lost` outside of redis_send() */
	STAILQ_HEAD(, command) waiting;
	size_t nwaiting;
	size_t part; /* bytes of a reply that is not complete */
	uint64_t bytes;
	bool heard; /* anything */
	bool over;
	char why[REDIS_WHY];
	void (*lost)(void *ctx, const char *why);
	void *ctx;
};

static void
redis_fail(struct redis *r, const char *why)
{
	if (r->over)
		return;
	r->over = true;
	strlcpy(r->why, why, sizeof(r->why));
	bufferevent_disable(r->be, EV_READ | EV_WRITE);
	event_active(r->failed, 0, 0);
}

static void
on_failed(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;

	(void)fd;
	(void)what;
	r->lost(r->ctx, r->why);
}

static void
on_event(struct bufferevent *be, short what, void *arg)
{
	struct redis *r = arg;
	int error = EVUTIL_SOCKET_ERROR();
	char text[REDIS_WHY] = "";
	struct strbuf b = strbuf_of(text, sizeof(text));
	/* OpenSSL 1.1 calls an end an error, and leaves errno as it was. */
	bool ended = (what & BEV_EVENT_EOF) || error == 0 || error == EAGAIN;

	if (what & BEV_EVENT_CONNECTED) {
		r->ready = true;
		return;
	}
	if (r->tls != NULL)
		tls_explain(r->tls, be, &b);
	if (b.len == 0) {
		strbuf_str(&b,
		    ended ? "it closed the connection" : strerror(error));
		if (!r->heard && (ended || error == ECONNRESET))
			strbuf_str(&b,
			    r->tls == NULL ? "; does it speak TLS there?"
					   : "; does it want a certificate?");
	}
	redis_fail(r, text);
}

static void
reply_take(struct redis *r, redisReply *reply)
{
	struct command *c = STAILQ_FIRST(&r->waiting);

	if (c == NULL) {
		redis_fail(r, "a reply that nothing asked for");
		return;
	}
	STAILQ_REMOVE_HEAD(&r->waiting, entry);
	r->nwaiting--;
	if (c->reply != NULL)
		c->reply(r->ctx, reply, &c->tag);
	free(c);
}

/*
 * A reply that is not complete begins with a line: that of a text has its
 * length, and the text behind it may be long.
 */
static bool
line_is_endless(const redisReader *reader)
{
	size_t n = reader->len - reader->pos;

	return n > LINE_MAX_BYTES &&
	    memchr(reader->buf + reader->pos, '\n', LINE_MAX_BYTES) == NULL;
}

static void
on_read(struct bufferevent *be, void *arg)
{
	char chunk[CHUNK];
	struct redis *r = arg;
	void *reply;
	size_t n;

	while (
	    !r->over && (n = bufferevent_read(be, chunk, sizeof(chunk))) > 0) {
		r->heard = true;
		r->bytes += n;
		r->part += n;
		if (r->part > REDIS_REPLY_MAX) {
			redis_fail(r, "a reply that is too large");
			return;
		}
		(void)redisReaderFeed(r->reader, chunk, n);
		for (;;) {
			reply = NULL;
			if (redisReaderGetReply(r->reader, &reply) !=
			    REDIS_OK) {
				redis_fail(r,
				    n > 0 && chunk[0] == TLS_ALERT
					? "it speaks TLS there: see \"tls\""
					: "no reply of Redis");
				return;
			}
			if (reply == NULL)
				break;
			r->part = 0;
			reply_take(r, reply);
			freeReplyObject(reply);
			if (r->over)
				return;
		}
		if (line_is_endless(r->reader)) {
			redis_fail(r, "a line that does not end");
			return;
		}
	}
}

/*
 * From version 1.0, hiredis takes arrays of any depth, and recurses to free
 * them.
 */
static void *
make_array(const redisReadTask *task, elements n)
{
	const struct redis *r = task->privdata;
	const redisReadTask *t;
	int depth = 0;

	for (t = task; t != NULL && depth <= DEPTH_MAX; t = t->parent)
		depth++;
	return depth <= DEPTH_MAX ? r->array(task, n) : NULL;
}

static redisReader *
reader_new(struct redis *r)
{
	redisReader *reader = redisReaderCreate();

	if (reader == NULL)
		return NULL;
	r->make = *reader->fn;
	r->array = r->make.createArray;
	r->make.createArray = make_array;
	reader->fn = &r->make;
	reader->privdata = r;
	return reader;
}

struct redis *
redis_new(struct event_base *base, int fd, struct tls *tls,
    void (*lost)(void *ctx, const char *why), void *ctx)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		close(fd);
		return NULL;
	}
	STAILQ_INIT(&r->waiting);
	r->lost = lost;
	r->ctx = ctx;
	r->tls = tls;
	r->ready = tls == NULL;
	if (tls != NULL)
		r->be = tls_open(tls, base, fd);
	else if ((r->be = bufferevent_socket_new(base, fd,
		      BEV_OPT_CLOSE_ON_FREE)) == NULL)
		close(fd);
	r->reader = reader_new(r);
	r->failed = event_new(base, -1, 0, on_failed, r);
	if (r->be == NULL || r->reader == NULL || r->failed == NULL) {
		redis_free(r);
		return NULL;
	}
	bufferevent_setcb(r->be, on_read, NULL, on_event, r);
	bufferevent_enable(r->be, EV_READ | EV_WRITE);
	return r;
}

void
redis_free(struct redis *r)
{
	struct command *c;

	if (r == NULL)
		return;
	while ((c = STAILQ_FIRST(&r->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->waiting, entry);
		free(c);
	}
	if (r->failed != NULL)
		event_free(r->failed);
	if (r->reader != NULL)
		redisReaderFree(r->reader);
	if (r->be != NULL)
		bufferevent_free(r->be);
	free(r);
}

void
redis_send(struct redis *r, redis_reply *reply, const struct redis_tag *tag,
    int argc, const char **argv, const size_t *len)
{
	struct evbuffer *out = bufferevent_get_output(r->be);
	struct command *c;
	char *text = NULL;
	long long n;

	if (r->over)
		return;
	if (evbuffer_get_length(out) > OUT_MAX) {
		redis_fail(r, "it does not read");
		return;
	}
	n = redisFormatCommandArgv(&text, argc, argv, len);
	if (n < 0 || (c = calloc(1, sizeof(*c))) == NULL) {
		free(text);
		redis_fail(r, "out of memory");
		return;
	}
	c->reply = reply;
	if (tag != NULL)
		c->tag = *tag;
	c->sent = clock_now();
	STAILQ_INSERT_TAIL(&r->waiting, c, entry);
	r->nwaiting++;
	r->bytes += (uint64_t)n;
	(void)bufferevent_write(r->be, text, (size_t)n);
	redisFreeCommand(text);
}

void
redis_explain(const struct redisReply *r, struct strbuf *out)
{
	/* The monitor connects to the configured server, and to no other. */
	static const struct {
		const char *error, *means;
	} known[] = {
		{ "MOVED ",
		    "another server of the cluster has this group: "
		    "name that one" },
		{ "ASK ",
		    "the group is moving to another server of the "
		    "cluster" },
		{ "READONLY",
		    "this is a replica: name the server that it "
		    "follows" },
	};
	struct span text = { r->str, r->len };
	size_t i;

	if (r->type != REDIS_REPLY_ERROR)
		return;
	strbuf_vis(out, span_sub(text, 0, 80));
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_has_prefix(text, known[i].error))
			strbuf_fmt(out, " (%s)", known[i].means);
}

size_t
redis_room(const struct redis *r)
{
	size_t out = evbuffer_get_length(bufferevent_get_output(r->be));

	if (r->over || out > OUT_MAX / 2 || r->nwaiting >= REDIS_WAITING)
		return 0;
	return REDIS_WAITING - r->nwaiting;
}

int64_t
redis_waits_since(const struct redis *r)
{
	const struct command *c = STAILQ_FIRST(&r->waiting);

	return c != NULL ? c->sent : 0;
}

bool
redis_sent(const struct redis *r)
{
	return r->over ||
	    evbuffer_get_length(bufferevent_get_output(r->be)) == 0;
}

void
redis_known(struct redis *r)
{
	r->heard = true;
}

const char *
redis_late(const struct redis *r)
{
	return r->ready ? "it does not answer"
			: "it does not answer; does it speak TLS there?";
}

uint64_t
redis_bytes(const struct redis *r)
{
	return r->bytes;
}
