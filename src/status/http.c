/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <stdlib.h>
#include <unistd.h>

#include "src/status/http.h"

struct http {
	struct event_base *base;
	struct model *model;
	int fd;
};

struct http *
http_new(struct event_base *base, struct model *m)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->base = base;
	h->model = m;
	h->fd = -1;
	return h;
}

void
http_free(struct http *h)
{
	http_listen(h, -1);
	free(h);
}

void
http_listen(struct http *h, int fd)
{
	if (h->fd != -1)
		close(h->fd);
	h->fd = fd;
}
