/* SPDX-License-Identifier: ISC */
#ifndef SHARE_RECORD_H
#define SHARE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/span.h"

/*
 * What the boxes of a group write for each other, as bytes: a call, its end,
 * media that was seen, a sign of life.  The same bytes are the value of a
 * call's key and an entry of the stream.
 *
 * A record names its group, and has a checksum and, with a key, a MAC over
 * all of it and the name of the group.  Everything that is read is untrusted:
 * whoever holds the server may have written it.
 */
#define RECORD_NAME	32 /* of a group or box, with its NUL */
#define RECORD_KEY	16
#define RECORD_BODY_MAX 49164 /* a call: see SIP_EXPORT_MAX */
#define RECORD_MAX	(RECORD_BODY_MAX + 256)

enum record_type {
	RECORD_CALL = 1, /* body: its checkpoint */
	RECORD_END,	 /* body: u8 reason */
	RECORD_SEEN,  /* body: u64, u64: since when silent, inside, outside */
	RECORD_HELLO, /* body: u32 calls it owns, u8 leaves */
	RECORD_TYPES
};

struct record {
	enum record_type type;
	uint8_t key[RECORD_KEY]; /* of the call; of RECORD_HELLO: zeros */
	char box[RECORD_NAME];	 /* that wrote it */
	uint64_t boot;		 /* of that box's process */
	uint64_t version;	 /* of the call: each change adds 1 */
	int64_t written;	 /* microseconds since the epoch */
	struct span body;	 /* borrowed */
};

/* Why a record is refused: the label `reason` of a metric. */
enum record_refusal {
	RECORD_FINE,
	RECORD_MALFORMED,
	RECORD_GROUP,  /* of another group */
	RECORD_FORGED, /* the MAC is wrong, or missing */
	RECORD_STALE,  /* there is a later version */
	RECORD_OLD,    /* written too long ago: it may be a replay */
	RECORD_POLICY, /* the configuration here forbids the call */
	RECORD_LIMIT,  /* no room */
	RECORD_REFUSALS
};

const char *record_refusal_name(enum record_refusal r);

struct record_group {
	char name[RECORD_NAME];
	uint8_t key[64];
	size_t keylen; /* 0: none */
};

/* False: it does not fit, or nothing can be signed. */
bool record_write(const struct record_group *g, const struct record *r,
    uint8_t *buf, size_t size, size_t *len);
enum record_refusal record_read(const struct record_group *g, const void *p,
    size_t len, struct record *out);

/* The key of a call, from the bytes that name it. */
bool record_key(const struct record_group *g, struct span names,
    uint8_t key[RECORD_KEY]);

#endif
