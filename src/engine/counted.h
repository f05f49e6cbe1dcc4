/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_COUNTED_H
#define ENGINE_COUNTED_H

#include <stdint.h>

#include "src/base/form.h"
#include "src/capture/capture.h"
#include "src/engine/engine.h"
#include "src/engine/held.h"
#include "src/engine/hep_policy.h"
#include "src/process/fwcounters.h"

/* All that the engine process counts, and who counts it. */
struct counted {
	struct capture *capture; /* NULL: there are no packets */
	const struct engine *engine;
	const struct form_counts *forms; /* NULL: there are only rules */
	const struct fwcounters *filter;
	const struct hep_policy *hep;
	const struct held *held;
	uint64_t events_lost;
};

void counted_put(const struct counted *n, struct counters *c);

#endif
