/* SPDX-License-Identifier: ISC */
/* Listeners that the system refuses, step by step, and what is left then. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/process/listen.h"
#include "tests/unit/sockets_play.h"
#include "tests/unit/unit.h"

static struct conf *
config(const char *s)
{
	struct conf *c;

	assert_int_equal(conf_parse(&c, span_of(s), "test", NULL, 0, stderr),
	    PH_OK);
	return c;
}

/* Port 0 is not for a configuration: the system is to choose one here. */
static struct conf *
services(const char *s)
{
	struct conf *c = config(s);
	size_t i;

	for (i = 0; i < c->ftp.nproxy; i++)
		c->ftp.proxy[i].listen.port = 0;
	for (i = 0; i < c->tftp.nproxy; i++)
		c->tftp.proxy[i].listen.port = 0;
	c->tables.listen.port = c->status.listen.port = 0;
	c->hep.listen.port = 0;
	return c;
}

#define PROXIES                                                                \
	"protect { 192.0.2.0/24 }\nftp { proxy on ::1 port 8021 }\n"           \
	"tftp { proxy on 127.0.0.1 port 8069 }\n"                              \
	"tables { listen on 127.0.0.1 port 8078 key \"/k\" allow a }\n"

static void
each_step_may_fail(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		unsigned int after;
		const char *who;	/* NULL: nobody */
	} rows[] = {
		{ "socket", 0, "ftp proxy" }, { "socket", 1, "tftp proxy" },
		{ "socket", 2, "tables" },
		{ "reuse", 0, "ftp proxy" }, { "v6only", 0, "ftp proxy" },
		{ "prepare", 0, "ftp proxy" }, { "prepare", 1, "tftp proxy" },
		{ "bind", 0, "ftp proxy" }, { "bind", 1, "tftp proxy" },
		{ "bind", 2, "tables" },
		{ "listen", 0, "ftp proxy" },
		{ "force", 0, NULL },
	};
	/* clang-format on */
	struct conf *c = services(PROXIES);
	struct listeners l;
	char want[64];
	int first = sockets_first_free();
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		sockets_fail_at(rows[i].name, rows[i].after, EMFILE);
		memset(&l, 0x5a, sizeof(l));
		assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL,
				     &sockets_why),
		    rows[i].who != NULL ? PH_EIO : PH_OK);
		if (rows[i].who != NULL) {
			assert_int_equal(l.n, 0);
			assert_null(l.v);
			snprintf(want, sizeof(want), " %s: cannot listen on ",
			    rows[i].who);
			assert_non_null(strstr(sockets_text, want));
			assert_non_null(
			    strstr(sockets_text, ": Too many open files"));
			assert_int_equal(sockets_first_free(), first);
			continue;
		}
		assert_string_equal(sockets_text, "");
		assert_int_equal(l.n, 3);
		listeners_close(&l, NULL);
		assert_null(l.v);
		assert_int_equal(sockets_first_free(), first);
	}
	conf_free(c);
}

static void
each_socket_is_prepared_in_its_way(void **state)
{
	char want[512];
	struct conf *c = services(PROXIES);
	struct listeners l;

	(void)state;
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL,
			     &sockets_why),
	    PH_OK);
	snprintf(want, sizeof(want),
	    "socket %d;reuse 1;v6only 1;prepare %d;bind %d;listen 128;"
	    "socket %d;force 8388608;prepare %d;bind %d;"
	    "socket %d;force 8388608;bind %d;",
	    SOCK_STREAM, SOCK_STREAM, AF_INET6, SOCK_DGRAM, SOCK_DGRAM, AF_INET,
	    SOCK_DGRAM, AF_INET);
	assert_string_equal(sockets_done, want);
	listeners_close(&l, NULL);
	/* Where the greater buffer is not allowed, as much as is. */
	sockets_fail_at("force", 1, EPERM);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL,
			     &sockets_why),
	    PH_OK);
	assert_non_null(
	    strstr(sockets_done, "force 8388608;rcvbuf 8388608;bind"));
	assert_null(
	    strstr(sockets_done, "force 8388608;rcvbuf 8388608;prepare"));
	listeners_close(&l, NULL);
	conf_free(c);
	c = services("protect { 192.0.2.0/24 }\nsip { }\n"
		     "status { listen on ::1 port 8080 }\n"
		     "hep { listen on 127.0.0.1 port 9060 from 127.0.0.1 }\n");
	sockets_fail_at(NULL, 0, 0);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_STATUS, NULL,
			     &sockets_why),
	    PH_OK);
	snprintf(want, sizeof(want),
	    "socket %d;reuse 1;v6only 1;bind %d;listen 128;", SOCK_STREAM,
	    AF_INET6);
	assert_string_equal(sockets_done, want);
	assert_true(l.n == 1 && l.v[0].kind == LISTEN_HTTP);
	listeners_close(&l, NULL);
	sockets_fail_at(NULL, 0, 0);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_ENGINE, NULL,
			     &sockets_why),
	    PH_OK);
	snprintf(want, sizeof(want),
	    "socket %d;force 8388608;bind %d;socket %d;reuse 1;bind %d;"
	    "listen 128;",
	    SOCK_DGRAM, AF_INET, SOCK_STREAM, AF_INET);
	assert_string_equal(sockets_done, want);
	assert_true(l.n == 2 && l.v[0].kind == LISTEN_HEP &&
	    l.v[1].kind == LISTEN_HEP_STREAM && l.v[0].index == 0 &&
	    l.v[1].index == 0 && l.v[0].place == l.v[1].place &&
	    l.v[0].place == c->hep.listen_at);
	listeners_close(&l, NULL);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL,
			     &sockets_why),
	    PH_OK);
	assert_int_equal(l.n, 0);
	listeners_close(&l, NULL);
	conf_free(c);
	/* Services that are off have none, whatever their blocks say. */
	c = services(PROXIES);
	c->ftp.on = c->tables.on = false;
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL,
			     &sockets_why),
	    PH_OK);
	assert_true(l.n == 1 && l.v[0].kind == LISTEN_TFTP);
	listeners_close(&l, NULL);
	c->ftp.on = true;
	c->tftp.on = false;
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL,
			     &sockets_why),
	    PH_OK);
	assert_true(l.n == 1 && l.v[0].kind == LISTEN_FTP);
	listeners_close(&l, NULL);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_STATUS, NULL,
			     &sockets_why),
	    PH_OK);
	assert_int_equal(l.n, 0);
	listeners_close(&l, NULL);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_ENGINE, NULL,
			     &sockets_why),
	    PH_OK);
	assert_int_equal(l.n, 0);
	listeners_close(&l, NULL);
	conf_free(c);
}

/* Sockets that the one before has stay open when another cannot be had. */
static void
a_failure_closes_only_what_is_new(void **state)
{
	struct conf *c = services(PROXIES), *other = services(PROXIES);
	struct listeners before, l;
	int fd[3], first;

	(void)state;
	assert_int_equal(listeners_open(&before, c, LISTEN_FOR_PROXY, NULL,
			     &sockets_why),
	    PH_OK);
	fd[0] = before.v[0].fd;
	fd[1] = before.v[1].fd;
	fd[2] = before.v[2].fd;
	other->tftp.proxy[0].listen.addr = addr_v4(127, 0, 0, 2);
	other->tables.listen.addr = addr_v4(127, 0, 0, 2);
	first = sockets_first_free();
	sockets_fail_at("bind", 1, EADDRINUSE);
	assert_int_equal(listeners_open(&l, other, LISTEN_FOR_PROXY, &before,
			     &sockets_why),
	    PH_EIO);
	assert_non_null(strstr(sockets_text,
	    "tables: cannot listen on 127.0.0.2:0: Address already in use"));
	assert_int_equal(sockets_first_free(), first);
	assert_true(fcntl(fd[0], F_GETFD) != -1 && fcntl(fd[1], F_GETFD) != -1);
	sockets_fail_at(NULL, 0, 0);
	assert_int_equal(listeners_open(&l, other, LISTEN_FOR_PROXY, &before,
			     &sockets_why),
	    PH_OK);
	assert_true(
	    l.v[0].fd == fd[0] && l.v[1].fd != fd[1] && l.v[2].fd != fd[2]);
	listeners_close(&before, &l);
	assert_true(fcntl(fd[0], F_GETFD) != -1);
	assert_true(fcntl(fd[1], F_GETFD) == -1 && fcntl(fd[2], F_GETFD) == -1);
	listeners_close(&l, NULL);
	conf_free(c);
	conf_free(other);
}

static unsigned int nfailed;
static int errors[8];

static void
on_failed(void *ctx, const struct listener *l, int error)
{
	assert_ptr_equal(ctx, &nfailed);
	assert_int_equal(l->fd, -1);
	errors[nfailed++ % 8] = error;
}

/* Room for all that there may be, and nothing where there is none. */
static void
there_is_room_for_each_listener(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		size_t ftp, tftp;
	} rows[] = {
		{ "", 0, 0 },
		{ "ftp { proxy on 127.0.0.1 port 8021 }\n", 1, 0 },
		{ "tftp { proxy on 127.0.0.1 port 8069\n"
		    "proxy on 127.0.0.2 port 8069\n"
		    "proxy on 127.0.0.3 port 8069 }\n", 0, 3 },
		{ "ftp { proxy on 127.0.0.1 port 8021\n"
		    "proxy on 127.0.0.2 port 8021 }\n"
		    "tftp { proxy on 127.0.0.1 port 8069 }\n", 2, 1 },
	};
	/* clang-format on */
	static const enum listen_user users[] = { LISTEN_FOR_PROXY,
		LISTEN_FOR_STATUS, LISTEN_FOR_ENGINE };
	struct endpoint at;
	struct listeners l;
	struct conf *c;
	char s[512];
	size_t i, k;
	int fd;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		snprintf(s, sizeof(s), "protect { 192.0.2.0/24 }\nsip { }\n%s",
		    rows[i].text);
		c = services(s);
		for (k = 0; k < ROWS(users); k++) {
			sockets_room = 0;
			assert_int_equal(listeners_open(&l, c, users[k], NULL,
					     &sockets_why),
			    PH_OK);
			assert_int_equal(sockets_room,
			    rows[i].ftp + rows[i].tftp + 2);
			assert_int_equal(l.n,
			    k > 0 ? 0 : rows[i].ftp + rows[i].tftp);
			listeners_close(&l, NULL);
			sockets_fail_at(NULL, 0, 0);
			sockets_no_memory = true;
			assert_int_equal(listeners_open(&l, c, users[k], NULL,
					     &sockets_why),
			    PH_ENOMEM);
			nfailed = 0;
			listeners_try(c, on_failed, &nfailed);
			sockets_no_memory = false;
			assert_string_equal(sockets_text, "out of memory");
			assert_string_equal(sockets_done, "");
			assert_true(l.n == 0 && l.v == NULL && nfailed == 0);
		}
		sockets_no_memory = true;
		listeners_foreign(c, &sockets_why);
		sockets_no_memory = false;
		assert_string_equal(sockets_text, "out of memory");
		conf_free(c);
	}
	fd = __real_socket(AF_INET, SOCK_DGRAM, 0);
	sockets_fail_at(NULL, 0, 0);
	sockets_no_memory = true;
	assert_int_equal(listeners_inherit(&l, fd, &at, &sockets_why),
	    PH_ENOMEM);
	sockets_no_memory = false;
	assert_string_equal(sockets_text, "out of memory");
	assert_int_equal(l.n, 0);
	assert_int_equal(listeners_inherit(&l, fd, &at, &sockets_why), PH_OK);
	assert_int_equal(sockets_room, 1);
	listeners_close(&l, NULL);
}

static void
kinds_are_explained(void **state)
{
	static const char *const names[] = { "ftp proxy", "tftp proxy",
		"tables", "status", "hep", "hep" };
	struct listener l = { LISTEN_FTP, 0, { addr_v4(192, 0, 2, 1), 21 },
		"conf:3:9: ", -1 };
	char want[256];
	size_t i;

	(void)state;
	for (i = 0; i < 2 * ROWS(names); i++) {
		strbuf_reset(&sockets_why);
		l.kind = (enum listen_kind)(i / 2);
		listener_explain(&l, i % 2 ? EAFNOSUPPORT : EACCES,
		    &sockets_why);
		snprintf(want, sizeof(want),
		    "conf:3:9: %s: cannot listen on 192.0.2.1:21: %s",
		    names[i / 2],
		    i % 2 ? "Address family not supported by protocol; a "
			    "service of systemd needs with-ip.conf"
			  : "Permission denied");
		assert_string_equal(sockets_text, want);
	}
}

static void
a_trial_leaves_nothing(void **state)
{
	struct conf *c = services(
	    PROXIES "sip { }\nstatus { listen on 127.0.0.1 port 8080 }\n"
		    "hep { listen on 127.0.0.1 port 9060 from 127.0.0.1 }\n");
	int first = sockets_first_free();
	unsigned int n, i;

	(void)state;
	for (n = 0; n <= 6; n++) {
		nfailed = 0;
		sockets_fail_at("bind", n, EACCES);
		listeners_try(c, on_failed, &nfailed);
		assert_int_equal(nfailed, 6 - n);
		for (i = 0; i < nfailed; i++)
			assert_int_equal(errors[i], EACCES);
		assert_int_equal(sockets_first_free(), first);
	}
	conf_free(c);
}

/* An address is another's if the system says just that. */
static void
foreign_is_what_cannot_be_bound(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		unsigned int after;
		int error;
		unsigned int lines;
	} rows[] = {
		{ NULL, 0, 0, 0 },
		{ "bind", 0, EADDRNOTAVAIL, 2 }, { "bind", 1, EADDRNOTAVAIL, 1 },
		{ "bind", 0, EACCES, 0 }, { "socket", 0, EADDRNOTAVAIL, 0 },
	};
	/* clang-format on */
	struct conf *c = services(PROXIES);
	int first = sockets_first_free();
	unsigned int lines;
	const char *p;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		sockets_fail_at(rows[i].name, rows[i].after, rows[i].error);
		sockets_bound = 7;
		listeners_foreign(c, &sockets_why);
		/* At a port that is free. */
		assert_int_equal(sockets_bound, i == 4 ? 7 : 0);
		for (lines = 0, p = sockets_text; (p = strchr(p, '\n')) != NULL;
		     p++)
			lines++;
		assert_int_equal(lines, rows[i].lines);
		if (lines > 0)
			assert_non_null(strstr(sockets_text,
			    "test:3:17: no interface of this host has the "
			    "address 127.0.0.1\n"));
		if (lines > 1)
			assert_memory_equal(sockets_text,
			    "test:2:16: no interface of this host has the "
			    "address ::1\n",
			    30);
		/* The tables are not asked after. */
		assert_null(strstr(sockets_text, "test:4"));
		assert_int_equal(sockets_first_free(), first);
	}
	conf_free(c);
}

static void
an_inherited_socket_is_prepared(void **state)
{
	struct endpoint got, at = { .port = 0 };
	struct sockaddr_storage ss;
	struct listeners l;
	char want[64];
	socklen_t len;
	int fd, v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		assert_int_equal(addr_parse(v6 ? SPAN_LITERAL("::1")
					       : SPAN_LITERAL("127.0.0.1"),
				     &at.addr),
		    PH_OK);
		len = (socklen_t)endpoint_to_sockaddr(&at, &ss);
		sockets_fail_at("prepare", 0, EPERM);
		fd = __real_socket(at.addr.af, SOCK_DGRAM, 0);
		assert_int_equal(__real_bind(fd, (struct sockaddr *)&ss, len),
		    0);
		assert_int_equal(listeners_inherit(&l, fd, &got, &sockets_why),
		    PH_EIO);
		assert_string_equal(sockets_text,
		    "setsockopt: Operation not permitted");
		assert_int_equal(l.n, 0);
		sockets_fail_at(NULL, 0, 0);
		assert_int_equal(listeners_inherit(&l, fd, &got, &sockets_why),
		    PH_OK);
		snprintf(want, sizeof(want), "prepare %d;", SOCK_DGRAM);
		assert_string_equal(sockets_done, want);
		assert_true(l.n == 1 && l.v[0].kind == LISTEN_TFTP &&
		    l.v[0].index == 0 && l.v[0].fd == fd &&
		    l.v[0].place[0] == '\0' &&
		    endpoint_cmp(&l.v[0].at, &got) == 0);
		assert_true(addr_eq(&got.addr, &at.addr) && got.port != 0);
		assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 &&
		    (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
		listeners_close(&l, NULL);
	}
	fd = __real_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(listeners_inherit(&l, fd, &got, &sockets_why),
	    PH_EBAD);
	assert_string_equal(sockets_text,
	    "the socket that was passed is not of UDP");
	assert_int_equal(l.n, 0);
	__real_close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sockets_setup, sockets_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_step_may_fail),
		T(each_socket_is_prepared_in_its_way),
		T(a_failure_closes_only_what_is_new),
		T(there_is_room_for_each_listener),
		T(kinds_are_explained),
		T(a_trial_leaves_nothing),
		T(foreign_is_what_cannot_be_bound),
		T(an_inherited_socket_is_prepared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
