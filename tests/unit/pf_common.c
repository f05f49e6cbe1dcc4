/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/expiry.h"
#include "pf/sys.h"
#include "tests/unit/unit.h"

/*
 * A pf that lives in this file: it records what is asked of it and answers
 * as told.
 */
static struct {
	unsigned int busy; /* writes still to be answered EBUSY */
	enum ph_err write; /* and the rest */
	enum ph_err states_rc;
	unsigned int writes, flushes, pauses, kills, deletes;
	uint32_t pause_us;
	size_t rules; /* in what was written last */
	size_t top;   /* rules of our anchor now */
	struct p_state states[4];
	size_t nstates;
	uint64_t killed[4];
	struct p_rule old[4]; /* what an earlier run left */
	size_t nold;
	bool hooked, on;
} k;

static enum ph_err
fake_open(struct p_dev **out, bool write, struct strbuf *why)
{
	(void)write;
	(void)why;
	*out = (struct p_dev *)&k;
	return PH_OK;
}

static void
fake_close(struct p_dev *d)
{
	assert_ptr_equal(d, &k);
}

static enum ph_err
fake_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *c)
{
	const struct p_node *n;
	const struct p_rule *v;
	size_t len;

	(void)d;
	(void)c;
	k.writes++;
	if (k.busy > 0) {
		k.busy--;
		return PH_EAGAIN;
	}
	if (k.write != PH_OK)
		return k.write;
	k.rules = 0;
	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n)) {
		assert_int_equal(p_node_rules(tree, n, P_PASS, &v, &len),
		    PH_OK);
		if (p_node_is_top(n))
			k.top = len;
		else
			k.rules += len;
	}
	return PH_OK;
}

static enum ph_err
fake_flush(struct p_dev *d, const char *anchor)
{
	(void)d;
	assert_string_equal(anchor, "pinholed");
	k.flushes++;
	k.top = 0;
	return PH_OK;
}

static enum ph_err
fake_rules(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct p_rule *r), void *ctx)
{
	size_t i;

	(void)d;
	(void)anchor;
	for (i = 0; i < k.nold; i++)
		found(ctx, &k.old[i]);
	return PH_OK;
}

static enum ph_err
fake_enabled(struct p_dev *d, bool *yes)
{
	(void)d;
	*yes = k.on;
	return PH_OK;
}

static enum ph_err
fake_hooked(struct p_dev *d, const char *anchor, enum p_part part, bool *yes)
{
	(void)d;
	(void)anchor;
	*yes = k.hooked || part == P_NAT;
	return PH_OK;
}

static enum ph_err
fake_count(struct p_dev *d, const char *anchor, enum p_part part, size_t *n)
{
	(void)d;
	*n = 0;
	if (part == P_PASS)
		*n = strcmp(anchor, "pinholed") == 0 ? k.top : k.rules;
	return PH_OK;
}

static enum ph_err
fake_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	size_t i;

	(void)d;
	for (i = 0; k.states_rc == PH_OK && i < k.nstates; i++)
		found(ctx, &k.states[i]);
	return k.states_rc;
}

static enum ph_err
fake_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	(void)d;
	(void)creator;
	if (id != UINT64_MAX)
		k.killed[k.kills++ % 4] = id;
	return PH_OK;
}

static enum ph_err
fake_add(struct p_dev *d, const struct p_state *s, bool log)
{
	(void)d;
	(void)s;
	(void)log;
	return PH_EUNSUPPORTED;
}

static enum ph_err
fake_table(struct p_dev *d, const char *name, enum fw_table_op op,
    const struct prefix *v, size_t n)
{
	(void)d;
	(void)v;
	assert_string_equal(name, "blocked");
	if (op == FW_TABLE_DELETE)
		k.deletes += (unsigned int)n;
	return PH_OK;
}

static void
fake_pause(uint32_t us)
{
	k.pauses++;
	k.pause_us += us;
}

static const struct p_sys sys = {
	.dialect = P_FREEBSD,
	.open = fake_open,
	.close = fake_close,
	.write = fake_write,
	.flush = fake_flush,
	.rules = fake_rules,
	.enabled = fake_enabled,
	.hooked = fake_hooked,
	.count = fake_count,
	.states = fake_states,
	.kill = fake_kill,
	.add = fake_add,
	.table = fake_table,
	.pause = fake_pause,
};

static const char *const tables[] = { "blocked" };
static char text[512];
static struct strbuf why;

static struct fw *
opened(const struct fw_config *c)
{
	struct fw *fw;

	why = strbuf_of(text, sizeof(text));
	assert_int_equal(p_open(&fw, &sys, c, 0, &why), PH_OK);
	return fw;
}

static struct fw_change
change(enum fw_op op, uint64_t id, uint16_t port)
{
	struct fw_change c;
	struct addr phone = addr_v4(198, 51, 100, 7);

	memset(&c, 0, sizeof(c));
	c.op = op;
	c.hole.id = id;
	c.hole.proto = IPPROTO_UDP;
	c.hole.dir = PINHOLE_IN;
	c.hole.from = prefix_host(&phone);
	c.hole.to = addr_v4(192, 0, 2, 20);
	c.hole.to_lo = port;
	c.hole.to_hi = port + 1;
	return c;
}

static struct p_state
state_to(uint64_t id, uint16_t port, uint64_t packets)
{
	struct p_state s = { .id = id,
		.proto = IPPROTO_UDP,
		.packets = { packets, packets / 10 } };

	s.src.addr = addr_v4(198, 51, 100, 7);
	s.src.port = 4000;
	s.dst.addr = addr_v4(192, 0, 2, 20);
	s.dst.port = port;
	s.in_src = s.src;
	s.in_dst = s.dst;
	return s;
}

static int
reset(void **state)
{
	(void)state;
	memset(&k, 0, sizeof(k));
	return 0;
}

static void
busy_is_tried_again_with_jitter(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);

	(void)state;
	k.busy = 3;
	assert_int_equal(p_commit(fw, &v, 1, 0), PH_OK);
	assert_int_equal(k.writes, 4);
	assert_int_equal(k.pauses, 3);
	assert_in_range(k.pause_us, 3500, 10500);
	p_close(fw, false);
	assert_int_equal(k.flushes, 2);
}

static void
a_storm_ends_as_again_and_changes_nothing(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	k.busy = 1000;
	assert_int_equal(p_commit(fw, &v, 1, 0), PH_EAGAIN);
	k.busy = 0;
	/* What is left to write is nothing. */
	p_tick(fw, 1, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(k.rules, 0);
	assert_int_equal(p_commit(fw, &v, 1, 2), PH_OK);
	assert_int_equal(k.rules, 2);
	k.write = PH_ELIMIT;
	v = change(FW_CLOSE, 1, 4000);
	assert_int_equal(p_commit(fw, &v, 1, 3), PH_ELIMIT);
	k.write = PH_OK;
	p_tick(fw, 4, &err);
	assert_int_equal(k.rules, 2);
	p_close(fw, true);
}

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
	assert_int_equal(p_commit(fw, v, 3, 0), PH_OK);
	v[0].op = v[1].op = FW_CLOSE;
	assert_int_equal(p_commit(fw, v, 1, 100000), PH_OK);
	assert_int_equal(p_commit(fw, v + 1, 1, 200000), PH_OK);
	assert_true(p_tick(fw, 300000, &err) <= 600000);
	assert_int_equal(k.kills, 0);
	p_tick(fw, 600000, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(k.kills, 2);
	assert_int_equal(k.killed[0], 11);
	assert_int_equal(k.killed[1], 12);
	p_close(fw, false);
	assert_int_equal(k.kills, 3);
	assert_int_equal(k.killed[2], 13);
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
	assert_int_equal(p_commit(fw, v, 2, 0), PH_OK);
	v[0].op = FW_CLOSE;
	assert_int_equal(p_commit(fw, v, 1, 0), PH_OK);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 0);
	cut = v[1];
	cut.op = FW_CUT;
	cut.hole.id = 0;
	cut.hole.from_port = 4000;
	assert_int_equal(p_commit(fw, &cut, 1, 700000), PH_OK);
	p_tick(fw, 1300000, &err);
	assert_int_equal(k.kills, 1);
	assert_int_equal(k.killed[0], 11);
	p_close(fw, true);
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
	assert_int_equal(p_commit(fw, v, 2, 0), PH_OK);
	v[0].op = v[1].op = FW_CLOSE;
	assert_int_equal(p_commit(fw, v, 1, 0), PH_OK);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 0);
	assert_int_equal(p_commit(fw, v + 1, 1, 600000), PH_OK);
	p_tick(fw, 1200000, &err);
	assert_int_equal(k.kills, 1);
	p_close(fw, true);
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
	assert_int_equal(p_commit(fw, v, 2, 0), PH_OK);
	v[0].op = FW_CLOSE;
	assert_int_equal(p_commit(fw, v, 1, 0), PH_OK);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 0);
	/* The end leaves nothing that is open. */
	p_close(fw, false);
	assert_int_equal(k.kills, 1);
	assert_int_equal(k.killed[0], 12);
}

static void
note(void *ctx, uint64_t id, unsigned int ends)
{
	*(uint64_t *)ctx += id * 100 + ends;
}

static void
silence_is_read_from_states(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what;
		uint64_t	 packets;
		size_t		 nstates;
		uint64_t	 seen;
	} rows[] = {
		{ "no state",				 0, 0, 0 },
		{ "packets of who began",		 5, 1, 101 },
		{ "the same packets",			 5, 1, 0 },
		{ "more of them",			 6, 1, 101 },
		{ "answers",				16, 1, 103 },
		{ "the state has gone",			 0, 0, 0 },
		{ "a new one has come",			 2, 1, 101 },
	};
	/* clang-format on */
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);
	uint64_t sum;
	size_t i;

	(void)state;
	assert_int_equal(p_commit(fw, &v, 1, 0), PH_OK);
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		k.nstates = rows[i].nstates;
		k.states[0] = state_to(11, 4001, rows[i].packets);
		sum = 0;
		assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
		assert_int_equal(sum, rows[i].seen);
		/* The leaf is rewritten between any two looks. */
		v = change(i % 2 == 0 ? FW_OPEN : FW_CLOSE, 9, 4010);
		assert_int_equal(p_commit(fw, &v, 1, 0), PH_OK);
	}
	/* The inside has begun, from the port that it named. */
	k.states[0] = state_to(11, 4001, 3);
	k.states[0].dst = k.states[0].in_dst = state_to(0, 0, 0).src;
	k.states[0].src = k.states[0].in_src = state_to(0, 4001, 0).dst;
	sum = 0;
	assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
	assert_int_equal(sum, 102);
	/* Without states, nobody can judge silence. */
	k.states_rc = PH_EUNSUPPORTED;
	sum = 0;
	assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
	assert_int_not_equal(sum, 0);
	p_close(fw, true);
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
	p_close(fw, true);
	assert_int_equal(k.flushes, 1);
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
	assert_int_equal(p_commit(fw, &v, 1, 0), PH_OK);
	assert_int_equal(k.rules, 4);
	assert_int_equal(p_settle(fw, 0), PH_OK);
	assert_int_equal(k.rules, 2);
	p_tick(fw, 600000, &err);
	assert_int_equal(k.kills, 1);
	p_close(fw, true);
}

static void
what_was_flushed_away_comes_back(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	assert_int_equal(p_commit(fw, &v, 1, 0), PH_OK);
	assert_int_equal(k.top, 2);
	p_tick(fw, 6000000, &err);
	assert_int_equal(k.writes, 1);
	k.top = 0;
	p_tick(fw, 12000000, &err);
	assert_int_equal(k.writes, 2);
	assert_int_equal(k.top, 2);
	assert_int_equal(k.rules, 2);
	k.rules = 1;
	p_tick(fw, 18000000, &err);
	assert_int_equal(k.writes, 3);
	assert_int_equal(k.rules, 2);
	p_close(fw, true);
}

static void
without_a_way_to_kill_start_refuses(void **state)
{
	struct fw_config c = { .name = "pinholed" };
	struct fw *fw;

	(void)state;
	k.states_rc = PH_EUNSUPPORTED;
	why = strbuf_of(text, sizeof(text));
	assert_int_equal(p_open(&fw, &sys, &c, 0, &why), PH_EUNSUPPORTED);
	assert_null(fw);
	assert_non_null(strstr(text, "kill no"));
	c.kill = "no";
	fw = opened(&c);
	p_close(fw, false);
	c.mode = "states";
	assert_int_equal(p_open(&fw, &sys, &c, 0, &why), PH_EUNSUPPORTED);
	assert_non_null(strstr(text, "pfsync"));
}

static void
check_names_the_lines_to_add(void **state)
{
	struct fw_config c = { .name = "pinholed" };

	(void)state;
	why = strbuf_of(text, sizeof(text));
	assert_int_equal(p_check(&sys, &c, &why), PH_OK);
	assert_non_null(strstr(text, "pfctl -e"));
	assert_non_null(strstr(text, "\nanchor \"pinholed\""));
	assert_null(strstr(text, "rdr-anchor"));
	c.translate = true;
	k.on = true;
	strbuf_reset(&why);
	assert_int_equal(p_check(&sys, &c, &why), PH_OK);
	assert_non_null(strstr(text, "\nrdr-anchor \"pinholed\""));
	assert_null(strstr(text, "nat-anchor"));
	assert_null(strstr(text, "silent"));
	k.states_rc = PH_EUNSUPPORTED;
	strbuf_reset(&why);
	assert_int_equal(p_check(&sys, &c, &why), PH_OK);
	assert_non_null(strstr(text, "no call ends because its media is"));
	k.states_rc = PH_OK;
	assert_null(strstr(text, "pfctl -e"));
	k.hooked = true;
	strbuf_reset(&why);
	assert_int_equal(p_check(&sys, &c, &why), PH_OK);
	assert_int_equal(why.len, 0);
	/* Of what is not needed, nothing can be missing. */
	c.translate = false;
	assert_int_equal(p_check(&sys, &c, &why), PH_OK);
	assert_int_equal(why.len, 0);
}

static void
table_entries_end(void **state)
{
	const struct fw_config c = { .name = "pinholed",
		.tables = tables,
		.ntables = 1 };
	struct addr a = addr_v4(203, 0, 113, 9);
	struct prefix p = prefix_host(&a);
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	assert_int_equal(p_table(fw, 1, FW_TABLE_ADD, &p, 1, 0), PH_EBAD);
	assert_int_equal(p_table(fw, 0, FW_TABLE_ADD, &p, 1, 5), PH_OK);
	assert_int_equal(p_table(fw, 0, FW_TABLE_ADD, &p, 1, 2), PH_OK);
	assert_true(p_tick(fw, 1000000, &err) <= 2000000);
	assert_int_equal(k.deletes, 0);
	p_tick(fw, 2000000, &err);
	assert_int_equal(k.deletes, 1);
	p_tick(fw, 9000000, &err);
	assert_int_equal(k.deletes, 1);
	assert_int_equal(p_table(fw, 0, FW_TABLE_ADD, &p, 1, 5), PH_OK);
	assert_int_equal(p_table(fw, 0, FW_TABLE_FLUSH, NULL, 0, 0), PH_OK);
	p_tick(fw, 99000000, &err);
	assert_int_equal(k.deletes, 1);
	p_close(fw, true);
}

static void
errno_has_classes(void **state)
{
	/* clang-format off */
	static const struct { int error; enum ph_err rc; } rows[] = {
		{ EBUSY,  PH_EAGAIN }, { EEXIST, PH_OK },
		{ ENOMEM, PH_ELIMIT }, { EINVAL, PH_EBAD },
		{ ENOTTY, PH_EUNSUPPORTED }, { ENODEV, PH_EUNSUPPORTED },
		{ EACCES, PH_EUNSUPPORTED }, { EPERM,  PH_EGONE },
		{ ENXIO,  PH_EGONE },  { EIO,	 PH_EIO },
	};
	/* clang-format on */
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		assert_int_equal(p_error(rows[i].error), rows[i].rc);
}

#define T(f) cmocka_unit_test_setup(f, reset)

static void
an_unknown_queue_is_named_at_start(void **state)
{
	const struct fw_class classes[] = { { "t", NULL }, { NULL, "none" } };
	struct fw_config c = { .name = "pinholed", .queue = "nosuch" };
	struct fw *fw;

	(void)state;
	why = strbuf_of(text, sizeof(text));
	memset(&k, 0, sizeof(k));
	k.busy = 1000;
	assert_int_equal(p_open(&fw, &sys, &c, 0, &why), PH_EBAD);
	assert_string_equal(text, "pf does not know the queue \"nosuch\"");
	memset(&k, 0, sizeof(k));
	assert_int_equal(p_open(&fw, &sys, &c, 0, &why), PH_OK);
	/* What was asked with is gone again. */
	assert_int_equal(k.top, 0);
	p_close(fw, false);
	/* Those of proxies, too. */
	c.queue = NULL;
	c.classes = classes;
	c.nclasses = 2;
	why = strbuf_of(text, sizeof(text));
	k.busy = 1000;
	assert_int_equal(p_open(&fw, &sys, &c, 0, &why), PH_EBAD);
	assert_string_equal(text, "pf does not know the queue \"none\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_queue_is_named_at_start),
		T(busy_is_tried_again_with_jitter),
		T(a_storm_ends_as_again_and_changes_nothing),
		T(closing_gathers_kills_into_one_sweep),
		T(a_port_that_moved_is_dead_to_its_peer),
		T(a_state_that_another_pinhole_covers_lives),
		T(a_connection_outlives_what_was_good_for_one),
		T(silence_is_read_from_states),
		T(a_fresh_start_clears_rules_and_states),
		T(a_successor_takes_over_and_settles),
		T(what_was_flushed_away_comes_back),
		T(without_a_way_to_kill_start_refuses),
		T(check_names_the_lines_to_add),
		T(table_entries_end),
		T(errno_has_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
