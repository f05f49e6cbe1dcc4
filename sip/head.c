/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "sip/head.h"
#include "src/base/chars.h"

/*
 * The fields we read, in both spellings: RFC 3261 section 7.3.3.  By length,
 * so that a name is compared with few others.
 */
#define NAME(s) s, sizeof(s) - 1
/* clang-format off */
static const struct {
	const char	*name;
	size_t		 len;
	enum head_id	 id;
} names[] = {
	{ NAME("To"),			HEAD_TO },
	{ NAME("Via"),			HEAD_VIA },
	{ NAME("CSeq"),			HEAD_CSEQ },
	{ NAME("From"),			HEAD_FROM },
	{ NAME("RAck"),			HEAD_RACK },
	{ NAME("RSeq"),			HEAD_RSEQ },
	{ NAME("Call-ID"),		HEAD_CALL_ID },
	{ NAME("Contact"),		HEAD_CONTACT },
	{ NAME("Content-Type"),		HEAD_CONTENT_TYPE },
	{ NAME("Content-Length"),	HEAD_CONTENT_LENGTH },
	{ NAME("Session-Expires"),	HEAD_SESSION_EXPIRES },
	{ NAME("Content-Encoding"),	HEAD_CONTENT_ENCODING },
	{ NAME("Content-Disposition"),	HEAD_CONTENT_DISPOSITION },
	{ NAME("Content-Transfer-Encoding"), HEAD_CONTENT_TRANSFER_ENCODING },
};

static const enum head_id compact[32] = {
	['c' & 31] = HEAD_CONTENT_TYPE,
	['e' & 31] = HEAD_CONTENT_ENCODING,
	['f' & 31] = HEAD_FROM,
	['i' & 31] = HEAD_CALL_ID,
	['l' & 31] = HEAD_CONTENT_LENGTH,
	['m' & 31] = HEAD_CONTACT,
	['t' & 31] = HEAD_TO,
	['v' & 31] = HEAD_VIA,
	['x' & 31] = HEAD_SESSION_EXPIRES,
};
/* clang-format on */
#undef NAME

#define NNAMES	 (sizeof(names) / sizeof(names[0]))
#define MAX_NAME 25

/* The first of each length. */
static const uint8_t by_length[MAX_NAME + 1] = {
	[3] = 1,
	[4] = 2,
	[7] = 6,
	[12] = 8,
	[14] = 9,
	[15] = 10,
	[16] = 11,
	[19] = 12,
	[25] = 13,
};

/* How the lines of this head end, as far as is known. */
enum eol {
	EOL_UNKNOWN,
	EOL_CRLF,
	EOL_LF,
};

/* The lines that are still to be read. */
struct lines {
	struct span rest;
	const char *nul; /* the first in it, or NULL */
	enum eol eol;
	enum sip_reject why; /* of the last failure */
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
	return s.len > 0 && chars_all(s, CHARS_TOKEN);
}

static bool
is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static enum head_id
id_of(struct span name)
{
	size_t i;

	if (name.len == 1)
		return is_letter(name.p[0]) ? compact[name.p[0] & 31]
					    : HEAD_OTHER;
	if (name.len > MAX_NAME)
		return HEAD_OTHER;
	for (i = by_length[name.len]; i < NNAMES && names[i].len == name.len;
	     i++)
		if (((name.p[0] ^ names[i].name[0]) & ~0x20) == 0 &&
		    (memcmp(name.p, names[i].name, name.len) == 0 ||
			span_caseeq_str(name, names[i].name)))
			return names[i].id;
	return HEAD_OTHER;
}

static bool
is_broken(const struct lines *l, struct span line)
{
	return (l->nul != NULL && l->nul < line.p + line.len) ||
	    (line.len > 0 && memchr(line.p, '\r', line.len) != NULL);
}

/*
 * One line up to its end, which l->rest is then behind.  A line that is
 * continued on the next one has *folded set.
 */
static enum ph_err
take_line(struct lines *l, struct span *line, bool *folded)
{
	size_t i = span_find(l->rest, '\n');
	bool crlf = i > 0 && l->rest.p[i - 1] == '\r';
	bool end = i == l->rest.len;
	enum eol this = crlf ? EOL_CRLF : EOL_LF;

	l->why = SIP_REJECT_SYNTAX;
	*line = (struct span) { l->rest.p, i - (crlf ? 1 : 0) };
	if (is_broken(l, *line))
		return PH_EMALFORMED;
	if (i > SIP_MAX_LINE) {
		l->why = SIP_REJECT_SIZE;
		return PH_ELIMIT;
	}
	/* Only the next byte tells whether a line goes on; a blank one ends. */
	if (end || (i + 1 == l->rest.len && line->len > 0))
		return PH_ETRUNC;
	*folded = line->len > 0 && is_blank(l->rest.p[i + 1]);
	l->rest.p += i + 1;
	l->rest.len -= i + 1;
	if (*folded)
		return PH_OK;
	if (l->eol == EOL_UNKNOWN)
		l->eol = this;
	return l->eol == this ? PH_OK : PH_EMALFORMED;
}

/* A field with its continuation lines. */
static enum ph_err
take_field(struct lines *l, struct span *field)
{
	struct span line;
	bool folded;
	enum ph_err rc;

	if ((rc = take_line(l, field, &folded)) != PH_OK)
		return rc;
	/* The first line cannot continue another. */
	if (field->len > 0 && is_blank(field->p[0]))
		return PH_EMALFORMED;
	while (folded) {
		if ((rc = take_line(l, &line, &folded)) != PH_OK)
			return rc;
		/*
		 * RFC 3261 would allow a blank continuation line; some readers
		 * see the end of the head in it.
		 */
		if (span_trim(line).len == 0)
			return PH_EMALFORMED;
		field->len = (size_t)(line.p + line.len - field->p);
		if (field->len > SIP_MAX_LINE) {
			l->why = SIP_REJECT_SIZE;
			return PH_ELIMIT;
		}
	}
	return PH_OK;
}

/* HCOLON allows blanks before the colon, but no new line. */
static bool
cut_name(struct span *field, struct span *name)
{
	size_t n = chars_run(*field, CHARS_TOKEN), i = n;

	while (i < field->len && is_blank(field->p[i]))
		i++;
	if (n == 0 || i == field->len || field->p[i] != ':')
		return false;
	*name = (struct span) { field->p, n };
	field->p += i + 1;
	field->len -= i + 1;
	return true;
}

static enum ph_err
note_field(struct head *h, struct span field, enum sip_reject *why)
{
	struct span name;
	enum head_id id;

	*why = SIP_REJECT_SYNTAX;
	if (!cut_name(&field, &name))
		return PH_EMALFORMED;
	id = id_of(name);
	if (h->count[id]++ == 0) {
		h->value[id] = head_trim(field);
		return PH_OK;
	}
	if (id == HEAD_OTHER || id == HEAD_VIA || id == HEAD_CONTACT)
		return PH_OK;
	/* Agents in the wild say this twice; the same is no second reading. */
	if (id == HEAD_CONTENT_TYPE && span_eq(h->value[id], head_trim(field)))
		return PH_OK;
	*why = SIP_REJECT_DUPLICATE;
	return PH_EMALFORMED;
}

static enum ph_err
read_lines(struct head *h, struct lines *l, bool start)
{
	struct span field;
	size_t n = 0;
	enum ph_err rc;
	bool folded;

	if (start) {
		if ((rc = take_line(l, &field, &folded)) != PH_OK)
			return rc;
		if (folded || field.len == 0)
			return PH_EMALFORMED;
		h->start = field;
	}
	while ((rc = take_field(l, &field)) == PH_OK && field.len > 0) {
		if (++n > SIP_MAX_HEADERS) {
			l->why = SIP_REJECT_SIZE;
			return PH_ELIMIT;
		}
		if ((rc = note_field(h, field, &l->why)) != PH_OK)
			break;
	}
	return rc;
}

enum ph_err
head_parse(struct head *h, struct span in, bool start, enum sip_reject *why)
{
	struct lines l = { span_sub(in, 0, SIP_MAX_HEAD), NULL, EOL_UNKNOWN,
		SIP_REJECT_SYNTAX };
	enum ph_err rc;

	memset(h, 0, sizeof(*h));
	if (in.len > 0)
		l.nul = memchr(in.p, '\0', l.rest.len);
	rc = read_lines(h, &l, start);
	*why = l.why;
	if (rc == PH_OK)
		h->len = (size_t)(l.rest.p - in.p);
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
