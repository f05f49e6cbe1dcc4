/* SPDX-License-Identifier: ISC */
/* The words of -n about nftables, on a kernel of paper. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nft/table.h"
#include "src/base/strbuf.h"
#include "src/fw/fw.h"
#include "tests/unit/fake_nft.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

extern const struct fw_ops fw_nftables;

static char text[4096];

static int
setup(void **state)
{
	(void)state;
	fake_reset();
	fake.ruleset = "";
	return 0;
}

static enum ph_err
check(const struct fw_config *config)
{
	struct strbuf why = strbuf_of(text, sizeof(text));
	enum ph_err rc;

	text[0] = '\0';
	rc = fw_nftables.check(config, &why);
	return rc;
}

static const struct fw_config plain = { .name = "pinholed",
	.mark = 0x10000,
	.tables_only = true };

static void
what_cannot_start_is_an_error(void **state)
{
	struct fw_config c = plain;

	(void)state;
	assert_int_equal(check(&c), PH_OK);
	assert_string_equal(text, "");
	c.name = "a b";
	assert_int_equal(check(&c), PH_EBAD);
	assert_string_equal(text,
	    "\"a b\" cannot be the name of an nftables table");
	c = plain;
	c.mark = 0;
	assert_int_equal(check(&c), PH_EBAD);
	assert_string_equal(text, "the mark must not be 0");
	fake.deny = EPERM;
	assert_int_not_equal(check(&plain), PH_OK);
	assert_string_equal(text,
	    "cannot look at nftables: Operation not permitted");
	fake.deny = 0;
	fake.refuse_try = true;
	assert_int_equal(check(&plain), PH_EIO);
	assert_string_equal(text, "refused");
}

static void
without_memory_nothing_is_checked(void **state)
{
	static const enum ph_err want[] = { PH_EUNSUPPORTED, PH_ENOMEM,
		PH_ENOMEM, PH_OK };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(want); i++) {
		starve((unsigned int)i + 1);
		assert_int_equal(check(&plain), want[i]);
		(void)starve_end();
	}
}

/* A table of our name that has nothing of ours. */
static void
the_table_of_another_is_left_alone(void **state)
{
	(void)state;
	fake.table = true;
	fake.comment = "somebody else's";
	assert_int_equal(check(&plain), PH_EBAD);
	assert_string_equal(text,
	    "there is a table inet pinholed that is not ours; give us "
	    "another name");
	/* Ours, of an earlier version. */
	fake.comment = TABLE_COMMENT " of old";
	assert_int_equal(check(&plain), PH_OK);
	fake.comment = "somebody else's";
	fake.parts = 1u << PART_BASE;
	assert_int_equal(check(&plain), PH_OK);
}

#define FILTER(hook, prio, policy, rules)                                      \
	"\tchain " hook " {\n\t\ttype filter hook " hook " priority " prio     \
	"; policy " policy ";\n" rules "\t}\n"
#define MARK "\t\tmeta mark & 0x00010000 == 0x00010000 accept\n"
#define T(x) "table inet f {\n" x "}\n"
#define ADD                                                                    \
	", before anything that drops:\n"                                      \
	"    meta mark & 0x10000 == 0x10000 accept"
#define NONE "no nftables rule accepts our packets; add to your "
#define OPEN                                                                   \
	"no nftables rule drops forwarded packets, so they may all pass, "     \
	"pinhole or not"
#define EARLY(kind)                                                            \
	"a chain that drops " kind " packets comes before ours and cannot "    \
	"see our mark; give it a priority above -10"
#define FIREWALLD                                                              \
	"firewalld drops our packets; write in pinholed.conf:\n"               \
	"    firewall nftables hook {"

/* This machine may have a bridge; then it is one that is named. */
static bool
names_bridges_only(void)
{
	const char *p = strstr(text, " is the port of a bridge"), *begin;
	char path[300];

	if (p == NULL)
		return true;
	for (begin = p; begin > text && begin[-1] != '\n'; begin--)
		continue;
	snprintf(path, sizeof(path), "/sys/class/net/%.*s/brport",
	    (int)(p - begin), begin);
	return *begin != '.' && access(path, F_OK) == 0;
}

static void
advice_names_what_is_missing(void **state)
{
	static const char *const hooks[] = {
		"inet firewalld filter_INPUT",
	};
	static const struct {
		bool local;
		const char *ruleset, *said, *not_said;
	} rows[] = {
		{ false, "", OPEN, NONE },
		{ false, T(FILTER("forward", "0", "drop", "")),
		    NONE "forward chain" ADD, OPEN },
		{ false,
		    T(FILTER("forward", "0", "drop", "")
			    FILTER("input", "0", "drop", "")),
		    NONE "forward chain" ADD, "input" },
		{ true,
		    T(FILTER("forward", "0", "drop", "")
			    FILTER("input", "0", "drop", "")),
		    NONE "forward and input chains" ADD, OPEN },
		{ true,
		    T(FILTER("forward", "0", "drop", "") FILTER("input", "0",
			"drop", "") FILTER("output", "0", "drop", "")),
		    NONE "forward, input and output chains" ADD, OPEN },
		{ true,
		    T(FILTER("forward", "0", "drop", MARK) FILTER("input", "0",
			"drop", MARK) FILTER("output", "0", "drop", "")),
		    NONE "output chain" ADD, "forward" },
		{ false, T(FILTER("forward", "0", "drop", MARK)), "", NONE },
		{ false,
		    T(FILTER("forward", "0", "accept",
			"\t\tiifname \"o0\" drop\n" MARK)),
		    "chain inet f forward drops packets before the rule that "
		    "accepts our mark; put that rule before this one:\n"
		    "    iifname \"o0\" drop",
		    NONE },
		{ false, T(FILTER("forward", "-150", "drop", MARK)),
		    EARLY("forwarded"), "incoming" },
		{ false,
		    T(FILTER("forward", "0", "drop", MARK)
			    FILTER("output", "-150", "drop", MARK)),
		    "", EARLY("outgoing") },
		{ true,
		    T(FILTER("forward", "0", "drop", MARK)
			    FILTER("output", "-150", "drop", MARK)),
		    EARLY("outgoing"), EARLY("forwarded") },
		{ false,
		    T(FILTER("forward", "0", "drop", MARK)
			    FILTER("input", "-150", "drop", MARK)),
		    "", EARLY("incoming") },
		{ true,
		    T(FILTER("forward", "0", "drop", MARK)
			    FILTER("input", "-150", "drop", MARK)),
		    EARLY("incoming"), EARLY("outgoing") },
		{ false,
		    T(FILTER("forward", "0", "drop", MARK) FILTER("input", "0",
			"drop", "") FILTER("output", "0", "drop", "")),
		    "", NONE },
		{ false,
		    "table inet firewalld {\n" FILTER("forward", "0", "drop",
			"") "}\n",
		    FIREWALLD " \"inet firewalld filter_FORWARD\","
			      " \"inet firewalld filter_INPUT\" }",
		    NONE },
		{ true,
		    "table inet firewalld {\n" FILTER("forward", "0", "drop",
			"") FILTER("output", "0", "drop", "") "}\n",
		    FIREWALLD " \"inet firewalld filter_FORWARD\","
			      " \"inet firewalld filter_INPUT\","
			      " \"inet firewalld filter_OUTPUT\" }",
		    NONE },
		/* Not all of it is firewalld's. */
		{ true,
		    "table inet firewalld {\n" FILTER("forward", "0", "drop",
			"") "}\n" T(FILTER("input", "0", "drop", "")),
		    NONE "forward and input chains" ADD, FIREWALLD },
		{ false,
		    T(FILTER("forward", "0", "drop", MARK "\t\tflow add @f\n")),
		    "a rule puts flows into a flowtable, where no pinhole can "
		    "be closed in time; before `flow add`, write:\n"
		    "    meta mark & 0x10000 == 0",
		    NONE },
	};
	struct fw_config c = plain;
	size_t i;

	(void)state;
	c.hooks = hooks;
	c.nhooks = 1;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		c.tables_only = false;
		c.local = rows[i].local;
		fake.ruleset = rows[i].ruleset;
		assert_int_equal(check(&c), PH_OK);
		assert_non_null(strstr(text, rows[i].said));
		assert_null(strstr(text, rows[i].not_said));
		/* Each on a line of its own, and the first on the first. */
		assert_int_not_equal(text[0], '\n');
		assert_true(names_bridges_only());
		assert_null(strstr(text, "\n\n"));
		/* Tables alone need no rule. */
		c.tables_only = true;
		assert_int_equal(check(&c), PH_OK);
		assert_string_equal(text, "");
	}
}

static void
a_helper_of_the_kernel_is_named_for_calls_only(void **state)
{
	static const char ruleset[] =
	    "table ip nat {\n\tct helper sip-5060 {\n\t\ttype \"sip\" protocol "
	    "udp\n\t\tl3proto ip\n\t}\n\tchain c {\n\t\tudp dport 5060 ct "
	    "helper set \"sip-5060\"\n\t}\n}\n";
	struct fw_config c = plain;

	(void)state;
	c.tables_only = false;
	c.calls = true;
	fake.ruleset = ruleset;
	assert_int_equal(check(&c), PH_OK);
	assert_non_null(strstr(text,
	    "it rewrites SDP, and drops what it cannot read; remove this "
	    "rule:\n    udp dport 5060 ct helper set \"sip-5060\""));
	c.calls = false;
	assert_int_equal(check(&c), PH_OK);
	assert_null(strstr(text, "helper"));
}

static void
sets_that_do_not_exist_are_named(void **state)
{
	static const char *const names[] = { "spammer", "friend" };
	static const char *const backwards[] = { "friend", "spammer", "foe" };
	struct fw_config c = plain;

	(void)state;
	c.tables = names;
	c.ntables = 2;
	fake.user_set = 5;
	assert_int_equal(check(&c), PH_OK);
	assert_string_equal(text,
	    "no nftables set is called friend; add to your table:\n    set "
	    "friend { type ipv4_addr; flags interval, timeout; }");
	fake.user_twice = true;
	c.ntables = 1;
	assert_int_equal(check(&c), PH_OK);
	assert_string_equal(text,
	    "several nftables sets are called spammer; say "
	    "family/table/spammer");
	c.ntables = 0;
	c.nclasses = 1;
	assert_int_equal(check(&c), PH_OK);
	assert_string_equal(text,
	    "tag and queue of a proxy are for pf; nftables has neither");
	/* Each has a line of its own. */
	c.tables = backwards;
	c.ntables = 3;
	assert_int_equal(check(&c), PH_OK);
	assert_string_equal(text,
	    "no nftables set is called friend; add to your table:\n    set "
	    "friend { type ipv4_addr; flags interval, timeout; }\n"
	    "several nftables sets are called spammer; say "
	    "family/table/spammer\n"
	    "no nftables set is called foe; add to your table:\n    set "
	    "foe { type ipv4_addr; flags interval, timeout; }\n"
	    "tag and queue of a proxy are for pf; nftables has neither");
}

#undef T
#define T(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_cannot_start_is_an_error),
		T(without_memory_nothing_is_checked),
		T(the_table_of_another_is_left_alone),
		T(advice_names_what_is_missing),
		T(a_helper_of_the_kernel_is_named_for_calls_only),
		T(sets_that_do_not_exist_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
