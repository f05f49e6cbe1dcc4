/* SPDX-License-Identifier: ISC */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/fw/config.h"
#include "src/fw/policy.h"
#include "src/fw/process.h"
#include "src/fw/release.h"
#include "src/fw/table.h"
#include "src/process/iface.h"
#include "src/process/ipc.h"
#include "src/process/priority.h"
#include "src/process/waiter.h"

#define MODULE "fw"

/* Messages read from one client before the others and the filter get a turn. */
#define MESSAGES     256
/* How often the engine is told our counters. */
#define TELL_EVERY   USEC_PER_SEC
/* How often to look for changes of our own addresses. */
#define LOOK_AT_OWN  (10 * USEC_PER_SEC)
/* With the last commit refused for now, how long leaving may wait for it. */
#define LEAVE_WITHIN (2 * USEC_PER_SEC)

struct fwproc {
	const struct fwproc_args *args;
	struct fw_config config;
	struct fw *fw;
	struct fwtable *table;
	struct fw_policy policy;
	struct packetq queue;
	unsigned int pauses; /* begun and not ended */
	struct release release;
	struct iface iface;
	int cpu_latency; /* a descriptor, open as long as we run; -1 */
	int64_t own_at;
	struct ipc monitor;
	struct ipc client[IPC_NROLES];
	unsigned int lost; /* 1 << role: what it wanted is to close */
	struct waiter waiter;
	struct ipc_msg msg; /* too big for the stack */
	int64_t settle_at;  /* when what was adopted is given up; 0: done */
	int64_t leave_at;   /* told to go: not later than this; 0: not told */
	struct fwcounters counters_sent; /* to engines */
	int64_t counters_sent_at;
	bool served; /* has ever had a client */
	bool quit, keep;
};

static volatile sig_atomic_t got_term;

static const char *const role_names[IPC_LEAVER] = {
	[IPC_ENGINE] = "engine",
	[IPC_PROXY] = "proxy",
	[IPC_SHARER] = "share",
};

static const char *
role_name(enum ipc_role role)
{
	return role < IPC_LEAVER ? role_names[role] : "leaving proxy";
}

static void
on_term(int sig)
{
	(void)sig;
	got_term = 1;
}

/*
 * The client has closed the connection (PH_EGONE; the monitor logs why), or we
 * close it for the error `why`.
 */
static void
client_lost(struct fwproc *p, enum ipc_role role, enum ph_err why)
{
	if (why != PH_EGONE)
		log_warnx(MODULE, "lost the connection to the %s: %s",
		    role_name(role), ph_strerror(why));
	ipc_close(&p->client[role]);
	if (role != IPC_ENGINE)
		p->lost |= 1u << role;
}

/* Not when they are lost: that may be while the table tells them something. */
static void
drop_lost(struct fwproc *p)
{
	int r;

	for (r = 0; r < IPC_NROLES; r++)
		if (p->lost & 1u << r)
			fwtable_drop(p->table, (enum ipc_role)r);
	p->lost = 0;
}

static void
send_client(void *ctx, enum ipc_role role, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m)
{
	struct fwproc *p = ctx;
	enum ph_err rc = ipc_send(&p->client[role], type, seq, m, -1);

	if (rc != PH_OK)
		client_lost(p, role, rc);
}

static void
answer_original(struct fwproc *p, enum ipc_role role)
{
	const struct fw_ops *ops = p->args->ops;
	uint64_t seq = p->msg.hdr.seq;
	struct fw_flow flow = p->msg.u.original.flow;
	struct endpoint target = { 0 };
	enum ph_err rc = PH_EUNSUPPORTED;

	if (ops->original != NULL)
		rc = ops->original(p->fw, &flow, &target);
	memset(&p->msg.u.target, 0, sizeof(p->msg.u.target));
	p->msg.u.target.err = rc;
	p->msg.u.target.target = target;
	send_client(p, role, IPC_TARGET, seq, &p->msg);
}

static void
answer_table(struct fwproc *p, enum ipc_role role)
{
	const struct fw_ops *ops = p->args->ops;
	const struct ipc_table *t = &p->msg.u.table;
	uint64_t seq = p->msg.hdr.seq;
	enum ph_err rc = PH_EUNSUPPORTED;
	const char *why;

	if (ops->table != NULL)
		rc = fw_policy_table(&p->policy, role, t, &why);
	if (rc == PH_OK)
		rc = ops->table(p->fw, t->index, (enum fw_table_op)t->op,
		    t->prefixes, t->n, t->ttl_s);
	memset(&p->msg.u.result, 0, sizeof(p->msg.u.result));
	p->msg.u.result.err = rc;
	send_client(p, role, IPC_RESULT, seq, &p->msg);
}

static void
look_at_tables(struct fwproc *p)
{
	const struct fw_ops *ops = p->args->ops;

	if (p->client[IPC_PROXY].fd != -1 && ops->emptied != NULL &&
	    ops->emptied(p->fw))
		send_client(p, IPC_PROXY, IPC_EMPTIED, 0, &p->msg);
}

static void
client_message(struct fwproc *p, enum ipc_role role, int64_t now)
{
	switch (p->msg.hdr.type) {
	case IPC_BEGIN:
		fwtable_begin(p->table, role);
		break;
	case IPC_COMMIT:
		fwtable_commit(p->table, role, p->msg.hdr.seq, &p->msg.u.commit,
		    now);
		break;
	case IPC_RELEASE:
		if (role == IPC_ENGINE)
			release_ask(&p->release, &p->msg.u.release);
		break;
	case IPC_WAITS:
		if (role == IPC_ENGINE)
			queuewatch_wake(&p->release.watch, now);
		break;
	case IPC_SETTLE:
		fwtable_settle(p->table, role);
		/* Leftovers are the engine's: a proxy's close when it ends. */
		if (role == IPC_ENGINE) {
			fwtable_forget_rest(p->table);
			p->settle_at = 0;
		}
		break;
	case IPC_ORIGINAL:
		answer_original(p, role);
		break;
	case IPC_TABLE:
		answer_table(p, role);
		break;
	default:
		break;
	}
}

static void
read_client(struct fwproc *p, enum ipc_role role, int64_t now)
{
	/* With little to do, one is all: looking for another costs a call. */
	int fd, n, most = p->waiter.slept ? 1 : MESSAGES;
	enum ph_err rc;

	for (n = 0; n < most || ipc_pending(&p->client[role]); n++) {
		rc = ipc_recv(&p->client[role], &p->msg, &fd);
		if (fd != -1)
			close(fd);
		if (rc == PH_EAGAIN)
			return;
		if (rc == PH_EMALFORMED) {
			log_warnx(MODULE, "the %s sent a malformed message",
			    role_name(role));
			rc = PH_EGONE;
		}
		if (rc != PH_OK) {
			client_lost(p, role, rc);
			return;
		}
		client_message(p, role, now);
	}
}

static void
new_client(struct fwproc *p, int fd)
{
	uint32_t role = p->msg.u.client.role;

	if (role >= IPC_NROLES || fd == -1) {
		if (fd != -1)
			close(fd);
		return;
	}
	ipc_close(&p->client[role]);
	ipc_init(&p->client[role], fd);
	p->served = true;
	/* The start has succeeded: log no longer to the terminal. */
	log_detach();
}

/*
 * Send what was counted since the last time to the engine, which can keep it.
 * Without an engine, it waits here for the next.
 */
static void
counters_send(struct fwproc *p, int64_t now)
{
	const struct fwcounters *n = fwtable_counters(p->table);

	if (p->client[IPC_ENGINE].fd == -1 ||
	    now - p->counters_sent_at < TELL_EVERY ||
	    memcmp(n, &p->counters_sent, sizeof(*n)) == 0)
		return;
	p->msg.u.counters = fwcounters_since(n, &p->counters_sent);
	p->counters_sent = *n;
	p->counters_sent_at = now;
	send_client(p, IPC_ENGINE, IPC_COUNTERS, 0, &p->msg);
}

/* When to send what has been counted since the last time. */
static int64_t
counters_due(const struct fwproc *p)
{
	const struct fwcounters *n = fwtable_counters(p->table);

	if (p->client[IPC_ENGINE].fd == -1 ||
	    memcmp(n, &p->counters_sent, sizeof(*n)) == 0)
		return INT64_MAX;
	return p->counters_sent_at + TELL_EVERY;
}

static void
read_monitor(struct fwproc *p)
{
	enum ph_err rc;
	int fd;

	while ((rc = ipc_recv(&p->monitor, &p->msg, &fd)) == PH_OK) {
		switch (p->msg.hdr.type) {
		case IPC_CLIENT:
			new_client(p, fd);
			fd = -1;
			break;
		case IPC_QUIT:
			p->quit = true;
			p->keep = p->msg.u.quit.keep != 0;
			break;
		case IPC_YIELD:
			p->config.yield = p->msg.u.yield.yes != 0;
			break;
		default:
			break;
		}
		if (fd != -1)
			close(fd);
	}
	if (rc != PH_EGONE)
		return;
	ipc_close(&p->monitor);
	/* A SIGTERM from its time does not count. */
	waiter_signals(&p->waiter);
	got_term = 0;
	if (!p->quit)
		log_warnx(MODULE,
		    "the monitor is gone; carrying on without it");
}

static void
look_at_own(struct fwproc *p, int64_t now)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct iface fresh;

	if (now < p->own_at)
		return;
	p->own_at = now + LOOK_AT_OWN;
	if (iface_own(&fresh, p->args->conf, &why) != PH_OK)
		return;
	p->iface = fresh;
	p->policy.nown = p->iface.nown;
}

/*
 * No engine has come for what was adopted from an earlier process: close it,
 * for a packet filter without deadlines would keep it for ever.
 */
static void
give_up_adopted(struct fwproc *p, int64_t now)
{
	if (p->settle_at == 0 || now < p->settle_at)
		return;
	p->settle_at = 0;
	log_warnx(MODULE,
	    "no engine has come; closing the pinholes of an earlier run");
	fwtable_forget_rest(p->table);
}

/* No client is left, nothing is wanted, and no monitor can tell us to go. */
static bool
is_abandoned(const struct fwproc *p)
{
	int i;

	for (i = 0; i < IPC_NROLES; i++)
		if (p->client[i].fd != -1)
			return false;
	return p->monitor.fd == -1 && fwtable_idle(p->table);
}

static void
wait_for_work(struct fwproc *p, int64_t next)
{
	struct waiter *w = &p->waiter;
	enum ph_err rc;
	int64_t now;
	size_t r;

	waiter_clear(w);
	for (r = 0; r < IPC_NROLES; r++)
		waiter_add(w, &p->client[r]);
	waiter_add(w, &p->monitor);
	for (r = 0; r < QUEUEWATCH_SOCKETS; r++)
		waiter_add(w, queuewatch_socket(&p->release.watch, r));
	if (next > p->own_at)
		next = p->own_at;
	if (p->settle_at != 0 && next > p->settle_at)
		next = p->settle_at;
	if (next > counters_due(p))
		next = counters_due(p);
	if (p->lost != 0)
		next = 0;
	waiter_wait(w, next);
	now = clock_now();
	for (r = 0; r < IPC_NROLES; r++) {
		if ((rc = waiter_flush(w, r)) != PH_OK)
			client_lost(p, (enum ipc_role)r, rc);
		if (waiter_readable(w, r))
			read_client(p, (enum ipc_role)r, now);
	}
	if (waiter_readable(w, IPC_NROLES))
		read_monitor(p);
	if (waiter_readable(w, IPC_NROLES + 1) ||
	    waiter_readable(w, IPC_NROLES + 2))
		queuewatch_wake(&p->release.watch, now);
}

/*
 * Whether to end now.  Told to go and to keep what is there, it waits until
 * the packet filter is up to date, but not for longer than LEAVE_WITHIN.
 */
static bool
may_end(struct fwproc *p, int64_t *next)
{
	int64_t now = clock_now();

	if (is_abandoned(p)) {
		/*
		 * Started for a reload that failed: the pinholes belong to the
		 * firewall process of before.
		 */
		p->keep = !p->served && p->args->adopt &&
		    (p->args->ops->caps & FW_CAP_DEADLINE) != 0;
		return true;
	}
	if (!p->quit)
		return false;
	if (p->leave_at == 0)
		p->leave_at = now + LEAVE_WITHIN;
	if (*next > p->leave_at)
		*next = p->leave_at;
	return !p->keep || fwtable_settled(p->table) || now >= p->leave_at;
}

static void
fwproc_serve(struct fwproc *p)
{
	static const int signals[] = { SIGTERM };
	int64_t next;

	waiter_init(&p->waiter, signals, 1, on_term);
	for (;;) {
		drop_lost(p);
		give_up_adopted(p, clock_now());
		next = fwtable_run(p->table, clock_now());
		next =
		    release_run(&p->release, fwtable_settled(p->table), next);
		counters_send(p, clock_now());
		look_at_tables(p);
		if (may_end(p, &next))
			return;
		wait_for_work(p, next);
		look_at_own(p, clock_now());
		/* While there is a monitor, only its IPC_QUIT counts. */
		if (got_term && p->monitor.fd == -1)
			p->quit = true;
	}
}

static void
pause_queue(void *ctx, bool yes)
{
	struct fwproc *p = ctx;

	if (yes && p->pauses++ == 0)
		packetq_pause(&p->queue);
	else if (!yes && --p->pauses == 0)
		packetq_resume(&p->queue);
}

static void
open_filter(struct fwproc *p)
{
	char text[1024];
	struct strbuf why = strbuf_of(text, sizeof(text));
	const struct fw_ops *ops = p->args->ops;

	if (fwconfig_of(p->args->conf, &p->config) != PH_OK)
		log_fatalx(MODULE, "out of memory");
	if (iface_own(&p->iface, p->args->conf, &why) != PH_OK)
		log_fatalx(MODULE, "%s", text);
	p->config.adopt = p->args->adopt;
	p->config.local = p->iface.nownprotected > 0;
	p->policy.conf = p->args->conf;
	p->policy.own = p->iface.own;
	p->policy.nown = p->iface.nown;
	p->own_at = clock_now() + LOOK_AT_OWN;
	if (p->args->adopt)
		p->settle_at = clock_now() +
		    p->args->conf->sip.timeout_idle * USEC_PER_SEC;
	p->config.hold.pause = pause_queue;
	p->config.hold.ctx = p;
	if (ops->open(&p->fw, &p->config, clock_now(), &why) != PH_OK)
		log_fatalx(MODULE, "%s: %s", ops->name, text);
}

int
fwproc_main(const struct fwproc_args *args)
{
	static struct fwproc proc; /* one a process, and large */
	struct fwproc *p = &proc;
	struct answers_sink sink = { p, send_client, clock_now };
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	int i;

	memset(p, 0, sizeof(*p));
	p->args = args;
	p->queue = *args->queue;
	packetq_fork(&p->queue);
	open_filter(p);
	/* One that was killed may have left it paused. */
	packetq_resume(&p->queue);
	priority_take(args->conf, MODULE);
	p->cpu_latency = priority_cpu_latency(args->conf, MODULE);
	if (sandbox_enter(SANDBOX_FIREWALL, args->sandbox, &why) != PH_OK)
		log_fatalx(MODULE, "%s", text);
	p->table = fwtable_new(args->ops, p->fw, &p->policy, &sink);
	if (p->table == NULL)
		log_fatalx(MODULE, "out of memory");
	for (i = 0; i < IPC_NROLES; i++)
		ipc_init(&p->client[i], -1);
	ipc_init(&p->monitor, args->monitor_fd);
	if (ipc_send(&p->monitor, IPC_READY, 0, &p->msg, -1) != PH_OK)
		log_fatalx(MODULE, "cannot send to the monitor");
	release_init(&p->release, &p->queue, &args->conf->inline_,
	    fwtable_mutable_counters(p->table));
	fwproc_serve(p);

	/*
	 * Let waiting packets pass: the kernel drops them when our table goes.
	 */
	if (!p->keep)
		pause_queue(p, true);
	args->ops->close(p->fw, p->keep);
	fwtable_free(p->table);
	fwconfig_free(&p->config);
	for (i = 0; i < IPC_NROLES; i++)
		ipc_close(&p->client[i]);
	ipc_close(&p->monitor);
	return 0;
}
