/* SPDX-License-Identifier: ISC */
/* Records of TCP connections that one engine writes and the next one adopts. */
#include "tests/unit/starve.h"
#include "tests/unit/tcpplay.h"

struct kept {
	struct heard h;
	uint64_t key;
	uint8_t record[128];
	size_t len;
};

static void
on_remember(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct kept *k = ctx;

	k->key = key;
	k->len = len;
	if (len > 0)
		memcpy(k->record, p, len);
}

/* A predecessor reads some, and remembers; its successor reads on. */
static void
hand_over(const struct seg *before, size_t n, const struct seg *after, size_t m,
    const char *want, const char *origin)
{
	struct tcpstream *t = tcpstream_new();
	struct kept k = { 0 };
	struct capture_sink sink = { &k, NULL, on_tcp, on_end, on_remember,
		NULL };
	struct capture_stats stats = { 0 };
	size_t i;

	k.h.b = strbuf_of(k.h.text, sizeof(k.h.text));
	for (i = 0; i < n; i++) {
		feed_one(t, &before[i], SEC, &sink, &stats);
		tcpstream_flush(t, &sink);
	}
	tcpstream_free(t, &sink);
	assert_true(k.len > 0);
	strbuf_reset(&k.h.b);
	memset(k.h.origin, 0, sizeof(k.h.origin));
	assert_non_null(t = tcpstream_new());
	/* A record that is not whole is not believed. */
	for (i = 0; i < k.len; i++)
		tcpstream_adopt(t, k.key, k.record, i, 2 * SEC);
	tcpstream_adopt(t, 1, k.record, k.len, 2 * SEC);
	tcpstream_adopt(t, k.key, k.record, k.len, 2 * SEC);
	tcpstream_adopt(t, k.key + 1, k.record, k.len, 2 * SEC);
	for (i = 0; i < m; i++)
		feed_one(t, &after[i], 3 * SEC, &sink, &stats);
	assert_string_equal(k.h.text, want);
	assert_string_equal(k.h.origin, origin);
	tcpstream_flush(t, &sink);
	tcpstream_free(t, &sink);
}

static void
a_successor_reads_on(void **state)
{
	/* clang-format off */
	static const struct seg met[] = { MET };
	static const struct seg said[] = { SAID };
	static const struct seg part[] = { SAID, { 12, TCP_ACK, "<b", false, 100 } };
	static const struct seg post[] = { MET, { 10, TCP_ACK, "?b", false, 100 } };
	static const struct seg on[] = {
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 100, TCP_ACK, "ef", true, 14 },
	};
	static const struct seg first[] = {
		{ 10, TCP_ACK, "cd", false, 100 },
		{ 100, TCP_ACK, "ef", true, 12 },
	};
	static const struct seg behind[] = {
		{ 14, TCP_ACK, "cd", false, 100 },
		{ 100, TCP_ACK, "ef", true, 16 },
	};
	static const struct seg elsewhere[] = {
		{ 900000, TCP_ACK, "cd", false, 700000 },
		{ 700000, TCP_ACK, "ef", true, 900002 },
		{ 900002, TCP_ACK, "gh", false, 700002 },
	};
	/* clang-format on */

	(void)state;
	hand_over(said, ROWS(said), on, ROWS(on), "cdef", "<>");
	hand_over(part, ROWS(part), behind, ROWS(behind), "|cdef", "<>");
	hand_over(post, ROWS(post), on, ROWS(on), "ef", ">");
	/* The end that began the connection is known at any place in it. */
	hand_over(said, ROWS(said), elsewhere, ROWS(elsewhere), "|cd|efgh",
	    "<><");
	hand_over(post, ROWS(post), elsewhere, ROWS(elsewhere), "|ef", ">");
	hand_over(met, ROWS(met), first, ROWS(first), "cdef", "<>");
}

/*
 * While a service restarts, messages go by that nobody reads.  What comes next
 * is read as soon as it is acknowledged, so that a request is read before its
 * answer, and without waiting.
 */
static void
a_successor_waits_for_nothing_older(void **state)
{
	/* clang-format off */
	static const struct seg said[] = { SAID };
	static const struct seg client_spoke[] = {
		{ 14, TCP_ACK, "cd", false, 100 },
		{ 100, TCP_ACK, "ef", true, 16 },
		{ 102, TCP_ACK, "gh", true, 16 },
		{ 16, TCP_ACK, "ij", false, 104 },
	};
	static const struct seg server_spoke[] = {
		{ 12, TCP_ACK, "cd", false, 102 },
		{ 102, TCP_ACK, "ef", true, 14 },
		{ 104, TCP_ACK, "gh", true, 14 },
		{ 14, TCP_ACK, "ij", false, 106 },
	};
	static const struct seg both_spoke[] = {
		{ 14, TCP_ACK, "cd", false, 102 },
		{ 102, TCP_ACK, "", true, 16 },
		{ 102, TCP_ACK, "ef", true, 16 },
		{ 104, TCP_ACK, "gh", true, 16 },
		{ 16, TCP_ACK, "ij", false, 106 },
	};
	/* What nobody has acknowledged may yet come, or be sent again. */
	static const struct seg ahead[] = {
		{ 14, TCP_ACK, "ef", false, 100 },
		{ 100, TCP_ACK, "gh", true, 12 },
		{ 12, TCP_ACK, "cd", false, 102 },
	};
	static const struct seg elsewhere[] = {
		{ 900000, TCP_ACK, "g", false, 700000 },
		{ 700000, TCP_ACK, "", true, 900001 },
	};
	/* After the first byte, all is as ever. */
	static const struct seg later[] = {
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 16, TCP_ACK, "ef", false, 100 },
		{ 100, TCP_ACK, "gh", true, 18 },
	};
	/* clang-format on */

	(void)state;
	hand_over(said, ROWS(said), client_spoke, ROWS(client_spoke),
	    "|cdefghij", "<>><");
	hand_over(said, ROWS(said), server_spoke, ROWS(server_spoke),
	    "cd|efghij", "<>><");
	hand_over(said, ROWS(said), both_spoke, ROWS(both_spoke), "|cd|efghij",
	    "<>><");
	hand_over(said, ROWS(said), ahead, ROWS(ahead), "ghcdef", "><<");
	hand_over(said, ROWS(said), later, ROWS(later), "cdgh", "<>");
	/* One byte is enough to see that both ends are elsewhere. */
	hand_over(said, ROWS(said), elsewhere, ROWS(elsewhere), "|g", "<");
}

/* A connection that the engine before did not read is not read on. */
static void
a_successor_is_as_deaf(void **state)
{
	/* clang-format off */
	static const struct seg page[] = { MET, { 10, TCP_ACK, "!b", false, 100 } };
	static const struct seg on[] = {
		{ 12, TCP_ACK, "cd", false, 100 },
		{ 100, TCP_ACK, "ef", true, 14 },
		{ 900000, TCP_ACK, "gh", false, 700000 },
		{ 700000, TCP_ACK, "ij", true, 900002 },
		{ 900002, TCP_ACK, "kl", false, 700002 },
	};
	static const struct seg anew[] = {
		{ 1009, TCP_SYN, "", false, 0 },
		{ 1099, TCP_SYN | TCP_ACK, "", true, 1010 },
		{ 1010, TCP_ACK, "cd", false, 1100 },
	};
	/* clang-format on */

	(void)state;
	hand_over(page, ROWS(page), on, ROWS(on), "", "");
	hand_over(page, ROWS(page), anew, ROWS(anew), "cd", "<");
}

/* A connection that the successor adopted is forgotten when it is over. */
static void
a_successor_forgets_under_the_same_key(void **state)
{
	/* clang-format off */
	static const struct seg met[] = { MET };
	static const struct seg ends[] = {
		{ 10, TCP_ACK | TCP_FIN, "", false, 100 },
		{ 100, TCP_ACK | TCP_FIN, "", true, 11 },
		{ 11, TCP_ACK, "", false, 101 },
	};
	/* clang-format on */
	struct tcpstream *t = tcpstream_new();
	struct kept k = { 0 };
	struct capture_sink sink = { &k, NULL, on_tcp, on_end, on_remember,
		NULL };
	struct capture_stats stats = { 0 };
	size_t i;

	(void)state;
	k.h.b = strbuf_of(k.h.text, sizeof(k.h.text));
	for (i = 0; i < ROWS(met); i++)
		feed_one(t, &met[i], SEC, &sink, &stats);
	tcpstream_flush(t, &sink);
	tcpstream_free(t, &sink);
	assert_true(k.len > 0 && k.key == CAPTURE_KEY_MIN);
	assert_non_null(t = tcpstream_new());
	/* Keys of others are none of ours. */
	tcpstream_adopt(t, CAPTURE_KEY_MIN - 1, k.record, k.len, 2 * SEC);
	tcpstream_adopt(t, CAPTURE_KEY_MAX, k.record, k.len, 2 * SEC);
	tcpstream_adopt(t, CAPTURE_KEY_MAX - 1, k.record, k.len, 2 * SEC);
	tcpstream_adopt(t, k.key, k.record, k.len, 2 * SEC);
	k.key = 0;
	for (i = 0; i < ROWS(ends); i++)
		feed_one(t, &ends[i], 3 * SEC, &sink, &stats);
	assert_int_equal(k.len, 0);
	assert_int_equal(k.key, CAPTURE_KEY_MIN);
	/* The next one has the next. */
	for (i = 0; i < ROWS(met); i++)
		feed_one(t, &met[i], 4 * SEC, &sink, &stats);
	tcpstream_flush(t, &sink);
	assert_int_equal(k.key, CAPTURE_KEY_MIN + 1);
	tcpstream_free(t, &sink);
}

struct flushed {
	unsigned int n;
	uint64_t key;
	uint8_t record[128];
	size_t len;
};

static void
on_flushed(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct flushed *k = ctx;

	assert_true(len > 0 && len <= sizeof(k->record));
	k->n++;
	k->key = key;
	k->len = len;
	memcpy(k->record, p, len);
}

static enum capture_more
on_any(void *ctx, void **user, const struct datagram *d)
{
	(void)ctx;
	(void)user;
	(void)d;
	return CAPTURE_WHOLE;
}

static void
on_end_of_any(void *ctx, void *user)
{
	(void)ctx;
	(void)user;
}

/* What changed is recorded once, and once more when it changes again. */
static void
each_change_is_recorded_once(void **state)
{
	/* clang-format off */
	static const struct {
		struct seg seg;
		bool changes;
	} rows[] = {
		{ { 9, TCP_SYN, "", false, 0 }, false },
		{ { 99, TCP_SYN | TCP_ACK, "", true, 10 }, false },
		{ { 10, TCP_ACK, "", false, 100 }, true },
		{ { 10, TCP_ACK, "ab", false, 100 }, true },
		{ { 100, TCP_ACK, "", true, 12 }, false },
		{ { 10, TCP_ACK, "ab", false, 100 }, false },	/* again */
		{ { 14, TCP_ACK, "ef", false, 100 }, false },	/* ahead */
		{ { 12, TCP_ACK, "cd", false, 100 }, true },
		{ { 100, TCP_ACK, "xy", true, 16 }, true },
		{ { 900000, TCP_ACK, "zz", false, 900000 }, false },
		{ { 16, TCP_ACK, "g", false, 102 }, true },
	};
	/* clang-format on */
	struct tcpstream *t = tcpstream_new();
	struct flushed k = { 0 }, before;
	struct capture_sink sink = { &k, NULL, on_any, NULL, on_flushed, NULL };
	struct capture_stats stats = { 0 };
	unsigned int n = 0;
	size_t i;

	(void)state;
	assert_non_null(t);
	assert_false(tcpstream_flush(t, &sink));
	for (i = 0; i < ROWS(rows); i++) {
		before = k;
		feed_one(t, &rows[i].seg, SEC, &sink, &stats);
		/* Not before it is flushed. */
		assert_int_equal(k.n, n);
		n += rows[i].changes;
		if (tcpstream_flush(t, &sink) != rows[i].changes)
			fail_msg("row %zu", i);
		assert_int_equal(k.n, n);
		assert_false(tcpstream_flush(t, &sink));
		if (!rows[i].changes)
			continue;
		assert_int_equal(k.key, CAPTURE_KEY_MIN);
		assert_true(before.len != k.len ||
		    memcmp(before.record, k.record, k.len) != 0);
	}
	tcpstream_free(t, &sink);
}

/* What is over before it is recorded is not recorded. */
static void
what_has_ended_is_not_recorded(void **state)
{
	/* clang-format off */
	static const struct seg segs[] = { SAID,
		{ 12, TCP_ACK | TCP_FIN, "", false, 100 },
		{ 100, TCP_ACK | TCP_FIN, "", true, 13 },
		{ 13, TCP_ACK, "", false, 101 },
	};
	/* clang-format on */
	struct tcpstream *t = tcpstream_new();
	struct flushed k = { 0 };
	struct capture_sink sink = { &k, NULL, on_any, on_end_of_any,
		on_flushed, NULL };
	struct capture_stats stats = { 0 };
	size_t i;

	(void)state;
	assert_non_null(t);
	for (i = 0; i < ROWS(segs); i++)
		feed_one(t, &segs[i], SEC, &sink, &stats);
	assert_int_equal(stats.tcp_connections, 1);
	assert_true(tcpstream_due(t) == INT64_MAX);
	assert_false(tcpstream_flush(t, &sink));
	assert_int_equal(k.n, 0);
	tcpstream_free(t, &sink);
}

/* A record with a byte too many, or of another layout, is none. */
static void
a_record_is_believed_only_as_it_was_written(void **state)
{
	static const struct seg said[] = { SAID };
	struct tcpstream *t = tcpstream_new();
	struct flushed k = { 0 };
	struct capture_sink sink = { &k, NULL, on_any, NULL, on_flushed, NULL };
	struct capture_stats stats = { 0 };
	uint8_t record[sizeof(k.record) + 1];
	size_t i, n, len;

	(void)state;
	assert_non_null(t);
	for (i = 0; i < ROWS(said); i++)
		feed_one(t, &said[i], SEC, &sink, &stats);
	assert_true(tcpstream_flush(t, &sink));
	tcpstream_free(t, &sink);
	len = k.len;
	for (n = 0; n <= len + 1; n++) {
		memset(record, 0, sizeof(record));
		memcpy(record, k.record, len);
		assert_non_null(t = tcpstream_new());
		tcpstream_adopt(t, k.key, record, n, SEC);
		/* Nothing is there that would become idle. */
		assert_int_equal(tcpstream_due(t) == INT64_MAX, n != len);
		if (n == len)
			assert_true(tcpstream_due(t) == SEC + TCP_IDLE + 1);
		tcpstream_free(t, &sink);
	}
	for (i = 0; i < 256; i++) {
		record[0] = (uint8_t)i;
		assert_non_null(t = tcpstream_new());
		tcpstream_adopt(t, k.key, record, len, SEC);
		assert_int_equal(tcpstream_due(t) == INT64_MAX,
		    i != k.record[0]);
		tcpstream_free(t, &sink);
	}
}

/* Two ends of one family, the lower first, and not the same. */
static void
a_record_has_two_ends(void **state)
{
	/* clang-format off */
	static const struct {
		const char *a;
		uint16_t a_port;
		const char *b;
		uint16_t b_port;
		bool good;
	} rows[] = {
		{ "192.0.2.10", 5060, "198.51.100.7", 40000, true },
		{ "192.0.2.10", 40000, "198.51.100.7", 5060, true },
		{ "198.51.100.7", 5060, "192.0.2.10", 40000, false },
		{ "192.0.2.10", 5060, "192.0.2.10", 5061, true },
		{ "192.0.2.10", 5060, "192.0.2.10", 5060, false },
		{ "192.0.2.10", 5061, "192.0.2.10", 5060, false },
		{ "2001:db8::1", 1, "2001:db8::2", 1, true },
		{ "2001:db8::2", 1, "2001:db8::1", 1, false },
		{ "192.0.2.10", 1, "2001:db8::1", 2, false },
		{ "2001:db8::1", 1, "192.0.2.10", 2, false },
		{ NULL, 1, NULL, 2, false },
		{ NULL, 1, "192.0.2.10", 2, false },
		{ NULL, 1, "2001:db8::1", 2, false },
		{ "192.0.2.10", 1, NULL, 2, false },
	};
	/* clang-format on */
	static const uint8_t sides[2 * TCPSIDE_RECORD];
	struct addr a, b;
	struct tcpstream *t;
	uint8_t record[128];
	struct writer w;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		if (rows[i].a != NULL)
			assert_int_equal(addr_parse(span_of(rows[i].a), &a),
			    PH_OK);
		if (rows[i].b != NULL)
			assert_int_equal(addr_parse(span_of(rows[i].b), &b),
			    PH_OK);
		w = writer_of(record, sizeof(record));
		writer_u8(&w, 2);
		writer_addr(&w, &a);
		writer_u16(&w, rows[i].a_port);
		writer_addr(&w, &b);
		writer_u16(&w, rows[i].b_port);
		writer_u32(&w, 7);
		writer_u8(&w, 0);
		writer_copy(&w, sides, sizeof(sides));
		assert_non_null(t = tcpstream_new());
		tcpstream_adopt(t, CAPTURE_KEY_MIN, record, w.len, SEC);
		assert_int_equal(tcpstream_due(t) != INT64_MAX, rows[i].good);
		/* One that is there already is not taken again. */
		tcpstream_adopt(t, CAPTURE_KEY_MIN + 1, record, w.len, 2 * SEC);
		assert_true(tcpstream_due(t) ==
		    (rows[i].good ? SEC + TCP_IDLE + 1 : INT64_MAX));
		tcpstream_free(t, NULL);
	}
}

/* The first keys and the last, and their neighbours. */
static void
keys_of_others_are_not_taken(void **state)
{
	/* clang-format off */
	static const struct {
		uint64_t key;
		bool good;
	} keys[] = {
		{ 0, false },
		{ CAPTURE_KEY_MIN - 1, false },
		{ CAPTURE_KEY_MIN, true },
		{ CAPTURE_KEY_MAX - 2, true },
		{ CAPTURE_KEY_MAX - 1, false },
		{ CAPTURE_KEY_MAX, false },
		{ UINT64_MAX, false },
	};
	/* clang-format on */
	static const struct seg said[] = { SAID };
	struct tcpstream *t = tcpstream_new();
	struct flushed k = { 0 };
	struct capture_sink sink = { &k, NULL, on_any, NULL, on_flushed, NULL };
	struct capture_stats stats = { 0 };
	size_t i;

	(void)state;
	assert_non_null(t);
	for (i = 0; i < ROWS(said); i++)
		feed_one(t, &said[i], SEC, &sink, &stats);
	assert_true(tcpstream_flush(t, &sink));
	tcpstream_free(t, &sink);
	for (i = 0; i < ROWS(keys); i++) {
		assert_non_null(t = tcpstream_new());
		tcpstream_adopt(t, keys[i].key, k.record, k.len, SEC);
		assert_int_equal(tcpstream_due(t) != INT64_MAX, keys[i].good);
		tcpstream_free(t, &sink);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_successor_reads_on),
		cmocka_unit_test(a_successor_waits_for_nothing_older),
		cmocka_unit_test(a_successor_is_as_deaf),
		cmocka_unit_test(a_successor_forgets_under_the_same_key),
		cmocka_unit_test(each_change_is_recorded_once),
		cmocka_unit_test(what_has_ended_is_not_recorded),
		cmocka_unit_test(a_record_is_believed_only_as_it_was_written),
		cmocka_unit_test(a_record_has_two_ends),
		cmocka_unit_test(keys_of_others_are_not_taken),
	};

	return starve_left(RUN_BOTH_WAYS(tests), 0);
}
