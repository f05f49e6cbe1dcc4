/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/compat/landlock_linux.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/pinholed-test.XXXXXX";
static char file[64], other[64];
static int file_fd;

static bool
open_a_file(void)
{
	return open(file, O_RDONLY) != -1;
}

static bool
open_a_device(void)
{
	return open("/dev/null", O_WRONLY) != -1;
}

static bool
list_a_directory(void)
{
	return open(dir, O_RDONLY | O_DIRECTORY) != -1;
}

static bool
make_a_file(void)
{
	return open(other, O_WRONLY | O_CREAT, 0600) != -1;
}

static bool
make_a_directory(void)
{
	return mkdir(other, 0700) != -1;
}

static bool
link_a_file(void)
{
	return link(file, other) != -1;
}

static bool
rename_a_file(void)
{
	return rename(file, other) != -1;
}

static bool
remove_a_file(void)
{
	return unlink(file) != -1;
}

static bool
run_a_program(void)
{
	char *const argv[] = { NULL };

	(void)execv("/bin/true", argv);
	return errno != EACCES;
}

static bool
write_where_it_was_open(void)
{
	return write(file_fd, "x", 1) == 1 && ftruncate(file_fd, 0) == 0;
}

static const struct {
	bool (*attempt)(void);
	bool allowed;
} attempts[] = {
	{ open_a_file, false },
	{ open_a_device, false },
	{ list_a_directory, false },
	{ make_a_file, false },
	{ make_a_directory, false },
	{ link_a_file, false },
	{ rename_a_file, false },
	{ remove_a_file, false },
	{ run_a_program, false },
	{ write_where_it_was_open, true },
};

static void
no_file_is_left_but_those_that_are_open(void **state)
{
	int status;
	size_t i;
	pid_t pid;

	(void)state;
	if (!landlock_available()) {
		printf("skipped: this kernel has no Landlock\n");
		exit(77);
	}
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/a", dir);
	snprintf(other, sizeof(other), "%s/b", dir);
	file_fd = open(file, O_RDWR | O_CREAT, 0600);
	assert_int_not_equal(file_fd, -1);
	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		fflush(NULL);
		if ((pid = fork()) == 0) {
			if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
			    !landlock_deny_files())
				_exit(2);
			_exit(attempts[i].attempt() ? 1 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) != attempts[i].allowed)
			fail_msg("attempt %zu: %d", i, WEXITSTATUS(status));
	}
	close(file_fd);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_file_is_left_but_those_that_are_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
