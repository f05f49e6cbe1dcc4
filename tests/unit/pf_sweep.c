/* SPDX-License-Identifier: ISC */
/* Whose states end, and what becomes of what an earlier run left. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake_pf.h"
#include "tests/unit/pf_direct.h"

static void
closing_gathers_kills_into_one_sweep(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v[3] = { change(FW_OPEN, 1, 4000),
		change(FW_OPEN, 2, 4002), change(FW_OPEN, 3, 4004) };
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	k.states[0] = state_to(11, 4001, 5);
	k.states[1] = state_to(12, 4002, 5);
	k.states[2] = state_to(13, 4004, 5);
	k.states[3] = state_to(14, 9999, 5);
	k.nstates = 4;
	assert_int_equal(commit(fw, v, 3, 0), PH_OK);
	v[0].op = v[1].op = FW_CLOSE;
	assert_int_equal(commit(fw, v, 1, 100000), PH_OK);
	assert_int_equal(commit(fw, v + 1, 1, 200000), PH_OK);
	assert_true(p_tick(fw, 300000, &err) <= 600000);
	assert_int_equal(k.kills, 0);
	p_tick(fw, 600000, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(k.kills, 2);
	assert_int_equal(k.killed[0], 11);
	assert_int_equal(k.killed[1], 12);
	/* A look at the table that is due earlier does not wait for it. */
	v[2].op = FW_CLOSE;
	assert_int_equal(commit(fw, v + 2, 1, 4800000), PH_OK);
	assert_int_equal(p_tick(fw, 4800000, &err), 5000000);
	shut(fw, false);
	assert_int_equal(k.kills, 3);
	assert_int_equal(k.killed[2], 13);
}

static void
who_keeps_closing_does_not_put_off_the_sweep(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v;
	struct fw *fw = opened(&c);
	enum ph_err err;
	int64_t now;
	uint64_t i;

	(void)state;
	k.states[0] = state_to(11, 4000, 5);
	k.nstates = 1;
	for (i = 1; i <= 20; i++) {
		v = change(FW_OPEN, i, (uint16_t)(4000 + 2 * (i - 1)));
		assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	}
	for (i = 1, now = 1000000; i <= 6; i++, now += 100000) {
		assert_int_equal(k.kills, 0);
		v = change(FW_CLOSE, i, (uint16_t)(4000 + 2 * (i - 1)));
		assert_int_equal(commit(fw, &v, 1, now), PH_OK);
		assert_true(p_tick(fw, now, &err) <= 1500000 || i == 6);
	}
	/* Half a second after the first, and the next half a second begins. */
	assert_int_equal(k.kills, 1);
	k.nstates = 0;
	v = change(FW_CLOSE, 7, 4012);
	assert_int_equal(commit(fw, &v, 1, 1700000), PH_OK);
	assert_int_equal(p_tick(fw, 1800000, &err), 2200000);
	shut(fw, true);
}

static void
a_sweep_that_was_refused_comes_again(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	k.states[0] = state_to(11, 4000, 5);
	k.nstates = 1;
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	v.op = FW_CLOSE;
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	k.kill_rc = PH_EAGAIN;
	assert_int_equal(p_tick(fw, 500000, &err), 1000000);
	assert_int_equal(err, PH_OK);
	assert_int_equal(k.kills, 1);
	k.kill_rc = PH_OK;
	k.states_rc = PH_EAGAIN;
	assert_int_equal(p_tick(fw, 1000000, &err), 1500000);
	assert_int_equal(k.kills, 1);
	k.states_rc = PH_OK;
	p_tick(fw, 1499999, &err);
	assert_int_equal(k.kills, 1);
	p_tick(fw, 1500000, &err);
	assert_int_equal(k.kills, 2);
	assert_int_equal(k.killed[1], 11);
	/* A sweep that has succeeded is not repeated. */
	p_tick(fw, 2000000, &err);
	assert_int_equal(k.kills, 2);
	/* Any other refusal is no reason to try for ever. */
	v = change(FW_OPEN, 2, 4000);
	assert_int_equal(commit(fw, &v, 1, 2000000), PH_OK);
	v.op = FW_CLOSE;
	assert_int_equal(commit(fw, &v, 1, 2000000), PH_OK);
	k.kill_rc = PH_EIO;
	p_tick(fw, 2500000, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(k.kills, 3);
	p_tick(fw, 3000000, &err);
	assert_int_equal(k.kills, 3);
	/* That pf is gone is for the firewall process to know. */
	v.op = FW_OPEN;
	assert_int_equal(commit(fw, &v, 1, 3000000), PH_OK);
	v.op = FW_CLOSE;
	assert_int_equal(commit(fw, &v, 1, 3000000), PH_OK);
	k.kill_rc = PH_EGONE;
	p_tick(fw, 3500000, &err);
	assert_int_equal(err, PH_EGONE);
	shut(fw, true);
}

static void
what_is_not_to_be_killed_is_not_remembered(void **state)
{
	const struct fw_config c = { .name = "pinholed", .spare = true };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw_change cut = change(FW_CUT, 0, 4000);
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	k.states[0] = state_to(11, 4000, 5);
	k.nstates = 1;
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	v.op = FW_CLOSE;
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	cut.hole.from_port = 4000;
	assert_int_equal(commit(fw, &cut, 1, 0), PH_OK);
	assert_int_equal(p_tick(fw, 1, &err), 5000000);
	p_tick(fw, 600000, &err);
	shut(fw, false);
	assert_int_equal(k.kills, 0);
}

static void
a_port_that_moved_is_dead_to_its_peer(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v[2] = { change(FW_OPEN, 1, 4000),
		change(FW_OPEN, 2, 5000) };
	struct fw_change cut;
	struct fw *fw = opened(&c);
	struct p_state s = state_to(11, 4000, 5), other;
	enum ph_err err;

	(void)state;
	/* The inside's answers from 4000, and its own words to 5000. */
	v[1].hole.dir = PINHOLE_OUT;
	v[1].hole.from = prefix_host(&v[0].hole.to);
	v[1].hole.to = v[0].hole.from.addr;
	other = s;
	s.src = s.in_src = other.dst;
	s.dst = s.in_dst = other.src;
	s.dst.port = s.in_dst.port = 5000;
	k.states[0] = s;
	s.id = 12;
	s.src.port = s.in_src.port = 4010;
	k.states[1] = s;
	k.nstates = 2;
	assert_int_equal(commit(fw, v, 2, 0), PH_OK);
	v[0].op = FW_CLOSE;
	assert_int_equal(commit(fw, v, 1, 0), PH_OK);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 0);
	cut = v[1];
	cut.op = FW_CUT;
	cut.hole.id = 0;
	cut.hole.from_port = 4000;
	assert_int_equal(commit(fw, &cut, 1, 700000), PH_OK);
	p_tick(fw, 1300000, &err);
	assert_int_equal(k.kills, 1);
	assert_int_equal(k.killed[0], 11);
	/* To the last port of the range, but no further, and UDP alone. */
	k.states[0].dst.port = k.states[0].in_dst.port = 5001;
	k.states[1] = k.states[0];
	k.states[1].dst.port = k.states[1].in_dst.port = 5002;
	k.states[2] = k.states[0];
	k.states[2].proto = IPPROTO_TCP;
	k.nstates = 3;
	assert_int_equal(commit(fw, &cut, 1, 1400000), PH_OK);
	p_tick(fw, 2000000, &err);
	assert_int_equal(k.kills, 2);
	shut(fw, true);
}

/* Too many of them at once: the rest ends by silence. */
static void
ports_that_moved_are_limited(void **state)
{
	static struct fw_change v[300];
	const struct fw_config c = { .name = "pinholed" };
	struct fw *fw = opened(&c);
	enum ph_err err;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(v); i++) {
		v[i] = change(FW_CUT, 0, 5000);
		v[i].hole.from_port = (uint16_t)(4000 + i);
	}
	k.states[0] = state_to(11, 5000, 5);
	k.states[1] = state_to(12, 5000, 5);
	k.states[1].src.port = k.states[1].in_src.port = 4000 + 255;
	k.states[2] = state_to(13, 5000, 5);
	k.states[2].src.port = k.states[2].in_src.port = 4000 + 256;
	k.nstates = 3;
	assert_int_equal(commit(fw, v, ROWS(v), 0), PH_OK);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 2);
	assert_int_equal(k.killed[0], 11);
	assert_int_equal(k.killed[1], 12);
	shut(fw, true);
}

static void
a_state_that_another_pinhole_covers_lives(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v[2] = { change(FW_OPEN, 1, 4000),
		change(FW_OPEN, 2, 4000) };
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	memset(&v[1].hole.from, 0, sizeof(v[1].hole.from)); /* any */
	k.states[0] = state_to(11, 4001, 5);
	k.nstates = 1;
	assert_int_equal(commit(fw, v, 2, 0), PH_OK);
	v[0].op = v[1].op = FW_CLOSE;
	assert_int_equal(commit(fw, v, 1, 0), PH_OK);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 0);
	assert_int_equal(commit(fw, v + 1, 1, 600000), PH_OK);
	p_tick(fw, 1200000, &err);
	assert_int_equal(k.kills, 1);
	shut(fw, true);
}

static void
a_connection_outlives_what_was_good_for_one(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v[2] = { change(FW_OPEN, 1, 4000),
		change(FW_OPEN, 2, 4002) };
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	v[0].hole.once = v[1].hole.once = 1;
	k.states[0] = state_to(11, 4000, 5);
	k.states[1] = state_to(12, 4002, 5);
	k.nstates = 2;
	assert_int_equal(commit(fw, v, 2, 0), PH_OK);
	v[0].op = FW_CLOSE;
	assert_int_equal(commit(fw, v, 1, 0), PH_OK);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 0);
	/* The end leaves nothing that is open. */
	shut(fw, false);
	assert_int_equal(k.kills, 1);
	assert_int_equal(k.killed[0], 12);
}

static void
leave_rules(void)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 77, 4000);

	k.nold = p_rules(&v.hole, P_PASS, P_FREEBSD, &c, k.old);
	k.states[0] = state_to(11, 4001, 5);
	k.nstates = 1;
}

static void
a_fresh_start_clears_rules_and_states(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw *fw;

	(void)state;
	leave_rules();
	fw = opened(&c);
	assert_int_equal(k.flushes, 1);
	assert_int_equal(k.kills, 1);
	shut(fw, true);
	assert_int_equal(k.flushes, 1);
}

/* Somebody loads rules of his own into our anchor. */
static void
strange_rules_in_our_anchor_are_no_pinholes(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what;
		size_t		 pinholes;
	} rows[] = {
		{ "a rule as we write it",	1 },
		{ "without a label",		0 },
		{ "that blocks",		0 },
		{ "on one interface",		0 },
		{ "to no port",			0 },
		{ "to a net",			0 },
		{ "to any",			0 },
	};
	/* clang-format on */
	const struct fw_config c = { .name = "pinholed", .adopt = true };
	struct fw_change v = change(FW_OPEN, 1, 9000);
	struct p_rule *r = k.old;
	struct fw *fw;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		reset(NULL);
		leave_rules();
		k.nold = 1; /* not the way back */
		if (i == 1)
			r->label = 0;
		else if (i == 2)
			r->action = P_ACT_ANCHOR;
		else if (i == 3)
			r->on = "em0";
		else if (i == 4)
			r->dst.lo = r->dst.hi = 0;
		else if (i == 5)
			r->dst.net.len = 24;
		else if (i == 6)
			memset(&r->dst.net, 0, sizeof(r->dst.net));
		fw = opened(&c);
		k.rules = 0;
		v.op = FW_OPEN;
		assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
		/* One rule for packets outward, two for the new pinhole. */
		assert_int_equal(k.rules, 2 + rows[i].pinholes);
		shut(fw, true);
	}
}

/* Does this state, which sends, belong to any pinhole? */
static bool
is_somebodys(struct fw *fw, struct p_state s)
{
	uint64_t sum = 0;

	s.packets[0] = s.packets[1] = 0;
	k.nstates = 1;
	k.states[0] = s;
	assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
	assert_int_equal(sum, 0);
	k.states[0].packets[0] = 5;
	assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
	return sum != 0;
}

static struct p_state
begun_inside(uint16_t port, uint16_t to)
{
	struct p_state s = state_to(11, port, 0);
	struct endpoint phone = s.src;

	phone.port = to;
	s.src = s.in_src = s.dst;
	s.dst = s.in_dst = phone;
	return s;
}

/*
 * The firewall answers for a host that has gone, by ICMP: that is in the state
 * of packets that came, and not in the one of those that left.
 */
static void
only_what_was_forwarded_is_a_sign_of_life(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what;
		uint16_t	 port;	     /* of the second, at the remote */
		uint64_t	 came, left; /* answers */
		uint64_t	 seen;
	} rows[] = {
		{ "both",			 4000, 1, 1, 103 },
		{ "the firewall's own",		 4000, 2, 1, 101 },
		{ "both again",			 4000, 3, 2, 103 },
		/* To the firewall itself: one state for each. */
		{ "two flows",			 4002, 4, 0, 103 },
		{ "the other one",		 4002, 4, 1, 103 },
		{ "neither",			 4002, 4, 1, 101 },
	};
	/* clang-format on */
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);
	uint64_t sum;
	size_t i;

	(void)state;
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		k.nstates = 2;
		k.states[0] = state_to(11, 4001, 10 + i);
		k.states[1] = state_to(12, 4001, 10 + i);
		k.states[1].src.port = k.states[1].in_src.port = rows[i].port;
		k.states[1].outward = true;
		k.states[0].packets[1] = rows[i].came;
		k.states[1].packets[1] = rows[i].left;
		sum = 0;
		assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
		assert_int_equal(sum, rows[i].seen);
	}
	shut(fw, true);
}

/* Each part of an adopted state is as the process before left it. */
static void
heritage_is_read_as_it_was_written(void **state)
{
	const struct fw_config c = { .name = "pinholed", .adopt = true };
	const struct fw_config plain = { .name = "pinholed" };
	struct fw_change old[3] = { change(FW_OPEN, 7, 4000),
		change(FW_OPEN, 8, 5000), change(FW_OPEN, 9, 6000) };
	struct p_state s;
	struct fw *fw;
	size_t i;

	(void)state;
	/* From one port; outward; for one connection. */
	old[0].hole.from_port = 4000;
	old[1].hole.dir = PINHOLE_OUT;
	old[2].hole.once = 1;
	old[2].hole.proto = IPPROTO_TCP;
	old[2].hole.to_hi = 6000;
	for (i = 0; i < 3; i++)
		k.nold += p_rules(&old[i].hole, P_PASS, P_FREEBSD, &plain,
		    &k.old[k.nold]);
	fw = opened(&c);
	assert_true(is_somebodys(fw, state_to(11, 4001, 0)));
	s = state_to(11, 4001, 0);
	s.src.port = s.in_src.port = 4002;
	assert_false(is_somebodys(fw, s));
	/* The second has no way back. */
	assert_true(is_somebodys(fw, begun_inside(4001, 4000)));
	assert_false(is_somebodys(fw, begun_inside(5001, 4000)));
	assert_true(is_somebodys(fw, state_to(11, 5001, 0)));
	assert_false(is_somebodys(fw, state_to(11, 5002, 0)));
	s = state_to(11, 6000, 0);
	assert_false(is_somebodys(fw, s));
	s.proto = IPPROTO_TCP;
	assert_true(is_somebodys(fw, s));
	k.states[0] = s;
	/* All go; the connection stays. */
	k.states[1] = state_to(12, 4001, 0);
	k.states[1].src.port = k.states[1].in_src.port = 4000;
	k.nstates = 2;
	assert_int_equal(p_settle(fw, 0), PH_OK);
	shut(fw, false);
	assert_int_equal(k.kills, 1);
	assert_int_equal(k.killed[0], 12);
}

/* Next to the rule inward is one that is nearly its way back. */
static void
a_way_back_is_of_the_same_ends(void **state)
{
	const struct fw_config c = { .name = "pinholed", .adopt = true };
	struct p_rule *r = &k.old[1];
	struct fw *fw;
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		reset(NULL);
		leave_rules();
		assert_int_equal(k.nold, 2);
		assert_int_equal(r->src.lo, 4000);
		if (i == 1)
			r->src.lo = 3998;
		else if (i == 2)
			r->src.hi = 4003;
		else if (i == 3)
			r->src.net.addr = addr_v4(192, 0, 2, 21);
		else if (i == 4)
			r->dst.net.len = 24;
		fw = opened(&c);
		assert_true(is_somebodys(fw, state_to(11, 4001, 0)));
		assert_int_equal(is_somebodys(fw, begun_inside(4001, 4000)),
		    i == 0);
		shut(fw, true);
	}
}

static void
what_cannot_be_read_is_cleared_unread(void **state)
{
	const struct fw_config c = { .name = "pinholed", .adopt = true };
	struct fw *fw;

	(void)state;
	k.rules_rc = PH_EUNSUPPORTED;
	fw = opened(&c);
	assert_int_equal(k.flushes, 1);
	shut(fw, true);
	/* An error of another kind is no reason to flush. */
	k.rules_rc = PH_EIO;
	why = strbuf_of(text, sizeof(text));
	assert_int_equal(p_open(&fw, &sys, &c, 0, &why), PH_EIO);
	assert_int_equal(k.flushes, 1);
	assert_non_null(strstr(text, "pinholed"));
}

static void
a_successor_takes_over_and_settles(void **state)
{
	const struct fw_config c = { .name = "pinholed", .adopt = true };
	struct fw_change v = change(FW_OPEN, 1, 4010);
	struct fw *fw;
	enum ph_err err;

	(void)state;
	leave_rules();
	fw = opened(&c);
	assert_int_equal(k.flushes, 0);
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	assert_int_equal(k.rules, 4);
	assert_int_equal(p_settle(fw, 0), PH_OK);
	assert_int_equal(k.rules, 2);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 1);
	shut(fw, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(closing_gathers_kills_into_one_sweep),
		T(who_keeps_closing_does_not_put_off_the_sweep),
		T(a_sweep_that_was_refused_comes_again),
		T(what_is_not_to_be_killed_is_not_remembered),
		T(a_port_that_moved_is_dead_to_its_peer),
		T(ports_that_moved_are_limited),
		T(a_state_that_another_pinhole_covers_lives),
		T(a_connection_outlives_what_was_good_for_one),
		T(a_fresh_start_clears_rules_and_states),
		T(strange_rules_in_our_anchor_are_no_pinholes),
		T(heritage_is_read_as_it_was_written),
		T(a_way_back_is_of_the_same_ends),
		T(what_cannot_be_read_is_cleared_unread),
		T(a_successor_takes_over_and_settles),
		cmocka_unit_test(only_what_was_forwarded_is_a_sign_of_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
