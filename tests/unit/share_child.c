/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/process/channel.h"
#include "src/share/process.h"
#include "tests/unit/share_child.h"

struct belief *belief;
static struct conf *conf;
struct record_group group;	    /* its key is in a file */
struct ipc monitor, engine, status; /* our ends */
struct ipc_msg msg;
pid_t child;
static char file[2][32]; /* of the key and the password */
int far[2];		 /* the server's ends */
static FILE *said;	 /* its log */
struct child_in in[2];
char body[5000];

int64_t __wrap_clock_now(void);
int64_t __real_clock_now(void);
int64_t __wrap_clock_wall(int64_t now);
bool __wrap_channel_recovered(struct channel *c);
bool __real_channel_recovered(struct channel *c);

int64_t
__wrap_clock_now(void)
{
	return __real_clock_now() + (belief != NULL ? belief->ahead : 0);
}

int64_t
__wrap_clock_wall(int64_t now)
{
	return now + belief->set;
}

bool
__wrap_channel_recovered(struct channel *c)
{
	bool yes = belief->recovered;

	belief->recovered = false;
	return __real_channel_recovered(c) || yes;
}

static void
server_sends(int i, const void *p, size_t len)
{
	assert_int_equal(write(far[i], p, len), len);
}

void
server_says(int i, const char *text)
{
	server_sends(i, text, strlen(text));
}

static bool
command_cut(int i)
{
	char *p = in[i].raw, *end = p + in[i].len, *nl;
	long n, len;

	if ((nl = memchr(p, '\n', in[i].len)) == NULL)
		return false;
	assert_int_equal(*p, '*');
	n = strtol(p + 1, NULL, 10);
	assert_in_range(n, 1, ROWS(in[i].v));
	for (in[i].n = 0, p = nl + 1; in[i].n < n; in[i].n++) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			return false;
		assert_int_equal(*p, '$');
		len = strtol(p + 1, NULL, 10);
		if (end - nl - 1 < len + 2)
			return false;
		in[i].v[in[i].n] = (struct span) { nl + 1, (size_t)len };
		p = nl + 1 + len + 2;
	}
	return true;
}

/* Forget the command that was read last. */
static void
command_drop(int i)
{
	const struct span *last;
	size_t n;

	if (in[i].n == 0)
		return;
	last = &in[i].v[in[i].n - 1];
	n = (size_t)(last->p + last->len + 2 - in[i].raw);
	memmove(in[i].raw, in[i].raw + n, in[i].len - n);
	in[i].len -= n;
	in[i].n = 0;
}

/* The next command begins with these words. */
void
server_reads(int i, const char *want)
{
	struct pollfd p = { .fd = far[i], .events = POLLIN };
	struct span rest = span_of(want), word;
	ssize_t n;
	int k;

	command_drop(i);
	while (!command_cut(i)) {
		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		n = read(far[i], in[i].raw + in[i].len,
		    sizeof(in[i].raw) - in[i].len);
		assert_true(n > 0);
		in[i].len += (size_t)n;
	}
	for (k = 0; rest.len > 0; k++) {
		word = span_cut(rest, ' ', &rest);
		assert_true(k < in[i].n);
		if (!span_eq(in[i].v[k], word))
			fail_msg("%.*s is not %.*s", (int)in[i].v[k].len,
			    in[i].v[k].p, (int)word.len, word.p);
	}
}

struct record
record_of(struct span s)
{
	struct record r;

	assert_int_equal(record_read(&group, s.p, s.len, &r), RECORD_FINE);
	assert_string_equal(r.box, "fw1");
	assert_true(r.boot != 0);
	return r;
}

/* A record that is told to the stream; others of another type are none. */
struct record
server_is_told(enum record_type type)
{
	struct record r;

	do {
		server_reads(0,
		    "XADD pinholed:{fw}:changes MAXLEN ~ 200000 * r");
		r = record_of(in[0].v[7]);
		server_says(0, "$3\r\n1-1\r\n");
	} while (r.type == RECORD_HELLO && type != RECORD_HELLO);
	assert_int_equal(r.type, type);
	return r;
}

/* A record comes by the stream, which is asked again. */
static void
stream_brings(const void *p, size_t len)
{
	char text[128];

	snprintf(text, sizeof(text),
	    "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n8-0\r\n*2\r\n$1\r\nr\r\n"
	    "$%zu\r\n",
	    len);
	server_says(1, text);
	server_sends(1, p, len);
	server_says(1, "\r\n");
	server_reads(1,
	    "XREAD COUNT 500 BLOCK 5000 STREAMS pinholed:{fw}:changes 8-0");
}

void
box_brings(const char *box, enum record_type type, const uint8_t *key,
    uint64_t version, struct span text, int64_t ago)
{
	static uint8_t buf[RECORD_MAX];
	struct record r = { .type = type,
		.boot = 9,
		.version = version,
		.written = clock_now() - ago,
		.body = text };
	size_t len;

	strlcpy(r.box, box, sizeof(r.box));
	if (key != NULL)
		memcpy(r.key, key, sizeof(r.key));
	assert_true(record_write(&group, &r, buf, sizeof(buf), &len));
	stream_brings(buf, len);
}

/* So many times 2 seconds: each has a hello, which comes back. */
void
time_goes(int turns)
{
	while (turns-- > 0) {
		belief->ahead += BOXES_HELLO;
		(void)server_is_told(RECORD_HELLO);
		stream_brings(in[0].v[7].p, in[0].v[7].len);
	}
}

void
tell(struct ipc *c, enum ipc_type type, uint64_t seq, int fd)
{
	assert_int_equal(ipc_send(c, type, seq, &msg, fd), PH_OK);
	memset(&msg, 0, sizeof(msg));
}

/* The next message of this type; those that it is well may come before. */
void
expect(struct ipc *c, enum ipc_type type)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int fd;

	for (;;) {
		if (ipc_recv(c, &msg, &fd) != PH_OK)
			assert_int_equal(poll(&p, 1, PATIENCE), 1);
		else if (msg.hdr.type == type)
			return;
		else if (msg.hdr.type != IPC_BEAT && msg.hdr.type != IPC_READY)
			fail_msg("message %u, not %u", msg.hdr.type, type);
	}
}

/* The monitor gives the child a way to somebody. */
void
link_it(struct ipc *c, enum ipc_type type)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(c, fds[1]);
	memset(&msg, 0, sizeof(msg));
	tell(&monitor, type, 0, fds[0]);
}

void
connect_it(int i)
{
	int fds[2];

	expect(&monitor, IPC_CONNECT);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	far[i] = fds[1];
	in[i].len = 0;
	in[i].n = 0;
	memset(&msg, 0, sizeof(msg));
	tell(&monitor, IPC_CONNECTED, 0, fds[0]);
}

static void
file_of(int i, const char *text)
{
	int fd;

	strlcpy(file[i], "/tmp/pinholed-test.XXXXXX", sizeof(file[i]));
	assert_return_code(fd = mkstemp(file[i]), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

void
configure(int limit, const char *more)
{
	char text[512];

	snprintf(text, sizeof(text),
	    "protect 127.0.0.0/8\ninterface lo\nsip { limit calls %d }\n"
	    "share redis \"127.0.0.1:6379\" group \"fw\" %s\n",
	    limit, more);
	conf_free(conf);
	assert_int_equal(conf_parse(&conf, span_of(text), "x", NULL, 0, stderr),
	    PH_OK);
}

void
start(void)
{
	static struct sandbox sandbox;
	struct share_args args = { .conf = conf, .sandbox = &sandbox };
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	fflush(NULL);
	if ((child = fork()) == 0) {
		close(fds[1]);
		dup2(fileno(said), STDERR_FILENO);
		args.monitor_fd = fds[0];
		_exit(share_process(&args));
	}
	close(fds[0]);
	ipc_init(&monitor, fds[1]);
}

int
begin(void **state)
{
	static const char key[] = "0123456789012345678901234567890123456789";
	char text[256];

	(void)state;
	belief = mmap(NULL, sizeof(*belief), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(belief != MAP_FAILED);
	file_of(0, key);
	file_of(1, "pw\n");
	group =
	    (struct record_group) { .name = "fw", .keylen = sizeof(key) - 1 };
	memcpy(group.key, key, sizeof(key) - 1);
	snprintf(text, sizeof(text), "name \"fw1\" key \"%s\" password \"%s\"",
	    file[0], file[1]);
	configure(77, text);
	assert_non_null(said = tmpfile());
	ipc_init(&monitor, -1);
	ipc_init(&engine, -1);
	ipc_init(&status, -1);
	far[0] = far[1] = -1;
	return 0;
}

int
exit_status(void)
{
	int i, rc = 0, how = -1;

	for (i = 0; i < PATIENCE / 5 && rc == 0; i++)
		if ((rc = waitpid(child, &how, WNOHANG)) == 0)
			(void)poll(NULL, 0, 5);
	assert_int_equal(rc, child);
	child = 0;
	return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

int
end(void **state)
{
	int i;

	(void)state;
	if (child != 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	child = 0;
	ipc_close(&monitor);
	ipc_close(&engine);
	ipc_close(&status);
	for (i = 0; i < 2; i++) {
		unlink(file[i]);
		if (far[i] != -1)
			close(far[i]);
	}
	fclose(said);
	munmap(belief, sizeof(*belief));
	belief = NULL;
	conf_free(conf);
	conf = NULL;
	return 0;
}

/* How many lines of its log have this text. */
int
lines(const char *text)
{
	char line[512];
	int n = 0;

	rewind(said);
	while (fgets(line, sizeof(line), said) != NULL)
		n += strstr(line, text) != NULL;
	return n;
}

void
logs(const char *text, int want)
{
	int i;

	for (i = 0; i < PATIENCE / 5 && lines(text) < want; i++)
		(void)poll(NULL, 0, 5);
	assert_int_equal(lines(text), want);
}

void
join(void)
{
	start();
	connect_it(0);
	server_reads(0, "AUTH pw");
	server_reads(0, "XREVRANGE pinholed:{fw}:changes + - COUNT 1");
	server_says(0, "+OK\r\n*0\r\n");
	server_reads(0, "SCAN 0 MATCH pinholed:{fw}:call:* COUNT 300");
	server_says(0, "*2\r\n$1\r\n0\r\n*0\r\n");
	connect_it(1);
	server_reads(1, "AUTH pw");
	server_says(1, "+OK\r\n");
	server_reads(1,
	    "XREAD COUNT 500 BLOCK 5000 STREAMS pinholed:{fw}:changes 0-0");
	(void)server_is_told(RECORD_HELLO);
	link_it(&engine, IPC_SHARE);
	link_it(&status, IPC_STATUS);
}

/* A call of the engine, from `offset` on: the first 3 bytes are its name. */
void
engine_tells(uint64_t id, bool changed, uint32_t offset, uint32_t n,
    uint32_t total)
{
	struct ipc_share_call *c = &msg.u.share_call;

	memset(&msg, 0, sizeof(msg));
	*c = (struct ipc_share_call) { .id = id,
		.total = total,
		.offset = offset,
		.names_at = 1,
		.names_len = 3,
		.flag = changed,
		.n = n };
	memcpy(c->bytes, body + offset, n);
	tell(&engine, IPC_SHARE_CALL, 0, -1);
}

const uint8_t *
key_of(const char *name)
{
	static uint8_t key[RECORD_KEY];

	assert_true(record_key(&group, span_of(name), key));
	return key;
}
