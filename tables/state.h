/* SPDX-License-Identifier: ISC */
#ifndef TABLES_STATE_H
#define TABLES_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "tables/replay.h"
#include "tables/wire.h"

/*
 * The state that survives a restart, as records that somebody else stores, each
 * under its key.  Records are big-endian, of fixed layout, and read as if a
 * stranger had written them, for the process that wrote them reads packets of
 * strangers.
 */
#define STATE_KEY_CHUNK (UINT64_C(1) << 62) /* and its number */
#define STATE_KEY_FLOOR (UINT64_C(1) << 63)
#define STATE_KEY_END	(STATE_KEY_FLOOR + 1)
#define STATE_MAX	(16 + REPLAY_CHUNK * 8)

enum state_kind {
	STATE_ENTRY = 1,
	STATE_CHUNK = 2,
	STATE_FLOOR = 3,
	STATE_END = 4, /* its writer had time to write all records */
};

/* An entry names its table: the configuration may have another order now. */
struct state_entry {
	uint64_t id;
	struct prefix prefix;
	int64_t until; /* microseconds since the epoch; INT64_MAX: for ever */
	char table[WIRE_NAME + 1];
};

struct state_record {
	enum state_kind kind;
	union {
		struct state_entry entry;
		struct replay_chunk chunk;
		uint32_t floor;
	} u;
};

/* Write it; returns the length.  *key is what to store it under. */
size_t state_encode(const struct state_record *r, uint64_t *key,
    uint8_t buf[STATE_MAX]);

PH_NODISCARD enum ph_err state_decode(uint64_t key, const void *p, size_t len,
    struct state_record *out);

#endif
