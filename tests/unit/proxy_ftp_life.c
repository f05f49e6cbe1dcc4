/* SPDX-License-Identifier: ISC */
/* What of a session is logged, how long it may take, and what may fail. */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/proxy/ftp_conn.h"
#include "src/proxy/ports.h"
#include "tests/unit/proxy_ftp_play.h"

#define S USEC_PER_SEC

static void
logged(const char *want)
{
	assert_string_equal(play_logged(), want);
}

#define STARTED                                                                \
	"i # FTP session 1/10 started: client 127.0.0.2:# to server "          \
	"127.0.0.4:# via proxy 127.0.0.1:#\n"

static void
a_session_is_in_the_log(void **state)
{
	(void)state;
	ftp_begin();
	logged("d # accepted connection from 127.0.0.2:#\n" STARTED);
	ftp_login();
	logged("");
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	logged("");
	play_answer(PH_OK);
	logged("i # passive: client to server port # via port #\n");
	play_write(client, "PORT 127,0,0,2,4,1\r\n");
	play_answer(PH_OK);
	logged("i # active: server to client port 1025 via port #\n");
	(void)play_read(server);
	shutdown(client, SHUT_WR);
	play_run();
	logged("d # client closed\n");
	shutdown(server, SHUT_WR);
	play_run();
	logged("d # server closed\ni # ending session: closed\n");
}

/* All lines of a session have its number, which no other session has. */
static void
sessions_are_numbered(void **state)
{
	unsigned long number;
	int fd;

	(void)state;
	ftp_begin();
	number = play_session;
	fd = client;
	ftp_arrive();
	assert_int_equal(play_session, number + 1);
	shutdown(fd, SHUT_WR);
	play_run();
	assert_int_equal(play_session, number);
	close(fd);
	close(client);
	client = -1;
	play_run();
	ftp_arrive();
	assert_int_equal(play_session, number + 2);
}

/* The end that has gone, and why there is no session. */
static void
an_end_is_in_the_log(void **state)
{
	static const struct linger hard = { 1, 0 };
	struct endpoint none = { addr_v4(127, 0, 0, 4), 1 };

	(void)state;
	ftp_begin();
	(void)play_logged();
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &hard,
			     sizeof(hard)),
	    0);
	close(client);
	close(server);
	play_run();
	logged("i # ending session: client went away\n");
	ftp_begin();
	(void)play_logged();
	assert_int_equal(setsockopt(server, SOL_SOCKET, SO_LINGER, &hard,
			     sizeof(hard)),
	    0);
	close(server);
	server = -1;
	play_run();
	logged("i # ending session: server went away\n");
	close(client);
	ftp_arrive();
	(void)play_logged();
	play_not_found(PH_EGONE);
	logged("w # client 127.0.0.2:#: it was not redirected here: gone\n");
	close(client);
	ftp_arrive();
	(void)play_logged();
	play_found(&at.at);
	logged("w # client 127.0.0.2:#: it was not redirected here: it is for "
	       "us\n");
	close(client);
	ftp_arrive();
	(void)play_logged();
	play_found(&none);
	logged("w # client 127.0.0.2:#: cannot connect: Connection refused\n");
	close(client);
	lines[0].listen = server_at;
	ftp_arrive();
	(void)play_logged();
	play_found(&server_at);
	logged(
	    "w # client 127.0.0.2:#: that would be one of us: 127.0.0.4:#\n");
	close(client);
	client = play_connect(SOCK_STREAM, SERVER, &at.at);
	play_run();
	logged("w not a protected client, refusing connection from "
	       "127.0.0.4:#\n");
}

/* Of what a client says, no name and no password. */
static void
a_line_is_logged_without_secrets(void **state)
{
	/* clang-format off */
	static const struct {
		const char *line, *want;
	} rows[] = {
		{ "PORT 1,2,3\r\n", "w # refused: \"PORT 1,2,3\"\n" },
		{ "EPRT |1|x|\r\n", "w # refused: \"EPRT |1|x|\"\n" },
		{ "eprt |1|x|\r\n", "w # refused: \"eprt |1|x|\"\n" },
		{ "USER na\rme\r\n", "w # refused: \"USER\"\n" },
		{ "2fast se\rcret\r\n", "w # refused: \"2fast\"\n" },
		{ "7 se\rcret\r\n", "w # refused: \"7\"\n" },
		{ " se\rcret\r\n", "w # refused: \"\"\n" },
		{ "abcdefghijk \rsecret\r\n", "w # refused: \"abcdefghij\"\n" },
		{ "PORT 10,0,0,1,4,1\r\n", "d # address ignored: \"PORT 10,0,0,1,4,1\"\n" },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		ftp_teardown(state);
		ftp_setup(state);
		ftp_begin();
		ftp_login();
		(void)play_logged();
		play_write(client, rows[i].line);
		print_message("%s", rows[i].line);
		logged(rows[i].want);
	}
	close(client);
	close(server);
	ftp_begin();
	(void)play_logged();
	ftp_exchange("NOOP\r\n", "227 at 127,0,0,4,200,10\r\n");
	logged("w # nobody asked for: \"227 at 127,0,0,4,200,10\"\n");
	lines[1].anonymous_only = true;
	close(client);
	close(server);
	ftp_begin();
	(void)play_logged();
	play_write(client, "USER root with a secret\r\n");
	logged("w # refused: \"USER\"\n");
}

static void
encryption_is_in_the_log(void **state)
{
	(void)state;
	ftp_begin();
	ftp_exchange("AUTH TLS\r\n", "234 go on\r\n");
	logged("d # accepted connection from 127.0.0.2:#\n" STARTED
	       "i # TLS: its data connections cannot be seen any more\n");
	play_write(client, "NOOP\r\n");
	assert_string_equal(play_read(server), "NOOP\r\n");
	logged("i # in the clear again\n");
}

/* A dead peer is noticed, ABOR comes in its place, and nothing waits. */
static void
assert_tuned(int fd)
{
	int v = 0;
	socklen_t len = sizeof(v);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, &len), 0);
	assert_int_not_equal(v, 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &v, &len), 0);
	assert_int_not_equal(v, 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &len), 0);
	assert_int_not_equal(v, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void
both_sockets_are_tuned(void **state)
{
	(void)state;
	ftp_begin();
	assert_tuned(play_descriptor(&client_at, -1));
	assert_tuned(play_descriptor(&server_at, -1));
}

/* The timer was set to so many seconds; 0: it was not touched. */
static void
assert_timer(int64_t seconds)
{
	if (seconds == 0)
		assert_int_equal(play_timer_us, -1);
	else
		assert_int_equal(play_timer_us, seconds * S);
	play_timer_us = -1;
}

static void
each_phase_has_its_time(void **state)
{
	struct play_target *t;

	(void)state;
	lines[1].timeout = 100;
	ftp_arrive();
	assert_timer(0);
	t = &play.target[0];
	t->answer(t->ctx, PH_OK, &server_at);
	t->answer = NULL;
	assert_timer(30); /* to connect */
	ftp_server_take();
	assert_timer(100);
	play.now += 19 * S;
	play_write(server, WELCOME);
	(void)play_read(client);
	assert_timer(100);
	/* To log in, a guest has two minutes. */
	play.now += 2 * S;
	ftp_exchange("USER ftp\r\n", "331 go on\r\n");
	assert_timer(99);
	play.now += 98 * S;
	ftp_exchange("NOOP\r\n", "200 ok\r\n");
	assert_timer(1);
	play.now += 60 * S;
	ftp_exchange("NOOP\r\n", "200 ok\r\n");
	assert_timer(1);
	ftp_exchange("PASS x\r\n", "230 logged in\r\n");
	assert_timer(100);
	/* One side has closed; what the other says is no reason to stay. */
	shutdown(client, SHUT_WR);
	play_run();
	assert_timer(10);
	play_write(server, "226 done\r\n");
	assert_string_equal(play_read(client), "226 done\r\n");
	assert_timer(0);
	(void)play_logged();
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
	play_timer_fire();
	logged("i # ending session: closed\n");
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
}

/* Likewise when it is the server that closes. */
static void
what_a_client_says_to_nobody_keeps_nothing_open(void **state)
{
	(void)state;
	ftp_begin();
	ftp_login();
	shutdown(server, SHUT_WR);
	play_run();
	assert_timer(10);
	play_write(client, "NOOP\r\n");
	assert_string_equal(play_read(server), "NOOP\r\n");
	assert_timer(0);
	play_timer_fire();
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
}

/* A login that comes when a side has closed does not keep it open. */
static void
a_late_login_changes_no_time(void **state)
{
	(void)state;
	ftp_begin();
	ftp_exchange("USER ftp\r\n", "331 go on\r\n");
	play_write(client, "PASS x\r\n");
	(void)play_read(server);
	shutdown(client, SHUT_WR);
	play_run();
	assert_timer(10);
	play_write(server, "230 logged in\r\n");
	assert_string_equal(play_read(client), "230 logged in\r\n");
	assert_timer(0);
}

static void
the_end_of_a_time_says_why(void **state)
{
	struct play_target *t;

	(void)state;
	ftp_begin();
	(void)play_logged();
	play_timer_fire();
	logged("i # ending session: no login\n");
	assert_string_equal(play_read(client), "(end)");
	close(client);
	close(server);
	ftp_begin();
	ftp_login();
	(void)play_logged();
	play_timer_fire();
	logged("i # ending session: idle\n");
	close(client);
	close(server);
	server = -1;
	ftp_arrive();
	(void)play_logged();
	t = &play.target[play.ntargets - 1];
	t->answer(t->ctx, PH_OK, &server_at);
	t->answer = NULL;
	play_timer_fire();
	logged("w # client 127.0.0.2:#: cannot connect: Connection timed "
	       "out\n");
	assert_string_equal(play_read(client), UNREACHABLE);
	assert_string_equal(play_read(client), "(end)");
}

/* However a session ends, its pinhole closes. */
enum ending {
	BY_TIMER,
	BY_CLIENT,
	BY_CLIENT_RESET,
	BY_SERVER,
	BY_SERVER_RESET,
	BY_ROOM,
	BY_JUNK,
	NENDINGS
};

static void
session_end(enum ending how)
{
	static const struct linger hard = { 1, 0 };
	const struct endpoint other = { addr_v4(127, 0, 0, 3), 1 };
	char junk[3000];
	int *fd =
	    how == BY_CLIENT || how == BY_CLIENT_RESET ? &client : &server;

	switch (how) {
	case BY_TIMER:
		play_timer_fire();
		return;
	case BY_ROOM:
		assert_true(ftp_conn_make_room(ftp_service, &other));
		return;
	case BY_JUNK:
		memset(junk, 'x', sizeof(junk));
		assert_int_equal(send(client, junk, sizeof(junk), 0),
		    sizeof(junk));
		play_run();
		return;
	case BY_CLIENT_RESET:
	case BY_SERVER_RESET:
		assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &hard,
				     sizeof(hard)),
		    0);
		break;
	default:
		break;
	}
	close(*fd);
	*fd = -1;
	play_run();
}

static void
play_ending(enum ending how, bool active)
{
	struct play_wish *x;

	ftp_begin();
	if (how != BY_ROOM)
		ftp_login();
	if (active)
		play_write(client, "PORT 127,0,0,2,4,1\r\n");
	else {
		play_write(client, "EPSV\r\n");
		play_write(server, "229 at (|||50000|)\r\n");
	}
	x = play_wished();
	play_answer(PH_OK);
	(void)play_read(client);
	(void)play_read(server);
	assert_false(x->closed);
	/* A guest that is silent for so long makes room. */
	play.now += 11 * S;
	session_end(how);
	if (!x->closed)
		fail_msg("ending %d", (int)how);
	assert_int_equal(x->why, REASON_DONE);
	assert_int_equal(play.nwishes, 1);
}

static void
each_end_closes_the_pinhole(void **state)
{
	int how;

	for (how = 0; how < 2 * NENDINGS; how++) {
		ftp_teardown(state);
		ftp_setup(state);
		lines[1].max_sessions = 1;
		play_ending((enum ending)(how / 2), how % 2);
	}
}

/* A client that speaks no FTP has ten seconds to read the last reply. */
static void
what_is_no_ftp_has_ten_seconds(void **state)
{
	char text[3000];

	(void)state;
	ftp_begin();
	ftp_login();
	(void)play_logged();
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	play_write(client, text);
	assert_timer(10);
	assert_non_null(strstr(play_logged(), "i # "));
	play_timer_fire();
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
}

/* Each port is for one data connection at a time. */
static void
ports_are_taken_once(void **state)
{
	static bool taken[65536];
	unsigned int i, n = 65536 - CONF_FTP_PROXY_PORT_LO;
	uint16_t port;

	(void)state;
	for (i = 0; i < n; i++) {
		port = ports_take();
		assert_in_range(port, CONF_FTP_PROXY_PORT_LO, 65535);
		assert_false(taken[port]);
		taken[port] = true;
	}
	assert_int_equal(ports_take(), 0);
	/* A session does without. */
	ftp_begin();
	ftp_login();
	(void)play_logged();
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	assert_memory_equal(play_read(client), "425 ", 4);
	logged("w # no data connection: out of ports\n");
	assert_int_equal(play.nwishes, 0);
	/* The first, the last, and two neighbours, back and forth. */
	for (i = 0; i < 4; i++) {
		port = (uint16_t)(i == 0 ? CONF_FTP_PROXY_PORT_LO
					 : 65535 - (i - 1));
		ports_give(port);
		assert_int_equal(ports_take(), port);
		assert_int_equal(ports_take(), 0);
	}
	ports_give(65535);
	ports_give(CONF_FTP_PROXY_PORT_LO);
	assert_int_equal(ports_take() ^ ports_take(),
	    65535 ^ CONF_FTP_PROXY_PORT_LO);
	for (i = CONF_FTP_PROXY_PORT_LO; i < 65536; i++)
		ports_give((uint16_t)i);
	/* The port of a session is free again when it ends. */
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	play_answer(PH_OK);
	play_timer_fire();
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
	for (i = 0; i < n; i++)
		assert_int_not_equal(ports_take(), 0);
	assert_int_equal(ports_take(), 0);
	for (i = CONF_FTP_PROXY_PORT_LO; i < 65536; i++)
		ports_give((uint16_t)i);
}

/* Each allocation fails once; then all is as before. */
static void
what_fails_leaves_nothing_behind(void **state)
{
	unsigned int n, had, left;
	char c;

	(void)state;
	for (n = 1; n < 100; n++) {
		had = play_descriptors();
		proxy_ftp_stop(ftp_service);
		play_fail = n;
		ftp_service = proxy_ftp_start(&play, &at);
		left = play_fail;
		play_fail = 0;
		assert_int_equal(ftp_service == NULL, left == 0);
		assert_int_equal(play_descriptors(), had);
		if (left > 0)
			break;
	}
	assert_in_range(n, 3, 99);
	for (n = 1; n < 100; n++) {
		had = play_descriptors();
		client = play_connect(SOCK_STREAM, CLIENT, &at.at);
		play_fail = n;
		play_run();
		if (proxy_ftp_left(ftp_service) > 0)
			play_found(&server_at);
		left = play_fail;
		play_fail = 0;
		if (left > 0)
			break;
		play_run();
		assert_int_equal(proxy_ftp_left(ftp_service), 0);
		/* The client is told, or not, but never left alone. */
		if (recv(client, &c, 1, MSG_DONTWAIT) == -1)
			assert_int_not_equal(errno, EAGAIN);
		close(client);
		client = -1;
		assert_int_equal(play_descriptors(), had);
	}
	assert_in_range(n, 4, 99);
	ftp_server_take();
	play_write(server, WELCOME);
	assert_string_equal(play_read(client), WELCOME);
	ftp_login();
}

/* A client that cannot be accepted is accepted a second later. */
static void
without_descriptors_it_waits_for_a_second(void **state)
{
	struct rlimit before, few;

	(void)state;
	client = play_connect(SOCK_STREAM, CLIENT, &at.at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)client + 1; /* which is the lowest */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	play_run();
	logged("w cannot accept connections for the moment\n");
	assert_timer(1);
	assert_int_equal(play.ntargets, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	play_run();
	assert_int_equal(play.ntargets, 0);
	play_timer_fire();
	assert_int_equal(play.ntargets, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ftp_setup, ftp_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_session_is_in_the_log),
		T(sessions_are_numbered),
		T(an_end_is_in_the_log),
		T(a_line_is_logged_without_secrets),
		T(encryption_is_in_the_log),
		T(both_sockets_are_tuned),
		T(each_phase_has_its_time),
		T(what_a_client_says_to_nobody_keeps_nothing_open),
		T(a_late_login_changes_no_time),
		T(the_end_of_a_time_says_why),
		T(each_end_closes_the_pinhole),
		T(what_is_no_ftp_has_ten_seconds),
		T(ports_are_taken_once),
		T(what_fails_leaves_nothing_behind),
		T(without_descriptors_it_waits_for_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
