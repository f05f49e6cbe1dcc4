/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_ASKED_H
#define ENGINE_ASKED_H

#include "src/conf/conf.h"
#include "src/engine/engine.h"
#include "src/engine/story.h"
#include "src/process/feed.h"

/*
 * IPC_EXPLAIN of the status process: the story of the call that it names, or,
 * with PH_EGONE or PH_EAMBIGUOUS at the end, which calls there are.
 */
void asked_explain(struct feed *f, const struct ipc_msg *m, struct engine *e,
    const struct conf *conf);

/* The same of stories alone; `e` may be NULL. */
void asked_story(struct feed *f, const struct ipc_msg *m, struct engine *e,
    const struct story *s, const struct conf *conf);

#endif
