/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/origdst.h"
#include "src/process/listen.h"

#define BACKLOG 128
/*
 * A few hundred phones that boot at once wait in here, or signed updates,
 * 50,000 a second, while another program has the processor for some 0.2 s.  The
 * monitor may ask for more than the system's limit.
 */
#define BUFFER	(8 << 20)

#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE SO_RCVBUF
#endif

static int
listeners_find(const struct listeners *l, enum listen_kind kind,
    const struct endpoint *at)
{
	size_t i;

	for (i = 0; l != NULL && i < l->n; i++)
		if (l->v[i].kind == kind && endpoint_cmp(&l->v[i].at, at) == 0)
			return l->v[i].fd;
	return -1;
}

static bool
is_stream(enum listen_kind kind)
{
	return kind == LISTEN_FTP || kind == LISTEN_HTTP ||
	    kind == LISTEN_HEP_STREAM;
}

/* Go on without the bigger buffer if need be. */
static void
enlarge_buffer(int fd)
{
	const int size = BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ==
	    -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
		    sizeof(size));
}

static int
open_socket(const struct listener *l)
{
	int type = is_stream(l->kind) ? SOCK_STREAM : SOCK_DGRAM;
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&l->at, &ss);
	const int on = 1;
	int fd, saved;

	if ((fd = socket(l->at.addr.af, type, 0)) == -1)
		return -1;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (type == SOCK_DGRAM)
		enlarge_buffer(fd);
	if ((type == SOCK_STREAM &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ==
		    -1) ||
	    (l->at.addr.af == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) ==
		    -1) ||
	    ((l->kind == LISTEN_FTP || l->kind == LISTEN_TFTP) &&
		origdst_prepare(fd, l->at.addr.af, type) != PH_OK) ||
	    bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) == -1)) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

void
listener_explain(const struct listener *l, int error, struct strbuf *why)
{
	static const char *const names[] = { "ftp proxy", "tftp proxy",
		"tables", "status", "hep", "hep" };
	char text[ADDR_STRLEN];

	strbuf_fmt(why, "%s%s: cannot listen on %s: %s", l->place,
	    names[l->kind], endpoint_format(&l->at, text), strerror(error));
	if (error == EAFNOSUPPORT)
		strbuf_str(why, "; a service of systemd needs with-ip.conf");
}

static void
add_proxies(struct listeners *out, enum listen_kind kind,
    const struct conf_proxy *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		out->v[out->n++] =
		    (struct listener) { kind, i, v[i].listen, v[i].at, -1 };
}

static void
add_hep(struct listeners *out, const struct conf_hep *c)
{
	out->v[out->n++] =
	    (struct listener) { LISTEN_HEP, 0, c->listen, c->listen_at, -1 };
	out->v[out->n++] = (struct listener) { LISTEN_HEP_STREAM, 0, c->listen,
		c->listen_at, -1 };
}

/* The sockets that the configuration asks for; none is open yet. */
static enum ph_err
listeners_wanted(struct listeners *out, const struct conf *conf,
    enum listen_user user)
{
	size_t ftp = conf->ftp.on ? conf->ftp.nproxy : 0;
	size_t tftp = conf->tftp.on ? conf->tftp.nproxy : 0;

	out->n = 0;
	if ((out->v = calloc(ftp + tftp + 2, sizeof(*out->v))) == NULL)
		return PH_ENOMEM;
	if (user == LISTEN_FOR_STATUS) {
		if (conf->status.on)
			out->v[out->n++] = (struct listener) { LISTEN_HTTP, 0,
				conf->status.listen, conf->status.listen_at,
				-1 };
		return PH_OK;
	}
	if (user == LISTEN_FOR_ENGINE) {
		if (conf->hep.on)
			add_hep(out, &conf->hep);
		return PH_OK;
	}
	add_proxies(out, LISTEN_FTP, conf->ftp.proxy, ftp);
	add_proxies(out, LISTEN_TFTP, conf->tftp.proxy, tftp);
	if (conf->tables.on)
		out->v[out->n++] = (struct listener) { LISTEN_TABLES, 0,
			conf->tables.listen, conf->tables.listen_at, -1 };
	return PH_OK;
}

enum ph_err
listeners_open(struct listeners *out, const struct conf *conf,
    enum listen_user user, const struct listeners *before, struct strbuf *why)
{
	struct listener *l;
	size_t i, n;

	if (listeners_wanted(out, conf, user) != PH_OK) {
		strbuf_str(why, "out of memory");
		return PH_ENOMEM;
	}
	n = out->n;
	for (i = 0; i < n; i++) {
		l = &out->v[i];
		l->fd = listeners_find(before, l->kind, &l->at);
		if (l->fd == -1)
			l->fd = open_socket(l);
		if (l->fd == -1) {
			listener_explain(l, errno, why);
			out->n = i;
			listeners_close(out, before);
			return PH_EIO;
		}
	}
	return PH_OK;
}

static void
try_those_of(const struct conf *conf, enum listen_user user,
    void (*failed)(void *ctx, const struct listener *l, int error), void *ctx)
{
	struct listeners l;
	size_t i;

	if (listeners_wanted(&l, conf, user) != PH_OK)
		return;
	for (i = 0; i < l.n; i++)
		if ((l.v[i].fd = open_socket(&l.v[i])) == -1)
			failed(ctx, &l.v[i], errno);
	for (i = 0; i < l.n; i++)
		if (l.v[i].fd != -1)
			close(l.v[i].fd);
	free(l.v);
}

void
listeners_try(const struct conf *conf,
    void (*failed)(void *ctx, const struct listener *l, int error), void *ctx)
{
	try_those_of(conf, LISTEN_FOR_PROXY, failed, ctx);
	try_those_of(conf, LISTEN_FOR_STATUS, failed, ctx);
	try_those_of(conf, LISTEN_FOR_ENGINE, failed, ctx);
}

/* An ordinary socket can be bound to addresses of this host only. */
static bool
is_foreign(const struct addr *a)
{
	struct endpoint at = { *a, 0 };
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&at, &ss);
	bool foreign;
	int fd;

	if ((fd = socket(a->af, SOCK_DGRAM, 0)) == -1)
		return false;
	foreign = bind(fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno == EADDRNOTAVAIL;
	close(fd);
	return foreign;
}

void
listeners_foreign(const struct conf *conf, struct strbuf *out)
{
	char text[ADDR_STRLEN];
	struct listeners l;
	size_t i;

	if (listeners_wanted(&l, conf, LISTEN_FOR_PROXY) != PH_OK)
		return;
	for (i = 0; i < l.n; i++)
		if (l.v[i].kind != LISTEN_TABLES && is_foreign(&l.v[i].at.addr))
			strbuf_fmt(out,
			    "%sno interface of this host has the address %s\n",
			    l.v[i].place, addr_format(&l.v[i].at.addr, text));
	free(l.v);
}

enum ph_err
listeners_inherit(struct listeners *out, int fd, struct endpoint *at,
    struct strbuf *why)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss), size = sizeof(int);
	int type = 0;

	out->n = 0;
	memset(&ss, 0, sizeof(ss));
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == -1 ||
	    type != SOCK_DGRAM ||
	    (ss.ss_family != AF_INET && ss.ss_family != AF_INET6)) {
		strbuf_str(why, "the socket that was passed is not of UDP");
		return PH_EBAD;
	}
	*at = endpoint_from_sockaddr((const struct sockaddr *)&ss);
	if (origdst_prepare(fd, at->addr.af, type) != PH_OK) {
		strbuf_fmt(why, "setsockopt: %s", strerror(errno));
		return PH_EIO;
	}
	if ((out->v = calloc(1, sizeof(*out->v))) == NULL) {
		strbuf_str(why, "out of memory");
		return PH_ENOMEM;
	}
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	out->v[0] = (struct listener) { LISTEN_TFTP, 0, *at, "", fd };
	out->n = 1;
	return PH_OK;
}

void
listeners_close(struct listeners *l, const struct listeners *after)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (listeners_find(after, l->v[i].kind, &l->v[i].at) !=
		    l->v[i].fd)
			close(l->v[i].fd);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}
