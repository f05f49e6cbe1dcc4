/* SPDX-License-Identifier: ISC */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/proxy/keyfile.h"

static enum ph_err
keyfile_read(struct key *out, const struct conf_key *c, struct strbuf *why)
{
	char secret[KEY_MAX];
	enum ph_err rc;
	struct stat st;
	ssize_t n;
	int fd;

	fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1 ||
	    (n = read(fd, secret, sizeof(secret))) == -1) {
		strbuf_fmt(why, "%s%s: %s", c->at, c->path, strerror(errno));
		if (fd != -1)
			close(fd);
		return PH_EIO;
	}
	close(fd);
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		strbuf_fmt(why,
		    "%s%s: must belong to root, not to user %ld: chown root",
		    c->at, c->path, (long)st.st_uid);
		rc = PH_EDENIED;
	} else if (!S_ISREG(st.st_mode) ||
	    (st.st_mode & (S_IWGRP | S_IROTH | S_IWOTH)) != 0) {
		strbuf_fmt(why,
		    "%s%s: must be a file that others can neither read nor "
		    "write: chmod 600",
		    c->at, c->path);
		rc = PH_EDENIED;
	} else if ((rc = key_set(out, c->name,
			(struct span) { secret, (size_t)n })) != PH_OK)
		strbuf_fmt(why, "%s%s: a key has at least %d bytes", c->at,
		    c->path, KEY_MIN);
	mac_wipe(secret, sizeof(secret));
	return rc;
}

enum ph_err
keyfiles_read(struct keyfiles *out, const struct conf_tables *c,
    struct strbuf *why)
{
	const char *trouble;
	enum ph_err rc;

	memset(out, 0, sizeof(*out));
	if (!c->on)
		return PH_OK;
	/* Before the sandbox: libcrypto may read files at its first use. */
	if ((trouble = mac_trouble()) != NULL) {
		strbuf_fmt(why, "%s%s",
		    c->listen_at != NULL ? c->listen_at : "", trouble);
		return PH_EUNSUPPORTED;
	}
	if ((out->v = calloc(c->nkey + 1, sizeof(*out->v))) == NULL) {
		strbuf_str(why, "out of memory");
		return PH_ENOMEM;
	}
	for (; out->n < c->nkey; out->n++) {
		rc = keyfile_read(&out->v[out->n], &c->key[out->n], why);
		if (rc != PH_OK) {
			keyfiles_wipe(out);
			return rc;
		}
	}
	return PH_OK;
}

void
keyfiles_wipe(struct keyfiles *k)
{
	if (k->v != NULL)
		mac_wipe(k->v, k->n * sizeof(*k->v));
	free(k->v);
	memset(k, 0, sizeof(*k));
}
