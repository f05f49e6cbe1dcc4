/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_TELL_H
#define ENGINE_TELL_H

#include "src/base/silence.h"
#include "src/conf/conf.h"
#include "src/engine/sessions.h"
#include "src/engine/story.h"

/*
 * The story of one call as lines for a person; text from the network, which is
 * the Call-ID alone, is escaped.
 */
struct tell {
	const struct story *story;
	const struct sessions *sessions; /* or NULL */
	const struct conf *conf;
	int64_t (*wall)(int64_t now); /* what to show for a time; NULL: it */
	void (*line)(void *ctx, const char *text);
	void *ctx;
	/* Live, or NULL: engine_media(). */
	bool (*media)(void *media_ctx, struct span call_id, struct silence *s);
	void *media_ctx;
	int64_t now; /* with `media` */
};

enum tell_found {
	TELL_NONE,
	TELL_ONE,
	TELL_MANY, /* several Call-IDs begin so */
};

/*
 * `name` is a Call-ID, the beginning of just one, or the number of a pinhole.
 * Another than the whole Call-ID is looked for by its escaped form, too.
 */
enum tell_found tell_find(const struct story *s, struct span name,
    const struct story_call **out);

/* By the number of a pinhole, whoever has it for a Call-ID. */
enum tell_found tell_find_hole(const struct story *s, uint64_t id,
    const struct story_call **out);

void tell_call(const struct tell *t, const struct story_call *c);

/*
 * The calls whose Call-ID begins with `name`; if there are none, the latest
 * of all, and the messages that belonged to no call.
 */
#define TELL_LIST 20
void tell_list(const struct tell *t, struct span name);

/* For those who tell of something else. */
void tell_date(const struct tell *t, int64_t at, struct strbuf *b);
/*
 * "    +1.250  ", or as many blanks if it is the time of the line before, for
 * which `last` is kept.  Empties `b`.
 */
#define TELL_LINE   2048
#define TELL_INDENT "            "
void tell_time(struct strbuf *b, int64_t since, int64_t at, int64_t *last);

#endif
