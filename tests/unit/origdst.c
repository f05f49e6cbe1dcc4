/* SPDX-License-Identifier: ISC */
/* Datagrams on loopback, and where they were sent to. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/origdst.h"
#include "tests/unit/unit.h"

static int
socket_at(const struct addr *a, struct endpoint *self)
{
	struct sockaddr_storage ss;
	struct endpoint any = { *a, 0 };
	socklen_t len = sizeof(ss);
	int fd = socket(a->af, SOCK_DGRAM, 0);

	if (fd == -1)
		return -1;
	if (bind(fd, (struct sockaddr *)&ss,
		(socklen_t)endpoint_to_sockaddr(&any, &ss)) == -1) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	*self = endpoint_from_sockaddr((struct sockaddr *)&ss);
	return fd;
}

static void
a_datagram_tells_both_of_its_ends(void **state)
{
	static const struct addr hosts[] = { { AF_INET, { 127, 0, 0, 1 } },
		{ AF_INET6, { [15] = 1 } } };
	static const struct addr any[] = { { AF_INET, { 0 } },
		{ AF_INET6, { 0 } } };
	struct endpoint client, server, from, to;
	struct sockaddr_storage ss;
	char buf[16];
	size_t i, len;
	int in, out;

	(void)state;
	for (i = 0; i < ROWS(hosts); i++) {
		/* One that listens everywhere. */
		in = socket_at(&any[i], &server);
		out = socket_at(&hosts[i], &client);
		if (in == -1 || out == -1)
			continue; /* no IPv6 here */
		assert_int_equal(origdst_prepare(in, hosts[i].af, SOCK_DGRAM),
		    PH_OK);
		server.addr = hosts[i];
		len = endpoint_to_sockaddr(&server, &ss);
		assert_int_equal(sendto(out, "hello", 5, 0,
				     (struct sockaddr *)&ss, (socklen_t)len),
		    5);
		memset(&from, 7, sizeof(from));
		memset(&to, 7, sizeof(to));
		assert_int_equal(origdst_recv(in, buf, 3, &from, &to), 3);
		assert_memory_equal(buf, "hel", 3);
		assert_int_equal(endpoint_cmp(&from, &client), 0);
		assert_int_equal(endpoint_cmp(&to, &server), 0);
		/* Without having asked for it, there is none. */
		len = endpoint_to_sockaddr(&client, &ss);
		assert_int_equal(sendto(in, "x", 1, 0, (struct sockaddr *)&ss,
				     (socklen_t)len),
		    1);
		assert_int_equal(origdst_recv(out, buf, sizeof(buf), &from,
				     &to),
		    1);
		assert_int_equal(endpoint_cmp(&from, &server), 0);
		assert_int_equal(to.addr.af, AF_UNSPEC);
		assert_int_equal(to.port, 0);
		close(in);
		close(out);
	}
}

static void
what_is_no_socket_is_an_error(void **state)
{
	struct endpoint from = { .port = 1 }, to = { .port = 1 };
	char buf[4];

	(void)state;
	assert_int_equal(origdst_recv(-1, buf, sizeof(buf), &from, &to), -1);
	assert_int_equal(from.port, 0);
	assert_int_equal(to.port, 0);
	assert_int_equal(origdst_prepare(-1, AF_INET, SOCK_DGRAM), PH_EIO);
	assert_int_equal(origdst_prepare(-1, AF_INET6, SOCK_STREAM), PH_EIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_tells_both_of_its_ends),
		cmocka_unit_test(what_is_no_socket_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
