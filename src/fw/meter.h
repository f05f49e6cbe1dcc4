/* SPDX-License-Identifier: ISC */
#ifndef FW_METER_H
#define FW_METER_H

#include <stddef.h>
#include <stdint.h>

#include "src/fw/fw.h"
#include "src/process/fwcounters.h"

/*
 * A packet filter, and how it does: how long each commit took, and which errors
 * it answered.
 */
struct fw_meter {
	const struct fw_ops *ops;
	struct fw *fw;
	int64_t (*clock)(void); /* NULL: durations are not measured */
	struct fwcounters *n;
};

/* ledger_apply() */
PH_NODISCARD enum ph_err fw_meter_commit(struct fw_meter *m,
    const struct fw_edit *edits, size_t n, int64_t now);

#endif
