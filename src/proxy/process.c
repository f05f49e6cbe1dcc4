/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>

#include <event2/event.h>

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/fw/config.h"
#include "src/process/ipc.h"
#include "src/process/output.h"
#include "src/proxy/link.h"
#include "src/proxy/process.h"

#define MODULE "proxy"

/* Two sockets a session, and what else there is. */
#define FDS_MAX	  65536
#define FDS_OTHER 64

/* Whoever asks once often asks again. */
#define IDLE_ENOUGH (5 * USEC_PER_SEC)

/* One per listener. */
struct service {
	enum listen_kind kind;
	struct proxy_ftp *ftp;
	struct proxy_tftp *tftp;
	struct proxy_tables *tables;
};

struct process {
	const struct proxy_args *args;
	struct event_base *base;
	struct event *monitor_ev, *term_ev, *idle_ev;
	struct event *left_ev; /* leaving: is anybody left? */
	struct ipc monitor;
	struct ipc_msg msg; /* too big for the stack */
	struct fw_config fw_config;
	struct output *output; /* events, in the foreground */
	struct proxy *proxy;
	struct keyfiles keys; /* of tables */
	struct iface own;
	struct service *service;
	size_t nservices;
	bool serving;
	int status;
};

static void
stop(struct process *x, int status)
{
	x->status = status;
	event_base_loopbreak(x->base);
}

static void
on_line(void *ctx, const char *text)
{
	const struct process *x = ctx;

	if (!x->args->foreground) {
		log_event(text);
		return;
	}
	output_line(x->output, text);
	output_flush(x->output);
}

static void
on_fw_lost(void *ctx)
{
	struct process *x = ctx;

	if (x->monitor.fd == -1)
		stop(x, 2);
}

static void
on_emptied(void *ctx)
{
	struct process *x = ctx;
	size_t i;

	for (i = 0; i < x->nservices; i++)
		if (x->service[i].kind == LISTEN_TABLES)
			proxy_tables_fill(x->service[i].tables);
}

static bool
start_one(struct process *x, struct service *s, const struct listener *l)
{
	struct proxy_tables_setup setup = { &x->keys, &x->own,
		x->args->journal_fds, x->args->journal_limit,
		x->args->first_run };

	s->kind = l->kind;
	switch (l->kind) {
	case LISTEN_FTP:
		return (s->ftp = proxy_ftp_start(x->proxy, l)) != NULL;
	case LISTEN_TFTP:
		return (s->tftp = proxy_tftp_start(x->proxy, l)) != NULL;
	case LISTEN_TABLES:
		s->tables = proxy_tables_start(x->proxy, l, &setup);
		return s->tables != NULL;
	}
	return true;
}

static void
stop_one(struct service *s)
{
	switch (s->kind) {
	case LISTEN_FTP:
		proxy_ftp_stop(s->ftp);
		break;
	case LISTEN_TFTP:
		proxy_tftp_stop(s->tftp);
		break;
	case LISTEN_TABLES:
		proxy_tables_stop(s->tables);
		break;
	}
}

static void
serve(struct process *x)
{
	const struct listeners *l = x->args->listeners;
	char at[ADDR_STRLEN];
	size_t i;

	x->serving = true;
	log_detach();
	for (i = 0; i < l->n; i++) {
		if (!start_one(x, &x->service[i], &l->v[i]))
			log_fatalx(MODULE, "out of memory");
		x->nservices++;
		log_info(MODULE, "listening on %s",
		    endpoint_format(&l->v[i].at, at));
	}
}

static void
quit(struct process *x)
{
	while (x->nservices > 0)
		stop_one(&x->service[--x->nservices]);
	proxy_shutdown(x->proxy, REASON_SHUTDOWN);
	stop(x, 0);
}

static size_t
sessions_left(const struct process *x)
{
	size_t i, n = 0;

	for (i = 0; i < x->nservices; i++)
		if (x->service[i].kind == LISTEN_FTP)
			n += proxy_ftp_left(x->service[i].ftp);
		else if (x->service[i].kind == LISTEN_TFTP)
			n += proxy_tftp_left(x->service[i].tftp);
	return n;
}

static void
on_left(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval second = { 1, 0 };
	struct process *x = arg;

	(void)fd;
	(void)what;
	if (sessions_left(x) == 0)
		quit(x);
	else
		event_add(x->left_ev, &second);
}

/*
 * A successor accepts from now on.  Sessions and transfers go on here, for
 * they cannot be handed over; tables have one keeper at a time.
 */
static void
leave(struct process *x)
{
	size_t i, kept = 0;

	for (i = 0; i < x->nservices; i++)
		switch (x->service[i].kind) {
		case LISTEN_FTP:
			proxy_ftp_leave(x->service[i].ftp);
			x->service[kept++] = x->service[i];
			break;
		case LISTEN_TFTP:
			proxy_tftp_leave(x->service[i].tftp);
			x->service[kept++] = x->service[i];
			break;
		case LISTEN_TABLES:
			proxy_tables_stop(x->service[i].tables);
			break;
		}
	x->nservices = kept;
	x->left_ev = event_new(x->base, -1, 0, on_left, x);
	if (sessions_left(x) == 0 || x->left_ev == NULL ||
	    ipc_send(&x->monitor, IPC_READY, 0, &x->msg, -1) != PH_OK) {
		quit(x);
		return;
	}
	setproctitle("leaving");
	on_left(-1, 0, x);
}

static void
report(const struct process *x)
{
	const struct proxy_counters *n = proxy_counters(x->proxy);
	size_t i;

	log_info(MODULE,
	    "open=%" PRIu64 " opened=%" PRIu64 " closed=%" PRIu64
	    " refused=%" PRIu64 " questions=%" PRIu64 " unanswered=%" PRIu64,
	    n->open, n->opened, n->closed, n->refused, n->questions,
	    n->unanswered);
	for (i = 0; i < x->nservices; i++)
		if (x->service[i].kind == LISTEN_TABLES)
			proxy_tables_report(x->service[i].tables);
}

static void
monitor_lost(struct process *x)
{
	log_warnx(MODULE, "the monitor is gone; carrying on without it");
	event_free(x->monitor_ev);
	x->monitor_ev = NULL;
	ipc_close(&x->monitor);
	/* From now on nobody else will tell us to stop. */
	event_add(x->term_ev, NULL);
	if (!proxy_linked(x->proxy))
		stop(x, 2);
}

static void
on_monitor(evutil_socket_t fd, short what, void *arg)
{
	struct process *x = arg;
	enum ph_err rc;
	int passed;

	(void)fd;
	(void)what;
	while ((rc = ipc_recv(&x->monitor, &x->msg, &passed)) == PH_OK) {
		switch (x->msg.hdr.type) {
		case IPC_FW:
			if (passed == -1)
				break;
			if (proxy_link(x->proxy, passed) != PH_OK)
				log_fatalx(MODULE, "out of memory");
			passed = -1;
			if (!x->serving)
				serve(x);
			break;
		case IPC_QUIT:
			quit(x);
			return;
		case IPC_LEAVE:
			leave(x);
			break;
		case IPC_REPORT:
			report(x);
			break;
		default:
			break;
		}
		if (passed != -1)
			close(passed);
	}
	if (rc != PH_EAGAIN)
		monitor_lost(x);
}

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	quit(arg);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval second = { 1, 0 };
	struct process *x = arg;

	(void)fd;
	(void)what;
	if (x->serving && proxy_idle(x->proxy) >= IDLE_ENOUGH)
		quit(x);
	else
		event_add(x->idle_ev, &second);
}

/* While still root, where that matters. */
static void
allow_descriptors(const struct conf *conf)
{
	struct rlimit r = { 0 };
	rlim_t want = FDS_OTHER;
	size_t i;

	for (i = 0; i < conf->ftp.nproxy; i++)
		want += 2 * (rlim_t)conf->ftp.proxy[i].max_sessions;
	for (i = 0; i < conf->tftp.nproxy; i++)
		want += conf->tftp.proxy[i].max_sessions;
	if (want > FDS_MAX)
		want = FDS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &r) == -1 || r.rlim_cur >= want)
		return;
	r.rlim_cur = want;
	if (r.rlim_max < want)
		r.rlim_max = want;
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		log_warn(MODULE, "cannot have %llu descriptors",
		    (unsigned long long)want);
}

static void
make_events(struct process *x)
{
	const struct proxy_args *a = x->args;
	const struct fw_ops *ops = fw_lookup(a->conf->firewall);
	struct proxy_setup setup = { .conf = a->conf,
		.lost = on_fw_lost,
		.emptied = on_emptied,
		.ctx = x };

	if ((x->base = event_base_new()) == NULL ||
	    (x->output = output_new(x->base, STDOUT_FILENO)) == NULL ||
	    (x->term_ev = event_new(x->base, SIGTERM, EV_SIGNAL | EV_PERSIST,
		 on_term, x)) == NULL ||
	    (x->monitor_ev = event_new(x->base, a->monitor_fd,
		 EV_READ | EV_PERSIST, on_monitor, x)) == NULL)
		log_fatalx(MODULE, "cannot make the event loop");
	setup.base = x->base;
	setup.number = a->number;
	setup.events = (struct events) { a->format, a->verbose,
		ops != NULL ? ops->explain : NULL, &x->fw_config, on_line, x,
		clock_wall, NULL, NULL };
	if (fwconfig_of(a->conf, &x->fw_config) != PH_OK ||
	    (x->service = calloc(a->listeners->n + 1, sizeof(*x->service))) ==
		NULL ||
	    (x->proxy = proxy_new(&setup)) == NULL)
		log_fatalx(MODULE, "out of memory");
	if (a->until_idle) {
		x->idle_ev = event_new(x->base, -1, 0, on_idle, x);
		if (x->idle_ev == NULL)
			log_fatalx(MODULE, "out of memory");
		on_idle(-1, 0, x);
	}
	ipc_init(&x->monitor, a->monitor_fd);
	event_add(x->monitor_ev, NULL);
}

int
proxy_main(const struct proxy_args *args)
{
	static struct process process; /* one a process, and large */
	struct process *x = &process;
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	memset(x, 0, sizeof(*x));
	x->args = args;
	allow_descriptors(args->conf);
	if (keyfiles_read(&x->keys, &args->conf->tables, &why) != PH_OK ||
	    iface_own(&x->own, args->conf, &why) != PH_OK)
		log_fatalx(MODULE, "%s", text);
	if (sandbox_enter(SANDBOX_PROXY, args->sandbox, &why) != PH_OK)
		log_fatalx(MODULE, "%s", text);
	make_events(x);
	if (ipc_send(&x->monitor, IPC_READY, 0, &x->msg, -1) != PH_OK)
		log_fatalx(MODULE, "the monitor does not listen");
	event_base_dispatch(x->base);

	while (x->nservices > 0)
		stop_one(&x->service[--x->nservices]);
	free(x->service);
	keyfiles_wipe(&x->keys);
	proxy_free(x->proxy);
	fwconfig_free(&x->fw_config);
	if (x->monitor_ev != NULL)
		event_free(x->monitor_ev);
	event_free(x->term_ev);
	if (x->idle_ev != NULL)
		event_free(x->idle_ev);
	if (x->left_ev != NULL)
		event_free(x->left_ev);
	ipc_close(&x->monitor);
	output_free(x->output);
	event_base_free(x->base);
	return x->status;
}
