/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_SECCOMP_LINUX_H
#define COMPAT_SECCOMP_LINUX_H

#include <stdbool.h>

#include "src/base/err.h"

/*
 * System calls that no process of ours needs once it is set up, and that
 * whoever takes one over would like to have: running programs, looking into
 * other processes, new namespaces, and the less trodden parts of the kernel.
 * They fail with EPERM; everything else is as before, for a list of what is
 * allowed would be a list of what a library may do tomorrow.
 *
 * Sockets: unix and IP; netlink only with `netlink`.  After
 * PR_SET_NO_NEW_PRIVS.  PH_EUNSUPPORTED: not this kernel or machine.
 */
PH_NODISCARD enum ph_err seccomp_limit(bool netlink);

#endif
