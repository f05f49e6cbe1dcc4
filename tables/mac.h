/* SPDX-License-Identifier: ISC */
#ifndef TABLES_MAC_H
#define TABLES_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * HMAC (RFC 2104) with SHA-1 and SHA-256, and a comparison that takes as long
 * whatever it finds.  All that pinholed knows of a library for cryptography.
 */
enum mac_kind {
	MAC_SHA1,
	MAC_SHA256,
};

#define MAC_SHA1_LEN   20
#define MAC_SHA256_LEN 32

/* Writes MAC_..._LEN bytes; false if the library refuses (FIPS 140: SHA-1). */
bool mac_compute(enum mac_kind kind, const void *key, size_t keylen,
    const void *p, size_t len, uint8_t *out);

bool mac_equal(const void *a, const void *b, size_t len);

/*
 * Why nothing can be signed; NULL if both give a known answer.  Called before
 * privileges are dropped, because the library may open files of its own when
 * it is first used.
 */
const char *mac_trouble(void);

/* Overwrite a secret. */
void mac_wipe(void *p, size_t len);

#endif
