/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_PF_H
#define TESTS_FAKE_PF_H

#include "pf/sys.h"
#include "tests/unit/unit.h"

/*
 * A pf that lives in memory: it records what is asked of it and answers
 * as told.
 */
struct fake_pf {
	unsigned int busy; /* writes still to be answered EBUSY */
	enum ph_err write; /* and the rest */
	enum ph_err states_rc, rules_rc, kill_rc;
	unsigned int fail_at; /* this write is refused; 0: none */
	unsigned int writes, flushes, pauses, kills, deletes;
	uint32_t pause_us;
	size_t rules;	/* in what was written last */
	size_t biggest; /* write, in rules */
	size_t top;	/* rules of our anchor now */
	struct p_state states[4];
	size_t nstates;
	uint64_t killed[4];
	struct p_rule old[8]; /* what an earlier run left */
	size_t nold;
	bool hooked, on;
};

extern struct fake_pf k;
extern const struct p_sys sys;
extern char text[512]; /* what opened() was told */
extern struct strbuf why;

int reset(void **state);
struct fw *opened(const struct fw_config *c);
/* A pinhole in from the phone to `port` and the next. */
struct fw_change change(enum fw_op op, uint64_t id, uint16_t port);
struct p_state state_to(uint64_t id, uint16_t port, uint64_t packets);
/* For p_activity(): adds up in a uint64_t who has sent. */
void note(void *ctx, struct fw_entry *e, unsigned int ends);

#define T(f) cmocka_unit_test_setup(f, reset)

#endif
