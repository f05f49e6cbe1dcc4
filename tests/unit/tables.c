/* SPDX-License-Identifier: ISC */
/* The server's answers: what it takes, refuses, counts and keeps silent on. */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables/entries.h"
#include "tables/replay.h"
#include "tests/unit/tables_play.h"

static void
entries_come_and_go(void **state)
{
	(void)state;
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	TAKE(WIRE_ADD, "blocked", "2001:db8:9::/48");
	assert_string_equal(tables_contents(0), "203.0.113.7 3600");
	assert_string_equal(tables_contents(1), "2001:db8:9::/48 3600");
	TAKE(WIRE_DELETE, "spammer", "203.0.113.7");
	assert_string_equal(tables_contents(0), "");
	TAKE(WIRE_ADD, "blocked", "203.0.113.8");
	TAKE(WIRE_FLUSH, "blocked", NULL);
	assert_string_equal(tables_contents(1), "");
	assert_int_equal(server_next(server), INT64_MAX);
	assert_int_equal(tables_counters().entries, 0);
	assert_int_equal(tables_counters().added, 3);
	assert_int_equal(tables_counters().removed, 1);
	assert_int_equal(tables_counters().flushed, 2);
}

static void
all_three_versions_work(void **state)
{
	struct wire_request r;
	uint8_t version;

	(void)state;
	for (version = 1; version <= 3; version++) {
		r = tables_request(version, WIRE_ADD, "spammer", "203.0.113.7");
		assert_int_equal(tables_send(&r, &keys[1]), SERVER_TAKEN);
		assert_string_equal(tables_contents(0), "203.0.113.7 3600");
		/* The old ones may use any of the keys. */
		r = tables_request(version, WIRE_DELETE, "spammer",
		    "203.0.113.7");
		assert_int_equal(tables_send(&r, &keys[0]),
		    version == 3 ? SERVER_KEY : SERVER_TAKEN);
		paper.n = 0;
	}
	r = tables_request(2, WIRE_ADD, "spammer", "203.0.112.0/23");
	assert_int_equal(tables_send(&r, &keys[0]), SERVER_TAKEN);
	assert_string_equal(tables_contents(0), "203.0.112.0/23 3600");
}

static void
an_entry_ends_and_may_begin_anew(void **state)
{
	struct wire_request r;

	(void)state;
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	assert_int_equal(server_next(server), T0 + 3600 * SEC);
	tables_pass(1800 * SEC);
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	assert_int_equal(tables_counters().renewed, 1);
	tables_pass(3600 * SEC - 1);
	assert_string_equal(tables_contents(0), "203.0.113.7 3600");
	tables_pass(1);
	assert_string_equal(tables_contents(0), "");
	assert_int_equal(tables_counters().expired, 1);
	assert_int_equal(tables_counters().entries, 0);
	/* Shorter if the datagram says so; longer is not to be had. */
	r = tables_request(3, WIRE_ADD, "spammer", "203.0.113.8");
	r.entries[0].ttl_s = 60;
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_TAKEN);
	r = tables_request(3, WIRE_ADD, "spammer", "203.0.113.9");
	r.entries[0].ttl_s = UINT32_MAX;
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_TAKEN);
	assert_string_equal(tables_contents(0),
	    "203.0.113.8 60, 203.0.113.9 3600");
}

static void
without_a_timeout_entries_stay(void **state)
{
	struct wire_request r;

	(void)state;
	server_free(server);
	config.timeout = 0;
	tables_start();
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	assert_int_equal(server_next(server), INT64_MAX);
	r = tables_request(3, WIRE_ADD, "spammer", "203.0.113.8");
	r.entries[0].ttl_s = UINT32_MAX;
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_TAKEN);
	assert_string_equal(tables_contents(0),
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
		r = tables_request(rows[i].version, rows[i].command,
		    rows[i].table, rows[i].what);
		r.time += (uint32_t)rows[i].clock;
		before = tables_counters().verdict[rows[i].verdict];
		assert_int_equal(tables_send(&r, &keys[1]), rows[i].verdict);
		assert_int_equal(tables_counters().verdict[rows[i].verdict],
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
	assert_int_equal(tables_counters().received, ROWS(rows));
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
	r = tables_request(3, WIRE_ADD, "spammer", "203.0.113.7");
	assert_int_equal(tables_send(&r, &other), SERVER_KEY);
	assert_int_equal(server_reply(server, &job, now, buf), 0);
	/* Older versions do not name their key: it is none of ours. */
	r = tables_request(2, WIRE_ADD, "spammer", "203.0.113.7");
	assert_int_equal(tables_send(&r, &other), SERVER_KEY);
	r = tables_request(3, WIRE_ADD, "spammer", "203.0.113.7");
	snprintf(r.key, sizeof(r.key), "nobody");
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_KEY);
	assert_int_equal(server_reply(server, &job, now, buf), 0);
	assert_int_equal(server_receive(server,
			     (struct span) { junk, sizeof(junk) }, &stranger,
			     now, &job),
	    SERVER_VERSION);
	assert_int_equal(server_reply(server, &job, now, buf), 0);
	assert_int_equal(server_receive(server, (struct span) { junk, 0 },
			     &stranger, now, &job),
	    SERVER_MALFORMED);
	assert_int_equal(server_reply(server, &job, now, buf), 0);
	assert_int_equal(paper.changes, 0);
	assert_int_equal(paper.nkept, 0);
	assert_int_equal(tables_counters().remembered, 0);
}

static void
without_a_key_only_this_machine_may(void **state)
{
	static const struct addr local = { AF_INET, { 127, 0, 0, 9 } };
	static const struct addr local6 = { AF_INET6, { [15] = 1 } };
	static const struct key none;
	uint8_t buf[WIRE_MAX], reply[WIRE_REPLY_LEN];
	struct wire_request r =
	    tables_request(3, WIRE_ADD, "spammer", "203.0.113.7");
	struct span d = { (char *)buf, wire_build(&r, &keys[0], buf) };

	(void)state;
	server_free(server);
	config.nkey = 0;
	tables_start();
	assert_int_equal(server_receive(server, d, &stranger, now, &job),
	    SERVER_KEY);
	assert_int_equal(server_receive(server, d, &local, now, &job),
	    SERVER_TAKEN);
	assert_int_equal(server_receive(server, d, &local6, now, &job),
	    SERVER_TAKEN);
	tables_settle();
	assert_string_equal(tables_contents(0), "203.0.113.7 3600");
	assert_int_equal(server_reply(server, &job, now, reply),
	    WIRE_REPLY_LEN);
	r = tables_request(2, WIRE_FLUSH, "spammer", NULL);
	d.len = wire_build(&r, &none, buf);
	server_receive(server, d, &local, now, &job);
	tables_settle();
	assert_string_equal(tables_contents(0), "");
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
	tables_start();
	TAKE(WIRE_ADD, "spammer", "203.0.113.7");
	TAKE(WIRE_ADD, "unheard-of", "203.0.113.8");
	assert_string_equal(tables_contents(0), "");
	assert_string_equal(tables_contents(1),
	    "203.0.113.7 3600, 203.0.113.8 3600");
}

static void
one_datagram_may_be_refused_in_part(void **state)
{
	static const char *const what[] = { "203.0.113.7", "192.0.2.7",
		"203.0.113.8", "0.0.0.0/0" };
	struct wire_request r = tables_request(3, WIRE_ADD, "spammer", NULL);
	uint8_t buf[WIRE_REPLY_LEN];
	struct wire_reply reply;

	(void)state;
	for (r.n = 0; r.n < ROWS(what); r.n++)
		r.entries[r.n].prefix = tables_prefix(what[r.n]);
	assert_int_equal(tables_send(&r, &keys[1]), SERVER_NEVER);
	assert_string_equal(tables_contents(0),
	    "203.0.113.7 3600, 203.0.113.8 3600");
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
		TAKE(WIRE_ADD, "spammer", text);
	}
	assert_int_equal(tables_say(WIRE_ADD, "blocked", "203.0.113.99"),
	    SERVER_FULL);
	TAKE(WIRE_ADD, "spammer", "203.0.113.1");
	TAKE(WIRE_DELETE, "spammer", "203.0.113.1");
	TAKE(WIRE_ADD, "blocked", "203.0.113.99");
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
		r = tables_request(version, WIRE_ADD, "spammer", "203.0.113.7");
		/* From a clock that is fast: good for two minutes. */
		r.time += 60;
		assert_int_equal(tables_send(&r, &keys[1]), SERVER_TAKEN);
		for (at = now; now < at + 120 * SEC; now += 7 * SEC) {
			assert_int_equal(tables_send(&r, &keys[1]),
			    SERVER_REPLAY);
			assert_int_equal(server_reply(server, &job, now, buf),
			    0);
		}
		now = at + 120 * SEC;
		assert_int_equal(tables_send(&r, &keys[1]), SERVER_REPLAY);
		now = at + 120 * SEC + 1;
		assert_int_equal(tables_send(&r, &keys[1]), SERVER_CLOCK);
		/* And even if our clock is set back later. */
		for (now = at; now < at + 600 * SEC; now += 30 * SEC)
			TAKE(WIRE_ADD, "spammer", "203.0.113.7");
		now = at;
		assert_int_equal(tables_send(&r, &keys[1]), SERVER_REPLAY);
	}
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
		CASE(every_verdict_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
