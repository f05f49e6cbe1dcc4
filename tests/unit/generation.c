/* SPDX-License-Identifier: ISC */
/* What a generation makes anew, and what it shares with the one before. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/process.h"
#include "src/monitor/generation.h"
#include "src/version.h"
#include "tests/unit/unit.h"

/* The host, as it is played: what it was asked, and what it answers. */
static struct host {
	enum ph_err lock, check, prepare, user;
	pid_t holder, orphans[3];
	int busy; /* how often the queue is another program's */
	int mkdir_errno;
	bool no_such_user;

	char locked[256], asked[256];
	useconds_t nap;
	unsigned int naps, queues, shut, paused, resumed;
	bool local, open;
} host;

static char dir[] = "/tmp/pinholed-test.XXXXXX", text[512];
/* Lines of one of everything; others may run this test at the same time. */
static char all[256];
static struct strbuf why;

static enum ph_err
paper_check(const struct fw_config *config, struct strbuf *out)
{
	host.local = config->local;
	if (host.check != PH_OK)
		strbuf_str(out, "no such chain");
	return host.check;
}

static const struct fw_ops paper = { .name = "paper",
	.caps = FW_CAP_HOLD,
	.check = paper_check };
static const struct fw_ops offline = { .name = "offline",
	.caps = FW_CAP_OFFLINE,
	.check = paper_check };

const struct fw_ops *__wrap_fw_lookup(const char *name);
enum ph_err __wrap_lock_take(const char *path, int *fd, pid_t *holder,
    struct strbuf *say);
pid_t __wrap_lock_orphan(int fd);
pid_t __wrap_lock_holder(const char *path);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_usleep(useconds_t usec);
int __real_usleep(useconds_t usec);
enum ph_err __wrap_packetq_open(struct packetq *q, uint32_t number, bool open,
    struct strbuf *say);
void __wrap_packetq_close(struct packetq *q);
void __wrap_packetq_pause(const struct packetq *q);
void __wrap_packetq_resume(const struct packetq *q);
enum ph_err __wrap_sandbox_user(struct sandbox *out, const char *user,
    bool required, struct strbuf *say);
enum ph_err __wrap_sandbox_prepare(struct sandbox *out, const char *user,
    bool required, const char *rundir, struct strbuf *say);

const struct fw_ops *
__wrap_fw_lookup(const char *name)
{
	return strcmp(name, "dry-run") == 0 ? &offline : &paper;
}

enum ph_err
__wrap_lock_take(const char *path, int *fd, pid_t *holder, struct strbuf *say)
{
	bool state = strncmp(path, dir, strlen(dir)) == 0;

	snprintf(host.locked + strlen(host.locked),
	    sizeof(host.locked) - strlen(host.locked), "%s ",
	    state ? strrchr(path, '/') + 1 : path);
	*holder = host.holder;
	if (host.lock != PH_OK && state == (host.holder == 8)) {
		strbuf_str(say, host.lock == PH_EIO ? "cannot lock" : "");
		return host.lock;
	}
	*fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return PH_OK;
}

pid_t
__wrap_lock_orphan(int fd)
{
	pid_t next = host.orphans[0];

	assert_true(fd != -1);
	if (next <= 0)
		return next;
	if (waitpid(next, NULL, WNOHANG) == next)
		memmove(&host.orphans[0], &host.orphans[1],
		    2 * sizeof(host.orphans[0]));
	return host.orphans[0];
}

pid_t
__wrap_lock_holder(const char *path)
{
	snprintf(host.asked, sizeof(host.asked), "%s", path);
	return 44;
}

int
__wrap_mkdir(const char *path, mode_t mode)
{
	assert_true(strncmp(path, dir, strlen(dir)) == 0 ||
	    (strcmp(path, PINHOLED_RUNDIR) == 0 && mode == 0755));
	errno = host.mkdir_errno;
	return errno == 0 ? 0 : -1;
}

int
__wrap_usleep(useconds_t usec)
{
	assert_int_equal(usec, 10000);
	host.naps++;
	return __real_usleep(host.nap > 0 ? host.nap : 200);
}

enum ph_err
__wrap_packetq_open(struct packetq *q, uint32_t number, bool open_,
    struct strbuf *say)
{
	if (host.busy > 0) {
		host.busy--;
		strbuf_str(say, "taken");
		return PH_EEXIST;
	}
	q->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	q->number = number;
	q->open = open_;
	host.queues++;
	return PH_OK;
}

void
__wrap_packetq_close(struct packetq *q)
{
	if (q->fd != -1) {
		close(q->fd);
		q->fd = -1;
		host.shut++;
	}
}

void
__wrap_packetq_pause(const struct packetq *q)
{
	(void)q;
	host.paused++;
}

void
__wrap_packetq_resume(const struct packetq *q)
{
	host.open = q->open;
	host.resumed++;
}

enum ph_err
__wrap_sandbox_user(struct sandbox *out, const char *user, bool required,
    struct strbuf *say)
{
	(void)required;
	if (host.user != PH_OK)
		strbuf_str(say, "no such user");
	out->user = host.no_such_user ? "nobody" : user;
	out->uid = getuid();
	out->gid = getgid();
	return host.user;
}

enum ph_err
__wrap_sandbox_prepare(struct sandbox *out, const char *user, bool required,
    const char *rundir, struct strbuf *say)
{
	(void)out;
	(void)user;
	(void)required;
	assert_string_equal(rundir, PINHOLED_RUNDIR);
	if (host.prepare != PH_OK)
		strbuf_str(say, "no directory");
	return host.prepare;
}

static int
begin(void **state)
{
	unsigned int port = 20000 + 3 * ((unsigned int)getpid() % 4000);

	(void)state;
	memset(&host, 0, sizeof(host));
	host.mkdir_errno = EEXIST;
	why = strbuf_of(text, sizeof(text));
	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	umask(077);
	snprintf(all, sizeof(all),
	    "status { listen on 127.0.0.1 port %u }\n"
	    "hep { listen on 127.0.0.1 port %u from 127.0.0.1 }\n"
	    "tftp { proxy on 127.0.0.1 port %u }\nsip { inline yes }\n",
	    port, port + 1, port + 2);
	return mkdtemp(dir) == NULL;
}

static int
end(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* `more` is appended to a configuration that has one of everything. */
static struct conf *
conf_of(const char *control, const char *more)
{
	char whole[1024];
	struct conf *c;

	snprintf(whole, sizeof(whole),
	    "protect 192.0.2.0/24\ninterface lo\ncontrol \"%s/%s\"\n"
	    "state \"%s/state\"\nuser me\n%s",
	    dir, control, dir, more);
	assert_int_equal(conf_parse(&c, span_of(whole), "x", NULL, 0, stderr),
	    PH_OK);
	return c;
}

static struct generation *
make(const char *control, const char *more, const struct generation *before)
{
	struct generation *g;

	strbuf_reset(&why);
	host.locked[0] = '\0';
	g = generation_new(conf_of(control, more), before, NULL, &why);
	if (g == NULL)
		print_message("%s\n", text);
	return g;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static mode_t
mode_of(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == -1 ? 0 : st.st_mode & 0777;
}

static gid_t
group_of(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == -1 ? 0 : st.st_gid;
}

static void
the_first_makes_everything(void **state)
{
	struct generation *g = make("sock", "", NULL);
	char want[256], owner[64];
	int fds[4];
	size_t i;

	(void)state;
	snprintf(owner, sizeof(owner), "%s-pinholed-%" PRIx64,
	    g->conf->firewall, process_network());
	snprintf(want, sizeof(want), "%s/%s.lock state.lock ", PINHOLED_RUNDIR,
	    owner);
	assert_string_equal(g->owner, owner);
	assert_string_equal(host.locked, want);
	assert_int_equal(generation_holder(g->conf), 44);
	assert_memory_equal(host.asked, want, strlen(host.asked));
	/* An anchor below another one has its lock in the same directory. */
	free(g->conf->name);
	g->conf->name = strdup("a/b/c");
	assert_int_equal(generation_holder(g->conf), 44);
	assert_non_null(strstr(host.asked, "-a_b_c-"));
	assert_int_equal(mode_of("sock"), 0660);
	assert_int_equal(mode_of("sock.ro"), 0666);
	assert_int_equal(group_of("sock.ro"), getegid());
	assert_false(g->adopt);
	for (i = 0; i < CHILD_NROLES; i++)
		assert_int_equal(g->child[i].role, i);
	assert_true(g->child[CHILD_FIREWALL].wanted);
	assert_true(g->child[CHILD_ENGINE].wanted);
	assert_false(g->child[CHILD_PROXY].wanted);
	assert_false(g->child[CHILD_SHARE].wanted);
	assert_int_equal(g->queue.fd, -1);
	assert_int_equal(host.paused + host.resumed, 0);
	fds[0] = g->control_fd[0];
	fds[1] = g->control_fd[1];
	fds[2] = g->state_fd;
	fds[3] = g->lock_fd;
	for (i = 0; i < ROWS(fds); i++)
		assert_true(is_open(fds[i]));
	generation_free(g, NULL);
	for (i = 0; i < ROWS(fds); i++)
		assert_false(is_open(fds[i]));
	assert_int_equal(mode_of("sock") | mode_of("sock.ro"), 0);
	generation_free(NULL, NULL);
}

static void
a_reload_keeps_what_is_the_same(void **state)
{
	struct generation *a = make("sock", all, NULL), *b;
	int i;

	(void)state;
	assert_true(a->child[CHILD_PROXY].wanted);
	assert_int_equal(host.queues, 1);
	b = make("sock", all, a);
	assert_string_equal(host.locked, "");
	assert_true(b->adopt);
	for (i = 0; i < 2; i++)
		assert_int_equal(b->control_fd[i], a->control_fd[i]);
	assert_int_equal(b->state_fd, a->state_fd);
	assert_int_equal(b->lock_fd, a->lock_fd);
	assert_int_equal(b->http.v[0].fd, a->http.v[0].fd);
	assert_int_equal(b->hep.v[0].fd, a->hep.v[0].fd);
	assert_int_equal(b->hep.v[1].fd, a->hep.v[1].fd);
	assert_int_equal(b->listeners.v[0].fd, a->listeners.v[0].fd);
	assert_int_equal(b->queue.fd, a->queue.fd);
	assert_int_equal(host.queues, 1);
	/* A look at the ruleset, for which nothing may wait. */
	assert_int_equal(host.paused, 1);
	assert_int_equal(host.resumed, 2);
	generation_free(a, b);
	assert_int_equal(host.shut, 0);
	assert_int_equal(mode_of("sock"), 0660);
	assert_int_equal(mode_of("sock.ro"), 0666);
	assert_true(is_open(b->control_fd[0]) && is_open(b->control_fd[1]));
	assert_true(is_open(b->state_fd) && is_open(b->lock_fd));
	assert_true(is_open(b->http.v[0].fd) && is_open(b->hep.v[1].fd));
	assert_true(is_open(b->listeners.v[0].fd) && is_open(b->queue.fd));
	generation_free(b, NULL);
	assert_int_equal(host.shut, 1);
}

static void
a_reload_that_fails_leaves_all_as_it_was(void **state)
{
	struct generation *a = make("sock", all, NULL);
	char more[512];

	(void)state;
	host.busy = 1000;
	snprintf(more, sizeof(more), "%sinline { queue 7 }\n", all);
	assert_null(make("other", more, a));
	assert_string_equal(text, "x:9:7: taken");
	assert_true(is_open(a->http.v[0].fd) && is_open(a->hep.v[0].fd));
	assert_true(is_open(a->listeners.v[0].fd) && is_open(a->queue.fd));
	assert_true(is_open(a->control_fd[0]) && is_open(a->control_fd[1]));
	assert_true(is_open(a->state_fd) && is_open(a->lock_fd));
	assert_int_equal(mode_of("sock"), 0660);
	assert_int_equal(mode_of("other"), 0);
	generation_free(a, NULL);
}

static void
names_decide_what_is_the_same(void **state)
{
	struct generation *a = make("sock", all, NULL), *b;
	int number = 0;

	(void)state;
	strlcpy(a->owner, "paper-another-1", sizeof(a->owner));
	a->conf->state[strlen(a->conf->state) - 1] = 'E';
	a->queue.number++;
	b = make("other", all, a);
	assert_non_null(strstr(host.locked, ".lock state.lock "));
	assert_false(b->adopt);
	assert_int_not_equal(b->lock_fd, a->lock_fd);
	assert_int_not_equal(b->state_fd, a->state_fd);
	assert_int_not_equal(b->control_fd[0], a->control_fd[0]);
	assert_int_not_equal(b->control_fd[1], a->control_fd[1]);
	assert_int_not_equal(b->queue.fd, a->queue.fd);
	assert_int_equal(mode_of("other"), 0660);
	/* The first is gone, and what it had. */
	number = a->state_fd;
	generation_free(a, b);
	assert_false(is_open(number));
	assert_int_equal(host.shut, 1);
	assert_int_equal(mode_of("sock") | mode_of("sock.ro"), 0);
	assert_int_equal(mode_of("other"), 0660);
	assert_int_equal(mode_of("other.ro"), 0666);
	generation_free(b, NULL);
}

/* Each step that may fail, and the error that is logged. */
/* clang-format off */
static const struct {
	struct host how;
	const char *said;
} fails[] = {
	{ { .user = PH_EBAD }, "x:5:1: no such user" },
	{ { .prepare = PH_EIO }, "no directory" },
	{ { .mkdir_errno = EACCES }, "/pinholed: Permission denied" },
	{ { .lock = PH_EEXIST, .holder = 7 },
	    "already running as process 7 (for paper \"pinholed\")" },
	{ { .lock = PH_EIO, .holder = 7 }, "cannot lock" },
	{ { .lock = PH_EEXIST, .holder = 8 }, "state belongs to process 8; " },
	{ { .orphans = { -1 } }, "process -1 of an earlier run does not end" },
	{ { .orphans = { 0x7f000000 } },
	    "process 2130706432 of an earlier run does not end" },
	{ { .check = PH_EBAD }, "paper: no such chain" },
	{ { .busy = 1000 }, "taken" },
};
/* clang-format on */

static void
what_fails_is_said_and_leaves_nothing(void **state)
{
	int before = dup(0), after;
	struct generation *g;
	size_t i;

	(void)state;
	close(before);
	for (i = 0; i < ROWS(fails); i++) {
		host = fails[i].how;
		if (host.mkdir_errno == 0)
			host.mkdir_errno = EEXIST;
		g = make("sock", all, NULL);
		assert_null(g);
		assert_non_null(strstr(text, fails[i].said));
		assert_int_equal(mode_of("sock"), 0);
		after = dup(0);
		close(after);
		assert_int_equal(after, before);
		if (host.orphans[0] > 0)
			assert_int_equal(host.naps, 500);
		if (fails[i].how.busy > 0)
			assert_int_equal(host.naps, 50);
	}
	/* A queue that an orphan had until just now. */
	memset(&host, 0, sizeof(host));
	host.busy = 50;
	g = make("sock", all, NULL);
	assert_non_null(g);
	assert_int_equal(host.naps, 50);
	generation_free(g, NULL);
}

static void
children_of_a_dead_monitor_end(void **state)
{
	struct generation *g;
	pid_t pid;
	int i;

	(void)state;
	fflush(NULL);
	for (i = 0; i < 2; i++) {
		if ((pid = fork()) == 0)
			for (;;)
				pause();
		host.orphans[i] = pid;
	}
	host.nap = 10000; /* a busy machine takes a while to kill them */
	g = make("sock", "", NULL);
	assert_non_null(g);
	assert_int_equal(host.orphans[0], 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	generation_free(g, NULL);
}

static void
what_touches_nothing_locks_nothing(void **state)
{
	struct generation *g;
	struct conf *c = conf_of("sock", all);

	(void)state;
	free(c->firewall);
	c->firewall = strdup("dry-run");
	g = generation_new(c, NULL, NULL, &why);
	assert_non_null(g);
	assert_string_equal(host.locked, "");
	assert_null(g->conf->state);
	assert_int_equal(g->lock_fd, -1);
	assert_int_equal(g->state_fd, -1);
	/* It has no queue of packets that wait, either. */
	assert_int_equal(host.queues, 0);
	generation_free(g, NULL);
}

static void
without_its_user_the_socket_is_roots(void **state)
{
	struct generation *g;

	(void)state;
	host.no_such_user = true;
	g = make("sock", "", NULL);
	assert_int_equal(mode_of("sock"), 0600);
	assert_int_equal(mode_of("sock.ro"), 0666);
	generation_free(g, NULL);
}

static void
an_inherited_socket_is_all_there_is(void **state)
{
	struct listeners inherited = { 0 };
	struct generation *g;

	(void)state;
	g = generation_new(conf_of("sock", all), NULL, &inherited, &why);
	assert_non_null(g);
	assert_int_equal(g->control_fd[0], -1);
	assert_int_equal(g->control_fd[1], -1);
	assert_int_equal(mode_of("sock"), 0);
	generation_free(g, NULL);
}

static void
a_reload_may_let_go_what_waits(void **state)
{
	struct generation *a = make("sock", all, NULL), *b;
	char more[512];

	(void)state;
	snprintf(more, sizeof(more), "%sinline { fail closed }\n", all);
	assert_true(a->queue.open);
	b = make("sock", more, a);
	assert_false(b->queue.open);
	assert_false(host.open);
	assert_int_equal(b->queue.fd, a->queue.fd);
	generation_free(a, b);
	/* Nothing waits any more. */
	a = make("sock", "", b);
	assert_int_equal(a->queue.fd, -1);
	generation_free(b, a);
	assert_int_equal(host.shut, 1);
	generation_free(a, NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_makes_everything),
		T(a_reload_keeps_what_is_the_same),
		T(a_reload_that_fails_leaves_all_as_it_was),
		T(names_decide_what_is_the_same),
		T(what_fails_is_said_and_leaves_nothing),
		T(children_of_a_dead_monitor_end),
		T(what_touches_nothing_locks_nothing),
		T(without_its_user_the_socket_is_roots),
		T(an_inherited_socket_is_all_there_is),
		T(a_reload_may_let_go_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
