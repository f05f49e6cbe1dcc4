/* SPDX-License-Identifier: ISC */
/* Numbers, names and lists of a configuration, at their bounds. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/conf/parse.h"
#include "tests/unit/conf_unit.h"

static char text[CONF_MAX_FILE];

/* clang-format off */
#define AT(field) offsetof(struct conf, field)
static const struct {
	const char *before, *behind;
	uint32_t lo, hi;
	size_t at;
} numbers[] = {
	{ "sip { limit calls ", " }", 1, 1000000, AT(sip.limit_calls) },
	{ "sip { limit per source ", " }", 1, 1000000, AT(sip.limit_per_source) },
	{ "sip { limit rate ", " }", 0, 1000000, AT(sip.limit_rate) },
	{ "sip { limit streams ", " }", 1, 16, AT(sip.limit_streams) },
	{ "sip { timeout setup ", " }", 1, 86400, AT(sip.timeout_setup) },
	{ "sip { timeout idle ", " }", 1, 86400, AT(sip.timeout_idle) },
	{ "sip { timeout max ", " }", 1, 2592000, AT(sip.timeout_max) },
	{ "ftp { timeout ", " }", 1, 3600, AT(ftp.timeout) },
	{ "tftp { timeout ", " }", 1, 3600, AT(tftp.timeout) },
	{ "tables { listen on ::1 allow a max ", " }", 1, 10000000, AT(tables.max) },
	{ "tables { listen on ::1 allow a timeout ", " }", 0, 31536000, AT(tables.timeout) },
	{ "sip { inline yes }\ninline { hold ", " }", 1, 1000, AT(inline_.hold_ms) },
	{ "sip { inline yes }\ninline { queue ", " }", 0, 65535, AT(inline_.queue) },
	{ "cpu-latency ", "", 0, 1000000, AT(cpu_latency) },
	{ "buffer ", "", 65536, 1073741824, AT(buffer) },
	{ "firewall nftables mark ", "", 1, UINT32_MAX, AT(mark) },
};

/* The same, of one proxy, and ports. */
#define PROXY "proxy on 192.0.2.1 port "
static const struct {
	const char *before, *behind;
	uint32_t lo, hi;
} others[] = {
	{ "sip { port ", " }", 1, 65535 },
	{ "ftp { " PROXY, " }", 1, 65535 },
	{ "ftp { " PROXY "1 max sessions ", " }", 1, 10000 },
	{ "ftp { " PROXY "1 timeout ", " }", 1, 86400 },
	{ "ftp { " PROXY "1 source-port ", " }", 20, 20 },
	{ "ftp { " PROXY "1 reverse to 192.0.2.2 port ", " }", 1, 65535 },
	{ "tftp { " PROXY "1 max sessions ", " }", 1, 10000 },
	{ "tables { allow a listen on ::1 port ", " }", 1, 65535 },
	{ "status { listen on ::1 port ", " }", 1, 65535 },
	{ "sip { }\nhep { from ::1 listen on ::1 port ", " }", 1, 65535 },
	{ "sip { media 192.0.2.1 port ", ":65535 }", 1024, 65535 },
	{ "sip { media 192.0.2.1 port 1024:", " }", 1024, 65535 },
	{ "sip { media 192.0.2.1 port ", " }", 1024, 65535 },
};
/* clang-format on */

/* NULL: it is an error, and the only one. */
static struct conf *
with_number(const char *before, uint64_t n, const char *behind)
{
	struct conf *c = NULL;
	enum ph_err rc;

	snprintf(text, sizeof(text), P "%s%llu%s\n", before,
	    (unsigned long long)n, behind);
	rc = parse(&c, text, NULL, 0);
	assert_int_equal(rc, said[0] == '\0' ? PH_OK : PH_EMALFORMED);
	if (rc != PH_OK) {
		assert_null(c);
		assert_ptr_equal(strchr(said, '\n') + 1, said + strlen(said));
	}
	return c;
}

static void
a_number_has_its_bounds(void **state)
{
	uint64_t v[6];
	struct conf *c;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(numbers); i++) {
		print_message("%s\n", numbers[i].before);
		v[0] = numbers[i].lo;
		v[1] = numbers[i].lo + 1;
		v[2] = numbers[i].hi - 1;
		v[3] = numbers[i].hi;
		v[4] = (uint64_t)numbers[i].hi + 1;
		v[5] = numbers[i].lo > 0 ? numbers[i].lo - 1
					 : (uint64_t)numbers[i].hi + 2;
		for (k = 0; k < 6; k++) {
			c = with_number(numbers[i].before, v[k],
			    numbers[i].behind);
			assert_int_equal(c != NULL, k < 4);
			if (c == NULL)
				continue;
			assert_int_equal(*(const uint32_t *)(const void
						 *)((const char *)c +
					     numbers[i].at),
			    v[k]);
			conf_free(c);
		}
	}
	for (i = 0; i < ROWS(others); i++) {
		print_message("%s\n", others[i].before);
		v[0] = others[i].lo;
		v[1] = others[i].hi;
		v[2] = others[i].lo - 1;
		v[3] = (uint64_t)others[i].hi + 1;
		for (k = 0; k < 4; k++) {
			c = with_number(others[i].before, v[k],
			    others[i].behind);
			assert_int_equal(c != NULL, k < 2);
			conf_free(c);
		}
	}
}

static void
sizes_and_marks_have_units(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		uint32_t buffer, mark;	/* both 0: an error */
	} rows[] = {
		{ "buffer 64k", 65536, 0 },
		{ "buffer 64K", 65536, 0 },
		{ "buffer 63k", 0, 0 },
		{ "buffer 65535", 0, 0 },
		{ "buffer 1m", 1048576, 0 },
		{ "buffer 1M", 1048576, 0 },
		{ "buffer 1024m", 1073741824, 0 },
		{ "buffer 1025m", 0, 0 },
		{ "buffer 1048576k", 1073741824, 0 },
		{ "buffer 1048577k", 0, 0 },
		{ "buffer m", 0, 0 },
		{ "buffer 1g", 0, 0 },
		{ "buffer \"\"", 0, 0 },
		{ "firewall nftables mark 0x1", 0, 1 },
		{ "firewall nftables mark 0xffffffff", 0, UINT32_MAX },
		{ "firewall nftables mark 0xFf", 0, 255 },
		{ "firewall nftables mark 010", 0, 10 },
		{ "firewall nftables mark 0x0", 0, 0 },
		{ "firewall nftables mark 0", 0, 0 },
		{ "firewall nftables mark 0x", 0, 0 },
		{ "firewall nftables mark 1x", 0, 0 },
		{ "firewall nftables mark x1", 0, 0 },
		{ "firewall nftables mark 99999999999999999999", 0, 0 },
	};
	/* clang-format on */
	struct conf *c;
	bool fine;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].text);
		snprintf(text, sizeof(text), P "%s\n", rows[i].text);
		fine = rows[i].buffer != 0 || rows[i].mark != 0;
		assert_int_equal(parse(&c, text, NULL, 0),
		    fine ? PH_OK : PH_EMALFORMED);
		if (!fine)
			continue;
		if (rows[i].buffer != 0)
			assert_int_equal(c->buffer, rows[i].buffer);
		if (rows[i].mark != 0)
			assert_int_equal(c->mark, rows[i].mark);
		conf_free(c);
	}
}

/* clang-format off */
static const struct {
	const char *before, *behind;
	size_t max;		/* bytes */
	const char *more;	/* that it may have besides letters and digits */
	const char *first;	/* with which it begins */
} names[] = {
	{ "user ", "", CONF_MAX_NAME, "_.-", "" },
	{ "firewall pf anchor ", "", CONF_MAX_NAME, "_.-/", "" },
	{ "firewall pf tag ", "", CONF_MAX_NAME, "_.-", "" },
	{ "firewall pf queue ", "", CONF_MAX_NAME, "_.-", "" },
	{ "firewall nftables table ", "", CONF_MAX_NAME, "_-", "" },
	{ "firewall nftables hook \"inet ", " chain\"", CONF_MAX_HOOK, "_.-", "" },
	{ "firewall nftables hook \"ip filter ", "\"", CONF_MAX_HOOK, "_.-", "" },
	{ "tables { listen on ::1 allow ", " }", CONF_MAX_NAME, "_.-", "" },
	{ "tables { listen on ::1 force ", " }", CONF_MAX_NAME, "_.-", "" },
	{ "tables { listen on ::1 allow t key ", " /etc/key }", CONF_MAX_NAME, "_.-", "" },
	{ "interface ", "", 15, "_.-:@+~", "" },
	{ "share redis \"192.0.2.1\" group ", "", 31, "_.-", "" },
	{ "share redis \"192.0.2.1\" group g name ", "", 31, "_.-", "" },
	{ "share redis \"192.0.2.1\" group g tls { ca /etc/ca name ", " }", CONF_MAX_HOST, ".-:", "" },
	{ "control ", "", 100, NULL, "/" },
	{ "state ", "", CONF_MAX_WORD, NULL, "/" },
	{ "share redis \"", "\" group g", 100, NULL, "/" },
};
/* clang-format on */

static bool
name_fits(size_t i, const char *name)
{
	struct conf *c = NULL;
	enum ph_err rc;

	snprintf(text, sizeof(text), P "%s\"%s\"%s\n", names[i].before, name,
	    names[i].behind);
	if (strchr(names[i].before, '"') != NULL &&
	    names[i].before[strlen(names[i].before) - 1] != ' ')
		snprintf(text, sizeof(text), P "%s%s%s\n", names[i].before,
		    name, names[i].behind);
	if (strstr(names[i].before, " hook ") != NULL)
		snprintf(text, sizeof(text), P "%s%s%s\n", names[i].before,
		    name, names[i].behind);
	rc = parse(&c, text, NULL, 0);
	conf_free(c);
	return rc == PH_OK;
}

static void
a_name_has_its_bounds(void **state)
{
	static const char signs[] = "_.-:@+~/ %*?!";
	char name[2048];
	size_t i, k, begun;

	(void)state;
	for (i = 0; i < ROWS(names); i++) {
		print_message("%s\n", names[i].before);
		begun = strlen(names[i].first);
		for (k = names[i].max - 1; k <= names[i].max + 1; k++) {
			memset(name, 'a', sizeof(name));
			memcpy(name, names[i].first, begun);
			name[k] = '\0';
			assert_int_equal(name_fits(i, name), k <= names[i].max);
		}
		assert_false(name_fits(i, ""));
		if (names[i].more == NULL)
			continue;
		assert_true(name_fits(i, "azAZ09"));
		for (k = 0; k < strlen(signs); k++) {
			snprintf(name, sizeof(name), "a%ca", signs[k]);
			if (name_fits(i, name) !=
			    (strchr(names[i].more, signs[k]) != NULL))
				fail_msg("%s", name);
		}
	}
}

/* Beyond what bytes a name has. */
static void
some_names_have_a_form(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "firewall pf anchor a/b", true },
		{ "firewall pf anchor /a", false },
		{ "firewall pf anchor a/", false },
		{ "firewall pf anchor a//b", false },
		{ "firewall pf anchor \"/\"", false },
		{ "firewall nftables table a1", true },
		{ "firewall nftables table 1a", false },
		{ "firewall nftables table _a", false },
		{ "firewall nftables table -a", false },
		{ "firewall nftables table a.a", false },
		{ "firewall nftables hook \"inet a b\"", true },
		{ "firewall nftables hook \"ip a b\"", true },
		{ "firewall nftables hook \"ip6 a b\"", true },
		{ "firewall nftables hook \"bridge a b\"", false },
		{ "firewall nftables hook \"inet a\"", false },
		{ "firewall nftables hook \"inet 1 b\"", false },
		{ "firewall nftables hook \"inet a 1\"", false },
		{ "firewall nftables hook \"inet _ b\"", false },
		{ "firewall nftables hook \"inet a b c\"", false },
		{ "firewall nftables hook \"inet pinholed b\"", false },
		{ "firewall nftables hook \"ip pinholed b\"", true },
		{ "firewall nftables table t hook \"inet pinholed b\"", true },
		{ "firewall nftables table t hook \"inet t b\"", false },
		{ "firewall nftables hook { \"inet a b\" \"inet a b\" }", false },
		{ "firewall nftables hook { \"inet a b\" \"inet a c\" }", true },
		{ "tables { listen on ::1 allow ip/a/b }", true },
		{ "tables { listen on ::1 allow ip/a }", false },
		{ "tables { listen on ::1 allow ip/a/ }", false },
		{ "tables { listen on ::1 allow /a/b }", false },
		{ "tables { listen on ::1 allow ip//b }", false },
		{ "tables { listen on ::1 allow ip/a/b/c }", false },
		{ "user root", false },
		{ "user roots", true },
		{ "control no", true },
		{ "control none", false },
		{ "state relative", false },
	};
	/* clang-format on */
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		c = NULL;
		snprintf(text, sizeof(text), P "%s\n", rows[i].text);
		print_message("%s\n", rows[i].text);
		assert_int_equal(parse(&c, text, NULL, 0),
		    rows[i].good ? PH_OK : PH_EMALFORMED);
		conf_free(c);
	}
}

static size_t
count_ports(const struct conf *c)
{
	return c->sip.port.n;
}

static size_t
count_server(const struct conf *c)
{
	return c->sip.server.n;
}

static size_t
count_external(const struct conf *c)
{
	return c->sip.nexternal;
}

static size_t
count_proxies(const struct conf *c)
{
	return c->ftp.nproxy;
}

static size_t
count_keys(const struct conf *c)
{
	return c->tables.nkey;
}

static size_t
count_uplinks(const struct conf *c)
{
	return c->nuplink;
}

static size_t
count_hooks(const struct conf *c)
{
	return c->hook.n;
}

static size_t
count_allow(const struct conf *c)
{
	return c->tables.allow.n;
}

static size_t
count_interfaces(const struct conf *c)
{
	assert_int_equal(c->interface_at.n, c->interface.n);
	return c->interface.n;
}

/* clang-format off */
static const struct {
	const char *before, *each, *behind;	/* @ is its number, from 1 on */
	size_t max;
	size_t (*count)(const struct conf *c);
} lists[] = {
	{ "sip { port {", " @", " } }", CONF_MAX_PORTS, count_ports },
	{ "sip { server {", " 192.0.2.@", " } }", 0, count_server },
	{ "sip {\n", "external 203.0.113.1 for 192.0.2.9 # @\n", " }", CONF_MAX_LINES, count_external },
	{ "ftp {\n", "proxy on ::1 port @\n", " }", CONF_MAX_LINES, count_proxies },
	{ "tables { listen on ::1 allow t\n", "key k@ /etc/key\n", " }", CONF_MAX_LINES, count_keys },
	{ "firewall pf", " reply-to (em@ 192.0.2.1)", "", CONF_MAX_LINES, count_uplinks },
	{ "firewall nftables hook {", " \"inet a c@\"", " }", 8, count_hooks },
	{ "tables { listen on ::1 allow {", " t@", " } }", 0, count_allow },
	{ "interface {", " em@", " }", 0, count_interfaces },
};
/* clang-format on */

static enum ph_err
with_list(size_t i, size_t n, struct conf **c)
{
	size_t k, len;

	snprintf(text, sizeof(text), P "%s", lists[i].before);
	for (k = 1; k <= n; k++) {
		len = strcspn(lists[i].each, "@");
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%.*s%zu%s", (int)len, lists[i].each, k,
		    lists[i].each + len + 1);
	}
	strlcat(text, lists[i].behind, sizeof(text));
	strlcat(text, "\n", sizeof(text));
	*c = NULL;
	return parse(c, text, NULL, 0);
}

/* Of each length, as arrays grow by doubling; up to a limit. */
static void
a_list_has_its_bounds(void **state)
{
	struct conf *c;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(lists); i++) {
		print_message("%s\n", lists[i].before);
		for (n = 1; n <= 40 && (lists[i].max == 0 || n <= lists[i].max);
		     n++) {
			assert_int_equal(with_list(i, n, &c), PH_OK);
			assert_int_equal(lists[i].count(c), n);
			conf_free(c);
		}
		if (lists[i].max == 0)
			continue;
		assert_int_equal(with_list(i, lists[i].max, &c), PH_OK);
		assert_int_equal(lists[i].count(c), lists[i].max);
		conf_free(c);
		assert_int_equal(with_list(i, lists[i].max + 1, &c),
		    PH_EMALFORMED);
		assert_non_null(strstr(said, "more than "));
		assert_ptr_equal(strchr(said, '\n') + 1, said + strlen(said));
	}
}

/* Lists in lists, as macros make them; too many end the reading. */
static void
lists_are_nested_so_deeply(void **state)
{
	struct conf *c;
	size_t n, k;

	(void)state;
	for (n = 1; n <= 40; n++) {
		strlcpy(text, "protect ", sizeof(text));
		for (k = 0; k < n; k++)
			strlcat(text, "{ ", sizeof(text));
		strlcat(text, "192.0.2.1", sizeof(text));
		for (k = 0; k < n; k++)
			strlcat(text, " }", sizeof(text));
		strlcat(text, "\nnonsense here\n", sizeof(text));
		c = NULL;
		assert_int_equal(parse(&c, text, NULL, 0), PH_EMALFORMED);
		if (n <= 32)
			assert_string_equal(said,
			    "x:2:1: \"nonsense\" is not a statement\n");
		else
			assert_string_equal(said,
			    "x:1:73: nested too deeply\n");
	}
}

static void
a_forced_table_is_allowed_once(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *allow;
	} rows[] = {
		{ "allow a force a", "a" },
		{ "allow { a b } force a", "a b" },
		{ "allow { a b } force b", "a b" },
		{ "allow { a b } force c", "a b c" },
		{ "force c", "c" },
		{ "allow { a b c d } force e", "a b c d e" },
	};
	/* clang-format on */
	struct conf *c;
	char got[64];
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		snprintf(text, sizeof(text), "tables { listen on ::1 %s }\n",
		    rows[i].text);
		c = good(text);
		got[0] = '\0';
		for (k = 0; k < c->tables.allow.n; k++) {
			strlcat(got, k > 0 ? " " : "", sizeof(got));
			strlcat(got, c->tables.allow.v[k], sizeof(got));
		}
		assert_string_equal(got, rows[i].allow);
		conf_free(c);
	}
}

/* Which files may be read and written by TFTP. */
static void
tftp_forbids_what_no_pattern_allows(void **state)
{
	static const char no[] = "not allowed here";
	static const char none[] = "no such file for you";
	static const char long_[] = "file name too long";
	static char name[600];
	/* clang-format off */
	static const struct {
		const char *text;
		bool write;
		const char *file;
		size_t len;	/* 0: of `file` */
		const char *why;
	} rows[] = {
		{ "", false, "a", 0, NULL },
		{ "", true, "a", 0, NULL },
		{ "", false, name, 599, NULL },
		{ "allow read", false, "a", 0, NULL },
		{ "allow read", true, "a", 0, no },
		{ "allow write", false, "a", 0, no },
		{ "allow write", true, "a", 0, NULL },
		{ "allow { read write }", true, "a", 0, NULL },
		{ "file a", false, "a", 0, NULL },
		{ "file a", false, "b", 0, none },
		{ "file a", false, "aa", 0, none },
		{ "file { a b }", true, "b", 0, NULL },
		{ "file { \"a*\" b }", true, "axx", 0, NULL },
		{ "file a\nfile b", true, "b", 0, NULL },
		{ "file a\nallow read", true, "a", 0, no },
		{ "file \"*\"", false, name, 511, NULL },
		{ "file \"*\"", false, name, 512, long_ },
		{ "file \"ab\"", false, "abc", 2, NULL },
	};
	/* clang-format on */
	const char *why;
	struct conf *c;
	size_t i;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	for (i = 0; i < ROWS(rows); i++) {
		snprintf(text, sizeof(text), P "tftp { %s\n}\n", rows[i].text);
		c = good(text);
		print_message("%s\n", rows[i].text);
		why = conf_tftp_forbids(&c->tftp, rows[i].write,
		    (struct span) { rows[i].file,
			rows[i].len > 0 ? rows[i].len : strlen(rows[i].file) });
		if (rows[i].why == NULL)
			assert_null(why);
		else {
			assert_non_null(why);
			assert_string_equal(why, rows[i].why);
		}
		conf_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_has_its_bounds),
		cmocka_unit_test(sizes_and_marks_have_units),
		cmocka_unit_test(a_name_has_its_bounds),
		cmocka_unit_test(some_names_have_a_form),
		cmocka_unit_test(a_list_has_its_bounds),
		cmocka_unit_test(lists_are_nested_so_deeply),
		cmocka_unit_test(a_forced_table_is_allowed_once),
		cmocka_unit_test(tftp_forbids_what_no_pattern_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
