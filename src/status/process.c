/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/process/worker.h"
#include "src/status/control.h"
#include "src/status/http.h"
#include "src/status/process.h"

#define MODULE	"status"
#define SOURCES 16
#define FDS	4096

#define ANSWER_MAX (512u << 10)

struct process;

/* A process that tells us what it holds. */
struct source {
	struct process *x;
	struct channel channel;
	struct model_source *in; /* NULL: this place is free */
	uint64_t number;	 /* sources come in this order */
};

struct process {
	struct worker worker;
	struct model *model;
	struct control *control;
	struct http *http;
	struct event *second;
	struct source source[SOURCES];
	uint64_t nsources; /* ever */
};

static void
source_ask(struct source *s, enum ipc_tell_what what)
{
	struct ipc_msg *m = &s->x->worker.out;

	m->u.tell = (struct ipc_tell) { .what = what };
	channel_send(&s->channel, IPC_TELL, 0, m, -1);
}

static void
sources_ask(struct process *x, enum ipc_tell_what what)
{
	size_t i;

	for (i = 0; i < SOURCES; i++)
		if (x->source[i].in != NULL)
			source_ask(&x->source[i], what);
}

/* For the model. */

static void
on_need(void *ctx, bool yes)
{
	sources_ask(ctx, yes ? IPC_TELL_ALL : IPC_TELL_ENOUGH);
}

static void
on_whole(void *ctx)
{
	struct process *x = ctx;

	control_whole(x->control);
	http_whole(x->http);
}

/* Requests that another process answers. */

static enum ph_err
on_command(void *ctx, uint64_t seq, enum ipc_command_kind kind, uint32_t value)
{
	struct process *x = ctx;
	struct ipc_msg *m = &x->worker.out;

	m->u.command =
	    (struct ipc_command) { .kind = (uint32_t)kind, .value = value };
	channel_send(&x->worker.monitor, IPC_COMMAND, seq, m, -1);
	return PH_OK;
}

static enum ph_err
ask_peers(struct process *x, uint64_t seq)
{
	size_t i;

	for (i = 0; i < SOURCES; i++)
		if (x->source[i].in != NULL &&
		    x->source[i].in->role == IPC_SHARER)
			break;
	if (i == SOURCES)
		return PH_EGONE;
	x->worker.out.u.which = (struct ipc_which) { .n = 0 };
	channel_send(&x->source[i].channel, IPC_SHOW_PEERS, seq, &x->worker.out,
	    -1);
	return PH_OK;
}

static enum ph_err
ask_tables(struct process *x, uint64_t seq, const struct request *r)
{
	struct ipc_which *w = &x->worker.out.u.which;
	char text[ADDR_STRLEN] = "";
	size_t i;

	for (i = 0; i < SOURCES; i++)
		if (x->source[i].in != NULL &&
		    x->source[i].in->role == IPC_PROXY)
			break;
	if (i == SOURCES)
		return PH_EGONE;
	if (r->address.addr.af != AF_UNSPEC)
		prefix_format(&r->address, text);
	*w = (struct ipc_which) { .n = (uint32_t)strlen(text) };
	memcpy(w->call, text, w->n);
	channel_send(&x->source[i].channel, IPC_SHOW_TABLES, seq,
	    &x->worker.out, -1);
	return PH_OK;
}

/*
 * A pinhole is asked about where it is; all else, of the engine: the older one,
 * if there are two, for it has not handed its calls over yet.
 */
static struct source *
source_that_knows(struct process *x, const struct model_hole *h)
{
	struct source *s, *found = NULL;

	for (s = x->source; s < x->source + SOURCES; s++) {
		if (s->in == NULL)
			continue;
		if (h != NULL && s->in == model_hole_source(x->model, h))
			return s;
		if (h == NULL && s->in->role == IPC_ENGINE &&
		    (found == NULL || s->number < found->number))
			found = s;
	}
	return found;
}

static enum ph_err
on_ask(void *ctx, uint64_t seq, enum ipc_type type, const struct request *r)
{
	struct process *x = ctx;
	struct ipc_which *w = &x->worker.out.u.which;
	const struct model_hole *h = model_hole_find(x->model, r->id);
	struct span name = { NULL, 0 };
	struct source *s;

	if (type == IPC_SHOW_TABLES)
		return ask_tables(x, seq, r);
	if (type == IPC_SHOW_PEERS)
		return ask_peers(x, seq);
	if ((s = source_that_knows(x, h)) == NULL)
		return PH_EGONE;
	*w = (struct ipc_which) { .id = h != NULL ? r->id : 0,
		.owner = h != NULL ? h->owner : 0 };
	if (h == NULL)
		name = span_of(r->call);
	else if (h->call != NULL)
		name = (struct span) { h->call->call, h->call->len };
	w->n = (uint32_t)name.len;
	if (name.len > 0)
		memcpy(w->call, name.p, name.len);
	channel_send(&s->channel, type, seq, &x->worker.out, -1);
	return PH_OK;
}

/* NULL: as the error says itself. */
static const char *
why_not(int32_t err)
{
	switch (err) {
	case PH_EGONE:
		return "there is no such call or pinhole";
	case PH_EUNSUPPORTED:
		return "the proxies have no stories; the log tells of each "
		       "session";
	case PH_EAGAIN:
		return "too much is asked for at a time; try again";
	case PH_EAMBIGUOUS:
		return "several calls begin so";
	default:
		return NULL;
	}
}

static void
on_source(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct source *s = ctx;

	(void)fd;
	if (s->in == NULL || model_input(s->x->model, s->in, clock_now(), m)) {
		if (m->hdr.type == IPC_FEED_GAP)
			source_ask(s,
			    model_needed(s->x->model) ? IPC_TELL_ALL
						      : IPC_TELL_ENOUGH);
		return;
	}
	if (m->hdr.type == IPC_FEED_TEXT)
		control_text(s->x->control, m->hdr.seq,
		    (struct span) { m->u.feed_text.text, m->u.feed_text.n });
	else if (m->hdr.type == IPC_DONE)
		control_done(s->x->control, m->hdr.seq,
		    (enum ph_err)m->u.done.err, why_not(m->u.done.err));
}

static void
on_source_lost(void *ctx, enum ph_err why)
{
	struct source *s = ctx;
	struct model_source *in;

	if (why != PH_EGONE)
		log_warnx(MODULE, "lost the connection to a process: %s",
		    ph_strerror(why));
	in = s->in;
	s->in = NULL;
	model_source_gone(s->x->model, in);
}

static const struct channel_calls source_calls = { on_source, NULL,
	on_source_lost };

static void
source_add(struct process *x, const struct ipc_source *about, int fd)
{
	struct source *s;
	size_t i;

	for (i = 0; i < SOURCES && x->source[i].in != NULL; i++)
		;
	if (i == SOURCES || about->role >= IPC_NROLES) {
		close(fd);
		return;
	}
	s = &x->source[i];
	s->x = x;
	s->in = model_source_new(x->model, about->role, about->pid);
	if (s->in == NULL) {
		close(fd);
		return;
	}
	channel_init(&s->channel, x->worker.base, &source_calls, s);
	s->number = x->nsources++;
	if (channel_open(&s->channel, fd) != PH_OK)
		log_fatalx(MODULE, "out of memory");
	if (model_needed(x->model))
		source_ask(s, IPC_TELL_ALL);
}

/* The monitor's answer is a file of text, up to ANSWER_MAX of it. */
static void
done_by_monitor(struct process *x, const struct ipc_msg *m, int fd)
{
	static char text[ANSWER_MAX];
	enum ph_err rc = (enum ph_err)m->u.done.err;
	ssize_t n = 0;

	if (fd != -1 && (n = pread(fd, text, sizeof(text), 0)) < 0)
		n = 0;
	control_text(x->control, m->hdr.seq, (struct span) { text, (size_t)n });
	control_done(x->control, m->hdr.seq, rc,
	    rc == PH_EBAD ? "the configuration has errors" : why_not(rc));
}

static void
on_monitor(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct process *x = ctx;

	switch (m->hdr.type) {
	case IPC_SOURCE:
		if (*fd != -1)
			source_add(x, &m->u.source, *fd);
		*fd = -1;
		break;
	case IPC_LISTEN:
		if (m->u.listen.kind == IPC_LISTEN_HTTP)
			http_listen(x->http, *fd);
		else
			control_listen(x->control,
			    (enum ipc_listen_kind)m->u.listen.kind, *fd);
		*fd = -1;
		break;
	case IPC_ABOUT:
		parties_about(model_parties(x->model), &m->u.about);
		break;
	case IPC_DONE:
		done_by_monitor(x, m, *fd);
		break;
	case IPC_HEALTH:
		parties_health(model_parties(x->model), &m->u.health);
		break;
	default:
		break;
	}
}

static void
on_quit(void *ctx, bool keep)
{
	struct process *x = ctx;

	(void)keep;
	worker_stop(&x->worker, 0);
}

/* Counters are asked for, for they change all the time. */
static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval second = { 1, 0 };
	struct process *x = arg;
	struct source *s;

	(void)fd;
	(void)what;
	sources_ask(x, IPC_TELL_COUNTERS);
	/* One that was asked again too soon has not answered. */
	for (s = x->source; s < x->source + SOURCES; s++)
		if (s->in != NULL && model_needed(x->model) && !s->in->telling)
			source_ask(s, IPC_TELL_ALL);
	control_tick(x->control);
	model_tick(x->model, clock_now());
	event_add(x->second, &second);
}

/* As root, who may raise the limit. */
static void
descriptors_allow(void)
{
	struct rlimit r = { .rlim_cur = FDS, .rlim_max = FDS };

	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		log_warn(MODULE, "cannot have %d descriptors", FDS);
}

static int
status_main(const struct status_args *args)
{
	static struct process process; /* one a process, and large */
	struct process *x = &process;
	const struct worker_setup worker = { .name = MODULE,
		.monitor_fd = args->monitor_fd,
		.message = on_monitor,
		.quit = on_quit,
		.ctx = x };
	const struct control_ops ops = { on_command, on_ask, x };
	const struct model_asker asker = { on_need, on_whole, x };
	int status;
	size_t i;

	memset(x, 0, sizeof(*x));
	/* Clients may make this process work hard; calls come first. */
	(void)setpriority(PRIO_PROCESS, 0, 10);
	descriptors_allow();
	worker_confine(MODULE, SANDBOX_STATUS, args->sandbox);
	worker_init(&x->worker, &worker);
	x->second = event_new(x->worker.base, -1, 0, on_second, x);
	if (x->second == NULL || (x->model = model_new()) == NULL ||
	    (x->control = control_new(x->worker.base, x->model, &ops)) ==
		NULL ||
	    (x->http = http_new(x->worker.base, x->model)) == NULL)
		log_fatalx(MODULE, "out of memory");
	model_ask_by(x->model, &asker);
	on_second(-1, 0, x);
	status = worker_run(&x->worker);

	for (i = 0; i < SOURCES; i++)
		if (x->source[i].in != NULL)
			channel_close(&x->source[i].channel);
	http_free(x->http);
	control_free(x->control);
	model_free(x->model);
	event_free(x->second);
	worker_free(&x->worker);
	return status;
}

int (*const status_process)(const struct status_args *args) = status_main;
