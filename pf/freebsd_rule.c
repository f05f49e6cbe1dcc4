/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "pf/freebsd.h"

static const u_int8_t actions[] = {
	[P_ACT_PASS] = PF_PASS,
	[P_ACT_RDR] = PF_RDR,
	[P_ACT_NAT] = PF_NAT,
	[P_ACT_ANCHOR] = PF_PASS,
	[P_ACT_RDR_ANCHOR] = PF_RDR,
	[P_ACT_NAT_ANCHOR] = PF_NAT,
};

static void
set_target(const struct p_rule *r, struct pf_rule *out)
{
	/* In host order.  A second port would make the target of rdr a range.
	 */
	out->rpool.proxy_port[0] = r->target.port;
	if (r->action == P_ACT_NAT)
		out->rpool.proxy_port[1] = r->target.port;
}

void
p_freebsd_rule(const struct p_rule *r, const struct fw_config *c,
    struct pfioc_rule *out)
{
	struct pf_rule *rule = &out->rule;

	memset(out, 0, sizeof(*out));
	p_set_pass(r, c, rule);
	rule->action = actions[r->action];
	if (r->anchor[0] != '\0') {
		p_set_anchor(r, out);
		return;
	}
	if (r->action == P_ACT_PASS) {
		if (r->on != NULL && r->gateway.af != AF_UNSPEC)
			rule->rt = PF_REPLYTO;
		return;
	}
	/* As pfctl makes them: they know their direction and keep no state. */
	rule->direction = PF_INOUT;
	rule->quick = rule->log = 0;
	rule->keep_state = rule->flags = rule->flagset = 0;
	rule->max_states = 0;
	memset(rule->timeout, 0, sizeof(rule->timeout));
	rule->tagname[0] = rule->qname[0] = '\0';
	set_target(r, rule);
}

bool
p_freebsd_pool(const struct p_rule *r, struct pfioc_pooladdr *out)
{
	const struct addr *a = &r->target.addr;

	if (r->on != NULL && r->gateway.af != AF_UNSPEC)
		a = &r->gateway;
	if (a->af == AF_UNSPEC)
		return false;
	memset(out, 0, sizeof(*out));
	out->af = a->af;
	out->addr.addr.type = PF_ADDR_ADDRMASK;
	p_set_addr(a, &out->addr.addr.v.a.addr);
	p_set_mask((uint8_t)(addr_bytes(a->af) * 8), &out->addr.addr.v.a.mask);
	if (a == &r->gateway)
		strlcpy(out->addr.ifname, r->on, sizeof(out->addr.ifname));
	return true;
}
