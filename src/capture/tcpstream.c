/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/queue.h"
#include "src/base/shares.h"
#include "src/base/tree.h"
#include "src/base/wire.h"
#include "src/capture/handshake.h"
#include "src/capture/tcpside.h"
#include "src/capture/tcpstream.h"

/*
 * A segment outside the window.  If the other end confirms it, our own position
 * was wrong.
 */
struct stray {
	bool used;
	bool from_a;
	uint32_t seq, end, ack;
};

enum phase {
	HALF, /* a SYN, its answer, or bytes that nobody has acknowledged */
	OPEN,
	DYING, /* open, for all we know; but a RST went by */
};

struct conn {
	RB_ENTRY(conn) node;
	TAILQ_ENTRY(conn) change; /* in changed */
	uint64_t key;		  /* 0: nobody remembers it */
	bool changed;		  /* since it was remembered */
	bool adopted;		  /* and no segment of it was seen yet */
	TAILQ_ENTRY(conn) age;	  /* in halves, ages or dying */
	TAILQ_ENTRY(conn) gap;	  /* in gaps or late */
	struct share_item room;
	struct endpoint a, b; /* a < b */
	uint32_t ifindex;
	enum phase phase;
	bool client_a;	   /* a began it, or sent the bytes that wait */
	bool midstream;	   /* nobody saw who began it */
	bool joining;	   /* HALF, and there are bytes */
	bool resumed;	   /* adopted, and not begun anew since */
	bool early;	   /* a SYN had bytes, which nobody reads */
	bool deaf;	   /* of no interest */
	bool stuck;	   /* in gaps, or in late */
	bool late;	   /* in late */
	uint8_t dir[2];	   /* enum pkt_dir, of packets of a and of b */
	uint32_t first[2]; /* after their SYNs, unless midstream */
	int64_t last;
	int64_t stuck_since;
	struct handshake handshake;
	struct stray stray;	/* the latest */
	struct tcpside side[2]; /* sent by a, sent by b */
	void *user;
};

RB_HEAD(conn_tree, conn);
TAILQ_HEAD(conn_list, conn);

struct tcpstream {
	struct conn_tree tree;
	struct shares half_room, open_room, byte_room;
	struct conn_list halves; /* oldest first */
	struct conn_list ages;	 /* open, idlest first */
	struct conn_list dying;	 /* likewise */
	struct conn_list gaps;	 /* oldest first */
	struct conn_list late;	 /* likewise */
	struct conn_list changed;
	size_t ndying;
	uint64_t next_key;
};

/* What handling one packet, or the time, takes. */
struct feed {
	struct tcpstream *t;
	struct conn *c;
	struct tcpside *side;
	uint8_t dir;
	int64_t now;
	const struct capture_sink *sink;
	struct capture_stats *stats;
};

static int
conn_cmp(const struct conn *x, const struct conn *y)
{
	int r;

	if ((r = endpoint_cmp(&x->a, &y->a)) != 0)
		return r;
	if ((r = endpoint_cmp(&x->b, &y->b)) != 0)
		return r;
	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

RB_GENERATE_STATIC(conn_tree, conn, node, conn_cmp)

struct tcpstream *
tcpstream_new(void)
{
	struct tcpstream *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	RB_INIT(&t->tree);
	shares_init(&t->half_room);
	shares_init(&t->open_room);
	shares_init(&t->byte_room);
	TAILQ_INIT(&t->halves);
	TAILQ_INIT(&t->ages);
	TAILQ_INIT(&t->dying);
	TAILQ_INIT(&t->gaps);
	TAILQ_INIT(&t->late);
	TAILQ_INIT(&t->changed);
	t->next_key = CAPTURE_KEY_MIN;
	return t;
}

static struct tcpside *
side_of(struct conn *c, bool from_a)
{
	return &c->side[!from_a];
}

static const struct addr *
client_of(const struct conn *c)
{
	return c->client_a ? &c->a.addr : &c->b.addr;
}

/* Out of the list and the room of its phase. */
static void
conn_unlist(struct tcpstream *t, struct conn *c)
{
	if (c->phase == DYING) {
		TAILQ_REMOVE(&t->dying, c, age);
		t->ndying--;
	} else if (c->phase == OPEN)
		TAILQ_REMOVE(&t->ages, c, age);
	else
		TAILQ_REMOVE(&t->halves, c, age);
	shares_remove(c->phase == OPEN ? &t->open_room : &t->half_room,
	    &c->room);
}

/* Neither waits for bytes nor for their acknowledgement. */
static void
conn_unstick(struct tcpstream *t, struct conn *c)
{
	if (c->late)
		TAILQ_REMOVE(&t->late, c, gap);
	else if (c->stuck)
		TAILQ_REMOVE(&t->gaps, c, gap);
	c->stuck = c->late = false;
}

/* A successor need not know of it. */
static void
conn_forget(struct tcpstream *t, struct conn *c,
    const struct capture_sink *sink)
{
	if (c->changed)
		TAILQ_REMOVE(&t->changed, c, change);
	c->changed = false;
	if (c->key != 0 && sink != NULL && sink->remember != NULL)
		sink->remember(sink->ctx, c->key, NULL, 0);
	c->key = 0;
}

/* Free its memory, and tell the sink that it is over. */
static void
conn_clear(struct tcpstream *t, struct conn *c, const struct capture_sink *sink)
{
	tcpside_clear(&c->side[0], &t->byte_room);
	tcpside_clear(&c->side[1], &t->byte_room);
	conn_unstick(t, c);
	if (c->user != NULL)
		sink->tcp_end(sink->ctx, c->user);
	c->user = NULL;
}

static void
conn_free(struct tcpstream *t, struct conn *c, const struct capture_sink *sink)
{
	conn_clear(t, c, sink);
	conn_forget(t, c, sink);
	conn_unlist(t, c);
	RB_REMOVE(conn_tree, &t->tree, c);
	free(c);
}

void
tcpstream_free(struct tcpstream *t, const struct capture_sink *sink)
{
	struct capture_sink last = { 0 };
	struct conn *c;

	if (t == NULL)
		return;
	/* We forget the connection, but its record stays for a successor. */
	if (sink != NULL)
		last = *sink;
	last.remember = NULL;
	while ((c = RB_ROOT(&t->tree)) != NULL)
		conn_free(t, c, &last);
	free(t);
}

static struct conn *
conn_new(struct feed *f, const struct conn *key, bool from_a)
{
	struct tcpstream *t = f->t;
	struct conn *c;

	if (t->half_room.n == TCP_MAX_HALF) {
		f->stats->tcp_limits++;
		conn_free(t, shares_worst(&t->half_room), f->sink);
	}
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->a = key->a;
	c->b = key->b;
	c->ifindex = key->ifindex;
	c->dir[!from_a] = f->dir;
	c->client_a = from_a;
	c->last = f->now;
	c->room.owner = c;
	if (!shares_add(&t->half_room, &c->room, client_of(c), 1)) {
		free(c);
		return NULL;
	}
	tcpside_begin(&c->side[0], &c->a.addr, 0, false);
	tcpside_begin(&c->side[1], &c->b.addr, 0, false);
	TAILQ_INSERT_TAIL(&t->halves, c, age);
	RB_INSERT(conn_tree, &t->tree, c);
	return c;
}

/* Into the room of those that are open; another may have to go for it. */
static void
conn_open(struct feed *f)
{
	struct tcpstream *t = f->t;
	struct conn *c = f->c, *other;

	conn_unlist(t, c);
	if (t->open_room.n + t->ndying == TCP_MAX_CONNS) {
		f->stats->tcp_limits++;
		other = TAILQ_FIRST(&t->dying);
		conn_free(t,
		    other != NULL ? other : shares_worst(&t->open_room),
		    f->sink);
	}
	c->phase = OPEN;
	TAILQ_INSERT_TAIL(&t->ages, c, age);
	/* Without memory for a share it has none, and none to give. */
	(void)!shares_add(&t->open_room, &c->room, client_of(c), 1);
	f->stats->tcp_connections++;
}

/* Only now: a segment of either end. */
static void
conn_touch(struct feed *f)
{
	struct tcpstream *t = f->t;
	struct conn *c = f->c;

	c->last = f->now;
	if (c->phase == DYING) {
		TAILQ_REMOVE(&t->dying, c, age);
		t->ndying--;
		c->phase = OPEN;
		(void)!shares_add(&t->open_room, &c->room, client_of(c), 1);
	} else {
		TAILQ_REMOVE(&t->ages, c, age);
		if (c->room.share != NULL)
			shares_touch(&t->open_room, &c->room);
	}
	TAILQ_INSERT_TAIL(&t->ages, c, age);
}

/* A RST: the connection is over, or a stranger says so. */
static void
conn_dying(struct tcpstream *t, struct conn *c)
{
	if (c->phase != OPEN)
		return;
	conn_unlist(t, c);
	c->phase = DYING;
	TAILQ_INSERT_TAIL(&t->dying, c, age);
	t->ndying++;
}

static enum capture_more
hand_on(void *ctx, struct span bytes, bool lost)
{
	const struct feed *f = ctx;
	struct conn *c = f->c;
	bool from_a = f->side == &c->side[0];
	struct datagram d = { 0 };

	if (c->deaf)
		return CAPTURE_END;
	d.ts = f->now;
	d.ifindex = c->ifindex;
	d.dir = c->dir[!from_a];
	if (d.dir == PKT_UNKNOWN && c->dir[from_a] != PKT_UNKNOWN)
		d.dir = c->dir[from_a] == PKT_IN ? PKT_OUT : PKT_IN;
	d.proto = IPPROTO_TCP;
	d.src = from_a ? c->a : c->b;
	d.dst = from_a ? c->b : c->a;
	d.joined = lost;
	d.resumed = c->resumed;
	if (!c->midstream)
		d.origin = c->client_a == from_a ? ORIGIN_SRC : ORIGIN_DST;
	d.answers = !c->midstream && !c->resumed &&
	    side_of(c, !from_a)->ack != c->first[from_a];
	d.payload = bytes;
	return f->sink->tcp(f->sink->ctx, &c->user, &d);
}

/* A successor has to know. */
static void
conn_changed(struct feed *f)
{
	struct conn *c = f->c;

	if (c->changed || f->sink->remember == NULL)
		return;
	c->changed = true;
	TAILQ_INSERT_TAIL(&f->t->changed, c, change);
}

/* Read what can be read on one side. */
static void
conn_read(struct feed *f, bool from_a)
{
	const struct tcpside_reader reader = { f, hand_on, f->stats };

	f->side = side_of(f->c, from_a);
	if (f->c->deaf ||
	    tcpside_read(f->side, &f->t->byte_room, f->c->late, &reader))
		return;
	conn_clear(f->t, f->c, f->sink);
	f->c->deaf = true;
	conn_changed(f);
}

/* A wait is as old as the last byte that was read before it. */
static void
conn_stuck(struct feed *f, bool progress)
{
	struct conn *c = f->c;
	bool stuck = tcpside_waits(&c->side[0]) || tcpside_waits(&c->side[1]);

	if (stuck == c->stuck && !progress)
		return;
	conn_unstick(f->t, c);
	if (!stuck)
		return;
	c->stuck = true;
	c->stuck_since = f->now;
	TAILQ_INSERT_TAIL(&f->t->gaps, c, gap);
}

/* The missing bytes will not come any more; perhaps nobody needs them. */
static void
conn_late(struct feed *f)
{
	struct conn *c = f->c;

	TAILQ_REMOVE(&f->t->gaps, c, gap);
	TAILQ_INSERT_TAIL(&f->t->late, c, gap);
	c->late = true;
	conn_read(f, true);
	conn_read(f, false);
	conn_stuck(f, false);
}

int64_t
tcpstream_next(const struct tcpstream *t)
{
	const struct conn *c = TAILQ_FIRST(&t->gaps);

	return c != NULL ? c->stuck_since + TCP_LATE + 1 : INT64_MAX;
}

void
tcpstream_expire(struct tcpstream *t, int64_t now,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct feed f = { .t = t, .now = now, .sink = sink, .stats = stats };
	struct conn *c;

	while (
	    (c = TAILQ_FIRST(&t->halves)) != NULL && now - c->last > TCP_HALF)
		conn_free(t, c, sink);
	while ((c = TAILQ_FIRST(&t->ages)) != NULL && now - c->last > TCP_IDLE)
		conn_free(t, c, sink);
	while ((c = TAILQ_FIRST(&t->dying)) != NULL && now - c->last > TCP_IDLE)
		conn_free(t, c, sink);
	while ((f.c = TAILQ_FIRST(&t->gaps)) != NULL &&
	    now - f.c->stuck_since > TCP_LATE)
		conn_late(&f);
	while ((c = TAILQ_FIRST(&t->late)) != NULL &&
	    now - c->stuck_since > TCP_GAP) {
		tcpside_give_up(&c->side[0], &t->byte_room);
		tcpside_give_up(&c->side[1], &t->byte_room);
		conn_unstick(t, c);
	}
}

/* What is seen of an open connection once more, and late. */
static bool
is_late(const struct conn *c, bool from_a, uint32_t seq)
{
	return c->phase >= OPEN && !c->midstream &&
	    c->first[!from_a] == seq + 1;
}

static void
on_syn(struct feed *f, const struct conn *key, bool from_a, uint32_t seq,
    bool early)
{
	if (f->c == NULL && (f->c = conn_new(f, key, from_a)) == NULL)
		return;
	f->c->early = f->c->early || early;
	if (!is_late(f->c, from_a, seq))
		handshake_syn(&f->c->handshake, from_a, seq);
}

/* SYN and ACK. */
static void
on_answer(struct feed *f, bool from_a, uint32_t seq, uint32_t ack)
{
	struct conn *c = f->c;

	if (is_late(c, from_a, seq) && is_late(c, !from_a, ack - 1))
		return;
	if (!handshake_answer(&c->handshake, from_a, seq, ack))
		f->stats->tcp_implausible++;
}

static void
conn_begin(struct feed *f, const struct syn *answer)
{
	const struct syn y = *answer;
	struct conn *c = f->c;

	conn_clear(f->t, c, f->sink);
	c->midstream = c->deaf = c->joining = c->resumed = false;
	memset(&c->handshake, 0, sizeof(c->handshake));
	c->first[!y.from_a] = y.seq + 1;
	c->first[y.from_a] = y.ack;
	tcpside_begin(&c->side[0], &c->a.addr, c->first[0], false);
	tcpside_begin(&c->side[1], &c->b.addr, c->first[1], false);
	c->client_a = !y.from_a;
	side_of(c, c->client_a)->begun = c->early;
	c->early = false;
	conn_open(f);
	conn_changed(f);
}

/* Can the receiver have taken it?  RFC 5961 section 5, RFC 9293 3.10.7.4. */
static bool
plausible(const struct tcpside *s, const struct tcpside *o,
    const struct tcp_segment *g, size_t len)
{
	int64_t ahead = (int32_t)(g->seq - s->acked);
	int64_t acks = (int32_t)(g->ack - o->acked);

	return (g->flags & TCP_ACK) && ahead >= -TCP_WINDOW &&
	    ahead + (int64_t)len <= TCP_WINDOW && acks >= -TCP_WINDOW &&
	    acks <= TCP_WINDOW;
}

/* One end sent bytes, and the other, in place, has acknowledged them. */
static bool
goes_along(const struct stray *y, bool from_a, const struct tcp_segment *g)
{
	return y->used && y->from_a != from_a && g->seq == y->ack &&
	    g->ack != y->seq && g->ack - y->seq <= y->end - y->seq;
}

/*
 * Both ends are elsewhere: one sends `seq` next, and acknowledges `ack`.  Who
 * began the connection, and which side is mute, is still known.
 */
static void
conn_move(struct feed *f, bool from_a, uint32_t seq, uint32_t ack)
{
	struct conn *c = f->c;
	bool mute[2];

	mute[0] = c->side[0].mute;
	mute[1] = c->side[1].mute;
	tcpside_clear(&c->side[0], &f->t->byte_room);
	tcpside_clear(&c->side[1], &f->t->byte_room);
	conn_unstick(f->t, c);
	tcpside_begin(side_of(c, from_a), from_a ? &c->a.addr : &c->b.addr, seq,
	    true);
	tcpside_begin(side_of(c, !from_a), from_a ? &c->b.addr : &c->a.addr,
	    ack, true);
	c->side[0].mute = mute[0];
	c->side[1].mute = mute[1];
	f->stats->tcp_midstream++;
	c->stray.used = false;
}

/* A segment outside the window; perhaps our own position is wrong. */
static void
on_stray(struct feed *f, bool from_a, const struct tcp_segment *g, size_t len)
{
	struct conn *c = f->c;

	f->stats->tcp_implausible++;
	if (!(g->flags & TCP_ACK))
		return;
	if (goes_along(&c->stray, from_a, g)) {
		tcpside_lose(&c->side[0]);
		tcpside_lose(&c->side[1]);
		conn_move(f, from_a, g->seq, g->ack);
	} else if (len > 0)
		c->stray = (struct stray) { true, from_a, g->seq,
			g->seq + (uint32_t)len, g->ack };
}

/* A segment of an open connection. */
static void
on_segment(struct feed *f, bool from_a, const struct tcp_segment *g,
    struct span bytes)
{
	struct conn *c = f->c;
	struct tcpside *s = side_of(c, from_a), *o = side_of(c, !from_a);
	uint32_t was[2] = { s->next, o->next };

	if (!plausible(s, o, g, bytes.len)) {
		on_stray(f, from_a, g, bytes.len);
		return;
	}
	c->stray.used = c->adopted = false;
	conn_touch(f);
	tcpside_ack(o, g->ack);
	conn_read(f, !from_a);
	if (c->deaf)
		return;
	tcpside_add(s, &f->t->byte_room, g->seq, bytes, g->good, f->stats);
	if (g->flags & TCP_FIN)
		tcpside_fin(s, g->seq + (uint32_t)bytes.len);
	conn_read(f, from_a);
	/* One end has gone, and the other says that it will say no more. */
	if (tcpside_ended(s) && tcpside_ended(o) &&
	    (tcpside_closed(s) || tcpside_closed(o)))
		conn_free(f->t, c, f->sink);
	else {
		conn_stuck(f, s->next != was[0] || o->next != was[1]);
		if (s->next != was[0] || o->next != was[1])
			conn_changed(f);
	}
}

/* Bytes of a connection that began unseen wait until they are acknowledged. */
static void
join_begin(struct feed *f, const struct conn *key, bool from_a,
    const struct tcp_segment *g, struct span bytes)
{
	struct conn *c = f->c;

	if (c == NULL && (c = f->c = conn_new(f, key, from_a)) == NULL)
		return;
	tcpside_clear(&c->side[0], &f->t->byte_room);
	tcpside_clear(&c->side[1], &f->t->byte_room);
	c->midstream = c->joining = true;
	c->client_a = from_a;
	tcpside_begin(side_of(c, from_a), from_a ? &c->a.addr : &c->b.addr,
	    g->seq, true);
	tcpside_begin(side_of(c, !from_a), from_a ? &c->b.addr : &c->a.addr,
	    g->ack, true);
	tcpside_add(side_of(c, from_a), &f->t->byte_room, g->seq, bytes,
	    g->good, f->stats);
}

static void
on_unknown(struct feed *f, const struct conn *key, bool from_a,
    const struct tcp_segment *g, struct span bytes)
{
	struct conn *c = f->c;
	struct tcpside *s, *o;

	if (!(g->flags & TCP_ACK))
		return;
	if (c != NULL && c->joining) {
		s = side_of(c, c->client_a);
		o = side_of(c, !c->client_a);
		if (c->client_a == from_a && g->seq - s->next <= TCP_WINDOW &&
		    g->ack - o->next <= TCP_WINDOW) {
			/* More of the same. */
			tcpside_add(s, &f->t->byte_room, g->seq, bytes, g->good,
			    f->stats);
			return;
		}
		if (c->client_a != from_a && g->seq == o->next &&
		    g->ack != s->next && g->ack - s->next <= TCP_WINDOW) {
			c->joining = false;
			conn_open(f);
			f->stats->tcp_midstream++;
			on_segment(f, from_a, g, bytes);
			return;
		}
	}
	/* A segment that does not fit makes the first ones doubtful. */
	if (bytes.len > 0)
		join_begin(f, key, from_a, g, bytes);
}

/* Anyone can send a RST. */
static void
on_reset(struct feed *f, bool from_a, uint32_t seq)
{
	const struct tcpside *s = side_of(f->c, from_a);

	if (f->c->phase == HALF)
		return; /* if it was refused, no answer comes */
	if (seq == s->next || (s->fin && seq == s->fin_seq + 1))
		conn_dying(f->t, f->c);
	else
		f->stats->tcp_implausible++;
}

static void
on_data(struct feed *f, const struct conn *key, bool from_a,
    const struct tcp_segment *g, struct span bytes)
{
	const struct syn *answer = NULL;

	if (f->c != NULL && (g->flags & TCP_ACK))
		answer = handshake_find(&f->c->handshake, from_a, g->seq,
		    g->ack, TCP_WINDOW);
	if (answer != NULL)
		conn_begin(f, answer);
	else if (f->c != NULL && f->c->adopted && bytes.len > 0 &&
	    (g->flags & TCP_ACK) &&
	    !plausible(side_of(f->c, from_a), side_of(f->c, !from_a), g,
		bytes.len))
		conn_move(f, from_a, g->seq, g->ack);
	if (f->c != NULL && f->c->phase >= OPEN) {
		if (f->c->deaf)
			conn_touch(f);
		else
			on_segment(f, from_a, g, bytes);
		return;
	}
	if (f->c != NULL && f->c->handshake.answer[0].used)
		f->stats->tcp_implausible++;
	on_unknown(f, key, from_a, g, bytes);
}

void
tcpstream_add(struct tcpstream *t, const struct datagram *d,
    const struct tcp_segment *g, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	struct feed f = { .t = t,
		.dir = d->dir,
		.now = d->ts,
		.sink = sink,
		.stats = stats };
	bool from_a = endpoint_cmp(&d->src, &d->dst) < 0;
	struct conn key;

	tcpstream_expire(t, d->ts, sink, stats);
	key.a = from_a ? d->src : d->dst;
	key.b = from_a ? d->dst : d->src;
	key.ifindex = d->ifindex;
	f.c = RB_FIND(conn_tree, &t->tree, &key);
	if (f.c != NULL)
		f.c->dir[!from_a] = d->dir;
	if ((g->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		on_syn(&f, &key, from_a, g->seq, d->payload.len > 0);
	else if (!(g->flags & (TCP_RST | TCP_SYN)))
		on_data(&f, &key, from_a, g, d->payload);
	else if (f.c == NULL)
		return;
	else if (g->flags & TCP_RST)
		on_reset(&f, from_a, g->seq);
	else
		on_answer(&f, from_a, g->seq, g->ack);
}

/* Of connections in a journal, and the most that a record takes. */
#define RECORD_LAYOUT 2
#define RECORD_MAX    (1 + 2 * (17 + 2) + 4 + 1 + 2 * TCPSIDE_RECORD)

enum {
	RECORD_CLIENT_A = 1,
	RECORD_MIDSTREAM = 2,
	RECORD_DEAF = 4,
};

static void
put_endpoint(struct writer *w, const struct endpoint *e)
{
	writer_addr(w, &e->addr);
	writer_u16(w, e->port);
}

static struct endpoint
get_endpoint(struct cursor *r)
{
	struct endpoint e = { .addr = cursor_addr(r) };

	e.port = cursor_u16(r);
	return e;
}

void
tcpstream_flush(struct tcpstream *t, const struct capture_sink *sink)
{
	uint8_t record[RECORD_MAX];
	struct writer w;
	struct conn *c;

	while ((c = TAILQ_FIRST(&t->changed)) != NULL) {
		TAILQ_REMOVE(&t->changed, c, change);
		c->changed = false;
		if (c->key == 0)
			c->key = t->next_key++;
		w = writer_of(record, sizeof(record));
		writer_u8(&w, RECORD_LAYOUT);
		put_endpoint(&w, &c->a);
		put_endpoint(&w, &c->b);
		writer_u32(&w, c->ifindex);
		writer_u8(&w,
		    (c->client_a ? RECORD_CLIENT_A : 0) |
			(c->midstream ? RECORD_MIDSTREAM : 0) |
			(c->deaf ? RECORD_DEAF : 0));
		tcpside_export(&c->side[0], &w);
		tcpside_export(&c->side[1], &w);
		sink->remember(sink->ctx, c->key, record, w.len);
	}
}

void
tcpstream_adopt(struct tcpstream *t, uint64_t key, const void *p, size_t len,
    int64_t now)
{
	static const struct capture_sink nobody;
	struct capture_stats none = { 0 };
	struct feed f = { .t = t, .now = now, .sink = &nobody, .stats = &none };
	struct cursor r = cursor_of(p, len), side[2];
	struct conn of;
	uint8_t layout = cursor_u8(&r), flags;

	of.a = get_endpoint(&r);
	of.b = get_endpoint(&r);
	of.ifindex = cursor_u32(&r);
	flags = cursor_u8(&r);
	side[0] = r;
	cursor_skip(&r, TCPSIDE_RECORD);
	side[1] = r;
	cursor_skip(&r, TCPSIDE_RECORD);
	if (r.bad || cursor_left(&r) > 0 || layout != RECORD_LAYOUT ||
	    key < CAPTURE_KEY_MIN || key >= CAPTURE_KEY_MAX - 1 ||
	    of.a.addr.af == AF_UNSPEC || of.a.addr.af != of.b.addr.af ||
	    endpoint_cmp(&of.a, &of.b) >= 0)
		return;
	if (t->open_room.n >= TCP_MAX_CONNS ||
	    RB_FIND(conn_tree, &t->tree, &of) != NULL ||
	    (f.c = conn_new(&f, &of, flags & RECORD_CLIENT_A)) == NULL)
		return;
	tcpside_import(&f.c->side[0], &of.a.addr, &side[0]);
	tcpside_import(&f.c->side[1], &of.b.addr, &side[1]);
	f.c->midstream = (flags & RECORD_MIDSTREAM) != 0;
	f.c->deaf = (flags & RECORD_DEAF) != 0;
	f.c->adopted = f.c->resumed = true;
	f.c->key = key;
	conn_open(&f);
	if (key >= t->next_key)
		t->next_key = key + 1;
}
