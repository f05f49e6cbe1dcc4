/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_SINK_H
#define CAPTURE_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/datagram.h"

/*
 * The functions by which src/capture hands on what it has read, and its
 * counters.
 */

/* A port worth looking at, as source or as destination. */
struct capture_port {
	uint8_t proto; /* IPPROTO_UDP or IPPROTO_TCP */
	uint16_t port;
};

/* How far a reader of a stream got. */
enum capture_more {
	CAPTURE_END,   /* it wants no more of the connection */
	CAPTURE_LOST,  /* it does not know where the next message begins */
	CAPTURE_PART,  /* the rest of a message comes next */
	CAPTURE_WHOLE, /* a new message comes next */
};

struct capture_sink {
	void *ctx;
	void (*udp)(void *ctx, const struct datagram *d);
	/*
	 * The next bytes of one direction of a TCP connection, in order and
	 * none missing, but where d->joined says that what came before was
	 * not seen or not taken.  Those are the bytes of one segment, and
	 * acknowledged.  *user starts NULL and is kept for the connection;
	 * both directions share it.
	 */
	enum capture_more (
	    *tcp)(void *ctx, void **user, const struct datagram *d);
	/* The connection is over, or no longer followed; free `user`. */
	void (*tcp_end)(void *ctx, void *user);
	/*
	 * Where a followed connection stands, for a successor to go on there:
	 * to be kept under `key`.  len 0: to be forgotten.  May be NULL.
	 */
	void (*remember)(void *ctx, uint64_t key, const void *p, size_t len);
	/*
	 * A datagram, or a segment, on ports that are of no interest, whose
	 * bytes begin with a capital letter, as the text of protocols does
	 * and media hardly ever; NULL: not wanted.  Live, the kernel keeps
	 * them from us.
	 */
	void (*other)(void *ctx, const struct datagram *d);
};

struct capture_stats {
	uint64_t packets; /* handed to us by libpcap */
	uint64_t kernel_drops;
	uint64_t truncated; /* caplen < len: never parsed */
	uint64_t malformed; /* link, IP, UDP or TCP header broke its rules */
	uint64_t ignored;   /* not IP, not our ports */
	uint64_t foreign;   /* live: of a VLAN, or for another station */
	uint64_t fragments;
	uint64_t frag_overlaps; /* datagrams given up for it */
	uint64_t frag_timeouts;
	uint64_t frag_limits;
	uint64_t tcp_connections;
	uint64_t tcp_gaps;	  /* bytes that the receiver has, and we not */
	uint64_t tcp_midstream;	  /* connections joined without their SYN */
	uint64_t tcp_implausible; /* segments the receiver will not take */
	uint64_t tcp_conflicts;	  /* retransmission with other bytes */
	uint64_t tcp_limits;
	uint64_t twins;	     /* held by the kernel, and read as well */
	uint64_t duplicates; /* the same packet seen again */
};

/* Keys of what is remembered, from this one on and below the second. */
#define CAPTURE_KEY_MIN (UINT64_C(1) << 61)
#define CAPTURE_KEY_MAX (UINT64_C(1) << 62)

#endif
