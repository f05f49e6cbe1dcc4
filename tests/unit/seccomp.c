/* SPDX-License-Identifier: ISC */
/*
 * The list of system calls: the program that the kernel would be given, run
 * here on calls of all kinds, with sockets of paper.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/ioctl.h>

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/seccomp_calls_linux.h"
#include "src/compat/seccomp_linux.h"
#include "tests/unit/unit.h"

#define SELF 4242
#define FDS  1100

static struct {
	int domain, type; /* 0: no socket */
	bool no_type;	  /* and nobody can tell what kind */
} fds[FDS];

static struct sock_filter program[2048];
static size_t len;
static int refuse; /* the filter, with this errno */
static int mode;   /* what PR_GET_SECCOMP says */

pid_t __wrap_getpid(void);
int __wrap_prctl(int what, ...);
int __wrap_getsockopt(int fd, int level, int name, void *p, socklen_t *n);

pid_t
__wrap_getpid(void)
{
	return SELF;
}

int
__wrap_getsockopt(int fd, int level, int name, void *p, socklen_t *n)
{
	assert_int_equal(level, SOL_SOCKET);
	assert_int_equal(*n, sizeof(int));
	assert_in_range(fd, 0, FDS - 1);
	errno = ENOTSOCK;
	if (fds[fd].domain == 0 || (name == SO_TYPE && fds[fd].no_type))
		return -1;
	assert_true(name == SO_DOMAIN || name == SO_TYPE);
	*(int *)p = name == SO_DOMAIN ? fds[fd].domain : fds[fd].type;
	return 0;
}

int
__wrap_prctl(int what, ...)
{
	const struct sock_fprog *prog;
	unsigned long filter;
	va_list ap;

	if (what == PR_GET_SECCOMP) {
		errno = EINVAL;
		return mode;
	}
	assert_int_equal(what, PR_SET_SECCOMP);
	va_start(ap, what);
	filter = (unsigned long)va_arg(ap, int);
	prog = va_arg(ap, const struct sock_fprog *);
	va_end(ap);
	assert_int_equal(filter, SECCOMP_MODE_FILTER);
	errno = refuse;
	if (refuse != 0)
		return -1;
	len = prog->len;
	assert_true(len < ROWS(program));
	memcpy(program, prog->filter, len * sizeof(program[0]));
	return 0;
}

/* As much of classic BPF as the kernel allows here. */
static uint32_t
run(const struct seccomp_data *d)
{
	const unsigned char *bytes = (const unsigned char *)d;
	const struct sock_filter *f;
	uint32_t a = 0;
	size_t at;

	for (at = 0; at < len; at++) {
		f = &program[at];
		/* These have no other places to go. */
		if (BPF_CLASS(f->code) != BPF_JMP || BPF_OP(f->code) == BPF_JA)
			assert_int_equal(f->jt | f->jf, 0);
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(f->k <= sizeof(*d) - 4 && f->k % 4 == 0);
			memcpy(&a, bytes + f->k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			at += f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= f->k ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_K:
			return f->k;
		default:
			fail_msg("instruction 0x%x", f->code);
		}
	}
	fail_msg("behind the end");
	return 0;
}

enum {
	ENGINE = 1 << SANDBOX_ENGINE,
	FIREWALL = 1 << SANDBOX_FIREWALL,
	PROXY = 1 << SANDBOX_PROXY,
	STATUS = 1 << SANDBOX_STATUS,
	SHARE = 1 << SANDBOX_SHARE,
	ALL = ENGINE | FIREWALL | PROXY | STATUS | SHARE
};

#define HIGH (UINT64_C(1) << 32)

/* Descriptors: of packets, of this machine, UDP, TCP, IPv6, and a file. */
enum { PACKETS = 3, LOCAL, UDP, TCP, UDP6, FILES, STREAM, LATE = 1023 };

static void
make_sockets(void)
{
	memset(fds, 0, sizeof(fds));
	fds[PACKETS].domain = AF_PACKET;
	fds[PACKETS].type = SOCK_RAW;
	fds[LOCAL].domain = AF_UNIX;
	fds[LOCAL].type = SOCK_DGRAM;
	fds[UDP].domain = AF_INET;
	fds[UDP].type = SOCK_DGRAM;
	fds[TCP].domain = AF_INET;
	fds[TCP].type = SOCK_STREAM;
	fds[UDP6].domain = AF_INET6;
	fds[UDP6].type = SOCK_DGRAM;
	fds[STREAM].domain = AF_UNIX;
	fds[STREAM].type = SOCK_STREAM;
	fds[LATE].domain = AF_PACKET;
	fds[LATE].type = SOCK_DGRAM;
	/* Beyond what is looked at. */
	fds[LATE + 1].domain = AF_PACKET;
}

static int
setup(void **state)
{
	(void)state;
	if (SECCOMP_ARCH == 0) {
		printf("skipped: no filter for this machine\n");
		exit(77);
	}
	make_sockets();
	refuse = 0;
	mode = 0;
	return 0;
}

/* clang-format off */
static const struct {
	long nr;
	uint64_t args[5];
	unsigned int roles;	/* that may; the others may not */
} calls[] = {
	{ SYS_read, { 0 }, ALL },
	{ SYS_read, { UINT64_MAX, UINT64_MAX, UINT64_MAX }, ALL },
	{ SYS_exit_group, { 0 }, ALL },
	{ SYS_futex, { 0 }, ALL },
	{ SYS_ppoll, { 0 }, ALL },
	{ SYS_pread64, { 0 }, ENGINE | PROXY | STATUS },
	{ SYS_pwrite64, { 0 }, ENGINE | PROXY },
	{ SYS_ftruncate, { 0 }, ENGINE | PROXY },
	{ SYS_epoll_create1, { 0 }, ALL & ~FIREWALL },
	{ SYS_epoll_create, { 0 }, ALL & ~FIREWALL },
	{ SYS_eventfd2, { 0 }, ALL & ~FIREWALL },
	{ SYS_pipe2, { 0 }, ALL & ~FIREWALL },
	{ SYS_pselect6, { 0 }, FIREWALL },
	{ SYS_select, { 0 }, FIREWALL },
	{ SYS_accept, { 0 }, ENGINE | PROXY | STATUS },
	{ SYS_accept4, { 0 }, ENGINE | PROXY | STATUS },
	{ SYS_listen, { 0 }, PROXY },
	{ SYS_shutdown, { 0 }, PROXY | STATUS },
	{ SYS_getpeername, { 0 }, PROXY | STATUS },
	/* Memory, without code. */
	{ SYS_mmap, { 0, 0, PROT_READ | PROT_WRITE }, ALL },
	{ SYS_mmap, { 0, 0, PROT_EXEC }, 0 },
	{ SYS_mmap, { 0, 0, PROT_READ | PROT_EXEC }, 0 },
	{ SYS_mprotect, { 0, 0, PROT_NONE }, ALL },
	{ SYS_mprotect, { PROT_EXEC, PROT_EXEC, PROT_READ }, ALL },
	{ SYS_mprotect, { 0, 0, PROT_WRITE | PROT_EXEC }, 0 },
	/* Signals, and limits. */
	{ SYS_kill, { SELF, 9 }, ALL },
	{ SYS_kill, { SELF + 1, 9 }, 0 },
	{ SYS_kill, { 0, SELF }, 0 },
	{ SYS_kill, { (uint32_t)-1, 9 }, 0 },
	{ SYS_tgkill, { SELF, SELF, 9 }, ALL },
	{ SYS_tgkill, { 1, SELF, 9 }, 0 },
	{ SYS_tkill, { SELF, 9 }, ALL },
	{ SYS_prlimit64, { 0 }, ALL },
	{ SYS_prlimit64, { SELF }, ALL },
	{ SYS_prlimit64, { 1 }, 0 },
	{ SYS_prlimit64, { SELF - 1 }, 0 },
	/* Onto standard descriptors, and of nothing that sends packets. */
	{ SYS_dup3, { FILES, 0 }, ALL },
	{ SYS_dup3, { FILES, 1 }, ALL },
	{ SYS_dup3, { FILES, 2 }, ALL },
	{ SYS_dup3, { FILES, 3 }, 0 },
	{ SYS_dup3, { PACKETS, 2 }, 0 },
	{ SYS_dup3, { LATE, 2 }, 0 },
	{ SYS_dup3, { LOCAL, 2 }, 0 },
	{ SYS_dup3, { UDP, 2 }, ALL & ~ENGINE },
	{ SYS_dup3, { UDP6, 2 }, ALL & ~ENGINE },
	{ SYS_dup3, { STREAM, 2 }, ALL },
	{ SYS_fcntl, { 9, F_GETFD }, ALL },
	{ SYS_fcntl, { 9, F_SETFD }, ALL },
	{ SYS_fcntl, { 9, F_GETFL }, ALL },
	{ SYS_fcntl, { 9, F_SETFL }, ALL },
	{ SYS_fcntl, { F_GETFD, F_DUPFD }, 0 },
	{ SYS_fcntl, { 9, F_SETLK }, 0 },
	{ SYS_fcntl, { 9, F_SETOWN }, 0 },
	{ SYS_ioctl, { 9, FIONREAD }, ALL },
	{ SYS_ioctl, { 9, TCGETS }, ALL },
	{ SYS_ioctl, { 9, TIOCGWINSZ }, ALL },
	{ SYS_ioctl, { 9, SIOCGIFINDEX }, ALL },
	{ SYS_ioctl, { 9, TIOCSTI }, 0 },
	{ SYS_ioctl, { 9, SIOCSIFFLAGS }, 0 },
	/* Writing and sending. */
	{ SYS_write, { FILES }, ALL },
	{ SYS_write, { TCP }, ALL },
	{ SYS_write, { LOCAL }, ALL },
	{ SYS_write, { PACKETS }, 0 },
	{ SYS_write, { LATE }, 0 },
	{ SYS_write, { LATE + 1 }, ALL },
	{ SYS_writev, { PACKETS }, 0 },
	{ SYS_writev, { UDP }, ALL },
	/* Connected: no receiver is named, in neither half of the pointer. */
	{ SYS_sendto, { TCP, 1, 1, 1, 0 }, ALL },
	{ SYS_sendto, { LOCAL, 1, 1, 1, 0 }, ALL },
	{ SYS_sendto, { PACKETS, 1, 1, 1, 0 }, 0 },
	{ SYS_sendto, { TCP, 1, 1, 1, 1 }, FIREWALL | PROXY },
	{ SYS_sendto, { TCP, 1, 1, 1, HIGH }, FIREWALL | PROXY },
	{ SYS_sendto, { UDP, 1, 1, 1, 1 }, FIREWALL | PROXY },
	{ SYS_sendto, { LOCAL, 1, 1, 1, 1 }, 0 },
	{ SYS_sendto, { PACKETS, 1, 1, 1, 1 }, 0 },
	{ SYS_sendmsg, { TCP }, ALL },
	{ SYS_sendmsg, { STREAM }, ALL },
	{ SYS_sendmsg, { LOCAL }, 0 },
	{ SYS_sendmsg, { PACKETS }, 0 },
	{ SYS_sendmsg, { LATE }, 0 },
	{ SYS_sendmsg, { UDP }, ALL & ~ENGINE },
	{ SYS_sendmsg, { UDP6 }, ALL & ~ENGINE },
	{ SYS_setsockopt, { TCP }, FIREWALL | PROXY | STATUS },
	{ SYS_setsockopt, { PACKETS }, 0 },
	{ SYS_bind, { UDP }, FIREWALL | PROXY },
	{ SYS_bind, { LOCAL }, 0 },
	{ SYS_connect, { TCP }, PROXY },
	{ SYS_connect, { LOCAL }, 0 },
	{ SYS_connect, { PACKETS }, 0 },
	/* New sockets. */
	{ SYS_socket, { AF_INET, SOCK_STREAM, 0 }, PROXY },
	{ SYS_socket, { AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 17 }, PROXY },
	{ SYS_socket, { AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 6 }, PROXY },
	{ SYS_socket, { AF_INET, SOCK_RAW, 0 }, 0 },
	{ SYS_socket, { AF_INET, SOCK_SEQPACKET, 0 }, 0 },
	{ SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, 0 },
	{ SYS_socket, { AF_PACKET, SOCK_DGRAM, 0 }, 0 },
	{ SYS_socket, { AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER }, FIREWALL },
	{ SYS_socket, { AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE }, FIREWALL },
	{ SYS_socket, { AF_NETLINK, SOCK_RAW, NETLINK_AUDIT }, 0 },
};

/* What no process can live without. */
static const long everybody[] = { SYS_epoll_wait, SYS_epoll_pwait, SYS_poll,
	SYS_clock_gettime, SYS_readv, SYS_recvfrom, SYS_recvmsg, SYS_epoll_ctl,
	SYS_close, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_brk,
	SYS_munmap, SYS_mremap, SYS_madvise, SYS_gettimeofday, SYS_time,
	SYS_clock_getres, SYS_nanosleep, SYS_clock_nanosleep, SYS_getrandom,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_sigaltstack, SYS_restart_syscall, SYS_exit, SYS_getpid, SYS_gettid,
	SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
	SYS_getrusage, SYS_getrlimit, SYS_sched_yield, SYS_sysinfo, SYS_uname,
	SYS_getsockopt, SYS_getsockname };

/* Nobody may; most are not even there. */
static const struct { long nr; uint32_t said; } never[] = {
	{ SYS_execve, ENOSYS }, { SYS_openat, ENOSYS }, { SYS_ptrace, ENOSYS },
	{ SYS_clone, ENOSYS }, { SYS_mount, ENOSYS }, { SYS_setuid, ENOSYS },
	{ SYS_unlinkat, ENOSYS }, { SYS_bpf, ENOSYS }, { SYS_chroot, ENOSYS },
	{ SYS_sendmmsg, ENOSYS }, { SYS_process_vm_writev, ENOSYS },
	{ SYS_io_setup, ENOSYS }, { 0x3fffffff, ENOSYS },
	/* x86_64 has the same calls by other numbers. */
	{ 0x40000000, EPERM }, { 0x40000000 | SYS_read, EPERM },
	{ 0x7fffffff, EPERM }, { -1, EPERM },
};
/* clang-format on */

static bool
has_line(long nr, unsigned int role)
{
	size_t i;

	for (i = 0; i < ROWS(calls); i++)
		if (calls[i].nr == nr && (calls[i].roles & 1u << role) != 0)
			return true;
	return false;
}

static void
each_role_may_do_what_it_needs(void **state)
{
	struct seccomp_data d;
	unsigned int role;
	uint32_t got;
	size_t i;

	(void)state;
	for (role = 0; role <= SANDBOX_SHARE; role++) {
		assert_int_equal(seccomp_limit((enum sandbox_role)role), PH_OK);
		for (i = 0; i < ROWS(calls); i++) {
			memset(&d, 0, sizeof(d));
			d.arch = SECCOMP_ARCH;
			d.nr = (int)calls[i].nr;
			if ((uint32_t)d.nr == SYS_none)
				continue; /* not on this machine */
			memcpy(d.args, calls[i].args, sizeof(calls[i].args));
			got = run(&d);
			if (calls[i].roles & 1u << role)
				assert_int_equal(got, SECCOMP_RET_ALLOW);
			else if (has_line(calls[i].nr, role))
				assert_int_equal(got,
				    SECCOMP_RET_ERRNO | EPERM);
			else if (got != (SECCOMP_RET_ERRNO | EPERM) &&
			    got != (SECCOMP_RET_ERRNO | ENOSYS))
				fail_msg("role %u, row %zu: 0x%x", role, i,
				    got);
			/* From another machine's program. */
			d.arch ^= 1;
			assert_int_equal(run(&d), SECCOMP_RET_ERRNO | EPERM);
		}
		memset(&d, 0, sizeof(d));
		d.arch = SECCOMP_ARCH;
		for (i = 0; i < ROWS(everybody); i++) {
			d.nr = (int)everybody[i];
			if ((uint32_t)d.nr != SYS_none &&
			    run(&d) != SECCOMP_RET_ALLOW)
				fail_msg("role %u, everybody %zu", role, i);
		}
		for (i = 0; i < ROWS(never); i++) {
			memset(&d, 0, sizeof(d));
			d.arch = SECCOMP_ARCH;
			d.nr = (int)never[i].nr;
			if (run(&d) != (SECCOMP_RET_ERRNO | never[i].said))
				fail_msg("role %u, never %zu: 0x%x", role, i,
				    run(&d));
		}
	}
}

/* Where the kind of a socket cannot be told, or there are too many, it fails.
 */
static void
sockets_that_cannot_be_named_are_an_error(void **state)
{
	size_t i;

	(void)state;
	fds[UDP].no_type = true;
	assert_int_equal(seccomp_limit(SANDBOX_ENGINE), PH_EIO);
	assert_int_equal(errno, EMFILE);
	make_sockets();
	for (i = 100; i < 130; i++)
		fds[i].domain = AF_PACKET;
	/* With those of the other test, 33 of them. */
	assert_int_equal(seccomp_limit(SANDBOX_STATUS), PH_EIO);
	assert_int_equal(errno, EMFILE);
	fds[100].domain = 0;
	len = 0;
	assert_int_equal(seccomp_limit(SANDBOX_STATUS), PH_OK);
	assert_true(len > 100);
}

static void
a_kernel_without_it_is_told_from_one_that_refuses(void **state)
{
	(void)state;
	refuse = EINVAL;
	assert_int_equal(seccomp_limit(SANDBOX_ENGINE), PH_EUNSUPPORTED);
	refuse = EACCES;
	assert_int_equal(seccomp_limit(SANDBOX_ENGINE), PH_EIO);
	assert_true(seccomp_available());
	mode = -1;
	assert_false(seccomp_available());
	mode = 2;
	assert_true(seccomp_available());
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_role_may_do_what_it_needs),
		CASE(sockets_that_cannot_be_named_are_an_error),
		CASE(a_kernel_without_it_is_told_from_one_that_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
