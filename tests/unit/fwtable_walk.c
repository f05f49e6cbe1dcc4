/* SPDX-License-Identifier: ISC */
/*
 * The ledger against a list: wishes of several roles, deadlines, successors,
 * failures and losses in random order.  After each step the filter, the
 * answers, the counters and the next time to wake are those of the list.
 */
#include <string.h>

#include "src/base/timers.h"
#include "tests/unit/fake_fw.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define PORTS 20
#define IDS   12
#define LAG   (10 * USEC_PER_SEC)
#define POLL  (10 * USEC_PER_SEC)
#define STEPS 30000
/* What may ask; the last two have the same pinholes to claim. */
#define ROLES 3

static const enum ipc_role roles[ROLES] = { IPC_ENGINE, IPC_PROXY, IPC_LEAVER };

struct claim {
	bool active, stale;
	enum ipc_role role;
	uint64_t id;
	int64_t deadline;
};

/* A pinhole: its port is its name. */
struct tuple {
	struct claim claim[2];
	bool in_filter, dirty;
	int64_t deadline; /* that the filter has */
	uint64_t packets;
};

/* Ids that a role is told of: how many, and their sum. */
struct told {
	uint64_t closed, nclosed, from, nfrom, to, nto, packets, npackets;
};

struct result {
	enum ipc_role role;
	uint64_t seq;
	struct ipc_result result;
};

static struct model {
	struct tuple tuple[PORTS];
	struct fwcounters n;
	int64_t tick, activity;
	struct told told[IPC_NROLES];
	struct result results[64];
	size_t nresults;
	bool failed; /* the last commit */
	bool gone;   /* all pinholes, until a commit brings them back */
	unsigned int waits, limits, lags, stales; /* how often */
} model, got_now;

static unsigned int messages[IPC_NROLES][4]; /* by kind, in this run */

static void
on_answer(void *ctx, enum ipc_role role, enum ipc_type type, uint64_t seq,
    struct ipc_msg *m)
{
	struct told *t = &got_now.told[role];
	struct result *r;
	uint32_t i;

	assert_null(ctx);
	if (type == IPC_RESULT) {
		assert_true(got_now.nresults < ROWS(got_now.results));
		r = &got_now.results[got_now.nresults++];
		r->role = role;
		r->seq = seq;
		r->result = m->u.result;
		return;
	}
	assert_int_equal(seq, 0);
	/* All that there is to say goes into one. */
	messages[role][type == IPC_CLOSED ? 0
		: type == IPC_SEEN_FROM	  ? 1
		: type == IPC_SEEN_TO	  ? 2
					  : 3]++;
	if (type == IPC_PACKETS) {
		for (i = 0; i < m->u.packets.n; i++) {
			t->npackets += m->u.packets.v[i].packets;
			t->packets += m->u.packets.v[i].id;
		}
		return;
	}
	for (i = 0; i < m->u.ids.n; i++)
		switch (type) {
		case IPC_CLOSED:
			t->closed += m->u.ids.ids[i];
			t->nclosed++;
			break;
		case IPC_SEEN_FROM:
			t->from += m->u.ids.ids[i];
			t->nfrom++;
			break;
		case IPC_SEEN_TO:
			t->to += m->u.ids.ids[i];
			t->nto++;
			break;
		default:
			fail();
		}
}

static int64_t
due(const struct tuple *t)
{
	int64_t at = 0;
	int i;

	for (i = 0; i < 2; i++)
		if (t->claim[i].active && t->claim[i].deadline > at)
			at = t->claim[i].deadline;
	return at;
}

/* When to look at it; 0: never. */
static int64_t
look_at(const struct tuple *t)
{
	int64_t at = due(t);

	return t->in_filter && at > t->deadline ? t->deadline - LAG : at;
}

static void
release(struct tuple *t, struct claim *c)
{
	c->active = c->stale = false;
	t->dirty = true;
	model.n.wanted--;
}

/* The claim that bears this name; NULL: there is none. */
static struct claim *
find(enum ipc_role role, const struct pinhole *h)
{
	struct claim *c;

	if (h->to_lo < 2000)
		return NULL;
	c = &model.tuple[h->to_lo - 2000].claim[role == IPC_ENGINE ? 0 : 1];
	return c->active && !c->stale && c->role == role && c->id == h->id
	    ? c
	    : NULL;
}

static int64_t
lease(enum ipc_role role)
{
	return (role == IPC_ENGINE ? 43200 : 600) * USEC_PER_SEC;
}

static enum ph_err
open_in_model(enum ipc_role role, const struct pinhole *h)
{
	struct tuple *t = &model.tuple[h->to_lo - 2000];
	struct claim *c;
	int64_t at;

	c = &t->claim[role == IPC_ENGINE ? 0 : 1];
	if (c->active && c->role != role)
		return PH_ELIMIT;
	if (!c->active)
		model.n.wanted++;
	*c = (struct claim) { true, false, role, h->id, h->deadline };
	if (c->deadline == 0 || c->deadline > now + lease(role))
		c->deadline = now + lease(role);
	at = due(t);
	if (!t->in_filter)
		t->dirty = true;
	else if (at > t->deadline && t->deadline - now > (at - now) / 2)
		model.waits++;
	else if (at != t->deadline)
		t->dirty = true;
	return PH_OK;
}

static void
change_in_model(enum ipc_role role, const struct fw_change *c, uint32_t bit,
    struct ipc_result *r)
{
	enum ph_err rc = PH_EBAD;
	struct claim *claim;

	model.n.changes++;
	if (c->op == FW_CLOSE) {
		if ((claim = find(role, &c->hole)) != NULL)
			release(&model.tuple[c->hole.to_lo - 2000], claim);
		return;
	}
	if (c->op == FW_OPEN)
		rc = c->hole.to_lo < 1024 ? PH_EDENIED
					  : open_in_model(role, &c->hole);
	if (rc == PH_OK)
		return;
	model.n.denied += rc == PH_EDENIED;
	model.n.bad += rc == PH_EBAD;
	model.n.limit += rc == PH_ELIMIT;
	r->refused |= UINT64_C(1) << bit;
	if (r->err == PH_OK || rc == PH_EDENIED ||
	    (rc == PH_EBAD && r->err != PH_EDENIED))
		r->err = rc;
}

static int64_t
some_deadline(void)
{
	static const int64_t s[] = { 0, 1, 9, 10, 11, 20, 60, 600, 601, 50000 };
	int64_t at = now + s[pick(ROWS(s))] * USEC_PER_SEC;

	return pick(20) == 0 ? 0 : at + pick(3);
}

/* A batch of wishes, of some role. */
static void
wish(uint64_t seq)
{
	enum ipc_role role = roles[pick(ROLES)];
	struct result *r = &model.results[model.nresults];
	uint32_t i, n = pick(8) == 0 ? 10 : 1 + pick(3);
	struct fw_change *c;
	uint16_t port;

	memset(r, 0, sizeof(*r));
	batch.stamp = 0;
	batch.quiet = pick(4) == 0;
	for (i = 0; i < n; i++) {
		port = (uint16_t)(2000 + pick(PORTS));
		add(pick(3) == 0 ? FW_CLOSE : FW_OPEN, 1 + pick(IDS),
		    pick(30) == 0 ? 22 : port, 0);
		c = &batch.changes[i];
		c->hole.deadline = some_deadline();
		if (pick(30) == 0)
			c->op = 7;
		change_in_model(role, c, i, &r->result);
	}
	model.n.batches++;
	r->role = role;
	r->seq = seq;
	if (!batch.quiet || r->result.err != PH_OK)
		model.nresults++;
	send_as(role, seq);
}

/* A role's successor begins, has named all that it wants, or never comes. */
static void
succeed(void)
{
	enum ipc_role role = roles[pick(ROLES)];
	bool begin = pick(2) == 0, settle = pick(2) == 0;
	struct claim *c;
	size_t i;

	for (i = 0; i < PORTS * 2; i++) {
		c = &model.tuple[i / 2].claim[i % 2];
		if (!c->active || c->role != role)
			continue;
		model.stales += begin && !settle;
		c->stale = c->stale || begin;
		if (c->stale && settle)
			release(&model.tuple[i / 2], c);
	}
	if (begin && settle)
		fwtable_drop(table, role);
	else if (begin)
		fwtable_begin(table, role);
	else if (settle)
		fwtable_settle(table, role);
}

static void
expire_in_model(void)
{
	struct tuple *t;
	struct claim *c;
	int64_t at;
	size_t i, k;

	for (i = 0; i < PORTS; i++) {
		t = &model.tuple[i];
		while ((at = look_at(t)) != 0 && at <= now) {
			if (due(t) > at) {
				t->deadline = due(t);
				t->dirty = true;
				model.lags++;
				continue;
			}
			for (k = 0; k < 2; k++) {
				c = &t->claim[k];
				if (!c->active)
					continue;
				if (!c->stale) {
					model.told[c->role].closed += c->id;
					model.told[c->role].nclosed++;
				}
				model.n.expired++;
				release(t, c);
			}
		}
	}
}

/* The commit of all that is dirty. */
static void
commit_in_model(enum ph_err fails)
{
	struct tuple *t;
	bool edits = false;
	size_t i;

	model.failed = false;
	for (i = 0; i < PORTS; i++) {
		t = &model.tuple[i];
		if (t->dirty && due(t) != 0)
			t->deadline = due(t);
		edits = edits || (t->dirty && (t->in_filter || due(t) != 0));
	}
	model.n.commits += edits;
	if (edits && fails != PH_OK) {
		model.failed = true;
		model.n.retries++;
		model.n.errors[-fails]++;
		return;
	}
	model.gone = false;
	for (i = 0; i < PORTS; i++) {
		t = &model.tuple[i];
		if (t->dirty)
			t->in_filter = due(t) != 0;
		t->dirty = false;
		if (!t->in_filter)
			t->packets = 0;
	}
}

static void
see_in_model(unsigned int ends, uint64_t packets)
{
	const struct claim *c;
	struct told *told;
	size_t i;

	if (now < model.activity)
		return;
	model.activity = now + POLL;
	if (model.gone)
		return;
	for (i = 0; i < PORTS; i++)
		if (model.tuple[i].in_filter && ends != 0)
			model.tuple[i].packets += packets;
	for (i = 0; i < PORTS * 2; i++) {
		c = &model.tuple[i / 2].claim[i % 2];
		told = &model.told[c->role];
		if (!model.tuple[i / 2].in_filter || !c->active || c->stale ||
		    ends == 0)
			continue;
		if (ends & FW_SEEN_FROM) {
			told->nfrom++;
			told->from += c->id;
		}
		if (ends & FW_SEEN_TO) {
			told->nto++;
			told->to += c->id;
		}
		if (model.tuple[i / 2].packets == 0)
			continue;
		told->packets += c->id;
		told->npackets += model.tuple[i / 2].packets;
	}
}

static size_t
open_in_filter(void)
{
	size_t i, n = 0;

	for (i = 0; i < PORTS; i++)
		n += model.tuple[i].in_filter;
	return n;
}

static bool
is_settled(void)
{
	size_t i;

	for (i = 0; i < PORTS; i++)
		if (model.tuple[i].dirty)
			return false;
	return true;
}

static int64_t
wake(void)
{
	int64_t at = model.tick, look;
	size_t i;

	for (i = 0; i < PORTS; i++)
		if ((look = look_at(&model.tuple[i])) != 0 && look < at)
			at = look;
	if (open_in_filter() > 0 && model.activity < at)
		at = model.activity;
	return at;
}

static void
filter_is_right(void)
{
	const struct tuple *t;
	size_t i, k;

	assert_int_equal(fake.n, open_in_filter());
	for (i = 0; i < fake.n; i++) {
		t = &model.tuple[fake.hole[i].to_lo - 2000];
		assert_true(t->in_filter);
		assert_int_equal(fake.hole[i].deadline, t->deadline);
		/* Ids are small, and never given twice. */
		assert_in_range(fake.hole[i].id, 1, 20 * STEPS);
		for (k = 0; k < i; k++)
			assert_true(fake.hole[i].id != fake.hole[k].id);
	}
}

static void
counters_are_right(void)
{
	struct fwcounters n = *fwtable_counters(table);

	model.n.open = open_in_filter();
	/* Times have tests of their own. */
	n.commit = model.n.commit;
	n.setup = model.n.setup;
	assert_memory_equal(&n, &model.n, sizeof(n));
	assert_int_equal(fwtable_settled(table), is_settled());
	assert_int_equal(fwtable_idle(table), is_settled() && n.wanted == 0);
}

static void
answers_are_right(bool answered)
{
	size_t i;

	assert_memory_equal(got_now.told, model.told, sizeof(model.told));
	if (!answered) {
		assert_int_equal(got_now.nresults, 0);
		return;
	}
	assert_int_equal(got_now.nresults, model.nresults);
	for (i = 0; i < model.nresults; i++) {
		assert_int_equal(got_now.results[i].role,
		    model.results[i].role);
		assert_int_equal(got_now.results[i].seq, model.results[i].seq);
		assert_int_equal(got_now.results[i].result.err,
		    model.results[i].result.err);
		assert_true(got_now.results[i].result.refused ==
		    model.results[i].result.refused);
	}
	got_now.nresults = model.nresults = 0;
}

static void
run(void)
{
	static const enum ph_err failures[] = { PH_EAGAIN, PH_EIO };
	enum ph_err fails =
	    pick(12) == 0 ? failures[pick(ROWS(failures))] : PH_OK;
	bool lost = pick(200) == 0, answered;
	int64_t at;
	size_t i;

	/* The latest time at which it may try again. */
	if (model.failed)
		now += 3 * USEC_PER_SEC;
	fake.fail = fails;
	fake.tick_err = lost ? PH_EGONE : PH_OK;
	fake.next_tick = pick(4) == 0 ? now + pick(20000000) : 0;
	fake.seen_all = pick(4);
	fake.packets = pick(3);
	expire_in_model();
	commit_in_model(fails);
	answered = is_settled();
	see_in_model(fake.seen_all, fake.packets);
	model.tick = fake.next_tick == 0 ? INT64_MAX : fake.next_tick;
	memset(messages, 0, sizeof(messages));
	at = fwtable_run(table, now);
	for (i = 0; i < IPC_NROLES * 4; i++)
		assert_in_range(messages[i / 4][i % 4], 0, 1);
	fake.fail = PH_OK;
	for (i = 0; lost && i < PORTS; i++)
		model.tuple[i].dirty =
		    model.tuple[i].in_filter || model.tuple[i].dirty;
	model.n.lost += lost;
	model.gone = model.gone || lost;
	if (model.failed)
		assert_true(at <= wake() && at <= now + 3 * USEC_PER_SEC);
	else
		assert_int_equal(at, !is_settled() && wake() > 0 ? 0 : wake());
	counters_are_right();
	answers_are_right(answered);
	if (!lost && !model.failed)
		filter_is_right();
}

static void
whoever_asks_for_what_the_list_agrees(void **state)
{
	const struct answers_sink sink = { NULL, on_answer, NULL };
	unsigned int i;
	int64_t at;

	(void)state;
	fwtable_free(table);
	table = fwtable_new(&fake_ops, &fake, &policy, &sink);
	assert_non_null(table);
	memset(&model, 0, sizeof(model));
	memset(&got_now, 0, sizeof(got_now));
	seed = 3;
	for (i = 1; i <= STEPS; i++) {
		switch (pick(8)) {
		case 0:
			now += pick(4) * 5 * USEC_PER_SEC + pick(3);
			break;
		case 1:
			/* When something is due, just before, just after. */
			at = wake();
			if (!model.failed && at > now &&
			    at < now + 1000 * USEC_PER_SEC)
				now = at - 1 + pick(3);
			break;
		case 2:
			if (pick(10) == 0)
				succeed();
			break;
		case 3:
		case 4:
			run();
			break;
		default:
			if (model.nresults < 60)
				wish(i);
			break;
		}
	}
	print_message("%u waited, %u in time, %lu expired, %lu limit, %u "
		      "stale, "
		      "%lu retries, %lu lost\n",
	    model.waits, model.lags, (unsigned long)model.n.expired,
	    (unsigned long)model.n.limit, model.stales,
	    (unsigned long)model.n.retries, (unsigned long)model.n.lost);
	assert_true(model.waits > 100 && model.lags > 20 &&
	    model.n.expired > 100 && model.n.limit > 20 && model.stales > 100 &&
	    model.n.retries > 100 && model.n.lost > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    whoever_asks_for_what_the_list_agrees, fake_setup,
		    fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
