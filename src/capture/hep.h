/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_HEP_H
#define CAPTURE_HEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"

/*
 * HEP version 3: how a PBX tells others what it read and wrote.
 *
 * A packet is "HEP3", its length in two bytes, and chunks: vendor, type and
 * length, two bytes each, then a value.  By UDP a datagram is one packet; by
 * TCP packets follow each other.
 *
 * Pure: bytes in, a struct out that borrows from them.  It does not know who
 * sent the packet, and judges neither the key nor the addresses.
 *
 * A packet is malformed if a length does not fit, if a chunk that we read has
 * another length than its type calls for, comes twice or is missing, or if an
 * address is not of the family that the packet names.  Chunks of vendors, and
 * types that we do not read, are skipped.
 */
#define HEP_HEAD    6
#define HEP_MAX	    65535
#define HEP_KEY_MAX 255

struct hep {
	struct endpoint src, dst;
	uint8_t proto;	   /* of IP; mirrors have numbers of their own */
	uint8_t type;	   /* of the payload; HEP_SIP */
	struct span key;   /* empty: there is none */
	struct span bytes; /* the payload; empty: none, or compressed */
};

#define HEP_SIP 1

/*
 * How long the packet at the beginning of a stream is.  PH_ETRUNC: too few
 * bytes to tell; PH_EMALFORMED: no packet begins so.
 */
PH_NODISCARD enum ph_err hep_frame(struct span bytes, size_t *len);

/* One whole packet: PH_OK or PH_EMALFORMED. */
PH_NODISCARD enum ph_err hep_decode(struct hep *out, struct span packet);

/*
 * Whether two keys are equal.  The time that it takes says nothing about the
 * key but its length.
 */
bool hep_key_eq(struct span sent, struct span key);

#endif
