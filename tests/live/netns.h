/* SPDX-License-Identifier: ISC */
#ifndef TESTS_NETNS_H
#define TESTS_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A firewall with a network on either side, for live tests:
 *
 *	OUTSIDE				FIREWALL		INSIDE
 *	198.51.100.7 .66 .1xx		.1      192.0.2.1	192.0.2.20 .21
 *	2001:db8:1::7			::1 2001:db8:2::1	2001:db8:2::20
 *
 * The three network namespaces have no names and end with the process, however
 * it ends.  The caller's own thread is left in FIREWALL.
 */
enum place {
	OUTSIDE,
	FIREWALL,
	INSIDE,
	NPLACES,
};

/* NULL, or the reason why there can be no such thing here. */
const char *netns_setup(void);

/* A shell command in one of them; its exit status. */
int netns_run(enum place where, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A bound socket; type SOCK_DGRAM or SOCK_STREAM (which listens). */
int netns_socket(enum place where, int type, const char *addr, uint16_t port);

/* Whether a datagram sent from one arrives at the other, at addr and port. */
bool netns_passes(int from, const char *addr, uint16_t port, int to);

/* The source of the last datagram that arrived: "192.0.2.1:4000". */
const char *netns_last_source(void);

/* Whether a connection comes about; the ends are for the caller to close. */
bool netns_connects(enum place where, const char *from, const char *addr,
    uint16_t port, int listener, int ends[2]);

#endif
