/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/histogram.h"
#include "tests/unit/unit.h"

static char text[4096];

static const char *
prometheus(const struct histogram *h)
{
	struct strbuf b = strbuf_of(text, sizeof(text));

	histogram_prometheus(h, "x_seconds", "How long x takes.", &b);
	assert_false(b.full);
	return text;
}

static void
bounds_are_inclusive_and_buckets_cumulative(void **state)
{
	struct histogram h = { { 0 }, 0 };

	(void)state;
	histogram_add(&h, -5);
	histogram_add(&h, 50);
	histogram_add(&h, 51);
	histogram_add(&h, 2500);
	histogram_add(&h, 1000000);
	histogram_add(&h, 1000001);
	histogram_add(&h, 7200 * INT64_C(1000000));
	assert_string_equal(prometheus(&h),
	    "# HELP x_seconds How long x takes.\n"
	    "# TYPE x_seconds histogram\n"
	    "x_seconds_bucket{le=\"0.00002\"} 1\n"
	    "x_seconds_bucket{le=\"0.00003\"} 1\n"
	    "x_seconds_bucket{le=\"0.00004\"} 1\n"
	    "x_seconds_bucket{le=\"0.00005\"} 2\n"
	    "x_seconds_bucket{le=\"0.00007\"} 3\n"
	    "x_seconds_bucket{le=\"0.0001\"} 3\n"
	    "x_seconds_bucket{le=\"0.00015\"} 3\n"
	    "x_seconds_bucket{le=\"0.00025\"} 3\n"
	    "x_seconds_bucket{le=\"0.0005\"} 3\n"
	    "x_seconds_bucket{le=\"0.001\"} 3\n"
	    "x_seconds_bucket{le=\"0.0025\"} 4\n"
	    "x_seconds_bucket{le=\"0.005\"} 4\n"
	    "x_seconds_bucket{le=\"0.01\"} 4\n"
	    "x_seconds_bucket{le=\"0.02\"} 4\n"
	    "x_seconds_bucket{le=\"0.05\"} 4\n"
	    "x_seconds_bucket{le=\"0.1\"} 4\n"
	    "x_seconds_bucket{le=\"0.25\"} 4\n"
	    "x_seconds_bucket{le=\"0.5\"} 4\n"
	    "x_seconds_bucket{le=\"1\"} 5\n"
	    "x_seconds_bucket{le=\"+Inf\"} 7\n"
	    "x_seconds_sum 7202.002602\n"
	    "x_seconds_count 7\n");
}

static void
a_quantile_is_a_bound(void **state)
{
	struct histogram h = { { 0 }, 0 };
	int i;

	(void)state;
	assert_int_equal(histogram_quantile(&h, 500), 0);
	for (i = 0; i < 99; i++)
		histogram_add(&h, 90);
	assert_int_equal(histogram_quantile(&h, 500), 100);
	histogram_add(&h, 5000000);
	assert_int_equal(histogram_quantile(&h, 500), 100);
	assert_int_equal(histogram_quantile(&h, 990), 100);
	assert_int_equal(histogram_quantile(&h, 991), UINT32_MAX);
	/* Many of them. */
	h.n[0] = UINT64_MAX / 4;
	assert_int_equal(histogram_quantile(&h, 999), 20);
}

static void
counters_of_a_histogram_outlive_a_process(void **state)
{
	static struct counters_before before;
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct counters c = { .form = COUNTERS_RECORD, .out = &b };
	struct histogram h = { { 0 }, 0 };

	(void)state;
	histogram_add(&h, 100);
	histogram_add(&h, 2000000);
	histogram_put(&h, &c, "setup_us");
	assert_non_null(strstr(text,
	    "setup_us_le_50 0\nsetup_us_le_70 0\nsetup_us_le_100 1\n"));
	assert_non_null(strstr(text,
	    "setup_us_le_1000000 1\nsetup_us_count 2\n"
	    "setup_us_sum 2000100\n"));
	counters_adopt(&before, b.p, b.len);
	strbuf_reset(&b);
	c = (struct counters) { .form = COUNTERS_LINES,
		.out = &b,
		.before = &before };
	memset(&h, 0, sizeof(h));
	histogram_add(&h, 20);
	histogram_put(&h, &c, "setup_us");
	assert_non_null(strstr(text,
	    "setup_us_le_50 1\nsetup_us_le_70 1\nsetup_us_le_100 2\n"));
	assert_non_null(
	    strstr(text, "setup_us_count 3\nsetup_us_sum 2000120\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_are_inclusive_and_buckets_cumulative),
		cmocka_unit_test(a_quantile_is_a_bound),
		cmocka_unit_test(counters_of_a_histogram_outlive_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
