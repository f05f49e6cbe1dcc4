/* SPDX-License-Identifier: ISC */
/* A packet that waits in a queue and is read by libpcap counts once. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/capture/twins.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

static struct twins *twins;
static struct datagram d;
static uint64_t extra[3]; /* one more than are read */

static int
setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	memset(extra, 0, sizeof(extra));
	d.ts = 1000000;
	d.proto = IPPROTO_UDP;
	d.src = (struct endpoint) { addr_v4(198, 51, 100, 7), 5060 };
	d.dst = (struct endpoint) { addr_v4(192, 0, 2, 10), 5060 };
	d.dir = PKT_IN;
	d.ifindex = 3;
	d.payload = span_of("OPTIONS");
	twins = twins_new();
	return twins == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	twins_free(twins);
	return 0;
}

static bool
is_twin(bool held)
{
	d.held = held;
	return twins_input(twins, &d, extra);
}

/* For each from one of the two there is one from the other. */
static void
packets_that_are_repeated_keep_their_number(void **state)
{
	int first, held, n, i;

	(void)state;
	for (first = 0; first < 2; first++)
		for (n = 1; n <= 4; n++) {
			for (held = first, i = 0; i < n; i++)
				assert_false(is_twin(held));
			for (held = !first, i = 0; i < n; i++)
				assert_true(is_twin(held));
		}
	/* In turns. */
	for (i = 0; i < 100; i++)
		assert_int_equal(is_twin(i % 2), i % 2);
	/* The fifth that waits takes the place of the first. */
	for (i = 0; i < 5; i++)
		assert_false(is_twin(true));
	for (i = 0; i < 5; i++)
		assert_int_equal(is_twin(false), i < 4);
}

/* Is the packet, changed like this, no twin of the one before the change? */
#define OTHER(change)                                                          \
	do {                                                                   \
		teardown(state);                                               \
		setup(state);                                                  \
		assert_false(is_twin(true));                                   \
		change;                                                        \
		if (is_twin(false))                                            \
			fail_msg("%s", #change);                               \
	} while (0)

static void
another_packet_is_no_twin(void **state)
{
	size_t i;

	OTHER(d.proto = IPPROTO_TCP);
	OTHER(d.src.port++);
	OTHER(d.dst.port++);
	OTHER(d.src.port += 256);
	OTHER(d.dst.port += 256);
	OTHER(d.ifindex++);
	OTHER(d.ifindex += 256);
	OTHER(d.ifindex += UINT32_C(1) << 24);
	OTHER(d.dir = PKT_OUT);
	OTHER(d.src.addr.af = AF_INET6);
	OTHER(d.dst.addr.af = AF_INET6);
	OTHER(extra[0] = 1);
	OTHER(extra[1] = 1);
	OTHER(extra[0] = UINT64_C(1) << 32);
	OTHER((extra[0] = 1, extra[1] = 1));
	for (i = 0; i < sizeof(d.src.addr.b); i++) {
		OTHER(d.src.addr.b[i] ^= 1);
		OTHER(d.dst.addr.b[i] ^= 1);
	}
	/* Which is the source, and which the destination? */
	OTHER((d.src.addr = d.dst.addr, d.dst.addr = addr_v4(198, 51, 100, 7)));
	OTHER((d.src.port = 5061, is_twin(true), d.src.port--, d.dst.port++));
	/* What is not read tells nothing apart. */
	teardown(state);
	setup(state);
	assert_false(is_twin(true));
	extra[2] = 1;
	assert_true(is_twin(false));
}

/* Each byte counts, and so does where the payload ends. */
static void
another_payload_is_no_twin(void **state)
{
	char text[2][25] = { { 0 } };
	size_t len, i;

	for (len = 0; len < sizeof(text[0]); len++) {
		for (i = 0; i < len; i++) {
			memset(text, 0, sizeof(text));
			text[1][i] = 1;
			OTHER(d.payload = ((struct span) { text[1], len });
			      (void)is_twin(true);
			      d.payload = ((struct span) { text[0], len }));
			/* The longer ones end with zeros. */
			OTHER(d.payload = ((struct span) { text[0], len });
			      (void)is_twin(true);
			      d.payload = ((struct span) { text[0], i }));
		}
		teardown(state);
		setup(state);
		d.payload = (struct span) { text[0], len };
		assert_false(is_twin(false));
		assert_true(is_twin(true));
	}
}

static void
a_twin_comes_within_ten_seconds(void **state)
{
	const int64_t begun = d.ts;

	(void)state;
	assert_false(is_twin(true));
	d.ts = begun + TWINS_WITHIN;
	assert_true(is_twin(false));
	assert_false(is_twin(true));
	d.ts += TWINS_WITHIN + 1;
	assert_false(is_twin(false));
	/* That one is remembered, and the one before it no more. */
	assert_true(is_twin(true));
	assert_false(is_twin(true));
	/* Of two, one is too old. */
	d.ts += TWINS_WITHIN;
	assert_false(is_twin(true));
	d.ts++;
	assert_true(is_twin(false));
	assert_false(is_twin(false));
}

/* Of more than there is room for, most of the last ones are remembered. */
static void
the_oldest_make_room(void **state)
{
	char text[sizeof(uint32_t)];
	unsigned int found = 0;
	uint32_t i;

	(void)state;
	d.payload = (struct span) { text, sizeof(text) };
	for (i = 0; i < 4 * TWINS; i++, d.ts++) {
		memcpy(text, &i, sizeof(text));
		assert_false(is_twin(true));
	}
	for (i = 4 * TWINS; i-- > 3 * TWINS;) {
		memcpy(text, &i, sizeof(text));
		found += is_twin(false);
	}
	/* Some buckets have more than they can remember, and some less. */
	assert_in_range(found, TWINS * 7 / 10, TWINS * 9 / 10);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(packets_that_are_repeated_keep_their_number),
		CASE(another_packet_is_no_twin),
		CASE(another_payload_is_no_twin),
		CASE(a_twin_comes_within_ten_seconds),
		CASE(the_oldest_make_room),
	};

	return starve_left(cmocka_run_group_tests(tests, NULL, NULL), 0);
}
