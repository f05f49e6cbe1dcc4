/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_PACKET_H
#define CAPTURE_PACKET_H

#include "src/base/datagram.h"
#include "src/capture/capture.h"

/*
 * From an IP packet to UDP datagrams and TCP bytes: headers, fragments,
 * streams, and the same packet seen twice.  No libpcap here, so that tests
 * and fuzzers drive it with bytes alone.
 */
struct packets;

/* `ports` is borrowed. */
struct packets *packets_new(const struct capture_port *ports, size_t nports);
void packets_free(struct packets *p, const struct capture_sink *sink);

/*
 * One frame of link type `dlt`.  Only packets of the interfaces in `ifs`
 * count, when there are any and the link layer names them.
 */
void packets_add(struct packets *p, int dlt, int64_t ts, struct span frame,
    const uint32_t *ifs, size_t nifs, uint8_t dir, uint32_t ifindex,
    const struct capture_sink *sink);

/* Time passes without packets. */
void packets_expire(struct packets *p, int64_t now,
    const struct capture_sink *sink);

struct capture_stats *packets_stats(struct packets *p);

#endif
