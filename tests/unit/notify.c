/* SPDX-License-Identifier: ISC */
/* What systemd hears, at a socket of our own. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/compat/notify.h"
#include "tests/unit/unit.h"

static int heard_fd = -1;
static char path[108];

/* At a path, or with '@' at a name without a file. */
static void
listen_at(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	assert_true(len < sizeof(sun.sun_path));
	memcpy(sun.sun_path, name, len);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	heard_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_not_equal(heard_fd, -1);
	assert_int_equal(bind(heard_fd, (struct sockaddr *)&sun,
			     (socklen_t)(offsetof(struct sockaddr_un,
					     sun_path) +
				 len)),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
}

/* The next message; "": there is none. */
static const char *
heard(void)
{
	static char text[256];
	ssize_t n = recv(heard_fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int
setup(void **state)
{
	(void)state;
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	snprintf(path, sizeof(path), "/tmp/pinholed-notify.%d", (int)getpid());
	(void)unlink(path);
	listen_at(path);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(heard_fd);
	(void)unlink(path);
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

static void
each_state_is_told(void **state)
{
	struct timespec ts;
	long long us, now;
	int used = 0;

	(void)state;
	notify_ready();
	assert_string_equal(heard(), "READY=1\n");
	notify_stopping();
	assert_string_equal(heard(), "STOPPING=1\n");
	notify_reloading();
	assert_int_equal(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%lld\n%n",
			     &us, &used),
	    1);
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	now = (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	assert_true(us <= now && now - us < 60000000);
	assert_string_equal(heard(), "");
}

static void
a_socket_may_be_a_name_without_a_file(void **state)
{
	char name[64];

	teardown(state);
	snprintf(name, sizeof(name), "@pinholed-notify.%d", (int)getpid());
	listen_at(name);
	notify_ready();
	assert_string_equal(heard(), "READY=1\n");
}

static void
without_a_socket_nothing_happens(void **state)
{
	char name[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	setenv("NOTIFY_SOCKET", "", 1);
	notify_ready();
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_ready();
	/* As long as there is room for, and one more. */
	memset(name, '/', sizeof(name));
	name[108] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	notify_ready();
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	notify_ready();
	assert_string_equal(heard(), "");
	setenv("NOTIFY_SOCKET", path, 1);
	notify_ready();
	assert_string_equal(heard(), "READY=1\n");
}

static void
a_watchdog_is_for_the_process_that_it_names(void **state)
{
	/* clang-format off */
	static const struct { const char *usec, *pid; bool ours; } t[] = {
	{ NULL, NULL, false },
	{ "20000000", NULL, true },
	{ "20000000", "self", true },
	{ "20000000", "1", false },
	{ "20000000", "", false },
	{ "20000000", "x", false },
	{ "20000000", "99999999999", false },
	{ "", NULL, false },
	{ "0", NULL, false },
	{ "1", NULL, false },
	{ "-5", NULL, false },
	{ "9223372036854775808", NULL, false },
	{ NULL, "self", false },
	};
	/* clang-format on */
	static int64_t now = INT64_C(1700000000000000);
	char self[16];
	size_t i;

	(void)state;
	snprintf(self, sizeof(self), "%d", (int)getpid());
	for (i = 0; i < ROWS(t); i++) {
		unsetenv("WATCHDOG_PID");
		unsetenv("WATCHDOG_USEC");
		if (t[i].usec != NULL)
			setenv("WATCHDOG_USEC", t[i].usec, 1);
		if (t[i].pid != NULL)
			setenv("WATCHDOG_PID",
			    strcmp(t[i].pid, "self") == 0 ? self : t[i].pid, 1);
		now += 60000000;
		if (!t[i].ours) {
			if (notify_alive(now) != INT64_MAX)
				fail_msg("%zu", i);
			assert_string_equal(heard(), "");
			continue;
		}
		/* Twice in that time. */
		assert_int_equal(notify_alive(now), now + 10000000);
		assert_string_equal(heard(), "WATCHDOG=1\n");
		assert_int_equal(notify_alive(now + 9999999), now + 10000000);
		assert_string_equal(heard(), "");
		assert_int_equal(notify_alive(now + 10000000), now + 20000000);
		assert_string_equal(heard(), "WATCHDOG=1\n");
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_state_is_told),
		CASE(a_socket_may_be_a_name_without_a_file),
		CASE(without_a_socket_nothing_happens),
		CASE(a_watchdog_is_for_the_process_that_it_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
