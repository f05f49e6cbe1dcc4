/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_JOURNAL_H
#define MONITOR_JOURNAL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * What the monitor keeps for a process that may die: two files without a name
 * that the process writes (src/process/checkpoint.h), and one with a name
 * (state.h) that they are copied to now and then, and at the end.
 */
struct journal {
	const char *what; /* "calls", for people */
	char path[1024];  /* "": nothing survives all of us */
	int fds[2];
	off_t saved[2]; /* their sizes when they were copied */
	bool failed;
};

/* Empty.  False with errno.  journal_close() is fine in any case. */
bool journal_make(struct journal *j, const char *what);
void journal_close(struct journal *j);

/* Where to keep it: `path` with `suffix` behind it; NULL for nowhere. */
void journal_name(struct journal *j, const char *path, const char *suffix);

/* Whether this is the first run: there was no file, and now there is one. */
bool journal_first(struct journal *j, const char *owner);

/* True: there is something to take up.  Whatever is wrong is logged. */
bool journal_load(struct journal *j, const char *owner, int64_t max_age_s);

/* If anything has changed.  False: not at this moment; soon again. */
bool journal_save(struct journal *j, const char *owner);

/* Somebody keeps dying of it. */
void journal_forget(struct journal *j);

#endif
