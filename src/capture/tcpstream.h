/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_TCPSTREAM_H
#define CAPTURE_TCPSTREAM_H

#include <stdint.h>

#include "src/base/datagram.h"
#include "src/capture/sink.h"

/*
 * TCP segments back into bytes in order (RFC 9293).  A listener must never read
 * bytes that the receiver does not read. tcpside.h is about one direction, this
 * about connections.
 *
 * A connection is followed once both SYNs and a segment that acknowledges the
 * second were seen.  Data in a SYN (RFC 7413) is not read.  One that began
 * unseen is joined when one end has sent bytes and the other, in place, has
 * acknowledged them; then both readers are lost, and only the protocol knows
 * where a message begins.  With one direction alone there is no telling what
 * the receiver took, and nothing is handed on.  One that was followed, and had
 * to go, is joined likewise, but who began it is still known: see lost.h.
 *
 * The receiver is the judge.  A segment counts when its bytes and what it
 * acknowledges are within TCP_WINDOW.  A SYN changes nothing until the other
 * end has answered it and got an answer; a FIN, until the other end has
 * acknowledged it.  A RST changes only this: the connection is the first to go
 * where room is needed, for an end that has taken a RST sends no more.  Where
 * both ends go along with a position that is not ours, ours is wrong and theirs
 * is taken.
 *
 * What is missing is waited for during TCP_LATE; then, if the receiver has it,
 * the reader goes on behind it.  What the receiver never acknowledges is
 * dropped after TCP_GAP.  The same connection seen at two interfaces is two.
 *
 * Memory is bounded.  Connections that are not open, those that are, and the
 * bytes that wait have a room each; the source that takes most of it (who began
 * the connection, or sent the bytes) gives first: see shares.h.
 */
#define TCP_WINDOW    (256 * 1024)
#define TCP_MAX_HALF  16384
#define TCP_MAX_CONNS 16384
#define TCP_LATE      INT64_C(200000)
#define TCP_GAP	      (60 * INT64_C(1000000))
#define TCP_HALF      (60 * INT64_C(1000000))
#define TCP_IDLE      (4 * 3600 * INT64_C(1000000))

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct tcpstream;

struct tcpstream *tcpstream_new(void);
void tcpstream_free(struct tcpstream *t, const struct capture_sink *sink);

/* A segment besides its ends and its payload. */
struct tcp_segment {
	uint32_t seq, ack;
	uint8_t flags;
	bool good; /* its checksum is right, or left to the hardware */
};

void tcpstream_add(struct tcpstream *t, const struct datagram *d,
    const struct tcp_segment *g, const struct capture_sink *sink,
    struct capture_stats *stats);

/*
 * As capture_flush() and capture_adopt().  A record is a pair of lost.h, or the
 * ends of a connection, who began it, whether it is of no interest, and the
 * position of each reader; where a message was incomplete, the successor's
 * reader is lost.  Positions that do not fit the first bytes that are seen are
 * taken from these; all else in the record still holds, until the connection
 * begins anew.  Bytes that went by unseen before these are not waited for, or
 * an answer would be read before its request.
 */
bool tcpstream_flush(struct tcpstream *t, const struct capture_sink *sink);
void tcpstream_adopt(struct tcpstream *t, uint64_t key, const void *p,
    size_t len, int64_t now);

/* When bytes are no longer waited for: tcpstream_expire() is due then. */
int64_t tcpstream_next(const struct tcpstream *t); /* INT64_MAX: never */
/* When tcpstream_expire() has anything to do; INT64_MAX: never. */
int64_t tcpstream_due(const struct tcpstream *t);
/* Time passes: for what is late, and for connections that are idle. */
void tcpstream_expire(struct tcpstream *t, int64_t now,
    const struct capture_sink *sink, struct capture_stats *stats);

#endif
