/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_PACKET_H
#define CAPTURE_PACKET_H

#include "src/base/datagram.h"
#include "src/capture/sink.h"

/*
 * From an IP packet to UDP datagrams and TCP bytes: headers, fragments,
 * streams, and the same packet seen twice.  No libpcap here, so that tests
 * and fuzzers drive it with bytes alone.
 */
struct packets;

/* `ports` is borrowed. */
struct packets *packets_new(const struct capture_port *ports, size_t nports);
void packets_free(struct packets *p, const struct capture_sink *sink);

/* Where a frame comes from. */
struct packet_source {
	int dlt; /* link type */
	/* Only packets of these interfaces, where the link layer names them. */
	const uint32_t *ifs;
	size_t nifs; /* 0: of all */
	/* Where the link layer does not tell. */
	uint8_t dir; /* enum pkt_dir */
	uint32_t ifindex;
	/*
	 * Live: only what the kernel takes at that very interface counts.  A
	 * frame of a VLAN does not, on the interface that carries the VLAN,
	 * nor one for another station.
	 */
	bool live;
	bool has_mac; /* Ethernet: of the interface */
	uint8_t mac[6];
};

/* A network at an interface, or an address of our own: index 0. */
struct packet_net {
	struct prefix net;
	uint32_t ifindex;
};

/*
 * A packet that the kernel holds, and where it is on its way: after routing,
 * so both interfaces may be known.  It counts like one that is read at the
 * interface of the protected end: what a host of `inside` sends, where it came
 * in, and what others send, where it leaves.
 *
 * With `nets`, it is held before it is routed, and where it will leave is the
 * interface of the network it is for.  Of a host beyond these networks that is
 * known if there is one interface alone, and else the packet is left to its
 * copy.  So is a TCP connection between two protected hosts.
 */
struct packet_held {
	uint32_t indev, outdev; /* 0: none */
	const uint32_t *ifs;	/* only packets of these interfaces; */
	size_t nifs;		/* 0: of all */
	const struct prefix *inside;
	size_t ninside;
	const struct packet_net *nets; /* or NULL */
	size_t nnets;
};

void packets_held(struct packets *p, const struct packet_held *from, int64_t ts,
    struct span ip, const struct capture_sink *sink);

/* From now on packets come both ways, and count once.  False: no memory. */
bool packets_pair(struct packets *p);

void packets_add(struct packets *p, const struct packet_source *from,
    int64_t ts, struct span frame, const struct capture_sink *sink);

/*
 * A frame that packets_add() would only count as of no interest, as can be told
 * at a glance: UDP in IP or in Ethernet, nothing unusual about it.  It is
 * counted then.
 * False: give it to packets_add().  Not for a source with `ifs` or `live`.
 */
bool packets_skip(struct packets *p, int dlt, struct span frame);
/* Time passes without packets. */
void packets_expire(struct packets *p, int64_t now,
    const struct capture_sink *sink);

/* When packets_expire() has something to do; INT64_MAX: never. */
int64_t packets_due(const struct packets *p);
/* As capture_flush() and capture_adopt(). */
int64_t packets_next(const struct packets *p); /* see capture_due() */
bool packets_flush(struct packets *p, const struct capture_sink *sink);
void packets_adopt(struct packets *p, uint64_t key, const void *record,
    size_t len, int64_t now);

struct capture_stats *packets_stats(struct packets *p);

#endif
