/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sip/message.h"
#include "tests/unit/unit.h"

#define BYE "BYE sip:b@example.com SIP/2.0\r\n"

/* Frame a copy of exactly its size, so that ASan sees a byte too far. */
static enum ph_err
frame(const char *text, size_t n, size_t *skip, size_t *len)
{
	char *p = malloc(n > 0 ? n : 1);
	enum ph_err rc;

	assert_non_null(p);
	memcpy(p, text, n);
	rc = sip_frame((struct span) { p, n }, skip, len);
	free(p);
	assert_true(*skip <= n);
	if (rc == PH_OK)
		assert_true(*len > 0 && *len <= n - *skip);
	return rc;
}

static void
messages_end_where_content_length_says(void **state)
{
#define ROW(what, in, rc, skip, len)                                           \
	{                                                                      \
		what, in, sizeof(in) - 1, rc, skip, len                        \
	}
#define LEN(s) (sizeof(s) - 1)
	/* clang-format off */
	static const struct {
		const char	*what, *in;
		size_t		 n;
		enum ph_err	 rc;
		size_t		 skip, len;
	} rows[] = {
		ROW("nothing", "", PH_ETRUNC, 0, 0),
		ROW("pong", "\r\n", PH_ETRUNC, 2, 0),
		ROW("ping", "\r\n\r\n", PH_ETRUNC, 4, 0),
		ROW("half a ping", "\r\n\r", PH_ETRUNC, 2, 0),
		ROW("LFs", "\n\n", PH_ETRUNC, 2, 0),
		ROW("CR and something", "\rBYE", PH_EMALFORMED, 0, 0),
		ROW("no body", BYE "Content-Length: 0\r\n\r\n", PH_OK, 0,
		    LEN(BYE "Content-Length: 0\r\n\r\n")),
		ROW("behind a ping", "\r\n\r\n" BYE "Content-Length: 0\r\n\r\n", PH_OK, 4,
		    LEN(BYE "Content-Length: 0\r\n\r\n")),
		ROW("body", BYE "l: 3\r\n\r\nabc", PH_OK, 0, LEN(BYE "l: 3\r\n\r\nabc")),
		ROW("body and more", BYE "l: 3\r\n\r\nabcBYE", PH_OK, 0, LEN(BYE "l: 3\r\n\r\nabc")),
		ROW("half a body", BYE "l: 3\r\n\r\nab", PH_ETRUNC, 0, LEN(BYE "l: 3\r\n\r\nabc")),
		ROW("LF only", "BYE sip:b@x SIP/2.0\nl:3\n\nabc", PH_OK, 0,
		    LEN("BYE sip:b@x SIP/2.0\nl:3\n\nabc")),
		ROW("response", "SIP/2.0 200 OK\r\nL : 0\r\n\r\n", PH_OK, 0,
		    LEN("SIP/2.0 200 OK\r\nL : 0\r\n\r\n")),
		ROW("folded", BYE "CONTENT-length\t:\r\n\t 3 \r\n\r\nabc", PH_OK, 0,
		    LEN(BYE "CONTENT-length\t:\r\n\t 3 \r\n\r\nabc")),
		ROW("length in another value", BYE "Subject: x\r\n l: 9\r\nl: 0\r\n\r\n", PH_OK, 0,
		    LEN(BYE "Subject: x\r\n l: 9\r\nl: 0\r\n\r\n")),
		ROW("blank line in the body", BYE "l: 6\r\n\r\n\r\n\r\nab", PH_OK, 0,
		    LEN(BYE "l: 6\r\n\r\n\r\n\r\nab")),
		ROW("NUL in the body", BYE "l: 1\r\n\r\n\0", PH_OK, 0, LEN(BYE "l: 1\r\n\r\n\0")),

		ROW("no length", BYE "\r\n", PH_EMALFORMED, 0, 0),
		ROW("two lengths", BYE "l: 0\r\nContent-Length: 0\r\n\r\n", PH_EMALFORMED, 0, 0),
		ROW("negative", BYE "l: -1\r\n\r\n", PH_EMALFORMED, 0, 0),
		ROW("3abc", BYE "l: 3abc\r\n\r\nabc", PH_EMALFORMED, 0, 0),
		ROW("3, 3", BYE "l: 3, 3\r\n\r\nabc", PH_EMALFORMED, 0, 0),
		ROW("2^32+3", BYE "l: 4294967299\r\n\r\nabc", PH_EMALFORMED, 0, 0),
		ROW("2^64+3", BYE "l: 18446744073709551619\r\n\r\nabc", PH_EMALFORMED, 0, 0),
		ROW("too long", BYE "l: 65535\r\n\r\n", PH_ELIMIT, 0, 0),
		ROW("mixed line ends", BYE "l: 0\n\r\n", PH_EMALFORMED, 0, 0),
		ROW("NUL in the head", BYE "l: 0\r\na: \0\r\n\r\n", PH_EMALFORMED, 0, 0),
		ROW("lone CR", BYE "l: 0\ra: b\r\n\r\n", PH_EMALFORMED, 0, 0),

		/* Given up before there is a whole head. */
		ROW("TLS", "\x16\x03\x01\x02\x00\x01", PH_EMALFORMED, 0, 0),
		ROW("NUL", "BYE\0", PH_EMALFORMED, 0, 0),
		ROW("NUL where a field would begin", BYE "\0", PH_EMALFORMED, 0, 0),
		ROW("HTTP", "GET / HTTP/1.1\r\nH", PH_EMALFORMED, 0, 0),
		ROW("other version", "SIP/3.0 200 OK\r\nx", PH_EMALFORMED, 0, 0),
		ROW("folded start line", "BYE sip:b@x\r\n SIP/2.0\r\n", PH_EMALFORMED, 0, 0),
		ROW("duplicate, early", BYE "l: 0\r\nl: 0\r\nx", PH_EMALFORMED, 0, 0),
	};
	/* clang-format on */
	size_t i, skip, len;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		skip = len = 77;
		assert_int_equal(frame(rows[i].in, rows[i].n, &skip, &len),
		    rows[i].rc);
		assert_int_equal(skip, rows[i].skip);
		assert_int_equal(len, rows[i].len);
	}
}

static void
more_bytes_never_change_what_was_said(void **state)
{
	static const char text[] =
	    "\r\n\r\n" BYE
	    "Subject: a\r\n\tb\r\nContent-Length: 5\r\n\r\nhello" BYE;
	const size_t whole =
	    sizeof("\r\n\r\n" BYE
		   "Subject: a\r\n\tb\r\nContent-Length: 5\r\n\r\nhello") -
	    1;
	size_t n, skip, len;

	(void)state;
	for (n = 0; n < sizeof(text); n++) {
		if (n < whole) {
			assert_int_equal(frame(text, n, &skip, &len),
			    PH_ETRUNC);
			assert_int_equal(skip, n < 4 ? n / 2 * 2 : 4);
			continue;
		}
		assert_int_equal(frame(text, n, &skip, &len), PH_OK);
		assert_int_equal(skip, 4);
		assert_int_equal(len, whole - 4);
	}
}

static void
three_messages_in_one_segment_are_three(void **state)
{
	static const char text[] = BYE "l: 2\r\n\r\nab" BYE "l: 0\r\n\r\n\r\n"
				       "SIP/2.0 200 OK\r\nl: 1\r\n\r\n\r";
	struct span rest = { text, sizeof(text) - 1 };
	size_t skip, len, n = 0;

	(void)state;
	while (sip_frame(rest, &skip, &len) == PH_OK) {
		rest = span_sub(rest, skip + len, rest.len);
		n++;
	}
	assert_int_equal(n, 3);
	assert_int_equal(rest.len, 0);
}

static void
a_stream_cannot_grow_without_bound(void **state)
{
	static char text[SIP_MAX_MESSAGE + 1];
	size_t skip, len, n, i;

	(void)state;
	/* A start line without end. */
	memset(text, 'A', sizeof(text));
	assert_int_equal(frame(text, 100, &skip, &len), PH_ETRUNC);
	assert_int_equal(frame(text, SIP_MAX_HEAD, &skip, &len), PH_ELIMIT);
	/* Fields without end. */
	n = (size_t)snprintf(text, sizeof(text), "%s", BYE);
	for (i = 0; i < SIP_MAX_HEADERS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "a: b\r\n");
	memset(text + n, 'A', sizeof(text) - n);
	assert_int_equal(frame(text, n, &skip, &len), PH_ETRUNC);
	assert_int_equal(frame(text, n + 1, &skip, &len), PH_ETRUNC);
	memcpy(text + n, "a: b\r\nx", 7);
	assert_int_equal(frame(text, n + 7, &skip, &len), PH_ELIMIT);
	/* Folds without end. */
	n = (size_t)snprintf(text, sizeof(text), "%sa: b", BYE);
	while (n < SIP_MAX_HEAD)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n b");
	assert_int_equal(frame(text, n, &skip, &len), PH_ELIMIT);
	/* The largest message there is, and one byte more. */
	memset(text, 0, sizeof(text));
	n = (size_t)snprintf(text, sizeof(text), "%sl: %05d\r\n\r\n", BYE, 0);
	i = SIP_MAX_MESSAGE - n;
	n = (size_t)snprintf(text, sizeof(text), "%sl: %05zu\r\n\r\n", BYE, i);
	text[n] = '\0';
	assert_int_equal(frame(text, sizeof(text), &skip, &len), PH_OK);
	assert_int_equal(len, SIP_MAX_MESSAGE);
	snprintf(text, sizeof(text), "%sl: %05zu\r\n\r\n", BYE, i + 1);
	text[n] = '\0';
	assert_int_equal(frame(text, sizeof(text), &skip, &len), PH_ELIMIT);
}

/* sip_message_parse() does not call a message of sip_frame() too short. */
static void
framing_and_parsing_agree(void **state)
{
	static const char text[] =
	    BYE "Via: SIP/2.0/TCP h;branch=1\r\n"
		"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: c\r\n"
		"CSeq: 1 BYE\r\nContent-Length:\r\n 3\r\n\r\nabc" BYE;
	struct sip_message m;
	enum sip_reject why;
	size_t skip, len;

	(void)state;
	assert_int_equal(frame(text, sizeof(text) - 1, &skip, &len), PH_OK);
	assert_int_equal(sip_message_parse(&m,
			     (struct span) { text + skip, len }, true, &why),
	    PH_OK);
	assert_int_equal(m.method, SIP_BYE);
	sip_message_free(&m);
}

static void
one_byte_at_a_time_is_bearable(void **state)
{
	static char text[SIP_MAX_MESSAGE];
	size_t skip, len, n, i, calls = 0, need = 0;
	struct timespec a, b;
	int64_t us;

	(void)state;
	/* As many fields in as large a head as there may be. */
	n = (size_t)snprintf(text, sizeof(text), "%sl: 20000\r\n", BYE);
	for (i = 0; i < SIP_MAX_HEADERS - 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "a: %0120d\r\n", 0);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n") + 20000;
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a), 0);
	for (i = 0; i < n; i++) {
		if (i < need)
			continue;
		calls++;
		assert_int_equal(sip_frame((struct span) { text, i }, &skip,
				     &len),
		    PH_ETRUNC);
		/* Once the head is there, so is the answer. */
		need = len;
	}
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b), 0);
	us = (int64_t)(b.tv_sec - a.tv_sec) * 1000000 +
	    (b.tv_nsec - a.tv_nsec) / 1000;
	printf("%zu calls: %lld us\n", calls, (long long)us);
	assert_int_equal(need, n);
	assert_int_equal(calls, n - 20000 + 1);
	assert_int_equal(sip_frame((struct span) { text, n }, &skip, &len),
	    PH_OK);
	assert_int_equal(len, n);
	/* Some 5 us a call; sanitizers take ten times that and more. */
	assert_true(us < (int64_t)calls * 500);
}

static void
a_message_starts_with_a_whole_first_line(void **state)
{
	static const struct {
		const char *text;
		bool starts;
	} rows[] = {
		{ BYE, true },
		{ BYE "l: 0\r\n\r\n", true },
		{ "BYE sip:b@example.com SIP/2.0\n", true },
		{ "SIP/2.0 200 OK\r\n", true },
		{ "BYE sip:b@example.com SIP/2.0\r", false },
		{ "BYE sip:b@example.com SIP/2.0", false },
		{ "BYE sip:b@example.com SIP/2.0 \n", false },
		{ "BYE sip:b@example.com SIP/2.", false },
		{ "BYE sip:b@example.com\r\n", false },
		{ "GET / HTTP/1.1\r\n", false },
		{ "\r\n" BYE, false },
		{ "\n" BYE, false },
		{ "", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].text);
		assert_int_equal(sip_starts(span_of(rows[i].text)),
		    rows[i].starts);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_end_where_content_length_says),
		cmocka_unit_test(more_bytes_never_change_what_was_said),
		cmocka_unit_test(three_messages_in_one_segment_are_three),
		cmocka_unit_test(a_stream_cannot_grow_without_bound),
		cmocka_unit_test(framing_and_parsing_agree),
		cmocka_unit_test(a_message_starts_with_a_whole_first_line),
		cmocka_unit_test(one_byte_at_a_time_is_bearable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
