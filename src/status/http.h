/* SPDX-License-Identifier: ISC */
#ifndef STATUS_HTTP_H
#define STATUS_HTTP_H

#include "src/status/model.h"

/* The HTTP listener: metrics and the status page.  It only reads the model. */
struct event_base;
struct http;

struct http *http_new(struct event_base *base, struct model *m);
void http_free(struct http *h);

/* Accept from `fd`, which becomes its own, instead of before; -1: no more. */
void http_listen(struct http *h, int fd);

#endif
