/* SPDX-License-Identifier: ISC */
#include <pcap.h>

#include <string.h>

#include "src/base/datagram.h"
#include "src/capture/link.h"

/* Older libpcaps lack the names, files have the numbers all the same. */
#ifndef DLT_IPV4
#define DLT_IPV4 228
#endif
#ifndef DLT_IPV6
#define DLT_IPV6 229
#endif
#ifndef DLT_LINUX_SLL2
#define DLT_LINUX_SLL2 276
#endif

#define ETHERTYPE_V4	 0x0800
#define ETHERTYPE_V6	 0x86dd
#define ETHERTYPE_8021Q	 0x8100
#define ETHERTYPE_8021AD 0x88a8
#define ETHERTYPE_QINQ	 0x9100
#define ETHERTYPE_PPPOES 0x8864
#define MAX_TAGS	 4

/* An IP packet by its version, and nothing else. */
static enum ph_err
raw_ip(struct cursor *c, struct link_packet *out)
{
	uint8_t version;

	out->ip = cursor_span(c, cursor_left(c));
	if (c->bad || out->ip.len == 0)
		return PH_EMALFORMED;
	version = (uint8_t)out->ip.p[0] >> 4;
	return version == 4 || version == 6 ? PH_OK : PH_EUNSUPPORTED;
}

static enum ph_err
pppoe(struct cursor *c, struct link_packet *out)
{
	uint8_t vertype = cursor_u8(c), code = cursor_u8(c);
	uint16_t len, proto;

	cursor_skip(c, 2); /* session */
	len = cursor_u16(c);
	proto = cursor_u16(c);
	if (c->bad || vertype != 0x11 || code != 0 || len < 2 ||
	    len - 2u > cursor_left(c))
		return PH_EMALFORMED;
	if (proto != 0x0021 && proto != 0x0057)
		return PH_EUNSUPPORTED;
	c->len = c->pos + len - 2;
	return raw_ip(c, out);
}

static enum ph_err
ethertype(struct cursor *c, uint16_t type, struct link_packet *out)
{
	int tags = 0;

	while (type == ETHERTYPE_8021Q || type == ETHERTYPE_8021AD ||
	    type == ETHERTYPE_QINQ) {
		if (++tags > MAX_TAGS)
			return PH_EUNSUPPORTED;
		cursor_skip(c, 2);
		type = cursor_u16(c);
	}
	if (c->bad)
		return PH_EMALFORMED;
	switch (type) {
	case ETHERTYPE_V4:
	case ETHERTYPE_V6:
		return raw_ip(c, out);
	case ETHERTYPE_PPPOES:
		return pppoe(c, out);
	default:
		return PH_EUNSUPPORTED;
	}
}

/* pkttype of Linux cooked captures: 4 is what we sent ourselves. */
static uint8_t
cooked_dir(unsigned int pkttype)
{
	return pkttype == 4 ? PKT_OUT : PKT_IN;
}

static enum ph_err
cooked1(struct cursor *c, struct link_packet *out)
{
	out->dir = cooked_dir(cursor_u16(c));
	cursor_skip(c, 2 + 2 + 8);
	return ethertype(c, cursor_u16(c), out);
}

static enum ph_err
cooked2(struct cursor *c, struct link_packet *out)
{
	uint16_t type = cursor_u16(c);

	cursor_skip(c, 2);
	out->ifindex = cursor_u32(c);
	cursor_skip(c, 2);
	out->dir = cooked_dir(cursor_u8(c));
	cursor_skip(c, 1 + 8);
	return ethertype(c, type, out);
}

/*
 * struct pfloghdr: its length first, the direction at 60, and the packet at
 * the length rounded up to four.
 */
static enum ph_err
pflog(struct cursor *c, struct link_packet *out)
{
	uint8_t len = cursor_u8(c), dir;

	cursor_skip(c, 59);
	dir = cursor_u8(c);
	if (c->bad || len < 61)
		return PH_EMALFORMED;
	cursor_skip(c, ((len + 3u) & ~3u) - 61);
	out->dir = dir == 1 ? PKT_IN : dir == 2 ? PKT_OUT : PKT_UNKNOWN;
	return raw_ip(c, out);
}

bool
link_supported(int dlt)
{
	switch (dlt) {
	case DLT_EN10MB:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_PFLOG:
		return true;
	default:
		return false;
	}
}

enum ph_err
link_decode(int dlt, struct span frame, struct link_packet *out)
{
	struct cursor c = cursor_of(frame.p, frame.len);

	memset(out, 0, sizeof(*out));
	out->dir = PKT_UNKNOWN;
	switch (dlt) {
	case DLT_EN10MB:
		cursor_skip(&c, 12);
		return ethertype(&c, cursor_u16(&c), out);
	case DLT_LINUX_SLL:
		return cooked1(&c, out);
	case DLT_LINUX_SLL2:
		return cooked2(&c, out);
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return raw_ip(&c, out);
	case DLT_NULL:
	case DLT_LOOP:
		/* The family's number and order differ; the version tells. */
		cursor_skip(&c, 4);
		return raw_ip(&c, out);
	case DLT_PFLOG:
		return pflog(&c, out);
	default:
		return PH_EUNSUPPORTED;
	}
}
