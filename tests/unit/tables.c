/* SPDX-License-Identifier: ISC */
/*
 * The server, on a packet filter of paper: a list of what it holds, which
 * refuses overlaps as an interval set of nftables does.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "src/base/timers.h"
#include "tables/entries.h"
#include "tables/replay.h"
#include "tables/server.h"
#include "tables/state.h"
#include "tests/unit/unit.h"

#define T0	(INT64_C(1700000000) * USEC_PER_SEC)
#define SEC	USEC_PER_SEC
#define HELD	64
#define KEPT	4096
#define WAITING 4096

static struct {
	uint16_t table;
	struct prefix prefix;
	uint32_t ttl_s;
} held[HELD];
static size_t nheld, nchanges;
static enum ph_err answer; /* of the paper filter to what follows */
static bool hold_back;	   /* changes wait in `waiting` */
static struct server_change waiting[WAITING];
static size_t nwaiting;

static struct {
	uint64_t key;
	size_t len;
	uint8_t p[STATE_MAX];
} kept[KEPT];
static size_t nkept;

static struct server *server;
static struct server_config config;
static struct key keys[2];
static int64_t now;
static uint64_t nonce;

static enum ph_err
filter(const struct server_change *c)
{
	size_t i, k;

	if (answer != PH_OK)
		return answer;
	for (i = k = 0; i < nheld; i++) {
		if (held[i].table == c->table &&
		    (c->command == SERVER_FLUSH ||
			prefix_cmp(&held[i].prefix, &c->prefix) == 0))
			continue;
		held[k++] = held[i];
	}
	nheld = k;
	if (c->command != SERVER_ADD)
		return PH_OK;
	for (i = 0; i < nheld; i++)
		if (held[i].table == c->table &&
		    (prefix_contains(&held[i].prefix, &c->prefix.addr) ||
			prefix_contains(&c->prefix, &held[i].prefix.addr)))
			fail_msg("an overlap was told to the filter");
	assert_true(nheld < HELD);
	held[nheld].table = c->table;
	held[nheld].prefix = c->prefix;
	held[nheld++].ttl_s = c->ttl_s;
	return PH_OK;
}

static void
on_change(void *ctx, const struct server_change *c)
{
	(void)ctx;
	nchanges++;
	assert_true(nwaiting < WAITING);
	waiting[nwaiting++] = *c;
}

static void
settle(void)
{
	size_t i;

	for (i = 0; i < nwaiting; i++)
		server_changed(server, &waiting[i], filter(&waiting[i]), now);
	nwaiting = 0;
}

static void
on_keep(void *ctx, uint64_t key, const void *p, size_t len)
{
	size_t i;

	(void)ctx;
	assert_true(len <= STATE_MAX);
	for (i = 0; i < nkept && kept[i].key != key; i++)
		;
	if (len == 0) {
		if (i < nkept)
			kept[i] = kept[--nkept];
		return;
	}
	assert_true(i < KEPT);
	if (i == nkept)
		nkept++;
	kept[i].key = key;
	kept[i].len = len;
	memcpy(kept[i].p, p, len);
}

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(span_of(text), &p), PH_OK);
	return p;
}

static void
start(void)
{
	struct server_sink sink = { NULL, on_change, on_keep };

	server = server_new(&config, &sink);
	assert_non_null(server);
}

static int
setup(void **state)
{
	static const char *const tables[] = { "spammer", "blocked" };
	static struct prefix never[2];

	(void)state;
	never[0] = prefix("192.0.2.0/24");
	never[1] = prefix("2001:db8:2::/64");
	memset(&config, 0, sizeof(config));
	config.table = tables;
	config.ntable = 2;
	config.force = SERVER_NONE;
	config.key = keys;
	config.nkey = 2;
	config.never = never;
	config.nnever = 2;
	config.timeout = 3600;
	config.max = 10;
	assert_int_equal(key_set(&keys[0], "",
			     span_of("the first of the two keys")),
	    PH_OK);
	assert_int_equal(key_set(&keys[1], "mail",
			     span_of("and the second of them")),
	    PH_OK);
	nheld = nchanges = nwaiting = nkept = 0;
	answer = PH_OK;
	hold_back = false;
	now = T0;
	nonce = 1;
	start();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	server_free(server);
	return 0;
}

static struct wire_request
request_of(uint8_t version, uint8_t command, const char *table,
    const char *what)
{
	struct wire_request r = { .version = version,
		.command = command,
		.time = (uint32_t)(now / SEC),
		.nonce = nonce++ };

	snprintf(r.key, sizeof(r.key), "mail");
	snprintf(r.table, sizeof(r.table), "%s", table);
	if (what != NULL) {
		r.n = 1;
		r.entries[0].prefix = prefix(what);
	}
	return r;
}

static struct server_job job;
static const struct addr somebody = { AF_INET, { 198, 51, 100, 1 } };

static enum server_verdict
send_signed(const struct wire_request *r, const struct key *k)
{
	uint8_t buf[WIRE_MAX];
	size_t n = wire_build(r, k, buf);

	assert_true(n > 0);
	server_receive(server, (struct span) { (char *)buf, n }, &somebody, now,
	    &job);
	server_keep(server);
	if (!hold_back)
		settle();
	return job.verdict;
}

static enum server_verdict
say(uint8_t command, const char *table, const char *what)
{
	struct wire_request r = request_of(3, command, table, what);

	return send_signed(&r, &keys[1]);
}

/* "198.51.100.7 3600, ...": what the filter holds in one table. */
static const char *
contents(uint16_t table)
{
	static char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	char addr[ADDR_STRLEN];
	size_t i;

	strbuf_reset(&b);
	for (i = 0; i < nheld; i++)
		if (held[i].table == table)
			strbuf_fmt(&b, "%s%s %u", b.len > 0 ? ", " : "",
			    prefix_format(&held[i].prefix, addr),
			    held[i].ttl_s);
	return text;
}

static void
pass(int64_t usec)
{
	now += usec;
	server_expire(server, 100, now);
	settle();
}

static struct server_counters
counters(void)
{
	struct server_counters c;

	server_counters(server, &c);
	return c;
}

static void
entries_come_and_go(void **state)
{
	(void)state;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "blocked", "2001:db8:9::/48"),
	    SERVER_TAKEN);
	assert_string_equal(contents(0), "203.0.113.7 3600");
	assert_string_equal(contents(1), "2001:db8:9::/48 3600");
	assert_int_equal(say(WIRE_DELETE, "spammer", "203.0.113.7"),
	    SERVER_TAKEN);
	assert_string_equal(contents(0), "");
	assert_int_equal(say(WIRE_ADD, "blocked", "203.0.113.8"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_FLUSH, "blocked", NULL), SERVER_TAKEN);
	assert_string_equal(contents(1), "");
	assert_int_equal(server_next(server), INT64_MAX);
	assert_int_equal(counters().entries, 0);
	assert_int_equal(counters().added, 3);
	assert_int_equal(counters().removed, 1);
	assert_int_equal(counters().flushed, 2);
}

static void
all_three_versions_work(void **state)
{
	struct wire_request r;
	uint8_t version;

	(void)state;
	for (version = 1; version <= 3; version++) {
		r = request_of(version, WIRE_ADD, "spammer", "203.0.113.7");
		assert_int_equal(send_signed(&r, &keys[1]), SERVER_TAKEN);
		assert_string_equal(contents(0), "203.0.113.7 3600");
		/* The old ones may use any of the keys. */
		r = request_of(version, WIRE_DELETE, "spammer", "203.0.113.7");
		assert_int_equal(send_signed(&r, &keys[0]),
		    version == 3 ? SERVER_KEY : SERVER_TAKEN);
		nheld = 0;
	}
	r = request_of(2, WIRE_ADD, "spammer", "203.0.112.0/23");
	assert_int_equal(send_signed(&r, &keys[0]), SERVER_TAKEN);
	assert_string_equal(contents(0), "203.0.112.0/23 3600");
}

static void
an_entry_ends_and_may_begin_anew(void **state)
{
	struct wire_request r;

	(void)state;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(server_next(server), T0 + 3600 * SEC);
	pass(1800 * SEC);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(counters().renewed, 1);
	pass(3600 * SEC - 1);
	assert_string_equal(contents(0), "203.0.113.7 3600");
	pass(1);
	assert_string_equal(contents(0), "");
	assert_int_equal(counters().expired, 1);
	assert_int_equal(counters().entries, 0);
	/* Shorter if the datagram says so; longer is not to be had. */
	r = request_of(3, WIRE_ADD, "spammer", "203.0.113.8");
	r.entries[0].ttl_s = 60;
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_TAKEN);
	r = request_of(3, WIRE_ADD, "spammer", "203.0.113.9");
	r.entries[0].ttl_s = UINT32_MAX;
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_TAKEN);
	assert_string_equal(contents(0), "203.0.113.8 60, 203.0.113.9 3600");
}

static void
without_a_timeout_entries_stay(void **state)
{
	struct wire_request r;

	(void)state;
	server_free(server);
	config.timeout = 0;
	start();
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(server_next(server), INT64_MAX);
	r = request_of(3, WIRE_ADD, "spammer", "203.0.113.8");
	r.entries[0].ttl_s = UINT32_MAX;
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_TAKEN);
	assert_string_equal(contents(0),
	    "203.0.113.7 0, 203.0.113.8 4294967295");
	assert_int_equal(server_next(server), T0 + UINT32_MAX * SEC);
}

static void
what_is_refused_is_counted_apart(void **state)
{
	/* clang-format off */
	static const struct {
		uint8_t			 version, command;
		const char		*table, *what;
		int			 clock;
		enum server_verdict	 verdict;
		enum wire_status	 status;
	} rows[] = {
		{ 3, WIRE_ADD, "spammer", "203.0.113.7", 60,	SERVER_TAKEN,	WIRE_DONE },
		{ 3, WIRE_ADD, "spammer", "203.0.113.7", -60,	SERVER_TAKEN,	WIRE_DONE },
		{ 3, WIRE_ADD, "spammer", "203.0.113.7", 61,	SERVER_CLOCK,	WIRE_CLOCK },
		{ 3, WIRE_ADD, "spammer", "203.0.113.7", -61,	SERVER_CLOCK,	WIRE_CLOCK },
		{ 2, WIRE_ADD, "spammer", "203.0.113.7", -61,	SERVER_CLOCK,	WIRE_CLOCK },
		{ 3, WIRE_ADD, "spam",	  "203.0.113.7", 0,	SERVER_TABLE,	WIRE_TABLE },
		{ 3, WIRE_ADD, "",	  "203.0.113.7", 0,	SERVER_TABLE,	WIRE_TABLE },
		{ 2, WIRE_ADD, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
					  "203.0.113.7", 0,	SERVER_TABLE,	WIRE_TABLE },
		{ 3, 0,	       "spammer", "203.0.113.7", 0,	SERVER_COMMAND,	WIRE_COMMAND },
		{ 2, 4,	       "spammer", "203.0.113.7", 0,	SERVER_COMMAND,	WIRE_COMMAND },
		{ 3, WIRE_ADD, "spammer", "0.0.0.0/0",	 0,	SERVER_MASK,	WIRE_MASK },
		{ 2, WIRE_ADD, "spammer", "0.0.0.0/0",	 0,	SERVER_MASK,	WIRE_MASK },
		{ 3, WIRE_DELETE, "spammer", "::/0",	 0,	SERVER_MASK,	WIRE_MASK },
		{ 3, WIRE_ADD, "spammer", "192.0.2.1",	 0,	SERVER_NEVER,	WIRE_NEVER },
		{ 2, WIRE_ADD, "spammer", "192.0.0.0/8", 0,	SERVER_NEVER,	WIRE_NEVER },
		{ 3, WIRE_ADD, "spammer", "2001:db8::/32", 0,	SERVER_NEVER,	WIRE_NEVER },
		{ 3, WIRE_ADD, "spammer", "203.0.113.1", 0,	SERVER_NEVER,	WIRE_NEVER },
		{ 3, WIRE_ADD, "spammer", "203.0.113.0/30", 0,	SERVER_NEVER,	WIRE_NEVER },
		{ 3, WIRE_ADD, "spammer", "127.0.0.1",	 0,	SERVER_NEVER,	WIRE_NEVER },
		{ 3, WIRE_ADD, "spammer", "::1",	 0,	SERVER_NEVER,	WIRE_NEVER },
		{ 3, WIRE_ADD, "spammer", "::ffff:203.0.113.7", 0, SERVER_NEVER, WIRE_NEVER },
		{ 3, WIRE_DELETE, "spammer", "192.0.2.1", 0,	SERVER_TAKEN,	WIRE_DONE },
	};
	/* clang-format on */
	static const struct addr own = { AF_INET, { 203, 0, 113, 1 } };
	uint8_t buf[WIRE_REPLY_LEN];
	struct wire_request r;
	struct wire_reply reply;
	uint64_t before;
	size_t i, n;

	(void)state;
	server_set_own(server, &own, 1);
	for (i = 0; i < ROWS(rows); i++) {
		print_message("row %zu\n", i);
		r = request_of(rows[i].version, rows[i].command, rows[i].table,
		    rows[i].what);
		r.time += (uint32_t)rows[i].clock;
		before = counters().verdict[rows[i].verdict];
		assert_int_equal(send_signed(&r, &keys[1]), rows[i].verdict);
		assert_int_equal(counters().verdict[rows[i].verdict],
		    before + 1);
		n = server_reply(server, &job, now, buf);
		if (rows[i].version != 3) {
			assert_int_equal(n, 0);
			continue;
		}
		assert_int_equal(wire_reply_parse((struct span) { (char *)buf,
						      n },
				     &keys[1], job.mac, &reply),
		    PH_OK);
		assert_int_equal(reply.status, rows[i].status);
		assert_int_equal(reply.refused & 1,
		    rows[i].status != WIRE_DONE);
	}
	assert_int_equal(counters().received, ROWS(rows));
}

static void
strangers_get_no_answer(void **state)
{
	static const char junk[200] = "";
	uint8_t buf[WIRE_REPLY_LEN];
	struct wire_request r;
	struct key other;

	(void)state;
	assert_int_equal(key_set(&other, "", span_of("12345678901234567890")),
	    PH_OK);
	r = request_of(3, WIRE_ADD, "spammer", "203.0.113.7");
	assert_int_equal(send_signed(&r, &other), SERVER_KEY);
	assert_int_equal(server_reply(server, &job, now, buf), 0);
	snprintf(r.key, sizeof(r.key), "nobody");
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_KEY);
	assert_int_equal(server_reply(server, &job, now, buf), 0);
	assert_int_equal(server_receive(server,
			     (struct span) { junk, sizeof(junk) }, &somebody,
			     now, &job),
	    SERVER_VERSION);
	assert_int_equal(server_reply(server, &job, now, buf), 0);
	assert_int_equal(server_receive(server, (struct span) { junk, 0 },
			     &somebody, now, &job),
	    SERVER_MALFORMED);
	assert_int_equal(server_reply(server, &job, now, buf), 0);
	assert_int_equal(nchanges, 0);
	assert_int_equal(nkept, 0);
	assert_int_equal(counters().remembered, 0);
}

static void
without_a_key_only_this_machine_may(void **state)
{
	static const struct addr local = { AF_INET, { 127, 0, 0, 9 } };
	static const struct addr local6 = { AF_INET6, { [15] = 1 } };
	static const struct key none;
	uint8_t buf[WIRE_MAX], reply[WIRE_REPLY_LEN];
	struct wire_request r =
	    request_of(3, WIRE_ADD, "spammer", "203.0.113.7");
	struct span d = { (char *)buf, wire_build(&r, &keys[0], buf) };

	(void)state;
	server_free(server);
	config.nkey = 0;
	start();
	assert_int_equal(server_receive(server, d, &somebody, now, &job),
	    SERVER_KEY);
	assert_int_equal(server_receive(server, d, &local, now, &job),
	    SERVER_TAKEN);
	assert_int_equal(server_receive(server, d, &local6, now, &job),
	    SERVER_TAKEN);
	settle();
	assert_string_equal(contents(0), "203.0.113.7 3600");
	assert_int_equal(server_reply(server, &job, now, reply),
	    WIRE_REPLY_LEN);
	r = request_of(2, WIRE_FLUSH, "spammer", NULL);
	d.len = wire_build(&r, &none, buf);
	server_receive(server, d, &local, now, &job);
	settle();
	assert_string_equal(contents(0), "");
	r.time -= 61;
	d.len = wire_build(&r, &none, buf);
	assert_int_equal(server_receive(server, d, &local, now, &job),
	    SERVER_CLOCK);
}

static void
a_forced_table_is_used_whatever_is_asked_for(void **state)
{
	(void)state;
	server_free(server);
	config.force = 1;
	start();
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "unheard-of", "203.0.113.8"),
	    SERVER_TAKEN);
	assert_string_equal(contents(0), "");
	assert_string_equal(contents(1), "203.0.113.7 3600, 203.0.113.8 3600");
}

static void
one_datagram_may_be_refused_in_part(void **state)
{
	static const char *const what[] = { "203.0.113.7", "192.0.2.7",
		"203.0.113.8", "0.0.0.0/0" };
	struct wire_request r = request_of(3, WIRE_ADD, "spammer", NULL);
	uint8_t buf[WIRE_REPLY_LEN];
	struct wire_reply reply;

	(void)state;
	for (r.n = 0; r.n < ROWS(what); r.n++)
		r.entries[r.n].prefix = prefix(what[r.n]);
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_NEVER);
	assert_string_equal(contents(0), "203.0.113.7 3600, 203.0.113.8 3600");
	assert_int_equal(server_reply(server, &job, now, buf), sizeof(buf));
	assert_int_equal(wire_reply_parse((struct span) { (char *)buf,
					      sizeof(buf) },
			     &keys[1], job.mac, &reply),
	    PH_OK);
	assert_int_equal(reply.status, WIRE_NEVER);
	assert_int_equal(reply.refused, 0xa);
	assert_int_equal(reply.nonce, r.nonce);
}

static void
there_is_room_for_so_many(void **state)
{
	char text[32];
	size_t i;

	(void)state;
	for (i = 0; i < config.max; i++) {
		snprintf(text, sizeof(text), "203.0.113.%zu", i + 1);
		assert_int_equal(say(WIRE_ADD, "spammer", text), SERVER_TAKEN);
	}
	assert_int_equal(say(WIRE_ADD, "blocked", "203.0.113.99"), SERVER_FULL);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.1"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_DELETE, "spammer", "203.0.113.1"),
	    SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "blocked", "203.0.113.99"),
	    SERVER_TAKEN);
}

static void
a_datagram_counts_once(void **state)
{
	uint8_t version, buf[WIRE_REPLY_LEN];
	struct wire_request r;
	int64_t at;

	(void)state;
	for (version = 1; version <= 3; version++) {
		now = T0 + version * 1000 * SEC;
		r = request_of(version, WIRE_ADD, "spammer", "203.0.113.7");
		/* From a clock that is fast: good for two minutes. */
		r.time += 60;
		assert_int_equal(send_signed(&r, &keys[1]), SERVER_TAKEN);
		for (at = now; now < at + 120 * SEC; now += 7 * SEC) {
			assert_int_equal(send_signed(&r, &keys[1]),
			    SERVER_REPLAY);
			assert_int_equal(server_reply(server, &job, now, buf),
			    0);
		}
		now = at + 120 * SEC;
		assert_int_equal(send_signed(&r, &keys[1]), SERVER_REPLAY);
		now = at + 120 * SEC + 1;
		assert_int_equal(send_signed(&r, &keys[1]), SERVER_CLOCK);
		/* And even if our clock is set back later. */
		for (now = at; now < at + 600 * SEC; now += 30 * SEC)
			assert_int_equal(say(WIRE_ADD, "spammer",
					     "203.0.113.7"),
			    SERVER_TAKEN);
		now = at;
		assert_int_equal(send_signed(&r, &keys[1]), SERVER_REPLAY);
	}
}

/* The keys of what is not needed any more. */
static uint64_t stale[KEPT];

static void
begin_again(void)
{
	size_t i, nstale = 0;
	int rounds;

	server_free(server);
	start();
	for (i = 0; i < nkept; i++)
		if (server_load(server, kept[i].key, kept[i].p, kept[i].len,
			now) != PH_OK)
			stale[nstale++] = kept[i].key;
	while (nstale > 0)
		on_keep(NULL, stale[--nstale], NULL, 0);
	server_loaded(server, now);
	for (rounds = 0; server_resume(server, 2, now); rounds++)
		assert_true(rounds < 100);
	server_expire(server, 100, now);
	settle();
}

static void
restart(void)
{
	server_end(server);
	begin_again();
}

static void
without_an_end_nothing_counts_from_before(void **state)
{
	struct wire_request r =
	    request_of(2, WIRE_ADD, "spammer", "203.0.113.7");

	(void)state;
	restart();
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_TAKEN);
	/* Killed, with a state file that is from before that. */
	nkept = 0;
	now += 2 * SEC;
	begin_again();
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_REPLAY);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.8"), SERVER_TAKEN);
	/* An end is good for one beginning. */
	now += 10 * SEC;
	restart();
	r = request_of(2, WIRE_ADD, "spammer", "203.0.113.9");
	r.time--;
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_TAKEN);
	now += 2 * SEC;
	begin_again();
	r.time++;
	assert_int_equal(send_signed(&r, &keys[1]), SERVER_REPLAY);
}

static void
a_restart_forgets_neither_entries_nor_datagrams(void **state)
{
	struct wire_request r2, r3;

	(void)state;
	r2 = request_of(2, WIRE_ADD, "spammer", "203.0.113.7");
	r3 = request_of(3, WIRE_ADD, "blocked", "203.0.113.0/28");
	assert_int_equal(send_signed(&r2, &keys[1]), SERVER_TAKEN);
	assert_int_equal(send_signed(&r3, &keys[1]), SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.8"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_DELETE, "spammer", "203.0.113.8"),
	    SERVER_TAKEN);
	now += 50 * SEC;
	nheld = 0; /* the machine, too, was started again */
	restart();
	assert_string_equal(contents(0), "203.0.113.7 3550");
	assert_string_equal(contents(1), "203.0.113.0/28 3550");
	assert_int_equal(send_signed(&r2, &keys[1]), SERVER_REPLAY);
	assert_int_equal(send_signed(&r3, &keys[1]), SERVER_REPLAY);
	/* And again. */
	restart();
	assert_int_equal(send_signed(&r2, &keys[1]), SERVER_REPLAY);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.9"), SERVER_TAKEN);
	/* What ends while nobody looks is removed at the start. */
	now = T0 + 3600 * SEC;
	restart();
	assert_string_equal(contents(0), "203.0.113.9 50");
	assert_string_equal(contents(1), "");
	assert_int_equal(counters().entries, 1);
	/* Everything is too old by now, and still nothing comes again. */
	now = T0 + 10 * SEC;
	assert_int_equal(send_signed(&r3, &keys[1]), SERVER_REPLAY);
}

static void
a_restart_heeds_a_new_configuration(void **state)
{
	static const char *const tables[] = { "other", "spammer" };
	struct prefix never = prefix("203.0.113.0/28");

	(void)state;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.77"),
	    SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "blocked", "203.0.113.8"), SERVER_TAKEN);
	config.table = tables;
	config.never = &never;
	config.nnever = 1;
	nheld = 0;
	restart();
	assert_string_equal(contents(0), "");
	assert_string_equal(contents(1), "203.0.113.77 3600");
	assert_int_equal(counters().entries, 1);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.78"),
	    SERVER_TAKEN);
	config.max = 1;
	restart();
	assert_int_equal(counters().entries, 1);
	assert_int_equal(nheld, 1);
}

static void
what_is_not_needed_is_not_kept(void **state)
{
	char text[32];
	int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "203.0.113.%d", i % 5 + 1);
		assert_int_equal(say(i % 3 == 0 ? WIRE_DELETE : WIRE_ADD,
				     "spammer", text),
		    SERVER_TAKEN);
		pass(20 * SEC);
	}
	/* At most 5 entries, 3 generations of a chunk each, and a floor. */
	assert_true(nkept <= 9);
	assert_true(counters().remembered <= 12);
}

static void
the_filter_is_not_told_of_an_entry_within_another(void **state)
{
	(void)state;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.64/26"),
	    SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.65"),
	    SERVER_TAKEN);
	pass(1000 * SEC);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.112.0/23"),
	    SERVER_TAKEN);
	assert_string_equal(contents(0), "203.0.112.0/23 3600");
	assert_int_equal(say(WIRE_ADD, "blocked", "203.0.112.9"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.9"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.200"),
	    SERVER_TAKEN);
	assert_int_equal(say(WIRE_DELETE, "spammer", "203.0.113.200"),
	    SERVER_TAKEN);
	assert_string_equal(contents(0), "203.0.112.0/23 3600");
	assert_int_equal(say(WIRE_DELETE, "spammer", "203.0.112.0/23"),
	    SERVER_TAKEN);
	assert_string_equal(contents(0),
	    "203.0.113.7 2600, 203.0.113.9 3600, 203.0.113.64/26 2600");
	/* The same when its time is over. */
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.70"),
	    SERVER_TAKEN);
	pass(2600 * SEC);
	assert_string_equal(contents(0), "203.0.113.9 3600, 203.0.113.70 1000");
	assert_int_equal(say(WIRE_FLUSH, "spammer", NULL), SERVER_TAKEN);
	assert_string_equal(contents(0), "");
	assert_int_equal(counters().entries, 1);
	/* After a restart as before it. */
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.0/24"),
	    SERVER_TAKEN);
	nheld = 0;
	restart();
	assert_string_equal(contents(0), "203.0.113.0/24 3600");
}

static void
what_the_filter_refuses_is_not_entered(void **state)
{
	uint8_t buf[WIRE_REPLY_LEN];

	(void)state;
	answer = PH_EGONE;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"),
	    SERVER_FILTER);
	assert_int_equal(server_reply(server, &job, now, buf), sizeof(buf));
	assert_int_equal(buf[2], WIRE_REFUSED);
	assert_int_equal(counters().entries, 0);
	assert_int_equal(nkept, 1); /* that the datagram came */
	assert_int_equal(say(WIRE_FLUSH, "spammer", NULL), SERVER_FILTER);
	answer = PH_EEXIST;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	assert_int_equal(counters().entries, 1);
	/* Renewing fails: the old one is still there, and will end. */
	answer = PH_EGONE;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"),
	    SERVER_FILTER);
	assert_int_equal(counters().entries, 1);
	answer = PH_EDENIED;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.8"), SERVER_NEVER);
	assert_int_equal(counters().entries, 1);
}

static void
what_may_have_been_done_is_undone(void **state)
{
	(void)state;
	answer = PH_EIO;
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"),
	    SERVER_FILTER);
	assert_int_equal(counters().entries, 1);
	pass(0);
	pass(5 * SEC);
	assert_int_equal(counters().entries, 1);
	answer = PH_OK;
	nchanges = 0;
	pass(6 * SEC);
	assert_int_equal(nchanges, 1);
	assert_int_equal(counters().entries, 0);
	/* A deletion that fails is tried again, too. */
	assert_int_equal(say(WIRE_ADD, "spammer", "203.0.113.7"), SERVER_TAKEN);
	answer = PH_EAGAIN;
	assert_int_equal(say(WIRE_DELETE, "spammer", "203.0.113.7"),
	    SERVER_FILTER);
	answer = PH_OK;
	assert_string_equal(contents(0), "203.0.113.7 3600");
	pass(10 * SEC);
	assert_string_equal(contents(0), "");
	assert_int_equal(counters().entries, 0);
	assert_int_equal(counters().expired, 1); /* the one undone */
}

static void
answers_that_come_late_do_no_harm(void **state)
{
	(void)state;
	hold_back = true;
	say(WIRE_ADD, "spammer", "203.0.113.7");
	say(WIRE_DELETE, "spammer", "203.0.113.7");
	say(WIRE_ADD, "spammer", "203.0.113.7");
	say(WIRE_FLUSH, "spammer", NULL);
	say(WIRE_ADD, "spammer", "203.0.113.8");
	say(WIRE_ADD, "spammer", "203.0.113.0/24");
	say(WIRE_FLUSH, "spammer", NULL);
	say(WIRE_ADD, "spammer", "203.0.113.9");
	/* Their jobs are gone by now. */
	while (nwaiting > 0 && waiting[nwaiting - 1].job != NULL)
		waiting[--nwaiting].job = NULL;
	nwaiting = nchanges;
	settle();
	assert_string_equal(contents(0), "203.0.113.9 3600");
	assert_int_equal(counters().entries, 1);
}

static void
every_verdict_has_a_text(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < SERVER_NVERDICTS; i++)
		assert_string_not_equal(server_verdict_text(
					    (enum server_verdict)i),
		    "?");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(entries_come_and_go),
		CASE(all_three_versions_work),
		CASE(an_entry_ends_and_may_begin_anew),
		CASE(without_a_timeout_entries_stay),
		CASE(what_is_refused_is_counted_apart),
		CASE(strangers_get_no_answer),
		CASE(without_a_key_only_this_machine_may),
		CASE(a_forced_table_is_used_whatever_is_asked_for),
		CASE(one_datagram_may_be_refused_in_part),
		CASE(there_is_room_for_so_many),
		CASE(a_datagram_counts_once),
		CASE(without_an_end_nothing_counts_from_before),
		CASE(a_restart_forgets_neither_entries_nor_datagrams),
		CASE(a_restart_heeds_a_new_configuration),
		CASE(what_is_not_needed_is_not_kept),
		CASE(the_filter_is_not_told_of_an_entry_within_another),
		CASE(what_the_filter_refuses_is_not_entered),
		CASE(what_may_have_been_done_is_undone),
		CASE(answers_that_come_late_do_no_harm),
		CASE(every_verdict_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
