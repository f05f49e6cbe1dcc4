/* SPDX-License-Identifier: ISC */
#include "src/engine/census.h"

enum ipc_call_state
census_state(const struct call_view *v)
{
	if (v->over)
		return IPC_CALL_ENDED;
	if (!v->accepted)
		return IPC_CALL_EARLY;
	return v->held ? IPC_CALL_HELD : IPC_CALL_ACCEPTED;
}

static void
mark_set(struct census *c, uint8_t *mark, unsigned int to)
{
	if (*mark != 0)
		c->n[*mark]--;
	*mark = (uint8_t)to;
	if (*mark != 0)
		c->n[*mark]++;
}

void
census_count(struct census *c, uint8_t *mark, const struct call_view *v)
{
	mark_set(c, mark, 1 + census_state(v));
}

void
census_forget(struct census *c, uint8_t *mark)
{
	mark_set(c, mark, 0);
}

bool
census_over(uint8_t mark)
{
	return mark == 1 + IPC_CALL_ENDED;
}

bool
census_lives(uint8_t mark)
{
	return mark != 0 && !census_over(mark);
}

void
census_report(const struct census *c, struct counters *out)
{
	counters_put_gauge(out, "calls_state_early", c->n[1 + IPC_CALL_EARLY]);
	counters_put_gauge(out, "calls_state_accepted",
	    c->n[1 + IPC_CALL_ACCEPTED]);
	counters_put_gauge(out, "calls_state_held", c->n[1 + IPC_CALL_HELD]);
}
