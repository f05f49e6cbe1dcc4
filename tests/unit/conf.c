/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/conf_unit.h"

static void
assert_strings(const struct strings *v, const char *expected)
{
	char text[1024] = "";
	size_t i;

	for (i = 0; i < v->n; i++) {
		if (i > 0)
			strlcat(text, " ", sizeof(text));
		strlcat(text, v->v[i], sizeof(text));
	}
	assert_string_equal(text, expected);
}

static void
assert_ports(const struct ports *v, const char *expected)
{
	char text[1024] = "", one[16];
	size_t i;

	for (i = 0; i < v->n; i++) {
		snprintf(one, sizeof(one), i > 0 ? " %u" : "%u", v->v[i]);
		strlcat(text, one, sizeof(text));
	}
	assert_string_equal(text, expected);
}

static void
assert_addr(const struct addr *a, const char *expected)
{
	char text[ADDR_STRLEN];

	assert_string_equal(addr_format(a, text), expected);
}

static void
assert_endpoint(const struct endpoint *e, const char *expected)
{
	char text[ADDR_STRLEN];

	assert_string_equal(endpoint_format(e, text), expected);
}

static void
one_line_is_a_whole_configuration(void **state)
{
	struct conf *c = good("protect { 192.0.2.0/24 2001:db8:2::/64 }\n");

	(void)state;
	assert_prefixes(&c->protect, "192.0.2.0/24 2001:db8:2::/64");
	assert_int_equal(c->interface.n, 0);
	assert_true(c->sip.on);
	assert_ports(&c->sip.port, "5060");
	assert_int_equal(c->sip.server.n, 0);
	assert_prefixes(&c->sip.media, "192.0.2.0/24 2001:db8:2::/64");
	assert_int_equal(c->sip.media_lo, 1024);
	assert_int_equal(c->sip.media_hi, 65535);
	assert_int_equal(c->sip.remote, REMOTE_BOTH);
	assert_true(c->sip.early_media);
	assert_true(c->sip.hold_keep);
	assert_false(c->sip.latch);
	assert_false(c->sip.inline_);
	assert_int_equal(c->inline_.queue, 5060);
	assert_int_equal(c->inline_.hold_ms, 20);
	assert_true(c->inline_.open);
	assert_false(c->sip.redirect);
	assert_int_equal(c->sip.nexternal, 0);
	assert_int_equal(c->sip.limit_calls, 50000);
	assert_int_equal(c->sip.limit_per_source, 200);
	assert_int_equal(c->sip.limit_rate, 0);
	assert_int_equal(c->sip.limit_streams, 16);
	assert_int_equal(c->sip.timeout_setup, 180);
	assert_int_equal(c->sip.timeout_idle, 300);
	assert_int_equal(c->sip.timeout_max, 43200);
	assert_false(c->ftp.on);
	assert_false(c->tftp.on);
	assert_false(c->tables.on);
	assert_string_equal(c->user, "_pinholed");
	assert_false(c->user_set);
#ifdef __linux__
	assert_string_equal(c->firewall, "nftables");
#else
	assert_string_equal(c->firewall, "pf");
#endif
	assert_string_equal(c->name, "pinholed");
	assert_false(c->states);
	assert_true(c->kill);
	assert_int_equal(c->dialect, P_FREEBSD);
	assert_false(c->if_bound);
	assert_false(c->log);
	assert_null(c->tag);
	assert_null(c->queue);
	assert_int_equal(c->nuplink, 0);
	assert_int_equal(c->mark, 0x10000);
	assert_string_equal(c->control, DEFAULT_CONTROL);
	assert_non_null(c->state);
	assert_int_equal(c->buffer, 32 * 1024 * 1024);
	assert_int_equal(c->priority, PRIORITY_NORMAL);
	assert_true(c->cpu_latency == CONF_CPU_LATENCY_ANY);
	conf_free(c);
	assert_int_equal(parse(&c, "protect 192.0.2.1\ncontrol no\n", NULL, 0),
	    PH_OK);
	assert_null(c->control);
	conf_free(c);
}

static void
every_statement_sets_its_field(void **state)
{
	struct conf *c = good(
	    "pbx = \"192.0.2.10\"\n"
	    "gws = \"{ 192.0.2.20, 192.0.2.21 }\"	# two\n"
	    "interface { em1 \"em2\" }\n"
	    "protect 192.0.2.99/24\n"
	    "sip {\n"
	    "	port { 5060 5080 5060 }\n"
	    "	server $pbx\n"
	    "	media { $pbx $gws } port 10000:20000\n"
	    "	remote { 198.51.100.0/24, 203.0.113.7 }\n"
	    "	early media no redirect yes\n"
	    "	hold close\n"
	    "	external 203.0.113.10 for 192.0.2.10\n"
	    "	external 203.0.113.11 for 192.0.2.11\n"
	    "	limit calls 500 per source 20 rate 30 streams 8\n"
	    "	timeout setup 60 idle \\\n"
	    "	    120 max 3600\n"
	    "}\n"
	    "ftp {\n"
	    "	port 2121 loose\n"
	    "	timeout 5\n"
	    "	proxy on 127.0.0.1 port 8021\n"
	    "	proxy on 203.0.113.1 port 21 reverse to 192.0.2.30 port 2100 "
	    "source 192.0.2.1 source-port 20 anonymous only "
	    "max sessions 7 timeout 60 tag FTP queue \"bulk\"\n"
	    "}\n"
	    "tftp { port { 69 1069 } timeout 9 allow read\n"
	    "	file { \"SEP*.xml\" 'a\\\\b\"' }\n"
	    "	file firmware\n"
	    "	proxy on ::1 port 6969 max sessions 50 timeout 3 queue q }\n"
	    "tables { listen on 192.0.2.1 port 5678\n"
	    "	key \"/etc/a.key\" key 'b' /etc/b.key\n"
	    "	allow { spammer inet/filter/b } force \"log\" timeout 3600 max "
	    "10\n"
	    "	never { 192.0.2.0/24 ::1 } }\n"
	    "share redis \"192.0.2.2:6380\" group \"fw\" name box1 "
	    "password \"/etc/a.redis\" tls { ca \"/etc/a.ca\"\n"
	    "	certificate \"/etc/a.crt\" key \"/etc/a.key\"\n"
	    "	name redis.example } key \"/etc/a.group\"\n"
	    "hep { listen on 192.0.2.1 from { 192.0.2.10 ::1 }\n"
	    "	key \"/etc/a.hep\" }\n"
	    "user _sip\r\n"
	    "control \"/tmp/c\"\n"
	    "state /tmp/s\n"
	    "buffer 512k\n"
	    "priority realtime\n"
	    "cpu-latency 40\n"
	    "firewall pf states anchor \"a/b\" kill no if-bound log tag t "
	    "queue \"q\" "
	    "dialect openbsd on em0 reply-to (em0 203.0.113.254) "
	    "reply-to (em3 2001:db8::1)\n"
	    "on em4 reply-to ( em4, 198.51.100.254 )");

	(void)state;
	assert_strings(&c->interface, "em1 em2");
	assert_prefixes(&c->protect, "192.0.2.0/24");
	assert_true(c->share.on);
	assert_endpoint(&c->share.server, "192.0.2.2:6380");
	assert_null(c->share.path);
	assert_string_equal(c->share.group, "fw");
	assert_string_equal(c->share.name, "box1");
	assert_string_equal(c->share.password, "/etc/a.redis");
	assert_string_equal(c->share.key, "/etc/a.group");
	assert_true(c->share.tls.on);
	assert_string_equal(c->share.tls.ca, "/etc/a.ca");
	assert_string_equal(c->share.tls.certificate, "/etc/a.crt");
	assert_string_equal(c->share.tls.key, "/etc/a.key");
	assert_string_equal(c->share.tls.name, "redis.example");
	assert_true(c->hep.on);
	assert_endpoint(&c->hep.listen, "192.0.2.1:9060");
	assert_prefixes(&c->hep.from, "192.0.2.10 ::1");
	assert_string_equal(c->hep.key, "/etc/a.hep");
	assert_true(c->sip.on);
	assert_ports(&c->sip.port, "5060 5080");
	assert_prefixes(&c->sip.server, "192.0.2.10");
	assert_prefixes(&c->sip.media, "192.0.2.10 192.0.2.20 192.0.2.21");
	assert_int_equal(c->sip.media_lo, 10000);
	assert_int_equal(c->sip.media_hi, 20000);
	assert_int_equal(c->sip.remote, REMOTE_LIST);
	assert_prefixes(&c->sip.remotes, "198.51.100.0/24 203.0.113.7");
	assert_false(c->sip.early_media);
	assert_true(c->sip.redirect);
	assert_false(c->sip.hold_keep);
	assert_int_equal(c->sip.nexternal, 2);
	assert_addr(&c->sip.external[1].outside, "203.0.113.11");
	assert_addr(&c->sip.external[1].inside, "192.0.2.11");
	assert_int_equal(c->sip.limit_calls, 500);
	assert_int_equal(c->sip.limit_per_source, 20);
	assert_int_equal(c->sip.limit_rate, 30);
	assert_int_equal(c->sip.limit_streams, 8);
	assert_int_equal(c->sip.timeout_setup, 60);
	assert_int_equal(c->sip.timeout_idle, 120);
	assert_int_equal(c->sip.timeout_max, 3600);

	assert_true(c->ftp.on);
	assert_ports(&c->ftp.port, "2121");
	assert_true(c->ftp.loose);
	assert_int_equal(c->ftp.timeout, 5);
	assert_int_equal(c->ftp.nproxy, 2);
	assert_endpoint(&c->ftp.proxy[0].listen, "127.0.0.1:8021");
	assert_int_equal(c->ftp.proxy[0].reverse.addr.af, AF_UNSPEC);
	assert_int_equal(c->ftp.proxy[0].source.af, AF_UNSPEC);
	assert_false(c->ftp.proxy[0].source_port_20);
	assert_false(c->ftp.proxy[0].anonymous_only);
	assert_int_equal(c->ftp.proxy[0].max_sessions, 100);
	assert_int_equal(c->ftp.proxy[0].timeout, 86400);
	assert_endpoint(&c->ftp.proxy[1].listen, "203.0.113.1:21");
	assert_endpoint(&c->ftp.proxy[1].reverse, "192.0.2.30:2100");
	assert_addr(&c->ftp.proxy[1].source, "192.0.2.1");
	assert_true(c->ftp.proxy[1].source_port_20);
	assert_true(c->ftp.proxy[1].anonymous_only);
	assert_int_equal(c->ftp.proxy[1].max_sessions, 7);
	assert_int_equal(c->ftp.proxy[1].timeout, 60);
	assert_null(c->ftp.proxy[0].tag);
	assert_string_equal(c->ftp.proxy[1].tag, "FTP");
	assert_string_equal(c->ftp.proxy[1].queue, "bulk");

	assert_true(c->tftp.on);
	assert_ports(&c->tftp.port, "69 1069");
	assert_int_equal(c->tftp.timeout, 9);
	assert_true(c->tftp.allow_read);
	assert_false(c->tftp.allow_write);
	assert_strings(&c->tftp.file, "SEP*.xml a\\b\" firmware");
	assert_int_equal(c->tftp.nproxy, 1);
	assert_endpoint(&c->tftp.proxy[0].listen, "[::1]:6969");
	assert_string_equal(c->tftp.proxy[0].queue, "q");
	assert_int_equal(c->tftp.proxy[0].max_sessions, 50);
	assert_int_equal(c->tftp.proxy[0].timeout, 3);

	assert_true(c->tables.on);
	assert_endpoint(&c->tables.listen, "192.0.2.1:5678");
	assert_int_equal(c->tables.nkey, 2);
	assert_string_equal(c->tables.key[0].name, "");
	assert_string_equal(c->tables.key[0].path, "/etc/a.key");
	assert_string_equal(c->tables.key[1].name, "b");
	assert_string_equal(c->tables.key[1].path, "/etc/b.key");
	assert_strings(&c->tables.allow, "spammer inet/filter/b log");
	assert_string_equal(c->tables.force, "log");
	assert_int_equal(c->tables.timeout, 3600);
	assert_int_equal(c->tables.max, 10);
	assert_prefixes(&c->tables.never, "192.0.2.0/24 ::1");

	assert_string_equal(c->user, "_sip");
	assert_true(c->user_set);
	assert_string_equal(c->control, "/tmp/c");
	assert_string_equal(c->state, "/tmp/s");
	assert_int_equal(c->buffer, 512 * 1024);
	assert_int_equal(c->priority, PRIORITY_REALTIME);
	assert_int_equal(c->cpu_latency, 40);
	assert_string_equal(c->firewall, "pf");
	assert_true(c->states);
	assert_string_equal(c->name, "a/b");
	assert_false(c->kill);
	assert_true(c->if_bound);
	assert_true(c->log);
	assert_string_equal(c->tag, "t");
	assert_string_equal(c->queue, "q");
	assert_int_equal(c->dialect, P_OPENBSD);
	assert_int_equal(c->nuplink, 3);
	assert_string_equal(c->uplink[0].ifname, "em0");
	assert_addr(&c->uplink[0].gateway, "203.0.113.254");
	assert_string_equal(c->uplink[1].ifname, "em3");
	assert_addr(&c->uplink[1].gateway, "2001:db8::1");
	assert_string_equal(c->uplink[2].ifname, "em4");
	conf_free(c);
}

static void
only_the_blocks_that_are_written_run(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		bool sip, ftp, tftp, tables;
		const char *ftp_port, *tftp_port;
	} rows[] = {
		{ P, 1, 0, 0, 0, "", "" },
		{ P "sip { }\n", 1, 0, 0, 0, "", "" },
		{ P "ftp { }\n", 0, 1, 0, 0, "21", "" },
		{ P "tftp { }\n", 0, 0, 1, 0, "", "69" },
		{ P "sip {\n} \n tftp {\n}", 1, 0, 1, 0, "", "69" },
		{ P "ftp { proxy on ::1 port 8021 }\n"
		    "tftp { proxy on ::1 port 6969 }\n", 0, 1, 1, 0, "", "" },
		{ P "ftp { port 21 proxy on ::1 port 8021 }\n",
		    0, 1, 0, 0, "21", "" },
		/* Table updates alone protect nobody. */
		{ "tables { listen on ::1 allow spammer }\n",
		    0, 0, 0, 1, "", "" },
	};
	/* clang-format on */
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		c = good(rows[i].text);
		assert_int_equal(c->sip.on, rows[i].sip);
		assert_int_equal(c->ftp.on, rows[i].ftp);
		assert_int_equal(c->tftp.on, rows[i].tftp);
		assert_int_equal(c->tables.on, rows[i].tables);
		assert_ports(&c->ftp.port, rows[i].ftp_port);
		assert_ports(&c->tftp.port, rows[i].tftp_port);
		conf_free(c);
	}
}

static void
remote_is_a_word_or_a_list(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		enum remote remote;
		const char *list;
	} rows[] = {
		{ "both",	REMOTE_BOTH,		"" },
		{ "sdp",	REMOTE_SDP,		"" },
		{ "signalling",	REMOTE_SIGNALLING,	"" },
		{ "any",	REMOTE_ANY,		"" },
		{ "203.0.113.1", REMOTE_LIST,		"203.0.113.1" },
		{ "{ 203.0.113.1,2001:db8::/32 }", REMOTE_LIST,
		    "203.0.113.1 2001:db8::/32" },
	};
	/* clang-format on */
	struct conf *c;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		snprintf(text, sizeof(text), P "sip { remote %s }\n",
		    rows[i].text);
		c = good(text);
		assert_int_equal(c->sip.remote, rows[i].remote);
		assert_prefixes(&c->sip.remotes, rows[i].list);
		conf_free(c);
	}
}

static void
the_defaults_of_proxies_and_tables_are_those_of_the_manual(void **state)
{
	struct conf *c = good(P "ftp { proxy on ::1 port 8021 reverse to ::2\n"
				"}\n"
				"tftp { proxy on ::1 port 6969 }\n"
				"tables { listen on ::1 allow a }\n");

	(void)state;
	assert_endpoint(&c->ftp.proxy[0].reverse, "[::2]:21");
	assert_false(c->ftp.loose);
	assert_int_equal(c->ftp.timeout, 2);
	assert_int_equal(c->tftp.timeout, 30);
	assert_true(c->tftp.allow_read);
	assert_true(c->tftp.allow_write);
	assert_int_equal(c->tftp.file.n, 0);
	assert_int_equal(c->tftp.proxy[0].max_sessions, 1000);
	assert_int_equal(c->tftp.proxy[0].timeout, 30);
	assert_endpoint(&c->tables.listen, "[::1]:56789");
	assert_int_equal(c->tables.nkey, 0);
	assert_null(c->tables.force);
	assert_int_equal(c->tables.timeout, 0);
	assert_int_equal(c->tables.max, 100000);
	assert_prefixes(&c->tables.never, "192.0.2.0/24");
	conf_free(c);
}

static void
only_a_proxy_for_anonymous_users_is_printed_as_one(void **state)
{
	struct conf *c = good(P "ftp { proxy on ::1 port 8021\n"
				"proxy on ::1 port 8022 anonymous only }\n");
	char *text = NULL;
	const char *second;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	conf_print(c, f);
	fclose(f);
	second = strstr(text, "port 8022");
	assert_non_null(second);
	assert_ptr_equal(strstr(text, " anonymous only"),
	    strstr(second, " anonymous only"));
	assert_non_null(strstr(second, " anonymous only"));
	free(text);
	conf_free(c);
}

/* The firewall's sets have room for these. */
static void
only_a_watched_port_has_transfers(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {
		{ "sip { media { 192.0.2.9 } }\n", 0 },
		{ "ftp { port 21 }\n", CONF_FTP_MAX },
		{ "tftp { port 69 }\n", CONF_TFTP_MAX },
		{ "ftp { port 21 }\ntftp { port 69 }\n",
		    CONF_FTP_MAX + CONF_TFTP_MAX },
		{ "ftp { proxy on ::1 port 8021 }\n", 0 },
		{ "tftp { proxy on ::1 port 6969 }\n", 0 },
		{ "ftp { proxy on ::1 port 8021\nport 21 }\n", CONF_FTP_MAX },
	};
	char text[256];
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		snprintf(text, sizeof(text), P "%s", rows[i].text);
		c = good(text);
		assert_int_equal(conf_max_transfers(c), rows[i].n);
		conf_free(c);
	}
}

static void
a_firewall_statement_knows_its_options(void **state)
{
	struct conf *c = good(P "firewall nftables table \"calls\" mark 512\n");

	(void)state;
	assert_string_equal(c->firewall, "nftables");
	assert_string_equal(c->name, "calls");
	assert_int_equal(c->mark, 512);
	conf_free(c);

	c = good(P "firewall pf-text dialect freebsd rules kill yes\n");
	assert_string_equal(c->firewall, "pf-text");
	assert_int_equal(c->dialect, P_FREEBSD);
	assert_false(c->states);
	assert_true(c->kill);
	conf_free(c);

	c = good(P "firewall nftables mark 0xFFFFFFFF\n");
	assert_int_equal(c->mark, 0xffffffff);
	conf_free(c);

	c = good(
	    P "firewall nftables hook \"inet firewalld filter_FORWARD\"\n");
	assert_int_equal(c->hook.n, 1);
	assert_string_equal(c->hook.v[0], "inet firewalld filter_FORWARD");
	conf_free(c);

	c = good(P "firewall nftables hook { \"ip filter FORWARD\", \"ip6 "
		   "filter ufw6-before\" } mark 0x10\n");
	assert_int_equal(c->hook.n, 2);
	assert_string_equal(c->hook.v[1], "ip6 filter ufw6-before");
	conf_free(c);

	c = good(P "firewall dry-run anchor \"x\"\n");
	assert_string_equal(c->firewall, "dry-run");
	conf_free(c);
}

static void
macros_are_text_put_in_their_place(void **state)
{
	struct conf *c =
	    good("lo = 10000\nhi = 20000\n"
		 "net = 192.0.2\n"
		 "a = $net.0/24 # comment\n"
		 "b = \"{ $a,\t$c }\"\n" /* not before it is used */
		 "c = \"{ 10.0.0.0/8 }\"\n"
		 "early = log\n" /* keywords, both of them */
		 "user = \"user\"\n"
		 "protect { $b 172.16.0.0/12 $c }\n"
		 "a = \"no longer\"\n"
		 "$user _sip\n"
		 "sip { media $net.1 port $lo:$hi }\n"
		 "firewall pf $early\n");

	(void)state;
	assert_prefixes(&c->protect,
	    "192.0.2.0/24 10.0.0.0/8 172.16.0.0/12 10.0.0.0/8");
	assert_prefixes(&c->sip.media, "192.0.2.1");
	assert_int_equal(c->sip.media_lo, 10000);
	assert_int_equal(c->sip.media_hi, 20000);
	assert_string_equal(c->user, "_sip");
	assert_true(c->log);
	conf_free(c);
}

static void
defines_win_over_the_file(void **state)
{
	const struct conf_define d[] = { { "inside", "10.0.0.0/8" },
		{ "x", "1" }, { "x", "\"_two\"" } };
	const struct conf_define odd[] = { { "a b", "1" }, { "", "2" } };
	struct conf *c;

	(void)state;
	assert_int_equal(parse(&c,
			     "inside = 192.0.2.0/24\n"
			     "protect $inside\nuser $x",
			     d, 3),
	    PH_OK);
	assert_prefixes(&c->protect, "10.0.0.0/8");
	assert_string_equal(c->user, "_two");
	conf_free(c);

	assert_int_equal(parse(&c, P, odd, 2), PH_EMALFORMED);
	assert_string_equal(said,
	    "-D: the name of a macro consists of at most 31 letters, "
	    "digits and \"_\"\n"
	    "-D: the name of a macro consists of at most 31 letters, "
	    "digits and \"_\"\n");
}

static void
a_define_that_nothing_uses_is_an_error(void **state)
{
	const struct conf_define d[] = { { "inside", "10.0.0.0/8" },
		{ "insied", "192.0.2.0/24" } };
	struct conf *c;

	(void)state;
	assert_int_equal(parse(&c, "inside = ::1\nprotect $inside\n", d, 2),
	    PH_EMALFORMED);
	assert_string_equal(said,
	    "-D: nothing in the configuration uses the macro \"insied\"\n");
}

static void
places_of_what_only_the_host_can_judge(void **state)
{
	struct conf *c;

	(void)state;
	c = good("az_AZ09 = em1\n" P "interface { em0 $az_AZ09\n em2 }\n"
		 "user daemon\nfirewall dry-run\n"
		 "tftp { proxy on 127.0.0.1 port 6969 }\n"
		 "sip { latch yes }\n"
		 "tables { listen on ::1 allow a key /k }\n");
	assert_string_equal(c->protect_at, "x:2:1: ");
	assert_int_equal(c->interface_at.n, 3);
	assert_string_equal(c->interface_at.v[0], "x:3:13: ");
	assert_string_equal(c->interface_at.v[1], "x:3:17: ");
	assert_string_equal(c->interface_at.v[2], "x:4:2: ");
	assert_string_equal(c->user_at, "x:5:1: ");
	assert_string_equal(c->firewall_at, "x:6:1: ");
	assert_string_equal(c->tftp.proxy[0].at, "x:7:17: ");
	assert_string_equal(c->sip.latch_at, "x:8:7: ");
	assert_string_equal(c->tables.listen_at, "x:9:10: ");
	assert_string_equal(c->tables.key[0].at, "x:9:36: ");
	conf_free(c);
	c = good(P);
	assert_string_equal(c->user_at, "");
	assert_string_equal(c->firewall_at, "");
	conf_free(c);
}

static void
the_macro_protect_stands_for_the_statement(void **state)
{
	/* clang-format off */
	static const struct {
		const char *value, *text, *protect;
	} rows[] = {
		{ "192.0.2.1", "", "192.0.2.1" },
		{ "192.0.2.1 10.0.0.0/8", "user x\n", "192.0.2.1 10.0.0.0/8" },
		{ "192.0.2.1,10.0.0.0/8", "", "192.0.2.1 10.0.0.0/8" },
		{ "{ 192.0.2.1 }", "", "192.0.2.1" },
		{ "192.0.2.1", P, "192.0.2.1" },
		{ "192.0.2.1", "protect = ::1\n" P, "192.0.2.1" },
		{ "192.0.2.1", "protect { $protect ::1 }", "192.0.2.1 ::1" },
	};
	/* clang-format on */
	struct conf_define d = { "protect", NULL };
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		d.value = rows[i].value;
		assert_int_equal(parse(&c, rows[i].text, &d, 1), PH_OK);
		assert_prefixes(&c->protect, rows[i].protect);
		conf_free(c);
	}
	/* Other statements of the file may not fit the "protect" of -D. */
	d.value = "::1";
	assert_int_equal(parse(&c, P "sip { server 192.0.2.1 }", &d, 1),
	    PH_EMALFORMED);
	assert_string_equal(said,
	    "x:2:7: server 192.0.2.1 is not inside \"protect\" that -D "
	    "gives\n");
	/* Without any file. */
	d.value = "192.0.2.7/24";
	assert_int_equal(conf_load(&c, NULL, &d, 1, NULL), PH_OK);
	assert_prefixes(&c->protect, "192.0.2.0/24");
	conf_free(c);
	/* In the file, it works as well. */
	c = good("protect = ::1\n");
	assert_prefixes(&c->protect, "::1");
	conf_free(c);

	d.value = "192.0.2.1 lan";
	assert_int_equal(parse(&c, "user root\n", &d, 1), PH_EMALFORMED);
	assert_string_equal(said,
	    "x:1:6: the engine and the proxy must not run as \"root\"\n"
	    "-D protect:1:11: expected an address or a prefix (names are not "
	    "resolved), found \"lan\" (in macro \"protect\")\n");
	d.value = "";
	assert_int_equal(parse(&c, "", &d, 1), PH_EMALFORMED);
	assert_string_equal(said, "-D protect:1:9: this list is empty\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_is_a_whole_configuration),
		cmocka_unit_test(every_statement_sets_its_field),
		cmocka_unit_test(only_the_blocks_that_are_written_run),
		cmocka_unit_test(remote_is_a_word_or_a_list),
		cmocka_unit_test(
		    the_defaults_of_proxies_and_tables_are_those_of_the_manual),
		cmocka_unit_test(only_a_watched_port_has_transfers),
		cmocka_unit_test(
		    only_a_proxy_for_anonymous_users_is_printed_as_one),
		cmocka_unit_test(a_firewall_statement_knows_its_options),
		cmocka_unit_test(macros_are_text_put_in_their_place),
		cmocka_unit_test(defines_win_over_the_file),
		cmocka_unit_test(a_define_that_nothing_uses_is_an_error),
		cmocka_unit_test(places_of_what_only_the_host_can_judge),
		cmocka_unit_test(the_macro_protect_stands_for_the_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
