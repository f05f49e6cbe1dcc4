/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_LANDLOCK_LINUX_H
#define COMPAT_LANDLOCK_LINUX_H

#include <stdbool.h>

/*
 * Landlock (Linux 5.13): a process takes from itself, and from the processes
 * that it makes, what it could do with files.  Unlike chroot(2), that needs no
 * capability.
 */

/* Whether this kernel has it, and it is not switched off. */
bool landlock_available(void);

/*
 * From now on no file can be opened, made, removed or renamed, by whatever
 * name.  Open descriptors go on as they are.  After PR_SET_NO_NEW_PRIVS, and
 * for good.  False with errno.
 */
bool landlock_deny_files(void);

#endif
