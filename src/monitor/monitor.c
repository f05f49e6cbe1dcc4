/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/compat/notify.h"
#include "src/monitor/insides.h"
#include "src/monitor/monitor.h"
#include "src/version.h"

#define MODULE	 "monitor"
/* Messages read from one child before other children and signals get a turn. */
#define MESSAGES 16

static volatile sig_atomic_t got_chld, got_hup, got_term, got_usr1, got_usr2;

static void
on_signal(int sig)
{
	switch (sig) {
	case SIGCHLD:
		got_chld = 1;
		break;
	case SIGHUP:
		got_hup = 1;
		break;
	case SIGUSR1:
		got_usr1 = 1;
		break;
	case SIGUSR2:
		got_usr2 = 1;
		break;
	default:
		got_term = 1;
		break;
	}
}

static void
catch_signals(struct monitor *m)
{
	static const int signals[] = { SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2,
		SIGTERM, SIGINT };
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	waiter_init(&m->waiter, signals, sizeof(signals) / sizeof(signals[0]),
	    on_signal);
}

/* Children. */

static bool
all_are(const struct generation *g, enum child_state state)
{
	int r;

	for (r = 0; r < CHILD_NROLES; r++)
		if (g->child[r].wanted && g->child[r].state != state)
			return false;
	return true;
}

/* Connect an engine or proxy with the firewall process. */
static void
link_child(struct monitor *m, struct generation *g, struct child *c,
    uint32_t role)
{
	struct child *fw = &g->child[CHILD_FIREWALL];
	int fds[2];

	c->linked = true;
	if (ipc_pair(fds) != PH_OK) {
		/* Kill the child: its successor will be linked. */
		log_warn(MODULE, "socketpair");
		child_kill(c);
		return;
	}
	m->msg.u.client.role = role;
	if (ipc_send(&fw->ipc, IPC_CLIENT, 0, &m->msg, fds[0]) != PH_OK)
		child_kill(fw);
	if (ipc_send(&c->ipc, IPC_FW, 0, &m->msg, fds[1]) != PH_OK)
		child_kill(c);
}

static void
link_children(struct monitor *m, struct generation *g)
{
	struct child *c;
	int r;

	if (g->child[CHILD_FIREWALL].state != CHILD_READY)
		return;
	/*
	 * Leaving proxies first: once the engine has asked for its pinholes,
	 * what nobody has asked for is removed.
	 */
	for (r = 0; r < LEAVERS; r++)
		if (m->leavers.v[r].state == CHILD_READY &&
		    !m->leavers.v[r].linked)
			link_child(m, g, &m->leavers.v[r],
			    IPC_LEAVER + (uint32_t)r);
	for (r = 0; r < CHILD_NROLES; r++) {
		c = &g->child[r];
		if ((r == CHILD_ENGINE || r == CHILD_PROXY) &&
		    c->state == CHILD_READY && !c->linked)
			link_child(m, g, c,
			    r == CHILD_PROXY ? IPC_PROXY : IPC_ENGINE);
	}
	g->adopt = true;
}

static void
now_running(struct monitor *m)
{
	m->phase = PHASE_RUNNING;
	/* Soon, for the state file still says that the last run ended well. */
	m->journals.save_at = clock_now() + USEC_PER_SEC;
	log_info(MODULE, "running: %s \"%s\"", m->cur->ops->name,
	    m->cur->conf->name);
	daemon_tell_parent(&m->daemon);
	log_detach();
	status_begin(m);
	notify_ready();
}

static void
read_child(struct monitor *m, struct child *c)
{
	enum ph_err rc = PH_OK;
	int fd, n;

	for (n = 0; (n < MESSAGES || ipc_pending(&c->ipc)) &&
	     (rc = ipc_recv(&c->ipc, &m->msg, &fd)) == PH_OK;
	     n++) {
		/* No child may pass us a descriptor. */
		if (fd != -1)
			close(fd);
		if (m->msg.hdr.type == IPC_READY &&
		    c->state == CHILD_STARTING) {
			child_ready(c);
			if (c->role != CHILD_FIREWALL)
				child_beat(c, clock_now());
		} else if (m->msg.hdr.type == IPC_BEAT)
			child_beat(c, clock_now());
		else if (m->msg.hdr.type == IPC_WAITS &&
		    c->role == CHILD_ENGINE)
			queuewatch_wake(&m->watch, clock_now());
		else if (m->msg.hdr.type == IPC_READY &&
		    c->state == CHILD_QUITTING && m->old != NULL &&
		    c == &m->old->child[CHILD_PROXY]) {
			leavers_take(&m->leavers, c, clock_now());
			return;
		} else if (c->role == CHILD_STATUS)
			status_message(m);
		else if (c->role == CHILD_SHARE)
			share_message(m, c);
	}
	/* The child has closed its end; SIGCHLD will say that it exited. */
	if (rc == PH_EGONE)
		ipc_close(&c->ipc);
}

/*
 * The firewall process of now would take the rules of the next one for those
 * of a stranger, and put its own in their place.
 */
static void
tell_successor(struct monitor *m, bool yes)
{
	m->msg.u.yield.yes = yes;
	/* If it is gone, SIGCHLD says so. */
	(void)!ipc_send(&m->cur->child[CHILD_FIREWALL].ipc, IPC_YIELD, 0,
	    &m->msg, -1);
}

static void
abandon_reload(struct monitor *m, const char *why)
{
	int r;

	log_warnx(MODULE, "not reloaded: %s", why);
	for (r = 0; r < CHILD_NROLES; r++)
		child_kill(&m->next->child[r]);
	/* They were killed: wait for them here, while we still know them. */
	for (r = 0; r < CHILD_NROLES; r++)
		if (m->next->child[r].pid != 0)
			(void)waitpid(m->next->child[r].pid, NULL, 0);
	generation_free(m->next, m->cur);
	m->next = NULL;
	/*
	 * The processes of the failed configuration may have set the queue up
	 * with another `fail`: set our own again.
	 */
	packetq_resume(&m->cur->queue);
	tell_successor(m, false);
	status_reloaded(m, why);
	notify_ready();
}

static void
monitor_stop(struct monitor *m, int status)
{
	if (m->phase == PHASE_STOPPING)
		return;
	m->phase = PHASE_STOPPING;
	m->status = status;
	notify_stopping();
	if (m->next != NULL)
		abandon_reload(m, "stopping");
}

/* Calls and pinholes stay, for the successor that is about to start. */
static void
monitor_leave(struct monitor *m)
{
	if (m->phase == PHASE_STOPPING)
		return;
	log_info(MODULE, "leaving: pinholes stay open for a successor");
	m->leave = true;
	monitor_stop(m, 0);
}

static void
child_exited(struct monitor *m, struct generation *g, struct child *c,
    int status)
{
	bool expected = c->state == CHILD_QUITTING || g == m->old ||
	    m->phase == PHASE_STOPPING;
	pid_t pid = c->pid;
	uint32_t missed;
	char how[64];
	int r;

	child_describe(how, sizeof(how), status);
	if (!expected)
		status_death(m, c);
	child_died(c, clock_now());
	for (r = 0; c->role == CHILD_FIREWALL && r < CHILD_NROLES; r++)
		g->child[r].linked = false;
	if (c->role == CHILD_FIREWALL && g != m->next)
		leavers_unlink(&m->leavers);
	if (!expected && log_may(&m->deaths, clock_now(), &missed))
		log_warnx(MODULE, "the %s process %ld is gone: %s",
		    child_name(c->role), (long)pid, how);
	else if (expected && status != 0)
		log_warnx(MODULE, "the %s process %ld did not end well: %s",
		    child_name(c->role), (long)pid, how);
	if (g == m->next)
		abandon_reload(m, "its processes cannot be started");
	else if (m->phase == PHASE_STARTING)
		monitor_stop(m, 2);
	else if (m->opt->inherited != NULL && c->role == CHILD_PROXY &&
	    status == 0)
		monitor_stop(m, 0);
}

static void
monitor_reap(struct monitor *m)
{
	struct child *c;
	struct walk w;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		w = (struct walk) { 0 };
		while ((c = monitor_walk(m, &w)) != NULL && c->pid != pid)
			continue;
		if (c != NULL && w.g != NULL)
			child_exited(m, w.g, c, status);
		else if (c != NULL)
			leavers_died(c, status, clock_now());
		else
			(void)status_reaped(m, pid, status);
	}
}

/* Reload. */

static void
monitor_reload(struct monitor *m)
{
	char *text = NULL, message[1024];
	struct strbuf why = strbuf_of(message, sizeof(message));
	struct conf *conf = NULL;
	size_t len = 0;
	enum ph_err rc;
	FILE *errors;

	/* One reload at a time; the next follows. */
	if (m->phase != PHASE_RUNNING || m->next != NULL || m->old != NULL) {
		m->reload_again = m->phase != PHASE_STOPPING;
		return;
	}
	m->reload_again = false;
	notify_reloading();
	if ((errors = open_memstream(&text, &len)) == NULL) {
		log_warn(MODULE, "not reloaded");
		status_reloaded(m, "out of memory");
		return;
	}
	rc = m->opt->load(m->opt->ctx, &conf, errors);
	fclose(errors);
	if (rc != PH_OK) {
		log_lines(MODULE, text);
		log_warnx(MODULE, "not reloaded: the configuration has errors");
		status_reloaded(m, text);
		notify_ready();
	} else if ((m->next = generation_new(conf, m->cur, NULL, &why)) ==
	    NULL) {
		log_warnx(MODULE, "not reloaded: %s", message);
		status_reloaded(m, message);
		notify_ready();
	}
	free(text);
}

/*
 * The next firewall process pauses its own queue before it builds the table
 * anew.  What waits in another one would be lost with the old chains.
 */
static void
before_next_rules(struct monitor *m)
{
	tell_successor(m, true);
	if (m->next->queue.fd != m->cur->queue.fd)
		packetq_pause(&m->cur->queue);
}

/*
 * The firewall process last: it changes the packet filter when it starts, and
 * a reload that fails must have changed nothing.
 */
static void
start_next(struct monitor *m, int64_t now)
{
	bool others = true;
	struct child *c;
	int r;

	for (r = CHILD_NROLES - 1; m->next != NULL && r >= 0; r--) {
		c = &m->next->child[r];
		if (c->wanted && c->state == CHILD_NONE && now >= c->start_at &&
		    (r != CHILD_FIREWALL || others)) {
			if (r == CHILD_FIREWALL)
				before_next_rules(m);
			monitor_start_child(m, m->next, (enum child_role)r);
		}
		others = others && (!c->wanted || c->state == CHILD_READY);
	}
}

/*
 * The firewall process gives packets that have waited too long their verdict.
 * The monitor does so if that process is dead or hangs, and so waits twice as
 * long.
 */
static void
watch_queue(struct monitor *m)
{
	const struct conf_inline *c = &m->cur->conf->inline_;

	queuewatch_init(&m->watch, &m->cur->queue, 2 * c->hold_ms, c->open);
}

/* All processes of the next generation are ready: it becomes the current. */
static void
change_places(struct monitor *m)
{
	int64_t now = clock_now();

	m->old = m->cur;
	m->cur = m->next;
	m->next = NULL;
	watch_queue(m);
	status_change(m, m->old, m->cur);
	/* The new configuration may name another state file. */
	m->journals.save_at = now;
	child_quit(&m->old->child[CHILD_ENGINE], true, now);
	child_leave(&m->old->child[CHILD_PROXY], now);
	child_quit(&m->old->child[CHILD_SHARE], true, now);
}

/*
 * Whether engine, proxy and share process have exited; until then they may
 * close calls.
 */
static bool
clients_gone(const struct generation *g)
{
	return g->child[CHILD_ENGINE].state == CHILD_NONE &&
	    g->child[CHILD_PROXY].state == CHILD_NONE &&
	    g->child[CHILD_SHARE].state == CHILD_NONE;
}

/* First the old engine and proxy, then the firewall process. */
static void
finish_old(struct monitor *m)
{
	struct child *fw = &m->old->child[CHILD_FIREWALL];
	bool same = strcmp(m->old->owner, m->cur->owner) == 0;

	if (!clients_gone(m->old))
		return;
	child_quit(fw, same, clock_now());
	if (fw->state != CHILD_NONE)
		return;
	/* It has let all pass before it took its table away. */
	if (!same)
		packetq_resume(&m->cur->queue);
	generation_free(m->old, m->cur);
	m->old = NULL;
	log_info(MODULE, "reloaded");
	status_reloaded(m, NULL);
	notify_ready();
}

/* After each event: do whatever is due. */

static void
run_generation(struct monitor *m, struct generation *g, int64_t now)
{
	struct child *c;
	int r;

	for (r = 0; r < CHILD_NROLES; r++) {
		c = &g->child[r];
		if (c->wanted && c->state == CHILD_NONE && now >= c->start_at)
			monitor_start_child(m, g, (enum child_role)r);
	}
	/* At the start, link all or none; later, each when it is ready. */
	if (m->old != NULL ||
	    (m->phase == PHASE_STARTING && !all_are(g, CHILD_READY)))
		return;
	link_children(m, g);
	if (m->phase == PHASE_STARTING)
		now_running(m);
}

/*
 * Stopping: engine and proxy close their pinholes, then the firewall process
 * removes everything of ours.  If there is no firewall process, start one.
 *
 * Leaving: the engine writes its calls down, and the firewall process leaves
 * the packet filter as it is.
 */
static void
run_stop(struct monitor *m, int64_t now)
{
	struct child *fw = &m->cur->child[CHILD_FIREWALL];

	child_quit(&m->cur->child[CHILD_ENGINE], m->leave, now);
	child_quit(&m->cur->child[CHILD_PROXY], false, now);
	child_quit(&m->cur->child[CHILD_SHARE], false, now);
	child_quit(&m->cur->child[CHILD_STATUS], false, now);
	if (!leavers_quit(&m->leavers, now) || !clients_gone(m->cur))
		return;
	/* Nobody reads any more, and what waits is lost with the socket. */
	if (m->leave)
		packetq_pause(&m->cur->queue);
	if (fw->state == CHILD_NONE && !m->swept && m->status == 0 &&
	    !m->leave) {
		m->cur->adopt = false;
		monitor_start_child(m, m->cur, CHILD_FIREWALL);
	}
	/* Without a mark, a firewall process that was told to keep is at work.
	 */
	if (!m->leave && fw->state != CHILD_QUITTING)
		m->swept = true;
	if (fw->state == CHILD_READY || m->status != 0)
		child_quit(fw, m->leave, now);
}

static void
kill_the_late(struct monitor *m, int64_t now)
{
	struct walk w = { 0 };
	struct child *c;

	while ((c = monitor_walk(m, &w)) != NULL)
		if (child_run_out(c, now) && w.g != NULL)
			log_warnx(MODULE, "the %s process took too long",
			    child_name(c->role));
}

static void
monitor_run(struct monitor *m)
{
	int64_t now = clock_now();

	kill_the_late(m, now);
	if (m->old != NULL)
		finish_old(m);
	if (m->phase == PHASE_STOPPING) {
		if (m->old == NULL)
			run_stop(m, now);
		return;
	}
	if (m->next != NULL && all_are(m->next, CHILD_READY))
		change_places(m);
	run_generation(m, m->cur, now);
	if (m->reload_again)
		monitor_reload(m);
	start_next(m, now);
	share_run(m);
	status_run(m);
	if (m->phase == PHASE_RUNNING)
		journals_save(&m->journals, m->cur, now);
}

static bool
monitor_finished(const struct monitor *m)
{
	return m->phase == PHASE_STOPPING && m->old == NULL &&
	    all_are(m->cur, CHILD_NONE) &&
	    (m->swept || m->leave || m->status != 0);
}

/* Waiting. */

/* When a child has to be started, or killed because it took too long. */
static int64_t
child_due(const struct monitor *m, const struct child *c,
    const struct generation *g)
{
	switch (c->state) {
	case CHILD_NONE:
		return g == m->cur && c->wanted && m->phase != PHASE_STOPPING
		    ? c->start_at
		    : INT64_MAX;
	case CHILD_READY:
	case CHILD_STARTING:
	case CHILD_QUITTING:
		break;
	}
	return child_patience(c);
}

static int64_t
next_event(struct monitor *m)
{
	int64_t next = notify_alive(clock_now()), at;
	struct walk w = { 0 };
	struct child *c;

	if ((at = queuewatch_run(&m->watch, clock_now())) < next)
		next = at;
	if (m->phase == PHASE_RUNNING && m->journals.save_at < next)
		next = m->journals.save_at;
	while ((c = monitor_walk(m, &w)) != NULL)
		if ((at = child_due(m, c, w.g)) < next)
			next = at;
	return next;
}

static void
wait_for_events(struct monitor *m)
{
	struct child *c, *who[WAITER_MAX];
	struct walk w = { 0 };
	size_t i, children;

	waiter_clear(&m->waiter);
	while ((c = monitor_walk(m, &w)) != NULL)
		if (c->ipc.fd != -1) {
			who[m->waiter.n] = c;
			waiter_add(&m->waiter, &c->ipc);
		}
	children = m->waiter.n;
	for (i = 0; i < QUEUEWATCH_SOCKETS; i++)
		waiter_add(&m->waiter, queuewatch_socket(&m->watch, i));
	waiter_wait(&m->waiter, next_event(m));
	if (waiter_readable(&m->waiter, children) ||
	    waiter_readable(&m->waiter, children + 1))
		queuewatch_wake(&m->watch, clock_now());
	for (i = 0; i < children; i++) {
		if (waiter_flush(&m->waiter, i) != PH_OK)
			ipc_close(&who[i]->ipc);
		if (waiter_readable(&m->waiter, i))
			read_child(m, who[i]);
	}
}

static void
monitor_report(struct monitor *m)
{
	int r;

	/* The engine tells the counters of the firewall process, too. */
	for (r = 0; r < CHILD_NROLES; r++)
		if (r != CHILD_FIREWALL && m->cur->child[r].wanted &&
		    ipc_send(&m->cur->child[r].ipc, IPC_REPORT, 0, &m->msg,
			-1) != PH_OK)
			log_info(MODULE, "the %s process is not running",
			    child_name((enum child_role)r));
}

static void
heed_signals(struct monitor *m)
{
	if (got_chld) {
		got_chld = 0;
		monitor_reap(m);
	}
	if (got_term) {
		got_term = 0;
		log_info(MODULE, "stopping");
		m->leave = false;
		monitor_stop(m, 0);
	}
	if (got_usr2) {
		got_usr2 = 0;
		monitor_leave(m);
	}
	if (got_hup) {
		got_hup = 0;
		monitor_reload(m);
	}
	if (got_usr1) {
		got_usr1 = 0;
		monitor_report(m);
	}
}

/* Start and end. */

static bool
is_daemon(const struct monitor *m)
{
	return !m->opt->foreground && m->opt->inherited == NULL;
}

/* Takes `conf`. */
static bool
set_up(struct monitor *m, struct conf *conf)
{
	const char *pidfile = m->opt->pidfile;
	char text[1024];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (sandbox_weakness() != NULL)
		log_warnx(MODULE, "%s", sandbox_weakness());
	umask(077);
	if (is_daemon(m))
		daemon_detach(&m->daemon);
	if (pidfile == NULL && is_daemon(m))
		pidfile = PINHOLED_PIDFILE;
	if (!daemon_write_pidfile(&m->daemon, pidfile)) {
		conf_free(conf);
		return false;
	}
	if ((m->cur = generation_new(conf, NULL, m->opt->inherited, &why)) ==
	    NULL) {
		log_warnx(MODULE, "%s", text);
		return false;
	}
	if (!journals_open(&m->journals, m->cur)) {
		log_warn(MODULE, "cannot make the journal");
		return false;
	}
	return true;
}

static void
tear_down(struct monitor *m)
{
	/* Save the calls for the next start. */
	if (m->cur != NULL && m->status == 0)
		journals_end(&m->journals, m->cur, m->leave, clock_now());
	generation_free(m->cur, NULL);
	daemon_remove_pidfile(&m->daemon);
	journals_close(&m->journals);
	daemon_close(&m->daemon);
}

int
monitor_main(struct conf *conf, const struct monitor_options *opt)
{
	static struct monitor monitor; /* one a process, and large */
	struct monitor *m = &monitor;

	memset(m, 0, sizeof(*m));
	m->opt = opt;
	m->verbose = opt->verbose;
	daemon_init(&m->daemon);
	journals_init(&m->journals);
	leavers_init(&m->leavers);
	if (!set_up(m, conf)) {
		m->status = 2;
		tear_down(m);
		return m->status;
	}
	watch_queue(m);
	setproctitle("monitor");
	catch_signals(m);
	for (monitor_run(m); !monitor_finished(m); monitor_run(m)) {
		wait_for_events(m);
		heed_signals(m);
	}
	log_info(MODULE, "stopped");
	tear_down(m);
	return m->status;
}
