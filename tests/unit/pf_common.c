/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf/expiry.h"
#include "tests/unit/fake_pf.h"
#include "tests/unit/pf_direct.h"

static const char *const tables[] = { "blocked" };

static void
busy_is_tried_again_with_jitter(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);

	(void)state;
	k.busy = 3;
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	assert_int_equal(k.writes, 4);
	assert_int_equal(k.pauses, 3);
	assert_in_range(k.pause_us, 3500, 10500);
	shut(fw, false);
	assert_int_equal(k.flushes, 2);
}

static void
a_storm_ends_as_again_and_changes_nothing(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);
	enum ph_err err;
	unsigned int n;

	(void)state;
	k.busy = 1000;
	assert_int_equal(commit(fw, &v, 1, 0), PH_EAGAIN);
	k.busy = 0;
	/* The anchor is left dirty without rules: it is written once, empty. */
	n = k.writes;
	p_tick(fw, 1, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(k.rules, 0);
	assert_int_equal(k.writes, n + 1);
	p_tick(fw, 1, &err);
	assert_int_equal(k.writes, n + 1);
	assert_int_equal(commit(fw, &v, 1, 2), PH_OK);
	assert_int_equal(k.rules, 2);
	k.write = PH_ELIMIT;
	v = change(FW_CLOSE, 1, 4000);
	assert_int_equal(commit(fw, &v, 1, 3), PH_ELIMIT);
	k.write = PH_OK;
	p_tick(fw, 4, &err);
	assert_int_equal(k.rules, 2);
	shut(fw, true);
}

/* 65 pinholes are 130 rules, and pf is given 128 at a time. */
static void
a_commit_that_got_half_way_is_taken_back(void **state)
{
	static struct fw_change v[200];
	const struct fw_config c = { .name = "pinholed" };
	struct fw *fw = opened(&c);
	enum ph_err err;
	unsigned int n;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(v); i++)
		v[i] = change(FW_OPEN, i + 1, (uint16_t)(4000 + 2 * i));
	k.fail_at = 2;
	assert_int_equal(commit(fw, v, ROWS(v), 0), PH_ELIMIT);
	/* The tick that follows a commit tells pf again, and no later one. */
	p_tick(fw, 1, &err);
	assert_true(k.writes > 2);
	assert_int_equal(k.top, 0);
	n = k.writes;
	p_tick(fw, 1, &err);
	assert_int_equal(k.writes, n);
	/* If not even that can be written, the next tick does it. */
	k.fail_at = k.writes + 2;
	k.write = PH_OK;
	assert_int_equal(commit(fw, v, ROWS(v), 2), PH_ELIMIT);
	k.fail_at = 0;
	k.biggest = 0;
	n = k.writes;
	assert_int_equal(commit(fw, v, ROWS(v), 3), PH_OK);
	assert_int_equal(k.top, 2);
	assert_in_range(k.biggest, 64, 128);
	assert_in_range(k.writes - n, 4, 6);
	/* At the first batch, pf has nothing that would have to go. */
	n = k.writes;
	for (i = 0; i < ROWS(v); i++)
		v[i].op = FW_CLOSE;
	k.fail_at = n + 1;
	assert_int_equal(commit(fw, v, ROWS(v), 4), PH_ELIMIT);
	p_tick(fw, 5, &err);
	assert_true(k.writes > n + 1);
	n = k.writes;
	p_tick(fw, 6, &err);
	assert_int_equal(k.writes, n);
	shut(fw, true);
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
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	for (i = 0; i < ROWS(rows); i++) {
		printf("%s\n", rows[i].what);
		k.nstates = rows[i].nstates;
		k.states[0] = state_to(11, 4001, rows[i].packets);
		sum = 0;
		assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
		assert_int_equal(sum, rows[i].seen);
		/* The leaf is rewritten between any two looks. */
		v = change(i % 2 == 0 ? FW_OPEN : FW_CLOSE, 9, 4010);
		assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	}
	/* The inside has begun, from the port that it named. */
	k.states[0] = state_to(11, 4001, 3);
	k.states[0].dst = k.states[0].in_dst = state_to(0, 0, 0).src;
	k.states[0].src = k.states[0].in_src = state_to(0, 4001, 0).dst;
	sum = 0;
	assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
	assert_int_equal(sum, 102);
	/* The remote has begun, to an address that pf translates. */
	v = change(FW_CLOSE, 9, 4010);
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
	k.states[0] = state_to(12, 4001, 0);
	k.states[0].dst.addr = addr_v4(203, 0, 113, 1);
	sum = 0;
	assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
	k.states[0].packets[0] = 3;
	assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
	assert_int_equal(sum, 101);
	/* Without states, nobody can judge silence. */
	k.states_rc = PH_EUNSUPPORTED;
	sum = 0;
	assert_int_equal(p_activity(fw, note, &sum, 0), PH_OK);
	assert_int_not_equal(sum, 0);
	shut(fw, true);
}

static void
what_was_flushed_away_comes_back(void **state)
{
	const struct fw_config c = { .name = "pinholed" };
	struct fw_change v = change(FW_OPEN, 1, 4000);
	struct fw *fw = opened(&c);
	enum ph_err err;

	(void)state;
	assert_int_equal(commit(fw, &v, 1, 0), PH_OK);
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
	shut(fw, true);
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
	c.spare = true;
	fw = opened(&c);
	shut(fw, false);
	c.states = true;
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
	/* An anchor for translation that is not needed cannot be missing. */
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
	shut(fw, true);
}

static struct prefix
host_of(uint32_t n)
{
	struct addr a =
	    addr_v4(10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n);

	return prefix_host(&a);
}

static void
an_entry_is_due_once_at_its_last_time(void **state)
{
	struct prefix p = host_of(1), q = host_of(2), due;
	struct p_expiry *e;
	size_t table[3];

	(void)state;
	assert_int_equal(p_expiry_new(&e), PH_OK);
	/* In two tables, and at one time. */
	assert_int_equal(p_expiry_add(e, 1, &p, 50), PH_OK);
	assert_int_equal(p_expiry_add(e, 0, &p, 50), PH_OK);
	assert_int_equal(p_expiry_add(e, 0, &q, 10), PH_OK);
	assert_int_equal(p_expiry_add(e, 0, &q, 50), PH_OK);
	assert_int_equal(p_expiry_next(e), 50);
	assert_false(p_expiry_due(e, 49, &table[0], &due));
	assert_true(p_expiry_due(e, 50, &table[0], &due));
	assert_true(p_expiry_due(e, 50, &table[1], &due));
	assert_true(p_expiry_due(e, 50, &table[2], &due));
	assert_int_equal(table[0] + table[1] + table[2], 1);
	assert_false(p_expiry_due(e, 50, &table[0], &due));
	/* A flush forgets the entries of one table only. */
	assert_int_equal(p_expiry_add(e, 1, &p, 60), PH_OK);
	assert_int_equal(p_expiry_add(e, 0, &p, 60), PH_OK);
	p_expiry_forget_all(e, 1);
	assert_true(p_expiry_due(e, 60, &table[0], &due));
	assert_int_equal(table[0], 0);
	assert_false(p_expiry_due(e, 60, &table[0], &due));
	p_expiry_free(e);
}

static void
entries_that_end_are_limited(void **state)
{
	struct p_expiry *e;
	struct prefix p;
	uint32_t i;

	(void)state;
	assert_int_equal(p_expiry_new(&e), PH_OK);
	for (i = 0; i < P_EXPIRY_MAX; i++) {
		p = host_of(i);
		assert_int_equal(p_expiry_add(e, 0, &p, i), PH_OK);
	}
	p = host_of(i);
	assert_int_equal(p_expiry_add(e, 0, &p, i), PH_ELIMIT);
	/* A new time for one that is there needs no room. */
	p = host_of(0);
	assert_int_equal(p_expiry_add(e, 0, &p, i), PH_OK);
	p_expiry_free(e);
}

/* Entries at random, against a list. */
static void
the_next_to_end_is_that_of_a_list(void **state)
{
	enum { TABLES = 3, HOSTS = 5 };
	int64_t when[TABLES][HOSTS] = { { 0 } }, now = 1, first;
	struct prefix p, due;
	struct p_expiry *e;
	size_t table, of;
	unsigned int i, host, at;

	(void)state;
	srandom(9);
	assert_int_equal(p_expiry_new(&e), PH_OK);
	assert_true(p_expiry_next(e) == INT64_MAX);
	for (i = 0; i < 20000; i++) {
		table = (size_t)random() % TABLES;
		host = (unsigned int)random() % HOSTS;
		p = host_of(host);
		switch (random() % 8) {
		case 0:
			p_expiry_forget(e, table, &p);
			when[table][host] = 0;
			break;
		case 1:
			if (random() % 10 != 0)
				break;
			p_expiry_forget_all(e, table);
			memset(when[table], 0, sizeof(when[table]));
			break;
		case 2:
			now += random() % 4;
			while (p_expiry_due(e, now, &of, &due)) {
				host = due.addr.b[3];
				assert_true(of < TABLES && host < HOSTS);
				p = host_of(host);
				assert_int_equal(prefix_cmp(&due, &p), 0);
				assert_true(when[of][host] != 0 &&
				    when[of][host] <= now);
				when[of][host] = 0;
			}
			break;
		default:
			when[table][host] = now + random() % 6;
			assert_int_equal(p_expiry_add(e, table, &p,
					     when[table][host]),
			    PH_OK);
			break;
		}
		first = INT64_MAX;
		for (at = 0; at < TABLES * HOSTS; at++)
			if (when[at / HOSTS][at % HOSTS] != 0 &&
			    when[at / HOSTS][at % HOSTS] < first)
				first = when[at / HOSTS][at % HOSTS];
		assert_true(p_expiry_next(e) == first);
	}
	p_expiry_free(e);
}

static void
errno_has_classes(void **state)
{
	/* clang-format off */
	static const struct { int error; enum ph_err rc; } rows[] = {
		{ 0, PH_OK },
		{ EAGAIN, PH_EAGAIN }, { EINTR, PH_EAGAIN },
		{ ENOBUFS, PH_ELIMIT }, { ENOSPC, PH_ELIMIT },
		{ E2BIG, PH_EBAD }, { EOPNOTSUPP, PH_EBAD },
		{ EBADF, PH_EGONE }, { ENOENT, PH_EIO },
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
	/* The rule that asked pf for the queue is gone again. */
	assert_int_equal(k.top, 0);
	shut(fw, false);
	/* The queues of proxies are asked for, too. */
	c.queue = NULL;
	c.classes = classes;
	c.nclasses = 2;
	why = strbuf_of(text, sizeof(text));
	k.busy = 1000;
	assert_int_equal(p_open(&fw, &sys, &c, 0, &why), PH_EBAD);
	assert_string_equal(text, "pf does not know the queue \"none\"");
}

static const char *no_queue;

/* pf knows all queues but one.  It is asked with a pinhole of nobody. */
static enum ph_err
write_but_for_a_queue(struct p_dev *d, struct p_tree *tree,
    const struct fw_config *c)
{
	const struct addr nobody = addr_v4(192, 0, 2, 0);
	const struct p_node *n;
	const struct p_rule *v;
	size_t i, len;

	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n)) {
		assert_int_equal(p_node_rules(tree, n, P_PASS, &v, &len),
		    PH_OK);
		for (i = 0; !p_node_is_top(n) && i < len; i++) {
			assert_int_equal(len, 1);
			assert_true(addr_eq(&v[i].src.net.addr, &nobody));
			assert_true(addr_eq(&v[i].dst.net.addr, &nobody));
			assert_int_equal(v[i].src.net.len, 32);
			assert_int_equal(v[i].src.lo, 9);
			assert_int_equal(v[i].dst.lo, 9);
			assert_int_equal(v[i].dst.hi, 9);
			assert_int_equal(v[i].proto, IPPROTO_UDP);
			if (strcmp(v[i].queue, no_queue) == 0)
				return PH_EAGAIN;
		}
	}
	return sys.write(d, tree, c);
}

static void
each_class_is_asked_for_its_queue(void **state)
{
	static const char *const names[] = { "all", "first", "third", "" };
	const struct fw_class classes[] = { { NULL, "first" }, { "t", NULL },
		{ NULL, "third" } };
	const struct fw_config c = { .name = "pinholed",
		.queue = "all",
		.classes = classes,
		.nclasses = 3 };
	struct p_sys s = sys;
	struct fw *fw;
	char want[64];
	size_t i;

	(void)state;
	s.write = write_but_for_a_queue;
	for (i = 0; i < ROWS(names); i++) {
		no_queue = names[i];
		why = strbuf_of(text, sizeof(text));
		if (names[i][0] == '\0') {
			assert_int_equal(p_open(&fw, &s, &c, 0, &why), PH_OK);
			shut(fw, true);
			continue;
		}
		assert_int_equal(p_open(&fw, &s, &c, 0, &why), PH_EBAD);
		snprintf(want, sizeof(want),
		    "pf does not know the queue \"%s\"", names[i]);
		assert_string_equal(text, want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_queue_is_named_at_start),
		T(busy_is_tried_again_with_jitter),
		T(a_storm_ends_as_again_and_changes_nothing),
		T(a_commit_that_got_half_way_is_taken_back),
		T(silence_is_read_from_states),
		T(what_was_flushed_away_comes_back),
		T(without_a_way_to_kill_start_refuses),
		T(check_names_the_lines_to_add),
		T(table_entries_end),
		T(an_entry_is_due_once_at_its_last_time),
		T(entries_that_end_are_limited),
		T(the_next_to_end_is_that_of_a_list),
		T(errno_has_classes),
		T(each_class_is_asked_for_its_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
