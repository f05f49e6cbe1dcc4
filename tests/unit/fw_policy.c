/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/conf/conf.h"
#include "src/engine/helpers.h"
#include "src/fw/config.h"
#include "src/fw/policy.h"
#include "tests/unit/unit.h"

#define SECOND INT64_C(1000000)

/* The firewall is .1 on both sides. */
static const char sip_conf[] =
    "protect { 192.0.2.0/24 2001:db8:2::/64 }\n"
    "sip { server 192.0.2.10\n"
    "media { 192.0.2.10 192.0.2.20 2001:db8:2::10 } port 10000:20000 }\n";
static const char plain_conf[] = "protect { 192.0.2.0/24 }\n";
static const char any_conf[] = "protect { 192.0.2.0/24 }\nsip { remote any }\n";
static const char list_conf[] =
    "protect { 192.0.2.0/24 }\nsip { remote { 198.51.100.0/24 } }\n";
static const char local_conf[] = "protect { 192.0.2.0/24 198.51.100.1 }\n";
static const char ftp_conf[] = "protect { 192.0.2.0/24 }\nftp { port 21 }\n";
static const char tftp_conf[] = "protect { 192.0.2.0/24 }\ntftp { port 69 }\n";
static const char ftp_proxy_conf[] = "protect { 192.0.2.0/24 }\n"
				     "ftp { proxy on 192.0.2.1 port 8021 }\n";
static const char ftp_20_conf[] =
    "protect { 192.0.2.0/24 }\n"
    "ftp { proxy on 192.0.2.1 port 8021 source-port 20 }\n";
static const char ftp_reverse_conf[] =
    "protect { 192.0.2.0/24 }\n"
    "ftp { proxy on 198.51.100.1 port 21 reverse to 192.0.2.10 }\n";
static const char ftp_two_conf[] =
    "protect { 192.0.2.0/24 }\n"
    "ftp { proxy on 198.51.100.1 port 21 reverse to 192.0.2.10\n"
    "proxy on 198.51.100.1 port 2121 reverse to 192.0.2.11 }\n";
static const char both_conf[] =
    "protect { 192.0.2.0/24 }\n"
    "sip { port { 5060 5080 } }\nftp { port 21\n"
    "proxy on 192.0.2.1 port 8021 }\ntftp { port 69 }\n";
static const char tftp_proxy_conf[] = "protect { 192.0.2.0/24 }\n"
				      "tftp { proxy on 192.0.2.1 port 6969 }\n";
static const char alias_conf[] =
    "protect { 192.0.2.0/24 }\n"
    "sip { external 203.0.113.20 for 192.0.2.20\n"
    "external 203.0.113.10 for 192.0.2.10\nredirect yes }\n";
static const char alias_only_conf[] =
    "protect { 192.0.2.0/24 }\n"
    "sip { external 203.0.113.10 for 192.0.2.10 }\n";
static const char all_conf[] = "protect { 0.0.0.0/1 128.0.0.0/1 }\n";

/*
 * Inward to `to` from `from`, or outward from `from` to `to`; UDP unless it
 * begins with t.
 */
/* clang-format off */
static const struct {
	const char	*what;
	const char	*conf;
	const char	*dir;		/* in, out, tin, tout */
	const char	*from, *to;
	uint16_t	 lo, hi;
	enum ph_err	 rc;
} rows[] = {
	{ "media to a listed host", sip_conf, "in",
	  "198.51.100.7", "192.0.2.10", 10000, 10001, PH_OK },
	{ "media over IPv6", sip_conf, "in",
	  "2001:db8:1::7", "2001:db8:2::10", 10000, 10001, PH_OK },
	{ "the last port of the range", sip_conf, "in",
	  "198.51.100.7", "192.0.2.20", 20000, 20000, PH_OK },
	{ "below the range", sip_conf, "in",
	  "198.51.100.7", "192.0.2.10", 9999, 10000, PH_EDENIED },
	{ "above the range", sip_conf, "in",
	  "198.51.100.7", "192.0.2.10", 20000, 20001, PH_EDENIED },
	{ "a protected host that is not in media", sip_conf, "in",
	  "198.51.100.7", "192.0.2.77", 10000, 10001, PH_EDENIED },
	{ "a host that is not protected", sip_conf, "in",
	  "198.51.100.7", "203.0.113.1", 10000, 10001, PH_EDENIED },
	{ "ssh", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 22, 22, PH_EDENIED },
	{ "across port 1024", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 1023, 1024, PH_EDENIED },
	{ "the first port", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 1024, 1024, PH_OK },
	{ "the last port", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 65535, 65535, PH_OK },
	{ "32 ports", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 2000, 2031, PH_OK },
	{ "33 ports", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 2000, 2032, PH_EDENIED },
	{ "all ports", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 1024, 65535, PH_EDENIED },
	{ "ports backwards", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 2001, 2000, PH_EBAD },
	{ "port 0", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 0, 2000, PH_EBAD },
	{ "the port of the signalling", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 5060, 5061, PH_EDENIED },
	{ "a range around it", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", 5050, 5070, PH_EDENIED },
	{ "another one of the signalling", both_conf, "in",
	  "198.51.100.7", "192.0.2.10", 5079, 5080, PH_EDENIED },
	{ "outward to the port of the signalling", plain_conf, "out",
	  "192.0.2.10", "198.51.100.7", 5060, 5060, PH_EDENIED },
	{ "FTP data to the port of the signalling", both_conf, "tin",
	  "198.51.100.7", "192.0.2.10", 5080, 5080, PH_EDENIED },
	{ "FTP data beside it", both_conf, "tin",
	  "198.51.100.7", "192.0.2.10", 5081, 5081, PH_OK },
	{ "two families", plain_conf, "in",
	  "2001:db8:1::7", "192.0.2.10", 2000, 2001, PH_EBAD },
	{ "from anywhere", plain_conf, "in",
	  "any", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from anywhere, as configured", any_conf, "in",
	  "any", "192.0.2.10", 2000, 2001, PH_OK },
	{ "from a private address", plain_conf, "in",
	  "10.1.2.3", "192.0.2.10", 2000, 2001, PH_OK },
	{ "from two hosts", plain_conf, "in",
	  "198.51.100.6/31", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from loopback, where anybody may come", any_conf, "in",
	  "127.0.0.1", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from a host, where anybody may come", any_conf, "in",
	  "198.51.100.7", "192.0.2.10", 2000, 2001, PH_OK },
	{ "from a network, where anybody may come", any_conf, "in",
	  "198.51.100.0/24", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "to multicast, everything being protected", all_conf, "in",
	  "198.51.100.7", "224.0.0.1", 2000, 2001, PH_EDENIED },
	{ "to loopback, everything being protected", all_conf, "in",
	  "198.51.100.7", "127.0.0.1", 2000, 2001, PH_EDENIED },
	{ "from a network", plain_conf, "in",
	  "198.51.100.0/24", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from the network that is listed", list_conf, "in",
	  "198.51.100.0/24", "192.0.2.10", 2000, 2001, PH_OK },
	{ "from part of the network", list_conf, "in",
	  "198.51.100.0/25", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from a host outside the list", list_conf, "in",
	  "203.0.113.7", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from loopback", plain_conf, "in",
	  "127.0.0.1", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from multicast", plain_conf, "in",
	  "224.0.0.1", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from the firewall", plain_conf, "in",
	  "198.51.100.1", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "from the firewall, which is protected", local_conf, "in",
	  "198.51.100.1", "192.0.2.10", 2000, 2001, PH_OK },
	{ "to the firewall", plain_conf, "in",
	  "198.51.100.7", "198.51.100.1", 2000, 2001, PH_EDENIED },
	{ "to the firewall, which is protected", local_conf, "in",
	  "198.51.100.7", "198.51.100.1", 2000, 2001, PH_OK },
	{ "between two protected hosts", plain_conf, "in",
	  "192.0.2.30", "192.0.2.10", 2000, 2001, PH_OK },
	{ "media over TCP", plain_conf, "tin",
	  "198.51.100.7", "192.0.2.10", 2000, 2000, PH_OK },

	{ "outward", sip_conf, "out",
	  "192.0.2.10", "198.51.100.7", 4000, 4001, PH_OK },
	{ "outward from a protected host that is not in media", sip_conf, "out",
	  "192.0.2.77", "198.51.100.7", 4000, 4001, PH_EDENIED },
	{ "outward to another protected host", sip_conf, "out",
	  "192.0.2.10", "192.0.2.20", 10000, 10001, PH_OK },
	{ "outward to one that is not in media", sip_conf, "out",
	  "192.0.2.10", "192.0.2.77", 10000, 10001, PH_EDENIED },
	{ "outward to one, below the range", sip_conf, "out",
	  "192.0.2.10", "192.0.2.20", 5432, 5432, PH_EDENIED },
	{ "outward to where `remote` leads", list_conf, "out",
	  "192.0.2.10", "198.51.100.7", 4000, 4001, PH_OK },
	{ "outward to where it does not", list_conf, "out",
	  "192.0.2.10", "203.0.113.7", 4000, 4001, PH_EDENIED },
	{ "from an address that stands for a protected host", alias_conf, "in",
	  "203.0.113.10", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "outward to such an address", alias_conf, "out",
	  "192.0.2.11", "203.0.113.10", 2000, 2001, PH_EDENIED },
	{ "outward from a stranger", sip_conf, "out",
	  "203.0.113.1", "198.51.100.7", 4000, 4001, PH_EDENIED },
	{ "outward from a network", sip_conf, "out",
	  "192.0.2.0/24", "198.51.100.7", 4000, 4001, PH_EDENIED },
	{ "outward from a network that is all media", plain_conf, "out",
	  "192.0.2.0/24", "198.51.100.7", 4000, 4001, PH_EDENIED },
	{ "outward from anybody", sip_conf, "out",
	  "any", "198.51.100.7", 4000, 4001, PH_EDENIED },
	{ "outward to a privileged port", sip_conf, "out",
	  "192.0.2.10", "198.51.100.7", 53, 53, PH_EDENIED },
	{ "outward to the last privileged port", sip_conf, "out",
	  "192.0.2.10", "198.51.100.7", 1023, 1023, PH_EDENIED },
	{ "outward across port 1024", sip_conf, "out",
	  "192.0.2.10", "198.51.100.7", 1023, 1024, PH_EDENIED },
	{ "outward to the first port", sip_conf, "out",
	  "192.0.2.10", "198.51.100.7", 1024, 1024, PH_OK },
	{ "outward to the firewall", sip_conf, "out",
	  "192.0.2.10", "198.51.100.1", 4000, 4001, PH_EDENIED },
	{ "outward to the firewall, which is protected", local_conf, "out",
	  "192.0.2.10", "198.51.100.1", 4000, 4001, PH_OK },
	{ "outward to link-local", sip_conf, "out",
	  "192.0.2.10", "169.254.1.1", 4000, 4001, PH_EDENIED },

	{ "FTP data", ftp_conf, "tin",
	  "198.51.100.7", "192.0.2.10", 2000, 2000, PH_OK },
	{ "FTP data to port 5060, without SIP", ftp_conf, "tin",
	  "198.51.100.7", "192.0.2.10", 5060, 5060, PH_OK },
	{ "FTP data over UDP", ftp_conf, "in",
	  "198.51.100.7", "192.0.2.10", 2000, 2000, PH_EDENIED },
	{ "FTP data, several ports", ftp_conf, "tin",
	  "198.51.100.7", "192.0.2.10", 2000, 2001, PH_EDENIED },
	{ "FTP data from anywhere", ftp_conf, "tin",
	  "any", "192.0.2.10", 2000, 2000, PH_EDENIED },
	{ "FTP data to a stranger", ftp_conf, "tin",
	  "198.51.100.7", "203.0.113.1", 2000, 2000, PH_EDENIED },
	{ "FTP data, outward", ftp_conf, "tout",
	  "192.0.2.10", "198.51.100.7", 2000, 2000, PH_OK },
	{ "FTP data, outward to port 22", ftp_conf, "tout",
	  "192.0.2.10", "198.51.100.7", 22, 22, PH_EDENIED },
	{ "FTP data, outward to a protected host", ftp_conf, "tout",
	  "192.0.2.10", "192.0.2.77", 2000, 2000, PH_EDENIED },
	{ "FTP data, between strangers", ftp_conf, "tout",
	  "203.0.113.1", "198.51.100.7", 2000, 2000, PH_EDENIED },
	{ "a TFTP transfer, outward", tftp_conf, "out",
	  "192.0.2.10", "198.51.100.7", 2000, 2000, PH_OK },
	{ "a TFTP transfer", tftp_conf, "in",
	  "198.51.100.7", "192.0.2.10", 2000, 2000, PH_OK },
	{ "a TFTP transfer with a network", tftp_conf, "in",
	  "198.51.100.0/24", "192.0.2.10", 2000, 2000, PH_EDENIED },
	{ "a TFTP transfer over TCP", tftp_conf, "tin",
	  "198.51.100.7", "192.0.2.10", 2000, 2000, PH_EDENIED },
};
/* clang-format on */

static struct addr own[3];

static struct conf *
config(const char *text)
{
	struct conf *c;

	assert_int_equal(conf_parse(&c, span_of(text), "test", NULL, 0, stderr),
	    PH_OK);
	return c;
}

static struct fw_policy
policy(const struct conf *c)
{
	struct fw_policy p = { c, own, ROWS(own) };

	own[0] = addr_v4(192, 0, 2, 1);
	own[1] = addr_v4(127, 0, 0, 1);
	own[2] = addr_v4(198, 51, 100, 1);
	return p;
}

static struct prefix
prefix(const char *text)
{
	struct prefix p = { 0 };

	if (strcmp(text, "any") != 0)
		assert_int_equal(prefix_parse(span_of(text), &p), PH_OK);
	return p;
}

static struct pinhole
hole(const char *dir, const char *from, const char *to, uint16_t lo,
    uint16_t hi)
{
	struct pinhole h;

	memset(&h, 0, sizeof(h));
	h.id = 1;
	h.proto = dir[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	h.dir = strstr(dir, "in") != NULL ? PINHOLE_IN : PINHOLE_OUT;
	h.from = prefix(from);
	assert_int_equal(addr_parse(span_of(to), &h.to), PH_OK);
	h.to_lo = lo;
	h.to_hi = hi;
	return h;
}

static void
only_what_the_configuration_opens_is_opened(void **state)
{
	struct fw_policy p;
	struct pinhole h;
	struct conf *c;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		c = config(rows[i].conf);
		p = policy(c);
		/* ftp and tftp alone: a block of their own turns sip off. */
		h = hole(rows[i].dir, rows[i].from, rows[i].to, rows[i].lo,
		    rows[i].hi);
		h.once = h.proto == IPPROTO_TCP && c->ftp.on;
		assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why),
		    rows[i].rc);
		/* FTP data is one connection, and not whatever follows. */
		if (h.once && !c->sip.on) {
			h.once = 0;
			assert_int_not_equal(fw_policy_open(&p, IPC_ENGINE, &h,
						 &why),
			    PH_OK);
		}
		conf_free(c);
	}
}

/* Bytes that no honest engine would send. */
static void
what_is_no_pinhole_is_bad(void **state)
{
	struct conf *c = config(plain_conf);
	struct fw_policy p = policy(c);
	struct pinhole good =
			   hole("in", "198.51.100.7", "192.0.2.10", 2000, 2001),
		       h;
	const char *why;

	(void)state;
#define BAD(change)                                                            \
	do {                                                                   \
		h = good;                                                      \
		change;                                                        \
		print_message("%s\n", #change);                                \
		assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why),     \
		    PH_EBAD);                                                  \
	} while (0)
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &good, &why), PH_OK);
	BAD(h.id = 0);
	BAD(h.deadline = -1);
	BAD(h.proto = IPPROTO_ICMP);
	BAD(h.dir = 0);
	BAD(h.dir = 3);
	BAD(h.once = 2);
	BAD(h.to.af = AF_UNIX);
	BAD(h.to.af = AF_UNSPEC);
	BAD((h.from = prefix("any"), h.to.af = AF_UNIX));
	BAD(h.to.b[4] = 1);
	BAD(h.from.len = 33);
	BAD(h.from.len = 31);
	BAD(h.from.addr.af = 0);
	BAD(h.from.addr.b[15] = 1);
	BAD(h.rdr_from.port = 5000);
	BAD(h.rdr_from.addr.af = AF_INET6);
	BAD(h.nat_to.addr.b[0] = 1);
	BAD((h.rdr_from.addr = h.to, h.rdr_from.addr.b[4] = 1));
#undef BAD
	conf_free(c);
}

static void
translation_is_for_aliases(void **state)
{
	struct conf *c = config(alias_conf);
	struct fw_policy p = policy(c);
	struct pinhole h = hole("in", "198.51.100.7", "192.0.2.10", 2000, 2001);
	const char *why;

	(void)state;
	h.rdr_from.addr = addr_v4(203, 0, 113, 10);
	h.rdr_from.port = 2000;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_OK);
	h.rdr_from.port = 2002;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	h.rdr_from.port = 5060;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	h.rdr_from.port = 80;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	h.rdr_from.port = 2000;
	h.rdr_from.addr = addr_v4(203, 0, 113, 11);
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	memset(&h.rdr_from, 0, sizeof(h.rdr_from));
	h.nat_to.addr = addr_v4(198, 51, 100, 1);
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	conf_free(c);
}

/* external for one host, in one direction, and only if asked for. */
static void
an_alias_is_for_its_own_host(void **state)
{
	struct conf *c = config(alias_conf);
	struct fw_policy p = policy(c);
	struct pinhole h = hole("in", "198.51.100.7", "192.0.2.10", 1024, 1025);
	const char *why;

	(void)state;
	h.rdr_from.addr = addr_v4(203, 0, 113, 10);
	h.rdr_from.port = 1024;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_OK);
	h.to = addr_v4(192, 0, 2, 20);
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	h.rdr_from.addr = addr_v4(203, 0, 113, 20);
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_OK);
	h = hole("out", "192.0.2.10", "198.51.100.7", 2000, 2001);
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_OK);
	h.rdr_from.addr = addr_v4(203, 0, 113, 10);
	h.rdr_from.port = 2000;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	/* Not even to the host that has it. */
	h.to = addr_v4(192, 0, 2, 10);
	h.from = prefix("192.0.2.20");
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	conf_free(c);
	c = config(alias_only_conf);
	p.conf = c;
	h.dir = PINHOLE_IN;
	h.from = prefix("198.51.100.7");
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	conf_free(c);
}

/* A block that is off permits nothing, whatever else it says. */
static void
a_block_that_is_off_opens_nothing(void **state)
{
	struct conf *c = config(plain_conf);
	struct fw_policy p = policy(c);
	struct pinhole h = hole("in", "198.51.100.7", "192.0.2.10", 2000, 2000);
	const char *why;

	(void)state;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_OK);
	c->sip.on = false;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	c->sip.on = true;
	c->protect.n = 0; /* media names it still */
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	conf_free(c);
	c = config(tftp_conf);
	p.conf = c;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_OK);
	c->tftp.on = false;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	conf_free(c);
	c = config(ftp_conf);
	p.conf = c;
	h.proto = IPPROTO_TCP;
	h.once = 1;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_OK);
	c->ftp.on = false;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	conf_free(c);
}

/* Pinholes that a proxy may ask for; the firewall is .1 on both sides. */
/* clang-format off */
static const struct {
	const char	*what;
	const char	*conf;
	const char	*dir, *from, *to;
	const char	*rdr, *nat;	/* NULL: none */
	uint16_t	 nat_port;
	enum ph_err	 rc;
} proxied[] = {
	{ "TFTP data to a phone", tftp_proxy_conf, "in",
	  "198.51.100.7", "192.0.2.10", "198.51.100.1", NULL, 0, PH_OK },
	{ "TFTP data by the way of a stranger", tftp_proxy_conf, "in",
	  "198.51.100.7", "192.0.2.10", "198.51.100.9", NULL, 0, PH_EDENIED },
	{ "TFTP data to a stranger", tftp_proxy_conf, "in",
	  "198.51.100.7", "203.0.113.1", "198.51.100.1", NULL, 0, PH_EDENIED },
	{ "TFTP without a proxy", tftp_conf, "in",
	  "198.51.100.7", "192.0.2.10", "198.51.100.1", NULL, 0, PH_EDENIED },
	{ "TFTP from the firewall", tftp_proxy_conf, "in",
	  "198.51.100.1", "192.0.2.10", "198.51.100.1", NULL, 0, PH_EDENIED },
	{ "SIP media", plain_conf, "in",
	  "198.51.100.7", "192.0.2.10", "198.51.100.1", NULL, 0, PH_EDENIED },
	{ "SIP media outward", sip_conf, "out",
	  "192.0.2.10", "198.51.100.7", NULL, NULL, 0, PH_EDENIED },

	{ "FTP passive, forward", ftp_proxy_conf, "tout", "192.0.2.10",
	  "198.51.100.7", "198.51.100.7", "198.51.100.1", 0, PH_OK },
	{ "FTP passive, to another server", ftp_proxy_conf, "tout", "192.0.2.10",
	  "198.51.100.7", "198.51.100.8", "198.51.100.1", 0, PH_EDENIED },
	{ "FTP passive, as another client", ftp_proxy_conf, "tout", "192.0.2.10",
	  "198.51.100.7", "198.51.100.7", "192.0.2.11", 0, PH_EDENIED },
	{ "FTP passive, from a stranger", ftp_proxy_conf, "tout", "203.0.113.1",
	  "198.51.100.7", "198.51.100.7", "198.51.100.1", 0, PH_EDENIED },
	{ "FTP passive without a proxy", ftp_conf, "tout", "192.0.2.10",
	  "198.51.100.7", "198.51.100.7", "198.51.100.1", 0, PH_EDENIED },
	{ "FTP passive over UDP", ftp_proxy_conf, "out", "192.0.2.10",
	  "198.51.100.7", "198.51.100.7", "198.51.100.1", 0, PH_EDENIED },
	{ "FTP active, forward", ftp_20_conf, "tin", "198.51.100.7",
	  "192.0.2.10", "198.51.100.1", "198.51.100.7", 20, PH_OK },
	{ "FTP active, from port 20 unasked", ftp_proxy_conf, "tin",
	  "198.51.100.7", "192.0.2.10", "198.51.100.1", "198.51.100.7", 20,
	  PH_EDENIED },
	{ "FTP active, from a port of choice", ftp_20_conf, "tin",
	  "198.51.100.7", "192.0.2.10", "198.51.100.1", "198.51.100.7", 2049,
	  PH_EDENIED },
	{ "FTP past the proxy", ftp_proxy_conf, "tin", "198.51.100.7",
	  "192.0.2.10", NULL, NULL, 0, PH_EDENIED },
	{ "FTP without our source", ftp_proxy_conf, "tin", "198.51.100.7",
	  "192.0.2.10", "198.51.100.1", NULL, 0, PH_EDENIED },
	{ "FTP to a client of nobody", ftp_reverse_conf, "tin", "198.51.100.7",
	  "192.0.2.11", "198.51.100.1", "192.0.2.1", 0, PH_EDENIED },
	{ "TFTP past the proxy", tftp_proxy_conf, "in",
	  "198.51.100.7", "192.0.2.10", NULL, NULL, 0, PH_EDENIED },
	{ "TFTP outward", tftp_proxy_conf, "out", "192.0.2.10",
	  "198.51.100.7", "198.51.100.7", NULL, 0, PH_EDENIED },
	{ "FTP active, from port 22", ftp_proxy_conf, "tin", "198.51.100.7",
	  "192.0.2.10", "198.51.100.1", "198.51.100.7", 22, PH_EDENIED },
	{ "FTP passive, reverse", ftp_reverse_conf, "tin", "198.51.100.7",
	  "192.0.2.10", "198.51.100.1", "192.0.2.1", 0, PH_OK },
	{ "FTP of the first of two", ftp_two_conf, "tin", "198.51.100.7",
	  "192.0.2.10", "198.51.100.1", "192.0.2.1", 0, PH_OK },
	{ "FTP of the second", ftp_two_conf, "tin", "198.51.100.7",
	  "192.0.2.11", "198.51.100.1", "192.0.2.1", 0, PH_OK },
	{ "FTP of neither", ftp_two_conf, "tin", "198.51.100.7",
	  "192.0.2.12", "198.51.100.1", "192.0.2.1", 0, PH_EDENIED },
	{ "FTP active, reverse", ftp_reverse_conf, "tout", "192.0.2.10",
	  "198.51.100.7", "192.0.2.1", "198.51.100.1", 0, PH_OK },
	{ "as loopback", ftp_proxy_conf, "tout", "192.0.2.10",
	  "198.51.100.7", "198.51.100.7", "127.0.0.1", 0, PH_EDENIED },
	{ "by loopback", ftp_proxy_conf, "tin", "198.51.100.7",
	  "192.0.2.10", "127.0.0.1", "198.51.100.7", 0, PH_EDENIED },
	{ "FTP passive, beside SIP", both_conf, "tout", "192.0.2.10",
	  "198.51.100.7", "198.51.100.7", "198.51.100.1", 0, PH_OK },
	{ "TFTP outward by the way of us", tftp_proxy_conf, "out", "192.0.2.10",
	  "198.51.100.7", "198.51.100.1", NULL, 0, PH_EDENIED },
	{ "TFTP data as ours", tftp_proxy_conf, "in", "198.51.100.7",
	  "192.0.2.10", "198.51.100.1", "192.0.2.1", 0, PH_EDENIED },
};
/* clang-format on */

static void
a_proxy_has_what_its_lines_need(void **state)
{
	struct fw_policy p;
	struct pinhole h;
	struct conf *c;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(proxied); i++) {
		print_message("%s\n", proxied[i].what);
		c = config(proxied[i].conf);
		p = policy(c);
		h = hole(proxied[i].dir, proxied[i].from, proxied[i].to, 2000,
		    2000);
		h.once = h.proto == IPPROTO_TCP;
		if (proxied[i].rdr != NULL) {
			h.rdr_from.addr = prefix(proxied[i].rdr).addr;
			h.rdr_from.port = 50001;
		}
		if (proxied[i].nat != NULL) {
			h.nat_to.addr = prefix(proxied[i].nat).addr;
			h.nat_to.port = proxied[i].nat_port;
		}
		assert_int_equal(fw_policy_open(&p, IPC_PROXY, &h, &why),
		    proxied[i].rc);
		/* FTP data is one connection, for a proxy, too. */
		if (h.once) {
			h.once = 0;
			assert_int_equal(fw_policy_open(&p, IPC_PROXY, &h,
					     &why),
			    PH_EDENIED);
			h.once = 1;
		}
		/*
		 * The engine, which reads the packets of strangers, may have
		 * none of these.
		 */
		if (proxied[i].conf != sip_conf)
			assert_int_not_equal(fw_policy_open(&p, IPC_ENGINE, &h,
						 &why),
			    PH_OK);
		conf_free(c);
	}
}

static void
a_proxy_has_ports_of_its_own(void **state)
{
	struct conf *c = config(both_conf);
	struct fw_policy p = policy(c);
	struct pinhole h =
	    hole("tout", "192.0.2.10", "198.51.100.7", 2000, 2000);
	const char *why;

	(void)state;
	h.once = 1;
	h.rdr_from.addr = h.to;
	h.nat_to.addr = h.from.addr;
	h.rdr_from.port = 49152;
	assert_int_equal(fw_policy_open(&p, IPC_PROXY, &h, &why), PH_OK);
	h.rdr_from.port = 49151;
	assert_int_equal(fw_policy_open(&p, IPC_PROXY, &h, &why), PH_EDENIED);
	h.rdr_from.port = 50001;
	assert_int_equal(fw_policy_open(&p, IPC_PROXY, &h, &why), PH_OK);
	c->sip.port.v[0] = 50001;
	assert_int_equal(fw_policy_open(&p, IPC_PROXY, &h, &why), PH_EDENIED);
	conf_free(c);
}

/* Only transfers may ask for a pinhole of one connection. */
static void
media_is_not_for_one_connection(void **state)
{
	struct conf *c = config(plain_conf);
	struct fw_policy p = policy(c);
	struct pinhole h = hole("in", "198.51.100.7", "192.0.2.10", 2000, 2001);
	const char *why;

	(void)state;
	h.once = 1;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	h = hole("out", "192.0.2.10", "198.51.100.7", 2000, 2001);
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_OK);
	h.once = 1;
	assert_int_equal(fw_policy_open(&p, IPC_ENGINE, &h, &why), PH_EDENIED);
	conf_free(c);
}

static void
tables_are_by_index_and_never_ours(void **state)
{
	static const char text[] =
	    "protect { 192.0.2.0/24 }\n"
	    "tables { listen on 127.0.0.1 port 56789\n"
	    "key \"/dev/null\"\nallow { spammer blocked }\n"
	    "never { 192.0.2.0/24 203.0.113.0/24 } }\n";
	struct conf *c = config(text);
	struct fw_policy p = policy(c);
	static struct ipc_table t;
	const char *why;
	size_t i;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.index = 1;
	t.op = FW_TABLE_ADD;
	t.n = 1;
	t.prefixes[0] = prefix("198.51.99.0/24");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_OK);
	assert_int_equal(fw_policy_table(&p, IPC_ENGINE, &t, &why), PH_EDENIED);
	t.index = 2;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EBAD);
	t.index = 0;
	t.op = 9;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EBAD);
	t.op = FW_TABLE_ADD;
	t.prefixes[0] = prefix("192.0.2.7");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EDENIED);
	t.prefixes[0] = prefix("192.0.0.0/16");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EDENIED);
	/* The firewall's own, protected or not. */
	t.prefixes[0] = prefix("198.51.100.1");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EDENIED);
	t.prefixes[0] = prefix("198.51.100.0/22");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EDENIED);
	/* Wider than what must never be there. */
	t.prefixes[0] = prefix("203.0.113.128/25");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EDENIED);
	t.prefixes[0] = prefix("203.0.112.0/23");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EDENIED);
	t.prefixes[0] = prefix("203.0.114.0/24");
	t.n = 2;
	t.prefixes[1] = prefix("203.0.113.7");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EDENIED);
	t.prefixes[1] = prefix("any");
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EBAD);
	t.prefixes[1].addr.af = AF_UNIX;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EBAD);
	t.n = 1;
	t.op = 0;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EBAD);
	t.op = FW_TABLE_FLUSH;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EBAD);
	t.n = 0;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_OK);
	t.n = 1;
	t.prefixes[0] = prefix("198.51.100.0/22");
	/* An entry that the policy forbids may still be deleted. */
	t.op = FW_TABLE_DELETE;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_OK);
	t.prefixes[0].addr.b[3] = 1;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EBAD);
	/* Each of our own, whatever else must never be there. */
	t.op = FW_TABLE_ADD;
	c->tables.never.n = 0;
	for (i = 0; i < ROWS(own); i++) {
		t.prefixes[0] = prefix_host(&own[i]);
		assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why),
		    PH_EDENIED);
	}
	c->tables.never.n = 2;
	conf_free(c);
	c = config(plain_conf);
	p.conf = c;
	assert_int_equal(fw_policy_table(&p, IPC_PROXY, &t, &why), PH_EDENIED);
	conf_free(c);
}

static void
bounds_follow_the_configuration(void **state)
{
	struct conf *c =
	    config("protect { 192.0.2.0/24 }\n"
		   "sip { limit calls 1000\n timeout max 7200 }\n");
	struct fw_policy p = policy(c);
	struct pinhole h;

	(void)state;
	assert_int_equal(fw_policy_max(&p), 16000);
	h = hole("in", "198.51.100.7", "192.0.2.10", 2000, 2001);
	assert_int_equal(fw_policy_lease(&p, IPC_ENGINE, &h), 7200 * SECOND);
	assert_int_equal(fw_policy_silence(&p), 300 * INT64_C(1000000));
	conf_free(c);
	c = config("protect { 192.0.2.0/24 }\n"
		   "tftp { port 69\ntimeout 60\n"
		   "proxy on 192.0.2.1 port 6969 timeout 5\n"
		   "proxy on 192.0.2.1 port 6970 timeout 3 }\n");
	p.conf = c;
	assert_int_equal(fw_policy_silence(&p), 3 * INT64_C(1000000));
	/* For no longer than whoever asks for it may want it. */
	assert_int_equal(fw_policy_lease(&p, IPC_ENGINE, &h), 60 * SECOND);
	assert_int_equal(fw_policy_lease(&p, IPC_PROXY, &h), 5 * SECOND);
	h.proto = IPPROTO_TCP;
	h.once = 1;
	assert_int_equal(fw_policy_lease(&p, IPC_ENGINE, &h), 2 * SECOND);
	assert_int_equal(fw_policy_lease(&p, IPC_PROXY, &h), 60 * SECOND);
	assert_int_equal(fw_policy_max(&p), CONF_TFTP_MAX + 2000);
	conf_free(c);
	/* Never fewer than 4096, nor more than a million. */
	c = config("protect { 192.0.2.0/24 }\nsip { limit calls 10 }\n");
	p.conf = c;
	assert_int_equal(fw_policy_max(&p), 4096);
	conf_free(c);
	c = config("protect { 192.0.2.0/24 }\nsip { limit calls 70000 }\n");
	p.conf = c;
	assert_int_equal(fw_policy_max(&p), 1 << 20);
	conf_free(c);
	c = config("protect { 192.0.2.0/24 }\ntftp { port 69\ntimeout 60 }\n");
	p.conf = c;
	assert_int_equal(fw_policy_silence(&p), 60 * INT64_C(1000000));
	/* Without a port the helper's own timeout is for nobody. */
	c->tftp.port.n = 0;
	assert_int_equal(fw_policy_silence(&p), 300 * INT64_C(1000000));
	conf_free(c);
	c = config("protect { 192.0.2.0/24 }\n"
		   "ftp { proxy on 192.0.2.1 port 8021 timeout 7200 }\n");
	p.conf = c;
	c->ftp.proxy[0].max_sessions = 5000;
	assert_int_equal(fw_policy_max(&p), 5000);
	conf_free(c);
}

static void
each_proxy_has_its_own_class(void **state)
{
	struct conf *c =
	    config("protect { 192.0.2.0/24 }\n"
		   "ftp { proxy on 192.0.2.1 port 8021\n"
		   "proxy on 192.0.2.1 port 8022 tag FTP }\n"
		   "tftp { proxy on 192.0.2.1 port 6969 queue q }\n");
	struct fw_config fc;

	(void)state;
	assert_int_equal(fwconfig_class(c, &c->ftp.proxy[0]), 0);
	assert_int_equal(fwconfig_class(c, &c->ftp.proxy[1]), 2);
	assert_int_equal(fwconfig_class(c, &c->tftp.proxy[0]), 3);
	assert_int_equal(fwconfig_of(c, &fc), PH_OK);
	assert_int_equal(fc.nclasses, 3);
	assert_null(fc.classes[0].tag);
	assert_string_equal(fc.classes[1].tag, "FTP");
	assert_string_equal(fc.classes[2].queue, "q");
	fwconfig_free(&fc);
	conf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_configuration_opens_is_opened),
		cmocka_unit_test(what_is_no_pinhole_is_bad),
		cmocka_unit_test(translation_is_for_aliases),
		cmocka_unit_test(an_alias_is_for_its_own_host),
		cmocka_unit_test(a_block_that_is_off_opens_nothing),
		cmocka_unit_test(a_proxy_has_what_its_lines_need),
		cmocka_unit_test(a_proxy_has_ports_of_its_own),
		cmocka_unit_test(media_is_not_for_one_connection),
		cmocka_unit_test(tables_are_by_index_and_never_ours),
		cmocka_unit_test(bounds_follow_the_configuration),
		cmocka_unit_test(each_proxy_has_its_own_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
