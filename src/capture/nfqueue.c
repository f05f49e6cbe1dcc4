/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/wire.h"
#include "src/capture/nfqueue.h"

#define ALIGN(n) (((n) + 3u) & ~3u)

/* struct nlmsghdr and struct nfgenmsg behind it */
#define HEADER_LEN    16
#define SUBHEADER_LEN 4

/* NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET */
#define TYPE_PACKET (3 << 8)

/* enum nfqnl_attr_type */
enum attr {
	ATTR_PACKET_HDR = 1,
	ATTR_TIMESTAMP = 4,
	ATTR_IFINDEX_INDEV = 5,
	ATTR_IFINDEX_OUTDEV = 6,
	ATTR_PAYLOAD = 10,
	ATTR_CAP_LEN = 13,
};

#define ATTR_TYPE 0x3fff /* without the flags of NLA_TYPE_MASK */
#define STAMP_MAX INT64_C(253402300799)

static uint16_t
native_u16(struct cursor *c)
{
	uint16_t v = 0;

	cursor_copy(c, &v, sizeof(v));
	return v;
}

static uint32_t
native_u32(struct cursor *c)
{
	uint32_t v = 0;

	cursor_copy(c, &v, sizeof(v));
	return v;
}

/* Seconds and microseconds; what no clock can have said is no time. */
static int64_t
stamp_of(struct cursor *v)
{
	uint64_t sec = cursor_u64(v), usec = cursor_u64(v);

	if (v->bad || sec > (uint64_t)STAMP_MAX || usec >= 1000000)
		return 0;
	return (int64_t)(sec * 1000000 + usec);
}

static bool
attr_take(struct nfqueue_packet *out, uint16_t type, struct cursor *v)
{
	switch (type) {
	case ATTR_PACKET_HDR:
		out->id = cursor_u32(v);
		cursor_skip(v, 2); /* protocol of the link layer */
		out->hook = cursor_u8(v);
		break;
	case ATTR_TIMESTAMP:
		out->stamp = stamp_of(v);
		break;
	case ATTR_IFINDEX_INDEV:
		out->indev = cursor_u32(v);
		break;
	case ATTR_IFINDEX_OUTDEV:
		out->outdev = cursor_u32(v);
		break;
	case ATTR_PAYLOAD:
		out->ip = cursor_span(v, cursor_left(v));
		break;
	case ATTR_CAP_LEN:
		out->truncated = true;
		break;
	default:
		break;
	}
	return !v->bad;
}

static enum ph_err
packet_read(struct nfqueue_packet *out, struct cursor *c)
{
	uint32_t seen = 0;
	uint16_t len, type;
	struct cursor value;
	struct span bytes;

	while (cursor_left(c) > 0) {
		len = native_u16(c);
		type = native_u16(c) & ATTR_TYPE;
		if (len < 4) /* 0 where it is cut off */
			return PH_EMALFORMED;
		bytes = cursor_span(c, len - 4u);
		/* The last one may come without what aligns it. */
		if (cursor_left(c) > 0)
			cursor_skip(c,
			    ALIGN(len) - len < cursor_left(c) ? ALIGN(len) - len
							      : cursor_left(c));
		if (c->bad || (type < 32 && (seen & UINT32_C(1) << type) != 0))
			return PH_EMALFORMED;
		if (type < 32)
			seen |= UINT32_C(1) << type;
		value = cursor_of(bytes.p, bytes.len);
		if (!attr_take(out, type, &value))
			return PH_EMALFORMED;
	}
	return (seen & 1u << ATTR_PACKET_HDR) != 0 ? PH_OK : PH_EMALFORMED;
}

enum ph_err
nfqueue_next(struct nfqueue_packet *out, struct span *rest)
{
	struct cursor c = cursor_of(rest->p, rest->len), body;
	uint32_t len = native_u32(&c);
	uint16_t type = native_u16(&c);
	size_t whole;

	memset(out, 0, sizeof(*out));
	if (c.bad || len < HEADER_LEN || len > rest->len) {
		*rest = (struct span) { NULL, 0 };
		return PH_EMALFORMED;
	}
	body = cursor_of(rest->p, len);
	whole = ALIGN((size_t)len);
	*rest = whole < rest->len
	    ? (struct span) { rest->p + whole, rest->len - whole }
	    : (struct span) { NULL, 0 };
	if (type != TYPE_PACKET)
		return PH_EUNSUPPORTED;
	cursor_skip(&body, HEADER_LEN + SUBHEADER_LEN);
	if (body.bad)
		return PH_EMALFORMED;
	return packet_read(out, &body);
}
