/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/sandbox.h"

/*
 * bpf: BIOCGSTATS.  The promise "pf" lacks DIOCGETSTATES, DIOCKILLSTATES,
 * DIOCGETRULES, DIOCXEND, DIOCADDSTATE and single entries of tables: it would
 * end the firewall process, which therefore sees no file, and that is all.
 */
static const char *const promises[] = {
	[SANDBOX_ENGINE] = "stdio unix recvfd bpf",
	[SANDBOX_FIREWALL] = NULL,
	[SANDBOX_PROXY] = "stdio inet recvfd",
	[SANDBOX_STATUS] = "stdio unix inet recvfd",
	[SANDBOX_SHARE] = "stdio recvfd",
};

enum ph_err
sandbox_enter(enum sandbox_role role, const struct sandbox *s,
    struct strbuf *why)
{
	enum ph_err rc;

	if ((rc = sandbox_chroot(s, why)) != PH_OK ||
	    (rc = sandbox_confine(s, why)) != PH_OK)
		return rc;
	if (promises[role] == NULL &&
	    (unveil("/", "") == -1 || unveil(NULL, NULL) == -1)) {
		strbuf_fmt(why, "unveil: %s", strerror(errno));
		return PH_EIO;
	}
	if (promises[role] != NULL && pledge(promises[role], NULL) == -1) {
		strbuf_fmt(why, "pledge: %s", strerror(errno));
		return PH_EIO;
	}
	return PH_OK;
}

const char *
sandbox_weakness(void)
{
	return NULL;
}

void
sandbox_missing(bool firewall, struct strbuf *out)
{
	(void)firewall;
	if (geteuid() != 0)
		strbuf_str(out, "root");
}
