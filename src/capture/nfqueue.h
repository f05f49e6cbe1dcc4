/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_NFQUEUE_H
#define CAPTURE_NFQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/span.h"

/*
 * Packets that Linux holds in a queue until somebody gives a verdict: the
 * message of one packet as NFNETLINK_QUEUE sends it (linux/netfilter/
 * nfnetlink_queue.h).  Bytes in, numbers out: no socket here.
 *
 * The kernel writes lengths and types in its own byte order, and the values
 * of attributes in that of the network.  An attribute that is damaged spoils
 * the message; one that we do not know is skipped; of two of a kind, the
 * message is refused.
 */
struct nfqueue_packet {
	uint32_t id;	 /* for the verdict */
	uint8_t hook;	 /* NF_INET_FORWARD, ... */
	uint32_t indev;	 /* interface indexes; 0: none */
	uint32_t outdev; /* likewise */
	int64_t
	    stamp; /* when the kernel received it, wall clock; 0: not known */
	bool truncated; /* `ip` is not all of it */
	struct span ip; /* from its IP header on; borrowed */
};

/*
 * The next message of `*rest`, which is cut off there.  PH_OK: `out` is a
 * packet.  PH_EUNSUPPORTED: a message of another kind, an error for one.
 * PH_EMALFORMED: nothing behind it can be read either, and *rest is empty.
 */
PH_NODISCARD enum ph_err nfqueue_next(struct nfqueue_packet *out,
    struct span *rest);

#endif
