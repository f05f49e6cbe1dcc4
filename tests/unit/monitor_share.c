/* SPDX-License-Identifier: ISC */
/* How the monitor connects the share process: with the engine, and a server. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/monitor/server.h"
#include "tests/unit/monitor_play.h"

static struct ipc_msg msg;
static char dir[] = "/tmp/pinholed-test.XXXXXX", path[64];

/* Whether this child has been given its end of the pair. */
static bool
is_connected(enum child_role role)
{
	int fd = -1;
	bool yes =
	    play_recv(&play.far[role], &msg, &fd) == IPC_SHARE && fd != -1;

	if (fd != -1)
		close(fd);
	assert_int_equal(play_told(role, &msg), 0);
	return yes;
}

static void
both_connected(bool want)
{
	share_run(&play.m);
	assert_int_equal(is_connected(CHILD_SHARE), want);
	assert_int_equal(is_connected(CHILD_ENGINE), want);
}

static void
engine_and_share_process_are_connected_once(void **state)
{
	struct child *share = play_child(CHILD_SHARE);
	struct child *engine = play_child(CHILD_ENGINE);

	(void)state;
	/* Before it is linked, an engine has not adopted its calls. */
	both_connected(false);
	engine->linked = true;
	engine->state = CHILD_STARTING;
	both_connected(false);
	engine->state = CHILD_READY;
	share->state = CHILD_STARTING;
	both_connected(false);
	share->state = CHILD_READY;
	both_connected(true);
	both_connected(false);
	/* A successor of either is connected again. */
	play_child(CHILD_SHARE);
	both_connected(true);
	play_child(CHILD_ENGINE)->linked = true;
	both_connected(true);
	both_connected(false);
}

static void
who_cannot_be_told_is_killed(void **state)
{
	static const enum child_role roles[] = { CHILD_ENGINE, CHILD_SHARE };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(roles); i++) {
		play_child(CHILD_ENGINE)->linked = true;
		play_child(CHILD_SHARE);
		ipc_close(&play.far[roles[i]]);
		share_run(&play.m);
		assert_int_equal(play.killed, 1);
		play.killed = 0;
		ipc_close(&play.cur.child[roles[i]].ipc);
	}
}

/* What the share process gets when it asks for a connection; fd or -1. */
static enum ph_err
ask(int *fd)
{
	struct child *c = &play.cur.child[CHILD_SHARE];

	play.m.msg.hdr.type = IPC_CONNECT;
	share_message(&play.m, c);
	assert_int_equal(play_recv(&play.far[CHILD_SHARE], &msg, fd),
	    IPC_CONNECTED);
	return (enum ph_err)msg.u.done.err;
}

static int
listen_at(int af, const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(af, SOCK_STREAM, 0);

	assert_true(fd != -1);
	assert_int_equal(bind(fd, sa, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static int
listen_unix(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strlcpy(un.sun_path, path, sizeof(un.sun_path));
	return listen_at(AF_UNIX, (struct sockaddr *)&un, sizeof(un));
}

static int
begin(void **state)
{
	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	return play_begin(state);
}

static int
end(void **state)
{
	(void)unlink(path);
	(void)rmdir(dir);
	free(play.cur.conf->share.path);
	play.cur.conf->share.path = NULL;
	return play_end(state);
}

static void
it_gets_connections_but_not_without_end(void **state)
{
	int fd, i, server;

	(void)state;
	play_child(CHILD_SHARE);
	play.cur.conf->share.path = strdup(path);
	assert_int_equal(ask(&fd), PH_EGONE);
	assert_int_equal(fd, -1);
	assert_int_equal(play.m.share.told, ENOENT);
	server = listen_unix();
	for (i = 1; i < 20; i++) {
		assert_int_equal(ask(&fd), PH_OK);
		assert_true(fd != -1);
		close(fd);
		assert_int_equal(play.m.share.told, 0);
	}
	/* Twenty in a second. */
	play.now += USEC_PER_SEC;
	assert_int_equal(ask(&fd), PH_EGONE);
	assert_int_equal(fd, -1);
	play.now++;
	for (i = 0; i < 20; i++) {
		assert_int_equal(ask(&fd), PH_OK);
		close(fd);
	}
	assert_int_equal(ask(&fd), PH_EGONE);
	close(server);
	play.m.msg.hdr.type = IPC_READY;
	share_message(&play.m, &play.cur.child[CHILD_SHARE]);
	assert_int_equal(play_told(CHILD_SHARE, &msg), 0);
}

/* Both share processes may ask at any time of a reload. */
static void
while_a_reload_lasts_each_has_its_own_server(void **state)
{
	struct conf old = { .share.path = path };
	struct child *c = &play.other.child[CHILD_SHARE];
	int fd = -1, server;

	(void)state;
	play_child(CHILD_SHARE);
	play_join(c, &play.leaver[0]);
	play.other.conf = &old;
	/* The current configuration has no server at all. */
	play.cur.conf->share.path = strdup("/nowhere/s");
	server = listen_unix();
	play.m.next = &play.other;
	play.m.msg.hdr.type = IPC_CONNECT;
	share_message(&play.m, c);
	assert_int_equal(play_recv(&play.leaver[0], &msg, &fd), IPC_CONNECTED);
	assert_true(fd != -1);
	close(fd);
	assert_int_equal(ask(&fd), PH_EGONE);
	play.m.next = NULL;
	play.m.old = &play.other;
	play.m.msg.hdr.type = IPC_CONNECT;
	share_message(&play.m, c);
	assert_int_equal(play_recv(&play.leaver[0], &msg, &fd), IPC_CONNECTED);
	assert_true(fd != -1);
	close(fd);
	close(server);
	play.m.old = NULL;
	play.other.conf = NULL;
}

/* Else errno says why not. */
static bool
answers(const struct conf_share *c)
{
	struct pollfd p = { .fd = server_connect(c), .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = ETIMEDOUT;

	if (p.fd == -1)
		return false;
	if (poll(&p, 1, 1000) == 1)
		(void)getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	close(p.fd);
	errno = error;
	return error == 0;
}

static void
a_server_may_have_any_address(void **state)
{
	static const char *const at[] = { "127.0.0.1", "::1" };
	struct conf_share c = { 0 };
	struct sockaddr_storage ss;
	struct endpoint peer;
	socklen_t len;
	size_t i;
	int fd, on, server;

	(void)state;
	for (i = 0; i < ROWS(at); i++) {
		assert_int_equal(addr_parse(span_of(at[i]), &c.server.addr),
		    PH_OK);
		c.server.port = 0;
		len = (socklen_t)endpoint_to_sockaddr(&c.server, &ss);
		server =
		    listen_at(c.server.addr.af, (struct sockaddr *)&ss, len);
		len = sizeof(ss);
		assert_int_equal(getsockname(server, (struct sockaddr *)&ss,
				     &len),
		    0);
		c.server = endpoint_from_sockaddr((struct sockaddr *)&ss);
		assert_true(answers(&c));
		fd = server_connect(&c);
		assert_true(fd != -1);
		len = sizeof(ss);
		assert_int_equal(getpeername(fd, (struct sockaddr *)&ss, &len),
		    0);
		peer = endpoint_from_sockaddr((struct sockaddr *)&ss);
		assert_int_equal(endpoint_cmp(&peer, &c.server), 0);
		assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
		assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
		len = sizeof(on);
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
				     &len),
		    0);
		assert_true(on != 0);
		close(fd);
		close(server);
		assert_false(answers(&c));
		assert_int_equal(errno, ECONNREFUSED);
	}
}

static void
a_server_may_have_a_path(void **state)
{
	struct conf_share c = { .path = path };
	int server;

	(void)state;
	assert_false(answers(&c));
	assert_int_equal(errno, ENOENT);
	server = listen_unix();
	assert_true(answers(&c));
	close(server);
	assert_false(answers(&c));
	assert_int_equal(errno, ECONNREFUSED);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(engine_and_share_process_are_connected_once),
		T(who_cannot_be_told_is_killed),
		T(it_gets_connections_but_not_without_end),
		T(while_a_reload_lasts_each_has_its_own_server),
		T(a_server_may_have_any_address),
		T(a_server_may_have_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
