/* SPDX-License-Identifier: ISC */
#ifndef PROCESS_TUPLES_H
#define PROCESS_TUPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/hash.h"
#include "src/base/idmap.h"
#include "src/base/pinhole.h"
#include "src/base/queue.h"

/*
 * The pinholes that a process has in the packet filter, each one once, found by
 * what they are and by the id that the filter knows them by.  For claims.c,
 * which knows who claims each.  There may be hundreds of thousands, so that
 * each byte counts.
 */
struct tuple {
	struct hash_node by_tuple; /* first */
	LIST_HEAD(, claim) claims;
	uint64_t id : 48;
	uint64_t class : 16;
	int64_t deadline;
	int64_t seen[2];  /* when `from` and `to` have last sent */
	uint64_t packets; /* that the filter has counted */
	uint8_t packed[]; /* pinhole_pack() */
};

struct tuples {
	struct hash by_tuple;
	struct idmap ids;
};

/* A pinhole as it stands in a tuple, without id and deadline. */
struct tuple_key {
	size_t len;
	uint16_t class;
	uint8_t v[PINHOLE_PACKED];
};
struct tuple_key tuple_key_of(const struct pinhole *p);
bool tuple_is(const struct tuple *t, const struct tuple_key *k);

/* With its id, class and deadline. */
struct pinhole tuple_hole(const struct tuple *t);
bool tuple_leads_in(const struct tuple *t); /* PINHOLE_IN */

PH_NODISCARD enum ph_err tuples_init(struct tuples *ts);
void tuples_free(struct tuples *ts); /* and all of them */
size_t tuples_count(const struct tuples *ts);

/*
 * The tuple; a new one gets this id.  NULL: no memory, or another has the id.
 */
struct tuple *tuples_get(struct tuples *ts, const struct tuple_key *k,
    uint64_t id);
struct tuple *tuples_by_id(const struct tuples *ts, uint64_t id); /* or NULL */
/* In the order of ids: the first behind this one; NULL ends it. */
struct tuple *tuples_after(const struct tuples *ts, uint64_t id);
void tuples_remove(struct tuples *ts, struct tuple *t);

#endif
