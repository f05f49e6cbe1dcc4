/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_LATENCY_H
#define ENGINE_LATENCY_H

#include <stdint.h>

#include "src/base/histogram.h"

/*
 * How long pinholes take: from the kernel's time stamp of the packet that
 * opened them to the firewall process's answer that they are open.  Speech that
 * comes earlier is lost.
 *
 * A batch of changes is known by its number.  Answers come in the order of
 * their questions; of those beyond LATENCY_ASKED, time is not kept.
 */
#define LATENCY_ASKED 64

struct latency {
	struct histogram setup;
	int64_t stamp; /* of the first packet not yet asked for; 0: none */
	struct {
		uint64_t seq;
		int64_t stamp;
	} asked[LATENCY_ASKED];
	unsigned int first, n;
};

/* A packet with this stamp has opened a pinhole; 0: it has none. */
void latency_opened(struct latency *l, int64_t stamp);
/* Its pinhole was asked for in this batch. */
void latency_asked(struct latency *l, uint64_t seq);
/* The answer to that batch; `now` by the clock that stamps packets. */
void latency_answered(struct latency *l, uint64_t seq, int64_t now);
/* There will be no answers any more. */
void latency_forget(struct latency *l);

#endif
