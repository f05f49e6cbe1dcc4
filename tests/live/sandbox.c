/* SPDX-License-Identifier: ISC */
/*
 * What is left to a process that has been taken over, tried from inside.
 * Linux; the other systems' ways are their own.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/memfile.h"
#include "src/compat/sandbox.h"
#include "tests/unit/unit.h"

static struct sandbox sandbox;

/*
 * Run `attempt` in a sandbox of this role; true if it got away with it.  Not
 * being able to enter the sandbox is a failure of the test.
 */
static bool
gets_away(enum sandbox_role role, bool (*attempt)(void))
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	int status;
	pid_t pid;

	fflush(NULL);
	if ((pid = fork()) == 0) {
		if (sandbox_enter(role, &sandbox, &why) != PH_OK) {
			fprintf(stderr, "%s\n", text);
			_exit(2);
		}
		_exit(attempt() ? 1 : 0);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 2);
	return WEXITSTATUS(status) == 1;
}

static bool
run_a_program(void)
{
	char *argv[] = { NULL }, *env[] = { NULL };
	int fd = memfile();

	/* Whether it is one does not matter: it is not even looked at. */
	return fd == -1 || write(fd, "#!/\n", 4) != 4 ||
	    syscall(SYS_execveat, fd, "", argv, env, 0x1000) != -1 ||
	    errno != EPERM;
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
	return open("/x", O_CREAT | O_RDWR, 0600) != -1 ||
	    mkdir("/x", 0700) == 0;
}

static bool
leave_the_chroot(void)
{
	return chroot("/") != -1 || unshare(CLONE_NEWUSER) != -1;
}

static bool
trace_the_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) != -1;
}

static bool
kill_the_parent(void)
{
	return kill(getppid(), 0) != -1;
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
	return socket(AF_NETLINK, SOCK_RAW, 0) != -1;
}

static bool
ordinary_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) != -1 &&
	    socket(AF_UNIX, SOCK_STREAM, 0) != -1 && if_nametoindex("lo") != 0;
}

/* clang-format off */
static const struct {
	const char	*what;
	bool		(*attempt)(void);
	bool		 engine, firewall;	/* may */
} rows[] = {
	{ "run a program",		run_a_program,		false, false },
	{ "become root",		become_root,		false, false },
	{ "fork",			fork_more,		false, false },
	{ "see files",			see_files,		false, false },
	{ "make files",			make_files,		false, false },
	{ "leave the chroot",		leave_the_chroot,	false, false },
	{ "trace the parent",		trace_the_parent,	false, false },
	{ "kill the parent",		kill_the_parent,	false, false },
	{ "open a raw socket",		raw_socket,		false, false },
	{ "open a netlink socket",	netlink_socket,		false, true },
	{ "open an ordinary socket",	ordinary_socket,	true, true },
};
/* clang-format on */

static void
a_role_may_do_what_it_has_to_and_no_more(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		assert_int_equal(gets_away(SANDBOX_ENGINE, rows[i].attempt),
		    rows[i].engine);
		assert_int_equal(gets_away(SANDBOX_FIREWALL, rows[i].attempt),
		    rows[i].firewall);
	}
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
		print_message("%s is there and empty\n", s.dir);
		skip();
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
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_role_may_do_what_it_has_to_and_no_more),
		cmocka_unit_test(a_user_who_is_root_is_no_user),
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
	if (mkdtemp(dir) == NULL ||
	    sandbox_prepare(&sandbox, "nobody", true, dir, &why) != PH_OK)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(sandbox.dir);
	(void)rmdir(dir);
	return rc;
}
