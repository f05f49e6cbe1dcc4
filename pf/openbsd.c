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
#include "pf/openbsd.h"

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

void
p_state_domain(struct pfsync_state *ps)
{
	ps->key[PF_SK_WIRE].rdomain = ps->key[PF_SK_STACK].rdomain =
	    htons((u_int16_t)getrtable());
}

/* The rulesets of one transaction. */
struct batch {
	struct pfioc_trans_e *v;
	size_t n, size;
};

static enum ph_err
batch_add(struct batch *b, const char *anchor)
{
	struct pfioc_trans_e *v;

	if (b->n == b->size) {
		v = reallocarray(b->v, b->size * 2 + 8, sizeof(*v));
		if (v == NULL)
			return PH_ENOMEM;
		b->v = v;
		b->size = b->size * 2 + 8;
	}
	memset(&b->v[b->n], 0, sizeof(b->v[b->n]));
	b->v[b->n].type = PF_TRANS_RULESET;
	strlcpy(b->v[b->n].anchor, anchor, sizeof(b->v[b->n].anchor));
	b->n++;
	return PH_OK;
}

static enum ph_err
batch_call(const struct p_dev *d, struct batch *b, unsigned long request)
{
	struct pfioc_trans t = { 0 };

	t.size = (int)b->n;
	t.esize = (int)sizeof(*b->v);
	t.array = b->v;
	return p_call(d, request, &t);
}

/*
 * Begin the transaction again if it cannot be committed: that empties it, as
 * would a rollback, which pledge(2) does not allow.
 */
static void
batch_forget(const struct p_dev *d, struct batch *b)
{
	(void)batch_call(d, b, DIOCXBEGIN);
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

void
p_openbsd_rule(const struct p_rule *r, const struct fw_config *c,
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

static enum ph_err
node_rules(struct p_dev *d, struct p_tree *tree, const struct p_node *n,
    const struct pfioc_trans_e *e, const struct fw_config *c)
{
	const struct p_rule *v;
	struct pfioc_rule pr;
	enum ph_err rc;
	size_t i, len;

	rc = p_node_rules(tree, n, P_PASS, &v, &len);
	for (i = 0; rc == PH_OK && i < len; i++) {
		p_openbsd_rule(&v[i], c, &pr);
		strlcpy(pr.anchor, e->anchor, sizeof(pr.anchor));
		pr.ticket = e->ticket;
		rc = p_call(d, DIOCADDRULE, &pr);
	}
	return rc;
}

static enum ph_err
sys_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *c)
{
	const struct p_node *n;
	struct batch b = { 0 };
	enum ph_err rc = PH_OK;
	size_t i = 0;

	for (n = p_tree_dirty(tree); n != NULL && rc == PH_OK;
	     n = p_node_next(tree, n))
		rc = batch_add(&b, p_node_path(n));
	if (rc == PH_OK && (rc = batch_call(d, &b, DIOCXBEGIN)) == PH_OK) {
		for (n = p_tree_dirty(tree); n != NULL && rc == PH_OK;
		     n = p_node_next(tree, n))
			rc = node_rules(d, tree, n, &b.v[i++], c);
		if (rc == PH_OK)
			rc = batch_call(d, &b, DIOCXCOMMIT);
		if (rc != PH_OK)
			batch_forget(d, &b);
	}
	free(b.v);
	return rc;
}

static enum ph_err
collect(struct p_dev *d, const char *path, void *ctx)
{
	(void)d;
	return batch_add(ctx, path);
}

/* All in one transaction of nothing, ours first: it calls the others. */
static enum ph_err
sys_flush(struct p_dev *d, const char *anchor)
{
	struct pfioc_trans_e swap;
	struct batch b = { 0 };
	enum ph_err rc;
	size_t i;

	rc = p_walk(d, anchor, P_DEPTH, collect, &b);
	for (i = 0; i < b.n / 2; i++) {
		swap = b.v[i];
		b.v[i] = b.v[b.n - 1 - i];
		b.v[b.n - 1 - i] = swap;
	}
	if (rc == PH_OK && b.n > 0 &&
	    (rc = batch_call(d, &b, DIOCXBEGIN)) == PH_OK)
		rc = batch_call(d, &b, DIOCXCOMMIT);
	free(b.v);
	return rc;
}

/* Call `found` for each rule of one ruleset. */
static enum ph_err
list(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct pfioc_rule *pr), void *ctx,
    uint32_t *count)
{
	struct pfioc_rule pr;
	enum ph_err rc, end;
	uint32_t nr, n, ticket;

	memset(&pr, 0, sizeof(pr));
	strlcpy(pr.anchor, anchor, sizeof(pr.anchor));
	if ((rc = p_call(d, DIOCGETRULES, &pr)) != PH_OK)
		return rc;
	n = pr.nr;
	ticket = pr.ticket;
	if (count != NULL)
		*count = n;
	for (nr = 0; found != NULL && nr < n && rc == PH_OK; nr++) {
		memset(&pr, 0, sizeof(pr));
		strlcpy(pr.anchor, anchor, sizeof(pr.anchor));
		pr.ticket = ticket;
		if ((rc = p_call(d, DIOCGETRULE, &pr)) == PH_OK)
			found(ctx, &pr);
	}
	end = p_call(d, DIOCXEND, &ticket);
	return rc == PH_OK ? end : rc;
}

struct rules_ctx {
	void (*found)(void *ctx, const struct p_rule *r);
	void *ctx;
};

static void
rule_found(void *ctx, const struct pfioc_rule *pr)
{
	struct rules_ctx *c = ctx;
	struct p_rule r;

	if (pr->rule.rdr.addr.type == PF_ADDR_NONE &&
	    pr->rule.nat.addr.type == PF_ADDR_NONE && p_read(pr, &r))
		c->found(c->ctx, &r);
}

static enum ph_err
rules_of(struct p_dev *d, const char *path, void *ctx)
{
	enum ph_err rc = list(d, path, rule_found, ctx, NULL);

	return rc == PH_EBAD ? PH_OK : rc;
}

static enum ph_err
sys_rules(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct p_rule *r), void *ctx)
{
	struct rules_ctx c = { found, ctx };

	return p_walk(d, anchor, P_DEPTH, rules_of, &c);
}

static enum ph_err
sys_hooked(struct p_dev *d, const char *anchor, enum p_part part, bool *yes)
{
	struct p_hook h = { anchor, false };
	enum ph_err rc;

	(void)part;
	rc = list(d, "", p_hook_found, &h, NULL);
	*yes = h.yes;
	return rc;
}

static enum ph_err
sys_count(struct p_dev *d, const char *anchor, enum p_part part, size_t *n)
{
	enum ph_err rc;
	uint32_t count = 0;

	(void)part;
	rc = list(d, anchor, NULL, NULL, &count);
	*n = count;
	return rc == PH_EBAD ? PH_OK : rc; /* not even the anchor */
}

const struct p_sys p_sys_native = {
	.dialect = P_OPENBSD,
	.open = p_dev_open,
	.close = p_dev_close,
	.write = sys_write,
	.flush = sys_flush,
	.rules = sys_rules,
	.enabled = p_sys_enabled,
	.host = p_sys_host,
	.hooked = sys_hooked,
	.count = sys_count,
	.states = p_sys_states,
	.kill = p_sys_kill,
	.add = p_sys_add,
	.original = p_sys_original,
	.table = p_sys_table,
	.pause = p_sys_pause,
};
