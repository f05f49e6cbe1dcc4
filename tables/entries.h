/* SPDX-License-Identifier: ISC */
#ifndef TABLES_ENTRIES_H
#define TABLES_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/timers.h"
#include "src/base/tree.h"

/*
 * Which prefix is in which table, and until when.  Tables are numbers here.
 *
 * The table in the packet filter is changed later than this one.  Therefore
 * each change has a stamp: when the packet filter reports a removal, an entry
 * that was added again after that stamp stays.
 */
struct entry {
	RB_ENTRY(entry) node;
	RB_ENTRY(entry) by_time;
	uint64_t id;	/* never reused, for the journal */
	uint64_t stamp; /* of the last time it was added */
	int64_t until;	/* microseconds since the epoch; ENTRY_FOREVER */
	int64_t due;	/* when to remove it: `until`, or later to try again */
	struct prefix prefix;
	uint16_t table;
	bool fresh; /* the packet filter has not confirmed it yet */
};

#define ENTRY_FOREVER INT64_MAX

struct entries;

struct entries *entries_new(size_t max);
void entries_free(struct entries *e);

/*
 * Add, or begin its time anew.  PH_ELIMIT: there are `max`; PH_ENOMEM.  A new
 * one is `fresh`, and has the id 0 until the caller gives it one.
 */
PH_NODISCARD enum ph_err entries_add(struct entries *e, uint16_t table,
    const struct prefix *p, int64_t until, uint64_t stamp, struct entry **out);

struct entry *entries_find(struct entries *e, uint16_t table,
    const struct prefix *p);
/* Set when to remove the entry from the packet filter. */
void entries_set_due(struct entries *e, struct entry *x, int64_t due);
void entries_remove(struct entries *e, struct entry *x);

/* The entry that is due first, or NULL. */
struct entry *entries_due(struct entries *e);
/* The first at or behind a place in their order, and the next, or NULL. */
struct entry *entries_from(struct entries *e, uint16_t table,
    const struct prefix *p);
struct entry *entries_next(struct entry *x);

/*
 * Entries of the table that lie within `p`, but not `p` itself: the first, and
 * the next after `x`, or NULL.
 */
struct entry *entries_within(struct entries *e, uint16_t table,
    const struct prefix *p, struct entry *x);
/* The entries that `p` lies within, but not `p` itself, the widest first. */
struct entry *entries_around(struct entries *e, uint16_t table,
    const struct prefix *p, struct entry *x);

size_t entries_count(const struct entries *e);
size_t entries_count_in(const struct entries *e, uint16_t table);

#endif
