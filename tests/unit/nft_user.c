/* SPDX-License-Identifier: ISC */
/* Sets in the user's tables: which one is meant, and what the kernel hears. */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/netlink.h"
#include "nft/nlmsg.h"
#include "nft/user.h"
#include "tests/unit/unit.h"

/* The sets that the kernel has. */
static struct kernel_set {
	uint8_t family;
	const char *table, *set;
	uint32_t type, flags;
	uint64_t handle;
} sets[8];
static size_t nsets;

/* The changes of a batch: "+filter/spammer 192.0.2.1 e192.0.2.2 5s;" */
static char asked[1024];
static int answers[8]; /* to the batches, in turn */
static unsigned int nbatches;
static uint8_t told_family; /* of the last change */

uint32_t
nlsock_seq(const struct nlsock *s)
{
	(void)s;
	return 1;
}

enum ph_err
nlsock_err(int err)
{
	return err == 0 ? PH_OK : PH_EIO;
}

static void
tell_set(const struct kernel_set *k, nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES,
	    NFT_MSG_NEWSET, 0, k->family);

	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, k->table);
	mnl_attr_put_strz(nlh, NFTA_SET_NAME, k->set);
	mnl_attr_put_u32(nlh, NFTA_SET_FLAGS, htonl(k->flags));
	mnl_attr_put_u32(nlh, NFTA_SET_KEY_TYPE, htonl(k->type));
	mnl_attr_put_u64(nlh, NFTA_SET_HANDLE, htobe64(k->handle));
	cb(ctx, nlh);
}

int
nlsock_request(struct nlsock *s, struct nlmsghdr *nlh, nlsock_cb *cb, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	struct nlmsghdr *table;
	struct nlmsg_attrs a;
	size_t i;

	(void)s;
	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_GETTABLE) {
		assert_true(nlmsg_attrs(nlh, &a));
		/* Only of a set that was found. */
		assert_string_not_equal(mnl_attr_get_str(a.at[NFTA_TABLE_NAME]),
		    "");
		table = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWTABLE,
		    0, NFPROTO_INET);
		mnl_attr_put_u64(table, NFTA_TABLE_HANDLE, htobe64(77));
		cb(ctx, table);
		return 0;
	}
	assert_int_equal(nlh->nlmsg_type & 0xff, NFT_MSG_GETSET);
	for (i = 0; i < nsets; i++)
		tell_set(&sets[i], cb, ctx);
	return 0;
}

static int
note_element(const struct nlattr *attr, void *ctx)
{
	struct nlmsg_attrs a, key;
	char text[INET6_ADDRSTRLEN] = "", word[64];
	const struct nlattr *data;
	uint64_t ms = 0;

	(void)ctx;
	assert_true(nlmsg_nested(attr, &a));
	assert_true(nlmsg_nested(a.at[NFTA_SET_ELEM_KEY], &key));
	assert_non_null(data = key.at[NFTA_DATA_VALUE]);
	inet_ntop(mnl_attr_get_payload_len(data) == 4 ? AF_INET : AF_INET6,
	    mnl_attr_get_payload(data), text, sizeof(text));
	if (a.at[NFTA_SET_ELEM_TIMEOUT] != NULL)
		ms = be64toh(mnl_attr_get_u64(a.at[NFTA_SET_ELEM_TIMEOUT]));
	snprintf(word, sizeof(word), " %s%s",
	    a.at[NFTA_SET_ELEM_FLAGS] != NULL ? "e" : "", text);
	strlcat(asked, word, sizeof(asked));
	if (ms != 0) {
		snprintf(word, sizeof(word), " %us", (unsigned int)(ms / 1000));
		strlcat(asked, word, sizeof(asked));
	}
	return MNL_CB_OK;
}

static void
note_message(const struct nlmsghdr *nlh)
{
	struct nlmsg_attrs a;
	char word[160];
	bool add = (nlh->nlmsg_type & 0xff) == NFT_MSG_NEWSETELEM;

	told_family =
	    ((const struct nfgenmsg *)mnl_nlmsg_get_payload(nlh))->nfgen_family;
	assert_int_equal(nlh->nlmsg_flags & NLM_F_CREATE,
	    add ? NLM_F_CREATE : 0);
	assert_true(nlmsg_attrs(nlh, &a));
	snprintf(word, sizeof(word), "%s%s/%s", add ? "+" : "-",
	    mnl_attr_get_str(a.at[NFTA_SET_ELEM_LIST_TABLE]),
	    mnl_attr_get_str(a.at[NFTA_SET_ELEM_LIST_SET]));
	strlcat(asked, word, sizeof(asked));
	if (a.at[NFTA_SET_ELEM_LIST_ELEMENTS] != NULL)
		assert_true(
		    mnl_attr_parse_nested(a.at[NFTA_SET_ELEM_LIST_ELEMENTS],
			note_element, NULL) >= 0);
	strlcat(asked, ";", sizeof(asked));
}

int
nlsock_transact(struct nlsock *s, const struct batch *b, nlsock_cb *cb,
    void *ctx)
{
	const struct nlmsghdr *nlh;
	size_t at;
	unsigned int type;

	(void)s;
	(void)cb;
	(void)ctx;
	assert_false(b->full);
	for (at = 0; at < b->len; at += MNL_ALIGN(nlh->nlmsg_len)) {
		nlh = (const struct nlmsghdr *)(const void *)(b->p + at);
		type = nlh->nlmsg_type;
		if (type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM) ||
		    type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM))
			note_message(nlh);
	}
	strlcat(asked, ".", sizeof(asked));
	assert_true(nbatches < ROWS(answers));
	return answers[nbatches++];
}

static struct batch batch;
static struct user_table found;

static int
setup(void **state)
{
	(void)state;
	nsets = 0;
	nbatches = 0;
	asked[0] = '\0';
	memset(answers, 0, sizeof(answers));
	batch_init(&batch, "pinholed");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	batch_free(&batch);
	return 0;
}

static void
there_is(uint8_t family, const char *table, const char *set, uint32_t type,
    uint32_t flags)
{
	sets[nsets] =
	    (struct kernel_set) { family, table, set, type, flags, nsets + 1 };
	nsets++;
}

static void
look(const char *name)
{
	assert_int_equal(user_table_find(NULL, name, "pinholed", &found), 0);
	assert_true(found.looked_up);
}

static enum ph_err
change(enum fw_table_op op, const char *a, const char *b, uint32_t ttl_s)
{
	struct prefix v[2];

	asked[0] = '\0';
	nbatches = 0;
	if (a != NULL)
		assert_int_equal(prefix_parse(span_of(a), &v[0]), PH_OK);
	if (b != NULL)
		assert_int_equal(prefix_parse(span_of(b), &v[1]), PH_OK);
	return user_table_change(NULL, &batch, &found, op, v,
	    (size_t)(a != NULL) + (b != NULL), ttl_s);
}

static void
a_set_is_found_by_name_and_type(void **state)
{
	(void)state;
	/* Ours, a map, ports, and others' names are not meant. */
	there_is(NFPROTO_INET, "pinholed", "spammer", 7, 0);
	there_is(NFPROTO_INET, "filter", "spammer", 7, NFT_SET_MAP);
	there_is(NFPROTO_INET, "filter", "spammer", 13, 0);
	there_is(NFPROTO_INET, "filter", "spammers", 7, 0);
	look("spammer");
	assert_false(found.v4.found || found.v6.found);
	there_is(NFPROTO_INET, "filter", "spammer", 7, NFT_SET_TIMEOUT);
	there_is(NFPROTO_INET, "filter", "spammer6", 8, NFT_SET_INTERVAL);
	look("spammer");
	assert_true(found.v4.found && found.v6.found);
	assert_true(found.v4.timeout && !found.v4.interval);
	assert_true(found.v6.interval && !found.v6.timeout);
	assert_int_equal(found.v4.handle, 5);
	assert_int_equal(found.v6.handle, 6);
	assert_int_equal(found.v4.table_handle, 77);
	assert_string_equal(found.v6.set, "spammer6");
	assert_false(found.v4.ambiguous);
	/* A table of our name in another family is not ours. */
	there_is(NFPROTO_IPV4, "pinholed", "spammer", 7, 0);
	look("spammer");
	assert_true(found.v4.ambiguous);
	assert_false(found.v6.ambiguous);
	look("ip/pinholed/spammer");
	assert_true(found.v4.found && !found.v4.ambiguous);
	assert_int_equal(found.v4.family, NFPROTO_IPV4);
	assert_false(found.v6.found);
}

static void
a_name_is_matched_whole(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		uint8_t family;
		const char *table, *set;
		bool matches;
	} t[] = {
	{ "bad", NFPROTO_INET, "t", "bad", true },
	{ "bad", NFPROTO_NETDEV, "x", "bad4", true },
	{ "bad", NFPROTO_INET, "t", "bad6", true },
	{ "bad", NFPROTO_INET, "t", "bad5", false },
	{ "bad", NFPROTO_INET, "t", "bad44", false },
	{ "bad", NFPROTO_INET, "t", "bad64", false },
	{ "bad", NFPROTO_INET, "t", "badx", false },
	{ "bad", NFPROTO_INET, "t", "ba", false },
	{ "bad", NFPROTO_INET, "t", "abad", false },
	{ "bad", NFPROTO_INET, "t", "", false },
	{ "inet/t/bad", NFPROTO_INET, "t", "bad", true },
	{ "inet/t/bad", NFPROTO_INET, "t", "bad4", true },
	{ "inet/t/bad", NFPROTO_INET, "t", "bad4x", false },
	{ "inet/t/bad", NFPROTO_INET, "u", "bad", false },
	{ "inet/t/bad", NFPROTO_INET, "tt", "bad", false },
	{ "inet/t/bad", NFPROTO_IPV4, "t", "bad", false },
	{ "ip/t/bad", NFPROTO_IPV4, "t", "bad", true },
	{ "ip6/t/bad", NFPROTO_IPV6, "t", "bad", true },
	{ "ip6/t/bad", NFPROTO_IPV4, "t", "bad", false },
	{ "bridge/t/bad", NFPROTO_BRIDGE, "t", "bad", true },
	{ "netdev/t/bad", NFPROTO_NETDEV, "t", "bad", true },
	{ "arp/t/bad", NFPROTO_ARP, "t", "bad", false },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(t); i++)
		if (user_name_matches(t[i].name, t[i].family, t[i].table,
			t[i].set) != t[i].matches)
			fail_msg("%zu: %s %s", i, t[i].name, t[i].set);
}

static void
a_change_is_add_delete_add(void **state)
{
	(void)state;
	there_is(NFPROTO_INET, "filter", "s", 7,
	    NFT_SET_TIMEOUT | NFT_SET_INTERVAL);
	there_is(NFPROTO_INET, "filter", "s6", 8, 0);
	look("s");
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", NULL, 5), PH_OK);
	assert_string_equal(asked,
	    "+filter/s 192.0.2.1 e192.0.2.2;-filter/s 192.0.2.1 e192.0.2.2;"
	    "+filter/s 192.0.2.1 5s e192.0.2.2;.");
	assert_int_equal(told_family, NFPROTO_INET);
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", NULL, 1), PH_OK);
	assert_non_null(strstr(asked, "192.0.2.1 1s "));
	assert_int_equal(change(FW_TABLE_DELETE, "192.0.2.0/24", "2001:db8::1",
			     0),
	    PH_OK);
	assert_string_equal(asked,
	    "+filter/s 192.0.2.0 e192.0.3.0;-filter/s 192.0.2.0 e192.0.3.0;"
	    "+filter/s6 2001:db8::1;-filter/s6 2001:db8::1;.");
	/* At the top there is nothing beyond. */
	assert_int_equal(change(FW_TABLE_DELETE, "255.255.255.0/24", NULL, 0),
	    PH_OK);
	assert_string_equal(asked,
	    "+filter/s 255.255.255.0;-filter/s 255.255.255.0;.");
	/* Bits are carried as far as there are any. */
	assert_int_equal(change(FW_TABLE_DELETE, "192.255.255.0/24",
			     "0.255.255.255", 0),
	    PH_OK);
	assert_string_equal(asked,
	    "+filter/s 192.255.255.0 e193.0.0.0;"
	    "-filter/s 192.255.255.0 e193.0.0.0;"
	    "+filter/s 0.255.255.255 e1.0.0.0;"
	    "-filter/s 0.255.255.255 e1.0.0.0;.");
	assert_int_equal(change(FW_TABLE_DELETE, "255.255.255.255",
			     "128.0.0.0/1", 0),
	    PH_OK);
	assert_null(strstr(asked, " e"));
	assert_int_equal(change(FW_TABLE_FLUSH, NULL, NULL, 0), PH_OK);
	assert_string_equal(asked, "-filter/s;-filter/s6;.");
	/* An empty list of changes is done without a message. */
	assert_int_equal(change(FW_TABLE_ADD, NULL, NULL, 0), PH_OK);
	assert_string_equal(asked, "");
	assert_int_equal(change((enum fw_table_op)9, "192.0.2.1", NULL, 0),
	    PH_EBAD);
	assert_string_equal(asked, "");
}

static void
what_a_set_cannot_hold_is_refused(void **state)
{
	(void)state;
	there_is(NFPROTO_INET, "filter", "s", 7, 0);
	look("s");
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.0/31", NULL, 0),
	    PH_EUNSUPPORTED);
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", NULL, 5),
	    PH_EUNSUPPORTED);
	assert_int_equal(change(FW_TABLE_ADD, "2001:db8::1", NULL, 0),
	    PH_EGONE);
	assert_int_equal(nbatches, 0);
	assert_int_equal(change(FW_TABLE_DELETE, "192.0.2.1", NULL, 5), PH_OK);
	there_is(NFPROTO_IPV4, "nat", "s", 7, 0);
	look("ip/nat/s");
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", NULL, 0), PH_OK);
	assert_int_equal(told_family, NFPROTO_IPV4);
	nbatches = 0;
	look("s");
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", NULL, 0),
	    PH_EAMBIGUOUS);
	assert_int_equal(change(FW_TABLE_FLUSH, NULL, NULL, 0), PH_EAMBIGUOUS);
	look("t");
	assert_int_equal(change(FW_TABLE_FLUSH, NULL, NULL, 0), PH_EGONE);
	assert_int_equal(nbatches, 0);
}

static void
where_one_overlaps_the_others_are_done(void **state)
{
	(void)state;
	there_is(NFPROTO_INET, "filter", "s", 7, NFT_SET_INTERVAL);
	look("s");
	answers[0] = -EEXIST;
	answers[1] = -ENOTEMPTY;
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", "192.0.2.9", 0),
	    PH_EEXIST);
	assert_int_equal(nbatches, 3);
	assert_non_null(strstr(asked,
	    ".+filter/s 192.0.2.9 e192.0.2.10;"
	    "-filter/s 192.0.2.9 e192.0.2.10;"
	    "+filter/s 192.0.2.9 e192.0.2.10;."));
	assert_int_equal(change(FW_TABLE_DELETE, "192.0.2.1", "192.0.2.9", 0),
	    PH_EUNSUPPORTED);
	assert_int_equal(nbatches, 3);
	/* A single one was tried already. */
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", NULL, 0), PH_EEXIST);
	assert_int_equal(nbatches, 1);
	answers[1] = -ENOMEM;
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", "192.0.2.9", 0),
	    PH_EIO);
	assert_int_equal(nbatches, 2);
	answers[0] = -ENOMEM;
	assert_int_equal(change(FW_TABLE_ADD, "192.0.2.1", "192.0.2.9", 0),
	    PH_EIO);
	assert_int_equal(nbatches, 1);
}

static void
a_set_that_was_made_anew_is_noticed(void **state)
{
	struct user_table then;

	(void)state;
	look("s");
	then = found;
	assert_false(user_table_renewed(&then, &found));
	there_is(NFPROTO_INET, "filter", "s", 7, 0);
	look("s");
	assert_true(user_table_renewed(&then, &found));
	then = found;
	assert_false(user_table_renewed(&then, &found));
	sets[0].handle++;
	look("s");
	assert_true(user_table_renewed(&then, &found));
	nsets = 0;
	then = found;
	look("s");
	assert_false(user_table_renewed(&then, &found));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_set_is_found_by_name_and_type),
		CASE(a_name_is_matched_whole),
		CASE(a_change_is_add_delete_add),
		CASE(what_a_set_cannot_hold_is_refused),
		CASE(where_one_overlaps_the_others_are_done),
		CASE(a_set_that_was_made_anew_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
