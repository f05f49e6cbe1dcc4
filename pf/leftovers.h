/* SPDX-License-Identifier: ISC */
#ifndef PF_LEFTOVERS_H
#define PF_LEFTOVERS_H

#include "pf/sys.h"

/*
 * The rules that an earlier run left in and below our anchor, read as
 * pinholes: `found` sees each once, with id 0.
 */
PH_NODISCARD enum ph_err p_leftovers_read(const struct p_sys *sys,
    struct p_dev *dev, const char *anchor,
    void (*found)(void *ctx, struct pinhole *hole), void *ctx);

#endif
