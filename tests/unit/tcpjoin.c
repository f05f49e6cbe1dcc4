/* SPDX-License-Identifier: ISC */
/* Connections that began unseen, that are elsewhere, and that are others. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/starve.h"
#include "tests/unit/tcpplay.h"

/* A connection that began unseen: bytes, and the other end's answer to them. */
static void
who_joins_needs_an_answer_that_fits(void **state)
{
#define W TCP_WINDOW
	/* clang-format off */
	static const struct {
		const char *what, *want;
		struct seg segs[6];
	} rows[] = {
		{ "a stranger before, on the other side", "|abcd", {
		    { 4711, TCP_ACK, "XX", false, 8000 },
		    { 100, TCP_ACK, "ab", true, 10 },
		    { 10, TCP_ACK, "", false, 102 },
		    { 102, TCP_ACK, "cd", true, 10 } } },
		{ "a stranger before, as the other side", "|abcd", {
		    { 8000, TCP_ACK, "XX", true, 4711 },
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 100, TCP_ACK, "", true, 12 },
		    { 12, TCP_ACK, "cd", false, 100 } } },
		{ "a stranger between", "|cd", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 4711, TCP_ACK, "XX", false, 900000 },
		    { 100, TCP_ACK, "", true, 12 },
		    { 12, TCP_ACK, "cd", false, 100 },
		    { 100, TCP_ACK, "", true, 14 } } },
		{ "more, at the window's end", "|ab", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 10 + W, TCP_ACK, "zz", false, 100 },
		    { 100, TCP_ACK, "", true, 12 } } },
		{ "more, behind the window", "", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 11 + W, TCP_ACK, "zz", false, 100 },
		    { 100, TCP_ACK, "", true, 12 } } },
		{ "more, before the first", "|z", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 9, TCP_ACK, "z", false, 100 },
		    { 100, TCP_ACK, "", true, 9 },
		    { 100, TCP_ACK, "", true, 12 } } },
		{ "more, that has as much as can be", "|abcd", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 12, TCP_ACK, "cd", false, 100 + W },
		    { 100, TCP_ACK, "", true, 14 } } },
		{ "more, that has more than can be", "", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 12, TCP_ACK, "cd", false, 101 + W },
		    { 100, TCP_ACK, "", true, 14 } } },
		{ "an answer to as much as can be", "|ab", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 100, TCP_ACK, "", true, 10 + W } } },
		{ "an answer to more than can be", "", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 100, TCP_ACK, "", true, 11 + W } } },
		{ "an answer to nothing", "", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 100, TCP_ACK, "", true, 10 } } },
		{ "an answer from before", "", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 99, TCP_ACK, "", true, 12 } } },
		{ "an answer that is ahead", "", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 101, TCP_ACK, "", true, 12 } } },
		{ "an answer that is none", "", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 100, 0, "", true, 12 } } },
		{ "an answer to a part", "|abcd", {
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 12, TCP_ACK, "cd", false, 100 },
		    { 100, TCP_ACK, "", true, 13 },
		    { 100, TCP_ACK, "", true, 14 } } },
	};
	/* clang-format on */
	struct capture_stats stats;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		for (n = 0; n < ROWS(rows[i].segs); n++)
			if (rows[i].segs[n].bytes == NULL)
				break;
		memset(&stats, 0, sizeof(stats));
		feed(rows[i].segs, n, rows[i].want, 0, &stats);
		assert_int_equal(stats.tcp_midstream, rows[i].want[0] != '\0');
		assert_int_equal(stats.tcp_connections,
		    rows[i].want[0] != '\0');
	}
#undef W
}

/* Bytes that wait for others are of no interest where those will not come. */
static void
who_is_elsewhere_waits_for_nothing(void **state)
{
	/* clang-format off */
	static const struct seg segs[] = { SAID,
		{ 14, TCP_ACK, "ef", false, 100 },
		{ 900000, TCP_ACK, "cd", false, 700000 },
		{ 700000, TCP_ACK, "", true, 900002 },
	};
	/* clang-format on */
	struct tcpstream *t = tcpstream_new();
	struct heard h = { 0 };
	struct capture_sink sink = { &h, NULL, on_tcp, on_end, NULL, NULL };
	struct capture_stats stats = { 0 };
	size_t i;

	(void)state;
	h.b = strbuf_of(h.text, sizeof(h.text));
	for (i = 0; i < ROWS(segs); i++) {
		assert_int_equal(tcpstream_next(t) != INT64_MAX,
		    i == 5 || i == 6);
		feed_one(t, &segs[i], SEC, &sink, &stats);
	}
	assert_true(tcpstream_next(t) == INT64_MAX);
	assert_true(tcpstream_due(t) == SEC + TCP_IDLE + 1);
	tcpstream_expire(t, SEC + TCP_GAP + 1, &sink, &stats);
	assert_int_equal(stats.tcp_gaps, 0);
	assert_string_equal(h.text, "ab");
	tcpstream_free(t, &sink);
	assert_int_equal(h.ends, 1);
}

/* Segments elsewhere count if one end sent bytes and the other has them. */
static void
both_ends_may_be_elsewhere(void **state)
{
#define STRAY                                                                  \
	{                                                                      \
		900000, TCP_ACK, "XX", false, 700000                           \
	}
#define BEHIND(seq)                                                            \
	{ seq, TCP_ACK, "ef", false, 700000 },                                 \
	{                                                                      \
		700000, TCP_ACK, "", true, (seq) + 2                           \
	}
#define STAYS                                                                  \
	{                                                                      \
		12, TCP_ACK, "cd", false, 100                                  \
	}
	/* clang-format off */
	static const struct {
		const char *what, *want;
		struct seg segs[10];
	} rows[] = {
		{ "all of them", "ab|ef", { SAID, STRAY,
		    { 700000, TCP_ACK, "", true, 900002 }, BEHIND(900002) } },
		{ "one of them", "ab|ef", { SAID, STRAY,
		    { 700000, TCP_ACK, "", true, 900001 }, BEHIND(900001) } },
		{ "none of them", "abcd", { SAID, STRAY,
		    { 700000, TCP_ACK, "", true, 900000 }, STAYS } },
		{ "more than there were", "abcd", { SAID, STRAY,
		    { 700000, TCP_ACK, "", true, 900003 }, STAYS } },
		{ "what was before", "abcd", { SAID, STRAY,
		    { 700000, TCP_ACK, "", true, 899999 }, STAYS } },
		{ "behind its place", "abcd", { SAID, STRAY,
		    { 700001, TCP_ACK, "", true, 900002 }, STAYS } },
		{ "before its place", "abcd", { SAID, STRAY,
		    { 699999, TCP_ACK, "", true, 900002 }, STAYS } },
		{ "the same end", "abcd", { SAID, STRAY,
		    { 700000, TCP_ACK, "", false, 900002 }, STAYS } },
		{ "no acknowledgement", "abcd", { SAID, STRAY,
		    { 700000, 0, "", true, 900002 }, STAYS } },
		{ "bytes without one", "abcd", { SAID,
		    { 900000, 0, "XX", false, 700000 },
		    { 700000, TCP_ACK, "", true, 900002 }, STAYS } },
		{ "no bytes", "abcd", { SAID,
		    { 900000, TCP_ACK, "", false, 700000 },
		    { 700000, TCP_ACK, "", true, 900001 }, STAYS } },
		{ "one in place between", "abcd", { SAID, STRAY,
		    { 100, TCP_ACK, "", true, 12 },
		    { 700000, TCP_ACK, "", true, 900002 }, STAYS } },
		{ "the other end first", "ab|ef", { SAID,
		    { 700000, TCP_ACK, "XX", true, 900000 },
		    { 900000, TCP_ACK, "", false, 700002 },
		    { 900000, TCP_ACK, "ef", false, 700002 },
		    { 700002, TCP_ACK, "", true, 900002 } } },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		for (n = 0; n < ROWS(rows[i].segs); n++)
			if (rows[i].segs[n].bytes == NULL)
				break;
		memset(&stats, 0, sizeof(stats));
		feed(rows[i].segs, n, rows[i].want, 0, &stats);
		assert_int_equal(stats.tcp_midstream, rows[i].want[2] == '|');
	}
}

/* Bytes of either end, and acknowledgements, keep it for hours more. */
static void
a_connection_lives_while_it_speaks(void **state)
{
	/* clang-format off */
	static const struct seg before[] = { SAID };
	static const struct seg rows[] = {
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 100, TCP_ACK, "ef", true, 14 },
		{ 14, TCP_ACK, "", false, 102 },
		{ 102, TCP_ACK, "", true, 14 },
	};
	/* clang-format on */
	struct tcpstream *t = tcpstream_new();
	struct heard h = { 0 };
	struct capture_sink sink = { &h, NULL, on_tcp, on_end, NULL, NULL };
	struct capture_stats stats = { 0 };
	int64_t now = SEC;
	size_t i;

	(void)state;
	h.b = strbuf_of(h.text, sizeof(h.text));
	for (i = 0; i < ROWS(before); i++)
		feed_one(t, &before[i], now, &sink, &stats);
	for (i = 0; i < ROWS(rows); i++) {
		assert_true(tcpstream_due(t) == now + TCP_IDLE + 1);
		now += TCP_IDLE;
		feed_one(t, &rows[i], now, &sink, &stats);
		assert_int_equal(h.ends, 0);
	}
	assert_string_equal(h.text, "abcdef");
	tcpstream_expire(t, now + TCP_IDLE, &sink, &stats);
	assert_int_equal(h.ends, 0);
	tcpstream_expire(t, now + TCP_IDLE + 1, &sink, &stats);
	assert_int_equal(h.ends, 1);
	assert_true(tcpstream_due(t) == INT64_MAX);
	tcpstream_free(t, &sink);
}

/* A segment of connection `i`, which differs from the first in one field. */
static void
say(struct tcpstream *t, unsigned int i, const struct seg *s,
    const struct capture_sink *sink, struct capture_stats *stats)
{
	struct datagram d = { .ts = SEC, .proto = IPPROTO_TCP, .ifindex = 3 };
	struct endpoint e;

	d.src = (struct endpoint) { play_client(), 40000 };
	d.dst = (struct endpoint) { addr_v4(192, 0, 2, 10), 5060 };
	if (i == 1 || i == 2)
		d.src.addr.b[3] = (uint8_t)(d.src.addr.b[3] + 2 * i - 3);
	else if (i == 3 || i == 4)
		d.src.port = (uint16_t)(40000 + 2 * i - 7);
	else if (i == 5 || i == 6)
		d.dst.addr.b[3] = (uint8_t)(10 + 2 * i - 11);
	else if (i == 7 || i == 8)
		d.dst.port = (uint16_t)(5060 + 2 * i - 15);
	else if (i == 9 || i == 10)
		d.ifindex = 3 + 2 * i - 19;
	if (s->back) {
		e = d.src;
		d.src = d.dst;
		d.dst = e;
	}
	d.payload = span_of(s->bytes);
	tcpstream_add(t, &d,
	    &(struct tcp_segment) { s->seq + 100000000 * i,
		s->ack + 100000000 * i, (uint8_t)s->flags, true },
	    sink, stats);
}

/* Whichever field it is, and whichever connection speaks next. */
static void
connections_differ_in_each_field(void **state)
{
	enum { N = 11 };
	static const struct seg met[] = { MET };
	struct tcpstream *t = tcpstream_new();
	struct heard h = { 0 };
	struct capture_sink sink = { &h, NULL, on_tcp, on_end, NULL, NULL };
	struct capture_stats stats = { 0 };
	char want[3 * N + 1] = "";
	unsigned int i, k;

	(void)state;
	h.b = strbuf_of(h.text, sizeof(h.text));
	for (i = 0; i < N; i++)
		for (k = 0; k < ROWS(met); k++)
			say(t, i, &met[k], &sink, &stats);
	for (k = 0; k < 3 * N; k++) {
		char text[2] = { (char)('a' + k % 26), '\0' };
		struct seg s = { 10 + k / N, TCP_ACK, text, false, 100 };

		say(t, k * 7 % N, &s, &sink, &stats);
		want[k] = text[0];
	}
	assert_string_equal(h.text, want);
	assert_int_equal(stats.tcp_connections, N);
	assert_int_equal(stats.tcp_implausible + stats.tcp_midstream, 0);
	tcpstream_free(t, &sink);
	assert_int_equal(h.ends, N);
}

/*
 * Bytes in a SYN are not read, so its side has begun without us: behind a gap
 * it may be in the middle of anything.
 */
static void
bytes_in_a_syn_are_a_beginning(void **state)
{
	static const char *const syns[] = { "", "x", "xyz" };
	struct capture_stats stats = { 0 };
	struct tcpstream *t;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(syns); i++) {
		/* clang-format off */
		const struct seg segs[] = {
			{ 9, TCP_SYN, syns[i], false, 0 },
			{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
			{ 10, TCP_ACK, "", false, 100 },
			{ 15, TCP_ACK, "f", false, 100 },
			{ 100, TCP_ACK, "", true, 16 },
		};
		/* clang-format on */
		struct heard h = { 0 };
		const struct capture_sink sink = { &h, NULL, on_tcp, on_end,
			NULL, NULL };

		h.b = strbuf_of(h.text, sizeof(h.text));
		assert_non_null(t = tcpstream_new());
		for (k = 0; k < ROWS(segs); k++)
			feed_one(t, &segs[k], SEC, &sink, &stats);
		tcpstream_expire(t, SEC + TCP_LATE + 1, &sink, &stats);
		assert_string_equal(h.text, i == 0 ? "|f" : "");
		tcpstream_free(t, &sink);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_in_a_syn_are_a_beginning),
		cmocka_unit_test(who_joins_needs_an_answer_that_fits),
		cmocka_unit_test(who_is_elsewhere_waits_for_nothing),
		cmocka_unit_test(both_ends_may_be_elsewhere),
		cmocka_unit_test(a_connection_lives_while_it_speaks),
		cmocka_unit_test(connections_differ_in_each_field),
	};

	return starve_left(RUN_BOTH_WAYS(tests), 0);
}
