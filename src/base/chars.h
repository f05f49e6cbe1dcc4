/* SPDX-License-Identifier: ISC */
#ifndef BASE_CHARS_H
#define BASE_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/span.h"

/*
 * Kinds of text, as bits, and a table that gives for each byte the kinds of
 * text in which it may stand.  A look into the table is faster than comparisons
 * with one range after the other.  Bytes above ~ are of no kind.
 */
enum {
	CHARS_DIGIT = 0x001,
	CHARS_ALNUM = 0x002,   /* ASCII letters and digits */
	CHARS_NAME = 0x004,    /* those and the blank */
	CHARS_HOST = 0x008,    /* those without the blank, - and . */
	CHARS_WORD = 0x010,    /* a token without % ' and ` */
	CHARS_TOKEN = 0x020,   /* token, RFC 3261 section 25.1 */
	CHARS_PARAM = 0x040,   /* visible, and no " , ; < > \ */
	CHARS_VISIBLE = 0x080, /* ! to ~ */
	CHARS_JSON = 0x100,    /* stands for itself in JSON, RFC 8259 */
};

extern const uint16_t chars_kinds[256];

/* How many bytes at the start of `s` are of that kind. */
static inline size_t
chars_run(struct span s, unsigned int kind)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((chars_kinds[(unsigned char)s.p[i]] & kind) == 0)
			break;
	return i;
}

static inline bool
chars_all(struct span s, unsigned int kind)
{
	return chars_run(s, kind) == s.len;
}

#endif
