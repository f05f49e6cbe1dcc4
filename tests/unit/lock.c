/* SPDX-License-Identifier: ISC */
/*
 * The lock of the monitor, and the locks by which its children are found.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/process/lock.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/pinholed-test.XXXXXX", path[64];
static char text[256];
static struct strbuf why;

static int
begin(void **state)
{
	(void)state;
	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/lock", dir);
	why = strbuf_of(text, sizeof(text));
	return 0;
}

static int
end(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

/* Another process, which has the monitor's lock, or only a child's. */
static pid_t
other(int fd)
{
	int ready[2];
	pid_t pid, holder;
	char c;

	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		if (fd != -1)
			lock_take_child(fd);
		else if (lock_take(path, &fd, &holder, &why) != PH_OK)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
end_other(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
one_monitor_has_the_lock(void **state)
{
	struct stat st;
	pid_t holder = 77, pid;
	int fd = 0;

	(void)state;
	assert_int_equal(lock_holder(path), 0);
	pid = other(-1);
	assert_int_equal(lock_holder(path), pid);
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_EEXIST);
	assert_int_equal(holder, pid);
	assert_int_equal(fd, -1);
	end_other(pid);
	assert_int_equal(lock_holder(path), 0);
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_OK);
	assert_int_equal(holder, 0);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* It takes one byte: a child may have another. */
	assert_int_equal(lock_orphan(fd), 0);
	assert_string_equal(text, "");
	close(fd);
}

static void
children_that_are_left_are_found(void **state)
{
	pid_t holder, pid;
	int fd;

	(void)state;
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_OK);
	pid = other(fd);
	assert_int_equal(lock_orphan(fd), pid);
	/* A child has not the monitor's lock. */
	close(fd);
	assert_int_equal(lock_holder(path), 0);
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_OK);
	assert_int_equal(lock_orphan(fd), pid);
	end_other(pid);
	assert_int_equal(lock_orphan(fd), 0);
	close(fd);
	/* Nor is another monitor one. */
	pid = other(-1);
	fd = open(path, O_RDWR);
	assert_int_equal(lock_orphan(fd), 0);
	close(fd);
	end_other(pid);
}

static void
what_is_no_file_of_ours_is_not_locked(void **state)
{
	char target[80];
	pid_t holder = 77;
	int fd;

	(void)state;
	snprintf(target, sizeof(target), "%s/none/lock", dir);
	assert_int_equal(lock_take(target, &fd, &holder, &why), PH_EIO);
	assert_int_equal(fd, -1);
	assert_int_equal(holder, 0);
	assert_non_null(strstr(text, "/none/lock: No such file"));
	assert_int_equal(lock_holder(target), 0);
	strbuf_reset(&why);
	/* A link may lead anywhere. */
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_EIO);
	assert_int_equal(fd, -1);
	assert_string_not_equal(text, "");
	assert_int_equal(lock_holder(path), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_monitor_has_the_lock),
		CASE(children_that_are_left_are_found),
		CASE(what_is_no_file_of_ours_is_not_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
