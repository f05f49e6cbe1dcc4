/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/sandbox.h"

/* bpf: BIOCGSTATS.  pf: /dev/pf's ioctls.  route: our own addresses. */
static const char *const promises[] = {
	[SANDBOX_ENGINE] = "stdio unix recvfd bpf",
	[SANDBOX_FIREWALL] = "stdio recvfd pf route",
	[SANDBOX_PROXY] = "stdio inet recvfd",
};

enum ph_err
sandbox_enter(enum sandbox_role role, const struct sandbox *s,
    struct strbuf *why)
{
	enum ph_err rc;

	if ((rc = sandbox_confine(s, why)) != PH_OK)
		return rc;
	if (pledge(promises[role], NULL) == -1) {
		strbuf_fmt(why, "pledge: %s", strerror(errno));
		return PH_EIO;
	}
	return PH_OK;
}

void
sandbox_missing(bool firewall, struct strbuf *out)
{
	(void)firewall;
	if (geteuid() != 0)
		strbuf_str(out, "root");
}
