/* SPDX-License-Identifier: ISC */
/*
 * "firewall pf states" on a pf of paper: which pinholes are states, whose
 * they are, and when they end.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "pf/states.h"
#include "pf/sys.h"
#include "tests/unit/pf_direct.h"
#include "tests/unit/unit.h"

#define HOST	UINT32_C(0x01020304)
/* The value that pf/states.c mixes with the number of a node. */
#define CREATOR UINT32_C(0x70686f6c)

/* The fake kernel never reads it. */
struct p_dev {
	int unused;
};

static struct kernel {
	struct p_state v[16];
	size_t n;
	size_t rules; /* written, in leaves */
	unsigned int adds, kills;
	enum ph_err add_rc, kill_rc;
	const enum ph_err *script; /* of the first two adds */
	uint64_t unkillable;	   /* a state's id; 0: none */
	uint32_t host;		   /* 0: HOST */
	struct p_rule old[8];	   /* what an earlier run left */
	size_t nold;
} k;

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

static enum ph_err
fake_write(struct p_dev *d, struct p_tree *tree, const struct fw_config *config)
{
	const struct p_node *n;
	const struct p_rule *v;
	size_t len;

	(void)d;
	(void)config;
	for (n = p_tree_dirty(tree); n != NULL; n = p_node_next(tree, n))
		if (!p_node_is_top(n) &&
		    p_node_rules(tree, n, P_PASS, &v, &len) == PH_OK)
			k.rules = len;
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
fake_flush(struct p_dev *d, const char *anchor)
{
	(void)d;
	(void)anchor;
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
fake_states(struct p_dev *d, void (*found)(void *ctx, const struct p_state *s),
    void *ctx)
{
	struct p_state v[16];
	size_t i, n = k.n;

	(void)d;
	memcpy(v, k.v, sizeof(v));
	for (i = 0; i < n; i++)
		found(ctx, &v[i]);
	return PH_OK;
}

static size_t
find(uint64_t id, uint32_t creator)
{
	size_t i;

	for (i = 0; i < k.n; i++)
		if (k.v[i].id == id && k.v[i].creator == creator)
			break;
	return i;
}

static enum ph_err
fake_kill(struct p_dev *d, uint64_t id, uint32_t creator)
{
	size_t i = find(id, creator);

	(void)d;
	k.kills++;
	if (k.kill_rc != PH_OK && id != UINT64_MAX)
		return k.kill_rc;
	if (id == k.unkillable && id != 0)
		return PH_EIO;
	if (i < k.n)
		k.v[i] = k.v[--k.n];
	return PH_OK;
}

static enum ph_err
fake_add(struct p_dev *d, const struct p_state *s, bool log)
{
	size_t i;

	(void)d;
	(void)log;
	assert_int_equal(endpoint_cmp(&s->src, &s->in_src), 0);
	assert_int_equal(endpoint_cmp(&s->dst, &s->in_dst), 0);
	if (k.adds++ < 2 && k.script != NULL)
		return k.script[k.adds - 1];
	if (k.add_rc != PH_OK)
		return k.add_rc;
	if (find(s->id, s->creator) < k.n)
		return PH_EEXIST;
	for (i = 0; i < k.n; i++)
		if (k.v[i].outward == s->outward &&
		    endpoint_cmp(&k.v[i].src, &s->src) == 0 &&
		    endpoint_cmp(&k.v[i].dst, &s->dst) == 0)
			return PH_EEXIST;
	assert_true(k.n < 16);
	k.v[k.n++] = *s;
	return PH_OK;
}

static uint32_t
fake_host(struct p_dev *d)
{
	(void)d;
	return k.host != 0 ? k.host : HOST;
}

static const struct p_sys sys = {
	.dialect = P_FREEBSD,
	.open = fake_open,
	.close = fake_close,
	.write = fake_write,
	.flush = fake_flush,
	.rules = fake_rules,
	.host = fake_host,
	.count = fake_count,
	.states = fake_states,
	.kill = fake_kill,
	.add = fake_add,
};

static struct pinhole
stream(uint64_t id, uint16_t port)
{
	struct addr trunk = addr_v4(198, 51, 100, 7);
	struct pinhole h = { .id = id,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.from = prefix_host(&trunk),
		.from_port = 4000,
		.to = addr_v4(192, 0, 2, 20),
		.to_lo = port,
		.to_hi = port };

	return h;
}

static void
change(struct fw *fw, enum fw_op op, struct pinhole h)
{
	const struct fw_change c = { .op = op, .hole = h };

	assert_int_equal(commit(fw, &c, 1, 0), PH_OK);
}

static struct fw *
begin_as(bool states, bool adopt)
{
	static struct fw_config config = { .name = "pinholed" };
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct fw *fw;

	config.states = states;
	config.adopt = adopt;
	assert_int_equal(p_open(&fw, &sys, &config, 0, &why), PH_OK);
	return fw;
}

static struct fw *
begin(bool adopt)
{
	return begin_as(true, adopt);
}

static void
what_cannot_be_a_state_says_why(void **state)
{
	struct pinhole h = stream(1, 10000);

	(void)state;
	assert_int_equal(p_states_form(&h), FORM_STATE);
	h.from_port = 0;
	assert_string_equal(form_why(p_states_form(&h)), "from any port");
	h = stream(1, 10000);
	h.to_hi++;
	assert_string_equal(form_why(p_states_form(&h)),
	    "to more than one port");
	h = stream(1, 10000);
	h.from.len = 24;
	assert_string_equal(form_why(p_states_form(&h)), "not from one host");
	h.from.addr.af = AF_UNSPEC;
	assert_string_equal(form_why(p_states_form(&h)), "not from one host");
	h = stream(1, 10000);
	h.proto = IPPROTO_TCP;
	assert_string_equal(form_why(p_states_form(&h)), "TCP");
	h = stream(1, 10000);
	h.once = 1;
	assert_string_equal(form_why(p_states_form(&h)),
	    "good for one connection");
	h = stream(1, 10000);
	h.rdr_from.addr = h.to;
	assert_string_equal(form_why(p_states_form(&h)), "translated");
	h = stream(1, 10000);
	h.nat_to.addr = h.to;
	assert_string_equal(form_why(p_states_form(&h)), "translated");
}

static void
a_flow_is_two_states_and_no_rule(void **state)
{
	struct fw *fw;
	struct pinhole h;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	assert_int_equal(k.n, 0);
	k.adds = k.kills = 0;
	change(fw, FW_OPEN, stream(7, 10000));
	assert_int_equal(k.n, 2);
	assert_int_equal(k.rules, 0);
	assert_int_equal(k.adds, 2);
	assert_int_equal(k.kills, 0);
	assert_int_equal(k.v[0].id, 14);
	assert_int_equal(k.v[1].id, 15);
	assert_false(k.v[0].outward);
	assert_true(k.v[1].outward);
	assert_int_equal(k.v[0].src.port, 4000);
	assert_int_equal(k.v[0].dst.port, 10000);
	/* Ours, of this node; pf's own states have its number itself. */
	assert_int_equal(k.v[0].creator, k.v[1].creator);
	assert_int_not_equal(k.v[0].creator, 0);
	assert_int_not_equal(k.v[0].creator, HOST);
	/* Anything else is a rule. */
	h = stream(8, 10002);
	h.from_port = 0;
	change(fw, FW_OPEN, h);
	assert_int_equal(k.n, 2);
	assert_true(k.rules > 0);
	/* No sweep has to come. */
	change(fw, FW_CLOSE, stream(7, 10000));
	assert_int_equal(k.n, 0);
	shut(fw, false);
}

static void
a_flow_that_another_pinhole_has_taken_over_goes_on(void **state)
{
	struct fw_change c[2] = {
		{ .op = FW_CLOSE, .hole = stream(7, 10000) },
		{ .op = FW_OPEN, .hole = stream(9, 10000) },
	};
	struct fw *fw;
	enum ph_err err;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	assert_int_equal(commit(fw, c, 2, 0), PH_OK);
	assert_int_equal(k.n, 2);
	(void)p_tick(fw, 600000, &err);
	assert_int_equal(k.n, 2);
	change(fw, FW_CLOSE, stream(9, 10000));
	(void)p_tick(fw, 1200000, &err);
	(void)p_tick(fw, 1800000, &err);
	assert_int_equal(k.n, 0);
	shut(fw, false);
}

static void
silence_ends_a_state_but_not_the_pinhole(void **state)
{
	struct fw *fw;
	enum ph_err err;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	k.n = 0;
	(void)p_tick(fw, 21 * INT64_C(1000000), &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(k.n, 2);
	/* States that are still there go on as they are. */
	k.kills = 0;
	(void)p_tick(fw, 42 * INT64_C(1000000), &err);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.kills, 0);
	k.add_rc = PH_EGONE;
	(void)p_tick(fw, 63 * INT64_C(1000000), &err);
	assert_int_equal(err, PH_EGONE);
	shut(fw, false);
	assert_int_equal(k.n, 0);
}

static void
what_pf_refuses_is_not_open(void **state)
{
	const struct fw_change c = { .op = FW_OPEN, .hole = stream(7, 10000) };
	struct fw *fw;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	k.add_rc = PH_ELIMIT;
	assert_int_equal(commit(fw, &c, 1, 0), PH_ELIMIT);
	k.add_rc = PH_OK;
	change(fw, FW_OPEN, stream(7, 10000));
	assert_int_equal(k.n, 2);
	shut(fw, false);
}

/* As FreeBSD does from the moment when pfsync0 is set down. */
static void
a_pf_that_takes_no_more_states_gets_rules(void **state)
{
	struct fw *fw;
	enum ph_err err;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	k.add_rc = PH_EUNSUPPORTED;
	change(fw, FW_OPEN, stream(8, 10002));
	assert_int_equal(k.n, 2);
	assert_int_equal(k.rules, 2);
	/* A state that cannot be made again becomes a rule, too. */
	k.n = 0;
	(void)p_tick(fw, 21 * INT64_C(1000000), &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(k.rules, 4);
	change(fw, FW_CLOSE, stream(7, 10000));
	assert_int_equal(k.rules, 2);
	k.add_rc = PH_OK;
	change(fw, FW_OPEN, stream(9, 10004));
	assert_int_equal(k.n, 2);
	change(fw, FW_CLOSE, stream(8, 10002));
	assert_int_equal(k.rules, 0);
	shut(fw, false);
}

/* A failover left this node a state of that name with another flow. */
static void
an_old_state_of_the_same_name_gives_way(void **state)
{
	struct fw *fw;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	k.v[2] = k.v[0];
	k.v[2].id = 16;
	k.v[2].src.port = k.v[2].in_src.port = 4444;
	k.n = 3;
	change(fw, FW_OPEN, stream(8, 10002));
	assert_int_equal(k.n, 4);
	assert_int_equal(k.v[find(16, k.v[0].creator)].src.port, 4000);
	shut(fw, false);
}

/* What pf says of a state that has to give way, and of the one that comes. */
static void
a_state_that_gives_way_may_fail_to(void **state)
{
	/* clang-format off */
	static const struct {
		enum ph_err	 adds[2], kill;	/* what pf answers */
		bool		 again;
		enum ph_err	 rc;
		unsigned int	 calls[2];	/* adds and kills */
	} rows[] = {
		{ { PH_OK }, PH_OK, false, PH_OK, { 2, 0 } },
		{ { PH_ELIMIT }, PH_OK, false, PH_ELIMIT, { 1, 0 } },
		{ { PH_EEXIST }, PH_OK, true, PH_OK, { 2, 0 } },
		{ { PH_EEXIST, PH_OK }, PH_OK, false, PH_OK, { 3, 1 } },
		{ { PH_EEXIST, PH_EEXIST }, PH_OK, false, PH_OK, { 3, 1 } },
		{ { PH_EEXIST, PH_ELIMIT }, PH_OK, false, PH_ELIMIT,
		    { 2, 1 } },
		{ { PH_EEXIST, PH_OK }, PH_EIO, false, PH_EIO, { 1, 1 } },
	};
	/* clang-format on */
	struct pinhole h = stream(7, 10000);
	struct p_states st;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		memset(&k, 0, sizeof(k));
		p_states_init(&st, &sys, NULL, false);
		k.script = rows[i].adds;
		k.kill_rc = rows[i].kill;
		assert_int_equal(p_states_make(&st, &h, rows[i].again),
		    rows[i].rc);
		assert_int_equal(k.adds, rows[i].calls[0]);
		assert_int_equal(k.kills, rows[i].calls[1]);
	}
}

/* Its states cannot be killed now: the sweep does it. */
static void
a_kill_that_fails_leaves_it_to_the_sweep(void **state)
{
	struct fw *fw;
	enum ph_err err;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	k.kill_rc = PH_EAGAIN;
	change(fw, FW_CLOSE, stream(7, 10000));
	assert_int_equal(k.n, 2);
	(void)p_tick(fw, 600000, &err);
	assert_int_equal(k.n, 2);
	k.kill_rc = PH_OK;
	(void)p_tick(fw, 1200000, &err);
	assert_int_equal(k.n, 0);
	shut(fw, false);
}

/* kill -9: nobody closed them.  What pfsync brought is not ours. */
static void
a_start_removes_the_states_of_an_earlier_run(void **state)
{
	struct fw *fw;
	uint32_t creator;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	creator = k.v[0].creator;
	shut(fw, true);
	assert_int_equal(k.n, 2);
	k.v[2] = k.v[0];
	k.v[2].creator = creator + 1;
	k.v[2].dst.port = 10004;
	k.n = 3;
	fw = begin(false);
	assert_int_equal(k.n, 1);
	assert_int_equal(k.v[0].creator, creator + 1);
	shut(fw, false);
}

/* A state has no rule that could be missed. */
static void
a_start_with_rules_removes_them_too(void **state)
{
	struct fw *fw;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	shut(fw, true);
	assert_int_equal(k.n, 2);
	fw = begin_as(false, false);
	assert_int_equal(k.n, 0);
	shut(fw, false);
	/* And a reload, when the calls are known again. */
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	shut(fw, true);
	fw = begin_as(false, true);
	change(fw, FW_OPEN, stream(7, 10000));
	assert_int_equal(k.n, 2);
	assert_int_equal(p_settle(fw, 0), PH_OK);
	assert_int_equal(k.n, 0);
	shut(fw, false);
}

/* The run before had rules for what we make states for. */
static void
a_reload_from_rules_leaves_no_rule(void **state)
{
	static const struct fw_config config = { .name = "pinholed" };
	struct pinhole h = stream(1, 10000);
	struct fw *fw;

	(void)state;
	memset(&k, 0, sizeof(k));
	k.nold = p_rules(&h, P_PASS, P_FREEBSD, &config, k.old);
	h = stream(2, 10002);
	k.nold += p_rules(&h, P_PASS, P_FREEBSD, &config, &k.old[k.nold]);
	assert_int_equal(k.nold, 4);
	k.rules = k.nold;
	fw = begin(true);
	change(fw, FW_OPEN, stream(1, 10004));
	change(fw, FW_OPEN, stream(2, 10000));
	assert_int_equal(k.n, 4);
	assert_int_equal(p_settle(fw, 0), PH_OK);
	assert_int_equal(k.rules, 0);
	assert_int_equal(k.n, 4);
	shut(fw, false);
}

static void
a_successor_keeps_what_it_is_told_to_open(void **state)
{
	struct fw *fw;

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	change(fw, FW_OPEN, stream(8, 10002));
	shut(fw, true);
	fw = begin(true);
	change(fw, FW_OPEN, stream(7, 10000));
	assert_int_equal(p_settle(fw, 0), PH_OK);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.v[0].id / 2, 7);
	assert_int_equal(k.v[1].id / 2, 7);
	shut(fw, false);
}

/* pf takes no state of creator 0, and the node's own number is pf's. */
static void
our_number_is_neither_none_nor_pfs(void **state)
{
	static const uint32_t hosts[] = { HOST, CREATOR, ~CREATOR, UINT32_MAX };
	struct p_states st;
	uint32_t before = 0;
	size_t i;

	(void)state;
	memset(&k, 0, sizeof(k));
	/* Two nodes that share their states have two numbers. */
	for (i = 1; i < 100; i++) {
		k.host = (uint32_t)i;
		p_states_init(&st, &sys, NULL, false);
		assert_int_not_equal(st.creator, before);
		before = st.creator;
	}
	for (i = 0; i < ROWS(hosts); i++) {
		k.host = hosts[i];
		p_states_init(&st, &sys, NULL, false);
		assert_int_not_equal(st.creator, 0);
		assert_int_not_equal(st.creator, hosts[i]);
	}
}

static void
either_state_that_stays_is_told(void **state)
{
	struct pinhole h = stream(7, 10000);
	struct p_states st;
	uint64_t id;

	(void)state;
	memset(&k, 0, sizeof(k));
	p_states_init(&st, &sys, NULL, false);
	for (id = 14; id <= 15; id++) {
		k.unkillable = 0;
		assert_int_equal(p_states_make(&st, &h, false), PH_OK);
		k.unkillable = id;
		assert_int_equal(p_states_kill(&st, &h), PH_EIO);
		assert_int_equal(k.n, 1);
		k.unkillable = 0;
		assert_int_equal(p_states_kill(&st, &h), PH_OK);
		assert_int_equal(k.n, 0);
	}
}

static void
the_question_whether_pf_takes_states_leaves_none(void **state)
{
	struct p_states st;

	(void)state;
	memset(&k, 0, sizeof(k));
	p_states_init(&st, &sys, NULL, false);
	assert_int_equal(p_states_probe(&st), PH_OK);
	assert_int_equal(k.adds, 1);
	assert_int_equal(k.n, 0);
}

/* Only lost states are made again, and no sooner than they have to be. */
static void
only_states_are_made_again(void **state)
{
	struct pinhole h = stream(8, 10002);
	struct fw *fw;
	enum ph_err err;
	int64_t now = 21 * INT64_C(1000000);

	(void)state;
	memset(&k, 0, sizeof(k));
	fw = begin(false);
	change(fw, FW_OPEN, stream(7, 10000));
	h.from_port = 0;
	change(fw, FW_OPEN, h);
	k.adds = 0;
	(void)p_tick(fw, now, &err);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.adds, 2);
	(void)p_tick(fw, now + 1000000, &err);
	assert_int_equal(k.adds, 2);
	shut(fw, false);
}

#define T(f) cmocka_unit_test(f)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_cannot_be_a_state_says_why),
		T(a_flow_is_two_states_and_no_rule),
		T(a_flow_that_another_pinhole_has_taken_over_goes_on),
		T(silence_ends_a_state_but_not_the_pinhole),
		T(what_pf_refuses_is_not_open),
		T(a_pf_that_takes_no_more_states_gets_rules),
		T(an_old_state_of_the_same_name_gives_way),
		T(a_state_that_gives_way_may_fail_to),
		T(a_kill_that_fails_leaves_it_to_the_sweep),
		T(a_start_removes_the_states_of_an_earlier_run),
		T(a_start_with_rules_removes_them_too),
		T(a_reload_from_rules_leaves_no_rule),
		T(a_successor_keeps_what_it_is_told_to_open),
		T(our_number_is_neither_none_nor_pfs),
		T(either_state_that_stays_is_told),
		T(the_question_whether_pf_takes_states_leaves_none),
		T(only_states_are_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
