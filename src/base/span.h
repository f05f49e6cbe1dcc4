/* SPDX-License-Identifier: ISC */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A span: bytes that another struct owns.
 *
 * A span borrows: it is valid exactly as long as what it points into, needs no
 * NUL at its end and may contain NULs.  Everything that reads untrusted bytes
 * does so through a span (text) or a cursor (binary).
 */
struct span {
	const char *p;
	size_t len;
};

#define SPAN_LITERAL(s) ((struct span) { (s), sizeof(s) - 1 })

struct span span_of(const char *cstr);
bool span_eq(struct span a, struct span b);
bool span_eq_str(struct span a, const char *cstr);
bool span_caseeq_str(struct span a, const char *cstr); /* ASCII only */
bool span_has_prefix(struct span a, const char *cstr);
int span_cmp(struct span a, struct span b);
struct span span_trim(struct span a); /* spaces and tabs, both ends */

/* `n` bytes from `off`; clipped to what is there. */
struct span span_sub(struct span a, size_t off, size_t n);

/* Index of `c`, or a.len. */
size_t span_find(struct span a, char c);

/*
 * Split off everything before the first `c`; *rest is what follows it (empty
 * with rest->p at the end when there is no `c`).
 */
struct span span_cut(struct span a, char c, struct span *rest);

/*
 * A decimal number of digits only: no sign, no blank, leading zeros allowed,
 * at most `max`.  Returns false for anything else, the empty span included.
 */
bool span_number(struct span a, uint64_t max, uint64_t *out);

#endif
