/* SPDX-License-Identifier: ISC */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/*
 * The one clock of a live run: microseconds since the epoch, as everywhere.
 *
 * It is set from the wall clock once, by the monitor before it forks, and
 * then advances with the monotonic clock: deadlines mean the same in every
 * process, and somebody who corrects the wall clock ends no call.  In a
 * replay the capture's time stamps are used instead, never this.
 */
void clock_start(void);
int64_t clock_now(void);

/*
 * `now` as the wall clock has it, which may have been set since clock_start().
 */
int64_t clock_wall(int64_t now);

#endif
