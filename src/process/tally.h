/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_TALLY_H
#define PROCESS_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/counters.h"
#include "src/base/err.h"
#include "src/process/checkpoint.h"

/*
 * The counters of a process, and those of its predecessors, which are a record
 * in its journal.
 *
 * The record is written every TALLY_EVERY, and before the counters are told to
 * anybody, so no reader sees a counter go back.  After kill -9, what was
 * counted since the last record is lost.
 */
#define TALLY_KEY   0 /* of the record; other records count from 1 */
#define TALLY_EVERY (10 * INT64_C(1000000))

struct tally {
	/* Put each counter of the process. */
	void (*list)(void *ctx, struct counters *c);
	void *ctx;
	struct counters_before before;
	int64_t written_at;
	char written[COUNTERS_RECORD_MAX]; /* the record as it is now */
	size_t written_len;
};

/* The record was read. */
void tally_adopt(struct tally *t, const void *p, size_t len);

/* Write the record, if it has changed.  Without a journal, do nothing. */
PH_NODISCARD enum ph_err tally_write(struct tally *t,
    struct checkpoint *journal, int64_t now);
/* Write the counters if it is time. */
PH_NODISCARD enum ph_err tally_run(struct tally *t, struct checkpoint *journal,
    int64_t now);

/* Counters and gauges, after tally_write(). */
void tally_tell(struct tally *t, enum counters_form form, struct strbuf *out);
void tally_each(struct tally *t,
    void (*each)(void *ctx, const char *name, uint64_t v, bool gauge),
    void *ctx);

#endif
