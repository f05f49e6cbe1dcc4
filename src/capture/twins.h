/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_TWINS_H
#define CAPTURE_TWINS_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/datagram.h"

/*
 * A packet that waits in a queue of the kernel and is read by libpcap as well
 * counts once: the one that is read first.  For each that was read from one of
 * the two, one of the same content from the other is a twin; so packets that
 * a sender repeats keep their number.  Only packets of one interface and
 * direction are twins: a packet that crosses us is read by libpcap where it
 * comes in and where it leaves, and counts at one of these places.
 *
 * Contents are known by a keyed digest, so that nobody can make another
 * packet that has the same.  The last TWINS are remembered for TWINS_WITHIN; a
 * twin of one that was forgotten counts again, as a retransmission does.
 */
#define TWINS	     8192
#define TWINS_WITHIN (10 * INT64_C(1000000))

struct twins;

struct twins *twins_new(void);
void twins_free(struct twins *t); /* or NULL */

/*
 * True: `d` is the twin of one that counted.  `extra` tells apart packets of
 * equal payload: numbers and flags of TCP.
 */
bool twins_input(struct twins *t, const struct datagram *d, uint64_t extra[2]);

#endif
