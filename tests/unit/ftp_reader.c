/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "ftp/control.h"
#include "ftp/reader.h"
#include "ftp/session.h"
#include "src/base/strbuf.h"
#include "tests/unit/ftp_step.h"
#include "tests/unit/unit.h"

#define STEPS 10

/*
 * `read` is what the reader sees, a word for each line: a command with its
 * request, a reply with the request that it answers; '?' behind a line in
 * doubt.  `opened` is what the watcher and the proxy have to open for the same
 * bytes.
 */
struct script {
	const char *what, *read, *opened;
	struct step steps[STEPS];
};

#define X100                                                                   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X500   X100 X100 X100 X100 X100
#define HI     S("220 hi\r\n")
#define OK     S("200 ok\r\n")
#define PORT   "PORT 10,0,0,1,4,1\r\n"
#define P227   "227 (198,51,100,7,4,2)\r\n"
#define P229   "229 (|||1027|)\r\n"
#define HELLO  "\26\3\1\0\4abcd"
#define RECORD "\27\3\3\0\6PASV\r\n"

/* clang-format off */
static const struct script scripts[] = {
	{ "active", "220 PORT=active:1025 200>active LIST 150 226", "active:1025",
	  { HI, C(PORT), OK, C("LIST\r\n"), S("150 x\r\n226 y\r\n") } },
	{ "passive", "220 PASV=pasv 227>pasv:1026 EPSV=epsv 229>epsv:1027", "passive:1026 passive:1027",
	  { HI, C("PASV\r\n"), S(P227), C("EPSV\r\n"), S(P229) } },
	{ "a PORT that the server refuses", "220 PORT=active:1025 500>active", "active:1025 rejected",
	  { HI, C(PORT), S("500 no\r\n") } },
	{ "a newer PORT waits", "220 PORT=active:1025 PORT=active:1025 500>active 200>active",
	  "active:1025 active:1025", { HI, C(PORT PORT), S("500 no\r\n200 ok\r\n") } },
	{ "PASV waits, and the PORT before it is refused", "220 PORT=active:1025 PASV=pasv 500>active 227>pasv:1026",
	  "active:1025 rejected passive:1026", { HI, C(PORT "PASV\r\n"), S("500 no\r\n" P227) } },
	{ "an ABOR without a reply", "220 RETR 150 ABOR 226 PASV=pasv 227>pasv:1026", "passive:1026",
	  { HI, C("RETR x\r\n"), S("150 x\r\n"), C("\377\364\377\362ABOR\r\n"), S("226 y\r\n"),
	    C("PASV\r\n"), S(P227) } },
	{ "commands before the greeting", "PASV=pasv 220 227>pasv:1026", "passive:1026",
	  { C("PASV\r\n"), HI, S(P227) } },
	{ "a server without a greeting", "PASV=pasv 227>pasv:1026", "passive:1026", { C("PASV\r\n"), S(P227) } },
	{ "unasked", "220 227! NOOP 227! EPSV=epsv 227! 229!", "",
	  { HI, S(P227), C("NOOP\r\n"), S(P227), C("EPSV\r\n"), S(P227 P229) } },
	{ "a wrong 227 for AUTH, then a 234", "220 AUTH=auth 227! 234", "",
	  { HI, C("AUTH TLS\r\n"), S(P227 "234 go\r\n") } },
	{ "a reply to nothing", "220 421 PORT=active:1025 200>active", "active:1025",
	  { HI, S("421 soon\r\n"), C(PORT), OK } },
	{ "the least port", "220 PORT=active:1024", "active:1024", { HI, C("PORT 10,0,0,1,4,0\r\n") } },
	{ "text", "220 HELP text text text 214 PASV=pasv text text 227>pasv:1026", "passive:1026",
	  { HI, C("HELP\r\n"), S("214-so\r\n" P227 "HTTP/1.1 too\r\n214 so\r\n"),
	    C("PASV\r\n"), S("227-x\r\n229 (|||1027|)\r\n" P227) } },
	{ "EPSV ALL is in force at once", "220 EPSV=all PASV- PORT- EPSV=epsv 200>all 500 500 229>epsv:1027",
	  "passive:1027", { HI, C("EPSV ALL\r\n"), C("PASV\r\n" PORT "EPSV\r\n"),
	  S("200 ok\r\n500 no\r\n500 no\r\n" P229) } },
	{ "until it is refused", "220 EPSV=all 500>all PASV=pasv 227>pasv:1026", "passive:1026",
	  { HI, C("EPSV ALL\r\n"), S("500 no\r\n"), C("PASV\r\n"), S(P227) } },
	{ "but not if one was accepted", "220 EPSV=all 200>all EPSV=all 500>all PASV-", "",
	  { HI, C("EPSV ALL\r\n"), OK, C("EPSV ALL\r\n"), S("500 no\r\n"), C("PASV\r\n") } },
	{ "nor while another waits", "220 EPSV=all EPSV=all 500>all PASV- 500>all PASV=pasv", "",
	  { HI, C("EPSV ALL\r\nEPSV ALL\r\n"), S("500 no\r\n"), C("PASV\r\n"), S("500 no\r\n"),
	    C("PASV\r\n") } },
	{ "arguments that cannot be read", "220 PORT- EPRT- EPSV- 227! 229!", "",
	  { HI, C("PORT 10,0,0,1,4\r\nEPRT |3|x|1|\r\nEPSV x\r\n"), S(P227 P229) } },
	{ "telnet and blanks", "220 PASV=pasv 227>pasv:1026 epsv=epsv 229>epsv:1027", "passive:1026 passive:1027",
	  { HI, C("\377\361P\377\375\1ASV\r\n"), S(P227), C(" \tepsv\r\n"), S(P229) } },
	{ "LF alone", "220 PASV=pasv 227>pasv:1026", "passive:1026",
	  { S("220 hi\n"), C("PASV\n"), S("227 (198,51,100,7,4,2)\n") } },
	{ "a lone LF among CR LF", "220 NOOP MKD? PORT? PASV=pasv 200 200? 227>pasv? 227!", "",
	  { HI, C("NOOP\r\nMKD x\n" PORT "PASV\r\n"), S("200 ok\r\n200 x\n"),
	    S("227 (1,2,3,4,5,6)\r\n" P227) } },
	{ "CR LF after LF", "220 NOOP PASV? 227! PASV=pasv", "",
	  { HI, C("NOOP\nPASV\r\n"), S(P227), C("PASV\r\n") } },
	{ "a 227 in doubt", "220 PASV=pasv 227>pasv? 200? 227!", "",
	  { HI, C("PASV\r\n"), S("227 (198,51,100,7,4,2)\n"), S("200 x\r\n" P227) } },
	{ "a CR within", "220 NOOP PASV? unknown?", "", { HI, C("NOOP\r\nPASV \rx\r\nSTOR\tx\r\n") } },
	{ "longer than 512", "220 CWD? PASV? - - 200 200 227!", "",
	  { HI, C("CWD " X500 X100 "\r\n" "PASV " X500 X100 "\r\n\r\n \r\n"), S("200 a\r\n200 b\r\n" P227) } },
	{ "of 512, and of 513 with the CR", "220 CWD CWD?", "",
	  { HI, C("CWD " X500 "1234567\r\nCWD " X500 "12345678\r\n") } },
	{ "a long 227", "220 PASV=pasv 227>pasv? 227!", "",
	  { HI, C("PASV\r\n"), S("227 (198,51,100,7,4,2) " X500 "\r\n" P227) } },
	{ "a name in a long line", "220 NOOP CWD? PASV=pasv 200 200 227>pasv:1026", "passive:1026",
	  { HI, C("NOOP\r\nCWD " X500 X100 "GET me\r\nPASV\r\n"), S("200 a\r\n200 b\r\n" P227) } },
	{ "the end of one line and the next are not one", "220 NOOP CWD unknown", "",
	  { HI, C("NOOP\nCWD x HTT\nP/1.1\n") } },
	{ "HTTP", "foreign", "foreign", { C("GET / HTTP/1.1\r\n" PORT) } },
	{ "HTTP behind a long path", "foreign", "foreign", { C("CWD /" X500 X100 " HTTP/1.1\r\n" PORT) } },
	{ "HTTP later", "220 NOOP foreign", "foreign", { HI, C("NOOP\r\nNOOP / HTTP/1.1\r\n" PORT) } },
	{ "an answer of HTTP", "NOOP foreign", "foreign", { C("NOOP\r\n"), S("HTTP/1.1 200 OK\r\n"), C(PORT) } },
	{ "no command", "foreign", "foreign", { C("user=x&y=1\r\n" PORT) } },
	{ "one in doubt", "foreign", "foreign", { C("CWD x\ry\r\n" PORT) } },
	{ "TLS until CCC", "220 AUTH=auth 234>auth tls clear PORT=active:1025 200>active PASV=pasv 227>pasv:1026",
	  "tls clear active:1025 passive:1026",
	  { HI, C("AUTH TLS\r\n"), S("234 go\r\n" HELLO), C(HELLO RECORD RECORD), S(RECORD),
	    C(PORT), S("200 ok\r\n"), C("PASV\r\n"), S(P227) } },
	{ "a 234 although an ABOR was not answered", "220 ABOR AUTH=auth 234>auth tls", "tls",
	  { HI, C("ABOR\r\nAUTH TLS\r\n"), S("234 go\r\n"), C(RECORD) } },
	{ "no TLS without a handshake", "220 NOOP unknown PORT=active:1025", "active:1025",
	  { HI, C("NOOP\r\n\27\r\n" PORT) } },
	{ "AUTH refused", "220 AUTH=auth 500>auth PASV=pasv 227>pasv:1026", "passive:1026",
	  { HI, C("AUTH TLS\r\n"), S("500 no\r\n"), C("PASV\r\n"), S(P227) } },
	{ "234 to something else", "220 NOOP 234 PASV=pasv 227>pasv:1026", "passive:1026",
	  { HI, C("NOOP\r\n"), S("234 go\r\n"), C("PASV\r\n"), S(P227) } },
	{ "a digit of the client is no clear text", "220 AUTH=auth 234>auth tls", "tls",
	  { HI, C("AUTH TLS\r\n"), S("234 go\r\n"), C(RECORD "5\r\nPASV\r\n"), S(RECORD) } },
	{ "a letter of the server is none", "220 AUTH=auth 234>auth tls", "tls",
	  { HI, C("AUTH TLS\r\n"), S("234 go\r\n"), C(RECORD), S(RECORD "x\r\n" P227) } },
	{ "other line ends after TLS", "220 AUTH=auth 234>auth tls clear NOOP PASV=pasv 200 227>pasv:1026",
	  "tls clear passive:1026",
	  { HI, C("AUTH TLS\r\n"), S("234 go\r\n" HELLO), C(HELLO RECORD), S(RECORD), C("NOOP\nPASV\n"),
	    S("200 ok\n227 (198,51,100,7,4,2)\n") } },
	{ "0 is a digit, and 9", "220 AUTH=auth 234>auth tls clear PASV=pasv text text 227>pasv:1026",
	  "tls clear passive:1026",
	  { HI, C("AUTH TLS\r\n"), S("234 go\r\n" HELLO), C(HELLO RECORD), S(RECORD), C("PASV\r\n"),
	    S("0\r\n9\r\n" P227) } },
	{ "a line that is shorter than the one before it", "220 NOOP unknown? NOOP", "",
	  { S("220 hi\n"), C("NOOP\n"), C("STOR\tx\nNOOP\n") } },
	{ "a record that is too long", "220 AUTH=auth 234>auth tls", "tls",
	  { HI, C("AUTH TLS\r\n"), S("234 go\r\n"), C("\27\3\3\110\1PASV\r\n") } },
	{ "not version 3", "220 AUTH=auth 234>auth tls", "tls",
	  { HI, C("AUTH TLS\r\n"), S("234 go\r\n"), C("\27\2\3\0\0PASV\r\n") } },
};
/* clang-format on */

static void
word_add(struct strbuf *b, const char *word)
{
	if (b->len > 0)
		strbuf_str(b, " ");
	strbuf_str(b, word);
}

static void
read_log(struct strbuf *b, const struct ftp_event *e)
{
	static const char *const requests[] = { "", "active", "pasv", "epsv",
		"all", "auth" };
	enum ftp_request asks = e->request;

	switch (e->kind) {
	case FTP_EVENT_NONE:
	case FTP_EVENT_CLEAR:
	case FTP_EVENT_FOREIGN:
	case FTP_EVENT_TLS:
		return;
	case FTP_EVENT_EMPTY:
		word_add(b, "-");
		return;
	case FTP_EVENT_TEXT:
		word_add(b, "text");
		return;
	case FTP_EVENT_COMMAND:
		word_add(b, "");
		strbuf_add(b, e->command.name);
		if (!e->parsed)
			strbuf_str(b, "unknown");
		if (e->barred || e->rc != PH_OK)
			strbuf_str(b, "-");
		break;
	case FTP_EVENT_REPLY:
		word_add(b, "");
		strbuf_fmt(b, "%u", e->reply.code);
		asks = e->answers;
		if (e->unasked)
			strbuf_str(b, "!");
		break;
	}
	if (asks != FTP_REQUEST_OTHER)
		strbuf_fmt(b, "%s%s", e->kind == FTP_EVENT_COMMAND ? "=" : ">",
		    requests[asks]);
	if (e->data.port != 0 && e->doubt == 0 && asks != FTP_REQUEST_OTHER)
		strbuf_fmt(b, ":%u", e->data.port);
	if (e->doubt != 0)
		strbuf_str(b, "?");
}

/* The reader by itself; the server gets every command. */
static void
reader_input(struct ftp_reader *r, enum ftp_side side, struct span bytes,
    struct strbuf *b)
{
	struct ftp_event e;
	size_t n;

	while (bytes.len > 0) {
		n = ftp_reader_next(r, side, bytes, &e);
		assert_true(n <= bytes.len);
		read_log(b, &e);
		if (e.kind == FTP_EVENT_TLS || e.opaque)
			word_add(b, "tls");
		else if (e.kind == FTP_EVENT_CLEAR)
			word_add(b, "clear");
		else if (e.kind == FTP_EVENT_FOREIGN)
			word_add(b, "foreign");
		if (e.kind == FTP_EVENT_COMMAND)
			ftp_reader_sent(r, e.request);
		bytes = span_sub(bytes, n, bytes.len);
	}
}

/* The watcher's side of the comparison. */
static void
on_news(void *ctx, const struct ftp_news *n)
{
	struct strbuf *b = ctx;

	switch (n->kind) {
	case FTP_ACTIVE:
	case FTP_PASSIVE:
		word_add(b, n->kind == FTP_ACTIVE ? "active" : "passive");
		strbuf_fmt(b, ":%u", n->data.port);
		break;
	case FTP_REJECTED:
		word_add(b, "rejected");
		break;
	case FTP_OPAQUE:
		word_add(b, "tls");
		break;
	case FTP_READABLE:
		word_add(b, "clear");
		break;
	case FTP_FOREIGN:
		word_add(b, "foreign");
		break;
	default:
		break;
	}
}

/* The proxy's. */
struct proxied {
	struct ftp_session s;
	struct strbuf *log;
	unsigned int replies; /* of ours, which the server did not give */
};

static void
on_send(void *ctx, enum ftp_side to, struct span bytes)
{
	(void)ctx;
	(void)to;
	(void)bytes;
}

static void
on_want(void *ctx, const struct ftp_want *want)
{
	struct proxied *p = ctx;
	struct endpoint at = { p->s.config.client, 50000 };

	word_add(p->log, want->active ? "active" : "passive");
	strbuf_fmt(p->log, ":%u", want->port);
	ftp_session_answer(&p->s, &at);
}

static void
on_drop(void *ctx)
{
	word_add(((struct proxied *)ctx)->log, "rejected");
}

/*
 * A refused command does not reach the server, whose reply to it is in the
 * script nevertheless: count it as sent.
 */
static void
on_note(void *ctx, enum ftp_note note, struct span line)
{
	struct proxied *p = ctx;

	if (note == FTP_NOTE_OPAQUE)
		word_add(p->log, "tls");
	else if (note == FTP_NOTE_CLEAR)
		word_add(p->log, "clear");
	else if (note == FTP_NOTE_REFUSED && span_find(line, '(') == line.len)
		ftp_reader_sent(&p->s.reader, FTP_REQUEST_OTHER);
}

static const struct ftp_session_ops session_ops = { on_send, on_want, on_drop,
	on_note };

enum reader_user {
	READER,
	WATCHER,
	PROXY,
};

/* The bytes of a script in pieces, each a copy of exactly its size. */
static void
play(enum reader_user user, const struct script *v, size_t piece,
    struct strbuf *b)
{
	static struct proxied p;
	static struct ftp_control c;
	static struct ftp_reader r;
	struct ftp_session_config config = { false, addr_v4(10, 0, 0, 1),
		addr_v4(198, 51, 100, 7) };
	size_t i, k, n;
	struct span bytes;
	char *copy;

	memset(&p, 0xa5, sizeof(p));
	memset(&c, 0xa5, sizeof(c));
	memset(&r, 0xa5, sizeof(r));
	p.log = b;
	ftp_session_init(&p.s, &config, &session_ops, &p);
	ftp_control_init(&c, &config.client, &config.server, false);
	ftp_reader_init(&r);
	for (i = 0; i < STEPS && v->steps[i].text != NULL; i++)
		for (k = 0; k < v->steps[i].n; k += n) {
			n = v->steps[i].n - k;
			n = n < piece ? n : piece;
			copy = malloc(n);
			assert_non_null(copy);
			memcpy(copy, v->steps[i].text + k, n);
			bytes = (struct span) { copy, n };
			if (user == READER)
				reader_input(&r, v->steps[i].side, bytes, b);
			else if (user == WATCHER)
				ftp_control_input(&c, v->steps[i].side, bytes,
				    on_news, b);
			else
				assert_int_equal(ftp_session_input(&p.s,
						     v->steps[i].side, bytes),
				    n);
			free(copy);
		}
	if (user == PROXY && p.s.end == FTP_END_FOREIGN)
		word_add(b, "foreign");
	else if (user == PROXY)
		assert_int_equal(p.s.end, FTP_GOES_ON);
}

static void
check_all(enum reader_user user)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 100, 1000000 };
	const char *expected;
	char text[1024];
	struct strbuf b;
	size_t i, p;

	for (i = 0; i < ROWS(scripts); i++)
		for (p = 0; p < ROWS(pieces); p++) {
			b = strbuf_of(text, sizeof(text));
			play(user, &scripts[i], pieces[p], &b);
			assert_false(b.full);
			expected = user == READER ? scripts[i].read
						  : scripts[i].opened;
			if (strcmp(text, expected) != 0)
				fail_msg("%s, by %zu: %s", scripts[i].what,
				    pieces[p], text);
		}
}

static void
the_reader_sees_commands_replies_and_tls(void **state)
{
	(void)state;
	check_all(READER);
}

static void
the_watcher_opens_what_the_reader_sees(void **state)
{
	(void)state;
	check_all(WATCHER);
}

static void
the_proxy_opens_the_same(void **state)
{
	(void)state;
	check_all(PROXY);
}

/* A command that only the server could read does not open for a stranger. */
static void
only_an_exact_port_is_watched(void **state)
{
	static const struct script v = { .steps = { HI, C(" " PORT), OK } };
	static const struct script then = {
		.steps = { HI, C(" " PORT "PASV\r\n"), S("200 ok\r\n" P227) }
	};
	char text[128];
	struct strbuf b = strbuf_of(text, sizeof(text));

	(void)state;
	play(WATCHER, &v, 100, &b);
	assert_string_equal(text, "");
	play(PROXY, &v, 100, &b);
	assert_string_equal(text, "active:1025");
	/* Its reply is counted all the same. */
	b = strbuf_of(text, sizeof(text));
	play(WATCHER, &then, 100, &b);
	assert_string_equal(text, "passive:1026");
}

/* One or many, a stranger's connection costs no more memory than before. */
static void
a_watched_connection_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct ftp_control) <= 1272);
}

/* However many commands are on their way, each reply finds its own. */
static void
pairs_are_counted_without_a_limit(void **state)
{
	static struct ftp_reader r;
	char text[4096];
	struct strbuf b = strbuf_of(text, sizeof(text));
	size_t i;

	(void)state;
	ftp_reader_init(&r);
	/* The count begins just before it has no more digits. */
	r.sent = r.answered = UINT32_MAX - 1000;
	for (i = 0; i < 5000; i++)
		reader_input(&r, FTP_CLIENT, span_of("SIZE x\r\n"), &b);
	reader_input(&r, FTP_CLIENT, span_of(PORT), &b);
	for (i = 0; i < 5000; i++)
		reader_input(&r, FTP_SERVER, span_of("213 1\r\n"), &b);
	b = strbuf_of(text, sizeof(text));
	reader_input(&r, FTP_SERVER, span_of("200 ok\r\n"), &b);
	assert_string_equal(text, "200>active");
	for (i = 0; i < 1000; i++)
		reader_input(&r, FTP_CLIENT, span_of("PASV\r\n"), &b);
	assert_int_equal(r.npending, FTP_READER_PENDING);
	/* The oldest is forgotten, not the newest. */
	b = strbuf_of(text, sizeof(text));
	reader_input(&r, FTP_CLIENT, span_of("EPSV\r\n"), &b);
	reader_input(&r, FTP_SERVER, span_of(P229), &b);
	assert_string_equal(text, "EPSV=epsv 229>epsv:1027");
	assert_int_equal(r.npending, 0);
}

static void
from_the_middle_the_first_line_is_in_doubt(void **state)
{
	static struct ftp_reader r;
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));

	(void)state;
	ftp_reader_init(&r);
	ftp_reader_join(&r, FTP_CLIENT);
	ftp_reader_join(&r, FTP_SERVER);
	reader_input(&r, FTP_CLIENT, span_of(PORT "\27\r\nPASV\r\n"), &b);
	reader_input(&r, FTP_SERVER, span_of("200 a\r\n500 b\r\n" P227), &b);
	assert_string_equal(text,
	    "PORT? unknown PASV=pasv 200? 500 227>pasv:1026");
	/* Records in the middle of TLS have no handshake. */
	ftp_reader_init(&r);
	ftp_reader_join(&r, FTP_SERVER);
	strbuf_reset(&b);
	reader_input(&r, FTP_SERVER, SPAN_LITERAL("\27\3\3\0\1x"), &b);
	assert_string_equal(text, "tls");
}

static void
tls_is_followed_by_its_lengths(void **state)
{
	static const char x[18433];
	static struct ftp_reader r;
	char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));
	int more;

	(void)state;
	for (more = 0; more < 2; more++) {
		ftp_reader_init(&r);
		strbuf_reset(&b);
		/* A client may send on, before it reads the answer. */
		reader_input(&r, FTP_CLIENT, span_of("AUTH TLS\r\nNOOP\r\n"),
		    &b);
		reader_input(&r, FTP_SERVER, span_of("234 go\r\n"), &b);
		reader_input(&r, FTP_CLIENT,
		    more ? SPAN_LITERAL("\27\3\3\110\1")
			 : SPAN_LITERAL("\27\3\3\110\0"),
		    &b);
		reader_input(&r, FTP_CLIENT,
		    (struct span) { x, sizeof(x) - 1 + (size_t)more }, &b);
		reader_input(&r, FTP_CLIENT, span_of(PORT), &b);
		reader_input(&r, FTP_SERVER, span_of("200 ok\r\n"), &b);
		assert_string_equal(text,
		    more ? "AUTH=auth NOOP 234>auth tls clear 200"
			 : "AUTH=auth NOOP 234>auth tls clear "
			   "PORT=active:1025 200>active");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reader_sees_commands_replies_and_tls),
		cmocka_unit_test(the_watcher_opens_what_the_reader_sees),
		cmocka_unit_test(the_proxy_opens_the_same),
		cmocka_unit_test(only_an_exact_port_is_watched),
		cmocka_unit_test(a_watched_connection_is_small),
		cmocka_unit_test(pairs_are_counted_without_a_limit),
		cmocka_unit_test(from_the_middle_the_first_line_is_in_doubt),
		cmocka_unit_test(tls_is_followed_by_its_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
