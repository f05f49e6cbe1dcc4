/* SPDX-License-Identifier: ISC */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include <stdint.h>

#include "src/base/span.h"
#include "src/base/strbuf.h"

/*
 * One JSON object on one line, keys in the order of the calls (RFC 8259).
 *
 * Strings come from the wire: bytes that are not valid UTF-8 are written as
 * U+FFFD, control characters as \u00NN, so that a line is always valid JSON.
 */
struct jsonw {
	struct strbuf *out;
	bool more; /* a member has been written */
};

struct jsonw jsonw_begin(struct strbuf *out);
void jsonw_end(struct jsonw *w); /* no newline */
void jsonw_str(struct jsonw *w, const char *key, struct span value);
/* A string alone, quoted, such as in an array. */
void jsonw_text(struct strbuf *out, struct span value);
void jsonw_uint(struct jsonw *w, const char *key, uint64_t value);
void jsonw_null(struct jsonw *w, const char *key);
/* Microseconds since the epoch as seconds with six decimals. */
void jsonw_time(struct jsonw *w, const char *key, int64_t usec);
/* A list of numbers, one after the other. */
void jsonw_list_begin(struct jsonw *w, const char *key);
void jsonw_list_uint(struct jsonw *w, uint64_t value);
void jsonw_list_end(struct jsonw *w);
/* An object as a value; `w` waits until jsonw_end() of the result. */
struct jsonw jsonw_object(struct jsonw *w, const char *key);

#endif
