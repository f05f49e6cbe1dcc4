/* SPDX-License-Identifier: ISC */
/* What a server of Redis is asked, and what is made of its answers. */
#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/share/server.h"
#include "tests/unit/unit.h"

static struct server server;
static struct secrets secrets;
static int far[2], nfar; /* the server's ends */
static int64_t now;
static char told[1024]; /* what the group has been told */
static int64_t echoed;

int64_t __wrap_clock_now(void);
void __wrap_group_record(struct group *g, const void *p, size_t len,
    int64_t at);
void __wrap_group_written(struct group *g, const uint8_t *key, uint64_t version,
    bool ok, int64_t at);
void __wrap_group_renewed(struct group *g, const uint8_t *key, bool there);
void __wrap_group_joined(struct group *g, int64_t at);
void __wrap_group_lost(struct group *g, int64_t at);
void __wrap_group_stats(const struct group *g, struct group_stats *out);

int64_t
__wrap_clock_now(void)
{
	return now;
}

static void
tell(const char *what, const void *p, size_t len)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s %.*s;", what, (int)len,
	    (const char *)p);
}

void
__wrap_group_record(struct group *g, const void *p, size_t len, int64_t at)
{
	(void)g;
	assert_int_equal(at, now);
	tell("record", p, len);
}

void
__wrap_group_written(struct group *g, const uint8_t *key, uint64_t version,
    bool ok, int64_t at)
{
	char text[32];

	(void)g;
	assert_int_equal(at, now);
	snprintf(text, sizeof(text), "%02x%02x %u %s", key[0],
	    key[RECORD_KEY - 1], (unsigned int)version, ok ? "yes" : "no");
	tell("written", text, strlen(text));
}

void
__wrap_group_renewed(struct group *g, const uint8_t *key, bool there)
{
	(void)g;
	assert_int_equal(key[0], 0xa0);
	tell("renewed", there ? "yes" : "no", 3);
}

void
__wrap_group_joined(struct group *g, int64_t at)
{
	(void)g;
	assert_int_equal(at, now);
	tell("joined", "", 0);
}

void
__wrap_group_lost(struct group *g, int64_t at)
{
	(void)g;
	assert_int_equal(at, now);
	tell("lost", "", 0);
}

void
__wrap_group_stats(const struct group *g, struct group_stats *out)
{
	(void)g;
	memset(out, 0, sizeof(*out));
	out->echoed = echoed;
}

/* Its log, with that of the group. */
void __attribute__((format(printf, 2, 3)))
__wrap_log_warnx(const char *module, const char *fmt, ...);
void __attribute__((format(printf, 2, 3)))
__wrap_log_info(const char *module, const char *fmt, ...);

static char logged[1024];

static void __attribute__((format(printf, 1, 0)))
log_add(const char *fmt, va_list ap)
{
	size_t n = strlen(logged);

	vsnprintf(logged + n, sizeof(logged) - n, fmt, ap);
	strlcat(logged, ";", sizeof(logged));
}

void
__wrap_log_warnx(const char *module, const char *fmt, ...)
{
	va_list ap;

	assert_string_equal(module, "share");
	va_start(ap, fmt);
	log_add(fmt, ap);
	va_end(ap);
}

void
__wrap_log_info(const char *module, const char *fmt, ...)
{
	va_list ap;

	assert_string_equal(module, "share");
	va_start(ap, fmt);
	log_add(fmt, ap);
	va_end(ap);
}

static void
logs(const char *want)
{
	assert_string_equal(logged, want);
	logged[0] = '\0';
}

static const char *
heard(void)
{
	static char copy[sizeof(told)];

	strlcpy(copy, told, sizeof(copy));
	told[0] = '\0';
	return copy;
}

static void
turn(void)
{
	int i;

	for (i = 0; i < 10; i++)
		event_base_loop(server.base, EVLOOP_NONBLOCK);
}

static void
on_connect(void *ctx)
{
	int fds[2];

	(void)ctx;
	assert_true(nfar < 2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			     fds),
	    0);
	far[nfar++] = fds[1];
	server_connected(&server, fds[0], now);
}

/* The commands that came, a line each; words are separated by blanks. */
static const char *
asked(int i)
{
	static char text[32768];
	char raw[32768], *p = raw, *end;
	struct strbuf b = strbuf_of(text, sizeof(text));
	long words = 0;
	ssize_t n;

	turn();
	text[0] = '\0';
	n = read(far[i], raw, sizeof(raw) - 1);
	raw[n > 0 ? n : 0] = '\0';
	while (*p != '\0') {
		if (*p == '*') {
			words = strtol(p + 1, &end, 10);
			p = end + 2;
			continue;
		}
		assert_true(*p == '$' && words > 0);
		n = strtol(p + 1, &end, 10);
		p = end + 2;
		strbuf_add(&b, (struct span) { p, (size_t)n });
		strbuf_str(&b, --words > 0 ? " " : "\n");
		p += n + 2;
	}
	return text;
}

static void
say(int i, const char *text)
{
	assert_int_equal(write(far[i], text, strlen(text)), strlen(text));
	turn();
}

static void
hang_up(void)
{
	while (nfar > 0)
		close(far[--nfar]);
	turn();
}

static int
begin(void **state)
{
	(void)state;
	memset(&secrets, 0, sizeof(secrets));
	now = 1000 * USEC_PER_SEC;
	told[0] = logged[0] = '\0';
	echoed = 0;
	server_init(&server, event_base_new(), &secrets, "fw");
	server.connect = on_connect;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	server_close(&server);
	hang_up();
	event_base_free(server.base);
	return 0;
}

#define NONE  "*0\r\n"
#define KEYS  "pinholed:{fw}:call:"
#define XREAD "XREAD COUNT 500 BLOCK 5000 STREAMS pinholed:{fw}:changes "

static void
join(void)
{
	server_run(&server, now);
	(void)asked(0);
	say(0, NONE);
	(void)asked(0);
	say(0, "*2\r\n$1\r\n0\r\n*0\r\n");
	assert_int_equal(server.state, SERVER_JOINED);
	assert_string_equal(heard(), "joined ;");
	assert_string_equal(asked(1), XREAD "0-0\n");
}

static void
all_is_read_before_it_is_joined(void **state)
{
	(void)state;
	memcpy(secrets.password, "pw", 2);
	secrets.passwordlen = 2;
	assert_int_equal(server_room(&server), 0);
	server_run(&server, now);
	assert_string_equal(asked(0),
	    "AUTH pw\nXREVRANGE pinholed:{fw}:changes + - COUNT 1\n");
	assert_int_equal(server_room(&server), 0);
	say(0, "+OK\r\n*1\r\n*2\r\n$3\r\n7-1\r\n*0\r\n");
	assert_string_equal(asked(0), "SCAN 0 MATCH " KEYS "* COUNT 300\n");
	say(0, "*2\r\n$2\r\n15\r\n*3\r\n$1\r\na\r\n:5\r\n$1\r\nb\r\n");
	assert_string_equal(asked(0),
	    "MGET a b\nSCAN 15 MATCH " KEYS "* COUNT 300\n");
	/* The end of the names may come before the last values. */
	say(0, "*2\r\n$1\r\nx\r\n$-1\r\n");
	assert_string_equal(heard(), "record x;");
	say(0, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nc\r\n");
	assert_string_equal(asked(0), "MGET c\n");
	assert_int_equal(server.state, SERVER_JOINING);
	say(0, "*1\r\n$2\r\nyy\r\n");
	assert_string_equal(heard(), "record yy;joined ;");
	assert_int_equal(server.state, SERVER_JOINED);
	assert_string_equal(asked(1), "AUTH pw\n" XREAD "7-1\n");
	assert_int_equal(server.joins, 1);
}

static void
changes_come_by_the_stream(void **state)
{
	(void)state;
	join();
	say(1,
	    "*1\r\n*2\r\n$1\r\ns\r\n*2\r\n"
	    "*2\r\n$3\r\n8-0\r\n*4\r\n$1\r\nr\r\n$1\r\nA\r\n$1\r\nr\r\n$1\r\nB"
	    "\r\n*2\r\n$3\r\n9-2\r\n*2\r\n$1\r\nr\r\n$1\r\nC\r\n");
	assert_string_equal(heard(), "record A;record B;record C;");
	assert_string_equal(asked(1), XREAD "9-2\n");
	/* Nothing for 5 s. */
	say(1, "*-1\r\n");
	assert_string_equal(asked(1), XREAD "9-2\n");
	assert_string_equal(heard(), "");
	/* An entry that is none is left out. */
	say(1,
	    "*1\r\n*2\r\n$1\r\ns\r\n*2\r\n:7\r\n"
	    "*2\r\n$3\r\n9-3\r\n*2\r\n$1\r\nr\r\n:5\r\n");
	assert_string_equal(asked(1), XREAD "9-3\n");
	say(1, "-NOPERM no\r\n");
	assert_string_equal(asked(1), "");
	assert_int_equal(server.state, SERVER_JOINED);
	server_run(&server, now);
	assert_int_equal(server.state, SERVER_WAITING);
	assert_string_equal(heard(), "lost ;");
}

static void
what_is_written_is_answered(void **state)
{
	static const uint8_t key[RECORD_KEY] = { 0xa0, [RECORD_KEY - 1] = 0xf };
	static const char name[] = KEYS "a000000000000000000000000000000f";
	char want[512];
	size_t room;

	(void)state;
	join();
	room = server_room(&server);
	assert_true(room > 100);
	server_write(&server, key, 7, (const uint8_t *)"call", 4);
	assert_int_equal(server_room(&server), room - 1);
	snprintf(want, sizeof(want),
	    "SET %s call PX %lld\nXADD pinholed:{fw}:changes MAXLEN ~ 200000 "
	    "* r call\n",
	    name, (long long)GROUP_TTL / 1000);
	assert_string_equal(asked(0), want);
	say(0, "+OK\r\n");
	assert_string_equal(heard(), "");
	say(0, "$3\r\n1-1\r\n");
	assert_string_equal(heard(), "written a00f 7 yes;");
	assert_int_equal(server.refused_at, 0);
	logs("sharing calls of the group \"fw\";");
	assert_int_equal(server_room(&server), room);
	server_erase(&server, key, 8, (const uint8_t *)"over", 4);
	snprintf(want, sizeof(want),
	    "DEL %s\nXADD pinholed:{fw}:changes MAXLEN ~ 200000 * r over\n",
	    name);
	assert_string_equal(asked(0), want);
	say(0, "-OOM full\r\n-OOM full\r\n");
	assert_string_equal(heard(), "written a00f 8 no;written a00f 8 no;");
	logs("the server does not write: OOM full;"
	     "the server does not write: OOM full;");
	assert_int_equal(server.refused_at, now);
	server_publish(&server, (const uint8_t *)"hello", 5);
	assert_string_equal(asked(0),
	    "XADD pinholed:{fw}:changes MAXLEN ~ 200000 * r hello\n");
	say(0, "$3\r\n1-2\r\n");
	assert_string_equal(heard(), "");
	server_renew(&server, key);
	snprintf(want, sizeof(want), "PEXPIRE %s %lld\n", name,
	    (long long)GROUP_TTL / 1000);
	assert_string_equal(asked(0), want);
	say(0, ":1\r\n");
	assert_string_equal(heard(), "renewed yes;");
	server_renew(&server, key);
	say(0, ":0\r\n");
	assert_string_equal(heard(), "renewed no;");
	server_renew(&server, key);
	say(0, "-ERR\r\n");
	assert_string_equal(heard(), "");
	assert_true(server_idle(&server));
	assert_true(server_bytes(&server) > 200);
}

/* More names than are asked for at a time. */
static void
values_are_asked_for_a_thousand_at_a_time(void **state)
{
	char text[16384];
	const char *p;
	size_t n = 0;
	int i, names;

	(void)state;
	for (names = 998; names <= 1002; names++) {
		server_run(&server, now);
		(void)asked(0);
		say(0, NONE);
		(void)asked(0);
		n = (size_t)snprintf(text, sizeof(text),
		    "*2\r\n$1\r\n7\r\n*%d\r\n", names);
		for (i = 0; i < names; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "$4\r\n%04d\r\n", i);
		say(0, text);
		p = asked(0);
		for (n = 0; *p != '\n'; p++)
			n += *p == ' ';
		assert_int_equal(n, names < 1000 ? names : 1000);
		assert_memory_equal(p + 1, "SCAN 7 ", 7);
		hang_up();
		now = server.retry_at;
	}
}

/* It is said once that there is none, and then again after joining. */
static void
its_loss_is_logged_once(void **state)
{
	(void)state;
	join();
	logs("sharing calls of the group \"fw\";");
	hang_up();
	logs("no server: it closed the connection; calls go on without other "
	     "boxes;");
	now = server.retry_at;
	server_run(&server, now);
	say(0, "-NOPERM no\r\n");
	server_run(&server, now);
	logs("");
	hang_up();
	assert_string_equal(heard(), "lost ;lost ;");
	now = server.retry_at;
	join();
	logs("sharing calls of the group \"fw\";");
	say(1, "-NOPERM no\r\n");
	logs("the server refuses to let its stream be read: NOPERM no; calls "
	     "go on without other boxes;");
	server_run(&server, now);
	logs("");
	assert_int_equal(server.state, SERVER_WAITING);
	hang_up();
}

/* What is no answer to what was asked, at each step of joining. */
static void
each_refusal_of_a_step_is_logged(void **state)
{
	/* clang-format off */
	static const struct {
		const char *first, *then, *log;
	} rows[] = {
		{ "-WRONGPASS no\r\n*0\r\n", NULL, "the password: WRONGPASS no" },
		{ "+OK\r\n-NOPERM no\r\n", NULL,
		    "to let its stream be read: NOPERM no" },
		{ "+OK\r\n+OK\r\n", NULL, "to let its stream be read" },
		{ "+OK\r\n*0\r\n", "-NOPERM x\r\n",
		    "to name its keys: NOPERM x" },
		{ "+OK\r\n*0\r\n", "+OK\r\n", "to name its keys" },
		{ "+OK\r\n*0\r\n", "*1\r\n$1\r\n0\r\n", "to name its keys" },
		{ "+OK\r\n*0\r\n", "*2\r\n:0\r\n*0\r\n",
		    "to name its keys" },
		{ "+OK\r\n*0\r\n", "*2\r\n$1\r\n0\r\n$1\r\n0\r\n",
		    "to name its keys" },
	};
	/* clang-format on */
	char want[128];
	size_t i;

	(void)state;
	secrets.passwordlen =
	    strlcpy(secrets.password, "pw", sizeof(secrets.password));
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%zu\n", i);
		server.said = false;
		server_run(&server, now);
		(void)asked(0);
		say(0, rows[i].first);
		if (rows[i].then != NULL)
			say(0, rows[i].then);
		snprintf(want, sizeof(want),
		    "the server refuses %s; calls go on without other boxes;",
		    rows[i].log);
		logs(want);
		assert_string_equal(heard(), "");
		server_run(&server, now);
		assert_int_equal(server.state, SERVER_WAITING);
		assert_string_equal(heard(), "lost ;");
		hang_up();
		now = server.retry_at;
	}
}

/* It waits for this long, and no longer. */
static void
is_late_after(int64_t within)
{
	now += within;
	server_run(&server, now);
	assert_int_not_equal(server.state, SERVER_WAITING);
	now++;
	server_run(&server, now);
	assert_int_equal(server.state, SERVER_WAITING);
	assert_string_equal(heard(), "lost ;");
	hang_up();
	now = server.retry_at;
}

/* However slowly it names them, as long as each answer comes in time. */
static void
its_keys_are_read_in_time(void **state)
{
	int64_t within;

	(void)state;
	server.limit = 1000;
	within = 60 * USEC_PER_SEC + 1000 * 200;
	server_run(&server, now);
	server.since = now - within;
	server_run(&server, now);
	assert_int_equal(server.state, SERVER_JOINING);
	now++;
	server_run(&server, now);
	assert_int_equal(server.state, SERVER_WAITING);
	logs("no server: reading its keys takes too long; calls go on without "
	     "other boxes;");
}

static void
answers_come_in_time(void **state)
{
	(void)state;
	echoed = now + 100 * USEC_PER_SEC;
	server_run(&server, now);
	is_late_after(5 * USEC_PER_SEC);
	join();
	server_publish(&server, (const uint8_t *)"x", 1);
	is_late_after(5 * USEC_PER_SEC);
	join();
	is_late_after(15 * USEC_PER_SEC);
	/* A stream that does not bring what was written is none. */
	join();
	echoed = 0;
	now += BOXES_LEASE;
	say(1, "*-1\r\n");
	server_run(&server, now);
	assert_int_equal(server.state, SERVER_JOINED);
	now++;
	echoed = now - BOXES_LEASE;
	server_run(&server, now);
	assert_int_equal(server.state, SERVER_JOINED);
	assert_int_equal(server.failures, 0);
	echoed--;
	server.refused_at = now - BOXES_LEASE;
	server_run(&server, now);
	assert_int_equal(server.state, SERVER_JOINED);
	server.refused_at--;
	server_run(&server, now);
	assert_int_equal(server.state, SERVER_WAITING);
}

static void
no_connection(void *ctx)
{
	++*(unsigned int *)ctx;
	server_connected(&server, -1, now);
}

static void
it_is_tried_ever_more_rarely(void **state)
{
	int64_t wait = USEC_PER_SEC / 5, least = INT64_MAX, most = 0, took;
	unsigned int tries = 0, i;
	int fds[2];

	(void)state;
	server.connect = no_connection;
	server.ctx = &tries;
	for (i = 1; i <= 60; i++) {
		server_run(&server, now);
		assert_int_equal(tries, i);
		took = server.retry_at - now;
		assert_true(took >= wait / 2 && took <= wait + 1);
		if (i > 10) {
			least = took < least ? took : least;
			most = took > most ? took : most;
		}
		server_run(&server, server.retry_at - 1);
		assert_int_equal(tries, i);
		now = server.retry_at;
		wait =
		    wait * 2 < 10 * USEC_PER_SEC ? wait * 2 : 10 * USEC_PER_SEC;
	}
	/* Boxes do not all come at the same time. */
	assert_true(least < 6500000 && most > 8500000);
	/* A connection that nobody waits for is closed. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	server_connected(&server, fds[0], now);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	close(fds[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_is_read_before_it_is_joined),
		T(changes_come_by_the_stream),
		T(what_is_written_is_answered),
		T(values_are_asked_for_a_thousand_at_a_time),
		T(its_loss_is_logged_once),
		T(each_refusal_of_a_step_is_logged),
		T(its_keys_are_read_in_time),
		T(answers_come_in_time),
		T(it_is_tried_ever_more_rarely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
