/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "src/base/wire.h"

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

uint8_t
cursor_enum(struct cursor *c, uint8_t max)
{
	uint8_t v = cursor_u8(c);

	if (v <= max)
		return v;
	c->bad = true;
	return 0;
}

bool
cursor_bool(struct cursor *c)
{
	return cursor_enum(c, 1) == 1;
}

struct addr
cursor_addr(struct cursor *c)
{
	struct addr a = { 0 };
	uint8_t n = cursor_u8(c);

	if (n != 0 && n != 4 && n != 16)
		c->bad = true;
	if (c->bad || n == 0)
		return a;
	cursor_copy(c, a.b, n);
	if (!c->bad)
		a.af = n == 4 ? AF_INET : AF_INET6;
	return a;
}

struct writer
writer_of(void *p, size_t size)
{
	return (struct writer) { p, size, 0, false };
}

/* Room for `n` more bytes, or NULL. */
static uint8_t *
writer_take(struct writer *w, size_t n)
{
	if (w->full || n > w->size - w->len) {
		w->full = true;
		return NULL;
	}
	w->len += n;
	return w->p + w->len - n;
}

static void
writer_uint(struct writer *w, uint64_t v, size_t n)
{
	uint8_t *p = writer_take(w, n);

	while (p != NULL && n-- > 0)
		*p++ = (uint8_t)(v >> 8 * n);
}

void
writer_u8(struct writer *w, uint8_t v)
{
	writer_uint(w, v, 1);
}

void
writer_u16(struct writer *w, uint16_t v)
{
	writer_uint(w, v, 2);
}

void
writer_u32(struct writer *w, uint32_t v)
{
	writer_uint(w, v, 4);
}

void
writer_u64(struct writer *w, uint64_t v)
{
	writer_uint(w, v, 8);
}

void
writer_copy(struct writer *w, const void *p, size_t n)
{
	uint8_t *to = writer_take(w, n);

	if (to != NULL && n > 0)
		memcpy(to, p, n);
}

void
writer_text(struct writer *w, const char *text, size_t size)
{
	uint8_t *to = writer_take(w, size);

	if (to == NULL)
		return;
	memset(to, 0, size);
	memcpy(to, text, strnlen(text, size));
}

void
writer_addr(struct writer *w, const struct addr *a)
{
	size_t n = addr_bytes(a->af);

	writer_u8(w, (uint8_t)n);
	writer_copy(w, a->b, n);
}
