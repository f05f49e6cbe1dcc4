/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "sip/head.h"
#include "sip/message.h"

/*
 * Lines end in LF; what else is at their end does not matter.  The head ends
 * with an empty line, or with the input.
 */

static void
note_word(struct sip_words *w, struct span s)
{
	size_t i;

	if (s.len == 0)
		return;
	for (i = 0; i < w->n; i++)
		if (span_eq(w->word[i], s))
			return;
	if (w->n < SIP_GLANCE_MAX)
		w->n++;
	w->word[w->n - 1] = s;
}

/* Up to the first character that ends a parameter for some reader. */
static struct span
first_word(struct span s)
{
	size_t i;

	while (s.len > 0 && s.p[0] == '"')
		s = span_sub(s, 1, s.len);
	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || strchr(";,<>\"", s.p[i]) != NULL)
			break;
	return span_sub(s, 0, i);
}

/* The next value of the parameter `name`; false if there is none. */
static bool
next_param(struct span *rest, const char *name, struct span *value)
{
	struct span param;

	while (rest->len > 0) {
		param = span_cut(span_cut(*rest, ';', rest), '=', value);
		if (!span_caseeq_str(head_trim(param), name))
			continue;
		*value = first_word(head_trim(*value));
		return true;
	}
	return false;
}

/* The address may be in brackets; some look for these in quotes, too. */
static struct span
after_address(struct span field)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < field.len; i++) {
		if (quoted && field.p[i] == '\\')
			i++;
		else if (field.p[i] == '"')
			quoted = !quoted;
		else if (field.p[i] == '<' && !quoted)
			break;
	}
	if (i >= field.len)
		return field;
	field = span_sub(field, i, field.len);
	return span_sub(field, span_find(field, '>'), field.len);
}

/* The first tag behind `from`, of which another reader may see the rest. */
static struct span
first_tag(struct span from)
{
	struct span rest, value;

	(void)span_cut(from, ';', &rest);
	return next_param(&rest, "tag", &value) ? value : span_sub(from, 0, 0);
}

/*
 * There may be thousands of tags in a field, most in quotes or in brackets.
 * Readers take the first behind the address, behind the first or the last
 * bracket, or the first or last of all.
 */
static void
note_tags(struct sip_words *w, struct span *tag, struct span field)
{
	struct span rest = field, value, last = { NULL, 0 };
	size_t i;

	value = first_tag(after_address(field));
	if (w->n == 0)
		*tag = value;
	note_word(w, value);
	note_word(w, first_tag(field));
	note_word(w,
	    first_tag(span_sub(field, span_find(field, '>'), field.len)));
	while ((i = span_find(rest, '>')) < rest.len)
		rest = span_sub(rest, i + 1, rest.len);
	note_word(w, first_tag(rest));
	(void)span_cut(field, ';', &rest);
	while (next_param(&rest, "tag", &value))
		last = value;
	note_word(w, last);
}

/* A line and those that continue it. */
static struct span
take_field(struct span *rest)
{
	struct span from = *rest, line = span_cut(*rest, '\n', rest);

	/*
	 * The empty line at the end of the head has no continuation lines: a
	 * line behind it belongs to the body, even if it begins with a blank.
	 */
	if (head_trim(line).len == 0)
		return span_sub(from, 0, 0);
	while (rest->len > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		line = span_cut(*rest, '\n', rest);
	return head_trim(
	    span_sub(from, 0, line.len + (size_t)(line.p - from.p)));
}

static bool
is_named(struct span name, const char *full, const char *compact)
{
	return span_caseeq_str(name, full) || span_caseeq_str(name, compact);
}

/* A method that says BYE and a number, if it is one: neither need be right. */
static void
glance_cseq(struct sip_glance *out, struct span value)
{
	struct span rest = value, word;
	uint64_t n;
	size_t i;

	for (i = 0; i < value.len; i++)
		if (value.p[i] < '0' || value.p[i] > '9')
			break;
	if (span_number(span_sub(value, 0, i), UINT32_MAX, &n))
		out->cseq = (uint32_t)n;
	for (rest = span_sub(value, i, value.len); rest.len > 0;
	     rest = span_sub(rest, word.len + 1, rest.len)) {
		word = first_word(rest);
		out->bye = out->bye || span_caseeq_str(word, "BYE");
	}
}

static bool
glance_start(struct sip_glance *out, struct span line)
{
	struct span rest, word = span_cut(line, ' ', &rest);
	uint64_t status;

	if (!span_eq_str(word, "SIP/2.0")) {
		out->request = true;
		out->bye = span_eq_str(word, "BYE");
		out->invite = span_eq_str(word, "INVITE");
		return head_is_token(word);
	}
	if (!span_number(span_sub(head_trim(rest), 0, 3), 699, &status) ||
	    status < 100)
		return false;
	out->status = (uint16_t)status;
	return true;
}

static void
note_field(struct sip_glance *out, struct span name, struct span value)
{
	struct span branch;
	size_t i;

	if (is_named(name, "Call-ID", "i")) {
		for (i = 0; i < value.len && value.p[i] > ' '; i++)
			continue;
		note_word(&out->call_id, span_sub(value, 0, i));
	} else if (is_named(name, "From", "f"))
		note_tags(&out->from_tag, &out->from, value);
	else if (is_named(name, "To", "t"))
		note_tags(&out->to_tag, &out->to, value);
	else if (span_caseeq_str(name, "CSeq"))
		glance_cseq(out, value);
	else if (is_named(name, "Via", "v")) {
		out->relayed = out->branch.n > 0;
		(void)span_cut(value, ';', &value);
		while (next_param(&value, "branch", &branch))
			note_word(&out->branch, branch);
	}
}

/* From a line that begins with v= to one that is none of SDP. */
static struct span
find_sdp(struct span text)
{
	struct span begin, line;

	do {
		begin = text;
		line = span_cut(text, '\n', &text);
	} while (!span_has_prefix(line, "v=") && text.len > 0);
	if (!span_has_prefix(line, "v="))
		return span_sub(text, 0, 0);
	while (text.len > 1 && text.p[1] == '=')
		(void)span_cut(text, '\n', &text);
	return span_sub(begin, 0, (size_t)(text.p - begin.p));
}

bool
sip_message_glance(struct sip_glance *out, struct span in)
{
	struct span rest = head_trim(in), field, name, value;
	bool bye;

	memset(out, 0, sizeof(*out));
	out->from = out->to = span_sub(in, 0, 0);
	if (!glance_start(out, take_field(&rest)))
		return false;
	bye = out->bye;
	while ((field = take_field(&rest)).len > 0) {
		name = head_trim(span_cut(field, ':', &value));
		note_field(out, name, head_trim(value));
	}
	if (out->request)
		out->bye = bye;
	out->sdp = find_sdp(rest);
	return out->bye || out->sdp.len > 0;
}

static struct sip_words
one_word(struct span s)
{
	struct sip_words w = { 0 };

	w.n = 1;
	w.word[0] = s;
	return w;
}

struct sip_glance
sip_glance_of(const struct sip_message *m)
{
	struct sip_glance g = { 0 };

	g.request = m->request;
	g.bye = m->method == SIP_BYE;
	g.invite = m->request && m->method == SIP_INVITE;
	g.status = m->status;
	g.cseq = m->cseq;
	g.relayed = m->relayed;
	g.call_id = one_word(m->call_id);
	g.from = m->from_tag;
	g.to = m->to_tag;
	g.from_tag = one_word(m->from_tag);
	g.to_tag = one_word(m->to_tag);
	g.branch = one_word(m->branch);
	if (m->body == SIP_BODY_SDP)
		g.sdp = m->sdp;
	return g;
}
