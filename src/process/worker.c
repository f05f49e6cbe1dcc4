/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/process/worker.h"

void
worker_confine(const char *name, enum sandbox_role role,
    const struct sandbox *s)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (sandbox_enter(role, s, &why) != PH_OK)
		log_fatalx(name, "%s", text);
}

static void
monitor_message(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct worker *w = ctx;

	if (m->hdr.type == IPC_QUIT)
		w->setup.quit(w->setup.ctx, m->u.quit.keep != 0);
	else
		w->setup.message(w->setup.ctx, m, fd);
}

static void
monitor_lost(void *ctx, enum ph_err why)
{
	struct worker *w = ctx;

	(void)why;
	log_warnx(w->setup.name, "the monitor is gone; carrying on without it");
	/* Without a monitor, only SIGTERM can stop us. */
	event_add(w->term, NULL);
	if (!channel_linked(&w->fw))
		worker_stop(w, 2);
}

static const struct channel_calls monitor_calls = { monitor_message, NULL,
	monitor_lost };

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	struct worker *w = arg;

	(void)sig;
	(void)what;
	w->setup.quit(w->setup.ctx, false);
}

void
worker_init(struct worker *w, const struct worker_setup *setup)
{
	memset(w, 0, sizeof(*w));
	w->setup = *setup;
	if ((w->base = event_base_new()) == NULL ||
	    (w->output = output_new(w->base, STDOUT_FILENO)) == NULL ||
	    (w->term = event_new(w->base, SIGTERM, EV_SIGNAL | EV_PERSIST,
		 on_term, w)) == NULL)
		log_fatalx(setup->name, "cannot make the event loop");
	channel_init(&w->monitor, w->base, &monitor_calls, w);
	channel_init(&w->fw, w->base, NULL, NULL);
	if (channel_open(&w->monitor, setup->monitor_fd) != PH_OK)
		log_fatalx(setup->name, "cannot make the event loop");
}

int
worker_run(struct worker *w)
{
	if (ipc_send(&w->monitor.ipc, IPC_READY, 0, &w->out, -1) != PH_OK)
		log_fatalx(w->setup.name, "the monitor does not listen");
	event_base_dispatch(w->base);
	return w->status;
}

void
worker_stop(struct worker *w, int status)
{
	w->status = status;
	event_base_loopbreak(w->base);
}

void
worker_free(struct worker *w)
{
	channel_close(&w->fw);
	channel_close(&w->monitor);
	event_free(w->term);
	output_free(w->output);
	event_base_free(w->base);
}

void
worker_line(void *worker, const char *text)
{
	struct worker *w = worker;

	if (w->setup.foreground)
		output_line(w->output, text);
	else
		log_event(text);
}

void
worker_fw_lost(struct worker *w)
{
	if (!channel_linked(&w->monitor))
		worker_stop(w, 2);
}
