/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/proxy_ftp_play.h"

struct proxy_ftp *ftp_service;
static int listening;

void
ftp_start(void)
{
	proxy_ftp_stop(ftp_service);
	ftp_service = proxy_ftp_start(&play, &at);
	assert_non_null(ftp_service);
}

int
ftp_setup(void **state)
{
	listening = play_begin_line(state, LISTEN_FTP, SOCK_STREAM);
	lines[1].listen = at.at;
	lines[1].timeout = 600;
	play.conf.ftp.proxy = lines;
	play.conf.ftp.nproxy = 2;
	ftp_service = NULL;
	ftp_start();
	return 0;
}

int
ftp_teardown(void **state)
{
	proxy_ftp_stop(ftp_service);
	close(at.fd);
	close(listening);
	if (client != -1)
		close(client);
	if (server != -1)
		close(server);
	return play_end(state);
}

void
ftp_arrive(void)
{
	client = play_connect(SOCK_STREAM, CLIENT, &at.at);
	client_at = play_name(client);
	play_run();
}

/* Our connection has come to the server. */
void
ftp_server_take(void)
{
	play_run();
	server = accept(listening, NULL, NULL);
	assert_true(server != -1);
	play_hurry(server);
	assert_int_not_equal(fcntl(server, F_SETFL, O_NONBLOCK), -1);
	play_run();
}

void
ftp_begin(void)
{
	ftp_arrive();
	play_found(&server_at);
	ftp_server_take();
	play_write(server, WELCOME);
	assert_string_equal(play_read(client), WELCOME);
}

/* The client says something, and the server answers. */
void
ftp_exchange(const char *command, const char *reply)
{
	play_write(client, command);
	assert_string_equal(play_read(server), command);
	play_write(server, reply);
	assert_string_equal(play_read(client), reply);
}

void
ftp_login(void)
{
	ftp_exchange("USER ftp\r\n", "331 go on\r\n");
	ftp_exchange("PASS x\r\n", "230 logged in\r\n");
}

/* The name that the server sees. */
struct endpoint
ftp_ours(void)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	assert_int_equal(getpeername(server, (struct sockaddr *)&ss, &len), 0);
	return endpoint_from_sockaddr((struct sockaddr *)&ss);
}
