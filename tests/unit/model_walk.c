/* SPDX-License-Identifier: ISC */
/*
 * The rows of the status process against a model of them: arrays, that engines
 * and a proxy of paper fill at random.  After each step, all answers of the
 * control socket and all totals are what the arrays say.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/timers.h"
#include "src/status/answer.h"
#include "tests/unit/unit.h"

#define CALLS 6
#define HOLES 12
#define STEPS 5000

int64_t __wrap_clock_wall(int64_t now);

int64_t
__wrap_clock_wall(int64_t now)
{
	return now;
}

struct call {
	bool is, named; /* it is known; and by itself, not by a pinhole */
	int state;
	int64_t since, seen;
	uint64_t packets; /* of its pinholes that are closed */
	int source;
	uint64_t round;
	enum reason reason;
};

struct hole {
	bool is;
	uint64_t tuple, packets;
	int call; /* -1: none */
	int64_t since, seen, deadline;
	enum reason reason;
	enum form form;
	int source;
	uint64_t round, order;
};

static struct call calls[CALLS];
static struct hole holes[HOLES];
static struct call over[MODEL_ENDED]; /* newest first */
static int over_id[MODEL_ENDED];
static size_t nover;
static uint64_t opened[REASON_COUNT], closed[REASON_COUNT];
static uint64_t told_opened[REASON_COUNT], told_closed[REASON_COUNT];

/* Engines are sources 0 and 1, of which one is current; 2 is a proxy. */
static struct model_source *source[3];
static uint64_t rounds[3];
static int engine; /* the current one */
static bool gone;  /* the other one still has rows */

static struct model *m;
static struct ipc_msg msg;
static int64_t now;
static uint64_t order, seed;

static unsigned int
any(unsigned int n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(seed >> 33) % n;
}

static void
say(int s, enum ipc_type type)
{
	msg.hdr.type = type;
	assert_true(model_input(m, source[s], now, &msg));
	memset(&msg, 0, sizeof(msg));
}

static void
on_event(void *ctx, const struct model_event *e)
{
	(void)ctx;
	if (e->kind == MODEL_OPENED)
		told_opened[e->reason]++;
	else
		told_closed[e->reason]++;
}

/* The model. */

static void
hole_drop(int i)
{
	if (holes[i].call >= 0)
		calls[holes[i].call].packets += holes[i].packets;
	holes[i].is = false;
}

static void
call_over(int i)
{
	int k;

	for (k = 0; k < HOLES; k++)
		if (holes[k].is && holes[k].call == i) {
			calls[i].packets += holes[k].packets;
			holes[k].call = -1;
		}
	memmove(over + 1, over, sizeof(over) - sizeof(over[0]));
	memmove(over_id + 1, over_id, sizeof(over_id) - sizeof(over_id[0]));
	over[0] = calls[i];
	over_id[0] = i;
	if (nover < MODEL_ENDED)
		nover++;
	memset(&calls[i], 0, sizeof(calls[i]));
}

/* What the source has not told in its round. */
static void
sweep(int s)
{
	int i;

	for (i = 0; i < HOLES; i++)
		if (holes[i].is && holes[i].source == s &&
		    holes[i].round != rounds[s])
			hole_drop(i);
	for (i = 0; i < CALLS; i++)
		if (calls[i].is && calls[i].source == s &&
		    calls[i].round != rounds[s])
			call_over(i);
}

/* What a process does. */

static void
tell_call(int s)
{
	int i = (int)any(CALLS), state = (int)any(IPC_CALL_STATES + 1);
	struct ipc_feed_call *f = &msg.u.feed_call;
	struct call *c = &calls[i];

	f->owner = (uint64_t)i + 1;
	f->state = (uint32_t)state;
	f->since = now - any(5);
	f->from = addr_v4(198, 51, 100, (uint8_t)i);
	f->to = addr_v4(192, 0, 2, (uint8_t)i);
	f->seen = any(4) == 0 ? now - any(5) : 0;
	f->packets = any(4) == 0 ? any(60) : 0;
	f->n = (uint32_t)snprintf(f->call, sizeof(f->call), "c%d", i);
	if (state <= IPC_CALL_ENDED) {
		if (!c->is)
			*c = (struct call) { .is = true };
		c->named = true;
		if (f->seen > c->seen)
			c->seen = f->seen;
		if (f->packets > c->packets)
			c->packets = f->packets;
	}
	if (state < IPC_CALL_ENDED) {
		c->state = state;
		if (c->since == 0 || f->since < c->since)
			c->since = f->since;
		c->source = s;
		c->round = rounds[s];
	} else if (state == IPC_CALL_ENDED) {
		if (c->since == 0)
			c->since = f->since;
		call_over(i);
	}
	say(s, IPC_FEED_CALL);
}

static void
tell_hole(int s)
{
	/* A proxy has the last ones, and no calls. */
	int i = s == 2 ? HOLES - 1 - (int)any(2) : (int)any(HOLES - 2);
	int k = s == 2 ? -1 : i % CALLS;
	struct ipc_feed_hole *f = &msg.u.feed_hole;
	struct hole *h = &holes[i];

	f->hole = (struct pinhole) { .id = (uint64_t)i + 1,
		.proto = s == 2 ? IPPROTO_TCP : IPPROTO_UDP,
		.dir = i % 2 ? PINHOLE_OUT : PINHOLE_IN,
		.from = { addr_v4(203, 0, 113, (uint8_t)i), 32 },
		.from_port = (uint16_t)(i % 3),
		.to = addr_v4(192, 0, 2, 99),
		.to_lo = 4000,
		.to_hi = (uint16_t)(4000 + i),
		.deadline = any(3) > 0 ? now + 100 : 0 };
	f->tuple = 50 + any(4);
	f->owner = (uint64_t)(k + 1);
	f->since = now - any(5);
	f->reason = any(2) ? REASON_ANSWER : REASON_NONE;
	f->was_open = any(2);
	f->seen = any(3) == 0 ? now - any(5) : 0;
	f->packets = any(3) == 0 ? any(9) : 0;
	f->form = any(2) ? FORM_STATE : FORM_TCP;
	if (k >= 0)
		f->n = (uint32_t)snprintf(f->call, sizeof(f->call), "c%d", k);
	if (h->is && h->tuple != f->tuple)
		hole_drop(i);
	if (!h->is) {
		*h = (struct hole) { .is = true,
			.tuple = f->tuple,
			.call = k,
			.order = ++order };
		if (k >= 0 && !calls[k].is)
			calls[k] = (struct call) { .is = true };
	}
	if (h->since == 0 || f->reason != REASON_NONE) {
		h->since = f->since;
		h->reason = (enum reason)f->reason;
	}
	h->deadline = f->hole.deadline;
	h->form = (enum form)f->form;
	if (f->seen > h->seen)
		h->seen = f->seen;
	if (f->packets != 0)
		h->packets = f->packets;
	h->source = s;
	h->round = rounds[s];
	if (h->call >= 0) {
		if (h->seen > calls[k].seen)
			calls[k].seen = h->seen;
		if (calls[k].since == 0)
			calls[k].since = f->since;
		calls[k].source = s;
		calls[k].round = rounds[s];
	}
	if (f->was_open == 0)
		opened[h->reason]++;
	say(s, IPC_FEED_HOLE);
}

static void
tell_gone(int s)
{
	int i = (int)any(HOLES);
	enum reason why = any(9) == 0 ? REASON_COUNT : REASON_BYE;

	msg.u.feed_gone =
	    (struct ipc_feed_gone) { (uint64_t)i + 1, now, why, 0 };
	if (why != REASON_COUNT && holes[i].is) {
		closed[why]++;
		hole_drop(i);
	}
	say(s, IPC_FEED_HOLE_GONE);
}

static void
tell_traffic(int s, bool counted)
{
	uint32_t i, n = any(3);
	uint64_t tuple, packets;
	int k;

	msg.u.ids.n = n;
	for (i = 0; i < n; i++) {
		tuple = 50 + any(4);
		packets = any(50);
		if (counted)
			msg.u.packets.v[i] =
			    (struct ipc_count) { tuple, packets };
		else
			msg.u.ids.ids[i] = tuple;
		for (k = 0; k < HOLES; k++) {
			if (!holes[k].is || holes[k].tuple != tuple)
				continue;
			if (counted) {
				holes[k].packets = packets;
				continue;
			}
			holes[k].seen = now;
			if (holes[k].call >= 0)
				calls[holes[k].call].seen = now;
		}
	}
	say(s, counted ? IPC_PACKETS : IPC_FEED_SEEN);
}

static void
tell_round(int s, bool end)
{
	int other = 1 - engine;

	if (!end) {
		rounds[s]++;
		say(s, IPC_FEED_BEGIN);
		return;
	}
	sweep(s);
	if (s == engine && gone) {
		rounds[other]++;
		sweep(other);
		gone = false;
	}
	say(s, IPC_FEED_END);
}

/* Another process takes the place of one. */
static void
replace(int s)
{
	model_source_gone(m, source[s]);
	if (s == 2) {
		rounds[s]++;
		sweep(s);
		source[s] = model_source_new(m, IPC_PROXY, 72);
		rounds[s] = 0;
		return;
	}
	engine = 1 - engine;
	source[engine] = model_source_new(m, IPC_ENGINE, 71);
	rounds[engine] = 0;
	gone = true;
	tell_round(engine, false);
}

static void
step(void)
{
	int s = any(4) == 0 ? 2 : engine;

	now += any(3);
	switch (any(20)) {
	case 0:
		tell_round(s, false);
		break;
	case 1:
		tell_round(s, true);
		break;
	case 2:
		/* One engine at a time is gone. */
		if (s == 2 || !gone)
			replace(s);
		break;
	case 3:
		/* What it has lost, it will tell when it is asked. */
		if (any(3) == 0) {
			say(s, IPC_FEED_GAP);
			break;
		}
		tell_gone(s);
		break;
	case 4:
		tell_gone(s);
		break;
	case 5:
	case 6:
	case 7:
		tell_traffic(s, true);
		break;
	case 8:
	case 9:
		tell_traffic(s, false);
		break;
	case 10:
	case 11:
	case 12:
	case 13:
		tell_call(engine);
		break;
	default:
		tell_hole(s);
	}
}

/* What the answers must be. */

static char want[65536], said[65536];
static struct strbuf out;

static void
put(const char *key, int64_t v)
{
	strbuf_fmt(&out, ",\"%s\":", key);
	if (v != 0)
		strbuf_fmt(&out, "%d.%06d", (int)(v / USEC_PER_SEC),
		    (int)(v % USEC_PER_SEC));
	else
		strbuf_str(&out, "null");
}

static void
put_packets(uint64_t n, int64_t seen)
{
	if (n > 0 || seen == 0)
		strbuf_fmt(&out, ",\"packets\":%d", (int)n);
	else
		strbuf_str(&out, ",\"packets\":null");
	put("last_media", seen);
}

static void
put_call(const struct call *c, int id, const char *state)
{
	uint64_t next, last = 0, packets = c->packets;
	bool live = c == &calls[id], more = false;
	int i, k;

	strbuf_fmt(&out, "{\"call\":\"c%d\",\"state\":\"%s\",", id, state);
	if (c->named)
		strbuf_fmt(&out,
		    "\"from\":\"198.51.100.%d\",\"to\":\"192.0.2.%d\"", id, id);
	else
		strbuf_str(&out, "\"from\":null,\"to\":null");
	put("since", c->since);
	strbuf_str(&out, ",\"pinholes\":[");
	/* In the order in which it got them. */
	for (; live; last = next) {
		next = UINT64_MAX;
		for (i = k = 0; i < HOLES; i++)
			if (holes[i].is && holes[i].call == id &&
			    holes[i].order > last && holes[i].order < next) {
				next = holes[i].order;
				k = i;
			}
		if (next == UINT64_MAX)
			break;
		strbuf_fmt(&out, "%s%d", more ? "," : "", k + 1);
		packets += holes[k].packets;
		more = true;
	}
	strbuf_str(&out, "]");
	put_packets(packets, c->seen);
	strbuf_str(&out, "}\n");
}

static void
put_hole(const struct hole *h, int i)
{
	bool state = h->form == FORM_STATE;

	strbuf_fmt(&out,
	    "{\"ts\":%d.%06d,\"event\":\"open\",\"id\":%d,"
	    "\"dir\":\"%s\",\"call\":",
	    (int)(h->since / USEC_PER_SEC), (int)(h->since % USEC_PER_SEC),
	    i + 1, i % 2 ? "out" : "in");
	if (h->call >= 0)
		strbuf_fmt(&out, "\"c%d\"", h->call);
	else
		strbuf_str(&out, "null");
	strbuf_fmt(&out, ",\"proto\":\"%s\",\"src\":\"203.0.113.%d\",",
	    i >= HOLES - 2 ? "tcp" : "udp", i);
	if (i % 3)
		strbuf_fmt(&out, "\"sport\":%d,", i % 3);
	else
		strbuf_str(&out, "\"sport\":null,");
	strbuf_fmt(&out,
	    "\"dst\":\"192.0.2.99\",\"dport\":4000,\"dport_end\":%d,"
	    "\"reason\":\"%s\"",
	    4000 + i, reason_name(h->reason));
	put_packets(h->packets, h->seen);
	put("expires", h->deadline);
	strbuf_fmt(&out, ",\"form\":\"%s\",\"form_why\":%s}\n",
	    state ? "state" : "rule", state ? "null" : "\"TCP\"");
}

static const char *
ask(const char *line)
{
	char error[512], text[ANSWER_LINE];
	struct strbuf why = strbuf_of(error, sizeof(error)), b;
	struct strbuf all = strbuf_of(said, sizeof(said));
	struct request r;
	struct answer a;

	assert_int_equal(verbs_parse(span_of(line), &r, &why), PH_OK);
	strbuf_reset(&all);
	answer_begin(&a, m, &r, now);
	for (;;) {
		b = strbuf_of(text, sizeof(text));
		if (!answer_next(&a, &b))
			return said;
		if (b.len > 0)
			strbuf_fmt(&all, "%s\n", text);
	}
}

static void
totals_agree(void)
{
	const struct model_totals *t = model_totals(m);
	size_t n = 0, nholes = 0, by[IPC_CALL_STATES] = { 0 };
	int i;

	for (i = 0; i < CALLS; i++) {
		n += calls[i].is;
		by[calls[i].state] += calls[i].is;
	}
	for (i = 0; i < HOLES; i++)
		nholes += holes[i].is;
	assert_int_equal(t->calls, n);
	assert_int_equal(t->holes, nholes);
	assert_memory_equal(t->by_state, by, sizeof(by));
	assert_memory_equal(told_opened, opened, sizeof(opened));
	assert_memory_equal(told_closed, closed, sizeof(closed));
}

static void
answers_agree(void)
{
	size_t i;
	int k;

	out = strbuf_of(want, sizeof(want));
	strbuf_reset(&out);
	for (k = 0; k < CALLS; k++)
		if (calls[k].is)
			put_call(&calls[k], k, verb_states[calls[k].state]);
	assert_string_equal(ask("show calls"), want);
	strbuf_reset(&out);
	for (k = 0; k < HOLES; k++)
		if (holes[k].is)
			put_hole(&holes[k], k);
	assert_string_equal(ask("show pinholes"), want);
	if (any(50) > 0)
		return;
	strbuf_reset(&out);
	for (i = 0; i < nover; i++)
		put_call(&over[i], over_id[i], "ended");
	assert_string_equal(ask("show calls state ended"), want);
}

static void
all_answers_are_those_of_the_arrays(void **state)
{
	struct model_watch watch = { .event = on_event };
	struct ipc_about about = { .activity = 1 };
	int i;

	(void)state;
	m = model_new();
	now = 1000;
	seed = 1;
	source[0] = model_source_new(m, IPC_ENGINE, 70);
	source[2] = model_source_new(m, IPC_PROXY, 72);
	parties_about(model_parties(m), &about);
	model_watch(m, &watch);
	for (i = 0; i < STEPS; i++) {
		step();
		totals_agree();
		answers_agree();
	}
	assert_int_equal(nover, MODEL_ENDED);
	model_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_answers_are_those_of_the_arrays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
