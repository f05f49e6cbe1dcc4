/* SPDX-License-Identifier: ISC */
/* What the monitor tells the status process, and does when that one asks. */
#include <sys/wait.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "tests/unit/monitor_play.h"

static struct ipc_msg msg;
static char text[8192];
static struct strbuf out;

static const char *const who[IPC_NPARTIES] = { [IPC_ENGINE] = "engine",
	[IPC_PROXY] = "proxy",
	[IPC_SHARER] = "share",
	[IPC_LEAVER] = "leaver0",
	[IPC_LEAVER + 1] = "leaver1",
	[IPC_LEAVER + 2] = "leaver2",
	[IPC_FIREWALL] = "firewall",
	[IPC_MONITOR] = "monitor",
	[IPC_STATUS_PROCESS] = "status" };

static int
nobody(const struct status_args *args)
{
	(void)args;
	return 0;
}

static int
begin(void **state)
{
	int rc = play_begin(state);

	out = strbuf_of(text, sizeof(text));
	play.opt.status = nobody;
	play.m.link.started = 7;
	play_child(CHILD_STATUS);
	return rc;
}

static void
put_about(const struct ipc_about *a)
{
	uint32_t i;

	strbuf_fmt(&out, "about %s %s %" PRId64 " %" PRId64, a->backend,
	    a->name, a->started, a->loaded);
	strbuf_fmt(&out, " verbose=%u activity=%u", a->verbose, a->activity);
	for (i = 0; i < a->n; i++)
		strbuf_fmt(&out, " %s", a->tables[i]);
}

static void
put_done(int fd)
{
	char said[1024];
	ssize_t n = fd == -1 ? 0 : pread(fd, said, sizeof(said), 0);

	strbuf_fmt(&out, "done %s %" PRIu64 "%s%.*s",
	    ph_strerror((enum ph_err)msg.u.done.err), msg.hdr.seq,
	    fd == -1 ? "" : ": ", (int)n, said);
}

/* All that has been sent to the status process, a line each. */
static const char *
told(void)
{
	const struct ipc_health *h = &msg.u.health;
	uint32_t type;
	int fd;

	strbuf_reset(&out);
	while ((type = play_recv(&play.far[CHILD_STATUS], &msg, &fd)) != 0) {
		if (type == IPC_ABOUT)
			put_about(&msg.u.about);
		else if (type == IPC_LISTEN)
			strbuf_fmt(&out, "listen %u %s", msg.u.listen.kind,
			    fd != -1 ? "here" : "no more");
		else if (type == IPC_HEALTH)
			strbuf_fmt(&out, "health %s %u %u %u %" PRId64,
			    who[h->role], h->state,
			    h->pid == (uint32_t)getpid() ? 1
				: h->pid == 0		 ? 0
							 : h->pid - 0x7effff00,
			    h->deaths, h->since);
		else if (type == IPC_SOURCE)
			strbuf_fmt(&out, "source %s %u%s",
			    who[msg.u.source.role],
			    msg.u.source.pid - 0x7effff00,
			    fd != -1 ? "" : " without a way");
		else if (type == IPC_DONE)
			put_done(fd);
		else
			strbuf_fmt(&out, "type %u", type);
		strbuf_str(&out, "\n");
		if (fd != -1)
			close(fd);
	}
	return text;
}

/* Only that of a message that begins so, or "". */
static const char *
told_line(const char *begins)
{
	char *p = strstr(told(), begins), *end;

	if (p == NULL)
		return "";
	if ((end = strchr(p, '\n')) != NULL)
		*end = '\0';
	return p;
}

#define NOBODY                                                                 \
	"health leaver0 0 0 0 0\nhealth leaver1 0 0 0 0\n"                     \
	"health leaver2 0 0 0 0\n"

static enum ph_err
on_activity(struct fw *fw, fw_seen_fn seen, void *ctx, int64_t now)
{
	(void)fw;
	(void)seen;
	(void)ctx;
	(void)now;
	return PH_OK;
}

static void
all_is_told_once(void **state)
{
	struct fw_ops active;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	play.cur.control_fd[0] = play.cur.control_fd[1] = fds[0];
	play.cur.http.v = calloc(1, sizeof(*play.cur.http.v));
	play.cur.http.v[0].fd = fds[1];
	play.cur.http.n = 1;
	play.m.verbose = 1;
	play_child(CHILD_ENGINE);
	status_run(&play.m);
	assert_string_equal(told(),
	    "about dry-run pinholed 7 1000000000 verbose=1 activity=0\n"
	    "listen 0 here\nlisten 1 here\nlisten 2 here\n"
	    "health monitor 2 1 0 7\n"
	    "health engine 2 257 0 1000000000\nhealth firewall 0 0 0 0\n"
	    "health proxy 0 0 0 0\nhealth status 2 256 0 1000000000\n" NOBODY);
	status_run(&play.m);
	assert_string_equal(told(), "");
	/* A listener that is gone is told of, one that did not change is not.
	 */
	play.cur.control_fd[1] = -1;
	play.cur.http.v[0].fd = fds[0];
	status_run(&play.m);
	assert_string_equal(told(), "listen 1 no more\nlisten 2 here\n");
	play.cur.http.n = 0;
	status_run(&play.m);
	assert_string_equal(told(), "listen 2 no more\n");
	/* A packet filter that tells of packets, in a new configuration. */
	active = *play.cur.ops;
	active.activity = on_activity;
	play.cur.ops = &active;
	play.m.link.about = NULL;
	status_run(&play.m);
	assert_string_equal(told(),
	    "about dry-run pinholed 7 1000000000 verbose=1 activity=1\n");
	free(play.cur.http.v);
	close(fds[0]);
	close(fds[1]);
}

static void
what_there_is_none_of_is_not_told(void **state)
{
	(void)state;
	play.cur.child[CHILD_STATUS].state = CHILD_STARTING;
	status_run(&play.m);
	assert_string_equal(told(), "");
	play.cur.child[CHILD_STATUS].state = CHILD_READY;
	status_run(&play.m);
	assert_null(strstr(told(), "listen"));
	/* A status process that quits is told nothing: its successor will be.
	 */
	play.cur.child[CHILD_STATUS].state = CHILD_QUITTING;
	play.m.link.about = NULL;
	status_run(&play.m);
	assert_string_equal(told(), "");
}

static void
names_of_tables_are_told(void **state)
{
	struct conf *old = play.cur.conf;

	(void)state;
	assert_int_equal(conf_parse(&play.cur.conf,
			     span_of("protect 192.0.2.0/24\ntables { listen on "
				     "127.0.0.1 allow { bad good }\n"
				     "key \"/k\" }\n"),
			     "x", NULL, 0, stderr),
	    PH_OK);
	conf_free(old);
	status_run(&play.m);
	assert_string_equal(told_line("about"),
	    "about dry-run pinholed 7 1000000000 verbose=0 activity=0 bad "
	    "good");
	/* Another configuration serves now. */
	play.other = play.cur;
	play.m.cur = &play.other;
	play.now++;
	status_run(&play.m);
	assert_string_equal(told(),
	    "about dry-run pinholed 7 1000000001 verbose=0 activity=0 bad "
	    "good\n");
	memset(&play.other, 0, sizeof(play.other));
	play.m.cur = &play.cur;
}

static void
what_changes_of_a_process_is_told(void **state)
{
	struct child *c = &play.cur.child[CHILD_ENGINE];

	(void)state;
	status_run(&play.m);
	(void)told();
	c->state = CHILD_STARTING;
	status_run(&play.m);
	assert_string_equal(told(), "health engine 1 0 0 0\n");
	c->pid = 0x7effff00 + 99;
	status_run(&play.m);
	assert_string_equal(told(), "health engine 1 99 0 0\n");
	c->since = 5;
	status_run(&play.m);
	assert_string_equal(told(), "health engine 1 99 0 5\n");
	status_death(&play.m, c);
	status_death(&play.m, c);
	status_run(&play.m);
	assert_string_equal(told(), "health engine 1 99 2 5\n");
	status_death(&play.m, &play.cur.child[CHILD_FIREWALL]);
	status_run(&play.m);
	assert_string_equal(told(), "health firewall 0 0 1 0\n");
	status_death(&play.m, &play.cur.child[CHILD_PROXY]);
	status_run(&play.m);
	assert_string_equal(told(), "health proxy 0 0 1 0\n");
	status_death(&play.m, &play.cur.child[CHILD_STATUS]);
	status_run(&play.m);
	assert_string_equal(told(), "health status 2 256 1 1000000000\n");
	/* The share process only where there is to be one. */
	status_death(&play.m, &play.cur.child[CHILD_SHARE]);
	status_run(&play.m);
	assert_string_equal(told(), "");
	play.cur.child[CHILD_SHARE].wanted = true;
	status_run(&play.m);
	assert_string_equal(told(), "health share 0 0 1 0\n");
	play.m.leavers.v[1].state = CHILD_QUITTING;
	status_run(&play.m);
	assert_string_equal(told(), "health leaver1 3 0 0 0\n");
	c->pid = 0;
}

/* Whether this child has been given its end. */
static bool
is_fed(struct ipc *far)
{
	int fd = -1;
	bool fed = play_recv(far, &msg, &fd) == IPC_STATUS && fd != -1;

	if (fd != -1)
		close(fd);
	assert_int_equal(play_recv(far, &msg, &fd), 0);
	return fed;
}

static void
who_is_ready_gets_a_way_to_it(void **state)
{
	struct child *engine = play_child(CHILD_ENGINE);
	struct child *leaver = &play.m.leavers.v[2];

	(void)state;
	status_run(&play.m);
	assert_null(strstr(told(), "source"));
	assert_false(is_fed(&play.far[CHILD_ENGINE]));
	engine->linked = true;
	engine->state = CHILD_STARTING;
	status_run(&play.m);
	assert_null(strstr(told(), "source"));
	engine->state = CHILD_READY;
	status_run(&play.m);
	assert_string_equal(told_line("source"), "source engine 257");
	assert_true(is_fed(&play.far[CHILD_ENGINE]));
	status_run(&play.m);
	assert_string_equal(told(), "");
	play_child(CHILD_PROXY)->linked = true;
	status_run(&play.m);
	assert_string_equal(told_line("source"), "source proxy 258");
	assert_true(is_fed(&play.far[CHILD_PROXY]));
	/* The share process has nothing to do with the firewall process. */
	play_child(CHILD_SHARE);
	status_run(&play.m);
	assert_string_equal(told_line("source"), "source share 259");
	assert_true(is_fed(&play.far[CHILD_SHARE]));
	play_join(leaver, &play.leaver[2]);
	leaver->linked = true;
	status_run(&play.m);
	assert_string_equal(told_line("source"), "source leaver2 260");
	assert_true(is_fed(&play.leaver[2]));
	/* The successor of the status process: all of this again. */
	play_child(CHILD_STATUS);
	status_run(&play.m);
	(void)told();
	assert_non_null(strstr(text, "about dry-run"));
	assert_non_null(strstr(text, "health monitor"));
	assert_non_null(strstr(text, "source engine"));
	assert_non_null(strstr(text, "source leaver2"));
	assert_true(is_fed(&play.far[CHILD_PROXY]));
}

/* clang-format off */
static const struct {
	bool	program, control, http, inherited;
	bool	wanted;
} wants[] = {
	{ true,  true,  false, false, true },
	{ true,  false, true,  false, true },
	{ true,  true,  true,  false, true },
	{ true,  false, false, false, false },
	{ false, true,  true,  false, false },
	{ true,  true,  true,  true,  false },
};
/* clang-format on */

static void
it_is_there_if_somebody_may_ask(void **state)
{
	static const struct listeners inherited;
	struct child *c = &play.cur.child[CHILD_STATUS];
	char *control = play.cur.conf->control;
	size_t i;

	(void)state;
	assert_non_null(control);
	for (i = 0; i < ROWS(wants); i++) {
		play.opt.status = wants[i].program ? nobody : NULL;
		play.opt.inherited = wants[i].inherited ? &inherited : NULL;
		play.cur.conf->control = wants[i].control ? control : NULL;
		play.cur.conf->status.on = wants[i].http;
		c->wanted = !wants[i].wanted;
		play.m.link.started = 0;
		status_begin(&play.m);
		assert_int_equal(c->wanted, wants[i].wanted);
		assert_int_equal(play.m.link.started, play.now);
	}
	play.cur.conf->control = control;
}

static void
it_goes_over_to_the_next_generation(void **state)
{
	struct child *old = &play.cur.child[CHILD_STATUS], *new;
	pid_t pid = old->pid;

	(void)state;
	play.other.conf = play.cur.conf;
	new = &play.other.child[CHILD_STATUS];
	old->wanted = true;
	status_change(&play.m, &play.cur, &play.other);
	assert_int_equal(old->pid, 0);
	assert_int_equal(new->pid, pid);
	assert_true(new->wanted && !old->wanted);
	assert_string_equal(told(), "");
}

static void
it_goes_where_nobody_may_ask_any_more(void **state)
{
	struct child *old = &play.cur.child[CHILD_STATUS];
	struct conf quiet = { 0 };

	(void)state;
	play.other.conf = &quiet;
	old->wanted = true;
	/* The client that asked for this reload is told first. */
	play.m.link.pid = old->pid;
	play.m.link.reload = true;
	play.m.link.reload_seq = 31;
	status_change(&play.m, &play.cur, &play.other);
	assert_int_equal(old->state, CHILD_QUITTING);
	assert_false(old->wanted);
	assert_false(play.other.child[CHILD_STATUS].wanted);
	assert_false(play.m.link.reload);
	assert_string_equal(told(), "done success 31\ntype 4\n");
	assert_int_equal(msg.u.quit.keep, 0);
	/* Another status process did not ask. */
	old = play_child(CHILD_STATUS);
	play.m.link.reload = true;
	status_change(&play.m, &play.cur, &play.other);
	assert_string_equal(told(), "type 4\n");
	old = play_child(CHILD_STATUS);
	play.m.link.pid = old->pid;
	play.m.link.reload = false;
	status_change(&play.m, &play.cur, &play.other);
	assert_string_equal(told(), "type 4\n");
}

static void
who_cannot_be_told_is_killed(void **state)
{
	(void)state;
	/* The engine, then the status process; another follows either. */
	play_child(CHILD_ENGINE)->linked = true;
	ipc_close(&play.far[CHILD_ENGINE]);
	status_run(&play.m);
	assert_int_equal(play.killed, 1);
	play.killed = 0;
	play_child(CHILD_STATUS);
	ipc_close(&play.far[CHILD_STATUS]);
	status_run(&play.m);
	assert_true(play.killed > 0);
	play.killed = 0;
}

/* Commands. */

static const char *
command(uint32_t kind, uint32_t value, uint64_t seq)
{
	memset(&play.m.msg, 0, sizeof(play.m.msg));
	play.m.msg.hdr.type = IPC_COMMAND;
	play.m.msg.hdr.seq = seq;
	play.m.msg.u.command = (struct ipc_command) { kind, value };
	play.m.link.pid = play.cur.child[CHILD_STATUS].pid;
	status_message(&play.m);
	return told();
}

#define BUSY "done busy 5: another reload is not over yet\n"

static void
a_reload_is_begun_and_answered_at_its_end(void **state)
{
	(void)state;
	assert_string_equal(command(IPC_COMMAND_RELOAD, 0, 4), "");
	assert_true(play.m.reload_again);
	assert_string_equal(command(IPC_COMMAND_RELOAD, 0, 5), BUSY);
	status_reloaded(&play.m, NULL);
	assert_string_equal(told(), "done success 4\n");
	status_reloaded(&play.m, NULL);
	assert_string_equal(told(), "");
	assert_string_equal(command(IPC_COMMAND_RELOAD, 0, 6), "");
	status_reloaded(&play.m, "it is wrong");
	assert_non_null(strstr(told(), " 6: it is wrong\n"));
	/* Not one that signals have begun, nor before or after all. */
	play.m.next = &play.other;
	assert_string_equal(command(IPC_COMMAND_RELOAD, 0, 5), BUSY);
	play.m.next = NULL;
	play.m.old = &play.other;
	assert_string_equal(command(IPC_COMMAND_RELOAD, 0, 5), BUSY);
	play.m.old = NULL;
	play.m.phase = PHASE_STOPPING;
	assert_string_equal(command(IPC_COMMAND_RELOAD, 0, 5), BUSY);
	play.m.phase = PHASE_STARTING;
	assert_string_equal(command(IPC_COMMAND_RELOAD, 0, 5), BUSY);
	/* The status process that asked may have died. */
	play.m.phase = PHASE_RUNNING;
	assert_string_equal(command(IPC_COMMAND_RELOAD, 0, 7), "");
	play_child(CHILD_STATUS);
	status_reloaded(&play.m, NULL);
	assert_string_equal(told(), "");
	assert_false(play.m.link.reload);
}

static enum ph_err
load_badly(void *ctx, struct conf **conf, FILE *errors)
{
	*conf = NULL;
	fprintf(errors, "x:1:1: %s\n", (const char *)ctx);
	return PH_EMALFORMED;
}

static enum ph_err
load_well(void *ctx, struct conf **conf, FILE *errors)
{
	static char name[] = "dry-run";
	enum ph_err rc;

	rc = conf_parse(conf, span_of(ctx), "x", NULL, 0, errors);
	if (rc == PH_OK) {
		free((*conf)->firewall);
		(*conf)->firewall = strdup(name);
	}
	return rc;
}

/* What the process that checks has said. */
static const char *
checked(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(status_reaped(&play.m, pid + 1, status));
	assert_true(status_reaped(&play.m, pid, status));
	assert_false(status_reaped(&play.m, pid, status));
	return told();
}

static void
a_check_is_a_process_of_its_own(void **state)
{
	static char good[] = "protect 192.0.2.0/24\ninterface lo\n",
		    bad[] = "so it is";

	(void)state;
	play.opt.load = load_badly;
	play.opt.ctx = bad;
	assert_string_equal(command(IPC_COMMAND_CHECK, 0, 9), "");
	assert_true(play.m.link.check > 0);
	assert_string_equal(command(IPC_COMMAND_CHECK, 0, 10),
	    "done busy 10: another check is not over yet\n");
	assert_non_null(
	    strstr(checked(play.m.link.check), "done bad request 9"));
	assert_non_null(strstr(text, "x:1:1: so it is\n"));
	play.opt.load = load_well;
	play.opt.ctx = good;
	assert_string_equal(command(IPC_COMMAND_CHECK, 0, 11), "");
	assert_non_null(strstr(checked(play.m.link.check), "success 11: "));
	/* The status process that asked may have died: the file is closed. */
	assert_string_equal(command(IPC_COMMAND_CHECK, 0, 12), "");
	play_child(CHILD_STATUS);
	assert_string_equal(checked(play.m.link.check), "");
	assert_int_equal(fcntl(play.m.link.check_fd, F_GETFD), -1);
}

/* How verbose this child was told to be, or -1. */
static int
verbose(enum child_role role)
{
	if (play_told(role, &msg) != IPC_COMMAND)
		return -1;
	assert_int_equal(msg.u.command.kind, IPC_COMMAND_LOG);
	return (int)msg.u.command.value;
}

static void
who_logs_is_told_how_much(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < CHILD_NROLES; i++)
		play_child((enum child_role)i);
	play_join(&play.m.leavers.v[0], &play.leaver[0]);
	assert_string_equal(command(IPC_COMMAND_LOG, 2, 3), "done success 3\n");
	assert_int_equal(play.m.verbose, 1);
	assert_int_equal(verbose(CHILD_ENGINE), 1);
	assert_int_equal(verbose(CHILD_PROXY), 1);
	assert_int_equal(verbose(CHILD_FIREWALL), -1);
	assert_int_equal(verbose(CHILD_SHARE), -1);
	assert_int_equal(play_recv(&play.leaver[0], &msg, &i), IPC_COMMAND);
	play.cur.child[CHILD_PROXY].state = CHILD_STARTING;
	assert_string_equal(command(IPC_COMMAND_LOG, 0, 4), "done success 4\n");
	assert_int_equal(play.m.verbose, 0);
	assert_int_equal(verbose(CHILD_ENGINE), 0);
	assert_int_equal(verbose(CHILD_PROXY), -1);
	/* Ten times in a second. */
	for (i = 2; i < 10; i++)
		assert_string_equal(command(IPC_COMMAND_LOG, 0, 4),
		    "done success 4\n");
	play.now += USEC_PER_SEC;
	assert_string_equal(command(IPC_COMMAND_LOG, 1, 4), "done busy 4\n");
	assert_int_equal(play.m.verbose, 0);
	play.now++;
	for (i = 0; i < 10; i++)
		assert_string_equal(command(IPC_COMMAND_LOG, 1, 4),
		    "done success 4\n");
	assert_string_equal(command(IPC_COMMAND_LOG, 1, 4), "done busy 4\n");
	log_verbose(0);
}

static void
the_configuration_is_shown(void **state)
{
	(void)state;
	assert_non_null(
	    strstr(command(IPC_COMMAND_CONFIG, 0, 3), "done success 3: "));
	assert_non_null(strstr(text, "protect"));
	assert_non_null(strstr(text, "192.0.2.0/24"));
	/* Requests that a status process cannot make. */
	assert_non_null(strstr(command(IPC_COMMAND_KINDS, 0, 3), "done "));
	assert_null(strstr(text, "success"));
	play.m.msg.hdr.type = IPC_READY;
	status_message(&play.m);
	assert_string_equal(told(), "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, play_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_is_told_once),
		T(what_there_is_none_of_is_not_told),
		T(names_of_tables_are_told),
		T(what_changes_of_a_process_is_told),
		T(who_is_ready_gets_a_way_to_it),
		T(it_is_there_if_somebody_may_ask),
		T(it_goes_over_to_the_next_generation),
		T(it_goes_where_nobody_may_ask_any_more),
		T(who_cannot_be_told_is_killed),
		T(a_reload_is_begun_and_answered_at_its_end),
		T(a_check_is_a_process_of_its_own),
		T(who_logs_is_told_how_much),
		T(the_configuration_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
