/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_HEP_KEY_H
#define ENGINE_HEP_KEY_H

#include <stddef.h>

#include "src/base/err.h"
#include "src/base/span.h"
#include "src/base/strbuf.h"
#include "src/capture/hep.h"
#include "src/conf/conf.h"

/*
 * The key of a hep block: what its file has before the end of its first line.
 */
#define HEP_KEY_MIN 8

struct hep_key {
	size_t len; /* 0: none is configured */
	char secret[HEP_KEY_MAX];
};

/* Read as root.  On failure `why` has the message. */
PH_NODISCARD enum ph_err hep_key_read(struct hep_key *out,
    const struct conf_hep *c, struct strbuf *why);
struct span hep_key_span(const struct hep_key *k);

/* As root: the same, or the end of the process with a log line. */
void hep_key_demand(struct hep_key *out, const struct conf_hep *c);

#endif
