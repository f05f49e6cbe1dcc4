/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "src/capture/handshake.h"

static void
syn_note(struct syn seen[2], bool from_a, uint32_t seq, uint32_t ack)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (seen[i].used && seen[i].from_a == from_a &&
		    seen[i].seq == seq && seen[i].ack == ack)
			return;
	seen[seen[0].used] = (struct syn) { true, from_a, seq, ack };
}

void
handshake_syn(struct handshake *h, bool from_a, uint32_t seq)
{
	syn_note(h->syn, from_a, seq, 0);
}

bool
handshake_answer(struct handshake *h, bool from_a, uint32_t seq, uint32_t ack)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (h->syn[i].used && h->syn[i].from_a != from_a &&
		    h->syn[i].seq + 1 == ack) {
			syn_note(h->answer, from_a, seq, ack);
			return true;
		}
	return false;
}

const struct syn *
handshake_find(const struct handshake *h, bool from_a, uint32_t seq,
    uint32_t ack, uint32_t window)
{
	uint32_t next, other;
	const struct syn *y;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		y = &h->answer[i];
		next = y->from_a == from_a ? y->seq + 1 : y->ack;
		other = y->from_a == from_a ? y->ack : y->seq + 1;
		if (y->used && ack == other && seq - next <= window)
			return y;
	}
	return NULL;
}
