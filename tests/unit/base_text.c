/* SPDX-License-Identifier: ISC */
/*
 * Numbers, addresses, JSON and reports as text, each against a plain model of
 * it.
 */
#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/addr.h"
#include "src/base/counters.h"
#include "src/base/form.h"
#include "src/base/histogram.h"
#include "src/base/jsonw.h"
#include "src/base/reason.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static int
setup(void **state)
{
	(void)state;
	seed = 1;
	return 0;
}

static void
a_number_is_what_strtoull_says(void **state)
{
	static const uint64_t bounds[] = { 0, 1, 9, 10, 99, 255, 256, 65535,
		UINT32_MAX, INT64_MAX, UINT64_MAX - 1, UINT64_MAX };
	char text[32], *end;
	uint64_t max, want, got;
	bool ok;
	int i;

	(void)state;
	for (i = 0; i < 40000; i++) {
		max = bounds[pick(ROWS(bounds))];
		want = bounds[pick(ROWS(bounds))] + pick(3) - 1;
		snprintf(text, sizeof(text), "%s%" PRIu64 "%s",
		    pick(4) == 0 ? "00" : "", want,
		    pick(8) == 0	? "0"
			: pick(16) == 0 ? "/"
			: pick(16) == 0 ? ":"
					: "");
		errno = 0;
		want = strtoull(text, &end, 10);
		ok = errno == 0 && *end == '\0' && want <= max;
		got = 77;
		if (span_number(span_of(text), max, &got) != ok ||
		    got != (ok ? want : 77))
			fail_msg("%s of %" PRIu64, text, max);
	}
}

/* The code point at the start, and its bytes; 0: there is none. */
static size_t
decode(const uint8_t *p, size_t len, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1
	    : p[0] >> 5 == 6   ? 2
	    : p[0] >> 4 == 14  ? 3
	    : p[0] >> 3 == 30  ? 4
			       : 0,
	       i;

	if (n == 0 || n > len)
		return 0;
	*cp = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3f);
	}
	return *cp < least[n] || *cp > 0x10ffff || *cp >> 11 == 0x1b ? 0 : n;
}

static void
json_of(const uint8_t *p, size_t len, struct strbuf *out)
{
	uint32_t cp;
	size_t n;

	strbuf_str(out, "\"");
	for (; len > 0; p += n, len -= n)
		if ((n = decode(p, len, &cp)) == 0) {
			strbuf_str(out, "\\ufffd");
			n = 1;
		} else if (cp == '"' || cp == '\\')
			strbuf_fmt(out, "\\%c", (int)cp);
		else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			strbuf_fmt(out, "\\u%04x", cp);
		else
			strbuf_add(out, (struct span) { (const char *)p, n });
	strbuf_str(out, "\"");
}

static void
json_text_is_utf8_and_nothing_else(void **state)
{
	static const uint8_t bytes[] = { 0, 0x1f, 0x20, 0x22, 'a', 0x5c, 0x7e,
		0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2,
		0xc3, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1,
		0xf3, 0xf4, 0xf5, 0xff };
	uint8_t in[6];
	char got[64], want[64];
	struct strbuf b, w;
	size_t n, k;
	int i;

	(void)state;
	for (i = 0; i < 150000; i++) {
		n = pick(ROWS(in) + 1);
		for (k = 0; k < n; k++)
			in[k] = pick(3) == 0 ? bytes[pick(ROWS(bytes))]
			    : pick(2) == 0   ? (uint8_t)(0x80 + pick(64))
					     : (uint8_t)(0xc0 + pick(64));
		b = strbuf_of(got, sizeof(got));
		w = strbuf_of(want, sizeof(want));
		jsonw_text(&b, (struct span) { (const char *)in, n });
		json_of(in, n, &w);
		assert_false(b.full);
		assert_string_equal(got, want);
	}
}

static void
json_members_are_separated(void **state)
{
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct jsonw w = jsonw_begin(&b), inner;

	(void)state;
	jsonw_list_begin(&w, "none");
	jsonw_list_end(&w);
	jsonw_list_begin(&w, "some");
	jsonw_list_uint(&w, 0);
	jsonw_list_uint(&w, UINT64_MAX);
	jsonw_list_end(&w);
	inner = jsonw_object(&w, "in");
	jsonw_end(&inner);
	inner = jsonw_object(&w, "side");
	jsonw_null(&inner, "a");
	jsonw_uint(&inner, "b", 10);
	jsonw_end(&inner);
	jsonw_str(&w, "", (struct span) { NULL, 0 });
	jsonw_str(&w, "s", span_of("plain"));
	jsonw_end(&w);
	assert_string_equal(text,
	    "{\"none\":[],\"some\":[0,18446744073709551615],\"in\":{},"
	    "\"side\":{\"a\":null,\"b\":10},\"\":\"\",\"s\":\"plain\"}");
}

static void
json_times_have_six_decimals(void **state)
{
	/* clang-format off */
	static const struct { int64_t at; const char *text; } t[] = {
	{ 0, "{\"t\":0.000000}" },
	{ 1, "{\"t\":0.000001}" },
	{ 10, "{\"t\":0.000010}" },
	{ 999999, "{\"t\":0.999999}" },
	{ 1000000, "{\"t\":1.000000}" },
	{ 100100000, "{\"t\":100.100000}" },
	{ INT64_MAX, "{\"t\":9223372036854.775807}" },
	/* Before 1970, by a wall clock that was set back. */
	{ -1, "{\"t\":-0.000001}" },
	{ -1000000, "{\"t\":-1.000000}" },
	{ -1500000, "{\"t\":-1.500000}" },
	{ INT64_MIN, "{\"t\":-9223372036854.775808}" },
	};
	/* clang-format on */
	struct jsonw w;
	struct strbuf b;
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(t); i++) {
		b = strbuf_of(text, sizeof(text));
		w = jsonw_begin(&b);
		jsonw_time(&w, "t", t[i].at);
		jsonw_end(&w);
		assert_string_equal(text, t[i].text);
	}
}

/* Without room for a name or a text there is none of it, and it shows. */
static void
json_that_does_not_fit_is_marked(void **state)
{
	static const char whole[] = "{\"a\":\"xyz\",\"b\":7}";
	char text[32];
	struct strbuf b;
	struct jsonw w;
	size_t size;

	(void)state;
	for (size = 1; size <= sizeof(whole) + 1; size++) {
		b = strbuf_of(text, size);
		w = jsonw_begin(&b);
		jsonw_str(&w, "a", span_of("xyz"));
		jsonw_uint(&w, "b", 7);
		jsonw_end(&w);
		assert_int_equal(b.full, size < sizeof(whole));
		if (!b.full)
			assert_string_equal(text, whole);
	}
}

static bool
bit(const struct addr *a, unsigned int i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

static struct addr
some_addr(uint8_t af)
{
	struct addr a = { af, { 0 } };
	size_t i;

	for (i = 0; i < addr_bytes(af); i++)
		a.b[i] = pick(3) == 0 ? (uint8_t)pick(256) : 0xa5;
	return a;
}

static bool
contains(const struct prefix *p, const struct addr *a)
{
	unsigned int i;

	if (p->addr.af != a->af)
		return false;
	for (i = 0; i < p->len; i++)
		if (bit(&p->addr, i) != bit(a, i))
			return false;
	return true;
}

static void
a_prefix_contains_what_its_bits_say(void **state)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	char text[ADDR_STRLEN], host[ADDR_STRLEN];
	struct prefix p, q, v[3];
	struct addr a, b;
	unsigned int bits, i, k;
	int round;

	(void)state;
	for (round = 0; round < 30000; round++) {
		a = some_addr(families[pick(2)]);
		bits = (unsigned int)addr_bytes(a.af) * 8;
		/* Written with all its bits, it is read without the rest. */
		snprintf(text, sizeof(text), "%s/%u", addr_format(&a, host),
		    i = pick(bits + 1));
		assert_int_equal(prefix_parse(span_of(text), &p), PH_OK);
		assert_int_equal(p.len, i);
		for (k = 0; k < bits; k++)
			assert_int_equal(bit(&p.addr, k), k < i && bit(&a, k));
		assert_int_equal(prefix_parse(span_of(prefix_format(&p, text)),
				     &q),
		    PH_OK);
		assert_int_equal(prefix_cmp(&p, &q), 0);
		/* Another, which differs in one bit or in its family. */
		b = a;
		k = pick(bits);
		b.b[k / 8] ^= (uint8_t)(0x80 >> k % 8);
		if (pick(9) == 0)
			b = some_addr(families[pick(2)]);
		assert_int_equal(prefix_contains(&p, &b), contains(&p, &b));
		assert_true(prefix_contains(&p, &a));
		q = (struct prefix) { b, (uint8_t)pick(bits + 1) };
		if (b.af != a.af)
			q.len = 0;
		assert_int_equal(prefix_overlaps(&p, &q),
		    contains(&p, &b) || contains(&q, &p.addr));
		/* In a list, at any place. */
		for (i = 0; i < 3; i++)
			v[i] = prefix_host(&a);
		v[pick(3)] = q;
		for (i = 0; i <= 3; i++) {
			bool any = false, over = false;

			for (k = 0; k < i; k++) {
				any |= contains(&v[k], &b);
				over |= contains(&v[k], &p.addr) ||
				    contains(&p, &v[k].addr);
			}
			assert_int_equal(prefixes_contain(v, i, &b), any);
			assert_int_equal(prefixes_overlap(v, i, &p), over);
		}
	}
	memset(&p, 0, sizeof(p));
	assert_true(prefix_contains(&p, &a)); /* anybody's */
}

static void
text_that_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "", "1", "1.2.3", "1.2.3.4.5",
		"1.2.3.256", "1.2.3.4 ", " 1.2.3.4", "01.2.3.4", "1.02.3.4",
		"1.2.03.4", "1.2.3.04", "1.2.3.00", "1.2.3.a", "::g",
		":::", "1::2::3", "::ffff:1.2.3.04", "::ffff:1.02.3.4",
		"2001:db8:0:0:0:0:0:1:2", "10000::", "fe80::1%eth0",
		"1111:2222:3333:4444:5555:6666:123.123.123.1234" };
	static const char *const good[] = { "0.0.0.0", "1.2.3.4",
		"255.255.255.255", "10.20.30.40", "100.200.101.9", "::", "::1",
		"2001:db8::10", "2001:db8:0:1:1:1:1:1", "::ffff:1.2.3.40",
		"1111:2222:3333:4444:5555:6666:7777:8888" };
	static const char *const bad_prefixes[] = { "", "/", "/8", "1.2.3.4/",
		"1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/8/8", "1.2.3.4/ 8",
		"::/129", "::/", "1.2.3/8" };
	static const struct addr zero;
	char text[ADDR_STRLEN];
	struct prefix p;
	struct addr a;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(bad); i++) {
		memset(&a, 7, sizeof(a));
		if (addr_parse(span_of(bad[i]), &a) != PH_EMALFORMED)
			fail_msg("%s", bad[i]);
		assert_memory_equal(&a, &zero, sizeof(a));
	}
	for (i = 0; i < ROWS(good); i++) {
		assert_int_equal(addr_parse(span_of(good[i]), &a), PH_OK);
		assert_int_equal(a.af,
		    strchr(good[i], ':') ? AF_INET6 : AF_INET);
		assert_string_equal(addr_format(&a, text), good[i]);
		/* Without a length, it is a host. */
		assert_int_equal(prefix_parse(span_of(good[i]), &p), PH_OK);
		assert_int_equal(p.len, a.af == AF_INET ? 32 : 128);
		assert_string_equal(prefix_format(&p, text), good[i]);
	}
	for (i = 0; i < ROWS(bad_prefixes); i++) {
		memset(&p, 7, sizeof(p));
		if (prefix_parse(span_of(bad_prefixes[i]), &p) != PH_EMALFORMED)
			fail_msg("%s", bad_prefixes[i]);
		assert_int_equal(p.addr.af, AF_UNSPEC);
		assert_int_equal(p.len, 0);
	}
	/* A zero in front is usual in IPv6, and has one reading. */
	assert_int_equal(addr_parse(span_of("2001:0db8:0000::0010"), &a),
	    PH_OK);
	assert_string_equal(addr_format(&a, text), "2001:db8::10");
	assert_int_equal(addr_parse(span_of("0001::01"), &a), PH_OK);
	/* A NUL within. */
	assert_int_equal(addr_parse((struct span) { "1.2.3.4\0", 8 }, &a),
	    PH_EMALFORMED);
	assert_int_equal(addr_parse((struct span) { "1.2.3.4567", 7 }, &a),
	    PH_OK);
}

static void
each_byte_of_an_address_is_a_number(void **state)
{
	char got[ADDR_STRLEN], want[ADDR_STRLEN];
	struct addr a;
	unsigned int i, k;

	(void)state;
	for (i = 0; i < 4; i++)
		for (k = 0; k < 256; k++) {
			a = addr_v4(1, 20, 130, 204);
			a.b[i] = (uint8_t)k;
			snprintf(want, sizeof(want), "%u.%u.%u.%u", a.b[0],
			    a.b[1], a.b[2], a.b[3]);
			assert_string_equal(addr_format(&a, got), want);
		}
}

static char said[1024];

static void
each(void *ctx, const char *name, uint64_t v, bool gauge)
{
	size_t len = strlen(said);

	assert_ptr_equal(ctx, said);
	snprintf(said + len, sizeof(said) - len, "%s%s %" PRIu64 "\n",
	    gauge ? "~" : "", name, v);
}

static void
counters_go_to_whoever_asks(void **state)
{
	static struct counters_before before;
	struct counters c = { .form = COUNTERS_EACH,
		.prefix = "x_",
		.before = &before,
		.each = each,
		.ctx = said };

	(void)state;
	counters_adopt(&before, "x_a 5\na 50\nx_b 7\n", 17);
	assert_int_equal(before.n, 3);
	said[0] = '\0';
	counters_put(&c, "a", 1);
	counters_put(&c, "b", 0);
	counters_put_gauge(&c, "b", 2);
	counters_put(&c, "c", UINT64_C(1) << 40);
	c.prefix = NULL;
	counters_put(&c, "a", 1);
	c.before = NULL;
	counters_put(&c, "a", 1);
	assert_string_equal(said,
	    "x_a 6\nx_b 7\n~b 2\nx_c 1099511627776\na 51\na 1\n");
}

static void
forms_are_reported_with_their_reasons(void **state)
{
	struct form_counts n = { { 0 } };
	struct counters c = { .form = COUNTERS_EACH,
		.each = each,
		.ctx = said };
	size_t i;

	(void)state;
	for (i = 0; i < FORM_COUNT; i++)
		n.opened[i] = UINT64_C(1) << (4 * i);
	said[0] = '\0';
	form_report(&n, &c);
	assert_string_equal(said,
	    "opened_as_states 16\nopened_as_rules 286331137\n"
	    "as_rule_tcp 256\nas_rule_once 4096\nas_rule_prefix 65536\n"
	    "as_rule_any_port 1048576\nas_rule_ports 16777216\n"
	    "as_rule_translated 268435456\n");
	assert_null(form_why(FORM_RULE));
	assert_null(form_why(FORM_STATE));
	assert_string_equal(form_why(FORM_TRANSLATED), "translated");
	assert_null(form_why(FORM_COUNT));
	assert_null(form_why((enum form) - 1));
}

static void
names_are_there_and_differ(void **state)
{
	static const enum ph_err errors[] = { PH_OK, PH_EMALFORMED, PH_ETRUNC,
		PH_EUNSUPPORTED, PH_ELIMIT, PH_ENOMEM, PH_EAMBIGUOUS, PH_EIO,
		PH_EAGAIN, PH_EEXIST, PH_EGONE, PH_EBAD, PH_EDENIED };
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(errors); i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(ph_strerror(errors[i]),
			    ph_strerror(errors[k]));
	assert_string_equal(ph_strerror((enum ph_err)7), "unknown error");
	for (i = 0; i < REASON_COUNT; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(reason_name((enum reason)i),
			    reason_name((enum reason)k));
	assert_string_equal(reason_name(REASON_COUNT), "none");
	assert_string_equal(reason_name((enum reason) - 1), "none");
}

static void
each_bound_ends_its_bucket(void **state)
{
	struct histogram h;
	unsigned int i, k;

	(void)state;
	for (i = 0; i < HISTOGRAM_BOUNDS; i++) {
		memset(&h, 0, sizeof(h));
		histogram_add(&h, (int64_t)histogram_bounds[i]);
		histogram_add(&h, (int64_t)histogram_bounds[i] - 1);
		histogram_add(&h, (int64_t)histogram_bounds[i] + 1);
		for (k = 0; k <= HISTOGRAM_BOUNDS; k++)
			assert_int_equal(h.n[k], k == i ? 2 : k == i + 1);
		assert_int_equal(h.sum, 3 * (uint64_t)histogram_bounds[i]);
		assert_int_equal(histogram_count(&h), 3);
		/* Two of three are at the bound or below. */
		assert_int_equal(histogram_quantile(&h, 666),
		    histogram_bounds[i]);
		assert_int_equal(histogram_quantile(&h, 667),
		    i + 1 < HISTOGRAM_BOUNDS ? histogram_bounds[i + 1]
					     : UINT32_MAX);
	}
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_number_is_what_strtoull_says),
		CASE(json_text_is_utf8_and_nothing_else),
		CASE(json_members_are_separated),
		CASE(json_times_have_six_decimals),
		CASE(json_that_does_not_fit_is_marked),
		CASE(a_prefix_contains_what_its_bits_say),
		CASE(text_that_is_no_address_is_refused),
		CASE(each_byte_of_an_address_is_a_number),
		CASE(counters_go_to_whoever_asks),
		CASE(forms_are_reported_with_their_reasons),
		CASE(names_are_there_and_differ),
		CASE(each_bound_ends_its_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
