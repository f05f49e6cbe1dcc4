/* SPDX-License-Identifier: ISC */
/*
 * The table of the remotes on a pf of paper: it has every remote that a rule
 * needs at any time, and none for long that no rule needs.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "pf/gate.h"
#include "pf/sys.h"
#include "tests/unit/pf_direct.h"
#include "tests/unit/unit.h"

#define REMOTES 2048

struct p_dev {
	int unused;
};

static struct kernel {
	struct prefix v[REMOTES]; /* in the table */
	size_t n;
	bool gated, removed;
	unsigned int writes, sets, adds, deletes;
	enum ph_err write_rc, gate_rc;
} k;

/* The pinholes that should be open: the last octet of the remote, by id. */
static uint8_t open_from[256];

static bool
has(const struct prefix *p)
{
	size_t i;

	for (i = 0; i < k.n; i++)
		if (prefix_cmp(&k.v[i], p) == 0)
			return true;
	return false;
}

static enum ph_err
fake_open(struct p_dev **out, bool write, struct strbuf *why)
{
	static struct p_dev dev;

	(void)write;
	(void)why;
	*out = &dev;
	return PH_OK;
}

static void
fake_close(struct p_dev *d)
{
	(void)d;
}

/* A leaf that is written finds its remotes in the table, if it is asked. */
static enum ph_err
fake_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *config)
{
	const struct p_node *n;
	const struct p_rule *v;
	size_t i, len;

	(void)d;
	(void)config;
	if (k.write_rc != PH_OK)
		return k.write_rc;
	k.writes++;
	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n)) {
		assert_int_equal(p_node_rules(tree, n, P_PASS, &v, &len),
		    PH_OK);
		if (p_node_is_top(n) && len > 0)
			k.gated = v[0].src.remotes || v[0].dst.remotes;
		for (i = 0; i < len && v[i].anchor[0] == '\0' && k.gated; i++)
			assert_true(p_gate_is_any(&v[i].src.net) ||
			    p_gate_is_any(&v[i].dst.net) ||
			    has(&v[i].src.net) || has(&v[i].dst.net));
	}
	return PH_OK;
}

static enum ph_err
fake_gate(struct p_dev *d, const char *anchor, enum p_gate_op op,
    const struct prefix *v, size_t n)
{
	size_t i, j;

	(void)d;
	assert_string_equal(anchor, "pinholed");
	if (k.gate_rc != PH_OK)
		return k.gate_rc;
	if (op == P_GATE_SET) {
		k.sets++;
		k.n = 0;
	} else if (op == P_GATE_ADD)
		k.adds++;
	else
		k.deletes++;
	for (i = 0; i < n; i++) {
		for (j = 0; j < k.n; j++)
			if (prefix_cmp(&k.v[j], &v[i]) == 0)
				break;
		if (op == P_GATE_DELETE && j < k.n)
			k.v[j] = k.v[--k.n];
		else if (op != P_GATE_DELETE && j == k.n) {
			assert_true(k.n < REMOTES);
			k.v[k.n++] = v[i];
		}
	}
	return PH_OK;
}

static enum ph_err
fake_gate_count(struct p_dev *d, const char *anchor, size_t *n)
{
	(void)d;
	(void)anchor;
	*n = k.n;
	return PH_OK;
}

static enum ph_err
fake_flush(struct p_dev *d, const char *anchor)
{
	(void)d;
	(void)anchor;
	k.n = 0;
	k.removed = true;
	return PH_OK;
}

static enum ph_err
fake_rules(struct p_dev *d, const char *anchor,
    void (*found)(void *ctx, const struct p_rule *r), void *ctx)
{
	(void)d;
	(void)anchor;
	(void)found;
	(void)ctx;
	return PH_OK;
}

static enum ph_err
fake_count(struct p_dev *d, const char *anchor, enum p_part part, size_t *n)
{
	(void)d;
	(void)anchor;
	(void)part;
	*n = 0;
	return PH_OK;
}

static enum ph_err
fake_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	(void)d;
	(void)found;
	(void)ctx;
	return PH_OK;
}

static enum ph_err
fake_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	(void)d;
	(void)id;
	(void)creator;
	return PH_OK;
}

static void
fake_pause(uint32_t us)
{
	(void)us;
}

static const struct p_sys sys = {
	.dialect = P_FREEBSD,
	.open = fake_open,
	.close = fake_close,
	.write = fake_write,
	.flush = fake_flush,
	.rules = fake_rules,
	.count = fake_count,
	.states = fake_states,
	.kill = fake_kill,
	.gate = fake_gate,
	.gate_count = fake_gate_count,
	.pause = fake_pause,
};

static struct fw *
begin(void)
{
	static const struct fw_config config = { .name = "pinholed" };
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct fw *fw;

	memset(&k, 0, sizeof(k));
	memset(open_from, 0, sizeof(open_from));
	assert_int_equal(p_open(&fw, &sys, &config, 0, &why), PH_OK);
	return fw;
}

static struct prefix
remote(uint8_t last)
{
	struct addr a = addr_v4(198, 51, 100, last);

	return prefix_host(&a);
}

/* Inward from a remote, or, for 255, from anywhere. */
static struct fw_change
change(enum fw_op op, uint8_t id, uint8_t last)
{
	struct fw_change c = { .op = op };

	c.hole.id = id;
	c.hole.proto = IPPROTO_UDP;
	c.hole.dir = PINHOLE_IN;
	if (last != 255)
		c.hole.from = remote(last);
	c.hole.to = addr_v4(192, 0, 2, 20);
	c.hole.to_lo = c.hole.to_hi = (uint16_t)(10000 + 2 * id);
	return c;
}

static enum ph_err
make(struct fw *fw, enum fw_op op, uint8_t id, uint8_t last)
{
	struct fw_change c = change(op, id, last);

	return commit(fw, &c, 1, 0);
}

static void
a_remote_is_there_while_a_pinhole_needs_it(void **state)
{
	struct prefix seven = remote(7), eight = remote(8);
	struct fw *fw = begin();

	(void)state;
	assert_int_equal(make(fw, FW_OPEN, 1, 7), PH_OK);
	assert_true(k.gated && has(&seven) && k.n == 1);
	assert_int_equal(make(fw, FW_OPEN, 2, 7), PH_OK);
	assert_int_equal(k.adds, 1);
	assert_int_equal(make(fw, FW_OPEN, 3, 8), PH_OK);
	assert_true(has(&eight) && k.n == 2);
	assert_int_equal(make(fw, FW_CLOSE, 1, 7), PH_OK);
	assert_true(has(&seven));
	assert_int_equal(make(fw, FW_CLOSE, 2, 7), PH_OK);
	assert_true(!has(&seven) && k.n == 1);
	assert_int_equal(k.deletes, 1);
	shut(fw, false);
	assert_true(k.removed);
}

static void
a_pinhole_for_everybody_is_not_asked_for_the_table(void **state)
{
	struct fw *fw = begin();

	(void)state;
	assert_int_equal(make(fw, FW_OPEN, 1, 7), PH_OK);
	assert_true(k.gated);
	assert_int_equal(make(fw, FW_OPEN, 2, 255), PH_OK);
	assert_false(k.gated);
	assert_int_equal(k.n, 1);
	assert_int_equal(make(fw, FW_CLOSE, 2, 255), PH_OK);
	assert_true(k.gated);
	shut(fw, false);
}

static void
what_pf_refused_is_told_again(void **state)
{
	struct prefix seven = remote(7);
	struct fw *fw = begin();

	(void)state;
	k.gate_rc = PH_EAGAIN;
	assert_int_equal(make(fw, FW_OPEN, 1, 7), PH_EAGAIN);
	k.gate_rc = PH_OK;
	/* The table took it, the rules were refused: it is not needed. */
	k.write_rc = PH_ELIMIT;
	assert_int_equal(make(fw, FW_OPEN, 1, 7), PH_ELIMIT);
	assert_true(has(&seven));
	k.write_rc = PH_OK;
	assert_int_equal(make(fw, FW_OPEN, 2, 8), PH_OK);
	assert_true(!has(&seven) && k.n == 1);
	/* Deleting can wait. */
	k.gate_rc = PH_EAGAIN;
	assert_int_equal(make(fw, FW_CLOSE, 2, 8), PH_OK);
	assert_int_equal(k.n, 1);
	k.gate_rc = PH_OK;
	assert_int_equal(make(fw, FW_OPEN, 3, 9), PH_OK);
	assert_int_equal(k.n, 1);
	shut(fw, false);
}

static void
a_table_that_was_flushed_is_filled_again(void **state)
{
	struct prefix seven = remote(7);
	struct fw *fw = begin();
	enum ph_err err;

	(void)state;
	assert_int_equal(make(fw, FW_OPEN, 1, 7), PH_OK);
	assert_int_equal(make(fw, FW_OPEN, 2, 8), PH_OK);
	k.n = 0;
	(void)p_tick(fw, INT64_C(6000000), &err);
	(void)p_tick(fw, INT64_C(12000000), &err);
	assert_int_equal(err, PH_OK);
	assert_true(has(&seven) && k.n == 2);
	shut(fw, false);
}

static enum ph_err
tell(void *ctx, enum p_gate_op op, const struct prefix *v, size_t n)
{
	(void)ctx;
	return fake_gate(NULL, "pinholed", op, v, n);
}

static void
an_earlier_runs_remotes_go(void **state)
{
	struct prefix seven = remote(7), old = remote(99);
	struct p_gate *g;

	(void)state;
	memset(&k, 0, sizeof(k));
	k.v[k.n++] = old;
	assert_int_equal(p_gate_new(&g), PH_OK);
	assert_int_equal(p_gate_take(g, &seven), PH_OK);
	assert_int_equal(p_gate_add(g, tell, NULL), PH_OK);
	assert_int_equal(k.n, 2);
	assert_int_equal(p_gate_check(g, k.n, tell, NULL), PH_OK);
	assert_true(k.sets == 1 && k.n == 1 && has(&seven));
	assert_int_equal(p_gate_check(g, k.n, tell, NULL), PH_OK);
	assert_int_equal(k.sets, 1);
	k.gate_rc = PH_EAGAIN;
	k.n = 0;
	assert_int_equal(p_gate_check(g, k.n, tell, NULL), PH_EAGAIN);
	k.gate_rc = PH_OK;
	assert_int_equal(p_gate_check(g, k.n, tell, NULL), PH_OK);
	assert_int_equal(k.n, 1);
	p_gate_free(g);
}

/* More than one call takes, both ways. */
static void
many_go_in_several_calls(void **state)
{
	struct prefix p[1200];
	struct p_gate *g;
	struct addr a;
	size_t i;

	(void)state;
	memset(&k, 0, sizeof(k));
	assert_int_equal(p_gate_new(&g), PH_OK);
	for (i = 0; i < ROWS(p); i++) {
		a = addr_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)i);
		p[i] = prefix_host(&a);
		assert_int_equal(p_gate_take(g, &p[i]), PH_OK);
	}
	assert_int_equal(p_gate_add(g, tell, NULL), PH_OK);
	assert_true(k.n == ROWS(p) && k.adds == 3);
	for (i = 0; i < ROWS(p); i++)
		p_gate_drop(g, &p[i]);
	/* Taken back before pf was told. */
	assert_int_equal(p_gate_take(g, &p[3]), PH_OK);
	assert_int_equal(p_gate_delete(g, tell, NULL), PH_OK);
	assert_true(k.n == 1 && has(&p[3]));
	p_gate_free(g);
}

/* How many of the remotes are needed, and whether pf has each of those. */
static size_t
needed(const unsigned int *pinholes, size_t n, bool *all)
{
	size_t i, sum = 0;
	struct prefix p;

	*all = true;
	for (i = 0; i < n; i++) {
		if (pinholes[i] == 0)
			continue;
		p = remote((uint8_t)i);
		*all = *all && has(&p);
		sum++;
	}
	return sum;
}

/*
 * Remotes come and go in random order, pf fails at random, and somebody changes
 * the table.
 */
static void
the_table_follows_the_remotes(void **state)
{
	enum { N = 24 };
	unsigned int pinholes[N] = { 0 }, i, at, sets;
	bool strange = false, told, all;
	struct p_gate *g;
	struct prefix p;
	size_t n;

	(void)state;
	memset(&k, 0, sizeof(k));
	srandom(11);
	assert_int_equal(p_gate_new(&g), PH_OK);
	for (i = 0; i < 20000; i++) {
		at = (unsigned int)random() % N;
		p = remote((uint8_t)at);
		k.gate_rc = random() % 8 == 0 ? PH_ELIMIT : PH_OK;
		switch (random() % 8) {
		case 0:
			told = p_gate_add(g, tell, NULL) == PH_OK;
			(void)needed(pinholes, N, &all);
			assert_true(all || !told || strange);
			break;
		case 1:
			if (p_gate_add(g, tell, NULL) != PH_OK ||
			    p_gate_delete(g, tell, NULL) != PH_OK)
				break;
			n = needed(pinholes, N, &all);
			assert_true((all && k.n == n) || strange);
			break;
		case 2:
			if (random() % 20 == 0 && k.n > 0) {
				k.n--;
				strange = true;
			}
			if (p_gate_add(g, tell, NULL) != PH_OK ||
			    p_gate_delete(g, tell, NULL) != PH_OK)
				break;
			n = needed(pinholes, N, &all);
			sets = k.sets + (k.n != n);
			if (p_gate_check(g, k.n, tell, NULL) != PH_OK)
				break;
			assert_int_equal(k.sets, sets);
			assert_int_equal(needed(pinholes, N, &all), k.n);
			assert_true(all);
			strange = false;
			break;
		case 3:
			/* Before pf knows of what is not needed. */
			if (k.gate_rc != PH_OK || k.n == 0)
				break;
			k.n--;
			sets = k.sets;
			assert_int_equal(p_gate_check(g, k.n, tell, NULL),
			    PH_OK);
			n = needed(pinholes, N, &all);
			/* A remote that it lacks may be one that is new. */
			assert_true(k.sets == sets || (all && k.n == n));
			strange = k.sets == sets;
			break;
		case 4:
		case 5:
			if (pinholes[at] > 0) {
				p_gate_drop(g, &p);
				pinholes[at]--;
			}
			break;
		default:
			if (pinholes[at] < 3) {
				assert_int_equal(p_gate_take(g, &p), PH_OK);
				pinholes[at]++;
			}
			break;
		}
	}
	p_gate_free(g);
}

static unsigned int calls[P_GATE_REMOVE + 1];
static size_t biggest;

static enum ph_err
count_call(void *ctx, enum p_gate_op op, const struct prefix *v, size_t n)
{
	(void)ctx;
	assert_true(n == 0 || prefix_cmp(&v[0], &v[n - 1]) != 0 || n == 1);
	calls[op]++;
	biggest = n > biggest ? n : biggest;
	return PH_OK;
}

/* pf takes no more than 65,535 in one call. */
static void
more_than_one_call_takes_are_added_again(void **state)
{
	enum { MOST = 60000 };
	struct p_gate *g;
	struct prefix p;
	struct addr a;
	size_t i;

	(void)state;
	assert_int_equal(p_gate_new(&g), PH_OK);
	for (i = 0; i <= MOST; i++) {
		a = addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		    (uint8_t)i);
		p = prefix_host(&a);
		if (i == MOST) {
			assert_int_equal(p_gate_add(g, count_call, NULL),
			    PH_OK);
			assert_int_equal(p_gate_check(g, MOST, count_call,
					     NULL),
			    PH_OK);
			assert_int_equal(calls[P_GATE_SET], 0);
			assert_int_equal(p_gate_check(g, MOST + 1, count_call,
					     NULL),
			    PH_OK);
			assert_int_equal(calls[P_GATE_SET], 1);
			assert_int_equal(biggest, MOST);
		}
		assert_int_equal(p_gate_take(g, &p), PH_OK);
	}
	assert_int_equal(p_gate_add(g, count_call, NULL), PH_OK);
	memset(calls, 0, sizeof(calls));
	biggest = 0;
	/* As many as there should be; more, which do no harm; too few. */
	assert_int_equal(p_gate_check(g, MOST + 1, count_call, NULL), PH_OK);
	assert_int_equal(p_gate_check(g, MOST + 2, count_call, NULL), PH_OK);
	assert_int_equal(calls[P_GATE_ADD] + calls[P_GATE_SET], 0);
	assert_int_equal(p_gate_check(g, MOST, count_call, NULL), PH_OK);
	assert_int_equal(calls[P_GATE_SET], 0);
	assert_int_equal(calls[P_GATE_ADD], MOST / 512 + 1);
	assert_int_equal(biggest, 512);
	/* That has settled it. */
	assert_int_equal(p_gate_check(g, MOST + 1, count_call, NULL), PH_OK);
	assert_int_equal(calls[P_GATE_ADD], MOST / 512 + 1);
	/* One less, and one call does. */
	p_gate_drop(g, &p);
	assert_int_equal(p_gate_delete(g, count_call, NULL), PH_OK);
	assert_int_equal(calls[P_GATE_DELETE], 1);
	assert_int_equal(p_gate_check(g, MOST - 1, count_call, NULL), PH_OK);
	assert_int_equal(calls[P_GATE_SET], 1);
	assert_int_equal(biggest, MOST);
	p_gate_free(g);
}

/* Changes in random order; fake_write() checks each state. */
static void
no_rule_ever_lacks_its_remote(void **state)
{
	struct fw *fw = begin();
	uint32_t seed = 7;
	struct prefix p;
	unsigned int i;
	uint8_t id, last;

	(void)state;
	for (i = 0; i < 20000; i++) {
		seed = seed * 1664525u + 1013904223u;
		id = (uint8_t)(1 + (seed >> 16) % 250);
		last = (uint8_t)(1 + (seed >> 8) % 40);
		if (last == 40 && (seed >> 24) % 8 == 0)
			last = 255;
		k.write_rc = (seed >> 24) % 16 == 1 ? PH_ELIMIT : PH_OK;
		k.gate_rc = (seed >> 24) % 16 == 2 ? PH_ELIMIT : PH_OK;
		if (open_from[id] != 0) {
			if (make(fw, FW_CLOSE, id, open_from[id]) == PH_OK)
				open_from[id] = 0;
		} else if (make(fw, FW_OPEN, id, last) == PH_OK)
			open_from[id] = last;
	}
	k.write_rc = k.gate_rc = PH_OK;
	for (i = 1; i < 256; i++)
		if (open_from[i] != 0 && open_from[i] != 255) {
			p = remote(open_from[i]);
			assert_true(has(&p));
		}
	for (i = 1; i < 256; i++)
		if (open_from[i] != 0)
			assert_int_equal(make(fw, FW_CLOSE, (uint8_t)i,
					     open_from[i]),
			    PH_OK);
	assert_int_equal(k.n, 0);
	shut(fw, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_remote_is_there_while_a_pinhole_needs_it),
		cmocka_unit_test(
		    a_pinhole_for_everybody_is_not_asked_for_the_table),
		cmocka_unit_test(what_pf_refused_is_told_again),
		cmocka_unit_test(a_table_that_was_flushed_is_filled_again),
		cmocka_unit_test(an_earlier_runs_remotes_go),
		cmocka_unit_test(many_go_in_several_calls),
		cmocka_unit_test(the_table_follows_the_remotes),
		cmocka_unit_test(more_than_one_call_takes_are_added_again),
		cmocka_unit_test(no_rule_ever_lacks_its_remote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
