/* SPDX-License-Identifier: ISC */
/*
 * Changes, ticks, packets and failures in random order, on a pf of paper.
 * After each step the rules, the states and the next time to wake are those of
 * a model that goes through lists.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>

#include "pf/states.h"
#include "tests/unit/pf_direct.h"
#include "tests/unit/pf_play.h"
#include "tests/unit/random.h"

#define SLOTS  160
#define BUSY   120 /* states that are not ours */
#define SECOND INT64_C(1000000)
#define GATHER (SECOND / 2)
#define CLOSED 4096 /* between two sweeps */
#define CUTS   256

struct slot {
	struct pinhole hole;
	bool open;
	unsigned int batch;  /* that has changed it last */
	uint64_t packets[2]; /* at the last look */
	uint64_t counted;
	unsigned int ends; /* that were seen */
};

/* What the model knows. */
static struct {
	struct slot slot[SLOTS];
	struct pinhole closed[CLOSED], cuts[CUTS];
	size_t nclosed, ncuts;
	int64_t since, heartbeat, remake, now;
	bool states;
	uint64_t ids;
	unsigned int batch;
	unsigned int refused, killed, swept, seen; /* how often */
} model;

static struct fw_config config = { .name = "pinholed" };
static enum p_dialect dialect;

/* Some ends, so few that pinholes overlap. */
static struct addr
some_addr(bool inside, bool v6)
{
	struct addr a = inside ? addr_v4(192, 0, 2, (uint8_t)(9 + pick(3)))
			       : addr_v4(198, 51, 100, (uint8_t)(6 + pick(4)));

	if (v6) {
		a.af = AF_INET6;
		a.b[15] = a.b[3];
	}
	return a;
}

static struct pinhole
some_hole(void)
{
	bool in = pick(2) == 0, v6 = pick(4) == 0;
	struct addr from = some_addr(!in, v6);
	struct pinhole h = { .id = ++model.ids,
		.proto = pick(4) == 0 ? IPPROTO_TCP : IPPROTO_UDP,
		.dir = in ? PINHOLE_IN : PINHOLE_OUT };

	h.from = prefix_host(&from);
	h.to = some_addr(in, v6);
	h.to_lo = (uint16_t)(4000 + pick(24));
	h.to_hi = (uint16_t)(h.to_lo + (pick(2) == 0 ? pick(4) : 0));
	h.from_port = pick(2) == 0 ? (uint16_t)(5000 + pick(3)) : 0;
	if (in && pick(6) == 0)
		memset(&h.from, 0, sizeof(h.from));
	else if (in && pick(6) == 0) {
		h.from.len -= 1;
		h.from.addr.b[v6 ? 15 : 3] &= 0xfe;
	}
	if (h.proto == IPPROTO_TCP && pick(2) == 0)
		h.once = 1;
	if (in && pick(8) == 0) {
		h.rdr_from.addr = some_addr(true, v6);
		h.rdr_from.port = pick(2) == 0 ? h.to_lo : 0;
	}
	return h;
}

static bool
lets(const struct pinhole *h, const struct endpoint *from,
    const struct endpoint *to)
{
	return addr_eq(&h->to, &to->addr) && to->port >= h->to_lo &&
	    to->port <= h->to_hi && prefix_contains(&h->from, &from->addr) &&
	    (h->from_port == 0 || h->from_port == from->port);
}

/* 1: its `from` has begun the flow; 2: its `to`; 0: not of this pinhole. */
static int
begun(const struct pinhole *h, uint8_t proto, const struct endpoint *src,
    const struct endpoint *dst)
{
	if (h->proto != proto || h->to.af != src->addr.af)
		return 0;
	if (lets(h, src, dst))
		return 1;
	return h->dir == PINHOLE_IN && lets(h, dst, src) ? 2 : 0;
}

static int
has_state(const struct pinhole *h, const struct p_state *s)
{
	int r = begun(h, s->proto, &s->src, &s->dst);

	return r != 0 ? r : begun(h, s->proto, &s->in_src, &s->in_dst);
}

static struct p_state
some_state(uint64_t id)
{
	bool in = pick(2) == 0, v6 = pick(4) == 0;
	struct p_state s = { .id = id,
		.proto = pick(4) == 0 ? IPPROTO_TCP : IPPROTO_UDP,
		.outward = pick(2) == 0 };

	s.src.addr = some_addr(!in, v6);
	s.dst.addr = some_addr(in, v6);
	s.src.port =
	    (uint16_t)(pick(3) == 0 ? 4000 + pick(27) : 5000 + pick(3));
	s.dst.port =
	    (uint16_t)(pick(3) == 0 ? 5000 + pick(3) : 4000 + pick(27));
	s.in_src = s.src;
	s.in_dst = s.dst;
	/* Translated: the wire shows nobody whom a pinhole names. */
	if (pick(6) == 0)
		s.dst.addr.b[0] = 203;
	if (pick(6) == 0)
		s.src.addr.b[0] = 203;
	return s;
}

static bool
by_state(const struct pinhole *h)
{
	return model.states && p_states_can(h);
}

/* No two pinholes that are open have the same tuple. */
static bool
is_new(const struct pinhole *h)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (model.slot[i].open &&
		    pinhole_cmp(&model.slot[i].hole, h) == 0)
			return false;
	return true;
}

static void
rules_are_right(void)
{
	struct p_rule v[8];
	uint64_t want = 0, got = 0;
	size_t i, j, n;
	int part;

	for (i = 0; i < SLOTS; i++)
		for (part = 0; model.slot[i].open && part < P_NPARTS; part++) {
			if (by_state(&model.slot[i].hole))
				continue;
			n = p_rules(&model.slot[i].hole, (enum p_part)part,
			    dialect, &config, v);
			for (j = 0; j < n; j++)
				want += pf_rule_print(&v[j]);
		}
	for (i = 0; i < pf.nsets; i++)
		got += pf.sets[i].sum;
	assert_true(got == want || pf.flushed);
}

static bool
is_pending(void)
{
	return model.nclosed + model.ncuts > 0;
}

static bool
is_cut(const struct p_state *s)
{
	const struct pinhole *c;
	size_t i;

	for (i = 0; i < model.ncuts; i++) {
		c = &model.cuts[i];
		if (c->proto == s->proto && s->in_src.port == c->from_port &&
		    addr_eq(&s->in_src.addr, &c->from.addr) &&
		    addr_eq(&s->in_dst.addr, &c->to) &&
		    s->in_dst.port >= c->to_lo && s->in_dst.port <= c->to_hi)
			return true;
	}
	return false;
}

static bool
is_open(const struct p_state *s)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (model.slot[i].open && has_state(&model.slot[i].hole, s))
			return true;
	return false;
}

static bool
was_closed(const struct p_state *s)
{
	size_t i;

	for (i = 0; i < model.nclosed; i++)
		if (has_state(&model.closed[i], s))
			return true;
	return false;
}

/* Of pinholes that are states, each has its two, and no other has any. */
static void
states_are_right(void)
{
	const struct pinhole *h;
	size_t i, j, found;

	for (i = 0; i < SLOTS; i++) {
		h = &model.slot[i].hole;
		if (!model.slot[i].open || !by_state(h))
			continue;
		for (found = 0, j = 0; j < pf.n; j++)
			found += pf.v[j].creator != 0 &&
			    pf.v[j].id / 2 == h->id &&
			    begun(h, pf.v[j].proto, &pf.v[j].src,
				&pf.v[j].dst) == 1 &&
			    pf.v[j].outward == pf.v[j].id % 2;
		assert_true(found == 2 || pf.silent);
	}
	for (i = 0; i < pf.n; i++)
		assert_true(pf.v[i].creator == 0 || is_open(&pf.v[i]) ||
		    was_closed(&pf.v[i]));
}

/* How many states a sweep now ends. */
static unsigned int
to_sweep(void)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < pf.n; i++) {
		n += is_cut(&pf.v[i]) ||
		    (was_closed(&pf.v[i]) && !is_open(&pf.v[i]));
		pf.silent |= is_cut(&pf.v[i]);
	}
	return n;
}

static void
sweep_in_model(unsigned int want)
{
	if (pf.states_rc == PH_EAGAIN || (want > 0 && pf.kill_rc == PH_EAGAIN))
		model.since = model.now;
	else
		model.nclosed = model.ncuts = 0;
}

/* The next tick, if all that must be done at this one is done. */
static int64_t
wake(void)
{
	int64_t at = model.heartbeat;

	if (model.states && model.remake < at)
		at = model.remake;
	if (is_pending() && model.since + GATHER < at)
		at = model.since + GATHER;
	return at > model.now ? at : model.now + 1;
}

/* `dirty`: what the last commit has left makes it write all the same. */
static void
tick(struct fw *fw, bool dirty)
{
	unsigned int want = 0, kills = pf.kills;
	bool due = is_pending() && model.now >= model.since + GATHER;
	int64_t at;
	enum ph_err err;

	if (due && pf.states_rc == PH_OK)
		want = to_sweep();
	at = p_tick(fw, model.now, &err);
	assert_int_equal(err, PH_OK);
	assert_int_equal(pf.kills - kills, pf.kill_rc == PH_OK ? want : 0);
	model.swept += pf.kills - kills;
	if (due)
		sweep_in_model(want);
	if (model.now >= model.heartbeat) {
		model.heartbeat = model.now + 5 * SECOND;
		pf.flushed = pf.flushed && dirty;
	}
	if (model.states && model.now >= model.remake) {
		model.remake = model.now + 20 * SECOND;
		pf.silent = false;
	}
	assert_int_equal(at, wake());
	rules_are_right();
	states_are_right();
}

static struct pinhole
some_cut(void)
{
	struct pinhole h = some_hole();
	bool v6 = h.to.af == AF_INET6;

	h.id = 0;
	h.dir = PINHOLE_OUT;
	h.to = some_addr(false, v6);
	h.from.addr = some_addr(true, v6);
	h.from_port =
	    (uint16_t)(pick(3) == 0 ? 4000 + pick(27) : 5000 + pick(3));
	return h;
}

/* Has another pinhole taken over the states of this one? */
static bool
is_taken_over(const struct pinhole *h)
{
	const struct endpoint src = { h->from.addr, h->from_port },
			      dst = { h->to, h->to_lo };
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (model.slot[i].open && by_state(&model.slot[i].hole) &&
		    begun(&model.slot[i].hole, h->proto, &src, &dst))
			return true;
	return false;
}

/* A change of a slot that this batch has not changed yet, or false. */
static bool
some_change(struct fw_change *c, const struct pinhole *closed)
{
	struct slot *s = &model.slot[pick(SLOTS)];

	memset(c, 0, sizeof(*c));
	if (pick(20) == 0) {
		c->op = FW_CUT;
		c->hole = some_cut();
		return true;
	}
	if (s->batch == model.batch)
		return false;
	if (s->open) {
		c->op = FW_CLOSE;
		c->hole = s->hole;
		s->open = false;
		s->batch = model.batch;
		return true;
	}
	c->op = FW_OPEN;
	c->hole = some_hole();
	/* Some take over what another leaves. */
	if (closed != NULL && pick(3) == 0) {
		c->hole = *closed;
		c->hole.id = model.ids;
	}
	if (!is_new(&c->hole))
		return false;
	memset(s, 0, sizeof(*s));
	s->open = true;
	s->batch = model.batch;
	s->hole = c->hole;
	return true;
}

static bool
is_of(const struct fw_change *v, size_t n, enum fw_op op, uint64_t id)
{
	while (n-- > 0)
		if (v[n].op == op && v[n].hole.id == id)
			return true;
	return false;
}

static void
change_in_model(const struct fw_change *v, size_t n, bool pending)
{
	size_t i;

	if (!pending)
		model.since = model.now;
	for (i = 0; i < n; i++) {
		if (v[i].op == FW_CLOSE && !v[i].hole.once)
			model.closed[model.nclosed++] = v[i].hole;
		if (v[i].op == FW_CUT && model.ncuts < CUTS)
			model.cuts[model.ncuts++] = v[i].hole;
	}
	assert_true(model.nclosed < CLOSED - 64);
}

/* A commit has failed after it had made states. */
static void
unmade_in_model(const struct fw_change *v, size_t n, bool pending)
{
	size_t i;

	if (!pending)
		model.since = model.now;
	for (i = 0; i < n; i++)
		if (v[i].op == FW_OPEN && by_state(&v[i].hole) &&
		    pf.kill_rc != PH_OK)
			model.closed[model.nclosed++] = v[i].hole;
}

/* The states that end with the commit that closes their pinholes. */
static unsigned int
killed_with(const struct fw_change *v, size_t n)
{
	unsigned int kills = 0;
	size_t i, j;

	for (i = 0; i < n && pf.kill_rc == PH_OK; i++) {
		if (v[i].op != FW_CLOSE || !by_state(&v[i].hole) ||
		    is_taken_over(&v[i].hole))
			continue;
		for (j = 0; j < pf.n; j++)
			kills += pf.v[j].creator != 0 &&
			    pf.v[j].id / 2 == v[i].hole.id;
	}
	return kills;
}

/* A commit, which pf may refuse. */
static void
change_some(struct fw *fw)
{
	static struct slot before[SLOTS];
	struct fw_change v[32];
	const struct pinhole *closed = NULL;
	size_t i, n = 0, most = 1 + pick(pick(4) == 0 ? 32 : 4);
	bool pending = is_pending();
	unsigned int kills = pf.kills, want, room;
	enum ph_err rc;

	memcpy(before, model.slot, sizeof(before));
	model.batch++;
	for (i = 0; i < most; i++)
		if (some_change(&v[n], closed)) {
			closed = v[n].op == FW_CLOSE ? &v[n].hole : closed;
			n++;
		}
	want = killed_with(v, n);
	pf.writes = 0;
	pf.fail_at = pick(6) == 0 ? 1 + pick(2) : 0;
	pf.no_room_at = pick(6) == 0 ? 1 + pick(8) : 0;
	room = pf.no_room_at;
	rc = commit(fw, v, n, model.now);
	if ((pf.fail_at != 0 && pf.writes >= pf.fail_at) ||
	    (room > 0 && pf.no_room_at == 0)) {
		assert_int_equal(rc, PH_ELIMIT);
		if (pf.fail_at == 0 || pf.writes < pf.fail_at)
			unmade_in_model(v, n, pending);
		pf.no_room_at = 0;
		memcpy(model.slot, before, sizeof(before));
		/* What was to close is as new. */
		for (i = 0; i < SLOTS; i++)
			if (is_of(v, n, FW_CLOSE, model.slot[i].hole.id))
				memset(model.slot[i].packets, 0,
				    sizeof(model.slot[i].packets));
		model.refused++;
		pf.fail_at = 0;
		tick(fw, true);
		return;
	}
	pf.fail_at = pf.no_room_at = 0;
	assert_int_equal(rc, PH_OK);
	assert_int_equal(pf.kills - kills, want);
	model.killed += want;
	change_in_model(v, n, pending);
	rules_are_right();
	states_are_right();
}

/* The packets of a pinhole, from each end, that the states have now. */
static void
count(const struct pinhole *h, uint64_t sum[2])
{
	const struct p_state *of[STATES];
	uint64_t flow[2][2];
	bool has[2];
	int by[STATES], end;
	size_t i, j, n = 0;

	for (i = 0; i < pf.n; i++)
		if ((by[n] = has_state(h, &pf.v[i])) != 0)
			of[n++] = &pf.v[i];
	sum[0] = sum[1] = 0;
	for (i = 0; i < n; i++) {
		if (of[i] == NULL)
			continue;
		memset(flow, 0, sizeof(flow));
		has[0] = has[1] = false;
		for (j = n; j-- > i;) {
			if (of[j] == NULL ||
			    endpoint_cmp(&of[j]->in_src, &of[i]->in_src) != 0 ||
			    endpoint_cmp(&of[j]->in_dst, &of[i]->in_dst) != 0)
				continue;
			has[of[j]->outward] = true;
			for (end = 0; end < 2; end++)
				flow[of[j]->outward][end] +=
				    of[j]->packets[by[j] == 1 ? end : !end];
			of[j] = NULL;
		}
		for (end = 0; end < 2; end++)
			sum[end] += has[0] && has[1]
			    ? (flow[0][end] < flow[1][end] ? flow[0][end]
							   : flow[1][end])
			    : flow[has[1]][end];
	}
}

static void
saw(void *ctx, struct fw_entry *e, unsigned int ends)
{
	size_t i;

	(void)ctx;
	for (i = 0; i < SLOTS; i++)
		if (model.slot[i].open && model.slot[i].hole.id == e->id)
			break;
	assert_true(i < SLOTS && model.slot[i].ends == 0);
	assert_in_range(ends, 1, 3);
	model.slot[i].ends = ends;
	assert_true(e->packets >= model.slot[i].counted);
	model.slot[i].counted = e->packets;
}

/* The ends that have sent since the last look, and how much. */
static void
look(struct fw *fw)
{
	uint64_t before[SLOTS], sum[2], more;
	struct slot *s;
	unsigned int ends;
	size_t i;
	int end;

	for (i = 0; i < SLOTS; i++) {
		model.slot[i].ends = 0;
		before[i] = model.slot[i].counted;
	}
	assert_int_equal(p_activity(fw, saw, NULL, model.now), PH_OK);
	for (i = 0; i < SLOTS; i++) {
		s = &model.slot[i];
		if (!s->open)
			continue;
		count(&s->hole, sum);
		ends = 0;
		more = 0;
		for (end = 0; end < 2; end++) {
			if (sum[end] > s->packets[end]) {
				ends |= end == 0 ? FW_SEEN_FROM : FW_SEEN_TO;
				more += sum[end] - s->packets[end];
			}
			s->packets[end] = sum[end];
		}
		assert_int_equal(s->ends, ends);
		assert_int_equal(s->counted - before[i], more);
		model.seen += ends != 0;
	}
}

/* Packets come, connections begin and end. */
static void
traffic(void)
{
	unsigned int i, at;

	for (i = pick(8); i > 0 && pf.n < BUSY; i--)
		pf.v[pf.n++] = some_state(1000000 + ++pf.states);
	/* The other half of a forwarded flow. */
	if (pf.n > 0 && pf.n < BUSY) {
		at = pick((uint32_t)pf.n);
		if (pf.v[at].creator == 0) {
			pf.v[pf.n] = pf.v[at];
			pf.v[pf.n].id = 1000000 + ++pf.states;
			pf.v[pf.n++].outward = !pf.v[at].outward;
		}
	}
	for (i = 0; i < pf.n; i++) {
		pf.v[i].packets[0] += pick(3) == 0 ? pick(5) : 0;
		pf.v[i].packets[1] += pick(3) == 0 ? pick(5) : 0;
	}
	for (i = pick(4); i > 0 && pf.n > 0; i--) {
		at = pick((uint32_t)pf.n);
		pf.silent = pf.silent || pf.v[at].creator != 0;
		pf.v[at] = pf.v[--pf.n];
	}
}

static void
walk_on(struct fw *fw, unsigned int steps)
{
	enum ph_err error;
	unsigned int i, at;

	for (i = 0; i < steps; i++) {
		model.now += pick(3) == 0 ? pick(700000) : 0;
		/* On an error that lasts, a sweep leaves states alone. */
		error = model.states || pick(2) == 0 ? PH_EAGAIN : PH_EIO;
		pf.kill_rc = pick(10) != 0 ? PH_OK : error;
		pf.states_rc = pick(10) != 0 ? PH_OK : error;
		switch (pick(4)) {
		case 0:
			/* When it asks for it, or before. */
			if (pick(2) == 0)
				model.now = wake();
			tick(fw, false);
			break;
		case 1:
			traffic();
			pf.states_rc = PH_OK;
			look(fw);
			break;
		default:
			change_some(fw);
			break;
		}
		if (pick(50) == 0 && pf.nsets > 0) {
			at = pick((uint32_t)pf.nsets);
			pf.flushed = pf.flushed || pf.sets[at].n > 0;
			pf.sets[at].n = 0;
			pf.sets[at].sum = 0;
		}
	}
}

static void
rules_states_and_silence_follow_a_list(void **state)
{
	static const struct {
		enum p_dialect dialect;
		bool states;
	} rows[] = {
		{ P_FREEBSD, false },
		{ P_OPENBSD, false },
		{ P_FREEBSD, true },
		{ P_OPENBSD, true },
	};
	struct p_sys walk;
	struct fw *fw;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		memset(&model, 0, sizeof(model));
		seed = (uint32_t)i + 11;
		dialect = rows[i].dialect;
		walk = pf_play(dialect, &config);
		config.states = model.states = rows[i].states;
		why = strbuf_of(text, sizeof(text));
		assert_int_equal(p_open(&fw, &walk, &config, 0, &why), PH_OK);
		model.heartbeat = 5 * SECOND;
		model.remake = 20 * SECOND;
		walk_on(fw, 2000);
		print_message("%u refused, %u killed, %u swept, %u seen\n",
		    model.refused, model.killed, model.swept, model.seen);
		assert_true(model.refused > 40 && model.swept > 50 &&
		    model.seen > 1000);
		assert_int_equal(model.killed > 50, rows[i].states);
		shut(fw, true);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(rules_states_and_silence_follow_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
