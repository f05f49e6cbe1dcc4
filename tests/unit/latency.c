/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/engine/latency.h"
#include "tests/unit/unit.h"

static struct latency l;

static int
begin(void **state)
{
	(void)state;
	memset(&l, 0, sizeof(l));
	return 0;
}

static void
the_first_packet_of_a_batch_counts(void **state)
{
	(void)state;
	latency_opened(&l, 1000);
	latency_opened(&l, 1400);
	latency_asked(&l, 5);
	latency_answered(&l, 5, 1700);
	assert_int_equal(histogram_count(&l.setup), 1);
	assert_int_equal(l.setup.sum, 700);
}

static void
a_batch_that_opens_nothing_does_not_count(void **state)
{
	(void)state;
	latency_asked(&l, 5);
	latency_answered(&l, 5, 1700);
	/* Nor does a packet without a time stamp. */
	latency_opened(&l, 0);
	latency_asked(&l, 6);
	latency_answered(&l, 6, 1700);
	assert_int_equal(histogram_count(&l.setup), 0);
}

static void
an_answer_belongs_to_its_batch(void **state)
{
	(void)state;
	latency_opened(&l, 100);
	latency_asked(&l, 1);
	latency_opened(&l, 200);
	latency_asked(&l, 3);
	latency_answered(&l, 1, 150);
	assert_int_equal(l.setup.sum, 50);
	/* Of another batch, in between: nothing. */
	latency_answered(&l, 2, 1000);
	assert_int_equal(l.setup.sum, 50);
	latency_answered(&l, 3, 300);
	assert_int_equal(l.setup.sum, 150);
	latency_answered(&l, 3, 400);
	assert_int_equal(histogram_count(&l.setup), 2);
	/* An answer that never came is not waited for. */
	latency_opened(&l, 1000);
	latency_asked(&l, 4);
	latency_opened(&l, 1000);
	latency_asked(&l, 5);
	latency_answered(&l, 5, 1001);
	assert_int_equal(l.setup.sum, 151);
	assert_int_equal(l.n, 0);
}

static void
without_answers_there_is_an_end(void **state)
{
	unsigned int round, i;

	(void)state;
	for (round = 0; round < 3; round++) {
		for (i = 1; i <= LATENCY_ASKED + 10; i++) {
			latency_opened(&l, 1000);
			latency_asked(&l, round * 1000 + i);
		}
		assert_int_equal(l.n, LATENCY_ASKED);
		for (i = 1; i <= LATENCY_ASKED + 10; i++)
			latency_answered(&l, round * 1000 + i, 1001);
		assert_int_equal(l.n, 0);
		assert_int_equal(l.setup.sum, (round + 1) * LATENCY_ASKED);
	}
	/* Another firewall process answers nothing that was asked before. */
	latency_opened(&l, 1000);
	latency_asked(&l, 5000);
	latency_opened(&l, 1000);
	latency_forget(&l);
	latency_asked(&l, 5001);
	latency_answered(&l, 5000, 2000);
	latency_answered(&l, 5001, 2000);
	assert_int_equal(histogram_count(&l.setup), 3 * LATENCY_ASKED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_packet_of_a_batch_counts,
		    begin),
		cmocka_unit_test_setup(
		    a_batch_that_opens_nothing_does_not_count, begin),
		cmocka_unit_test_setup(an_answer_belongs_to_its_batch, begin),
		cmocka_unit_test_setup(without_answers_there_is_an_end, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
