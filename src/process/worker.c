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

/* The way to the status process. */

static void
on_more(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval at_once;
	struct worker *w = arg;

	(void)fd;
	(void)what;
	/* A timer of 0 seconds gives the descriptors a turn first. */
	if (feed_run(&w->feed))
		event_add(w->more, &at_once);
}

static void
on_feed_waits(void *ctx)
{
	static const struct timeval within = { 0, WORKER_FEED_WITHIN };
	struct worker *w = ctx;

	channel_watch(&w->feed_to);
	if (!event_pending(w->late, EV_TIMEOUT, NULL))
		event_add(w->late, &within);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	/* If the status process is gone, reading says so. */
	(void)!channel_flush(&w->feed_to);
	channel_watch(&w->feed_to);
}

static void
on_status(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct worker *w = ctx;

	(void)fd;
	if (!feed_message(&w->feed, m) && w->setup.asked != NULL)
		w->setup.asked(w->setup.ctx, m);
}

static void
on_status_settled(void *ctx)
{
	on_more(-1, 0, ctx);
}

/* The status process is gone; its successor asks for what it needs. */
static void
on_status_lost(void *ctx, enum ph_err why)
{
	(void)ctx;
	(void)why;
}

static const struct channel_calls status_calls = { on_status, on_status_settled,
	on_status_lost };

static void
status_open(struct worker *w, int *fd)
{
	if (*fd == -1)
		return;
	if (channel_open(&w->feed_to, *fd) == PH_OK) {
		w->feed_to.ipc.held = true;
		feed_open(&w->feed);
	}
	*fd = -1;
	on_more(-1, 0, w);
}

static void
monitor_message(void *ctx, const struct ipc_msg *m, int *fd)
{
	struct worker *w = ctx;

	if (m->hdr.type == IPC_QUIT)
		w->setup.quit(w->setup.ctx, m->u.quit.keep != 0);
	else if (m->hdr.type == IPC_STATUS && w->setup.feed.tell != NULL)
		status_open(w, fd);
	else
		w->setup.message(w->setup.ctx, m, fd);
}

static void
monitor_lost(void *ctx, enum ph_err why)
{
	struct worker *w = ctx;

	(void)why;
	if (!channel_linked(&w->fw)) {
		worker_stop(w, 2);
		return;
	}
	log_warnx(w->setup.name, "the monitor is gone; carrying on without it");
	/* Without a monitor, only SIGTERM can stop us. */
	event_add(w->term, NULL);
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

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	channel_send(&w->monitor, IPC_BEAT, 0, &w->out, -1);
}

void
worker_init(struct worker *w, const struct worker_setup *setup)
{
	memset(w, 0, sizeof(*w));
	w->setup = *setup;
	if ((w->base = event_base_new()) == NULL ||
	    (w->output = output_new(w->base, STDOUT_FILENO)) == NULL ||
	    (w->term = event_new(w->base, SIGTERM, EV_SIGNAL | EV_PERSIST,
		 on_term, w)) == NULL ||
	    (w->beat = event_new(w->base, -1, EV_PERSIST, on_beat, w)) ==
		NULL ||
	    (w->more = event_new(w->base, -1, 0, on_more, w)) == NULL ||
	    (w->late = event_new(w->base, -1, 0, on_late, w)) == NULL)
		log_fatalx(setup->name, "cannot make the event loop");
	channel_init(&w->monitor, w->base, &monitor_calls, w);
	channel_init(&w->fw, w->base, NULL, NULL);
	channel_init(&w->feed_to, w->base, &status_calls, w);
	feed_init(&w->feed, &setup->feed, &w->feed_to.ipc);
	w->feed.waits = on_feed_waits;
	w->feed.waits_ctx = w;
	if (channel_open(&w->monitor, setup->monitor_fd) != PH_OK)
		log_fatalx(setup->name, "cannot make the event loop");
}

int
worker_run(struct worker *w)
{
	static const struct timeval every = { WORKER_BEAT_EVERY, 0 };

	event_add(w->beat, &every);
	if (ipc_send(&w->monitor.ipc, IPC_READY, 0, &w->out, -1) != PH_OK)
		log_fatalx(w->setup.name, "cannot send to the monitor");
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
	feed_close(&w->feed);
	(void)!channel_flush(&w->feed_to);
	channel_close(&w->feed_to);
	channel_close(&w->fw);
	event_free(w->late);
	event_free(w->more);
	event_free(w->beat);
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
