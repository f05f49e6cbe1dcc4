/* SPDX-License-Identifier: ISC */
/* Packets that wait in shared memory, and what the engine is told of them. */
#include <string.h>

#include "src/capture/nfqueue.h"
#include "src/compat/copies.h"
#include "src/compat/ring.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static struct ring ring;
static unsigned char bytes[65536];
static uint32_t where; /* the packet that was put in last */

static int
setup(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	ring_begin(&ring, 7);
	return 0;
}

static bool
put(uint32_t id, size_t len)
{
	struct ring_packet p = { .id = id, .len = len, .bytes = bytes };

	memset(bytes, (int)id, len);
	p.place.len = 4;
	memset(p.place.address, (int)id, 4);
	return ring_put(&ring, &p, &where);
}

/* The next packet up to `last`, which is given back; 0: there is none. */
static uint32_t
take(uint32_t last)
{
	uint32_t at = ring_first(&ring), i;
	struct ring_packet p;

	if (!ring_take(&ring, &at, last, &p))
		return 0;
	for (i = 0; i < p.len; i++)
		assert_int_equal(((const unsigned char *)p.bytes)[i],
		    (unsigned char)p.id);
	assert_int_equal(p.place.address[3], (unsigned char)p.id);
	ring_done(&ring, &p);
	return p.id;
}

static void
packets_go_in_order_up_to_a_number(void **state)
{
	(void)state;
	assert_int_equal(take(100), 0);
	assert_true(put(1, 0) && put(2, 3000) && put(3, 1));
	assert_int_equal(ring_waiting(&ring), 3);
	assert_int_equal(take(2), 1);
	assert_int_equal(take(2), 2);
	assert_int_equal(take(2), 0);
	assert_int_equal(ring_waiting(&ring), 1);
	assert_int_equal(take(3), 3);
	assert_int_equal(ring_waiting(&ring), 0);
}

static void
numbers_begin_anew(void **state)
{
	(void)state;
	assert_true(put(UINT32_MAX, 5) && put(0, 5) && put(1, 5));
	assert_int_equal(take(UINT32_MAX), UINT32_MAX);
	assert_int_equal(take(UINT32_MAX), 0);
	assert_int_equal(take(0), 0);
	assert_int_equal(take(1), 1);
}

static void
a_full_ring_refuses(void **state)
{
	uint32_t n = 0, i;

	(void)state;
	while (put(n + 1, 65535))
		n++;
	assert_int_equal(n, RING_CELLS / 64);
	assert_false(put(n + 1, 1));
	/* Room comes back from the beginning. */
	assert_int_equal(take(1), 1);
	assert_true(put(n + 1, 65535));
	for (i = 2; i <= n + 1; i++)
		assert_int_equal(take(n + 1), i);
	/* No packet of IP is larger. */
	assert_false(put(1, 65536));
}

static void
bytes_are_in_one_piece(void **state)
{
	uint32_t id = 1, oldest = 1;
	size_t len = 1;

	(void)state;
	for (; id < 5000; id++, len = (len * 31 + 7) % 20000) {
		if (id - oldest == 20)
			assert_int_equal(take(id), oldest++);
		assert_true(put(id, len));
	}
	while (oldest < id)
		assert_int_equal(take(id), oldest++);
	assert_int_equal(take(id), 0);
}

static void
one_alone_takes_a_packet(void **state)
{
	uint32_t at = ring_first(&ring), other = at;
	struct ring_packet p, q;

	(void)state;
	assert_true(put(1, 10) && put(2, 10));
	assert_true(ring_take(&ring, &at, 2, &p));
	assert_int_equal(p.id, 1);
	assert_true(ring_take(&ring, &other, 2, &q));
	assert_int_equal(q.id, 2);
	assert_false(ring_take(&ring, &at, 2, &q));
	/* The writer takes back what it has just put in. */
	assert_true(put(3, 10));
	assert_true(ring_take(&ring, &where, 3, &q));
	assert_int_equal(q.id, 3);
	ring_done(&ring, &q);
	/* A packet that somebody holds is no room. */
	while (put(3, 60000))
		continue;
	assert_memory_equal(p.bytes, "\1\1\1\1\1\1\1\1\1\1", 10);
}

static void
a_successor_finds_what_waits(void **state)
{
	uint32_t at = ring_first(&ring);
	struct ring_packet p;

	(void)state;
	assert_true(put(1, 10) && put(2, 10));
	/* Killed with a packet in its hands. */
	assert_true(ring_take(&ring, &at, 1, &p));
	ring_begin(&ring, 8);
	assert_int_equal(ring_waiting(&ring), 1);
	assert_true(put(3, 10));
	assert_int_equal(take(3), 2);
	assert_int_equal(take(3), 3);
}

/* A writer that was taken over. */
static void
lengths_are_checked(void **state)
{
	(void)state;
	assert_true(put(1, 10) && put(2, 10) && put(3, 10));
	ring.heads[0].len = UINT32_MAX;
	ring.heads[1].place.len = RING_PLACE + 1;
	assert_int_equal(take(3), 3);
	/* Its bytes would end behind the last cell. */
	assert_true(put(4, 10) && put(5, 10));
	ring.heads[3].len = (RING_CELLS - 3) * RING_CELL + 1;
	assert_int_equal(take(5), 5);
	assert_true(put(4, 10));
	ring.end += 5 * RING_CELLS;
	assert_int_equal(take(4), 0);
	assert_int_equal(ring_waiting(&ring), 0);
}

/*
 * Thousands of steps at random, but the same every time, against the plainest
 * model: which packets wait or are in somebody's hands, and in which cells.
 */
#define HANDS 5

static struct {
	uint32_t id, at, cells;
	size_t len;
	enum { HERE, HELD, GONE } is;
} tracked[RING_CELLS];
static size_t ntracked;

static void
forget_what_went_first(void)
{
	size_t n = 0;

	while (n < ntracked && tracked[n].is == GONE)
		n++;
	ntracked -= n;
	memmove(tracked, tracked + n, ntracked * sizeof(tracked[0]));
}

static size_t
count_here(void)
{
	size_t i, n = 0;

	for (i = 0; i < ntracked; i++)
		n += tracked[i].is == HERE;
	return n;
}

/* The oldest one that waits, if its number is not above `last`. */
static size_t
oldest(uint32_t last)
{
	size_t i;

	for (i = 0; i < ntracked && tracked[i].is != HERE; i++)
		continue;
	return i < ntracked && (int32_t)(last - tracked[i].id) >= 0 ? i
								    : ntracked;
}

static void
any_order_of_steps_keeps_packets_whole(void **state)
{
	struct ring_packet hand[HANDS], p;
	size_t held = 0, len, i, k;
	uint32_t id = UINT32_MAX - 3000, end = 0, cells, at, want, last;
	unsigned int refused = 0, step;

	(void)state;
	seed = 1;
	ntracked = 0;
	memset(bytes, 0, sizeof(bytes));
	for (step = 0; step < 12000; step++) {
		forget_what_went_first();
		if (pick(100) < (step / 2000 % 2 == 0 ? 60 : 40)) {
			len = pick(8) == 0 ? pick(65536)
			    : pick(4) == 0 ? pick(5) * RING_CELL
					   : pick(3000);
			cells = len == 0
			    ? 1
			    : (uint32_t)((len + RING_CELL - 1) / RING_CELL);
			want = end;
			if (want % RING_CELLS + cells > RING_CELLS)
				want += RING_CELLS - want % RING_CELLS;
			p = (struct ring_packet) { .id = ++id,
				.len = len,
				.bytes = bytes };
			p.place.len = pick(RING_PLACE + 1);
			memset(p.place.address, (int)id, RING_PLACE);
			bytes[0] = (unsigned char)id;
			if (!ring_put(&ring, &p, &at)) {
				refused++;
				assert_true(ntracked > 0 &&
				    want - tracked[0].at + cells > RING_CELLS);
				id--;
				continue;
			}
			assert_true(ntracked == 0 ||
			    want - tracked[0].at + cells <= RING_CELLS);
			assert_int_equal(at, want);
			tracked[ntracked].id = id;
			tracked[ntracked].at = at;
			tracked[ntracked].len = len;
			tracked[ntracked].is = HERE;
			tracked[ntracked++].cells = cells;
			end = want + cells;
		} else if (held < HANDS && pick(2) == 0) {
			last = id - pick(4) * pick((uint32_t)ntracked + 1);
			at = ring_first(&ring);
			i = oldest(last);
			assert_int_equal(ring_take(&ring, &at, last,
					     &hand[held]),
			    i < ntracked);
			if (i == ntracked)
				continue;
			assert_int_equal(hand[held].id, tracked[i].id);
			assert_int_equal(hand[held].len, tracked[i].len);
			assert_int_equal(hand[held].cell,
			    tracked[i].at % RING_CELLS);
			if (hand[held].len > 0)
				assert_int_equal(*(const unsigned char *)
						      hand[held]
							  .bytes,
				    (unsigned char)hand[held].id);
			assert_int_equal(hand[held]
					     .place.address[RING_PLACE - 1],
			    (unsigned char)hand[held].id);
			tracked[i].is = HELD;
			held++;
		} else if (held > 0) {
			k = pick((uint32_t)held);
			for (i = 0; tracked[i].id != hand[k].id; i++)
				continue;
			tracked[i].is = GONE;
			ring_done(&ring, &hand[k]);
			hand[k] = hand[--held];
		}
		assert_int_equal(ring_waiting(&ring), count_here());
	}
	assert_true(refused > 50);
}

static void
the_decoder_reads_a_copy(void **state)
{
	static unsigned char message[65536 + COPY_OVERHEAD];
	struct copy c = { 0x01020304, 5, INT64_C(1700000000123456), bytes,
		1001 };
	struct nfqueue_packet p;
	struct span rest;

	(void)state;
	memset(bytes, 0x45, sizeof(bytes));
	memset(message, 0xff, sizeof(message));
	rest = (struct span) { (char *)message, copy_write(message, &c) };
	assert_true(nfqueue_next(&p, &rest) == PH_OK);
	assert_int_equal(rest.len, 0);
	/* Filled up with zeros. */
	assert_memory_equal(message + 20 + 12 + 20 + 8 + 1004, "\x45\0\0\0", 4);
	assert_int_equal(message[20 + 11], 0);
	assert_int_equal(p.id, 0x01020304);
	assert_int_equal(p.indev, 5);
	assert_int_equal(p.outdev, 0);
	assert_true(p.stamp == c.stamp);
	assert_int_equal(p.ip.len, 1001);
	assert_memory_equal(p.ip.p, bytes, 1001);
	assert_false(p.truncated);
	/* The largest packet of all cannot be written as Linux does. */
	c.interface = 0;
	c.len = 65535;
	rest = (struct span) { (char *)message, copy_write(message, &c) };
	assert_true(nfqueue_next(&p, &rest) == PH_OK);
	assert_true(p.truncated);
	assert_int_equal(p.indev, 0);
	c.len = 65531;
	rest = (struct span) { (char *)message, copy_write(message, &c) };
	assert_true(rest.len <= sizeof(message));
	assert_true(nfqueue_next(&p, &rest) == PH_OK);
	assert_int_equal(p.ip.len, 65531);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(packets_go_in_order_up_to_a_number,
		    setup),
		cmocka_unit_test_setup(numbers_begin_anew, setup),
		cmocka_unit_test_setup(a_full_ring_refuses, setup),
		cmocka_unit_test_setup(bytes_are_in_one_piece, setup),
		cmocka_unit_test_setup(one_alone_takes_a_packet, setup),
		cmocka_unit_test_setup(a_successor_finds_what_waits, setup),
		cmocka_unit_test_setup(lengths_are_checked, setup),
		cmocka_unit_test_setup(any_order_of_steps_keeps_packets_whole,
		    setup),
		cmocka_unit_test(the_decoder_reads_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
