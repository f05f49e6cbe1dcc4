/* SPDX-License-Identifier: ISC */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/span.h"

/*
 * Text being built in an array of the caller: always NUL-terminated, never past
 * its end.  Text that does not fit is dropped, and `full` is set.  Nothing is
 * allocated.
 */
struct strbuf {
	char *p;
	size_t size; /* of the array, NUL included */
	size_t len;  /* without the NUL */
	bool full;
};

struct strbuf strbuf_of(char *array, size_t size);
void strbuf_reset(struct strbuf *b);
void strbuf_add(struct strbuf *b, struct span s);
/* Room for `n` bytes, all of which the caller writes; NULL: it is full. */
char *strbuf_room(struct strbuf *b, size_t n);
void strbuf_str(struct strbuf *b, const char *cstr);
void strbuf_uint(struct strbuf *b, uint64_t v);
void strbuf_fmt(struct strbuf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Text from the wire for a person's terminal: control bytes, backslash and
 * everything outside printable ASCII become \xNN.
 */
void strbuf_vis(struct strbuf *b, struct span s);

#endif
