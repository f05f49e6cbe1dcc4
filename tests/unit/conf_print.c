/* SPDX-License-Identifier: ISC */
/* A configuration as it is printed, word for word, and in one line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "tests/unit/conf_unit.h"

/* clang-format off */
static const struct {
	const char *read, *printed;
} rows[] = { {
	"interface { em1 \"em2\" }\n"
	"protect { 192.0.2.0/24 2001:db8::/32 }\n"
	"sip { port { 5060 5080 } server 192.0.2.10 media { 192.0.2.10 192.0.2.20 } port 10000:20000\n"
	" remote signalling symmetric { 203.0.113.0/24 } early media no redirect yes hold close latch yes inline yes\n"
	" external 203.0.113.10 for 192.0.2.10\n"
	" external 2001:db8:1::10 for 2001:db8::10\n"
	" limit calls 500 per source 20 rate 30 streams 8 timeout setup 60 idle 120 max 3600 }\n"
	"ftp { port { 21 2121 } loose timeout 5\n"
	" proxy on 127.0.0.1 port 8021\n"
	" proxy on 203.0.113.1 port 21 reverse to 192.0.2.30 port 2100 source 192.0.2.1 source-port 20 anonymous only max sessions 7 timeout 60 tag FTP queue \"bulk\" }\n"
	"tftp { port { 69 1069 } timeout 9 allow write file { \"SEP*.xml\" 'a\\\\b\"' } file firmware\n"
	" proxy on ::1 port 6969 max sessions 50 timeout 3 queue q }\n"
	"tables { listen on 192.0.2.1 port 5678 key \"/etc/a.key\" key 'b' /etc/b.key allow { spammer inet/filter/b } force \"log\" timeout 3600 max 10 never { 192.0.2.0/24 ::1 } }\n"
	"hep { listen on 192.0.2.1 port 9061 from { 192.0.2.10 ::1 } key \"/etc/a.hep\" }\n"
	"inline { queue 5061 hold 30 fail closed }\n"
	"status { listen on ::1 port 9509 }\n"
	"share redis \"192.0.2.2:6380\" group \"fw\" name box1 password \"/etc/a.redis\" key \"/etc/a.group\" tls { ca \"/etc/a.ca\" certificate \"/etc/a.crt\" key \"/etc/a.key\" name redis.example }\n"
	"user _sip\n"
	"control \"/tmp/c\"\n"
	"state /tmp/s\n"
	"buffer 512k\n"
	"priority high\n"
	"cpu-latency 40\n"
	"firewall nftables table \"t\" mark 0x20000 hook { \"inet firewalld filter_FORWARD\" \"ip filter FORWARD\" }\n",
	"protect { 192.0.2.0/24 2001:db8::/32 }\n"
	"interface { \"em1\" \"em2\" }\n"
	"sip {\n"
	"\tport { 5060 5080 }\n"
	"\tserver { 192.0.2.10 }\n"
	"\tmedia { 192.0.2.10 192.0.2.20 } port 10000:20000\n"
	"\tremote signalling\n"
	"\tsymmetric { 203.0.113.0/24 }\n"
	"\tearly media no\n"
	"\thold close\n"
	"\tredirect yes\n"
	"\tlatch yes\n"
	"\tinline yes\n"
	"\tlimit calls 500 per source 20 rate 30 streams 8\n"
	"\ttimeout setup 60 idle 120 max 3600\n"
	"\texternal 203.0.113.10 for 192.0.2.10\n"
	"\texternal 2001:db8:1::10 for 2001:db8::10\n"
	"}\n"
	"ftp {\n"
	"\tport { 21 2121 }\n"
	"\tloose yes\n"
	"\ttimeout 5\n"
	"\tproxy on 127.0.0.1 port 8021 max sessions 100 timeout 86400\n"
	"\tproxy on 203.0.113.1 port 21 reverse to 192.0.2.30 port 2100 source 192.0.2.1 source-port 20 anonymous only max sessions 7 timeout 60 tag \"FTP\" queue \"bulk\"\n"
	"}\n"
	"tftp {\n"
	"\tport { 69 1069 }\n"
	"\ttimeout 9\n"
	"\tallow { write }\n"
	"\tfile { \"SEP*.xml\" \"a\\\\b\\\"\" \"firmware\" }\n"
	"\tproxy on ::1 port 6969 max sessions 50 timeout 3 queue \"q\"\n"
	"}\n"
	"tables {\n"
	"\tlisten on 192.0.2.1 port 5678\n"
	"\tkey  \"/etc/a.key\"\n"
	"\tkey \"b\" \"/etc/b.key\"\n"
	"\tallow { \"spammer\" \"inet/filter/b\" \"log\" }\n"
	"\tforce \"log\"\n"
	"\ttimeout 3600\n"
	"\tmax 10\n"
	"\tnever { 192.0.2.0/24 ::1 }\n"
	"}\n"
	"hep {\n"
	"\tlisten on 192.0.2.1 port 9061\n"
	"\tfrom { 192.0.2.10 ::1 }\n"
	"\tkey \"/etc/a.hep\"\n"
	"}\n"
	"inline { queue 5061 hold 30 fail closed }\n"
	"status { listen on ::1 port 9509 }\n"
	"share redis \"192.0.2.2:6380\" group \"fw\" name \"box1\" password \"/etc/a.redis\" key \"/etc/a.group\" tls { ca \"/etc/a.ca\" certificate \"/etc/a.crt\" key \"/etc/a.key\" name \"redis.example\" }\n"
	"user \"_sip\"\n"
	"control \"/tmp/c\"\n"
	"state \"/tmp/s\"\n"
	"buffer 524288\n"
	"priority high\n"
	"cpu-latency 40\n"
	"firewall nftables table \"t\" mark 0x20000 hook { \"inet firewalld filter_FORWARD\" \"ip filter FORWARD\" }\n"
}, {
	"protect 192.0.2.0/24\n"
	"sip { remote { 198.51.100.0/24 203.0.113.7 } }\n"
	"tftp { allow read }\n"
	"tables { listen on ::1 allow a }\n"
	"hep { listen on ::1 from ::1 }\n"
	"status { listen on 127.0.0.1 }\n"
	"share redis \"/run/redis.sock\" group g\n"
	"control no\n"
	"state /var/s\n"
	"priority realtime\n"
	"firewall pf states anchor \"a/b\" kill no if-bound log tag t queue \"q\" dialect openbsd reply-to (em0 203.0.113.254) reply-to (em3 2001:db8::1)\n",
	"protect { 192.0.2.0/24 }\n"
	"sip {\n"
	"\tport { 5060 }\n"
	"\tmedia { 192.0.2.0/24 } port 1024:65535\n"
	"\tremote { 198.51.100.0/24 203.0.113.7 }\n"
	"\tearly media yes\n"
	"\thold keep\n"
	"\tredirect no\n"
	"\tlatch no\n"
	"\tinline no\n"
	"\tlimit calls 50000 per source 200 rate 0 streams 16\n"
	"\ttimeout setup 180 idle 300 max 43200\n"
	"}\n"
	"tftp {\n"
	"\tport { 69 }\n"
	"\ttimeout 30\n"
	"\tallow { read }\n"
	"}\n"
	"tables {\n"
	"\tlisten on ::1 port 56789\n"
	"\tallow { \"a\" }\n"
	"\ttimeout 0\n"
	"\tmax 100000\n"
	"\tnever { 192.0.2.0/24 }\n"
	"}\n"
	"hep {\n"
	"\tlisten on ::1 port 9060\n"
	"\tfrom { ::1 }\n"
	"}\n"
	"status { listen on 127.0.0.1 port 9508 }\n"
	"share redis \"/run/redis.sock\" group \"g\"\n"
	"# user \"_pinholed\"\n"
	"control no\n"
	"state \"/var/s\"\n"
	"buffer 33554432\n"
	"priority realtime\n"
	"cpu-latency any\n"
	"firewall pf states anchor \"a/b\" kill no if-bound log tag \"t\" queue \"q\" dialect openbsd reply-to (em0 203.0.113.254) reply-to (em3 2001:db8::1)\n"
} };
/* clang-format on */

static char *
print(const struct conf *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	conf_print(c, f);
	fclose(f);
	return text;
}

static void
each_field_is_printed(void **state)
{
	struct conf *c;
	char *text, *again;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		c = good(rows[i].read);
		text = print(c);
		assert_string_equal(text, rows[i].printed);
		conf_free(c);
		/* It is read as the same. */
		c = good(text);
		again = print(c);
		assert_string_equal(again, text);
		conf_free(c);
		free(again);
		free(text);
	}
}

/* The last line, of any firewall. */
static void
a_firewall_has_its_options(void **state)
{
	/* clang-format off */
	static const struct {
		const char *read, *printed;
	} lines[] = {
		{ "firewall nftables", "table \"pinholed\" mark 0x10000" },
		{ "firewall nftables hook \"ip a b\"", "table \"pinholed\" mark 0x10000 hook { \"ip a b\" }" },
		{ "firewall pf", "rules anchor \"pinholed\" kill yes dialect freebsd" },
		{ "firewall pf rules log", "rules anchor \"pinholed\" kill yes log dialect freebsd" },
		{ "firewall pf if-bound", "rules anchor \"pinholed\" kill yes if-bound dialect freebsd" },
		{ "firewall pf-text dialect openbsd", "rules anchor \"pinholed\" kill yes dialect openbsd" },
		{ "firewall dry-run", "" },
		{ "firewall dry-run\nreply-to (em0 192.0.2.1)", "reply-to (em0 192.0.2.1)" },
	};
	/* clang-format on */
	char text[256], want[256], *printed;
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(lines); i++) {
		snprintf(text, sizeof(text), P "%s\n", lines[i].read);
		c = good(text);
		snprintf(want, sizeof(want), "\nfirewall %s%s%s\n", c->firewall,
		    lines[i].printed[0] != '\0' ? " " : "", lines[i].printed);
		printed = print(c);
		assert_string_equal(printed + strlen(printed) - strlen(want),
		    want);
		free(printed);
		conf_free(c);
	}
}

static void
what_is_followed_is_told_in_a_line(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *following, *answering;
	} summaries[] = {
		{ P "control /c\n", "sip (port 5060)", "pinholectl at /c" },
		{ P "control no\n", "sip (port 5060)", "" },
		{ P "control no\nsip { port { 5060 5080 } }\nstatus { listen on ::1 }\n",
		  "sip (port 5060 5080)", "http://[::1]:9508/" },
		{ P "control /c\nstatus { listen on 192.0.2.1 port 80 }\nftp { }\n",
		  "ftp (port 21)", "pinholectl at /c, http://192.0.2.1:80/" },
		{ P "control no\nftp { proxy on ::1 port 21 }\ntftp { port 69 proxy on ::1 port 69 }\n",
		  "ftp (proxy), tftp (port 69, proxy)", "" },
		{ P "control no\nsip { }\nhep { listen on ::1 from ::1 }\ntables { listen on ::1 allow a }\n",
		  "sip (port 5060), hep, tables", "" },
	};
	/* clang-format on */
	char text[256];
	struct strbuf b;
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(summaries); i++) {
		c = good(summaries[i].text);
		b = strbuf_of(text, sizeof(text));
		text[0] = '\0';
		conf_following(c, &b);
		assert_string_equal(text, summaries[i].following);
		strbuf_reset(&b);
		text[0] = '\0';
		conf_answering(c, &b);
		assert_string_equal(text, summaries[i].answering);
		conf_free(c);
	}
}

/* Whose records are believed without a key? */
static void
a_share_without_a_key_is_on_this_host(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		bool keyless;
	} shares[] = {
		{ "", false },
		{ "share redis \"127.0.0.1\" group g", false },
		{ "share redis \"127.255.255.255\" group g", false },
		{ "share redis \"126.255.255.255\" group g", true },
		{ "share redis \"128.0.0.0\" group g", true },
		{ "share redis \"[::1]\" group g", false },
		{ "share redis \"[::2]\" group g", true },
		{ "share redis \"[::1:1]\" group g", true },
		{ "share redis \"[7f00::1]\" group g", true },
		{ "share redis \"/run/s\" group g", false },
		{ "share redis \"192.0.2.9\" group g", true },
		{ "share redis \"192.0.2.9\" group g key /k", false },
	};
	/* clang-format on */
	char text[256];
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(shares); i++) {
		snprintf(text, sizeof(text), P "%s\n", shares[i].text);
		print_message("%s\n", shares[i].text);
		c = good(text);
		assert_int_equal(conf_share_keyless(&c->share),
		    shares[i].keyless);
		conf_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_is_printed),
		cmocka_unit_test(a_firewall_has_its_options),
		cmocka_unit_test(what_is_followed_is_told_in_a_line),
		cmocka_unit_test(a_share_without_a_key_is_on_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
