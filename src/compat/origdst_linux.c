/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>

#include "src/compat/origdst.h"

static bool
option_enable(int fd, int level, int name)
{
	const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on)) == 0;
}

enum ph_err
origdst_prepare(int fd, uint8_t af, int type)
{
	int level = af == AF_INET6 ? SOL_IPV6 : SOL_IP;
	int clear = af == AF_INET6 ? IPV6_TRANSPARENT : IP_TRANSPARENT;
	int where = af == AF_INET6 ? IPV6_RECVORIGDSTADDR : IP_RECVORIGDSTADDR;

	/* Needed with TPROXY alone, and CAP_NET_ADMIN may be missing. */
	if (!option_enable(fd, level, clear) && errno != EPERM)
		return PH_EIO;
	if (type == SOCK_DGRAM && !option_enable(fd, level, where))
		return PH_EIO;
	return PH_OK;
}

ssize_t
origdst_recv(int fd, void *buf, size_t size, struct endpoint *from,
    struct endpoint *to)
{
	struct sockaddr_storage ss, dst;
	struct iovec iov = { buf, size };
	_Alignas(struct cmsghdr) char control[256];
	struct msghdr m = { .msg_name = &ss,
		.msg_namelen = sizeof(ss),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	size_t len;
	ssize_t n;

	memset(to, 0, sizeof(*to));
	memset(from, 0, sizeof(*from));
	memset(&ss, 0, sizeof(ss));
	if ((n = recvmsg(fd, &m, 0)) == -1)
		return -1;
	*from = endpoint_from_sockaddr((const struct sockaddr *)&ss);
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		if (!(c->cmsg_level == SOL_IP &&
			c->cmsg_type == IP_ORIGDSTADDR) &&
		    !(c->cmsg_level == SOL_IPV6 &&
			c->cmsg_type == IPV6_ORIGDSTADDR))
			continue;
		memset(&dst, 0, sizeof(dst));
		len = c->cmsg_len - CMSG_LEN(0);
		memcpy(&dst, CMSG_DATA(c),
		    len < sizeof(dst) ? len : sizeof(dst));
		*to = endpoint_from_sockaddr((const struct sockaddr *)&dst);
	}
	return n;
}
