/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/base/clock.h"
#include "tests/unit/fake_fw.h"
#include "tests/unit/unit.h"

uint32_t __wrap_arc4random_uniform(uint32_t below);
uint32_t __real_arc4random_uniform(uint32_t below);

/* The jitter of a retry: any; or the most there is, as long as it is noted. */
static uint32_t jitters[16];
static size_t njitters, notes;

uint32_t
__wrap_arc4random_uniform(uint32_t below)
{
	if (njitters == notes)
		return __real_arc4random_uniform(below);
	jitters[njitters++] = below;
	return below - 1;
}

/* The wait doubles up to two seconds, and a success ends that. */
static void
each_retry_waits_twice_as_long(void **state)
{
	uint32_t wait = 1000;
	int64_t next;
	size_t i;

	(void)state;
	njitters = 0;
	notes = ROWS(jitters);
	open_one(1, 2000, 60000);
	for (i = 0; i < ROWS(jitters); i++) {
		fake.fail = i % 2 == 0 ? PH_EAGAIN : PH_EIO;
		next = fwtable_run(table, now);
		assert_int_equal(njitters, i + 1);
		assert_int_equal(jitters[i], wait);
		assert_int_equal(next, now + wait / 2 + wait - 1);
		/* One microsecond before, nothing is tried. */
		now = next - 1;
		assert_int_equal(fwtable_run(table, now), next);
		assert_int_equal(fake.commits, i + 1);
		now++;
		wait = wait * 2 > 2000000 ? 2000000 : wait * 2;
		if (i == 13) {
			fwtable_run(table, now);
			assert_true(has(2000));
			fake.commits--;
			open_one(2, 2002, 60000);
			wait = 1000;
		}
	}
	notes = njitters;
}

static void
a_busy_filter_is_asked_again(void **state)
{
	int64_t next;
	int i;

	(void)state;
	fake.fail = PH_EAGAIN;
	open_one(1, 2000, 60);
	next = fwtable_run(table, now);
	assert_int_equal(got[0].results, 0);
	assert_true(next > now && next < now + 20000);
	/* Not before its time, whatever else comes. */
	open_one(2, 2002, 60);
	fwtable_run(table, now);
	assert_int_equal(fake.commits, 1);
	now = next;
	fwtable_run(table, now);
	assert_int_equal(fake.commits, 2);
	assert_int_equal(got[0].results, 2);
	assert_true(has(2000) && has(2002));
	/* The retries become rarer and rarer, but they never end. */
	open_one(3, 2004, 60000);
	for (i = 0; i < 50; i++) {
		fake.fail = PH_EIO;
		next = fwtable_run(table, now);
		assert_true(next > now);
		assert_true(next <= now + 3 * USEC_PER_SEC);
		now = next;
	}
	fake.fail = PH_OK;
	fwtable_run(table, now + 3 * USEC_PER_SEC);
	assert_true(has(2004));
}

static void
a_filter_that_lost_everything_is_told_everything(void **state)
{
	int64_t next;

	(void)state;
	open_one(1, 2000, 600);
	open_one(2, 2002, 600);
	fwtable_run(table, now);
	assert_int_equal(fake.n, 2);
	/* Noticed by a commit. */
	fake.lost = true;
	open_one(3, 2004, 600);
	next = fwtable_run(table, now);
	fwtable_run(table, next);
	assert_int_equal(fake.n, 3);
	/* Noticed by the backend itself. */
	fake.tick_err = PH_EGONE;
	next = fwtable_run(table, next);
	assert_int_equal(fake.n, 0);
	fwtable_run(table, next);
	assert_int_equal(fake.n, 3);
	assert_int_equal(fwtable_counters(table)->open, 3);
}

static void
a_full_filter_refuses_new_calls_and_keeps_old(void **state)
{
	(void)state;
	fake.room = 3;
	open_one(1, 2000, 60);
	open_one(2, 2002, 60);
	fwtable_run(table, now);
	/*
	 * Of three new pinholes one fits; one that is open already is renewed.
	 */
	add(FW_OPEN, 3, 2004, 60);
	add(FW_OPEN, 4, 2006, 60);
	add(FW_OPEN, 1, 2000, 120);
	add(FW_OPEN, 5, 2008, 60);
	send_as(IPC_ENGINE, 3);
	fwtable_run(table, now);
	assert_int_equal(got[0].last.err, PH_ELIMIT);
	assert_int_equal(got[0].last.refused, 1 << 1 | 1 << 3);
	assert_true(has(2000) && has(2002) && has(2004));
	assert_int_equal(fake.hole[0].deadline, now + 120 * USEC_PER_SEC);
	/* A pinhole that closes makes room within the same batch. */
	add(FW_OPEN, 6, 2010, 60);
	add(FW_OPEN, 7, 2012, 60);
	add(FW_CLOSE, 2, 0, 0);
	send_as(IPC_ENGINE, 4);
	fwtable_run(table, now);
	assert_int_equal(got[0].last.refused, 1 << 1);
	assert_true(has(2010) && !has(2002) && !has(2012));
	assert_int_equal(fwtable_counters(table)->open, 3);
}

static void
one_that_makes_no_sense_to_the_filter_is_left_out(void **state)
{
	(void)state;
	fake.bad_port = 2002;
	add(FW_OPEN, 1, 2000, 60);
	add(FW_OPEN, 2, 2002, 60);
	add(FW_OPEN, 3, 2004, 60);
	send_as(IPC_ENGINE, 1);
	fwtable_run(table, now);
	assert_int_equal(got[0].last.err, PH_EBAD);
	assert_int_equal(got[0].last.refused, 1 << 1);
	assert_true(has(2000) && !has(2002) && has(2004));
}

/* The commits that come next fail so, and then no more. */
static void
fail_with(enum ph_err a, enum ph_err b)
{
	fake.fail = a;
	fake.fails[0] = b;
	fake.nfails = 1;
	fake.commits = 0;
}

static void
a_commit_has_an_end(void **state)
{
	uint16_t i;

	(void)state;
	for (i = 0; i < 2049; i++)
		open_one(i + 1u, (uint16_t)(1024 + i), 60);
	fwtable_run(table, now);
	assert_int_equal(fake.n, 2049);
	assert_int_equal(fake.commits, 2);
	assert_int_equal(fake.largest, 2048);
	assert_int_equal(fwtable_counters(table)->commits, 2);
	assert_int_equal(fwtable_counters(table)->changes, 2049);
	/* All at once, in messages of 512. */
	now += 60 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_int_equal(fake.n, 0);
	assert_int_equal(got[0].closed, 2049);
	fwtable_run(table, now);
	assert_int_equal(got[0].closed, 2049);
	assert_int_equal(fwtable_counters(table)->commits, 4);
}

/* So have the commits of each entry alone: the rest is one commit again. */
static void
one_by_one_it_has_an_end_too(void **state)
{
	uint16_t i;

	(void)state;
	for (i = 0; i < 3000; i++)
		open_one(i + 1u, (uint16_t)(5100 + i), 60);
	fake.fail = PH_ENOMEM;
	fwtable_run(table, now);
	assert_int_equal(fake.n, 3000);
	assert_int_equal(fake.commits, 1 + 2048 + 1);
	now += 60 * USEC_PER_SEC;
	fake.commits = 0;
	fake.fail = PH_ENOMEM;
	fwtable_run(table, now);
	assert_int_equal(fake.n, 0);
	assert_int_equal(fake.commits, 1 + 2048 + 1);
}

/* An answer is for who asked, not for who comes after. */
static void
a_batch_that_was_answered_is_forgotten(void **state)
{
	(void)state;
	open_one(1, 2000, 600);
	fwtable_run(table, now);
	open_one(1, 2000, 600);
	fwtable_run(table, now);
	fake.bad_port = 2000;
	fake.tick_err = PH_EGONE;
	fwtable_run(table, now);
	open_one(2, 2002, 600);
	fwtable_run(table, now);
	assert_int_equal(got[0].last_seq, 2);
	assert_int_equal(got[0].last.err, PH_OK);
	assert_int_equal(got[0].last.refused, 0);
	assert_true(!has(2000) && has(2002));
	assert_int_equal(fwtable_counters(table)->wanted, 1);
	assert_int_equal(fwtable_counters(table)->bad, 1);
	assert_int_equal(fwtable_counters(table)->lost, 1);
}

static void
a_proxy_is_refused_what_the_filter_cannot_have(void **state)
{
	(void)state;
	fake.room = 1;
	add(FW_OPEN, 1, 2000, 60);
	add(FW_OPEN, 2, 2002, 60);
	add(FW_OPEN, 3, 2004, 60);
	add(FW_OPEN, 4, 2006, 60);
	send_as(IPC_PROXY, 1);
	fwtable_run(table, now);
	assert_int_equal(got[IPC_PROXY].last.err, PH_ELIMIT);
	assert_int_equal(got[IPC_PROXY].last.refused, 2 | 4 | 8);
	assert_int_equal(fwtable_counters(table)->wanted, 1);
	assert_int_equal(fwtable_counters(table)->limit, 3);
	/* All; the first; the second.  Then it is known to be full. */
	assert_int_equal(fake.commits, 3);
}

static void
what_was_there_already_is_no_failure(void **state)
{
	(void)state;
	fake.fail = PH_EEXIST;
	open_one(1, 2000, 60);
	fwtable_run(table, now);
	assert_int_equal(got[0].last.err, PH_OK);
	assert_int_equal(got[0].results, 1);
	assert_int_equal(fwtable_counters(table)->open, 1);
	fail_with(PH_ELIMIT, PH_EEXIST);
	open_one(2, 2002, 60);
	fwtable_run(table, now);
	assert_int_equal(got[0].last.err, PH_OK);
	assert_int_equal(got[0].results, 2);
	assert_int_equal(fwtable_counters(table)->open, 2);
}

static void
each_commit_is_timed_and_its_error_counted(void **state)
{
	const struct fwcounters *n = fwtable_counters(table);
	struct fwcounters since, sum;

	(void)state;
	fake.slow = 90;
	open_one(1, 2000, 60);
	fwtable_run(table, now);
	since = *n;
	fake.slow = 3000;
	fail_with(PH_EAGAIN, PH_EEXIST);
	open_one(2, 2002, 60);
	fwtable_run(table, fwtable_run(table, now));
	assert_int_equal(histogram_count(&n->commit), 3);
	assert_int_equal(n->commit.sum, 6090);
	assert_int_equal(n->errors[-PH_EAGAIN], 1);
	assert_int_equal(n->errors[-PH_EEXIST], 0);

	/* Counters that are told in parts add up; gauges are those of now. */
	sum = since;
	since = fwcounters_since(n, &since);
	assert_int_equal(since.commit.sum, 6000);
	assert_int_equal(since.batches, 1);
	assert_int_equal(since.open, 2);
	fwcounters_merge(&sum, &since);
	assert_memory_equal(&sum, n, sizeof(sum));
}

static void
the_way_of_a_packet_is_timed(void **state)
{
	const struct fwcounters *n = fwtable_counters(table);

	(void)state;
	add(FW_OPEN, 1, 2000, 60);
	batch.stamp = clock_wall(fake.clock) - 700;
	batch.quiet = 1;
	fake.slow = 90;
	send_as(IPC_ENGINE, 5);
	fwtable_run(table, now);
	assert_int_equal(n->setup.sum, 790);
	/* A batch without a packet is none. */
	add(FW_OPEN, 2, 2002, 60);
	batch.stamp = 0;
	batch.quiet = 0;
	send_as(IPC_ENGINE, 6);
	fwtable_run(table, now);
	assert_int_equal(histogram_count(&n->setup), 1);
	assert_int_equal(got[IPC_ENGINE].results, 1);
	/* A quiet one is answered if something was refused, and not timed. */
	add(FW_OPEN, 3, 22, 60);
	batch.stamp = clock_wall(fake.clock);
	batch.quiet = 1;
	send_as(IPC_ENGINE, 7);
	fwtable_run(table, now);
	assert_int_equal(got[IPC_ENGINE].results, 2);
	assert_int_equal(got[IPC_ENGINE].last.err, PH_EDENIED);
	assert_int_equal(histogram_count(&n->setup), 1);
	batch.stamp = 0;
	batch.quiet = 0;
}

static void
a_close_that_found_no_memory_is_tried_again(void **state)
{
	int64_t next;

	(void)state;
	open_one(1, 2000, 60);
	open_one(2, 2002, 60);
	fwtable_run(table, now);
	fail_with(PH_ENOMEM, PH_ENOMEM);
	add(FW_CLOSE, 1, 0, 0);
	add(FW_CLOSE, 2, 0, 0);
	send_as(IPC_ENGINE, 3);
	next = fwtable_run(table, now);
	assert_int_equal(fake.commits, 2);
	assert_true(next > now && next < now + 20000);
	assert_int_equal(fwtable_counters(table)->retries, 1);
	fwtable_run(table, next);
	assert_int_equal(fake.n, 0);
	assert_int_equal(got[0].last.err, PH_OK);
}

static void
a_new_deadline_that_found_no_room_is_tried_again(void **state)
{
	int64_t next;

	(void)state;
	open_one(1, 2000, 60);
	fwtable_run(table, now);
	fail_with(PH_ELIMIT, PH_ELIMIT);
	open_one(1, 2000, 130);
	next = fwtable_run(table, now);
	assert_int_equal(fake.commits, 2);
	assert_int_equal(left(2000), 60);
	assert_true(next > now && next < now + 20000);
	assert_int_equal(got[0].results, 1);
	fwtable_run(table, next);
	assert_int_equal(left(2000), 130);
	assert_int_equal(got[0].results, 2);
	assert_int_equal(got[0].last.err, PH_OK);
}

static void
what_cannot_be_closed_is_not_there(void **state)
{
	(void)state;
	open_one(1, 2000, 60);
	fwtable_run(table, now);
	fake.n = 0;
	fail_with(PH_EBAD, PH_EBAD);
	add(FW_CLOSE, 1, 0, 0);
	send_as(IPC_ENGINE, 2);
	fwtable_run(table, now);
	assert_int_equal(fwtable_counters(table)->open, 0);
	assert_true(fwtable_idle(table));
}

static void
a_filter_that_fails_in_between_is_asked_later(void **state)
{
	int64_t next;
	int i;

	(void)state;
	fail_with(PH_ELIMIT, PH_EIO);
	open_one(1, 2000, 6000);
	open_one(2, 2002, 6000);
	next = fwtable_run(table, now);
	assert_int_equal(fake.commits, 2);
	assert_true(next >= now + 500 && next < now + 20000);
	for (i = 0; i < 30; i++) {
		fake.fail = PH_EAGAIN;
		now = next;
		next = fwtable_run(table, now);
	}
	/* Rarely by now. */
	assert_true(next >= now + USEC_PER_SEC);
	assert_int_equal(fwtable_counters(table)->retries, 31);
	now = next;
	fwtable_run(table, now);
	assert_int_equal(fake.n, 2);
	/* Once it has worked, soon again. */
	fake.fail = PH_EAGAIN;
	open_one(3, 2004, 6000);
	next = fwtable_run(table, now);
	assert_true(next > now && next < now + 20000);
}

static void
a_filter_may_do_without_what_is_optional(void **state)
{
	(void)state;
	make_table(&bare_ops);
	open_one(1, 2000, 60);
	fwtable_settle(table, IPC_ENGINE);
	fwtable_forget_rest(table);
	assert_int_equal(fwtable_run(table, now), now + 60 * USEC_PER_SEC);
	assert_true(has(2000));
	assert_int_equal(fwtable_run(table, now), now + 60 * USEC_PER_SEC);
}

static void
it_wakes_for_what_comes_first(void **state)
{
	static const struct {
		int64_t idle, every;
	} rows[] = { { 2, 1 }, { 4, 1 }, { 20, 5 }, { 300, 10 } };
	size_t i;

	(void)state;
	conf->tftp.on = false;
	for (i = 0; i < ROWS(rows); i++) {
		fake.n = 0;
		conf->sip.timeout_idle = (uint32_t)rows[i].idle;
		make_table(&fake_ops);
		fake.seen_all = false;
		got[0].seen = 0;
		/* With nothing open, nothing wakes it. */
		assert_true(fwtable_run(table, now) == INT64_MAX);
		now += 100 * USEC_PER_SEC;
		open_one(1, 2000, 60);
		assert_int_equal(fwtable_run(table, now),
		    now + rows[i].every * USEC_PER_SEC);
		fake.seen_all = true;
		fwtable_run(table, now + rows[i].every * USEC_PER_SEC - 1);
		assert_int_equal(got[0].seen, 0);
		now += rows[i].every * USEC_PER_SEC;
		fwtable_run(table, now);
		assert_int_equal(got[0].seen, 1);
		fwtable_run(table, now);
		assert_int_equal(got[0].seen, 1);
	}
	fake.next_tick = now + 3;
	assert_int_equal(fwtable_run(table, now), now + 3);
	fake.next_tick = now + 1000 * USEC_PER_SEC;
	open_one(1, 2000, 4);
	assert_int_equal(fwtable_run(table, now), now + 4 * USEC_PER_SEC);
}

/* What is written to the log by one run at `now`. */
static const char *
said(void)
{
	static char text[4096];
	FILE *f = tmpfile();
	int err = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(f);
	fflush(stderr);
	assert_true(dup2(fileno(f), STDERR_FILENO) != -1);
	(void)fwtable_run(table, now);
	fflush(stderr);
	assert_true(dup2(err, STDERR_FILENO) != -1);
	close(err);
	rewind(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void
is_said(const char *part)
{
	const char *text = said();

	print_message("%s", text);
	if (part == NULL)
		assert_string_equal(text, "");
	else
		assert_non_null(strstr(text, part));
}

static void
what_fails_is_said_and_what_does_not_is_not(void **state)
{
	(void)state;
	open_one(1, 2000, 600);
	is_said(NULL);
	fwtable_forget_rest(table);
	is_said(NULL);
	fake.settle_rc = PH_EIO;
	fwtable_forget_rest(table);
	is_said("fake: cannot remove the pinholes of an earlier run: "
		"input/output error");
	/* It is not tried again. */
	is_said(NULL);
	assert_int_equal(fake.settles, 2);
	fake.fail = PH_EAGAIN;
	open_one(2, 2002, 600);
	is_said(NULL);
	now += 3 * USEC_PER_SEC;
	fake.fail = PH_EIO;
	is_said("fake: cannot change pinholes: input/output error; trying "
		"again");
	now += 3 * USEC_PER_SEC;
	is_said(NULL);
	assert_true(has(2002));
	fake.tick_err = PH_EGONE;
	is_said("fake: somebody removed our rules; opening all pinholes "
		"again");
	is_said(NULL);
	fake.activity_rc = PH_EAGAIN;
	now += 100 * USEC_PER_SEC;
	is_said(NULL);
	fake.activity_rc = PH_EIO;
	now += 100 * USEC_PER_SEC;
	is_said("fake: cannot tell which pinholes have had packets: "
		"input/output error");
	fake.activity_rc = PH_OK;
	fake.bad_port = 2004;
	open_one(3, 2004, 600);
	is_said("refused: bad request: dir=1 proto=17 from=198.51.100.7 "
		"to=192.0.2.10 port=2004:2004\n");
}

/*
 * Anything, at random, with a filter that fails at random: in the end, what
 * the filter has is what is wanted.
 */
static void
whatever_happens_the_filter_follows(void **state)
{
	static const enum ph_err failures[] = { PH_EAGAIN, PH_EIO, PH_ELIMIT,
		PH_EBAD, PH_ENOMEM };
	uint64_t port_of[40] = { 0 };
	unsigned int i, k;
	size_t want;

	(void)state;
	srandom(7);
	for (i = 0; i < 20000; i++) {
		k = 1 + (unsigned int)random() % 39;
		switch (random() % 8) {
		case 0:
			add(FW_CLOSE, k, 0, 0);
			send_as(IPC_ENGINE, i);
			port_of[k] = 0;
			break;
		case 1:
			if (random() % 50 == 0) {
				fwtable_begin(table, IPC_ENGINE);
				fwtable_settle(table, IPC_ENGINE);
				memset(port_of, 0, sizeof(port_of));
			}
			break;
		case 2:
			now += random() % 1000000;
			fwtable_run(table, now);
			break;
		case 3:
			fake.fail = failures[(size_t)random() % 5];
			fake.lost = fake.lost || random() % 10 == 0;
			fwtable_run(table, now);
			break;
		default:
			/* Each name has a port of its own. */
			open_one(k, (uint16_t)(2000 + k), 86400);
			port_of[k] = 2000 + k;
			break;
		}
	}
	fake.fail = PH_OK;
	for (k = 1; k < 40; k++)
		if (port_of[k] != 0)
			open_one(k, (uint16_t)port_of[k], 86400);
	for (i = 0; i < 10; i++) {
		now += 4 * USEC_PER_SEC;
		fwtable_run(table, now);
	}
	for (k = 1, want = 0; k < 40; k++) {
		want += port_of[k] != 0;
		assert_int_equal(has((uint16_t)(2000 + k)), port_of[k] != 0);
	}
	assert_int_equal(fake.n, want);
	assert_int_equal(fwtable_counters(table)->open, want);
	assert_int_equal(fwtable_counters(table)->wanted, want);
	assert_int_equal(got[0].results, fwtable_counters(table)->batches);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_retry_waits_twice_as_long),
		CASE(a_busy_filter_is_asked_again),
		CASE(a_filter_that_lost_everything_is_told_everything),
		CASE(a_full_filter_refuses_new_calls_and_keeps_old),
		CASE(one_that_makes_no_sense_to_the_filter_is_left_out),
		CASE(a_commit_has_an_end),
		CASE(one_by_one_it_has_an_end_too),
		CASE(a_batch_that_was_answered_is_forgotten),
		CASE(a_proxy_is_refused_what_the_filter_cannot_have),
		CASE(what_was_there_already_is_no_failure),
		CASE(each_commit_is_timed_and_its_error_counted),
		CASE(the_way_of_a_packet_is_timed),
		CASE(a_close_that_found_no_memory_is_tried_again),
		CASE(a_new_deadline_that_found_no_room_is_tried_again),
		CASE(what_cannot_be_closed_is_not_there),
		CASE(a_filter_that_fails_in_between_is_asked_later),
		CASE(a_filter_may_do_without_what_is_optional),
		CASE(it_wakes_for_what_comes_first),
		CASE(what_fails_is_said_and_what_does_not_is_not),
		CASE(whatever_happens_the_filter_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
