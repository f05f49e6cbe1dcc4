/* SPDX-License-Identifier: ISC */
/* What -n says of the rules that make signalling wait. */
#include <sys/socket.h>

#include <string.h>

#include "pf/sys.h"
#include "tests/unit/unit.h"

static struct {
	size_t n, bad;
	enum ph_err rc;
} found;

static enum ph_err
fake_diverted(struct p_dev *d, const char *anchor, uint16_t port, size_t *n,
    size_t *bad)
{
	(void)d;
	assert_string_equal(anchor, "pinholed");
	assert_int_equal(port, 5070);
	*n = found.n;
	*bad = found.bad;
	return found.rc;
}

static const char *
said(enum p_dialect dialect, const struct fw_config *c)
{
	const struct p_sys sys = { .dialect = dialect,
		.diverted = fake_diverted };
	static char text[4096];
	struct strbuf b = strbuf_of(text, sizeof(text));

	p_divert_check(&sys, NULL, c, &b);
	assert_false(b.full);
	return text;
}

static void
the_rules_are_printed_when_there_are_none(void **state)
{
	static const uint16_t ports[] = { 5060, 5080 };
	struct prefix hosts[2];
	struct fw_config c = { .name = "pinholed",
		.hold = { .on = true,
		    .queue = 5070,
		    .hosts = hosts,
		    .nhosts = 2,
		    .udp = ports,
		    .nudp = 2 } };

	(void)state;
	assert_true(prefix_parse(span_of("192.0.2.0/24"), &hosts[0]) == PH_OK);
	assert_true(prefix_parse(span_of("2001:db8::/64"), &hosts[1]) == PH_OK);
	memset(&found, 0, sizeof(found));
	assert_string_equal(said(P_OPENBSD, &c),
	    "no rule of pf makes signalling wait; add \"divert-packet port "
	    "5070\" to the rules that pass signalling at the interface of the "
	    "protected hosts, as in:\n"
	    "pass quick on $inside proto udp from { 192.0.2.0/24 "
	    "2001:db8::/64 } port { 5060 5080 } to any "
	    "divert-packet port 5070\n"
	    "pass quick on $inside proto udp from any port { 5060 5080 } to "
	    "{ 192.0.2.0/24 2001:db8::/64 } divert-packet port 5070\n"
	    "pass quick on $inside proto udp from { 192.0.2.0/24 "
	    "2001:db8::/64 } to any port { 5060 5080 } "
	    "divert-packet port 5070\n"
	    "pass quick on $inside proto udp from any to { 192.0.2.0/24 "
	    "2001:db8::/64 } port { 5060 5080 } divert-packet port 5070\n");
	c.hold.nudp = 0;
	c.hold.tcp = ports;
	c.hold.ntcp = 1;
	assert_string_equal(said(P_FREEBSD, &c),
	    "no rule of pf makes signalling wait; add \"no state divert-to "
	    "127.0.0.1 port 5070\" to the rules that pass signalling in, and "
	    "\"no state\" to those that pass it out, as in:\n"
	    "set skip on lo0\n"
	    "pass in quick inet proto tcp from { 192.0.2.0/24 } port { 5060 } "
	    "to any no state divert-to 127.0.0.1 port 5070\n"
	    "pass in quick inet proto tcp from any port { 5060 } to "
	    "{ 192.0.2.0/24 } no state divert-to 127.0.0.1 port 5070\n"
	    "pass in quick inet proto tcp from { 192.0.2.0/24 } to any "
	    "port { 5060 } no state divert-to 127.0.0.1 port 5070\n"
	    "pass in quick inet proto tcp from any to { 192.0.2.0/24 } "
	    "port { 5060 } no state divert-to 127.0.0.1 port 5070\n"
	    "pass out quick inet proto tcp from { 192.0.2.0/24 } "
	    "port { 5060 } to any no state\n"
	    "pass out quick inet proto tcp from any port { 5060 } to "
	    "{ 192.0.2.0/24 } no state\n"
	    "pass out quick inet proto tcp from { 192.0.2.0/24 } to any "
	    "port { 5060 } no state\n"
	    "pass out quick inet proto tcp from any to { 192.0.2.0/24 } "
	    "port { 5060 } no state\n");
}

static void
bad_rules_are_told(void **state)
{
	struct fw_config c = { .name = "pinholed",
		.hold = { .on = true, .queue = 5070 } };

	(void)state;
	memset(&found, 0, sizeof(found));
	found.n = 2;
	assert_string_equal(said(P_FREEBSD, &c), "");
	found.bad = 1;
	assert_string_equal(said(P_FREEBSD, &c),
	    "rules of pf divert to port 5070 that do not say \"in\" and \"no "
	    "state\": what they divert on its way out is lost\n");
	/* A kernel that does not show its rules. */
	found.rc = PH_EUNSUPPORTED;
	assert_string_equal(said(P_FREEBSD, &c), "");
	found.rc = PH_OK;
	c.hold.on = false;
	assert_string_equal(said(P_FREEBSD, &c), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rules_are_printed_when_there_are_none),
		cmocka_unit_test(bad_rules_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
