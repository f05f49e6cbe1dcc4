/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/compat/memfile.h"
#include "src/monitor/journal.h"
#include "src/monitor/statefile.h"

#define MODULE	      "monitor"
#define CLOCKS_DIFFER 60 /* seconds */

void
journal_init(struct journal *j, const char *what)
{
	memset(j, 0, sizeof(*j));
	j->what = what;
	j->saved[0] = j->saved[1] = -1;
	j->fds[0] = j->fds[1] = -1;
}

void
journal_close(struct journal *j)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (j->fds[i] != -1)
			close(j->fds[i]);
		j->fds[i] = -1;
	}
}

/* A name that is too long is left out. */
static void
name_file(struct journal *j, int i, const struct journal_place *p)
{
	char name[PATH_MAX];
	int n = 0;

	if (p->rundir != NULL)
		n = snprintf(name, sizeof(name), "%s/%s%s.%d", p->rundir,
		    p->owner, p->suffix, i);
	if (n <= 0 || n >= (int)sizeof(name))
		name[0] = '\0';
	if (strcmp(name, j->file[i]) == 0)
		return;
	if (j->fds[i] != -1 && j->file[i][0] != '\0' && name[0] != '\0' &&
	    rename(j->file[i], name) == -1)
		log_warn(MODULE, "rename %s", j->file[i]);
	memcpy(j->file[i], name, sizeof(name));
}

void
journal_name(struct journal *j, const struct journal_place *p)
{
	char name[sizeof(j->path)];

	/* Do not shrink: the files may be as large as the old limit. */
	if (p->limit > j->limit)
		j->limit = p->limit;
	name_file(j, 0, p);
	name_file(j, 1, p);
	if (p->state == NULL ||
	    snprintf(name, sizeof(name), "%s%s", p->state, p->suffix) >=
		(int)sizeof(name))
		name[0] = '\0';
	if (strcmp(name, j->path) == 0)
		return;
	/* Another copy: nothing has been saved to it yet. */
	memcpy(j->path, name, sizeof(name));
	j->saved[0] = j->saved[1] = -1;
}

/* Owned by us, and open to nobody else. */
static bool
is_ours(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    st->st_uid == geteuid() && st->st_nlink == 1 &&
	    (st->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static int
open_file(const char *name, struct stat *st)
{
	int fd;

	if (name[0] == '\0') {
		memset(st, 0, sizeof(*st));
		return memfile_open();
	}
	fd = open(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1 && is_ours(fd, st))
		return fd;
	if (fd != -1) {
		log_warnx(MODULE, "%s: not read, for others can write to it",
		    name);
		close(fd);
	}
	if (unlink(name) == -1 && errno != ENOENT)
		return -1;
	memset(st, 0, sizeof(*st));
	return open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
}

enum ph_err
journal_open(struct journal *j, int64_t max_age_s)
{
	int64_t now = (int64_t)time(NULL), newest = 0;
	bool big = false;
	struct stat st;
	int i;

	for (i = 0; i < 2; i++) {
		if ((j->fds[i] = open_file(j->file[i], &st)) == -1)
			return PH_EIO;
		if (st.st_size > 0 && st.st_mtime > newest)
			newest = st.st_mtime;
		big = big || (uint64_t)st.st_size > j->limit;
	}
	if (newest == 0)
		return PH_EGONE;
	if (!big && newest <= now + CLOCKS_DIFFER &&
	    now - newest <= max_age_s) {
		log_info(MODULE, "taking up the %s in %s", j->what, j->file[0]);
		return PH_OK;
	}
	log_warnx(MODULE, "%s: %s; not taking up the %s", j->file[0],
	    big ? "too large" : "too old, or from the future", j->what);
	if (ftruncate(j->fds[0], 0) == -1 || ftruncate(j->fds[1], 0) == -1)
		return PH_EIO;
	return PH_EGONE;
}

bool
journal_first(struct journal *j, const char *owner)
{
	return j->path[0] != '\0' && access(j->path, F_OK) == -1 &&
	    errno == ENOENT && journal_save(j, owner) && !j->failed;
}

bool
journal_load(struct journal *j, const char *owner, int64_t max_age_s)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	enum ph_err rc;

	if (j->path[0] == '\0')
		return false;
	rc = state_load(j->path, j->fds, j->limit, owner, max_age_s, &why);
	if (rc == PH_OK)
		log_info(MODULE, "taking up the %s in %s", j->what, j->path);
	else if (why.len > 0)
		log_warnx(MODULE, "%s: %s; starting with no %s", j->path, text,
		    j->what);
	return rc == PH_OK;
}

bool
journal_save(struct journal *j, const char *owner)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct stat st[2];
	enum ph_err rc;

	if (j->path[0] == '\0' || fstat(j->fds[0], &st[0]) == -1 ||
	    fstat(j->fds[1], &st[1]) == -1 ||
	    (st[0].st_size == j->saved[0] && st[1].st_size == j->saved[1]))
		return true;
	if ((rc = state_save(j->path, j->fds, j->limit, owner, &why)) ==
	    PH_EAGAIN)
		return false;
	if (rc != PH_OK && !j->failed)
		log_warnx(MODULE, "%s will not survive a restart: %s", j->what,
		    text);
	j->failed = rc != PH_OK;
	if (!j->failed) {
		j->saved[0] = st[0].st_size;
		j->saved[1] = st[1].st_size;
	}
	return true;
}

void
journal_forget(struct journal *j)
{
	if (ftruncate(j->fds[0], 0) == -1 || ftruncate(j->fds[1], 0) == -1)
		log_warn(MODULE, "ftruncate");
}

bool
journal_overgrown(const struct journal *j)
{
	struct stat st;
	int i;

	for (i = 0; i < 2; i++)
		if (fstat(j->fds[i], &st) == 0 &&
		    (uint64_t)st.st_size > j->limit)
			return true;
	return false;
}

void
journal_confine(const struct journal *j)
{
	struct rlimit r = { .rlim_cur = j->limit, .rlim_max = j->limit };
	struct sigaction sa;
	struct stat st;

	/* Not if events go to a file, which may grow without a limit. */
	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	sigaction(SIGXFSZ, &sa, NULL);
	if (setrlimit(RLIMIT_FSIZE, &r) == -1)
		log_warn(MODULE, "setrlimit");
}

void
journal_end(struct journal *j)
{
	int i;

	/* Without the copy, the files are all that there is. */
	for (i = 0; i < 2; i++)
		if (j->fds[i] != -1 && !j->failed && j->file[i][0] != '\0')
			(void)unlink(j->file[i]);
}
