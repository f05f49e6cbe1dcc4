/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/capture/twins.h"

#define WAYS	4
#define BUCKETS (TWINS / WAYS)

struct twin {
	uint64_t digest;
	int64_t at; /* 0: none is here */
	bool held;  /* it was read from the queue, and waits for the other */
};

struct twins {
	uint64_t key[2];
	struct twin at[BUCKETS][WAYS];
};

/* SipHash-2-4 (Aumasson and Bernstein), of whole words. */
struct digest {
	uint64_t v[4];
};

static uint64_t
word_rotate(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static void
digest_round(struct digest *d)
{
	uint64_t *v = d->v;

	v[0] += v[1];
	v[1] = word_rotate(v[1], 13) ^ v[0];
	v[0] = word_rotate(v[0], 32);
	v[2] += v[3];
	v[3] = word_rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = word_rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = word_rotate(v[1], 17) ^ v[2];
	v[2] = word_rotate(v[2], 32);
}

static void
digest_word(struct digest *d, uint64_t word)
{
	d->v[3] ^= word;
	digest_round(d);
	digest_round(d);
	d->v[0] ^= word;
}

static void
digest_bytes(struct digest *d, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t word;
	size_t left;

	for (left = len; left > 0; p += sizeof(word)) {
		word = 0;
		memcpy(&word, p, left < sizeof(word) ? left : sizeof(word));
		digest_word(d, word);
		left -= left < sizeof(word) ? left : sizeof(word);
	}
	digest_word(d, len);
}

static uint64_t
digest_of(const struct twins *t, const struct datagram *d,
    const uint64_t extra[2])
{
	struct digest h = { { t->key[0] ^ UINT64_C(0x736f6d6570736575),
	    t->key[1] ^ UINT64_C(0x646f72616e646f6d),
	    t->key[0] ^ UINT64_C(0x6c7967656e657261),
	    t->key[1] ^ UINT64_C(0x7465646279746573) } };
	unsigned int i;

	digest_bytes(&h, d->src.addr.b, sizeof(d->src.addr.b));
	digest_bytes(&h, d->dst.addr.b, sizeof(d->dst.addr.b));
	digest_word(&h,
	    (uint64_t)d->proto << 40 | (uint64_t)d->src.addr.af << 32 |
		(uint64_t)d->src.port << 16 | d->dst.port);
	digest_word(&h, (uint64_t)d->ifindex << 8 | d->dir);
	digest_word(&h, extra[0]);
	digest_word(&h, extra[1]);
	digest_bytes(&h, d->payload.p, d->payload.len);
	h.v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		digest_round(&h);
	return h.v[0] ^ h.v[1] ^ h.v[2] ^ h.v[3];
}

struct twins *
twins_new(void)
{
	struct twins *t = calloc(1, sizeof(*t));

	if (t != NULL)
		arc4random_buf(t->key, sizeof(t->key));
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
