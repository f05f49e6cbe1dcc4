/* SPDX-License-Identifier: ISC */
/*
 * Transactions of pf(4): the rulesets that change together.  What differs
 * between FreeBSD and OpenBSD is in the functions p_trans_*.
 */
#include <sys/ioctl.h>

#include <stdlib.h>
#include <string.h>

#include "pf/bsd.h"

struct batch {
	struct pfioc_trans_e *v;
	size_t n, size;
};

static enum ph_err
batch_add(struct batch *b, const char *anchor, enum p_part part)
{
	struct pfioc_trans_e *v;

	if (b->n == b->size) {
		v = reallocarray(b->v, b->size * 2 + 8, sizeof(*v));
		if (v == NULL)
			return PH_ENOMEM;
		b->v = v;
		b->size = b->size * 2 + 8;
	}
	memset(&b->v[b->n], 0, sizeof(b->v[b->n]));
	p_trans_name(&b->v[b->n], anchor, part);
	b->n++;
	return PH_OK;
}

static enum ph_err
batch_call(const struct p_dev *d, struct batch *b, unsigned long request)
{
	struct pfioc_trans t = { 0 };

	t.size = (int)b->n;
	t.esize = (int)sizeof(*b->v);
	t.array = b->v;
	return p_call(d, request, &t);
}

/* Commit, or undo and return the first error, not one of the undoing. */
static enum ph_err
batch_end(struct p_dev *d, struct batch *b, enum ph_err rc)
{
	if (rc == PH_OK)
		rc = batch_call(d, b, DIOCXCOMMIT);
	if (rc != PH_OK) {
		(void)batch_call(d, b, p_trans_undo);
		d->have_pool = false;
	}
	return rc;
}

/* The rulesets of a node: the top has one for each part. */
static size_t
parts_of(const struct p_node *n, enum p_part v[P_NPARTS])
{
	size_t i;

	v[0] = p_node_part(n);
	if (!p_node_is_top(n))
		return 1;
	for (i = 0; i < p_trans_parts; i++)
		v[i] = (enum p_part)i;
	return i;
}

static enum ph_err
batch_of(struct p_tree *tree, struct batch *b)
{
	const struct p_node *n;
	enum p_part parts[P_NPARTS];
	enum ph_err rc = PH_OK;
	size_t i, nparts;

	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n)) {
		nparts = parts_of(n, parts);
		for (i = 0; i < nparts && rc == PH_OK; i++)
			rc = batch_add(b, p_node_path(n), parts[i]);
	}
	return rc;
}

static enum ph_err
node_rules(struct p_dev *d, struct p_tree *tree, const struct p_node *n,
    enum p_part part, const struct pfioc_trans_e *e, const struct fw_config *c)
{
	const struct p_rule *v;
	enum ph_err rc;
	size_t i, len;

	rc = p_node_rules(tree, n, part, &v, &len);
	for (i = 0; rc == PH_OK && i < len; i++)
		rc = p_trans_rule(d, e, &v[i], c);
	return rc;
}

static enum ph_err
batch_rules(struct p_dev *d, struct p_tree *tree, const struct batch *b,
    const struct fw_config *c)
{
	const struct p_node *n;
	enum p_part parts[P_NPARTS];
	enum ph_err rc = PH_OK;
	size_t i, nparts, at = 0;

	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n)) {
		nparts = parts_of(n, parts);
		for (i = 0; i < nparts && rc == PH_OK; i++)
			rc = node_rules(d, tree, n, parts[i], &b->v[at++], c);
	}
	return rc;
}

enum ph_err
p_sys_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *c)
{
	struct batch b = { 0 };
	enum ph_err rc;

	if ((rc = batch_of(tree, &b)) == PH_OK &&
	    (rc = p_trans_prepare(d)) == PH_OK &&
	    (rc = batch_call(d, &b, DIOCXBEGIN)) == PH_OK)
		rc = batch_end(d, &b, batch_rules(d, tree, &b, c));
	free(b.v);
	return rc;
}

static enum ph_err
rules_collect(struct p_dev *d, const char *path, void *ctx)
{
	enum ph_err rc = PH_OK;
	size_t i;

	(void)d;
	for (i = 0; i < p_trans_parts && rc == PH_OK; i++)
		rc = batch_add(ctx, path, (enum p_part)i);
	return rc;
}

/*
 * All in one transaction of nothing, ours first: it calls the others.  Then the
 * table, which is of no use without the rules.
 */
enum ph_err
p_sys_flush(struct p_dev *d, const char *anchor)
{
	struct pfioc_trans_e swap;
	struct batch b = { 0 };
	enum ph_err rc;
	size_t i;

	rc = p_walk(d, anchor, P_DEPTH, rules_collect, &b);
	for (i = 0; i < b.n / 2; i++) {
		swap = b.v[i];
		b.v[i] = b.v[b.n - 1 - i];
		b.v[b.n - 1 - i] = swap;
	}
	if (rc == PH_OK && b.n > 0 &&
	    (rc = batch_call(d, &b, DIOCXBEGIN)) == PH_OK)
		rc = batch_end(d, &b, PH_OK);
	free(b.v);
	return rc == PH_OK ? p_sys_gate(d, anchor, P_GATE_REMOVE, NULL, 0) : rc;
}
