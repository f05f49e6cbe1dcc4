/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_TCPSIDE_H
#define CAPTURE_TCPSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/queue.h"
#include "src/base/shares.h"
#include "src/base/span.h"
#include "src/base/wire.h"
#include "src/capture/sink.h"

/*
 * One direction of a TCP connection: the bytes of its sender, in order, as far
 * as its receiver acknowledges them.
 *
 * Bytes that come next are read at once.  Until the receiver acknowledges them
 * they are kept, for it may have dropped them (a bad checksum, a small TTL) and
 * be sent others in their place.  Then the others are read, and the reader is
 * `lost`: it has to find anew where a message begins.  The same where the
 * receiver has bytes that were not seen.
 *
 * A side that was seen from its beginning, and did not begin with a whole
 * message, is not searched for one: it is mute from then on.  A web page can
 * have a browser write what looks like one anywhere but at the beginning.
 *
 * A lost reader gets acknowledged bytes only, one segment at a time, as they
 * were sent, until it has found the beginning of a message.
 *
 * Of two versions of bytes that nobody acknowledged, the one with the good
 * checksum counts.  Of two good ones the later, but where both came before
 * their turn: then a receiver keeps the first.
 */
#define TCP_MAX_PIECES 512
#define TCP_MAX_BYTES  (32u << 20)

struct segment;

TAILQ_HEAD(segment_list, segment);

struct tcpside {
	uint32_t next;	/* the next byte to read */
	uint32_t ack;	/* what the receiver says it has */
	uint32_t acked; /* of that, what was read */
	bool lost;
	bool whole;  /* the reader: a message begins at `next` */
	bool begun;  /* its first bytes were there to see */
	bool framed; /* the reader has found a whole message in it */
	bool mute;   /* it is none of the reader's */
	bool heir;   /* nothing was read since it was imported */
	bool fin;    /* the sender ends at fin_seq, it seems */
	uint32_t fin_seq;
	struct segment_list ahead; /* not read yet, without overlaps */
	struct segment_list sent;  /* read, not acknowledged */
	unsigned int nahead, nsent;
	struct addr sender;
	struct share_item room; /* for all of these */
};

struct tcpside_reader {
	void *ctx;
	enum capture_more (*read)(void *ctx, struct span bytes, bool lost);
	struct capture_stats *stats;
};

/* A side whose sender's next byte is `seq`. */
void tcpside_begin(struct tcpside *s, const struct addr *sender, uint32_t seq,
    bool lost);
void tcpside_clear(struct tcpside *s, struct shares *room);

/*
 * Bytes of the sender.  `good`: so is their checksum.  The room is that of
 * TCP_MAX_BYTES; whoever has most in it may lose it for this.
 */
void tcpside_add(struct tcpside *s, struct shares *room, uint32_t seq,
    struct span bytes, bool good, struct capture_stats *stats);
/* The sender says that it has no more than what is before `seq`. */
void tcpside_fin(struct tcpside *s, uint32_t seq);
/* The receiver has what is before `ack`. */
void tcpside_ack(struct tcpside *s, uint32_t ack);

/*
 * Read what may be read.  `late`: what is missing does not come any more.
 * False: the reader wants no more.
 */
bool tcpside_read(struct tcpside *s, struct shares *room, bool late,
    const struct tcpside_reader *reader);

/*
 * The place of the reader in a record, and back.  A reader that was lost, or
 * within a message, is lost.  Bytes that went by before the successor listened
 * do not come any more: nobody waits for them once the receiver has them.
 */
#define TCPSIDE_RECORD (4 + 1)
void tcpside_export(const struct tcpside *s, struct writer *w);
void tcpside_import(struct tcpside *s, const struct addr *sender,
    struct cursor *r);

/* Its reader is lost. */
void tcpside_lose(struct tcpside *s);

/* Something waits for bytes before it, or for being acknowledged. */
bool tcpside_waits(const struct tcpside *s);
/* Drop the bytes that wait for bytes before them. */
void tcpside_give_up(struct tcpside *s, struct shares *room);
/* The sender's FIN has come, and all bytes before it were read. */
bool tcpside_ended(const struct tcpside *s);
/* The receiver has acknowledged that FIN. */
bool tcpside_closed(const struct tcpside *s);

#endif
