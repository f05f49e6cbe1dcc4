/* SPDX-License-Identifier: ISC */
/*
 * Records from a state file that somebody has written: what is taken must be
 * fit to be told to the packet filter, and must not shut anybody out.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/base/wire.h"
#include "tables/server.h"
#include "tables/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define NOW (INT64_C(1700000000) * USEC_PER_SEC)

static void
on_change(void *ctx, const struct server_change *c)
{
	(void)ctx;
	if (c->table >= 2 || c->prefix.len == 0 ||
	    (c->prefix.addr.af != AF_INET && c->prefix.addr.af != AF_INET6) ||
	    c->prefix.len > addr_bytes(c->prefix.addr.af) * 8)
		__builtin_trap();
	if (c->command == SERVER_ADD && c->prefix.addr.b[0] == 127 &&
	    c->prefix.addr.af == AF_INET)
		__builtin_trap();
}

static void
on_keep(void *ctx, uint64_t key, const void *p, size_t len)
{
	(void)ctx;
	(void)key;
	(void)p;
	if (len > STATE_MAX)
		__builtin_trap();
}

/* A record that is accepted is the same after it was written and read again. */
static void
round_trip(uint64_t key, const void *p, size_t len)
{
	uint8_t buf[STATE_MAX];
	struct state_record r;
	uint64_t again;

	if (state_decode(key, p, len, &r) != PH_OK)
		return;
	/* The name of a table may have had something behind its NUL. */
	if (state_encode(&r, &again, buf) != len || again != key ||
	    (r.kind != STATE_ENTRY && memcmp(buf, p, len) != 0))
		__builtin_trap();
}

/* Several records: u64 key, u16 length. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const tables[] = { "a", "spammer" };
	struct server_sink sink = { NULL, on_change, on_keep };
	struct server_config config = { .table = tables,
		.ntable = 2,
		.force = SERVER_NONE,
		.max = 50 };
	struct cursor c = cursor_of(data, len);
	struct server *s = server_new(&config, &sink);
	struct span record;
	uint64_t key;
	int i;

	if (s == NULL)
		return 0;
	while (cursor_left(&c) >= 10) {
		key = cursor_u64(&c);
		record = cursor_span(&c, cursor_u16(&c));
		if (c.bad)
			break;
		round_trip(key, record.p, record.len);
		(void)!server_load(s, key, record.p, record.len, NOW);
	}
	server_loaded(s, NOW);
	for (i = 0; i < 100 && server_resume(s, 2, NOW); i++)
		;
	server_expire(s, 100, NOW);
	server_expire(s, 100, NOW + 1000 * USEC_PER_SEC);
	server_free(s);
	return 0;
}
