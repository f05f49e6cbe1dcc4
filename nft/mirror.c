/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "nft/links.h"
#include "nft/mirror.h"
#include "nft/table.h"

/* Room for changes that is kept from one commit to the next. */
#define CHANGES_KEPT 1024

/* A change of an element, or of a host. */
struct change {
	struct mirror_change c; /* op 0: none */
	struct link *leader;
	struct link *held; /* of an entry that stays; NULL: there is none */
	struct host *host;
};

struct mirror {
	const struct fw_config *config;
	struct links links;
	struct change *changes; /* while a commit may make them */
	size_t nchanges, maxchanges;
	uint8_t stamp;
	bool leftovers;
};

struct mirror *
mirror_new(const struct fw_config *config)
{
	struct mirror *m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->config = config;
	if (links_init(&m->links) != PH_OK) {
		mirror_free(m);
		return NULL;
	}
	return m;
}

void
mirror_free(struct mirror *m)
{
	if (m == NULL)
		return;
	links_free(&m->links);
	free(m->changes);
	free(m);
}

void
mirror_forget(struct mirror *m, struct fw_entry *e)
{
	if (e->own != NULL)
		link_holder_free(&m->links, e->own);
}

static const struct addr *
protected_end(const struct pinhole *h)
{
	return h->dir == PINHOLE_IN ? &h->to : &h->from.addr;
}

/*
 * A map leads a key to one place only, but may lead it to another as soon as no
 * entry holds it: one commit may close a port and open it to another host.
 */
static bool
elem_is_free(const struct mirror *m, const struct elem *e)
{
	struct link *link;
	struct elem it;

	if (e->datalen == 0)
		return true;
	for (link = link_first(&m->links, e); link != NULL;
	     link = link_next(link, e)) {
		it = link_elem(link);
		if (link_holder(link)->held &&
		    memcmp(it.data, e->data, e->datalen) != 0)
			return false;
	}
	return true;
}

enum ph_err
mirror_add(struct mirror *m, struct fw_entry *e)
{
	const struct pinhole hole = fw_entry_hole(e);
	struct elem v[HOLE_FRONTS_MAX];
	enum ph_err rc;
	size_t i, n;

	if ((rc = hole_fronts(&hole, m->config, v, &n)) != PH_OK)
		return rc;
	if (e->own == NULL &&
	    (rc = link_holder_new(&m->links, e, protected_end(&hole), v, n)) !=
		PH_OK)
		return rc;
	for (i = 0; i < n; i++)
		if (!elem_is_free(m, &v[i]))
			return PH_EBAD;
	link_holder_hold(e->own, true);
	return PH_OK;
}

void
mirror_remove(struct mirror *m, struct fw_entry *e)
{
	(void)m;
	link_holder_hold(e->own, false);
}

/* The change that the kernel needs; 0: none. */
static enum mirror_op
op_of(const struct mirror *m, bool held, bool in_kernel)
{
	if (!held)
		return in_kernel ? MIRROR_REMOVE : 0;
	if (!in_kernel)
		return m->leftovers ? MIRROR_REPLACE : MIRROR_ADD;
	return 0;
}

static bool
change_differs(const struct change *c)
{
	return c->held != NULL && c->leader->in_kernel && !c->leader->used &&
	    (c->c.deadline != c->leader->kernel_deadline ||
		memcmp(c->c.old_data, c->c.elem.data, c->c.elem.datalen) != 0);
}

static int64_t
deadline_later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* What all entries together want of the element that this link needs. */
static void
change_of_link(struct mirror *m, struct link *link, struct change *c)
{
	struct elem e = link_elem(link), old;
	struct link *it;
	int64_t at;

	memset(c, 0, sizeof(*c));
	for (it = link_first(&m->links, &e); it != NULL;
	     it = link_next(it, &e)) {
		if (it->leads)
			c->leader = it;
		if (!link_holder(it)->held)
			continue;
		c->held = it;
		at = link_holder(it)->e->deadline;
		c->c.deadline =
		    deadline_later(c->c.deadline, at == 0 ? INT64_MAX : at);
	}
	if (!set_expires(e.set))
		c->c.deadline = INT64_MAX;
	old = link_elem(c->leader);
	c->c.elem = c->held != NULL ? link_elem(c->held) : old;
	memcpy(c->c.old_data, c->leader->in_kernel ? old.data : c->c.elem.data,
	    sizeof(c->c.old_data));
	if (c->leader->in_kernel && !c->leader->used)
		c->c.certain = c->leader->kernel_deadline;
	c->c.op = op_of(m, c->held != NULL, c->leader->in_kernel);
	if (change_differs(c))
		c->c.op = MIRROR_REPLACE;
}

static void
changes_add_link(struct mirror *m, struct link *link)
{
	struct change *c = &m->changes[m->nchanges];

	change_of_link(m, link, c);
	if (c->leader->changing)
		return;
	c->leader->changing = true;
	m->nchanges++;
}

static void
changes_add_host(struct mirror *m, struct host *host)
{
	struct change *c = &m->changes[m->nchanges];

	if (host->changing)
		return;
	host->changing = true;
	m->nchanges++;
	memset(c, 0, sizeof(*c));
	c->host = host;
	c->c.op = op_of(m, host->held > 0, host->in_kernel);
	c->c.elem = link_host_elem(host);
	c->c.deadline = INT64_MAX;
	c->c.certain = host->in_kernel ? INT64_MAX : 0;
}

static bool
changes_reserve(struct mirror *m, size_t n)
{
	struct change *v;

	if (n <= m->maxchanges)
		return true;
	if ((v = reallocarray(m->changes, n, sizeof(*v))) == NULL)
		return false;
	m->changes = v;
	m->maxchanges = n;
	return true;
}

static int
change_cmp(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	return (int)x->c.elem.set - (int)y->c.elem.set;
}

enum ph_err
mirror_begin(struct mirror *m, const struct fw_edit *edits, size_t n)
{
	struct holder *holder;
	size_t i, j, most = 0;

	for (i = 0; i < n; i++) {
		holder = edits[i].entry->own;
		most += holder->n + 1u;
	}
	if (!changes_reserve(m, most))
		return PH_ENOMEM;
	for (i = 0; i < n; i++) {
		holder = edits[i].entry->own;
		for (j = 0; j < holder->n; j++)
			changes_add_link(m, &holder->links[j]);
		changes_add_host(m, holder->host);
	}
	if (m->nchanges > 1)
		qsort(m->changes, m->nchanges, sizeof(*m->changes), change_cmp);
	return PH_OK;
}

bool
mirror_next_change(struct mirror *m, size_t *iter, unsigned int ops,
    struct mirror_change *out)
{
	const struct mirror_change *c;
	bool back;

	for (; *iter < 2 * m->nchanges; ++*iter) {
		back = *iter >= m->nchanges;
		c = &m->changes[*iter - (back ? m->nchanges : 0)].c;
		if (c->op == 0 || (1u << c->op & ops) == 0 ||
		    (back && !set_has_back(c->elem.set)))
			continue;
		*out = *c;
		if (back)
			out->elem.set = (uint8_t)set_back(c->elem.set);
		++*iter;
		return true;
	}
	return false;
}

/* The kernel now has this element as we want it. */
static void
link_settled(struct mirror *m, const struct change *c)
{
	struct link *link = c->leader;
	bool held = c->held != NULL;

	if (held != link->in_kernel)
		links_count(&m->links, c->c.elem.set, held ? 1 : (size_t)-1);
	link->in_kernel = held;
	link->kernel_deadline = c->c.deadline;
	if (!held || c->c.op == MIRROR_REPLACE)
		link->packets[0] = link->packets[1] = 0;
	if (!held)
		link->used = false;
	/* Its data is that of an entry which stays. */
	if (held && !link_holder(link)->held)
		link_lead(link, c->held);
}

static void
host_settled(struct mirror *m, const struct change *c)
{
	bool held = c->host->held > 0;

	if (held != c->host->in_kernel)
		links_count(&m->links, c->c.elem.set, held ? 1 : (size_t)-1);
	c->host->in_kernel = held;
}

void
mirror_end(struct mirror *m, bool done)
{
	struct change *c;

	for (c = m->changes; c != NULL && c < m->changes + m->nchanges; c++) {
		if (c->host != NULL)
			c->host->changing = false;
		else
			c->leader->changing = false;
		if (done && c->host != NULL)
			host_settled(m, c);
		else if (done)
			link_settled(m, c);
	}
	m->nchanges = 0;
	if (m->maxchanges > CHANGES_KEPT) {
		free(m->changes);
		m->changes = NULL;
		m->maxchanges = 0;
	}
}

/* What the kernel had of this element; false: nothing. */
static bool
link_had(struct link *link, unsigned int set, struct mirror_change *out)
{
	if (!link->leads || !link->in_kernel || link->used)
		return false;
	out->elem = link_elem(link);
	out->deadline = link->kernel_deadline;
	return out->elem.set == set_front(set);
}

static bool
host_had(const struct host *host, unsigned int set, struct mirror_change *out)
{
	out->elem = link_host_elem(host);
	out->deadline = INT64_MAX;
	return host->in_kernel && out->elem.set == set;
}

bool
mirror_next(struct mirror *m, struct mirror_iter *iter,
    struct mirror_change *out)
{
	struct hash_node *n;
	struct hash *h;
	bool hosts;

	memset(out, 0, sizeof(*out));
	for (; iter->set < SET_COUNT; iter->set++, iter->started = false) {
		if (m->links.count[iter->set] == 0)
			continue;
		hosts = set_kind(iter->set) == SET_HOSTS;
		h = hosts ? &m->links.hosts : &m->links.by_elem;
		n = iter->started ? hash_next(h, &iter->at)
				  : hash_first(h, &iter->at);
		iter->started = true;
		while (n != NULL &&
		    !(hosts ? host_had(link_host_at(n), iter->set, out)
			    : link_had((struct link *)(void *)n, iter->set,
				  out)))
			n = hash_next(h, &iter->at);
		if (n != NULL)
			break;
	}
	if (iter->set == SET_COUNT)
		return false;
	out->op = MIRROR_ADD;
	out->elem.set = (uint8_t)iter->set;
	memcpy(out->old_data, out->elem.data, sizeof(out->old_data));
	out->certain = out->deadline;
	return true;
}

size_t
mirror_count(const struct mirror *m, unsigned int set)
{
	return m->links.count[set];
}

void
mirror_expect_leftovers(struct mirror *m, bool expect)
{
	m->leftovers = expect;
}

static bool
mirror_has_host(const struct mirror *m, const struct elem *e)
{
	const struct addr a = addr_from_bytes(set_af(e->set), e->key);
	const struct host *host = link_host_find(&m->links, &a);

	return host != NULL && host->held > 0;
}

bool
mirror_has(struct mirror *m, const struct elem *e)
{
	struct elem front;
	struct link *link;

	if (e->set < SET_COUNT && set_kind(e->set) == SET_HOSTS)
		return mirror_has_host(m, e);
	for (link = link_find(&m->links, e, &front); link != NULL;
	     link = link_next(link, &front))
		if (link_holder(link)->held)
			return true;
	return false;
}

static bool
mirror_has_elem(struct mirror *m, struct elem e)
{
	return mirror_has(m, &e);
}

/* The rules of chain udp4 and its like, one by one; see nft/table.c. */
static bool
covers_mirrored(struct mirror *m, const struct flow_view *v, bool mirrored)
{
	const struct addr *from = mirrored ? &v->dst : &v->src;
	const struct addr *to = mirrored ? &v->src : &v->dst;
	uint16_t from_port = mirrored ? v->dport : v->sport;
	uint16_t to_port = mirrored ? v->sport : v->dport;
	uint8_t proto = v->proto;

	if (mirror_has_elem(m, elem_host(SET_IN, proto, from, to, to_port)) ||
	    mirror_has_elem(m,
		elem_port(SET_IN_PORT, proto, from, from_port, to, to_port)) ||
	    mirror_has_elem(m, elem_to(SET_IN_ANY, proto, to, to_port)))
		return true;
	if (mirror_has_elem(m, elem_to(SET_IN_NET, proto, to, to_port)) &&
	    prefixes_contain(m->config->remotes, m->config->nremotes, from))
		return true;
	if (mirrored && !v->reply)
		return false;
	return mirror_has_elem(m,
		   elem_host(SET_OUT, proto, from, to, to_port)) ||
	    mirror_has_elem(m,
		elem_port(SET_OUT_PORT, proto, from, from_port, to, to_port));
}

bool
mirror_covers(struct mirror *m, const struct flow_view *v)
{
	return covers_mirrored(m, v, false) || covers_mirrored(m, v, true);
}

void
mirror_count_begin(struct mirror *m)
{
	m->stamp++;
}

/* The end of its pinholes that sent the packets counted here. */
static unsigned int
set_sender(unsigned int set)
{
	if (set_part(set) == PART_ONCE)
		return FW_SEEN_FROM | FW_SEEN_TO;
	return set_is_back(set) ? FW_SEEN_TO : FW_SEEN_FROM;
}

/* `link` is the first of the element `e`. */
static void
links_seen(struct link *link, const struct elem *e, unsigned int ends,
    uint32_t packets)
{
	for (; link != NULL; link = link_next(link, e)) {
		if (!link_holder(link)->held)
			continue;
		link_holder(link)->seen |= (uint8_t)ends;
		link_holder(link)->e->packets += packets;
	}
}

/*
 * Also for an element that is about to be replaced, or that the kernel has
 * just replaced and reports for the last time.
 */
void
mirror_counted(struct mirror *m, const struct elem *e, uint64_t packets)
{
	uint32_t before, now = (uint32_t)packets;
	struct link *first, *leader;
	struct elem front;
	bool back;

	if ((first = link_find(&m->links, e, &front)) == NULL)
		return;
	back = set_is_back(e->set);
	for (leader = first; !leader->leads; leader = link_next(leader, &front))
		continue;
	before = leader->packets[back];
	leader->packets[back] = now;
	leader->stamp = m->stamp;
	if (now != before && now != 0)
		links_seen(first, &front, set_sender(e->set),
		    now > before ? now - before : now);
}

/* The element may have gone from the kernel, although its time is not up. */
static bool
link_is_missing(const struct mirror *m, const struct link *link, int64_t now)
{
	return link->leads && !link->used && link->in_kernel &&
	    link->stamp != m->stamp && link->kernel_deadline > now;
}

static void
links_find_used(struct mirror *m, int64_t now)
{
	struct hash_iter it;
	struct link *link;
	struct elem e;

	for (link = links_first(&m->links, &it); link != NULL;
	     link = links_next(&m->links, &it)) {
		if (!link_is_missing(m, link, now))
			continue;
		e = link_elem(link);
		if (set_part(e.set) != PART_ONCE)
			continue;
		link->used = true;
		links_seen(link_first(&m->links, &e), &e, set_sender(e.set), 0);
	}
}

void
mirror_count_end(struct mirror *m, bool complete, int64_t now, fw_seen_fn seen,
    void *ctx)
{
	struct holder *holder;
	struct hash_iter it;
	struct link *link;

	if (complete)
		links_find_used(m, now);
	for (link = links_first(&m->links, &it); link != NULL;
	     link = links_next(&m->links, &it)) {
		holder = link_holder(link);
		if (holder->held && holder->seen != 0)
			seen(ctx, holder->e, holder->seen);
		holder->seen = 0;
	}
}

void
mirror_count_reset(struct mirror *m)
{
	struct hash_iter it;
	struct link *link;

	for (link = links_first(&m->links, &it); link != NULL;
	     link = links_next(&m->links, &it))
		link->packets[0] = link->packets[1] = 0;
}
