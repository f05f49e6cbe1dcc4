/* SPDX-License-Identifier: ISC */
#ifndef FW_LEDGER_H
#define FW_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "src/fw/fw.h"

/*
 * Changes of entries, all of them or none: the one place that undoes.
 *
 * Makes fw_entry.in_filter true or false for what was added or removed.  After
 * an error everything is as it was, except that an entry which could not be put
 * back for want of memory is not in the filter any more.
 */
PH_NODISCARD enum ph_err ledger_apply(const struct fw_ops *ops, struct fw *fw,
    const struct fw_edit *edits, size_t n, int64_t now);

/* The entry ends: take it out of the backend's hands. */
void ledger_forget(const struct fw_ops *ops, struct fw *fw, struct fw_entry *e);

#endif
