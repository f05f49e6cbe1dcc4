/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/engine/asked.h"
#include "src/engine/explain.h"

#define SHARE 20 /* a 20th of the time */

/* Lines go together, as many as fit in a message. */
struct answer {
	struct feed *feed;
	uint64_t seq;
	struct strbuf b;
	char text[IPC_TEXT + 1];
};

static void
answer_flush(struct answer *a)
{
	feed_text(a->feed, a->seq, (struct span) { a->b.p, a->b.len });
	strbuf_reset(&a->b);
}

static void
on_line(void *ctx, const char *text)
{
	struct answer *a = ctx;
	struct span line = span_sub(span_of(text), 0, IPC_TEXT - 1);

	if (a->b.len + line.len + 1 > IPC_TEXT)
		answer_flush(a);
	strbuf_add(&a->b, line);
	strbuf_str(&a->b, "\n");
}

static bool
on_media(void *ctx, struct span call_id, struct silence *s)
{
	return engine_media(ctx, call_id, s);
}

void
asked_put(struct asked *a, struct feed *f, const struct ipc_msg *m)
{
	if (a->waits) {
		feed_done(f, m->hdr.seq, PH_EAGAIN, 0);
		return;
	}
	a->waits = true;
	a->seq = m->hdr.seq;
	a->which = m->u.which;
}

void
asked_run(struct asked *a, struct feed *f, struct engine *e,
    const struct conf *conf)
{
	int64_t now = clock_now();

	if (!a->waits || now < a->next)
		return;
	a->waits = false;
	asked_story(f, a->seq, &a->which, e, engine_story(e), conf);
	a->next = now + SHARE * (clock_now() - now);
}

int64_t
asked_due(const struct asked *a)
{
	return a->waits ? a->next : INT64_MAX;
}

void
asked_story(struct feed *f, uint64_t seq, const struct ipc_which *w,
    struct engine *e, const struct story *s, const struct conf *conf)
{
	static const enum ph_err errors[] = { [TELL_NONE] = PH_EGONE,
		[TELL_ONE] = PH_OK,
		[TELL_MANY] = PH_EAMBIGUOUS };
	struct span name = { w->call, w->n };
	struct answer a = { .feed = f, .seq = seq };
	struct tell t = { .story = s,
		.sessions = e != NULL ? engine_sessions(e) : NULL,
		.conf = conf,
		.wall = clock_wall,
		.line = on_line,
		.ctx = &a,
		.media = e != NULL ? on_media : NULL,
		.media_ctx = e,
		.now = clock_now() };
	const struct session *session;
	const struct story_call *c;
	enum tell_found found;
	char number[32];

	a.b = strbuf_of(a.text, sizeof(a.text));
	if (w->id != 0) {
		snprintf(number, sizeof(number), "%" PRIu64, w->id);
		name = span_of(number);
	}
	found = explain_find(&t, name, w->id, &c, &session);
	/* As `show calls` writes a long Call-ID on a terminal. */
	if (found == TELL_NONE && name.len > 3 &&
	    memcmp(name.p + name.len - 3, "...", 3) == 0) {
		name.len -= 3;
		found = explain_find(&t, name, 0, &c, &session);
	}
	explain_tell(&t, name, found, c, session);
	answer_flush(&a);
	feed_done(f, a.seq, errors[found], 0);
}
