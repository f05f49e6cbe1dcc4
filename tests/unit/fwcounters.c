/* SPDX-License-Identifier: ISC */
/* What the firewall process counts: each number under its name, and sums. */
#include <string.h>

#include "src/process/fwcounters.h"
#include "tests/unit/unit.h"

#define NUMBERS (sizeof(struct fwcounters) / sizeof(uint64_t))

/* clang-format off */
static const struct {
	const char *name;
	size_t at;
	bool gauge;
} rows[] = {
#define ROW(name, member) { name, offsetof(struct fwcounters, member), false }
	{ "filter_open", offsetof(struct fwcounters, open), true },
	{ "filter_wanted", offsetof(struct fwcounters, wanted), true },
	ROW("filter_batches", batches),
	ROW("filter_changes", changes),
	ROW("filter_commits", commits),
	ROW("filter_retries", retries),
	ROW("filter_lost", lost),
	ROW("filter_denied", denied),
	ROW("filter_bad", bad),
	ROW("filter_limit", limit),
	ROW("filter_expired", expired),
	ROW("inline_released", held_released),
	ROW("inline_expired", held_expired),
	ROW("inline_dropped", held_dropped),
	ROW("filter_error_limit", errors[-PH_ELIMIT]),
	ROW("filter_error_memory", errors[-PH_ENOMEM]),
	ROW("filter_error_system", errors[-PH_EIO]),
	ROW("filter_error_again", errors[-PH_EAGAIN]),
	ROW("filter_error_gone", errors[-PH_EGONE]),
	ROW("filter_error_bad", errors[-PH_EBAD]),
	ROW("filter_error_denied", errors[-PH_EDENIED]),
	ROW("commit_us_le_20", commit.n[0]),
	ROW("setup_us_le_20", setup.n[0]),
	ROW("held_us_le_20", held.n[0]),
	ROW("commit_us_sum", commit.sum),
	ROW("setup_us_sum", setup.sum),
	ROW("held_us_sum", held.sum),
#undef ROW
};
/* clang-format on */

static size_t named, in_all;

/* Every number has another value: its place, times ten. */
static struct fwcounters
filled(uint64_t times)
{
	struct fwcounters n;
	uint64_t *v = (void *)&n;
	size_t i;

	for (i = 0; i < NUMBERS; i++)
		v[i] = times * (i + 1);
	return n;
}

static void
on_counter(void *ctx, const char *name, uint64_t v, bool gauge)
{
	size_t i;

	(void)ctx;
	in_all++;
	for (i = 0; i < ROWS(rows); i++) {
		if (strcmp(name, rows[i].name) != 0)
			continue;
		named++;
		assert_int_equal(v, 10 * (rows[i].at / sizeof(uint64_t) + 1));
		assert_int_equal(gauge, rows[i].gauge);
	}
}

static void
each_number_has_its_name(void **state)
{
	const struct fwcounters n = filled(10);
	struct counters c = { .form = COUNTERS_EACH, .each = on_counter };

	(void)state;
	named = in_all = 0;
	fwcounters_put(&n, &c);
	assert_int_equal(named, ROWS(rows));
	/* Those of the histograms of which a row has the first and the last. */
	assert_int_equal(in_all, ROWS(rows) + 3 * HISTOGRAM_BOUNDS);
}

static void
sums_and_differences_are_of_all_but_what_is_now(void **state)
{
	const struct fwcounters a = filled(10), b = filled(3);
	struct fwcounters sum = a, since = fwcounters_since(&a, &b);
	const uint64_t *s = (const void *)&sum, *d = (const void *)&since;
	size_t i;

	(void)state;
	fwcounters_merge(&sum, &b);
	for (i = 0; i < NUMBERS; i++) {
		assert_int_equal(s[i], (i < 2 ? 3 : 13) * (i + 1));
		assert_int_equal(d[i], (i < 2 ? 10 : 7) * (i + 1));
	}
	assert_int_equal(offsetof(struct fwcounters, batches) / 8, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_number_has_its_name),
		cmocka_unit_test(
		    sums_and_differences_are_of_all_but_what_is_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
