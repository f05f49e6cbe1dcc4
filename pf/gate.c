/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>

#include "pf/gate.h"
#include "src/base/queue.h"
#include "src/base/tree.h"

#define CHUNK	 512 /* remotes in one call */
/* The most that a kernel takes in one call by default is 65,535. */
#define CALL_MAX 60000

struct remote {
	RB_ENTRY(remote) node;
	TAILQ_ENTRY(remote) entry; /* in `wrong` */
	struct prefix prefix;
	unsigned int pinholes;
	bool in_pf;
	bool queued;
};

RB_HEAD(remote_tree, remote);

struct p_gate {
	struct remote_tree remotes;
	/* Remotes that pf may lack, or has without need. */
	TAILQ_HEAD(, remote) wrong;
	size_t n, in_pf;
};

bool
p_gate_is_any(const struct prefix *p)
{
	return p->addr.af == AF_UNSPEC || p->len == 0;
}

static int
remote_cmp(const struct remote *a, const struct remote *b)
{
	return prefix_cmp(&a->prefix, &b->prefix);
}

RB_GENERATE_STATIC(remote_tree, remote, node, remote_cmp)

enum ph_err
p_gate_new(struct p_gate **out)
{
	if ((*out = calloc(1, sizeof(**out))) == NULL)
		return PH_ENOMEM;
	RB_INIT(&(*out)->remotes);
	TAILQ_INIT(&(*out)->wrong);
	return PH_OK;
}

static void
remote_queue(struct p_gate *g, struct remote *r)
{
	if (r->queued)
		return;
	r->queued = true;
	TAILQ_INSERT_TAIL(&g->wrong, r, entry);
}

/* pf has the remote if it should.  A remote that it need not have is freed. */
static void
remote_settle(struct p_gate *g, struct remote *r, bool in_pf)
{
	if (r->queued)
		TAILQ_REMOVE(&g->wrong, r, entry);
	r->queued = false;
	g->in_pf += (size_t)in_pf - (size_t)r->in_pf;
	r->in_pf = in_pf;
	if (in_pf)
		return;
	RB_REMOVE(remote_tree, &g->remotes, r);
	g->n--;
	free(r);
}

void
p_gate_free(struct p_gate *g)
{
	struct remote *r;

	if (g == NULL)
		return;
	while ((r = RB_ROOT(&g->remotes)) != NULL) {
		RB_REMOVE(remote_tree, &g->remotes, r);
		free(r);
	}
	free(g);
}

static struct remote *
remote_find(struct p_gate *g, const struct prefix *p)
{
	struct remote key;

	key.prefix = *p;
	return RB_FIND(remote_tree, &g->remotes, &key);
}

enum ph_err
p_gate_take(struct p_gate *g, const struct prefix *p)
{
	struct remote *r;

	if ((r = remote_find(g, p)) == NULL) {
		if ((r = calloc(1, sizeof(*r))) == NULL)
			return PH_ENOMEM;
		r->prefix = *p;
		RB_INSERT(remote_tree, &g->remotes, r);
		g->n++;
	}
	r->pinholes++;
	if (!r->in_pf)
		remote_queue(g, r);
	return PH_OK;
}

void
p_gate_drop(struct p_gate *g, const struct prefix *p)
{
	struct remote *r;

	if ((r = remote_find(g, p)) == NULL || --r->pinholes > 0)
		return;
	if (r->in_pf)
		remote_queue(g, r);
	else
		remote_settle(g, r, false);
}

/* Tell pf of all in the queue that are to be `open` in it, or are not. */
static enum ph_err
tell_queued(struct p_gate *g, bool open, p_gate_fn tell, void *ctx)
{
	struct remote *r, *next, *sent[CHUNK];
	struct prefix v[CHUNK];
	enum ph_err rc;
	size_t i, n;

	do {
		n = 0;
		TAILQ_FOREACH_SAFE(r, &g->wrong, entry, next) {
			if (n == CHUNK)
				break;
			if ((r->pinholes > 0) == r->in_pf)
				remote_settle(g, r, r->in_pf);
			else if ((r->pinholes > 0) == open) {
				sent[n] = r;
				v[n++] = r->prefix;
			}
		}
		if (n == 0)
			return PH_OK;
		rc = tell(ctx, open ? P_GATE_ADD : P_GATE_DELETE, v, n);
		if (rc != PH_OK)
			return rc;
		for (i = 0; i < n; i++)
			remote_settle(g, sent[i], open);
	} while (n == CHUNK);
	return PH_OK;
}

enum ph_err
p_gate_add(struct p_gate *g, p_gate_fn tell, void *ctx)
{
	return tell_queued(g, true, tell, ctx);
}

enum ph_err
p_gate_delete(struct p_gate *g, p_gate_fn tell, void *ctx)
{
	return tell_queued(g, false, tell, ctx);
}

/* In one call, so that none of them is missing in between. */
static enum ph_err
tell_all(struct p_gate *g, p_gate_fn tell, void *ctx)
{
	struct remote *r, *next;
	struct prefix *v;
	enum ph_err rc;
	size_t n = 0;

	if ((v = calloc(g->n + 1, sizeof(*v))) == NULL)
		return PH_ENOMEM;
	RB_FOREACH(r, remote_tree, &g->remotes)
		if (r->pinholes > 0)
			v[n++] = r->prefix;
	rc = tell(ctx, P_GATE_SET, v, n);
	free(v);
	if (rc != PH_OK)
		return rc;
	RB_FOREACH_SAFE(r, remote_tree, &g->remotes, next)
		remote_settle(g, r, r->pinholes > 0);
	return PH_OK;
}

enum ph_err
p_gate_check(struct p_gate *g, size_t n, p_gate_fn tell, void *ctx)
{
	struct remote *r;

	if (n == g->in_pf)
		return PH_OK;
	if (g->n <= CALL_MAX)
		return tell_all(g, tell, ctx);
	if (n > g->in_pf)
		return PH_OK;
	RB_FOREACH(r, remote_tree, &g->remotes) {
		g->in_pf -= r->in_pf;
		r->in_pf = false;
		remote_queue(g, r);
	}
	return p_gate_add(g, tell, ctx);
}
