/* SPDX-License-Identifier: ISC */
#ifndef PF_FREEBSD_H
#define PF_FREEBSD_H

#include "pf/pf_bsd.h"

/* A rule for FreeBSD's <net/pfvar.h>: pure functions. */

/* A whole DIOCADDRULE but for anchor and tickets. */
void p_freebsd_rule(const struct p_rule *r, const struct fw_config *c,
    struct pfioc_rule *out);
/* What the rule needs in the address pool; false: nothing. */
bool p_freebsd_pool(const struct p_rule *r, struct pfioc_pooladdr *out);

#endif
