/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "src/engine/census.h"
#include "tests/unit/unit.h"

static char text[256];

static void
on_counter(void *ctx, const char *name, uint64_t v, bool gauge)
{
	size_t n = strlen(text);

	(void)ctx;
	assert_true(gauge);
	assert_int_equal(strncmp(name, "calls_state_", 12), 0);
	snprintf(text + n, sizeof(text) - n, "%s %lu,", name + 12,
	    (unsigned long)v);
}

static const char *
report(const struct census *c)
{
	struct counters out = { .form = COUNTERS_EACH, .each = on_counter };

	text[0] = '\0';
	census_report(c, &out);
	return text;
}

/* A call of each state goes to each other state, and is forgotten there. */
static void
a_call_counts_once_in_the_state_it_has(void **state)
{
	static const struct {
		struct call_view v;
		enum ipc_call_state is;
		const char *counted;
	} rows[] = {
		{ { .held = true }, IPC_CALL_EARLY,
		    "early 1,accepted 0,held 0," },
		{ { .accepted = true }, IPC_CALL_ACCEPTED,
		    "early 0,accepted 1,held 0," },
		{ { .accepted = true, .held = true }, IPC_CALL_HELD,
		    "early 0,accepted 0,held 1," },
		{ { .accepted = true, .held = true, .over = true },
		    IPC_CALL_ENDED, "early 0,accepted 0,held 0," },
	};
	struct census c;
	uint8_t mark;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		for (k = 0; k < ROWS(rows); k++) {
			memset(&c, 0, sizeof(c));
			mark = 0;
			assert_false(census_over(mark) || census_lives(mark));
			census_count(&c, &mark, &rows[i].v);
			census_count(&c, &mark, &rows[k].v);
			assert_int_equal(census_state(&rows[k].v), rows[k].is);
			assert_string_equal(report(&c), rows[k].counted);
			assert_int_equal(census_over(mark),
			    rows[k].is == IPC_CALL_ENDED);
			assert_int_equal(census_lives(mark),
			    rows[k].is != IPC_CALL_ENDED);
			census_forget(&c, &mark);
			assert_int_equal(mark, 0);
			assert_string_equal(report(&c),
			    "early 0,accepted 0,held 0,");
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_counts_once_in_the_state_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
