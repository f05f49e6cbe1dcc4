/* SPDX-License-Identifier: ISC */
/* Messages of a queue of packets: attributes, lengths, what is none. */
#include <string.h>

#include "src/base/wire.h"
#include "src/capture/nfqueue.h"
#include "tests/unit/unit.h"

static uint8_t buffer[4096];
static struct writer w;
static size_t begun;

static void
native_u16(uint16_t v)
{
	writer_copy(&w, &v, sizeof(v));
}

static void
message_begin(uint16_t type)
{
	uint32_t zero = 0;

	begun = w.len;
	writer_copy(&w, &zero, 4);
	native_u16(type);
	native_u16(0);
	writer_copy(&w, &zero, 4);
	writer_copy(&w, &zero, 4);
	writer_copy(&w, "\2\0\0\7", 4);
}

static void
attr(uint16_t type, const void *p, size_t len)
{
	native_u16((uint16_t)(4 + len));
	native_u16(type);
	writer_copy(&w, p, len);
	while (w.len % 4 != 0)
		writer_u8(&w, 0);
}

static struct span
message_end(void)
{
	uint32_t len = (uint32_t)(w.len - begun);

	memcpy(buffer + begun, &len, sizeof(len));
	return (struct span) { (const char *)buffer, w.len };
}

static void
restart(void)
{
	w = writer_of(buffer, sizeof(buffer));
}

static void
put_packet(const char *text)
{
	message_begin(3 << 8);
	attr(1, "\0\0\1\2\10\0\2", 7);
	attr(5, "\0\0\0\3", 4);
	attr(6, "\0\0\0\4", 4);
	attr(4, "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\5", 16);
	attr(10, text, strlen(text));
}

static void
a_packet_is_read(void **state)
{
	struct nfqueue_packet p;
	struct span rest;

	(void)state;
	restart();
	put_packet("the packet");
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_OK);
	assert_true(
	    p.id == 0x102 && p.hook == 2 && p.indev == 3 && p.outdev == 4);
	assert_true(p.stamp == 2000005 && !p.truncated);
	assert_true(span_eq_str(p.ip, "the packet"));
	assert_true(rest.len == 0);
}

/* What is left behind the last attribute is one that is cut off. */
static void
bytes_behind_the_attributes_are_none(void **state)
{
	struct nfqueue_packet p;
	struct span rest;
	size_t i;

	(void)state;
	for (i = 0; i <= 4; i++) {
		restart();
		put_packet("packets!");
		writer_copy(&w, "\4\0\0\0", i);
		rest = message_end();
		/* Four bytes are one without a value, of no type we know. */
		assert_int_equal(nfqueue_next(&p, &rest),
		    i % 4 == 0 ? PH_OK : PH_EMALFORMED);
	}
}

/* Attributes in any order mean the same. */
static void
attributes_come_in_any_order(void **state)
{
	static const struct {
		uint16_t type;
		const char *p;
		size_t len;
	} attrs[] = {
		{ 1, "\0\0\1\2\10\0\2", 7 },
		{ 5, "\0\0\0\3", 4 },
		{ 6, "\0\0\0\4", 4 },
		{ 4, "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\5", 16 },
		{ 10, "packet", 6 },
		{ 13, "\0\0\377\377", 4 },
	};
	const size_t n = ROWS(attrs);
	struct nfqueue_packet p;
	struct span rest;
	size_t first, step, i, k;

	(void)state;
	for (first = 0; first < n; first++)
		for (step = 1; step < n; step += 4) { /* 5 is backwards */
			restart();
			message_begin(3 << 8);
			for (i = 0, k = first; i < n; i++, k = (k + step) % n)
				attr(attrs[k].type, attrs[k].p, attrs[k].len);
			rest = message_end();
			assert_true(nfqueue_next(&p, &rest) == PH_OK);
			assert_int_equal(p.id, 0x102);
			assert_int_equal(p.hook, 2);
			assert_int_equal(p.indev, 3);
			assert_int_equal(p.outdev, 4);
			assert_int_equal(p.stamp, 2000005);
			assert_true(p.truncated);
			assert_true(span_eq_str(p.ip, "packet"));
		}
}

static void
several_come_at_once(void **state)
{
	struct nfqueue_packet p;
	struct span rest;

	(void)state;
	restart();
	put_packet("one");
	(void)message_end();
	message_begin(2); /* NLMSG_ERROR */
	(void)message_end();
	put_packet("two");
	rest = message_end();
	assert_true(
	    nfqueue_next(&p, &rest) == PH_OK && span_eq_str(p.ip, "one"));
	assert_true(nfqueue_next(&p, &rest) == PH_EUNSUPPORTED);
	assert_true(
	    nfqueue_next(&p, &rest) == PH_OK && span_eq_str(p.ip, "two"));
	assert_true(rest.len == 0);
}

static void
a_copy_that_is_cut_says_so(void **state)
{
	struct nfqueue_packet p;
	struct span rest;

	(void)state;
	restart();
	put_packet("cut");
	attr(13, "\0\0\377\377", 4);
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_OK && p.truncated);
}

static void
a_time_that_is_none_is_not_taken(void **state)
{
	struct nfqueue_packet p;
	struct span rest;

	(void)state;
	restart();
	message_begin(3 << 8);
	attr(1, "\0\0\0\1\10\0\2", 7);
	attr(4, "\377\377\377\377\377\377\377\377\0\0\0\0\0\0\0\5", 16);
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_OK && p.stamp == 0);
	restart();
	message_begin(3 << 8);
	attr(1, "\0\0\0\1\10\0\2", 7);
	attr(4, "\0\0\0\0\0\0\0\1\0\0\0\0\0\17\102\100", 16);
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_OK && p.stamp == 0);
}

/* Attributes of later kernels, each of them twice. */
static void
attributes_of_later_kernels_are_left_alone(void **state)
{
	static const uint16_t later[] = { 31, 32, 33, 63, 64, 0x3fff };
	struct nfqueue_packet p;
	struct span rest;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(later); i++) {
		restart();
		put_packet("one");
		attr(later[i], "\0\0\0\1", 4);
		rest = message_end();
		assert_true(nfqueue_next(&p, &rest) == PH_OK);
		assert_true(span_eq_str(p.ip, "one"));
		if (later[i] < 32)
			continue;
		attr(later[i], "\0\0\0\1", 4);
		rest = message_end();
		assert_true(nfqueue_next(&p, &rest) == PH_OK);
	}
}

static void
damage_is_refused(void **state)
{
	struct nfqueue_packet p;
	struct span all, rest;
	size_t n;

	(void)state;
	restart();
	put_packet("the packet");
	all = message_end();
	for (n = 0; n < all.len; n++) {
		rest = (struct span) { all.p, n };
		assert_true(nfqueue_next(&p, &rest) == PH_EMALFORMED);
		assert_true(rest.len == 0);
	}
	/* Of two of a kind, which one counts? */
	restart();
	put_packet("one");
	attr(10, "other", 5);
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_EMALFORMED);
	/* Without a number there is no verdict. */
	restart();
	message_begin(3 << 8);
	attr(10, "other", 5);
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_EMALFORMED);
	/* An attribute that is too short. */
	restart();
	message_begin(3 << 8);
	attr(1, "\0\0\0\1\10\0\2", 7);
	attr(5, "\0\3", 2);
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_EMALFORMED);
	/* An attribute that is longer than the message. */
	restart();
	message_begin(3 << 8);
	attr(1, "\0\0\0\1\10\0\2", 7);
	native_u16(9);
	native_u16(10);
	writer_copy(&w, "four", 4);
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_EMALFORMED);
	/* An attribute that is shorter than its own head. */
	restart();
	message_begin(3 << 8);
	attr(1, "\0\0\0\1\10\0\2", 7);
	native_u16(3);
	native_u16(10);
	rest = message_end();
	assert_true(nfqueue_next(&p, &rest) == PH_EMALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_read),
		cmocka_unit_test(bytes_behind_the_attributes_are_none),
		cmocka_unit_test(attributes_come_in_any_order),
		cmocka_unit_test(several_come_at_once),
		cmocka_unit_test(a_copy_that_is_cut_says_so),
		cmocka_unit_test(a_time_that_is_none_is_not_taken),
		cmocka_unit_test(attributes_of_later_kernels_are_left_alone),
		cmocka_unit_test(damage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
