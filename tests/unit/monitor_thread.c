/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/compat/notify.h"
#include "tests/unit/monitor_thread.h"

#define KIDS	  64
#define FIRST_PID 0x7f000000

struct kid kids[KIDS];
int nkids;

static struct ended {
	pid_t pid;
	int status;
} ended[KIDS];
static int nended;

int64_t now, until;
bool failing;
struct monitor_options opt;
char config[256];
static void (*handler)(int);
static char notified[64];
static struct ipc_msg msg;

/* Whose turn it is. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool monitors, over;
static int result;
static pthread_t thread;

static void
give_turn(bool to_monitor)
{
	pthread_mutex_lock(&lock);
	monitors = to_monitor;
	pthread_cond_broadcast(&change);
	while (monitors == to_monitor && !over)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
}

int64_t __wrap_clock_now(void);
enum ph_err __wrap_child_start(struct child *c, int64_t at,
    int (*run)(void *ctx, int monitor_fd), void *ctx);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __wrap_kill(pid_t pid, int sig);
void __wrap_waiter_init(struct waiter *w, const int *signals, size_t n,
    void (*f)(int));
void __wrap_waiter_wait(struct waiter *w, int64_t limit);
void __wrap_notify_ready(void);
void __wrap_notify_reloading(void);
void __wrap_notify_stopping(void);

int64_t
__wrap_clock_now(void)
{
	return now;
}

enum ph_err
__wrap_child_start(struct child *c, int64_t at,
    int (*run)(void *ctx, int monitor_fd), void *ctx)
{
	/* As start.c has it: the monitor, and the generation. */
	const struct generation *g = ((struct generation **)ctx)[1];
	struct kid *k = &kids[nkids];
	int fds[2];

	(void)run;
	if (failing || nkids == KIDS || ipc_pair(fds) != PH_OK)
		return PH_EIO;
	*k = (struct kid) { .role = c->role, .alive = true, .adopt = g->adopt };
	ipc_init(&k->far, fds[1]);
	ipc_init(&c->ipc, fds[0]);
	c->pid = FIRST_PID + nkids++;
	c->state = CHILD_STARTING;
	c->since = at;
	c->patience = at + 20 * USEC_PER_SEC;
	return PH_OK;
}

int waited;
bool unpaired;

enum ph_err __wrap_ipc_pair(int fds[2]);
enum ph_err __real_ipc_pair(int fds[2]);

enum ph_err
__wrap_ipc_pair(int fds[2])
{
	return unpaired ? PH_EIO : __real_ipc_pair(fds);
}

pid_t
__wrap_waitpid(pid_t pid, int *status, int options)
{
	struct ended e;

	(void)options;
	waited += pid >= FIRST_PID;
	if (pid != -1)
		return pid;
	if (nended == 0)
		return 0;
	e = ended[--nended];
	*status = e.status;
	return e.pid;
}

int
__wrap_kill(pid_t pid, int sig)
{
	if (sig == SIGKILL && pid >= FIRST_PID && pid < FIRST_PID + nkids)
		kids[pid - FIRST_PID].killed = true;
	return 0;
}

void
__wrap_waiter_init(struct waiter *w, const int *signals, size_t n,
    void (*f)(int))
{
	(void)signals;
	(void)n;
	memset(w, 0, sizeof(*w));
	handler = f;
}

int queue_ready;

void
__wrap_waiter_wait(struct waiter *w, int64_t limit)
{
	until = limit;
	give_turn(false);
	(void)poll(w->pfd, (nfds_t)w->n, 0);
	/* They come last. */
	if (queue_ready >= 0)
		w->pfd[(int)w->n - QUEUEWATCH_SOCKETS + queue_ready].revents =
		    POLLIN;
	queue_ready = -1;
}

static void
notify(const char *what)
{
	strlcat(notified, what, sizeof(notified));
}

void
__wrap_notify_ready(void)
{
	notify("ready ");
}

void
__wrap_notify_reloading(void)
{
	notify("reloading ");
}

void
__wrap_notify_stopping(void)
{
	notify("stopping ");
}

/* The test's side. */

static enum ph_err
load(void *ctx, struct conf **conf, FILE *f)
{
	enum ph_err rc;

	(void)ctx;
	rc = conf_parse(conf, span_of(config), "x", NULL, 0, f);
	if (rc != PH_OK)
		return rc;
	free((*conf)->firewall);
	(*conf)->firewall = strdup("dry-run");
	free((*conf)->control);
	(*conf)->control = NULL;
	/* Any port that is free. */
	(*conf)->status.listen.port = 0;
	if ((*conf)->tftp.nproxy > 0)
		(*conf)->tftp.proxy[0].listen.port = 0;
	return PH_OK;
}

static int
nobody(const struct status_args *args)
{
	(void)args;
	return 0;
}

static void *
run(void *arg)
{
	result = monitor_main(arg, &opt);
	pthread_mutex_lock(&lock);
	over = true;
	monitors = false;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
	return NULL;
}

const char *
events(void)
{
	static char copy[sizeof(notified)];

	strlcpy(copy, notified, sizeof(copy));
	notified[0] = '\0';
	return copy;
}

void
turn(void)
{
	int i;

	for (i = 0; i < 4 && !over; i++)
		give_turn(true);
}

void __wrap_journals_end(struct journals *js, struct generation *g, bool leave,
    int64_t at);
void __real_journals_end(struct journals *js, struct generation *g, bool leave,
    int64_t at);

void __wrap_generation_free(struct generation *g,
    const struct generation *after);
void __real_generation_free(struct generation *g,
    const struct generation *after);
void __wrap_queuewatch_wake(struct queuewatch *w, int64_t at);
void __attribute__((format(printf, 2, 3)))
__wrap_log_warnx(const char *module, const char *fmt, ...);

int saves, freed, woken;
bool saved_to_leave;
static char logged[512];

void
__wrap_generation_free(struct generation *g, const struct generation *after)
{
	freed += g != NULL;
	__real_generation_free(g, after);
}

void
__wrap_queuewatch_wake(struct queuewatch *w, int64_t at)
{
	(void)w;
	(void)at;
	woken++;
}

void
__wrap_log_warnx(const char *module, const char *fmt, ...)
{
	size_t n = strlen(logged);
	va_list ap;

	(void)module;
	if (strstr(fmt, " process %ld ") == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(logged + n, sizeof(logged) - n, fmt, ap);
	va_end(ap);
	strlcat(logged, ";", sizeof(logged));
}

const char *
deaths(void)
{
	static char copy[sizeof(logged)];

	strlcpy(copy, logged, sizeof(copy));
	logged[0] = '\0';
	return copy;
}

void
__wrap_journals_end(struct journals *js, struct generation *g, bool leave,
    int64_t at)
{
	saves++;
	saved_to_leave = leave;
	__real_journals_end(js, g, leave, at);
}

void
begin(const char *more)
{
	struct conf *conf;

	snprintf(config, sizeof(config), CONFIG "%s", more);
	memset(kids, 0, sizeof(kids));
	nkids = nended = 0;
	now = 1000 * USEC_PER_SEC;
	over = failing = false;
	saves = freed = woken = waited = 0;
	unpaired = false;
	queue_ready = -1;
	logged[0] = '\0';
	notified[0] = '\0';
	opt = (struct monitor_options) { .foreground = true,
		.load = load,
		.status = nobody };
	assert_int_equal(load(NULL, &conf, stderr), PH_OK);
	monitors = true;
	assert_int_equal(pthread_create(&thread, NULL, run, conf), 0);
	give_turn(true);
}

struct kid *
kid(enum child_role role)
{
	int i;

	for (i = nkids - 1; i >= 0; i--)
		if (kids[i].role == role)
			return &kids[i];
	return NULL;
}

void
say(struct kid *k, enum ipc_type type)
{
	assert_int_equal(ipc_send(&k->far, type, 0, &msg, -1), PH_OK);
}

void
ready(enum child_role role)
{
	say(kid(role), IPC_READY);
	turn();
}

void
die(struct kid *k, int status)
{
	ipc_close(&k->far);
	k->alive = false;
	ended[nended++] =
	    (struct ended) { FIRST_PID + (pid_t)(k - kids), status };
	handler(SIGCHLD);
	turn();
}

void
signal_sent(int sig)
{
	handler(sig);
	turn();
}

const char *
told(struct kid *k)
{
	static char text[256];
	struct strbuf b = strbuf_of(text, sizeof(text));
	int fd;

	text[0] = '\0';
	while (k->far.fd != -1 && ipc_recv(&k->far, &msg, &fd) == PH_OK) {
		if (msg.hdr.type == IPC_QUIT)
			strbuf_fmt(&b, "quit%u ", msg.u.quit.keep);
		else if (msg.hdr.type == IPC_CLIENT)
			strbuf_fmt(&b, "client%u ", msg.u.client.role);
		else if (msg.hdr.type == IPC_FW)
			strbuf_str(&b, "fw ");
		else if (msg.hdr.type == IPC_LEAVE)
			strbuf_str(&b, "leave ");
		else if (msg.hdr.type == IPC_YIELD)
			strbuf_fmt(&b, "yield%u ", msg.u.yield.yes);
		else if (msg.hdr.type == IPC_REPORT)
			strbuf_str(&b, "report ");
		else
			strbuf_fmt(&b, "type%u ", msg.hdr.type);
		if (fd != -1)
			close(fd);
	}
	return text;
}

void
end(int want)
{
	int i;

	for (i = 0; i < 20 && !over; i++)
		give_turn(true);
	assert_true(over);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(result, want);
	for (i = 0; i < nkids; i++)
		ipc_close(&kids[i].far);
}

void
begin_running(const char *more)
{
	begin(more);
	ready(FW);
	ready(ENGINE);
	if (kid(PROXY) != NULL)
		ready(PROXY);
	TOLD(ENGINE, "fw ");
	(void)told(kid(FW));
	assert_string_equal(events(), "ready ");
}

void
stop(bool proxy)
{
	signal_sent(SIGTERM);
	TOLD(ENGINE, "quit0 ");
	die(kid(ENGINE), 0);
	if (proxy) {
		TOLD(FW, "");
		TOLD(PROXY, "quit0 ");
		die(kid(PROXY), 0);
	}
	TOLD(FW, "quit0 ");
	die(kid(FW), 0);
	end(0);
}
