/* SPDX-License-Identifier: ISC */
/* What a child begins with: arguments, and the descriptors that are its own. */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/fw/process.h"
#include "tests/unit/monitor_play.h"

enum what {
	CONTROL,
	READ_ONLY,
	STATE,
	SERVICE,
	HTTP,
	HEP,
	QUEUE,
	OLD_CONTROL,
	OLD_STATE,
	OLD_SERVICE,
	OLD_HTTP,
	OLD_HEP,
	OLD_QUEUE,
	CALLS0,
	CALLS1,
	TABLES0,
	TABLES1,
	FAR,
	NWHAT
};

static const char *const names[NWHAT] = { "control", "read-only", "state",
	"service", "http", "hep", "queue", "old-control", "old-state",
	"old-service", "old-http", "old-hep", "old-queue", "calls0", "calls1",
	"tables0", "tables1", "far" };

static int fds[NWHAT], output;
static struct listener listeners[6];

/* What the child has seen; shared with it. */
static struct seen {
	char text[512];
	char args[512];
	rlim_t size;
} * seen;

static void
look(int monitor_fd)
{
	struct strbuf b = strbuf_of(seen->text, sizeof(seen->text));
	struct rlimit r;
	int i;

	for (i = 0; i < NWHAT; i++)
		if (fcntl(fds[i], F_GETFD) != -1)
			strbuf_fmt(&b, "%s ", names[i]);
	if (fcntl(monitor_fd, F_GETFD) != -1)
		strbuf_str(&b, "monitor");
	(void)getrlimit(RLIMIT_FSIZE, &r);
	seen->size = r.rlim_cur;
}

static int
run_engine(const struct engine_args *a)
{
	look(a->monitor_fd);
	snprintf(seen->args, sizeof(seen->args),
	    "%d %d %d %d %d %d %d %d %d %d", a->conf == play.m.cur->conf,
	    (int)a->format, a->verbose, a->foreground,
	    a->sandbox == &play.m.cur->sandbox,
	    a->journal_fds[0] == fds[CALLS0], a->journal_fds[1] == fds[CALLS1],
	    (int)a->journal_limit, a->listeners == &play.m.cur->hep,
	    a->queue == &play.m.cur->queue);
	return 3;
}

static int
run_proxy(const struct proxy_args *a)
{
	look(a->monitor_fd);
	snprintf(seen->args, sizeof(seen->args),
	    "%d %d %d %d %d %d %d %d %d %d %d %d", a->conf == play.m.cur->conf,
	    (int)a->format, a->verbose, a->foreground,
	    a->sandbox == &play.m.cur->sandbox,
	    a->journal_fds[0] == fds[TABLES0],
	    a->journal_fds[1] == fds[TABLES1], (int)a->journal_limit,
	    a->first_run, a->listeners == &play.m.cur->listeners,
	    (int)a->number, a->until_idle);
	return 4;
}

static int
run_status(const struct status_args *a)
{
	look(a->monitor_fd);
	snprintf(seen->args, sizeof(seen->args), "%d",
	    a->sandbox == &play.m.cur->sandbox);
	return 5;
}

int __wrap_fwproc_main(const struct fwproc_args *a);

int
__wrap_fwproc_main(const struct fwproc_args *a)
{
	look(a->monitor_fd);
	snprintf(seen->args, sizeof(seen->args), "%d %d %d %d %d",
	    a->conf == play.m.cur->conf, a->ops == play.m.cur->ops,
	    a->sandbox == &play.m.cur->sandbox, a->queue == &play.m.cur->queue,
	    a->adopt);
	return 6;
}

static void
give(struct listeners *l, struct listener *v, int fd)
{
	v->fd = fd;
	l->v = malloc(sizeof(*v));
	assert_non_null(l->v);
	l->v[0] = *v;
	l->n = 1;
}

static void
generation_fill(struct generation *g, enum what first, struct listener *v)
{
	g->control_fd[0] = fds[first];
	g->state_fd = fds[first + STATE];
	give(&g->listeners, &v[0], fds[first + SERVICE]);
	give(&g->http, &v[1], fds[first + HTTP]);
	give(&g->hep, &v[2], fds[first + HEP]);
	g->queue.fd = fds[first + QUEUE];
}

static int
begin(void **state)
{
	struct journals *js = &play.m.journals;
	int i, rc = play_begin(state);

	for (i = 0; i < NWHAT; i++) {
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fds[i] == -1)
			return -1;
	}
	output = fds[FAR];
	generation_fill(&play.cur, CONTROL, &listeners[0]);
	play.cur.control_fd[1] = fds[READ_ONLY];
	play.other.control_fd[0] = fds[OLD_CONTROL];
	play.other.state_fd = fds[OLD_STATE];
	give(&play.other.listeners, &listeners[3], fds[OLD_SERVICE]);
	give(&play.other.http, &listeners[4], fds[OLD_HTTP]);
	give(&play.other.hep, &listeners[5], fds[OLD_HEP]);
	play.other.queue.fd = fds[OLD_QUEUE];
	js->calls.fds[0] = fds[CALLS0];
	js->calls.fds[1] = fds[CALLS1];
	js->tables.fds[0] = fds[TABLES0];
	js->tables.fds[1] = fds[TABLES1];
	js->calls.limit = 1 << 20;
	js->tables.limit = 1 << 21;
	/* The end of another child's pair. */
	play.cur.child[CHILD_SHARE].ipc.fd = fds[FAR];
	play.opt.engine = run_engine;
	play.opt.proxy = run_proxy;
	play.opt.status = run_status;
	memset(seen, 0, sizeof(*seen));
	return rc;
}

static void
forget(struct listeners *l)
{
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

static int
end(void **state)
{
	struct generation *all[] = { &play.cur, &play.other };
	size_t i;

	for (i = 0; i < ROWS(all); i++) {
		forget(&all[i]->listeners);
		forget(&all[i]->http);
		forget(&all[i]->hep);
	}
	play.cur.child[CHILD_SHARE].ipc.fd = -1;
	for (i = 0; i < NWHAT; i++)
		close(fds[i]);
	return play_end(state);
}

/* Start it, and wait for its end; the status that it exits with. */
static int
start(enum child_role role)
{
	struct child *c = &play.cur.child[role];
	int status, saved = dup(STDOUT_FILENO);

	/* Where events go to a file, files may grow. */
	fflush(stdout);
	assert_int_equal(dup2(output, STDOUT_FILENO), STDOUT_FILENO);
	monitor_start_child(&play.m, &play.cur, role);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	close(saved);
	assert_int_equal(c->state, CHILD_STARTING);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	child_died(c, play.now);
	return WEXITSTATUS(status);
}

/* clang-format off */
static const struct {
	enum child_role	 role;
	int		 status;
	rlim_t		 size;
	const char	*args;
	const char	*open;
} rows[] = {
	{ CHILD_FIREWALL, 6, RLIM_INFINITY, "1 1 1 1 1", "queue monitor" },
	{ CHILD_ENGINE, 3, 1 << 20, "1 1 2 1 1 1 1 1048576 1 1",
	    "hep queue calls0 calls1 monitor" },
	{ CHILD_PROXY, 4, 1 << 21, "1 1 2 1 1 1 1 2097152 1 1 1 0",
	    "service tables0 tables1 monitor" },
	{ CHILD_STATUS, 5, RLIM_INFINITY, "1", "monitor" },
};
/* clang-format on */

static void
a_child_has_what_is_its_own(void **state)
{
	struct generation **other[] = { &play.m.next, &play.m.old };
	size_t i, k;

	(void)state;
	play.opt.format = EVENTS_JSON;
	play.opt.foreground = true;
	play.m.verbose = 2;
	play.cur.adopt = true;
	for (i = 0; i < ROWS(rows); i++)
		for (k = 0; k < ROWS(other); k++) {
			print_message("%s %zu\n", child_name(rows[i].role), k);
			*other[k] = &play.other;
			play.m.journals.tables_first = true;
			play.m.proxies = 0;
			assert_int_equal(start(rows[i].role), rows[i].status);
			assert_string_equal(seen->text, rows[i].open);
			assert_string_equal(seen->args, rows[i].args);
			assert_true(seen->size == rows[i].size);
			assert_int_equal(play.m.journals.tables_first,
			    rows[i].role != CHILD_PROXY);
			*other[k] = NULL;
		}
}

/* What two generations share is not closed with the other one's. */
static void
what_is_shared_stays_open(void **state)
{
	(void)state;
	play.m.old = &play.other;
	play.other.listeners.v[0].fd = fds[SERVICE];
	play.other.hep.v[0].fd = fds[HEP];
	play.other.queue.fd = fds[QUEUE];
	assert_int_equal(start(CHILD_ENGINE), 3);
	assert_string_equal(seen->text,
	    "hep queue old-service old-hep old-queue calls0 calls1 monitor");
	assert_int_equal(start(CHILD_PROXY), 4);
	assert_string_equal(seen->text,
	    "service old-service old-hep old-queue tables0 tables1 monitor");
	play.m.old = NULL;
}

static void
a_proxy_for_one_service_ends_when_idle(void **state)
{
	static const struct listeners inherited;

	(void)state;
	play.opt.inherited = &inherited;
	assert_int_equal(start(CHILD_PROXY), 4);
	assert_int_equal(start(CHILD_PROXY), 4);
	assert_string_equal(seen->args, "1 0 0 0 1 1 1 2097152 0 1 2 1");
}

static void
size_is(int fd, off_t want)
{
	assert_int_equal(lseek(fd, 0, SEEK_END), want);
}

/* An engine that dies of what it adopts would do so for ever. */
static void
a_journal_that_kills_is_forgotten(void **state)
{
	struct journal *j = &play.m.journals.calls;
	struct child *c = &play.cur.child[CHILD_ENGINE];
	char name[] = "/tmp/pinholed-test.XXXXXX";
	int i, fd = mkstemp(name);

	(void)state;
	assert_true(fd != -1);
	(void)unlink(name);
	j->fds[0] = j->fds[1] = fd;
	assert_int_equal(write(fd, "calls", 5), 5);
	for (i = 0; i < 5; i++) {
		c->state = CHILD_READY;
		c->since = play.now;
		child_died(c, play.now);
		size_is(fd, 5);
		/* Only five deaths of the engine itself empty the journal. */
		(void)start(i < 4 ? CHILD_ENGINE : CHILD_PROXY);
		size_is(fd, 5);
	}
	/* Where events go to a file, nothing may limit it. */
	output = fd;
	(void)start(CHILD_ENGINE);
	assert_true(seen->size == RLIM_INFINITY);
	size_is(fd, 0);
	assert_int_equal(c->ready_deaths, 0);
	j->fds[0] = j->fds[1] = -1;
	close(fd);
}

static void
all_children_are_found(void **state)
{
	struct walk w = { 0 };
	struct child *c;
	int n = 0, leavers = 0, other = 0;

	(void)state;
	play.m.old = &play.other;
	while ((c = monitor_walk(&play.m, &w)) != NULL) {
		n++;
		if (w.g == NULL)
			assert_ptr_equal(c, &play.m.leavers.v[leavers++]);
		else if (w.g == &play.other)
			assert_ptr_equal(c, &play.other.child[other++]);
		else
			assert_ptr_equal(c, &play.cur.child[n - 1]);
	}
	assert_int_equal(n, 2 * CHILD_NROLES + LEAVERS);
	assert_int_equal(leavers, LEAVERS);
	assert_int_equal(other, CHILD_NROLES);
	play.m.old = NULL;
}

static int
group_setup(void **state)
{
	(void)state;
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANON, -1, 0);
	return seen == MAP_FAILED;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_child_has_what_is_its_own),
		T(what_is_shared_stays_open),
		T(a_proxy_for_one_service_ends_when_idle),
		T(a_journal_that_kills_is_forgotten),
		T(all_children_are_found),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
