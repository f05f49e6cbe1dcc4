/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sip/message.h"
#include "src/engine/stream.h"
#include "tests/unit/blocks.h"
#include "tests/unit/unit.h"

#define BYE "BYE sip:b@example.com SIP/2.0\r\n"
#define ONE BYE "l: 3\r\n\r\nabc"
#define TWO "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"

enum ph_err __real_sip_frame(struct span stream, size_t *skip, size_t *len);
enum ph_err __wrap_sip_frame(struct span stream, size_t *skip, size_t *len);

static unsigned int looks; /* for a message */

enum ph_err
__wrap_sip_frame(struct span stream, size_t *skip, size_t *len)
{
	looks++;
	return __real_sip_frame(stream, skip, len);
}

static struct endpoint here, there;

/* The messages that were delivered, each ended by a bar. */
static char got[256 * 1024];
static size_t ngot;

static void
note(void *ctx, struct span text, bool whole)
{
	assert_ptr_equal(ctx, got);
	if (!whole)
		return;
	memcpy(got + ngot, text.p, text.len);
	ngot += text.len;
	got[ngot++] = '|';
}

static struct shares room;

static int
setup(void **state)
{
	here.addr = addr_v4(192, 0, 2, 1);
	here.port = 5060;
	there.addr = addr_v4(192, 0, 2, 2);
	there.port = 5060;
	ngot = 0;
	shares_init(&room);
	*state = stream_new(&here, &room);
	return *state != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	stream_free(*state);
	return room.used == 0 ? 0 : -1;
}

static enum capture_more
add(struct stream *s, const struct endpoint *src, const char *p, size_t len,
    bool joined)
{
	/* In an allocation of its own, so that ASan sees a byte too far. */
	char *copy = malloc(len);
	struct datagram d = { 0 };
	enum capture_more more;

	assert_non_null(copy);
	memcpy(copy, p, len);
	d.src = *src;
	d.joined = joined;
	d.payload = (struct span) { copy, len };
	more = stream_add(s, &d, note, got);
	free(copy);
	return more;
}

static void
feed(struct stream *s, const struct endpoint *src, const char *p, size_t len)
{
	assert_int_not_equal(add(s, src, p, len, false), CAPTURE_LOST);
}

static void
assert_got(const char *want)
{
	assert_int_equal(ngot, strlen(want));
	assert_memory_equal(got, want, ngot);
}

static void
the_size_of_segments_does_not_matter(void **state)
{
	static const char text[] = "\r\n\r\n" ONE "\r\n" TWO ONE "\r\n";
	size_t n, i, len = sizeof(text) - 1;

	for (n = 1; n <= len; n++) {
		ngot = 0;
		for (i = 0; i < len; i += n)
			feed(*state, &here, text + i,
			    n < len - i ? n : len - i);
		assert_got(ONE "|" TWO "|" ONE "|");
	}
}

/* A head whose lines end without CR; and first lines that are of no message. */
static void
lines_may_end_in_lf_alone(void **state)
{
	static const char text[] = "BYE sip:b@example.com SIP/2.0\nl: 3\n\nabc";
	static const char *const none[] = { "GET / HTTP/1.0\n",
		"BYE sip:b@example.com HTTP/1.0\r\n", "hello\r\nworld\r\n" };
	size_t n, i;

	for (n = 1; n < sizeof(text); n++) {
		ngot = 0;
		for (i = 0; i < sizeof(text) - 1; i += n)
			feed(*state, &here, text + i,
			    n < sizeof(text) - 1 - i ? n
						     : sizeof(text) - 1 - i);
		assert_int_equal(ngot, sizeof(text));
		assert_memory_equal(got, text, sizeof(text) - 1);
	}
	/* Such a stream is lost when its first line is there. */
	for (i = 0; i < ROWS(none); i++) {
		stream_free(*state);
		*state = stream_new(&here, &room);
		for (n = 0; none[i][n] != '\n'; n++)
			assert_int_equal(add(*state, &here, &none[i][n], 1,
					     false),
			    CAPTURE_PART);
		assert_int_equal(add(*state, &here, "\n", 1, false),
		    CAPTURE_PART);
		assert_int_equal(add(*state, &here, "x", 1, false),
		    CAPTURE_LOST);
	}
}

static void
directions_are_apart(void **state)
{
	feed(*state, &here, ONE, 10);
	feed(*state, &there, TWO, 20);
	feed(*state, &here, &ONE[10], sizeof(ONE) - 1 - 10);
	feed(*state, &there, &TWO[20], sizeof(TWO) - 1 - 20);
	assert_got(ONE "|" TWO "|");
}

/* Whichever end was the first, and whatever its address. */
static void
the_first_end_does_not_matter(void **state)
{
	const struct endpoint *const ends[] = { &here, &there };
	struct stream *s;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(ends); i++) {
		ngot = 0;
		assert_non_null(s = stream_new(ends[i], &room));
		feed(s, &here, ONE, 10);
		feed(s, &there, TWO, 20);
		feed(s, &here, &ONE[10], sizeof(ONE) - 1 - 10);
		feed(s, &there, &TWO[20], sizeof(TWO) - 1 - 20);
		assert_got(ONE "|" TWO "|");
		stream_free(s);
	}
}

static void
large_messages_arrive_whole(void **state)
{
	static char text[3 * SIP_MAX_MESSAGE];
	size_t head, i, len = 0;

	for (i = 0; i < 3; i++) {
		head = (size_t)snprintf(text + len, sizeof(text) - len,
		    "%sl: 65000\r\n\r\n", BYE);
		memset(text + len + head, 'x', 65000);
		len += head + 65000;
	}
	feed(*state, &here, text, len);
	assert_int_equal(ngot, len + 3);
	ngot = 0;
	for (i = 0; i < len; i += 1460)
		feed(*state, &here, text + i, len - i < 1460 ? len - i : 1460);
	assert_int_equal(ngot, len + 3);
	/* A byte of them, and then all others at once. */
	ngot = 0;
	feed(*state, &here, text, 1);
	feed(*state, &here, text + 1, len - 1);
	assert_int_equal(ngot, len + 3);
}

static void
what_cannot_be_framed_loses_the_way(void **state)
{
	static const struct {
		const char *what, *text;
	} rows[] = {
		{ "no length", BYE "\r\n" },
		{ "two lengths", BYE "l: 0\r\nl: 0\r\n\r\n" },
		{ "HTTP", "GET / HTTP/1.0\r\n\r\n" },
		{ "TLS", "\x16\x03\x01\x02" },
		{ "too long", BYE "l: 65536\r\n\r\n" },
		{ "too long with its head", BYE "l: 65535\r\n\r\n" },
		{ "behind a good one", ONE "x\r\n\r\n" },
	};
	struct stream *s;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		assert_non_null(s = stream_new(&here, &room));
		assert_int_equal(add(s, &here, rows[i].text,
				     strlen(rows[i].text), false),
		    CAPTURE_LOST);
		stream_free(s);
	}
	assert_got(ONE "|");
	stream_free(NULL);
}

/* Each row's segments; where a direction is lost, and what it reads. */
static void
a_lost_direction_takes_up_whole_messages_at_a_boundary(void **state)
{
	static const struct {
		const char *what;
		const char *segs[5];
		const char *more; /* L, P or W for each */
		const char *want;
	} rows[] = {
		{ "a message", { ONE, TWO }, "WW", ONE "|" TWO "|" },
		{ "two in one", { ONE TWO }, "W", ONE "|" TWO "|" },
		{ "two, and keep-alives", { ONE TWO "\r\n\r\n" }, "W",
		    ONE "|" TWO "|" },
		{ "the rest of one, then one", { "abc", ONE }, "LW", ONE "|" },
		{ "with an end like a head's",
		    { "o=- 1 1 IN IP4 192.0.2.1\r\n\r\n", ONE }, "LW",
		    ONE "|" },
		{ "keep-alives", { "\r\n\r\n", "\r\n", ONE }, "LLW", ONE "|" },
		{ "a body behind its head", { BYE "l: 3\r\n\r\n", "abc", TWO },
		    "LWW", ONE "|" TWO "|" },
		{ "a head in two", { BYE "l:", " 3\r\n\r\nab", "c" }, "LLW",
		    "BYE sip:b@example.com SIP/2.0\r\nl: 3\r\n\r\nabc|" },
		{ "a line in two",
		    { "BYE sip:b@exam", "ple.com SIP/2.0\r\n", "l: 0\r\n\r\n",
			TWO },
		    "LLLW", TWO "|" },
		{ "and then it follows",
		    { ONE, "SIP/2.0 200 OK\r\nConte", "nt-Length: 0\r\n\r\n" },
		    "WPW", ONE "|" TWO "|" },
		{ "no end at a boundary", { ONE "BYE si", TWO }, "LW",
		    TWO "|" },
		{ "what began is none", { BYE "l: 3\r\n\r\n", "abcd", TWO },
		    "LLW", TWO "|" },
		{ "the next one is one", { BYE "l: 3\r\n\r\n", TWO }, "LW",
		    TWO "|" },
	};
	struct stream *s;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		bool lost = true;

		printf("%s\n", rows[i].what);
		ngot = 0;
		assert_non_null(s = stream_new(&here, &room));
		/* Bytes that begin no message are not kept. */
		assert_int_equal(add(s, &here, "junk\r\n", 6, true),
		    CAPTURE_LOST);
		assert_int_equal(room.used, 0);
		for (k = 0; rows[i].more[k] != '\0'; k++) {
			enum capture_more more = add(s, &here, rows[i].segs[k],
			    strlen(rows[i].segs[k]), lost);

			assert_int_equal("ELPW"[more], rows[i].more[k]);
			lost = more == CAPTURE_LOST;
		}
		assert_got(rows[i].want);
		stream_free(s);
	}
}

/* Bytes that were read once were not taken: back to a boundary. */
static void
a_part_of_a_message_may_be_taken_back(void **state)
{
	feed(*state, &here, ONE, sizeof(ONE) - 3);
	assert_int_equal(add(*state, &here, TWO, sizeof(TWO) - 1, true),
	    CAPTURE_WHOLE);
	assert_got(TWO "|");
}

/* A head that comes byte by byte is not read anew for each. */
static void
a_slow_head_costs_little(void **state)
{
	static char text[SIP_MAX_HEAD];
	clock_t began = clock();
	size_t i, n, len;

	len = (size_t)snprintf(text, sizeof(text), BYE);
	for (i = 0; i < 120; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "X-%zu: %0120d\r\n", i, 0);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "l: 0\r\n\r\n");
	assert_true(len < sizeof(text));
	for (n = 0; n < 30; n++) {
		ngot = 0;
		for (i = 0; i < len; i++)
			feed(*state, &here, text + i, 1);
		assert_int_equal(ngot, len + 1);
	}
	/* 450,000 bytes; looking at each head anew for each takes long. */
	assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
}

/* Byte by byte: only where a head or a body may end is it worth a look. */
static void
a_look_is_worth_it_at_few_places(void **state)
{
	static const struct {
		const char *text;
		unsigned int looks;
	} rows[] = {
		/* The first byte, the second, the first line, the head. */
		{ "BYE sip:b SIP/2.0\r\nl: 0\r\n\r\n", 4 },
		{ "BYE sip:b SIP/2.0\nl: 0\n\n", 4 },
		/* And the end of the body. */
		{ "BYE sip:b SIP/2.0\r\nl: 4\r\n\r\nab\n\n", 5 },
		{ "BYE sip:b SIP/2.0\r\nl: 4\r\nX: 1\r\nY: 2\r\n\r\nab\n\n",
		    5 },
		/* Keep-alives are no part of it. */
		{ "\nBYE sip:b SIP/2.0\r\nl: 0\r\n\r\n", 5 },
	};
	struct stream *s;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s", rows[i].text);
		assert_non_null(s = stream_new(&here, &room));
		looks = 0;
		ngot = 0;
		for (n = 0; rows[i].text[n] != '\0'; n++) {
			assert_int_equal(ngot, 0);
			feed(s, &here, &rows[i].text[n], 1);
		}
		assert_true(ngot > 0);
		assert_int_equal(looks, rows[i].looks);
		/* The next message of that direction costs the same. */
		looks = 0;
		for (n = 0; rows[i].text[n] != '\0'; n++)
			feed(s, &here, &rows[i].text[n], 1);
		assert_int_equal(looks, rows[i].looks);
		stream_free(s);
	}
}

/* A head that does not end: it is given up at its bound, and not later. */
static void
a_head_has_its_bound(void **state)
{
	static char text[SIP_MAX_HEAD + 2];
	size_t i, len = (size_t)snprintf(text, sizeof(text), "%sX: ", BYE);

	memset(text + len, 'x', sizeof(text) - len);
	for (i = 0; i < SIP_MAX_HEAD - 1; i++)
		feed(*state, &here, text + i, 1);
	looks = 0;
	while (add(*state, &here, "x", 1, false) == CAPTURE_PART)
		i++;
	assert_int_equal(looks, i - (SIP_MAX_HEAD - 1) + 1);
	assert_in_range(i, SIP_MAX_HEAD - 1, SIP_MAX_HEAD);
}

/* The same while a direction is lost, behind messages of the same segment. */
static void
a_lost_direction_is_worth_few_looks(void **state)
{
	static const char *const begun[] = { BYE, ONE BYE, ONE TWO BYE };
	static const char rest[] = "l: 40\r\nX: 1\r\n\r\n";
	struct stream *s;
	size_t i, n, most;

	(void)state;
	for (i = 0; i < ROWS(begun); i++) {
		assert_non_null(s = stream_new(&here, &room));
		assert_int_equal(add(s, &here, begun[i], strlen(begun[i]),
				     true),
		    CAPTURE_LOST);
		looks = 0;
		for (n = 0; rest[n] != '\0'; n++)
			assert_int_equal(add(s, &here, &rest[n], 1, false),
			    CAPTURE_LOST);
		/* At the ends of a line and of the head, each message again. */
		most = looks;
		assert_int_equal(most, 2 * (i + 1));
		for (n = 0; n < 39; n++)
			assert_int_equal(add(s, &here, "b", 1, false),
			    CAPTURE_LOST);
		assert_int_equal(looks, most);
		assert_int_equal(ngot, 0);
		assert_int_equal(add(s, &here, "b", 1, false), CAPTURE_WHOLE);
		assert_true(ngot > 0);
		ngot = 0;
		stream_free(s);
	}
}

/* A part that has no room is not kept: the direction stays lost. */
static void
a_lost_direction_keeps_so_much(void **state)
{
	static char text[4 * SIP_MAX_MESSAGE];
	const size_t most = SIP_MAX_HEAD + SIP_MAX_MESSAGE;
	size_t head, len = 0, i;

	for (i = 0; i < 2; i++) {
		head = (size_t)snprintf(text + len, sizeof(text) - len,
		    "%sl: 40000\r\n\r\n", BYE);
		memset(text + len + head, 'x', 40000);
		len += head + 40000;
	}
	/* The last byte of the second is missing; and it would be too much. */
	assert_true(len - 1 <= most && len + len > most);
	assert_int_equal(add(*state, &here, text, len - 1, true), CAPTURE_LOST);
	assert_int_equal(ngot, 0);
	assert_int_equal(add(*state, &here, "x", 1, false), CAPTURE_WHOLE);
	assert_int_equal(ngot, len + 2);
	ngot = 0;
	memcpy(text + len, text, len);
	assert_int_equal(add(*state, &here, text, len + len - 1, true),
	    CAPTURE_LOST);
	assert_int_equal(add(*state, &here, "x", 1, false), CAPTURE_LOST);
	assert_int_equal(ngot, 0);
	assert_int_equal(room.used, 0);
	/* As much as may be kept, and not a byte more. */
	memset(text, 'x', sizeof(text));
	len = (size_t)snprintf(text, sizeof(text), "%sl: 3\r\n\r\nabc%s", BYE,
	    BYE);
	text[len] = 'x';
	assert_int_equal(add(*state, &here, text, len, true), CAPTURE_LOST);
	assert_true(room.used > 0);
	assert_int_equal(add(*state, &here, TWO, sizeof(TWO) - 1, true),
	    CAPTURE_WHOLE);
	assert_got(TWO "|");
}

/* A sender of half a message on each of many connections loses them first. */
static void
parts_of_messages_are_bounded(void **state)
{
	static char part[2048];
	const size_t max = STREAM_ROOM / sizeof(part) + 100;
	struct endpoint attacker = there;
	struct stream **s;
	size_t i, n;

	i = (size_t)snprintf(part, sizeof(part), "%sl: 65000\r\n\r\n", BYE);
	memset(part + i, 'x', sizeof(part) - i);
	assert_non_null(s = calloc(max, sizeof(*s)));
	/* A part of somebody who has but one, and older than all others. */
	feed(*state, &here, ONE, 10);
	for (n = 0; n < max; n++) {
		attacker.addr = addr_v4(198, 51, 100, (uint8_t)(n % 100));
		assert_non_null(s[n] = stream_new(&attacker, &room));
		assert_int_equal(add(s[n], &attacker, part, sizeof(part),
				     false),
		    CAPTURE_PART);
		assert_true(room.used <= STREAM_ROOM);
	}
	/* All of it is used. */
	assert_int_equal(room.used, STREAM_ROOM);
	feed(*state, &here, &ONE[10], sizeof(ONE) - 1 - 10);
	assert_got(ONE "|");
	/* The first went, the latest stayed. */
	attacker.addr = addr_v4(198, 51, 100, 0);
	assert_int_equal(add(s[0], &attacker, part, 10, false), CAPTURE_LOST);
	attacker.addr = addr_v4(198, 51, 100, (uint8_t)((n - 1) % 100));
	assert_int_equal(add(s[n - 1], &attacker, part, 10, false),
	    CAPTURE_PART);
	while (n > 0)
		stream_free(s[--n]);
	free(s);
	assert_int_equal(room.used, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parts_of_messages_are_bounded,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_size_of_segments_does_not_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_may_end_in_lf_alone,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(directions_are_apart, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(the_first_end_does_not_matter,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(large_messages_arrive_whole,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_cannot_be_framed_loses_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_lost_direction_takes_up_whole_messages_at_a_boundary,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_part_of_a_message_may_be_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_look_is_worth_it_at_few_places, setup, teardown),
		cmocka_unit_test_setup_teardown(a_head_has_its_bound, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_lost_direction_is_worth_few_looks, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_direction_keeps_so_much,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_head_costs_little, setup,
		    teardown),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
