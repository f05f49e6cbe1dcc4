/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PF_PLAY_H
#define TESTS_PF_PLAY_H

#include "tests/unit/fake_pf.h"

/* A pf of paper: rulesets as they were written, and states. */
#define STATES 512
#define SETS   64

struct set {
	char path[P_NAMELEN];
	enum p_part part;
	size_t n;
	uint64_t sum; /* of its rules, but for those that call others */
};

struct pf_paper {
	struct set sets[SETS];
	size_t nsets;
	struct p_state v[STATES];
	size_t n;
	uint64_t states; /* ids */
	unsigned int writes, kills;
	/* These are refused; the first is 1. */
	unsigned int fail_at, no_room_at;
	enum ph_err states_rc, kill_rc;
	bool flushed; /* somebody has removed rules, */
	bool silent;  /* and states have ended */
};

extern struct pf_paper pf;

/* Empty, and the calls to it; `config` is what they are to come with. */
struct p_sys pf_play(enum p_dialect dialect, const struct fw_config *config);
/* Sums of these tell rulesets apart. */
uint64_t pf_rule_print(const struct p_rule *r);

#endif
