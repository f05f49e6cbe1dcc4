/* SPDX-License-Identifier: ISC */
/*
 * What the monitor does when: it runs in a thread of its own, whose waiting is
 * the test's turn.  Its children are nobody, and the clock stands still.
 */
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
#include "src/base/timers.h"
#include "src/compat/notify.h"
#include "src/monitor/insides.h"
#include "src/monitor/monitor.h"
#include "tests/unit/unit.h"

#define KIDS	  64
#define FIRST_PID 0x7f000000

static struct kid {
	enum child_role role;
	struct ipc far;
	bool alive, killed;
	bool adopt; /* what the generation said when it was started */
} kids[KIDS];
static int nkids;

static struct ended {
	pid_t pid;
	int status;
} ended[KIDS];
static int nended;

static int64_t now, until; /* until when the monitor waits */
static void (*handler)(int);
static struct monitor_options opt;
static struct listeners inherited;
static char config[256], notified[64], *errors;
static struct ipc_msg msg;

/* Whose turn it is. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool monitors, over, failing;
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

pid_t
__wrap_waitpid(pid_t pid, int *status, int options)
{
	struct ended e;

	(void)options;
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

void
__wrap_waiter_wait(struct waiter *w, int64_t limit)
{
	until = limit;
	give_turn(false);
	(void)poll(w->pfd, (nfds_t)w->n, 0);
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

static const char *
events(void)
{
	static char copy[sizeof(notified)];

	strlcpy(copy, notified, sizeof(copy));
	notified[0] = '\0';
	return copy;
}

/* Until the monitor waits again, some times: all that was begun is done. */
static void
turn(void)
{
	int i;

	for (i = 0; i < 4 && !over; i++)
		give_turn(true);
}

#define CONFIG "protect 192.0.2.0/24\ninterface lo\n"

static void
begin(const char *more)
{
	struct conf *conf;

	snprintf(config, sizeof(config), CONFIG "%s", more);
	memset(kids, 0, sizeof(kids));
	nkids = nended = 0;
	now = 1000 * USEC_PER_SEC;
	over = failing = false;
	notified[0] = '\0';
	opt = (struct monitor_options) { .foreground = true,
		.load = load,
		.status = nobody };
	assert_int_equal(load(NULL, &conf, stderr), PH_OK);
	monitors = true;
	assert_int_equal(pthread_create(&thread, NULL, run, conf), 0);
	give_turn(true);
}

/* The youngest of this role; others may be gone, or of before. */
static struct kid *
kid(enum child_role role)
{
	int i;

	for (i = nkids - 1; i >= 0; i--)
		if (kids[i].role == role)
			return &kids[i];
	return NULL;
}

static void
say(struct kid *k, enum ipc_type type)
{
	assert_int_equal(ipc_send(&k->far, type, 0, &msg, -1), PH_OK);
}

static void
ready(enum child_role role)
{
	say(kid(role), IPC_READY);
	turn();
}

static void
die(struct kid *k, int status)
{
	ipc_close(&k->far);
	k->alive = false;
	ended[nended++] =
	    (struct ended) { FIRST_PID + (pid_t)(k - kids), status };
	handler(SIGCHLD);
	turn();
}

static void
signal_sent(int sig)
{
	handler(sig);
	turn();
}

/* What this child has been told, as words. */
static const char *
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
		else if (msg.hdr.type == IPC_REPORT)
			strbuf_str(&b, "report ");
		else
			strbuf_fmt(&b, "type%u ", msg.hdr.type);
		if (fd != -1)
			close(fd);
	}
	return text;
}

#define TOLD(role, want) assert_string_equal(told(kid(role)), want)
#define FW		 CHILD_FIREWALL
#define ENGINE		 CHILD_ENGINE
#define PROXY		 CHILD_PROXY
#define STATUS		 CHILD_STATUS

static void
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
	free(errors);
	errors = NULL;
}

/* It runs: all children are ready and linked. */
static void
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

/* Those that were told to go do so, the firewall process last. */
static void
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

#define WITH_PROXY "tftp { proxy on 127.0.0.1 port 1 }\n"

static void
at_the_start_all_are_linked_together(void **state)
{
	(void)state;
	begin(WITH_PROXY);
	assert_int_equal(nkids, 3);
	assert_false(kid(FW)->adopt);
	assert_int_equal(until, now + 20 * USEC_PER_SEC);
	ready(FW);
	ready(ENGINE);
	TOLD(FW, "");
	TOLD(ENGINE, "");
	assert_string_equal(events(), "");
	ready(PROXY);
	TOLD(FW, "client0 client1 ");
	TOLD(ENGINE, "fw ");
	TOLD(PROXY, "fw ");
	assert_string_equal(events(), "ready ");
	assert_int_equal(nkids, 3);
	/* The journals are saved soon. */
	assert_int_equal(until, now + USEC_PER_SEC);
	stop(true);
}

static void
a_death_at_the_start_ends_it(void **state)
{
	(void)state;
	begin(WITH_PROXY);
	ready(FW);
	die(kid(PROXY), 1 << 8);
	assert_string_equal(events(), "stopping ");
	TOLD(ENGINE, "quit0 ");
	die(kid(ENGINE), 0);
	TOLD(FW, "quit0 ");
	assert_int_equal(nkids, 3);
	die(kid(FW), 0);
	end(2);
}

static void
who_dies_is_started_again(void **state)
{
	(void)state;
	begin_running(WITH_PROXY);
	TOLD(PROXY, "fw ");
	die(kid(ENGINE), SIGSEGV);
	assert_int_equal(nkids, 4);
	TOLD(FW, "");
	ready(ENGINE);
	TOLD(FW, "client0 ");
	TOLD(ENGINE, "fw ");
	/* The next time it waits. */
	die(kid(ENGINE), SIGSEGV);
	assert_int_equal(nkids, 4);
	assert_int_equal(until, now + USEC_PER_SEC / 10);
	now = until - 1;
	turn();
	assert_int_equal(nkids, 4);
	now++;
	turn();
	assert_int_equal(nkids, 5);
	ready(ENGINE);
	TOLD(FW, "client0 ");
	TOLD(ENGINE, "fw ");
	/* All others are linked with another firewall process. */
	die(kid(FW), SIGSEGV);
	assert_int_equal(nkids, 6);
	assert_true(kid(FW)->adopt);
	TOLD(ENGINE, "");
	ready(FW);
	TOLD(FW, "client0 client1 ");
	TOLD(ENGINE, "fw ");
	TOLD(PROXY, "fw ");
	assert_string_equal(events(), "");
	stop(true);
}

/* The kernel may refuse a process: likewise. */
static void
who_cannot_be_started_is_tried_again(void **state)
{
	(void)state;
	begin_running("");
	failing = true;
	die(kid(ENGINE), SIGSEGV);
	assert_int_equal(nkids, 2);
	failing = false;
	now = until;
	turn();
	assert_int_equal(nkids, 3);
	ready(ENGINE);
	TOLD(ENGINE, "fw ");
	TOLD(FW, "client0 ");
	stop(false);
}

static void
who_takes_too_long_is_killed(void **state)
{
	(void)state;
	begin_running("");
	die(kid(ENGINE), SIGSEGV);
	now += 20 * USEC_PER_SEC - 1;
	turn();
	assert_false(kid(ENGINE)->killed);
	assert_int_equal(until, now + 1);
	now++;
	turn();
	assert_true(kid(ENGINE)->killed);
	assert_false(kid(FW)->killed);
	assert_true(until > now);
	die(kid(ENGINE), SIGKILL);
	now += 20 * USEC_PER_SEC;
	turn();
	ready(ENGINE);
	(void)told(kid(ENGINE));
	(void)told(kid(FW));
	/* At the end, too. */
	signal_sent(SIGTERM);
	assert_int_equal(until, now + 10 * USEC_PER_SEC);
	now = until;
	turn();
	assert_true(kid(ENGINE)->killed);
	die(kid(ENGINE), SIGKILL);
	now += 30 * USEC_PER_SEC;
	turn();
	assert_true(kid(FW)->killed);
	die(kid(FW), SIGKILL);
	end(0);
}

static void
a_reload_changes_places(void **state)
{
	struct kid *fw, *engine, *proxy, *status;

	(void)state;
	begin_running("status { listen on 127.0.0.1 port 1 }\n" WITH_PROXY);
	fw = kid(FW);
	engine = kid(ENGINE);
	proxy = kid(PROXY);
	status = kid(STATUS);
	(void)told(proxy);
	assert_non_null(status);
	say(status, IPC_READY);
	turn();
	(void)told(status);
	(void)told(engine);
	(void)told(proxy);
	signal_sent(SIGHUP);
	assert_string_equal(events(), "reloading ");
	/* The firewall process last. */
	assert_int_equal(nkids, 6);
	assert_ptr_equal(kid(FW), fw);
	ready(PROXY);
	assert_int_equal(nkids, 6);
	ready(ENGINE);
	assert_int_equal(nkids, 7);
	assert_true(kid(FW)->adopt);
	assert_string_equal(told(engine), "");
	ready(FW);
	assert_string_equal(told(engine), "quit1 ");
	assert_string_equal(told(proxy), "leave ");
	assert_string_equal(told(fw), "");
	die(engine, 0);
	assert_string_equal(told(fw), "");
	/* Nothing is linked as long as others may change the filter. */
	TOLD(FW, "");
	assert_string_equal(events(), "");
	die(proxy, 0);
	assert_string_equal(told(fw), "quit1 ");
	die(fw, 0);
	assert_string_equal(events(), "ready ");
	TOLD(FW, "client0 client1 ");
	assert_non_null(strstr(told(kid(ENGINE)), "fw "));
	assert_ptr_equal(kid(STATUS), status);
	assert_null(strstr(told(status), "quit"));
	assert_int_equal(nkids, 7);
	signal_sent(SIGTERM);
	assert_string_equal(told(status), "quit0 ");
	die(kid(STATUS), 0);
	die(kid(ENGINE), 0);
	die(kid(PROXY), 0);
	die(kid(FW), 0);
	end(0);
}

static void
a_reload_may_fail(void **state)
{
	struct kid *engine;
	int n;

	(void)state;
	begin_running("");
	engine = kid(ENGINE);
	strlcat(config, "nonsense\n", sizeof(config));
	signal_sent(SIGHUP);
	assert_string_equal(events(), "reloading ready ");
	assert_int_equal(nkids, 2);
	snprintf(config, sizeof(config), CONFIG "user nobody-at-all\n");
	signal_sent(SIGHUP);
	assert_string_equal(events(), "reloading ready ");
	assert_int_equal(nkids, 2);
	/* A process that does not come up. */
	snprintf(config, sizeof(config), CONFIG WITH_PROXY);
	signal_sent(SIGHUP);
	assert_int_equal(nkids, 4);
	ready(PROXY);
	n = nkids;
	die(kid(ENGINE), 1 << 8);
	assert_int_equal(nkids, n);
	assert_true(kid(PROXY)->killed);
	assert_false(engine->killed);
	assert_string_equal(events(), "reloading ready ");
	assert_string_equal(told(engine), "");
	/* And one while it is to stop. */
	snprintf(config, sizeof(config), CONFIG);
	signal_sent(SIGHUP);
	assert_string_equal(events(), "reloading ");
	signal_sent(SIGTERM);
	assert_true(kid(ENGINE)->killed);
	assert_string_equal(events(), "stopping ready ");
	assert_string_equal(told(engine), "quit0 ");
	die(engine, 0);
	die(&kids[0], 0);
	end(0);
}

/* The processes of the next generation, once they are ready. */
static void
finish_reload(struct kid *fw, struct kid *engine)
{
	ready(ENGINE);
	ready(FW);
	die(engine, 0);
	assert_string_equal(told(fw), "quit1 ");
	die(fw, 0);
}

static void
one_reload_at_a_time_and_the_next_follows(void **state)
{
	struct kid *fw, *engine;

	(void)state;
	begin_running("");
	fw = kid(FW);
	engine = kid(ENGINE);
	signal_sent(SIGHUP);
	signal_sent(SIGHUP);
	signal_sent(SIGHUP);
	assert_int_equal(nkids, 3);
	assert_string_equal(events(), "reloading ");
	finish_reload(fw, engine);
	assert_string_equal(events(), "ready reloading ");
	assert_int_equal(nkids, 5);
	engine = &kids[2];
	fw = &kids[3];
	assert_string_equal(told(fw), "client0 ");
	finish_reload(fw, engine);
	assert_string_equal(events(), "ready ");
	assert_int_equal(nkids, 6);
	(void)told(kid(FW));
	(void)told(kid(ENGINE));
	stop(false);
}

static void
without_a_firewall_process_the_end_starts_one(void **state)
{
	(void)state;
	begin_running("");
	die(kid(FW), SIGSEGV);
	die(kid(FW), SIGSEGV);
	assert_int_equal(nkids, 3);
	signal_sent(SIGTERM);
	assert_int_equal(nkids, 3);
	die(kid(ENGINE), 0);
	/* It removes what is left, and has nothing to adopt. */
	assert_int_equal(nkids, 4);
	assert_false(kid(FW)->adopt);
	TOLD(FW, "");
	ready(FW);
	TOLD(FW, "quit0 ");
	die(kid(FW), 0);
	end(0);
	assert_int_equal(nkids, 4);
}

static void
leaving_keeps_what_is_open(void **state)
{
	(void)state;
	begin_running(WITH_PROXY);
	(void)told(kid(PROXY));
	signal_sent(SIGUSR2);
	assert_string_equal(events(), "stopping ");
	TOLD(ENGINE, "quit1 ");
	TOLD(PROXY, "quit0 ");
	signal_sent(SIGUSR2);
	signal_sent(SIGHUP);
	assert_string_equal(events(), "");
	die(kid(ENGINE), 0);
	die(kid(PROXY), 0);
	TOLD(FW, "quit1 ");
	die(kid(FW), 0);
	end(0);
	/* Without a firewall process none is started. */
	begin_running("");
	die(kid(FW), SIGSEGV);
	die(kid(FW), SIGSEGV);
	signal_sent(SIGUSR2);
	die(kid(ENGINE), 0);
	end(0);
	assert_int_equal(nkids, 3);
	/* Who then means the end gets it. */
	begin_running("");
	signal_sent(SIGUSR2);
	signal_sent(SIGTERM);
	die(kid(ENGINE), 0);
	TOLD(FW, "quit0 ");
	die(kid(FW), 0);
	end(0);
}

static void
proxies_with_sessions_stay(void **state)
{
	struct kid *fw, *engine, *proxy;

	(void)state;
	begin_running(WITH_PROXY);
	fw = kid(FW);
	engine = kid(ENGINE);
	proxy = kid(PROXY);
	(void)told(proxy);
	signal_sent(SIGHUP);
	ready(PROXY);
	ready(ENGINE);
	ready(FW);
	assert_string_equal(told(proxy), "leave ");
	die(engine, 0);
	say(proxy, IPC_READY);
	turn();
	die(fw, 0);
	assert_string_equal(events(), "reloading ready ");
	/* It is linked before the others. */
	TOLD(FW, "client5 client0 client1 ");
	assert_string_equal(told(proxy), "fw ");
	die(kid(FW), SIGSEGV);
	ready(FW);
	TOLD(FW, "client5 client0 client1 ");
	assert_string_equal(told(proxy), "fw ");
	(void)told(kid(ENGINE));
	(void)told(kid(PROXY));
	signal_sent(SIGTERM);
	assert_string_equal(told(proxy), "quit0 ");
	die(kid(ENGINE), 0);
	die(kid(PROXY), 0);
	TOLD(FW, "");
	die(proxy, 0);
	TOLD(FW, "quit0 ");
	die(kid(FW), 0);
	end(0);
}

static void
counters_are_asked_of_those_that_have_them(void **state)
{
	(void)state;
	begin_running(WITH_PROXY);
	(void)told(kid(PROXY));
	signal_sent(SIGUSR1);
	TOLD(ENGINE, "report ");
	TOLD(PROXY, "report ");
	TOLD(FW, "");
	stop(true);
}

static void
for_one_service_it_ends_with_it(void **state)
{
	struct conf *conf;

	(void)state;
	begin_running(WITH_PROXY);
	(void)told(kid(PROXY));
	/* As a service that is always there: another follows. */
	die(kid(PROXY), 0);
	assert_int_equal(nkids, 4);
	ready(PROXY);
	(void)told(kid(PROXY));
	(void)told(kid(FW));
	opt.inherited = &inherited;
	die(kid(PROXY), SIGSEGV);
	now = until;
	turn();
	assert_string_equal(events(), "");
	die(kid(PROXY), 0);
	assert_string_equal(events(), "stopping ");
	(void)conf;
	die(kid(ENGINE), 0);
	die(kid(FW), 0);
	end(0);
}

/* Clear text of a person: what it says when it hangs or beats. */
static void
a_status_process_must_show_that_it_does_not_hang(void **state)
{
	(void)state;
	begin_running("status { listen on 127.0.0.1 port 1 }\n");
	ready(STATUS);
	now += 19 * USEC_PER_SEC;
	say(kid(STATUS), IPC_BEAT);
	turn();
	now += 19 * USEC_PER_SEC;
	turn();
	assert_false(kid(STATUS)->killed);
	now += USEC_PER_SEC;
	turn();
	assert_true(kid(STATUS)->killed);
	assert_false(kid(ENGINE)->killed);
	die(kid(STATUS), SIGKILL);
	signal_sent(SIGTERM);
	die(kid(STATUS), 0);
	die(kid(ENGINE), 0);
	die(kid(FW), 0);
	end(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_start_all_are_linked_together),
		cmocka_unit_test(a_death_at_the_start_ends_it),
		cmocka_unit_test(who_dies_is_started_again),
		cmocka_unit_test(who_cannot_be_started_is_tried_again),
		cmocka_unit_test(who_takes_too_long_is_killed),
		cmocka_unit_test(a_reload_changes_places),
		cmocka_unit_test(a_reload_may_fail),
		cmocka_unit_test(one_reload_at_a_time_and_the_next_follows),
		cmocka_unit_test(without_a_firewall_process_the_end_starts_one),
		cmocka_unit_test(leaving_keeps_what_is_open),
		cmocka_unit_test(proxies_with_sessions_stay),
		cmocka_unit_test(counters_are_asked_of_those_that_have_them),
		cmocka_unit_test(for_one_service_it_ends_with_it),
		cmocka_unit_test(
		    a_status_process_must_show_that_it_does_not_hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
