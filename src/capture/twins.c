/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/capture/twins.h"

#define WAYS	4
#define BUCKETS (TWINS / WAYS)

struct twin {
	uint64_t digest;
	int64_t at; /* 0: none is here */
	bool held;  /* it was read from the queue, and waits for the other */
};

struct twins {
	struct hash hash; /* its key, and no items */
	struct twin at[BUCKETS][WAYS];
};

static uint64_t
digest_of(const struct twins *t, const struct datagram *d,
    const uint64_t extra[2])
{
	struct {
		uint64_t payload, extra[2];
		uint32_t ifindex;
		uint16_t sport, dport;
		struct addr src, dst;
		uint8_t proto, dir;
	} of;

	/* With the bytes between its members. */
	memset(&of, 0, sizeof(of));
	of.payload = hash_bytes(&t->hash, d->payload.p, d->payload.len);
	of.extra[0] = extra[0];
	of.extra[1] = extra[1];
	of.ifindex = d->ifindex;
	of.sport = d->src.port;
	of.dport = d->dst.port;
	of.src = d->src.addr;
	of.dst = d->dst.addr;
	of.proto = d->proto;
	of.dir = d->dir;
	return hash_bytes(&t->hash, &of, sizeof(of));
}

struct twins *
twins_new(void)
{
	struct twins *t = calloc(1, sizeof(*t));

	if (t != NULL)
		arc4random_buf(t->hash.key, sizeof(t->hash.key));
	return t;
}

void
twins_free(struct twins *t)
{
	free(t);
}

bool
twins_input(struct twins *t, const struct datagram *d, uint64_t extra[2])
{
	uint64_t digest = digest_of(t, d, extra);
	struct twin *x = t->at[digest % BUCKETS], *oldest = x;
	unsigned int i;

	for (i = 0; i < WAYS; i++, x++) {
		if (x->at != 0 && d->ts - x->at > TWINS_WITHIN)
			x->at = 0;
		if (x->at != 0 && x->digest == digest && x->held != d->held) {
			x->at = 0;
			return true;
		}
		if (x->at < oldest->at)
			oldest = x;
	}
	*oldest = (struct twin) { digest, d->ts, d->held };
	return false;
}
