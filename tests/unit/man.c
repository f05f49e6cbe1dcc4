/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/reason.h"
#include "src/conf/conf.h"
#include "src/fw/fw.h"
#include "tests/unit/unit.h"
#ifdef HAVE_NFTABLES
#include "nft/table.h"
#endif

/*
 * The examples of the manuals are what the program reads and writes.  A comment
 * before a display says what it is:
 *
 *	.\" example	a configuration
 *	.\" nft-table	lines of our table, in order, some left out
 *	.\" nft-rules	the rules of the two pinholes that the page tells of
 *	.\" pf-rules	the same
 */
#define TEXT_MAX 65536

static char page[TEXT_MAX];

static void
read_page(const char *name)
{
	char path[512];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", MAN_DIR, name);
	assert_non_null(f = fopen(path, "r"));
	n = fread(page, 1, sizeof(page) - 1, f);
	assert_true(n > 0 && n < sizeof(page) - 1);
	page[n] = '\0';
	fclose(f);
}

/*
 * The text of the next display marked so, from *at; false if there is none.
 * \e and \& are undone.
 */
static bool
next_display(const char **at, const char *mark, char *out)
{
	char line[64];
	const char *p;
	size_t n = 0;

	snprintf(line, sizeof(line), "\n.\\\" %s\n.Bd ", mark);
	if ((p = strstr(*at, line)) == NULL)
		return false;
	p = strchr(p + strlen(line), '\n');
	assert_non_null(p);
	for (p++; strncmp(p, ".Ed\n", 4) != 0; p++) {
		assert_true(*p != '\0' && n < TEXT_MAX - 1);
		if (p[0] == '\\' && p[1] == '&')
			p++;
		else if (p[0] == '\\' && p[1] == 'e') {
			out[n++] = '\\';
			p++;
		} else
			out[n++] = *p;
	}
	out[n] = '\0';
	*at = p;
	return true;
}

/* A configuration that is printed is read as the same. */
static void
print_and_read(const struct conf *c)
{
	char *once = NULL, *twice = NULL;
	struct conf *again;
	size_t len;
	FILE *f;

	assert_non_null(f = open_memstream(&once, &len));
	conf_print(c, f);
	fclose(f);
	assert_int_equal(conf_parse(&again, span_of(once), "printed", NULL, 0,
			     stderr),
	    PH_OK);
	assert_non_null(f = open_memstream(&twice, &len));
	conf_print(again, f);
	fclose(f);
	assert_string_equal(once, twice);
	conf_free(again);
	free(once);
	free(twice);
}

static void
every_example_is_a_configuration(void **state)
{
	static char text[TEXT_MAX];
	const char *at = page;
	struct conf *c;
	int n = 0;

	(void)state;
	read_page("pinholed.conf.5");
	while (next_display(&at, "example", text)) {
		print_message("%s", text);
		assert_int_equal(conf_parse(&c, span_of(text), "example", NULL,
				     0, stderr),
		    PH_OK);
		print_and_read(c);
		conf_free(c);
		n++;
	}
	assert_int_equal(n, 11);
}

/* The n-th paragraph on a setting has this number as a word of its own. */
static void
assert_default(const char *setting, int n, unsigned long value,
    const char *suffix)
{
	char item[64], number[32];
	const char *at = page, *end, *p;
	size_t len;

	snprintf(item, sizeof(item), "\n.It Ic %s ", setting);
	snprintf(number, sizeof(number), "%lu%s", value, suffix);
	len = strlen(number);
	for (; n > 0; n--) {
		at = strstr(at, item);
		assert_non_null(at);
		at += strlen(item);
	}
	end = strstr(at, "\n.It ");
	for (p = at; (p = strstr(p, number)) != NULL && p < end; p += len)
		if (strchr(" (", p[-1]) != NULL &&
		    !isalnum((unsigned char)p[len]))
			return;
	fail_msg("%s: the default is %s", setting, number);
}

static void
every_default_is_the_one_in_force(void **state)
{
	static const char text[] =
	    "protect 192.0.2.1\n"
	    "sip {}\n"
	    "ftp { proxy on 127.0.0.1 port 8021 }\n"
	    "tftp { proxy on 127.0.0.1 port 6969 }\n"
	    "tables { listen on 127.0.0.1 allow spammer }\n";
	struct conf *c;

	(void)state;
	read_page("pinholed.conf.5");
	assert_int_equal(conf_parse(&c, span_of(text), "defaults", NULL, 0,
			     stderr),
	    PH_OK);
	assert_default("buffer", 1, c->buffer >> 20, "m");
	assert_default("limit", 1, c->sip.limit_calls, "");
	assert_default("limit", 1, c->sip.limit_per_source, "");
	assert_default("limit", 1, c->sip.limit_rate, "");
	assert_default("limit", 1, c->sip.limit_streams, "");
	assert_default("timeout", 1, c->sip.timeout_setup, "");
	assert_default("timeout", 1, c->sip.timeout_idle, "");
	assert_default("timeout", 1, c->sip.timeout_max, "");
	assert_default("timeout", 2, c->ftp.timeout, "");
	assert_default("max sessions", 1, c->ftp.proxy[0].max_sessions, "");
	assert_default("timeout", 3, c->ftp.proxy[0].timeout, "");
	assert_default("timeout", 4, c->tftp.timeout, "");
	assert_default("proxy", 2, c->tftp.proxy[0].max_sessions, "");
	assert_default("proxy", 2, c->tftp.proxy[0].timeout, "");
	assert_default("listen", 1, c->tables.listen.port, "");
	assert_default("timeout", 5, c->tables.timeout, "");
	assert_default("max", 2, c->tables.max, "");
	conf_free(c);
}

/* Join continued lines, and let any white space be one space. */
static void
normalize(char *s)
{
	size_t i, n = 0;
	bool blank = true;

	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] == '\\' && s[i + 1] == '\n')
			i++;
		else if (s[i] == '\n') {
			while (n > 0 && s[n - 1] == ' ')
				n--;
			if (n > 0 && s[n - 1] != '\n')
				s[n++] = '\n';
			blank = true;
		} else if (s[i] != ' ' && s[i] != '\t') {
			s[n++] = s[i];
			blank = false;
		} else if (!blank) {
			s[n++] = ' ';
			blank = true;
		}
	}
	while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == ' '))
		n--;
	s[n] = '\0';
}

static const struct fw_config config = { .name = "pinholed", .mark = 0x10000 };

/*
 * The rules that the page shows for pinholes 7 and 8 are those of the backend.
 */
static void
assert_rules(const char *mark, const struct fw_ops *ops)
{
	static char expected[TEXT_MAX], found[TEXT_MAX];
	struct strbuf b = strbuf_of(found, sizeof(found));
	const struct addr phone = addr_v4(198, 51, 100, 7);
	const struct addr pbx = addr_v4(192, 0, 2, 20);
	const struct pinhole in = { .id = 7,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.from = prefix_host(&phone),
		.to = pbx,
		.to_lo = 10000,
		.to_hi = 10001 };
	const struct pinhole out = { .id = 8,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_OUT,
		.from = prefix_host(&pbx),
		.to = phone,
		.to_lo = 4000,
		.to_hi = 4001 };
	const char *at = page;

	read_page("pinholed.8");
	assert_true(next_display(&at, mark, expected));
	normalize(expected);
	ops->explain(&config, &in, &b);
	strbuf_str(&b, "\n");
	ops->explain(&config, &out, &b);
	assert_false(b.full);
	normalize(found);
	assert_string_equal(found, expected);
}

static void
every_reason_is_explained(void **state)
{
	char item[64];
	int r;

	(void)state;
	read_page("pinholed.8");
	for (r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		snprintf(item, sizeof(item), "\n.It Cm %s\n",
		    reason_name((enum reason)r));
		if (strstr(page, item) == NULL)
			print_message("not in the manual:%s", item);
		assert_non_null(strstr(page, item));
	}
}

static void
the_pf_rules_are_those_that_are_made(void **state)
{
	(void)state;
	assert_rules("pf-rules", &fw_pf_text);
}

#ifdef HAVE_NFTABLES
static void
the_nft_elements_are_those_that_are_added(void **state)
{
	(void)state;
	assert_rules("nft-rules", &fw_nftables);
}

static void
the_nft_table_is_the_one_that_is_created(void **state)
{
	static char shown[TEXT_MAX], real[TEXT_MAX];
	struct strbuf b = strbuf_of(real, sizeof(real));
	const char *at = page;
	char *from, *line, *rest;
	size_t len;
	int n = 0;

	(void)state;
	read_page("pinholed.8");
	assert_true(next_display(&at, "nft-table", shown));
	normalize(shown);
	(void)table_text(&b, &config, PART_BASE);
	assert_false(b.full);
	normalize(real);
	/* Each line of the page, behind the one before it. */
	from = real;
	for (rest = shown; (line = strsep(&rest, "\n")) != NULL; n++) {
		len = strlen(line);
		while ((from = strstr(from, line)) != NULL &&
		    ((from > real && from[-1] != '\n') ||
			(from[len] != '\n' && from[len] != '\0')))
			from++;
		if (from == NULL)
			print_message("not in the table: %s\n", line);
		assert_non_null(from);
		from += len;
	}
	assert_in_range(n, 30, 60);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_is_a_configuration),
		cmocka_unit_test(every_default_is_the_one_in_force),
		cmocka_unit_test(every_reason_is_explained),
		cmocka_unit_test(the_pf_rules_are_those_that_are_made),
#ifdef HAVE_NFTABLES
		cmocka_unit_test(the_nft_elements_are_those_that_are_added),
		cmocka_unit_test(the_nft_table_is_the_one_that_is_created),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
