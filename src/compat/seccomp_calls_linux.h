/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_SECCOMP_CALLS_LINUX_H
#define COMPAT_SECCOMP_CALLS_LINUX_H

#include <sys/syscall.h>

#include <linux/audit.h>

/*
 * Machines and kernels differ in which system calls they have; a table that
 * names them all is the same everywhere.
 */
#define SYS_none 0xffffffffu

/*
 * The kernel tells 64-bit and 32-bit callers apart by this; where it is not
 * known here, there is no filter.
 */
#if defined(__x86_64__)
#define SECCOMP_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SECCOMP_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define SECCOMP_ARCH AUDIT_ARCH_RISCV64
#else
#define SECCOMP_ARCH 0
#endif

/* Old calls, which newer machines never had. */
#ifndef SYS_epoll_wait
#define SYS_epoll_wait SYS_none
#endif
#ifndef SYS_epoll_create
#define SYS_epoll_create SYS_none
#endif
#ifndef SYS_select
#define SYS_select SYS_none
#endif
#ifndef SYS_dup2
#define SYS_dup2 SYS_none
#endif
#ifndef SYS_poll
#define SYS_poll SYS_none
#endif
#ifndef SYS_time
#define SYS_time SYS_none
#endif
#ifndef SYS_getrlimit
#define SYS_getrlimit SYS_none
#endif
#ifndef SYS_accept
#define SYS_accept SYS_none
#endif
#ifndef SYS_fstat
#define SYS_fstat SYS_none
#endif
#ifndef SYS_newfstatat
#define SYS_newfstatat SYS_none
#endif

/* New calls, which older headers do not know. */
#ifndef SYS_statx
#define SYS_statx SYS_none
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 SYS_none
#endif

#endif
