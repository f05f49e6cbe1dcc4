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
/* A few hundred phones that boot at once wait in here. */
#define BUFFER	(4 << 20)

static int
find(const struct listeners *l, enum listen_kind kind,
    const struct endpoint *at)
{
	size_t i;

	for (i = 0; l != NULL && i < l->n; i++)
		if (l->v[i].kind == kind && endpoint_cmp(&l->v[i].at, at) == 0)
			return l->v[i].fd;
	return -1;
}

static int
open_socket(const struct listener *l)
{
	int type = l->kind == LISTEN_FTP ? SOCK_STREAM : SOCK_DGRAM;
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&l->at, &ss);
	const int on = 1, buffer = BUFFER;
	int fd, saved;

	if ((fd = socket(l->at.addr.af, type, 0)) == -1)
		return -1;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	/* A bigger buffer is a favour; the rest is needed. */
	if (type == SOCK_DGRAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer,
		    sizeof(buffer));
	if ((type == SOCK_STREAM &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ==
		    -1) ||
	    (l->at.addr.af == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) ==
		    -1) ||
	    (l->kind != LISTEN_TABLES &&
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

static enum ph_err
add(struct listeners *out, enum listen_kind kind, size_t index,
    const struct endpoint *at, const struct listeners *before,
    struct strbuf *why)
{
	static const char *const names[] = { "ftp proxy", "tftp proxy",
		"tables" };
	struct listener *l = &out->v[out->n];
	char text[ADDR_STRLEN];

	l->kind = kind;
	l->index = index;
	l->at = *at;
	l->fd = find(before, kind, at);
	if (l->fd == -1)
		l->fd = open_socket(l);
	if (l->fd == -1) {
		strbuf_fmt(why, "%s: cannot listen on %s: %s", names[kind],
		    endpoint_format(at, text), strerror(errno));
		return PH_EIO;
	}
	out->n++;
	return PH_OK;
}

enum ph_err
listeners_open(struct listeners *out, const struct conf *conf,
    const struct listeners *before, struct strbuf *why)
{
	size_t ftp = conf->ftp.on ? conf->ftp.nproxy : 0;
	size_t tftp = conf->tftp.on ? conf->tftp.nproxy : 0, i;
	enum ph_err rc = PH_OK;

	out->n = 0;
	if ((out->v = calloc(ftp + tftp + 1, sizeof(*out->v))) == NULL) {
		strbuf_str(why, "out of memory");
		return PH_ENOMEM;
	}
	for (i = 0; rc == PH_OK && i < ftp; i++)
		rc = add(out, LISTEN_FTP, i, &conf->ftp.proxy[i].listen, before,
		    why);
	for (i = 0; rc == PH_OK && i < tftp; i++)
		rc = add(out, LISTEN_TFTP, i, &conf->tftp.proxy[i].listen,
		    before, why);
	if (rc == PH_OK && conf->tables.on)
		rc = add(out, LISTEN_TABLES, 0, &conf->tables.listen, before,
		    why);
	if (rc != PH_OK)
		listeners_close(out, before);
	return rc;
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
	out->v[0] = (struct listener) { LISTEN_TFTP, 0, *at, fd };
	out->n = 1;
	return PH_OK;
}

void
listeners_close(struct listeners *l, const struct listeners *after)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (find(after, l->v[i].kind, &l->v[i].at) != l->v[i].fd)
			close(l->v[i].fd);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}
