/* SPDX-License-Identifier: ISC */
/* Which messages are copies: mirrored and on the wire. */
#include <string.h>

#include "src/engine/sightings.h"
#include "tests/unit/blocks.h"
#include "tests/unit/unit.h"

static struct sightings *seen;
static struct datagram wire, mirror;
static struct sip_message m;

static int
setup(void **state)
{
	(void)state;
	memset(&wire, 0, sizeof(wire));
	wire.src = (struct endpoint) { addr_v4(198, 51, 100, 7), 5060 };
	wire.dst = (struct endpoint) { addr_v4(192, 0, 2, 10), 5060 };
	mirror = wire;
	mirror.mirrored = true;
	/* A proxy may be at other ports than those that it tells of. */
	mirror.src.port = 40000;
	mirror.dst.port = 5070;
	m = (struct sip_message) { .request = true,
		.method = SIP_INVITE,
		.status = 0,
		.cseq = 1,
		.branch = span_of("z9hG4bK1"),
		.from_tag = span_of("f"),
		.to_tag = span_of("t"),
		.call_id = span_of("c"),
		.sdp = span_of("v=0") };
	return (seen = sightings_new()) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	sightings_free(seen);
	return 0;
}

static void
what_comes_both_ways_is_a_copy(void **state)
{
	(void)state;
	assert_false(sightings_input(seen, 1, &wire, &m));
	/* A retransmission is none, however it comes first. */
	assert_false(sightings_input(seen, 2, &wire, &m));
	assert_true(sightings_input(seen, 3, &mirror, &m));
	assert_true(sightings_input(seen, 4, &mirror, &m));
	assert_false(sightings_input(seen, 5, &wire, &m));
	m.cseq = 2;
	assert_false(sightings_input(seen, 6, &mirror, &m));
	assert_true(sightings_input(seen, 7, &wire, &m));
	assert_false(sightings_input(seen, 8, &mirror, &m));
	sightings_free(NULL);
}

/* So many seconds after the first, and not after the last. */
static void
it_is_known_for_a_while(void **state)
{
	const int64_t began = 1000000, end = began + SIGHTINGS_WITHIN;

	(void)state;
	assert_false(sightings_input(seen, began, &wire, &m));
	assert_false(sightings_input(seen, end - 1, &wire, &m));
	assert_true(sightings_input(seen, end, &mirror, &m));
	assert_false(sightings_input(seen, end + 1, &mirror, &m));
	/* The mirror was the first now. */
	assert_true(
	    sightings_input(seen, end + 1 + SIGHTINGS_WITHIN, &wire, &m));
	assert_false(
	    sightings_input(seen, end + 2 + SIGHTINGS_WITHIN, &wire, &m));
}

/* Every part of a message, and each of its ends, tells it from others. */
static void
what_differs_is_no_copy(void **state)
{
	static char longest[400];
	const struct sip_message first = m;
	const struct datagram here = mirror;
	size_t i;

	(void)state;
	memset(longest, 'b', sizeof(longest));
	assert_false(sightings_input(seen, 1, &wire, &m));
	for (i = 0; i < 14; i++) {
		m = first;
		mirror = here;
		switch (i) {
		case 0:
			m.request = false;
			break;
		case 1:
			m.method = SIP_BYE;
			break;
		case 2:
			m.status = 200;
			break;
		case 3:
			m.cseq = 2;
			break;
		case 4:
			m.branch = span_of("z9hG4bK2");
			break;
		case 5:
			m.from_tag = span_of("g");
			break;
		case 6:
			m.to_tag = span_of("");
			break;
		case 7:
			m.call_id = span_of("d");
			break;
		case 8:
			m.sdp = span_of("v=1");
			break;
		case 9:
			mirror.src.addr = addr_v4(198, 51, 100, 8);
			break;
		case 10:
			mirror.dst.addr = addr_v4(192, 0, 2, 11);
			break;
		case 11:
			mirror.src = here.dst;
			mirror.dst = here.src;
			break;
		case 12:
			/* A longer one that begins so, and a shorter one. */
			m.call_id = span_of("cc");
			break;
		case 13:
			m.call_id = (struct span) { "c", 0 };
			break;
		}
		assert_false(sightings_input(seen, 2, &mirror, &m));
	}
	m = first;
	mirror = here;
	assert_true(sightings_input(seen, 2, &mirror, &m));
}

/* Names are known by their beginning, each by so much of it. */
static void
long_names_are_cut(void **state)
{
	static char text[4][200];
	struct span *const parts[] = { &m.branch, &m.from_tag, &m.to_tag,
		&m.call_id };
	static const size_t most[] = { 80, 50, 50, 120 };
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(parts); i++) {
		memset(text[i], 'a' + (int)i, sizeof(text[i]));
		*parts[i] = (struct span) { text[i], sizeof(text[i]) };
	}
	assert_false(sightings_input(seen, 1, &wire, &m));
	assert_true(sightings_input(seen, 1, &mirror, &m));
	for (i = 0; i < ROWS(parts); i++) {
		k = most[i];
		text[i][k] = 'X';
		assert_true(sightings_input(seen, 1, &mirror, &m));
		text[i][k - 1] = 'X';
		assert_false(sightings_input(seen, 1, &mirror, &m));
		text[i][k - 1] = text[i][0];
	}
}

static void
so_many_are_known(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i <= SIGHTINGS_MAX; i++) {
		m.cseq = i;
		assert_false(sightings_input(seen, i, &wire, &m));
	}
	/* The first was forgotten; the second is, by its place. */
	m.cseq = 1;
	assert_true(sightings_input(seen, i, &mirror, &m));
	m.cseq = SIGHTINGS_MAX;
	assert_true(sightings_input(seen, i, &mirror, &m));
	m.cseq = 0;
	assert_false(sightings_input(seen, i, &mirror, &m));
	m.cseq = 1;
	assert_false(sightings_input(seen, i, &mirror, &m));
	m.cseq = 3;
	assert_true(sightings_input(seen, i, &mirror, &m));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_comes_both_ways_is_a_copy),
		CASE(it_is_known_for_a_while),
		CASE(what_differs_is_no_copy),
		CASE(long_names_are_cut),
		CASE(so_many_are_known),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
