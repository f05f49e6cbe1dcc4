/* SPDX-License-Identifier: ISC */
/* The control sockets: who is asked for what, who waits, and for how long. */
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/status/control.h"
#include "tests/unit/unit.h"

#define OK   "{\"end\":\"ok\"}\n"
#define LATE "no answer came in time"

static struct event_base *base;
static struct model *model;
static struct control *control;
static char dir[] = "/tmp/pinholed-test.XXXXXX", path[2][64];
static int64_t now;
static enum ph_err answer; /* of the ops below */

/* What was asked for last. */
static struct {
	unsigned int n;
	uint64_t seq;
	int command; /* or -1 */
	uint32_t value;
	int type; /* or -1 */
	struct request request;
} asked;

int64_t __wrap_clock_now(void);

int64_t
__wrap_clock_now(void)
{
	return now;
}

static enum ph_err
on_command(void *ctx, uint64_t seq, enum ipc_command_kind kind, uint32_t value)
{
	assert_ptr_equal(ctx, &asked);
	asked.n++;
	asked.seq = seq;
	asked.command = (int)kind;
	asked.value = value;
	asked.type = -1;
	return answer;
}

static enum ph_err
on_ask(void *ctx, uint64_t seq, enum ipc_type type, const struct request *r)
{
	assert_ptr_equal(ctx, &asked);
	asked.n++;
	asked.seq = seq;
	asked.type = (int)type;
	asked.command = -1;
	asked.request = *r;
	return answer;
}

static int
listen_at(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strlcpy(un.sun_path, name, sizeof(un.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 256), 0);
	return fd;
}

static int
begin(void **state)
{
	static const struct control_ops ops = { on_command, on_ask, &asked };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)state;
	/* As child_start() has it. */
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGPIPE, &ignore, NULL);
	memset(&asked, 0, sizeof(asked));
	answer = PH_OK;
	now = 1000 * USEC_PER_SEC;
	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path[0], sizeof(path[0]), "%s/s", dir);
	snprintf(path[1], sizeof(path[1]), "%s/s.ro", dir);
	base = event_base_new();
	model = model_new();
	control = control_new(base, model, &ops);
	control_listen(control, IPC_LISTEN_CONTROL, listen_at(path[0]));
	control_listen(control, IPC_LISTEN_READ_ONLY, listen_at(path[1]));
	return 0;
}

static int
end(void **state)
{
	(void)state;
	if (control != NULL)
		control_free(control);
	model_free(model);
	event_base_free(base);
	(void)unlink(path[0]);
	(void)unlink(path[1]);
	return rmdir(dir);
}

static void
turn(void)
{
	int i;

	for (i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
client(bool read_only)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strlcpy(un.sun_path, path[read_only], sizeof(un.sun_path));
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_not_equal(fcntl(fd, F_SETFL, O_NONBLOCK), -1);
	turn();
	return fd;
}

/* What it has been told; "(end)": the connection is closed. */
static const char *
heard(int fd)
{
	static char text[65536];
	ssize_t n;

	turn();
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (n == 0 || (n == -1 && errno != EAGAIN))
		return "(end)";
	return text;
}

static const char *
ask(int fd, const char *line)
{
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	return heard(fd);
}

/* clang-format off */
static const struct {
	const char	*line;
	int		 type, command;		/* who is asked, and for what */
	uint32_t	 value;
	const char	*text, *shown;		/* of that one, and to us */
} rows[] = {
	{ "explain 7\n", IPC_EXPLAIN, -1, 0, "one\ntwo\n",
	    "{\"text\":\"one\"}\n{\"text\":\"two\"}\n" OK },
	{ "close abc\r\n", IPC_CLOSE_CALL, -1, 0, "", OK },
	{ "show tables\n", IPC_SHOW_TABLES, -1, 0, "{\"a\":1}\n",
	    "{\"a\":1}\n" OK },
	{ "show peers\n", IPC_SHOW_PEERS, -1, 0, "{\"b\":1}\n",
	    "{\"b\":1}\n" OK },
	{ "reload\n", -1, IPC_COMMAND_RELOAD, 0, "", OK },
	{ "check\n", -1, IPC_COMMAND_CHECK, 0, "fine\n",
	    "{\"text\":\"fine\"}\n" OK },
	{ "show config\n", -1, IPC_COMMAND_CONFIG, 0, "sip {\n",
	    "{\"text\":\"sip {\"}\n" OK },
	{ "log brief\n", -1, IPC_COMMAND_LOG, 0, "", OK },
	{ "log verbose\n", -1, IPC_COMMAND_LOG, 1, "", OK },
};
/* clang-format on */

static void
each_verb_asks_who_knows(void **state)
{
	struct ipc_about about = { .n = 1 };
	int fd = client(false);
	size_t i;

	(void)state;
	parties_about(model_parties(model), &about);
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s", rows[i].line);
		assert_string_equal(ask(fd, rows[i].line), "");
		assert_int_equal(asked.type, rows[i].type);
		assert_int_equal(asked.command, rows[i].command);
		assert_int_equal(asked.value,
		    rows[i].command == IPC_COMMAND_LOG ? rows[i].value : 0);
		/* Not the answer to another question. */
		control_text(control, asked.seq + 1, span_of("no\n"));
		control_done(control, asked.seq + 1, PH_OK, NULL);
		assert_string_equal(heard(fd), "");
		control_text(control, asked.seq, span_of(rows[i].text));
		control_done(control, asked.seq, PH_OK, NULL);
		assert_string_equal(heard(fd), rows[i].shown);
		/* Nor is it answered twice. */
		control_done(control, asked.seq, PH_OK, NULL);
		assert_string_equal(heard(fd), "");
		asked.value = 0;
	}
	assert_string_equal(asked.request.call, "");
	close(fd);
}

static void
what_cannot_be_answered_is_said(void **state)
{
	int fd = client(false), ro = client(true);

	(void)state;
	answer = PH_EGONE;
	assert_non_null(strstr(ask(fd, "explain 1\n"),
	    "{\"end\":\"refused\",\"error\":\"the process that could answer "
	    "is not running\"}"));
	/* Without tables there is nobody to ask. */
	assert_string_equal(ask(fd, "show tables\n"), OK);
	assert_int_equal(asked.type, IPC_EXPLAIN);
	assert_non_null(strstr(ask(fd, "top\n"), "pinholectl alone"));
	assert_non_null(strstr(ask(fd, "nonsense\n"), "refused"));
	assert_non_null(strstr(ask(fd, "x\n"), "refused"));
	assert_string_equal(ask(fd, "\n\r\n"), "");
	answer = PH_OK;
	assert_string_equal(ask(fd, "reload\n"), "");
	control_done(control, asked.seq, PH_EBAD, "it is wrong");
	assert_string_equal(heard(fd),
	    "{\"end\":\"refused\",\"error\":\"it is wrong\"}\n");
	assert_string_equal(ask(fd, "reload\n"), "");
	control_done(control, asked.seq, PH_EIO, NULL);
	assert_string_equal(heard(fd),
	    "{\"end\":\"refused\",\"error\":\"input/output error\"}\n");
	/* A client of the read-only socket. */
	asked.n = 0;
	assert_non_null(strstr(ask(ro, "reload\n"), "read-only"));
	assert_non_null(strstr(ask(ro, "close x\n"), "read-only"));
	assert_non_null(strstr(ask(ro, "log brief\n"), "read-only"));
	assert_int_equal(asked.n, 0);
	assert_string_equal(ask(ro, "explain x\n"), "");
	assert_int_equal(asked.n, 1);
	close(fd);
	close(ro);
}

static void
who_asks_for_stories_waits_for_the_others(void **state)
{
	int a = client(false), b = client(true), c = client(false);
	uint64_t first;

	(void)state;
	assert_string_equal(ask(a, "explain a\n"), "");
	assert_string_equal(asked.request.call, "a");
	first = asked.seq;
	now++;
	assert_string_equal(ask(b, "explain b\n"), "");
	now++;
	assert_string_equal(ask(c, "explain c\n"), "");
	assert_int_equal(asked.n, 1);
	/* A client that may change something comes first. */
	control_done(control, first, PH_OK, NULL);
	assert_int_equal(asked.n, 2);
	assert_string_equal(asked.request.call, "c");
	/* The engine may never answer: 5 s, and the next has its turn. */
	now += 5 * USEC_PER_SEC;
	control_tick(control);
	assert_int_equal(asked.n, 2);
	now++;
	control_tick(control);
	assert_int_equal(asked.n, 3);
	assert_string_equal(asked.request.call, "b");
	assert_non_null(strstr(heard(c), LATE));
	control_done(control, asked.seq, PH_OK, NULL);
	assert_string_equal(heard(b), OK);
	assert_string_equal(heard(a), OK);
	close(a);
	close(b);
	close(c);
}

/* clang-format off */
static const struct {
	const char	*line;
	int64_t		 within;	/* seconds */
} times[] = {
	{ "close x\n", 5 },
	{ "show config\n", 5 },
	{ "log brief\n", 5 },
	{ "reload\n", 30 },
	{ "check\n", 30 },
};
/* clang-format on */

static void
answers_are_not_waited_for_for_ever(void **state)
{
	int fd = client(false);
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(times); i++) {
		print_message("%s", times[i].line);
		assert_string_equal(ask(fd, times[i].line), "");
		now += times[i].within * USEC_PER_SEC;
		control_tick(control);
		assert_string_equal(heard(fd), "");
		/* A part of it counts. */
		control_text(control, asked.seq, span_of("part\n"));
		assert_string_equal(heard(fd), "{\"text\":\"part\"}\n");
		now += times[i].within * USEC_PER_SEC;
		control_tick(control);
		assert_string_equal(heard(fd), "");
		now++;
		control_tick(control);
		assert_non_null(strstr(heard(fd), LATE));
	}
	close(fd);
}

static void
on_need(void *ctx, bool yes)
{
	(void)ctx;
	(void)yes;
}

static void
on_whole(void *ctx)
{
	(void)ctx;
	control_whole(control);
}

static void
who_needs_all_calls_waits_for_them(void **state)
{
	static const struct model_asker asker = { on_need, on_whole, NULL };
	struct model_source *s = model_source_new(model, IPC_ENGINE, 70);
	int fd[4], i;

	(void)state;
	model_ask_by(model, &asker);
	for (i = 0; i < 4; i++)
		fd[i] = client(i == 3);
	/* All that there is else has its answer at once. */
	assert_non_null(strstr(ask(fd[0], "show summary\n"), OK));
	assert_string_equal(ask(fd[0], "show counters\n"), OK);
	assert_string_equal(ask(fd[0], "close abc\n"), "");
	assert_int_equal(asked.n, 1);
	assert_false(model_needed(model));
	assert_string_equal(ask(fd[1], "show calls\nshow summary\n"), "");
	assert_true(model_needed(model));
	assert_string_equal(ask(fd[2], "close 7\n"), "");
	assert_string_equal(ask(fd[3], "explain 7\n"), "");
	assert_int_equal(asked.n, 1);
	/* They are not dropped while somebody waits for them. */
	now += 2 * MODEL_KEEP;
	control_tick(control);
	model_tick(model, now);
	assert_true(model_needed(model));
	assert_true(model_input(model, s, now,
	    &(struct ipc_msg) { .hdr.type = IPC_FEED_BEGIN }));
	assert_int_equal(asked.n, 1);
	assert_true(model_input(model, s, now,
	    &(struct ipc_msg) { .hdr.type = IPC_FEED_END }));
	assert_int_equal(asked.n, 3);
	assert_int_equal(asked.type, IPC_EXPLAIN);
	assert_memory_equal(heard(fd[1]), OK, strlen(OK));
	/* Nor are they waited for for ever. */
	now += MODEL_KEEP;
	model_tick(model, now);
	assert_false(model_needed(model));
	assert_string_equal(ask(fd[1], "show pinholes\n"), "");
	now += 30 * USEC_PER_SEC;
	control_tick(control);
	assert_string_equal(heard(fd[1]), "");
	now++;
	control_tick(control);
	assert_non_null(strstr(heard(fd[1]), LATE));
	for (i = 0; i < 4; i++)
		close(fd[i]);
}

static void
who_says_nothing_goes(void **state)
{
	int idle = client(false), busy = client(false);

	(void)state;
	assert_string_equal(ask(busy, "monitor\n"), "");
	now += 120 * USEC_PER_SEC;
	control_tick(control);
	assert_string_equal(heard(idle), "");
	now++;
	control_tick(control);
	assert_string_equal(heard(idle), "(end)");
	assert_string_equal(heard(busy), "");
	close(idle);
	close(busy);
}

static void
who_monitors_hears_of_what_it_asked_for(void **state)
{
	struct model_source *engine = model_source_new(model, IPC_ENGINE, 1);
	struct ipc_msg m = { .hdr.type = IPC_FEED_REFUSAL };
	struct ipc_feed_refusal *r = &m.u.feed_refusal;
	int all = client(false), some = client(true), none = client(false);

	(void)state;
	assert_string_equal(ask(all, "monitor\n"), "");
	assert_string_equal(ask(some, "monitor call other\n"), "");
	r->src = addr_v4(203, 0, 113, 9);
	r->dst = addr_v4(192, 0, 2, 22);
	r->reason = REASON_ADDRESS;
	r->n = 2;
	memcpy(r->call, "c1", 2);
	assert_true(model_input(model, engine, now, &m));
	assert_non_null(strstr(heard(all), "\"event\":\"refuse\""));
	assert_string_equal(heard(some), "");
	assert_string_equal(heard(none), "");
	/* A client that has gone hears nothing more. */
	close(all);
	turn();
	memset(r->call, 0, sizeof(r->call));
	r->n = 5;
	memcpy(r->call, "other", 5);
	assert_true(model_input(model, engine, now, &m));
	assert_non_null(strstr(heard(some), "\"call\":\"other\""));
	/* By the first line, its socket has told that nobody reads it. */
	turn();
	assert_true(model_input(model, engine, now, &m));
	assert_non_null(strstr(heard(some), "\"call\":\"other\""));
	close(some);
	close(none);
}

static void
lines_come_in_any_pieces(void **state)
{
	char longest[VERB_LINE + 2];
	int fd = client(false);

	(void)state;
	/* Two at once; the second when the first is answered. */
	assert_string_equal(ask(fd, "reload\nlog bri"), "");
	assert_int_equal(asked.n, 1);
	assert_string_equal(ask(fd, "ef\n"), "");
	assert_int_equal(asked.n, 1);
	control_done(control, asked.seq, PH_OK, NULL);
	assert_string_equal(heard(fd), OK);
	assert_int_equal(asked.n, 2);
	assert_int_equal(asked.command, IPC_COMMAND_LOG);
	/* A client that sends nothing more still gets the answer. */
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_string_equal(heard(fd), "");
	control_done(control, asked.seq, PH_OK, NULL);
	assert_string_equal(heard(fd), OK);
	assert_string_equal(heard(fd), "(end)");
	close(fd);
	/* The longest line that there may be, and one byte more. */
	memset(longest, 'x', sizeof(longest));
	longest[VERB_LINE] = '\0';
	fd = client(false);
	assert_string_equal(ask(fd, longest), "");
	assert_non_null(strstr(ask(fd, "x"), "a line is too long"));
	assert_string_equal(heard(fd), "(end)");
	close(fd);
}

static void
the_longest_idle_makes_room(void **state)
{
	int fds[CONTROL_CLIENTS + 2], i;

	(void)state;
	for (i = 0; i < CONTROL_CLIENTS; i++)
		fds[i] = client(false);
	assert_string_equal(ask(fds[0], "monitor\n"), "");
	for (i = 0; i < CONTROL_CLIENTS; i++)
		assert_string_equal(heard(fds[i]), "");
	fds[i++] = client(false);
	assert_string_equal(heard(fds[0]), "");
	assert_string_equal(heard(fds[1]), "(end)");
	assert_string_equal(heard(fds[2]), "");
	/* The other socket has room of its own. */
	fds[i] = client(true);
	assert_string_equal(heard(fds[2]), "");
	assert_string_equal(ask(fds[i], "reload\n") + 1,
	    "\"end\":\"refused\",\"error\":\"this socket is read-only, and "
	    "answers only what changes nothing\"}\n");
	/* If all are busy, the oldest. */
	for (i = 2; i <= CONTROL_CLIENTS; i++)
		assert_string_equal(ask(fds[i], "monitor\n"), "");
	close(fds[1]);
	fds[1] = client(false);
	assert_string_equal(heard(fds[0]), "(end)");
	assert_string_equal(heard(fds[2]), "");
	for (i = 0; i < CONTROL_CLIENTS + 2; i++)
		close(fds[i]);
}

static void
who_does_not_read_is_dropped(void **state)
{
	static char lines[4096];
	int fd = client(false), i, n = 0;

	(void)state;
	memset(lines, 'x', sizeof(lines));
	for (i = 99; i < (int)sizeof(lines); i += 100)
		lines[i] = '\n';
	assert_string_equal(ask(fd, "show config\n"), "");
	/* Up to 1 MiB waits, behind what the kernel has. */
	for (i = 0; i < 1000; i++) {
		control_text(control, asked.seq,
		    (struct span) { lines, sizeof(lines) - 96 });
		turn();
	}
	control_done(control, asked.seq, PH_OK, NULL);
	while (strcmp(heard(fd), "(end)") != 0 && n++ < 10000)
		;
	assert_true(n < 100);
	close(fd);
}

static void
calls_tell(int n)
{
	struct model_source *engine = model_source_new(model, IPC_ENGINE, 1);
	struct ipc_msg m = { .hdr.type = IPC_FEED_CALL };
	struct ipc_feed_call *c = &m.u.feed_call;
	int i;

	for (i = 1; i <= n; i++) {
		c->owner = (uint64_t)i;
		c->state = IPC_CALL_HELD;
		c->since = now;
		c->n = (uint32_t)snprintf(c->call, sizeof(c->call),
		    "n%d-%0200d", i, 0);
		assert_true(model_input(model, engine, now, &m));
	}
}

/* Each row comes once, and in order, however slowly it is read. */
static void
a_long_answer_comes_as_it_is_read(void **state)
{
	static char text[1 << 21];
	int fd = client(false), other = client(false), i, tries;
	char key[32], *p = text;
	size_t len = 0;
	ssize_t n;

	(void)state;
	calls_tell(4000);
	assert_int_equal(write(fd, "show calls\nreload\n", 18), 18);
	for (i = 0; i < 8; i++)
		turn();
	/* Others have their turn, and the next line waits. */
	assert_string_equal(ask(other, "top\n") + 1,
	    "\"end\":\"refused\",\"error\":\"pinholectl alone has this "
	    "verb\"}\n");
	assert_int_equal(asked.n, 0);
	for (tries = 0; tries < 100000 && asked.n == 0; tries++) {
		turn();
		n = read(fd, text + len, 4096);
		len += n > 0 ? (size_t)n : 0;
	}
	while ((n = read(fd, text + len, 4096)) > 0) {
		len += (size_t)n;
		turn();
	}
	text[len] = '\0';
	for (i = 1; i <= 4000; i++) {
		snprintf(key, sizeof(key), "{\"call\":\"n%d-", i);
		assert_memory_equal(p, key, strlen(key));
		p = strchr(p, '\n') + 1;
	}
	assert_string_equal(p, OK);
	assert_int_equal(asked.command, IPC_COMMAND_RELOAD);
	close(fd);
	close(other);
}

/* It may have asked for something first, that it has been told. */
static void
who_sends_no_more_is_let_go(void **state)
{
	int idle = client(false), told = client(true), fd;

	(void)state;
	assert_int_equal(shutdown(idle, SHUT_WR), 0);
	assert_string_equal(heard(idle), "(end)");
	assert_int_equal(write(told, "top\ntop\n", 8), 8);
	assert_int_equal(shutdown(told, SHUT_WR), 0);
	assert_non_null(strstr(heard(told), "verb\"}\n{\"end\":\"refused\""));
	assert_string_equal(heard(told), "(end)");
	/* An answer that nobody gives. */
	fd = client(false);
	assert_string_equal(ask(fd, "reload\n"), "");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_string_equal(heard(fd), "");
	now += 30 * USEC_PER_SEC + 1;
	control_tick(control);
	assert_non_null(strstr(heard(fd), LATE));
	assert_string_equal(heard(fd), "(end)");
	close(idle);
	close(told);
	close(fd);
}

static void
the_end_is_told(void **state)
{
	int fd = client(false), ro = client(true);

	(void)state;
	assert_string_equal(ask(fd, "reload\n"), "");
	/* A socket that is taken away: those who are connected stay. */
	control_listen(control, IPC_LISTEN_READ_ONLY, -1);
	assert_string_equal(ask(ro, "top\n") + 1,
	    "\"end\":\"refused\",\"error\":\"pinholectl alone has this "
	    "verb\"}\n");
	control_done(control, asked.seq, PH_OK, NULL);
	control_free(control);
	control = NULL;
	assert_string_equal(heard(fd), OK);
	assert_string_equal(heard(fd), "(end)");
	assert_string_equal(heard(ro), "(end)");
	close(fd);
	close(ro);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_verb_asks_who_knows),
		T(what_cannot_be_answered_is_said),
		T(who_asks_for_stories_waits_for_the_others),
		T(answers_are_not_waited_for_for_ever),
		T(who_needs_all_calls_waits_for_them),
		T(who_says_nothing_goes),
		T(who_monitors_hears_of_what_it_asked_for),
		T(lines_come_in_any_pieces),
		T(the_longest_idle_makes_room),
		T(who_does_not_read_is_dropped),
		T(a_long_answer_comes_as_it_is_read),
		T(who_sends_no_more_is_let_go),
		T(the_end_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
