/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/pf/model.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define NCALLS 10000

static const struct fw_config config = { .name = "pinholed" };

static struct pinhole
hole_in(uint64_t id, struct addr remote, struct addr inside, uint16_t port)
{
	struct pinhole h = { .id = id,
		.proto = IPPROTO_UDP,
		.dir = PINHOLE_IN,
		.to_lo = port,
		.to_hi = port + 1,
		.from = prefix_host(&remote),
		.to = inside };

	return h;
}

static struct pinhole
hole_out(uint64_t id, struct addr inside, struct addr remote, uint16_t port)
{
	struct pinhole h = hole_in(id, inside, remote, port);

	h.dir = PINHOLE_OUT;
	return h;
}

enum ports { UPWARDS, SHUFFLED, PER_PBX };

/* One call of one stream between a PBX and a phone. */
struct call {
	struct addr pbx, phone;
	uint16_t port, phone_port;
	struct pinhole in, out;
};

static struct call *
make_calls(unsigned int npbx, enum ports how, bool trunk)
{
	struct call *v = calloc(NCALLS, sizeof(*v));
	unsigned int i, j, n;
	uint16_t *ports = calloc(NCALLS, sizeof(*ports)), swap;

	assert_non_null(v);
	assert_non_null(ports);
	seed = 1;
	n = how == PER_PBX ? NCALLS / npbx : NCALLS;
	for (i = 0; i < n; i++)
		ports[i] = (uint16_t)(10000 + 2 * i);
	for (i = n; how == SHUFFLED && i > 1; i--) {
		j = pick(i);
		swap = ports[i - 1];
		ports[i - 1] = ports[j];
		ports[j] = swap;
	}
	for (i = 0; i < NCALLS; i++) {
		v[i].pbx = addr_v4(192, 0, 2, (uint8_t)(10 + i % npbx));
		v[i].port = how == PER_PBX ? ports[i / npbx] : ports[i];
		v[i].phone =
		    addr_v4(198, 18, (uint8_t)pick(256), (uint8_t)pick(256));
		if (trunk)
			v[i].phone = addr_v4(203, 0, 113, 1);
		/* Phones like the same few ports. */
		v[i].phone_port = trunk
		    ? ports[(i * 7) % n]
		    : (uint16_t)(pick(2) ? 4000 : 16384 + 2 * pick(4000));
		v[i].in = hole_in(2 * i + 1, v[i].phone, v[i].pbx, v[i].port);
		v[i].out =
		    hole_out(2 * i + 2, v[i].pbx, v[i].phone, v[i].phone_port);
	}
	free(ports);
	return v;
}

static void
passes(const struct model *m, struct addr src, uint16_t sport, struct addr dst,
    uint16_t dport, bool expected)
{
	struct packet p = { P_IN, IPPROTO_UDP, { src, sport }, { dst, dport } };
	unsigned int n = 0;

	assert_int_equal(model_pass(m, "pinholed", &p, &n) != 0, expected);
	p.way = P_OUT;
	assert_int_equal(model_pass(m, "pinholed", &p, &n) != 0, expected);
}

/* The dearest of many packets that nobody asked for, from a network. */
static unsigned int
dearest(const struct model *m, uint8_t net, unsigned int npbx, double *mean)
{
	struct packet p = { .way = P_IN, .proto = IPPROTO_UDP };
	unsigned int i, n, most = 0, sum = 0;

	for (i = 0; i < 2000; i++) {
		p.src.addr =
		    addr_v4(net, 18, (uint8_t)pick(256), (uint8_t)pick(256));
		p.src.port = (uint16_t)(10000 + pick(20000));
		p.dst.addr = addr_v4(192, 0, 2, (uint8_t)(10 + pick(npbx)));
		p.dst.port = (uint16_t)(10000 + pick(20000));
		n = 0;
		assert_int_equal(model_pass(m, "pinholed", &p, &n), 0);
		sum += n;
		if (n > most)
			most = n;
	}
	*mean = sum / 2000.0;
	return most;
}

static void
ten_thousand_calls_stay_cheap(void **state)
{
	/* clang-format off */
	static const struct {
		const char	*what;
		unsigned int	 npbx;
		enum ports	 how;
		bool		 trunk, out;
		size_t		 budget;	/* rules per commit */
		unsigned int	 evaluations;	/* at most, on average */
	} rows[] = {
		{ "one PBX, ports upwards",    1, UPWARDS,  false, false, 128, 60 },
		{ "one PBX, ports at random",  1, SHUFFLED, false, false, 128, 60 },
		{ "ten PBX, ports upwards",   10, UPWARDS,  false, false, 128, 60 },
		{ "ten PBX, ports at random", 10, SHUFFLED, false, false, 128, 60 },
		{ "ten PBX, the same ports",  10, PER_PBX,  false, false, 128, 60 },
		{ "one PBX and a trunk",       1, SHUFFLED, true,  false, 128, 60 },
		{ "both ways, upwards",        1, UPWARDS,  false, true,  128, 60 },
		{ "both ways, at random",      1, SHUFFLED, false, true,  128, 60 },
		{ "both ways, the same ports",10, PER_PBX,  false, true,  128, 60 },
		{ "both ways and a trunk",     1, SHUFFLED, true,  true,  128, 60 },
	};
	/* clang-format on */
	struct p_tree *t;
	struct model *m;
	struct call *c;
	size_t i, j, n, most, biggest, anchors;
	unsigned int dear;
	double mean;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		c = make_calls(rows[i].npbx, rows[i].how, rows[i].trunk);
		m = model_new();
		assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
		most = 0;
		for (j = 0; j < NCALLS; j++) {
			assert_int_equal(p_tree_insert(t, &c[j].in), PH_OK);
			if (rows[i].out)
				assert_int_equal(p_tree_insert(t, &c[j].out),
				    PH_OK);
			n = model_commit(m, t, P_FREEBSD, NULL, NULL);
			most = n > most ? n : most;
		}
		biggest = model_biggest(m);
		anchors = p_tree_anchors(t);
		assert_int_equal(model_rulesets(m), anchors);
		for (j = 0; j < NCALLS; j += 37) {
			passes(m, c[j].phone, 5555, c[j].pbx, c[j].port, true);
			passes(m, c[j].phone, 5555, c[j].pbx, c[j].port + 1,
			    true);
			passes(m, c[j].pbx, c[j].port + 1, c[j].phone, 77,
			    true);
			passes(m, c[j].pbx, 5555, c[j].phone, c[j].phone_port,
			    rows[i].out);
		}
		/* From among the remotes, and from elsewhere. */
		assert_true(dearest(m, 100, rows[i].npbx, &mean) <= 3);
		dear =
		    dearest(m, rows[i].trunk ? 203 : 198, rows[i].npbx, &mean);
		printf("%s: %zu anchors, biggest %zu rules, "
		       "%zu rules a commit, %.1f evaluations (%u)\n",
		    rows[i].what, anchors, biggest, most, mean, dear);
		assert_true(anchors <= 1500);
		assert_true(most <= rows[i].budget);
		assert_true(mean <= rows[i].evaluations);

		/* One ends, another begins, elsewhere. */
		for (j = 0; j < NCALLS / 10; j++) {
			struct call *x = &c[pick(NCALLS)];

			p_tree_remove(t, &x->in);
			if (rows[i].out)
				p_tree_remove(t, &x->out);
			n = model_commit(m, t, P_FREEBSD, NULL, NULL);
			most = n > most ? n : most;
			x->phone_port = (uint16_t)(1024 + pick(60000));
			x->in = hole_in(x->in.id, x->phone, x->pbx, x->port);
			x->out = hole_out(x->out.id, x->pbx, x->phone,
			    x->phone_port);
			assert_int_equal(p_tree_insert(t, &x->in), PH_OK);
			if (rows[i].out)
				assert_int_equal(p_tree_insert(t, &x->out),
				    PH_OK);
			n = model_commit(m, t, P_FREEBSD, NULL, NULL);
			most = n > most ? n : most;
		}
		printf("later: %zu anchors, biggest %zu rules, %zu rules a "
		       "commit\n",
		    p_tree_anchors(t), model_biggest(m), most);
		assert_true(p_tree_anchors(t) <= 1500);
		assert_true(most <= rows[i].budget);

		/* Remove all the calls again. */
		for (j = 0; j < NCALLS; j++) {
			p_tree_remove(t, &c[j].in);
			if (rows[i].out)
				p_tree_remove(t, &c[j].out);
			n = model_commit(m, t, P_FREEBSD, NULL, NULL);
			most = n > most ? n : most;
			if (j % 1000 == 0) {
				passes(m, c[j].phone, 5555, c[j].pbx, c[j].port,
				    false);
				passes(m, c[NCALLS - 1].phone, 5555,
				    c[NCALLS - 1].pbx, c[NCALLS - 1].port,
				    j < NCALLS - 1);
			}
		}
		assert_true(most <= rows[i].budget);
		assert_int_equal(p_tree_anchors(t), 1);
		assert_int_equal(model_rulesets(m), 0);
		p_tree_free(t);
		model_free(m);
		free(c);
	}
}

struct between {
	const struct model *m;
	const struct call *c;
	const bool *stays;
	unsigned int calls;
};

/* Calls that are open before the commit, and after it, pass in between. */
static void
look_between(void *ctx)
{
	struct between *b = ctx;
	const struct call *x;
	size_t i;

	b->calls++;
	for (i = b->calls % 211; i < NCALLS; i += 211) {
		if (!b->stays[i])
			continue;
		x = &b->c[i];
		passes(b->m, x->phone, 5555, x->pbx, x->port, true);
		passes(b->m, x->pbx, 5555, x->phone, x->phone_port, true);
	}
}

static void
between_batches_nothing_is_missing(void **state)
{
	static bool open[NCALLS], stays[NCALLS];
	struct between b = { .stays = stays };
	struct call *c = make_calls(1, SHUFFLED, false);
	struct p_tree *t;
	struct model *m = model_new();
	unsigned int round, i, n;

	(void)state;
	b.m = m;
	b.c = c;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	memset(open, 0, sizeof(open));
	/* From none to nearly all, and back; hundreds at a time. */
	for (round = 0; round < 32; round++) {
		memcpy(stays, open, sizeof(stays));
		for (i = 0; i < 800; i++) {
			n = pick(NCALLS);
			if (open[n] == (round < 20 && i % 8 != 0))
				continue;
			if (open[n]) {
				p_tree_remove(t, &c[n].in);
				p_tree_remove(t, &c[n].out);
				stays[n] = false;
			} else {
				assert_int_equal(p_tree_insert(t, &c[n].in),
				    PH_OK);
				assert_int_equal(p_tree_insert(t, &c[n].out),
				    PH_OK);
			}
			open[n] = !open[n];
		}
		model_commit(m, t, P_FREEBSD, look_between, &b);
		assert_true(p_tree_anchors(t) <= 1500);
	}
	assert_true(b.calls > 2 * 32);
	p_tree_free(t);
	model_free(m);
	free(c);
}

static bool note(void *ctx, const struct pinhole *h);

/*
 * Inner nodes ask whether a packet comes from inside.  Where a second PBX
 * appears, all of them must know it.
 */
static void
a_new_host_may_speak_first_in_a_tree_with_nodes(void **state)
{
	const struct addr phone = addr_v4(198, 51, 100, 7),
			  pbx = addr_v4(192, 0, 2, 10),
			  other = addr_v4(10, 1, 2, 3);
	static struct pinhole holes[2000];
	struct pinhole last = hole_in(5000, phone, other, 12000),
		       second = hole_in(5001, phone, other, 9100);
	struct model *m = model_new();
	unsigned int evals[2] = { 0, 0 };
	struct packet p = { P_IN, IPPROTO_UDP, { addr_v4(203, 0, 113, 9), 0 },
		{ addr_v4(203, 0, 113, 8), 9 } };
	struct p_tree *t;
	size_t i;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	for (i = 0; i < ROWS(holes); i++) {
		holes[i] = hole_in(i + 1, phone, pbx, (uint16_t)(2 * i + 9000));
		assert_int_equal(p_tree_insert(t, &holes[i]), PH_OK);
		model_commit(m, t, P_FREEBSD, NULL, NULL);
	}
	passes(m, pbx, 12000, phone, 77, true);
	passes(m, other, 12000, phone, 77, false);
	/* A stranger's port is never looked for. */
	p.src.port = 12000;
	assert_int_equal(model_pass(m, "pinholed", &p, &evals[0]), 0);
	assert_true(evals[0] <= 4);
	assert_int_equal(p_tree_insert(t, &last), PH_OK);
	model_commit(m, t, P_FREEBSD, NULL, NULL);
	passes(m, other, 12000, phone, 77, true);
	passes(m, other, 12002, phone, 77, false);
	passes(m, pbx, 12000, phone, 77, true);
	/* Nor do those on the way to another of its ports. */
	for (i = 50; i < 53; i++)
		p_tree_remove(t, &holes[i]);
	model_commit(m, t, P_FREEBSD, NULL, NULL);
	assert_int_equal(p_tree_insert(t, &second), PH_OK);
	model_commit(m, t, P_FREEBSD, NULL, NULL);
	passes(m, other, 9100, phone, 77, true);
	p_tree_remove(t, &second);
	/* With it gone and everything else, the class begins anew. */
	p_tree_remove(t, &last);
	for (i = 0; i < ROWS(holes); i++)
		p_tree_remove(t, &holes[i]);
	model_commit(m, t, P_FREEBSD, NULL, NULL);
	assert_int_equal(p_tree_insert(t, &holes[0]), PH_OK);
	model_commit(m, t, P_FREEBSD, NULL, NULL);
	evals[0] = 0;
	p.src = (struct endpoint) { other, 9500 };
	p.dst.addr = phone;
	assert_int_equal(model_pass(m, "pinholed", &p, &evals[0]), 0);
	p.src.addr = pbx;
	assert_int_equal(model_pass(m, "pinholed", &p, &evals[1]), 0);
	assert_true(evals[0] < evals[1]);
	p_tree_free(t);
	model_free(m);
}

/* The hull is the shortest prefix around all of them. */
static void
the_top_asks_for_no_more_than_it_must(void **state)
{
	/* clang-format off */
	static const struct { const char *host; unsigned int len; } rows[] = {
		{ "192.0.2.10", 32 }, { "192.0.2.11", 31 },
		{ "192.0.2.8", 30 }, { "192.0.2.10", 30 },
		{ "192.0.3.10", 23 }, { "10.0.0.1", 0 },
	};
	/* clang-format on */
	struct pinhole holes[ROWS(rows)];
	const struct p_rule *v;
	struct addr inside;
	struct p_tree *t;
	size_t i, n;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(addr_parse(span_of(rows[i].host), &inside),
		    PH_OK);
		holes[i] = hole_in(i + 1, addr_v4(198, 51, 100, 7), inside,
		    (uint16_t)(4000 + 2 * i));
		assert_int_equal(p_tree_insert(t, &holes[i]), PH_OK);
		assert_int_equal(p_node_rules(t, p_tree_top(t), P_PASS, &v, &n),
		    PH_OK);
		assert_int_equal(v[0].dst.net.len, rows[i].len);
		assert_true(prefix_contains(&v[0].dst.net, &inside));
	}
	p_tree_free(t);
}

/* A net of remotes begins where its first half does. */
static void
the_top_lets_all_of_a_net_in(void **state)
{
	struct pinhole holes[2];
	const struct p_rule *v;
	struct p_tree *t;
	size_t i, n;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	for (i = 0; i < ROWS(holes); i++) {
		holes[i] = hole_in(i + 1, addr_v4(198, 51, 100, 0),
		    addr_v4(192, 0, 2, 10), (uint16_t)(4000 + 2 * i));
		holes[i].from.len = (uint8_t)(25 - i);
		assert_int_equal(p_tree_insert(t, &holes[i]), PH_OK);
		assert_int_equal(p_node_rules(t, p_tree_top(t), P_PASS, &v, &n),
		    PH_OK);
		assert_int_equal(v[0].src.net.len, 25 - i);
	}
	p_tree_free(t);
}

/* There are some thousand numbers, and a tree lives for years. */
static void
numbers_are_used_again(void **state)
{
	enum { N = 400, TIMES = 100 };
	static struct pinhole holes[N];
	struct p_tree *t;
	size_t i, j;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	for (j = 0; j < TIMES; j++) {
		for (i = 0; i < N; i++) {
			holes[i] = hole_in(i + 1, addr_v4(198, 51, 100, 7),
			    addr_v4(192, 0, 2, 10), (uint16_t)(9000 + 2 * i));
			assert_int_equal(p_tree_insert(t, &holes[i]), PH_OK);
		}
		p_tree_clean(t);
		assert_true(p_tree_anchors(t) > N / 16);
		for (i = 0; i < N; i++)
			p_tree_remove(t, &holes[i]);
		p_tree_clean(t);
		assert_int_equal(p_tree_anchors(t), 1);
	}
	p_tree_free(t);
}

/* The port that packets come with is not that which they leave with. */
static void
a_moved_port_is_looked_for_where_it_comes_in(void **state)
{
	enum { N = 400 };
	static struct pinhole holes[N];
	const struct p_node *n;
	const struct p_rule *v;
	struct p_tree *t;
	size_t i, len, nrules = 0;
	uint16_t lo, hi, last = 0;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	for (i = 0; i < N; i++) {
		holes[i] = hole_in(i + 1, addr_v4(198, 51, 100, 7),
		    addr_v4(192, 0, 2, 10), (uint16_t)(9000 + 2 * i));
		holes[i].to_hi = holes[i].to_lo;
		holes[i].rdr_from.addr = addr_v4(203, 0, 113, 1);
		holes[i].rdr_from.port = (uint16_t)(40000 + i * 77 % N);
		assert_int_equal(p_tree_insert(t, &holes[i]), PH_OK);
	}
	/* Each node has its ports in order, and an interval to itself. */
	for (n = p_tree_dirty(t); n != NULL; n = p_node_next(t, n)) {
		if (p_node_part(n) != P_RDR || p_node_is_inner(n))
			continue;
		assert_int_equal(p_node_rules(t, n, P_RDR, &v, &len), PH_OK);
		lo = UINT16_MAX;
		hi = 0;
		for (i = 0; i < len; i++) {
			lo = v[i].dst.lo < lo ? v[i].dst.lo : lo;
			hi = v[i].dst.lo > hi ? v[i].dst.lo : hi;
		}
		nrules += len;
		assert_true(len == 0 || hi - lo + 1u == len);
		last = hi > last ? hi : last;
	}
	assert_int_equal(nrules, N);
	assert_int_equal(last, 40000 + N - 1);
	p_tree_free(t);
}

/* A range that reaches into the next node is looked for there, too. */
static void
a_wide_range_is_found_from_the_next_node(void **state)
{
	const struct addr phone = addr_v4(198, 51, 100, 7),
			  pbx = addr_v4(192, 0, 2, 10);
	static struct pinhole holes[400];
	struct pinhole wide = hole_in(1000, addr_v4(203, 0, 113, 9), pbx, 9001);
	const struct endpoint src = { addr_v4(203, 0, 113, 9), 7 };
	struct endpoint dst = { pbx, 0 };
	struct model *m = model_new();
	struct p_tree *t;
	uint64_t got[2];
	size_t i;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	for (i = 0; i < ROWS(holes); i++) {
		holes[i] = hole_in(i + 1, phone, pbx, (uint16_t)(2 * i + 9000));
		assert_int_equal(p_tree_insert(t, &holes[i]), PH_OK);
		model_commit(m, t, P_FREEBSD, NULL, NULL);
	}
	assert_true(p_tree_anchors(t) > 4);
	wide.to_hi = 9700;
	assert_int_equal(p_tree_insert(t, &wide), PH_OK);
	model_commit(m, t, P_FREEBSD, NULL, NULL);
	for (i = 8990; i < 9720; i++) {
		dst.port = (uint16_t)i;
		passes(m, src.addr, 7, pbx, dst.port, i >= 9001 && i <= 9700);
		got[0] = got[1] = 0;
		p_tree_match(t, IPPROTO_UDP, &src, &dst, note, got);
		assert_int_equal(got[0], i >= 9001 && i <= 9700);
	}
	p_tree_free(t);
	model_free(m);
}

static bool
note(void *ctx, const struct pinhole *h)
{
	uint64_t *ids = ctx;

	ids[0]++;
	ids[1] += h->id;
	return true;
}

static void
a_state_finds_its_pinhole(void **state)
{
	const struct addr phone = addr_v4(198, 51, 100, 7),
			  pbx = addr_v4(192, 0, 2, 20);
	/* clang-format off */
	const struct {
		struct endpoint	 src, dst;
		uint64_t	 sum;	/* of the ids that match */
	} rows[] = {
		{ { phone, 9 },	    { pbx, 10000 },	1 },
		{ { phone, 9 },	    { pbx, 10001 },	1 },
		{ { phone, 9 },	    { pbx, 10002 },	0 },
		{ { pbx, 10001 },   { phone, 9 },	1 },
		{ { pbx, 9 },	    { phone, 4000 },	2 },
		{ { pbx, 10000 },   { phone, 4000 },	3 },
		{ { phone, 4000 },  { pbx, 9 },		0 },
		{ { phone, 4000 },  { pbx, 10000 },	1 },
		{ { pbx, 9 },	    { pbx, 10000 },	0 },
	};
	/* clang-format on */
	const struct endpoint wire = { addr_v4(203, 0, 113, 1), 9 },
			      strange = { addr_v4(203, 0, 113, 2), 9 },
			      far = { phone, 5000 };
	struct pinhole in = hole_in(1, phone, pbx, 10000),
		       out = hole_out(2, pbx, phone, 4000),
		       nat = hole_out(4, pbx, phone, 5000);
	struct p_tree *t;
	uint64_t got[2];
	size_t i;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	assert_int_equal(p_tree_insert(t, &in), PH_OK);
	assert_int_equal(p_tree_insert(t, &out), PH_OK);
	for (i = 0; i < ROWS(rows); i++) {
		got[0] = got[1] = 0;
		p_tree_match(t, IPPROTO_UDP, &rows[i].src, &rows[i].dst, note,
		    got);
		printf("row %zu\n", i);
		assert_int_equal(got[1], rows[i].sum);
		got[1] = 0;
		p_tree_match(t, IPPROTO_TCP, &rows[i].src, &rows[i].dst, note,
		    got);
		assert_int_equal(got[1], 0);
	}
	/*
	 * Packets that leave with another address belong to the pinhole, too.
	 */
	nat.nat_to.addr = wire.addr;
	assert_int_equal(p_tree_insert(t, &nat), PH_OK);
	got[1] = 0;
	p_tree_match(t, IPPROTO_UDP, &wire, &far, note, got);
	assert_int_equal(got[1], 4);
	p_tree_match(t, IPPROTO_UDP, &strange, &far, note, got);
	assert_int_equal(got[1], 4);
	p_tree_free(t);
}

static void
an_id_is_there_once(void **state)
{
	struct pinhole h =
	    hole_in(7, addr_v4(198, 51, 100, 7), addr_v4(192, 0, 2, 20), 10000);
	struct p_tree *t;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_OPENBSD, &config), PH_OK);
	assert_int_equal(p_tree_insert(t, &h), PH_OK);
	assert_int_equal(p_tree_insert(t, &h), PH_EEXIST);
	assert_int_equal(p_tree_anchors(t), 2);
	p_tree_remove(t, &h);
	p_tree_remove(t, &h);
	assert_int_equal(p_tree_anchors(t), 1);
	p_tree_free(t);
}

/* FreeBSD from 14 on refuses the second of two such rules. */
static void
no_two_calls_are_the_same(void **state)
{
	struct pinhole a = hole_in(1, addr_v4(198, 51, 100, 7),
			   addr_v4(10, 0, 0, 1), 4000),
		       b = hole_in(2, addr_v4(198, 51, 100, 7),
			   addr_v4(192, 0, 2, 1), 4000);
	const struct p_rule *v;
	struct p_tree *t;
	size_t n;

	(void)state;
	assert_int_equal(p_tree_new(&t, P_FREEBSD, &config), PH_OK);
	assert_int_equal(p_tree_insert(t, &a), PH_OK);
	assert_int_equal(p_node_rules(t, p_tree_top(t), P_PASS, &v, &n), PH_OK);
	assert_int_equal(n, 2);
	assert_int_equal(v[0].dst.net.len, 32);
	assert_int_equal(v[1].src.net.len, 32);
	/*
	 * The two have no host in common, and one is for all remotes: the top
	 * asks for neither.
	 */
	b.from = (struct prefix) { 0 };
	assert_int_equal(p_tree_insert(t, &b), PH_OK);
	assert_int_equal(p_node_rules(t, p_tree_top(t), P_PASS, &v, &n), PH_OK);
	assert_int_equal(n, 1);
	assert_int_equal(v[0].src.net.len + v[0].dst.net.len, 0);
	p_tree_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_calls_stay_cheap),
		cmocka_unit_test(between_batches_nothing_is_missing),
		cmocka_unit_test(
		    a_new_host_may_speak_first_in_a_tree_with_nodes),
		cmocka_unit_test(the_top_asks_for_no_more_than_it_must),
		cmocka_unit_test(the_top_lets_all_of_a_net_in),
		cmocka_unit_test(numbers_are_used_again),
		cmocka_unit_test(a_moved_port_is_looked_for_where_it_comes_in),
		cmocka_unit_test(a_wide_range_is_found_from_the_next_node),
		cmocka_unit_test(a_state_finds_its_pinhole),
		cmocka_unit_test(an_id_is_there_once),
		cmocka_unit_test(no_two_calls_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
