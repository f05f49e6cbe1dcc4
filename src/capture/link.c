/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/datagram.h"
#include "src/base/wire.h"
#include "src/capture/link.h"

#define ETHERTYPE_V4	 0x0800
#define ETHERTYPE_V6	 0x86dd
#define ETHERTYPE_8021Q	 0x8100
#define ETHERTYPE_8021AD 0x88a8
#define ETHERTYPE_QINQ	 0x9100
#define ETHERTYPE_PPPOES 0x8864
#define MAX_TAGS	 4

static bool
is_tag(uint16_t type)
{
	return type == ETHERTYPE_8021Q || type == ETHERTYPE_8021AD ||
	    type == ETHERTYPE_QINQ;
}

static bool
is_ours(uint16_t type)
{
	return type == ETHERTYPE_V4 || type == ETHERTYPE_V6 ||
	    type == ETHERTYPE_PPPOES || is_tag(type);
}

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
link_pppoe(struct cursor *c, struct link_packet *out)
{
	uint8_t vertype = cursor_u8(c), code = cursor_u8(c);
	uint16_t len, proto;

	out->foreign = true; /* of the session's own interface */
	cursor_skip(c, 2);   /* session */
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
link_ethertype(struct cursor *c, uint16_t type, struct link_packet *out)
{
	int tags = 0;

	while (is_tag(type)) {
		if (++tags > MAX_TAGS)
			return PH_EUNSUPPORTED;
		/* VLAN 0 is none: such a tag has a priority and nothing else.
		 */
		if ((cursor_u16(c) & 0x0fff) != 0 || tags > 1)
			out->foreign = true;
		type = cursor_u16(c);
	}
	if (c->bad)
		return PH_EMALFORMED;
	switch (type) {
	case ETHERTYPE_V4:
	case ETHERTYPE_V6:
		return raw_ip(c, out);
	case ETHERTYPE_PPPOES:
		return link_pppoe(c, out);
	default:
		return PH_EUNSUPPORTED;
	}
}

/* pkttype of Linux cooked captures, PACKET_* in <linux/if_packet.h>. */
static void
cooked_type(struct link_packet *out, unsigned int pkttype)
{
	out->dir = pkttype == 4 ? PKT_OUT : PKT_IN;
	/* The kernel forwards nothing that is for all, a group or another. */
	out->foreign = pkttype >= 1 && pkttype <= 3;
}

/* RFC 1071; of so few words, one fold makes the sum. */
static bool
checksum_good(struct cursor c, unsigned int len)
{
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += cursor_u16(&c);
	sum += sum >> 16;
	return !c.bad && (sum & 0xffff) == 0xffff;
}

/*
 * Whether an IP packet begins here rather than a tag.  A tag of priority 2 or
 * 3 may begin like one; where the next field could be a length as well as a
 * type, the header's checksum decides, or, for IPv6, what follows the tag.
 */
static bool
ip_begins(struct cursor c)
{
	struct cursor at = c, behind = c;
	size_t left = cursor_left(&c);
	uint8_t first = cursor_u8(&c), hlen = (first & 0x0f) * 4;
	uint16_t word;

	cursor_skip(&c, 1);
	word = cursor_u16(&c);
	cursor_skip(&behind, 4);
	switch (first >> 4) {
	case 4:
		if (c.bad || hlen < 20 || (word != 0 && word < hlen) ||
		    word > left)
			return false;
		return !is_ours(word) || checksum_good(at, hlen);
	case 6:
		if (is_ours(word) && ip_begins(behind))
			return false;
		word = cursor_u16(&c);
		return !c.bad && left >= 40 && word <= left - 40;
	default:
		return false;
	}
}

/*
 * Where the kernel says the link layer ends, tags may still be to come, and
 * the type may be that of the packet or of a tag that is gone: an incoming
 * frame keeps its inner tags under the type of the packet (Linux 6.11 and
 * later) or of a tag (before), an outgoing one has none under either.
 */
static enum ph_err
link_cooked(struct cursor *c, uint16_t type, struct link_packet *out)
{
	struct cursor at = *c;
	uint16_t t = type;
	int tags;

	for (tags = 0; tags <= MAX_TAGS && !at.bad && is_ours(t); tags++) {
		if (t == ETHERTYPE_PPPOES && cursor_left(&at) > 0 &&
		    at.p[at.pos] == 0x11)
			return link_pppoe(&at, out);
		if (t != ETHERTYPE_PPPOES && ip_begins(at)) {
			if (tags > 0 || is_tag(type))
				out->foreign = true;
			return raw_ip(&at, out);
		}
		cursor_skip(&at, 2);
		t = cursor_u16(&at);
	}
	/* No number of tags leads to an IP packet: believe the EtherType. */
	return link_ethertype(c, type, out);
}

static enum ph_err
link_cooked1(struct cursor *c, struct link_packet *out)
{
	cooked_type(out, cursor_u16(c));
	cursor_skip(c, 2 + 2 + 8);
	return link_cooked(c, cursor_u16(c), out);
}

static enum ph_err
link_cooked2(struct cursor *c, struct link_packet *out)
{
	uint16_t type = cursor_u16(c);

	cursor_skip(c, 2);
	out->ifindex = cursor_u32(c);
	cursor_skip(c, 2);
	cooked_type(out, cursor_u8(c));
	cursor_skip(c, 1 + 8);
	return link_cooked(c, type, out);
}

/*
 * struct pfloghdr: its length first, the direction at 60, and the packet at
 * the length rounded up to four.
 */
static enum ph_err
link_pflog(struct cursor *c, struct link_packet *out)
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
		out->station = cursor_span(&c, LINK_MAC);
		cursor_skip(&c, LINK_MAC);
		return link_ethertype(&c, cursor_u16(&c), out);
	case DLT_LINUX_SLL:
		return link_cooked1(&c, out);
	case DLT_LINUX_SLL2:
		return link_cooked2(&c, out);
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
		return link_pflog(&c, out);
	default:
		return PH_EUNSUPPORTED;
	}
}
