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

void
origdst_read(const struct cmsghdr *c, const void *data, size_t len,
    struct endpoint *to)
{
	struct sockaddr_storage ss;

	if (!(c->cmsg_level == SOL_IP && c->cmsg_type == IP_ORIGDSTADDR) &&
	    !(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_ORIGDSTADDR))
		return;
	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, data, len < sizeof(ss) ? len : sizeof(ss));
	*to = endpoint_from_sockaddr((const struct sockaddr *)&ss);
}
