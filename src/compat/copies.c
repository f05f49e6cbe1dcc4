/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/compat/copies.h"

/* NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET, and enum nfqnl_attr_type */
#define TYPE_PACKET	   (3 << 8)
#define ATTR_PACKET_HDR	   1
#define ATTR_TIMESTAMP	   4
#define ATTR_IFINDEX_INDEV 5
#define ATTR_PAYLOAD	   10
#define ATTR_CAP_LEN	   13

#define HEADERS_LEN 20
#define ATTR_LEN    4
#define USEC	    1000000

struct text {
	unsigned char *p;
	size_t len;
};

/* Lengths and types are in our own byte order, values in the network's. */
static void
put_attr(struct text *t, uint16_t type, const void *value, size_t len)
{
	uint16_t whole = (uint16_t)(ATTR_LEN + len);

	memcpy(t->p + t->len, &whole, sizeof(whole));
	memcpy(t->p + t->len + sizeof(whole), &type, sizeof(type));
	memcpy(t->p + t->len + ATTR_LEN, value, len);
	t->len += whole;
	while (t->len % 4 != 0)
		t->p[t->len++] = 0;
}

static void
set_number(unsigned char *p, uint64_t v, size_t bytes)
{
	while (bytes-- > 0) {
		p[bytes] = (unsigned char)v;
		v >>= 8;
	}
}

size_t
copy_write(void *buf, const struct copy *c)
{
	struct text t = { buf, HEADERS_LEN };
	unsigned char v[16];
	uint32_t whole;
	uint16_t type = TYPE_PACKET;

	memset(buf, 0, HEADERS_LEN);
	memset(v, 0, sizeof(v));
	set_number(v, c->id, 4);
	put_attr(&t, ATTR_PACKET_HDR, v, 7);
	set_number(v, (uint64_t)c->stamp / USEC, 8);
	set_number(v + 8, (uint64_t)c->stamp % USEC, 8);
	put_attr(&t, ATTR_TIMESTAMP, v, 16);
	if (c->interface != 0) {
		set_number(v, c->interface, 4);
		put_attr(&t, ATTR_IFINDEX_INDEV, v, 4);
	}
	if (c->len <= (size_t)UINT16_MAX - ATTR_LEN)
		put_attr(&t, ATTR_PAYLOAD, c->bytes, c->len);
	else {
		/*
		 * An attribute cannot be so long: the copy says only how long
		 * the packet is, as one that was cut.
		 */
		set_number(v, c->len, 4);
		put_attr(&t, ATTR_CAP_LEN, v, 4);
	}
	whole = (uint32_t)t.len;
	memcpy(buf, &whole, sizeof(whole));
	memcpy((unsigned char *)buf + sizeof(whole), &type, sizeof(type));
	return t.len;
}
