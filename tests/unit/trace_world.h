/* SPDX-License-Identifier: ISC */
#ifndef TESTS_TRACE_WORLD_H
#define TESTS_TRACE_WORLD_H

#include "src/engine/engine.h"
#include "tests/unit/unit.h"

/*
 * An engine, and everything that comes out of it as text: changes for the
 * packet filter, events, checkpoints, what other boxes and the status process
 * are told, lines for an administrator, the counters that changed, and when its
 * next timer is due.  Times are shown in seconds after TRACE_BEGAN.
 */
#define TRACE_BEGAN (INT64_C(1700000000) * USEC_PER_SEC)
#define TRACE_ROOM  64 /* records and pinholes */

struct trace_record {
	uint64_t key;
	size_t len;
	uint8_t bytes[16384];
};

extern struct trace {
	struct conf *conf;
	struct engine *engine;
	struct engine_place place; /* for trace_begin() */
	bool journal, shares;	   /* likewise */
	int64_t now, next;
	struct strbuf out;
	struct pinhole hole[TRACE_ROOM]; /* in the packet filter */
	size_t nholes;
	struct trace_record record[TRACE_ROOM]; /* in the journal */
	size_t nrecords;
	struct trace_record shared; /* the last that other boxes were told */
} trace;

void trace_begin(void); /* a new engine */
void trace_end(void);
void trace_time(int64_t at);
void trace_hole(const struct pinhole *h);
/* What all calls and pinholes are, as the status process is shown them. */
void trace_view(void);
/* Counters that differ from the last time, and when a timer is due. */
void trace_changes(void);

/* The words for all that may be in a story, by this configuration. */
void trace_words(void);
void trace_report(void); /* the data of the page of --report */

#endif
