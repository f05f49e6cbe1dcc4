/* SPDX-License-Identifier: ISC */
#include <sys/types.h>

#include <unistd.h>

#include "src/base/clock.h"
#include "src/compat/process.h"
#include "src/fw/process.h"
#include "src/monitor/insides.h"
#include "src/monitor/monitor.h"
#include "src/process/lock.h"
#include "src/share/process.h"
#include "src/status/process.h"

#define MODULE "monitor"

/*
 * An engine that dies again and again right after it was started may be dying
 * of what its journal says.
 */
#define JOURNAL_TRIES 5

struct child *
monitor_walk(struct monitor *m, struct walk *w)
{
	struct generation *const all[] = { m->cur, m->next, m->old };
	const int n = (int)(sizeof(all) / sizeof(all[0])) * CHILD_NROLES;
	int i;

	while (w->i < n) {
		i = w->i++;
		w->g = all[i / CHILD_NROLES];
		if (w->g != NULL)
			return &w->g->child[i % CHILD_NROLES];
	}
	w->g = NULL;
	return w->i < n + LEAVERS ? &m->leavers.v[w->i++ - n] : NULL;
}

struct start {
	struct monitor *m;
	struct generation *g;
};

/* In a child: close the descriptors that are not its own. */
static void
close_others(struct monitor *m, struct generation *g, enum child_role role)
{
	struct generation *all[] = { m->cur, m->next, m->old };
	struct walk w = { 0 };
	struct child *c;
	struct journal *j;
	size_t i;
	int r;

	while ((c = monitor_walk(m, &w)) != NULL)
		ipc_close(&c->ipc);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i] == NULL)
			continue;
		for (r = 0; r < 2; r++)
			if (all[i]->control_fd[r] != -1)
				close(all[i]->control_fd[r]);
		if (all[i]->state_fd != -1)
			close(all[i]->state_fd);
		if (all[i] != g) {
			listeners_close(&all[i]->listeners,
			    role == CHILD_PROXY ? &g->listeners : NULL);
			listeners_close(&all[i]->hep,
			    role == CHILD_ENGINE ? &g->hep : NULL);
		}
		listeners_close(&all[i]->http, NULL);
		if (all[i]->queue.fd != g->queue.fd ||
		    (role != CHILD_ENGINE && role != CHILD_FIREWALL))
			packetq_close(&all[i]->queue);
	}
	if (role != CHILD_PROXY)
		listeners_close(&g->listeners, NULL);
	if (role != CHILD_ENGINE)
		listeners_close(&g->hep, NULL);
	for (r = 0; r < CHILD_NROLES; r++) {
		j = journals_of(&m->journals, (enum child_role)r);
		if (j != NULL && r != (int)role)
			journal_close(j);
		else if (j != NULL)
			journal_confine(j);
	}
	daemon_close(&m->daemon);
	/* Last: closing any descriptor of the lock file releases its locks. */
	if (g->lock_fd != -1)
		lock_take_child(g->lock_fd);
}

/*
 * Packets wait for these two, so they go before programs that only compute.
 */
static void
take_precedence(const struct generation *g)
{
	if (g->queue.fd != -1)
		(void)process_precede();
}

static int
run_firewall(void *ctx, int monitor_fd)
{
	struct start *s = ctx;
	struct fwproc_args args = { .conf = s->g->conf,
		.ops = s->g->ops,
		.sandbox = &s->g->sandbox,
		.monitor_fd = monitor_fd,
		.queue = &s->g->queue,
		.adopt = s->g->adopt };

	close_others(s->m, s->g, CHILD_FIREWALL);
	take_precedence(s->g);
	return fwproc_main(&args);
}

static int
run_engine(void *ctx, int monitor_fd)
{
	struct start *s = ctx;
	const struct monitor_options *opt = s->m->opt;
	struct engine_args args = { .conf = s->g->conf,
		.format = opt->format,
		.verbose = s->m->verbose,
		.foreground = opt->foreground,
		.sandbox = &s->g->sandbox,
		.monitor_fd = monitor_fd,
		.journal_fds = { s->m->journals.calls.fds[0],
		    s->m->journals.calls.fds[1] },
		.journal_limit = s->m->journals.calls.limit,
		.listeners = &s->g->hep,
		.queue = &s->g->queue };

	close_others(s->m, s->g, CHILD_ENGINE);
	packetq_reader(&s->g->queue);
	take_precedence(s->g);
	return opt->engine(&args);
}

static int
run_proxy(void *ctx, int monitor_fd)
{
	struct start *s = ctx;
	const struct monitor_options *opt = s->m->opt;
	struct proxy_args args = { .conf = s->g->conf,
		.format = opt->format,
		.verbose = s->m->verbose,
		.foreground = opt->foreground,
		.sandbox = &s->g->sandbox,
		.monitor_fd = monitor_fd,
		.journal_fds = { s->m->journals.tables.fds[0],
		    s->m->journals.tables.fds[1] },
		.journal_limit = s->m->journals.tables.limit,
		.first_run = s->m->journals.tables_first,
		.listeners = &s->g->listeners,
		.number = s->m->proxies,
		.until_idle = opt->inherited != NULL };

	close_others(s->m, s->g, CHILD_PROXY);
	return opt->proxy(&args);
}

static int
run_status(void *ctx, int monitor_fd)
{
	struct start *s = ctx;
	struct status_args args = { .sandbox = &s->g->sandbox,
		.monitor_fd = monitor_fd };

	close_others(s->m, s->g, CHILD_STATUS);
	return s->m->opt->status(&args);
}

static int
run_share(void *ctx, int monitor_fd)
{
	struct start *s = ctx;
	struct share_args args = { .conf = s->g->conf,
		.sandbox = &s->g->sandbox,
		.monitor_fd = monitor_fd };

	close_others(s->m, s->g, CHILD_SHARE);
	return share_process(&args);
}

void
monitor_start_child(struct monitor *m, struct generation *g,
    enum child_role role)
{
	static int (*const run_child[CHILD_NROLES])(void *, int) = {
		[CHILD_FIREWALL] = run_firewall,
		[CHILD_ENGINE] = run_engine,
		[CHILD_PROXY] = run_proxy,
		[CHILD_STATUS] = run_status,
		[CHILD_SHARE] = run_share,
	};
	struct journal *j = journals_of(&m->journals, role);
	struct child *c = &g->child[role];
	struct start s = { m, g };
	int64_t now = clock_now();

	if (j != NULL && c->ready_deaths >= JOURNAL_TRIES) {
		c->ready_deaths = 0;
		log_warnx(MODULE,
		    "the %s keeps dying; starting without the %s that are in "
		    "its journal",
		    child_name(role), j->what);
		journal_forget(j);
	}
	m->proxies += role == CHILD_PROXY;
	c->uid = g->sandbox.uid;
	if (child_start(c, now, run_child[role], &s) == PH_OK) {
		if (role == CHILD_PROXY)
			m->journals.tables_first = false;
		return;
	}
	log_warn(MODULE, "cannot start the %s process", child_name(role));
	child_died(c, now);
}
