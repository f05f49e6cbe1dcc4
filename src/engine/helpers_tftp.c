/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/shares.h"
#include "src/base/tree.h"
#include "src/base/wire.h"
#include "src/engine/helpers.h"
#include "src/engine/rate.h"
#include "tftp/request.h"

#define REFUSALS_PER_SECOND 10 /* events, for each client */
#define LOOK_AT		    64 /* transfers, to find a silent one */

struct transfer {
	RB_ENTRY(transfer) node;
	struct tftp_helper *h;
	struct share_item item; /* in h->inside or h->outside */
	int64_t touched;	/* when it was last moved to their end */
	struct addr server;
	struct endpoint client;
	uint64_t asker; /* of its pinhole; key in checkpoints */
	int64_t since;	/* of the last request: silence counts from then */
	struct timer timer;
};

RB_HEAD(transfer_tree, transfer);

struct tftp_counters {
	uint64_t requests, repeated, malformed, others;
	uint64_t forbidden, refused, limit, evicted;
};

struct tftp_helper {
	struct helper_place place;
	/*
	 * By client, protected or not.  The source of a stranger's request may
	 * be forged, so strangers share a part of the table, and never take
	 * the place of a protected client.
	 */
	struct shares inside, outside;
	struct transfer_tree transfers;
	struct rate *refusals;
	size_t ntransfers;
	uint64_t next_asker;
	struct tftp_counters n;
};

static int
transfer_cmp(const struct transfer *a, const struct transfer *b)
{
	int r = endpoint_cmp(&a->client, &b->client);

	return r != 0 ? r : addr_cmp(&a->server, &b->server);
}

RB_GENERATE_STATIC(transfer_tree, transfer, node, transfer_cmp)

struct tftp_helper *
tftp_helper_new(const struct helper_place *place)
{
	struct tftp_helper *h = calloc(1, sizeof(*h));

	if (h == NULL ||
	    (h->refusals = rate_new(REFUSALS_PER_SECOND)) == NULL) {
		free(h);
		return NULL;
	}
	h->place = *place;
	h->next_asker = HELPER_TFTP_ASKER;
	shares_init(&h->inside);
	shares_init(&h->outside);
	RB_INIT(&h->transfers);
	return h;
}

static struct shares *
client_shares(struct tftp_helper *h, const struct endpoint *client)
{
	return helper_protects(&h->place, &client->addr) ? &h->inside
							 : &h->outside;
}

static void
transfer_free(struct transfer *t)
{
	struct tftp_helper *h = t->h;

	timer_end(h->place.timers, &t->timer);
	RB_REMOVE(transfer_tree, &h->transfers, t);
	h->ntransfers--;
	shares_remove(client_shares(h, &t->client), &t->item);
	free(t);
}

void
tftp_helper_free(struct tftp_helper *h)
{
	struct transfer *t;

	if (h == NULL)
		return;
	while ((t = RB_ROOT(&h->transfers)) != NULL)
		transfer_free(t);
	rate_free(h->refusals);
	free(h);
}

static void on_timer(struct timer *timer, int64_t now);

/* NULL: no room for another one. */
static struct transfer *
transfer_new(struct tftp_helper *h, const struct addr *server,
    const struct endpoint *client, uint64_t asker, int64_t now)
{
	struct shares *room = client_shares(h, client);
	struct transfer *t;

	if (h->ntransfers >= CONF_TFTP_MAX ||
	    shares_taken(room, &client->addr) >= HELPER_TFTP_SHARE ||
	    (t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	if (timer_begin(h->place.timers, &t->timer, on_timer) != PH_OK) {
		free(t);
		return NULL;
	}
	if (!shares_add(room, &t->item, &client->addr, 1)) {
		timer_end(h->place.timers, &t->timer);
		free(t);
		return NULL;
	}
	t->item.owner = t;
	t->touched = now;
	t->h = h;
	t->server = *server;
	t->client = *client;
	t->asker = asker;
	t->since = now;
	RB_INSERT(transfer_tree, &h->transfers, t);
	h->ntransfers++;
	return t;
}

static struct transfer *
transfer_find(struct tftp_helper *h, const struct addr *server,
    const struct endpoint *client)
{
	struct transfer key;

	key.server = *server;
	key.client = *client;
	return RB_FIND(transfer_tree, &h->transfers, &key);
}

static int64_t
transfer_timeout(const struct transfer *t)
{
	return t->h->place.conf->tftp.timeout * USEC_PER_SEC;
}

/* Packets from outside alone keep it for one timeout, no longer. */
static struct silence
transfer_silence(const struct transfer *t)
{
	struct silence s = { .since = t->since,
		.timeout = transfer_timeout(t),
		.grace = transfer_timeout(t) };

	claims_last_sent(t->h->place.claims, t->asker, &s);
	return s;
}

static int64_t
transfer_last_seen(const struct transfer *t)
{
	const struct silence s = transfer_silence(t);

	return silence_began(&s);
}

/*
 * Checkpoint a transfer: when it was last seen, both ends and, if its pinhole
 * is open, the pinhole's ids.
 */
static void
transfer_checkpoint(const struct transfer *t, bool open)
{
	const struct helper_place *place = &t->h->place;
	uint8_t record[512];
	struct writer w = writer_of(record, sizeof(record));
	size_t n = 0;

	writer_u64(&w, (uint64_t)transfer_last_seen(t));
	writer_addr(&w, &t->server);
	writer_addr(&w, &t->client.addr);
	writer_u16(&w, t->client.port);
	if (open &&
	    claims_export(place->claims, t->asker, w.p + w.len, w.size - w.len,
		&n) != PH_OK)
		n = 0;
	place->remember(place->ctx, t->asker, record, w.len + n);
}

static void
transfer_end(struct transfer *t, enum reason why, int64_t now)
{
	const struct helper_place *place = &t->h->place;
	struct claims_want none = { 0 };

	none.asker = t->asker;
	none.close = why;
	claims_want(place->claims, &none, now);
	place->remember(place->ctx, t->asker, NULL, 0);
	transfer_free(t);
}

/* Look again when it may have been silent for too long, or renew before. */
static void
transfer_schedule(struct transfer *t, int64_t now)
{
	const struct silence s = transfer_silence(t);
	int64_t at = silence_due(&s);

	/* Without reports of packets, nothing will renew it. */
	if (t->h->place.activity)
		at = silence_next(&s, s.timeout, now);
	timer_set(t->h->place.timers, &t->timer, at);
}

static void
on_timer(struct timer *timer, int64_t now)
{
	struct transfer *t = timer_owner(timer, struct transfer, timer);
	const struct silence s = transfer_silence(t);
	bool begun = s.inside > 0 || s.outside > 0;

	if (silence_over(&s, now)) {
		transfer_end(t, begun ? REASON_DONE : REASON_IDLE, now);
		return;
	}
	claims_renew(t->h->place.claims, t->asker, transfer_timeout(t), now);
	transfer_checkpoint(t, true);
	transfer_schedule(t, now);
}

static void
transfer_open(struct transfer *t, const struct pinhole *hole, int64_t now)
{
	struct claims_want want = { 0 };

	want.asker = t->asker;
	want.v = hole;
	want.n = 1;
	want.open = REASON_REQUEST;
	want.close = REASON_REPLACED;
	want.lease = transfer_timeout(t);
	claims_want(t->h->place.claims, &want, now);
	transfer_checkpoint(t, true);
	transfer_schedule(t, now);
}

/* A request for a file, and the datagram that it came in. */
struct asked_file {
	const struct datagram *d;
	const struct tftp_request *request;
	int64_t now;
};

/* A story begins with the request: who wants which file. */
static void
story_begin(struct tftp_helper *h, const struct asked_file *a, uint64_t asker)
{
	struct session_who who = { .kind = SESSION_TFTP,
		.asker = asker,
		.client = a->d->src,
		.server = { a->d->dst.addr, 0 },
		.file = a->request->file,
		.write = a->request->op == TFTP_WRQ };

	sessions_begin(h->place.sessions, &who, a->now);
}

static void
client_refuse(struct tftp_helper *h, const struct asked_file *a,
    enum reason why)
{
	const struct endpoint *client = &a->d->src;
	struct event_refusal r = { 0 };

	h->n.refused++;
	r.src = r.dst = client->addr;
	r.dport = client->port;
	r.reason = why;
	r.said = EVENT_SAID_TFTP;
	if (!rate_allow(h->refusals, &r.src, a->now))
		return;
	story_begin(h, a, h->next_asker);
	sessions_refused(h->place.sessions, h->next_asker++, &r, a->now);
	claims_refuse(h->place.claims, &r, (struct span) { NULL, 0 }, a->now);
}

static void
datagram_ignore(const struct tftp_helper *h, int64_t now,
    const struct datagram *d, const char *why)
{
	h->place.ignore(h->place.ctx, now, d, why);
}

/*
 * Make room in a full table.  Of the stranger that has most transfers, the one
 * that was silent for longest goes.  If strangers have none, a protected
 * client's goes in the same way, for a protected client only.
 */
static bool
transfer_make_room(struct tftp_helper *h, const struct endpoint *client,
    int64_t now)
{
	struct shares *room = &h->outside;
	struct transfer *t;
	unsigned int i;
	int64_t seen;

	if (h->ntransfers < CONF_TFTP_MAX)
		return true;
	if (room->n == 0)
		room = client_shares(h, client);
	for (i = 0; i < LOOK_AT; i++) {
		if ((t = shares_worst(room)) == NULL)
			return false;
		seen = transfer_last_seen(t);
		if (seen <= t->touched)
			break;
		t->touched = seen;
		shares_touch(room, &t->item);
	}
	h->n.evicted++;
	transfer_end(t, REASON_LIMIT, now);
	return true;
}

/*
 * The server answers from a port of its own choice to the one that the
 * client has asked from; neither changes while the transfer lasts.
 */
static void
on_request(struct tftp_helper *h, const struct asked_file *a)
{
	const struct datagram *d = a->d;
	int64_t now = a->now;
	const struct addr *server = &d->dst.addr;
	const struct endpoint *client = &d->src;
	struct transfer *t = transfer_find(h, server, client);
	struct pinhole hole;

	if (t != NULL) {
		/* Repeated, or the next file from the same port. */
		h->n.repeated++;
		sessions_event(h->place.sessions, t->asker, SESSION_REPEATED,
		    NULL, now);
		t->since = now;
		claims_renew(h->place.claims, t->asker, transfer_timeout(t),
		    now);
		transfer_schedule(t, now);
		return;
	}
	if (!helper_pinhole(&h->place, IPPROTO_UDP, server, client, &hole)) {
		h->n.others++;
		datagram_ignore(h, now, d,
		    "it goes from nobody to nobody of ours");
		return;
	}
	if (helper_refuses_port(&h->place, client->port)) {
		client_refuse(h, a, REASON_PORT_RANGE);
		return;
	}
	if (!transfer_make_room(h, client, now) ||
	    (t = transfer_new(h, server, client, h->next_asker, now)) == NULL) {
		h->n.limit++;
		client_refuse(h, a, REASON_LIMIT);
		return;
	}
	story_begin(h, a, h->next_asker++);
	transfer_open(t, &hole, now);
}

void
tftp_helper_input(struct tftp_helper *h, int64_t now, const struct datagram *d)
{
	struct tftp_request r;
	const struct asked_file a = { d, &r, now };

	switch (tftp_request_parse(&r, d->payload)) {
	case PH_OK:
		break;
	case PH_EUNSUPPORTED:
		h->n.others++;
		datagram_ignore(h, now, d, "it is no request of TFTP");
		return;
	default:
		h->n.malformed++;
		datagram_ignore(h, now, d,
		    "a TFTP request without a name or mode");
		return;
	}
	h->n.requests++;
	if (conf_tftp_forbids(&h->place.conf->tftp, r.op == TFTP_WRQ, r.file) !=
	    NULL) {
		h->n.forbidden++;
		datagram_ignore(h, now, d,
		    "`allow` and `file` do not let it through");
		if (!rate_allow(h->refusals, &d->src.addr, now))
			return;
		story_begin(h, &a, h->next_asker);
		sessions_event(h->place.sessions, h->next_asker++,
		    SESSION_FORBIDDEN, NULL, now);
	} else
		on_request(h, &a);
}

void
tftp_helper_drop(struct claims *claims, uint64_t key, const void *p, size_t len,
    int64_t now)
{
	struct claims_want none = { .asker = key, .close = REASON_POLICY };
	struct cursor r = cursor_of(p, len);
	struct span names;

	(void)cursor_u64(&r); /* when it was last seen */
	(void)cursor_addr(&r);
	(void)cursor_addr(&r);
	(void)cursor_u16(&r);
	names = cursor_span(&r, cursor_left(&r));
	if (!r.bad &&
	    claims_adopt(claims, key, (struct span) { NULL, 0 }, names.p,
		names.len, -now, now) == PH_OK)
		claims_want(claims, &none, now);
}

/* A pinhole that was open before has no event, but a place in the story. */
struct hole_before {
	struct sessions *sessions;
	int64_t now;
};

static void
on_hole_before(void *ctx, const struct claims_view *v)
{
	const struct hole_before *b = ctx;

	if (v->adopted)
		sessions_hole(b->sessions, v->owner.id, true, &v->hole,
		    REASON_NONE, b->now);
}

void
tftp_helper_adopt(struct tftp_helper *h, uint64_t key, const void *p,
    size_t len, int64_t now)
{
	struct cursor r = cursor_of(p, len);
	int64_t seen = (int64_t)cursor_u64(&r);
	struct addr server = cursor_addr(&r);
	struct session_who who = { .kind = SESSION_TFTP, .adopted = true };
	struct claims_want none = { 0 };
	struct endpoint client = { 0 };
	struct pinhole hole;
	struct transfer *t;
	struct span names;
	bool late;

	client.addr = cursor_addr(&r);
	client.port = cursor_u16(&r);
	names = cursor_span(&r, cursor_left(&r));
	none.asker = key;
	if (r.bad || key < HELPER_TFTP_ASKER || key == UINT64_MAX ||
	    claims_adopt(h->place.claims, key, (struct span) { NULL, 0 },
		names.p, names.len, h->place.conf->tftp.timeout * USEC_PER_SEC,
		now) != PH_OK)
		return;
	/*
	 * The record of a transfer is written every half of its lease, so an
	 * older record is of a transfer that has ended.
	 */
	late = seen < 0 || seen > now ||
	    now - seen > 2 * h->place.conf->tftp.timeout * USEC_PER_SEC;
	none.close = late ? REASON_IDLE : REASON_POLICY;
	if (late || helper_refuses_port(&h->place, client.port) ||
	    !helper_pinhole(&h->place, IPPROTO_UDP, &server, &client, &hole) ||
	    transfer_find(h, &server, &client) != NULL ||
	    (t = transfer_new(h, &server, &client, key, now)) == NULL) {
		claims_want(h->place.claims, &none, now);
		h->place.remember(h->place.ctx, key, NULL, 0);
		return;
	}
	if (h->next_asker <= key)
		h->next_asker = key + 1;
	who.asker = key;
	who.client = client;
	who.server.addr = server;
	sessions_begin(h->place.sessions, &who, now);
	/* No event if the same was open; what else was open closes. */
	transfer_open(t, &hole, now);
	claims_view(h->place.claims, key, on_hole_before,
	    &(struct hole_before) { h->place.sessions, now });
}

void
tftp_helper_shutdown(struct tftp_helper *h, int64_t now)
{
	struct helper_place *place = &h->place;
	struct claims_want none = { 0 };
	struct transfer *t;

	/* A successor opens again for transfers that go on. */
	RB_FOREACH(t, transfer_tree, &h->transfers) {
		transfer_checkpoint(t, false);
		none.asker = t->asker;
		none.close = REASON_SHUTDOWN;
		claims_want(place->claims, &none, now);
	}
	while ((t = RB_ROOT(&h->transfers)) != NULL)
		transfer_free(t);
}

void
tftp_helper_report(const struct tftp_helper *h, struct counters *c)
{
	const struct tftp_counters *n = &h->n;

	counters_put_gauge(c, "tftp_transfers", h->ntransfers);
	counters_put(c, "tftp_requests", n->requests);
	counters_put(c, "tftp_repeated", n->repeated);
	counters_put(c, "tftp_malformed", n->malformed);
	counters_put(c, "tftp_others", n->others);
	counters_put(c, "tftp_forbidden", n->forbidden);
	counters_put(c, "tftp_refused", n->refused);
	counters_put(c, "tftp_limit", n->limit);
	counters_put(c, "tftp_evicted", n->evicted);
}
