/* SPDX-License-Identifier: ISC */
/*
 * divert(4) with pf on FreeBSD.
 *
 * The address of a packet has the direction in its port, as pf counts them,
 * and for one that comes in the name of the interface behind the address.
 *
 * A packet that is written back with the same address meets the same rule of
 * pf, which diverts it again, without end (seen with 12.1).  So the packet is
 * written as if it came in at lo0, which pf must skip; from there it is
 * forwarded, or taken, as from anywhere else, and meets the rules of the
 * interface that it leaves by. A packet that was diverted on its way out has no
 * such way.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/divert.h"

#define COMES_IN 1 /* PF_IN */
#define LOOPBACK "lo0"

/* From 14 on a family of its own. */
#ifdef PF_DIVERT
#define DIVERT_FAMILY	PF_DIVERT
#define DIVERT_PROTOCOL 0
#else
#define DIVERT_FAMILY	AF_INET
#define DIVERT_PROTOCOL IPPROTO_DIVERT
#endif

enum ph_err
divert_open(int fds[DIVERT_SOCKETS], uint32_t port, struct strbuf *why)
{
	struct sockaddr_in a;

	fds[1] = -1;
	fds[0] = socket(DIVERT_FAMILY, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    DIVERT_PROTOCOL);
	if (fds[0] == -1 && errno == EPERM) {
		strbuf_fmt(why, "divert port %u: %s", port, strerror(errno));
		return PH_EDENIED;
	}
	if (fds[0] == -1) {
		strbuf_fmt(why,
		    "this kernel cannot hold signalling: divert(4): %s "
		    "(kldload ipdivert)",
		    strerror(errno));
		return PH_EUNSUPPORTED;
	}
	memset(&a, 0, sizeof(a));
	a.sin_len = sizeof(a);
	a.sin_family = AF_INET;
	a.sin_port = htons((uint16_t)port);
	if (bind(fds[0], (struct sockaddr *)&a, sizeof(a)) == 0)
		return PH_OK;
	close(fds[0]);
	fds[0] = -1;
	if (errno == EADDRINUSE) {
		strbuf_fmt(why, "divert port %u belongs to another program",
		    port);
		return PH_EEXIST;
	}
	strbuf_fmt(why, "divert port %u: %s", port, strerror(errno));
	return PH_EIO;
}

bool
divert_way_back(struct ring_place *place, const char **why)
{
	struct sockaddr_in a;

	if (place->len < sizeof(a))
		return false;
	memcpy(&a, place->address, sizeof(a));
	a.sin_zero[sizeof(a.sin_zero) - 1] = '\0';
	if (a.sin_port != COMES_IN) {
		*why = "a rule of pf diverts what goes out, to which nothing "
		       "leads back: it must say \"in\" and \"no state\"";
		return false;
	}
	if (memcmp(a.sin_zero, LOOPBACK, sizeof(LOOPBACK)) == 0) {
		*why = "a rule of pf diverts what comes back by " LOOPBACK
		       ": add \"set skip on " LOOPBACK "\"";
		return false;
	}
	memset(a.sin_zero, 0, sizeof(a.sin_zero));
	memcpy(a.sin_zero, LOOPBACK, sizeof(LOOPBACK));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(place->address, &a, sizeof(a));
	return true;
}

uint32_t
divert_interface(const struct ring_place *place)
{
	struct sockaddr_in a;
	char name[sizeof(a.sin_zero) + 1] = "";

	if (place->len < sizeof(a))
		return 0;
	memcpy(&a, place->address, sizeof(a));
	memcpy(name, a.sin_zero, sizeof(a.sin_zero));
	return name[0] == '\0' ? 0 : if_nametoindex(name);
}
