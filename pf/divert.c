/* SPDX-License-Identifier: ISC */
/*
 * The rules of the user that make signalling wait: what they must look like on
 * each system, and whether there are any.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "pf/sys.h"

static void
put_hosts(const struct fw_hold *h, enum p_dialect dialect, struct strbuf *out)
{
	char text[ADDR_STRLEN];
	size_t i;

	strbuf_str(out, " {");
	for (i = 0; i < h->nhosts; i++)
		if (dialect == P_OPENBSD || h->hosts[i].addr.af == AF_INET)
			strbuf_fmt(out, " %s",
			    prefix_format(&h->hosts[i], text));
	strbuf_str(out, " }");
}

static void
put_ports(const uint16_t *v, size_t n, struct strbuf *out)
{
	size_t i;

	strbuf_str(out, " port {");
	for (i = 0; i < n; i++)
		strbuf_fmt(out, " %u", v[i]);
	strbuf_str(out, " }");
}

/* One rule: `way` is 0 to 3, for which end is the host, which has the port. */
static void
put_rule(const char *head, const char *tail, const char *proto,
    unsigned int way, const struct fw_hold *h, enum p_dialect dialect,
    struct strbuf *out)
{
	bool tcp = strcmp(proto, "tcp") == 0;
	const uint16_t *ports = tcp ? h->tcp : h->udp;
	size_t n = tcp ? h->ntcp : h->nudp;
	unsigned int side;

	strbuf_fmt(out, "%s proto %s", head, proto);
	for (side = 0; side < 2; side++) {
		strbuf_str(out, side == 0 ? " from" : " to");
		if ((way & 1) == side)
			put_hosts(h, dialect, out);
		else
			strbuf_str(out, " any");
		if (way >> 1 == side)
			put_ports(ports, n, out);
	}
	strbuf_fmt(out, "%s\n", tail);
}

static void
put_rules(const char *head, const char *tail, const struct fw_hold *h,
    enum p_dialect dialect, struct strbuf *out)
{
	unsigned int way;

	for (way = 0; way < 4; way++) {
		if (h->nudp > 0)
			put_rule(head, tail, "udp", way, h, dialect, out);
		if (h->ntcp > 0)
			put_rule(head, tail, "tcp", way, h, dialect, out);
	}
}

static void
say_rules(enum p_dialect dialect, const struct fw_hold *h, struct strbuf *out)
{
	char tail[64];

	if (dialect == P_OPENBSD) {
		snprintf(tail, sizeof(tail), " divert-packet port %u",
		    h->queue);
		strbuf_fmt(out,
		    "add \"%s\" to the rules that pass signalling at the "
		    "interface of the protected hosts, as in:\n",
		    tail + 1);
		put_rules("pass quick on $inside", tail, h, dialect, out);
		return;
	}
	snprintf(tail, sizeof(tail), " no state divert-to 127.0.0.1 port %u",
	    h->queue);
	strbuf_fmt(out,
	    "add \"%s\" to the rules that pass signalling in, and \"no state\" "
	    "to those that pass it out, as in:\nset skip on lo0\n",
	    tail + 1);
	put_rules("pass in quick inet", tail, h, dialect, out);
	put_rules("pass out quick inet", " no state", h, dialect, out);
}

void
p_divert_check(const struct p_sys *sys, struct p_dev *dev,
    const struct fw_config *c, struct strbuf *why)
{
	size_t n, bad;

	if (!c->hold.on || sys->diverted == NULL ||
	    sys->diverted(dev, c->name, c->hold.queue, &n, &bad) != PH_OK)
		return;
	if (bad > 0)
		strbuf_fmt(why,
		    "rules of pf divert to port %u that do not say \"in\" and "
		    "\"no state\": what they divert on its way out is lost\n",
		    c->hold.queue);
	if (n > 0)
		return;
	strbuf_str(why, "no rule of pf makes signalling wait; ");
	say_rules(sys->dialect, &c->hold, why);
}
