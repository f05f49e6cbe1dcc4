/* SPDX-License-Identifier: ISC */
/*
 * Messages of a kernel by netlink, each read as every reply that it might be.
 */
#include <stdlib.h>
#include <string.h>

#include "pf/netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
terminated(const char *s, size_t size)
{
	if (memchr(s, '\0', size) == NULL)
		__builtin_trap();
}

static void
all(struct span attrs)
{
	struct p_nl_state s;
	struct p_nl_rule r;
	uint16_t family;
	bool running;

	(void)p_nl_get_family(attrs, &family);
	(void)p_nl_get_running(attrs, &running);
	if (p_nl_get_state(attrs, &s) && s.id == 0)
		__builtin_trap();
	(void)p_nl_get_rule(attrs, &r);
	terminated(r.label, sizeof(r.label));
	terminated(r.ifname, sizeof(r.ifname));
	terminated(r.anchor_call, sizeof(r.anchor_call));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span in = { (const char *)data, len };
	struct p_nl_msg m;
	size_t left = len + 1;

	while (p_nl_next(&in, &m)) {
		if (in.len >= left)
			__builtin_trap();
		left = in.len;
		if (!m.last)
			all(m.attrs);
	}
	return 0;
}
