/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_IPFRAG_H
#define CAPTURE_IPFRAG_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"
#include "src/capture/sink.h"

/*
 * IPv4 and IPv6 fragments back into datagrams (RFC 791 section 3.2, RFC 8200
 * section 4.5).
 *
 * A firewall must never read a datagram that its server would read
 * otherwise: any overlap that is not an exact repetition condemns the whole
 * datagram, later pieces included (RFC 5722).  Pieces wait for 30 seconds of
 * the packets' own time.  Memory is bounded: a datagram has FRAG_MAX_PIECES
 * at most, and all together FRAG_MAX_BYTES; then the source that has most of
 * them loses its oldest datagram (shares.h).  What is forged in the name of a
 * source is among its own, and goes first if it came first.
 */
#define FRAG_TIMEOUT	(30 * INT64_C(1000000))
#define FRAG_MAX_BYTES	(16u << 20)
#define FRAG_MAX_PIECES 128

struct frag_key {
	struct addr src, dst;
	uint32_t id;
	uint32_t ifindex;
	uint8_t dir;
	uint8_t proto; /* 0 for IPv6, where it is not part of the key */
};

struct ipfrag;

struct ipfrag *ipfrag_new(void);
void ipfrag_free(struct ipfrag *f);

/*
 * One piece at byte offset `off`.  PH_OK: complete, *whole is valid until the
 * next call and *proto is the first piece's.  PH_ETRUNC: more to come.
 * PH_EMALFORMED: condemned.  PH_ELIMIT, PH_ENOMEM: not kept.
 */
PH_NODISCARD enum ph_err ipfrag_add(struct ipfrag *f, int64_t now,
    const struct frag_key *key, uint32_t off, bool more, uint8_t proto,
    struct span data, struct span *whole, uint8_t *wholeproto,
    struct capture_stats *stats);

/* Forget what has waited too long. */
/* When ipfrag_expire() has something to do; INT64_MAX: never. */
int64_t ipfrag_due(const struct ipfrag *f);
void ipfrag_expire(struct ipfrag *f, int64_t now, struct capture_stats *stats);

#endif
