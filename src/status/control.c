/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include <stdlib.h>
#include <unistd.h>

#include "src/status/control.h"

struct control {
	struct event_base *base;
	struct model *model;
	int fd[2];
};

struct control *
control_new(struct event_base *base, struct model *m)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->base = base;
	c->model = m;
	c->fd[0] = c->fd[1] = -1;
	return c;
}

void
control_free(struct control *c)
{
	control_listen(c, IPC_LISTEN_CONTROL, -1);
	control_listen(c, IPC_LISTEN_READ_ONLY, -1);
	free(c);
}

void
control_listen(struct control *c, enum ipc_listen_kind kind, int fd)
{
	int i = kind == IPC_LISTEN_READ_ONLY;

	if (c->fd[i] != -1)
		close(c->fd[i]);
	c->fd[i] = fd;
}
