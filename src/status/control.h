/* SPDX-License-Identifier: ISC */
#ifndef STATUS_CONTROL_H
#define STATUS_CONTROL_H

#include "src/status/model.h"

/*
 * The control sockets: lines in, lines of JSON out.
 */
struct event_base;
struct control;

struct control *control_new(struct event_base *base, struct model *m);
void control_free(struct control *c);

/* Accept from `fd`, which becomes its own, instead of before; -1: no more. */
void control_listen(struct control *c, enum ipc_listen_kind kind, int fd);

#endif
