/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>

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

struct process;

/* A process that tells us what it holds. */
struct source {
	struct process *x;
	struct channel channel;
	struct model_source *in; /* NULL: this place is free */
};

struct process {
	struct worker worker;
	struct model *model;
	struct control *control;
	struct http *http;
	struct event *second;
	struct source source[SOURCES];
};

static void
source_ask(struct source *s, enum ipc_tell_what what)
{
	struct ipc_msg *m = &s->x->worker.out;

	m->u.tell = (struct ipc_tell) { .what = what };
	channel_send(&s->channel, IPC_TELL, 0, m, -1);
}

static void
on_source(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct source *s = ctx;

	(void)fd;
	if (s->in == NULL)
		return;
	(void)model_input(s->x->model, s->in, clock_now(), m);
	if (m->hdr.type == IPC_FEED_GAP)
		source_ask(s, IPC_TELL_ALL);
}

static void
on_source_lost(void *ctx, enum ph_err why)
{
	struct source *s = ctx;

	if (why != PH_EGONE)
		log_warnx(MODULE, "lost a process: %s", ph_strerror(why));
	model_source_gone(s->x->model, s->in);
	s->in = NULL;
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
	if (channel_open(&s->channel, fd) != PH_OK)
		log_fatalx(MODULE, "out of memory");
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
		model_about(x->model, &m->u.about);
		break;
	case IPC_HEALTH:
		model_health(x->model, &m->u.health);
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
	size_t i;

	(void)fd;
	(void)what;
	for (i = 0; i < SOURCES; i++)
		if (x->source[i].in != NULL)
			source_ask(&x->source[i], IPC_TELL_COUNTERS);
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
	int status;
	size_t i;

	memset(x, 0, sizeof(*x));
	/* Whatever strangers have us do, calls come first. */
	(void)setpriority(PRIO_PROCESS, 0, 10);
	descriptors_allow();
	worker_confine(MODULE, SANDBOX_STATUS, args->sandbox);
	worker_init(&x->worker, &worker);
	x->second = event_new(x->worker.base, -1, 0, on_second, x);
	if (x->second == NULL || (x->model = model_new()) == NULL ||
	    (x->control = control_new(x->worker.base, x->model)) == NULL ||
	    (x->http = http_new(x->worker.base, x->model)) == NULL)
		log_fatalx(MODULE, "out of memory");
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
