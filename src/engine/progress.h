/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "src/capture/capture.h"
#include "src/engine/engine.h"

/*
 * How far a replay is, for a person who waits: one line on the standard error
 * output, written over itself, and only if that is a terminal.  The line comes
 * when the replay takes longer than half a second.
 *
 * Reads the clock, and nothing that it reads goes anywhere else.
 */
struct progress {
	bool on;    /* somebody looks */
	bool shown; /* there is a line to wipe */
	uint32_t packets;
	int64_t began, next; /* monotonic, microseconds */
};

void progress_begin(struct progress *p);
/* After each packet. */
void progress_packet(struct progress *p, const struct capture *c,
    const struct engine *e);
/* Wipe the line, before anything else is written or at the end. */
void progress_wipe(struct progress *p);

#endif
