/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/base/idmap.h"

#define FIRST_CAP 16
#define QUARTER	  (IDMAP_PAGE / 4)

struct slot {
	uint64_t id;
	void *item;
};

struct idmap_page {
	size_t n;
	struct slot v[IDMAP_PAGE];
};

void
idmap_init(struct idmap *m)
{
	memset(m, 0, sizeof(*m));
}

void
idmap_free(struct idmap *m)
{
	while (m->n > 0)
		free(m->v[--m->n].page);
	free(m->v);
	idmap_init(m);
}

/* The last range that does not begin above `id`; there is one. */
static size_t
range_of(const struct idmap *m, uint64_t id)
{
	size_t lo = 0, hi = m->n, mid;

	while (hi - lo > 1) {
		mid = (lo + hi) / 2;
		if (m->v[mid].first <= id)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* The first slot of the page whose number is not below `id`, or its end. */
static size_t
slot_of(const struct idmap_page *p, uint64_t id)
{
	size_t lo = 0, hi = p->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (p->v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A new page as range number `i`, for numbers from `first`. */
static struct idmap_page *
page_insert(struct idmap *m, size_t i, uint64_t first)
{
	size_t cap = m->cap > 0 ? 2 * m->cap : FIRST_CAP;
	struct idmap_range *v;
	struct idmap_page *p;

	if (m->n == m->cap) {
		if ((v = reallocarray(m->v, cap, sizeof(*v))) == NULL)
			return NULL;
		m->v = v;
		m->cap = cap;
	}
	if ((p = malloc(sizeof(*p))) == NULL)
		return NULL;
	p->n = 0;
	memmove(&m->v[i + 1], &m->v[i], (m->n - i) * sizeof(m->v[0]));
	m->v[i] = (struct idmap_range) { first, p };
	m->n++;
	return p;
}

/*
 * Its numbers belong to the range before it now, or, as nothing looks at where
 * the first one begins, to the one behind it.
 */
static void
page_remove(struct idmap *m, size_t i)
{
	free(m->v[i].page);
	m->n--;
	memmove(&m->v[i], &m->v[i + 1], (m->n - i) * sizeof(m->v[0]));
}

/*
 * Page `i` is full, and slot `k` of it is where `id` belongs: what comes behind
 * that goes to a page of its own, or half, if that is less.  So numbers that
 * come in order leave full pages.
 */
static enum ph_err
page_split(struct idmap *m, size_t i, size_t k, uint64_t id)
{
	struct idmap_page *from = m->v[i].page, *to;
	size_t keep = k > IDMAP_PAGE / 2 ? k : IDMAP_PAGE / 2;

	if (keep < IDMAP_PAGE)
		id = from->v[keep].id;
	if ((to = page_insert(m, i + 1, id)) == NULL)
		return PH_ENOMEM;
	to->n = IDMAP_PAGE - keep;
	from->n = keep;
	memcpy(to->v, &from->v[keep], to->n * sizeof(to->v[0]));
	return PH_OK;
}

/* Page i + 1 goes into page i, if both have few. */
static void
page_join(struct idmap *m, size_t i)
{
	struct idmap_page *to, *from;

	if (i + 1 >= m->n)
		return;
	to = m->v[i].page;
	from = m->v[i + 1].page;
	if (to->n > QUARTER || from->n > QUARTER)
		return;
	memcpy(&to->v[to->n], from->v, from->n * sizeof(to->v[0]));
	to->n += from->n;
	page_remove(m, i + 1);
}

enum ph_err
idmap_put(struct idmap *m, uint64_t id, void *item)
{
	struct idmap_page *p;
	size_t i, k;

	if (m->n == 0 && page_insert(m, 0, 0) == NULL)
		return PH_ENOMEM;
	i = range_of(m, id);
	if (m->v[i].page->n == IDMAP_PAGE) {
		k = slot_of(m->v[i].page, id);
		if (page_split(m, i, k, id) != PH_OK)
			return PH_ENOMEM;
		i = range_of(m, id);
	}
	p = m->v[i].page;
	k = slot_of(p, id);
	if (k < p->n && p->v[k].id == id)
		return PH_EBAD;
	memmove(&p->v[k + 1], &p->v[k], (p->n - k) * sizeof(p->v[0]));
	p->v[k] = (struct slot) { id, item };
	p->n++;
	return PH_OK;
}

void
idmap_remove(struct idmap *m, uint64_t id)
{
	struct idmap_page *p;
	size_t i, k;

	if (m->n == 0)
		return;
	i = range_of(m, id);
	p = m->v[i].page;
	k = slot_of(p, id);
	if (k == p->n || p->v[k].id != id)
		return;
	p->n--;
	memmove(&p->v[k], &p->v[k + 1], (p->n - k) * sizeof(p->v[0]));
	if (p->n == 0)
		page_remove(m, i);
	else if (p->n <= QUARTER) {
		page_join(m, i);
		if (i > 0)
			page_join(m, i - 1);
	}
}

void *
idmap_find(const struct idmap *m, uint64_t id)
{
	const struct idmap_page *p;
	size_t k;

	if (m->n == 0)
		return NULL;
	p = m->v[range_of(m, id)].page;
	k = slot_of(p, id);
	return k < p->n && p->v[k].id == id ? p->v[k].item : NULL;
}

void *
idmap_from(const struct idmap *m, uint64_t id)
{
	const struct idmap_page *p;
	size_t i, k;

	if (m->n == 0)
		return NULL;
	i = range_of(m, id);
	p = m->v[i].page;
	if ((k = slot_of(p, id)) < p->n)
		return p->v[k].item;
	/* No page is empty. */
	return i + 1 < m->n ? m->v[i + 1].page->v[0].item : NULL;
}
