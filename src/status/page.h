/* SPDX-License-Identifier: ISC */
#ifndef STATUS_PAGE_H
#define STATUS_PAGE_H

#include <stdint.h>

#include "src/base/strbuf.h"
#include "src/status/model.h"

/*
 * What the status page shows, as server-sent events with JSON in them; the
 * page itself is page.html, which is embedded in the program.
 *
 * The charts are of the last hour: a sample every PAGE_EVERY, of which
 * PAGE_SAMPLES are kept here, so that whoever opens the page sees them.
 */
#define PAGE_EVERY    (10 * INT64_C(1000000)) /* microseconds */
#define PAGE_SAMPLES  360
#define PAGE_REFUSALS 20
#define PAGE_CALLS    30

struct page;

struct page *page_new(struct model *m); /* NULL: no memory */
void page_free(struct page *p);

/* Take a sample, if it is time. */
void page_run(struct page *p, int64_t now);

/* The event `history`: all samples, oldest first. */
void page_history(const struct page *p, struct strbuf *out);
/* The event `now`. */
void page_now(const struct page *p, int64_t now, struct strbuf *out);

#endif
