/* SPDX-License-Identifier: ISC */
#ifndef PF_BSD_H
#define PF_BSD_H

#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>
#include <net/pfvar.h>

#include "pf/sys.h"

/*
 * FreeBSD 15 no longer defines the ioctls that it has dropped.  A program built
 * there still tries them, for older kernels answer.
 */
#ifndef DIOCGETRULE
#define DIOCGETRULE _IOWR('D', 7, struct pfioc_rule)
#endif
#ifndef DIOCGETSTATUS
#define DIOCGETSTATUS _IOWR('D', 21, struct pf_status)
#endif
#ifndef DIOCGETSTATES
#define DIOCGETSTATES _IOWR('D', 25, struct pfioc_states)
#endif
#ifndef DIOCKILLSTATES
#define DIOCKILLSTATES _IOWR('D', 41, struct pfioc_state_kill)
#endif

/*
 * The parts of struct p_sys that freebsd.c and openbsd.c share (bsd.c,
 * bsd_batch.c, bsd_rules.c), and the translation between our values and those
 * of <net/pfvar.h> where that is the same or nearly so (bsd_value.c): pure
 * functions.  Byte order is the trap here: ports of a rule, a state and natlook
 * are in network order, proxy_port in host order.
 */
#define P_DEPTH 4 /* of anchors below ours that we look into */

struct p_dev {
	int fd;
	/*
	 * FreeBSD: the one address pool of the system is handed out by
	 * ticket, and taking a new one makes a pfctl -f that is under way
	 * fail.  So the last one is used for as long as pf takes it.
	 */
	uint32_t pool_ticket;
	bool have_pool;
	struct p_nl *nl; /* FreeBSD: see freebsd.h; or NULL */
};

/* From now on nothing but our ioctls, where the system can promise that. */
enum ph_err p_dev_confine(int fd);
/*
 * The routing domain of our process, where the system has domains: states are
 * looked for and made in it.
 */
void p_natlook_domain(struct pfioc_natlook *nl);
void p_state_domain(struct pfsync_state *ps);
enum ph_err p_call(const struct p_dev *d, unsigned long request, void *arg);
enum ph_err p_dev_open(struct p_dev **out, bool write, struct strbuf *why);
void p_dev_close(struct p_dev *d);
enum ph_err p_walk(struct p_dev *d, const char *path, int depth,
    enum ph_err (*found)(struct p_dev *d, const char *path, void *ctx),
    void *ctx);

/* Transactions (bsd_batch.c), and what of them is each system's own. */
enum ph_err p_sys_write(struct p_dev *d, struct p_tree *tree,
    const struct fw_config *c);
enum ph_err p_sys_flush(struct p_dev *d, const char *anchor);
extern const size_t p_trans_parts;	 /* rulesets of an anchor */
extern const unsigned long p_trans_undo; /* the ioctl */
void p_trans_name(struct pfioc_trans_e *e, const char *anchor,
    enum p_part part);
enum ph_err p_trans_prepare(struct p_dev *d);
enum ph_err p_trans_rule(struct p_dev *d, const struct pfioc_trans_e *e,
    const struct p_rule *r, const struct fw_config *c);

/* Rules read back (bsd_rules.c), and what of that is each system's own. */
enum ph_err p_sys_rules(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct p_rule *r), void *ctx);
enum ph_err p_sys_hooked(struct p_dev *d, const char *anchor, enum p_part part,
    bool *yes);
enum ph_err p_sys_diverted(struct p_dev *d, const char *anchor, uint16_t port,
    size_t *n, size_t *bad);
/* Does the rule divert packets to this port, and can they come back? */
bool p_rule_diverts(const struct pfioc_rule *pr, uint16_t port, bool *bad);
enum ph_err p_sys_count(struct p_dev *d, const char *anchor, enum p_part part,
    size_t *n);
void p_rule_name(struct pfioc_rule *pr, const char *anchor, enum p_part part);
enum ph_err p_rule_get(struct p_dev *d, struct pfioc_rule *pr);
/* The ticket of DIOCGETRULES is not needed any longer. */
enum ph_err p_rules_end(struct p_dev *d, uint32_t ticket);
bool p_rule_translates(const struct pfioc_rule *pr);

enum ph_err p_sys_enabled(struct p_dev *d, bool *yes);
uint32_t p_sys_host(struct p_dev *d);
enum ph_err p_sys_states(struct p_dev *d,
    void (*found)(void *ctx, const struct p_state *s), void *ctx);
enum ph_err p_sys_kill(struct p_dev *d, uint64_t id, uint32_t creator);
enum ph_err p_sys_add(struct p_dev *d, const struct p_state *s, bool log);
enum ph_err p_sys_original(struct p_dev *d, const struct fw_flow *flow,
    struct endpoint *out);
enum ph_err p_sys_table(struct p_dev *d, const char *name, enum fw_table_op op,
    const struct prefix *v, size_t n);
enum ph_err p_sys_gate(struct p_dev *d, const char *anchor, enum p_gate_op op,
    const struct prefix *v, size_t n);
enum ph_err p_sys_gate_count(struct p_dev *d, const char *anchor, size_t *n);
void p_sys_pause(uint32_t us);

/* Values. */
void p_set_addr(const struct addr *a, struct pf_addr *out);
void p_set_mask(uint8_t len, struct pf_addr *out);
/* The fields that every filter rule has, on any system. */
void p_set_pass(const struct p_rule *r, const struct fw_config *c,
    struct pf_rule *out);
void p_set_anchor(const struct p_rule *r, struct pfioc_rule *out);
/* A rule read back; false if it is not of ours. */
bool p_read(const struct pfioc_rule *pr, struct p_rule *out);
/* false: no flow of ours (ICMP and the like). */
bool p_get_state(const struct pfsync_state *ps, struct p_state *out);
void p_new_state(const struct p_state *s, bool log, struct pfsync_state *out);
void p_set_natlook(const struct fw_flow *flow, uint8_t way,
    struct pfioc_natlook *out);
struct endpoint p_get_natlook(const struct pfioc_natlook *nl);
void p_table_addr(const struct prefix *p, struct pfr_addr *out);

#endif
