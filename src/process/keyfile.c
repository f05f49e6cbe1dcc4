/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "src/process/keyfile.h"

/* Whether the file is safe enough. */
static enum ph_err
keyfile_judge(const struct stat *st, const char *path, const char *at,
    struct strbuf *why)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		strbuf_fmt(why,
		    "%s%s: must belong to root, not to user %ld: chown root",
		    at, path, (long)st->st_uid);
		return PH_EDENIED;
	}
	if (!S_ISREG(st->st_mode) ||
	    (st->st_mode & (S_IWGRP | S_IROTH | S_IWOTH)) != 0) {
		strbuf_fmt(why,
		    "%s%s: must be a file that others can neither read nor "
		    "write: chmod 600",
		    at, path);
		return PH_EDENIED;
	}
	return PH_OK;
}

enum ph_err
keyfile_load(const char *path, const char *at, void *secret, size_t size,
    size_t *len, struct strbuf *why)
{
	struct stat st;
	enum ph_err rc;
	ssize_t n = -1;
	int fd;

	*len = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1 ||
	    (n = read(fd, secret, size)) == -1) {
		strbuf_fmt(why, "%s%s: %s", at, path, strerror(errno));
		if (fd != -1)
			close(fd);
		return PH_EIO;
	}
	close(fd);
	if ((rc = keyfile_judge(&st, path, at, why)) != PH_OK)
		return rc;
	*len = (size_t)n;
	return PH_OK;
}
