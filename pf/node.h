/* SPDX-License-Identifier: ISC */
#ifndef PF_NODE_H
#define PF_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pf/gate.h"
#include "pf/rules.h"
#include "src/base/queue.h"

/*
 * The inside of the tree: tree.c (classes, what is where) and tree_rules.c
 * (what a node says) use node.c (split and merge), and node.c uses neither.
 * How full a leaf may be is `shapes` in node.c.
 */
#define P_ANCHORS 1500 /* the most that the tree may use */
#define P_BUDGET  128  /* rules in one batch, if it can be had */
#define P_FANOUT  16   /* children of a node, at most */

struct p_key {
	uint16_t port;
	struct addr addr;
};

struct p_item {
	struct p_key key;
	const struct pinhole *hole;
	uint16_t hi; /* the last port */
	size_t nrules;
};

struct p_class;

struct p_node {
	TAILQ_ENTRY(p_node) entry; /* in p_tree.dirty */
	bool dirty, dead;
	bool in_pf;
	/*
	 * Whether items moved to and from a neighbour since the node was clean.
	 */
	bool gave_items, took_items;
	size_t batch;	       /* see p_tree_batches() */
	struct p_class *class; /* NULL: the top */
	struct p_node *parent; /* NULL: the root of a class, or the top */
	struct p_key lo;       /* keys from here up to the next sibling's */
	uint16_t span;	       /* the longest port range below, less 1 */
	int number;	       /* -1: has a name of its own */
	/* Either children in order or, with nkids 0, items in order. */
	struct p_node *kids[P_FANOUT];
	size_t nkids;
	struct p_item *items;
	size_t nitems, size;
	size_t nrules; /* that the items come to */
	char path[P_NAMELEN];
};

enum p_kind { /* in the order in which OpenBSD must try them */
	P_KIND_RDR,
	P_KIND_NAT,
	P_KIND_IN,
	P_KIND_OUT,
	P_NKINDS,
};

#define P_NCLASSES (2 * 2 * P_NKINDS)

struct p_class {
	struct p_tree *tree;
	enum p_kind kind;
	uint8_t af, proto;
	size_t nnodes; /* below the root */
	/* Around both sides of the rules, for the top; see class_widen(). */
	struct prefix hull, far_hull;
	size_t nany; /* pinholes for all remotes */
	struct p_node root;
};

struct p_tree {
	enum p_dialect dialect;
	const struct fw_config *config;
	struct p_gate *gate; /* borrowed, or NULL */
	struct p_node top;
	struct p_class classes[P_NCLASSES];
	bool numbers[P_ANCHORS];
	size_t nanchors;
	TAILQ_HEAD(p_dirty, p_node) dirty;
	size_t batch;	      /* the one selected; P_ALL_BATCHES */
	struct p_rule *rules; /* scratch for p_node_rules() */
	size_t size;
};

int p_key_cmp(const struct p_key *a, const struct p_key *b);
void p_node_mark(struct p_tree *t, struct p_node *n);

/* Keep the tree in shape after leaf `n` got an item at `at` or lost one. */
void p_node_grow(struct p_tree *t, struct p_node *n, size_t at);
void p_node_shrink(struct p_tree *t, struct p_node *n);
/* Free what is below the root of a class. */
void p_node_free_below(struct p_node *n);

#endif
