/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "pf/states.h"

#define CREATOR UINT32_C(0x70686f6c)

void
p_states_init(struct p_states *st, const struct p_sys *sys, struct p_dev *dev,
    bool log)
{
	uint32_t host = 0;

	st->sys = sys;
	st->dev = dev;
	st->log = log;
	if (sys->host != NULL)
		host = sys->host(dev);
	/* pf takes no state of creator 0, and has one of its own. */
	st->creator = CREATOR ^ host;
	if (st->creator == 0)
		st->creator = ~CREATOR;
}

enum form
p_states_form(const struct pinhole *h)
{
	if (h->proto != IPPROTO_UDP)
		return FORM_TCP;
	if (h->once)
		return FORM_ONCE;
	if (h->from.addr.af == AF_UNSPEC ||
	    h->from.len != addr_bytes(h->from.addr.af) * 8)
		return FORM_PREFIX;
	if (h->from_port == 0)
		return FORM_ANY_PORT;
	if (h->to_lo != h->to_hi)
		return FORM_PORTS;
	if (h->rdr_from.addr.af != AF_UNSPEC || h->nat_to.addr.af != AF_UNSPEC)
		return FORM_TRANSLATED;
	return FORM_STATE;
}

bool
p_states_can(const struct pinhole *h)
{
	return p_states_form(h) == FORM_STATE;
}

/*
 * A state with the id of a new pinhole may exist, from an earlier run and of
 * another flow: kill it.
 */
static enum ph_err
make_one(const struct p_states *st, const struct p_state *s, bool again)
{
	enum ph_err rc = st->sys->add(st->dev, s, st->log);

	if (rc != PH_EEXIST)
		return rc;
	if (again)
		return PH_OK;
	if ((rc = st->sys->kill(st->dev, s->id, s->creator)) != PH_OK)
		return rc;
	rc = st->sys->add(st->dev, s, st->log);
	return rc == PH_EEXIST ? PH_OK : rc;
}

enum ph_err
p_states_make(const struct p_states *st, const struct pinhole *h, bool again)
{
	struct p_state s = { .creator = st->creator, .proto = h->proto };
	enum ph_err rc;

	s.src.addr = h->from.addr;
	s.src.port = h->from_port;
	s.dst.addr = h->to;
	s.dst.port = h->to_lo;
	s.in_src = s.src;
	s.in_dst = s.dst;
	s.id = h->id * 2;
	if ((rc = make_one(st, &s, again)) != PH_OK)
		return rc;
	s.id = h->id * 2 + 1;
	s.outward = true;
	return make_one(st, &s, again);
}

enum ph_err
p_states_kill(const struct p_states *st, const struct pinhole *h)
{
	enum ph_err rc, other;

	rc = st->sys->kill(st->dev, h->id * 2, st->creator);
	other = st->sys->kill(st->dev, h->id * 2 + 1, st->creator);
	return rc != PH_OK ? rc : other;
}

struct clearing {
	const struct p_states *st;
	bool (*open)(void *ctx, uint64_t id);
	void *ctx;
	enum ph_err rc;
};

static void
clear_one(void *ctx, const struct p_state *s)
{
	struct clearing *c = ctx;
	enum ph_err rc;

	if (s->creator != c->st->creator || c->open(c->ctx, s->id / 2))
		return;
	if ((rc = c->st->sys->kill(c->st->dev, s->id, s->creator)) != PH_OK)
		c->rc = rc;
}

enum ph_err
p_states_clear(const struct p_states *st, bool (*open)(void *ctx, uint64_t id),
    void *ctx)
{
	struct clearing c = { st, open, ctx, PH_OK };
	enum ph_err rc = st->sys->states(st->dev, clear_one, &c);

	return rc != PH_OK ? rc : c.rc;
}

/* From a documentation address to itself, and gone at once. */
enum ph_err
p_states_probe(const struct p_states *st)
{
	struct p_state s = { .creator = st->creator,
		.proto = IPPROTO_UDP,
		.id = UINT64_MAX };
	enum ph_err rc;

	s.src.addr = s.dst.addr = addr_v4(192, 0, 2, 0);
	s.src.port = s.dst.port = 9;
	s.in_src = s.src;
	s.in_dst = s.dst;
	rc = st->sys->add(st->dev, &s, false);
	if (rc == PH_OK || rc == PH_EEXIST)
		return st->sys->kill(st->dev, s.id, s.creator);
	return rc;
}

void
p_states_print(const struct pinhole *h, struct strbuf *out)
{
	char from[ADDR_STRLEN], to[ADDR_STRLEN];

	strbuf_fmt(out, "state udp %s port %u <-> %s port %u",
	    addr_format(&h->from.addr, from), h->from_port,
	    addr_format(&h->to, to), h->to_lo);
}
