/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_SECCOMP_LINUX_H
#define COMPAT_SECCOMP_LINUX_H

#include <stdbool.h>

#include "src/base/err.h"
#include "src/compat/sandbox.h"

/*
 * The system calls that a role may make, and with which arguments.  Any other
 * call fails with ENOSYS, as on a kernel that does not have it, so that a
 * library tries an older way; a call that is listed, with other arguments,
 * fails with EPERM.
 *
 * These remain to a process that was taken over: its own memory, none of it
 * newly executable; reading and writing the descriptors it has; no signal to
 * another process.  A packet socket (a capture) can be read and closed: not
 * written to, not given another number, its filter not changed.  Nothing but a
 * proxy makes sockets of IP, nothing but the firewall process netlink.  The
 * engine, the proxy and the status process may accept connections where the
 * monitor listens for them; a socket of UDP that the engine has cannot send.
 *
 * After PR_SET_NO_NEW_PRIVS, and for good.  PH_EUNSUPPORTED: not this kernel,
 * or a machine whose number for system calls is not known here.
 */
PH_NODISCARD enum ph_err seccomp_limit(enum sandbox_role role);

/* Whether seccomp_limit() can work here. */
bool seccomp_available(void);

#endif
