/* SPDX-License-Identifier: ISC */
/*
 * The edges of the language: too much for the memory or for a reader, words
 * that are nearly right, and every form of a server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/conf/parse.h"
#include "tests/unit/conf_unit.h"

/* Allocations fail once so many have worked; -1: none fails. */
static int allocations = -1;

void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__real_strdup(const char *s);

static bool
fails(void)
{
	if (allocations > 0)
		allocations--;
	return allocations == 0;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

/* One of everything, with macros, lists and places. */
static const char everything[] =
    "hosts = \"192.0.2.10 192.0.2.20\"\nnet = 192.0.2.0/24\n"
    "protect { $net 2001:db8::/32 }\ninterface { em0 em1 }\nuser me\n"
    "state \"/s\"\ncontrol \"/c\"\n"
    "sip {\n port { 5060 5061 }\n server { $hosts }\n media { $net }\n"
    " remote signalling\n symmetric { 203.0.113.1 }\n"
    " external 203.0.113.10 for 192.0.2.10\n inline yes\n}\n"
    "ftp { port { 21 2121 }\n proxy on 127.0.0.1 port 8021\n"
    " proxy on 127.0.0.2 port 8021\n}\n"
    "tftp { file { \"a*\" \"b\" }\n proxy on 127.0.0.1 port 6969\n}\n"
    "tables { listen on 192.0.2.1\n key \"/k\"\n key \"name\" \"/l\"\n"
    " allow { bad good }\n force worse\n never { 192.0.2.1 }\n}\n"
    "hep { listen on 192.0.2.1 from { 192.0.2.10 }\n key \"/h\"\n}\n"
    "status { listen on 127.0.0.1 }\n"
    "share redis \"192.0.2.7:6380\" group \"g\" key \"/s\"\n";

static enum ph_err
parse_with(int n, struct conf **c)
{
	static const struct conf_define defines[] = { { "net",
	    "192.0.2.0/25" } };
	FILE *f = fmemopen(said, sizeof(said), "w");
	enum ph_err rc;

	assert_non_null(f);
	said[0] = '\0';
	/* Its buffer is not the parser's to allocate. */
	setvbuf(f, NULL, _IONBF, 0);
	allocations = n;
	rc = conf_parse(c, span_of(everything), "x", defines, 1, f);
	allocations = -1;
	fclose(f);
	return rc;
}

static void
without_memory_there_is_none(void **state)
{
	struct conf *c;
	enum ph_err rc;
	int n;

	(void)state;
	for (n = 1;; n++) {
		c = NULL;
		rc = parse_with(n, &c);
		if (rc != PH_ENOMEM)
			break;
		assert_null(c);
	}
	print_message("%d allocations\n%s", n, said);
	assert_int_equal(rc, PH_OK);
	assert_true(n > 100);
	conf_free(c);
}

static size_t
lines_said(void)
{
	const char *p = said;
	size_t n = 0;

	while ((p = strchr(p, '\n')) != NULL) {
		n++;
		p++;
	}
	return n;
}

/* clang-format off */
static const struct {
	const char *what, *before, *line;
	size_t times;
	size_t lines;	/* that are said of it */
} rows[] = {
	{ "99 mistakes",	"", "nonsense\n", 99, 99 },
	{ "100 mistakes",	"", "nonsense\n", 100, 101 },
	{ "more",		"", "nonsense\n", 101, 101 },
	{ "control bytes",	"", "\x01", 5000, 101 },
	{ "in a comment",	"# ", "\x01", 5000, 101 },
	{ "bytes of no text",	"", "\xff", 5000, 101 },
	{ "backslashes",	"", "\\ ", 5000, 101 },
	{ "macros in a word",	"", "a$b", 5000, 101 },
	{ "macros alone",	"", "$b ", 5000, 101 },
	{ "names",		"", "= = ", 5000, 1 },
	{ "strings without end", "", "\"a\n", 5000, 101 },
	{ "braces",		"", "{ ", 5000, 1 },
	{ "closing braces",	"", "} ", 5000, 1 },
	{ "entries",		"sip { media { ", "192.0.2.1 ", 20000, 1 },
};
/* clang-format on */

static void
what_is_said_comes_to_an_end(void **state)
{
	static char text[1 << 19];
	struct conf *c;
	size_t i, k, len, at;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		strlcpy(text, P, sizeof(text));
		strlcat(text, rows[i].before, sizeof(text));
		at = strlen(text);
		len = strlen(rows[i].line);
		assert_true(at + rows[i].times * len < sizeof(text));
		for (k = 0; k < rows[i].times; k++)
			memcpy(text + at + k * len, rows[i].line, len);
		text[at + k * len] = '\0';
		assert_int_equal(parse(&c, text, NULL, 0), PH_EMALFORMED);
		print_message("%s: %zu lines, %.60s\n", rows[i].what,
		    lines_said(), said);
		assert_int_equal(lines_said(), rows[i].lines);
	}
}

/* clang-format off */
static const struct {
	const char *text, *nearest;
} words[] = {
	{ "protect", "protect" },
	{ "portect", "protect" },	/* two changed */
	{ "protxxt", "protect" },
	{ "proxxxt", "" },
	{ "protec", "protect" },	/* missing */
	{ "rotec", "protect" },
	{ "rote", "" },
	{ "protects", "protect" },	/* too many */
	{ "xprotectx", "protect" },
	{ "xxprotectx", "" },
	{ "xrotec", "protect" },	/* one of each */
	{ "prt", "port" },
	{ "sp", "sip" },
	{ "us", "" },			/* nothing of it would be left */
	{ "use", "user" },
	{ "", "" },
	/* The first of two that are as near. */
	{ "seat", "state" },
	{ "sear", "user" },
	/* Long ones are compared up to 31 bytes. */
	{ "a234567890123456789012345678902", "a234567890123456789012345678901" },
	{ "a2345678901234567890123456789012", "" },
};
/* clang-format on */

static void
a_word_that_is_nearly_right_is_named(void **state)
{
	static const char *const list[] = { "protect", "port", "user", "state",
		"sip", "a234567890123456789012345678901" };
	struct span v[ROWS(list)], got;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(list); i++)
		v[i] = span_of(list[i]);
	for (i = 0; i < ROWS(words); i++) {
		got = conf_nearest(span_of(words[i].text), v, ROWS(list));
		print_message("%s: %.*s\n", words[i].text, (int)got.len, got.p);
		assert_true(span_eq_str(got, words[i].nearest));
	}
}

/* clang-format off */
static const struct {
	const char *text, *server;	/* NULL: an error */
} servers[] = {
	{ "192.0.2.1", "192.0.2.1:6379" },
	{ "192.0.2.1:1", "192.0.2.1:1" },
	{ "192.0.2.1:65535", "192.0.2.1:65535" },
	{ "192.0.2.1:65536", NULL },
	{ "192.0.2.1:0", NULL },
	{ "192.0.2.1:x", NULL },
	{ "[2001:db8::1]", "[2001:db8::1]:6379" },
	{ "[2001:db8::1]:6380", "[2001:db8::1]:6380" },
	{ "[2001:db8::1]6380", NULL },
	{ "[2001:db8::1]:0", NULL },
	{ "[2001:db8::1", NULL },
	{ "[]", NULL },
	{ "2001:db8::1", NULL },
};
/* clang-format on */

static void
a_server_has_an_address_and_maybe_a_port(void **state)
{
	char text[128], at[ADDR_STRLEN];
	enum ph_err rc;
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(servers); i++) {
		snprintf(text, sizeof(text),
		    P "share redis \"%s\" group \"g\"\n", servers[i].text);
		rc = parse(&c, text, NULL, 0);
		print_message("%s\n", servers[i].text);
		assert_int_equal(rc,
		    servers[i].server != NULL ? PH_OK : PH_EMALFORMED);
		if (rc != PH_OK)
			continue;
		assert_string_equal(endpoint_format(&c->share.server, at),
		    servers[i].server);
		conf_free(c);
	}
}

/* Whose media may come, as one would write it. */
static void
remotes_are_printed_as_they_were_read(void **state)
{
	static const char *const remotes[] = { "both", "sdp", "signalling",
		"any", "{ 198.51.100.0/24 2001:db8::/32 }" };
	char text[128], want[96], *printed;
	struct conf *c;
	size_t i, len;
	FILE *f;

	(void)state;
	for (i = 0; i < ROWS(remotes); i++) {
		snprintf(text, sizeof(text), P "sip { remote %s }\n",
		    remotes[i]);
		snprintf(want, sizeof(want), "\n\tremote %s\n", remotes[i]);
		c = good(text);
		f = open_memstream(&printed, &len);
		assert_non_null(f);
		conf_print(c, f);
		fclose(f);
		assert_non_null(strstr(printed, want));
		free(printed);
		conf_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_memory_there_is_none),
		cmocka_unit_test(what_is_said_comes_to_an_end),
		cmocka_unit_test(a_word_that_is_nearly_right_is_named),
		cmocka_unit_test(a_server_has_an_address_and_maybe_a_port),
		cmocka_unit_test(remotes_are_printed_as_they_were_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
