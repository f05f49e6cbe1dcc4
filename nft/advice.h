/* SPDX-License-Identifier: ISC */
#ifndef NFT_ADVICE_H
#define NFT_ADVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/span.h"

/*
 * Reading the user's ruleset, as `nft -nypST list ruleset` prints it, for what
 * he may have forgotten.  Best effort: an answer is worth a warning, no more.
 * Our own table does not count.
 *
 * Each base chain is followed rule by rule, and through its jumps, as a packet
 * with our mark would go.  A rule that drops packets of some source, of a
 * state that is not new, above a rate or to a broadcast address is meant to
 * come first and is no obstacle.  What a named map leads to is not known.
 */
enum advice_at {
	ADVICE_FORWARD,
	ADVICE_INPUT,
	ADVICE_OUTPUT,
	ADVICE_HOOKS,
};

struct advice_hook {
	bool guards;	 /* something drops packets here */
	bool early;	 /* by policy, in a chain that comes before ours and
			    cannot see the mark */
	bool blocked;	 /* packets with our mark are dropped */
	bool heeds_mark; /* blocked, but a later rule goes by the mark */
	char chain[160]; /* blocked, where: "inet filter forward" */
	char rule[160];	 /* blocked, by what; empty: by its policy */
};

struct advice {
	struct advice_hook at[ADVICE_HOOKS];
	bool offloads; /* some rule puts flows into a flowtable, and does
			  not look at our mark first */
};

/* `config`: our name, mark and hooks; a chain of these has our rule first. */
struct fw_config;
struct advice ruleset_advice(struct span ruleset,
    const struct fw_config *config);

#endif
