/* SPDX-License-Identifier: ISC */
/*
 * The proxy process as its neighbours see it: a real process, whose monitor,
 * firewall and status process and clients are the test.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/compat/memfile.h"
#include "src/process/checkpoint.h"
#include "src/proxy/link.h"
#include "src/proxy/process.h"
#include "tables/wire.h"
#include "tests/unit/unit.h"

#define PATIENCE 10000 /* ms, for anything that is to happen */

static struct conf *conf;
static struct listeners listeners;
static struct proxy_args args;
static struct sandbox sandbox;
static struct ipc monitor, fw, status; /* our ends */
static struct ipc_msg msg;
static pid_t child;
static int journal[2];
static char key[] = "/tmp/pinholed-test.XXXXXX";
static int64_t idle; /* what the child is to believe */

int64_t __wrap_proxy_idle(const struct proxy *p);
int64_t __real_proxy_idle(const struct proxy *p);

int64_t
__wrap_proxy_idle(const struct proxy *p)
{
	return idle != 0 ? idle : __real_proxy_idle(p);
}

static struct endpoint
name_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	return endpoint_from_sockaddr((struct sockaddr *)&ss);
}

static char allowed[8192]; /* names of tables */

static int
begin(void **state)
{
	char config[sizeof(allowed) + 512], text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	size_t i;
	int fd;

	(void)state;
	strlcpy(key, "/tmp/pinholed-test.XXXXXX", sizeof(key));
	if ((fd = mkstemp(key)) == -1 ||
	    write(fd, "0123456789012345678901234567890123456789", 40) != 40)
		return -1;
	close(fd);
	snprintf(config, sizeof(config),
	    "protect 127.0.0.0/8\ninterface lo\n"
	    "ftp { proxy on 127.0.0.1 port 1 max sessions 7 }\n"
	    "tftp { proxy on 127.0.0.1 port 1 max sessions 9 }\n"
	    "tables { listen on 127.0.0.1 key \"%s\" allow { %s } }\n",
	    key, allowed[0] != '\0' ? allowed : "bad good");
	if (conf_parse(&conf, span_of(config), "x", NULL, 0, stderr) != PH_OK)
		return -1;
	free(conf->firewall);
	conf->firewall = strdup("dry-run");
	/* Any ports. */
	conf->ftp.proxy[0].listen.port = conf->tftp.proxy[0].listen.port =
	    conf->tables.listen.port = 0;
	if (listeners_open(&listeners, conf, LISTEN_FOR_PROXY, NULL, &why) !=
	    PH_OK)
		return -1;
	for (i = 0; i < listeners.n; i++)
		listeners.v[i].at = name_of(listeners.v[i].fd);
	conf->ftp.proxy[0].listen = listeners.v[0].at;
	conf->tftp.proxy[0].listen = listeners.v[1].at;
	journal[0] = memfile_open();
	journal[1] = memfile_open();
	args = (struct proxy_args) { .conf = conf,
		.foreground = true,
		.sandbox = &sandbox,
		.journal_fds = { journal[0], journal[1] },
		.journal_limit = 1 << 20,
		.first_run = true,
		.listeners = &listeners };
	ipc_init(&monitor, -1);
	ipc_init(&fw, -1);
	ipc_init(&status, -1);
	child = 0;
	idle = 0;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	if (child != 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	ipc_close(&monitor);
	ipc_close(&fw);
	ipc_close(&status);
	listeners_close(&listeners, NULL);
	conf_free(conf);
	close(journal[0]);
	close(journal[1]);
	return unlink(key);
}

/* The next message is of this type; its descriptor, or -1. */
static int
expect(struct ipc *c, enum ipc_type type)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int fd;

	for (;;) {
		if (ipc_recv(c, &msg, &fd) == PH_OK)
			break;
		assert_int_equal(poll(&p, 1, PATIENCE), 1);
	}
	assert_int_equal(msg.hdr.type, type);
	return fd;
}

static void
tell(struct ipc *c, enum ipc_type type, uint64_t seq, int fd)
{
	assert_int_equal(ipc_send(c, type, seq, &msg, fd), PH_OK);
}

static void
start(void)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	fflush(NULL);
	if ((child = fork()) == 0) {
		close(fds[1]);
		args.monitor_fd = fds[0];
		_exit(proxy_main(&args));
	}
	close(fds[0]);
	ipc_init(&monitor, fds[1]);
	assert_int_equal(expect(&monitor, IPC_READY), -1);
}

/* A firewall process, that is told everything. */
static void
link_it(void)
{
	int fds[2];

	ipc_close(&fw);
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&fw, fds[1]);
	tell(&monitor, IPC_FW, 0, fds[0]);
	(void)expect(&fw, IPC_BEGIN);
	(void)expect(&fw, IPC_SETTLE);
}

static int
exit_status(void)
{
	int64_t begun = clock_now();
	int rc, how = -1;

	while ((rc = waitpid(child, &how, WNOHANG)) == 0 &&
	    clock_now() - begun < PATIENCE * 1000)
		(void)poll(NULL, 0, 5);
	assert_int_equal(rc, child);
	child = 0;
	return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

static void
quit(void)
{
	memset(&msg, 0, sizeof(msg));
	tell(&monitor, IPC_QUIT, 0, -1);
	assert_int_equal(exit_status(), 0);
}

static struct endpoint
at(enum listen_kind kind)
{
	size_t i;

	for (i = 0; i < listeners.n; i++)
		if (listeners.v[i].kind == kind)
			return name_of(listeners.v[i].fd);
	return (struct endpoint) { 0 };
}

/* A client inside, connected to the service. */
static int
client(int type, enum listen_kind kind)
{
	struct endpoint from = { 0 }, to = at(kind);
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	assert_int_equal(addr_parse(span_of("127.0.0.2"), &from.addr), PH_OK);
	len = (socklen_t)endpoint_to_sockaddr(&from, &ss);
	fd = socket(AF_INET, type, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = (socklen_t)endpoint_to_sockaddr(&to, &ss);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

/* What a client reads next; "" after a while, or at the end. */
static const char *
heard(int fd, int ms)
{
	static char text[600];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&p, 1, ms) == 1)
		n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

#define NO_SERVER "421 The server cannot be reached\r\n"

/* The answer to the question where a client wanted to go. */
static void
answer_nowhere(uint64_t seq)
{
	memset(&msg, 0, sizeof(msg));
	msg.u.target.err = PH_EGONE;
	tell(&fw, IPC_TARGET, seq, -1);
}

static void
services_begin_with_a_firewall_process(void **state)
{
	int ftp, tftp;

	(void)state;
	start();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	assert_string_equal(heard(ftp, 50), "");
	/* One message without its descriptor is no firewall process. */
	tell(&monitor, IPC_FW, 0, -1);
	link_it();
	(void)expect(&fw, IPC_ORIGINAL);
	assert_int_equal(msg.u.original.flow.client.port, name_of(ftp).port);
	answer_nowhere(msg.hdr.seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
	tftp = client(SOCK_DGRAM, LISTEN_TFTP);
	assert_int_equal(send(tftp, "\0\1boot\0octet\0", 13, 0), 13);
	(void)expect(&fw, IPC_ORIGINAL);
	answer_nowhere(msg.hdr.seq);
	assert_memory_equal(heard(tftp, PATIENCE), "\0\5\0\0", 4);
	close(tftp);
	/* Its successor is told everything, and nothing starts twice. */
	link_it();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	(void)expect(&fw, IPC_ORIGINAL);
	answer_nowhere(msg.hdr.seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
	quit();
}

static void
who_leaves_without_sessions_goes(void **state)
{
	(void)state;
	start();
	link_it();
	tell(&monitor, IPC_LEAVE, 0, -1);
	assert_int_equal(exit_status(), 0);
}

static void
who_leaves_with_sessions_ends_them(void **state)
{
	uint64_t seq;
	int ftp, other;

	(void)state;
	start();
	link_it();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	(void)expect(&fw, IPC_ORIGINAL);
	seq = msg.hdr.seq;
	tell(&monitor, IPC_LEAVE, 0, -1);
	(void)expect(&monitor, IPC_READY);
	/* It accepts nothing any more. */
	other = client(SOCK_STREAM, LISTEN_FTP);
	assert_string_equal(heard(other, 50), "");
	close(other);
	answer_nowhere(seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
	assert_int_equal(exit_status(), 0);
}

/* Of both services; it goes with the last. */
static void
who_leaves_waits_for_sessions_of_each_service(void **state)
{
	uint64_t seq[2];
	int ftp, tftp;

	(void)state;
	start();
	link_it();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	(void)expect(&fw, IPC_ORIGINAL);
	seq[0] = msg.hdr.seq;
	tftp = client(SOCK_DGRAM, LISTEN_TFTP);
	assert_int_equal(send(tftp, "\0\1boot\0octet\0", 13, 0), 13);
	(void)expect(&fw, IPC_ORIGINAL);
	seq[1] = msg.hdr.seq;
	tell(&monitor, IPC_LEAVE, 0, -1);
	(void)expect(&monitor, IPC_READY);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	answer_nowhere(seq[0]);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	(void)poll(NULL, 0, 1200);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	answer_nowhere(seq[1]);
	assert_memory_equal(heard(tftp, PATIENCE), "\0\5\0\0", 4);
	close(ftp);
	close(tftp);
	assert_int_equal(exit_status(), 0);
}

static void
who_is_there_for_one_service_goes_when_idle(void **state)
{
	int64_t begun;

	(void)state;
	args.until_idle = true;
	idle = 5 * USEC_PER_SEC - 1;
	start();
	link_it();
	(void)poll(NULL, 0, 1200);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	quit();
	idle = 5 * USEC_PER_SEC;
	begun = clock_now();
	start();
	link_it();
	assert_int_equal(exit_status(), 0);
	assert_true(clock_now() - begun < 3 * USEC_PER_SEC);
}

/* The status process is told, and asks. */
static void
connect_status(void)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&status, fds[1]);
	tell(&monitor, IPC_STATUS, 0, fds[0]);
}

static void
skip_until(enum ipc_type type)
{
	struct pollfd p = { .fd = status.fd, .events = POLLIN };
	int fd;

	for (;;) {
		if (ipc_recv(&status, &msg, &fd) != PH_OK)
			assert_int_equal(poll(&p, 1, PATIENCE), 1);
		else if (msg.hdr.type == type)
			return;
	}
}

static void
the_status_process_asks(void **state)
{
	uint32_t i, n = 0;

	(void)state;
	start();
	link_it();
	connect_status();
	skip_until(IPC_FEED_END);
	memset(&msg, 0, sizeof(msg));
	tell(&status, IPC_SHOW_TABLES, 5, -1);
	skip_until(IPC_FEED_TEXT);
	assert_int_equal(msg.hdr.seq, 5);
	assert_memory_equal(msg.u.feed_text.text, "{\"table\":\"bad\"", 14);
	skip_until(IPC_DONE);
	assert_int_equal(msg.hdr.seq, 5);
	assert_int_equal(msg.u.done.err, PH_OK);
	/* The entries that overlap with a prefix, of which there is none. */
	memset(&msg, 0, sizeof(msg));
	msg.u.which.n = 14;
	memcpy(msg.u.which.call, "203.0.113.0/24", 14);
	tell(&status, IPC_SHOW_TABLES, 8, -1);
	skip_until(IPC_FEED_TEXT);
	assert_int_equal(msg.hdr.seq, 8);
	assert_memory_equal(msg.u.feed_text.text, "{\"table\":\"bad\"", 14);
	skip_until(IPC_DONE);
	memset(&msg, 0, sizeof(msg));
	msg.u.tell.what = IPC_TELL_COUNTERS;
	tell(&status, IPC_TELL, 0, -1);
	skip_until(IPC_FEED_COUNTERS);
	for (i = 0; i < msg.u.feed_counters.n; i++)
		n += strncmp(msg.u.feed_counters.v[i].name, "tables_", 7) == 0;
	assert_in_range(n, 5, msg.u.feed_counters.n - 5);
	/* Nobody has such a pinhole. */
	memset(&msg, 0, sizeof(msg));
	msg.u.which.owner = 77;
	tell(&status, IPC_CLOSE_CALL, 6, -1);
	skip_until(IPC_DONE);
	assert_int_equal(msg.hdr.seq, 6);
	assert_int_equal(msg.u.done.err, PH_EGONE);
	memset(&msg, 0, sizeof(msg));
	tell(&status, IPC_EXPLAIN, 7, -1);
	skip_until(IPC_DONE);
	assert_int_equal(msg.u.done.err, PH_EUNSUPPORTED);
	quit();
}

/* The limit on descriptors of the child that ended last, or lives. */
static unsigned long
descriptors(void)
{
	char path[64], line[256];
	unsigned long soft = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/limits", (long)child);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "Max open files", 14) == 0)
			soft = strtoul(line + 14, NULL, 10);
	fclose(f);
	return soft;
}

static void
there_are_descriptors_for_all_sessions(void **state)
{
	struct rlimit before, few;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 60;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	start();
	assert_int_equal(descriptors(), 64 + 2 * 7 + 9);
	link_it();
	quit();
	/* A higher limit is kept, and there is a highest. */
	few.rlim_cur = 200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	start();
	assert_int_equal(descriptors(), 200);
	link_it();
	quit();
	if (before.rlim_max >= 65536) {
		conf->ftp.proxy[0].max_sessions = 1000000;
		start();
		assert_int_equal(descriptors(), 65536);
		link_it();
		quit();
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void
on_record(void *ctx, uint64_t k, const void *p, size_t len)
{
	unsigned int *n = ctx;

	(void)k;
	(void)p;
	(void)len;
	++*n;
}

/* A datagram that adds an entry, and the packet filter that takes it. */
static void
enter(const char *what)
{
	struct wire_request r = { .version = 3, .command = WIRE_ADD, .n = 1 };
	uint8_t buf[WIRE_MAX];
	struct key k;
	uint64_t seq;
	size_t n;
	int fd;

	assert_int_equal(key_set(&k, "",
			     span_of(
				 "0123456789012345678901234567890123456789")),
	    PH_OK);
	r.time = (uint32_t)(clock_now() / USEC_PER_SEC);
	r.nonce = 1;
	strlcpy(r.table, "bad", sizeof(r.table));
	assert_int_equal(prefix_parse(span_of(what), &r.entries[0].prefix),
	    PH_OK);
	n = wire_build(&r, &k, buf);
	assert_int_not_equal(n, 0);
	fd = client(SOCK_DGRAM, LISTEN_TABLES);
	assert_int_equal(send(fd, buf, n, 0), n);
	(void)expect(&fw, IPC_TABLE);
	assert_int_equal(msg.u.table.n, 1);
	seq = msg.hdr.seq;
	memset(&msg, 0, sizeof(msg));
	msg.u.result.err = PH_OK;
	tell(&fw, IPC_RESULT, seq, -1);
	assert_true(strlen(heard(fd, PATIENCE)) > 0);
	close(fd);
}

/* How many lines the status process gets for this question. */
static size_t
lines_shown(const char *prefix)
{
	size_t n = 0, i;
	int fd;

	memset(&msg, 0, sizeof(msg));
	msg.u.which.n = (uint32_t)strlen(prefix);
	memcpy(msg.u.which.call, prefix, strlen(prefix));
	tell(&status, IPC_SHOW_TABLES, 9, -1);
	for (;;) {
		struct pollfd p = { .fd = status.fd, .events = POLLIN };

		if (ipc_recv(&status, &msg, &fd) != PH_OK)
			assert_int_equal(poll(&p, 1, PATIENCE), 1);
		else if (msg.hdr.type == IPC_DONE)
			return n;
		else if (msg.hdr.type == IPC_FEED_TEXT)
			for (i = 0; i < msg.u.feed_text.n; i++)
				n += msg.u.feed_text.text[i] == '\n';
	}
}

/* A line for each table, and for each entry that was asked for. */
static void
entries_are_shown_to_who_asks_for_them(void **state)
{
	(void)state;
	start();
	link_it();
	enter("203.0.113.9");
	connect_status();
	skip_until(IPC_FEED_END);
	assert_int_equal(lines_shown(""), 2);
	assert_int_equal(lines_shown("203.0.113.0/24"), 3);
	assert_int_equal(lines_shown("203.0.113.8"), 2);
	assert_int_equal(lines_shown("nonsense"), 0);
	quit();
}

/* What the child logs, whose stderr is a file of ours. */
static char said[] = "/tmp/pinholed-test.XXXXXX";
static int said_fd, true_stderr;

static void
listen_to_log(void)
{
	const struct log_options o = { .foreground = true };

	strlcpy(said, "/tmp/pinholed-test.XXXXXX", sizeof(said));
	assert_true((said_fd = mkstemp(said)) != -1);
	unlink(said);
	fflush(stderr);
	true_stderr = dup(STDERR_FILENO);
	dup2(said_fd, STDERR_FILENO);
	log_init(&o);
}

/* All that was said until the child has ended. */
static const char *
log_said(void)
{
	static char text[65536];
	ssize_t n;

	dup2(true_stderr, STDERR_FILENO);
	close(true_stderr);
	n = pread(said_fd, text, sizeof(text) - 1, 0);
	close(said_fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static size_t
count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void
a_report_is_two_lines_in_the_log(void **state)
{
	struct rlimit before, few;
	const char *text;

	(void)state;
	listen_to_log();
	/* More descriptors are to be had, and no line is about them. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 60;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	start();
	link_it();
	tell(&monitor, IPC_REPORT, 0, -1);
	quit();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	text = log_said();
	assert_int_equal(count_of(text, "\n"), 5);
	assert_int_equal(count_of(text, "proxy: listening on 127.0.0.1:"), 3);
	assert_int_equal(count_of(text,
			     "proxy: open=0 opened=0 closed=0 refused=0 "
			     "questions=0 "
			     "unanswered=0"),
	    1);
	assert_int_equal(count_of(text, "tables: entries=0 added=0 "), 1);
}

#define JUNK (UINT64_C(7) << 32)

static void
on_junk(void *ctx, uint64_t k, const void *p, size_t len)
{
	unsigned int *n = ctx;

	(void)p;
	(void)len;
	*n += k >= JUNK && k < JUNK + 3;
}

/* The tables read the journal, and delete what means nothing to them. */
static void
records_are_read_by_their_owner(void **state)
{
	struct checkpoint *c;
	unsigned int n = 0;
	uint64_t k;

	(void)state;
	assert_int_equal(checkpoint_open(&c, journal, 1 << 20, on_junk, &n),
	    PH_OK);
	for (k = JUNK; k < JUNK + 3; k++)
		assert_int_equal(checkpoint_put(c, k, "junk", 4), PH_OK);
	assert_int_equal(checkpoint_sync(c), PH_OK);
	checkpoint_close(c);
	start();
	link_it();
	quit();
	assert_int_equal(checkpoint_open(&c, journal, 1 << 20, on_junk, &n),
	    PH_OK);
	checkpoint_close(c);
	assert_int_equal(n, 0);
}

/* Messages go out with as many lines as there is room for. */
static void
lines_go_together(void **state)
{
	char name[40], text[8192];
	size_t i, len = 0, messages = 0, lines = 0;

	/* Many tables with long names: a line each. */
	end(state);
	for (i = 0; i < 200; i++)
		snprintf(allowed + strlen(allowed),
		    sizeof(allowed) - strlen(allowed),
		    "a_table_of_a_name_%03zu ", i);
	begin(state);
	allowed[0] = '\0';
	start();
	link_it();
	connect_status();
	skip_until(IPC_FEED_END);
	memset(&msg, 0, sizeof(msg));
	tell(&status, IPC_SHOW_TABLES, 5, -1);
	for (;;) {
		struct pollfd p = { .fd = status.fd, .events = POLLIN };
		int fd;

		if (ipc_recv(&status, &msg, &fd) != PH_OK) {
			assert_int_equal(poll(&p, 1, PATIENCE), 1);
			continue;
		}
		if (msg.hdr.type == IPC_DONE)
			break;
		if (msg.hdr.type != IPC_FEED_TEXT)
			continue;
		assert_int_equal(msg.hdr.seq, 5);
		messages++;
		/* Whole lines, and another one would not fit. */
		text[0] = '\0';
		snprintf(text, sizeof(text), "%.*s", (int)msg.u.feed_text.n,
		    msg.u.feed_text.text);
		if (len > 0)
			assert_true(len + strcspn(text, "\n") + 1 > IPC_TEXT);
		len = strlen(text);
		assert_true(len > 0 && len <= IPC_TEXT);
		assert_int_equal(text[len - 1], '\n');
		for (i = 0; i < len; i++)
			if (text[i] == '\n') {
				snprintf(name, sizeof(name), "_%03zu\"",
				    lines++);
				assert_non_null(strstr(text, name));
			}
	}
	assert_int_equal(lines, 200);
	assert_true(messages > 2);
	quit();
}

static void
counters_outlive_it(void **state)
{
	struct checkpoint *c;
	unsigned int n = 0;
	int ftp;

	(void)state;
	start();
	link_it();
	ftp = client(SOCK_STREAM, LISTEN_FTP);
	(void)expect(&fw, IPC_ORIGINAL);
	answer_nowhere(msg.hdr.seq);
	assert_string_equal(heard(ftp, PATIENCE), NO_SERVER);
	close(ftp);
	tell(&monitor, IPC_REPORT, 0, -1);
	quit();
	assert_int_equal(checkpoint_open(&c, journal, 1 << 20, on_record, &n),
	    PH_OK);
	checkpoint_close(c);
	assert_true(n > 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(services_begin_with_a_firewall_process),
		T(who_leaves_without_sessions_goes),
		T(who_leaves_with_sessions_ends_them),
		T(who_leaves_waits_for_sessions_of_each_service),
		T(who_is_there_for_one_service_goes_when_idle),
		T(the_status_process_asks),
		T(there_are_descriptors_for_all_sessions),
		T(entries_are_shown_to_who_asks_for_them),
		T(a_report_is_two_lines_in_the_log),
		T(records_are_read_by_their_owner),
		T(lines_go_together),
		T(counters_outlive_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
