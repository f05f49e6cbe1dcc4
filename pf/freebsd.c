/* SPDX-License-Identifier: ISC */
/*
 * The ioctls of pf(4) as FreeBSD has them, from 12 on.  The old structs are
 * frozen there.  The calls that 15 has dropped (GETRULE, GETSTATUS, GETSTATES,
 * KILLSTATES) answer ENODEV; then netlink is asked.  Without netlink the result
 * is PH_EUNSUPPORTED.
 */
#include <sys/param.h>
#include <sys/capsicum.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>
#include <net/pfvar.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pf/bsd.h"
#include "pf/freebsd.h"

static const int rulesets[P_NPARTS] = {
	[P_PASS] = PF_RULESET_FILTER,
	[P_RDR] = PF_RULESET_RDR,
	[P_NAT] = PF_RULESET_NAT,
};

/* vnet jails have a pf each. */
void
p_natlook_domain(struct pfioc_natlook *nl)
{
	(void)nl;
}

void
p_state_domain(struct pfsync_state *ps)
{
	(void)ps;
}

/* capsicum(4), also for a process that is in no sandbox. */
enum ph_err
p_dev_confine(int fd)
{
	static const unsigned long ours[] = { DIOCADDADDR, DIOCADDRULE,
		DIOCADDSTATE, DIOCBEGINADDRS, DIOCGETRULE, DIOCGETRULES,
		DIOCGETRULESET, DIOCGETRULESETS, DIOCGETSTATES, DIOCGETSTATUS,
		DIOCKILLSTATES, DIOCNATLOOK, DIOCRADDADDRS, DIOCRADDTABLES,
		DIOCRCLRADDRS, DIOCRDELADDRS, DIOCRDELTABLES, DIOCRGETADDRS,
		DIOCRSETADDRS, DIOCXBEGIN, DIOCXCOMMIT, DIOCXROLLBACK };
	cap_rights_t rights;

	cap_rights_init(&rights, CAP_IOCTL);
	if ((cap_rights_limit(fd, &rights) == -1 ||
		cap_ioctls_limit(fd, ours, sizeof(ours) / sizeof(ours[0])) ==
		    -1) &&
	    errno != ENOSYS)
		return PH_EDENIED;
	return PH_OK;
}

const size_t p_trans_parts = P_NPARTS;
const unsigned long p_trans_undo = DIOCXROLLBACK;

void
p_trans_name(struct pfioc_trans_e *e, const char *anchor, enum p_part part)
{
	e->rs_num = rulesets[part];
	strlcpy(e->anchor, anchor, sizeof(e->anchor));
}

enum ph_err
p_trans_prepare(struct p_dev *d)
{
	struct pfioc_pooladdr pp;
	enum ph_err rc;

	if (d->have_pool)
		return PH_OK;
	memset(&pp, 0, sizeof(pp));
	if ((rc = p_call(d, DIOCBEGINADDRS, &pp)) != PH_OK)
		return rc;
	d->pool_ticket = pp.ticket;
	d->have_pool = true;
	return PH_OK;
}

/* The address that rdr, nat and reply-to have in their pool. */
static enum ph_err
pool_fill(struct p_dev *d, const struct p_rule *r)
{
	struct pfioc_pooladdr pp;

	if (!p_freebsd_pool(r, &pp))
		return PH_OK;
	pp.ticket = d->pool_ticket;
	return p_call(d, DIOCADDADDR, &pp);
}

enum ph_err
p_trans_rule(struct p_dev *d, const struct pfioc_trans_e *e,
    const struct p_rule *r, const struct fw_config *c)
{
	struct pfioc_rule pr;
	enum ph_err rc;

	if ((rc = pool_fill(d, r)) != PH_OK)
		return rc;
	p_freebsd_rule(r, c, &pr);
	strlcpy(pr.anchor, e->anchor, sizeof(pr.anchor));
	pr.ticket = e->ticket;
	pr.pool_ticket = d->pool_ticket;
	return p_call(d, DIOCADDRULE, &pr);
}

static enum ph_err
sys_open(struct p_dev **out, bool write, struct strbuf *why)
{
	enum ph_err rc = p_dev_open(out, write, why);

	if (rc == PH_OK)
		(*out)->nl = p_nl_open();
	return rc;
}

static void
sys_close(struct p_dev *d)
{
	p_nl_close(d->nl);
	p_dev_close(d);
}

static enum ph_err
sys_enabled(struct p_dev *d, bool *yes)
{
	enum ph_err rc = p_sys_enabled(d, yes);

	return rc == PH_EUNSUPPORTED ? p_nl_enabled(d->nl, yes) : rc;
}

static enum ph_err
sys_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	enum ph_err rc = p_sys_states(d, found, ctx);

	return rc == PH_EUNSUPPORTED ? p_nl_states(d->nl, found, ctx) : rc;
}

static enum ph_err
sys_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	enum ph_err rc = p_sys_kill(d, id, creator);

	return rc == PH_EUNSUPPORTED ? p_nl_kill(d->nl, id, creator) : rc;
}

enum ph_err
p_rule_get(struct p_dev *d, struct pfioc_rule *pr)
{
	enum ph_err rc = p_call(d, DIOCGETRULE, pr);

	return rc == PH_EUNSUPPORTED ? p_nl_rule(d->nl, pr) : rc;
}

void
p_rule_name(struct pfioc_rule *pr, const char *anchor, enum p_part part)
{
	static const u_int8_t actions[P_NPARTS] = {
		[P_PASS] = PF_PASS,
		[P_RDR] = PF_RDR,
		[P_NAT] = PF_NAT,
	};

	strlcpy(pr->anchor, anchor, sizeof(pr->anchor));
	pr->rule.action = actions[part];
}

enum ph_err
p_rules_end(struct p_dev *d, uint32_t ticket)
{
	(void)d;
	(void)ticket;
	return PH_OK;
}

/* Translations are in rulesets of their own. */
bool
p_rule_translates(const struct pfioc_rule *pr)
{
	(void)pr;
	return false;
}

/*
 * A packet that is written back must not match the rule again:
 * see src/compat/packetq_freebsd.c.
 */
bool
p_rule_diverts(const struct pfioc_rule *pr, uint16_t port, bool *bad)
{
	const struct pf_rule *r = &pr->rule;

	*bad = r->direction != PF_IN || r->keep_state != 0;
	return r->action == PF_PASS && r->divert.port == htons(port);
}

const struct p_sys p_sys_native = {
	.dialect = P_FREEBSD,
	.open = sys_open,
	.close = sys_close,
	.write = p_sys_write,
	.flush = p_sys_flush,
	.rules = p_sys_rules,
	.enabled = sys_enabled,
	.host = p_sys_host,
	.hooked = p_sys_hooked,
	.diverted = p_sys_diverted,
	.count = p_sys_count,
	.states = sys_states,
	.kill = sys_kill,
	.add = p_sys_add,
	.original = p_sys_original,
	.table = p_sys_table,
	.gate = p_sys_gate,
	.gate_count = p_sys_gate_count,
	.pause = p_sys_pause,
};
