/* SPDX-License-Identifier: ISC */
/* Batches message by message: numbers, flags, lists, limits and memory. */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/batch.h"
#include "nft/mirror.h"
#include "nft/nlmsg.h"
#include "nft/table.h"
#include "src/fw/fw.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define SECOND INT64_C(1000000)

static struct fw_config config = { .name = "pinholed", .mark = 0x10000 };
static struct batch b;
static char text[2048];

static int
setup(void **state)
{
	(void)state;
	starve(0);
	batch_init(&b, "pinholed");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	batch_free(&b);
	return 0;
}

/* " key [: data] [5000ms] [counted 7]" */
static void
format_element(void *ctx, const struct element_seen *e)
{
	struct strbuf *out = ctx;

	strbuf_str(out, " ");
	elem_format(out, &e->elem);
	if (e->timeout_ms != 0)
		strbuf_fmt(out, " %llums", (unsigned long long)e->timeout_ms);
	if (e->counted)
		strbuf_fmt(out, " counted %llu",
		    (unsigned long long)e->packets);
	strbuf_str(out, ",");
}

static void
format_message(const struct nlmsghdr *nlh, struct strbuf *out)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	unsigned int type = nlh->nlmsg_type;
	struct nlmsg_attrs a;

	strbuf_fmt(out, "%u", nlh->nlmsg_seq);
	assert_int_equal(nfg->version, NFNETLINK_V0);
	assert_true(nlh->nlmsg_flags & NLM_F_REQUEST);
	if (type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END) {
		assert_int_equal(nfg->res_id, htons(NFNL_SUBSYS_NFTABLES));
		assert_int_equal(nfg->nfgen_family, AF_UNSPEC);
		assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
		strbuf_str(out,
		    type == NFNL_MSG_BATCH_BEGIN ? " begin\n" : " end\n");
		return;
	}
	assert_int_equal(nfg->res_id, 0);
	assert_int_equal(nfg->nfgen_family, NFPROTO_INET);
	assert_int_equal(type >> 8, NFNL_SUBSYS_NFTABLES);
	strbuf_str(out,
	    (type & 0xff) == NFT_MSG_NEWSETELEM ? " new" : " delete");
	if (nlh->nlmsg_flags & NLM_F_CREATE)
		strbuf_str(out, " create");
	if (nlh->nlmsg_flags & NLM_F_ECHO)
		strbuf_str(out, " echo");
	if (nlh->nlmsg_flags & NLM_F_ACK)
		strbuf_str(out, " ack");
	assert_true(nlmsg_attrs(nlh, &a));
	strbuf_fmt(out, " %s/%s",
	    mnl_attr_get_str(a.at[NFTA_SET_ELEM_LIST_TABLE]),
	    mnl_attr_get_str(a.at[NFTA_SET_ELEM_LIST_SET]));
	assert_true(elements_parse(nlh, "pinholed", format_element, out));
	strbuf_str(out, "\n");
}

/* The whole batch, a line for each message. */
static const char *
batch_text(void)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)b.p;
	struct strbuf out = strbuf_of(text, sizeof(text));
	int left = (int)b.len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		format_message(nlh, &out);
	assert_int_equal(left, 0);
	assert_false(out.full);
	return text;
}

static struct elem
host(enum set_kind kind, uint8_t last, uint16_t port)
{
	const struct addr from = addr_v4(198, 51, 100, last);
	const struct addr to = addr_v4(192, 0, 2, 20);

	return elem_host(kind, IPPROTO_UDP, &from, &to, port);
}

static void
neighbours_share_a_message(void **state)
{
	struct elem e = host(SET_IN, 7, 10), other = host(SET_OUT, 7, 10);
	struct elem map = host(SET_DNAT, 7, 10);

	(void)state;
	map.datalen = 8;
	memcpy(map.data, "\xc0\0\2\x15\0\x0b\0\0", 8);
	batch_begin(&b, 41);
	batch_element(&b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &e, NULL, 5000);
	e = host(SET_IN, 8, 65535);
	batch_element(&b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &e, NULL, 0);
	batch_element(&b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &other, NULL, 1);
	batch_element(&b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &e, NULL, 0);
	batch_element(&b, NFT_MSG_NEWSETELEM, 0, &e, NULL, 0);
	batch_element(&b, NFT_MSG_DELSETELEM, 0, &e, NULL, 0);
	batch_element(&b, NFT_MSG_DELSETELEM, NLM_F_ECHO, &e, NULL, 0);
	batch_element(&b, NFT_MSG_DELSETELEM, NLM_F_ECHO, &e, NULL, 0);
	assert_int_equal(b.nelements, 8);
	assert_int_equal(b.nechoes, 2);
	batch_flush_set(&b, e.set);
	/* A map without its data, which is how it is deleted. */
	batch_element(&b, NFT_MSG_DELSETELEM, 0, &map, NULL, 0);
	batch_element(&b, NFT_MSG_NEWSETELEM, 0, &map, map.data, 7);
	batch_end(&b);
	assert_int_equal(b.nelements, 11);
	assert_int_equal(b.nechoes, 2);
	assert_int_equal(b.ack, 51);
	assert_int_equal(b.seq, 52);
	assert_false(b.full);
	assert_string_equal(batch_text(),
	    "42 begin\n"
	    "43 new create pinholed/udp4_in"
	    " 198.51.100.7 . 192.0.2.20 . 10 5000ms,"
	    " 198.51.100.8 . 192.0.2.20 . 65535,\n"
	    "44 new create pinholed/udp4_out"
	    " 198.51.100.7 . 192.0.2.20 . 10 1ms,\n"
	    "45 new create pinholed/udp4_in"
	    " 198.51.100.8 . 192.0.2.20 . 65535,\n"
	    "46 new pinholed/udp4_in 198.51.100.8 . 192.0.2.20 . 65535,\n"
	    "47 delete pinholed/udp4_in 198.51.100.8 . 192.0.2.20 . 65535,\n"
	    "48 delete echo pinholed/udp4_in"
	    " 198.51.100.8 . 192.0.2.20 . 65535,"
	    " 198.51.100.8 . 192.0.2.20 . 65535,\n"
	    "49 delete pinholed/udp4_in\n"
	    "50 delete pinholed/udp4_dnat 198.51.100.7 . 192.0.2.20 . 10,\n"
	    "51 new ack pinholed/udp4_dnat 198.51.100.7 . 192.0.2.20 . 10"
	    " : 192.0.2.21 . 11 7ms,\n"
	    "52 end\n");
}

/* No message of a batch is in the next one. */
static void
a_batch_begins_anew(void **state)
{
	struct elem e = host(SET_IN, 7, 10);

	(void)state;
	batch_begin(&b, 1);
	batch_element(&b, NFT_MSG_DELSETELEM, NLM_F_ECHO, &e, NULL, 0);
	batch_begin(&b, 9);
	assert_int_equal(b.nelements, 0);
	assert_int_equal(b.nechoes, 0);
	batch_element(&b, NFT_MSG_DELSETELEM, NLM_F_ECHO, &e, NULL, 0);
	batch_end(&b);
	assert_string_equal(batch_text(),
	    "10 begin\n"
	    "11 delete echo ack pinholed/udp4_in"
	    " 198.51.100.7 . 192.0.2.20 . 10,\n"
	    "12 end\n");
	batch_begin(&b, 0);
	batch_flush_set(&b, e.set);
	batch_end(&b);
	assert_string_equal(batch_text(),
	    "1 begin\n2 delete ack pinholed/udp4_in\n3 end\n");
}

static void
a_batch_grows_by_doubling(void **state)
{
	(void)state;
	batch_begin(&b, 1);
	assert_int_equal(b.cap, 16384);
	assert_int_equal(b.len, 20);
	/* 256 bytes are for what every message has. */
	assert_non_null(
	    batch_message(&b, 1, 0, NFPROTO_INET, 16384 - 20 - 256));
	assert_int_equal(b.cap, 16384);
	assert_int_equal(starve_end(), 1);
	assert_non_null(
	    batch_message(&b, 1, 0, NFPROTO_INET, 16384 - 20 - 255));
	assert_int_equal(b.cap, 32768);
	assert_non_null(batch_message(&b, 1, 0, NFPROTO_INET, 100000));
	assert_int_equal(b.cap, 131072);
	assert_int_equal(starve_end(), 3);
	/* The memory is kept for the next batch. */
	batch_begin(&b, 1);
	assert_non_null(batch_message(&b, 1, 0, NFPROTO_INET, 100000));
	assert_int_equal(starve_end(), 3);
}

static void
a_batch_has_a_limit(void **state)
{
	(void)state;
	batch_begin(&b, 1);
	assert_non_null(b.p = realloc(b.p, BATCH_MAX));
	b.cap = BATCH_MAX;
	b.len = BATCH_MAX - 1000 - 256;
	assert_non_null(batch_message(&b, 1, 0, NFPROTO_INET, 1000));
	assert_false(b.full);
	assert_null(batch_message(&b, 1, 0, NFPROTO_INET, 1001));
	assert_true(b.full);
	/* A batch that lacks a message takes no more of them. */
	assert_null(batch_message(&b, 1, 0, NFPROTO_INET, 0));
	b.len = 20;
	assert_null(batch_message(&b, 1, 0, NFPROTO_INET, 0));
	batch_begin(&b, 1);
	assert_false(b.full);
	assert_non_null(batch_message(&b, 1, 0, NFPROTO_INET, 1001));
}

/* Memory fails at the n-th time: the batch is marked, and nothing is lost. */
static void
without_memory_a_batch_is_full(void **state)
{
	struct elem e = host(SET_IN, 7, 10), other = host(SET_OUT, 7, 10);
	unsigned int n, i;

	for (n = 1; n <= 3; n++) {
		setup(state);
		starve(n);
		batch_begin(&b, 1);
		assert_int_equal(b.full, n == 1);
		batch_element(&b, NFT_MSG_NEWSETELEM, 0, &e, NULL, 0);
		assert_int_equal(b.full, n <= 2);
		assert_int_equal(b.nelements, n == 3);
		for (i = 0; i < 400; i++) {
			batch_element(&b, NFT_MSG_NEWSETELEM, 0,
			    i % 2 == 0 ? &other : &e, NULL, 0);
			batch_flush_set(&b, e.set);
		}
		assert_true(b.full);
		batch_end(&b);
		teardown(state);
	}
	setup(state);
}

static void
a_long_list_is_split_in_time(void **state)
{
	struct elem e = host(SET_IN, 7, 10);
	const struct nlmsghdr *nlh;
	uint32_t most = 0;
	int left;
	size_t i;

	(void)state;
	batch_begin(&b, 1);
	for (i = 0; i < 6000; i++)
		batch_element(&b, NFT_MSG_NEWSETELEM, 0, &e, NULL, 1000);
	batch_end(&b);
	left = (int)b.len;
	for (nlh = (const struct nlmsghdr *)(void *)b.p;
	     mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (nlh->nlmsg_len > most)
			most = nlh->nlmsg_len;
	assert_true(most >= 60000 && most < 60000 + 256);
}

/* A pinhole from host .7 to port 10, and what the mirror asks for it. */
static struct fw_entry
entry(uint16_t port, int64_t deadline)
{
	const struct addr from = addr_v4(198, 51, 100, 7);
	struct pinhole h;
	struct fw_entry e;

	memset(&h, 0, sizeof(h));
	memset(&e, 0, sizeof(e));
	h.proto = IPPROTO_UDP;
	h.dir = PINHOLE_IN;
	h.from = prefix_host(&from);
	h.to = addr_v4(192, 0, 2, 20);
	h.to_lo = h.to_hi = port;
	h.deadline = deadline;
	(void)fw_entry_set(&e, &h);
	return e;
}

#define E(set, port) " pinholed/udp4_" set " 198.51.100.7 . 192.0.2.20 . " port

/*
 * The kernel has it certainly until five seconds before its deadline; later it
 * may have expired, and is added first.
 */
static void
what_may_have_expired_is_added_before_it_is_deleted(void **state)
{
	static const char brief[] =
	    "2 begin\n"
	    "3 delete" E("in",
		"10") ",\n"
		      "4 delete" E("in_back",
			  "10") ",\n"
				"5 delete echo" E("in",
				    "11") ",\n"
					  "6 delete echo" E("in_back",
					      "11") ",\n"
						    "7 new create" E("in",
							"11") " 10000ms, "
							      "198.51.100.7 . "
							      "192.0.2.20 . 12 "
							      "20000ms,\n"
							      "8 new create "
							      "ack" E("in_back",
								  "11") " 10000"
									"ms, "
									"198."
									"51."
									"100.7 "
									". "
									"192.0."
									"2.20 "
									". 12 "
									"20000m"
									"s,\n"
									"9 "
									"end\n";
	static const char full[] =
	    "2 begin\n"
	    "3 new create" E("in",
		"10") ", "
		      "198.51.100.7 . 192.0.2.20 . 11,\n"
		      "4 new create" E("in_back",
			  "10") ", "
				"198.51.100.7 . 192.0.2.20 . 11,\n"
				"5 delete" E("in",
				    "10") ",\n"
					  "6 delete" E("in_back",
					      "10") ",\n"
						    "7 delete echo" E("in",
							"11") ",\n"
							      "8 delete echo" E(
								  "in_back",
								  "11") ",\n"
									"9 new "
									"creat"
									"e" E(
									    "i"
									    "n",
									    "1"
									    "1") " 10000ms, "
										 "198.51.100.7 . 192.0.2.20 . 12 20000ms,\n"
										 "10 new create ack" E(
										     "in_back",
										     "11") " 10000ms, "
											   "198.51.100.7 . 192.0.2.20 . 12 20000ms,\n"
											   "11 end\n";
	/* clang-format off */
	static const struct { int64_t left; bool careful; const char *text; }
	t[] = {
	{ 5 * SECOND + 1, false, brief },
	{ 5 * SECOND + 1, true, full },
	{ 5 * SECOND, false, full },
	{ 5 * SECOND - 1, false, full },
	{ -1, false, full },
	};
	/* clang-format on */
	const int64_t now = 100 * SECOND;
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		struct fw_entry gone = entry(10, now + t[i].left);
		struct fw_entry kept = entry(11, now + t[i].left);
		struct fw_entry fresh = entry(12, now + 20 * SECOND);
		struct fw_edit edits[] = { { FW_ADD, &gone }, { FW_ADD, &kept },
			{ FW_ADD, &fresh } };
		struct mirror *m = mirror_new(&config);

		assert_non_null(m);
		setup(state);
		assert_int_equal(mirror_add(m, &gone), PH_OK);
		assert_int_equal(mirror_add(m, &kept), PH_OK);
		assert_int_equal(mirror_begin(m, edits, 2), PH_OK);
		mirror_end(m, true);
		mirror_remove(m, &gone);
		/* Its host stays: it has the others. */
		kept.deadline = now + 10 * SECOND;
		assert_int_equal(mirror_add(m, &fresh), PH_OK);
		assert_int_equal(mirror_begin(m, edits, 3), PH_OK);
		batch_begin(&b, 1);
		batch_changes(&b, m, t[i].careful, now);
		batch_end(&b);
		assert_string_equal(batch_text(), t[i].text);
		mirror_end(m, true);
		mirror_forget(m, &gone);
		mirror_forget(m, &kept);
		mirror_forget(m, &fresh);
		mirror_free(m);
		teardown(state);
	}
	setup(state);
}

static unsigned int nseen;
static struct element_seen seen;

static void
see(void *ctx, const struct element_seen *e)
{
	assert_ptr_equal(ctx, &seen);
	seen = *e;
	nseen++;
}

/* How the kernel's message differs from a right one. */
enum flaw {
	NONE,
	NO_TABLE,
	OTHER_TABLE,
	LONGER_TABLE,
	NO_SET,
	OTHER_SET,
	NO_LIST,
	NO_KEY,
	NO_VALUE,
	LONG_KEY,
	NO_DATA,
	LONG_DATA,
	NO_TIMEOUT,
	SHORT_TIMEOUT,
	NO_COUNTER,
	OTHER_COUNTER,
	LONG_COUNTER,
	NO_COUNTER_DATA,
	NO_PACKETS,
	SHORT_PACKETS,
};

static void
put_value(struct nlmsghdr *nlh, uint16_t type, enum flaw f, enum flaw none,
    enum flaw tall, size_t max, size_t len)
{
	struct nlattr *in = mnl_attr_nest_start(nlh, type);
	uint8_t bytes[64];

	memset(bytes, 7, sizeof(bytes));
	if (f != none)
		mnl_attr_put(nlh, NFTA_DATA_VALUE, f == tall ? max + 1 : len,
		    bytes);
	mnl_attr_nest_end(nlh, in);
}

static void
put_counter(struct nlmsghdr *nlh, enum flaw f)
{
	struct nlattr *in, *data;

	if (f == NO_COUNTER)
		return;
	in = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_EXPR);
	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME,
	    f == OTHER_COUNTER	    ? "counteR"
		: f == LONG_COUNTER ? "counters"
				    : "counter");
	if (f != NO_COUNTER_DATA) {
		data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
		mnl_attr_put_u64(nlh, NFTA_COUNTER_BYTES, htobe64(999));
		if (f == SHORT_PACKETS)
			mnl_attr_put_u32(nlh, NFTA_COUNTER_PACKETS, htonl(5));
		else if (f != NO_PACKETS)
			mnl_attr_put_u64(nlh, NFTA_COUNTER_PACKETS,
			    htobe64(UINT64_C(0x100000005)));
		mnl_attr_nest_end(nlh, data);
	}
	mnl_attr_nest_end(nlh, in);
}

static struct nlmsghdr *
flawed(char *buf, unsigned int set, enum flaw f)
{
	struct nlmsghdr *nlh = nlmsg_begin(buf, NFNL_SUBSYS_NFTABLES,
	    NFT_MSG_NEWSETELEM, 0, NFPROTO_INET);
	struct nlattr *list, *one;
	char name[SET_NAMELEN];

	if (f != NO_TABLE)
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE,
		    f == OTHER_TABLE	    ? "pinholeD"
			: f == LONGER_TABLE ? "pinholed2"
					    : "pinholed");
	if (f != NO_SET)
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET,
		    f == OTHER_SET ? "udp4_in_" : set_name(set, name));
	if (f == NO_LIST)
		return nlh;
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	one = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	if (f != NO_KEY)
		put_value(nlh, NFTA_SET_ELEM_KEY, f, NO_VALUE, LONG_KEY,
		    ELEM_KEYLEN, set_keylen(set));
	if (set_datalen(set) > 0)
		put_value(nlh, NFTA_SET_ELEM_DATA, f, NO_DATA, LONG_DATA,
		    ELEM_DATALEN, set_datalen(set));
	if (f == SHORT_TIMEOUT)
		mnl_attr_put_u32(nlh, NFTA_SET_ELEM_TIMEOUT, htonl(3));
	else if (f != NO_TIMEOUT)
		mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT,
		    htobe64(UINT64_C(0x200000003)));
	put_counter(nlh, f);
	mnl_attr_nest_end(nlh, one);
	mnl_attr_nest_end(nlh, list);
	return nlh;
}

static void
a_flawed_message_is_no_element(void **state)
{
	/* clang-format off */
	static const struct {
		enum flaw flaw;
		bool ok;
		unsigned int n;
		bool timeout, counted;
	} t[] = {
	{ NONE, true, 1, true, true },
	{ NO_TABLE, false, 0, false, false },
	{ OTHER_TABLE, false, 0, false, false },
	{ LONGER_TABLE, false, 0, false, false },
	{ NO_SET, false, 0, false, false },
	{ OTHER_SET, false, 0, false, false },
	{ NO_LIST, true, 0, false, false },
	{ NO_KEY, false, 0, false, false },
	{ NO_VALUE, false, 0, false, false },
	{ LONG_KEY, false, 0, false, false },
	{ NO_DATA, false, 0, false, false },
	{ LONG_DATA, false, 0, false, false },
	{ NO_TIMEOUT, true, 1, false, true },
	{ SHORT_TIMEOUT, true, 1, false, true },
	{ NO_COUNTER, true, 1, true, false },
	{ OTHER_COUNTER, true, 1, true, false },
	{ LONG_COUNTER, true, 1, true, false },
	{ NO_COUNTER_DATA, true, 1, true, false },
	{ NO_PACKETS, true, 1, true, false },
	{ SHORT_PACKETS, true, 1, true, false },
	};
	/* clang-format on */
	static const enum set_kind kinds[] = { SET_DNAT, SET_SNAT };
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	unsigned int set;
	size_t i, k;
	bool ok;

	(void)state;
	for (k = 0; k < ROWS(kinds) * 4; k++) {
		set =
		    set_number(kinds[k / 4], k & 1 ? IPPROTO_TCP : IPPROTO_UDP,
			k & 2 ? AF_INET6 : AF_INET);
		for (i = 0; i < ROWS(t); i++) {
			nseen = 0;
			memset(&seen, 0, sizeof(seen));
			ok = elements_parse(flawed(buf, set, t[i].flaw),
			    "pinholed", see, &seen);
			if (ok != t[i].ok || nseen != t[i].n)
				fail_msg("%zu: %d %u", i, ok, nseen);
			if (nseen == 0)
				continue;
			assert_int_equal(seen.elem.set, set);
			assert_int_equal(seen.elem.keylen, set_keylen(set));
			assert_int_equal(seen.elem.datalen, set_datalen(set));
			assert_int_equal(seen.elem.key[seen.elem.keylen - 1],
			    7);
			assert_int_equal(seen.elem.data[seen.elem.datalen - 1],
			    7);
			assert_int_equal(seen.timeout_ms,
			    t[i].timeout ? UINT64_C(0x200000003) : 0);
			assert_int_equal(seen.counted, t[i].counted);
			assert_int_equal(seen.packets,
			    t[i].counted ? UINT64_C(0x100000005) : 0);
		}
	}
}

static void
the_elements_of_any_set_are_asked_for_and_read(void **state)
{
	_Alignas(struct nlmsghdr) char buf[NLMSG_SIZE];
	const struct nfgenmsg *nfg;
	struct nlmsghdr *nlh;
	struct nlmsg_attrs a;
	char name[SET_NAMELEN];
	unsigned int set;

	(void)state;
	for (set = 0; set <= SET_CONNECTIONS; set++) {
		if (!set_exists(set))
			continue;
		nlh = elements_request(buf, "pinholed", set);
		nfg = mnl_nlmsg_get_payload(nlh);
		assert_int_equal(nlh->nlmsg_type,
		    NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM);
		assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
		assert_int_equal(nfg->nfgen_family, NFPROTO_INET);
		assert_true(nlmsg_attrs(nlh, &a));
		assert_string_equal(mnl_attr_get_str(
					a.at[NFTA_SET_ELEM_LIST_TABLE]),
		    "pinholed");
		assert_string_equal(mnl_attr_get_str(
					a.at[NFTA_SET_ELEM_LIST_SET]),
		    set_name(set, name));
		nseen = 0;
		assert_true(elements_parse(nlh, "pinholed", see, &seen));
		assert_int_equal(nseen, 0);
		if (set < SET_COUNT) {
			assert_true(elements_parse(flawed(buf, set, NONE),
			    "pinholed", see, &seen));
			assert_int_equal(seen.elem.set, set);
		}
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(neighbours_share_a_message),
		CASE(a_batch_begins_anew),
		CASE(a_batch_grows_by_doubling),
		CASE(a_batch_has_a_limit),
		CASE(without_memory_a_batch_is_full),
		CASE(a_long_list_is_split_in_time),
		CASE(what_may_have_expired_is_added_before_it_is_deleted),
		CASE(a_flawed_message_is_no_element),
		CASE(the_elements_of_any_set_are_asked_for_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
