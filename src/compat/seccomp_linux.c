/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "src/compat/seccomp_linux.h"

/*
 * The kernel tells 64-bit and 32-bit callers apart by this; where it is not
 * known here, there is no filter.
 */
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#define ARCH 0
#endif

#define X32_BIT 0x40000000u /* x86_64: the same calls by other numbers */

static const uint32_t denied[] = {
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_unshare,
	SYS_setns,
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_open_by_handle_at,
	SYS_name_to_handle_at,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_swapon,
	SYS_acct,
	SYS_quotactl,
#ifdef SYS_userfaultfd
	SYS_userfaultfd,
#endif
#ifdef SYS_io_uring_setup
	SYS_io_uring_setup,
#endif
};

#define NDENIED (sizeof(denied) / sizeof(denied[0]))

#define LOAD(what)                                                             \
	(struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                \
	    offsetof(struct seccomp_data, what))
/* If the value loaded is k, skip `yes` instructions, otherwise `no`. */
#define IF_EQ(k, yes, no)                                                      \
	(struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no)
#define IF_GE(k, yes, no)                                                      \
	(struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k, yes, no)
#define RETURN(how) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, how)

#define ALLOW SECCOMP_RET_ALLOW
#define DENY  (SECCOMP_RET_ERRNO | EPERM)

/* The low half of the first argument. */
#define FIRST_ARG                                                              \
	(offsetof(struct seccomp_data, args) +                                 \
	    (BYTE_ORDER == BIG_ENDIAN ? 4 : 0))

enum ph_err
seccomp_limit(bool netlink)
{
	struct sock_filter f[NDENIED * 2 + 16];
	struct sock_fprog prog = { .filter = f };
	size_t i, n = 0;

	if (ARCH == 0)
		return PH_EUNSUPPORTED;
	f[n++] = LOAD(arch);
	f[n++] = IF_EQ(ARCH, 1, 0);
	f[n++] = RETURN(DENY);
	f[n++] = LOAD(nr);
	f[n++] = IF_GE(X32_BIT, 0, 1);
	f[n++] = RETURN(DENY);
	for (i = 0; i < NDENIED; i++) {
		f[n++] = IF_EQ(denied[i], 0, 1);
		f[n++] = RETURN(DENY);
	}
	f[n++] = IF_EQ(SYS_socket, 1, 0);
	f[n++] = RETURN(ALLOW);
	f[n++] =
	    (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIRST_ARG);
	f[n++] = IF_EQ(AF_UNIX, 4, 0);
	f[n++] = IF_EQ(AF_INET, 3, 0);
	f[n++] = IF_EQ(AF_INET6, 2, 0);
	f[n++] = IF_EQ(netlink ? AF_NETLINK : AF_UNIX, 1, 0);
	f[n++] = RETURN(DENY);
	f[n++] = RETURN(ALLOW);
	prog.len = (unsigned short)n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0)
		return PH_OK;
	return errno == EINVAL ? PH_EUNSUPPORTED : PH_EIO;
}
