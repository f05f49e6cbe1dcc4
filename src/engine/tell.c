/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "src/base/timers.h"
#include "src/engine/tell.h"
#include "src/engine/words.h"

static struct span
span_prefix(struct span s, size_t n)
{
	return span_sub(s, 0, n);
}

static bool
begins_so(const struct story_call *c, struct span name)
{
	char text[4 * STORY_NAME + 1];
	struct strbuf b = strbuf_of(text, sizeof(text));

	if (span_eq(span_prefix(c->call_id, name.len), name))
		return true;
	if (name.len == 0 || memchr(name.p, '\\', name.len) == NULL)
		return false;
	strbuf_vis(&b, c->call_id);
	return span_eq(span_prefix((struct span) { b.p, b.len }, name.len),
	    name);
}

static bool
has_hole(const struct story_call *c, uint64_t id)
{
	struct cursor r = story_records(c);
	struct story_entry e;

	while (story_read(&r, &e))
		if ((e.kind == STORY_OPEN || e.kind == STORY_CLOSE) &&
		    e.hole.id == id)
			return true;
	return false;
}

enum tell_found
tell_find_hole(const struct story *s, uint64_t id,
    const struct story_call **out)
{
	const struct story_call *c;

	for (c = story_first(s); c != NULL; c = story_next(c))
		if (has_hole(c, id)) {
			*out = c;
			return TELL_ONE;
		}
	return TELL_NONE;
}

enum tell_found
tell_find(const struct story *s, struct span name,
    const struct story_call **out)
{
	const struct story_call *c, *found = NULL;
	uint64_t id;
	size_t n = 0;

	c = story_find_from(s, name);
	if (c != NULL && span_eq(c->call_id, name)) {
		*out = c;
		return TELL_ONE;
	}
	if (span_number(name, UINT64_MAX, &id) &&
	    tell_find_hole(s, id, out) == TELL_ONE)
		return TELL_ONE;
	for (c = story_first(s); c != NULL; c = story_next(c))
		if (begins_so(c, name)) {
			found = c;
			n++;
		}
	*out = found;
	return n == 0 ? TELL_NONE : n == 1 ? TELL_ONE : TELL_MANY;
}

void
tell_date(const struct tell *t, int64_t at, struct strbuf *b)
{
	char text[32];
	struct tm tm;
	time_t s;

	if (t->wall != NULL)
		at = t->wall(at);
	s = (time_t)(at / USEC_PER_SEC);
	if (gmtime_r(&s, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return;
	strbuf_fmt(b, "%s.%03d UTC", text, (int)(at % USEC_PER_SEC / 1000));
}

void
tell_time(struct strbuf *b, int64_t since, int64_t at, int64_t *last)
{
	int64_t ms = (at - since) / 1000;
	char text[32];

	strbuf_reset(b);
	if (at == *last) {
		strbuf_str(b, TELL_INDENT);
		return;
	}
	*last = at;
	snprintf(text, sizeof(text), "+%" PRId64 ".%03d", ms / 1000,
	    (int)(ms % 1000));
	strbuf_fmt(b, "%10s  ", text);
}

static void
put_way(const struct story_entry *e, struct strbuf *b)
{
	char from[ADDR_STRLEN], to[ADDR_STRLEN];

	strbuf_fmt(b, "%s -> %s  ", addr_format(&e->from, from),
	    addr_format(&e->to, to));
}

static void
tell_refusal(const struct tell *t, const struct story_entry *e,
    struct strbuf *b)
{
	strbuf_fmt(b, "not opened (%s): ", reason_name(e->reason));
	words_refused(t->conf, e, b);
	t->line(t->ctx, b->p);
	strbuf_reset(b);
	strbuf_str(b, TELL_INDENT "  what to change: ");
	words_advice(t->conf, e, b);
	t->line(t->ctx, b->p);
}

static void
tell_entry(const struct tell *t, const struct story_entry *e, struct strbuf *b)
{
	switch (e->kind) {
	case STORY_MESSAGE:
		put_way(e, b);
		words_message(e, b);
		break;
	case STORY_IGNORE:
		put_way(e, b);
		strbuf_str(b, "ignored, ");
		words_ignored(t->story, e, b);
		break;
	case STORY_OPEN:
	case STORY_CLOSE:
		if (e->reason == REASON_NONE) {
			strbuf_str(b, "open since before ");
			words_hole(&e->hole, b);
			break;
		}
		strbuf_str(b, e->kind == STORY_OPEN ? "opened " : "closed ");
		words_hole(&e->hole, b);
		strbuf_fmt(b, " (%s): %s", reason_name(e->reason),
		    words_reason(e->reason));
		break;
	case STORY_REFUSE:
		tell_refusal(t, e, b);
		return;
	case STORY_END:
		strbuf_fmt(b, "over (%s): %s", reason_name(e->reason),
		    words_reason(e->reason));
		break;
	case STORY_KINDS:
		return;
	}
	t->line(t->ctx, b->p);
}

static void
tell_head(const struct tell *t, const struct story_call *c,
    const struct story_sum *sum, struct strbuf *b)
{
	strbuf_reset(b);
	strbuf_str(b, "call ");
	strbuf_vis(b, c->call_id);
	t->line(t->ctx, b->p);
	strbuf_reset(b);
	strbuf_str(b, "began ");
	tell_date(t, c->began, b);
	strbuf_str(b, "; ");
	words_state(c, sum, b);
	t->line(t->ctx, b->p);
	if (c->adopted)
		t->line(t->ctx,
		    "It began before this engine knew of it; what was said "
		    "before is not known.");
	else if (c->cut)
		t->line(t->ctx,
		    "Its beginning was dropped to make room for other calls.");
}

/* `asked`: whether the packet filter was, since the pinholes opened. */
static void
put_seen(struct strbuf *b, const char *who, int64_t at, bool asked, int64_t now)
{
	if (at == 0 && !asked)
		strbuf_fmt(b, "%s has not been looked at yet", who);
	else if (at == 0)
		strbuf_fmt(b, "%s has sent nothing", who);
	else
		strbuf_fmt(b, "%s was last seen to send %" PRId64 " s ago", who,
		    now > at ? (now - at) / USEC_PER_SEC : 0);
}

/* When media last went through the open pinholes, if that is known. */
static void
tell_media(const struct tell *t, const struct story_call *c, struct strbuf *b)
{
	struct silence s;
	bool asked;

	if (t->media == NULL || !t->media(t->media_ctx, c->call_id, &s))
		return;
	strbuf_reset(b);
	strbuf_str(b, "Through its pinholes, ");
	asked = t->now - s.since >= s.timeout;
	put_seen(b, "the inside", s.inside, asked, t->now);
	strbuf_str(b, ", and ");
	put_seen(b, "the outside", s.outside, asked, t->now);
	strbuf_str(b, ".");
	t->line(t->ctx, b->p);
}

void
tell_call(const struct tell *t, const struct story_call *c)
{
	struct story_sum sum = words_sum(c);
	struct cursor r = story_records(c);
	char text[TELL_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	struct story_entry e;
	int64_t last = INT64_MIN;

	tell_head(t, c, &sum, &b);
	while (story_read(&r, &e)) {
		tell_time(&b, c->began, e.at, &last);
		tell_entry(t, &e, &b);
	}
	if (c->left_out > 0) {
		strbuf_reset(&b);
		strbuf_fmt(&b,
		    "%" PRIu32 " lines were left out, for the story "
		    "of one call is limited.",
		    c->left_out);
		t->line(t->ctx, b.p);
	}
	tell_media(t, c, &b);
	strbuf_reset(&b);
	words_trouble(c, &sum, &b);
	if (b.len > 0)
		t->line(t->ctx, b.p);
}

static void
list_line(const struct tell *t, const struct story_call *c)
{
	struct story_sum sum = words_sum(c);
	char text[TELL_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));

	strbuf_str(&b, "  ");
	tell_date(t, c->began, &b);
	strbuf_str(&b, "  ");
	strbuf_vis(&b, span_prefix(c->call_id, 64));
	strbuf_str(&b, c->call_id.len > 64 ? "...  " : "  ");
	words_state(c, &sum, &b);
	t->line(t->ctx, text);
}

/* The latest calls whose Call-ID begins so, latest first. */
static size_t
list_latest(const struct tell *t, struct span name,
    const struct story_call *v[TELL_LIST], size_t *total)
{
	const struct story_call *c;
	size_t n = 0, i;

	*total = 0;
	for (c = story_first(t->story); c != NULL; c = story_next(c)) {
		if (!begins_so(c, name))
			continue;
		++*total;
		if (n == TELL_LIST && c->began <= v[n - 1]->began)
			continue;
		if (n < TELL_LIST)
			n++;
		for (i = n - 1; i > 0 && v[i - 1]->began < c->began; i--)
			v[i] = v[i - 1];
		v[i] = c;
	}
	return n;
}

static void
list_strays(const struct tell *t)
{
	char text[TELL_LINE], from[ADDR_STRLEN], to[ADDR_STRLEN];
	struct strbuf b = strbuf_of(text, sizeof(text));
	const struct story_stray *s;
	size_t i;

	for (i = 0; i < TELL_LIST && (s = story_stray(t->story, i)) != NULL;
	     i++) {
		if (i == 0)
			t->line(t->ctx,
			    "Messages that belonged to no call, the latest "
			    "first:");
		strbuf_reset(&b);
		strbuf_str(&b, "  ");
		tell_date(t, s->at, &b);
		strbuf_fmt(&b, "  %s -> %s: %s", addr_format(&s->src, from),
		    addr_format(&s->dst, to), s->why);
		t->line(t->ctx, b.p);
	}
}

void
tell_list(const struct tell *t, struct span name)
{
	const struct story_call *v[TELL_LIST];
	char text[TELL_LINE];
	struct strbuf b = strbuf_of(text, sizeof(text));
	size_t n, i, total;
	bool none;

	n = list_latest(t, name, v, &total);
	none = n == 0;
	strbuf_fmt(&b, "%s begins with \"",
	    none ? "No Call-ID" : "More than one Call-ID");
	strbuf_vis(&b, span_prefix(name, STORY_NAME));
	strbuf_str(&b, "\".");
	t->line(t->ctx, b.p);
	if (none)
		n = list_latest(t, SPAN_LITERAL(""), v, &total);
	strbuf_reset(&b);
	if (n == 0)
		strbuf_str(&b, "No call is known.");
	else if (n < total)
		strbuf_fmt(&b, "The latest %zu of %zu calls:", n, total);
	else
		strbuf_str(&b, "The calls, the latest first:");
	t->line(t->ctx, b.p);
	for (i = 0; i < n; i++)
		list_line(t, v[i]);
	if (none)
		list_strays(t);
}
