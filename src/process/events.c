/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/jsonw.h"
#include "src/base/strbuf.h"
#include "src/process/events.h"

#define LINE_MAX_BYTES 4096

static const char *
proto_name(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}

static const char *
dir_name(uint8_t dir)
{
	return dir == PINHOLE_OUT ? "out" : "in";
}

/* A machine may have been started with its clock wrong. */
static int64_t
events_wall(const struct events *ev, int64_t ts)
{
	return ev->wall != NULL ? ev->wall(ts) : ts;
}

/* A Call-ID as it is to be shown, and what stands for the rest of it. */
static struct span
call_shown(const struct events *ev, struct span call, const char **rest)
{
	bool cut = ev->shorten && call.len > EVENTS_CALL;

	*rest = cut ? "..." : "";
	return cut ? span_sub(call, 0, EVENTS_CALL) : call;
}

static void
json_call(const struct events *ev, struct jsonw *w, struct span call)
{
	char text[EVENTS_CALL + sizeof("...")];
	struct strbuf b = strbuf_of(text, sizeof(text));
	const char *rest;
	struct span shown = call_shown(ev, call, &rest);

	if (shown.len < call.len) {
		strbuf_add(&b, shown);
		strbuf_str(&b, rest);
		shown = (struct span) { b.p, b.len };
	}
	if (call.len > 0)
		jsonw_str(w, "call", shown);
	else
		jsonw_null(w, "call");
}

static void
json_hole(const struct events *ev, const char *event, int64_t ts,
    const struct pinhole *h, struct span call, enum reason why)
{
	char line[LINE_MAX_BYTES], buf[ADDR_STRLEN];
	struct strbuf b = strbuf_of(line, sizeof(line));
	struct jsonw w = jsonw_begin(&b);

	jsonw_time(&w, "ts", events_wall(ev, ts));
	jsonw_str(&w, "event", span_of(event));
	jsonw_uint(&w, "id", h->id);
	jsonw_str(&w, "dir", span_of(dir_name(h->dir)));
	json_call(ev, &w, call);
	jsonw_str(&w, "proto", span_of(proto_name(h->proto)));
	jsonw_str(&w, "src", span_of(prefix_format(&h->from, buf)));
	if (h->from_port != 0)
		jsonw_uint(&w, "sport", h->from_port);
	else
		jsonw_null(&w, "sport");
	jsonw_str(&w, "dst", span_of(addr_format(&h->to, buf)));
	jsonw_uint(&w, "dport", h->to_lo);
	jsonw_uint(&w, "dport_end", h->to_hi);
	jsonw_str(&w, "reason", span_of(reason_name(why)));
	jsonw_end(&w);
	ev->line(ev->ctx, line);
}

static void
text_time(struct strbuf *b, int64_t ts)
{
	strbuf_fmt(b, "%" PRId64 ".%06d ", ts / 1000000, (int)(ts % 1000000));
}

static void
text_call(const struct events *ev, struct strbuf *b, struct span call)
{
	const char *rest;

	if (call.len > 0) {
		strbuf_str(b, " call=");
		strbuf_vis(b, call_shown(ev, call, &rest));
		strbuf_str(b, rest);
	}
}

static void
text_rules(const struct events *ev, const struct pinhole *h)
{
	char rules[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
	struct strbuf b = strbuf_of(rules, sizeof(rules)), out;
	struct span rest, one;

	if (ev->verbose == 0 || ev->explain == NULL)
		return;
	ev->explain(ev->fw_config, h, &b);
	for (rest = (struct span) { b.p, b.len }; rest.len > 0;) {
		one = span_cut(rest, '\n', &rest);
		out = strbuf_of(line, sizeof(line));
		strbuf_str(&out, "    ");
		strbuf_add(&out, one);
		ev->line(ev->ctx, line);
	}
}

static void
text_hole(const struct events *ev, const char *event, int64_t ts,
    const struct pinhole *h, struct span call, enum reason why)
{
	char line[LINE_MAX_BYTES], from[ADDR_STRLEN], to[ADDR_STRLEN];
	struct strbuf b = strbuf_of(line, sizeof(line));

	text_time(&b, events_wall(ev, ts));
	strbuf_fmt(&b, "%s %" PRIu64 " %s %s %s", event, h->id,
	    dir_name(h->dir), proto_name(h->proto),
	    prefix_format(&h->from, from));
	if (h->from_port != 0)
		strbuf_fmt(&b, " port %u", h->from_port);
	strbuf_fmt(&b, " -> %s port %u", addr_format(&h->to, to), h->to_lo);
	if (h->to_hi != h->to_lo)
		strbuf_fmt(&b, ":%u", h->to_hi);
	strbuf_fmt(&b, " (%s)", reason_name(why));
	text_call(ev, &b, call);
	ev->line(ev->ctx, line);
}

void
events_open(const struct events *ev, int64_t ts, const struct pinhole *h,
    const struct events_owner *owner, enum reason why)
{
	struct span call = owner->call;

	if (ev->tap != NULL)
		ev->tap->opened(ev->tap->ctx, ts, h, owner, why);
	if (ev->form != NULL && ev->forms != NULL)
		ev->forms->opened[ev->form(ev->fw_config, h)]++;
	if (ev->watch.hole != NULL)
		ev->watch.hole(ev->watch.ctx, ts, true, h, owner, why);
	if (ev->format == EVENTS_JSON) {
		json_hole(ev, "open", ts, h, call, why);
		return;
	}
	text_hole(ev, "open", ts, h, call, why);
	text_rules(ev, h);
}

void
events_close(const struct events *ev, int64_t ts, const struct pinhole *h,
    const struct events_owner *owner, enum reason why)
{
	if (ev->tap != NULL)
		ev->tap->closed(ev->tap->ctx, ts, h, why);
	if (ev->watch.hole != NULL)
		ev->watch.hole(ev->watch.ctx, ts, false, h, owner, why);
	if (ev->format == EVENTS_JSON)
		json_hole(ev, "close", ts, h, owner->call, why);
	else
		text_hole(ev, "close", ts, h, owner->call, why);
}

static void
explain_port(const struct event_refusal *r, const char *src, const char *dst,
    struct strbuf *b)
{
	if (r->dport == 0)
		strbuf_fmt(b,
		    "SDP from %s names no usable port: not a number from "
		    "1024 to 65535, or too many at once",
		    src);
	else if (r->dport < 1024)
		strbuf_fmt(b,
		    "SDP from %s names port %u of %s; ports below "
		    "1024 are never opened",
		    src, r->dport, dst);
	else
		strbuf_fmt(b,
		    "SDP from %s names port %u of %s: outside the ports of "
		    "`media`, a port of the signalling, or the first of "
		    "more ports (port/n) than there may be",
		    src, r->dport, dst);
}

/* Why, in words an administrator can act on. */
static void
explain_transfer(const struct event_refusal *r, struct strbuf *b)
{
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];
	const char *what = r->said == EVENT_SAID_FTP ? "an FTP data connection"
						     : "a TFTP transfer";

	addr_format(&r->src, src);
	addr_format(&r->dst, dst);
	switch (r->reason) {
	case REASON_ADDRESS:
		strbuf_fmt(b,
		    "%s wants %s to %s, which it may not name; see `loose` "
		    "in pinholed.conf(5)",
		    src, what, dst);
		break;
	case REASON_PORT_RANGE:
		strbuf_fmt(b,
		    "%s wants %s to port %u of %s, which is below "
		    "1024",
		    src, what, r->dport, dst);
		break;
	case REASON_LIMIT:
		strbuf_fmt(b, "%s wants %s, and there are too many", src, what);
		break;
	default:
		strbuf_str(b, reason_name(r->reason));
		break;
	}
}

static void
explain_refusal(const struct event_refusal *r, struct strbuf *b)
{
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];

	addr_format(&r->src, src);
	addr_format(&r->dst, dst);
	switch (r->reason) {
	case REASON_NOT_PROTECTED:
		strbuf_fmt(b,
		    "SDP from %s names %s, which is not in `media` "
		    "(or, without it, in `protect`)",
		    src, dst);
		break;
	case REASON_NOT_SERVER:
		strbuf_fmt(b,
		    "SDP from %s names %s, which is not its sender; "
		    "only a `server` may name other hosts",
		    src, dst);
		break;
	case REASON_PORT_RANGE:
		explain_port(r, src, dst, b);
		break;
	case REASON_ADDRESS:
		if (r->dst.af == AF_UNSPEC)
			strbuf_fmt(b,
			    "SDP from %s names no address in numbers: "
			    "c= is missing, broken or a host name, which is "
			    "never resolved",
			    src);
		else if (addr_eq(&r->src, &r->dst))
			strbuf_fmt(b,
			    "SDP from %s names its port %u, which an outsider "
			    "had named first",
			    src, r->dport);
		else
			strbuf_fmt(b,
			    "SDP from %s names %s, which is not its sender "
			    "and not an address that media could come from, "
			    "or an outsider had named it first",
			    src, dst);
		break;
	case REASON_AMBIGUOUS:
		strbuf_fmt(b,
		    "the message from %s can be read in two ways: "
		    "two c= lines, two SDP bodies or an encoded body",
		    src);
		break;
	case REASON_LIMIT:
		strbuf_fmt(b,
		    "%s has reached a limit: too many calls, too many of it "
		    "that nobody has accepted, or too many streams in one; see "
		    "`limit` in pinholed.conf(5)",
		    src);
		break;
	case REASON_MALFORMED:
		strbuf_fmt(b, "the SDP from %s breaks its grammar", src);
		break;
	default:
		strbuf_str(b, reason_name(r->reason));
		break;
	}
}

void
events_refuse(const struct events *ev, int64_t ts,
    const struct event_refusal *r, struct span call)
{
	char line[LINE_MAX_BYTES], buf[ADDR_STRLEN];
	struct strbuf b = strbuf_of(line, sizeof(line));
	struct jsonw w;

	if (ev->tap != NULL)
		ev->tap->refused(ev->tap->ctx, ts, r, call);
	if (ev->format == EVENTS_JSON) {
		w = jsonw_begin(&b);
		jsonw_time(&w, "ts", events_wall(ev, ts));
		jsonw_str(&w, "event", SPAN_LITERAL("refuse"));
		json_call(ev, &w, call);
		jsonw_str(&w, "src", span_of(addr_format(&r->src, buf)));
		jsonw_str(&w, "dst", span_of(addr_format(&r->dst, buf)));
		jsonw_uint(&w, "dport", r->dport);
		jsonw_str(&w, "reason", span_of(reason_name(r->reason)));
		jsonw_end(&w);
		ev->line(ev->ctx, line);
		return;
	}
	text_time(&b, events_wall(ev, ts));
	strbuf_fmt(&b, "refuse %s", addr_format(&r->src, buf));
	if (r->dst.af != AF_UNSPEC)
		strbuf_fmt(&b, " -> %s", addr_format(&r->dst, buf));
	if (r->dport != 0)
		strbuf_fmt(&b, " port %u", r->dport);
	strbuf_fmt(&b, " (%s)", reason_name(r->reason));
	text_call(ev, &b, call);
	ev->line(ev->ctx, line);
	if (ev->verbose > 0) {
		strbuf_reset(&b);
		strbuf_str(&b, "    ");
		if (r->said == EVENT_SAID_SDP)
			explain_refusal(r, &b);
		else
			explain_transfer(r, &b);
		ev->line(ev->ctx, line);
	}
}

void
events_ignore(const struct events *ev, int64_t ts, const struct addr *src,
    const struct addr *dst, const char *why)
{
	char line[LINE_MAX_BYTES], from[ADDR_STRLEN], to[ADDR_STRLEN];
	struct strbuf b = strbuf_of(line, sizeof(line));

	if (ev->format != EVENTS_TEXT || ev->verbose < 2)
		return;
	text_time(&b, events_wall(ev, ts));
	strbuf_fmt(&b, "ignore %s -> %s: %s", addr_format(src, from),
	    addr_format(dst, to), why);
	ev->line(ev->ctx, line);
}
