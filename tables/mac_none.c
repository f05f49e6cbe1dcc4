/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "tables/mac.h"

/* Built without libcrypto: mac_trouble() says so, and all else fails. */

bool
mac_compute(enum mac_kind kind, const void *key, size_t keylen, const void *p,
    size_t len, uint8_t *out)
{
	(void)kind;
	(void)key;
	(void)keylen;
	(void)p;
	(void)len;
	(void)out;
	return false;
}

bool
mac_equal(const void *a, const void *b, size_t len)
{
	(void)a;
	(void)b;
	(void)len;
	return false;
}

const char *
mac_trouble(void)
{
	return "this program was built without libcrypto, which tables need";
}

void
mac_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}
