/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "ftp/session.h"

/* What a command is to its reply, or the reply that it gets from us. */
enum pending {
	PENDING_OTHER,
	PENDING_ACTIVE, /* PORT, EPRT */
	PENDING_PASV,
	PENDING_EPSV,
	PENDING_EPSV_ALL,
	PENDING_AUTH,
	REPLY_FIRST,
	REPLY_ANONYMOUS = REPLY_FIRST,
	REPLY_AUTH,
	REPLY_EPSV_ALL,
	REPLY_FAMILY,
	REPLY_FOREIGN,
	REPLY_LONG,
	REPLY_LPRT,
	REPLY_NO_DATA,
	REPLY_NO_PASV,
	REPLY_PORT,
	REPLY_SYNTAX,
	REPLY_END
};

/* Which line the owner's answer goes into. */
enum awaiting {
	AWAITING_NOTHING,
	AWAITING_PORT,
	AWAITING_EPRT,
	AWAITING_227,
	AWAITING_229,
};

const char *
ftp_end_name(enum ftp_end end)
{
	switch (end) {
	case FTP_END_COMMAND_LONG:
		return "client command too long";
	case FTP_END_COMMAND_NUL:
		return "client command not clean";
	case FTP_END_REPLY_LONG:
		return "server reply too long";
	case FTP_END_REPLY_NUL:
		return "server reply not clean";
	case FTP_END_FOREIGN:
		return "this is not FTP";
	case FTP_GOES_ON:
		break;
	}
	return "goes on";
}

void
ftp_session_init(struct ftp_session *s, const struct ftp_session_config *config,
    const struct ftp_session_ops *ops, void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->config = *config;
	s->ops = ops;
	s->ctx = ctx;
}

static void
pass_on(struct ftp_session *s, enum ftp_side to, struct span bytes)
{
	if (bytes.len > 0)
		s->ops->send(s->ctx, to, bytes);
}

static const char *
reply_text(const struct ftp_session *s, uint8_t reply)
{
	switch (reply) {
	case REPLY_ANONYMOUS:
		return "500 Only anonymous FTP allowed\r\n";
	case REPLY_AUTH:
		return "534 Only anonymous FTP allowed, in the clear\r\n";
	case REPLY_EPSV_ALL:
		return "501 Nothing but EPSV after EPSV ALL\r\n";
	case REPLY_FAMILY:
		return s->config.client.af == AF_INET6
		    ? "522 Network protocol not supported, use (2)\r\n"
		    : "522 Network protocol not supported, use (1)\r\n";
	case REPLY_FOREIGN:
		return "500 This is FTP\r\n";
	case REPLY_LONG:
		return "500 Command line too long\r\n";
	case REPLY_LPRT:
		return "502 Use EPRT or EPSV\r\n";
	case REPLY_NO_DATA:
		return "425 Cannot open a data connection\r\n";
	case REPLY_NO_PASV:
		return "425 PASV is for IPv4, use EPSV\r\n";
	case REPLY_PORT:
		return "501 No data connections to ports below 1024\r\n";
	case REPLY_SYNTAX:
	default:
		return "501 Syntax error in parameters\r\n";
	}
}

static uint8_t
pending_at(const struct ftp_session *s, size_t i)
{
	return s->pending[(s->first + i) % FTP_SESSION_PENDING];
}

static uint8_t
pending_shift(struct ftp_session *s)
{
	uint8_t head = pending_at(s, 0);

	s->first = (s->first + 1) % FTP_SESSION_PENDING;
	s->npending--;
	if (head == PENDING_AUTH)
		s->auth = false;
	if (head >= REPLY_FIRST)
		pass_on(s, FTP_CLIENT, span_of(reply_text(s, head)));
	return head;
}

/* Our own replies whose turn has come. */
static void
say_pending(struct ftp_session *s)
{
	while (s->greeted && !s->in_reply && s->npending > 0 &&
	    pending_at(s, 0) >= REPLY_FIRST)
		(void)pending_shift(s);
}

static void
pending_push(struct ftp_session *s, uint8_t what)
{
	/* A server that leaves so many unanswered will not answer the first. */
	if (s->npending == FTP_SESSION_PENDING)
		(void)pending_shift(s);
	s->pending[(s->first + s->npending++) % FTP_SESSION_PENDING] = what;
	say_pending(s);
}

static bool
is_pending(const struct ftp_session *s, uint8_t what)
{
	size_t i;

	for (i = 0; i < s->npending; i++)
		if (pending_at(s, i) == what)
			return true;
	return false;
}

static bool
data_pending(const struct ftp_session *s)
{
	return is_pending(s, PENDING_ACTIVE) || is_pending(s, PENDING_PASV) ||
	    is_pending(s, PENDING_EPSV);
}

static void
refuse(struct ftp_session *s, uint8_t reply, struct span line)
{
	s->ops->note(s->ctx, FTP_NOTE_REFUSED, line);
	pending_push(s, reply);
}

static void
ask(struct ftp_session *s, enum awaiting line, uint16_t port)
{
	struct ftp_want want = { line == AWAITING_PORT || line == AWAITING_EPRT,
		port };

	/* First: the answer may come at once. */
	s->awaiting = (uint8_t)line;
	s->ops->want(s->ctx, &want);
}

static struct span
line_end(struct span line)
{
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/*
 * The line as servers read it: without telnet's commands, wherever they are
 * (clients put some before ABOR, RFC 959 section 4.1.3), and without blanks
 * before the first word.
 */
static struct span
plain(struct span line, char buf[FTP_SESSION_LINE])
{
	enum { WILL = 251, DONT = 254, IAC = 255 };
	size_t i, n = 0;
	uint8_t c;

	for (i = 0; i < line.len; i++) {
		c = (uint8_t)line.p[i];
		if (c == IAC && i + 1 < line.len &&
		    (uint8_t)line.p[++i] != IAC) {
			/* Four of them take an option. */
			c = (uint8_t)line.p[i];
			i += c >= WILL && c <= DONT ? 1 : 0;
		} else if (n > 0 || strchr(" \t\v\f", c) == NULL)
			buf[n++] = (char)c;
	}
	return (struct span) { buf, n };
}

/*
 * What one server may take for the end of a word or of a line, and another
 * one not.
 */
static bool
is_ambiguous(struct span line)
{
	size_t i;

	for (i = 0; i < line.len && line.p[i] != ' '; i++)
		if (strchr("\t\v\f", line.p[i]) != NULL)
			return true;
	return span_find(line, '\r') < line.len;
}

static void
active(struct ftp_session *s, const struct ftp_command *c, struct span line)
{
	uint8_t af = s->config.client.af;
	struct endpoint e;
	enum ph_err rc;

	if (c->verb == FTP_PORT && af != AF_INET) {
		refuse(s, REPLY_FAMILY, line);
		return;
	}
	rc = c->verb == FTP_PORT ? ftp_port_parse(c->arg, &e)
				 : ftp_eprt_parse(c->arg, &e);
	if (s->epsv_all)
		refuse(s, REPLY_EPSV_ALL, line);
	else if (rc == PH_EUNSUPPORTED || (rc == PH_OK && e.addr.af != af))
		refuse(s, REPLY_FAMILY, line);
	else if (rc != PH_OK)
		refuse(s, REPLY_SYNTAX, line);
	else if (e.port < FTP_PORT_MIN)
		refuse(s, REPLY_PORT, line);
	else {
		if (!addr_eq(&e.addr, &s->config.client))
			s->ops->note(s->ctx, FTP_NOTE_ADDRESS, line);
		ask(s, c->verb == FTP_PORT ? AWAITING_PORT : AWAITING_EPRT,
		    e.port);
	}
}

static bool
is_anonymous(struct span user)
{
	user = span_trim(user);
	return span_caseeq_str(user, "ftp") ||
	    span_caseeq_str(user, "anonymous");
}

/* Push what the command is to its reply, and pass it on as it came. */
static void
command_on(struct ftp_session *s, uint8_t what, struct span raw)
{
	pending_push(s, what);
	pass_on(s, FTP_SERVER, raw);
}

/* Nothing of it, and nothing behind it, reaches the server. */
static bool
is_foreign(struct ftp_session *s, struct span text)
{
	struct ftp_command c;
	bool first = !s->begun && text.len > 0;

	s->begun = s->begun || text.len > 0;
	if (!ftp_line_foreign(text) &&
	    !(first && ftp_command_parse(&c, text) != PH_OK))
		return false;
	s->end = FTP_END_FOREIGN;
	pass_on(s, FTP_CLIENT, span_of(reply_text(s, REPLY_FOREIGN)));
	return true;
}

static void
command(struct ftp_session *s, struct span raw)
{
	char buf[FTP_SESSION_LINE];
	struct span line = line_end(raw), text = plain(line, buf);
	struct ftp_command c;
	bool all;
	uint8_t af;

	if (is_foreign(s, text))
		return;
	if (is_ambiguous(text)) {
		refuse(s, REPLY_SYNTAX, line);
		return;
	}
	/* An unknown command still gets a reply; an empty line does not. */
	if (ftp_command_parse(&c, text) != PH_OK) {
		if (text.len > 0)
			pending_push(s, PENDING_OTHER);
		pass_on(s, FTP_SERVER, raw);
		return;
	}
	switch (c.verb) {
	case FTP_PORT:
	case FTP_EPRT:
		active(s, &c, line);
		break;
	case FTP_LPRT:
	case FTP_LPSV:
		refuse(s, REPLY_LPRT, line);
		break;
	case FTP_PASV:
		if (s->config.client.af != AF_INET)
			refuse(s, REPLY_NO_PASV, line);
		else if (s->epsv_all)
			refuse(s, REPLY_EPSV_ALL, line);
		else
			command_on(s, PENDING_PASV, raw);
		break;
	case FTP_EPSV:
		if (ftp_epsv_parse(c.arg, &all, &af) == PH_OK && all)
			command_on(s, PENDING_EPSV_ALL, raw);
		else
			command_on(s, PENDING_EPSV, raw);
		break;
	case FTP_USER:
		if (s->config.anonymous_only && !is_anonymous(c.arg))
			refuse(s, REPLY_ANONYMOUS, line);
		else
			command_on(s, PENDING_OTHER, raw);
		break;
	case FTP_AUTH:
		if (s->config.anonymous_only)
			refuse(s, REPLY_AUTH, line);
		else {
			/* Nobody knows yet what the next byte will be. */
			s->auth = true;
			command_on(s, PENDING_AUTH, raw);
		}
		break;
	case FTP_OTHER:
	case FTP_TRANSFER:
	case FTP_CCC:
	case FTP_REIN:
	case FTP_QUIT:
		command_on(s, PENDING_OTHER, raw);
		break;
	}
}

static void
opaque(struct ftp_session *s)
{
	memset(s->tls, 0, sizeof(s->tls));
	s->tls[FTP_CLIENT].on = s->tls[FTP_SERVER].on = true;
	s->npending = 0;
	s->auth = false;
	s->logged_in = true;
	s->ops->note(s->ctx, FTP_NOTE_OPAQUE, SPAN_LITERAL(""));
}

/* A 227 or 229 that was asked for. */
static void
passive(struct ftp_session *s, const struct ftp_reply *r, struct span line)
{
	struct endpoint e = { s->config.server, 0 };
	enum ph_err rc;

	rc = r->code == 227 ? ftp_227_parse(r->text, &e)
			    : ftp_229_parse(r->text, &e.port);
	if (rc != PH_OK || e.port < FTP_PORT_MIN) {
		s->ops->note(s->ctx, FTP_NOTE_REFUSED, line);
		pass_on(s, FTP_CLIENT, span_of(reply_text(s, REPLY_NO_DATA)));
		return;
	}
	if (!addr_eq(&e.addr, &s->config.server))
		s->ops->note(s->ctx, FTP_NOTE_ADDRESS, line);
	ask(s, r->code == 227 ? AWAITING_227 : AWAITING_229, e.port);
}

/* Does a reply with this code name a port that somebody asked for? */
static bool
names_port(const struct ftp_session *s, uint16_t code)
{
	return s->greeted &&
	    ((code == 227 && is_pending(s, PENDING_PASV)) ||
		(code == 229 && is_pending(s, PENDING_EPSV)));
}

/* The last line of a reply, and what it answers. */
static void
reply(struct ftp_session *s, const struct ftp_reply *r, struct span raw)
{
	uint8_t what = PENDING_OTHER;

	if (names_port(s, r->code)) {
		what = r->code == 227 ? PENDING_PASV : PENDING_EPSV;
		/* Some servers leave an ABOR unanswered. */
		while (pending_shift(s) != what)
			continue;
		passive(s, r, line_end(raw));
		return;
	}
	if (r->code == 227 || r->code == 229)
		s->ops->note(s->ctx, FTP_NOTE_UNASKED, line_end(raw));
	/* Nothing is sent on behind an AUTH, so that 234 can only mean that. */
	if (s->greeted && r->code == 234 && s->auth)
		do
			what = pending_shift(s);
		while (what != PENDING_AUTH);
	else if (s->greeted && r->code >= 200 && s->npending > 0 &&
	    pending_at(s, 0) < REPLY_FIRST)
		what = pending_shift(s);
	/* Some servers need no login, but none transfers without one. */
	if (r->code == 230 || r->code == 232 || r->code == 150 ||
	    r->code == 125)
		s->logged_in = true;
	s->greeted = s->greeted || r->code >= 200;
	pass_on(s, FTP_CLIENT, raw);
	if (what == PENDING_ACTIVE && r->code >= 400 && !data_pending(s))
		s->ops->drop(s->ctx);
	else if (what == PENDING_EPSV_ALL && r->code < 300)
		s->epsv_all = true;
	else if (what == PENDING_AUTH && r->code == 234)
		opaque(s);
}

static void
reply_line(struct ftp_session *s, struct span raw)
{
	struct ftp_reply r;
	bool ok = ftp_reply_parse(&r, line_end(raw)) == PH_OK;
	bool last = ok && !r.more && (!s->in_reply || r.code == s->code);

	if (!s->in_reply && ok && r.more) {
		s->in_reply = true;
		s->code = r.code;
	}
	if (last) {
		s->in_reply = false;
		reply(s, &r, raw);
		if (s->awaiting == AWAITING_NOTHING)
			say_pending(s);
	} else if (!s->in_reply || !names_port(s, s->code))
		/* Of what will be rewritten only the last line is. */
		pass_on(s, FTP_CLIENT, raw);
}

void
ftp_session_answer(struct ftp_session *s, const struct endpoint *at)
{
	char text[FTP_SESSION_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	enum awaiting line = (enum awaiting)s->awaiting;
	bool is_active = line == AWAITING_PORT || line == AWAITING_EPRT;

	s->awaiting = AWAITING_NOTHING;
	if (line == AWAITING_NOTHING || s->end != FTP_GOES_ON)
		return;
	if (at == NULL && is_active) {
		pending_push(s, REPLY_NO_DATA);
		return;
	}
	if (at == NULL)
		strbuf_str(&b, reply_text(s, REPLY_NO_DATA));
	else if (line == AWAITING_PORT)
		ftp_port_format(&b, at);
	else if (line == AWAITING_EPRT)
		ftp_eprt_format(&b, at);
	else if (line == AWAITING_227)
		ftp_227_format(&b, at);
	else
		ftp_229_format(&b, at->port);
	if (at != NULL)
		strbuf_str(&b, "\r\n");
	if (is_active)
		command_on(s, PENDING_ACTIVE, (struct span) { b.p, b.len });
	else
		pass_on(s, FTP_CLIENT, (struct span) { b.p, b.len });
	say_pending(s);
}

static void
end(struct ftp_session *s, enum ftp_side side, bool nul)
{
	if (side == FTP_SERVER) {
		s->end = nul ? FTP_END_REPLY_NUL : FTP_END_REPLY_LONG;
		return;
	}
	s->end = nul ? FTP_END_COMMAND_NUL : FTP_END_COMMAND_LONG;
	pass_on(s, FTP_CLIENT,
	    span_of(reply_text(s, nul ? REPLY_SYNTAX : REPLY_LONG)));
}

/* Up to and with the next LF; how many bytes were taken. */
static size_t
take_line(struct ftp_session *s, enum ftp_side from, struct span bytes)
{
	struct ftp_line_buffer *b = &s->line[from];
	size_t n = span_find(bytes, '\n'), nul, room = sizeof(b->p) - b->len;
	bool whole = n < bytes.len;
	struct span line;

	n += whole ? 1 : 0;
	nul = span_find(span_sub(bytes, 0, n), '\0');
	/* Whichever comes first, however the bytes are cut. */
	if (nul < n && nul < room) {
		end(s, from, true);
		return bytes.len;
	}
	if (n > room || (n == room && !whole)) {
		end(s, from, false);
		return bytes.len;
	}
	memcpy(b->p + b->len, bytes.p, n);
	b->len += n;
	if (!whole)
		return n;
	line = (struct span) { b->p, b->len };
	b->len = 0;
	if (from == FTP_CLIENT)
		command(s, line);
	else
		reply_line(s, line);
	return n;
}

/* Application data, handshakes, alerts: RFC 8446 section 5.1, RFC 6520. */
static bool
is_tls(uint8_t type)
{
	return type >= 20 && type <= 24;
}

/*
 * TLS records are passed on unread; between two of them the clear text of
 * after CCC may begin.
 */
static size_t
take_record(struct ftp_session *s, enum ftp_side from, struct span bytes)
{
	struct ftp_tls *t = &s->tls[from];
	size_t n = 0, part;
	uint8_t c;

	while (n < bytes.len && t->on && !t->lost) {
		if (t->header == 0 && t->left > 0) {
			part =
			    bytes.len - n < t->left ? bytes.len - n : t->left;
			t->left = (uint16_t)(t->left - part);
			n += part;
			continue;
		}
		c = (uint8_t)bytes.p[n];
		if (t->header == 0 && !is_tls(c)) {
			t->on = c < ' ' || c > '~';
			t->lost = t->on;
			continue;
		}
		if (t->header == 1 && c != 3)
			t->lost = true;
		if (t->header >= 3)
			t->left = (uint16_t)(t->left << 8 | c);
		t->header = (uint8_t)((t->header + 1) % 5);
		n++;
	}
	if (t->lost)
		n = bytes.len;
	pass_on(s, from == FTP_CLIENT ? FTP_SERVER : FTP_CLIENT,
	    span_sub(bytes, 0, n));
	if (!t->on && s->tls[!from].on)
		s->ops->note(s->ctx, FTP_NOTE_CLEAR, SPAN_LITERAL(""));
	return n;
}

size_t
ftp_session_input(struct ftp_session *s, enum ftp_side from, struct span bytes)
{
	size_t n = 0;
	struct span rest;

	while (n < bytes.len && s->end == FTP_GOES_ON) {
		if (s->awaiting != AWAITING_NOTHING ||
		    (from == FTP_CLIENT && s->auth))
			return n;
		rest = span_sub(bytes, n, bytes.len);
		n += s->tls[from].on ? take_record(s, from, rest)
				     : take_line(s, from, rest);
	}
	return bytes.len;
}
