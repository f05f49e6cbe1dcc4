/* SPDX-License-Identifier: ISC */
/*
 * Segments into bytes in order, among strangers who would rather write them.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/starve.h"
#include "tests/unit/tcpplay.h"

/* All that is said of bytes, besides them. */
static struct datagram told[4];
static size_t ntold;

static enum capture_more
on_told(void *ctx, void **user, const struct datagram *d)
{
	assert_null(ctx);
	assert_true(ntold < ROWS(told));
	told[ntold++] = *d;
	*user = told;
	return CAPTURE_WHOLE;
}

static void
on_told_end(void *ctx, void *user)
{
	assert_null(ctx);
	assert_ptr_equal(user, told);
}

/* The packets of each end go their own way, and bytes tell it. */
static void
bytes_have_the_place_of_their_packets(void **state)
{
	/* clang-format off */
	static const struct seg met[] = { SAID, { 100, TCP_ACK, "cd", true, 12 } };
	/* Joined: what was said first is told when it is acknowledged. */
	static const struct seg joined[] = {
		{ 10, TCP_ACK, "ab", false, 100 },
		{ 100, TCP_ACK, "cd", true, 12 },
		{ 12, TCP_ACK, "", false, 102 },
	};
	/* clang-format on */
	static const struct capture_sink sink = { NULL, NULL, on_told,
		on_told_end, NULL, NULL };
	struct capture_stats stats = { 0 };
	struct tcpstream *t;
	struct datagram d;
	size_t i, k, n;

	(void)state;
	for (k = 0; k < 2; k++) {
		t = tcpstream_new();
		ntold = 0;
		n = k == 0 ? ROWS(met) : ROWS(joined);
		for (i = 0; i < n; i++) {
			const struct seg *s = k == 0 ? &met[i] : &joined[i];

			memset(&d, 0, sizeof(d));
			d.ts = (int64_t)i + 1;
			d.ifindex = 7;
			d.dir = s->back ? PKT_OUT : PKT_IN;
			d.src.addr = play_client();
			d.src.port = 40000;
			d.dst =
			    (struct endpoint) { addr_v4(192, 0, 2, 10), 5060 };
			if (s->back) {
				d.dst = d.src;
				d.src =
				    (struct endpoint) { addr_v4(192, 0, 2, 10),
					    5060 };
			}
			d.payload = span_of(s->bytes);
			tcpstream_add(t, &d,
			    &(struct tcp_segment) { s->seq, s->ack,
				(uint8_t)s->flags, true },
			    &sink, &stats);
		}
		assert_int_equal(ntold, 2);
		for (i = 0; i < ntold; i++) {
			const struct datagram *x = &told[i];

			assert_int_equal(x->dir, i == 0 ? PKT_IN : PKT_OUT);
			assert_int_equal(x->ifindex, 7);
			assert_int_equal(x->proto, IPPROTO_TCP);
			assert_int_equal(x->src.port, i == 0 ? 40000 : 5060);
			assert_int_equal(x->dst.port, i == 0 ? 5060 : 40000);
			assert_int_equal(x->joined, k == 1);
			assert_int_equal(x->origin,
			    k == 1	 ? ORIGIN_UNKNOWN
				: i == 0 ? ORIGIN_SRC
					 : ORIGIN_DST);
			assert_int_equal(x->ts,
			    k == 0 ? 4 + (int)i : 2 + (int)i);
			assert_int_equal(x->answers, k == 0 && i == 1);
			assert_false(x->resumed || x->held);
		}
		tcpstream_free(t, &sink);
	}
}

/* Bytes behind a gap are looked after, whichever end has said them. */
static void
either_end_may_have_to_wait(void **state)
{
	/* clang-format off */
	static const struct seg gaps[] = {
		{ 15, TCP_ACK, "f", false, 100 }, { 105, TCP_ACK, "f", true, 10 },
	};
	/* clang-format on */
	static const struct seg met[] = { MET };
	static const struct capture_sink sink = { NULL, NULL, on_told,
		on_told_end, NULL, NULL };
	struct capture_stats stats = { 0 };
	struct tcpstream *t;
	int blocks;
	size_t i, k;

	(void)state;
	for (k = 0; k < 2; k++) {
		t = tcpstream_new();
		ntold = 0;
		for (i = 0; i < ROWS(met); i++)
			feed_one(t, &met[i], 1, &sink, &stats);
		assert_true(tcpstream_next(t) == INT64_MAX);
		blocks = starve_blocks();
		feed_one(t, &gaps[k], 2, &sink, &stats);
		assert_true(tcpstream_next(t) == 2 + TCP_LATE + 1);
		feed_one(t, &gaps[!k], 3, &sink, &stats);
		assert_true(tcpstream_next(t) == 2 + TCP_LATE + 1);
		/* What the receiver does not have yet is kept for longer. */
		tcpstream_expire(t, 2 + TCP_LATE, &sink, &stats);
		assert_true(tcpstream_next(t) == 2 + TCP_LATE + 1);
		tcpstream_expire(t, 2 + TCP_LATE + 1, &sink, &stats);
		assert_true(tcpstream_next(t) == INT64_MAX);
		assert_true(tcpstream_due(t) == 2 + TCP_GAP + 1);
		tcpstream_expire(t, 2 + TCP_GAP, &sink, &stats);
		assert_true(tcpstream_due(t) == 2 + TCP_GAP + 1);
		tcpstream_expire(t, 2 + TCP_GAP + 1, &sink, &stats);
		assert_true(tcpstream_due(t) == 3 + TCP_IDLE + 1);
		assert_int_equal(starve_blocks(), blocks);
		tcpstream_free(t, &sink);
	}
}

/*
 * Both ends are elsewhere.  The one that has begun with what is no whole
 * message stays mute; the other is heard.
 */
static void
who_moves_stays_mute(void **state)
{
	/* clang-format off */
	static const struct seg client[] = { MET,
		{ 10, TCP_ACK, "<a", false, 100 },
		{ 900000, TCP_ACK, "xy", false, 700000 },
		{ 700000, TCP_ACK, "", true, 900002 },
		{ 900002, TCP_ACK, "cd", false, 700000 },
		{ 700000, TCP_ACK, "ef", true, 900004 },
		{ 900004, TCP_ACK, "", false, 700002 },
	};
	static const struct seg server[] = { MET,
		{ 100, TCP_ACK, "<a", true, 10 },
		{ 900000, TCP_ACK, "xy", false, 700000 },
		{ 700000, TCP_ACK, "", true, 900002 },
		{ 900002, TCP_ACK, "cd", false, 700000 },
		{ 700000, TCP_ACK, "ef", true, 900004 },
		{ 900004, TCP_ACK, "", false, 700002 },
	};
	/* clang-format on */
	struct capture_stats stats = { 0 };

	(void)state;
	feed(client, ROWS(client), "<a|ef", 0, &stats);
	assert_int_equal(stats.tcp_midstream, 1);
	assert_int_equal(stats.tcp_implausible, 2);
	feed(server, ROWS(server), "<a|cd", 0, &stats);
	assert_int_equal(stats.tcp_midstream, 2);
	assert_int_equal(stats.tcp_implausible, 4);
}

/* A reader that wants no more ends it, though the segment has bytes, too. */
static void
one_of_no_interest_keeps_nothing(void **state)
{
	/* clang-format off */
	static const struct seg segs[] = {
		{ 10, TCP_ACK, "!b", false, 100 },
		{ 100, TCP_ACK, "cd", true, 12 },
		{ 110, TCP_ACK, "ef", true, 12 },
		{ 12, TCP_ACK, "gh", false, 102 },
		{ 20, TCP_ACK, "ij", false, 102 },
	};
	/* clang-format on */
	struct tcpstream *t = tcpstream_new();
	struct capture_stats stats = { 0 };
	struct heard h = { 0 };
	const struct capture_sink sink = { &h, NULL, on_tcp, on_end, NULL,
		NULL };
	int blocks = 0;
	size_t i;

	(void)state;
	h.b = strbuf_of(h.text, sizeof(h.text));
	for (i = 0; i < ROWS(segs); i++) {
		feed_one(t, &segs[i], 1 + (int64_t)i, &sink, &stats);
		assert_int_equal(h.ends, i > 0);
		assert_true(tcpstream_next(t) == INT64_MAX || i == 0);
		if (i == 1)
			blocks = starve_blocks();
		else if (i > 1)
			assert_int_equal(starve_blocks(), blocks);
	}
	assert_string_equal(h.text, "|!b");
	tcpstream_free(t, &sink);
	assert_int_equal(h.ends, 1);
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

/* What the receiver may have taken begins and ends within the window. */
static void
a_window_has_its_bounds(void **state)
{
	static const int32_t at[] = { INT32_MIN + 100, -TCP_WINDOW - 1,
		-TCP_WINDOW, -TCP_WINDOW + 1, -1, 0, 1, TCP_WINDOW - 4,
		TCP_WINDOW - 3, TCP_WINDOW - 2, TCP_WINDOW, TCP_WINDOW + 1,
		INT32_MAX - 100 };
	/* clang-format off */
	static const struct seg before[] = { SAID,
		{ 100, TCP_ACK, "xy", true, 12 },
		{ 12, TCP_ACK, "", false, 102 },
	};
	/* clang-format on */
	struct capture_sink sink = { NULL, NULL, on_tcp, on_end, NULL, NULL };
	struct capture_stats stats;
	struct tcpstream *t;
	struct heard h;
	struct seg s;
	size_t i, k, n;
	int back;
	bool good;

	(void)state;
	sink.ctx = &h;
	for (i = 0; i < 2 * ROWS(at) * ROWS(at); i++) {
		memset(&h, 0, sizeof(h));
		memset(&stats, 0, sizeof(stats));
		h.b = strbuf_of(h.text, sizeof(h.text));
		assert_non_null(t = tcpstream_new());
		for (n = 0; n < ROWS(before); n++)
			feed_one(t, &before[n], SEC, &sink, &stats);
		back = i % 2;
		k = i / 2;
		s = (struct seg) { (back ? 102 : 12) +
			    (uint32_t)at[k / ROWS(at)],
			TCP_ACK, "zzz", back,
			(back ? 12 : 102) + (uint32_t)at[k % ROWS(at)] };
		good = at[k / ROWS(at)] >= -TCP_WINDOW &&
		    at[k / ROWS(at)] + 3 <= TCP_WINDOW &&
		    at[k % ROWS(at)] >= -TCP_WINDOW &&
		    at[k % ROWS(at)] <= TCP_WINDOW;
		feed_one(t, &s, SEC, &sink, &stats);
		if (stats.tcp_implausible != !good)
			fail_msg("%d %d", at[k / ROWS(at)], at[k % ROWS(at)]);
		/* Without ACK it is none of the connection. */
		s.flags = 0;
		feed_one(t, &s, SEC, &sink, &stats);
		assert_int_equal(stats.tcp_implausible, 1 + !good);
		tcpstream_free(t, &sink);
	}
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_become_bytes_in_order),
		cmocka_unit_test(bytes_have_the_place_of_their_packets),
		cmocka_unit_test(who_moves_stays_mute),
		cmocka_unit_test(one_of_no_interest_keeps_nothing),
		cmocka_unit_test(either_end_may_have_to_wait),
		cmocka_unit_test(the_end_that_began_a_connection_is_told),
		cmocka_unit_test(what_nobody_answers_is_not_read),
		cmocka_unit_test(of_two_versions_the_later_counts),
		cmocka_unit_test(strangers_end_no_connection),
		cmocka_unit_test(a_window_has_its_bounds),
		cmocka_unit_test(the_receiver_is_the_judge),
		cmocka_unit_test(what_does_not_begin_well_is_not_searched),
		cmocka_unit_test(a_port_used_again_is_a_new_connection),
	};

	return starve_left(RUN_BOTH_WAYS(tests), 0);
}
