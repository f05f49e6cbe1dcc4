/* SPDX-License-Identifier: ISC */
#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/share/server.h"

#define MODULE "share"

#define ANSWER_WITHIN (5 * USEC_PER_SEC)
#define STREAM_WITHIN (15 * USEC_PER_SEC)
#define JOIN_WITHIN   (60 * USEC_PER_SEC)
#define JOIN_CALL     200 /* microseconds more for each that there may be */
#define RETRY_FIRST   (USEC_PER_SEC / 5)
#define RETRY_LAST    (10 * USEC_PER_SEC)

/* Entries of the stream that are kept, about: minutes, of a busy group. */
#define STREAM_LENGTH "200000"
#define STREAM_COUNT  "500"
#define SCAN_COUNT    "300"
#define KEYS_MAX      1000
#define TEXT_MAX      512 /* of an error */

#define NAME_MAX_LEN 128 /* of a key */

uint64_t
server_bytes(const struct server *s)
{
	return s->bytes + (s->command != NULL ? redis_bytes(s->command) : 0) +
	    (s->stream != NULL ? redis_bytes(s->stream) : 0);
}

bool
server_idle(const struct server *s)
{
	return s->command == NULL || redis_sent(s->command);
}

void
server_close(struct server *s)
{
	redis_free(s->command);
	redis_free(s->stream);
	s->command = s->stream = NULL;
}

static void
server_fail(struct server *s, const char *why, int64_t now)
{
	int64_t wait = RETRY_FIRST << (s->failures < 6 ? s->failures : 6);

	/*
	 * Log first: `why` may point into a connection, which is closed below.
	 */
	if (!s->said)
		log_warnx(MODULE,
		    "no server: %s; calls go on without other boxes", why);
	s->said = true;
	s->bytes = server_bytes(s);
	server_close(s);
	s->failures++;
	if (wait > RETRY_LAST)
		wait = RETRY_LAST;
	s->retry_at =
	    now + wait / 2 + arc4random_uniform((uint32_t)wait / 2 + 1);
	s->state = SERVER_WAITING;
	s->since = now;
	group_lost(s->group, now);
}

static void
on_lost(void *ctx, const char *why)
{
	server_fail(ctx, why, clock_now());
}

/* A reply that ends the connection is dealt with later: see server_run(). */
static void
server_complain(struct server *s, const char *what, const redisReply *r)
{
	char text[TEXT_MAX] = "";
	struct strbuf b = strbuf_of(text, sizeof(text));

	redis_explain(r, &b);
	if (!s->said)
		log_warnx(MODULE,
		    "the server refuses %s%s%s; calls go on without other "
		    "boxes",
		    what, r->type == REDIS_REPLY_ERROR ? ": " : "", text);
	s->said = true;
	/* Time is up. */
	s->since = INT64_MIN / 2;
}

#define ARGS 12

struct args {
	const char *v[ARGS];
	size_t len[ARGS];
	int n;
};

static void
args_add(struct args *a, const void *p, size_t len)
{
	a->v[a->n] = p;
	a->len[a->n++] = len;
}

static void
args_words(struct args *a, const char *words)
{
	struct span rest = span_of(words), word;

	while (rest.len > 0) {
		word = span_cut(rest, ' ', &rest);
		args_add(a, word.p, word.len);
	}
}

static size_t
name_call(const struct server *s, const uint8_t *key, char *buf)
{
	size_t n =
	    (size_t)snprintf(buf, NAME_MAX_LEN, "pinholed:{%s}:call:", s->name);
	int i;

	for (i = 0; i < RECORD_KEY; i++)
		n +=
		    (size_t)snprintf(buf + n, NAME_MAX_LEN - n, "%02x", key[i]);
	return n;
}

static size_t
name_stream(const struct server *s, char *buf)
{
	return (size_t)snprintf(buf, NAME_MAX_LEN, "pinholed:{%s}:changes",
	    s->name);
}

/* Writing. */

static void
on_written(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	struct server *s = ctx;
	int64_t now = clock_now();
	bool ok = r->type != REDIS_REPLY_ERROR;
	uint32_t missed;
	char text[TEXT_MAX];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (!ok) {
		redis_explain(r, &b);
		s->refused_at = now;
		if (log_may(&s->refused_log, now, &missed))
			log_warnx(MODULE, "the server does not write: %s",
			    text);
	}
	if (tag->version > 0)
		group_written(s->group, tag->key, tag->version, ok, now);
}

static void
add_to_stream(struct server *s, const struct redis_tag *tag, const uint8_t *p,
    size_t len)
{
	char stream[NAME_MAX_LEN];
	struct args a = { .n = 0 };

	args_words(&a, "XADD");
	args_add(&a, stream, name_stream(s, stream));
	args_words(&a, "MAXLEN ~ " STREAM_LENGTH " * r");
	args_add(&a, p, len);
	redis_send(s->command, on_written, tag, a.n, a.v, a.len);
}

static void
on_first_written(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	/* The stream's answer follows. */
	if (r->type == REDIS_REPLY_ERROR)
		on_written(ctx, r, tag);
}

void
server_write(struct server *s, const uint8_t *key, uint64_t version,
    const uint8_t *p, size_t len)
{
	char name[NAME_MAX_LEN], ttl[24];
	struct redis_tag tag = { .version = version };
	struct args a = { .n = 0 };

	memcpy(tag.key, key, RECORD_KEY);
	args_words(&a, "SET");
	args_add(&a, name, name_call(s, key, name));
	args_add(&a, p, len);
	args_words(&a, "PX");
	snprintf(ttl, sizeof(ttl), "%lld", (long long)(GROUP_TTL / 1000));
	args_add(&a, ttl, strlen(ttl));
	redis_send(s->command, on_first_written, &tag, a.n, a.v, a.len);
	add_to_stream(s, &tag, p, len);
}

void
server_erase(struct server *s, const uint8_t *key, uint64_t version,
    const uint8_t *p, size_t len)
{
	char name[NAME_MAX_LEN];
	struct redis_tag tag = { .version = version };
	struct args a = { .n = 0 };

	memcpy(tag.key, key, RECORD_KEY);
	args_words(&a, "DEL");
	args_add(&a, name, name_call(s, key, name));
	redis_send(s->command, on_first_written, &tag, a.n, a.v, a.len);
	add_to_stream(s, &tag, p, len);
}

void
server_publish(struct server *s, const uint8_t *p, size_t len)
{
	const struct redis_tag none = { .version = 0 };

	add_to_stream(s, &none, p, len);
}

static void
on_renewed(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	struct server *s = ctx;

	if (r->type == REDIS_REPLY_INTEGER)
		group_renewed(s->group, tag->key, r->integer == 1);
}

void
server_renew(struct server *s, const uint8_t *key)
{
	char name[NAME_MAX_LEN], ttl[24];
	struct redis_tag tag = { .version = 0 };
	struct args a = { .n = 0 };

	memcpy(tag.key, key, RECORD_KEY);
	args_words(&a, "PEXPIRE");
	args_add(&a, name, name_call(s, key, name));
	snprintf(ttl, sizeof(ttl), "%lld", (long long)(GROUP_TTL / 1000));
	args_add(&a, ttl, strlen(ttl));
	redis_send(s->command, on_renewed, &tag, a.n, a.v, a.len);
}

size_t
server_room(const struct server *s)
{
	/* A write takes two commands. */
	return s->state == SERVER_JOINED ? redis_room(s->command) / 2 : 0;
}

/* Reading. */

static void stream_ask(struct server *s);

/* [[STREAM, [[ID, [FIELD, VALUE]], ...]]] */
static void
on_stream(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	const redisReply *entries, *e, *fields;
	struct server *s = ctx;
	size_t i, k;

	(void)tag;
	if (r->type == REDIS_REPLY_ERROR) {
		server_complain(s, "to let its stream be read", r);
		return;
	}
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 1 ||
	    r->element[0]->type != REDIS_REPLY_ARRAY ||
	    r->element[0]->elements != 2) {
		stream_ask(s);
		return;
	}
	entries = r->element[0]->element[1];
	for (i = 0; i < entries->elements; i++) {
		e = entries->element[i];
		if (e->type != REDIS_REPLY_ARRAY || e->elements != 2 ||
		    e->element[0]->type != REDIS_REPLY_STRING ||
		    e->element[0]->len >= sizeof(s->position))
			continue;
		memcpy(s->position, e->element[0]->str, e->element[0]->len + 1);
		fields = e->element[1];
		for (k = 1; k < fields->elements; k += 2)
			if (fields->element[k]->type == REDIS_REPLY_STRING)
				group_record(s->group, fields->element[k]->str,
				    fields->element[k]->len, clock_now());
	}
	stream_ask(s);
}

static void
stream_ask(struct server *s)
{
	char stream[NAME_MAX_LEN];
	struct args a = { .n = 0 };

	args_words(&a, "XREAD COUNT " STREAM_COUNT " BLOCK 5000 STREAMS");
	args_add(&a, stream, name_stream(s, stream));
	args_add(&a, s->position, strlen(s->position));
	redis_send(s->stream, on_stream, NULL, a.n, a.v, a.len);
}

static void
read_done(struct server *s)
{
	if (!s->scanned || s->reading > 0)
		return;
	s->state = SERVER_ASKED_AGAIN;
	s->since = clock_now();
	s->connect(s->ctx);
}

static void
on_values(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	struct server *s = ctx;
	size_t i;

	(void)tag;
	s->reading--;
	for (i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
		if (r->element[i]->type == REDIS_REPLY_STRING)
			group_record(s->group, r->element[i]->str,
			    r->element[i]->len, clock_now());
	read_done(s);
}

static void
values_ask(struct server *s, const redisReply *names)
{
	const char *v[KEYS_MAX + 1] = { "MGET" };
	size_t len[KEYS_MAX + 1] = { 4 }, i;
	int n = 1;

	for (i = 0; i < names->elements && n <= KEYS_MAX; i++) {
		if (names->element[i]->type != REDIS_REPLY_STRING)
			continue;
		v[n] = names->element[i]->str;
		len[n++] = names->element[i]->len;
	}
	if (n == 1)
		return;
	s->reading++;
	redis_send(s->command, on_values, NULL, n, v, len);
}

static void scan_ask(struct server *s, const char *cursor, size_t len);

/* [CURSOR, [NAME, ...]] */
static void
on_scan(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	struct server *s = ctx;
	const redisReply *cursor;

	(void)tag;
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    r->element[0]->type != REDIS_REPLY_STRING ||
	    r->element[1]->type != REDIS_REPLY_ARRAY) {
		server_complain(s, "to name its keys", r);
		return;
	}
	values_ask(s, r->element[1]);
	cursor = r->element[0];
	if (cursor->len == 1 && cursor->str[0] == '0') {
		s->scanned = true;
		read_done(s);
	} else
		scan_ask(s, cursor->str, cursor->len);
}

static void
scan_ask(struct server *s, const char *cursor, size_t len)
{
	char pattern[NAME_MAX_LEN];
	struct args a = { .n = 0 };
	size_t n;

	n = (size_t)snprintf(pattern, sizeof(pattern), "pinholed:{%s}:call:*",
	    s->name);
	args_words(&a, "SCAN");
	args_add(&a, cursor, len);
	args_words(&a, "MATCH");
	args_add(&a, pattern, n);
	args_words(&a, "COUNT " SCAN_COUNT);
	redis_send(s->command, on_scan, NULL, a.n, a.v, a.len);
}

/* [[ID, [...]]], or [] */
static void
on_position(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	struct server *s = ctx;
	const redisReply *id;

	(void)tag;
	if (r->type != REDIS_REPLY_ARRAY) {
		server_complain(s, "to let its stream be read", r);
		return;
	}
	strlcpy(s->position, "0-0", sizeof(s->position));
	if (r->elements > 0 && r->element[0]->type == REDIS_REPLY_ARRAY &&
	    r->element[0]->elements > 0) {
		id = r->element[0]->element[0];
		if (id->type == REDIS_REPLY_STRING &&
		    id->len < sizeof(s->position))
			memcpy(s->position, id->str, id->len + 1);
	}
	s->scanned = false;
	s->reading = 0;
	scan_ask(s, "0", 1);
}

static void
on_password(void *ctx, const redisReply *r, const struct redis_tag *tag)
{
	(void)tag;
	if (r->type == REDIS_REPLY_ERROR)
		server_complain(ctx, "the password", r);
}

static void
password_send(struct server *s, struct redis *r)
{
	struct args a = { .n = 0 };

	if (s->secrets->passwordlen == 0)
		return;
	args_words(&a, "AUTH");
	args_add(&a, s->secrets->password, s->secrets->passwordlen);
	redis_send(r, on_password, NULL, a.n, a.v, a.len);
}

static void
join_begin(struct server *s)
{
	char stream[NAME_MAX_LEN];
	struct args a = { .n = 0 };

	password_send(s, s->command);
	args_words(&a, "XREVRANGE");
	args_add(&a, stream, name_stream(s, stream));
	args_words(&a, "+ - COUNT 1");
	redis_send(s->command, on_position, NULL, a.n, a.v, a.len);
}

static void
join_end(struct server *s, int64_t now)
{
	password_send(s, s->stream);
	stream_ask(s);
	s->joins++;
	group_joined(s->group, now);
	log_info(MODULE, "sharing calls of the group \"%s\"", s->name);
	s->said = false;
}

void
server_init(struct server *s, struct event_base *base,
    const struct secrets *secrets, const char *group)
{
	memset(s, 0, sizeof(*s));
	s->base = base;
	s->secrets = secrets;
	strlcpy(s->name, group, sizeof(s->name));
}

void
server_connected(struct server *s, int fd, int64_t now)
{
	struct redis *r;

	if (s->state != SERVER_ASKED && s->state != SERVER_ASKED_AGAIN) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (fd == -1 ||
	    (r = redis_new(s->base, fd, s->tls, on_lost, s)) == NULL) {
		server_fail(s, "no connection", now);
		return;
	}
	s->since = now;
	if (s->state == SERVER_ASKED) {
		s->command = r;
		s->state = SERVER_JOINING;
		join_begin(s);
	} else {
		s->stream = r;
		redis_known(r);
		s->state = SERVER_JOINED;
		join_end(s, now);
	}
}

/*
 * What the server has failed to do in time, for the log; NULL: it is not late.
 */
static const char *
server_late(const struct server *s, int64_t now)
{
	struct group_stats stats;
	int64_t waits;

	if (s->state == SERVER_WAITING)
		return NULL;
	if (s->since < 0)
		return "it refuses";
	if (s->state != SERVER_JOINED &&
	    now - s->since > JOIN_WITHIN + (int64_t)s->limit * JOIN_CALL)
		return "reading its keys takes too long";
	if (s->command != NULL &&
	    (waits = redis_waits_since(s->command)) != 0 &&
	    now - waits > ANSWER_WITHIN)
		return redis_late(s->command);
	if (s->state != SERVER_JOINED)
		return NULL;
	if ((waits = redis_waits_since(s->stream)) != 0 &&
	    now - waits > STREAM_WITHIN)
		return redis_late(s->stream);
	group_stats(s->group, &stats);
	if (now - s->since > BOXES_LEASE && now - stats.echoed > BOXES_LEASE &&
	    now - s->refused_at > BOXES_LEASE)
		return "its stream does not bring what was written";
	return NULL;
}

void
server_run(struct server *s, int64_t now)
{
	const char *why = server_late(s, now);

	if (why != NULL)
		server_fail(s, why, now);
	/*
	 * Only a connection that has lasted makes the next wait short again: a
	 * server that lets us join and hangs up at once is tried ever more
	 * rarely.
	 */
	if (s->state == SERVER_JOINED && now - s->since > BOXES_LEASE)
		s->failures = 0;
	if (s->state != SERVER_WAITING || now < s->retry_at)
		return;
	s->state = SERVER_ASKED;
	s->since = now;
	s->connect(s->ctx);
}
