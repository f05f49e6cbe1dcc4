/* SPDX-License-Identifier: ISC */
/*
 * A long walk of wishes, renewals, losses and successors in any order, against
 * lists that say what must be: after each step all that can be asked for, all
 * events, and all that the packet filter has.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/process/claims.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define TUPLES 14
#define ASKERS 6
#define LIMIT  24
#define STEPS  20000

/* The model: each tuple as the filter must have it. */
static struct {
	struct pinhole hole;
	uint64_t id; /* the filter's name; 0: nobody claims it */
	int64_t deadline, seen[2];
	uint64_t packets;
	unsigned int claims;
} tuple[TUPLES];

static struct {
	uint64_t id;
	char call[4];
	size_t n;
	int user;
	struct {
		unsigned int tuple;
		uint64_t id;
		int64_t since;
		enum reason why;
		bool announced, adopted;
	} claim[LIMIT];
} asker[ASKERS];

static uint64_t next_id, opened, closed, limited;
static size_t nclaims;
static char said[65536], want_said[65536];

/* The pinholes of the packet filter, as the changes left them. */
static struct pinhole filter[64];
static size_t nfilter;

static struct claims *cs;
static int64_t now;
static void
on_commit(void *ctx, const struct fw_change *c, size_t n)
{
	size_t i, k;

	(void)ctx;
	assert_in_range(n, 1, 64);
	for (i = 0; i < n; i++) {
		if (c[i].op == FW_CUT)
			continue;
		for (k = 0; k < nfilter; k++)
			if (filter[k].id == c[i].hole.id)
				break;
		if (c[i].op == FW_OPEN) {
			assert_true(k < ROWS(filter));
			assert_true(k == nfilter ||
			    pinhole_cmp(&filter[k], &c[i].hole) == 0);
			filter[k] = c[i].hole;
			nfilter += k == nfilter;
		} else {
			assert_int_equal(c[i].op, FW_CLOSE);
			if (k < nfilter)
				filter[k] = filter[--nfilter];
		}
	}
}

static void
put_said(char *log, bool open, int64_t ts, uint64_t id, unsigned int port,
    const struct events_owner *o, enum reason why)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %" PRId64 " %" PRIu64 " %u %.*s %d;",
	    open ? "open" : "close", ts - now, id, port,
	    o != NULL ? (int)o->call.len : 0,
	    o != NULL && o->call.len > 0 ? o->call.p : "", why);
	strlcat(log, text, sizeof(said));
}

static void
on_opened(void *ctx, int64_t ts, const struct pinhole *h,
    const struct events_owner *o, enum reason why)
{
	(void)ctx;
	put_said(said, true, ts, h->id, h->to_lo, o, why);
}

static void
on_closed(void *ctx, int64_t ts, const struct pinhole *h, enum reason why)
{
	(void)ctx;
	put_said(said, false, ts, h->id, h->to_lo, NULL, why);
}

static void
on_line(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
}

static const struct events_tap tap = { NULL, on_opened, on_closed, NULL };

static void
table_begin(void)
{
	struct events ev = { .format = EVENTS_JSON,
		.line = on_line,
		.tap = &tap };
	struct claims_sink sink = { NULL, on_commit, NULL };

	assert_non_null(cs = claims_new(LIMIT, 1, &ev, &sink));
}

static void
model_begin(void)
{
	static const char *const addrs[] = { "192.0.2.10", "2001:db8:2::10",
		"192.0.2.11" };
	struct addr a, phone;
	struct pinhole *h;
	unsigned int i;

	memset(tuple, 0, sizeof(tuple));
	memset(asker, 0, sizeof(asker));
	for (i = 0; i < TUPLES; i++) {
		h = &tuple[i].hole;
		assert_int_equal(addr_parse(span_of(addrs[i % 3]), &a), PH_OK);
		assert_int_equal(addr_parse(span_of(i % 3 == 1
						    ? "2001:db8:1::7"
						    : "198.51.100.7"),
				     &phone),
		    PH_OK);
		h->proto = i % 4 == 3 ? IPPROTO_TCP : IPPROTO_UDP;
		h->dir = i % 2 == 0 ? PINHOLE_IN : PINHOLE_OUT;
		h->from = prefix_host(i % 2 == 0 ? &phone : &a);
		h->to = i % 2 == 0 ? a : phone;
		h->once = i == 3;
		/* Two that differ in one field alone. */
		h->from_port = i == 13 ? 7 : 0;
		h->to_lo = (uint16_t)(i == 13 ? 5001 : 5000 + i);
		h->to_hi = (uint16_t)(h->to_lo + (i % 5 == 0));
		if (i == 13) {
			*h = tuple[1].hole;
			h->from_port = 7;
		}
	}
	for (i = 0; i < ASKERS; i++) {
		asker[i].id = i < 3 ? i + 1 : UINT64_C(1) << (60 + i - 3);
		asker[i].call[0] = '\0';
		if (i != 4)
			snprintf(asker[i].call, sizeof(asker[i].call), "c%u",
			    i);
	}
	next_id = 1;
	opened = closed = limited = 0;
	nclaims = nfilter = 0;
	said[0] = want_said[0] = '\0';
}

static bool
extend(unsigned int t, int64_t until)
{
	if (until <= tuple[t].deadline)
		return false;
	tuple[t].deadline = until;
	return true;
}

static void
announce(unsigned int a, size_t i, enum reason why)
{
	struct events_owner o = { .call = span_of(asker[a].call) };

	asker[a].claim[i].announced = true;
	asker[a].claim[i].since = now;
	asker[a].claim[i].why = why;
	opened++;
	put_said(want_said, true, now, asker[a].claim[i].id,
	    tuple[asker[a].claim[i].tuple].hole.to_lo, &o, why);
}

static void
model_open(unsigned int a, unsigned int t, const struct claims_want *w)
{
	size_t i = asker[a].n;
	uint64_t id = next_id++;

	if (nclaims >= LIMIT) {
		limited++;
		return;
	}
	if (tuple[t].claims++ == 0) {
		tuple[t].id = id;
		tuple[t].deadline = 0;
		tuple[t].seen[0] = tuple[t].seen[1] = 0;
		tuple[t].packets = 0;
	}
	nclaims++;
	asker[a].claim[i].tuple = t;
	asker[a].claim[i].id = id;
	asker[a].claim[i].announced = asker[a].claim[i].adopted = false;
	asker[a].n++;
	extend(t, now + w->lease);
	if (!w->wait)
		announce(a, i, w->open);
}

static void
model_close(unsigned int a, size_t i, enum reason why)
{
	unsigned int t = asker[a].claim[i].tuple;

	if (asker[a].claim[i].announced) {
		closed++;
		put_said(want_said, false, now, asker[a].claim[i].id,
		    tuple[t].hole.to_lo, NULL, why);
	}
	nclaims--;
	if (--tuple[t].claims == 0)
		tuple[t].id = 0;
	asker[a].n--;
	memmove(&asker[a].claim[i], &asker[a].claim[i + 1],
	    (asker[a].n - i) * sizeof(asker[a].claim[0]));
}

static void
step_want(unsigned int a)
{
	static const enum reason why[] = { REASON_ANSWER, REASON_EARLY,
		REASON_REQUEST, REASON_BYE, REASON_IDLE };
	struct pinhole v[TUPLES];
	unsigned int order[TUPLES], i, k, swap;
	struct claims_want w = { .asker = asker[a].id,
		.call = span_of(asker[a].call),
		.v = v,
		.n = pick(4) == 0 ? 0 : pick(7),
		.open = why[pick(5)],
		.close = why[pick(5)],
		.lease = (1 + pick(100)) * USEC_PER_SEC,
		.wait = pick(5) == 0,
		.user = &asker[a].user };
	bool wanted[TUPLES] = { 0 };
	size_t n;

	for (i = 0; i < TUPLES; i++)
		order[i] = i;
	for (i = 0; i < TUPLES; i++) {
		k = pick(TUPLES);
		swap = order[i];
		order[i] = order[k];
		order[k] = swap;
	}
	for (i = 0; i < w.n; i++) {
		v[i] = tuple[order[i]].hole;
		v[i].id = pick(100); /* not for a wish to say */
		v[i].deadline = pick(100);
		wanted[order[i]] = true;
	}
	claims_want(cs, &w, now);
	for (i = 0; i < w.n; i++) {
		for (n = 0; n < asker[a].n; n++)
			if (asker[a].claim[n].tuple == order[i])
				break;
		if (n == asker[a].n)
			model_open(a, order[i], &w);
	}
	for (n = 0; n < asker[a].n;)
		if (wanted[asker[a].claim[n].tuple])
			n++;
		else
			model_close(a, n, w.close);
}

static void
step_small(unsigned int a)
{
	unsigned int t = pick(TUPLES), ends;
	int64_t lease = (1 + pick(100)) * USEC_PER_SEC;
	uint64_t id = tuple[t].id != 0 ? tuple[t].id : 1000000;
	uint64_t packets;
	size_t i;

	switch (pick(6)) {
	case 0:
		claims_renew(cs, asker[a].id, lease, now);
		for (i = 0; i < asker[a].n; i++)
			extend(asker[a].claim[i].tuple, now + lease);
		break;
	case 1:
		ends = pick(4);
		claims_seen(cs, id, ends, now);
		for (i = 0; i < 2; i++)
			if (tuple[t].id != 0 &&
			    (ends & (i == 0 ? FW_SEEN_FROM : FW_SEEN_TO)) != 0)
				tuple[t].seen[i] = now;
		break;
	case 2:
		packets = pick(1000);
		claims_packets(cs, id, packets);
		if (tuple[t].id != 0)
			tuple[t].packets = packets;
		break;
	case 3:
		/* The filter has closed it at its deadline. */
		claims_lost(cs, id);
		for (i = 0; i < nfilter && tuple[t].id != 0; i++)
			if (filter[i].id == id)
				filter[i] = filter[--nfilter];
		if (tuple[t].id != 0)
			tuple[t].deadline = 0;
		break;
	case 4:
		nfilter = 0;
		claims_resend(cs, now);
		break;
	default:
		claims_announce(cs, asker[a].id, REASON_UPDATE, now);
		for (i = 0; i < asker[a].n; i++)
			if (!asker[a].claim[i].announced)
				announce(a, i, REASON_UPDATE);
		break;
	}
}

/* A successor reads what its predecessor has written. */
static void
step_successor(void)
{
	static uint8_t record[ASKERS][CLAIMS_EXPORT_MAX];
	size_t len[ASKERS], i;
	unsigned int a, t;

	for (a = 0; a < ASKERS; a++)
		assert_int_equal(claims_export(cs, asker[a].id, record[a],
				     sizeof(record[a]), &len[a]),
		    PH_OK);
	claims_free(cs);
	table_begin();
	nfilter = 0;
	opened = closed = limited = 0;
	next_id = 1;
	for (t = 0; t < TUPLES; t++) {
		tuple[t].deadline =
		    tuple[t].claims > 0 ? now + 50 * USEC_PER_SEC : 0;
		tuple[t].seen[0] = tuple[t].seen[1] = 0;
		tuple[t].packets = 0;
		if (tuple[t].id >= next_id)
			next_id = tuple[t].id + 1;
	}
	for (a = 0; a < ASKERS; a++) {
		assert_int_equal(claims_adopt(cs, asker[a].id,
				     span_of(asker[a].call), record[a], len[a],
				     50 * USEC_PER_SEC, now),
		    PH_OK);
		asker[a].user = 0;
		for (i = 0; i < asker[a].n; i++) {
			if (!asker[a].claim[i].announced) {
				asker[a].claim[i].since = now;
				asker[a].claim[i].why = REASON_NONE;
			}
			asker[a].claim[i].announced = true;
			asker[a].claim[i].adopted = true;
			if (asker[a].claim[i].id >= next_id)
				next_id = asker[a].claim[i].id + 1;
		}
	}
}

static unsigned int viewing;
static size_t viewed;

static void
on_view(void *ctx, const struct claims_view *v)
{
	unsigned int t;
	size_t i = viewed;
	int64_t seen;

	(void)ctx;
	while (i < asker[viewing].n && !asker[viewing].claim[i].announced)
		i++;
	assert_true(i < asker[viewing].n);
	t = asker[viewing].claim[i].tuple;
	seen = tuple[t].seen[0] > tuple[t].seen[1] ? tuple[t].seen[0]
						   : tuple[t].seen[1];
	assert_int_equal(v->hole.id, asker[viewing].claim[i].id);
	assert_int_equal(v->hole.deadline, tuple[t].deadline);
	assert_int_equal(pinhole_cmp(&v->hole, &tuple[t].hole), 0);
	assert_int_equal(v->owner.id, asker[viewing].id);
	assert_int_equal(v->owner.tuple, tuple[t].id);
	assert_true(span_eq_str(v->owner.call, asker[viewing].call));
	assert_int_equal(v->since, asker[viewing].claim[i].since);
	assert_int_equal(v->why, asker[viewing].claim[i].why);
	assert_int_equal(v->adopted, asker[viewing].claim[i].adopted);
	assert_int_equal(v->seen, seen);
	assert_int_equal(v->packets, tuple[t].packets);
	viewed = i + 1;
}

static void
check_asker(unsigned int a)
{
	struct silence s = { 0 };
	int64_t inside = 0, outside = 0, in;
	unsigned int t, to;
	size_t i, left;

	viewing = a;
	viewed = 0;
	claims_view(cs, asker[a].id, on_view, NULL);
	for (left = viewed; left < asker[a].n; left++)
		assert_false(asker[a].claim[left].announced);
	for (i = 0; i < asker[a].n; i++) {
		t = asker[a].claim[i].tuple;
		to = tuple[t].hole.dir == PINHOLE_IN;
		in = tuple[t].seen[to];
		inside = in > inside ? in : inside;
		in = tuple[t].seen[!to];
		outside = in > outside ? in : outside;
	}
	claims_last_sent(cs, asker[a].id, &s);
	assert_int_equal(s.inside, inside);
	assert_int_equal(s.outside, outside);
	assert_int_equal(claims_last_seen(cs, asker[a].id),
	    inside > outside ? inside : outside);
	assert_int_equal(claims_fw_id(cs, asker[a].id),
	    asker[a].n > 0 ? tuple[asker[a].claim[0].tuple].id : 0);
	if (asker[a].n == 0)
		assert_null(claims_user(cs, asker[a].id));
}

/* The askers of a pinhole, in their order. */
static void
check_tuple(unsigned int t)
{
	uint64_t after = 0;
	unsigned int a;
	size_t i;

	for (a = 0; a < ASKERS; a++)
		for (i = 0; i < asker[a].n; i++)
			if (asker[a].claim[i].tuple == t &&
			    asker[a].claim[i].announced) {
				after = claims_asker_of(cs, tuple[t].id, after);
				assert_int_equal(after, asker[a].id);
			}
	assert_int_equal(claims_asker_of(cs, tuple[t].id, after), 0);
}

static void
check_filter(void)
{
	size_t i, n = 0;
	unsigned int t;

	for (t = 0; t < TUPLES; t++) {
		if (tuple[t].claims == 0 || tuple[t].deadline == 0)
			continue;
		for (i = 0; i < nfilter; i++)
			if (filter[i].id == tuple[t].id)
				break;
		assert_true(i < nfilter);
		assert_int_equal(pinhole_cmp(&filter[i], &tuple[t].hole), 0);
		assert_int_equal(filter[i].deadline, tuple[t].deadline);
		n++;
	}
	assert_int_equal(nfilter, n);
}

static void
check_all(void)
{
	const struct claims_counters *c = claims_counters(cs);
	size_t tuples = 0, askers = 0;
	uint64_t after = 0;
	unsigned int i;

	assert_string_equal(said, want_said);
	said[0] = want_said[0] = '\0';
	check_filter();
	for (i = 0; i < TUPLES; i++) {
		tuples += tuple[i].claims > 0;
		if (tuple[i].claims > 0)
			check_tuple(i);
	}
	for (i = 0; i < ASKERS; i++) {
		check_asker(i);
		if (asker[i].n == 0)
			continue;
		askers++;
		after = claims_asker_after(cs, after);
		assert_int_equal(after, asker[i].id);
	}
	assert_int_equal(claims_asker_after(cs, after), 0);
	assert_int_equal(c->open, nclaims);
	assert_int_equal(c->tuples, tuples);
	assert_int_equal(c->askers, askers);
	assert_int_equal(c->opened, opened);
	assert_int_equal(c->closed, closed);
	assert_int_equal(c->limit, limited);
}

static void
any_order_of_everything_is_as_the_lists_say(void **state)
{
	unsigned int step, walk;

	(void)state;
	for (walk = 1; walk <= 3; walk++) {
		seed = walk;
		now = 1000 * USEC_PER_SEC;
		model_begin();
		table_begin();
		for (step = 0; step < STEPS / 3; step++) {
			now += pick(3) * USEC_PER_SEC;
			if (pick(300) == 0)
				step_successor();
			else if (pick(2) == 0)
				step_want(pick(ASKERS));
			else
				step_small(pick(ASKERS));
			check_all();
		}
		claims_free(cs);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_of_everything_is_as_the_lists_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
