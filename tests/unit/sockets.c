/* SPDX-License-Identifier: ISC */
/* Sockets and locks of the monitor: what is shared, taken over, left alone. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/process/listen.h"
#include "src/process/lock.h"
#include "src/process/unixsock.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/sockets.XXXXXX", path[64], text[512];
static struct strbuf why;

static int
setup(void **state)
{
	(void)state;
	strlcpy(dir, "/tmp/sockets.XXXXXX", sizeof(dir));
	why = strbuf_of(text, sizeof(text));
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/it", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static bool
is_nonblocking(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void
a_control_socket_has_its_mode(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	umask(077);
	assert_int_equal(unixsock_listen(path, 0666, (gid_t)-1, &fd, &why),
	    PH_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	assert_true(is_nonblocking(fd));
	close(fd);
	assert_int_equal(unixsock_listen(path, 0660, getegid(), &fd, &why),
	    PH_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_gid, getegid());
	close(fd);
}

/* In a process that may not: is it as root has asked, or root's alone? */
static int
listen_without_privilege(gid_t group)
{
	struct stat st;
	int fd;

	umask(077);
	/* Where root may not become another user, there is nothing to see. */
	if (geteuid() == 0 && (setgid(65534) == -1 || setuid(65534) == -1))
		return 0;
	if (unixsock_listen(path, 0660, group, &fd, &why) != PH_OK ||
	    stat(path, &st) == -1)
		return 2;
	if (group == (gid_t)-1 || group == getegid())
		return (st.st_mode & 0777) == 0660 ? 0 : 3;
	return (st.st_mode & 0777) == 0600 ? 0 : 4;
}

static void
a_group_that_cannot_be_given_gets_nothing(void **state)
{
	gid_t own = geteuid() == 0 ? 65534 : getegid();
	const gid_t groups[] = { (gid_t)-1, own, 54321 };
	int status;
	size_t i;
	pid_t pid;

	(void)state;
	assert_int_equal(chmod(dir, 0777), 0);
	for (i = 0; i < ROWS(groups); i++) {
		fflush(NULL);
		if ((pid = fork()) == 0)
			_exit(listen_without_privilege(groups[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		(void)unlink(path);
	}
}

static void
a_socket_that_is_in_use_is_left_alone(void **state)
{
	char longer[200];
	int fd, other;

	(void)state;
	assert_int_equal(unixsock_listen(path, 0600, (gid_t)-1, &fd, &why),
	    PH_OK);
	assert_int_equal(unixsock_listen(path, 0600, (gid_t)-1, &other, &why),
	    PH_EEXIST);
	assert_int_equal(other, -1);
	assert_string_equal(text + strlen(path), ": in use");
	close(fd);
	/* The socket is closed: nobody listens any more. */
	assert_int_equal(unixsock_listen(path, 0600, (gid_t)-1, &fd, &why),
	    PH_OK);
	close(fd);
	unlink(path);
	/* A file that is no socket stays. */
	fd = open(path, O_CREAT | O_RDWR, 0600);
	close(fd);
	assert_int_equal(unixsock_listen(path, 0600, (gid_t)-1, &fd, &why),
	    PH_EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	strbuf_reset(&why);
	assert_int_equal(unixsock_listen(longer, 0600, (gid_t)-1, &fd, &why),
	    PH_EBAD);
	strbuf_reset(&why);
	assert_int_equal(unixsock_listen("/none/x", 0600, (gid_t)-1, &fd, &why),
	    PH_EIO);
	assert_string_equal(text, "/none/x: No such file or directory");
}

/* To look whether a start would have its socket changes nothing. */
static void
a_socket_can_be_tried(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(unixsock_try(path, &why), PH_OK);
	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(unixsock_listen(path, 0600, (gid_t)-1, &fd, &why),
	    PH_OK);
	assert_int_equal(unixsock_try(path, &why), PH_EEXIST);
	close(fd);
	assert_int_equal(unixsock_try(path, &why), PH_OK);
	assert_int_equal(lstat(path, &st), 0);
	strbuf_reset(&why);
	assert_int_equal(unixsock_try("/none/x", &why), PH_EIO);
	/* Their directories are there. */
	assert_int_equal(unixsock_try("/pinholed-test.none", &why), PH_OK);
	assert_int_equal(unixsock_try("pinholed-test.none", &why), PH_OK);
	assert_string_equal(text, "/none/x: No such file or directory");
}

/* In another process: what it finds, as an exit status. */
static int
elsewhere(int (*f)(int fd), int fd)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(f(fd));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static int
try_lock(int unused)
{
	pid_t holder;
	int fd;
	enum ph_err rc = lock_take(path, &fd, &holder, &why);

	(void)unused;
	if (rc == PH_EEXIST)
		return holder == getppid() && fd == -1 ? 1 : 2;
	return rc == PH_OK ? 0 : 3;
}

static int
look_for_holder(int unused)
{
	(void)unused;
	return lock_holder(path) == getppid();
}

static void
a_lock_has_one_holder(void **state)
{
	pid_t holder = 5;
	int fd;

	(void)state;
	assert_int_equal(lock_holder(path), 0);
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_OK);
	assert_int_equal(holder, 0);
	assert_int_equal(elsewhere(try_lock, 0), 1);
	assert_int_equal(elsewhere(look_for_holder, 0), 1);
	close(fd);
	assert_int_equal(elsewhere(try_lock, 0), 0);
	assert_int_equal(lock_take("/none/x", &fd, &holder, &why), PH_EIO);
	assert_int_equal(fd, -1);
}

static int
find_orphan(int fd)
{
	return lock_orphan(fd) == getppid() ? 1 : lock_orphan(fd) == 0 ? 0 : 2;
}

static int
be_child(int fd)
{
	lock_take_child(fd);
	return elsewhere(find_orphan, fd);
}

/* A child holds a byte of its own, so that its monitor can be replaced. */
static void
a_child_is_found_without_its_monitor(void **state)
{
	pid_t holder;
	int fd;

	(void)state;
	assert_int_equal(lock_take(path, &fd, &holder, &why), PH_OK);
	assert_int_equal(elsewhere(find_orphan, fd), 0);
	assert_int_equal(elsewhere(be_child, fd), 1);
	assert_int_equal(elsewhere(find_orphan, fd), 0);
	close(fd);
}

static struct conf *
config(const char *s)
{
	struct conf *c;

	assert_int_equal(conf_parse(&c, span_of(s), "test", NULL, 0, stderr),
	    PH_OK);
	return c;
}

static bool
can_bind(int type, uint16_t port)
{
	struct sockaddr_storage ss;
	struct endpoint at = { addr_v4(127, 0, 0, 1), port };
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&at, &ss);
	int fd = socket(AF_INET, type, 0), yes = 1;
	bool can;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	can = bind(fd, (struct sockaddr *)&ss, len) == 0;
	close(fd);
	return can;
}

/*
 * A port that is free for UDP and TCP.  Not one that the system would choose,
 * for it might choose the same for another test at the same time; tests that
 * run beside each other have process ids that are near each other.
 */
static uint16_t
free_port(void)
{
	static unsigned int n;
	uint16_t port;

	do {
		assert_true(n < 20 * 500);
		port = (uint16_t)(10000 +
		    (20 * ((unsigned int)getpid() % 500) + n++) % 10000);
	} while (!can_bind(SOCK_DGRAM, port) || !can_bind(SOCK_STREAM, port));
	return port;
}

static struct conf *
services(void)
{
	char s[512];

	snprintf(s, sizeof(s),
	    "protect { 192.0.2.0/24 }\nsip { }\n"
	    "ftp { proxy on 127.0.0.1 port %u }\n"
	    "tftp { proxy on 127.0.0.1 port %u }\n"
	    "tables { listen on 127.0.0.1 port %u key \"/k\" allow a }\n"
	    "status { listen on 127.0.0.1 port %u }\n"
	    "hep { listen on 127.0.0.1 port %u from 127.0.0.1 }\n",
	    free_port(), free_port(), free_port(), free_port(), free_port());
	return config(s);
}

static int
type_of(int fd)
{
	socklen_t len = sizeof(int);
	int type = 0;

	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	return type;
}

static void
each_process_has_its_own_listeners(void **state)
{
	static const struct {
		enum listen_user user;
		size_t n;
		enum listen_kind kind[3];
		int type[3];
	} rows[] = {
		{ LISTEN_FOR_PROXY, 3,
		    { LISTEN_FTP, LISTEN_TFTP, LISTEN_TABLES },
		    { SOCK_STREAM, SOCK_DGRAM, SOCK_DGRAM } },
		{ LISTEN_FOR_STATUS, 1, { LISTEN_HTTP }, { SOCK_STREAM } },
		{ LISTEN_FOR_ENGINE, 2, { LISTEN_HEP, LISTEN_HEP_STREAM },
		    { SOCK_DGRAM, SOCK_STREAM } },
	};
	struct conf *c = services();
	struct listeners l;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(listeners_open(&l, c, rows[i].user, NULL,
				     &why),
		    PH_OK);
		assert_int_equal(l.n, rows[i].n);
		for (k = 0; k < l.n; k++) {
			assert_int_equal(l.v[k].kind, rows[i].kind[k]);
			assert_int_equal(type_of(l.v[k].fd), rows[i].type[k]);
			assert_true(is_nonblocking(l.v[k].fd));
		}
		listeners_close(&l, NULL);
		assert_null(l.v);
	}
	conf_free(c);
	c = config("protect { 192.0.2.0/24 }\n");
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL, &why),
	    PH_OK);
	assert_int_equal(l.n, 0);
	listeners_close(&l, NULL);
	conf_free(c);
}

#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE SO_RCVBUF
#endif

static int
option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* May this process have a buffer beyond the system's limit? */
static bool
may_force(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 8 << 20;
	bool may;

	may = setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ==
	    0;
	close(fd);
	return may;
}

/* Each with its place and number, and every option that its service needs. */
static void
each_socket_is_as_its_service_needs(void **state)
{
	static const struct {
		enum listen_kind kind;
		size_t index;
		const char *place;
	} rows[] = { { LISTEN_FTP, 0, "test:3:" }, { LISTEN_FTP, 1, "test:4:" },
		{ LISTEN_FTP, 2, "test:5:" }, { LISTEN_TFTP, 0, "test:6:" },
		{ LISTEN_TFTP, 1, "test:7:" },
		{ LISTEN_TABLES, 0, "test:8:" } };
	struct sockaddr_storage ss;
	struct endpoint at;
	struct listeners l;
	struct conf *c;
	socklen_t len;
	char s[1024];
	size_t i;
	int fd;

	(void)state;
	snprintf(s, sizeof(s),
	    "protect { 192.0.2.0/24 }\nsip { }\n"
	    "ftp { proxy on 127.0.0.1 port %u\nproxy on 127.0.0.2 port %u\n"
	    "proxy on 127.0.0.1 port %u }\n"
	    "tftp { proxy on 127.0.0.1 port %u\nproxy on 127.0.0.3 port %u }\n"
	    "tables { listen on 127.0.0.1 port %u key \"/k\" allow a }\n",
	    free_port(), free_port(), free_port(), free_port(), free_port(),
	    free_port());
	c = config(s);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL, &why),
	    PH_OK);
	assert_int_equal(l.n, ROWS(rows));
	for (i = 0; i < l.n; i++) {
		fd = l.v[i].fd;
		assert_int_equal(l.v[i].kind, rows[i].kind);
		assert_int_equal(l.v[i].index, rows[i].index);
		assert_memory_equal(l.v[i].place, rows[i].place, 7);
		len = sizeof(ss);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len),
		    0);
		at = endpoint_from_sockaddr((struct sockaddr *)&ss);
		assert_int_equal(endpoint_cmp(&at, &l.v[i].at), 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(is_nonblocking(fd));
		assert_int_equal(option(fd, SOL_SOCKET, SO_ACCEPTCONN),
		    rows[i].kind == LISTEN_FTP);
		assert_int_equal(option(fd, SOL_SOCKET, SO_REUSEADDR),
		    rows[i].kind == LISTEN_FTP);
		/* Of a stream, the kernel's own. */
		if (rows[i].kind != LISTEN_FTP && may_force())
			assert_true(
			    option(fd, SOL_SOCKET, SO_RCVBUF) >= 8 << 20);
	}
	listeners_close(&l, NULL);
	conf_free(c);
}

static void
a_reload_shares_what_stays(void **state)
{
	struct conf *c = services(), *other;
	struct listeners before, after;
	int fd;

	(void)state;
	assert_int_equal(listeners_open(&before, c, LISTEN_FOR_PROXY, NULL,
			     &why),
	    PH_OK);
	assert_int_equal(listeners_open(&after, c, LISTEN_FOR_PROXY, &before,
			     &why),
	    PH_OK);
	fd = before.v[0].fd;
	assert_int_equal(after.v[0].fd, fd);
	assert_int_equal(after.v[2].fd, before.v[2].fd);
	listeners_close(&before, &after);
	assert_int_equal(type_of(fd), SOCK_STREAM);
	/* Another port is another socket, and the old one goes. */
	other = services();
	assert_int_equal(listeners_open(&before, other, LISTEN_FOR_PROXY,
			     &after, &why),
	    PH_OK);
	assert_int_not_equal(before.v[0].fd, fd);
	listeners_close(&after, &before);
	assert_int_equal(type_of(fd), 0);
	listeners_close(&before, NULL);
	conf_free(c);
	conf_free(other);
}

static struct failure {
	unsigned int n;
	enum listen_kind kind;
	int error;
} failure;

static void
on_failure(void *ctx, const struct listener *l, int error)
{
	assert_ptr_equal(ctx, &failure);
	failure.n++;
	failure.kind = l->kind;
	failure.error = error;
}

static void
one_that_cannot_be_had_is_told(void **state)
{
	struct conf *c = services();
	struct listeners l, taken;
	char want[128];

	(void)state;
	failure.n = 0;
	listeners_try(c, on_failure, &failure);
	assert_int_equal(failure.n, 0);
	assert_int_equal(listeners_open(&taken, c, LISTEN_FOR_PROXY, NULL,
			     &why),
	    PH_OK);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL, &why),
	    PH_EIO);
	assert_int_equal(l.n, 0);
	snprintf(want, sizeof(want),
	    "ftp proxy: cannot listen on 127.0.0.1:%u: Address already in use",
	    c->ftp.proxy[0].listen.port);
	assert_non_null(strstr(text, want));
	assert_memory_equal(text, "test:3:", 7);
	listeners_try(c, on_failure, &failure);
	assert_int_equal(failure.n, 3);
	assert_int_equal(failure.kind, LISTEN_TABLES);
	assert_int_equal(failure.error, EADDRINUSE);
	listeners_close(&taken, NULL);
	conf_free(c);
}

static void
an_address_that_is_not_ours_is_told(void **state)
{
	struct conf *c =
	    config("protect { 192.0.2.0/24 }\n"
		   "ftp { proxy on 203.0.113.77 port 8021\n"
		   "proxy on 127.0.0.1 port 8021 }\n"
		   "tables { listen on 203.0.113.78 key \"/k\" allow a }\n");

	(void)state;
	listeners_foreign(c, &why);
	assert_string_equal(text,
	    "test:2:16: no interface of this host has the address "
	    "203.0.113.77\n");
	conf_free(c);
}

static void
a_socket_may_be_inherited(void **state)
{
	struct endpoint at = { addr_v4(127, 0, 0, 1), 0 }, got;
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)endpoint_to_sockaddr(&at, &ss);
	struct listeners l;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), wrong[2];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listeners_inherit(&l, fd, &got, &why), PH_OK);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.v[0].kind, LISTEN_TFTP);
	assert_int_equal(l.v[0].fd, fd);
	assert_int_equal(endpoint_cmp(&l.v[0].at, &got), 0);
	assert_true(addr_eq(&got.addr, &at.addr));
	assert_true(is_nonblocking(fd));
	listeners_close(&l, NULL);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(listeners_inherit(&l, fd, &got, &why), PH_EBAD);
	close(fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, wrong), 0);
	assert_int_equal(listeners_inherit(&l, wrong[0], &got, &why), PH_EBAD);
	close(wrong[0]);
	close(wrong[1]);
	assert_int_equal(listeners_inherit(&l, wrong[0], &got, &why), PH_EBAD);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_control_socket_has_its_mode),
		T(a_group_that_cannot_be_given_gets_nothing),
		T(a_socket_that_is_in_use_is_left_alone),
		T(a_socket_can_be_tried),
		T(a_lock_has_one_holder),
		T(a_child_is_found_without_its_monitor),
		T(each_process_has_its_own_listeners),
		T(each_socket_is_as_its_service_needs),
		T(a_reload_shares_what_stays),
		T(one_that_cannot_be_had_is_told),
		T(an_address_that_is_not_ours_is_told),
		T(a_socket_may_be_inherited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
