/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/jsonw.h"
#include "src/base/log.h"
#include "src/base/queue.h"
#include "src/base/timers.h"
#include "src/process/checkpoint.h"
#include "src/proxy/proxy.h"
#include "tables/entries.h"
#include "tables/server.h"

/*
 * Signed datagrams come in, changes go to the firewall process, in order and
 * one batch at a time: changes that come before its answer are the next batch.
 */
#define MODULE "tables"

/* Datagrams at a time; then other sockets are served. */
#define DATAGRAMS 64
/* Changes in one question: pinholes have to wait behind it. */
#define BATCH	  64
/* While so many batches wait, nothing is received and nothing expires. */
#define QUEUE_MAX 256
/* Ask again: a firewall process that is gone has a successor soon. */
#define TRIES	  5
#define RETRY	  USEC_PER_SEC

/* The sender of a datagram whose changes are not all done. */
struct visitor {
	struct server_job job; /* first */
	LIST_ENTRY(visitor) entry;
	struct endpoint from;
};

struct batch {
	TAILQ_ENTRY(batch) entry;
	size_t n, done;
	bool apart; /* a change was refused: try each by itself */
	unsigned int tries;
	struct server_change v[BATCH];
};

struct proxy_tables {
	struct proxy *proxy;
	struct listener at;
	struct server *server;
	struct checkpoint *journal;
	struct event *ev, *timer, *retry;
	TAILQ_HEAD(batches, batch) queue;
	size_t queued;
	LIST_HEAD(, visitor) visitors;
	size_t asked; /* changes that wait for the answer; 0: no question */
	uint32_t asked_ttl_s;
	bool *untimed; /* the packet filter's table has no timeouts */
	bool resuming, paused;
	bool loaded; /* the journal had a record */
	bool first_run;
	const char **names;
	uint64_t *stale; /* keys of records that could not be used */
	size_t nstale, maxstale;
	struct log_limit refused[SERVER_NVERDICTS];
	struct log_limit journal_log, filter_log;
	char buf[WIRE_MAX + 1];
};

static void queue_run(struct proxy_tables *t);

/*
 * The journal, which survives a restart.
 */
static void
journal_failed(struct proxy_tables *t, enum ph_err rc)
{
	uint32_t missed;

	if (log_may(&t->journal_log, proxy_now(t->proxy), &missed))
		log_warnx(MODULE,
		    "entries and what was received may not survive a restart: "
		    "%s",
		    ph_strerror(rc));
}

static void
on_keep(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct proxy_tables *t = ctx;
	enum ph_err rc;

	if (t->journal == NULL)
		return;
	rc = len > 0 ? checkpoint_put(t->journal, key, p, len)
		     : checkpoint_del(t->journal, key);
	if (rc != PH_OK)
		journal_failed(t, rc);
}

static void
journal_sync(struct proxy_tables *t)
{
	enum ph_err rc;

	if (t->journal != NULL && (rc = checkpoint_sync(t->journal)) != PH_OK)
		journal_failed(t, rc);
}

void
proxy_tables_load(struct proxy_tables *t, uint64_t key, const void *p,
    size_t len)
{
	uint64_t *v;
	size_t n;

	t->loaded = true;
	if (server_load(t->server, key, p, len, proxy_now(t->proxy)) == PH_OK)
		return;
	if (t->nstale == t->maxstale) {
		n = t->maxstale > 0 ? t->maxstale * 2 : 64;
		if ((v = reallocarray(t->stale, n, sizeof(*v))) == NULL)
			return;
		t->stale = v;
		t->maxstale = n;
	}
	t->stale[t->nstale++] = key;
}

/*
 * Replies.
 */
static void
refusal_log(struct proxy_tables *t, const struct visitor *v)
{
	const struct wire_request *r = &v->job.request;
	enum server_verdict why = v->job.verdict;
	char from[ADDR_STRLEN], what[ADDR_STRLEN];
	uint32_t missed;
	uint8_t i = 0;

	if (!log_may(&t->refused[why], proxy_now(t->proxy), &missed))
		return;
	while (i + 1 < r->n && (v->job.refused >> i & 1) == 0)
		i++;
	if (v->job.key == NULL || r->n == 0 || (v->job.refused >> i & 1) == 0)
		log_warnx(MODULE, "%s: refused: %s",
		    endpoint_format(&v->from, from), server_verdict_text(why));
	else
		log_warnx(MODULE, "%s: %s in table \"%s\" refused: %s",
		    endpoint_format(&v->from, from),
		    prefix_format(&r->entries[i].prefix, what), r->table,
		    server_verdict_text(why));
	if (missed > 0)
		log_warnx(MODULE, "and %" PRIu32 " more: %s", missed,
		    server_verdict_text(why));
}

static void
change_log(const struct visitor *v)
{
	static const char *const verbs[] = { [WIRE_ADD] = "add",
		[WIRE_DELETE] = "delete",
		[WIRE_FLUSH] = "flush" };
	const struct wire_request *r = &v->job.request;
	char from[ADDR_STRLEN], what[ADDR_STRLEN];

	log_debug(MODULE, "%s: key \"%s\": %s %s%s in table \"%s\"",
	    endpoint_format(&v->from, from), v->job.key->name,
	    verbs[r->command],
	    r->n > 0 ? prefix_format(&r->entries[0].prefix, what) : "all",
	    r->n > 1 ? " and more" : "", r->table);
}

static void
visitor_finish(struct proxy_tables *t, struct visitor *v)
{
	struct sockaddr_storage ss;
	uint8_t reply[WIRE_REPLY_LEN];
	socklen_t len;
	size_t n;

	if (v->job.pending > 0)
		return;
	if (v->job.verdict == SERVER_TAKEN)
		change_log(v);
	else
		refusal_log(t, v);
	n = server_reply(t->server, &v->job, proxy_now(t->proxy), reply);
	len = (socklen_t)endpoint_to_sockaddr(&v->from, &ss);
	if (n > 0 &&
	    sendto(t->at.fd, reply, n, 0, (struct sockaddr *)&ss, len) == -1)
		log_debug(MODULE, "cannot answer: %s", strerror(errno));
	LIST_REMOVE(v, entry);
	free(v);
}

/*
 * Changes, in order.
 */
static void
on_change(void *ctx, const struct server_change *c)
{
	struct proxy_tables *t = ctx;
	struct batch *b = TAILQ_LAST(&t->queue, batches);

	/* A batch that waits for its answer cannot grow. */
	if (b == NULL || b->n == BATCH ||
	    (t->asked > 0 && b == TAILQ_FIRST(&t->queue)) ||
	    c->command == SERVER_FLUSH || b->v[0].command != c->command ||
	    b->v[0].table != c->table || b->v[0].ttl_s != c->ttl_s) {
		/* Better to restart than to do half of a request. */
		if ((b = malloc(sizeof(*b))) == NULL)
			log_fatalx(MODULE, "out of memory");
		b->n = b->done = 0;
		b->apart = false;
		b->tries = 0;
		TAILQ_INSERT_TAIL(&t->queue, b, entry);
		t->queued++;
	}
	b->v[b->n++] = *c;
}

static void
timer_arm(struct event *ev, int64_t wait)
{
	struct timeval tv;

	if (wait < 0)
		wait = 0;
	tv.tv_sec = (time_t)(wait / USEC_PER_SEC);
	tv.tv_usec = (suseconds_t)(wait % USEC_PER_SEC);
	event_add(ev, &tv);
}

static const char *
filter_error_text(enum ph_err err)
{
	switch (err) {
	case PH_EGONE:
		return "the packet filter has none of that name";
	case PH_EAMBIGUOUS:
		return "the packet filter has two of that name";
	case PH_EUNSUPPORTED:
		return "cannot hold this address, or not beside another";
	case PH_EDENIED:
		return "an address that is never entered";
	default:
		return ph_strerror(err);
	}
}

static void
batch_done(struct proxy_tables *t, struct batch *b, enum ph_err err)
{
	const struct server_change *c = &b->v[b->done], *end = c + t->asked;
	uint32_t missed;

	if (err != PH_OK && err != PH_EEXIST &&
	    log_may(&t->filter_log, proxy_now(t->proxy), &missed)) {
		log_warnx(MODULE, "table \"%s\": %s", t->names[c->table],
		    filter_error_text(err));
		if (missed > 0)
			log_warnx(MODULE, "and %" PRIu32 " more like that",
			    missed);
	}
	for (; c < end; c++) {
		server_changed(t->server, c, err, proxy_now(t->proxy));
		if (c->job != NULL)
			visitor_finish(t, (struct visitor *)c->job);
	}
	b->done += t->asked;
}

static void
on_answer(void *ctx, enum ph_err err)
{
	struct proxy_tables *t = ctx;
	struct batch *b = TAILQ_FIRST(&t->queue);
	const struct server_change *c = &b->v[b->done];

	if (err == PH_EAGAIN && ++b->tries < TRIES) {
		t->asked = 0;
		timer_arm(t->retry, RETRY);
		return;
	}
	/* A set without timeouts: only this process keeps them. */
	if (err == PH_EUNSUPPORTED && t->asked_ttl_s > 0) {
		t->untimed[c->table] = true;
		t->asked = 0;
		queue_run(t);
		return;
	}
	if (err == PH_EUNSUPPORTED)
		t->untimed[c->table] = false;
	if (err != PH_OK && err != PH_EEXIST && err != PH_EAGAIN &&
	    t->asked > 1)
		b->apart = true;
	else
		batch_done(t, b, err);
	t->asked = 0;
	if (b->done == b->n) {
		TAILQ_REMOVE(&t->queue, b, entry);
		t->queued--;
		free(b);
	}
	journal_sync(t);
	queue_run(t);
}

static void
batch_send(struct proxy_tables *t, struct batch *b)
{
	static const enum fw_table_op ops[] = { [SERVER_ADD] = FW_TABLE_ADD,
		[SERVER_DELETE] = FW_TABLE_DELETE,
		[SERVER_FLUSH] = FW_TABLE_FLUSH };
	const struct server_change *c = &b->v[b->done];
	struct prefix prefixes[BATCH];
	struct proxy_table q = { .index = c->table,
		.op = ops[c->command],
		.v = prefixes,
		.ttl_s = t->untimed[c->table] ? 0 : c->ttl_s };

	t->asked = b->apart ? 1 : b->n - b->done;
	t->asked_ttl_s = q.ttl_s;
	if (c->command != SERVER_FLUSH)
		for (; q.n < t->asked; q.n++)
			prefixes[q.n] = c[q.n].prefix;
	if (!proxy_table(t->proxy, &q, on_answer, t)) {
		t->asked = 0;
		timer_arm(t->retry, RETRY);
	}
}

/* Send the next batch, and receive as long as there is room. */
static void
queue_run(struct proxy_tables *t)
{
	int64_t now = proxy_now(t->proxy), next;
	bool full;

	while (t->resuming && t->queued < QUEUE_MAX / 2)
		t->resuming = server_resume(t->server, BATCH, now);
	if (t->asked == 0 && t->queued > 0 &&
	    !event_pending(t->retry, EV_TIMEOUT, NULL))
		batch_send(t, TAILQ_FIRST(&t->queue));
	full = t->queued >= QUEUE_MAX;
	if (full != t->paused) {
		t->paused = full;
		if (full)
			event_del(t->ev);
		else
			event_add(t->ev, NULL);
	}
	next = server_next(t->server);
	if (!full && next != INT64_MAX)
		timer_arm(t->timer,
		    next - now < 3600 * USEC_PER_SEC ? next - now
						     : 3600 * USEC_PER_SEC);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	queue_run(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct proxy_tables *t = arg;

	(void)fd;
	(void)what;
	if (t->queued < QUEUE_MAX)
		server_expire(t->server, BATCH, proxy_now(t->proxy));
	journal_sync(t);
	queue_run(t);
}

/*
 * Receiving.
 */
static bool
datagram_receive(struct proxy_tables *t, int64_t now)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct visitor *v;
	ssize_t n;

	n = recvfrom(t->at.fd, t->buf, sizeof(t->buf), 0,
	    (struct sockaddr *)&ss, &len);
	if (n == -1)
		return false;
	if ((v = malloc(sizeof(*v))) == NULL)
		return false;
	v->from = endpoint_from_sockaddr((struct sockaddr *)&ss);
	LIST_INSERT_HEAD(&t->visitors, v, entry);
	(void)server_receive(t->server, (struct span) { t->buf, (size_t)n },
	    &v->from.addr, now, &v->job);
	visitor_finish(t, v);
	return true;
}

static void
on_datagrams(evutil_socket_t fd, short what, void *arg)
{
	struct proxy_tables *t = arg;
	int64_t now = proxy_now(t->proxy);
	int n;

	(void)fd;
	(void)what;
	for (n = 0; n < DATAGRAMS && t->queued < QUEUE_MAX; n++)
		if (!datagram_receive(t, now))
			break;
	server_keep(t->server);
	journal_sync(t);
	queue_run(t);
}

/*
 * Beginning and end.
 */
static bool
server_make(struct proxy_tables *t, const struct keyfiles *keys)
{
	const struct conf_tables *c = &proxy_conf(t->proxy)->tables;
	struct server_sink sink = { t, on_change, on_keep };
	struct server_config config = { .ntable = c->allow.n,
		.force = SERVER_NONE,
		.key = keys->v,
		.nkey = keys->n,
		.never = c->never.v,
		.nnever = c->never.n,
		.timeout = c->timeout,
		.max = c->max };
	size_t i;

	t->names = calloc(c->allow.n + 1, sizeof(*t->names));
	t->untimed = calloc(c->allow.n + 1, sizeof(*t->untimed));
	if (t->names == NULL || t->untimed == NULL)
		return false;
	for (i = 0; i < c->allow.n; i++) {
		t->names[i] = c->allow.v[i];
		if (c->force != NULL && strcmp(c->force, t->names[i]) == 0)
			config.force = i;
	}
	config.table = t->names;
	return (t->server = server_new(&config, &sink)) != NULL;
}

struct proxy_tables *
proxy_tables_start(struct proxy *p, const struct listener *l,
    const struct proxy_tables_setup *setup)
{
	struct proxy_tables *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->proxy = p;
	t->at = *l;
	t->resuming = true;
	TAILQ_INIT(&t->queue);
	LIST_INIT(&t->visitors);
	t->ev = event_new(proxy_base(p), l->fd, EV_READ | EV_PERSIST,
	    on_datagrams, t);
	t->timer = event_new(proxy_base(p), -1, 0, on_timer, t);
	t->retry = event_new(proxy_base(p), -1, 0, on_retry, t);
	if (t->ev == NULL || t->timer == NULL || t->retry == NULL ||
	    !server_make(t, setup->keys)) {
		proxy_tables_stop(t);
		return NULL;
	}
	server_set_own(t->server, setup->own->own, setup->own->nown);
	t->first_run = setup->first_run;
	return t;
}

void
proxy_tables_begin(struct proxy_tables *t, struct checkpoint *journal,
    enum ph_err why)
{
	t->journal = journal;
	if (journal == NULL)
		journal_failed(t, why);
	/* At a first run no predecessor can have received anything. */
	if (journal == NULL || t->loaded || !t->first_run)
		server_loaded(t->server, proxy_now(t->proxy));
	while (t->nstale > 0)
		on_keep(t, t->stale[--t->nstale], NULL, 0);
	free(t->stale);
	t->stale = NULL;
	journal_sync(t);
	event_add(t->ev, NULL);
	queue_run(t);
}

static void
event_free_if(struct event *ev)
{
	if (ev != NULL)
		event_free(ev);
}

void
proxy_tables_stop(struct proxy_tables *t)
{
	struct visitor *v;
	struct batch *b;

	if (t == NULL)
		return;
	proxy_forget(t->proxy, t);
	if (t->journal != NULL)
		server_end(t->server);
	journal_sync(t);
	event_free_if(t->ev);
	event_free_if(t->timer);
	event_free_if(t->retry);
	while ((b = TAILQ_FIRST(&t->queue)) != NULL) {
		TAILQ_REMOVE(&t->queue, b, entry);
		free(b);
	}
	while ((v = LIST_FIRST(&t->visitors)) != NULL) {
		LIST_REMOVE(v, entry);
		free(v);
	}
	server_free(t->server);
	free(t->stale);
	free(t->names);
	free(t->untimed);
	free(t);
}

void
proxy_tables_fill(struct proxy_tables *t)
{
	log_info(MODULE, "the ruleset was loaded anew; filling its tables");
	memset(t->untimed, 0,
	    proxy_conf(t->proxy)->tables.allow.n * sizeof(*t->untimed));
	server_begin_again(t->server);
	t->resuming = true;
	queue_run(t);
}

void
proxy_tables_report(const struct proxy_tables *t, struct counters *c)
{
	struct server_counters n;
	int i;

	server_counters(t->server, &n);
	counters_put_gauge(c, "entries", n.entries);
	counters_put(c, "added", n.added);
	counters_put(c, "renewed", n.renewed);
	counters_put(c, "removed", n.removed);
	counters_put(c, "flushed", n.flushed);
	counters_put(c, "expired", n.expired);
	counters_put(c, "received", n.received);
	counters_put(c, "replied", n.replied);
	counters_put_gauge(c, "remembered", n.remembered);
	for (i = 0; i < SERVER_NVERDICTS; i++)
		counters_put(c, server_verdict_name((enum server_verdict)i),
		    n.verdict[i]);
}

/* A walk that shows entries. */
struct show {
	const char *table;
	size_t left; /* of PROXY_TABLES_SHOWN */
	void (*line)(void *ctx, struct span line);
	void *ctx;
};

static void
show_entry(struct show *s, const struct entry *x)
{
	char text[256], prefix[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct jsonw w = jsonw_begin(&b);

	s->left--;
	jsonw_str(&w, "table", span_of(s->table));
	jsonw_str(&w, "address", span_of(prefix_format(&x->prefix, prefix)));
	if (x->until == ENTRY_FOREVER)
		jsonw_null(&w, "expires");
	else
		jsonw_time(&w, "expires", clock_wall(x->until));
	jsonw_end(&w);
	s->line(s->ctx, (struct span) { b.p, b.len });
}

static void
show_entries(struct show *s, struct entries *e, uint16_t table,
    const struct prefix *p)
{
	struct entry *x = NULL;

	while (s->left > 0 && (x = entries_around(e, table, p, x)) != NULL)
		show_entry(s, x);
	if (s->left > 0 && (x = entries_find(e, table, p)) != NULL)
		show_entry(s, x);
	x = NULL;
	while (s->left > 0 && (x = entries_within(e, table, p, x)) != NULL)
		show_entry(s, x);
}

void
proxy_tables_show(const struct proxy_tables *t, const struct prefix *p,
    void (*line)(void *ctx, struct span line), void *ctx)
{
	struct entries *e = server_entries(t->server);
	struct show s = { .line = line, .ctx = ctx };
	struct strbuf b;
	struct jsonw w;
	char text[256];
	uint16_t i;

	for (i = 0; t->names[i] != NULL; i++) {
		b = strbuf_of(text, sizeof(text));
		w = jsonw_begin(&b);
		jsonw_str(&w, "table", span_of(t->names[i]));
		jsonw_uint(&w, "entries", entries_count_in(e, i));
		jsonw_end(&w);
		line(ctx, (struct span) { b.p, b.len });
		s.table = t->names[i];
		s.left = PROXY_TABLES_SHOWN;
		if (p != NULL)
			show_entries(&s, e, i, p);
	}
}
