/* SPDX-License-Identifier: ISC */
#ifndef CAPTURE_HEP_STREAM_H
#define CAPTURE_HEP_STREAM_H

#include "src/base/err.h"
#include "src/base/span.h"
#include "src/capture/hep.h"

/*
 * Packets of HEP by TCP: the bytes of one connection, cut up anyhow, become
 * whole packets.  It keeps at most one packet.
 */
struct hep_stream;

struct hep_stream *hep_stream_new(void); /* NULL: no memory */
void hep_stream_free(struct hep_stream *s);

/*
 * The next bytes; `packet` is called for each whole packet.  PH_EMALFORMED:
 * where a packet should begin, none does, and nothing behind it can be read.
 */
PH_NODISCARD enum ph_err hep_stream_add(struct hep_stream *s, struct span bytes,
    void (*packet)(void *ctx, struct span bytes), void *ctx);

#endif
