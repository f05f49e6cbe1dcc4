/* SPDX-License-Identifier: ISC */
/* The nftables backend's decisions, against a kernel of paper. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft/elements.h"
#include "nft/table.h"
#include "tests/unit/nft_play.h"

/* The deadline that the kernel should have for one element, or 0. */
static int64_t
wanted(const int64_t *deadlines, const struct elem *e)
{
	struct elem v[ELEM_MAX];
	struct pinhole h;
	int64_t last = 0;
	unsigned int i;
	size_t j, n;

	for (i = 0; i < NHOLES; i++) {
		if (deadlines[i] <= last)
			continue;
		h = play_hole(i);
		assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
		for (j = 0; j < n; j++)
			if (elem_cmp(&v[j], e) == 0)
				last = deadlines[i];
	}
	return last;
}

/* Deadlines are whole seconds, and time stands still: compare exactly. */
static void
compare(const int64_t *deadlines)
{
	struct elem v[ELEM_MAX];
	struct fake_element *f;
	struct pinhole h;
	unsigned int i, nhosts = 0;
	struct elem host;
	size_t j, n;

	for (j = 0; j < fake.holes.n; j++)
		assert_int_equal(fake.holes.v[j].timeout_ms * 1000,
		    wanted(deadlines, &fake.holes.v[j].elem) - now);
	for (i = 0; i < NHOLES; i++) {
		if (deadlines[i] == 0)
			continue;
		h = play_hole(i);
		assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
		for (j = 0; j < n; j++) {
			assert_non_null(f = fake_find(&v[j]));
			assert_memory_equal(&f->elem, &v[j], sizeof(v[j]));
		}
		host = elem_addr(SET_HOSTS,
		    h.dir == PINHOLE_IN ? &h.to : &h.from.addr);
		assert_non_null(f = fake_find(&host));
		assert_int_equal(f->timeout_ms, 0);
		/* Marked as one that some pinhole needs. */
		nhosts += f->packets == 0;
		f->packets = 1;
	}
	assert_int_equal(fake.hosts.n, nhosts);
	for (j = 0; j < fake.hosts.n; j++)
		fake.hosts.v[j].packets = 0;
}

static unsigned int seed;

static unsigned int
dice(unsigned int sides)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % sides;
}

static void
test_any_sequence_of_commits_is_mirrored(void **state)
{
	static const int errors[] = { EBUSY, ENOSPC, EINTR, EIO };
	static const enum ph_err expected[] = { PH_EAGAIN, PH_ELIMIT, PH_EAGAIN,
		PH_EIO };
	int64_t deadlines[NHOLES] = { 0 }, after[NHOLES];
	struct fw_change changes[6];
	unsigned int round, i, k, n, e;
	enum ph_err rc;

	(void)state;
	seed = 1;
	for (round = 0; round < 4000; round++) {
		memcpy(after, deadlines, sizeof(after));
		memset(changes, 0, sizeof(changes));
		n = 1 + dice(ROWS(changes));
		for (k = 0; k < n; k++) {
			i = dice(NHOLES);
			changes[k].hole = play_hole(i);
			changes[k].op = dice(2) ? FW_OPEN : FW_CLOSE;
			after[i] = 0;
			if (changes[k].op == FW_OPEN)
				after[i] = now + (2 + dice(9)) * SECOND;
			changes[k].hole.deadline = after[i];
		}
		e = dice(16);
		if (e < ROWS(errors))
			fake.refuse = errors[e];
		else if (e == 5)
			fake_flush_ruleset();
		else if (e == 6)
			fake.refuse = EOVERFLOW;
		rc = direct_commit(direct, changes, n, now);
		if (rc == PH_OK)
			memcpy(deadlines, after, sizeof(deadlines));
		else if (e >= ROWS(errors) || rc != expected[e])
			fail_msg("round %u: %d", round, rc);
		fake.refuse = 0;
		/* The kernel never finds a batch of ours wrong in itself. */
		assert_int_equal(fake.refused, 0);
		if (rc == PH_OK && fake.table)
			compare(deadlines);
	}
	assert_true(fake.commits > 2000);
}

static void
test_an_expired_element_can_be_refreshed_and_closed(void **state)
{
	struct pinhole h = play_hole(2);

	(void)state;
	h.deadline = now + 2 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	while (fake.holes.n > 0)
		fake_expire(0);
	h.deadline = now + 3 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.holes.n, 6);
	while (fake.holes.n > 0)
		fake_expire(0);
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	assert_int_equal(fake.holes.n, 0);
	assert_int_equal(fake.refused, 0);
}

static void
test_a_protected_host_is_listed_while_it_has_a_pinhole(void **state)
{
	struct pinhole in = play_hole(2), out = play_hole(2);

	(void)state;
	in.deadline = out.deadline = now + 20 * SECOND;
	in.dir = PINHOLE_IN;
	out.id = 1000;
	out.dir = PINHOLE_OUT;
	out.from = prefix_host(&in.to);
	out.to = in.from.addr;
	assert_int_equal(play_commit(FW_OPEN, &in), PH_OK);
	assert_int_equal(fake.hosts.n, 1);
	assert_int_equal(fake.hosts.v[0].timeout_ms, 0);
	assert_int_equal(play_commit(FW_OPEN, &out), PH_OK);
	assert_int_equal(play_commit(FW_CLOSE, &in), PH_OK);
	assert_int_equal(fake.hosts.n, 1);
	assert_int_equal(play_commit(FW_CLOSE, &out), PH_OK);
	assert_int_equal(fake.hosts.n, 0);
}

static void
test_an_unchanged_deadline_costs_nothing(void **state)
{
	struct pinhole h = play_hole(2), twin = play_hole(2);
	unsigned int commits;

	(void)state;
	h.deadline = twin.deadline = now + 20 * SECOND;
	twin.id = 1000;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	commits = fake.commits;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &twin), PH_OK);
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	assert_int_equal(fake.commits, commits);
	assert_int_equal(play_commit(FW_CLOSE, &twin), PH_OK);
	assert_int_equal(fake.holes.n, 0);
}

static void
test_what_expired_stays_shut_when_the_table_is_rebuilt(void **state)
{
	struct pinhole h = play_hole(2);
	enum ph_err err;

	(void)state;
	h.deadline = now + 2 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake_flush_ruleset();
	now += 3 * SECOND;
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	assert_true(fake.table);
	assert_int_equal(fake.holes.n, 0);
}

static void
test_a_table_of_a_successor_is_left_alone(void **state)
{
	struct pinhole h = play_hole(2);
	enum ph_err err;

	(void)state;
	h.deadline = now + 100 * SECOND;
	config.yield = true;
	fake_flush_ruleset();
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &h), PH_EGONE);
	assert_int_equal(fake.creations, 1);
	/* The successor could not start. */
	config.yield = false;
	now += SECOND;
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	assert_int_equal(fake.creations, 2);
}

static void
test_tick_looks_only_when_something_changed(void **state)
{
	enum ph_err err;
	int64_t next;
	int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		next = fw_nftables.tick(fw, now, &err);
		assert_int_equal(err, PH_OK);
		assert_true(next > now && next <= now + SECOND);
		now = next;
	}
	assert_int_equal(fake.creations, 1);
	/* The clock goes back a day: it still looks. */
	now -= 86400 * SECOND;
	fake_flush_ruleset();
	next = fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	assert_true(next <= now + SECOND);
}

static void
test_the_table_grows_by_what_is_needed(void **state)
{
	struct pinhole h = play_hole(7);

	(void)state;
	assert_int_equal(fake.parts, 1u << PART_BASE);
	h.deadline = now + 9 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.parts, 1u << PART_BASE | 1u << PART_ANY);
	h = play_hole(1);
	h.deadline = now + 9 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.parts,
	    1u << PART_BASE | 1u << PART_ANY | 1u << PART_NAT);
	/* The table comes back with the same parts. */
	fake_flush_ruleset();
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	assert_int_equal(fake.parts,
	    1u << PART_BASE | 1u << PART_ANY | 1u << PART_NAT);
	/* With FTP there is no time for it when a connection comes. */
	play_close(false);
	config.once = true;
	assert_int_equal(play_open(), PH_OK);
	assert_int_equal(fake.parts, 1u << PART_BASE | 1u << PART_ONCE);
}

static void
test_activity_survives_refresh_and_interruption(void **state)
{
	struct pinhole h = play_hole(3);

	(void)state;
	h.deadline = now + 5 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(play_activity(), 0);
	fake.holes.v[0].packets = 3;
	assert_int_equal(play_activity(), 4);
	fake.holes.v[0].packets = 4;
	h.deadline += SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.holes.v[0].packets, 0);
	assert_int_equal(play_activity(), 4);
	assert_int_equal(play_activity(), 0);
	fake.holes.v[0].packets = 4;
	fake.interrupt = true;
	assert_int_equal(play_activity(), 4);
	assert_int_equal(play_activity(), 0);
}

static void
test_many_counters_are_read_between_other_work(void **state)
{
	enum { N = 5000 };
	struct fw_change *v = calloc(N, sizeof(*v));
	unsigned int i;
	enum ph_err err;

	(void)state;
	assert_non_null(v);
	for (i = 0; i < N; i++) {
		v[i].op = FW_OPEN;
		v[i].hole = play_hole(3);
		v[i].hole.id = i + 1;
		v[i].hole.to_lo = v[i].hole.to_hi = (uint16_t)(i + 1);
		v[i].hole.deadline = now + 1000 * SECOND;
	}
	assert_int_equal(direct_commit(direct, v, N, now), PH_OK);
	free(v);
	fake.holes.v[11].packets = 1;
	assert_int_equal(play_activity(), 0);
	for (i = 0; i < 10; i++)
		now = fw_nftables.tick(fw, now, &err);
	assert_int_equal(play_activity(), 12);
	for (i = 0; i < 10; i++)
		now = fw_nftables.tick(fw, now, &err);
	assert_int_equal(play_activity(), 0);
}

static void
test_an_interrupted_dump_is_no_proof_of_absence(void **state)
{
	struct pinhole h = play_hole(4);

	(void)state;
	assert_true(h.once);
	h.deadline = now + 5 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake_expire(0);
	fake.interrupt = true;
	assert_int_equal(play_activity(), 0);
	fake.interrupt = false;
	assert_int_equal(play_activity(), 5);
}

static void
test_adopting_and_settling(void **state)
{
	struct pinhole keep = play_hole(2), leave = play_hole(7),
		       nat = play_hole(1);
	unsigned int deletes = fake.ct_deletes;

	(void)state;
	keep.deadline = leave.deadline = nat.deadline = now + 5 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &keep), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &leave), PH_OK);
	assert_int_equal(play_commit(FW_OPEN, &nat), PH_OK);
	play_close(true);
	assert_true(fake.table);
	config.adopt = true;
	assert_int_equal(play_open(), PH_OK);
	assert_int_equal(fake.creations, 1);
	/* Redirections are not taken over; they might lead elsewhere now. */
	nat.id = 77;
	nat.to.b[3] = 9;
	assert_int_equal(play_commit(FW_OPEN, &nat), PH_OK);
	keep.id = 78;
	keep.deadline = now + 50 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &keep), PH_OK);
	assert_int_equal(fw_nftables.settle(fw, now), PH_OK);
	assert_int_equal(fake.holes.n, 2 * 3 + 3 * 2);
	assert_int_equal(fake.refused, 0);
	/* No running media was cut. */
	assert_int_equal(fake.ct_deletes, deletes);
}

static void
test_each_part_is_added_once(void **state)
{
	struct pinhole nat = play_hole(1), another = play_hole(9);

	(void)state;
	nat.deadline = another.deadline = now + 100 * SECOND;
	assert_int_equal(fake.texts, 1);
	/*
	 * A part that the kernel refuses is no reason to build the table again.
	 */
	fake.refuse_text = true;
	assert_int_equal(play_commit(FW_OPEN, &nat), PH_EIO);
	assert_int_equal(fake.creations, 1);
	assert_int_equal(play_commit(FW_OPEN, &nat), PH_OK);
	assert_int_equal(fake.texts, 3);
	assert_int_equal(play_commit(FW_OPEN, &another), PH_OK);
	assert_int_equal(fake.texts, 3);
	/* Nor are the new part's rules, or a change to another table. */
	play_run(1);
	fake.generation++;
	play_run(1);
	assert_int_equal(fake.creations, 1);
}

static void
test_a_table_that_went_is_built_again_once(void **state)
{
	struct pinhole h = play_hole(2), nat = play_hole(1);
	enum ph_err err;

	(void)state;
	h.deadline = nat.deadline = now + 100 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake_flush_ruleset();
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	now += SECOND;
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(fake.creations, 2);
	/* A commit that needs one more part of it finds out by itself. */
	fake_flush_ruleset();
	assert_int_equal(play_commit(FW_OPEN, &nat), PH_OK);
	assert_int_equal(fake.creations, 3);
	assert_int_equal(fake.parts, 1u << PART_BASE | 1u << PART_NAT);
	/* Then the next tick tells. */
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_OK);
}

static void
test_counters_begin_anew_in_a_new_table(void **state)
{
	struct pinhole h = play_hole(3), once = play_hole(4);
	struct elem e;
	enum ph_err err;

	(void)state;
	h.deadline = once.deadline = now + 100 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	e = fake.holes.v[0].elem;
	fake.holes.v[0].packets = 3;
	assert_int_equal(play_activity(), 4);
	/* The kernel takes this element when its connection begins. */
	assert_int_equal(play_commit(FW_OPEN, &once), PH_OK);
	fake_expire(fake.holes.n - 1);
	assert_int_equal(play_activity(), 5);
	fake_flush_ruleset();
	(void)fw_nftables.tick(fw, now, &err);
	/*
	 * The element of `once` stays away, so that no second connection gets
	 * in.
	 */
	assert_int_equal(fake.holes.n, 8);
	fake_find(&e)->packets = 3;
	assert_int_equal(play_activity(), 4);
}

static void
test_many_elements_come_back_in_pieces(void **state)
{
	enum { N = 10000 }; /* one element more than a piece */
	struct fw_change *v = calloc(N, sizeof(*v));
	unsigned int i, commits;
	enum ph_err err;

	(void)state;
	assert_non_null(v);
	for (i = 0; i < N; i++) {
		v[i].op = FW_OPEN;
		v[i].hole = play_hole(3);
		v[i].hole.id = i + 1;
		v[i].hole.to_lo = v[i].hole.to_hi = (uint16_t)(i + 1);
		v[i].hole.deadline = now + 1000 * SECOND;
	}
	fake.forgetful = true;
	assert_int_equal(direct_commit(direct, v, N, now), PH_OK);
	free(v);
	/*
	 * Two elements for each pinhole, and one for the protected host of them
	 * all.
	 */
	assert_int_equal(fake.told, 2 * N + 1);
	commits = fake.commits;
	fake_flush_ruleset();
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(fake.told, 2 * (2 * N + 1));
	assert_int_equal(fake.commits, commits + 2);
}

static void
test_the_original_destination_is_found(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_UDP };
	struct endpoint to = { addr_v4(1, 1, 1, 1), 1 };

	(void)state;
	fake.ct[0] = play_connection(1, IPS_CONFIRMED | IPS_DST_NAT, 100);
	fake.ct[0].local = 7000;
	flow.client = (struct endpoint) { addr_v4(198, 51, 100, 7), 4000 };
	flow.local = (struct endpoint) { addr_v4(192, 0, 2, 0), 100 };
	assert_int_equal(fw_nftables.original(fw, &flow, &to), PH_EMALFORMED);
	assert_int_equal(to.port, 1);
	flow.local.port = 7000;
	assert_int_equal(fw_nftables.original(fw, &flow, &to), PH_OK);
	assert_int_equal(addr_cmp(&to.addr, &flow.local.addr), 0);
	assert_int_equal(to.port, 100);
}

static void
test_a_users_set_is_filled_and_looked_after(void **state)
{
	static const char *const tables[] = { "spammer" };
	unsigned int looks;
	struct prefix p;

	(void)state;
	play_close(false);
	config.tables = tables;
	config.ntables = 1;
	fake.user_set = 5;
	assert_int_equal(play_open(), PH_OK);
	assert_int_equal(prefix_parse(span_of("198.51.100.9"), &p), PH_OK);
	assert_int_equal(fw_nftables.table(fw, 0, FW_TABLE_ADD, &p, 1, 0),
	    PH_OK);
	assert_int_equal(fake.user_told, 3);
	/* Found once, it is looked up again only if another changed a ruleset.
	 */
	looks = fake.user_looks;
	assert_int_equal(fw_nftables.table(fw, 0, FW_TABLE_ADD, &p, 1, 0),
	    PH_OK);
	assert_int_equal(fake.user_looks, looks);
	fake.generation++;
	assert_int_equal(fw_nftables.table(fw, 0, FW_TABLE_DELETE, &p, 1, 0),
	    PH_OK);
	assert_int_equal(fake.user_looks, looks + 1);
	assert_int_equal(fw_nftables.table(fw, 1, FW_TABLE_ADD, &p, 1, 0),
	    PH_EBAD);
	play_run(1);
	assert_false(fw_nftables.emptied(fw));
	/* A reload makes it anew.  Of that one hears once. */
	fake.user_set++;
	fake.generation++;
	play_run(1);
	assert_true(fw_nftables.emptied(fw));
	assert_false(fw_nftables.emptied(fw));
}

static void
test_a_limit_is_told_from_a_shock(void **state)
{
	struct pinhole h = play_hole(2);

	(void)state;
	h.deadline = now + 5 * SECOND;
	fake.refuse = ENOSPC;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_ELIMIT);
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	h.to_lo = 0;
	h.id = 99;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_EBAD);
	assert_int_equal(play_commit((enum fw_op)9, &h), PH_EBAD);
	assert_int_equal(fake.holes.n, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_any_sequence_of_commits_is_mirrored),
		CASE(test_an_expired_element_can_be_refreshed_and_closed),
		CASE(test_a_protected_host_is_listed_while_it_has_a_pinhole),
		CASE(test_an_unchanged_deadline_costs_nothing),
		CASE(test_what_expired_stays_shut_when_the_table_is_rebuilt),
		CASE(test_a_table_of_a_successor_is_left_alone),
		CASE(test_tick_looks_only_when_something_changed),
		CASE(test_the_table_grows_by_what_is_needed),
		CASE(test_activity_survives_refresh_and_interruption),
		CASE(test_many_counters_are_read_between_other_work),
		CASE(test_an_interrupted_dump_is_no_proof_of_absence),
		CASE(test_adopting_and_settling),
		CASE(test_a_limit_is_told_from_a_shock),
		CASE(test_each_part_is_added_once),
		CASE(test_a_table_that_went_is_built_again_once),
		CASE(test_counters_begin_anew_in_a_new_table),
		CASE(test_many_elements_come_back_in_pieces),
		CASE(test_the_original_destination_is_found),
		CASE(test_a_users_set_is_filled_and_looked_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
