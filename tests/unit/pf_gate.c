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
		cmocka_unit_test(no_rule_ever_lacks_its_remote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
