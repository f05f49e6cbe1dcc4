/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "src/base/timers.h"
#include "src/engine/refusals.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static int64_t now;

static unsigned int
told(struct refusals *r, uint8_t host, enum reason why, unsigned int times)
{
	struct addr a = { .af = AF_INET, .b = { 198, 51, 100, host } };
	unsigned int n = 0;
	uint64_t missed;

	while (times-- > 0)
		n += refusals_may(r, &a, why, now, &missed);
	return n;
}

static void
a_source_is_told_of_so_often_for_each_reason(void **state)
{
	static struct refusals r;

	(void)state;
	now = 1000 * USEC_PER_SEC;
	assert_int_equal(told(&r, 1, REASON_ADDRESS, 20000), REFUSALS_BURST);
	assert_int_equal(told(&r, 1, REASON_LIMIT, 3), 3);
	assert_int_equal(told(&r, 2, REASON_ADDRESS, 3), 3);
	assert_int_equal(refusals_missed(&r, now + 59 * USEC_PER_SEC), 0);
	now += 60 * USEC_PER_SEC;
	assert_int_equal(refusals_missed(&r, now), 20000 - REFUSALS_BURST);
	assert_int_equal(refusals_missed(&r, now), 0);
	assert_int_equal(told(&r, 1, REASON_ADDRESS, 100), REFUSALS_BURST);
}

static void
many_sources_have_a_bound_together(void **state)
{
	static struct refusals r;
	unsigned int i, n = 0;

	(void)state;
	now = 5000 * USEC_PER_SEC;
	for (i = 0; i < 256; i++)
		n += told(&r, (uint8_t)i, REASON_ADDRESS, REFUSALS_BURST);
	assert_int_equal(n, REFUSALS_ALL);
	assert_int_equal(told(&r, 1, REASON_MALFORMED, 1), 0);
}

/* All that is known of a minute, without slots. */
static struct {
	int64_t since;
	uint32_t n[128][4], all, sources;
	uint64_t missed;
} model;

static uint64_t
model_minute(int64_t at)
{
	uint64_t missed = model.missed;

	if (model.since != 0 && at - model.since < 60 * USEC_PER_SEC)
		return 0;
	memset(&model, 0, sizeof(model));
	model.since = at;
	return missed;
}

static bool
model_may(uint32_t host, uint32_t why)
{
	uint32_t *n = &model.n[host][why];

	if (model.all < REFUSALS_ALL && *n < REFUSALS_BURST &&
	    (*n > 0 || model.sources < REFUSALS_SLOTS)) {
		model.sources += *n == 0;
		model.all++;
		++*n;
		return true;
	}
	model.missed++;
	return false;
}

/* Few sources or many, for minutes: the slots do what a table would. */
static void
a_walk_is_as_the_model_says(void **state)
{
	static struct {
		struct refusals r;
		struct refusals_slot behind;
	} world;
	static const struct refusals_slot none;
	static const uint32_t sizes[] = { 1, 5, 60, 128 };
	uint64_t missed, want;
	uint32_t i, host, hosts, why;
	struct addr a;

	(void)state;
	memset(&model, 0, sizeof(model));
	now = 1;
	for (i = 0; i < 100000; i++) {
		/* Minutes of a source, of some, and of all. */
		hosts = sizes[now / (60 * USEC_PER_SEC) % ROWS(sizes)];
		now += pick(pick(3) == 0 ? 1 : 60 * USEC_PER_SEC / 500);
		if (pick(100) == 0) {
			want = model_minute(now);
			assert_int_equal(refusals_missed(&world.r, now), want);
		}
		if (pick(5000) == 0)
			now = model.since + 60 * USEC_PER_SEC - pick(2);
		host = pick(hosts);
		why = pick(4);
		a = (struct addr) { .af = AF_INET,
			.b = { 198, 51, 100, (uint8_t)host } };
		want = model_minute(now);
		assert_int_equal(refusals_may(&world.r, &a,
				     (enum reason)(REASON_ADDRESS + why), now,
				     &missed),
		    model_may(host, why));
		assert_int_equal(missed, want);
		assert_memory_equal(&world.behind, &none, sizeof(none));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_is_told_of_so_often_for_each_reason),
		cmocka_unit_test(many_sources_have_a_bound_together),
		cmocka_unit_test(a_walk_is_as_the_model_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
