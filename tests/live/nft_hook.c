/* SPDX-License-Identifier: ISC */
/* Our rules in chains of other people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/live/nftlab.h"

/* A manager of a firewall, which accepts no mark. */
static const char manager[] =
    "flush ruleset\n"
    "table inet user {\n"
    " chain forward {\n"
    "  type filter hook forward priority filter + 10; policy accept;\n"
    "  ct state established,related accept\n"
    "  udp dport 5060 accept\n"
    "  reject with icmpx admin-prohibited\n"
    " }\n"
    " chain input {\n"
    "  type filter hook input priority filter + 10; policy accept;\n"
    " }\n"
    "}\n";

static const char *const forward[] = { "inet user forward" };
static const char *const both[] = { "inet user forward", "inet user input" };

#define RULE "meta mark & 0x00010000 == 0x00010000 accept"

static void
hooked(const char *const *hooks, size_t n)
{
	lab_close(NULL);
	lab_load(manager);
	config.hooks = hooks;
	config.nhooks = n;
	lab_open();
}

/* Rules of any pinholed in the chain. */
static int
ours(const char *chain)
{
	return lab_lines("nft list chain inet user %s | grep 'kept here by'",
	    chain);
}

/* The first rule of the chain is ours. */
static bool
at_head(const char *chain)
{
	return lab_lines("nft -y list chain inet user %s | sed -n 4p | "
			 "grep '%s comment \"kept here by pinholed, table "
			 "pinholed, mark 0x%x\"'",
		   chain, "accept", config.mark) == 1;
}

static int64_t
look(int64_t now)
{
	enum ph_err err;

	return fw_nftables.tick(fw, now, &err);
}

static void
test_media_passes_a_chain_that_rejects_it(void **state)
{
	int out = out_at(4200), in = in_at(10200);
	struct pinhole h;

	(void)state;
	hooked(NULL, 0);
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10200);
	STOP(out, "192.0.2.20", 10200, in);
	closed(&h);
	hooked(forward, 1);
	assert_true(at_head("forward"));
	STOP(out, "192.0.2.20", 10200, in);
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10200);
	PASS(out, "192.0.2.20", 10200, in);
	PASS(in, "198.51.100.7", 4200, out);
	closed(&h);
	STOP(out, "192.0.2.20", 10200, in);
	close(out);
	close(in);
}

static void
test_a_rule_that_was_taken_away_comes_back(void **state)
{
	int64_t now = lab_now();

	(void)state;
	hooked(both, 2);
	assert_true(at_head("forward"));
	assert_true(at_head("input"));
	now = look(now);
	/* As a reload does it, and by hand. */
	lab_load("delete table inet user\n");
	now = look(now);
	assert_int_equal(ours("forward 2>&-"), 0);
	lab_load(strchr(manager, '\n') + 1);
	now = look(now);
	assert_true(at_head("forward"));
	assert_true(at_head("input"));
	lab_load("flush chain inet user input\n");
	now = look(now);
	assert_true(at_head("forward"));
	assert_int_equal(ours("input"), 1);
	/* The rule is in its place, so the backend changes nothing. */
	lab_lines("nft -a list ruleset >/tmp/pinholed-hook.before");
	now = look(now);
	(void)look(now);
	assert_int_equal(lab_lines("nft -a list ruleset |"
				   " diff - /tmp/pinholed-hook.before"),
	    0);
	unlink("/tmp/pinholed-hook.before");
}

static void
test_it_is_the_first_rule_and_there_is_one(void **state)
{
	int64_t now = lab_now();

	(void)state;
	hooked(forward, 1);
	now = look(now);
	lab_load("insert rule inet user forward udp dport 9 drop\n");
	assert_false(at_head("forward"));
	now = look(now);
	assert_true(at_head("forward"));
	assert_int_equal(ours("forward"), 1);
	lab_load("insert rule inet user forward " RULE
		 " comment \"kept here by pinholed, table pinholed, "
		 "mark 0x10000\"\n");
	now = look(now);
	assert_true(at_head("forward"));
	assert_int_equal(ours("forward"), 1);
	/* Two of us do not push each other away. */
	lab_load("insert rule inet user forward meta mark 4 accept"
		 " comment \"kept here by pinholed, table other, mark 0x4\"\n");
	now = look(now);
	(void)look(now);
	assert_false(at_head("forward"));
	assert_int_equal(ours("forward"), 2);
	lab_shut(false);
	assert_int_equal(ours("forward"), 1);
}

static void
test_it_goes_with_us_and_stays_for_a_successor(void **state)
{
	(void)state;
	hooked(both, 2);
	lab_shut(true);
	assert_true(at_head("forward"));
	/* The successor has another mark, and leaves one chain. */
	config.adopt = true;
	config.mark = 0x20000;
	config.nhooks = 1;
	lab_open();
	assert_int_equal(ours("forward"), 1);
	assert_int_equal(ours("input"), 1);
	/* Until this, the start may fail and leave all to its predecessor. */
	assert_int_equal(fw_nftables.settle(fw, lab_now()), PH_OK);
	assert_true(at_head("forward"));
	assert_int_equal(ours("forward"), 1);
	assert_int_equal(ours("input"), 0);
	lab_shut(false);
	assert_int_equal(ours("forward"), 0);
	assert_int_equal(lab_lines("nft list chain inet user forward |"
				   " grep -c -e reject -e 5060"),
	    1);
}

static void
test_what_a_killed_one_left_goes(void **state)
{
	int i;

	(void)state;
	hooked(both, 2);
	lab_shut(true);
	for (i = 0; i < 40; i++)
		lab_load("add rule inet user input " RULE
			 " comment \"kept here by pinholed, table pinholed, "
			 "mark 0x10000\"\n");
	config.nhooks = 0;
	lab_open();
	assert_int_equal(ours("forward"), 0);
	assert_int_equal(ours("input"), 0);
}

static void
test_check_tells_where_no_rule_can_be(void **state)
{
	static const char *const chain[] = { "ip6 user forward" };
	char text[1024];
	struct strbuf why = strbuf_of(text, sizeof(text));

	(void)state;
	lab_close(NULL);
	lab_load(manager);
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_non_null(strstr(text, "no nftables rule accepts our packets"));
	config.hooks = forward;
	config.nhooks = 1;
	strbuf_reset(&why);
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_string_equal(text, "");
	config.hooks = chain;
	strbuf_reset(&why);
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_non_null(strstr(text, "there is no chain ip6 user forward;"));
	assert_non_null(strstr(text, "no nftables rule accepts our packets"));
	/* Nor does a start fail: the firewall may come up later. */
	lab_open();
	lab_load("table ip6 user {\n chain forward {\n"
		 "  type filter hook forward priority 5\n }\n}\n");
	(void)look(lab_now() + 1000000);
	assert_int_equal(lab_lines("nft list chain ip6 user forward |"
				   " grep 'kept here by'"),
	    1);
}

/* An owner is a process; its table ends with it. */
static void
test_a_table_with_an_owner_is_told(void **state)
{
	static const char *const chain[] = { "inet owned c" };
	char text[1024];
	struct strbuf why = strbuf_of(text, sizeof(text));
	FILE *f;

	(void)state;
	lab_close(NULL);
	if ((f = popen("nft -i >&-", "w")) == NULL)
		abort();
	fputs("add table inet owned { flags owner; }\n"
	      "add chain inet owned c\n",
	    f);
	fflush(f);
	while (lab_lines("nft list tables | grep owned") == 0)
		usleep(10000);
	usleep(50000);
	config.hooks = chain;
	config.nhooks = 1;
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_non_null(strstr(text, "NftablesTableOwner=no"));
	lab_open();
	(void)look(lab_now() + 1000000);
	lab_shut(false);
	pclose(f);
}

static void
test_firewalld_is_known_by_its_table(void **state)
{
	static const char *const firewalld[] = {
		"inet firewalld filter_FORWARD"
	};
	char text[1024];
	struct strbuf why = strbuf_of(text, sizeof(text));

	(void)state;
	lab_close(NULL);
	lab_load("flush ruleset\n"
		 "table inet firewalld {\n"
		 " chain filter_FORWARD {\n"
		 "  type filter hook forward priority filter + 10;\n"
		 "  reject with icmpx admin-prohibited\n"
		 " }\n"
		 " chain filter_INPUT {\n"
		 "  type filter hook input priority filter + 10;\n"
		 "  reject with icmpx admin-prohibited\n"
		 " }\n"
		 "}\n");
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_non_null(strstr(text,
	    "firewall nftables hook { \"inet firewalld filter_FORWARD\" }"));
	config.local = true;
	config.hooks = firewalld;
	config.nhooks = 1;
	strbuf_reset(&why);
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_non_null(strstr(text,
	    "hook { \"inet firewalld filter_FORWARD\","
	    " \"inet firewalld filter_INPUT\" }"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(test_media_passes_a_chain_that_rejects_it),
		LIVE(test_a_rule_that_was_taken_away_comes_back),
		LIVE(test_it_is_the_first_rule_and_there_is_one),
		LIVE(test_it_goes_with_us_and_stays_for_a_successor),
		LIVE(test_what_a_killed_one_left_goes),
		LIVE(test_check_tells_where_no_rule_can_be),
		LIVE(test_a_table_with_an_owner_is_told),
		LIVE(test_firewalld_is_known_by_its_table),
	};

	return lab_main(tests, ROWS(tests));
}
