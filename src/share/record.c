/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/crc.h"
#include "src/base/wire.h"
#include "src/share/record.h"
#include "tables/mac.h"

/*
 * u32 magic, u8 layout, u8 type, group and box as text, key, u64 boot, version
 * and time, u32 length, the body, u32 checksum, and maybe the MAC.
 */
#define MAGIC  0x70687368u
#define LAYOUT 1

/* A fuzzer cannot guess checksums, and would not get past them. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define CHECKED false
#else
#define CHECKED true
#endif

const char *
record_refusal_name(enum record_refusal r)
{
	static const char *const names[RECORD_REFUSALS] = {
		[RECORD_FINE] = "none",
		[RECORD_MALFORMED] = "malformed",
		[RECORD_GROUP] = "group",
		[RECORD_FORGED] = "forged",
		[RECORD_STALE] = "stale",
		[RECORD_OLD] = "old",
		[RECORD_POLICY] = "policy",
		[RECORD_LIMIT] = "limit",
	};

	return r < RECORD_REFUSALS ? names[r] : names[RECORD_FINE];
}

bool
record_write(const struct record_group *g, const struct record *r, uint8_t *buf,
    size_t size, size_t *len)
{
	struct writer w = writer_of(buf, size);
	uint8_t mac[MAC_SHA256_LEN];

	writer_u32(&w, MAGIC);
	writer_u8(&w, LAYOUT);
	writer_u8(&w, (uint8_t)r->type);
	writer_text(&w, g->name, RECORD_NAME);
	writer_text(&w, r->box, RECORD_NAME);
	writer_copy(&w, r->key, RECORD_KEY);
	writer_u64(&w, r->boot);
	writer_u64(&w, r->version);
	writer_u64(&w, (uint64_t)r->written);
	writer_u32(&w, (uint32_t)r->body.len);
	writer_copy(&w, r->body.p, r->body.len);
	if (w.full || r->body.len > RECORD_BODY_MAX)
		return false;
	writer_u32(&w, crc32_of(0, buf, w.len));
	if (g->keylen > 0) {
		if (!mac_compute(MAC_SHA256, g->key, g->keylen, buf, w.len,
			mac))
			return false;
		writer_copy(&w, mac, sizeof(mac));
	}
	*len = w.len;
	return !w.full;
}

/* A name ends within its field, with zeros behind it. */
static bool
name_read(struct cursor *r, char name[RECORD_NAME])
{
	size_t i, n;

	cursor_copy(r, name, RECORD_NAME);
	if (r->bad || name[0] == '\0' || name[RECORD_NAME - 1] != '\0')
		return false;
	n = strlen(name);
	for (i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	for (; i < RECORD_NAME; i++)
		if (name[i] != '\0')
			return false;
	return true;
}

static enum record_refusal
record_check(const struct record_group *g, struct cursor *r)
{
	size_t end = r->pos;
	uint32_t sum = cursor_u32(r);
	uint8_t mac[MAC_SHA256_LEN];
	struct span theirs;

	if (r->bad || (CHECKED && sum != crc32_of(0, r->p, end)))
		return RECORD_MALFORMED;
	if (g->keylen == 0)
		return cursor_left(r) == 0 || cursor_left(r) == sizeof(mac)
		    ? RECORD_FINE
		    : RECORD_MALFORMED;
	end = r->pos;
	if (cursor_left(r) != sizeof(mac))
		return cursor_left(r) == 0 ? RECORD_FORGED : RECORD_MALFORMED;
	theirs = cursor_span(r, sizeof(mac));
	if (!mac_compute(MAC_SHA256, g->key, g->keylen, r->p, end, mac) ||
	    (CHECKED && !mac_equal(mac, theirs.p, sizeof(mac))))
		return RECORD_FORGED;
	return RECORD_FINE;
}

enum record_refusal
record_read(const struct record_group *g, const void *p, size_t len,
    struct record *out)
{
	struct cursor r = cursor_of(p, len);
	char group[RECORD_NAME];
	uint64_t written;
	uint32_t n;

	memset(out, 0, sizeof(*out));
	if (len > RECORD_MAX || cursor_u32(&r) != MAGIC ||
	    cursor_u8(&r) != LAYOUT)
		return RECORD_MALFORMED;
	out->type = cursor_u8(&r);
	if (out->type == 0 || out->type >= RECORD_TYPES ||
	    !name_read(&r, group) || !name_read(&r, out->box))
		return RECORD_MALFORMED;
	cursor_copy(&r, out->key, RECORD_KEY);
	out->boot = cursor_u64(&r);
	out->version = cursor_u64(&r);
	written = cursor_u64(&r);
	n = cursor_u32(&r);
	out->body = cursor_span(&r, n);
	if (r.bad || n > RECORD_BODY_MAX || written > INT64_MAX ||
	    out->version > INT64_MAX)
		return RECORD_MALFORMED;
	out->written = (int64_t)written;
	if (strcmp(group, g->name) != 0)
		return RECORD_GROUP;
	return record_check(g, &r);
}

bool
record_key(const struct record_group *g, struct span names,
    uint8_t key[RECORD_KEY])
{
	uint8_t mac[MAC_SHA256_LEN];

	if (!mac_compute(MAC_SHA256, g->name, strlen(g->name), names.p,
		names.len, mac))
		return false;
	memcpy(key, mac, RECORD_KEY);
	return true;
}
