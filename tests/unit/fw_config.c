/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/fw/config.h"
#include "src/fw/fw.h"
#include "src/fw/policy.h"
#include "tests/unit/unit.h"

static struct conf *
config(const char *text)
{
	struct conf *c;

	assert_int_equal(conf_parse(&c, span_of(text), "test", NULL, 0, stderr),
	    PH_OK);
	return c;
}

/* The part of a configuration that a backend is told. */
static void
a_backend_is_told_what_it_needs(void **state)
{
#define P "protect { 192.0.2.0/24 }\n"
	static const struct {
		const char *text;
		bool once, calls, tables_only, translate, latch, spare;
		size_t nremotes, nhooks;
	} rows[] = {
		{ P, 0, 1, 0, 0, 0, 0, 0, 0 },
		{ P "sip { redirect yes\n"
		    "external 203.0.113.1 for 192.0.2.1 }\n",
		    0, 1, 0, 1, 0, 0, 0, 0 },
		{ P "sip { remote { 198.51.100.0/24 } }\n", 0, 1, 0, 0, 0, 0, 1,
		    0 },
		{ P "ftp { port 21 }\n", 1, 0, 0, 0, 0, 0, 0, 0 },
		{ P "ftp { proxy on 192.0.2.1 port 8021 }\n", 1, 0, 0, 1, 0, 0,
		    0, 0 },
		{ P "tftp { proxy on 192.0.2.1 port 6969 }\n", 0, 0, 0, 1, 0, 0,
		    0, 0 },
		{ P "tables { listen on 127.0.0.1 key \"/k\" allow a }\n", 0, 0,
		    1, 0, 0, 0, 0, 0 },
		{ P "firewall nftables hook { \"inet f c\" }\n", 0, 1, 0, 0, 0,
		    0, 0, 1 },
	};
	struct fw_config fc;
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		c = config(rows[i].text);
		assert_int_equal(fwconfig_of(c, &fc), PH_OK);
		assert_int_equal(fc.once, rows[i].once);
		assert_int_equal(fc.calls, rows[i].calls);
		assert_int_equal(fc.tables_only, rows[i].tables_only);
		assert_int_equal(fc.translate, rows[i].translate);
		assert_int_equal(fc.latch, rows[i].latch);
		assert_int_equal(fc.spare, rows[i].spare);
		assert_int_equal(fc.nremotes, rows[i].nremotes);
		assert_int_equal(fc.nhooks, rows[i].nhooks);
		if (fc.nhooks > 0)
			assert_string_equal(fc.hooks[0], "inet f c");
		assert_string_equal(fc.name, "pinholed");
		assert_int_equal(fc.mark, 0x10000);
		fwconfig_free(&fc);
		conf_free(c);
	}
}

static void
a_dry_run_says_what_would_pass(void **state)
{
	struct fw_config fc = { 0 };
	struct addr phone = addr_v4(198, 51, 100, 7);
	struct pinhole h = { .proto = IPPROTO_UDP,
		.dir = PINHOLE_OUT,
		.from_port = 4000,
		.from = prefix_host(&phone),
		.to = addr_v4(192, 0, 2, 10),
		.to_lo = 10000,
		.to_hi = 10001 };
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));

	(void)state;
	fw_dryrun.explain(&fc, &h, &b);
	assert_string_equal(text,
	    "pass out udp from 198.51.100.7 port 4000 to 192.0.2.10 port "
	    "10000:10001\n");
	h.dir = PINHOLE_IN;
	h.proto = IPPROTO_TCP;
	h.from_port = 0;
	h.to_hi = 10000;
	h.once = 1;
	h.rdr_from = (struct endpoint) { addr_v4(203, 0, 113, 1), 50000 };
	h.nat_to = (struct endpoint) { addr_v4(203, 0, 113, 2), 20 };
	strbuf_reset(&b);
	fw_dryrun.explain(&fc, &h, &b);
	assert_string_equal(text,
	    "pass in tcp from 198.51.100.7 to 192.0.2.10 port 10000 "
	    "redirected from 203.0.113.1:50000 source 203.0.113.2:20 once\n");
}

/* Every option of pf, none, and one at a time would all say so. */
static void
options_of_pf_are_passed_on(void **state)
{
	struct conf *c = config(
	    P "sip { remote { 198.51.100.0/24 203.0.113.0/24 } }\n"
	      "tables { listen on 127.0.0.1 key \"/k\" allow { a b } }\n"
	      "firewall pf states anchor \"x/y\" kill no if-bound log tag t "
	      "queue q on em0 reply-to (em0 203.0.113.254) "
	      "reply-to (em1 198.51.100.254) reply-to (em1 2001:db8::1)\n");
	struct fw_config fc;

	(void)state;
	assert_int_equal(fwconfig_of(c, &fc), PH_OK);
	assert_string_equal(fc.name, "x/y");
	assert_true(
	    fc.states && fc.spare && fc.if_bound && fc.log && !fc.latch);
	assert_string_equal(fc.tag, "t");
	assert_string_equal(fc.queue, "q");
	assert_int_equal(fc.nuplinks, 3);
	assert_string_equal(fc.uplinks[0].ifname, "em0");
	assert_string_equal(fc.uplinks[1].ifname, "em1");
	assert_string_equal(fc.uplinks[2].ifname, "em1");
	assert_true(addr_eq(&fc.uplinks[0].gateway, &c->uplink[0].gateway));
	assert_true(addr_eq(&fc.uplinks[2].gateway, &c->uplink[2].gateway));
	assert_int_equal(fc.nremotes, 2);
	assert_int_equal(prefix_cmp(&fc.remotes[1], &c->sip.remotes.v[1]), 0);
	assert_int_equal(fc.ntables, 2);
	assert_string_equal(fc.tables[0], "a");
	assert_string_equal(fc.tables[1], "b");
	assert_null(fc.classes);
	assert_int_equal(fc.nclasses + fc.nhooks, 0);
	/* These are for the firewall process to say. */
	assert_true(!fc.adopt && !fc.local && !fc.yield && !fc.hold.on);
	fwconfig_free(&fc);
	assert_null(fc.uplinks);
	conf_free(c);
	c = config(P "sip { latch yes }\nfirewall pf rules kill yes\n");
	assert_int_equal(fwconfig_of(c, &fc), PH_OK);
	assert_false(fc.states || fc.spare || fc.if_bound || fc.log);
	assert_true(fc.latch);
	assert_null(fc.tag);
	assert_null(fc.queue);
	assert_null(fc.uplinks);
	assert_null(fc.remotes);
	assert_int_equal(fc.nuplinks + fc.nremotes + fc.ntables, 0);
	fwconfig_free(&fc);
	conf_free(c);
}

/* A line of a proxy with a tag or a queue of its own is a class. */
static void
lines_of_proxies_are_classes(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*text;
		size_t		 nftp, ntftp;
		uint16_t	 class[3]; /* of each line, in this order */
		const char	*tag[3], *queue[3];
	} rows[] = {
		{ "ftp { proxy on 192.0.2.1 port 8021 }\n", 1, 0,
		    { 0 }, { NULL }, { NULL } },
		{ "ftp { proxy on 192.0.2.1 port 8021 tag a }\n", 1, 0,
		    { 1 }, { "a" }, { NULL } },
		{ "tftp { proxy on 192.0.2.1 port 6969 queue b }\n", 0, 1,
		    { 1 }, { NULL }, { "b" } },
		{ "ftp { proxy on 192.0.2.1 port 8021\n"
		    "proxy on 192.0.2.1 port 8022 tag a queue b }\n"
		    "tftp { proxy on 192.0.2.1 port 6969 tag c }\n", 2, 1,
		    { 0, 2, 3 }, { NULL, "a", "c" }, { NULL, "b", NULL } },
		{ "ftp { proxy on 192.0.2.1 port 8021 tag a }\n"
		    "tftp { proxy on 192.0.2.1 port 6969\n"
		    "proxy on 192.0.2.1 port 6970 queue d }\n", 1, 2,
		    { 1, 0, 3 }, { "a", NULL, NULL }, { NULL, NULL, "d" } },
	};
	/* clang-format on */
	const struct conf_proxy *line;
	struct fw_config fc;
	struct conf *c;
	size_t i, k, n;
	bool any;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		char text[512] = P;

		strlcat(text, rows[i].text, sizeof(text));
		c = config(text);
		assert_int_equal(fwconfig_of(c, &fc), PH_OK);
		n = rows[i].nftp + rows[i].ntftp;
		any = false;
		for (k = 0; k < n; k++) {
			line = k < rows[i].nftp
			    ? &c->ftp.proxy[k]
			    : &c->tftp.proxy[k - rows[i].nftp];
			assert_int_equal(fwconfig_class(c, line),
			    rows[i].class[k]);
			any = any || rows[i].class[k] != 0;
		}
		assert_int_equal(fc.nclasses, any ? n : 0);
		for (k = 0; any && k < n; k++) {
			assert_string_equal(fc.classes[k].tag != NULL
				? fc.classes[k].tag
				: "",
			    rows[i].tag[k] != NULL ? rows[i].tag[k] : "");
			assert_string_equal(fc.classes[k].queue != NULL
				? fc.classes[k].queue
				: "",
			    rows[i].queue[k] != NULL ? rows[i].queue[k] : "");
		}
		fwconfig_free(&fc);
		conf_free(c);
	}
}

/* A dry run refuses what no packet filter could have. */
static void
a_dry_run_refuses_what_makes_no_sense(void **state)
{
	struct addr phone = addr_v4(198, 51, 100, 7);
	const struct pinhole good = { .id = 1,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_OUT,
		.from = prefix_host(&phone),
		.to = addr_v4(192, 0, 2, 10),
		.to_lo = 10000,
		.to_hi = 10001 };
	struct fw_config fc = { 0 };
	struct fw_entry e;
	struct pinhole h;
	struct strbuf why = { 0 };
	struct fw *fw;
	size_t i;

	(void)state;
	assert_int_equal(fw_dryrun.check(&fc, &why), PH_OK);
	assert_int_equal(fw_dryrun.open(&fw, &fc, 0, &why), PH_OK);
	for (i = 0; i < 14; i++) {
		h = good;
		if (i == 1)
			h.proto = IPPROTO_TCP;
		else if (i == 2)
			h.dir = PINHOLE_IN;
		else if (i == 3)
			memset(&h.from, 0, sizeof(h.from));
		else if (i == 4)
			h.to_hi = h.to_lo;
		else if (i == 5)
			h.to.af = h.from.addr.af = AF_INET6;
		else if (i == 6)
			h.to_lo = 1;
		else if (i == 7)
			h.id = 0;
		else if (i == 8)
			h.proto = IPPROTO_ICMP;
		else if (i == 9)
			h.dir = 0;
		else if (i == 10)
			h.from.addr.af = AF_INET6;
		else if (i == 11)
			h.to_lo = 0;
		else if (i == 12)
			h.to_lo = 10002;
		else if (i == 13)
			h.to.af = AF_INET6;
		memset(&e, 0, sizeof(e));
		(void)fw_entry_set(&e, &h);
		assert_int_equal(fw_dryrun.add(fw, &e),
		    i < 7 ? PH_OK : PH_EBAD);
	}
	assert_int_equal(fw_dryrun.commit(fw, NULL, 0, 0), PH_OK);
	assert_int_equal(fw_dryrun.table(fw, 0, FW_TABLE_ADD, NULL, 0, 0),
	    PH_OK);
	fw_dryrun.close(fw, false);
}

/* Each backend that is listed is found by its name; dry-run is the last. */
static void
backends_are_found_by_their_names(void **state)
{
	char text[256], *name, *rest = text;
	struct strbuf b = strbuf_of(text, sizeof(text));
	const char *last = "";

	(void)state;
	fw_names(&b);
	assert_null(fw_lookup(text));
	assert_null(fw_lookup(""));
	assert_null(fw_lookup("dry"));
	while ((name = strsep(&rest, ",")) != NULL) {
		name += *name == ' ';
		assert_non_null(fw_lookup(name));
		assert_string_equal(fw_lookup(name)->name, name);
		last = name;
	}
	assert_string_equal(last, "dry-run");
	assert_ptr_equal(fw_lookup("dry-run"), &fw_dryrun);
}

/* Of several lines, in any order. */
static void
the_longest_timeout_of_a_proxy_is_the_lease(void **state)
{
	static const int64_t rows[][3] = { { 30, 600, 90 }, { 600, 30, 90 },
		{ 90, 30, 600 }, { 30, 30, 30 } };
	const struct pinhole udp = { .proto = IPPROTO_UDP },
			     tcp = { .proto = IPPROTO_TCP };
	struct fw_policy policy = { 0 };
	struct conf *c;
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		snprintf(text, sizeof(text),
		    P "tftp { proxy on 192.0.2.1 port 6969 timeout %d\n"
		      "proxy on 192.0.2.1 port 6970 timeout %d\n"
		      "proxy on 192.0.2.1 port 6971 timeout %d }\n",
		    (int)rows[i][0], (int)rows[i][1], (int)rows[i][2]);
		policy.conf = c = config(text);
		assert_int_equal(fw_policy_lease(&policy, IPC_PROXY, &udp),
		    (i < 3 ? 600 : 30) * INT64_C(1000000));
		assert_int_equal(fw_policy_lease(&policy, IPC_PROXY, &tcp),
		    60 * INT64_C(1000000));
		assert_int_equal(fw_policy_silence(&policy),
		    30 * INT64_C(1000000));
		conf_free(c);
	}
}

static void
is_ports(const uint16_t *v, size_t n, const char *want)
{
	char text[64] = "", one[8];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(one, sizeof(one), "%u ", v[i]);
		strlcat(text, one, sizeof(text));
	}
	assert_string_equal(text, want);
}

#define INLINE P "sip { inline yes port { 5060 5062 } }\n"

/* clang-format off */
static const struct {
	const char *text, *udp, *tcp;	/* NULL: nothing waits */
} holds[] = {
	{ P, NULL, NULL },
	{ P "ftp { port 21 }\n", NULL, NULL },
	{ INLINE, "5060 5062 ", "5060 5062 " },
	{ INLINE "ftp { port { 21 2121 } }\n",
	    "5060 5062 ", "5060 5062 21 2121 " },
	{ INLINE "tftp { port { 69 70 71 } }\n",
	    "5060 5062 69 70 71 ", "5060 5062 " },
	{ INLINE "ftp { proxy on 192.0.2.1 port 8021 }\n"
	    "tftp { proxy on 192.0.2.1 port 6969 }\n",
	    "5060 5062 ", "5060 5062 " },
	{ INLINE "ftp { port 21 }\ntftp { port 69 }\ninline { queue 77 }\n",
	    "5060 5062 69 ", "5060 5062 21 " },
};
/* clang-format on */

static void
what_is_followed_waits(void **state)
{
	struct fw_config fc;
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(holds); i++) {
		c = config(holds[i].text);
		assert_int_equal(fwconfig_of(c, &fc), PH_OK);
		assert_int_equal(fc.hold.on, holds[i].udp != NULL);
		if (fc.hold.on) {
			is_ports(fc.hold.udp, fc.hold.nudp, holds[i].udp);
			is_ports(fc.hold.tcp, fc.hold.ntcp, holds[i].tcp);
			assert_int_equal(fc.hold.queue, c->inline_.queue);
			assert_int_equal(fc.hold.nhosts, 1);
			assert_int_equal(prefix_cmp(&fc.hold.hosts[0],
					     &c->protect.v[0]),
			    0);
		}
		fwconfig_free(&fc);
		conf_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backend_is_told_what_it_needs),
		cmocka_unit_test(a_dry_run_says_what_would_pass),
		cmocka_unit_test(what_is_followed_waits),
		cmocka_unit_test(options_of_pf_are_passed_on),
		cmocka_unit_test(the_longest_timeout_of_a_proxy_is_the_lease),
		cmocka_unit_test(backends_are_found_by_their_names),
		cmocka_unit_test(lines_of_proxies_are_classes),
		cmocka_unit_test(a_dry_run_refuses_what_makes_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
