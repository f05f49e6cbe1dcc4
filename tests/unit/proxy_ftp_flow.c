/* SPDX-License-Identifier: ISC */
/* What passes through a session: all of it, in order, and how much waits. */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/proxy_ftp_play.h"

/* Most that waits in the proxy: OUTPUT_MAX, and what it has just read. */
#define OUTPUT_MAX 16384
#define INPUT_MAX  4096

/* A record of TLS, of 4096 bytes behind its header. */
static char record[5 + 4096] = "\x17\x03\x03\x10\x00";

/* The session is encrypted: it has no lines any more. */
static void
encrypt(void)
{
	ftp_begin();
	ftp_exchange("AUTH TLS\r\n", "234 go on\r\n");
}

/* The last byte of a side reaches the other before its end does. */
static void
one_byte_before_an_end_is_passed_on(void **state)
{
	(void)state;
	ftp_begin();
	assert_int_equal(send(client, "\n", 1, 0), 1);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_string_equal(play_read(server), "\n");
	assert_string_equal(play_read(server), "(end)");
	close(client);
	close(server);
	encrypt();
	assert_int_equal(send(server, "\x17", 1, 0), 1);
	assert_int_equal(shutdown(server, SHUT_WR), 0);
	assert_string_equal(play_read(client), "\x17");
	assert_string_equal(play_read(client), "(end)");
}

/* A byte that the session does not take yet is not lost by an end. */
static void
one_byte_that_waits_for_an_answer_is_passed_on(void **state)
{
	(void)state;
	ftp_begin();
	assert_int_equal(send(client, "AUTH TLS\r\n\x17", 11, 0), 11);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_string_equal(play_read(server), "AUTH TLS\r\n");
	assert_string_equal(play_read(server), "");
	play_write(server, "234 go on\r\n");
	assert_string_equal(play_read(server), "\x17");
	assert_string_equal(play_read(server), "(end)");
	assert_string_equal(play_read(client), "234 go on\r\n");
}

/*
 * A session whose side `to` reads when we say so.  Without these sizes the
 * kernel's buffers grow while nobody reads.
 */
static void
encrypt_narrow(void **state, int i, int *from, int *to)
{
	const int size = 65536;
	int near;

	ftp_teardown(state);
	ftp_setup(state);
	encrypt();
	*from = i == 0 ? client : server;
	*to = i == 0 ? server : client;
	near = play_descriptor(i == 0 ? &server_at : &client_at, -1);
	assert_int_equal(setsockopt(*to, SOL_SOCKET, SO_RCVBUF, &size,
			     sizeof(size)),
	    0);
	assert_int_equal(setsockopt(near, SOL_SOCKET, SO_SNDBUF, &size,
			     sizeof(size)),
	    0);
}

/* Records behind those before, until no more is taken; how many bytes. */
static size_t
flood(int fd, size_t before)
{
	size_t sent = 0, pos;
	ssize_t n;
	int idle = 0;

	while (idle < 20) {
		pos = (before + sent) % sizeof(record);
		n = send(fd, record + pos, sizeof(record) - pos, MSG_DONTWAIT);
		play_run();
		if (n == -1) {
			assert_int_equal(errno, EAGAIN);
			idle++;
			continue;
		}
		idle = 0;
		sent += (size_t)n;
		assert_true(sent < 16u << 20);
	}
	return sent;
}

/* What is there continues the stream of records at `pos`; how much it is. */
static size_t
take(int fd, size_t pos)
{
	char buf[4096];
	size_t got = 0, i;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		for (i = 0; i < (size_t)n; i++, got++)
			if (buf[i] != record[(pos + got) % sizeof(record)])
				fail_msg("byte %zu is another", pos + got);
	return got;
}

/* All of it, up to `end`. */
static void
take_rest(int fd, size_t pos, size_t end)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (pos < end) {
		play_run();
		assert_int_equal(poll(&p, 1, 10000), 1);
		pos += take(fd, pos);
	}
	assert_int_equal(pos, end);
}

/*
 * One side does not read: what the other sends waits, mostly in the kernel.
 * What comes from the side itself does not.
 */
static void
who_does_not_read_may_still_speak(void **state)
{
	static const char word[] = "\x17\x03\x03\0\5hello";
	size_t sent, more;
	int from, to, i, k;

	for (i = 0; i < (int)sizeof(record) - 5; i++)
		record[5 + i] = (char)(i * 7 >> 3);
	for (i = 0; i < 2; i++) {
		encrypt_narrow(state, i, &from, &to);
		/* Each word may make a little room in the kernel. */
		for (sent = 0, k = 0; k < 8; k++) {
			sent += flood(from, sent);
			assert_int_equal(send(to, word, 10, 0), 10);
			(void)play_read(from);
			assert_int_equal(play_got(), 10);
		}
		assert_true(sent > OUTPUT_MAX);
		/* All of it comes, once there is room; and so again. */
		take_rest(to, 0, sent);
		more = flood(from, sent);
		take_rest(to, sent, sent + more);
		/* The end comes last. */
		assert_int_equal(shutdown(from, SHUT_WR), 0);
		assert_string_equal(play_read(to), "(end)");
		assert_int_equal(send(to, word, 10, 0), 10);
		(void)play_read(from);
		assert_int_equal(play_got(), 10);
	}
}

/* In the proxy itself; the rest is in the kernel. */
static void
what_waits_in_the_proxy_is_bounded(void **state)
{
	char buf[4096];
	size_t sent, got;
	int from, to, near, i;
	ssize_t n;

	for (i = 0; i < 2; i++) {
		encrypt_narrow(state, i, &from, &to);
		near = i == 0 ? play_descriptor(&client_at, -1)
			      : play_descriptor(&server_at, -1);
		sent = flood(from, 0);
		/* The kernel has these, before us and behind us. */
		got = take(to, 0);
		while ((n = recv(near, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
			got += (size_t)n;
		assert_in_range(sent - got, OUTPUT_MAX + 1,
		    OUTPUT_MAX + 2 * INPUT_MAX);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, ftp_setup, ftp_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_byte_before_an_end_is_passed_on),
		T(one_byte_that_waits_for_an_answer_is_passed_on),
		T(who_does_not_read_may_still_speak),
		T(what_waits_in_the_proxy_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
