/* SPDX-License-Identifier: ISC */
#ifndef FW_ENTRIES_H
#define FW_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/hash.h"
#include "src/base/heap.h"
#include "src/base/queue.h"
#include "src/fw/answers.h"
#include "src/fw/fw.h"
#include "src/process/ipc.h"

/*
 * The entries of the ledger (table.h) and the claims on them, found by tuple
 * and by deadline.  There may be hundreds of thousands, so each byte counts: an
 * entry between IPv4 hosts takes 112 bytes here, 8 in the hash table and 16
 * among the deadlines.
 *
 * Claims of one entry: the engine and a proxy may want the same tuple, but two
 * proxies, one of which is leaving, never do.  So there is no room for a third
 * claim.
 */
#define ENTRY_CLAIMS 2

/* The claim of one role on a tuple. */
struct fw_claim {
	uint64_t id; /* the client's */
	int64_t deadline : 56;
	uint64_t role : 6; /* enum ipc_role */
	bool active : 1;
	bool stale : 1; /* from before IPC_BEGIN: its id means nothing now */
};

struct entry {
	struct hash_node by_tuple; /* first */
	STAILQ_ENTRY(entry) dirty_entry;
	struct fw_claim claim[ENTRY_CLAIMS]; /* see entry_claim() */
	/*
	 * The last batch that asked for it, which gets the error if it fails.
	 */
	struct answer *asker;
	uint32_t place; /* among the deadlines */
	uint8_t bit;
	bool dirty;	   /* the packet filter may not have it like this */
	bool counted;	   /* among the open ones */
	struct fw_entry e; /* last: its tuple is as long as it must be */
};

struct entries {
	struct hash tuples;
	/* A time for each wanted entry: its deadline, or an earlier one. */
	struct heap deadlines;
	uint64_t next_id;
};

PH_NODISCARD enum ph_err fw_entries_init(struct entries *es);
void fw_entries_free(struct entries *es); /* and all of them */

size_t fw_entries_count(const struct entries *es);
struct entry *fw_entries_find(struct entries *es, const struct pinhole *h);
/* A new entry, which nobody wants yet; NULL: no memory. */
struct entry *fw_entries_new(struct entries *es, const struct pinhole *h);
void fw_entries_remove(struct entries *es, struct entry *i);

/* All of them; the one that was returned last may be removed meanwhile. */
struct entry *fw_entries_first(const struct entries *es, struct hash_iter *it);
struct entry *fw_entries_next(const struct entries *es, struct hash_iter *it);

/*
 * The entry to look at first, and when; or NULL and INT64_MAX.  That is at its
 * deadline, or ENTRY_LAG microseconds before the deadline that the packet
 * filter has, if that is earlier.
 */
#define ENTRY_LAG INT64_C(10000000)
struct entry *fw_entries_first_due(struct entries *es, int64_t *at);
/* Its claims have changed: its deadline, or 0 without an active claim. */
int64_t fw_entries_due(struct entries *es, struct entry *i);

struct entry *entry_of(struct fw_entry *e);
bool entry_wanted(const struct entry *i);
int64_t entry_due(const struct entry *i); /* the latest of its claims, or 0 */
struct fw_claim *entry_claim(struct entry *i, enum ipc_role role);

bool fw_claim_is_of(const struct fw_claim *claim, enum ipc_role role);
struct entry *fw_claim_entry(struct fw_claim *claim);

#endif
