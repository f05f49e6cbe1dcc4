/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_HANDSHAKE_H
#define CAPTURE_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The SYNs between two ends, and the answers (SYN and ACK) to them, until one
 * end goes along with an answer.  Anyone can send a SYN: of those that
 * compete, the first and the latest are known.
 *
 * An end that answers knows of no older connection between the two: had it
 * one, it would challenge the SYN (RFC 5961 section 4).
 */
struct syn {
	bool used;
	bool from_a;
	uint32_t seq;
	uint32_t ack; /* of an answer */
};

struct handshake {
	struct syn syn[2];
	struct syn answer[2];
};

void handshake_syn(struct handshake *h, bool from_a, uint32_t seq);
/* False: it answers no SYN that is known. */
bool handshake_answer(struct handshake *h, bool from_a, uint32_t seq,
    uint32_t ack);

/*
 * The answer that a segment of either end goes along with; NULL: none.  The
 * segment begins at most `window` bytes after the connection did.
 */
const struct syn *handshake_find(const struct handshake *h, bool from_a,
    uint32_t seq, uint32_t ack, uint32_t window);

#endif
