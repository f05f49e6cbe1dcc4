/* SPDX-License-Identifier: ISC */
#ifndef STATUS_VERBS_H
#define STATUS_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"
#include "src/base/strbuf.h"

/*
 * What can be said on the control socket, and to pinholectl: one table, from
 * which both read, and from which the completions of shells are made.
 *
 * A line is words with blanks between them.  A word of the table may be
 * shortened as far as no other begins so.  Pure.
 */
enum verb {
	VERB_SHOW_SUMMARY,
	VERB_SHOW_CALLS,
	VERB_SHOW_PINHOLES,
	VERB_SHOW_TABLES,
	VERB_SHOW_PEERS,
	VERB_SHOW_COUNTERS,
	VERB_SHOW_CONFIG,
	VERB_MONITOR,
	VERB_TOP, /* of pinholectl alone */
	VERB_EXPLAIN,
	VERB_CLOSE,
	VERB_RELOAD,
	VERB_LOG_BRIEF,
	VERB_LOG_VERBOSE,
	VERB_CHECK,
	VERB_COUNT
};

enum verb_args {
	VERB_ARGS_NONE,
	VERB_ARGS_FILTER,  /* [address PREFIX] [call TEXT] ... */
	VERB_ARGS_ADDRESS, /* [address PREFIX] alone */
	VERB_ARGS_WHICH,   /* ID|CALL-ID */
};

struct verb_row {
	const char *word, *object; /* object: NULL for one word */
	enum verb_args args;
	bool changes; /* refused on the read-only socket */
	const char *help;
};
extern const struct verb_row verbs[VERB_COUNT];

/* The words before the values of a filter, in the order of enum verb_filter. */
enum verb_filter {
	VERB_FILTER_ADDRESS,
	VERB_FILTER_CALL,
	VERB_FILTER_OLDER,
	VERB_FILTER_STATE,
	VERB_FILTER_YOUNGER,
	VERB_FILTER_COUNT
};
extern const char *const verb_filters[VERB_FILTER_COUNT];
#define VERB_STATES 4
extern const char *const verb_states[VERB_STATES]; /* of calls */

#define VERB_LINE 1024 /* the longest line, without its newline */
#define VERB_CALL 256

struct request {
	enum verb verb;
	/* VERB_ARGS_WHICH: the word, and its value if it is a number, or 0. */
	char call[VERB_CALL + 1]; /* also what a Call-ID must begin with */
	uint64_t id;
	struct prefix address;	/* AF_UNSPEC: any */
	int state;		/* of verb_states; -1: any */
	int64_t older, younger; /* seconds; -1: any */
};

/*
 * PH_EMALFORMED with a sentence that names what is possible.  The words may
 * not contain control bytes.
 */
PH_NODISCARD enum ph_err verbs_parse(struct span line, struct request *out,
    struct strbuf *why);

/* The request as a line without abbreviations, as the daemon is told. */
void verbs_format(const struct request *r, struct strbuf *out);

#endif
