/* SPDX-License-Identifier: ISC */
#ifndef SIP_SDP_H
#define SIP_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"

/*
 * Session Description Protocol, as far as a firewall needs it: the o=, c=
 * and m= lines and the attributes that move ports or decide who may send
 * (RFC 8866 sections 5.2, 5.7, 5.14; RFC 3605 a=rtcp; RFC 5761 rtcp-mux;
 * RFC 4145 a=setup; RFC 9143 bundle-only; RFC 8839 candidates).
 *
 * As tolerant as the servers we stand in front of: any line order, unknown
 * lines, LF alone, no final line end, empty s=.  Strict where two readings
 * are possible: two c= in one section, a NUL, a lone CR, a blank line in the
 * middle.
 *
 * The parser allocates nothing.  A struct sdp must not be copied, for it has
 * pointers to itself.
 */
#define SDP_MAX_MEDIA	   16
#define SDP_MAX_CANDIDATES 8 /* per media, both components together */

enum sdp_kind {
	SDP_RTP,   /* RTP/AVP and its profiles: RTP and RTCP */
	SDP_UDP,   /* udptl and other UDP: one port */
	SDP_TCP,   /* TCP/..., MSRP, BFCP over TCP */
	SDP_OTHER, /* a transport we do not open for */
};

enum sdp_mode {
	SDP_SENDRECV,
	SDP_SENDONLY,
	SDP_RECVONLY,
	SDP_INACTIVE,
};

enum sdp_setup {
	SDP_SETUP_NONE,
	SDP_ACTIVE,
	SDP_PASSIVE,
	SDP_ACTPASS,
	SDP_HOLDCONN,
};

/* Why a stream is not usable; SDP_OK when it is. */
enum sdp_fault {
	SDP_OK,
	SDP_FAULT_PORT,	     /* not a number, too big, count too big */
	SDP_FAULT_ADDRESS,   /* no c= applies, or its address is garbage */
	SDP_FAULT_NAME,	     /* c= names a host: never resolved */
	SDP_FAULT_AMBIGUOUS, /* two c= or two a=rtcp in this section */
	SDP_FAULT_SYNTAX,    /* the m= line breaks its grammar */
};

struct sdp_candidate {
	struct addr addr;
	uint16_t port;
	uint8_t component; /* 1 RTP, 2 RTCP */
	bool tcp;
};

/* Each call keeps two, at least. */
struct sdp_media {
	uint16_t port;	      /* host order; 0: refused, unless bundle_only */
	uint16_t nports;      /* RTP/RTCP pairs, at least 1 */
	struct endpoint rtcp; /* as in a=rtcp; af 0: same address, port 0:
				 port + 1 */
	/* Not sdp_parse()'s: what an outsider had named first, see mentions.h;
	 * bit 0: the m= line, 1: RTCP, then candidates. */
	uint16_t repeated;
	struct addr addr; /* the c= in force */
	uint8_t mode;	  /* enum sdp_mode: session-level default applied */
	uint8_t setup;	  /* enum sdp_setup: likewise */
	uint8_t ncandidates;
	uint8_t fault : 3; /* enum sdp_fault: if not SDP_OK, only `port` may
			      be used */
	uint8_t kind : 3;  /* enum sdp_kind */
	bool rtcp_mux : 1;
	bool rtcp_mux_only : 1; /* RFC 8858 */
	bool bundle_only : 1;
	bool ice : 1;	       /* candidates or credentials, usable or not */
	bool in_bundle : 1;    /* its mid is in a session-level
				  a=group:BUNDLE */
	bool bundle_first : 1; /* and the first there: all use its ports */
	uint8_t bundle : 4;    /* which group, with in_bundle */
	struct sdp_candidate *candidates; /* room is the owner's */
};

struct sdp {
	uint64_t version; /* of o=; 0 if it is not a number */
	bool ice;	  /* credentials for all media */
	uint8_t nmedia;
	bool more; /* there were more than SDP_MAX_MEDIA m= lines */
	struct sdp_media media[SDP_MAX_MEDIA];
	struct sdp_candidate candidates[SDP_MAX_MEDIA][SDP_MAX_CANDIDATES];
};

/*
 * Parse one body.  PH_OK, PH_EMALFORMED (not SDP at all: no v=0 first, NUL,
 * blank line in the middle), PH_EAMBIGUOUS (two session-level c=, a second
 * v=).  On error `out` is zeroed and *where, if not NULL, is the offset of the
 * line.
 * More m= lines than SDP_MAX_MEDIA set `more`; the first ones are usable.
 */
PH_NODISCARD enum ph_err sdp_parse(struct sdp *out, struct span body,
    size_t *where);

#endif
