/* SPDX-License-Identifier: ISC */
#ifndef NFT_CONNTRACK_H
#define NFT_CONNTRACK_H

#include <stdint.h>

#include "nft/netlink.h"
#include "src/fw.h"

/*
 * The connections that bear our bit, by ctnetlink.  Nothing here touches a
 * connection that does not.
 */

/* Delete all of them, in the kernel, in one request. */
PH_NODISCARD enum ph_err conntrack_delete(struct nlsock *s, uint32_t mark);

/*
 * Where the client of `flow` wanted to go before it was redirected to our
 * socket; flow->local if it was not.  PH_EMALFORMED: there is no such flow.
 */
PH_NODISCARD enum ph_err conntrack_original(struct nlsock *s,
    const struct fw_flow *flow, struct endpoint *out);

#endif
