/* SPDX-License-Identifier: ISC */
/*
 * Rules in the grammar of pfctl(8).  Every address is a literal, every name
 * that is not ours comes from the configuration, and the label is a number:
 * nothing here was ever text from the wire.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "pf/rules.h"

static void
print_side(const char *what, const struct p_side *s, struct strbuf *out)
{
	char buf[ADDR_STRLEN];

	strbuf_fmt(out, " %s %s", what, prefix_format(&s->net, buf));
	if (s->lo == 0)
		return;
	if (s->lo == s->hi)
		strbuf_fmt(out, " port %u", s->lo);
	else
		strbuf_fmt(out, " port %u:%u", s->lo, s->hi);
}

/* "inet proto udp from any to 192.0.2.10 port 4000:4001" */
static void
print_match(const struct p_rule *r, struct strbuf *out)
{
	strbuf_str(out, r->af == AF_INET ? " inet" : " inet6");
	strbuf_str(out, r->proto == IPPROTO_TCP ? " proto tcp" : " proto udp");
	print_side("from", &r->src, out);
	print_side("to", &r->dst, out);
}

static void
print_target(const char *arrow, const struct p_rule *r, struct strbuf *out)
{
	char buf[ADDR_STRLEN];

	strbuf_fmt(out, " %s %s", arrow, addr_format(&r->target.addr, buf));
	if (r->target.port != 0)
		strbuf_fmt(out, " port %u", r->target.port);
	else if (r->action == P_ACT_NAT)
		strbuf_str(out, " static-port");
}

static void
print_state(const struct p_rule *r, const struct fw_config *c,
    struct strbuf *out)
{
	const char *sep = " (";

	strbuf_str(out, " keep state");
	if (r->proto == IPPROTO_UDP) {
		strbuf_fmt(out,
		    "%sudp.first %u, udp.single %u, udp.multiple %u", sep,
		    P_UDP_FIRST, P_UDP_SINGLE, P_UDP_MULTIPLE);
		sep = ", ";
	}
	if (r->max_states > 0) {
		strbuf_fmt(out, "%smax %u", sep, r->max_states);
		sep = ", ";
	}
	if (c->if_bound) {
		strbuf_fmt(out, "%sif-bound", sep);
		sep = ", ";
	}
	if (*sep == ',')
		strbuf_str(out, ")");
}

static void
print_pass(const struct p_rule *r, enum p_dialect dialect,
    const struct fw_config *c, struct strbuf *out)
{
	char buf[ADDR_STRLEN];

	strbuf_str(out, "pass");
	if (r->way != P_BOTH)
		strbuf_str(out, r->way == P_IN ? " in" : " out");
	if (c->log)
		strbuf_str(out, " log");
	strbuf_str(out, " quick");
	if (r->on != NULL)
		strbuf_fmt(out, " on %s", r->on);
	if (r->on != NULL && dialect == P_FREEBSD)
		strbuf_fmt(out, " reply-to (%s %s)", r->on,
		    addr_format(&r->gateway, buf));
	print_match(r, out);
	if (r->proto == IPPROTO_TCP)
		strbuf_str(out, " flags S/SA");
	print_state(r, c, out);
	if (r->tag != NULL)
		strbuf_fmt(out, " tag \"%s\"", r->tag);
	if (r->queue != NULL)
		strbuf_fmt(out,
		    dialect == P_OPENBSD ? " set queue \"%s\""
					 : " queue \"%s\"",
		    r->queue);
	strbuf_fmt(out, " label \"%llu\"", (unsigned long long)r->label);
	if (r->action == P_ACT_RDR)
		print_target("rdr-to", r, out);
	if (r->action == P_ACT_NAT)
		print_target("nat-to", r, out);
	if (r->on != NULL && dialect == P_OPENBSD)
		strbuf_fmt(out, " reply-to %s", addr_format(&r->gateway, buf));
}

void
p_rule_print(const struct p_rule *r, enum p_dialect dialect,
    const struct fw_config *c, struct strbuf *out)
{
	if (r->action != P_ACT_PASS && dialect == P_FREEBSD) {
		/* rdr inet proto udp from F to R port 4000 -> T port 5000 */
		strbuf_str(out, r->action == P_ACT_RDR ? "rdr" : "nat");
		print_match(r, out);
		print_target("->", r, out);
		return;
	}
	print_pass(r, dialect, c, out);
}

void
p_hook_print(enum p_dialect dialect, const struct fw_config *c, bool filter,
    bool rdr, bool nat, struct strbuf *out)
{
	const char *sep = "";

	if (dialect == P_FREEBSD && nat) {
		strbuf_fmt(out, "%snat-anchor \"%s\"", sep, c->name);
		sep = "\n";
	}
	if (dialect == P_FREEBSD && rdr) {
		strbuf_fmt(out, "%srdr-anchor \"%s\"", sep, c->name);
		sep = "\n";
	}
	if (filter || dialect == P_OPENBSD)
		strbuf_fmt(out, "%sanchor \"%s\"", sep, c->name);
}
