/* SPDX-License-Identifier: ISC */
/* Files of keys that are refused; and the priority that is asked for. */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/process/keyfile.h"
#include "src/process/priority.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/keyfile.XXXXXX", path[64], text[512], logged[512];
static struct strbuf why;
static uid_t self, owner;
static bool no_stat;
static mode_t mode;

uid_t __wrap_geteuid(void);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
bool __wrap_process_precede(void);
bool __wrap_process_realtime(void);
int __wrap_process_cpu_latency(uint32_t us);
void __wrap_log_warnx(const char *module, const char *fmt, ...)
    LOG_PRINTF(2, 3);

uid_t
__wrap_geteuid(void)
{
	return self;
}

int
__wrap_fstat(int fd, struct stat *st)
{
	if (no_stat) {
		errno = EIO;
		return -1;
	}
	if (__real_fstat(fd, st) == -1)
		return -1;
	st->st_uid = owner;
	if (mode != 0)
		st->st_mode = mode;
	return 0;
}

int
__wrap_fstat64(int fd, struct stat *st)
{
	return __wrap_fstat(fd, st);
}

static int
setup(void **state)
{
	(void)state;
	strlcpy(dir, "/tmp/keyfile.XXXXXX", sizeof(dir));
	why = strbuf_of(text, sizeof(text));
	self = owner = 0;
	mode = 0;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/key", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void
write_key(const char *key)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, key, strlen(key)), strlen(key));
	close(fd);
}

static void
only_a_safe_file_is_read(void **state)
{
	/* clang-format off */
	static const struct {
		uid_t self, owner;
		mode_t mode;
		int safe; /* 0: whose is it; -1: who may read it */
	} rows[] = {
		{ 0, 0, S_IFREG | 0600, 1 }, { 0, 0, S_IFREG | 0400, 1 },
		{ 0, 0, S_IFREG | 0640, 1 }, { 0, 0, S_IFREG | 0710, 1 },
		{ 0, 0, S_IFREG | 0601, 1 },
		{ 0, 0, S_IFREG | 0620, -1 }, { 0, 0, S_IFREG | 0604, -1 },
		{ 0, 0, S_IFREG | 0602, -1 }, { 0, 0, S_IFREG | 0666, -1 },
		{ 0, 0, S_IFIFO | 0600, -1 }, { 0, 0, S_IFCHR | 0600, -1 },
		{ 7, 7, S_IFREG | 0600, 1 }, { 7, 0, S_IFREG | 0600, 1 },
		{ 7, 8, S_IFREG | 0600, 0 }, { 0, 7, S_IFREG | 0600, 0 },
		{ 7, 7, S_IFREG | 0604, -1 }, { 0, 8, S_IFREG | 0666, 0 },
	};
	/* clang-format on */
	char secret[16], want[256];
	size_t i, len;

	(void)state;
	write_key("secret");
	for (i = 0; i < ROWS(rows); i++) {
		strbuf_reset(&why);
		self = rows[i].self;
		owner = rows[i].owner;
		mode = rows[i].mode;
		len = 99;
		assert_int_equal(keyfile_load(path, "conf:7:", secret,
				     sizeof(secret), &len, &why),
		    rows[i].safe == 1 ? PH_OK : PH_EDENIED);
		assert_int_equal(len, rows[i].safe == 1 ? 6 : 0);
		want[0] = '\0';
		if (rows[i].safe == 0)
			snprintf(want, sizeof(want),
			    "conf:7:%s: must belong to root, not to user %u: "
			    "chown root",
			    path, (unsigned int)owner);
		else if (rows[i].safe == -1)
			snprintf(want, sizeof(want),
			    "conf:7:%s: must be a file that others can "
			    "neither read nor write: chmod 600",
			    path);
		assert_string_equal(text, want);
	}
}

static void
as_much_is_read_as_is_asked_for(void **state)
{
	char secret[16], want[256];
	size_t len, size;
	int first, again;

	(void)state;
	first = open("/dev/null", O_RDONLY);
	close(first);
	write_key("secret");
	for (size = 0; size < 9; size++) {
		memset(secret, 'x', sizeof(secret));
		assert_int_equal(keyfile_load(path, "", secret, size, &len,
				     &why),
		    PH_OK);
		assert_int_equal(len, size < 6 ? size : 6);
		assert_memory_equal(secret, "secret", len);
		assert_int_equal(secret[len], 'x');
	}
	assert_string_equal(text, "");
	unlink(path);
	assert_int_equal(keyfile_load(path, "at ", secret, 9, &len, &why),
	    PH_EIO);
	assert_int_equal(len, 0);
	snprintf(want, sizeof(want), "at %s: No such file or directory", path);
	assert_string_equal(text, want);
	/* One of which the system does not say whose it is. */
	write_key("secret");
	strbuf_reset(&why);
	no_stat = true;
	assert_int_equal(keyfile_load(path, "", secret, 9, &len, &why), PH_EIO);
	no_stat = false;
	assert_int_equal(len, 0);
	assert_non_null(strstr(text, ": Input/output error"));
	unlink(path);
	/* A directory can be opened, but not read. */
	strbuf_reset(&why);
	assert_int_equal(keyfile_load(dir, "", secret, 9, &len, &why), PH_EIO);
	assert_non_null(strstr(text, ": Is a directory"));
	/* Nobody waits for one who writes to a pipe. */
	assert_int_equal(mkfifo(path, 0600), 0);
	strbuf_reset(&why);
	assert_int_not_equal(keyfile_load(path, "", secret, 9, &len, &why),
	    PH_OK);
	/* All that was opened is closed. */
	assert_int_equal(again = open("/dev/null", O_RDONLY), first);
	close(again);
}

static char asked[64];
static bool granted;

bool
__wrap_process_precede(void)
{
	strlcat(asked, "high ", sizeof(asked));
	errno = EPERM;
	return granted;
}

bool
__wrap_process_realtime(void)
{
	strlcat(asked, "realtime ", sizeof(asked));
	errno = EPERM;
	return granted;
}

int
__wrap_process_cpu_latency(uint32_t us)
{
	snprintf(asked, sizeof(asked), "latency %u", us);
	errno = ENOENT;
	return granted ? 5 : -1;
}

void
__wrap_log_warnx(const char *module, const char *fmt, ...)
{
	va_list ap;

	assert_string_equal(module, "engine");
	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
}

static void
the_priority_is_that_of_the_configuration(void **state)
{
	/* clang-format off */
	static const struct {
		enum conf_priority priority;
		const char *asked;
	} rows[] = {
		{ PRIORITY_NORMAL, "" },
		{ PRIORITY_HIGH, "high " },
		{ PRIORITY_REALTIME, "realtime " },
	};
	/* clang-format on */
	static struct conf conf;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * ROWS(rows); i++) {
		granted = i >= ROWS(rows);
		asked[0] = logged[0] = '\0';
		conf.priority = rows[i % ROWS(rows)].priority;
		priority_take(&conf, "engine");
		assert_string_equal(asked, rows[i % ROWS(rows)].asked);
		assert_string_equal(logged,
		    granted || asked[0] == '\0'
			? ""
			: "cannot have the priority of the configuration: "
			  "Operation not permitted");
	}
	for (i = 0; i < 6; i++) {
		granted = i % 2 == 0;
		asked[0] = logged[0] = '\0';
		conf.cpu_latency = i < 2 ? 0
		    : i < 4		 ? 77
					 : CONF_CPU_LATENCY_ANY;
		assert_int_equal(priority_cpu_latency(&conf, "engine"),
		    granted && i < 4 ? 5 : -1);
		assert_string_equal(asked,
		    i < 2	? "latency 0"
			: i < 4 ? "latency 77"
				: "");
		assert_string_equal(logged,
		    granted || i >= 4 ? ""
				      : "cannot have the cpu-latency of the "
					"configuration: No such file or "
					"directory");
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_a_safe_file_is_read),
		T(as_much_is_read_as_is_asked_for),
		T(the_priority_is_that_of_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
