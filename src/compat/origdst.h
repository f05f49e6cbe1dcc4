/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_ORIGDST_H
#define COMPAT_ORIGDST_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"

/*
 * Sockets that receive packets addressed to another host.
 *
 * A packet filter brings it here in one of two ways.  It rewrites the
 * destination (rdr, redirect, dnat), and then the filter alone knows what it
 * was; or it delivers the packet as it is (divert-to, TPROXY), and then the
 * socket knows.
 */

/*
 * As root, before bind(2): let the socket receive packets that are not
 * addressed to us.
 */
PH_NODISCARD enum ph_err origdst_prepare(int fd, uint8_t af, int type);

/*
 * recvfrom(2), and where the datagram was addressed to: AF_UNSPEC where the
 * system does not tell, port 0 where it tells the address alone.
 */
ssize_t origdst_recv(int fd, void *buf, size_t size, struct endpoint *from,
    struct endpoint *to);

struct cmsghdr;
/*
 * For origdst_recv() alone, a file for each system: what one control message,
 * of which `len` bytes are data, tells about the destination.
 */
void origdst_read(const struct cmsghdr *c, const void *data, size_t len,
    struct endpoint *to);

#endif
