/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "src/base/clock.h"
#include "src/engine/calls.h"
#include "src/engine/engine.h"
#include "src/engine/keep.h"

#define MODULE "engine"

static void
keep_failed(struct keep *k, enum ph_err rc)
{
	uint32_t missed;

	if (rc != PH_OK && log_may(&k->failed_log, clock_now(), &missed))
		log_warnx(MODULE, "cannot write a call to the journal: %s",
		    ph_strerror(rc));
}

/* While the journal is read, it cannot be written to. */
static void
forget_later(struct keep *k, uint64_t key)
{
	size_t n = k->maxstale > 0 ? k->maxstale * 2 : 64;
	uint64_t *v;

	if (k->nstale == k->maxstale) {
		/* The record stays; the next engine will try again. */
		if ((v = reallocarray(k->stale, n, sizeof(*v))) == NULL)
			return;
		k->stale = v;
		k->maxstale = n;
	}
	k->stale[k->nstale++] = key;
}

void
keep_record(struct keep *k, uint64_t key, const void *p, size_t len)
{
	if (k->journal == NULL) {
		if (k->adopting && len == 0)
			forget_later(k, key);
		return;
	}
	keep_failed(k,
	    len > 0 ? checkpoint_put(k->journal, key, p, len)
		    : checkpoint_del(k->journal, key));
}

void
keep_open(struct keep *k, const int fds[2], uint64_t limit,
    void (*record)(void *ctx, uint64_t key, const void *p, size_t len),
    void *ctx)
{
	enum ph_err rc;

	k->adopting = true;
	rc = checkpoint_open(&k->journal, fds, limit, record, ctx);
	k->adopting = false;
	if (rc != PH_OK)
		log_warnx(MODULE,
		    "no journal, calls will not survive a "
		    "restart: %s",
		    ph_strerror(rc));
	while (k->nstale > 0)
		keep_record(k, k->stale[--k->nstale], NULL, 0);
	free(k->stale);
	k->stale = NULL;
	k->maxstale = 0;
}

/* True: the engine has told what calls have become. */
static bool
calls_tell(struct keep *k, struct engine *e, bool haste, int64_t now)
{
	if (!calls_unflushed(engine_calls(e))) {
		k->flush_at = 0;
		return false;
	}
	if (k->flush_at == 0)
		k->flush_at = now + CHECKPOINT_WITHIN;
	if (!haste && now < k->flush_at)
		return false;
	k->flush_at = 0;
	engine_flush(e);
	return true;
}

int64_t
keep_write(struct keep *k, struct engine *e, struct tally *t, bool haste,
    int64_t now)
{
	uint64_t opened = engine_opened(e);
	int64_t next = INT64_MAX;
	enum ph_err rc;

	haste = haste || opened != k->opened;
	haste = calls_tell(k, e, haste, now) || haste;
	k->opened = opened;
	if (k->journal != NULL) {
		if ((rc = tally_run(t, k->journal, now)) == PH_OK)
			rc = checkpoint_run(k->journal, haste, now, &next);
		keep_failed(k, rc);
	}
	return k->flush_at != 0 ? timers_earlier(next, k->flush_at) : next;
}

void
keep_tally(struct keep *k, struct tally *t)
{
	keep_failed(k, tally_write(t, k->journal, clock_now()));
}

void
keep_sync(struct keep *k)
{
	if (k->journal != NULL)
		keep_failed(k, checkpoint_sync(k->journal));
}
