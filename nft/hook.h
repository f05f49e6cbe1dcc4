/* SPDX-License-Identifier: ISC */
#ifndef NFT_HOOK_H
#define NFT_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "nft/netlink.h"
#include "nft/ruleset.h"
#include "src/fw/fw.h"

/*
 * Our rule in a chain of somebody else's, for managers of firewalls that take
 * no such rule from their users: an accept in our own table would not override
 * a reject in theirs.  The chains are those of config->hooks.  The rule is
 *
 *	meta mark & 0x10000 == 0x10000 accept comment "..."
 *
 * at the head of the chain, but behind that of another pinholed.  We know it
 * again by its comment, which has the name of our table and the mark.
 */

/* Whether a chain that nft calls "inet table chain" is one of them. */
bool hook_is(const struct fw_config *config, struct span family,
    struct span table, struct span chain);

/*
 * Put our rule where it lacks, and delete those that are not, or no longer, at
 * the head, or have another mark.  hook_mend() looks only at the chains of
 * config->hooks; hook_begin() also deletes what an earlier run left elsewhere;
 * hook_end() deletes all.  A chain that does not exist is left out.
 */
PH_NODISCARD enum ph_err hook_mend(struct nlsock *nl, struct ruleset *r,
    const struct fw_config *config);
PH_NODISCARD enum ph_err hook_begin(struct nlsock *nl, struct ruleset *r,
    const struct fw_config *config);
PH_NODISCARD enum ph_err hook_end(struct nlsock *nl, struct ruleset *r,
    const struct fw_config *config);

/* Add a line to `why` for each chain that cannot take our rule now. */
void hook_check(struct nlsock *nl, const struct fw_config *config,
    struct strbuf *why);

#endif
