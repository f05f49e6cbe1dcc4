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
#include "src/fw/direct.h"
#include "tests/unit/fake_nft.h"
#include "tests/unit/unit.h"

#define SECOND 1000000LL

static struct fw_config config;
static struct fw *fw;
static struct direct *direct;
static int64_t now;

static enum ph_err
open_it(void)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));

	enum ph_err rc = fw_nftables.open(&fw, &config, now, &why);

	direct = direct_new(&fw_nftables, fw);
	assert_non_null(direct);
	return rc;
}

static void
close_it(bool keep)
{
	fw_nftables.close(fw, keep);
	direct_free(direct);
}

static int
fresh(void **state)
{
	(void)state;
	fake_reset();
	memset(&config, 0, sizeof(config));
	config.name = "pinholed";
	config.mark = 0x10000;
	now = 1000 * SECOND;
	return open_it() == PH_OK ? 0 : -1;
}

static int
done(void **state)
{
	(void)state;
	close_it(false);
	fw = NULL;
	assert_false(fake.table);
	fake_reset();
	return 0;
}

/*
 * Thirty pinholes that overlap as much as possible: three hosts, a few ports,
 * ranges, all kinds.
 */
#define NHOLES 30

static struct pinhole
hole(unsigned int i)
{
	struct pinhole h;

	memset(&h, 0, sizeof(h));
	h.id = i + 1;
	h.proto = i % 5 == 4 ? IPPROTO_TCP : IPPROTO_UDP;
	h.dir = i % 3 == 2 ? PINHOLE_OUT : PINHOLE_IN;
	h.once = i % 10 == 4;
	h.to = addr_v4(192, 0, 2, (uint8_t)(i % 2));
	h.to_lo = (uint16_t)(100 + i % 3);
	h.to_hi = (uint16_t)(h.to_lo + i % 4);
	if (h.dir == PINHOLE_OUT || i % 7 != 0)
		h.from = prefix_host(
		    &(struct addr) { AF_INET, { 198, 51, 100, 7 } });
	if (i % 8 == 1)
		h.rdr_from =
		    (struct endpoint) { addr_v4(203, 0, 113, (uint8_t)i),
			    7000 };
	return h;
}

static enum ph_err
commit1(enum fw_op op, const struct pinhole *h)
{
	struct fw_change c;

	memset(&c, 0, sizeof(c));
	c.op = op;
	c.hole = *h;
	return direct_commit(direct, &c, 1, now);
}

/* What the kernel should have of one element: the last deadline, or 0. */
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
		h = hole(i);
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
	unsigned int i;
	size_t j, n;

	for (j = 0; j < fake.n; j++)
		assert_int_equal(fake.v[j].timeout_ms * 1000,
		    wanted(deadlines, &fake.v[j].elem) - now);
	for (i = 0; i < NHOLES; i++) {
		if (deadlines[i] == 0)
			continue;
		h = hole(i);
		assert_int_equal(hole_elements(&h, &config, v, &n), PH_OK);
		for (j = 0; j < n; j++) {
			assert_non_null(f = fake_find(&v[j]));
			assert_memory_equal(&f->elem, &v[j], sizeof(v[j]));
		}
	}
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
			changes[k].hole = hole(i);
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
		/* Nothing we send is ever refused for what it is. */
		assert_int_equal(fake.refused, 0);
		if (rc == PH_OK && fake.table)
			compare(deadlines);
	}
	assert_true(fake.commits > 2000);
}

static void
test_an_expired_element_can_be_refreshed_and_closed(void **state)
{
	struct pinhole h = hole(2);

	(void)state;
	h.deadline = now + 2 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	while (fake.n > 0)
		fake_expire(0);
	h.deadline = now + 3 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.n, 6);
	while (fake.n > 0)
		fake_expire(0);
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	assert_int_equal(fake.n, 0);
	assert_int_equal(fake.refused, 0);
}

static void
test_an_unchanged_deadline_costs_nothing(void **state)
{
	struct pinhole h = hole(2), twin = hole(2);
	unsigned int commits;

	(void)state;
	h.deadline = twin.deadline = now + 20 * SECOND;
	twin.id = 1000;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	commits = fake.commits;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &twin), PH_OK);
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	assert_int_equal(fake.commits, commits);
	assert_int_equal(commit1(FW_CLOSE, &twin), PH_OK);
	assert_int_equal(fake.n, 0);
}

static void
test_what_expired_stays_shut_when_the_table_is_rebuilt(void **state)
{
	struct pinhole h = hole(2);
	enum ph_err err;

	(void)state;
	h.deadline = now + 2 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	fake_flush_ruleset();
	now += 3 * SECOND;
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	assert_true(fake.table);
	assert_int_equal(fake.n, 0);
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
	struct pinhole h = hole(7);

	(void)state;
	assert_int_equal(fake.parts, 1u << PART_BASE);
	h.deadline = now + 9 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.parts, 1u << PART_BASE | 1u << PART_ANY);
	h = hole(1);
	h.deadline = now + 9 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.parts,
	    1u << PART_BASE | 1u << PART_ANY | 1u << PART_NAT);
	/* And comes back like that. */
	fake_flush_ruleset();
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	assert_int_equal(fake.parts,
	    1u << PART_BASE | 1u << PART_ANY | 1u << PART_NAT);
	/* With FTP there is no time for it when a connection comes. */
	close_it(false);
	config.once = true;
	assert_int_equal(open_it(), PH_OK);
	assert_int_equal(fake.parts, 1u << PART_BASE | 1u << PART_ONCE);
}

static void
count_id(void *ctx, struct fw_entry *e, unsigned int ends)
{
	(void)ends;
	*(uint64_t *)ctx = *(uint64_t *)ctx * 100 + e->hole.id;
}

static uint64_t
activity(void)
{
	uint64_t ids = 0;

	assert_int_equal(fw_nftables.activity(fw, count_id, &ids, now), PH_OK);
	return ids;
}

static void
test_activity_survives_refresh_and_interruption(void **state)
{
	struct pinhole h = hole(3);

	(void)state;
	h.deadline = now + 5 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(activity(), 0);
	fake.v[0].packets = 3;
	assert_int_equal(activity(), 4);
	fake.v[0].packets = 4;
	h.deadline += SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.v[0].packets, 0);
	assert_int_equal(activity(), 4);
	assert_int_equal(activity(), 0);
	fake.v[0].packets = 4;
	fake.interrupt = true;
	assert_int_equal(activity(), 4);
	assert_int_equal(activity(), 0);
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
		v[i].hole = hole(3);
		v[i].hole.id = i + 1;
		v[i].hole.to_lo = v[i].hole.to_hi = (uint16_t)(i + 1);
		v[i].hole.deadline = now + 1000 * SECOND;
	}
	assert_int_equal(direct_commit(direct, v, N, now), PH_OK);
	free(v);
	fake.v[11].packets = 1;
	assert_int_equal(activity(), 0);
	for (i = 0; i < 10; i++)
		now = fw_nftables.tick(fw, now, &err);
	assert_int_equal(activity(), 12);
	for (i = 0; i < 10; i++)
		now = fw_nftables.tick(fw, now, &err);
	assert_int_equal(activity(), 0);
}

static void
test_an_interrupted_dump_is_no_proof_of_absence(void **state)
{
	struct pinhole h = hole(4);

	(void)state;
	assert_true(h.once);
	h.deadline = now + 5 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	fake_expire(0);
	fake.interrupt = true;
	assert_int_equal(activity(), 0);
	fake.interrupt = false;
	assert_int_equal(activity(), 5);
}

static void
test_adopting_and_settling(void **state)
{
	struct pinhole keep = hole(2), leave = hole(7), nat = hole(1);
	unsigned int deletes = fake.ct_deletes;

	(void)state;
	keep.deadline = leave.deadline = nat.deadline = now + 5 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &keep), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &leave), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &nat), PH_OK);
	close_it(true);
	assert_true(fake.table);
	config.adopt = true;
	assert_int_equal(open_it(), PH_OK);
	assert_int_equal(fake.creations, 1);
	/* Redirections are not taken over; they might lead elsewhere now. */
	nat.id = 77;
	nat.to.b[3] = 9;
	assert_int_equal(commit1(FW_OPEN, &nat), PH_OK);
	keep.id = 78;
	keep.deadline = now + 50 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &keep), PH_OK);
	assert_int_equal(fw_nftables.settle(fw, now), PH_OK);
	assert_int_equal(fake.n, 2 * 3 + 3 * 2);
	assert_int_equal(fake.refused, 0);
	/* Nobody's running media was cut. */
	assert_int_equal(fake.ct_deletes, deletes);
}

/* 198.51.100.7:4000 -> 192.0.2.0:port */
static struct fake_connection
connection(uint32_t id, uint32_t status, uint16_t port)
{
	return (struct fake_connection) { id, status, 0xc6336407, 0xc0000200,
		4000, port, 0, false };
}

/* So many seconds of ticks. */
static void
run(int64_t seconds)
{
	int64_t end = now + seconds * SECOND;
	enum ph_err err;

	while (now < end)
		now = fw_nftables.tick(fw, now, &err);
}

static void
test_closed_connections_are_forgotten_in_due_time(void **state)
{
	struct pinhole h = hole(6), closing = hole(3);

	(void)state;
	h.deadline = closing.deadline = now + 1000 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &closing), PH_OK);
	fake.ct[0] = connection(1, IPS_CONFIRMED, 100); /* open */
	fake.ct[1] = connection(2, IPS_CONFIRMED, 999); /* closed */
	fake.ct[2] = connection(3, IPS_CONFIRMED | IPS_OFFLOAD, 999);
	fake.ct[3] = connection(4, IPS_CONFIRMED | IPS_DST_NAT, 999);
	/* Nothing closed, nothing to look for. */
	run(100);
	assert_int_equal(fake.ct[3].id, 4);
	assert_int_equal(commit1(FW_CLOSE, &closing), PH_OK);
	run(29);
	assert_int_equal(fake.ct[3].id, 4);
	/* At once what our chains are not asked about; */
	run(3);
	assert_int_equal(fake.ct[3].id, 0);
	assert_int_equal(fake.ct[2].id, 0);
	/* the rest when it is found closed again. */
	assert_int_equal(fake.ct[1].id, 2);
	run(40);
	assert_int_equal(fake.ct[1].id, 0);
	assert_int_equal(fake.ct[0].id, 1);
}

static void
test_with_a_flowtable_closing_is_urgent(void **state)
{
	struct pinhole h = hole(6);

	(void)state;
	h.deadline = now + 1000 * SECOND;
	fake.flowtable = true;
	fake.generation++;
	run(1);
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	fake.ct[0] = connection(1, IPS_CONFIRMED | IPS_OFFLOAD, 100);
	run(2);
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	run(1);
	assert_int_equal(fake.ct[0].id, 0);
}

/* The kernel itself adds to @connections and takes from @tcp4_once. */
static void
remember(void)
{
	struct fake_element *remembered = fake_find(&fake.v[0].elem);
	uint32_t id = htonl(7);

	if (set_part(remembered->elem.set) != PART_ONCE)
		remembered++;
	memset(&remembered->elem, 0, sizeof(remembered->elem));
	remembered->elem.set = SET_CONNECTIONS;
	remembered->elem.keylen = sizeof(id);
	memcpy(remembered->elem.key, &id, sizeof(id));
}

static void
test_a_connection_that_outlives_its_pinhole_is_spared(void **state)
{
	struct pinhole once = hole(4), h = hole(3);

	(void)state;
	h.deadline = once.deadline = now + 1000 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &once), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	fake.ct[0] = connection(7, IPS_CONFIRMED | IPS_DST_NAT, 999);
	fake.ct[1] = connection(8, IPS_CONFIRMED | IPS_DST_NAT, 999);
	remember();
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	run(100);
	assert_int_equal(fake.ct[0].id, 7);
	assert_int_equal(fake.ct[1].id, 0);
}

/* Once. */
static void
begin_connection(void)
{
	fake.meanwhile = NULL;
	fake.ct[0] = connection(7, IPS_CONFIRMED | IPS_DST_NAT, 999);
	remember();
}

static void
test_a_connection_that_begins_during_a_sweep_is_spared(void **state)
{
	struct pinhole once = hole(4), h = hole(3);

	(void)state;
	h.deadline = once.deadline = now + 1000 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &once), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	fake.ct[1] = connection(8, IPS_CONFIRMED | IPS_DST_NAT, 999);
	fake.meanwhile = begin_connection;
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	run(100);
	assert_null(fake.meanwhile);
	assert_int_equal(fake.ct[0].id, 7);
	assert_int_equal(fake.ct[1].id, 0);
}

static void
test_each_part_is_added_once(void **state)
{
	struct pinhole nat = hole(1), another = hole(9);

	(void)state;
	nat.deadline = another.deadline = now + 100 * SECOND;
	assert_int_equal(fake.texts, 1);
	/* What the table refuses is no reason to build it again. */
	fake.refuse_text = true;
	assert_int_equal(commit1(FW_OPEN, &nat), PH_EIO);
	assert_int_equal(fake.creations, 1);
	assert_int_equal(commit1(FW_OPEN, &nat), PH_OK);
	assert_int_equal(fake.texts, 3);
	assert_int_equal(commit1(FW_OPEN, &another), PH_OK);
	assert_int_equal(fake.texts, 3);
	/* Nor are the new part's rules, or a change to another table. */
	run(1);
	fake.generation++;
	run(1);
	assert_int_equal(fake.creations, 1);
}

static void
test_a_table_that_went_is_built_again_once(void **state)
{
	struct pinhole h = hole(2), nat = hole(1);
	enum ph_err err;

	(void)state;
	h.deadline = nat.deadline = now + 100 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	fake_flush_ruleset();
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	now += SECOND;
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(fake.creations, 2);
	/* A commit that needs one more part of it finds out by itself. */
	fake_flush_ruleset();
	assert_int_equal(commit1(FW_OPEN, &nat), PH_OK);
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
	struct pinhole h = hole(3), once = hole(4);
	struct elem e;
	enum ph_err err;

	(void)state;
	h.deadline = once.deadline = now + 100 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	e = fake.v[0].elem;
	fake.v[0].packets = 3;
	assert_int_equal(activity(), 4);
	/* The kernel takes this element when its connection begins. */
	assert_int_equal(commit1(FW_OPEN, &once), PH_OK);
	fake_expire(fake.n - 1);
	assert_int_equal(activity(), 5);
	fake_flush_ruleset();
	(void)fw_nftables.tick(fw, now, &err);
	/* It stays away, so that no second connection gets in. */
	assert_int_equal(fake.n, 8);
	fake_find(&e)->packets = 3;
	assert_int_equal(activity(), 4);
}

static void
test_many_elements_come_back_in_pieces(void **state)
{
	enum { N = 11000 };
	struct fw_change *v = calloc(N, sizeof(*v));
	unsigned int i, commits;
	enum ph_err err;

	(void)state;
	assert_non_null(v);
	for (i = 0; i < N; i++) {
		v[i].op = FW_OPEN;
		v[i].hole = hole(3);
		v[i].hole.id = i + 1;
		v[i].hole.to_lo = v[i].hole.to_hi = (uint16_t)(i + 1);
		v[i].hole.deadline = now + 1000 * SECOND;
	}
	fake.forgetful = true;
	assert_int_equal(direct_commit(direct, v, N, now), PH_OK);
	free(v);
	assert_int_equal(fake.told, 2 * N);
	commits = fake.commits;
	fake_flush_ruleset();
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(fake.told, 2 * 2 * N);
	assert_int_equal(fake.commits, commits + 2);
}

static void
test_a_later_close_delays_no_sweep(void **state)
{
	struct pinhole h = hole(3), later = hole(6);

	(void)state;
	h.deadline = later.deadline = now + 1000 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &later), PH_OK);
	fake.ct[0] = connection(1, IPS_CONFIRMED | IPS_DST_NAT, 999);
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	run(20);
	assert_int_equal(commit1(FW_CLOSE, &later), PH_OK);
	run(12);
	assert_int_equal(fake.ct[0].id, 0);
}

/* Once. */
static void
begin_interruptions(void)
{
	fake.meanwhile = NULL;
	fake.interrupt = true;
}

static void
test_none_is_cut_that_may_be_spared(void **state)
{
	struct pinhole once = hole(4), h = hole(3);

	(void)state;
	h.deadline = once.deadline = now + 1000 * SECOND;
	assert_int_equal(commit1(FW_OPEN, &once), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	fake.ct[0] = connection(7, IPS_CONFIRMED | IPS_DST_NAT, 999);
	fake.ct[1] = connection(8, IPS_CONFIRMED | IPS_DST_NAT, 999);
	fake.meanwhile = begin_interruptions;
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	run(100);
	assert_null(fake.meanwhile);
	assert_int_equal(fake.ct[0].id, 7);
	assert_int_equal(fake.ct[1].id, 8);
	/* With an answer they are, though nothing else closes. */
	fake.interrupt = false;
	run(40);
	assert_int_equal(fake.ct[0].id, 0);
	assert_int_equal(fake.ct[1].id, 0);
}

static void
test_the_original_destination_is_found(void **state)
{
	struct fw_flow flow = { .proto = IPPROTO_UDP };
	struct endpoint to = { addr_v4(1, 1, 1, 1), 1 };

	(void)state;
	fake.ct[0] = connection(1, IPS_CONFIRMED | IPS_DST_NAT, 100);
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
	struct prefix p;

	(void)state;
	close_it(false);
	config.tables = tables;
	config.ntables = 1;
	fake.user_set = 5;
	assert_int_equal(open_it(), PH_OK);
	assert_int_equal(prefix_parse(span_of("198.51.100.9"), &p), PH_OK);
	assert_int_equal(fw_nftables.table(fw, 0, FW_TABLE_ADD, &p, 1, 0),
	    PH_OK);
	assert_int_equal(fake.user_told, 3);
	run(1);
	assert_false(fw_nftables.emptied(fw));
	/* A reload makes it anew.  Of that one hears once. */
	fake.user_set++;
	fake.generation++;
	run(1);
	assert_true(fw_nftables.emptied(fw));
	assert_false(fw_nftables.emptied(fw));
}

static void
test_a_limit_is_told_from_a_shock(void **state)
{
	struct pinhole h = hole(2);

	(void)state;
	h.deadline = now + 5 * SECOND;
	fake.refuse = ENOSPC;
	assert_int_equal(commit1(FW_OPEN, &h), PH_ELIMIT);
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	h.to_lo = 0;
	h.id = 99;
	assert_int_equal(commit1(FW_OPEN, &h), PH_EBAD);
	assert_int_equal(commit1((enum fw_op)9, &h), PH_EBAD);
	assert_int_equal(fake.n, 6);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, done)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_any_sequence_of_commits_is_mirrored),
		CASE(test_an_expired_element_can_be_refreshed_and_closed),
		CASE(test_an_unchanged_deadline_costs_nothing),
		CASE(test_what_expired_stays_shut_when_the_table_is_rebuilt),
		CASE(test_tick_looks_only_when_something_changed),
		CASE(test_the_table_grows_by_what_is_needed),
		CASE(test_activity_survives_refresh_and_interruption),
		CASE(test_many_counters_are_read_between_other_work),
		CASE(test_an_interrupted_dump_is_no_proof_of_absence),
		CASE(test_adopting_and_settling),
		CASE(test_closed_connections_are_forgotten_in_due_time),
		CASE(test_with_a_flowtable_closing_is_urgent),
		CASE(test_a_connection_that_outlives_its_pinhole_is_spared),
		CASE(test_a_connection_that_begins_during_a_sweep_is_spared),
		CASE(test_a_limit_is_told_from_a_shock),
		CASE(test_each_part_is_added_once),
		CASE(test_a_table_that_went_is_built_again_once),
		CASE(test_counters_begin_anew_in_a_new_table),
		CASE(test_many_elements_come_back_in_pieces),
		CASE(test_a_later_close_delays_no_sweep),
		CASE(test_none_is_cut_that_may_be_spared),
		CASE(test_the_original_destination_is_found),
		CASE(test_a_users_set_is_filled_and_looked_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
