/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_ASKED_H
#define ENGINE_ASKED_H

#include "src/conf/conf.h"
#include "src/engine/engine.h"
#include "src/engine/story.h"
#include "src/process/feed.h"

/*
 * Questions of the status process, IPC_EXPLAIN.  An answer takes milliseconds
 * when there are 10,000 calls, and messages of SIP wait meanwhile; so answers
 * get a 20th of the time.  One question waits for its turn; others get
 * PH_EAGAIN.
 */
struct asked {
	bool waits;
	uint64_t seq;
	struct ipc_which which;
	int64_t next; /* no answer before that */
};

void asked_put(struct asked *a, struct feed *f, const struct ipc_msg *m);

/* Answer the question if it is time. */
void asked_run(struct asked *a, struct feed *f, struct engine *e,
    const struct conf *conf);

/* When asked_run() wants to be called; INT64_MAX: there is no question. */
int64_t asked_due(const struct asked *a);

/*
 * An answer: the story of the call that `w` names, or, with PH_EGONE or
 * PH_EAMBIGUOUS at the end, which calls there are.  `e` may be NULL.
 */
void asked_story(struct feed *f, uint64_t seq, const struct ipc_which *w,
    struct engine *e, const struct story *s, const struct conf *conf);

#endif
