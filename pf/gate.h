/* SPDX-License-Identifier: ISC */
#ifndef PF_GATE_H
#define PF_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/addr.h"
#include "src/base/err.h"

/*
 * A table of pf, `remotes` in our anchor: the remotes of all pinholes that are
 * rules.  The top of the tree asks for it, so that a packet of anybody else
 * costs one look-up and no walk through the tree:
 *
 *	anchor "/pinholed/in4u" inet proto udp from <remotes> to HULL
 *
 * Tables are in no transaction.  A remote is added before the rules that need
 * it and deleted after those, so that the table never lacks one.
 *
 * The tree counts what it holds (p_gate_take, p_gate_drop); common.c has pf
 * told.
 */
struct p_gate;

/* A change of the table. */
enum p_gate_op {
	P_GATE_ADD,
	P_GATE_DELETE,
	P_GATE_SET,    /* these and no others */
	P_GATE_REMOVE, /* the table itself */
};
typedef enum ph_err (
    *p_gate_fn)(void *ctx, enum p_gate_op op, const struct prefix *v, size_t n);

PH_NODISCARD enum ph_err p_gate_new(struct p_gate **out);
void p_gate_free(struct p_gate *g);

/* Too much for the table: a class with such a pinhole is for all remotes. */
bool p_gate_is_any(const struct prefix *p);

/* One pinhole more, or less, of this remote, which is not any. */
PH_NODISCARD enum ph_err p_gate_take(struct p_gate *g, const struct prefix *p);
void p_gate_drop(struct p_gate *g, const struct prefix *p);

/* Have pf add what it lacks, or delete what it need not have. */
PH_NODISCARD enum ph_err p_gate_add(struct p_gate *g, p_gate_fn tell,
    void *ctx);
PH_NODISCARD enum ph_err p_gate_delete(struct p_gate *g, p_gate_fn tell,
    void *ctx);
/*
 * Is `n`, which pf has, as many as we told it?  If not, because somebody
 * flushed the table or an earlier run left another, it gets all again.
 */
PH_NODISCARD enum ph_err p_gate_check(struct p_gate *g, size_t n,
    p_gate_fn tell, void *ctx);

#endif
