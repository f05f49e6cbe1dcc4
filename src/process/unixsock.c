/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "src/process/unixsock.h"

#define BACKLOG 128

/* Whether somebody still listens there; if not, it may be removed. */
static bool
in_use(const struct sockaddr_un *sun, bool *stale)
{
	struct stat st;
	bool used;
	int fd;

	*stale = false;
	if (lstat(sun->sun_path, &st) == -1)
		return false;
	if (!S_ISSOCK(st.st_mode) ||
	    (fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return true;
	/* A socket whose queue is full is in use, too: do not wait for it. */
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	used = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 ||
	    errno != ECONNREFUSED;
	close(fd);
	*stale = !used;
	return used;
}

static enum ph_err
name_socket(const char *path, struct sockaddr_un *sun, struct strbuf *why)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlcpy(sun->sun_path, path, sizeof(sun->sun_path)) <
	    sizeof(sun->sun_path))
		return PH_OK;
	strbuf_fmt(why, "%s: too long for a socket", path);
	return PH_EBAD;
}

enum ph_err
unixsock_try(const char *path, struct strbuf *why)
{
	const char *slash = strrchr(path, '/');
	struct sockaddr_un sun;
	enum ph_err rc;
	bool stale;

	if ((rc = name_socket(path, &sun, why)) != PH_OK)
		return rc;
	if (in_use(&sun, &stale)) {
		strbuf_fmt(why, "%s: in use", path);
		return PH_EEXIST;
	}
	if (slash == NULL || slash == path)
		return PH_OK;
	sun.sun_path[slash - path] = '\0';
	if (access(sun.sun_path, F_OK) == 0)
		return PH_OK;
	strbuf_fmt(why, "%s: %s", path, strerror(errno));
	return PH_EIO;
}

/*
 * On Linux a new socket has the group of the process, and a service may lack
 * the privilege for chown(2).
 */
static int
socket_bind(int fd, const struct sockaddr_un *sun, gid_t group)
{
	gid_t before = getegid();
	bool changed = group != (gid_t)-1 && setegid(group) == 0;
	int rc, saved;

	rc = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	saved = errno;
	if (changed && setegid(before) == -1)
		rc = -1;
	else
		errno = saved;
	return rc;
}

/* If the socket cannot be the group's, it stays root's alone. */
static int
socket_permit(const char *path, mode_t mode, gid_t group)
{
	struct stat st;

	if (group != (gid_t)-1 &&
	    (stat(path, &st) == -1 ||
		(st.st_gid != group && chown(path, (uid_t)-1, group) == -1)))
		mode &= ~(mode_t)S_IRWXG;
	return chmod(path, mode);
}

enum ph_err
unixsock_listen(const char *path, mode_t mode, gid_t group, int *fd,
    struct strbuf *why)
{
	struct sockaddr_un sun;
	enum ph_err rc;
	bool stale;

	*fd = -1;
	if ((rc = name_socket(path, &sun, why)) != PH_OK)
		return rc;
	if (in_use(&sun, &stale) || (stale && unlink(sun.sun_path) == -1)) {
		strbuf_fmt(why, "%s: in use", path);
		return PH_EEXIST;
	}
	if ((*fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1) {
		strbuf_fmt(why, "socket: %s", strerror(errno));
		return PH_EIO;
	}
	(void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(*fd, F_SETFL, O_NONBLOCK);
	/* umask(2) is 077: root alone may connect before chmod(2). */
	if (socket_bind(*fd, &sun, group) == -1 ||
	    socket_permit(path, mode, group) == -1 ||
	    listen(*fd, BACKLOG) == -1) {
		strbuf_fmt(why, "%s: %s", path, strerror(errno));
		close(*fd);
		*fd = -1;
		return PH_EIO;
	}
	return PH_OK;
}
