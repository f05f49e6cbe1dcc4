/* SPDX-License-Identifier: ISC */
#ifndef PF_TREE_H
#define PF_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pf/rules.h"
#include "src/base/err.h"

/*
 * The tree of anchors: in which of them each pinhole is.  Knows no kernel.
 *
 * pf walks a ruleset from top to bottom and a wildcard anchor child by child,
 * so thousands of pinholes in one place make every packet that matches no state
 * pay for all of them; and OpenBSD allows 512 anchors.  So below the anchor
 * that the user hooks there is a search tree:
 *
 *	pinholed	anchor "/pinholed/in4u" inet proto udp from FAR to HULL
 *			anchor "/pinholed/in4u" inet proto udp from HULL to FAR
 *	pinholed/in4u	anchor "/pinholed/001" from any to any port 1:10399
 *			anchor "/pinholed/002" from any to any port 10400:65535
 *			anchor "/pinholed/001" from HULL port 1:10399 ...
 *	pinholed/001	pass quick ...
 *
 * One class for each part (see rules.h), direction, family and protocol;
 * in it, pinholes in the order of their port and address, each node standing
 * for an interval.  A node of PINHOLE_IN is called for packets to its ports
 * and, from inside only, for packets from them.  HULL is the shortest prefix
 * around all inside addresses, FAR the one around the remotes, or the table of
 * the remotes (gate.h).  A class with few pinholes is a single ruleset,
 * `pinholed/in4u`, that a person can read.
 *
 * A node is rewritten whole.  One that is full gives to a neighbour or is
 * split; how full that is depends on how many anchors are in use.  With none
 * left, nodes grow: slower, never refused.
 *
 * The rewritten nodes may be cut into small batches, for pf holds its lock
 * while it takes one.  Their order is such that whatever passes before and
 * after passes between them, too: first new nodes that no other calls yet, then
 * their callers, last the nodes that have given rules away.
 */
#define P_ALL_BATCHES SIZE_MAX

struct p_tree;
struct p_node;
struct p_gate;

PH_NODISCARD enum ph_err p_tree_new(struct p_tree **out, enum p_dialect dialect,
    const struct fw_config *config);
void p_tree_free(struct p_tree *t);
/*
 * From now on, while it is empty: the remotes of its pinholes are in this
 * table, and the top asks for it.
 */
void p_tree_set_gate(struct p_tree *t, struct p_gate *gate);

/*
 * Put in and take out a pinhole, in all its parts.  The tree borrows `hole`
 * until it is removed.  PH_EEXIST: its id is there already.
 */
PH_NODISCARD enum ph_err p_tree_insert(struct p_tree *t,
    const struct pinhole *hole);
void p_tree_remove(struct p_tree *t, const struct pinhole *hole);

/*
 * The nodes whose rules have changed since the last p_tree_clean(), all or
 * those of the selected batch; NULL at the end.  A node without rules is to be
 * emptied, upon which pf forgets its anchor.
 */
const struct p_node *p_tree_dirty(const struct p_tree *t);
const struct p_node *p_node_next(const struct p_tree *t,
    const struct p_node *n);
void p_tree_clean(struct p_tree *t);
/*
 * Cut what is dirty into batches, and say how many; select one.  All is
 * selected again with P_ALL_BATCHES, by any change, and when it is clean.
 */
size_t p_tree_batches(struct p_tree *t);
void p_tree_select(struct p_tree *t, size_t batch);
/* Everything is dirty: somebody flushed our anchors. */
void p_tree_taint(struct p_tree *t);

const struct p_node *p_tree_top(const struct p_tree *t);
/* "pinholed/in4u"; valid until the node is gone and the tree clean. */
const char *p_node_path(const struct p_node *n);
bool p_node_is_top(const struct p_node *n);   /* "pinholed" itself */
bool p_node_is_inner(const struct p_node *n); /* only calls others */
/* The ruleset of a node on systems that have several; the top has all. */
enum p_part p_node_part(const struct p_node *n);

/*
 * The rules of a node that belong into the ruleset of `part` (OpenBSD: all
 * of them, whatever the part).  Valid until the next call.
 */
PH_NODISCARD enum ph_err p_node_rules(struct p_tree *t, const struct p_node *n,
    enum p_part part, const struct p_rule **v, size_t *len);

size_t p_tree_anchors(const struct p_tree *t); /* in use, top included */

/*
 * Call `seen` for each pinhole that lets a connection from `src` to `dst`
 * begin, until it returns false.
 */
void p_tree_match(const struct p_tree *t, uint8_t proto,
    const struct endpoint *src, const struct endpoint *dst,
    bool (*seen)(void *ctx, const struct pinhole *hole), void *ctx);

#endif
