/* SPDX-License-Identifier: ISC */
#ifndef NFT_CHECK_H
#define NFT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/span.h"

/*
 * Reading the user's ruleset, as `nft -nn list ruleset` prints it, for what he
 * may have forgotten.  Best effort: an answer is worth a warning, no more.
 * Our own table does not count.
 */
struct advice {
	bool heeds_mark; /* some rule goes by our mark and lets pass */
	bool guards;	 /* something drops or rejects forwarded packets */
	bool early;	 /* a chain that drops forwarded packets by policy
			    comes before ours, and cannot see the mark */
	bool offloads;	 /* some rule puts flows into a flowtable, and does
			    not look at our mark first */
};

struct advice ruleset_advice(struct span ruleset, const char *own_table,
    uint32_t mark);

#endif
