/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "sip/mentions.h"
#include "sip/state.h"
#include "src/base/slab.h"

#define MAX_LOOK 64 /* mentions on one port that are looked at */

/* By what is named, the inside's before outsiders', then by Call-ID. */
static int
mention_order(const struct mention *k, const struct endpoint *where,
    bool outside, struct span call_id)
{
	int r;

	/* Addresses are few, ports differ. */
	if (k->where.port != where->port)
		return k->where.port < where->port ? -1 : 1;
	if ((r = addr_cmp(&k->where.addr, &where->addr)) != 0)
		return r;
	if (k->outside != outside)
		return k->outside ? 1 : -1;
	return span_cmp(call_id_of(k->call), call_id);
}

static int
mention_cmp(const struct mention *a, const struct mention *b)
{
	int r = mention_order(a, &b->where, b->outside, call_id_of(b->call));

	if (r != 0)
		return r;
	return a->serial < b->serial ? -1 : a->serial > b->serial;
}

static int
tally_cmp(const struct tally *a, const struct tally *b)
{
	if (a->target != b->target)
		return a->target ? 1 : -1;
	return addr_cmp(&a->addr, &b->addr);
}

RB_GENERATE_STATIC(mention_tree, mention, node, mention_cmp)
RB_GENERATE_STATIC(tally_tree, tally, node, tally_cmp)

void
mentions_init(struct mentions *cs)
{
	memset(cs, 0, sizeof(*cs));
	RB_INIT(&cs->tree);
	RB_INIT(&cs->tallies);
	TAILQ_INIT(&cs->age[0]);
	TAILQ_INIT(&cs->age[1]);
}

static struct tally *
tally_add(struct mentions *cs, struct addr addr, bool target)
{
	struct tally key, *t;

	key.addr = addr;
	key.target = target;
	if ((t = RB_FIND(tally_tree, &cs->tallies, &key)) == NULL) {
		if ((t = calloc(1, sizeof(*t))) == NULL)
			return NULL;
		t->addr = addr;
		t->target = target;
		RB_INSERT(tally_tree, &cs->tallies, t);
	}
	t->n++;
	return t;
}

static void
tally_remove(struct mentions *cs, struct tally *t)
{
	if (t == NULL || --t->n > 0)
		return;
	RB_REMOVE(tally_tree, &cs->tallies, t);
	free(t);
}

static struct outside_mention *
outside_of(struct mention *k)
{
	return (struct outside_mention *)(void *)k;
}

static void
outside_free(struct mentions *cs, struct outside_mention *o)
{
	TAILQ_REMOVE(&cs->age[o->m.excess], o, age);
	cs->n--;
	tally_remove(cs, o->source);
	tally_remove(cs, o->target);
	slab_free(o, sizeof(*o));
}

static void
mention_free(struct mentions *cs, struct mention *k)
{
	RB_REMOVE(mention_tree, &cs->tree, k);
	TAILQ_REMOVE(&k->call->mentions, k, entry);
	k->call->nmentions--;
	if (k->outside)
		outside_free(cs, outside_of(k));
	else
		slab_free(k, sizeof(*k));
}

void
mentions_free(struct call *c)
{
	while (!TAILQ_EMPTY(&c->mentions))
		mention_free(&c->sip->mentions, TAILQ_FIRST(&c->mentions));
}

/* Room for one more of an outsider's. */
static void
mentions_evict(struct mentions *cs)
{
	struct outside_mention *o;

	if (cs->n < SIP_MENTIONS_MAX)
		return;
	if ((o = TAILQ_FIRST(&cs->age[1])) == NULL)
		o = TAILQ_FIRST(&cs->age[0]);
	/* An outsider may name many ports so that one is forgotten. */
	if (o->m.excess)
		o->m.call->forgot = true;
	mention_free(cs, &o->m);
}

/* Room in the call; it is the outsider who fills it. */
static void
mentions_evict_in_call(struct call *c)
{
	struct mention *k;

	if (c->nmentions < SIP_MENTIONS_CALL)
		return;
	k = TAILQ_FIRST(&c->mentions);
	c->forgot = c->forgot || k->outside;
	mention_free(&c->sip->mentions, k);
}

/* The first mention on `where`, by the inside or by outsiders. */
static struct mention *
mention_first(struct mentions *cs, const struct endpoint *where, bool outside,
    struct span call_id)
{
	struct mention *at = RB_ROOT(&cs->tree), *k = NULL;

	while (at != NULL)
		if (mention_order(at, where, outside, call_id) >= 0) {
			k = at;
			at = RB_LEFT(at, node);
		} else
			at = RB_RIGHT(at, node);
	return k != NULL && k->outside == outside &&
		endpoint_cmp(&k->where, where) == 0
	    ? k
	    : NULL;
}

static struct mention *
mention_next(struct mention *k)
{
	struct mention *next = RB_NEXT(mention_tree, NULL, k);

	return next != NULL && next->outside == k->outside &&
		endpoint_cmp(&next->where, &k->where) == 0
	    ? next
	    : NULL;
}

static struct mention *
mention_in_call(struct mentions *cs, const struct call *c,
    const struct endpoint *where, bool outside)
{
	struct mention *k = mention_first(cs, where, outside, call_id_of(c));

	return k != NULL && span_eq(call_id_of(k->call), call_id_of(c)) ? k
									: NULL;
}

/* Has a leg of this Call-ID lost what an outsider had named in it? */
static bool
mention_was_forgotten(const struct call *c)
{
	const struct call *leg;

	for (leg = call_first(c->sip, call_id_of(c)); leg != NULL;
	     leg = call_next(leg))
		if (leg->forgot)
			return true;
	return false;
}

/* Has a living call of this outsider's heard it from the inside? */
static bool
mention_was_told(struct mentions *cs, const struct endpoint *where,
    const struct addr *speaker)
{
	struct span any = { NULL, 0 };
	unsigned int look = 0;
	struct mention *k;

	for (k = mention_first(cs, where, false, any);
	     k != NULL && look++ < MAX_LOOK; k = mention_next(k))
		if (!k->call->dead &&
		    (addr_eq(&k->call->addr[CALLER], speaker) ||
			addr_eq(&k->call->addr[CALLEE], speaker)))
			return true;
	return false;
}

/* Within a call; another leg may be over before this one. */
static bool
mention_exists(struct mentions *cs, const struct call *c,
    const struct endpoint *where, bool outside)
{
	struct mention *k = mention_first(cs, where, outside, call_id_of(c));

	for (; k != NULL && span_eq(call_id_of(k->call), call_id_of(c));
	     k = mention_next(k))
		if (k->call == c)
			return true;
	return false;
}

/* NULL: no memory. */
static struct mention *
outside_new(struct mentions *cs, const struct endpoint *where,
    const struct addr *speaker)
{
	struct outside_mention *o = slab_new(sizeof(*o));

	if (o == NULL)
		return NULL;
	o->source = tally_add(cs, addr_source(speaker), false);
	o->target = tally_add(cs, where->addr, true);
	if (o->source == NULL || o->target == NULL) {
		tally_remove(cs, o->source);
		tally_remove(cs, o->target);
		slab_free(o, sizeof(*o));
		return NULL;
	}
	o->m.outside = true;
	o->m.excess = o->source->n > SIP_MENTIONS_SOURCE;
	TAILQ_INSERT_TAIL(&cs->age[o->m.excess], o, age);
	cs->n++;
	return &o->m;
}

static void
mention_add(struct call *c, const struct endpoint *where,
    const struct addr *speaker)
{
	struct mentions *cs = &c->sip->mentions;
	struct mention *k;

	if (mention_exists(cs, c, where, speaker != NULL))
		return;
	if (speaker != NULL)
		mentions_evict(cs);
	mentions_evict_in_call(c);
	k = speaker != NULL ? outside_new(cs, where, speaker)
			    : slab_new(sizeof(*k));
	if (k == NULL)
		return;
	k->call = c;
	k->where = *where;
	k->serial = ++cs->serial;
	RB_INSERT(mention_tree, &cs->tree, k);
	TAILQ_INSERT_TAIL(&c->mentions, k, entry);
	c->nmentions++;
}

/* When the inside first named it in a call that lives; else UINT64_MAX. */
static uint64_t
mention_first_inside(struct mentions *cs, const struct endpoint *where)
{
	struct span any = { NULL, 0 };
	uint64_t first = UINT64_MAX;
	unsigned int look = 0;
	struct mention *k;

	for (k = mention_first(cs, where, false, any);
	     k != NULL && look++ < MAX_LOOK; k = mention_next(k))
		if (!k->call->dead && k->serial < first)
			first = k->serial;
	return first;
}

/* May `speaker`, in call `c`, be repeating what was said in call `other`? */
static bool
mention_may_repeat(const struct call *c, bool answer,
    const struct addr *speaker, const struct call *other)
{
	const struct sip_policy *p = &c->sip->config.policy;
	const struct addr *inside = &other->addr[call_inside(other)];

	if (other->dead ||
	    (!addr_eq(inside, speaker) &&
		(!sip_policy_is_server(p, inside) ||
		    !sip_policy_is_server(p, speaker))))
		return false;
	/* Answering strangers, a host speaks for itself. */
	return (c->accepted && !answer) || c->protected[CALLER] ||
	    other->accepted || other->protected[CALLER];
}

static bool
mention_is_repeated(struct call *c, bool answer, const struct addr *speaker,
    const struct endpoint *where, bool tcp)
{
	struct mentions *cs = &c->sip->mentions;
	struct span any = { NULL, 0 };
	unsigned int look = 0;
	struct addr liar;
	uint64_t inside;
	struct mention *k, *first;

	if (mention_in_call(cs, c, where, false) != NULL)
		return false;
	/* Most endpoints were named by no outsider in any call. */
	if ((first = mention_first(cs, where, true, any)) == NULL)
		return mention_was_forgotten(c);
	if ((k = mention_in_call(cs, c, where, true)) != NULL) {
		/*
		 * This leg may outlive the leg in which the outsider named the
		 * endpoint.
		 */
		liar = outside_of(k)->source->addr;
		mention_add(c, where, &liar);
		return true;
	}
	if (mention_was_forgotten(c))
		return true;
	inside = mention_first_inside(cs, where);
	for (k = first; k != NULL && look++ < MAX_LOOK; k = mention_next(k)) {
		if (k->serial > inside ||
		    !mention_may_repeat(c, answer, speaker, k->call))
			continue;
		if (tcp ||
		    (outside_of(k)->source->n <= SIP_MENTIONS_SOURCE &&
			outside_of(k)->target->n <= SIP_MENTIONS_TARGET))
			return true;
	}
	return tcp && k != NULL;
}

/*
 * The `i`th address and port that a stream names: RTP, RTCP where that is
 * told, candidates.  False if there is nothing there that matters.
 */
static bool
mention_endpoint(const struct sip_policy *p, const struct sdp_media *m,
    unsigned int i, struct endpoint *where)
{
	const struct sdp_candidate *c;

	if (m->fault != SDP_OK)
		return false;
	if (i == 0) {
		where->addr = m->addr;
		where->port = m->port;
	} else if (i == 1) {
		if (m->rtcp.port == 0 && m->rtcp.addr.af == AF_UNSPEC)
			return false;
		where->addr =
		    m->rtcp.addr.af != AF_UNSPEC ? m->rtcp.addr : m->addr;
		where->port =
		    m->rtcp.port != 0 ? m->rtcp.port : (uint16_t)(m->port + 1);
	} else {
		c = &m->candidates[i - 2];
		where->addr = c->addr;
		where->port = c->port;
	}
	where->addr = sip_policy_inside(p, &where->addr);
	return where->port >= 1024 && sip_policy_protects(p, &where->addr);
}

void
mentions_inside(struct call *c, bool answer, struct sdp_side *side)
{
	const struct sip_policy *p = &c->sip->config.policy;
	struct sdp_media *m;
	struct endpoint where;
	unsigned int i;

	for (m = side->media; m < side->media + side->n; m++)
		for (i = 0; i < 2u + m->ncandidates; i++) {
			if (!mention_endpoint(p, m, i, &where))
				continue;
			if (mention_is_repeated(c, answer, &side->speaker,
				&where, m->kind == SDP_TCP))
				m->repeated |= (uint16_t)(1u << i);
			else
				mention_add(c, &where, NULL);
		}
}

void
mentions_outside(struct call *c, const struct addr *speaker,
    const struct sdp_media *media, size_t n)
{
	const struct sip_policy *p = &c->sip->config.policy;
	struct mentions *cs = &c->sip->mentions;
	struct endpoint where;
	unsigned int i;
	size_t k;

	for (k = 0; k < n; k++)
		for (i = 0; i < 2u + media[k].ncandidates; i++)
			if (mention_endpoint(p, &media[k], i, &where) &&
			    mention_in_call(cs, c, &where, false) == NULL &&
			    !mention_was_told(cs, &where, speaker))
				mention_add(c, &where, speaker);
}

void
mentions_adopt(struct call *c, const struct sdp_side *side)
{
	const struct sip_policy *p = &c->sip->config.policy;
	struct endpoint where;
	unsigned int i, k;

	if (side == NULL)
		return;
	if (!sip_policy_protects(p, &side->speaker)) {
		mentions_outside(c, &side->speaker, side->media, side->n);
		return;
	}
	for (k = 0; k < side->n; k++)
		for (i = 0; i < 2u + side->media[k].ncandidates; i++)
			if ((side->media[k].repeated & 1u << i) == 0 &&
			    mention_endpoint(p, &side->media[k], i, &where))
				mention_add(c, &where, NULL);
}

struct kept_mention {
	struct endpoint where;
	struct addr liar;
};

bool
mentions_has_outside(const struct call *c)
{
	const struct mention *k;

	TAILQ_FOREACH(k, &c->mentions, entry)
		if (k->outside)
			return true;
	return false;
}

void
mentions_keep(const struct call *c, struct mentions_kept *kept)
{
	struct mention *k;

	kept->n = 0;
	kept->v = NULL;
	if (!mentions_has_outside(c) ||
	    (kept->v = calloc(c->nmentions, sizeof(kept->v[0]))) == NULL)
		return;
	TAILQ_FOREACH(k, &c->mentions, entry)
		if (k->outside) {
			kept->v[kept->n].where = k->where;
			kept->v[kept->n++].liar = outside_of(k)->source->addr;
		}
}

void
mentions_give(struct call *c, struct mentions_kept *kept)
{
	size_t i;

	for (i = 0; c != NULL && i < kept->n; i++)
		mention_add(c, &kept->v[i].where, &kept->v[i].liar);
	free(kept->v);
}
