/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_SIP_TERMS_H
#define ENGINE_SIP_TERMS_H

#include "sip/sip.h"
#include "src/conf/conf.h"
#include "src/engine/place.h"

/*
 * The configuration and the place in the terms of sip/, which knows neither.
 * `out` points into both, and to *external, which is the caller's to free in
 * any case.
 */
PH_NODISCARD enum ph_err sip_terms(const struct conf *conf,
    const struct engine_place *place, struct sip_external **external,
    struct sip_config *out);

#endif
