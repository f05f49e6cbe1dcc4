/* SPDX-License-Identifier: ISC */
#ifndef NFT_MIRROR_H
#define NFT_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nft/elements.h"
#include "src/fw/fw.h"

/*
 * The elements that the kernel should have, and the pinholes that need each.
 *
 * Two pinholes may stand for the same element (a range inside another, two
 * calls through one trunk, all prefixes of a policy), so elements are counted
 * by key, and an element lives as long as the latest deadline of those that
 * hold it.  The mirror never talks to the kernel itself:
 *
 *	mirror_open, mirror_close	any number of times
 *	mirror_next_change		until false: what the kernel must do
 *	mirror_commit or mirror_rollback
 */
struct mirror;
PH_NODISCARD struct mirror *mirror_new(const struct fw_config *config);
void mirror_free(struct mirror *m);

/*
 * Open or refresh.  PH_EBAD also if the id already names another pinhole, and
 * for a redirection to two places at once.  After any error the caller rolls
 * back.
 */
PH_NODISCARD enum ph_err mirror_open(struct mirror *m,
    const struct pinhole *hole);

/*
 * Close by id.  One that is not open still has its elements removed, unless
 * another pinhole holds them: an earlier run may have left them.
 */
PH_NODISCARD enum ph_err mirror_close(struct mirror *m,
    const struct pinhole *hole);

enum mirror_op {
	MIRROR_ADD = 1, /* the kernel does not have it */
	MIRROR_REMOVE,	/* it may have */
	MIRROR_REPLACE, /* it may have, with another timeout or data */
};

struct mirror_change {
	enum mirror_op op;
	const struct elem *elem;
	const uint8_t *old_data; /* elem->datalen bytes the kernel may have */
	int64_t deadline;	 /* INT64_MAX: none */
};

/* In order of sets; *iter begins as 0. */
bool mirror_next_change(struct mirror *m, size_t *iter,
    struct mirror_change *out);
void mirror_commit(struct mirror *m);
void mirror_rollback(struct mirror *m);

/* Everything the kernel should have, by sets; *iter begins as NULL. */
bool mirror_next(struct mirror *m, void **iter, struct mirror_change *out);
/* How many of them are in one set. */
size_t mirror_count(const struct mirror *m, unsigned int set);

/*
 * After adopting a table: an element may be in the kernel although the
 * mirror opens it for the first time.
 */
void mirror_expect_leftovers(struct mirror *m, bool expect);

/* Whether the mirror has it. */
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
 * pinhole whose elements' counters moved since the last time, with the ends
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
