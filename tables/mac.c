/* SPDX-License-Identifier: ISC */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tables/mac.h"

/* HMAC() is what LibreSSL and every OpenSSL since 0.9 have. */
bool
mac_compute(enum mac_kind kind, const void *key, size_t keylen, const void *p,
    size_t len, uint8_t *out)
{
	const EVP_MD *md = kind == MAC_SHA1 ? EVP_sha1() : EVP_sha256();
	unsigned int n = 0;

	return HMAC(md, key, (int)keylen, p, len, out, &n) != NULL &&
	    n == (kind == MAC_SHA1 ? MAC_SHA1_LEN : MAC_SHA256_LEN);
}

bool
mac_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

static bool
mac_works(enum mac_kind kind)
{
	/* RFC 2202, test_case 2; RFC 4231, section 4.3. */
	static const char key[] = "Jefe",
			  text[] = "what do ya want for nothing?";
	static const uint8_t sha1[MAC_SHA1_LEN] = { 0xef, 0xfc, 0xdf, 0x6a,
		0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74, 0x16, 0xd5, 0xf1, 0x84,
		0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79 };
	static const uint8_t sha256[MAC_SHA256_LEN] = { 0x5b, 0xdc, 0xc1, 0x46,
		0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95,
		0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83,
		0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43 };
	uint8_t out[MAC_SHA256_LEN];

	if (!mac_compute(kind, key, sizeof(key) - 1, text, sizeof(text) - 1,
		out))
		return false;
	return kind == MAC_SHA1 ? mac_equal(out, sha1, sizeof(sha1))
				: mac_equal(out, sha256, sizeof(sha256));
}

const char *
mac_trouble(void)
{
	if (!mac_works(MAC_SHA1) || !mac_works(MAC_SHA256))
		return "libcrypto refuses HMAC with SHA-1 or SHA-256";
	return NULL;
}

void
mac_wipe(void *p, size_t len)
{
	OPENSSL_cleanse(p, len);
}
