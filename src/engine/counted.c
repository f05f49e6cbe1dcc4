/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "src/engine/calls.h"
#include "src/engine/counted.h"

void
counted_put(const struct counted *n, struct counters *c)
{
	if (n->capture != NULL)
		capture_report(n->capture, c);
	engine_report(n->engine, c);
	calls_report(engine_calls(n->engine), c);
	if (n->forms != NULL)
		form_report(n->forms, c);
	hep_policy_report(n->hep, c);
	held_report(n->held, c);
	counters_put(c, "events_lost", n->events_lost);
	fwcounters_put(n->filter, c);
}
