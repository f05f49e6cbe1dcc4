/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_MERGE_H
#define CAPTURE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/*
 * Frames of several handles in the order of their time stamps.
 *
 * Each handle gives its own frames in order, but fills when it likes.  A
 * frame may be handed on once every other handle either holds a later frame
 * or was found empty after the frame's time: what arrives there afterwards
 * is later.  One frame of each handle is held, and stays held until its turn
 * comes, however many calls that takes.
 *
 * Knows neither libpcap nor the clock: both are the source's, and so a test
 * can arrange any order of events.
 */
#define MERGE_MAX 32

struct merge_frame {
	int64_t ts; /* microseconds, of the clock that the source tells */
	const void *head;
	const unsigned char *bytes; /* valid until the handle's next read */
};

struct merge_source {
	void *ctx;
	/* The next frame of handle i: 1, 0 for none at present, -1 for gone. */
	int (*read)(void *ctx, size_t i, struct merge_frame *out);
	/* The time now, by the clock that stamps the frames. */
	int64_t (*clock)(void *ctx);
};

struct merge {
	struct merge_frame held[MERGE_MAX];
	bool holds[MERGE_MAX];
	int64_t empty_at[MERGE_MAX]; /* when last found empty */
};

/*
 * Before the first merge_next() of each round: what was found empty in an
 * earlier round is read again.
 */
void merge_begin(struct merge *m, size_t n);

/*
 * The earliest frame of n handles, and the handle that has it.  PH_EAGAIN:
 * every handle was found empty in this round, so that the kernel will announce
 * whatever comes next.  PH_EGONE: a handle is no more.
 */
PH_NODISCARD enum ph_err merge_next(struct merge *m, size_t n,
    const struct merge_source *source, size_t *which, struct merge_frame *out);

#endif
