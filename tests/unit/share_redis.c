/* SPDX-License-Identifier: ISC */
/* One connection to a server of Redis: bounds, order, and how it ends. */
#include <sys/socket.h>

#include <event2/event.h>

#include <hiredis/hiredis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/share/redis.h"
#include "tests/unit/unit.h"

static struct event_base *base;
static struct redis *redis;
static int far;
static int64_t now;
static char said[4096]; /* the replies, and the end */

int64_t __wrap_clock_now(void);

int64_t
__wrap_clock_now(void)
{
	return now;
}

static void
turn(void)
{
	int i;

	for (i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
on_lost(void *ctx, const char *why)
{
	size_t n = strlen(said);

	assert_ptr_equal(ctx, &base);
	snprintf(said + n, sizeof(said) - n, "lost: %s;", why);
}

static void
on_reply(void *ctx, const struct redisReply *r, const struct redis_tag *tag)
{
	size_t n = strlen(said);

	assert_ptr_equal(ctx, &base);
	snprintf(said + n, sizeof(said) - n, "%d%.*s %u %02x;", r->type,
	    (int)(r->len < 9 ? r->len : 9), r->str, (unsigned int)tag->version,
	    tag->key[RECORD_KEY - 1]);
}

static void
says(const char *want)
{
	turn();
	assert_string_equal(said, want);
	said[0] = '\0';
}

static void
ask(redis_reply *reply, uint64_t version)
{
	const struct redis_tag tag = { { [RECORD_KEY - 1] = 0xab }, version };
	const char *v[] = { "GET", "a b" };
	const size_t len[] = { 3, 3 };

	redis_send(redis, reply, version > 0 ? &tag : NULL, 2, v, len);
}

#define ASKED "*2\r\n$3\r\nGET\r\n$3\r\na b\r\n"

static void
answer(const void *p, size_t len)
{
	size_t at = 0;
	ssize_t n;
	int tries;

	for (tries = 0; at < len && tries < 10000; tries++) {
		if ((n = send(far, (const char *)p + at, len - at,
			 MSG_DONTWAIT)) > 0)
			at += (size_t)n;
		turn();
	}
}

static void
answers(const char *text)
{
	answer(text, strlen(text));
}

static int
begin(void **state)
{
	int fds[2];

	(void)state;
	now = 7 * USEC_PER_SEC;
	said[0] = '\0';
	base = event_base_new();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
		return -1;
	far = fds[1];
	redis = redis_new(base, fds[0], NULL, on_lost, &base);
	return redis != NULL ? 0 : -1;
}

static int
end(void **state)
{
	char c;

	(void)state;
	redis_free(redis);
	/* The other end is closed, too. */
	while (recv(far, &c, 1, MSG_DONTWAIT) > 0)
		;
	assert_true(recv(far, &c, 1, MSG_DONTWAIT) <= 0);
	close(far);
	event_base_free(base);
	return 0;
}

static void
replies_come_in_order(void **state)
{
	char text[512];
	ssize_t n;

	(void)state;
	assert_int_equal(redis_waits_since(redis), 0);
	assert_true(redis_sent(redis));
	ask(on_reply, 1);
	assert_false(redis_sent(redis));
	now++;
	ask(NULL, 2);
	ask(on_reply, 0);
	assert_int_equal(redis_waits_since(redis), 7 * USEC_PER_SEC);
	assert_int_equal(redis_room(redis), REDIS_WAITING - 3);
	assert_int_equal(redis_bytes(redis), 3 * strlen(ASKED));
	turn();
	assert_true(redis_sent(redis));
	n = read(far, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, ASKED ASKED ASKED);
	answers("+OK\r\n:5");
	says("5OK 1 ab;");
	assert_int_equal(redis_waits_since(redis), 7 * USEC_PER_SEC + 1);
	answers("\r\n$3\r\nxyz\r\n");
	says("1xyz 0 00;");
	assert_int_equal(redis_waits_since(redis), 0);
	assert_int_equal(redis_room(redis), REDIS_WAITING);
	assert_int_equal(redis_bytes(redis), 3 * strlen(ASKED) + 5 + 4 + 9);
}

static void
only_so_many_wait(void **state)
{
	int i;

	(void)state;
	for (i = REDIS_WAITING; i > 0; i--) {
		assert_int_equal(redis_room(redis), i);
		ask(on_reply, 1);
	}
	assert_int_equal(redis_room(redis), 0);
	/* One more is sent all the same. */
	ask(on_reply, 1);
	assert_int_equal(redis_room(redis), 0);
	turn();
	answers("+\r\n");
	assert_int_equal(redis_room(redis), 0);
	answers("+\r\n");
	assert_int_equal(redis_room(redis), 1);
	says("5 1 ab;5 1 ab;");
}

static void
a_server_that_does_not_read_is_given_up(void **state)
{
	static char big[1 << 20];
	const char *v[] = { big };
	const size_t len[] = { sizeof(big) };
	int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		assert_int_equal(redis_room(redis),
		    i < 4 ? REDIS_WAITING - i : 0);
		redis_send(redis, on_reply, NULL, 1, v, len);
	}
	/* The sizes that go before them make it more than 8 MiB. */
	redis_send(redis, on_reply, NULL, 1, v, len);
	assert_string_equal(said, "");
	assert_true(redis_sent(redis));
	assert_int_equal(redis_room(redis), 0);
	/* The first reason is the one, and it is said once. */
	redis_send(redis, on_reply, NULL, 1, v, len);
	says("lost: it does not read;");
	says("");
	answers("+OK\r\n");
	says("");
}

static void
what_nobody_asked_for_ends_it(void **state)
{
	(void)state;
	ask(on_reply, 1);
	answers("+OK\r\n+more\r\n+more\r\n");
	says("5OK 1 ab;lost: a reply that nothing asked for;");
	ask(on_reply, 1);
	says("");
	assert_int_equal(redis_waits_since(redis), 0);
}

static void
junk_ends_it(void **state)
{
	(void)state;
	ask(on_reply, 1);
	answers("junk\r\n");
	says("lost: no reply of Redis;");
	answers("+OK\r\n");
	says("");
}

static void
an_alert_of_tls_ends_it(void **state)
{
	(void)state;
	ask(on_reply, 1);
	answers("\x15\3\3\r\n");
	says("lost: it speaks TLS there: see \"tls\";");
}

/* Whether anything was heard, and who says that it is a server of Redis. */
static void
its_end_is_explained(void **state)
{
	(void)state;
	shutdown(far, SHUT_WR);
	says("lost: it closed the connection; does it speak TLS there?;");
	end(state);
	begin(state);
	ask(on_reply, 1);
	answers("+OK\r\n");
	shutdown(far, SHUT_WR);
	says("5OK 1 ab;lost: it closed the connection;");
	end(state);
	begin(state);
	redis_known(redis);
	shutdown(far, SHUT_WR);
	says("lost: it closed the connection;");
	assert_string_equal(redis_late(redis), "it does not answer");
}

static void
a_line_has_an_end(void **state)
{
	static char line[65538];

	(void)state;
	/* Its first byte tells the type. */
	memset(line, 'x', sizeof(line));
	line[0] = '+';
	ask(on_reply, 1);
	answer(line, 65537);
	says("");
	answers("\r\n");
	says("5xxxxxxxxx 1 ab;");
	ask(on_reply, 1);
	answer(line, 65538);
	says("lost: a line that does not end;");
}

static void
a_reply_has_a_largest_size(void **state)
{
	static char text[REDIS_REPLY_MAX + 1];
	char head[32];
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	n = (size_t)snprintf(head, sizeof(head), "$%u\r\n",
	    REDIS_REPLY_MAX - 13);
	assert_int_equal(n, 11);
	ask(on_reply, 1);
	ask(on_reply, 2);
	answers(head);
	answer(text, REDIS_REPLY_MAX - 13);
	answers("\r\n");
	says("1xxxxxxxxx 1 ab;");
	answers("$20000000\r\n");
	answer(text, REDIS_REPLY_MAX - 11);
	says("");
	answer(text, 1);
	says("lost: a reply that is too large;");
}

static void
an_array_has_a_depth(void **state)
{
	(void)state;
	ask(on_reply, 1);
	answers("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n");
	says("2 1 ab;");
	ask(on_reply, 1);
	answers("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n");
	says("lost: no reply of Redis;");
}

static void
what_an_error_means_is_said(void **state)
{
	/* clang-format off */
	static const struct {
		const char *reply, *text;
	} rows[] = {
		{ "-ERR no\r\n", "ERR no" },
		{ "-MOVED 5 a:1\r\n", "MOVED 5 a:1 (another server of the "
		    "cluster has this group: name that one)" },
		{ "-ASK 5 a:1\r\n", "ASK 5 a:1 (the group is moving to another "
		    "server of the cluster)" },
		{ "-READONLY\r\n", "READONLY (this is a replica: name the "
		    "server that it follows)" },
		{ "-x MOVED y\r\n", "x MOVED y" },
		{ "+MOVED 5 a:1\r\n", "" },
		{ ":5\r\n", "" },
	};
	/* clang-format on */
	char text[256], longest[128] = "-";
	struct strbuf b = strbuf_of(text, sizeof(text));
	redisReader *reader = redisReaderCreate();
	void *r;
	size_t i;

	(void)state;
	for (i = 0; i <= ROWS(rows); i++) {
		if (i == ROWS(rows)) {
			memset(longest + 1, 'x', 81);
			memcpy(longest + 82, "\r\n", 3);
		}
		redisReaderFeed(reader,
		    i < ROWS(rows) ? rows[i].reply : longest,
		    strlen(i < ROWS(rows) ? rows[i].reply : longest));
		assert_int_equal(redisReaderGetReply(reader, &r), REDIS_OK);
		strbuf_reset(&b);
		redis_explain(r, &b);
		if (i < ROWS(rows))
			assert_string_equal(text, rows[i].text);
		else
			assert_int_equal(strlen(text), 80);
		freeReplyObject(r);
	}
	redisReaderFree(reader);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(replies_come_in_order),
		T(only_so_many_wait),
		T(a_server_that_does_not_read_is_given_up),
		T(what_nobody_asked_for_ends_it),
		T(junk_ends_it),
		T(an_alert_of_tls_ends_it),
		T(its_end_is_explained),
		T(a_line_has_an_end),
		T(a_reply_has_a_largest_size),
		T(an_array_has_a_depth),
		T(what_an_error_means_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
