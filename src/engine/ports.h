/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_PORTS_H
#define ENGINE_PORTS_H

#include <stddef.h>

#include "src/base/err.h"
#include "src/capture/capture.h"
#include "src/conf/conf.h"

/*
 * The ports worth capturing: those of signalling and of control connections,
 * for the engine process and for the replay.  The caller frees *out.
 */
PH_NODISCARD enum ph_err engine_ports(const struct conf *conf,
    struct capture_port **out, size_t *n);

#endif
