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
		w->word[w->n++] = s;
}

/* Up to the first character that ends a parameter for anybody. */
static struct span
first_word(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || strchr(";,<>\"", s.p[i]) != NULL)
			break;
	return span_sub(s, 0, i);
}

/* Every value of the parameter `name` in a field. */
static void
note_params(struct sip_words *w, struct span field, const char *name)
{
	struct span rest, value, param = span_cut(field, ';', &rest);

	while (rest.len > 0) {
		param = span_cut(rest, ';', &rest);
		param = span_cut(param, '=', &value);
		if (span_caseeq_str(head_trim(param), name))
			note_word(w, first_word(head_trim(value)));
	}
}

/* A line and those that continue it. */
static struct span
take_field(struct span *rest)
{
	struct span from = *rest, line;

	do {
		line = span_cut(*rest, '\n', rest);
	} while (rest->len > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'));
	return head_trim(
	    span_sub(from, 0, line.len + (size_t)(line.p - from.p)));
}

static bool
is_named(struct span name, const char *full, const char *compact)
{
	return span_caseeq_str(name, full) || span_caseeq_str(name, compact);
}

/* The number in CSeq, and whether its method is BYE. */
static bool
glance_cseq(struct sip_glance *out, struct span value)
{
	uint64_t n;
	size_t i = 0;

	while (i < value.len && value.p[i] >= '0' && value.p[i] <= '9')
		i++;
	if (!span_number(span_sub(value, 0, i), UINT32_MAX, &n))
		return false;
	out->cseq = (uint32_t)n;
	return span_eq_str(first_word(head_trim(span_sub(value, i, value.len))),
	    "BYE");
}

static bool
glance_start(struct sip_glance *out, struct span line)
{
	struct span rest, word = span_cut(line, ' ', &rest);
	uint64_t status;

	if (span_eq_str(word, "BYE")) {
		out->request = true;
		return true;
	}
	if (!span_eq_str(word, "SIP/2.0") ||
	    !span_number(span_sub(head_trim(rest), 0, 3), 699, &status) ||
	    status < 100)
		return false;
	out->status = (uint16_t)status;
	return true;
}

bool
sip_message_glance(struct sip_glance *out, struct span in)
{
	struct span rest = head_trim(in), field, name, value;
	bool bye = false;

	memset(out, 0, sizeof(*out));
	if (!glance_start(out, take_field(&rest)))
		return false;
	while ((field = take_field(&rest)).len > 0) {
		name = head_trim(span_cut(field, ':', &value));
		value = head_trim(value);
		if (is_named(name, "Call-ID", "i"))
			note_word(&out->call_id, value);
		else if (is_named(name, "From", "f"))
			note_params(&out->from_tag, value, "tag");
		else if (is_named(name, "To", "t"))
			note_params(&out->to_tag, value, "tag");
		else if (is_named(name, "Via", "v"))
			note_params(&out->branch, value, "branch");
		else if (span_caseeq_str(name, "CSeq"))
			bye = glance_cseq(out, value) || bye;
	}
	return out->request || bye;
}
