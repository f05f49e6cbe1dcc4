/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_DIVERT_H
#define COMPAT_DIVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/compat/ring.h"

/*
 * The parts of divert(4) in which FreeBSD and OpenBSD differ, for
 * packetq_bsd.c.
 */
#define DIVERT_SOCKETS 2

/*
 * One socket for each family that the system diverts, the others -1.  Needs
 * privilege.  PH_EEXIST: another program has the port; PH_EUNSUPPORTED.
 */
PH_NODISCARD enum ph_err divert_open(int fds[DIVERT_SOCKETS], uint32_t port,
    struct strbuf *why);

/*
 * `place` is where a packet was read; it becomes the place where the packet
 * must be written, to go on from where it was diverted.  False, with a
 * sentence: the kernel would divert it again, so it must not be written.
 */
bool divert_way_back(struct ring_place *place, const char **why);

/* The interface that the packet came in by; 0: not known. */
uint32_t divert_interface(const struct ring_place *place);

#endif
