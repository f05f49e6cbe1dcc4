/* SPDX-License-Identifier: ISC */
/* Packets that wait: what is read, what may go, and when it must. */
#include <string.h>

#include "src/base/clock.h"
#include "src/engine/held.h"
#include "src/fw/release.h"
#include "tests/unit/unit.h"

#define MS 1000

/* A kernel: packets with numbers, of which some have no verdict yet. */
#define PACKETS 256
static struct {
	uint32_t last;
	bool waits[PACKETS];
	uint32_t unread[PACKETS];
	size_t nunread;
	uint64_t dropped;
	unsigned int verdicts, questions, carried;
	bool passed; /* the last verdict */
	bool others; /* who let all go as soon as they can */
} kernel;

static struct packetq queue = { .fd = 7, .other_fd = 8, .open = true };
static struct packetq none = { .fd = -1, .other_fd = -1 };

/* In place of src/compat/packetq_linux.c. */
void
packetq_init(struct packetq *q)
{
	*q = none;
}

enum ph_err
packetq_open(struct packetq *q, uint32_t number, bool open, struct strbuf *why)
{
	(void)number;
	(void)open;
	(void)why;
	*q = queue;
	return PH_OK;
}

void
packetq_close(struct packetq *q)
{
	*q = none;
}

void
packetq_fork(struct packetq *q)
{
	(void)q;
}

void
packetq_reader(struct packetq *q)
{
	(void)q;
}

enum ph_err
packetq_try(uint32_t number, struct strbuf *why)
{
	(void)number;
	(void)why;
	return PH_OK;
}

const bool packetq_carried = true;

void
packetq_carry(const struct packetq *q)
{
	kernel.carried += q->fd == 7;
}

void
packetq_pause(const struct packetq *q)
{
	(void)q;
}

void
packetq_resume(const struct packetq *q)
{
	(void)q;
}

size_t
packetq_read(const struct packetq *q, void *buf, size_t size)
{
	uint32_t len = 36, id;
	uint16_t type = 3 << 8, alen = 11, atype = 1;
	unsigned char *p = buf;

	assert_int_equal(q->fd, 7);
	assert_true(size > 65536);
	if (kernel.nunread == 0)
		return 0;
	id = kernel.unread[0];
	kernel.nunread--;
	memmove(&kernel.unread[0], &kernel.unread[1],
	    kernel.nunread * sizeof(kernel.unread[0]));
	memset(p, 0, 36);
	if (id == 0) {
		/* No packet: the kernel has found nothing for a verdict. */
		type = 2;
		memcpy(p, &len, sizeof(len));
		memcpy(p + 4, &type, sizeof(type));
		return 36;
	}
	len = 32;
	memcpy(p, &len, sizeof(len));
	memcpy(p + 4, &type, sizeof(type));
	memcpy(p + 20, &alen, sizeof(alen));
	memcpy(p + 22, &atype, sizeof(atype));
	p[26] = (unsigned char)(id >> 8);
	p[27] = (unsigned char)id;
	return 32;
}

static void
comes(bool read)
{
	kernel.waits[++kernel.last] = true;
	if (!read)
		kernel.unread[kernel.nunread++] = kernel.last;
}

void
packetq_verdict(const struct packetq *q, uint32_t last, bool pass)
{
	uint32_t i;

	assert_int_equal(q->fd, 7);
	for (i = 0; (i <= last || kernel.others) && i < PACKETS; i++)
		kernel.waits[i] = false;
	kernel.verdicts++;
	kernel.passed = pass;
}

bool
packetq_state(const struct packetq *q, struct packetq_state *out)
{
	uint32_t i;

	memset(out, 0, sizeof(*out));
	if (q->fd == -1)
		return false;
	kernel.questions++;
	for (i = 0; i < PACKETS; i++)
		out->waiting += kernel.waits[i];
	out->last = kernel.last;
	out->dropped = kernel.dropped;
	return true;
}

static int
setup(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	return 0;
}

static uint32_t opens[4];

static bool
on_packet(void *ctx, const struct nfqueue_packet *p)
{
	size_t i;

	(void)ctx;
	for (i = 0; i < 4; i++)
		if (opens[i] == p->id)
			return true;
	return false;
}

static void
what_opens_nothing_goes_first(void **state)
{
	struct held h = { .queue = &queue };
	struct ipc_release r;
	int i;

	(void)state;
	memset(opens, 0, sizeof(opens));
	opens[0] = 3;
	opens[1] = 5;
	for (i = 0; i < 6; i++)
		comes(false);
	assert_true(held_turn(&h, on_packet, NULL));
	/* Before the changes: what came before the first that opens. */
	assert_true(held_release(&h, false, &r));
	assert_int_equal(r.last, 2);
	assert_int_equal(r.n, 2);
	assert_false(held_release(&h, false, &r));
	/* Behind them: all others, in order. */
	assert_true(held_release(&h, true, &r));
	assert_int_equal(r.last, 6);
	assert_int_equal(r.n, 4);
	assert_false(held_release(&h, true, &r));
	assert_false(held_turn(&h, on_packet, NULL));
	assert_false(held_release(&h, true, &r));
}

static void
a_turn_has_its_bounds(void **state)
{
	struct held h = { .queue = &queue };
	struct ipc_release r;
	int i;

	(void)state;
	memset(opens, 0, sizeof(opens));
	for (i = 0; i < IPC_HELD + 1; i++)
		comes(false);
	assert_true(held_turn(&h, on_packet, NULL));
	assert_true(held_release(&h, false, &r));
	assert_int_equal(r.n, IPC_HELD);
	assert_int_equal(r.last, IPC_HELD);
	assert_true(held_turn(&h, on_packet, NULL));
	assert_true(held_release(&h, true, &r));
	assert_int_equal(r.n, 1);
}

static void
numbers_that_are_missing_have_passed(void **state)
{
	struct held h = { .queue = &queue };
	struct ipc_release r;

	(void)state;
	kernel.last = 10;
	comes(false);
	kernel.last += 4;
	kernel.unread[kernel.nunread++] = 0; /* an error is no packet */
	comes(false);
	assert_true(held_turn(&h, on_packet, NULL));
	assert_int_equal(h.packets, 2);
	assert_int_equal(h.missed, 4);
	assert_true(held_release(&h, true, &r));
	/* Another queue, with numbers of its own. */
	memset(&kernel, 0, sizeof(kernel));
	comes(false);
	assert_true(held_turn(&h, on_packet, NULL));
	assert_int_equal(h.missed, 4);
}

static void
numbers_that_are_missing_were_dropped(void **state)
{
	struct packetq closed = queue;
	struct held h = { .queue = &closed };

	(void)state;
	closed.open = false;
	comes(false);
	kernel.last += 4;
	comes(false);
	assert_true(held_turn(&h, on_packet, NULL));
	assert_int_equal(h.packets, 2);
	assert_int_equal(h.missed, 0);
}

static const struct conf_inline settings = { true, 5060, 20, true };

static void
packets_go_with_the_commit(void **state)
{
	struct ipc_release ask = { .n = 1, .last = 1 };
	struct fwcounters n = { 0 };
	struct release r;

	(void)state;
	release_init(&r, &queue, &settings, &n);
	comes(true);
	comes(true);
	release_ask(&r, &ask);
	(void)release_run(&r, false, INT64_MAX);
	assert_true(kernel.waits[1]);
	ask.last = 2;
	release_ask(&r, &ask);
	(void)release_run(&r, true, INT64_MAX);
	assert_false(kernel.waits[1] || kernel.waits[2]);
	assert_true(kernel.passed);
	assert_int_equal(kernel.verdicts, 1);
	assert_int_equal(n.held_released, 2);
	(void)release_run(&r, true, INT64_MAX);
	assert_int_equal(kernel.verdicts, 1);
	/* An engine cannot make us write beyond our array. */
	ask.n = IPC_HELD;
	release_ask(&r, &ask);
	release_ask(&r, &ask);
	assert_int_equal(r.nsince, IPC_HELD);
	(void)release_run(&r, true, INT64_MAX);
	assert_int_equal(n.held_released, 2 + 2 * IPC_HELD);
}

/* What the watch has counted is told once; when it looks again, in time. */
static void
a_run_counts_and_says_when_to_come(void **state)
{
	struct fwcounters n = { 0 };
	struct release r;
	int64_t at;

	(void)state;
	release_init(&r, &queue, &settings, &n);
	r.watch.expired = 5;
	r.watch.dropped = 3;
	at = release_run(&r, true, 123);
	assert_int_equal(at, 123);
	assert_int_equal(n.held_expired, 5);
	assert_int_equal(n.held_dropped, 3);
	(void)release_run(&r, true, 123);
	r.watch.expired += 2;
	(void)release_run(&r, true, 123);
	r.watch.dropped += 4;
	(void)release_run(&r, true, 123);
	assert_int_equal(n.held_expired, 7);
	assert_int_equal(n.held_dropped, 7);
	assert_int_equal(n.held_released, 0);
	/* A packet waits. */
	comes(true);
	queuewatch_wake(&r.watch, clock_now());
	at = release_run(&r, true, INT64_MAX);
	assert_in_range(at, clock_now() - 60000 * MS, clock_now() + 1000 * MS);
	assert_int_equal(release_run(&r, true, 7), 7);
}

/* The engine was stopped, and asks for packets that have gone. */
static void
what_expired_is_not_released(void **state)
{
	struct ipc_release ask = { .n = 4, .last = 4 };
	struct fwcounters n = { 0 };
	struct release r;
	int64_t t;

	(void)state;
	release_init(&r, &queue, &settings, &n);
	comes(true);
	comes(true);
	comes(true);
	queuewatch_wake(&r.watch, 0);
	for (t = 0; t < 40 && kernel.verdicts == 0; t++)
		(void)queuewatch_run(&r.watch, t * MS);
	assert_int_equal(r.watch.expired, 3);
	comes(true);
	release_ask(&r, &ask);
	(void)release_run(&r, true, INT64_MAX);
	assert_false(kernel.waits[4]);
	assert_int_equal(n.held_released, 1);
	assert_int_equal(histogram_count(&n.held), 1);
	/* All of them. */
	ask.last = 3;
	ask.n = 3;
	release_ask(&r, &ask);
	(void)release_run(&r, true, INT64_MAX);
	assert_int_equal(n.held_released, 1);
}

/* When the packet that comes at `at` ms goes, if nobody lets it go. */
static int64_t
goes_after(struct queuewatch *w, int64_t at)
{
	int64_t t, next = 0;
	uint32_t id = 0;

	for (t = 0; t < 200; t++) {
		if (t == at) {
			comes(true);
			id = kernel.last;
			if (queuewatch_socket(w, 0)->fd != -1)
				queuewatch_wake(w, t * MS);
		}
		if (t * MS >= next)
			next = queuewatch_run(w, t * MS);
		if (t > at && !kernel.waits[id])
			return t - at;
	}
	return -1;
}

static void
none_waits_for_longer_than_it_may(void **state)
{
	struct queuewatch w;
	int64_t at, after;

	(void)state;
	for (at = 0; at < 25; at++) {
		memset(&kernel, 0, sizeof(kernel));
		queuewatch_init(&w, &queue, 20, true);
		comes(true); /* one before it has begun the questions */
		queuewatch_wake(&w, 0);
		after = goes_after(&w, at);
		assert_in_range(after, 15, 20);
		assert_true(kernel.passed);
		assert_int_equal(w.expired, 2);
	}
	memset(&kernel, 0, sizeof(kernel));
	queuewatch_init(&w, &queue, 20, false);
	assert_in_range(goes_after(&w, 0), 15, 20);
	assert_false(kernel.passed);
}

/* However often it is woken: an engine may say that something waits. */
static void
waking_does_not_put_it_off(void **state)
{
	struct queuewatch w;
	int64_t t, next = 0, gone = -1;

	(void)state;
	queuewatch_init(&w, &queue, 20, true);
	comes(true);
	for (t = 0; t < 40 && gone == -1; t++) {
		queuewatch_wake(&w, t * MS);
		if (t * MS >= next)
			next = queuewatch_run(&w, t * MS);
		if (!kernel.waits[1])
			gone = t;
	}
	assert_in_range(gone, 15, 20);
	assert_int_equal(w.expired, 1);
}

/* Four questions within the time that a packet may wait. */
static void
a_question_comes_when_it_is_due(void **state)
{
	static const uint32_t holds[] = { 20, 1, 100 };
	struct queuewatch w;
	int64_t step, t;
	size_t i;
	int k;

	for (i = 0; i < ROWS(holds); i++) {
		setup(state);
		step = holds[i] * (int64_t)MS / 4;
		assert_int_equal(queuewatch_attention(holds[i]), 64 * step);
		queuewatch_init(&w, &queue, holds[i], true);
		assert_true(w.asleep && w.queue == &queue && w.pass &&
		    w.at == 0 && w.known == 0 && w.socket[0].fd == -1 &&
		    w.socket[1].fd == -1);
		/* Asleep, it looks once a second. */
		assert_int_equal(queuewatch_run(&w, 7), 7 + 1000 * MS);
		assert_int_equal(kernel.questions, 1);
		assert_int_equal(queuewatch_run(&w, 7 + 1000 * MS - 1),
		    7 + 1000 * MS);
		assert_int_equal(kernel.questions, 1);
		t = 7 + 1000 * MS;
		assert_int_equal(queuewatch_run(&w, t), t + 1000 * MS);
		assert_int_equal(kernel.questions, 2);
		comes(true);
		queuewatch_wake(&w, t);
		assert_int_equal(w.at, t + step);
		for (k = 1; k <= 4; k++) {
			assert_int_equal(queuewatch_run(&w, t + step - 1),
			    t + step);
			assert_int_equal(kernel.questions, 1 + k);
			t += step;
			assert_true(kernel.waits[1]);
			assert_int_equal(queuewatch_run(&w, t), t + step);
			assert_int_equal(kernel.questions, 2 + k);
			assert_int_equal(w.known, k < 3 ? k : 3);
			assert_int_equal(w.gone_known, k == 4);
		}
		assert_false(kernel.waits[1]);
		assert_true(w.gone == 1 && w.expired == 1);
		/* One that comes late counts once. */
		assert_int_equal(queuewatch_run(&w, t + 9 * step),
		    t + 10 * step);
		assert_int_equal(kernel.questions, 7);
		/* After 65 that found nothing new, it sleeps. */
		for (k = 4; k < 65; k++) {
			assert_int_equal(w.quiet, k);
			assert_false(w.asleep);
			(void)queuewatch_run(&w, w.at);
		}
		assert_true(w.asleep && w.quiet == 65);
		/* Not while one waits that nobody has let go. */
		setup(state);
		queuewatch_init(&w, &queue, holds[i], true);
		queuewatch_wake(&w, 0);
		for (k = 0; k < 100; k++) {
			kernel.waits[0] = true;
			(void)queuewatch_run(&w, w.at);
		}
		assert_false(w.asleep);
	}
}

/* Of those that wait, as many as came later are let be. */
static void
what_came_later_is_not_counted(void **state)
{
	/* clang-format off */
	static const struct {
		int first, later;	/* that come at once, and at the end */
		int read;		/* of the first that others let go */
		uint64_t expired;
	} rows[] = {
		{ 3, 0, 0, 3 }, { 3, 2, 0, 3 }, { 3, 2, 1, 2 },
		{ 3, 2, 3, 0 }, { 1, 5, 1, 0 }, { 5, 1, 4, 1 },
	};
	/* clang-format on */
	struct queuewatch w;
	size_t i;
	int k;

	for (i = 0; i < ROWS(rows); i++) {
		setup(state);
		queuewatch_init(&w, &queue, 20, true);
		queuewatch_wake(&w, 0);
		for (k = 0; k < rows[i].first; k++)
			comes(true);
		for (k = 0; k < 3; k++)
			(void)queuewatch_run(&w, w.at);
		for (k = 0; k < rows[i].later; k++)
			comes(true);
		for (k = 0; k < rows[i].read; k++)
			kernel.waits[k + 1] = false;
		(void)queuewatch_run(&w, w.at);
		assert_int_equal(w.expired, rows[i].expired);
		for (k = 1; k <= rows[i].first; k++)
			assert_false(kernel.waits[k]);
		for (; k <= rows[i].first + rows[i].later; k++)
			assert_true(kernel.waits[k]);
		assert_int_equal(kernel.verdicts,
		    rows[i].first + rows[i].later > rows[i].read);
	}
}

/* The engine reads and releases while we look. */
static void
what_others_let_go_is_not_counted(void **state)
{
	struct queuewatch w;
	int64_t t, next = 0;

	(void)state;
	kernel.others = true;
	queuewatch_init(&w, &queue, 20, true);
	queuewatch_wake(&w, 0);
	for (t = 0; t < 100; t++) {
		comes(true);
		if (t * MS >= next)
			next = queuewatch_run(&w, t * MS);
	}
	assert_in_range(kernel.verdicts, 10, 20);
	/* But for the first, which nobody let go before. */
	assert_in_range(w.expired, 1, 6);
}

static void
it_asks_seldom_while_nothing_comes(void **state)
{
	struct queuewatch w;
	int64_t t, next = 0;

	(void)state;
	queuewatch_init(&w, &queue, 20, true);
	for (t = 0; t < 10000; t++)
		if (t * MS >= next)
			next = queuewatch_run(&w, t * MS);
	assert_in_range(kernel.questions, 9, 11);
	assert_int_equal(queuewatch_socket(&w, 0)->fd, 7);
	/* A packet that somebody has read before we saw it. */
	comes(true);
	for (; t < 11100; t++)
		if (t * MS >= next)
			next = queuewatch_run(&w, t * MS);
	assert_false(kernel.waits[1]);
	/* After a while without packets it sleeps again, and not before. */
	comes(true);
	queuewatch_wake(&w, t * MS);
	for (next = 0; t < 11100 + queuewatch_attention(20) / MS; t++)
		if (t * MS >= next)
			next = queuewatch_run(&w, t * MS);
	assert_int_equal(queuewatch_socket(&w, 0)->fd, -1);
	/* The next question but one is the last. */
	for (; t < 11100 + queuewatch_attention(20) / MS + 10; t++) {
		if (t * MS >= next)
			next = queuewatch_run(&w, t * MS);
		assert_int_equal(queuewatch_socket(&w, 0)->fd, -1);
	}
	(void)queuewatch_run(&w, t * MS);
	assert_int_equal(queuewatch_socket(&w, 0)->fd, 7);
	for (; t < 13000; t++)
		if (t * MS >= next)
			next = queuewatch_run(&w, t * MS);
	assert_int_equal(queuewatch_socket(&w, 0)->fd, 7);
	/* Without a queue there is nothing to watch. */
	queuewatch_init(&w, &none, 20, true);
	assert_int_equal(queuewatch_socket(&w, 0)->fd, -1);
	assert_true(queuewatch_run(&w, 0) == INT64_MAX);
}

static void
who_carries_waits_for_packets_all_the_time(void **state)
{
	struct queuewatch w;

	(void)state;
	queuewatch_init(&w, &queue, 20, true);
	assert_int_equal(queuewatch_socket(&w, 1)->fd, 8);
	queuewatch_wake(&w, 0);
	assert_int_equal(queuewatch_socket(&w, 0)->fd, -1);
	assert_int_equal(queuewatch_socket(&w, 1)->fd, -1);
	assert_int_equal(kernel.carried, 0);
	w.carrier = true;
	assert_int_equal(queuewatch_socket(&w, 0)->fd, 7);
	assert_int_equal(queuewatch_socket(&w, 1)->fd, 8);
	queuewatch_wake(&w, 1);
	queuewatch_wake(&w, 2);
	assert_int_equal(kernel.carried, 2);
}

static void
what_the_kernel_dropped_is_counted(void **state)
{
	struct queuewatch w;
	int64_t t, next = 0;

	(void)state;
	kernel.dropped = 5; /* before our time */
	queuewatch_init(&w, &queue, 20, false);
	queuewatch_wake(&w, 0);
	for (t = 0; t < 100; t++) {
		kernel.dropped += t == 50;
		if (t * MS >= next)
			next = queuewatch_run(&w, t * MS);
	}
	assert_int_equal(w.dropped, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_opens_nothing_goes_first, setup),
		cmocka_unit_test_setup(a_turn_has_its_bounds, setup),
		cmocka_unit_test_setup(numbers_that_are_missing_have_passed,
		    setup),
		cmocka_unit_test_setup(numbers_that_are_missing_were_dropped,
		    setup),
		cmocka_unit_test_setup(packets_go_with_the_commit, setup),
		cmocka_unit_test_setup(a_run_counts_and_says_when_to_come,
		    setup),
		cmocka_unit_test_setup(what_expired_is_not_released, setup),
		cmocka_unit_test_setup(none_waits_for_longer_than_it_may,
		    setup),
		cmocka_unit_test_setup(waking_does_not_put_it_off, setup),
		cmocka_unit_test_setup(a_question_comes_when_it_is_due, setup),
		cmocka_unit_test_setup(what_came_later_is_not_counted, setup),
		cmocka_unit_test_setup(what_others_let_go_is_not_counted,
		    setup),
		cmocka_unit_test_setup(it_asks_seldom_while_nothing_comes,
		    setup),
		cmocka_unit_test_setup(
		    who_carries_waits_for_packets_all_the_time, setup),
		cmocka_unit_test_setup(what_the_kernel_dropped_is_counted,
		    setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
