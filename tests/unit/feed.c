/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>

#include <string.h>
#include <unistd.h>

#include "src/process/feed.h"
#include "src/status/model.h"
#include "tests/unit/unit.h"

/* An engine that holds pinholes 1 to `held`, two of each call. */
struct world {
	struct ipc to, from;
	struct feed feed;
	struct model *model;
	struct model_source *source;
	struct ipc_msg msg;
	uint64_t held;
	int asked; /* for everything */
	int counted;
	struct model_watch watch;
	int opened, closed; /* events */
};

static struct world w;
static struct ipc_msg all = { .hdr.type = IPC_TELL,
	.u.tell.what = IPC_TELL_ALL };
static struct ipc_msg counters = { .hdr.type = IPC_TELL,
	.u.tell.what = IPC_TELL_COUNTERS };
static struct ipc_msg enough = { .hdr.type = IPC_TELL,
	.u.tell.what = IPC_TELL_ENOUGH };

static void
on_event(void *ctx, const struct model_event *e)
{
	(void)ctx;
	w.opened += e->kind == MODEL_OPENED && e->reason == REASON_ANSWER;
	w.closed += e->kind == MODEL_CLOSED && e->reason == REASON_BYE;
}

static void
hold(uint64_t id, bool event)
{
	const struct ipc_feed_hole h = { .hole = { .id = id,
					     .proto = IPPROTO_UDP,
					     .dir = PINHOLE_IN,
					     .to = addr_v4(192, 0, 2, 10),
					     .to_lo = 10000,
					     .to_hi = 10001 },
		.since = 1000,
		.reason = REASON_ANSWER,
		.was_open = !event };
	const struct events_owner owner = { (id + 1) / 2, id,
		span_of("a@example") };

	feed_hole(&w.feed, &h, &owner);
}

static bool
on_tell(void *ctx, uint64_t *at)
{
	int i;

	(void)ctx;
	for (i = 0; i < FEED_TURN; i++) {
		if (*at >= w.held)
			return false;
		hold(++*at, false);
	}
	return true;
}

static void
on_counters(void *ctx,
    void (*each)(void *each_ctx, const char *name, uint64_t v, bool gauge),
    void *each_ctx)
{
	(void)ctx;
	w.counted++;
	each(each_ctx, "calls_total", 1, false);
	each(each_ctx, "calls", 5, true);
}

static void
begin(uint64_t held)
{
	const struct feed_calls calls = { on_tell, on_counters, NULL };
	int fds[2];

	memset(&w, 0, sizeof(w));
	w.held = held;
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&w.to, fds[0]);
	ipc_init(&w.from, fds[1]);
	feed_init(&w.feed, &calls, &w.to);
	assert_non_null(w.model = model_new());
	w.source = model_source_new(w.model, IPC_ENGINE, 77);
	w.watch.event = on_event;
	model_watch(w.model, &w.watch);
	feed_open(&w.feed);
	assert_true(feed_message(&w.feed, &all));
}

static void
is_counter(const struct ipc_counter *c, const char *name, uint64_t value,
    bool gauge)
{
	assert_string_equal(c->name, name);
	assert_int_equal(c->value, value);
	assert_int_equal(c->gauge, gauge);
}

/* The status process reads all that there is, and asks after a gap. */
static void
hear(void)
{
	enum ph_err rc;
	int fd, i;

	for (i = 0; i < 100000; i++) {
		(void)feed_run(&w.feed);
		assert_int_equal(ipc_flush(&w.to), PH_OK);
		rc = ipc_recv(&w.from, &w.msg, &fd);
		if (rc == PH_EAGAIN && !w.feed.telling && !ipc_unsent(&w.to))
			return;
		if (rc == PH_EAGAIN)
			continue;
		assert_int_equal(rc, PH_OK);
		if (w.msg.hdr.type == IPC_FEED_COUNTERS) {
			assert_int_equal(w.msg.u.feed_counters.n, 2);
			is_counter(&w.msg.u.feed_counters.v[0], "calls_total",
			    1, false);
			is_counter(&w.msg.u.feed_counters.v[1], "calls", 5,
			    true);
		}
		assert_true(model_input(w.model, w.source, 2000, &w.msg));
		if (w.msg.hdr.type == IPC_FEED_GAP) {
			w.asked++;
			assert_true(feed_message(&w.feed, &all));
		}
	}
	fail_msg("it never ends");
}

static void
end(void)
{
	feed_close(&w.feed);
	ipc_close(&w.to);
	ipc_close(&w.from);
	model_free(w.model);
}

static void
all_is_told_and_then_each_change(void **state)
{
	const struct model_call *call;

	(void)state;
	begin(1000);
	hear();
	assert_int_equal(model_totals(w.model)->holes, 1000);
	assert_int_equal(model_totals(w.model)->calls, 500);
	call = model_hole_find(w.model, 7)->call;
	assert_int_equal(call->len, 9);
	assert_memory_equal(call->call, "a@example", 9);
	/*
	 * These pinholes were open before, so none of them counts as opened
	 * now.
	 */
	assert_int_equal(w.opened, 0);
	hold(1001, true);
	hear();
	assert_int_equal(model_totals(w.model)->holes, 1001);
	assert_int_equal(w.opened, 1);
	feed_packets(&w.feed,
	    &(struct ipc_packets) { .n = 2, .v = { { 7, 3 }, { 8, 4 } } });
	hear();
	assert_int_equal(model_hole_find(w.model, 7)->packets, 3);
	assert_int_equal(model_hole_find(w.model, 8)->packets, 4);
	assert_int_equal(model_hole_find(w.model, 9)->packets, 0);
	w.feed.tap.closed(w.feed.tap.ctx, 5, &(struct pinhole) { .id = 7 },
	    REASON_BYE);
	hear();
	assert_null(model_hole_find(w.model, 7));
	assert_int_equal(model_hole_find(w.model, 8)->call->packets, 3);
	assert_int_equal(w.closed, 1);
	end();
}

/* Of a Call-ID that is too long, as much is told as there is room for. */
static void
a_refusal_is_told_with_its_call(void **state)
{
	const struct event_refusal r = { addr_v4(198, 51, 100, 7),
		addr_v4(10, 0, 0, 1), 4000, REASON_ADDRESS, EVENT_SAID_SDP };
	const struct model_refusal *got;
	char call[IPC_CALL + 9];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(call); i++)
		call[i] = (char)('a' + i % 26);
	begin(0);
	w.feed.tap.refused(w.feed.tap.ctx, 5, &r,
	    (struct span) { call, sizeof(call) });
	hear();
	assert_non_null(got = model_refusal(w.model, 0));
	assert_int_equal(got->refusal.dport, 4000);
	assert_int_equal(got->len, IPC_CALL);
	assert_memory_equal(got->call, call, IPC_CALL);
	end();
}

/* Nor does the status process believe that what it is told makes sense. */
static void
what_makes_no_sense_is_not_told(void **state)
{
	const struct ipc_about *got;
	static struct ipc_about about;
	struct event_refusal r = { .reason = REASON_COUNT,
		.said = EVENT_SAID_SDP };

	(void)state;
	begin(0);
	w.feed.tap.refused(w.feed.tap.ctx, 5, &r, span_of("c"));
	hear();
	r.reason = REASON_ADDRESS;
	r.said = EVENT_SAID_TFTP + 1;
	w.feed.tap.refused(w.feed.tap.ctx, 5, &r, span_of("c"));
	hear();
	assert_null(model_refusal(w.model, 0));
	memset(&about, 'x', sizeof(about));
	parties_about(model_parties(w.model), &about);
	got = model_about_of(w.model);
	assert_int_equal(got->n, IPC_TABLES);
	assert_int_equal(strlen(got->tables[0]), IPC_NAME - 1);
	assert_int_equal(strlen(got->tables[IPC_TABLES - 1]), IPC_NAME - 1);
	end();
}

static void
a_status_process_cannot_keep_us_busy(void **state)
{
	int i;

	(void)state;
	begin(1000);
	hear();
	for (i = 0; i < 1000; i++) {
		assert_true(feed_message(&w.feed, &all));
		assert_false(w.feed.telling);
		assert_true(feed_message(&w.feed, &counters));
	}
	assert_in_range(w.counted, 1, 10);
	hear();
	/* Nor by asking again what it has just had enough of. */
	assert_true(feed_message(&w.feed, &enough));
	assert_true(feed_message(&w.feed, &all));
	assert_false(w.feed.wanted);
	w.feed.began_at -= FEED_AGAIN;
	assert_true(feed_message(&w.feed, &all));
	assert_true(w.feed.telling);
	hear();
	end();
}

static void
over(uint64_t owner)
{
	const struct ipc_feed_call c = { .owner = owner,
		.since = 1000,
		.state = IPC_CALL_ENDED,
		.from = addr_v4(198, 51, 100, 7),
		.to = addr_v4(192, 0, 2, 10),
		.seen = 1500,
		.packets = 7 };

	feed_call(&w.feed, &c, span_of("b@example"));
}

static size_t
remembered(void)
{
	const struct model_call *c;
	size_t n = 0;

	for (c = model_ended_first(w.model); c != NULL;
	     c = TAILQ_NEXT(c, ended_entry))
		n++;
	return n;
}

/* Calls and pinholes cost nothing while nobody needs them. */
static void
what_is_not_wanted_is_not_told(void **state)
{
	const struct ipc_feed_call early = { .owner = 9 };
	size_t i;

	(void)state;
	begin(10);
	hear();
	assert_true(feed_message(&w.feed, &enough));
	hold(11, true);
	feed_call(&w.feed, &early, span_of("c"));
	w.feed.tap.closed(w.feed.tap.ctx, 5, &(struct pinhole) { .id = 7 },
	    REASON_BYE);
	feed_packets(&w.feed,
	    &(struct ipc_packets) { .n = 1, .v = { { 7, 3 } } });
	feed_seen(&w.feed, &(struct ipc_ids) { .n = 1, .ids = { 7 } });
	assert_false(feed_run(&w.feed));
	assert_false(ipc_unsent(&w.to));
	assert_int_equal(ipc_recv(&w.from, &w.msg, &(int) { 0 }), PH_EAGAIN);
	/* The last calls that are over come with the counters. */
	for (i = 0; i < FEED_ENDED + 5; i++)
		over(100 + i);
	assert_int_equal(ipc_recv(&w.from, &w.msg, &(int) { 0 }), PH_EAGAIN);
	assert_true(feed_message(&w.feed, &counters));
	hear();
	assert_int_equal(remembered(), FEED_ENDED);
	assert_int_equal(model_ended_first(w.model)->owner,
	    100 + FEED_ENDED + 4);
	assert_int_equal(model_ended_first(w.model)->packets, 7);
	assert_int_equal(model_ended_first(w.model)->seen, 1500);
	assert_int_equal(model_ended_first(w.model)->since, 1000);
	assert_int_equal(model_ended_first(w.model)->len, 9);
	/* Once. */
	w.feed.counted_at = 0;
	assert_true(feed_message(&w.feed, &counters));
	hear();
	assert_int_equal(model_ended_first(w.model)->owner,
	    100 + FEED_ENDED + 4);
	end();
}

/* A gap of one who wants nothing ends when it says so. */
static void
a_gap_may_be_enough(void **state)
{
	(void)state;
	begin(10);
	hear();
	assert_true(feed_message(&w.feed, &enough));
	w.feed.gap = w.feed.gap_told = true;
	assert_true(feed_message(&w.feed, &enough));
	assert_false(w.feed.gap || w.feed.gap_told || w.feed.wanted);
	end();
}

static void
what_is_not_read_is_dropped_and_asked_for_again(void **state)
{
	uint64_t i;

	(void)state;
	begin(10);
	hear();
	/*
	 * The status process hangs: the engine does not wait, and the queue is
	 * bounded.
	 */
	for (i = 11; i <= 50000; i++)
		hold(i, true);
	w.held = 50000;
	assert_true(w.to.queued <= FEED_QUEUE_MAX);
	assert_true(w.feed.dropped > 1000);
	hear();
	assert_int_equal(w.asked, 1);
	assert_int_equal(model_totals(w.model)->holes, 50000);
	assert_int_equal(model_party(w.model, IPC_ENGINE)->gaps, 1);
	end();
}

static void
what_a_successor_does_not_name_is_no_more(void **state)
{
	(void)state;
	begin(10);
	hear();
	model_source_gone(w.model, w.source);
	assert_int_equal(model_totals(w.model)->holes, 10);
	w.source = model_source_new(w.model, IPC_ENGINE, 78);
	w.held = 4;
	feed_open(&w.feed);
	assert_true(feed_message(&w.feed, &all));
	hear();
	assert_int_equal(model_totals(w.model)->holes, 4);
	assert_int_equal(model_totals(w.model)->calls, 2);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_told_and_then_each_change),
		cmocka_unit_test(a_refusal_is_told_with_its_call),
		cmocka_unit_test(what_makes_no_sense_is_not_told),
		cmocka_unit_test(a_status_process_cannot_keep_us_busy),
		cmocka_unit_test(what_is_not_wanted_is_not_told),
		cmocka_unit_test(a_gap_may_be_enough),
		cmocka_unit_test(
		    what_is_not_read_is_dropped_and_asked_for_again),
		cmocka_unit_test(what_a_successor_does_not_name_is_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
