/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/counters.h"
#include "src/base/datagram.h"
#include "src/base/err.h"
#include "src/base/timers.h"
#include "src/capture/capture.h"
#include "src/conf/conf.h"
#include "src/engine/place.h"
#include "src/process/claims.h"
#include "src/process/events.h"

/*
 * The engine: the only place that knows a protocol and the packet filter.
 *
 * Datagrams and stream bytes come in, changes for the filter, events and
 * checkpoints go out; the same in a replay and live.  It opens nothing, owns
 * no descriptor and reads no clock, so that a replay is the same to the byte.
 * In a live run its caller is process.c, in a replay replay.c.
 */
struct engine;

PH_NODISCARD enum ph_err engine_new(struct engine **out,
    const struct conf *conf, const struct engine_place *place,
    const struct events *ev, const struct engine_sink *sink);
void engine_free(struct engine *e); /* silently */

/* The calls, for sharing.h to change as other boxes tell. */
struct calls *engine_calls(const struct engine *e);

/* The story of each call: story.h. */
const struct story *engine_story(const struct engine *e);
/* The same for each FTP connection and TFTP transfer: sessions.h. */
const struct sessions *engine_sessions(const struct engine *e);

/*
 * When media was last seen through the pinholes of a call: s->inside and
 * s->outside.  False: it has none, or the backend does not report packets.
 */
bool engine_media(struct engine *e, struct span call_id, struct silence *s);

/*
 * All calls, one at a time: the next one behind *at, which is 0 at first, and
 * its pinholes, also of transfers, for which there is no call.  False: there
 * are no more.
 */
struct engine_viewer {
	void *ctx;
	void (*call)(void *ctx, const struct call_view *v);
	void (*hole)(void *ctx, const struct claims_view *v);
};
bool engine_view(struct engine *e, uint64_t *at, const struct engine_viewer *v);
/* The pinholes of one call or transfer. */
void engine_view_holes(struct engine *e, uint64_t owner,
    const struct engine_viewer *v);

/*
 * End a call by its Call-ID, or without one what `owner` has, which is a
 * transfer.  How many calls or pinholes there were.
 */
size_t engine_close(struct engine *e, struct span call_id, uint64_t owner,
    int64_t now);

/* As events.verbose, from now on. */
void engine_verbose(struct engine *e, int verbose);

/*
 * One UDP datagram, or a message that somebody mirrored, whatever its ports.
 * Timers due before `now` fire first.
 */
void engine_udp(struct engine *e, int64_t now, const struct datagram *d);

/* The next bytes of a TCP connection; see capture_sink.tcp. */
enum capture_more engine_tcp(struct engine *e, int64_t now, void **user,
    const struct datagram *d);
void engine_tcp_end(struct engine *e, void *user);

/* Hints to addresses and ports that `protect` and `port` may lack: hints.h. */
struct hints *engine_hints(struct engine *e);

void engine_run(struct engine *e, int64_t now); /* timers */
int64_t engine_next(struct engine *e);		/* INT64_MAX: none */

/* The filter saw packets for pinhole `id` (fw's name for it). */
void engine_seen(struct engine *e, uint64_t id, unsigned int ends, int64_t now);
void engine_packets(struct engine *e, uint64_t id, uint64_t packets);
/* The filter closed pinhole `id` at its deadline. */
void engine_lost(struct engine *e, uint64_t id);
/* The filter may have lost everything: tell it all again. */
void engine_resend(struct engine *e, int64_t now);

/* Take over one checkpoint record.  Trusts nothing in it. */
void engine_adopt(struct engine *e, uint64_t key, const void *p, size_t len,
    int64_t now);

/*
 * Checkpoint whatever is not yet written.  Called after each batch of work;
 * cheap when nothing changed.
 */
void engine_flush(struct engine *e);

/*
 * A successor waits: close, with events, what it could not take over, which
 * are the data connections of FTP that have not begun yet.
 */
void engine_leave(struct engine *e, int64_t now);

/*
 * Close everything that is open, with events.  What is known of the calls
 * stays in the checkpoints, for a successor to open for them again.
 */
void engine_shutdown(struct engine *e, int64_t now);

/* From yes to no, what several packets change goes in one commit. */
void engine_gather(struct engine *e, bool yes);
void engine_report(const struct engine *e, struct counters *out);
/* Pinholes opened so far. */
uint64_t engine_opened(const struct engine *e);
/* So far: SIP messages that were read, and calls. */
void engine_totals(const struct engine *e, uint64_t *messages, uint64_t *calls);

#endif
