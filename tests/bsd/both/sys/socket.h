/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_SOCKET_H
#define TESTS_BSD_SOCKET_H

#include_next <sys/socket.h>

#define ss_len __ss_padding[0]
#define sa_len sa_data[0]

#endif
