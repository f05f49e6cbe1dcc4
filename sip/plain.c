/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "sip/plain.h"
#include "src/base/chars.h"

#define MAX_PARAMS 16 /* fewer than message.c allows */

/* As many of a kind as there are; at least one and at most `max`. */
static bool
take_some(struct span *s, unsigned int kind, size_t max, struct span *out)
{
	size_t n = chars_run(*s, kind);

	*out = (struct span) { s->p, n };
	s->p += n;
	s->len -= n;
	return n > 0 && n <= max;
}

static bool
take_char(struct span *s, char c)
{
	if (s->len == 0 || s->p[0] != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

/* `text` as it is: case matters. */
static bool
take_text(struct span *s, const char *text)
{
	if (!span_has_prefix(*s, text))
		return false;
	*s = span_sub(*s, strlen(text), s->len);
	return true;
}

static bool
take_port(struct span *s)
{
	struct span port;

	return !take_char(s, ':') || take_some(s, CHARS_DIGIT, 5, &port);
}

/*
 * ;name=value;name and so on.  The value of `name` goes to *out: it must have
 * one, and be there once.
 */
static bool
take_params(struct span *s, const char *name, struct span *out)
{
	struct span word, value;
	bool found = false;
	int n = 0;

	while (take_char(s, ';')) {
		value = (struct span) { NULL, 0 };
		if (++n > MAX_PARAMS ||
		    !take_some(s, CHARS_WORD, PLAIN_MAX, &word) ||
		    (take_char(s, '=') &&
			!take_some(s, CHARS_WORD, PLAIN_MAX, &value)))
			return false;
		if (name == NULL || !span_caseeq_str(word, name))
			continue;
		if (found || value.len == 0)
			return false;
		found = true;
		*out = value;
	}
	return true;
}

/*
 * <sip:user@host:port;parameters>, with or without the user.  libosip2 refuses
 * some addresses whose host has one character.
 */
static bool
take_address(struct span *s, struct span *host)
{
	struct span rest, none;

	if (!take_text(s, "<sip:"))
		return false;
	rest = *s;
	if (take_some(&rest, CHARS_WORD, PLAIN_MAX, &none) &&
	    take_char(&rest, '@'))
		*s = rest;
	return take_some(s, CHARS_HOST, PLAIN_MAX, host) && host->len > 1 &&
	    take_port(s) && take_params(s, NULL, &none) && take_char(s, '>');
}

/* "A name" before an address. */
static bool
take_name(struct span *s)
{
	struct span name;

	if (!take_char(s, '"'))
		return true;
	return take_some(s, CHARS_NAME, PLAIN_MAX, &name) && name.p[0] != ' ' &&
	    take_char(s, '"') && take_char(s, ' ');
}

bool
plain_cseq(struct span value, uint32_t *number, struct span *method)
{
	struct span text;
	uint64_t n;

	if (value.len > PLAIN_MAX ||
	    !take_some(&value, CHARS_DIGIT, 10, &text) ||
	    !take_char(&value, ' ') ||
	    !take_some(&value, CHARS_ALNUM, PLAIN_MAX, method) ||
	    value.len > 0 || !span_number(text, INT32_MAX, &n))
		return false;
	*number = (uint32_t)n;
	return true;
}

bool
plain_party(struct span value, struct span *tag)
{
	struct span host, found = { NULL, 0 };

	if (value.len > PLAIN_MAX || !take_name(&value) ||
	    !take_address(&value, &host) ||
	    !take_params(&value, "tag", &found) || value.len > 0)
		return false;
	*tag = found;
	return true;
}

bool
plain_via(struct span value, struct span *branch)
{
	struct span word, found = { NULL, 0 };

	if (value.len > PLAIN_MAX || !take_text(&value, "SIP/2.0/") ||
	    !take_some(&value, CHARS_ALNUM, 8, &word) ||
	    !take_char(&value, ' ') ||
	    !take_some(&value, CHARS_HOST, PLAIN_MAX, &word) ||
	    !take_port(&value) || !take_params(&value, "branch", &found) ||
	    value.len > 0)
		return false;
	*branch = found;
	return true;
}

bool
plain_contact(struct span value, struct addr *out)
{
	struct span host, none;

	memset(out, 0, sizeof(*out));
	if (value.len > PLAIN_MAX || !take_name(&value) ||
	    !take_address(&value, &host) || !take_params(&value, NULL, &none) ||
	    value.len > 0)
		return false;
	(void)!addr_parse(host, out);
	return true;
}
