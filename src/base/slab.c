/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/queue.h"
#include "src/base/slab.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define PLAIN true
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PLAIN true
#endif
#ifndef PLAIN
#define PLAIN false
#endif

#define UNIT	  8
/*
 * A page begins at a multiple of this, so that a piece leads to it.  It leaves
 * to malloc() what that keeps beside it, so that two pages are neighbours.
 */
#define PAGE	  16384
#define PAGE_USED (PAGE - 16)

/* One that is free. */
struct piece {
	struct piece *next;
};

struct page {
	LIST_ENTRY(page) entry; /* while it has room */
	struct piece *free;
	uint16_t size;	/* of a piece */
	uint16_t n;	/* in use */
	uint16_t fresh; /* where those begin that were never in use */
};

LIST_HEAD(page_list, page);
static struct page_list roomy[SLAB_MAX / UNIT + 1];

static size_t
size_rounded(size_t size)
{
	return size > 0 ? (size + UNIT - 1) / UNIT * UNIT : UNIT;
}

static struct page *
page_of(void *p)
{
	return (struct page *)((uintptr_t)p & ~(uintptr_t)(PAGE - 1));
}

static bool
page_is_full(const struct page *g)
{
	return g->free == NULL && g->fresh + g->size > PAGE_USED;
}

static struct page *
page_new(size_t size)
{
	struct page *g;
	void *p;

	if (posix_memalign(&p, PAGE, PAGE_USED) != 0)
		return NULL;
	g = p;
	g->free = NULL;
	g->size = (uint16_t)size;
	g->n = 0;
	g->fresh = (uint16_t)size_rounded(sizeof(*g));
	LIST_INSERT_HEAD(&roomy[size / UNIT], g, entry);
	return g;
}

static void *
page_take(struct page *g)
{
	void *p = g->free;

	if (p != NULL)
		g->free = g->free->next;
	else {
		p = (char *)g + g->fresh;
		g->fresh = (uint16_t)(g->fresh + g->size);
	}
	g->n++;
	if (page_is_full(g))
		LIST_REMOVE(g, entry);
	return p;
}

void *
slab_new(size_t size)
{
	size_t rounded = size_rounded(size);
	struct page *g;

	if (PLAIN || size > SLAB_MAX)
		return calloc(1, size);
	g = LIST_FIRST(&roomy[rounded / UNIT]);
	if (g == NULL && (g = page_new(rounded)) == NULL)
		return NULL;
	return memset(page_take(g), 0, rounded);
}

void
slab_free(void *p, size_t size)
{
	struct page_list *list;
	struct piece *piece = p;
	struct page *g;

	if (p == NULL || PLAIN || size > SLAB_MAX) {
		free(p);
		return;
	}
	g = page_of(p);
	if (g->size != size_rounded(size) || g->n == 0)
		abort();
	list = &roomy[g->size / UNIT];
	if (page_is_full(g))
		LIST_INSERT_HEAD(list, g, entry);
	piece->next = g->free;
	g->free = piece;
	g->n--;
	if (g->n > 0 || (LIST_FIRST(list) == g && LIST_NEXT(g, entry) == NULL))
		return;
	LIST_REMOVE(g, entry);
	free(g);
}
