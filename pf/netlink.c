/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "pf/netlink.h"
#include "pf/netlink_numbers.h"

/* struct nlmsghdr, struct genlmsghdr and struct nlattr. */
#define NLMSG_LEN  16
#define GENL_LEN   4
#define ATTR_LEN   4
#define ATTR_TYPE  0x3fff /* without the flags of nested ones */
#define ALIGN(n)   (((n) + 3u) & ~(size_t)3)
#define F_REQUEST  0x01
#define F_ACK	   0x04
#define F_DUMP	   0x300
#define NL_ERROR   2
#define NL_DONE	   3
#define NL_FAMILY0 0x10 /* the family that knows the others */

/* Our requests fit into P_NL_REQUEST bytes; a longer one would be cut. */
struct writer {
	uint8_t *buf;
	size_t len;
};

static void
put_raw(struct writer *w, const void *p, size_t n)
{
	if (n > P_NL_REQUEST - w->len)
		n = P_NL_REQUEST - w->len;
	memcpy(w->buf + w->len, p, n);
	w->len += n;
}

static void
put_attr(struct writer *w, uint16_t type, const void *p, size_t n)
{
	static const uint8_t zeros[4];
	uint16_t len = (uint16_t)(ATTR_LEN + n);

	put_raw(w, &len, sizeof(len));
	put_raw(w, &type, sizeof(type));
	put_raw(w, p, n);
	put_raw(w, zeros, ALIGN(n) - n);
}

static void
put_string(struct writer *w, uint16_t type, const char *s)
{
	size_t n = strlen(s) + 1;

	put_attr(w, type, s, n > 1024 ? 1024 : n);
}

static struct writer
put_begin(uint8_t *buf, uint16_t type, uint16_t flags, uint32_t seq,
    uint8_t cmd)
{
	struct writer w = { buf, 0 };
	uint32_t len = 0, port = 0;
	uint8_t genl[GENL_LEN] = { cmd, 0, 0, 0 };

	flags |= F_REQUEST | F_ACK;
	put_raw(&w, &len, sizeof(len));
	put_raw(&w, &type, sizeof(type));
	put_raw(&w, &flags, sizeof(flags));
	put_raw(&w, &seq, sizeof(seq));
	put_raw(&w, &port, sizeof(port));
	put_raw(&w, genl, sizeof(genl));
	return w;
}

static size_t
put_end(const struct writer *w)
{
	uint32_t len = (uint32_t)w->len;

	memcpy(w->buf, &len, sizeof(len));
	return w->len;
}

size_t
p_nl_put_family(uint8_t *buf, uint32_t seq)
{
	struct writer w =
	    put_begin(buf, NL_FAMILY0, 0, seq, P_NL_CMD_GETFAMILY);

	put_string(&w, P_NL_FAMILY_NAME, "pfctl");
	return put_end(&w);
}

size_t
p_nl_put_status(uint8_t *buf, uint16_t family, uint32_t seq)
{
	struct writer w =
	    put_begin(buf, family, F_DUMP, seq, P_NL_CMD_GET_STATUS);

	return put_end(&w);
}

size_t
p_nl_put_states(uint8_t *buf, uint16_t family, uint32_t seq)
{
	struct writer w =
	    put_begin(buf, family, F_DUMP, seq, P_NL_CMD_GETSTATES);

	return put_end(&w);
}

size_t
p_nl_put_rule(uint8_t *buf, uint16_t family, uint32_t seq, const char *anchor,
    uint8_t action, uint32_t nr, uint32_t ticket)
{
	struct writer w = put_begin(buf, family, F_DUMP, seq, P_NL_CMD_GETRULE);

	put_string(&w, P_NL_GET_ANCHOR, anchor);
	put_attr(&w, P_NL_GET_ACTION, &action, sizeof(action));
	put_attr(&w, P_NL_GET_NR, &nr, sizeof(nr));
	put_attr(&w, P_NL_GET_TICKET, &ticket, sizeof(ticket));
	return put_end(&w);
}

size_t
p_nl_put_kill(uint8_t *buf, uint16_t family, uint32_t seq, uint64_t id,
    uint32_t creator)
{
	struct writer w =
	    put_begin(buf, family, F_DUMP, seq, P_NL_CMD_KILLSTATES);

	put_attr(&w, P_NL_KILL_ID, &id, sizeof(id));
	put_attr(&w, P_NL_KILL_CREATOR, &creator, sizeof(creator));
	return put_end(&w);
}

bool
p_nl_next(struct span *in, struct p_nl_msg *out)
{
	uint32_t len;
	uint16_t type;
	int error;

	memset(out, 0, sizeof(*out));
	if (in->len < NLMSG_LEN + GENL_LEN)
		return false;
	memcpy(&len, in->p, sizeof(len));
	memcpy(&type, in->p + 4, sizeof(type));
	memcpy(&out->seq, in->p + 8, sizeof(out->seq));
	if (len < NLMSG_LEN + GENL_LEN || len > in->len)
		return false;
	if (type == NL_ERROR || type == NL_DONE) {
		memcpy(&error, in->p + NLMSG_LEN, sizeof(error));
		out->last = true;
		out->error = error < 0 && error != INT32_MIN ? -error : error;
	} else
		out->attrs = span_sub(*in, NLMSG_LEN + GENL_LEN,
		    len - NLMSG_LEN - GENL_LEN);
	*in = span_sub(*in, ALIGN(len), in->len);
	return true;
}

struct attr {
	uint16_t type;
	struct span value;
};

static bool
next_attr(struct span *in, struct attr *out)
{
	uint16_t len;

	if (in->len < ATTR_LEN)
		return false;
	memcpy(&len, in->p, sizeof(len));
	memcpy(&out->type, in->p + 2, sizeof(out->type));
	if (len < ATTR_LEN || len > in->len)
		return false;
	out->type &= ATTR_TYPE;
	out->value = span_sub(*in, ATTR_LEN, len - ATTR_LEN);
	*in = span_sub(*in, ALIGN(len), in->len);
	return true;
}

/* A number, of the size that it has here or there. */
static uint64_t
nl_number(struct span v)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (v.len) {
	case sizeof(u8):
		memcpy(&u8, v.p, sizeof(u8));
		return u8;
	case sizeof(u16):
		memcpy(&u16, v.p, sizeof(u16));
		return u16;
	case sizeof(u32):
		memcpy(&u32, v.p, sizeof(u32));
		return u32;
	case sizeof(u64):
		memcpy(&u64, v.p, sizeof(u64));
		return u64;
	default:
		return 0;
	}
}

static void
get_bytes(struct span v, uint8_t out[16])
{
	memcpy(out, v.p, v.len > 16 ? 16 : v.len);
}

static void
get_string(struct span v, char *out, size_t size)
{
	size_t n = span_find(v, '\0');

	if (n >= size)
		n = size - 1;
	memcpy(out, v.p, n);
	out[n] = '\0';
}

bool
p_nl_get_family(struct span attrs, uint16_t *out)
{
	struct attr a;

	*out = 0;
	while (next_attr(&attrs, &a))
		if (a.type == P_NL_FAMILY_ID)
			*out = (uint16_t)nl_number(a.value);
	return *out != 0;
}

bool
p_nl_get_running(struct span attrs, bool *out)
{
	struct attr a;

	while (next_attr(&attrs, &a))
		if (a.type == P_NL_STATUS_RUNNING) {
			*out = nl_number(a.value) != 0;
			return true;
		}
	return false;
}

static void
get_key(struct span attrs, struct p_nl_key *out)
{
	struct attr a;

	while (next_attr(&attrs, &a)) {
		if (a.type == P_NL_KEY_ADDR0 || a.type == P_NL_KEY_ADDR1)
			get_bytes(a.value, out->addr[a.type - P_NL_KEY_ADDR0]);
		else if (a.type == P_NL_KEY_PORT0 || a.type == P_NL_KEY_PORT1)
			out->port[a.type - P_NL_KEY_PORT0] =
			    (uint16_t)nl_number(a.value);
	}
}

static void
get_peer(struct span attrs, uint8_t *out)
{
	struct attr a;

	while (next_attr(&attrs, &a))
		if (a.type == P_NL_PEER_STATE)
			*out = (uint8_t)nl_number(a.value);
}

bool
p_nl_get_state(struct span attrs, struct p_nl_state *out)
{
	struct attr a;

	memset(out, 0, sizeof(*out));
	out->peers[0] = out->peers[1] = UINT8_MAX;
	while (next_attr(&attrs, &a))
		switch (a.type) {
		case P_NL_STATE_ID:
			out->id = nl_number(a.value);
			break;
		case P_NL_STATE_CREATOR:
			/*
			 * The kernel swaps the bytes of this field in answers,
			 * but not in requests.
			 */
			out->creator = htonl((uint32_t)nl_number(a.value));
			break;
		case P_NL_STATE_WIRE:
			get_key(a.value, &out->wire);
			break;
		case P_NL_STATE_STACK:
			get_key(a.value, &out->stack);
			break;
		case P_NL_STATE_PEER_SRC:
		case P_NL_STATE_PEER_DST:
			get_peer(a.value,
			    &out->peers[a.type - P_NL_STATE_PEER_SRC]);
			break;
		case P_NL_STATE_PACKETS0:
		case P_NL_STATE_PACKETS1:
			out->packets[a.type - P_NL_STATE_PACKETS0] =
			    nl_number(a.value);
			break;
		case P_NL_STATE_AF:
			out->af = (uint8_t)nl_number(a.value);
			break;
		case P_NL_STATE_PROTO:
			out->proto = (uint8_t)nl_number(a.value);
			break;
		case P_NL_STATE_DIRECTION:
			out->direction = (uint8_t)nl_number(a.value);
			break;
		default:
			break;
		}
	return out->id != 0;
}

static void
get_addr(struct span attrs, struct p_nl_side *out)
{
	struct attr a;

	while (next_attr(&attrs, &a)) {
		if (a.type == P_NL_ADDR_ADDR)
			get_bytes(a.value, out->addr);
		else if (a.type == P_NL_ADDR_MASK)
			get_bytes(a.value, out->mask);
		else if (a.type == P_NL_ADDR_TYPE)
			out->type = (uint8_t)nl_number(a.value);
	}
}

static void
get_side(struct span attrs, struct p_nl_side *out)
{
	struct attr a;

	while (next_attr(&attrs, &a)) {
		if (a.type == P_NL_SIDE_ADDR)
			get_addr(a.value, out);
		else if (a.type == P_NL_SIDE_PORT0 || a.type == P_NL_SIDE_PORT1)
			out->port[a.type - P_NL_SIDE_PORT0] =
			    (uint16_t)nl_number(a.value);
		else if (a.type == P_NL_SIDE_OP)
			out->op = (uint8_t)nl_number(a.value);
	}
}

static void
get_label(struct span attrs, char *out, size_t size)
{
	struct attr a;

	if (next_attr(&attrs, &a) && a.type == P_NL_LABEL_LABEL)
		get_string(a.value, out, size);
}

bool
p_nl_get_rule(struct span attrs, struct p_nl_rule *out)
{
	bool src = false, dst = false;
	struct attr a;

	memset(out, 0, sizeof(*out));
	while (next_attr(&attrs, &a))
		switch (a.type) {
		case P_NL_RULE_SRC:
			get_side(a.value, &out->src);
			src = true;
			break;
		case P_NL_RULE_DST:
			get_side(a.value, &out->dst);
			dst = true;
			break;
		case P_NL_RULE_LABELS:
			get_label(a.value, out->label, sizeof(out->label));
			break;
		case P_NL_RULE_IFNAME:
			get_string(a.value, out->ifname, sizeof(out->ifname));
			break;
		case P_NL_RULE_MAX_STATES:
			out->max_states = (uint32_t)nl_number(a.value);
			break;
		case P_NL_RULE_ACTION:
			out->action = (uint8_t)nl_number(a.value);
			break;
		case P_NL_RULE_DIRECTION:
			out->direction = (uint8_t)nl_number(a.value);
			break;
		case P_NL_RULE_AF:
			out->af = (uint8_t)nl_number(a.value);
			break;
		case P_NL_RULE_PROTO:
			out->proto = (uint8_t)nl_number(a.value);
			break;
		case P_NL_RULE_ANCHOR_CALL:
			get_string(a.value, out->anchor_call,
			    sizeof(out->anchor_call));
			break;
		default:
			break;
		}
	return src && dst;
}
