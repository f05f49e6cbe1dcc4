/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "sip/mime.h"

#define MAX_DEPTH    2	/* a multipart inside a multipart, no deeper */
#define MAX_BOUNDARY 70 /* RFC 2046 section 5.1.1 */

static enum sip_body mime_entity(const struct head *h, struct span body,
    unsigned int depth, struct span *sdp);

/* The value before its first parameter; *params begins with ';' or is empty. */
static struct span
first_word(struct span value, struct span *params)
{
	size_t i = span_find(value, ';');

	*params = span_sub(value, i, value.len);
	return head_trim(span_sub(value, 0, i));
}

/* Where the quoted string at the beginning of `s` ends; 0 if it does not. */
static size_t
quoted_end(struct span s)
{
	size_t i;

	for (i = 1; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

/*
 * Take ";name=value" off *params, quotes removed.  False when there is none
 * left, or with *bad set if it makes no sense.
 */
static bool
next_param(struct span *params, struct span *name, struct span *value,
    bool *bad)
{
	struct span rest = head_trim(*params);
	size_t i;

	if (rest.len == 0)
		return false;
	*bad = true;
	if (rest.p[0] != ';')
		return false;
	rest = span_sub(rest, 1, rest.len);
	for (i = 0; i < rest.len && rest.p[i] != '=' && rest.p[i] != ';'; i++)
		continue;
	*name = head_trim(span_sub(rest, 0, i));
	*value = (struct span) { rest.p, 0 };
	if (i < rest.len && rest.p[i] == '=') {
		rest = head_trim(span_sub(rest, i + 1, rest.len));
		if (rest.len > 0 && rest.p[0] == '"') {
			if ((i = quoted_end(rest)) == 0)
				return false;
			*value = span_sub(rest, 1, i - 2);
		} else {
			i = span_find(rest, ';');
			*value = head_trim(span_sub(rest, 0, i));
		}
	}
	*params = span_sub(rest, i, rest.len);
	*bad = false;
	return true;
}

static bool
read_boundary(struct span params, struct span *boundary)
{
	struct span name, value;
	bool bad = false, found = false;
	size_t i;

	while (next_param(&params, &name, &value, &bad)) {
		if (!span_caseeq_str(name, "boundary"))
			continue;
		if (found)
			return false;
		found = true;
		*boundary = value;
	}
	if (bad || !found || boundary->len == 0 ||
	    boundary->len > MAX_BOUNDARY ||
	    boundary->p[boundary->len - 1] == ' ')
		return false;
	for (i = 0; i < boundary->len; i++)
		if (boundary->p[i] < ' ' || boundary->p[i] > '~' ||
		    boundary->p[i] == '"' || boundary->p[i] == '\\')
			return false;
	return true;
}

/* A line that separates or ends the parts of a multipart. */
struct delimiter {
	size_t at;   /* where it begins */
	size_t end;  /* where what follows it begins */
	size_t part; /* where the part before ends: its line end is ours */
	bool close;
};

/*
 * The next delimiter at or after `from`, the beginning of a line.  PH_ETRUNC:
 * none.  PH_EAMBIGUOUS: a line that begins like one and goes on, which some
 * take for a delimiter and some do not.
 */
static enum ph_err
find_delimiter(struct span body, size_t from, struct span boundary,
    struct delimiter *d)
{
	struct span line, rest = span_sub(body, from, body.len);

	while (rest.len > 0) {
		d->at = (size_t)(rest.p - body.p);
		line = span_cut(rest, '\n', &rest);
		if (line.len < boundary.len + 2 || line.p[0] != '-' ||
		    line.p[1] != '-' ||
		    memcmp(line.p + 2, boundary.p, boundary.len) != 0)
			continue;
		d->end = (size_t)(rest.p - body.p);
		line = span_sub(line, boundary.len + 2, line.len);
		d->close = span_has_prefix(line, "--");
		if (d->close)
			line = span_sub(line, 2, line.len);
		if (head_trim(line).len > 0)
			return PH_EAMBIGUOUS;
		d->part = d->at;
		if (d->part > 0 && body.p[d->part - 1] == '\n')
			d->part--;
		if (d->part > 0 && body.p[d->part - 1] == '\r')
			d->part--;
		return PH_OK;
	}
	return PH_ETRUNC;
}

static enum sip_body
mime_multipart(struct span params, struct span body, unsigned int depth,
    struct span *sdp)
{
	struct span boundary, part, one;
	enum sip_body r, found = SIP_BODY_NONE;
	struct delimiter d, next;
	enum sip_reject why;
	struct head h;

	if (depth == MAX_DEPTH || !read_boundary(params, &boundary) ||
	    find_delimiter(body, 0, boundary, &d) != PH_OK || d.close)
		return SIP_BODY_AMBIGUOUS;
	do {
		if (find_delimiter(body, d.end, boundary, &next) != PH_OK)
			return SIP_BODY_AMBIGUOUS;
		part = span_sub(body, d.end, next.at - d.end);
		if (head_parse(&h, part, false, &why) != PH_OK)
			return SIP_BODY_AMBIGUOUS;
		part = d.end + h.len < next.part
		    ? span_sub(body, d.end + h.len, next.part - d.end - h.len)
		    : span_sub(body, next.part, 0);
		r = mime_entity(&h, part, depth + 1, &one);
		if (r == SIP_BODY_AMBIGUOUS ||
		    (r == SIP_BODY_SDP && found == SIP_BODY_SDP))
			return SIP_BODY_AMBIGUOUS;
		if (r == SIP_BODY_SDP) {
			found = r;
			*sdp = one;
		}
		d = next;
	} while (!d.close);
	/* The epilogue is ignored; it contains no further part. */
	if (find_delimiter(body, d.end, boundary, &next) != PH_ETRUNC)
		return SIP_BODY_AMBIGUOUS;
	return found;
}

/* Are the bytes what they seem?  RFC 3261 section 20.12, RFC 2045 section 6. */
static bool
mime_encoded(const struct head *h)
{
	struct span content = h->value[HEAD_CONTENT_ENCODING];
	struct span transfer = h->value[HEAD_CONTENT_TRANSFER_ENCODING];

	return (content.len > 0 && !span_caseeq_str(content, "identity")) ||
	    (transfer.len > 0 && !span_caseeq_str(transfer, "binary") &&
		!span_caseeq_str(transfer, "8bit") &&
		!span_caseeq_str(transfer, "7bit"));
}

static enum sip_body
mime_entity(const struct head *h, struct span body, unsigned int depth,
    struct span *sdp)
{
	struct span params, subtype, type;
	struct span disposition = h->value[HEAD_CONTENT_DISPOSITION];
	bool is_sdp, is_multipart;

	if (body.len == 0 || h->count[HEAD_CONTENT_TYPE] == 0)
		return SIP_BODY_NONE;
	type = first_word(h->value[HEAD_CONTENT_TYPE], &params);
	type = head_trim(span_cut(type, '/', &subtype));
	subtype = head_trim(subtype);
	if (!head_is_token(type) || !head_is_token(subtype))
		return SIP_BODY_AMBIGUOUS;
	is_multipart = span_caseeq_str(type, "multipart");
	is_sdp = span_caseeq_str(type, "application") &&
	    span_caseeq_str(subtype, "sdp");
	if (!is_multipart && !is_sdp)
		return SIP_BODY_NONE;
	if (is_sdp && disposition.len > 0 &&
	    !span_caseeq_str(first_word(disposition, &subtype), "session"))
		return SIP_BODY_NONE;
	if (mime_encoded(h))
		return SIP_BODY_AMBIGUOUS;
	if (is_multipart)
		return mime_multipart(params, body, depth, sdp);
	*sdp = body;
	return SIP_BODY_SDP;
}

enum sip_body
mime_find_sdp(const struct head *h, struct span body, struct span *sdp)
{
	struct span found;
	enum sip_body r = mime_entity(h, body, 0, &found);

	if (r == SIP_BODY_SDP)
		*sdp = found;
	return r;
}
