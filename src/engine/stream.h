/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_STREAM_H
#define ENGINE_STREAM_H

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"

/*
 * SIP over one TCP connection: each direction's bytes gathered until a
 * message is whole (RFC 3261 section 18.3).  Bounded by the largest message,
 * and all connections together by STREAM_ROOM; a message that comes in one
 * piece needs no room.  What cannot be framed ends the connection, there is
 * no guessing where the next message might begin.
 */
#define STREAM_ROOM ((size_t)64 << 20)

struct stream;

/* What parts of messages take, of all that share it; begins as zeros. */
struct stream_room {
	size_t used;
};

/* `first` is either end; it tells the directions apart.  `room` is borrowed. */
struct stream *stream_new(const struct endpoint *first,
    struct stream_room *room);
void stream_free(struct stream *s);

/*
 * The next bytes from `src`; `message` is called for each whole message.
 * Anything but PH_OK: give the connection up.
 */
PH_NODISCARD enum ph_err stream_add(struct stream *s,
    const struct endpoint *src, struct span bytes,
    void (*message)(void *ctx, struct span text), void *ctx);

#endif
