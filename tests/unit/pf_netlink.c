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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
