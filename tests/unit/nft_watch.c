/* SPDX-License-Identifier: ISC */
/*
 * What the nftables backend does by itself, and when: looking whether its
 * table and its rules stand, counting, sweeping, taking over and closing.
 * Against a kernel of paper, to the microsecond.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <linux/netfilter/nf_conntrack_common.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft/elements.h"
#include "nft/table.h"
#include "tests/unit/nft_play.h"
#include "tests/unit/starve.h"

#define LOOK 250000 /* between two looks, us */
#define OURS "kept here by pinholed, table pinholed, mark 0x10000"

/* A tick at this time; the next one's. */
static int64_t
tick_at(int64_t at)
{
	enum ph_err err = PH_EBAD;
	int64_t next;

	now = at;
	next = fw_nftables.tick(fw, at, &err);
	assert_int_equal(err, PH_OK);
	return next;
}

static void
the_kernel_is_asked_four_times_a_second(void **state)
{
	const int64_t t = now;
	/* clang-format off */
	const struct { int64_t at, next; bool asks; } rows[] = {
	{ t, t + LOOK, true },
	{ t, t + LOOK, false },
	{ t + 1, t + LOOK, false },
	{ t + LOOK - 1, t + LOOK, false },
	{ t + LOOK, t + 2 * LOOK, true },
	{ t + 9 * LOOK, t + 10 * LOOK, true },
	/* The clock was set back: by a little, and by more. */
	{ t + 9 * LOOK - 1, t + 10 * LOOK - 1, true },
	{ t + 9 * LOOK, t + 10 * LOOK - 1, false },
	{ t + 9 * LOOK - 1, t + 10 * LOOK - 1, false },
	{ t + 9 * LOOK - 2, t + 10 * LOOK - 2, true },
	{ t, t + LOOK, true },
	};
	/* clang-format on */
	unsigned int asked;
	int64_t next;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		asked = fake.generation_looks;
		next = tick_at(rows[i].at);
		asked = fake.generation_looks - asked;
		if (next != rows[i].next || asked != rows[i].asks)
			fail_msg("%zu: %u, %lld", i, asked,
			    (long long)(next - t));
	}
}

/* So many looks at our table, in a second of ticks. */
static unsigned int
looks(void)
{
	unsigned int before = fake.looks;

	play_run(1);
	return fake.looks - before;
}

static void
only_the_changes_of_others_are_looked_into(void **state)
{
	struct pinhole h = play_hole(2), nat = play_hole(1);

	(void)state;
	h.deadline = nat.deadline = now + 100 * SECOND;
	assert_int_equal(looks(), 0);
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	h.deadline += SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(looks(), 0);
	/* A transaction that the kernel refused has changed nothing. */
	fake.refuse = ENOSPC;
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_ELIMIT);
	assert_int_equal(looks(), 0);
	fake.generation++;
	assert_int_equal(looks(), 1);
	assert_int_equal(looks(), 0);
	/* With our own batch in between, and with one more part. */
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	fake.generation++;
	assert_int_equal(looks(), 1);
	assert_int_equal(play_commit(FW_OPEN, &nat), PH_OK);
	assert_int_equal(looks(), 0);
	/* Without an answer nothing is done, and the question stays. */
	fake.generation++;
	fake.deny = EPERM;
	assert_int_equal(looks(), 4);
	fake.deny = 0;
	fake.deny_generation = EPERM;
	assert_int_equal(looks(), 0);
	fake.deny_generation = 0;
	assert_int_equal(looks(), 1);
	assert_int_equal(fake.creations, 1);
}

static void
a_table_with_other_rules_is_built_again(void **state)
{
	struct pinhole h = play_hole(2);
	unsigned int commits;
	enum ph_err err;

	(void)state;
	h.deadline = now + 100 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake.more_rules = 1;
	play_run(1);
	assert_int_equal(fake.creations, 1); /* nobody says so */
	fake.generation++;
	now += LOOK;
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	assert_int_equal(fake.creations, 2);
	assert_int_equal(fake.holes.n, 6);
	assert_int_equal(fake.hosts.n, 1);
	/* The kernel refuses it: tried again at each look. */
	fake.more_rules = 2;
	fake.generation++;
	fake.refuse_text = true;
	now += LOOK;
	(void)fw_nftables.tick(fw, now, &err);
	assert_int_equal(err, PH_EGONE);
	assert_int_equal(fake.creations, 2);
	now += LOOK;
	(void)fw_nftables.tick(fw, now, NULL);
	assert_int_equal(fake.creations, 3);
	play_run(1);
	assert_int_equal(fake.creations, 3);
	/* When nothing is open, nothing is put into it. */
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
	commits = fake.commits;
	fake_flush_ruleset();
	now += LOOK;
	(void)fw_nftables.tick(fw, now, NULL);
	assert_int_equal(fake.creations, 4);
	assert_int_equal(fake.commits, commits);
}

/* The configuration names a chain; the backend begins anew. */
static void
open_with_hook(bool keep)
{
	static const char *const hooks[] = { "inet filter input" };

	play_close(keep);
	config.hooks = hooks;
	config.nhooks = 1;
	assert_int_equal(play_open(), PH_OK);
}

/* How often the chain's rules are read in a second of ticks. */
static unsigned int
hook_looks(void)
{
	unsigned int before = fake.hook_looks;

	play_run(1);
	return fake.hook_looks - before;
}

static void
our_rule_in_another_chain_comes_and_goes(void **state)
{
	(void)state;
	open_with_hook(false);
	assert_string_equal(fake.hook, OURS);
	/* One look after our own insertion, then none. */
	assert_int_equal(hook_looks(), 1);
	assert_int_equal(hook_looks(), 0);
	/* It is missed when a ruleset has changed. */
	fake.hook[0] = '\0';
	assert_int_equal(hook_looks(), 0);
	fake.generation++;
	assert_int_equal(hook_looks(), 2);
	assert_string_equal(fake.hook, OURS);
	assert_int_equal(hook_looks(), 0);
	/* Without an answer as to whether it has, nothing is done. */
	fake.hook[0] = '\0';
	fake.generation++;
	fake.deny_generation = EPERM;
	assert_int_equal(hook_looks(), 0);
	fake.deny_generation = 0;
	assert_int_equal(hook_looks(), 2);
	/* For a successor the rule stays; it waits until it is settled. */
	config.adopt = true;
	open_with_hook(true);
	assert_string_equal(fake.hook, OURS);
	fake.hook[0] = '\0';
	fake.generation++;
	assert_int_equal(hook_looks(), 0);
	assert_int_equal(fw_nftables.settle(fw, now), PH_OK);
	assert_string_equal(fake.hook, OURS);
	/* A rule of an earlier run is kept, or replaced. */
	open_with_hook(true);
	strlcpy(fake.hook, "kept here by pinholed, table pinholed, mark 0x20",
	    sizeof(fake.hook));
	assert_int_equal(fw_nftables.settle(fw, now), PH_OK);
	assert_string_equal(fake.hook, OURS);
	/* With the table the rule goes. */
	play_close(false);
	assert_string_equal(fake.hook, "");
	config.adopt = false;
	config.nhooks = 0;
	assert_int_equal(play_open(), PH_OK);
	fake.generation++;
	assert_int_equal(hook_looks(), 0);
}

/* A rule that the kernel refuses is not tried again for a second. */
static void
our_rule_is_not_tried_too_often(void **state)
{
	/* clang-format off */
	static const struct { size_t n; int64_t at[6]; bool there; } rows[] = {
	{ 1, { 0 }, false },
	{ 5, { 0, 250000, 500000, 749999, 999999 }, false },
	{ 5, { 0, 250000, 500000, 750000, 1000000 }, true },
	{ 6, { 0, 250000, 500000, 749999, 999999, 1249999 }, true },
	/* The clock was set back: by less than the second, and by more. */
	{ 3, { 0, 250000, 0 }, false },
	{ 3, { 0, 250000, -1 }, true },
	};
	/* clang-format on */
	int64_t start;
	size_t i, k;

	(void)state;
	open_with_hook(false);
	for (i = 0; i < ROWS(rows); i++) {
		play_run(2);
		start = now + SECOND;
		fake.hook[0] = '\0';
		fake.generation++;
		fake.refuse_text = true;
		for (k = 0; k < rows[i].n; k++) {
			tick_at(start + rows[i].at[k]);
			assert_false(fake.refuse_text);
		}
		if ((fake.hook[0] != '\0') != rows[i].there)
			fail_msg("%zu", i);
	}
}

/* So many pinholes that any port of one host may use, two elements each. */
static void
open_many(unsigned int n)
{
	struct fw_change *v = calloc(n, sizeof(*v));
	unsigned int i;

	assert_non_null(v);
	for (i = 0; i < n; i++) {
		v[i].op = FW_OPEN;
		v[i].hole = play_hole(3);
		v[i].hole.id = i + 1;
		v[i].hole.to_lo = v[i].hole.to_hi = (uint16_t)(i + 1);
		v[i].hole.deadline = now + 1000 * SECOND;
	}
	assert_int_equal(direct_commit(direct, v, n, now), PH_OK);
	free(v);
}

static void
more_than_4096_counters_are_read_in_slices(void **state)
{
	struct pinhole once = play_hole(4);
	const int64_t t = now;

	(void)state;
	open_many(2048);
	fake.holes.v[0].packets = 1;
	assert_int_equal(play_activity(), 1);
	assert_int_equal(play_activity(), 0);
	assert_int_equal(tick_at(t), t + LOOK);
	/* Hosts, which count nothing, do not count. */
	assert_int_equal(fake.hosts.n, 1);
	once.id = 3000;
	once.deadline = now + 1000 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &once), PH_OK);
	fake.holes.v[0].packets = 2;
	fake.holes.v[4095].packets = 1; /* a way back */
	assert_int_equal(play_activity(), 0);
	/* One element for one connection is always looked for. */
	assert_int_equal(tick_at(t), t); /* the dump begins */
	fake.slices = 2;
	assert_int_equal(tick_at(t), t + 1000);
	assert_int_equal(tick_at(t + 1000), t + 2000);
	assert_int_equal(fake.slices, 0);
	fake_expire(4096);
	/* Asking once more does not begin anew. */
	assert_int_equal(play_activity(), 3000);
	assert_int_equal(tick_at(t), t + 1000);
	assert_int_equal(play_activity(), 1);
	assert_int_equal(tick_at(t), t); /* the ways back */
	assert_int_equal(tick_at(t), t + 1000);
	assert_int_equal(tick_at(t), t + LOOK);
	assert_int_equal(play_activity(), 2048);
	assert_int_equal(tick_at(t), t);
}

/* Of a redirected connection, which the first sweep ends. */
static bool
is_swept(int64_t at)
{
	int64_t next;

	now = at;
	while ((next = tick_at(now)) == now + 2000)
		now = next;
	return fake.ct[0].id == 0;
}

static void
connect_and_close(bool flowtable)
{
	struct pinhole h = play_hole(3);

	fake.flowtable = flowtable;
	fake.generation++;
	play_run(1);
	h.deadline = now + 100000 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	fake.ct[0] = play_connection(5, IPS_CONFIRMED | IPS_DST_NAT, 999);
	assert_int_equal(play_commit(FW_CLOSE, &h), PH_OK);
}

static void
a_sweep_begins_on_time(void **state)
{
	/* clang-format off */
	static const struct { bool flowtable; int64_t at[3]; bool swept[3]; }
	rows[] = {
	{ false, { 0, 29999999, 30000000 }, { false, false, true } },
	{ true, { 0, 99999, 100000 }, { false, false, true } },
	/* The clock was set back ten minutes. */
	{ false, { -600000000, -570000001, -570000000 },
	  { false, false, true } },
	{ false, { -1, 29999998, 29999999 }, { false, false, true } },
	{ false, { 40000000, 0, 0 }, { true, true, true } },
	};
	/* clang-format on */
	int64_t start;
	size_t i, k;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		connect_and_close(rows[i].flowtable);
		start = now;
		for (k = 0; k < 3; k++)
			if (is_swept(start + rows[i].at[k]) != rows[i].swept[k])
				fail_msg("%zu %zu", i, k);
		play_run(100);
	}
}

static void
a_sweep_is_due_when_the_tick_says(void **state)
{
	int64_t next;

	(void)state;
	connect_and_close(true);
	next = tick_at(now);
	assert_true(next == now + 100000 || next < now + LOOK);
	/* A pinhole that opens, or lasts, is no reason to sweep. */
	play_run(1);
	assert_int_equal(fake.ct[0].id, 0);
	fake.ct[0].id = 6;
	play_run(100);
	assert_int_equal(fake.ct[0].id, 6);
}

static void
settling_leaves_what_is_open_and_no_more(void **state)
{
	struct pinhole h, once = play_hole(4);
	unsigned int i;

	(void)state;
	once.id = 900;
	once.deadline = now + 100 * SECOND;
	open_many(200);
	assert_int_equal(play_commit(FW_OPEN, &once), PH_OK);
	config.adopt = true;
	play_close(true);
	assert_int_equal(play_open(), PH_OK);
	assert_int_equal(fake.holes.n, 401);
	for (i = 0; i < 200; i += 50) {
		h = play_hole(3);
		h.id = i + 1;
		h.to_lo = h.to_hi = (uint16_t)(i + 1);
		h.deadline = now + 500 * SECOND;
		assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	}
	assert_int_equal(fake.holes.n, 401);
	assert_int_equal(fw_nftables.settle(fw, now), PH_OK);
	assert_int_equal(fake.holes.n, 8);
	assert_int_equal(fake.hosts.n, 1);
	for (i = 0; i < fake.holes.n; i++)
		assert_int_equal(fake.holes.v[i].timeout_ms, 500000);
	/* Settled once more, there is nothing to do. */
	i = fake.commits;
	assert_int_equal(fw_nftables.settle(fw, now), PH_OK);
	assert_int_equal(fake.commits, i);
	/* From now on, what opens is new to the kernel. */
	h.id = 300;
	h.to_lo = h.to_hi = 300;
	i = fake.told;
	assert_int_equal(play_commit(FW_OPEN, &h), PH_OK);
	assert_int_equal(fake.told, i + 2);
}

static void
settling_fails_without_an_answer(void **state)
{
	(void)state;
	open_many(2);
	config.adopt = true;
	play_close(true);
	assert_int_equal(play_open(), PH_OK);
	fake.interrupt = true;
	assert_int_equal(fw_nftables.settle(fw, now), PH_EAGAIN);
	assert_int_equal(fake.holes.n, 4);
	fake.interrupt = false;
	fake.refuse = EBUSY;
	assert_int_equal(fw_nftables.settle(fw, now), PH_EAGAIN);
	assert_int_equal(fake.holes.n, 4);
	assert_int_equal(fw_nftables.settle(fw, now), PH_OK);
	assert_int_equal(fake.holes.n, 0);
	assert_int_equal(fake.hosts.n, 0);
}

static void
settling_fails_without_memory(void **state)
{
	unsigned int n;

	(void)state;
	open_many(50);
	config.adopt = true;
	play_close(true);
	assert_int_equal(play_open(), PH_OK);
	/* The list of what has to go grows twice. */
	for (n = 1; n <= 2; n++) {
		starve(n);
		assert_int_equal(fw_nftables.settle(fw, now), PH_ENOMEM);
		starve_end();
		assert_int_equal(fake.holes.n, 100);
	}
	assert_int_equal(fw_nftables.settle(fw, now), PH_OK);
	assert_int_equal(fake.holes.n, 0);
}

static void
opening_fails_without_memory(void **state)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	unsigned int n;
	enum ph_err rc;

	(void)state;
	play_close(false);
	for (n = 1;; n++) {
		starve(n);
		rc = fw_nftables.open(&fw, &config, now, &why);
		(void)starve_end();
		if (rc == PH_OK)
			break;
		assert_null(fw);
		assert_false(fake.table);
		assert_true(n < 30);
	}
	assert_true(n > 10);
	fw_nftables.close(fw, false);
	assert_int_equal(play_open(), PH_OK);
}

/* Each time the kernel refuses something else. */
static void
opening_fails_if_the_kernel_refuses(void **state)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct pinhole nat = play_hole(1);
	unsigned int i;

	(void)state;
	nat.deadline = now + 100 * SECOND;
	assert_int_equal(play_commit(FW_OPEN, &nat), PH_OK);
	play_close(true);
	for (i = 0; i < 4; i++) {
		/* Of a table that is taken over, maps are emptied. */
		config.adopt = i == 0;
		fake.refuse = i == 0 ? EPERM : 0;
		fake.refuse_text = i == 1;
		fake.deny = i == 2 ? EPERM : 0;
		fake.deny_generation = i == 3 ? EPERM : 0;
		assert_int_equal(fw_nftables.open(&fw, &config, now, &why),
		    PH_EIO);
		assert_null(fw);
		fake.deny = fake.deny_generation = 0;
		/* A table of before stays, unless it is ours by now. */
		assert_int_equal(fake.table, i < 3);
	}
	config.adopt = false;
	assert_int_equal(play_open(), PH_OK);
}

/* Others may change the ruleset while it is looked at, but not for ever. */
static void
a_look_that_is_overtaken_begins_anew(void **state)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	unsigned int n;

	(void)state;
	play_close(true);
	config.adopt = true;
	for (n = 1; n <= 8; n++) {
		fake.overtaken = n;
		assert_int_equal(fw_nftables.open(&fw, &config, now, &why),
		    n < 8 ? PH_OK : PH_EAGAIN);
		assert_int_equal(fake.overtaken, 0);
		if (n < 8)
			fw_nftables.close(fw, true);
	}
	assert_string_equal(text,
	    "cannot look at nftables: Interrupted system call");
	config.adopt = false;
	assert_int_equal(play_open(), PH_OK);
}

/* What an earlier run left, and whether it is taken over. */
static void
a_table_is_taken_over_if_it_is_as_ours(void **state)
{
	/* clang-format off */
	static const struct {
		bool adopt, table;
		const char *comment;
		unsigned int more_rules;
		int deny, refuse;
		enum ph_err rc;
		bool taken, emptied;	/* of connections */
	} rows[] = {
	{ true, true, NULL, 0, 0, 0, PH_OK, true, false },
	{ true, true, "pinholed layout 00000000", 0, 0, 0, PH_OK, false, false },
	{ true, true, NULL, 1, 0, 0, PH_OK, false, false },
	{ true, false, NULL, 0, 0, 0, PH_OK, false, false },
	{ false, true, NULL, 0, 0, 0, PH_OK, false, true },
	{ false, false, NULL, 0, 0, 0, PH_OK, false, true },
	{ true, true, NULL, 0, EPERM, 0, PH_EIO, true, false },
	};
	/* clang-format on */
	struct pinhole nat = play_hole(1);
	unsigned int created, emptied;
	size_t i;

	(void)state;
	nat.id = 9;
	for (i = 0; i < ROWS(rows); i++) {
		nat.deadline = now + 100 * SECOND;
		open_many(2);
		assert_int_equal(play_commit(FW_OPEN, &nat), PH_OK);
		play_close(true);
		if (!rows[i].table)
			fake_flush_ruleset();
		config.adopt = rows[i].adopt;
		fake.comment = rows[i].comment;
		fake.more_rules = rows[i].more_rules;
		fake.deny = rows[i].deny;
		created = fake.creations;
		emptied = fake.ct_sweeping;
		if (play_open() != rows[i].rc)
			fail_msg("%zu", i);
		if ((fake.creations == created) != rows[i].taken ||
		    (fake.ct_sweeping != emptied) != rows[i].emptied)
			fail_msg("%zu: %u %u", i, fake.creations - created,
			    fake.ct_sweeping - emptied);
		/* Maps are emptied in any case. */
		if (rows[i].rc == PH_OK)
			assert_int_equal(fake.holes.n, rows[i].taken ? 8 : 0);
		fake.deny = 0;
		fake.comment = NULL;
		fake.more_rules = 0;
		config.adopt = false;
		play_close(false);
		assert_int_equal(play_open(), PH_OK);
	}
}

static void
closing_ends_connections_once_nothing_passes(void **state)
{
	unsigned int emptied = fake.ct_sweeping;

	(void)state;
	fake.ct[0] = play_connection(5, IPS_CONFIRMED, 100);
	fake.ct[1] = play_connection(6, IPS_CONFIRMED, 100);
	fake.ct[1].foreign = true;
	open_many(2);
	play_close(true);
	assert_int_equal(fake.ct_sweeping, emptied);
	assert_int_equal(fake.holes.n, 4);
	config.adopt = true;
	assert_int_equal(play_open(), PH_OK);
	/* An empty table cannot be had: so nothing is ended. */
	fake.refuse_text = true;
	play_close(false);
	assert_int_equal(fake.ct_sweeping, emptied);
	assert_true(fake.table);
	assert_int_equal(play_open(), PH_OK);
	assert_int_equal(fake.ct[0].id, 5);
	play_close(false);
	assert_int_equal(fake.ct_sweeping, emptied + 1);
	assert_int_equal(fake.ct[0].id, 0);
	assert_int_equal(fake.ct[1].id, 6);
	assert_false(fake.table);
	assert_int_equal(play_open(), PH_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_kernel_is_asked_four_times_a_second),
		CASE(only_the_changes_of_others_are_looked_into),
		CASE(a_table_with_other_rules_is_built_again),
		CASE(our_rule_in_another_chain_comes_and_goes),
		CASE(our_rule_is_not_tried_too_often),
		CASE(more_than_4096_counters_are_read_in_slices),
		CASE(a_sweep_begins_on_time),
		CASE(a_sweep_is_due_when_the_tick_says),
		CASE(settling_leaves_what_is_open_and_no_more),
		CASE(settling_fails_without_an_answer),
		CASE(settling_fails_without_memory),
		CASE(opening_fails_without_memory),
		CASE(opening_fails_if_the_kernel_refuses),
		CASE(a_look_that_is_overtaken_begins_anew),
		CASE(a_table_is_taken_over_if_it_is_as_ours),
		CASE(closing_ends_connections_once_nothing_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
