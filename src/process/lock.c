/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "src/process/lock.h"

static struct flock
lock_range(off_t start, off_t len)
{
	struct flock fl;

	memset(&fl, 0, sizeof(fl));
	fl.l_type = F_WRLCK;
	fl.l_whence = SEEK_SET;
	fl.l_start = start;
	fl.l_len = len;
	return fl;
}

/* The process that holds any of these bytes; 0: no other; -1: no pid known. */
static pid_t
holder_of(int fd, off_t start, off_t len)
{
	struct flock fl = lock_range(start, len);

	if (fcntl(fd, F_GETLK, &fl) == -1 || fl.l_type == F_UNLCK)
		return 0;
	return fl.l_pid > 0 ? fl.l_pid : -1;
}

enum ph_err
lock_take(const char *path, int *fd, pid_t *holder, struct strbuf *why)
{
	struct flock fl = lock_range(0, 1);

	*holder = 0;
	*fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd == -1) {
		strbuf_fmt(why, "%s: %s", path, strerror(errno));
		return PH_EIO;
	}
	if (fcntl(*fd, F_SETLK, &fl) == 0)
		return PH_OK;
	if (errno == EACCES || errno == EAGAIN) {
		*holder = holder_of(*fd, 0, 1);
		close(*fd);
		*fd = -1;
		return PH_EEXIST;
	}
	strbuf_fmt(why, "lock %s: %s", path, strerror(errno));
	close(*fd);
	*fd = -1;
	return PH_EIO;
}

pid_t
lock_holder(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	pid_t holder = 0;

	if (fd != -1) {
		holder = holder_of(fd, 0, 1);
		close(fd);
	}
	return holder;
}

void
lock_take_child(int fd)
{
	struct flock fl = lock_range((off_t)getpid(), 1);

	/* By this lock a later monitor finds a child whose monitor has died. */
	(void)fcntl(fd, F_SETLK, &fl);
}

pid_t
lock_orphan(int fd)
{
	return holder_of(fd, 1, 0);
}
