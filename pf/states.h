/* SPDX-License-Identifier: ISC */
#ifndef PF_STATES_H
#define PF_STATES_H

#include "pf/sys.h"

/*
 * "firewall pf states": a pinhole whose two endpoints are fully known needs no
 * rule; the states it would lead to are made at once (DIOCADDSTATE), and
 * pfsync(4) tells them to the other node.  Two states, for a forwarded packet
 * meets pf on its way in and on its way out.  A pinhole that a state cannot
 * express (a port range, any source port, a prefix, translation, TCP) stays a
 * rule.
 */

/* Where states are made: all of this is borrowed. */
struct p_states {
	const struct p_sys *sys;
	struct p_dev *dev;
	/*
	 * Our states among those of others. pfsync(4) brings states of other
	 * nodes, with ids like ours: each node has a creator number of its own.
	 */
	uint32_t creator;
	bool log;
};

void p_states_init(struct p_states *st, const struct p_sys *sys,
    struct p_dev *dev, bool log);
/* FORM_STATE, or why it has to be a rule. */
enum form p_states_form(const struct pinhole *hole);
bool p_states_can(const struct pinhole *hole);
/* `again`: only states that silence has ended; those that still exist stay. */
PH_NODISCARD enum ph_err p_states_make(const struct p_states *st,
    const struct pinhole *hole, bool again);
/* The two states of one pinhole, at once; none is left or there was none. */
PH_NODISCARD enum ph_err p_states_kill(const struct p_states *st,
    const struct pinhole *hole);
/* Every state of ours that is of no pinhole which `open` knows. */
PH_NODISCARD enum ph_err p_states_clear(const struct p_states *st,
    bool (*open)(void *ctx, uint64_t id), void *ctx);
/* PH_EUNSUPPORTED where the kernel takes no states. */
PH_NODISCARD enum ph_err p_states_probe(const struct p_states *st);
/* "state udp 198.51.100.7 port 4000 <-> 192.0.2.10 port 10000" */
void p_states_print(const struct pinhole *hole, struct strbuf *out);

#endif
