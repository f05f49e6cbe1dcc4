/* SPDX-License-Identifier: ISC */
#include <event2/buffer.h>
#include <event2/event.h>

#include <sys/stat.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "src/process/output.h"

#define LAST_CHANCE_MS 2000

struct output {
	int fd;
	bool file; /* never blocks, and cannot be waited for */
	bool gone; /* nobody reads any more */
	struct evbuffer *buf;
	struct event *ev;
	uint64_t lost;
};

/*
 * A pipe or terminal that polls writable takes PIPE_BUF bytes without
 * blocking.
 */
static bool
output_writable(const struct output *o, int wait_ms)
{
	struct pollfd pfd = { o->fd, POLLOUT, 0 };

	return o->file || (poll(&pfd, 1, wait_ms) == 1);
}

static void
output_drain(struct output *o, int wait_ms)
{
	while (!o->gone && evbuffer_get_length(o->buf) > 0 &&
	    output_writable(o, wait_ms))
		if (evbuffer_write_atmost(o->buf, o->fd, PIPE_BUF) <= 0)
			o->gone = true;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct output *o = arg;

	(void)fd;
	(void)what;
	output_flush(o);
}

struct output *
output_new(struct event_base *base, int fd)
{
	struct output *o = calloc(1, sizeof(*o));
	struct stat st;

	if (o == NULL)
		return NULL;
	o->fd = fd;
	o->gone = fstat(fd, &st) != 0;
	o->file = !o->gone && S_ISREG(st.st_mode);
	o->buf = evbuffer_new();
	o->ev = event_new(base, fd, EV_WRITE, on_writable, o);
	if (o->buf == NULL || o->ev == NULL) {
		output_free(o);
		return NULL;
	}
	return o;
}

void
output_line(struct output *o, const char *text)
{
	size_t len = strlen(text);

	if (o->gone)
		return;
	if (evbuffer_get_length(o->buf) + len + 1 > OUTPUT_MAX ||
	    evbuffer_expand(o->buf, len + 1) != 0) {
		o->lost++;
		return;
	}
	evbuffer_add(o->buf, text, len);
	evbuffer_add(o->buf, "\n", 1);
}

void
output_flush(struct output *o)
{
	output_drain(o, 0);
	if (!o->gone && evbuffer_get_length(o->buf) > 0)
		event_add(o->ev, NULL);
}

uint64_t
output_lost(const struct output *o)
{
	return o->lost;
}

void
output_free(struct output *o)
{
	if (o == NULL)
		return;
	if (o->buf != NULL) {
		output_drain(o, LAST_CHANCE_MS);
		evbuffer_free(o->buf);
	}
	if (o->ev != NULL)
		event_free(o->ev);
	free(o);
}
