/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "tables/entries.h"

RB_HEAD(entry_tree, entry);
RB_HEAD(entry_times, entry);

struct entries {
	struct entry_tree tree;
	struct entry_times times;
	size_t n, max;
	/* How many there are of each length, so that few are looked for. */
	size_t lengths[2][129];
	size_t *in_table; /* and in each table, of the first ntables */
	size_t ntables;
};

/* A prefix comes right before those within it. */
static int
entry_cmp(const struct entry *a, const struct entry *b)
{
	int c;

	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if ((c = addr_cmp(&a->prefix.addr, &b->prefix.addr)) != 0)
		return c;
	return (a->prefix.len > b->prefix.len) -
	    (a->prefix.len < b->prefix.len);
}

static int
time_cmp(const struct entry *a, const struct entry *b)
{
	int c = (a->due > b->due) - (a->due < b->due);

	return c != 0 ? c : entry_cmp(a, b);
}

RB_GENERATE_STATIC(entry_tree, entry, node, entry_cmp)
RB_GENERATE_STATIC(entry_times, entry, by_time, time_cmp)

struct entries *
entries_new(size_t max)
{
	struct entries *e = calloc(1, sizeof(*e));

	if (e != NULL) {
		RB_INIT(&e->tree);
		RB_INIT(&e->times);
		e->max = max;
	}
	return e;
}

void
entries_free(struct entries *e)
{
	struct entry *x;

	if (e == NULL)
		return;
	while ((x = RB_ROOT(&e->tree)) != NULL)
		entries_remove(e, x);
	free(e->in_table);
	free(e);
}

/* Have a place to count the entries of this table. */
static bool
table_known(struct entries *e, uint16_t table)
{
	size_t *v;

	if (table < e->ntables)
		return true;
	v = reallocarray(e->in_table, (size_t)table + 1, sizeof(*v));
	if (v == NULL)
		return false;
	memset(v + e->ntables, 0, (table + 1 - e->ntables) * sizeof(*v));
	e->in_table = v;
	e->ntables = (size_t)table + 1;
	return true;
}

static size_t *
length_count(struct entries *e, const struct prefix *p)
{
	return &e->lengths[addr_bytes(p->addr.af) == 16][p->len];
}

struct entry *
entries_find(struct entries *e, uint16_t table, const struct prefix *p)
{
	struct entry want;

	want.table = table;
	want.prefix = *p;
	return RB_FIND(entry_tree, &e->tree, &want);
}

void
entries_set_due(struct entries *e, struct entry *x, int64_t due)
{
	if (x->due != ENTRY_FOREVER)
		RB_REMOVE(entry_times, &e->times, x);
	x->due = due;
	if (x->due != ENTRY_FOREVER)
		RB_INSERT(entry_times, &e->times, x);
}

enum ph_err
entries_add(struct entries *e, uint16_t table, const struct prefix *p,
    int64_t until, uint64_t stamp, struct entry **out)
{
	struct entry *x = entries_find(e, table, p);

	*out = NULL;
	if (x == NULL) {
		if (e->n >= e->max)
			return PH_ELIMIT;
		if (!table_known(e, table) ||
		    (x = calloc(1, sizeof(*x))) == NULL)
			return PH_ENOMEM;
		x->table = table;
		x->prefix = *p;
		x->due = ENTRY_FOREVER;
		x->fresh = true;
		RB_INSERT(entry_tree, &e->tree, x);
		e->n++;
		e->in_table[table]++;
		++*length_count(e, p);
	}
	x->stamp = stamp;
	x->until = until;
	entries_set_due(e, x, until);
	*out = x;
	return PH_OK;
}

void
entries_remove(struct entries *e, struct entry *x)
{
	entries_set_due(e, x, ENTRY_FOREVER);
	RB_REMOVE(entry_tree, &e->tree, x);
	--*length_count(e, &x->prefix);
	e->n--;
	e->in_table[x->table]--;
	free(x);
}

struct entry *
entries_due(struct entries *e)
{
	return RB_MIN(entry_times, &e->times);
}

struct entry *
entries_from(struct entries *e, uint16_t table, const struct prefix *p)
{
	struct entry want;

	want.table = table;
	want.prefix = *p;
	return RB_NFIND(entry_tree, &e->tree, &want);
}

struct entry *
entries_next(struct entry *x)
{
	return RB_NEXT(entry_tree, NULL, x);
}

static bool
entry_is_within(const struct entry *x, uint16_t table, const struct prefix *p)
{
	return x->table == table && x->prefix.len >= p->len &&
	    prefix_contains(p, &x->prefix.addr);
}

struct entry *
entries_within(struct entries *e, uint16_t table, const struct prefix *p,
    struct entry *x)
{
	x = x == NULL ? entries_from(e, table, p) : entries_next(x);
	if (x != NULL && x->table == table && prefix_cmp(&x->prefix, p) == 0)
		x = entries_next(x);
	return x != NULL && entry_is_within(x, table, p) ? x : NULL;
}

static struct prefix
prefix_shorten(const struct prefix *p, uint8_t len)
{
	struct prefix s = *p;
	size_t i;

	s.len = len;
	for (i = len / 8u; i < addr_bytes(p->addr.af); i++)
		s.addr.b[i] &= i > len / 8u ? 0 : (uint8_t)(0xff00 >> len % 8);
	return s;
}

struct entry *
entries_around(struct entries *e, uint16_t table, const struct prefix *p,
    struct entry *x)
{
	struct prefix s = *p;
	uint8_t len = x != NULL ? x->prefix.len + 1 : 0;

	for (; len < p->len; len++) {
		s.len = len;
		if (*length_count(e, &s) == 0)
			continue;
		s = prefix_shorten(p, len);
		if ((x = entries_find(e, table, &s)) != NULL)
			return x;
	}
	return NULL;
}

size_t
entries_count(const struct entries *e)
{
	return e->n;
}

size_t
entries_count_in(const struct entries *e, uint16_t table)
{
	return table < e->ntables ? e->in_table[table] : 0;
}
