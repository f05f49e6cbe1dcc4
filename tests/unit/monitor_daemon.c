/* SPDX-License-Identifier: ISC */
/* Going into the background, and the file that has the process's number. */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/monitor/daemon.h"
#include "tests/unit/unit.h"

#define PATIENCE 10000 /* ms */

static char path[40];

static int
begin(void **state)
{
	int fd;

	(void)state;
	strlcpy(path, "/tmp/pinholed-test.XXXXXX", sizeof(path));
	if ((fd = mkstemp(path)) == -1 || write(fd, "something else", 14) != 14)
		return -1;
	return close(fd);
}

static int
end(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

/* What the daemon says of itself; 'n' is written where something is wrong. */
static void
daemon_live(int out, bool well)
{
	struct daemon d;
	char cwd[64], say = 'y';

	daemon_init(&d);
	daemon_detach(&d);
	if (getsid(0) != getpid() || getcwd(cwd, sizeof(cwd)) == NULL ||
	    strcmp(cwd, "/") != 0 || d.parent_fd == -1 ||
	    (fcntl(d.parent_fd, F_GETFD) & FD_CLOEXEC) == 0)
		say = 'n';
	if (well) {
		daemon_tell_parent(&d);
		if (d.parent_fd != -1)
			say = 'n';
		daemon_tell_parent(&d);
	}
	(void)!write(out, &say, 1);
	/* Its parent does not wait for the end of a daemon that is well. */
	(void)poll(NULL, 0, well ? 50 : 0);
	_exit(7);
}

static void
the_parent_says_how_the_start_went(void **state)
{
	struct pollfd p = { .events = POLLIN };
	int well, fds[2], status;
	pid_t pid;
	char say;

	(void)state;
	for (well = 0; well < 2; well++) {
		assert_int_equal(pipe(fds), 0);
		fflush(NULL);
		if ((pid = fork()) == 0)
			daemon_live(fds[1], well);
		close(fds[1]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), well ? 0 : 2);
		p.fd = fds[0];
		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		assert_int_equal(read(fds[0], &say, 1), 1);
		assert_int_equal(say, 'y');
		close(fds[0]);
	}
}

static const char *
content(void)
{
	static char text[64];
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return "(none)";
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* How another process fares that wants the same file. */
static int
another(void)
{
	struct daemon d;
	int status;
	pid_t pid;

	fflush(NULL);
	if ((pid = fork()) == 0) {
		daemon_init(&d);
		_exit(daemon_write_pidfile(&d, path) && d.pidfile == path);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
one_process_has_the_file(void **state)
{
	struct daemon d;
	struct stat st;
	char want[32];
	int fd;

	(void)state;
	daemon_init(&d);
	assert_int_equal(d.pidfile_fd, -1);
	assert_int_equal(d.parent_fd, -1);
	assert_true(daemon_write_pidfile(&d, path));
	snprintf(want, sizeof(want), "%ld\n", (long)getpid());
	assert_string_equal(content(), want);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	fd = d.pidfile_fd;
	/* content() has closed a descriptor of the file, and so the lock. */
	daemon_close(&d);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(d.pidfile_fd, -1);
	assert_true(daemon_write_pidfile(&d, path));
	assert_int_equal(another(), 0);
	daemon_remove_pidfile(&d);
	assert_string_equal(content(), "(none)");
	daemon_close(&d);
	assert_int_equal(another(), 1);
}

static void
without_a_file_there_is_nothing_to_do(void **state)
{
	struct daemon d;
	char none[] = "/nonexistent/file";
	int fds[3], i;

	(void)state;
	/* Not the standard input: those are the lowest numbers. */
	daemon_init(&d);
	assert_true(daemon_write_pidfile(&d, NULL));
	assert_int_equal(d.pidfile_fd, -1);
	assert_false(daemon_write_pidfile(&d, none));
	assert_int_equal(d.pidfile_fd, -1);
	for (i = 0; i < 3; i++)
		fds[i] = fcntl(i, F_GETFD);
	daemon_remove_pidfile(&d);
	daemon_tell_parent(&d);
	daemon_close(&d);
	for (i = 0; i < 3; i++)
		assert_int_equal(fcntl(i, F_GETFD), fds[i]);
	assert_true(access(path, F_OK) == 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_parent_says_how_the_start_went),
		T(one_process_has_the_file),
		T(without_a_file_there_is_nothing_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
