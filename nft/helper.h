/* SPDX-License-Identifier: ISC */
#ifndef NFT_HELPER_H
#define NFT_HELPER_H

#include <stdbool.h>

#include "src/base/span.h"

/*
 * The kernel has a helper for SIP of its own, nf_conntrack_sip: it opens media
 * by the `related` state, drops messages that it cannot read, and where
 * addresses are translated nf_nat_sip rewrites SDP.  Both at once is one too
 * many.
 */

/*
 * The first rule that gives connections to it, in a ruleset as `nft list
 * ruleset` prints it; empty if none does.  Rules of iptables do not show.
 */
struct span helper_sip_rule(struct span ruleset);

/* Whether old kernels (before 6.0) give it all connections to its ports. */
bool helper_sip_automatic(void);

#endif
