/* SPDX-License-Identifier: ISC */
/*
 * Two handles fill as they please; what comes out must be everything, in the
 * order of its time, and whoever waits for the kernel must be woken.
 */
#include "tests/unit/unit.h"

#include <string.h>

#include "src/capture/merge.h"

#define HANDLES 2
#define FRAMES	5
#define READS	7 /* a frame arrives before one of so many reads, or later */

/*
 * Frame f has time f + 1.  It is the kernel's from before read number
 * when[f] on; a read takes all that the kernel has of one handle into the
 * library's own buffer, whence the following reads are served.
 */
struct world {
	size_t owner[FRAMES];
	size_t when[FRAMES];
	bool taken[FRAMES];  /* from the kernel */
	bool served[FRAMES]; /* from the library's buffer */
	size_t reads, arrived;
	bool gone;
	int64_t back; /* how far the clock was set back */
	struct merge merge;
	int64_t last; /* handed on */
	size_t n;
};

static void
arrive(struct world *w)
{
	while (w->arrived < FRAMES && w->when[w->arrived] <= w->reads)
		w->arrived++;
}

static bool
serve(struct world *w, size_t handle, struct merge_frame *out)
{
	size_t f;

	for (f = 0; f < FRAMES; f++)
		if (w->owner[f] == handle && w->taken[f] && !w->served[f]) {
			w->served[f] = true;
			out->ts = (int64_t)f + 1;
			return true;
		}
	return false;
}

static int
world_read(void *ctx, size_t handle, struct merge_frame *out)
{
	struct world *w = ctx;
	size_t f;

	if (w->gone)
		return -1;
	arrive(w);
	w->reads++;
	if (serve(w, handle, out))
		return 1;
	for (f = 0; f < w->arrived; f++)
		if (w->owner[f] == handle)
			w->taken[f] = true;
	return serve(w, handle, out) ? 1 : 0;
}

/* Some frames come between this and the read: the clock is then behind. */
static int64_t
world_clock(void *ctx)
{
	const struct world *w = ctx;

	return (int64_t)w->arrived - w->back;
}

static bool
readable(const struct world *w)
{
	size_t f;

	for (f = 0; f < w->arrived; f++)
		if (!w->taken[f])
			return true;
	return false;
}

/* As capture_dispatch() does; true: more is waiting. */
static bool
dispatch(struct world *w, size_t budget)
{
	const struct merge_source source = { w, world_read, world_clock };
	struct merge_frame f;
	enum ph_err rc = PH_OK;
	size_t which;

	merge_begin(&w->merge, HANDLES);
	while (budget-- > 0 &&
	    (rc = merge_next(&w->merge, HANDLES, &source, &which, &f)) ==
		PH_OK) {
		if (f.ts <= w->last || w->owner[f.ts - 1] != which)
			fail_msg("frame %d after %d", (int)f.ts, (int)w->last);
		w->last = f.ts;
		w->n++;
	}
	return rc == PH_OK;
}

/* Dispatch only when a handle is readable, or the last dispatch left frames. */
static void
play(const struct world *start, size_t budget)
{
	struct world w = *start;
	bool more = false;
	size_t turns;

	for (turns = 0; turns < 100; turns++) {
		arrive(&w);
		if (more || readable(&w))
			more = dispatch(&w, budget);
		else if (w.arrived < FRAMES)
			w.reads++; /* time passes */
		else
			break;
	}
	if (w.n != FRAMES)
		fail_msg("%zu of %d frames", w.n, FRAMES);
}

/* The next of all ways to arrive, each frame no earlier than its forerunner. */
static bool
next_arrival(struct world *w)
{
	size_t f = FRAMES, i;

	while (f-- > 0)
		if (w->when[f] < READS) {
			w->when[f]++;
			for (i = f + 1; i < FRAMES; i++)
				w->when[i] = w->when[f];
			return true;
		}
	return false;
}

static void
play_all(int64_t back)
{
	size_t owners, budget, f;
	struct world w;

	for (owners = 0; owners < 1u << FRAMES; owners++) {
		memset(&w, 0, sizeof(w));
		for (f = 0; f < FRAMES; f++)
			w.owner[f] = owners >> f & 1;
		w.back = back;
		do
			for (budget = 1; budget <= 4; budget++)
				play(&w, budget);
		while (next_arrival(&w));
	}
}

static void
every_interleaving_comes_out_whole_and_in_order(void **state)
{
	(void)state;
	play_all(0);
}

static void
a_clock_that_was_set_back_changes_nothing(void **state)
{
	(void)state;
	play_all(3);
	play_all(1000);
}

static void
a_handle_that_is_gone_is_said(void **state)
{
	const struct merge_source source = { NULL, world_read, world_clock };
	struct merge_source s = source;
	struct merge_frame f;
	struct world w;
	size_t which;

	(void)state;
	memset(&w, 0, sizeof(w));
	w.gone = true;
	s.ctx = &w;
	merge_begin(&w.merge, HANDLES);
	assert_int_equal(merge_next(&w.merge, HANDLES, &s, &which, &f),
	    PH_EGONE);
}

/* A handle with nothing is not asked again for each frame of the other. */
static void
an_empty_handle_is_asked_seldom(void **state)
{
	struct world w;

	(void)state;
	memset(&w, 0, sizeof(w));
	assert_true(dispatch(&w, FRAMES));
	assert_int_equal(w.n, FRAMES);
	assert_int_equal(w.reads, FRAMES + 1);
}

static int
read_now(void *ctx, size_t handle, struct merge_frame *out)
{
	unsigned int *left = ctx;

	out->ts = 5;
	return left[handle] > 0 ? (int)left[handle]-- : 0;
}

static int64_t
five(void *ctx)
{
	(void)ctx;
	return 5;
}

/* At the same time, what came in is before what went out. */
static void
of_two_frames_the_first_handles_comes_first(void **state)
{
	unsigned int left[HANDLES] = { 1, 1 };
	const struct merge_source s = { left, read_now, five };
	struct merge_frame f;
	struct merge m;
	size_t which;

	(void)state;
	memset(&m, 0, sizeof(m));
	merge_begin(&m, HANDLES);
	assert_int_equal(merge_next(&m, HANDLES, &s, &which, &f), PH_OK);
	assert_int_equal(which, 0);
	assert_int_equal(merge_next(&m, HANDLES, &s, &which, &f), PH_OK);
	assert_int_equal(which, 1);
	assert_int_equal(merge_next(&m, HANDLES, &s, &which, &f), PH_EAGAIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_interleaving_comes_out_whole_and_in_order),
		cmocka_unit_test(a_clock_that_was_set_back_changes_nothing),
		cmocka_unit_test(a_handle_that_is_gone_is_said),
		cmocka_unit_test(an_empty_handle_is_asked_seldom),
		cmocka_unit_test(of_two_frames_the_first_handles_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
