/* SPDX-License-Identifier: ISC */
/*
 * Connections that wait for lost segments, and many connections at once: each
 * has its room, and a flood costs nobody else a byte.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "tests/unit/starve.h"
#include "tests/unit/tcpplay.h"

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

/* With one connection, which crowd_seg() goes on with. */
static void
crowd_met(struct crowd *c)
{
	static const struct seg met[] = { MET };
	size_t i;

	crowd_new(c);
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

/* So many connections more, all from one address or from a hundred others. */
static void
crowd_others(struct crowd *c, uint32_t n, bool spread, bool open)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		crowd_other(c, spread ? (uint8_t)(1 + i % 100) : 0, i, open,
		    NOTHING, 0);
}

static void
a_gap_may_heal_for_a_minute(void **state)
{
	struct crowd c;
	char big[1401];
	uint32_t ahead;

	(void)state;
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
	/* The bytes that waited are gone; the connection is not. */
	crowd_seg(&c, 261 * SEC, 10 + ahead, big);
	assert_int_equal(c.h.total, ahead + 1400);
	assert_int_equal(c.h.ends, 0);
	assert_int_equal(c.stats.tcp_gaps, 0);
	tcpstream_free(c.t, &c.sink);
}

/* A reader that missed how a side began does not know that it began badly. */
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
	/* The missing bytes do not come. */
	crowd_seg(&c, 3 * SEC, 22, "mn");
	feed_one(c.t, &(struct seg) { 100, TCP_ACK, "", true, 24 }, 3 * SEC,
	    &c.sink, &c.stats);
	tcpstream_expire(c.t, 3 * SEC + TCP_LATE + 1, &c.sink, &c.stats);
	assert_string_equal(c.h.text, "ab|efghij|mn");
	assert_int_equal(c.stats.tcp_gaps, 2);
	tcpstream_free(c.t, &c.sink);
}

/* Something is due just when it happens, and not a microsecond earlier. */
static void
what_is_due_happens_then(void **state)
{
	/* clang-format off */
	static const struct {
		const char *what;
		struct seg segs[6];
		int64_t wait;	/* after which the connection, or what waits, is gone */
		bool late;	/* bytes wait, and are not waited for so long */
	} rows[] = {
		{ "a SYN", { { 9, TCP_SYN, "", false, 0 } }, TCP_HALF, false },
		{ "bytes of an unknown one", { { 10, TCP_ACK, "ab", false, 100 } }, TCP_HALF, false },
		{ "silence", { SAID }, TCP_IDLE, false },
		{ "a RST", { SAID, { 12, TCP_RST, "", false, 0 } }, TCP_IDLE, false },
		{ "a gap", { SAID, { 14, TCP_ACK, "ef", false, 100 } }, TCP_GAP, true },
	};
	/* clang-format on */
	struct crowd c;
	int64_t due;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		crowd_new(&c);
		assert_true(tcpstream_due(c.t) == INT64_MAX);
		for (k = 0; k < 6 && rows[i].segs[k].bytes != NULL; k++)
			feed_one(c.t, &rows[i].segs[k], SEC, &c.sink, &c.stats);
		if (rows[i].late) {
			due = SEC + TCP_LATE + 1;
			assert_true(tcpstream_next(c.t) == due);
			assert_true(tcpstream_due(c.t) == due);
			tcpstream_expire(c.t, due - 1, &c.sink, &c.stats);
			assert_true(tcpstream_next(c.t) == due);
			tcpstream_expire(c.t, due, &c.sink, &c.stats);
		}
		assert_true(tcpstream_next(c.t) == INT64_MAX);
		due = SEC + rows[i].wait + 1;
		assert_true(tcpstream_due(c.t) == due);
		tcpstream_expire(c.t, due - 1, &c.sink, &c.stats);
		assert_true(tcpstream_due(c.t) == due);
		tcpstream_expire(c.t, due, &c.sink, &c.stats);
		assert_true(tcpstream_due(c.t) ==
		    (rows[i].late ? SEC + TCP_IDLE + 1 : INT64_MAX));
		tcpstream_free(c.t, &c.sink);
	}
	/* Of several, the first. */
	crowd_new(&c);
	crowd_other(&c, 1, 1, false, NOTHING, 0); /* a SYN, at 0 */
	crowd_seg(&c, SEC, 10, "ab");
	assert_true(tcpstream_due(c.t) == TCP_HALF + 1);
	crowd_other(&c, 2, 1, true, NOTHING, 0);
	assert_true(tcpstream_due(c.t) == TCP_HALF + 1);
	tcpstream_expire(c.t, TCP_HALF + 1, &c.sink, &c.stats);
	assert_true(tcpstream_due(c.t) == SEC + TCP_HALF + 1);
	tcpstream_expire(c.t, SEC + TCP_HALF + 1, &c.sink, &c.stats);
	assert_true(tcpstream_due(c.t) == TCP_IDLE + 1);
	tcpstream_free(c.t, &c.sink);
}

/* After a RST a connection is the first to go, and comes back if it lives. */
static void
what_was_reset_goes_first(void **state)
{
	struct crowd c;

	(void)state;
	crowd_met(&c);
	crowd_seg(&c, 0, 10, "ab");
	feed_one(c.t, &(struct seg) { 12, TCP_RST, "", false, 0 }, 0, &c.sink,
	    &c.stats);
	crowd_others(&c, TCP_MAX_CONNS - 1, true, true);
	assert_int_equal(c.h.ends, 0);
	crowd_seg(&c, 0, 12, "cd");
	assert_string_equal(c.h.text, "abcd");
	crowd_other(&c, 200, 0, true, NOTHING, 0);
	assert_int_equal(c.h.ends, 0);
	feed_one(c.t, &(struct seg) { 14, TCP_RST, "", false, 0 }, 0, &c.sink,
	    &c.stats);
	crowd_other(&c, 201, 0, true, NOTHING, 0);
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

	(void)state;
	crowd_met(&c);
	crowd_others(&c, TCP_MAX_HALF + 1000, false, false);
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

	(void)state;
	crowd_met(&c);
	crowd_others(&c, TCP_MAX_CONNS + 1000, false, true);
	assert_int_equal(c.stats.tcp_limits, 1001);
	assert_int_equal(c.stats.tcp_connections, TCP_MAX_CONNS + 1001);
	crowd_seg(&c, 0, 10, "ab");
	assert_string_equal(c.h.text, "ab");
	/* From many other addresses, each with fewer: those of the first go. */
	crowd_others(&c, 4000, true, true);
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
	crowd_met(&c);
	for (i = 0; i < TCP_MAX_BYTES / sizeof(crumb) + 100; i++) {
		if (i == 50)
			crowd_seg(&c, 0, 12, "cd");
		crowd_other(&c, 0, i, true, bytes, 1);
	}
	assert_in_range(c.stats.tcp_limits, 99, 102);
	/*
	 * A source that has little in the room keeps it, and no connection is
	 * forgotten.
	 */
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
		cmocka_unit_test(a_beginning_that_was_missed_is_no_bad_one),
		cmocka_unit_test(what_the_receiver_has_is_not_waited_for),
		cmocka_unit_test(what_is_due_happens_then),
		cmocka_unit_test(what_was_reset_goes_first),
		cmocka_unit_test(a_gap_may_heal_for_a_minute),
		cmocka_unit_test(crumbs_are_bounded),
		cmocka_unit_test(a_flood_of_syns_costs_no_open_connection),
		cmocka_unit_test(who_opens_most_loses_first),
		cmocka_unit_test(who_has_most_waiting_makes_room),
	};

	return starve_left(RUN_BOTH_WAYS(tests), 0);
}
