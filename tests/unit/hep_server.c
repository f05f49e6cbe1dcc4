/* SPDX-License-Identifier: ISC */
/*
 * The sockets to which others mirror signalling: real ones, on loopback.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <event2/event.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/wire.h"
#include "src/compat/memfile.h"
#include "src/engine/hep_server.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define PATIENCE 10000 /* ms */

int64_t __real_clock_now(void);
int64_t __wrap_clock_now(void);

/* The clock is so much later. */
static int64_t clock_later;
static int output; /* the log, for a while */

int64_t
__wrap_clock_now(void)
{
	return __real_clock_now() + clock_later;
}

static struct conf *conf;
static struct hep_key key;
static struct hep_policy policy;
static struct event_base *base;
static struct hep_server *server;
static struct listener sockets[2];
static struct listeners listeners = { sockets, 2 };
static char heard[16384]; /* the messages, each with a ; */
static unsigned int nheard, nturns;

static void
on_message(void *ctx, const struct datagram *d)
{
	assert_ptr_equal(ctx, &policy);
	assert_true(d->mirrored && d->src.port == 5061 && d->dst.port == 5062);
	strlcat(heard, d->payload.p, sizeof(heard));
	nheard++;
}

static void
on_done(void *ctx)
{
	assert_ptr_equal(ctx, &policy);
	nturns++;
}

static int
listening(int type)
{
	struct endpoint any = { addr_v4(127, 0, 0, 1), 0 };
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&any, &ss);
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 128), 0);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int
begin(void **state)
{
	static const char text[] = "protect 192.0.2.0/24\nsip { }\n"
				   "hep { listen on 127.0.0.1\n"
				   "from { 127.0.0.1 127.0.0.3 } }\n";
	struct hep_server_setup setup = { .listeners = &listeners,
		.policy = &policy,
		.message = on_message,
		.done = on_done,
		.ctx = &policy };

	(void)state;
	assert_int_equal(conf_parse(&conf, span_of(text), "test", NULL, 0,
			     stderr),
	    PH_OK);
	hep_policy_init(&policy, conf, &key);
	sockets[0].kind = LISTEN_HEP_STREAM;
	sockets[0].fd = listening(SOCK_STREAM);
	sockets[1].kind = LISTEN_HEP;
	sockets[1].fd = listening(SOCK_DGRAM);
	setup.base = base = event_base_new();
	assert_non_null(server = hep_server_new(&setup));
	heard[0] = '\0';
	nheard = nturns = 0;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	hep_server_free(server);
	event_base_free(base);
	close(sockets[0].fd);
	close(sockets[1].fd);
	conf_free(conf);
	return 0;
}

/* A client at this address of 127.0.0.0/8, of the socket of that type. */
static int
client(uint8_t last, int type)
{
	struct endpoint me = { addr_v4(127, 0, 0, last), 0 };
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&me, &ss);
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(sockets[type == SOCK_DGRAM].fd,
			     (struct sockaddr *)&ss, &len),
	    0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

static void
chunk(struct writer *w, uint16_t type, const void *p, size_t len)
{
	writer_u16(w, 0);
	writer_u16(w, type);
	writer_u16(w, (uint16_t)(6 + len));
	writer_copy(w, p, len);
}

/* What a phone outside said to a PBX; its NUL comes with it. */
static struct span
packet(const char *said)
{
	static uint8_t buffer[512];
	struct writer w = writer_of(buffer, sizeof(buffer));

	writer_copy(&w, "HEP3\0\0", 6);
	chunk(&w, 1, "\2", 1);
	chunk(&w, 2, "\6", 1);
	chunk(&w, 3, "\306\63\144\7", 4);
	chunk(&w, 4, "\300\0\2\12", 4);
	chunk(&w, 7, "\23\305", 2);
	chunk(&w, 8, "\23\306", 2);
	chunk(&w, 11, "\1", 1);
	chunk(&w, 15, said, strlen(said) + 1);
	buffer[4] = (uint8_t)(w.len >> 8);
	buffer[5] = (uint8_t)w.len;
	return (struct span) { (const char *)buffer, w.len };
}

static void
say(int fd, struct span bytes)
{
	assert_int_equal(send(fd, bytes.p, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/* One turn of the loop, which has something to do. */
static void
turn(void)
{
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
}

static void
turns(unsigned int messages)
{
	while (nheard < messages)
		turn();
	assert_int_equal(nheard, messages);
}

/* The server has closed the connection. */
static bool
is_closed(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, 0) == 1 && recv(fd, &c, 1, MSG_DONTWAIT) <= 0;
}

static void
datagrams_come_in_turns(void **state)
{
	int fd = client(1, SOCK_DGRAM), other = client(2, SOCK_DGRAM), i;

	(void)state;
	for (i = 0; i < 70; i++)
		say(fd, packet("a;"));
	turn();
	assert_int_equal(nheard, 64);
	assert_int_equal(nturns, 1);
	turn();
	assert_int_equal(nheard, 70);
	assert_int_equal(nturns, 2);
	say(other, packet("b;"));
	say(fd, packet("c;"));
	say(fd, span_of("HEP2"));
	say(fd, (struct span) { "", 0 });
	turns(71);
	assert_string_equal(heard + 140, "c;");
	assert_int_equal(policy.refused[HEP_REFUSED_SENDER], 1);
	assert_int_equal(policy.refused[HEP_REFUSED_MALFORMED], 2);
	assert_int_equal(policy.packets, 71);
	close(fd);
	close(other);
}

static void
a_connection_is_a_stream(void **state)
{
	char bytes[1024];
	struct span p = packet("one;");
	int fd = client(1, SOCK_STREAM), i;
	size_t n = p.len;

	(void)state;
	memcpy(bytes, p.p, n);
	say(fd, (struct span) { bytes, 1 });
	turn(); /* it is accepted */
	assert_int_equal(nturns, 0);
	turn();
	assert_int_equal(nturns, 1);
	for (i = 1; i < 10; i++)
		say(fd, (struct span) { bytes + i, 1 });
	turn();
	assert_int_equal(nheard, 0);
	nturns = 1;
	say(fd, (struct span) { bytes + 10, n - 10 });
	turns(1);
	memcpy(bytes + n, bytes, n);
	say(fd, (struct span) { bytes, n + n });
	turns(3);
	assert_string_equal(heard, "one;one;one;");
	assert_int_equal(nturns, 3);
	/* What is none ends it. */
	assert_false(is_closed(fd));
	say(fd, span_of("GET / HTTP/1.0\r\n\r\n"));
	turn();
	assert_true(is_closed(fd));
	assert_int_equal(policy.refused[HEP_REFUSED_MALFORMED], 1);
	assert_int_equal(nturns, 4);
	close(fd);
}

/* The lines of the log since the last time. */
static const char *
logged(void)
{
	static char text[4096];
	ssize_t n;

	fflush(stderr);
	n = pread(output, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	assert_int_equal(ftruncate(output, 0), 0);
	(void)lseek(output, 0, SEEK_SET);
	return text;
}

#define LINE                                                                   \
	"pinholed: hep: refused what 127.0.0.2 mirrors: \"from\" does not "    \
	"list the sender\n"

/* A line each for the first, and later how many had none. */
static void
refusals_are_logged_so_often(void **state)
{
	struct log_options options = { .foreground = true };
	int fd = client(2, SOCK_DGRAM), good = client(1, SOCK_DGRAM);
	int before = dup(STDERR_FILENO);
	const char *first, *p;
	unsigned int i, lines = 0;

	(void)state;
	log_init(&options);
	output = memfile_open();
	dup2(output, STDERR_FILENO);
	say(fd, packet("a;"));
	turn();
	first = logged();
	dup2(before, STDERR_FILENO);
	assert_string_equal(first, LINE);
	for (i = 0; i < 20; i++)
		say(fd, packet("a;"));
	say(good, span_of("HEP2"));
	dup2(output, STDERR_FILENO);
	turn();
	p = logged();
	dup2(before, STDERR_FILENO);
	for (; (p = strstr(p, LINE)) != NULL; p++)
		lines++;
	assert_int_equal(lines, LOG_LIMIT_BURST - 1);
	clock_later = LOG_LIMIT_INTERVAL;
	say(good, span_of("HEP2"));
	dup2(output, STDERR_FILENO);
	turn();
	first = logged();
	dup2(before, STDERR_FILENO);
	assert_string_equal(first,
	    "pinholed: hep: refused what 127.0.0.1 mirrors: it is no HEP of "
	    "version 3\n"
	    "pinholed: hep: 12 more refused, not shown\n");
	close(before);
	close(output);
	close(fd);
	close(good);
}

/* Without memory a connection ends, and nothing of it is left. */
static void
a_connection_needs_memory(void **state)
{
	int fd, before = dup(0), blocks = starve_blocks(), free_fd;
	unsigned int n;

	(void)state;
	close(before);
	for (n = 1; n < 4; n++) {
		fd = client(1, SOCK_STREAM);
		starve(n);
		turn();
		assert_true(starve_end() >= n);
		assert_true(is_closed(fd));
		close(fd);
		assert_int_equal(starve_blocks(), blocks);
		free_fd = dup(0);
		close(free_fd);
		assert_int_equal(free_fd, before);
	}
	fd = client(1, SOCK_STREAM);
	turn();
	assert_false(is_closed(fd));
	close(fd);
	turn();
}

static void
only_senders_in_from_may_connect(void **state)
{
	int fd = client(2, SOCK_STREAM), good = client(3, SOCK_STREAM);

	(void)state;
	turn();
	assert_true(is_closed(fd));
	assert_false(is_closed(good));
	assert_int_equal(policy.refused[HEP_REFUSED_SENDER], 1);
	say(good, packet("a;"));
	turns(1);
	/* What a sender may not tell counts for it. */
	close(good);
	turn();
	assert_int_equal(nturns, 2);
	close(fd);
}

/* With a full table, the one with most loses its longest silent. */
static void
connections_have_a_bound(void **state)
{
	int few, fd[HEP_CONNECTIONS], one, i;

	(void)state;
	few = client(3, SOCK_STREAM);
	for (i = 0; i < HEP_CONNECTIONS - 1; i++)
		fd[i] = client(1, SOCK_STREAM);
	turn();
	/* All but the second and third have said something. */
	for (i = 0; i < HEP_CONNECTIONS - 1; i++)
		if (i != 1 && i != 2)
			say(fd[i], packet("x;"));
	turns(HEP_CONNECTIONS - 3);
	for (i = 0; i < HEP_CONNECTIONS - 1; i++)
		assert_false(is_closed(fd[i]));
	one = client(3, SOCK_STREAM);
	turn();
	assert_true(is_closed(fd[1]));
	for (i = 0; i < HEP_CONNECTIONS - 1; i++)
		assert_int_equal(is_closed(fd[i]), i == 1);
	assert_false(is_closed(few));
	/* One that ends makes room. */
	close(fd[5]);
	turn();
	fd[5] = client(1, SOCK_STREAM);
	turn();
	for (i = 0; i < HEP_CONNECTIONS - 1; i++)
		assert_int_equal(is_closed(fd[i]), i == 1);
	assert_false(is_closed(one));
	hep_server_free(server);
	server = NULL;
	for (i = 0; i < HEP_CONNECTIONS - 1; i++) {
		assert_true(is_closed(fd[i]));
		close(fd[i]);
	}
	assert_true(is_closed(one) && is_closed(few));
	close(one);
	close(few);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(datagrams_come_in_turns),
		CASE(a_connection_is_a_stream),
		CASE(refusals_are_logged_so_often),
		CASE(a_connection_needs_memory),
		CASE(only_senders_in_from_may_connect),
		CASE(connections_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
