/* SPDX-License-Identifier: ISC */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/compat/memfile.h"
#include "src/monitor/check.h"
#include "src/monitor/insides.h"
#include "src/monitor/monitor.h"

#define MODULE	     "monitor"
#define CHECK_WITHIN 25 /* seconds */
#define LOG_MOST     10 /* in a second */

static struct child *
status_child(const struct monitor *m)
{
	return m->cur != NULL ? &m->cur->child[CHILD_STATUS] : NULL;
}

/* m->msg.  If it cannot be sent, the process is replaced. */
static void
status_send(struct monitor *m, enum ipc_type type, uint64_t seq, int fd)
{
	struct child *c = status_child(m);

	if (ipc_send(&c->ipc, type, seq, &m->msg, fd) != PH_OK)
		child_kill(c);
}

static bool
is_wanted(const struct monitor *m, const struct generation *g)
{
	return m->opt->status != NULL && m->opt->inherited == NULL &&
	    (g->conf->control != NULL || g->conf->status.on);
}

void
status_begin(struct monitor *m)
{
	m->link.started = clock_now();
	status_child(m)->wanted = is_wanted(m, m->cur);
}

void
status_change(struct monitor *m, struct generation *from, struct generation *to)
{
	struct child *old = &from->child[CHILD_STATUS];
	struct child *new = &to->child[CHILD_STATUS];
	bool wanted = is_wanted(m, to);

	if (wanted)
		child_move(new, old);
	else {
		/*
		 * The client that asked for this reload is connected to the old
		 * status process, which ends now: answer before that.
		 */
		m->msg.u.done = (struct ipc_done) { .err = PH_OK };
		if (m->link.reload && old->pid == m->link.pid &&
		    ipc_send(&old->ipc, IPC_DONE, m->link.reload_seq, &m->msg,
			-1) != PH_OK)
			child_kill(old);
		m->link.reload = false;
		child_quit(old, false, clock_now());
	}
	old->wanted = false;
	new->wanted = wanted;
}

void
status_death(struct monitor *m, const struct child *c)
{
	static const uint32_t party[CHILD_NROLES] = {
		[CHILD_FIREWALL] = IPC_FIREWALL,
		[CHILD_ENGINE] = IPC_ENGINE,
		[CHILD_PROXY] = IPC_PROXY,
		[CHILD_STATUS] = IPC_STATUS_PROCESS,
		[CHILD_SHARE] = IPC_SHARER,
	};

	m->link.deaths[party[c->role]]++;
}

/* A new status process knows nothing. */
static void
status_forget(struct monitor *m, pid_t pid)
{
	struct status_link *s = &m->link;
	struct walk w = { 0 };
	struct child *c;
	int i;

	s->pid = pid;
	s->about = NULL;
	s->reload = false;
	memset(s->health, 0, sizeof(s->health));
	for (i = 0; i < IPC_LISTEN_KINDS; i++)
		s->given[i] = -1;
	while ((c = monitor_walk(m, &w)) != NULL)
		c->fed = false;
}

/* Pass `fd` on, or say that there is none any more. */
static void
give_listener(struct monitor *m, enum ipc_listen_kind kind, int fd)
{
	struct status_link *s = &m->link;
	int copy = -1;

	if (s->given[kind] == fd)
		return;
	s->given[kind] = fd;
	if (fd != -1 && (copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		log_warn(MODULE, "cannot pass on a socket");
		return;
	}
	m->msg.u.listen = (struct ipc_listen) { .kind = kind };
	status_send(m, IPC_LISTEN, 0, copy);
}

static void
give_about(struct monitor *m)
{
	const struct conf *conf = m->cur->conf;
	struct ipc_about *a = &m->msg.u.about;
	size_t i;

	if (m->link.about == m->cur)
		return;
	m->link.about = m->cur;
	memset(a, 0, sizeof(*a));
	a->started = m->link.started;
	a->loaded = clock_now();
	a->verbose = (uint32_t)m->verbose;
	a->activity = m->cur->ops->activity != NULL;
	strlcpy(a->backend, m->cur->ops->name, sizeof(a->backend));
	strlcpy(a->name, conf->name, sizeof(a->name));
	for (i = 0; i < conf->tables.allow.n && i < IPC_TABLES; i++)
		strlcpy(a->tables[i], conf->tables.allow.v[i], IPC_NAME);
	a->n = (uint32_t)i;
	status_send(m, IPC_ABOUT, 0, -1);
}

/*
 * Connect a process with the status process.  Before it is linked, an engine
 * has not adopted the calls of its predecessor.
 */
static void
feed_child(struct monitor *m, struct child *c, uint32_t role)
{
	int fds[2];

	if (c->state != CHILD_READY || c->fed ||
	    (!c->linked && c->role != CHILD_SHARE))
		return;
	c->fed = true;
	if (ipc_pair(fds) != PH_OK) {
		log_warn(MODULE, "socketpair");
		return;
	}
	m->msg.u.source =
	    (struct ipc_source) { .role = role, .pid = (uint32_t)c->pid };
	status_send(m, IPC_SOURCE, 0, fds[0]);
	if (ipc_send(&c->ipc, IPC_STATUS, 0, &m->msg, fds[1]) != PH_OK)
		child_kill(c);
}

static void
give_health(struct monitor *m, uint32_t role, const struct child *c)
{
	struct status_link *s = &m->link;
	struct ipc_health h;

	memset(&h, 0, sizeof(h));
	h.role = role;
	h.deaths = s->deaths[role];
	if (c != NULL) {
		h.state = (uint32_t)c->state;
		h.pid = (uint32_t)c->pid;
		h.since = c->since;
	} else {
		h.state = CHILD_READY;
		h.pid = (uint32_t)getpid();
		h.since = s->started;
	}
	if (memcmp(&h, &s->health[role], sizeof(h)) == 0)
		return;
	s->health[role] = h;
	m->msg.u.health = h;
	status_send(m, IPC_HEALTH, 0, -1);
}

void
status_run(struct monitor *m)
{
	struct child *c = status_child(m), *own = m->cur->child;
	uint32_t i;

	if (c->state != CHILD_READY)
		return;
	if (c->pid != m->link.pid)
		status_forget(m, c->pid);
	give_about(m);
	give_listener(m, IPC_LISTEN_CONTROL, m->cur->control_fd[0]);
	give_listener(m, IPC_LISTEN_READ_ONLY, m->cur->control_fd[1]);
	give_listener(m, IPC_LISTEN_HTTP,
	    m->cur->http.n > 0 ? m->cur->http.v[0].fd : -1);
	give_health(m, IPC_MONITOR, NULL);
	give_health(m, IPC_ENGINE, &own[CHILD_ENGINE]);
	give_health(m, IPC_FIREWALL, &own[CHILD_FIREWALL]);
	give_health(m, IPC_PROXY, &own[CHILD_PROXY]);
	give_health(m, IPC_STATUS_PROCESS, c);
	if (own[CHILD_SHARE].wanted)
		give_health(m, IPC_SHARER, &own[CHILD_SHARE]);
	feed_child(m, &own[CHILD_ENGINE], IPC_ENGINE);
	feed_child(m, &own[CHILD_PROXY], IPC_PROXY);
	feed_child(m, &own[CHILD_SHARE], IPC_SHARER);
	for (i = 0; i < LEAVERS; i++) {
		give_health(m, IPC_LEAVER + i, &m->leavers.v[i]);
		feed_child(m, &m->leavers.v[i], IPC_LEAVER + i);
	}
}

/* Commands. */

/* Answer with a file that contains `text`; NULL: without one. */
static void
status_answer(struct monitor *m, uint64_t seq, enum ph_err err,
    const char *text)
{
	int fd = -1;

	if (text != NULL && (fd = memfile_open()) != -1 &&
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		close(fd);
		fd = -1;
	}
	m->msg.u.done = (struct ipc_done) { .err = err };
	status_send(m, IPC_DONE, seq, fd);
}

void
status_reloaded(struct monitor *m, const char *errors)
{
	if (!m->link.reload)
		return;
	m->link.reload = false;
	if (status_child(m)->pid != m->link.pid)
		return;
	status_answer(m, m->link.reload_seq, errors == NULL ? PH_OK : PH_EBAD,
	    errors);
}

static void
status_answer_file(struct monitor *m, uint64_t seq, enum ph_err err, int fd)
{
	m->msg.u.done = (struct ipc_done) { .err = err };
	status_send(m, IPC_DONE, seq, fd);
}

/* As -n does it, in a process of its own, with `fd` for what it says. */
static void
check_run(const struct monitor *m, int fd)
{
	struct conf *conf = NULL;
	bool ok;

	alarm(CHECK_WITHIN);
	if (dup2(fd, STDERR_FILENO) == -1)
		_exit(2);
	setproctitle("check");
	ok = m->opt->load(m->opt->ctx, &conf, stderr) == PH_OK &&
	    check_start(conf, false);
	fflush(NULL);
	_exit(ok ? 0 : 1);
}

static void
command_check(struct monitor *m, uint64_t seq)
{
	struct status_link *s = &m->link;

	if (s->check != 0) {
		status_answer(m, seq, PH_EAGAIN,
		    "another check is not over yet");
		return;
	}
	if ((s->check_fd = memfile_open()) == -1) {
		status_answer(m, seq, PH_EIO, NULL);
		return;
	}
	fflush(NULL);
	switch (s->check = fork()) {
	case -1:
		s->check = 0;
		close(s->check_fd);
		status_answer(m, seq, PH_EIO, NULL);
		break;
	case 0:
		check_run(m, s->check_fd);
		break;
	default:
		s->check_seq = seq;
		break;
	}
}

bool
status_reaped(struct monitor *m, pid_t pid, int status)
{
	struct status_link *s = &m->link;

	if (s->check == 0 || pid != s->check)
		return false;
	s->check = 0;
	if (status_child(m)->pid == s->pid)
		status_answer_file(m, s->check_seq,
		    status == 0 ? PH_OK : PH_EBAD, s->check_fd);
	else
		close(s->check_fd);
	return true;
}

/* Engine and proxies are told; those that start later are started so. */
static void
command_log(struct monitor *m, uint64_t seq, uint32_t verbose)
{
	struct walk w = { 0 };
	struct child *c;

	/* Each time is a message to others, which they have to read. */
	if (clock_now() - m->link.logged_at > USEC_PER_SEC) {
		m->link.logged_at = clock_now();
		m->link.logged = 0;
	}
	if (m->link.logged++ >= LOG_MOST) {
		status_answer(m, seq, PH_EAGAIN, NULL);
		return;
	}
	m->verbose = verbose != 0;
	log_verbose(m->verbose);
	while ((c = monitor_walk(m, &w)) != NULL) {
		if (c->role != CHILD_ENGINE && c->role != CHILD_PROXY)
			continue;
		m->msg.u.command = (struct ipc_command) { IPC_COMMAND_LOG,
			(uint32_t)m->verbose };
		if (c->state == CHILD_READY &&
		    ipc_send(&c->ipc, IPC_COMMAND, 0, &m->msg, -1) != PH_OK)
			child_kill(c);
	}
	status_answer(m, seq, PH_OK, NULL);
}

static void
command_config(struct monitor *m, uint64_t seq)
{
	int fd = memfile_open(), copy = -1;
	FILE *f;

	if (fd == -1 || (copy = dup(fd)) == -1 ||
	    (f = fdopen(copy, "w")) == NULL) {
		if (copy != -1)
			close(copy);
		if (fd != -1)
			close(fd);
		status_answer(m, seq, PH_EIO, NULL);
		return;
	}
	conf_print(m->cur->conf, f);
	fclose(f);
	status_answer_file(m, seq, PH_OK, fd);
}

static void
command_reload(struct monitor *m, uint64_t seq)
{
	if (m->phase != PHASE_RUNNING || m->next != NULL || m->old != NULL ||
	    m->link.reload) {
		status_answer(m, seq, PH_EAGAIN,
		    "another reload is not over yet");
		return;
	}
	m->link.reload = true;
	m->link.reload_seq = seq;
	log_info(MODULE,
	    "reloading: a client of the control socket asks for it");
	m->reload_again = true;
}

void
status_message(struct monitor *m)
{
	uint64_t seq = m->msg.hdr.seq;

	if (m->msg.hdr.type != IPC_COMMAND)
		return;
	switch (m->msg.u.command.kind) {
	case IPC_COMMAND_RELOAD:
		command_reload(m, seq);
		break;
	case IPC_COMMAND_CHECK:
		command_check(m, seq);
		break;
	case IPC_COMMAND_CONFIG:
		command_config(m, seq);
		break;
	case IPC_COMMAND_LOG:
		command_log(m, seq, m->msg.u.command.value);
		break;
	default:
		status_answer(m, seq, PH_EUNSUPPORTED, NULL);
		break;
	}
}
