/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "pf/holes.h"
#include "pf/states.h"

RB_HEAD(hole_tree, p_hole);

struct p_holes {
	struct hole_tree holes;
	struct p_tree *tree, *state_tree; /* borrowed */
	bool (*as_state)(const struct pinhole *hole);
	size_t n;
};

static int
hole_cmp(const struct p_hole *a, const struct p_hole *b)
{
	return a->hole.id < b->hole.id ? -1 : a->hole.id > b->hole.id;
}

RB_GENERATE_STATIC(hole_tree, p_hole, node, hole_cmp)

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

static void
hole_free(struct p_holes *h, struct p_hole *hole)
{
	RB_REMOVE(hole_tree, &h->holes, hole);
	h->n--;
	if (hole->entry != NULL)
		hole->entry->own = NULL;
	free(hole);
}

void
p_holes_free(struct p_holes *h)
{
	struct p_hole *hole;

	while (h != NULL && (hole = RB_ROOT(&h->holes)) != NULL)
		hole_free(h, hole);
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

bool
p_holes_as_state(const struct p_holes *h, const struct pinhole *hole)
{
	return h->as_state != NULL && h->as_state(hole);
}

static struct p_tree *
tree_of(const struct p_holes *h, const struct p_hole *hole)
{
	return hole->by_state ? h->state_tree : h->tree;
}

enum ph_err
p_holes_add(struct p_holes *h, const struct pinhole *new,
    struct fw_entry *entry)
{
	struct p_hole *hole;
	enum ph_err rc;

	if (p_holes_find(h, new->id) != NULL)
		return PH_EEXIST;
	if ((hole = calloc(1, sizeof(*hole))) == NULL)
		return PH_ENOMEM;
	hole->hole = *new;
	hole->entry = entry;
	hole->by_state = entry != NULL && p_holes_as_state(h, new);
	if ((rc = p_tree_insert(tree_of(h, hole), &hole->hole)) != PH_OK) {
		free(hole);
		return rc;
	}
	RB_INSERT(hole_tree, &h->holes, hole);
	h->n++;
	if (entry != NULL)
		entry->own = hole;
	return PH_OK;
}

enum ph_err
p_holes_enter(struct p_holes *h, struct fw_entry *entry)
{
	const struct pinhole hole = fw_entry_hole(entry);

	return p_holes_add(h, &hole, entry);
}

enum ph_err
p_holes_to_rule(struct p_holes *h, struct p_hole *hole)
{
	enum ph_err rc = p_tree_insert(h->tree, &hole->hole);

	if (rc != PH_OK)
		return rc;
	p_tree_remove(h->state_tree, &hole->hole);
	hole->by_state = false;
	return PH_OK;
}

void
p_holes_remove(struct p_holes *h, struct p_hole *hole)
{
	p_tree_remove(tree_of(h, hole), &hole->hole);
	hole_free(h, hole);
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
