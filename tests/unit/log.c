/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_reads_who_speaks_one_line_each),
		cmocka_unit_test(systemd_reads_a_level_before_each_line),
		cmocka_unit_test(another_stream_than_ours_has_no_levels),
		cmocka_unit_test(a_daemon_logs_with_the_facility_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
