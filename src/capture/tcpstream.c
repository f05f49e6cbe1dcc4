/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/capture/tcpconn.h"
#include "src/capture/tcpstream.h"

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

struct conn *
tcpstream_find(struct tcpstream *t, const struct conn *key)
{
	return RB_FIND(conn_tree, &t->tree, (struct conn *)(uintptr_t)key);
}

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
	lost_init(&t->lost);
	lost_init(&t->lost_half);
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

static const struct addr *
server_of(const struct conn *c)
{
	return c->client_a ? &c->b.addr : &c->a.addr;
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

/* The connection waits neither for bytes nor for their acknowledgement. */
static void
conn_unstick(struct tcpstream *t, struct conn *c)
{
	if (c->late)
		TAILQ_REMOVE(&t->late, c, gap);
	else if (c->stuck)
		TAILQ_REMOVE(&t->gaps, c, gap);
	c->stuck = c->late = false;
}

/* Delete the connection's record: a successor need not know of it. */
static void
conn_forget(struct tcpstream *t, struct conn *c,
    const struct capture_sink *sink)
{
	if (c->changed)
		TAILQ_REMOVE(&t->changed, c, change);
	if (c->key != 0 && sink != NULL && sink->remember != NULL)
		sink->remember(sink->ctx, c->key, NULL, 0);
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

/* Forget a connection that may still go on, but remember which end began it. */
static void
conn_lose(struct tcpstream *t, struct conn *c, const struct capture_sink *sink)
{
	bool mute = c->deaf || c->side[0].mute || c->side[1].mute;
	const struct syn *y;
	unsigned int i;

	if (c->phase >= OPEN) {
		if (!c->midstream || c->supposed || mute)
			lost_note(&t->lost, client_of(c), server_of(c), mute,
			    sink, &t->next_key);
	} else
		for (i = 0; i < 2; i++) {
			y = &c->handshake.answer[i];
			if (y->used)
				lost_note(&t->lost_half,
				    y->from_a ? &c->b.addr : &c->a.addr,
				    y->from_a ? &c->a.addr : &c->b.addr, false,
				    NULL, NULL);
		}
	conn_free(t, c, sink);
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
	lost_clear(&t->lost);
	lost_clear(&t->lost_half);
	free(t);
}

struct conn *
conn_new(struct feed *f, const struct conn *key, bool from_a)
{
	struct tcpstream *t = f->t;
	struct conn *c;

	if (t->half_room.n == TCP_MAX_HALF) {
		f->stats->tcp_limits++;
		conn_lose(t, shares_worst(&t->half_room), f->sink);
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

void
conn_open(struct feed *f)
{
	struct tcpstream *t = f->t;
	struct conn *c = f->c, *other;

	conn_unlist(t, c);
	if (t->open_room.n + t->ndying == TCP_MAX_CONNS) {
		f->stats->tcp_limits++;
		other = TAILQ_FIRST(&t->dying);
		conn_lose(t,
		    other != NULL ? other : shares_worst(&t->open_room),
		    f->sink);
	}
	c->phase = OPEN;
	TAILQ_INSERT_TAIL(&t->ages, c, age);
	/* Without memory for a share it has none, and none to give. */
	(void)!shares_add(&t->open_room, &c->room, client_of(c), 1);
	f->stats->tcp_connections++;
}

/* Note a segment of either end: the connection lives, and times out last. */
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

	d.ts = f->now;
	d.ifindex = c->ifindex;
	d.dir = c->dir[!from_a];
	d.proto = IPPROTO_TCP;
	d.src = from_a ? c->a : c->b;
	d.dst = from_a ? c->b : c->a;
	d.joined = lost;
	d.resumed = c->resumed || c->supposed;
	if (!c->midstream || c->supposed)
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

int64_t
tcpstream_due(const struct tcpstream *t)
{
	const struct conn *half = TAILQ_FIRST(&t->halves);
	const struct conn *idle[] = { TAILQ_FIRST(&t->ages),
		TAILQ_FIRST(&t->dying) };
	const struct conn *late = TAILQ_FIRST(&t->late);
	int64_t at = tcpstream_next(t);
	size_t i;

	if (half != NULL && half->last + TCP_HALF + 1 < at)
		at = half->last + TCP_HALF + 1;
	for (i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
		if (idle[i] != NULL && idle[i]->last + TCP_IDLE + 1 < at)
			at = idle[i]->last + TCP_IDLE + 1;
	if (late != NULL && late->stuck_since + TCP_GAP + 1 < at)
		at = late->stuck_since + TCP_GAP + 1;
	return at;
}

void
tcpstream_expire(struct tcpstream *t, int64_t now,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct feed f = { .t = t, .now = now, .sink = sink, .stats = stats };
	struct conn *c;

	while (
	    (c = TAILQ_FIRST(&t->halves)) != NULL && now - c->last > TCP_HALF)
		conn_lose(t, c, sink);
	while ((c = TAILQ_FIRST(&t->ages)) != NULL && now - c->last > TCP_IDLE)
		conn_lose(t, c, sink);
	while ((c = TAILQ_FIRST(&t->dying)) != NULL && now - c->last > TCP_IDLE)
		conn_lose(t, c, sink);
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

/* A SYN, or its answer, that is seen once more when its connection is open. */
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
	c->midstream = c->deaf = false;
	c->resumed = c->supposed = false;
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
side_is_plausible(const struct tcpside *s, const struct tcpside *o,
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

	if (!side_is_plausible(s, o, g, bytes.len)) {
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
	unsigned int lost =
	    lost_between(&f->t->lost, &key->a.addr, &key->b.addr) |
	    lost_between(&f->t->lost_half, &key->a.addr, &key->b.addr);
	struct conn *c = f->c;
	struct tcpside *s, *o;

	if (!(g->flags & TCP_ACK) || (lost & LOST_MUTE) ||
	    lost == (LOST_BY_A | LOST_BY_B))
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
			c->supposed = lost != 0;
			if (c->supposed)
				c->client_a = lost == LOST_BY_A;
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
	    !side_is_plausible(side_of(f->c, from_a), side_of(f->c, !from_a), g,
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
	f.c = tcpstream_find(t, &key);
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
