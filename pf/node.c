/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/node.h"

/*
 * How the tree trades anchors for rules.  A packet is compared with every
 * child of a node that it enters and with every remote of its leaf, and a
 * change writes its leaf anew; so small nodes make both cheap.  But each
 * is an anchor, and OpenBSD has only 512 of them.
 */
static const struct shape {
	/* Rules of two neighbouring leaves that become one. */
	size_t merge_rules;
	/*
	 * Rules at which a leaf is split: one that is the whole class; while
	 * there are anchors; when they run out (two halves and the nodes that
	 * call them still are one batch of P_BUDGET); when other classes want
	 * anchors, too.
	 */
	size_t class_rules, split_rules, split_rules_late, split_rules_crowded;
	/* Rules that a leaf may get while nodes above it are split. */
	size_t deferred_rules;
	/* Children of a node. */
	size_t fanout;
	/* The most anchors; from how many leaves grow, and to where they have.
	 */
	size_t anchors, scarce_anchors, rare_anchors;
	/* Anchors of other classes: those will want more. */
	size_t crowd_anchors;
} shapes[] = {
	[P_FREEBSD] = {
		.merge_rules = 16,
		.class_rules = 76,
		.split_rules = 32,
		.split_rules_late = 92,
		.split_rules_crowded = 116,
		.deferred_rules = 8,
		.fanout = 6,
		.anchors = P_ANCHORS,
		.scarce_anchors = 1300,
		.rare_anchors = 1450,
		.crowd_anchors = 150,
	},
	[P_OPENBSD] = {
		.merge_rules = 40,
		.class_rules = 76,
		.split_rules = 76,
		.split_rules_late = 92,
		.split_rules_crowded = 116,
		.deferred_rules = 8,
		.fanout = P_FANOUT,
		.anchors = 396,
		.scarce_anchors = 300,
		.rare_anchors = 370,
		.crowd_anchors = 40,
	},
};

int
p_key_cmp(const struct p_key *a, const struct p_key *b)
{
	if (a->port != b->port)
		return (int)a->port - (int)b->port;
	return addr_cmp(&a->addr, &b->addr);
}

void
p_node_mark(struct p_tree *t, struct p_node *n)
{
	if (n->dirty)
		return;
	n->dirty = true;
	TAILQ_INSERT_TAIL(&t->dirty, n, entry);
}

static const struct shape *
shape_of(const struct p_tree *t)
{
	return &shapes[t->dialect];
}

/* Are there n more anchors?  Roots of classes must always find room. */
static bool
anchors_left(const struct p_tree *t, size_t n)
{
	return t->nanchors + n + P_NCLASSES + 1 <= shape_of(t)->anchors;
}

static bool
anchors_used_up(const struct p_tree *t)
{
	return !anchors_left(t, 2);
}

static struct p_node *
node_new(struct p_tree *t, struct p_node *parent)
{
	struct p_node *n;
	int i;

	for (i = 0; i < P_ANCHORS && t->numbers[i]; i++)
		;
	if (i == P_ANCHORS || (n = calloc(1, sizeof(*n))) == NULL)
		return NULL;
	t->numbers[i] = true;
	t->nanchors++;
	n->number = i;
	n->class = parent->class;
	n->class->nnodes++;
	n->parent = parent;
	snprintf(n->path, sizeof(n->path), "%.55s/%03d", t->top.path, i);
	return n;
}

/*
 * The dead node stays on the dirty list, without rules, until the tree is
 * clean.
 */
static void
node_die(struct p_tree *t, struct p_node *n)
{
	n->dead = true;
	n->parent = NULL;
	n->nkids = n->nitems = n->nrules = 0;
	free(n->items);
	n->items = NULL;
	p_node_mark(t, n);
	n->class->nnodes--;
	t->nanchors--;
}

static size_t
kid_index(const struct p_node *n)
{
	size_t i;

	for (i = 0; n->parent->kids[i] != n; i++)
		;
	return i;
}

static void
kid_insert(struct p_node *parent, size_t at, struct p_node *kid)
{
	memmove(&parent->kids[at + 1], &parent->kids[at],
	    (parent->nkids - at) * sizeof(parent->kids[0]));
	parent->kids[at] = kid;
	parent->nkids++;
	kid->parent = parent;
}

static void
kid_remove(struct p_node *parent, size_t at)
{
	parent->nkids--;
	memmove(&parent->kids[at], &parent->kids[at + 1],
	    (parent->nkids - at) * sizeof(parent->kids[0]));
}

/* Count again what a node holds. */
static void
node_sum(struct p_node *n)
{
	uint16_t span = 0;
	size_t i;

	n->nrules = 0;
	for (i = 0; i < n->nitems; i++) {
		n->nrules += n->items[i].nrules;
		if (n->items[i].hi - n->items[i].key.port > span)
			span =
			    (uint16_t)(n->items[i].hi - n->items[i].key.port);
	}
	for (i = 0; i < n->nkids; i++)
		if (n->kids[i]->span > span)
			span = n->kids[i]->span;
	/*
	 * Most ranges are RTP and RTCP; begin with 1, so that the first one
	 * costs no rewrite.
	 */
	n->span = span > 0 ? span : 1;
}

static bool
leaf_can_cut(const struct p_node *n, size_t i)
{
	return i > 0 && i < n->nitems &&
	    p_key_cmp(&n->items[i - 1].key, &n->items[i].key) != 0;
}

/*
 * Where to cut the items of a leaf, of which the one at `at` is new: in the
 * middle, but never between equal keys; 0 if it cannot be done.  Ports are
 * often handed out upwards: if the item before the new one came last before it,
 * the items below it will not change soon and stay in a full leaf.
 */
static size_t
leaf_cut(const struct p_node *n, size_t at)
{
	size_t i, d, mid = n->nitems / 2;

	for (i = 0; at > 0 && i < n->nitems; i++)
		if (i != at && n->items[i].hole->id > n->items[at - 1].hole->id)
			break;
	if (at > 0 && i == n->nitems)
		mid = at;
	for (d = 0; d < n->nitems; d++) {
		if (d < mid && leaf_can_cut(n, mid - d))
			return mid - d;
		if (leaf_can_cut(n, mid + d))
			return mid + d;
	}
	return 0;
}

/*
 * The lowest key of what begins with `right`: the port alone where the port
 * differs from the one before, for then no addresses need be looked at.
 */
static struct p_key
key_between(const struct p_key *left, const struct p_key *right)
{
	struct p_key k = { right->port, { 0 } };

	if (left->port == right->port)
		k = *right;
	return k;
}

/* Move items from `cut` on, or kids, from n to the empty node `to`. */
static bool
move_half(struct p_node *n, size_t cut, struct p_node *to)
{
	size_t i;

	if (n->nkids > 0) {
		to->lo = n->kids[cut]->lo;
		for (i = cut; i < n->nkids; i++)
			kid_insert(to, to->nkids, n->kids[i]);
		n->nkids = cut;
	} else {
		if ((to->items = calloc(n->nitems - cut + 1,
			 sizeof(*to->items))) == NULL)
			return false;
		to->size = n->nitems - cut + 1;
		to->nitems = n->nitems - cut;
		memcpy(to->items, &n->items[cut],
		    to->nitems * sizeof(*to->items));
		if (cut > 0)
			to->lo = key_between(&n->items[cut - 1].key,
			    &n->items[cut].key);
		n->nitems = cut;
	}
	node_sum(n);
	node_sum(to);
	return true;
}

/* Where to cut n, now that its leaf has a new item at `at`. */
static size_t
cut_of(const struct p_node *n, const struct p_node *leaf, size_t at)
{
	const struct p_node *kid = leaf;

	if (n->nkids == 0)
		return leaf_cut(n, at);
	while (kid->parent != n)
		kid = kid->parent;
	return n->kids[n->nkids - 1] == kid ? n->nkids - 1 : n->nkids / 2;
}

/* Give n a right neighbour. */
static void
node_split(struct p_tree *t, struct p_node *n, size_t cut)
{
	struct p_node *right;

	if (cut == 0 || !anchors_left(t, 1) ||
	    (right = node_new(t, n->parent)) == NULL)
		return;
	if (!move_half(n, cut, right)) {
		node_die(t, right);
		return;
	}
	kid_insert(n->parent, kid_index(n) + 1, right);
	n->gave_items = true;
	p_node_mark(t, n);
	p_node_mark(t, right);
	p_node_mark(t, n->parent);
}

/* The root keeps its name: what it held goes to two children. */
static void
split_root(struct p_tree *t, struct p_node *root, size_t cut)
{
	struct p_node *left, *right;

	if (cut == 0 || !anchors_left(t, 2) ||
	    (left = node_new(t, root)) == NULL)
		return;
	if ((right = node_new(t, root)) == NULL ||
	    !move_half(root, cut, right)) {
		if (right != NULL)
			node_die(t, right);
		node_die(t, left);
		return;
	}
	left->items = root->items;
	left->nitems = root->nitems;
	left->size = root->size;
	root->items = NULL;
	root->nitems = root->size = root->nrules = 0;
	while (root->nkids > 0) {
		kid_insert(left, 0, root->kids[root->nkids - 1]);
		root->nkids--;
	}
	node_sum(left);
	kid_insert(root, 0, left);
	kid_insert(root, 1, right);
	p_node_mark(t, left);
	p_node_mark(t, right);
	p_node_mark(t, root);
}

static bool
leaf_merge(struct p_tree *t, struct p_node *left, struct p_node *right)
{
	struct p_item *v;
	size_t n = left->nitems + right->nitems;

	if (n > left->size) {
		if ((v = reallocarray(left->items, n + 1, sizeof(*v))) == NULL)
			return false;
		left->items = v;
		left->size = n + 1;
	}
	if (right->nitems > 0)
		memcpy(&left->items[left->nitems], right->items,
		    right->nitems * sizeof(*right->items));
	left->nitems = n;
	left->took_items = true;
	node_sum(left);
	p_node_mark(t, left);
	p_node_mark(t, left->parent);
	kid_remove(left->parent, kid_index(right));
	node_die(t, right);
	return true;
}

/* A node with a single child is of no use. */
static void
node_collapse(struct p_tree *t, struct p_node *n)
{
	struct p_node *kid = n->kids[0];

	if (n->parent != NULL) {
		kid->lo = n->lo;
		kid->parent = n->parent;
		n->parent->kids[kid_index(n)] = kid;
		p_node_mark(t, n->parent);
		n->nkids = 0;
		node_die(t, n);
		return;
	}
	n->nkids = 0;
	while (kid->nkids > 0) {
		kid_insert(n, 0, kid->kids[kid->nkids - 1]);
		kid->nkids--;
	}
	n->items = kid->items;
	n->nitems = kid->nitems;
	n->size = kid->size;
	kid->items = NULL;
	node_sum(n);
	p_node_mark(t, n);
	node_die(t, kid);
}

static bool
merge_with_a_neighbour(struct p_tree *t, struct p_node *n, size_t most)
{
	struct p_node *p = n->parent, *best = NULL, *kid;
	size_t i, at;

	if (p == NULL)
		return false;
	at = kid_index(n);
	for (i = at == 0 ? 0 : at - 1; i <= at + 1 && i < p->nkids; i++) {
		kid = p->kids[i];
		if (i != at && kid->nkids == 0 && !kid->gave_items &&
		    (best == NULL || kid->nrules < best->nrules))
			best = kid;
	}
	if (best == NULL || n->gave_items || best->nrules + n->nrules > most)
		return false;
	if (best == (at > 0 ? p->kids[at - 1] : NULL)) {
		if (!leaf_merge(t, best, n))
			return false;
	} else if (!leaf_merge(t, n, best))
		return false;
	if (p->nkids == 1)
		node_collapse(t, p);
	return true;
}

/* The two neighbouring leaves that would make the smallest one. */
static struct p_node *
leaf_lightest(struct p_node *n, size_t *sum)
{
	struct p_node *best = NULL, *found;
	size_t i, s;

	for (i = 0; i < n->nkids; i++) {
		if (n->kids[i]->nkids > 0) {
			if ((found = leaf_lightest(n->kids[i], sum)) != NULL)
				best = found;
		} else if (i + 1 < n->nkids && n->kids[i + 1]->nkids == 0) {
			s = n->kids[i]->nrules + n->kids[i + 1]->nrules;
			if (s < *sum && !n->kids[i]->gave_items &&
			    !n->kids[i + 1]->gave_items) {
				*sum = s;
				best = n->kids[i];
			}
		}
	}
	return best;
}

/* All anchors are in use: merge two leaves with less than n has alone. */
static void
make_room(struct p_tree *t, const struct p_node *n)
{
	struct p_node *best = NULL, *found;
	size_t i, sum = n->nrules;

	for (i = 0; i < P_NCLASSES; i++)
		if ((found = leaf_lightest(&t->classes[i].root, &sum)) != NULL)
			best = found;
	if (best != NULL)
		merge_with_a_neighbour(t, best, sum);
}

static bool
class_is_crowded(const struct p_tree *t, const struct p_class *c)
{
	return t->nanchors - c->nnodes >= shape_of(t)->crowd_anchors;
}

/* How many rules a leaf may have: the fewer anchors are left, the more. */
static size_t
leaf_capacity(const struct p_tree *t, const struct p_node *leaf)
{
	const struct shape *s = shape_of(t);
	size_t n = t->nanchors, most = s->split_rules_late;

	/* Strangers are never compared with the others. */
	if (leaf->class->kind != P_KIND_IN || anchors_used_up(t))
		return s->split_rules_crowded;
	if (class_is_crowded(t, leaf->class)) {
		most = s->split_rules_crowded;
		n += 3 * s->crowd_anchors;
	}
	if (n >= s->rare_anchors)
		return most;
	if (leaf->parent == NULL)
		return s->class_rules;
	if (n <= s->scarce_anchors)
		return s->split_rules;
	return s->split_rules +
	    (most - s->split_rules) * (n - s->scarce_anchors) /
	    (s->rare_anchors - s->scarce_anchors);
}

/*
 * Let a neighbour have as much as makes both equal, if that leaves room for a
 * while.
 */
static bool
leaf_give(struct p_tree *t, struct p_node *n, struct p_node *with, size_t most)
{
	size_t both = n->nrules + with->nrules, at = kid_index(n), i, k;
	bool left = kid_index(with) < at;
	struct p_item *v;
	size_t moved = 0;

	if (n->nkids > 0 || with->nkids > 0 || n->took_items ||
	    with->gave_items || n->nrules <= with->nrules ||
	    both > (anchors_used_up(t) ? 2 * most : most + most / 2))
		return false;
	/* k items go; the cut is between two keys. */
	for (k = 0; k + 1 < n->nitems && moved < n->nrules - both / 2; k++)
		moved += n->items[left ? k : n->nitems - 1 - k].nrules;
	while (k > 0 && !leaf_can_cut(n, left ? k : n->nitems - k))
		k--;
	if (k == 0)
		return false;
	if ((v = reallocarray(with->items, with->nitems + k + 1, sizeof(*v))) ==
	    NULL)
		return false;
	with->items = v;
	with->size = with->nitems + k + 1;
	i = left ? 0 : n->nitems - k;
	if (left) {
		memcpy(&v[with->nitems], n->items, k * sizeof(*v));
		n->lo = key_between(&n->items[k - 1].key, &n->items[k].key);
		memmove(n->items, &n->items[k], (n->nitems - k) * sizeof(*v));
	} else {
		memmove(&v[k], v, with->nitems * sizeof(*v));
		memcpy(v, &n->items[i], k * sizeof(*v));
		with->lo = key_between(&n->items[i - 1].key, &v[0].key);
	}
	n->nitems -= k;
	with->nitems += k;
	node_sum(n);
	node_sum(with);
	n->gave_items = true;
	with->took_items = true;
	p_node_mark(t, n);
	p_node_mark(t, with);
	p_node_mark(t, n->parent);
	return true;
}

static bool
give_to_a_neighbour(struct p_tree *t, struct p_node *n, size_t most)
{
	struct p_node *p = n->parent;
	size_t at;

	/* Giving costs more than a split does. */
	if (p == NULL ||
	    (!anchors_used_up(t) && !class_is_crowded(t, n->class)))
		return false;
	at = kid_index(n);
	return (at > 0 && leaf_give(t, n, p->kids[at - 1], most)) ||
	    (at + 1 < p->nkids && leaf_give(t, n, p->kids[at + 1], most));
}

/*
 * Neighbours are full as well: let the nearest that can give away to the far
 * side, so that there is room the next time.
 */
static void
leaf_relieve(struct p_tree *t, struct p_node *n, size_t most)
{
	struct p_node *p = n->parent;
	size_t at, d;

	if (p == NULL)
		return;
	at = kid_index(n);
	for (d = 1; d < p->nkids; d++) {
		if (at >= d + 1 &&
		    leaf_give(t, p->kids[at - d], p->kids[at - d - 1], most))
			return;
		if (at + d + 1 < p->nkids &&
		    leaf_give(t, p->kids[at + d], p->kids[at + d + 1], most))
			return;
	}
}

void
p_node_grow(struct p_tree *t, struct p_node *n, size_t at)
{
	struct p_node *victim = n, *p;
	size_t most = leaf_capacity(t, n), cut;

	/*
	 * A leaf must not give items that it has just taken: see
	 * p_tree_batches().
	 */
	if (n->nrules <= most || (n->took_items && n->nrules <= P_BUDGET) ||
	    give_to_a_neighbour(t, n, most))
		return;
	if (anchors_used_up(t)) {
		if (n->nrules <= P_BUDGET - shape_of(t)->deferred_rules)
			return;
		leaf_relieve(t, n, most);
		make_room(t, n);
	}
	/* One split a change, the topmost first: see `shapes`. */
	for (p = n->parent; p != NULL && p->nkids == shape_of(t)->fanout;
	     p = p->parent)
		victim = p;
	cut = cut_of(victim, n, at);
	if (victim->parent == NULL)
		split_root(t, victim, cut);
	else
		node_split(t, victim, cut);
}

void
p_node_shrink(struct p_tree *t, struct p_node *n)
{
	struct p_node *p = n->parent;

	if (p == NULL ||
	    merge_with_a_neighbour(t, n, shape_of(t)->merge_rules) ||
	    n->nitems > 0)
		return;
	kid_remove(p, kid_index(n));
	p_node_mark(t, p);
	node_die(t, n);
	if (p->nkids == 1)
		node_collapse(t, p);
}

void
p_node_free_below(struct p_node *n)
{
	size_t i;

	for (i = 0; i < n->nkids; i++) {
		p_node_free_below(n->kids[i]);
		free(n->kids[i]);
	}
	free(n->items);
}
