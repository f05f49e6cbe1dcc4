/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/monitor/journal.h"
#include "src/monitor/statefile.h"
#include "tests/unit/unit.h"

#define LIMIT 4096
#define DAY   86400

static char dir[] = "/tmp/pinholed-test.XXXXXX";
static char file[2][64], copy[64];

static struct journal_place
place(void)
{
	return (struct journal_place) { .rundir = dir,
		.owner = "nftables-me-1",
		.state = NULL,
		.suffix = "",
		.limit = LIMIT };
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(file[0], sizeof(file[0]), "%s/nftables-me-1.0", dir);
	snprintf(file[1], sizeof(file[1]), "%s/nftables-me-1.1", dir);
	snprintf(copy, sizeof(copy), "%s/state", dir);
	return 0;
}

static int
teardown(void **state)
{
	char lock[80];

	(void)state;
	(void)unlink(file[0]);
	(void)unlink(file[1]);
	(void)unlink(copy);
	snprintf(lock, sizeof(lock), "%s.lock", copy);
	(void)unlink(lock);
	return rmdir(dir);
}

static void
open_it(struct journal *j, enum ph_err want)
{
	struct journal_place p = place();

	journal_init(j, "calls");
	journal_name(j, &p);
	assert_int_equal(journal_open(j, DAY), want);
}

static void
write_it(struct journal *j, const char *text)
{
	assert_int_equal(pwrite(j->fds[0], text, strlen(text), 0),
	    strlen(text));
}

static off_t
size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static void
what_was_written_survives_every_process(void **state)
{
	struct journal j;
	struct stat st;

	(void)state;
	open_it(&j, PH_EGONE);
	assert_int_equal(stat(file[0], &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	write_it(&j, "a call");
	/* As kill -9 of all does it. */
	journal_close(&j);
	open_it(&j, PH_OK);
	assert_int_equal(size_of(j.fds[0]), strlen("a call"));
	/* After an orderly end there is nothing but the copy. */
	journal_end(&j);
	journal_close(&j);
	assert_int_equal(access(file[0], F_OK), -1);
	assert_int_equal(access(file[1], F_OK), -1);
}

static void
as_much_as_the_limit_is_taken_up(void **state)
{
	struct journal j;
	int i, more;

	(void)state;
	for (i = 0; i < 2; i++)
		for (more = 0; more < 2; more++) {
			open_it(&j, PH_EGONE);
			assert_int_equal(ftruncate(j.fds[i], LIMIT + more), 0);
			assert_int_equal(journal_overgrown(&j), more);
			journal_close(&j);
			open_it(&j, more ? PH_EGONE : PH_OK);
			assert_int_equal(size_of(j.fds[i]), more ? 0 : LIMIT);
			journal_forget(&j);
			assert_int_equal(size_of(j.fds[i]), 0);
			journal_end(&j);
			journal_close(&j);
		}
}

void __attribute__((format(printf, 2, 3)))
__wrap_log_info(const char *module, const char *fmt, ...);
void __attribute__((format(printf, 2, 3)))
__wrap_log_warnx(const char *module, const char *fmt, ...);

static char logged[512];

static void __attribute__((format(printf, 1, 0)))
log_note(const char *fmt, va_list ap)
{
	size_t n = strlen(logged);

	vsnprintf(logged + n, sizeof(logged) - n, fmt, ap);
}

void
__wrap_log_info(const char *module, const char *fmt, ...)
{
	va_list ap;

	(void)module;
	va_start(ap, fmt);
	log_note(fmt, ap);
	va_end(ap);
}

void
__wrap_log_warnx(const char *module, const char *fmt, ...)
{
	va_list ap;

	(void)module;
	va_start(ap, fmt);
	log_note(fmt, ap);
	va_end(ap);
}

/* The copy is loaded as that owner; what is logged begins so. */
static void
load_it(const char *owner, bool ok, const char *before)
{
	struct journal_place p = place();
	char want[256];
	struct journal j;

	p.state = copy;
	journal_init(&j, "calls");
	journal_name(&j, &p);
	assert_int_equal(journal_open(&j, DAY), PH_EGONE);
	logged[0] = '\0';
	assert_int_equal(journal_load(&j, owner, DAY), ok);
	/* NULL: a warning, which begins with the file. */
	snprintf(want, sizeof(want), "%s%s", before != NULL ? before : "",
	    copy);
	if (before != NULL && before[0] == '\0')
		assert_string_equal(logged, "");
	else
		assert_memory_equal(logged, want, strlen(want));
	journal_end(&j);
	journal_close(&j);
}

static void
what_is_taken_up_is_logged(void **state)
{
	struct journal_place p = place();
	struct journal j;

	(void)state;
	load_it("me", false, "");
	p.state = copy;
	journal_init(&j, "calls");
	/* Without a place there is nothing to do. */
	assert_true(journal_save(&j, "me"));
	journal_name(&j, &p);
	assert_int_equal(journal_open(&j, DAY), PH_EGONE);
	write_it(&j, "a call");
	assert_true(journal_save(&j, "me"));
	/* And nothing has changed. */
	assert_int_equal(unlink(copy), 0);
	assert_true(journal_save(&j, "me"));
	assert_int_equal(access(copy, F_OK), -1);
	write_it(&j, "a call, and more");
	assert_true(journal_save(&j, "me"));
	assert_int_equal(access(copy, F_OK), 0);
	journal_end(&j);
	journal_close(&j);
	load_it("me", true, "taking up the calls in ");
	load_it("you", false, NULL);
	assert_int_equal(unlink(copy), 0);
}

static void
spoil_mode(void)
{
	assert_int_equal(chmod(file[0], 0660), 0);
}

static void
spoil_age(void)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - 2 * DAY } };

	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, file[0], t, 0), 0);
}

static void
spoil_future(void)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) + 2 * DAY } };

	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, file[0], t, 0), 0);
}

static void
spoil_size(void)
{
	assert_int_equal(truncate(file[0], LIMIT + 1), 0);
}

static void
spoil_kind(void)
{
	assert_int_equal(unlink(file[0]), 0);
	assert_int_equal(mkfifo(file[0], 0600), 0);
}

static void
spoil_name(void)
{
	assert_int_equal(rename(file[0], copy), 0);
	assert_int_equal(symlink(copy, file[0]), 0);
}

static void
spoil_links(void)
{
	assert_int_equal(link(file[0], copy), 0);
}

/* clang-format off */
static const struct {
	const char	*what;
	void		(*spoil)(void);
} rows[] = {
	{ "others may write it",	spoil_mode },
	{ "too old",			spoil_age },
	{ "from the future",		spoil_future },
	{ "too large",			spoil_size },
	{ "no regular file",		spoil_kind },
	{ "a symbolic link",		spoil_name },
	{ "one of two names",		spoil_links },
};
/* clang-format on */

static void
what_cannot_be_ours_is_not_taken_up(void **state)
{
	struct journal j;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		open_it(&j, PH_EGONE);
		write_it(&j, "a call");
		journal_close(&j);
		rows[i].spoil();
		open_it(&j, PH_EGONE);
		assert_int_equal(size_of(j.fds[0]), 0);
		journal_end(&j);
		journal_close(&j);
		(void)unlink(copy);
	}
}

static void
a_reload_may_change_the_name(void **state)
{
	struct journal_place p = place();
	struct journal j;

	(void)state;
	open_it(&j, PH_EGONE);
	write_it(&j, "a call");
	p.owner = "nftables-you-1";
	journal_name(&j, &p);
	assert_int_equal(access(file[0], F_OK), -1);
	p.owner = "nftables-me-1";
	journal_name(&j, &p);
	journal_close(&j);
	open_it(&j, PH_OK);
	journal_end(&j);
	journal_close(&j);
}

/*
 * A process that was taken over must not fill the disk, by root's hand. FreeBSD
 * 12 lets it set a length beyond the limit, which takes no room.
 */
static void
nothing_grows_beyond_the_limit(void **state)
{
	struct journal_place p = place();
	struct journal j;
	char page[LIMIT] = "";
	int status;
	pid_t pid;

	(void)state;
	p.state = copy;
	journal_init(&j, "calls");
	journal_name(&j, &p);
	assert_int_equal(journal_open(&j, DAY), PH_EGONE);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		/* A test's output may go to a file, which may grow. */
		(void)close(STDOUT_FILENO);
		journal_confine(&j);
		_exit(pwrite(j.fds[0], page, sizeof(page), 0) == LIMIT &&
			    pwrite(j.fds[0], page, 1, LIMIT) == -1 &&
			    errno == EFBIG &&
			    (ftruncate(j.fds[1], LIMIT + 1) == -1 ||
				pwrite(j.fds[1], page, 1, LIMIT) == -1)
			? 0
			: 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(journal_overgrown(&j), size_of(j.fds[1]) > LIMIT);
	assert_int_equal(ftruncate(j.fds[1], 0), 0);
	assert_true(journal_save(&j, "me"));
	assert_int_equal(access(copy, F_OK), 0);
	/* Where that cannot be, nothing of it is copied. */
	assert_int_equal(unlink(copy), 0);
	assert_int_equal(ftruncate(j.fds[0], LIMIT + 1), 0);
	assert_true(journal_overgrown(&j));
	assert_true(journal_save(&j, "me"));
	assert_int_equal(access(copy, F_OK), -1);
	j.failed = false;
	journal_end(&j);
	journal_close(&j);
}

static void
a_state_file_has_one_owner(void **state)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	pid_t holder, pid;
	int fd, status;

	(void)state;
	assert_int_equal(state_holder(copy), 0);
	assert_int_equal(state_lock(copy, &fd, &holder, &why), PH_OK);
	fflush(NULL);
	if ((pid = fork()) == 0)
		_exit(state_lock(copy, &fd, &holder, &why) == PH_EEXIST &&
			    holder == getppid() &&
			    state_holder(copy) == getppid()
			? 0
			: 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
	assert_int_equal(state_holder(copy), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_survives_every_process),
		cmocka_unit_test(what_cannot_be_ours_is_not_taken_up),
		cmocka_unit_test(a_reload_may_change_the_name),
		cmocka_unit_test(what_is_taken_up_is_logged),
		cmocka_unit_test(as_much_as_the_limit_is_taken_up),
		cmocka_unit_test(nothing_grows_beyond_the_limit),
		cmocka_unit_test(a_state_file_has_one_owner),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
