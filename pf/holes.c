/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "pf/holes.h"
#include "pf/states.h"

struct change {
	enum fw_op op;
	struct p_hole *hole;
};

RB_HEAD(hole_tree, p_hole);

struct p_holes {
	struct hole_tree holes;
	struct p_tree *tree, *state_tree; /* borrowed */
	bool (*as_state)(const struct pinhole *hole);
	size_t n;
	struct change *pending;
	size_t npending, size;
};

static int
hole_cmp(const struct p_hole *a, const struct p_hole *b)
{
	return a->hole.id < b->hole.id ? -1 : a->hole.id > b->hole.id;
}

RB_GENERATE_STATIC(hole_tree, p_hole, entry, hole_cmp)

enum ph_err
p_holes_new(struct p_holes **out, struct p_tree *tree,
    struct p_tree *state_tree, bool (*as_state)(const struct pinhole *hole))
{
	if ((*out = calloc(1, sizeof(**out))) == NULL)
		return PH_ENOMEM;
	RB_INIT(&(*out)->holes);
	(*out)->tree = tree;
	(*out)->state_tree = state_tree;
	(*out)->as_state = as_state;
	return PH_OK;
}

void
p_holes_free(struct p_holes *h)
{
	struct p_hole *hole;

	if (h == NULL)
		return;
	p_holes_keep(h, NULL, NULL);
	while ((hole = RB_MIN(hole_tree, &h->holes)) != NULL) {
		RB_REMOVE(hole_tree, &h->holes, hole);
		free(hole);
	}
	free(h->pending);
	free(h);
}

struct p_hole *
p_holes_find(struct p_holes *h, uint64_t id)
{
	struct p_hole key;

	key.hole.id = id;
	return RB_FIND(hole_tree, &h->holes, &key);
}

struct p_hole *
p_holes_first(struct p_holes *h)
{
	return RB_MIN(hole_tree, &h->holes);
}

struct p_hole *
p_holes_next(struct p_hole *hole)
{
	return RB_NEXT(hole_tree, NULL, hole);
}

size_t
p_holes_count(const struct p_holes *h)
{
	return h->n;
}

static struct p_tree *
tree_of(const struct p_holes *h, const struct p_hole *hole)
{
	return hole->by_state ? h->state_tree : h->tree;
}

static enum ph_err
open_one(struct p_holes *h, const struct pinhole *new)
{
	struct p_hole *hole;
	enum ph_err rc;

	if ((hole = p_holes_find(h, new->id)) != NULL) {
		if (pinhole_cmp(&hole->hole, new) != 0)
			return PH_EBAD;
		hole->hole.deadline = new->deadline;
		return PH_OK;
	}
	if ((hole = calloc(1, sizeof(*hole))) == NULL)
		return PH_ENOMEM;
	hole->hole = *new;
	hole->by_state = h->as_state != NULL && h->as_state(new);
	if ((rc = p_tree_insert(tree_of(h, hole), &hole->hole)) != PH_OK) {
		free(hole);
		return rc;
	}
	RB_INSERT(hole_tree, &h->holes, hole);
	h->n++;
	h->pending[h->npending++] = (struct change) { FW_OPEN, hole };
	return PH_OK;
}

static void
close_one(struct p_holes *h, uint64_t id)
{
	struct p_hole *hole = p_holes_find(h, id);

	if (hole == NULL)
		return;
	p_tree_remove(tree_of(h, hole), &hole->hole);
	RB_REMOVE(hole_tree, &h->holes, hole);
	h->n--;
	h->pending[h->npending++] = (struct change) { FW_CLOSE, hole };
}

enum ph_err
p_holes_apply(struct p_holes *h, const struct fw_change *changes, size_t n)
{
	struct change *v;
	enum ph_err rc;
	size_t i;

	if (n > h->size) {
		if ((v = reallocarray(h->pending, n, sizeof(*v))) == NULL)
			return PH_ENOMEM;
		h->pending = v;
		h->size = n;
	}
	for (i = 0; i < n; i++) {
		rc = PH_EBAD;
		if (changes[i].op == FW_OPEN)
			rc = open_one(h, &changes[i].hole);
		else if (changes[i].op == FW_CLOSE) {
			close_one(h, changes[i].hole.id);
			rc = PH_OK;
		} else if (changes[i].op == FW_CUT) {
			/* Concerns states alone; see pf/common.c. */
			rc = PH_OK;
		}
		if (rc != PH_OK) {
			p_holes_undo(h);
			return rc;
		}
	}
	return PH_OK;
}

void
p_holes_keep(struct p_holes *h,
    void (*closed)(void *ctx, const struct p_hole *hole), void *ctx)
{
	struct change *c;
	size_t i;

	for (i = 0; i < h->npending; i++) {
		c = &h->pending[i];
		if (c->op != FW_CLOSE)
			continue;
		if (closed != NULL)
			closed(ctx, c->hole);
		free(c->hole);
	}
	h->npending = 0;
}

void
p_holes_undo(struct p_holes *h)
{
	struct p_hole *hole;
	enum fw_op op;

	while (h->npending > 0) {
		h->npending--;
		op = h->pending[h->npending].op;
		hole = h->pending[h->npending].hole;
		if (op == FW_OPEN) {
			RB_REMOVE(hole_tree, &h->holes, hole);
			h->n--;
			p_tree_remove(tree_of(h, hole), &hole->hole);
			free(hole);
			continue;
		}
		/* Without memory the pinhole stays closed, which is safe. */
		if (p_tree_insert(tree_of(h, hole), &hole->hole) != PH_OK) {
			free(hole);
			continue;
		}
		RB_INSERT(hole_tree, &h->holes, hole);
		h->n++;
	}
}

size_t
p_holes_pending(const struct p_holes *h)
{
	return h->npending;
}

const struct p_hole *
p_holes_pending_at(const struct p_holes *h, size_t i, enum fw_op *op)
{
	*op = h->pending[i].op;
	return h->pending[i].hole;
}

enum form
p_form(const struct fw_config *config, const struct pinhole *hole)
{
	return config->states ? p_states_form(hole) : FORM_RULE;
}

void
p_explain(const struct pinhole *hole, enum p_dialect dialect,
    const struct fw_config *config, struct strbuf *out)
{
	static const enum p_part order[P_NPARTS] = { P_NAT, P_RDR, P_PASS };
	enum form form = p_form(config, hole);
	struct p_rule *v;
	size_t i, j, n, written = 0;

	if (form == FORM_STATE) {
		p_states_print(hole, out);
		return;
	}
	if ((v = calloc(p_rules_max(config), sizeof(*v))) == NULL)
		return;
	for (i = 0; i < P_NPARTS; i++) {
		n = p_rules(hole, order[i], dialect, config, v);
		for (j = 0; j < n; j++) {
			if (written++ > 0)
				strbuf_str(out, "\n");
			p_rule_print(&v[j], dialect, config, out);
		}
	}
	free(v);
	if (form_why(form) != NULL)
		strbuf_fmt(out, "\n# a rule and no state: %s", form_why(form));
}
