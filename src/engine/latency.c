/* SPDX-License-Identifier: ISC */
#include "src/engine/latency.h"

void
latency_opened(struct latency *l, int64_t stamp)
{
	if (l->stamp == 0)
		l->stamp = stamp;
}

void
latency_asked(struct latency *l, uint64_t seq)
{
	unsigned int at = (l->first + l->n) % LATENCY_ASKED;

	if (l->stamp != 0 && l->n < LATENCY_ASKED) {
		l->asked[at].seq = seq;
		l->asked[at].stamp = l->stamp;
		l->n++;
	}
	l->stamp = 0;
}

void
latency_answered(struct latency *l, uint64_t seq, int64_t now)
{
	while (l->n > 0 && l->asked[l->first].seq <= seq) {
		if (l->asked[l->first].seq == seq)
			histogram_add(&l->setup,
			    now - l->asked[l->first].stamp);
		l->first = (l->first + 1) % LATENCY_ASKED;
		l->n--;
	}
}

void
latency_forget(struct latency *l)
{
	l->stamp = 0;
	l->n = 0;
}
