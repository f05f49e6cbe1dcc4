/* SPDX-License-Identifier: ISC */
/*
 * An end may have its connection forgotten: by opening as many as there is room
 * for, or by silence.  The end that began the connection is known all the same.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/capture/lost.h"
#include "tests/unit/starve.h"
#include "tests/unit/tcpplay.h"

struct crowd {
	struct heard h; /* first: on_tcp() knows no more */
	struct tcpstream *t;
	struct capture_sink sink;
	struct capture_stats stats;
	uint8_t record[4][128]; /* the last ones */
	size_t len[4];
	uint64_t key[4];
	unsigned int nrecords, nforgotten;
};

static void
on_remember(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct crowd *c = ctx;
	unsigned int i = c->nrecords % 4;

	if (len == 0) {
		c->nforgotten++;
		return;
	}
	memcpy(c->record[i], p, len);
	c->len[i] = len;
	c->key[i] = key;
	c->nrecords++;
}

static void
crowd_new(struct crowd *c)
{
	memset(c, 0, sizeof(*c));
	c->h.b = strbuf_of(c->h.text, sizeof(c->h.text));
	c->sink = (struct capture_sink) { c, NULL, on_tcp, on_end, NULL, NULL };
	assert_non_null(c->t = tcpstream_new());
}

static void
crowd_say(struct crowd *c, int64_t ts, const struct seg *segs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		feed_one(c->t, &segs[i], ts, &c->sink, &c->stats);
}

#define SAY(c, ts, segs) crowd_say(c, ts, segs, ROWS(segs))

/* The steps of a handshake that are seen: 1 a SYN, 2 its answer, 3 all. */
static void
meet(struct crowd *c, int64_t ts, const struct addr *client, uint16_t port,
    const struct addr *server, unsigned int steps)
{
	struct datagram d = { .ts = ts, .proto = IPPROTO_TCP }, back;
	struct tcp_segment g = { 9, 0, TCP_SYN, true };

	d.src = (struct endpoint) { *client, port };
	d.dst = (struct endpoint) { *server, 5060 };
	back = d;
	back.src = d.dst;
	back.dst = d.src;
	tcpstream_add(c->t, &d, &g, &c->sink, &c->stats);
	g = (struct tcp_segment) { 99, 10, TCP_SYN | TCP_ACK, true };
	if (steps > 1)
		tcpstream_add(c->t, &back, &g, &c->sink, &c->stats);
	g = (struct tcp_segment) { 10, 100, TCP_ACK, true };
	if (steps > 2)
		tcpstream_add(c->t, &d, &g, &c->sink, &c->stats);
}

static void
flood(struct crowd *c, int64_t ts, size_t n, unsigned int steps)
{
	const struct addr client = play_client();
	const struct addr server = addr_v4(192, 0, 2, 10);
	size_t i;

	for (i = 0; i < n; i++)
		meet(c, ts, &client, (uint16_t)(41000 + i), &server, steps);
}

static const char *
origin(struct crowd *c, const char *text)
{
	static char last[sizeof(c->h.origin)];

	assert_string_equal(c->h.text, text);
	memcpy(last, c->h.origin, sizeof(last));
	memset(c->h.origin, 0, sizeof(c->h.origin));
	strbuf_reset(&c->h.b);
	return last;
}

/* clang-format off */
static const struct seg met[] = { MET };
static const struct seg unanswered[] = {
	{ 9, TCP_SYN, "", false, 0 }, { 99, TCP_SYN | TCP_ACK, "", true, 10 },
};
static const struct seg said[] = { SAID };
static const struct seg page[] = { MET, { 10, TCP_ACK, "?b", false, 100 } };
static const struct seg closed[] = { MET, { 10, TCP_ACK, "!b", false, 100 } };
static const struct seg on[] = {
	{ 12, TCP_ACK, "cd", false, 100 },
	{ 100, TCP_ACK, "ef", true, 14 },
	{ 14, TCP_ACK, "gh", false, 102 },
};
static const struct seg first[] = {
	{ 10, TCP_ACK, "ab", false, 100 },
	{ 100, TCP_ACK, "cd", true, 12 },
	{ 12, TCP_ACK, "ef", false, 102 },
};
static const struct seg anew[] = {
	{ 1009, TCP_SYN, "", false, 0 },
	{ 1099, TCP_SYN | TCP_ACK, "", true, 1010 },
	{ 1010, TCP_ACK, "ab", false, 1100 },
	{ 1100, TCP_ACK, "cd", true, 1012 },
};
static const struct seg behind[] = {
	{ 16, TCP_ACK, "ij", false, 102 },
	{ 102, TCP_ACK, "kl", true, 18 },
	{ 18, TCP_ACK, "", false, 104 },
};
/* The other end begins one, at the same ports. */
static const struct seg other_way[] = {
	{ 199, TCP_SYN, "", true, 0 }, { 299, TCP_SYN | TCP_ACK, "", false, 200 },
	{ 200, TCP_ACK, "", true, 300 },
};
/* clang-format on */

static void
a_full_room_hides_nobody(void **state)
{
	struct crowd c;

	(void)state;
	crowd_new(&c);
	SAY(&c, SEC, said);
	assert_string_equal(origin(&c, "ab"), "<");
	flood(&c, SEC, TCP_MAX_CONNS, 3);
	assert_int_equal(c.h.ends, 1);
	SAY(&c, 2 * SEC, on);
	/* And nobody says that its server spoke first. */
	assert_string_equal(origin(&c, "|cd|efgh"), "<><");
	assert_int_equal(c.h.resumed, 3);
	assert_int_equal(c.h.answers, 0);
	assert_int_equal(c.stats.tcp_midstream, 1);
	/* Begun anew, it is one like any other. */
	SAY(&c, 3 * SEC, anew);
	assert_string_equal(origin(&c, "abcd"), "<>");
	assert_int_equal(c.h.resumed, 3);
	assert_int_equal(c.h.answers, 1);
	tcpstream_free(c.t, &c.sink);
}

/* Also where the first bytes that are seen again are of the other end. */
static void
who_speaks_first_hides_nobody(void **state)
{
	/* clang-format off */
	static const struct seg server_first[] = {
		{ 100, TCP_ACK, "ef", true, 12 },
		{ 12, TCP_ACK, "cd", false, 102 },
		{ 102, TCP_ACK, "gh", true, 14 },
	};
	/* clang-format on */
	struct crowd c;

	(void)state;
	crowd_new(&c);
	SAY(&c, SEC, said);
	assert_string_equal(origin(&c, "ab"), "<");
	flood(&c, SEC, TCP_MAX_CONNS, 3);
	SAY(&c, 2 * SEC, server_first);
	assert_string_equal(origin(&c, "|ef|cdgh"), "><>");
	tcpstream_free(c.t, &c.sink);
}

static void
silence_hides_nobody(void **state)
{
	struct crowd c;

	(void)state;
	crowd_new(&c);
	SAY(&c, SEC, said);
	assert_string_equal(origin(&c, "ab"), "<");
	SAY(&c, 2 * SEC + TCP_IDLE, on);
	assert_string_equal(origin(&c, "|cd|efgh"), "<><");
	/*
	 * The connection is lost a second time, and its beginner is still
	 * known.
	 */
	SAY(&c, 4 * SEC + 2 * TCP_IDLE, said);
	assert_string_equal(origin(&c, "ab"), "<");
	tcpstream_expire(c.t, 6 * SEC + 3 * TCP_IDLE, &c.sink, &c.stats);
	SAY(&c, 6 * SEC + 3 * TCP_IDLE, on);
	assert_string_equal(origin(&c, "|cd|efgh"), "<><");
	tcpstream_free(c.t, &c.sink);
}

/* A RST that only we have taken for one. */
static void
a_reset_hides_nobody(void **state)
{
	static const struct seg reset[] = { { 12, TCP_RST, "", false, 0 } };
	struct crowd c;

	(void)state;
	crowd_new(&c);
	SAY(&c, SEC, said);
	SAY(&c, SEC, reset);
	assert_string_equal(origin(&c, "ab"), "<");
	tcpstream_expire(c.t, 2 * SEC + TCP_IDLE, &c.sink, &c.stats);
	assert_int_equal(c.h.ends, 1);
	SAY(&c, 2 * SEC + TCP_IDLE, on);
	assert_string_equal(origin(&c, "|cd|efgh"), "<><");
	tcpstream_free(c.t, &c.sink);
}

/* The last segment of a handshake comes late, or after many others. */
static void
half_a_handshake_hides_nobody(void **state)
{
	struct crowd c;

	(void)state;
	crowd_new(&c);
	SAY(&c, SEC, unanswered);
	SAY(&c, 2 * SEC + TCP_HALF, first);
	assert_string_equal(origin(&c, "|ab|cdef"), "<><");
	tcpstream_free(c.t, &c.sink);
	crowd_new(&c);
	SAY(&c, SEC, unanswered);
	flood(&c, SEC, TCP_MAX_HALF, 1);
	SAY(&c, SEC, first);
	assert_string_equal(origin(&c, "|ab|cdef"), "<><");
	tcpstream_free(c.t, &c.sink);
	/* A SYN that nobody answers tells nothing. */
	crowd_new(&c);
	SAY(&c, SEC, ((const struct seg[]) { { 9, TCP_SYN, "", false, 0 } }));
	SAY(&c, 2 * SEC + TCP_HALF, first);
	assert_string_equal(origin(&c, "|ab|cdef"), "---");
	tcpstream_free(c.t, &c.sink);
}

static void
what_was_no_signalling_is_not_joined(void **state)
{
	const struct {
		const struct seg *segs;
		size_t n;
	} rows[] = { { page, ROWS(page) }, { closed, ROWS(closed) } };
	struct crowd c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		crowd_new(&c);
		crowd_say(&c, SEC, rows[i].segs, rows[i].n);
		(void)origin(&c, rows[i].segs[3].bytes);
		SAY(&c, 2 * SEC + TCP_IDLE, on);
		assert_string_equal(origin(&c, ""), "");
		/* A connection that begins anew is a new one. */
		SAY(&c, 3 * SEC + TCP_IDLE, said);
		assert_string_equal(origin(&c, "ab"), "<");
		tcpstream_free(c.t, &c.sink);
	}
}

static void
of_two_that_both_began_some_none_is_joined(void **state)
{
	struct crowd c;

	(void)state;
	crowd_new(&c);
	SAY(&c, SEC, met);
	tcpstream_expire(c.t, 2 * SEC + TCP_IDLE, &c.sink, &c.stats);
	SAY(&c, 3 * SEC + TCP_IDLE, other_way);
	tcpstream_expire(c.t, 4 * SEC + 2 * TCP_IDLE, &c.sink, &c.stats);
	SAY(&c, 5 * SEC + 2 * TCP_IDLE, on);
	assert_string_equal(origin(&c, ""), "");
	assert_int_equal(c.stats.tcp_midstream, 0);
	SAY(&c, 6 * SEC + 2 * TCP_IDLE, said);
	assert_string_equal(origin(&c, "ab"), "<");
	tcpstream_free(c.t, &c.sink);
}

static void
of_others_nothing_is_supposed(void **state)
{
	const struct addr server = addr_v4(192, 0, 2, 10);
	const struct addr other = addr_v4(192, 0, 2, 11);
	const struct addr client = play_client();
	const struct addr stranger = addr_v4(198, 51, 100, 8);
	struct crowd c;

	(void)state;
	crowd_new(&c);
	meet(&c, SEC, &client, 40000, &other, 3);
	meet(&c, SEC, &stranger, 40000, &server, 3);
	tcpstream_expire(c.t, 2 * SEC + TCP_IDLE, &c.sink, &c.stats);
	SAY(&c, 3 * SEC + TCP_IDLE, on);
	assert_string_equal(origin(&c, "|cd|efgh"), "---");
	tcpstream_free(c.t, &c.sink);
}

/* One address of a /64 speaks for all of them. */
static void
a_source_is_known_by_any_of_its_addresses(void **state)
{
	struct lost l;
	struct addr one, two, other, server;

	(void)state;
	assert_int_equal(addr_parse(span_of("2001:db8:1::1"), &one), PH_OK);
	assert_int_equal(addr_parse(span_of("2001:db8:1::2"), &two), PH_OK);
	assert_int_equal(addr_parse(span_of("2001:db8:3::1"), &other), PH_OK);
	assert_int_equal(addr_parse(span_of("2001:db8:2::1"), &server), PH_OK);
	lost_init(&l);
	lost_note(&l, &one, &server, false, NULL, NULL);
	assert_int_equal(lost_between(&l, &two, &server), LOST_BY_A);
	assert_int_equal(lost_between(&l, &server, &two), LOST_BY_B);
	assert_int_equal(lost_between(&l, &other, &server), 0);
	lost_note(&l, &two, &server, true, NULL, NULL);
	assert_int_equal(lost_between(&l, &one, &server),
	    LOST_BY_A | LOST_MUTE);
	/*
	 * A pair that had a connection which was none of ours stays marked so.
	 */
	lost_note(&l, &one, &server, false, NULL, NULL);
	assert_int_equal(lost_between(&l, &one, &server),
	    LOST_BY_A | LOST_MUTE);
	assert_int_equal(l.n, 1);
	lost_clear(&l);
}

/* Of more than there is room for, the one that was lost longest ago goes. */
static void
the_memory_of_who_was_lost_is_bounded(void **state)
{
	const struct addr server = addr_v4(192, 0, 2, 10);
	uint64_t next_key = CAPTURE_KEY_MIN;
	struct addr a[3], x;
	struct crowd c;
	struct lost l;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	c.sink.remember = on_remember;
	lost_init(&l);
	for (i = 0; i < 3; i++) {
		a[i] = addr_v4(198, 51, 100, (uint8_t)i);
		lost_note(&l, &a[i], &server, false, &c.sink, &next_key);
	}
	lost_note(&l, &a[0], &server, false, &c.sink, &next_key);
	assert_int_equal(c.nrecords, 3);
	for (i = 0; i < LOST_MAX - 1; i++) {
		x = addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		    (uint8_t)i);
		lost_note(&l, &x, &server, false, &c.sink, &next_key);
		assert_int_equal(lost_between(&l, &a[1], &server) != 0,
		    i < LOST_MAX - 3);
	}
	assert_int_equal(l.n, LOST_MAX);
	assert_int_equal(lost_between(&l, &a[0], &server), LOST_BY_A);
	assert_int_equal(lost_between(&l, &a[2], &server), 0);
	assert_int_equal(c.nforgotten, 2);
	assert_int_equal(next_key, CAPTURE_KEY_MIN + LOST_MAX + 2);
	lost_clear(&l);
	assert_int_equal(l.n, 0);
	tcpstream_free(c.t, &c.sink);
}

/* A record of a pair, whole, and with something wrong about it. */
static void
a_pair_is_adopted_as_it_was_written(void **state)
{
	uint64_t next_key = CAPTURE_KEY_MIN;
	struct addr ends[4];
	uint8_t record[64];
	struct crowd c;
	struct lost l;
	struct cursor r;
	unsigned int i, mute;
	size_t len;

	(void)state;
	ends[0] = addr_v4(198, 51, 100, 7);
	ends[1] = addr_v4(192, 0, 2, 10);
	assert_int_equal(addr_parse(span_of("2001:db8:1::1"), &ends[2]), PH_OK);
	assert_int_equal(addr_parse(span_of("2001:db8:2::1"), &ends[3]), PH_OK);
	for (i = 0; i < 4; i += 2)
		for (mute = 0; mute < 2; mute++) {
			crowd_new(&c);
			c.sink.remember = on_remember;
			lost_init(&l);
			lost_note(&l, &ends[i], &ends[i + 1], mute, &c.sink,
			    &next_key);
			assert_int_equal(c.nrecords, 1);
			lost_clear(&l);
			memset(record, 0, sizeof(record));
			memcpy(record, c.record[0], c.len[0]);
			/* Its first byte says what it is. */
			assert_int_equal(record[0], LOST_RECORD);
			for (len = 1; len <= c.len[0] + 1; len++) {
				lost_init(&l);
				r = cursor_of(record + 1, len - 1);
				assert_int_equal(lost_adopt(&l, 9, &r),
				    len == c.len[0]);
				assert_int_equal(l.n, len == c.len[0]);
				assert_int_equal(lost_between(&l, &ends[i],
						     &ends[i + 1]),
				    len != c.len[0] ? 0
					: mute	    ? LOST_BY_A | LOST_MUTE
						    : LOST_BY_A);
				lost_clear(&l);
			}
			tcpstream_free(c.t, &c.sink);
		}
	/* Two families in one pair. */
	{
		struct writer w = writer_of(record, sizeof(record));

		writer_addr(&w, &ends[0]);
		writer_addr(&w, &ends[3]);
		writer_u8(&w, 0);
		lost_init(&l);
		r = cursor_of(record, w.len);
		assert_false(lost_adopt(&l, 9, &r));
		assert_int_equal(l.n, 0);
	}
}

/* Of one source's connections, the one that was silent for longest goes. */
static void
the_idlest_of_a_source_goes_first(void **state)
{
	const struct addr client = play_client();
	const struct addr server = addr_v4(192, 0, 2, 10);
	static const struct seg more[] = {
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	struct crowd c;

	(void)state;
	crowd_new(&c);
	SAY(&c, SEC, said);
	flood(&c, SEC, TCP_MAX_CONNS - 1, 3);
	/* It was the first, but it is not the idlest. */
	SAY(&c, 2 * SEC, more);
	meet(&c, 2 * SEC, &client, 39999, &server, 3);
	assert_int_equal(c.stats.tcp_limits, 1);
	assert_int_equal(c.h.ends, 0);
	SAY(&c, 2 * SEC,
	    ((const struct seg[]) { { 14, TCP_ACK, "ef", false, 100 } }));
	assert_string_equal(origin(&c, "abcdef"), "<<<");
	assert_int_equal(c.stats.tcp_midstream, 0);
	tcpstream_free(c.t, &c.sink);
}

static void
a_successor_knows_who_was_lost(void **state)
{
	struct crowd c;
	unsigned int i;
	size_t n;

	(void)state;
	crowd_new(&c);
	c.sink.remember = on_remember;
	SAY(&c, SEC, met);
	tcpstream_expire(c.t, 2 * SEC + TCP_IDLE, &c.sink, &c.stats);
	assert_int_equal(c.nrecords, 1);
	tcpstream_free(c.t, &c.sink);
	assert_int_equal(c.nforgotten, 0);
	assert_non_null(c.t = tcpstream_new());
	c.sink.remember = on_remember;
	for (n = 0; n < c.len[0]; n++)
		tcpstream_adopt(c.t, c.key[0], c.record[0], n, SEC);
	tcpstream_adopt(c.t, 1, c.record[0], c.len[0], SEC);
	SAY(&c, 3 * SEC + TCP_IDLE, on);
	assert_string_equal(origin(&c, "|cd|efgh"), "---");
	tcpstream_free(c.t, &c.sink);
	assert_non_null(c.t = tcpstream_new());
	tcpstream_adopt(c.t, c.key[0], c.record[0], c.len[0], SEC);
	SAY(&c, 3 * SEC + TCP_IDLE, on);
	assert_string_equal(origin(&c, "|cd|efgh"), "<><");
	/*
	 * The record's key is taken, so the joined connection is recorded under
	 * the next.
	 */
	tcpstream_flush(c.t, &c.sink);
	assert_int_equal(c.nrecords, 2);
	assert_int_equal(c.key[1], c.key[0] + 1);
	tcpstream_free(c.t, &c.sink);
	assert_non_null(c.t = tcpstream_new());
	tcpstream_adopt(c.t, c.key[1], c.record[1], c.len[1], SEC);
	SAY(&c, 4 * SEC + TCP_IDLE, behind);
	assert_string_equal(origin(&c, "|ij|kl"), "<>");
	tcpstream_free(c.t, &c.sink);
	/* Changes of the pair are recorded under its old key. */
	assert_non_null(c.t = tcpstream_new());
	c.nrecords = 0;
	for (i = 0; i < 2; i++)
		tcpstream_adopt(c.t, c.key[0], c.record[0], c.len[0], SEC);
	SAY(&c, 5 * SEC + TCP_IDLE, closed);
	(void)origin(&c, "!b");
	tcpstream_expire(c.t, 6 * SEC + 2 * TCP_IDLE, &c.sink, &c.stats);
	assert_int_equal(c.nrecords, 1);
	assert_int_equal(c.key[0], CAPTURE_KEY_MIN);
	tcpstream_free(c.t, &c.sink);
}

/* Behind the FIN, too; and those that were reset leave room when they go. */
static void
what_was_reset_takes_no_room_for_ever(void **state)
{
	static const struct seg reset[] = {
		{ 12, TCP_ACK | TCP_FIN, "", false, 100 },
		{ 13, TCP_RST, "", false, 0 },
	};
	const struct addr client = play_client();
	const struct addr server = addr_v4(192, 0, 2, 10);
	struct datagram d = { .ts = SEC, .proto = IPPROTO_TCP };
	struct tcp_segment g = { 10, 0, TCP_RST, true };
	struct crowd c;
	unsigned int i;

	(void)state;
	crowd_new(&c);
	SAY(&c, SEC, said);
	SAY(&c, SEC, reset);
	assert_int_equal(c.stats.tcp_implausible, 0);
	flood(&c, SEC, 100, 3);
	for (i = 0; i < 100; i++) {
		d.src = (struct endpoint) { client, (uint16_t)(41000 + i) };
		d.dst = (struct endpoint) { server, 5060 };
		tcpstream_add(c.t, &d, &g, &c.sink, &c.stats);
	}
	assert_int_equal(c.stats.tcp_implausible, 0);
	tcpstream_expire(c.t, 2 * SEC + TCP_IDLE, &c.sink, &c.stats);
	assert_int_equal(c.h.ends, 1);
	flood(&c, 2 * SEC + TCP_IDLE, TCP_MAX_CONNS, 3);
	assert_int_equal(c.stats.tcp_limits, 0);
	flood(&c, 2 * SEC + TCP_IDLE, TCP_MAX_CONNS + 1, 3);
	assert_int_equal(c.stats.tcp_limits, 1);
	tcpstream_free(c.t, &c.sink);
}

static enum capture_more
on_dir(void *ctx, void **user, const struct datagram *d)
{
	(void)user;
	strbuf_add(&((struct heard *)ctx)->b, d->payload);
	strbuf_str(&((struct heard *)ctx)->b, d->dir == PKT_IN ? "<" : ">");
	return CAPTURE_WHOLE;
}

/*
 * Bytes have the direction of their packets, also where one packet lets those
 * of the other end be read.
 */
static void
bytes_have_the_direction_of_their_packets(void **state)
{
	/* clang-format off */
	static const struct seg segs[] = {
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 100, TCP_ACK, "cd", true, 12 },
		{ 12, TCP_ACK, "ef", false, 102 },
	};
	/* clang-format on */
	struct datagram d = { .ts = SEC, .proto = IPPROTO_TCP };
	struct endpoint a = { addr_v4(198, 51, 100, 7), 40000 };
	struct endpoint b = { addr_v4(192, 0, 2, 10), 5060 };
	struct crowd c;
	size_t i;
	int swap;

	(void)state;
	for (swap = 0; swap < 2; swap++) {
		crowd_new(&c);
		c.sink.tcp = on_dir;
		for (i = 0; i < ROWS(segs); i++) {
			d.src = segs[i].back == swap ? a : b;
			d.dst = segs[i].back == swap ? b : a;
			d.dir = segs[i].back ? PKT_IN : PKT_OUT;
			d.payload = span_of(segs[i].bytes);
			tcpstream_add(c.t, &d,
			    &(struct tcp_segment) { segs[i].seq, segs[i].ack,
				(uint8_t)segs[i].flags, true },
			    &c.sink, &c.stats);
		}
		assert_string_equal(c.h.text, "ab>cd<ef>");
		tcpstream_free(c.t, &c.sink);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_room_hides_nobody),
		cmocka_unit_test(who_speaks_first_hides_nobody),
		cmocka_unit_test(silence_hides_nobody),
		cmocka_unit_test(a_reset_hides_nobody),
		cmocka_unit_test(half_a_handshake_hides_nobody),
		cmocka_unit_test(what_was_no_signalling_is_not_joined),
		cmocka_unit_test(of_two_that_both_began_some_none_is_joined),
		cmocka_unit_test(of_others_nothing_is_supposed),
		cmocka_unit_test(a_source_is_known_by_any_of_its_addresses),
		cmocka_unit_test(the_memory_of_who_was_lost_is_bounded),
		cmocka_unit_test(a_pair_is_adopted_as_it_was_written),
		cmocka_unit_test(the_idlest_of_a_source_goes_first),
		cmocka_unit_test(a_successor_knows_who_was_lost),
		cmocka_unit_test(what_was_reset_takes_no_room_for_ever),
		cmocka_unit_test(bytes_have_the_direction_of_their_packets),
	};

	return starve_left(RUN_BOTH_WAYS(tests), 0);
}
