/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/log.h"
#include "src/engine/hep_key.h"
#include "src/process/keyfile.h"

enum ph_err
hep_key_read(struct hep_key *out, const struct conf_hep *c, struct strbuf *why)
{
	/* One byte more than a key has, and the end of the line. */
	char text[HEP_KEY_MAX + 2];
	struct span line, rest;
	enum ph_err rc;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (!c->on || c->key == NULL)
		return PH_OK;
	rc = keyfile_load(c->key, c->key_at, text, sizeof(text), &n, why);
	if (rc != PH_OK)
		return rc;
	line = span_cut((struct span) { text, n }, '\n', &rest);
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (line.len < HEP_KEY_MIN || line.len > HEP_KEY_MAX) {
		strbuf_fmt(why, "%s%s: a key of hep has %d to %d bytes",
		    c->key_at, c->key, HEP_KEY_MIN, HEP_KEY_MAX);
		rc = PH_EMALFORMED;
	} else {
		memcpy(out->secret, line.p, line.len);
		out->len = line.len;
	}
	explicit_bzero(text, sizeof(text));
	return rc;
}

struct span
hep_key_span(const struct hep_key *k)
{
	return (struct span) { k->secret, k->len };
}

void
hep_key_demand(struct hep_key *out, const struct conf_hep *c)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (hep_key_read(out, c, &why) != PH_OK)
		log_fatalx("engine", "%s", text);
}
