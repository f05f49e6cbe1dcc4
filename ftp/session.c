/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "ftp/session.h"

/* A reply that a command gets from us. */
enum own_reply {
	REPLY_ANONYMOUS,
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
};

/* Which line the owner's answer goes into. */
enum held {
	HELD_NOTHING,
	HELD_PORT,
	HELD_EPRT,
	HELD_227,
	HELD_229,
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
	ftp_reader_init(&s->reader);
}

static void
bytes_send(struct ftp_session *s, enum ftp_side to, struct span bytes)
{
	if (bytes.len > 0)
		s->ops->send(s->ctx, to, bytes);
}

static const char *
own_reply_text(const struct ftp_session *s, uint8_t reply)
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

static void
own_reply_send(struct ftp_session *s, uint8_t reply)
{
	bytes_send(s, FTP_CLIENT, span_of(own_reply_text(s, reply)));
}

static void
refused_shift(struct ftp_session *s)
{
	uint8_t reply = s->refused[s->first].reply;

	s->first = (s->first + 1) % FTP_SESSION_REFUSED;
	s->nrefused--;
	own_reply_send(s, reply);
}

/* Send our replies that come before the server's next one. */
static void
refused_send(struct ftp_session *s, uint32_t answered)
{
	while (s->reader.greeted && s->nrefused > 0 &&
	    (int32_t)(answered - s->refused[s->first].after) >= 0)
		refused_shift(s);
}

/* Send those whose turn has come. */
static void
refused_run(struct ftp_session *s)
{
	if (s->reader.multi == 0)
		refused_send(s, s->reader.answered);
}

static void
refused_push(struct ftp_session *s, enum own_reply reply)
{
	struct ftp_refusal *r;

	if (s->nrefused == FTP_SESSION_REFUSED)
		refused_shift(s);
	r = &s->refused[(s->first + s->nrefused++) % FTP_SESSION_REFUSED];
	r->after = s->reader.sent;
	r->reply = (uint8_t)reply;
	refused_run(s);
}

static void
command_refuse(struct ftp_session *s, enum own_reply reply, struct span line)
{
	s->ops->note(s->ctx, FTP_NOTE_REFUSED, line);
	refused_push(s, reply);
}

static void
command_pass(struct ftp_session *s, enum ftp_request request, struct span raw)
{
	ftp_reader_sent(&s->reader, request);
	bytes_send(s, FTP_SERVER, raw);
}

static void
data_want(struct ftp_session *s, enum held line, uint16_t port)
{
	struct ftp_want want = { line == HELD_PORT || line == HELD_EPRT, port };

	/* First: the answer may come at once. */
	s->held = (uint8_t)line;
	s->ops->want(s->ctx, &want);
}

static struct span
line_end_cut(struct span line)
{
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

static void
active_command(struct ftp_session *s, const struct ftp_event *e,
    struct span line)
{
	uint8_t af = s->config.client.af;
	bool port = e->command.verb == FTP_PORT;

	if (port && af != AF_INET)
		command_refuse(s, REPLY_FAMILY, line);
	else if (e->barred)
		command_refuse(s, REPLY_EPSV_ALL, line);
	else if (e->rc == PH_EUNSUPPORTED ||
	    (e->rc == PH_OK && e->data.addr.af != af))
		command_refuse(s, REPLY_FAMILY, line);
	else if (e->rc != PH_OK)
		command_refuse(s, REPLY_SYNTAX, line);
	else if (e->data.port < FTP_PORT_MIN)
		command_refuse(s, REPLY_PORT, line);
	else {
		if (!addr_eq(&e->data.addr, &s->config.client))
			s->ops->note(s->ctx, FTP_NOTE_ADDRESS, line);
		data_want(s, port ? HELD_PORT : HELD_EPRT, e->data.port);
	}
}

static bool
user_is_anonymous(struct span user)
{
	user = span_trim(user);
	return span_caseeq_str(user, "ftp") ||
	    span_caseeq_str(user, "anonymous");
}

/* Whether a command in doubt may pass: it names no port and no user. */
static bool
doubt_is_harmless(const struct ftp_event *e)
{
	switch (e->command.verb) {
	case FTP_OTHER:
	case FTP_TRANSFER:
	case FTP_CCC:
	case FTP_REIN:
	case FTP_QUIT:
		/*
		 * Of a line that is too long we see the head, and perhaps no
		 * verb.
		 */
		return (e->doubt & FTP_DOUBT_UNCLEAN) == 0 &&
		    (e->parsed || (e->doubt & FTP_DOUBT_LONG) == 0);
	default:
		return false;
	}
}

/* The reply that the command gets from us; false: it is passed on. */
static bool
command_is_refused(const struct ftp_session *s, const struct ftp_event *e,
    enum own_reply *reply)
{
	uint8_t af = s->config.client.af;

	if (e->doubt != 0 && !doubt_is_harmless(e)) {
		*reply = REPLY_SYNTAX;
		return true;
	}
	switch (e->command.verb) {
	case FTP_LPRT:
	case FTP_LPSV:
		*reply = REPLY_LPRT;
		return true;
	case FTP_PASV:
		*reply = af != AF_INET ? REPLY_NO_PASV : REPLY_EPSV_ALL;
		return af != AF_INET || e->barred;
	case FTP_USER:
		*reply = REPLY_ANONYMOUS;
		return s->config.anonymous_only &&
		    !user_is_anonymous(e->command.arg);
	case FTP_AUTH:
		*reply = REPLY_AUTH;
		return s->config.anonymous_only;
	default:
		return false;
	}
}

static void
on_command(struct ftp_session *s, const struct ftp_event *e, struct span raw)
{
	struct span line = line_end_cut(raw);
	enum own_reply reply;

	if (command_is_refused(s, e, &reply))
		command_refuse(s, reply, line);
	else if (e->command.verb == FTP_PORT || e->command.verb == FTP_EPRT)
		active_command(s, e, line);
	else
		command_pass(s, e->request, raw);
}

/* A 227 or 229 that was asked for. */
static void
on_passive(struct ftp_session *s, const struct ftp_event *e, struct span line)
{
	bool is_227 = e->reply.code == 227;

	if (e->rc != PH_OK || e->doubt != 0 || e->data.port < FTP_PORT_MIN) {
		s->ops->note(s->ctx, FTP_NOTE_REFUSED, line);
		own_reply_send(s, REPLY_NO_DATA);
		return;
	}
	if (is_227 && !addr_eq(&e->data.addr, &s->config.server))
		s->ops->note(s->ctx, FTP_NOTE_ADDRESS, line);
	data_want(s, is_227 ? HELD_227 : HELD_229, e->data.port);
}

static void
on_reply(struct ftp_session *s, const struct ftp_event *e, struct span raw)
{
	uint16_t code = e->reply.code;

	/*
	 * Our own replies to commands before the one that the server answers
	 * now go first.
	 */
	if (e->number != 0)
		refused_send(s, e->number - 1);
	if (e->unasked)
		s->ops->note(s->ctx, FTP_NOTE_UNASKED, line_end_cut(raw));
	/* Some servers need no login, but none transfers without one. */
	if (code == 230 || code == 232 || code == 150 || code == 125)
		s->logged_in = true;
	if ((code == 227 && e->answers == FTP_REQUEST_PASV) ||
	    (code == 229 && e->answers == FTP_REQUEST_EPSV))
		on_passive(s, e, line_end_cut(raw));
	else
		bytes_send(s, FTP_CLIENT, raw);
	/* The last data connection belongs to a newer PORT, if one waits. */
	if (e->answers == FTP_REQUEST_ACTIVE && code >= 400 &&
	    !ftp_reader_waits(&s->reader, FTP_REQUEST_ACTIVE))
		s->ops->drop(s->ctx);
	if (e->opaque) {
		s->nrefused = 0;
		s->logged_in = true;
		s->ops->note(s->ctx, FTP_NOTE_OPAQUE, SPAN_LITERAL(""));
	} else if (s->held == HELD_NOTHING)
		refused_run(s);
}

void
ftp_session_answer(struct ftp_session *s, const struct endpoint *at)
{
	char text[FTP_SESSION_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	enum held line = (enum held)s->held;
	bool is_active = line == HELD_PORT || line == HELD_EPRT;

	s->held = HELD_NOTHING;
	if (line == HELD_NOTHING || s->end != FTP_GOES_ON)
		return;
	if (at == NULL && is_active) {
		refused_push(s, REPLY_NO_DATA);
		return;
	}
	if (at == NULL)
		strbuf_str(&b, own_reply_text(s, REPLY_NO_DATA));
	else if (line == HELD_PORT)
		ftp_port_format(&b, at);
	else if (line == HELD_EPRT)
		ftp_eprt_format(&b, at);
	else if (line == HELD_227)
		ftp_227_format(&b, at);
	else
		ftp_229_format(&b, at->port);
	if (at != NULL)
		strbuf_str(&b, "\r\n");
	if (is_active)
		command_pass(s, FTP_REQUEST_ACTIVE,
		    (struct span) { b.p, b.len });
	else
		bytes_send(s, FTP_CLIENT, (struct span) { b.p, b.len });
	refused_run(s);
}

/* Tell the client why, and read nothing any more. */
static void
session_end(struct ftp_session *s, enum ftp_end end)
{
	s->end = end;
	if (end == FTP_END_FOREIGN)
		own_reply_send(s, REPLY_FOREIGN);
	else if (end == FTP_END_COMMAND_LONG)
		own_reply_send(s, REPLY_LONG);
	else if (end == FTP_END_COMMAND_NUL)
		own_reply_send(s, REPLY_SYNTAX);
}

/* Keep bytes of a line as they came; false: the session has ended. */
static bool
line_keep(struct ftp_session *s, enum ftp_side from, struct span bytes)
{
	struct ftp_line_buffer *b = &s->line[from];
	size_t room = sizeof(b->p) - b->len, nul = span_find(bytes, '\0');

	/* Whichever comes first, however the bytes are cut. */
	if (nul < bytes.len && nul < room) {
		session_end(s,
		    from == FTP_CLIENT ? FTP_END_COMMAND_NUL
				       : FTP_END_REPLY_NUL);
		return false;
	}
	if (bytes.len > room) {
		session_end(s,
		    from == FTP_CLIENT ? FTP_END_COMMAND_LONG
				       : FTP_END_REPLY_LONG);
		return false;
	}
	memcpy(b->p + b->len, bytes.p, bytes.len);
	b->len += bytes.len;
	return true;
}

static void
on_line(struct ftp_session *s, const struct ftp_event *e, struct span raw)
{
	switch (e->kind) {
	case FTP_EVENT_COMMAND:
		on_command(s, e, raw);
		break;
	case FTP_EVENT_EMPTY:
		bytes_send(s, FTP_SERVER, raw);
		break;
	case FTP_EVENT_REPLY:
		on_reply(s, e, raw);
		break;
	case FTP_EVENT_TEXT:
		/* The text of a reply that we write anew is left out. */
		if (!ftp_reader_asked(&s->reader, e->reply.code))
			bytes_send(s, FTP_CLIENT, raw);
		break;
	case FTP_EVENT_TLS:
		/* Without AUTH nobody has agreed on it. */
	case FTP_EVENT_FOREIGN:
		session_end(s, FTP_END_FOREIGN);
		break;
	case FTP_EVENT_CLEAR:
	case FTP_EVENT_NONE:
		break;
	}
}

/* Records of TLS are passed on unread. */
static size_t
take_records(struct ftp_session *s, enum ftp_side from, struct span bytes)
{
	struct ftp_event e;
	size_t n = ftp_reader_next(&s->reader, from, bytes, &e);

	bytes_send(s, from == FTP_CLIENT ? FTP_SERVER : FTP_CLIENT,
	    span_sub(bytes, 0, n));
	if (e.kind == FTP_EVENT_CLEAR)
		s->ops->note(s->ctx, FTP_NOTE_CLEAR, SPAN_LITERAL(""));
	return n;
}

static size_t
take_line(struct ftp_session *s, enum ftp_side from, struct span bytes)
{
	struct ftp_line_buffer *b = &s->line[from];
	struct span raw;
	struct ftp_event e;
	size_t n = ftp_reader_next(&s->reader, from, bytes, &e);

	if (!line_keep(s, from, span_sub(bytes, 0, n)))
		return n;
	raw = (struct span) { b->p, b->len };
	if (e.kind != FTP_EVENT_NONE)
		b->len = 0;
	on_line(s, &e, raw);
	return n;
}

size_t
ftp_session_input(struct ftp_session *s, enum ftp_side from, struct span bytes)
{
	size_t n = 0;
	struct span rest;

	while (n < bytes.len && s->end == FTP_GOES_ON) {
		if (s->held != HELD_NOTHING ||
		    (from == FTP_CLIENT &&
			ftp_reader_waits(&s->reader, FTP_REQUEST_AUTH)))
			return n;
		rest = span_sub(bytes, n, bytes.len);
		n += ftp_reader_opaque(&s->reader, from)
		    ? take_records(s, from, rest)
		    : take_line(s, from, rest);
	}
	return bytes.len;
}
