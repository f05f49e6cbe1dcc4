/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "nft/holdtext.h"
#include "nft/prefixset.h"

size_t
hold_text_size(const struct fw_hold *h)
{
	return h->on
	    ? 4096 + h->nhosts * PREFIXSET_ELEMENT + (h->nudp + h->ntcp) * 16
	    : 0;
}

/* Two rules: the port may be that of either end. */
static unsigned int
put_ports(struct strbuf *b, const char *proto, const uint16_t *v, size_t n)
{
	static const char *const ends[] = { "sport", "dport" };
	size_t end, i;

	for (end = 0; n > 0 && end < 2; end++) {
		strbuf_fmt(b, "\t\t%s %s {", proto, ends[end]);
		for (i = 0; i < n; i++)
			strbuf_fmt(b, "%s %u", i > 0 ? "," : "", v[i]);
		strbuf_str(b, " } goto signalling\n");
	}
	return n > 0 ? 2 : 0;
}

static unsigned int
put_hook(struct strbuf *b, const struct fw_hold *h, const char *hook,
    const char *first)
{
	strbuf_fmt(b,
	    "\tchain hold_%s {\n"
	    "\t\ttype filter hook %s priority %d; policy accept;\n%s",
	    hook, hook, HOLD_PRIORITY, first);
	return (first[0] != '\0') + put_ports(b, "udp", h->udp, h->nudp) +
	    put_ports(b, "tcp", h->tcp, h->ntcp);
}

unsigned int
hold_text(struct strbuf *b, const struct fw_config *config)
{
	const struct fw_hold *h = &config->hold;
	unsigned int nrules;

	if (!h->on)
		return 0;
	prefixset_text(b, "protected", AF_INET, h->hosts, h->nhosts);
	prefixset_text(b, "protected", AF_INET6, h->hosts, h->nhosts);
	/*
	 * A connection between two protected networks would wait in each
	 * direction at another interface, and not be one: it is only read.
	 */
	strbuf_fmt(b,
	    "\tchain " HOLD_CHAIN " {\n"
	    "\t\t# queue num %u bypass\n"
	    "\t}\n",
	    h->queue);
	strbuf_str(b,
	    "\tchain signalling {\n"
	    "\t\tmeta l4proto tcp ip saddr @protected4 ip daddr @protected4"
	    " accept\n"
	    "\t\tmeta l4proto tcp ip6 saddr @protected6 ip6 daddr @protected6"
	    " accept\n"
	    "\t\tip saddr @protected4 goto " HOLD_CHAIN "\n"
	    "\t\tip daddr @protected4 goto " HOLD_CHAIN "\n"
	    "\t\tip6 saddr @protected6 goto " HOLD_CHAIN "\n"
	    "\t\tip6 daddr @protected6 goto " HOLD_CHAIN "\n"
	    "\t}\n");
	nrules = 6 + put_hook(b, h, "forward", "");
	strbuf_str(b, "\t}\n");
	if (config->local) {
		nrules +=
		    put_hook(b, h, "input", "\t\tiifname \"lo\" accept\n");
		strbuf_str(b, "\t}\n");
		nrules +=
		    put_hook(b, h, "output", "\t\toifname \"lo\" accept\n");
		strbuf_str(b, "\t}\n");
	}
	return nrules + 1;
}
