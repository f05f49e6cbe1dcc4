/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_SIGHTINGS_H
#define ENGINE_SIGHTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "sip/message.h"
#include "src/base/datagram.h"

/*
 * Messages that are both mirrored by a PBX and read from the wire count once.
 *
 * Of the two, the one that comes first counts.  The others of that message
 * which come from where the first came are retransmissions, and count as such;
 * those which come the other way are copies.  Messages are told apart by
 * their two addresses, method or status, CSeq, branch, Call-ID, tags and SDP.
 * Ports are not compared: a mirror may name the port on which a proxy listens
 * instead of the one that it sent from.
 *
 * The last SIGHTINGS_MAX are remembered for SIGHTINGS_WITHIN.  The copy of one
 * that was forgotten is taken for a retransmission.
 */
#define SIGHTINGS_MAX	 8192
#define SIGHTINGS_WITHIN (32 * INT64_C(1000000))

struct sightings;

struct sightings *sightings_new(void);
void sightings_free(struct sightings *s); /* or NULL */

/* True: `m` is a copy of one that counted. */
bool sightings_input(struct sightings *s, int64_t now, const struct datagram *d,
    const struct sip_message *m);

#endif
