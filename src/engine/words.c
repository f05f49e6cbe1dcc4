/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <string.h>

#include "src/engine/words.h"

static const char *
method_name(uint8_t method)
{
	const char *name = sip_method_name((enum sip_method)method);

	return name != NULL ? name : "message";
}

static const char *
request_text(const struct story_entry *e)
{
	switch (e->method) {
	case SIP_INVITE:
		return e->within ? "asks to change the call"
				 : "asks for a call";
	case SIP_ACK:
		return "has got the final answer";
	case SIP_BYE:
		return "hangs up";
	case SIP_CANCEL:
		return "gives up before an answer";
	case SIP_PRACK:
		return "has got the provisional answer";
	case SIP_UPDATE:
		return "asks to change the media";
	default:
		return "changes nothing";
	}
}

static const char *
failure_text(uint16_t status)
{
	switch (status) {
	case 401:
	case 407:
		return "wants a password first";
	case 403:
		return "forbids it";
	case 404:
		return "knows no such number";
	case 408:
		return "nobody answered in time";
	case 480:
		return "nobody is there";
	case 481:
		return "knows no such call";
	case 486:
	case 600:
		return "is busy";
	case 487:
		return "the request was cancelled";
	case 488:
	case 606:
		return "does not accept the media";
	case 491:
		return "both sides asked at once";
	case 503:
		return "has no capacity";
	case 603:
		return "declines";
	default:
		return status < 400 ? "is to be found elsewhere" : "refuses";
	}
}

static const char *
response_text(const struct story_entry *e)
{
	if (e->status >= 300)
		return failure_text(e->status);
	if (e->status >= 200)
		return e->method != SIP_INVITE ? "done"
		    : e->within		       ? "accepts the change"
					       : "accepts the call";
	return e->status == 180 ? "it rings" : "is under way";
}

static void
stream_text(const struct story_entry *e, const struct story_stream *s,
    struct strbuf *b)
{
	char text[ADDR_STRLEN];

	switch (s->fault) {
	case SDP_FAULT_NAME:
		strbuf_str(b, "a host by name");
		return;
	case SDP_FAULT_ADDRESS:
		strbuf_str(b, "no usable address");
		return;
	case SDP_FAULT_PORT:
		strbuf_str(b, "no usable port");
		return;
	case SDP_FAULT_AMBIGUOUS:
	case SDP_FAULT_SYNTAX:
		strbuf_str(b, "a stream that cannot be read");
		return;
	default:
		break;
	}
	if (s->where.port == 0) {
		strbuf_str(b, "a stream it does not want");
		return;
	}
	strbuf_fmt(b, "%s port %u", addr_format(&s->where.addr, text),
	    s->where.port);
	if (s->mode == SDP_SENDONLY)
		strbuf_str(b, " (sends only)");
	else if (s->mode == SDP_RECVONLY)
		strbuf_str(b, " (receives only)");
	else if (s->mode == SDP_INACTIVE ||
	    addr_scope(&s->where.addr) == ADDR_UNSPECIFIED)
		strbuf_str(b, " (on hold)");
	else if (addr_scope(&s->where.addr) == ADDR_PRIVATE &&
	    addr_scope(&e->from) == ADDR_GLOBAL)
		strbuf_str(b, " (private, so its sender is used)");
}

static void
sdp_text(const struct story_entry *e, struct strbuf *b)
{
	uint8_t i, n = e->nstreams;

	if (e->body == SIP_BODY_AMBIGUOUS)
		strbuf_str(b, "; its body can be read in two ways");
	if (e->body != SIP_BODY_SDP || n == 0)
		return;
	strbuf_str(b, "; its SDP names ");
	for (i = 0; i < n && i < STORY_STREAMS; i++) {
		if (i > 0)
			strbuf_str(b, ", ");
		stream_text(e, &e->stream[i], b);
	}
	if (n > STORY_STREAMS)
		strbuf_fmt(b, " and %u more", n - STORY_STREAMS);
}

static void
name_text(const struct story_entry *e, struct strbuf *b)
{
	if (!e->request && e->status != 0)
		strbuf_fmt(b, "%u to ", e->status);
	strbuf_str(b, method_name(e->method));
}

void
words_message(const struct story_entry *e, struct strbuf *b)
{
	name_text(e, b);
	strbuf_fmt(b, ": %s", e->request ? request_text(e) : response_text(e));
	sdp_text(e, b);
	if (e->times > 1)
		strbuf_fmt(b, " (seen %u times)", e->times);
}

void
words_ignored(const struct story *s, const struct story_entry *e,
    struct strbuf *b)
{
	const char *why;
	uint64_t n;

	name_text(e, b);
	why = story_why(s, e->why, &n);
	strbuf_fmt(b, ": %s", why != NULL ? why : "of no use");
	if (e->times > 1)
		strbuf_fmt(b, " (seen %u times)", e->times);
}

const char *
words_misfit(enum sip_verdict verdict, const struct sip_message *m)
{
	switch (verdict) {
	case SIP_VERDICT_FORGED:
		return "its Call-ID is that of a call, but its tags, branch "
		       "or addresses are not";
	case SIP_VERDICT_NO_DIALOG:
		return "it belongs to no call that is followed";
	case SIP_VERDICT_UNMATCHED:
		return m->method == SIP_INVITE
		    ? "it answers no INVITE that is followed"
		    : NULL;
	case SIP_VERDICT_TOO_LONG:
		return "its Call-ID or a tag has more than 256 bytes";
	case SIP_VERDICT_NO_ROOM:
		return "there is no room for its call; see `limit`";
	case SIP_VERDICT_USED:
		break;
	}
	return NULL;
}

void
words_hole(const struct pinhole *h, struct strbuf *b)
{
	char from[ADDR_STRLEN], to[ADDR_STRLEN];

	strbuf_fmt(b, "%" PRIu64 ": %s from %s", h->id,
	    h->proto == IPPROTO_TCP ? "tcp" : "udp",
	    prefix_format(&h->from, from));
	if (h->from_port != 0)
		strbuf_fmt(b, " port %u", h->from_port);
	strbuf_fmt(b, " to %s port %u", addr_format(&h->to, to), h->to_lo);
	if (h->to_hi != h->to_lo)
		strbuf_fmt(b, ":%u", h->to_hi);
}

const char *
words_reason(enum reason r)
{
	switch (r) {
	case REASON_ANSWER:
		return "the call was accepted";
	case REASON_EARLY:
		return "media before the call is accepted";
	case REASON_REINVITE:
		return "the call has changed its media";
	case REASON_UPDATE:
		return "UPDATE or PRACK has changed the media";
	case REASON_ACK:
		return "the ACK has answered the offer";
	case REASON_BYE:
		return "the call has ended";
	case REASON_CANCEL:
		return "the caller has given up";
	case REASON_REJECT:
		return "the call or the change was refused";
	case REASON_REPLACED:
		return "the call has named other ports since";
	case REASON_SETUP_TIMEOUT:
		return "nobody accepted the call within `timeout setup`";
	case REASON_IDLE:
		return "there was no media for `timeout idle`";
	case REASON_SESSION_TIMER:
		return "the session was not refreshed in time (RFC 4028)";
	case REASON_MAX_DURATION:
		return "the call has reached `timeout max`";
	case REASON_SHUTDOWN:
		return "pinholed stopped, or the capture ended";
	case REASON_CLOSED:
		return "an administrator has closed it";
	case REASON_POLICY:
		return "the configuration does not allow it any more";
	case REASON_LIMIT:
		return "the call made room for others; see `limit`";
	default:
		return reason_name(r);
	}
}

static void
refused_port(const struct conf *conf, const struct story_entry *e,
    const char *src, const char *dst, struct strbuf *b)
{
	if (e->dport == 0)
		strbuf_fmt(b, "the SDP of %s names no port that can be used",
		    src);
	else if (e->dport < 1024)
		strbuf_fmt(b,
		    "the SDP of %s names port %u of %s, and ports below 1024 "
		    "are never opened",
		    src, e->dport, dst);
	else if (ports_contain(&conf->sip.port, e->dport))
		strbuf_fmt(b,
		    "the SDP of %s names port %u of %s, which is one of the "
		    "signalling (`port`)",
		    src, e->dport, dst);
	else if (e->dport < conf->sip.media_lo || e->dport > conf->sip.media_hi)
		strbuf_fmt(b,
		    "the SDP of %s names port %u of %s, and `media` allows "
		    "only %u:%u",
		    src, e->dport, dst, conf->sip.media_lo, conf->sip.media_hi);
	else
		strbuf_fmt(b,
		    "the SDP of %s names ports from %u of %s, and one of them "
		    "is of the signalling, not in `media` or above 65535",
		    src, e->dport, dst);
}

static bool
is_inside(const struct conf *c, const struct addr *a)
{
	return prefixes_contain(c->protect.v, c->protect.n, a);
}

static void
refused_address(const struct conf *conf, const struct story_entry *e,
    const char *src, const char *dst, struct strbuf *b)
{
	if (e->to.af == AF_UNSPEC)
		strbuf_fmt(b,
		    "the SDP of %s names no address in numbers: c= is "
		    "missing, broken or a host name, which is never resolved",
		    src);
	else if (is_inside(conf, &e->from))
		strbuf_fmt(b,
		    "the SDP of %s names %s port %u, which an outsider had "
		    "named first, or which media cannot use",
		    src, dst, e->dport);
	else if (is_inside(conf, &e->to))
		strbuf_fmt(b,
		    "the SDP of %s, which is outside, names %s, which is in "
		    "`protect`",
		    src, dst);
	else
		strbuf_fmt(b,
		    "the SDP of %s names %s, from which media cannot come", src,
		    dst);
}

void
words_refused(const struct conf *conf, const struct story_entry *e,
    struct strbuf *b)
{
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];

	addr_format(&e->from, src);
	addr_format(&e->to, dst);
	switch (e->reason) {
	case REASON_NOT_PROTECTED:
		strbuf_fmt(b, "the SDP of %s names %s, which is %s in `%s`",
		    src, dst,
		    addr_eq(&e->from, &e->to) ? "not"
					      : "neither its sender nor",
		    conf->sip.media_default ? "protect" : "media");
		break;
	case REASON_NOT_SERVER:
		strbuf_fmt(b,
		    "the SDP of %s names %s, which is not its sender, and "
		    "%s is no `server`",
		    src, dst, src);
		break;
	case REASON_PORT_RANGE:
		refused_port(conf, e, src, dst, b);
		break;
	case REASON_ADDRESS:
		refused_address(conf, e, src, dst, b);
		break;
	case REASON_AMBIGUOUS:
		strbuf_fmt(b,
		    "the message of %s can be read in two ways: two c= lines, "
		    "two SDP bodies or an encoded body",
		    src);
		break;
	case REASON_MALFORMED:
		strbuf_fmt(b, "the SDP of %s breaks its grammar", src);
		break;
	case REASON_LIMIT:
		strbuf_fmt(b,
		    "there are too many calls, %s has too many calls that "
		    "nobody has accepted, or the call has too many streams",
		    src);
		break;
	default:
		strbuf_str(b, reason_name(e->reason));
		break;
	}
}

static void
advice_address(const struct conf *conf, const struct story_entry *e,
    const char *src, struct strbuf *b)
{
	if (is_inside(conf, &e->from))
		strbuf_fmt(b,
		    "nothing here: %s has to name an address and port of its "
		    "own; as a proxy it repeats what others say",
		    src);
	else if (is_inside(conf, &e->to))
		strbuf_fmt(b,
		    "nothing, unless %s should be inside: then add it to "
		    "`protect`",
		    src);
	else if (addr_scope(&e->to) == ADDR_PRIVATE)
		strbuf_fmt(b,
		    "%s names its private address; with `remote signalling` "
		    "or `remote both` the address of its signalling is used",
		    src);
	else
		strbuf_fmt(b, "nothing here: %s has to name another address",
		    src);
}

static void
advice_host(const struct conf *conf, const struct story_entry *e,
    const char *src, const char *dst, struct strbuf *b)
{
	bool inside = is_inside(conf, &e->to);

	if (inside &&
	    !prefixes_contain(conf->sip.media.v, conf->sip.media.n, &e->to))
		strbuf_fmt(b, "add %s to `media`", dst);
	else if (!inside && addr_scope(&e->to) == ADDR_GLOBAL)
		strbuf_fmt(b,
		    "if %s is the public address of %s, write `external %s "
		    "for %s`; if it is another host inside, add it to "
		    "`protect`",
		    dst, src, dst, src);
	else if (!inside)
		strbuf_fmt(b, "add %s to `protect`%s", dst,
		    conf->sip.media_default ? "" : " and to `media`");
	if (e->reason != REASON_NOT_SERVER && addr_eq(&e->from, &e->to))
		return;
	if (prefixes_contain(conf->sip.server.v, conf->sip.server.n, &e->from))
		return;
	strbuf_fmt(b, "%sadd %s to `server`, for it names another host",
	    b->len > 0 ? "; " : "", src);
}

static void
advice_port(const struct conf *conf, const struct story_entry *e,
    struct strbuf *b)
{
	bool range = e->dport >= 1024 &&
	    !ports_contain(&conf->sip.port, e->dport) &&
	    (e->dport < conf->sip.media_lo || e->dport > conf->sip.media_hi);

	if (range)
		strbuf_fmt(b,
		    "let `media` have the ports that the server is configured "
		    "to use, %u among them, or change the server's range",
		    e->dport);
	else
		strbuf_str(b,
		    "nothing here: the sender has to use other ports");
}

void
words_advice(const struct conf *conf, const struct story_entry *e,
    struct strbuf *b)
{
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];
	size_t before = b->len;
	struct strbuf text = strbuf_of(b->p + before, b->size - before);

	addr_format(&e->from, src);
	addr_format(&e->to, dst);
	switch (e->reason) {
	case REASON_NOT_PROTECTED:
	case REASON_NOT_SERVER:
		advice_host(conf, e, src, dst, &text);
		break;
	case REASON_PORT_RANGE:
		advice_port(conf, e, &text);
		break;
	case REASON_ADDRESS:
		advice_address(conf, e, src, &text);
		break;
	case REASON_LIMIT:
		strbuf_str(&text,
		    "raise `limit calls`, `limit per source` or `limit "
		    "streams`, whichever these calls reach, if they are "
		    "wanted");
		break;
	default:
		strbuf_fmt(&text, "nothing here: %s has to send other SDP",
		    src);
		break;
	}
	b->len += text.len;
	b->full = b->full || text.full;
}
