/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "src/compat/seccomp_calls_linux.h"
#include "src/compat/seccomp_linux.h"

#define X32_BIT 0x40000000u /* x86_64: the same calls by other numbers */

/* Captures are opened early, and so have small numbers. */
#define FDS_SEEN 1024
#define FDS_MAX	 32

#define PROGRAM_MAX 1024
#define NTESTS	    3

/* Numbers that are known only when the filter is made. */
struct facts {
	uint32_t packet[FDS_MAX]; /* packet sockets */
	size_t npacket;
	/*
	 * Packet sockets, and others by which sendmsg(2) could reach any peer.
	 */
	uint32_t closed[FDS_MAX];
	size_t nclosed;
	uint32_t self;
};

/* A half of an argument, or all of it if it is an int. */
enum word {
	ARG0,
	ARG0_HIGH,
	ARG1,
	ARG1_HIGH,
	ARG2,
	ARG2_HIGH,
	ARG4 = 8,
	ARG4_HIGH,
};

enum values {
	ZERO,
	SELF,
	SELF_OR_ZERO,
	STDIO,
	FCNTL,
	IOCTL,
	IP_FAMILIES,
	IP_TYPES,
	NETLINK_FAMILY,
	NETLINK_BUSES,
	PACKET_FDS,
	CLOSED_FDS,
};

struct test {
	enum word word;
	uint32_t mask;
	bool none; /* of the values, not one of them */
	enum values values;
};

enum condition {
	ALWAYS,
	NO_EXEC,
	TO_ITSELF,
	OF_ITSELF,
	ONTO_STDIO,
	FLAGS_ONLY,
	QUESTIONS,
	NO_PACKETS,
	NO_PACKETS_CONNECTED,
	NO_PACKETS_NAMED,
	OF_IP,
	OF_NETLINK,
};

#define ALL_BITS UINT32_MAX

/* All of them must hold. */
/* clang-format off */
static const struct {
	struct test	test[NTESTS];
	size_t		n;
} conditions[] = {
	[ALWAYS] = { { { ARG0, 0, false, ZERO } }, 0 },
	/* No memory that code could be put into. */
	[NO_EXEC] = { { { ARG2, PROT_EXEC, false, ZERO } }, 1 },
	[TO_ITSELF] = { { { ARG0, ALL_BITS, false, SELF } }, 1 },
	[OF_ITSELF] = { { { ARG0, ALL_BITS, false, SELF_OR_ZERO } }, 1 },
	/* When a daemon is done with its terminal. */
	[ONTO_STDIO] = { {
		{ ARG0, ALL_BITS, true, CLOSED_FDS },
		{ ARG1, ALL_BITS, false, STDIO } }, 2 },
	/* No other number for a descriptor, no locks, no owner. */
	[FLAGS_ONLY] = { { { ARG1, ALL_BITS, false, FCNTL } }, 1 },
	[QUESTIONS] = { { { ARG1, ALL_BITS, false, IOCTL } }, 1 },
	[NO_PACKETS] = { { { ARG0, ALL_BITS, true, PACKET_FDS } }, 1 },
	[NO_PACKETS_CONNECTED] = { {
		{ ARG0, ALL_BITS, true, PACKET_FDS },
		{ ARG4, ALL_BITS, false, ZERO },
		{ ARG4_HIGH, ALL_BITS, false, ZERO } }, 3 },
	[NO_PACKETS_NAMED] = { { { ARG0, ALL_BITS, true, CLOSED_FDS } }, 1 },
	[OF_IP] = { {
		{ ARG0, ALL_BITS, false, IP_FAMILIES },
		{ ARG1, 0xf, false, IP_TYPES } }, 2 },
	[OF_NETLINK] = { {
		{ ARG0, ALL_BITS, false, NETLINK_FAMILY },
		{ ARG2, ALL_BITS, false, NETLINK_BUSES } }, 2 },
};

#define E (1u << SANDBOX_ENGINE)
#define F (1u << SANDBOX_FIREWALL)
#define P (1u << SANDBOX_PROXY)
#define S (1u << SANDBOX_STATUS)
#define H (1u << SANDBOX_SHARE)
#define ALL (E | F | P | S | H)

/* The frequent ones first.  Several lines of one call: any of them. */
static const struct {
	uint32_t	nr;
	uint32_t	roles;
	enum condition	condition;
} allowed[] = {
	{ SYS_epoll_wait,	ALL,		ALWAYS },
	{ SYS_epoll_pwait,	ALL,		ALWAYS },
	{ SYS_epoll_pwait2,	ALL,		ALWAYS },
	{ SYS_poll,		ALL,		ALWAYS },
	{ SYS_ppoll,		ALL,		ALWAYS },
	{ SYS_clock_gettime,	ALL,		ALWAYS },
	{ SYS_read,		ALL,		ALWAYS },
	{ SYS_readv,		ALL,		ALWAYS },
	{ SYS_recvfrom,		ALL,		ALWAYS },
	{ SYS_recvmsg,		ALL,		ALWAYS },
	{ SYS_write,		ALL,		NO_PACKETS },
	{ SYS_writev,		ALL,		NO_PACKETS },
	{ SYS_sendto,		ALL,		NO_PACKETS_CONNECTED },
	{ SYS_sendto,		F | P,		NO_PACKETS_NAMED },
	{ SYS_sendmsg,		ALL,		NO_PACKETS_NAMED },
	{ SYS_epoll_ctl,	ALL,		ALWAYS },
	{ SYS_close,		ALL,		ALWAYS },
	/* The journal. */
	{ SYS_pread64,		E | P | S,	ALWAYS },
	{ SYS_pwrite64,		E | P,		ALWAYS },
	{ SYS_ftruncate,	E | P,		ALWAYS },
	{ SYS_lseek,		ALL,		ALWAYS },
	{ SYS_fstat,		ALL,		ALWAYS },
	{ SYS_newfstatat,	ALL,		ALWAYS },
	{ SYS_statx,		ALL,		ALWAYS },
	/* Memory. */
	{ SYS_brk,		ALL,		ALWAYS },
	{ SYS_mmap,		ALL,		NO_EXEC },
	{ SYS_mprotect,		ALL,		NO_EXEC },
	{ SYS_munmap,		ALL,		ALWAYS },
	{ SYS_mremap,		ALL,		ALWAYS },
	{ SYS_madvise,		ALL,		ALWAYS },
	/* Time and chance. */
	{ SYS_gettimeofday,	ALL,		ALWAYS },
	{ SYS_time,		ALL,		ALWAYS },
	{ SYS_clock_getres,	ALL,		ALWAYS },
	{ SYS_nanosleep,	ALL,		ALWAYS },
	{ SYS_clock_nanosleep,	ALL,		ALWAYS },
	{ SYS_getrandom,	ALL,		ALWAYS },
	/* Signals, to itself, and the end. */
	{ SYS_rt_sigaction,	ALL,		ALWAYS },
	{ SYS_rt_sigprocmask,	ALL,		ALWAYS },
	{ SYS_rt_sigreturn,	ALL,		ALWAYS },
	{ SYS_sigaltstack,	ALL,		ALWAYS },
	{ SYS_restart_syscall,	ALL,		ALWAYS },
	{ SYS_kill,		ALL,		TO_ITSELF },
	{ SYS_tkill,		ALL,		TO_ITSELF },
	{ SYS_tgkill,		ALL,		TO_ITSELF },
	{ SYS_exit,		ALL,		ALWAYS },
	{ SYS_exit_group,	ALL,		ALWAYS },
	/* Calls by which a library asks about this process and this machine. */
	{ SYS_getpid,		ALL,		ALWAYS },
	{ SYS_gettid,		ALL,		ALWAYS },
	{ SYS_getppid,		ALL,		ALWAYS },
	{ SYS_getuid,		ALL,		ALWAYS },
	{ SYS_geteuid,		ALL,		ALWAYS },
	{ SYS_getgid,		ALL,		ALWAYS },
	{ SYS_getegid,		ALL,		ALWAYS },
	{ SYS_getrusage,	ALL,		ALWAYS },
	{ SYS_getrlimit,	ALL,		ALWAYS },
	{ SYS_prlimit64,	ALL,		OF_ITSELF },
	{ SYS_sched_yield,	ALL,		ALWAYS },
	{ SYS_futex,		ALL,		ALWAYS },
	{ SYS_sysinfo,		ALL,		ALWAYS },
	{ SYS_uname,		ALL,		ALWAYS },
	/* The event loop. */
	{ SYS_epoll_create,	E | P | S | H,	ALWAYS },
	{ SYS_epoll_create1,	E | P | S | H,	ALWAYS },
	{ SYS_eventfd2,		E | P | S | H,	ALWAYS },
	{ SYS_pipe2,		E | P | S | H,	ALWAYS },
	{ SYS_pselect6,		F,		ALWAYS },
	{ SYS_select,		F,		ALWAYS },
	{ SYS_dup2,		ALL,		ONTO_STDIO },
	{ SYS_dup3,		ALL,		ONTO_STDIO },
	{ SYS_fcntl,		ALL,		FLAGS_ONLY },
	{ SYS_ioctl,		ALL,		QUESTIONS },
	/* Sockets. */
	{ SYS_getsockopt,	ALL,		ALWAYS },
	{ SYS_getsockname,	ALL,		ALWAYS },
	{ SYS_getpeername,	P | S,		ALWAYS },
	{ SYS_accept,		E | P | S,	ALWAYS },
	{ SYS_accept4,		E | P | S,	ALWAYS },
	{ SYS_shutdown,		P | S,		ALWAYS },
	{ SYS_setsockopt,	F | P | S,	NO_PACKETS },
	{ SYS_bind,		F | P,		NO_PACKETS_NAMED },
	{ SYS_connect,		P,		NO_PACKETS_NAMED },
	{ SYS_listen,		P,		ALWAYS },
	{ SYS_socket,		P,		OF_IP },
	{ SYS_socket,		F,		OF_NETLINK },
};
/* clang-format on */

#undef E
#undef F
#undef P
#undef S
#undef H
#undef ALL

#define NALLOWED (sizeof(allowed) / sizeof(allowed[0]))

static const uint32_t *
values_of(enum values which, const struct facts *facts, size_t *n)
{
	static const uint32_t zero[] = { 0 };
	static const uint32_t stdio[] = { STDIN_FILENO, STDOUT_FILENO,
		STDERR_FILENO };
	static const uint32_t commands[] = { F_GETFD, F_SETFD, F_GETFL,
		F_SETFL };
	static const uint32_t requests[] = { FIONREAD, TCGETS, TIOCGWINSZ,
		SIOCGIFINDEX };
	static const uint32_t families[] = { AF_INET, AF_INET6 };
	static const uint32_t types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const uint32_t netlink[] = { AF_NETLINK };
	static const uint32_t buses[] = { NETLINK_ROUTE, NETLINK_NETFILTER };
	static uint32_t self[2];

#define LIST(v)                                                                \
	do {                                                                   \
		*n = sizeof(v) / sizeof((v)[0]);                               \
		return v;                                                      \
	} while (0)
	switch (which) {
	case ZERO:
		LIST(zero);
	case SELF:
		*n = 1;
		return &facts->self;
	case SELF_OR_ZERO:
		self[0] = facts->self;
		LIST(self);
	case STDIO:
		LIST(stdio);
	case FCNTL:
		LIST(commands);
	case IOCTL:
		LIST(requests);
	case IP_FAMILIES:
		LIST(families);
	case IP_TYPES:
		LIST(types);
	case NETLINK_FAMILY:
		LIST(netlink);
	case NETLINK_BUSES:
		LIST(buses);
	case PACKET_FDS:
		*n = facts->npacket;
		return facts->packet;
	case CLOSED_FDS:
		break;
	}
#undef LIST
	*n = facts->nclosed;
	return facts->closed;
}

/* The filter, as it is written. */
struct program {
	struct sock_filter f[PROGRAM_MAX];
	size_t n;
	bool full;
};

static void
program_emit(struct program *p, uint16_t code, uint8_t yes, uint8_t no,
    uint32_t k)
{
	if (p->n == PROGRAM_MAX) {
		p->full = true;
		return;
	}
	p->f[p->n++] =
	    (struct sock_filter) { .code = code, .jt = yes, .jf = no, .k = k };
}

static void
program_load(struct program *p, size_t offset)
{
	program_emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void
program_finish(struct program *p, uint32_t how)
{
	program_emit(p, BPF_RET | BPF_K, 0, 0, how);
}

#define ALLOW	SECCOMP_RET_ALLOW
#define DENY	(SECCOMP_RET_ERRNO | EPERM)
#define MISSING (SECCOMP_RET_ERRNO | ENOSYS)

/* Where a failed test goes is known when all tests have been written. */
struct failures {
	size_t at[NTESTS * FDS_MAX];
	size_t n;
};

static void
program_fail(struct program *p, struct failures *failures)
{
	failures->at[failures->n++] = p->n;
	program_emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void
emit_test(struct program *p, const struct test *t, const struct facts *facts,
    struct failures *failures)
{
	bool high = (t->word & 1) != 0;
	const uint32_t *v;
	size_t i, n;

	v = values_of(t->values, facts, &n);
	program_load(p,
	    offsetof(struct seccomp_data, args) + (size_t)(t->word / 2) * 8 +
		(high == (BYTE_ORDER == BIG_ENDIAN) ? 0 : 4));
	if (t->mask != ALL_BITS)
		program_emit(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, t->mask);
	for (i = 0; i < n; i++) {
		if (t->none) {
			program_emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, v[i]);
			program_fail(p, failures);
		} else
			program_emit(p, BPF_JMP | BPF_JEQ | BPF_K,
			    (uint8_t)(n - i), 0, v[i]);
	}
	if (!t->none)
		program_fail(p, failures);
}

/* One line of the table.  The number of the call is loaded, and stays so. */
static void
emit_line(struct program *p, size_t line, const struct facts *facts)
{
	struct failures failures = { .n = 0 };
	enum condition c = allowed[line].condition;
	size_t i, skip;

	skip = p->n;
	program_emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, allowed[line].nr);
	program_emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	for (i = 0; i < conditions[c].n; i++)
		emit_test(p, &conditions[c].test[i], facts, &failures);
	program_finish(p, ALLOW);
	if (p->full)
		return;
	for (i = 0; i < failures.n; i++)
		p->f[failures.at[i]].k = (uint32_t)(p->n - failures.at[i] - 1);
	if (conditions[c].n > 0)
		program_load(p, offsetof(struct seccomp_data, nr));
	p->f[skip + 1].k = (uint32_t)(p->n - skip - 2);
}

static void
write_program(struct program *p, enum sandbox_role role,
    const struct facts *facts)
{
	size_t i;

	p->n = 0;
	p->full = false;
	program_load(p, offsetof(struct seccomp_data, arch));
	program_emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SECCOMP_ARCH);
	program_finish(p, DENY);
	program_load(p, offsetof(struct seccomp_data, nr));
	program_emit(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
	program_finish(p, DENY);
	for (i = 0; i < NALLOWED; i++)
		if (allowed[i].nr != SYS_none &&
		    (allowed[i].roles & 1u << role) != 0)
			emit_line(p, i, facts);
	for (i = 0; i < NALLOWED; i++)
		if (allowed[i].nr != SYS_none &&
		    allowed[i].condition != ALWAYS) {
			program_emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1,
			    allowed[i].nr);
			program_finish(p, DENY);
		}
	program_finish(p, MISSING);
}

/* Whether sendmsg(2) must not name a receiver on such a socket. */
static bool
is_closed(enum sandbox_role role, int domain, int type)
{
	if (domain == AF_PACKET)
		return true;
	if (type != SOCK_DGRAM)
		return false;
	/* The engine has a socket of UDP to read what others mirror. */
	return domain == AF_UNIX ||
	    (role == SANDBOX_ENGINE &&
		(domain == AF_INET || domain == AF_INET6));
}

/* False if there are more than we can name. */
static bool
find_facts(enum sandbox_role role, struct facts *facts)
{
	int fd, domain, type;
	socklen_t len;

	facts->npacket = facts->nclosed = 0;
	facts->self = (uint32_t)getpid();
	for (fd = 0; fd < FDS_SEEN; fd++) {
		len = sizeof(domain);
		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == -1)
			continue;
		len = sizeof(type);
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
			return false;
		if (!is_closed(role, domain, type))
			continue;
		if (facts->nclosed == FDS_MAX)
			return false;
		facts->closed[facts->nclosed++] = (uint32_t)fd;
		if (domain == AF_PACKET)
			facts->packet[facts->npacket++] = (uint32_t)fd;
	}
	return true;
}

bool
seccomp_available(void)
{
	return SECCOMP_ARCH != 0 && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != -1;
}

enum ph_err
seccomp_limit(enum sandbox_role role)
{
	static struct program p; /* too big for the stack */
	struct sock_fprog prog = { .filter = p.f };
	struct facts facts;

	if (SECCOMP_ARCH == 0)
		return PH_EUNSUPPORTED;
	if (!find_facts(role, &facts)) {
		errno = EMFILE;
		return PH_EIO;
	}
	write_program(&p, role, &facts);
	if (p.full) {
		errno = E2BIG;
		return PH_EIO;
	}
	prog.len = (unsigned short)p.n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0)
		return PH_OK;
	return errno == EINVAL ? PH_EUNSUPPORTED : PH_EIO;
}
