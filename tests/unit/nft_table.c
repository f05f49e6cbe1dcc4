/* SPDX-License-Identifier: ISC */
/* The nftables table as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/table.h"
#include "tests/unit/nft_config.h"

static char *
whole_table(const struct fw_config *c)
{
	char *text;

	assert_int_equal(table_parts_text(c, TABLE_ALL_PARTS, &text), PH_OK);
	return text;
}

/* UPDATE=1 writes it. */
static void
compare_table(const struct fw_config *c, const char *file)
{
	char *text = whole_table(c), *golden = calloc(1, 65536);
	FILE *f;

	assert_non_null(golden);
	if (getenv("UPDATE") != NULL) {
		assert_non_null(f = fopen(file, "w"));
		fputs(text, f);
		fclose(f);
	}
	assert_non_null(f = fopen(file, "r"));
	assert_true(fread(golden, 1, 65535, f) > 0);
	fclose(f);
	assert_string_equal(text, golden);
	free(golden);
	free(text);
}

static void
test_the_table_is_what_the_golden_file_says(void **state)
{
	(void)state;
	compare_table(&config, GOLDEN "/nft_table.nft");
}

static void
test_the_table_that_latches_to_ports(void **state)
{
	struct fw_config c = config;

	(void)state;
	c.latch = true;
	compare_table(&c, GOLDEN "/nft_latch.nft");
}

static const uint16_t sip_ports[] = { 5060, 5080 }, ftp_ports[] = { 21 };

static void
test_the_table_that_makes_signalling_wait(void **state)
{
	struct prefix hosts[2];
	struct fw_config c = config;
	uint32_t before, after;

	(void)state;
	assert_int_equal(prefix_parse(span_of("192.0.2.0/24"), &hosts[0]),
	    PH_OK);
	assert_int_equal(prefix_parse(span_of("2001:db8:2::/64"), &hosts[1]),
	    PH_OK);
	c.local = true;
	c.hold = (struct fw_hold) { .on = true,
		.queue = 5060,
		.hosts = hosts,
		.nhosts = 2,
		.udp = sip_ports,
		.tcp = ftp_ports,
		.nudp = 2,
		.ntcp = 1 };
	compare_table(&c, GOLDEN "/nft_hold.nft");
	/* The rule of the queue is no text, but another queue another table. */
	before = table_layout(&c);
	c.hold.queue = 5061;
	after = table_layout(&c);
	assert_int_not_equal(before, after);
}

static void
test_rules_are_counted_as_written(void **state)
{
	char *text = whole_table(&config), *line, *rest = text;
	unsigned int n = 0;

	(void)state;
	/* Rules are the lines within a chain but for its hook. */
	while ((line = strsep(&rest, "\n")) != NULL)
		n += strncmp(line, "\t\t", 2) == 0 &&
		    (strstr(line, "goto") || strstr(line, "jump") ||
			strstr(line, "accept") || strstr(line, "drop") ||
			strstr(line, " map @") || strstr(line, " mark set") ||
			strstr(line, "\tadd @") ||
			strstr(line, "log prefix")) &&
		    strstr(line, "policy") == NULL;
	assert_int_equal(table_rules(&config, TABLE_ALL_PARTS), n);
	assert_true(table_rules(&config, 1u << PART_BASE) < n);
	free(text);
}

static void
test_the_layout_number_tells_tables_apart(void **state)
{
	struct fw_config other = config;

	(void)state;
	assert_int_equal(table_layout(&config), table_layout(&other));
	other.local = false;
	assert_int_not_equal(table_layout(&config), table_layout(&other));
	other = config;
	other.mark = 0x20000;
	assert_int_not_equal(table_layout(&config), table_layout(&other));
	other = config;
	other.nremotes = 1;
	assert_int_not_equal(table_layout(&config), table_layout(&other));
}

static void
test_table_names(void **state)
{
	/* clang-format off */
	static const struct { const char *name; bool ok; } rows[] = {
		{ "pinholed", true },
		{ "p", true },
		{ "Pin_holed-2", true },
		{ "", false },
		{ NULL, false },
		{ "2pin", false },
		{ "pin holed", false },
		{ "pin{", false },
		{ "pin;drop", false },
		{ "pin\nflush", false },
		{ "a234567890123456789012345678901", true },
		{ "a2345678901234567890123456789012", false },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		if (table_name_ok(rows[i].name) != rows[i].ok)
			fail_msg("%s", rows[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table_is_what_the_golden_file_says),
		cmocka_unit_test(test_the_table_that_latches_to_ports),
		cmocka_unit_test(test_the_table_that_makes_signalling_wait),
		cmocka_unit_test(test_rules_are_counted_as_written),
		cmocka_unit_test(test_the_layout_number_tells_tables_apart),
		cmocka_unit_test(test_table_names),
	};

	return cmocka_run_group_tests(tests, set_remotes, NULL);
}
