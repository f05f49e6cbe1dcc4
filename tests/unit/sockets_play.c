/* SPDX-License-Identifier: ISC */
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
#include "tests/unit/sockets_play.h"
#include "tests/unit/unit.h"

/* A call of the system that fails, from the n-th time on, and how. */
static const char *failing;
static unsigned int after;
static int failure;

char sockets_done[1024];
char sockets_dir[] = "/tmp/sockets.XXXXXX", sockets_path[64], sockets_text[512];
struct strbuf sockets_why;
gid_t sockets_group;
uint16_t sockets_bound;
bool sockets_no_memory;
size_t sockets_room;

int __wrap_socket(int domain, int type, int proto);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __real_setsockopt(int fd, int level, int name, const void *v,
    socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *v,
    socklen_t len);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_close(int fd);
int __wrap_unlink(const char *p);
int __wrap_stat(const char *p, struct stat *st);
int __wrap_stat64(const char *p, struct stat *st);
int __real_chmod(const char *p, mode_t mode);
int __wrap_chmod(const char *p, mode_t mode);
int __wrap_chown(const char *p, uid_t uid, gid_t gid);
gid_t __wrap_getegid(void);
int __wrap_setegid(gid_t gid);
enum ph_err __wrap_origdst_prepare(int fd, uint8_t af, int type);

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	if (size == sizeof(struct listener))
		sockets_room = n;
	return sockets_no_memory ? NULL : __real_calloc(n, size);
}

static bool
fails(const char *name, int asked)
{
	size_t len = strlen(sockets_done);

	snprintf(sockets_done + len, sizeof(sockets_done) - len, "%s %d;", name,
	    asked);
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
	sockets_bound =
	    sa->sa_family == AF_UNIX ? 0 : endpoint_from_sockaddr(sa).port;
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
__wrap_stat(const char *p, struct stat *st)
{
	return fails("stat", 0) ? -1 : __real_stat(p, st);
}

int
__wrap_stat64(const char *p, struct stat *st)
{
	return __wrap_stat(p, st);
}

int
__wrap_chmod(const char *p, mode_t mode)
{
	return fails("chmod", (int)mode) ? -1 : __real_chmod(p, mode);
}

int
__wrap_chown(const char *p, uid_t uid, gid_t gid)
{
	assert_string_equal(p, sockets_path);
	assert_int_equal(uid, (uid_t)-1);
	return fails("chown", (int)gid) ? -1 : 0;
}

gid_t
__wrap_getegid(void)
{
	return sockets_group;
}

int
__wrap_setegid(gid_t gid)
{
	if (fails("setegid", (int)gid))
		return -1;
	sockets_group = gid;
	return 0;
}

enum ph_err
__wrap_origdst_prepare(int fd, uint8_t af, int type)
{
	(void)fd;
	(void)af;
	return fails("prepare", type) ? PH_EIO : PH_OK;
}

int
sockets_first_free(void)
{
	int fd = open("/dev/null", O_RDONLY);

	__real_close(fd);
	return fd;
}

void
sockets_fail_at(const char *name, unsigned int n, int error)
{
	failing = name;
	after = n;
	failure = error;
	sockets_done[0] = '\0';
	strbuf_reset(&sockets_why);
}

int
sockets_setup(void **state)
{
	(void)state;
	failing = NULL;
	sockets_group = 5;
	sockets_done[0] = '\0';
	strlcpy(sockets_dir, "/tmp/sockets.XXXXXX", sizeof(sockets_dir));
	sockets_why = strbuf_of(sockets_text, sizeof(sockets_text));
	if (mkdtemp(sockets_dir) == NULL)
		return -1;
	snprintf(sockets_path, sizeof(sockets_path), "%s/it", sockets_dir);
	return 0;
}

int
sockets_teardown(void **state)
{
	(void)state;
	failing = NULL;
	(void)__real_unlink(sockets_path);
	return rmdir(sockets_dir);
}
