/* SPDX-License-Identifier: ISC */
#include "src/fw/ledger.h"
#include "src/fw/meter.h"

enum ph_err
fw_meter_commit(struct fw_meter *m, const struct fw_edit *edits, size_t n,
    int64_t now)
{
	int64_t begin = m->clock != NULL ? m->clock() : 0;
	enum ph_err rc = ledger_apply(m->ops, m->fw, edits, n, now);

	if (m->clock != NULL)
		histogram_add(&m->n->commit, m->clock() - begin);
	if (rc != PH_OK && rc > -FWCOUNTERS_ERRORS)
		m->n->errors[-rc]++;
	return rc;
}
