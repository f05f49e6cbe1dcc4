/* SPDX-License-Identifier: ISC */
/*
 * The status process as its neighbours see it: a real process, whose monitor,
 * engine and client are the test.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/memfile.h"
#include "src/process/ipc.h"
#include "src/process/unixsock.h"
#include "src/status/process.h"
#include "tests/unit/unit.h"

#define PATIENCE 10000 /* ms, for anything that is to happen */

static struct sandbox sandbox;
static struct ipc monitor, engine, proxy; /* our ends */
static struct ipc_msg msg;
static pid_t child;
static char dir[] = "/tmp/pinholed-test.XXXXXX", path[64];
static int client;

static void
tell(struct ipc *c, enum ipc_type type, uint64_t seq, int fd)
{
	assert_int_equal(ipc_send(c, type, seq, &msg, fd), PH_OK);
	memset(&msg, 0, sizeof(msg));
}

/* The next message of this type; others are left out. */
static void
expect(struct ipc *c, enum ipc_type type)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int fd;

	for (;;) {
		if (ipc_recv(c, &msg, &fd) != PH_OK)
			assert_int_equal(poll(&p, 1, PATIENCE), 1);
		else if (msg.hdr.type == type)
			return;
	}
}

static void
add_source(struct ipc *c, uint32_t role)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(c, fds[1]);
	memset(&msg, 0, sizeof(msg));
	msg.u.source = (struct ipc_source) { role, 77 };
	tell(&monitor, IPC_SOURCE, 0, fds[0]);
}

static int
begin(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct status_args args = { .sandbox = &sandbox };
	char text[128];
	struct strbuf why = strbuf_of(text, sizeof(text));
	int fds[2], listener;

	(void)state;
	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL || ipc_pair(fds) != PH_OK)
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	if (unixsock_listen(path, 0600, (gid_t)-1, &listener, &why) != PH_OK)
		return -1;
	fflush(NULL);
	if ((child = fork()) == 0) {
		close(fds[1]);
		args.monitor_fd = fds[0];
		_exit(status_process(&args));
	}
	close(fds[0]);
	ipc_init(&monitor, fds[1]);
	expect(&monitor, IPC_READY);
	memset(&msg, 0, sizeof(msg));
	msg.u.listen.kind = IPC_LISTEN_CONTROL;
	tell(&monitor, IPC_LISTEN, 0, listener);
	msg.u.about.n = 1;
	tell(&monitor, IPC_ABOUT, 0, -1);
	add_source(&engine, IPC_ENGINE);
	add_source(&proxy, IPC_PROXY);
	tell(&engine, IPC_FEED_BEGIN, 0, -1);
	tell(&engine, IPC_FEED_END, 0, -1);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	strlcpy(un.sun_path, path, sizeof(un.sun_path));
	return connect(client, (struct sockaddr *)&un, sizeof(un));
}

static int
end(void **state)
{
	(void)state;
	if (child != 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	close(client);
	ipc_close(&monitor);
	ipc_close(&engine);
	ipc_close(&proxy);
	(void)unlink(path);
	return rmdir(dir);
}

static void
ask(const char *line)
{
	assert_int_equal(write(client, line, strlen(line)), strlen(line));
}

/* The client hears this, within a while. */
static void
hears(const char *want)
{
	struct pollfd p = { .fd = client, .events = POLLIN };
	char text[1024];
	size_t len = 0;
	ssize_t n;

	while (len < strlen(want)) {
		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		n = read(client, text + len, sizeof(text) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	text[len] = '\0';
	assert_string_equal(text, want);
}

static void
the_monitor_answers_with_a_file(void **state)
{
	int fd = memfile_open();

	(void)state;
	ask("check\n");
	expect(&monitor, IPC_COMMAND);
	assert_int_equal(msg.u.command.kind, IPC_COMMAND_CHECK);
	assert_int_equal(write(fd, "one\ntwo\n", 8), 8);
	msg.u.done.err = PH_EBAD;
	tell(&monitor, IPC_DONE, msg.hdr.seq, fd);
	hears("{\"text\":\"one\"}\n{\"text\":\"two\"}\n"
	      "{\"end\":\"refused\",\"error\":\"the configuration has "
	      "errors\"}\n");
	ask("log verbose\n");
	expect(&monitor, IPC_COMMAND);
	assert_int_equal(msg.u.command.kind, IPC_COMMAND_LOG);
	assert_int_equal(msg.u.command.value, 1);
	msg.u.done.err = PH_OK;
	tell(&monitor, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"ok\"}\n");
}

static void
others_answer_for_themselves(void **state)
{
	(void)state;
	ask("explain abc\n");
	expect(&engine, IPC_EXPLAIN);
	assert_int_equal(msg.u.which.n, 3);
	assert_memory_equal(msg.u.which.call, "abc", 3);
	msg.u.done.err = PH_EGONE;
	tell(&engine, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"refused\",\"error\":\"there is no such call or "
	      "pinhole\"}\n");
	ask("show tables address 192.0.2.0/24\n");
	expect(&proxy, IPC_SHOW_TABLES);
	assert_int_equal(msg.u.which.n, 12);
	assert_memory_equal(msg.u.which.call, "192.0.2.0/24", 12);
	msg.u.done.err = PH_OK;
	tell(&proxy, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"ok\"}\n");
	/* A feed with a gap is asked for everything. */
	memset(&msg, 0, sizeof(msg));
	tell(&engine, IPC_FEED_GAP, 0, -1);
	do
		expect(&engine, IPC_TELL);
	while (msg.u.tell.what != IPC_TELL_ALL);
}

static void
counters_are_asked_for_each_second(void **state)
{
	int status;

	(void)state;
	expect(&engine, IPC_TELL);
	assert_int_equal(msg.u.tell.what, IPC_TELL_COUNTERS);
	expect(&proxy, IPC_TELL);
	memset(&msg, 0, sizeof(msg));
	tell(&monitor, IPC_QUIT, 0, -1);
	assert_int_equal(waitpid(child, &status, 0), child);
	child = 0;
	assert_int_equal(status, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_monitor_answers_with_a_file),
		T(others_answer_for_themselves),
		T(counters_are_asked_for_each_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
