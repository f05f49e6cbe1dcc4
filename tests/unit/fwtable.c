/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "src/base/timers.h"
#include "tests/unit/fake_fw.h"
#include "tests/unit/unit.h"

static void
what_came_together_is_one_commit(void **state)
{
	(void)state;
	add(FW_OPEN, 1, 2000, 60);
	add(FW_OPEN, 2, 2002, 60);
	send_as(IPC_ENGINE, 10);
	add(FW_OPEN, 3, 2004, 60);
	add(FW_CLOSE, 2, 2002, 0);
	send_as(IPC_ENGINE, 11);
	assert_int_equal(got[0].results, 0);
	fwtable_run(table, now);
	assert_int_equal(fake.commits, 1);
	assert_int_equal(got[0].results, 2);
	assert_int_equal(got[0].last.err, PH_OK);
	assert_int_equal(got[0].last.refused, 0);
	assert_int_equal(got[0].last_seq, 11);
	assert_true(has(2000) && has(2004) && !has(2002));
	/* Never in the filter: nothing was said about it. */
	assert_int_equal(fake.changes, 2);
	add(FW_CLOSE, 1, 2000, 0);
	add(FW_CLOSE, 99, 2000, 0);
	send_as(IPC_ENGINE, 12);
	fwtable_run(table, now);
	assert_int_equal(got[0].last.err, PH_OK);
	assert_true(!has(2000) && has(2004));
}

/* As many messages as wait make one commit; one that is alone has its own. */
static void
the_messages_of_all_clients_are_one_commit(void **state)
{
	uint16_t i;

	(void)state;
	for (i = 0; i < 100; i++) {
		add(FW_OPEN, i + 1, (uint16_t)(2000 + 2 * i), 60);
		send_as(i % 10 == 9 ? IPC_PROXY : IPC_ENGINE, i + 1);
	}
	assert_int_equal(fake.commits, 0);
	fwtable_run(table, now);
	assert_int_equal(fake.commits, 1);
	assert_int_equal(fake.n, 100);
	assert_int_equal(got[IPC_ENGINE].results, 90);
	assert_int_equal(got[IPC_PROXY].results, 10);
	assert_int_equal(fwtable_counters(table)->batches, 100);
	assert_int_equal(fwtable_counters(table)->commits, 1);
	open_one(500, 3000, 60);
	fwtable_run(table, now);
	assert_int_equal(fake.commits, 2);
	assert_int_equal(got[IPC_ENGINE].results, 91);
}

static void
a_forbidden_change_does_not_hold_up_the_others(void **state)
{
	(void)state;
	add(FW_OPEN, 1, 2000, 60);
	add(FW_OPEN, 2, 22, 60);
	add(FW_OPEN, 3, 2004, 60);
	add((enum fw_op)7, 4, 2006, 60);
	send_as(IPC_ENGINE, 1);
	fwtable_run(table, now);
	assert_int_equal(got[0].last.err, PH_EDENIED);
	assert_int_equal(got[0].last.refused, 1 << 1 | 1 << 3);
	assert_true(has(2000) && has(2004));
	assert_int_equal(fake.n, 2);
	assert_int_equal(fwtable_counters(table)->denied, 1);
	assert_int_equal(fwtable_counters(table)->bad, 1);
}

static void
a_deadline_closes_though_nobody_asks(void **state)
{
	int64_t next;

	(void)state;
	open_one(7, 2000, 60);
	next = fwtable_run(table, now);
	assert_true(next <= now + 60 * USEC_PER_SEC);
	now += 50 * USEC_PER_SEC;
	open_one(7, 2000, 60);
	fwtable_run(table, now);
	now += 59 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_true(has(2000));
	now += 2 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_false(has(2000));
	assert_int_equal(got[0].closed, 1);
	assert_int_equal(got[0].closed_id, 7);
	assert_true(fwtable_idle(table));
	assert_int_equal(fwtable_counters(table)->expired, 1);
	assert_int_equal(fwtable_counters(table)->open, 0);
}

/* Its old deadline comes first, and is none any more. */
static void
one_that_was_renewed_holds_no_other_up(void **state)
{
	(void)state;
	open_one(7, 2000, 60);
	open_one(8, 2002, 70);
	open_one(7, 2000, 80);
	assert_true(fwtable_run(table, now) <= now + 70 * USEC_PER_SEC);
	now += 70 * USEC_PER_SEC;
	assert_true(fwtable_run(table, now) <= now + 10 * USEC_PER_SEC);
	assert_true(has(2000));
	assert_false(has(2002));
	now += 10 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_false(has(2000));
}

/* The filter is not asked for what it needs not do yet, but in time. */
static void
a_little_later_a_deadline_waits(void **state)
{
	(void)state;
	open_one(7, 2000, 180);
	fwtable_run(table, now);
	now += 10 * USEC_PER_SEC;
	open_one(7, 2000, 300);
	fwtable_run(table, now);
	assert_int_equal(fake.commits, 1);
	assert_int_equal(left(2000), 170);
	/* It hears with whatever else there is to say of it; */
	add(FW_OPEN, 1, 2000, 20);
	send_as(IPC_PROXY, 1);
	add(FW_CLOSE, 1, 0, 0);
	send_as(IPC_PROXY, 1);
	fwtable_run(table, now);
	assert_int_equal(left(2000), 300);
	/* or when half of the lease has gone; */
	now += 150 * USEC_PER_SEC;
	open_one(7, 2000, 300);
	fwtable_run(table, now);
	assert_int_equal(left(2000), 300);
	/* or before its own deadline comes. */
	now += 10 * USEC_PER_SEC;
	open_one(7, 2000, 400);
	assert_true(fwtable_run(table, now) <= now + 280 * USEC_PER_SEC);
	now += 279 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_int_equal(left(2000), 11);
	now += USEC_PER_SEC;
	fwtable_run(table, now);
	assert_int_equal(left(2000), 120);
	now += 119 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_true(has(2000));
	now += USEC_PER_SEC;
	fwtable_run(table, now);
	assert_false(has(2000));
}

/* A change that waited for another try does not make later ones wait. */
static void
a_clock_that_is_set_back_holds_up_nothing(void **state)
{
	(void)state;
	fake.fail = PH_EAGAIN;
	open_one(7, 2000, 60);
	fwtable_run(table, now);
	assert_false(has(2000));
	now += 10 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_true(has(2000));
	now -= 20 * USEC_PER_SEC;
	open_one(8, 2002, 60);
	fwtable_run(table, now);
	assert_true(has(2002));
}

static void
nobody_is_open_for_ever(void **state)
{
	(void)state;
	open_one(7, 2000, 1000000000);
	add(FW_OPEN, 8, 2002, 0);
	batch.changes[0].hole.deadline = 0;
	send_as(IPC_ENGINE, 2);
	fwtable_run(table, now);
	assert_int_equal(fake.n, 2);
	assert_int_equal(fake.hole[0].deadline, now + 43200 * USEC_PER_SEC);
	assert_int_equal(fake.hole[1].deadline, fake.hole[0].deadline);
}

static void
there_is_a_most(void **state)
{
	uint16_t i;

	(void)state;
	/* limit calls 100 is below the least that is ever allowed: 4096. */
	for (i = 0; i < 4096; i++)
		open_one(i + 1u, (uint16_t)(6000 + i), 60);
	assert_int_equal(fwtable_counters(table)->limit, 0);
	open_one(9999, 60000, 60);
	assert_int_equal(fwtable_counters(table)->limit, 1);
	/* Renewing needs no room. */
	open_one(1, 6000, 90);
	assert_int_equal(fwtable_counters(table)->limit, 1);
}

static void
a_successor_names_what_it_keeps(void **state)
{
	uint64_t kept;

	(void)state;
	open_one(1, 2000, 600);
	open_one(2, 2002, 600);
	open_one(3, 2004, 600);
	fwtable_run(table, now);
	kept = fake.hole[1].id;
	/* The new one counts from 1 as well, and means others. */
	fwtable_begin(table, IPC_ENGINE);
	open_one(1, 2002, 600);
	open_one(2, 2006, 600);
	fwtable_run(table, now);
	assert_true(has(2000) && has(2002) && has(2004) && has(2006));
	fwtable_settle(table, IPC_ENGINE);
	fwtable_forget_rest(table);
	fwtable_run(table, now);
	assert_true(!has(2000) && has(2002) && !has(2004) && has(2006));
	/* The one that both wanted was never touched. */
	assert_non_null(fake_find(kept));
	assert_int_equal(fake.settles, 1);
	/* And is known by its new name. */
	add(FW_CLOSE, 1, 0, 0);
	send_as(IPC_ENGINE, 5);
	fwtable_run(table, now);
	assert_true(!has(2002) && has(2006));
}

static void
without_a_successor_deadlines_hold(void **state)
{
	(void)state;
	open_one(1, 2000, 60);
	fwtable_run(table, now);
	fwtable_begin(table, IPC_ENGINE);
	now += 61 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_int_equal(fake.n, 0);
	/* The role's new process does not know the name, so it is not told. */
	assert_int_equal(got[0].closed, 0);
}

static void
two_roles_do_not_disturb_each_other(void **state)
{
	(void)state;
	open_one(1, 2000, 60);
	open_one(2, 2002, 60);
	add(FW_OPEN, 1, 2004, 120);
	add(FW_OPEN, 2, 2002, 120);
	send_as(IPC_PROXY, 1);
	fwtable_run(table, now);
	assert_int_equal(fake.n, 3);
	add(FW_CLOSE, 1, 2000, 0);
	add(FW_CLOSE, 1, 2004, 0); /* which is the proxy's */
	add(FW_CLOSE, 2, 2002, 0);
	send_as(IPC_ENGINE, 2);
	fwtable_run(table, now);
	assert_true(!has(2000) && has(2002) && has(2004));
	fwtable_drop(table, IPC_PROXY);
	fwtable_run(table, now);
	assert_int_equal(fake.n, 0);
	assert_true(fwtable_idle(table));
}

/* A proxy that leaves has the same names as its successor, and others. */
static void
a_leaving_proxy_has_pinholes_of_its_own(void **state)
{
	(void)state;
	add(FW_OPEN, 1, 2000, 20);
	add(FW_OPEN, 2, 2002, 20);
	send_as(IPC_LEAVER, 1);
	add(FW_OPEN, 1, 2004, 20);
	add(FW_OPEN, 3, 2000, 20);
	send_as(IPC_PROXY, 2);
	fwtable_run(table, now);
	/* The very same for both: the first one has it. */
	assert_int_equal(fwtable_counters(table)->limit, 1);
	assert_true(has(2000) && has(2002) && has(2004));
	add(FW_CLOSE, 1, 0, 0);
	send_as(IPC_PROXY, 3);
	fwtable_run(table, now);
	assert_true(has(2000) && has(2002) && !has(2004));
	/* A role that states what it holds does not speak for the other. */
	open_one(7, 2006, 60);
	fwtable_begin(table, IPC_PROXY);
	fwtable_settle(table, IPC_PROXY);
	fwtable_run(table, now);
	assert_true(has(2000) && has(2002) && has(2006));
	fwtable_drop(table, IPC_LEAVER);
	fwtable_run(table, now);
	assert_true(!has(2000) && !has(2002) && has(2006));
	add(FW_OPEN, 3, 2000, 20);
	send_as(IPC_LEAVER + 2, 4);
	fwtable_run(table, now);
	assert_true(has(2000));
}

static void
what_closes_has_its_name_and_its_tuple(void **state)
{
	(void)state;
	open_one(1, 2000, 60);
	open_one(1, 2002, 60);
	fwtable_run(table, now);
	assert_true(has(2000) && has(2002));
	add(FW_CLOSE, 2, 2000, 0);
	add(FW_CLOSE, 1, 2004, 0);
	send_as(IPC_ENGINE, 2);
	fwtable_run(table, now);
	assert_true(has(2000) && has(2002));
	add(FW_CLOSE, 1, 2000, 0);
	send_as(IPC_ENGINE, 2);
	fwtable_run(table, now);
	assert_true(!has(2000) && has(2002));
	/* Another name for the same: the old name means nothing. */
	open_one(5, 2002, 60);
	add(FW_CLOSE, 1, 0, 0);
	send_as(IPC_ENGINE, 3);
	fwtable_run(table, now);
	assert_true(has(2002));
	add(FW_CLOSE, 5, 0, 0);
	send_as(IPC_ENGINE, 4);
	fwtable_run(table, now);
	assert_int_equal(fake.n, 0);
	assert_true(fwtable_idle(table));
}

/* One of several gets another name; all are found by theirs. */
static void
a_new_name_hides_no_other(void **state)
{
	uint64_t renamed, id;

	(void)state;
	for (renamed = 1; renamed <= 3; renamed++) {
		for (id = 1; id <= 3; id++)
			open_one(id, (uint16_t)(2000 + 2 * id), 60);
		open_one(9, (uint16_t)(2000 + 2 * renamed), 60);
		fwtable_run(table, now);
		assert_int_equal(fake.n, 3);
		for (id = 1; id <= 3; id++)
			add(FW_CLOSE, id, 0, 0);
		send_as(IPC_ENGINE, 3);
		fwtable_run(table, now);
		assert_int_equal(fake.n, 1);
		assert_true(has((uint16_t)(2000 + 2 * renamed)));
		add(FW_CLOSE, 9, 0, 0);
		send_as(IPC_ENGINE, 4);
		fwtable_run(table, now);
		assert_int_equal(fake.n, 0);
	}
	assert_true(fwtable_idle(table));
}

static void
only_toward_an_open_pinhole_is_anything_cut(void **state)
{
	struct fw_change *c;
	struct addr phone = addr_v4(198, 51, 100, 7);
	struct addr pbx = addr_v4(192, 0, 2, 10);
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		add(i == 1 ? FW_OPEN : FW_CUT, i == 1 ? 5 : 0, 4000, 60);
		c = &batch.changes[batch.n - 1];
		memset(&c->hole.rdr_from, 0, sizeof(c->hole.rdr_from));
		c->hole.dir = PINHOLE_OUT;
		c->hole.from = prefix_host(&pbx);
		c->hole.to = phone;
		if (i == 0 || i == 2)
			c->hole.from_port = 10000;
		send_as(IPC_ENGINE, (uint64_t)i + 1);
		fwtable_run(table, now);
		/* Not before there is one, and of one port only. */
		assert_int_equal(fake.cuts, i < 2 ? 0 : 1);
	}
}

static void
activity_is_told_by_the_clients_name(void **state)
{
	int64_t next;

	(void)state;
	open_one(77, 2000, 6000);
	add(FW_OPEN, 5, 2002, 6000);
	send_as(IPC_PROXY, 1);
	fwtable_run(table, now);
	fake.seen_all = FW_SEEN_FROM;
	next = fwtable_run(table, now);
	assert_true(next <= now + 10 * USEC_PER_SEC);
	assert_int_equal(got[0].seen, 0);
	fwtable_run(table, next);
	assert_int_equal(got[0].seen, 1);
	assert_int_equal(got[0].seen_id, 77);
	assert_int_equal(got[1].seen, 1);
	assert_int_equal(got[1].seen_id, 5);
	assert_int_equal(got[0].seen_to, 0);
	assert_int_equal(got[0].counts, 0); /* it tells no number */
	fake.seen_all = FW_SEEN_TO;
	fake.packets = 20;
	next = fwtable_run(table, next);
	fwtable_run(table, next);
	assert_int_equal(got[0].seen, 1);
	assert_int_equal(got[0].seen_to, 1);
	assert_int_equal(got[0].counts, 1);
	assert_int_equal(got[0].count.id, 77);
	assert_int_equal(got[0].count.packets, 20);
	assert_int_equal(got[1].count.id, 5);
	/* All of them, not those since the last time. */
	next = fwtable_run(table, next + 10 * USEC_PER_SEC);
	assert_int_equal(got[0].count.packets, 40);
}

static void
many_counts_are_told_in_several_messages(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 0; i < 300; i++)
		open_one(i + 1, (uint16_t)(2000 + 2 * i), 6000);
	fwtable_run(table, now);
	fake.seen_all = FW_SEEN_FROM;
	fake.packets = 1;
	fwtable_run(table, now + 10 * USEC_PER_SEC);
	fwtable_run(table, now + 20 * USEC_PER_SEC);
	assert_int_equal(got[0].counts % 300, 0);
	assert_in_range(got[0].counts, 300, 600);
}

static void
a_message_holds_no_more_than_it_can(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 0; i < IPC_BATCH; i++)
		add(FW_OPEN, i + 1, (uint16_t)(2000 + i), 60);
	batch.changes[40].hole.to_lo = batch.changes[40].hole.to_hi = 22;
	batch.n = 200;
	send_as(IPC_ENGINE, 1);
	fwtable_run(table, now);
	assert_int_equal(fwtable_counters(table)->changes, IPC_BATCH);
	assert_int_equal(fake.n, IPC_BATCH - 1);
	assert_true(got[0].last.refused == UINT64_C(1) << 40);
}

static void
the_worst_that_was_wrong_is_answered(void **state)
{
	static const struct {
		uint16_t first, second;
		enum ph_err rc;
	} rows[] = {
		{ 3000, 22, PH_EDENIED },
		{ 22, 3000, PH_EDENIED },
		{ 3000, 0, PH_EBAD },
		{ 0, 22, PH_EDENIED },
		{ 22, 0, PH_EDENIED },
		{ 0, 3000, PH_EBAD },
	};
	size_t i;

	(void)state;
	/* Beyond 4096, port 3000 is one too many. */
	for (i = 0; i < 4096; i++)
		open_one(i + 1u, (uint16_t)(10000 + i), 60);
	for (i = 0; i < ROWS(rows); i++) {
		add(FW_OPEN, 9001, rows[i].first, 60);
		add(FW_OPEN, 9002, rows[i].second, 60);
		send_as(IPC_ENGINE, i);
		fwtable_run(table, now);
		assert_int_equal(got[0].last.err, rows[i].rc);
		assert_int_equal(got[0].last.refused, 3);
	}
}

static void
what_closed_makes_room(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		open_one(i + 1, (uint16_t)(6000 + i), 60);
		fwtable_run(table, now);
		add(FW_CLOSE, i + 1, 0, 0);
		send_as(IPC_ENGINE, i);
		assert_false(fwtable_idle(table));
		fwtable_run(table, now);
		assert_true(fwtable_idle(table));
	}
	assert_int_equal(fwtable_counters(table)->limit, 0);
}

static void
the_latest_deadline_of_two_roles_holds(void **state)
{
	(void)state;
	open_one(1, 2000, 60);
	add(FW_OPEN, 1, 2000, 120);
	send_as(IPC_PROXY, 1);
	add(FW_OPEN, 2, 2002, 60);
	send_as(IPC_PROXY, 1);
	open_one(2, 2002, 120);
	fwtable_run(table, now);
	assert_int_equal(left(2000), 120);
	assert_int_equal(left(2002), 120);
	/* The role that still has the pinhole keeps its own deadline. */
	add(FW_CLOSE, 1, 0, 0);
	send_as(IPC_PROXY, 2);
	fwtable_run(table, now);
	assert_int_equal(left(2000), 60);
	now += 60 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_false(has(2000));
	assert_true(has(2002));
	assert_int_equal(got[IPC_ENGINE].closed, 1);
	assert_int_equal(got[IPC_ENGINE].closed_id, 1);
	assert_int_equal(got[IPC_PROXY].closed, 0);
	assert_int_equal(left(2002), 60);
	/* The role that is left may shorten the lease. */
	open_one(2, 2002, 5);
	fwtable_run(table, now);
	assert_int_equal(left(2002), 5);
	now += 60 * USEC_PER_SEC;
	fwtable_run(table, now);
	assert_int_equal(got[IPC_ENGINE].closed, 2);
	assert_int_equal(got[IPC_PROXY].closed, 1);
	assert_int_equal(got[IPC_PROXY].closed_id, 2);
	assert_true(fwtable_idle(table));
}

static void
a_successor_may_use_the_same_names(void **state)
{
	(void)state;
	open_one(1, 2000, 600);
	open_one(2, 2002, 600);
	fwtable_run(table, now);
	fake.seen_all = FW_SEEN_FROM;
	fwtable_begin(table, IPC_ENGINE);
	open_one(1, 2000, 600);
	now += 20 * USEC_PER_SEC;
	fwtable_run(table, now);
	/* The other has no name by which to tell of it. */
	assert_int_equal(got[0].seen, 1);
	assert_int_equal(got[0].seen_id, 1);
	fwtable_settle(table, IPC_ENGINE);
	fwtable_forget_rest(table);
	fwtable_run(table, now);
	assert_true(has(2000) && !has(2002));
	fwtable_run(table, now);
	assert_int_equal(fake.settles, 1);
	assert_int_equal(fwtable_counters(table)->wanted, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_came_together_is_one_commit),
		CASE(the_messages_of_all_clients_are_one_commit),
		CASE(a_forbidden_change_does_not_hold_up_the_others),
		CASE(a_deadline_closes_though_nobody_asks),
		CASE(one_that_was_renewed_holds_no_other_up),
		CASE(a_little_later_a_deadline_waits),
		CASE(a_clock_that_is_set_back_holds_up_nothing),
		CASE(nobody_is_open_for_ever),
		CASE(there_is_a_most),
		CASE(a_successor_names_what_it_keeps),
		CASE(without_a_successor_deadlines_hold),
		CASE(two_roles_do_not_disturb_each_other),
		CASE(a_leaving_proxy_has_pinholes_of_its_own),
		CASE(what_closes_has_its_name_and_its_tuple),
		CASE(a_new_name_hides_no_other),
		CASE(only_toward_an_open_pinhole_is_anything_cut),
		CASE(activity_is_told_by_the_clients_name),
		CASE(many_counts_are_told_in_several_messages),
		CASE(a_message_holds_no_more_than_it_can),
		CASE(the_worst_that_was_wrong_is_answered),
		CASE(what_closed_makes_room),
		CASE(the_latest_deadline_of_two_roles_holds),
		CASE(a_successor_may_use_the_same_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
