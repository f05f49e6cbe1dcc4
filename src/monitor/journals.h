/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_JOURNALS_H
#define MONITOR_JOURNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "src/monitor/generation.h"
#include "src/monitor/journal.h"

/* The journals of all processes that have one, and when to copy them. */
struct journals {
	struct journal calls;  /* of the engine */
	struct journal tables; /* of the proxy */
	bool tables_first;     /* no proxy has ever received table updates */
	int64_t save_at;
};

void journals_init(struct journals *js);

/* Open them, and take up what an earlier run left.  False with errno. */
bool journals_open(struct journals *js, struct generation *g);

/* The journal of a process; NULL: it has none. */
struct journal *journals_of(struct journals *js, enum child_role role);

/*
 * If it is time: copy them.  A process whose journal is larger than the
 * configuration allows has been taken over: kill it and empty the journal.
 */
void journals_save(struct journals *js, struct generation *g, int64_t now);

/* An orderly end; with `leave`, the files stay for the successor. */
void journals_end(struct journals *js, struct generation *g, bool leave,
    int64_t now);
void journals_close(struct journals *js);

#endif
