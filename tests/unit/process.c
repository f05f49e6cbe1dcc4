/* SPDX-License-Identifier: ISC */
/* What a process asks of the system for itself, on a system of paper. */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/process.h"
#include "tests/unit/unit.h"

static char did[512];
static bool no_file, no_priority;
static bool has_session; /* of its own */
static bool leads;	 /* a group, in the session of a terminal */
static bool no_cookie;
static unsigned int again; /* so many writes are to be tried again */
static int write_error;
static bool cut; /* only a part is written */
static int descriptors;

pid_t __wrap_setsid(void);
pid_t __wrap_getsid(pid_t pid);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_close(int fd);
int __real_close(int fd);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_usleep(useconds_t us);
int __wrap_setpriority(int which, id_t who, int nice);
int __wrap_getsockopt(int fd, int level, int name, void *p, socklen_t *len);
void __wrap_setproctitle_init(int argc, char *argv[], char *envp[]);
int __wrap_sched_setscheduler(pid_t pid, int policy,
    const struct sched_param *p);

#define COOKIE UINT64_C(0x123456789a)

int
__wrap_getsockopt(int fd, int level, int name, void *p, socklen_t *len)
{
	const uint64_t cookie = COOKIE;

	(void)fd;
	assert_int_equal(level, SOL_SOCKET);
	assert_int_equal(name, 71); /* SO_NETNS_COOKIE */
	assert_int_equal(*len, sizeof(cookie));
	errno = ENOPROTOOPT;
	if (no_cookie)
		return -1;
	memcpy(p, &cookie, sizeof(cookie));
	return 0;
}

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	size_t len = strlen(did);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(did + len, sizeof(did) - len, fmt, ap);
	va_end(ap);
}

pid_t
__wrap_setsid(void)
{
	note("session;");
	errno = EPERM;
	return has_session || leads ? -1 : getpid();
}

pid_t
__wrap_getsid(pid_t pid)
{
	assert_int_equal(pid, 0);
	return has_session ? getpid() : getpid() + 1;
}

int
__wrap_open(const char *path, int flags, ...)
{
	assert_int_equal(flags & ~O_LARGEFILE, O_WRONLY | O_CLOEXEC);
	note("open %s;", path);
	errno = ENOENT;
	if (no_file)
		return -1;
	descriptors++;
	return memfd_create("file", 0);
}

int
__wrap_open64(const char *path, int flags, ...)
{
	return __wrap_open(path, flags);
}

int
__wrap_close(int fd)
{
	descriptors--;
	return __real_close(fd);
}

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	int32_t v;

	(void)fd;
	if (n == sizeof(v) && ((const char *)p)[0] != '-') {
		memcpy(&v, p, sizeof(v));
		note("write %d;", v);
	} else
		note("write \"%.*s\";", (int)n, (const char *)p);
	errno = again > 0 ? EAGAIN : write_error;
	if (again > 0 || write_error != 0) {
		again -= again > 0;
		return -1;
	}
	return (ssize_t)(cut ? n - 1 : n);
}

int
__wrap_usleep(useconds_t us)
{
	assert_in_range(us, 100001, 200000);
	note("sleep;");
	return 0;
}

int
__wrap_setpriority(int which, id_t who, int nice)
{
	assert_int_equal(which, PRIO_PROCESS);
	assert_int_equal(who, 0);
	note("nice %d;", nice);
	return no_priority ? -1 : 0;
}

int
__wrap_sched_setscheduler(pid_t pid, int policy, const struct sched_param *p)
{
	assert_int_equal(pid, 0);
	/* Its children are ordinary processes. */
	assert_int_equal(policy, SCHED_RR | SCHED_RESET_ON_FORK);
	note("realtime %d;", p->sched_priority);
	return no_priority ? -1 : 0;
}

static int
setup(void **state)
{
	(void)state;
	did[0] = '\0';
	no_file = no_priority = has_session = leads = cut = false;
	no_cookie = false;
	again = 0;
	write_error = 0;
	return 0;
}

#define FILE_OF "open /proc/self/autogroup;"

static void
a_session_precedes_others(void **state)
{
	/* clang-format off */
	static const struct {
		bool has_session, leads, no_file;
		unsigned int again;
		int error;
		const char *did;
	} t[] = {
	{ false, false, false, 0, 0, "session;" FILE_OF "write \"-15\";nice -15;" },
	{ true, false, false, 0, 0, "session;" FILE_OF "write \"-15\";nice -15;" },
	{ false, true, false, 0, 0, "session;nice -15;" },
	{ false, false, true, 0, 0, "session;" FILE_OF "nice -15;" },
	{ false, false, false, 1, 0,
	  "session;" FILE_OF "write \"-15\";sleep;write \"-15\";nice -15;" },
	{ false, false, false, 9, 0,
	  "session;" FILE_OF "write \"-15\";sleep;write \"-15\";sleep;"
	  "write \"-15\";sleep;nice -15;" },
	{ false, false, false, 0, EPERM,
	  "session;" FILE_OF "write \"-15\";nice -15;" },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		has_session = t[i].has_session;
		leads = t[i].leads;
		no_file = t[i].no_file;
		again = t[i].again;
		write_error = t[i].error;
		assert_true(process_precede());
		assert_string_equal(did, t[i].did);
		assert_int_equal(descriptors, 0);
	}
	no_priority = true;
	assert_false(process_precede());
}

static void
realtime_is_asked_for(void **state)
{
	(void)state;
	assert_true(process_realtime());
	no_priority = true;
	assert_false(process_realtime());
	assert_string_equal(did, "realtime 10;realtime 10;");
}

static void
a_short_latency_holds_while_it_is_open(void **state)
{
	/* clang-format off */
	static const struct { uint32_t us; const char *did; } t[] = {
	{ 0, "open /dev/cpu_dma_latency;write 0;" },
	{ 50, "open /dev/cpu_dma_latency;write 50;" },
	{ INT32_MAX, "open /dev/cpu_dma_latency;write 2147483647;" },
	{ UINT32_MAX, "open /dev/cpu_dma_latency;write 2147483647;" },
	};
	/* clang-format on */
	size_t i;
	int fd;

	for (i = 0; i < ROWS(t); i++) {
		setup(state);
		fd = process_cpu_latency(t[i].us);
		assert_int_not_equal(fd, -1);
		assert_int_equal(descriptors, 1);
		assert_string_equal(did, t[i].did);
		__wrap_close(fd);
	}
	setup(state);
	no_file = true;
	assert_int_equal(process_cpu_latency(0), -1);
	no_file = false;
	write_error = EINVAL;
	assert_int_equal(process_cpu_latency(0), -1);
	write_error = 0;
	cut = true;
	assert_int_equal(process_cpu_latency(0), -1);
	assert_int_equal(descriptors, 0);
}

static void
an_interface_has_a_number(void **state)
{
	(void)state;
	assert_int_equal(process_interface_index("lo"), if_nametoindex("lo"));
	assert_int_equal(process_interface_index("lo"), if_nametoindex("lo"));
	assert_int_equal(process_interface_index("pinholed-none"), 0);
	assert_int_equal(process_interface_index(""), 0);
	/* A name that is too long is not cut. */
	assert_int_equal(process_interface_index("loxxxxxxxxxxxxxxxxxxxx"), 0);
	assert_true(process_has_interface("lo"));
}

static void
a_network_has_a_number(void **state)
{
	struct stat st;

	(void)state;
	assert_true(process_network() == COOKIE);
	no_cookie = true;
	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	assert_true(process_network() == (uint64_t)st.st_ino);
	assert_int_equal(descriptors, -2); /* of socket(2), which is real */
	descriptors = 0;
}

void
__wrap_setproctitle_init(int argc, char *argv[], char *envp[])
{
	assert_ptr_equal(envp, environ);
	note("title of %d %s;", argc, argv[0]);
}

static void
a_title_takes_the_place_of_the_arguments(void **state)
{
	char name[] = "pinholed";
	char *argv[] = { name, NULL };

	(void)state;
	process_title_init(1, argv);
	assert_string_equal(did, "title of 1 pinholed;");
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_session_precedes_others),
		CASE(realtime_is_asked_for),
		CASE(a_short_latency_holds_while_it_is_open),
		CASE(an_interface_has_a_number),
		CASE(a_network_has_a_number),
		CASE(a_title_takes_the_place_of_the_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
