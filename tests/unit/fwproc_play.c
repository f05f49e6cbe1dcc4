/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/fw/config.h"
#include "src/fw/table.h"
#include "src/process/iface.h"
#include "src/process/priority.h"
#include "src/process/waiter.h"
#include "tests/unit/fwproc_play.h"

struct fwplay play;
struct ipc_msg msg;

static const char text[] = "protect { 192.0.2.0/24 }\n"
			   "ftp { proxy on 192.0.2.1 port 6969 }\n"
			   "sip { timeout idle 35\ninline yes }\n"
			   "inline { hold 20 }\n"
			   "tables { listen on 127.0.0.1 port 56789\n"
			   "key \"/dev/null\"\nallow { spammer blocked } }\n";

static const struct sandbox sandbox;
static struct packetq queue;
static char called[1024], log_text[1024], waiting[32];
static void (*handler)(int);
static int fds_before;
/* To be freed in place of a process that has failed. */
static struct fw_config *its_config;
static struct fwtable *its_table;

/* Whose turn it is. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change_of_turn = PTHREAD_COND_INITIALIZER;
static bool its_turn, over, dismissed, running;
static int result;
static pthread_t thread;

static void
give_turn(bool to_it)
{
	pthread_mutex_lock(&lock);
	its_turn = to_it;
	pthread_cond_broadcast(&change_of_turn);
	while (its_turn == to_it && !over)
		pthread_cond_wait(&change_of_turn, &lock);
	pthread_mutex_unlock(&lock);
}

static void
finish(int status)
{
	pthread_mutex_lock(&lock);
	result = status;
	over = true;
	its_turn = false;
	pthread_cond_broadcast(&change_of_turn);
	pthread_mutex_unlock(&lock);
}

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	size_t n = strlen(called);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(called + n, sizeof(called) - n, fmt, ap);
	va_end(ap);
}

/* The packet filter. */

struct fw {
	const struct fw_config *config;
};

static void
pause_begin(const struct fw *fw)
{
	if (!play.pauses)
		return;
	fw->config->hold.pause(fw->config->hold.ctx, true);
	fw->config->hold.pause(fw->config->hold.ctx, true);
}

static void
pause_end(const struct fw *fw)
{
	if (!play.pauses)
		return;
	fw->config->hold.pause(fw->config->hold.ctx, false);
	fw->config->hold.pause(fw->config->hold.ctx, false);
}

static enum ph_err
note_open(struct fw **out, const struct fw_config *config, int64_t at,
    struct strbuf *why)
{
	static struct fw fw;

	fw.config = play.config = config;
	pause_begin(&fw);
	note("open%d%d%s ", config->adopt, config->local,
	    at == play.now ? "" : "?");
	pause_end(&fw);
	*out = &fw;
	if (play.open_rc != PH_OK)
		strbuf_str(why, "no device");
	return play.open_rc;
}

static enum ph_err
note_commit(struct fw *fw, const struct fw_edit *c, size_t n, int64_t at)
{
	static const char
	    ops[] = { [FW_ADD] = '+', [FW_REPLACE] = '=', [FW_REMOVE] = '-' };
	size_t i;

	if (at != play.now)
		note("late ");
	if (play.commit_rc != PH_OK) {
		note("refused ");
		return play.commit_rc;
	}
	pause_begin(fw);
	for (i = 0; n <= 16 && i < n; i++)
		note("%c%u ", ops[c[i].op], fw_entry_hole(c[i].entry).to_lo);
	if (n > 16)
		note("%c%zu times ", ops[c[0].op], n);
	pause_end(fw);
	return PH_OK;
}

static enum ph_err
note_settle(struct fw *fw, int64_t at)
{
	(void)fw;
	note(at == play.now ? "settle " : "settle? ");
	return PH_OK;
}

static enum ph_err
note_original(struct fw *fw, const struct fw_flow *flow, struct endpoint *out)
{
	char a[ADDR_STRLEN];

	(void)fw;
	note("original:%u:%s ", flow->proto, endpoint_format(&flow->client, a));
	*out = flow->local;
	out->port = 21;
	return flow->local.port == 0 ? PH_EMALFORMED : PH_OK;
}

static enum ph_err
note_table(struct fw *fw, size_t index, enum fw_table_op op,
    const struct prefix *v, size_t n, uint32_t ttl_s)
{
	char a[ADDR_STRLEN];

	(void)fw;
	note("table%zu:%u:%u:%zu", index, op, ttl_s, n);
	if (n > 0)
		note(":%s", prefix_format(&v[n - 1], a));
	note(" ");
	return ttl_s == 404 ? PH_EGONE : PH_OK;
}

static bool
note_emptied(struct fw *fw)
{
	bool emptied = play.emptied;

	(void)fw;
	play.looks++;
	play.emptied = false;
	return emptied;
}

static void
note_close(struct fw *fw, bool keep)
{
	pause_begin(fw);
	note("close%d ", keep);
	pause_end(fw);
}

static const struct fw_ops ops = {
	.name = "notes",
	.caps = FW_CAP_DEADLINE,
	.open = note_open,
	.commit = note_commit,
	.settle = note_settle,
	.original = note_original,
	.table = note_table,
	.emptied = note_emptied,
	.close = note_close,
};

/* The queue, in place of src/compat/packetq_linux.c. */

const bool packetq_carried = true;

static void
note_queue(const struct packetq *q, const char *what)
{
	note("%s%s ", what, q->fd == queue.fd ? "" : "?");
}

void
packetq_init(struct packetq *q)
{
	*q = (struct packetq) { .fd = -1, .other_fd = -1 };
}

enum ph_err
packetq_open(struct packetq *q, uint32_t number, bool open, struct strbuf *why)
{
	(void)q;
	(void)number;
	(void)open;
	(void)why;
	return PH_EUNSUPPORTED;
}

enum ph_err
packetq_try(uint32_t number, struct strbuf *why)
{
	(void)number;
	(void)why;
	return PH_EUNSUPPORTED;
}

void
packetq_close(struct packetq *q)
{
	(void)q;
}

void
packetq_reader(struct packetq *q)
{
	(void)q;
}

size_t
packetq_read(const struct packetq *q, void *buf, size_t size)
{
	(void)q;
	(void)buf;
	(void)size;
	return 0;
}

void
packetq_fork(struct packetq *q)
{
	note_queue(q, "fork");
}

void
packetq_carry(const struct packetq *q)
{
	note_queue(q, "carry");
}

void
packetq_verdict(const struct packetq *q, uint32_t last, bool pass)
{
	note("verdict%u:%d", last, pass);
	note_queue(q, "");
}

bool
packetq_state(const struct packetq *q, struct packetq_state *out)
{
	*out = play.queue;
	return q->fd == queue.fd;
}

void
packetq_pause(const struct packetq *q)
{
	note_queue(q, "pause");
}

void
packetq_resume(const struct packetq *q)
{
	note_queue(q, "resume");
}

/* What the linker wraps. */

int64_t __wrap_clock_now(void);
int64_t __wrap_clock_wall(int64_t at);
void __wrap_waiter_init(struct waiter *w, const int *signals, size_t n,
    void (*f)(int));
void __wrap_waiter_signals(const struct waiter *w);
void __wrap_waiter_wait(struct waiter *w, int64_t limit);
enum ph_err __wrap_iface_own(struct iface *out, const struct conf *conf,
    struct strbuf *why);
void __wrap_priority_take(const struct conf *conf, const char *module);
int __wrap_priority_cpu_latency(const struct conf *conf, const char *module);
enum ph_err __wrap_sandbox_enter(enum sandbox_role role,
    const struct sandbox *s, struct strbuf *why);
void __wrap_log_detach(void);
void __attribute__((format(printf, 2, 3)))
__wrap_log_warnx(const char *module, const char *fmt, ...);
void __attribute__((format(printf, 2, 3), noreturn))
__wrap_log_fatalx(const char *module, const char *fmt, ...);
enum ph_err __wrap_ipc_send(struct ipc *c, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m, int fd);
enum ph_err __real_ipc_send(struct ipc *c, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m, int fd);
enum ph_err __wrap_fwconfig_of(const struct conf *c, struct fw_config *out);
enum ph_err __real_fwconfig_of(const struct conf *c, struct fw_config *out);
void __wrap_fwconfig_free(struct fw_config *c);
void __real_fwconfig_free(struct fw_config *c);
struct fwtable *__wrap_fwtable_new(const struct fw_ops *o, struct fw *fw,
    const struct fw_policy *policy, const struct answers_sink *sink);
struct fwtable *__real_fwtable_new(const struct fw_ops *o, struct fw *fw,
    const struct fw_policy *policy, const struct answers_sink *sink);
void __wrap_fwtable_free(struct fwtable *t);
void __real_fwtable_free(struct fwtable *t);

int64_t
__wrap_clock_now(void)
{
	return play.now;
}

int64_t
__wrap_clock_wall(int64_t at)
{
	return at;
}

void
__wrap_waiter_init(struct waiter *w, const int *signals, size_t n,
    void (*f)(int))
{
	memset(w, 0, sizeof(*w));
	handler = f;
	note("init%s ", n == 1 && signals[0] == SIGTERM ? "" : "?");
}

void
__wrap_waiter_signals(const struct waiter *w)
{
	(void)w;
	note("signals ");
	if (play.pending)
		handler(SIGTERM);
	play.pending = false;
}

void
__wrap_waiter_wait(struct waiter *w, int64_t limit)
{
	size_t i;

	play.until = limit;
	for (i = 0; i < w->n; i++)
		waiting[i] = w->pfd[i].fd == -1	 ? '-'
		    : w->pfd[i].events & POLLOUT ? 'w'
						 : 'r';
	waiting[i] = '\0';
	give_turn(false);
	if (dismissed) {
		finish(-1);
		pthread_exit(NULL);
	}
	w->slept = !play.busy;
	if (!play.deaf)
		(void)poll(w->pfd, (nfds_t)w->n, 0);
	play.deaf = false;
}

enum ph_err
__wrap_iface_own(struct iface *out, const struct conf *conf, struct strbuf *why)
{
	note("own%s ", conf == play.conf ? "" : "?");
	memset(out, 0, sizeof(*out));
	if (play.own_rc != PH_OK) {
		strbuf_str(why, "no addresses");
		return play.own_rc;
	}
	memcpy(out->own, play.own, sizeof(play.own));
	out->nown = play.nown;
	out->nownprotected = play.nownprotected;
	return PH_OK;
}

void
__wrap_priority_take(const struct conf *conf, const char *module)
{
	(void)module;
	note("priority%s ", conf == play.conf ? "" : "?");
}

int
__wrap_priority_cpu_latency(const struct conf *conf, const char *module)
{
	(void)module;
	note("latency%s ", conf == play.conf ? "" : "?");
	return -1;
}

enum ph_err
__wrap_sandbox_enter(enum sandbox_role role, const struct sandbox *s,
    struct strbuf *why)
{
	note("sandbox%s ",
	    role == SANDBOX_FIREWALL && s == &sandbox ? "" : "?");
	if (play.sandbox_rc != PH_OK)
		strbuf_str(why, "no sandbox");
	return play.sandbox_rc;
}

void
__wrap_log_detach(void)
{
	play.detached++;
}

static void __attribute__((format(printf, 1, 0)))
log_add(const char *fmt, va_list ap)
{
	size_t n = strlen(log_text);

	vsnprintf(log_text + n, sizeof(log_text) - n, fmt, ap);
	strlcat(log_text, ";", sizeof(log_text));
}

void
__wrap_log_warnx(const char *module, const char *fmt, ...)
{
	va_list ap;

	(void)module;
	va_start(ap, fmt);
	log_add(fmt, ap);
	va_end(ap);
}

void
__wrap_log_fatalx(const char *module, const char *fmt, ...)
{
	va_list ap;

	(void)module;
	va_start(ap, fmt);
	log_add(fmt, ap);
	va_end(ap);
	finish(2);
	pthread_exit(NULL);
}

enum ph_err
__wrap_ipc_send(struct ipc *c, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m, int fd)
{
	return type == play.refused ? play.refused_rc
				    : __real_ipc_send(c, type, seq, m, fd);
}

enum ph_err
__wrap_fwconfig_of(const struct conf *c, struct fw_config *out)
{
	note("config%s ", c == play.conf ? "" : "?");
	if (play.no_config)
		return PH_ENOMEM;
	its_config = out;
	return __real_fwconfig_of(c, out);
}

void
__wrap_fwconfig_free(struct fw_config *c)
{
	note("config-free ");
	its_config = NULL;
	__real_fwconfig_free(c);
}

struct fwtable *
__wrap_fwtable_new(const struct fw_ops *o, struct fw *fw,
    const struct fw_policy *policy, const struct answers_sink *sink)
{
	note("table ");
	if (!play.no_table)
		its_table = __real_fwtable_new(o, fw, policy, sink);
	return its_table;
}

void
__wrap_fwtable_free(struct fwtable *t)
{
	note("table-free ");
	its_table = NULL;
	__real_fwtable_free(t);
}

/* The test's side. */

static int
open_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

int
play_setup(void **state)
{
	(void)state;
	/* One that does not wait would turn for ever. */
	alarm(30);
	memset(&play, 0, sizeof(play));
	called[0] = log_text[0] = '\0';
	play.ops = ops;
	play.now = 1000 * USEC_PER_SEC;
	play.waits = waiting;
	play.own[0] = addr_v4(203, 0, 113, 1);
	play.own[1] = addr_v4(203, 0, 113, 2);
	play.nown = 1;
	fds_before = open_fds();
	return conf_parse(&play.conf, span_of(text), "test", NULL, 0, stderr) !=
	    PH_OK;
}

static void *
run(void *arg)
{
	struct fwproc_args args = { .conf = play.conf,
		.ops = &play.ops,
		.sandbox = &sandbox,
		.queue = &queue,
		.monitor_fd = *(int *)arg,
		.adopt = play.adopt };

	finish(fwproc_main(&args));
	return NULL;
}

void
begin(void)
{
	static int fd;
	int fds[2], pipes[2][2], i;

	packetq_init(&queue);
	for (i = 0; play.queued && i < 2; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		*(i == 0 ? &queue.fd : &queue.other_fd) = pipes[i][0];
		play.queue_fd[i] = pipes[i][1];
	}
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&play.monitor, fds[0]);
	fd = fds[1];
	over = dismissed = false;
	its_turn = running = true;
	assert_int_equal(pthread_create(&thread, NULL, run, &fd), 0);
	give_turn(true);
}

void
turn(void)
{
	give_turn(true);
}

bool
is_over(void)
{
	return over;
}

int
ended(void)
{
	assert_true(over);
	assert_int_equal(pthread_join(thread, NULL), 0);
	running = false;
	return result;
}

int
play_teardown(void **state)
{
	bool failed;
	size_t i;

	(void)state;
	ipc_close(&play.monitor);
	for (i = 0; running && i < 4 && !over; i++) {
		term();
		turn();
	}
	dismissed = true;
	if (running && !over)
		give_turn(true);
	if (running)
		pthread_join(thread, NULL);
	running = false;
	failed = result != 0;
	if (its_config != NULL)
		__real_fwconfig_free(its_config);
	__real_fwtable_free(its_table);
	its_config = NULL;
	its_table = NULL;
	for (i = 0; i < play.nclients; i++)
		ipc_close(&play.client[i]);
	for (i = 0; play.queued && i < 2; i++) {
		close(play.queue_fd[i]);
		close(i == 0 ? queue.fd : queue.other_fd);
	}
	conf_free(play.conf);
	/* One that fails leaves its descriptors to the system. */
	return !failed && open_fds() != fds_before;
}

void
term(void)
{
	handler(SIGTERM);
}

struct ipc *
client(enum ipc_role role)
{
	struct ipc *c = &play.client[play.nclients++];
	int fds[2];

	assert_true(play.nclients <= CLIENTS);
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(c, fds[0]);
	msg.u.client.role = role;
	assert_int_equal(ipc_send(&play.monitor, IPC_CLIENT, 0, &msg, fds[1]),
	    PH_OK);
	turn();
	return c;
}

void
say(struct ipc *c, enum ipc_type type, uint64_t seq)
{
	assert_int_equal(ipc_send(c, type, seq, &msg, -1), PH_OK);
}

void
change(enum fw_op op, uint64_t id, uint16_t port, int64_t for_s)
{
	struct fw_change *c = &msg.u.commit.changes[0];
	struct addr phone = addr_v4(198, 51, 100, 7);

	memset(&msg, 0, sizeof(msg));
	msg.u.commit.n = 1;
	c->op = op;
	c->hole.id = id;
	c->hole.deadline = play.now + for_s * USEC_PER_SEC;
	c->hole.proto = IPPROTO_UDP;
	c->hole.dir = PINHOLE_IN;
	c->hole.from = prefix_host(&phone);
	c->hole.to = addr_v4(192, 0, 2, 10);
	c->hole.to_lo = c->hole.to_hi = port;
}

void
want(struct ipc *c, uint64_t id, uint16_t port, int64_t for_s)
{
	change(FW_OPEN, id, port, for_s);
	say(c, IPC_COMMIT, id);
}

static const char *
take(char *from, char *copy, size_t size)
{
	strlcpy(copy, from, size);
	from[0] = '\0';
	return copy;
}

const char *
calls(void)
{
	static char copy[sizeof(called)];

	return take(called, copy, sizeof(copy));
}

const char *
logged(void)
{
	static char copy[sizeof(log_text)];

	return take(log_text, copy, sizeof(copy));
}

static void
put_message(struct strbuf *b)
{
	const struct fwcounters *n = &msg.u.counters;
	unsigned long seq = (unsigned long)msg.hdr.seq;
	char a[ADDR_STRLEN];

	switch (msg.hdr.type) {
	case IPC_READY:
		strbuf_fmt(b, "ready%lu ", seq);
		break;
	case IPC_RESULT:
		strbuf_fmt(b, "result%lu:%d:%lu ", seq, msg.u.result.err,
		    (unsigned long)msg.u.result.refused);
		break;
	case IPC_CLOSED:
		strbuf_fmt(b, "closed%lu:%u:%lu ", seq, msg.u.ids.n,
		    (unsigned long)msg.u.ids.ids[0]);
		break;
	case IPC_TARGET:
		strbuf_fmt(b, "target%lu:%d:%s ", seq, msg.u.target.err,
		    endpoint_format(&msg.u.target.target, a));
		break;
	case IPC_EMPTIED:
		strbuf_fmt(b, "emptied%lu ", seq);
		break;
	case IPC_COUNTERS:
		strbuf_fmt(b, "counters%lu:%u:%u:%u:%u ", seq,
		    (unsigned int)n->wanted, (unsigned int)n->batches,
		    (unsigned int)n->changes, (unsigned int)n->denied);
		break;
	default:
		strbuf_fmt(b, "type%u ", msg.hdr.type);
		break;
	}
}

const char *
heard(struct ipc *c)
{
	static char words[1024];
	struct strbuf b = strbuf_of(words, sizeof(words));
	enum ph_err rc;
	int fd;

	words[0] = '\0';
	while ((rc = ipc_recv(c, &msg, &fd)) == PH_OK) {
		assert_int_equal(fd, -1);
		put_message(&b);
	}
	if (rc != PH_EAGAIN)
		strbuf_str(&b, rc == PH_EGONE ? "gone " : "bad ");
	return words;
}
