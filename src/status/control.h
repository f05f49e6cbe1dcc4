/* SPDX-License-Identifier: ISC */
#ifndef STATUS_CONTROL_H
#define STATUS_CONTROL_H

#include "src/base/err.h"
#include "src/status/model.h"
#include "src/status/verbs.h"

/*
 * The control sockets: a line asks (verbs.h), and the answer is lines of JSON,
 * of which the last has the key "end": "ok" or "refused", then with an "error".
 * Several requests may follow each other on a connection.
 *
 * Nothing here waits for a client.  One that does not read what it asked for,
 * or sends what is no line, is dropped.  Each socket has places for
 * CONTROL_CLIENTS; then a new client takes the place of the one that has been
 * idle longest.
 */
#define CONTROL_CLIENTS 128

struct event_base;
struct control;

/*
 * Requests that other processes answer, by control_text() and control_done()
 * with the same seq.  PH_EGONE: there is none that could.
 */
struct control_ops {
	enum ph_err (*command)(void *ctx, uint64_t seq,
	    enum ipc_command_kind kind, uint32_t value);
	enum ph_err (*ask)(void *ctx, uint64_t seq, enum ipc_type type,
	    const struct request *r);
	void *ctx;
};

struct control *control_new(struct event_base *base, struct model *m,
    const struct control_ops *ops);
void control_free(struct control *c);

/* Accept from `fd`, which becomes its own, instead of before; -1: no more. */
void control_listen(struct control *c, enum ipc_listen_kind kind, int fd);

void control_text(struct control *c, uint64_t seq, struct span lines);
void control_done(struct control *c, uint64_t seq, enum ph_err err,
    const char *why);

/* The calls and pinholes that model_need() asked for are there. */
void control_whole(struct control *c);
/* Once a second: drop clients whose time is over. */
void control_tick(struct control *c);

#endif
