/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/conf/conf.h"
#include "src/fw/table.h"
#include "tests/unit/unit.h"

/*
 * A packet filter that does what it is told: fails when asked to, has room
 * for so many, remembers what it has, and checks that nobody tells it twice.
 */
#define ROOM 4000

struct fw {
	struct pinhole hole[ROOM];
	size_t n, room;
	enum ph_err fail;  /* the next commit */
	bool lost;	   /* everything, and nobody has been told */
	uint16_t bad_port; /* a pinhole it finds no sense in */
	unsigned int commits, changes, settles;
	enum ph_err tick_err;
	bool seen_all;
};

static struct fw fake;

static struct pinhole *
fake_find(uint64_t id)
{
	size_t i;

	for (i = 0; i < fake.n; i++)
		if (fake.hole[i].id == id)
			return &fake.hole[i];
	return NULL;
}

static enum ph_err
fake_commit(struct fw *fw, const struct fw_change *c, size_t n, int64_t now)
{
	struct pinhole *h;
	size_t i, more = 0;
	enum ph_err rc = fw->fail;

	(void)now;
	fw->commits++;
	if (fw->lost) {
		fw->lost = false;
		fw->n = 0;
		return PH_EGONE;
	}
	fw->fail = PH_OK;
	if (rc != PH_OK)
		return rc;
	for (i = 0; i < n; i++) {
		if (c[i].op == FW_OPEN && c[i].hole.to_lo == fw->bad_port)
			return PH_EBAD;
		if (c[i].op == FW_OPEN && fake_find(c[i].hole.id) == NULL)
			more++;
		if (c[i].op == FW_CLOSE && fake_find(c[i].hole.id) != NULL)
			more--;
	}
	if (fw->n + more > fw->room && more > 0)
		return PH_ELIMIT;
	fw->changes += (unsigned int)n;
	for (i = 0; i < n; i++) {
		h = fake_find(c[i].hole.id);
		if (c[i].op == FW_OPEN && h == NULL)
			fw->hole[fw->n++] = c[i].hole;
		else if (c[i].op == FW_OPEN) {
			assert_int_equal(pinhole_cmp(h, &c[i].hole), 0);
			h->deadline = c[i].hole.deadline;
		} else {
			assert_non_null(h);
			*h = fw->hole[--fw->n];
		}
	}
	return PH_OK;
}

static enum ph_err
fake_settle(struct fw *fw, int64_t now)
{
	(void)now;
	fw->settles++;
	return PH_OK;
}

static enum ph_err
fake_activity(struct fw *fw, void (*seen)(void *ctx, uint64_t id), void *ctx,
    int64_t now)
{
	size_t i;

	(void)now;
	for (i = 0; fw->seen_all && i < fw->n; i++)
		seen(ctx, fw->hole[i].id);
	return PH_OK;
}

static int64_t
fake_tick(struct fw *fw, int64_t now, enum ph_err *err)
{
	(void)now;
	*err = fw->tick_err;
	if (fw->tick_err == PH_EGONE)
		fw->n = 0;
	fw->tick_err = PH_OK;
	return INT64_MAX;
}

static const struct fw_ops fake_ops = {
	.name = "fake",
	.caps = FW_CAP_ACTIVITY,
	.commit = fake_commit,
	.settle = fake_settle,
	.activity = fake_activity,
	.tick = fake_tick,
};

/* What was answered, by role. */
static struct {
	unsigned int results;
	struct ipc_result last;
	uint64_t last_seq;
	unsigned int closed, seen;
	uint64_t closed_id, seen_id;
} got[IPC_NROLES];

static void
on_send(void *ctx, enum ipc_role role, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m)
{
	(void)ctx;
	switch (type) {
	case IPC_RESULT:
		got[role].results++;
		got[role].last = m->u.result;
		got[role].last_seq = seq;
		break;
	case IPC_CLOSED:
		got[role].closed += m->u.ids.n;
		got[role].closed_id = m->u.ids.ids[m->u.ids.n - 1];
		break;
	case IPC_SEEN:
		got[role].seen += m->u.ids.n;
		got[role].seen_id = m->u.ids.ids[0];
		break;
	default:
		fail();
	}
}

static struct conf *conf;
static struct fw_policy policy;
static struct addr own; /* the firewall's */
static struct fwtable *table;
static struct ipc_commit batch;
static int64_t now;

static int
setup(void **state)
{
	struct fwtable_sink sink = { NULL, on_send };

	(void)state;
	memset(&fake, 0, sizeof(fake));
	memset(&got, 0, sizeof(got));
	memset(&batch, 0, sizeof(batch));
	fake.room = ROOM;
	now = 1000 * USEC_PER_SEC;
	if (conf_parse(&conf,
		span_of("protect 192.0.2.0/24\nsip { limit calls 100\n"
			"external 198.51.100.1 for 192.0.2.10\n"
			"redirect yes }\n"
			"tftp { proxy on 192.0.2.1 port 6969 }\n"),
		"test", NULL, 0, stderr) != PH_OK)
		return -1;
	policy.conf = conf;
	policy.own = &own;
	policy.nown = 1;
	own = addr_v4(198, 51, 100, 1);
	table = fwtable_new(&fake_ops, &fake, &policy, &sink);
	return table == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	fwtable_free(table);
	conf_free(conf);
	return 0;
}

/* One change in the batch: port tells the tuples apart. */
static void
add(enum fw_op op, uint64_t id, uint16_t port, int64_t for_s)
{
	struct fw_change *c = &batch.changes[batch.n++];
	struct addr phone = addr_v4(198, 51, 100, 7);

	memset(c, 0, sizeof(*c));
	c->op = op;
	c->hole.id = id;
	c->hole.deadline = now + for_s * USEC_PER_SEC;
	c->hole.proto = IPPROTO_UDP;
	c->hole.dir = PINHOLE_IN;
	c->hole.from = prefix_host(&phone);
	c->hole.to = addr_v4(192, 0, 2, 10);
	c->hole.to_lo = c->hole.to_hi = port;
	/* Redirected, so that engine and proxy may want the same. */
	c->hole.rdr_from = (struct endpoint) { own, port };
}

static void
send_as(enum ipc_role role, uint64_t seq)
{
	fwtable_commit(table, role, seq, &batch, now);
	batch.n = 0;
}

static void
open_one(uint64_t id, uint16_t port, int64_t for_s)
{
	add(FW_OPEN, id, port, for_s);
	send_as(IPC_ENGINE, id);
}

static bool
has(uint16_t port)
{
	size_t i;

	for (i = 0; i < fake.n; i++)
		if (fake.hole[i].to_lo == port)
			return true;
	return false;
}

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
	/* And more and more rarely, but never never. */
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
	/* One of three more fits, and one that was there is renewed. */
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
	/* What closes makes room in the same breath. */
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
	/* Nobody knows it by that name any more. */
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
	add(FW_CLOSE, 1, 0, 0);
	add(FW_CLOSE, 2, 0, 0);
	send_as(IPC_ENGINE, 2);
	fwtable_run(table, now);
	assert_true(!has(2000) && has(2002) && has(2004));
	fwtable_drop(table, IPC_PROXY);
	fwtable_run(table, now);
	assert_int_equal(fake.n, 0);
	assert_true(fwtable_idle(table));
}

static void
the_same_name_for_something_else_replaces_it(void **state)
{
	(void)state;
	open_one(1, 2000, 60);
	fwtable_run(table, now);
	open_one(1, 2002, 60);
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

static void
activity_is_told_by_the_clients_name(void **state)
{
	int64_t next;

	(void)state;
	open_one(77, 2000, 6000);
	add(FW_OPEN, 5, 2002, 6000);
	send_as(IPC_PROXY, 1);
	fwtable_run(table, now);
	fake.seen_all = true;
	next = fwtable_run(table, now);
	assert_true(next <= now + 10 * USEC_PER_SEC);
	assert_int_equal(got[0].seen, 0);
	fwtable_run(table, next);
	assert_int_equal(got[0].seen, 1);
	assert_int_equal(got[0].seen_id, 77);
	assert_int_equal(got[1].seen, 1);
	assert_int_equal(got[1].seen_id, 5);
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

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_came_together_is_one_commit),
		CASE(a_forbidden_change_does_not_hold_up_the_others),
		CASE(a_deadline_closes_though_nobody_asks),
		CASE(nobody_is_open_for_ever),
		CASE(a_busy_filter_is_asked_again),
		CASE(a_filter_that_lost_everything_is_told_everything),
		CASE(a_full_filter_refuses_new_calls_and_keeps_old),
		CASE(one_that_makes_no_sense_to_the_filter_is_left_out),
		CASE(there_is_a_most),
		CASE(a_successor_names_what_it_keeps),
		CASE(without_a_successor_deadlines_hold),
		CASE(two_roles_do_not_disturb_each_other),
		CASE(the_same_name_for_something_else_replaces_it),
		CASE(activity_is_told_by_the_clients_name),
		CASE(whatever_happens_the_filter_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
