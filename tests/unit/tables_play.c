/* SPDX-License-Identifier: ISC */
#include "tests/unit/tables_play.h"

#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "src/base/strbuf.h"

struct paper paper;
struct server *server;
struct server_config config;
struct server_job job;
struct key keys[2];
int64_t now;
static uint64_t nonce;
const struct addr stranger = { AF_INET, { 198, 51, 100, 1 } };

static enum ph_err
filter(const struct server_change *c)
{
	size_t i, k;

	if (paper.answer != PH_OK)
		return paper.answer;
	for (i = k = 0; i < paper.n; i++) {
		if (paper.held[i].table == c->table &&
		    (c->command == SERVER_FLUSH ||
			prefix_cmp(&paper.held[i].prefix, &c->prefix) == 0))
			continue;
		paper.held[k++] = paper.held[i];
	}
	paper.n = k;
	if (c->command != SERVER_ADD)
		return PH_OK;
	for (i = 0; i < paper.n; i++)
		if (paper.held[i].table == c->table &&
		    (prefix_contains(&paper.held[i].prefix, &c->prefix.addr) ||
			prefix_contains(&c->prefix,
			    &paper.held[i].prefix.addr)))
			fail_msg("an overlap was told to the filter");
	assert_true(paper.n < PAPER_HELD);
	paper.held[paper.n].table = c->table;
	paper.held[paper.n].prefix = c->prefix;
	paper.held[paper.n++].ttl_s = c->ttl_s;
	return PH_OK;
}

static void
on_change(void *ctx, const struct server_change *c)
{
	(void)ctx;
	paper.changes++;
	assert_true(paper.nwaiting < PAPER_WAITING);
	paper.waiting[paper.nwaiting++] = *c;
}

void
tables_settle(void)
{
	size_t i;

	for (i = 0; i < paper.nwaiting; i++)
		server_changed(server, &paper.waiting[i],
		    filter(&paper.waiting[i]), now);
	paper.nwaiting = 0;
}

static void
on_keep(void *ctx, uint64_t key, const void *p, size_t len)
{
	size_t i;

	(void)ctx;
	assert_true(len <= STATE_MAX);
	for (i = 0; i < paper.nkept && paper.kept[i].key != key; i++)
		;
	if (len == 0) {
		if (i < paper.nkept)
			paper.kept[i] = paper.kept[--paper.nkept];
		return;
	}
	assert_true(i < PAPER_KEPT);
	if (i == paper.nkept)
		paper.nkept++;
	paper.kept[i].key = key;
	paper.kept[i].len = len;
	memcpy(paper.kept[i].p, p, len);
}

struct prefix
tables_prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(span_of(text), &p), PH_OK);
	return p;
}

void
tables_start(void)
{
	struct server_sink sink = { NULL, on_change, on_keep };

	server = server_new(&config, &sink);
	assert_non_null(server);
}

int
tables_setup(void **state)
{
	/* The last is not one that may be changed. */
	static const char *const tables[] = { "spammer", "blocked",
		"unlisted" };
	static struct prefix never[2];

	(void)state;
	never[0] = tables_prefix("192.0.2.0/24");
	never[1] = tables_prefix("2001:db8:2::/64");
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
	paper.n = paper.changes = paper.nwaiting = paper.nkept = 0;
	paper.answer = PH_OK;
	paper.hold_back = false;
	now = T0;
	nonce = 1;
	tables_start();
	return 0;
}

int
tables_teardown(void **state)
{
	struct server_counters c = tables_counters();

	(void)state;
	assert_counted(&c);
	server_free(server);
	return 0;
}

struct wire_request
tables_request(uint8_t version, uint8_t command, const char *table,
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
		r.entries[0].prefix = tables_prefix(what);
	}
	return r;
}

enum server_verdict
tables_send(const struct wire_request *r, const struct key *k)
{
	uint8_t buf[WIRE_MAX];
	size_t n = wire_build(r, k, buf);

	assert_true(n > 0);
	server_receive(server, (struct span) { (char *)buf, n }, &stranger, now,
	    &job);
	server_keep(server);
	if (!paper.hold_back)
		tables_settle();
	return job.verdict;
}

enum server_verdict
tables_say(uint8_t command, const char *table, const char *what)
{
	struct wire_request r = tables_request(3, command, table, what);

	return tables_send(&r, &keys[1]);
}

const char *
tables_contents(uint16_t table)
{
	static char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	char addr[ADDR_STRLEN];
	size_t i;

	strbuf_reset(&b);
	for (i = 0; i < paper.n; i++)
		if (paper.held[i].table == table)
			strbuf_fmt(&b, "%s%s %u", b.len > 0 ? ", " : "",
			    prefix_format(&paper.held[i].prefix, addr),
			    paper.held[i].ttl_s);
	return text;
}

void
tables_pass(int64_t usec)
{
	now += usec;
	server_expire(server, 100, now);
	tables_settle();
}

struct server_counters
tables_counters(void)
{
	struct server_counters c;

	server_counters(server, &c);
	return c;
}

/* The keys of what is not needed any more. */
static uint64_t stale[PAPER_KEPT];

void
tables_begin_again(void)
{
	size_t i, nstale = 0;
	int rounds;

	server_free(server);
	tables_start();
	for (i = 0; i < paper.nkept; i++)
		if (server_load(server, paper.kept[i].key, paper.kept[i].p,
			paper.kept[i].len, now) != PH_OK)
			stale[nstale++] = paper.kept[i].key;
	while (nstale > 0)
		on_keep(NULL, stale[--nstale], NULL, 0);
	server_loaded(server, now);
	for (rounds = 0; server_resume(server, 2, now); rounds++)
		assert_true(rounds < 100);
	server_expire(server, 100, now);
	tables_settle();
}

void
tables_restart(void)
{
	server_end(server);
	tables_begin_again();
}
