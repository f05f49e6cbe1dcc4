/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "tests/pf/nlwrite.h"

size_t
nl_begin(struct nlwrite *m, uint16_t type, uint32_t seq, const void *p,
    size_t n)
{
	size_t at = m->len;

	memset(m->b + at, 0, 16);
	memcpy(m->b + at + 4, &type, sizeof(type));
	memcpy(m->b + at + 8, &seq, sizeof(seq));
	memcpy(m->b + at + 16, p, n);
	m->len += 16 + n;
	return at;
}

void
nl_end(struct nlwrite *m, size_t at)
{
	uint32_t len = (uint32_t)(m->len - at);

	memcpy(m->b + at, &len, sizeof(len));
}

void
nl_attr(struct nlwrite *m, uint16_t type, const void *p, size_t n)
{
	uint16_t len = (uint16_t)(4 + n);
	size_t padded = (4 + n + 3) / 4 * 4;

	memset(m->b + m->len, 0, padded);
	memcpy(m->b + m->len, &len, sizeof(len));
	memcpy(m->b + m->len + 2, &type, sizeof(type));
	if (n > 0)
		memcpy(m->b + m->len + 4, p, n);
	m->len += padded;
}

void
nl_attr8(struct nlwrite *m, uint16_t type, uint8_t v)
{
	nl_attr(m, type, &v, sizeof(v));
}

void
nl_attr16(struct nlwrite *m, uint16_t type, uint16_t v)
{
	nl_attr(m, type, &v, sizeof(v));
}

void
nl_attr32(struct nlwrite *m, uint16_t type, uint32_t v)
{
	nl_attr(m, type, &v, sizeof(v));
}

void
nl_attr64(struct nlwrite *m, uint16_t type, uint64_t v)
{
	nl_attr(m, type, &v, sizeof(v));
}

void
nl_attrstr(struct nlwrite *m, uint16_t type, const char *s)
{
	nl_attr(m, type, s, strlen(s) + 1);
}

size_t
nl_nest(struct nlwrite *m, uint16_t type)
{
	size_t at = m->len;

	nl_attr(m, type, NULL, 0);
	return at;
}

void
nl_unnest(struct nlwrite *m, size_t at)
{
	uint16_t len = (uint16_t)(m->len - at);

	memcpy(m->b + at, &len, sizeof(len));
}
