/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_OUTPUT_H
#define PROCESS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Lines to a descriptor whose reader may be slow: a person who has paused the
 * terminal, a program that is busy.  They wait here, up to OUTPUT_MAX bytes,
 * and never in the way of a call.  The descriptor is shared with others and
 * is left as blocking as it was.
 */
#define OUTPUT_MAX (64u << 20)

struct event_base;
struct output;

struct output *output_new(struct event_base *base, int fd);
void output_line(struct output *o, const char *text); /* adds the newline */
void output_flush(struct output *o); /* now, as far as the reader keeps up */
uint64_t output_lost(const struct output *o); /* lines there was no room for */

/* Writes what is left, for at most two seconds. */
void output_free(struct output *o);

#endif
