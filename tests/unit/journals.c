/* SPDX-License-Identifier: ISC */
/* When what the processes write is copied, and when it is adopted. */
#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/process/checkpoint.h"
#include "tests/unit/monitor_play.h"

static char dir[] = "/tmp/pinholed-test.XXXXXX", calls[64], tables[64];

/* The directory of the locks is this test's own. */
void __wrap_journal_name(struct journal *j, const struct journal_place *p);
void __real_journal_name(struct journal *j, const struct journal_place *p);

void
__wrap_journal_name(struct journal *j, const struct journal_place *p)
{
	struct journal_place ours = *p;

	if (ours.rundir != NULL)
		ours.rundir = dir;
	__real_journal_name(j, &ours);
}

static int
begin(void **state)
{
	int rc = play_begin(state);

	strlcpy(dir, "/tmp/pinholed-test.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(calls, sizeof(calls), "%s/state", dir);
	snprintf(tables, sizeof(tables), "%s/state.tables", dir);
	free(play.cur.conf->state);
	play.cur.conf->state = strdup(calls);
	strlcpy(play.cur.owner, "me", sizeof(play.cur.owner));
	return rc;
}

static int
end(void **state)
{
	journals_close(&play.m.journals);
	(void)unlink(calls);
	(void)unlink(tables);
	(void)rmdir(dir);
	return play_end(state);
}

static off_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == -1 ? -1 : st.st_size;
}

static void
put(struct journal *j, int i, const char *text)
{
	assert_int_equal(write(j->fds[i], text, strlen(text)), strlen(text));
}

static void
saved_at(int64_t now)
{
	play.now = now;
	journals_save(&play.m.journals, &play.cur, now);
}

static void
they_are_copied_now_and_then(void **state)
{
	struct journals *js = &play.m.journals;
	int i;

	(void)state;
	assert_true(journals_open(js, &play.cur));
	assert_false(play.cur.adopt);
	assert_ptr_equal(journals_of(js, CHILD_ENGINE), &js->calls);
	assert_ptr_equal(journals_of(js, CHILD_PROXY), &js->tables);
	assert_null(journals_of(js, CHILD_FIREWALL));
	for (i = 0; i < 2; i++) {
		/* Either of the two files counts. */
		put(&js->calls, i, "a call");
		js->save_at = 100;
		saved_at(99);
		assert_int_equal(size_of(calls), -1);
		saved_at(100);
		assert_true(size_of(calls) > 0);
		assert_int_equal(js->save_at, 100 + 30 * USEC_PER_SEC);
		assert_int_equal(unlink(calls), 0);
		/* A call that has not changed is not copied again. */
		saved_at(100 + 30 * USEC_PER_SEC);
		assert_int_equal(size_of(calls), -1);
	}
	assert_int_equal(size_of(tables), -1);
}

static void
those_of_tables_only_where_there_are_tables(void **state)
{
	struct journals *js = &play.m.journals;

	(void)state;
	play.cur.conf->tables.on = true;
	assert_true(journals_open(js, &play.cur));
	/* The first run of all: nothing is missing. */
	assert_true(js->tables_first);
	assert_true(size_of(tables) > 0);
	put(&js->tables, 1, "an entry");
	saved_at(100);
	assert_int_equal(size_of(tables), size_of(calls) + 8);
	journals_close(js);
	journals_init(js);
	assert_true(journals_open(js, &play.cur));
	assert_false(js->tables_first);
	assert_int_equal(lseek(js->tables.fds[1], 0, SEEK_END), 8);
}

static void
what_was_copied_is_adopted(void **state)
{
	struct journals *js = &play.m.journals;
	char text[8] = "";

	(void)state;
	assert_true(journals_open(js, &play.cur));
	put(&js->calls, 0, "a call");
	js->save_at = INT64_MAX;
	/* At the end, whenever the next copy was due. */
	journals_end(js, &play.cur, false, 100);
	assert_true(size_of(calls) > 0);
	journals_close(js);
	journals_init(js);
	assert_true(journals_open(js, &play.cur));
	assert_true(play.cur.adopt);
	assert_int_equal(pread(js->calls.fds[0], text, 7, 0), 6);
	assert_string_equal(text, "a call");
	/* Not those of another packet filter. */
	play.cur.adopt = false;
	strlcpy(play.cur.owner, "you", sizeof(play.cur.owner));
	journals_close(js);
	journals_init(js);
	assert_true(journals_open(js, &play.cur));
	assert_false(play.cur.adopt);
	assert_int_equal(lseek(js->calls.fds[0], 0, SEEK_END), 0);
}

static void
who_writes_too_much_begins_without(void **state)
{
	struct journals *js = &play.m.journals;

	(void)state;
	play.cur.conf->tables.on = true;
	assert_true(journals_open(js, &play.cur));
	assert_int_equal(js->calls.limit,
	    checkpoint_limit_calls(play.cur.conf));
	assert_int_equal(js->tables.limit,
	    checkpoint_limit_tables(play.cur.conf));
	assert_int_equal(ftruncate(js->calls.fds[1],
			     (off_t)js->calls.limit + 1),
	    0);
	put(&js->tables, 0, "an entry");
	saved_at(100);
	assert_int_equal(lseek(js->calls.fds[1], 0, SEEK_END), 0);
	/* The other is copied all the same, and all again soon. */
	assert_true(size_of(tables) > 8);
	assert_int_equal(size_of(calls), -1);
	assert_int_equal(js->save_at, 100 + USEC_PER_SEC);
}

static bool
exists(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* clang-format off */
static const struct {
	bool leave, tables;
	bool calls_stay, tables_stay;
} ends[] = {
	{ true,  true,  true,  true },
	{ false, true,  false, false },
	/* Those of tables may be of use to a later configuration. */
	{ false, false, false, true },
};
/* clang-format on */

static void
files_stay_for_a_successor(void **state)
{
	static const struct fw_ops paper = { .name = "paper" };
	struct journals *js = &play.m.journals;
	size_t i;

	(void)state;
	play.cur.ops = &paper;
	for (i = 0; i < ROWS(ends); i++) {
		play.cur.conf->tables.on = ends[i].tables;
		journals_init(js);
		assert_true(journals_open(js, &play.cur));
		assert_true(exists("me.0") && exists("me.1"));
		assert_true(exists("me.tables.0") && exists("me.tables.1"));
		journals_end(js, &play.cur, ends[i].leave, 100);
		assert_int_equal(exists("me.0"), ends[i].calls_stay);
		assert_int_equal(exists("me.1"), ends[i].calls_stay);
		assert_int_equal(exists("me.tables.0"), ends[i].tables_stay);
		assert_int_equal(exists("me.tables.1"), ends[i].tables_stay);
		journals_close(js);
	}
	journal_end(&js->tables);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(they_are_copied_now_and_then),
		T(those_of_tables_only_where_there_are_tables),
		T(what_was_copied_is_adopted),
		T(who_writes_too_much_begins_without),
		T(files_stay_for_a_successor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
