/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nft/helper.h"

#define NAMES_MAX 16 /* helpers for SIP in one table */

struct names {
	struct span v[NAMES_MAX];
	size_t n;
};

/* Where `text` is in `line`; NULL: nowhere. */
static const char *
line_find(struct span line, const char *text)
{
	return memmem(line.p, line.len, text, strlen(text));
}

/* "ct helper NAME {" */
static struct span
helper_name(struct span line)
{
	static const char word[] = "ct helper ";
	struct span name, rest;

	if (!span_has_prefix(line, word))
		return (struct span) { NULL, 0 };
	name = span_cut(span_sub(line, sizeof(word) - 1, line.len), ' ', &rest);
	return span_has_prefix(rest, "{") ? name : (struct span) { NULL, 0 };
}

/* Does the rule say  ct helper set ... "NAME"  of one of them? */
static bool
sets_helper(struct span line, const struct names *names)
{
	const char *p = line_find(line, "ct helper set ");
	struct span value, rest;

	if (p == NULL)
		return false;
	line = span_sub(line, (size_t)(p - line.p), line.len);
	(void)span_cut(line, '"', &line);
	while (line.len > 0) {
		value = span_cut(line, '"', &rest);
		for (size_t i = 0; i < names->n; i++)
			if (span_eq(value, names->v[i]))
				return true;
		(void)span_cut(rest, '"', &line);
	}
	return false;
}

struct span
helper_sip_rule(struct span ruleset)
{
	struct span line, name = { NULL, 0 }, found;
	struct names sip = { .n = 0 };

	while (ruleset.len > 0) {
		line = span_trim(span_cut(ruleset, '\n', &ruleset));
		/* Names are those of one table, and come before its rules. */
		if (span_has_prefix(line, "table "))
			sip.n = 0;
		found = helper_name(line);
		if (found.len > 0)
			name = found;
		else if (span_has_prefix(line, "type \"sip\" ") &&
		    name.len > 0 && sip.n < NAMES_MAX)
			sip.v[sip.n++] = name;
		else if (span_has_prefix(line, "}"))
			name.len = 0;
		else if (sets_helper(line, &sip))
			return line;
	}
	return (struct span) { NULL, 0 };
}

bool
helper_sip_automatic(void)
{
	FILE *f = fopen("/proc/sys/net/netfilter/nf_conntrack_helper", "r");
	int c;

	if (f == NULL)
		return false;
	c = fgetc(f);
	fclose(f);
	return c == '1' && access("/sys/module/nf_conntrack_sip", F_OK) == 0;
}
