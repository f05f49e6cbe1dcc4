/* SPDX-License-Identifier: ISC */
#ifndef PF_TRAFFIC_H
#define PF_TRAFFIC_H

#include "pf/holes.h"
#include "pf/sys.h"
#include "pf/tree.h"

/*
 * Which pinholes had packets since the last look, and from which end.
 *
 * Silence is read from states: a rule that was just rewritten counts from
 * zero, while the media still runs on the old one.  Fewer packets than last
 * time means that a state has gone, not that something came.
 */
struct p_traffic {
	const struct p_sys *sys;
	struct p_dev *dev;
	struct p_holes *holes;
	struct p_tree *tree, *state_tree;
};

/*
 * `seen` is called for each; where the packet filter cannot list states, for
 * all of them.
 */
PH_NODISCARD enum ph_err p_traffic_read(const struct p_traffic *t,
    fw_seen_fn seen, void *ctx);

#endif
