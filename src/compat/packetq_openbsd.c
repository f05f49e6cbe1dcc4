/* SPDX-License-Identifier: ISC */
#include "src/compat/divert.h"

enum ph_err
divert_open(int fds[DIVERT_SOCKETS], uint32_t port, struct strbuf *why)
{
	(void)port;
	fds[0] = fds[1] = -1;
	strbuf_str(why, "on this system signalling cannot be held");
	return PH_EUNSUPPORTED;
}

bool
divert_way_back(struct ring_place *place, const char **why)
{
	(void)place;
	*why = "";
	return false;
}

uint32_t
divert_interface(const struct ring_place *place)
{
	(void)place;
	return 0;
}
