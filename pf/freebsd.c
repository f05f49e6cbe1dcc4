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

static const int part_actions[P_NPARTS] = {
	[P_PASS] = PF_PASS,
	[P_RDR] = PF_RDR,
	[P_NAT] = PF_NAT,
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
		DIOCRCLRADDRS, DIOCRDELADDRS, DIOCXBEGIN, DIOCXCOMMIT,
		DIOCXROLLBACK };
	cap_rights_t rights;

	cap_rights_init(&rights, CAP_IOCTL);
	if ((cap_rights_limit(fd, &rights) == -1 ||
		cap_ioctls_limit(fd, ours, sizeof(ours) / sizeof(ours[0])) ==
		    -1) &&
	    errno != ENOSYS)
		return PH_EDENIED;
	return PH_OK;
}

/* The rulesets of one transaction. */
struct batch {
	struct pfioc_trans_e *v;
	size_t n, size;
};

static enum ph_err
batch_add(struct batch *b, const char *anchor, enum p_part part)
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
	b->v[b->n].rs_num = rulesets[part];
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

static enum ph_err
pool_begin(struct p_dev *d)
{
	struct pfioc_pooladdr pp;
	enum ph_err rc;

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

static enum ph_err
rule_add(struct p_dev *d, const struct pfioc_trans_e *e, const struct p_rule *r,
    const struct fw_config *c)
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
node_rules(struct p_dev *d, struct p_tree *tree, const struct p_node *n,
    enum p_part part, const struct pfioc_trans_e *e, const struct fw_config *c)
{
	const struct p_rule *v;
	enum ph_err rc;
	size_t i, len;

	rc = p_node_rules(tree, n, part, &v, &len);
	for (i = 0; rc == PH_OK && i < len; i++)
		rc = rule_add(d, e, &v[i], c);
	return rc;
}

static enum ph_err
batch_of(struct p_tree *tree, struct batch *b)
{
	const struct p_node *n;
	enum ph_err rc = PH_OK;
	int part;

	for (n = p_tree_dirty(tree); n != NULL && rc == PH_OK;
	     n = p_node_next(tree, n)) {
		if (!p_node_is_top(n)) {
			rc = batch_add(b, p_node_path(n), p_node_part(n));
			continue;
		}
		for (part = 0; part < P_NPARTS && rc == PH_OK; part++)
			rc = batch_add(b, p_node_path(n), (enum p_part)part);
	}
	return rc;
}

static enum ph_err
batch_rules(struct p_dev *d, struct p_tree *tree, const struct batch *b,
    const struct fw_config *c)
{
	const struct p_node *n;
	enum ph_err rc = PH_OK;
	size_t i = 0;
	int part;

	for (n = p_tree_dirty(tree); n != NULL && rc == PH_OK;
	     n = p_node_next(tree, n)) {
		if (!p_node_is_top(n)) {
			rc = node_rules(d, tree, n, p_node_part(n), &b->v[i++],
			    c);
			continue;
		}
		for (part = 0; part < P_NPARTS && rc == PH_OK; part++)
			rc = node_rules(d, tree, n, (enum p_part)part,
			    &b->v[i++], c);
	}
	return rc;
}

static enum ph_err
sys_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *c)
{
	struct batch b = { 0 };
	enum ph_err rc;

	if ((rc = batch_of(tree, &b)) != PH_OK ||
	    (!d->have_pool && (rc = pool_begin(d)) != PH_OK) ||
	    (rc = batch_call(d, &b, DIOCXBEGIN)) != PH_OK) {
		free(b.v);
		return rc;
	}
	if ((rc = batch_rules(d, tree, &b, c)) == PH_OK)
		rc = batch_call(d, &b, DIOCXCOMMIT);
	if (rc != PH_OK) {
		/*
		 * Roll back, and return the first error, not one of the
		 * rollback.
		 */
		(void)batch_call(d, &b, DIOCXROLLBACK);
		d->have_pool = false;
	}
	free(b.v);
	return rc;
}

static enum ph_err
collect(struct p_dev *d, const char *path, void *ctx)
{
	enum ph_err rc = PH_OK;
	int part;

	(void)d;
	for (part = 0; part < P_NPARTS && rc == PH_OK; part++)
		rc = batch_add(ctx, path, (enum p_part)part);
	return rc;
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
	    (rc = batch_call(d, &b, DIOCXBEGIN)) == PH_OK) {
		rc = batch_call(d, &b, DIOCXCOMMIT);
		if (rc != PH_OK)
			(void)batch_call(d, &b, DIOCXROLLBACK);
	}
	free(b.v);
	return rc;
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

static enum ph_err
get_rule(struct p_dev *d, struct pfioc_rule *pr)
{
	enum ph_err rc = p_call(d, DIOCGETRULE, pr);

	return rc == PH_EUNSUPPORTED ? p_nl_rule(d->nl, pr) : rc;
}

/* Call `found` for each rule of one ruleset. */
static enum ph_err
list(struct p_dev *d, const char *anchor, int action,
    void (*found)(void *ctx, const struct pfioc_rule *pr), void *ctx,
    uint32_t *count)
{
	struct pfioc_rule pr;
	enum ph_err rc;
	uint32_t nr, n, ticket;

	memset(&pr, 0, sizeof(pr));
	strlcpy(pr.anchor, anchor, sizeof(pr.anchor));
	pr.rule.action = (u_int8_t)action;
	if ((rc = p_call(d, DIOCGETRULES, &pr)) != PH_OK)
		return rc;
	n = pr.nr;
	ticket = pr.ticket;
	if (count != NULL)
		*count = n;
	for (nr = 0; found != NULL && nr < n && rc == PH_OK; nr++) {
		memset(&pr, 0, sizeof(pr));
		strlcpy(pr.anchor, anchor, sizeof(pr.anchor));
		pr.rule.action = (u_int8_t)action;
		pr.nr = nr;
		pr.ticket = ticket;
		if ((rc = get_rule(d, &pr)) == PH_OK)
			found(ctx, &pr);
	}
	return rc;
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

	if (p_read(pr, &r))
		c->found(c->ctx, &r);
}

static enum ph_err
rules_of(struct p_dev *d, const char *path, void *ctx)
{
	enum ph_err rc = list(d, path, PF_PASS, rule_found, ctx, NULL);

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

	rc = list(d, "", part_actions[part], p_hook_found, &h, NULL);
	*yes = h.yes;
	return rc;
}

static enum ph_err
sys_count(struct p_dev *d, const char *anchor, enum p_part part, size_t *n)
{
	enum ph_err rc;
	uint32_t count = 0;

	rc = list(d, anchor, part_actions[part], NULL, NULL, &count);
	*n = count;
	return rc == PH_EBAD ? PH_OK : rc; /* not even the anchor */
}

const struct p_sys p_sys_native = {
	.dialect = P_FREEBSD,
	.open = sys_open,
	.close = sys_close,
	.write = sys_write,
	.flush = sys_flush,
	.rules = sys_rules,
	.enabled = sys_enabled,
	.host = p_sys_host,
	.hooked = sys_hooked,
	.count = sys_count,
	.states = sys_states,
	.kill = sys_kill,
	.add = p_sys_add,
	.original = p_sys_original,
	.table = p_sys_table,
	.pause = p_sys_pause,
};
