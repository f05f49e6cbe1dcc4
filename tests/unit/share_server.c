/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <event2/event.h>

#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/share/server.h"
#include "tests/unit/unit.h"

/* A server of Redis that means harm; we are on the other end of sockets. */

static struct server server;
static int far[2], nfar; /* its ends */

static void
on_connect(void *ctx)
{
	int fds[2];

	(void)ctx;
	assert_true(nfar < 2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			     fds),
	    0);
	far[nfar++] = fds[1];
	server_connected(&server, fds[0], clock_now());
}

static void
say(int i, const char *text)
{
	int turns;

	assert_int_equal(write(far[i], text, strlen(text)), strlen(text));
	for (turns = 0; turns < 10; turns++)
		event_base_loop(server.base, EVLOOP_NONBLOCK);
}

static void
hang_up(void)
{
	int turns;

	while (nfar > 0)
		close(far[--nfar]);
	for (turns = 0; turns < 10; turns++)
		event_base_loop(server.base, EVLOOP_NONBLOCK);
}

static int
setup(void **state)
{
	static const struct secrets secrets;
	struct group_setup group = { .group = { .name = "fw" },
		.name = "fw1",
		.limit = 8 };

	(void)state;
	server_init(&server, event_base_new(), &secrets, "fw");
	server.group = group_new(&group, clock_now());
	server.connect = on_connect;
	server_run(&server, clock_now());
	assert_int_equal(server.state, SERVER_JOINING);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	server_close(&server);
	hang_up();
	group_free(server.group);
	event_base_free(server.base);
	return 0;
}

/* No position, and no keys. */
static void
let_join(void)
{
	say(0, "*0\r\n");
	say(0, "*2\r\n$1\r\n0\r\n*0\r\n");
	assert_int_equal(server.state, SERVER_JOINED);
}

static void
one_that_lets_us_join_and_hangs_up_is_waited_for(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 1; i < 10; i++) {
		let_join();
		hang_up();
		assert_int_equal(server.state, SERVER_WAITING);
		assert_int_equal(server.failures, i);
		server_run(&server, server.retry_at);
	}
	assert_true(server.retry_at - clock_now() > 2 * USEC_PER_SEC);
	/* After a while it is one like any other. */
	let_join();
	server.refused_at = clock_now() + BOXES_LEASE;
	server_run(&server, clock_now() + BOXES_LEASE + USEC_PER_SEC);
	assert_int_equal(server.failures, 0);
}

static void
reading_many_keys_may_take_longer(void **state)
{
	(void)state;
	/* It answers, and has ever more keys. */
	say(0, "*0\r\n");
	server.limit = 1000000;
	server.since = clock_now() - 200 * USEC_PER_SEC;
	server_run(&server, clock_now());
	assert_int_equal(server.state, SERVER_JOINING);
	server.since = clock_now() - 300 * USEC_PER_SEC;
	server_run(&server, clock_now());
	assert_int_equal(server.state, SERVER_WAITING);
}

static void
a_deep_reply_is_none(void **state)
{
	(void)state;
	say(0, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n");
	assert_int_equal(server.state, SERVER_WAITING);
}

static void
a_reply_as_deep_as_a_stream_is_one(void **state)
{
	(void)state;
	say(0, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n");
	assert_int_equal(server.state, SERVER_JOINING);
}

static void
junk_ends_the_connection(void **state)
{
	static const char *const junk[] = { "HTTP/1.0 400\r\n", "$-2\r\n",
		"*-7\r\n", "$99999999999999999999\r\n", "+\r\n+\r\n",
		"*2\r\n$1\r\n0\r\n$-9\r\n" };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(junk); i++) {
		say(0, junk[i]);
		server_run(&server, clock_now());
		if (server.state != SERVER_WAITING)
			fail_msg("%s is taken", junk[i]);
		hang_up();
		server_run(&server, server.retry_at);
		assert_int_equal(server.state, SERVER_JOINING);
	}
}

static void
an_endless_line_ends_the_connection(void **state)
{
	char text[8001] = "";
	int i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	say(0, "+");
	for (i = 0; i < 8; i++)
		say(0, text);
	assert_int_equal(server.state, SERVER_JOINING);
	say(0, text);
	assert_int_equal(server.state, SERVER_WAITING);
}

static void
a_long_text_is_no_endless_line(void **state)
{
	char text[8001] = "";
	int i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	say(0, "*1\r\n$80000\r\n");
	for (i = 0; i < 10; i++)
		say(0, text);
	say(0, "\r\n");
	assert_int_equal(server.state, SERVER_JOINING);
}

#define SERVED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(one_that_lets_us_join_and_hangs_up_is_waited_for),
		SERVED(reading_many_keys_may_take_longer),
		SERVED(a_deep_reply_is_none),
		SERVED(a_reply_as_deep_as_a_stream_is_one),
		SERVED(junk_ends_the_connection),
		SERVED(an_endless_line_ends_the_connection),
		SERVED(a_long_text_is_no_endless_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
