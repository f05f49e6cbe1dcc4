/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_DIVERT_H
#define COMPAT_DIVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/compat/ring.h"

/*
 * What of divert(4) is each system's own, for packetq_bsd.c.
 */
#define DIVERT_SOCKETS 2

/*
 * One socket for each family that the system diverts, the others -1.  Needs
 * privilege.  PH_EEXIST: another program has the port; PH_EUNSUPPORTED.
 */
PH_NODISCARD enum ph_err divert_open(int fds[DIVERT_SOCKETS], uint32_t port,
    struct strbuf *why);

/*
 * From where a packet was read to where it must be written for it to go on
 * where it was.  False, with a sentence: to write it would bring it back.
 */
bool divert_way_back(struct ring_place *place, const char **why);

/* The interface that the packet came in by; 0: not known. */
uint32_t divert_interface(const struct ring_place *place);

#endif
