/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_STREAM_H
#define ENGINE_STREAM_H

#include "src/base/datagram.h"
#include "src/base/shares.h"
#include "src/base/span.h"
#include "src/capture/capture.h"

/*
 * SIP over one TCP connection: each direction's bytes gathered until a
 * message is whole (RFC 3261 section 18.3).  A message that comes in one
 * piece needs no room.  Parts of messages are bounded by the largest message
 * each, and all together by STREAM_ROOM: the source that has most of them
 * loses its oldest (shares.h).
 *
 * Where a message begins nobody can guess from its bytes.  After bytes that
 * cannot be framed, or were not seen, a direction is lost until a segment
 * begins with a message that is whole at the end of this segment or of a
 * later one.  Nothing before that is read.
 */
#define STREAM_ROOM ((size_t)64 << 20)

struct stream;

/*
 * `first` is either end; it tells the directions apart.  `room` is borrowed,
 * and shared by all streams.
 */
struct stream *stream_new(const struct endpoint *first, struct shares *room);
void stream_free(struct stream *s);

/*
 * The next bytes of one direction, see capture_sink.tcp; `message` is called
 * for each whole message, and once, not `whole`, for what cannot be one.
 * Returns what capture_sink.tcp does, but never CAPTURE_END.
 */
enum capture_more stream_add(struct stream *s, const struct datagram *d,
    void (*message)(void *ctx, struct span text, bool whole), void *ctx);

#endif
