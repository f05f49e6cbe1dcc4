/* SPDX-License-Identifier: ISC */
#include "src/base/timers.h"

static const struct timer *
timer_of(const uint32_t *place)
{
	return (const struct timer *)(const void *)place;
}

/* Of two with one deadline; half the numbers are behind any. */
static bool
timer_is_older(const uint32_t *a, const uint32_t *b)
{
	return timer_of(a)->order - timer_of(b)->order > UINT32_MAX / 2;
}

void
timers_init(struct timers *ts)
{
	heap_init(&ts->heap);
	ts->heap.before = timer_is_older;
	ts->n = 0;
	ts->order = 0;
}

void
timers_free(struct timers *ts)
{
	heap_free(&ts->heap);
}

enum ph_err
timer_begin(struct timers *ts, struct timer *t,
    void (*fire)(struct timer *t, int64_t now))
{
	if (heap_reserve(&ts->heap, ts->n + 1) != PH_OK)
		return PH_ENOMEM;
	ts->n++;
	t->fire = fire;
	return PH_OK;
}

void
timer_end(struct timers *ts, struct timer *t)
{
	timer_clear(ts, t);
	ts->n -= t->fire != NULL;
	t->fire = NULL;
}

void
timer_set(struct timers *ts, struct timer *t, int64_t at)
{
	/* Its order may change only while it is not in the heap. */
	timer_clear(ts, t);
	t->order = ts->order++;
	heap_set(&ts->heap, &t->place, at);
}

void
timer_clear(struct timers *ts, struct timer *t)
{
	heap_clear(&ts->heap, &t->place);
}

bool
timer_is_set(const struct timer *t)
{
	return t->place != 0;
}

int64_t
timers_next(const struct timers *ts)
{
	const struct heap_slot *s = heap_first(&ts->heap);

	return s != NULL ? s->at : INT64_MAX;
}

void
timers_run(struct timers *ts, int64_t now)
{
	const struct heap_slot *s;
	struct timer *t;
	int64_t at;

	while ((s = heap_first(&ts->heap)) != NULL && s->at <= now) {
		t = (struct timer *)(void *)s->place;
		at = s->at;
		timer_clear(ts, t);
		t->fire(t, at);
	}
}
