/* SPDX-License-Identifier: ISC */
#ifndef PINHOLECTL_CLIENT_H
#define PINHOLECTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

/*
 * A connection to the control socket of pinholed: a line asks, and objects
 * answer.
 */
struct client;

/*
 * With `fallback`, the read-only socket if we may not use the first.  NULL
 * with errno; *tried is the path.  A daemon that is stopped neither answers nor
 * goes: after `seconds` without a byte the connection is lost; 0: never.
 */
struct client *client_open(const char *path, bool fallback, int seconds,
    const char **tried);
void client_close(struct client *c);

bool client_ask(struct client *c, const char *line); /* false: it is gone */
/*
 * The next object of the answer, to be released by json_decref(), and its line
 * until the next call.  NULL: the answer has ended, or the connection.
 */
json_t *client_next(struct client *c, const char **line);
/* Text for a terminal: control characters become question marks. */
void client_tame(char *text);
/* How the answer ended: NULL is well, else an error. */
const char *client_error(const struct client *c);
bool client_lost(const struct client *c);
/* Lost because the daemon was silent for too long. */
bool client_late(const struct client *c);

#endif
