/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/base/tree.h"
#include "src/fw/fw.h"

/*
 * The reference implementation: does everything a packet filter does but filter
 * packets.  The events show what would be opened.  Pinholes are remembered here
 * only to find requests that no filter could serve.
 */
struct hole {
	RB_ENTRY(hole) node;
	struct fw *fw;
	struct pinhole hole;
	struct timer timer;
};

RB_HEAD(hole_tree, hole);

struct fw {
	struct hole_tree holes;
	struct timers timers;
};

static int
hole_cmp(const struct hole *a, const struct hole *b)
{
	return a->hole.id < b->hole.id ? -1 : a->hole.id > b->hole.id;
}

RB_GENERATE_STATIC(hole_tree, hole, node, hole_cmp)

static enum ph_err
dryrun_open(struct fw **out, const struct fw_config *config, int64_t now,
    struct strbuf *why)
{
	(void)config;
	(void)now;
	if ((*out = calloc(1, sizeof(**out))) == NULL) {
		strbuf_str(why, "out of memory");
		return PH_ENOMEM;
	}
	RB_INIT(&(*out)->holes);
	timers_init(&(*out)->timers);
	return PH_OK;
}

static enum ph_err
dryrun_check(const struct fw_config *config, struct strbuf *why)
{
	(void)config;
	(void)why;
	return PH_OK;
}

static struct hole *
hole_find(struct fw *fw, uint64_t id)
{
	struct hole key;

	key.hole.id = id;
	return RB_FIND(hole_tree, &fw->holes, &key);
}

static void
hole_drop(struct hole *h)
{
	timer_clear(&h->fw->timers, &h->timer);
	RB_REMOVE(hole_tree, &h->fw->holes, h);
	free(h);
}

static void
on_deadline(void *arg, int64_t now)
{
	(void)now;
	hole_drop(arg);
}

static bool
makes_sense(const struct fw_change *c)
{
	const struct pinhole *h = &c->hole;

	if (c->op == FW_CLOSE)
		return h->id != 0;
	if (c->op == FW_CUT)
		return h->from_port != 0;
	return c->op == FW_OPEN && h->id != 0 &&
	    (h->proto == IPPROTO_UDP || h->proto == IPPROTO_TCP) &&
	    (h->dir == PINHOLE_IN || h->dir == PINHOLE_OUT) &&
	    h->to.af != AF_UNSPEC &&
	    (h->from.addr.af == AF_UNSPEC || h->from.addr.af == h->to.af) &&
	    h->to_lo != 0 && h->to_lo <= h->to_hi;
}

static enum ph_err
dryrun_commit(struct fw *fw, const struct fw_change *changes, size_t n,
    int64_t now)
{
	const struct fw_change *c;
	struct hole *h;
	size_t i;

	(void)now;
	for (i = 0; i < n; i++)
		if (!makes_sense(&changes[i]))
			return PH_EBAD;
	for (i = 0; i < n; i++) {
		c = &changes[i];
		if (c->op == FW_CUT)
			continue; /* there are no connections */
		h = hole_find(fw, c->hole.id);
		if (c->op == FW_CLOSE) {
			if (h != NULL)
				hole_drop(h);
			continue;
		}
		if (h == NULL) {
			if ((h = calloc(1, sizeof(*h))) == NULL)
				return PH_ENOMEM;
			h->fw = fw;
			h->hole = c->hole;
			RB_INSERT(hole_tree, &fw->holes, h);
		}
		h->hole = c->hole;
		if (h->hole.deadline != 0)
			timer_set(&fw->timers, &h->timer, h->hole.deadline,
			    on_deadline, h);
		else
			timer_clear(&fw->timers, &h->timer);
	}
	return PH_OK;
}

static int64_t
dryrun_tick(struct fw *fw, int64_t now, enum ph_err *err)
{
	*err = PH_OK;
	timers_run(&fw->timers, now);
	return timers_next(&fw->timers);
}

static enum ph_err
dryrun_table(struct fw *fw, size_t index, enum fw_table_op op,
    const struct prefix *v, size_t n, uint32_t ttl_s)
{
	(void)fw;
	(void)index;
	(void)op;
	(void)v;
	(void)n;
	(void)ttl_s;
	return PH_OK;
}

/* pass in udp from 198.51.100.7 to 192.0.2.20 port 10000:10001 */
static void
dryrun_explain(const struct fw_config *config, const struct pinhole *h,
    struct strbuf *out)
{
	char from[ADDR_STRLEN], to[ADDR_STRLEN], nat[ADDR_STRLEN];

	(void)config;
	strbuf_fmt(out, "pass %s %s from %s",
	    h->dir == PINHOLE_IN ? "in" : "out",
	    h->proto == IPPROTO_TCP ? "tcp" : "udp",
	    prefix_format(&h->from, from));
	if (h->from_port != 0)
		strbuf_fmt(out, " port %u", h->from_port);
	strbuf_fmt(out, " to %s port %u", addr_format(&h->to, to), h->to_lo);
	if (h->to_hi != h->to_lo)
		strbuf_fmt(out, ":%u", h->to_hi);
	if (h->rdr_from.addr.af != AF_UNSPEC)
		strbuf_fmt(out, " redirected from %s",
		    endpoint_format(&h->rdr_from, nat));
	if (h->nat_to.addr.af != AF_UNSPEC)
		strbuf_fmt(out, " source %s", endpoint_format(&h->nat_to, nat));
	if (h->once)
		strbuf_str(out, " once");
	strbuf_str(out, "\n");
}

static void
dryrun_close(struct fw *fw, bool keep)
{
	struct hole *h;

	(void)keep;
	while ((h = RB_ROOT(&fw->holes)) != NULL)
		hole_drop(h);
	free(fw);
}

const struct fw_ops fw_dryrun = {
	.name = "dry-run",
	.caps = FW_CAP_DEADLINE | FW_CAP_OFFLINE | FW_CAP_LATCH,
	.open = dryrun_open,
	.check = dryrun_check,
	.commit = dryrun_commit,
	.tick = dryrun_tick,
	.table = dryrun_table,
	.explain = dryrun_explain,
	.close = dryrun_close,
};
