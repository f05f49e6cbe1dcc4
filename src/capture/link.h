/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_LINK_H
#define CAPTURE_LINK_H

#include <pcap.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/span.h"

/* Older libpcaps and OpenBSD's lack the names; files have the numbers. */
#ifndef DLT_LINUX_SLL
#define DLT_LINUX_SLL 113
#endif
#ifndef DLT_IPV4
#define DLT_IPV4 228
#endif
#ifndef DLT_IPV6
#define DLT_IPV6 229
#endif
#ifndef DLT_LINUX_SLL2
#define DLT_LINUX_SLL2 276
#endif

/*
 * Link layers, down to the IP packet: a pure function of bytes.
 *
 * Ethernet with up to four VLAN tags (802.1Q, 802.1ad) and PPPoE sessions,
 * Linux cooked v1 and v2, raw IP, BSD loopback, pflog.
 */
#define LINK_MAC 6

struct link_packet {
	struct span ip;	  /* from the version nibble on */
	uint32_t ifindex; /* 0: not told */
	uint8_t dir;	  /* enum pkt_dir */
	/*
	 * The system that recorded it does not take it at that interface: it
	 * is of a VLAN, of a PPPoE session, or for another station.
	 */
	bool foreign;
	struct span station; /* Ethernet: for whom it is; else empty */
};

bool link_supported(int dlt);

/*
 * PH_OK; PH_EUNSUPPORTED: not IP, or a link type we do not know;
 * PH_EMALFORMED: too short for its own header.
 */
PH_NODISCARD enum ph_err link_decode(int dlt, struct span frame,
    struct link_packet *out);

#endif
