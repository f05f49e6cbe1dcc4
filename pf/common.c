/* SPDX-License-Identifier: ISC */
/*
 * The pf backend above the ioctls: what is open, which states end with it,
 * which still carry packets, what an earlier run left.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "pf/expiry.h"
#include "pf/gate.h"
#include "pf/holes.h"
#include "pf/leftovers.h"
#include "pf/states.h"
#include "pf/sys.h"
#include "pf/traffic.h"

/* Closed pinholes are gathered so long for one sweep. */
#define GATHER	  (500 * 1000LL)
/* How often to check that our rules are there. */
#define HEARTBEAT (5 * 1000 * 1000LL)
#define REMAKE	  (20 * 1000 * 1000LL) /* states mode: less than a timeout */
#define TRIES	  6
#define LEFTOVER  (UINT64_C(1) << 63) /* ids of what another run opened */
#define CUTS_MAX  256		      /* moved ports waiting for a sweep */
#define SWEEP_MAX 100000	      /* closed pinholes waiting for a sweep */

struct fw {
	const struct p_sys *sys;
	const struct fw_config *config;
	struct p_dev *dev;
	struct p_gate *gate; /* the remotes of `tree`; NULL: not here */
	struct p_tree *tree;
	struct p_tree *state_tree; /* states mode: pinholes that are states */
	struct p_holes *holes;
	struct p_expiry *expiry; /* of table entries */
	bool kill;
	bool states; /* states mode */
	struct p_states st;
	uint64_t nleftovers; /* how many there were */
	/* Closed since `closed_since`; their states are still to be killed. */
	struct p_tree *closed_tree;
	struct p_holes *closed_holes;
	struct pinhole cuts[CUTS_MAX]; /* p_cut() since then */
	size_t ncuts;
	int64_t closed_since;
	int64_t heartbeat, remake; /* when due */
	int64_t now;		   /* the `now` of the last call */
};

/* Between two tries: 0.5 to 1.5 times 1, 2, 4 ... milliseconds. */
static void
back_off(const struct fw *fw, unsigned int try)
{
	uint32_t us = 1000u << try;

	fw->sys->pause(us / 2 + arc4random_uniform(us));
}

/*
 * EBUSY: pfctl -f has taken the address pool between two of our calls, or a
 * queue is unknown.  We step back, so that neither starves.
 */
static enum ph_err
write_batch(struct fw *fw)
{
	enum ph_err rc = PH_OK;
	unsigned int try;

	for (try = 0; try < TRIES; try++) {
		if (try > 0)
			back_off(fw, try - 1);
		rc = fw->sys->write(fw->dev, fw->tree, fw->config);
		if (rc != PH_EAGAIN)
			break;
	}
	return rc == PH_EUNSUPPORTED ? PH_EGONE : rc;
}

static enum ph_err
gate_tell(void *ctx, enum p_gate_op op, const struct prefix *v, size_t n)
{
	struct fw *fw = ctx;

	return fw->sys->gate(fw->dev, fw->config->name, op, v, n);
}

static enum ph_err
gate_heartbeat(struct fw *fw)
{
	enum ph_err rc;
	size_t n;

	if (fw->gate == NULL)
		return PH_OK;
	rc = fw->sys->gate_count(fw->dev, fw->config->name, &n);
	return rc == PH_OK ? p_gate_check(fw->gate, n, gate_tell, fw) : rc;
}

/*
 * Write the dirty nodes in batches, each all or nothing.  If one fails, pf
 * passes all that is allowed both before and after; the rest stays dirty.
 */
static enum ph_err
write_tree(struct fw *fw)
{
	size_t i, n = p_tree_batches(fw->tree);
	enum ph_err rc = PH_OK;

	if (fw->gate != NULL)
		rc = p_gate_add(fw->gate, gate_tell, fw);
	for (i = 0; i < n && rc == PH_OK; i++) {
		p_tree_select(fw->tree, i);
		rc = write_batch(fw);
	}
	p_tree_select(fw->tree, P_ALL_BATCHES);
	if (rc == PH_OK) {
		p_tree_clean(fw->tree);
		/* A remote that pf does not delete now goes with the next
		 * commit. */
		if (fw->gate != NULL &&
		    p_gate_delete(fw->gate, gate_tell, fw) == PH_EGONE)
			rc = PH_EGONE;
	}
	return rc;
}

static bool
sweep_is_pending(const struct fw *fw)
{
	return p_holes_count(fw->closed_holes) > 0 || fw->ncuts > 0;
}

/* Remember what was closed until the next sweep. */
static void
closed_remember(struct fw *fw, const struct pinhole *hole)
{
	/* Without room or memory, its states end by silence. */
	if (fw->kill && p_holes_count(fw->closed_holes) < SWEEP_MAX)
		(void)!p_holes_add(fw->closed_holes, hole, NULL);
	p_tree_clean(fw->closed_tree);
}

static bool
found_one(void *ctx, const struct pinhole *hole)
{
	(void)hole;
	*(bool *)ctx = true;
	return false;
}

/* Does a pinhole of the tree stand for the flow of this one? */
static bool
tree_has_flow(const struct p_tree *t, const struct pinhole *hole)
{
	const struct endpoint src = { hole->from.addr, hole->from_port },
			      dst = { hole->to, hole->to_lo };
	bool yes = false;

	p_tree_match(t, hole->proto, &src, &dst, found_one, &yes);
	return yes;
}

/*
 * A pinhole for one connection leaves that connection alone.  States that we
 * made are known by their ids and end at once, unless another pinhole has taken
 * over the flow.  The sweep finds all other states.
 */
static void
entry_closed(struct fw *fw, const struct fw_entry *e)
{
	const struct pinhole hole = fw_entry_hole(e);

	if (hole.once)
		return;
	if (p_holes_as_state(fw->holes, &hole) &&
	    !tree_has_flow(fw->state_tree, &hole) &&
	    p_states_kill(&fw->st, &hole) == PH_EGONE)
		return;
	closed_remember(fw, &hole);
}

/* Would any pinhole of the tree let this state begin? */
static bool
tree_has_state(const struct p_tree *t, const struct p_state *s)
{
	bool yes = false;

	p_tree_match(t, s->proto, &s->src, &s->dst, found_one, &yes);
	if (!yes)
		p_tree_match(t, s->proto, &s->in_src, &s->in_dst, found_one,
		    &yes);
	return yes;
}

/* Did the inside begin this state from a port that it has left? */
static bool
is_cut(const struct fw *fw, const struct p_state *s)
{
	const struct pinhole *c;
	size_t i;

	for (i = 0; i < fw->ncuts; i++) {
		c = &fw->cuts[i];
		if (s->proto == c->proto && s->in_src.port == c->from_port &&
		    s->in_dst.port >= c->to_lo && s->in_dst.port <= c->to_hi &&
		    addr_eq(&s->in_src.addr, &c->from.addr) &&
		    addr_eq(&s->in_dst.addr, &c->to))
			return true;
	}
	return false;
}

struct sweep {
	struct fw *fw;
	enum ph_err rc;
};

static void
sweep_one(void *ctx, const struct p_state *s)
{
	struct sweep *sweep = ctx;
	struct fw *fw = sweep->fw;
	enum ph_err rc;

	if (!is_cut(fw, s) &&
	    (!tree_has_state(fw->closed_tree, s) ||
		tree_has_state(fw->tree, s) ||
		tree_has_state(fw->state_tree, s)))
		return;
	rc = fw->sys->kill(fw->dev, s->id, s->creator);
	if (rc != PH_OK)
		sweep->rc = rc;
}

static enum ph_err
closed_reset(struct fw *fw)
{
	enum ph_err rc;

	p_holes_free(fw->closed_holes);
	p_tree_free(fw->closed_tree);
	fw->closed_tree = NULL;
	fw->closed_holes = NULL;
	rc = p_tree_new(&fw->closed_tree, fw->sys->dialect, fw->config);
	if (rc != PH_OK)
		return rc;
	return p_holes_new(&fw->closed_holes, fw->closed_tree, NULL, NULL);
}

/* One walk over all states for everything closed since the last. */
static enum ph_err
closed_sweep(struct fw *fw)
{
	struct sweep s = { fw, PH_OK };
	enum ph_err rc;

	if (!sweep_is_pending(fw))
		return PH_OK;
	rc = fw->sys->states(fw->dev, sweep_one, &s);
	if (rc == PH_EAGAIN || s.rc == PH_EAGAIN)
		return PH_EAGAIN;
	if (rc == PH_OK)
		rc = s.rc;
	fw->ncuts = 0;
	if (closed_reset(fw) != PH_OK)
		return PH_ENOMEM;
	return rc;
}

/* The next sweep begins to wait now, unless one waits already. */
static void
sweep_soon(struct fw *fw, int64_t now)
{
	if (!sweep_is_pending(fw))
		fw->closed_since = now;
}

/*
 * Remember the port that the inside has left, so that the next sweep ends the
 * states it began there.  Without room, those states end by silence.
 */
void
p_cut(struct fw *fw, const struct pinhole *hole, int64_t now)
{
	sweep_soon(fw, now);
	if (fw->kill && fw->ncuts < CUTS_MAX)
		fw->cuts[fw->ncuts++] = *hole;
}

/* Where pf takes no states any more, as with pfsync0 down, it is a rule. */
static enum ph_err
make_state(struct fw *fw, struct p_hole *h, bool again)
{
	enum ph_err rc = PH_OK;

	if (h->by_state)
		rc = p_states_make(&fw->st, &h->hole, again);
	return rc == PH_EUNSUPPORTED ? p_holes_to_rule(fw->holes, h) : rc;
}

/* States for the new pinholes that a state can stand for. */
static enum ph_err
make_states(struct fw *fw, const struct fw_edit *edits, size_t n)
{
	enum ph_err rc = PH_OK;
	size_t i;

	for (i = 0; i < n && rc == PH_OK; i++)
		if (edits[i].op == FW_ADD)
			rc = make_state(fw, edits[i].entry->own, false);
	if (rc == PH_OK && p_tree_dirty(fw->tree) != NULL)
		rc = write_tree(fw);
	return rc;
}

/* States that a commit made before it failed are killed. */
static void
unmake_states(struct fw *fw, const struct fw_edit *edits, size_t n)
{
	const struct p_hole *h;
	size_t i;

	for (i = 0; i < n; i++) {
		h = edits[i].entry->own;
		if (edits[i].op == FW_ADD && h->by_state &&
		    p_states_kill(&fw->st, &h->hole) != PH_OK)
			closed_remember(fw, &h->hole);
	}
}

/* A state ends with its silence; a pinhole does not. */
static enum ph_err
states_remake(struct fw *fw)
{
	struct p_hole *h;
	enum ph_err rc = PH_OK;

	for (h = p_holes_first(fw->holes); h != NULL && rc == PH_OK;
	     h = p_holes_next(h))
		rc = make_state(fw, h, true);
	return rc;
}

enum ph_err
p_add(struct fw *fw, struct fw_entry *e)
{
	return p_holes_enter(fw->holes, e);
}

void
p_remove(struct fw *fw, struct fw_entry *e)
{
	if (e->own != NULL)
		p_holes_remove(fw->holes, e->own);
}

/*
 * After a failed write the ledger takes its edits back.  pf is told of that
 * with the next commit or by a tick.
 */
enum ph_err
p_commit(struct fw *fw, const struct fw_edit *edits, size_t n, int64_t now)
{
	enum ph_err rc;
	size_t i;

	fw->now = now;
	if ((rc = write_tree(fw)) != PH_OK)
		return rc;
	sweep_soon(fw, now);
	if ((rc = make_states(fw, edits, n)) != PH_OK) {
		unmake_states(fw, edits, n);
		return rc;
	}
	p_tree_clean(fw->state_tree);
	for (i = 0; i < n; i++)
		if (edits[i].op == FW_REMOVE)
			entry_closed(fw, edits[i].entry);
	return PH_OK;
}

struct leftovers {
	struct fw *fw;
	void (*found)(struct fw *fw, const struct pinhole *h);
};

static void
leftover_one(void *ctx, struct pinhole *h)
{
	const struct leftovers *in = ctx;

	h->id = LEFTOVER | ++in->fw->nleftovers;
	in->found(in->fw, h);
}

/* Hand what an earlier run left to `found`, each pinhole once. */
static enum ph_err
leftovers_each(struct fw *fw,
    void (*found)(struct fw *fw, const struct pinhole *h))
{
	struct leftovers in = { fw, found };

	return p_leftovers_read(fw->sys, fw->dev, fw->config->name,
	    leftover_one, &in);
}

static void
leftover_adopt(struct fw *fw, const struct pinhole *h)
{
	(void)!p_holes_add(fw->holes, h, NULL);
}

static bool
is_open(void *ctx, uint64_t id)
{
	const struct p_hole *h = p_holes_find(((struct fw *)ctx)->holes, id);

	return h != NULL && h->by_state;
}

/*
 * States that an earlier run made, and that no pinhole has now.  It may have
 * been in states mode though we are not.
 */
static enum ph_err
clear_states(struct fw *fw)
{
	enum ph_err rc = p_states_clear(&fw->st, is_open, fw);

	return rc == PH_EUNSUPPORTED ? PH_OK : rc;
}

/* Remove all rules and states that an earlier run left. */
static enum ph_err
leftovers_clear(struct fw *fw)
{
	enum ph_err rc;
	unsigned int try;

	rc = leftovers_each(fw, closed_remember);
	if (rc != PH_OK && rc != PH_EUNSUPPORTED)
		return rc;
	if ((rc = clear_states(fw)) != PH_OK)
		return rc;
	for (try = 0; try < TRIES; try++) {
		if (try > 0)
			back_off(fw, try - 1);
		rc = fw->sys->flush(fw->dev, fw->config->name);
		if (rc != PH_EAGAIN)
			break;
	}
	return rc == PH_OK ? closed_sweep(fw) : rc;
}

enum ph_err
p_settle(struct fw *fw, int64_t now)
{
	struct p_hole *h, *next;
	struct pinhole hole;
	enum ph_err rc;

	if ((rc = clear_states(fw)) != PH_OK)
		return rc;
	sweep_soon(fw, now);
	for (h = p_holes_first(fw->holes); h != NULL; h = next) {
		next = p_holes_next(h);
		if ((h->hole.id & LEFTOVER) == 0)
			continue;
		hole = h->hole;
		p_holes_remove(fw->holes, h);
		if (!hole.once)
			closed_remember(fw, &hole);
	}
	return write_tree(fw);
}

enum ph_err
p_activity(struct fw *fw, fw_seen_fn seen, void *ctx, int64_t now)
{
	const struct p_traffic t = { fw->sys, fw->dev, fw->holes, fw->tree,
		fw->state_tree };

	(void)now;
	return p_traffic_read(&t, seen, ctx);
}

/* Has the packet filter as many rules in this anchor as we wrote? */
static enum ph_err
node_compare(struct fw *fw, const struct p_node *node, bool *same)
{
	const struct p_rule *v;
	enum ph_err rc = PH_OK;
	size_t expected, n;
	int part;

	for (part = 0; part < P_NPARTS && rc == PH_OK; part++) {
		if (part != (int)p_node_part(node) &&
		    (!p_node_is_top(node) || fw->sys->dialect == P_OPENBSD))
			continue;
		n = 0;
		rc = fw->sys->count(fw->dev, p_node_path(node),
		    (enum p_part)part, &n);
		if (rc == PH_OK)
			rc = p_node_rules(fw->tree, node, (enum p_part)part, &v,
			    &expected);
		if (rc == PH_OK && n != expected)
			*same = false;
	}
	return rc;
}

/* Somebody flushed our anchor, or a part of it: write it again. */
static enum ph_err
tree_heartbeat(struct fw *fw)
{
	const struct p_node *n;
	enum ph_err rc = PH_OK;
	bool same = true;

	if ((rc = gate_heartbeat(fw)) != PH_OK)
		return rc;
	if (p_tree_dirty(fw->tree) != NULL)
		return write_tree(fw);
	p_tree_taint(fw->tree);
	for (n = p_tree_dirty(fw->tree); n != NULL && same && rc == PH_OK;
	     n = p_node_next(fw->tree, n))
		rc = node_compare(fw, n, &same);
	if (!same)
		return write_tree(fw);
	p_tree_clean(fw->tree);
	return rc;
}

int64_t
p_tick(struct fw *fw, int64_t now, enum ph_err *err)
{
	int64_t next;
	size_t index;
	struct prefix p;
	enum ph_err rc = PH_OK;

	*err = PH_OK;
	fw->now = now;
	if (fw->states && now >= fw->remake) {
		rc = states_remake(fw);
		fw->remake = now + REMAKE;
	}
	if (rc != PH_EGONE && now >= fw->heartbeat) {
		rc = tree_heartbeat(fw);
		fw->heartbeat = now + HEARTBEAT;
	}
	/* Write the nodes that an undone commit left dirty. */
	if (rc == PH_OK && p_tree_dirty(fw->tree) != NULL)
		rc = write_tree(fw);
	if (rc == PH_OK && sweep_is_pending(fw) &&
	    now >= fw->closed_since + GATHER) {
		rc = closed_sweep(fw);
		if (rc == PH_EAGAIN)
			fw->closed_since = now;
	}
	while (p_expiry_due(fw->expiry, now, &index, &p))
		(void)fw->sys->table(fw->dev, fw->config->tables[index],
		    FW_TABLE_DELETE, &p, 1);
	if (rc == PH_EGONE)
		*err = rc;
	next = fw->heartbeat;
	if (fw->states && fw->remake < next)
		next = fw->remake;
	if (sweep_is_pending(fw) && fw->closed_since + GATHER < next)
		next = fw->closed_since + GATHER;
	if (p_expiry_next(fw->expiry) < next)
		next = p_expiry_next(fw->expiry);
	return next > now ? next : now + 1;
}

enum ph_err
p_original(struct fw *fw, const struct fw_flow *flow, struct endpoint *out)
{
	enum ph_err rc = fw->sys->original(fw->dev, flow, out);

	return rc == PH_EUNSUPPORTED ? PH_EGONE : rc;
}

enum ph_err
p_table(struct fw *fw, size_t index, enum fw_table_op op,
    const struct prefix *v, size_t n, uint32_t ttl_s)
{
	enum ph_err rc;
	size_t i;

	if (index >= fw->config->ntables)
		return PH_EBAD;
	rc = fw->sys->table(fw->dev, fw->config->tables[index], op, v, n);
	if (rc != PH_OK)
		return rc;
	if (op == FW_TABLE_FLUSH)
		p_expiry_forget_all(fw->expiry, index);
	for (i = 0; op != FW_TABLE_FLUSH && i < n && rc == PH_OK; i++) {
		p_expiry_forget(fw->expiry, index, &v[i]);
		if (op == FW_TABLE_ADD && ttl_s > 0)
			rc = p_expiry_add(fw->expiry, index, &v[i],
			    fw->now + (int64_t)ttl_s * 1000000);
	}
	return rc;
}

void
p_close(struct fw *fw, bool keep)
{
	struct p_hole *h;

	if (fw == NULL)
		return;
	if (!keep && fw->dev != NULL) {
		if (fw->closed_holes != NULL)
			for (h = p_holes_first(fw->holes); h != NULL;
			     h = p_holes_next(h))
				closed_remember(fw, &h->hole);
		(void)fw->sys->flush(fw->dev, fw->config->name);
		/* With empty trees, no open pinhole keeps a state alive. */
		p_tree_free(fw->tree);
		p_holes_free(fw->holes);
		p_tree_free(fw->state_tree);
		fw->tree = fw->state_tree = NULL;
		fw->holes = NULL;
		if (fw->closed_tree != NULL &&
		    p_tree_new(&fw->tree, fw->sys->dialect, fw->config) ==
			PH_OK &&
		    p_tree_new(&fw->state_tree, fw->sys->dialect, fw->config) ==
			PH_OK)
			(void)closed_sweep(fw);
	}
	p_holes_free(fw->closed_holes);
	p_tree_free(fw->closed_tree);
	p_holes_free(fw->holes);
	p_tree_free(fw->tree);
	p_tree_free(fw->state_tree);
	p_gate_free(fw->gate);
	p_expiry_free(fw->expiry);
	if (fw->dev != NULL)
		fw->sys->close(fw->dev);
	free(fw);
}

static void
ignore_state(void *ctx, const struct p_state *s)
{
	(void)ctx;
	(void)s;
}

/* Can states be found and killed here? */
static bool
can_kill(struct fw *fw)
{
	return fw->sys->states(fw->dev, ignore_state, NULL) !=
	    PH_EUNSUPPORTED &&
	    fw->sys->kill(fw->dev, UINT64_MAX, UINT32_MAX) != PH_EUNSUPPORTED;
}

/*
 * OpenBSD answers EBUSY to the name of a queue that it does not know, which
 * is what it answers while somebody else writes, too.  So ask once, with a
 * pinhole from a documentation address to itself.
 */
static enum ph_err
probe_queue(struct fw *fw, uint16_t class, const char *queue,
    struct strbuf *why)
{
	struct pinhole h = { .id = LEFTOVER - 1,
		.class = class,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_OUT,
		.from_port = 9,
		.to_lo = 9,
		.to_hi = 9,
		.to = addr_v4(192, 0, 2, 0) };
	enum ph_err rc;

	if (queue == NULL)
		return PH_OK;
	h.from = prefix_host(&h.to);
	if ((rc = p_tree_insert(fw->tree, &h)) != PH_OK)
		return rc;
	rc = write_tree(fw);
	p_tree_remove(fw->tree, &h);
	if (rc == PH_OK)
		return write_tree(fw);
	if (rc != PH_EAGAIN)
		return rc;
	strbuf_fmt(why, "pf does not know the queue \"%s\"", queue);
	return PH_EBAD;
}

static enum ph_err
probe_queues(struct fw *fw, struct strbuf *why)
{
	const struct fw_config *c = fw->config;
	enum ph_err rc = probe_queue(fw, 0, c->queue, why);
	uint16_t i;

	for (i = 0; rc == PH_OK && i < c->nclasses; i++)
		rc = probe_queue(fw, (uint16_t)(i + 1), c->classes[i].queue,
		    why);
	return rc;
}

static enum ph_err
pf_setup(struct fw *fw, struct strbuf *why)
{
	const struct fw_config *c = fw->config;
	enum ph_err rc;

	if ((rc = p_expiry_new(&fw->expiry)) != PH_OK ||
	    (rc = p_tree_new(&fw->tree, fw->sys->dialect, c)) != PH_OK ||
	    (rc = p_tree_new(&fw->state_tree, fw->sys->dialect, c)) != PH_OK ||
	    (rc = p_holes_new(&fw->holes, fw->tree, fw->state_tree,
		 fw->states ? p_states_can : NULL)) != PH_OK ||
	    (fw->sys->gate != NULL && (rc = p_gate_new(&fw->gate)) != PH_OK) ||
	    (rc = closed_reset(fw)) != PH_OK) {
		strbuf_fmt(why, "anchor \"%s\": %s", c->name, ph_strerror(rc));
		return rc;
	}
	p_tree_set_gate(fw->tree, fw->gate);
	if ((rc = fw->sys->open(&fw->dev, true, why)) != PH_OK)
		return rc;
	if (fw->kill && !can_kill(fw)) {
		strbuf_str(why,
		    "this kernel cannot kill the states of a "
		    "pinhole: write \"kill no\" to live with it");
		return PH_EUNSUPPORTED;
	}
	p_states_init(&fw->st, fw->sys, fw->dev, c->log);
	if (fw->states) {
		rc = p_states_probe(&fw->st);
		if (rc != PH_OK) {
			strbuf_str(why,
			    "\"states\" needs pfsync(4): "
			    "kldload pfsync, or use \"rules\"");
			return rc;
		}
	}
	if (c->adopt)
		rc = leftovers_each(fw, leftover_adopt);
	/*
	 * Rules that cannot be read cannot be adopted: remove them, and open
	 * anew.
	 */
	if (!c->adopt || rc == PH_EUNSUPPORTED)
		rc = leftovers_clear(fw);
	if (rc == PH_OK)
		rc = probe_queues(fw, why);
	if (rc != PH_OK && why->len == 0)
		strbuf_fmt(why, "anchor \"%s\": %s", c->name, ph_strerror(rc));
	return rc;
}

enum ph_err
p_open(struct fw **out, const struct p_sys *sys, const struct fw_config *c,
    int64_t now, struct strbuf *why)
{
	struct fw *fw;
	enum ph_err rc;

	*out = NULL;
	if ((fw = calloc(1, sizeof(*fw))) == NULL)
		return PH_ENOMEM;
	fw->sys = sys;
	fw->config = c;
	fw->kill = !c->spare;
	fw->states = c->states;
	fw->now = now;
	fw->heartbeat = now + HEARTBEAT;
	fw->remake = now + REMAKE;
	if ((rc = pf_setup(fw, why)) != PH_OK) {
		p_close(fw, true);
		return rc;
	}
	*out = fw;
	return PH_OK;
}
