/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "src/conf/conf.h"
#include "src/engine/story.h"

/*
 * pinholed -r file --report out.html: all stories of a capture as one page that
 * a browser shows without asking anybody for anything else.
 *
 * The page is report.html, with the stories in it as JSON; the browser makes
 * what it shows of that, a call at a time.  Whatever the network said is in the
 * JSON only, and is shown as text only.  The file is written beside its place
 * and renamed, so that there is a whole page or none.
 *
 * These functions print what is wrong.
 */
struct report;

/* NULL: it cannot be written there.  `capture` is named on the page. */
struct report *report_open(const char *path, const char *capture);
/* The exit code: 0 or 2. */
int report_write(struct report *r, const struct story *s,
    const struct conf *conf);
/* Without report_write() before it, nothing is left.  NULL is fine. */
void report_close(struct report *r);

#endif
