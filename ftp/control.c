/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "ftp/control.h"

/* A verb of ours beside those of ftp/line.h. */
#define VERB_EPSV_ALL (FTP_QUIT + 1)

enum line_end {
	END_UNKNOWN,
	END_CRLF,
	END_LF,
};

enum tls {
	TLS_NONE,
	TLS_RECORDS,
	TLS_LOST, /* no records either: never again readable */
};

#define TLS_HANDSHAKE	0x16
#define TLS_DATA	0x17
#define TLS_PAYLOAD_MAX (16384 + 2048)

/* What every function below works on. */
struct watch {
	struct ftp_control *c;
	void (*tell)(void *ctx, const struct ftp_news *news);
	void *ctx;
};

void
ftp_control_init(struct ftp_control *c, const struct addr *client,
    const struct addr *server, bool loose)
{
	memset(c, 0, sizeof(*c));
	c->client = *client;
	c->server = *server;
	c->loose = loose;
}

void
ftp_control_join(struct ftp_control *c, enum ftp_side side)
{
	struct ftp_lines *l = &c->side[side];

	l->len = 0;
	l->last = '\0';
	l->overlong = false;
	l->joined = true;
	c->begun = true;
}

static void
tell(struct watch *w, enum ftp_news_kind kind)
{
	struct ftp_news news = { 0 };

	news.kind = kind;
	w->tell(w->ctx, &news);
}

/* `peer` names `data`: tell of it, or of why it must not be. */
static void
offer(struct watch *w, enum ftp_news_kind kind, const struct addr *peer,
    const struct endpoint *data)
{
	struct ftp_news news = { 0 };
	enum addr_scope scope = addr_scope(&data->addr);

	news.kind = kind;
	news.data = *data;
	if (w->c->loose ? scope != ADDR_PRIVATE && scope != ADDR_GLOBAL
			: !addr_eq(&data->addr, peer))
		news.why = REASON_ADDRESS;
	else if (data->port < FTP_PORT_MIN)
		news.why = REASON_PORT_RANGE;
	if (news.why != REASON_NONE)
		news.kind = FTP_REFUSED;
	w->tell(w->ctx, &news);
}

/* The command just counted; of too many, the oldest is forgotten. */
static void
pending_add(struct ftp_control *c, unsigned int verb)
{
	if (c->npending == FTP_CONTROL_PENDING)
		memmove(c->pending, c->pending + 1,
		    --c->npending * sizeof(c->pending[0]));
	c->pending[c->npending].verb = (uint8_t)verb;
	c->pending[c->npending++].number = c->sent;
}

/* Everything up to and including the i-th has been answered. */
static void
pending_drop(struct ftp_control *c, size_t i)
{
	c->npending -= (uint8_t)(i + 1);
	memmove(c->pending, c->pending + i + 1,
	    c->npending * sizeof(c->pending[0]));
}

/* The first one of that kind, or npending. */
static size_t
pending_find(const struct ftp_control *c, unsigned int verb)
{
	size_t i;

	for (i = 0; i < c->npending; i++)
		if (c->pending[i].verb == verb)
			break;
	return i;
}

static void
on_port(struct watch *w, const struct ftp_command *cmd)
{
	struct endpoint data;
	enum ph_err rc;

	rc = cmd->verb == FTP_PORT ? ftp_port_parse(cmd->arg, &data)
				   : ftp_eprt_parse(cmd->arg, &data);
	if (rc != PH_OK || w->c->epsv_all) {
		tell(w, FTP_IGNORED);
		return;
	}
	pending_add(w->c, FTP_PORT);
	w->c->active = true;
	offer(w, FTP_ACTIVE, &w->c->client, &data);
}

static void
on_epsv(struct watch *w, struct span arg)
{
	uint8_t af;
	bool all;

	if (ftp_epsv_parse(arg, &all, &af) != PH_OK) {
		tell(w, FTP_IGNORED);
		return;
	}
	if (all)
		w->c->epsv_all = true;
	pending_add(w->c, all ? VERB_EPSV_ALL : FTP_EPSV);
}

static void
on_command(struct watch *w, struct span line, bool counts)
{
	struct ftp_control *c = w->c;
	struct ftp_command cmd;

	/* Most servers do not answer an empty line, and none need be. */
	if (line.len == 0)
		return;
	c->sent++;
	if (!counts || ftp_command_parse(&cmd, line) != PH_OK)
		return;
	switch (cmd.verb) {
	case FTP_PORT:
	case FTP_EPRT:
		on_port(w, &cmd);
		break;
	case FTP_PASV:
		if (c->epsv_all)
			tell(w, FTP_IGNORED);
		else
			pending_add(c, FTP_PASV);
		break;
	case FTP_EPSV:
		on_epsv(w, cmd.arg);
		break;
	case FTP_AUTH:
		pending_add(c, FTP_AUTH);
		break;
	case FTP_TRANSFER:
		if (c->active)
			tell(w, FTP_EXPECTED);
		break;
	default:
		break;
	}
}

static void
begin_tls(struct watch *w, struct ftp_lines *l)
{
	if (l->tls == TLS_NONE) {
		l->tls = TLS_RECORDS;
		l->len = l->nheader = 0;
		l->payload = 0;
		l->overlong = l->joined = false;
		l->last = '\0';
	}
	if (!w->c->opaque) {
		w->c->opaque = true;
		tell(w, FTP_OPAQUE);
	}
}

static void
on_227_229(struct watch *w, const struct ftp_reply *r, bool counts)
{
	struct ftp_control *c = w->c;
	size_t i = pending_find(c, r->code == 227 ? FTP_PASV : FTP_EPSV);
	struct endpoint data = { 0 };
	enum ph_err rc;

	if (i == c->npending) {
		tell(w, FTP_IGNORED);
		return;
	}
	/* Whatever came before it has been answered, or never will be. */
	if (c->answered < c->pending[i].number)
		c->answered = c->pending[i].number;
	pending_drop(c, i);
	if (r->code == 227)
		rc = ftp_227_parse(r->text, &data);
	else {
		data.addr = c->server;
		rc = ftp_229_parse(r->text, &data.port);
	}
	c->active = false;
	if (rc != PH_OK || !counts)
		tell(w, FTP_IGNORED);
	else
		offer(w, FTP_PASSIVE, &c->server, &data);
}

/* What the reply means to the command that it answers, if that is ours. */
static void
on_answer(struct watch *w, const struct ftp_reply *r, bool counts)
{
	struct ftp_control *c = w->c;
	unsigned int verb = FTP_OTHER;
	size_t i, done = 0;

	for (i = 0; i < c->npending && c->pending[i].number <= c->answered;
	     i++) {
		if (c->pending[i].number == c->answered)
			verb = c->pending[i].verb;
		done = i + 1;
	}
	if (done > 0)
		pending_drop(c, done - 1);
	switch (verb) {
	case FTP_PORT:
		/* Another may have taken its place meanwhile. */
		if (pending_find(c, FTP_PORT) == c->npending)
			tell(w, r->code >= 400 ? FTP_REJECTED : FTP_EXPECTED);
		break;
	case VERB_EPSV_ALL:
		if (r->code >= 400)
			c->epsv_all = false;
		break;
	case FTP_AUTH:
		if (r->code == 234 && counts) {
			begin_tls(w, &c->side[FTP_CLIENT]);
			begin_tls(w, &c->side[FTP_SERVER]);
		}
		break;
	default:
		break;
	}
}

/* How the data connection fares; not if a later one has been agreed on. */
static void
on_transfer(struct watch *w, uint16_t code)
{
	if (pending_find(w->c, FTP_PORT) < w->c->npending)
		return;
	if (code == 125 || code == 150)
		tell(w, FTP_BEGUN);
	else if (code == 226 || code == 425 || code == 426)
		tell(w, FTP_DONE);
}

static void
on_reply(struct watch *w, struct span line, bool counts)
{
	struct ftp_control *c = w->c;
	struct ftp_reply r;

	if (ftp_reply_parse(&r, line) != PH_OK)
		return;
	if (c->multi != 0 && (r.code != c->multi || r.more))
		return; /* text */
	c->multi = r.more ? r.code : 0;
	if (r.more)
		return;
	if (r.code >= 200) {
		/* A greeting or a farewell answers nothing. */
		if (c->answered < c->sent)
			c->answered++;
		if (r.code == 227 || r.code == 229)
			on_227_229(w, &r, counts);
		else
			on_answer(w, &r, counts);
	}
	on_transfer(w, r.code);
}

/*
 * Is this FTP at all?  A client begins with a command; HTTP, or what a
 * browser sends to a server of TURN, does not.
 */
static bool
is_foreign(struct ftp_control *c, enum ftp_side from, struct span line,
    bool counts)
{
	const struct ftp_lines *l = &c->side[from];
	struct span tail = { l->tail, sizeof(l->tail) };
	bool first = from == FTP_CLIENT && !c->begun && line.len > 0;
	struct ftp_command cmd;

	/* In an overlong line the tail ends in CR, or in its last byte. */
	if (l->overlong &&
	    (ftp_line_foreign(span_sub(tail, 0, FTP_LINE_TAIL)) ||
		ftp_line_foreign(span_sub(tail, 1, FTP_LINE_TAIL))))
		return true;
	if (from == FTP_CLIENT && line.len > 0)
		c->begun = true;
	return ftp_line_foreign(line) ||
	    (first &&
		((!counts && !l->overlong) ||
		    ftp_command_parse(&cmd, line) != PH_OK));
}

/*
 * A line has ended in LF.  If its direction has ended lines in LF alone and
 * now has a CR before it, nobody can say where others see lines: CRLF it is
 * from now on, and this one does not count.
 */
static void
line_done(struct watch *w, enum ftp_side from)
{
	struct ftp_lines *l = &w->c->side[from];
	bool crlf = l->last == '\r';
	bool counts = !l->overlong && !l->joined && !(crlf && l->end == END_LF);
	struct span line = { l->line, l->len };

	if (crlf && !l->overlong)
		line.len--;
	counts = counts && ftp_line_clean(line);
	if (is_foreign(w->c, from, line, counts)) {
		w->c->foreign = true;
		tell(w, FTP_FOREIGN);
		return;
	}
	if (crlf)
		l->end = END_CRLF;
	else if (l->end == END_UNKNOWN)
		l->end = END_LF;
	l->len = 0;
	l->last = '\0';
	l->overlong = l->joined = false;
	if (from == FTP_CLIENT)
		on_command(w, line, counts);
	else
		on_reply(w, line, counts);
}

/* The last bytes of a line, however it was cut. */
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
		l->overlong = true;
		bytes.len = room;
	}
	memcpy(l->line + l->len, bytes.p, bytes.len);
	l->len += (uint16_t)bytes.len;
}

/* Up to and including the next LF; what is left over. */
static struct span
take_line(struct watch *w, enum ftp_side from, struct span bytes)
{
	struct ftp_lines *l = &w->c->side[from];
	size_t n = span_find(bytes, '\n');

	line_add(l, span_sub(bytes, 0, n));
	if (n == bytes.len)
		return span_sub(bytes, n, 0);
	if (l->end == END_CRLF && l->last != '\r')
		line_add(l, span_sub(bytes, n, 1));
	else
		line_done(w, from);
	return span_sub(bytes, n + 1, bytes.len);
}

/*
 * Between two records.  A letter or a digit there can only be a command or
 * a reply in the clear: both sides have agreed on it where we cannot see.
 */
static void
record_begin(struct watch *w, enum ftp_side from, char next)
{
	struct ftp_control *c = w->c;
	struct ftp_lines *l = &c->side[from];
	bool digit = next >= '0' && next <= '9';
	bool letter =
	    (next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z');

	if (next >= 0x14 && next <= 0x18)
		return;
	if (from == FTP_CLIENT ? !letter : !digit) {
		l->tls = TLS_LOST;
		return;
	}
	l->tls = TLS_NONE;
	l->end = END_UNKNOWN;
	if (!c->opaque)
		return;
	c->opaque = false;
	c->multi = 0;
	c->npending = 0;
	c->sent = c->answered = 0;
	tell(w, FTP_READABLE);
}

/* The next bytes of records; what is left over. */
static struct span
take_record(struct watch *w, enum ftp_side from, struct span bytes)
{
	struct ftp_lines *l = &w->c->side[from];
	size_t n = l->payload < bytes.len ? l->payload : bytes.len;
	unsigned int length;

	l->payload -= (uint16_t)n;
	bytes = span_sub(bytes, n, bytes.len);
	if (bytes.len == 0)
		return bytes;
	if (l->nheader == 0) {
		record_begin(w, from, bytes.p[0]);
		if (l->tls != TLS_RECORDS)
			return bytes;
	}
	l->header[l->nheader++] = (uint8_t)bytes.p[0];
	if (l->nheader == sizeof(l->header)) {
		length = (unsigned int)l->header[3] << 8 | l->header[4];
		if (l->header[1] != 3 || length > TLS_PAYLOAD_MAX)
			l->tls = TLS_LOST;
		l->payload = (uint16_t)length;
		l->nheader = 0;
	}
	return span_sub(bytes, 1, bytes.len);
}

void
ftp_control_input(struct ftp_control *c, enum ftp_side from, struct span bytes,
    void (*say)(void *ctx, const struct ftp_news *news), void *ctx)
{
	struct watch w = { c, say, ctx };
	struct ftp_lines *l = &c->side[from];

	while (bytes.len > 0 && !c->foreign && l->tls != TLS_LOST) {
		/* No line begins like that, but TLS without a word does. */
		if (l->tls == TLS_NONE && l->len == 0 &&
		    (bytes.p[0] == TLS_HANDSHAKE ||
			(l->joined && bytes.p[0] == TLS_DATA)))
			begin_tls(&w, l);
		if (l->tls == TLS_RECORDS)
			bytes = take_record(&w, from, bytes);
		else
			bytes = take_line(&w, from, bytes);
	}
}
