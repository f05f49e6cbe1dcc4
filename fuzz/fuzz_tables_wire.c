/* SPDX-License-Identifier: ISC */
/*
 * A datagram, and what follows it if it is taken: signed by us, because a
 * fuzzer cannot, with the clock that it was sent by.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "tables/server.h"
#include "tables/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define PENDING 256

static struct server_change waiting[PENDING];
static size_t nwaiting;

static void
on_change(void *ctx, const struct server_change *c)
{
	(void)ctx;
	if (c->prefix.len == 0 && c->command != SERVER_FLUSH)
		__builtin_trap();
	if (c->command == SERVER_ADD && c->prefix.addr.b[0] == 192 &&
	    c->prefix.addr.af == AF_INET && c->prefix.addr.b[1] == 0 &&
	    c->prefix.addr.b[2] == 2)
		__builtin_trap();
	if (nwaiting == PENDING)
		__builtin_trap();
	waiting[nwaiting++] = *c;
}

static void
on_keep(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct state_record r;

	(void)ctx;
	if (len > STATE_MAX ||
	    (len > 0 && state_decode(key, p, len, &r) != PH_OK))
		__builtin_trap();
}

static void
receive(struct server *s, const uint8_t *p, size_t len, const struct key *k)
{
	static const struct addr from = { AF_INET, { 198, 51, 100, 1 } };
	uint8_t copy[WIRE_MAX], reply[WIRE_REPLY_LEN];
	struct wire_request r;
	struct server_job job;
	int64_t now = 0;
	size_t i;

	if (wire_parse((struct span) { (const char *)p, len }, &r) == PH_OK) {
		memcpy(r.key, "k", 2);
		len = wire_build(&r, k, copy);
		p = copy;
		now = r.time * USEC_PER_SEC;
	}
	(void)server_receive(s, (struct span) { (const char *)p, len }, &from,
	    now, &job);
	server_keep(s);
	for (i = 0; i < nwaiting; i++)
		server_changed(s, &waiting[i], i % 3 == 1 ? PH_EIO : PH_OK,
		    now);
	nwaiting = 0;
	if (job.pending != 0)
		__builtin_trap();
	if (server_reply(s, &job, now, reply) > len)
		__builtin_trap();
	server_expire(s, 16, now + 30 * USEC_PER_SEC);
	nwaiting = 0;
}

/* Several datagrams, each after its length in two bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const tables[] = { "a", "spammer" };
	static const struct prefix never = { { AF_INET, { 192, 0, 2 } }, 24 };
	struct server_sink sink = { NULL, on_change, on_keep };
	struct server_config config = { .table = tables,
		.ntable = 2,
		.force = len % 2 == 0 ? 1 : SERVER_NONE,
		.nkey = 1,
		.never = &never,
		.nnever = 1,
		.timeout = 20,
		.max = 50 };
	struct server *s;
	struct key key;
	uint8_t *copy;
	size_t n;

	if (key_set(&key, "k", span_of("01234567890123456789")) != PH_OK)
		abort();
	config.key = &key;
	if ((s = server_new(&config, &sink)) == NULL)
		return 0;
	while (len >= 2) {
		n = (size_t)data[0] << 8 | data[1];
		data += 2;
		len -= 2;
		if (n > len)
			n = len;
		/* Exactly as long, so that ASan sees one byte too far. */
		if ((copy = malloc(n > 0 ? n : 1)) == NULL)
			abort();
		memcpy(copy, data, n);
		receive(s, copy, n, &key);
		free(copy);
		data += n;
		len -= n;
	}
	server_free(s);
	return 0;
}
