/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/base/chars.h"
#include "src/base/addr.h"
#include "src/base/crc.h"
#include "src/base/jsonw.h"
#include "src/base/pinhole.h"
#include "src/base/shares.h"
#include "src/base/span.h"
#include "src/base/strbuf.h"
#include "src/base/timers.h"
#include "src/base/wire.h"
#include "tests/unit/unit.h"

static void
numbers_are_digits_within_a_maximum(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*in;
		uint64_t	 max;
		bool		 ok;
		uint64_t	 value;
	} rows[] = {
		{ "0",				65535,		true,	0 },
		{ "65535",			65535,		true,	65535 },
		{ "049170",			65535,		true,	49170 },
		{ "65536",			65535,		false,	0 },
		{ "4294967396",			65535,		false,	0 },
		{ "18446744073709551615",	UINT64_MAX,	true,	UINT64_MAX },
		{ "18446744073709551616",	UINT64_MAX,	false,	0 },
		{ "5",				3,		false,	0 },
		{ "",				65535,		false,	0 },
		{ "-1",				65535,		false,	0 },
		{ "+1",				65535,		false,	0 },
		{ " 1",				65535,		false,	0 },
		{ "1 ",				65535,		false,	0 },
		{ "0x10",			65535,		false,	0 },
	};
	/* clang-format on */
	uint64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		v = 0;
		printf("%s\n", rows[i].in);
		assert_int_equal(span_number(span_of(rows[i].in), rows[i].max,
				     &v),
		    rows[i].ok);
		assert_int_equal(v, rows[i].value);
	}
}

static void
addresses_have_a_scope(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*in;
		enum addr_scope	 scope;
	} rows[] = {
		{ "0.0.0.0",		ADDR_UNSPECIFIED },
		{ "0.0.0.1",		ADDR_UNUSABLE },
		{ "127.0.0.1",		ADDR_UNUSABLE },
		{ "169.254.1.1",	ADDR_UNUSABLE },
		{ "224.0.0.1",		ADDR_UNUSABLE },
		{ "255.255.255.255",	ADDR_UNUSABLE },
		{ "10.1.2.3",		ADDR_PRIVATE },
		{ "172.31.0.1",		ADDR_PRIVATE },
		{ "172.32.0.1",		ADDR_GLOBAL },
		{ "100.64.0.1",		ADDR_PRIVATE },
		{ "192.0.2.1",		ADDR_GLOBAL },
		{ "::",			ADDR_UNSPECIFIED },
		{ "::1",		ADDR_UNUSABLE },
		{ "::ffff:192.0.2.1",	ADDR_UNUSABLE },
		{ "::192.0.2.1",	ADDR_UNUSABLE },
		{ "fe80::1",		ADDR_UNUSABLE },
		{ "ff02::1",		ADDR_UNUSABLE },
		{ "febf::1",		ADDR_UNUSABLE },
		{ "fec0::1",		ADDR_UNUSABLE },
		{ "feff::1",		ADDR_UNUSABLE },
		{ "64:ff9b::c000:201",	ADDR_UNUSABLE },
		{ "64:ff9b::1:0:0",	ADDR_UNUSABLE },
		{ "64:ff9b:1::c000:201", ADDR_UNUSABLE },
		{ "64:ff9b:2::1",	ADDR_UNUSABLE },
		{ "::ffff:0:c000:201",	ADDR_UNUSABLE },	/* RFC 2765 */
		{ "5f00::1",		ADDR_UNUSABLE },
		{ "1fff::1",		ADDR_UNUSABLE },
		{ "2000::1",		ADDR_GLOBAL },
		{ "3fff:ffff::1",	ADDR_GLOBAL },
		{ "4000::1",		ADDR_UNUSABLE },
		{ "fbff::1",		ADDR_UNUSABLE },
		{ "fdff::1",		ADDR_PRIVATE },
		{ "2002:c000:201::1",	ADDR_UNUSABLE },
		{ "2003::1",		ADDR_GLOBAL },
		{ "2001:0:c000:201::1",	ADDR_UNUSABLE },
		{ "2001:1::1",		ADDR_GLOBAL },
		{ "100::1",		ADDR_UNUSABLE },
		{ "100:0:0:1::1",	ADDR_UNUSABLE },
		{ "fd00::1",		ADDR_PRIVATE },
		{ "2001:db8::1",	ADDR_GLOBAL },
	};
	/* clang-format on */
	struct addr a;
	char buf[ADDR_STRLEN];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].in);
		assert_int_equal(addr_parse(span_of(rows[i].in), &a), PH_OK);
		assert_int_equal(addr_scope(&a), rows[i].scope);
		assert_string_equal(addr_format(&a, buf), rows[i].in);
	}
}

static void
prefixes_clear_host_bits_and_contain(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*prefix, *canonical, *addr;
		bool		 contains;
	} rows[] = {
		{ "192.0.2.77/24",	"192.0.2.0/24",	  "192.0.2.255", true },
		{ "192.0.2.77/24",	"192.0.2.0/24",	  "192.0.3.0",	 false },
		{ "192.0.2.77",		"192.0.2.77",	  "192.0.2.77",	 true },
		{ "203.0.113.77/4",	"192.0.0.0/4",	  "207.0.0.1",	 true },
		{ "203.0.113.77/4",	"192.0.0.0/4",	  "208.0.0.1",	 false },
		{ "192.0.2.77/25",	"192.0.2.0/25",	  "192.0.2.128", false },
		{ "192.0.2.77/31",	"192.0.2.76/31",  "192.0.2.78",	 false },
		{ "0.0.0.0/0",		"0.0.0.0/0",	  "8.8.8.8",	 true },
		{ "0.0.0.0/0",		"0.0.0.0/0",	  "2001:db8::1", false },
		{ "2001:db8:2::1/62",	"2001:db8:2::/62", "2001:db8::",  false },
		{ "2001:db8:0:3::/62",	"2001:db8::/62",  "2001:db8:0:2::9", true },
	};
	static const char *const bad[] = { "", "/24", "1.2.3.4/", "1.2.3.4/33",
		"1.2.3/8", "::/129", "1.2.3.4/-1", "host", "1.2.3.4/2 4",
		"fe80::1%eth0", "01.2.3.4" };
	/* clang-format on */
	struct prefix p;
	struct addr a;
	char buf[ADDR_STRLEN];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s %s\n", rows[i].prefix, rows[i].addr);
		assert_int_equal(prefix_parse(span_of(rows[i].prefix), &p),
		    PH_OK);
		assert_string_equal(prefix_format(&p, buf), rows[i].canonical);
		assert_int_equal(addr_parse(span_of(rows[i].addr), &a), PH_OK);
		assert_int_equal(prefix_contains(&p, &a), rows[i].contains);
	}
	for (i = 0; i < ROWS(bad); i++) {
		printf("%s\n", bad[i]);
		assert_int_equal(prefix_parse(span_of(bad[i]), &p),
		    PH_EMALFORMED);
	}
}

static void
cursor_errors_stick(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	struct cursor c = cursor_of(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_u16(&c), 0x0102);
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_left(&c), 0);
}

static void
what_a_writer_wrote_a_cursor_reads(void **state)
{
	struct addr v4 = addr_v4(192, 0, 2, 1), none = { 0 }, a;
	uint8_t buf[64], text[4];
	struct writer w = writer_of(buf, sizeof(buf));
	struct cursor c;
	size_t n;

	(void)state;
	writer_u8(&w, 0xfe);
	writer_u16(&w, 0x0102);
	writer_u32(&w, 0x03040506);
	writer_u64(&w, UINT64_C(0x0708090a0b0c0d0e));
	writer_text(&w, "ab", 4);
	writer_addr(&w, &v4);
	writer_addr(&w, &none);
	writer_u8(&w, 2);
	assert_false(w.full);
	assert_int_equal(w.len, 1 + 2 + 4 + 8 + 4 + 5 + 1 + 1);
	assert_memory_equal(buf, "\xfe\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe", 15);
	c = cursor_of(buf, w.len);
	assert_int_equal(cursor_u8(&c), 0xfe);
	assert_int_equal(cursor_u16(&c), 0x0102);
	assert_int_equal(cursor_u32(&c), 0x03040506);
	assert_true(cursor_u64(&c) == UINT64_C(0x0708090a0b0c0d0e));
	cursor_copy(&c, text, 4);
	assert_memory_equal(text, "ab\0\0", 4);
	a = cursor_addr(&c);
	assert_true(addr_eq(&a, &v4));
	a = cursor_addr(&c);
	assert_true(addr_eq(&a, &none));
	assert_false(c.bad);
	assert_false(cursor_bool(&c)); /* 2 is neither */
	assert_true(c.bad);

	/*
	 * A value that does not fit is not written in part, and none behind it
	 * is written.
	 */
	for (n = 0; n < 15; n++) {
		memset(buf, 0, sizeof(buf));
		w = writer_of(buf, n);
		writer_u64(&w, UINT64_MAX);
		writer_u64(&w, UINT64_MAX);
		writer_u8(&w, 1);
		assert_true(w.full);
		assert_int_equal(w.len, n < 8 ? 0 : 8);
		assert_int_equal(buf[w.len], 0);
	}
}

static void
json_is_valid_whatever_the_wire_says(void **state)
{
	char array[256];
	struct strbuf b = strbuf_of(array, sizeof(array));
	struct jsonw w = jsonw_begin(&b);

	(void)state;
	jsonw_time(&w, "ts", INT64_C(1287421234000456));
	jsonw_str(&w, "a",
	    SPAN_LITERAL(
		"x\"\\\n\x1b\xff\xc3\xa9\xed\xa0\x80\xc2\x9b\xc2\xa0\xc2"));
	jsonw_null(&w, "n");
	jsonw_uint(&w, "u", 7);
	jsonw_end(&w);
	assert_string_equal(array,
	    "{\"ts\":1287421234.000456,\"a\":\"x\\\"\\\\\\u000a\\u001b\\ufffd"
	    "\xc3\xa9\\ufffd\\ufffd\\ufffd\\u009b\xc2\xa0\\ufffd\",\"n\":null,"
	    "\"u\":7}");
}

static void
strbuf_says_when_it_is_full(void **state)
{
	char array[8];
	struct strbuf b = strbuf_of(array, sizeof(array));

	(void)state;
	strbuf_fmt(&b, "%s", "1234");
	assert_false(b.full);
	strbuf_fmt(&b, "%s", "56789");
	assert_true(b.full);
	assert_string_equal(array, "1234567");
	assert_int_equal(b.len, 7);
	strbuf_reset(&b);
	strbuf_vis(&b, SPAN_LITERAL("a\x1b"));
	assert_string_equal(array, "a\\x1b");
}

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), PH_OK);
	return a;
}

static void
addresses_come_from_sockets_and_go_there(void **state)
{
	struct endpoint v[] = { { address("192.0.2.10"), 5060 },
		{ address("2001:db8::10"), 40000 } };
	static const char *const texts[] = { "192.0.2.10:5060",
		"[2001:db8::10]:40000" };
	struct sockaddr_storage ss;
	struct endpoint back, none = { 0 };
	struct prefix any = { 0 };
	char buf[ADDR_STRLEN] = "";
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(v); i++) {
		assert_true(endpoint_to_sockaddr(&v[i], &ss) > 0);
		assert_int_equal(ss.ss_family, v[i].addr.af);
		back = endpoint_from_sockaddr((struct sockaddr *)&ss);
		assert_int_equal(endpoint_cmp(&back, &v[i]), 0);
		assert_string_equal(endpoint_format(&v[i], buf), texts[i]);
	}
	assert_int_equal(endpoint_to_sockaddr(&none, &ss), 0);
	assert_int_equal(addr_from_sockaddr(NULL).af, AF_UNSPEC);
	assert_string_equal(addr_format(&none.addr, buf), "none");
	assert_string_equal(prefix_format(&any, buf), "any");
}

static void
addresses_have_an_order(void **state)
{
	struct addr a = address("192.0.2.10"), b = address("192.0.2.11");
	struct prefix p = prefix_host(&a), q = p;
	struct endpoint e = { a, 1 }, f = { a, 2 };

	(void)state;
	assert_true(addr_eq(&a, &a));
	assert_false(addr_eq(&a, &b));
	assert_true(addr_cmp(&a, &b) < 0 && addr_cmp(&b, &a) > 0);
	assert_int_equal(prefix_cmp(&p, &q), 0);
	q.len = 31;
	assert_true(prefix_cmp(&p, &q) > 0 && prefix_cmp(&q, &p) < 0);
	assert_true(endpoint_cmp(&e, &f) < 0 && endpoint_cmp(&f, &e) > 0);
	/* A subscriber of IPv6 has a /64, which is one source. */
	a = addr_source(&b);
	assert_true(addr_eq(&a, &b));
	a = address("2001:db8:1:2:3:4:5:6");
	b = address("2001:db8:1:2::");
	a = addr_source(&a);
	assert_true(addr_eq(&a, &b));
}

static void
pinholes_differ_by_every_part_of_the_tuple(void **state)
{
	static const struct pinhole zero;
	struct pinhole h[12];
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(h); i++)
		h[i] = zero;
	h[1].proto = IPPROTO_UDP;
	h[2].dir = PINHOLE_OUT;
	h[3].once = 1;
	h[4].from_port = 20;
	h[5].to_lo = 1;
	h[6].to_hi = 1;
	h[7].from.len = 8;
	h[8].to = address("192.0.2.1");
	h[9].rdr_from.port = 1;
	h[10].nat_to.port = 1;
	h[11].from_port = 30;
	for (i = 0; i < ROWS(h); i++)
		for (k = 0; k < ROWS(h); k++) {
			int r = pinhole_cmp(&h[i], &h[k]);

			assert_int_equal(r == 0, i == k);
			assert_int_equal(r<0, pinhole_cmp(&h[k], &h[i])> 0);
		}
	assert_true(pinhole_cmp(&h[4], &h[11]) < 0);
	/* The id, the deadline and the class are no part of the comparison. */
	h[1] = h[0];
	h[1].id = 7;
	h[1].deadline = 7;
	h[1].class = 7;
	assert_int_equal(pinhole_cmp(&h[0], &h[1]), 0);
}

static void
a_packed_pinhole_is_the_same_one(void **state)
{
	static const struct pinhole zero;
	uint8_t a[PINHOLE_PACKED + 1], b[PINHOLE_PACKED];
	struct pinhole h[10], again;
	size_t i, k, n, m;

	(void)state;
	for (i = 0; i < ROWS(h); i++)
		h[i] = zero;
	h[1].proto = IPPROTO_UDP;
	h[2].dir = PINHOLE_OUT;
	h[3].once = 1;
	h[4].from_port = 0x1234;
	h[5].to_lo = 0x5678;
	h[5].to_hi = 0x9abc;
	assert_int_equal(prefix_parse(SPAN_LITERAL("192.0.2.0/24"), &h[6].from),
	    PH_OK);
	h[6].to = address("203.0.113.7");
	h[7].to = address("2001:db8::7");
	h[7].rdr_from = (struct endpoint) { address("2001:db8::8"), 7000 };
	assert_int_equal(prefix_parse(SPAN_LITERAL("2001:db8::/64"),
			     &h[8].from),
	    PH_OK);
	h[8].from_port = 9000;
	h[8].to = address("2001:db8::7");
	h[8].rdr_from = (struct endpoint) { address("2001:db8::8"), 0 };
	h[8].nat_to = (struct endpoint) { address("2001:db8::9"), 8000 };
	h[9].dir = PINHOLE_OUT;
	h[9].from = prefix_host(&h[6].from.addr);
	h[9].to = h[6].to;
	for (i = 0; i < ROWS(h); i++) {
		memset(a, 0xff, sizeof(a));
		n = pinhole_pack(&h[i], a);
		assert_int_equal(pinhole_packed(a), n);
		assert_int_equal(a[n], 0xff);
		again = pinhole_unpack(a);
		assert_int_equal(pinhole_cmp(&again, &h[i]), 0);
		for (k = 0; k < ROWS(h); k++) {
			m = pinhole_pack(&h[k], b);
			assert_int_equal(n == m && memcmp(a, b, n) == 0,
			    i == k);
		}
	}
	assert_int_equal(pinhole_pack(&h[6], a), 16);
	assert_int_equal(pinhole_pack(&h[9], a), 15);
	assert_int_equal(pinhole_pack(&h[8], a), PINHOLE_PACKED);
}

static void
text_is_cut_and_compared(void **state)
{
	struct span rest, empty = { NULL, 0 };

	(void)state;
	assert_true(span_eq_str(span_trim(span_of(" \t x y\t ")), "x y"));
	assert_true(span_eq_str(span_trim(span_of("x")), "x"));
	assert_true(span_eq_str(span_trim(span_of("a b")), "a b"));
	assert_int_equal(span_trim(span_of(" ")).len, 0);
	assert_int_equal(span_trim((struct span) { "  ", 0 }).len, 0);
	assert_true(span_caseeq_str(span_of("aZ-zA"), "Az-Za"));
	assert_false(span_caseeq_str(span_of("a["), "a{"));
	assert_false(span_caseeq_str(span_of("ab"), "abc"));
	assert_false(span_caseeq_str(span_of("abc"), "ab"));
	assert_int_equal(span_cmp(empty, empty), 0);
	assert_true(span_cmp(span_of("a"), span_of("ab")) < 0);
	assert_true(span_cmp(span_of("ab"), span_of("a")) > 0);
	assert_true(span_cmp(span_of("b"), span_of("ab")) > 0);
	/* Bytes behind a span do not count. */
	assert_true(
	    span_cmp(span_sub(span_of("abz"), 0, 2), span_of("abc")) < 0);
	assert_true(span_has_prefix(span_of("ab"), "ab"));
	assert_false(span_has_prefix(span_of("a"), "ab"));
	assert_int_equal(span_find(span_of("abc"), 'c'), 2);
	assert_int_equal(span_find(span_of("abc"), 'd'), 3);
	assert_int_equal(span_find(empty, 'd'), 0);
	assert_int_equal(span_find(span_of("c"), 'c'), 0);
	assert_int_equal(span_find(span_of("c"), 'd'), 1);
	assert_int_equal(span_cut(span_of("="), '=', &rest).len, 0);
	assert_int_equal(rest.len, 0);
	assert_true(span_eq_str(span_cut(span_of("k=v=w"), '=', &rest), "k"));
	assert_true(span_eq_str(rest, "v=w"));
	assert_true(span_eq_str(span_cut(span_of("k"), '=', &rest), "k"));
	assert_int_equal(rest.len, 0);
	assert_int_equal(span_sub(span_of("abc"), 5, 2).len, 0);
	assert_true(span_eq_str(span_sub(span_of("abc"), 1, 9), "bc"));
}

static void
bytes_are_summed_as_in_the_standard(void **state)
{
	(void)state;
	assert_true(crc32_of(0, "123456789", 9) == 0xcbf43926);
	assert_true(crc32_of(crc32_of(0, "1234", 4), "56789", 5) == 0xcbf43926);
	assert_int_equal(crc32_of(0, "", 0), 0);
	assert_true(crc32_of(0, "The quick brown fox jumps over the lazy dog",
			43) == 0x414fa339);
}

static void
cursors_read_every_width(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
	struct cursor c = cursor_of(bytes, sizeof(bytes));
	uint8_t copy[2];

	(void)state;
	assert_true(cursor_u64(&c) == UINT64_C(0x0102030405060708));
	assert_int_equal(cursor_left(&c), 3);
	cursor_skip(&c, 1);
	cursor_copy(&c, copy, 2);
	assert_int_equal(copy[0], 10);
	assert_int_equal(cursor_left(&c), 0);
	assert_false(c.bad);
	assert_int_equal(cursor_span(&c, 0).len, 0);
	assert_false(c.bad);
	cursor_copy(&c, copy, 1);
	assert_true(c.bad);
	assert_int_equal(copy[0], 0);
}

static void
strbuf_has_a_last_byte(void **state)
{
	char array[4] = "", *end = array + 3;
	struct strbuf b = strbuf_of(array, 3), none = strbuf_of(NULL, 0);

	(void)state;
	*end = 'x';
	strbuf_fmt(&b, "%s", "");
	assert_false(b.full);
	strbuf_str(&b, "a");
	strbuf_str(&b, "b");
	assert_false(b.full);
	assert_string_equal(array, "ab");
	strbuf_str(&b, "c");
	assert_true(b.full);
	assert_string_equal(array, "ab");
	assert_int_equal(*end, 'x');
	assert_null(strbuf_room(&b, 1));
	strbuf_reset(&b);
	assert_non_null(memcpy(strbuf_room(&b, 2), "xy", 2));
	assert_string_equal(array, "xy");
	assert_false(b.full);
	assert_null(strbuf_room(&b, 1));
	assert_true(b.full);
	assert_null(strbuf_room(&none, 0));
	none.full = false;
	strbuf_str(&none, "a");
	strbuf_fmt(&none, "%s", "a");
	assert_true(none.full);
	assert_int_equal(none.len, 0);
}

static struct numbered {
	int number;
	struct timer timer;
} timed[3];
static struct timers timers;
static int order[4], norder;

static void
note_order(struct timer *t, int64_t now)
{
	(void)now;
	order[norder++] = timer_owner(t, struct numbered, timer)->number;
}

static void
timed_begin(void)
{
	int i;

	timers_init(&timers);
	memset(timed, 0, sizeof(timed));
	norder = 0;
	for (i = 0; i < 3; i++) {
		timed[i].number = i;
		assert_int_equal(timer_begin(&timers, &timed[i].timer,
				     note_order),
		    PH_OK);
	}
}

static void
timed_end(void)
{
	int i;

	for (i = 0; i < 3; i++)
		timer_end(&timers, &timed[i].timer);
	timer_end(&timers, &timed[0].timer); /* has ended */
	assert_int_equal(timers.n, 0);
	timers_free(&timers);
}

static void
timers_fire_by_deadline_then_by_age(void **state)
{
	(void)state;
	timed_begin();
	/* The numbers by which their age is told may begin anew. */
	timers.order = UINT32_MAX;
	assert_true(timers_next(&timers) == INT64_MAX);
	timer_set(&timers, &timed[2].timer, 10);
	timer_set(&timers, &timed[0].timer, 10);
	timer_set(&timers, &timed[1].timer, 5);
	assert_int_equal(timers_next(&timers), 5);
	timers_run(&timers, 9);
	assert_int_equal(norder, 1);
	timers_run(&timers, 10);
	assert_int_equal(norder, 3);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 2);
	assert_int_equal(order[2], 0);
	assert_false(timer_is_set(&timed[0].timer));
	timed_end();
}

/* A timer that moves is set anew: of equal deadlines it is the last. */
static void
a_timer_that_moves_fires_at_its_last_deadline(void **state)
{
	(void)state;
	timed_begin();
	timer_set(&timers, &timed[0].timer, 5);
	timer_set(&timers, &timed[1].timer, 20);
	timer_set(&timers, &timed[2].timer, 20);
	timer_set(&timers, &timed[0].timer, 20);
	timer_set(&timers, &timed[1].timer, 30);
	timer_set(&timers, &timed[1].timer, 20);
	assert_int_equal(timers_next(&timers), 20);
	timers_run(&timers, 19);
	assert_int_equal(norder, 0);
	timer_set(&timers, &timed[2].timer, 10);
	assert_int_equal(timers_next(&timers), 10);
	timers_run(&timers, 20);
	assert_int_equal(norder, 3);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 0);
	assert_int_equal(order[2], 1);
	timer_set(&timers, &timed[0].timer, 40);
	timer_set(&timers, &timed[0].timer, 50);
	timer_clear(&timers, &timed[0].timer);
	assert_true(timers_next(&timers) == INT64_MAX);
	timer_set(&timers, &timed[0].timer, 60);
	timed_end();
}

/* The table is by hand: here is what it stands for. */
static void
each_byte_is_of_its_kinds(void **state)
{
	bool alnum, visible;
	unsigned int kinds;
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z');
		visible = c > ' ' && c <= '~';
		kinds = 0;
		if (c >= '0' && c <= '9')
			kinds |= CHARS_DIGIT;
		if (alnum)
			kinds |= CHARS_ALNUM;
		if (alnum || c == ' ')
			kinds |= CHARS_NAME;
		if (alnum || (visible && strchr("-.", c) != NULL))
			kinds |= CHARS_HOST;
		if (alnum || (visible && strchr("-._+*~!", c) != NULL))
			kinds |= CHARS_WORD;
		if (alnum || (visible && strchr("-.!%*_+`'~", c) != NULL))
			kinds |= CHARS_TOKEN;
		if (visible && strchr(";,\"<>\\", c) == NULL)
			kinds |= CHARS_PARAM;
		if (visible)
			kinds |= CHARS_VISIBLE;
		if (c == ' ' || (visible && c != '"' && c != '\\'))
			kinds |= CHARS_JSON;
		if (chars_kinds[c] != kinds)
			fail_msg("%d", c);
	}
}

static void
the_largest_share_gives_first(void **state)
{
	struct addr a = addr_v4(192, 0, 2, 1), b = addr_v4(192, 0, 2, 2);
	struct addr six = { AF_INET6, { 0x20, 1, 0xd, 0xb8 } }, other = six;
	struct share_item items[8];
	char names[] = "01234567";
	struct shares s;
	char *worst;
	size_t i;

	(void)state;
	memset(items, 0, sizeof(items));
	for (i = 0; i < ROWS(items); i++)
		items[i].owner = &names[i];
	shares_init(&s);
	assert_null(shares_worst(&s));
	assert_true(shares_add(&s, &items[0], &a, 1));
	assert_true(shares_add(&s, &items[1], &b, 1));
	/* Of equals, the one that was idle for longest. */
	assert_non_null(worst = shares_worst(&s));
	assert_int_equal(*worst, '0');
	shares_touch(&s, &items[0]);
	assert_int_equal(*(char *)shares_worst(&s), '1');
	/* A /64 is one source, and more than the others. */
	other.b[15] = 7;
	assert_true(shares_add(&s, &items[2], &six, 1));
	assert_true(shares_add(&s, &items[3], &other, 1));
	assert_int_equal(*(char *)shares_worst(&s), '2');
	shares_touch(&s, &items[2]);
	assert_int_equal(*(char *)shares_worst(&s), '3');
	other.b[7] = 1;
	assert_true(shares_add(&s, &items[4], &other, 1));
	assert_int_equal(*(char *)shares_worst(&s), '3');
	/* Each item counts by its cost. */
	shares_resize(&s, &items[0], 10);
	assert_int_equal(*(char *)shares_worst(&s), '0');
	assert_int_equal(s.used, 14);
	assert_int_equal(s.n, 5);
	shares_remove(&s, &items[0]);
	shares_remove(&s, &items[0]);
	assert_int_equal(*(char *)shares_worst(&s), '3');
	for (i = 1; i < 5; i++)
		shares_remove(&s, &items[i]);
	assert_null(shares_worst(&s));
	assert_int_equal(s.used, 0);
	assert_int_equal(s.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_share_gives_first),
		cmocka_unit_test(numbers_are_digits_within_a_maximum),
		cmocka_unit_test(addresses_have_a_scope),
		cmocka_unit_test(prefixes_clear_host_bits_and_contain),
		cmocka_unit_test(cursor_errors_stick),
		cmocka_unit_test(what_a_writer_wrote_a_cursor_reads),
		cmocka_unit_test(addresses_come_from_sockets_and_go_there),
		cmocka_unit_test(addresses_have_an_order),
		cmocka_unit_test(pinholes_differ_by_every_part_of_the_tuple),
		cmocka_unit_test(a_packed_pinhole_is_the_same_one),
		cmocka_unit_test(text_is_cut_and_compared),
		cmocka_unit_test(bytes_are_summed_as_in_the_standard),
		cmocka_unit_test(cursors_read_every_width),
		cmocka_unit_test(strbuf_has_a_last_byte),
		cmocka_unit_test(json_is_valid_whatever_the_wire_says),
		cmocka_unit_test(strbuf_says_when_it_is_full),
		cmocka_unit_test(timers_fire_by_deadline_then_by_age),
		cmocka_unit_test(a_timer_that_moves_fires_at_its_last_deadline),
		cmocka_unit_test(each_byte_is_of_its_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
