/* SPDX-License-Identifier: ISC */
/* The status page's server: what it answers, whom it drops, and when. */
#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/addr.h"
#include "src/base/timers.h"
#include "src/status/http.h"
#include "src/status/model.h"
#include "tests/unit/unit.h"

static struct event_base *base;
static struct model *model;
static struct http *http;
static struct sockaddr_storage where;
static socklen_t wherelen;
static int64_t now;
static bool listens;
static char text[1 << 20];

int64_t __wrap_clock_now(void);

int64_t
__wrap_clock_now(void)
{
	return now;
}

int __wrap_event_add(struct event *ev, const struct timeval *tv);
int __real_event_add(struct event *ev, const struct timeval *tv);

/* Its seconds are milliseconds. */
int
__wrap_event_add(struct event *ev, const struct timeval *tv)
{
	static const struct timeval soon = { 0, 1000 };

	assert_int_equal(tv->tv_sec, 1);
	assert_int_equal(tv->tv_usec, 0);
	return __real_event_add(ev, &soon);
}

static int
listen_anywhere(void)
{
	struct endpoint at = { { AF_INET, { 127, 0, 0, 1 } }, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	wherelen = (socklen_t)endpoint_to_sockaddr(&at, &where);
	assert_int_equal(bind(fd, (struct sockaddr *)&where, wherelen), 0);
	assert_int_equal(listen(fd, 512), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&where, &wherelen),
	    0);
	return fd;
}

static int
begin(void **state)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)state;
	/* As child_start() has it. */
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGPIPE, &ignore, NULL);
	now = 1000 * USEC_PER_SEC;
	base = event_base_new();
	model = model_new();
	http = http_new(base, model);
	http_listen(http, listen_anywhere());
	listens = true;
	return 0;
}

static void
turn(void)
{
	int i;

	for (i = 0; i < 30; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
client(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&where, wherelen), 0);
	assert_int_not_equal(fcntl(fd, F_SETFL, O_NONBLOCK), -1);
	turn();
	return fd;
}

static int
end(void **state)
{
	(void)state;
	/* Requests of readers that have gone are freed at the next look. */
	turn();
	if (listens)
		close(client());
	turn();
	http_free(http);
	model_free(model);
	event_base_free(base);
	return 0;
}

/*
 * All that has come; *over: the connection is closed.  What was sent over the
 * loopback may take a moment.
 */
static const char *
heard(int fd, bool *over)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	*over = false;
	do {
		turn();
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n > 0)
			len += (size_t)n;
		*over = n == 0 || (n == -1 && errno != EAGAIN);
	} while (n > 0 || (!*over && poll(&p, 1, 5) == 1));
	text[len] = '\0';
	return text;
}

static const char *
ask(int fd, const char *request)
{
	bool over;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL),
	    strlen(request));
	return heard(fd, &over);
}

static bool
is_over(int fd)
{
	bool over;

	(void)heard(fd, &over);
	return over;
}

#define HOST   "Host: 127.0.0.1\r\n"
#define GET(p) "GET " p " HTTP/1.1\r\n" HOST

/* clang-format off */
static const struct {
	const char *request, *status, *has, *also;
} rows[] = {
	{ GET("/"), "200 OK", "Content-Type: text/html; charset=utf-8\r\n",
	    "script-src 'sha256-" },
	{ GET("/metrics"), "200 OK",
	    "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n",
	    "\r\nContent-Security-Policy: default-src 'none'\r\n" },
	{ GET("/metrics?x=1"), "200 OK", "version=0.0.4", "" },
	{ GET("/metrics/"), "404 Not Found", "\r\n\r\n404 Not Found\n", "" },
	{ GET("/x"), "404 Not Found",
	    "Content-Type: text/plain; charset=utf-8\r\n",
	    "\r\nContent-Security-Policy: default-src 'none'\r\n" },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n",
	    "405 Method Not Allowed", "Allow: GET\r\n", "" },
	{ "PUT /metrics HTTP/1.1\r\n" HOST "Content-Length: 0\r\n",
	    "405 Method Not Allowed", "Allow: GET\r\n", "" },
	{ "GET / HTTP/1.1\r\nHost: evil.example\r\n",
	    "421 Misdirected Request", "", "" },
	{ "GET / HTTP/1.0\r\n", "421 Misdirected Request", "", "" },
	{ "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n",
	    "421 Misdirected Request", "", "" },
	{ GET("/metrics") "Sec-Fetch-Site: same-origin\r\n", "200 OK", "", "" },
	{ GET("/metrics") "Sec-Fetch-Site: none\r\n", "200 OK", "", "" },
	{ GET("/metrics") "Sec-Fetch-Site: cross-site\r\n", "403 Forbidden",
	    "", "" },
	{ GET("/") "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n",
	    "403 Forbidden", "", "" },
	{ GET("/") "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
	    "200 OK", "text/html", "" },
};
/* clang-format on */

static void
each_request_has_its_answer(void **state)
{
	char request[512], status[64];
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].request);
		snprintf(request, sizeof(request), "%s\r\n", rows[i].request);
		snprintf(status, sizeof(status), " %s\r\n", rows[i].status);
		fd = client();
		(void)ask(fd, request);
		assert_memory_equal(text, "HTTP/1.", 7);
		assert_memory_equal(text + 8, status, strlen(status));
		assert_non_null(strstr(text, rows[i].has));
		assert_non_null(strstr(text, rows[i].also));
		assert_non_null(strstr(text, "Cache-Control: no-store\r\n"));
		assert_non_null(
		    strstr(text, "X-Content-Type-Options: nosniff\r\n"));
		assert_non_null(
		    strstr(text, "Referrer-Policy: no-referrer\r\n"));
		assert_non_null(strstr(text,
		    "Cross-Origin-Resource-Policy: same-origin\r\n"));
		assert_non_null(strstr(text, "Connection: close\r\n"));
		assert_true(is_over(fd));
		close(fd);
	}
}

static int
reader(void)
{
	int fd = client();

	(void)ask(fd, GET("/events") "\r\n");
	assert_non_null(strstr(text, "Content-Type: text/event-stream\r\n"));
	assert_non_null(strstr(text, "event: history\n"));
	assert_non_null(strstr(text, "event: now\n"));
	return fd;
}

static void
the_oldest_reader_makes_room(void **state)
{
	int fds[HTTP_STREAMS + 2], i;

	(void)state;
	for (i = 0; i < HTTP_STREAMS; i++)
		fds[i] = reader();
	assert_false(is_over(fds[0]));
	fds[i++] = reader();
	assert_true(is_over(fds[0]));
	assert_false(is_over(fds[1]));
	fds[i] = reader();
	assert_true(is_over(fds[1]));
	assert_false(is_over(fds[2]));
	for (i = 0; i < HTTP_STREAMS + 2; i++)
		close(fds[i]);
}

static void
the_oldest_connection_makes_room(void **state)
{
	static int fds[HTTP_CONNECTIONS + 2];
	int i;

	(void)state;
	/* A reader of a stream is no connection that is too old. */
	fds[0] = reader();
	for (i = 1; i < HTTP_CONNECTIONS; i++)
		fds[i] = client();
	assert_false(is_over(fds[1]));
	fds[i++] = client();
	assert_false(is_over(fds[0]));
	assert_true(is_over(fds[1]));
	assert_false(is_over(fds[2]));
	fds[i] = client();
	assert_false(is_over(fds[3]));
	for (i = 0; i < HTTP_CONNECTIONS + 2; i++)
		close(fds[i]);
}

static void
a_request_that_does_not_come_is_over(void **state)
{
	int slow = client(), stream, other;

	(void)state;
	now += HTTP_REQUEST;
	stream = reader();
	assert_false(is_over(slow));
	now++;
	other = client();
	assert_true(is_over(slow));
	assert_false(is_over(stream));
	close(slow);
	close(other);
	now += HTTP_STREAM - 1;
	other = client();
	assert_false(is_over(stream));
	close(other);
	now++;
	other = client();
	assert_true(is_over(stream));
	close(other);
	close(stream);
}

/* Each second, until there is nobody any more. */
static void
a_reader_hears_every_second(void **state)
{
	int fd = reader(), other = reader(), i;
	bool over = false;

	(void)state;
	close(other);
	for (i = 0; i < 100 && strstr(heard(fd, &over), "event: now\n") == NULL;
	     i++)
		(void)poll(NULL, 0, 30);
	assert_true(i < 100);
	assert_false(over);
	close(fd);
}

/* As much text as there can be each second. */
static void
model_fill(void)
{
	struct model_source *s = model_source_new(model, IPC_ENGINE, 1);
	struct ipc_msg m = { .hdr.type = IPC_FEED_CALL };
	struct ipc_feed_call *c = &m.u.feed_call;

	memset(c->call, 1, sizeof(c->call));
	c->n = sizeof(c->call);
	c->state = IPC_CALL_HELD;
	for (c->owner = 1; c->owner < 50; c->owner++)
		assert_true(model_input(model, s, now, &m));
}

/* All that comes until the connection is closed; 0: it is not. */
static size_t
drained(int fd)
{
	size_t len = 0;
	ssize_t n;
	int i;

	for (i = 0; i < 20000; i++) {
		turn();
		n = read(fd, text, sizeof(text));
		if (n == 0 || (n == -1 && errno != EAGAIN))
			return len;
		len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void
a_reader_that_does_not_read_is_dropped(void **state)
{
	int slow = reader(), quick = reader(), i;
	size_t got = 0;
	ssize_t n;

	(void)state;
	model_fill();
	for (i = 0; i < 250; i++) {
		(void)poll(NULL, 0, 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
		while ((n = read(quick, text, sizeof(text))) > 0)
			got += (size_t)n;
		assert_true(n == -1 && errno == EAGAIN);
	}
	assert_true(got > HTTP_QUEUE);
	close(quick);
	assert_true(drained(slow) > HTTP_QUEUE);
	close(slow);
}

/* The last hour is kept, whether somebody looks or not. */
static void
a_new_reader_gets_what_was_before(void **state)
{
	int i, fd;

	(void)state;
	for (i = 0; i < 3; i++) {
		/* Its timer, however late it is. */
		event_base_loop(base, EVLOOP_ONCE);
		turn();
		now += 10 * USEC_PER_SEC;
	}
	fd = client();
	(void)ask(fd, GET("/events") "\r\n");
	assert_non_null(strstr(text,
	    "data: {\"taken\":2,\"every\":10,\"samples\":"
	    "[[0,0,0,0,0,0],[0,0,0,0,0,0]]}"));
	close(fd);
}

static void
a_socket_is_replaced_or_taken_away(void **state)
{
	struct sockaddr_storage before = where;
	int fd;

	(void)state;
	http_listen(http, listen_anywhere());
	fd = client();
	assert_non_null(strstr(ask(fd, GET("/metrics") "\r\n"), "200 OK"));
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&before, wherelen), -1);
	close(fd);
	http_listen(http, -1);
	listens = false;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&where, wherelen), -1);
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_request_has_its_answer),
		T(the_oldest_reader_makes_room),
		T(the_oldest_connection_makes_room),
		T(a_request_that_does_not_come_is_over),
		T(a_reader_hears_every_second),
		T(a_reader_that_does_not_read_is_dropped),
		T(a_new_reader_gets_what_was_before),
		T(a_socket_is_replaced_or_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
