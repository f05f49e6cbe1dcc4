/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/queue.h"
#include "src/base/tree.h"
#include "src/capture/tcpstream.h"

#define MALLOC_COST 16 /* what an allocation takes besides */

struct segment {
	TAILQ_ENTRY(segment) entry; /* by sequence number */
	uint32_t seq;
	uint32_t len;
	uint8_t bytes[];
};

TAILQ_HEAD(segment_list, segment);

struct side {
	uint32_t first; /* after its SYN */
	uint32_t next;	/* the next byte to hand on */
	bool fin;	/* `next` is its FIN */
	bool joined;	/* without a SYN, and nothing was handed on */
	bool fin_early;
	uint32_t fin_seq;
	struct segment_list ahead; /* out of order, without overlaps */
	unsigned int nahead;
};

/* A SYN that was not answered yet. */
struct syn {
	bool used;
	bool from_a;
	uint32_t seq;
};

enum phase {
	JOINING,  /* bytes that nobody has acknowledged */
	OPENING,  /* SYN */
	ANSWERED, /* SYN and SYN-ACK */
	OPEN,
};

struct source {
	RB_ENTRY(source) node;
	struct addr addr;
	unsigned int n;
	TAILQ_HEAD(, conn) conns; /* idlest first */
};

struct conn {
	RB_ENTRY(conn) node;
	TAILQ_ENTRY(conn) age; /* in halves, or in ages */
	TAILQ_ENTRY(conn) peer;
	TAILQ_ENTRY(conn) gap;
	struct source *source; /* once OPEN */
	struct endpoint a, b;  /* a < b */
	uint32_t ifindex;
	enum phase phase;
	bool client_a;	/* a began it, or sent the bytes that wait */
	bool midstream; /* nobody saw who began it */
	bool stuck;	/* in gaps */
	int64_t last;
	int64_t stuck_since;
	struct syn syn[2];   /* the first and the latest */
	struct side side[2]; /* sent by a, sent by b */
	void *user;
};

RB_HEAD(conn_tree, conn);
RB_HEAD(source_tree, source);
TAILQ_HEAD(conn_list, conn);

struct tcpstream {
	struct conn_tree tree;
	struct source_tree sources;
	struct conn_list halves; /* oldest first */
	struct conn_list ages;	 /* open, idlest first */
	struct conn_list gaps;	 /* oldest first */
	size_t nhalves, nopen;
	size_t bytes;
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

static int
source_cmp(const struct source *x, const struct source *y)
{
	return addr_cmp(&x->addr, &y->addr);
}

RB_GENERATE_STATIC(conn_tree, conn, node, conn_cmp)
RB_GENERATE_STATIC(source_tree, source, node, source_cmp)

struct tcpstream *
tcpstream_new(void)
{
	struct tcpstream *t = calloc(1, sizeof(*t));

	if (t != NULL) {
		RB_INIT(&t->tree);
		RB_INIT(&t->sources);
		TAILQ_INIT(&t->halves);
		TAILQ_INIT(&t->ages);
		TAILQ_INIT(&t->gaps);
	}
	return t;
}

static size_t
cost(const struct segment *g)
{
	return sizeof(*g) + MALLOC_COST + g->len;
}

static void
segment_free(struct tcpstream *t, struct side *s, struct segment *g)
{
	TAILQ_REMOVE(&s->ahead, g, entry);
	s->nahead--;
	t->bytes -= cost(g);
	free(g);
}

static void
side_clear(struct tcpstream *t, struct side *s)
{
	while (!TAILQ_EMPTY(&s->ahead))
		segment_free(t, s, TAILQ_FIRST(&s->ahead));
}

/* Out of the list of its phase. */
static void
conn_unlist(struct tcpstream *t, struct conn *c)
{
	struct source *s = c->source;

	if (c->phase != OPEN) {
		TAILQ_REMOVE(&t->halves, c, age);
		t->nhalves--;
		return;
	}
	TAILQ_REMOVE(&t->ages, c, age);
	t->nopen--;
	TAILQ_REMOVE(&s->conns, c, peer);
	if (--s->n == 0) {
		RB_REMOVE(source_tree, &t->sources, s);
		free(s);
	}
	c->source = NULL;
}

/* What it held is given back, and whoever listened is told. */
static void
conn_clear(struct tcpstream *t, struct conn *c, const struct capture_sink *sink)
{
	side_clear(t, &c->side[0]);
	side_clear(t, &c->side[1]);
	if (c->stuck)
		TAILQ_REMOVE(&t->gaps, c, gap);
	c->stuck = false;
	if (c->user != NULL)
		sink->tcp_end(sink->ctx, c->user);
	c->user = NULL;
}

static void
conn_free(struct tcpstream *t, struct conn *c, const struct capture_sink *sink)
{
	conn_clear(t, c, sink);
	conn_unlist(t, c);
	RB_REMOVE(conn_tree, &t->tree, c);
	free(c);
}

void
tcpstream_free(struct tcpstream *t, const struct capture_sink *sink)
{
	if (t == NULL)
		return;
	while (!TAILQ_EMPTY(&t->halves))
		conn_free(t, TAILQ_FIRST(&t->halves), sink);
	while (!TAILQ_EMPTY(&t->ages))
		conn_free(t, TAILQ_FIRST(&t->ages), sink);
	free(t);
}

void
tcpstream_expire(struct tcpstream *t, int64_t now,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct conn *c;

	while (
	    (c = TAILQ_FIRST(&t->halves)) != NULL && now - c->last > TCP_HALF)
		conn_free(t, c, sink);
	while ((c = TAILQ_FIRST(&t->ages)) != NULL && now - c->last > TCP_IDLE)
		conn_free(t, c, sink);
	while ((c = TAILQ_FIRST(&t->gaps)) != NULL &&
	    now - c->stuck_since > TCP_GAP) {
		stats->tcp_gaps++;
		conn_free(t, c, sink);
	}
}

static void
half_insert(struct tcpstream *t, struct conn *c, int64_t now,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	if (t->nhalves == TCP_MAX_HALF) {
		stats->tcp_limits++;
		conn_free(t, TAILQ_FIRST(&t->halves), sink);
	}
	c->last = now;
	TAILQ_INSERT_TAIL(&t->halves, c, age);
	t->nhalves++;
}

static struct conn *
conn_new(struct tcpstream *t, const struct conn *key, enum phase phase,
    int64_t now, const struct capture_sink *sink, struct capture_stats *stats)
{
	struct conn *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->a = key->a;
	c->b = key->b;
	c->ifindex = key->ifindex;
	c->phase = phase;
	TAILQ_INIT(&c->side[0].ahead);
	TAILQ_INIT(&c->side[1].ahead);
	half_insert(t, c, now, sink, stats);
	RB_INSERT(conn_tree, &t->tree, c);
	return c;
}

/*
 * A SYN: nothing happens until it is answered.  Of those that compete for an
 * answer the first and the latest are known.
 */
static void
on_syn(struct tcpstream *t, struct conn *c, const struct conn *key, bool from_a,
    uint32_t seq, int64_t now, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	struct syn *y;
	unsigned int i;

	if (c == NULL) {
		c = conn_new(t, key, OPENING, now, sink, stats);
		if (c == NULL)
			return;
	} else if (c->phase > OPENING && c->side[!from_a].first == seq + 1)
		return; /* late */
	for (i = 0; i < 2; i++) {
		y = &c->syn[i];
		if (y->used && y->from_a == from_a && y->seq == seq)
			return;
	}
	c->syn[c->syn[0].used] = (struct syn) { true, from_a, seq };
}

static const struct syn *
syn_find(const struct conn *c, bool from_a, uint32_t ack)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (c->syn[i].used && c->syn[i].from_a == from_a &&
		    c->syn[i].seq + 1 == ack)
			return &c->syn[i];
	return NULL;
}

static void
side_begin(struct side *s, uint32_t first)
{
	s->first = s->next = first;
	s->fin = s->fin_early = s->joined = false;
}

/*
 * SYN and ACK.  An end that answers knows of no older connection between the
 * two: had it one, it would challenge the SYN (RFC 5961 section 4).
 */
static void
on_answer(struct tcpstream *t, struct conn *c, bool from_a, uint32_t seq,
    uint32_t ack, int64_t now, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	const struct syn *y;

	if (c->phase > OPENING && c->side[!from_a].first == seq + 1 &&
	    c->side[from_a].first == ack)
		return; /* late */
	if ((y = syn_find(c, !from_a, ack)) == NULL) {
		stats->tcp_implausible++;
		return;
	}
	conn_clear(t, c, sink);
	conn_unlist(t, c);
	c->phase = ANSWERED;
	half_insert(t, c, now, sink, stats);
	c->client_a = !from_a;
	c->midstream = false;
	side_begin(&c->side[from_a], y->seq + 1);
	side_begin(&c->side[!from_a], seq + 1);
	memset(c->syn, 0, sizeof(c->syn));
}

/* Anyone can send a RST; one that is next in line is believed. */
static void
on_reset(struct tcpstream *t, struct conn *c, bool from_a, uint32_t seq,
    uint32_t ack, uint8_t flags, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	const struct side *s = &c->side[!from_a];
	bool good;

	if (c->phase <= OPENING) /* refused */
		good = (flags & TCP_ACK) && syn_find(c, !from_a, ack) != NULL;
	else
		good = seq == s->next + s->fin;
	if (good)
		conn_free(t, c, sink);
	else
		stats->tcp_implausible++;
}

static struct source *
source_get(struct tcpstream *t, const struct addr *a)
{
	struct source key, *s;

	key.addr = addr_source(a);
	if ((s = RB_FIND(source_tree, &t->sources, &key)) != NULL)
		return s;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->addr = key.addr;
	TAILQ_INIT(&s->conns);
	RB_INSERT(source_tree, &t->sources, s);
	return s;
}

static bool
conn_open(struct tcpstream *t, struct conn *c, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	struct source *s = source_get(t, c->client_a ? &c->a.addr : &c->b.addr);

	if (s == NULL)
		return false;
	s->n++; /* it stays, whoever goes */
	if (t->nopen == TCP_MAX_CONNS) {
		stats->tcp_limits++;
		conn_free(t,
		    s->n > TCP_MAX_SOURCE ? TAILQ_FIRST(&s->conns)
					  : TAILQ_FIRST(&t->ages),
		    sink);
	}
	conn_unlist(t, c);
	c->phase = OPEN;
	c->source = s;
	TAILQ_INSERT_TAIL(&s->conns, c, peer);
	TAILQ_INSERT_TAIL(&t->ages, c, age);
	t->nopen++;
	stats->tcp_connections++;
	return true;
}

/* Can the receiver have taken it?  RFC 5961 section 5, RFC 9293 3.10.7.4. */
static bool
plausible(const struct conn *c, const struct side *s, const struct side *o,
    uint32_t seq, uint32_t ack, uint8_t flags, size_t len)
{
	int64_t ahead = (int32_t)(seq - s->next);

	if (!(flags & TCP_ACK) || ahead < -TCP_WINDOW ||
	    ahead + (int64_t)len > TCP_WINDOW)
		return false;
	if (c->phase == ANSWERED)
		return ack == o->first;
	return ack - (o->next - TCP_WINDOW) <= 2 * TCP_WINDOW;
}

/* side[0] is what a sends. */
static bool
sent_by_a(const struct conn *c, const struct side *s)
{
	return s == &c->side[0];
}

/* Hand on the bytes at s->next; false if nobody wants more. */
static bool
deliver(struct conn *c, struct side *s, const struct datagram *d,
    struct span bytes, const struct capture_sink *sink)
{
	struct datagram out = *d;

	out.payload = bytes;
	out.joined = s->joined;
	out.origin = ORIGIN_UNKNOWN;
	if (!c->midstream)
		out.origin =
		    c->client_a == sent_by_a(c, s) ? ORIGIN_SRC : ORIGIN_DST;
	s->joined = false;
	s->next += (uint32_t)bytes.len;
	if (s->fin_early && s->next == s->fin_seq)
		s->fin = true;
	return sink->tcp(sink->ctx, &c->user, &out);
}

static bool
segment_insert(struct tcpstream *t, struct side *s, struct segment *before,
    uint32_t seq, struct span bytes)
{
	struct segment *g;

	if (s->nahead == TCP_MAX_PIECES ||
	    (g = malloc(sizeof(*g) + bytes.len)) == NULL)
		return false;
	g->seq = seq;
	g->len = (uint32_t)bytes.len;
	memcpy(g->bytes, bytes.p, bytes.len);
	if (before != NULL)
		TAILQ_INSERT_BEFORE(before, g, entry);
	else
		TAILQ_INSERT_TAIL(&s->ahead, g, entry);
	s->nahead++;
	t->bytes += cost(g);
	return true;
}

static void
compare(const struct segment *g, uint32_t off, struct span bytes, size_t n,
    struct capture_stats *stats)
{
	if (memcmp(g->bytes + off, bytes.p, n) != 0)
		stats->tcp_conflicts++;
}

/* Keep what is early, but for bytes that are there already. */
static bool
keep(struct tcpstream *t, struct side *s, uint32_t seq, struct span bytes,
    struct capture_stats *stats)
{
	struct segment *g = TAILQ_LAST(&s->ahead, segment_list);
	size_t n;

	/* Most come in order behind the gap. */
	if (g != NULL && (int32_t)(seq - (g->seq + g->len)) < 0)
		g = TAILQ_FIRST(&s->ahead);
	while (bytes.len > 0) {
		while (g != NULL && (int32_t)(seq - (g->seq + g->len)) >= 0)
			g = TAILQ_NEXT(g, entry);
		n = bytes.len;
		if (g != NULL && (int32_t)(seq - g->seq) >= 0) {
			if (n > g->seq + g->len - seq)
				n = g->seq + g->len - seq;
			compare(g, seq - g->seq, bytes, n, stats);
		} else {
			if (g != NULL && n > g->seq - seq)
				n = g->seq - seq;
			if (!segment_insert(t, s, g, seq,
				span_sub(bytes, 0, n)))
				return false;
		}
		seq += (uint32_t)n;
		bytes = span_sub(bytes, n, bytes.len);
	}
	return true;
}

/*
 * Hand on the bytes at s->next, and those that waited for them.  Where both
 * have a byte, the one that waited came first.  This needs no room, for it
 * must work when there is none.
 */
static bool
advance(struct tcpstream *t, struct conn *c, struct side *s,
    const struct datagram *d, struct span bytes,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct segment *g;
	bool more = true;
	size_t n;

	while (more && !s->fin) {
		g = TAILQ_FIRST(&s->ahead);
		if (g != NULL && g->seq == s->next) {
			n = bytes.len < g->len ? bytes.len : g->len;
			if (n > 0)
				compare(g, 0, bytes, n, stats);
			bytes = span_sub(bytes, n, bytes.len);
			more = deliver(c, s, d,
			    (struct span) { (const char *)g->bytes, g->len },
			    sink);
			segment_free(t, s, g);
			continue;
		}
		n = bytes.len;
		if (g != NULL && n > g->seq - s->next)
			n = g->seq - s->next;
		if (n == 0)
			break;
		more = deliver(c, s, d, span_sub(bytes, 0, n), sink);
		bytes = span_sub(bytes, n, bytes.len);
	}
	if (s->fin)
		side_clear(t, s);
	return more;
}

/* The oldest gaps go; false if that is the connection's own. */
static bool
make_room(struct tcpstream *t, struct conn *c, size_t len,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct conn *oldest;

	len += sizeof(struct segment) + MALLOC_COST;
	while (t->bytes + len > TCP_MAX_BYTES) {
		oldest = TAILQ_FIRST(&t->gaps);
		stats->tcp_limits++;
		if (oldest == c)
			return false;
		stats->tcp_gaps++;
		conn_free(t, oldest, sink);
	}
	return true;
}

/* Bytes of an open connection; false: it is not followed any more. */
static bool
data(struct tcpstream *t, struct conn *c, struct side *s,
    const struct datagram *d, uint32_t seq, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	int32_t ahead = (int32_t)(seq - s->next);

	if (ahead <= 0)
		/* What was handed on already counts; the rest may be new. */
		return advance(t, c, s, d,
		    span_sub(d->payload, (size_t) - (int64_t)ahead,
			d->payload.len),
		    sink, stats);
	if (!make_room(t, c, d->payload.len, sink, stats))
		return false;
	if (keep(t, s, seq, d->payload, stats))
		return true;
	stats->tcp_gaps++;
	return false;
}

/* A gap is as old as the last byte that was handed on before it. */
static void
conn_stuck(struct tcpstream *t, struct conn *c, bool progress, int64_t now)
{
	bool stuck = c->side[0].nahead > 0 || c->side[1].nahead > 0;

	if (stuck == c->stuck && !progress)
		return;
	if (c->stuck)
		TAILQ_REMOVE(&t->gaps, c, gap);
	c->stuck = stuck;
	if (stuck) {
		c->stuck_since = now;
		TAILQ_INSERT_TAIL(&t->gaps, c, gap);
	}
}

static void
on_segment(struct tcpstream *t, struct conn *c, bool from_a,
    const struct datagram *d, uint32_t seq, uint32_t ack, uint8_t flags,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct side *s = &c->side[!from_a], *o = &c->side[from_a];
	uint32_t was = s->next, end = seq + (uint32_t)d->payload.len;

	if (!plausible(c, s, o, seq, ack, flags, d->payload.len)) {
		stats->tcp_implausible++;
		return;
	}
	if (c->phase == ANSWERED && !conn_open(t, c, sink, stats)) {
		conn_free(t, c, sink);
		return;
	}
	c->last = d->ts;
	TAILQ_REMOVE(&t->ages, c, age);
	TAILQ_INSERT_TAIL(&t->ages, c, age);
	TAILQ_REMOVE(&c->source->conns, c, peer);
	TAILQ_INSERT_TAIL(&c->source->conns, c, peer);
	if (s->fin)
		return;
	if (d->payload.len > 0 && !data(t, c, s, d, seq, sink, stats)) {
		conn_free(t, c, sink);
		return;
	}
	if (flags & TCP_FIN) {
		if (s->next == end)
			s->fin = true;
		else if (!s->fin_early && (int32_t)(end - s->next) > 0) {
			s->fin_early = true;
			s->fin_seq = end;
		}
	}
	if (s->fin_early && (int32_t)(s->next - s->fin_seq) > 0)
		s->fin_early = false; /* it was none */
	if (s->fin && o->fin) {
		conn_free(t, c, sink);
		return;
	}
	if (s->fin)
		side_clear(t, s);
	conn_stuck(t, c, s->next != was && s->nahead > 0, d->ts);
}

/* Bytes of a connection that began unseen wait until they are acknowledged. */
static void
join_begin(struct tcpstream *t, const struct conn *key, bool from_a,
    const struct datagram *d, uint32_t seq, uint32_t ack,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct conn *c = conn_new(t, key, JOINING, d->ts, sink, stats);

	if (c == NULL)
		return;
	c->client_a = from_a;
	c->midstream = true;
	side_begin(&c->side[!from_a], seq);
	side_begin(&c->side[from_a], ack);
	c->side[0].joined = c->side[1].joined = true;
	if (!make_room(t, c, d->payload.len, sink, stats) ||
	    !keep(t, &c->side[!from_a], seq, d->payload, stats)) {
		conn_free(t, c, sink);
		return;
	}
	conn_stuck(t, c, true, d->ts);
}

/* Hand on what waited, as it was sent; false: it is not followed any more. */
static bool
join_end(struct tcpstream *t, struct conn *c, struct side *s,
    const struct datagram *answer, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	struct datagram d = *answer;

	if (!conn_open(t, c, sink, stats))
		return false;
	stats->tcp_midstream++;
	d.src = answer->dst;
	d.dst = answer->src;
	if (d.dir != PKT_UNKNOWN)
		d.dir = d.dir == PKT_IN ? PKT_OUT : PKT_IN;
	if (!advance(t, c, s, &d, (struct span) { NULL, 0 }, sink, stats))
		return false;
	conn_stuck(t, c, true, d.ts);
	return true;
}

static void
on_unknown(struct tcpstream *t, struct conn *c, const struct conn *key,
    bool from_a, const struct datagram *d, uint32_t seq, uint32_t ack,
    uint8_t flags, const struct capture_sink *sink, struct capture_stats *stats)
{
	struct side *s, *o;
	uint32_t len;

	if (!(flags & TCP_ACK))
		return;
	if (c != NULL && c->client_a == from_a) {
		s = &c->side[!from_a];
		/* More of the same, or what makes the first doubtful. */
		if (d->payload.len == 0 ||
		    (seq - s->next <= TCP_WINDOW &&
			ack - c->side[from_a].next <= TCP_WINDOW &&
			make_room(t, c, d->payload.len, sink, stats) &&
			keep(t, s, seq, d->payload, stats)))
			return;
	} else if (c != NULL) {
		s = &c->side[from_a];
		o = &c->side[!from_a];
		len = ack - s->next;
		if (seq == o->next && len > 0 && len <= TCP_WINDOW) {
			if (join_end(t, c, s, d, sink, stats))
				on_segment(t, c, from_a, d, seq, ack, flags,
				    sink, stats);
			else
				conn_free(t, c, sink);
			return;
		}
		if (d->payload.len == 0)
			return;
	}
	if (c != NULL)
		conn_free(t, c, sink);
	if (d->payload.len > 0)
		join_begin(t, key, from_a, d, seq, ack, sink, stats);
}

void
tcpstream_add(struct tcpstream *t, const struct datagram *d, uint32_t seq,
    uint32_t ack, uint8_t flags, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	bool from_a = endpoint_cmp(&d->src, &d->dst) < 0;
	struct conn key, *c;

	tcpstream_expire(t, d->ts, sink, stats);
	key.a = from_a ? d->src : d->dst;
	key.b = from_a ? d->dst : d->src;
	key.ifindex = d->ifindex;
	c = RB_FIND(conn_tree, &t->tree, &key);
	if ((flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		on_syn(t, c, &key, from_a, seq, d->ts, sink, stats);
	else if (flags & (TCP_RST | TCP_SYN)) {
		if (c == NULL)
			return;
		if (flags & TCP_RST)
			on_reset(t, c, from_a, seq, ack, flags, sink, stats);
		else
			on_answer(t, c, from_a, seq, ack, d->ts, sink, stats);
	} else if (c == NULL || c->phase == JOINING)
		on_unknown(t, c, &key, from_a, d, seq, ack, flags, sink, stats);
	else if (c->phase > OPENING)
		on_segment(t, c, from_a, d, seq, ack, flags, sink, stats);
}
