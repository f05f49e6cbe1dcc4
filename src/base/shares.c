/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/shares.h"

struct share {
	RB_ENTRY(share) addr_node;
	RB_ENTRY(share) size_node;
	struct addr addr;
	size_t used;
	uint64_t touched;
	TAILQ_HEAD(, share_item) items; /* least recently touched first */
};

static int
addr_order(const struct share *a, const struct share *b)
{
	return addr_cmp(&a->addr, &b->addr);
}

/* Order by used room, then by age: the source that has to give comes last. */
static int
size_order(const struct share *a, const struct share *b)
{
	if (a->used != b->used)
		return a->used < b->used ? -1 : 1;
	if (a->touched != b->touched)
		return a->touched > b->touched ? -1 : 1;
	return 0;
}

RB_GENERATE_STATIC(share_addr_tree, share, addr_node, addr_order)
RB_GENERATE_STATIC(share_size_tree, share, size_node, size_order)

void
shares_init(struct shares *s)
{
	memset(s, 0, sizeof(*s));
	RB_INIT(&s->by_addr);
	RB_INIT(&s->by_size);
}

/* Change what a share takes; it counts as touched. */
static void
share_set(struct shares *s, struct share *h, size_t used)
{
	RB_REMOVE(share_size_tree, &s->by_size, h);
	s->used = s->used - h->used + used;
	h->used = used;
	h->touched = ++s->clock; /* unique, and so the order is total */
	RB_INSERT(share_size_tree, &s->by_size, h);
}

static struct share *
share_find(const struct shares *s, const struct addr *source)
{
	/* The macros have no const form, but a search changes nothing. */
	struct share_addr_tree tree = s->by_addr;
	struct share key;

	key.addr = *source;
	if (source->af == AF_INET6)
		memset(key.addr.b + 8, 0, 8);
	return RB_FIND(share_addr_tree, &tree, &key);
}

size_t
shares_taken(const struct shares *s, const struct addr *source)
{
	const struct share *h = share_find(s, source);

	return h != NULL ? h->used : 0;
}

size_t
shares_beside(const struct share_item *item)
{
	return item->share->used;
}

static struct share *
share_get(struct shares *s, const struct addr *source)
{
	struct share *h = share_find(s, source);

	if (h != NULL || (h = calloc(1, sizeof(*h))) == NULL)
		return h;
	h->addr = *source;
	if (source->af == AF_INET6)
		memset(h->addr.b + 8, 0, 8);
	h->touched = ++s->clock;
	TAILQ_INIT(&h->items);
	RB_INSERT(share_addr_tree, &s->by_addr, h);
	RB_INSERT(share_size_tree, &s->by_size, h);
	return h;
}

bool
shares_add(struct shares *s, struct share_item *item, const struct addr *source,
    size_t cost)
{
	struct share *h = share_get(s, source);

	if (h == NULL)
		return false;
	item->share = h;
	item->cost = cost;
	TAILQ_INSERT_TAIL(&h->items, item, entry);
	s->n++;
	share_set(s, h, h->used + cost);
	return true;
}

void
shares_remove(struct shares *s, struct share_item *item)
{
	struct share *h = item->share;

	if (h == NULL)
		return;
	TAILQ_REMOVE(&h->items, item, entry);
	s->n--;
	share_set(s, h, h->used - item->cost);
	item->share = NULL;
	item->cost = 0;
	if (!TAILQ_EMPTY(&h->items))
		return;
	RB_REMOVE(share_addr_tree, &s->by_addr, h);
	RB_REMOVE(share_size_tree, &s->by_size, h);
	free(h);
}

void
shares_resize(struct shares *s, struct share_item *item, size_t cost)
{
	share_set(s, item->share, item->share->used - item->cost + cost);
	item->cost = cost;
}

void
shares_touch(struct shares *s, struct share_item *item)
{
	struct share *h = item->share;

	TAILQ_REMOVE(&h->items, item, entry);
	TAILQ_INSERT_TAIL(&h->items, item, entry);
	share_set(s, h, h->used);
}

void *
shares_worst(struct shares *s)
{
	struct share *h = RB_MAX(share_size_tree, &s->by_size);

	return h != NULL ? TAILQ_FIRST(&h->items)->owner : NULL;
}
