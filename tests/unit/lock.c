/* SPDX-License-Identifier: ISC */
/*
 * The lock of the monitor, and the locks by which its children are found.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/process/lock.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/pinholed-test.XXXXXX", path[64];
static char text[256];
static struct strbuf why;

/* In place of the system's: a lock that it refuses. */
static int refusal;

int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);
int __wrap_fcntl64(int fd, int cmd, ...);

static int
fcntl_of(int fd, int cmd, void *arg)
{
	if (cmd == F_SETLK && refusal != 0) {
		errno = refusal;
		return -1;
	}
	return __real_fcntl(fd, cmd, arg);
}

int
__wrap_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fcntl_of(fd, cmd, arg);
}

int
__wrap_fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fcntl_of(fd, cmd, arg);
}

static int
begin(void **state)
{
	(void)state;
	refusal = 0;
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

/* Each has its own byte, the number of its process. */
static void
several_children_are_found_one_by_one(void **state)
{
	pid_t holder, pid[3], found;
	int fd, i, k;

	(void)state;
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_OK);
	for (i = 0; i < 3; i++)
		pid[i] = other(fd);
	for (k = 3; k > 0; k--) {
		found = lock_orphan(fd);
		for (i = 0; i < 3 && pid[i] != found; i++)
			continue;
		assert_true(i < 3);
		end_other(found);
		pid[i] = 0;
	}
	assert_int_equal(lock_orphan(fd), 0);
	close(fd);
}

static void
a_lock_may_be_refused_in_other_ways(void **state)
{
	/* clang-format off */
	static const struct {
		int error;
		enum ph_err rc;
	} rows[] = {
		{ EACCES, PH_EEXIST }, { EAGAIN, PH_EEXIST }, { ENOLCK, PH_EIO },
	};
	/* clang-format on */
	int fd, first = open("/dev/null", O_RDONLY), again;
	char want[128];
	pid_t holder;
	size_t i;

	(void)state;
	close(first);
	snprintf(want, sizeof(want), "lock %s: No locks available", path);
	for (i = 0; i < ROWS(rows); i++) {
		refusal = rows[i].error;
		strbuf_reset(&why);
		holder = 77;
		fd = 77;
		assert_int_equal(lock_take(path, &fd, &holder, &why),
		    rows[i].rc);
		assert_true(holder == 0 && fd == -1);
		assert_string_equal(text, rows[i].rc == PH_EIO ? want : "");
		assert_int_equal(again = open("/dev/null", O_RDONLY), first);
		close(again);
	}
	/* Of what cannot be asked, nobody is the holder. */
	assert_int_equal(lock_orphan(-1), 0);
}

#ifdef F_OFD_SETLK
/* A lock of an open file is no process's, and yet somebody's. */
static void
a_holder_may_have_no_number(void **state)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int held = open(path, O_RDWR | O_CREAT, 0600), fd;
	pid_t holder;

	(void)state;
	fl.l_len = 1;
	assert_int_equal(fcntl(held, F_OFD_SETLK, &fl), 0);
	assert_int_equal(lock_holder(path), -1);
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_EEXIST);
	assert_true(holder == -1 && fd == -1);
	fl.l_start = 1;
	assert_int_equal(fcntl(held, F_OFD_SETLK, &fl), 0);
	fd = open(path, O_RDWR);
	assert_int_equal(lock_orphan(fd), -1);
	close(held);
	assert_int_equal(lock_orphan(fd), 0);
	assert_int_equal(lock_holder(path), 0);
	close(fd);
}
#endif

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_monitor_has_the_lock),
		CASE(children_that_are_left_are_found),
		CASE(what_is_no_file_of_ours_is_not_locked),
		CASE(several_children_are_found_one_by_one),
		CASE(a_lock_may_be_refused_in_other_ways),
#ifdef F_OFD_SETLK
		CASE(a_holder_may_have_no_number),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
