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
 * The original destination of the client of `flow`, before it was redirected to
 * our socket; flow->local if it was not redirected.  PH_EMALFORMED: there is no
 * such flow.
 */
PH_NODISCARD enum ph_err conntrack_original(struct nlsock *s,
    const struct fw_flow *flow, struct endpoint *out);

/*
 * Delete the connections that bear our bit and that `hole->from` has begun from
 * `from_port` to `to`, each of its ports; see FW_CUT.  It is no error if there
 * are none.
 */
void conntrack_cut(struct nlsock *s, uint32_t mark, const struct pinhole *hole);

/*
 * Sweeping up connections whose pinhole has closed.
 *
 * Their packets are dropped as long as conntrack knows them, and it knows them
 * as long as somebody keeps sending.  But the user's own ruleset may allow such
 * packets.  So these connections are deleted when two sweeps have found them
 * closed.  Connections that our chains do not see are deleted at once: flows in
 * a flowtable, and redirected connections, which would still go where the last
 * pinhole sent them.
 *
 * A sweep goes in slices, one sweep_step() each, of about a millisecond, on a
 * socket of its own.
 */
struct sweep;

struct sweep *sweep_new(uint32_t mark); /* NULL: errno */
void sweep_free(struct sweep *w);

struct sweep_question {
	/* Is this packet let through now? */
	bool (*covered)(void *ctx, const struct flow_view *v);
	/*
	 * May this connection outlive its pinhole?  Asked again before the
	 * connection is deleted, when all connections have been seen and
	 * `refresh` has read the ids anew: one may have begun meanwhile.  False
	 * if it cannot tell; then none is deleted.
	 */
	bool (*exempt)(void *ctx, uint32_t ct_id);
	bool (*refresh)(void *ctx);
	void *ctx;
};

void sweep_start(struct sweep *w);
/*
 * 1: call again; 0: done, and sweep_left() counts those left for the next
 * sweep.
 */
int sweep_step(struct sweep *w, const struct sweep_question *q);
size_t sweep_left(const struct sweep *w);

#endif
