/* SPDX-License-Identifier: ISC */
#ifndef STATUS_HTTP_H
#define STATUS_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/span.h"
#include "src/status/model.h"

/*
 * The HTTP listener of `status`: /metrics for Prometheus, / for a person, and
 * /events, what the page shows, each second anew.
 *
 * It is read-only, has no cookies, and answers nothing but GET.  A Host that is
 * a name, not an address, is refused: otherwise a page of somebody else could
 * have its own name resolve to us, and read what it has no right to.  So is
 * what a browser says it asks for the sake of such a page.
 *
 * libevent's evhttp parses the requests.  What it lacks is a limit to the
 * number of connections and to the time that one takes, so http.c has both:
 * beyond HTTP_CONNECTIONS the oldest makes room for the newest, among the
 * readers of /events as well, and a request that is not answered within
 * HTTP_REQUEST is over.
 */
#define HTTP_CONNECTIONS 256
#define HTTP_STREAMS	 16			    /* readers of /events */
#define HTTP_REQUEST	 (10 * INT64_C(1000000))    /* microseconds */
#define HTTP_STREAM	 (86400 * INT64_C(1000000)) /* a stream lasts */
#define HTTP_HEADERS	 8192			    /* bytes */
#define HTTP_QUEUE	 (512 * 1024) /* bytes that a stream may not have read */

struct event_base;
struct http;

/* NULL: no memory.  `m` must outlive it. */
struct http *http_new(struct event_base *base, struct model *m);
/* The calls and pinholes that model_need() asked for are there. */
void http_whole(struct http *h);
void http_free(struct http *h);

/* Accept from `fd`, which becomes its own, instead of before; -1: no more. */
void http_listen(struct http *h, int fd);

/* Whether this Host header is ours: an address, or localhost; pure. */
bool http_host_is_ours(struct span host);

#endif
