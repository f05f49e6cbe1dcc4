/* SPDX-License-Identifier: ISC */
#include <sys/param.h>
#include <sys/socket.h>

#include <string.h>

#include "src/compat/origdst.h"

ssize_t
origdst_recv(int fd, void *buf, size_t size, struct endpoint *from,
    struct endpoint *to)
{
	struct sockaddr_storage ss;
	struct iovec iov = { buf, size };
	_Alignas(struct cmsghdr) char control[256];
	struct msghdr m = { .msg_name = &ss,
		.msg_namelen = sizeof(ss),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	memset(to, 0, sizeof(*to));
	memset(from, 0, sizeof(*from));
	memset(&ss, 0, sizeof(ss));
	if ((n = recvmsg(fd, &m, 0)) == -1)
		return -1;
	*from = endpoint_from_sockaddr((const struct sockaddr *)&ss);
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		origdst_read(c, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0), to);
	return n;
}
