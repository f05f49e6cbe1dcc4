/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/capture/capture.h"
#include "src/compat/process.h"
#include "src/engine/counted.h"
#include "src/engine/asked.h"
#include "src/engine/calls.h"
#include "src/engine/census.h"
#include "src/engine/engine.h"
#include "src/engine/held.h"
#include "src/engine/hep_server.h"
#include "src/engine/keep.h"
#include "src/engine/outbox.h"
#include "src/engine/ports.h"
#include "src/engine/process.h"
#include "src/engine/sharing.h"
#include "src/fw/config.h"
#include "src/process/iface.h"
#include "src/process/priority.h"
#include "src/process/tally.h"
#include "src/process/worker.h"

#define MODULE	    "engine"
#define PACKETS	    64 /* taken from a capture before others get a turn */
#define DROPS_EVERY (10 * USEC_PER_SEC)
#define IFACE_EVERY (1 * USEC_PER_SEC)
#define RETRY_AFTER (1 * USEC_PER_SEC)
#define MAX_FDS	    32
/*
 * libevent reads a clock that advances by the tick of Linux, 4 ms or 1 ms.  For
 * a time in between it would wake up each millisecond until the tick has come.
 */
#define TICK	    4000

struct live {
	const struct engine_args *args;
	struct worker worker;
	struct event *timer;
	struct event *capture_ev[MAX_FDS];
	struct event *more_ev; /* a capture has more than one turn takes */
	size_t ncaptures;
	struct iface iface;
	struct engine *engine;
	struct capture *capture;
	struct held held;
	struct hep_key hep_key;
	struct hep_policy hep;
	struct hep_server *hep_server; /* NULL: nobody mirrors */
	struct keep keep;
	struct fw_config fw_config;
	struct asked asked;
	struct sharing sharing;
	bool started; /* reading the captures */
	struct outbox outbox;
	uint64_t seq;
	struct form_counts forms;
	struct tally tally;
	int64_t stamp; /* of the first packet whose pinholes were not sent */
	struct fwcounters filter; /* of the firewall processes */
	uint64_t drops;		  /* last known */
	int64_t drops_at;
	int64_t iface_at; /* last looked at */
	struct log_limit refused_log, said_log;
};

static void
fw_send(struct live *l, enum ipc_type type)
{
	channel_send(&l->worker.fw, type, ++l->seq, &l->worker.out, -1);
}

static void
send_commit(void *ctx, const struct fw_change *changes, size_t n)
{
	struct live *l = ctx;
	struct ipc_commit *c = &l->worker.out.u.commit;

	c->n = (uint32_t)n;
	c->quiet = 1;
	c->stamp = l->stamp;
	l->stamp = 0;
	memcpy(c->changes, changes, n * sizeof(*changes));
	fw_send(l, IPC_COMMIT);
}

static void
on_commit(void *ctx, const struct fw_change *changes, size_t n)
{
	struct live *l = ctx;

	outbox_add(&l->outbox, changes, n, clock_now());
}

static void
on_checkpoint(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct live *l = ctx;

	keep_record(&l->keep, key, p, len);
}

/* Rate-limited: strangers can cause these lines. */
static void
on_log_line(void *ctx, const char *text)
{
	struct live *l = ctx;
	uint32_t missed;

	if (!log_may(&l->said_log, clock_now(), &missed))
		return;
	if (missed > 0)
		log_info(MODULE, "%s (%u more like this)", text, missed);
	else
		log_info(MODULE, "%s", text);
}

/* The packet that is being handed over has opened something. */
static void
note_stamp(struct live *l, uint64_t opened_before)
{
	if (l->stamp == 0 && engine_opened(l->engine) != opened_before)
		l->stamp = capture_stamp(l->capture);
}

static void
on_udp(void *ctx, const struct datagram *d)
{
	struct live *l = ctx;
	uint64_t before = engine_opened(l->engine);

	engine_udp(l->engine, d->ts, d);
	note_stamp(l, before);
}

static void
on_mirrored(void *ctx, const struct datagram *d)
{
	struct live *l = ctx;

	engine_udp(l->engine, d->ts, d);
}

static enum capture_more
on_tcp(void *ctx, void **user, const struct datagram *d)
{
	struct live *l = ctx;
	uint64_t before = engine_opened(l->engine);
	enum capture_more more = engine_tcp(l->engine, d->ts, user, d);

	note_stamp(l, before);
	return more;
}

static void
on_tcp_end(void *ctx, void *user)
{
	struct live *l = ctx;

	engine_tcp_end(l->engine, user);
}

static struct capture_sink
capture_sink_of(struct live *l)
{
	return (struct capture_sink) { l, on_udp, on_tcp, on_tcp_end,
		on_checkpoint, NULL };
}

static void
on_counters(void *ctx, struct counters *c)
{
	struct live *l = ctx;
	struct counted n = { l->capture, l->engine, NULL, &l->filter, &l->hep,
		&l->held, output_lost(l->worker.output) };

	if (l->fw_config.states)
		n.forms = &l->forms;
	counted_put(&n, c);
}

static void
counters_tell(struct live *l, struct strbuf *b)
{
	keep_tally(&l->keep, &l->tally);
	tally_tell(&l->tally, COUNTERS_LINES, b);
}

static int64_t
journal_write(struct live *l, bool haste, int64_t now)
{
	const struct capture_sink sink = capture_sink_of(l);

	/* By an older place of a connection, a successor would see a gap. */
	if (l->capture != NULL && capture_flush(l->capture, &sink))
		haste = true;
	return keep_write(&l->keep, l->engine, &l->tally, haste, now);
}

static void
fw_resync(struct live *l)
{
	outbox_forget(&l->outbox);
	fw_send(l, IPC_BEGIN);
	engine_resend(l->engine, clock_now());
	outbox_flush(&l->outbox);
	fw_send(l, IPC_SETTLE);
}

static void
watch_drops(struct live *l, int64_t now)
{
	struct capture_stats s;

	if (l->capture == NULL || now - l->drops_at < DROPS_EVERY)
		return;
	l->drops_at = now;
	capture_stats(l->capture, &s);
	if (s.kernel_drops > l->drops)
		log_warnx(MODULE,
		    "the kernel dropped %llu packets before we "
		    "saw them; see `buffer` in pinholed.conf(5)",
		    (unsigned long long)(s.kernel_drops - l->drops));
	l->drops = s.kernel_drops;
}

static void process_quit(void *ctx, bool keep);

/*
 * An interface that was deleted and made again has the old name but another
 * index; one that was in another network meanwhile may have both.  Only a new
 * engine can open it, for we have no privilege.
 */
static void
watch_interfaces(struct live *l, int64_t now)
{
	if (!l->started || now - l->iface_at < IFACE_EVERY)
		return;
	l->iface_at = now;
	if (!iface_moved(&l->iface) &&
	    (l->capture == NULL || !capture_deaf(l->capture)))
		return;
	log_warnx(MODULE,
	    "an interface was made anew; starting another engine to open it");
	process_quit(l, true);
}

/* After each event: run timers, write the journal, set the next timer. */
static void
process_settle(struct live *l)
{
	int64_t now = clock_now(), next, wait;
	struct timeval tv;

	engine_run(l->engine, now);
	asked_run(&l->asked, &l->worker.feed, l->engine, l->args->conf);
	next = outbox_run(&l->outbox, now);
	next = timers_earlier(next, journal_write(l, false, now));
	if (channel_recovered(&l->worker.fw))
		fw_resync(l);
	output_flush(l->worker.output);
	watch_drops(l, now);
	watch_interfaces(l, now);
	next = timers_earlier(next, engine_next(l->engine));
	if (l->capture != NULL)
		next = timers_earlier(next, capture_due(l->capture));
	next = timers_earlier(next, asked_due(&l->asked));
	next = timers_earlier(next, now + RETRY_AFTER);
	if (sharing_run(&l->sharing))
		next = now;
	wait = next > now ? (next - now + TICK - 1) / TICK * TICK : 0;
	tv.tv_sec = (time_t)(wait / USEC_PER_SEC);
	tv.tv_usec = (suseconds_t)(wait % USEC_PER_SEC);
	event_add(l->timer, &tv);
}

static void
on_capture(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval at_once;
	struct live *l = arg;
	struct capture_sink sink = capture_sink_of(l);
	enum ph_err rc;

	(void)what;
	/* Under load a turn has packets of many calls: one commit for all. */
	channel_hold(&l->worker.fw, true);
	engine_gather(l->engine, true);
	rc = capture_dispatch(l->capture, fd, PACKETS, clock_now(), &sink);
	engine_gather(l->engine, false);
	held_run(&l->held);
	channel_hold(&l->worker.fw, false);
	if (rc != PH_OK) {
		log_warnx(MODULE, "an interface went away");
		worker_stop(&l->worker, 2);
		return;
	}
	/* A timer of 0 seconds gives the other descriptors a turn first. */
	if (capture_waiting(l->capture))
		event_add(l->more_ev, &at_once);
	process_settle(l);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct live *l = arg;

	if (l->capture != NULL && capture_due(l->capture) <= clock_now())
		on_capture(fd, what, l);
	else
		process_settle(l);
}

static void
on_result(struct live *l, const struct ipc_result *r)
{
	uint32_t missed;

	if (r->err == PH_OK || !log_may(&l->refused_log, clock_now(), &missed))
		return;
	log_warnx(MODULE, "the firewall process refused pinholes: %s",
	    ph_strerror((enum ph_err)r->err));
}

static void
on_seen(struct live *l, const struct ipc_ids *ids, unsigned int ends)
{
	int64_t now = clock_now();
	uint32_t i;

	for (i = 0; i < ids->n; i++)
		engine_seen(l->engine, ids->ids[i], ends, now);
	feed_seen(&l->worker.feed, ids);
}

static void
on_packets(struct live *l, const struct ipc_packets *p)
{
	uint32_t i;

	for (i = 0; i < p->n; i++)
		engine_packets(l->engine, p->v[i].id, p->v[i].packets);
	feed_packets(&l->worker.feed, p);
}

static void
on_fw(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct live *l = ctx;
	uint32_t i;

	(void)fd;
	switch (m->hdr.type) {
	case IPC_RESULT:
		on_result(l, &m->u.result);
		break;
	case IPC_COUNTERS:
		fwcounters_merge(&l->filter, &m->u.counters);
		break;
	case IPC_SEEN_FROM:
		on_seen(l, &m->u.ids, FW_SEEN_FROM);
		break;
	case IPC_SEEN_TO:
		on_seen(l, &m->u.ids, FW_SEEN_TO);
		break;
	case IPC_PACKETS:
		on_packets(l, &m->u.packets);
		break;
	case IPC_CLOSED:
		for (i = 0; i < m->u.ids.n; i++)
			engine_lost(l->engine, m->u.ids.ids[i]);
		break;
	default:
		break;
	}
}

/* From the firewall process, a mirror, or the queue of what is held. */
static void
on_all_read(void *ctx)
{
	process_settle(ctx);
}

static void
on_fw_lost(void *ctx, enum ph_err why)
{
	struct live *l = ctx;

	if (why == PH_EGONE)
		log_warnx(MODULE, "the firewall process is gone");
	else
		log_warnx(MODULE,
		    "lost the connection to the firewall process: %s",
		    ph_strerror(why));
	worker_fw_lost(&l->worker);
}

static const struct channel_calls fw_calls = { on_fw, on_all_read, on_fw_lost };

static void
on_record(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct live *l = ctx;

	if (key == TALLY_KEY)
		tally_adopt(&l->tally, p, len);
	else if (key < CAPTURE_KEY_MIN || key >= CAPTURE_KEY_MAX)
		engine_adopt(l->engine, key, p, len, clock_now());
	else if (l->capture != NULL)
		capture_adopt(l->capture, key, p, len, clock_now());
}

static void
process_serve_hep(struct live *l)
{
	const struct hep_server_setup setup = { l->worker.base,
		l->args->listeners, &l->hep, on_mirrored, on_all_read, l };

	char at[ADDR_STRLEN];

	if (!l->args->conf->hep.on)
		return;
	if ((l->hep_server = hep_server_new(&setup)) == NULL)
		log_fatalx(MODULE, "out of memory");
	log_info(MODULE, "listening on %s for what others mirror",
	    endpoint_format(&l->args->conf->hep.listen, at));
}

/* The predecessor, if any, has exited: adopt its journal, begin to read. */
static void
process_begin(struct live *l)
{
	int fds[MAX_FDS];
	size_t i;

	l->started = true;
	log_detach();
	keep_open(&l->keep, l->args->journal_fds, l->args->journal_limit,
	    on_record, l);
	if (l->capture != NULL)
		l->ncaptures = capture_fds(l->capture, fds, MAX_FDS);
	if ((l->more_ev = evtimer_new(l->worker.base, on_capture, l)) == NULL)
		log_fatalx(MODULE, "out of memory");
	for (i = 0; i < l->ncaptures; i++) {
		l->capture_ev[i] = event_new(l->worker.base, fds[i],
		    EV_READ | EV_PERSIST, on_capture, l);
		if (l->capture_ev[i] == NULL)
			log_fatalx(MODULE, "out of memory");
		event_add(l->capture_ev[i], NULL);
	}
	held_serve(&l->held, l->args->queue,
	    &(struct held_user) { &l->worker, l->engine, l->capture,
		capture_sink_of(l), on_all_read, l,
		l->args->conf->inline_.hold_ms });
	process_serve_hep(l);
}

static void
new_fw(struct live *l, int fd)
{
	if (channel_open(&l->worker.fw, fd) != PH_OK)
		log_fatalx(MODULE, "out of memory");
	fw_send(l, IPC_BEGIN);
	if (!l->started)
		process_begin(l);
	fw_resync(l);
	process_settle(l);
}

static void
process_quit(void *ctx, bool keep)
{
	struct live *l = ctx;

	if (keep)
		engine_leave(l->engine, clock_now());
	else
		engine_shutdown(l->engine, clock_now());
	outbox_flush(&l->outbox);
	l->tally.written_at = 0; /* once more */
	(void)journal_write(l, true, clock_now());
	keep_sync(&l->keep);
	/* Send what is queued for the firewall process. */
	if (channel_flush(&l->worker.fw) != PH_OK)
		log_debug(MODULE,
		    "the last messages did not reach the firewall process");
	worker_stop(&l->worker, 0);
}

static void
process_report(struct live *l)
{
	char text[8192], one[128];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct span rest, line;

	counters_tell(l, &b);
	for (rest = (struct span) { b.p, b.len }; rest.len > 0;) {
		line = span_cut(rest, '\n', &rest);
		snprintf(one, sizeof(one), "%.*s", (int)line.len, line.p);
		log_info(MODULE, "%s", one);
	}
}

static void
on_monitor(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct live *l = ctx;

	if (m->hdr.type == IPC_FW && *fd != -1) {
		new_fw(l, *fd);
		*fd = -1;
	} else if (m->hdr.type == IPC_SHARE)
		sharing_open(&l->sharing, engine_calls(l->engine), fd);
	else if (m->hdr.type == IPC_REPORT)
		process_report(l);
	else if (m->hdr.type == IPC_COMMAND) {
		log_verbose((int)m->u.command.value);
		engine_verbose(l->engine, (int)m->u.command.value);
	}
}

static void
open_capture(struct live *l)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	size_t i;

	if (engine_capture(&l->capture, &l->iface, l->args->conf, &why) !=
	    PH_OK)
		log_fatalx(MODULE, "%s", text);
	if (l->capture == NULL)
		return;
	for (i = 0; i < l->iface.n; i++)
		log_info(MODULE, "listening on %s", l->iface.name[i]);
	if (l->iface.nownprotected > 0)
		log_info(MODULE,
		    "listening on every interface for the "
		    "firewall's own addresses");
}

/* For the status process. */

static void
feed_tell_hole(void *ctx, const struct claims_view *v)
{
	struct live *l = ctx;

	feed_claim(&l->worker.feed, v);
}

static void
on_call(void *ctx, const struct call_view *v)
{
	struct live *l = ctx;
	const struct engine_viewer holes = { l, NULL, feed_tell_hole };
	struct ipc_feed_call c = { .owner = v->id,
		.since = v->since,
		.from = v->from,
		.to = v->to,
		.seen = v->seen,
		.packets = v->packets };

	if (!channel_linked(&l->worker.feed_to))
		return;
	c.state = census_state(v);
	/* Without a Call-ID, it is gone, and was over before. */
	if (v->call_id.len > 0)
		feed_call(&l->worker.feed, &c, v->call_id);
	/* Pinholes that open and close are told as events instead. */
	if (v->renewed && l->worker.feed.wanted)
		engine_view_holes(l->engine, v->id, &holes);
}

static void
feed_tell_call(void *ctx, const struct call_view *v)
{
	if (!v->over)
		on_call(ctx, v);
}

static bool
on_tell(void *ctx, uint64_t *at)
{
	struct live *l = ctx;
	const struct engine_viewer v = { l, feed_tell_call, feed_tell_hole };
	int i;

	for (i = 0; i < FEED_TURN; i++)
		if (!engine_view(l->engine, at, &v))
			return false;
	return true;
}

static void
on_each_counter(void *ctx,
    void (*each)(void *each_ctx, const char *name, uint64_t v, bool gauge),
    void *each_ctx)
{
	struct live *l = ctx;

	keep_tally(&l->keep, &l->tally);
	tally_each(&l->tally, each, each_ctx);
}

static void
on_asked(void *ctx, const struct ipc_msg *m)
{
	struct live *l = ctx;
	const struct ipc_which *w = &m->u.which;
	enum ph_err rc = PH_EGONE;
	size_t n = 0;

	if (m->hdr.type == IPC_CLOSE_CALL) {
		n = engine_close(l->engine, (struct span) { w->call, w->n },
		    w->owner, clock_now());
		rc = n > 0 ? PH_OK : PH_EGONE;
		/* The person who asked may test the pinholes at once. */
		outbox_flush(&l->outbox);
		feed_done(&l->worker.feed, m->hdr.seq, rc, (uint32_t)n);
	} else if (m->hdr.type == IPC_EXPLAIN)
		asked_put(&l->asked, &l->worker.feed, m);
	process_settle(l);
}

static void
make_engine(struct live *l)
{
	const struct engine_args *a = l->args;
	const struct fw_ops *ops = fw_lookup(a->conf->firewall);
	struct events ev = { .format = a->format,
		.verbose = a->verbose,
		.fw_config = &l->fw_config,
		.line = worker_line,
		.ctx = &l->worker,
		.wall = clock_wall,
		.shorten = !a->foreground || log_is_journal(STDOUT_FILENO),
		.tap = &l->worker.feed.tap };
	struct engine_sink sink = { l, on_commit, on_checkpoint, on_log_line,
		on_call, sharing_call, sharing_seen, &l->sharing };
	struct engine_place place = { 0 };

	ev.explain = ops != NULL ? ops->explain : NULL;
	ev.form = ops != NULL ? ops->form : NULL;
	l->worker.feed.form = ev.form;
	l->worker.feed.fw_config = &l->fw_config;
	ev.forms = &l->forms;
	place.live = true;
	place.own = l->iface.own;
	place.nown = l->iface.nown;
	place.inside = l->iface.index;
	place.ninside = l->iface.n;
	place.activity = ops != NULL && ops->activity != NULL;
	if (fwconfig_of(a->conf, &l->fw_config) != PH_OK ||
	    engine_new(&l->engine, a->conf, &place, &ev, &sink) != PH_OK)
		log_fatalx(MODULE, "out of memory");
}

static void
make_events(struct live *l)
{
	const struct engine_args *a = l->args;
	const struct worker_setup setup = { MODULE, a->monitor_fd,
		a->foreground, on_monitor, process_quit,
		{ on_tell, on_each_counter, l }, on_asked, l };

	worker_init(&l->worker, &setup);
	channel_init(&l->worker.fw, l->worker.base, &fw_calls, l);
	sharing_init(&l->sharing, l->worker.base, on_all_read, l);
	l->timer = event_new(l->worker.base, -1, 0, on_timer, l);
	if (l->timer == NULL)
		log_fatalx(MODULE, "out of memory");
}

int
engine_main(const struct engine_args *args)
{
	static struct live live; /* one engine a process, and large */
	struct live *l = &live;
	size_t i;
	int status;

	memset(l, 0, sizeof(*l));
	l->args = args;
	l->outbox.send = send_commit;
	l->outbox.ctx = l;
	l->tally.list = on_counters;
	l->tally.ctx = l;
	open_capture(l);
	hep_key_demand(&l->hep_key, &args->conf->hep);
	hep_policy_init(&l->hep, args->conf, &l->hep_key);
	priority_take(args->conf, MODULE);
	worker_confine(MODULE, SANDBOX_ENGINE, args->sandbox);
	make_events(l);
	make_engine(l);
	status = worker_run(&l->worker);

	for (i = 0; i < l->ncaptures; i++)
		event_free(l->capture_ev[i]);
	if (l->more_ev != NULL)
		event_free(l->more_ev);
	held_end(&l->held);
	hep_server_free(l->hep_server);
	capture_close(l->capture,
	    &(struct capture_sink) { l, on_udp, on_tcp, on_tcp_end, NULL,
		NULL });
	sharing_close(&l->sharing);
	engine_free(l->engine);
	checkpoint_close(l->keep.journal);
	fwconfig_free(&l->fw_config);
	event_free(l->timer);
	worker_free(&l->worker);
	return status;
}
