/* SPDX-License-Identifier: ISC */
/*
 * When the engine process looks again: at the earliest of all that is due, and
 * no oftener than a clock ticks.
 */
#include <poll.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/engine/outbox.h"
#include "src/process/checkpoint.h"
#include "tests/unit/process_play.h"

static void
begin_still(void)
{
	start();
	link_it();
	wire(WIRE_STILL, 0);
	await_timer(1 * USEC_PER_SEC);
}

/* The clock moves, and the process has seen it. */
static void
later(int64_t us)
{
	while (fake_capture_done(20)[0] != '\0')
		continue;
	wire(WIRE_CLOCK, us);
	assert_string_equal(fake_capture_done(PATIENCE),
	    "dispatch one of 64: 1");
}

static void
the_capture_says_when(void **state)
{
	static const struct {
		int64_t due, timer;
	} rows[] = { { 20000, 20000 }, { 20001, 24000 }, { 23999, 24000 },
		{ 16000, 16000 }, { 4000, 4000 }, { 400001, 404000 },
		{ 999999, 1000000 }, { 500000, 500000 }, { 1000001, 1000000 },
		{ 400000, 400000 }, { 9000000, 1000000 } };
	size_t i;

	(void)state;
	begin_still();
	for (i = 0; i < ROWS(rows); i++) {
		wire(WIRE_DUE, rows[i].due);
		await_timer(rows[i].timer);
	}
	quit(true, 0);
}

/* Pinholes that close alone wait for others, for so long. */
static void
what_closes_says_when(void **state)
{
	(void)state;
	begin_still();
	call(1, 1000);
	commits(FW_OPEN, 2, 1001);
	await_timer(1 * USEC_PER_SEC);
	hang_up(1, 2000);
	await_timer(OUTBOX_WITHIN);
	later(OUTBOX_WITHIN - 1);
	tell(&monitor, IPC_REPORT, -1);
	await_log("engine: captured 11\n");
	assert_int_equal(ipc_recv(&fw, &msg, &(int) { 0 }), PH_EAGAIN);
	later(1);
	commits(FW_CLOSE, 2, 0);
	/* What the call has become is to be written next. */
	await_timer(CHECKPOINT_WITHIN - OUTBOX_WITHIN);
	quit(true, 0);
}

/* A call that waits to be written, and the timeout of a transfer. */
static void
what_is_followed_says_when(void **state)
{
	struct wire w = { .kind = WIRE_TCP,
		.stamp = 7000,
		.src = { addr_v4(192, 0, 2, 10), 40000 },
		.dst = { addr_v4(198, 51, 100, 7), 21 },
		.dir = PKT_IN,
		.text = "PORT 192,0,2,10,156,64\r\n" };

	(void)state;
	begin_still();
	sip(false, "INVITE sip:x SIP/2.0", "1 INVITE", 1, 4000, 1000);
	await_timer(CHECKPOINT_WITHIN);
	later(CHECKPOINT_WITHIN);
	await_timer(1 * USEC_PER_SEC);
	w.len = (uint32_t)strlen(w.text);
	fake_capture_wire(&w);
	commits(FW_OPEN, 1, 7000);
	/* The default of `timeout` is two seconds. */
	later(1200000);
	await_timer(800000);
	later(799999);
	await_timer(4000);
	later(1);
	await_timer(OUTBOX_WITHIN);
	later(OUTBOX_WITHIN);
	commits(FW_CLOSE, 1, 0);
	quit(true, 0);
}

/* A connection that moved on takes the calls along, for both are of one time.
 */
static void
a_connection_that_changed_is_not_kept_waiting(void **state)
{
	struct wire w = { .kind = WIRE_KEEP, .text = "connection" };

	(void)state;
	begin_still();
	sip(false, "INVITE sip:x SIP/2.0", "1 INVITE", 1, 4000, 1000);
	await_timer(CHECKPOINT_WITHIN);
	fake_capture_wire(&w);
	await_timer(1 * USEC_PER_SEC);
	quit(true, 0);
}

/* What the kernel drops is looked at each ten seconds. */
static void
drops_are_told_in_time(void **state)
{
	(void)state;
	begin_still();
	later(20 * USEC_PER_SEC);
	wire(WIRE_DROPS, 5);
	later(10 * USEC_PER_SEC - 1);
	later(0);
	assert_null(strstr(logged(), "the kernel dropped"));
	later(1);
	await_log("the kernel dropped 5 packets");
	wire(WIRE_DROPS, 6);
	later(10 * USEC_PER_SEC - 1);
	later(0);
	assert_null(strstr(logged(), "the kernel dropped 1"));
	later(1);
	await_log("the kernel dropped 1 packets");
	quit(true, 0);
}

/* And interfaces each second. */
static void
interfaces_are_looked_at_in_time(void **state)
{
	(void)state;
	begin_still();
	later(2 * USEC_PER_SEC);
	wire(WIRE_MOVED, 0);
	later(USEC_PER_SEC - 1);
	later(0);
	assert_null(strstr(logged(), "was made anew"));
	wire(WIRE_CLOCK, 1);
	assert_int_equal(exit_status(), 0);
	assert_non_null(strstr(logged(), "an interface was made anew"));
}

/* At once after each message, not only when the timer is over. */
static void
each_message_is_followed_by_a_look(void **state)
{
	int64_t begun = clock_now();
	unsigned int before;
	int i;

	(void)state;
	begin_still();
	for (i = 0; i < 20; i++) {
		before = timers_set();
		tell(&fw, IPC_SEEN_FROM, -1);
		while (timers_set() == before)
			(void)poll(NULL, 0, 1);
	}
	/* By the timer alone this takes a second each. */
	assert_true(clock_now() - begun < 15 * USEC_PER_SEC);
	quit(true, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_capture_says_when),
		CASE(what_closes_says_when),
		CASE(what_is_followed_says_when),
		CASE(a_connection_that_changed_is_not_kept_waiting),
		CASE(drops_are_told_in_time),
		CASE(interfaces_are_looked_at_in_time),
		CASE(each_message_is_followed_by_a_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
