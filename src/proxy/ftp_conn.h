/* SPDX-License-Identifier: ISC */
#ifndef PROXY_FTP_CONN_H
#define PROXY_FTP_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/log.h"
#include "src/base/queue.h"
#include "src/base/shares.h"
#include "src/proxy/proxy.h"

/*
 * The control connections of the FTP proxy, from the client's arrival to the
 * end of its session.  For ftp.c, which listens and decides who may come.
 *
 * A control connection ends here and begins again toward the server, so that
 * the ports that it names can be others.  The data go through the packet
 * filter, and not through this process.
 */
struct ftp_conn;
struct event;

/* One listening socket, and the control connections that came by it. */
struct proxy_ftp {
	struct proxy *proxy;
	const struct conf_proxy *line;
	struct listener at;
	struct event *accept_ev, *resume_ev;
	LIST_HEAD(, ftp_conn) conns;
	/* By client.  One that has not logged in makes room first. */
	struct shares guests, users;
	struct log_limit full, failed, odd;
};

/* A warning, as often as `limit` allows. */
void ftp_log_limited(struct proxy_ftp *f, struct log_limit *limit,
    const char *text);

/* Begin with a client that was accepted.  Owns `fd`. */
void ftp_conn_new(struct proxy_ftp *f, int fd, const struct endpoint *client);

/* Without closing its pinhole; the packet filter's deadline does. */
void ftp_conn_free(struct ftp_conn *c);

size_t ftp_conn_count(const struct proxy_ftp *f);

/*
 * End a session in favour of one of `client`, if there are `max sessions`.
 * False: all stay, and there is no room.
 */
bool ftp_conn_make_room(struct proxy_ftp *f, const struct endpoint *client);

/* Whether a session connects to its server from there: a loop. */
bool ftp_conn_is_from(const struct proxy_ftp *f, const struct endpoint *e);

#endif
