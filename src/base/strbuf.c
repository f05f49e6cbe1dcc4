/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/strbuf.h"

struct strbuf
strbuf_of(char *array, size_t size)
{
	struct strbuf b = { array, size, 0, false };

	if (size > 0)
		array[0] = '\0';
	return b;
}

void
strbuf_reset(struct strbuf *b)
{
	*b = strbuf_of(b->p, b->size);
}

void
strbuf_add(struct strbuf *b, struct span s)
{
	size_t room = b->size > 0 ? b->size - 1 - b->len : 0;

	if (s.len > room) {
		s.len = room;
		b->full = true;
	}
	if (s.len == 0)
		return;
	memcpy(b->p + b->len, s.p, s.len);
	b->len += s.len;
	b->p[b->len] = '\0';
}

char *
strbuf_room(struct strbuf *b, size_t n)
{
	char *p;

	if (b->size == 0 || n > b->size - 1 - b->len) {
		b->full = true;
		return NULL;
	}
	p = b->p + b->len;
	b->len += n;
	b->p[b->len] = '\0';
	return p;
}

void
strbuf_str(struct strbuf *b, const char *cstr)
{
	strbuf_add(b, span_of(cstr));
}

void
strbuf_uint(struct strbuf *b, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	strbuf_add(b,
	    (struct span) { p, (size_t)(digits + sizeof(digits) - p) });
}

void
strbuf_fmt(struct strbuf *b, const char *fmt, ...)
{
	size_t room = b->size - b->len;
	va_list ap;
	int n;

	if (b->size == 0)
		return;
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		b->full = true;
		b->len = n < 0 ? b->len : b->size - 1;
		b->p[b->len] = '\0';
	} else
		b->len += (size_t)n;
}

void
strbuf_vis(struct strbuf *b, struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			strbuf_add(b, span_sub(s, i, 1));
		else
			strbuf_fmt(b, "\\x%02x", c);
	}
}
