/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/span.h"

static char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

struct span
span_of(const char *cstr)
{
	return (struct span) { cstr, strlen(cstr) };
}

bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool
span_eq_str(struct span a, const char *cstr)
{
	return span_eq(a, span_of(cstr));
}

bool
span_caseeq_str(struct span a, const char *cstr)
{
	size_t i;

	for (i = 0; i < a.len; i++)
		if (cstr[i] == '\0' ||
		    ascii_lower(a.p[i]) != ascii_lower(cstr[i]))
			return false;
	return cstr[i] == '\0';
}

bool
span_has_prefix(struct span a, const char *cstr)
{
	size_t n = strlen(cstr);

	return a.len >= n && memcmp(a.p, cstr, n) == 0;
}

int
span_cmp(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (r != 0)
		return r;
	return a.len < b.len ? -1 : a.len > b.len;
}

struct span
span_trim(struct span a)
{
	while (a.len > 0 && (a.p[0] == ' ' || a.p[0] == '\t')) {
		a.p++;
		a.len--;
	}
	while (a.len > 0 && (a.p[a.len - 1] == ' ' || a.p[a.len - 1] == '\t'))
		a.len--;
	return a;
}

struct span
span_sub(struct span a, size_t off, size_t n)
{
	if (off > a.len)
		off = a.len;
	if (n > a.len - off)
		n = a.len - off;
	/* Empty may be a null pointer, to which nothing may be added. */
	return (struct span) { off > 0 ? a.p + off : a.p, n };
}

size_t
span_find(struct span a, char c)
{
	const char *q = a.len > 0 ? memchr(a.p, c, a.len) : NULL;

	return q != NULL ? (size_t)(q - a.p) : a.len;
}

struct span
span_cut(struct span a, char c, struct span *rest)
{
	size_t i = span_find(a, c);

	*rest = span_sub(a, i + 1, a.len);
	return span_sub(a, 0, i);
}

bool
span_number(struct span a, uint64_t max, uint64_t *out)
{
	uint64_t v = 0, digit;
	size_t i;

	if (a.len == 0)
		return false;
	for (i = 0; i < a.len; i++) {
		if (a.p[i] < '0' || a.p[i] > '9')
			return false;
		digit = (uint64_t)(a.p[i] - '0');
		if (v > (max - (digit > max ? max : digit)) / 10 ||
		    v * 10 + digit > max)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}
