/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/crc.h"
#include "src/monitor/statefile.h"
#include "src/process/lock.h"

#define MAGIC	0x70685374u /* also tells the byte order */
#define VERSION 3u

/* Bytes from the head of a journal file; they change when it begins anew. */
#define HEAD 24

struct state_header {
	uint32_t magic;
	uint32_t version;
	int64_t saved; /* seconds since the epoch */
	uint64_t size[2];
	char owner[128];
	uint32_t check; /* over all before it and what follows */
	uint32_t pad;
};

/* PH_EAGAIN: `from` is shorter, for its writer has begun it anew. */
static enum ph_err
file_transfer(int to, off_t to_off, int from, off_t from_off, uint64_t len,
    uint32_t *sum)
{
	char buf[65536];
	ssize_t n, done;

	while (len > 0) {
		n = pread(from, buf, len < sizeof(buf) ? len : sizeof(buf),
		    from_off);
		if (n <= 0)
			return n == 0 ? PH_EAGAIN : PH_EIO;
		*sum = crc32_of(*sum, buf, (size_t)n);
		for (done = 0; done < n;) {
			ssize_t w = pwrite(to, buf + done, (size_t)(n - done),
			    to_off + done);

			if (w <= 0)
				return PH_EIO;
			done += w;
		}
		to_off += n;
		from_off += n;
		len -= (uint64_t)n;
	}
	return PH_OK;
}

static uint32_t
header_sum(const struct state_header *h)
{
	return crc32_of(0, h, offsetof(struct state_header, check));
}

static enum ph_err
check_header(int fd, const struct state_header *h, uint64_t limit,
    const char *owner, int64_t max_age_s, struct strbuf *why)
{
	int64_t age = (int64_t)time(NULL) - h->saved;
	struct stat st;

	if (fstat(fd, &st) == -1) {
		strbuf_str(why, strerror(errno));
		return PH_EIO;
	}
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		strbuf_str(why, "others can write to it");
		return PH_EDENIED;
	}
	if (h->magic != MAGIC || h->version != VERSION ||
	    memchr(h->owner, '\0', sizeof(h->owner)) == NULL ||
	    h->size[0] > limit || h->size[1] > limit ||
	    sizeof(*h) + h->size[0] + h->size[1] != (uint64_t)st.st_size) {
		strbuf_str(why, "damaged, or of another version");
		return PH_EMALFORMED;
	}
	if (strcmp(h->owner, owner) != 0) {
		strbuf_str(why, "of another packet filter");
		return PH_EDENIED;
	}
	if (age < -60 || age > max_age_s) {
		strbuf_fmt(why, "written %lld seconds ago", (long long)age);
		return PH_EGONE;
	}
	return PH_OK;
}

enum ph_err
state_load(const char *path, const int fds[2], uint64_t limit,
    const char *owner, int64_t max_age_s, struct strbuf *why)
{
	struct state_header h = { 0 };
	enum ph_err rc;
	uint32_t sum;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1) {
		if (errno == ENOENT)
			return PH_EGONE;
		strbuf_str(why, strerror(errno));
		return PH_EIO;
	}
	memset(&h, 0, sizeof(h));
	if (pread(fd, &h, sizeof(h), 0) == -1) {
		strbuf_str(why, strerror(errno));
		rc = PH_EIO;
	} else
		rc = check_header(fd, &h, limit, owner, max_age_s, why);
	sum = header_sum(&h);
	if (rc == PH_OK &&
	    (file_transfer(fds[0], 0, fd, sizeof(h), h.size[0], &sum) !=
		    PH_OK ||
		file_transfer(fds[1], 0, fd, (off_t)(sizeof(h) + h.size[0]),
		    h.size[1], &sum) != PH_OK)) {
		strbuf_str(why, "cannot be read");
		rc = PH_EIO;
	}
	if (rc == PH_OK && sum != h.check) {
		strbuf_str(why, "damaged");
		rc = PH_EMALFORMED;
	}
	close(fd);
	if (rc != PH_OK &&
	    (ftruncate(fds[0], 0) == -1 || ftruncate(fds[1], 0) == -1))
		rc = PH_EIO;
	return rc;
}

static bool
journal_heads(const int fds[2], char out[2][HEAD])
{
	memset(out, 0, 2 * HEAD);
	return pread(fds[0], out[0], HEAD, 0) != -1 &&
	    pread(fds[1], out[1], HEAD, 0) != -1;
}

/*
 * A snapshot.  The process may append meanwhile: a torn last record is
 * recognised.  But if either file was begun anew, the snapshot is of no use.
 */
static enum ph_err
state_snapshot(int fd, const int fds[2], uint64_t limit, struct state_header *h)
{
	char before[2][HEAD], after[2][HEAD];
	struct stat st;
	off_t off = sizeof(*h);
	enum ph_err rc;
	uint32_t sum;
	int i;

	if (!journal_heads(fds, before))
		return PH_EIO;
	for (i = 0; i < 2; i++) {
		if (fstat(fds[i], &st) == -1)
			return PH_EIO;
		h->size[i] = (uint64_t)st.st_size;
		if (h->size[i] > limit)
			return PH_ELIMIT;
	}
	sum = header_sum(h);
	for (i = 0; i < 2; i++) {
		rc = file_transfer(fd, off, fds[i], 0, h->size[i], &sum);
		if (rc != PH_OK)
			return rc;
		off += (off_t)h->size[i];
	}
	h->check = sum;
	if (!journal_heads(fds, after))
		return PH_EIO;
	if (memcmp(before, after, sizeof(before)) != 0)
		return PH_EAGAIN;
	return pwrite(fd, h, sizeof(*h), 0) == sizeof(*h) ? PH_OK : PH_EIO;
}

/* The directory that a file is in, unless that is / or here. */
static bool
name_directory(const char *path, char dir[PATH_MAX])
{
	char *slash;

	if (strlcpy(dir, path, PATH_MAX) >= PATH_MAX ||
	    (slash = strrchr(dir, '/')) == NULL || slash == dir)
		return false;
	*slash = '\0';
	return true;
}

/* The directory that the file is in, if it is missing; one level. */
static void
make_directory(const char *path)
{
	char dir[PATH_MAX];

	/* If it cannot be made, opening the file says why. */
	if (name_directory(path, dir))
		(void)mkdir(dir, 0700);
}

enum ph_err
state_try(const char *path, struct strbuf *why)
{
	char dir[PATH_MAX], above[PATH_MAX];

	if (!name_directory(path, dir) || access(dir, W_OK | X_OK) == 0)
		return PH_OK;
	if (errno == ENOENT &&
	    (!name_directory(dir, above) || access(above, W_OK | X_OK) == 0))
		return PH_OK;
	strbuf_fmt(why, "%s: %s", path, strerror(errno));
	return PH_EIO;
}

enum ph_err
state_lock(const char *path, int *fd, pid_t *holder, struct strbuf *why)
{
	char name[PATH_MAX];

	make_directory(path);
	snprintf(name, sizeof(name), "%s.lock", path);
	return lock_take(name, fd, holder, why);
}

pid_t
state_holder(const char *path)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "%s.lock", path);
	return lock_holder(name);
}

enum ph_err
state_save(const char *path, const int fds[2], uint64_t limit,
    const char *owner, struct strbuf *why)
{
	struct state_header h;
	char tmp[PATH_MAX];
	enum ph_err rc;
	int fd;

	memset(&h, 0, sizeof(h));
	h.magic = MAGIC;
	h.version = VERSION;
	h.saved = (int64_t)time(NULL);
	strlcpy(h.owner, owner, sizeof(h.owner));
	make_directory(path);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	(void)unlink(tmp);
	fd =
	    open(tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		strbuf_fmt(why, "%s: %s", tmp, strerror(errno));
		return PH_EIO;
	}
	rc = state_snapshot(fd, fds, limit, &h);
	if (rc == PH_OK && (fsync(fd) == -1 || rename(tmp, path) == -1))
		rc = PH_EIO;
	if (rc != PH_OK) {
		strbuf_fmt(why, "%s: %s", path,
		    rc == PH_EIO ? strerror(errno) : ph_strerror(rc));
		(void)unlink(tmp);
	}
	close(fd);
	return rc;
}
