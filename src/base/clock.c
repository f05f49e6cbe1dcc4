/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "src/base/clock.h"

/*
 * Two clocks are read one after the other, so their difference jitters by as
 * long as that takes.  Only a larger change is a clock that was set.
 */
#define JITTER 1000
#define TRIES  10

/* Wall clock minus monotonic clock when clock_start() was called, and now. */
static int64_t offset, offset_shown;

static int64_t
read_clock(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t
offset_now(void)
{
	int64_t before, wall, after;
	int tries;

	/* Once more, if we had to wait for the processor in between. */
	for (tries = 0; tries < TRIES; tries++) {
		before = read_clock(CLOCK_MONOTONIC);
		wall = read_clock(CLOCK_REALTIME);
		after = read_clock(CLOCK_MONOTONIC);
		if (after - before < JITTER)
			return wall - after;
	}
	return offset_shown;
}

void
clock_start(void)
{
	offset_shown = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
	offset = offset_shown = offset_now();
}

int64_t
clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC) + offset;
}

int64_t
clock_wall(int64_t now)
{
	int64_t fresh = offset_now();

	if (fresh - offset_shown > JITTER || offset_shown - fresh > JITTER)
		offset_shown = fresh;
	return now - offset + offset_shown;
}
