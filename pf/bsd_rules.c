/* SPDX-License-Identifier: ISC */
#include <sys/param.h>
#include <sys/ioctl.h>

#include <string.h>

#include "pf/bsd.h"

/* Call `found` for each rule of one ruleset. */
static enum ph_err
rules_list(struct p_dev *d, const char *anchor, enum p_part part,
    void (*found)(void *ctx, const struct pfioc_rule *pr), void *ctx,
    uint32_t *count)
{
	struct pfioc_rule pr;
	enum ph_err rc, end;
	uint32_t nr, n, ticket;

	memset(&pr, 0, sizeof(pr));
	p_rule_name(&pr, anchor, part);
	if ((rc = p_call(d, DIOCGETRULES, &pr)) != PH_OK)
		return rc;
	n = pr.nr;
	ticket = pr.ticket;
	if (count != NULL)
		*count = n;
	for (nr = 0; found != NULL && nr < n && rc == PH_OK; nr++) {
		memset(&pr, 0, sizeof(pr));
		p_rule_name(&pr, anchor, part);
		pr.nr = nr;
		pr.ticket = ticket;
		if ((rc = p_rule_get(d, &pr)) == PH_OK)
			found(ctx, &pr);
	}
	end = p_rules_end(d, ticket);
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

	if (!p_rule_translates(pr) && p_read(pr, &r))
		c->found(c->ctx, &r);
}

static enum ph_err
rules_of(struct p_dev *d, const char *path, void *ctx)
{
	enum ph_err rc = rules_list(d, path, P_PASS, rule_found, ctx, NULL);

	return rc == PH_EBAD ? PH_OK : rc;
}

enum ph_err
p_sys_rules(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct p_rule *r), void *ctx)
{
	struct rules_ctx c = { found, ctx };

	return p_walk(d, anchor, P_DEPTH, rules_of, &c);
}

struct hook_ctx {
	const char *anchor;
	bool yes;
};

/* "pinholed", "/pinholed"; for a/b also "a/" and a star. */
static void
hook_found(void *ctx, const struct pfioc_rule *pr)
{
	struct hook_ctx *h = ctx;
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

enum ph_err
p_sys_hooked(struct p_dev *d, const char *anchor, enum p_part part, bool *yes)
{
	struct hook_ctx h = { anchor, false };
	enum ph_err rc;

	rc = rules_list(d, "", part, hook_found, &h, NULL);
	*yes = h.yes;
	return rc;
}

enum ph_err
p_sys_count(struct p_dev *d, const char *anchor, enum p_part part, size_t *n)
{
	enum ph_err rc;
	uint32_t count = 0;

	rc = rules_list(d, anchor, part, NULL, NULL, &count);
	*n = count;
	return rc == PH_EBAD ? PH_OK : rc; /* not even the anchor */
}

struct divert_ctx {
	const char *ours;
	uint16_t port;
	size_t n, bad;
};

static void
divert_found(void *ctx, const struct pfioc_rule *pr)
{
	struct divert_ctx *c = ctx;
	bool bad = false;

	if (!p_rule_diverts(pr, c->port, &bad))
		return;
	c->n++;
	c->bad += bad;
}

static enum ph_err
diverted_in(struct p_dev *d, const char *path, void *ctx)
{
	const struct divert_ctx *c = ctx;
	size_t len = strlen(c->ours);
	enum ph_err rc;

	/* Our own anchors have thousands of rules, and none that diverts. */
	if (path[0] == '/' && strncmp(path + 1, c->ours, len) == 0 &&
	    (path[1 + len] == '\0' || path[1 + len] == '/'))
		return PH_OK;
	rc = rules_list(d, path, P_PASS, divert_found, ctx, NULL);
	return rc == PH_EBAD ? PH_OK : rc;
}

/* In the main ruleset and the anchors below it. */
enum ph_err
p_sys_diverted(struct p_dev *d, const char *anchor, uint16_t port, size_t *n,
    size_t *bad)
{
	struct divert_ctx c = { .ours = anchor, .port = port };
	enum ph_err rc = p_walk(d, "", P_DEPTH, diverted_in, &c);

	*n = c.n;
	*bad = c.bad;
	return rc;
}
