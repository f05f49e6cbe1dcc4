/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/fw/config.h"
#include "src/fw/fw.h"
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
