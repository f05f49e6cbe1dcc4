/* SPDX-License-Identifier: ISC */
/* What the service of tables logs, counts and waits for, and what may fail. */
#include <sys/socket.h>

#include <event2/event.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/strbuf.h"
#include "tests/unit/proxy_tables_play.h"

static void
logged(const char *want)
{
	assert_string_equal(play_logged(), want);
}

#define NO_JOURNAL                                                             \
	"w entries and what was received may not survive a restart: "          \
	"input/output error\n"
#define FROM "127.0.0.2:#: "

/* The entry that was refused is named, wherever it stands. */
static void
the_first_that_is_refused_is_named(void **state)
{
	/* clang-format off */
	static const struct {
		const char *table, *what, *want;
	} rows[] = {
		{ "bad", "192.0.2.1", "192.0.2.1" },
		{ "bad", "192.0.2.1 203.0.113.1", "192.0.2.1" },
		{ "bad", "203.0.113.1 192.0.2.1", "192.0.2.1" },
		{ "good", "203.0.113.1 203.0.113.2 192.0.2.0/25", "192.0.2.0/25" },
		{ "bad", "203.0.113.1 192.0.2.3 192.0.2.4", "192.0.2.3" },
	};
	/* clang-format on */
	char want[256];
	size_t i;

	(void)state;
	(void)play_logged();
	for (i = 0; i < ROWS(rows); i++) {
		tables_ask_in(rows[i].table, WIRE_ADD, rows[i].what, 60);
		while (play.ntables > 0 &&
		    play.table[play.ntables - 1].answer != NULL)
			tables_answer(PH_OK);
		snprintf(want, sizeof(want),
		    "w " FROM "%s in table \"%s\" refused: %s\n", rows[i].want,
		    rows[i].table, "address that is never entered");
		logged(want);
	}
	tables_ask_in("other", WIRE_ADD, "203.0.113.1", 60);
	assert_non_null(strstr(play_logged(),
	    "w " FROM "203.0.113.1 in table "
	    "\"other\" refused: "));
	tables_ask_in("other", WIRE_FLUSH, "", 0);
	logged("w " FROM "refused: not a table that may be changed\n");
}

static void
changes_are_in_the_log(void **state)
{
	(void)state;
	logged(NO_JOURNAL);
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	logged("");
	tables_answer(PH_OK);
	logged("d " FROM "key \"ops\": add 203.0.113.1 in table \"bad\"\n");
	tables_ask_in("good", WIRE_ADD, "203.0.113.1 203.0.113.2", 60);
	tables_answer(PH_OK);
	logged("d " FROM
	       "key \"ops\": add 203.0.113.1 and more in table \"good\"\n");
	tables_ask(WIRE_DELETE, "203.0.113.1", 0);
	tables_answer(PH_OK);
	logged("d " FROM "key \"ops\": delete 203.0.113.1 in table \"bad\"\n");
	tables_ask_in("good", WIRE_FLUSH, "", 0);
	tables_answer(PH_OK);
	logged("d " FROM "key \"ops\": flush all in table \"good\"\n");
}

/* What the packet filter says, in words; and what is no error is not. */
static void
the_filters_answer_is_in_the_log(void **state)
{
	/* clang-format off */
	static const struct {
		enum ph_err err;
		const char *why;	/* NULL: no warning */
	} rows[] = {
		{ PH_OK, NULL },
		{ PH_EEXIST, NULL },
		{ PH_EGONE, "the packet filter has none of that name" },
		{ PH_EAMBIGUOUS, "the packet filter has two of that name" },
		{ PH_EUNSUPPORTED, "cannot hold this address, or not beside another" },
		{ PH_EDENIED, "an address that is never entered" },
		{ PH_ELIMIT, "limit reached" },
	};
	/* clang-format on */
	char want[128];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		(void)play_logged();
		tables_ask_in("good", WIRE_ADD, "203.0.113.1", 0);
		tables_answer(rows[i].err);
		snprintf(want, sizeof(want), "w table \"good\": %s\n",
		    rows[i].why != NULL ? rows[i].why : "");
		if (rows[i].why == NULL)
			assert_null(strstr(play_logged(), "w "));
		else
			assert_memory_equal(play_logged(), want, strlen(want));
		/* So that the next one changes something. */
		tables_ask_in("good", WIRE_DELETE, "203.0.113.1", 0);
		if (play.table[play.ntables - 1].answer != NULL)
			tables_answer(PH_OK);
	}
}

/* A question that is asked again is no error, until it is given up. */
static void
a_question_that_is_asked_again_is_no_error(void **state)
{
	unsigned int i;

	(void)state;
	(void)play_logged();
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	for (i = 0; i < 4; i++) {
		tables_answer(PH_EAGAIN);
		assert_int_equal(play_timer_us, USEC_PER_SEC);
		play_timer_fire();
		tables_assert_asked(i + 1, "add 0 60 203.0.113.1");
		logged("");
	}
	tables_answer(PH_EAGAIN);
	assert_memory_equal(play_logged(), "w table \"bad\": ", 15);
}

static void
on_record(void *ctx, uint64_t k, const void *p, size_t len)
{
	(void)ctx;
	(void)k;
	(void)p;
	(void)len;
}

/* A journal that works is not mentioned; of one that fails there is a warning.
 */
static void
a_journal_that_fails_is_in_the_log(void **state)
{
	(void)state;
	tables_start(true);
	assert_int_equal(checkpoint_open(&tables_journal, tables_files, 1 << 20,
			     on_record, NULL),
	    PH_OK);
	proxy_tables_begin(tables_service, tables_journal, PH_OK);
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	tables_answer(PH_OK);
	logged("d " FROM "key \"ops\": add 203.0.113.1 in table \"bad\"\n");
	/* No file is there any more. */
	close(tables_files[0]);
	close(tables_files[1]);
	tables_ask(WIRE_ADD, "203.0.113.2", 60);
	tables_answer(PH_OK);
	assert_non_null(strstr(play_logged(),
	    "w entries and what was received may not survive a restart: "));
	tables_files[0] = tables_file();
	tables_files[1] = tables_file();
}

/* It is full, although it can be written. */
static void
a_journal_that_is_full_is_in_the_log(void **state)
{
	const char *text = "";
	char what[16];
	unsigned int i;

	(void)state;
	tables_start(true);
	assert_int_equal(checkpoint_open(&tables_journal, tables_files, 4096,
			     on_record, NULL),
	    PH_OK);
	proxy_tables_begin(tables_service, tables_journal, PH_OK);
	for (i = 1; i < 100; i++) {
		snprintf(what, sizeof(what), "203.0.113.%u", i);
		play.ntables = 0;
		tables_ask(WIRE_ADD, what, 0);
		tables_answer(PH_OK);
		(void)play_read(client);
		text = play_logged();
		if (strstr(text, "w ") != NULL)
			break;
	}
	assert_in_range(i, 2, 99);
	assert_non_null(
	    strstr(text, "may not survive a restart: limit reached\n"));
}

/* It looks at the next entry that ends, but at least once an hour. */
static void
the_next_end_is_waited_for(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1", 100);
	tables_answer(PH_OK);
	assert_int_equal(play_timer_us, 100 * USEC_PER_SEC);
	play.now += 40 * USEC_PER_SEC;
	tables_ask(WIRE_ADD, "203.0.113.2", 10);
	tables_answer(PH_OK);
	assert_int_equal(play_timer_us, 10 * USEC_PER_SEC);
	tables_ask(WIRE_DELETE, "203.0.113.2", 0);
	tables_answer(PH_OK);
	assert_int_equal(play_timer_us, 60 * USEC_PER_SEC);
	play.now += 60 * USEC_PER_SEC - 1;
	play_timer_fire();
	tables_assert_asked(2, "delete 0 0 203.0.113.2");
	assert_int_equal(play_timer_us, 1);
	play.now++;
	play_timer_fire();
	tables_assert_asked(3, "delete 0 0 203.0.113.1");
	tables_answer(PH_OK);
}

/* Counters, each by its name. */
static void
what_was_done_is_counted(void **state)
{
	struct counters c = { .form = COUNTERS_WORDS };
	char text[1024];
	struct strbuf b = strbuf_of(text, sizeof(text));

	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1 203.0.113.2 203.0.113.3", 60);
	tables_answer(PH_OK);
	tables_ask(WIRE_ADD, "203.0.113.1", 70);
	tables_answer(PH_OK);
	tables_ask(WIRE_DELETE, "203.0.113.2", 0);
	tables_answer(PH_OK);
	tables_ask_in("good", WIRE_ADD, "203.0.113.1 203.0.113.2", 0);
	tables_answer(PH_OK);
	tables_ask_in("good", WIRE_FLUSH, "", 0);
	tables_answer(PH_OK);
	tables_ask(WIRE_ADD, "192.0.2.1", 60);
	play.now += 60 * USEC_PER_SEC;
	play_timer_fire();
	tables_answer(PH_OK);
	c.out = &b;
	proxy_tables_report(tables_service, &c);
	assert_string_equal(text,
	    "entries=1 added=5 renewed=1 removed=1 flushed=2 expired=1 "
	    "received=6 replied=6 remembered=6 taken=6 malformed=0 version=0 "
	    "key=0 clock=0 replay=0 flood=0 table=0 command=0 mask=0 never=1 "
	    "full=0 filter=0");
}

/* Not more than a thousand are shown, and those that end say when. */
static unsigned int nshown;
static char last_shown[256];

static void
on_shown(void *ctx, struct span line)
{
	(void)ctx;
	nshown++;
	snprintf(last_shown, sizeof(last_shown), "%.*s", (int)line.len, line.p);
}

static void
so_many_entries_are_shown(void **state)
{
	struct prefix p;
	char what[64];
	unsigned int i;

	(void)state;
	tables_start(true);
	play.conf.tables.max = 5000;
	proxy_tables_stop(tables_service);
	tables_start(true);
	proxy_tables_begin(tables_service, NULL, PH_EIO);
	for (i = 0; i < 1200; i++) {
		snprintf(what, sizeof(what), "203.0.%u.%u", i / 256, i % 256);
		play.ntables = 0;
		tables_ask(WIRE_ADD, what, 0);
		tables_answer(PH_OK);
		(void)play_read(client);
		(void)play_logged();
		if (i == 997 || i == 998 || i == 999 || i == 1199) {
			nshown = 0;
			assert_int_equal(prefix_parse(span_of("203.0.0.0/16"),
					     &p),
			    PH_OK);
			proxy_tables_show(tables_service, &p, on_shown, NULL);
			/* Beside a line for each table. */
			assert_int_equal(nshown,
			    2 + (i < 1000 ? i + 1 : PROXY_TABLES_SHOWN));
		}
	}
	play.ntables = 0;
	tables_ask_in("good", WIRE_ADD, "198.51.100.0/24", 60);
	tables_answer(PH_OK);
	assert_int_equal(prefix_parse(span_of("198.51.100.7"), &p), PH_OK);
	proxy_tables_show(tables_service, &p, on_shown, NULL);
	assert_memory_equal(last_shown,
	    "{\"table\":\"good\",\"address\":\"198.51.100.0/24\",\"expires\":",
	    strlen("{\"table\":\"good\",\"address\":\"198.51.100.0/24\","
		   "\"expires\":"));
	assert_null(strstr(last_shown, "null"));
}

static void
an_answer_that_cannot_be_sent_is_in_the_log(void **state)
{
	(void)state;
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	(void)play_logged();
	play_mute();
	play.table[0].answer(play.table[0].ctx, PH_OK);
	logged("d " FROM "key \"ops\": add 203.0.113.1 in table \"bad\"\n"
	       "d cannot answer: Socket operation on non-socket\n");
}

static void
what_fails_leaves_nothing_behind(void **state)
{
	struct proxy_tables_setup s = { 0 };
	struct keyfiles keys = { &tables_key, 1 };
	unsigned int n, left, had = play_descriptors();

	(void)state;
	s.keys = &keys;
	s.own = &tables_own;
	for (n = 1; n < 100; n++) {
		play_fail = n;
		tables_service = proxy_tables_start(&play, &at, &s);
		left = play_fail;
		play_fail = 0;
		assert_int_equal(tables_service == NULL, left == 0);
		assert_int_equal(play_descriptors(), had);
		if (left > 0)
			break;
	}
	assert_in_range(n, 6, 99);
	proxy_tables_begin(tables_service, NULL, PH_EIO);
	/* A datagram for which there is no memory is lost, and no other. */
	play_fail = 1;
	tables_ask(WIRE_ADD, "203.0.113.1", 60);
	play_fail = 0;
	assert_int_equal(play.ntables, 0);
	tables_ask(WIRE_ADD, "203.0.113.2", 60);
	tables_assert_asked(0, "add 0 60 203.0.113.2");
}

#define T(f) cmocka_unit_test_setup_teardown(f, tables_setup, tables_teardown)
#define P(f) cmocka_unit_test_setup_teardown(f, tables_prepare, tables_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_that_is_refused_is_named),
		T(changes_are_in_the_log),
		T(the_filters_answer_is_in_the_log),
		T(a_question_that_is_asked_again_is_no_error),
		P(a_journal_that_fails_is_in_the_log),
		P(a_journal_that_is_full_is_in_the_log),
		T(the_next_end_is_waited_for),
		T(what_was_done_is_counted),
		P(so_many_entries_are_shown),
		T(an_answer_that_cannot_be_sent_is_in_the_log),
		P(what_fails_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
