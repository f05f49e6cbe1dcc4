/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_TCPSTREAM_H
#define CAPTURE_TCPSTREAM_H

#include <stdint.h>

#include "src/base/datagram.h"
#include "src/capture/capture.h"

/*
 * TCP segments back into bytes in order (RFC 9293), as far as a listener may.
 *
 * A connection is followed from its SYN or, if that went by before us, from
 * the first bytes of each side, which say so: whether that is any good only
 * the protocol knows.  A gap that does not close within TCP_WINDOW bytes ends
 * the interest, for there is no guessing what went by.  What arrived first
 * counts: a retransmission with other bytes is counted and ignored.  The same
 * connection seen at two interfaces is two.  Memory is bounded by TCP_MAX_CONNS
 * connections, of which the idlest goes first, and TCP_MAX_BYTES of bytes out
 * of order.
 */
#define TCP_WINDOW    (256 * 1024)
#define TCP_MAX_CONNS 16384
#define TCP_MAX_BYTES (32u << 20)
#define TCP_IDLE      (4 * 3600 * INT64_C(1000000))

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct tcpstream;

struct tcpstream *tcpstream_new(void);
void tcpstream_free(struct tcpstream *t, const struct capture_sink *sink);

/* One segment: `d` with the payload, its sequence number and flags. */
void tcpstream_add(struct tcpstream *t, const struct datagram *d, uint32_t seq,
    uint8_t flags, const struct capture_sink *sink,
    struct capture_stats *stats);

/* Forget connections that have been idle for too long. */
void tcpstream_expire(struct tcpstream *t, int64_t now,
    const struct capture_sink *sink);

#endif
