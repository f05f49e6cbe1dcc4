/* SPDX-License-Identifier: ISC */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/span.h"

/*
 * Bytes of the wire and of our own records, read and written.  Integers are
 * big-endian.  Knows no format: the caller checks the values.
 *
 * Reading has a sticky error (after knot's wire_ctx): read all fields, test
 * `bad` once.  A read past the end sets `bad`, yields 0 and leaves the position
 * alone.
 */
struct cursor {
	const uint8_t *p;
	size_t len;
	size_t pos;
	bool bad;
};

struct cursor cursor_of(const void *p, size_t len);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
void cursor_copy(struct cursor *c, void *dst, size_t n); /* zeros if bad */
void cursor_skip(struct cursor *c, size_t n);
struct span cursor_span(struct cursor *c, size_t n); /* empty if bad */
/* A number above `max` is bad, and read as 0. */
uint8_t cursor_enum(struct cursor *c, uint8_t max);
bool cursor_bool(struct cursor *c);
/* As writer_addr() wrote it; AF_UNSPEC for none. */
struct addr cursor_addr(struct cursor *c);

/*
 * Writing is the same the other way round: what does not fit sets `full`, and
 * nothing is written from there on.
 */
struct writer {
	uint8_t *p;
	size_t size, len;
	bool full;
};

struct writer writer_of(void *p, size_t size);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_copy(struct writer *w, const void *p, size_t n);
/* `size` bytes: as many of `text` as fit, then zeros. */
void writer_text(struct writer *w, const char *text, size_t size);
/*
 * The number of bytes (0, 4 or 16), then those; a family's own number
 * differs between systems.
 */
void writer_addr(struct writer *w, const struct addr *a);

#endif
