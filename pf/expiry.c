/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "pf/expiry.h"
#include "src/base/tree.h"

struct entry {
	RB_ENTRY(entry) by_name, by_time;
	size_t table;
	struct prefix prefix;
	int64_t when;
};

RB_HEAD(name_tree, entry);
RB_HEAD(time_tree, entry);

struct p_expiry {
	struct name_tree names;
	struct time_tree times;
	size_t n;
};

static int
name_cmp(const struct entry *a, const struct entry *b)
{
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	return prefix_cmp(&a->prefix, &b->prefix);
}

static int
time_cmp(const struct entry *a, const struct entry *b)
{
	if (a->when != b->when)
		return a->when < b->when ? -1 : 1;
	return name_cmp(a, b);
}

RB_GENERATE_STATIC(name_tree, entry, by_name, name_cmp)
RB_GENERATE_STATIC(time_tree, entry, by_time, time_cmp)

enum ph_err
p_expiry_new(struct p_expiry **out)
{
	if ((*out = calloc(1, sizeof(**out))) == NULL)
		return PH_ENOMEM;
	RB_INIT(&(*out)->names);
	RB_INIT(&(*out)->times);
	return PH_OK;
}

static void
entry_drop(struct p_expiry *e, struct entry *x)
{
	RB_REMOVE(name_tree, &e->names, x);
	RB_REMOVE(time_tree, &e->times, x);
	e->n--;
	free(x);
}

void
p_expiry_free(struct p_expiry *e)
{
	struct entry *x;

	if (e == NULL)
		return;
	while ((x = RB_MIN(time_tree, &e->times)) != NULL)
		entry_drop(e, x);
	free(e);
}

enum ph_err
p_expiry_add(struct p_expiry *e, size_t table, const struct prefix *p,
    int64_t when)
{
	struct entry *x;

	p_expiry_forget(e, table, p);
	if (e->n >= P_EXPIRY_MAX)
		return PH_ELIMIT;
	if ((x = calloc(1, sizeof(*x))) == NULL)
		return PH_ENOMEM;
	x->table = table;
	x->prefix = *p;
	x->when = when;
	RB_INSERT(name_tree, &e->names, x);
	RB_INSERT(time_tree, &e->times, x);
	e->n++;
	return PH_OK;
}

void
p_expiry_forget(struct p_expiry *e, size_t table, const struct prefix *p)
{
	struct entry key = { .table = table, .prefix = *p }, *x;

	if ((x = RB_FIND(name_tree, &e->names, &key)) != NULL)
		entry_drop(e, x);
}

void
p_expiry_forget_all(struct p_expiry *e, size_t table)
{
	struct entry *x, *next;

	for (x = RB_MIN(name_tree, &e->names); x != NULL; x = next) {
		next = RB_NEXT(name_tree, &e->names, x);
		if (x->table == table)
			entry_drop(e, x);
	}
}

bool
p_expiry_due(struct p_expiry *e, int64_t now, size_t *table, struct prefix *p)
{
	struct entry *x = RB_MIN(time_tree, &e->times);

	if (x == NULL || x->when > now)
		return false;
	*table = x->table;
	*p = x->prefix;
	entry_drop(e, x);
	return true;
}

int64_t
p_expiry_next(const struct p_expiry *e)
{
	struct entry *x = RB_ROOT(&e->times);

	if (x == NULL)
		return INT64_MAX;
	while (RB_LEFT(x, by_time) != NULL)
		x = RB_LEFT(x, by_time);
	return x->when;
}
