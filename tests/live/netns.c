/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/live/netns.h"

static int places[NPLACES];
static char last_source[80];

static void
enter(enum place where)
{
	if (setns(places[where], CLONE_NEWNET) == -1) {
		perror("setns");
		abort();
	}
}

int
netns_run(enum place where, const char *fmt, ...)
{
	char command[2048];
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	enter(where);
	rc = system(command);
	enter(FIREWALL);
	return rc;
}

const char *
netns_setup(void)
{
	int i;

	if (geteuid() != 0)
		return "not root";
	for (i = 0; i < NPLACES; i++) {
		if (unshare(CLONE_NEWNET) == -1)
			return "no network namespaces";
		places[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (places[i] == -1)
			return "no /proc/self/ns/net";
	}
	if (netns_run(OUTSIDE,
		"set -e; ip link set lo up;"
		"ip link add out type veth peer name fwout;"
		"ip link set fwout netns /proc/%d/fd/%d;"
		"ip addr add 198.51.100.7/24 dev out;"
		"ip addr add 198.51.100.66/24 dev out;"
		"ip addr add 2001:db8:1::7/64 dev out nodad;"
		"ip addr add 2001:db8:1::66/64 dev out nodad;"
		"ip link set out up;"
		"ip route add default via 198.51.100.1;"
		"ip route add default via 2001:db8:1::1 dev out",
		(int)getpid(), places[FIREWALL]) != 0 ||
	    netns_run(INSIDE,
		"set -e; ip link set lo up;"
		"ip link add in type veth peer name fwin;"
		"ip link set fwin netns /proc/%d/fd/%d;"
		"ip addr add 192.0.2.20/24 dev in;"
		"ip addr add 192.0.2.21/24 dev in;"
		"ip addr add 2001:db8:2::20/64 dev in nodad;"
		"ip link set in up;"
		"ip route add default via 192.0.2.1;"
		"ip route add default via 2001:db8:2::1 dev in",
		(int)getpid(), places[FIREWALL]) != 0 ||
	    netns_run(FIREWALL,
		"set -e; ip link set lo up;"
		"ip addr add 198.51.100.1/24 dev fwout;"
		"ip addr add 2001:db8:1::1/64 dev fwout nodad;"
		"ip addr add 192.0.2.1/24 dev fwin;"
		"ip addr add 2001:db8:2::1/64 dev fwin nodad;"
		"ip link set fwout up; ip link set fwin up;"
		"sysctl -qw net.ipv4.ip_forward=1"
		" net.ipv6.conf.all.forwarding=1") != 0)
		return "cannot set up links (iproute2, veth?)";
	return NULL;
}

static socklen_t
address(struct sockaddr_storage *ss, const char *addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, addr, &sin.sin_addr) == 1) {
		sin.sin_port = htons(port);
		memcpy(ss, &sin, sizeof(sin));
		return sizeof(sin);
	}
	if (inet_pton(AF_INET6, addr, &sin6.sin6_addr) != 1)
		abort();
	sin6.sin6_port = htons(port);
	memcpy(ss, &sin6, sizeof(sin6));
	return sizeof(sin6);
}

int
netns_socket(enum place where, int type, const char *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, addr, port);
	int fd, on = 1;

	enter(where);
	fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);
	enter(FIREWALL);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 8) == -1)) {
		fprintf(stderr, "%s port %u: %s\n", addr, port,
		    strerror(errno));
		abort();
	}
	return fd;
}

static bool
readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

bool
netns_passes(int from, const char *addr, uint16_t port, int to)
{
	static uint32_t token;
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, addr, port);
	char host[INET6_ADDRSTRLEN];
	uint32_t got;

	token++;
	if (sendto(from, &token, sizeof(token), 0, (struct sockaddr *)&ss,
		len) == -1 &&
	    errno != EPERM && errno != ECONNREFUSED)
		return false;
	while (readable(to, 200)) {
		len = sizeof(ss);
		if (recvfrom(to, &got, sizeof(got), 0, (struct sockaddr *)&ss,
			&len) != sizeof(got) ||
		    got != token)
			continue;
		if (ss.ss_family == AF_INET) {
			struct sockaddr_in sin;

			memcpy(&sin, &ss, sizeof(sin));
			inet_ntop(AF_INET, &sin.sin_addr, host, sizeof(host));
			port = ntohs(sin.sin_port);
		} else {
			struct sockaddr_in6 sin6;

			memcpy(&sin6, &ss, sizeof(sin6));
			inet_ntop(AF_INET6, &sin6.sin6_addr, host,
			    sizeof(host));
			port = ntohs(sin6.sin6_port);
		}
		snprintf(last_source, sizeof(last_source), "%s:%u", host, port);
		return true;
	}
	return false;
}

const char *
netns_last_source(void)
{
	return last_source;
}

bool
netns_connects(enum place where, const char *from, const char *addr,
    uint16_t port, int listener, int ends[2])
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, from, 0);
	int fd;

	enter(where);
	fd =
	    socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	enter(FIREWALL);
	if (bind(fd, (struct sockaddr *)&ss, len) == -1)
		abort();
	len = address(&ss, addr, port);
	(void)!connect(fd, (struct sockaddr *)&ss, len);
	if (!readable(listener, 300) ||
	    (ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) == -1) {
		close(fd);
		return false;
	}
	ends[0] = fd;
	return true;
}
