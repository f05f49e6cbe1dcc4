/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "ftp/line.h"
#include "tests/unit/unit.h"

/* A copy of exactly its size, so that ASan sees a byte too far. */
static struct span
copy_of(const char *text, size_t n)
{
	char *p = malloc(n > 0 ? n : 1);

	assert_non_null(p);
	memcpy(p, text, n);
	return (struct span) { p, n };
}

static void
give_back(struct span s)
{
	free((void *)(uintptr_t)s.p);
}

static void
commands_are_a_verb_and_what_follows(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*line;
		enum ph_err	 rc;
		enum ftp_verb	 verb;
		const char	*arg;
	} rows[] = {
		{ "PASV",		PH_OK, FTP_PASV, "" },
		{ "pasv",		PH_OK, FTP_PASV, "" },
		{ "PASV ",		PH_OK, FTP_PASV, "" },
		{ "PORT 10,0,0,1,4,1",	PH_OK, FTP_PORT, "10,0,0,1,4,1" },
		{ "EPRT |1|10.0.0.1|1025|", PH_OK, FTP_EPRT, "|1|10.0.0.1|1025|" },
		{ "EPSV ALL",		PH_OK, FTP_EPSV, "ALL" },
		{ "USER  a b ",		PH_OK, FTP_USER, " a b " },
		{ "AUTH TLS",		PH_OK, FTP_AUTH, "TLS" },
		{ "CCC",		PH_OK, FTP_CCC, "" },
		{ "LPRT 4,4,10,0,0,1,2,4,1", PH_OK, FTP_LPRT, "4,4,10,0,0,1,2,4,1" },
		{ "LPSV",		PH_OK, FTP_LPSV, "" },
		{ "Rein",		PH_OK, FTP_REIN, "" },
		{ "QUIT",		PH_OK, FTP_QUIT, "" },
		{ "retr \377\303\244",	PH_OK, FTP_TRANSFER, "\377\303\244" },
		/* A prefix is another word. */
		{ "PASVX",		PH_OK, FTP_OTHER, "" },
		{ "PAS",		PH_OK, FTP_OTHER, "" },
		{ "",			PH_EMALFORMED, 0, "" },
		{ " PASV",		PH_EMALFORMED, 0, "" },
		{ "PASV\t",		PH_EMALFORMED, 0, "" },
		{ "PASV,",		PH_EMALFORMED, 0, "" },
		{ "227 PASV",		PH_EMALFORMED, 0, "" },
		{ "ABCDEFGHI x",	PH_EMALFORMED, 0, "" },
		{ "\377\364\377\362ABOR", PH_EMALFORMED, 0, "" },
	};
	/* clang-format on */
	struct ftp_command c;
	struct span line;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		line = copy_of(rows[i].line, strlen(rows[i].line));
		assert_int_equal(ftp_command_parse(&c, line), rows[i].rc);
		if (rows[i].rc == PH_OK) {
			assert_int_equal(c.verb, rows[i].verb);
			assert_true(span_eq_str(c.arg, rows[i].arg));
		}
		give_back(line);
	}
}

static void
replies_are_a_code_and_text(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*line;
		enum ph_err	 rc;
		unsigned int	 code;
		bool		 more;
		const char	*text;
	} rows[] = {
		{ "220 ready",	PH_OK, 220, false, "ready" },
		{ "220-hello",	PH_OK, 220, true, "hello" },
		{ "200",	PH_OK, 200, false, "" },
		{ "200 ",	PH_OK, 200, false, "" },
		{ "227 =10,0,0,1,4,1", PH_OK, 227, false, "=10,0,0,1,4,1" },
		{ "631 base64",	PH_OK, 631, false, "base64" },
		{ "",		PH_EMALFORMED, 0, false, "" },
		{ "22",		PH_EMALFORMED, 0, false, "" },
		{ "100 x",	PH_OK, 100, false, "x" },
		{ "699-x",	PH_OK, 699, true, "x" },
		{ "099 x",	PH_EMALFORMED, 0, false, "" },
		{ "700 x",	PH_EMALFORMED, 0, false, "" },
		{ "2270 x",	PH_EMALFORMED, 0, false, "" },
		{ "227_x",	PH_EMALFORMED, 0, false, "" },
		{ " 227 x",	PH_EMALFORMED, 0, false, "" },
		{ "+27 x",	PH_EMALFORMED, 0, false, "" },
		{ "hello",	PH_EMALFORMED, 0, false, "" },
	};
	/* clang-format on */
	struct ftp_reply r;
	struct span line;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		line = copy_of(rows[i].line, strlen(rows[i].line));
		assert_int_equal(ftp_reply_parse(&r, line), rows[i].rc);
		if (rows[i].rc == PH_OK) {
			assert_int_equal(r.code, rows[i].code);
			assert_int_equal(r.more, rows[i].more);
			assert_true(span_eq_str(r.text, rows[i].text));
		}
		give_back(line);
	}
}

struct row {
	const char *text;
	enum ph_err rc;
	const char *endpoint;
};

static void
check(const struct row *rows, size_t n,
    enum ph_err (*parse)(struct span, struct endpoint *))
{
	char buf[ADDR_STRLEN];
	struct endpoint e;
	struct span text;
	enum ph_err rc;
	size_t i;

	for (i = 0; i < n; i++) {
		text = copy_of(rows[i].text, strlen(rows[i].text));
		if ((rc = parse(text, &e)) != rows[i].rc)
			fail_msg("%s: %d", rows[i].text, rc);
		if (rc == PH_OK)
			assert_string_equal(endpoint_format(&e, buf),
			    rows[i].endpoint);
		else
			assert_int_equal(e.addr.af, AF_UNSPEC);
		give_back(text);
	}
}

static void
port_names_six_numbers(void **state)
{
	/* clang-format off */
	static const struct row rows[] = {
		{ "10,0,0,1,4,1",	PH_OK, "10.0.0.1:1025" },
		{ " 10,0,0,1,4,1 ",	PH_OK, "10.0.0.1:1025" },
		{ "010,0,0,001,4,1",	PH_OK, "10.0.0.1:1025" },
		{ "255,255,255,255,255,255", PH_OK, "255.255.255.255:65535" },
		{ "10,0,0,1,0,22",	PH_OK, "10.0.0.1:22" },
		{ "10,0,0,1,0,0",	PH_OK, "10.0.0.1:0" },
		{ "",			PH_EMALFORMED, "" },
		{ "10,0,0,1,4",		PH_EMALFORMED, "" },
		{ "10,0,0,1,4,",	PH_EMALFORMED, "" },
		{ "10,0,0,1,4,1,",	PH_EMALFORMED, "" },
		{ "10,0,0,1,4,1,1",	PH_EMALFORMED, "" },
		{ "10,0,0,1,4,1 x",	PH_EMALFORMED, "" },
		{ "10,0,0,1,4,256",	PH_EMALFORMED, "" },
		{ "10,0,0,1,4,-1",	PH_EMALFORMED, "" },
		{ "10,0,0,1,4,0001",	PH_EMALFORMED, "" },
		{ "10,0,0,1,,1",	PH_EMALFORMED, "" },
		{ "10, 0,0,1,4,1",	PH_EMALFORMED, "" },
		{ "10.0.0.1.4.1",	PH_EMALFORMED, "" },
		{ "(10,0,0,1,4,1)",	PH_EMALFORMED, "" },
	};
	/* clang-format on */

	(void)state;
	check(rows, ROWS(rows), ftp_port_parse);
}

static void
eprt_has_any_delimiter_and_two_families(void **state)
{
	/* clang-format off */
	static const struct row rows[] = {
		{ "|1|10.0.0.1|1025|",		PH_OK, "10.0.0.1:1025" },
		{ "|2|2001:db8::1|65535|",	PH_OK, "[2001:db8::1]:65535" },
		{ "!1!10.0.0.1!1025!",		PH_OK, "10.0.0.1:1025" },
		{ "~2~2001:db8::1~1025~",	PH_OK, "[2001:db8::1]:1025" },
		{ " |1|10.0.0.1|1025| ",	PH_OK, "10.0.0.1:1025" },
		{ "|1|10.0.0.1|0|",		PH_OK, "10.0.0.1:0" },
		{ "919210.0.0.1921025",		PH_EMALFORMED, "" },
		{ "91910.0.0.1910259",		PH_OK, "10.0.0.1:1025" },
		{ ".1.10.0.0.1.1025.",		PH_EMALFORMED, "" },
		{ ":2:2001:db8::1:1025:",	PH_EMALFORMED, "" },
		{ "",				PH_EMALFORMED, "" },
		{ "|",				PH_EMALFORMED, "" },
		{ "||||",			PH_EMALFORMED, "" },
		{ "|1|10.0.0.1|1025",		PH_EMALFORMED, "" },
		{ "|1|10.0.0.1|1025|x",		PH_EMALFORMED, "" },
		{ "|1|10.0.0.1|1025||",		PH_EMALFORMED, "" },
		{ "|1|10.0.0.1|65536|",		PH_EMALFORMED, "" },
		{ "|1|10.0.0.1|+25|",		PH_EMALFORMED, "" },
		{ "|1|10.0.0|1025|",		PH_EMALFORMED, "" },
		{ "|1|host|1025|",		PH_EMALFORMED, "" },
		{ "|1|2001:db8::1|1025|",	PH_EMALFORMED, "" },
		{ "|2|10.0.0.1|1025|",		PH_EMALFORMED, "" },
		{ "|2|fe80::1%em0|1025|",	PH_EMALFORMED, "" },
		{ "|3|x|1025|",			PH_EUNSUPPORTED, "" },
		{ "|x|10.0.0.1|1025|",		PH_EMALFORMED, "" },
		{ "\177" "1\177" "10.0.0.1\177" "1025\177", PH_EMALFORMED, "" },
		{ "\2601\26010.0.0.1\2601025\260", PH_EMALFORMED, "" },
	};
	/* clang-format on */

	(void)state;
	check(rows, ROWS(rows), ftp_eprt_parse);
}

static void
two_two_seven_names_six_numbers_somewhere(void **state)
{
	/* clang-format off */
	static const struct row rows[] = {
		{ "Entering Passive Mode (10,0,0,1,4,1)",  PH_OK, "10.0.0.1:1025" },
		{ "Entering Passive Mode (10,0,0,1,4,1).", PH_OK, "10.0.0.1:1025" },
		{ "Entering Passive Mode 10,0,0,1,4,1",	   PH_OK, "10.0.0.1:1025" },
		{ "Entering Passive Mode. 10,0,0,1,4,1.",  PH_OK, "10.0.0.1:1025" },
		{ "=10,0,0,1,4,1",			   PH_OK, "10.0.0.1:1025" },
		{ "10,0,0,1,4,1",			   PH_OK, "10.0.0.1:1025" },
		{ "ok (host 7, pool 2) (10,0,0,1,4,1)",	   PH_OK, "10.0.0.1:1025" },
		{ "",					   PH_EMALFORMED, "" },
		{ "Entering Passive Mode",		   PH_EMALFORMED, "" },
		{ "(10,0,0,1,4)",			   PH_EMALFORMED, "" },
		{ "(10,0,0,1,4,1,1)",			   PH_EMALFORMED, "" },
		{ "(10,0,0,1,4,256)",			   PH_EMALFORMED, "" },
		{ "(|||1025|)",				   PH_EMALFORMED, "" },
		{ "(10,0,0,1,4,1) (10,0,0,1,4,2)",	   PH_EAMBIGUOUS, "" },
		{ "10,0,0,1,4,1 10,0,0,1,4,1",		   PH_EAMBIGUOUS, "" },
	};
	/* clang-format on */

	(void)state;
	check(rows, ROWS(rows), ftp_227_parse);
}

static void
two_two_nine_names_a_port(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*text;
		enum ph_err	 rc;
		unsigned int	 port;
	} rows[] = {
		{ "Entering Extended Passive Mode (|||1025|)",	PH_OK, 1025 },
		{ "Entering Extended Passive Mode (|||1025|).",	PH_OK, 1025 },
		{ "(!!!65535!)",		PH_OK, 65535 },
		{ "(see below) (|||1025|)",	PH_OK, 1025 },
		{ "(((((1025()",		PH_OK, 1025 },
		{ "(|||0|)",			PH_OK, 0 },
		{ "",				PH_EMALFORMED, 0 },
		{ "|||1025|",			PH_EMALFORMED, 0 },
		{ "(|||1025|",			PH_EMALFORMED, 0 },
		{ "(|||1025)",			PH_EMALFORMED, 0 },
		{ "(||1025|)",			PH_EMALFORMED, 0 },
		{ "(|!|1025|)",			PH_EMALFORMED, 0 },
		{ "(||||)",			PH_EMALFORMED, 0 },
		{ "(|||65536|)",		PH_EMALFORMED, 0 },
		{ "(|1|10.0.0.1|1025|)",	PH_EMALFORMED, 0 },
		{ "(111102511)",		PH_EMALFORMED, 0 },
		/* Delimiters are 33 to 126, digits excepted. */
		{ "(~~~1025~)",			PH_OK, 1025 },
		{ "(   1025 )",			PH_EMALFORMED, 0 },
		{ "(\177\177\1771025\177)",	PH_EMALFORMED, 0 },
		{ "(//\0571025/)",		PH_OK, 1025 },
		{ "(:::1025:)",			PH_OK, 1025 },
		{ "(0001025 0)",		PH_EMALFORMED, 0 },
		{ "(999102599)",		PH_EMALFORMED, 0 },
		{ "(",				PH_EMALFORMED, 0 },
		{ "(||",			PH_EMALFORMED, 0 },
		{ "(|||",			PH_EMALFORMED, 0 },
		{ "(|||1025|) (|||1026|)",	PH_EAMBIGUOUS, 0 },
	};
	/* clang-format on */
	struct span text;
	uint16_t port;
	enum ph_err rc;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		text = copy_of(rows[i].text, strlen(rows[i].text));
		if ((rc = ftp_229_parse(text, &port)) != rows[i].rc)
			fail_msg("%s: %d", rows[i].text, rc);
		assert_int_equal(port, rows[i].port);
		give_back(text);
	}
}

static void
epsv_may_name_a_protocol_or_all(void **state)
{
	static const struct {
		const char *arg;
		enum ph_err rc;
		bool all;
		uint8_t af;
	} rows[] = {
		{ "", PH_OK, false, AF_UNSPEC },
		{ "1", PH_OK, false, AF_INET },
		{ " 2 ", PH_OK, false, AF_INET6 },
		{ "all", PH_OK, true, AF_UNSPEC },
		{ "3", PH_EUNSUPPORTED, false, AF_UNSPEC },
		{ "ALLX", PH_EMALFORMED, false, AF_UNSPEC },
	};
	uint8_t af;
	size_t i;
	bool all;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(ftp_epsv_parse(span_of(rows[i].arg), &all,
				     &af),
		    rows[i].rc);
		assert_int_equal(all, rows[i].all);
		assert_int_equal(af, rows[i].af);
	}
}

static void
what_is_written_reads_the_same(void **state)
{
	static const char *const texts[] = { "10.0.0.1", "255.255.255.255",
		"2001:db8::1", "2001:db8:1:2:3:4:5:6" };
	struct endpoint e = { 0 }, back;
	struct ftp_command c;
	struct ftp_reply r;
	uint16_t port;
	char buf[128];
	struct strbuf b;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(texts); i++) {
		assert_int_equal(addr_parse(span_of(texts[i]), &e.addr), PH_OK);
		e.port = (uint16_t)(1024 + 257 * i);
		b = strbuf_of(buf, sizeof(buf));
		ftp_eprt_format(&b, &e);
		assert_int_equal(ftp_command_parse(&c, span_of(buf)), PH_OK);
		assert_int_equal(c.verb, FTP_EPRT);
		assert_int_equal(ftp_eprt_parse(c.arg, &back), PH_OK);
		assert_int_equal(endpoint_cmp(&e, &back), 0);
		strbuf_reset(&b);
		ftp_229_format(&b, e.port);
		assert_int_equal(ftp_reply_parse(&r, span_of(buf)), PH_OK);
		assert_int_equal(r.code, 229);
		assert_int_equal(ftp_229_parse(r.text, &port), PH_OK);
		assert_int_equal(port, e.port);
		if (e.addr.af != AF_INET)
			continue;
		strbuf_reset(&b);
		ftp_port_format(&b, &e);
		assert_int_equal(ftp_command_parse(&c, span_of(buf)), PH_OK);
		assert_int_equal(c.verb, FTP_PORT);
		assert_int_equal(ftp_port_parse(c.arg, &back), PH_OK);
		assert_int_equal(endpoint_cmp(&e, &back), 0);
		strbuf_reset(&b);
		ftp_227_format(&b, &e);
		assert_int_equal(ftp_reply_parse(&r, span_of(buf)), PH_OK);
		assert_int_equal(r.code, 227);
		assert_int_equal(ftp_227_parse(r.text, &back), PH_OK);
		assert_int_equal(endpoint_cmp(&e, &back), 0);
	}
}

static void
clean_lines_hide_no_other_line(void **state)
{
	(void)state;
	assert_true(ftp_line_clean(SPAN_LITERAL("")));
	assert_true(ftp_line_clean(SPAN_LITERAL("RETR \377")));
	assert_false(ftp_line_clean(SPAN_LITERAL("RETR a\0b")));
	assert_false(ftp_line_clean(SPAN_LITERAL("RETR a\rb")));
	assert_false(ftp_line_clean(SPAN_LITERAL("RETR a\nb")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_a_verb_and_what_follows),
		cmocka_unit_test(replies_are_a_code_and_text),
		cmocka_unit_test(port_names_six_numbers),
		cmocka_unit_test(eprt_has_any_delimiter_and_two_families),
		cmocka_unit_test(two_two_seven_names_six_numbers_somewhere),
		cmocka_unit_test(two_two_nine_names_a_port),
		cmocka_unit_test(epsv_may_name_a_protocol_or_all),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(clean_lines_hide_no_other_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
