/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "nft/prefixset.h"

void
prefixset_text(struct strbuf *b, const char *name, uint8_t af,
    const struct prefix *v, size_t n)
{
	char text[ADDR_STRLEN];
	size_t i, written = 0;

	strbuf_fmt(b,
	    "\tset %s%c {\n\t\ttype %s\n\t\tflags interval\n"
	    "\t\tauto-merge\n",
	    name, af == AF_INET6 ? '6' : '4',
	    af == AF_INET6 ? "ipv6_addr" : "ipv4_addr");
	for (i = 0; i < n; i++)
		if (v[i].addr.af == af)
			strbuf_fmt(b, "%s%s",
			    written++ == 0 ? "\t\telements = { " : ", ",
			    prefix_format(&v[i], text));
	strbuf_str(b, written > 0 ? " }\n\t}\n" : "\t}\n");
}
