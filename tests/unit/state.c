/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/memfile.h"
#include "src/monitor/statefile.h"
#include "src/process/lock.h"
#include "src/process/unixsock.h"
#include "tests/unit/unit.h"

/* The files that the monitor keeps: state, lock, control socket. */

#define LIMIT 4096

static char dir[] = "/tmp/pinholed-test.XXXXXX";
static char path[64], text[512];
static struct strbuf why;

static int
setup(void **state)
{
	(void)state;
	why = strbuf_of(text, sizeof(text));
	return 0;
}

static int
group_setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sub/state", dir);
	return 0;
}

static int
group_teardown(void **state)
{
	char sub[64];

	(void)state;
	(void)unlink(path);
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	(void)rmdir(sub);
	return rmdir(dir);
}

static void
journal(int fds[2], const char *a, const char *b)
{
	fds[0] = memfile_open();
	fds[1] = memfile_open();
	assert_true(fds[0] != -1 && fds[1] != -1);
	assert_int_equal(write(fds[0], a, strlen(a)), strlen(a));
	assert_int_equal(write(fds[1], b, strlen(b)), strlen(b));
}

static void
done(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void
contains(int fd, const char *want)
{
	char buf[256];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, (size_t)n);
}

static void
what_was_saved_is_loaded(void **state)
{
	struct stat st;
	int fds[2];

	(void)state;
	journal(fds, "one journal", "and the other");
	assert_int_equal(state_save(path, fds, LIMIT, "me", &why), PH_OK);
	done(fds);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	journal(fds, "", "");
	assert_int_equal(state_load(path, fds, LIMIT, "me", 60, &why), PH_OK);
	contains(fds[0], "one journal");
	contains(fds[1], "and the other");
	done(fds);
	/* Over an older one, too. */
	journal(fds, "newer", "");
	assert_int_equal(state_save(path, fds, LIMIT, "me", &why), PH_OK);
	done(fds);
	journal(fds, "", "");
	assert_int_equal(state_load(path, fds, LIMIT, "me", 60, &why), PH_OK);
	contains(fds[0], "newer");
	contains(fds[1], "");
	done(fds);
}

/* A full disk is told of, once; it is no reason to try again at once. */
static void
what_cannot_be_written_is_said(void **state)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;
	struct rlimit before, small;
	enum ph_err rc;
	int fds[2];

	(void)state;
	journal(fds, "one journal", "and the other");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 64;
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGXFSZ, &ignore, &old);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = state_save(path, fds, LIMIT, "me", &why);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	sigaction(SIGXFSZ, &old, NULL);
	assert_int_equal(rc, PH_EIO);
	assert_non_null(strstr(text, strerror(EFBIG)));
	done(fds);
}

/*
 * A pwrite(2) that writes no more than this at once; and, once, somebody else
 * who writes this byte to this file before it, or cuts it short.
 */
static size_t most;
static int meddled = -1;
static const char *meddling;

ssize_t __wrap_pwrite(int fd, const void *p, size_t len, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t len, off_t off);

ssize_t
__wrap_pwrite(int fd, const void *p, size_t len, off_t off)
{
	struct iovec v = { (void *)(uintptr_t)p,
		most > 0 && len > most ? most : len };
	struct iovec m = { (void *)(uintptr_t)meddling, 1 };

	if (meddled != -1 &&
	    (meddling == NULL ? ftruncate(meddled, 1) == 0
			      : pwritev(meddled, &m, 1, 0) == 1))
		meddled = -1;
	return pwritev(fd, &v, 1, off);
}

ssize_t
__wrap_pwrite64(int fd, const void *p, size_t len, off_t off)
{
	return __wrap_pwrite(fd, p, len, off);
}

#define LARGE 150001

/* More than one read, and a file system that takes less than it is given. */
static void
what_is_large_is_copied_piece_by_piece(void **state)
{
	static char one[LARGE], two[LARGE];
	int fds[2], i;

	(void)state;
	for (i = 0; i < LARGE; i++)
		one[i] = (char)(i % 251);
	journal(fds, "", "");
	assert_int_equal(write(fds[0], one, LARGE), LARGE);
	assert_int_equal(write(fds[1], one, LARGE / 2), LARGE / 2);
	most = 1009;
	assert_int_equal(state_save(path, fds, LARGE, "me", &why), PH_OK);
	assert_int_equal(state_save(path, fds, LARGE - 1, "me", &why),
	    PH_ELIMIT);
	done(fds);
	journal(fds, "", "");
	assert_int_equal(state_load(path, fds, LARGE - 1, "me", 60, &why),
	    PH_EMALFORMED);
	assert_int_equal(state_load(path, fds, LARGE, "me", 60, &why), PH_OK);
	most = 0;
	assert_int_equal(pread(fds[0], two, LARGE, 0), LARGE);
	assert_memory_equal(one, two, LARGE);
	assert_int_equal(pread(fds[1], two, LARGE, 0), LARGE / 2);
	assert_memory_equal(one, two, LARGE / 2);
	done(fds);
}

/* Its writer began it anew meanwhile: the copy is of no use. */
static void
what_began_anew_is_copied_later(void **state)
{
	static char large[LARGE];
	int fds[2], i;

	(void)state;
	journal(fds, "", "two");
	assert_int_equal(write(fds[0], large, LARGE), LARGE);
	meddled = fds[0];
	meddling = NULL;
	assert_int_equal(state_save(path, fds, LARGE, "me", &why), PH_EAGAIN);
	done(fds);
	for (i = 0; i < 2; i++) {
		journal(fds, "one", "two");
		assert_int_equal(state_save(path, fds, LIMIT, "me", &why),
		    PH_OK);
		meddled = fds[i];
		meddling = "x";
		assert_int_equal(state_save(path, fds, LIMIT, "me", &why),
		    PH_EAGAIN);
		assert_int_equal(meddled, -1);
		done(fds);
		journal(fds, "", "");
		assert_int_equal(state_load(path, fds, LIMIT, "me", 60, &why),
		    PH_OK);
		contains(fds[0], "one");
		contains(fds[1], "two");
		done(fds);
	}
}

static void
spoil(off_t at, const void *p, size_t len)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, p, len, at), len);
	close(fd);
}

/* Offsets: magic 0, version 4, saved 8, sizes 16 and 24, owner 32, sum 160. */
/* clang-format off */
static const struct {
	const char	*what;
	off_t		 at;
	const char	*bytes;
	size_t		 len;
	const char	*owner;
	int64_t		 age;
	enum ph_err	 rc;
} rows[] = {
	{ "as it should be",	0,  "",		0, "me",    60, PH_OK },
	{ "of somebody else",	0,  "",		0, "you",   60, PH_EDENIED },
	{ "no magic",		0,  "x",	1, "me",    60, PH_EMALFORMED },
	{ "a later version",	4,  "\x09",	1, "me",    60, PH_EMALFORMED },
	{ "from long ago",	8,  "\0\0\0\0",	4, "me",    60, PH_EGONE },
	{ "from the future",	12, "\1",	1, "me",    60, PH_EGONE },
	{ "a size too small",	16, "\x01",	1, "me",    60, PH_EMALFORMED },
	{ "an absurd size",	22, "\xff",	1, "me",    60, PH_EMALFORMED },
	{ "an endless name",	32, NULL,     128, "me",    60, PH_EMALFORMED },
	{ "rot in the header",	152, "x",	1, "me",    60, PH_EMALFORMED },
	{ "rot in a journal",	168, "x",	1, "me",    60, PH_EMALFORMED },
	{ "rot at the very end",172, "x",	1, "me",    60, PH_EMALFORMED },
	{ "longer than it says", 200, "xxx",	3, "me",    60, PH_EMALFORMED },
};
/* clang-format on */

static void
what_is_not_ours_is_not_loaded(void **state)
{
	char endless[128];
	int fds[2];
	size_t i;

	(void)state;
	memset(endless, 'm', sizeof(endless));
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		journal(fds, "one", "two");
		assert_int_equal(state_save(path, fds, LIMIT, "me", &why),
		    PH_OK);
		done(fds);
		spoil(rows[i].at,
		    rows[i].bytes != NULL ? rows[i].bytes : endless,
		    rows[i].len);
		journal(fds, "", "");
		assert_int_equal(state_load(path, fds, LIMIT, rows[i].owner,
				     rows[i].age, &why),
		    rows[i].rc);
		if (rows[i].rc != PH_OK) {
			contains(fds[0], "");
			contains(fds[1], "");
		}
		done(fds);
	}
}

static void
what_others_could_have_written_is_not_loaded(void **state)
{
	char other[80];
	int fds[2];

	(void)state;
	journal(fds, "one", "two");
	assert_int_equal(state_save(path, fds, LIMIT, "me", &why), PH_OK);
	done(fds);
	journal(fds, "", "");
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(state_load(path, fds, LIMIT, "me", 60, &why),
	    PH_EDENIED);
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(other, sizeof(other), "%s.moved", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(state_load(path, fds, LIMIT, "me", 60, &why), PH_EIO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_not_equal(state_load(path, fds, LIMIT, "me", 60, &why),
	    PH_OK);
	assert_int_equal(unlink(path), 0);
	strbuf_reset(&why);
	assert_int_equal(state_load(path, fds, LIMIT, "me", 60, &why),
	    PH_EGONE);
	assert_int_equal(why.len, 0);
	done(fds);
}

static void
a_failed_save_leaves_the_old_one(void **state)
{
	char tmp[80];
	int fds[2];

	(void)state;
	journal(fds, "old", "");
	assert_int_equal(state_save(path, fds, LIMIT, "me", &why), PH_OK);
	done(fds);
	/* A directory is in the way of the temporary file. */
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	assert_int_equal(mkdir(tmp, 0700), 0);
	journal(fds, "new", "");
	assert_int_equal(state_save(path, fds, LIMIT, "me", &why), PH_EIO);
	assert_true(why.len > 0);
	done(fds);
	assert_int_equal(rmdir(tmp), 0);
	journal(fds, "", "");
	assert_int_equal(state_load(path, fds, LIMIT, "me", 60, &why), PH_OK);
	contains(fds[0], "old");
	done(fds);
}

/* A child that holds what `take` takes until it is killed. */
static pid_t
holder(int fd, const char *lock)
{
	int ready[2], other;
	pid_t pid, whose;
	char c = 0;

	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		if (lock == NULL)
			lock_take_child(fd);
		else if (lock_take(lock, &other, &whose, &why) != PH_OK)
			_exit(1);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void
end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
a_lock_ends_with_its_holder_and_names_it(void **state)
{
	char lock[64];
	pid_t pid, whose;
	int fd;

	(void)state;
	snprintf(lock, sizeof(lock), "%s/lock", dir);
	pid = holder(-1, lock);
	assert_int_equal(lock_take(lock, &fd, &whose, &why), PH_EEXIST);
	assert_int_equal(whose, pid);
	assert_int_equal(fd, -1);
	end(pid);
	assert_int_equal(lock_take(lock, &fd, &whose, &why), PH_OK);
	assert_int_equal(lock_orphan(fd), 0);
	pid = holder(fd, NULL);
	assert_int_equal(lock_orphan(fd), pid);
	end(pid);
	assert_int_equal(lock_orphan(fd), 0);
	close(fd);
	assert_int_equal(unlink(lock), 0);
	snprintf(lock, sizeof(lock), "%s/none/lock", dir);
	assert_int_equal(lock_take(lock, &fd, &whose, &why), PH_EIO);
}

static void
a_socket_replaces_only_a_dead_one(void **state)
{
	char sock[64], longname[300];
	int fd, other;

	(void)state;
	snprintf(sock, sizeof(sock), "%s/sock", dir);
	assert_int_equal(unixsock_listen(sock, 0600, (gid_t)-1, &fd, &why),
	    PH_OK);
	assert_int_equal(unixsock_listen(sock, 0600, (gid_t)-1, &other, &why),
	    PH_EEXIST);
	assert_int_equal(other, -1);
	close(fd);
	assert_int_equal(unixsock_listen(sock, 0600, (gid_t)-1, &fd, &why),
	    PH_OK);
	close(fd);
	assert_int_equal(unlink(sock), 0);
	/* Not a socket at all: left alone. */
	assert_int_equal(mkdir(sock, 0700), 0);
	assert_int_equal(unixsock_listen(sock, 0600, (gid_t)-1, &fd, &why),
	    PH_EEXIST);
	assert_int_equal(rmdir(sock), 0);
	memset(longname, 'x', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = '\0';
	assert_int_equal(unixsock_listen(longname, 0600, (gid_t)-1, &fd, &why),
	    PH_EBAD);
}

/* What -n asks; one level of directories is made. */
static void
a_state_file_can_be_tried(void **state)
{
	char deep[128];

	(void)state;
	assert_int_equal(state_try(path, &why), PH_OK);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(deep, sizeof(deep), "%s/deeper/state", path);
	assert_int_equal(state_try(deep, &why), PH_EIO);
	assert_non_null(strstr(text, "/deeper/state: No such file"));
	assert_int_equal(state_try("state", &why), PH_OK);
	assert_int_equal(state_try("/state", &why), PH_OK);
	strbuf_reset(&why);
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_state_file_can_be_tried),
		CASE(what_was_saved_is_loaded),
		CASE(what_cannot_be_written_is_said),
		CASE(what_is_large_is_copied_piece_by_piece),
		CASE(what_began_anew_is_copied_later),
		CASE(what_is_not_ours_is_not_loaded),
		CASE(what_others_could_have_written_is_not_loaded),
		CASE(a_failed_save_leaves_the_old_one),
		CASE(a_lock_ends_with_its_holder_and_names_it),
		CASE(a_socket_replaces_only_a_dead_one),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
