/* SPDX-License-Identifier: ISC */
#include <sys/param.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "src/compat/origdst.h"

/* OpenBSD tells the port, too, which divert-to leaves as it was. */
#ifndef IP_RECVDSTPORT
#define IP_RECVDSTPORT	 (-1)
#define IPV6_RECVDSTPORT (-1)
#endif
#ifndef SO_BINDANY
#define SO_BINDANY (-1)
#endif

static bool
option_enable(int fd, int level, int name)
{
	const int on = 1;

	return name == -1 || setsockopt(fd, level, name, &on, sizeof(on)) == 0;
}

enum ph_err
origdst_prepare(int fd, uint8_t af, int type)
{
	if (!option_enable(fd, SOL_SOCKET, SO_BINDANY))
		return PH_EIO;
	if (type != SOCK_DGRAM)
		return PH_OK;
	if (af == AF_INET)
		return option_enable(fd, IPPROTO_IP, IP_RECVDSTADDR) &&
			option_enable(fd, IPPROTO_IP, IP_RECVDSTPORT)
		    ? PH_OK
		    : PH_EIO;
	return option_enable(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) &&
		option_enable(fd, IPPROTO_IPV6, IPV6_RECVDSTPORT)
	    ? PH_OK
	    : PH_EIO;
}

void
origdst_read(const struct cmsghdr *c, const void *data, size_t len,
    struct endpoint *to)
{
	struct in6_pktinfo info;
	in_port_t port;

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVDSTADDR &&
	    len >= sizeof(struct in_addr))
		to->addr = addr_from_bytes(AF_INET, data);
	if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
	    len >= sizeof(info)) {
		memcpy(&info, data, sizeof(info));
		to->addr = addr_from_bytes(AF_INET6, &info.ipi6_addr);
	}
	if (((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVDSTPORT) ||
		(c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_RECVDSTPORT)) &&
	    len >= sizeof(port)) {
		memcpy(&port, data, sizeof(port));
		to->port = ntohs(port);
	}
}
