/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/fw/fw.h"
#include "src/monitor/journals.h"
#include "src/process/checkpoint.h"
#include "src/version.h"

#define MODULE	   "monitor"
#define SAVE_EVERY (30 * USEC_PER_SEC)
#define SAVE_AGAIN USEC_PER_SEC

void
journals_init(struct journals *js)
{
	memset(js, 0, sizeof(*js));
	journal_init(&js->calls, "calls");
	journal_init(&js->tables, "table entries");
}

struct journal *
journals_of(struct journals *js, enum child_role role)
{
	switch (role) {
	case CHILD_ENGINE:
		return &js->calls;
	case CHILD_PROXY:
		return &js->tables;
	default:
		return NULL;
	}
}

/* Name them by the current configuration; a reload may have changed it. */
static void
journals_name(struct journals *js, const struct generation *g)
{
	struct journal_place p = { .owner = g->owner, .state = g->conf->state };

	if ((g->ops->caps & FW_CAP_OFFLINE) == 0)
		p.rundir = PINHOLED_RUNDIR;
	p.suffix = "";
	p.limit = checkpoint_limit_calls(g->conf);
	journal_name(&js->calls, &p);
	p.suffix = ".tables";
	p.limit = checkpoint_limit_tables(g->conf);
	journal_name(&js->tables, &p);
}

bool
journals_open(struct journals *js, struct generation *g)
{
	int64_t age = g->conf->sip.timeout_max;
	enum ph_err rc;

	journals_name(js, g);
	if ((rc = journal_open(&js->calls, age)) == PH_EIO)
		return false;
	if (rc == PH_OK || journal_load(&js->calls, g->owner, age))
		g->adopt = true;
	/* Each entry of a table has its own end: the file may be of any age. */
	if ((rc = journal_open(&js->tables, INT64_MAX)) != PH_EGONE)
		return rc == PH_OK;
	js->tables_first =
	    g->conf->tables.on && journal_first(&js->tables, g->owner);
	if (!js->tables_first)
		(void)journal_load(&js->tables, g->owner, INT64_MAX);
	return true;
}

static bool
journals_save_one(struct journals *js, struct generation *g,
    enum child_role role)
{
	struct journal *j = journals_of(js, role);

	if (!journal_overgrown(j))
		return journal_save(j, g->owner);
	log_warnx(MODULE,
	    "the %s process writes more than its %s can need; "
	    "starting another without them",
	    child_name(role), j->what);
	child_kill(&g->child[role]);
	journal_forget(j);
	return false;
}

void
journals_save(struct journals *js, struct generation *g, int64_t now)
{
	bool done;

	if (now < js->save_at)
		return;
	journals_name(js, g);
	done = journals_save_one(js, g, CHILD_ENGINE);
	if (g->conf->tables.on)
		done = journals_save_one(js, g, CHILD_PROXY) && done;
	js->save_at = now + (done ? SAVE_EVERY : SAVE_AGAIN);
}

void
journals_end(struct journals *js, struct generation *g, bool leave, int64_t now)
{
	js->save_at = 0;
	journals_save(js, g, now);
	if (leave)
		return;
	journal_end(&js->calls);
	if (g->conf->tables.on || js->tables.path[0] == '\0')
		journal_end(&js->tables);
}

void
journals_close(struct journals *js)
{
	journal_close(&js->calls);
	journal_close(&js->tables);
}
