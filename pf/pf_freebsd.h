/* SPDX-License-Identifier: ISC */
#ifndef PF_FREEBSD_H
#define PF_FREEBSD_H

#include <sys/param.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>
#include <net/pfvar.h>

#include "pf/pf_sys.h"

/*
 * Between our rules and states and those of FreeBSD's <net/pfvar.h>: pure
 * functions.  Byte order is the trap here: ports of a rule, a state and
 * natlook are in network order, proxy_port in host order.
 */

/* A whole DIOCADDRULE but for anchor and tickets. */
void p_freebsd_rule(const struct p_rule *r, const struct fw_config *c,
    struct pfioc_rule *out);
/* What the rule needs in the address pool; false: nothing. */
bool p_freebsd_pool(const struct p_rule *r, struct pfioc_pooladdr *out);
/* A rule read back; false if it is not of ours. */
bool p_freebsd_read(const struct pfioc_rule *pr, struct p_rule *out);

/* false: no flow of ours (ICMP and the like). */
bool p_freebsd_state(const struct pfsync_state *ps, struct p_state *out);
void p_freebsd_new_state(const struct p_state *s, bool log,
    struct pfsync_state *out);

void p_freebsd_natlook(const struct fw_flow *flow, uint8_t way,
    struct pfioc_natlook *out);
struct endpoint p_freebsd_natlook_result(const struct pfioc_natlook *nl);

void p_freebsd_table_addr(const struct prefix *p, struct pfr_addr *out);

#endif
