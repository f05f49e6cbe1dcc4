/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_CENSUS_H
#define ENGINE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/counters.h"
#include "src/engine/place.h"
#include "src/process/ipc.h"

/*
 * How many calls there are in each state.  A call has a mark, 0 at first, which
 * says as what it is counted.
 */
struct census {
	uint64_t n[1 + IPC_CALL_STATES];
};

enum ipc_call_state census_state(const struct call_view *v);

void census_count(struct census *c, uint8_t *mark, const struct call_view *v);
void census_forget(struct census *c, uint8_t *mark);
/* It is counted as one that is over; as one that is not. */
bool census_over(uint8_t mark);
bool census_lives(uint8_t mark);

void census_report(const struct census *c, struct counters *out);

#endif
