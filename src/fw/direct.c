/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "src/base/tree.h"
#include "src/fw/direct.h"
#include "src/fw/ledger.h"

struct item {
	struct fw_entry e; /* first: see item_of() */
	RB_ENTRY(item) node;
};

RB_HEAD(item_tree, item);

struct direct {
	const struct fw_ops *ops;
	struct fw *fw;
	struct item_tree items;
};

static int
item_cmp(const struct item *a, const struct item *b)
{
	return (a->e.id > b->e.id) - (a->e.id < b->e.id);
}

RB_GENERATE_STATIC(item_tree, item, node, item_cmp)

static struct item *
item_of(const struct fw_edit *edit)
{
	return (struct item *)(void *)edit->entry;
}

struct direct *
direct_new(const struct fw_ops *ops, struct fw *fw)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->ops = ops;
	d->fw = fw;
	RB_INIT(&d->items);
	return d;
}

void
direct_free(struct direct *d)
{
	struct item *i;

	while (d != NULL && (i = RB_ROOT(&d->items)) != NULL) {
		RB_REMOVE(item_tree, &d->items, i);
		free(i);
	}
	free(d);
}

static enum ph_err
item_open(struct direct *d, const struct pinhole *hole, struct item *old,
    struct fw_edit *edit)
{
	struct pinhole before;
	struct item *i = old;

	if (old != NULL) {
		before = fw_entry_hole(&old->e);
		if (pinhole_cmp(&before, hole) != 0)
			return PH_EBAD;
	}
	if (old == NULL && (i = calloc(1, sizeof(*i))) == NULL)
		return PH_ENOMEM;
	(void)fw_entry_set(&i->e, hole);
	if (old == NULL)
		RB_INSERT(item_tree, &d->items, i);
	*edit = (struct fw_edit) { old == NULL ? FW_ADD : FW_REPLACE, &i->e };
	return PH_OK;
}

/* The edits that the changes ask for; *m of them. */
static enum ph_err
changes_read(struct direct *d, const struct fw_change *changes, size_t n,
    struct fw_edit *edits, int64_t *deadlines, size_t *m)
{
	struct item key, *old;
	enum ph_err rc;
	size_t i;

	for (i = 0; i < n; i++) {
		if (changes[i].op < FW_OPEN || changes[i].op > FW_CUT)
			return PH_EBAD;
		key.e.id = changes[i].hole.id;
		old = RB_FIND(item_tree, &d->items, &key);
		deadlines[*m] = old != NULL ? old->e.deadline : 0;
		if (changes[i].op == FW_OPEN) {
			rc = item_open(d, &changes[i].hole, old, &edits[*m]);
			if (rc != PH_OK)
				return rc;
			++*m;
		} else if (changes[i].op == FW_CLOSE && old != NULL) {
			RB_REMOVE(item_tree, &d->items, old);
			edits[(*m)++] = (struct fw_edit) { FW_REMOVE, &old->e };
		}
	}
	return PH_OK;
}

static void
item_free(struct direct *d, struct item *i)
{
	ledger_forget(d->ops, d->fw, &i->e);
	free(i);
}

static void
edit_undo(struct direct *d, const struct fw_edit *edit, int64_t deadline)
{
	struct item *i = item_of(edit);

	i->e.deadline = deadline;
	if (edit->op == FW_REMOVE)
		RB_INSERT(item_tree, &d->items, i);
	if (edit->op == FW_ADD) {
		RB_REMOVE(item_tree, &d->items, i);
		item_free(d, i);
	}
}

enum ph_err
direct_commit(struct direct *d, const struct fw_change *changes, size_t n,
    int64_t now)
{
	struct fw_edit *edits = calloc(n + 1, sizeof(*edits));
	int64_t *deadlines = calloc(n + 1, sizeof(*deadlines));
	enum ph_err rc = PH_ENOMEM;
	size_t i, m = 0;

	if (edits != NULL && deadlines != NULL)
		rc = changes_read(d, changes, n, edits, deadlines, &m);
	if (rc == PH_OK)
		rc = ledger_apply(d->ops, d->fw, edits, m, now);
	for (i = 0; rc == PH_OK && i < m; i++)
		if (edits[i].op == FW_REMOVE)
			item_free(d, item_of(&edits[i]));
	for (i = m; rc != PH_OK && i-- > 0;)
		edit_undo(d, &edits[i], deadlines[i]);
	for (i = 0; i < n && rc == PH_OK && d->ops->cut != NULL; i++)
		if (changes[i].op == FW_CUT)
			d->ops->cut(d->fw, &changes[i].hole, now);
	free(edits);
	free(deadlines);
	return rc;
}
