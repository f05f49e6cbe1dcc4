/* SPDX-License-Identifier: ISC */
/*
 * divert(4) with `divert-packet` of pf on OpenBSD: a socket for each family.
 *
 * The address of a packet is one of the interface that it came in by, and none
 * of a packet on its way out.  Written back with it, the packet goes on where
 * it was: pf passes it once without a look, and it meets the rules of the
 * interface that it leaves by.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <unistd.h>

#include "src/base/addr.h"
#include "src/compat/divert.h"

static int
socket_of(uint8_t af, uint32_t port)
{
	struct endpoint any = { { .af = af }, (uint16_t)port };
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&any, &ss);
	int fd, err;

	fd =
	    socket(af, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_DIVERT);
	if (fd == -1 || bind(fd, (struct sockaddr *)&ss, len) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

enum ph_err
divert_open(int fds[DIVERT_SOCKETS], uint32_t port, struct strbuf *why)
{
	enum ph_err rc = PH_EIO;

	fds[1] = -1;
	if ((fds[0] = socket_of(AF_INET, port)) != -1 &&
	    (fds[1] = socket_of(AF_INET6, port)) != -1)
		return PH_OK;
	if (errno == EADDRINUSE) {
		strbuf_fmt(why, "divert port %u belongs to another program",
		    port);
		rc = PH_EEXIST;
	} else {
		strbuf_fmt(why, "divert port %u: %s", port, strerror(errno));
		if (errno == EACCES || errno == EPERM)
			rc = PH_EDENIED;
	}
	if (fds[0] != -1)
		close(fds[0]);
	fds[0] = -1;
	return rc;
}

bool
divert_way_back(struct ring_place *place, const char **why)
{
	(void)place;
	(void)why;
	return true;
}

uint32_t
divert_interface(const struct ring_place *place)
{
	struct ifaddrs *list, *i;
	struct sockaddr_storage ss;
	uint32_t index = 0;
	struct addr a, b;

	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, place->address, place->len);
	a = addr_from_sockaddr((struct sockaddr *)&ss);
	if (a.af == AF_UNSPEC || addr_scope(&a) == ADDR_UNSPECIFIED)
		return 0;
	/* The kernel's own form of a link-local address has the number. */
	if (a.af == AF_INET6 && a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80)
		return (uint32_t)a.b[2] << 8 | a.b[3];
	if (getifaddrs(&list) != 0)
		return 0;
	for (i = list; i != NULL && index == 0; i = i->ifa_next) {
		b = addr_from_sockaddr(i->ifa_addr);
		if (addr_eq(&b, &a))
			index = if_nametoindex(i->ifa_name);
	}
	freeifaddrs(list);
	return index;
}
