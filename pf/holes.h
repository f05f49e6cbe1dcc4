/* SPDX-License-Identifier: ISC */
#ifndef PF_HOLES_H
#define PF_HOLES_H

#include <stdint.h>

#include "pf/tree.h"
#include "src/base/strbuf.h"
#include "src/base/tree.h"
#include "src/fw/fw.h"

/*
 * The pinholes that are in a tree, by id.  Those of the ledger have an entry,
 * whose `own` they are; those that an earlier run left, and those that are
 * closed and wait for a sweep, have none.
 */
enum { P_SENT_FROM, P_SENT_TO };

struct p_hole {
	RB_ENTRY(p_hole) node;
	struct pinhole hole;
	struct fw_entry *entry; /* or NULL */
	/* In its states, from `from` and from `to`: see P_SENT_*. */
	uint64_t packets[2];  /* at the last look */
	uint64_t counting[2]; /* at this look, until it ends */
	bool by_state; /* states mode: made by DIOCADDSTATE, not a rule */
};

struct p_holes;

/*
 * New pinholes go into `tree`, or, where they have an entry and `as_state` says
 * so, into `state_tree`; both are borrowed, the latter two may be NULL.  What
 * an earlier run left was read from its rules, and so is in `tree`.
 */
PH_NODISCARD enum ph_err p_holes_new(struct p_holes **out, struct p_tree *tree,
    struct p_tree *state_tree, bool (*as_state)(const struct pinhole *hole));
void p_holes_free(struct p_holes *h);

/* `entry` may be NULL.  PH_EEXIST: the id is there. */
PH_NODISCARD enum ph_err p_holes_add(struct p_holes *h,
    const struct pinhole *hole, struct fw_entry *entry);
/* An entry's. */
PH_NODISCARD enum ph_err p_holes_enter(struct p_holes *h,
    struct fw_entry *entry);
/* From `state_tree` to `tree`. */
PH_NODISCARD enum ph_err p_holes_to_rule(struct p_holes *h,
    struct p_hole *hole);
void p_holes_remove(struct p_holes *h, struct p_hole *hole);

bool p_holes_as_state(const struct p_holes *h, const struct pinhole *hole);
struct p_hole *p_holes_find(struct p_holes *h, uint64_t id);
struct p_hole *p_holes_first(struct p_holes *h);
struct p_hole *p_holes_next(struct p_hole *hole);
size_t p_holes_count(const struct p_holes *h);

/* fw_ops.form */
enum form p_form(const struct fw_config *config, const struct pinhole *hole);
/* fw_ops.explain, for any dialect. */
void p_explain(const struct pinhole *hole, enum p_dialect dialect,
    const struct fw_config *config, struct strbuf *out);

#endif
