/* SPDX-License-Identifier: ISC */
#ifndef PINHOLECTL_OUTPUT_H
#define PINHOLECTL_OUTPUT_H

#include <jansson.h>

#include "src/base/strbuf.h"
#include "src/status/verbs.h"

/*
 * An object of an answer as a line for a person.  Text from the network, which
 * is the Call-ID, is escaped.
 */
void output_text(enum verb verb, const json_t *o, struct strbuf *out);
/* From now on, of a long Call-ID only the beginning. */
void output_for_terminal(void);
/* The line above the first; NULL: none. */
const char *output_heading(enum verb verb);

const char *output_string(const json_t *o, const char *key); /* "-": none */
/* 0: none. */
double output_number(const json_t *o, const char *key);
/* "1h02m" */
void output_duration(long s, char buf[32]);

#endif
