/* SPDX-License-Identifier: ISC */
#ifndef TABLES_KEYS_H
#define TABLES_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/span.h"
#include "tables/mac.h"

/*
 * Keys by name.  A key is the content of its file, byte for byte, a newline at
 * its end included.  Versions 1 and 2 sign with the first 20 bytes of it,
 * because pftabled's clients do; version 3 with all, of which 64 count.
 */
#define KEY_NAME   32 /* with the NUL */
#define KEY_MIN	   20
#define KEY_MAX	   64
#define KEY_LEGACY 20

struct key {
	char name[KEY_NAME]; /* "": the unnamed one */
	uint8_t secret[KEY_MAX];
	size_t len;
};

/* PH_ETRUNC: fewer than KEY_MIN bytes; PH_EBAD: no such name. */
PH_NODISCARD enum ph_err key_set(struct key *k, const char *name,
    struct span secret);

/* The key of that name, or NULL. */
const struct key *keys_find(const struct key *v, size_t n, const char *name);

/* MAC_SHA1_LEN bytes for versions 1 and 2, MAC_SHA256_LEN for version 3. */
bool key_sign(const struct key *k, enum mac_kind kind, const void *p,
    size_t len, uint8_t *out);
bool key_verify(const struct key *k, enum mac_kind kind, const void *p,
    size_t len, const uint8_t *mac);

#endif
