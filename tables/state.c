/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "src/base/span.h"
#include "src/base/wire.h"
#include "tables/state.h"

/*
 * All begin with u8 kind, u8 a, u8 b, u8 0, u32 c:
 *
 *	entry	a = 4 or 6, b = prefix length, c = 0; u64 until, 0 for ever;
 *		16 address; 32 table
 *	chunk	a = tags, c = latest time; u64 each
 *	floor	c = time
 *	end
 */

static void
put_head(struct writer *w, enum state_kind kind, uint8_t a, uint8_t b,
    uint32_t c)
{
	writer_u8(w, (uint8_t)kind);
	writer_u8(w, a);
	writer_u8(w, b);
	writer_u8(w, 0);
	writer_u32(w, c);
}

size_t
state_encode(const struct state_record *r, uint64_t *key,
    uint8_t buf[STATE_MAX])
{
	const struct state_entry *e = &r->u.entry;
	const struct replay_chunk *c = &r->u.chunk;
	struct writer w = writer_of(buf, STATE_MAX);
	uint32_t i;

	switch (r->kind) {
	case STATE_ENTRY:
		*key = e->id;
		put_head(&w, STATE_ENTRY, e->prefix.addr.af == AF_INET ? 4 : 6,
		    e->prefix.len, 0);
		writer_u64(&w, e->until == INT64_MAX ? 0 : (uint64_t)e->until);
		writer_copy(&w, e->prefix.addr.b, 16);
		writer_text(&w, e->table, WIRE_NAME);
		break;
	case STATE_CHUNK:
		*key = STATE_KEY_CHUNK | c->number;
		put_head(&w, STATE_CHUNK, (uint8_t)c->n, 0, c->latest);
		for (i = 0; i < c->n; i++)
			writer_u64(&w, c->tag[i]);
		break;
	case STATE_FLOOR:
		*key = STATE_KEY_FLOOR;
		put_head(&w, STATE_FLOOR, 0, 0, r->u.floor);
		break;
	case STATE_END:
		*key = STATE_KEY_END;
		put_head(&w, STATE_END, 0, 0, 0);
		break;
	}
	return w.len;
}

static enum ph_err
decode_entry(struct cursor *c, uint8_t family, uint8_t len,
    struct state_entry *e)
{
	uint8_t af = family == 6 ? AF_INET6 : AF_INET, bytes[16];
	uint64_t until = cursor_u64(c);
	struct addr a, low;
	size_t i;

	cursor_copy(c, bytes, sizeof(bytes));
	cursor_copy(c, e->table, WIRE_NAME);
	e->table[WIRE_NAME] = '\0';
	if (c->bad || cursor_left(c) != 0 || until > INT64_MAX ||
	    (family != 4 && family != 6) || len == 0 ||
	    len > addr_bytes(af) * 8 || e->table[0] == '\0')
		return PH_EMALFORMED;
	a = addr_from_bytes(af, bytes);
	/* Host bits are zero, and so are the bytes behind an IPv4 address. */
	memset(&low, 0, sizeof(low));
	for (i = 0; i < 16; i++)
		if (i * 8 >= len)
			low.b[i] = bytes[i];
		else if (i * 8 + 8 > len)
			low.b[i] = bytes[i] & (uint8_t)(0xff >> len % 8);
	for (i = 0; i < 16; i++)
		if (low.b[i] != 0)
			return PH_EMALFORMED;
	e->prefix.addr = a;
	e->prefix.len = len;
	e->until = until == 0 ? INT64_MAX : (int64_t)until;
	return PH_OK;
}

enum ph_err
state_decode(uint64_t key, const void *p, size_t len, struct state_record *r)
{
	struct cursor c = cursor_of(p, len);
	uint8_t kind, a, b, pad;
	uint32_t v, i;

	memset(r, 0, sizeof(*r));
	kind = cursor_u8(&c);
	a = cursor_u8(&c);
	b = cursor_u8(&c);
	pad = cursor_u8(&c);
	v = cursor_u32(&c);
	if (c.bad || pad != 0)
		return PH_EMALFORMED;
	r->kind = kind;
	switch (kind) {
	case STATE_ENTRY:
		r->u.entry.id = key;
		if (key == 0 || key >= STATE_KEY_CHUNK || v != 0)
			return PH_EMALFORMED;
		return decode_entry(&c, a, b, &r->u.entry);
	case STATE_CHUNK:
		if (key <= STATE_KEY_CHUNK || key >= STATE_KEY_FLOOR ||
		    a == 0 || a > REPLAY_CHUNK || b != 0 ||
		    cursor_left(&c) != a * sizeof(uint64_t))
			return PH_EMALFORMED;
		r->u.chunk.number = key & ~STATE_KEY_CHUNK;
		r->u.chunk.latest = v;
		r->u.chunk.n = a;
		for (i = 0; i < a; i++)
			r->u.chunk.tag[i] = cursor_u64(&c);
		return PH_OK;
	case STATE_FLOOR:
		if (key != STATE_KEY_FLOOR || a != 0 || b != 0 ||
		    cursor_left(&c) != 0)
			return PH_EMALFORMED;
		r->u.floor = v;
		return PH_OK;
	case STATE_END:
		return key != STATE_KEY_END || a != 0 || b != 0 || v != 0 ||
			cursor_left(&c) != 0
		    ? PH_EMALFORMED
		    : PH_OK;
	default:
		return PH_EMALFORMED;
	}
}
