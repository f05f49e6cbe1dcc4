/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <stdlib.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/jsonw.h"
#include "src/base/queue.h"
#include "src/base/timers.h"
#include "src/status/answer.h"
#include "src/status/control.h"

#define SOCKETS	    2
#define OUTPUT_FULL (256u << 10) /* what else was asked for waits */
#define OUTPUT_LOW  (64u << 10)
#define OUTPUT_MAX  (1u << 20)		/* of events: the client is dropped */
#define READ_WITHIN 10			/* seconds without reading anything */
#define DONE_WITHIN (30 * USEC_PER_SEC) /* a reload, or a check */
#define NEXT_WITHIN (5 * USEC_PER_SEC)	/* each part of another answer */
#define TOLD_WITHIN (5 * USEC_PER_SEC)
#define SILENT	    (120 * USEC_PER_SEC)
#define STEPS	    1024 /* of a walk, before others get a turn */

enum client_state {
	CLIENT_IDLE,
	CLIENT_NEEDING,	 /* until the model has all calls and pinholes */
	CLIENT_WALKING,	 /* there is more to tell */
	CLIENT_QUEUED,	 /* until it is its turn to ask another process */
	CLIENT_WAITING,	 /* for another process */
	CLIENT_WATCHING, /* events */
	CLIENT_ENDING,	 /* when all is written */
};

struct client {
	TAILQ_ENTRY(client) entry;
	struct control *control;
	struct bufferevent *be;
	struct event *again; /* a walk goes on */
	enum client_state state;
	bool read_only;
	bool eof;
	int64_t since; /* of its state */
	uint64_t seq;  /* CLIENT_WAITING */
	struct request request;
	struct answer answer;
	struct model_watch watch;
};

/* Idle clients first, oldest first; then all others. */
TAILQ_HEAD(client_list, client);

struct control {
	struct event_base *base;
	struct model *model;
	struct control_ops ops;
	struct {
		int fd;
		struct event *ev;
		struct client_list clients; /* oldest first */
		size_t n;
	} socket[SOCKETS];
	uint64_t seq;
	/* The engine explains one call at a time, and not all the time. */
	uint64_t explaining; /* 0: it does not */
	int64_t explaining_since;
};

static void
client_free(struct client *c)
{
	struct control *control = c->control;

	if (c->state == CLIENT_WATCHING)
		model_unwatch(control->model, &c->watch);
	TAILQ_REMOVE(&control->socket[c->read_only].clients, c, entry);
	control->socket[c->read_only].n--;
	event_free(c->again);
	bufferevent_free(c->be);
	free(c);
}

static void
client_become(struct client *c, enum client_state state)
{
	c->state = state;
	c->since = clock_now();
}

static struct evbuffer *
client_output(struct client *c)
{
	return bufferevent_get_output(c->be);
}

static void
client_line(struct client *c, const struct strbuf *line)
{
	evbuffer_add(client_output(c), line->p, line->len);
	evbuffer_add(client_output(c), "\n", 1);
}

/*
 * So much waits to be read by the client that we answer nothing more until it
 * reads.
 */
static bool
client_full(struct client *c)
{
	return evbuffer_get_length(client_output(c)) > OUTPUT_FULL;
}

/* The last line of an answer. */
static void
client_end(struct client *c, const char *error)
{
	char text[ANSWER_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct jsonw w = jsonw_begin(&b);

	jsonw_str(&w, "end", span_of(error == NULL ? "ok" : "refused"));
	if (error != NULL)
		jsonw_str(&w, "error", span_of(error));
	jsonw_end(&w);
	client_line(c, &b);
	client_become(c, c->eof ? CLIENT_ENDING : CLIENT_IDLE);
}

static void
on_event(void *ctx, const struct model_event *e)
{
	char text[ANSWER_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct client *c = ctx;

	if (!answer_event(&c->request, e, &b))
		return;
	client_line(c, &b);
	if (evbuffer_get_length(client_output(c)) > OUTPUT_MAX)
		client_free(c);
}

static void
client_walk(struct client *c)
{
	static const struct timeval at_once;
	char text[ANSWER_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	int i;

	for (i = 0; i < STEPS; i++) {
		if (client_full(c))
			return; /* on_written() */
		strbuf_reset(&b);
		if (!answer_next(&c->answer, &b)) {
			client_end(c, NULL);
			return;
		}
		if (b.len > 0)
			client_line(c, &b);
	}
	event_add(c->again, &at_once);
}

static void
client_ask(struct client *c)
{
	struct control *control = c->control;
	const struct control_ops *ops = &control->ops;
	enum ph_err rc = PH_EGONE;

	c->seq = ++control->seq;
	client_become(c, CLIENT_WAITING);
	switch (c->request.verb) {
	case VERB_CLOSE:
		rc = ops->ask(ops->ctx, c->seq, IPC_CLOSE_CALL, &c->request);
		break;
	case VERB_EXPLAIN:
		rc = ops->ask(ops->ctx, c->seq, IPC_EXPLAIN, &c->request);
		if (rc == PH_OK) {
			control->explaining = c->seq;
			control->explaining_since = c->since;
		}
		break;
	case VERB_SHOW_TABLES:
		rc = ops->ask(ops->ctx, c->seq, IPC_SHOW_TABLES, &c->request);
		break;
	case VERB_SHOW_PEERS:
		rc = ops->ask(ops->ctx, c->seq, IPC_SHOW_PEERS, &c->request);
		break;
	case VERB_RELOAD:
		rc = ops->command(ops->ctx, c->seq, IPC_COMMAND_RELOAD, 0);
		break;
	case VERB_CHECK:
		rc = ops->command(ops->ctx, c->seq, IPC_COMMAND_CHECK, 0);
		break;
	case VERB_SHOW_CONFIG:
		rc = ops->command(ops->ctx, c->seq, IPC_COMMAND_CONFIG, 0);
		break;
	case VERB_LOG_BRIEF:
	case VERB_LOG_VERBOSE:
		rc = ops->command(ops->ctx, c->seq, IPC_COMMAND_LOG,
		    c->request.verb == VERB_LOG_VERBOSE);
		break;
	default:
		break;
	}
	if (rc != PH_OK && c->request.verb == VERB_SHOW_PEERS)
		client_end(c,
		    "no share process runs: there is no \"share\", or it "
		    "starts just now");
	else if (rc != PH_OK)
		client_end(c, "the process that could answer is not running");
}

/*
 * The next who asks for a story: those who may change something come before
 * those who may not.
 */
static void
control_explain(struct control *control)
{
	struct client *c, *next = NULL;
	int i;

	for (i = 0; i < SOCKETS && next == NULL; i++)
		TAILQ_FOREACH(c, &control->socket[i].clients, entry)
			if (c->state == CLIENT_QUEUED &&
			    (next == NULL || c->since < next->since))
				next = c;
	if (next != NULL && control->explaining == 0)
		client_ask(next);
}

/* The answer to `seq` is complete, or will not come. */
static void
control_explained(struct control *control, uint64_t seq)
{
	if (seq != control->explaining)
		return;
	control->explaining = 0;
	control_explain(control);
}

/* What the request needs is there. */
static void
client_begin(struct client *c)
{
	switch (c->request.verb) {
	case VERB_SHOW_SUMMARY:
	case VERB_SHOW_CALLS:
	case VERB_SHOW_PINHOLES:
	case VERB_SHOW_COUNTERS:
		client_become(c, CLIENT_WALKING);
		answer_begin(&c->answer, c->control->model, &c->request,
		    clock_now());
		client_walk(c);
		break;
	case VERB_MONITOR:
		client_become(c, CLIENT_WATCHING);
		c->watch.event = on_event;
		c->watch.ctx = c;
		(void)model_need(c->control->model, c->since);
		model_watch(c->control->model, &c->watch);
		break;
	case VERB_TOP:
	case VERB_COUNT:
		client_end(c, "pinholectl alone has this verb");
		break;
	case VERB_EXPLAIN:
		client_become(c, CLIENT_QUEUED);
		control_explain(c->control);
		break;
	case VERB_SHOW_TABLES:
		if (model_about_of(c->control->model)->n == 0) {
			client_end(c, NULL); /* there are none */
			break;
		}
		client_ask(c);
		break;
	default:
		client_ask(c);
		break;
	}
}

/*
 * Calls and pinholes, or the process that has a pinhole.  One who monitors is
 * told of what opens even before they are all there.
 */
static bool
request_needs(const struct request *r)
{
	switch (r->verb) {
	case VERB_SHOW_CALLS:
	case VERB_SHOW_PINHOLES:
		return true;
	case VERB_EXPLAIN:
	case VERB_CLOSE:
		return r->id != 0;
	default:
		return false;
	}
}

static void
client_request(struct client *c, struct span line)
{
	char text[1024];
	struct strbuf why = strbuf_of(text, sizeof(text));

	why.p[0] = '\0';
	if (verbs_parse(line, &c->request, &why) != PH_OK) {
		client_end(c, text);
		return;
	}
	if (c->read_only && verbs[c->request.verb].changes) {
		client_end(c,
		    "this socket is read-only, and answers only what changes "
		    "nothing");
		return;
	}
	if (request_needs(&c->request) &&
	    !model_need(c->control->model, clock_now()))
		client_become(c, CLIENT_NEEDING);
	else
		client_begin(c);
}

/* Requests that have come, as long as they are answered at once. */
static void
client_read(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->be);
	size_t len;
	char *line;

	while (c->state == CLIENT_IDLE && !client_full(c)) {
		line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF);
		if (line == NULL)
			break;
		if (len > 0)
			client_request(c, (struct span) { line, len });
		free(line);
	}
	if (c->state == CLIENT_IDLE && !client_full(c) &&
	    evbuffer_get_length(in) > VERB_LINE) {
		client_end(c, "a line is too long");
		client_become(c, CLIENT_ENDING);
	}
	if (c->state == CLIENT_ENDING)
		evbuffer_drain(in, evbuffer_get_length(in));
}

/* All but OUTPUT_LOW has been written. */
static void
on_written(struct bufferevent *be, void *arg)
{
	struct client *c = arg;

	(void)be;
	if (c->state == CLIENT_WALKING)
		client_walk(c);
	if (c->state == CLIENT_IDLE)
		client_read(c);
	if (c->eof && c->state == CLIENT_IDLE && !client_full(c))
		client_become(c, CLIENT_ENDING);
	if (c->state == CLIENT_ENDING &&
	    evbuffer_get_length(client_output(c)) == 0)
		client_free(c);
}

static void
on_read(struct bufferevent *be, void *arg)
{
	client_read(arg);
	on_written(be, arg);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	on_written(c->be, c);
}

static void
on_trouble(struct bufferevent *be, short what, void *arg)
{
	struct client *c = arg;

	if ((what & BEV_EVENT_EOF) == 0 || (what & BEV_EVENT_WRITING) != 0) {
		client_free(c);
		return;
	}
	/* The client sends no more, but may still read. */
	c->eof = true;
	on_written(be, c);
}

/* A new client needs the place. */
static void
make_room(struct control *control, int i)
{
	struct client *c;

	if (control->socket[i].n < CONTROL_CLIENTS)
		return;
	TAILQ_FOREACH(c, &control->socket[i].clients, entry)
		if (c->state == CLIENT_IDLE || c->state == CLIENT_ENDING)
			break;
	if (c == NULL)
		c = TAILQ_FIRST(&control->socket[i].clients);
	client_free(c);
}

static void
client_add(struct control *control, int i, int fd)
{
	static const struct timeval within = { READ_WITHIN, 0 };
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL ||
	    (c->again = event_new(control->base, -1, 0, on_again, c)) == NULL ||
	    (c->be = bufferevent_socket_new(control->base, fd,
		 BEV_OPT_CLOSE_ON_FREE)) == NULL) {
		if (c != NULL && c->again != NULL)
			event_free(c->again);
		free(c);
		close(fd);
		return;
	}
	c->control = control;
	c->read_only = i == 1;
	client_become(c, CLIENT_IDLE);
	TAILQ_INSERT_TAIL(&control->socket[i].clients, c, entry);
	control->socket[i].n++;
	bufferevent_setcb(c->be, on_read, on_written, on_trouble, c);
	bufferevent_setwatermark(c->be, EV_READ, 0, 2 * VERB_LINE);
	bufferevent_setwatermark(c->be, EV_WRITE, OUTPUT_LOW, 0);
	bufferevent_set_timeouts(c->be, NULL, &within);
	bufferevent_enable(c->be, EV_READ | EV_WRITE);
}

static void
on_connect(evutil_socket_t listener, short what, void *arg)
{
	struct control *c = arg;
	int i = listener == c->socket[1].fd, fd, n;

	(void)what;
	for (n = 0; n < CONTROL_CLIENTS; n++) {
		fd = accept(listener, NULL, NULL);
		if (fd == -1)
			return;
		(void)evutil_make_socket_nonblocking(fd);
		(void)evutil_make_socket_closeonexec(fd);
		make_room(c, i);
		client_add(c, i, fd);
	}
}

struct control *
control_new(struct event_base *base, struct model *m,
    const struct control_ops *ops)
{
	struct control *c = calloc(1, sizeof(*c));
	int i;

	if (c == NULL)
		return NULL;
	c->base = base;
	c->model = m;
	c->ops = *ops;
	for (i = 0; i < SOCKETS; i++) {
		c->socket[i].fd = -1;
		TAILQ_INIT(&c->socket[i].clients);
	}
	return c;
}

/* As much as goes without waiting, for no event will come to write it. */
static void
client_last_words(struct client *c)
{
	struct evbuffer *out = client_output(c);

	if (evbuffer_get_length(out) > 0 && evbuffer_unfreeze(out, 1) == 0)
		(void)evbuffer_write(out, bufferevent_getfd(c->be));
}

void
control_free(struct control *c)
{
	struct client *client;
	int i;

	for (i = 0; i < SOCKETS; i++) {
		while ((client = TAILQ_FIRST(&c->socket[i].clients)) != NULL) {
			client_last_words(client);
			client_free(client);
		}
		control_listen(c,
		    i == 0 ? IPC_LISTEN_CONTROL : IPC_LISTEN_READ_ONLY, -1);
	}
	free(c);
}

void
control_listen(struct control *c, enum ipc_listen_kind kind, int fd)
{
	int i = kind == IPC_LISTEN_READ_ONLY;

	if (c->socket[i].ev != NULL)
		event_free(c->socket[i].ev);
	c->socket[i].ev = NULL;
	if (c->socket[i].fd != -1)
		close(c->socket[i].fd);
	c->socket[i].fd = fd;
	if (fd == -1)
		return;
	c->socket[i].ev =
	    event_new(c->base, fd, EV_READ | EV_PERSIST, on_connect, c);
	if (c->socket[i].ev != NULL)
		event_add(c->socket[i].ev, NULL);
}

/* The client that waits for the answer; NULL: it has gone. */
static struct client *
client_find(struct control *control, uint64_t seq)
{
	struct client *c;
	int i;

	for (i = 0; i < SOCKETS; i++)
		TAILQ_FOREACH(c, &control->socket[i].clients, entry)
			if (c->state == CLIENT_WAITING && c->seq == seq)
				return c;
	return NULL;
}

void
control_text(struct control *control, uint64_t seq, struct span lines)
{
	struct client *c = client_find(control, seq);
	char text[ANSWER_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct span line;
	struct jsonw w;

	if (c == NULL)
		return;
	c->since = clock_now();
	while (lines.len > 0) {
		line = span_cut(lines, '\n', &lines);
		strbuf_reset(&b);
		if (c->request.verb == VERB_SHOW_TABLES ||
		    c->request.verb == VERB_SHOW_PEERS) {
			strbuf_add(&b, line); /* it is JSON */
			client_line(c, &b);
			continue;
		}
		w = jsonw_begin(&b);
		jsonw_str(&w, "text", span_sub(line, 0, ANSWER_LINE / 8));
		jsonw_end(&w);
		client_line(c, &b);
	}
	if (evbuffer_get_length(client_output(c)) > OUTPUT_MAX)
		client_free(c);
}

void
control_done(struct control *control, uint64_t seq, enum ph_err err,
    const char *why)
{
	struct client *c = client_find(control, seq);

	if (c != NULL) {
		if (err != PH_OK && why == NULL)
			why = ph_strerror(err);
		client_end(c, err != PH_OK ? why : NULL);
		on_written(c->be, c);
	}
	control_explained(control, seq);
}

/* The monitor starts processes before it answers; others answer at once. */
static bool
client_late(const struct client *c, int64_t now)
{
	int64_t within = NEXT_WITHIN;

	if (c->state == CLIENT_NEEDING || c->state == CLIENT_QUEUED ||
	    c->request.verb == VERB_RELOAD || c->request.verb == VERB_CHECK)
		within = DONE_WITHIN;
	return (c->state == CLIENT_NEEDING || c->state == CLIENT_QUEUED ||
		   c->state == CLIENT_WAITING) &&
	    now - c->since > within;
}

/* What it needs must not be dropped now. */
static bool
client_needs(const struct client *c)
{
	return (c->state == CLIENT_NEEDING || c->state == CLIENT_WALKING ||
		   c->state == CLIENT_QUEUED) &&
	    request_needs(&c->request);
}

void
control_whole(struct control *control)
{
	struct client *c, *next;
	int i;

	for (i = 0; i < SOCKETS; i++)
		for (c = TAILQ_FIRST(&control->socket[i].clients); c != NULL;
		     c = next) {
			next = TAILQ_NEXT(c, entry);
			if (c->state != CLIENT_NEEDING)
				continue;
			client_begin(c);
			on_written(c->be, c);
		}
}

void
control_tick(struct control *control)
{
	struct client *c, *next;
	int64_t now = clock_now();
	int i;

	if (now - control->explaining_since > TOLD_WITHIN)
		control_explained(control, control->explaining);
	for (i = 0; i < SOCKETS; i++)
		for (c = TAILQ_FIRST(&control->socket[i].clients); c != NULL;
		     c = next) {
			next = TAILQ_NEXT(c, entry);
			if (client_needs(c))
				(void)model_need(control->model, now);
			if (client_late(c, now)) {
				client_end(c,
				    "no answer came in time: the process that "
				    "could give it is busy, or hangs");
				on_written(c->be, c);
			} else if ((c->state == CLIENT_IDLE &&
				       now - c->since > SILENT) ||
			    (c->state == CLIENT_ENDING &&
				now - c->since > READ_WITHIN * USEC_PER_SEC))
				client_free(c);
		}
}
