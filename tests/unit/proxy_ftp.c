/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "tests/unit/proxy_ftp_play.h"

/* A client that is turned away is told so, and nothing more. */
static void
assert_turned_away(int fd, const char *text)
{
	assert_string_equal(play_read(fd), text);
	assert_string_equal(play_read(fd), "(end)");
}

static void
a_session_goes_to_the_server_that_the_client_wanted(void **state)
{
	(void)state;
	ftp_arrive();
	assert_int_equal(play.ntargets, 1);
	assert_int_equal(play.target[0].flow.proto, IPPROTO_TCP);
	assert_int_equal(endpoint_cmp(&play.target[0].flow.client, &client_at),
	    0);
	assert_int_equal(endpoint_cmp(&play.target[0].flow.local, &at.at), 0);
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
	play_found(&server_at);
	ftp_server_take();
	play_write(server, WELCOME);
	assert_string_equal(play_read(client), WELCOME);
	ftp_login();
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
}

static void
a_source_is_what_the_server_sees(void **state)
{
	struct endpoint from;

	(void)state;
	assert_int_equal(addr_parse(span_of(OURS), &lines[1].source), PH_OK);
	ftp_begin();
	from = ftp_ours();
	assert_true(addr_eq(&from.addr, &lines[1].source));
}

/* client -> server port P, named to the client as another one of `orig`. */
static void
passive_data_go_through_a_pinhole(void **state)
{
	struct endpoint from;
	const struct pinhole *h;
	char want[64];

	(void)state;
	ftp_begin();
	ftp_login();
	from = ftp_ours();
	play_write(client, "PASV\r\n");
	assert_string_equal(play_read(server), "PASV\r\n");
	play_write(server, "227 at 127,0,0,4,200,10\r\n");
	assert_string_equal(play_read(client), "");
	assert_int_equal(play.nwishes, 1);
	h = &play_wished()->w.hole;
	assert_int_equal(play_wished()->w.lease_s, CONF_FTP_PROXY_DATA_S);
	assert_false(play_wished()->w.renew);
	assert_int_equal(h->class, 0);
	assert_int_equal(h->proto, IPPROTO_TCP);
	assert_int_equal(h->once, 1);
	assert_int_equal(h->dir, PINHOLE_OUT);
	assert_true(addr_eq(&h->from.addr, &client_at.addr));
	assert_int_equal(h->from.len, 32);
	assert_int_equal(h->from_port, 0);
	assert_true(addr_eq(&h->to, &server_at.addr));
	assert_int_equal(h->to_lo, 200 * 256 + 10);
	assert_int_equal(h->to_hi, 200 * 256 + 10);
	assert_true(addr_eq(&h->rdr_from.addr, &server_at.addr));
	assert_true(h->rdr_from.port >= CONF_FTP_PROXY_PORT_LO);
	assert_true(addr_eq(&h->nat_to.addr, &from.addr));
	assert_int_equal(h->nat_to.port, 0);
	play_answer(PH_OK);
	snprintf(want, sizeof(want), "(127,0,0,4,%u,%u)", h->rdr_from.port >> 8,
	    h->rdr_from.port & 255);
	assert_non_null(strstr(play_read(client), want));
	assert_false(play_wished()->closed);
	/* A second one takes the place of the first. */
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	assert_int_equal(play.nwishes, 2);
	assert_true(play.wish[0].closed);
	assert_int_equal(play.wish[0].why, REASON_DONE);
}

/* server -> client port P, named to the server as another one of ours. */
static void
active_data_go_through_a_pinhole(void **state)
{
	struct endpoint from;
	const struct pinhole *h;
	char want[64];

	(void)state;
	lines[1].source_port_20 = true;
	ftp_begin();
	ftp_login();
	from = ftp_ours();
	play_write(client, "PORT 127,0,0,2,4,1\r\n");
	assert_string_equal(play_read(server), "");
	h = &play_wished()->w.hole;
	assert_int_equal(h->dir, PINHOLE_IN);
	assert_true(addr_eq(&h->from.addr, &server_at.addr));
	assert_true(addr_eq(&h->to, &client_at.addr));
	assert_int_equal(h->to_lo, 1025);
	assert_true(addr_eq(&h->rdr_from.addr, &from.addr));
	assert_true(addr_eq(&h->nat_to.addr, &server_at.addr));
	assert_int_equal(h->nat_to.port, 20);
	play_answer(PH_OK);
	snprintf(want, sizeof(want), "PORT 127,0,0,1,%u,%u\r\n",
	    h->rdr_from.port >> 8, h->rdr_from.port & 255);
	assert_string_equal(play_read(server), want);
	/* The server will not have it. */
	play_write(server, "500 no\r\n");
	assert_true(play_wished()->closed);
	assert_int_equal(play_wished()->why, REASON_DONE);
}

static void
the_source_port_is_kept_unless_it_is_to_be_20(void **state)
{
	(void)state;
	ftp_begin();
	ftp_login();
	play_write(client, "PORT 127,0,0,2,4,1\r\n");
	assert_int_equal(play_wished()->w.hole.nat_to.port, 0);
}

static void
without_a_pinhole_the_client_gets_an_error(void **state)
{
	(void)state;
	ftp_begin();
	ftp_login();
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	play_answer(PH_EDENIED);
	assert_memory_equal(play_read(client), "425 ", 4);
	play.broke = true;
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	assert_memory_equal(play_read(client), "425 ", 4);
	/* The session goes on. */
	(void)play_read(server);
	ftp_exchange("NOOP\r\n", "200 done\r\n");
	assert_int_equal(play.nwishes, 1);
}

/* A line with a tag or a queue has a class of its own in the filter. */
static void
a_line_may_have_a_class(void **state)
{
	/* clang-format off */
	static char name[] = "voip";
	static const struct {
		bool tag, queue;
		uint16_t class;
	} rows[] = {
		{ false, false, 0 },
		{ true, false, 2 },
		{ false, true, 2 },
		{ true, true, 2 },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		ftp_teardown(state);
		ftp_setup(state);
		lines[1].tag = rows[i].tag ? name : NULL;
		lines[1].queue = rows[i].queue ? name : NULL;
		ftp_begin();
		ftp_login();
		play_write(client, "PORT 127,0,0,2,4,1\r\n");
		assert_int_equal(play_wished()->w.hole.class, rows[i].class);
		play_answer(PH_OK);
		play_write(server, "200 ok\r\n");
		play_write(client, "EPSV\r\n");
		play_write(server, "229 at (|||50000|)\r\n");
		assert_int_equal(play.nwishes, 2);
		assert_int_equal(play_wished()->w.hole.class, rows[i].class);
	}
}

/* Its time was over, or it was used: there is nothing to close any more. */
static void
a_pinhole_that_is_gone_is_not_closed(void **state)
{
	(void)state;
	ftp_begin();
	ftp_login();
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	play_answer(PH_OK);
	play_wished()->w.gone(play_wished()->w.ctx);
	close(client);
	client = -1;
	play_run();
	assert_false(play_wished()->closed);
}

static void
the_end_of_a_session_closes_its_pinhole(void **state)
{
	(void)state;
	ftp_begin();
	ftp_login();
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	play_answer(PH_OK);
	(void)play_read(client);
	(void)play_read(server);
	close(server);
	server = -1;
	play_run();
	assert_true(play_wished()->closed);
	assert_int_equal(play_wished()->why, REASON_DONE);
	assert_string_equal(play_read(client), "(end)");
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
	close(client);
	client = -1;
	play_run();
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
	assert_true(play_wished()->forgotten);
}

/* Bytes that one side sent before it closed reach the other. */
static void
an_end_waits_until_all_is_passed_on(void **state)
{
	(void)state;
	ftp_begin();
	assert_int_equal(send(client, "QUIT\r\n", 6, 0), 6);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_string_equal(play_read(server), "QUIT\r\n");
	assert_string_equal(play_read(server), "(end)");
	play_write(server, "221 bye\r\n");
	assert_string_equal(play_read(client), "221 bye\r\n");
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
	assert_int_equal(shutdown(server, SHUT_WR), 0);
	assert_string_equal(play_read(client), "(end)");
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
}

static void
who_is_not_protected_is_turned_away(void **state)
{
	(void)state;
	client = play_connect(SOCK_STREAM, SERVER, &at.at);
	play_run();
	assert_turned_away(client, "421 Sorry, not a protected client\r\n");
	assert_int_equal(play.ntargets, 0);
}

static void
a_client_without_a_server_is_told(void **state)
{
	struct endpoint none = { addr_v4(127, 0, 0, 4), 1 };

	(void)state;
	ftp_arrive();
	play_not_found(PH_EGONE);
	assert_turned_away(client, UNREACHABLE);
	close(client);
	/* The proxy itself. */
	ftp_arrive();
	play_found(&at.at);
	assert_turned_away(client, UNREACHABLE);
	close(client);
	/* Another of our proxies. */
	lines[0].listen = server_at;
	ftp_arrive();
	play_found(&server_at);
	assert_turned_away(client, UNREACHABLE);
	close(client);
	/* At that address nobody listens. */
	ftp_arrive();
	play_found(&none);
	assert_turned_away(client, UNREACHABLE);
	close(client);
	/* We have not that address. */
	assert_int_equal(addr_parse(span_of("198.51.100.1"), &lines[1].source),
	    PH_OK);
	lines[0].listen = at.at;
	ftp_arrive();
	play_found(&server_at);
	assert_turned_away(client, UNREACHABLE);
	close(client);
	play.broke = true;
	ftp_arrive();
	assert_turned_away(client, UNREACHABLE);
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
}

/* In front of a server: whatever the client wanted, and whoever it is. */
static void
a_reverse_proxy_knows_its_server(void **state)
{
	struct endpoint wanted = { addr_v4(127, 0, 0, 9), 21 };
	const struct pinhole *h;

	(void)state;
	lines[1].reverse = server_at;
	ftp_start();
	client = play_connect(SOCK_STREAM, "127.0.0.8", &at.at);
	client_at = play_name(client);
	play_run();
	play_found(&wanted);
	ftp_server_take();
	play_write(server, WELCOME);
	assert_string_equal(play_read(client), WELCOME);
	ftp_login();
	play_write(client, "EPSV\r\n");
	play_write(server, "229 at (|||50000|)\r\n");
	h = &play_wished()->w.hole;
	assert_true(addr_eq(&h->to, &server_at.addr));
	assert_true(addr_eq(&h->rdr_from.addr, &wanted.addr));
}

/*
 * The client came without a redirection, to an address that no rule can have.
 */
static void
a_reverse_proxy_needs_an_address_for_data(void **state)
{
	(void)state;
	lines[1].reverse = server_at;
	ftp_arrive();
	play_not_found(PH_EGONE);
	assert_turned_away(client, UNREACHABLE);
}

/*
 * TPROXY and divert-to leave the address that the client wanted.  Here it is
 * that of the proxy, which so meets itself.
 */
static void
a_proxy_that_was_redirected_to_itself_notices(void **state)
{
	(void)state;
	lines[1].listen.port = 1;
	ftp_arrive();
	assert_int_equal(play.ntargets, 0);
	assert_string_equal(play_read(client),
	    "421 Sorry, the proxy was redirected to itself\r\n");
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
}

/* A client's sessions, up to the limit. */
static int
session(const char *from, bool logged_in)
{
	int c = client, s = server, fd;

	client = play_connect(SOCK_STREAM, from, &at.at);
	play_run();
	play_found(&server_at);
	ftp_server_take();
	play_write(server, WELCOME);
	assert_string_equal(play_read(client), WELCOME);
	if (logged_in)
		ftp_login();
	fd = client;
	if (s != -1)
		close(server); /* one is enough to look at */
	else
		s = server;
	client = c;
	server = s;
	return fd;
}

static void
at_max_sessions_the_busiest_guest_makes_room(void **state)
{
	int fd[4];

	(void)state;
	lines[1].max_sessions = 2;
	fd[0] = play_connect(SOCK_STREAM, CLIENT, &at.at);
	play_run();
	fd[1] = play_connect(SOCK_STREAM, CLIENT, &at.at);
	play_run();
	/* A client that has all the sessions itself is turned away. */
	fd[2] = play_connect(SOCK_STREAM, CLIENT, &at.at);
	assert_turned_away(fd[2], "421 Sorry, session limit reached\r\n");
	fd[3] = play_connect(SOCK_STREAM, OTHER, &at.at);
	play_run();
	assert_string_equal(play_read(fd[0]), "(end)");
	assert_string_equal(play_read(fd[1]), "");
	assert_string_equal(play_read(fd[3]), "");
	assert_int_equal(proxy_ftp_left(ftp_service), 2);
	close(fd[0]);
	close(fd[1]);
	close(fd[2]);
	close(fd[3]);
}

static void
a_silent_guest_makes_room_for_an_equal(void **state)
{
	int fd[2];

	(void)state;
	lines[1].max_sessions = 1;
	fd[0] = play_connect(SOCK_STREAM, CLIENT, &at.at);
	play_run();
	play.now += 10 * USEC_PER_SEC;
	fd[1] = play_connect(SOCK_STREAM, OTHER, &at.at);
	assert_turned_away(fd[1], "421 Sorry, session limit reached\r\n");
	close(fd[1]);
	play.now++;
	fd[1] = play_connect(SOCK_STREAM, OTHER, &at.at);
	assert_string_equal(play_read(fd[1]), "");
	assert_string_equal(play_read(fd[0]), "(end)");
	close(fd[0]);
	close(fd[1]);
}

static void
a_user_makes_room_only_for_who_has_fewer(void **state)
{
	int fd[4];

	(void)state;
	lines[1].max_sessions = 2;
	fd[0] = session(CLIENT, true);
	fd[1] = session(CLIENT, true);
	assert_int_equal(proxy_ftp_left(ftp_service), 2);
	play.now += 100 * USEC_PER_SEC;
	fd[2] = play_connect(SOCK_STREAM, CLIENT, &at.at);
	assert_turned_away(fd[2], "421 Sorry, session limit reached\r\n");
	close(fd[2]);
	fd[2] = play_connect(SOCK_STREAM, OTHER, &at.at);
	play_run();
	assert_string_equal(play_read(fd[2]), "");
	assert_string_equal(play_read(fd[0]), "(end)");
	assert_int_equal(proxy_ftp_left(ftp_service), 2);
	close(fd[0]);
	close(fd[1]);
	close(fd[2]);
}

/* However silent the user is, and however many others come. */
static void
a_user_stays_for_an_equal(void **state)
{
	int fd[2], i;

	(void)state;
	lines[1].max_sessions = 1;
	fd[0] = session(CLIENT, true);
	play.now += 1000 * USEC_PER_SEC;
	for (i = 0; i < 3; i++) {
		fd[1] = play_connect(SOCK_STREAM, OTHER, &at.at);
		assert_turned_away(fd[1],
		    "421 Sorry, session limit reached\r\n");
		close(fd[1]);
	}
	assert_string_equal(play_read(fd[0]), "");
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
	close(fd[0]);
}

static void
other_sockets_have_a_turn_after_64_connections(void **state)
{
	int fd[65], i;

	(void)state;
	lines[1].max_sessions = 100;
	for (i = 0; i < 65; i++)
		fd[i] = play_connect(SOCK_STREAM, CLIENT, &at.at);
	event_base_loop(play.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	assert_int_equal(play.ntargets, 64);
	event_base_loop(play.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	assert_int_equal(play.ntargets, 65);
	for (i = 0; i < 65; i++)
		close(fd[i]);
}

static void
what_is_no_ftp_ends(void **state)
{
	char text[3000];

	(void)state;
	ftp_begin();
	ftp_login();
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	play_write(client, text);
	assert_string_equal(play_read(server), "(end)");
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
	close(client);
	client = -1;
	play_run();
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
}

/* A client that does not read makes the server wait; nothing is lost. */
static void
who_does_not_read_is_not_sent_everything(void **state)
{
	static char line[1024];
	size_t sent = 0, read = 0;
	int i;

	(void)state;
	ftp_begin();
	ftp_login();
	memset(line, 'x', sizeof(line));
	memcpy(line, "230-", 4);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	for (i = 0; i < 65536; i++) {
		if (send(server, line, sizeof(line), MSG_DONTWAIT) !=
		    sizeof(line))
			break;
		sent += sizeof(line);
		play_run();
	}
	assert_true(i < 65536);
	for (i = 0; i < 65536 && read < sent; i++) {
		(void)play_read(client);
		read += play_got();
	}
	assert_true(read >= sent);
}

static void
who_leaves_serves_its_sessions_and_no_more(void **state)
{
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&at.at, &ss);
	int fd;

	(void)state;
	ftp_begin();
	proxy_ftp_leave(ftp_service);
	assert_int_equal(proxy_ftp_left(ftp_service), 1);
	ftp_login();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
	close(client);
	client = -1;
	play_run();
	close(server);
	server = -1;
	play_run();
	assert_int_equal(proxy_ftp_left(ftp_service), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ftp_setup, ftp_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_session_goes_to_the_server_that_the_client_wanted),
		T(a_source_is_what_the_server_sees),
		T(passive_data_go_through_a_pinhole),
		T(active_data_go_through_a_pinhole),
		T(the_source_port_is_kept_unless_it_is_to_be_20),
		T(without_a_pinhole_the_client_gets_an_error),
		T(a_line_may_have_a_class),
		T(a_pinhole_that_is_gone_is_not_closed),
		T(the_end_of_a_session_closes_its_pinhole),
		T(an_end_waits_until_all_is_passed_on),
		T(who_is_not_protected_is_turned_away),
		T(a_client_without_a_server_is_told),
		T(a_reverse_proxy_knows_its_server),
		T(a_reverse_proxy_needs_an_address_for_data),
		T(a_proxy_that_was_redirected_to_itself_notices),
		T(at_max_sessions_the_busiest_guest_makes_room),
		T(a_silent_guest_makes_room_for_an_equal),
		T(a_user_makes_room_only_for_who_has_fewer),
		T(a_user_stays_for_an_equal),
		T(other_sockets_have_a_turn_after_64_connections),
		T(what_is_no_ftp_ends),
		T(who_does_not_read_is_not_sent_everything),
		T(who_leaves_serves_its_sessions_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
