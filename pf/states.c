/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "pf/states.h"

bool
p_states_can(const struct pinhole *h)
{
	return h->proto == IPPROTO_UDP && !h->once && h->from_port != 0 &&
	    h->to_lo == h->to_hi && h->from.addr.af != AF_UNSPEC &&
	    h->from.len == addr_bytes(h->from.addr.af) * 8 &&
	    h->rdr_from.addr.af == AF_UNSPEC && h->nat_to.addr.af == AF_UNSPEC;
}

/*
 * The id of a new pinhole may be there already, from an earlier run and
 * with another flow: that one must go.
 */
static enum ph_err
make_one(const struct p_sys *sys, struct p_dev *dev, const struct p_state *s,
    bool log, bool again)
{
	enum ph_err rc = sys->add(dev, s, log);

	if (rc != PH_EEXIST)
		return rc;
	if (again)
		return PH_OK;
	if ((rc = sys->kill(dev, s->id, s->creator)) != PH_OK)
		return rc;
	rc = sys->add(dev, s, log);
	return rc == PH_EEXIST ? PH_OK : rc;
}

enum ph_err
p_states_make(const struct p_sys *sys, struct p_dev *dev,
    const struct pinhole *h, bool log, bool again)
{
	struct p_state s = { .creator = P_CREATOR, .proto = h->proto };
	enum ph_err rc;

	s.src.addr = h->from.addr;
	s.src.port = h->from_port;
	s.dst.addr = h->to;
	s.dst.port = h->to_lo;
	s.in_src = s.src;
	s.in_dst = s.dst;
	s.id = h->id * 2;
	if ((rc = make_one(sys, dev, &s, log, again)) != PH_OK)
		return rc;
	s.id = h->id * 2 + 1;
	s.outward = true;
	return make_one(sys, dev, &s, log, again);
}

/* From a documentation address to itself, and gone at once. */
enum ph_err
p_states_probe(const struct p_sys *sys, struct p_dev *dev)
{
	struct p_state s = { .creator = P_CREATOR,
		.proto = IPPROTO_UDP,
		.id = UINT64_MAX };
	enum ph_err rc;

	s.src.addr = s.dst.addr = addr_v4(192, 0, 2, 0);
	s.src.port = s.dst.port = 9;
	s.in_src = s.src;
	s.in_dst = s.dst;
	rc = sys->add(dev, &s, false);
	if (rc == PH_OK || rc == PH_EEXIST)
		return sys->kill(dev, s.id, s.creator);
	return rc;
}
