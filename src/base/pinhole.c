/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "src/base/pinhole.h"

int
pinhole_cmp(const struct pinhole *a, const struct pinhole *b)
{
	int r;

	if (a->proto != b->proto)
		return (int)a->proto - (int)b->proto;
	if (a->dir != b->dir)
		return (int)a->dir - (int)b->dir;
	if (a->once != b->once)
		return (int)a->once - (int)b->once;
	if (a->from_port != b->from_port)
		return (int)a->from_port - (int)b->from_port;
	if (a->to_lo != b->to_lo)
		return (int)a->to_lo - (int)b->to_lo;
	if (a->to_hi != b->to_hi)
		return (int)a->to_hi - (int)b->to_hi;
	if ((r = prefix_cmp(&a->from, &b->from)) != 0)
		return r;
	if ((r = addr_cmp(&a->to, &b->to)) != 0)
		return r;
	if ((r = endpoint_cmp(&a->rdr_from, &b->rdr_from)) != 0)
		return r;
	return endpoint_cmp(&a->nat_to, &b->nat_to);
}

static uint8_t *
pack_port(uint8_t *p, uint16_t port)
{
	memcpy(p, &port, sizeof(port));
	return p + sizeof(port);
}

static uint8_t *
pack_addr(uint8_t *p, const struct addr *a)
{
	size_t n = addr_bytes(a->af);

	memcpy(p, a->b, n);
	return p + n;
}

static uint8_t *
pack_endpoint(uint8_t *p, const struct endpoint *e)
{
	if (e->addr.af == AF_UNSPEC)
		return p;
	return pack_port(pack_addr(p, &e->addr), e->port);
}

/* An address family in two bits. */
static unsigned int
pack_family(const struct addr *a)
{
	return a->af == AF_INET ? 1 : a->af == AF_INET6 ? 2 : 0;
}

/* The second byte; the two lowest bits are the direction. */
#define PACKED_DIR  0x03
#define PACKED_ONCE 0x04
#define PACKED_LEN  0x08 /* `from` is no host, nor any: its length follows */
#define PACKED_PORT 0x10 /* there is a source port */

static uint8_t
pack_kind(const struct pinhole *h)
{
	bool host = h->from.len == addr_bytes(h->from.addr.af) * 8;

	return (uint8_t)((h->dir & PACKED_DIR) | (h->once ? PACKED_ONCE : 0) |
	    (host ? 0 : PACKED_LEN) | (h->from_port != 0 ? PACKED_PORT : 0));
}

size_t
pinhole_pack(const struct pinhole *h, uint8_t to[PINHOLE_PACKED])
{
	uint8_t *p = to;

	*p++ = h->proto;
	*p++ = pack_kind(h);
	*p++ = (uint8_t)(pack_family(&h->from.addr) | pack_family(&h->to) << 2 |
	    pack_family(&h->rdr_from.addr) << 4 |
	    pack_family(&h->nat_to.addr) << 6);
	if (to[1] & PACKED_LEN)
		*p++ = h->from.len;
	if (to[1] & PACKED_PORT)
		p = pack_port(p, h->from_port);
	p = pack_port(p, h->to_lo);
	p = pack_port(p, h->to_hi);
	p = pack_addr(p, &h->from.addr);
	p = pack_addr(p, &h->to);
	p = pack_endpoint(p, &h->rdr_from);
	p = pack_endpoint(p, &h->nat_to);
	return (size_t)(p - to);
}

static const uint8_t *
unpack_port(const uint8_t *p, uint16_t *port)
{
	memcpy(port, p, sizeof(*port));
	return p + sizeof(*port);
}

static const uint8_t *
unpack_addr(const uint8_t *p, unsigned int family, struct addr *a)
{
	static const uint8_t families[4] = { AF_UNSPEC, AF_INET, AF_INET6 };

	a->af = families[family & 3];
	memcpy(a->b, p, addr_bytes(a->af));
	return p + addr_bytes(a->af);
}

static const uint8_t *
unpack_endpoint(const uint8_t *p, unsigned int family, struct endpoint *e)
{
	p = unpack_addr(p, family, &e->addr);
	return e->addr.af == AF_UNSPEC ? p : unpack_port(p, &e->port);
}

size_t
pinhole_packed(const uint8_t *p)
{
	static const size_t bytes[] = { 0, 4, 16, 0 };
	unsigned int rdr = p[2] >> 4 & 3, nat = p[2] >> 6;

	return 7 + (p[1] & PACKED_LEN ? 1u : 0) +
	    (p[1] & PACKED_PORT ? 2u : 0) + bytes[p[2] & 3] +
	    bytes[p[2] >> 2 & 3] + bytes[rdr] + bytes[nat] +
	    (rdr != 0 ? 2u : 0) + (nat != 0 ? 2u : 0);
}

uint8_t
pinhole_packed_dir(const uint8_t *p)
{
	return p[1] & PACKED_DIR;
}

struct pinhole
pinhole_unpack(const uint8_t *p)
{
	unsigned int kind = p[1], families = p[2];
	struct pinhole h;

	memset(&h, 0, sizeof(h));
	h.proto = p[0];
	h.dir = kind & PACKED_DIR;
	h.once = (kind & PACKED_ONCE) != 0;
	p += 3;
	if (kind & PACKED_LEN)
		h.from.len = *p++;
	if (kind & PACKED_PORT)
		p = unpack_port(p, &h.from_port);
	p = unpack_port(p, &h.to_lo);
	p = unpack_port(p, &h.to_hi);
	p = unpack_addr(p, families, &h.from.addr);
	if (!(kind & PACKED_LEN))
		h.from.len = (uint8_t)(addr_bytes(h.from.addr.af) * 8);
	p = unpack_addr(p, families >> 2, &h.to);
	p = unpack_endpoint(p, families >> 4, &h.rdr_from);
	(void)unpack_endpoint(p, families >> 6, &h.nat_to);
	return h;
}
