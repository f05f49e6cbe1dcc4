/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <event2/event.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/timers.h"
#include "src/compat/memfile.h"
#include "tests/unit/process_play.h"

int __real_event_add(struct event *ev, const struct timeval *tv);
int __wrap_event_add(struct event *ev, const struct timeval *tv);

/* Shared with the process: the time that was set last, and how often. */
static struct timer_set {
	volatile int64_t us;
	volatile unsigned int n;
} * timer;

int
__wrap_event_add(struct event *ev, const struct timeval *tv)
{
	if (tv != NULL) {
		timer->us = tv->tv_sec * USEC_PER_SEC + tv->tv_usec;
		timer->n++;
	}
	return __real_event_add(ev, tv);
}

struct conf *conf;
struct engine_args args;
struct packetq queue;
struct listeners listeners;
struct ipc monitor, fw, status, sharer;
struct ipc_msg msg;
pid_t child;
uint64_t seq;

static struct sandbox sandbox;
static int journal[2], output;

int
begin(void **state)
{
	(void)state;
	if (conf_parse(&conf,
		span_of("protect { 192.0.2.0/24 203.0.113.0/24 }\nsip { port "
			"5060\ntimeout "
			"idle 100\n}\nftp { port 21 }\n"
			"firewall nftables\nbuffer 9000000\n"),
		"test", NULL, 0, stderr) != PH_OK)
		return -1;
	journal[0] = memfile_open();
	journal[1] = memfile_open();
	args = (struct engine_args) { .conf = conf,
		.format = EVENTS_TEXT,
		.foreground = true,
		.sandbox = &sandbox,
		.journal_fds = { journal[0], journal[1] },
		.journal_limit = 1 << 20,
		.listeners = &listeners,
		.queue = &queue };
	ipc_init(&monitor, -1);
	ipc_init(&fw, -1);
	ipc_init(&status, -1);
	ipc_init(&sharer, -1);
	queue = (struct packetq) { .fd = -1 };
	listeners = (struct listeners) { NULL, 0 };
	child = 0;
	if (timer == NULL)
		timer = mmap(NULL, sizeof(*timer), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANON, -1, 0);
	if (timer == MAP_FAILED)
		return -1;
	timer->us = -1;
	output = memfile_open();
	fake_capture_begin();
	return 0;
}

const char *
logged(void)
{
	static char text[65536];
	ssize_t n = pread(output, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

int
end(void **state)
{
	(void)state;
	if (child != 0) {
		print_message("%s", logged());
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	ipc_close(&monitor);
	ipc_close(&fw);
	ipc_close(&status);
	ipc_close(&sharer);
	fake_capture_end();
	conf_free(conf);
	close(journal[0]);
	close(journal[1]);
	close(output);
	return 0;
}

/* The next message; IPC_BEATs are left out. */
static void
next(struct ipc *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	enum ph_err rc;
	int fd;

	for (;;) {
		rc = ipc_recv(c, &msg, &fd);
		if (rc == PH_EAGAIN)
			assert_int_equal(poll(&p, 1, PATIENCE), 1);
		else {
			assert_int_equal(rc, PH_OK);
			assert_int_equal(fd, -1);
			if (msg.hdr.type != IPC_BEAT)
				return;
		}
	}
}

void
expect(struct ipc *c, enum ipc_type type)
{
	next(c);
	assert_int_equal(msg.hdr.type, type);
	if (type == IPC_WAITS || type == IPC_RELEASE) {
		assert_int_equal(msg.hdr.seq, 0);
		return;
	}
	if (c != &fw)
		return;
	/* Each of these has a number of its own. */
	assert_true(msg.hdr.seq > seq);
	seq = msg.hdr.seq;
}

void
await(struct ipc *c, enum ipc_type type)
{
	do
		next(c);
	while (msg.hdr.type != type);
}

void
tell(struct ipc *c, enum ipc_type type, int fd)
{
	assert_int_equal(ipc_send(c, type, 77, &msg, fd), PH_OK);
	memset(&msg, 0, sizeof(msg));
}

void
start(void)
{
	struct log_options log = { .foreground = true };
	struct sigaction ignored = { .sa_handler = SIG_IGN };
	char want[128];
	int fds[2];

	assert_int_equal(ipc_pair(fds), PH_OK);
	fflush(NULL);
	if ((child = fork()) == 0) {
		close(fds[1]);
		ipc_close(&fw);
		dup2(output, STDOUT_FILENO);
		dup2(output, STDERR_FILENO);
		sigaction(SIGPIPE, &ignored, NULL);
		sigaction(SIGTERM, &ignored, NULL);
		log_init(&log);
		args.monitor_fd = fds[0];
		_exit(engine_main(&args));
	}
	close(fds[0]);
	ipc_close(&monitor);
	ipc_init(&monitor, fds[1]);
	expect(&monitor, IPC_READY);
	memset(&msg, 0, sizeof(msg));
	snprintf(want, sizeof(want),
	    "open in0 of 1, buffer 9000000, own 1, inside %d, port %d, here",
	    conf->sip.inline_ ? 2 : 0, conf->sip.on);
	assert_string_equal(fake_capture_done(PATIENCE), want);
}

void
give(enum ipc_type type, struct ipc *ours)
{
	int fds[2];

	ipc_close(ours);
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(ours, fds[1]);
	tell(&monitor, type, fds[0]);
}

void
link_it(void)
{
	seq = 0;
	give(IPC_FW, &fw);
	expect(&fw, IPC_BEGIN);
	expect(&fw, IPC_BEGIN);
	expect(&fw, IPC_SETTLE);
}

int
exit_status(void)
{
	int64_t begun = clock_now();
	int rc, how = -1;

	while ((rc = waitpid(child, &how, WNOHANG)) == 0 &&
	    clock_now() - begun < PATIENCE * 1000)
		(void)poll(NULL, 0, 2);
	assert_int_equal(rc, child);
	child = 0;
	return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

void
await_log(const char *what)
{
	int64_t begun = clock_now();

	while (strstr(logged(), what) == NULL) {
		assert_true(clock_now() - begun < PATIENCE * 1000);
		(void)poll(NULL, 0, 2);
	}
}

void
await_timer(int64_t us)
{
	int64_t begun = clock_now();

	while (timer->us != us) {
		assert_true(clock_now() - begun < PATIENCE * 1000);
		(void)poll(NULL, 0, 2);
	}
}

unsigned int
timers_set(void)
{
	return timer->n;
}

void
quit(bool keep, int want)
{
	memset(&msg, 0, sizeof(msg));
	msg.u.quit.keep = keep;
	tell(&monitor, IPC_QUIT, -1);
	assert_int_equal(exit_status(), want);
}

void
wire(enum wire_kind kind, int64_t v)
{
	struct wire w = { .kind = kind, .value = v };

	fake_capture_wire(&w);
}

struct wire
sip_wire(bool inside, const char *first, const char *cseq, unsigned int call,
    uint16_t port, int64_t stamp)
{
	struct endpoint pbx = { addr_v4(192, 0, 2, 10), 5060 };
	struct endpoint phone = { addr_v4(198, 51, 100, 7), 5060 };
	struct wire w = { .kind = WIRE_UDP,
		.stamp = stamp,
		.src = inside ? pbx : phone,
		.dst = inside ? phone : pbx,
		.dir = inside ? PKT_IN : PKT_OUT };
	char sdp[256] = "";
	const char *host = inside ? "192.0.2.10" : "198.51.100.7";

	if (port != 0)
		snprintf(sdp, sizeof(sdp),
		    "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\n"
		    "t=0 0\r\nm=audio %u RTP/AVP 0\r\n",
		    host, host, port);
	w.len = (uint32_t)snprintf(w.text, sizeof(w.text),
	    "%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%u%s\r\n"
	    "From: <sip:a@x>;tag=f\r\nTo: <sip:b@x>%s\r\nCall-ID: c%u\r\n"
	    "CSeq: %s\r\n%sContent-Length: %zu\r\n\r\n%s",
	    first, call, cseq + 2,
	    strcmp(first, "INVITE sip:x SIP/2.0") == 0 ? "" : ";tag=t", call,
	    cseq, port != 0 ? "Content-Type: application/sdp\r\n" : "",
	    strlen(sdp), sdp);
	return w;
}

void
sip(bool inside, const char *first, const char *cseq, unsigned int call,
    uint16_t port, int64_t stamp)
{
	struct wire w = sip_wire(inside, first, cseq, call, port, stamp);

	fake_capture_wire(&w);
}

void
call(unsigned int n, int64_t stamp)
{
	sip(false, "INVITE sip:x SIP/2.0", "1 INVITE", n, 4000, stamp);
	sip(true, "SIP/2.0 200 OK", "1 INVITE", n, (uint16_t)(10000 + 2 * n),
	    stamp + 1);
}

void
hang_up(unsigned int n, int64_t stamp)
{
	sip(false, "BYE sip:x SIP/2.0", "2 BYE", n, 0, stamp);
	sip(true, "SIP/2.0 200 OK", "2 BYE", n, 0, stamp + 1);
}

void
commits(enum fw_op op, unsigned int n, int64_t stamp)
{
	unsigned int i;

	expect(&fw, IPC_COMMIT);
	assert_int_equal(msg.u.commit.n, n);
	assert_int_equal(msg.u.commit.quiet, 1);
	assert_int_equal(msg.u.commit.stamp, stamp);
	for (i = 0; i < n; i++)
		assert_int_equal(msg.u.commit.changes[i].op, op);
}

void
dispatched(const char *want)
{
	const char *line;

	do {
		line = fake_capture_done(PATIENCE);
		assert_string_not_equal(line, "");
	} while (strcmp(line, want) != 0);
}
