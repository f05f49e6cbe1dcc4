/* SPDX-License-Identifier: ISC */
/* Of the SYNs and answers that compete for a connection, which one counts. */
#include <stdbool.h>

#include "src/capture/handshake.h"
#include "tests/unit/unit.h"

#define WINDOW 65535

static struct handshake h;

static int
setup(void **state)
{
	(void)state;
	h = (struct handshake) { 0 };
	return 0;
}

static void
an_answer_answers_the_other_ends_syn(void **state)
{
	(void)state;
	assert_false(handshake_answer(&h, false, 500, 101));
	handshake_syn(&h, true, 100);
	assert_false(handshake_answer(&h, false, 500, 100));
	assert_false(handshake_answer(&h, false, 500, 102));
	/* An end cannot answer its own SYN. */
	assert_false(handshake_answer(&h, true, 500, 101));
	assert_null(handshake_find(&h, true, 101, 501, WINDOW));
	assert_true(handshake_answer(&h, false, 500, 101));
	assert_non_null(handshake_find(&h, true, 101, 501, WINDOW));
	/* Numbers go round. */
	setup(state);
	handshake_syn(&h, true, UINT32_MAX);
	assert_true(handshake_answer(&h, false, UINT32_MAX, 0));
	assert_non_null(handshake_find(&h, true, 0, 0, WINDOW));
}

/* Anyone can send a SYN: the first is known, and the latest. */
static void
the_first_and_the_latest_are_known(void **state)
{
	uint32_t seq;

	(void)state;
	for (seq = 100; seq <= 900; seq += 100)
		handshake_syn(&h, true, seq);
	for (seq = 100; seq <= 900; seq += 100)
		assert_int_equal(handshake_answer(&h, false, 5000 + seq,
				     seq + 1),
		    seq == 100 || seq == 900);
	assert_non_null(handshake_find(&h, true, 101, 5101, WINDOW));
	assert_non_null(handshake_find(&h, true, 901, 5901, WINDOW));
	/* A SYN that is sent again takes no place. */
	setup(state);
	handshake_syn(&h, true, 100);
	handshake_syn(&h, true, 200);
	handshake_syn(&h, true, 100);
	assert_true(handshake_answer(&h, false, 500, 201));
	/* The same from the other end is another one. */
	setup(state);
	handshake_syn(&h, true, 100);
	handshake_syn(&h, false, 100);
	assert_true(handshake_answer(&h, false, 500, 101));
	assert_true(handshake_answer(&h, true, 600, 101));
}

static void
a_segment_goes_along_with_one_answer(void **state)
{
	/* clang-format off */
	static const struct {
		bool		 from_a;
		uint32_t	 seq, ack, window;
		uint32_t	 answer;	/* its number; 0: none */
	} rows[] = {
		/* The one that began it. */
		{ true, 101, 501, 0, 500 },
		{ true, 101, 601, 0, 600 },
		{ true, 102, 501, 0, 0 },
		{ true, 102, 501, 1, 500 },
		{ true, 100, 501, WINDOW, 0 },
		{ true, 101, 500, WINDOW, 0 },
		{ true, 101 + WINDOW, 501, WINDOW, 500 },
		{ true, 102 + WINDOW, 501, WINDOW, 0 },
		/* The one that answers. */
		{ false, 501, 101, 0, 500 },
		{ false, 601, 101, 0, 600 },
		{ false, 500, 101, WINDOW - 100, 0 },
		{ false, 501, 102, WINDOW, 0 },
		{ false, 560, 101, 100, 500 },
	};
	/* clang-format on */
	const struct syn *y;
	size_t i;

	(void)state;
	handshake_syn(&h, true, 100);
	assert_true(handshake_answer(&h, false, 500, 101));
	assert_true(handshake_answer(&h, false, 600, 101));
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		y = handshake_find(&h, rows[i].from_a, rows[i].seq, rows[i].ack,
		    rows[i].window);
		assert_int_equal(y != NULL ? y->seq : 0, rows[i].answer);
	}
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_answer_answers_the_other_ends_syn),
		CASE(the_first_and_the_latest_are_known),
		CASE(a_segment_goes_along_with_one_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
