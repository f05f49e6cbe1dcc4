/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SHARE_ONE_H
#define TESTS_SHARE_ONE_H

#include "src/share/group.h"
#include "tests/unit/unit.h"

/*
 * One box, "fw2", and all that it says and asks for, as text.  Calls have
 * names of one letter.  Its server and its engine do nothing: the test says
 * what they answer.  Times in the text are seconds since the test began.
 */
#define SECOND USEC_PER_SEC
#define LIMIT  4

extern struct one {
	struct group *g;
	struct group_setup setup;
	int64_t begun, now;
	size_t room;   /* of the server; each write and renewal takes 1 */
	uint64_t boot; /* of boxes whose records it hears; its own is 2 */
	bool silent;   /* its server confirms nothing that is written */
	bool poor;     /* there is no memory */
	char said[8192];
} one;

int one_begin(void **state);
int one_end(void **state);
/* A successor of the box, which knows nothing. */
void one_anew(size_t limit);

/* From the engine: a call whose record has the text `body`. */
void one_call(char name, uint64_t id, const char *body, bool changed);
void one_took(char name, uint64_t id, enum ph_err err);
void one_written(char name, uint64_t version, bool ok);
void one_renewed(char name, bool exists);

/* From the server: a record, `ago` microseconds old. */
void one_hears(const char *box, enum record_type type, char name,
    uint64_t version, int64_t ago, struct span body);
/* Some that are made often. */
void one_hears_call(const char *box, char name, uint64_t version,
    const char *body);
void one_hears_end(const char *box, char name, uint64_t version,
    enum reason why);
void one_hears_hello(const char *box, uint8_t owns, bool leaves);

/* What it said since the last time; and all counters but bytes. */
void one_says(const char *want);
void one_counts(const char *want);
/* It says that when its time has come, which is in `wait` from now. */
void one_runs(int64_t wait, const char *want);
/* All lists and numbers fit together. */
void one_is_sound(void);

#define ONE(f) cmocka_unit_test_setup_teardown(f, one_begin, one_end)
#define TEXT(s)                                                                \
	(struct span)                                                          \
	{                                                                      \
		s, sizeof(s) - 1                                               \
	}

#endif
