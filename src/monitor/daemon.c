/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/monitor/daemon.h"
#include "src/process/lock.h"

#define MODULE "monitor"

void
daemon_init(struct daemon *d)
{
	d->pidfile_fd = d->parent_fd = -1;
}

void
daemon_detach(struct daemon *d)
{
	uint8_t status = 2;
	int fds[2];

	if (pipe(fds) == -1)
		log_fatal(MODULE, "pipe");
	switch (fork()) {
	case -1:
		log_fatal(MODULE, "fork");
	case 0:
		break;
	default:
		close(fds[1]);
		if (read(fds[0], &status, 1) != 1)
			status = 2;
		_exit(status);
	}
	close(fds[0]);
	(void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	d->parent_fd = fds[1];
	if (setsid() == -1 || chdir("/") == -1)
		log_fatal(MODULE, "cannot become a daemon");
}

void
daemon_tell_parent(struct daemon *d)
{
	uint8_t ok = 0;

	if (d->parent_fd == -1)
		return;
	if (write(d->parent_fd, &ok, 1) == -1)
		log_debug(MODULE, "the process that started us has ended");
	close(d->parent_fd);
	d->parent_fd = -1;
}

bool
daemon_write_pidfile(struct daemon *d, const char *path)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	enum ph_err rc;
	pid_t holder;

	if (path == NULL)
		return true;
	rc = lock_take(path, &d->pidfile_fd, &holder, &why);
	if (rc == PH_EEXIST)
		log_warnx(MODULE, "%s: already running as process %ld", path,
		    (long)holder);
	else if (rc != PH_OK)
		log_warnx(MODULE, "%s", text);
	if (rc != PH_OK)
		return false;
	d->pidfile = path;
	if (ftruncate(d->pidfile_fd, 0) == -1 ||
	    fchmod(d->pidfile_fd, 0644) == -1 ||
	    dprintf(d->pidfile_fd, "%ld\n", (long)getpid()) < 0)
		log_warn(MODULE, "%s", path);
	return true;
}

void
daemon_remove_pidfile(struct daemon *d)
{
	if (d->pidfile_fd != -1)
		(void)unlink(d->pidfile);
}

void
daemon_close(struct daemon *d)
{
	if (d->pidfile_fd != -1)
		close(d->pidfile_fd);
	if (d->parent_fd != -1)
		close(d->parent_fd);
	daemon_init(d);
}
