/* SPDX-License-Identifier: ISC */
#ifndef BASE_DATAGRAM_H
#define BASE_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/span.h"

/*
 * Reassembled bytes from the wire: a UDP datagram, a run of bytes of a TCP
 * connection, or a message that somebody mirrored.  The payload is borrowed
 * until the function that gets it returns.
 */
enum pkt_dir {
	PKT_UNKNOWN, /* the source does not tell; most files */
	PKT_IN,	     /* came in at the interface */
	PKT_OUT,     /* left by the interface */
};

/*
 * The end of a TCP connection that sent the SYN which the other answered; of
 * one that was lost sight of, the end that began others.
 */
enum stream_origin {
	ORIGIN_UNKNOWN, /* joined in its middle; or not TCP */
	ORIGIN_SRC,	/* the source of these bytes */
	ORIGIN_DST,	/* their destination */
};

struct datagram {
	int64_t ts;	  /* microseconds since the epoch */
	uint32_t ifindex; /* 0: unknown */
	uint8_t dir;	  /* enum pkt_dir */
	uint8_t proto;	  /* IPPROTO_UDP or IPPROTO_TCP */
	uint8_t origin;	  /* enum stream_origin */
	bool joined;	  /* TCP: what this side sent before was not seen */
	bool resumed;	  /* TCP: followed before, by us or a predecessor */
	bool answers;	  /* TCP: its source has bytes of the other end */
	bool held;	  /* the kernel holds it until it gets a verdict */
	bool mirrored;	  /* a PBX told us of it: one whole message */
	struct endpoint src, dst;
	struct span payload;
};

#endif
