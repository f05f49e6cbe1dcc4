/* SPDX-License-Identifier: ISC */
/*
 * The status process as its neighbours see it: a real process, whose monitor,
 * engine and client are the test.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/memfile.h"
#include "src/process/unixsock.h"
#include "src/status/process.h"
#include "tests/unit/child_play.h"

static struct sandbox sandbox;
static struct ipc engine, proxy; /* our ends */
static char dir[] = "/tmp/pinholed-test.XXXXXX", path[64];
static int client;

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
run(int monitor_fd)
{
	struct status_args args = { .sandbox = &sandbox,
		.monitor_fd = monitor_fd };

	return status_process(&args);
}

static int
begin(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char text[128];
	struct strbuf why = strbuf_of(text, sizeof(text));
	int listener;

	(void)state;
	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	if (unixsock_listen(path, 0600, (gid_t)-1, &listener, &why) != PH_OK)
		return -1;
	process_begin();
	process_start(run);
	msg.u.listen.kind = IPC_LISTEN_CONTROL;
	tell(&monitor, IPC_LISTEN, 0, listener);
	msg.u.about.n = 1;
	tell(&monitor, IPC_ABOUT, 0, -1);
	add_source(&engine, IPC_ENGINE);
	add_source(&proxy, IPC_PROXY);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	strlcpy(un.sun_path, path, sizeof(un.sun_path));
	return connect(client, (struct sockaddr *)&un, sizeof(un));
}

static int
end(void **state)
{
	(void)state;
	process_end();
	close(client);
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

/* It may have been asked for counters before. */
static void
is_asked(struct ipc *c, enum ipc_tell_what what)
{
	do
		await(c, IPC_TELL);
	while (msg.u.tell.what != what);
	memset(&msg, 0, sizeof(msg));
}

static void
the_monitor_answers_with_a_file(void **state)
{
	int fd = memfile_open();

	(void)state;
	ask("check\n");
	await(&monitor, IPC_COMMAND);
	assert_int_equal(msg.u.command.kind, IPC_COMMAND_CHECK);
	assert_int_equal(write(fd, "one\ntwo\n", 8), 8);
	msg.u.done.err = PH_EBAD;
	tell(&monitor, IPC_DONE, msg.hdr.seq, fd);
	hears("{\"text\":\"one\"}\n{\"text\":\"two\"}\n"
	      "{\"end\":\"refused\",\"error\":\"the configuration has "
	      "errors\"}\n");
	ask("log verbose\n");
	await(&monitor, IPC_COMMAND);
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
	await(&engine, IPC_EXPLAIN);
	assert_int_equal(msg.u.which.n, 3);
	assert_memory_equal(msg.u.which.call, "abc", 3);
	msg.u.done.err = PH_EGONE;
	tell(&engine, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"refused\",\"error\":\"there is no such call or "
	      "pinhole\"}\n");
	ask("show tables address 192.0.2.0/24\n");
	await(&proxy, IPC_SHOW_TABLES);
	assert_int_equal(msg.u.which.n, 12);
	assert_memory_equal(msg.u.which.call, "192.0.2.0/24", 12);
	msg.u.done.err = PH_OK;
	tell(&proxy, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"ok\"}\n");
	/* A feed with a gap is asked again for what is needed of it. */
	memset(&msg, 0, sizeof(msg));
	tell(&engine, IPC_FEED_GAP, 0, -1);
	is_asked(&engine, IPC_TELL_ENOUGH);
	ask("show pinholes\n");
	is_asked(&engine, IPC_TELL_ALL);
	tell(&engine, IPC_FEED_GAP, 0, -1);
	is_asked(&engine, IPC_TELL_ALL);
}

/* What each failure means, and what the monitor's answer says. */
static void
each_failure_has_its_words(void **state)
{
	/* clang-format off */
	static const struct {
		enum ph_err	 err;
		const char	*words;
	} rows[] = {
		{ PH_EGONE, "there is no such call or pinhole" },
		{ PH_EUNSUPPORTED, "the proxies have no stories; the log tells "
		    "of each session" },
		{ PH_EAGAIN, "too much is asked for at a time; try again" },
		{ PH_EAMBIGUOUS, "several calls begin so" },
		{ PH_EBAD, NULL },
		{ PH_EIO, NULL },
	};
	/* clang-format on */
	char want[256];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		ask("close x\n");
		await(&engine, IPC_CLOSE_CALL);
		msg.u.done.err = rows[i].err;
		tell(&engine, IPC_DONE, msg.hdr.seq, -1);
		snprintf(want, sizeof(want),
		    "{\"end\":\"refused\",\"error\":\"%s\"}\n",
		    rows[i].words != NULL ? rows[i].words
					  : ph_strerror(rows[i].err));
		hears(want);
	}
	ask("reload\n");
	await(&monitor, IPC_COMMAND);
	assert_int_equal(msg.u.command.kind, IPC_COMMAND_RELOAD);
	assert_int_equal(msg.u.command.value, 0);
	msg.u.done.err = PH_EAGAIN;
	tell(&monitor, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"refused\",\"error\":\"too much is asked for at a "
	      "time; try again\"}\n");
}

static void
hole_tell(struct ipc *c, uint64_t id, uint64_t owner, const char *call)
{
	struct ipc_feed_hole *h = &msg.u.feed_hole;

	memset(&msg, 0, sizeof(msg));
	h->hole.id = id;
	h->hole.to = addr_v4(192, 0, 2, 1);
	h->tuple = id;
	h->owner = owner;
	h->n = (uint32_t)strlen(call);
	memcpy(h->call, call, h->n);
	tell(c, IPC_FEED_HOLE, 0, -1);
}

/* How many pinholes the answer has. */
static size_t
pinholes_shown(void)
{
	struct pollfd p = { .fd = client, .events = POLLIN };
	char text[4096], *at = text;
	size_t len, shown = 0;
	ssize_t n;

	for (len = 0; len < 12 ||
	     memcmp(text + len - 12, "\"end\":\"ok\"}\n", 12) != 0;) {
		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		n = read(client, text + len, sizeof(text) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	text[len] = '\0';
	for (; (at = strstr(at, "\"event\":")) != NULL; at++)
		shown++;
	return shown;
}

/* The status process has read what it was told. */
static void
settle(size_t pinholes)
{
	int i;

	for (i = 0; i < 1000; i++) {
		ask("show pinholes\n");
		if (pinholes_shown() == pinholes)
			return;
	}
	fail();
}

static void
a_pinhole_is_asked_about_where_it_is(void **state)
{
	const struct ipc_which *w = &msg.u.which;

	(void)state;
	ask("close 7\n");
	is_asked(&engine, IPC_TELL_ALL);
	is_asked(&proxy, IPC_TELL_ALL);
	tell(&proxy, IPC_FEED_BEGIN, 0, -1);
	hole_tell(&proxy, 7, 70, "");
	tell(&proxy, IPC_FEED_END, 0, -1);
	tell(&engine, IPC_FEED_BEGIN, 0, -1);
	hole_tell(&engine, 8, 80, "abc");
	tell(&engine, IPC_FEED_END, 0, -1);
	await(&proxy, IPC_CLOSE_CALL);
	assert_int_equal(w->id, 7);
	assert_int_equal(w->owner, 70);
	assert_int_equal(w->n, 0);
	msg.u.done.err = PH_OK;
	tell(&proxy, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"ok\"}\n");
	ask("explain 8\n");
	await(&engine, IPC_EXPLAIN);
	assert_int_equal(w->id, 8);
	assert_int_equal(w->owner, 80);
	assert_int_equal(w->n, 3);
	assert_memory_equal(w->call, "abc", 3);
	msg.u.feed_text.n = 4;
	memcpy(msg.u.feed_text.text, "one\n", 4);
	tell(&engine, IPC_FEED_TEXT, msg.hdr.seq, -1);
	hears("{\"text\":\"one\"}\n");
}

/* A new engine answers when the old one is gone, a lost one never. */
static void
the_engine_that_knows_is_asked(void **state)
{
	struct ipc next;

	(void)state;
	add_source(&next, IPC_ENGINE);
	ask("close x\n");
	await(&engine, IPC_CLOSE_CALL);
	msg.u.done.err = PH_OK;
	tell(&engine, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"ok\"}\n");
	/* Half an answer is none. */
	ask("show pinholes\n");
	is_asked(&engine, IPC_TELL_ALL);
	is_asked(&proxy, IPC_TELL_ALL);
	is_asked(&next, IPC_TELL_ALL);
	tell(&next, IPC_FEED_BEGIN, 0, -1);
	hole_tell(&next, 8, 80, "abc");
	tell(&proxy, IPC_FEED_BEGIN, 0, -1);
	tell(&proxy, IPC_FEED_END, 0, -1);
	tell(&engine, IPC_FEED_BEGIN, 0, -1);
	hole_tell(&engine, 5, 50, "a");
	tell(&engine, IPC_FEED_END, 0, -1);
	assert_int_equal(pinholes_shown(), 2);
	/* Its pinholes stay until the new one has told all. */
	ipc_close(&engine);
	settle(2);
	memset(&msg, 0, sizeof(msg));
	tell(&next, IPC_FEED_END, 0, -1);
	settle(1);
	ask("close x\n");
	await(&next, IPC_CLOSE_CALL);
	assert_int_equal(msg.u.which.id, 0);
	assert_int_equal(msg.u.which.owner, 0);
	assert_int_equal(msg.u.which.n, 1);
	assert_memory_equal(msg.u.which.call, "x", 1);
	msg.u.done.err = PH_OK;
	tell(&next, IPC_DONE, msg.hdr.seq, -1);
	hears("{\"end\":\"ok\"}\n");
	ipc_close(&next);
	settle(1);
	ask("close x\n");
	hears("{\"end\":\"refused\",\"error\":\"the process that could answer "
	      "is not running\"}\n");
}

static void
who_is_not_there_is_not_asked(void **state)
{
	struct ipc share;

	(void)state;
	ask("show peers\n");
	hears("{\"end\":\"refused\",\"error\":\"no share process runs: there "
	      "is no \\\"share\\\", or it starts just now\"}\n");
	add_source(&share, IPC_SHARER);
	await(&share, IPC_TELL);
	ask("show peers\n");
	await(&share, IPC_SHOW_PEERS);
	assert_int_equal(msg.u.which.n, 0);
	msg.u.feed_text.n = 8;
	memcpy(msg.u.feed_text.text, "{\"a\":1}\n", 8);
	tell(&share, IPC_FEED_TEXT, msg.hdr.seq, -1);
	hears("{\"a\":1}\n");
	ipc_close(&share);
	ipc_close(&proxy);
	ipc_init(&proxy, -1);
}

static bool
is_closed(const struct ipc *c)
{
	struct pollfd p = { .fd = c->fd };

	return poll(&p, 1, PATIENCE) == 1 && (p.revents & POLLHUP) != 0;
}

/* Sixteen, with the two that there are. */
static void
one_source_too_many_is_let_go(void **state)
{
	struct ipc more[15];
	struct pollfd p;
	int i;

	(void)state;
	add_source(&more[0], IPC_NROLES);
	assert_true(is_closed(&more[0]));
	ipc_close(&more[0]);
	for (i = 0; i < 15; i++)
		add_source(&more[i], IPC_LEAVER);
	assert_true(is_closed(&more[14]));
	for (i = 0; i < 14; i++) {
		p = (struct pollfd) { .fd = more[i].fd };
		assert_int_equal(poll(&p, 1, 0), 0);
	}
	for (i = 0; i < 15; i++)
		ipc_close(&more[i]);
}

static void
a_page_is_served_where_the_monitor_says(void **state)
{
	static const char ask_page[] =
	    "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	struct pollfd p = { .events = POLLIN };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char text[64];

	(void)state;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	memset(&msg, 0, sizeof(msg));
	msg.u.listen.kind = IPC_LISTEN_HTTP;
	tell(&monitor, IPC_LISTEN, 0, fd);
	p.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(p.fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(write(p.fd, ask_page, strlen(ask_page)),
	    strlen(ask_page));
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_true(read(p.fd, text, sizeof(text)) > 15);
	assert_memory_equal(text, "HTTP/1.1 200 OK", 15);
	close(p.fd);
	/* The control socket is another one. */
	ask("top\n");
	hears("{\"end\":\"refused\",\"error\":\"pinholectl alone has this "
	      "verb\"}\n");
}

static void
calls_come_first(void **state)
{
	(void)state;
	assert_int_equal(getpriority(PRIO_PROCESS, (id_t)child), 10);
}

#ifdef __linux__
static void
it_may_have_many_descriptors(void **state)
{
	struct rlimit r;

	(void)state;
	assert_int_equal(prlimit(child, RLIMIT_NOFILE, NULL, &r), 0);
	assert_int_equal(r.rlim_cur, 4096);
	assert_int_equal(r.rlim_max, 4096);
}
#else
static void
it_may_have_many_descriptors(void **state)
{
	(void)state;
	print_message("only Linux tells the limits of another process\n");
	skip();
}
#endif

static void
counters_are_asked_for_each_second(void **state)
{
	(void)state;
	await(&engine, IPC_TELL);
	assert_int_equal(msg.u.tell.what, IPC_TELL_COUNTERS);
	await(&proxy, IPC_TELL);
	process_quit();
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_monitor_answers_with_a_file),
		T(others_answer_for_themselves),
		T(each_failure_has_its_words),
		T(a_pinhole_is_asked_about_where_it_is),
		T(the_engine_that_knows_is_asked),
		T(who_is_not_there_is_not_asked),
		T(one_source_too_many_is_let_go),
		T(a_page_is_served_where_the_monitor_says),
		T(calls_come_first),
		T(it_may_have_many_descriptors),
		T(counters_are_asked_for_each_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
