/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "src/monitor/server.h"

static socklen_t
sockaddr_of(const struct conf_share *c, struct sockaddr_storage *ss)
{
	struct sockaddr_un *un = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;
	struct sockaddr_in *in = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (c->path != NULL) {
		un->sun_family = AF_UNIX;
		strlcpy(un->sun_path, c->path, sizeof(un->sun_path));
		return sizeof(*un);
	}
	if (c->server.addr.af == AF_INET6) {
		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, c->server.addr.b, 16);
		in6->sin6_port = htons(c->server.port);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	memcpy(&in->sin_addr, c->server.addr.b, 4);
	in->sin_port = htons(c->server.port);
	return sizeof(*in);
}

int
server_connect(const struct conf_share *c)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_of(c, &ss);
	int fd =
	    socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, error;

	if (fd == -1)
		return -1;
	/* Records are small, and none waits for the next. */
	if (ss.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&ss, len) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

bool
server_answers(const struct conf_share *c)
{
	struct pollfd p = { .fd = server_connect(c), .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = ETIMEDOUT;

	if (p.fd == -1)
		return false;
	if (poll(&p, 1, 1000) == 1)
		(void)getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	close(p.fd);
	errno = error;
	return error == 0;
}
