/* SPDX-License-Identifier: ISC */
#include "src/fw/ledger.h"

static enum ph_err
entry_add(const struct fw_ops *ops, struct fw *fw, struct fw_entry *e)
{
	return ops->add != NULL ? ops->add(fw, e) : PH_OK;
}

static void
entry_remove(const struct fw_ops *ops, struct fw *fw, struct fw_entry *e)
{
	if (ops->remove != NULL)
		ops->remove(fw, e);
}

static enum ph_err
edit_prepare(const struct fw_ops *ops, struct fw *fw, const struct fw_edit *d)
{
	if (d->op == FW_ADD)
		return entry_add(ops, fw, d->entry);
	if (d->op == FW_REMOVE)
		entry_remove(ops, fw, d->entry);
	return PH_OK;
}

static void
edit_undo(const struct fw_ops *ops, struct fw *fw, const struct fw_edit *d)
{
	if (d->op == FW_ADD)
		entry_remove(ops, fw, d->entry);
	/* Without memory the pinhole stays closed, which is safe. */
	if (d->op == FW_REMOVE && entry_add(ops, fw, d->entry) != PH_OK)
		d->entry->in_filter = false;
}

enum ph_err
ledger_apply(const struct fw_ops *ops, struct fw *fw,
    const struct fw_edit *edits, size_t n, int64_t now)
{
	enum ph_err rc = PH_OK;
	size_t i;

	for (i = 0; i < n && rc == PH_OK; i++)
		rc = edit_prepare(ops, fw, &edits[i]);
	if (rc != PH_OK)
		i--; /* this one has prepared nothing */
	else if (n > 0)
		rc = ops->commit(fw, edits, n, now);
	if (rc == PH_EEXIST)
		rc = PH_OK;
	while (rc != PH_OK && i-- > 0)
		edit_undo(ops, fw, &edits[i]);
	for (i = 0; rc == PH_OK && i < n; i++)
		edits[i].entry->in_filter = edits[i].op != FW_REMOVE;
	return rc;
}

void
ledger_forget(const struct fw_ops *ops, struct fw *fw, struct fw_entry *e)
{
	if (e->in_filter)
		entry_remove(ops, fw, e);
	e->in_filter = false;
	if (ops->forget != NULL)
		ops->forget(fw, e);
}
