/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "ftp/control.h"
#include "src/base/strbuf.h"
#include "tests/unit/ftp_step.h"
#include "tests/unit/unit.h"

#define STEPS 12

/* The news of the watcher, one word each, in their order. */
static void
on_news(void *ctx, const struct ftp_news *n)
{
	static const char *const words[] = {
		[FTP_ACTIVE] = "active",
		[FTP_PASSIVE] = "passive",
		[FTP_EXPECTED] = "expected",
		[FTP_REJECTED] = "rejected",
		[FTP_BEGUN] = "begun",
		[FTP_DONE] = "done",
		[FTP_REFUSED] = "refused",
		[FTP_IGNORED] = "ignored",
		[FTP_OPAQUE] = "opaque",
		[FTP_READABLE] = "readable",
		[FTP_FOREIGN] = "foreign",
	};
	struct strbuf *b = ctx;
	char buf[ADDR_STRLEN];

	if (b->len > 0)
		strbuf_str(b, " ");
	strbuf_str(b, words[n->kind]);
	if (n->data.addr.af != 0)
		strbuf_fmt(b, "=%s", endpoint_format(&n->data, buf));
	if (n->kind == FTP_REFUSED)
		strbuf_fmt(b, "(%s)", reason_name(n->why));
}

/* In pieces of `piece` bytes, each a copy of exactly its size. */
static void
play(struct ftp_control *c, const struct step *steps, size_t piece,
    struct strbuf *out)
{
	size_t i, k, n;
	char *copy;

	for (i = 0; i < STEPS && steps[i].text != NULL; i++)
		for (k = 0; k < steps[i].n; k += n) {
			n = steps[i].n - k < piece ? steps[i].n - k : piece;
			copy = malloc(n);
			assert_non_null(copy);
			memcpy(copy, steps[i].text + k, n);
			ftp_control_input(c, steps[i].side,
			    (struct span) { copy, n }, on_news, out);
			free(copy);
		}
}

struct script {
	const char *what, *expected;
	struct step steps[STEPS];
};

/* From the middle of a connection, for the tests of that. */
static bool joined;

static void
check(const struct script *v, size_t n, const char *client, const char *server,
    bool loose)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 1000000 };
	struct addr ca, sa;
	struct ftp_control c;
	struct strbuf b;
	char text[512];
	size_t i, p;

	assert_int_equal(addr_parse(span_of(client), &ca), PH_OK);
	assert_int_equal(addr_parse(span_of(server), &sa), PH_OK);
	for (i = 0; i < n; i++)
		for (p = 0; p < ROWS(pieces); p++) {
			ftp_control_init(&c, &ca, &sa, loose);
			if (joined) {
				ftp_control_join(&c, FTP_CLIENT);
				ftp_control_join(&c, FTP_SERVER);
			}
			b = strbuf_of(text, sizeof(text));
			play(&c, v[i].steps, pieces[p], &b);
			if (strcmp(text, v[i].expected) != 0)
				fail_msg("%s, by %zu: %s", v[i].what, pieces[p],
				    text);
		}
}

#define P227 "227 Entering Passive Mode (198,51,100,7,4,1).\r\n"
#define P229 "229 Entering Extended Passive Mode (|||1025|)\r\n"

static void
what_both_sides_agree_on_is_told(void **state)
{
	/* clang-format off */
	static const struct script v[] = {
		{ "PORT", "active=10.0.0.1:1025 expected expected begun done",
		  { S("220 hello\r\n"), C("PORT 10,0,0,1,4,1\r\n"), S("200 ok\r\n"),
		    C("LIST\r\n"), S("150 here\r\n226 done\r\n") } },
		{ "a transfer without PORT", "", { C("RETR x\r\nSTOR y\r\n") } },
		{ "a transfer after PASV", "active=10.0.0.1:1025 passive=198.51.100.7:1025",
		  { C("PORT 10,0,0,1,4,1\r\nPASV\r\n"), S(P227), C("MLSD\r\n") } },
		{ "a newer PORT is expected, not the older",
		  "active=10.0.0.1:1025 active=10.0.0.1:1026 expected expected",
		  { C("PORT 10,0,0,1,4,1\r\nPORT 10,0,0,1,4,2\r\n"),
		    S("200 ok\r\n200 ok\r\n"), C("stor x\r\n") } },
		{ "EPRT", "active=10.0.0.1:1025", { C("EPRT |1|10.0.0.1|1025|\r\n") } },
		{ "EPRT with !", "active=10.0.0.1:1025", { C("eprt !1!10.0.0.1!1025!\r\n") } },
		{ "PASV", "passive=198.51.100.7:1025", { C("PASV\r\n"), S(P227) } },
		{ "227 without parentheses", "passive=198.51.100.7:1025",
		  { C("PASV\r\n"), S("227 Entering Passive Mode 198,51,100,7,4,1\r\n") } },
		{ "EPSV", "passive=198.51.100.7:1025", { C("EPSV\r\n"), S(P229) } },
		{ "EPSV 1", "passive=198.51.100.7:1025", { C("EPSV 1\r\n"), S(P229) } },
		{ "LF alone", "passive=198.51.100.7:1025",
		  { S("220 hello\n"), C("PASV\n"), S("227 (198,51,100,7,4,1)\n") } },
		{ "a greeting of several lines", "passive=198.51.100.7:1025",
		  { S("220-hello\r\n220-227 (198,51,100,7,4,2)\r\n hi\r\n220 end\r\n"),
		    C("PASV\r\n"), S(P227) } },
		{ "a 227 of several lines", "passive=198.51.100.7:1025",
		  { C("PASV\r\n"), S("227-look\r\n 1,2,3,4,5,6\r\n" P227) } },
		{ "pipelined", "passive=198.51.100.7:1025 begun done",
		  { C("NOOP\r\nSIZE x\r\nPASV\r\nRETR x\r\n"),
		    S("200 ok\r\n550 no\r\n" P227 "150 here\r\n226 done\r\n") } },
		{ "PASV twice at once", "passive=198.51.100.7:1025 passive=198.51.100.7:1026",
		  { C("PASV\r\nPASV\r\n"), S(P227 "227 (198,51,100,7,4,2)\r\n") } },
		{ "PORT refused", "active=10.0.0.1:1025 rejected",
		  { C("PORT 10,0,0,1,4,1\r\n"), S("500 no\r\n") } },
		{ "the first of two PORTs refused", "active=10.0.0.1:1025 active=10.0.0.1:1026 expected",
		  { C("PORT 10,0,0,1,4,1\r\nPORT 10,0,0,1,4,2\r\n"), S("500 no\r\n200 ok\r\n") } },
		{ "the transfer before is done",
		  "active=10.0.0.1:1025 expected expected begun active=10.0.0.1:1026 expected "
		  "expected done",
		  { C("PORT 10,0,0,1,4,1\r\n"), S("200 ok\r\n"), C("LIST\r\n"), S("150 here\r\n"),
		    C("PORT 10,0,0,1,4,2\r\nLIST\r\n"), S("226 done\r\n200 ok\r\n"),
		    S("226 done\r\n") } },
		{ "ABOR", "active=10.0.0.1:1025 expected expected begun done done",
		  { C("PORT 10,0,0,1,4,1\r\nRETR x\r\n"), S("200 ok\r\n150 here\r\n"),
		    C("\377\364\377\362ABOR\r\n"), S("426 cut\r\n226 ok\r\n") } },
		{ "an empty line is no command", "passive=198.51.100.7:1025 ignored",
		  { C("\r\nPASV\r\n"), S(P227), S(P227) } },
	};
	/* clang-format on */

	(void)state;
	check(v, ROWS(v), "10.0.0.1", "198.51.100.7", false);
}

static void
ipv6_has_epsv_and_eprt(void **state)
{
	/* clang-format off */
	static const struct script v[] = {
		{ "EPRT", "active=[2001:db8::1]:1025", { C("EPRT |2|2001:DB8:0::1|1025|\r\n") } },
		{ "EPSV", "passive=[2001:db8::7]:1025", { C("EPSV\r\n"), S(P229) } },
		{ "EPSV 2", "passive=[2001:db8::7]:1025", { C("EPSV 2\r\n"), S(P229) } },
		{ "PORT", "refused=10.0.0.1:1025(address)", { C("PORT 10,0,0,1,4,1\r\n") } },
		{ "227", "refused=198.51.100.7:1025(address)", { C("PASV\r\n"), S(P227) } },
	};
	/* clang-format on */

	(void)state;
	check(v, ROWS(v), "2001:db8::1", "2001:db8::7", false);
}

static void
nobody_else_is_named_and_no_low_port(void **state)
{
	/* clang-format off */
	static const struct script v[] = {
		{ "bounce", "refused=10.0.0.2:1025(address)", { C("PORT 10,0,0,2,4,1\r\n") } },
		{ "EPRT bounce", "refused=10.0.0.2:1025(address)", { C("EPRT |1|10.0.0.2|1025|\r\n") } },
		{ "the server itself", "refused=198.51.100.7:1025(address)",
		  { C("PORT 198,51,100,7,4,1\r\n") } },
		{ "another server", "refused=198.51.100.8:1025(address)",
		  { C("PASV\r\n"), S("227 (198,51,100,8,4,1)\r\n") } },
		{ "port 22", "refused=10.0.0.1:22(port-range)", { C("PORT 10,0,0,1,0,22\r\n") } },
		{ "port 1023", "refused=10.0.0.1:1023(port-range)", { C("PORT 10,0,0,1,3,255\r\n") } },
		{ "port 0", "refused=10.0.0.1:0(port-range)", { C("EPRT |1|10.0.0.1|0|\r\n") } },
		{ "227 with port 22", "refused=198.51.100.7:22(port-range)",
		  { C("PASV\r\n"), S("227 (198,51,100,7,0,22)\r\n") } },
		{ "229 with port 22", "refused=198.51.100.7:22(port-range)",
		  { C("EPSV\r\n"), S("229 (|||22|)\r\n") } },
		/* The next one is judged anew. */
		{ "then a good one", "refused=10.0.0.2:1025(address) rejected active=10.0.0.1:1025",
		  { C("PORT 10,0,0,2,4,1\r\n"), S("500 no\r\n"), C("PORT 10,0,0,1,4,1\r\n") } },
	};
	static const struct script loose[] = {
		{ "another", "active=10.0.0.2:1025", { C("PORT 10,0,0,2,4,1\r\n") } },
		{ "another server", "passive=198.51.100.8:1025",
		  { C("PASV\r\n"), S("227 (198,51,100,8,4,1)\r\n") } },
		{ "port 22", "refused=10.0.0.2:22(port-range)", { C("PORT 10,0,0,2,0,22\r\n") } },
		{ "loopback", "refused=127.0.0.1:1025(address)", { C("PORT 127,0,0,1,4,1\r\n") } },
		{ "multicast", "refused=224.0.0.1:1025(address)", { C("PORT 224,0,0,1,4,1\r\n") } },
		{ "nowhere", "refused=0.0.0.0:1025(address)", { C("PORT 0,0,0,0,4,1\r\n") } },
		{ "link-local", "refused=[fe80::1]:1025(address)", { C("EPRT |2|fe80::1|1025|\r\n") } },
	};
	/* clang-format on */

	(void)state;
	check(v, ROWS(v), "10.0.0.1", "198.51.100.7", false);
	check(loose, ROWS(loose), "10.0.0.1", "198.51.100.7", true);
}

static void
what_nobody_asked_for_does_not_count(void **state)
{
	/* clang-format off */
	static const struct script v[] = {
		{ "227 unasked", "ignored", { S(P227) } },
		{ "229 unasked", "ignored", { S(P229) } },
		{ "227 to EPSV", "ignored", { C("EPSV\r\n"), S(P227) } },
		{ "229 to PASV", "ignored", { C("PASV\r\n"), S(P229) } },
		{ "twice", "passive=198.51.100.7:1025 ignored", { C("PASV\r\n"), S(P227 P227) } },
		{ "after an error", "ignored", { C("PASV\r\n"), S("500 no\r\n" P227) } },
		{ "after errors, pipelined", "ignored",
		  { C("NOOP\r\nPASV\r\n"), S("200 ok\r\n500 no\r\n" P227) } },
		{ "inside another reply", "", { C("PASV\r\n"),
		  S("211-status\r\n" P227 "211 end\r\n") } },
		{ "mid-line", "", { C("PASV\r\n"), S("500 what is " P227) } },
		{ "mid-line, command", "", { C("CWD PORT 10,0,0,1,4,1\r\n") } },
		{ "behind a blank", "", { C("NOOP\r\n PORT 10,0,0,1,4,1\r\n") } },
		{ "a lone LF before it", "",
		  { C("NOOP\r\nMKD x\nPORT 10,0,0,1,4,1\r\n") } },
		{ "a lone LF echoed", "",
		  { S("220 hi\r\n"), C("PASV\r\n"), S("500 x\n" P227) } },
		{ "a lone CR before it", "", { C("NOOP\r\nMKD x\rPORT 10,0,0,1,4,1\r\n") } },
		{ "a NUL before it", "", { C("NOOP\r\nMKD x\0PORT 10,0,0,1,4,1\r\n") } },
		{ "a NUL in it", "", { C("NOOP\r\nPORT 10,0,0,1,4,1\0\r\n") } },
		{ "LF, then CRLF", "active=10.0.0.1:1026",
		  { C("NOOP\nPORT 10,0,0,1,4,1\r\nPORT 10,0,0,1,4,2\r\n") } },
		{ "not to be read", "ignored ignored ignored ignored",
		  { C("PORT 10,0,0,1,4\r\nEPRT |3|x|1025|\r\nEPSV x\r\n"),
		    S("500 no\r\n522 no\r\n501 no\r\n"), C("PASV\r\n"), S("227 ok\r\n") } },
		{ "227 with two readings", "ignored",
		  { C("PASV\r\n"), S("227 198,51,100,7,4,1 198,51,100,7,4,2\r\n") } },
		{ "EPSV ALL", "ignored ignored ignored passive=198.51.100.7:1025",
		  { C("EPSV ALL\r\n"), S("200 ok\r\n"), C("PORT 10,0,0,1,4,1\r\nPASV\r\n"),
		    S("500 no\r\n" P227), C("EPSV\r\n"), S(P229) } },
		{ "EPSV ALL refused", "active=10.0.0.1:1025",
		  { C("EPSV ALL\r\n"), S("500 no\r\n"), C("PORT 10,0,0,1,4,1\r\n") } },
		{ "HTTP", "foreign", { C("POST / HTTP/1.1\r\nPORT 10,0,0,1,4,1\r\n"),
		  C("PORT 10,0,0,1,4,1\r\n") } },
	};
	/* clang-format on */

	(void)state;
	check(v, ROWS(v), "10.0.0.1", "198.51.100.7", false);
}

#define X100                                                                   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X600 X100 X100 X100 X100 X100 X100
#define THEN "\r\nPORT 10,0,0,1,4,1\r\n"

/* A browser may be made to send what follows, but not without its own. */
static void
what_a_browser_sends_is_not_followed(void **state)
{
	/* clang-format off */
	static const struct script v[] = {
		{ "a method", "foreign", { C("GET /" THEN) } },
		{ "a method of somebody's own", "foreign", { C("PROPFIND /x HTTP/1.1" THEN) } },
		{ "one of more than letters", "foreign", { C("M-SEARCH * HTTP/1.1" THEN) } },
		{ "a verb of FTP", "foreign", { C("PORT /x HTTP/1.1" THEN) } },
		{ "in small letters", "foreign", { C("NOOP /x http/1.0" THEN) } },
		{ "an older line feed", "foreign", { C("NOOP /x HTTP/1.1\nPORT 10,0,0,1,4,1\n") } },
		{ "a path beyond the limit", "foreign", { C("NOOP /" X600 " HTTP/1.1" THEN) } },
		{ "the same, LF alone", "foreign", { C("NOOP /" X600 " HTTP/1.1\nPORT 10,0,0,1,4,1\n") } },
		{ "later, too", "foreign", { C("NOOP\r\nNOOP /x HTTP/1.1" THEN) } },
		{ "an answer of HTTP", "foreign", { C("NOOP\r\n"), S("HTTP/1.1 200 OK\r\n"),
		  C("PORT 10,0,0,1,4,1\r\n") } },
		{ "TURN", "foreign", { C("\0\1\0\50\41\22\244\102" THEN) } },
		{ "no command", "foreign", { C("user=x&y=1" THEN) } },
		{ "a long path is none", "active=10.0.0.1:1025", { C("CWD /" X600 THEN) } },
		{ "a name that looks like it", "active=10.0.0.1:1025",
		  { C("CWD HTTP/1.1x" THEN) } },
		{ "an empty line", "active=10.0.0.1:1025", { C(THEN) } },
	};
	static const struct script middle[] = {
		{ "from the middle", "active=10.0.0.1:1025", { C("user=x" THEN) } },
		{ "from the middle, HTTP", "foreign", { C("x HTTP/1.1" THEN) } },
	};
	/* clang-format on */

	(void)state;
	check(v, ROWS(v), "10.0.0.1", "198.51.100.7", false);
	joined = true;
	check(middle, ROWS(middle), "10.0.0.1", "198.51.100.7", false);
	joined = false;
}

#define HELLO  "\26\3\1\0\4abcd"
#define RECORD "\27\3\3\0\25PORT 10,0,0,1,4,1\r\n\r\n"
#define ALERT  "\25\3\3\0\2\1\0"
#define CHANGE "\24\3\3\0\1\1"

static void
tls_is_stepped_over_until_ccc(void **state)
{
	/* clang-format off */
	static const struct script v[] = {
		{ "AUTH TLS", "opaque",
		  { C("AUTH TLS\r\n"), S("234 go\r\n" HELLO), C(HELLO RECORD), S(RECORD) } },
		{ "refused", "active=10.0.0.1:1025",
		  { C("AUTH TLS\r\n"), S("500 no\r\n"), C("PORT 10,0,0,1,4,1\r\n") } },
		{ "234 to something else", "active=10.0.0.1:1025",
		  { C("NOOP\r\n"), S("234 go\r\n"), C("PORT 10,0,0,1,4,1\r\n") } },
		{ "CCC", "opaque readable active=10.0.0.1:1025 expected",
		  { C("AUTH TLS\r\n"), S("234 go\r\n"), C(HELLO CHANGE), S(HELLO CHANGE), C(RECORD ALERT),
		    S(RECORD ALERT), C("PORT 10,0,0,1,4,1\r\n"), S("200 ok\r\n") } },
		{ "CCC, then a 227", "opaque readable passive=198.51.100.7:1025",
		  { C("PASV\r\nAUTH TLS\r\n"), S("500 no\r\n234 go\r\n"), C(HELLO), S(HELLO),
		    C("PASV\r\n"), S(P227) } },
		{ "TLS again", "opaque readable opaque",
		  { C("AUTH TLS\r\n"), S("234 go\r\n"), C(HELLO), S(HELLO), C("NOOP\r\n"),
		    S("200 ok\r\n"), C("AUTH TLS\r\n"), S("234 go\r\n"), C(HELLO RECORD) } },
		{ "TLS from the start", "opaque", { C(HELLO RECORD), S(HELLO RECORD) } },
		{ "neither TLS nor FTP", "opaque",
		  { C("AUTH TLS\r\n"), S("234 go\r\n"), C("\1\r\nPORT 10,0,0,1,4,1\r\n") } },
		{ "a record too long", "opaque",
		  { C("AUTH TLS\r\n"), S("234 go\r\n"), C("\26\3\1\377\377\r\nPORT 10,0,0,1,4,1\r\n") } },
		{ "not version 3", "opaque",
		  { C("AUTH TLS\r\n"), S("234 go\r\n"), C("\26\2\1\0\0PORT 10,0,0,1,4,1\r\n") } },
	};
	/* clang-format on */

	(void)state;
	check(v, ROWS(v), "10.0.0.1", "198.51.100.7", false);
}

static void
from_the_middle_whole_lines_count(void **state)
{
	/* clang-format off */
	static const struct script v[] = {
		{ "the next line", "active=10.0.0.1:1025",
		  { C("RETR x\r\nPORT 10,0,0,1,4,1\r\n") } },
		{ "not the rest of one", "", { C("PORT 10,0,0,1,4,1\r\n") } },
		{ "nor its answer", "ignored passive=198.51.100.7:1025",
		  { C("TYPE I\r\nPASV\r\n"), S(P227), C("PASV\r\n"), S(P227) } },
		{ "a session as it goes on", "passive=198.51.100.7:1025 begun done",
		  { C("TYPE I\r\n"), S("200 ok\r\n"), C("PASV\r\n"), S(P227),
		    C("RETR x\r\n"), S("150 here\r\n226 done\r\n") } },
		{ "within another reply", "passive=198.51.100.7:1025",
		  { S("more\r\n211 end\r\n"), C("NOOP\r\n"), S("200 ok\r\n"), C("PASV\r\n"),
		    S(P227) } },
		{ "TLS", "opaque readable passive=198.51.100.7:1025",
		  { C(RECORD), S(RECORD), C("PASV\r\n"), S(P227) } },
	};
	/* clang-format on */

	(void)state;
	joined = true;
	check(v, ROWS(v), "10.0.0.1", "198.51.100.7", false);
	joined = false;
}

/* `n` bytes of 'x' between `before` and `after`. */
static void
play_long(struct ftp_control *c, enum ftp_side side, const char *before,
    size_t n, const char *after, struct strbuf *out)
{
	size_t size = strlen(before) + n + strlen(after);
	char *p = malloc(size);

	assert_non_null(p);
	memcpy(p, before, strlen(before));
	memset(p + strlen(before), 'x', n);
	memcpy(p + strlen(before) + n, after, strlen(after));
	ftp_control_input(c, side, (struct span) { p, size }, on_news, out);
	free(p);
}

static void
long_lines_are_stepped_over(void **state)
{
	struct addr client = addr_v4(10, 0, 0, 1);
	struct addr server = addr_v4(198, 51, 100, 7);
	struct ftp_control c;
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));

	(void)state;
	ftp_control_init(&c, &client, &server, false);
	play_long(&c, FTP_CLIENT, "CWD ", 100000, "\r\n", &b);
	play_long(&c, FTP_CLIENT, "CWD ", 600, "PORT 10,0,0,1,4,1\r\n", &b);
	play_long(&c, FTP_SERVER, "500-", 5000, "\r\n500 no\r\n", &b);
	play_long(&c, FTP_SERVER, "500 ", 5000, "\r\n", &b);
	assert_string_equal(text, "");
	/* The replies were counted: this one is for PASV. */
	play_long(&c, FTP_CLIENT, "PASV", 0, "\r\n", &b);
	play_long(&c, FTP_SERVER, "", 0, P227, &b);
	assert_string_equal(text, "passive=198.51.100.7:1025");
	/* A 227 too long to be read still answers its PASV. */
	strbuf_reset(&b);
	play_long(&c, FTP_CLIENT, "PASV", 0, "\r\n", &b);
	play_long(&c, FTP_SERVER, "227 (198,51,100,7,4,1)", 600, "\r\n", &b);
	play_long(&c, FTP_SERVER, "", 0, P227, &b);
	assert_string_equal(text, "ignored ignored");
}

static void
of_many_commands_the_last_count(void **state)
{
	struct addr client = addr_v4(10, 0, 0, 1);
	struct addr server = addr_v4(198, 51, 100, 7);
	struct ftp_control c;
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	int i;

	(void)state;
	ftp_control_init(&c, &client, &server, false);
	for (i = 0; i < 1000; i++)
		play_long(&c, FTP_CLIENT, "PASV", 0, "\r\n", &b);
	assert_int_equal(c.reader.npending, FTP_READER_PENDING);
	for (i = 0; i < FTP_READER_PENDING; i++)
		play_long(&c, FTP_SERVER, "", 0, P227, &b);
	assert_null(strstr(text, "ignored"));
	play_long(&c, FTP_SERVER, "", 0, P227, &b);
	assert_non_null(strstr(text, "ignored"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_both_sides_agree_on_is_told),
		cmocka_unit_test(ipv6_has_epsv_and_eprt),
		cmocka_unit_test(nobody_else_is_named_and_no_low_port),
		cmocka_unit_test(what_nobody_asked_for_does_not_count),
		cmocka_unit_test(what_a_browser_sends_is_not_followed),
		cmocka_unit_test(tls_is_stepped_over_until_ccc),
		cmocka_unit_test(from_the_middle_whole_lines_count),
		cmocka_unit_test(long_lines_are_stepped_over),
		cmocka_unit_test(of_many_commands_the_last_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
