/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include "src/capture/handle.h"

/*
 * Our ports, and whatever is a fragment or may hide one.  Without arithmetic:
 * each operator costs OpenBSD's pcap_compile() one of 16 registers, for as long
 * as the process lives.
 */
static void
filter_plain(const struct capture_port *ports, size_t nports,
    struct strbuf *out)
{
	size_t i;

	strbuf_str(out,
	    "((ip[6:2] != 0 and ip[6:2] != 0x4000) or ip6[6] == 44 "
	    "or ip6[6] == 0 or ip6[6] == 43 or ip6[6] == 60 or ip6[6] == 51");
	for (i = 0; i < nports; i++)
		strbuf_fmt(out, " or %s port %u",
		    ports[i].proto == IPPROTO_TCP ? "tcp" : "udp",
		    ports[i].port);
	strbuf_str(out, ")");
}

void
capture_filter(const struct capture_port *ports, size_t nports, bool tags,
    struct strbuf *out)
{
	filter_plain(ports, nports, out);
	if (!tags)
		return;
	/*
	 * Each `vlan` moves the offsets of all that follows it; `pppoes`
	 * would make of it something in which there are no VLANs.
	 */
	strbuf_str(out, " or ether proto 0x8864 or (vlan and (");
	filter_plain(ports, nports, out);
	strbuf_str(out, " or ether proto 0x8864 or (vlan and (");
	filter_plain(ports, nports, out);
	strbuf_str(out, " or ether proto 0x8864))))");
}
