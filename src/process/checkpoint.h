/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_CHECKPOINT_H
#define PROCESS_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/conf/conf.h"

/*
 * What the engine wants its successor to know: a journal of opaque records,
 * one per key, in two files that the monitor keeps open and every engine
 * inherits.
 *
 * The newest record of a key counts.  Each carries a checksum: a torn last
 * record, which is what kill -9 leaves, is as if it had never been written.
 * When more than half is garbage, the living are copied to the other file, a
 * few with each put, so that no call has to wait for it.
 *
 * Everything read is untrusted: the previous engine may have been taken over.
 */
#define CHECKPOINT_RECORD_MAX (128 * 1024)

struct checkpoint;

struct checkpoint_stats {
	uint64_t records; /* now */
	uint64_t live;	  /* bytes of them */
	uint64_t size;	  /* bytes of both files */
	uint64_t puts, dels, moved, switches;
	uint64_t damaged; /* files that ended in a record that was none */
};

/*
 * Open the journal in `fds`, which stay the caller's, and hand over each
 * record.  `limit` bounds the size of one file in bytes.  PH_EIO with errno,
 * or PH_ENOMEM.
 */
PH_NODISCARD enum ph_err checkpoint_open(struct checkpoint **out,
    const int fds[2], uint64_t limit,
    void (*record)(void *ctx, uint64_t key, const void *p, size_t len),
    void *ctx);
/*
 * How large one file of the engine's or the proxy's journal may become: near
 * what the limits of the configuration let it have to say.
 */
uint64_t checkpoint_limit_calls(const struct conf *conf);
uint64_t checkpoint_limit_tables(const struct conf *conf);

/* Records that were not synced are lost. */
void checkpoint_close(struct checkpoint *c);

/* PH_ELIMIT: larger than CHECKPOINT_RECORD_MAX, or the journal is full. */
PH_NODISCARD enum ph_err checkpoint_put(struct checkpoint *c, uint64_t key,
    const void *p, size_t len);
PH_NODISCARD enum ph_err checkpoint_del(struct checkpoint *c, uint64_t key);

/* Write what is gathered: once per batch of work. */
PH_NODISCARD enum ph_err checkpoint_sync(struct checkpoint *c);
/*
 * The same, but without `haste` records wait up to CHECKPOINT_WITHIN for
 * others, and a `kill -9` of their process loses what waits.  *next: when to be
 * called again.
 */
#define CHECKPOINT_WITHIN INT64_C(20000) /* microseconds */
PH_NODISCARD enum ph_err checkpoint_run(struct checkpoint *c, bool haste,
    int64_t now, int64_t *next);

void checkpoint_stats(const struct checkpoint *c, struct checkpoint_stats *out);

#endif
