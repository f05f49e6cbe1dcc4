/* SPDX-License-Identifier: ISC */
#ifndef NFT_MIRROR_H
#define NFT_MIRROR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/elements.h"
#include "src/base/hash.h"
#include "src/fw/fw.h"

/*
 * The elements that the kernel should have, and the entries that need each.
 *
 * Two entries may stand for the same element (a range inside another, two
 * calls through one trunk, all prefixes of a policy), so elements are counted
 * by key, and an element lives as long as the latest deadline of those that
 * hold it.  Deadlines are read from the entries; undoing is the ledger's, by
 * the opposite call.  An element and its way back are one to the mirror, for
 * they come, change and go in one transaction.  The mirror never talks to the
 * kernel itself:
 *
 *	mirror_add, mirror_remove	any number of times
 *	mirror_begin
 *	mirror_next_change		until false: what the kernel must do
 *	mirror_end			whether it has done so
 */
struct mirror;
PH_NODISCARD struct mirror *mirror_new(const struct fw_config *config);
void mirror_free(struct mirror *m);

/*
 * See fw_ops; adding again what was removed needs no memory.  PH_EBAD also for
 * a redirection to two places at once.
 */
PH_NODISCARD enum ph_err mirror_add(struct mirror *m, struct fw_entry *e);
void mirror_remove(struct mirror *m, struct fw_entry *e);
void mirror_forget(struct mirror *m, struct fw_entry *e);

enum mirror_op {
	MIRROR_ADD = 1, /* the kernel does not have it */
	MIRROR_REMOVE,	/* it may have */
	MIRROR_REPLACE, /* it may have, with another timeout or data */
};

struct mirror_change {
	enum mirror_op op;
	struct elem elem;
	int64_t deadline; /* INT64_MAX: none */
	/* Until then the kernel has it for certain; 0: it may have. */
	int64_t certain;
	uint8_t old_data[ELEM_DATALEN]; /* that the kernel may have */
};

/* The elements of these entries may change.  PH_ENOMEM. */
PH_NODISCARD enum ph_err mirror_begin(struct mirror *m,
    const struct fw_edit *edits, size_t n);
/*
 * Those whose operation's bit (1 << enum mirror_op) is in `ops`, in order of
 * sets, the ways back last; *iter begins as 0.
 */
#define MIRROR_ALL_OPS UINT_MAX
bool mirror_next_change(struct mirror *m, size_t *iter, unsigned int ops,
    struct mirror_change *out);
/* Also after mirror_begin() has failed. */
void mirror_end(struct mirror *m, bool done);

/*
 * Everything the kernel had, with old_data, by sets; *iter begins as zeros.
 * The caller adds and forgets no element before the last one was told.
 */
struct mirror_iter {
	unsigned int set;
	bool started;
	struct hash_iter at;
};
bool mirror_next(struct mirror *m, struct mirror_iter *iter,
    struct mirror_change *out);
/* How many elements one set should have. */
size_t mirror_count(const struct mirror *m, unsigned int set);

/*
 * After adopting a table: an element may be in the kernel although the
 * mirror opens it for the first time.
 */
void mirror_expect_leftovers(struct mirror *m, bool expect);

/* Whether some entry needs the element. */
bool mirror_has(struct mirror *m, const struct elem *e);

/* A packet as a filter chain sees it. */
struct flow_view {
	uint8_t proto;
	struct addr src, dst;
	uint16_t sport, dport;
	bool reply; /* against the direction of the connection's first */
};

/* Whether some pinhole lets this packet pass. */
bool mirror_covers(struct mirror *m, const struct flow_view *v);

/*
 * Activity: mirror_count_begin, mirror_counted for every element that a dump
 * of the kernel shows, then mirror_count_end, which calls back once for each
 * entry whose elements' counters moved since the last time, with the ends
 * (FW_SEEN_*) that have sent.  `complete`:
 * the dump showed everything there is, so that a single connection's element
 * missing before its deadline was used.
 */
void mirror_count_begin(struct mirror *m);
void mirror_counted(struct mirror *m, const struct elem *e, uint64_t packets);
void mirror_count_end(struct mirror *m, bool complete, int64_t now,
    fw_seen_fn seen, void *ctx);

/* The table is new: the kernel's counters begin at zero. */
void mirror_count_reset(struct mirror *m);

#endif
