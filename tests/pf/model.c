/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/tree.h"
#include "tests/pf/model.h"
#include "tests/unit/unit.h"

struct ruleset {
	RB_ENTRY(ruleset) entry;
	char path[P_NAMELEN];
	struct p_rule *v;
	size_t n;
};

RB_HEAD(ruleset_tree, ruleset);

struct model {
	struct ruleset_tree sets;
};

static int
ruleset_cmp(const struct ruleset *a, const struct ruleset *b)
{
	return strcmp(a->path, b->path);
}

RB_GENERATE_STATIC(ruleset_tree, ruleset, entry, ruleset_cmp)

struct model *
model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	RB_INIT(&m->sets);
	return m;
}

static void
forget(struct model *m, struct ruleset *s)
{
	RB_REMOVE(ruleset_tree, &m->sets, s);
	free(s->v);
	free(s);
}

void
model_free(struct model *m)
{
	struct ruleset *s;

	while ((s = RB_ROOT(&m->sets)) != NULL)
		forget(m, s);
	free(m);
}

static struct ruleset *
find(const struct model *m, const char *path)
{
	struct ruleset key;

	snprintf(key.path, sizeof(key.path), "%s", path);
	return RB_FIND(ruleset_tree, (struct ruleset_tree *)(uintptr_t)&m->sets,
	    &key);
}

/* The rules that were written. */
static size_t
take_batch(struct model *m, struct p_tree *t, enum p_dialect d)
{
	const struct p_node *node;
	const struct p_rule *v;
	struct ruleset *s;
	size_t n, touched = 0;

	for (node = p_tree_dirty(t); node != NULL;
	     node = p_node_next(t, node)) {
		assert_int_equal(p_node_rules(t, node, P_PASS, &v, &n), PH_OK);
		if (d == P_FREEBSD && !p_node_is_top(node) &&
		    p_node_part(node) != P_PASS)
			continue;
		touched += n;
		s = find(m, p_node_path(node));
		if (n == 0) {
			if (s != NULL)
				forget(m, s);
			continue;
		}
		if (s == NULL) {
			s = calloc(1, sizeof(*s));
			assert_non_null(s);
			snprintf(s->path, sizeof(s->path), "%s",
			    p_node_path(node));
			RB_INSERT(ruleset_tree, &m->sets, s);
		}
		free(s->v);
		s->v = calloc(n, sizeof(*v));
		assert_non_null(s->v);
		memcpy(s->v, v, n * sizeof(*v));
		s->n = n;
	}
	return touched;
}

size_t
model_commit(struct model *m, struct p_tree *t, enum p_dialect d,
    void (*between)(void *ctx), void *ctx)
{
	size_t i, batches = p_tree_batches(t), touched, most = 0;

	for (i = 0; i < batches; i++) {
		p_tree_select(t, i);
		assert_non_null(p_tree_dirty(t));
		touched = take_batch(m, t, d);
		if (touched > most)
			most = touched;
		if (between != NULL)
			between(ctx);
	}
	p_tree_clean(t);
	return most;
}

static bool
side_addr(const struct p_side *s, const struct addr *a)
{
	if (s->last.af != AF_UNSPEC)
		return s->net.addr.af == a->af &&
		    addr_cmp(&s->net.addr, a) <= 0 &&
		    addr_cmp(a, &s->last) <= 0;
	return prefix_contains(&s->net, a);
}

static bool
side_port(const struct p_side *s, uint16_t port)
{
	return (s->lo == 0 && s->hi == 0) || (s->lo <= port && port <= s->hi);
}

static bool
same_addr(const struct p_side *a, const struct p_side *b)
{
	return prefix_cmp(&a->net, &b->net) == 0 &&
	    addr_cmp(&a->last, &b->last) == 0;
}

static bool
same_port(const struct p_side *a, const struct p_side *b)
{
	return a->lo == b->lo && a->hi == b->hi;
}

/* The first field in which r and p differ, in pf's order; -1 if none. */
static int
mismatch(const struct p_rule *r, const struct packet *p)
{
	if (r->way != P_BOTH && r->way != p->way)
		return 0;
	if (r->af != AF_UNSPEC && r->af != p->src.addr.af)
		return 1;
	if (r->proto != 0 && r->proto != p->proto)
		return 2;
	if (!side_addr(&r->src, &p->src.addr))
		return 3;
	if (!side_port(&r->src, p->src.port))
		return 4;
	if (!side_addr(&r->dst, &p->dst.addr))
		return 5;
	if (!side_port(&r->dst, p->dst.port))
		return 6;
	return -1;
}

static bool
same(const struct p_rule *a, const struct p_rule *b, int field)
{
	switch (field) {
	case 0:
		return a->way == b->way;
	case 1:
		return a->af == b->af;
	case 2:
		return a->proto == b->proto;
	case 3:
		return same_addr(&a->src, &b->src);
	case 4:
		return same_port(&a->src, &b->src);
	case 5:
		return same_addr(&a->dst, &b->dst);
	default:
		return same_port(&a->dst, &b->dst);
	}
}

uint64_t
model_pass(const struct model *m, const char *path, const struct packet *p,
    unsigned int *evaluations)
{
	const struct ruleset *s = find(m, path);
	uint64_t label;
	size_t i, at;
	int field;

	for (i = 0; s != NULL && i < s->n; i++) {
		(*evaluations)++;
		field = mismatch(&s->v[i], p);
		if (field == -1 && s->v[i].action == P_ACT_ANCHOR) {
			/* An anchor that a rule calls must exist. */
			assert_non_null(find(m, s->v[i].anchor));
			label = model_pass(m, s->v[i].anchor, p, evaluations);
			if (label != 0)
				return label;
		} else if (field == -1 && s->v[i].on == NULL)
			return s->v[i].label;
		for (at = i; field >= 0 && i + 1 < s->n &&
		     same(&s->v[at], &s->v[i + 1], field);)
			i++;
	}
	return 0;
}

size_t
model_rulesets(struct model *m)
{
	struct ruleset *s;
	size_t n = 0;

	RB_FOREACH(s, ruleset_tree, &m->sets)
		n++;
	return n;
}

size_t
model_biggest(struct model *m)
{
	struct ruleset *s;
	size_t most = 0;

	RB_FOREACH(s, ruleset_tree, &m->sets)
		if (s->n > most)
			most = s->n;
	return most;
}
