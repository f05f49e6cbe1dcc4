/* SPDX-License-Identifier: ISC */
#ifndef PF_FREEBSD_H
#define PF_FREEBSD_H

#include "pf/bsd.h"

/* A rule for FreeBSD's <net/pfvar.h>: pure functions. */

/* A whole DIOCADDRULE but for anchor and tickets. */
void p_freebsd_rule(const struct p_rule *r, const struct fw_config *c,
    struct pfioc_rule *out);
/* The address that the rule needs in the pool; false: none. */
bool p_freebsd_pool(const struct p_rule *r, struct pfioc_pooladdr *out);

/*
 * The questions that the ioctls of newer kernels no longer answer, by netlink
 * (see netlink.h for the format).  Open it as root: the kernel checks the user
 * who made the socket.  NULL: this kernel has nothing of the kind.
 */
struct p_nl;

struct p_nl *p_nl_open(void);
void p_nl_close(struct p_nl *nl);
enum ph_err p_nl_enabled(struct p_nl *nl, bool *yes);
enum ph_err p_nl_states(struct p_nl *nl,
    void (*found)(void *ctx, const struct p_state *s), void *ctx);
enum ph_err p_nl_kill(struct p_nl *nl, uint64_t id, uint32_t creator);
/* As DIOCGETRULE: nr, ticket, action and anchor are set in pr. */
enum ph_err p_nl_rule(struct p_nl *nl, struct pfioc_rule *pr);

/* Where the socket comes from, or -1; a test puts its own here. */
extern int (*p_nl_socket)(void);

#endif
