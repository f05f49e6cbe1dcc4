/* SPDX-License-Identifier: ISC */
/*
 * The tree against a plain list: after any change it passes the packets, and
 * finds the pinholes, that the list would.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "pf/gate.h"
#include "tests/pf/model.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

enum { N = 400, STEPS = 6000 };

static const struct fw_config config = { .name = "pinholed" };

static struct pinhole holes[N];
static unsigned int narrow; /* rules that ask for few remotes */
static bool is_open[N];

static struct endpoint
some_end(bool inside, bool v6)
{
	struct endpoint e;

	e.addr = inside ? addr_v4(192, 0, 2, (uint8_t)pick(3))
			: addr_v4(198, 51, 100, (uint8_t)pick(4));
	if (v6) {
		e.addr.af = AF_INET6;
		e.addr.b[15] = e.addr.b[3];
	}
	e.port = (uint16_t)(pick(3) == 0 ? 5000 + pick(2) : 2000 + pick(66));
	return e;
}

static struct pinhole
some_hole(uint64_t id, bool translated)
{
	bool v6 = pick(4) == 0, in = pick(3) != 0;
	struct pinhole h = { .id = id,
		.proto = pick(4) == 0 ? IPPROTO_TCP : IPPROTO_UDP,
		.dir = in ? PINHOLE_IN : PINHOLE_OUT,
		.to_lo = (uint16_t)(2000 + pick(60)) };
	const struct endpoint from = some_end(!in, v6);

	h.to = some_end(in, v6).addr;
	h.from = prefix_host(&from.addr);
	h.to_hi = (uint16_t)(h.to_lo + (pick(4) == 0 ? pick(9) : 1));
	if (in && pick(12) == 0)
		memset(&h.from, 0, sizeof(h.from));
	else if (in && pick(8) == 0) {
		h.from.len--;
		h.from.addr.b[v6 ? 15 : 3] &= 0xfe;
	}
	if (pick(5) == 0)
		h.from_port = 5000;
	if (translated && pick(6) == 0) {
		h.nat_to = some_end(!in, v6);
		h.nat_to.addr.b[2]++;
		h.nat_to.port = pick(2) == 0 ? 2000 : 0;
	}
	if (translated && pick(6) == 0) {
		h.rdr_from = some_end(!in, v6);
		h.rdr_from.port = pick(2) == 0 ? h.to_lo : 0;
	}
	return h;
}

static bool
is_to(const struct pinhole *h, const struct endpoint *e)
{
	return addr_eq(&h->to, &e->addr) && e->port >= h->to_lo &&
	    e->port <= h->to_hi;
}

static bool
is_from(const struct pinhole *h, const struct endpoint *e)
{
	return prefix_contains(&h->from, &e->addr) &&
	    (h->from_port == 0 || h->from_port == e->port);
}

static bool
is_nat(const struct pinhole *h, const struct endpoint *e)
{
	return h->nat_to.addr.af != AF_UNSPEC &&
	    addr_eq(&h->nat_to.addr, &e->addr);
}

/* Would a rule of it pass the packet? */
static bool
hole_passes(const struct pinhole *h, const struct packet *p)
{
	if (h->proto != p->proto)
		return false;
	if (is_to(h, &p->dst) &&
	    (is_from(h, &p->src) ||
		(p->way == P_OUT && is_nat(h, &p->src) &&
		    (h->nat_to.port == 0 || h->nat_to.port == p->src.port))))
		return true;
	return h->dir == PINHOLE_IN && is_to(h, &p->src) && is_from(h, &p->dst);
}

/* Would it let a connection from `src` to `dst` begin? */
static bool
hole_begins(const struct pinhole *h, const struct packet *p)
{
	return h->proto == p->proto &&
	    ((is_to(h, &p->dst) &&
		 (is_from(h, &p->src) || is_nat(h, &p->src))) ||
		(h->dir == PINHOLE_IN && is_to(h, &p->src) &&
		    (is_from(h, &p->dst) || is_nat(h, &p->dst))));
}

struct found {
	bool was[N];
	size_t n, most;
};

static bool
note(void *ctx, const struct pinhole *h)
{
	struct found *f = ctx;

	assert_true(h >= holes && h < holes + N);
	f->was[h - holes] = true;
	return ++f->n < f->most;
}

/* Each pinhole is found that begins it, and no other; and no more than asked
 * for. */
static void
finds(const struct p_tree *t, const struct packet *p)
{
	struct found f = { .most = SIZE_MAX };
	size_t i, all;

	p_tree_match(t, p->proto, &p->src, &p->dst, note, &f);
	for (i = 0; i < N; i++)
		assert_int_equal(f.was[i],
		    is_open[i] && hole_begins(&holes[i], p));
	all = f.n;
	for (f.most = 1; f.most <= 2; f.most++) {
		f.n = 0;
		p_tree_match(t, p->proto, &p->src, &p->dst, note, &f);
		assert_int_equal(f.n, all < f.most ? all : f.most);
	}
}

static size_t
passes(const struct model *m, const struct packet *p)
{
	unsigned int evals = 0;
	uint64_t label = model_pass(m, "pinholed", p, &evals);
	bool want = false;
	size_t i;

	for (i = 0; i < N; i++)
		if (is_open[i] && hole_passes(&holes[i], p)) {
			want = true;
			if (holes[i].id == label)
				label = 0;
		}
	assert_int_equal(model_pass(m, "pinholed", p, &evals) != 0, want);
	/* By a rule of one of those. */
	assert_int_equal(label, 0);
	return want;
}

/*
 * The top asks for the table of the remotes for the classes that have no
 * pinhole for all.
 */
static void
asks_for_the_table(struct p_tree *t, bool gated, bool translated)
{
	const struct p_side *inside, *far;
	const struct p_rule *v;
	bool in, out, any;
	size_t i, k, len;

	assert_int_equal(p_node_rules(t, p_tree_top(t), P_PASS, &v, &len),
	    PH_OK);
	for (i = 0; i < len; i++) {
		in = strstr(v[i].anchor, "/in") != NULL;
		out = strstr(v[i].anchor, "/out") != NULL;
		any = false;
		for (k = 0; k < N; k++)
			any |= is_open[k] && holes[k].proto == v[i].proto &&
			    holes[k].to.af == v[i].af &&
			    (holes[k].dir == PINHOLE_IN ? in : out) &&
			    holes[k].from.addr.af == AF_UNSPEC;
		assert_int_equal(v[i].src.remotes || v[i].dst.remotes,
		    gated && !any && (in || out));
		if (translated)
			continue;
		/* One side is inside; the other are the remotes. */
		inside = v[i].src.net.addr.b[0] == 192 ? &v[i].src : &v[i].dst;
		far = inside == &v[i].src ? &v[i].dst : &v[i].src;
		assert_false(inside->remotes);
		assert_true(in || inside == &v[i].src);
		assert_int_equal(far->remotes, gated && !any && (in || out));
		if (any)
			continue;
		assert_int_equal(inside->net.addr.b[0], 192);
		assert_true(inside->net.len >= 24);
		/* Until one for all comes. */
		narrow += far->net.addr.b[0] == 198 && far->net.len >= 24;
	}
}

static enum ph_err
tell(void *ctx, enum p_gate_op op, const struct prefix *v, size_t n)
{
	size_t *sum = ctx;

	(void)v;
	*sum += op == P_GATE_ADD ? n : -n;
	return PH_OK;
}

/* How many remotes are needed. */
static size_t
remotes(void)
{
	static struct prefix v[2 * N];
	size_t i, k, n = 0;
	struct prefix p;
	int nat;

	for (i = 0; i < N; i++)
		for (nat = 0; is_open[i] && nat < 2; nat++) {
			p = holes[i].dir == PINHOLE_OUT
			    ? prefix_host(&holes[i].to)
			    : holes[i].from;
			if (nat && holes[i].dir == PINHOLE_IN)
				p = prefix_host(&holes[i].nat_to.addr);
			if (p.addr.af == AF_UNSPEC)
				continue;
			for (k = 0; k < n && prefix_cmp(&v[k], &p) != 0; k++)
				continue;
			if (k == n)
				v[n++] = p;
		}
	return n;
}

static void
change_one(struct p_tree *t, uint64_t id, bool translated)
{
	size_t n = pick(N);

	if (is_open[n])
		p_tree_remove(t, &holes[n]);
	else {
		holes[n] = some_hole(id, translated);
		assert_int_equal(p_tree_insert(t, &holes[n]), PH_OK);
		assert_int_equal(p_tree_insert(t, &holes[n]), PH_EEXIST);
	}
	is_open[n] = !is_open[n];
}

static struct packet
some_packet(void)
{
	bool in = pick(2) == 0, v6 = pick(4) == 0;
	struct packet p = { .way = pick(2) == 0 ? P_IN : P_OUT,
		.proto = pick(4) == 0 ? IPPROTO_TCP : IPPROTO_UDP,
		.src = some_end(!in, v6),
		.dst = some_end(in, v6) };

	if (pick(8) == 0)
		p.src.addr.b[2]++;
	return p;
}

static void
the_tree_agrees_with_a_list(void **state)
{
	static const struct {
		enum p_dialect dialect;
		bool translated, gated;
	} rows[] = {
		{ P_FREEBSD, false, false },
		{ P_FREEBSD, true, true },
		{ P_OPENBSD, false, true },
		{ P_OPENBSD, true, false },
	};
	struct packet p;
	struct p_tree *t;
	struct p_gate *g;
	struct model *m;
	size_t i, r, passed, told;

	(void)state;
	for (r = 0; r < ROWS(rows); r++) {
		seed = 42 + (uint32_t)r;
		m = model_new();
		memset(is_open, 0, sizeof(is_open));
		assert_int_equal(p_tree_new(&t, rows[r].dialect, &config),
		    PH_OK);
		assert_int_equal(p_gate_new(&g), PH_OK);
		p_tree_set_gate(t, rows[r].gated ? g : NULL);
		passed = told = 0;
		for (i = 0; i < STEPS; i++) {
			change_one(t, i + 1, rows[r].translated);
			model_commit(m, t, rows[r].dialect, NULL, NULL);
			p = some_packet();
			/* pf of paper does not translate. */
			if (rows[r].dialect == P_FREEBSD || !rows[r].translated)
				passed += passes(m, &p);
			finds(t, &p);
			if (i % 8 != 0)
				continue;
			asks_for_the_table(t, rows[r].gated,
			    rows[r].translated);
			assert_int_equal(p_gate_add(g, tell, &told), PH_OK);
			assert_int_equal(p_gate_delete(g, tell, &told), PH_OK);
			assert_int_equal(told, rows[r].gated ? remotes() : 0);
		}
		print_message("%zu passed, %u narrow\n", passed, narrow);
		assert_true(passed > STEPS / 20 || r == 3);
		for (i = 0; i < N; i++)
			if (is_open[i])
				p_tree_remove(t, &holes[i]);
		model_commit(m, t, rows[r].dialect, NULL, NULL);
		assert_int_equal(model_rulesets(m), 0);
		p_tree_free(t);
		p_gate_free(g);
		model_free(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_agrees_with_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
