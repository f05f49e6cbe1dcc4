/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>

#include "sip/head.h"
#include "sip/message.h"
#include "sip/mime.h"
#include "sip/plain.h"
#include "src/base/chars.h"

/*
 * libosip2 gets one field value at a time, unfolded, NUL-terminated, with
 * runs of blanks made one, and within these bounds, for it keeps parameters
 * in linear lists and searches for the end of its strings often.
 */
#define MAX_VALUE  4096
#define MAX_PARAMS 64

/* Smaller than any message: what some send to keep a NAT binding alive. */
#define MIN_MESSAGE 16

/* The strings a message refers to, in one allocation. */
struct store {
	size_t len, size;
	char text[];
};

/* A message as far as it has been read; `why` explains the last failure. */
struct reader {
	struct sip_message *out;
	struct head head;
	struct head_start start;
	struct store *store; /* NULL: nothing has needed it yet */
	bool plain;	     /* may read what is plain without libosip2 */
	enum sip_reject why;
};

static const char *const reject_names[] = {
	[SIP_REJECT_NONE] = "none",
	[SIP_REJECT_NOISE] = "noise",
	[SIP_REJECT_SIZE] = "size",
	[SIP_REJECT_SYNTAX] = "syntax",
	[SIP_REJECT_LENGTH] = "length",
	[SIP_REJECT_DUPLICATE] = "duplicate",
	[SIP_REJECT_RANGE] = "range",
	[SIP_REJECT_MISSING] = "missing",
	[SIP_REJECT_MISMATCH] = "mismatch",
};

const char *
sip_reject_name(enum sip_reject r)
{
	return (unsigned int)r < SIP_REJECT_MAX ? reject_names[r] : "unknown";
}

const char *
sip_reject_text(enum sip_reject why)
{
	/* clang-format off */
	static const char *const texts[SIP_REJECT_MAX] = {
		[SIP_REJECT_NONE] = "nothing is wrong with it",
		[SIP_REJECT_NOISE] = "a keep-alive, STUN or no SIP at all",
		[SIP_REJECT_SIZE] = "the message, a line or a value is too long, "
		    "or there are too many",
		[SIP_REJECT_SYNTAX] = "it breaks the grammar of SIP",
		[SIP_REJECT_LENGTH] = "its Content-Length is not the length of "
		    "its body",
		[SIP_REJECT_DUPLICATE] = "it says a thing twice that may be said "
		    "once",
		[SIP_REJECT_RANGE] = "a number in it is out of range",
		[SIP_REJECT_MISSING] = "From, To, Call-ID, CSeq or Via is "
		    "missing",
		[SIP_REJECT_MISMATCH] = "CSeq names another method than its "
		    "first line",
	};
	/* clang-format on */

	return texts[why];
}

static void
no_trace(const char *file, int line, osip_trace_level_t level,
    const char *format, va_list ap)
{
	(void)file;
	(void)line;
	(void)level;
	(void)format;
	(void)ap;
}

enum ph_err
sip_message_init(void)
{
	int i;

	/*
	 * Without this, libosip2 prints text from strangers on the standard
	 * output.
	 */
	osip_trace_initialize_func(OSIP_FATAL, no_trace);
	for (i = OSIP_FATAL; i < END_TRACE_LEVEL; i++)
		osip_trace_disable_level((osip_trace_level_t)i);
	return parser_init() == 0 ? PH_OK : PH_ENOMEM;
}

static enum ph_err
message_reject(struct reader *r, enum sip_reject why)
{
	r->why = why;
	return PH_EMALFORMED;
}

/* Our error for one of libosip2's. */
static enum ph_err
osip_result(struct reader *r, int rc)
{
	if (rc == OSIP_NOMEM)
		return PH_ENOMEM;
	return rc == OSIP_SUCCESS ? PH_OK
				  : message_reject(r, SIP_REJECT_SYNTAX);
}

static const char *const methods[] = {
	[SIP_INVITE] = "INVITE",
	[SIP_ACK] = "ACK",
	[SIP_BYE] = "BYE",
	[SIP_CANCEL] = "CANCEL",
	[SIP_PRACK] = "PRACK",
	[SIP_UPDATE] = "UPDATE",
};

#define NMETHODS (sizeof(methods) / sizeof(methods[0]))

const char *
sip_method_name(enum sip_method method)
{
	return (size_t)method < NMETHODS ? methods[method] : NULL;
}

/* Case matters: RFC 3261 section 7.1. */
static enum sip_method
method_of(struct span s)
{
	size_t i;

	for (i = SIP_INVITE; i < NMETHODS; i++)
		if (span_eq_str(s, methods[i]))
			return (enum sip_method)i;
	return SIP_OTHER;
}

/*
 * Not SIP and not meant to be: STUN, DTLS and NULs begin with a control
 * byte, RTP and RTCP with the high bit set (RFC 7983 section 7).
 */
static bool
is_noise(struct span in)
{
	return in.len < MIN_MESSAGE || (unsigned char)in.p[0] < ' ' ||
	    (unsigned char)in.p[0] >= 0x80;
}

static struct span
skip_line_ends(struct span in)
{
	while (in.len > 0 && (in.p[0] == '\r' || in.p[0] == '\n'))
		in = span_sub(in, 1, in.len);
	return in;
}

/*
 * A copy of `s` to keep, NUL-terminated; line folds and runs of blanks become
 * one blank (RFC 3261 section 7.3.1).
 */
static char *
message_keep(struct reader *r, struct span s, struct span *out)
{
	struct store *st = r->store;
	char *begin = st->text + st->len, *p = begin;
	bool blank = false;
	size_t i;
	char c;

	/* store_open() has made room for it. */
	if (s.len >= st->size - st->len)
		abort();
	for (i = 0; i < s.len; i++) {
		c = s.p[i];
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			blank = true;
			continue;
		}
		if (blank && p != begin)
			*p++ = ' ';
		blank = false;
		*p++ = c;
	}
	*p = '\0';
	st->len += (size_t)(p - begin) + 1;
	if (out != NULL)
		*out = (struct span) { begin, (size_t)(p - begin) };
	return begin;
}

static const enum head_id kept[] = { HEAD_CALL_ID, HEAD_CONTACT, HEAD_CSEQ,
	HEAD_FROM, HEAD_TO, HEAD_VIA };

static enum ph_err
values_fit(struct reader *r)
{
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (r->head.value[kept[i]].len > MAX_VALUE) {
			r->why = SIP_REJECT_SIZE;
			return PH_ELIMIT;
		}
	return PH_OK;
}

/* Room for all values we keep, and for the copies of their parameters. */
static enum ph_err
store_open(struct reader *r)
{
	size_t i, size = 0;

	if (r->store != NULL)
		return PH_OK;
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		size += 2 * (r->head.value[kept[i]].len + 1);
	if ((r->store = malloc(sizeof(*r->store) + size)) == NULL)
		return PH_ENOMEM;
	r->store->len = 0;
	r->store->size = size;
	return PH_OK;
}

static bool
too_many(struct span s, char c)
{
	struct span rest = s;
	size_t n = 0;

	while (rest.len > 0) {
		(void)span_cut(rest, c, &rest);
		n++;
	}
	return n > MAX_PARAMS;
}

static enum ph_err
value_bounded(struct reader *r, struct span value)
{
	if (!too_many(value, ';') && !too_many(value, '&'))
		return PH_OK;
	r->why = SIP_REJECT_SIZE;
	return PH_ELIMIT;
}

/* The parameter `name` of a list, copied; empty if it is not there. */
static enum ph_err
param_read(struct reader *r, const osip_list_t *list, const char *name,
    struct span *out)
{
	osip_list_iterator_t it;
	osip_generic_param_t *p;
	bool found = false;

	for (p = osip_list_get_first(list, &it); p != NULL;
	     p = osip_list_get_next(&it)) {
		if (p->gname == NULL ||
		    !span_caseeq_str(span_of(p->gname), name))
			continue;
		if (found && p->gvalue != NULL && span_eq_str(*out, p->gvalue))
			continue;
		if (found)
			return message_reject(r, SIP_REJECT_DUPLICATE);
		found = true;
		if (p->gvalue == NULL)
			continue;
		/*
		 * Outside CHARS_PARAM are bytes that end the value for some
		 * readers and belong to it for others.
		 */
		if (!chars_all(span_of(p->gvalue), CHARS_PARAM))
			return message_reject(r, SIP_REJECT_SYNTAX);
		(void)message_keep(r, span_of(p->gvalue), out);
	}
	return PH_OK;
}

/*
 * A name-addr without its display name, if that is not quoted: libosip2 wants
 * tokens there, as the grammar does, but phones write names in UTF-8 and
 * servers do not mind.
 */
static struct span
skip_name(struct span value)
{
	struct span rest, name = span_cut(value, '<', &rest);

	/* A quote, or an address before the <, is for the grammar to judge. */
	if (name.len == value.len || span_find(name, '"') < name.len ||
	    span_find(name, ';') < name.len)
		return value;
	return span_sub(value, name.len, value.len);
}

/*
 * Nothing but parameters may follow the address: libosip2 would look for them
 * behind a second one.
 */
static bool
is_one_address(struct span value)
{
	bool quoted = false;
	struct span rest;
	size_t i;

	for (i = 0; i < value.len; i++) {
		if (quoted && value.p[i] == '\\')
			i++;
		else if (value.p[i] == '"')
			quoted = !quoted;
		else if (value.p[i] == '<' && !quoted)
			break;
	}
	(void)span_cut(span_sub(value, i, value.len), '>', &rest);
	rest = head_trim(rest);
	return rest.len == 0 || rest.p[0] == ';';
}

/* From and To: RFC 3261 sections 20.20 and 20.39. */
static enum ph_err
read_party(struct reader *r, enum head_id id, struct span *tag)
{
	struct span value = skip_name(r->head.value[id]);
	osip_from_t *from;
	enum ph_err rc;

	if (r->plain && plain_party(r->head.value[id], tag))
		return PH_OK;
	if ((rc = value_bounded(r, value)) != PH_OK ||
	    (rc = store_open(r)) != PH_OK)
		return rc;
	if (!is_one_address(value))
		return message_reject(r, SIP_REJECT_SYNTAX);
	if (osip_from_init(&from) != OSIP_SUCCESS)
		return PH_ENOMEM;
	rc =
	    osip_result(r, osip_from_parse(from, message_keep(r, value, NULL)));
	if (rc == PH_OK && from->url == NULL)
		rc = message_reject(r, SIP_REJECT_SYNTAX);
	if (rc == PH_OK)
		rc = param_read(r, &from->gen_params, "tag", tag);
	osip_from_free(from);
	return rc;
}

/* The first of a comma-separated list. */
static struct span
first_of_list(struct span s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == ',' && !quoted)
			return head_trim(span_sub(s, 0, i));
	}
	return s;
}

/* The branch of the topmost Via: RFC 3261 section 20.42. */
static enum ph_err
read_via(struct reader *r)
{
	struct span value = r->head.value[HEAD_VIA];
	osip_via_t *via;
	enum ph_err rc;

	r->out->relayed = r->head.count[HEAD_VIA] > 1;
	if (r->plain && plain_via(value, &r->out->branch))
		return PH_OK;
	value = first_of_list(value);
	if (value.len != r->head.value[HEAD_VIA].len)
		r->out->relayed = true;
	if ((rc = value_bounded(r, value)) != PH_OK ||
	    (rc = store_open(r)) != PH_OK)
		return rc;
	if (osip_via_init(&via) != OSIP_SUCCESS)
		return PH_ENOMEM;
	rc = osip_result(r, osip_via_parse(via, message_keep(r, value, NULL)));
	if (rc == PH_OK)
		rc = param_read(r, &via->via_params, "branch", &r->out->branch);
	osip_via_free(via);
	return rc;
}

/*
 * The address in Contact, if there is one Contact with one address in it.
 * No reason to refuse a message.
 */
static enum ph_err
read_contact(struct reader *r)
{
	struct span host, value, text = r->head.value[HEAD_CONTACT];
	osip_contact_t *contact;
	const osip_uri_t *url;
	struct addr a;
	int rc;

	if (r->head.count[HEAD_CONTACT] != 1 ||
	    (r->plain && plain_contact(text, &r->out->contact)) ||
	    first_of_list(text).len != text.len ||
	    value_bounded(r, text) != PH_OK)
		return PH_OK;
	if (store_open(r) != PH_OK)
		return PH_ENOMEM;
	if (osip_contact_init(&contact) != OSIP_SUCCESS)
		return PH_ENOMEM;
	rc = osip_contact_parse(contact,
	    message_keep(r, skip_name(text), &value));
	url = contact->url;
	if (rc == OSIP_SUCCESS && url != NULL && url->host != NULL &&
	    (span_caseeq_str(span_of(url->scheme), "sip") ||
		span_caseeq_str(span_of(url->scheme), "sips"))) {
		host = span_of(url->host);
		/* Without brackets, where does the port begin? */
		if (addr_parse(host, &a) == PH_OK &&
		    (a.af == AF_INET || span_find(value, '[') < value.len))
			r->out->contact = a;
	}
	osip_contact_free(contact);
	return rc == OSIP_NOMEM ? PH_ENOMEM : PH_OK;
}

/* A number: out of range is not the same as no number at all. */
static enum ph_err
number_read(struct reader *r, struct span s, uint32_t max, uint32_t *out)
{
	uint64_t n;
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return message_reject(r, SIP_REJECT_SYNTAX);
	if (s.len == 0)
		return message_reject(r, SIP_REJECT_SYNTAX);
	if (!span_number(s, max, &n))
		return message_reject(r, SIP_REJECT_RANGE);
	*out = (uint32_t)n;
	return PH_OK;
}

/* RFC 3261 section 20.16; the number is below 2^31: section 8.1.1.5. */
static enum ph_err
cseq_by_osip(struct reader *r, struct span *method)
{
	osip_cseq_t *cseq;
	enum ph_err rc;

	if ((rc = store_open(r)) != PH_OK)
		return rc;
	if (osip_cseq_init(&cseq) != OSIP_SUCCESS)
		return PH_ENOMEM;
	rc = osip_result(r,
	    osip_cseq_parse(cseq,
		message_keep(r, r->head.value[HEAD_CSEQ], NULL)));
	if (rc == PH_OK) {
		(void)message_keep(r, span_of(cseq->method), method);
		rc = head_is_token(*method)
		    ? number_read(r, span_of(cseq->number), INT32_MAX,
			  &r->out->cseq)
		    : message_reject(r, SIP_REJECT_SYNTAX);
	}
	osip_cseq_free(cseq);
	return rc;
}

static enum ph_err
read_cseq(struct reader *r)
{
	struct span method = { NULL, 0 };
	enum ph_err rc;

	if (!r->plain ||
	    !plain_cseq(r->head.value[HEAD_CSEQ], &r->out->cseq, &method))
		if ((rc = cseq_by_osip(r, &method)) != PH_OK)
			return rc;
	if (r->start.request && !span_eq(method, r->start.method))
		return message_reject(r, SIP_REJECT_MISMATCH);
	r->out->method = method_of(method);
	return PH_OK;
}

/* The next word of a value whose words are separated by any white space. */
static struct span
next_word(struct span *rest)
{
	struct span s = head_trim(*rest);
	size_t i;

	for (i = 0; i < s.len; i++)
		if (strchr(" \t\r\n", s.p[i]) != NULL)
			break;
	*rest = span_sub(s, i, s.len);
	return span_sub(s, 0, i);
}

/* RSeq, RAck (RFC 3262 section 7) and Session-Expires (RFC 4028 section 4). */
static enum ph_err
read_extensions(struct reader *r)
{
	struct sip_message *m = r->out;
	const struct head *h = &r->head;
	struct span rest, params;
	enum ph_err rc;
	uint64_t n;

	if (h->count[HEAD_RSEQ] > 0) {
		rc = number_read(r, h->value[HEAD_RSEQ], UINT32_MAX, &m->rseq);
		if (rc != PH_OK)
			return rc;
		m->reliable = m->status > 100 && m->status < 200;
	}
	if (h->count[HEAD_RACK] > 0) {
		rest = h->value[HEAD_RACK];
		rc =
		    number_read(r, next_word(&rest), UINT32_MAX, &m->rack_rseq);
		if (rc == PH_OK)
			rc = number_read(r, next_word(&rest), INT32_MAX,
			    &m->rack_cseq);
		if (rc != PH_OK)
			return rc;
		m->rack_method = method_of(head_trim(rest));
	}
	if (h->count[HEAD_SESSION_EXPIRES] > 0) {
		/*
		 * Without a timer the call still ends by silence, so do not
		 * refuse the message.
		 */
		rest = span_cut(h->value[HEAD_SESSION_EXPIRES], ';', &params);
		if (span_number(head_trim(rest), UINT32_MAX, &n))
			m->session_expires = (uint32_t)n;
	}
	return PH_OK;
}

static enum ph_err
read_fields(struct reader *r)
{
	static const enum head_id mandatory[] = { HEAD_CALL_ID, HEAD_CSEQ,
		HEAD_FROM, HEAD_TO, HEAD_VIA };
	struct sip_message *m = r->out;
	enum ph_err rc;
	size_t i;

	for (i = 0; i < sizeof(mandatory) / sizeof(mandatory[0]); i++)
		if (r->head.value[mandatory[i]].len == 0)
			return message_reject(r, SIP_REJECT_MISSING);
	if ((rc = values_fit(r)) != PH_OK)
		return rc;
	m->call_id = r->head.value[HEAD_CALL_ID];
	/*
	 * From here on Call-IDs are compared byte by byte, and shown to people.
	 */
	if (!chars_all(m->call_id, CHARS_VISIBLE))
		return message_reject(r, SIP_REJECT_SYNTAX);
	if ((rc = read_cseq(r)) != PH_OK || (rc = read_via(r)) != PH_OK ||
	    (rc = read_party(r, HEAD_FROM, &m->from_tag)) != PH_OK ||
	    (rc = read_party(r, HEAD_TO, &m->to_tag)) != PH_OK ||
	    (rc = read_contact(r)) != PH_OK)
		return rc;
	return read_extensions(r);
}

/*
 * What follows a message that says it has no body: nothing, line ends and
 * NULs, or another message, which is none of ours (RFC 3261 section 18.3).
 * Anything else may be a body to readers who know better.
 */
static bool
is_harmless_rest(struct span rest)
{
	struct head_start start;
	struct span line, s = rest;

	while (
	    s.len > 0 && (s.p[0] == '\r' || s.p[0] == '\n' || s.p[0] == '\0'))
		s = span_sub(s, 1, s.len);
	if (s.len == 0)
		return true;
	line = span_cut(s, '\n', &rest);
	return head_start_parse(&start, head_trim(line)) == SIP_REJECT_NONE;
}

/* Where the body is: Content-Length, or all there is in a datagram. */
static enum ph_err
find_body(struct reader *r, struct span rest, bool stream, struct span *body)
{
	bool present;
	size_t len;

	*body = rest;
	if (!head_length(&r->head, SIP_MAX_MESSAGE, &present, &len))
		return message_reject(r, SIP_REJECT_LENGTH);
	if (!present)
		return stream ? message_reject(r, SIP_REJECT_LENGTH) : PH_OK;
	if (len > rest.len || (stream && len != rest.len))
		return message_reject(r, SIP_REJECT_LENGTH);
	*body = span_sub(rest, 0, len);
	if (len == 0 && !is_harmless_rest(rest))
		return message_reject(r, SIP_REJECT_LENGTH);
	return PH_OK;
}

static enum ph_err
read_message(struct reader *r, struct span in, bool stream)
{
	struct sip_message *m = r->out;
	struct span body;
	enum ph_err rc;

	if (in.len > SIP_MAX_MESSAGE) {
		r->why = SIP_REJECT_SIZE;
		return PH_ELIMIT;
	}
	in = skip_line_ends(in);
	if (is_noise(in))
		return message_reject(r, SIP_REJECT_NOISE);
	rc = head_parse(&r->head, in, true, &r->why);
	if (rc == PH_ETRUNC)
		return message_reject(r, SIP_REJECT_SYNTAX);
	if (rc != PH_OK)
		return rc;
	if ((r->why = head_start_parse(&r->start, r->head.start)) !=
	    SIP_REJECT_NONE)
		return PH_EMALFORMED;
	m->request = r->start.request;
	m->status = r->start.status;
	if ((rc = find_body(r, span_sub(in, r->head.len, in.len), stream,
		 &body)) != PH_OK)
		return rc;
	if ((rc = read_fields(r)) != PH_OK)
		return rc;
	m->body = mime_find_sdp(&r->head, body, &m->sdp);
	return PH_OK;
}

static enum ph_err
message_parse(struct sip_message *out, struct span in, bool stream, bool plain,
    enum sip_reject *why)
{
	struct reader r;
	enum ph_err rc;

	memset(out, 0, sizeof(*out));
	r.out = out;
	r.store = NULL;
	r.plain = plain;
	r.why = SIP_REJECT_NONE;
	rc = read_message(&r, in, stream);
	if (rc != PH_OK) {
		free(r.store);
		memset(out, 0, sizeof(*out));
		*why = r.why;
		return rc;
	}
	out->impl = r.store;
	*why = SIP_REJECT_NONE;
	return PH_OK;
}

enum ph_err
sip_message_parse(struct sip_message *out, struct span in, bool stream,
    enum sip_reject *why)
{
	return message_parse(out, in, stream, true, why);
}

enum ph_err
sip_message_parse_by_osip(struct sip_message *out, struct span in, bool stream,
    enum sip_reject *why)
{
	return message_parse(out, in, stream, false, why);
}

void
sip_message_free(struct sip_message *m)
{
	if (m == NULL)
		return;
	free(m->impl);
	memset(m, 0, sizeof(*m));
}
