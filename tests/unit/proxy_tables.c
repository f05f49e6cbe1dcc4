/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/strbuf.h"
#include "tests/unit/proxy_tables_play.h"

static size_t nrecords;

static void
the_answer_waits_for_the_packet_filter(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.9 203.0.113.10", 60);
	tables_assert_asked(0, "add 0 60 203.0.113.9 203.0.113.10");
	tables_assert_no_reply();
	tables_answer(PH_OK);
	tables_assert_reply(WIRE_DONE, 0);
	tables_ask(WIRE_DELETE, "203.0.113.9", 0);
	tables_assert_asked(1, "delete 0 0 203.0.113.9");
	tables_answer(PH_EEXIST);
	tables_assert_reply(WIRE_DONE, 0);
	tables_ask_in("good", WIRE_ADD, "203.0.113.0/25", 0);
	tables_assert_asked(2, "add 1 0 203.0.113.0/25");
	tables_answer(PH_OK);
	tables_assert_reply(WIRE_DONE, 0);
	tables_ask_in("good", WIRE_FLUSH, "", 0);
	tables_assert_asked(3, "flush 1 0");
	tables_answer(PH_OK);
	tables_assert_reply(WIRE_DONE, 0);
}

static void
what_must_not_be_entered_is_not_asked_for(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "192.0.2.9", 0);
	tables_assert_reply(WIRE_NEVER, 1);
	tables_ask(WIRE_ADD, "10.0.0.0/8", 0);
	tables_assert_reply(WIRE_NEVER, 1);
	tables_ask_in("other", WIRE_ADD, "203.0.113.9", 0);
	tables_assert_reply(WIRE_TABLE, (UINT64_C(1) << WIRE_ENTRIES) - 1);
	assert_int_equal(play.ntables, 0);
}

static void
a_forced_table_is_the_only_one(void **state)
{
	(void)state;
	proxy_tables_stop(tables_service);
	play.conf.tables.force = tables_names[1];
	tables_start(true);
	proxy_tables_begin(tables_service, NULL, PH_EIO);
	tables_ask(WIRE_ADD, "203.0.113.9", 0);
	tables_assert_asked(0, "add 1 0 203.0.113.9");
}

static void
what_has_no_key_gets_no_answer(void **state)
{
	(void)state;
	tables_key.secret[0] ^= 1;
	tables_ask(WIRE_ADD, "203.0.113.9", 60);
	tables_key.secret[0] ^= 1;
	assert_int_equal(play.ntables, 1);
	assert_int_equal(send(client, "x", 1, 0), 1);
	play_run();
	tables_assert_no_reply();
}

/* Changes that come in the meantime go together, as far as they are alike. */
static void
changes_wait_for_the_answer_to_those_before(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	tables_assert_asked(0, "add 0 60 203.0.113.1");
	tables_ask(WIRE_ADD, "203.0.113.2", 60);
	tables_ask(WIRE_ADD, "203.0.113.3", 60);
	tables_ask(WIRE_ADD, "203.0.113.4", 61);
	tables_ask_in("good", WIRE_ADD, "203.0.113.5", 61);
	tables_ask_in("good", WIRE_DELETE, "203.0.113.5", 0);
	tables_ask_in("good", WIRE_FLUSH, "", 0);
	tables_ask_in("good", WIRE_FLUSH, "", 0);
	assert_int_equal(play.ntables, 1);
	tables_answer(PH_OK);
	tables_assert_asked(1, "add 0 60 203.0.113.2 203.0.113.3");
	tables_answer(PH_OK);
	tables_assert_asked(2, "add 0 61 203.0.113.4");
	tables_answer(PH_OK);
	tables_assert_asked(3, "add 1 61 203.0.113.5");
	tables_answer(PH_OK);
	tables_assert_asked(4, "delete 1 0 203.0.113.5");
	tables_answer(PH_OK);
	tables_assert_asked(5, "flush 1 0");
	tables_answer(PH_OK);
	tables_assert_asked(6, "flush 1 0");
	tables_answer(PH_OK);
	assert_int_equal(play.ntables, 7);
}

static void
a_batch_has_64_changes(void **state)
{
	char text[46 * 16 + 1];
	int i, k, n = 1;

	(void)state;
	tables_ask(WIRE_ADD, "198.51.100.1", 60);
	for (i = 0; i < 2; i++) {
		text[0] = '\0';
		for (k = 0; k < 40; k++, n++)
			snprintf(text + strlen(text), 17, "%s203.0.113.%d",
			    k > 0 ? " " : "", n);
		tables_ask(WIRE_ADD, text, 60);
	}
	tables_answer(PH_OK);
	assert_int_equal(play.table[1].t.n, 64);
	tables_answer(PH_OK);
	assert_int_equal(play.table[2].t.n, 16);
}

/* An entry that the filter does not take must not keep out the others. */
static void
a_batch_that_is_refused_is_tried_one_by_one(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1 203.0.113.2 203.0.113.3", 60);
	tables_answer(PH_EDENIED);
	tables_assert_asked(1, "add 0 60 203.0.113.1");
	tables_answer(PH_OK);
	tables_assert_asked(2, "add 0 60 203.0.113.2");
	tables_answer(PH_EDENIED);
	tables_assert_no_reply();
	tables_assert_asked(3, "add 0 60 203.0.113.3");
	tables_answer(PH_OK);
	tables_assert_reply(WIRE_NEVER, 1u << 1);
	assert_int_equal(play.ntables, 4);
}

/* The successor of a firewall process that has died is asked again. */
static void
a_question_without_an_answer_is_asked_again(void **state)
{
	size_t i;

	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1 203.0.113.2", 60);
	for (i = 1; i < 5; i++) {
		tables_answer(PH_EAGAIN);
		assert_int_equal(tables_next_question(), USEC_PER_SEC);
		tables_assert_asked(i, "add 0 60 203.0.113.1 203.0.113.2");
	}
	tables_answer(PH_EAGAIN);
	tables_assert_reply(WIRE_REFUSED, 3);
	/* The filter may have made the changes, so they are undone. */
	tables_assert_asked(5, "delete 0 0 203.0.113.1 203.0.113.2");
}

static void
a_question_that_cannot_be_asked_is_asked_later(void **state)
{
	(void)state;
	play.broke = true;
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	play.broke = false;
	tables_ask(WIRE_ADD, "203.0.113.2", 60);
	assert_int_equal(play.ntables, 0);
	play_timer_pick(USEC_PER_SEC);
	(void)tables_next_question();
	tables_assert_asked(0, "add 0 60 203.0.113.1 203.0.113.2");
}

/* A table of the packet filter may know no time. */
static void
a_table_without_timeouts_gets_none(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	tables_answer(PH_EUNSUPPORTED);
	tables_assert_asked(1, "add 0 0 203.0.113.1");
	tables_answer(PH_OK);
	tables_assert_reply(WIRE_DONE, 0);
	tables_ask(WIRE_ADD, "203.0.113.2", 60);
	tables_assert_asked(2, "add 0 0 203.0.113.2");
	/* The filter refuses this address, alone, too. */
	tables_answer(PH_EUNSUPPORTED);
	tables_assert_reply(WIRE_REFUSED, 1);
	tables_ask(WIRE_ADD, "203.0.113.3", 60);
	tables_assert_asked(3, "add 0 60 203.0.113.3");
	tables_answer(PH_OK);
	/* The other table has timeouts. */
	tables_ask_in("good", WIRE_ADD, "203.0.113.2", 60);
	tables_assert_asked(4, "add 1 60 203.0.113.2");
}

static void
entries_expire(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1", 1);
	tables_answer(PH_OK);
	play.now += USEC_PER_SEC;
	(void)tables_next_question();
	tables_assert_asked(1, "delete 0 0 203.0.113.1");
}

/* Somebody has emptied the tables. */
static void
tables_are_filled_anew(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	tables_answer(PH_EUNSUPPORTED);
	tables_answer(PH_OK);
	tables_ask_in("good", WIRE_ADD, "203.0.113.2", 60);
	tables_answer(PH_OK);
	assert_int_equal(play.ntables, 3);
	proxy_tables_fill(tables_service);
	tables_assert_asked(3, "add 0 60 203.0.113.1");
	tables_answer(PH_OK);
	tables_assert_asked(4, "add 1 60 203.0.113.2");
	tables_answer(PH_OK);
	assert_int_equal(play.ntables, 5);
}

/* While 256 batches wait, nothing is read. */
static void
what_waits_is_bounded(void **state)
{
	struct counters c = { .form = COUNTERS_WORDS };
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	int i;

	(void)state;
	tables_ask(WIRE_ADD, "198.51.100.1", 60);
	for (i = 0; i < 300; i++) {
		tables_ask(WIRE_ADD, i % 2 == 0 ? "203.0.113.1" : "203.0.113.2",
		    (uint32_t)(100 + i));
	}
	assert_int_equal(play.ntables, 1);
	c.out = &b;
	proxy_tables_report(tables_service, &c);
	assert_non_null(strstr(text, "received=256 "));
	for (i = 0; i < 50; i++)
		tables_answer(PH_OK);
	assert_int_equal(play.ntables, 51);
	/* Of those that were sent, as many more as there is room for. */
	strbuf_reset(&b);
	proxy_tables_report(tables_service, &c);
	assert_non_null(strstr(text, "received=301 "));
	tables_assert_asked(50,
	    i % 2 == 0 ? "add 0 149 203.0.113.2" : "add 0 149 203.0.113.1");
}

static void
other_sockets_have_a_turn_after_64_datagrams(void **state)
{
	struct counters c = { .form = COUNTERS_WORDS };
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));
	int i;

	(void)state;
	c.out = &b;
	for (i = 0; i < 65; i++)
		assert_int_equal(send(client, "x", 1, 0), 1);
	event_base_loop(play.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	proxy_tables_report(tables_service, &c);
	assert_non_null(strstr(text, "received=64 "));
}

static void
on_record(void *ctx, uint64_t k, const void *p, size_t len)
{
	nrecords++;
	if (tables_service != NULL && ctx == NULL)
		proxy_tables_load(tables_service, k, p, len);
}

static void
journal_open(void)
{
	nrecords = 0;
	assert_int_equal(checkpoint_open(&tables_journal, tables_files, 1 << 20,
			     on_record, NULL),
	    PH_OK);
}

static void
the_journal_gives_entries_to_the_successor(void **state)
{
	(void)state;
	tables_start(true);
	journal_open();
	assert_int_equal(nrecords, 0);
	proxy_tables_begin(tables_service, tables_journal, PH_OK);
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	tables_answer(PH_OK);
	(void)play_read(client);
	tables_ask(WIRE_ADD, "203.0.113.2", 0);
	tables_answer(PH_OK);
	tables_assert_reply(WIRE_DONE, 0);
	proxy_tables_stop(tables_service);
	checkpoint_close(tables_journal);

	play.now += 10 * USEC_PER_SEC;
	play.ntables = 0;
	tables_start(false);
	journal_open();
	assert_true(nrecords >= 2);
	proxy_tables_begin(tables_service, tables_journal, PH_OK);
	tables_assert_asked(0, "add 0 50 203.0.113.1");
	tables_answer(PH_OK);
	tables_assert_asked(1, "add 0 0 203.0.113.2");
	tables_answer(PH_OK);
	/* Which may have been told to delete one: of now, so it counts. */
	play_read(client);
	tables_ask(WIRE_DELETE, "203.0.113.2", 0);
	tables_assert_asked(2, "delete 0 0 203.0.113.2");
	tables_answer(PH_OK);
	proxy_tables_stop(tables_service);
	checkpoint_close(tables_journal);

	play.ntables = 0;
	tables_start(false);
	journal_open();
	proxy_tables_begin(tables_service, tables_journal, PH_OK);
	tables_assert_asked(0, "add 0 50 203.0.113.1");
}

/* As a process finds the journal that comes after a sudden end. */
static size_t
kept_now(void)
{
	int copy[2] = { tables_file(), tables_file() }, i;
	struct checkpoint *c;
	char buf[4096];
	ssize_t n;
	off_t off;

	for (i = 0; i < 2; i++)
		for (off = 0;
		     (n = pread(tables_files[i], buf, sizeof(buf), off)) > 0;
		     off += n)
			assert_int_equal(pwrite(copy[i], buf, (size_t)n, off),
			    n);
	nrecords = 0;
	assert_int_equal(checkpoint_open(&c, copy, 1 << 20, on_record,
			     &nrecords),
	    PH_OK);
	checkpoint_close(c);
	close(copy[0]);
	close(copy[1]);
	return nrecords;
}

static void
nothing_is_lost_by_a_sudden_end(void **state)
{
	size_t n;

	(void)state;
	tables_start(true);
	journal_open();
	proxy_tables_begin(tables_service, tables_journal, PH_OK);
	/* Before it is acted on: it must not count again. */
	tables_ask(WIRE_ADD, "203.0.113.1", 1);
	n = kept_now();
	assert_true(n > 1);
	tables_answer(PH_EDENIED);
	assert_int_equal(kept_now(), n - 1);
	tables_ask(WIRE_ADD, "203.0.113.2", 1);
	tables_answer(PH_OK);
	n = kept_now();
	play.now += USEC_PER_SEC;
	(void)tables_next_question();
	tables_answer(PH_OK);
	assert_int_equal(kept_now(), n - 1);
}

static void
keys_are_read_from_files(void **state)
{
	char path[] = "/tmp/proxy_tables.XXXXXX", text[512],
	     place[] = "c:1:2: ";
	struct conf_key k = { tables_names[1], path, place };
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct keyfiles got;
	int fd = mkstemp(path);

	(void)state;
	tables_start(true);
	play.conf.tables.key = &k;
	play.conf.tables.nkey = 1;
	assert_int_equal(write(fd, SECRET, KEY_MIN - 1), KEY_MIN - 1);
	assert_int_not_equal(keyfiles_read(&got, &play.conf.tables, &why),
	    PH_OK);
	assert_int_equal(got.n, 0);
	assert_null(got.v);
	assert_memory_equal(text, "c:1:2: /tmp/", 12);
	assert_non_null(strstr(text, ": a key has at least 20 bytes"));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(keyfiles_read(&got, &play.conf.tables, &why), PH_OK);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.v[0].len, KEY_MIN);
	assert_string_equal(got.v[0].name, "good");
	keyfiles_wipe(&got);
	assert_null(got.v);
	strbuf_reset(&why);
	play_fail = 1;
	assert_int_equal(keyfiles_read(&got, &play.conf.tables, &why),
	    PH_ENOMEM);
	assert_string_equal(text, "out of memory");
	assert_int_equal(got.n, 0);
	/* A key that others could read is refused. */
	assert_int_equal(fchmod(fd, 0644), 0);
	strbuf_reset(&why);
	assert_int_not_equal(keyfiles_read(&got, &play.conf.tables, &why),
	    PH_OK);
	play.conf.tables.on = false;
	assert_int_equal(keyfiles_read(&got, &play.conf.tables, &why), PH_OK);
	assert_null(got.v);
	close(fd);
	unlink(path);
}

/* A predecessor without a record may have received what came before. */
static void
an_empty_journal_is_expected_at_a_first_run_only(void **state)
{
	enum { NONE, EMPTY, WITH_RECORD };
	static const struct {
		int journal;
		bool first_run, may_be_old;
	} rows[] = {
		{ NONE, false, false },
		{ NONE, true, false },
		{ EMPTY, false, false },
		{ EMPTY, true, true },
		{ WITH_RECORD, false, false },
		{ WITH_RECORD, true, false },
	};
	size_t i;

	for (i = 0; i < ROWS(rows); i++) {
		if (i > 0) {
			tables_teardown(state);
			tables_prepare(state);
		}
		if (rows[i].journal == WITH_RECORD) {
			tables_service = NULL;
			journal_open();
			assert_int_equal(checkpoint_put(tables_journal,
					     UINT64_C(1) << 32, "junk", 4),
			    PH_OK);
			assert_int_equal(checkpoint_sync(tables_journal),
			    PH_OK);
			checkpoint_close(tables_journal);
			tables_journal = NULL;
		}
		tables_start(rows[i].first_run);
		if (rows[i].journal != NONE)
			journal_open();
		proxy_tables_begin(tables_service, tables_journal,
		    tables_journal != NULL ? PH_OK : PH_EIO);
		play.now -= USEC_PER_SEC;
		tables_ask(WIRE_ADD, "203.0.113.1", 60);
		play.now += USEC_PER_SEC;
		assert_int_equal(play.ntables, rows[i].may_be_old);
		/* One of now is none of before. */
		tables_ask(WIRE_ADD, "203.0.113.2", 60);
		if (rows[i].may_be_old)
			tables_answer(PH_OK);
		assert_int_equal(play.ntables, rows[i].may_be_old + 1);
	}
}

/* Records that cannot be read are deleted from the journal. */
static void
records_that_mean_nothing_are_deleted(void **state)
{
	uint64_t k;

	(void)state;
	tables_start(true);
	tables_service = (proxy_tables_stop(tables_service), NULL);
	journal_open();
	for (k = 1; k <= 100; k++)
		assert_int_equal(checkpoint_put(tables_journal, k << 32, "junk",
				     4),
		    PH_OK);
	assert_int_equal(checkpoint_sync(tables_journal), PH_OK);
	checkpoint_close(tables_journal);

	tables_start(true);
	journal_open();
	assert_int_equal(nrecords, 100);
	proxy_tables_begin(tables_service, tables_journal, PH_OK);
	proxy_tables_stop(tables_service);
	tables_service = NULL;
	checkpoint_close(tables_journal);
	journal_open();
	assert_true(nrecords <= 2);
}

static char shown[4096];

static void
on_shown(void *ctx, struct span line)
{
	assert_ptr_equal(ctx, shown);
	snprintf(shown + strlen(shown), sizeof(shown) - strlen(shown), "%.*s\n",
	    (int)line.len, line.p);
}

static void
show(const char *prefix)
{
	struct prefix p;

	shown[0] = '\0';
	if (prefix == NULL) {
		proxy_tables_show(tables_service, NULL, on_shown, shown);
		return;
	}
	assert_int_equal(prefix_parse(span_of(prefix), &p), PH_OK);
	proxy_tables_show(tables_service, &p, on_shown, shown);
}

#define COUNTS(a, b)                                                           \
	"{\"table\":\"bad\",\"entries\":" a "}\n" b                            \
	"{\"table\":\"good\",\"entries\":0}\n"
#define ENTRY(p) "{\"table\":\"bad\",\"address\":\"" p "\",\"expires\":null}\n"

static void
entries_are_shown_that_overlap(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.0/24", 0);
	tables_answer(PH_OK);
	tables_ask(WIRE_ADD, "203.0.113.16/28", 0);
	tables_ask(WIRE_ADD, "203.0.113.17", 0);
	tables_ask(WIRE_ADD, "198.51.100.0/24", 0);
	tables_answer(PH_OK);
	show(NULL);
	assert_string_equal(shown, COUNTS("4", ""));
	show("203.0.113.16/28");
	assert_string_equal(shown,
	    COUNTS("4",
		ENTRY("203.0.113.0/24") ENTRY("203.0.113.16/28")
		    ENTRY("203.0.113.17")));
	show("203.0.113.17");
	assert_string_equal(shown,
	    COUNTS("4",
		ENTRY("203.0.113.0/24") ENTRY("203.0.113.16/28")
		    ENTRY("203.0.113.17")));
	show("192.0.2.1");
	assert_string_equal(shown, COUNTS("4", ""));
}

static void
who_stops_forgets_its_question(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	tables_ask(WIRE_ADD, "203.0.113.2", 61);
	proxy_tables_stop(tables_service);
	tables_service = NULL;
	assert_null(play.table[0].answer);
}

#define T(f) cmocka_unit_test_setup_teardown(f, tables_setup, tables_teardown)
#define P(f) cmocka_unit_test_setup_teardown(f, tables_prepare, tables_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_answer_waits_for_the_packet_filter),
		T(what_must_not_be_entered_is_not_asked_for),
		T(a_forced_table_is_the_only_one),
		T(what_has_no_key_gets_no_answer),
		T(changes_wait_for_the_answer_to_those_before),
		T(a_batch_has_64_changes),
		T(a_batch_that_is_refused_is_tried_one_by_one),
		T(a_question_without_an_answer_is_asked_again),
		T(a_question_that_cannot_be_asked_is_asked_later),
		T(a_table_without_timeouts_gets_none),
		T(entries_expire),
		T(tables_are_filled_anew),
		T(what_waits_is_bounded),
		T(other_sockets_have_a_turn_after_64_datagrams),
		P(the_journal_gives_entries_to_the_successor),
		P(an_empty_journal_is_expected_at_a_first_run_only),
		P(records_that_mean_nothing_are_deleted),
		P(nothing_is_lost_by_a_sudden_end),
		P(keys_are_read_from_files),
		T(entries_are_shown_that_overlap),
		T(who_stops_forgets_its_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
