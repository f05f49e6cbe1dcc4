/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>

#include "src/fw/fw.h"

/*
 * The reference implementation: does everything a packet filter does but filter
 * packets.  The events show what would be opened.
 */
struct fw {
	char none;
};

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
	return PH_OK;
}

static enum ph_err
dryrun_check(const struct fw_config *config, struct strbuf *why)
{
	(void)config;
	(void)why;
	return PH_OK;
}

/* Refuses what no filter could serve. */
static enum ph_err
dryrun_add(struct fw *fw, struct fw_entry *e)
{
	const struct pinhole h = fw_entry_hole(e);

	(void)fw;
	if (h.id != 0 && (h.proto == IPPROTO_UDP || h.proto == IPPROTO_TCP) &&
	    (h.dir == PINHOLE_IN || h.dir == PINHOLE_OUT) &&
	    h.to.af != AF_UNSPEC &&
	    (h.from.addr.af == AF_UNSPEC || h.from.addr.af == h.to.af) &&
	    h.to_lo != 0 && h.to_lo <= h.to_hi)
		return PH_OK;
	return PH_EBAD;
}

static enum ph_err
dryrun_commit(struct fw *fw, const struct fw_edit *edits, size_t n, int64_t now)
{
	(void)fw;
	(void)edits;
	(void)n;
	(void)now;
	return PH_OK;
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
	(void)keep;
	free(fw);
}

const struct fw_ops fw_dryrun = {
	.name = "dry-run",
	.caps = FW_CAP_DEADLINE | FW_CAP_OFFLINE | FW_CAP_LATCH,
	.open = dryrun_open,
	.check = dryrun_check,
	.add = dryrun_add,
	.commit = dryrun_commit,
	.table = dryrun_table,
	.explain = dryrun_explain,
	.close = dryrun_close,
};
