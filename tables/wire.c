/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "src/base/wire.h"
#include "tables/wire.h"

#define LEGACY_SIGNED (WIRE_LEGACY_LEN - MAC_SHA1_LEN)
#define REPLY_SIGNED  (WIRE_REPLY_LEN - MAC_SHA256_LEN)
#define REPLY	      0x80

struct span
wire_mac(struct span d)
{
	size_t n = d.p[0] == 3 ? MAC_SHA256_LEN : MAC_SHA1_LEN;

	return span_sub(d, d.len - n, n);
}

bool
wire_verify(struct span d, const struct key *k)
{
	struct span mac = wire_mac(d);

	return key_verify(k, d.p[0] == 3 ? MAC_SHA256 : MAC_SHA1, d.p,
	    d.len - mac.len, (const uint8_t *)mac.p);
}

/* NUL-padded; a name of all 32 bytes has no NUL on the wire. */
static void
get_name(struct cursor *c, char out[WIRE_NAME + 1])
{
	cursor_copy(c, out, WIRE_NAME);
	out[WIRE_NAME] = '\0';
}

static bool
set_prefix(struct prefix *p, uint8_t af, const uint8_t *bytes, uint8_t len)
{
	size_t i, n = addr_bytes(af);

	if (len > n * 8)
		return false;
	p->addr = addr_from_bytes(af, bytes);
	p->len = len;
	for (i = len / 8u; i < n; i++)
		p->addr.b[i] &= i > len / 8u ? 0 : (uint8_t)(0xff00 >> len % 8);
	return true;
}

static enum ph_err
parse_legacy(struct cursor *c, struct wire_request *r)
{
	uint8_t bytes[4], len;

	(void)cursor_u8(c);
	len = cursor_u8(c);
	cursor_copy(c, bytes, sizeof(bytes));
	get_name(c, r->table);
	r->time = cursor_u32(c);
	if (r->command == WIRE_FLUSH)
		return PH_OK;
	r->n = 1;
	/* pftabled does this before it looks at the signature; we after. */
	if (r->version == 1)
		len = 32;
	return set_prefix(&r->entries[0].prefix, AF_INET, bytes, len)
	    ? PH_OK
	    : PH_EMALFORMED;
}

static bool
bytes_are_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

static bool
parse_entry(struct cursor *c, struct wire_entry *e)
{
	uint8_t family, len, bytes[16];
	uint16_t pad;

	family = cursor_u8(c);
	len = cursor_u8(c);
	pad = cursor_u16(c);
	e->ttl_s = cursor_u32(c);
	cursor_copy(c, bytes, sizeof(bytes));
	if (pad != 0 || (family != 4 && family != 6) ||
	    (family == 4 && !bytes_are_zero(bytes + 4, 12)))
		return false;
	return set_prefix(&e->prefix, family == 4 ? AF_INET : AF_INET6, bytes,
	    len);
}

static enum ph_err
parse_entries(struct cursor *c, struct wire_request *r, size_t len)
{
	uint8_t flags, i;

	flags = cursor_u8(c);
	r->n = cursor_u8(c);
	r->time = cursor_u32(c);
	r->nonce = cursor_u64(c);
	get_name(c, r->key);
	get_name(c, r->table);
	if (flags != 0 || r->n > WIRE_ENTRIES ||
	    len != WIRE_MIN + (size_t)r->n * WIRE_ENTRY ||
	    (r->n == 0) != (r->command == WIRE_FLUSH))
		return PH_EMALFORMED;
	for (i = 0; i < r->n; i++)
		if (!parse_entry(c, &r->entries[i]))
			return PH_EMALFORMED;
	return PH_OK;
}

enum ph_err
wire_parse(struct span d, struct wire_request *r)
{
	struct cursor c = cursor_of(d.p, d.len);
	enum ph_err rc;

	memset(r, 0, sizeof(*r));
	r->version = cursor_u8(&c);
	r->command = cursor_u8(&c);
	if (c.bad)
		return PH_EMALFORMED;
	switch (r->version) {
	case 1:
	case 2:
		if (d.len != WIRE_LEGACY_LEN)
			return PH_EMALFORMED;
		rc = parse_legacy(&c, r);
		break;
	case 3:
		if (d.len < WIRE_MIN || d.len > WIRE_MAX)
			return PH_EMALFORMED;
		rc = parse_entries(&c, r, d.len);
		break;
	default:
		return PH_EUNSUPPORTED;
	}
	return rc == PH_OK && c.bad ? PH_EMALFORMED : rc;
}

static size_t
build_legacy(const struct wire_request *r, const struct key *k,
    struct writer *w)
{
	static const uint8_t all[4];
	const struct prefix *p = &r->entries[0].prefix;

	if (r->n > 1 || (r->n == 1 && p->addr.af != AF_INET))
		return 0;
	writer_u8(w, 0);
	writer_u8(w, r->n == 1 ? p->len : 32);
	writer_copy(w, r->n == 1 ? p->addr.b : all, 4);
	writer_text(w, r->table, WIRE_NAME);
	writer_u32(w, r->time);
	return key_sign(k, MAC_SHA1, w->p, LEGACY_SIGNED, w->p + LEGACY_SIGNED)
	    ? WIRE_LEGACY_LEN
	    : 0;
}

size_t
wire_build(const struct wire_request *r, const struct key *k,
    uint8_t buf[WIRE_MAX])
{
	struct writer w = writer_of(buf, WIRE_MAX - MAC_SHA256_LEN);
	const struct wire_entry *e;

	writer_u8(&w, r->version);
	writer_u8(&w, r->command);
	if (r->version != 3)
		return build_legacy(r, k, &w);
	if (r->n > WIRE_ENTRIES)
		return 0;
	writer_u8(&w, 0);
	writer_u8(&w, r->n);
	writer_u32(&w, r->time);
	writer_u64(&w, r->nonce);
	writer_text(&w, r->key, WIRE_NAME);
	writer_text(&w, r->table, WIRE_NAME);
	for (e = r->entries; e < r->entries + r->n; e++) {
		writer_u8(&w, e->prefix.addr.af == AF_INET ? 4 : 6);
		writer_u8(&w, e->prefix.len);
		writer_u16(&w, 0);
		writer_u32(&w, e->ttl_s);
		writer_copy(&w, e->prefix.addr.b, 16);
	}
	return key_sign(k, MAC_SHA256, buf, w.len, buf + w.len)
	    ? w.len + MAC_SHA256_LEN
	    : 0;
}

/* An answer is signed together with what it answers. */
static bool
sign_reply(const uint8_t *buf, const struct key *k, const uint8_t *request_mac,
    uint8_t *out)
{
	uint8_t text[REPLY_SIGNED + MAC_SHA256_LEN];

	memcpy(text, buf, REPLY_SIGNED);
	memcpy(text + REPLY_SIGNED, request_mac, MAC_SHA256_LEN);
	return key_sign(k, MAC_SHA256, text, sizeof(text), out);
}

size_t
wire_reply_build(const struct wire_reply *r, const struct key *k,
    const uint8_t mac[MAC_SHA256_LEN], uint8_t buf[WIRE_REPLY_LEN])
{
	struct writer w = writer_of(buf, WIRE_REPLY_LEN);

	memset(buf, 0, WIRE_REPLY_LEN);
	writer_u8(&w, 3);
	writer_u8(&w, r->command | REPLY);
	writer_u8(&w, r->status);
	writer_u8(&w, 0);
	writer_u32(&w, r->time);
	writer_u64(&w, r->nonce);
	writer_u64(&w, r->refused);
	return sign_reply(buf, k, mac, buf + REPLY_SIGNED) ? WIRE_REPLY_LEN : 0;
}

enum ph_err
wire_reply_parse(struct span d, const struct key *k,
    const uint8_t mac[MAC_SHA256_LEN], struct wire_reply *out)
{
	struct cursor c = cursor_of(d.p, d.len);
	uint8_t want[MAC_SHA256_LEN];

	memset(out, 0, sizeof(*out));
	if (d.len != WIRE_REPLY_LEN)
		return PH_EMALFORMED;
	if (!sign_reply((const uint8_t *)d.p, k, mac, want) ||
	    !mac_equal(want, d.p + REPLY_SIGNED, sizeof(want)))
		return PH_EDENIED;
	if (cursor_u8(&c) != 3)
		return PH_EUNSUPPORTED;
	out->command = cursor_u8(&c);
	out->status = cursor_u8(&c);
	(void)cursor_u8(&c);
	out->time = cursor_u32(&c);
	out->nonce = cursor_u64(&c);
	out->refused = cursor_u64(&c);
	if (c.bad || (out->command & REPLY) == 0)
		return PH_EMALFORMED;
	out->command &= (uint8_t)~REPLY;
	return PH_OK;
}

const char *
wire_status_text(uint8_t status)
{
	static const char *const texts[WIRE_NSTATUS] = {
		[WIRE_DONE] = "done",
		[WIRE_CLOCK] = "the clocks differ by more than a minute",
		[WIRE_TABLE] = "no such table",
		[WIRE_COMMAND] = "no such command",
		[WIRE_MASK] = "a prefix of length 0 is every address",
		[WIRE_NEVER] = "an address that is never entered",
		[WIRE_FULL] = "no room for more entries",
		[WIRE_REFUSED] = "the packet filter has refused it",
		[WIRE_BUSY] = "busy; try again",
	};

	return status < WIRE_NSTATUS ? texts[status] : "unknown status";
}
