/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "src/process/keyfile.h"
#include "src/proxy/keyfile.h"

static enum ph_err
keyfiles_read_one(struct key *out, const struct conf_key *c, struct strbuf *why)
{
	char secret[KEY_MAX];
	enum ph_err rc;
	size_t n;

	rc = keyfile_load(c->path, c->at, secret, sizeof(secret), &n, why);
	if (rc == PH_OK &&
	    (rc = key_set(out, c->name, (struct span) { secret, n })) != PH_OK)
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
		rc = keyfiles_read_one(&out->v[out->n], &c->key[out->n], why);
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
