/* SPDX-License-Identifier: ISC */
#include "src/base/timers.h"

static int
timer_cmp(const struct timer *a, const struct timer *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

RB_GENERATE_STATIC(timer_tree, timer, node, timer_cmp)

void
timers_init(struct timers *ts)
{
	RB_INIT(&ts->tree);
	ts->seq = 0;
}

static void
timer_place(struct timers *ts, struct timer *t)
{
	t->at = t->due;
	t->seq = t->due_seq;
	RB_INSERT(timer_tree, &ts->tree, t);
}

void
timer_set(struct timers *ts, struct timer *t, int64_t at,
    void (*fire)(void *arg, int64_t now), void *arg)
{
	t->due = at;
	t->due_seq = ts->seq++;
	t->fire = fire;
	t->arg = arg;
	if (t->set && at >= t->at)
		return;
	timer_clear(ts, t);
	t->set = true;
	timer_place(ts, t);
}

void
timer_clear(struct timers *ts, struct timer *t)
{
	if (!t->set)
		return;
	RB_REMOVE(timer_tree, &ts->tree, t);
	t->set = false;
}

/* The timer that is due first: its place is where it belongs. */
static struct timer *
timers_first(struct timers *ts)
{
	struct timer *t;

	while ((t = RB_MIN(timer_tree, &ts->tree)) != NULL &&
	    t->seq != t->due_seq) {
		RB_REMOVE(timer_tree, &ts->tree, t);
		timer_place(ts, t);
	}
	return t;
}

int64_t
timers_next(struct timers *ts)
{
	struct timer *t = timers_first(ts);

	return t != NULL ? t->due : INT64_MAX;
}

void
timers_run(struct timers *ts, int64_t now)
{
	struct timer *t;

	while ((t = timers_first(ts)) != NULL && t->due <= now) {
		timer_clear(ts, t);
		t->fire(t->arg, t->due);
	}
}
