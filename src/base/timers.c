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

void
timer_set(struct timers *ts, struct timer *t, int64_t at,
    void (*fire)(void *arg, int64_t now), void *arg)
{
	timer_clear(ts, t);
	t->at = at;
	t->seq = ts->seq++;
	t->fire = fire;
	t->arg = arg;
	t->set = true;
	RB_INSERT(timer_tree, &ts->tree, t);
}

void
timer_clear(struct timers *ts, struct timer *t)
{
	if (!t->set)
		return;
	RB_REMOVE(timer_tree, &ts->tree, t);
	t->set = false;
}

int64_t
timers_next(const struct timers *ts)
{
	struct timer *t;

	/* RB_MIN only reads, but tree.h has no const form of it. */
	t = RB_MIN(timer_tree, (struct timer_tree *)(uintptr_t)&ts->tree);
	return t != NULL ? t->at : INT64_MAX;
}

void
timers_run(struct timers *ts, int64_t now)
{
	struct timer *t;

	while ((t = RB_MIN(timer_tree, &ts->tree)) != NULL && t->at <= now) {
		timer_clear(ts, t);
		t->fire(t->arg, t->at);
	}
}
