/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/holes.h"
#include "pf/text.h"
#include "src/fw/direct.h"
#include "tests/unit/unit.h"

#define UDP "keep state (udp.first 60, udp.single 30, udp.multiple 60"

static struct addr
ip(const char *s)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(s), &a), PH_OK);
	return a;
}

static struct pinhole
hole(uint8_t proto, enum pinhole_dir dir, const char *from, const char *to,
    uint16_t lo, uint16_t hi)
{
	struct pinhole h = { .id = 7,
		.proto = proto,
		.dir = (uint8_t)dir,
		.to_lo = lo,
		.to_hi = hi };

	h.to = ip(to);
	if (strcmp(from, "any") != 0)
		assert_int_equal(prefix_parse(span_of(from), &h.from), PH_OK);
	return h;
}

static void
check(const char *what, const struct pinhole *h, enum p_dialect d,
    const struct fw_config *c, const char *expected)
{
	char got[4096];
	struct strbuf b = strbuf_of(got, sizeof(got));

	printf("%s\n", what);
	p_explain(h, d, c, &b);
	assert_string_equal(got, expected);
}

static void
pinholes_read_as_pfctl_would(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct pinhole h;

	(void)state;
	h = hole(IPPROTO_UDP, PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10000,
	    10001);
	check("either side may speak first", &h, P_FREEBSD, &c,
	    "pass quick inet proto udp from 198.51.100.7 to 192.0.2.20 port "
	    "10000:10001 " UDP ") label \"7\"\n"
	    "pass quick inet proto udp from 192.0.2.20 port 10000:10001 to "
	    "198.51.100.7 " UDP ") label \"7\"");
	check("and so on OpenBSD", &h, P_OPENBSD, &c,
	    "pass quick inet proto udp from 198.51.100.7 to 192.0.2.20 port "
	    "10000:10001 " UDP ") label \"7\"\n"
	    "pass quick inet proto udp from 192.0.2.20 port 10000:10001 to "
	    "198.51.100.7 " UDP ") label \"7\"");
	h.dir = PINHOLE_OUT;
	check("outward, the way back is an answer", &h, P_FREEBSD, &c,
	    "pass quick inet proto udp from 198.51.100.7 to 192.0.2.20 port "
	    "10000:10001 " UDP ") label \"7\"");
	h = hole(IPPROTO_UDP, PINHOLE_IN, "any", "2001:db8:2::9", 4000, 4000);
	h.from_port = 69;
	check("anybody, from one port, over IPv6", &h, P_FREEBSD, &c,
	    "pass quick inet6 proto udp from any port 69 to 2001:db8:2::9 port "
	    "4000 " UDP ") label \"7\"\n"
	    "pass quick inet6 proto udp from 2001:db8:2::9 port 4000 to any "
	    "port 69 " UDP ") label \"7\"");
	h = hole(IPPROTO_TCP, PINHOLE_OUT, "192.0.2.0/28", "203.0.113.9", 2021,
	    2021);
	h.once = 1;
	check("one connection has two states", &h, P_FREEBSD, &c,
	    "pass quick inet proto tcp from 192.0.2.0/28 to 203.0.113.9 port "
	    "2021 flags S/SA keep state (max 2) label \"7\"");
}

static void
translation_differs_by_system(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct pinhole h = hole(IPPROTO_TCP, PINHOLE_IN, "203.0.113.9",
	    "10.0.0.5", 5001, 5001);

	(void)state;
	h.rdr_from.addr = ip("192.0.2.1");
	h.rdr_from.port = 40001;
	h.nat_to.addr = ip("10.0.0.1");
	h.nat_to.port = 20;
	check("translated, then filtered", &h, P_FREEBSD, &c,
	    "nat inet proto tcp from 203.0.113.9 to 10.0.0.5 port 5001 -> "
	    "10.0.0.1 port 20\n"
	    "rdr inet proto tcp from 203.0.113.9 to 192.0.2.1 port 40001 -> "
	    "10.0.0.5 port 5001\n"
	    "pass quick inet proto tcp from 203.0.113.9 to 10.0.0.5 port 5001 "
	    "flags S/SA keep state label \"7\"\n"
	    "pass quick inet proto tcp from 10.0.0.5 port 5001 to 203.0.113.9 "
	    "flags S/SA keep state label \"7\"\n"
	    "pass out quick inet proto tcp from 10.0.0.1 port 20 to 10.0.0.5 "
	    "port 5001 flags S/SA keep state label \"7\"");
	check("translated by the pass rule", &h, P_OPENBSD, &c,
	    "pass out quick inet proto tcp from 203.0.113.9 to 10.0.0.5 port "
	    "5001 flags S/SA keep state label \"7\" nat-to 10.0.0.1 port 20\n"
	    "pass in quick inet proto tcp from 203.0.113.9 to 192.0.2.1 port "
	    "40001 flags S/SA keep state label \"7\" rdr-to 10.0.0.5 port "
	    "5001\n"
	    "pass quick inet proto tcp from 203.0.113.9 to 10.0.0.5 port 5001 "
	    "flags S/SA keep state label \"7\"\n"
	    "pass quick inet proto tcp from 10.0.0.5 port 5001 to 203.0.113.9 "
	    "flags S/SA keep state label \"7\"");
	h = hole(IPPROTO_TCP, PINHOLE_OUT, "any", "10.0.0.5", 5001, 5001);
	h.rdr_from.addr = ip("192.0.2.1");
	h.rdr_from.port = 5001;
	check("to the same port", &h, P_FREEBSD, &c,
	    "rdr inet proto tcp from any to 192.0.2.1 port 5001 -> 10.0.0.5\n"
	    "pass quick inet proto tcp from any to 10.0.0.5 port 5001 "
	    "flags S/SA keep state label \"7\"");
	h = hole(IPPROTO_UDP, PINHOLE_IN, "any", "10.0.0.5", 4000, 4001);
	h.rdr_from.addr = ip("192.0.2.1");
	h.nat_to.addr = ip("10.0.0.1");
	check("port 0 keeps the port", &h, P_FREEBSD, &c,
	    "nat inet proto udp from any to 10.0.0.5 port 4000:4001 -> "
	    "10.0.0.1 static-port\n"
	    "rdr inet proto udp from any to 192.0.2.1 port 4000:4001 -> "
	    "10.0.0.5\n"
	    "pass quick inet proto udp from any to 10.0.0.5 port 4000:4001 " UDP
	    ") label \"7\"\n"
	    "pass quick inet proto udp from 10.0.0.5 port 4000:4001 to any " UDP
	    ") label \"7\"\n"
	    "pass out quick inet proto udp from 10.0.0.1 to 10.0.0.5 port "
	    "4000:4001 " UDP ") label \"7\"");
}

/* A rule that names its direction sees one state, not two. */
static void
one_connection_is_one_in_each_rule(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct pinhole h = hole(IPPROTO_TCP, PINHOLE_OUT, "203.0.113.9",
	    "10.0.0.5", 5001, 5001);

	(void)state;
	h.once = 1;
	h.nat_to.addr = ip("10.0.0.1");
	h.nat_to.port = 20;
	check("translated", &h, P_FREEBSD, &c,
	    "nat inet proto tcp from 203.0.113.9 to 10.0.0.5 port 5001 -> "
	    "10.0.0.1 port 20\n"
	    "pass quick inet proto tcp from 203.0.113.9 to 10.0.0.5 port 5001 "
	    "flags S/SA keep state (max 2) label \"7\"\n"
	    "pass out quick inet proto tcp from 10.0.0.1 port 20 to 10.0.0.5 "
	    "port 5001 flags S/SA keep state (max 1) label \"7\"");
	check("by the pass rule", &h, P_OPENBSD, &c,
	    "pass out quick inet proto tcp from 203.0.113.9 to 10.0.0.5 port "
	    "5001 flags S/SA keep state (max 1) label \"7\" nat-to 10.0.0.1 "
	    "port 20\n"
	    "pass quick inet proto tcp from 203.0.113.9 to 10.0.0.5 port 5001 "
	    "flags S/SA keep state (max 2) label \"7\"");
}

static struct p_rule
rule(const char *on, enum p_way way, const char *src, uint16_t sport,
    const char *dst, uint16_t dport, uint64_t label)
{
	struct p_rule r = { .action = P_ACT_PASS,
		.way = (uint8_t)way,
		.af = AF_INET,
		.on = on,
		.label = label };

	if (src != NULL)
		assert_int_equal(prefix_parse(span_of(src), &r.src.net), PH_OK);
	if (dst != NULL)
		assert_int_equal(prefix_parse(span_of(dst), &r.dst.net), PH_OK);
	r.src.lo = r.src.hi = sport;
	r.dst.lo = r.dst.hi = dport;
	return r;
}

/* Rules are quick: the more special must come before the more general. */
static void
the_more_special_rule_comes_first(void **state)
{
	const struct p_rule v[] = {
		rule("em0", P_IN, NULL, 0, "192.0.2.1", 5000, 9),
		rule("em1", P_IN, NULL, 0, "192.0.2.1", 5000, 9),
		rule(NULL, P_OUT, NULL, 0, "192.0.2.1", 5000, 9),
		rule(NULL, P_IN, NULL, 0, "192.0.2.1", 5000, 9),
		rule(NULL, P_BOTH, "10.0.0.1", 7, NULL, 0, 9),
		rule(NULL, P_BOTH, "10.0.0.1", 8, NULL, 0, 9),
		rule(NULL, P_BOTH, "10.0.0.1", 0, NULL, 0, 9),
		rule(NULL, P_BOTH, "10.0.0.2", 7, NULL, 0, 9),
		rule(NULL, P_BOTH, "10.0.0.0/24", 7, "192.0.2.9", 5000, 1),
		rule(NULL, P_BOTH, "10.0.0.0/8", 0, "192.0.2.1", 5000, 1),
		rule(NULL, P_BOTH, NULL, 0, "192.0.2.1", 5000, 1),
		rule(NULL, P_BOTH, NULL, 0, "192.0.2.1", 5000, 2),
		rule(NULL, P_BOTH, NULL, 0, "192.0.2.1", 5001, 1),
		rule(NULL, P_BOTH, NULL, 0, "192.0.2.0/24", 1, 1),
		rule(NULL, P_BOTH, NULL, 0, NULL, 0, 1),
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(v); i++)
		for (k = 0; k < ROWS(v); k++) {
			printf("%zu %zu\n", i, k);
			if (i < k)
				assert_true(p_rule_cmp(&v[i], &v[k]) < 0);
			else if (i > k)
				assert_true(p_rule_cmp(&v[i], &v[k]) > 0);
			else
				assert_int_equal(p_rule_cmp(&v[i], &v[k]), 0);
		}
}

static void
options_of_the_user_are_in_each_rule(void **state)
{
	const struct fw_uplink uplinks[] = {
		{ "em0", { AF_INET, { 192, 0, 2, 254 } } },
		{ "em2", { AF_INET, { 203, 0, 113, 254 } } },
		{ "em2", { AF_INET6, { 0x20, 1, 0xd, 0xb8 } } },
	};
	const struct fw_config c = { .name = "pinholed",
		.log = true,
		.tag = "VOIP",
		.queue = "rtp",
		.if_bound = true,
		.uplinks = uplinks,
		.nuplinks = 3 };
	struct pinhole h =
	    hole(IPPROTO_UDP, PINHOLE_IN, "any", "192.0.2.20", 4000, 4001);

	(void)state;
	check("FreeBSD", &h, P_FREEBSD, &c,
	    "pass in log quick on em0 reply-to (em0 192.0.2.254) inet proto "
	    "udp from any to 192.0.2.20 port 4000:4001 " UDP
	    ", if-bound) tag \"VOIP\" queue \"rtp\" label \"7\"\n"
	    "pass in log quick on em2 reply-to (em2 203.0.113.254) inet proto "
	    "udp from any to 192.0.2.20 port 4000:4001 " UDP
	    ", if-bound) tag \"VOIP\" queue \"rtp\" label \"7\"\n"
	    "pass log quick inet proto udp from any to 192.0.2.20 port "
	    "4000:4001 " UDP
	    ", if-bound) tag \"VOIP\" queue \"rtp\" label \"7\"\n"
	    "pass log quick inet proto udp from 192.0.2.20 port 4000:4001 to "
	    "any " UDP ", if-bound) tag \"VOIP\" queue \"rtp\" label \"7\"");
	h.dir = PINHOLE_OUT;
	check("OpenBSD, outward", &h, P_OPENBSD, &c,
	    "pass log quick inet proto udp from any to 192.0.2.20 port "
	    "4000:4001 " UDP
	    ", if-bound) tag \"VOIP\" set queue \"rtp\" label \"7\"");
	h.dir = PINHOLE_IN;
	h.proto = IPPROTO_TCP;
	check("OpenBSD", &h, P_OPENBSD,
	    &(struct fw_config) { .name = "p",
		.uplinks = uplinks,
		.nuplinks = 1 },
	    "pass in quick on em0 inet proto tcp from any to 192.0.2.20 port "
	    "4000:4001 flags S/SA keep state label \"7\" reply-to "
	    "192.0.2.254\n"
	    "pass quick inet proto tcp from any to 192.0.2.20 port 4000:4001 "
	    "flags S/SA keep state label \"7\"\n"
	    "pass quick inet proto tcp from 192.0.2.20 port 4000:4001 to any "
	    "flags S/SA keep state label \"7\"");
	/* One connection has one state on each side of us. */
	h.to_hi = h.to_lo;
	h.once = 1;
	check("OpenBSD, once", &h, P_OPENBSD,
	    &(struct fw_config) { .name = "p",
		.uplinks = uplinks,
		.nuplinks = 1 },
	    "pass in quick on em0 inet proto tcp from any to 192.0.2.20 port "
	    "4000 flags S/SA keep state (max 1) label \"7\" reply-to "
	    "192.0.2.254\n"
	    "pass quick inet proto tcp from any to 192.0.2.20 port 4000 "
	    "flags S/SA keep state (max 2) label \"7\"\n"
	    "pass quick inet proto tcp from 192.0.2.20 port 4000 to any "
	    "flags S/SA keep state (max 2) label \"7\"");
}

static void
some_pinholes_have_a_tag_and_a_queue_of_their_own(void **state)
{
	const struct fw_class classes[] = { { "FTP", NULL }, { NULL, "q" } };
	const struct fw_config c = { .name = "pinholed",
		.queue = "all",
		.classes = classes,
		.nclasses = 2 };
	struct pinhole h = hole(IPPROTO_TCP, PINHOLE_OUT, "198.51.100.7",
	    "192.0.2.20", 4000, 4000);

	(void)state;
#define TCP_RULE                                                               \
	"pass quick inet proto tcp from 198.51.100.7 to 192.0.2.20 port 4000 " \
	"flags S/SA keep state "
	check("none", &h, P_FREEBSD, &c, TCP_RULE "queue \"all\" label \"7\"");
	h.class = 1;
	check("a tag", &h, P_FREEBSD, &c,
	    TCP_RULE "tag \"FTP\" queue \"all\" label \"7\"");
	h.class = 2;
	check("a queue", &h, P_OPENBSD, &c,
	    TCP_RULE "set queue \"q\" label \"7\"");
	h.class = 3;
	check("no such class", &h, P_FREEBSD, &c,
	    TCP_RULE "queue \"all\" label \"7\"");
}

static void
hooks_are_lines_to_copy(void **state)
{
	const struct fw_config c = { .name = "voip/pinholed" };
	char got[256];
	struct strbuf b = strbuf_of(got, sizeof(got));

	(void)state;
	p_hook_print(P_FREEBSD, &c, true, true, true, &b);
	assert_string_equal(got,
	    "nat-anchor \"voip/pinholed\"\n"
	    "rdr-anchor \"voip/pinholed\"\n"
	    "anchor \"voip/pinholed\"");
	strbuf_reset(&b);
	p_hook_print(P_FREEBSD, &c, false, true, false, &b);
	assert_string_equal(got, "rdr-anchor \"voip/pinholed\"");
	strbuf_reset(&b);
	p_hook_print(P_OPENBSD, &c, false, true, true, &b);
	assert_string_equal(got, "anchor \"voip/pinholed\"");
	strbuf_reset(&b);
	p_hook_print(P_OPENBSD, &c, true, true, true, &b);
	assert_string_equal(got, "anchor \"voip/pinholed\"");
}

static void
text_commit_is(struct direct *d, FILE *f, enum fw_op op,
    const struct pinhole *h, size_t n, enum ph_err rc, const char *expected)
{
	struct fw_change v[4];
	char got[4096];
	long start = ftell(f);
	size_t i, len;

	memset(v, 0, sizeof(v));
	for (i = 0; i < n; i++) {
		v[i].op = op;
		v[i].hole = h[i];
	}
	assert_int_equal(direct_commit(d, v, n, 0), rc);
	assert_int_equal(fseek(f, start, SEEK_SET), 0);
	len = fread(got, 1, sizeof(got) - 1, f);
	got[len] = '\0';
	assert_string_equal(got, expected);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
}

static void
a_commit_prints_the_whole_ruleset(void **state)
{
	const struct fw_config c = { .name = "pinholed", .dialect = P_OPENBSD };
	struct pinhole v[2];
	struct strbuf why = { 0 };
	struct direct *d;
	struct fw *fw;
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	pf_text_output(f);
	assert_int_equal(fw_pf_text.open(&fw, &c, 0, &why), PH_OK);
	assert_non_null(d = direct_new(&fw_pf_text, fw));
	v[0] = hole(IPPROTO_TCP, PINHOLE_OUT, "192.0.2.2", "203.0.113.9", 2021,
	    2021);
	v[1] = hole(IPPROTO_TCP, PINHOLE_OUT, "192.0.2.1", "203.0.113.9", 2022,
	    2022);
	v[1].id = 8;
	text_commit_is(d, f, FW_OPEN, v, 1, PH_OK,
	    "# pfctl -a pinholed/out4t -f -\n"
	    "pass quick inet proto tcp from 192.0.2.2 to 203.0.113.9 port 2021 "
	    "flags S/SA keep state label \"7\"\n");
	text_commit_is(d, f, FW_OPEN, v, 2, PH_OK,
	    "# pfctl -a pinholed/out4t -f -\n"
	    "pass quick inet proto tcp from 192.0.2.1 to 203.0.113.9 port 2022 "
	    "flags S/SA keep state label \"8\"\n"
	    "pass quick inet proto tcp from 192.0.2.2 to 203.0.113.9 port 2021 "
	    "flags S/SA keep state label \"7\"\n");
	v[0].deadline = 5;
	text_commit_is(d, f, FW_OPEN, v, 2, PH_OK, "");
	v[1].to_hi++;
	text_commit_is(d, f, FW_OPEN, v, 2, PH_EBAD, "");
	text_commit_is(d, f, FW_CLOSE, v, 1, PH_OK,
	    "# pfctl -a pinholed/out4t -f -\n"
	    "pass quick inet proto tcp from 192.0.2.1 to 203.0.113.9 port 2022 "
	    "flags S/SA keep state label \"8\"\n");
	text_commit_is(d, f, FW_CLOSE, v, 2, PH_OK,
	    "# pfctl -a pinholed/out4t -F rules\n");
	text_commit_is(d, f, FW_CLOSE, v, 2, PH_OK, "");
	fw_pf_text.close(fw, false);
	direct_free(d);
	pf_text_output(NULL);
	fclose(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pinholes_read_as_pfctl_would),
		cmocka_unit_test(translation_differs_by_system),
		cmocka_unit_test(one_connection_is_one_in_each_rule),
		cmocka_unit_test(the_more_special_rule_comes_first),
		cmocka_unit_test(options_of_the_user_are_in_each_rule),
		cmocka_unit_test(
		    some_pinholes_have_a_tag_and_a_queue_of_their_own),
		cmocka_unit_test(hooks_are_lines_to_copy),
		cmocka_unit_test(a_commit_prints_the_whole_ruleset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
