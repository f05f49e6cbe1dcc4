/* SPDX-License-Identifier: ISC */
/*
 * The ioctls of pf(4) as FreeBSD has them, from 12 on.  The old structs are
 * frozen there; what 15 has dropped (GETRULE, GETSTATUS, GETSTATES,
 * KILLSTATES) answers ENOTTY and is PH_EUNSUPPORTED to whoever asked.
 */
#include <sys/param.h>
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

#include "pf/pf_freebsd.h"
#include "pf/pf_sys.h"

#define DEPTH 4 /* of anchors below ours that we look into */

struct p_dev {
	int fd;
	/*
	 * The one address pool of the system is handed out by ticket, and
	 * taking a new one makes a pfctl -f that is under way fail.  So the
	 * last one is used for as long as pf takes it.
	 */
	uint32_t pool_ticket;
	bool have_pool;
};

static int
real_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

int (*p_ioctl)(int fd, unsigned long request, void *arg) = real_ioctl;

static enum ph_err
call(const struct p_dev *d, unsigned long request, void *arg)
{
	return p_ioctl(d->fd, request, arg) == -1 ? p_error(errno) : PH_OK;
}

static enum ph_err
dev_open(struct p_dev **out, bool write, struct strbuf *why)
{
	struct p_dev *d;

	*out = NULL;
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return PH_ENOMEM;
	d->fd = open("/dev/pf", (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (d->fd == -1) {
		strbuf_fmt(why, "/dev/pf: %s%s", strerror(errno),
		    errno == ENOENT ? " (kldload pf)" : "");
		free(d);
		return PH_EGONE;
	}
	*out = d;
	return PH_OK;
}

static void
dev_close(struct p_dev *d)
{
	close(d->fd);
	free(d);
}

static const int rulesets[P_NPARTS] = {
	[P_PASS] = PF_RULESET_FILTER,
	[P_RDR] = PF_RULESET_RDR,
	[P_NAT] = PF_RULESET_NAT,
};

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
	return call(d, request, &t);
}

static enum ph_err
pool_begin(struct p_dev *d)
{
	struct pfioc_pooladdr pp;
	enum ph_err rc;

	memset(&pp, 0, sizeof(pp));
	if ((rc = call(d, DIOCBEGINADDRS, &pp)) != PH_OK)
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
	return call(d, DIOCADDADDR, &pp);
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
	return call(d, DIOCADDRULE, &pr);
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
	     n = p_node_next(n)) {
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
	     n = p_node_next(n)) {
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
		/* What was begun is forgotten; the error to tell is ours. */
		(void)batch_call(d, &b, DIOCXROLLBACK);
		d->have_pool = false;
	}
	free(b.v);
	return rc;
}

/* Call `found` for each anchor below `path`, deepest first. */
static enum ph_err
walk(struct p_dev *d, const char *path, int depth,
    enum ph_err (*found)(struct p_dev *d, const char *path, void *ctx),
    void *ctx)
{
	struct pfioc_ruleset rs;
	char sub[MAXPATHLEN];
	enum ph_err rc;
	uint32_t nr;

	memset(&rs, 0, sizeof(rs));
	strlcpy(rs.path, path, sizeof(rs.path));
	rc = call(d, DIOCGETRULESETS, &rs);
	if (rc == PH_EBAD)
		return PH_OK; /* there is no such anchor */
	/* From the last, for what is emptied makes those after it move. */
	for (nr = rs.nr; rc == PH_OK && nr-- > 0;) {
		rs.nr = nr;
		strlcpy(rs.path, path, sizeof(rs.path));
		rc = call(d, DIOCGETRULESET, &rs);
		if (rc == PH_EAGAIN || rc == PH_EBAD) {
			rc = PH_OK; /* gone meanwhile */
			continue;
		}
		snprintf(sub, sizeof(sub), "%s/%s", path, rs.name);
		if (rc == PH_OK && depth > 0)
			rc = walk(d, sub, depth - 1, found, ctx);
	}
	return rc == PH_OK ? found(d, path, ctx) : rc;
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

	rc = walk(d, anchor, DEPTH, collect, &b);
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
	if ((rc = call(d, DIOCGETRULES, &pr)) != PH_OK)
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
		if ((rc = call(d, DIOCGETRULE, &pr)) == PH_OK)
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

	if (p_freebsd_read(pr, &r))
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

	return walk(d, anchor, DEPTH, rules_of, &c);
}

static enum ph_err
sys_enabled(struct p_dev *d, bool *yes)
{
	struct pf_status st;
	enum ph_err rc;

	memset(&st, 0, sizeof(st));
	if ((rc = call(d, DIOCGETSTATUS, &st)) == PH_OK)
		*yes = st.running != 0;
	return rc;
}

struct hook {
	const char *anchor;
	bool yes;
};

/* "pinholed", "/pinholed"; for a/b also "a/" and a star. */
static void
hook_found(void *ctx, const struct pfioc_rule *pr)
{
	struct hook *h = ctx;
	const char *called = pr->anchor_call, *slash;
	size_t len;

	if (called[0] == '/')
		called++;
	if (strcmp(called, h->anchor) == 0)
		h->yes = true;
	if ((slash = strrchr(h->anchor, '/')) == NULL)
		return;
	len = (size_t)(slash - h->anchor);
	if (strncmp(called, h->anchor, len) == 0 &&
	    strcmp(called + len, "/*") == 0)
		h->yes = true;
}

static enum ph_err
sys_hooked(struct p_dev *d, const char *anchor, enum p_part part, bool *yes)
{
	static const int actions[P_NPARTS] = {
		[P_PASS] = PF_PASS,
		[P_RDR] = PF_RDR,
		[P_NAT] = PF_NAT,
	};
	struct hook h = { anchor, false };
	enum ph_err rc;

	rc = list(d, "", actions[part], hook_found, &h, NULL);
	*yes = h.yes;
	return rc;
}

static enum ph_err
sys_count(struct p_dev *d, const char *anchor, size_t *n)
{
	static const int actions[] = { PF_PASS, PF_RDR, PF_NAT };
	enum ph_err rc;
	uint32_t one;
	size_t i;

	*n = 0;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		one = 0;
		rc = list(d, anchor, actions[i], NULL, NULL, &one);
		if (rc == PH_EBAD)
			return PH_OK; /* not even the anchor */
		if (rc != PH_OK)
			return rc;
		*n += one;
	}
	return PH_OK;
}

static enum ph_err
sys_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	struct pfioc_states ps;
	struct pfsync_state *v = NULL;
	struct p_state s;
	enum ph_err rc;
	size_t i, n, room = 0;
	int len;

	for (;;) {
		memset(&ps, 0, sizeof(ps));
		ps.ps_len = (int)(room * sizeof(*v));
		ps.ps_states = v;
		if ((rc = call(d, DIOCGETSTATES, &ps)) != PH_OK)
			goto out;
		len = ps.ps_len;
		n = (size_t)len / sizeof(*v);
		if (room > 0 && n < room)
			break;
		/* Some more may come until we ask again. */
		room = (room > n ? room : n) + n / 8 + 64;
		free(v);
		if ((v = calloc(room, sizeof(*v))) == NULL)
			return PH_ENOMEM;
	}
	for (i = 0; i < n; i++)
		if (p_freebsd_state(&v[i], &s))
			found(ctx, &s);
out:
	free(v);
	return rc;
}

static enum ph_err
sys_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	struct pfioc_state_kill k;

	memset(&k, 0, sizeof(k));
	k.psk_pfcmp.id = id;
	k.psk_pfcmp.creatorid = creator;
	return call(d, DIOCKILLSTATES, &k);
}

static enum ph_err
sys_add(struct p_dev *d, const struct p_state *s, bool log)
{
	struct pfioc_state ps;

	p_freebsd_new_state(s, log, &ps.state);
	if (p_ioctl(d->fd, DIOCADDSTATE, &ps) != -1)
		return PH_OK;
	if (errno == EEXIST)
		return PH_EEXIST;
	/* No pfsync in this kernel. */
	return errno == EOPNOTSUPP ? PH_EUNSUPPORTED : p_error(errno);
}

static enum ph_err
sys_original(struct p_dev *d, const struct fw_flow *flow, struct endpoint *out)
{
	static const u_int8_t ways[] = { PF_OUT, PF_IN };
	struct pfioc_natlook nl;
	enum ph_err rc = PH_EIO;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		p_freebsd_natlook(flow, ways[i], &nl);
		if ((rc = call(d, DIOCNATLOOK, &nl)) == PH_OK) {
			*out = p_freebsd_natlook_result(&nl);
			return PH_OK;
		}
	}
	return rc;
}

static enum ph_err
table_make(struct p_dev *d, const char *name)
{
	struct pfioc_table io;
	struct pfr_table t;

	memset(&io, 0, sizeof(io));
	memset(&t, 0, sizeof(t));
	strlcpy(t.pfrt_name, name, sizeof(t.pfrt_name));
	t.pfrt_flags = PFR_TFLAG_PERSIST;
	io.pfrio_buffer = &t;
	io.pfrio_esize = sizeof(t);
	io.pfrio_size = 1;
	return call(d, DIOCRADDTABLES, &io);
}

static enum ph_err
sys_table(struct p_dev *d, const char *name, enum fw_table_op op,
    const struct prefix *v, size_t n)
{
	static const unsigned long requests[] = {
		[FW_TABLE_ADD] = DIOCRADDADDRS,
		[FW_TABLE_DELETE] = DIOCRDELADDRS,
		[FW_TABLE_FLUSH] = DIOCRCLRADDRS,
	};
	struct pfioc_table io;
	struct pfr_addr *a;
	enum ph_err rc = PH_OK;
	size_t i;
	int try;

	if (strlen(name) >= sizeof(io.pfrio_table.pfrt_name))
		return PH_EBAD;
	if (op == FW_TABLE_FLUSH)
		n = 0;
	else if (n == 0)
		return PH_OK;
	if ((a = calloc(n + 1, sizeof(*a))) == NULL)
		return PH_ENOMEM;
	for (i = 0; i < n; i++)
		p_freebsd_table_addr(&v[i], &a[i]);
	for (try = 0; try < 2; try++) {
		memset(&io, 0, sizeof(io));
		strlcpy(io.pfrio_table.pfrt_name, name,
		    sizeof(io.pfrio_table.pfrt_name));
		if (op != FW_TABLE_FLUSH) {
			io.pfrio_buffer = a;
			io.pfrio_esize = sizeof(*a);
			io.pfrio_size = (int)n;
		}
		if (p_ioctl(d->fd, requests[op], &io) != -1) {
			rc = PH_OK;
			break;
		}
		/* Nobody has made the table; deleting needs none. */
		rc = errno == ESRCH ? PH_OK : p_error(errno);
		if (rc != PH_OK || op != FW_TABLE_ADD || try == 1)
			break;
		if ((rc = table_make(d, name)) != PH_OK)
			break;
	}
	free(a);
	return rc;
}

static void
sys_pause(uint32_t us)
{
	struct timespec ts = { us / 1000000, (long)(us % 1000000) * 1000 };

	(void)nanosleep(&ts, NULL);
}

const struct p_sys p_sys_native = {
	.dialect = P_FREEBSD,
	.open = dev_open,
	.close = dev_close,
	.write = sys_write,
	.flush = sys_flush,
	.rules = sys_rules,
	.enabled = sys_enabled,
	.hooked = sys_hooked,
	.count = sys_count,
	.states = sys_states,
	.kill = sys_kill,
	.add = sys_add,
	.original = sys_original,
	.table = sys_table,
	.pause = sys_pause,
};
