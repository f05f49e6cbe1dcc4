/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "src/base/wire.h"
#include "src/capture/hep.h"

/* Chunks of vendor 0 that we read. */
enum hep_chunk {
	HEP_FAMILY = 1,
	HEP_PROTO,
	HEP_SRC4,
	HEP_DST4,
	HEP_SRC6,
	HEP_DST6,
	HEP_SPORT,
	HEP_DPORT,
	HEP_SECONDS,
	HEP_MICROSECONDS,
	HEP_TYPE,
	HEP_AGENT,
	HEP_KEY = 0x0e,
	HEP_BYTES,
	HEP_NCHUNKS
};

#define BIT(chunk) (1u << (chunk))
#define ALWAYS                                                                 \
	(BIT(HEP_FAMILY) | BIT(HEP_PROTO) | BIT(HEP_SPORT) | BIT(HEP_DPORT) |  \
	    BIT(HEP_TYPE))
#define OF_IPV4 (BIT(HEP_SRC4) | BIT(HEP_DST4))
#define OF_IPV6 (BIT(HEP_SRC6) | BIT(HEP_DST6))

/* Numbers of address families, the same on every system that sends. */
#define HEP_INET  2
#define HEP_INET6 10

/* Lengths of values, from and to. */
static const struct {
	size_t lo, hi;
} sizes[HEP_NCHUNKS] = {
	[HEP_FAMILY] = { 1, 1 },
	[HEP_PROTO] = { 1, 1 },
	[HEP_SRC4] = { 4, 4 },
	[HEP_DST4] = { 4, 4 },
	[HEP_SRC6] = { 16, 16 },
	[HEP_DST6] = { 16, 16 },
	[HEP_SPORT] = { 2, 2 },
	[HEP_DPORT] = { 2, 2 },
	[HEP_SECONDS] = { 4, 4 },
	[HEP_MICROSECONDS] = { 4, 4 },
	[HEP_TYPE] = { 1, 1 },
	[HEP_AGENT] = { 4, 4 },
	[HEP_KEY] = { 1, HEP_KEY_MAX },
	[HEP_BYTES] = { 0, HEP_MAX },
};

enum ph_err
hep_frame(struct span bytes, size_t *len)
{
	struct cursor c = cursor_of(bytes.p, bytes.len);
	size_t n = bytes.len < 4 ? bytes.len : 4;

	*len = 0;
	if (n > 0 && memcmp(bytes.p, "HEP3", n) != 0)
		return PH_EMALFORMED;
	cursor_skip(&c, 4);
	*len = cursor_u16(&c);
	if (c.bad)
		return PH_ETRUNC;
	return *len >= HEP_HEAD ? PH_OK : PH_EMALFORMED;
}

static void
hep_addr(struct cursor *c, struct addr *a, int af)
{
	a->af = (uint8_t)af;
	cursor_copy(c, a->b, addr_bytes(a->af));
}

/* The value of one chunk, whose length fits. */
static void
hep_value(struct hep *out, unsigned int type, uint8_t *family, struct cursor *c)
{
	switch (type) {
	case HEP_FAMILY:
		*family = cursor_u8(c);
		break;
	case HEP_PROTO:
		out->proto = cursor_u8(c);
		break;
	case HEP_SRC4:
	case HEP_SRC6:
		hep_addr(c, &out->src.addr,
		    type == HEP_SRC4 ? AF_INET : AF_INET6);
		break;
	case HEP_DST4:
	case HEP_DST6:
		hep_addr(c, &out->dst.addr,
		    type == HEP_DST4 ? AF_INET : AF_INET6);
		break;
	case HEP_SPORT:
		out->src.port = cursor_u16(c);
		break;
	case HEP_DPORT:
		out->dst.port = cursor_u16(c);
		break;
	case HEP_TYPE:
		out->type = cursor_u8(c);
		break;
	case HEP_KEY:
		out->key = cursor_span(c, cursor_left(c));
		break;
	case HEP_BYTES:
		out->bytes = cursor_span(c, cursor_left(c));
		break;
	default:
		break;
	}
}

/*
 * The packet has all chunks that we need, and both addresses are of the family
 * that it names.
 */
static bool
hep_complete(uint32_t seen, uint8_t family)
{
	uint32_t addresses = seen & (OF_IPV4 | OF_IPV6);

	return (seen & ALWAYS) == ALWAYS &&
	    ((family == HEP_INET && addresses == OF_IPV4) ||
		(family == HEP_INET6 && addresses == OF_IPV6));
}

enum ph_err
hep_decode(struct hep *out, struct span packet)
{
	struct cursor c = cursor_of(packet.p, packet.len), value;
	unsigned int vendor, type;
	uint32_t seen = 0;
	uint8_t family = 0;
	struct span text;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (hep_frame(packet, &len) != PH_OK || len != packet.len)
		return PH_EMALFORMED;
	cursor_skip(&c, HEP_HEAD);
	while (cursor_left(&c) > 0) {
		vendor = cursor_u16(&c);
		type = cursor_u16(&c);
		len = cursor_u16(&c);
		if (len < 6) /* 0 where it is cut off */
			return PH_EMALFORMED;
		text = cursor_span(&c, len - 6);
		if (c.bad)
			return PH_EMALFORMED;
		if (vendor != 0 || type >= HEP_NCHUNKS || sizes[type].hi == 0)
			continue;
		if ((seen & BIT(type)) != 0 || text.len < sizes[type].lo ||
		    text.len > sizes[type].hi)
			return PH_EMALFORMED;
		seen |= BIT(type);
		value = cursor_of(text.p, text.len);
		hep_value(out, type, &family, &value);
	}
	return hep_complete(seen, family) ? PH_OK : PH_EMALFORMED;
}

bool
hep_key_eq(struct span sent, struct span key)
{
	unsigned int differ = sent.len != key.len;
	size_t i;

	/* Walk all of `key` whatever was sent. */
	for (i = 0; i < key.len; i++)
		differ |= (unsigned char)key.p[i] ^
		    (i < sent.len ? (unsigned char)sent.p[i] : 0xffu);
	return differ == 0;
}
