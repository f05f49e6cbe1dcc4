/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/compat/memfile.h"
#include "src/monitor/journal.h"
#include "src/monitor/statefile.h"

#define MODULE "monitor"

bool
journal_make(struct journal *j, const char *what)
{
	memset(j, 0, sizeof(*j));
	j->what = what;
	j->saved[0] = j->saved[1] = -1;
	j->fds[0] = memfile();
	j->fds[1] = memfile();
	return j->fds[0] != -1 && j->fds[1] != -1;
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

void
journal_name(struct journal *j, const char *path, const char *suffix)
{
	char name[sizeof(j->path)];

	if (path == NULL ||
	    snprintf(name, sizeof(name), "%s%s", path, suffix) >=
		(int)sizeof(name))
		name[0] = '\0';
	if (strcmp(name, j->path) == 0)
		return;
	/* Another file: it has nothing of this yet. */
	memcpy(j->path, name, sizeof(name));
	j->saved[0] = j->saved[1] = -1;
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
	rc = state_load(j->path, j->fds, owner, max_age_s, &why);
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
	if ((rc = state_save(j->path, j->fds, owner, &why)) == PH_EAGAIN)
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
