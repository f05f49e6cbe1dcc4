/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/capsicum.h>
#include <sys/procctl.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/sandbox.h"

enum ph_err
sandbox_enter(enum sandbox_role role, const struct sandbox *s,
    struct strbuf *why)
{
	int trace = PROC_TRACE_CTL_DISABLE;
	enum ph_err rc;

	if ((rc = sandbox_chroot(s, why)) != PH_OK ||
	    (rc = sandbox_confine(s, why)) != PH_OK)
		return rc;
	(void)procctl(P_PID, getpid(), PROC_TRACE_CTL, &trace);
	/*
	 * Capability mode takes away every global name.  The engine needs
	 * none: captures, journal and sockets are open.  The status process is
	 * passed the sockets that it accepts from, the share process those that
	 * the monitor has connected.  The firewall process
	 * has /dev/pf open and reads our addresses by sysctl(3), which
	 * capability mode forbids; a proxy connects.
	 */
	if ((role == SANDBOX_ENGINE || role == SANDBOX_STATUS ||
		role == SANDBOX_SHARE) &&
	    cap_enter() == -1 && errno != ENOSYS) {
		strbuf_fmt(why, "cap_enter: %s", strerror(errno));
		return PH_EIO;
	}
	return PH_OK;
}

const char *
sandbox_weakness(void)
{
	return feature_present("security_capability_mode") == 1
	    ? NULL
	    : "this kernel has no capability mode (capsicum(4)): an engine "
	      "that "
	      "was taken over could open sockets";
}

void
sandbox_missing(bool firewall, struct strbuf *out)
{
	(void)firewall;
	if (geteuid() != 0)
		strbuf_str(out, "root");
}
