/* SPDX-License-Identifier: ISC */
/* Control sockets that the system refuses, and whom they let in. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/process/unixsock.h"
#include "tests/unit/sockets_play.h"
#include "tests/unit/unit.h"

/* Steps of a control socket; one that fails leaves no descriptor. */
static void
a_control_socket_may_fail(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		unsigned int after;
		enum ph_err rc;
		const char *why;	/* behind the path, or all of it */
	} rows[] = {
		{ "socket", 0, PH_EIO, "socket: Permission denied" },
		{ "bind", 0, PH_EIO, ": Permission denied" },
		{ "chmod", 0, PH_EIO, ": Permission denied" },
		{ "listen", 0, PH_EIO, ": Permission denied" },
		{ "setegid", 1, PH_EIO, ": Permission denied" },
		{ "setegid", 0, PH_OK, "" },
		{ "chown", 0, PH_OK, "" },
		{ NULL, 0, PH_OK, "" },
	};
	/* clang-format on */
	int fd, first = sockets_first_free();
	char want[256];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		sockets_group = 5;
		sockets_fail_at(rows[i].name, rows[i].after, EACCES);
		fd = 77;
		assert_int_equal(unixsock_listen(sockets_path, 0660, 54321, &fd,
				     &sockets_why),
		    rows[i].rc);
		snprintf(want, sizeof(want), "%s%s",
		    rows[i].why[0] == ':' ? sockets_path : "", rows[i].why);
		assert_string_equal(sockets_text, want);
		if (rows[i].rc == PH_OK) {
			assert_int_equal(fd, first);
			assert_int_equal(sockets_group, 5);
			__real_close(fd);
		} else
			assert_int_equal(fd, -1);
		assert_int_equal(sockets_first_free(), first);
		(void)__real_unlink(sockets_path);
	}
}

/* In which order, and with which mode: a group that it has not is not let in.
 */
static void
a_group_is_let_in_if_the_socket_is_its_own(void **state)
{
	/* clang-format off */
	static const struct {
		gid_t group;	/* 0: that of this process */
		const char *fails;
		mode_t mode;	/* asked for, and had */
		mode_t had;
		const char *calls; /* between bind and listen; %u: the group */
	} rows[] = {
		{ (gid_t)-1, NULL, 0660, 0660, "" },
		{ (gid_t)-1, NULL, 0666, 0666, "" },
		{ 0, NULL, 0660, 0660, "stat 0;" },
		{ 54321, NULL, 0660, 0660, "stat 0;chown 54321;" },
		{ 54321, "chown", 0660, 0600, "stat 0;chown 54321;" },
		{ 54321, "chown", 0666, 0606, "stat 0;chown 54321;" },
		{ 54321, "stat", 0666, 0606, "stat 0;" },
	};
	/* clang-format on */
	char want[256];
	struct stat st;
	gid_t own;
	size_t i;
	int fd;

	(void)state;
	assert_int_equal(__real_stat(sockets_dir, &st), 0);
	own = st.st_gid;
	for (i = 0; i < ROWS(rows); i++) {
		sockets_fail_at(rows[i].fails, 0, EPERM);
		sockets_group = 5;
		assert_int_equal(unixsock_listen(sockets_path, rows[i].mode,
				     rows[i].group == 0 ? own : rows[i].group,
				     &fd, &sockets_why),
		    PH_OK);
		if (rows[i].group == (gid_t)-1)
			snprintf(want, sizeof(want), "socket %d;bind %d;%s",
			    SOCK_STREAM, AF_UNIX, rows[i].calls);
		else
			snprintf(want, sizeof(want),
			    "socket %d;setegid %u;bind %d;setegid 5;%s",
			    SOCK_STREAM,
			    rows[i].group == 0 ? own : rows[i].group, AF_UNIX,
			    rows[i].calls);
		snprintf(want + strlen(want), sizeof(want) - strlen(want),
		    "chmod %d;listen 128;", (int)rows[i].had);
		assert_string_equal(sockets_done, want);
		assert_int_equal(__real_stat(sockets_path, &st), 0);
		assert_int_equal(st.st_mode & 0777, rows[i].had);
		__real_close(fd);
		(void)__real_unlink(sockets_path);
	}
}

/* A socket that is there: in use, unless nobody listens behind it. */
static void
a_socket_in_use_is_known(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		int error;
		bool listens;	/* somebody does */
		enum ph_err try, listen;
	} rows[] = {
		{ NULL, 0, true, PH_EEXIST, PH_EEXIST },
		{ NULL, 0, false, PH_OK, PH_OK },
		{ "connect", EAGAIN, false, PH_EEXIST, PH_EEXIST },
		{ "connect", EACCES, false, PH_EEXIST, PH_EEXIST },
		{ "connect", ECONNREFUSED, false, PH_OK, PH_OK },
		{ "unlink", EACCES, false, PH_OK, PH_EEXIST },
		{ "socket", EMFILE, false, PH_EEXIST, PH_EEXIST },
	};
	/* clang-format on */
	int there, fd, first = sockets_first_free();
	char want[128];
	size_t i;

	(void)state;
	snprintf(want, sizeof(want), "%s: in use", sockets_path);
	for (i = 0; i < ROWS(rows); i++) {
		sockets_fail_at(NULL, 0, 0);
		assert_int_equal(unixsock_listen(sockets_path, 0600, (gid_t)-1,
				     &there, &sockets_why),
		    PH_OK);
		if (!rows[i].listens)
			__real_close(there);
		sockets_fail_at(rows[i].name, 0, rows[i].error);
		assert_int_equal(unixsock_try(sockets_path, &sockets_why),
		    rows[i].try);
		assert_string_equal(sockets_text,
		    rows[i].try == PH_OK ? "" : want);
		sockets_fail_at(rows[i].name, 0, rows[i].error);
		assert_int_equal(unixsock_listen(sockets_path, 0600, (gid_t)-1,
				     &fd, &sockets_why),
		    rows[i].listen);
		assert_string_equal(sockets_text,
		    rows[i].listen == PH_OK ? "" : want);
		/* Nobody waits there. */
		if (rows[i].name == NULL || rows[i].name[0] == 'c')
			assert_non_null(strstr(sockets_done, "connect 1;"));
		assert_int_equal(fd == -1, rows[i].listen != PH_OK);
		if (fd != -1)
			__real_close(fd);
		if (rows[i].listens)
			__real_close(there);
		assert_int_equal(sockets_first_free(), first);
		(void)__real_unlink(sockets_path);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, sockets_setup, sockets_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_control_socket_may_fail),
		T(a_group_is_let_in_if_the_socket_is_its_own),
		T(a_socket_in_use_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
