/* SPDX-License-Identifier: ISC */
/* Heads as lines: names, line ends, folds, start lines and lengths. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/head.h"
#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
	const char	*name;
	enum head_id	 id;
	char		 compact; /* 0: none */
} known[] = {
	{ "Call-ID",			HEAD_CALL_ID,			'i' },
	{ "Contact",			HEAD_CONTACT,			'm' },
	{ "Content-Disposition",	HEAD_CONTENT_DISPOSITION,	0 },
	{ "Content-Encoding",		HEAD_CONTENT_ENCODING,		'e' },
	{ "Content-Length",		HEAD_CONTENT_LENGTH,		'l' },
	{ "Content-Transfer-Encoding",	HEAD_CONTENT_TRANSFER_ENCODING,	0 },
	{ "Content-Type",		HEAD_CONTENT_TYPE,		'c' },
	{ "CSeq",			HEAD_CSEQ,			0 },
	{ "From",			HEAD_FROM,			'f' },
	{ "RAck",			HEAD_RACK,			0 },
	{ "RSeq",			HEAD_RSEQ,			0 },
	{ "Session-Expires",		HEAD_SESSION_EXPIRES,		'x' },
	{ "To",				HEAD_TO,			't' },
	{ "Via",			HEAD_VIA,			'v' },
};
/* clang-format on */

static struct head h;

/* Read a copy of exactly its size, so that ASan sees a byte too far. */
static enum ph_err
parse(const char *text, size_t len, bool start, enum sip_reject *why)
{
	char *p = malloc(len > 0 ? len : 1);
	enum ph_err rc;
	size_t i;

	assert_non_null(p);
	memcpy(p, text, len);
	rc = head_parse(&h, (struct span) { p, len }, start, why);
	/* The spans are within the head, and there still. */
	if (h.start.len > 0)
		h.start.p = text + (h.start.p - p);
	for (i = 0; i < HEAD_MAX; i++)
		if (h.value[i].len > 0) {
			assert_true(h.value[i].p >= p &&
			    h.value[i].p + h.value[i].len <= p + len);
			h.value[i].p = text + (h.value[i].p - p);
		}
	free(p);
	return rc;
}

/* The field that a head of this one name has; HEAD_MAX: it has none. */
static enum head_id
id_of(const char *name)
{
	char text[64];
	enum sip_reject why;
	size_t i, n;

	n = (size_t)snprintf(text, sizeof(text), "%s: v\r\n\r\n", name);
	if (parse(text, n, false, &why) != PH_OK)
		return HEAD_MAX;
	for (i = 0; i < HEAD_MAX; i++)
		if (h.count[i] > 0) {
			assert_int_equal(h.count[i], 1);
			assert_true(span_eq_str(h.value[i], "v"));
			return (enum head_id)i;
		}
	fail_msg("no field");
	return HEAD_MAX;
}

static enum head_id
expected_id(const char *name)
{
	size_t i, k, n = strlen(name);

	for (i = 0; i < ROWS(known); i++) {
		if (n == 1 && known[i].compact != 0 &&
		    tolower((unsigned char)name[0]) == known[i].compact)
			return known[i].id;
		if (n != strlen(known[i].name))
			continue;
		for (k = 0; k < n; k++)
			if (tolower((unsigned char)name[k]) !=
			    tolower((unsigned char)known[i].name[k]))
				break;
		if (k == n)
			return known[i].id;
	}
	return HEAD_OTHER;
}

#define TOKEN                                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"       \
	"-.!%*_+`'~"

static void
each_name_in_each_case_and_none_beside_it(void **state)
{
	char name[32];
	const char *c;
	size_t i, k, n;

	(void)state;
	for (i = 0; i < ROWS(known); i++) {
		n = strlen(known[i].name);
		/* Each letter in the other case, or another one. */
		for (k = 0; k < n; k++)
			for (c = TOKEN; *c != '\0'; c++) {
				memcpy(name, known[i].name, n + 1);
				name[k] = *c;
				assert_int_equal(id_of(name),
				    expected_id(name));
			}
		for (k = 0; k < n; k++)
			name[k] =
			    (char)toupper((unsigned char)known[i].name[k]);
		assert_int_equal(id_of(name), known[i].id);
		/* One more, one less. */
		snprintf(name, sizeof(name), "%sx", known[i].name);
		assert_int_equal(id_of(name), HEAD_OTHER);
		name[n - 1] = '\0';
		assert_int_equal(id_of(name), expected_id(name));
	}
	for (c = TOKEN; *c != '\0'; c++) {
		snprintf(name, sizeof(name), "%c", *c);
		assert_int_equal(id_of(name), expected_id(name));
	}
	for (c = "\"(),/:;<=>?@[\\]{}\177 \t\001\200\377"; *c != '\0'; c++) {
		snprintf(name, sizeof(name), "a%cb", *c);
		/* A colon ends the name. */
		if (*c == ':')
			continue;
		assert_int_equal(id_of(name), HEAD_MAX);
	}
	assert_int_equal(id_of(""), HEAD_MAX);
	for (n = 2; n < 30; n++) {
		memset(name, 'y', n);
		name[n] = '\0';
		assert_int_equal(id_of(name), HEAD_OTHER);
	}
}

/* A second one of a name, in the same words and in others. */
static void
some_fields_may_be_said_twice(void **state)
{
	char text[128];
	enum sip_reject why;
	enum ph_err rc;
	bool may, same;
	size_t i, n;

	(void)state;
	for (i = 0; i < 2 * ROWS(known); i++) {
		enum head_id id = known[i / 2].id;

		same = i & 1;
		n = (size_t)snprintf(text, sizeof(text),
		    "%s: one\r\n%s:\t%s \r\n\r\n", known[i / 2].name,
		    known[i / 2].name, same ? "one" : "two");
		may = id == HEAD_VIA || id == HEAD_CONTACT ||
		    (id == HEAD_CONTENT_TYPE && same);
		rc = parse(text, n, false, &why);
		printf("%s\n", text);
		assert_int_equal(rc, may ? PH_OK : PH_EMALFORMED);
		if (may) {
			assert_int_equal(h.count[id], 2);
			assert_true(span_eq_str(h.value[id], "one"));
		} else
			assert_int_equal(why, SIP_REJECT_DUPLICATE);
	}
}

/* Each line ends in CR LF or in LF; `fold` continues the second one. */
static void
line_ends_are_all_the_same(void **state)
{
	static const char *const line[] = { "A b SIP/2.0", "To: x", "f: y",
		"" };
	char text[128];
	enum sip_reject why;
	enum ph_err rc;
	unsigned int mask, fold;
	size_t i, n;

	(void)state;
	for (mask = 0; mask < 16; mask++)
		for (fold = 0; fold < 3; fold++) {
			n = 0;
			for (i = 0; i < ROWS(line); i++)
				n += (size_t)snprintf(text + n,
				    sizeof(text) - n, "%s%s%s", line[i],
				    i != 1	    ? ""
					: fold == 1 ? "\r\n z"
					: fold == 2 ? "\n\tz"
						    : "",
				    mask & 1u << i ? "\n" : "\r\n");
			rc = parse(text, n, true, &why);
			if (mask != 0 && mask != 15) {
				assert_int_equal(rc, PH_EMALFORMED);
				assert_int_equal(why, SIP_REJECT_SYNTAX);
				continue;
			}
			assert_int_equal(rc, PH_OK);
			assert_int_equal(h.len, n);
			assert_true(span_eq_str(h.start, line[0]));
			assert_true(span_eq_str(h.value[HEAD_FROM], "y"));
			assert_true(span_eq_str(h.value[HEAD_TO],
			    fold == 1	    ? "x\r\n z"
				: fold == 2 ? "x\n\tz"
					    : "x"));
			assert_int_equal(h.count[HEAD_VIA], 0);
		}
}

/* Each part of a head is not yet one; what follows it is not of it. */
static void
a_head_ends_at_its_blank_line(void **state)
{
	static const char text[] = "INVITE sip:a SIP/2.0\r\n"
				   "Via \t: SIP/2.0/UDP h\r\n"
				   "To:\r\n <sip:b>\r\n\t;tag=c \t\r\n"
				   "Call-ID:d\r\n"
				   "l: 0\r\n"
				   "\r\n"
				   " x: y\r\n\r\n";
	const size_t len = (size_t)(strstr(text, "\r\n\r\n") - text) + 4;
	enum sip_reject why;
	size_t i;

	(void)state;
	for (i = 0; i < len; i++)
		assert_int_equal(parse(text, i, true, &why), PH_ETRUNC);
	for (; i < sizeof(text); i++) {
		assert_int_equal(parse(text, i, true, &why), PH_OK);
		assert_int_equal(h.len, len);
		assert_true(span_eq_str(h.start, "INVITE sip:a SIP/2.0"));
		assert_true(span_eq_str(h.value[HEAD_VIA], "SIP/2.0/UDP h"));
		assert_true(
		    span_eq_str(h.value[HEAD_TO], "<sip:b>\r\n\t;tag=c"));
		assert_true(span_eq_str(h.value[HEAD_CALL_ID], "d"));
		assert_true(span_eq_str(h.value[HEAD_CONTENT_LENGTH], "0"));
	}
	/* The head of a part may be empty. */
	assert_int_equal(parse("\r\nx", 3, false, &why), PH_OK);
	assert_int_equal(h.len, 2);
	assert_int_equal(parse("\nx", 2, false, &why), PH_OK);
	assert_int_equal(h.len, 1);
	assert_int_equal(parse("", 0, false, &why), PH_ETRUNC);
	/* One byte is no field, and a NUL is none of a head. */
	assert_int_equal(parse("y\r\nx: y\r\n\r\n", 11, false, &why),
	    PH_EMALFORMED);
	assert_int_equal(parse("", 1, false, &why), PH_EMALFORMED);
	/* That of a message is not. */
	assert_int_equal(parse("\r\nx", 3, true, &why), PH_EMALFORMED);
	assert_int_equal(why, SIP_REJECT_SYNTAX);
}

/* One byte of a good head replaced by a CR or a NUL. */
static void
no_byte_may_hide_a_line(void **state)
{
	static const char good[] = "A b SIP/2.0\r\nTo: x\r\n y\r\nf: z\r\n\r\n";
	char text[sizeof(good)];
	enum sip_reject why;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(good) - 1; i++)
		for (k = 0; k < 2; k++) {
			memcpy(text, good, sizeof(good));
			if (text[i] == '\r' || text[i] == '\n')
				continue;
			text[i] = k == 0 ? '\0' : '\r';
			assert_int_equal(parse(text, sizeof(good) - 1, true,
					     &why),
			    PH_EMALFORMED);
			assert_int_equal(why, SIP_REJECT_SYNTAX);
		}
	/* Behind the head they do no harm. */
	memcpy(text, "t: x\n\n\0\r", 8);
	assert_int_equal(parse(text, 8, false, &why), PH_OK);
	assert_int_equal(h.len, 6);
}

/* A head of `n` bytes: the last field has what is left. */
static size_t
head_of(char *text, size_t n)
{
	size_t i, at = 0, len;

	for (i = 0; i < 3; i++) {
		len = i < 2 ? 8000 : n - at - 7;
		memcpy(text + at, "Y: ", 3);
		memset(text + at + 3, 'y', len);
		memcpy(text + at + 3 + len, "\r\n", 2);
		at += len + 5;
	}
	memcpy(text + at, "\r\n", 2);
	return at + 2;
}

static void
sizes_are_exact(void **state)
{
	static char text[SIP_MAX_HEAD + 64];
	enum sip_reject why;
	size_t n, i;

	(void)state;
	n = head_of(text, SIP_MAX_HEAD);
	assert_int_equal(n, SIP_MAX_HEAD);
	assert_int_equal(parse(text, n, false, &why), PH_OK);
	assert_int_equal(h.len, SIP_MAX_HEAD);
	assert_int_equal(parse(text, n + 30, false, &why), PH_OK);
	n = head_of(text, SIP_MAX_HEAD + 1);
	assert_int_equal(parse(text, SIP_MAX_HEAD, false, &why), PH_ETRUNC);
	assert_int_equal(parse(text, n, false, &why), PH_ELIMIT);
	assert_int_equal(why, SIP_REJECT_SIZE);
	/* Fields; the start line is none of them. */
	for (i = 0; i < 4; i++) {
		n = i & 1 ? 4 : 0;
		memcpy(text, "A b\n", 4);
		for (; n < 4 * (SIP_MAX_HEADERS + (i & 1) + i / 2); n += 4)
			memcpy(text + n, "y:y\n", 4);
		text[n++] = '\n';
		assert_int_equal(parse(text, n, i & 1, &why),
		    i / 2 == 0 ? PH_OK : PH_ELIMIT);
		if (i / 2 == 0)
			assert_int_equal(h.count[HEAD_OTHER], SIP_MAX_HEADERS);
		else
			assert_int_equal(why, SIP_REJECT_SIZE);
	}
}

static void
start_lines_have_three_parts(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*line;
		enum sip_reject	 why;
		const char	*method, *uri;
		unsigned int	 status;
	} rows[] = {
		{ "INVITE sip:a SIP/2.0", SIP_REJECT_NONE, "INVITE", "sip:a", 0 },
		{ "x y SIP/2.0", SIP_REJECT_NONE, "x", "y", 0 },
		{ "x y>z SIP/2.0", SIP_REJECT_NONE, "x", "y>z", 0 },
		{ "x y<z SIP/2.0", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "x <y SIP/2.0", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "x y\tz SIP/2.0", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "x\ty SIP/2.0", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "x  SIP/2.0", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ " y SIP/2.0", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "x y", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "x", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "x y SIP/2.0 ", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "x y SIP/2.1", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "SIP/2.0 100 Trying", SIP_REJECT_NONE, "", "", 100 },
		{ "SIP/2.0 100", SIP_REJECT_NONE, "", "", 100 },
		{ "SIP/2.0 699 ", SIP_REJECT_NONE, "", "", 699 },
		{ "SIP/2.0 200 200 200", SIP_REJECT_NONE, "", "", 200 },
		{ "SIP/2.0 099 x", SIP_REJECT_RANGE, NULL, NULL, 0 },
		{ "SIP/2.0 700 x", SIP_REJECT_RANGE, NULL, NULL, 0 },
		{ "SIP/2.0 999", SIP_REJECT_RANGE, NULL, NULL, 0 },
		{ "SIP/2.0 99", SIP_REJECT_RANGE, NULL, NULL, 0 },
		{ "SIP/2.0 2000 x", SIP_REJECT_RANGE, NULL, NULL, 0 },
		{ "SIP/2.0 2000", SIP_REJECT_RANGE, NULL, NULL, 0 },
		{ "SIP/2.0 200x", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "SIP/2.0 20x x", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "SIP/2.0 ", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "SIP/2.0  200", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		{ "SIP/2.0", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
		/* A method like any. */
		{ "sip/2.0 200 OK", SIP_REJECT_SYNTAX, NULL, NULL, 0 },
	};
	/* clang-format on */
	struct head_start s;
	enum sip_reject why;
	struct span line;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		line.len = strlen(rows[i].line);
		line.p = malloc(line.len + 1);
		assert_non_null(line.p);
		memcpy((char *)(uintptr_t)line.p, rows[i].line, line.len);
		printf("%s\n", rows[i].line);
		why = head_start_parse(&s, line);
		assert_int_equal(why, rows[i].why);
		if (why == SIP_REJECT_NONE) {
			assert_int_equal(s.request, rows[i].status == 0);
			assert_int_equal(s.status, rows[i].status);
			assert_true(span_eq_str(s.method, rows[i].method));
			assert_true(span_eq_str(s.uri, rows[i].uri));
		}
		free((void *)(uintptr_t)line.p);
	}
}

static void
a_length_is_a_number_up_to_its_limit(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool ok, present;
		size_t len;
	} rows[] = {
		{ "t: x\n\n", 10, true, false, 0 },
		{ "l: 0\n\n", 10, true, true, 0 },
		{ "l: 9\n\n", 10, true, true, 9 },
		{ "l: 10\n\n", 10, true, true, 10 },
		{ "l: 11\n\n", 10, false, true, 0 },
		{ "l: 010\n\n", 10, true, true, 10 },
		{ "l: x\n\n", 10, false, true, 0 },
		{ "l:\n\n", 10, false, true, 0 },
		{ "l: 1 0\n\n", 10, false, true, 0 },
	};
	enum sip_reject why;
	bool present;
	size_t i, len;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(parse(rows[i].text, strlen(rows[i].text),
				     false, &why),
		    PH_OK);
		len = 77;
		assert_int_equal(head_length(&h, rows[i].max, &present, &len),
		    rows[i].ok);
		assert_int_equal(present, rows[i].present);
		if (rows[i].ok)
			assert_int_equal(len, rows[i].len);
	}
}

static void
only_blanks_and_line_ends_are_trimmed(void **state)
{
	static const struct {
		const char *text, *left;
	} rows[] = {
		{ "", "" },
		{ " ", "" },
		{ "\r\n\t ", "" },
		{ "a", "a" },
		{ " a", "a" },
		{ "a ", "a" },
		{ "\r\n a \t b\t\r\n", "a \t b" },
		{ "\va\f", "\va\f" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		assert_true(span_eq_str(head_trim(span_of(rows[i].text)),
		    rows[i].left));
	assert_false(head_is_token(span_of("")));
	assert_true(head_is_token(span_of(TOKEN)));
	assert_false(head_is_token(span_of("a b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_in_each_case_and_none_beside_it),
		cmocka_unit_test(some_fields_may_be_said_twice),
		cmocka_unit_test(line_ends_are_all_the_same),
		cmocka_unit_test(a_head_ends_at_its_blank_line),
		cmocka_unit_test(no_byte_may_hide_a_line),
		cmocka_unit_test(sizes_are_exact),
		cmocka_unit_test(start_lines_have_three_parts),
		cmocka_unit_test(a_length_is_a_number_up_to_its_limit),
		cmocka_unit_test(only_blanks_and_line_ends_are_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
