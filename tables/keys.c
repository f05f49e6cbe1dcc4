/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "tables/keys.h"

enum ph_err
key_set(struct key *k, const char *name, struct span secret)
{
	size_t n = strlen(name);

	memset(k, 0, sizeof(*k));
	if (n >= sizeof(k->name))
		return PH_EBAD;
	if (secret.len < KEY_MIN)
		return PH_ETRUNC;
	memcpy(k->name, name, n);
	k->len = secret.len < KEY_MAX ? secret.len : KEY_MAX;
	memcpy(k->secret, secret.p, k->len);
	return PH_OK;
}

const struct key *
keys_find(const struct key *v, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

bool
key_sign(const struct key *k, enum mac_kind kind, const void *p, size_t len,
    uint8_t *out)
{
	return mac_compute(kind, k->secret,
	    kind == MAC_SHA1 ? KEY_LEGACY : k->len, p, len, out);
}

bool
key_verify(const struct key *k, enum mac_kind kind, const void *p, size_t len,
    const uint8_t *mac)
{
	uint8_t want[MAC_SHA256_LEN];

	return key_sign(k, kind, p, len, want) &&
	    mac_equal(want, mac,
		kind == MAC_SHA1 ? MAC_SHA1_LEN : MAC_SHA256_LEN);
}
