/* SPDX-License-Identifier: ISC */
/*
 * The rule that we keep in the chains of others: which rules are taken for it,
 * what is deleted and what is inserted.  Against a kernel of paper.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>

#include "nft/hook.h"
#include "nft/nlmsg.h"
#include "tests/unit/unit.h"

#define OURS "kept here by pinholed, table pinholed, mark 0x10000"
#define INSERT                                                                 \
	"insert rule inet filter input meta mark & 0x10000 == 0x10000 "        \
	"accept comment \"" OURS "\"\n"
#define RULES	 40
#define NO_FLAGS UINT32_MAX

struct rule {
	uint8_t family; /* 0: none, the last */
	const char *chain, *comment;
};

/* Handles count from 1; a rule that was deleted has no family. */
static struct rule rules[RULES];
static bool no_chain;
static uint32_t table_flags; /* NO_FLAGS: the kernel tells none */
static bool no_table;
static int refuse; /* every dump, with this errno */

/* What a rule lacks, or has in another form. */
static enum flaw {
	NONE,
	NO_HANDLE,
	SHORT_HANDLE,
	NO_TABLE,
	LONG_TABLE,
	OPEN_TABLE, /* without its NUL */
	NO_CHAIN,
	LONG_CHAIN,
	OPEN_CHAIN,
	SHORT_COMMENT,
	OPEN_COMMENT,
	FLAWS,
} flaw;
static char text[8192];
static unsigned int runs;

static void
put_name(struct nlmsghdr *nlh, uint16_t type, const char *name, enum flaw no)
{
	char wide[130];

	memset(wide, 'a', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	if (flaw == no + 1)
		mnl_attr_put_strz(nlh, type, wide);
	else if (flaw == no + 2)
		mnl_attr_put(nlh, type, strlen(name), name);
	else if (flaw != no)
		mnl_attr_put_strz(nlh, type, name);
}

/* The comment is type 0, here behind something else. */
static void
put_comment(struct nlmsghdr *nlh, const char *comment)
{
	char udata[256];
	size_t n = strlen(comment) + 1;

	memcpy(udata, "\1\3xyz\0", 6);
	udata[6] = (char)n;
	memcpy(udata + 7, comment, n);
	if (flaw == OPEN_COMMENT)
		udata[7 + n - 1] = 'x';
	mnl_attr_put(nlh, NFTA_RULE_USERDATA, n + 7 - (flaw == SHORT_COMMENT),
	    udata);
}

static void
tell_rule(size_t i, nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[1024];
	struct nlmsghdr *nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES,
	    NFT_MSG_NEWRULE, 0, rules[i].family);

	put_name(nlh, NFTA_RULE_TABLE, "filter", NO_TABLE);
	put_name(nlh, NFTA_RULE_CHAIN, rules[i].chain, NO_CHAIN);
	if (flaw == SHORT_HANDLE)
		mnl_attr_put_u32(nlh, NFTA_RULE_HANDLE, htonl(i + 1));
	else if (flaw != NO_HANDLE)
		mnl_attr_put_u64(nlh, NFTA_RULE_HANDLE, htobe64(i + 1));
	if (rules[i].comment != NULL)
		put_comment(nlh, rules[i].comment);
	cb(ctx, nlh);
}

static int
tell_table(const struct nlmsg_attrs *asked, nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct nlmsghdr *nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES,
	    NFT_MSG_NEWTABLE, 0, NFPROTO_INET);

	assert_string_equal(mnl_attr_get_str(asked->at[NFTA_TABLE_NAME]),
	    "filter");
	if (no_table)
		return -ENOENT;
	if (table_flags != NO_FLAGS)
		mnl_attr_put_u32(nlh, NFTA_TABLE_FLAGS, htonl(table_flags));
	cb(ctx, nlh);
	return 0;
}

int
nlsock_request(struct nlsock *s, struct nlmsghdr *nlh, nlsock_cb *cb, void *ctx)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	struct nlmsg_attrs a;
	size_t i;

	(void)s;
	assert_true(nlmsg_attrs(nlh, &a));
	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_GETCHAIN) {
		assert_string_equal(mnl_attr_get_str(a.at[NFTA_CHAIN_TABLE]),
		    "filter");
		assert_string_not_equal(mnl_attr_get_str(a.at[NFTA_CHAIN_NAME]),
		    "");
		return no_chain ||
			strcmp(mnl_attr_get_str(a.at[NFTA_CHAIN_NAME]),
			    "elsewhere") == 0
		    ? -ENOENT
		    : 0;
	}
	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_GETTABLE)
		return tell_table(&a, cb, ctx);
	assert_int_equal(nlh->nlmsg_type & 0xff, NFT_MSG_GETRULE);
	if (refuse != 0)
		return -refuse;
	for (i = 0; i < RULES; i++) {
		if (rules[i].family == 0 ||
		    (nfg->nfgen_family != NFPROTO_UNSPEC &&
			nfg->nfgen_family != rules[i].family) ||
		    (a.at[NFTA_RULE_CHAIN] != NULL &&
			strcmp(mnl_attr_get_str(a.at[NFTA_RULE_CHAIN]),
			    rules[i].chain) != 0))
			continue;
		tell_rule(i, cb, ctx);
	}
	return 0;
}

enum ph_err
nlsock_err(int err)
{
	return err == 0 ? PH_OK : PH_EIO;
}

enum ph_err
ruleset_run(struct ruleset *r, const char *commands, struct strbuf *why)
{
	const char *p = commands;
	unsigned int handle;

	(void)r;
	(void)why;
	runs++;
	strlcat(text, commands, sizeof(text));
	while ((p = strstr(p, " handle ")) != NULL) {
		assert_int_equal(sscanf(p, " handle %u", &handle), 1);
		assert_in_range(handle, 1, RULES);
		rules[handle - 1].family = 0;
		p++;
	}
	return PH_OK;
}

static int
setup(void **state)
{
	(void)state;
	memset(rules, 0, sizeof(rules));
	text[0] = '\0';
	no_chain = no_table = false;
	table_flags = NO_FLAGS;
	refuse = 0;
	flaw = NONE;
	runs = 0;
	return 0;
}

static const char *const hooks[] = { "inet filter input" };
static const struct fw_config config = { .name = "pinholed",
	.mark = 0x10000,
	.hooks = hooks,
	.nhooks = 1 };

enum when { BEGIN, MEND, END };

static enum ph_err
run(enum when when)
{
	switch (when) {
	case BEGIN:
		return hook_begin(NULL, NULL, &config);
	case MEND:
		return hook_mend(NULL, NULL, &config);
	default:
		return hook_end(NULL, NULL, &config);
	}
}

#define IN(comment)                                                            \
	{                                                                      \
		NFPROTO_INET, "input", comment                                 \
	}
#define DELETE(handle) "delete rule inet filter input handle " #handle "\n"

static void
our_rule_is_known_by_its_comment(void **state)
{
	static const struct {
		enum when when;
		struct rule rules[3];
		const char *text;
	} rows[] = {
		{ MEND, { { 0 } }, INSERT },
		{ BEGIN, { { 0 } }, INSERT },
		{ END, { { 0 } }, "" },
		/* Our rule stands where it should be. */
		{ MEND, { IN(OURS) }, "" },
		{ MEND, { IN(OURS), IN(NULL) }, "" },
		{ BEGIN, { IN(OURS), IN("ssh") }, "" },
		/* Our rule stands behind others, so it does nothing. */
		{ MEND, { IN(NULL), IN(OURS) }, DELETE(2) INSERT },
		{ BEGIN, { IN("ssh"), IN(OURS) }, DELETE(2) INSERT },
		/* One rule of ours is enough. */
		{ MEND, { IN(OURS), IN(OURS) }, DELETE(2) },
		/*
		 * A rule for the same table, as another configuration had it.
		 */
		{ MEND,
		    { IN("kept here by pinholed, table pinholed, mark 0x20") },
		    DELETE(1) INSERT },
		/* Rules for other tables, and rules of other people. */
		{ MEND,
		    { IN(
			"kept here by pinholed, table pinhole, mark 0x10000") },
		    INSERT },
		{ MEND,
		    { IN("kept here by pinholed, table pinholed2, "
			 "mark 0x10000") },
		    INSERT },
		{ MEND,
		    { IN("kept here by pinholed, table othertab, "
			 "mark 0x10000") },
		    INSERT },
		{ MEND, { IN("kept here by hand") }, INSERT },
		{ MEND, { IN("pinholed, mark 0x10000") }, INSERT },
		/*
		 * The rule of another pinholed does not count as one of others.
		 */
		{ MEND,
		    { IN("kept here by pinholed, table second, mark 0x20000"),
			IN(OURS) },
		    "" },
		/* Elsewhere it has no place. */
		{ MEND, { { NFPROTO_INET, "forward", OURS } }, INSERT },
		{ BEGIN, { { NFPROTO_INET, "forward", OURS } },
		    "delete rule inet filter forward handle 1\n" INSERT },
		{ BEGIN, { { NFPROTO_IPV6, "input", OURS }, IN(OURS) },
		    "delete rule ip6 filter input handle 1\n" },
		{ BEGIN, { { NFPROTO_IPV4, "input", NULL }, IN(OURS) }, "" },
		/* At the end all of ours go, and no others. */
		{ END, { IN(OURS), IN(NULL), IN(OURS) }, DELETE(1) DELETE(3) },
		{ END,
		    { IN("kept here by pinholed, table second, mark 0x20000"),
			IN("ssh"), { NFPROTO_IPV4, "input", OURS } },
		    "delete rule ip filter input handle 3\n" },
	};
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		setup(state);
		memcpy(rules, rows[i].rules, sizeof(rows[i].rules));
		assert_int_equal(run(rows[i].when), PH_OK);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(runs, rows[i].text[0] != '\0');
	}
}

static const char *const three[] = { "inet filter input", "inet filter forward",
	"ip filter input" };
static const char *const four[] = { "inet filter elsewhere",
	"inet filter input", "inet filter forward", "ip filter input" };

#define INSERT_IN(chain)                                                       \
	"insert rule " chain " meta mark & 0x10000 == 0x10000 "                \
	"accept comment \"" OURS "\"\n"

static void
each_chain_has_a_rule_of_its_own(void **state)
{
	static const struct {
		size_t n;
		struct rule rules[4];
		const char *text;
	} rows[] = {
		{ 3, { { 0 } },
		    INSERT_IN("inet filter input") INSERT_IN(
			"inet filter forward") INSERT_IN("ip filter input") },
		{ 4, { { 0 } },
		    INSERT_IN("inet filter input") INSERT_IN(
			"inet filter forward") INSERT_IN("ip filter input") },
		{ 3, { IN(OURS), { NFPROTO_IPV4, "input", OURS } },
		    INSERT_IN("inet filter forward") },
		{ 4, { IN(OURS), { NFPROTO_INET, "forward", OURS } },
		    INSERT_IN("ip filter input") },
		/* The rules of others are in one of them alone. */
		{ 3,
		    { { NFPROTO_INET, "forward", NULL },
			{ NFPROTO_INET, "forward", OURS }, IN(OURS),
			{ NFPROTO_IPV4, "input", OURS } },
		    "delete rule inet filter forward handle 2\n" INSERT_IN(
			"inet filter forward") },
		{ 1, { IN(OURS), { NFPROTO_INET, "forward", OURS } },
		    "delete rule inet filter forward handle 2\n" },
	};
	struct fw_config c = config;
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		setup(state);
		c.hooks = rows[i].n == 4 ? four : three;
		c.nhooks = rows[i].n;
		memcpy(rules, rows[i].rules, sizeof(rows[i].rules));
		assert_int_equal(hook_begin(NULL, NULL, &c), PH_OK);
		assert_string_equal(text, rows[i].text);
		/* At the end they all go. */
		text[0] = '\0';
		memcpy(rules, rows[i].rules, sizeof(rows[i].rules));
		assert_int_equal(hook_end(NULL, NULL, &c), PH_OK);
		assert_null(strstr(text, "insert"));
	}
}

static void
a_chain_is_named_by_all_its_words(void **state)
{
	static const struct {
		const char *family, *table, *chain;
		bool is;
	} rows[] = {
		{ "inet", "filter", "input", true },
		{ "inet", "filter", "forward", true },
		{ "ip", "filter", "input", true },
		{ "ip", "filter", "forward", false },
		{ "ip6", "filter", "input", false },
		{ "inet", "filte", "input", false },
		{ "inet", "filters", "input", false },
		{ "inet", "filter", "output", false },
		{ "inet", "filter", "", false },
		{ "", "", "", false },
	};
	struct fw_config c = config;
	size_t i;

	(void)state;
	c.hooks = three;
	c.nhooks = 3;
	for (i = 0; i < ROWS(rows); i++)
		assert_int_equal(hook_is(&c, span_of(rows[i].family),
				     span_of(rows[i].table),
				     span_of(rows[i].chain)),
		    rows[i].is);
	c.nhooks = 0;
	assert_false(
	    hook_is(&c, span_of("inet"), span_of("filter"), span_of("input")));
}

/* A rule that is not told in full is neither ours nor anybody's. */
static void
a_flawed_rule_is_passed_over(void **state)
{
	for (flaw = NO_HANDLE; flaw < FLAWS; flaw++) {
		enum flaw now = flaw;

		setup(state);
		flaw = now;
		rules[0] = (struct rule)IN(OURS);
		assert_int_equal(run(END), PH_OK);
		assert_string_equal(text, "");
		assert_int_equal(run(BEGIN), PH_OK);
		assert_string_equal(text, INSERT);
	}
	setup(state);
}

static void
a_chain_that_is_not_there_gets_no_rule(void **state)
{
	(void)state;
	no_chain = true;
	assert_int_equal(run(MEND), PH_OK);
	assert_int_equal(run(BEGIN), PH_OK);
	refuse = ENOENT;
	assert_int_equal(run(MEND), PH_OK);
	assert_int_equal(runs, 0);
	/* Without an answer nothing is changed. */
	no_chain = false;
	refuse = EPERM;
	assert_int_equal(run(MEND), PH_EIO);
	assert_int_equal(run(BEGIN), PH_EIO);
	assert_int_equal(run(END), PH_EIO);
	assert_int_equal(runs, 0);
}

static void
many_rules_go_in_several_transactions(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < RULES; i++)
		rules[i] = (struct rule)IN(OURS);
	assert_int_equal(run(END), PH_OK);
	for (i = 0; i < RULES; i++)
		assert_int_equal(rules[i].family, 0);
	assert_int_equal(runs, 3);
}

#define MISSING                                                                \
	"there is no chain inet filter input; our rule goes there when it "    \
	"appears"
#define OWNED                                                                  \
	"nobody but its owner may change table filter, so our rule cannot be " \
	"there; for firewalld, set NftablesTableOwner=no in firewalld.conf"

static void
what_keeps_our_rule_out_is_said(void **state)
{
	static const char *const twice[] = { "inet filter input",
		"inet filter input" };
	static const struct {
		bool no_chain, no_table;
		uint32_t flags;
		const char *said;
	} rows[] = {
		{ true, false, NO_FLAGS, MISSING "\n" MISSING },
		{ false, false, NO_FLAGS, "" },
		{ false, false, 0, "" },
		{ false, false, 1, "" }, /* dormant */
		{ false, false, 2, OWNED "\n" OWNED },
		{ false, false, 6, OWNED "\n" OWNED },
		{ false, true, 2, "" },
	};
	struct fw_config c = config;
	char said[1024];
	struct strbuf why;
	size_t i;

	c.hooks = twice;
	c.nhooks = 2;
	for (i = 0; i < ROWS(rows); i++) {
		setup(state);
		no_chain = rows[i].no_chain;
		no_table = rows[i].no_table;
		table_flags = rows[i].flags;
		why = strbuf_of(said, sizeof(said));
		hook_check(NULL, &c, &why);
		assert_string_equal(said, rows[i].said);
	}
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(our_rule_is_known_by_its_comment),
		CASE(each_chain_has_a_rule_of_its_own),
		CASE(a_chain_is_named_by_all_its_words),
		CASE(a_flawed_rule_is_passed_over),
		CASE(a_chain_that_is_not_there_gets_no_rule),
		CASE(many_rules_go_in_several_transactions),
		CASE(what_keeps_our_rule_out_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
