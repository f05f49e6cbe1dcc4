/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "src/engine/helpers.h"

bool
helper_protects(const struct helper_place *place, const struct addr *a)
{
	return prefixes_contain(place->conf->protect.v, place->conf->protect.n,
	    a);
}

/* Whether a pinhole may lead to or come from this host. */
static bool
may_be_endpoint(const struct helper_place *place, const struct addr *a)
{
	enum addr_scope s = addr_scope(a);

	return (s == ADDR_PRIVATE || s == ADDR_GLOBAL) &&
	    (!addrs_contain(place->own, place->nown, a) ||
		helper_protects(place, a));
}

bool
helper_refuses_port(const struct helper_place *place, uint16_t port)
{
	const struct conf_sip *sip = &place->conf->sip;

	return port < HELPER_PORT_MIN ||
	    (sip->on && ports_contain(&sip->port, port));
}

bool
helper_pinhole(const struct helper_place *place, uint8_t proto,
    const struct addr *from, const struct endpoint *to, struct pinhole *out)
{
	memset(out, 0, sizeof(*out));
	if (from->af != to->addr.af || addr_eq(from, &to->addr) ||
	    !may_be_endpoint(place, from) || !may_be_endpoint(place, &to->addr))
		return false;
	if (helper_protects(place, &to->addr))
		out->dir = PINHOLE_IN;
	else if (helper_protects(place, from))
		out->dir = PINHOLE_OUT;
	else
		return false;
	out->proto = proto;
	out->from = prefix_host(from);
	out->to = to->addr;
	out->to_lo = out->to_hi = to->port;
	return true;
}
