/* SPDX-License-Identifier: ISC */
#ifndef PF_STATES_H
#define PF_STATES_H

#include "pf/sys.h"

/*
 * "firewall pf states": a pinhole whose two endpoints are fully known needs
 * no rule; the states it would lead to are made at once (DIOCADDSTATE), and
 * pfsync(4) tells them to the other node.  Two states, for a forwarded
 * packet meets pf on its way in and on its way out.  What a state cannot
 * say (a port range, any source port, a prefix, translation, TCP) stays a
 * rule.
 */
#define P_CREATOR UINT32_C(0x70686f6c) /* our states among those of others */

bool p_states_can(const struct pinhole *hole);
/* `again`: what silence has ended; what is still there stays as it is. */
PH_NODISCARD enum ph_err p_states_make(const struct p_sys *sys,
    struct p_dev *dev, const struct pinhole *hole, bool log, bool again);
/* PH_EUNSUPPORTED where the kernel takes no states. */
PH_NODISCARD enum ph_err p_states_probe(const struct p_sys *sys,
    struct p_dev *dev);

#endif
