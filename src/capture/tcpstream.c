/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/capture/tcpstream.h"
#include "src/compat/queue.h"
#include "src/compat/tree.h"

struct segment {
	TAILQ_ENTRY(segment) entry; /* by sequence number */
	uint32_t seq;
	uint32_t len;
	uint8_t bytes[];
};

struct side {
	bool known;  /* `next` is good */
	bool joined; /* without a SYN, and nothing is handed on yet */
	bool fin;
	uint32_t next; /* the next byte to hand on */
	uint32_t fin_seq;
	TAILQ_HEAD(, segment) ahead; /* out of order */
	size_t nahead;		     /* bytes */
};

struct conn {
	RB_ENTRY(conn) node;
	TAILQ_ENTRY(conn) age;
	struct endpoint a, b; /* a < b */
	uint32_t ifindex;
	int64_t last;
	bool lost;	     /* not followed any more */
	bool joined;	     /* begun without us */
	struct side side[2]; /* sent by a, sent by b */
	void *user;
};

RB_HEAD(conn_tree, conn);

struct tcpstream {
	struct conn_tree tree;
	TAILQ_HEAD(, conn) ages; /* idlest first */
	size_t nconns;
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

RB_GENERATE_STATIC(conn_tree, conn, node, conn_cmp)

struct tcpstream *
tcpstream_new(void)
{
	struct tcpstream *t = calloc(1, sizeof(*t));

	if (t != NULL) {
		RB_INIT(&t->tree);
		TAILQ_INIT(&t->ages);
	}
	return t;
}

static void
side_clear(struct tcpstream *t, struct side *s)
{
	struct segment *g;

	while ((g = TAILQ_FIRST(&s->ahead)) != NULL) {
		TAILQ_REMOVE(&s->ahead, g, entry);
		t->bytes -= g->len;
		free(g);
	}
	s->nahead = 0;
}

/* No longer followed; what it held is given back. */
static void
conn_lose(struct tcpstream *t, struct conn *c, const struct capture_sink *sink)
{
	c->lost = true;
	side_clear(t, &c->side[0]);
	side_clear(t, &c->side[1]);
	if (c->user != NULL)
		sink->tcp_end(sink->ctx, c->user);
	c->user = NULL;
}

static void
conn_free(struct tcpstream *t, struct conn *c, const struct capture_sink *sink)
{
	conn_lose(t, c, sink);
	RB_REMOVE(conn_tree, &t->tree, c);
	TAILQ_REMOVE(&t->ages, c, age);
	t->nconns--;
	free(c);
}

void
tcpstream_free(struct tcpstream *t, const struct capture_sink *sink)
{
	if (t == NULL)
		return;
	while (!TAILQ_EMPTY(&t->ages))
		conn_free(t, TAILQ_FIRST(&t->ages), sink);
	free(t);
}

void
tcpstream_expire(struct tcpstream *t, int64_t now,
    const struct capture_sink *sink)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&t->ages)) != NULL && now - c->last > TCP_IDLE)
		conn_free(t, c, sink);
}

static struct conn *
conn_new(struct tcpstream *t, const struct conn *key, int64_t now,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct conn *c;

	if (t->nconns == TCP_MAX_CONNS) {
		stats->tcp_limits++;
		conn_free(t, TAILQ_FIRST(&t->ages), sink);
	}
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->a = key->a;
	c->b = key->b;
	c->ifindex = key->ifindex;
	c->last = now;
	TAILQ_INIT(&c->side[0].ahead);
	TAILQ_INIT(&c->side[1].ahead);
	RB_INSERT(conn_tree, &t->tree, c);
	TAILQ_INSERT_TAIL(&t->ages, c, age);
	t->nconns++;
	stats->tcp_connections++;
	return c;
}

/* Hand on the bytes at s->next; false if nobody wants more. */
static bool
deliver(struct conn *c, struct side *s, const struct datagram *d,
    struct span bytes, const struct capture_sink *sink)
{
	struct datagram out = *d;

	out.payload = bytes;
	out.joined = s->joined;
	s->joined = false;
	s->next += (uint32_t)bytes.len;
	return sink->tcp(sink->ctx, &c->user, &out);
}

/*
 * Keep a segment that is early, unless its bytes are there already; in an
 * overlap the bytes that came first stay.
 */
static bool
keep(struct tcpstream *t, struct side *s, uint32_t seq, struct span bytes,
    struct capture_stats *stats)
{
	struct segment *g, *n;
	uint32_t off, common;

	TAILQ_FOREACH(g, &s->ahead, entry) {
		if ((int32_t)(seq - (g->seq + g->len)) >= 0)
			continue;
		if ((int32_t)(seq + (uint32_t)bytes.len - g->seq) <= 0)
			break;
		/* They overlap: compare, then keep what is new around it. */
		off = (int32_t)(seq - g->seq) > 0 ? seq - g->seq : 0;
		if ((int32_t)(g->seq - seq) > 0) {
			if (!keep(t, s, seq, span_sub(bytes, 0, g->seq - seq),
				stats))
				return false;
			bytes = span_sub(bytes, g->seq - seq, bytes.len);
			seq = g->seq;
		}
		common = g->len - off;
		if (common > bytes.len)
			common = (uint32_t)bytes.len;
		if (memcmp(g->bytes + off, bytes.p, common) != 0)
			stats->tcp_conflicts++;
		bytes = span_sub(bytes, common, bytes.len);
		seq += common;
		if (bytes.len == 0)
			return true;
	}
	if (s->nahead + bytes.len > TCP_WINDOW ||
	    t->bytes + bytes.len > TCP_MAX_BYTES ||
	    (n = malloc(sizeof(*n) + bytes.len)) == NULL)
		return false;
	n->seq = seq;
	n->len = (uint32_t)bytes.len;
	memcpy(n->bytes, bytes.p, bytes.len);
	if (g != NULL)
		TAILQ_INSERT_BEFORE(g, n, entry);
	else
		TAILQ_INSERT_TAIL(&s->ahead, n, entry);
	s->nahead += n->len;
	t->bytes += n->len;
	return true;
}

/* Hand on whatever has become next in line. */
static bool
drain(struct tcpstream *t, struct conn *c, struct side *s,
    const struct datagram *d, const struct capture_sink *sink)
{
	struct segment *g;
	struct span bytes;
	int32_t behind;
	bool more = true;

	while (more && (g = TAILQ_FIRST(&s->ahead)) != NULL &&
	    (behind = (int32_t)(s->next - g->seq)) >= 0) {
		TAILQ_REMOVE(&s->ahead, g, entry);
		s->nahead -= g->len;
		t->bytes -= g->len;
		bytes = (struct span) { (const char *)g->bytes, g->len };
		bytes = span_sub(bytes, (size_t)behind, bytes.len);
		if (bytes.len > 0)
			more = deliver(c, s, d, bytes, sink);
		free(g);
	}
	return more;
}

static void
data(struct tcpstream *t, struct conn *c, struct side *s,
    const struct datagram *d, uint32_t seq, const struct capture_sink *sink,
    struct capture_stats *stats)
{
	struct span bytes = d->payload;
	int32_t ahead = (int32_t)(seq - s->next);

	if (ahead > TCP_WINDOW) {
		stats->tcp_gaps++;
		conn_lose(t, c, sink);
		return;
	}
	if (ahead > 0) {
		if (!keep(t, s, seq, bytes, stats)) {
			stats->tcp_gaps++;
			conn_lose(t, c, sink);
		}
		return;
	}
	/* What was handed on already counts; the rest may be new. */
	bytes = span_sub(bytes, (size_t) - (int64_t)ahead, bytes.len);
	if (bytes.len == 0)
		return;
	if (!TAILQ_EMPTY(&s->ahead)) {
		/* The early ones came first: theirs are the bytes to read. */
		if (!keep(t, s, s->next, bytes, stats)) {
			stats->tcp_gaps++;
			conn_lose(t, c, sink);
			return;
		}
	} else if (!deliver(c, s, d, bytes, sink)) {
		conn_lose(t, c, sink);
		return;
	}
	if (!drain(t, c, s, d, sink))
		conn_lose(t, c, sink);
}

void
tcpstream_add(struct tcpstream *t, const struct datagram *d, uint32_t seq,
    uint8_t flags, const struct capture_sink *sink, struct capture_stats *stats)
{
	bool from_a = endpoint_cmp(&d->src, &d->dst) < 0;
	struct conn key, *c;
	struct side *s;

	key.a = from_a ? d->src : d->dst;
	key.b = from_a ? d->dst : d->src;
	key.ifindex = d->ifindex;
	c = RB_FIND(conn_tree, &t->tree, &key);
	tcpstream_expire(t, d->ts, sink);
	if (c != NULL && (c = RB_FIND(conn_tree, &t->tree, &key)) != NULL) {
		c->last = d->ts;
		TAILQ_REMOVE(&t->ages, c, age);
		TAILQ_INSERT_TAIL(&t->ages, c, age);
	}
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		s = c != NULL ? &c->side[!from_a] : NULL;
		if (s != NULL && s->known && !c->lost &&
		    s->next - seq <= TCP_WINDOW && !s->fin &&
		    s->next == seq + 1)
			return; /* retransmitted */
		if (c != NULL)
			conn_free(t, c, sink);
		if ((c = conn_new(t, &key, d->ts, sink, stats)) == NULL)
			return;
		s = &c->side[!from_a];
		s->known = true;
		s->next = seq + 1;
		return;
	}
	if (c == NULL) {
		if (d->payload.len == 0 || (flags & (TCP_SYN | TCP_RST)) ||
		    (c = conn_new(t, &key, d->ts, sink, stats)) == NULL)
			return;
		c->joined = true;
		stats->tcp_midstream++;
	}
	if (c->lost)
		return;
	s = &c->side[!from_a];
	if (flags & TCP_SYN) {
		/* SYN and ACK: the answer to a SYN that we saw. */
		if (!s->known && c->side[from_a].known) {
			s->known = true;
			s->next = seq + 1;
		}
		return;
	}
	if (flags & TCP_RST) {
		/* Anyone can send one; only one in place is believed. */
		if (s->known && seq - s->next <= TCP_WINDOW)
			conn_free(t, c, sink);
		return;
	}
	if (!s->known) {
		/* Its SYN went by unseen. */
		if (d->payload.len == 0)
			return;
		if (!c->joined) {
			conn_lose(t, c, sink);
			return;
		}
		s->known = s->joined = true;
		s->next = seq;
	}
	if (flags & TCP_FIN) {
		s->fin = true;
		s->fin_seq = seq + (uint32_t)d->payload.len;
	}
	if (d->payload.len > 0)
		data(t, c, s, d, seq, sink, stats);
	if (!c->lost && c->side[0].fin && c->side[1].fin &&
	    c->side[0].next == c->side[0].fin_seq &&
	    c->side[1].next == c->side[1].fin_seq)
		conn_free(t, c, sink);
}
