/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/chars.h"
#include "src/base/jsonw.h"

static void
jsonw_key(struct jsonw *w, const char *name)
{
	size_t len = strlen(name);
	char *p = strbuf_room(w->out, len + (w->more ? 4 : 3));

	if (p == NULL)
		return;
	if (w->more)
		*p++ = ',';
	*p++ = '"';
	memcpy(p, name, len);
	p[len] = '"';
	p[len + 1] = ':';
	w->more = true;
}

struct jsonw
jsonw_begin(struct strbuf *out)
{
	strbuf_str(out, "{");
	return (struct jsonw) { out, false };
}

void
jsonw_end(struct jsonw *w)
{
	strbuf_str(w->out, "}");
}

/*
 * Length of the well-formed UTF-8 sequence at the start of `s` (RFC 3629
 * section 4), or 0.
 */
static size_t
utf8_len(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (s.len < n)
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

/* Text of which not all stands for itself. */
static void
text_escaped(struct strbuf *out, struct span v)
{
	size_t n;

	strbuf_str(out, "\"");
	for (; v.len > 0; v = span_sub(v, n, v.len)) {
		unsigned char c = (unsigned char)v.p[0];
		unsigned char next = v.len > 1 ? (unsigned char)v.p[1] : 0;

		if ((n = chars_run(v, CHARS_JSON)) > 0)
			strbuf_add(out, span_sub(v, 0, n));
		else if ((n = utf8_len(v)) == 0) {
			strbuf_str(out, "\\ufffd");
			n = 1;
		} else if (c == '"' || c == '\\')
			strbuf_fmt(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			strbuf_fmt(out, "\\u%04x", c);
		else if (c == 0xc2 && next < 0xa0)
			/* U+0080 to U+009F: terminals obey them, too. */
			strbuf_fmt(out, "\\u%04x", next);
		else
			strbuf_add(out, span_sub(v, 0, n));
	}
	strbuf_str(out, "\"");
}

void
jsonw_text(struct strbuf *out, struct span v)
{
	char *p = NULL;

	if (chars_all(v, CHARS_JSON))
		p = strbuf_room(out, v.len + 2);
	if (p == NULL) {
		text_escaped(out, v);
		return;
	}
	*p = '"';
	if (v.len > 0)
		memcpy(p + 1, v.p, v.len);
	p[v.len + 1] = '"';
}

void
jsonw_str(struct jsonw *w, const char *name, struct span v)
{
	jsonw_key(w, name);
	jsonw_text(w->out, v);
}

void
jsonw_uint(struct jsonw *w, const char *name, uint64_t value)
{
	jsonw_key(w, name);
	strbuf_uint(w->out, value);
}

void
jsonw_null(struct jsonw *w, const char *name)
{
	jsonw_key(w, name);
	strbuf_str(w->out, "null");
}

void
jsonw_time(struct jsonw *w, const char *name, int64_t usec)
{
	char text[] = ".000000";
	uint64_t v = usec < 0 ? 0 - (uint64_t)usec : (uint64_t)usec;
	uint64_t rest = v % 1000000;
	size_t i;

	jsonw_key(w, name);
	if (usec < 0)
		strbuf_str(w->out, "-");
	strbuf_uint(w->out, v / 1000000);
	for (i = 6; rest > 0; rest /= 10)
		text[i--] = (char)('0' + rest % 10);
	strbuf_str(w->out, text);
}

void
jsonw_list_begin(struct jsonw *w, const char *name)
{
	jsonw_key(w, name);
	strbuf_str(w->out, "[");
	w->more = false;
}

void
jsonw_list_uint(struct jsonw *w, uint64_t value)
{
	strbuf_fmt(w->out, "%s%" PRIu64, w->more ? "," : "", value);
	w->more = true;
}

void
jsonw_list_end(struct jsonw *w)
{
	strbuf_str(w->out, "]");
	w->more = true;
}

struct jsonw
jsonw_object(struct jsonw *w, const char *name)
{
	jsonw_key(w, name);
	return jsonw_begin(w->out);
}
