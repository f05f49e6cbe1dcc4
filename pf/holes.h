/* SPDX-License-Identifier: ISC */
#ifndef PF_HOLES_H
#define PF_HOLES_H

#include <stdint.h>

#include "pf/tree.h"
#include "src/base/strbuf.h"
#include "src/base/tree.h"
#include "src/fw/fw.h"

/*
 * The open pinholes by id, and changes to them that can be undone:
 * p_holes_apply makes them in the table and in the tree; then either the kernel
 * took them (p_holes_keep) or it did not (p_holes_undo).  Nodes that an undone
 * change left dirty are written with the next commit.
 */
enum { P_SENT_FROM, P_SENT_TO };

struct p_hole {
	RB_ENTRY(p_hole) entry;
	struct pinhole hole;
	/* In its states, from `from` and from `to`: see P_SENT_*. */
	uint64_t packets[2];  /* at the last look */
	uint64_t counting[2]; /* at this look, until it ends */
	bool by_state; /* states mode: made by DIOCADDSTATE, not a rule */
};

struct p_holes;

/*
 * New pinholes go into `tree`, or, where `as_state` says so, into `state_tree`;
 * both are borrowed, the latter two may be NULL.
 */
PH_NODISCARD enum ph_err p_holes_new(struct p_holes **out, struct p_tree *tree,
    struct p_tree *state_tree, bool (*as_state)(const struct pinhole *hole));
void p_holes_free(struct p_holes *h);

/*
 * Apply all changes or none.  Opening an open pinhole renews its deadline,
 * closing one that is not open succeeds, and another tuple under the same id is
 * PH_EBAD.
 */
PH_NODISCARD enum ph_err p_holes_apply(struct p_holes *h,
    const struct fw_change *changes, size_t n);
/*
 * The kernel took the changes; call `closed` (may be NULL) for each pinhole
 * that they closed.
 */
void p_holes_keep(struct p_holes *h,
    void (*closed)(void *ctx, const struct p_hole *hole), void *ctx);
void p_holes_undo(struct p_holes *h);

/* The pinholes that the changes now pending open or close, in order. */
size_t p_holes_pending(const struct p_holes *h);
const struct p_hole *p_holes_pending_at(const struct p_holes *h, size_t i,
    enum fw_op *op);

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
