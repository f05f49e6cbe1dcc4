/* SPDX-License-Identifier: ISC */
#ifndef BASE_PINHOLE_H
#define BASE_PINHOLE_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"

/*
 * A pinhole, the one struct that protocols and packet filters share: plain
 * addresses, ports and numbers, never text from the wire.
 *
 * Media is a pair of endpoints, not an arrow: packets from `from` to `to` pass,
 * and so do packets from `to` back to `from`; either side may send first.  Two
 * pinholes make a stream:
 *
 *	PINHOLE_IN	from = remote host, prefix or any; any source port
 *			to   = protected address, to_lo..to_hi
 *	PINHOLE_OUT	from = protected address; any source port
 *			to   = remote address, to_lo..to_hi.  The way back is
 *			open only as an answer, so that a stranger's packet
 *			cannot ride on it.
 *
 * A packet passes if any pinhole covers it.
 */
enum pinhole_dir {
	PINHOLE_IN = 1,
	PINHOLE_OUT = 2,
};

struct pinhole {
	uint64_t id; /* never reused in a run; 0 in a wish */
	/*
	 * The time at which the kernel, or a process that outlives ours, must
	 * close the pinhole if nobody has renewed it; microseconds since the
	 * epoch.  0: no deadline.
	 */
	int64_t deadline;
	uint16_t class; /* fw_config.classes, from 1; 0: like all others */
	/*
	 * From here on: the tuple.  Two pinholes with the same tuple are the
	 * same to the packet filter.
	 */
	uint8_t proto;	       /* IPPROTO_UDP or IPPROTO_TCP */
	uint8_t dir;	       /* enum pinhole_dir */
	uint8_t once;	       /* good for one connection (ftp, tftp data) */
	uint16_t from_port;    /* 0: any */
	uint16_t to_lo, to_hi; /* inclusive, host byte order */
	struct prefix from;    /* AF_UNSPEC: any */
	struct addr to;
	/*
	 * Translation, for the ftp and tftp proxies and for `external ...
	 * redirect yes`.  With rdr_from, packets are first seen addressed to
	 * it and are sent on to `to`:`to_lo`; with nat_to, they leave with
	 * that source.  AF_UNSPEC: none.  Port 0: kept.
	 */
	struct endpoint rdr_from;
	struct endpoint nat_to;
};

/* Order by everything but id, deadline and class. */
int pinhole_cmp(const struct pinhole *a, const struct pinhole *b);

/*
 * A tuple in as few bytes as it needs, 15 without translation between IPv4
 * hosts: two pinholes have the same bytes if, and only if, they have the same
 * tuple.  For what has a direction, known address families and, where it has no
 * address, no port.  Unpacked, id, deadline and class are 0.
 */
#define PINHOLE_PACKED (10 + 4 * 16 + 2 * 2)
size_t pinhole_pack(const struct pinhole *h, uint8_t to[PINHOLE_PACKED]);
struct pinhole pinhole_unpack(const uint8_t *from);
size_t pinhole_packed(const uint8_t *from); /* how many bytes it takes */
uint8_t pinhole_packed_dir(const uint8_t *from);

#endif
