/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "src/base/clock.h"

/* Wall clock minus monotonic clock when clock_start() was called. */
static int64_t offset;

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
	return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
}

void
clock_start(void)
{
	offset = offset_now();
}

int64_t
clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC) + offset;
}

int64_t
clock_wall(int64_t now)
{
	return now - offset + offset_now();
}
