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

	*rest = span_sub(a, i < a.len ? i + 1 : i, a.len);
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

struct cursor
cursor_of(const void *p, size_t len)
{
	return (struct cursor) { p, len, 0, false };
}

size_t
cursor_left(const struct cursor *c)
{
	return c->bad ? 0 : c->len - c->pos;
}

static const uint8_t *
cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p;

	if (c->bad || n > c->len - c->pos) {
		c->bad = true;
		return NULL;
	}
	p = c->pos > 0 ? c->p + c->pos : c->p; /* may be null and empty */
	c->pos += n;
	return p;
}

static uint64_t
cursor_uint(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);
	uint64_t v = 0;
	size_t i;

	if (p == NULL)
		return 0;
	for (i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_uint(c, 1);
}

uint16_t
cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_uint(c, 2);
}

uint32_t
cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_uint(c, 4);
}

uint64_t
cursor_u64(struct cursor *c)
{
	return cursor_uint(c, 8);
}

void
cursor_copy(struct cursor *c, void *dst, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (n == 0)
		return;
	if (p != NULL)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

void
cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}

struct span
cursor_span(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	return (struct span) { (const char *)p, p != NULL ? n : 0 };
}
