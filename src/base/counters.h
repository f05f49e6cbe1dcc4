/* SPDX-License-Identifier: ISC */
#ifndef BASE_COUNTERS_H
#define BASE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/strbuf.h"

/*
 * Counters as text, for people and programs, and as a record for the process
 * that comes next.
 *
 * A counter only grows.  A process that is replaced leaves a record of its
 * counters, and its successor adds them to its own, so that no counter goes
 * back.  A gauge is a number of what there is now; it is in no record.
 *
 * A record is one "name value" a line.  It is read as untrusted: of a name
 * that is not ours nothing is ever printed, and there is an end to how many
 * are kept.
 */
#define COUNTERS_MAX	    256
#define COUNTERS_NAME	    32
#define COUNTERS_RECORD_MAX 8192

/* The counters of earlier processes. */
struct counters_before {
	struct {
		char name[COUNTERS_NAME];
		uint64_t value;
	} v[COUNTERS_MAX];
	size_t n;
};

enum counters_form {
	COUNTERS_LINES,	 /* "name value\n" */
	COUNTERS_WORDS,	 /* "name=value", with a space between two */
	COUNTERS_RECORD, /* as lines, without gauges */
	COUNTERS_EACH,	 /* no text: each() is called */
};

struct counters {
	enum counters_form form;
	struct strbuf *out;
	const struct counters_before *before; /* NULL: none */
	const char *prefix; /* of names in a record; NULL: none */
	/* COUNTERS_EACH alone; the name is good until it returns. */
	void (*each)(void *ctx, const char *name, uint64_t v, bool gauge);
	void *ctx;
};

void counters_put(struct counters *c, const char *name, uint64_t v);
void counters_put_gauge(struct counters *c, const char *name, uint64_t v);

/* Replace what is in `before` by a record. */
void counters_adopt(struct counters_before *before, const void *p, size_t len);

#endif
