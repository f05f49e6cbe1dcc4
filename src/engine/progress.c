/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/engine/progress.h"

#define LOOK_EVERY 256 /* calls between two looks at the clock */
#define FIRST	   (USEC_PER_SEC / 2)
#define AGAIN	   (USEC_PER_SEC / 5)

static int64_t
clock_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

void
progress_begin(struct progress *p)
{
	*p = (struct progress) { .on = isatty(STDERR_FILENO) == 1 };
	p->began = clock_monotonic();
	p->next = p->began + FIRST;
}

/* Seconds that the rest takes, if it takes as long as what is done. */
static uint64_t
seconds_left(int64_t spent, uint64_t done, uint64_t size)
{
	if (done == 0 || size <= done)
		return 0;
	return (uint64_t)((double)spent / USEC_PER_SEC *
		   ((double)(size - done) / (double)done)) +
	    1;
}

static void
progress_show(struct progress *p, const struct capture *c,
    const struct engine *e, int64_t now)
{
	uint64_t done = 0, size = 0, messages, calls;

	engine_totals(e, &messages, &calls);
	fflush(stdout);
	fputs("\r\033[K", stderr);
	if (capture_progress(c, &done, &size) && size > 0)
		fprintf(stderr, "%.1f of %.1f MB, ", (double)done / 1e6,
		    (double)size / 1e6);
	fprintf(stderr, "%" PRIu64 " messages, %" PRIu64 " calls", messages,
	    calls);
	if (size > 0)
		fprintf(stderr, ", %" PRIu64 " s left",
		    seconds_left(now - p->began, done, size));
	fflush(stderr);
	p->shown = true;
}

void
progress_packet(struct progress *p, const struct capture *c,
    const struct engine *e)
{
	int64_t now;

	if (!p->on || ++p->packets % LOOK_EVERY != 0)
		return;
	if ((now = clock_monotonic()) < p->next)
		return;
	p->next = now + AGAIN;
	progress_show(p, c, e, now);
}

void
progress_wipe(struct progress *p)
{
	if (!p->shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	p->shown = false;
}
