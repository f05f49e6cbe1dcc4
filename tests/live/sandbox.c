/* SPDX-License-Identifier: ISC */
/*
 * Calls that a process under an attacker's control could still make, tried from
 * inside.  Linux; the other systems' ways are their own.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/capture/capture.h"
#include "src/compat/memfile.h"
#include "src/compat/process.h"
#include "src/compat/sandbox.h"
#include "tests/unit/unit.h"

static struct sandbox sandbox;

/* Made before any sandbox, as root. */
static int program_fd = -1;  /* a file that could be run */
static int capture_fd = -1;  /* as the engine has it */
static int datagram_fd = -1; /* as syslog(3) has it */
static int mirror_fd = -1;   /* as the engine has it for HEP */
static int stranger_fd = -1; /* listens at a name without a file */
static struct sockaddr_un stranger;
static socklen_t stranger_len;
static pid_t victim; /* of the same user, with nothing to hide */

enum how {
	AS_ENGINE = SANDBOX_ENGINE,
	AS_FIREWALL = SANDBOX_FIREWALL,
	AS_PROXY = SANDBOX_PROXY,
	AS_STATUS = SANDBOX_STATUS,
	AS_SHARE = SANDBOX_SHARE,
	AS_USER, /* without a sandbox: shows that the attempt is one */
};

static bool
become(enum how how)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (how == AS_USER)
		return setgroups(0, NULL) == 0 &&
		    setresgid(sandbox.gid, sandbox.gid, sandbox.gid) == 0 &&
		    setresuid(sandbox.uid, sandbox.uid, sandbox.uid) == 0 &&
		    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
	if (sandbox_enter((enum sandbox_role)how, &sandbox, &why) == PH_OK)
		return true;
	fprintf(stderr, "%s\n", text);
	return false;
}

/*
 * Run `attempt`; true if it got away with it.  Not being able to enter the
 * sandbox is a failure of the test.
 */
static bool
gets_away(enum how how, bool (*attempt)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	if ((pid = fork()) == 0) {
		if (!become(how))
			_exit(2);
		_exit(attempt() ? 1 : 0);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 2);
	return WEXITSTATUS(status) == 1;
}

/* A call that the kernel looked at, whatever came of it. */
static bool
was_tried(long rc)
{
	return rc != -1 || (errno != EPERM && errno != ENOSYS);
}

static bool
run_a_program(void)
{
	char *argv[] = { NULL }, *env[] = { NULL };

	/* Whether it is one does not matter: it is not even looked at. */
	return was_tried(
	    syscall(SYS_execveat, program_fd, "", argv, env, 0x1000));
}

static bool
map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool
make_code_of_data(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool
become_root(void)
{
	return setuid(0) != -1 || setreuid(0, 0) != -1 || setgid(0) != -1;
}

static bool
fork_more(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid != -1;
}

static bool
see_files(void)
{
	return open("/etc/passwd", O_RDONLY) != -1 ||
	    open("../../../../etc/passwd", O_RDONLY) != -1 ||
	    open("/proc/self/maps", O_RDONLY) != -1;
}

static bool
make_files(void)
{
	return open("/tmp/x", O_TMPFILE | O_RDWR, 0600) != -1 ||
	    open("/x", O_CREAT | O_RDWR, 0600) != -1 || mkdir("/x", 0700) == 0;
}

static bool
leave_the_chroot(void)
{
	return chroot("/") != -1 || unshare(CLONE_NEWUSER) != -1;
}

static bool
trace_another(void)
{
	return ptrace(PTRACE_ATTACH, victim, NULL, NULL) != -1;
}

static bool
read_another(void)
{
	char here;
	struct iovec to = { &here, 1 }, from = { &stranger, 1 };

	return process_vm_readv(victim, &to, 1, &from, 1, 0) == 1;
}

static bool
signal_another(void)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	return kill(victim, 0) == 0 ||
	    syscall(SYS_tgkill, victim, victim, 0) == 0 ||
	    syscall(SYS_tkill, victim, 0) == 0 ||
	    syscall(SYS_rt_sigqueueinfo, victim, 0, &info) == 0 ||
	    syscall(SYS_pidfd_open, victim, 0) != -1 || kill(-1, 0) == 0;
}

static bool
starve_another(void)
{
	struct rlimit r = { 0 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	return prlimit(victim, RLIMIT_NOFILE, NULL, &r) == 0 ||
	    setpriority(PRIO_PROCESS, (id_t)victim, 19) == 0 ||
	    sched_getaffinity(victim, sizeof(cpus), &cpus) == 0;
}

static bool
signal_itself(void)
{
	return kill(getpid(), 0) == 0 && raise(SIGURG) == 0;
}

static bool
send_by_capture(void)
{
	char frame[64] = { 0 };
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = 1, /* lo */
		.sll_halen = ETH_ALEN };
	struct iovec iov = { frame, sizeof(frame) };
	struct msghdr msg = { .msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1 };
	struct mmsghdr several = { .msg_hdr = msg };

	return sendto(capture_fd, frame, sizeof(frame), 0,
		   (struct sockaddr *)&to, sizeof(to)) != -1 ||
	    sendmsg(capture_fd, &msg, 0) != -1 ||
	    sendmmsg(capture_fd, &several, 1, 0) != -1 ||
	    was_tried(write(capture_fd, frame, sizeof(frame))) ||
	    was_tried(send(capture_fd, frame, sizeof(frame), 0)) ||
	    was_tried(writev(capture_fd, &iov, 1));
}

/* The others have no such socket, but the proxy, which answers by its own. */
static bool
send_by_mirror(void)
{
	char text[] = "x";
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iovec iov = { text, sizeof(text) };
	struct msghdr msg = { .msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1 };

	return sendto(mirror_fd, text, sizeof(text), 0, (struct sockaddr *)&to,
		   sizeof(to)) != -1 ||
	    sendmsg(mirror_fd, &msg, 0) != -1 ||
	    write(mirror_fd, text, sizeof(text)) != -1 ||
	    (connect(mirror_fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
		write(mirror_fd, text, sizeof(text)) != -1);
}

static bool
rename_capture(void)
{
	int pair[2];

	return dup(capture_fd) != -1 || dup2(capture_fd, 500) != -1 ||
	    dup2(capture_fd, STDIN_FILENO) != -1 ||
	    dup3(capture_fd, 501, 0) != -1 ||
	    fcntl(capture_fd, F_DUPFD, 0) != -1 ||
	    fcntl(capture_fd, F_DUPFD_CLOEXEC, 0) != -1 ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != -1;
}

static bool
change_capture(void)
{
	int one = 1;

	return was_tried(
	    setsockopt(capture_fd, SOL_PACKET, PACKET_LOSS, &one, sizeof(one)));
}

static bool
write_to_a_stranger(void)
{
	struct iovec iov = { &victim, sizeof(victim) };
	struct msghdr msg = { .msg_name = &stranger,
		.msg_namelen = stranger_len,
		.msg_iov = &iov,
		.msg_iovlen = 1 };

	return sendto(datagram_fd, "x", 1, 0, (struct sockaddr *)&stranger,
		   stranger_len) != -1 ||
	    sendmsg(datagram_fd, &msg, 0) != -1 ||
	    connect(datagram_fd, (struct sockaddr *)&stranger, stranger_len) !=
	    -1;
}

static bool
raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_RAW) != -1 ||
	    socket(AF_PACKET, SOCK_RAW, 0) != -1;
}

static bool
netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) != -1;
}

static bool
other_netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT) != -1;
}

static bool
ip_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) != -1 ||
	    socket(AF_INET6, SOCK_STREAM, 0) != -1;
}

static bool
other_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) != -1 ||
	    socket(AF_VSOCK, SOCK_STREAM, 0) != -1 ||
	    socket(AF_ALG, SOCK_SEQPACKET, 0) != -1;
}

static bool
less_trodden_paths(void)
{
	return was_tried(syscall(SYS_bpf, 0, NULL, 0)) ||
	    was_tried(syscall(SYS_userfaultfd, 0)) ||
	    was_tried(syscall(SYS_io_uring_setup, 1, NULL)) ||
	    was_tried(syscall(SYS_keyctl, 0, 0)) ||
	    was_tried(syscall(SYS_memfd_create, "x", 0));
}

/* Calls that each process needs for its work. */
static bool
carry_on(void)
{
	struct rlimit r;
	char text[64];
	time_t now = time(NULL);

	return malloc(1 << 22) != NULL && getrlimit(RLIMIT_NOFILE, &r) == 0 &&
	    fcntl(datagram_fd, F_SETFL, O_NONBLOCK) == 0 &&
	    fcntl(datagram_fd, F_SETFD, FD_CLOEXEC) == 0 &&
	    dup2(program_fd, STDIN_FILENO) != -1 &&
	    process_interface_index("lo") != 0 && now != (time_t)-1 &&
	    recv(capture_fd, text, sizeof(text), MSG_DONTWAIT) == -1 &&
	    errno == EAGAIN;
}

/* clang-format off */
static const struct {
	const char	*what;
	bool		(*attempt)(void);
	bool		 engine, firewall, proxy, status, user; /* may */
} rows[] = {
	{ "run a program",	run_a_program,		0, 0, 0, 0, 1 },
	{ "map code",		map_code,		0, 0, 0, 0, 1 },
	{ "make code of data",	make_code_of_data,	0, 0, 0, 0, 1 },
	{ "become root",	become_root,		0, 0, 0, 0, 0 },
	{ "fork",		fork_more,		0, 0, 0, 0, 1 },
	{ "see files",		see_files,		0, 0, 0, 0, 1 },
	{ "make files",		make_files,		0, 0, 0, 0, 0 },
	{ "leave the chroot",	leave_the_chroot,	0, 0, 0, 0, 0 },
	{ "trace another",	trace_another,		0, 0, 0, 0, 1 },
	{ "read another",	read_another,		0, 0, 0, 0, 1 },
	{ "signal another",	signal_another,		0, 0, 0, 0, 1 },
	{ "starve another",	starve_another,		0, 0, 0, 0, 1 },
	{ "signal itself",	signal_itself,		1, 1, 1, 1, 1 },
	{ "send by capture",	send_by_capture,	0, 0, 0, 0, 1 },
	{ "rename capture",	rename_capture,		0, 0, 0, 0, 1 },
	{ "change capture",	change_capture,		0, 0, 0, 0, 1 },
	{ "send by a mirror's",	send_by_mirror,		0, 1, 1, 1, 1 },
	{ "write to a stranger", write_to_a_stranger,	0, 0, 0, 0, 1 },
	{ "open a raw socket",	raw_socket,		0, 0, 0, 0, 0 },
	{ "open netlink",	netlink_socket,		0, 1, 0, 0, 1 },
	{ "open other netlink",	other_netlink_socket,	0, 0, 0, 0, 1 },
	{ "open an IP socket",	ip_socket,		0, 0, 1, 0, 1 },
	{ "open another socket", other_socket,		0, 0, 0, 0, 1 },
	{ "less trodden paths",	less_trodden_paths,	0, 0, 0, 0, 1 },
	{ "carry on",		carry_on,		1, 1, 1, 1, 1 },
};
/* clang-format on */

static void
a_role_may_do_what_it_has_to_and_no_more(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		assert_int_equal(gets_away(AS_ENGINE, rows[i].attempt),
		    rows[i].engine);
		assert_int_equal(gets_away(AS_FIREWALL, rows[i].attempt),
		    rows[i].firewall);
		assert_int_equal(gets_away(AS_PROXY, rows[i].attempt),
		    rows[i].proxy);
		assert_int_equal(gets_away(AS_STATUS, rows[i].attempt),
		    rows[i].status);
		/* The share process may do as little as the status process. */
		assert_int_equal(gets_away(AS_SHARE, rows[i].attempt),
		    rows[i].status);
	}
}

/* Otherwise the rows would show nothing. */
static void
without_a_sandbox_the_same_is_possible(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		if (rows[i].user) {
			print_message("%s\n", rows[i].what);
			/* Make files, raw sockets: not even a user may. */
			assert_true(gets_away(AS_USER, rows[i].attempt));
		}
}

/* Not even root takes it off, so no sandbox is needed for this. */
static void
a_capture_keeps_its_filter(void **state)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, 0xffff) };
	struct sock_fprog prog = { 1, all };
	int zero = 0;

	(void)state;
	assert_int_equal(setsockopt(capture_fd, SOL_SOCKET, SO_DETACH_FILTER,
			     &zero, sizeof(zero)),
	    -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(setsockopt(capture_fd, SOL_SOCKET, SO_ATTACH_FILTER,
			     &prog, sizeof(prog)),
	    -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(setsockopt(capture_fd, SOL_SOCKET, SO_LOCK_FILTER,
			     &zero, sizeof(zero)),
	    -1);
}

/*
 * Open the descriptors of a worker, and start a process of our user that any
 * process of that user could trace.
 */
static bool
prepare(void)
{
	static struct capture *capture;
	struct capture_port port = { IPPROTO_UDP, 5060 };
	const char *interfaces[] = { "lo" };
	struct capture_config config = { .ports = &port,
		.nports = 1,
		.interfaces = interfaces,
		.ninterfaces = 1 };
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));

	stranger.sun_family = AF_UNIX;
	stranger_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    snprintf(stranger.sun_path + 1, 32, "pinholed-%ld",
		(long)getpid()));
	if (capture_open_live(&capture, &config, &why) != PH_OK) {
		fprintf(stderr, "%s\n", text);
		return false;
	}
	program_fd = memfile_open();
	datagram_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	stranger_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	mirror_fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (capture_fds(capture, &capture_fd, 1) != 1 || program_fd == -1 ||
	    write(program_fd, "#!/\n", 4) != 4 || datagram_fd == -1 ||
	    mirror_fd == -1 || process_interface_index("lo") == 0 ||
	    bind(stranger_fd, (struct sockaddr *)&stranger, stranger_len) == -1)
		return false;
	if ((victim = fork()) == 0) {
		if (!become(AS_USER))
			_exit(1);
		for (;;)
			pause();
	}
	/* Give the child time to change its user. */
	usleep(100000);
	return victim != -1;
}

static void
a_user_who_is_root_is_no_user(void **state)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct sandbox s;

	(void)state;
	assert_int_equal(sandbox_prepare(&s, "root", true, "/tmp", &why),
	    PH_EDENIED);
	strbuf_reset(&why);
	assert_int_equal(sandbox_prepare(&s, "no such user", true, "/tmp",
			     &why),
	    PH_EDENIED);
	assert_string_equal(text, "no such user: no such user");
}

static bool unable;

static void
a_directory_with_something_in_it_is_not_empty(void **state)
{
	char dir[] = "/tmp/pinholed-test.XXXXXX", sub[64], file[80], text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct sandbox s;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/empty", dir);
	snprintf(file, sizeof(file), "%s/x", sub);
	assert_int_equal(sandbox_prepare(&s, "nobody", true, dir, &why), PH_OK);
	if (strcmp(s.dir, sub) != 0) {
		print_message("skipped: %s is there and empty\n", s.dir);
		unable = true;
		assert_int_equal(rmdir(dir), 0);
		return;
	}
	assert_true((fd = open(file, O_CREAT | O_WRONLY, 0600)) != -1);
	close(fd);
	assert_int_equal(sandbox_prepare(&s, "nobody", true, dir, &why),
	    PH_EDENIED);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(chmod(sub, 0777), 0);
	assert_int_equal(sandbox_prepare(&s, "nobody", true, dir, &why),
	    PH_EDENIED);
	assert_int_equal(rmdir(sub), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_sandbox_the_same_is_possible),
		cmocka_unit_test(a_role_may_do_what_it_has_to_and_no_more),
		cmocka_unit_test(a_capture_keeps_its_filter),
		cmocka_unit_test(a_user_who_is_root_is_no_user),
	};
	/* Where the system has an empty directory this cannot be tried. */
	const struct CMUnitTest directory[] = {
		cmocka_unit_test(a_directory_with_something_in_it_is_not_empty),
	};
	char reason[256], dir[] = "/tmp/pinholed-test.XXXXXX";
	struct strbuf why = strbuf_of(reason, sizeof(reason));
	int rc;

	sandbox_missing(true, &why);
	if (why.len > 0) {
		printf("skipped: missing %s\n", reason);
		return 77;
	}
	(void)argv;
	if (argc > 1) {
		rc = cmocka_run_group_tests(directory, NULL, NULL);
		return rc == 0 && unable ? 77 : rc;
	}
	if (mkdtemp(dir) == NULL ||
	    sandbox_prepare(&sandbox, "nobody", true, dir, &why) != PH_OK ||
	    !prepare())
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	kill(victim, SIGKILL);
	/* Not the system's own. */
	if (strncmp(sandbox.dir, dir, strlen(dir)) == 0)
		(void)rmdir(sandbox.dir);
	(void)rmdir(dir);
	return rc;
}
