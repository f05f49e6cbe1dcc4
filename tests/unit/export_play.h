/* SPDX-License-Identifier: ISC */
#ifndef TESTS_EXPORT_PLAY_H
#define TESTS_EXPORT_PLAY_H

#include "sip/state.h"
#include "tests/unit/dialog_play.h"

/* Calls of one machine whose bytes another one reads. */
#define NOW	(1000 * USEC_PER_SEC)
#define INSIDE	addr_v4(192, 0, 2, 10)
#define OUTSIDE addr_v4(198, 51, 100, 7)

/* What was saved last. */
extern uint8_t bytes[SIP_EXPORT_MAX];
extern size_t nbytes;

void save(const struct world *w, uint64_t id);
/* `n` streams, no two fields of which have the same value. */
struct sdp_side *side_of(struct addr speaker, uint8_t n);
/* An early call of an outsider, without dialogs and transactions. */
struct call *call_of(struct world *w);
/* A call with a dialog and two transactions, the first of them outside it. */
struct call *small_call(struct world *w);
/* As full as a call can be. */
struct call *full_call(struct world *w);
/* But for the ids. */
void same_calls(const struct call *a, const struct call *b);

#endif
