/* SPDX-License-Identifier: ISC */
/*
 * The engine process and packets that wait: when it wakes those that watch the
 * queue, and which packets go before and behind the pinholes.
 */
#include <string.h>

#include "src/base/timers.h"
#include "tests/unit/process_play.h"

#define HOLD_MS 1000
/* Half of the time after which those that watch the queue fall asleep. */
#define WAKE_US (64 * (HOLD_MS * INT64_C(1000) / 4) / 2)

static int
begin_held(void **state)
{
	if (begin(state) != 0)
		return -1;
	conf->sip.inline_ = true;
	conf->inline_.hold_ms = HOLD_MS;
	queue.fd = fake_capture_queue();
	queue.open = true;
	return 0;
}

/* Messages of a call, which wait with these numbers. */
static void
invited(uint32_t number, unsigned int n, int64_t stamp, bool silent)
{
	struct wire w = sip_wire(false, "INVITE sip:x SIP/2.0", "1 INVITE", n,
	    (uint16_t)(4000 + 2 * n), stamp);

	fake_capture_hold(&w, number, silent);
}

static void
accepted(uint32_t number, unsigned int n, int64_t stamp, bool silent)
{
	struct wire w = sip_wire(true, "SIP/2.0 200 OK", "1 INVITE", n,
	    (uint16_t)(10000 + 2 * n), stamp);

	fake_capture_hold(&w, number, silent);
}

/* So many packets may go, up to this number, the first of them since then. */
static void
released(uint32_t n, uint32_t last, int64_t since)
{
	uint32_t i;

	expect(&fw, IPC_RELEASE);
	assert_int_equal(msg.u.release.n, n);
	assert_int_equal(msg.u.release.last, last);
	for (i = 0; i < n; i++)
		assert_int_equal(msg.u.release.since[i], since + i);
}

static void
done(const char *want)
{
	assert_string_equal(fake_capture_done(PATIENCE), want);
}

static void
packets_go_before_and_behind_the_pinholes(void **state)
{
	(void)state;
	start();
	/* All of one turn: the third opens, and the last, too. */
	invited(11, 1, 1000, false);
	invited(12, 2, 1001, false);
	accepted(13, 1, 1002, false);
	invited(14, 3, 1003, false);
	accepted(15, 2, 1004, false);
	link_it();
	expect(&fw, IPC_WAITS);
	expect(&monitor, IPC_WAITS);
	released(2, 12, 1000);
	/* The stamp is that of the first packet that opened something. */
	commits(FW_OPEN, 4, 1002);
	released(3, 15, 1002);
	done("held 11");
	done("held 12");
	done("held 13");
	done("held 14");
	done("held 15");
	/* What opens nothing goes at once, and needs no commit. */
	invited(16, 4, 2000, false);
	released(1, 16, 2000);
	/* The numbers 17 and 18 never came. */
	accepted(19, 3, 3000, false);
	commits(FW_OPEN, 2, 3000);
	released(1, 19, 3000);
	tell(&monitor, IPC_REPORT, -1);
	await_log("engine: inline_packets 7\n");
	await_log("engine: inline_bypassed 2\n");
	quit(true, 0);
}

/* Only after a silence do those that watch the queue have to be woken. */
static void
a_silence_ends_with_a_word_to_those_that_watch(void **state)
{
	(void)state;
	start();
	link_it();
	invited(1, 1, 1000, false);
	expect(&fw, IPC_WAITS);
	expect(&monitor, IPC_WAITS);
	released(1, 1, 1000);
	wire(WIRE_CLOCK, WAKE_US - 1 * USEC_PER_SEC);
	dispatched("dispatch one of 64: 1");
	invited(2, 2, 2000, false);
	/* A turn in which nothing waits is one, too: the capture's. */
	released(1, 2, 2000);
	wire(WIRE_CLOCK, WAKE_US + 1);
	expect(&fw, IPC_WAITS);
	expect(&monitor, IPC_WAITS);
	invited(3, 3, 3000, false);
	released(1, 3, 3000);
	quit(true, 0);
}

/* What the capture has is read first, and what waits with it. */
static void
a_turn_of_the_capture_is_one_of_the_queue(void **state)
{
	struct wire w =
	    sip_wire(false, "INVITE sip:x SIP/2.0", "1 INVITE", 1, 4000, 1000);

	(void)state;
	start();
	/* Nothing says that it waits. */
	accepted(5, 1, 1001, true);
	fake_capture_wire(&w);
	link_it();
	expect(&fw, IPC_WAITS);
	done("dispatch one of 64: 1");
	done("held 5");
	commits(FW_OPEN, 2, 1001);
	released(1, 5, 1001);
	quit(false, 0);
	commits(FW_CLOSE, 2, 0);
}

/* Pinholes that close in a turn of the queue close soon, without a timer. */
static void
a_turn_of_the_queue_is_settled(void **state)
{
	struct wire w;

	(void)state;
	start();
	link_it();
	invited(1, 1, 1000, false);
	expect(&fw, IPC_WAITS);
	released(1, 1, 1000);
	accepted(2, 1, 1001, false);
	commits(FW_OPEN, 2, 1001);
	released(1, 2, 1001);
	w = sip_wire(false, "BYE sip:x SIP/2.0", "2 BYE", 1, 0, 1002);
	fake_capture_hold(&w, 3, false);
	released(1, 3, 1002);
	w = sip_wire(true, "SIP/2.0 200 OK", "2 BYE", 1, 0, 1003);
	fake_capture_hold(&w, 4, false);
	released(1, 4, 1003);
	commits(FW_CLOSE, 2, 0);
	quit(true, 0);
}

/* A turn takes so many, and the next turn comes by itself. */
static void
a_turn_of_the_queue_has_an_end(void **state)
{
	uint32_t i;

	(void)state;
	start();
	for (i = 1; i <= IPC_HELD + 2; i++)
		invited(i, i, 1000 + i, false);
	link_it();
	expect(&fw, IPC_WAITS);
	released(IPC_HELD, IPC_HELD, 1001);
	released(2, IPC_HELD + 2, 1001 + IPC_HELD);
	quit(true, 0);
}

#define HELD(f) cmocka_unit_test_setup_teardown(f, begin_held, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HELD(packets_go_before_and_behind_the_pinholes),
		HELD(a_silence_ends_with_a_word_to_those_that_watch),
		HELD(a_turn_of_the_capture_is_one_of_the_queue),
		HELD(a_turn_of_the_queue_is_settled),
		HELD(a_turn_of_the_queue_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
