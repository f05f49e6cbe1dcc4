/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/strbuf.h"
#include "src/proxy/ftp_conn.h"

/*
 * The FTP proxy: it accepts control connections, and says which clients may
 * have one.  What becomes of them is in ftp_conn.c.
 */
#define MODULE "ftp"

#define ACCEPT_PAUSE 1	/* seconds */
#define ACCEPTS	     64 /* before other services get a turn */

/* Tell a client why it cannot be served, and close. */
static void
client_turn_away(struct proxy_ftp *f, int fd, const struct endpoint *client,
    const char *why)
{
	char text[256], a[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));

	strbuf_fmt(&b, "421 Sorry, %s\r\n", why);
	(void)send(fd, b.p, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
	strbuf_reset(&b);
	strbuf_fmt(&b, "%s, refusing connection from %s", why,
	    endpoint_format(client, a));
	ftp_log_limited(f, &f->full, text);
}

static void
client_admit(struct proxy_ftp *f, int fd, const struct endpoint *client)
{
	const struct prefixes *protect = &proxy_conf(f->proxy)->protect;

	if (ftp_conn_is_from(f, client))
		client_turn_away(f, fd, client,
		    "the proxy was redirected to itself");
	else if (f->line->reverse.addr.af == AF_UNSPEC &&
	    !prefixes_contain(protect->v, protect->n, &client->addr))
		client_turn_away(f, fd, client, "not a protected client");
	else if (!ftp_conn_make_room(f, client))
		client_turn_away(f, fd, client, "session limit reached");
	else
		ftp_conn_new(f, fd, client);
}

/* Without descriptors or memory accept() would fail again: wait a second. */
static void
accept_pause(struct proxy_ftp *f)
{
	const struct timeval tv = { ACCEPT_PAUSE, 0 };

	ftp_log_limited(f, &f->full,
	    "cannot accept connections for the moment");
	event_del(f->accept_ev);
	event_add(f->resume_ev, &tv);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct proxy_ftp *f = arg;

	(void)fd;
	(void)what;
	event_add(f->accept_ev, NULL);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct proxy_ftp *f = arg;
	struct sockaddr_storage ss;
	struct endpoint client;
	socklen_t len;
	int fd, i;

	(void)what;
	for (i = 0; i < ACCEPTS; i++) {
		len = sizeof(ss);
		memset(&ss, 0, sizeof(ss));
		fd = accept(listener, (struct sockaddr *)&ss, &len);
		if (fd == -1 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			errno == ENOMEM)) {
			accept_pause(f);
			return;
		}
		if (fd == -1)
			return;
		client = endpoint_from_sockaddr((struct sockaddr *)&ss);
		client_admit(f, fd, &client);
	}
}

/* The firewall process opens no pinhole between two unprotected hosts. */
static void
reverse_warn(const struct proxy_ftp *f)
{
	const struct prefixes *protect = &proxy_conf(f->proxy)->protect;
	const struct addr *server = &f->line->reverse.addr;
	char a[ADDR_STRLEN];

	if (server->af != AF_UNSPEC &&
	    !prefixes_contain(protect->v, protect->n, server))
		log_warnx(MODULE,
		    "reverse to %s: not a protected host; there will be no"
		    " data connections",
		    addr_format(server, a));
}

struct proxy_ftp *
proxy_ftp_start(struct proxy *p, const struct listener *l)
{
	struct proxy_ftp *f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->proxy = p;
	f->line = &proxy_conf(p)->ftp.proxy[l->index];
	f->at = *l;
	LIST_INIT(&f->conns);
	shares_init(&f->guests);
	shares_init(&f->users);
	f->accept_ev =
	    event_new(proxy_base(p), l->fd, EV_READ | EV_PERSIST, on_accept, f);
	f->resume_ev = event_new(proxy_base(p), -1, 0, on_resume, f);
	if (f->accept_ev == NULL || f->resume_ev == NULL ||
	    event_add(f->accept_ev, NULL) == -1) {
		proxy_ftp_stop(f);
		return NULL;
	}
	reverse_warn(f);
	return f;
}

void
proxy_ftp_leave(struct proxy_ftp *f)
{
	event_free(f->accept_ev);
	event_free(f->resume_ev);
	f->accept_ev = f->resume_ev = NULL;
	/* A successor has a copy of it, unless the listener was removed. */
	close(f->at.fd);
}

size_t
proxy_ftp_left(const struct proxy_ftp *f)
{
	return ftp_conn_count(f);
}

void
proxy_ftp_stop(struct proxy_ftp *f)
{
	struct ftp_conn *c;

	if (f == NULL)
		return;
	if (f->accept_ev != NULL)
		event_free(f->accept_ev);
	if (f->resume_ev != NULL)
		event_free(f->resume_ev);
	/* The caller closes the pinholes with proxy_shutdown(). */
	while ((c = LIST_FIRST(&f->conns)) != NULL)
		ftp_conn_free(c);
	free(f);
}
