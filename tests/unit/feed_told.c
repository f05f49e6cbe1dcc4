/* SPDX-License-Identifier: ISC */
/* What a feed says, message by message, and when it says nothing. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <string.h>
#include <unistd.h>

#include "src/base/timers.h"
#include "src/process/feed.h"
#include "tests/unit/unit.h"

static struct ipc to, from;
static struct feed f;
static struct ipc_msg m;
static int64_t now;
static unsigned int waits, tells, counts, ncounters;
static bool more; /* there is, when it is told everything */

int64_t __wrap_clock_now(void);

int64_t
__wrap_clock_now(void)
{
	return now;
}

static bool
on_tell(void *ctx, uint64_t *at)
{
	assert_ptr_equal(ctx, &f);
	assert_int_equal(*at, tells);
	++*at;
	tells++;
	return more;
}

static void
on_counters(void *ctx,
    void (*each)(void *each_ctx, const char *name, uint64_t v, bool gauge),
    void *each_ctx)
{
	unsigned int i;

	assert_ptr_equal(ctx, &f);
	counts++;
	for (i = 0; i < ncounters; i++)
		each(each_ctx, "a_name_of_more_than_31_bytes_is_cut", i,
		    i % 2 == 1);
}

static void
on_waits(void *ctx)
{
	assert_ptr_equal(ctx, &to);
	waits++;
}

static void
open_feed(const struct feed_calls *calls)
{
	int fds[2];

	tells = counts = waits = 0;
	more = false;
	now = 1000 * USEC_PER_SEC;
	assert_int_equal(ipc_pair(fds), PH_OK);
	ipc_init(&to, fds[0]);
	ipc_init(&from, fds[1]);
	feed_init(&f, calls, &to);
	/* Bytes of an earlier message are in no later one. */
	memset(&f.msg, 0xa5, sizeof(f.msg));
	feed_open(&f);
	assert_true(feed_message(&f,
	    &(struct ipc_msg) { .hdr.type = IPC_TELL,
		.u.tell.what = IPC_TELL_ALL }));
}

static int
setup(void **state)
{
	const struct feed_calls calls = { on_tell, on_counters, &f };

	(void)state;
	open_feed(&calls);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	feed_close(&f);
	ipc_close(&to);
	ipc_close(&from);
	return 0;
}

/* The next message, or 0. */
static uint32_t
next(void)
{
	int fd;

	assert_int_equal(ipc_flush(&to), PH_OK);
	memset(&m, 0x5a, sizeof(m));
	if (ipc_recv(&from, &m, &fd) != PH_OK)
		return 0;
	assert_int_equal(fd, -1);
	return m.hdr.type;
}

/* All is told: the beginning and the end. */
static void
settled(void)
{
	assert_false(feed_run(&f));
	assert_int_equal(next(), IPC_FEED_BEGIN);
	assert_int_equal(m.hdr.seq, 0);
	assert_int_equal(next(), IPC_FEED_END);
	assert_int_equal(next(), 0);
}

static const struct pinhole hole = { .id = 7,
	.deadline = 8,
	.proto = IPPROTO_UDP,
	.dir = PINHOLE_IN,
	.to_lo = 10000,
	.to_hi = 10001 };

static enum form
form_of(const struct fw_config *config, const struct pinhole *h)
{
	assert_true((const void *)config == &hole && h->id == 7);
	return FORM_PORTS;
}

static void
is_hole(uint32_t form, bool was_open)
{
	const struct ipc_feed_hole *h = &m.u.feed_hole;

	assert_int_equal(m.hdr.type, IPC_FEED_HOLE);
	assert_int_equal(m.hdr.seq, 0);
	assert_memory_equal(&h->hole, &hole, sizeof(hole));
	assert_int_equal(h->tuple, 4);
	assert_int_equal(h->owner, 3);
	assert_int_equal(h->since, 55);
	assert_int_equal(h->reason, REASON_ANSWER);
	assert_int_equal(h->was_open, was_open);
	assert_int_equal(h->seen, was_open ? 66 : 0);
	assert_int_equal(h->packets, was_open ? 77 : 0);
	assert_int_equal(h->form, form);
	assert_int_equal(h->n, 4);
	assert_memory_equal(h->call, "a@ex", 4);
}

static void
a_pinhole_opens_and_closes(void **state)
{
	const struct events_owner owner = { 3, 4, { "a@ex", 4 } };
	const struct claims_view view = { hole, owner, 55, 66, 77,
		REASON_ANSWER, true };

	(void)state;
	settled();
	f.tap.opened(f.tap.ctx, 55, &hole, &owner, REASON_ANSWER);
	(void)next();
	is_hole(FORM_RULE, false);
	f.form = form_of;
	f.fw_config = (const void *)&hole;
	feed_claim(&f, &view);
	(void)next();
	is_hole(FORM_PORTS, true);
	f.tap.closed(f.tap.ctx, 99, &hole, REASON_BYE);
	assert_int_equal(next(), IPC_FEED_HOLE_GONE);
	assert_int_equal(m.hdr.seq, 0);
	assert_int_equal(m.u.feed_gone.id, 7);
	assert_int_equal(m.u.feed_gone.ts, 99);
	assert_int_equal(m.u.feed_gone.reason, REASON_BYE);
	assert_int_equal(m.u.feed_gone.pad, 0);
	assert_int_equal(next(), 0);
}

static void
a_call_and_a_refusal(void **state)
{
	const struct event_refusal r = { addr_v4(198, 51, 100, 7),
		addr_v4(10, 0, 0, 1), 4000, REASON_ADDRESS, EVENT_SAID_FTP };
	const struct ipc_feed_call call = { 5, 6, IPC_CALL_HELD, 0,
		addr_v4(1, 2, 3, 4), addr_v4(5, 6, 7, 8), 9, 10, "" };
	static char id[IPC_CALL + 1];
	const struct ipc_feed_call *c = &m.u.feed_call;
	const struct ipc_feed_refusal *no = &m.u.feed_refusal;
	size_t n;

	(void)state;
	settled();
	memset(id, 'i', sizeof(id));
	for (n = 0; n <= sizeof(id); n += n == 0 ? IPC_CALL - 1 : 1) {
		feed_call(&f, &call, (struct span) { id, n });
		assert_int_equal(next(), IPC_FEED_CALL);
		assert_int_equal(m.hdr.seq, 0);
		assert_memory_equal(c, &call,
		    offsetof(struct ipc_feed_call, n));
		assert_true(
		    addr_eq(&c->from, &call.from) && addr_eq(&c->to, &call.to));
		assert_int_equal(c->n, n < IPC_CALL ? n : IPC_CALL);
		assert_memory_equal(c->call, id, c->n);
	}
	f.tap.refused(f.tap.ctx, 44, &r, span_of("xyz"));
	assert_int_equal(next(), IPC_FEED_REFUSAL);
	assert_int_equal(m.hdr.seq, 0);
	assert_true(no->ts == 44 && no->dport == 4000 &&
	    no->said == EVENT_SAID_FTP && no->reason == REASON_ADDRESS);
	assert_true(addr_eq(&no->src, &r.src) && addr_eq(&no->dst, &r.dst));
	assert_int_equal(no->n, 3);
	assert_memory_equal(no->call, "xyz", 3);
}

static void
lists_as_long_as_a_message_takes(void **state)
{
	static struct ipc_ids ids;
	static struct ipc_packets p;
	uint32_t i;

	(void)state;
	settled();
	for (i = 0; i < IPC_IDS; i++)
		ids.ids[i] = i + 1;
	for (i = 0; i < IPC_COUNTS; i++)
		p.v[i] = (struct ipc_count) { i + 1, i + 2 };
	for (i = IPC_IDS - 1; i <= IPC_IDS + 1; i++) {
		ids.n = i;
		feed_seen(&f, &ids);
		assert_int_equal(next(), i > IPC_IDS ? 0 : IPC_FEED_SEEN);
		if (i > IPC_IDS)
			continue;
		assert_int_equal(m.hdr.seq, 0);
		assert_memory_equal(&m.u.ids, &ids, 8 + i * 8);
	}
	for (i = IPC_COUNTS - 1; i <= IPC_COUNTS + 1; i++) {
		p.n = i;
		feed_packets(&f, &p);
		assert_int_equal(next(), i > IPC_COUNTS ? 0 : IPC_PACKETS);
		if (i > IPC_COUNTS)
			continue;
		assert_int_equal(m.hdr.seq, 0);
		assert_memory_equal(&m.u.packets, &p, 8 + i * 16);
	}
	assert_int_equal(f.dropped, 0);
}

static void
text_comes_in_pieces(void **state)
{
	static char text[2 * IPC_TEXT + 1];
	size_t len, left, i;

	(void)state;
	settled();
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	for (len = IPC_TEXT - 1; len <= sizeof(text); len++) {
		if (len == IPC_TEXT + 2)
			len = sizeof(text) - 2;
		memset(&f.msg, 0xa5, sizeof(f.msg));
		feed_text(&f, 12, (struct span) { text, len });
		feed_done(&f, 12, PH_EGONE, 3);
		for (left = len; left > 0; left -= m.u.feed_text.n) {
			assert_int_equal(next(), IPC_FEED_TEXT);
			assert_int_equal(m.hdr.seq, 12);
			assert_int_equal(m.u.feed_text.pad, 0);
			assert_int_equal(m.u.feed_text.n,
			    left < IPC_TEXT ? left : IPC_TEXT);
			assert_memory_equal(m.u.feed_text.text,
			    text + len - left, m.u.feed_text.n);
		}
		assert_int_equal(next(), IPC_DONE);
		assert_int_equal(m.hdr.seq, 12);
		assert_int_equal(m.u.done.err, PH_EGONE);
		assert_int_equal(m.u.done.n, 3);
	}
	feed_text(&f, 12, (struct span) { text, 0 });
	assert_int_equal(next(), 0);
	/* The end of an answer is not held. */
	to.held = true;
	feed_text(&f, 1, span_of("x"));
	feed_done(&f, 1, PH_OK, 0);
	assert_true(STAILQ_EMPTY(&to.out));
}

static void
ask(uint32_t type, uint32_t what, bool for_it)
{
	struct ipc_msg q = { .hdr.type = type, .u.tell.what = what };

	assert_int_equal(feed_message(&f, &q), for_it);
}

static void
counters_come_in_full_messages(void **state)
{
	static const unsigned int rows[] = { 0, 1, IPC_NCOUNTERS - 1,
		IPC_NCOUNTERS, IPC_NCOUNTERS + 1, 2 * IPC_NCOUNTERS };
	const struct ipc_feed_counters *c = &m.u.feed_counters;
	unsigned int done, i;
	size_t k;

	(void)state;
	settled();
	for (k = 0; k < ROWS(rows); k++) {
		ncounters = rows[k];
		now += USEC_PER_SEC;
		memset(&f.msg, 0xa5, sizeof(f.msg));
		ask(IPC_TELL, IPC_TELL_COUNTERS, true);
		for (done = 0; done < ncounters; done += c->n) {
			assert_int_equal(next(), IPC_FEED_COUNTERS);
			assert_int_equal(m.hdr.seq, 0);
			assert_int_equal(c->pad, 0);
			assert_int_equal(c->n,
			    ncounters - done < IPC_NCOUNTERS ? ncounters - done
							     : IPC_NCOUNTERS);
			for (i = 0; i < c->n; i++) {
				assert_string_equal(c->v[i].name,
				    "a_name_of_more_than_31_bytes_is");
				assert_int_equal(c->v[i].value, done + i);
				assert_int_equal(c->v[i].gauge, (done + i) % 2);
			}
		}
		assert_int_equal(next(), 0);
		assert_int_equal(counts, k + 1);
	}
}

/* At most ten times a second, by a clock that may begin anywhere. */
static void
counters_are_not_told_all_the_time(void **state)
{
	const int64_t first = USEC_PER_SEC / 20;

	(void)state;
	settled();
	ncounters = 1;
	now = first;
	ask(IPC_TELL, IPC_TELL_COUNTERS, true);
	assert_int_equal(counts, 1);
	now = first + USEC_PER_SEC / 10 - 1;
	ask(IPC_TELL, IPC_TELL_COUNTERS, true);
	assert_int_equal(counts, 1);
	now++;
	ask(IPC_TELL, IPC_TELL_COUNTERS, true);
	assert_int_equal(counts, 2);
	ask(IPC_TELL, IPC_TELL_COUNTERS, true);
	assert_int_equal(counts, 2);
	ask(IPC_EXPLAIN, IPC_TELL_COUNTERS, false);
	assert_int_equal(counts, 2);
}

static void
who_has_nothing_to_tell_says_so(void **state)
{
	static const struct feed_calls none;

	(void)state;
	teardown(NULL);
	open_feed(&none);
	ask(IPC_TELL, IPC_TELL_COUNTERS, true);
	settled();
}

static void
all_is_told_as_fast_as_it_is_read(void **state)
{
	static struct ipc_ids ids = { .n = IPC_IDS };
	size_t spare;
	int i;

	(void)state;
	more = true;
	assert_true(f.telling);
	assert_true(feed_run(&f));
	assert_true(feed_run(&f));
	assert_int_equal(tells, 2);
	/* As much waits as may: 64 kB. */
	to.held = true;
	for (i = 0; to.queued + 16 + 8 + 8 * IPC_IDS <= 64 << 10; i++) {
		to.full = true;
		feed_seen(&f, &ids);
	}
	assert_true(i > 10 && to.queued <= 64 << 10);
	spare = (64 << 10) - to.queued;
	to.queued += spare;
	assert_true(feed_run(&f));
	assert_int_equal(tells, 3);
	to.queued++;
	assert_false(feed_run(&f));
	assert_int_equal(tells, 3);
	to.queued -= spare + 1;
	feed_seen(&f, &ids);
	assert_true(to.queued > 64 << 10);
	assert_false(feed_run(&f));
	assert_int_equal(tells, 3);
	to.held = to.full = false;
	while (next() != 0)
		continue;
	more = false;
	assert_false(feed_run(&f));
	assert_int_equal(tells, 4);
	assert_int_equal(next(), IPC_FEED_END);
	assert_false(feed_run(&f));
	assert_int_equal(tells, 4);
}

static void
gone(uint64_t id)
{
	f.tap.closed(f.tap.ctx, 2, &(struct pinhole) { .id = id }, REASON_BYE);
}

/* Of what found no room, the status process hears when it reads again. */
static void
a_gap_is_told_once_and_ends_with_all(void **state)
{
	(void)state;
	settled();
	/* Nobody has missed anything. */
	ask(IPC_TELL, IPC_TELL_ALL, true);
	assert_false(f.telling);
	assert_int_equal(next(), 0);
	f.waits = on_waits;
	f.waits_ctx = &to;
	to.held = to.full = true; /* and the kernel takes nothing */
	to.max = 2 * (sizeof(m.hdr) + sizeof(m.u.feed_gone)) + 20;
	gone(1);
	gone(2);
	assert_int_equal(waits, 2);
	assert_false(f.gap);
	f.telling = true;
	gone(3);
	assert_int_equal(waits, 3);
	assert_true(f.gap && !f.gap_told && !f.telling);
	assert_int_equal(f.dropped, 1);
	gone(4);
	assert_int_equal(f.dropped, 2);
	assert_int_equal(waits, 3);
	/* Nor is the gap told before there is room. */
	assert_false(feed_run(&f));
	assert_false(f.gap_told);
	ask(IPC_TELL, IPC_TELL_ALL, true);
	assert_false(f.telling);
	to.held = to.full = false;
	assert_int_equal(next(), IPC_FEED_HOLE_GONE);
	assert_int_equal(next(), IPC_FEED_HOLE_GONE);
	assert_int_equal(m.u.feed_gone.id, 2);
	assert_false(feed_run(&f));
	assert_true(f.gap && f.gap_told);
	assert_int_equal(next(), IPC_FEED_GAP);
	assert_int_equal(m.hdr.seq, 0);
	assert_false(feed_run(&f));
	gone(5);
	assert_int_equal(f.dropped, 3);
	assert_int_equal(next(), 0);
	/* It asks, and is told everything, from the first on. */
	tells = 0;
	ask(IPC_TELL, IPC_TELL_ALL, true);
	assert_true(f.telling && !f.gap && !f.gap_told);
	settled();
	assert_int_equal(tells, 1);
	gone(6);
	assert_int_equal(next(), IPC_FEED_HOLE_GONE);
	assert_int_equal(f.dropped, 3);
	assert_int_equal(waits, 3);
}

/* A call that is over, with its number in all that it has. */
static void
call_ends(uint64_t i, enum ipc_call_state how)
{
	struct ipc_feed_call call = { i, (int64_t)i + 1, how, 0,
		addr_v4(1, 2, 3, 4), addr_v4(5, 6, 7, 8), (int64_t)i + 2, i + 3,
		"" };

	feed_call(&f, &call, (struct span) { "a_call_id", 1 + i % 9 });
}

static void
is_call(uint64_t i)
{
	const struct ipc_feed_call *c = &m.u.feed_call;

	assert_int_equal(m.hdr.type, IPC_FEED_CALL);
	assert_int_equal(m.hdr.seq, 0);
	assert_true(c->owner == i && c->since == (int64_t)i + 1 &&
	    c->state == IPC_CALL_ENDED);
	assert_int_equal(c->n, 1 + i % 9);
	assert_memory_equal(c->call, "a_call_id", c->n);
}

/* While nobody wants to hear of calls, the last 200 that are over are kept. */
static void
calls_that_are_over_come_with_the_counters(void **state)
{
	static const unsigned int rows[] = { 0, 1, 199, 200, 201, 399, 450 };
	uint64_t i = 0, first, until;
	size_t k;
	int how;

	(void)state;
	settled();
	ask(IPC_TELL, IPC_TELL_ENOUGH, true);
	ncounters = 1;
	for (k = 0; k < ROWS(rows); k++)
		for (how = 0; how < 2; how++) {
			for (until = i + rows[k]; i < until; i++) {
				call_ends(i, IPC_CALL_ENDED);
				call_ends(i, IPC_CALL_HELD);
				call_ends(i, IPC_CALL_ACCEPTED);
			}
			assert_int_equal(next(), 0);
			/* With all, if it asks for these instead. */
			now += 5 * USEC_PER_SEC;
			tells = 0;
			ask(IPC_TELL, how ? IPC_TELL_ALL : IPC_TELL_COUNTERS,
			    true);
			first =
			    i > 200 && rows[k] > 200 ? i - 200 : i - rows[k];
			for (; first < i; first++) {
				(void)next();
				is_call(first);
			}
			if (how) {
				settled();
				call_ends(i, IPC_CALL_ENDED);
				(void)next();
				is_call(i++);
				ask(IPC_TELL, IPC_TELL_ENOUGH, true);
			} else
				assert_int_equal(next(), IPC_FEED_COUNTERS);
			assert_int_equal(next(), 0);
		}
	/* And at the end, whatever there is. */
	call_ends(++i, IPC_CALL_ENDED);
	feed_close(&f);
	assert_null(f.ended);
	(void)next();
	is_call(i);
	assert_int_equal(next(), 0);
}

/* Pinholes and calls are told from the question on, until it has enough. */
static void
nothing_is_told_that_is_not_wanted(void **state)
{
	const struct events_owner owner = { 3, 4, { "a@ex", 4 } };
	const struct event_refusal r = { .reason = REASON_LIMIT };
	static const struct ipc_ids ids = { .n = 1 };
	static const struct ipc_packets p = { .n = 1 };

	(void)state;
	settled();
	ask(IPC_TELL, IPC_TELL_ENOUGH, true);
	f.tap.opened(f.tap.ctx, 55, &hole, &owner, REASON_ANSWER);
	f.tap.closed(f.tap.ctx, 55, &hole, REASON_BYE);
	feed_seen(&f, &ids);
	feed_packets(&f, &p);
	call_ends(1, IPC_CALL_EARLY);
	assert_int_equal(next(), 0);
	/* Refusals are. */
	f.tap.refused(f.tap.ctx, 55, &r, span_of("c"));
	assert_int_equal(next(), IPC_FEED_REFUSAL);
	assert_false(feed_run(&f));
	assert_int_equal(next(), 0);
	/* It has enough before it was told all of it. */
	now += 5 * USEC_PER_SEC;
	more = true;
	tells = 0;
	ask(IPC_TELL, IPC_TELL_ALL, true);
	assert_true(feed_run(&f));
	ask(IPC_TELL, IPC_TELL_ENOUGH, true);
	tells = 0;
	assert_false(feed_run(&f));
	assert_int_equal(tells, 0);
	assert_int_equal(next(), IPC_FEED_BEGIN);
	assert_int_equal(next(), 0);
}

/* Every five seconds at most, or after a gap. */
static void
all_is_not_told_all_the_time(void **state)
{
	(void)state;
	settled();
	/* It has all, and each change. */
	now += 60 * USEC_PER_SEC;
	ask(IPC_TELL, IPC_TELL_ALL, true);
	assert_false(f.telling);
	ask(IPC_TELL, IPC_TELL_ENOUGH, true);
	tells = 0;
	ask(IPC_TELL, IPC_TELL_ALL, true);
	settled();
	ask(IPC_TELL, IPC_TELL_ENOUGH, true);
	now += 5 * USEC_PER_SEC - 1;
	ask(IPC_TELL, IPC_TELL_ALL, true);
	assert_int_equal(next(), 0);
	assert_false(f.telling || f.wanted);
	now++;
	tells = 0;
	ask(IPC_TELL, IPC_TELL_ALL, true);
	settled();
	/* A gap that it knows of, and no longer wants to have filled. */
	f.gap = f.gap_told = true;
	ask(IPC_TELL, IPC_TELL_ENOUGH, true);
	assert_false(f.gap || f.gap_told);
	f.gap = true;
	ask(IPC_TELL, IPC_TELL_ENOUGH, true);
	assert_true(f.gap);
	assert_false(feed_run(&f));
	assert_int_equal(next(), IPC_FEED_GAP);
	tells = 0;
	ask(IPC_TELL, IPC_TELL_ALL, true);
	settled();
	/* Another status process has asked for nothing yet. */
	f.gap = f.gap_told = f.telling = true;
	feed_open(&f);
	assert_true(!f.gap && !f.gap_told && !f.telling && !f.wanted);
	assert_int_equal(to.max, FEED_QUEUE_MAX);
	tells = 0;
	ask(IPC_TELL, IPC_TELL_ALL, true);
	settled();
}

static void
without_a_status_process_nothing_costs_anything(void **state)
{
	const struct events_owner owner = { 3, 4, { "a@ex", 4 } };
	const struct event_refusal r = { .reason = REASON_LIMIT };
	const struct ipc_feed_call call = { 5, 6, IPC_CALL_HELD, 0,
		addr_v4(1, 2, 3, 4), addr_v4(5, 6, 7, 8), 9, 10, "" };
	static const struct ipc_ids ids = { .n = 1 };
	static const struct ipc_packets p = { .n = 1 };
	static struct ipc_msg before;

	(void)state;
	settled();
	f.waits = on_waits;
	f.waits_ctx = &to;
	ipc_close(&to);
	memset(&f.msg, 0xa5, sizeof(f.msg));
	before = f.msg;
	f.form = form_of;
	f.fw_config = NULL; /* form_of() would not like that */
	feed_call(&f, &call, span_of("c"));
	f.tap.opened(f.tap.ctx, 55, &hole, &owner, REASON_ANSWER);
	feed_seen(&f, &ids);
	feed_packets(&f, &p);
	assert_memory_equal(&f.msg, &before, sizeof(before));
	f.tap.closed(f.tap.ctx, 55, &hole, REASON_BYE);
	f.tap.refused(f.tap.ctx, 55, &r, span_of("c"));
	gone(1);
	feed_text(&f, 1, span_of("text"));
	feed_done(&f, 1, PH_OK, 0);
	f.telling = true;
	assert_false(feed_run(&f));
	assert_int_equal(f.dropped, 0);
	assert_false(f.gap);
	assert_int_equal(waits, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_pinhole_opens_and_closes),
		T(a_call_and_a_refusal),
		T(lists_as_long_as_a_message_takes),
		T(text_comes_in_pieces),
		T(counters_come_in_full_messages),
		T(counters_are_not_told_all_the_time),
		T(who_has_nothing_to_tell_says_so),
		T(all_is_told_as_fast_as_it_is_read),
		T(a_gap_is_told_once_and_ends_with_all),
		T(calls_that_are_over_come_with_the_counters),
		T(nothing_is_told_that_is_not_wanted),
		T(all_is_not_told_all_the_time),
		T(without_a_status_process_nothing_costs_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
