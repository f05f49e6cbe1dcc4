/* SPDX-License-Identifier: ISC */
/* What the monitor does when: starts, deaths, reloads, and both ways to end. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/monitor_thread.h"

static struct listeners inherited;

#define WITH_PROXY "tftp { proxy on 127.0.0.1 port 1 }\n"

static void
at_the_start_all_are_linked_together(void **state)
{
	(void)state;
	begin(WITH_PROXY);
	assert_int_equal(nkids, 3);
	assert_false(kid(FW)->adopt);
	assert_int_equal(until, now + 20 * USEC_PER_SEC);
	ready(FW);
	ready(ENGINE);
	TOLD(FW, "");
	TOLD(ENGINE, "");
	assert_string_equal(events(), "");
	ready(PROXY);
	TOLD(FW, "client0 client1 ");
	TOLD(ENGINE, "fw ");
	TOLD(PROXY, "fw ");
	assert_string_equal(events(), "ready ");
	assert_int_equal(nkids, 3);
	/* The journals are saved soon. */
	assert_int_equal(until, now + USEC_PER_SEC);
	stop(true);
}

static void
a_death_at_the_start_ends_it(void **state)
{
	(void)state;
	begin(WITH_PROXY);
	ready(FW);
	die(kid(PROXY), 1 << 8);
	assert_string_equal(events(), "stopping ");
	TOLD(ENGINE, "quit0 ");
	die(kid(ENGINE), 0);
	TOLD(FW, "quit0 ");
	assert_int_equal(nkids, 3);
	die(kid(FW), 0);
	end(2);
}

static void
who_dies_is_started_again(void **state)
{
	(void)state;
	begin_running(WITH_PROXY);
	TOLD(PROXY, "fw ");
	die(kid(ENGINE), SIGSEGV);
	assert_int_equal(nkids, 4);
	TOLD(FW, "");
	ready(ENGINE);
	TOLD(FW, "client0 ");
	TOLD(ENGINE, "fw ");
	/* The next time it waits. */
	die(kid(ENGINE), SIGSEGV);
	assert_int_equal(nkids, 4);
	assert_int_equal(until, now + USEC_PER_SEC / 10);
	now = until - 1;
	turn();
	assert_int_equal(nkids, 4);
	now++;
	turn();
	assert_int_equal(nkids, 5);
	ready(ENGINE);
	TOLD(FW, "client0 ");
	TOLD(ENGINE, "fw ");
	/* All others are linked with another firewall process. */
	die(kid(FW), SIGSEGV);
	assert_int_equal(nkids, 6);
	assert_true(kid(FW)->adopt);
	TOLD(ENGINE, "");
	ready(FW);
	TOLD(FW, "client0 client1 ");
	TOLD(ENGINE, "fw ");
	TOLD(PROXY, "fw ");
	assert_string_equal(events(), "");
	stop(true);
}

/* The kernel may refuse a process: likewise. */
static void
who_cannot_be_started_is_tried_again(void **state)
{
	(void)state;
	begin_running("");
	failing = true;
	die(kid(ENGINE), SIGSEGV);
	assert_int_equal(nkids, 2);
	failing = false;
	now = until;
	turn();
	assert_int_equal(nkids, 3);
	ready(ENGINE);
	TOLD(ENGINE, "fw ");
	TOLD(FW, "client0 ");
	stop(false);
}

static void
who_takes_too_long_is_killed(void **state)
{
	(void)state;
	begin_running("");
	die(kid(ENGINE), SIGSEGV);
	now += 20 * USEC_PER_SEC - 1;
	turn();
	assert_false(kid(ENGINE)->killed);
	assert_int_equal(until, now + 1);
	now++;
	turn();
	assert_true(kid(ENGINE)->killed);
	assert_false(kid(FW)->killed);
	assert_true(until > now);
	die(kid(ENGINE), SIGKILL);
	now += 20 * USEC_PER_SEC;
	turn();
	ready(ENGINE);
	(void)told(kid(ENGINE));
	(void)told(kid(FW));
	/* At the end, too. */
	signal_sent(SIGTERM);
	assert_int_equal(until, now + 10 * USEC_PER_SEC);
	now = until;
	turn();
	assert_true(kid(ENGINE)->killed);
	die(kid(ENGINE), SIGKILL);
	now += 30 * USEC_PER_SEC;
	turn();
	assert_true(kid(FW)->killed);
	die(kid(FW), SIGKILL);
	end(0);
}

static void
a_reload_changes_places(void **state)
{
	struct kid *fw, *engine, *proxy, *status;

	(void)state;
	begin_running("status { listen on 127.0.0.1 port 1 }\n" WITH_PROXY);
	fw = kid(FW);
	engine = kid(ENGINE);
	proxy = kid(PROXY);
	status = kid(STATUS);
	(void)told(proxy);
	assert_non_null(status);
	say(status, IPC_READY);
	turn();
	(void)told(status);
	(void)told(engine);
	(void)told(proxy);
	signal_sent(SIGHUP);
	assert_string_equal(events(), "reloading ");
	/* The firewall process last. */
	assert_int_equal(nkids, 6);
	assert_ptr_equal(kid(FW), fw);
	ready(PROXY);
	assert_int_equal(nkids, 6);
	ready(ENGINE);
	assert_int_equal(nkids, 7);
	assert_true(kid(FW)->adopt);
	assert_string_equal(told(engine), "");
	assert_string_equal(told(fw), "yield1 ");
	ready(FW);
	assert_string_equal(told(engine), "quit1 ");
	assert_string_equal(told(proxy), "leave ");
	assert_string_equal(told(fw), "");
	die(engine, 0);
	assert_string_equal(told(fw), "");
	/* Nothing is linked as long as others may change the filter. */
	TOLD(FW, "");
	assert_string_equal(events(), "");
	die(proxy, 0);
	assert_string_equal(told(fw), "quit1 ");
	assert_int_equal(freed, 0);
	die(fw, 0);
	assert_int_equal(freed, 1);
	assert_string_equal(events(), "ready ");
	TOLD(FW, "client0 client1 ");
	assert_non_null(strstr(told(kid(ENGINE)), "fw "));
	assert_ptr_equal(kid(STATUS), status);
	assert_null(strstr(told(status), "quit"));
	assert_int_equal(nkids, 7);
	signal_sent(SIGTERM);
	assert_string_equal(told(status), "quit0 ");
	die(kid(STATUS), 0);
	die(kid(ENGINE), 0);
	die(kid(PROXY), 0);
	die(kid(FW), 0);
	end(0);
}

static void
a_reload_may_fail(void **state)
{
	struct kid *engine;
	int n;

	(void)state;
	begin_running("");
	engine = kid(ENGINE);
	strlcat(config, "nonsense\n", sizeof(config));
	signal_sent(SIGHUP);
	assert_string_equal(events(), "reloading ready ");
	assert_int_equal(nkids, 2);
	snprintf(config, sizeof(config), CONFIG "user nobody-at-all\n");
	signal_sent(SIGHUP);
	assert_string_equal(events(), "reloading ready ");
	assert_int_equal(nkids, 2);
	/* A process that does not come up. */
	snprintf(config, sizeof(config), CONFIG WITH_PROXY);
	signal_sent(SIGHUP);
	assert_int_equal(nkids, 4);
	ready(PROXY);
	n = nkids;
	die(kid(ENGINE), 1 << 8);
	assert_int_equal(nkids, n);
	assert_true(kid(PROXY)->killed);
	assert_int_equal(waited, 1);
	assert_false(engine->killed);
	assert_string_equal(events(), "reloading ready ");
	assert_string_equal(told(engine), "");
	assert_non_null(strstr(told(&kids[0]), "yield0 "));
	/* And one while it is to stop. */
	snprintf(config, sizeof(config), CONFIG);
	signal_sent(SIGHUP);
	assert_string_equal(events(), "reloading ");
	signal_sent(SIGTERM);
	assert_true(kid(ENGINE)->killed);
	assert_int_equal(waited, 2);
	assert_string_equal(events(), "stopping ready ");
	assert_string_equal(told(engine), "quit0 ");
	die(engine, 0);
	die(&kids[0], 0);
	end(0);
}

/* The processes of the next generation, once they are ready. */
static void
finish_reload(struct kid *fw, struct kid *engine)
{
	ready(ENGINE);
	ready(FW);
	die(engine, 0);
	assert_string_equal(told(fw), "yield1 quit1 ");
	die(fw, 0);
}

static void
one_reload_at_a_time_and_the_next_follows(void **state)
{
	struct kid *fw, *engine;

	(void)state;
	begin_running("");
	fw = kid(FW);
	engine = kid(ENGINE);
	signal_sent(SIGHUP);
	signal_sent(SIGHUP);
	signal_sent(SIGHUP);
	assert_int_equal(nkids, 3);
	assert_string_equal(events(), "reloading ");
	finish_reload(fw, engine);
	assert_string_equal(events(), "ready reloading ");
	assert_int_equal(nkids, 5);
	engine = &kids[2];
	fw = &kids[3];
	assert_string_equal(told(fw), "client0 ");
	finish_reload(fw, engine);
	assert_string_equal(events(), "ready ");
	assert_int_equal(nkids, 6);
	(void)told(kid(FW));
	(void)told(kid(ENGINE));
	stop(false);
}

static void
without_a_firewall_process_the_end_starts_one(void **state)
{
	(void)state;
	begin_running("");
	die(kid(FW), SIGSEGV);
	die(kid(FW), SIGSEGV);
	assert_int_equal(nkids, 3);
	signal_sent(SIGTERM);
	assert_int_equal(nkids, 3);
	die(kid(ENGINE), 0);
	/* The new firewall process removes what is left, and adopts nothing. */
	assert_int_equal(nkids, 4);
	assert_false(kid(FW)->adopt);
	TOLD(FW, "");
	ready(FW);
	TOLD(FW, "quit0 ");
	die(kid(FW), 0);
	end(0);
	assert_int_equal(nkids, 4);
}

static void
leaving_keeps_what_is_open(void **state)
{
	(void)state;
	begin_running(WITH_PROXY);
	(void)told(kid(PROXY));
	signal_sent(SIGUSR2);
	assert_string_equal(events(), "stopping ");
	TOLD(ENGINE, "quit1 ");
	TOLD(PROXY, "quit0 ");
	signal_sent(SIGUSR2);
	signal_sent(SIGHUP);
	assert_string_equal(events(), "");
	die(kid(ENGINE), 0);
	die(kid(PROXY), 0);
	TOLD(FW, "quit1 ");
	die(kid(FW), 0);
	end(0);
	/* Without a firewall process none is started. */
	begin_running("");
	die(kid(FW), SIGSEGV);
	die(kid(FW), SIGSEGV);
	signal_sent(SIGUSR2);
	die(kid(ENGINE), 0);
	end(0);
	assert_int_equal(nkids, 3);
	/* TERM after that is meant. */
	begin_running("");
	signal_sent(SIGUSR2);
	signal_sent(SIGTERM);
	die(kid(ENGINE), 0);
	TOLD(FW, "quit0 ");
	die(kid(FW), 0);
	end(0);
}

static void
proxies_with_sessions_stay(void **state)
{
	struct kid *fw, *engine, *proxy;

	(void)state;
	begin_running(WITH_PROXY);
	fw = kid(FW);
	engine = kid(ENGINE);
	proxy = kid(PROXY);
	(void)told(proxy);
	signal_sent(SIGHUP);
	ready(PROXY);
	ready(ENGINE);
	ready(FW);
	assert_string_equal(told(proxy), "leave ");
	die(engine, 0);
	say(proxy, IPC_READY);
	turn();
	die(fw, 0);
	assert_string_equal(events(), "reloading ready ");
	/* The firewall process is linked before the others. */
	TOLD(FW, "client5 client0 client1 ");
	assert_string_equal(told(proxy), "fw ");
	die(kid(FW), SIGSEGV);
	ready(FW);
	TOLD(FW, "client5 client0 client1 ");
	assert_string_equal(told(proxy), "fw ");
	(void)told(kid(PROXY));
	/* Another engine is no reason to link it again. */
	die(kid(ENGINE), SIGSEGV);
	ready(ENGINE);
	TOLD(FW, "client0 ");
	assert_string_equal(told(proxy), "");
	(void)told(kid(ENGINE));
	signal_sent(SIGTERM);
	assert_string_equal(told(proxy), "quit0 ");
	die(kid(ENGINE), 0);
	die(kid(PROXY), 0);
	TOLD(FW, "");
	die(proxy, 0);
	TOLD(FW, "quit0 ");
	die(kid(FW), 0);
	end(0);
}

static void
counters_are_asked_of_those_that_have_them(void **state)
{
	(void)state;
	begin_running(WITH_PROXY);
	(void)told(kid(PROXY));
	signal_sent(SIGUSR1);
	TOLD(ENGINE, "report ");
	TOLD(PROXY, "report ");
	TOLD(FW, "");
	stop(true);
}

static void
for_one_service_it_ends_with_it(void **state)
{
	(void)state;
	begin_running(WITH_PROXY);
	(void)told(kid(PROXY));
	/* As a service that is always there: another follows. */
	die(kid(PROXY), 0);
	assert_int_equal(nkids, 4);
	ready(PROXY);
	(void)told(kid(PROXY));
	(void)told(kid(FW));
	opt.inherited = &inherited;
	die(kid(PROXY), SIGSEGV);
	now = until;
	turn();
	assert_string_equal(events(), "");
	die(kid(PROXY), 0);
	assert_string_equal(events(), "stopping ");
	die(kid(ENGINE), 0);
	die(kid(FW), 0);
	end(0);
}

/* The firewall process need not say anything, and the hung one does not. */
static void
who_hangs_is_killed(void **state)
{
	static const enum child_role roles[][2] = { { ENGINE, STATUS },
		{ STATUS, ENGINE } };
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(roles); i++) {
		const enum child_role hung = roles[i][0], well = roles[i][1];

		begin_running("status { listen on 127.0.0.1 port 1 }\n");
		ready(STATUS);
		now += 19 * USEC_PER_SEC;
		say(kid(hung), IPC_BEAT);
		say(kid(well), IPC_BEAT);
		turn();
		now += 19 * USEC_PER_SEC;
		say(kid(well), IPC_BEAT);
		turn();
		/* 20 seconds, and two for a machine that had stopped. */
		now += USEC_PER_SEC;
		turn();
		now += 2 * USEC_PER_SEC - 1;
		turn();
		assert_false(kid(hung)->killed);
		now++;
		turn();
		assert_true(kid(hung)->killed);
		assert_false(kid(well)->killed);
		assert_false(kid(FW)->killed);
		die(kid(hung), SIGKILL);
		ready(hung);
		signal_sent(SIGTERM);
		die(kid(STATUS), 0);
		die(kid(ENGINE), 0);
		die(kid(FW), 0);
		end(0);
	}
}

/* It hangs before it has said that it does not. */
static void
who_never_says_that_it_is_well_is_killed(void **state)
{
	(void)state;
	begin_running("");
	now += 20 * USEC_PER_SEC;
	turn();
	now += 2 * USEC_PER_SEC - 1;
	turn();
	assert_false(kid(ENGINE)->killed);
	now++;
	turn();
	assert_true(kid(ENGINE)->killed);
	assert_false(kid(FW)->killed);
	die(kid(ENGINE), SIGKILL);
	ready(ENGINE);
	(void)told(kid(ENGINE));
	(void)told(kid(FW));
	stop(false);
}

/* Its successor will be linked. */
static void
who_cannot_be_linked_is_killed(void **state)
{
	(void)state;
	begin_running("");
	die(kid(ENGINE), SIGSEGV);
	unpaired = true;
	ready(ENGINE);
	assert_true(kid(ENGINE)->killed);
	TOLD(FW, "");
	unpaired = false;
	die(kid(ENGINE), SIGKILL);
	now = until;
	turn();
	ready(ENGINE);
	assert_false(kid(ENGINE)->killed);
	TOLD(FW, "client0 ");
	TOLD(ENGINE, "fw ");
	stop(false);
}

static void
each_end_is_logged_as_it_was(void **state)
{
	(void)state;
	begin_running(WITH_PROXY);
	assert_string_equal(deaths(), "");
	die(kid(ENGINE), SIGSEGV);
	assert_non_null(strstr(deaths(), " is gone: "));
	ready(ENGINE);
	(void)told(kid(PROXY));
	signal_sent(SIGTERM);
	die(kid(ENGINE), 0);
	assert_string_equal(deaths(), "");
	die(kid(PROXY), 1 << 8);
	assert_non_null(strstr(deaths(), " did not end well: exit status 1;"));
	die(kid(FW), 0);
	end(0);
	assert_string_equal(deaths(), "");
}

/* An engine that was silent may have packets in its queue, a proxy none. */
static void
the_queue_is_looked_at_when_the_engine_says_so(void **state)
{
	int i;

	(void)state;
	begin_running(WITH_PROXY);
	(void)told(kid(PROXY));
	say(kid(ENGINE), IPC_WAITS);
	turn();
	assert_int_equal(woken, 1);
	say(kid(PROXY), IPC_WAITS);
	turn();
	assert_int_equal(woken, 1);
	/* Or when one of its two sockets does. */
	for (i = 0; i < 2; i++) {
		queue_ready = i;
		turn();
		assert_int_equal(woken, 2 + i);
	}
	stop(true);
}

/* Calls are kept for the next start unless this one has failed. */
static void
calls_are_saved_at_a_good_end(void **state)
{
	(void)state;
	begin("");
	die(kid(ENGINE), 1 << 8);
	die(kid(FW), 0);
	end(2);
	assert_int_equal(saves, 0);
	begin_running("");
	stop(false);
	assert_int_equal(saves, 1);
	assert_false(saved_to_leave);
	begin_running("");
	signal_sent(SIGUSR2);
	TOLD(ENGINE, "quit1 ");
	die(kid(ENGINE), 0);
	die(kid(FW), 0);
	end(0);
	assert_int_equal(saves, 1);
	assert_true(saved_to_leave);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_start_all_are_linked_together),
		cmocka_unit_test(a_death_at_the_start_ends_it),
		cmocka_unit_test(who_dies_is_started_again),
		cmocka_unit_test(who_cannot_be_started_is_tried_again),
		cmocka_unit_test(who_takes_too_long_is_killed),
		cmocka_unit_test(who_never_says_that_it_is_well_is_killed),
		cmocka_unit_test(who_cannot_be_linked_is_killed),
		cmocka_unit_test(each_end_is_logged_as_it_was),
		cmocka_unit_test(
		    the_queue_is_looked_at_when_the_engine_says_so),
		cmocka_unit_test(calls_are_saved_at_a_good_end),
		cmocka_unit_test(a_reload_changes_places),
		cmocka_unit_test(a_reload_may_fail),
		cmocka_unit_test(one_reload_at_a_time_and_the_next_follows),
		cmocka_unit_test(without_a_firewall_process_the_end_starts_one),
		cmocka_unit_test(leaving_keeps_what_is_open),
		cmocka_unit_test(proxies_with_sessions_stay),
		cmocka_unit_test(counters_are_asked_of_those_that_have_them),
		cmocka_unit_test(for_one_service_it_ends_with_it),
		cmocka_unit_test(who_hangs_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
