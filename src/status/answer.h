/* SPDX-License-Identifier: ISC */
#ifndef STATUS_ANSWER_H
#define STATUS_ANSWER_H

#include "src/base/strbuf.h"
#include "src/status/model.h"
#include "src/status/verbs.h"

/*
 * Lines of JSON about what is in the model: the keys are documented in
 * pinholectl(8), and do not change.
 */
#define ANSWER_LINE 8192

/* A walk over the objects that a request asks for. */
struct answer {
	struct model *model;
	const struct request *request;
	int64_t now;
	uint64_t after; /* id of the last one looked at */
	size_t i;	/* likewise, of what has no id */
	uint32_t role;
	size_t ended; /* calls that are over, told so far */
};

void answer_begin(struct answer *a, struct model *m, const struct request *r,
    int64_t now);
/*
 * The next line, without its newline.  False: there are no more; `out` is
 * empty.  A line that is empty was not asked for: call again.
 */
bool answer_next(struct answer *a, struct strbuf *out);

/* An event; false: the filter does not want it. */
bool answer_event(const struct request *r, const struct model_event *e,
    struct strbuf *out);

#endif
