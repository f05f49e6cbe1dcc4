/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/process/keyfile.h"
#include "src/share/secrets.h"

/* The first line of a file. */
static enum ph_err
line_read(const char *path, const char *at, const char *what, char *out,
    size_t least, size_t most, size_t *len, struct strbuf *why)
{
	char text[SECRETS_PASSWORD + 2];
	struct span line, rest;
	enum ph_err rc;
	size_t n;

	rc = keyfile_load(path, at, text, sizeof(text), &n, why);
	if (rc != PH_OK)
		return rc;
	line = span_cut((struct span) { text, n }, '\n', &rest);
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (line.len < least || line.len > most) {
		strbuf_fmt(why, "%s%s: %s has %zu to %zu bytes", at, path, what,
		    least, most);
		rc = PH_EMALFORMED;
	} else {
		memcpy(out, line.p, line.len);
		*len = line.len;
	}
	explicit_bzero(text, sizeof(text));
	return rc;
}

enum ph_err
secrets_read(struct secrets *s, const struct conf_share *c, struct strbuf *why)
{
	enum ph_err rc = PH_OK;

	memset(s, 0, sizeof(*s));
	if (c->key != NULL)
		rc = line_read(c->key, c->key_at, "a key of a group",
		    (char *)s->key, SECRETS_KEY_MIN, sizeof(s->key), &s->keylen,
		    why);
	if (rc == PH_OK && c->password != NULL)
		rc = line_read(c->password, c->password_at, "a password",
		    s->password, 1, SECRETS_PASSWORD, &s->passwordlen, why);
	return rc;
}

void
secrets_wipe(struct secrets *s)
{
	explicit_bzero(s, sizeof(*s));
}
