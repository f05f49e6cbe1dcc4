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
		assert_int_equal(sendto(out, "abcde", 5, 0,
				     (struct sockaddr *)&ss, (socklen_t)len),
		    5);
		memset(&from, 7, sizeof(from));
		memset(&to, 7, sizeof(to));
		assert_int_equal(origdst_recv(in, buf, 3, &from, &to), 3);
		assert_memory_equal(buf, "abc", 3);
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

/* Other messages say other things. */
static void
only_the_first_destination_is_read(void **state)
{
	static const struct {
		int level, type;
		bool ours;
	} t[] = {
		{ SOL_IP, IP_ORIGDSTADDR, true },
		{ SOL_IPV6, IPV6_ORIGDSTADDR, true },
		{ SOL_IP, IPV6_ORIGDSTADDR, false },
		{ SOL_IPV6, IP_ORIGDSTADDR, false },
		{ SOL_IP, IP_PKTINFO, false },
		{ SOL_SOCKET, SCM_RIGHTS, false },
		{ 0, 0, false },
	};
	struct endpoint want = { { AF_INET6, { 0x20, 1, [15] = 7 } }, 5060 };
	struct endpoint to;
	struct sockaddr_storage ss;
	struct cmsghdr c;
	size_t i, len;

	(void)state;
	len = endpoint_to_sockaddr(&want, &ss);
	for (i = 0; i < ROWS(t); i++) {
		memset(&to, 0, sizeof(to));
		memset(&c, 0, sizeof(c));
		c.cmsg_level = t[i].level;
		c.cmsg_type = t[i].type;
		origdst_read(&c, &ss, len, &to);
		if ((endpoint_cmp(&to, &want) == 0) != t[i].ours)
			fail_msg("%zu", i);
	}
	/* Cut short, what is missing is zero. */
	c.cmsg_level = SOL_IPV6;
	c.cmsg_type = IPV6_ORIGDSTADDR;
	origdst_read(&c, &ss, 4, &to);
	assert_int_equal(to.port, 5060);
	assert_int_equal(to.addr.b[0], 0);
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
		cmocka_unit_test(only_the_first_destination_is_read),
		cmocka_unit_test(what_is_no_socket_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
