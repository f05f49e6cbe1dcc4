/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "src/base/log.h"
#include "tests/unit/unit.h"

static char told[4096]; /* what syslog(3) was told */
static int facility;

/*
 * The linker makes these of the calls in log.c (--wrap); a libc that is linked
 * statically brings its own syslog(3) all the same, for itself.
 */
void __wrap_openlog(const char *ident, int options, int f);
void __wrap_syslog(int level, const char *fmt, ...);
void __wrap___syslog_chk(int level, int flag, const char *fmt, ...);

void
__wrap_openlog(const char *ident, int options, int f)
{
	assert_string_equal(ident, "pinholed");
	assert_int_equal(options, LOG_PID | LOG_NDELAY);
	facility = f;
}

static void
tell(int level, const char *fmt, const char *text)
{
	size_t len = strlen(told);

	assert_string_equal(fmt, "%s");
	snprintf(told + len, sizeof(told) - len, "%d %s|", level, text);
}

void
__wrap_syslog(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(level, fmt, va_arg(ap, const char *));
	va_end(ap);
}

/* With _FORTIFY_SOURCE glibc calls this in place of syslog(). */
void
__wrap___syslog_chk(int level, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	tell(level, fmt, va_arg(ap, const char *));
	va_end(ap);
}

static void
say_everything(void)
{
	log_info("engine", "listening on %s", "em1");
	errno = ENOENT;
	log_warn("engine", "cannot\nopen");
	log_warnx("fw", "refused: \x1b[2J");
	log_debug("fw", "not said");
	log_event("open 7 \r\n<0>pinholed: forged");
	log_lines("nft", "first\n\nsecond\n");
}

/*
 * The output of say_everything() to stderr.  JOURNAL_STREAM is `stream`, or our
 * stderr, or another file of the same file system.
 */
enum ours { NOT_OURS, OURS, BESIDE_OURS };

static const char *
logged(const char *stream, enum ours ours)
{
	static char text[4096];
	char path[] = "/tmp/pinholed-log.XXXXXX", value[64];
	const struct log_options opt = { .foreground = true };
	int fd = mkstemp(path), saved = dup(STDERR_FILENO);
	struct stat st;
	ssize_t n;

	assert_true(fd != -1 && saved != -1);
	assert_int_equal(fstat(fd, &st), 0);
	snprintf(value, sizeof(value), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino + (ours == BESIDE_OURS));
	if (ours != NOT_OURS)
		stream = value;
	if (stream != NULL)
		setenv("JOURNAL_STREAM", stream, 1);
	else
		unsetenv("JOURNAL_STREAM");
	dup2(fd, STDERR_FILENO);
	log_init(&opt);
	say_everything();
	dup2(saved, STDERR_FILENO);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	unlink(path);
	close(fd);
	close(saved);
	return text;
}

static void
a_person_reads_who_speaks_one_line_each(void **state)
{
	(void)state;
	assert_string_equal(logged(NULL, NOT_OURS),
	    "pinholed: engine: listening on em1\n"
	    "pinholed: engine: cannot\\x0aopen: No such file or directory\n"
	    "pinholed: fw: refused: \\x1b[2J\n"
	    "pinholed: open 7 \\x0d\\x0a<0>pinholed: forged\n"
	    "pinholed: nft: first\n"
	    "pinholed: nft: second\n");
}

static void
systemd_reads_a_level_before_each_line(void **state)
{
	(void)state;
	assert_string_equal(logged(NULL, OURS),
	    "<6>engine: listening on em1\n"
	    "<4>engine: cannot\\x0aopen: No such file or directory\n"
	    "<4>fw: refused: \\x1b[2J\n"
	    "<6>open 7 \\x0d\\x0a<0>pinholed: forged\n"
	    "<4>nft: first\n"
	    "<4>nft: second\n");
}

static void
another_stream_than_ours_has_no_levels(void **state)
{
	static const char *const streams[] = { "", "1:2", "junk", "9",
		"99999999999999999999:1" };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(streams); i++)
		assert_null(strstr(logged(streams[i], NOT_OURS), "<6>engine"));
	assert_null(strstr(logged(NULL, BESIDE_OURS), "<6>engine"));
}

static void
a_daemon_logs_with_the_facility_daemon(void **state)
{
	const struct log_options opt = { .foreground = false };

	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init(&opt);
	assert_int_equal(facility, LOG_DAEMON);
	told[0] = '\0';
	say_everything();
	assert_string_equal(told,
	    "6 engine: listening on em1|"
	    "4 engine: cannot\\x0aopen: No such file or directory|"
	    "4 fw: refused: \\x1b[2J|"
	    "6 open 7 \\x0d\\x0a<0>pinholed: forged|"
	    "4 nft: first|4 nft: second|");
	log_close();
}

/* A message is limited to ten in a minute; then it says how many were lost. */
static void
what_is_repeated_is_said_less_often(void **state)
{
	const int64_t t = INT64_C(1700000000000000);
	struct log_limit l = { 0 };
	uint32_t missed = 77;
	int i;

	(void)state;
	for (i = 0; i < LOG_LIMIT_BURST; i++) {
		missed = 77;
		assert_true(log_may(&l, t + i, &missed));
		assert_int_equal(missed, 0);
	}
	for (i = 0; i < 3; i++) {
		missed = 77;
		assert_false(log_may(&l, t + 10, &missed));
		assert_int_equal(missed, 0);
	}
	assert_false(log_may(&l, t + LOG_LIMIT_INTERVAL - 1, &missed));
	assert_int_equal(missed, 0);
	assert_true(log_may(&l, t + LOG_LIMIT_INTERVAL, &missed));
	assert_int_equal(missed, 4);
	for (i = 1; i < LOG_LIMIT_BURST; i++) {
		assert_true(log_may(&l, t + LOG_LIMIT_INTERVAL, &missed));
		assert_int_equal(missed, 0);
	}
	assert_false(log_may(&l, t + 2 * LOG_LIMIT_INTERVAL - 1, &missed));
	assert_true(log_may(&l, t + 9 * LOG_LIMIT_INTERVAL, &missed));
	assert_int_equal(missed, 1);
	assert_true(log_may(&l, t + 90 * LOG_LIMIT_INTERVAL, &missed));
	assert_int_equal(missed, 0);
}

/* In a child, with stderr in a file: what it says, and how it ends. */
static const char *
in_child(void (*run)(void), int *status)
{
	static char said[4096];
	char path[] = "/tmp/pinholed-log.XXXXXX";
	int fd = mkstemp(path);
	ssize_t n;
	pid_t pid;

	assert_int_not_equal(fd, -1);
	unlink(path);
	fflush(NULL);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		dup2(fd, STDERR_FILENO);
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, status, 0), pid);
	n = pread(fd, said, sizeof(said) - 1, 0);
	assert_true(n >= 0);
	said[n] = '\0';
	close(fd);
	return said;
}

static void
begin(bool foreground, int verbose)
{
	const struct log_options opt = { foreground, verbose };

	unsetenv("JOURNAL_STREAM");
	log_init(&opt);
}

static void
die(void)
{
	begin(true, 0);
	errno = EACCES;
	log_fatal("engine", "cannot start");
}

static void
die_without_errno(void)
{
	begin(true, 0);
	errno = EACCES;
	log_fatalx(NULL, "no configuration");
}

static void
debug(void)
{
	begin(true, 0);
	log_debug("fw", "no");
	begin(true, 1);
	log_debug("fw", "first");
	log_verbose(0);
	log_debug("fw", "no");
	log_verbose(2);
	log_debug("fw", "second");
}

/* A daemon stays on stderr until it has started. */
static void
detach(void)
{
	struct stat null, st;
	int fd;

	begin(false, 0);
	log_info("fw", "before");
	log_detach();
	log_info("fw", "after");
	fprintf(stderr, "nowhere\n");
	if (stat("/dev/null", &null) != 0)
		_exit(1);
	for (fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) != 0 || st.st_rdev != null.st_rdev)
			_exit(2 + fd);
	/* The descriptor for that is gone, and is not used twice. */
	fd = dup(0);
	close(fd);
	log_detach();
	log_close();
	if (dup(0) != fd || strstr(told, "6 fw: before|6 fw: after|") == NULL)
		_exit(9);
}

static void
do_not_detach(void)
{
	begin(true, 0);
	log_detach();
	log_info("fw", "after");
	/* Closed, it has no null device, and its descriptors stay. */
	begin(false, 0);
	log_close();
	log_detach();
	fprintf(stderr, "still\n");
	log_info("fw", "not here");
}

/* Nobody reads our stderr, and it is full: the line is lost. */
static void
block(void)
{
	char page[4096] = "";
	int fds[2];

	begin(true, 0);
	if (pipe(fds) != 0 || fcntl(fds[1], F_SETFL, O_NONBLOCK) != 0)
		_exit(1);
	while (write(fds[1], page, sizeof(page)) > 0)
		continue;
	fcntl(fds[1], F_SETFL, 0);
	dup2(fds[1], STDERR_FILENO);
	alarm(10);
	log_info("fw", "lost");
	_exit(7);
}

static void
a_process_ends_or_goes_silent(void **state)
{
	/* clang-format off */
	static const struct {
		void (*run)(void);
		int status;
		const char *said;
	} t[] = {
	{ die, 2, "pinholed: engine: cannot start: Permission denied\n" },
	{ die_without_errno, 2, "pinholed: no configuration\n" },
	{ debug, 0, "pinholed: fw: first\npinholed: fw: second\n" },
	{ detach, 0, "pinholed: fw: before\n" },
	{ do_not_detach, 0, "pinholed: fw: after\nstill\n" },
	{ block, 7, "" },
	};
	/* clang-format on */
	const char *said;
	int status;
	size_t i;

	(void)state;
	told[0] = '\0';
	for (i = 0; i < ROWS(t); i++) {
		said = in_child(t[i].run, &status);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != t[i].status)
			fail_msg("%zu: status 0x%x", i, (unsigned int)status);
		assert_string_equal(said, t[i].said);
	}
}

static void
a_long_line_is_cut(void **state)
{
	char line[5000];
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	(void)state;
	assert_true(saved != -1 && null != -1);
	dup2(null, STDERR_FILENO);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	begin(false, 0);
	told[0] = '\0';
	log_info("fw", "%s", line);
	/* With level, blank and bar. */
	assert_int_equal(strlen(told), 2 + 2047 + 1);
	told[0] = '\0';
	log_event(line);
	assert_int_equal(strlen(told), 2 + 2047 + 1);
	log_close();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_reads_who_speaks_one_line_each),
		cmocka_unit_test(systemd_reads_a_level_before_each_line),
		cmocka_unit_test(another_stream_than_ours_has_no_levels),
		cmocka_unit_test(a_daemon_logs_with_the_facility_daemon),
		cmocka_unit_test(what_is_repeated_is_said_less_often),
		cmocka_unit_test(a_process_ends_or_goes_silent),
		cmocka_unit_test(a_long_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
