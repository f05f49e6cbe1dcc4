/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_IN_H
#define TESTS_BSD_IN_H

/* ip(4); addresses begin with their length. */
#include_next <netinet/in.h>

#define sin_len	 sin_zero[0]
#define sin6_len sin6_addr.s6_addr[0]

#define IP_RECVDSTADDR 7

/* divert(4) */
#define IPPROTO_DIVERT 258

#endif
