/* SPDX-License-Identifier: ISC */
/*
 * Segments into bytes in order, among strangers who would rather write them.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/tcpplay.h"

static void
feed(const struct seg *segs, size_t n, const char *want, size_t stop_after,
    struct capture_stats *stats)
{
	struct tcpstream *t = tcpstream_new();
	struct heard h = { 0 };
	struct capture_sink sink = { &h, NULL, on_tcp, on_end, NULL, NULL };
	size_t i;

	h.b = strbuf_of(h.text, sizeof(h.text));
	h.stop_after = stop_after;
	for (i = 0; i < n; i++)
		feed_one(t, &segs[i], (int64_t)i, &sink, stats);
	assert_string_equal(h.text, want);
	tcpstream_free(t, &sink);
	assert_int_equal(h.ends > 0, want[0] != '\0');
}

static void
the_end_that_began_a_connection_is_told(void **state)
{
	/* clang-format off */
	static const struct seg segs[] = { SAID,
		{ 100, TCP_ACK, "cd", true, 12 },
		{ 99, TCP_SYN, "", true, 0 }, /* nobody answers it */
		{ 12, TCP_ACK, "ef", false, 102 },
		{ 199, TCP_SYN, "", true, 0 },
		{ 499, TCP_SYN | TCP_ACK, "", false, 200 },
		{ 200, TCP_ACK, "gh", true, 500 },
		{ 500, TCP_ACK, "ij", false, 202 },
	};
	static const struct seg joined[] = {
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 100, TCP_ACK, "cd", true, 12 },
		{ 12, TCP_ACK, "ef", false, 102 },
		{ 199, TCP_SYN, "", true, 0 },
		{ 499, TCP_SYN | TCP_ACK, "", false, 200 },
		{ 200, TCP_ACK, "gh", true, 500 },
	};
	/* clang-format on */
	const struct {
		const struct seg *segs;
		size_t n;
		const char *want;
	} rows[] = {
		{ segs, ROWS(segs), "<><<>" },
		{ joined, ROWS(joined), "---<" },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		struct tcpstream *t = tcpstream_new();
		struct heard h = { 0 };
		struct capture_sink sink = { &h, NULL, on_tcp, on_end, NULL,
			NULL };
		struct capture_stats stats = { 0 };

		h.b = strbuf_of(h.text, sizeof(h.text));
		for (k = 0; k < rows[i].n; k++)
			feed_one(t, &rows[i].segs[k], (int64_t)k, &sink,
			    &stats);
		assert_string_equal(h.origin, rows[i].want);
		tcpstream_free(t, &sink);
	}
}

static void
segments_become_bytes_in_order(void **state)
{
	/* clang-format off */
	static const struct seg plain[] = {
		{ 0xfffffffe, TCP_SYN, "", false, 0 },
		{ 0xffffffff, TCP_SYN | TCP_ACK, "", true, 0xffffffff },
		{ 0xffffffff, TCP_ACK, "ab", false, 0 },
		{ 0, TCP_ACK, "", true, 1 },
		{ 1, TCP_ACK, "cd", false, 0 },
	};
	static const struct seg shuffled[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 14, TCP_ACK, "ef", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 12, TCP_ACK, "cdef", false, 100 },
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 10, TCP_ACK, "abcdefgh", false, 100 },
	};
	static const struct seg both[] = { SAID,
		{ 100, TCP_ACK, "cd", true, 12 },
		{ 12, TCP_ACK, "ef", false, 102 },
	};
	static const struct seg keep_alive[] = { SAID,
		{ 100, TCP_ACK, "", true, 12 },
		{ 11, TCP_ACK, "!", false, 100 },
		{ 11, TCP_ACK, "", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg again[] = {
		{ 9, TCP_SYN, "", false, 0 }, SAID,
		{ 10, TCP_ACK | TCP_FIN, "ab", false, 100 },
		{ 100, TCP_ACK, "", true, 13 },
		{ 12, TCP_ACK, "past the end", false, 100 },
	};
	static const struct seg early_end[] = { SAID,
		{ 14, TCP_ACK | TCP_FIN, "ef", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 100, TCP_ACK, "", true, 17 },
		{ 16, TCP_ACK, "past the end", false, 100 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(plain, ROWS(plain), "abcd", 0, &stats);
	feed(shuffled, ROWS(shuffled), "abcdefgh", 0, &stats);
	feed(both, ROWS(both), "abcdef", 0, &stats);
	feed(keep_alive, ROWS(keep_alive), "abcd", 0, &stats);
	feed(again, ROWS(again), "ab", 0, &stats);
	feed(early_end, ROWS(early_end), "abcdef", 0, &stats);
	feed(plain, ROWS(plain), "ab", 1, &stats);
	assert_int_equal(stats.tcp_conflicts, 0);
	assert_int_equal(stats.tcp_implausible, 0);
	assert_int_equal(stats.tcp_midstream, 0);
	assert_int_equal(stats.tcp_connections, 7);
}

static void
what_nobody_answers_is_not_read(void **state)
{
	/* clang-format off */
	/* Begun unseen: from the first bytes of each side. */
	static const struct seg joined[] = {
		{ 9, TCP_ACK, "", false, 100 },
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 16, TCP_ACK, "ef", false, 100 },
		{ 100, TCP_ACK, "xy", true, 12 },
		{ 12, TCP_ACK, "cdcd", false, 102 },
		{ 102, TCP_ACK, "z", true, 18 },
	};
	static const struct seg one_way[] = {
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg not_taken[] = {
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 100, TCP_ACK, "", true, 10 },
		{ 101, TCP_ACK, "", true, 12 },
	};
	static const struct seg forged_before[] = {
		{ 4711, TCP_ACK, "XX", false, 8000 },
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 100, TCP_ACK, "", true, 12 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg only_reset[] = {
		{ 9, TCP_RST, "ab", false, 0 },
		{ 9, TCP_SYN | TCP_ACK, "ab", true, 0 },
	};
	static const struct seg no_answer[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 10, TCP_ACK, "ab", false, 100 },
	};
	static const struct seg only_an_answer[] = {
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 10, TCP_ACK, "ab", false, 100 },
	};
	/* A flood's sender does not know what he was answered. */
	static const struct seg blind[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 10, TCP_ACK, "ab", false, 101 },
		{ 10, 0, "ab", false, 100 },
	};
	static const struct seg refused[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 0, TCP_RST | TCP_ACK, "", true, 10 },
		{ 10, TCP_ACK, "ab", false, 100 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(one_way, ROWS(one_way), "", 0, &stats);
	feed(not_taken, ROWS(not_taken), "", 0, &stats);
	feed(only_reset, ROWS(only_reset), "", 0, &stats);
	feed(no_answer, ROWS(no_answer), "", 0, &stats);
	feed(only_an_answer, ROWS(only_an_answer), "", 0, &stats);
	assert_int_equal(stats.tcp_implausible, 0);
	feed(blind, ROWS(blind), "", 0, &stats);
	assert_int_equal(stats.tcp_implausible, 2);
	feed(refused, ROWS(refused), "", 0, &stats);
	assert_int_equal(stats.tcp_midstream, 0);
	assert_int_equal(stats.tcp_connections, 0);
	feed(joined, ROWS(joined), "|ab|xycdcdefz", 0, &stats);
	feed(forged_before, ROWS(forged_before), "|abcd", 0, &stats);
	assert_int_equal(stats.tcp_midstream, 2);
}

static void
of_two_versions_the_later_counts(void **state)
{
	/* clang-format off */
	static const struct seg waiting[] = { MET,
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 12, TCP_ACK, "XX", false, 100 },
		{ 10, TCP_ACK, "abYYef", false, 100 },
	};
	static const struct seg around[] = { MET,
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 16, TCP_ACK, "gh", false, 100 },
		{ 11, TCP_ACK, "bXXefXXi", false, 100 },
		{ 10, TCP_ACK, "a", false, 100 },
	};
	/* Read at once; then others, which the receiver has. */
	static const struct seg delivered[] = { SAID,
		{ 10, TCP_ACK, "XXcd", false, 100 },
		{ 10, TCP_ACK, "YYYY", false, 100 },
		{ 100, TCP_ACK, "", true, 14 },
		{ 10, TCP_ACK, "ZZZZef", false, 100 },
	};
	static const struct seg better[] = { SAID,
		{ 10, TCP_ACK | BAD, "XXXX", false, 100 },
		{ 14, TCP_ACK | BAD, "YY", false, 100 },
		{ 12, TCP_ACK, "cdef", false, 100 },
		{ 12, TCP_ACK | BAD, "ZZZZ", false, 100 },
		{ 16, TCP_ACK, "gh", false, 100 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(waiting, ROWS(waiting), "abYYef", 0, &stats);
	assert_int_equal(stats.tcp_conflicts, 2);
	feed(around, ROWS(around), "abcdefghi", 0, &stats);
	assert_int_equal(stats.tcp_conflicts, 4);
	feed(delivered, ROWS(delivered), "ab|YYYYef", 0, &stats);
	assert_int_equal(stats.tcp_conflicts, 6);
	feed(better, ROWS(better), "abcdefgh", 0, &stats);
	assert_int_equal(stats.tcp_conflicts, 9);
}

static void
strangers_end_no_connection(void **state)
{
	/* clang-format off */
	static const struct seg late_syn[] = { SAID,
		{ 9, TCP_SYN, "", false, 0 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_syn[] = { SAID,
		{ 5000, TCP_SYN, "", false, 0 },
		{ 100, TCP_ACK, "", true, 12 },		/* challenged */
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_first[] = {
		{ 5000, TCP_SYN, "", false, 0 },
		{ 6000, TCP_SYN, "", false, 0 }, SAID,
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_reset[] = { SAID,
		{ 13, TCP_RST, "", false, 0 },
		{ 11, TCP_RST, "", false, 0 },
		{ 4000000000u, TCP_RST, "", false, 0 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_end[] = { SAID,
		{ 4000000000u, TCP_FIN | TCP_ACK, "", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg far_ahead[] = { SAID,
		{ 12 + TCP_WINDOW, TCP_ACK, "zz", false, 100 },
		{ 10 - TCP_WINDOW - 1, TCP_ACK, "zz", false, 100 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_ack[] = { SAID,
		{ 12, TCP_ACK, "XX", false, 100 + TCP_WINDOW + 1 },
		{ 12, TCP_ACK, "YY", false, 100 - TCP_WINDOW - 1 },
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	static const struct seg forged_answer[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 7777, TCP_SYN | TCP_ACK, "", true, 4711 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 100, TCP_ACK, "ab", true, 10 },
		{ 10, TCP_ACK, "cd", false, 102 },
	};
	static const struct seg forged_refusal[] = {
		{ 9, TCP_SYN, "", false, 0 },
		{ 0, TCP_RST | TCP_ACK, "", true, 4711 },
		{ 0, TCP_RST, "", true, 10 }, SAID,
		{ 12, TCP_ACK, "cd", false, 100 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(late_syn, ROWS(late_syn), "abcd", 0, &stats);
	feed(forged_syn, ROWS(forged_syn), "abcd", 0, &stats);
	feed(forged_first, ROWS(forged_first), "abcd", 0, &stats);
	assert_int_equal(stats.tcp_implausible, 0);
	feed(forged_reset, ROWS(forged_reset), "abcd", 0, &stats);
	feed(forged_end, ROWS(forged_end), "abcd", 0, &stats);
	feed(far_ahead, ROWS(far_ahead), "abcd", 0, &stats);
	feed(forged_ack, ROWS(forged_ack), "abcd", 0, &stats);
	feed(forged_answer, ROWS(forged_answer), "abcd", 0, &stats);
	feed(forged_refusal, ROWS(forged_refusal), "abcd", 0, &stats);
	assert_int_equal(stats.tcp_implausible, 3 + 1 + 2 + 2 + 1);
	assert_int_equal(stats.tcp_gaps, 0);
	assert_int_equal(stats.tcp_midstream, 0);
	assert_int_equal(stats.tcp_connections, 9);
}

/* RST, FIN, SYN and bytes that only we take, for the receiver drops them. */
static void
the_receiver_is_the_judge(void **state)
{
	/* clang-format off */
	static const struct {
		const char *what, *want;
		struct seg segs[12];
	} rows[] = {
		{ "bytes", "abXX|cdefgh", { SAID,
		    { 100, TCP_ACK, "", true, 12 },
		    { 12, TCP_ACK | BAD, "XX", false, 100 },
		    { 12, TCP_ACK, "cdef", false, 100 },
		    { 100, TCP_ACK, "", true, 16 },
		    { 16, TCP_ACK, "gh", false, 100 } } },
		{ "bytes, many", "abXXXXXX|cdef", { SAID,
		    { 12, TCP_ACK, "XXXXXX", false, 100 },
		    { 12, TCP_ACK, "cd", false, 100 },
		    { 14, TCP_ACK, "ef", false, 100 },
		    { 100, TCP_ACK, "", true, 16 } } },
		{ "bytes ahead", "abcdefgh", { SAID,
		    { 14, TCP_ACK, "XX", false, 100 },
		    { 12, TCP_ACK, "cdef", false, 100 },
		    { 16, TCP_ACK, "gh", false, 100 } } },
		{ "RST", "abcdef", { SAID,
		    { 12, TCP_RST, "", false, 0 },
		    { 12, TCP_ACK, "cd", false, 100 },
		    { 100, TCP_ACK, "ef", true, 14 } } },
		{ "RST, both", "abcd", { SAID,
		    { 12, TCP_RST, "", false, 0 },
		    { 100, TCP_RST, "", true, 0 },
		    { 100, TCP_ACK, "cd", true, 12 } } },
		{ "RST with an ACK", "abcd", { SAID,
		    { 12, TCP_RST | TCP_ACK, "", false, 100 },
		    { 100, TCP_ACK, "cd", true, 12 } } },
		{ "FIN", "abcdefgh", { SAID,
		    { 12, TCP_ACK | TCP_FIN, "", false, 100 },
		    { 12, TCP_ACK, "cd", false, 100 },
		    { 100, TCP_ACK, "ef", true, 14 },
		    { 14, TCP_ACK, "gh", false, 102 } } },
		{ "FIN, answered by another", "abcd", { SAID,
		    { 12, TCP_ACK | TCP_FIN, "", false, 100 },
		    { 100, TCP_ACK, "cd", true, 12 } } },
		{ "FIN with bytes", "abXX|cd", { SAID,
		    { 12, TCP_ACK | TCP_FIN, "XX", false, 100 },
		    { 12, TCP_ACK, "cd", false, 100 },
		    { 100, TCP_ACK, "", true, 14 } } },
		{ "SYN and its answer", "abcd", { SAID,
		    { 4711, TCP_SYN, "", false, 0 },
		    { 815, TCP_SYN | TCP_ACK, "", true, 4712 },
		    { 12, TCP_ACK, "cd", false, 100 } } },
		{ "the first answer", "ab", {
		    { 9, TCP_SYN, "", false, 0 },
		    { 500, TCP_SYN | TCP_ACK, "", true, 10 }, SAID } },
		{ "the last answer", "ab", {
		    { 9, TCP_SYN, "", false, 0 },
		    { 99, TCP_SYN | TCP_ACK, "", true, 10 },
		    { 500, TCP_SYN | TCP_ACK, "", true, 10 },
		    { 10, TCP_ACK, "ab", false, 100 } } },
		{ "both", "|ab", {
		    { 9, TCP_SYN, "", false, 0 },
		    { 400, TCP_SYN | TCP_ACK, "", true, 10 },
		    { 99, TCP_SYN | TCP_ACK, "", true, 10 },
		    { 500, TCP_SYN | TCP_ACK, "", true, 10 },
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 100, TCP_ACK, "", true, 12 } } },
		{ "refused, says somebody", "ab", {
		    { 9, TCP_SYN, "", false, 0 },
		    { 0, TCP_RST | TCP_ACK, "", true, 10 },
		    { 99, TCP_SYN | TCP_ACK, "", true, 10 },
		    { 10, TCP_ACK, "ab", false, 100 } } },
		{ "a SYN before an unknown one goes on", "|ab", {
		    { 7, TCP_SYN, "", false, 0 },
		    { 10, TCP_ACK, "ab", false, 100 },
		    { 8, TCP_SYN, "", false, 0 },
		    { 100, TCP_ACK, "", true, 12 } } },
		{ "somewhere else, with both", "ab|ef", { SAID,
		    { 900000, TCP_ACK, "cd", false, 700000 },
		    { 700000, TCP_ACK, "", true, 900002 },
		    { 900002, TCP_ACK, "ef", false, 700000 },
		    { 700000, TCP_ACK, "", true, 900004 } } },
		{ "somewhere else, alone", "abcd", { SAID,
		    { 900000, TCP_ACK, "XX", false, 700000 },
		    { 100, TCP_ACK, "", true, 12 },
		    { 700001, TCP_ACK, "", true, 900002 },
		    { 700000, TCP_ACK, "", true, 900003 },
		    { 12, TCP_ACK, "cd", false, 100 } } },
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
		feed(rows[i].segs, n, rows[i].want, 0, &stats);
	}
}

static void
a_port_used_again_is_a_new_connection(void **state)
{
	/* clang-format off */
	static const struct seg reused[] = { SAID,
		{ 5000, TCP_SYN, "", false, 0 },
		{ 900, TCP_SYN | TCP_ACK, "", true, 5001 },
		{ 5001, TCP_ACK, "cd", false, 901 },
		{ 901, TCP_ACK, "ef", true, 5003 },
	};
	static const struct seg closed[] = { SAID,
		{ 12, TCP_FIN | TCP_ACK, "", false, 100 },
		{ 100, TCP_FIN | TCP_ACK, "", true, 13 },
		{ 13, TCP_ACK, "cd", false, 101 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(reused, ROWS(reused), "abcdef", 0, &stats);
	assert_int_equal(stats.tcp_connections, 2);
	assert_int_equal(stats.tcp_midstream, 0);
	feed(closed, ROWS(closed), "ab", 0, &stats);
	assert_int_equal(stats.tcp_midstream, 0);
}

/* Many connections, heard by one. */
struct crowd {
	struct tcpstream *t;
	struct heard h;
	struct capture_sink sink;
	struct capture_stats stats;
};

static void
crowd_new(struct crowd *c)
{
	memset(c, 0, sizeof(*c));
	c->h.b = strbuf_of(c->h.text, sizeof(c->h.text));
	c->sink =
	    (struct capture_sink) { &c->h, NULL, on_tcp, on_end, NULL, NULL };
	assert_non_null(c->t = tcpstream_new());
}

static void
crowd_seg(struct crowd *c, int64_t ts, uint32_t seq, const char *bytes)
{
	struct seg s = { seq, TCP_ACK, bytes, false, 100 };

	feed_one(c->t, &s, ts, &c->sink, &c->stats);
}

static void
crowd_met(struct crowd *c)
{
	static const struct seg met[] = { MET };
	size_t i;

	for (i = 0; i < ROWS(met); i++)
		feed_one(c->t, &met[i], 0, &c->sink, &c->stats);
}

static void
crowd_other(struct crowd *c, uint8_t net, uint32_t i, bool open,
    struct span bytes, uint32_t ahead)
{
	struct datagram d = { 0 };
	struct endpoint client, server;
	struct tcp_segment g;

	client.addr = addr_v4(10, net, 0, 1);
	client.port = (uint16_t)(1024 + i);
	server.addr = addr_v4(192, 0, 2, 10);
	server.port = 5060;
	d.proto = IPPROTO_TCP;
	d.src = client;
	d.dst = server;
	g = (struct tcp_segment) { i, 0, TCP_SYN, true };
	tcpstream_add(c->t, &d, &g, &c->sink, &c->stats);
	if (!open)
		return;
	d.src = server;
	d.dst = client;
	g = (struct tcp_segment) { 7, i + 1, TCP_SYN | TCP_ACK, true };
	tcpstream_add(c->t, &d, &g, &c->sink, &c->stats);
	d.src = client;
	d.dst = server;
	d.payload = bytes;
	g = (struct tcp_segment) { i + 1 + ahead, 8, TCP_ACK, true };
	tcpstream_add(c->t, &d, &g, &c->sink, &c->stats);
}

#define NOTHING ((struct span) { NULL, 0 })

static void
a_gap_may_heal_for_a_minute(void **state)
{
	struct crowd c;
	char big[1401];
	uint32_t ahead;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	/* All but the first of a window; then the first heals it. */
	for (ahead = 1400; ahead + 1400 <= TCP_WINDOW; ahead += 1400)
		crowd_seg(&c, 0, 10 + ahead, big);
	crowd_seg(&c, 60 * SEC, 10, big);
	feed_one(c.t, &(struct seg) { 100, TCP_ACK, "", true, 10 + ahead },
	    60 * SEC, &c.sink, &c.stats);
	assert_int_equal(c.h.total, ahead);
	assert_int_equal(c.stats.tcp_implausible, 0);
	tcpstream_expire(c.t, 200 * SEC, &c.sink, &c.stats);
	assert_int_equal(c.h.ends, 0);
	/* Once more, and nothing heals it, whatever else goes by. */
	crowd_seg(&c, 200 * SEC, 10 + ahead + 1400, big);
	crowd_seg(&c, 230 * SEC, 10 + ahead + 4200, big);
	tcpstream_expire(c.t, 260 * SEC + 1, &c.sink, &c.stats);
	/* What waited is gone; the connection is not. */
	crowd_seg(&c, 261 * SEC, 10 + ahead, big);
	assert_int_equal(c.h.total, ahead + 1400);
	assert_int_equal(c.h.ends, 0);
	assert_int_equal(c.stats.tcp_gaps, 0);
	tcpstream_free(c.t, &c.sink);
}

/* A POST, and then an INVITE at the beginning of a segment. */
static void
what_does_not_begin_well_is_not_searched(void **state)
{
	/* clang-format off */
	static const struct seg segs[] = { MET,
		{ 10, TCP_ACK, "?POST", false, 100 },
		{ 100, TCP_ACK, "ok", true, 15 },
		{ 15, TCP_ACK, "INVITE", false, 102 },
		{ 102, TCP_ACK, "ok", true, 21 },
	};
	static const struct seg later[] = { MET,
		{ 10, TCP_ACK, "INVITE", false, 100 },
		{ 16, TCP_ACK, "?", false, 100 },
		{ 17, TCP_ACK, "ACK", false, 100 },
		{ 100, TCP_ACK, "ok", true, 20 },
		{ 20, TCP_ACK, "BYE", false, 102 },
	};
	static const struct seg elsewhere[] = { MET,
		{ 10, TCP_ACK, "?POST", false, 100 },
		{ 900000, TCP_ACK, "cd", false, 700000 },
		{ 700000, TCP_ACK, "", true, 900002 },
		{ 900002, TCP_ACK, "INVITE", false, 700000 },
		{ 700000, TCP_ACK, "", true, 900008 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(segs, ROWS(segs), "?POSTokok", 0, &stats);
	feed(later, ROWS(later), "INVITE?|ACKokBYE", 0, &stats);
	feed(elsewhere, ROWS(elsewhere), "?POST", 0, &stats);
}

/* Who missed how a side began does not know that it began badly. */
static void
a_beginning_that_was_missed_is_no_bad_one(void **state)
{
	/* clang-format off */
	static const struct seg missed[] = { MET,
		{ 100, TCP_ACK, "401", true, 18 },
		{ 18, TCP_ACK, "REGISTER", false, 103 },
		{ 103, TCP_ACK, "200", true, 26 },
	};
	static const struct seg early[] = {
		{ 9, TCP_SYN, "POST", false, 0 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 14 },
		{ 9, TCP_SYN, "", false, 0 },
		{ 99, TCP_SYN | TCP_ACK, "", true, 10 },
		{ 10, TCP_ACK, "", false, 100 },
		{ 100, TCP_ACK, "ok", true, 14 },
		{ 14, TCP_ACK, "INVITE", false, 102 },
		{ 102, TCP_ACK, "ok", true, 20 },
	};
	/* clang-format on */
	struct crowd c;
	size_t i;

	(void)state;
	crowd_new(&c);
	for (i = 0; i < ROWS(missed); i++)
		feed_one(c.t, &missed[i], SEC, &c.sink, &c.stats);
	assert_string_equal(c.h.text, "401200");
	assert_string_equal(c.h.origin, ">>");
	assert_int_equal(c.h.answers, 2);
	/* No packet may come any more: somebody has to look at the clock. */
	assert_true(tcpstream_next(c.t) == SEC + TCP_LATE + 1);
	tcpstream_expire(c.t, tcpstream_next(c.t), &c.sink, &c.stats);
	assert_string_equal(c.h.text, "401200|REGISTER");
	assert_true(tcpstream_next(c.t) == INT64_MAX);
	tcpstream_free(c.t, &c.sink);
	/* These bytes of a SYN were there, but are not read. */
	crowd_new(&c);
	for (i = 0; i < ROWS(early); i++)
		feed_one(c.t, &early[i], SEC, &c.sink, &c.stats);
	tcpstream_expire(c.t, SEC + TCP_LATE + 1, &c.sink, &c.stats);
	assert_string_equal(c.h.text, "okok");
	tcpstream_free(c.t, &c.sink);
}

/* We missed it, and the receiver did not. */
static void
what_the_receiver_has_is_not_waited_for(void **state)
{
	static const struct seg ack = { 100, TCP_ACK, "", true, 16 };
	struct crowd c;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	crowd_seg(&c, 1, 10, "ab");
	crowd_seg(&c, 2, 14, "ef");
	tcpstream_expire(c.t, SEC, &c.sink, &c.stats);
	assert_string_equal(c.h.text, "ab");
	feed_one(c.t, &ack, SEC, &c.sink, &c.stats);
	assert_string_equal(c.h.text, "ab|ef");
	assert_int_equal(c.stats.tcp_gaps, 1);
	/* Late, but not too late: it was only out of order. */
	crowd_seg(&c, 2 * SEC, 18, "ij");
	feed_one(c.t, &(struct seg) { 100, TCP_ACK, "", true, 20 }, 2 * SEC,
	    &c.sink, &c.stats);
	crowd_seg(&c, 2 * SEC + TCP_LATE, 16, "gh");
	assert_string_equal(c.h.text, "ab|efghij");
	/* Nobody comes. */
	crowd_seg(&c, 3 * SEC, 22, "mn");
	feed_one(c.t, &(struct seg) { 100, TCP_ACK, "", true, 24 }, 3 * SEC,
	    &c.sink, &c.stats);
	tcpstream_expire(c.t, 3 * SEC + TCP_LATE + 1, &c.sink, &c.stats);
	assert_string_equal(c.h.text, "ab|efghij|mn");
	assert_int_equal(c.stats.tcp_gaps, 2);
	tcpstream_free(c.t, &c.sink);
}

/* After a RST a connection is the first to go, and comes back if it lives. */
static void
what_was_reset_goes_first(void **state)
{
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	crowd_seg(&c, 0, 10, "ab");
	feed_one(c.t, &(struct seg) { 12, TCP_RST, "", false, 0 }, 0, &c.sink,
	    &c.stats);
	for (i = 0; i < TCP_MAX_CONNS - 1; i++)
		crowd_other(&c, (uint8_t)(1 + i % 100), i, true, NOTHING, 0);
	assert_int_equal(c.h.ends, 0);
	crowd_seg(&c, 0, 12, "cd");
	assert_string_equal(c.h.text, "abcd");
	crowd_other(&c, 200, i, true, NOTHING, 0);
	assert_int_equal(c.h.ends, 0);
	feed_one(c.t, &(struct seg) { 14, TCP_RST, "", false, 0 }, 0, &c.sink,
	    &c.stats);
	crowd_other(&c, 201, i, true, NOTHING, 0);
	assert_int_equal(c.h.ends, 1);
	tcpstream_free(c.t, &c.sink);
}

/* A segment of one byte takes as much room as one of a hundred. */
static void
crumbs_are_bounded(void **state)
{
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	for (i = TCP_MAX_PIECES; i > 0; i--)
		crowd_seg(&c, 1, 9 + 2 * i, "x");
	assert_int_equal(c.h.total, 0);
	/* Full; what closes the gaps needs no room. */
	crowd_seg(&c, 2, 10, "y");
	assert_int_equal(c.h.total, 2);
	for (i = 1; i < TCP_MAX_PIECES; i++)
		crowd_seg(&c, 2, 10 + 2 * i, "y");
	assert_int_equal(c.h.total, 2 * TCP_MAX_PIECES);
	assert_int_equal(c.stats.tcp_gaps, 0);
	for (i = TCP_MAX_PIECES + 1; i > 0; i--)
		crowd_seg(&c, 3, 11 + 2 * TCP_MAX_PIECES + 2 * i, "x");
	assert_int_equal(c.stats.tcp_limits, 1);
	/* Only the last of them is missing: the one nearest to what was read.
	 */
	crowd_seg(&c, 4, 10 + 2 * TCP_MAX_PIECES, "yyy");
	assert_int_equal(c.h.total, 2 * TCP_MAX_PIECES + 3);
	assert_int_equal(c.h.ends, 0);
	tcpstream_free(c.t, &c.sink);
}

/* Connections without an end, and none that works is lost for them. */
static void
a_flood_of_syns_costs_no_open_connection(void **state)
{
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	for (i = 0; i < TCP_MAX_HALF + 1000; i++)
		crowd_other(&c, 0, i, false, NOTHING, 0);
	assert_int_equal(c.stats.tcp_limits, 1000);
	crowd_seg(&c, 1, 10, "ab");
	assert_string_equal(c.h.text, "ab");
	assert_int_equal(c.h.ends, 0);
	tcpstream_free(c.t, &c.sink);
}

static void
who_opens_most_loses_first(void **state)
{
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	for (i = 0; i < TCP_MAX_CONNS + 1000; i++)
		crowd_other(&c, 0, i, true, NOTHING, 0);
	assert_int_equal(c.stats.tcp_limits, 1001);
	assert_int_equal(c.stats.tcp_connections, TCP_MAX_CONNS + 1001);
	crowd_seg(&c, 0, 10, "ab");
	assert_string_equal(c.h.text, "ab");
	/* From many others, each with less than he has: his go. */
	for (i = 0; i < 4000; i++)
		crowd_other(&c, (uint8_t)(1 + i % 100), i, true, NOTHING, 0);
	crowd_seg(&c, 0, 12, "cd");
	assert_string_equal(c.h.text, "abcd");
	tcpstream_free(c.t, &c.sink);
}

static void
who_has_most_waiting_makes_room(void **state)
{
	static char crumb[65000];
	const struct span bytes = { crumb, sizeof(crumb) };
	struct crowd c;
	uint32_t i;

	(void)state;
	crowd_new(&c);
	crowd_met(&c);
	for (i = 0; i < TCP_MAX_BYTES / sizeof(crumb) + 100; i++) {
		if (i == 50)
			crowd_seg(&c, 0, 12, "cd");
		crowd_other(&c, 0, i, true, bytes, 1);
	}
	assert_in_range(c.stats.tcp_limits, 99, 102);
	/* Who has little in it keeps that, and nobody is forgotten. */
	crowd_seg(&c, 0, 10, "ab");
	assert_string_equal(c.h.text, "abcd");
	assert_int_equal(c.h.ends, 0);
	assert_int_equal(c.stats.tcp_midstream, 0);
	tcpstream_free(c.t, &c.sink);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_become_bytes_in_order),
		cmocka_unit_test(the_end_that_began_a_connection_is_told),
		cmocka_unit_test(what_nobody_answers_is_not_read),
		cmocka_unit_test(of_two_versions_the_later_counts),
		cmocka_unit_test(strangers_end_no_connection),
		cmocka_unit_test(the_receiver_is_the_judge),
		cmocka_unit_test(what_does_not_begin_well_is_not_searched),
		cmocka_unit_test(a_beginning_that_was_missed_is_no_bad_one),
		cmocka_unit_test(what_the_receiver_has_is_not_waited_for),
		cmocka_unit_test(what_was_reset_goes_first),
		cmocka_unit_test(a_port_used_again_is_a_new_connection),
		cmocka_unit_test(a_gap_may_heal_for_a_minute),
		cmocka_unit_test(crumbs_are_bounded),
		cmocka_unit_test(a_flood_of_syns_costs_no_open_connection),
		cmocka_unit_test(who_opens_most_loses_first),
		cmocka_unit_test(who_has_most_waiting_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
