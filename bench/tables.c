/* SPDX-License-Identifier: ISC */
/*
 * Signed updates of tables: how many a second one core judges, enters and
 * answers, among how many entries.  Without sockets and packet filter.
 *
 * usage: bench_tables [entries]
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/timers.h"
#include "tables/server.h"

#define ROUND 1000 /* datagrams that are signed before they are received */

static const struct addr somebody = { AF_INET, { 192, 0, 2, 10 } };
static struct server *server;
static struct key key;
static int64_t now = INT64_C(1700000000) * USEC_PER_SEC;
static struct server_change waiting[ROUND * WIRE_ENTRIES];
static size_t nwaiting;
static uint64_t kept;

static int64_t
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
on_change(void *ctx, const struct server_change *c)
{
	(void)ctx;
	if (nwaiting == sizeof(waiting) / sizeof(waiting[0]))
		errx(1, "more changes than expected");
	waiting[nwaiting++] = *c;
}

static void
on_keep(void *ctx, uint64_t k, const void *p, size_t len)
{
	(void)ctx;
	(void)k;
	(void)p;
	kept += len;
}

static struct prefix
address(uint32_t i, uint8_t af)
{
	struct prefix p = { { af, { 0 } }, af == AF_INET ? 32 : 128 };
	uint8_t *b = p.addr.b;

	if (af == AF_INET6) {
		memcpy(b, (const uint8_t[]) { 0x20, 1, 0x0d, 0xb8 }, 4);
		b += 12;
	}
	/* Scattered, as abuse is. */
	i = i * 2654435761u;
	b[0] = af == AF_INET ? (uint8_t)(128 + (i >> 26)) : (uint8_t)(i >> 24);
	b[1] = (uint8_t)(i >> 16);
	b[2] = (uint8_t)(i >> 8);
	b[3] = (uint8_t)i;
	return p;
}

/* Returns microseconds on this core for `n` entries, `each` in a datagram. */
static int64_t
run(uint8_t version, uint32_t first, uint32_t n, uint8_t each)
{
	static uint8_t datagrams[ROUND][WIRE_MAX];
	static size_t len[ROUND];
	static struct server_job jobs[ROUND];
	static uint64_t nonce;
	uint8_t reply[WIRE_REPLY_LEN];
	struct wire_request r;
	int64_t used = 0, start;
	uint32_t i = 0;
	size_t k, count;

	while (i < n) {
		for (count = 0; count < ROUND && i < n; count++) {
			memset(&r, 0, sizeof(r));
			r.version = version;
			r.command = WIRE_ADD;
			r.time = (uint32_t)(now / USEC_PER_SEC);
			r.nonce = ++nonce;
			memcpy(r.table, "spammer", 8);
			for (; r.n < each && i < n; r.n++, i++)
				r.entries[r.n].prefix = address(first + i,
				    version == 3 && i % 2 ? AF_INET6 : AF_INET);
			len[count] = wire_build(&r, &key, datagrams[count]);
		}
		start = cpu_us();
		for (k = 0; k < count; k++)
			if (server_receive(server,
				(struct span) { (char *)datagrams[k], len[k] },
				&somebody, now, &jobs[k]) != SERVER_TAKEN)
				errx(1, "refused: %s",
				    server_verdict_text(jobs[k].verdict));
		server_keep(server);
		for (k = 0; k < nwaiting; k++)
			server_changed(server, &waiting[k], PH_OK, now);
		nwaiting = 0;
		for (k = 0; k < count; k++)
			(void)server_reply(server, &jobs[k], now, reply);
		used += cpu_us() - start;
		/* A clock that goes as fast as 50,000 a second. */
		now += (int64_t)count * 20;
	}
	return used;
}

/* The cost of datagrams of strangers, which are signed with another key. */
static int64_t
flood(uint32_t n)
{
	struct wire_request r = { .version = 2, .command = WIRE_ADD, .n = 1 };
	struct server_job job;
	uint8_t buf[WIRE_MAX];
	struct key other;
	int64_t start;
	size_t len;

	if (key_set(&other, "", span_of("98765432109876543210")) != PH_OK)
		errx(1, "key");
	r.entries[0].prefix = address(1, AF_INET);
	len = wire_build(&r, &other, buf);
	start = cpu_us();
	while (n-- > 0)
		if (server_receive(server, (struct span) { (char *)buf, len },
			&somebody, now, &job) != SERVER_KEY)
			errx(1, "taken");
	return cpu_us() - start;
}

static void
show(const char *what, uint32_t n, int64_t us)
{
	printf("%-40s %9.0f a second\n", what,
	    us > 0 ? n * 1e6 / (double)us : 0);
}

int
main(int argc, char *argv[])
{
	static const char *const tables[] = { "spammer" };
	struct server_sink sink = { NULL, on_change, on_keep };
	struct server_config config = { .table = tables,
		.ntable = 1,
		.force = SERVER_NONE,
		.key = &key,
		.nkey = 1,
		.timeout = 3600 };
	uint64_t entries = 100000;
	struct server_counters n;
	struct rusage usage;
	int64_t start;

	if (argc > 1 && !span_number(span_of(argv[1]), 10000000, &entries))
		errx(1, "usage: bench_tables [entries]");
	config.max = entries + 500000;
	if (key_set(&key, "", span_of("01234567890123456789")) != PH_OK ||
	    (server = server_new(&config, &sink)) == NULL)
		err(1, NULL);
	run(3, 0, (uint32_t)entries, WIRE_ENTRIES);
	server_counters(server, &n);
	printf("among %llu entries:\n", (unsigned long long)n.entries);
	show("version 2, new", 100000, run(2, 20000000, 100000, 1));
	now += 2 * USEC_PER_SEC;
	show("version 2, again", 100000, run(2, 20000000, 100000, 1));
	show("version 3, one each", 100000, run(3, 30000000, 100000, 1));
	show("version 3, 46 each", 100000,
	    run(3, 40000000, 100000, WIRE_ENTRIES));
	show("wrong key", 100000, flood(100000));
	start = cpu_us();
	now += 4000 * USEC_PER_SEC;
	server_counters(server, &n);
	while (server_next(server) <= now) {
		server_expire(server, 256, now);
		while (nwaiting > 0)
			server_changed(server, &waiting[--nwaiting], PH_OK,
			    now);
	}
	show("expired", (uint32_t)n.entries, cpu_us() - start);
	getrusage(RUSAGE_SELF, &usage);
	printf("%llu bytes kept, %ld KiB at most\n", (unsigned long long)kept,
	    usage.ru_maxrss);
	server_free(server);
	return 0;
}
