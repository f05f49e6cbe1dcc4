/* SPDX-License-Identifier: ISC */
/*
 * Thousands of additions, deletions, flushes and hours, at random but the same
 * every time, against the plainest model there is: when each prefix ends.  The
 * packet filter has to hold the widest of what lives, and nothing else, in each
 * of two tables.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "tables/entries.h"
#include "tables/server.h"
#include "tables/state.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define SEC	USEC_PER_SEC
#define STEPS	20000
#define LONGEST 5			   /* bits below the /27 that varies */
#define ALL	((1 << (LONGEST + 1)) - 1) /* prefixes of all lengths */
#define TABLES	2
#define WAITING 4096
#define KEPT	1024

static struct {
	int64_t until; /* 0: not there */
	bool held;     /* by the filter */
} model[TABLES][ALL];

static struct {
	uint64_t key;
	size_t len;
	uint8_t p[STATE_MAX];
} kept[KEPT];
static size_t nkept;

static struct server_change waiting[WAITING];
static size_t nwaiting;
static struct server *server;
static struct server_config config;
static struct key key;
static int64_t now = INT64_C(1700000000) * SEC;
/* A binary tree in an array: node i has the halves 2i + 1 and 2i + 2. */
static struct prefix
prefix_of(int i)
{
	struct prefix p = { { AF_INET, { 203, 0, 113, 0 } }, 32 - LONGEST };
	int first = 0, width = 1;

	while (i >= first + width) {
		first += width;
		width *= 2;
		p.len++;
	}
	p.addr.b[3] = (uint8_t)((i - first) << (32 - p.len));
	return p;
}

static int
index_of(const struct prefix *p)
{
	int bits = p->len - (32 - LONGEST);

	assert_true(bits >= 0);
	return (1 << bits) - 1 + (p->addr.b[3] >> (32 - p->len));
}

static bool
alive(int t, int i)
{
	return model[t][i].until > now;
}

static int
parent(int i)
{
	return i == 0 ? -1 : (i - 1) / 2;
}

/*
 * An element that overlaps is left as it is, as in an interval set of nftables.
 */
static void
filter(const struct server_change *c)
{
	struct prefix p;
	int i, k, t = c->table;

	assert_true(t < TABLES);
	if (c->command == SERVER_FLUSH) {
		for (i = 0; i < ALL; i++)
			model[t][i].held = false;
		return;
	}
	i = index_of(&c->prefix);
	model[t][i].held = false;
	if (c->command != SERVER_ADD)
		return;
	for (k = 0; k < ALL; k++) {
		p = prefix_of(k);
		if (model[t][k].held &&
		    (prefix_contains(&c->prefix, &p.addr) ||
			prefix_contains(&p, &c->prefix.addr)))
			return;
	}
	model[t][i].held = true;
}

static void
on_change(void *ctx, const struct server_change *c)
{
	(void)ctx;
	assert_true(nwaiting < WAITING);
	waiting[nwaiting++] = *c;
}

static void
on_keep(void *ctx, uint64_t k, const void *p, size_t len)
{
	size_t i;

	(void)ctx;
	for (i = 0; i < nkept && kept[i].key != k; i++)
		;
	if (len == 0) {
		if (i < nkept)
			kept[i] = kept[--nkept];
		return;
	}
	assert_true(i < KEPT);
	if (i == nkept)
		nkept++;
	kept[i].key = k;
	kept[i].len = len;
	memcpy(kept[i].p, p, len);
}

static void
settle(void)
{
	size_t i;

	/* Answers may make more changes. */
	for (i = 0; i < nwaiting; i++) {
		filter(&waiting[i]);
		server_changed(server, &waiting[i], PH_OK, now);
	}
	nwaiting = 0;
}

static void
say(uint8_t command, int t, int i, uint32_t ttl_s)
{
	static const struct addr from = { AF_INET, { 192, 0, 2, 1 } };
	static struct server_job job;
	static uint64_t nonce;
	struct wire_request r = { .version = 3,
		.command = command,
		.time = (uint32_t)(now / SEC),
		.nonce = ++nonce,
		.table = "t" };
	uint8_t buf[WIRE_MAX];
	size_t len;

	r.table[0] = (char)('t' + t);
	if (command != WIRE_FLUSH) {
		r.n = 1;
		r.entries[0].prefix = prefix_of(i);
		r.entries[0].ttl_s = ttl_s;
	}
	len = wire_build(&r, &key, buf);
	assert_int_equal(server_receive(server,
			     (struct span) { (char *)buf, len }, &from, now,
			     &job),
	    SERVER_TAKEN);
	server_keep(server);
}

static void
start(void)
{
	struct server_sink sink = { NULL, on_change, on_keep };

	server = server_new(&config, &sink);
	assert_non_null(server);
}

static void
restart(void)
{
	size_t i, n;

	settle();
	server_end(server);
	n = nkept;
	server_free(server);
	start();
	for (i = 0; i < n; i++)
		(void)!server_load(server, kept[i].key, kept[i].p, kept[i].len,
		    now);
	server_loaded(server, now);
	/* The machine was started again, too, or was not. */
	if (pick(2) == 0)
		for (i = 0; i < TABLES * ALL; i++)
			model[i / ALL][i % ALL].held = false;
	while (server_resume(server, 1 + pick(5), now))
		;
}

static void
step(void)
{
	int t = (int)pick(TABLES), i = (int)pick(ALL), k;
	uint32_t ttl_s = 1 + pick(100);

	switch (pick(12)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		say(WIRE_ADD, t, i, ttl_s);
		model[t][i].until = now + ttl_s * SEC;
		break;
	case 5:
	case 6:
	case 7:
		say(WIRE_DELETE, t, i, 0);
		model[t][i].until = 0;
		break;
	case 8:
		if (pick(10) > 0)
			break;
		say(WIRE_FLUSH, t, 0, 0);
		for (k = 0; k < ALL; k++)
			model[t][k].until = 0;
		break;
	case 9:
		if (pick(20) == 0)
			restart();
		break;
	default:
		now += pick(20) * SEC;
		/* Not always in time. */
		if (pick(2) == 0)
			server_expire(server, 1000, now);
		break;
	}
}

static void
check_filter(void)
{
	int t, i, up;
	bool want;

	for (t = 0; t < TABLES; t++)
		for (i = 0; i < ALL; i++) {
			want = alive(t, i);
			for (up = parent(i); up != -1; up = parent(up))
				want = want && !alive(t, up);
			assert_int_equal(model[t][i].held, want);
		}
}

static void
the_filter_holds_the_widest_of_what_lives(void **state)
{
	static const char *const tables[TABLES] = { "t", "u" };
	struct server_counters n;
	int i;

	(void)state;
	assert_int_equal(key_set(&key, "", span_of("01234567890123456789")),
	    PH_OK);
	config.table = tables;
	config.ntable = TABLES;
	config.force = SERVER_NONE;
	config.key = &key;
	config.nkey = 1;
	config.max = TABLES * ALL;
	start();
	for (i = 0; i < STEPS; i++) {
		step();
		/* Sometimes answers wait while more is asked for. */
		if (pick(3) > 0)
			continue;
		settle();
		server_expire(server, 1000, now);
		settle();
		check_filter();
	}
	server_counters(server, &n);
	assert_true(n.remembered < 1000);
	assert_int_equal(entries_count_in(server_entries(server), 0) +
		entries_count_in(server_entries(server), 1),
	    n.entries);
	assert_int_equal(entries_count_in(server_entries(server), TABLES), 0);
	server_free(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_filter_holds_the_widest_of_what_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
