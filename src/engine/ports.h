/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_PORTS_H
#define ENGINE_PORTS_H

#include <stddef.h>

#include "src/base/err.h"
#include "src/capture/capture.h"
#include "src/base/strbuf.h"
#include "src/conf/conf.h"
#include "src/process/iface.h"

/*
 * The ports worth capturing: those of signalling and of control connections,
 * for the engine process and for the replay.  The caller frees *out.
 */
PH_NODISCARD enum ph_err engine_ports(const struct conf *conf,
    struct capture_port **out, size_t *n);

/*
 * As root: find the inside interfaces and open the live captures.  *out stays
 * NULL where proxies alone are configured, for they have sockets.  On failure
 * `why` has a sentence.
 */
PH_NODISCARD enum ph_err engine_capture(struct capture **out,
    struct iface *iface, const struct conf *conf, struct strbuf *why);

/*
 * The same for -n: open and close.  Unless `whole`, only find interfaces. `why`
 * also has a sentence if that works: which interfaces, if any.
 */
PH_NODISCARD enum ph_err engine_capture_try(const struct conf *conf, bool whole,
    struct strbuf *why);

#endif
