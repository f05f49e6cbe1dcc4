/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/sandbox.h"

/*
 * An empty directory that belongs to root, and that no other user may write to.
 */
static bool
is_empty_dir(const char *path)
{
	struct dirent *e;
	struct stat st;
	bool empty = true;
	DIR *d;

	if (lstat(path, &st) == -1 || !S_ISDIR(st.st_mode) || st.st_uid != 0 ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
	    (d = opendir(path)) == NULL)
		return false;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			empty = false;
	closedir(d);
	return empty;
}

static enum ph_err
find_dir(struct sandbox *out, const char *rundir, struct strbuf *why)
{
	snprintf(out->dir, sizeof(out->dir), "/var/empty");
	if (is_empty_dir(out->dir))
		return PH_OK;
	snprintf(out->dir, sizeof(out->dir), "%s/empty", rundir);
	if ((mkdir(rundir, 0755) == -1 && errno != EEXIST) ||
	    (mkdir(out->dir, 0755) == -1 && errno != EEXIST)) {
		strbuf_fmt(why, "%s: %s", out->dir, strerror(errno));
		return PH_EIO;
	}
	if (!is_empty_dir(out->dir)) {
		strbuf_fmt(why,
		    "%s: must be an empty directory that only root can write "
		    "to",
		    out->dir);
		return PH_EDENIED;
	}
	return PH_OK;
}

enum ph_err
sandbox_user(struct sandbox *out, const char *user, bool required,
    struct strbuf *why)
{
	struct passwd *pw = getpwnam(user);

	out->user = user;
	if (pw == NULL && !required) {
		out->user = "nobody";
		pw = getpwnam(out->user);
	}
	if (pw == NULL) {
		strbuf_fmt(why, "no such user: %s", user);
		return PH_EDENIED;
	}
	if (pw->pw_uid == 0) {
		strbuf_fmt(why, "user %s has every privilege", out->user);
		return PH_EDENIED;
	}
	out->uid = pw->pw_uid;
	out->gid = pw->pw_gid;
	return PH_OK;
}

enum ph_err
sandbox_prepare(struct sandbox *out, const char *user, bool required,
    const char *rundir, struct strbuf *why)
{
	enum ph_err rc = sandbox_user(out, user, required, why);

	return rc == PH_OK ? find_dir(out, rundir, why) : rc;
}

static bool
limit_set(int what, rlim_t most)
{
	struct rlimit rl = { .rlim_cur = most, .rlim_max = most };

	return setrlimit(what, &rl) == 0;
}

enum ph_err
sandbox_chroot(const struct sandbox *s, struct strbuf *why)
{
	if (chroot(s->dir) == -1 || chdir("/") == -1) {
		strbuf_fmt(why, "chroot %s: %s", s->dir, strerror(errno));
		return PH_EIO;
	}
	return PH_OK;
}

enum ph_err
sandbox_confine(const struct sandbox *s, struct strbuf *why)
{
	/* Our memory contains calls of other people: leave no core dump. */
	if (!limit_set(RLIMIT_CORE, 0) || !limit_set(RLIMIT_NPROC, 0)) {
		strbuf_fmt(why, "setrlimit: %s", strerror(errno));
		return PH_EIO;
	}
	if (setgroups(0, NULL) == -1 ||
	    setresgid(s->gid, s->gid, s->gid) == -1 ||
	    setresuid(s->uid, s->uid, s->uid) == -1) {
		strbuf_fmt(why, "become user %s: %s", s->user, strerror(errno));
		return PH_EIO;
	}
	if (setuid(0) != -1 || setgid(0) != -1) {
		strbuf_str(why, "the privileges of root could be regained");
		return PH_EDENIED;
	}
	return PH_OK;
}
