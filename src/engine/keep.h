/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_KEEP_H
#define ENGINE_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/log.h"
#include "src/process/checkpoint.h"
#include "src/process/tally.h"

/*
 * What the engine process keeps for its successor, in its journal.
 *
 * A record waits up to CHECKPOINT_WITHIN for others, and a call for as long
 * with what it has become, for the next message may change it again.  What has
 * opened is written at once.  Whatever fails is logged.
 */
struct engine;

struct keep {
	struct checkpoint *journal; /* NULL: none */
	bool adopting;		    /* reading it */
	uint64_t *stale;	    /* keys of records to delete */
	size_t nstale, maxstale;
	uint64_t opened;  /* engine_opened() when calls were last told */
	int64_t flush_at; /* what calls have become; 0: nothing waits */
	struct log_limit failed_log;
};

/* Hand over what a predecessor has kept.  Later, close k->journal. */
void keep_open(struct keep *k, const int fds[2], uint64_t limit,
    void (*record)(void *ctx, uint64_t key, const void *p, size_t len),
    void *ctx);

/* As engine_sink.checkpoint. */
void keep_record(struct keep *k, uint64_t key, const void *p, size_t len);

/*
 * After each turn: have the engine tell what has changed, and write.  `haste`:
 * nothing waits.  Returns when to be called next, at the latest.
 */
int64_t keep_write(struct keep *k, struct engine *e, struct tally *t,
    bool haste, int64_t now);
void keep_tally(struct keep *k, struct tally *t);
void keep_sync(struct keep *k);

#endif
