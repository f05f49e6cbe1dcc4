/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "ftp/reader.h"

enum line_end {
	END_UNKNOWN,
	END_CRLF,
	END_LF,
};

enum tls {
	TLS_NONE,
	TLS_RECORDS,
	TLS_LOST,
};

enum epsv_all {
	EPSV_ALL_NO,
	EPSV_ALL_ASKED,
	EPSV_ALL_ACCEPTED,
};

#define TLS_HANDSHAKE	0x16
#define TLS_DATA	0x17
#define TLS_PAYLOAD_MAX (16384 + 2048)

void
ftp_reader_init(struct ftp_reader *r)
{
	memset(r, 0, sizeof(*r));
}

void
ftp_reader_join(struct ftp_reader *r, enum ftp_side side)
{
	struct ftp_lines *l = &r->side[side];

	l->len = 0;
	l->last = '\0';
	l->doubt = FTP_DOUBT_BEGIN;
	l->joined = true;
	r->begun = r->greeted = true;
}

/* Commands and replies */

/* The first that asks for this, or npending. */
static size_t
pending_find(const struct ftp_reader *r, enum ftp_request request)
{
	size_t i;

	for (i = 0; i < r->npending; i++)
		if (r->pending[i].request == request)
			break;
	return i;
}

static void
pending_drop(struct ftp_reader *r, size_t n)
{
	r->npending -= (uint8_t)n;
	memmove(r->pending, r->pending + n,
	    r->npending * sizeof(r->pending[0]));
}

void
ftp_reader_sent(struct ftp_reader *r, enum ftp_request request)
{
	r->sent++;
	if (request == FTP_REQUEST_OTHER)
		return;
	if (request == FTP_REQUEST_EPSV_ALL && r->epsv_all == EPSV_ALL_NO)
		r->epsv_all = EPSV_ALL_ASKED;
	if (r->npending == FTP_READER_PENDING)
		pending_drop(r, 1);
	r->pending[r->npending].number = r->sent;
	r->pending[r->npending++].request = (uint8_t)request;
}

bool
ftp_reader_waits(const struct ftp_reader *r, enum ftp_request request)
{
	return pending_find(r, request) < r->npending;
}

/* The request that a reply with this code must answer; OTHER: any. */
static enum ftp_request
code_request(uint16_t code)
{
	switch (code) {
	case 227:
		return FTP_REQUEST_PASV;
	case 229:
		return FTP_REQUEST_EPSV;
	case 234:
		return FTP_REQUEST_AUTH;
	default:
		return FTP_REQUEST_OTHER;
	}
}

bool
ftp_reader_asked(const struct ftp_reader *r, uint16_t code)
{
	return (code == 227 || code == 229) &&
	    ftp_reader_waits(r, code_request(code));
}

/*
 * Count the reply; what was asked by the command that it answers, which is the
 * last one dropped.  All pending ones were among the last 2^31 commands.
 */
static enum ftp_request
reply_count(struct ftp_reader *r, uint16_t code)
{
	enum ftp_request answers = FTP_REQUEST_OTHER;
	size_t i = pending_find(r, code_request(code)), n = 0;

	if (i < r->npending)
		r->answered = r->pending[i].number;
	else if (r->answered != r->sent)
		r->answered++;
	while (n < r->npending &&
	    (int32_t)(r->answered - r->pending[n].number) >= 0) {
		answers = (enum ftp_request)r->pending[n++].request;
	}
	pending_drop(r, n);
	return answers;
}

static void
epsv_all_answered(struct ftp_reader *r, uint16_t code)
{
	if (code < 300)
		r->epsv_all = EPSV_ALL_ACCEPTED;
	else if (code >= 400 && r->epsv_all == EPSV_ALL_ASKED &&
	    !ftp_reader_waits(r, FTP_REQUEST_EPSV_ALL))
		r->epsv_all = EPSV_ALL_NO;
}

/* TLS */

/* Whether the connection was in the clear before. */
static bool
tls_begin(struct ftp_reader *r, enum ftp_side side)
{
	struct ftp_lines *l = &r->side[side];
	bool first = !r->opaque;

	if (l->tls == TLS_NONE) {
		l->tls = TLS_RECORDS;
		l->nheader = l->doubt = 0;
		l->len = l->payload = 0;
		l->joined = false;
		l->last = '\0';
	}
	r->opaque = true;
	return first;
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Between two records, with the next byte: is there another record? */
static bool
tls_goes_on(struct ftp_reader *r, enum ftp_side from, char next,
    struct ftp_event *out)
{
	struct ftp_lines *l = &r->side[from];
	bool digit = next >= '0' && next <= '9';

	if (next >= 0x14 && next <= 0x18)
		return true;
	if (from == FTP_CLIENT ? !is_letter(next) : !digit) {
		l->tls = TLS_LOST;
		return false;
	}
	l->tls = TLS_NONE;
	l->end = END_UNKNOWN;
	if (!r->opaque)
		return false;
	r->opaque = false;
	r->multi = 0;
	r->npending = 0;
	r->sent = r->answered = 0;
	out->kind = FTP_EVENT_CLEAR;
	return false;
}

static void
tls_header(struct ftp_lines *l, char next)
{
	unsigned int length;

	l->header[l->nheader++] = (uint8_t)next;
	if (l->nheader < sizeof(l->header))
		return;
	length = (unsigned int)l->header[3] << 8 | l->header[4];
	if (l->header[1] != 3 || length > TLS_PAYLOAD_MAX)
		l->tls = TLS_LOST;
	l->payload = (uint16_t)length;
	l->nheader = 0;
}

/* Records, as many as there are; how many bytes. */
static size_t
tls_next(struct ftp_reader *r, enum ftp_side from, struct span bytes,
    struct ftp_event *out)
{
	struct ftp_lines *l = &r->side[from];
	size_t n = 0, part;

	while (n < bytes.len && l->tls == TLS_RECORDS) {
		part = bytes.len - n < l->payload ? bytes.len - n : l->payload;
		l->payload -= (uint16_t)part;
		n += part;
		if (part > 0)
			continue;
		if (l->nheader == 0 && !tls_goes_on(r, from, bytes.p[n], out))
			break;
		tls_header(l, bytes.p[n++]);
	}
	return l->tls == TLS_LOST ? bytes.len : n;
}

bool
ftp_reader_opaque(const struct ftp_reader *r, enum ftp_side side)
{
	return r->side[side].tls != TLS_NONE;
}

/* Lines */

/*
 * The line as servers read it: without telnet's commands, wherever they are,
 * and without blanks before the first word.  In place.
 */
static struct span
line_strip(char *p, size_t len)
{
	enum { WILL = 251, DONT = 254, IAC = 255 };
	size_t i, n = 0;
	uint8_t c;

	for (i = 0; i < len; i++) {
		c = (uint8_t)p[i];
		if (c == IAC && i + 1 < len && (uint8_t)p[++i] != IAC) {
			/* Four of them take an option. */
			c = (uint8_t)p[i];
			i += c >= WILL && c <= DONT ? 1 : 0;
		} else if (n > 0 || memchr(" \t\v\f", c, 4) == NULL)
			p[n++] = (char)c;
	}
	return (struct span) { p, n };
}

/* Bytes that end the verb for one server, but not for another. */
static bool
verb_is_unclean(struct span line)
{
	size_t i;

	for (i = 0; i < line.len && line.p[i] != ' '; i++)
		if (memchr("\t\v\f", line.p[i], 3) != NULL)
			return true;
	return false;
}

static bool
is_foreign(const struct ftp_reader *r, const struct ftp_event *e,
    struct span line)
{
	struct span tail = { r->side[FTP_CLIENT].tail, FTP_LINE_TAIL + 1 };

	/* The tail ends in CR, or in its last byte. */
	return ftp_line_foreign(line) ||
	    ftp_line_ends_in_version(span_sub(tail, 0, FTP_LINE_TAIL)) ||
	    ftp_line_ends_in_version(span_sub(tail, 1, FTP_LINE_TAIL)) ||
	    (!r->begun && line.len > 0 &&
		(!e->parsed || (e->doubt & ~FTP_DOUBT_LONG) != 0));
}

/* Fill in the request of a command, and the endpoint that it names. */
static void
command_read(const struct ftp_reader *r, struct ftp_event *e)
{
	const struct span arg = e->command.arg;
	bool all = false;
	uint8_t af;

	switch (e->command.verb) {
	case FTP_PORT:
	case FTP_EPRT:
		e->rc = e->command.verb == FTP_PORT
		    ? ftp_port_parse(arg, &e->data)
		    : ftp_eprt_parse(arg, &e->data);
		e->request = FTP_REQUEST_ACTIVE;
		e->barred = r->epsv_all != EPSV_ALL_NO;
		break;
	case FTP_PASV:
		e->request = FTP_REQUEST_PASV;
		e->barred = r->epsv_all != EPSV_ALL_NO;
		break;
	case FTP_EPSV:
		e->rc = ftp_epsv_parse(arg, &all, &af);
		e->request = all ? FTP_REQUEST_EPSV_ALL : FTP_REQUEST_EPSV;
		break;
	case FTP_AUTH:
		e->request = FTP_REQUEST_AUTH;
		break;
	default:
		break;
	}
	if (e->doubt != 0 || e->barred || e->rc != PH_OK)
		e->request = FTP_REQUEST_OTHER;
}

static void
command_line(struct ftp_reader *r, struct span line, struct ftp_event *e)
{
	size_t len = line.len;

	line = line_strip(r->side[FTP_CLIENT].line, line.len);
	e->exact = line.len == len;
	if (verb_is_unclean(line))
		e->doubt |= FTP_DOUBT_UNCLEAN;
	e->parsed = ftp_command_parse(&e->command, line) == PH_OK;
	/* Telnet's commands may hide the rest of a verb. */
	if ((e->doubt & FTP_DOUBT_LONG) != 0 && e->command.name.len == line.len)
		e->parsed = false;
	if (is_foreign(r, e, line)) {
		r->foreign = true;
		e->kind = FTP_EVENT_FOREIGN;
		return;
	}
	/* Most servers do not answer an empty line, and none need be. */
	if (line.len == 0 && (e->doubt & FTP_DOUBT_LONG) == 0) {
		e->kind = FTP_EVENT_EMPTY;
		return;
	}
	r->begun = true;
	e->kind = FTP_EVENT_COMMAND;
	if (e->parsed)
		command_read(r, e);
}

/* A whole reply: what it answers, and what it names. */
static void
reply_read(struct ftp_reader *r, struct ftp_event *e)
{
	uint16_t code = e->reply.code;
	bool asked = ftp_reader_asked(r, code);

	e->kind = FTP_EVENT_REPLY;
	e->unasked = (code == 227 || code == 229) && !asked;
	if (code < 200)
		return;
	/* A greeting. */
	if (!r->greeted && code == 220) {
		r->greeted = true;
		return;
	}
	r->greeted = true;
	e->answers = reply_count(r, code);
	e->number = r->answered;
	if (e->unasked)
		e->answers = FTP_REQUEST_OTHER;
	if (asked)
		e->rc = code == 227
		    ? ftp_227_parse(e->reply.text, &e->data)
		    : ftp_229_parse(e->reply.text, &e->data.port);
	else if (e->answers == FTP_REQUEST_EPSV_ALL)
		epsv_all_answered(r, code);
	else if (e->answers == FTP_REQUEST_AUTH && code == 234) {
		e->opaque = tls_begin(r, FTP_CLIENT);
		e->opaque = tls_begin(r, FTP_SERVER) || e->opaque;
	}
}

static void
reply_line(struct ftp_reader *r, struct span line, struct ftp_event *e)
{
	bool ok = ftp_reply_parse(&e->reply, line) == PH_OK;

	if (r->multi == 0 && span_caseeq_str(span_sub(line, 0, 5), "HTTP/")) {
		r->foreign = true;
		e->kind = FTP_EVENT_FOREIGN;
		return;
	}
	if (ok && !e->reply.more &&
	    (r->multi == 0 || e->reply.code == r->multi)) {
		r->multi = 0;
		reply_read(r, e);
		return;
	}
	e->kind = FTP_EVENT_TEXT;
	if (ok && r->multi == 0)
		r->multi = e->reply.code;
	e->reply.code = r->multi;
}

/* A line has ended in LF. */
static void
line_done(struct ftp_reader *r, enum ftp_side from, struct ftp_event *e)
{
	struct ftp_lines *l = &r->side[from];
	bool crlf = l->last == '\r', lone = !crlf && l->end == END_CRLF;
	struct span line = { l->line, l->len };

	if (crlf && (l->doubt & FTP_DOUBT_LONG) == 0)
		line.len--;
	if (lone || (crlf && l->end == END_LF))
		l->doubt |= FTP_DOUBT_ENDS;
	if (!ftp_line_clean(line))
		l->doubt |= FTP_DOUBT_UNCLEAN;
	e->doubt = l->doubt;
	if (crlf)
		l->end = END_CRLF;
	else if (l->end == END_UNKNOWN)
		l->end = END_LF;
	/* Whether the next line begins here is in doubt, too. */
	l->doubt = lone ? FTP_DOUBT_ENDS : 0;
	l->joined = false;
	if (from == FTP_CLIENT)
		command_line(r, line, e);
	else
		reply_line(r, line, e);
	l->len = 0;
	l->last = '\0';
	memset(l->tail, 0, sizeof(l->tail));
}

/* Keep the last bytes of a line, however it is cut. */
static void
tail_add(struct ftp_lines *l, struct span bytes)
{
	size_t n = sizeof(l->tail);

	if (bytes.len >= n) {
		memcpy(l->tail, bytes.p + bytes.len - n, n);
		return;
	}
	memmove(l->tail, l->tail + bytes.len, n - bytes.len);
	memcpy(l->tail + n - bytes.len, bytes.p, bytes.len);
}

static void
line_add(struct ftp_lines *l, struct span bytes)
{
	size_t room = sizeof(l->line) - l->len;

	if (bytes.len == 0)
		return;
	l->last = bytes.p[bytes.len - 1];
	tail_add(l, bytes);
	if (bytes.len > room) {
		l->doubt |= FTP_DOUBT_LONG;
		bytes.len = room;
	}
	memcpy(l->line + l->len, bytes.p, bytes.len);
	l->len += (uint16_t)bytes.len;
}

/* Up to and including the next LF. */
static size_t
line_next(struct ftp_reader *r, enum ftp_side from, struct span bytes,
    struct ftp_event *out)
{
	size_t n = span_find(bytes, '\n');

	line_add(&r->side[from], span_sub(bytes, 0, n));
	if (n == bytes.len)
		return n;
	line_done(r, from, out);
	return n + 1;
}

size_t
ftp_reader_next(struct ftp_reader *r, enum ftp_side from, struct span bytes,
    struct ftp_event *out)
{
	struct ftp_lines *l = &r->side[from];

	memset(out, 0, sizeof(*out));
	if (bytes.len == 0)
		return 0;
	if (r->foreign || l->tls == TLS_LOST)
		return bytes.len;
	/* No line begins like that, but TLS without a word does. */
	if (l->tls == TLS_NONE && l->len == 0 &&
	    (bytes.p[0] == TLS_HANDSHAKE ||
		(l->joined && bytes.p[0] == TLS_DATA))) {
		if (tls_begin(r, from))
			out->kind = FTP_EVENT_TLS;
		return 0;
	}
	return l->tls == TLS_NONE ? line_next(r, from, bytes, out)
				  : tls_next(r, from, bytes, out);
}

bool
ftp_reader_at_line(const struct ftp_reader *r, enum ftp_side side)
{
	const struct ftp_lines *l = &r->side[side];

	return l->tls == TLS_NONE && l->len == 0 && !l->joined &&
	    (l->doubt & FTP_DOUBT_LONG) == 0;
}
