/* SPDX-License-Identifier: ISC */
/*
 * The ioctls of pf(4) as OpenBSD has them: one ruleset in each anchor,
 * translation in the pass rule itself, no address pool to share, and a
 * ticket of DIOCGETRULES that must be given back (DIOCXEND) before the next
 * one is to be had.
 */
#include <sys/param.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf/bsd.h"

/* pledge(2) does that for the whole process. */
enum ph_err
p_dev_confine(int fd)
{
	(void)fd;
	return PH_OK;
}

void
p_natlook_domain(struct pfioc_natlook *nl)
{
	nl->rdomain = (u_int16_t)getrtable();
}

/*
 * The packets of the state are routed as others are: 0 would mean by routing
 * table 0.
 */
void
p_state_domain(struct pfsync_state *ps)
{
	ps->key[PF_SK_WIRE].rdomain = ps->key[PF_SK_STACK].rdomain =
	    htons((u_int16_t)getrtable());
	ps->rtableid[PF_SK_WIRE] = ps->rtableid[PF_SK_STACK] =
	    (int32_t)htonl((u_int32_t)-1);
}

const size_t p_trans_parts = 1;
/*
 * Begin again what cannot be committed: that empties it, as would a rollback,
 * which pledge(2) does not allow.
 */
const unsigned long p_trans_undo = DIOCXBEGIN;

void
p_trans_name(struct pfioc_trans_e *e, const char *anchor, enum p_part part)
{
	(void)part;
	e->type = PF_TRANS_RULESET;
	strlcpy(e->anchor, anchor, sizeof(e->anchor));
}

/* Rules of OpenBSD name their address themselves; FreeBSD's need a pool. */
enum ph_err
p_trans_prepare(struct p_dev *d)
{
	(void)d;
	return PH_OK;
}

static void
no_pool(struct pf_pool *p)
{
	p->addr.type = PF_ADDR_NONE;
}

static void
set_pool(struct pf_pool *p, const struct addr *a)
{
	p->addr.type = PF_ADDR_ADDRMASK;
	p_set_addr(a, &p->addr.v.a.addr);
	p_set_mask((uint8_t)(addr_bytes(a->af) * 8), &p->addr.v.a.mask);
}

/* A whole DIOCADDRULE, but for anchor and ticket. */
static void
rule_fill(const struct p_rule *r, const struct fw_config *c,
    struct pfioc_rule *out)
{
	struct pf_rule *rule = &out->rule;

	memset(out, 0, sizeof(*out));
	p_set_pass(r, c, rule);
	rule->onrdomain = -1;
	no_pool(&rule->rdr);
	no_pool(&rule->nat);
	no_pool(&rule->route);
	if (r->anchor[0] != '\0') {
		p_set_anchor(r, out);
		return;
	}
	/* Host order; nat-to with no port keeps it, as static-port does. */
	if (r->action == P_ACT_RDR) {
		set_pool(&rule->rdr, &r->target.addr);
		rule->rdr.proxy_port[0] = r->target.port;
	}
	if (r->action == P_ACT_NAT) {
		set_pool(&rule->nat, &r->target.addr);
		rule->nat.proxy_port[0] = r->target.port;
		rule->nat.proxy_port[1] = r->target.port;
	}
	if (r->on != NULL && r->gateway.af != AF_UNSPEC) {
		set_pool(&rule->route, &r->gateway);
		rule->rt = PF_REPLYTO;
	}
}

enum ph_err
p_trans_rule(struct p_dev *d, const struct pfioc_trans_e *e,
    const struct p_rule *r, const struct fw_config *c)
{
	struct pfioc_rule pr;

	rule_fill(r, c, &pr);
	strlcpy(pr.anchor, e->anchor, sizeof(pr.anchor));
	pr.ticket = e->ticket;
	return p_call(d, DIOCADDRULE, &pr);
}

enum ph_err
p_rule_get(struct p_dev *d, struct pfioc_rule *pr)
{
	return p_call(d, DIOCGETRULE, pr);
}

void
p_rule_name(struct pfioc_rule *pr, const char *anchor, enum p_part part)
{
	(void)part;
	strlcpy(pr->anchor, anchor, sizeof(pr->anchor));
}

enum ph_err
p_rules_end(struct p_dev *d, uint32_t ticket)
{
	return p_call(d, DIOCXEND, &ticket);
}

bool
p_rule_translates(const struct pfioc_rule *pr)
{
	return pr->rule.rdr.addr.type != PF_ADDR_NONE ||
	    pr->rule.nat.addr.type != PF_ADDR_NONE;
}

bool
p_rule_diverts(const struct pfioc_rule *pr, uint16_t port, bool *bad)
{
	*bad = false;
	return pr->rule.action == PF_PASS &&
	    pr->rule.divert.type == PF_DIVERT_PACKET &&
	    pr->rule.divert.port == htons(port);
}

const struct p_sys p_sys_native = {
	.dialect = P_OPENBSD,
	.open = p_dev_open,
	.close = p_dev_close,
	.write = p_sys_write,
	.flush = p_sys_flush,
	.rules = p_sys_rules,
	.enabled = p_sys_enabled,
	.host = p_sys_host,
	.hooked = p_sys_hooked,
	.diverted = p_sys_diverted,
	.count = p_sys_count,
	.states = p_sys_states,
	.kill = p_sys_kill,
	.add = p_sys_add,
	.original = p_sys_original,
	.table = p_sys_table,
	.gate = p_sys_gate,
	.gate_count = p_sys_gate_count,
	.pause = p_sys_pause,
};
