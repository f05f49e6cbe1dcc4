/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/capture/tcpside.h"

#define MALLOC_COST 16 /* what an allocation takes besides */

struct segment {
	TAILQ_ENTRY(segment) entry; /* by sequence number */
	uint32_t seq;
	uint32_t len;
	bool good;
	uint8_t bytes[];
};

static int32_t
seq_distance(uint32_t to, uint32_t from)
{
	return (int32_t)(to - from);
}

static uint32_t
segment_end(const struct segment *g)
{
	return g->seq + g->len;
}

void
tcpside_lose(struct tcpside *s)
{
	s->lost = true;
	s->whole = false;
	s->mute = s->mute || (s->begun && !s->framed);
}

static size_t
segment_cost(const struct segment *g)
{
	return sizeof(*g) + MALLOC_COST + g->len;
}

void
tcpside_begin(struct tcpside *s, const struct addr *sender, uint32_t seq,
    bool lost)
{
	memset(s, 0, sizeof(*s));
	s->next = s->ack = s->acked = seq;
	s->lost = lost;
	s->whole = !lost;
	s->sender = *sender;
	TAILQ_INIT(&s->ahead);
	TAILQ_INIT(&s->sent);
}

static void
segment_free(struct tcpside *s, struct shares *room, struct segment *g)
{
	if (s->room.cost <= segment_cost(g))
		shares_remove(room, &s->room);
	else
		shares_resize(room, &s->room, s->room.cost - segment_cost(g));
	free(g);
}

static void
ahead_free(struct tcpside *s, struct shares *room, struct segment *g)
{
	TAILQ_REMOVE(&s->ahead, g, entry);
	s->nahead--;
	segment_free(s, room, g);
}

static void
sent_free(struct tcpside *s, struct shares *room, struct segment *g)
{
	TAILQ_REMOVE(&s->sent, g, entry);
	s->nsent--;
	segment_free(s, room, g);
}

void
tcpside_give_up(struct tcpside *s, struct shares *room)
{
	while (!TAILQ_EMPTY(&s->ahead))
		ahead_free(s, room, TAILQ_FIRST(&s->ahead));
}

void
tcpside_clear(struct tcpside *s, struct shares *room)
{
	tcpside_give_up(s, room);
	while (!TAILQ_EMPTY(&s->sent))
		sent_free(s, room, TAILQ_FIRST(&s->sent));
}

bool
tcpside_waits(const struct tcpside *s)
{
	return s->nahead > 0;
}

bool
tcpside_ended(const struct tcpside *s)
{
	return s->fin && s->next == s->fin_seq;
}

bool
tcpside_closed(const struct tcpside *s)
{
	return tcpside_ended(s) && seq_distance(s->ack, s->fin_seq) > 0;
}

/* Room for a segment; the source that uses most gives it. */
static void
make_room(struct shares *room, size_t len, struct capture_stats *stats)
{
	while (room->used > 0 &&
	    room->used + sizeof(struct segment) + MALLOC_COST + len >
		TCP_MAX_BYTES) {
		stats->tcp_limits++;
		tcpside_clear(shares_worst(room), room);
	}
}

/* A segment to read, before `before`; NULL: behind all. */
static void
ahead_insert(struct tcpside *s, struct shares *room, struct segment *before,
    uint32_t seq, struct span bytes, bool good, struct capture_stats *stats)
{
	struct segment *g;

	/* Bytes that are read at once need no place among those that wait. */
	if (s->nahead >= TCP_MAX_PIECES && seq != s->next) {
		stats->tcp_limits++;
		return;
	}
	if ((g = malloc(sizeof(*g) + bytes.len)) == NULL)
		return;
	g->seq = seq;
	g->len = (uint32_t)bytes.len;
	g->good = good;
	memcpy(g->bytes, bytes.p, bytes.len);
	s->room.owner = s;
	if (s->room.share != NULL)
		shares_resize(room, &s->room, s->room.cost + segment_cost(g));
	else if (!shares_add(room, &s->room, &s->sender, segment_cost(g))) {
		free(g);
		return;
	}
	if (before != NULL)
		TAILQ_INSERT_BEFORE(before, g, entry);
	else
		TAILQ_INSERT_TAIL(&s->ahead, g, entry);
	s->nahead++;
}

/* Are the bytes that `g` and these have in common different? */
static bool
segment_differs(const struct segment *g, uint32_t seq, struct span bytes)
{
	uint32_t from = seq_distance(g->seq, seq) > 0 ? g->seq : seq;
	uint32_t end = seq + (uint32_t)bytes.len;

	if (seq_distance(end, segment_end(g)) > 0)
		end = segment_end(g);
	return seq_distance(end, from) > 0 &&
	    memcmp(g->bytes + (from - g->seq), bytes.p + (from - seq),
		(size_t)seq_distance(end, from)) != 0;
}

/*
 * Bytes that were read, but not acknowledged, once more.  If they are others
 * now, the receiver may not have taken the first: the reader goes back.
 * False: it is these that count for nothing.
 */
static bool
sent_again(struct tcpside *s, struct shares *room, uint32_t seq,
    struct span bytes, bool good, struct capture_stats *stats)
{
	struct segment *g, *next;

	TAILQ_FOREACH(g, &s->sent, entry)
		if (segment_differs(g, seq, bytes))
			break;
	if (g == NULL)
		return true;
	stats->tcp_conflicts++;
	if (g->good && !good)
		return false;
	TAILQ_FOREACH_SAFE(g, &s->sent, entry, next)
		if (seq_distance(segment_end(g), seq) > 0)
			sent_free(s, room, g);
	s->next = seq;
	tcpside_lose(s);
	return true;
}

/* Keep what is to be read, but for bytes that are there already. */
static void
segment_keep(struct tcpside *s, struct shares *room, uint32_t seq,
    struct span bytes, bool good, struct capture_stats *stats)
{
	struct segment *g = TAILQ_LAST(&s->ahead, segment_list), *after;
	bool later = s->lost || seq == s->next;
	size_t n;

	/* Most come in order behind the gap. */
	if (g != NULL && seq_distance(seq, segment_end(g)) < 0)
		g = TAILQ_FIRST(&s->ahead);
	while (bytes.len > 0) {
		while (g != NULL && seq_distance(seq, segment_end(g)) >= 0)
			g = TAILQ_NEXT(g, entry);
		n = bytes.len;
		if (g != NULL && seq_distance(seq, g->seq) >= 0 &&
		    segment_differs(g, seq, bytes)) {
			stats->tcp_conflicts++;
			if (good != g->good ? good : later) {
				after = TAILQ_NEXT(g, entry);
				ahead_free(s, room, g);
				g = after;
				continue;
			}
		}
		if (g != NULL && seq_distance(seq, g->seq) >= 0) {
			if (n > segment_end(g) - seq)
				n = segment_end(g) - seq;
		} else {
			if (g != NULL && n > g->seq - seq)
				n = g->seq - seq;
			ahead_insert(s, room, g, seq, span_sub(bytes, 0, n),
			    good, stats);
		}
		seq += (uint32_t)n;
		bytes = span_sub(bytes, n, bytes.len);
	}
}

void
tcpside_add(struct tcpside *s, struct shares *room, uint32_t seq,
    struct span bytes, bool good, struct capture_stats *stats)
{
	int32_t old = seq_distance(s->acked, seq);

	if (tcpside_closed(s))
		return;
	if (old > 0) {
		bytes = span_sub(bytes, (size_t)old, bytes.len);
		seq = s->acked;
	}
	if (bytes.len == 0)
		return;
	if ((old = seq_distance(s->next, seq)) > 0) {
		if (!sent_again(s, room, seq, bytes, good, stats))
			return;
		if ((old = seq_distance(s->next, seq)) > 0) {
			bytes = span_sub(bytes, (size_t)old, bytes.len);
			seq = s->next;
		}
		if (bytes.len == 0)
			return;
	}
	/*
	 * A sender that goes on after its FIN did not end there: forget the
	 * FIN.
	 */
	if (s->fin && seq_distance(seq + (uint32_t)bytes.len, s->fin_seq) > 0)
		s->fin = false;
	make_room(room, bytes.len, stats);
	segment_keep(s, room, seq, bytes, good, stats);
}

void
tcpside_fin(struct tcpside *s, uint32_t seq)
{
	const struct segment *g = TAILQ_LAST(&s->ahead, segment_list);

	if (seq_distance(seq, s->next) < 0 ||
	    (g != NULL && seq_distance(seq, segment_end(g)) < 0))
		return;
	s->fin = true;
	s->fin_seq = seq;
}

void
tcpside_ack(struct tcpside *s, uint32_t ack)
{
	if (seq_distance(ack, s->ack) > 0)
		s->ack = ack;
}

/* The receiver has `ack`, and what was read of it needs no copy any more. */
static void
forget_acked(struct tcpside *s, struct shares *room)
{
	struct segment *g;

	s->acked = seq_distance(s->ack, s->next) < 0 ? s->ack : s->next;
	while ((g = TAILQ_FIRST(&s->sent)) != NULL &&
	    (s->nsent > TCP_MAX_PIECES ||
		seq_distance(segment_end(g), s->acked) <= 0))
		sent_free(s, room, g);
}

bool
tcpside_read(struct tcpside *s, struct shares *room, bool late,
    const struct tcpside_reader *reader)
{
	enum capture_more more = CAPTURE_PART;
	struct segment *g;

	while (more != CAPTURE_END && (g = TAILQ_FIRST(&s->ahead)) != NULL) {
		if (g->seq != s->next && (late || s->heir) &&
		    seq_distance(s->ack, g->seq) >= 0) {
			/*
			 * The receiver acknowledged bytes that we have not
			 * seen.
			 */
			s->next = g->seq;
			tcpside_lose(s);
			reader->stats->tcp_gaps++;
		}
		if (g->seq != s->next ||
		    (s->lost && seq_distance(s->ack, segment_end(g)) < 0))
			break;
		TAILQ_REMOVE(&s->ahead, g, entry);
		s->nahead--;
		TAILQ_INSERT_TAIL(&s->sent, g, entry);
		s->nsent++;
		s->next = segment_end(g);
		s->heir = false;
		s->begun = s->begun || !s->lost;
		if (s->mute)
			continue;
		more = reader->read(reader->ctx,
		    (struct span) { (const char *)g->bytes, g->len }, s->lost);
		if (more == CAPTURE_LOST)
			tcpside_lose(s);
		else
			s->lost = false;
		s->whole = more == CAPTURE_WHOLE;
		s->framed = s->framed || s->whole;
	}
	forget_acked(s, room);
	return more != CAPTURE_END;
}

enum {
	RECORD_WHOLE = 1,
	RECORD_BEGUN = 2,
	RECORD_FRAMED = 4,
	RECORD_MUTE = 8,
};

void
tcpside_export(const struct tcpside *s, struct writer *w)
{
	writer_u32(w, s->next);
	writer_u8(w,
	    (s->whole && !s->lost ? RECORD_WHOLE : 0) |
		(s->begun ? RECORD_BEGUN : 0) |
		(s->framed ? RECORD_FRAMED : 0) | (s->mute ? RECORD_MUTE : 0));
}

void
tcpside_import(struct tcpside *s, const struct addr *sender, struct cursor *r)
{
	uint32_t next = cursor_u32(r);
	uint8_t flags = cursor_u8(r);

	tcpside_begin(s, sender, next, false);
	s->heir = true;
	s->begun = (flags & RECORD_BEGUN) != 0;
	s->framed = (flags & RECORD_FRAMED) != 0;
	s->mute = (flags & RECORD_MUTE) != 0;
	if (!(flags & RECORD_WHOLE))
		tcpside_lose(s);
}
