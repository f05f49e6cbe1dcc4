/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/engine/explain.h"
#include "src/engine/words.h"

#define NAME_MAX_BYTES (2 * ADDR_STRLEN + 16)

/*
 * The name by which a person asks for the session.  A Call-ID that begins with
 * "ftp/" or "tftp/" was chosen to do so.
 */
static struct span
session_name(const struct session *c, char text[NAME_MAX_BYTES])
{
	char client[ADDR_STRLEN], server[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, NAME_MAX_BYTES);

	endpoint_format(&c->client, client);
	if (c->kind == SESSION_FTP)
		strbuf_fmt(&b, "ftp/%s/%s", client,
		    endpoint_format(&c->server, server));
	else
		strbuf_fmt(&b, "tftp/%s/%s", client,
		    addr_format(&c->server.addr, server));
	return (struct span) { b.p, b.len };
}

static bool
session_begins_so(const struct session *c, struct span name)
{
	char text[NAME_MAX_BYTES];
	struct span full = session_name(c, text);

	return name.len > 0 && span_eq(span_sub(full, 0, name.len), name);
}

static bool
session_has_hole(const struct session *c, uint64_t id)
{
	const struct session_record *r;
	size_t i;

	for (i = 0; (r = session_record(c, i)) != NULL; i++)
		if ((r->event == SESSION_OPEN || r->event == SESSION_CLOSE) &&
		    r->id == id)
			return true;
	return false;
}

static enum tell_found
session_find(const struct tell *t, struct span name, uint64_t id,
    const struct session **out)
{
	const struct session *c;
	size_t n = 0;

	if (t->sessions == NULL)
		return TELL_NONE;
	for (c = sessions_first(t->sessions); c != NULL; c = sessions_next(c)) {
		if (id != 0 && session_has_hole(c, id)) {
			*out = c;
			return TELL_ONE;
		}
		if (session_begins_so(c, name)) {
			*out = c;
			n++;
		}
	}
	return n == 0 ? TELL_NONE : n == 1 ? TELL_ONE : TELL_MANY;
}

enum tell_found
explain_find(const struct tell *t, struct span name, uint64_t id,
    const struct story_call **call, const struct session **session)
{
	enum tell_found found;

	*call = NULL;
	*session = NULL;
	found = id != 0 ? tell_find_hole(t->story, id, call)
			: tell_find(t->story, name, call);
	if (found != TELL_NONE)
		return found;
	if (id == 0)
		(void)span_number(name, UINT64_MAX, &id);
	found = session_find(t, name, id, session);
	if (found != TELL_NONE)
		return found;
	return tell_find(t->story, name, call);
}

static void
put_hole(const struct session_record *r, struct strbuf *b)
{
	struct pinhole h = { .id = r->id,
		.proto = r->proto,
		.from = { r->from, r->from_len },
		.to = r->where.addr,
		.to_lo = r->where.port,
		.to_hi = r->where.port };

	if (r->reason == REASON_NONE) {
		strbuf_str(b, "open since before ");
		words_hole(&h, b);
		return;
	}
	strbuf_str(b, r->event == SESSION_OPEN ? "opened " : "closed ");
	words_hole(&h, b);
	strbuf_fmt(b, " (%s)", reason_name((enum reason)r->reason));
	switch (r->reason) {
	case REASON_DONE:
		strbuf_str(b, ": it was used, or is needed no more");
		break;
	case REASON_IDLE:
		strbuf_str(b, ": nothing came through it in `timeout`");
		break;
	case REASON_REPLACED:
		strbuf_str(b, ": another port was named");
		break;
	case REASON_REJECT:
		strbuf_str(b, ": the other side refused");
		break;
	case REASON_REQUEST:
		break;
	default:
		strbuf_fmt(b, ": %s", words_reason((enum reason)r->reason));
		break;
	}
}

static void
put_refusal(const struct session *c, const struct session_record *r,
    struct strbuf *b)
{
	char from[ADDR_STRLEN], to[ADDR_STRLEN];

	addr_format(&r->from, from);
	addr_format(&r->where.addr, to);
	strbuf_fmt(b, "not opened (%s): ", reason_name((enum reason)r->reason));
	switch (r->reason) {
	case REASON_ADDRESS:
		strbuf_fmt(b,
		    "%s names %s, which is not its own address; see `loose`",
		    from, to);
		break;
	case REASON_PORT_RANGE:
		strbuf_fmt(b,
		    "%s names port %u of %s; ports below 1024 and those of SIP "
		    "are never opened",
		    from, r->where.port, to);
		break;
	case REASON_LIMIT:
		strbuf_fmt(b, "there are too many %s",
		    c->kind == SESSION_FTP ? "connections" : "transfers");
		break;
	default:
		strbuf_str(b, "it may not be opened");
		break;
	}
}

static void
put_way(const struct session *c, bool by_client, struct strbuf *b)
{
	char text[ADDR_STRLEN];

	strbuf_fmt(b, "%s -> ",
	    addr_format(by_client ? &c->client.addr : &c->server.addr, text));
	strbuf_fmt(b, "%s  ",
	    addr_format(by_client ? &c->server.addr : &c->client.addr, text));
}

static void
put_record(const struct session *c, const struct session_record *r,
    struct strbuf *b)
{
	char text[ADDR_STRLEN];

	switch ((enum session_event)r->event) {
	case SESSION_ACTIVE:
		put_way(c, true, b);
		strbuf_fmt(b,
		    "PORT or EPRT: the client waits for the data connection at "
		    "%s port %u",
		    addr_format(&r->where.addr, text), r->where.port);
		break;
	case SESSION_PASSIVE:
		put_way(c, false, b);
		strbuf_fmt(b,
		    "227 or 229: the server waits for the data connection at "
		    "%s port %u",
		    addr_format(&r->where.addr, text), r->where.port);
		break;
	case SESSION_IGNORED:
		strbuf_str(b,
		    "ignored: a line that names a port, but cannot be read or "
		    "is out of turn");
		break;
	case SESSION_OPAQUE:
		strbuf_str(b,
		    "encrypted from here on: the ports that it names cannot be "
		    "read, and stay closed");
		break;
	case SESSION_READABLE:
		strbuf_str(b, "in the clear again");
		break;
	case SESSION_FOREIGN:
		strbuf_str(b, "not FTP, and not followed any more");
		break;
	case SESSION_REPEATED:
		put_way(c, true, b);
		strbuf_str(b, "asks again, or for another file");
		break;
	case SESSION_FORBIDDEN:
		strbuf_str(b,
		    "not opened: `allow` or `file` in the `tftp` block forbids "
		    "this request");
		break;
	case SESSION_OPEN:
	case SESSION_CLOSE:
		put_hole(r, b);
		break;
	case SESSION_REFUSE:
		put_refusal(c, r, b);
		break;
	case SESSION_OVER:
		strbuf_str(b, "the control connection is closed");
		break;
	}
	if (r->times > 1)
		strbuf_fmt(b, " (%u times)", r->times);
}

static void
put_state(const struct session *c, struct strbuf *b)
{
	strbuf_str(b,
	    c->over || (c->kind == SESSION_TFTP && c->open == 0) ? "over"
								 : "goes on");
	if (c->open > 0)
		strbuf_fmt(b, ", %u pinhole%s open", c->open,
		    c->open > 1 ? "s are" : " is");
	else if (c->opened == 0)
		strbuf_str(b, ", nothing was opened");
}

static void
put_head(const struct session *c, struct strbuf *b)
{
	char text[NAME_MAX_BYTES];

	strbuf_add(b, session_name(c, text));
	if (c->filelen == 0)
		return;
	strbuf_fmt(b, " %s \"", c->write ? "writes" : "reads");
	strbuf_vis(b, (struct span) { c->file, c->filelen });
	strbuf_str(b, c->filelen == SESSION_FILE ? "...\"" : "\"");
}

static void
tell_line(const struct tell *t, struct strbuf *b, const char *text)
{
	strbuf_reset(b);
	strbuf_str(b, text);
	t->line(t->ctx, b->p);
}

static void
tell_session(const struct tell *t, const struct session *c)
{
	char text[TELL_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	const struct session_record *r;
	int64_t last = INT64_MIN;
	size_t i;

	put_head(c, &b);
	t->line(t->ctx, b.p);
	strbuf_reset(&b);
	strbuf_str(&b, "began ");
	tell_date(t, c->began, &b);
	strbuf_str(&b, "; ");
	put_state(c, &b);
	t->line(t->ctx, b.p);
	if (c->adopted)
		tell_line(t, &b,
		    "It began before this engine started; which file is not "
		    "known.");
	for (i = 0; (r = session_record(c, i)) != NULL; i++) {
		if (i == SESSION_HEAD && session_left_out(c) > 0) {
			strbuf_reset(&b);
			strbuf_fmt(&b,
			    TELL_INDENT "... %" PRIu32 " lines are left out",
			    session_left_out(c));
			t->line(t->ctx, b.p);
		}
		tell_time(&b, c->began, r->at, &last);
		put_record(c, r, &b);
		t->line(t->ctx, b.p);
	}
	if (c->n == 0)
		tell_line(t, &b, "Neither side has named a port yet.");
}

/* The latest sessions whose name begins so; an empty name: of all sessions. */
static size_t
latest_sessions(const struct tell *t, struct span name,
    const struct session *v[TELL_LIST])
{
	const struct session *c;
	size_t n = 0, i;

	for (c = sessions_first(t->sessions); c != NULL; c = sessions_next(c)) {
		if ((name.len > 0 && !session_begins_so(c, name)) ||
		    (n == TELL_LIST && c->began <= v[n - 1]->began))
			continue;
		if (n < TELL_LIST)
			n++;
		for (i = n - 1; i > 0 && v[i - 1]->began < c->began; i--)
			v[i] = v[i - 1];
		v[i] = c;
	}
	return n;
}

static void
list_sessions(const struct tell *t, struct span name)
{
	const struct session *v[TELL_LIST];
	char text[TELL_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	size_t i, n;

	n = t->sessions != NULL ? latest_sessions(t, name, v) : 0;
	if (n > 0)
		tell_line(t, &b,
		    "FTP connections and TFTP transfers, the latest first:");
	for (i = 0; i < n; i++) {
		strbuf_reset(&b);
		strbuf_str(&b, "  ");
		tell_date(t, v[i]->began, &b);
		strbuf_str(&b, "  ");
		put_head(v[i], &b);
		strbuf_str(&b, "  ");
		put_state(v[i], &b);
		t->line(t->ctx, b.p);
	}
}

void
explain_tell(const struct tell *t, struct span name, enum tell_found found,
    const struct story_call *call, const struct session *session)
{
	if (found == TELL_ONE && call != NULL)
		tell_call(t, call);
	else if (found == TELL_ONE)
		tell_session(t, session);
	else if (found == TELL_MANY && session != NULL)
		list_sessions(t, name);
	else {
		tell_list(t, name);
		if (found == TELL_NONE)
			list_sessions(t, (struct span) { NULL, 0 });
	}
}
