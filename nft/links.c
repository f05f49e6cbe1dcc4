/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "nft/links.h"
#include "src/base/pinhole.h"
#include "src/base/slab.h"

_Static_assert(HOLE_FRONTS_MAX <= UINT8_MAX, "link.place");
_Static_assert(sizeof(struct link) <= 32, "one for each port of a pinhole");

static struct link *
link_of(struct hash_node *n)
{
	return (struct link *)(void *)n;
}

struct host *
link_host_at(struct hash_node *n)
{
	return (struct host *)(void *)n;
}

struct holder *
link_holder(struct link *link)
{
	return (struct holder *)(void *)((char *)(link - link->place) -
	    offsetof(struct holder, links));
}

struct elem
link_elem(struct link *link)
{
	const struct pinhole hole = pinhole_unpack(link_holder(link)->e->tuple);

	return hole_front(&hole, link->place);
}

/* Of an element that is no way back. */
static uint32_t
elem_hash(const struct hash *h, const struct elem *e)
{
	uint8_t bytes[1 + ELEM_KEYLEN] = { e->set };

	memcpy(bytes + 1, e->key, e->keylen);
	return (uint32_t)hash_bytes(h, bytes, 1u + e->keylen);
}

static uint64_t
link_hash(const struct hash *h, const struct hash_node *n)
{
	(void)h;
	return ((const struct link *)(const void *)n)->hash;
}

static uint64_t
addr_hash(const struct hash *h, const struct addr *a)
{
	return hash_bytes(h, a->b, addr_bytes(a->af));
}

static uint64_t
host_hash(const struct hash *h, const struct hash_node *n)
{
	return addr_hash(h, &((const struct host *)(const void *)n)->addr);
}

enum ph_err
links_init(struct links *ls)
{
	enum ph_err rc;

	memset(ls, 0, sizeof(*ls));
	if ((rc = hash_init(&ls->by_elem, link_hash)) != PH_OK)
		return rc;
	return hash_init(&ls->hosts, host_hash);
}

/* The first link of this element from `n` on; NULL: there is none. */
static struct link *
link_from(struct hash_node *n, uint32_t hash, const struct elem *e)
{
	struct elem it;

	for (; n != NULL; n = n->next) {
		if (link_of(n)->hash != hash)
			continue;
		it = link_elem(link_of(n));
		if (elem_cmp(&it, e) == 0)
			return link_of(n);
	}
	return NULL;
}

struct link *
link_first(const struct links *ls, const struct elem *e)
{
	uint32_t hash = elem_hash(&ls->by_elem, e);

	return link_from(hash_chain(&ls->by_elem, hash), hash, e);
}

struct link *
link_next(struct link *link, const struct elem *e)
{
	return link_from(link->by_elem.next, link->hash, e);
}

struct link *
link_find(const struct links *ls, const struct elem *e, struct elem *front)
{
	*front = *e;
	if (e->set >= SET_COUNT)
		return NULL;
	front->set = (uint8_t)set_front(e->set);
	return e->keylen == set_keylen(front->set) ? link_first(ls, front)
						   : NULL;
}

struct link *
links_first(const struct links *ls, struct hash_iter *it)
{
	return link_of(hash_first(&ls->by_elem, it));
}

struct link *
links_next(const struct links *ls, struct hash_iter *it)
{
	return link_of(hash_next(&ls->by_elem, it));
}

/* The elements of a set, one more or one less. */
void
links_count(struct links *ls, unsigned int set, size_t change)
{
	ls->count[set] += change;
	if (set_has_back(set))
		ls->count[set_back(set)] += change;
}

struct host *
link_host_find(const struct links *ls, const struct addr *a)
{
	struct hash_node *n = hash_chain(&ls->hosts, addr_hash(&ls->hosts, a));

	while (n != NULL && !addr_eq(&link_host_at(n)->addr, a))
		n = n->next;
	return n != NULL ? link_host_at(n) : NULL;
}

/* The host, referred to once more; NULL: no memory. */
static struct host *
host_take(struct links *ls, const struct addr *a)
{
	struct host *host = link_host_find(ls, a);

	if (host == NULL) {
		if ((host = calloc(1, sizeof(*host))) == NULL)
			return NULL;
		host->addr = *a;
		hash_insert(&ls->hosts, &host->by_addr);
	}
	host->refs++;
	return host;
}

struct elem
link_host_elem(const struct host *host)
{
	return elem_addr(SET_HOSTS, &host->addr);
}

static void
host_release(struct links *ls, struct host *host)
{
	if (--host->refs > 0)
		return;
	if (host->in_kernel)
		links_count(ls, link_host_elem(host).set, (size_t)-1);
	hash_remove(&ls->hosts, &host->by_addr);
	free(host);
}

void
link_lead(struct link *from, struct link *to)
{
	to->kernel_deadline = from->kernel_deadline;
	to->packets[0] = from->packets[0];
	to->packets[1] = from->packets[1];
	to->stamp = from->stamp;
	to->in_kernel = from->in_kernel;
	to->used = from->used;
	to->leads = true;
	from->leads = false;
}

static void
link_enter(struct links *ls, struct link *link, const struct elem *e)
{
	link->hash = elem_hash(&ls->by_elem, e);
	link->leads = link_first(ls, e) == NULL;
	hash_insert_as(&ls->by_elem, link->hash, &link->by_elem);
}

static void
link_leave(struct links *ls, struct link *link)
{
	const struct elem e = link_elem(link);
	struct link *other;

	hash_remove(&ls->by_elem, &link->by_elem);
	if (!link->leads)
		return;
	if ((other = link_first(ls, &e)) != NULL)
		link_lead(link, other);
	else if (link->in_kernel)
		links_count(ls, e.set, (size_t)-1);
}

void
link_holder_hold(struct holder *holder, bool yes)
{
	if (holder->held == yes)
		return;
	holder->held = yes;
	holder->host->held += yes ? 1 : (uint32_t)-1;
}

static size_t
holder_size(size_t n)
{
	return sizeof(struct holder) + n * sizeof(struct link);
}

enum ph_err
link_holder_new(struct links *ls, struct fw_entry *e, const struct addr *host,
    const struct elem *v, size_t n)
{
	struct holder *holder;

	if ((holder = slab_new(holder_size(n))) == NULL)
		return PH_ENOMEM;
	if ((holder->host = host_take(ls, host)) == NULL) {
		slab_free(holder, holder_size(n));
		return PH_ENOMEM;
	}
	holder->e = e;
	e->own = holder;
	for (; holder->n < n; holder->n++) {
		holder->links[holder->n].place = (uint8_t)holder->n;
		link_enter(ls, &holder->links[holder->n], &v[holder->n]);
	}
	return PH_OK;
}

void
link_holder_free(struct links *ls, struct holder *holder)
{
	size_t i;

	link_holder_hold(holder, false);
	for (i = 0; i < holder->n; i++)
		link_leave(ls, &holder->links[i]);
	host_release(ls, holder->host);
	holder->e->own = NULL;
	slab_free(holder, holder_size(holder->n));
}

/*
 * All holders, each by the first of its links, in a list: none may be freed
 * while the links are walked.
 */
static struct holder *
holders_gather(const struct links *ls)
{
	struct holder *holder, *first = NULL;
	struct hash_iter it;
	struct link *link;

	for (link = links_first(ls, &it); link != NULL;
	     link = links_next(ls, &it)) {
		if (link->place != 0)
			continue;
		holder = link_holder(link);
		holder->e->own = first;
		first = holder;
	}
	return first;
}

void
links_free(struct links *ls)
{
	struct holder *holder, *next;
	struct hash_node *n;
	struct hash_iter it;

	if (ls->hosts.v != NULL) {
		for (holder = holders_gather(ls); holder != NULL;
		     holder = next) {
			next = holder->e->own;
			holder->e->own = NULL;
			slab_free(holder, holder_size(holder->n));
		}
		for (n = hash_first(&ls->hosts, &it); n != NULL;
		     n = hash_next(&ls->hosts, &it))
			free(n);
	}
	hash_free(&ls->by_elem);
	hash_free(&ls->hosts);
}
