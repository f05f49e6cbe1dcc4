/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "sip/head.h"

/* The fields we read, in both spellings: RFC 3261 section 7.3.3. */
#define NAME(s) s, sizeof(s) - 1
/* clang-format off */
static const struct {
	const char	*name;
	size_t		 len;
	char		 compact;	/* or NUL */
	enum head_id	 id;
} names[] = {
	{ NAME("Call-ID"),		'i',	HEAD_CALL_ID },
	{ NAME("Contact"),		'm',	HEAD_CONTACT },
	{ NAME("Content-Disposition"),	'\0',	HEAD_CONTENT_DISPOSITION },
	{ NAME("Content-Encoding"),	'e',	HEAD_CONTENT_ENCODING },
	{ NAME("Content-Length"),	'l',	HEAD_CONTENT_LENGTH },
	{ NAME("Content-Transfer-Encoding"), '\0', HEAD_CONTENT_TRANSFER_ENCODING },
	{ NAME("Content-Type"),		'c',	HEAD_CONTENT_TYPE },
	{ NAME("CSeq"),			'\0',	HEAD_CSEQ },
	{ NAME("From"),			'f',	HEAD_FROM },
	{ NAME("RAck"),			'\0',	HEAD_RACK },
	{ NAME("RSeq"),			'\0',	HEAD_RSEQ },
	{ NAME("Session-Expires"),	'x',	HEAD_SESSION_EXPIRES },
	{ NAME("To"),			't',	HEAD_TO },
	{ NAME("Via"),			'v',	HEAD_VIA },
};
/* clang-format on */
#undef NAME

/* How the lines of this head end, as far as is known. */
enum eol {
	EOL_UNKNOWN,
	EOL_CRLF,
	EOL_LF,
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct span
head_trim(struct span s)
{
	while (
	    s.len > 0 && (is_blank(s.p[0]) || s.p[0] == '\r' || s.p[0] == '\n'))
		s = span_sub(s, 1, s.len);
	while (s.len > 0 &&
	    (is_blank(s.p[s.len - 1]) || s.p[s.len - 1] == '\r' ||
		s.p[s.len - 1] == '\n'))
		s.len--;
	return s;
}

bool
head_is_token(struct span s)
{
	size_t i;
	char c;

	for (i = 0; i < s.len; i++) {
		c = s.p[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9'))
			continue;
		if (c != '-' && (c == '\0' || strchr(".!%*_+`'~", c) == NULL))
			return false;
	}
	return s.len > 0;
}

static enum head_id
id_of(struct span name)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name.len == names[i].len &&
		    (name.p[0] | 0x20) == (names[i].name[0] | 0x20) &&
		    (memcmp(name.p, names[i].name, name.len) == 0 ||
			span_caseeq_str(name, names[i].name)))
			return names[i].id;
	for (i = 0; name.len == 1 && i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].compact != '\0' &&
		    (name.p[0] | 0x20) == names[i].compact)
			return names[i].id;
	return HEAD_OTHER;
}

/*
 * One line up to its end, which *rest is then behind.  A line that is
 * continued on the next one has *folded set.
 */
static enum ph_err
take_line(struct span *rest, enum eol *eol, struct span *line, bool *folded,
    enum sip_reject *why)
{
	size_t i = span_find(*rest, '\n');
	bool crlf = i > 0 && rest->p[i - 1] == '\r';
	bool end = i == rest->len;
	enum eol this = crlf ? EOL_CRLF : EOL_LF;

	*why = SIP_REJECT_SYNTAX;
	*line = span_sub(*rest, 0, i - (crlf ? 1 : 0));
	if (line->len > 0 &&
	    (memchr(line->p, '\0', line->len) != NULL ||
		memchr(line->p, '\r', line->len) != NULL))
		return PH_EMALFORMED;
	if (i > SIP_MAX_LINE) {
		*why = SIP_REJECT_SIZE;
		return PH_ELIMIT;
	}
	/* Only the next byte tells whether a line goes on; a blank one ends. */
	if (end || (i + 1 == rest->len && line->len > 0))
		return PH_ETRUNC;
	*folded = line->len > 0 && is_blank(rest->p[i + 1]);
	*rest = span_sub(*rest, i + 1, rest->len);
	if (*folded)
		return PH_OK;
	if (*eol == EOL_UNKNOWN)
		*eol = this;
	return *eol == this ? PH_OK : PH_EMALFORMED;
}

/* A field with its continuation lines. */
static enum ph_err
take_field(struct span *rest, enum eol *eol, struct span *field,
    enum sip_reject *why)
{
	struct span from = *rest, line;
	bool folded;
	enum ph_err rc;

	if ((rc = take_line(rest, eol, field, &folded, why)) != PH_OK)
		return rc;
	/* A continuation of nothing. */
	if (field->len > 0 && is_blank(field->p[0]))
		return PH_EMALFORMED;
	while (folded) {
		if ((rc = take_line(rest, eol, &line, &folded, why)) != PH_OK)
			return rc;
		/* RFC 3261 would allow it; others see the end of the head. */
		if (span_trim(line).len == 0)
			return PH_EMALFORMED;
		field->len = (size_t)(line.p + line.len - from.p);
		if (field->len > SIP_MAX_LINE) {
			*why = SIP_REJECT_SIZE;
			return PH_ELIMIT;
		}
	}
	return PH_OK;
}

static enum ph_err
note_field(struct head *h, struct span field, enum sip_reject *why)
{
	struct span value, name;
	size_t colon = span_find(field, ':');
	enum head_id id;

	*why = SIP_REJECT_SYNTAX;
	/* HCOLON allows blanks before the colon, but no new line. */
	name = span_trim(span_sub(field, 0, colon));
	if (colon == field.len || !head_is_token(name))
		return PH_EMALFORMED;
	value = span_sub(field, colon + 1, field.len);
	id = id_of(name);
	if (h->count[id]++ == 0) {
		h->value[id] = head_trim(value);
		return PH_OK;
	}
	if (id == HEAD_OTHER || id == HEAD_VIA || id == HEAD_CONTACT)
		return PH_OK;
	/* Agents in the wild say this twice; the same is no second reading. */
	if (id == HEAD_CONTENT_TYPE && span_eq(h->value[id], head_trim(value)))
		return PH_OK;
	*why = SIP_REJECT_DUPLICATE;
	return PH_EMALFORMED;
}

enum ph_err
head_parse(struct head *h, struct span in, bool start, enum sip_reject *why)
{
	struct span rest = span_sub(in, 0, SIP_MAX_HEAD), field;
	enum eol eol = EOL_UNKNOWN;
	size_t n = 0;
	enum ph_err rc = PH_OK;
	bool folded;

	memset(h, 0, sizeof(*h));
	*why = SIP_REJECT_SYNTAX;
	if (start) {
		rc = take_line(&rest, &eol, &field, &folded, why);
		if (rc == PH_OK && (folded || field.len == 0))
			return PH_EMALFORMED;
		if (rc == PH_OK)
			h->start = field;
	}
	while (rc == PH_OK) {
		if ((rc = take_field(&rest, &eol, &field, why)) != PH_OK)
			break;
		if (field.len == 0) {
			h->len = (size_t)(rest.p - in.p);
			return PH_OK;
		}
		if (++n > SIP_MAX_HEADERS) {
			*why = SIP_REJECT_SIZE;
			return PH_ELIMIT;
		}
		rc = note_field(h, field, why);
	}
	if (rc == PH_ETRUNC && in.len > SIP_MAX_HEAD) {
		*why = SIP_REJECT_SIZE;
		return PH_ELIMIT;
	}
	return rc;
}

enum sip_reject
head_start_parse(struct head_start *s, struct span line)
{
	struct span rest, version;
	uint64_t status;

	memset(s, 0, sizeof(*s));
	if (span_has_prefix(line, "SIP/2.0 ")) {
		/* The reason may be empty, and its blank forgotten. */
		rest = span_sub(line, 8, line.len);
		if (rest.len > 3 && rest.p[3] != ' ')
			return span_number(span_cut(rest, ' ', &rest),
				   UINT64_MAX, &status)
			    ? SIP_REJECT_RANGE
			    : SIP_REJECT_SYNTAX;
		if (!span_number(span_sub(rest, 0, 3), 999, &status))
			return SIP_REJECT_SYNTAX;
		if (rest.len < 3 || status < 100 || status > 699)
			return SIP_REJECT_RANGE;
		s->status = (uint16_t)status;
		return SIP_REJECT_NONE;
	}
	/* Exactly two blanks: RFC 3261 section 7.1. */
	s->request = true;
	s->method = span_cut(line, ' ', &rest);
	s->uri = span_cut(rest, ' ', &version);
	if (!head_is_token(s->method) || s->uri.len == 0 ||
	    memchr(s->uri.p, '\t', s->uri.len) != NULL ||
	    memchr(s->uri.p, '<', s->uri.len) != NULL ||
	    !span_eq_str(version, "SIP/2.0"))
		return SIP_REJECT_SYNTAX;
	return SIP_REJECT_NONE;
}

bool
head_length(const struct head *h, uint64_t max, bool *present, size_t *len)
{
	uint64_t n = 0;

	*present = h->count[HEAD_CONTENT_LENGTH] > 0;
	if (*present && !span_number(h->value[HEAD_CONTENT_LENGTH], max, &n))
		return false;
	*len = (size_t)n;
	return true;
}
