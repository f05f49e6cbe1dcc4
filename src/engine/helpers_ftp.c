/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "ftp/control.h"
#include "src/base/queue.h"
#include "src/base/tree.h"
#include "src/engine/helpers.h"
#include "src/engine/rate.h"

#define REFUSALS_PER_SECOND 10 /* events, for each source */

struct ftp_watch {
	RB_ENTRY(ftp_watch) node;
	TAILQ_ENTRY(ftp_watch) over_entry;
	struct ftp_helper *h;
	struct endpoint client, server;
	unsigned int refs; /* interfaces that it is seen at */
	uint64_t asker;	   /* of its one pinhole */
	bool open;
	bool begun; /* the server says the data connection has begun */
	bool due;   /* `hole` was agreed on, and is unused */
	struct pinhole hole;
	int64_t opened;
	struct timer timer;
	struct ftp_control control;
};

RB_HEAD(watch_tree, ftp_watch);

struct ftp_counters {
	uint64_t total, limit, foreign, opaque;
	uint64_t ignored, refused;
};

struct ftp_helper {
	struct helper_place place;
	struct watch_tree watches;
	TAILQ_HEAD(, ftp_watch) over; /* ended since the last run */
	struct rate *refusals;
	size_t nwatches;
	uint64_t next_asker;
	struct ftp_counters n;
};

static int
watch_cmp(const struct ftp_watch *a, const struct ftp_watch *b)
{
	int r = endpoint_cmp(&a->client, &b->client);

	return r != 0 ? r : endpoint_cmp(&a->server, &b->server);
}

RB_GENERATE_STATIC(watch_tree, ftp_watch, node, watch_cmp)

struct ftp_helper *
ftp_helper_new(const struct helper_place *place)
{
	struct ftp_helper *h = calloc(1, sizeof(*h));

	if (h == NULL ||
	    (h->refusals = rate_new(REFUSALS_PER_SECOND)) == NULL) {
		free(h);
		return NULL;
	}
	h->place = *place;
	h->next_asker = HELPER_FTP_ASKER;
	RB_INIT(&h->watches);
	TAILQ_INIT(&h->over);
	return h;
}

static void
watch_free(struct ftp_watch *w)
{
	timer_end(w->h->place.timers, &w->timer);
	w->h->nwatches--;
	free(w);
}

void
ftp_helper_free(struct ftp_helper *h)
{
	struct ftp_watch *w;

	if (h == NULL)
		return;
	while ((w = TAILQ_FIRST(&h->over)) != NULL) {
		TAILQ_REMOVE(&h->over, w, over_entry);
		watch_free(w);
	}
	rate_free(h->refusals);
	free(h);
}

static void
watch_log(const struct ftp_watch *w, const char *what)
{
	const struct helper_place *place = &w->h->place;
	char text[256], client[ADDR_STRLEN], server[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));

	strbuf_fmt(&b, "ftp %s -> %s: %s", endpoint_format(&w->client, client),
	    endpoint_format(&w->server, server), what);
	place->log_line(place->ctx, text);
}

static void
watch_tell(const struct ftp_watch *w, enum session_event e,
    const struct endpoint *where, int64_t now)
{
	sessions_event(w->h->place.sessions, w->asker, e, where, now);
}

static void
data_close(struct ftp_watch *w, enum reason why, int64_t now)
{
	struct claims_want none = { 0 };

	if (!w->open)
		return;
	w->open = false;
	timer_clear(w->h->place.timers, &w->timer);
	none.asker = w->asker;
	none.close = why;
	claims_want(w->h->place.claims, &none, now);
}

/* The data connection has begun, and needs no pinhole; or it never will. */
static void
on_timeout(struct timer *t, int64_t now)
{
	struct ftp_watch *w = timer_owner(t, struct ftp_watch, timer);
	int64_t seen = claims_last_seen(w->h->place.claims, w->asker);

	if (w->begun || seen >= w->opened)
		w->due = false;
	data_close(w, w->due ? REASON_IDLE : REASON_DONE, now);
}

static void
data_open(struct ftp_watch *w, const struct pinhole *hole, int64_t now)
{
	struct helper_place *place = &w->h->place;
	struct claims_want want = { 0 };

	data_close(w, REASON_REPLACED, now);
	want.asker = w->asker;
	want.v = hole;
	want.n = 1;
	want.open = REASON_REQUEST;
	want.lease = place->conf->ftp.timeout * USEC_PER_SEC;
	claims_want(place->claims, &want, now);
	w->open = w->due = true;
	w->begun = false;
	w->hole = *hole;
	w->opened = now;
	timer_set(place->timers, &w->timer, now + want.lease);
}

/*
 * Active mode: the server may connect from now on.  It has the whole timeout,
 * however long its reply took, unless the connection has begun.
 */
static void
data_expect(struct ftp_watch *w, int64_t now)
{
	struct helper_place *place = &w->h->place;
	int64_t lease = place->conf->ftp.timeout * USEC_PER_SEC;
	struct pinhole hole = w->hole;

	if (!w->due || w->begun)
		return;
	if (!w->open) {
		data_open(w, &hole, now);
		return;
	}
	if (claims_last_seen(place->claims, w->asker) >= w->opened)
		return;
	claims_renew(place->claims, w->asker, lease, now);
	timer_set(place->timers, &w->timer, now + lease);
}

struct feed {
	struct ftp_watch *w;
	enum ftp_side from;
	const struct datagram *d;
	int64_t now;
};

static void
data_refuse(const struct feed *f, const struct endpoint *data, enum reason why)
{
	struct ftp_watch *w = f->w;
	struct event_refusal r = { 0 };

	w->h->n.refused++;
	r.src = f->from == FTP_CLIENT ? w->client.addr : w->server.addr;
	r.dst = data->addr;
	r.dport = data->port;
	r.reason = why;
	r.said = EVENT_SAID_FTP;
	sessions_refused(w->h->place.sessions, w->asker, &r, f->now);
	if (rate_allow(w->h->refusals, &r.src, f->now))
		claims_refuse(w->h->place.claims, &r, (struct span) { NULL, 0 },
		    f->now);
}

/*
 * One side will connect to the other at `data`.  With `loose` a side may name
 * another host, but only a protected side a protected host.
 */
static void
on_data(const struct feed *f, bool active, const struct endpoint *data)
{
	struct ftp_watch *w = f->w;
	const struct helper_place *place = &w->h->place;
	const struct addr *from = active ? &w->server.addr : &w->client.addr;
	const struct addr *speaker = active ? &w->client.addr : &w->server.addr;
	struct pinhole hole;

	w->due = false;
	watch_tell(w, active ? SESSION_ACTIVE : SESSION_PASSIVE, data, f->now);
	if (!helper_pinhole(place, IPPROTO_TCP, from, data, &hole))
		return;
	if (hole.dir == PINHOLE_IN && !addr_eq(speaker, &data->addr) &&
	    !helper_protects(place, speaker)) {
		data_refuse(f, data, REASON_ADDRESS);
		return;
	}
	if (helper_refuses_port(place, data->port)) {
		data_refuse(f, data, REASON_PORT_RANGE);
		return;
	}
	hole.once = 1;
	data_open(w, &hole, f->now);
}

static void
on_news(void *ctx, const struct ftp_news *news)
{
	const struct feed *f = ctx;
	struct ftp_watch *w = f->w;
	const struct helper_place *place = &w->h->place;
	struct ftp_counters *n = &w->h->n;

	switch (news->kind) {
	case FTP_ACTIVE:
	case FTP_PASSIVE:
		on_data(f, news->kind == FTP_ACTIVE, &news->data);
		break;
	case FTP_EXPECTED:
		data_expect(w, f->now);
		break;
	case FTP_REJECTED:
		w->due = false;
		data_close(w, REASON_REJECT, f->now);
		break;
	case FTP_BEGUN:
		w->begun = true;
		break;
	case FTP_DONE:
		w->due = false;
		data_close(w, REASON_DONE, f->now);
		break;
	case FTP_REFUSED:
		w->due = false;
		data_refuse(f, &news->data, news->why);
		break;
	case FTP_IGNORED:
		n->ignored++;
		watch_tell(w, SESSION_IGNORED, NULL, f->now);
		place->ignore(place->ctx, f->now, f->d,
		    "it names a port, but cannot be read or is out of turn");
		break;
	case FTP_OPAQUE:
		n->opaque++;
		watch_tell(w, SESSION_OPAQUE, NULL, f->now);
		watch_log(w,
		    "encrypted; what its data connections need stays "
		    "closed");
		break;
	case FTP_READABLE:
		watch_tell(w, SESSION_READABLE, NULL, f->now);
		watch_log(w, "in the clear again");
		break;
	case FTP_FOREIGN:
		n->foreign++;
		watch_tell(w, SESSION_FOREIGN, NULL, f->now);
		watch_log(w, "this is not FTP; not followed");
		break;
	}
}

/*
 * The server is the end that was connected to.  If the beginning was not seen,
 * it is the end whose port is watched.  False: neither is watched, or both
 * might be the server, since the other's port is watched, too, or below
 * HELPER_PORT_MIN.
 */
static bool
watch_key(const struct ftp_helper *h, const struct datagram *d,
    struct ftp_watch *key)
{
	const struct ports *ports = &h->place.conf->ftp.port;
	bool by_dst = d->origin == ORIGIN_SRC;

	if (d->origin == ORIGIN_UNKNOWN)
		by_dst = ports_contain(ports, d->dst.port);
	key->client = by_dst ? d->src : d->dst;
	key->server = by_dst ? d->dst : d->src;
	return ports_contain(ports, key->server.port) &&
	    (d->origin != ORIGIN_UNKNOWN ||
		(!ports_contain(ports, key->client.port) &&
		    key->client.port >= HELPER_PORT_MIN));
}

/* NULL: no room for another one. */
static struct ftp_watch *
watch_new(struct ftp_helper *h)
{
	struct ftp_watch *w;

	if (h->nwatches >= CONF_FTP_MAX || (w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	if (timer_begin(h->place.timers, &w->timer, on_timeout) != PH_OK) {
		free(w);
		return NULL;
	}
	w->h = h;
	w->refs = 1;
	w->asker = h->next_asker++;
	h->nwatches++;
	return w;
}

static struct ftp_watch *
watch_get(struct ftp_helper *h, const struct datagram *d, int64_t now)
{
	struct session_who who = { .kind = SESSION_FTP };
	struct ftp_watch key, *w;
	struct pinhole hole;

	if (!watch_key(h, d, &key))
		return NULL;
	if ((w = RB_FIND(watch_tree, &h->watches, &key)) != NULL) {
		w->refs++;
		return w;
	}
	if (!helper_pinhole(&h->place, IPPROTO_TCP, &key.client.addr,
		&key.server, &hole))
		return NULL;
	if ((w = watch_new(h)) == NULL) {
		h->n.limit++;
		return NULL;
	}
	w->client = key.client;
	w->server = key.server;
	ftp_control_init(&w->control, &w->client.addr, &w->server.addr,
	    h->place.conf->ftp.loose);
	RB_INSERT(watch_tree, &h->watches, w);
	h->n.total++;
	who.asker = w->asker;
	who.client = w->client;
	who.server = w->server;
	sessions_begin(h->place.sessions, &who, now);
	return w;
}

enum capture_more
ftp_helper_input(struct ftp_helper *h, int64_t now, struct ftp_watch **w,
    const struct datagram *d)
{
	struct feed f = { NULL, FTP_CLIENT, d, now };

	if (*w == NULL && (*w = watch_get(h, d, now)) == NULL)
		return CAPTURE_END;
	f.w = *w;
	if (endpoint_cmp(&d->src, &f.w->server) == 0)
		f.from = FTP_SERVER;
	if (d->joined)
		ftp_control_join(&f.w->control, f.from);
	ftp_control_input(&f.w->control, f.from, d->payload, on_news, &f);
	if (f.w->control.reader.foreign)
		return CAPTURE_END;
	return ftp_reader_at_line(&f.w->control.reader, f.from) ? CAPTURE_WHOLE
								: CAPTURE_PART;
}

void
ftp_helper_end(struct ftp_helper *h, struct ftp_watch *w)
{
	if (w == NULL || --w->refs > 0)
		return;
	RB_REMOVE(watch_tree, &h->watches, w);
	/* ftp_helper_run() knows the time, and closes the pinhole. */
	TAILQ_INSERT_TAIL(&h->over, w, over_entry);
}

void
ftp_helper_run(struct ftp_helper *h, int64_t now)
{
	struct ftp_watch *w;

	while ((w = TAILQ_FIRST(&h->over)) != NULL) {
		TAILQ_REMOVE(&h->over, w, over_entry);
		data_close(w, REASON_DONE, now);
		watch_tell(w, SESSION_OVER, NULL, now);
		watch_free(w);
	}
}

void
ftp_helper_shutdown(struct ftp_helper *h, int64_t now)
{
	struct ftp_watch *w;

	ftp_helper_run(h, now);
	RB_FOREACH(w, watch_tree, &h->watches)
		data_close(w, REASON_SHUTDOWN, now);
}

void
ftp_helper_report(const struct ftp_helper *h, struct counters *c)
{
	counters_put_gauge(c, "ftp_connections", h->nwatches);
	counters_put(c, "ftp_connections_total", h->n.total);
	counters_put(c, "ftp_encrypted", h->n.opaque);
	counters_put(c, "ftp_foreign", h->n.foreign);
	counters_put(c, "ftp_ignored", h->n.ignored);
	counters_put(c, "ftp_refused", h->n.refused);
	counters_put(c, "ftp_limit", h->n.limit);
}
