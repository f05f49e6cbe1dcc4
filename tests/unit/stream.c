/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/message.h"
#include "src/engine/stream.h"
#include "tests/unit/unit.h"

#define BYE "BYE sip:b@example.com SIP/2.0\r\n"
#define ONE BYE "l: 3\r\n\r\nabc"
#define TWO "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct endpoint here, there;

/* What was delivered, each message ended by a bar. */
static char got[256 * 1024];
static size_t ngot;

static void
note(void *ctx, struct span text)
{
	assert_ptr_equal(ctx, got);
	memcpy(got + ngot, text.p, text.len);
	ngot += text.len;
	got[ngot++] = '|';
}

static struct stream_room room;

static int
setup(void **state)
{
	here.addr = addr_v4(192, 0, 2, 1);
	here.port = 5060;
	there.addr = addr_v4(192, 0, 2, 2);
	there.port = 5060;
	ngot = 0;
	*state = stream_new(&here, &room);
	return *state != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	stream_free(*state);
	return room.used == 0 ? 0 : -1;
}

static void
feed(struct stream *s, const struct endpoint *src, const char *p, size_t len)
{
	/* In an allocation of its own, so that ASan sees a byte too far. */
	char *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, p, len);
	assert_int_equal(stream_add(s, src, (struct span) { copy, len }, note,
			     got),
	    PH_OK);
	free(copy);
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

static void
directions_are_apart(void **state)
{
	feed(*state, &here, ONE, 10);
	feed(*state, &there, TWO, 20);
	feed(*state, &here, &ONE[10], sizeof(ONE) - 1 - 10);
	feed(*state, &there, &TWO[20], sizeof(TWO) - 1 - 20);
	assert_got(ONE "|" TWO "|");
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
}

static void
what_cannot_be_framed_is_given_up(void **state)
{
	static const struct {
		const char *what, *text;
		enum ph_err rc;
	} rows[] = {
		{ "no length", BYE "\r\n", PH_EMALFORMED },
		{ "two lengths", BYE "l: 0\r\nl: 0\r\n\r\n", PH_EMALFORMED },
		{ "HTTP", "GET / HTTP/1.0\r\n\r\n", PH_EMALFORMED },
		{ "too long", BYE "l: 65536\r\n\r\n", PH_EMALFORMED },
		{ "too long with its head", BYE "l: 65535\r\n\r\n", PH_ELIMIT },
		{ "behind a good one", ONE "x\r\n\r\n", PH_EMALFORMED },
	};
	struct stream *s;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		assert_non_null(s = stream_new(&here, &room));
		assert_int_equal(stream_add(s, &here, span_of(rows[i].text),
				     note, got),
		    rows[i].rc);
		stream_free(s);
	}
	assert_got(ONE "|");
	stream_free(NULL);
}

/* Who sends half a message on each of many connections fills the room. */
static void
parts_of_messages_are_bounded(void **state)
{
	static char part[2048];
	struct stream **s;
	enum ph_err rc = PH_OK;
	size_t i, n = 0, max = STREAM_ROOM / sizeof(part) + 2;

	i = (size_t)snprintf(part, sizeof(part), "%sl: 65000\r\n\r\n", BYE);
	memset(part + i, 'x', sizeof(part) - i);
	s = calloc(max, sizeof(*s));
	assert_non_null(s);
	while (rc == PH_OK && n < max) {
		assert_non_null(s[n] = stream_new(&here, &room));
		rc = stream_add(s[n++], &here,
		    (struct span) { part, sizeof(part) }, note, got);
	}
	assert_int_equal(rc, PH_ELIMIT);
	assert_true(room.used <= STREAM_ROOM);
	assert_int_equal(n, STREAM_ROOM / sizeof(part) + 1);
	/* Those who send it in one piece notice nothing. */
	feed(*state, &here, ONE, sizeof(ONE) - 1);
	assert_got(ONE "|");
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
		cmocka_unit_test_setup_teardown(directions_are_apart, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(large_messages_arrive_whole,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_cannot_be_framed_is_given_up, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
