/* SPDX-License-Identifier: ISC */
/*
 * All that the server says while it works, word by word: changes for the packet
 * filter, records for the state file, verdicts and counters.  What it should
 * say is in tests/data/tables_script.txt; UPDATE=1 in the environment writes
 * that file.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/strbuf.h"
#include "tables/entries.h"
#include "tests/unit/starve.h"
#include "tests/unit/tables_play.h"

#define JOBS	64
#define CHANGES 64

static struct server_job jobs[JOBS];
static size_t njobs;
static struct server_change told[CHANGES]; /* and not answered */
static size_t ntold, nanswered;
static char text[16384], golden[65536];
static struct strbuf out;
static uint64_t nonce;
static bool in_batch; /* chunks are kept later */

/* The part of the file that is called so: down to the next "# ". */
static void
as_written(const char *name)
{
	char head[80], *begin, *end;
	FILE *f;

	assert_false(out.full);
	snprintf(head, sizeof(head), "# %s\n", name);
	if (getenv("UPDATE") != NULL) {
		assert_non_null(f = fopen(GOLDEN, "a"));
		fprintf(f, "%s%s", head, text);
		fclose(f);
		return;
	}
	assert_non_null(begin = strstr(golden, head));
	begin += strlen(head);
	if ((end = strstr(begin, "\n# ")) != NULL)
		end[1] = '\0';
	assert_string_equal(text, begin);
	if (end != NULL)
		end[1] = '#';
}

static int
read_golden(void **state)
{
	FILE *f;
	size_t n;

	(void)state;
	f = fopen(GOLDEN, getenv("UPDATE") != NULL ? "w+" : "r");
	if (f == NULL)
		return -1;
	n = fread(golden, 1, sizeof(golden) - 1, f);
	golden[n] = '\0';
	fclose(f);
	return n < sizeof(golden) - 1 ? 0 : -1;
}

static const char *
shown(const struct prefix *p)
{
	static char buf[ADDR_STRLEN];

	return prefix_format(p, buf);
}

/* Seconds since the beginning. */
static void
put_time(int64_t at)
{
	if (at == INT64_MAX)
		strbuf_str(&out, "ever");
	else if ((at - T0) % SEC == 0)
		strbuf_fmt(&out, "%d", (int)((at - T0) / SEC));
	else
		strbuf_fmt(&out, "%.6f", (double)(at - T0) / SEC);
}

/* "add 0 203.0.113.7 60s #1 by 0.0;": stamp, job and which entry of it. */
static void
on_change(void *ctx, const struct server_change *c)
{
	static const char *const names[] = { "add", "delete", "flush" };

	(void)ctx;
	assert_true(ntold < CHANGES);
	told[ntold++] = *c;
	strbuf_fmt(&out, " %s %u", names[c->command], c->table);
	if (c->command != SERVER_FLUSH)
		strbuf_fmt(&out, " %s", shown(&c->prefix));
	if (c->command == SERVER_ADD)
		strbuf_fmt(&out, " %us", c->ttl_s);
	strbuf_fmt(&out, " #%u", (unsigned int)c->stamp);
	if (c->job != NULL)
		strbuf_fmt(&out, " by %d.%u", (int)(c->job - jobs), c->entry);
	strbuf_str(&out, c->hidden ? " hidden;" : ";");
}

/* "[1 t 203.0.113.7 until 60]", "[chunk 1 of 2 latest 0]", "[floor 3]" */
static void
on_keep(void *ctx, uint64_t key, const void *p, size_t len)
{
	struct state_record r;

	(void)ctx;
	strbuf_str(&out, " [");
	if (len == 0) {
		strbuf_fmt(&out, "forget %s%u]",
		    key & STATE_KEY_CHUNK ? "chunk " : "",
		    (unsigned int)(key & 0xffff));
		return;
	}
	assert_int_equal(state_decode(key, p, len, &r), PH_OK);
	switch (r.kind) {
	case STATE_ENTRY:
		strbuf_fmt(&out, "%u %s %s until ", (unsigned int)key,
		    r.u.entry.table, shown(&r.u.entry.prefix));
		put_time(r.u.entry.until);
		break;
	case STATE_CHUNK:
		strbuf_fmt(&out, "chunk %u of %u latest ",
		    (unsigned int)r.u.chunk.number, r.u.chunk.n);
		put_time(r.u.chunk.latest * SEC);
		break;
	case STATE_FLOOR:
		strbuf_str(&out, "floor ");
		put_time(r.u.floor * SEC);
		break;
	case STATE_END:
		strbuf_str(&out, "end");
		break;
	}
	strbuf_str(&out, "]");
}

static void
start(void)
{
	struct server_sink sink = { NULL, on_change, on_keep };

	server = server_new(&config, &sink);
	assert_non_null(server);
	njobs = ntold = nanswered = 0;
	nonce = 0;
}

static int
setup(void **state)
{
	tables_setup(state);
	server_free(server);
	out = strbuf_of(text, sizeof(text));
	strbuf_reset(&out);
	in_batch = false;
	start();
	return 0;
}

static void
put_verdict(const struct server_job *j)
{
	strbuf_fmt(&out, " = %s", server_verdict_name(j->verdict));
	if (j->refused != 0)
		strbuf_fmt(&out, " refused %x", (unsigned int)j->refused);
	if (j->pending != 0)
		strbuf_fmt(&out, " pending %u", j->pending);
}

/* Prefixes with a space between them, and the same time for all. */
static void
say(uint8_t command, const char *table, const char *what, uint32_t ttl_s)
{
	struct wire_request r = { .version = 3,
		.command = command,
		.time = (uint32_t)(now / SEC),
		.nonce = ++nonce,
		.key = "mail" };
	struct span rest = span_of(what), word;
	uint8_t buf[WIRE_MAX];
	size_t n;

	strlcpy(r.table, table, sizeof(r.table));
	while (rest.len > 0) {
		word = span_cut(rest, ' ', &rest);
		assert_int_equal(prefix_parse(word, &r.entries[r.n].prefix),
		    PH_OK);
		r.entries[r.n++].ttl_s = ttl_s;
	}
	n = wire_build(&r, &keys[1], buf);
	assert_true(n > 0 && njobs < JOBS);
	strbuf_fmt(&out, "%s:", what[0] != '\0' ? what : "all");
	server_receive(server, (struct span) { (char *)buf, n }, &stranger, now,
	    &jobs[njobs]);
	if (!in_batch)
		server_keep(server);
	put_verdict(&jobs[njobs++]);
	strbuf_str(&out, "\n");
}

static void
add(const char *what, uint32_t ttl_s)
{
	say(WIRE_ADD, "spammer", what, ttl_s);
}

static void
delete_it(const char *what)
{
	say(WIRE_DELETE, "spammer", what, 0);
}

/* The answer to the next change. */
static void
answer(enum ph_err err)
{
	struct server_change *c = &told[nanswered++];

	assert_true(nanswered <= ntold);
	strbuf_fmt(&out, "  #%u %d:", (unsigned int)c->stamp, err);
	server_changed(server, c, err, now);
	if (c->job != NULL)
		put_verdict(c->job);
	strbuf_str(&out, "\n");
}

static void
answer_all(enum ph_err err)
{
	while (nanswered < ntold)
		answer(err);
}

static void
expire_at(size_t n, int64_t at)
{
	now = at;
	strbuf_str(&out, "at ");
	put_time(at);
	strbuf_str(&out, ":");
	server_expire(server, n, at);
	strbuf_str(&out, "\n");
}

static void
put_count(const char *name, uint64_t n)
{
	if (n != 0)
		strbuf_fmt(&out, " %s %u", name, (unsigned int)n);
}

/* What is not zero, and when the next entry is due. */
static void
count(void)
{
	struct server_counters c;
	size_t i;

	server_counters(server, &c);
	put_count("added", c.added);
	put_count("renewed", c.renewed);
	put_count("removed", c.removed);
	put_count("flushed", c.flushed);
	put_count("expired", c.expired);
	for (i = 0; i < SERVER_NVERDICTS; i++)
		put_count(server_verdict_name((enum server_verdict)i),
		    c.verdict[i]);
	put_count("received", c.received);
	put_count("entries", c.entries);
	strbuf_str(&out, " next ");
	put_time(server_next(server));
	strbuf_str(&out, "\n");
}

static void
an_entry_lives_and_ends(void **state)
{
	(void)state;
	add("203.0.113.7 2001:db8:9::/48", 60);
	answer_all(PH_OK);
	count();
	/* Its time begins anew, and may be shorter. */
	now += 10 * SEC;
	add("203.0.113.7", 20);
	answer_all(PH_EEXIST);
	count();
	expire_at(9, T0 + 30 * SEC - 1);
	expire_at(0, T0 + 30 * SEC);
	expire_at(9, T0 + 30 * SEC);
	/* The filter is asked again in ten seconds. */
	count();
	answer_all(PH_EAGAIN);
	expire_at(9, T0 + 40 * SEC - 1);
	expire_at(9, T0 + 40 * SEC);
	answer_all(PH_OK);
	count();
	expire_at(1, T0 + 60 * SEC);
	answer_all(PH_EGONE);
	count();
	as_written(__func__);
}

static void
the_filter_holds_the_widest(void **state)
{
	(void)state;
	add("203.0.113.7 203.0.113.16/28 203.0.113.17", 100);
	answer_all(PH_OK);
	add("198.51.100.0/24 198.51.100.9", 50);
	answer_all(PH_OK);
	/* Hidden by one that is wider, each once. */
	add("203.0.113.0/24", 80);
	answer_all(PH_OK);
	add("203.0.113.7", 30);
	add("203.0.113.8", 90);
	delete_it("203.0.113.17");
	delete_it("203.0.113.99");
	count();
	/* Those come back that live. */
	expire_at(9, T0 + 40 * SEC);
	delete_it("203.0.113.0/24");
	answer_all(PH_OK);
	count();
	/* Over, but perhaps still in the filter: it is hidden, too. */
	now = T0 + 95 * SEC;
	add("203.0.112.0/20", 50);
	answer_all(PH_OK);
	expire_at(9, T0 + 100 * SEC);
	answer_all(PH_OK);
	expire_at(9, T0 + 145 * SEC);
	answer_all(PH_OK);
	count();
	as_written(__func__);
}

static const enum ph_err errors[] = { PH_OK, PH_EEXIST, PH_EAGAIN, PH_EIO,
	PH_EDENIED, PH_EGONE, PH_ELIMIT };

static size_t row_begin;

/* What came before is the same in each row: it is written in the first. */
static void
the_same(size_t row)
{
	if (row == 0)
		return;
	out.len = row_begin;
	text[out.len] = '\0';
}

/* Begin again, for a row of a table. */
static void
again(void)
{
	row_begin = out.len;
	server_free(server);
	now = T0;
	start();
}

static void
an_addition_is_answered(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(errors); i++) {
		again();
		add("203.0.113.7", 60);
		now += SEC;
		the_same(i);
		answer(errors[i]);
		count();
	}
	strbuf_str(&out, "renewed\n");
	for (i = 0; i < ROWS(errors); i++) {
		again();
		add("203.0.113.7", 60);
		answer(PH_OK);
		now += SEC;
		add("203.0.113.7", 70);
		the_same(i);
		answer(errors[i]);
		count();
	}
	as_written(__func__);
}

static void
an_answer_that_is_late_changes_nothing(void **state)
{
	size_t i;

	(void)state;
	/* Added again before the first answer: only the second counts. */
	for (i = 0; i < ROWS(errors); i++) {
		again();
		add("203.0.113.7", 60);
		add("203.0.113.7", 70);
		the_same(i);
		answer(errors[i]);
		answer(PH_OK);
		count();
	}
	strbuf_str(&out, "covering\n");
	for (i = 0; i < ROWS(errors); i++) {
		again();
		add("203.0.113.7", 60);
		answer(PH_OK);
		add("203.0.113.0/24", 70);
		answer(PH_OK);
		the_same(i);
		answer(errors[i]);
		answer_all(PH_OK);
		count();
	}
	as_written(__func__);
}

static void
a_deletion_is_answered(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(errors); i++) {
		again();
		add("203.0.113.7", 60);
		answer(PH_OK);
		now += SEC;
		delete_it("203.0.113.7");
		the_same(i);
		answer(errors[i]);
		count();
	}
	strbuf_str(&out, "unknown\n");
	for (i = 0; i < ROWS(errors); i++) {
		again();
		delete_it("203.0.113.7");
		the_same(i);
		answer(errors[i]);
		count();
	}
	strbuf_str(&out, "added again\n");
	for (i = 0; i < ROWS(errors); i++) {
		again();
		add("203.0.113.7", 60);
		answer(PH_OK);
		delete_it("203.0.113.7");
		add("203.0.113.7", 70);
		the_same(i);
		answer(errors[i]);
		answer(PH_OK);
		count();
	}
	as_written(__func__);
}

static void
a_flush_is_answered(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(errors); i++) {
		again();
		add("203.0.113.7 203.0.113.8", 60);
		say(WIRE_ADD, "blocked", "203.0.113.7", 60);
		answer_all(PH_OK);
		say(WIRE_FLUSH, "spammer", "", 0);
		add("203.0.113.8", 70);
		the_same(i);
		answer(errors[i]);
		answer(PH_OK);
		/* Those that the flush has taken are new, or renewed. */
		add("203.0.113.7 203.0.113.8", 70);
		count();
	}
	strbuf_str(&out, "twice\n");
	for (i = 0; i < ROWS(errors); i++) {
		again();
		add("203.0.113.7", 60);
		answer(PH_OK);
		say(WIRE_FLUSH, "spammer", "", 0);
		say(WIRE_FLUSH, "spammer", "", 0);
		the_same(i);
		answer(errors[i]);
		add("203.0.113.7", 70);
		answer(PH_OK);
		count();
	}
	as_written(__func__);
}

static void
a_request_is_refused_as_a_whole_or_in_part(void **state)
{
	static const struct addr own[2] = { { AF_INET, { 203, 0, 113, 1 } },
		{ AF_INET6, { 0x20, 1, 0xd, 0xb8, [15] = 9 } } };

	(void)state;
	server_set_own(server, own, 2);
	say(WIRE_ADD, "unlisted", "203.0.113.7", 0);
	say(WIRE_FLUSH, "unlisted", "", 0);
	say(4, "spammer", "203.0.113.7 203.0.113.8", 0);
	say(0, "spammer", "203.0.113.7", 0);
	add("0.0.0.0/0 203.0.113.7 ::/0", 0);
	delete_it("203.0.113.7 ::/0 203.0.113.8");
	add("192.0.2.255 192.0.3.0 192.0.2.0/23 2001:db8:2::1 2001:db8:3::1",
	    0);
	add("203.0.113.1 203.0.113.0/31 203.0.113.2/31 2001:db8::9", 0);
	add("126.255.255.255 127.0.0.0 127.255.255.255 128.0.0.0 127.0.0.0/7",
	    0);
	add("::1 ::2 ::/127 ::ffff:0.0.0.0 ::fffe:0:0", 0);
	count();
	/* A time of its own, up to the longest. */
	server_free(server);
	start();
	add("203.0.113.7", 3599);
	add("203.0.113.8", 3600);
	add("203.0.113.9", 3601);
	add("203.0.113.10", 0);
	config.max = 5;
	server_free(server);
	start();
	add("203.0.113.1 203.0.113.2 203.0.113.3 203.0.113.4 203.0.113.5", 9);
	add("203.0.113.6 203.0.113.5", 9);
	count();
	as_written(__func__);
}

static void
chunks_are_kept_when_they_are_needed(void **state)
{
	size_t before;
	int i;

	(void)state;
	/* Within one batch a chunk is kept once, at its end. */
	in_batch = true;
	delete_it("203.0.113.7");
	delete_it("203.0.113.7");
	server_keep(server);
	server_keep(server);
	strbuf_str(&out, "\n");
	/* A later datagram keeps what was left. */
	delete_it("203.0.113.7");
	now++;
	delete_it("203.0.113.7");
	server_keep(server);
	strbuf_str(&out, "\n");
	/* A full one at once. */
	before = out.len;
	for (i = 4; i < 62; i++) {
		njobs = ntold = 0;
		delete_it("203.0.113.7");
		out.len = before;
		text[before] = '\0';
	}
	njobs = ntold = 0;
	delete_it("203.0.113.7");
	delete_it("203.0.113.7");
	delete_it("203.0.113.7");
	server_keep(server);
	strbuf_str(&out, "\n");
	/* A minute later another is begun; after three, the first goes. */
	in_batch = false;
	for (i = 1; i <= 4; i++) {
		now = T0 + i * 60 * SEC;
		delete_it("203.0.113.7");
	}
	now++;
	delete_it("203.0.113.7");
	/* The end of it all. */
	now += 500 * SEC;
	in_batch = true;
	delete_it("203.0.113.7");
	server_end(server);
	strbuf_str(&out, "\n");
	count();
	as_written(__func__);
}

/* A record as another process has written it. */
static void
load(uint64_t id, const char *table, const char *prefix, int64_t until)
{
	struct state_record r = { .kind = STATE_ENTRY };
	uint8_t buf[STATE_MAX];
	uint64_t key;
	size_t len;

	r.u.entry.id = id;
	strlcpy(r.u.entry.table, table, sizeof(r.u.entry.table));
	r.u.entry.prefix = tables_prefix(prefix);
	r.u.entry.until = until;
	len = state_encode(&r, &key, buf);
	strbuf_fmt(&out, "%u %s %s:", (unsigned int)id, table, prefix);
	strbuf_fmt(&out, " %d\n", server_load(server, key, buf, len, now));
}

static void
resume(size_t n)
{
	strbuf_fmt(&out, "%zu:", n);
	strbuf_str(&out, server_resume(server, n, now) ? " more\n" : " all\n");
}

static void
what_was_kept_is_told_again(void **state)
{
	struct state_record end = { .kind = STATE_END };
	uint8_t buf[STATE_MAX];
	uint64_t key;
	size_t len = state_encode(&end, &key, buf);

	(void)state;
	config.max = 7;
	again();
	resume(1); /* there is nothing */
	load(7, "spammer", "203.0.113.7", T0 + 60 * SEC);
	load(9, "unlisted", "203.0.113.7", T0 + 60 * SEC);
	load(8, "spammer", "203.0.113.7", T0 + 90 * SEC);
	load(2, "blocked", "203.0.113.7", INT64_MAX); /* within another */
	load(3, "blocked", "203.0.114.7", INT64_MAX);
	load(4, "spammer", "192.0.2.7", INT64_MAX); /* never */
	load(5, "spammer", "203.0.113.8", T0);	    /* over */
	load(6, "spammer", "203.0.113.9", T0 + 1);
	load(10, "blocked", "203.0.113.0/24", T0 + 30 * SEC);
	load(11, "blocked", "198.51.100.0", INT64_MAX); /* no room */
	assert_int_equal(server_load(server, key, buf, len, now), PH_EGONE);
	server_loaded(server, now);
	count();
	resume(0);
	resume(2);
	resume(2);
	resume(1);
	resume(2);
	resume(1);
	resume(9);
	expire_at(9, T0);
	answer_all(PH_OK);
	count();
	server_begin_again(server);
	resume(9);
	/* Numbers go on behind those that were loaded. */
	add("203.0.113.99", 60);
	/* Without an end, the past does not count. */
	again();
	server_loaded(server, T0);
	again();
	server_loaded(server, T0 - 1);
	as_written(__func__);
}

static void
a_server_has_so_many_tables(void **state)
{
	static const size_t n[] = { 0, 1, 65535, 65536 };
	struct server_sink sink = { NULL, on_change, on_keep };
	struct server *s;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(n); i++) {
		config.ntable = n[i];
		s = server_new(&config, &sink);
		assert_int_equal(s != NULL, n[i] == 1 || n[i] == 65535);
		server_free(s);
	}
	/* Without memory there is no server. */
	config.ntable = 2;
	for (i = 1;; i++) {
		starve((unsigned int)i);
		s = server_new(&config, &sink);
		(void)starve_end();
		if (s != NULL)
			break;
	}
	assert_int_equal(i, 5);
	server_free(s);
}

#define SCRIPT(f) cmocka_unit_test_setup_teardown(f, setup, tables_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPT(an_entry_lives_and_ends),
		SCRIPT(the_filter_holds_the_widest),
		SCRIPT(an_addition_is_answered),
		SCRIPT(an_answer_that_is_late_changes_nothing),
		SCRIPT(a_deletion_is_answered),
		SCRIPT(a_flush_is_answered),
		SCRIPT(a_request_is_refused_as_a_whole_or_in_part),
		SCRIPT(chunks_are_kept_when_they_are_needed),
		SCRIPT(what_was_kept_is_told_again),
		SCRIPT(a_server_has_so_many_tables),
	};

	return cmocka_run_group_tests(tests, read_golden, NULL);
}
