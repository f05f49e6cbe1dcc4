/* SPDX-License-Identifier: ISC */
#ifndef PF_EXPIRY_H
#define PF_EXPIRY_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"

/*
 * When entries of pf tables are to go, for pf itself gives them no end.  An
 * entry is known by its table (an index) and its prefix, once; times are
 * microseconds.  At most P_EXPIRY_MAX: PH_ELIMIT.
 */
#define P_EXPIRY_MAX 200000 /* as pf's own limit on table entries */

struct p_expiry;

PH_NODISCARD enum ph_err p_expiry_new(struct p_expiry **out);
void p_expiry_free(struct p_expiry *e);
PH_NODISCARD enum ph_err p_expiry_add(struct p_expiry *e, size_t table,
    const struct prefix *p, int64_t when);
void p_expiry_forget(struct p_expiry *e, size_t table, const struct prefix *p);
void p_expiry_forget_all(struct p_expiry *e, size_t table);
/* Take out one that is due; false: none is. */
bool p_expiry_due(struct p_expiry *e, int64_t now, size_t *table,
    struct prefix *p);
int64_t p_expiry_next(const struct p_expiry *e); /* or INT64_MAX */

#endif
