/* SPDX-License-Identifier: ISC */
#ifndef NFT_HOLD_H
#define NFT_HOLD_H

#include "nft/batch.h"
#include "nft/netlink.h"
#include "src/base/err.h"
#include "src/base/strbuf.h"
#include "src/fw/fw.h"

/*
 * The rule that makes packets of signalling wait, in the chain of holdtext.h.
 *
 * One kernel has the expression `queue`, another the target NFQUEUE of
 * iptables, which nft(8) cannot write.
 */

/*
 * Put the rule into our table, which has just been made.  PH_EUNSUPPORTED, with
 * a sentence: this kernel has no way to do it.
 */
PH_NODISCARD enum ph_err hold_begin(struct nlsock *nl, struct batch *b,
    const struct fw_config *config, struct strbuf *why);

/* See struct fw_hold. */
void hold_pause(const struct fw_config *config, bool yes);

/* Which of the ways this kernel has, as a line; changes nothing. */
PH_NODISCARD enum ph_err hold_check(struct nlsock *nl,
    const struct fw_config *config, struct strbuf *why);

#endif
