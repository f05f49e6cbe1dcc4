/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/crc.h"
#include "src/base/wire.h"
#include "src/share/record.h"
#include "tests/unit/unit.h"

static const struct record_group plain = { "fw", { 0 }, 0 };
static const struct record_group keyed = { "fw", "secret", 6 };
static const struct record_group short_key = { "fw", "s", 1 };

static uint8_t buf[RECORD_MAX];

static size_t
written(const struct record_group *g, enum record_type type, struct span body)
{
	struct record r = { .type = type,
		.key = { 1, 2, 3 },
		.box = "fw1",
		.boot = 7,
		.version = 5,
		.written = 1000,
		.body = body };
	size_t len;

	assert_true(record_write(g, &r, buf, sizeof(buf), &len));
	return len;
}

static void
what_is_written_is_read(void **state)
{
	static const enum record_type types[] = { RECORD_CALL, RECORD_END,
		RECORD_SEEN, RECORD_HELLO };
	const struct record_group *groups[] = { &plain, &keyed, &short_key };
	struct record r;
	size_t i, len;

	(void)state;
	for (i = 0; i < ROWS(groups) * ROWS(types); i++) {
		len = written(groups[i / ROWS(types)], types[i % ROWS(types)],
		    span_of("the body"));
		assert_int_equal(record_read(groups[i / ROWS(types)], buf, len,
				     &r),
		    RECORD_FINE);
		assert_int_equal(r.type, types[i % ROWS(types)]);
		assert_string_equal(r.box, "fw1");
		assert_int_equal(r.key[2], 3);
		assert_int_equal(r.boot, 7);
		assert_int_equal(r.version, 5);
		assert_int_equal(r.written, 1000);
		assert_true(span_eq_str(r.body, "the body"));
	}
}

static void
every_byte_counts(void **state)
{
	const struct record_group *groups[] = { &plain, &keyed };
	struct record r;
	size_t g, i, len;

	(void)state;
	for (g = 0; g < 2; g++) {
		len = written(groups[g], RECORD_CALL, span_of("body"));
		for (i = 0; i < len; i++) {
			buf[i] ^= 1;
			assert_int_not_equal(record_read(groups[g], buf, len,
						 &r),
			    RECORD_FINE);
			buf[i] ^= 1;
			assert_int_not_equal(record_read(groups[g], buf, i, &r),
			    RECORD_FINE);
		}
		assert_int_equal(record_read(groups[g], buf, len, &r),
		    RECORD_FINE);
	}
}

static void
a_record_of_another_group_is_none(void **state)
{
	static const struct record_group others[] = { { "other", { 0 }, 0 },
		{ "f", { 0 }, 0 }, { "fx", { 0 }, 0 }, { "fw2", { 0 }, 0 } };
	struct record r;
	size_t i, len;

	(void)state;
	for (i = 0; i < ROWS(others); i++) {
		len = written(&others[i], RECORD_CALL, span_of("body"));
		assert_int_equal(record_read(&plain, buf, len, &r),
		    RECORD_GROUP);
	}
}

static void
a_record_of_no_type_is_none(void **state)
{
	static const int types[] = { 0, RECORD_TYPES, 255 };
	struct record r;
	size_t i, len;

	(void)state;
	for (i = 0; i < ROWS(types); i++) {
		len = written(&plain, (enum record_type)types[i],
		    span_of("body"));
		assert_int_equal(record_read(&plain, buf, len, &r),
		    RECORD_MALFORMED);
	}
}

/* Names of boxes: their 32 bytes, the rest of which is zeros. */
static const struct {
	const char name[RECORD_NAME + 1];
	bool fine;
} boxes[] = {
	{ "a", true },
	{ "!~", true },
	{ "1234567890123456789012345678901", true },
	{ "12345678901234567890123456789012", false },
	{ "", false },
	{ " a", false },
	{ "a b", false },
	{ "a ", false },
	{ "\1", false },
	{ "\x7f", false },
	{ "a\x80", false },
	{ "a\0b", false },
	{ "123456789012345678901234567890\0x", false },
};

static void
a_name_is_printable_and_ends(void **state)
{
	const size_t box = 6 + RECORD_NAME;
	struct record r;
	struct writer w;
	size_t i, len;

	(void)state;
	for (i = 0; i < ROWS(boxes); i++) {
		print_message("%s\n", boxes[i].name);
		len = written(&plain, RECORD_CALL, span_of("body"));
		assert_string_equal((char *)buf + box, "fw1");
		memcpy(buf + box, boxes[i].name, RECORD_NAME);
		w = writer_of(buf + len - 4, 4);
		writer_u32(&w, crc32_of(0, buf, len - 4));
		assert_int_equal(record_read(&plain, buf, len, &r),
		    boxes[i].fine ? RECORD_FINE : RECORD_MALFORMED);
		if (boxes[i].fine)
			assert_string_equal(r.box, boxes[i].name);
	}
}

static void
with_a_key_others_are_forged(void **state)
{
	const struct record_group wrong = { "fw", "secreT", 6 };
	struct record r;
	size_t len;

	(void)state;
	len = written(&plain, RECORD_CALL, span_of("body"));
	assert_int_equal(record_read(&keyed, buf, len, &r), RECORD_FORGED);
	len = written(&wrong, RECORD_CALL, span_of("body"));
	assert_int_equal(record_read(&keyed, buf, len, &r), RECORD_FORGED);
	/* A box whose key is not there yet reads those that have one. */
	len = written(&keyed, RECORD_CALL, span_of("body"));
	assert_int_equal(record_read(&plain, buf, len, &r), RECORD_FINE);
}

static void
a_body_has_a_limit(void **state)
{
	static char body[RECORD_BODY_MAX + 1];
	struct record r = { .type = RECORD_CALL,
		.box = "fw1",
		.body = { body, sizeof(body) } };
	size_t len;

	(void)state;
	assert_false(record_write(&plain, &r, buf, sizeof(buf), &len));
	r.body.len--;
	assert_true(record_write(&plain, &r, buf, sizeof(buf), &len));
	assert_int_equal(record_read(&plain, buf, len, &r), RECORD_FINE);
	assert_int_equal(r.body.len, RECORD_BODY_MAX);
	assert_false(record_write(&keyed, &r, buf, len, &len));
}

static void
a_call_has_one_key_in_each_group(void **state)
{
	const struct record_group other = { "other", { 0 }, 0 };
	uint8_t a[RECORD_KEY], b[RECORD_KEY];

	(void)state;
	assert_true(record_key(&plain, span_of("call"), a));
	assert_true(record_key(&keyed, span_of("call"), b));
	assert_memory_equal(a, b, sizeof(a));
	assert_true(record_key(&plain, span_of("calm"), b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(record_key(&other, span_of("call"), b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void
each_refusal_has_a_name(void **state)
{
	static const char *const names[] = { "none", "malformed", "group",
		"forged", "stale", "old", "policy", "limit", "none" };
	unsigned int i;

	(void)state;
	assert_int_equal(ROWS(names), RECORD_REFUSALS + 1);
	for (i = 0; i < ROWS(names); i++)
		assert_string_equal(record_refusal_name((enum record_refusal)i),
		    names[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_refusal_has_a_name),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(a_record_of_another_group_is_none),
		cmocka_unit_test(a_record_of_no_type_is_none),
		cmocka_unit_test(a_name_is_printable_and_ends),
		cmocka_unit_test(with_a_key_others_are_forged),
		cmocka_unit_test(a_body_has_a_limit),
		cmocka_unit_test(a_call_has_one_key_in_each_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
