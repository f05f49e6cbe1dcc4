/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "pf/netlink.h"
#include "tests/pf/nlwrite.h"
#include "tests/unit/unit.h"

static const uint8_t genl[4];

static struct span
span(const struct nlwrite *m)
{
	return (struct span) { (const char *)m->b, m->len };
}

static void
requests_are_whole(void **state)
{
	uint8_t b[P_NL_REQUEST], action = 0;
	char anchor[1024];
	uint16_t type, flags;
	uint32_t len, seq;
	size_t n;

	(void)state;
	n = p_nl_put_family(b, 5);
	memcpy(&len, b, 4);
	memcpy(&type, b + 4, 2);
	memcpy(&flags, b + 6, 2);
	memcpy(&seq, b + 8, 4);
	assert_int_equal(len, n);
	assert_int_equal(n, 16 + 4 + 4 + 8); /* "pfctl", padded */
	assert_int_equal(type, 0x10);
	assert_int_equal(flags, 1 | 4);
	assert_int_equal(seq, 5);
	assert_int_equal(b[16], 3);
	assert_string_equal((char *)b + 24, "pfctl");

	n = p_nl_put_states(b, 0x1a, 6);
	assert_int_equal(n, 20);
	memcpy(&type, b + 4, 2);
	assert_int_equal(type, 0x1a);
	assert_int_equal(b[16], 1);

	n = p_nl_put_kill(b, 0x1a, 7, UINT64_C(0x0102030405060708), 9);
	assert_int_equal(n, 20 + 12 + 8);
	assert_int_equal(b[16], 9);

	/* The longest name there is. */
	memset(anchor, 'a', sizeof(anchor));
	anchor[sizeof(anchor) - 1] = '\0';
	n = p_nl_put_rule(b, 0x1a, 8, anchor, action, 3, 4);
	memcpy(&len, b, 4);
	assert_int_equal(len, n);
	assert_int_equal(n, 20 + 4 + 1024 + 8 + 8 + 8);
	assert_string_equal((char *)b + 24, anchor);
}

static void
messages_end(void **state)
{
	struct nlwrite m = { .len = 0 };
	struct p_nl_msg got;
	struct span in;
	size_t at;
	int error = 16;

	(void)state;
	at = nl_begin(&m, 0x1a, 3, genl, sizeof(genl));
	nl_attr8(&m, 2, 1);
	nl_end(&m, at);
	at = nl_begin(&m, 2, 3, genl, sizeof(genl));
	memcpy(m.b + at + 16, &error, sizeof(error));
	nl_end(&m, at);
	in = span(&m);
	assert_true(p_nl_next(&in, &got));
	assert_false(got.last);
	assert_int_equal(got.seq, 3);
	assert_int_equal(got.attrs.len, 8);
	assert_true(p_nl_next(&in, &got));
	assert_true(got.last);
	assert_int_equal(got.error, 16);
	assert_false(p_nl_next(&in, &got));

	/* Lengths that lie. */
	for (at = 0; at < 20; at++) {
		in = (struct span) { (const char *)m.b, at };
		assert_false(p_nl_next(&in, &got));
	}
	memset(m.b, 0xff, 4);
	in = span(&m);
	assert_false(p_nl_next(&in, &got));
	memset(m.b, 0, 4);
	in = span(&m);
	assert_false(p_nl_next(&in, &got));
}

static void
the_family_and_status_are_found(void **state)
{
	struct nlwrite m = { .len = 0 };
	uint16_t family;
	bool running = true;

	(void)state;
	assert_false(p_nl_get_family(span(&m), &family));
	assert_false(p_nl_get_running(span(&m), &running));
	nl_attr(&m, 2, "pfctl", 6);
	nl_attr16(&m, 1, 0x1b);
	assert_true(p_nl_get_family(span(&m), &family));
	assert_int_equal(family, 0x1b);

	m.len = 0;
	nl_attr(&m, 1, "", 1);
	nl_attr8(&m, 2, 0);
	nl_attr32(&m, 3, 77);
	assert_true(p_nl_get_running(span(&m), &running));
	assert_false(running);
	m.b[12] = 1;
	assert_true(p_nl_get_running(span(&m), &running));
	assert_true(running);
}

static void
put_key(struct nlwrite *m, uint16_t type, const char *a, const char *b,
    uint16_t from, uint16_t to)
{
	size_t at = nl_nest(m, type);

	nl_attr(m, 1, a, 4);
	nl_attr(m, 2, b, 4);
	nl_attr16(m, 3, htons(from));
	nl_attr16(m, 4, htons(to));
	nl_attr8(m, 5, 2);
	nl_attr16(m, 6, 17);
	nl_unnest(m, at);
}

static void
a_state_is_read(void **state)
{
	struct nlwrite m = { .len = 0 };
	struct p_nl_state s;
	size_t at;

	(void)state;
	nl_attr64(&m, 28, 1400);
	/* Whether nested ones say so in a flag is all the same. */
	put_key(&m, 5 | 0x8000, "\306\63\144\7", "\300\0\2\24", 4000, 10000);
	put_key(&m, 6, "\306\63\144\7", "\12\0\0\5", 4000, 10000);
	nl_attr8(&m, 19, 2);
	nl_attr8(&m, 21, 17);
	nl_attr(&m, 3, "all", 4);
	nl_attr8(&m, 22, 1);
	assert_false(p_nl_get_state(span(&m), &s)); /* no id */
	nl_attr64(&m, 1, UINT64_C(0x100));
	nl_attr32(&m, 2, htonl(0xdeadbeef));
	nl_attr64(&m, 15, UINT64_C(1) << 33);
	nl_attr64(&m, 16, 5);
	assert_true(p_nl_get_state(span(&m), &s));
	assert_int_equal(s.id, 0x100);
	assert_int_equal(s.creator, 0xdeadbeef);
	assert_int_equal(s.af, 2);
	assert_int_equal(s.proto, 17);
	assert_int_equal(s.direction, 1);
	assert_memory_equal(s.wire.addr[0], "\306\63\144\7\0\0", 6);
	assert_memory_equal(s.wire.addr[1], "\300\0\2\24", 4);
	assert_memory_equal(s.stack.addr[1], "\12\0\0\5", 4);
	assert_int_equal(s.wire.port[0], htons(4000));
	assert_int_equal(s.stack.port[1], htons(10000));
	assert_true(s.packets[0] == UINT64_C(1) << 33);
	assert_int_equal(s.packets[1], 5);
	assert_int_equal(s.peers[0], 255);
	at = nl_nest(&m, 7);
	nl_attr32(&m, 5, 77);
	nl_attr8(&m, 10, 1);
	nl_unnest(&m, at);
	at = nl_nest(&m, 8);
	nl_attr8(&m, 10, 0);
	nl_unnest(&m, at);
	assert_true(p_nl_get_state(span(&m), &s));
	assert_int_equal(s.peers[0], 1);
	assert_int_equal(s.peers[1], 0);
}

/* An address that is too long is cut, and overwrites nothing. */
static void
a_longer_address_is_cut(void **state)
{
	struct nlwrite m = { .len = 0 };
	struct p_nl_state s;
	size_t at;

	(void)state;
	nl_attr64(&m, 1, 1);
	at = nl_nest(&m, 5);
	nl_attr(&m, 2, "\300\0\2\24", 4);
	nl_attr(&m, 1, "0123456789abcdefghij", 20);
	nl_unnest(&m, at);
	assert_true(p_nl_get_state(span(&m), &s));
	assert_memory_equal(s.wire.addr[0], "0123456789abcdef", 16);
	assert_memory_equal(s.wire.addr[1], "\300\0\2\24\0", 5);
}

static void
put_side(struct nlwrite *m, uint16_t type, const char *a, uint16_t lo,
    uint16_t hi, uint8_t op)
{
	uint8_t mask[16] = { 0xff, 0xff, 0xff, 0xff };
	size_t at = nl_nest(m, type), addr = nl_nest(m, 1);

	nl_attr(m, 1, a, 16);
	nl_attr(m, 2, mask, 16);
	nl_attr8(m, 5, 0);
	nl_unnest(m, addr);
	nl_attr16(m, 2, htons(lo));
	nl_attr16(m, 3, htons(hi));
	nl_attr8(m, 4, 0);
	nl_attr8(m, 5, op);
	nl_unnest(m, at);
}

static void
a_rule_is_read(void **state)
{
	static const char a[16] = "\306\63\144\7", b[16] = "\300\0\2\24";
	struct nlwrite m = { .len = 0 };
	struct p_nl_rule r;
	char call[1500];
	size_t at;

	(void)state;
	put_side(&m, 1, a, 0, 0, 0);
	assert_false(p_nl_get_rule(span(&m), &r)); /* half a rule */
	put_side(&m, 2, b, 10000, 10001, 9);
	at = nl_nest(&m, 4);
	nl_attr(&m, 1, "7", 2);
	nl_attr(&m, 1, "another", 8);
	nl_unnest(&m, at);
	nl_attr(&m, 5, "em0", 4);
	nl_attr32(&m, 15, 2);
	nl_attr8(&m, 34, 0);
	nl_attr8(&m, 35, 2);
	nl_attr8(&m, 43, 2);
	nl_attr8(&m, 44, 17);
	nl_attr(&m, 72, "/pinholed/in4u", 15);
	assert_true(p_nl_get_rule(span(&m), &r));
	assert_memory_equal(r.src.addr, a, 16);
	assert_memory_equal(r.src.mask, "\377\377\377\377\0", 5);
	assert_memory_equal(r.dst.addr, b, 16);
	assert_int_equal(r.src.op, 0);
	assert_int_equal(r.dst.op, 9);
	assert_int_equal(r.dst.port[0], htons(10000));
	assert_int_equal(r.dst.port[1], htons(10001));
	assert_string_equal(r.label, "7");
	assert_string_equal(r.ifname, "em0");
	assert_int_equal(r.max_states, 2);
	assert_int_equal(r.direction, 2);
	assert_int_equal(r.af, 2);
	assert_int_equal(r.proto, 17);
	assert_string_equal(r.anchor_call, "/pinholed/in4u");

	/* Longer than it may be, and without its NUL. */
	memset(call, 'x', sizeof(call));
	nl_attr(&m, 72, call, sizeof(call));
	assert_true(p_nl_get_rule(span(&m), &r));
	assert_int_equal(strlen(r.anchor_call), sizeof(r.anchor_call) - 1);
}

/* A request as it should be: the flags are in the header only. */
static void
is_request(const uint8_t *b, size_t n, struct nlwrite *want, uint16_t flags)
{
	uint32_t len = (uint32_t)want->len;

	memcpy(want->b, &len, sizeof(len));
	memcpy(want->b + 6, &flags, sizeof(flags));
	assert_int_equal(n, want->len);
	assert_memory_equal(b, want->b, n);
}

static struct nlwrite
request(uint16_t family, uint32_t seq, uint8_t cmd)
{
	struct nlwrite m = { .len = 0 };
	const uint8_t head[4] = { cmd, 0, 0, 0 };

	(void)nl_begin(&m, family, seq, head, sizeof(head));
	return m;
}

static void
requests_are_right_to_the_byte(void **state)
{
	static const char *const anchors[] = { "", "a", "abc", "abcd",
		"pinholed/in4u" };
	uint8_t b[P_NL_REQUEST];
	struct nlwrite m;
	char most[2000];
	size_t i;

	(void)state;
	m = request(0x10, 5, 3);
	nl_attrstr(&m, 2, "pfctl");
	is_request(b, p_nl_put_family(b, 5), &m, 0x5);
	m = request(0x1c, 6, 11);
	is_request(b, p_nl_put_status(b, 0x1c, 6), &m, 0x305);
	m = request(0x1c, 7, 1);
	is_request(b, p_nl_put_states(b, 0x1c, 7), &m, 0x305);
	m = request(0x1c, 0x01020304, 9);
	nl_attr64(&m, 1, UINT64_C(0x1122334455667788));
	nl_attr32(&m, 2, 0xa1b2c3d4);
	is_request(b,
	    p_nl_put_kill(b, 0x1c, 0x01020304, UINT64_C(0x1122334455667788),
		0xa1b2c3d4),
	    &m, 0x305);
	for (i = 0; i < ROWS(anchors); i++) {
		m = request(0x1c, 8, 7);
		nl_attrstr(&m, 1, anchors[i]);
		nl_attr8(&m, 2, 9);
		nl_attr32(&m, 3, 0x55667788);
		nl_attr32(&m, 4, 0x99aabbcc);
		is_request(b,
		    p_nl_put_rule(b, 0x1c, 8, anchors[i], 9, 0x55667788,
			0x99aabbcc),
		    &m, 0x305);
	}
	/* A longer name than there can be is cut. */
	memset(most, 'b', sizeof(most));
	most[sizeof(most) - 1] = '\0';
	m = request(0x1c, 8, 7);
	nl_attr(&m, 1, most, 1024);
	nl_attr8(&m, 2, 9);
	nl_attr32(&m, 3, 1);
	nl_attr32(&m, 4, 2);
	is_request(b, p_nl_put_rule(b, 0x1c, 8, most, 9, 1, 2), &m, 0x305);
}

static void
each_end_says_why(void **state)
{
	/* clang-format off */
	static const struct {
		uint16_t type;
		int	 error;
		bool	 last;
		int	 want;
	} rows[] = {
		{ 2, -1, true, 1 },	{ 2, 1, true, 1 },
		{ 2, 0, true, 0 },	{ 3, -16, true, 16 },
		{ 3, INT32_MIN, true, INT32_MIN },
		{ 2, INT32_MAX, true, INT32_MAX },
		{ 1, -1, false, 0 },	{ 4, -1, false, 0 },
	};
	/* clang-format on */
	struct p_nl_msg got;
	struct nlwrite m;
	struct span in;
	size_t i, at;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		m.len = 0;
		at = nl_begin(&m, rows[i].type, 0xfffffffe, genl, sizeof(genl));
		memcpy(m.b + at + 16, &rows[i].error, sizeof(rows[i].error));
		nl_end(&m, at);
		in = span(&m);
		assert_true(p_nl_next(&in, &got));
		assert_int_equal(got.seq, 0xfffffffe);
		assert_int_equal(got.last, rows[i].last);
		assert_int_equal(got.error, rows[i].want);
		assert_int_equal(got.attrs.len, 0);
		assert_int_equal(in.len, 0);
	}
}

/* The length of a message, or of an attribute, may be anything. */
static void
no_length_is_believed(void **state)
{
	uint8_t b[64];
	struct p_nl_msg got;
	uint16_t family, alen;
	struct span in;
	uint32_t len;
	size_t have, want;

	(void)state;
	for (have = 0; have <= 48; have++)
		for (len = 0; len <= 60; len++) {
			memset(b, 0, sizeof(b));
			memcpy(b, &len, sizeof(len));
			in = (struct span) { (const char *)b, have };
			want = have >= 20 && len >= 20 && len <= have;
			assert_int_equal(p_nl_next(&in, &got), want);
			if (want == 0)
				continue;
			assert_int_equal(got.attrs.len, len - 20);
			assert_ptr_equal(got.attrs.p, b + 20);
			want = (len + 3) / 4 * 4;
			assert_int_equal(in.len, want > have ? 0 : have - want);
		}
	/* An attribute of any length, and the one that is looked for. */
	for (alen = 1; alen <= 24; alen++)
		for (have = 0; have <= 24; have++) {
			memset(b, 0, sizeof(b));
			memcpy(b, &alen, sizeof(alen));
			b[2] = 7;
			want = (alen + 3u) / 4 * 4;
			b[want] = 6;
			b[want + 2] = 1;
			b[want + 4] = 0x33;
			in = (struct span) { (const char *)b, have };
			assert_int_equal(p_nl_get_family(in, &family),
			    alen >= 4 && have >= want + 6);
			assert_int_equal(family,
			    alen >= 4 && have >= want + 6 ? 0x33 : 0);
		}
}

/* Where an attribute is, how long it may be, and what it becomes. */
struct field {
	uint16_t in[2], type; /* nested in these; 0: not */
	size_t offset, size;
	bool bytes; /* no number */
};

#define AT(t, m) offsetof(struct t, m), sizeof(((struct t *)0)->m)

/* clang-format off */
static const struct field state_fields[] = {
	{ { 0 }, 15,	 AT(p_nl_state, packets[0]), false },
	{ { 0 }, 16,	 AT(p_nl_state, packets[1]), false },
	{ { 0 }, 19,	 AT(p_nl_state, af), false },
	{ { 0 }, 21,	 AT(p_nl_state, proto), false },
	{ { 0 }, 22,	 AT(p_nl_state, direction), false },
	{ { 5 }, 1,	 AT(p_nl_state, wire.addr[0]), true },
	{ { 5 }, 2,	 AT(p_nl_state, wire.addr[1]), true },
	{ { 5 }, 3,	 AT(p_nl_state, wire.port[0]), false },
	{ { 5 }, 4,	 AT(p_nl_state, wire.port[1]), false },
	{ { 6 }, 1,	 AT(p_nl_state, stack.addr[0]), true },
	{ { 6 }, 2,	 AT(p_nl_state, stack.addr[1]), true },
	{ { 6 }, 3,	 AT(p_nl_state, stack.port[0]), false },
	{ { 6 }, 4,	 AT(p_nl_state, stack.port[1]), false },
	{ { 7 }, 10,	 AT(p_nl_state, peers[0]), false },
	{ { 8 }, 10,	 AT(p_nl_state, peers[1]), false },
	/* These are for others. */
	{ { 0 }, 3, 0, 0, false },	{ { 0 }, 4, 0, 0, false },
	{ { 0 }, 9, 0, 0, false },	{ { 0 }, 14, 0, 0, false },
	{ { 0 }, 17, 0, 0, false },	{ { 0 }, 18, 0, 0, false },
	{ { 0 }, 20, 0, 0, false },	{ { 0 }, 23, 0, 0, false },
	{ { 5 }, 5, 0, 0, false },	{ { 6 }, 6, 0, 0, false },
	{ { 7 }, 9, 0, 0, false },	{ { 8 }, 11, 0, 0, false },
};

static const struct field rule_fields[] = {
	{ { 0 }, 5,	 AT(p_nl_rule, ifname), true },
	{ { 0 }, 15,	 AT(p_nl_rule, max_states), false },
	{ { 0 }, 34,	 AT(p_nl_rule, action), false },
	{ { 0 }, 35,	 AT(p_nl_rule, direction), false },
	{ { 0 }, 43,	 AT(p_nl_rule, af), false },
	{ { 0 }, 44,	 AT(p_nl_rule, proto), false },
	{ { 0 }, 72,	 AT(p_nl_rule, anchor_call), true },
	{ { 4 }, 1,	 AT(p_nl_rule, label), true },
	{ { 1 }, 2,	 AT(p_nl_rule, src.port[0]), false },
	{ { 1 }, 3,	 AT(p_nl_rule, src.port[1]), false },
	{ { 1 }, 5,	 AT(p_nl_rule, src.op), false },
	{ { 2 }, 2,	 AT(p_nl_rule, dst.port[0]), false },
	{ { 2 }, 3,	 AT(p_nl_rule, dst.port[1]), false },
	{ { 2 }, 5,	 AT(p_nl_rule, dst.op), false },
	{ { 1, 1 }, 1,	 AT(p_nl_rule, src.addr), true },
	{ { 1, 1 }, 2,	 AT(p_nl_rule, src.mask), true },
	{ { 1, 1 }, 5,	 AT(p_nl_rule, src.type), false },
	{ { 2, 1 }, 1,	 AT(p_nl_rule, dst.addr), true },
	{ { 2, 1 }, 2,	 AT(p_nl_rule, dst.mask), true },
	{ { 2, 1 }, 5,	 AT(p_nl_rule, dst.type), false },
	/* These are for others. */
	{ { 0 }, 3, 0, 0, false },	{ { 0 }, 6, 0, 0, false },
	{ { 0 }, 14, 0, 0, false },	{ { 0 }, 16, 0, 0, false },
	{ { 0 }, 33, 0, 0, false },	{ { 0 }, 36, 0, 0, false },
	{ { 0 }, 71, 0, 0, false },	{ { 0 }, 73, 0, 0, false },
	{ { 4 }, 2, 0, 0, false },	{ { 1 }, 4, 0, 0, false },
	{ { 2 }, 6, 0, 0, false },	{ { 1, 1 }, 3, 0, 0, false },
	{ { 2, 1 }, 4, 0, 0, false },
};
/* clang-format on */

static void
put_field(struct nlwrite *m, const struct field *f, size_t width)
{
	static const uint8_t value[16] = { 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6,
		0x17, 0x28, 0x39, 0x4a, 0x5b, 0x6c, 0x7d, 0x8e, 0x9f, 0x11 };
	size_t at[2] = { 0 }, i;

	for (i = 0; i < 2 && f->in[i] != 0; i++)
		at[i] = nl_nest(m, f->in[i]);
	nl_attr(m, f->type, value, width);
	while (i-- > 0)
		nl_unnest(m, at[i]);
}

/* What the field is then, whatever the order of bytes is here. */
static void
set_field(uint8_t *out, const struct field *f, size_t width)
{
	struct nlwrite m = { .len = 0 };
	const struct field alone = { { 0 }, 1, 0, 0, false };
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint16_t u16 = 0;
	uint8_t u8 = 0;

	put_field(&m, &alone, width);
	if (f->bytes) {
		memcpy(out + f->offset, m.b + 4, width);
		return;
	}
	if (width == 8)
		memcpy(&u64, m.b + 4, 8);
	if (width == 4)
		memcpy(&u32, m.b + 4, 4);
	if (width == 2)
		memcpy(&u16, m.b + 4, 2);
	if (width == 1)
		memcpy(&u8, m.b + 4, 1);
	u64 |= u32 | u16 | u8;
	u32 = (uint32_t)u64;
	u16 = (uint16_t)u64;
	u8 = (uint8_t)u64;
	memcpy(out + f->offset,
	    f->size == 8       ? (void *)&u64
		: f->size == 4 ? (void *)&u32
		: f->size == 2 ? (void *)&u16
			       : (void *)&u8,
	    f->size);
}

/* A number is read in whatever size a kernel has it; each fills one field. */
static void
each_attribute_fills_its_field(void **state)
{
	static const size_t widths[] = { 1, 2, 3, 4, 5, 8, 9 };
	static struct p_nl_rule rule, rule_want;
	struct p_nl_state got, want;
	const struct field *f;
	struct nlwrite m;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(state_fields) * ROWS(widths); i++) {
		f = &state_fields[i / ROWS(widths)];
		k = widths[i % ROWS(widths)];
		m.len = 0;
		nl_attr64(&m, 1, 77);
		put_field(&m, f, k);
		memset(&want, 0, sizeof(want));
		want.id = 77;
		want.peers[0] = want.peers[1] = UINT8_MAX;
		if (f->size > 0)
			set_field((uint8_t *)&want, f, k);
		assert_true(p_nl_get_state(span(&m), &got));
		assert_memory_equal(&got, &want, sizeof(want));
	}
	for (i = 0; i < ROWS(rule_fields) * ROWS(widths); i++) {
		f = &rule_fields[i / ROWS(widths)];
		k = widths[i % ROWS(widths)];
		m.len = 0;
		nl_unnest(&m, nl_nest(&m, 1));
		nl_unnest(&m, nl_nest(&m, 2));
		put_field(&m, f, k);
		memset(&rule_want, 0, sizeof(rule_want));
		if (f->size > 0)
			set_field((uint8_t *)&rule_want, f, k);
		assert_true(p_nl_get_rule(span(&m), &rule));
		assert_memory_equal(&rule, &rule_want, sizeof(rule));
	}
}

/* Names that are just as long as they may be, and longer. */
static void
a_name_ends_within_its_room(void **state)
{
	static struct p_nl_rule r;
	char name[20];
	struct nlwrite m;
	size_t n;

	(void)state;
	memset(name, 'x', sizeof(name));
	for (n = 1; n <= 20; n++) {
		m.len = 0;
		nl_unnest(&m, nl_nest(&m, 2));
		nl_attr(&m, 5, name, n);
		assert_false(p_nl_get_rule(span(&m), &r));
		nl_unnest(&m, nl_nest(&m, 1));
		assert_true(p_nl_get_rule(span(&m), &r));
		assert_int_equal(strlen(r.ifname), n < 15 ? n : 15);
	}
	/* What comes after the end does not count. */
	name[3] = '\0';
	m.len = 0;
	nl_unnest(&m, nl_nest(&m, 1));
	nl_unnest(&m, nl_nest(&m, 2));
	nl_attr(&m, 5, name, 10);
	assert_true(p_nl_get_rule(span(&m), &r));
	assert_string_equal(r.ifname, "xxx");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_whole),
		cmocka_unit_test(messages_end),
		cmocka_unit_test(the_family_and_status_are_found),
		cmocka_unit_test(a_state_is_read),
		cmocka_unit_test(a_longer_address_is_cut),
		cmocka_unit_test(a_rule_is_read),
		cmocka_unit_test(requests_are_right_to_the_byte),
		cmocka_unit_test(each_end_says_why),
		cmocka_unit_test(no_length_is_believed),
		cmocka_unit_test(each_attribute_fills_its_field),
		cmocka_unit_test(a_name_ends_within_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
