/* SPDX-License-Identifier: ISC */
/* One direction of a stream, at the bounds of each of its decisions. */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/capture/tcpside.h"
#include "src/capture/tcpstream.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

static struct shares room;
static struct capture_stats stats;
static struct tcpside side;
static char got[1024];
static size_t ngot;
static enum capture_more answer;

static enum capture_more
reader_read(void *ctx, struct span bytes, bool lost)
{
	(void)ctx;
	(void)lost;
	if (ngot + bytes.len < sizeof(got))
		memcpy(got + ngot, bytes.p, bytes.len);
	ngot += bytes.len;
	got[ngot < sizeof(got) ? ngot : 0] = '\0';
	return answer;
}

static const struct tcpside_reader reader = { NULL, reader_read, &stats };

static int
begin(void **state)
{
	const struct addr sender = addr_v4(192, 0, 2, 1);

	(void)state;
	shares_init(&room);
	memset(&stats, 0, sizeof(stats));
	ngot = 0;
	got[0] = '\0';
	answer = CAPTURE_WHOLE;
	tcpside_begin(&side, &sender, 0, false);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	tcpside_clear(&side, &room);
	assert_int_equal(room.n, 0);
	assert_int_equal(room.used, 0);
	return 0;
}

static void
add(uint32_t seq, const char *text, bool good)
{
	tcpside_add(&side, &room, seq, span_of(text), good, &stats);
}

static void
reads(const char *text, bool late)
{
	assert_true(tcpside_read(&side, &room, late, &reader));
	assert_string_equal(got, text);
}

static void
a_beginning_that_was_seen_is_whole(void **state)
{
	const struct addr sender = addr_v4(192, 0, 2, 2);
	struct tcpside missed;

	(void)state;
	assert_true(side.whole);
	assert_false(side.lost);
	tcpside_begin(&missed, &sender, 7, true);
	assert_false(missed.whole);
	assert_true(missed.lost);
}

static void
what_is_kept_is_counted(void **state)
{
	size_t one;

	(void)state;
	add(4, "efgh", true);
	one = room.used;
	assert_true(one > 4);
	assert_true(tcpside_waits(&side));
	add(12, "mnop", true);
	assert_int_equal(room.used, 2 * one);
	tcpside_give_up(&side, &room);
	assert_false(tcpside_waits(&side));
	assert_int_equal(room.used, 0);
	/* Read, it is kept until the receiver has it, to the last byte. */
	add(0, "abcd", true);
	add(4, "efgh", true);
	reads("abcdefgh", false);
	assert_int_equal(side.nsent, 2);
	tcpside_ack(&side, 3);
	reads("abcdefgh", false);
	assert_int_equal(side.nsent, 2);
	tcpside_ack(&side, 4);
	reads("abcdefgh", false);
	assert_int_equal(side.nsent, 1);
	assert_int_equal(room.used, one);
	/* An older number changes nothing. */
	tcpside_ack(&side, 2);
	assert_int_equal(side.ack, 4);
	tcpside_ack(&side, 8);
	reads("abcdefgh", false);
	assert_int_equal(side.nsent, 0);
	assert_int_equal(room.used, 0);
}

static void
pieces_are_bounded(void **state)
{
	uint32_t i;

	(void)state;
	/* Read and never acknowledged. */
	for (i = 0; i < TCP_MAX_PIECES + 100; i++) {
		add(i, "x", true);
		assert_true(tcpside_read(&side, &room, false, &reader));
	}
	assert_int_equal(ngot, TCP_MAX_PIECES + 100);
	assert_int_equal(side.nsent, TCP_MAX_PIECES);
	assert_int_equal(stats.tcp_limits, 0);
	/* Waiting; what comes next has a place. */
	for (i = 0; i <= TCP_MAX_PIECES; i++)
		add(2000 + 2 * i, "y", true);
	assert_int_equal(side.nahead, TCP_MAX_PIECES);
	assert_int_equal(stats.tcp_limits, 1);
	add(TCP_MAX_PIECES + 100, "z", true);
	assert_int_equal(side.nahead, TCP_MAX_PIECES + 1);
	assert_int_equal(stats.tcp_limits, 1);
}

/* Bytes that were read, too, make room for others. */
static void
who_has_most_loses_all_of_it(void **state)
{
	const struct addr other = addr_v4(192, 0, 2, 2);
	const size_t size = 1u << 20;
	struct tcpside two;
	uint32_t seq = 0;
	char *big = calloc(1, size);
	struct span bytes = { big, size };

	(void)state;
	assert_non_null(big);
	tcpside_begin(&two, &other, 0, false);
	while (stats.tcp_limits == 0 && seq < 64u << 20) {
		tcpside_add(&side, &room, seq, bytes, true, &stats);
		assert_true(tcpside_read(&side, &room, false, &reader));
		seq += (uint32_t)size;
	}
	/* With its own last. */
	assert_int_equal(stats.tcp_limits, 1);
	assert_int_equal(seq / size, TCP_MAX_BYTES / size);
	assert_int_equal(side.nsent, 1);
	while (room.used + size + 1024 < TCP_MAX_BYTES) {
		tcpside_add(&side, &room, seq, bytes, true, &stats);
		assert_true(tcpside_read(&side, &room, false, &reader));
		seq += (uint32_t)size;
	}
	assert_true(side.nsent > 1);
	tcpside_add(&two, &room, 0, bytes, true, &stats);
	assert_int_equal(stats.tcp_limits, 2);
	assert_int_equal(side.nsent, 0);
	assert_int_equal(two.nahead, 1);
	tcpside_clear(&two, &room);
	free(big);
}

static void
a_conflict_takes_back_what_it_touches(void **state)
{
	(void)state;
	add(0, "abcd", true);
	add(4, "efgh", true);
	reads("abcdefgh", false);
	assert_true(side.whole);
	/* The same again is none. */
	add(4, "efgh", true);
	assert_int_equal(stats.tcp_conflicts, 0);
	/* Good bytes are not replaced by bad ones. */
	add(4, "EFGH", false);
	assert_int_equal(stats.tcp_conflicts, 1);
	assert_int_equal(side.next, 8);
	assert_false(side.lost);
	add(4, "EFGH", true);
	assert_int_equal(stats.tcp_conflicts, 2);
	assert_int_equal(side.next, 4);
	assert_int_equal(side.nsent, 1);
	assert_true(side.lost);
	assert_false(side.whole);
	/* Lost, the reader waits for the receiver. */
	reads("abcdefgh", false);
	tcpside_ack(&side, 7);
	reads("abcdefgh", false);
	tcpside_ack(&side, 8);
	reads("abcdefghEFGH", false);
	assert_false(side.lost);
	assert_true(side.whole);
}

/*
 * Eight bytes were read, or wait: the bytes from `seq` up to `end` are sent, of
 * which the one at `other` is another one.
 */
static void
play_other(void **state, bool was_read, uint32_t seq, uint32_t end,
    uint32_t other)
{
	const uint32_t from = 4, to = 12;
	bool differs = other >= from && other < to;
	char text[17] = "abcdefghijklmnop";

	begin(state);
	tcpside_begin(&side, &side.sender, was_read ? from : 0, false);
	add(from, "efgh", true);
	add(from + 4, "ijkl", true);
	if (was_read)
		reads("efghijkl", false);
	text[other] = 'X';
	text[end] = '\0';
	add(seq, text + seq, true);
	if (stats.tcp_conflicts != differs)
		fail_msg("%u to %u, %u", seq, end, other);
	if (was_read) {
		assert_int_equal(side.next,
		    differs ? (seq > from ? seq : from) : to);
		assert_int_equal(side.lost, differs);
		/* Only segments before all that was sent again are kept. */
		if (differs)
			assert_int_equal(side.nsent, seq >= from + 4);
	}
	tcpside_clear(&side, &room);
	assert_int_equal(room.used, 0);
}

static void
each_byte_that_differs_is_a_conflict(void **state)
{
	uint32_t seq, end, other;

	for (seq = 0; seq < 16; seq++)
		for (end = seq + 1; end <= 16; end++)
			for (other = seq; other < end; other++) {
				play_other(state, true, seq, end, other);
				play_other(state, false, seq, end, other);
			}
	begin(state);
}

/* The same bytes come in any pieces, in any order, more than once. */
static void
pieces_in_any_order_are_read_in_order(void **state)
{
	static char text[301];
	uint32_t turn, seq, len, have, i, base;
	bool here[300];

	srandom(1);
	for (i = 0; i < 300; i++)
		text[i] = (char)('a' + random() % 26);
	for (turn = 0; turn < 50; turn++) {
		end(state);
		begin(state);
		base = turn % 2 == 0 ? 0 : UINT32_MAX - 150;
		tcpside_begin(&side, &side.sender, base, false);
		memset(here, 0, sizeof(here));
		for (have = 0; have < 300;) {
			seq = (uint32_t)random() % 300;
			len = 1 + (uint32_t)random() % (300 - seq);
			if (len > 40)
				len = 40;
			memset(here + seq, true, len);
			tcpside_add(&side, &room, base + seq,
			    (struct span) { text + seq, len }, random() % 4,
			    &stats);
			while (have < 300 && here[have])
				have++;
			if (random() % 3 == 0)
				tcpside_ack(&side, base + have);
			assert_true(tcpside_read(&side, &room, false, &reader));
			assert_int_equal(ngot, have);
			assert_memory_equal(got, text, have);
			assert_int_equal(side.next, base + have);
			for (i = have; i < 300 && !here[i]; i++)
				continue;
			assert_int_equal(tcpside_waits(&side), i < 300);
		}
		tcpside_ack(&side, base + 300);
		assert_true(tcpside_read(&side, &room, false, &reader));
		assert_int_equal(room.used, 0);
		assert_int_equal(stats.tcp_conflicts, 0);
		assert_int_equal(stats.tcp_gaps + stats.tcp_limits, 0);
		assert_false(side.lost);
	}
}

static void
the_better_version_waits(void **state)
{
	(void)state;
	/* Before their turn, the first stays. */
	add(2, "cd", true);
	add(2, "XX", true);
	add(2, "YY", false);
	/* Only a good one replaces a bad one. */
	add(6, "ZZ", false);
	add(6, "gh", true);
	assert_int_equal(stats.tcp_conflicts, 3);
	add(0, "ab", true);
	add(4, "ef", true);
	reads("abcdefgh", false);
	/* In its turn, or lost, the later counts; but a bad one never. */
	tcpside_lose(&side);
	add(10, "kl", true);
	add(10, "KL", true);
	add(10, "XX", false);
	add(8, "ij", true);
	tcpside_ack(&side, 12);
	reads("abcdefghijKL", false);
}

static void
an_end_is_where_nothing_comes_behind(void **state)
{
	(void)state;
	add(0, "ab", true);
	reads("ab", false);
	/* Before what was read, and before what waits, is no end. */
	tcpside_fin(&side, 1);
	assert_false(side.fin);
	add(4, "ef", true);
	tcpside_fin(&side, 5);
	assert_false(side.fin);
	tcpside_fin(&side, 6);
	assert_true(side.fin);
	assert_false(tcpside_ended(&side));
	/* Bytes up to it leave it, bytes behind it do not. */
	add(2, "cdef", true);
	assert_true(side.fin);
	reads("abcdef", false);
	assert_true(tcpside_ended(&side));
	add(6, "g", true);
	assert_false(side.fin);
	reads("abcdefg", false);
	tcpside_fin(&side, 7);
	tcpside_ack(&side, 7);
	assert_true(tcpside_ended(&side));
	/* The receiver must have the end itself. */
	assert_false(tcpside_closed(&side));
	tcpside_ack(&side, 8);
	assert_true(tcpside_closed(&side));
	add(7, "h", true);
	assert_false(tcpside_waits(&side));
}

static void
a_gap_is_one_when_the_receiver_has_what_is_behind(void **state)
{
	(void)state;
	add(4, "efgh", true);
	tcpside_ack(&side, 3);
	reads("", true);
	assert_int_equal(stats.tcp_gaps, 0);
	/* Not before its time. */
	tcpside_ack(&side, 4);
	reads("", false);
	assert_int_equal(stats.tcp_gaps, 0);
	answer = CAPTURE_PART;
	reads("", true);
	assert_int_equal(stats.tcp_gaps, 1);
	assert_true(side.lost);
	tcpside_ack(&side, 8);
	reads("efgh", true);
	assert_int_equal(stats.tcp_gaps, 1);
	/* A part is not whole. */
	assert_false(side.whole);
	assert_false(side.framed);
	assert_false(side.lost);
	answer = CAPTURE_WHOLE;
	add(8, "ij", true);
	reads("efghij", false);
	assert_true(side.whole);
	assert_true(side.framed);
	answer = CAPTURE_END;
	add(10, "kl", true);
	assert_false(tcpside_read(&side, &room, false, &reader));
}

/* The place of a reader, as a successor gets it, of each kind. */
static void
a_record_keeps_what_a_successor_needs(void **state)
{
	const struct addr sender = addr_v4(192, 0, 2, 9);
	uint8_t record[TCPSIDE_RECORD + 1];
	struct tcpside again;
	struct cursor r;
	struct writer w;
	unsigned int i;
	bool whole;

	(void)state;
	for (i = 0; i < 32; i++) {
		side.next = i % 2 != 0 ? 0xfedcba98 : i;
		side.whole = (i & 1) != 0;
		side.lost = (i & 2) != 0;
		side.begun = (i & 4) != 0;
		side.framed = (i & 8) != 0;
		side.mute = (i & 16) != 0;
		whole = side.whole && !side.lost;
		w = writer_of(record, sizeof(record));
		tcpside_export(&side, &w);
		assert_int_equal(w.len, TCPSIDE_RECORD);
		r = cursor_of(record, w.len);
		memset(&again, 0xff, sizeof(again));
		tcpside_import(&again, &sender, &r);
		assert_false(r.bad);
		assert_int_equal(cursor_left(&r), 0);
		assert_int_equal(again.next, side.next);
		assert_int_equal(again.ack, side.next);
		assert_int_equal(again.acked, side.next);
		assert_int_equal(again.whole, whole);
		assert_int_equal(again.lost, !whole);
		assert_int_equal(again.begun, side.begun);
		assert_int_equal(again.framed, side.framed);
		/* Lost before a whole message came, it is mute for ever. */
		assert_int_equal(again.mute,
		    side.mute || (!whole && side.begun && !side.framed));
		assert_false(again.fin);
		assert_int_equal(again.nahead + again.nsent, 0);
		assert_true(addr_eq(&again.sender, &sender));
		assert_false(tcpside_waits(&again));
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_beginning_that_was_seen_is_whole),
		T(what_is_kept_is_counted),
		T(pieces_are_bounded),
		T(who_has_most_loses_all_of_it),
		T(a_conflict_takes_back_what_it_touches),
		T(each_byte_that_differs_is_a_conflict),
		T(pieces_in_any_order_are_read_in_order),
		T(the_better_version_waits),
		T(an_end_is_where_nothing_comes_behind),
		T(a_record_keeps_what_a_successor_needs),
		T(a_gap_is_one_when_the_receiver_has_what_is_behind),
	};

	return starve_left(cmocka_run_group_tests(tests, NULL, NULL), 0);
}
