/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "nft/advice.h"
#include "src/fw/fw.h"
#include "src/base/strbuf.h"
#include "nft/helper.h"
#include "tests/unit/unit.h"

/* The advice on a user's ruleset. */

#define FILTER(hook, priority, policy, rules)                                  \
	"\tchain c {\n\t\ttype filter hook " hook " priority " priority        \
	"; policy " policy ";\n" rules "\t}\n"
#define DROPS(rules)	   FILTER("forward", "0", "drop", rules)
#define PASSES(rules)	   FILTER("forward", "0", "accept", rules)
#define CHAIN(name, rules) "\tchain " name " {\n" rules "\t}\n"
#define R(rule)		   "\t\t" rule "\n"
#define MARK		   R("meta mark & 0x00010000 == 0x00010000 accept")
#define COUNTED		   "counter packets 0 bytes 0 "

/* clang-format off */
static const struct {
	const char *what, *chains;
	enum advice_at at;
	bool guards, blocked, heeds, early;
	const char *rule;
} rows[] = {
	{ "nothing", "", 0, 0, 0, 0, 0, NULL },
	{ "a policy", DROPS(""), 0, 1, 1, 0, 0, "" },
	{ "it accepts", PASSES(""), 0, 0, 0, 0, 0, NULL },
	{ "input only", FILTER("input", "0", "drop", ""), 0, 0, 0, 0, 0, NULL },
	{ "input", FILTER("input", "0", "drop", ""), ADVICE_INPUT,
	    1, 1, 0, 0, "" },
	{ "input heeds", FILTER("input", "0", "drop", MARK), ADVICE_INPUT,
	    1, 0, 0, 0, NULL },
	{ "output", FILTER("output", "0", "drop", ""), ADVICE_OUTPUT,
	    1, 1, 0, 0, "" },
	{ "too early", FILTER("forward", "-150", "drop", MARK),
	    0, 1, 0, 0, 1, NULL },
	{ "at ours", FILTER("forward", "-10", "drop", MARK),
	    0, 1, 0, 0, 1, NULL },
	{ "after ours", FILTER("forward", "-9", "drop", MARK),
	    0, 1, 0, 0, 0, NULL },
	{ "harmless", FILTER("forward", "-150", "accept", ""),
	    0, 0, 0, 0, 0, NULL },
	{ "a last rule", PASSES(R(COUNTED "drop")), 0, 1, 1, 0, 0,
	    COUNTED "drop" },
	{ "a reject", PASSES(R("reject with icmpx 3")), 0, 1, 1, 0, 0,
	    "reject with icmpx 3" },
	{ "heeded", DROPS(MARK), 0, 1, 0, 0, 0, NULL },
	{ "counted", DROPS(R("meta mark & 0x00010000 == 0x00010000 " COUNTED
	    "accept")), 0, 1, 0, 0, 0, NULL },
	{ "a wider mask", DROPS(R("meta mark & 0x00ff0000 == 0x00010000 "
	    "jump media")), 0, 1, 0, 0, 0, NULL },
	{ "exactly", DROPS(R("meta mark 0x00010000 accept")),
	    0, 1, 0, 0, 0, NULL },
	{ "other bits", DROPS(R("meta mark & 0x000000ff == 0x00000001 accept")),
	    0, 1, 1, 0, 0, "" },
	{ "another mark", DROPS(R("meta mark 0x00000001 accept")),
	    0, 1, 1, 0, 0, "" },
	{ "a map", DROPS(R("meta mark vmap { 0x00010000 : accept }")),
	    0, 1, 0, 0, 0, NULL },
	{ "sets it", DROPS(R("meta mark set 0x00010000")), 0, 1, 1, 0, 0, "" },
	{ "drops it", PASSES(R("meta mark & 0x00010000 == 0x00010000 drop")),
	    0, 1, 1, 0, 0, "meta mark & 0x00010000 == 0x00010000 drop" },
	{ "ct mark", DROPS(R("ct mark & 0x00010000 == 0x00010000 accept")),
	    0, 1, 1, 0, 0, "" },
	/* Order. */
	{ "drop before", PASSES(R("iifname \"o0\" drop") MARK), 0, 1, 1, 1, 0,
	    "iifname \"o0\" drop" },
	{ "reject before", DROPS(R("udp dport 10000-20000 reject") MARK),
	    0, 1, 1, 1, 0, "udp dport 10000-20000 reject" },
	{ "drop behind", PASSES(MARK R("drop")), 0, 1, 0, 0, 0, NULL },
	{ "accept for some", DROPS(R("iifname \"i0\" accept")),
	    0, 1, 1, 0, 0, "" },
	{ "accept for all", DROPS(R(COUNTED "accept") R("drop")),
	    0, 0, 0, 0, 0, NULL },
	{ "words in quotes", DROPS(R("counter log prefix \"x drop \" comment "
	    "\" drop meta mark 0x10000 accept\"") MARK), 0, 1, 0, 0, 0, NULL },
	{ "a comment", DROPS(R("accept comment \"all\"")),
	    0, 0, 0, 0, 0, NULL },
	/*
	 * Drops before the rule with the mark: some are right, some hit our
	 * packets.
	 */
	{ "invalid", DROPS(R("ct state 0x1 drop") MARK), 0, 1, 0, 0, 0, NULL },
	{ "not established", DROPS(R("ct state != 0x2 drop") MARK),
	    0, 1, 1, 1, 0, "ct state != 0x2 drop" },
	{ "new", DROPS(R("ct state 0x8,0x40 drop") MARK),
	    0, 1, 1, 1, 0, "ct state 0x8,0x40 drop" },
	{ "strangers", DROPS(R("ip saddr @spammer drop") MARK),
	    0, 1, 0, 0, 0, NULL },
	{ "a flood", DROPS(R("limit rate over 10/second drop") MARK),
	    0, 1, 0, 0, 0, NULL },
	{ "only strangers", PASSES(R("ip saddr @spammer drop")),
	    0, 0, 0, 0, 0, NULL },
	/* Jumps. */
	{ "behind a jump", DROPS(R("jump media")) CHAIN("media", MARK),
	    0, 1, 0, 0, 0, NULL },
	{ "before the chain", CHAIN("media", MARK) DROPS(R("jump media")),
	    0, 1, 0, 0, 0, NULL },
	{ "not jumped to", DROPS("") CHAIN("media", MARK),
	    0, 1, 1, 0, 0, "" },
	{ "dropped in a jump", PASSES(R("jump x") MARK) CHAIN("x", R("drop")),
	    0, 1, 1, 1, 0, "drop" },
	{ "back from a jump", DROPS(R("jump x") MARK)
	    CHAIN("x", R("return") R("drop")), 0, 1, 0, 0, 0, NULL },
	{ "one of two ways", DROPS(R("iifname vmap { \"i0\" : jump in, "
	    "\"o0\" : jump out }")) CHAIN("in", R("drop"))
	    CHAIN("out", MARK), 0, 1, 0, 0, 0, NULL },
	{ "of no way", DROPS(R("iifname vmap { \"i0\" : jump in }"))
	    CHAIN("in", ""), 0, 1, 1, 0, 0, "" },
	{ "a map unseen", DROPS(R("iifname vmap @ways")),
	    0, 1, 0, 0, 0, NULL },
	{ "in circles", DROPS(R("jump x")) CHAIN("x", R("jump x") R("jump x")),
	    0, 1, 1, 0, 0, "" },
	{ "a set", DROPS(R("meta mark { 0x00010000, 0x00020000 } accept")),
	    0, 1, 0, 0, 0, NULL },
	{ "broadcasts", PASSES(R("fib daddr type != 2 drop")),
	    0, 0, 0, 0, 0, NULL },
	{ "gone to", DROPS(R("goto media")) CHAIN("media", MARK),
	    0, 1, 0, 0, 0, NULL },
	{ "the first of two ways", DROPS(R("iifname vmap { \"i0\" : jump in, "
	    "\"o0\" : jump out }")) CHAIN("in", MARK)
	    CHAIN("out", R("drop")), 0, 1, 0, 0, 0, NULL },
	{ "before the ways", PASSES(R("iifname \"o0\" drop")
	    R("iifname vmap { \"i0\" : jump in }")) CHAIN("in", MARK),
	    0, 1, 1, 1, 0, "iifname \"o0\" drop" },
	{ "early, and accepts", FILTER("forward", "-150", "accept",
	    R("udp dport 5 drop")), 0, 1, 1, 0, 0, "udp dport 5 drop" },
	{ "no filter", CHAIN("c", R("type nat hook input priority 0; "
	    "policy drop;")), ADVICE_INPUT, 0, 0, 0, 0, NULL },
	{ "too long to tell", PASSES(R("iifname \"o0\" drop") R("jump x"))
	    CHAIN("x", R("jump x") R("jump x") R("jump x")),
	    0, 1, 0, 0, 0, NULL },
	{ "only a part of a word", DROPS(R("log prefix acceptable")),
	    0, 1, 1, 0, 0, "" },
	{ "heeded by a word's beginning", DROPS(R("meta mark 0x00010000 "
	    "log prefix acceptable")), 0, 1, 1, 0, 0, "" },
	{ "heeded by a word's end", DROPS(R("meta mark 0x00010000 "
	    "add @accept { ip saddr }")), 0, 1, 1, 0, 0, "" },
	{ "heeded and gone", DROPS(R("meta mark 0x00010000 goto media"))
	    CHAIN("media", ""), 0, 1, 0, 0, 0, NULL },
	{ "the first of two", PASSES(R("iifname \"o0\" drop")
	    R("iifname \"o1\" drop")), 0, 1, 1, 0, 0, "iifname \"o0\" drop" },
	{ "a queue", DROPS(R("queue to 1")), 0, 1, 0, 0, 0, NULL },
	{ "for ever", DROPS(R("jump x")) CHAIN("x", R("jump x") R("jump x")
	    R("jump x")), 0, 0, 0, 0, 0, NULL },
};
/* clang-format on */

static struct advice
advice_of(struct span ruleset, const char *own_table, uint32_t mark)
{
	const struct fw_config config = { .name = own_table, .mark = mark };

	return ruleset_advice(ruleset, &config);
}

static void
a_packet_with_our_mark_is_followed(void **state)
{
	const struct advice_hook *h;
	struct advice a;
	char text[1024];
	size_t i, wrong = 0;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		snprintf(text, sizeof(text), "table inet user {\n%s}\n",
		    rows[i].chains);
		a = advice_of(span_of(text), "pinholed", 0x10000);
		h = &a.at[rows[i].at];
		if (h->guards != rows[i].guards ||
		    h->blocked != rows[i].blocked ||
		    h->heeds_mark != rows[i].heeds ||
		    h->early != rows[i].early ||
		    (rows[i].rule != NULL &&
			strcmp(h->rule, rows[i].rule) != 0)) {
			print_message("%s: guards %d blocked %d heeds %d "
				      "early %d \"%s\"\n",
			    rows[i].what, h->guards, h->blocked, h->heeds_mark,
			    h->early, h->rule);
			wrong++;
		}
		/* Our own table does not count. */
		a = advice_of(span_of(text), "user", 0x10000);
		assert_false(a.at[rows[i].at].guards);
		/* A chain of the bridge family never sees packets of ours. */
		snprintf(text, sizeof(text), "table bridge user {\n%s}\n",
		    rows[i].chains);
		a = advice_of(span_of(text), "pinholed", 0x10000);
		assert_false(a.at[rows[i].at].guards);
	}
	assert_int_equal(wrong, 0);
}

static void
each_chain_must_let_pass(void **state)
{
	static const char text[] = "table inet own {\n" CHAIN("c",
	    R("drop")) "}\n"
		       "table inet first {\n" DROPS(
			   MARK) "}\n"
				 "table ip second {\n\tset s {\n\t\ttype "
				 "ipv4_addr\n\t}\n\n" FILTER("forward", "5",
				     "accept",
				     R("jump media")
					 R("drop")) "}\n"
						    "table ip third {\n" CHAIN(
							"media", MARK) "}\n";
	struct advice a;

	(void)state;
	a = advice_of(span_of(text), "own", 0x10000);
	assert_true(a.at[ADVICE_FORWARD].blocked);
	/* A chain of another table is out of reach. */
	assert_false(a.at[ADVICE_FORWARD].heeds_mark);
	assert_string_equal(a.at[ADVICE_FORWARD].chain, "ip second c");
	assert_string_equal(a.at[ADVICE_FORWARD].rule, "drop");
}

static void
a_hooked_chain_has_our_rule(void **state)
{
	static const char text[] =
	    "table inet own {\n" DROPS(R("jump x")) CHAIN("x", R("drop")) "}\n";
	static const struct {
		const char *hook;
		bool blocked;
	} hooks[] = {
		{ "inet own c", false },
		{ "inet own x", false },
		{ "ip own c", true },
		{ "inet own forward", true },
		{ "inet other c", true },
	};
	struct fw_config config = { .name = "pinholed", .mark = 0x10000 };
	struct advice a;
	size_t i;

	(void)state;
	config.nhooks = 1;
	for (i = 0; i < ROWS(hooks); i++) {
		config.hooks = &hooks[i].hook;
		a = ruleset_advice(span_of(text), &config);
		assert_true(a.at[ADVICE_FORWARD].guards);
		assert_int_equal(a.at[ADVICE_FORWARD].blocked,
		    hooks[i].blocked);
	}
}

static void
flowtables_are_found(void **state)
{
	(void)state;
	assert_true(advice_of(span_of("table inet x {\n" CHAIN("c",
				  R("ct state 0x2 flow add @f")) "}\n"),
	    "pinholed", 0x10000)
			.offloads);
	assert_true(advice_of(span_of("table inet x {\n" CHAIN("c",
				  R("flow offload @f")) "}\n"),
	    "pinholed", 0x10000)
			.offloads);
	assert_false(advice_of(span_of("table inet x {\n" CHAIN("c",
				   R("meta mark & 0x00010000 == "
				     "0x00000000 flow add @f")) "}"
								"\n"),
	    "pinholed", 0x10000)
			 .offloads);
}

#define HELPER(name, type)                                                     \
	"\tct helper " name " {\n\t\ttype \"" type                             \
	"\" protocol udp\n\t\tl3proto inet\n\t}\n"

static void
the_kernels_helper_for_sip_is_found(void **state)
{
	/* clang-format off */
	static const struct {
		const char *ruleset, *rule;
	} cases[] = {
		{ "", "" },
		{ "table inet x {\n" HELPER("s", "sip") "}\n", "" },
		{ "table inet x {\n" HELPER("s", "sip")
		    CHAIN("c", R("udp dport 5060 ct helper set \"s\"")) "}\n",
		    "udp dport 5060 ct helper set \"s\"" },
		{ "table inet x {\n" HELPER("s", "ftp")
		    CHAIN("c", R("tcp dport 21 ct helper set \"s\"")) "}\n",
		    "" },
		{ "table inet x {\n" HELPER("f", "ftp") HELPER("s", "sip")
		    CHAIN("c", R("tcp dport 21 ct helper set \"f\"")
		    R("ct helper set udp dport map { 21 : \"f\", 5060 : \"s\" }"))
		    "}\n",
		    "ct helper set udp dport map { 21 : \"f\", 5060 : \"s\" }" },
		/* A name is that of its table. */
		{ "table inet x {\n" HELPER("s", "sip") "}\n"
		    "table inet y {\n" HELPER("s", "ftp")
		    CHAIN("c", R("ct helper set \"s\"")) "}\n", "" },
		{ "table inet x {\n" HELPER("s", "sip")
		    CHAIN("c", R("ct helper \"sip\" accept")) "}\n", "" },
		{ "table inet x {\n" HELPER("s", "sip")
		    CHAIN("c", R("ct helper set \"s")) "}", 
		    "ct helper set \"s" },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(
		    span_eq_str(helper_sip_rule(span_of(cases[i].ruleset)),
			cases[i].rule));
}

/* All of our bits, and each table for itself. */
static void
no_other_table_and_no_other_bits_help(void **state)
{
	static const char families[] = "table ip t {\n" CHAIN("media",
	    MARK) "}\n"
		  "table ip6 t {\n" DROPS(R("jump media"))
		      CHAIN("media", "") "}\n";
	static const char two[] = "table inet a {\n" DROPS(
	    "") "}\n"
		"table inet b {\n" PASSES(R("drop")) "}\n";
	static const char named_as_ours[] =
	    "table ip pinholed {\n" DROPS("") "}\n";
	static const char bits[] =
	    "table inet t {\n" DROPS(R("meta mark 0x00010000 accept")) "}\n";
	struct advice a;

	(void)state;
	a = advice_of(span_of(families), "pinholed", 0x10000);
	assert_true(a.at[ADVICE_FORWARD].guards);
	assert_true(a.at[ADVICE_FORWARD].blocked);
	assert_string_equal(a.at[ADVICE_FORWARD].chain, "ip6 t c");
	a = advice_of(span_of(two), "pinholed", 0x10000);
	assert_string_equal(a.at[ADVICE_FORWARD].chain, "inet a c");
	assert_string_equal(a.at[ADVICE_FORWARD].rule, "");
	a = advice_of(span_of(named_as_ours), "pinholed", 0x10000);
	assert_true(a.at[ADVICE_FORWARD].blocked);
	a = advice_of(span_of(bits), "pinholed", 0x10000);
	assert_false(a.at[ADVICE_FORWARD].blocked);
	a = advice_of(span_of(bits), "pinholed", 0x30000);
	assert_true(a.at[ADVICE_FORWARD].blocked);
}

static void
more_chains_than_we_look_at_are_ignored(void **state)
{
	static char text[1200 * 32];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct advice a;
	int i;

	(void)state;
	strbuf_str(&b, "table inet x {\n");
	for (i = 0; i < 1100; i++)
		strbuf_fmt(&b, "\tchain c%d {\n\t}\n", i);
	strbuf_str(&b, DROPS("") "}\n");
	assert_false(b.full);
	a = advice_of(span_of(text), "pinholed", 0x10000);
	assert_false(a.at[ADVICE_FORWARD].guards);
}

/* Of a rule as long as a set's elements make it, the beginning is read. */
static void
a_long_rule_is_read_as_far_as_it_goes(void **state)
{
	static char text[8192];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct advice a;
	int i;

	(void)state;
	strbuf_str(&b,
	    "table inet x {\n\tchain c {\n\t\ttype filter hook "
	    "forward priority 0; policy drop;\n\t\tmeta mark { "
	    "0x00010000");
	for (i = 0; i < 300; i++)
		strbuf_fmt(&b, ", 0x%08x", i);
	strbuf_str(&b, " } accept\n\t\t" MARK "\t}\n}\n");
	assert_false(b.full);
	a = advice_of(span_of(text), "pinholed", 0x10000);
	assert_false(a.at[ADVICE_FORWARD].blocked);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_with_our_mark_is_followed),
		cmocka_unit_test(each_chain_must_let_pass),
		cmocka_unit_test(a_hooked_chain_has_our_rule),
		cmocka_unit_test(flowtables_are_found),
		cmocka_unit_test(no_other_table_and_no_other_bits_help),
		cmocka_unit_test(more_chains_than_we_look_at_are_ignored),
		cmocka_unit_test(a_long_rule_is_read_as_far_as_it_goes),
		cmocka_unit_test(the_kernels_helper_for_sip_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
