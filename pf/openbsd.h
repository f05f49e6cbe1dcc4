/* SPDX-License-Identifier: ISC */
#ifndef PF_OPENBSD_H
#define PF_OPENBSD_H

#include "pf/bsd.h"

/* A whole DIOCADDRULE, but for anchor and ticket: a pure function. */
void p_openbsd_rule(const struct p_rule *r, const struct fw_config *c,
    struct pfioc_rule *out);

#endif
