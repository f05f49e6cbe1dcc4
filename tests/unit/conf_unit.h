/* SPDX-License-Identifier: ISC */
#ifndef TESTS_CONF_UNIT_H
#define TESTS_CONF_UNIT_H

#include <stdio.h>
#include <string.h>

#include "src/conf/conf.h"
#include "tests/unit/unit.h"

/* Shared by the tests of the configuration. */
#define P "protect 192.0.2.0/24\n"

/* Parse, and keep what was said in `said`. */
static char said[16384];

static inline enum ph_err
parse(struct conf **c, const char *text, const struct conf_define *d, size_t n)
{
	FILE *f = fmemopen(said, sizeof(said), "w");
	enum ph_err rc;

	assert_non_null(f);
	said[0] = '\0';
	rc = conf_parse(c, span_of(text), "x", d, n, f);
	fclose(f);
	return rc;
}

static inline struct conf *
good(const char *text)
{
	struct conf *c;
	enum ph_err rc = parse(&c, text, NULL, 0);

	if (rc != PH_OK)
		print_message("%s\n%s", text, said);
	assert_int_equal(rc, PH_OK);
	assert_string_equal(said, "");
	return c;
}

static inline void
assert_prefixes(const struct prefixes *v, const char *expected)
{
	char text[1024] = "", one[ADDR_STRLEN];
	size_t i;

	for (i = 0; i < v->n; i++) {
		if (i > 0)
			strlcat(text, " ", sizeof(text));
		strlcat(text, prefix_format(&v->v[i], one), sizeof(text));
	}
	assert_string_equal(text, expected);
}

#endif
