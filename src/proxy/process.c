/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/fw/config.h"
#include "src/process/tally.h"
#include "src/process/worker.h"
#include "src/proxy/link.h"
#include "src/proxy/process.h"

#define MODULE "proxy"

/* Descriptors: two for each session, and FDS_OTHER for all else. */
#define FDS_MAX	  65536
#define FDS_OTHER 64

/* Started on demand, we stay for a while: a client often asks again. */
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
	struct worker worker;
	struct event *idle_ev;
	struct event *left_ev;	/* leaving: look for sessions left */
	struct event *tally_ev; /* write the counters every TALLY_EVERY */
	struct fw_config fw_config;
	struct proxy *proxy;
	struct keyfiles keys; /* of tables */
	struct iface own;
	struct service *service;
	size_t nservices;
	struct checkpoint *journal; /* NULL: not open, or none */
	struct tally tally;
	bool serving;
};

static void
on_line(void *ctx, const char *text)
{
	struct process *x = ctx;

	worker_line(&x->worker, text);
	output_flush(x->worker.output);
}

static void
on_fw_lost(void *ctx)
{
	struct process *x = ctx;

	worker_fw_lost(&x->worker);
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
service_start(struct process *x, struct service *s, const struct listener *l)
{
	struct proxy_tables_setup setup = { &x->keys, &x->own,
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
	case LISTEN_HTTP:
	case LISTEN_HEP:
	case LISTEN_HEP_STREAM:
		break;
	}
	return true;
}

static void
service_stop(struct service *s)
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
	case LISTEN_HTTP:
	case LISTEN_HEP:
	case LISTEN_HEP_STREAM:
		break;
	}
}

/* NULL: not configured. */
static struct proxy_tables *
tables_find(const struct process *x)
{
	size_t i;

	for (i = 0; i < x->nservices; i++)
		if (x->service[i].kind == LISTEN_TABLES)
			return x->service[i].tables;
	return NULL;
}

static void
on_counters(void *ctx, struct counters *c)
{
	const struct process *x = ctx;
	const struct proxy_tables *tables = tables_find(x);

	proxy_report(x->proxy, c);
	c->prefix = "tables_";
	if (tables != NULL)
		proxy_tables_report(tables, c);
	c->prefix = NULL;
}

static void
on_record(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct process *x = ctx;
	struct proxy_tables *tables = tables_find(x);

	if (key == TALLY_KEY)
		tally_adopt(&x->tally, p, len);
	else if (tables != NULL)
		proxy_tables_load(tables, key, p, len);
}

/* Open the journal.  To be called when no predecessor writes to it any more. */
static void
journal_open(struct process *x)
{
	struct proxy_tables *tables = tables_find(x);
	enum ph_err rc;

	rc = checkpoint_open(&x->journal, x->args->journal_fds,
	    x->args->journal_limit, on_record, x);
	if (tables != NULL)
		proxy_tables_begin(tables, x->journal, rc);
	else if (rc != PH_OK)
		log_warnx(MODULE, "no journal, counters begin at zero: %s",
		    ph_strerror(rc));
}

static void
journal_tally(struct process *x)
{
	enum ph_err rc = tally_write(&x->tally, x->journal, clock_now());

	if (rc != PH_OK)
		log_debug(MODULE, "the counters cannot be written: %s",
		    ph_strerror(rc));
}

static void
on_tally(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval every = { TALLY_EVERY / USEC_PER_SEC, 0 };
	struct process *x = arg;

	(void)fd;
	(void)what;
	journal_tally(x);
	event_add(x->tally_ev, &every);
}

/* Stop the service of tables, or all others. */
static void
services_stop(struct process *x, bool tables)
{
	size_t i, kept = 0;

	for (i = 0; i < x->nservices; i++)
		if ((x->service[i].kind == LISTEN_TABLES) == tables)
			service_stop(&x->service[i]);
		else
			x->service[kept++] = x->service[i];
	x->nservices = kept;
}

/* Close the journal, so that a successor may open it. */
static void
journal_close(struct process *x)
{
	journal_tally(x);
	services_stop(x, true);
	checkpoint_close(x->journal);
	x->journal = NULL;
	event_del(x->tally_ev);
}

static void
services_start(struct process *x)
{
	const struct listeners *l = x->args->listeners;
	char at[ADDR_STRLEN];
	size_t i;

	x->serving = true;
	log_detach();
	for (i = 0; i < l->n; i++) {
		if (!service_start(x, &x->service[i], &l->v[i]))
			log_fatalx(MODULE, "out of memory");
		x->nservices++;
		log_info(MODULE, "listening on %s",
		    endpoint_format(&l->v[i].at, at));
	}
	journal_open(x);
	on_tally(-1, 0, x);
}

static void
process_quit(void *ctx, bool keep)
{
	struct process *x = ctx;

	(void)keep; /* what is open cannot be handed over */
	services_stop(x, false);
	proxy_shutdown(x->proxy, REASON_SHUTDOWN);
	journal_close(x);
	worker_stop(&x->worker, 0);
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
		process_quit(x, false);
	else
		event_add(x->left_ev, &second);
}

/*
 * A successor accepts from now on.  Sessions and transfers cannot be handed
 * over, and go on here.  Tables are handed over by the journal, which one
 * process at a time may write.
 */
static void
process_leave(struct process *x)
{
	size_t i;

	for (i = 0; i < x->nservices; i++)
		if (x->service[i].kind == LISTEN_FTP)
			proxy_ftp_leave(x->service[i].ftp);
		else if (x->service[i].kind == LISTEN_TFTP)
			proxy_tftp_leave(x->service[i].tftp);
	x->left_ev = event_new(x->worker.base, -1, 0, on_left, x);
	if (sessions_left(x) == 0 || x->left_ev == NULL) {
		process_quit(x, false);
		return;
	}
	journal_close(x);
	channel_send(&x->worker.monitor, IPC_READY, 0, &x->worker.out, -1);
	setproctitle("leaving");
	on_left(-1, 0, x);
}

static void
process_report(struct process *x)
{
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct counters c = { .form = COUNTERS_WORDS,
		.out = &b,
		.before = &x->tally.before };
	const struct proxy_tables *tables = tables_find(x);

	journal_tally(x);
	proxy_report(x->proxy, &c);
	log_info(MODULE, "%s", text);
	if (tables == NULL)
		return;
	strbuf_reset(&b);
	c.prefix = "tables_";
	proxy_tables_report(tables, &c);
	log_info("tables", "%s", text);
}

static void
on_monitor(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct process *x = ctx;

	switch (m->hdr.type) {
	case IPC_FW:
		if (*fd == -1)
			break;
		if (proxy_link(x->proxy, *fd) != PH_OK)
			log_fatalx(MODULE, "out of memory");
		*fd = -1;
		if (!x->serving)
			services_start(x);
		break;
	case IPC_LEAVE:
		process_leave(x);
		break;
	case IPC_REPORT:
		process_report(x);
		break;
	case IPC_COMMAND:
		log_verbose((int)m->u.command.value);
		proxy_verbose(x->proxy, (int)m->u.command.value);
		break;
	default:
		break;
	}
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval second = { 1, 0 };
	struct process *x = arg;

	(void)fd;
	(void)what;
	if (x->serving && proxy_idle(x->proxy) >= IDLE_ENOUGH)
		process_quit(x, false);
	else
		event_add(x->idle_ev, &second);
}

/* To be called as root, who may raise the limit. */
static void
descriptors_allow(const struct conf *conf)
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

/* For the status process. */

static void
on_view(void *ctx, const struct claims_view *v)
{
	struct process *x = ctx;

	feed_claim(&x->worker.feed, v);
}

static bool
on_tell(void *ctx, uint64_t *at)
{
	struct process *x = ctx;
	int i;

	for (i = 0; i < FEED_TURN; i++)
		if (!proxy_view(x->proxy, at, on_view, x))
			return false;
	return true;
}

static void
on_each_counter(void *ctx,
    void (*each)(void *each_ctx, const char *name, uint64_t v, bool gauge),
    void *each_ctx)
{
	struct process *x = ctx;

	journal_tally(x);
	tally_each(&x->tally, each, each_ctx);
}

/* Lines for the status process go together, as many as fit in a message. */
struct shown {
	struct feed *feed;
	uint64_t seq;
	struct strbuf b;
	char text[IPC_TEXT + 1];
};

static void
shown_flush(struct shown *s)
{
	feed_text(s->feed, s->seq, (struct span) { s->b.p, s->b.len });
	strbuf_reset(&s->b);
}

static void
on_shown(void *ctx, struct span line)
{
	struct shown *s = ctx;

	if (s->b.len + line.len + 1 > IPC_TEXT)
		shown_flush(s);
	strbuf_add(&s->b, line);
	strbuf_str(&s->b, "\n");
}

static void
asked_tables(struct process *x, const struct ipc_msg *m)
{
	const struct ipc_which *w = &m->u.which;
	struct proxy_tables *tables = tables_find(x);
	struct shown s = { .feed = &x->worker.feed, .seq = m->hdr.seq };
	struct prefix p;

	s.b = strbuf_of(s.text, sizeof(s.text));
	if (tables != NULL && w->n == 0)
		proxy_tables_show(tables, NULL, on_shown, &s);
	else if (tables != NULL &&
	    prefix_parse((struct span) { w->call, w->n }, &p) == PH_OK)
		proxy_tables_show(tables, &p, on_shown, &s);
	shown_flush(&s);
	feed_done(s.feed, s.seq, PH_OK, 0);
}

static void
on_asked(void *ctx, const struct ipc_msg *m)
{
	struct process *x = ctx;
	enum ph_err rc = PH_EUNSUPPORTED;

	if (m->hdr.type == IPC_SHOW_TABLES) {
		asked_tables(x, m);
		return;
	}
	if (m->hdr.type == IPC_CLOSE_CALL)
		rc = proxy_end(x->proxy, m->u.which.owner, REASON_CLOSED)
		    ? PH_OK
		    : PH_EGONE;
	feed_done(&x->worker.feed, m->hdr.seq, rc, 1);
}

static void
process_init(struct process *x)
{
	const struct proxy_args *a = x->args;
	const struct fw_ops *ops = fw_lookup(a->conf->firewall);
	const struct worker_setup worker = { MODULE, a->monitor_fd,
		a->foreground, on_monitor, process_quit,
		{ on_tell, on_each_counter, x }, on_asked, x };
	struct proxy_setup setup = { .conf = a->conf,
		.lost = on_fw_lost,
		.emptied = on_emptied,
		.ctx = x };

	worker_init(&x->worker, &worker);
	x->tally_ev = event_new(x->worker.base, -1, 0, on_tally, x);
	x->tally.list = on_counters;
	x->tally.ctx = x;
	setup.fw = &x->worker.fw;
	setup.base = x->worker.base;
	setup.feed = &x->worker.feed;
	setup.number = a->number;
	setup.events = (struct events) { .format = a->format,
		.verbose = a->verbose,
		.explain = ops != NULL ? ops->explain : NULL,
		.fw_config = &x->fw_config,
		.line = on_line,
		.ctx = x,
		.wall = clock_wall,
		.tap = &x->worker.feed.tap };
	if (x->tally_ev == NULL ||
	    fwconfig_of(a->conf, &x->fw_config) != PH_OK ||
	    (x->service = calloc(a->listeners->n + 1, sizeof(*x->service))) ==
		NULL ||
	    (x->proxy = proxy_new(&setup)) == NULL)
		log_fatalx(MODULE, "out of memory");
	if (a->until_idle) {
		x->idle_ev = event_new(x->worker.base, -1, 0, on_idle, x);
		if (x->idle_ev == NULL)
			log_fatalx(MODULE, "out of memory");
		on_idle(-1, 0, x);
	}
}

int
proxy_main(const struct proxy_args *args)
{
	static struct process process; /* one a process, and large */
	struct process *x = &process;
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	int status;

	memset(x, 0, sizeof(*x));
	x->args = args;
	descriptors_allow(args->conf);
	if (keyfiles_read(&x->keys, &args->conf->tables, &why) != PH_OK ||
	    iface_own(&x->own, args->conf, &why) != PH_OK)
		log_fatalx(MODULE, "%s", text);
	worker_confine(MODULE, SANDBOX_PROXY, args->sandbox);
	process_init(x);
	status = worker_run(&x->worker);

	services_stop(x, false);
	journal_close(x);
	free(x->service);
	keyfiles_wipe(&x->keys);
	proxy_free(x->proxy);
	fwconfig_free(&x->fw_config);
	event_free(x->tally_ev);
	if (x->idle_ev != NULL)
		event_free(x->idle_ev);
	if (x->left_ev != NULL)
		event_free(x->left_ev);
	worker_free(&x->worker);
	return status;
}
