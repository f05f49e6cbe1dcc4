/* SPDX-License-Identifier: ISC */
/*
 * Plays of tests/data/trace: what the engine is given, and all that comes out
 * of it.  In a play, a line that begins with "> " is a command; the lines below
 * it, up to an empty one, are what must come out.  UPDATE=1 writes them.
 *
 *	conf TEXT			the next engine's; "; " ends a line
 *	begin [file] [idle] [alone] [forgetful] [own=A,B] [inside=N,N]
 *		an engine with no more than that configuration.  file: as in a
 *		replay; idle: no reports of packets; alone: no other boxes;
 *		forgetful: no journal
 *	sip SRC DST METHOD|STATUS/METHOD [KEY=VALUE...]
 *	udp|tcp SRC DST [KEY=VALUE...] : TEXT		\n is CR LF, \0 a NUL
 *	end CONNECTION			of TCP
 *	at SECONDS			run the engine until then
 *	seen ID from|to|both, packets ID N, lost ID, resend
 *	flush, leave, shutdown, adopt	(all records of the journal)
 *	forge ASKER : TEXT
 *	view, media CALL-ID, explain [NAME], words, report, gather yes|no,
 *verbose N close CALL-ID, stop ASKER peer fresh|old, role ID N, far ID SECONDS
 *SECONDS, over ID, untold,
 *	tell ID				of calls of other boxes
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/calls.h"
#include "src/engine/explain.h"
#include "tests/unit/blocks.h"
#include "tests/unit/trace_world.h"

#define WORDS 24

/* The words of a command, and what follows " : ". */
static char *word[WORDS];
static size_t nwords;
static char *text;

/* The readers of TCP connections, by the letters that name them. */
static void *reader[26];

static char output[1 << 20];

/* The value of a word KEY=VALUE of the command. */
static const char *
value(const char *key, const char *otherwise)
{
	size_t i, len = strlen(key);

	for (i = 1; i < nwords; i++)
		if (strncmp(word[i], key, len) == 0 && word[i][len] == '=')
			return word[i] + len + 1;
	return otherwise;
}

static bool
flag(const char *name)
{
	size_t i;

	for (i = 1; i < nwords; i++)
		if (strcmp(word[i], name) == 0)
			return true;
	return false;
}

/* Askers are shown in hexadecimal digits, everything else in decimal ones. */
static uint64_t
asker(size_t i)
{
	assert_true(i < nwords);
	return strtoull(word[i], NULL, 16);
}

static uint32_t
number_of(const char *s)
{
	return (uint32_t)strtoul(s, NULL, 10);
}

static uint64_t
number(size_t i)
{
	assert_true(i < nwords);
	return strtoull(word[i], NULL, 10);
}

/* Seconds of the play, with a fraction or without. */
static int64_t
moment(const char *s)
{
	char *end;
	int64_t whole = strtoll(s, &end, 10) * USEC_PER_SEC;

	if (*end == '.')
		whole += strtoll(end + 1, NULL, 10);
	return TRACE_BEGAN + whole;
}

static struct addr
address(const char *s)
{
	static const struct {
		const char *name, *text;
	} names[] = { { "phone", "198.51.100.7" }, { "other", "198.51.100.8" },
		{ "pbx", "192.0.2.10" }, { "gw", "192.0.2.11" },
		{ "fw", "198.51.100.1" }, { "fwin", "192.0.2.1" },
		{ "phone6", "2001:db8:1::7" }, { "pbx6", "2001:db8:2::10" } };
	struct addr a;
	size_t i;

	for (i = 0; i < ROWS(names); i++)
		if (strcmp(s, names[i].name) == 0)
			s = names[i].text;
	assert_int_equal(addr_parse(span_of(s), &a), PH_OK);
	return a;
}

/* What an address is called in messages. */
static const char *
written(const char *s)
{
	static char buf[4][ADDR_STRLEN];
	static unsigned int n;
	struct addr a = address(s);

	return addr_format(&a, buf[n++ % 4]);
}

static uint8_t
one_of(const char *s, const char *const *names, uint8_t n)
{
	uint8_t i;

	for (i = 0; i < n; i++)
		if (strcmp(s, names[i]) == 0)
			return i;
	fail_msg("%s", s);
	return 0;
}

/* From a protected host it comes in, from others it goes out. */
static struct datagram
datagram(uint8_t proto, const char *own, const char *its)
{
	static const char *const dirs[] = { "any", "in", "out" };
	static const char *const origins[] = { "unknown", "src", "dst" };
	struct datagram d = { .ts = trace.now, .proto = proto };
	bool inside;

	assert_true(nwords >= 3);
	d.src.addr = address(word[1]);
	d.dst.addr = address(word[2]);
	inside = prefixes_contain(trace.conf->protect.v, trace.conf->protect.n,
	    &d.src.addr);
	d.dir = one_of(value("dir", inside ? "in" : "out"), dirs, 3);
	d.ifindex = number_of(value("if", "7"));
	d.origin = one_of(value("origin", "unknown"), origins, 3);
	d.src.port = (uint16_t)number_of(value("sport", own));
	d.dst.port = (uint16_t)number_of(value("dport", its));
	d.joined = flag("joined");
	d.resumed = flag("resumed");
	d.answers = flag("answers");
	d.mirrored = flag("mirrored");
	return d;
}

static void
give(struct datagram *d)
{
	static const char *const more[] = { "end", "lost", "part", "whole" };
	const char *c = value("on", NULL);
	enum capture_more rc;

	if (c == NULL) {
		engine_udp(trace.engine, trace.now, d);
		return;
	}
	d->proto = IPPROTO_TCP;
	rc = engine_tcp(trace.engine, trace.now, &reader[c[0] - 'a'], d);
	strbuf_fmt(&trace.out, "reader: %s%s\n", more[rc],
	    reader[c[0] - 'a'] == NULL ? ", none" : "");
}

static void
put_sdp(struct strbuf *b, const char *me)
{
	const char *ports = value("sdp", NULL), *end;
	const char *where = value("c", NULL), *v;

	if (ports == NULL)
		return;
	me = written(me);
	where = where != NULL ? written(where) : me;
	v = strchr(where, ':') ? "IP6" : "IP4";
	strbuf_fmt(b,
	    "v=0\r\no=- 1 %s IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n",
	    value("version", "1"), v, me, v, where);
	for (; *ports != '\0'; ports = *end != '\0' ? end + 1 : end) {
		end = ports + strcspn(ports, ",");
		strbuf_fmt(b, "m=audio %.*s RTP/AVP 0\r\na=%s\r\n",
		    (int)(end - ports), ports, value("mode", "sendrecv"));
	}
}

static void
do_sip(void)
{
	static char bytes[8192], body[4096];
	struct strbuf b = strbuf_of(bytes, sizeof(bytes));
	struct strbuf sdp = strbuf_of(body, sizeof(body));
	const char *slash, *method, *to = value("to", NULL);
	struct datagram d = datagram(IPPROTO_UDP, "5060", "5060");

	assert_true(nwords >= 4);
	slash = strchr(word[3], '/');
	method = slash != NULL ? slash + 1 : word[3];
	put_sdp(&sdp, word[1]);
	if (slash != NULL)
		strbuf_fmt(&b, "SIP/2.0 %.3s X\r\n", word[3]);
	else
		strbuf_fmt(&b, "%s sip:x@example SIP/2.0\r\n", method);
	strbuf_fmt(&b,
	    "Via: SIP/2.0/UDP h;branch=z9hG4bK%s%s%s\r\n"
	    "From: <sip:a@example>;tag=%s\r\nTo: <sip:b@example>%s%s\r\n"
	    "Call-ID: %s\r\nCSeq: %s %s\r\n%s%s%sContent-Length: %zu\r\n\r\n%s",
	    value("call", "a"), value("cseq", "1"),
	    value("branch", strcmp(method, "CANCEL") == 0 ? "INVITE" : method),
	    value("from", "f"), to != NULL ? ";tag=" : "", to != NULL ? to : "",
	    value("call", "a"), value("cseq", "1"), method, value("head", ""),
	    value("head", NULL) ? "\r\n" : "",
	    sdp.len > 0 ? "Content-Type: application/sdp\r\n" : "", sdp.len,
	    body);
	assert_false(b.full || sdp.full);
	d.payload = (struct span) { b.p, b.len };
	give(&d);
}

/* \n and \0 in place. */
static struct span
unescape(char *s)
{
	static char bytes[8192];
	size_t n = 0;

	for (; *s != '\0'; s++) {
		assert_true(n + 2 < sizeof(bytes));
		if (s[0] != '\\') {
			bytes[n++] = *s;
			continue;
		}
		s++;
		if (*s == 'n')
			bytes[n++] = '\r';
		bytes[n++] = *s == 'n' ? '\n' : (char)(*s - '0');
	}
	return (struct span) { bytes, n };
}

static void
do_udp(void)
{
	struct datagram d = datagram(IPPROTO_UDP, "5060", "5060");

	d.payload = unescape(text);
	give(&d);
}

static void
do_tcp(void)
{
	struct datagram d = datagram(IPPROTO_TCP, "40000", "21");

	d.payload = unescape(text);
	give(&d);
}

static void
end_readers(void)
{
	size_t i;

	for (i = 0; i < ROWS(reader); i++)
		if (reader[i] != NULL)
			engine_tcp_end(trace.engine, reader[i]);
	memset(reader, 0, sizeof(reader));
}

static void
do_end(void)
{
	engine_tcp_end(trace.engine, reader[word[1][0] - 'a']);
	reader[word[1][0] - 'a'] = NULL;
}

static void
do_conf(void)
{
	static char buf[4096];
	size_t i;

	buf[0] = '\0';
	for (i = 1; i < nwords; i++) {
		strlcat(buf, word[i], sizeof(buf));
		strlcat(buf, " ", sizeof(buf));
	}
	for (i = 0; buf[i] != '\0'; i++)
		if (buf[i] == ';')
			buf[i] = '\n';
	end_readers();
	engine_free(trace.engine);
	trace.engine = NULL;
	conf_free(trace.conf);
	assert_int_equal(conf_parse(&trace.conf, span_of(buf), "play", NULL, 0,
			     stdout),
	    PH_OK);
}

static void
do_begin(void)
{
	static struct addr own[4];
	static uint32_t inside[4];
	char list[128], *p, *next;

	trace.place = (struct engine_place) { .live = !flag("file"),
		.own = own,
		.inside = inside,
		.activity = !flag("idle") };
	strlcpy(list, value("own", "fw,fwin"), sizeof(list));
	for (next = list; (p = strsep(&next, ",")) != NULL && *p != '\0';)
		own[trace.place.nown++] = address(p);
	strlcpy(list, value("inside", "7"), sizeof(list));
	for (next = list; (p = strsep(&next, ",")) != NULL && *p != '\0';)
		inside[trace.place.ninside++] = number_of(p);
	trace.journal = !flag("forgetful");
	trace.shares = !flag("alone");
	end_readers();
	trace_begin();
}

static void
do_at(void)
{
	trace.now = moment(word[1]);
	engine_run(trace.engine, trace.now);
}

static void
do_seen(void)
{
	unsigned int ends = strcmp(word[2], "from") == 0 ? FW_SEEN_FROM
	    : strcmp(word[2], "to") == 0		 ? FW_SEEN_TO
					 : FW_SEEN_FROM | FW_SEEN_TO;

	engine_seen(trace.engine, number(1), ends, trace.now);
}

static void
do_packets(void)
{
	engine_packets(trace.engine, number(1), number(2));
}

static void
do_lost(void)
{
	engine_lost(trace.engine, number(1));
}

static void
do_resend(void)
{
	engine_resend(trace.engine, trace.now);
}

static void
do_flush(void)
{
	engine_flush(trace.engine);
}

static void
do_leave(void)
{
	engine_leave(trace.engine, trace.now);
}

static void
do_shutdown(void)
{
	engine_shutdown(trace.engine, trace.now);
}

static void
do_adopt(void)
{
	static struct trace_record record[TRACE_ROOM];
	size_t i, n = trace.nrecords;

	memcpy(record, trace.record, sizeof(record));
	for (i = 0; i < n; i++)
		engine_adopt(trace.engine, record[i].key, record[i].bytes,
		    record[i].len, trace.now);
}

/* A record that nobody wrote. */
static void
do_forge(void)
{
	struct span record = unescape(text);

	engine_adopt(trace.engine, asker(1), record.p, record.len, trace.now);
}

static void
do_media(void)
{
	struct silence s;

	if (!engine_media(trace.engine, span_of(word[1]), &s)) {
		strbuf_str(&trace.out, "no media\n");
		return;
	}
	strbuf_str(&trace.out, "media since ");
	trace_time(s.since);
	strbuf_str(&trace.out, " inside ");
	trace_time(s.inside);
	strbuf_str(&trace.out, " outside ");
	trace_time(s.outside);
	strbuf_fmt(&trace.out, " timeout %" PRId64 " grace %" PRId64 "\n",
	    s.timeout / USEC_PER_SEC, s.grace / USEC_PER_SEC);
}

static void
on_line(void *ctx, const char *line)
{
	(void)ctx;
	strbuf_fmt(&trace.out, "| %s\n", line);
}

static bool
on_media(void *ctx, struct span call_id, struct silence *s)
{
	return engine_media(ctx, call_id, s);
}

static void
do_explain(void)
{
	struct tell t = { .story = engine_story(trace.engine),
		.sessions = engine_sessions(trace.engine),
		.conf = trace.conf,
		.line = on_line,
		.media = on_media,
		.media_ctx = trace.engine,
		.now = trace.now };
	struct span name = span_of(nwords > 1 ? word[1] : "");
	const struct story_call *call;
	const struct session *session;
	uint64_t id = flag("hole") ? strtoull(word[1], NULL, 10) : 0;
	enum tell_found found = explain_find(&t, name, id, &call, &session);

	explain_tell(&t, name, found, call, session);
}

static void
do_gather(void)
{
	engine_gather(trace.engine, flag("yes"));
}

static void
do_verbose(void)
{
	engine_verbose(trace.engine, (int)number(1));
}

static void
do_close(void)
{
	strbuf_fmt(&trace.out, "%zu closed\n",
	    engine_close(trace.engine, span_of(word[1]), 0, trace.now));
}

static void
do_stop(void)
{
	strbuf_fmt(&trace.out, "%zu closed\n",
	    engine_close(trace.engine, span_of(""), asker(1), trace.now));
}

static void
do_peer(void)
{
	uint64_t id;
	enum ph_err rc =
	    calls_adopt_peer(engine_calls(trace.engine), trace.shared.bytes,
		trace.shared.len, flag("fresh"), trace.now, &id);

	strbuf_fmt(&trace.out, "%" PRIx64 ": %s\n", id, ph_strerror(rc));
}

static void
do_role(void)
{
	static const char *const roles[] = { "theirs", "ours", "released",
		"lost" };

	calls_role(engine_calls(trace.engine), asker(1),
	    (enum calls_role)one_of(word[2], roles, 4), trace.now);
}

static void
do_far(void)
{
	calls_seen(engine_calls(trace.engine), asker(1), moment(word[2]),
	    moment(word[3]));
}

static void
do_over(void)
{
	calls_end(engine_calls(trace.engine), asker(1), REASON_BYE, trace.now);
}

static void
do_untold(void)
{
	calls_untold(engine_calls(trace.engine));
}

static void
do_tell(void)
{
	const uint8_t *p;
	bool changed;
	size_t len;

	if (!calls_record(engine_calls(trace.engine), asker(1), &p, &len,
		&changed)) {
		strbuf_str(&trace.out, "no record\n");
		return;
	}
	assert_true(len <= sizeof(trace.shared.bytes));
	memcpy(trace.shared.bytes, p, len);
	trace.shared.len = len;
	strbuf_fmt(&trace.out, "a record%s\n", changed ? ", changed" : "");
}

static const struct {
	const char *name;
	void (*run)(void);
} commands[] = { { "conf", do_conf }, { "begin", do_begin }, { "sip", do_sip },
	{ "udp", do_udp }, { "tcp", do_tcp }, { "end", do_end },
	{ "at", do_at }, { "seen", do_seen }, { "packets", do_packets },
	{ "lost", do_lost }, { "resend", do_resend }, { "flush", do_flush },
	{ "leave", do_leave }, { "shutdown", do_shutdown },
	{ "adopt", do_adopt }, { "forge", do_forge }, { "view", trace_view },
	{ "media", do_media }, { "explain", do_explain },
	{ "words", trace_words }, { "report", trace_report },
	{ "gather", do_gather }, { "verbose", do_verbose },
	{ "close", do_close }, { "stop", do_stop }, { "peer", do_peer },
	{ "role", do_role }, { "far", do_far }, { "over", do_over },
	{ "untold", do_untold }, { "tell", do_tell } };

static void
run_command(const char *line)
{
	static char copy[4096];
	char *p, *next;
	size_t i;

	strlcpy(copy, line, sizeof(copy));
	text = strstr(copy, " : ");
	if (text != NULL) {
		*text = '\0';
		text += 3;
	}
	nwords = 0;
	for (next = copy; (p = strsep(&next, " ")) != NULL;) {
		assert_true(nwords < WORDS);
		if (*p != '\0')
			word[nwords++] = p;
	}
	for (i = 0; i < ROWS(commands); i++)
		if (strcmp(word[0], commands[i].name) == 0)
			break;
	assert_true(i < ROWS(commands));
	commands[i].run();
	if (trace.engine != NULL)
		trace_changes();
}

/* What the play must look like is put into trace.out. */
static void
run_play(char *play)
{
	char *line, *next = play;

	trace.now = TRACE_BEGAN;
	while ((line = strsep(&next, "\n")) != NULL && next != NULL) {
		if (line[0] == '>') {
			strbuf_fmt(&trace.out, "%s\n", line);
			run_command(line + 2);
		} else if (line[0] == '#' || line[0] == '\0')
			strbuf_fmt(&trace.out, "%s\n", line);
	}
	assert_false(trace.out.full);
	end_readers();
	trace_end();
}

/* Both texts from the first line on that differs. */
static void
show_difference(const char *want, const char *got)
{
	size_t line = 1, i, from = 0;

	for (i = 0; want[i] != '\0' && want[i] == got[i]; i++)
		if (want[i] == '\n') {
			line++;
			from = i + 1;
		}
	print_message("line %zu: expected\n%.*s\nbut there was\n%.*s\n", line,
	    (int)strcspn(want + from, "\n"), want + from,
	    (int)strcspn(got + from, "\n"), got + from);
}

static void
check_play(const char *path)
{
	static char want[1 << 20], play[1 << 20];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(want, 1, sizeof(want) - 1, f);
	fclose(f);
	want[n] = '\0';
	memcpy(play, want, n + 1);
	trace.out = strbuf_of(output, sizeof(output));
	run_play(play);
	if (strcmp(want, output) == 0)
		return;
	if (getenv("UPDATE") != NULL) {
		assert_non_null(f = fopen(path, "w"));
		fputs(output, f);
		fclose(f);
		return;
	}
	show_difference(want, output);
	fail_msg("%s", path);
}

static void
each_play_is_as_written(void **state)
{
	char path[512];
	struct dirent *e;
	unsigned int n = 0;
	DIR *d = opendir(PLAYS);

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strstr(e->d_name, ".play") == NULL)
			continue;
		print_message("%s\n", e->d_name);
		snprintf(path, sizeof(path), "%s/%s", PLAYS, e->d_name);
		check_play(path);
		n++;
	}
	closedir(d);
	assert_true(n > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_play_is_as_written),
	};

	return blocks_end(cmocka_run_group_tests(tests, blocks_begin, NULL));
}
