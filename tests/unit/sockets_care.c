/* SPDX-License-Identifier: ISC */
/* Sockets that the system refuses, step by step, and what is left then. */
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

#include "src/compat/origdst.h"
#include "src/process/listen.h"
#include "src/process/unixsock.h"
#include "tests/unit/unit.h"

/* A call of the system that fails, from the n-th time on, and how. */
static const char *failing;
static unsigned int after;
static int failure;
static char done[1024]; /* all calls, with what they were asked */
static bool noting;
static gid_t group_now;

static char dir[] = "/tmp/sockets-care.XXXXXX", path[64], text[512];
static struct strbuf why;

int __real_socket(int domain, int type, int proto);
int __wrap_socket(int domain, int type, int proto);
int __real_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __real_setsockopt(int fd, int level, int name, const void *v,
    socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *v,
    socklen_t len);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_unlink(const char *p);
int __wrap_unlink(const char *p);
int __real_chmod(const char *p, mode_t mode);
int __wrap_chmod(const char *p, mode_t mode);
int __wrap_chown(const char *p, uid_t uid, gid_t gid);
gid_t __wrap_getegid(void);
int __wrap_setegid(gid_t gid);
enum ph_err __wrap_origdst_prepare(int fd, uint8_t af, int type);

static bool
fails(const char *name, int asked)
{
	size_t len = strlen(done);

	if (noting)
		snprintf(done + len, sizeof(done) - len, "%s %d;", name, asked);
	if (failing == NULL || strcmp(failing, name) != 0 || after-- > 0)
		return false;
	after = 0;
	errno = failure;
	return true;
}

int
__wrap_socket(int domain, int type, int proto)
{
	return fails("socket", type) ? -1 : __real_socket(domain, type, proto);
}

int
__wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails("bind", sa->sa_family) ? -1 : __real_bind(fd, sa, len);
}

int
__wrap_listen(int fd, int backlog)
{
	return fails("listen", backlog) ? -1 : __real_listen(fd, backlog);
}

int
__wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t len)
{
	const char *which = level == IPPROTO_IPV6 ? "v6only"
	    : name == SO_REUSEADDR		  ? "reuse"
	    : name == SO_RCVBUF			  ? "rcvbuf"
						  : "force";

	assert_int_equal(len, sizeof(int));
	return fails(which, *(const int *)v)
	    ? -1
	    : __real_setsockopt(fd, level, name, v, len);
}

int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails("connect", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0)
	    ? -1
	    : __real_connect(fd, sa, len);
}

/* It succeeds, and has changed errno on its way. */
int
__wrap_close(int fd)
{
	int rc = __real_close(fd);

	if (rc == 0)
		errno = ENOTTY;
	return rc;
}

int
__wrap_unlink(const char *p)
{
	return fails("unlink", 0) ? -1 : __real_unlink(p);
}

int
__wrap_chmod(const char *p, mode_t mode)
{
	return fails("chmod", (int)mode) ? -1 : __real_chmod(p, mode);
}

int
__wrap_chown(const char *p, uid_t uid, gid_t gid)
{
	assert_string_equal(p, path);
	assert_int_equal(uid, (uid_t)-1);
	return fails("chown", (int)gid) ? -1 : 0;
}

gid_t
__wrap_getegid(void)
{
	return group_now;
}

int
__wrap_setegid(gid_t gid)
{
	if (fails("setegid", (int)gid))
		return -1;
	group_now = gid;
	return 0;
}

enum ph_err
__wrap_origdst_prepare(int fd, uint8_t af, int type)
{
	(void)fd;
	(void)af;
	return fails("prepare", type) ? PH_EIO : PH_OK;
}

static int
first_free(void)
{
	int fd = open("/dev/null", O_RDONLY);

	__real_close(fd);
	return fd;
}

static void
fail_at(const char *name, unsigned int n, int error)
{
	failing = name;
	after = n;
	failure = error;
	done[0] = '\0';
	strbuf_reset(&why);
}

static int
setup(void **state)
{
	(void)state;
	noting = true;
	failing = NULL;
	group_now = 5;
	done[0] = '\0';
	strlcpy(dir, "/tmp/sockets-care.XXXXXX", sizeof(dir));
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
	failing = NULL;
	(void)__real_unlink(path);
	return rmdir(dir);
}

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
	int first = first_free();
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		fail_at(rows[i].name, rows[i].after, EMFILE);
		memset(&l, 0x5a, sizeof(l));
		assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL,
				     &why),
		    rows[i].who != NULL ? PH_EIO : PH_OK);
		if (rows[i].who != NULL) {
			assert_int_equal(l.n, 0);
			assert_null(l.v);
			snprintf(want, sizeof(want), " %s: cannot listen on ",
			    rows[i].who);
			assert_non_null(strstr(text, want));
			assert_non_null(strstr(text, ": Too many open files"));
			assert_int_equal(first_free(), first);
			continue;
		}
		assert_string_equal(text, "");
		assert_int_equal(l.n, 3);
		listeners_close(&l, NULL);
		assert_null(l.v);
		assert_int_equal(first_free(), first);
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
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL, &why),
	    PH_OK);
	snprintf(want, sizeof(want),
	    "socket %d;reuse 1;v6only 1;prepare %d;bind %d;listen 128;"
	    "socket %d;force 8388608;prepare %d;bind %d;"
	    "socket %d;force 8388608;bind %d;",
	    SOCK_STREAM, SOCK_STREAM, AF_INET6, SOCK_DGRAM, SOCK_DGRAM, AF_INET,
	    SOCK_DGRAM, AF_INET);
	assert_string_equal(done, want);
	listeners_close(&l, NULL);
	/* Where the greater buffer is not allowed, as much as is. */
	fail_at("force", 1, EPERM);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL, &why),
	    PH_OK);
	assert_non_null(strstr(done, "force 8388608;rcvbuf 8388608;bind"));
	assert_null(strstr(done, "force 8388608;rcvbuf 8388608;prepare"));
	listeners_close(&l, NULL);
	conf_free(c);
	c = services("protect { 192.0.2.0/24 }\nsip { }\n"
		     "status { listen on ::1 port 8080 }\n"
		     "hep { listen on 127.0.0.1 port 9060 from 127.0.0.1 }\n");
	fail_at(NULL, 0, 0);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_STATUS, NULL, &why),
	    PH_OK);
	snprintf(want, sizeof(want),
	    "socket %d;reuse 1;v6only 1;bind %d;listen 128;", SOCK_STREAM,
	    AF_INET6);
	assert_string_equal(done, want);
	assert_true(l.n == 1 && l.v[0].kind == LISTEN_HTTP);
	listeners_close(&l, NULL);
	fail_at(NULL, 0, 0);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_ENGINE, NULL, &why),
	    PH_OK);
	snprintf(want, sizeof(want),
	    "socket %d;force 8388608;bind %d;socket %d;reuse 1;bind %d;"
	    "listen 128;",
	    SOCK_DGRAM, AF_INET, SOCK_STREAM, AF_INET);
	assert_string_equal(done, want);
	assert_true(l.n == 2 && l.v[0].kind == LISTEN_HEP &&
	    l.v[1].kind == LISTEN_HEP_STREAM && l.v[0].index == 0 &&
	    l.v[1].index == 0 && l.v[0].place == l.v[1].place &&
	    l.v[0].place == c->hep.listen_at);
	listeners_close(&l, NULL);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL, &why),
	    PH_OK);
	assert_int_equal(l.n, 0);
	listeners_close(&l, NULL);
	conf_free(c);
	/* Services that are off have none, whatever their blocks say. */
	c = services(PROXIES);
	c->ftp.on = c->tables.on = false;
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL, &why),
	    PH_OK);
	assert_true(l.n == 1 && l.v[0].kind == LISTEN_TFTP);
	listeners_close(&l, NULL);
	c->ftp.on = true;
	c->tftp.on = false;
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_PROXY, NULL, &why),
	    PH_OK);
	assert_true(l.n == 1 && l.v[0].kind == LISTEN_FTP);
	listeners_close(&l, NULL);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_STATUS, NULL, &why),
	    PH_OK);
	assert_int_equal(l.n, 0);
	listeners_close(&l, NULL);
	assert_int_equal(listeners_open(&l, c, LISTEN_FOR_ENGINE, NULL, &why),
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
			     &why),
	    PH_OK);
	fd[0] = before.v[0].fd;
	fd[1] = before.v[1].fd;
	fd[2] = before.v[2].fd;
	other->tftp.proxy[0].listen.addr = addr_v4(127, 0, 0, 2);
	other->tables.listen.addr = addr_v4(127, 0, 0, 2);
	first = first_free();
	fail_at("bind", 1, EADDRINUSE);
	assert_int_equal(listeners_open(&l, other, LISTEN_FOR_PROXY, &before,
			     &why),
	    PH_EIO);
	assert_non_null(strstr(text,
	    "tables: cannot listen on 127.0.0.2:0: Address already in use"));
	assert_int_equal(first_free(), first);
	assert_true(fcntl(fd[0], F_GETFD) != -1 && fcntl(fd[1], F_GETFD) != -1);
	fail_at(NULL, 0, 0);
	assert_int_equal(listeners_open(&l, other, LISTEN_FOR_PROXY, &before,
			     &why),
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
		strbuf_reset(&why);
		l.kind = (enum listen_kind)(i / 2);
		listener_explain(&l, i % 2 ? EAFNOSUPPORT : EACCES, &why);
		snprintf(want, sizeof(want),
		    "conf:3:9: %s: cannot listen on 192.0.2.1:21: %s",
		    names[i / 2],
		    i % 2 ? "Address family not supported by protocol; a "
			    "service of systemd needs with-ip.conf"
			  : "Permission denied");
		assert_string_equal(text, want);
	}
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

static void
a_trial_leaves_nothing(void **state)
{
	struct conf *c = services(
	    PROXIES "sip { }\nstatus { listen on 127.0.0.1 port 8080 }\n"
		    "hep { listen on 127.0.0.1 port 9060 from 127.0.0.1 }\n");
	int first = first_free();
	unsigned int n, i;

	(void)state;
	for (n = 0; n <= 6; n++) {
		nfailed = 0;
		fail_at("bind", n, EACCES);
		listeners_try(c, on_failed, &nfailed);
		assert_int_equal(nfailed, 6 - n);
		for (i = 0; i < nfailed; i++)
			assert_int_equal(errors[i], EACCES);
		assert_int_equal(first_free(), first);
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
	int first = first_free();
	unsigned int lines;
	const char *p;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		fail_at(rows[i].name, rows[i].after, rows[i].error);
		listeners_foreign(c, &why);
		for (lines = 0, p = text; (p = strchr(p, '\n')) != NULL; p++)
			lines++;
		assert_int_equal(lines, rows[i].lines);
		if (lines > 0)
			assert_non_null(strstr(text,
			    "test:3:17: no interface of this host has the "
			    "address 127.0.0.1\n"));
		if (lines > 1)
			assert_memory_equal(text,
			    "test:2:16: no interface of this host has the "
			    "address ::1\n",
			    30);
		/* The tables are not asked after. */
		assert_null(strstr(text, "test:4"));
		assert_int_equal(first_free(), first);
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
		fail_at("prepare", 0, EPERM);
		fd = __real_socket(at.addr.af, SOCK_DGRAM, 0);
		assert_int_equal(__real_bind(fd, (struct sockaddr *)&ss, len),
		    0);
		assert_int_equal(listeners_inherit(&l, fd, &got, &why), PH_EIO);
		assert_string_equal(text,
		    "setsockopt: Operation not permitted");
		assert_int_equal(l.n, 0);
		fail_at(NULL, 0, 0);
		assert_int_equal(listeners_inherit(&l, fd, &got, &why), PH_OK);
		snprintf(want, sizeof(want), "prepare %d;", SOCK_DGRAM);
		assert_string_equal(done, want);
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
	assert_int_equal(listeners_inherit(&l, fd, &got, &why), PH_EBAD);
	assert_string_equal(text, "the socket that was passed is not of UDP");
	assert_int_equal(l.n, 0);
	__real_close(fd);
}

/* Steps of a control socket; one that fails leaves no descriptor. */
static void
a_control_socket_may_fail(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		unsigned int after;
		enum ph_err rc;
		const char *why;	/* behind the path, or all of it */
	} rows[] = {
		{ "socket", 0, PH_EIO, "socket: Permission denied" },
		{ "bind", 0, PH_EIO, ": Permission denied" },
		{ "chmod", 0, PH_EIO, ": Permission denied" },
		{ "listen", 0, PH_EIO, ": Permission denied" },
		{ "setegid", 1, PH_EIO, ": Permission denied" },
		{ "setegid", 0, PH_OK, "" },
		{ "chown", 0, PH_OK, "" },
		{ NULL, 0, PH_OK, "" },
	};
	/* clang-format on */
	int fd, first = first_free();
	char want[256];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		group_now = 5;
		fail_at(rows[i].name, rows[i].after, EACCES);
		fd = 77;
		assert_int_equal(unixsock_listen(path, 0660, 54321, &fd, &why),
		    rows[i].rc);
		snprintf(want, sizeof(want), "%s%s",
		    rows[i].why[0] == ':' ? path : "", rows[i].why);
		assert_string_equal(text, want);
		if (rows[i].rc == PH_OK) {
			assert_int_equal(fd, first);
			assert_int_equal(group_now, 5);
			__real_close(fd);
		} else
			assert_int_equal(fd, -1);
		assert_int_equal(first_free(), first);
		(void)__real_unlink(path);
	}
}

/* In which order, and with which mode: a group that it has not is not let in.
 */
static void
a_group_is_let_in_if_the_socket_is_its_own(void **state)
{
	/* clang-format off */
	static const struct {
		gid_t group;	/* 0: that of this process */
		const char *fails;
		mode_t mode;	/* asked for, and had */
		mode_t had;
		const char *calls; /* between bind and listen; %u: the group */
	} rows[] = {
		{ (gid_t)-1, NULL, 0660, 0660, "" },
		{ (gid_t)-1, NULL, 0666, 0666, "" },
		{ 0, NULL, 0660, 0660, "" },
		{ 54321, NULL, 0660, 0660, "chown 54321;" },
		{ 54321, "chown", 0660, 0600, "chown 54321;" },
		{ 54321, "chown", 0666, 0606, "chown 54321;" },
	};
	/* clang-format on */
	char want[256];
	struct stat st;
	gid_t own;
	size_t i;
	int fd;

	(void)state;
	assert_int_equal(stat(dir, &st), 0);
	own = st.st_gid;
	for (i = 0; i < ROWS(rows); i++) {
		fail_at(rows[i].fails, 0, EPERM);
		group_now = 5;
		assert_int_equal(unixsock_listen(path, rows[i].mode,
				     rows[i].group == 0 ? own : rows[i].group,
				     &fd, &why),
		    PH_OK);
		if (rows[i].group == (gid_t)-1)
			snprintf(want, sizeof(want), "socket %d;bind %d;%s",
			    SOCK_STREAM, AF_UNIX, rows[i].calls);
		else
			snprintf(want, sizeof(want),
			    "socket %d;setegid %u;bind %d;setegid 5;%s",
			    SOCK_STREAM,
			    rows[i].group == 0 ? own : rows[i].group, AF_UNIX,
			    rows[i].calls);
		snprintf(want + strlen(want), sizeof(want) - strlen(want),
		    "chmod %d;listen 128;", (int)rows[i].had);
		assert_string_equal(done, want);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, rows[i].had);
		__real_close(fd);
		(void)__real_unlink(path);
	}
}

/* A socket that is there: in use, unless nobody listens behind it. */
static void
a_socket_in_use_is_known(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		int error;
		bool listens;	/* somebody does */
		enum ph_err try, listen;
	} rows[] = {
		{ NULL, 0, true, PH_EEXIST, PH_EEXIST },
		{ NULL, 0, false, PH_OK, PH_OK },
		{ "connect", EAGAIN, false, PH_EEXIST, PH_EEXIST },
		{ "connect", EACCES, false, PH_EEXIST, PH_EEXIST },
		{ "connect", ECONNREFUSED, false, PH_OK, PH_OK },
		{ "unlink", EACCES, false, PH_OK, PH_EEXIST },
		{ "socket", EMFILE, false, PH_EEXIST, PH_EEXIST },
	};
	/* clang-format on */
	int there, fd, first = first_free();
	char want[128];
	size_t i;

	(void)state;
	snprintf(want, sizeof(want), "%s: in use", path);
	for (i = 0; i < ROWS(rows); i++) {
		fail_at(NULL, 0, 0);
		assert_int_equal(unixsock_listen(path, 0600, (gid_t)-1, &there,
				     &why),
		    PH_OK);
		if (!rows[i].listens)
			__real_close(there);
		fail_at(rows[i].name, 0, rows[i].error);
		assert_int_equal(unixsock_try(path, &why), rows[i].try);
		assert_string_equal(text, rows[i].try == PH_OK ? "" : want);
		fail_at(rows[i].name, 0, rows[i].error);
		assert_int_equal(unixsock_listen(path, 0600, (gid_t)-1, &fd,
				     &why),
		    rows[i].listen);
		assert_string_equal(text, rows[i].listen == PH_OK ? "" : want);
		/* Nobody waits there. */
		if (rows[i].name == NULL || rows[i].name[0] == 'c')
			assert_non_null(strstr(done, "connect 1;"));
		assert_int_equal(fd == -1, rows[i].listen != PH_OK);
		if (fd != -1)
			__real_close(fd);
		if (rows[i].listens)
			__real_close(there);
		assert_int_equal(first_free(), first);
		(void)__real_unlink(path);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_step_may_fail),
		T(each_socket_is_prepared_in_its_way),
		T(a_failure_closes_only_what_is_new),
		T(kinds_are_explained),
		T(a_trial_leaves_nothing),
		T(foreign_is_what_cannot_be_bound),
		T(an_inherited_socket_is_prepared),
		T(a_control_socket_may_fail),
		T(a_group_is_let_in_if_the_socket_is_its_own),
		T(a_socket_in_use_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
