/* SPDX-License-Identifier: ISC */
#ifndef NFT_CONNTRACK_H
#define NFT_CONNTRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "nft/mirror.h"
#include "nft/netlink.h"
#include "src/fw/fw.h"

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

/*
 * Delete the connections that bear our bit and that `hole->from` has begun
 * from `from_port` to `to`, each of its ports; see FW_CUT.  That there are
 * none is no error.
 */
void conntrack_cut(struct nlsock *s, uint32_t mark, const struct pinhole *hole);

/*
 * Sweeping up connections whose pinhole has closed.
 *
 * They are dropped as long as they last, and they last as long as somebody
 * keeps sending.  So that a port is not barred for ever to what the user's
 * own ruleset would allow, they are forgotten after some time (found closed
 * in two sweeps), and at once if our chains are not asked about them: flows
 * in a flowtable, and redirected ones, which would still go where the last
 * pinhole sent them.
 *
 * A sweep goes in slices, one sweep_step() each, of about a millisecond, on
 * a socket of its own.
 */
struct sweep;

struct sweep *sweep_new(uint32_t mark); /* NULL: errno */
void sweep_free(struct sweep *w);

struct sweep_question {
	/* Is this packet let through now? */
	bool (*covered)(void *ctx, const struct flow_view *v);
	/*
	 * May this connection outlive its pinhole?  Asked again before it
	 * is forgotten, when all connections have been seen and `refresh`
	 * has read what is known of them anew: one may have begun meanwhile.
	 * False if it cannot tell; then nothing is forgotten.
	 */
	bool (*exempt)(void *ctx, uint32_t ct_id);
	bool (*refresh)(void *ctx);
	void *ctx;
};

void sweep_start(struct sweep *w);
/* 1: call again, 0: done; then sweep_left() is what waits for the next. */
int sweep_step(struct sweep *w, const struct sweep_question *q);
size_t sweep_left(const struct sweep *w);

#endif
