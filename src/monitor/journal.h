/* SPDX-License-Identifier: ISC */
#ifndef MONITOR_JOURNAL_H
#define MONITOR_JOURNAL_H

#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"

/*
 * What the monitor keeps for a process that may die: two files that the
 * process writes (checkpoint.h), and one (statefile.h) that they are copied
 * to now and then, and at the end.
 *
 * The two are in the directory of the locks, which most systems have in
 * memory: they outlive all of our processes, however these end, and their
 * names say whose they are.  The copy is for what that directory does not
 * survive.  Where nothing is locked (a dry run), the two have no names.
 *
 * Everything found in any of them is distrusted: a file must be root's alone,
 * and neither too large nor too old.  The process that adopts its records
 * checks them.
 */
struct journal {
	const char *what;	/* "calls", for people */
	char path[PATH_MAX];	/* of the copy; "": there is none */
	char file[2][PATH_MAX]; /* "": without a name */
	int fds[2];
	off_t saved[2]; /* their sizes when they were copied */
	uint64_t limit; /* bytes of each of the two */
	bool failed;
};

struct journal_place {
	const char *rundir; /* NULL: the two have no names */
	const char *owner;  /* which packet filter in which network stack */
	const char *state;  /* NULL: no copy */
	const char *suffix; /* of names: ".tables" */
	uint64_t limit;
};

/* A journal without files. */
void journal_init(struct journal *j, const char *what);

/* Set the names of its files; open files are renamed. */
void journal_name(struct journal *j, const struct journal_place *p);

/*
 * Open or make the two files.  PH_OK: an earlier run left records in them.
 * PH_EGONE: they are empty.  PH_EIO with errno.
 */
PH_NODISCARD enum ph_err journal_open(struct journal *j, int64_t max_age_s);

/* Whether this is the first run: there was no copy, and now there is one. */
bool journal_first(struct journal *j, const char *owner);

/* Fill the empty files from the copy.  True: there are records to adopt. */
bool journal_load(struct journal *j, const char *owner, int64_t max_age_s);

/* Copy the files if they have changed.  False: try again soon. */
bool journal_save(struct journal *j, const char *owner);

/* Whether its files are larger than the process may make them. */
bool journal_overgrown(const struct journal *j);

/* In the process that writes it: set the limit of the size of files. */
void journal_confine(const struct journal *j);

/* Empty the journal: the process that reads it keeps dying. */
void journal_forget(struct journal *j);

/* An orderly end: save the copy and remove the files. */
void journal_end(struct journal *j);
void journal_close(struct journal *j);

#endif
