/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "nft/elements.h"
#include "nft/table.h"

/* One more field at the end of a key or of a map's data, padded. */
static uint8_t
put_addr(uint8_t *at, uint8_t len, const struct addr *a)
{
	uint8_t n = (uint8_t)addr_bytes(a->af);

	memcpy(at + len, a->b, n);
	return (uint8_t)(len + n);
}

static uint8_t
put_port(uint8_t *at, uint8_t len, uint16_t port)
{
	at[len] = (uint8_t)(port >> 8);
	at[len + 1] = (uint8_t)port;
	at[len + 2] = at[len + 3] = 0;
	return (uint8_t)(len + 4);
}

static struct elem
elem_of(enum set_kind kind, uint8_t proto, uint8_t af)
{
	struct elem e;

	memset(&e, 0, sizeof(e));
	e.set = (uint8_t)set_number(kind, proto, af);
	return e;
}

struct elem
elem_host(enum set_kind kind, uint8_t proto, const struct addr *from,
    const struct addr *to, uint16_t port)
{
	struct elem e = elem_of(kind, proto, to->af);

	e.keylen = put_addr(e.key, 0, from);
	e.keylen = put_addr(e.key, e.keylen, to);
	e.keylen = put_port(e.key, e.keylen, port);
	return e;
}

struct elem
elem_port(enum set_kind kind, uint8_t proto, const struct addr *from,
    uint16_t from_port, const struct addr *to, uint16_t port)
{
	struct elem e = elem_of(kind, proto, to->af);

	e.keylen = put_addr(e.key, 0, from);
	e.keylen = put_port(e.key, e.keylen, from_port);
	e.keylen = put_addr(e.key, e.keylen, to);
	e.keylen = put_port(e.key, e.keylen, port);
	return e;
}

struct elem
elem_addr(enum set_kind kind, const struct addr *a)
{
	struct elem e = elem_of(kind, IPPROTO_UDP, a->af);

	e.keylen = put_addr(e.key, 0, a);
	return e;
}

struct elem
elem_to(enum set_kind kind, uint8_t proto, const struct addr *to, uint16_t port)
{
	struct elem e = elem_of(kind, proto, to->af);

	e.keylen = put_addr(e.key, 0, to);
	e.keylen = put_port(e.key, e.keylen, port);
	return e;
}

enum source {
	SOURCE_HOST,
	SOURCE_NET,
	SOURCE_ANY,
};

static enum source
source_of(const struct prefix *from)
{
	if (from->addr.af == AF_UNSPEC || from->len == 0)
		return SOURCE_ANY;
	if (from->len == addr_bytes(from->addr.af) * 8)
		return SOURCE_HOST;
	return SOURCE_NET;
}

static bool
is_remote(const struct prefix *from, const struct fw_config *config)
{
	size_t i;

	for (i = 0; i < config->nremotes; i++)
		if (config->remotes[i].len <= from->len &&
		    prefix_contains(&config->remotes[i], &from->addr))
			return true;
	return false;
}

static bool
family_fits(const struct addr *a, uint8_t af)
{
	return a->af == AF_UNSPEC || a->af == af;
}

static bool
hole_ok(const struct pinhole *h, const struct fw_config *config)
{
	enum source source = source_of(&h->from);
	uint8_t af = h->to.af;
	unsigned int last;

	if ((h->proto != IPPROTO_UDP && h->proto != IPPROTO_TCP) ||
	    (h->dir != PINHOLE_IN && h->dir != PINHOLE_OUT) ||
	    (af != AF_INET && af != AF_INET6) ||
	    !family_fits(&h->from.addr, af) ||
	    !family_fits(&h->rdr_from.addr, af) ||
	    !family_fits(&h->nat_to.addr, af))
		return false;
	if (h->to_lo == 0 || h->to_hi < h->to_lo ||
	    h->to_hi - h->to_lo >= ELEM_PORTS)
		return false;
	last = (unsigned int)h->to_hi - h->to_lo;
	if (h->rdr_from.port + last > UINT16_MAX ||
	    h->nat_to.port + last > UINT16_MAX)
		return false;
	/*
	 * An outward pinhole, one with a source port, and one with a
	 * translated source have a single host as `from`.
	 */
	if (source != SOURCE_HOST &&
	    (h->dir == PINHOLE_OUT || h->from_port != 0 ||
		h->nat_to.addr.af != AF_UNSPEC))
		return false;
	return source != SOURCE_NET || is_remote(&h->from, config);
}

static struct elem
filter_element(const struct pinhole *h, uint16_t port)
{
	bool in = h->dir == PINHOLE_IN;
	bool once = h->once && h->proto == IPPROTO_TCP;

	switch (source_of(&h->from)) {
	case SOURCE_HOST:
		if (h->from_port != 0)
			return elem_port(once ? SET_ONCE_PORT
				: in	      ? SET_IN_PORT
					      : SET_OUT_PORT,
			    h->proto, &h->from.addr, h->from_port, &h->to,
			    port);
		if (once && h->rdr_from.port != 0)
			port = (uint16_t)(h->rdr_from.port + port - h->to_lo);
		return elem_host(once ? SET_ONCE
			: in	      ? SET_IN
				      : SET_OUT,
		    h->proto, &h->from.addr, &h->to, port);
	case SOURCE_NET:
		return elem_to(once ? SET_ONCE_NET : SET_IN_NET, h->proto,
		    &h->to, port);
	case SOURCE_ANY:
	default:
		return elem_to(once ? SET_ONCE_ANY : SET_IN_ANY, h->proto,
		    &h->to, port);
	}
}

/* Sent to `rdr_from` at first; the i-th port of the range. */
static struct elem
dnat_element(const struct pinhole *h, uint16_t port, uint16_t i)
{
	const struct addr *at = &h->rdr_from.addr;
	uint16_t at_port = port;
	struct elem e;

	if (h->rdr_from.port != 0)
		at_port = (uint16_t)(h->rdr_from.port + i);
	switch (source_of(&h->from)) {
	case SOURCE_HOST:
		e = elem_host(SET_DNAT, h->proto, &h->from.addr, at, at_port);
		break;
	case SOURCE_NET:
		e = elem_to(SET_DNAT_NET, h->proto, at, at_port);
		break;
	case SOURCE_ANY:
	default:
		e = elem_to(SET_DNAT_ANY, h->proto, at, at_port);
		break;
	}
	e.datalen = put_addr(e.data, 0, &h->to);
	e.datalen = put_port(e.data, e.datalen, port);
	return e;
}

static struct elem
snat_element(const struct pinhole *h, uint16_t port, uint16_t i)
{
	struct elem e;

	e = elem_host(h->nat_to.port != 0 ? SET_SNAT : SET_SNAT_ADDR, h->proto,
	    &h->from.addr, &h->to, port);
	e.datalen = put_addr(e.data, 0, &h->nat_to.addr);
	if (h->nat_to.port != 0)
		e.datalen =
		    put_port(e.data, e.datalen, (uint16_t)(h->nat_to.port + i));
	return e;
}

/* The ports of the pinhole; the same of dnat, if it has that; of snat. */
struct elem
hole_front(const struct pinhole *h, size_t i)
{
	size_t nports = (size_t)(h->to_hi - h->to_lo + 1);
	uint16_t at = (uint16_t)(i % nports);
	uint16_t port = (uint16_t)(h->to_lo + at);

	if (i < nports)
		return filter_element(h, port);
	if (i < 2 * nports && h->rdr_from.addr.af != AF_UNSPEC)
		return dnat_element(h, port, at);
	return snat_element(h, port, at);
}

enum ph_err
hole_fronts(const struct pinhole *h, const struct fw_config *config,
    struct elem v[HOLE_FRONTS_MAX], size_t *n)
{
	size_t nports, i;

	*n = 0;
	if (!hole_ok(h, config))
		return PH_EBAD;
	nports = (size_t)(h->to_hi - h->to_lo + 1);
	*n = nports;
	if (h->rdr_from.addr.af != AF_UNSPEC)
		*n += nports;
	if (h->nat_to.addr.af != AF_UNSPEC)
		*n += nports;
	for (i = 0; i < *n; i++)
		v[i] = hole_front(h, i);
	return PH_OK;
}

enum ph_err
hole_elements(const struct pinhole *h, const struct fw_config *config,
    struct elem v[ELEM_MAX], size_t *n)
{
	struct elem front[HOLE_FRONTS_MAX];
	size_t i, nfronts, nports;
	enum ph_err rc;

	*n = 0;
	if ((rc = hole_fronts(h, config, front, &nfronts)) != PH_OK)
		return rc;
	nports = (size_t)(h->to_hi - h->to_lo + 1);
	for (i = 0; i < nports; i++)
		v[(*n)++] = front[i];
	if (set_has_back(front[0].set))
		for (i = 0; i < nports; i++) {
			v[*n] = front[i];
			v[(*n)++].set = (uint8_t)set_back(front[i].set);
		}
	for (i = nports; i < nfronts; i++)
		v[(*n)++] = front[i];
	return PH_OK;
}

int
elem_cmp(const struct elem *a, const struct elem *b)
{
	if (a->set != b->set)
		return (int)a->set - (int)b->set;
	return memcmp(a->key, b->key, sizeof(a->key));
}

static size_t
format_addr(struct strbuf *out, const uint8_t *at, uint8_t af)
{
	struct addr a = addr_from_bytes(af, at);
	char text[ADDR_STRLEN];

	strbuf_str(out, addr_format(&a, text));
	return addr_bytes(af);
}

static size_t
format_port(struct strbuf *out, const uint8_t *at)
{
	strbuf_fmt(out, "%u", (unsigned int)at[0] << 8 | at[1]);
	return 4;
}

void
elem_format(struct strbuf *out, const struct elem *e)
{
	uint8_t af = set_af(e->set);
	const uint8_t *at = e->key;

	/* address . address . port, and what of it there is */
	at += format_addr(out, at, af);
	if (e->keylen == addr_bytes(af))
		return;
	if (e->keylen == 2 * addr_bytes(af) + 8) {
		strbuf_str(out, " . ");
		at += format_port(out, at);
	}
	strbuf_str(out, " . ");
	if (e->keylen > addr_bytes(af) + 4) {
		at += format_addr(out, at, af);
		strbuf_str(out, " . ");
	}
	(void)format_port(out, at);
	if (e->datalen == 0)
		return;
	strbuf_str(out, " : ");
	at = e->data + format_addr(out, e->data, af);
	if (e->datalen > addr_bytes(af)) {
		strbuf_str(out, " . ");
		(void)format_port(out, at);
	}
}
