/* SPDX-License-Identifier: ISC */
#include "src/base/silence.h"
#include "src/base/timers.h"

#define POLL_MIN  USEC_PER_SEC
#define POLL_MAX  (10 * USEC_PER_SEC)
/* Pinholes; up to two, three times as many, at most every 20, 30 seconds. */
#define POLL_MANY 20000

int64_t
silence_began(const struct silence *s)
{
	int64_t inside = s->inside > s->since ? s->inside : s->since;

	if (s->outside <= inside)
		return inside;
	if (s->outside - inside > s->grace)
		return inside + s->grace;
	return s->outside;
}

int64_t
silence_due(const struct silence *s)
{
	return silence_began(s) + s->timeout;
}

bool
silence_over(const struct silence *s, int64_t now)
{
	return now >= silence_due(s);
}

int64_t
silence_next(const struct silence *s, int64_t lease, int64_t now)
{
	int64_t due = silence_due(s), renewal = now + lease / 2;

	return due < renewal ? due : renewal;
}

bool
silence_renews(int64_t deadline, int64_t lease, int64_t now)
{
	return deadline - now <= lease / 4 * 3;
}

int64_t
silence_poll(int64_t timeout, size_t n)
{
	int64_t most = (int64_t)(1 + n / POLL_MANY) * POLL_MAX;
	int64_t every = timeout / 4;

	if (every < POLL_MIN)
		return POLL_MIN;
	return every > most ? most : every;
}
