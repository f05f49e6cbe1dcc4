/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/jsonw.h"
#include "src/base/log.h"
#include "src/process/worker.h"
#include "src/share/process.h"
#include "src/share/server.h"
#include "src/share/tls.h"
#include "tables/mac.h"

#define MODULE	     "share"
#define EVERY	     20000 /* microseconds between turns, for what is due */
/* How long the farewell to the server may take; the monitor waits longer. */
#define LEAVE_WITHIN (USEC_PER_SEC)
#define CLOCK_EVERY  (5 * USEC_PER_SEC)
/* Clocks of a group should agree to that. */
#define CLOCK_STEP   (60 * USEC_PER_SEC)

/*
 * The limit of this process's memory (RLIMIT_DATA) in bytes: DATA_MIN, and
 * DATA_CALL for each call of `limit calls`.
 */
#define DATA_MIN  (128u << 20)
#define DATA_CALL 4096
/* AddressSanitizer maps terabytes. */
#ifdef SANITIZED
#define LIMITED false
#else
#define LIMITED true
#endif

/* A record that comes in parts. */
struct parts {
	uint8_t p[RECORD_BODY_MAX];
	size_t have;
};

struct process {
	struct worker worker;
	struct channel engine;
	struct group *group;
	struct server server;
	struct secrets secrets;
	struct tls *tls; /* NULL: none */
	struct event *timer;
	struct parts in;
	struct ipc_msg out; /* too big for the stack */
	uint64_t gaps;
	int64_t clock_at; /* when it is looked at next */
	int64_t leave_by; /* 0: it stays; else until all is sent */
	uint64_t twins;	  /* of which the log knows */
	struct log_limit twins_log;
	uint64_t old; /* of which the log knows */
	struct log_limit old_log;
	bool clock_told; /* that it was set */
};

/* To the engine. */

static void
engine_send(struct process *x, enum ipc_type type)
{
	channel_send(&x->engine, type, 0, &x->out, -1);
}

static void
on_offer(void *ctx, const uint8_t *key, struct span body, bool fresh)
{
	struct process *x = ctx;
	struct ipc_share_call *c = &x->out.u.share_call;
	size_t at, n;

	for (at = 0; at < body.len; at += n) {
		n = body.len - at < IPC_SHARE_PART ? body.len - at
						   : IPC_SHARE_PART;
		memset(c, 0, offsetof(struct ipc_share_call, bytes));
		memcpy(c->key, key, IPC_SHARE_KEY);
		c->total = (uint32_t)body.len;
		c->offset = (uint32_t)at;
		c->flag = fresh;
		c->n = (uint32_t)n;
		memcpy(c->bytes, body.p + at, n);
		engine_send(x, IPC_SHARE_CALL);
	}
}

static void
on_end(void *ctx, uint64_t id, enum reason why)
{
	struct process *x = ctx;

	x->out.u.share_gone =
	    (struct ipc_share_gone) { .id = id, .reason = (uint32_t)why };
	engine_send(x, IPC_SHARE_GONE);
}

static void
on_seen(void *ctx, uint64_t id, uint32_t inside_s, uint32_t outside_s)
{
	struct process *x = ctx;

	x->out.u.share_seen =
	    (struct ipc_share_seen) { id, inside_s, outside_s };
	engine_send(x, IPC_SHARE_SEEN);
}

static void
on_role(void *ctx, uint64_t id, enum group_role role)
{
	/* In the words of src/engine/calls.h. */
	static const uint32_t roles[] = { [GROUP_THEIRS] = 0,
		[GROUP_OURS] = 1,
		[GROUP_RELEASED] = 2,
		[GROUP_LOST] = 3 };
	struct process *x = ctx;

	x->out.u.share_role =
	    (struct ipc_share_role) { .id = id, .role = roles[role] };
	engine_send(x, IPC_SHARE_ROLE);
}

/* To the server. */

static void
on_write(void *ctx, const uint8_t *key, uint64_t version, const uint8_t *p,
    size_t len)
{
	struct process *x = ctx;

	server_write(&x->server, key, version, p, len);
}

static void
on_erase(void *ctx, const uint8_t *key, uint64_t version, const uint8_t *p,
    size_t len)
{
	struct process *x = ctx;

	server_erase(&x->server, key, version, p, len);
}

static void
on_publish(void *ctx, const uint8_t *p, size_t len)
{
	struct process *x = ctx;

	server_publish(&x->server, p, len);
}

static void
on_renew(void *ctx, const uint8_t *key)
{
	struct process *x = ctx;

	server_renew(&x->server, key);
}

static size_t
on_room(void *ctx)
{
	const struct process *x = ctx;

	return server_room(&x->server);
}

static void
on_connect(void *ctx)
{
	struct process *x = ctx;

	channel_send(&x->worker.monitor, IPC_CONNECT, 0, &x->worker.out, -1);
}

/* From the engine. */

static void
on_call(struct process *x, const struct ipc_share_call *c, int64_t now)
{
	struct parts *in = &x->in;
	const char *p = (const char *)in->p;

	if (c->offset == 0)
		in->have = 0;
	if (c->offset != in->have || c->n > sizeof(in->p) - in->have)
		return;
	memcpy(in->p + in->have, c->bytes, c->n);
	in->have += c->n;
	if (in->have != c->total || c->names_at > c->total ||
	    c->names_len > c->total - c->names_at)
		return;
	group_call(x->group, c->id,
	    (struct span) { p + c->names_at, c->names_len },
	    (struct span) { p, in->have }, c->flag != 0, now);
}

static void
on_engine(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct process *x = ctx;
	const struct ipc_share_seen *seen = &m->u.share_seen;
	int64_t now = clock_now();

	(void)fd;
	switch (m->hdr.type) {
	case IPC_SHARE_BEGIN:
		group_begin(x->group);
		break;
	case IPC_SHARE_END:
		group_end(x->group, now);
		break;
	case IPC_SHARE_CALL:
		on_call(x, &m->u.share_call, now);
		break;
	case IPC_SHARE_GONE:
		group_gone(x->group, m->u.share_gone.id,
		    (enum reason)m->u.share_gone.reason, now);
		break;
	case IPC_SHARE_SEEN:
		group_seen(x->group, seen->id, seen->inside_s, seen->outside_s,
		    now);
		break;
	case IPC_SHARE_TOOK:
		group_took(x->group, m->u.share_took.key, m->u.share_took.id,
		    (enum ph_err)m->u.share_took.err, now);
		break;
	default:
		break;
	}
}

/*
 * The engine has told all its changes for now: write them at once, rather than
 * in the next turn.
 */
static void
on_engine_settled(void *ctx)
{
	struct process *x = ctx;

	(void)group_run(x->group, clock_now());
}

static void
on_engine_lost(void *ctx, enum ph_err why)
{
	(void)ctx;
	(void)why;
}

static const struct channel_calls engine_calls = { on_engine, on_engine_settled,
	on_engine_lost };

/* From the monitor. */

static void
on_monitor(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct process *x = ctx;

	if (m->hdr.type == IPC_SHARE && *fd != -1) {
		if (channel_open(&x->engine, *fd) != PH_OK)
			log_fatalx(MODULE, "out of memory");
		*fd = -1;
	} else if (m->hdr.type == IPC_CONNECTED) {
		server_connected(&x->server, *fd, clock_now());
		*fd = -1;
	}
}

static void
on_quit(void *ctx, bool keep)
{
	struct process *x = ctx;

	if (!keep)
		group_leave(x->group, clock_now());
	x->leave_by = clock_now() + LEAVE_WITHIN;
}

/* For the status process. */

static bool
on_tell(void *ctx, uint64_t *at)
{
	(void)ctx;
	(void)at;
	return false;
}

static void
on_each_counter(void *ctx,
    void (*each)(void *each_ctx, const char *name, uint64_t v, bool gauge),
    void *each_ctx)
{
	struct process *x = ctx;
	struct group_stats s;
	char name[COUNTERS_NAME];
	struct strbuf b;
	int i;

	group_stats(x->group, &s);
	each(each_ctx, "share_joined", x->server.state == SERVER_JOINED, true);
	each(each_ctx, "share_boxes",
	    boxes_alive(group_boxes(x->group), clock_now()), true);
	each(each_ctx, "share_calls", s.calls, true);
	each(each_ctx, "share_owned", s.owned, true);
	each(each_ctx, "share_waiting", s.waiting, true);
	each(each_ctx, "share_lag_us", (uint64_t)s.lag, true);
	each(each_ctx, "share_joins", x->server.joins, false);
	each(each_ctx, "share_bytes", server_bytes(&x->server), false);
	each(each_ctx, "share_writes", s.writes, false);
	each(each_ctx, "share_erases", s.erases, false);
	each(each_ctx, "share_renewals", s.renewals, false);
	each(each_ctx, "share_received", s.received, false);
	each(each_ctx, "share_adopted", s.adopted, false);
	each(each_ctx, "share_ended", s.ended, false);
	each(each_ctx, "share_takeovers", s.takeovers, false);
	each(each_ctx, "share_gaps", x->gaps, false);
	for (i = RECORD_FINE + 1; i < RECORD_REFUSALS; i++) {
		b = strbuf_of(name, sizeof(name));
		strbuf_fmt(&b, "share_refused_%s",
		    record_refusal_name((enum record_refusal)i));
		each(each_ctx, name, s.refused[i], false);
	}
}

static void
put_self(const struct process *x, struct strbuf *out)
{
	struct group_stats s;
	struct jsonw w = jsonw_begin(out);

	group_stats(x->group, &s);
	jsonw_str(&w, "box", span_of(group_name(x->group)));
	jsonw_str(&w, "state",
	    span_of(x->server.state == SERVER_JOINED ? "self" : "alone"));
	jsonw_uint(&w, "owns", s.owned);
	jsonw_uint(&w, "calls", s.calls);
	jsonw_null(&w, "heard");
	jsonw_uint(&w, "lag_us", (uint64_t)s.lag);
	jsonw_end(&w);
	strbuf_str(out, "\n");
}

static void
put_box(const struct box *x, int64_t now, struct strbuf *out)
{
	struct jsonw w = jsonw_begin(out);

	jsonw_str(&w, "box", span_of(x->name));
	jsonw_str(&w, "state",
	    span_of(box_alive(x, now) ? "alive"
		    : x->gone	      ? "left"
				      : "dead"));
	jsonw_uint(&w, "owns", x->owns);
	jsonw_uint(&w, "calls", x->calls);
	jsonw_time(&w, "heard", clock_wall(x->heard));
	jsonw_null(&w, "lag_us");
	jsonw_end(&w);
	strbuf_str(out, "\n");
}

static void
on_asked(void *ctx, const struct ipc_msg *m)
{
	struct process *x = ctx;
	const struct boxes *boxes = group_boxes(x->group);
	char line[512];
	struct strbuf b = strbuf_of(line, sizeof(line));
	size_t i;

	if (m->hdr.type != IPC_SHOW_PEERS) {
		feed_done(&x->worker.feed, m->hdr.seq, PH_EUNSUPPORTED, 0);
		return;
	}
	put_self(x, &b);
	feed_text(&x->worker.feed, m->hdr.seq, (struct span) { b.p, b.len });
	for (i = 0; i < boxes->n; i++) {
		strbuf_reset(&b);
		put_box(&boxes->v[i], clock_now(), &b);
		feed_text(&x->worker.feed, m->hdr.seq,
		    (struct span) { b.p, b.len });
	}
	feed_done(&x->worker.feed, m->hdr.seq, PH_OK, 0);
}

static void
namesake_tell(struct process *x, int64_t now)
{
	struct group_stats s;
	uint32_t missed;

	group_stats(x->group, &s);
	if (s.twins == x->twins)
		return;
	x->twins = s.twins;
	if (log_may(&x->twins_log, now, &missed))
		log_warnx(MODULE,
		    "another firewall of the group has the name \"%s\", too",
		    group_name(x->group));
}

/* Records of a box whose clock is wrong, or ours; or of a server that lies. */
static void
old_tell(struct process *x, int64_t now)
{
	struct group_stats s;
	uint32_t missed;

	group_stats(x->group, &s);
	if (s.refused[RECORD_OLD] == x->old)
		return;
	x->old = s.refused[RECORD_OLD];
	if (log_may(&x->old_log, now, &missed))
		log_warnx(MODULE,
		    "refused: a record of the firewall \"%s\" is dated %lld "
		    "seconds %s our clock",
		    s.old_box,
		    (long long)(s.old_by < 0 ? -s.old_by : s.old_by) /
			USEC_PER_SEC,
		    s.old_by < 0 ? "ahead of" : "behind");
}

/* Records are dated by the clock as it was when pinholed started. */
static void
clock_tell(struct process *x, int64_t now)
{
	int64_t by = clock_wall(now) - now;
	bool told = x->clock_told;

	x->clock_told = by > CLOCK_STEP || by < -CLOCK_STEP;
	if (x->clock_told && !told)
		log_warnx(MODULE,
		    "the clock was set by %lld seconds after pinholed started, "
		    "which dates its records as before: start it again",
		    (long long)(by / USEC_PER_SEC));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval every = { 0, EVERY };
	struct process *x = arg;
	int64_t now = clock_now();

	(void)fd;
	(void)what;
	if (x->leave_by != 0 &&
	    (server_idle(&x->server) || now >= x->leave_by)) {
		worker_stop(&x->worker, 0);
		return;
	}
	if (now >= x->clock_at) {
		x->clock_at = now + CLOCK_EVERY;
		clock_tell(x, now);
	}
	server_run(&x->server, now);
	(void)group_run(x->group, now);
	namesake_tell(x, now);
	old_tell(x, now);
	/* The engine did not read for a while: it has to be told all anew. */
	if (channel_recovered(&x->engine)) {
		x->gaps++;
		group_retell(x->group);
	}
	event_add(x->timer, &every);
}

/* A server that was taken over must not make this process eat the machine. */
static void
memory_limit(const struct conf *conf)
{
	rlim_t most = DATA_MIN + (rlim_t)conf->sip.limit_calls * DATA_CALL;
	struct rlimit r = { .rlim_cur = most, .rlim_max = most };

	if (LIMITED && setrlimit(RLIMIT_DATA, &r) == -1)
		log_warn(MODULE, "setrlimit");
}

static void
make_group(struct process *x, const struct share_args *args)
{
	const struct conf_share *c = &args->conf->share;
	char host[RECORD_NAME] = "";
	struct group_setup setup = { .limit = args->conf->sip.limit_calls,
		.ops = { on_write, on_erase, on_publish, on_renew, on_room,
		    on_offer, on_end, on_seen, on_role, x } };

	if (c->name == NULL &&
	    (gethostname(host, sizeof(host) - 1) == -1 || host[0] == '\0'))
		strlcpy(host, "box", sizeof(host));
	setup.name = c->name != NULL ? c->name : host;
	strlcpy(setup.group.name, c->group, sizeof(setup.group.name));
	memcpy(setup.group.key, x->secrets.key, x->secrets.keylen);
	setup.group.keylen = x->secrets.keylen;
	arc4random_buf(&setup.boot, sizeof(setup.boot));
	if ((x->group = group_new(&setup, clock_now())) == NULL)
		log_fatalx(MODULE, "out of memory");
	explicit_bzero(&setup.group, sizeof(setup.group));
}

static int
share_main(const struct share_args *args)
{
	static struct process process; /* one a process, and large */
	struct process *x = &process;
	const struct worker_setup worker = { .name = MODULE,
		.monitor_fd = args->monitor_fd,
		.message = on_monitor,
		.quit = on_quit,
		.feed = { on_tell, on_each_counter, x },
		.asked = on_asked,
		.ctx = x };
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));
	int status;

	memset(x, 0, sizeof(*x));
	if (mac_trouble() != NULL)
		log_fatalx(MODULE, "%s", mac_trouble());
	if (secrets_read(&x->secrets, &args->conf->share, &why) != PH_OK ||
	    (args->conf->share.tls.on &&
		tls_new(&x->tls, &args->conf->share, &why) != PH_OK))
		log_fatalx(MODULE, "%s", text);
	/* Calls come first. */
	(void)setpriority(PRIO_PROCESS, 0, 5);
	memory_limit(args->conf);
	make_group(x, args);
	worker_confine(MODULE, SANDBOX_SHARE, args->sandbox);
	worker_init(&x->worker, &worker);
	channel_init(&x->engine, x->worker.base, &engine_calls, x);
	server_init(&x->server, x->worker.base, &x->secrets,
	    args->conf->share.group);
	x->server.tls = x->tls;
	x->server.group = x->group;
	x->server.limit = args->conf->sip.limit_calls;
	x->server.connect = on_connect;
	x->server.ctx = x;
	if ((x->timer = event_new(x->worker.base, -1, 0, on_timer, x)) == NULL)
		log_fatalx(MODULE, "out of memory");
	on_timer(-1, 0, x);
	status = worker_run(&x->worker);

	server_close(&x->server);
	channel_close(&x->engine);
	event_free(x->timer);
	group_free(x->group);
	tls_free(x->tls);
	secrets_wipe(&x->secrets);
	worker_free(&x->worker);
	return status;
}

int (*const share_process)(const struct share_args *args) = share_main;

bool
share_possible(const struct conf_share *c, struct strbuf *why)
{
	if (!c->tls.on || tls_lacks == NULL)
		return true;
	strbuf_fmt(why, "%s%s", c->tls.at, tls_lacks);
	return false;
}
