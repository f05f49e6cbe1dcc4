/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/counters.h"
#include "tests/unit/unit.h"

static struct counters_before before;

static const char *
report(enum counters_form form, const char *prefix, uint64_t packets)
{
	static char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct counters c = { form, &b, &before, prefix, NULL, NULL };

	counters_put(&c, "packets", packets);
	counters_put_gauge(&c, "calls", 3);
	counters_put(&c, "bytes", 4);
	return text;
}

static void
adopt(const char *record)
{
	counters_adopt(&before, record, strlen(record));
}

static void
a_successor_adds_the_record(void **state)
{
	(void)state;
	adopt("");
	assert_string_equal(report(COUNTERS_LINES, NULL, 5),
	    "packets 5\ncalls 3\nbytes 4\n");
	assert_string_equal(report(COUNTERS_WORDS, NULL, 5),
	    "packets=5 calls=3 bytes=4");
	assert_string_equal(report(COUNTERS_RECORD, NULL, 5),
	    "packets 5\nbytes 4\n");
	adopt(report(COUNTERS_RECORD, NULL, 5));
	assert_string_equal(report(COUNTERS_LINES, NULL, 1),
	    "packets 6\ncalls 3\nbytes 8\n");
	adopt(report(COUNTERS_RECORD, NULL, 1));
	assert_string_equal(report(COUNTERS_LINES, NULL, 0),
	    "packets 6\ncalls 3\nbytes 12\n");
}

static void
a_prefix_is_in_the_record_alone(void **state)
{
	(void)state;
	adopt("packets 100\n");
	assert_string_equal(report(COUNTERS_RECORD, "tables_", 5),
	    "tables_packets 5\ntables_bytes 4\n");
	adopt(report(COUNTERS_RECORD, "tables_", 5));
	assert_string_equal(report(COUNTERS_WORDS, "tables_", 1),
	    "packets=6 calls=3 bytes=8");
}

static void
a_record_that_lies_does_no_harm(void **state)
{
	static const char *const bad[] = { "\n", "packets", "packets ",
		"packets -1\n", "packets 1 2\n", " 5\n", "packets 1x\n",
		"packets 18446744073709551616\n",
		"a_name_that_is_longer_than_any_of_ours 7\n", "\xff\xfe 9\n" };
	char many[2048];
	struct strbuf b = strbuf_of(many, sizeof(many));
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		adopt(bad[i]);
		assert_string_equal(report(COUNTERS_LINES, NULL, 5),
		    "packets 5\ncalls 3\nbytes 4\n");
	}
	counters_adopt(&before, "packets 7\0 8\n", 13);
	assert_string_equal(report(COUNTERS_LINES, NULL, 5),
	    "packets 5\ncalls 3\nbytes 4\n");
	for (i = 0; i < COUNTERS_MAX; i++)
		strbuf_fmt(&b, "x%zu 1\n", i);
	strbuf_str(&b, "packets 7\n");
	adopt(many);
	assert_int_equal(before.n, COUNTERS_MAX);
	assert_string_equal(report(COUNTERS_LINES, NULL, 5),
	    "packets 5\ncalls 3\nbytes 4\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_successor_adds_the_record),
		cmocka_unit_test(a_prefix_is_in_the_record_alone),
		cmocka_unit_test(a_record_that_lies_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
