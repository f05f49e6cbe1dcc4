/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>

#include "src/base/clock.h"
#include "src/engine/asked.h"
#include "src/engine/tell.h"

/* Lines go together, as many as fit in a message. */
struct asked {
	struct feed *feed;
	uint64_t seq;
	struct strbuf b;
	char text[IPC_TEXT + 1];
};

static void
asked_flush(struct asked *a)
{
	feed_text(a->feed, a->seq, (struct span) { a->b.p, a->b.len });
	strbuf_reset(&a->b);
}

static void
on_line(void *ctx, const char *text)
{
	struct asked *a = ctx;
	struct span line = span_sub(span_of(text), 0, IPC_TEXT - 1);

	if (a->b.len + line.len + 1 > IPC_TEXT)
		asked_flush(a);
	strbuf_add(&a->b, line);
	strbuf_str(&a->b, "\n");
}

static bool
on_media(void *ctx, struct span call_id, struct silence *s)
{
	return engine_media(ctx, call_id, s);
}

void
asked_explain(struct feed *f, const struct ipc_msg *m, struct engine *e,
    const struct conf *conf)
{
	asked_story(f, m, e, engine_story(e), conf);
}

void
asked_story(struct feed *f, const struct ipc_msg *m, struct engine *e,
    const struct story *s, const struct conf *conf)
{
	static const enum ph_err errors[] = { [TELL_NONE] = PH_EGONE,
		[TELL_ONE] = PH_OK,
		[TELL_MANY] = PH_EAMBIGUOUS };
	const struct ipc_which *w = &m->u.which;
	struct span name = { w->call, w->n };
	struct asked a = { .feed = f, .seq = m->hdr.seq };
	struct tell t = { .story = s,
		.conf = conf,
		.wall = clock_wall,
		.line = on_line,
		.ctx = &a,
		.media = e != NULL ? on_media : NULL,
		.media_ctx = e,
		.now = clock_now() };
	const struct story_call *c;
	enum tell_found found;
	char number[32];

	a.b = strbuf_of(a.text, sizeof(a.text));
	if (w->id != 0) {
		snprintf(number, sizeof(number), "%" PRIu64, w->id);
		name = span_of(number);
	}
	found = tell_find(s, name, &c);
	if (found == TELL_ONE)
		tell_call(&t, c);
	else
		tell_list(&t, name);
	asked_flush(&a);
	feed_done(f, a.seq, errors[found], 0);
}
