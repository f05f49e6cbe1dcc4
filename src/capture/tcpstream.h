/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_TCPSTREAM_H
#define CAPTURE_TCPSTREAM_H

#include <stdint.h>

#include "src/base/datagram.h"
#include "src/capture/capture.h"

/*
 * TCP segments back into bytes in order (RFC 9293), as far as a listener may
 * who must never read what the receiver does not.
 *
 * A connection is followed once both SYNs and a segment that acknowledges the
 * second were seen.  Data in a SYN (RFC 7413) is not read.  One that began
 * unseen is joined when one end has sent bytes and the other, in place, has
 * acknowledged them.  The first bytes of each side then say so: whether they
 * are any good only the protocol knows.  With one direction alone there is
 * no telling what the receiver took, and nothing is handed on.
 *
 * A blind attacker can do no more here than to the receiver (RFC 5961): a
 * segment counts when its bytes and what it acknowledges are within
 * TCP_WINDOW, a RST only as the very next byte, and a SYN changes nothing
 * until the other end has answered it.  Of two versions of a byte the first
 * counts, waiting or handed on.
 *
 * A gap that does not close within TCP_GAP, or has more than TCP_MAX_PIECES
 * behind it, ends the interest, for there is no guessing what went by.  The
 * same connection seen at two interfaces is two.
 *
 * Memory is bounded.  Half-open connections have room of their own, where
 * the oldest goes first, so that no flood of SYNs costs an open one.  Of the
 * open ones the idlest goes first, that of the newcomer's own source if it
 * has TCP_MAX_SOURCE of them.  Of what is out of order TCP_MAX_BYTES are
 * kept, with all that malloc() adds; then the oldest gap goes.
 */
#define TCP_WINDOW     (256 * 1024)
#define TCP_MAX_PIECES 512
#define TCP_MAX_HALF   16384
#define TCP_MAX_CONNS  16384
#define TCP_MAX_SOURCE 1024 /* of an address, or of an IPv6 /64 */
#define TCP_MAX_BYTES  (32u << 20)
#define TCP_GAP	       (60 * INT64_C(1000000))
#define TCP_HALF       (60 * INT64_C(1000000))
#define TCP_IDLE       (4 * 3600 * INT64_C(1000000))

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct tcpstream;

struct tcpstream *tcpstream_new(void);
void tcpstream_free(struct tcpstream *t, const struct capture_sink *sink);

/* One segment: `d` with the payload, its sequence numbers and flags. */
void tcpstream_add(struct tcpstream *t, const struct datagram *d, uint32_t seq,
    uint32_t ack, uint8_t flags, const struct capture_sink *sink,
    struct capture_stats *stats);

/* Forget connections that have been idle, half-open or stuck for too long. */
void tcpstream_expire(struct tcpstream *t, int64_t now,
    const struct capture_sink *sink, struct capture_stats *stats);

#endif
